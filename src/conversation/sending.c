/* Own messages: from writing to acknowledgement (messaging.md 4.7, 5.2, 5.3). */
#include "base/plant.h"
#include "conversation/messenger_impl.h"

#include <stdlib.h>

enum { DELIVERED_MAX = 256, ASKED_MAX = 64, END_COPIES = 3 };

/* ---- Cells ---- */

struct cell *sotto_cell_new(struct sotto_messenger *m, enum cell_kind kind, uint64_t owner, uint64_t talk_row, const struct sotto_id *id,
                            const uint8_t sealed[SOTTO_CELL_SEALED], uint64_t hold_ms)
{
    struct cell *c = sotto_new_node(m, sizeof *c, SOTTO_TABLE_CELL, false);
    if (!c) return NULL;
    c->kind = kind;
    c->owner = owner;
    c->talk_row = talk_row;
    c->id = *id;
    c->hold_ms = hold_ms;
    c->sealed = sotto_buf_make(SOTTO_CELL_SEALED);
    if (sotto_buf_add(&c->sealed, sealed, SOTTO_CELL_SEALED) != SOTTO_OK || !sotto_list_add(&m->cells, &c->node)) {
        m->failed = true;
        sotto_cell_free(c);
        return NULL;
    }
    sotto_mark(m, &c->node);
    if (!hold_ms) {
        struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_CELL);
        a->row = c->node.row;
        a->contact = *id;
        if (sotto_buf_add(&a->bytes, sealed, SOTTO_CELL_SEALED) != SOTTO_OK) m->failed = true;
    }
    return c;
}

void sotto_cell_free(struct cell *c)
{
    sotto_buf_free(&c->sealed);
    free(c);
}

static void one_less(const struct sotto_messenger *m, const struct cell *c)            /* of those sealed and not sent */
{
    struct contact *contact = c->kind == CELL_OUTGOING ? sotto_contact_find(m, &c->id) : NULL;
    if (contact && contact->unsent) contact->unsent--;
}

void sotto_cell_delete(struct sotto_messenger *m, struct cell *c)
{
    if (!c->sent) {
        one_less(m, c);
        if (!c->hold_ms) sotto_act_add(m, SOTTO_ACT_CELL_CANCEL)->row = c->node.row;
    }
    sotto_unmark(m, &c->node);
    sotto_list_remove(&m->cells, &c->node);
    sotto_cell_free(c);
}

void sotto_cells_of(struct sotto_messenger *m, enum cell_kind kind, uint64_t owner, uint64_t talk_row, bool unsent_only)
{
    for (uint32_t i = m->cells.count; i-- > 0;) {
        struct cell *c = (struct cell *)m->cells.at[i];
        if (c->kind != kind || c->owner != owner || c->talk_row != talk_row || (unsent_only && c->sent)) continue;
        sotto_cell_delete(m, c);
    }
}

/* Seals one body on that session, with the acknowledgements of this moment. */
static struct cell *seal(struct sotto_messenger *m, struct talk *t, struct sotto_body *body, enum cell_kind kind, uint64_t owner, bool with_talk,
                         uint64_t hold_ms)
{
    uint8_t plain[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_SEALED];
    if (!t->parted) {                     /* what came before the states parted says nothing about what the other end sends now under the same numbers */
        body->ack = t->window.ack;
        body->ackbits = sotto_window_ackbits(&t->window);
        body->read = t->contact->receipts ? t->read_seq : 0;
    }
    sotto_body_encode(plain, body);
    enum sotto_err err = sotto_session_send(t->s, sealed, NULL, plain, 0, NULL, &m->world);
    SOTTO_WIPE(plain);
    if (err != SOTTO_OK) {
        m->failed = true;                 /* callers asked sotto_session_can_send: only memory is left */
        return NULL;
    }
    t->receipt_ms = 0;
    t->read_due = false;
    sotto_mark(m, &t->node);
    sotto_idle_used(m, t);
    struct contact *c = t->contact;
    c->unreplied_cells++;
    if (!c->unreplied_ms) c->unreplied_ms = m->now_ms;
    if (!c->not_collected && c->unreplied_cells >= m->timing.uncollected_cells) {
        c->not_collected = true;
        sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, "not collected");
    }
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    return sotto_cell_new(m, kind, owner, with_talk ? t->node.row : 0, &c->id, sealed, hold_ms);
}

