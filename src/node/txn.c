/* One change = one transaction: rows, history and events of it become durable together; cells, puzzles and pushes leave after
 * the commit (write before you speak). */
#include "node/impl.h"

#include <stdlib.h>

void sotto_txn_fail(struct sotto_node *n, enum sotto_err err)
{
    SOTTO_ASSERT(n->txn_depth > 0);
    if (n->txn_err == SOTTO_OK) n->txn_err = err;
}

void sotto_txn_begin(struct sotto_node *n)
{
    if (n->txn_depth++ > 0) return;
    n->txn_err = sotto_store_begin(n->store);
    n->events_added = false;
    n->settings_changed = false;
}

static enum sotto_err history_state(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act)
{
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, act->message.message, &h, &hold);
    if (err == SOTTO_OK) {
        sotto_history_state(&h, act->message.state, act->ms);
        if (act->message.number) h.m.number = act->message.number;           /* one that waited gets its number when it is sealed */
        if (!sotto_all_zero(act->message.mid, sizeof act->message.mid)) memcpy(h.m.mid, act->message.mid, sizeof h.m.mid);
        err = sotto_rows_message_put(n, a, &h);
    } else if (err == SOTTO_ERR_MISSING) {
        err = SOTTO_OK;                                   /* the person removed the line meanwhile */
    }
    sotto_buf_free(&hold);
    return err;
}

static enum sotto_err history_gap(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act)
{
    struct sotto_history h;
    struct sotto_buf hold = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_rows_message_get(n, a, act->message.message, &h, &hold);
    if (err == SOTTO_OK) {
        h.m.gap_before = act->number;
        err = sotto_rows_message_put(n, a, &h);
    } else if (err == SOTTO_ERR_MISSING) {
        err = SOTTO_OK;                                   /* a system message has no line, or the person removed it */
    }
    sotto_buf_free(&hold);
    return err;
}

static enum sotto_err remove_one(void *ctx, const struct sotto_store_message *m)
{
    return sotto_buf_add_u64(ctx, m->id);
}

static enum sotto_err history_remove(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act)
{
    if (act->row) return sotto_store_message_delete(n->store, a->number, act->row);
    uint8_t chat[16];
    struct sotto_buf ids = sotto_buf_make(64u << 20);
    sotto_chat_key(chat, a, &act->contact);
    struct sotto_store_query q = { .account = a->number, .chat = SOTTO_SPAN(chat) };
    enum sotto_err err = sotto_store_message_list(n->store, &q, remove_one, &ids);
    for (size_t i = 0; err == SOTTO_OK && i < ids.size; i += 8) err = sotto_store_message_delete(n->store, a->number, sotto_be64(ids.data + i));
    sotto_buf_free(&ids);
    return err;
}

static const char *event_name(enum sotto_event_kind kind)
{
    switch (kind) {
    case SOTTO_EVENT_CONTACT_REQUEST: return "contact.request";
    case SOTTO_EVENT_CONTACT_STATE: return "contact.state";
    case SOTTO_EVENT_CONTACT_KEY: return "contact.key";
    case SOTTO_EVENT_MESSAGE_NEW: return "message.new";
    case SOTTO_EVENT_MESSAGE_STATE: return "message.state";
    case SOTTO_EVENT_MESSAGE_GAP: return "message.gap";
    case SOTTO_EVENT_CHAT_CHANGED: return "chat.changed";
    case SOTTO_EVENT_CHAT_SYSTEM: return "chat.system";
    }
    return "chat.changed";
}

/* An event carries what it announces as it was then; the message itself is read again when the event is listed, so its text is
 * stored once. */
