#include "node/chats.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHAT_VERSION = 1 };

static uint64_t row_of(struct sotto_node_account *a, const struct sotto_id *id)
{
    uint8_t key[16];
    sotto_chat_key(key, a, id);
    return sotto_be64(key) >> 1;                          /* the store's ids end at 2^63 - 1 */
}

enum sotto_err sotto_chat_encode(struct sotto_buf *out, const struct sotto_chat *chat)
{
    SOTTO_TRY(sotto_buf_add_u8(out, CHAT_VERSION));
    SOTTO_TRY(sotto_buf_add(out, chat->id.b, 20));
    SOTTO_TRY(sotto_buf_add_u8(out, chat->archived));
    SOTTO_TRY(sotto_buf_add_u64(out, chat->keep_ms));
    SOTTO_TRY(sotto_buf_add_u32(out, (uint32_t)chat->draft.size));
    return sotto_buf_add_span(out, sotto_buf_span(&chat->draft));
}

enum sotto_err sotto_chat_decode(struct sotto_chat *out, struct sotto_span plain)
{
    struct sotto_reader r = sotto_reader(plain);
    struct sotto_chat c = { .draft = sotto_buf_make(SOTTO_DRAFT_MAX) };
    uint8_t version, archived;
    uint32_t size;
    struct sotto_span draft;
    SOTTO_TRY(sotto_get_u8(&r, &version));
    if (version != CHAT_VERSION) return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_get_bytes(&r, c.id.b, 20));
    SOTTO_TRY(sotto_get_u8(&r, &archived));
    SOTTO_TRY(sotto_get_u64(&r, &c.keep_ms));
    SOTTO_TRY(sotto_get_u32(&r, &size));
    SOTTO_TRY(sotto_get_span(&r, &draft, size));
    SOTTO_TRY(sotto_get_end(&r));
    if (archived > 1) return SOTTO_ERR_FORMAT;
    c.archived = archived == 1;
    SOTTO_TRY(sotto_buf_add_span(&c.draft, draft));
    *out = c;
    return SOTTO_OK;
}

enum sotto_err sotto_chat_load(struct sotto_chat *out, struct sotto_node *n, struct sotto_node_account *a, const struct sotto_id *id)
{
    uint64_t row = row_of(a, id);
    struct sotto_buf sealed = sotto_buf_make(SOTTO_DRAFT_MAX + 256), plain = sotto_buf_make(SOTTO_DRAFT_MAX + 256);
    enum sotto_err err = sotto_store_get(n->store, &sealed, a->number, "chat", row);
    if (err == SOTTO_OK) err = sotto_row_open(&plain, &a->keys->sub[SOTTO_PURPOSE_CONTACTS], "chat", row, "value", sotto_buf_span(&sealed));
    if (err == SOTTO_OK) err = sotto_chat_decode(out, sotto_buf_span(&plain));
    if (err == SOTTO_ERR_MISSING) {
        *out = (struct sotto_chat){ .id = *id, .draft = sotto_buf_make(SOTTO_DRAFT_MAX) };
        err = SOTTO_OK;
    }
    sotto_buf_free(&sealed);
    sotto_buf_free(&plain);
    return err;
}

enum sotto_err sotto_chat_save(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_chat *chat)
{
    uint8_t nonce[24];
    uint64_t row = row_of(a, &chat->id);
    struct sotto_buf plain = sotto_buf_make(SOTTO_DRAFT_MAX + 256), sealed = sotto_buf_make(SOTTO_DRAFT_MAX + 256);
    sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
    enum sotto_err err = sotto_chat_encode(&plain, chat);
    if (err == SOTTO_OK) err = sotto_row_seal(&sealed, &a->keys->sub[SOTTO_PURPOSE_CONTACTS], "chat", row, "value", sotto_buf_span(&plain), nonce);
    if (err == SOTTO_OK) err = sotto_store_put(n->store, a->number, "chat", row, sotto_buf_span(&sealed));
    sotto_buf_free(&plain);
    sotto_buf_free(&sealed);
    return err;
}

void sotto_chat_forget(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_id *id)
{
    enum sotto_err err = sotto_store_delete(n->store, a->number, "chat", row_of(a, id));
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
}

struct prune { struct sotto_buf ids; uint64_t before_ms; };
static enum sotto_err old_one(void *ctx, const struct sotto_store_message *m)
{
    struct prune *p = ctx;
    return m->ms < p->before_ms ? sotto_buf_add_u64(&p->ids, m->id) : SOTTO_OK;
}