void sotto_receipt(struct sotto_messenger *m, struct talk *t)
{
    t->receipt_ms = 0;
    sotto_mark(m, &t->node);
    enum sotto_contact_state state = t->contact->state;
    if (!sotto_session_can_send(t->s) || t->retire_ms || t->contact->blocked || state != SOTTO_CONTACT_MUTUAL) return;
    struct sotto_body body = { .type = t->read_due ? SOTTO_CONTENT_READ : SOTTO_CONTENT_RECEIPT, .time_ms = m->now_ms, .fragments = 1 };
    seal(m, t, &body, CELL_LOOSE, 0, true, 0);
}

void sotto_end_cells(struct sotto_messenger *m, struct contact *c)
{
    static const uint64_t hold_ms[END_COPIES] = { 0, HOUR_MS, DAY_MS };  /* no key is left to seal later copies */
    struct talk *t = sotto_talk_sending(c);
    if (!t || !sotto_session_can_send(t->s) || c->state == SOTTO_CONTACT_FROZEN) return;
    uint8_t payload[1] = { SOTTO_SYSTEM_END };
    uint32_t seq = t->next_seq++;
    for (int i = 0; i < END_COPIES && sotto_session_can_send(t->s); i++) {
        struct sotto_body body = { .type = SOTTO_CONTENT_SYSTEM, .seq = seq, .time_ms = m->now_ms, .fragments = 1, .payload = SOTTO_SPAN(payload) };
        seal(m, t, &body, CELL_LOOSE, 0, false, hold_ms[i] ? m->now_ms + hold_ms[i] : 0);
    }
}

/* ---- Outgoing ---- */

struct outgoing *sotto_outgoing_new(struct sotto_messenger *m, struct contact *c, uint8_t type, struct sotto_span head, struct sotto_span payload)
{
    struct outgoing *o = sotto_new_node(m, sizeof *o, SOTTO_TABLE_OUTGOING, false);
    if (!o) return NULL;
    o->contact = c;
    o->id = c->id;
    o->type = type;
    o->time_ms = m->now_ms;
    o->expire_ms = m->now_ms + m->timing.message_life_ms;
    o->payload = sotto_buf_make(SOTTO_MESSAGE_MAX);
    if ((head.size && sotto_buf_add_span(&o->payload, head) != SOTTO_OK) || (payload.size && sotto_buf_add_span(&o->payload, payload) != SOTTO_OK) ||
        !sotto_list_add(&c->out, &o->node)) {
        m->failed = true;
        sotto_outgoing_free(o);
        return NULL;
    }
    sotto_mark(m, &o->node);
    sotto_touch(m, c);
    return o;
}

struct outgoing *sotto_outgoing_system(struct sotto_messenger *m, struct contact *c, uint8_t subtype, struct sotto_span data)
{
    return sotto_outgoing_new(m, c, SOTTO_CONTENT_SYSTEM, sotto_span(&subtype, 1), data);
}

void sotto_outgoing_free(struct outgoing *o)
{
    sotto_buf_free(&o->payload);
    free(o);
}

static void out_cells_gone(struct sotto_messenger *m, struct outgoing *o)
{
    sotto_cells_of(m, CELL_OUTGOING, o->node.row, o->talk_row, false);
    o->cells = o->unsent = 0;
}

void sotto_outgoing_delete(struct sotto_messenger *m, struct outgoing *o)
{
    struct contact *c = o->contact;
    out_cells_gone(m, o);
    if (o->message && o->state <= OUT_FLYING && c->unacked) c->unacked--;
    sotto_unmark(m, &o->node);
    sotto_list_remove(&c->out, &o->node);
    sotto_touch(m, c);
    sotto_outgoing_free(o);
}

