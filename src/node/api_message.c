/* message methods. */
#include "node/chats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEARCH_ROWS_MAX 20000u            /* rows opened by one call: about 0.1 s; next goes on */
#define ENVELOPE_BYTES 1052u              /* one cell on the wire, network.md 3 */

static bool number(struct sotto_call *call, const char *name, uint64_t *out)
{
    if (sotto_message_parse(out, name) == SOTTO_OK) return true;
    sotto_call_error(call, 1002, "thing", "message", "value", name, NULL);
    return false;
}

static void answer(struct sotto_node *n, struct sotto_node_account *a, struct sotto_call *call, uint64_t message)
{
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, message, &h, &hold);
    char name[18];
    sotto_message_name(name, message);
    if (err == SOTTO_OK) sotto_call_result(call, sotto_json_message(&h, &a->id));
    else if (err == SOTTO_ERR_MISSING) sotto_call_error(call, 1002, "thing", "message", "value", name, NULL);
    else sotto_api_fail(call, err);
    sotto_buf_free(&hold);
}

static void refused(struct sotto_node *n, struct sotto_call *call, enum sotto_err err, const struct sotto_contact *c, size_t size)
{
    const char *alias = c->alias[0] ? c->alias : "them";
    char bytes[24], most[24];
    (void)n;
    snprintf(bytes, sizeof bytes, "%zu", size);
    snprintf(most, sizeof most, "%u", SOTTO_TEXT_MAX);
    if (err == SOTTO_ERR_TOO_LONG) sotto_call_error(call, 1501, "n", bytes, "max", most, NULL);
    else if (err == SOTTO_ERR_FULL) sotto_call_error(call, 1504, "alias", alias, NULL);
    else if (err != SOTTO_ERR_STATE) sotto_api_fail(call, err);
    else if (c->blocked) sotto_call_error(call, 1405, "alias", alias, NULL);
    else if (c->state == SOTTO_CONTACT_ENDED) sotto_call_error(call, 1505, NULL);
    else if (c->state == SOTTO_CONTACT_FROZEN) sotto_call_error(call, 1303, "alias", alias, NULL);
    else sotto_call_error(call, 1009, "thing", "the contact", "state", sotto_contact_state_name(c->state), NULL);
}

static void message_send(void *ctx, struct sotto_call *call, const struct sotto_message_send_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_contact c;
    uint64_t reply_to = 0, message;
    if (!a || !sotto_contact_resolve(a, call, p->chat, &c)) return;
    if (p->reply_to && !number(call, p->reply_to, &reply_to)) return;
    struct sotto_id to = c.id;
    struct sotto_span subject = p->subject ? sotto_span_str(p->subject) : sotto_span(NULL, 0), text = sotto_span_str(p->text);
    enum sotto_message_kind kind = p->kind == SOTTO_MESSAGE_SEND_KIND_MAIL ? SOTTO_KIND_MAIL : SOTTO_KIND_TEXT;
    if (p->subject && kind != SOTTO_KIND_MAIL) {
        sotto_call_error(call, 1001, "field", "subject", "why", "only mail has one", NULL);
        return;
    }
    enum sotto_err err = n->backlog_count > SOTTO_BACKLOG_MAX - 64 ? SOTTO_ERR_FULL
                         : sotto_messenger_send(a->messenger, &message, &to, kind, subject, text, reply_to, p->life_ms ? *p->life_ms : 0, sotto_io_now(), &a->acts);
    if (err != SOTTO_OK) {
        refused(n, call, err, &c, text.size + subject.size);
        return;
    }
    sotto_txn_apply(n, a);
    answer(n, a, call, message);
}

struct listing { struct sotto_node_account *account; json_t *items; const char *query; const struct sotto_id *chat; uint64_t last, seen; size_t limit; };
static enum sotto_err list_one(void *ctx, const struct sotto_store_message *m)
{
    struct listing *l = ctx;
    struct sotto_history h;
    struct sotto_buf plain = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_row_open(&plain, &l->account->keys->sub[SOTTO_PURPOSE_MESSAGES], "message", m->id, "value", m->value);
    if (err == SOTTO_OK) err = sotto_history_decode(&h, m->id, sotto_buf_span(&plain));
    if (err == SOTTO_OK) {
        json_t *o = sotto_json_message(&h, &l->account->id);
        const char *text = json_string_value(json_object_get(o, "text")), *subject = json_string_value(json_object_get(o, "subject"));
        bool hit = !l->query || strcasestr(text, l->query) || (subject && strcasestr(subject, l->query));
        l->last = m->id;
        l->seen++;
        if (hit) json_array_append_new(l->items, o);
        else json_decref(o);
        if (l->query && (json_array_size(l->items) == l->limit || l->seen == SEARCH_ROWS_MAX)) err = SOTTO_ERR_AGAIN;      /* enough for one call */
    }
    sotto_buf_free(&plain);
    return err;
}

