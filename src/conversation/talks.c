/* Sessions of a contact: their tags, skipped keys, which one sends, when one is wiped (messaging.md 3.5, 4.5, 4.6, 4.9). */
#include "base/plant.h"
#include "conversation/messenger_impl.h"

#include <limits.h>
#include <stdlib.h>

struct talk *sotto_talk_new(struct sotto_messenger *m, struct contact *c, const struct sotto_session_start *start, uint32_t generation)
{
    struct talk *t = sotto_new_node(m, sizeof *t, SOTTO_TABLE_SESSION, false);
    if (!t) return NULL;
    if (sotto_session_new(&t->s, start, m->world.exchange) != SOTTO_OK || !sotto_list_add(&m->talks, &t->node)) {
        m->failed = true;
        sotto_talk_free(m, t);
        return NULL;
    }
    if (!sotto_list_add(&c->talks, &t->node)) m->failed = true;
    t->contact = c;
    t->id = c->id;
    t->generation = generation;
    t->made_ms = t->last_in_ms = m->now_ms;
    t->next_seq = 1;
    if (generation > c->generation) c->generation = generation;
    sotto_mark(m, &t->node);
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    sotto_talk_tags(m, t);
    sotto_idle_due(m, t);
    return t;
}

void sotto_talk_free(struct sotto_messenger *m, struct talk *t)
{
    sotto_tables_leave(m, t);
    for (uint32_t i = 0; i < t->parts.count; i++) {
        sotto_wipe(t->parts.at[i], sizeof(struct part));
        free(t->parts.at[i]);
    }
    sotto_list_free(&t->parts);
    if (t->ahead) sotto_wipe(t->ahead, t->ahead_count * sizeof *t->ahead);
    free(t->ahead);
    sotto_guard_free(t->used);
    sotto_session_free(t->s);
    sotto_wipe(t, sizeof *t);
    free(t);
}

/* ---- Tags ---- */

static void list_tag(struct sotto_messenger *m, struct talk *t, const struct sotto_tag *tag, enum sotto_slot slot, uint32_t index)
{
    /* A full table is a bound, not a failure: that one cell is then found by resending. */
    if (sotto_tags_add(m->tags, tag, &(struct sotto_tag_place){ t, { slot, index } }) == SOTTO_ERR_NOMEM) m->failed = true;
}

/* The index that stands at place i of the look-ahead: first the current chain's, then the next one's. */
static struct ahead wanted(const struct talk *t, uint32_t i, uint32_t current)
{
    const struct sotto_session_core *core = &t->s->core;
    bool now = i < current;
    return (struct ahead){ .chain = core->recv_chain + (now ? 0 : 1), .index = now ? core->nr + i : i - current,
                           .slot = now ? SOTTO_SLOT_CURRENT : SOTTO_SLOT_NEXT };
}

void sotto_talk_tags_some(struct sotto_messenger *m, struct talk *t, unsigned *budget)
{
    bool wide = t->wide_until_ms > m->now_ms;
    uint32_t current = sotto_session_window(t->s), next = wide ? SOTTO_AHEAD_WIDE : SOTTO_AHEAD_MIN;
    if (current && wide) current = SOTTO_AHEAD_WIDE;
    struct ahead *fresh = calloc(current + next, sizeof *fresh);
    if (!fresh) {
        m->failed = true;
        return;
    }
    uint32_t made = 0, old = 0;
    t->tags_late = false;
    for (uint32_t i = 0; i < current + next; i++) {
        struct ahead want = wanted(t, i, current);
        for (; old < t->ahead_count && (t->ahead[old].chain < want.chain || (t->ahead[old].chain == want.chain && t->ahead[old].index < want.index)); old++)
            sotto_tags_remove(m->tags, &t->ahead[old].tag);
        if (old < t->ahead_count && t->ahead[old].chain == want.chain && t->ahead[old].index == want.index) {
            want.tag = t->ahead[old].tag;             /* what was the next chain is the current one now, under the same header key */
            if (t->ahead[old].slot != want.slot) {
                sotto_tags_remove(m->tags, &want.tag);
                list_tag(m, t, &want.tag, want.slot, want.index);
            }
            old++;
        } else {
            if (*budget == 0) {
                t->tags_late = true;
                continue;
            }
            --*budget;
            if (sotto_session_look(t->s, &want.tag, want.slot, want.index, m->world.exchange) != SOTTO_OK) continue;
            list_tag(m, t, &want.tag, want.slot, want.index);
            m->probe = true;
        }
        fresh[made++] = want;
    }
    for (; old < t->ahead_count; old++) sotto_tags_remove(m->tags, &t->ahead[old].tag);
    if (t->ahead) sotto_wipe(t->ahead, t->ahead_count * sizeof *t->ahead);
    free(t->ahead);
    t->ahead = fresh;
    t->ahead_count = made;
    if (!t->skipped_listed) {
        for (uint32_t i = 0; i < t->s->skipped_count; i++) list_tag(m, t, &t->s->skipped[i].tag, SOTTO_SLOT_SKIPPED, t->s->skipped[i].index);
        t->skipped_listed = true;
    }
    if (t->tags_late) sotto_idle_due(m, t);
}

