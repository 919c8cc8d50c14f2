/* From stored rows to a running messenger: each row by itself, then what they say of each other, then what must go on. */
#include "conversation/messenger_impl.h"

#include <stdlib.h>


void sotto_skipped_free(struct loose_skipped *s)
{
    sotto_wipe(s, sizeof *s);
    free(s);
}

static enum sotto_err load_one(struct sotto_messenger *m, enum sotto_table table, struct node **made, struct sotto_span bytes)
{
    static const size_t sizes[SOTTO_TABLE_COUNT] = {
        [SOTTO_TABLE_CONTACT] = sizeof(struct contact), [SOTTO_TABLE_SESSION] = sizeof(struct talk), [SOTTO_TABLE_OUTGOING] = sizeof(struct outgoing),
        [SOTTO_TABLE_SKIPPED] = sizeof(struct loose_skipped), [SOTTO_TABLE_CELL] = sizeof(struct cell), [SOTTO_TABLE_PART] = sizeof(struct part), [SOTTO_TABLE_SEEN] = sizeof(struct seen),
    };
    bool hello = table == SOTTO_TABLE_HELLO, h1 = hello && bytes.size >= 2 && bytes.data[1] == HELLO_H1;
    struct list *into = NULL;
    struct node *n = NULL;
    if (hello && !h1) n = sotto_guard_new(sizeof(struct hello), NULL);
    else n = calloc(1, h1 ? sizeof(struct h1) : sizes[table]);
    if (!n) return SOTTO_ERR_NOMEM;
    enum sotto_err err = SOTTO_ERR_FORMAT;
    switch (table) {
    case SOTTO_TABLE_CONTACT: err = sotto_contact_decode((struct contact *)n, bytes), into = &m->contacts; break;
    case SOTTO_TABLE_HELLO:
        err = h1 ? sotto_h1_decode((struct h1 *)n, bytes) : sotto_hello_decode((struct hello *)n, bytes);
        into = h1 ? &m->h1s : &m->hellos;
        break;
    case SOTTO_TABLE_SESSION: err = sotto_talk_decode((struct talk *)n, bytes), into = &m->talks;
        if (err == SOTTO_OK) sotto_heal_loaded((struct talk *)n);
        break;
    case SOTTO_TABLE_SKIPPED:
        err = sotto_skipped_decode(&((struct loose_skipped *)n)->e, &((struct loose_skipped *)n)->talk_row, bytes);
        into = &m->skipped_loose;
        break;
    case SOTTO_TABLE_OUTGOING: err = sotto_outgoing_decode((struct outgoing *)n, bytes), into = &m->out_loose; break;
    case SOTTO_TABLE_CELL: err = sotto_cell_decode((struct cell *)n, bytes), into = &m->cells; break;
    case SOTTO_TABLE_PART: err = sotto_part_decode((struct part *)n, bytes), into = &m->parts_loose; break;
    case SOTTO_TABLE_SEEN: err = sotto_seen_decode((struct seen *)n, bytes), into = &m->seen_loose; break;
    case SOTTO_TABLE_META:
    case SOTTO_TABLE_COUNT: break;
    }
    n->table = table;
    n->stored = true;
    if (err == SOTTO_OK && !sotto_list_add(into, n)) err = SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) {
        *made = n;
        return SOTTO_OK;
    }
    if (hello && !h1) sotto_guard_free(n);
    else if (table == SOTTO_TABLE_SKIPPED) sotto_skipped_free((struct loose_skipped *)n);
    else if (table == SOTTO_TABLE_SESSION) sotto_talk_free(m, (struct talk *)n);
    else if (table == SOTTO_TABLE_OUTGOING) sotto_outgoing_free((struct outgoing *)n);
    else if (table == SOTTO_TABLE_CELL) sotto_cell_free((struct cell *)n);
    else free(n);
    return err;
}

