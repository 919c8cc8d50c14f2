/* The frame: making, loading, one call from its beginning to its acts, time. */
#include "conversation/messenger_impl.h"

#include <stdlib.h>

enum { TAGS_MAX = 1u << 20, ACTIVE_STEP_MS = 5 * 60000, ROW_FIRST = 16, ACTS_FIRST = 32, ACT_BYTES_MAX = ROW_MAX };

const struct sotto_timing sotto_timing_default = {
    .hello_again_ms = { HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS },
    .hello_life_ms = 14 * DAY_MS,
    .reply_again_ms = HOUR_MS,
    .reply_again = 2,
    .message_life_ms = 14 * DAY_MS,
    .copies_first_day = 3,
    .copies_later_ms = DAY_MS,
    .cell_life_ms = 45 * MINUTE_MS,
    .old_session_ms = DAY_MS,
    .resync_every_ms = 10 * MINUTE_MS,
    .resync_silent_ms = DAY_MS,
    .decline_life_ms = 14 * DAY_MS,
    .request_life_ms = 14 * DAY_MS,
    .gap_ms = 10 * MINUTE_MS,
    .wide_ms = HOUR_MS,
    .away_ms = 15 * MINUTE_MS,
    .cert_warn_ms = 14 * DAY_MS,
    .cert_freeze_ms = 30 * DAY_MS,
    .uncollected_ms = 7 * DAY_MS,
    .uncollected_cells = 1000,
};

static const struct { const char *name, *purpose; bool backed_up; } tables[SOTTO_TABLE_COUNT] = {
    [SOTTO_TABLE_CONTACT] = { "contact", "contacts", true },   [SOTTO_TABLE_HELLO] = { "hello", "sessions", false },
    [SOTTO_TABLE_SESSION] = { "session", "sessions", false },  [SOTTO_TABLE_SKIPPED] = { "skipped", "skipped", false },
    [SOTTO_TABLE_OUTGOING] = { "outgoing", "messages", false }, [SOTTO_TABLE_CELL] = { "cell", "messages", false },
    [SOTTO_TABLE_PART] = { "part", "messages", false },        [SOTTO_TABLE_SEEN] = { "seen", "contacts", false },
    [SOTTO_TABLE_META] = { "meta", "contacts", false },
};
const char *sotto_table_name(enum sotto_table table) { return table < SOTTO_TABLE_COUNT ? tables[table].name : "unknown"; }
const char *sotto_table_purpose(enum sotto_table table) { return table < SOTTO_TABLE_COUNT ? tables[table].purpose : "contacts"; }
bool sotto_table_backed_up(enum sotto_table table) { return table < SOTTO_TABLE_COUNT && tables[table].backed_up; }

const char *sotto_contact_state_name(enum sotto_contact_state s)
{
    static const char *const names[SOTTO_CONTACT_STATES] = { "incoming", "requested", "accepted", "mutual", "declined", "unanswered", "frozen", "ended" };
    return s < SOTTO_CONTACT_STATES ? names[s] : "unknown";
}

const char *sotto_message_state_name(enum sotto_message_state s)
{
    static const char *const names[SOTTO_MSG_STATES] = { "queued", "working", "sent", "held", "delivered", "read", "expired", "failed", "cancelled", "received" };
    return s < SOTTO_MSG_STATES ? names[s] : "unknown";
}

/* ---- Lists ---- */

bool sotto_list_add(struct list *l, struct node *n)
{
    if (l->count == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 8;
        struct node **at = realloc(l->at, cap * sizeof *at);
        if (!at) return false;
        l->at = at;
        l->cap = cap;
    }
    l->at[l->count++] = n;
    return true;
}

static uint32_t place(const struct list *l, uint64_t row)                /* of row, or where it would be */
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->at[middle]->row < row) low = middle + 1;
        else high = middle;
    }
    return low;
}

struct node *sotto_list_find(const struct list *l, uint64_t row)
{
    uint32_t i = place(l, row);
    return i < l->count && l->at[i]->row == row ? l->at[i] : NULL;
}

void sotto_list_remove(struct list *l, const struct node *n)
{
    uint32_t i = place(l, n->row);
    if (i >= l->count || l->at[i] != n) return;
    memmove(&l->at[i], &l->at[i + 1], (l->count - i - 1) * sizeof l->at[0]);
    l->count--;
}

static int by_row(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    return x->row < y->row ? -1 : x->row > y->row;
}