static void message_list(void *ctx, struct sotto_call *call, const struct sotto_message_list_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_contact c;
    uint8_t key[16];
    if (!a || !sotto_contact_resolve(a, call, p->chat, &c)) return;   /* answered: call and p are gone */
    struct sotto_store_query q = { .limit = (uint32_t)p->limit };
    if ((p->before && !number(call, p->before, &q.before)) || (p->after && !number(call, p->after, &q.after))) return;
    sotto_chat_key(key, a, &c.id);
    q.account = a->number;
    q.chat = SOTTO_SPAN(key);
    struct listing l = { .account = a, .items = json_array() };
    enum sotto_err err = sotto_store_message_list(n->store, &q, list_one, &l);
    if (err == SOTTO_OK) sotto_call_result(call, json_pack("{s:o}", "items", l.items));
    else {
        json_decref(l.items);
        sotto_api_fail(call, err);
    }
}

static void message_search(void *ctx, struct sotto_call *call, const struct sotto_message_search_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct sotto_contact c;
    uint8_t key[16];
    struct sotto_store_query q = { .limit = 0 };
    if (!a) return;
    if (p->after && !number(call, p->after, &q.after)) return;
    if (!p->after) q.after = 0;
    if (p->chat) {
        if (!sotto_contact_resolve(a, call, p->chat, &c)) return;
        sotto_chat_key(key, a, &c.id);
        q.chat = SOTTO_SPAN(key);
    }
    q.account = a->number;
    struct listing l = { .account = a, .items = json_array(), .query = p->query, .limit = p->limit };
    enum sotto_err err = sotto_store_message_list(n->store, &q, list_one, &l);
    if (err != SOTTO_OK && err != SOTTO_ERR_AGAIN) {
        json_decref(l.items);
        sotto_api_fail(call, err);
        return;
    }
    json_t *o = json_pack("{s:o}", "items", l.items);
    char next[18];
    sotto_message_name(next, l.last);
    if (err == SOTTO_ERR_AGAIN) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void message_get(void *ctx, struct sotto_call *call, const struct sotto_message_get_params *p)
{
    struct sotto_node_account *a = sotto_api_account(ctx, call);
    uint64_t message;
    if (a && number(call, p->message, &message)) answer(ctx, a, call, message);
}

static void message_resend(void *ctx, struct sotto_call *call, const struct sotto_message_resend_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    uint64_t message;
    if (!a || !number(call, p->message, &message)) return;
    struct sotto_history h;
    struct sotto_contact c;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, message, &h, &hold);
    if (err == SOTTO_OK) {
        bool known = sotto_messenger_contact(a->messenger, &h.m.chat, &c);
        err = !known || !h.m.own ? SOTTO_ERR_STATE : sotto_messenger_resend(a->messenger, &h.m, p->life_ms ? *p->life_ms : 0, sotto_io_now(), &a->acts);
        if (err == SOTTO_OK) sotto_txn_apply(n, a);
        else if (err == SOTTO_ERR_STATE && (!known || c.state == SOTTO_CONTACT_MUTUAL))
            sotto_call_error(call, 1009, "thing", "the message", "state", sotto_message_state_name(h.m.state), NULL);
        else refused(n, call, err, &c, h.m.text.size);
    } else {
        answer(n, a, call, message);
    }
    sotto_buf_free(&hold);
    if (err == SOTTO_OK) answer(n, a, call, message);
}

static void message_cancel(void *ctx, struct sotto_call *call, const struct sotto_message_cancel_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    uint64_t message;
    if (!a || !number(call, p->message, &message)) return;
    enum sotto_err err = sotto_messenger_cancel(a->messenger, message, sotto_io_now(), &a->acts);
    if (err == SOTTO_OK) {
        sotto_txn_apply(n, a);
        answer(n, a, call, message);
        return;
    }
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    if (sotto_rows_message_get(n, a, message, &h, &hold) == SOTTO_OK)
        sotto_call_error(call, 1009, "thing", "the message", "state", sotto_message_state_name(h.m.state), NULL);
    else sotto_call_error(call, 1002, "thing", "message", "value", p->message, NULL);
    sotto_buf_free(&hold);
}

