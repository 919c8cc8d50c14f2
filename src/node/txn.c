/* One change = one transaction: rows, history and events of it become durable together; cells, puzzles and pushes leave after
 * the commit (write before you speak). */
#include "node/impl.h"

#include "base/plant.h"

#include <stdlib.h>

#define BATCH_CELLS_MAX 256u              /* a failed commit repeats them all: some tens of ms of work */
#define BATCH_US 4000u                    /* a flood must not keep answers waiting: about what a commit costs on a slow disk */
#define PROBE_AGAIN_US 5000000u           /* after a replay that could not be stored: a disk is given room by people, not in milliseconds */

void sotto_txn_fail(struct sotto_node *n, enum sotto_err err)
{
    SOTTO_ASSERT(n->txn_depth > 0);
    if (n->txn_err == SOTTO_OK) n->txn_err = err;
}

void sotto_txn_begin(struct sotto_node *n)
{
    if (n->batch && !n->flushing) sotto_batch_close(n);   /* what fails of one must not undo the other */
    if (n->txn_depth++ > 0) return;
    n->txn_err = sotto_store_begin(n->store);
    n->txn_changes = sotto_store_changes(n->store);
    n->txn_person = false;
    n->events_added = false;
    n->settings_changed = false;
}

/* A line that is missing or damaged on the disk cannot be changed: what else the cell brought must not fail with it, each time anew. */
static enum sotto_err line_gone(struct sotto_node *n, enum sotto_err err)
{
    if (err == SOTTO_ERR_AEAD || err == SOTTO_ERR_FORMAT) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "line-damaged", "reason=%s", sotto_err_name(err));
    else if (err != SOTTO_ERR_MISSING) return err;
    return SOTTO_OK;
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
    } else {
        err = line_gone(n, err);                          /* missing: the person removed it meanwhile */
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
    } else {
        err = line_gone(n, err);                          /* missing: a system message has no line, or the person removed it */
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
    if (act->row) return sotto_rows_message_delete(n, a, act->row);
    uint8_t chat[16];
    struct sotto_buf ids = sotto_buf_make(64u << 20);
    sotto_chat_key(chat, a, &act->contact);
    struct sotto_store_query q = { .account = a->number, .chat = SOTTO_SPAN(chat) };
    enum sotto_err err = sotto_store_message_list(n->store, &q, remove_one, &ids);
    for (size_t i = 0; err == SOTTO_OK && i < ids.size; i += 8) err = sotto_rows_message_delete(n, a, sotto_be64(ids.data + i));
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

static struct sotto_deferred *deferred_slot(struct sotto_node *n)
{
    if (n->deferred_count == n->deferred_cap) {
        size_t cap = n->deferred_cap ? 2 * n->deferred_cap : 64;
        struct sotto_deferred *more = realloc(n->deferred, cap * sizeof *more);
        if (!more) {
            sotto_txn_fail(n, SOTTO_ERR_NOMEM);
            return NULL;
        }
        n->deferred = more;
        n->deferred_cap = cap;
    }
    return &n->deferred[n->deferred_count++];
}

static void defer(struct sotto_node *n, struct sotto_node_account *a, struct sotto_act *act)
{
    struct sotto_deferred *d = deferred_slot(n);
    if (!d) return;
    *d = (struct sotto_deferred){ .account = a, .act = *act };
    act->bytes = sotto_buf_make(act->bytes.max);          /* moved */
}

void sotto_txn_after(struct sotto_node *n, sotto_after_fn *after, void *arg)
{
    struct sotto_deferred *d = n->txn_depth > 0 ? deferred_slot(n) : NULL;
    if (d) *d = (struct sotto_deferred){ .after = after, .arg = arg };
    else after(n, arg, n->txn_depth == 0);
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
        case SOTTO_ACT_EVENT:
            if (SOTTO_PLANTED(EVENT_BEHIND_COMMIT)) (void)!(sotto_store_commit(n->store) || sotto_store_begin(n->store));
            err = event(n, a, act);
            break;
        case SOTTO_ACT_CELL:
            if (SOTTO_PLANTED(CELL_BEFORE_COMMIT)) sotto_network_submit(n, a, act->row, sotto_buf_span(&act->bytes)), sotto_network_flush(n);
            else defer(n, a, act);
            break;
        case SOTTO_ACT_CELL_CANCEL:
        case SOTTO_ACT_SOLVE:
        case SOTTO_ACT_SOLVE_CANCEL: defer(n, a, act); break;
        case SOTTO_ACT_PROBE: a->probe = true; break;     /* with the end of the turn */
        }
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
    }
    sotto_acts_clear(&a->acts);
}

static void perform(struct sotto_node *n, struct sotto_deferred *d)
{
    struct sotto_act *act = &d->act;
    if (d->after) {
        d->after(n, d->arg, true);
        return;
    }
    if (!d->account->messenger) return;
    if (act->kind == SOTTO_ACT_CELL) sotto_network_submit(n, d->account, act->row, sotto_buf_span(&act->bytes));
    else if (act->kind == SOTTO_ACT_CELL_CANCEL) sotto_network_cancel(n, d->account, act->row);
    else if (act->kind == SOTTO_ACT_SOLVE) sotto_network_solve(n, d->account, act);
    else if (act->kind == SOTTO_ACT_SOLVE_CANCEL) sotto_network_unsolve(n, d->account, act->row);
}

