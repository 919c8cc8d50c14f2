/* The event log for people and bots (experience.md 2.4): written in the transaction of the change, ordered, at least once. A
 * cursor is "e" and the number of the last event seen; it belongs to the data directory. */
#include "node/impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MAX_MS 30000u
#define PUSH_BACKLOG_MAX (1u << 20)       /* a subscriber this far behind is told "lagging" once and pulls from then on */
#define SUBSCRIPTIONS_MAX 64u
#define PUSH_PAGE 200u                    /* events read at once for a subscriber */

/* The kinds and their numbers are the table's (api/methods.json); the number is what the store keeps. */
static int kind_number(const char *name)
{
    for (int i = 0; i < SOTTO_API_EVENT_COUNT; i++)
        if (strcmp(sotto_api_event_name((enum sotto_api_event)i), name) == 0) return i;
    return -1;
}

struct waiter { struct waiter *next; struct sotto_call *call; struct sotto_node *node; uint64_t after, kinds; uint32_t limit; struct sotto_timer *timer; };
struct subscription { struct subscription *next; uint64_t id, conn, after, kinds; bool lagging; };

enum sotto_err sotto_event_add(struct sotto_node *n, struct sotto_node_account *a, const char *kind, json_t *data)
{
    int number = kind_number(kind);
    SOTTO_ASSERT(number >= 0 && n->txn_depth > 0);
    char *text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    if (!text) return SOTTO_ERR_NOMEM;
    struct sotto_store_event e = { .ms = sotto_io_now().wall_ms, .account = a ? a->number : 0, .kind = (uint32_t)number, .value = sotto_span_str(text) };
    struct sotto_buf sealed = sotto_buf_make(1u << 20);
    enum sotto_err err = SOTTO_OK;
    if (a) {
        uint8_t nonce[24];
        sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
        err = sotto_row_seal(&sealed, &a->keys->sub[SOTTO_PURPOSE_MESSAGES], "event", e.ms, kind, e.value, nonce);
        e.value = sotto_buf_span(&sealed);
    }
    uint64_t seq;
    if (err == SOTTO_OK) err = sotto_store_event_add(n->store, &seq, &e);
    if (err == SOTTO_OK) n->events_added = true;
    sotto_buf_free(&sealed);
    sotto_wipe(text, strlen(text));
    free(text);
    return err;
}

/* The message of a message event as it is now; one that was removed keeps only its name. */
static void fill_message(struct sotto_node *n, struct sotto_node_account *a, json_t *data)
{
    uint64_t number;
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    if (sotto_message_parse(&number, json_string_value(json_object_get(data, "message"))) == SOTTO_OK &&
        sotto_rows_message_get(n, a, number, &h, &hold) == SOTTO_OK) {
        json_t *m = sotto_json_message(&h, &a->id);
        json_object_set(m, "state", json_object_get(data, "state"));      /* the state this event tells of */
        json_object_update(data, m);
        json_decref(m);
    }
    sotto_buf_free(&hold);
}

struct listing { struct sotto_node *node; json_t *events; bool locked; uint64_t last; };
static enum sotto_err list_one(void *ctx, const struct sotto_store_event *e)
{
    struct listing *l = ctx;
    struct sotto_node_account *a = e->account ? sotto_account_number(l->node, (uint32_t)e->account) : NULL;
    struct sotto_buf plain = sotto_buf_make(1u << 20);
    struct sotto_span value = e->value;
    if (e->kind >= SOTTO_API_EVENT_COUNT) return SOTTO_ERR_FORMAT;
    const char *kind = sotto_api_event_name((enum sotto_api_event)e->kind);
    if (e->account) {
        if (!a || !a->keys) {
            /* stop before it: a cursor must not pass what was never shown */
            l->locked = a != NULL;
            if (a) return SOTTO_ERR_LOCKED;
            l->last = e->seq;
            return SOTTO_OK;                              /* of an account that was removed */
        }
        enum sotto_err err = sotto_row_open(&plain, &a->keys->sub[SOTTO_PURPOSE_MESSAGES], "event", e->ms, kind, value);
        if (err != SOTTO_OK) {
            sotto_buf_free(&plain);
            return err;
        }
        value = sotto_buf_span(&plain);
    }
    json_t *data = json_loadb((const char *)value.data, value.size, 0, NULL);
    sotto_buf_free(&plain);
    if (!data) return SOTTO_ERR_FORMAT;
    if (a && (e->kind == SOTTO_API_EVENT_MESSAGE_NEW || e->kind == SOTTO_API_EVENT_MESSAGE_STATE)) fill_message(l->node, a, data);
    char cursor[32];
    snprintf(cursor, sizeof cursor, "e%" PRIu64, e->seq);
    json_t *o = json_object();
    json_object_set_new(o, "seq", json_integer((json_int_t)e->seq));
    json_object_set_new(o, "cursor", json_string(cursor));
    json_object_set_new(o, "ms", json_integer((json_int_t)e->ms));
    json_object_set_new(o, "account", a ? sotto_json_id(&a->id) : json_null());
    json_object_set_new(o, "kind", json_string(kind));
    json_object_set_new(o, "data", data);
    json_array_append_new(l->events, o);
    l->last = e->seq;
    return SOTTO_OK;
}