void sotto_chats_prune(struct sotto_node *n, struct sotto_node_account *a, struct sotto_now now)
{
    struct sotto_contact c;
    /* a commit in here may lead to a failed one, and that to an account without its messenger */
    for (unsigned i = 0; a->messenger && sotto_messenger_contact_at(a->messenger, i, &c); i++) {
        struct sotto_chat chat;
        if (sotto_chat_load(&chat, n, a, &c.id) != SOTTO_OK) continue;
        uint64_t keep = chat.keep_ms && (!c.timer_ms || chat.keep_ms < c.timer_ms) ? chat.keep_ms : c.timer_ms;
        sotto_buf_free(&chat.draft);
        if (!keep || keep > now.wall_ms) continue;
        uint8_t key[16];
        sotto_chat_key(key, a, &c.id);
        struct prune p = { sotto_buf_make(8u << 20), now.wall_ms - keep };
        struct sotto_store_query q = { .account = a->number, .chat = SOTTO_SPAN(key) };
        enum sotto_err err = sotto_store_message_list(n->store, &q, old_one, &p);
        sotto_txn_begin(n);
        for (size_t at = 0; err == SOTTO_OK && at < p.ids.size; at += 8) err = sotto_rows_message_delete(n, a, sotto_be64(p.ids.data + at));
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
        err = sotto_txn_end(n, true);
        if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "prune-failed", "reason=%s", sotto_err_name(err));
        sotto_buf_free(&p.ids);
    }
}

/* ---- methods ---- */

struct last { struct sotto_node_account *account; json_t *message; };
static enum sotto_err last_one(void *ctx, const struct sotto_store_message *m)
{
    struct last *l = ctx;
    struct sotto_history h;
    struct sotto_buf plain = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_row_open(&plain, &l->account->keys->sub[SOTTO_PURPOSE_MESSAGES], "message", m->id, "value", m->value);
    if (err == SOTTO_OK) err = sotto_history_decode(&h, m->id, sotto_buf_span(&plain));
    if (err == SOTTO_OK) l->message = sotto_json_message(&h, &l->account->id);
    sotto_buf_free(&plain);
    return err;
}

static json_t *chat_json(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_contact *c, const struct sotto_chat *chat)
{
    char id[43];
    uint8_t key[16];
    struct last l = { a, NULL };
    sotto_id_text(id, &c->id);
    sotto_chat_key(key, a, &c->id);
    struct sotto_store_query q = { .account = a->number, .chat = SOTTO_SPAN(key), .limit = 1 };
    (void)!sotto_store_message_list(n->store, &q, last_one, &l);
    json_t *o = json_object();
    json_object_set_new(o, "chat", json_string(id));
    json_object_set_new(o, "title", c->alias[0] ? sotto_json_text(sotto_span_str(c->alias)) : json_string(id));
    json_object_set_new(o, "kind", json_string("contact"));
    json_object_set_new(o, "mode", json_string("deniable"));
    json_object_set_new(o, "state", json_string(sotto_contact_state_name(c->state)));
    json_object_set_new(o, "timerMs", json_integer((json_int_t)c->timer_ms));
    json_object_set_new(o, "keepMs", json_integer((json_int_t)chat->keep_ms));
    json_object_set_new(o, "archived", json_boolean(chat->archived));
    json_object_set_new(o, "muted", json_boolean(c->muted));
    json_object_set_new(o, "unread", json_integer(c->unread));
    json_object_set_new(o, "last", l.message ? l.message : json_null());
    if (chat->draft.size) json_object_set_new(o, "draft", sotto_json_text(sotto_buf_span(&chat->draft)));
    return o;
}

struct found { struct sotto_node *n; struct sotto_node_account *a; struct sotto_contact c; struct sotto_chat chat; };
static bool find(struct found *f, void *ctx, struct sotto_call *call, const char *name)
{
    f->n = ctx;
    f->a = sotto_api_account(f->n, call);
    if (!f->a || !sotto_contact_resolve(f->a, call, name, &f->c)) return false;
    enum sotto_err err = sotto_chat_load(&f->chat, f->n, f->a, &f->c.id);
    if (err == SOTTO_OK) return true;
    sotto_api_fail(call, err);
    return false;
}

