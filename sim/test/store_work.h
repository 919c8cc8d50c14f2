/* A fixed piece of work for the database: transactions of every kind the store has, small and large, with the WAL cut and the store closed
 * in between. What is stored after each is known from a run without faults, so that any other run can be held against it. */
#ifndef SOTTO_SIM_TEST_STORE_WORK_H
#define SOTTO_SIM_TEST_STORE_WORK_H

#include "disk_rig.h"

#include "io/store.h"

#define WORK_DIR "/data"
#define WORK_MAX 64u
#define VALUE_SEAL 16u                      /* stands for a sealed value's tag: says when a value is not the one that was put there */

static const char *const tables[] = { "contact", "session", "outbox" };

/* Fast and good enough to tell values apart; nobody attacks a test. */
static inline void digest(uint64_t h[2], const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t left = size + 1; left > 0; left = left > 8 ? left - 8 : 0, p += 8) {
        uint64_t w = 0;
        if (left > 1) memcpy(&w, p, left > 8 ? 8 : left - 1);           /* data may be NULL for nothing */
        h[0] = (h[0] ^ w ^ (left <= 8 ? size << 56 | 1ull << 55 : 0)) * 0x9e3779b97f4a7c15u;
        h[0] ^= h[0] >> 29;
        h[1] = (h[1] << 27 | h[1] >> 37) + h[0];
    }
}

/* Place and content are bound together as the vault's associated data does it. */
static inline void seal(uint8_t tag[VALUE_SEAL], uint64_t account, const char *place, uint64_t id, struct sotto_span payload)
{
    uint64_t h[2] = { account, id };
    digest(h, place, strlen(place));
    digest(h, payload.data, payload.size);
    memcpy(tag, h, VALUE_SEAL);
}

static uint8_t value_bytes[VALUE_SEAL + 40000];
static inline struct sotto_span sealed(uint64_t account, const char *place, uint64_t id, unsigned n, size_t size)
{
    for (size_t i = 0; i < size; i++) value_bytes[VALUE_SEAL + i] = (uint8_t)(n * 31 + id * 7 + i * (i >> 5) + 1);
    seal(value_bytes, account, place, id, sotto_span(value_bytes + VALUE_SEAL, size));
    return sotto_span(value_bytes, VALUE_SEAL + size);
}
static inline bool authentic(uint64_t account, const char *place, uint64_t id, struct sotto_span value)
{
    uint8_t tag[VALUE_SEAL];
    if (value.size < VALUE_SEAL) return false;
    seal(tag, account, place, id, sotto_span_cut(value, VALUE_SEAL, value.size - VALUE_SEAL));
    return memcmp(tag, value.data, VALUE_SEAL) == 0;
}

static inline enum sotto_err several(struct sotto_store *s, unsigned n)
{
    char name[32];
    uint64_t account = 1 + n % 2;
    uint8_t chat[8] = { (uint8_t)(n % 3) }, hash[32] = { (uint8_t)n };
    for (unsigned p = 0; p < 1 + n % 4; p++) {
        uint64_t id = (n * 7 + p * 3) % 23;
        const char *table = tables[(n + p) % 3];
        SOTTO_TRY(sotto_store_put(s, account, table, id, sealed(account, table, id, n, n % 10 == 9 ? 20000 : 100 + n * 37 % 900)));
    }
    struct sotto_store_message m = { .id = n + 1, .chat = SOTTO_SPAN(chat), .state = n % 5, .ms = 1000 + n, .value = sealed(account, "message", n + 1, n, 300) };
    SOTTO_TRY(sotto_store_message_put(s, account, &m));
    struct sotto_store_event e = { .ms = 1000 + n, .account = account, .kind = n % 10, .value = sealed(account, "event", n, n, 60) };
    SOTTO_TRY(sotto_store_event_add(s, NULL, &e));
    if (n % 3 == 0) {
        snprintf(name, sizeof name, "request-%u", n);
        SOTTO_TRY(sotto_store_request_put(s, account, sotto_span_str(name), hash, 5000 + n, sealed(account, "request", n, n, 200)));
    }
    if (n % 4 == 1) {
        struct sotto_store_job job = { .account = account, .ms = n, .value = sealed(account, "job", 0, n, 500) };
        SOTTO_TRY(sotto_store_job_put(s, &job));
    }
    if (n % 5 == 2) {
        SOTTO_TRY(sotto_store_delete(s, account, tables[n % 3], n % 23));
        SOTTO_TRY(sotto_store_job_delete(s, n / 5));
    }
    if (n % 7 == 3) SOTTO_TRY(sotto_store_message_delete(s, account, n / 2));
    if (n % 12 == 11) SOTTO_TRY(sotto_store_delete_table(s, account, tables[n % 3]));
    if (n % 17 == 16) SOTTO_TRY(sotto_store_chat_delete(s, account, SOTTO_SPAN(chat)));
    if (n % 11 == 10) SOTTO_TRY(sotto_store_event_prune(s, NULL, 1000 + n / 2, 1000));
    if (n % 13 == 1) {
        struct sotto_store_account a = { .id = { (uint8_t)n }, .created_ms = n, .value = sealed(0, "account", 0, n, 400) };
        SOTTO_TRY(sotto_store_account_put(s, &a));
    }
    if (n % 29 == 28) SOTTO_TRY(sotto_store_account_remove(s, 2));
    snprintf(name, sizeof name, "setting.%u", n % 4);
    SOTTO_TRY(sotto_store_setting_put(s, name, n % 2 ? "on" : "off"));
    uint8_t mark[4];
    sotto_put_be32(mark, n);
    return sotto_store_meta_put(s, "mark", SOTTO_SPAN(mark));
}

