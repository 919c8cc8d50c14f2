/* Sealed rows, accounts and history. */
#include "io/store_impl.h"

#define VALUE_MAX SOTTO_STORE_VALUE_MAX
#define KEY_MAX SOTTO_STORE_KEY_MAX

/* ---- rows ---- */

static struct sotto_run of_table(struct sotto_store *s, enum sotto_sql which, uint64_t account, const char *table)
{
    struct sotto_run r = sotto_run(s, which);
    sotto_run_number(&r, 1, account);
    sotto_run_text(&r, 2, table, KEY_MAX);
    return r;
}

enum sotto_err sotto_store_put(struct sotto_store *s, uint64_t account, const char *table, uint64_t id, struct sotto_span value)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_PUT, account, table);
    sotto_run_number(&r, 3, id);
    sotto_run_blob(&r, 4, value, VALUE_MAX);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_get(struct sotto_store *s, struct sotto_buf *out, uint64_t account, const char *table, uint64_t id)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_GET, account, table);
    sotto_run_number(&r, 3, id);
    enum sotto_err err = sotto_run_row(&r) ? sotto_buf_add_span(out, sotto_col_blob(&r, 0)) : SOTTO_ERR_MISSING;
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_delete(struct sotto_store *s, uint64_t account, const char *table, uint64_t id)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_DELETE, account, table);
    sotto_run_number(&r, 3, id);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_delete_table(struct sotto_store *s, uint64_t account, const char *table)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_CLEAR, account, table);
    return sotto_run_once(&r);
}

enum sotto_err sotto_store_scan(struct sotto_store *s, uint64_t account, const char *table, sotto_store_row_fn *fn, void *ctx)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_SCAN, account, table);
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(&r)) err = fn(ctx, sotto_col_number(&r, 0), sotto_col_blob(&r, 1));
    return sotto_run_end(&r, err);
}

static enum sotto_err one_number(struct sotto_run *r, uint64_t *out)
{
    uint64_t v = 0;
    if (sotto_run_row(r)) v = sotto_col_number(r, 0);
    SOTTO_TRY(sotto_run_end(r, SOTTO_OK));
    *out = v;
    return SOTTO_OK;
}

enum sotto_err sotto_store_count(struct sotto_store *s, uint64_t *out, uint64_t account, const char *table)
{
    struct sotto_run r = of_table(s, SOTTO_SQL_ROW_COUNT, account, table);
    return one_number(&r, out);
}

/* ---- accounts ---- */

enum sotto_err sotto_store_account_put(struct sotto_store *s, struct sotto_store_account *account)
{
    struct sotto_run r = sotto_run(s, account->number ? SOTTO_SQL_ACCOUNT_PUT : SOTTO_SQL_ACCOUNT_ADD);
    if (account->number) sotto_run_number(&r, 1, account->number);
    sotto_run_blob(&r, 2, SOTTO_SPAN(account->id), sizeof account->id);
    sotto_run_number(&r, 3, account->created_ms);
    sotto_run_blob(&r, 4, account->value, VALUE_MAX);
    SOTTO_TRY(sotto_run_once(&r));
    if (account->number == 0) account->number = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return SOTTO_OK;
}

enum sotto_err sotto_store_account_list(struct sotto_store *s, sotto_store_account_fn *fn, void *ctx)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_ACCOUNT_LIST);
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(&r)) {
        struct sotto_store_account account = { .number = sotto_col_number(&r, 0), .created_ms = sotto_col_number(&r, 2),
                                               .value = sotto_col_blob(&r, 3) };
        struct sotto_span id = sotto_col_blob(&r, 1);
        if (id.size != sizeof account.id) {
            err = SOTTO_ERR_DAMAGED;
            break;
        }
        memcpy(account.id, id.data, sizeof account.id);
        err = fn(ctx, &account);
    }
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_account_remove(struct sotto_store *s, uint64_t number)
{
    static const enum sotto_sql parts[] = { SOTTO_SQL_ACCOUNT_ROWS, SOTTO_SQL_ACCOUNT_MESSAGES, SOTTO_SQL_ACCOUNT_EVENTS,
                                            SOTTO_SQL_ACCOUNT_REQUESTS, SOTTO_SQL_ACCOUNT_JOBS, SOTTO_SQL_ACCOUNT_DELETE };
    bool own = !s->begun;                   /* all or nothing, also outside a transaction */
    if (own) SOTTO_TRY(sotto_store_begin(s));
    enum sotto_err err = SOTTO_OK;
    for (unsigned i = 0; i < sizeof parts / sizeof *parts && err == SOTTO_OK; i++) {
        struct sotto_run r = sotto_run(s, parts[i]);
        sotto_run_number(&r, 1, number);
        err = sotto_run_once(&r);
    }
    if (own && err == SOTTO_OK) return sotto_store_commit(s);
    if (own) sotto_store_rollback(s);
    return err;
}