enum sotto_err sotto_messenger_load(struct sotto_messenger *m, enum sotto_table table, uint64_t row, struct sotto_span bytes)
{
    if (m->started) return SOTTO_ERR_STATE;
    if (table >= SOTTO_TABLE_COUNT || row == 0 || row == UINT64_MAX) return SOTTO_ERR_FORMAT;
    if (table == SOTTO_TABLE_META) {
        uint64_t next;
        if (row != META_ROW) return SOTTO_ERR_FORMAT;
        SOTTO_TRY(sotto_meta_decode(&next, &m->next_message, &m->active_ms, bytes));
        if (next > m->next_row) m->next_row = next;
        m->meta.stored = true;
        return SOTTO_OK;
    }
    struct node *n = NULL;
    SOTTO_TRY(load_one(m, table, &n, bytes));
    n->row = row;
    if (table == SOTTO_TABLE_SKIPPED) ((struct loose_skipped *)n)->e.row = row;
    if (row >= m->next_row) m->next_row = row + 1;
    return SOTTO_OK;
}

static bool unique(const struct list *l)
{
    for (uint32_t i = 1; i < l->count; i++)
        if (l->at[i - 1]->row == l->at[i]->row) return false;
    return true;
}

/* Everything that names another row must find it, before anything is bound. */
static enum sotto_err check_links(const struct sotto_messenger *m)
{
    const struct list *all[] = { &m->contacts, &m->talks, &m->hellos, &m->h1s, &m->cells, &m->out_loose, &m->parts_loose, &m->seen_loose, &m->skipped_loose };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!unique(all[i])) return SOTTO_ERR_DAMAGED;
    for (uint32_t i = 0; i < m->contacts.count; i++)
        if (sotto_contact_find(m, &((struct contact *)m->contacts.at[i])->id) != (struct contact *)m->contacts.at[i]) return SOTTO_ERR_DAMAGED;
    for (uint32_t i = 0; i < m->talks.count; i++) {
        const struct talk *t = (const struct talk *)m->talks.at[i];
        if (!sotto_contact_find(m, &t->id) || !sotto_id_equal(&t->s->core.own, &m->cert.id)) return SOTTO_ERR_DAMAGED;
    }
    for (uint32_t i = 0; i < m->hellos.count; i++) {
        const struct hello *h = (const struct hello *)m->hellos.at[i];
        if (!sotto_contact_find(m, &h->id) || (h->kind == HELLO_REPLY && !sotto_list_find(&m->talks, h->talk_row))) return SOTTO_ERR_DAMAGED;
    }
    for (uint32_t i = 0; i < m->out_loose.count; i++) {
        const struct outgoing *o = (const struct outgoing *)m->out_loose.at[i];
        const struct talk *t = o->talk_row ? (const struct talk *)sotto_list_find(&m->talks, o->talk_row) : NULL;
        if (!sotto_contact_find(m, &o->id) || (o->talk_row && (!t || !sotto_id_equal(&t->id, &o->id)))) return SOTTO_ERR_DAMAGED;
    }
    for (uint32_t i = 0; i < m->cells.count; i++) {
        const struct cell *c = (const struct cell *)m->cells.at[i];
        const struct list *owners = c->kind == CELL_OUTGOING ? &m->out_loose : &m->hellos;
        if (c->kind != CELL_LOOSE && !sotto_list_find(owners, c->owner)) return SOTTO_ERR_DAMAGED;
    }
    for (uint32_t i = 0; i < m->parts_loose.count; i++)
        if (!sotto_list_find(&m->talks, ((const struct part *)m->parts_loose.at[i])->talk_row)) return SOTTO_ERR_DAMAGED;
    for (uint32_t i = 0; i < m->seen_loose.count; i++)
        if (!sotto_contact_find(m, &((const struct seen *)m->seen_loose.at[i])->id)) return SOTTO_ERR_DAMAGED;
    for (uint32_t i = 0; i < m->skipped_loose.count; i++)
        if (!sotto_list_find(&m->talks, ((const struct loose_skipped *)m->skipped_loose.at[i])->talk_row)) return SOTTO_ERR_DAMAGED;
    return SOTTO_OK;
}