static void answer(struct found *f, struct sotto_call *call)
{
    struct sotto_id id = f->c.id;
    struct sotto_contact now = f->c;
    if (!sotto_messenger_contact(f->a->messenger, &id, &now)) now = f->c;
    sotto_call_result(call, chat_json(f->n, f->a, &now, &f->chat));
    sotto_buf_free(&f->chat.draft);
}

static void fail(struct found *f, struct sotto_call *call, enum sotto_err err)
{
    if (err == SOTTO_ERR_STATE) sotto_call_error(call, 1009, "thing", "the conversation", "state", sotto_contact_state_name(f->c.state), NULL);
    else sotto_api_fail(call, err);
    sotto_buf_free(&f->chat.draft);
}

static void chat_get(void *ctx, struct sotto_call *call, const struct sotto_chat_get_params *p)
{
    struct found f;
    if (find(&f, ctx, call, p->chat)) answer(&f, call);
}

static void chat_list(void *ctx, struct sotto_call *call, const struct sotto_chat_list_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_contact c;
    if (!a) return;
    json_t *items = json_array();
    unsigned i = p->after ? (unsigned)strtoul(p->after, NULL, 10) : 0;
    bool more = false;
    for (; sotto_messenger_contact_at(a->messenger, i, &c); i++) {
        struct sotto_chat chat;
        if (c.state == SOTTO_CONTACT_INCOMING || c.state == SOTTO_CONTACT_DECLINED) continue;
        if (p->query && !strcasestr(c.alias, p->query)) continue;
        enum sotto_err err = sotto_chat_load(&chat, n, a, &c.id);
        if (err != SOTTO_OK) {
            json_decref(items);
            sotto_api_fail(call, err);
            return;
        }
        if (chat.archived == p->archived) {
            if (json_array_size(items) == p->limit) more = true;
            else json_array_append_new(items, chat_json(n, a, &c, &chat));
        }
        sotto_buf_free(&chat.draft);
        if (more) break;
    }
    json_t *o = json_pack("{s:o}", "items", items);
    char next[16];
    snprintf(next, sizeof next, "%u", i);
    if (more) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void chat_set(void *ctx, struct sotto_call *call, const struct sotto_chat_set_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->chat)) return;
    enum sotto_err err = SOTTO_OK;
    if (p->archived) f.chat.archived = *p->archived;
    if (p->keep_ms) f.chat.keep_ms = *p->keep_ms;
    if (p->draft) {
        f.chat.draft.size = 0;
        err = sotto_buf_add(&f.chat.draft, p->draft, strlen(p->draft));
    }
    if (err == SOTTO_OK) err = sotto_chat_save(f.n, f.a, &f.chat);
    if (err == SOTTO_OK && p->muted) {
        struct sotto_contact_change change = { .muted = p->muted };
        struct sotto_id id = f.c.id;
        err = sotto_messenger_set(f.a->messenger, &id, &change, sotto_io_now(), &f.a->acts);
        if (err == SOTTO_OK) sotto_txn_apply(f.n, f.a);
    }
    if (err == SOTTO_OK) err = sotto_event_add(f.n, f.a, "chat.changed", json_pack("{s:o}", "chat", sotto_json_id(&f.c.id)));
    if (err != SOTTO_OK) fail(&f, call, err);
    else answer(&f, call);
}

static void chat_read(void *ctx, struct sotto_call *call, const struct sotto_chat_read_params *p)
{
    struct found f;
    uint64_t message;
    if (!find(&f, ctx, call, p->chat)) return;
    struct sotto_id id = f.c.id;
    enum sotto_err err = sotto_message_parse(&message, p->up_to) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_MISSING;
    if (err == SOTTO_OK) err = sotto_messenger_read(f.a->messenger, &id, message, sotto_io_now(), &f.a->acts);
    if (err != SOTTO_OK) {
        fail(&f, call, err);
        return;
    }
    sotto_txn_apply(f.n, f.a);
    answer(&f, call);
}

static enum sotto_err any_one(void *ctx, const struct sotto_store_message *m) { return sotto_buf_add_u64(ctx, m->id); }