void sotto_talk_tags(struct sotto_messenger *m, struct talk *t)
{
    unsigned all = UINT_MAX;
    sotto_talk_tags_some(m, t, &all);
}

/* After a cell: what lies between a tag and the screen is kept short. The next chain's tags can wait, since nobody answers what this end has
 * not sent yet; those of the current chain while enough are left. What came before its tag is found by the PROBE that follows. */
static void tags_after(struct sotto_messenger *m, struct talk *t)
{
    const struct sotto_session_core *core = &t->s->core;
    uint32_t left = 0;
    for (uint32_t i = 0; i < t->ahead_count; i++) {
        uint32_t chain = t->ahead[i].chain;
        left += chain == core->recv_chain && t->ahead[i].index >= core->nr;
    }
    bool can_wait = m->config.prepares && !t->retire_ms && t->wide_until_ms <= m->now_ms && left >= AHEAD_LOW;
    unsigned none = 0;
    if (can_wait) sotto_talk_tags_some(m, t, &none);
    else sotto_talk_tags(m, t);
}

void sotto_talk_wide(struct sotto_messenger *m, struct talk *t)
{
    t->wide_until_ms = m->now_ms + m->timing.wide_ms;
    sotto_mark(m, &t->node);
    sotto_talk_tags(m, t);
}

/* ---- Skipped keys ---- */

static void row_gone(struct sotto_messenger *m, uint64_t row)
{
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_DELETE);
    a->table = SOTTO_TABLE_SKIPPED;
    a->row = row;
}

static void forget(struct sotto_messenger *m, struct talk *t, uint32_t i)
{
    sotto_tags_remove(m->tags, &t->s->skipped[i].tag);
    row_gone(m, t->s->skipped[i].row);
    sotto_session_forget(t->s, i);
}

static void bound_skipped(struct sotto_messenger *m, const struct contact *c)          /* 2048 per contact, oldest out first */
{
    for (;;) {
        uint32_t count = 0;
        struct talk *oldest = NULL;
        for (uint32_t i = 0; i < c->talks.count; i++) {
            struct talk *t = (struct talk *)c->talks.at[i];
            count += t->s->skipped_count;
            if (t->s->skipped_count && (!oldest || t->s->skipped[0].ms < oldest->s->skipped[0].ms)) oldest = t;
        }
        if (count <= SOTTO_SKIPPED_MAX || SOTTO_PLANTED(SKIPPED_LIST_UNBOUNDED)) return;
        forget(m, oldest, 0);
    }
}