void sotto_list_sort(struct list *l)
{
    if (l->count) qsort(l->at, l->count, sizeof l->at[0], by_row);
}

void sotto_list_free(struct list *l)
{
    free(l->at);
    *l = (struct list){ 0 };
}

/* ---- Acts ---- */

static void act_free(struct sotto_act *a)
{
    sotto_buf_free(&a->bytes);
    SOTTO_WIPE(*a);
}

void sotto_acts_clear(struct sotto_acts *acts)
{
    for (uint32_t i = 0; i < acts->count; i++) act_free(&acts->slots[i]);
    acts->count = 0;
}

void sotto_acts_free(struct sotto_acts *acts)
{
    sotto_acts_clear(acts);
    free(acts->slots);
    *acts = (struct sotto_acts){ 0 };
}

struct sotto_act *sotto_act_add(struct sotto_messenger *m, enum sotto_act_kind kind)
{
    struct sotto_acts *acts = m->acts;
    if (!m->failed && acts->count == acts->cap) {
        uint32_t cap = acts->cap ? 2 * acts->cap : ACTS_FIRST;
        struct sotto_act *slots = realloc(acts->slots, cap * sizeof *slots);
        if (slots) {
            acts->slots = slots;
            acts->cap = cap;
        } else {
            m->failed = true;
        }
    }
    struct sotto_act *a = &m->spare;
    if (m->failed) sotto_buf_free(&a->bytes);
    else a = &acts->slots[acts->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    a->bytes = sotto_buf_make(ACT_BYTES_MAX);
    a->ms = m->now_ms;
    return a;
}

void sotto_event_contact(struct sotto_messenger *m, const struct contact *c, enum sotto_event_kind event, enum sotto_contact_state before,
                         enum sotto_contact_state after)
{
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_EVENT);
    a->event = event;
    a->contact = c->id;
    a->before = before;
    a->after = after;
}

void sotto_event_chat(struct sotto_messenger *m, const struct contact *c, enum sotto_event_kind event, const char *what)
{
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_EVENT);
    a->event = event;
    a->contact = c->id;
    if (!what) return;
    if (sotto_buf_add(&a->bytes, what, strlen(what)) != SOTTO_OK) m->failed = true;
    a->message.text = sotto_buf_span(&a->bytes);
}

void sotto_contact_to(struct sotto_messenger *m, struct contact *c, enum sotto_contact_state state)
{
    enum sotto_contact_state before = c->state;
    if (before == state) return;
    c->state = state;
    if (state == SOTTO_CONTACT_MUTUAL) c->known = true;
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    sotto_event_contact(m, c, SOTTO_EVENT_CONTACT_STATE, before, state);
}

/* ---- One call ---- */

enum sotto_err sotto_begin(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts)
{
    if (m->failed) return SOTTO_ERR_NOMEM;
    m->acts = acts;
    m->acts_from = acts->count;
    m->now_ms = now.wall_ms;
    m->probe = false;
    return SOTTO_OK;
}

void sotto_mark(struct sotto_messenger *m, struct node *n)
{
    if (n->dirty) return;
    if (m->dirty_count == m->dirty_cap) {
        uint32_t cap = m->dirty_cap ? 2 * m->dirty_cap : ACTS_FIRST;
        struct node **more = realloc(m->dirty, cap * sizeof *more);
        if (!more) {
            m->failed = true;
            return;
        }
        m->dirty = more;
        m->dirty_cap = cap;
    }
    m->dirty[m->dirty_count++] = n;
    n->dirty = true;
}

void sotto_unmark(struct sotto_messenger *m, struct node *n)
{
    for (uint32_t i = m->dirty_count; n->dirty && i-- > 0;) {
        if (m->dirty[i] != n) continue;
        memmove(&m->dirty[i], &m->dirty[i + 1], (m->dirty_count - i - 1) * sizeof m->dirty[0]);
        m->dirty_count--;
        n->dirty = false;
    }
    if (!n->stored) return;
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_DELETE);
    a->table = n->table;
    a->row = n->row;
}

void sotto_touch(struct sotto_messenger *m, struct contact *c)
{
    if (c->touched) return;
    if (m->touched_count == m->touched_cap) {
        uint32_t cap = m->touched_cap ? 2 * m->touched_cap : ACTS_FIRST;
        struct contact **more = realloc(m->touched, cap * sizeof *more);
        if (!more) {
            m->failed = true;
            return;
        }
        m->touched = more;
        m->touched_cap = cap;
    }
    m->touched[m->touched_count++] = c;
    c->touched = true;
}