static enum sotto_err event(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act)
{
    json_t *data = json_object();
    char name[18];
    switch (act->event) {
    case SOTTO_EVENT_CONTACT_REQUEST:
    case SOTTO_EVENT_CONTACT_STATE:
    case SOTTO_EVENT_CONTACT_KEY: {
        struct sotto_contact c;
        if (sotto_messenger_contact(a->messenger, &act->contact, &c)) {
            json_t *contact = sotto_json_contact(&c);
            if (act->event == SOTTO_EVENT_CONTACT_STATE) json_object_set_new(contact, "state", json_string(sotto_contact_state_name(act->after)));
            json_object_set_new(data, "contact", contact);
        } else {
            json_t *contact = json_object();              /* removed in the same step */
            json_object_set_new(contact, "id", sotto_json_id(&act->contact));
            json_object_set_new(contact, "state", json_string(sotto_contact_state_name(act->after)));
            json_object_set_new(data, "contact", contact);
        }
        if (act->event == SOTTO_EVENT_CONTACT_STATE) {
            /* a contact that was not there, or had been ended, had no state worth telling */
            json_object_set_new(data, "before", act->before == SOTTO_CONTACT_ENDED ? json_null() : json_string(sotto_contact_state_name(act->before)));
            json_object_set_new(data, "after", json_string(sotto_contact_state_name(act->after)));
        }
        break;
    }
    case SOTTO_EVENT_MESSAGE_NEW:
    case SOTTO_EVENT_MESSAGE_STATE:
        sotto_message_name(name, act->message.message);
        json_object_set_new(data, "message", json_string(name));
        json_object_set_new(data, "chat", sotto_json_id(&act->contact));
        json_object_set_new(data, "state", json_string(sotto_message_state_name(act->message.state)));
        break;
    case SOTTO_EVENT_MESSAGE_GAP:
        json_object_set_new(data, "chat", sotto_json_id(&act->contact));
        json_object_set_new(data, "number", json_integer(act->number));
        break;
    case SOTTO_EVENT_CHAT_CHANGED:
    case SOTTO_EVENT_CHAT_SYSTEM:
        json_object_set_new(data, "chat", sotto_json_id(&act->contact));
        if (act->message.text.size) json_object_set_new(data, "what", sotto_json_text(act->message.text));
        break;
    }
    return sotto_event_add(n, a, event_name(act->event), data);
}

static void defer(struct sotto_node *n, struct sotto_node_account *a, struct sotto_act *act)
{
    if (n->deferred_count == n->deferred_cap) {
        size_t cap = n->deferred_cap ? 2 * n->deferred_cap : 64;
        struct sotto_deferred *more = realloc(n->deferred, cap * sizeof *more);
        if (!more) {
            sotto_txn_fail(n, SOTTO_ERR_NOMEM);
            return;
        }
        n->deferred = more;
        n->deferred_cap = cap;
    }
    n->deferred[n->deferred_count++] = (struct sotto_deferred){ a, *act };
    act->bytes = sotto_buf_make(act->bytes.max);          /* moved */
}

void sotto_txn_apply(struct sotto_node *n, struct sotto_node_account *a)
{
    SOTTO_ASSERT(n->txn_depth > 0);
    for (uint32_t i = 0; i < a->acts.count; i++) {
        struct sotto_act *act = &a->acts.slots[i];
        enum sotto_err err = SOTTO_OK;
        a->dirty = true;
        if (n->txn_err != SOTTO_OK) break;
        switch (act->kind) {
        case SOTTO_ACT_PUT: err = sotto_rows_put(n, a, act->table, act->row, sotto_buf_span(&act->bytes)); break;
        case SOTTO_ACT_DELETE: err = sotto_store_delete(n->store, a->number, sotto_table_name(act->table), act->row); break;
        case SOTTO_ACT_HISTORY_ADD: {
            struct sotto_history h = { .m = act->message };
            sotto_history_state(&h, act->message.state, act->message.own ? act->message.ms : act->message.arrived_ms);
            err = sotto_rows_message_put(n, a, &h);
            break;
        }
        case SOTTO_ACT_HISTORY_STATE: err = history_state(n, a, act); break;
        case SOTTO_ACT_HISTORY_GAP: err = history_gap(n, a, act); break;
        case SOTTO_ACT_HISTORY_REMOVE: err = history_remove(n, a, act); break;
        case SOTTO_ACT_EVENT: err = event(n, a, act); break;
        case SOTTO_ACT_CELL:
        case SOTTO_ACT_CELL_CANCEL:
        case SOTTO_ACT_SOLVE:
        case SOTTO_ACT_SOLVE_CANCEL:
        case SOTTO_ACT_PROBE: defer(n, a, act); break;
        }
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
    }
    sotto_acts_clear(&a->acts);
}