static void commit(struct sotto_messenger *m, struct talk *t, struct sotto_step *step)
{
    if (step->hit.slot == SOTTO_SLOT_SKIPPED) {
        const struct sotto_skipped *used = &t->s->skipped[step->used];
        sotto_tags_remove(m->tags, &used->tag);
        row_gone(m, used->row);
    }
    uint32_t lost = step->lost;
    if (sotto_session_commit(t->s, step) != SOTTO_OK) {
        m->failed = true;
        return;
    }
    sotto_mark(m, &t->node);
    sotto_idle_used(m, t);
    if (step->hit.slot == SOTTO_SLOT_SKIPPED) return;
    if (!SOTTO_PLANTED(TAGS_NOT_ADVANCED)) tags_after(m, t);
    for (uint32_t i = t->s->skipped_count - lost; i < t->s->skipped_count; i++) {
        struct sotto_skipped *e = &t->s->skipped[i];
        e->row = sotto_row_next(m);
        struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_PUT);
        a->table = SOTTO_TABLE_SKIPPED;
        a->row = e->row;
        if (sotto_skipped_encode(&a->bytes, t->node.row, e) != SOTTO_OK) m->failed = true;
        list_tag(m, t, &e->tag, SOTTO_SLOT_SKIPPED, e->index);
    }
    bound_skipped(m, t->contact);
}

void sotto_talk_commit(struct sotto_messenger *m, struct talk *t, struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_SEALED])
{
    struct sotto_secret hs;
    sotto_session_header_secret(t->s, &hs, step);
    commit(m, t, step);
    if (!m->failed) sotto_heal_remember(m, t, &hs, sealed);
    SOTTO_WIPE(hs);
}

/* ---- Which one sends, which ones go ---- */

/* Both asked at once, and two sessions of one generation live: what is on its way in the one has to be acknowledged before the other one
 * sends, or it could come behind what was written after it. */
static struct talk *has_texts_out(const struct contact *c, const struct talk *best)
{
    for (uint32_t i = c->out.count; i-- > 0;) {
        const struct outgoing *o = (const struct outgoing *)c->out.at[i];
        if (o->message && o->state <= OUT_FLYING && o->talk && o->talk->confirmed && !o->talk->retire_ms && o->talk->generation == best->generation)
            return o->talk;
    }
    return NULL;
}

struct talk *sotto_talk_sending(const struct contact *c)
{
    struct talk *best = NULL;
    uint32_t alike = 0;
    for (uint32_t i = 0; i < c->talks.count; i++) {
        struct talk *t = (struct talk *)c->talks.at[i];
        if (!t->confirmed || t->retire_ms) continue;
        if (!best || t->generation > best->generation) alike = 0;
        alike += !best || t->generation >= best->generation;
        if (!best || t->generation > best->generation ||
            (t->generation == best->generation && memcmp(t->s->core.c2, best->s->core.c2, sizeof t->s->core.c2) < 0))
            best = t;
    }
    struct talk *busy = alike > 1 ? has_texts_out(c, best) : NULL;
    return busy ? busy : best;
}

void sotto_talk_confirmed(struct sotto_messenger *m, struct talk *t)
{
    struct contact *c = t->contact;
    t->confirmed = true;
    sotto_idle_due(m, t);
    SOTTO_WIPE(t->confirm);
    sotto_mark(m, &t->node);
    for (uint32_t i = 0; i < c->talks.count; i++) {
        struct talk *old = (struct talk *)c->talks.at[i];
        if (old->generation >= t->generation || old->retire_ms) continue;
        old->retire_ms = m->now_ms + m->timing.old_session_ms;
        sotto_heal_forget(m, old);
        old->receipt_ms = 0;
        sotto_mark(m, &old->node);
        for (uint32_t k = c->out.count; k-- > 0;) {
            struct outgoing *o = (struct outgoing *)c->out.at[k];
            if (o->talk == old && o->state != OUT_EXPIRED) sotto_outgoing_unbind(m, o);       /* an expired one: a late acknowledgement still corrects it */
        }
    }
    sotto_touch(m, c);
}

void sotto_talk_drop_parts(struct sotto_messenger *m, struct talk *t, uint32_t seq)
{
    for (uint32_t i = t->parts.count; i-- > 0;) {
        struct part *p = (struct part *)t->parts.at[i];
        if (p->parked || p->seq != seq) continue;
        sotto_unmark(m, &p->node);
        sotto_list_remove(&t->parts, &p->node);
        sotto_wipe(p, sizeof *p);
        free(p);
    }
}