uint64_t sotto_row_next(struct sotto_messenger *m)
{
    sotto_mark(m, &m->meta);
    return m->next_row++;
}

uint64_t sotto_message_next(struct sotto_messenger *m, uint64_t count)
{
    uint64_t first = m->next_message;
    sotto_mark(m, &m->meta);
    m->next_message += count;
    return first;
}

void *sotto_new_node(struct sotto_messenger *m, size_t size, enum sotto_table table, bool guarded)
{
    struct node *n = guarded ? sotto_guard_new(size, NULL) : calloc(1, size);
    if (!n) {
        m->failed = true;
        return NULL;
    }
    n->table = table;
    n->row = sotto_row_next(m);
    return n;
}

static uint64_t deadline(const struct sotto_messenger *m)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        if (c->due_ms < due) due = c->due_ms;
    }
    for (uint32_t i = 0; i < m->cells.count; i++) {
        const struct cell *c = (const struct cell *)m->cells.at[i];
        if (c->hold_ms && c->hold_ms < due) due = c->hold_ms;
    }
    return due;
}

enum sotto_err sotto_finish(struct sotto_messenger *m, enum sotto_err err)
{
    if (err == SOTTO_OK && !m->failed && (m->acts->count > m->acts_from || m->dirty_count) && m->now_ms >= m->active_ms + ACTIVE_STEP_MS) {
        m->active_ms = m->now_ms;
        sotto_mark(m, &m->meta);
    }
    for (uint32_t i = 0; i < m->touched_count; i++) {
        m->touched[i]->due_ms = sotto_contact_due(m, m->touched[i]);
        m->touched[i]->touched = false;
    }
    if (m->touched_count || err == SOTTO_OK) m->deadline_ms = deadline(m);
    m->touched_count = 0;
    for (uint32_t i = 0; i < m->dirty_count && !m->failed; i++) {
        struct node *n = m->dirty[i];
        struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_PUT);
        a->table = n->table;
        a->row = n->row;
        if (sotto_row_encode(&a->bytes, m, n) != SOTTO_OK) m->failed = true;
        n->dirty = false;
        n->stored = true;
    }
    m->dirty_count = 0;
    if (m->probe && !m->failed) sotto_act_add(m, SOTTO_ACT_PROBE);
    if (m->failed) {                      /* memory ran out in the middle: nothing of this call may become durable, the object is lost */
        while (m->acts->count > m->acts_from) act_free(&m->acts->slots[--m->acts->count]);
        return SOTTO_ERR_NOMEM;
    }
    return err;
}

/* ---- Life ---- */

enum sotto_err sotto_messenger_new(struct sotto_messenger **out, const struct sotto_messenger_config *config)
{
    struct sotto_messenger *m = calloc(1, sizeof *m);
    if (!m) return SOTTO_ERR_NOMEM;
    m->config = *config;
    m->timing = sotto_timing_default;
    m->next_row = ROW_FIRST;
    m->next_message = 1;
    m->meta = (struct node){ .row = META_ROW, .table = SOTTO_TABLE_META };
    m->deadline_ms = UINT64_MAX;
    m->tables_max = config->tables_max < TABLES_MAX ? config->tables_max : TABLES_MAX;
    m->world = (struct sotto_session_world){ .rng = config->rng, .exchange = &config->keys->key[SOTTO_ROLE_EXCHANGE] };
    m->box = sotto_guard_new(sizeof *m->box, NULL);
    m->not_mine = calloc(NOT_MINE_SLOTS, sizeof *m->not_mine);
    enum sotto_err err = m->box && m->not_mine ? SOTTO_OK : SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) err = sotto_tags_new(&m->tags, TAGS_MAX);
    if (err == SOTTO_OK) err = sotto_cert_parse(&m->cert, config->cert);
    if (err == SOTTO_OK) err = sotto_box_keys_make(m->box, &config->keys->key[SOTTO_ROLE_EXCHANGE], NULL);
    if (err == SOTTO_OK && memcmp(m->box->exchange_pub.b, m->cert.xkey.b, sizeof m->cert.xkey.b) != 0) err = SOTTO_ERR_CERT_KEYS;
    if (err != SOTTO_OK) {
        sotto_messenger_free(m);
        return err;
    }
    memcpy(m->cert_bytes, config->cert.data, config->cert.size);
    m->config.cert = sotto_span(m->cert_bytes, config->cert.size);
    *out = m;
    return SOTTO_OK;
}