static void message_remove(void *ctx, struct sotto_call *call, const struct sotto_message_remove_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    uint64_t message;
    if (!a || !number(call, p->message, &message)) return;
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, message, &h, &hold);
    if (err == SOTTO_OK && h.m.own && (h.m.state == SOTTO_MSG_QUEUED || h.m.state == SOTTO_MSG_WORKING)) {
        /* what has not left is taken back as well */
        if (sotto_messenger_cancel(a->messenger, message, sotto_io_now(), &a->acts) == SOTTO_OK) sotto_txn_apply(n, a);
    }
    json_t *was = err == SOTTO_OK ? sotto_json_message(&h, &a->id) : NULL;
    if (err == SOTTO_OK) err = sotto_rows_message_delete(n, a, message);
    if (err == SOTTO_OK) err = sotto_event_add(n, a, "chat.changed", json_pack("{s:o}", "chat", sotto_json_id(&h.m.chat)));
    sotto_buf_free(&hold);
    if (err == SOTTO_OK) {
        sotto_call_result(call, was);
        return;
    }
    json_decref(was);
    if (err == SOTTO_ERR_MISSING) sotto_call_error(call, 1002, "thing", "message", "value", p->message, NULL);
    else sotto_api_fail(call, err);
}

/* The way of a message, told from its states: what is not known is null, never guessed. */
static void message_trace(void *ctx, struct sotto_call *call, const struct sotto_message_trace_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    uint64_t message;
    if (!a || !number(call, p->message, &message)) return;
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, message, &h, &hold);
    if (err != SOTTO_OK) {
        sotto_buf_free(&hold);
        answer(n, a, call, message);
        return;
    }
    static const struct { enum sotto_message_state state; const char *step; } steps_of[] = {
        { SOTTO_MSG_QUEUED, "sealed" }, { SOTTO_MSG_WORKING, "work" }, { SOTTO_MSG_SENT, "first relay" }, { SOTTO_MSG_HELD, "mailbox" },
        { SOTTO_MSG_DELIVERED, "receipt" }, { SOTTO_MSG_READ, "receipt" }, { SOTTO_MSG_RECEIVED, "opened" },
    };
    json_t *steps = json_array();
    for (unsigned i = 0; i < h.state_count; i++)
        for (size_t k = 0; k < sizeof steps_of / sizeof steps_of[0]; k++) {
            if (steps_of[k].state != (enum sotto_message_state)h.states[i].state) continue;
            json_array_append_new(steps, json_pack("{s:s,s:I}", "step", steps_of[k].step, "ms", (json_int_t)h.states[i].ms));
        }
    size_t cells = (h.m.text.size + h.m.subject.size + 843) / 844;
    if (cells == 0) cells = 1;
    json_t *sees = json_object();
    json_object_set_new(sees, "relay", json_string("one envelope of 1052 bytes with a topic that never comes again; not from whom, to whom, or what"));
    json_object_set_new(sees, "peer", json_string("the first relay knows that the envelope came from this node"));
    json_object_set_new(sees, "ledger", json_string("nothing: the message is deniable"));
    json_object_set_new(sees, "guide", json_string("nothing: no guide is used"));
    json_object_set_new(sees, "wire", json_string("that this node sent something at this time: the profile is off, nothing covers it"));
    json_t *o = json_object();
    json_object_set_new(o, "message", json_string(p->message));
    json_object_set_new(o, "steps", steps);
    json_object_set_new(o, "bytes", json_integer((json_int_t)(cells * ENVELOPE_BYTES)));
    json_object_set_new(o, "workMs", json_null());
    json_object_set_new(o, "slotMs", json_null());
    json_object_set_new(o, "coverShare", json_integer(0));
    json_object_set_new(o, "sees", sees);
    sotto_buf_free(&hold);
    sotto_call_result(call, o);
}

void sotto_api_message_fill(struct sotto_api *api)
{
    sotto_api_chat_fill(api);
    api->message_send = message_send;
    api->message_list = message_list;
    api->message_get = message_get;
    api->message_search = message_search;
    api->message_resend = message_resend;
    api->message_cancel = message_cancel;
    api->message_remove = message_remove;
    api->message_trace = message_trace;
}
