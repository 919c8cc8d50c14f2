/* Events, request keys, jobs, settings, meta. */
#include "io/store_impl.h"

#define VALUE_MAX SOTTO_STORE_VALUE_MAX
#define KEY_MAX SOTTO_STORE_KEY_MAX
#define PRUNE_STEP 10000u                   /* rows a call may remove: some tens of ms */

/* ---- events ---- */

enum sotto_err sotto_store_event_add(struct sotto_store *s, uint64_t *seq, const struct sotto_store_event *event)
{
    if (event->kind > 63) return SOTTO_ERR_RANGE;
    struct sotto_run r = sotto_run(s, SOTTO_SQL_EVENT_ADD);
    sotto_run_number(&r, 1, event->ms);
    sotto_run_number(&r, 2, event->account);
    sotto_run_number(&r, 3, event->kind);
    sotto_run_blob(&r, 4, event->value, VALUE_MAX);
    SOTTO_TRY(sotto_run_once(&r));
    if (seq) *seq = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return SOTTO_OK;
}

/* The number of a statement's only row; *some = it has one that is not NULL. Binds what is not 0 to ?1..?3. */
static enum sotto_err number_of(struct sotto_store *s, uint64_t *out, bool *some, enum sotto_sql which, unsigned binds, const uint64_t v[3])
{
    struct sotto_run r = sotto_run(s, which);
    for (unsigned i = 0; i < binds; i++) sotto_run_number(&r, (int)i + 1, v[i]);
    *some = false;
    if (sotto_run_row(&r) && sqlite3_column_type(r.stmt, 0) != SQLITE_NULL) {
        *some = true;
        *out = sotto_col_number(&r, 0);
    }
    return sotto_run_end(&r, SOTTO_OK);
}

enum sotto_err sotto_store_event_list(struct sotto_store *s, uint64_t *last, uint64_t after, uint64_t kinds, uint32_t limit,
                                      sotto_store_event_fn *fn, void *ctx)
{
    if (after > INT64_MAX) return SOTTO_ERR_RANGE;
    struct sotto_run r = sotto_run(s, SOTTO_SQL_EVENT_LIST);
    sotto_run_number(&r, 1, after);
    sotto_run_bits(&r, 2, kinds);
    sotto_run_number(&r, 3, limit);
    uint64_t seen = after;
    uint32_t count = 0;
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(&r)) {
        struct sotto_store_event e = { .seq = sotto_col_number(&r, 0), .ms = sotto_col_number(&r, 1), .account = sotto_col_number(&r, 2),
                                       .kind = (uint32_t)sotto_col_number(&r, 3), .value = sotto_col_blob(&r, 4) };
        seen = e.seq;
        count++;
        err = fn(ctx, &e);
    }
    SOTTO_TRY(sotto_run_end(&r, err));
    if (count < limit && last) {            /* the filter saw everything up to the end */
        uint64_t end = 0;
        bool some;
        SOTTO_TRY(number_of(s, &end, &some, SOTTO_SQL_EVENT_LAST, 0, NULL));
        if (some && end > seen) seen = end;
    }
    if (last) *last = seen;
    return SOTTO_OK;
}

enum sotto_err sotto_store_event_range(struct sotto_store *s, uint64_t *oldest, uint64_t *newest)
{
    uint64_t first = 0, given = 0;
    bool some, ever;
    SOTTO_TRY(number_of(s, &given, &ever, SOTTO_SQL_EVENT_NEWEST, 0, NULL));
    SOTTO_TRY(number_of(s, &first, &some, SOTTO_SQL_EVENT_OLDEST, 0, NULL));
    *oldest = some ? first : given + 1;
    *newest = given;
    return SOTTO_OK;
}

/* Cuts a front piece of the log, never holes: up to the first event that is young enough and among the newest count. */
enum sotto_err sotto_store_event_prune(struct sotto_store *s, bool *more, uint64_t before_ms, uint64_t count_max)
{
    uint64_t end = 0, keep_from = 0, part_end = 0;
    bool some, found;
    if (more) *more = false;
    SOTTO_TRY(number_of(s, &end, &some, SOTTO_SQL_EVENT_LAST, 0, NULL));
    if (!some) return SOTTO_OK;
    uint64_t binds[3] = { before_ms, end > count_max ? end - count_max : 0, PRUNE_STEP };
    SOTTO_TRY(number_of(s, &keep_from, &found, SOTTO_SQL_EVENT_KEEP, 3, binds));
    if (!found) {                           /* this whole step may go */
        uint64_t step[3] = { PRUNE_STEP, 0, 0 };
        SOTTO_TRY(number_of(s, &part_end, &some, SOTTO_SQL_EVENT_PART, 1, step));
        keep_from = part_end + 1;
        if (more) *more = part_end < end;
    }
    struct sotto_run r = sotto_run(s, SOTTO_SQL_EVENT_CUT);
    sotto_run_number(&r, 1, keep_from);
    return sotto_run_once(&r);
}

/* ---- request keys ---- */

static uint64_t request_limit(uint64_t now_ms) { return now_ms > SOTTO_REQUEST_KEEP_MS ? now_ms - SOTTO_REQUEST_KEEP_MS : 0; }