void sotto_outgoing_shown(struct sotto_messenger *m, struct outgoing *o, enum sotto_message_state state)
{
    if (!o->message || o->shown == state) return;
    o->shown = state;
    sotto_mark(m, &o->node);
    for (int i = 0; i < 2; i++) {
        struct sotto_act *a = sotto_act_add(m, i == 0 ? SOTTO_ACT_HISTORY_STATE : SOTTO_ACT_EVENT);
        a->event = SOTTO_EVENT_MESSAGE_STATE;
        a->contact = o->id;
        a->message = (struct sotto_message){ .message = o->message, .chat = o->id, .own = true, .type = o->type, .number = o->seq,
                                             .ms = o->time_ms, .arrived_ms = m->now_ms, .state = state };
        if (o->has_mid) memcpy(a->message.mid, o->mid, sizeof o->mid);
    }
}

static bool outlives_session(const struct outgoing *o)                    /* of use in another session than its first */
{
    if (o->filler) return false;
    if (o->type != SOTTO_CONTENT_SYSTEM) return true;
    uint8_t subtype = o->payload.size ? o->payload.data[0] : 0;
    return subtype == SOTTO_SYSTEM_TIMER || subtype == SOTTO_SYSTEM_CERTIFICATE;
}

void sotto_outgoing_unbind(struct sotto_messenger *m, struct outgoing *o)
{
    if (o->state >= OUT_DELIVERED || !outlives_session(o)) {
        sotto_outgoing_delete(m, o);
        return;
    }
    out_cells_gone(m, o);
    o->talk = NULL;
    o->talk_row = 0;
    o->seq = 0;
    o->resent = o->resent || o->has_mid;
    o->state = OUT_WAITING;
    o->copies = 0;
    o->next_ms = 0;
    sotto_mark(m, &o->node);
}

static void bind_to(struct sotto_messenger *m, struct outgoing *o, struct talk *t)
{
    o->talk = t;
    o->talk_row = t->node.row;
    o->seq = t->next_seq++;
    o->need_chain = sotto_heal_need(t);
    if (!o->has_mid) {
        sotto_message_id(o->mid, t->s->core.c2, sotto_session_dir_out(t->s), o->seq);
        o->has_mid = true;
    }
    sotto_mark(m, &o->node);
    sotto_mark(m, &t->node);
}

/* One copy: every fragment under an address of its own. False: the chain has no room until the other side answers. */
static bool seal_copy(struct sotto_messenger *m, struct outgoing *o)
{
    struct sotto_buf whole = sotto_buf_make(SOTTO_MESSAGE_MAX);
    /* The longest texts leave no room for the id: then a lost acknowledgement may show them twice. */
    bool prefix = o->resent && o->payload.size + SOTTO_MID_BYTES <= SOTTO_MESSAGE_MAX;
    struct sotto_span message = sotto_buf_span(&o->payload);
    if (prefix) {
        if (sotto_buf_add(&whole, o->mid, sizeof o->mid) != SOTTO_OK || (message.size && sotto_buf_add_span(&whole, message) != SOTTO_OK)) m->failed = true;
        message = sotto_buf_span(&whole);
    }
    unsigned fragments = sotto_fragments(message.size);
    const struct sotto_session_core *core = &o->talk->s->core;
    bool room = sotto_session_can_send(o->talk->s) && (core->send_fresh || core->ns + fragments <= SOTTO_CHAIN_END);
    if (room) {
        out_cells_gone(m, o);
        o->copies++;
        for (unsigned i = 0; i < fragments && !m->failed; i++) {
            struct sotto_body body = { .type = o->type, .flags = prefix ? SOTTO_BODY_RESENT : 0, .seq = o->seq, .time_ms = o->time_ms,
                                       .fragment = (uint8_t)i, .fragments = (uint8_t)fragments, .payload = sotto_fragment(message, i) };
            struct cell *c = seal(m, o->talk, &body, CELL_OUTGOING, o->node.row, true, 0);
            if (!c) break;
            c->copy = o->copies;
            o->contact->unsent++;
        }
        o->cells = o->unsent = fragments;
        o->state = OUT_FLYING;
        o->copy_chain = core->recv_chain;
        o->copy_ms = m->now_ms;
        if (!o->first_ms) o->first_ms = m->now_ms;
        o->next_ms = o->sent_ms = 0;
        sotto_mark(m, &o->node);
        sotto_touch(m, o->contact);
    }
    sotto_buf_free(&whole);
    return room;
}