void sotto_talk_delete(struct sotto_messenger *m, struct talk *t)
{
    struct contact *c = t->contact;
    for (uint32_t i = 0; i < t->ahead_count; i++) sotto_tags_remove(m->tags, &t->ahead[i].tag);
    sotto_heal_forget(m, t);
    for (uint32_t i = 0; i < t->s->skipped_count; i++) {
        sotto_tags_remove(m->tags, &t->s->skipped[i].tag);
        row_gone(m, t->s->skipped[i].row);
    }
    for (uint32_t i = 0; i < t->parts.count; i++) sotto_unmark(m, t->parts.at[i]);
    for (uint32_t i = c->out.count; i-- > 0;) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->talk == t) sotto_outgoing_unbind(m, o);
    }
    sotto_cells_of(m, CELL_LOOSE, 0, t->node.row, false);
    struct hello *reply = sotto_hello_of(m, &c->id, HELLO_REPLY);
    if (reply && reply->talk_row == t->node.row) sotto_hello_free(m, reply);
    sotto_unmark(m, &t->node);
    sotto_list_remove(&m->talks, &t->node);
    sotto_list_remove(&c->talks, &t->node);
    sotto_talk_free(m, t);
    sotto_touch(m, c);
}

/* ---- Time ---- */

static uint64_t unused_at(const struct sotto_messenger *m, const struct talk *t)        /* when it is wiped for want of use */
{
    if (t->retire_ms) return t->retire_ms;
    if (!t->confirmed) return t->made_ms + m->timing.message_life_ms;
    return sotto_talk_sending(t->contact) == t ? UINT64_MAX : t->last_in_ms + m->timing.old_session_ms;
}

uint64_t sotto_talk_due(const struct sotto_messenger *m, const struct talk *t)
{
    uint64_t due = unused_at(m, t);
    if (t->receipt_ms && t->receipt_ms < due) due = t->receipt_ms;
    if (t->s->skipped_count && t->s->skipped[0].ms + SOTTO_SKIPPED_LIFE_MS < due) due = t->s->skipped[0].ms + SOTTO_SKIPPED_LIFE_MS;
    if (t->gap_since_ms && !t->gap_asked && t->gap_since_ms + m->timing.gap_ms < due) due = t->gap_since_ms + m->timing.gap_ms;
    if (t->wide_until_ms && t->wide_until_ms < due) due = t->wide_until_ms;
    if (t->far_due || t->tags_due) due = m->now_ms + 1;                  /* one after the other: other work comes between */
    return due;
}

static void gap_open_long(struct sotto_messenger *m, struct talk *t)
{
    t->gap_asked = true;
    sotto_mark(m, &t->node);
    bool numbers = t->window.high > t->window.ack;
    if (numbers) sotto_talk_wide(m, t);
    if ((!numbers && t->pn_lost == 0) || sotto_talk_sending(t->contact) != t || t->contact->state != SOTTO_CONTACT_MUTUAL) return;
    uint8_t range[8];
    sotto_put_be32(range, t->window.ack + 1);
    sotto_put_be32(range + 4, numbers ? t->window.high - 1 : t->window.high + t->pn_lost);
    sotto_outgoing_system(m, t->contact, SOTTO_SYSTEM_RESEND, SOTTO_SPAN(range));
    sotto_pump(m, t->contact);
}

void sotto_talk_tick(struct sotto_messenger *m, struct talk *t)
{
    if (unused_at(m, t) <= m->now_ms) {
        sotto_talk_delete(m, t);
        return;
    }
    while (t->s->skipped_count && t->s->skipped[0].ms + SOTTO_SKIPPED_LIFE_MS <= m->now_ms) forget(m, t, 0);
    if (t->receipt_ms && t->receipt_ms <= m->now_ms) sotto_receipt(m, t);
    if (t->gap_since_ms && !t->gap_asked && t->gap_since_ms + m->timing.gap_ms <= m->now_ms) gap_open_long(m, t);
    if (t->wide_until_ms && t->wide_until_ms <= m->now_ms) {
        t->wide_until_ms = 0;
        sotto_mark(m, &t->node);
        sotto_talk_tags(m, t);
    }
}