static void drop_deferred(struct sotto_node *n)
{
    struct sotto_deferred *dropped = n->deferred;
    size_t count = n->deferred_count;
    n->deferred = NULL;
    n->deferred_count = n->deferred_cap = 0;
    for (size_t i = 0; i < count; i++) {
        if (dropped[i].after) dropped[i].after(n, dropped[i].arg, false);
        else sotto_buf_free(&dropped[i].act.bytes);
    }
    free(dropped);
}

/* The replay of the pool never runs inside the end of another transaction: one that fails again and again would never return. */
static void turn_soon(struct sotto_node *n)
{
    bool probe = false;
    for (unsigned i = 0; i < n->account_count; i++) probe |= n->accounts[i]->probe && n->accounts[i]->messenger;
    if (n->turn_timer && !n->stopping && (n->batch || probe)) sotto_timer_set(n->turn_timer, n->batch ? 0 : n->probe_us);
}

static void undo(struct sotto_node *n, bool disk)
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
        if (!a->dirty || SOTTO_PLANTED(FAILED_COMMIT_KEPT)) continue;
        a->dirty = false;
        /* memory ran ahead of the disk: the object is made again from what is stored, now if the disk takes writes, else by
         * sotto_accounts_tick. Only those of this transaction: one that failed to load is not tried again from inside its own loading */
        a->stalled = true;
        again[count++] = a;
    }
    for (unsigned i = 0; i < count; i++) {
        again[i]->probe = true;                           /* cells that were undone are still in the pool */
        if (again[i]->stalled && again[i]->keys) (void)!sotto_account_reload(n, again[i]);
    }
    if (disk && count) n->probe_us = sotto_io_now().mono_us + PROBE_AGAIN_US;
    turn_soon(n);
}

/* Commits, and how long the disk took is counted: apart for what people do (metrics.c). */
static enum sotto_err commit(struct sotto_node *n)
{
    bool wrote = sotto_store_changes(n->store) != n->txn_changes, person = n->txn_person;
    for (unsigned i = 0; i < n->account_count; i++) person |= n->accounts[i]->dirty;
    uint64_t before = sotto_io_now().mono_us;
    SOTTO_TRY(sotto_store_commit(n->store));
    if (wrote) sotto_histogram_add(&n->meters.fsync[person], sotto_io_now().mono_us - before);
    return SOTTO_OK;
}

enum sotto_err sotto_txn_end(struct sotto_node *n, bool ok)
{
    SOTTO_ASSERT(n->txn_depth > 0);
    if (!ok && n->txn_err == SOTTO_OK) n->txn_err = SOTTO_ERR_CANCELLED;
    if (--n->txn_depth > 0) return n->txn_err;
    enum sotto_err err = n->txn_err;
    n->txn_err = SOTTO_OK;
    if (err == SOTTO_OK) err = commit(n);
    if (err != SOTTO_OK) {
        undo(n, err != SOTTO_ERR_CANCELLED);
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
        if (!todo[i].after) sotto_buf_free(&todo[i].act.bytes);
    }
    free(todo);
    if (publish) sotto_events_publish(n);
    turn_soon(n);
    if (n->net && !n->stopping) sotto_network_flush(n);
    return SOTTO_OK;
}

/* ---- the batch ---- */

void sotto_batch_open(struct sotto_node *n)
{
    SOTTO_ASSERT(n->flushing && !n->batch);
    sotto_txn_begin(n);
    n->batch = true;
    n->batch_cells = 0;
    n->batch_us = sotto_io_now().mono_us;
    turn_soon(n);
}

bool sotto_batch_full(const struct sotto_node *n, struct sotto_now now)
{
    return n->txn_err != SOTTO_OK || n->batch_cells >= BATCH_CELLS_MAX || now.mono_us >= n->batch_us + BATCH_US;
}

void sotto_batch_close(struct sotto_node *n)
{
    if (!n->batch) return;
    /* new tags of these cells: what the pool has for them belongs to the same commit */
    bool may_probe = sotto_io_now().mono_us >= n->probe_us;
    for (unsigned i = 0; i < n->account_count && may_probe && n->txn_err == SOTTO_OK; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->probe || !a->messenger) continue;
        a->probe = false;
        sotto_network_probe(n, a);
    }
    n->batch = false;
    enum sotto_err err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
}

void sotto_turn_over(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    sotto_batch_close(n);
    for (unsigned i = 0; i < n->account_count && now.mono_us >= n->probe_us; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->probe || !a->messenger) continue;
        a->probe = false;
        sotto_txn_begin(n);
        sotto_network_probe(n, a);
        enum sotto_err err = sotto_txn_end(n, true);
        if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
    }
    turn_soon(n);
}