/* The n-th piece. OK: it is promised. Else the store is as before it. */
static inline enum sotto_err work_piece(struct sotto_store *s, unsigned n)
{
    if (n % 9 == 4) return sotto_store_put(s, 1, "contact", 100, sealed(1, "contact", 100, n, 200));      /* a call that is its own transaction */
    SOTTO_TRY(sotto_store_begin(s));
    enum sotto_err err = several(s, n);
    if (err == SOTTO_OK) return sotto_store_commit(s);
    sotto_store_rollback(s);
    return err;
}

/* ---- everything that is stored, as bytes ---- */

struct dump { struct sotto_buf out; unsigned forged; };

static inline enum sotto_err dump_value(struct dump *d, const char *what, uint64_t account, uint64_t id, uint64_t more, struct sotto_span value)
{
    char head[160];
    int n = snprintf(head, sizeof head, "%s %llu %llu %llu %zu:", what, (unsigned long long)account, (unsigned long long)id, (unsigned long long)more, value.size);
    SOTTO_TRY(sotto_buf_add(&d->out, head, (size_t)n));
    return sotto_buf_add_span(&d->out, value);
}

struct place { struct dump *d; uint64_t account; const char *table; };
static inline enum sotto_err dump_row(void *ctx, uint64_t id, struct sotto_span value)
{
    const struct place *p = ctx;
    if (!authentic(p->account, p->table, id, value)) p->d->forged++;
    return dump_value(p->d, p->table, p->account, id, 0, value);
}
static inline enum sotto_err dump_message(void *ctx, const struct sotto_store_message *m)
{
    const struct place *p = ctx;
    if (!authentic(p->account, "message", m->id, m->value)) p->d->forged++;
    SOTTO_TRY(dump_value(p->d, "message", p->account, m->id, m->state, m->value));
    return dump_value(p->d, "chat", p->account, m->ms, 0, m->chat);
}
static inline enum sotto_err dump_event(void *ctx, const struct sotto_store_event *e)
{
    SOTTO_TRY(dump_value(ctx, "event", e->account, e->seq, e->kind, e->value));
    return dump_value(ctx, "at", e->account, e->ms, 0, sotto_span(NULL, 0));
}
static inline enum sotto_err dump_account(void *ctx, const struct sotto_store_account *a)
{
    SOTTO_TRY(dump_value(ctx, "account", a->number, a->created_ms, 0, a->value));
    return dump_value(ctx, "id", a->number, 0, 0, SOTTO_SPAN(a->id));
}
static inline enum sotto_err dump_job(void *ctx, const struct sotto_store_job *job) { return dump_value(ctx, "job", job->account, job->id, job->ms, job->value); }
static inline enum sotto_err dump_setting(void *ctx, const char *key, const char *value)
{
    SOTTO_TRY(dump_value(ctx, "key", 0, 0, 0, sotto_span_str(key)));
    return dump_value(ctx, "setting", 0, 0, 0, sotto_span_str(value));
}