enum sotto_err sotto_store_request_get(struct sotto_store *s, struct sotto_buf *out, struct sotto_span key, const uint8_t params_hash[32],
                                       uint64_t now_ms)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_REQUEST_GET);
    sotto_run_blob(&r, 1, key, KEY_MAX);
    sotto_run_number(&r, 2, request_limit(now_ms));
    enum sotto_err err = SOTTO_ERR_MISSING;
    if (sotto_run_row(&r)) {
        if (!sotto_span_equal(sotto_col_blob(&r, 0), sotto_span(params_hash, 32))) err = SOTTO_ERR_REPLAY;
        else err = sotto_buf_add_span(out, sotto_col_blob(&r, 1));
    }
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_request_put(struct sotto_store *s, uint64_t account, struct sotto_span key, const uint8_t params_hash[32],
                                       uint64_t now_ms, struct sotto_span result)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_REQUEST_DROP);         /* an expired one makes room */
    sotto_run_blob(&r, 1, key, KEY_MAX);
    sotto_run_number(&r, 2, request_limit(now_ms));
    SOTTO_TRY(sotto_run_once(&r));
    r = sotto_run(s, SOTTO_SQL_REQUEST_PUT);
    sotto_run_blob(&r, 1, key, KEY_MAX);
    sotto_run_number(&r, 2, account);
    sotto_run_blob(&r, 3, sotto_span(params_hash, 32), 32);
    sotto_run_number(&r, 4, now_ms);
    sotto_run_blob(&r, 5, result, VALUE_MAX);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_request_prune(struct sotto_store *s, uint64_t now_ms)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_REQUEST_PRUNE);
    sotto_run_number(&r, 1, request_limit(now_ms));
    return sotto_run_once(&r);
}

/* ---- jobs ---- */

enum sotto_err sotto_store_job_put(struct sotto_store *s, struct sotto_store_job *job)
{
    struct sotto_run r = sotto_run(s, job->id ? SOTTO_SQL_JOB_PUT : SOTTO_SQL_JOB_ADD);
    if (job->id) sotto_run_number(&r, 1, job->id);
    sotto_run_number(&r, 2, job->account);
    sotto_run_number(&r, 3, job->ms);
    sotto_run_blob(&r, 4, job->value, VALUE_MAX);
    SOTTO_TRY(sotto_run_once(&r));
    if (job->id == 0) job->id = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return SOTTO_OK;
}

static enum sotto_err tell_jobs(struct sotto_run *r, sotto_store_job_fn *fn, void *ctx, bool *any)
{
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(r)) {
        struct sotto_store_job job = { .id = sotto_col_number(r, 0), .account = sotto_col_number(r, 1), .ms = sotto_col_number(r, 2),
                                       .value = sotto_col_blob(r, 3) };
        *any = true;
        err = fn(ctx, &job);
    }
    return err;
}

enum sotto_err sotto_store_job_get(struct sotto_store *s, uint64_t id, sotto_store_job_fn *fn, void *ctx)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_JOB_GET);
    sotto_run_number(&r, 1, id);
    bool any = false;
    enum sotto_err err = tell_jobs(&r, fn, ctx, &any);
    SOTTO_TRY(sotto_run_end(&r, err));
    return any ? SOTTO_OK : SOTTO_ERR_MISSING;
}

enum sotto_err sotto_store_job_list(struct sotto_store *s, sotto_store_job_fn *fn, void *ctx)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_JOB_LIST);
    bool any = false;
    enum sotto_err err = tell_jobs(&r, fn, ctx, &any);
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_job_delete(struct sotto_store *s, uint64_t id)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_JOB_DELETE);
    sotto_run_number(&r, 1, id);
    return sotto_run_once(&r);
}

/* ---- text by name ---- */

enum sotto_err sotto_store_setting_put(struct sotto_store *s, const char *key, const char *value)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_SETTING_PUT);
    sotto_run_text(&r, 1, key, KEY_MAX);
    sotto_run_text(&r, 2, value, VALUE_MAX);
    return sotto_run_once(&r);
}

static enum sotto_err get_named(struct sotto_store *s, struct sotto_buf *out, enum sotto_sql which, const char *key)
{
    struct sotto_run r = sotto_run(s, which);
    sotto_run_text(&r, 1, key, KEY_MAX);
    enum sotto_err err = sotto_run_row(&r) ? sotto_buf_add_span(out, sotto_col_blob(&r, 0)) : SOTTO_ERR_MISSING;
    return sotto_run_end(&r, err);
}

static enum sotto_err delete_named(struct sotto_store *s, enum sotto_sql which, const char *key)
{
    struct sotto_run r = sotto_run(s, which);
    sotto_run_text(&r, 1, key, KEY_MAX);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_setting_get(struct sotto_store *s, struct sotto_buf *out, const char *key)
{
    return get_named(s, out, SOTTO_SQL_SETTING_GET, key);
}

enum sotto_err sotto_store_setting_delete(struct sotto_store *s, const char *key)
{
    SOTTO_TRY(delete_named(s, SOTTO_SQL_SETTING_DELETE, key));
    return sqlite3_changes(s->db) > 0 ? SOTTO_OK : SOTTO_ERR_MISSING;
}

enum sotto_err sotto_store_setting_list(struct sotto_store *s, sotto_store_setting_fn *fn, void *ctx)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_SETTING_LIST);
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(&r)) {
        const char *key = (const char *)sqlite3_column_text(r.stmt, 0), *value = (const char *)sqlite3_column_text(r.stmt, 1);
        err = key && value ? fn(ctx, key, value) : SOTTO_ERR_NOMEM;
    }
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_meta_put(struct sotto_store *s, const char *key, struct sotto_span value)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_META_PUT);
    sotto_run_text(&r, 1, key, KEY_MAX);
    sotto_run_blob(&r, 2, value, VALUE_MAX);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_meta_get(struct sotto_store *s, struct sotto_buf *out, const char *key)
{
    return get_named(s, out, SOTTO_SQL_META_GET, key);
}
enum sotto_err sotto_store_meta_delete(struct sotto_store *s, const char *key) { return delete_named(s, SOTTO_SQL_META_DELETE, key); }