void sotto_cursor_text(char out[SOTTO_CURSOR_TEXT], uint64_t seq) { snprintf(out, SOTTO_CURSOR_TEXT, "e%" PRIu64, seq); }

static json_t *cursor_json(uint64_t seq)
{
    char text[SOTTO_CURSOR_TEXT];
    sotto_cursor_text(text, seq);
    return json_string(text);
}

bool sotto_cursor_parse(uint64_t *out, const char *text)
{
    char *end;
    if (text[0] != 'e' || text[1] < '0' || text[1] > '9') return false;
    *out = strtoull(text + 1, &end, 10);
    return *end == 0 && *out < 1ull << 62;
}

/* NULL with *err set when it cannot be told. *none: nothing to tell yet. */
static json_t *list(struct sotto_node *n, uint64_t after, uint64_t mask, uint32_t limit, bool *none, enum sotto_err *err)
{
    struct listing l = { .node = n, .events = json_array(), .last = after };
    uint64_t last = after, oldest, newest;
    *err = sotto_store_event_list(n->store, &last, after, mask, limit, list_one, &l);
    if (*err == SOTTO_ERR_LOCKED && json_array_size(l.events)) *err = SOTTO_OK, last = l.last;
    if (*err == SOTTO_OK) *err = sotto_store_event_range(n->store, &oldest, &newest);
    if (*err != SOTTO_OK) {
        json_decref(l.events);
        return NULL;
    }
    if (last < l.last) last = l.last;
    *none = json_array_size(l.events) == 0;
    json_t *o = json_object();
    json_object_set_new(o, "events", l.events);
    json_object_set_new(o, "cursor", cursor_json(last));
    json_object_set_new(o, "oldest", cursor_json(oldest ? oldest - 1 : 0));
    return o;
}

/* An account whose vault is just being opened is worth waiting for; one that stays locked is an answer. */
static bool opens_soon(const struct sotto_node *n)
{
    for (unsigned i = 0; i < n->account_count; i++)
        if (n->accounts[i]->opening) return true;
    return false;
}

static void answer(struct sotto_call *call, json_t *o, enum sotto_err err)
{
    if (o) sotto_call_result(call, o);
    else if (err == SOTTO_ERR_LOCKED) sotto_call_error(call, 1105, NULL);
    else sotto_api_fail(call, err);
}

static void waiter_free(struct waiter *w)
{
    struct waiter **at = (struct waiter **)&w->node->waiters;
    while (*at && *at != w) at = &(*at)->next;
    if (*at) *at = w->next;
    sotto_timer_free(w->timer);
    free(w);
}

static void wait_over(void *ctx, struct sotto_now now)
{
    struct waiter *w = ctx;
    struct sotto_node *n = w->node;
    bool none;
    enum sotto_err err;
    (void)now;
    sotto_batch_close(n);
    struct waiter *still = n->waiters;
    while (still && still != w) still = still->next;
    if (!still) return;                                   /* what was committed just now was its answer */
    json_t *o = list(n, w->after, w->kinds, w->limit, &none, &err);
    struct sotto_call *call = w->call;
    waiter_free(w);
    answer(call, o, err);
}