/* ---- history ---- */

enum sotto_err sotto_store_message_put(struct sotto_store *s, uint64_t account, const struct sotto_store_message *m)
{
    if (m->id == 0 || m->chat.size == 0) return SOTTO_ERR_RANGE;
    struct sotto_run r = sotto_run(s, SOTTO_SQL_MESSAGE_PUT);
    sotto_run_number(&r, 1, account);
    sotto_run_number(&r, 2, m->id);
    sotto_run_blob(&r, 3, m->chat, KEY_MAX);
    sotto_run_number(&r, 4, m->state);
    sotto_run_number(&r, 5, m->ms);
    sotto_run_blob(&r, 6, m->value, VALUE_MAX);
    return sotto_run_once(&r);
}

static enum sotto_err tell_messages(struct sotto_run *r, sotto_store_message_fn *fn, void *ctx, bool *any)
{
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_run_row(r)) {
        struct sotto_store_message m = { .id = sotto_col_number(r, 0), .chat = sotto_col_blob(r, 1), .state = (uint32_t)sotto_col_number(r, 2),
                                         .ms = sotto_col_number(r, 3), .value = sotto_col_blob(r, 4) };
        *any = true;
        err = fn(ctx, &m);
    }
    return err;
}

enum sotto_err sotto_store_message_get(struct sotto_store *s, uint64_t account, uint64_t id, sotto_store_message_fn *fn, void *ctx)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_MESSAGE_GET);
    sotto_run_number(&r, 1, account);
    sotto_run_number(&r, 2, id);
    bool any = false;
    enum sotto_err err = tell_messages(&r, fn, ctx, &any);
    SOTTO_TRY(sotto_run_end(&r, err));
    return any ? SOTTO_OK : SOTTO_ERR_MISSING;
}

enum sotto_err sotto_store_message_delete(struct sotto_store *s, uint64_t account, uint64_t id)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_MESSAGE_DELETE);
    sotto_run_number(&r, 1, account);
    sotto_run_number(&r, 2, id);
    return sotto_run_once(&r);
}

/* Binds ?1..?4 and, with a chat, ?6. */
static struct sotto_run of_query(struct sotto_store *s, const struct sotto_store_query *q, enum sotto_sql with_chat, enum sotto_sql without)
{
    struct sotto_run r = sotto_run(s, q->chat.size > 0 ? with_chat : without);
    sotto_run_number(&r, 1, q->account);
    sotto_run_number(&r, 2, q->after);
    sotto_run_number(&r, 3, q->before == 0 || q->before > INT64_MAX ? INT64_MAX : q->before - 1);
    sotto_run_bits(&r, 4, q->states);
    if (q->chat.size > 0) sotto_run_blob(&r, 6, q->chat, KEY_MAX);
    return r;
}

enum sotto_err sotto_store_message_list(struct sotto_store *s, const struct sotto_store_query *q, sotto_store_message_fn *fn, void *ctx)
{
    bool up = q->after > 0 || q->limit == 0, any = false;              /* without a limit both ways give the same, and up sorts nothing */
    struct sotto_run r = up ? of_query(s, q, SOTTO_SQL_CHAT_UP, SOTTO_SQL_ALL_UP) : of_query(s, q, SOTTO_SQL_CHAT_DOWN, SOTTO_SQL_ALL_DOWN);
    sotto_run_number(&r, 5, q->limit ? q->limit : INT64_MAX);
    enum sotto_err err = tell_messages(&r, fn, ctx, &any);
    return sotto_run_end(&r, err);
}

enum sotto_err sotto_store_message_count(struct sotto_store *s, uint64_t *out, const struct sotto_store_query *q)
{
    struct sotto_run r = of_query(s, q, SOTTO_SQL_CHAT_COUNT, SOTTO_SQL_ALL_COUNT);
    return one_number(&r, out);
}

enum sotto_err sotto_store_message_last_id(struct sotto_store *s, uint64_t *out, uint64_t account)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_MESSAGE_LAST);
    sotto_run_number(&r, 1, account);
    return one_number(&r, out);
}

enum sotto_err sotto_store_chat_delete(struct sotto_store *s, uint64_t account, struct sotto_span chat)
{
    struct sotto_run r = sotto_run(s, SOTTO_SQL_CHAT_DELETE);
    sotto_run_number(&r, 1, account);
    sotto_run_blob(&r, 2, chat, KEY_MAX);
    return sotto_run_once(&r);
}