static void perform(struct sotto_node *n, struct sotto_deferred *d)
{
    struct sotto_act *act = &d->act;
    if (!d->account->messenger) return;
    if (act->kind == SOTTO_ACT_CELL) sotto_network_submit(n, d->account, act->row, sotto_buf_span(&act->bytes));
    else if (act->kind == SOTTO_ACT_CELL_CANCEL) sotto_network_cancel(n, d->account, act->row);
    else if (act->kind == SOTTO_ACT_SOLVE) sotto_network_solve(n, d->account, act);
    else if (act->kind == SOTTO_ACT_SOLVE_CANCEL) sotto_network_unsolve(n, d->account, act->row);
    else if (act->kind == SOTTO_ACT_PROBE) d->account->probe = true;
}

static void drop_deferred(struct sotto_node *n)
{
    for (size_t i = 0; i < n->deferred_count; i++) sotto_buf_free(&n->deferred[i].act.bytes);
    n->deferred_count = 0;
}

static void undo(struct sotto_node *n)
{
    sotto_store_rollback(n->store);
    drop_deferred(n);
    n->events_added = false;
    sotto_accounts_current_load(n);
    if (n->settings_changed) sotto_config_again(n);
    n->settings_changed = false;
    struct sotto_node_account *again[SOTTO_ACCOUNTS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        sotto_acts_clear(&a->acts);
        if (!a->dirty) continue;
        a->dirty = false;
        /* memory ran ahead of the disk: the object is made again from what is stored, now if the disk takes writes, else by
         * sotto_accounts_tick. Only those of this transaction: one that failed to load is not tried again from inside its own loading */
        a->stalled = true;
        again[count++] = a;
    }
    for (unsigned i = 0; i < count; i++)
        if (again[i]->stalled && again[i]->keys) (void)!sotto_account_reload(n, again[i]);
}

enum sotto_err sotto_txn_end(struct sotto_node *n, bool ok)
{
    SOTTO_ASSERT(n->txn_depth > 0);
    if (!ok && n->txn_err == SOTTO_OK) n->txn_err = SOTTO_ERR_CANCELLED;
    if (--n->txn_depth > 0) return n->txn_err;
    enum sotto_err err = n->txn_err;
    n->txn_err = SOTTO_OK;
    if (err == SOTTO_OK) err = sotto_store_commit(n->store);
    if (err != SOTTO_OK) {
        undo(n);
        return err;
    }
    struct sotto_deferred *todo = n->deferred;
    size_t count = n->deferred_count;
    n->deferred = NULL;
    n->deferred_count = n->deferred_cap = 0;
    bool publish = n->events_added;
    n->events_added = false;
    for (unsigned i = 0; i < n->account_count; i++) n->accounts[i]->dirty = false;
    for (size_t i = 0; i < count; i++) {
        perform(n, &todo[i]);
        sotto_buf_free(&todo[i].act.bytes);
    }
    free(todo);
    if (publish) sotto_events_publish(n);
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->probe) continue;
        a->probe = false;
        sotto_txn_begin(n);
        sotto_network_probe(n, a);
        enum sotto_err again = sotto_txn_end(n, true);
        if (again != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(again));
    }
    if (n->net && !n->stopping) sotto_network_flush(n);
    return SOTTO_OK;
}