static void free_nodes(struct list *l)
{
    for (uint32_t i = 0; i < l->count; i++) free(l->at[i]);
    sotto_list_free(l);
}

void sotto_messenger_free(struct sotto_messenger *m)
{
    if (!m) return;
    for (uint32_t i = 0; i < m->talks.count; i++) sotto_talk_free(m, (struct talk *)m->talks.at[i]);
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        struct contact *c = (struct contact *)m->contacts.at[i];
        for (uint32_t k = 0; k < c->out.count; k++) sotto_outgoing_free((struct outgoing *)c->out.at[k]);
        free_nodes(&c->seen);
        sotto_contact_free(c);
    }
    for (uint32_t i = 0; i < m->out_loose.count; i++) sotto_outgoing_free((struct outgoing *)m->out_loose.at[i]);
    for (uint32_t i = 0; i < m->hellos.count; i++) sotto_guard_free(m->hellos.at[i]);
    for (uint32_t i = 0; i < m->cells.count; i++) sotto_cell_free((struct cell *)m->cells.at[i]);
    for (uint32_t i = 0; i < m->parts_loose.count; i++) sotto_wipe(m->parts_loose.at[i], sizeof(struct part));
    for (uint32_t i = 0; i < m->skipped_loose.count; i++) sotto_skipped_free((struct loose_skipped *)m->skipped_loose.at[i]);
    free_nodes(&m->h1s);
    free_nodes(&m->seen_loose);
    free_nodes(&m->parts_loose);
    sotto_list_free(&m->talks);
    sotto_list_free(&m->contacts);
    sotto_list_free(&m->out_loose);
    sotto_list_free(&m->hellos);
    sotto_list_free(&m->cells);
    sotto_list_free(&m->skipped_loose);
    sotto_tags_free(m->tags);
    sotto_guard_free(m->box);
    sotto_buf_free(&m->spare.bytes);
    free(m->not_mine);
    free(m->dirty);
    free(m->touched);
    sotto_wipe(m, sizeof *m);
    free(m);
}

/* ---- Time ---- */

void sotto_messenger_tick(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started || sotto_begin(m, now, acts) != SOTTO_OK) return;
    for (uint32_t i = 0; i < m->cells.count; i++) {
        struct cell *c = (struct cell *)m->cells.at[i];
        if (!c->hold_ms || c->hold_ms > m->now_ms) continue;
        c->hold_ms = 0;
        sotto_mark(m, &c->node);
        sotto_hand_out(m, c);
    }
    sotto_h1_trim(m);
    unsigned far = 0, tags = 0;
    for (uint32_t i = 0; i < m->contacts.count;) {
        struct contact *c = (struct contact *)m->contacts.at[i];
        for (uint32_t k = 0; k < c->talks.count; k++) {
            struct talk *t = (struct talk *)c->talks.at[k];
            if (t->tags_due && tags < TAGS_STEP) {
                t->tags_due = false;
                sotto_talk_tags(m, t);
                sotto_touch(m, c);
                tags++;
            }
            if (!t->far_due || t->tags_due || far == FAR_STEP) continue;
            t->far_due = false;
            sotto_talk_wide(m, t);
            sotto_touch(m, c);
            far++;
        }
        if (c->due_ms <= m->now_ms) sotto_contact_tick(m, c);
        if (i < m->contacts.count && (struct contact *)m->contacts.at[i] == c) i++;      /* a tick may remove a declined request */
    }
    (void)!sotto_finish(m, SOTTO_OK);
}

void sotto_messenger_away(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started || sotto_begin(m, now, acts) != SOTTO_OK) return;
    for (uint32_t i = 0; i < m->talks.count; i++) {
        struct talk *t = (struct talk *)m->talks.at[i];
        t->far_due = true;
        sotto_touch(m, t->contact);
    }
    (void)!sotto_finish(m, SOTTO_OK);
}

uint64_t sotto_messenger_deadline(const struct sotto_messenger *m) { return m->failed || !m->started ? UINT64_MAX : m->deadline_ms; }

void sotto_messenger_stats(const struct sotto_messenger *m, struct sotto_messenger_stats *out)
{
    *out = m->stats;
    out->tags = sotto_tags_count(m->tags);
}