static void chat_clear(void *ctx, struct sotto_call *call, const struct sotto_chat_clear_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->chat)) return;
    uint8_t key[16];
    sotto_chat_key(key, f.a, &f.c.id);
    struct sotto_buf ids = sotto_buf_make(64u << 20);
    struct sotto_store_query q = { .account = f.a->number, .chat = SOTTO_SPAN(key) };
    enum sotto_err err = sotto_store_message_list(f.n->store, &q, any_one, &ids);
    for (size_t i = 0; err == SOTTO_OK && i < ids.size; i += 8) err = sotto_rows_message_delete(f.n, f.a, sotto_be64(ids.data + i));
    sotto_buf_free(&ids);
    if (err == SOTTO_OK) err = sotto_event_add(f.n, f.a, "chat.changed", json_pack("{s:o}", "chat", sotto_json_id(&f.c.id)));
    if (err != SOTTO_OK) fail(&f, call, err);
    else answer(&f, call);
}

static void chat_end(void *ctx, struct sotto_call *call, const struct sotto_chat_end_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->chat)) return;
    struct sotto_id id = f.c.id;
    enum sotto_err err = sotto_messenger_end(f.a->messenger, &id, sotto_io_now(), &f.a->acts);
    if (err != SOTTO_OK) {
        fail(&f, call, err);
        return;
    }
    sotto_txn_apply(f.n, f.a);
    answer(&f, call);
}

struct export { struct sotto_node_account *account; bool json; unsigned count; struct sotto_buf text; };
static enum sotto_err export_one(void *ctx, const struct sotto_store_message *m)
{
    struct export *e = ctx;
    struct last l = { e->account, NULL };
    SOTTO_TRY(last_one(&l, m));
    enum sotto_err err = SOTTO_OK;
    e->count++;
    if (e->json) {
        char *line = json_dumps(l.message, JSON_COMPACT);
        err = line ? sotto_buf_add(&e->text, line, strlen(line)) : SOTTO_ERR_NOMEM;
        if (line) sotto_wipe(line, strlen(line));
        free(line);
    } else {
        const char *text = json_string_value(json_object_get(l.message, "text"));
        char head[96];
        snprintf(head, sizeof head, "%lld %s ", (long long)json_integer_value(json_object_get(l.message, "ms")),
                 json_is_true(json_object_get(l.message, "own")) ? "me:" : "them:");
        err = sotto_buf_add(&e->text, head, strlen(head));
        for (const char *rest = text; err == SOTTO_OK && *rest;) {                /* no line of a text may look like a message of its own */
            size_t size = strcspn(rest, "\r\n");
            err = sotto_buf_add(&e->text, rest, size);
            rest += size;
            if (*rest == 0) break;
            rest += rest[0] == '\r' && rest[1] == '\n' ? 2 : 1;
            if (err == SOTTO_OK) err = sotto_buf_add(&e->text, "\n    ", 5);
        }
    }
    if (err == SOTTO_OK) err = sotto_buf_add_u8(&e->text, '\n');
    json_decref(l.message);
    return err;
}

static void chat_export(void *ctx, struct sotto_call *call, const struct sotto_chat_export_params *p)
{
    struct found f;
    if (!find(&f, ctx, call, p->chat)) return;
    uint8_t key[16];
    struct export e = { .account = f.a, .json = p->format == SOTTO_CHAT_EXPORT_FORMAT_JSON, .text = sotto_buf_make(16u << 20) };
    sotto_chat_key(key, f.a, &f.c.id);
    struct sotto_store_query q = { .account = f.a->number, .chat = SOTTO_SPAN(key) };
    struct sotto_task *t = sotto_task_new(f.n, "chat export");
    enum sotto_err err = t ? sotto_store_message_list(f.n->store, &q, export_one, &e) : SOTTO_ERR_FULL;
    if (t && err == SOTTO_OK) {
        json_t *result = json_object();
        json_object_set_new(result, "messages", json_integer(e.count));
        json_object_set_new(result, "format", json_string(e.json ? "json" : "text"));
        json_object_set_new(result, "text", sotto_json_text(sotto_buf_span(&e.text)));
        sotto_task_done(f.n, t, result);
    } else if (t) {
        sotto_task_fail(f.n, t, err == SOTTO_ERR_FULL ? 1605 : 1000, "need", "more than 16 MiB", "free", "16 MiB", NULL);
    }
    sotto_buf_free(&e.text);
    sotto_buf_free(&f.chat.draft);
    if (t) sotto_call_result(call, sotto_task_answer(t));
    else sotto_call_error(call, 1003, NULL);
}

void sotto_api_chat_fill(struct sotto_api *api)
{
    api->chat_list = chat_list;
    api->chat_get = chat_get;
    api->chat_set = chat_set;
    api->chat_read = chat_read;
    api->chat_clear = chat_clear;
    api->chat_export = chat_export;
    api->chat_end = chat_end;
}