static inline enum sotto_err dump_all(struct sotto_store *s, struct dump *d)
{
    uint64_t oldest, newest, last;
    SOTTO_TRY(sotto_store_account_list(s, dump_account, d));
    for (uint64_t account = 0; account < 3; account++) {
        for (unsigned t = 0; t < 3; t++) {
            struct place p = { d, account, tables[t] };
            SOTTO_TRY(sotto_store_scan(s, account, tables[t], dump_row, &p));
        }
        struct place p = { d, account, NULL };
        SOTTO_TRY(sotto_store_message_list(s, &(struct sotto_store_query){ .account = account }, dump_message, &p));
    }
    SOTTO_TRY(sotto_store_event_list(s, &last, 0, 0, 100000, dump_event, d));
    SOTTO_TRY(sotto_store_event_range(s, &oldest, &newest));
    SOTTO_TRY(dump_value(d, "range", 0, oldest, newest, sotto_span(NULL, 0)));
    SOTTO_TRY(sotto_store_job_list(s, dump_job, d));
    SOTTO_TRY(sotto_store_setting_list(s, dump_setting, d));
    for (unsigned n = 0; n < WORK_MAX; n += 3) {
        char name[32];
        uint8_t hash[32] = { (uint8_t)n };
        snprintf(name, sizeof name, "request-%u", n);
        enum sotto_err err = sotto_store_request_get(s, &d->out, sotto_span_str(name), hash, 5000 + n);
        if (err != SOTTO_OK && err != SOTTO_ERR_MISSING) return err;
        SOTTO_TRY(dump_value(d, name, 0, 0, err, sotto_span(NULL, 0)));
    }
    enum sotto_err err = sotto_store_meta_get(s, &d->out, "mark");
    return err == SOTTO_ERR_MISSING ? SOTTO_OK : err;
}

struct content { uint64_t hash[2]; unsigned forged; };
/* forged: values that are not what was put in that place. Events, jobs, requests and accounts are only counted in the hash. */
static inline enum sotto_err content_of(struct content *out, struct sotto_store *s)
{
    struct dump d = { .out = sotto_buf_make(64u << 20) };
    enum sotto_err err = dump_all(s, &d);
    out->hash[0] = out->hash[1] = 1;
    digest(out->hash, d.out.data, d.out.size);
    out->forged = d.forged;
    sotto_buf_free(&d.out);
    return err;
}

/* ---- a run ---- */

struct work {
    unsigned from, to;
    unsigned done;                          /* pieces that were promised */
    uint64_t after[WORK_MAX + 1][2];        /* content after so many pieces; known after work_learn */
    bool known[WORK_MAX + 1];
    enum sotto_err errors[8];               /* what was returned, in order, cut at 8 */
    unsigned error_count, failed_pieces;
    bool look;                              /* after a piece that failed: is everything as before it? */
};

static inline void work_note(struct work *w, enum sotto_err err)
{
    if (w->error_count < 8) w->errors[w->error_count] = err;
    w->error_count++;
}

/* Between pieces: the WAL is cut, or the store closed and opened again. */
static inline void work_between(struct work *w, struct sotto_store **s)
{
    if (w->done % 8 == 7) {
        enum sotto_err err = sotto_store_wal_truncate(*s);
        if (err != SOTTO_OK) work_note(w, err);
    }
    if (w->done % 13 == 12) {
        sotto_store_close(*s);
        *s = NULL;
    }
}

/* Does what is left of w->from .. w->to; gives up after so many errors. true: all is done. The store is closed at the end. */
static inline bool work_run(struct work *w, unsigned errors_max)
{
    struct sotto_store *s = NULL;
    unsigned before = w->error_count;
    while (w->done < w->to && w->error_count - before < errors_max) {
        enum sotto_err err = s ? SOTTO_OK : sotto_store_open(&s, NULL, WORK_DIR);
        if (err == SOTTO_OK) {
            err = work_piece(s, w->done);
            if (err == SOTTO_OK) {
                w->done++;
                work_between(w, &s);
            } else {
                struct content c = { 0 };
                w->failed_pieces++;
                if (w->look) assert_ok(content_of(&c, s));
                if (w->look) assert_memory_equal(c.hash, w->after[w->done], sizeof c.hash);
            }
        }
        if (err != SOTTO_OK) work_note(w, err);
    }
    sotto_store_close(s);
    return w->done == w->to;
}

/* Without faults, on the current disk, which holds the content before w->from: what there is after each piece. */
static inline void work_learn(struct work *w)
{
    struct sotto_store *s = NULL;
    struct content c;
    w->done = w->from;
    do {
        if (!s) assert_ok(sotto_store_open(&s, NULL, WORK_DIR));
        assert_ok(content_of(&c, s));
        assert_int_equal(c.forged, 0);
        memcpy(w->after[w->done], c.hash, sizeof c.hash);
        w->known[w->done] = true;
        if (w->done == w->to) break;
        assert_ok(work_piece(s, w->done));
        w->done++;
        if (w->done < w->to) work_between(w, &s);
    } while (true);
    sotto_store_close(s);
    assert_int_equal(w->error_count, 0);
    w->done = w->from;
}

#endif