void sotto_pump(struct sotto_messenger *m, struct contact *c)
{
    if (c->blocked || c->state != SOTTO_CONTACT_MUTUAL) return;
    struct talk *sending = sotto_talk_sending(c);
    for (uint32_t i = 0; i < c->out.count && !m->failed && c->unsent < CELLS_AHEAD; i++) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->state != OUT_WAITING) continue;
        struct talk *t = o->talk ? o->talk : sending;
        if (!t || !sotto_session_can_send(t->s)) continue;
        if (!o->talk) {
            if (t->next_seq > t->peer_ack + SEQ_AHEAD) return;           /* the other side's window is full: wait for its acks */
            bind_to(m, o, t);
        }
        if (!seal_copy(m, o)) return;
    }
}

void sotto_outgoing_first(struct sotto_messenger *m, struct outgoing *o, struct talk *t)
{
    bind_to(m, o, t);
    (void)seal_copy(m, o);
}

static void expire(struct sotto_messenger *m, struct outgoing *o)
{
    sotto_outgoing_shown(m, o, SOTTO_MSG_EXPIRED);
    if (o->seq == 0 || (o->filler && !o->message)) {
        sotto_outgoing_delete(m, o);
        return;
    }
    out_cells_gone(m, o);
    if (o->message && o->contact->unacked) o->contact->unacked--;
    sotto_buf_free(&o->payload);
    o->payload = sotto_buf_make(SOTTO_MESSAGE_MAX);
    o->state = OUT_EXPIRED;               /* kept: a late acknowledgement corrects it, and its number is a hole at the other end */
    o->next_ms = 0;
    sotto_mark(m, &o->node);
    sotto_touch(m, o->contact);
}

static void copy_gone(struct sotto_messenger *m, struct outgoing *o)
{
    if (m->now_ms >= o->expire_ms) {
        expire(m, o);
        return;
    }
    /* No answer while a copy lived: what the other end says may lie beyond our look-ahead. It went on while none of its cells could come
     * (no network, a wrong clock), and no gap shows that. */
    if (o->talk && o->talk->wide_until_ms <= m->now_ms) sotto_talk_wide(m, o->talk);
    sotto_heal_copy_gone(m, o);
    if (o->copies <= m->timing.copies_first_day && m->now_ms < o->first_ms + DAY_MS) o->state = OUT_WAITING;
    else o->next_ms = o->copy_ms + m->timing.copies_later_ms;
    sotto_mark(m, &o->node);
    sotto_touch(m, o->contact);
}

void sotto_outgoing_again(struct sotto_messenger *m, struct outgoing *o)
{
    o->state = OUT_WAITING;
    o->next_ms = 0;
    sotto_mark(m, &o->node);
    sotto_touch(m, o->contact);
}

uint64_t sotto_outgoing_due(const struct sotto_messenger *m, const struct outgoing *o)
{
    if (o->state > OUT_FLYING) return UINT64_MAX;
    uint64_t due = o->expire_ms;
    if (o->next_ms && o->next_ms < due) due = o->next_ms;
    if (o->state == OUT_FLYING && o->cells && o->unsent == 0 && o->sent_ms + m->timing.cell_life_ms < due) due = o->sent_ms + m->timing.cell_life_ms;
    return due;
}