static void wait_cancel(void *ctx, struct sotto_call *call)
{
    (void)call;
    waiter_free(ctx);
}

/* One round: a page of what is new, or the word that it lags. False: nothing more for now. */
static bool push_page(struct sotto_node *n, struct subscription *s)
{
    if (!n->door) return false;
    char id[32];
    snprintf(id, sizeof id, "s%" PRIu64, s->id);
    if (sotto_door_backlog(n->door, s->conn) > PUSH_BACKLOG_MAX) {
        if (s->lagging) return false;
        s->lagging = true;
        json_t *event = json_object();
        json_object_set_new(event, "kind", json_string("lagging"));
        json_object_set_new(event, "cursor", cursor_json(s->after));
        struct sotto_buf text = sotto_buf_make(1u << 20);
        if (sotto_rpc_notification(&text, "sotto_event", json_pack("{s:s,s:o}", "subscription", id, "result", event)) == SOTTO_OK)
            (void)!sotto_door_push(n->door, s->conn, sotto_buf_span(&text));
        sotto_buf_free(&text);
        return false;
    }
    bool none;
    enum sotto_err err;
    json_t *o = list(n, s->after, s->kinds, PUSH_PAGE, &none, &err);
    if (!o) return false;
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(o, "events"), i, event)
    {
        struct sotto_buf text = sotto_buf_make(1u << 20);
        if (sotto_rpc_notification(&text, "sotto_event", json_pack("{s:s,s:O}", "subscription", id, "result", event)) == SOTTO_OK)
            (void)!sotto_door_push(n->door, s->conn, sotto_buf_span(&text));
        sotto_buf_free(&text);
    }
    uint64_t before = s->after;
    sotto_cursor_parse(&s->after, json_string_value(json_object_get(o, "cursor")));
    json_decref(o);
    return !none && s->after > before;
}

static void push(struct sotto_node *n, struct subscription *s)
{
    while (push_page(n, s)) continue;
}

void sotto_events_publish(struct sotto_node *n)
{
    for (struct waiter *w = n->waiters, *next; w; w = next) {
        next = w->next;
        bool none;
        enum sotto_err err;
        json_t *o = list(n, w->after, w->kinds, w->limit, &none, &err);
        if (o ? none : err == SOTTO_ERR_LOCKED && opens_soon(n)) {
            json_decref(o);
            continue;
        }
        struct sotto_call *call = w->call;
        waiter_free(w);
        answer(call, o, err);
    }
    for (struct subscription *s = n->subscriptions; s; s = s->next) push(n, s);
}

void sotto_events_closed(struct sotto_node *n, uint64_t conn)
{
    struct subscription **at = (struct subscription **)&n->subscriptions;
    while (*at) {
        struct subscription *s = *at;
        if (s->conn != conn) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s);
    }
}

void sotto_events_free(struct sotto_node *n)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): waiter_free takes the waiter out of the list
    while (n->waiters) waiter_free(n->waiters);
    while (n->subscriptions) sotto_events_closed(n, ((struct subscription *)n->subscriptions)->conn);
}

/* ---- methods ---- */

static bool start(struct sotto_node *n, struct sotto_call *call, const char *cursor, uint64_t *after, bool from_now)
{
    uint64_t oldest, newest;
    enum sotto_err err = sotto_store_event_range(n->store, &oldest, &newest);
    if (err != SOTTO_OK) {
        sotto_api_fail(call, err);
        return false;
    }
    *after = from_now ? newest : oldest ? oldest - 1 : 0;
    if (!cursor) return true;
    if (!sotto_cursor_parse(after, cursor) || *after > newest) {
        sotto_call_error(call, -32602, "field", "cursor", "why", "it is not a cursor of this node", NULL);
        return false;
    }
    if (*after + 1 < oldest) {
        char text[32];
        snprintf(text, sizeof text, "e%" PRIu64, oldest - 1);
        sotto_call_error(call, 1008, "time", "the oldest one kept", "oldest", text, NULL);
        return false;
    }
    return true;
}