static enum sotto_err bind_links(struct sotto_messenger *m)
{
    for (uint32_t i = 0; i < m->talks.count; i++) {
        struct talk *t = (struct talk *)m->talks.at[i];
        t->contact = sotto_contact_find(m, &t->id);
        if (!sotto_list_add(&t->contact->talks, &t->node)) return SOTTO_ERR_NOMEM;
    }
    for (; m->out_loose.count; m->out_loose.count--) {                   /* from the end, so that what moved is in one list only */
        struct outgoing *o = (struct outgoing *)m->out_loose.at[m->out_loose.count - 1];
        o->contact = sotto_contact_find(m, &o->id);
        o->talk = o->talk_row ? (struct talk *)sotto_list_find(&m->talks, o->talk_row) : NULL;
        if (!sotto_list_add(&o->contact->out, &o->node)) return SOTTO_ERR_NOMEM;
        if (o->message && o->state <= OUT_FLYING) o->contact->unacked++;
    }
    for (; m->parts_loose.count; m->parts_loose.count--) {
        struct part *p = (struct part *)m->parts_loose.at[m->parts_loose.count - 1];
        if (!sotto_list_add(&((struct talk *)sotto_list_find(&m->talks, p->talk_row))->parts, &p->node)) return SOTTO_ERR_NOMEM;
    }
    for (; m->seen_loose.count; m->seen_loose.count--) {
        struct seen *s = (struct seen *)m->seen_loose.at[m->seen_loose.count - 1];
        if (!sotto_list_add(&sotto_contact_find(m, &s->id)->seen, &s->node)) return SOTTO_ERR_NOMEM;
    }
    for (; m->skipped_loose.count; m->skipped_loose.count--) {
        struct loose_skipped *s = (struct loose_skipped *)m->skipped_loose.at[m->skipped_loose.count - 1];
        struct talk *t = (struct talk *)sotto_list_find(&m->talks, s->talk_row);
        SOTTO_TRY(sotto_session_put_skipped(t->s, &s->e));
        sotto_skipped_free(s);
    }
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        struct contact *c = (struct contact *)m->contacts.at[i];
        sotto_list_sort(&c->out);
        sotto_list_sort(&c->seen);
        sotto_contact_unread(c);
    }
    for (uint32_t i = 0; i < m->talks.count; i++) sotto_list_sort(&((struct talk *)m->talks.at[i])->parts);
    return SOTTO_OK;
}

void sotto_hand_out(struct sotto_messenger *m, const struct cell *c)
{
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_CELL);
    a->row = c->node.row;
    a->contact = c->id;
    if (sotto_buf_add_span(&a->bytes, sotto_buf_span(&c->sealed)) != SOTTO_OK) m->failed = true;
}

enum sotto_err sotto_messenger_start(struct sotto_messenger *m, uint64_t next_message, struct sotto_now now, struct sotto_acts *acts)
{
    if (m->started) return SOTTO_ERR_STATE;
    struct list *all[] = { &m->contacts, &m->talks, &m->hellos, &m->h1s, &m->cells, &m->out_loose, &m->parts_loose, &m->seen_loose, &m->skipped_loose };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) sotto_list_sort(all[i]);
    SOTTO_TRY(check_links(m));
    SOTTO_TRY(bind_links(m));
    SOTTO_TRY(sotto_begin(m, now, acts));
    m->started = true;
    if (next_message > m->next_message) m->next_message = next_message;
    bool away = m->active_ms && now.wall_ms > m->active_ms + m->timing.away_ms;
    for (uint32_t i = 0; i < m->talks.count; i++) {
        struct talk *t = (struct talk *)m->talks.at[i];
        if (i < TAGS_STEP) sotto_talk_tags(m, t);
        else t->tags_due = true;
        if (away) t->far_due = true;
        if (t->last_in_ms + DAY_MS > m->now_ms) sotto_idle_due(m, t);    /* who has been quiet for longer is met when it happens */
    }
    for (uint32_t i = 0; i < m->cells.count; i++) {
        struct cell *c = (struct cell *)m->cells.at[i];
        if (!c->sent && !c->hold_ms) sotto_hand_out(m, c);
        struct contact *contact = sotto_contact_find(m, &c->id);
        if (contact && !c->sent && c->kind == CELL_OUTGOING) contact->unsent++;
    }
    sotto_hello_solve_again(m);
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        struct contact *c = (struct contact *)m->contacts.at[i];
        sotto_pump(m, c);
        sotto_touch(m, c);
    }
    if (m->talks.count) m->probe = true;
    return sotto_finish(m, SOTTO_OK);
}