void sotto_outgoing_tick(struct sotto_messenger *m, struct contact *c)
{
    for (uint32_t i = c->out.count; i-- > 0;) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (sotto_outgoing_due(m, o) > m->now_ms) continue;
        if (o->expire_ms <= m->now_ms) {
            expire(m, o);
        } else if (o->next_ms && o->next_ms <= m->now_ms) {
            sotto_outgoing_again(m, o);
        } else {
            out_cells_gone(m, o);
            copy_gone(m, o);
        }
    }
    sotto_pump(m, c);
}

/* The number of a message that will not come any more still has to be filled, or the other side's acknowledgements stop
 * there for good: a cell under the same number says that this message is withdrawn. */
void sotto_outgoing_fill(struct sotto_messenger *m, struct outgoing *o)
{
    uint8_t subtype = SOTTO_SYSTEM_DELETE;
    out_cells_gone(m, o);
    if (o->message && o->state <= OUT_FLYING && o->contact->unacked) o->contact->unacked--;
    sotto_buf_free(&o->payload);
    o->payload = sotto_buf_make(SOTTO_MESSAGE_MAX);
    if (sotto_buf_add(&o->payload, &subtype, 1) != SOTTO_OK || sotto_buf_add(&o->payload, o->mid, sizeof o->mid) != SOTTO_OK) m->failed = true;
    o->type = SOTTO_CONTENT_SYSTEM;
    o->message = 0;
    o->filler = true;
    o->resent = false;
    o->state = OUT_WAITING;
    o->copies = 0;
    o->first_ms = o->next_ms = 0;
    o->time_ms = m->now_ms;
    o->expire_ms = m->now_ms + m->timing.message_life_ms;
    sotto_mark(m, &o->node);
    sotto_touch(m, o->contact);
}

/* An acknowledgement of what never left: numbers not given yet, or messages whose first copy still waits here. */
static bool unsent_acked(const struct talk *t, uint32_t ack, uint32_t ackbits)
{
    if (ack >= t->next_seq) return true;
    for (uint32_t i = 0; i < t->contact->out.count; i++) {
        const struct outgoing *o = (const struct outgoing *)t->contact->out.at[i];
        if (o->talk == t && o->fresh && o->message && o->copies <= 1 && (o->unsent || o->copies == 0) && sotto_ack_covers(ack, ackbits, o->seq)) return true;
    }
    for (uint32_t i = 0; i < 32; i++)
        if ((ackbits >> i & 1) && (uint64_t)ack + 2 + i >= t->next_seq) return true;
    return false;
}

void sotto_acked(struct sotto_messenger *m, struct talk *t, uint32_t chain, uint32_t ack, uint32_t ackbits, uint32_t read)
{
    struct contact *c = t->contact;
    uint32_t delivered = 0;
    bool unproven = false;
    if (unsent_acked(t, ack, ackbits)) {
        sotto_heal_parted(m, t);          /* the other end has what this state never sent: it is an old one that came back */
        return;
    }
    if (t->parted) return;                /* it may mean other messages of the same numbers */
    if (ack > t->peer_ack && chain >= t->proven_from) {
        t->peer_ack = ack;
        sotto_mark(m, &t->node);
        sotto_heal_healthy(m, t);
    }
    for (uint32_t i = c->out.count; i-- > 0;) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->talk != t || o->seq == 0) continue;
        if (!sotto_ack_covers(ack, ackbits, o->seq)) {
            if (o->state == OUT_EXPIRED && !t->retire_ms) sotto_outgoing_fill(m, o);
            continue;
        }
        if (chain < o->need_chain && !SOTTO_PLANTED(ACK_UNPROVEN)) {
            unproven = true;
            continue;
        }
        bool seen = c->receipts && read >= o->seq;
        if (o->state != OUT_DELIVERED || seen) sotto_outgoing_shown(m, o, seen ? SOTTO_MSG_READ : SOTTO_MSG_DELIVERED);
        if (SOTTO_PLANTED(ACK_COUNTED_TWICE) && o->message && o->state <= OUT_FLYING && c->unacked) c->unacked--;
        if (!o->message || !c->receipts || seen) {
            sotto_outgoing_delete(m, o);
            continue;
        }
        if (o->state != OUT_DELIVERED) {
            out_cells_gone(m, o);
            if (o->state <= OUT_FLYING && c->unacked) c->unacked--;
            sotto_buf_free(&o->payload);
            o->payload = sotto_buf_make(SOTTO_MESSAGE_MAX);
            o->state = OUT_DELIVERED;
            o->next_ms = 0;
            sotto_mark(m, &o->node);
        }
        if (++delivered > DELIVERED_MAX) sotto_outgoing_delete(m, o);    /* waits for "read": only the newest */
    }
    if (unproven) sotto_heal_unproven(m, t, chain);
    sotto_touch(m, c);
}