static void event_list(void *ctx, struct sotto_call *call, const struct sotto_event_list_params *p)
{
    struct sotto_node *n = ctx;
    uint64_t after, mask = p->kinds;
    sotto_api_touch(n);
    if (!start(n, call, p->cursor, &after, false)) return;
    bool none;
    enum sotto_err err;
    json_t *o = list(n, after, mask, (uint32_t)p->limit, &none, &err);
    bool opening = !o && err == SOTTO_ERR_LOCKED && opens_soon(n);
    if ((o ? !none : !opening) || p->wait_ms == 0) {
        answer(call, o, err);
        return;
    }
    /* what was looked at and left out need not be looked at again */
    if (o) sotto_cursor_parse(&after, json_string_value(json_object_get(o, "cursor")));
    unsigned waiting = 0;
    for (struct waiter *w = n->waiters; w; w = w->next) waiting++;
    struct waiter *w = waiting < SOTTO_WAITERS_MAX ? calloc(1, sizeof *w) : NULL;
    if (!w || sotto_timer_new(&w->timer, n->loop, wait_over, w) != SOTTO_OK) {
        free(w);
        answer(call, o, err);                             /* too many wait already: answered at once, with nothing */
        return;
    }
    json_decref(o);
    w->call = call;
    w->node = n;
    w->after = after;
    w->kinds = mask;
    w->limit = (uint32_t)p->limit;
    w->next = n->waiters;
    n->waiters = w;
    uint64_t wait = (uint64_t)p->wait_ms > POLL_MAX_MS ? POLL_MAX_MS : (uint64_t)p->wait_ms;
    sotto_timer_set(w->timer, sotto_io_now().mono_us + wait * 1000);
    sotto_call_on_cancel(call, wait_cancel, w);
}

static void event_now(void *ctx, struct sotto_call *call, const struct sotto_event_now_params *p)
{
    struct sotto_node *n = ctx;
    uint64_t oldest, newest;
    (void)p;
    enum sotto_err err = sotto_store_event_range(n->store, &oldest, &newest);
    if (err != SOTTO_OK) sotto_api_fail(call, err);
    else sotto_call_result(call, json_pack("{s:o}", "cursor", cursor_json(newest)));
}

static void event_subscribe(void *ctx, struct sotto_call *call, const struct sotto_event_subscribe_params *p)
{
    struct sotto_node *n = ctx;
    uint64_t after;
    unsigned count = 0;
    for (struct subscription *s = n->subscriptions; s; s = s->next) count++;
    if (!sotto_call_can_subscribe(call)) {
        sotto_call_error(call, -32601, "why", "notifications not supported", NULL);
        return;
    }
    if (!start(n, call, p->cursor, &after, true)) return;
    struct subscription *s = count < SUBSCRIPTIONS_MAX ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        sotto_call_error(call, 1003, "retryMs", "60000", NULL);
        return;
    }
    *s = (struct subscription){ .next = n->subscriptions, .id = ++n->next_subscription, .conn = (uint64_t)(uintptr_t)sotto_call_conn(call), .after = after, .kinds = p->kinds };
    n->subscriptions = s;
    char id[32];
    snprintf(id, sizeof id, "s%" PRIu64, s->id);
    sotto_call_result(call, json_string(id));
    push(n, s);
}

static void event_unsubscribe(void *ctx, struct sotto_call *call, const struct sotto_event_unsubscribe_params *p)
{
    struct sotto_node *n = ctx;
    uint64_t conn = (uint64_t)(uintptr_t)sotto_call_conn(call);
    for (struct subscription **at = (struct subscription **)&n->subscriptions; *at; at = &(*at)->next) {
        char id[32];
        snprintf(id, sizeof id, "s%" PRIu64, (*at)->id);
        if ((*at)->conn != conn || strcmp(id, p->subscription) != 0) continue;
        struct subscription *gone = *at;
        *at = gone->next;
        free(gone);
        sotto_call_result(call, json_true());
        return;
    }
    sotto_call_error(call, 1002, "thing", "subscription", NULL);
}

void sotto_api_event_fill(struct sotto_api *api)
{
    api->event_list = event_list;
    api->event_now = event_now;
    api->event_subscribe = event_subscribe;
    api->event_unsubscribe = event_unsubscribe;
}