void sotto_asked_again(struct sotto_messenger *m, struct talk *t, uint32_t from, uint32_t to)
{
    struct contact *c = t->contact;
    unsigned done = 0;
    for (uint32_t i = 0; i < c->out.count && done < ASKED_MAX; i++) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->talk != t || o->seq < from || o->seq > to || o->state != OUT_FLYING || o->unsent || m->now_ms < o->copy_ms + MINUTE_MS) continue;
        sotto_outgoing_again(m, o);
        done++;
    }
}

/* ---- What the host tells about cells ---- */

static struct outgoing *owner_of(const struct sotto_messenger *m, const struct cell *c)
{
    struct contact *contact = c->kind == CELL_OUTGOING ? sotto_contact_find(m, &c->id) : NULL;
    return contact ? (struct outgoing *)sotto_list_find(&contact->out, c->owner) : NULL;
}

void sotto_messenger_cell_sent(struct sotto_messenger *m, uint64_t cell, struct sotto_now now, struct sotto_acts *acts)
{
    struct cell *c = (struct cell *)sotto_list_find(&m->cells, cell);
    if (!m->started || !c || c->sent || sotto_begin(m, now, acts) != SOTTO_OK) return;
    struct outgoing *o = owner_of(m, c);
    one_less(m, c);
    c->sent = true;
    sotto_buf_free(&c->sealed);
    if (!o) {
        sotto_cell_delete(m, c);
    } else {
        sotto_mark(m, &c->node);
        if (c->copy == o->copies && o->unsent) {
            o->unsent--;
            o->sent_ms = m->now_ms;
            sotto_mark(m, &o->node);
            if (o->unsent == 0 && (o->shown == SOTTO_MSG_QUEUED || o->shown == SOTTO_MSG_WORKING)) sotto_outgoing_shown(m, o, SOTTO_MSG_SENT);
        }
        sotto_touch(m, o->contact);
        sotto_pump(m, o->contact);
    }
    (void)!sotto_finish(m, SOTTO_OK);
}

void sotto_messenger_cell_expired(struct sotto_messenger *m, uint64_t cell, struct sotto_now now, struct sotto_acts *acts)
{
    struct cell *c = (struct cell *)sotto_list_find(&m->cells, cell);
    if (!m->started || !c || c->hold_ms || sotto_begin(m, now, acts) != SOTTO_OK) return;
    struct outgoing *o = owner_of(m, c);
    bool last_copy = o && c->copy == o->copies, sent = c->sent;
    if (!sent) one_less(m, c);
    c->sent = true;                       /* gone either way: nothing to cancel */
    sotto_cell_delete(m, c);
    if (last_copy) {
        if (!sent && o->unsent) o->unsent--;
        if (o->cells) o->cells--;
        sotto_mark(m, &o->node);
        if (o->cells == 0 && o->state == OUT_FLYING && !o->next_ms) copy_gone(m, o);
        else sotto_touch(m, o->contact);
    }
    struct contact *contact = o ? sotto_contact_find(m, &o->id) : NULL;
    if (contact) sotto_pump(m, contact);
    (void)!sotto_finish(m, SOTTO_OK);
}
