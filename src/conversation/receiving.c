/* A cell from the network: whose it is, what it says, what follows (messaging.md 4.5, 4.7, 5). */
#include "base/plant.h"
#include "base/text.h"
#include "conversation/messenger_impl.h"
#include "crypto/hash.h"

#include <stdlib.h>

enum { GAP_EVENTS_MAX = 32, BOX_LOOK = 56 };

/* ---- One message, as far as it is here ---- */

struct incoming { struct sotto_body body; uint32_t chain; bool again, complete, parked; struct sotto_buf whole; };     /* chain: that it came on; 0 = it waited */

static bool same_message(const struct part *p, const struct sotto_body *b)
{
    return !p->parked && p->seq == b->seq && p->type == b->type && p->flags == b->flags && p->fragments == b->fragments && p->time_ms == b->time_ms;
}

static enum sotto_err gather(struct incoming *in, const struct talk *t)
{
    const struct sotto_body *b = &in->body;
    const unsigned own = b->fragment, count = b->fragments;
    const struct part *parts[SOTTO_FRAGMENTS_MAX] = { 0 };
    for (uint32_t i = 0; i < t->parts.count; i++) {
        const struct part *p = (const struct part *)t->parts.at[i];
        if (same_message(p, b) && p->fragment < SOTTO_FRAGMENTS_MAX) parts[p->fragment] = p;
    }
    for (unsigned i = 0; i < count; i++)
        if (i != own && !parts[i]) return SOTTO_OK;
    for (unsigned i = 0; i < count; i++) {
        struct sotto_span piece = i == own ? b->payload : sotto_span(parts[i]->bytes, parts[i]->size);
        if (piece.size) SOTTO_TRY(sotto_buf_add_span(&in->whole, piece));
    }
    in->complete = true;
    return SOTTO_OK;
}

static enum sotto_err check_system(struct sotto_span p)
{
    if (p.size < 1) return SOTTO_ERR_CONTENT_FORM;
    size_t data = p.size - 1;
    bool good = true;
    switch (p.data[0]) {
    case SOTTO_SYSTEM_CONFIRM: good = data == 32; break;
    case SOTTO_SYSTEM_END: good = data == 0; break;
    case SOTTO_SYSTEM_RESEND: good = data == 8 && sotto_be32(p.data + 1) <= sotto_be32(p.data + 5); break;
    case SOTTO_SYSTEM_TIMER: good = data == 4; break;
    case SOTTO_SYSTEM_CERTIFICATE: good = data >= SOTTO_CERT_MIN && data <= SOTTO_CERT_MAX; break;
    case SOTTO_SYSTEM_DELETE: good = data == SOTTO_MID_BYTES; break;
    default: break;                       /* known type, unknown subtype: ignored */
    }
    return good ? SOTTO_OK : SOTTO_ERR_CONTENT_FORM;
}

static struct sotto_span payload_of(const struct incoming *in)           /* of a complete message, without the id of a resent one */
{
    struct sotto_span p = sotto_buf_span(&in->whole);
    return in->body.flags & SOTTO_BODY_RESENT ? sotto_span_cut(p, SOTTO_MID_BYTES, p.size - SOTTO_MID_BYTES) : p;
}

/* Everything that may be wrong with a body, before anything is committed. */
static enum sotto_err check_body(struct incoming *in, const struct talk *t)
{
    const struct sotto_body *b = &in->body;
    in->whole = sotto_buf_make(SOTTO_MESSAGE_MAX);
    if (b->seq == 0) return SOTTO_OK;
    if (!sotto_window_fits(&t->window, b->seq)) return SOTTO_ERR_CONTENT_FORM;
    in->again = sotto_window_has(&t->window, b->seq);
    if (in->again) return SOTTO_OK;
    SOTTO_TRY(gather(in, t));
    if (!in->complete) return SOTTO_OK;
    if ((b->flags & SOTTO_BODY_RESENT) && in->whole.size < SOTTO_MID_BYTES) return SOTTO_ERR_CONTENT_FORM;
    struct sotto_span p = payload_of(in);
    if (b->type == SOTTO_CONTENT_TEXT && !sotto_utf8_valid(p)) return SOTTO_ERR_CONTENT_FORM;
    if (b->type == SOTTO_CONTENT_MAIL) {
        if (p.size < 1 || p.size - 1 < p.data[0]) return SOTTO_ERR_CONTENT_FORM;
        if (!sotto_utf8_valid(sotto_span_cut(p, 1, p.data[0])) || !sotto_utf8_valid(sotto_span_cut(p, 1u + p.data[0], p.size - 1 - p.data[0])))
            return SOTTO_ERR_CONTENT_FORM;
    }
    return b->type == SOTTO_CONTENT_SYSTEM ? check_system(p) : SOTTO_OK;
}

/* ---- Message ids already here ---- */

/* A message is known by its id and the time its writer gave it, which every copy repeats: whoever lives on from an old copy of the state
 * takes numbers, and so ids, a second time. */
static void seen_key(uint8_t key[SOTTO_MID_BYTES], const uint8_t mid[SOTTO_MID_BYTES], uint64_t time_ms)
{
    uint8_t both[SOTTO_MID_BYTES + 8], digest[32];
    memcpy(both, mid, SOTTO_MID_BYTES);
    sotto_put_be64(both + SOTTO_MID_BYTES, time_ms);
    sotto_sha256(digest, SOTTO_SPAN(both));
    memcpy(key, digest, SOTTO_MID_BYTES);
}

static bool seen_before(const struct contact *c, const uint8_t key[SOTTO_MID_BYTES])
{
    for (uint32_t i = 0; i < c->seen.count; i++) {
        const struct seen *s = (const struct seen *)c->seen.at[i];
        for (uint32_t k = 0; k < s->count; k++)
            if (memcmp(s->at[k].key, key, SOTTO_MID_BYTES) == 0) return true;
    }
    return false;
}

static void seen_add(struct sotto_messenger *m, struct contact *c, const uint8_t key[SOTTO_MID_BYTES], uint64_t message, const struct talk *t, uint32_t seq)
{
    struct seen *s = c->seen.count ? (struct seen *)c->seen.at[c->seen.count - 1] : NULL;
    if (!s || s->count == SEEN_BLOCK) {
        if (c->seen.count == SEEN_BLOCKS) {
            struct node *oldest = c->seen.at[0];
            sotto_unmark(m, oldest);
            sotto_list_remove(&c->seen, oldest);
            free(oldest);
        }
        s = sotto_new_node(m, sizeof *s, SOTTO_TABLE_SEEN, false);
        if (!s) return;
        s->id = c->id;
        if (!sotto_list_add(&c->seen, &s->node)) {
            m->failed = true;
            free(s);
            return;
        }
    }
    memcpy(s->at[s->count].key, key, SOTTO_MID_BYTES);
    s->at[s->count].message = message;
    s->at[s->count].talk_row = t->node.row;
    s->at[s->count].seq = seq;
    s->count++;
    sotto_mark(m, &s->node);
}

/* ---- History ---- */

static void show(struct sotto_messenger *m, struct contact *c, const struct sotto_message *message)
{
    for (int i = 0; i < 2; i++) {
        struct sotto_act *a = sotto_act_add(m, i == 0 ? SOTTO_ACT_HISTORY_ADD : SOTTO_ACT_EVENT);
        a->event = message->type == SOTTO_CONTENT_SYSTEM ? SOTTO_EVENT_CHAT_SYSTEM : SOTTO_EVENT_MESSAGE_NEW;
        a->contact = c->id;
        a->message = *message;
        a->message.subject = a->message.text = sotto_span(NULL, 0);
        if (i == 1 && message->type != SOTTO_CONTENT_SYSTEM) break;
        if ((message->subject.size && sotto_buf_add_span(&a->bytes, message->subject) != SOTTO_OK) ||
            (message->text.size && sotto_buf_add_span(&a->bytes, message->text) != SOTTO_OK)) {
            m->failed = true;
            return;
        }
        a->message.subject = sotto_span(a->bytes.data, message->subject.size);
        a->message.text = sotto_span(message->subject.size ? a->bytes.data + message->subject.size : a->bytes.data, message->text.size);
    }
}

void sotto_system_line(struct sotto_messenger *m, struct contact *c, const char *words)
{
    struct sotto_message message = { .message = sotto_message_next(m, 1), .chat = c->id, .type = SOTTO_CONTENT_SYSTEM, .ms = m->now_ms,
                                     .arrived_ms = m->now_ms, .state = SOTTO_MSG_RECEIVED, .text = sotto_span_str(words) };
    show(m, c, &message);
}

static uint32_t missing_before(const struct sotto_window *w, uint32_t seq)
{
    uint32_t count = 0;
    while (seq - 1 - count > w->ack && !sotto_window_has(w, seq - 1 - count)) count++;
    return count;
}

static void gaps(struct sotto_messenger *m, struct talk *t, uint32_t seq)               /* before seq is added */
{
    uint32_t from = t->window.high + 1;
    for (uint32_t n = from; n < seq && n < from + GAP_EVENTS_MAX; n++) {
        struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_EVENT);
        a->event = SOTTO_EVENT_MESSAGE_GAP;
        a->contact = t->id;
        a->number = n;
    }
}

static void gap_update(struct sotto_messenger *m, struct talk *t)
{
    bool open = t->window.high > t->window.ack || t->pn_lost;           /* a chain ended with cells we did not see: perhaps messages */
    if (open && !t->gap_since_ms) t->gap_since_ms = m->now_ms;
    if (!open) {
        t->gap_since_ms = 0;
        t->gap_asked = false;
    }
    sotto_mark(m, &t->node);
    sotto_touch(m, t->contact);
}

/* ---- System content ---- */

static void end_in(struct sotto_messenger *m, struct contact *c)
{
    sotto_conversation_over(m, c, true);
    sotto_system_line(m, c, "conversation ended");
    sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);
}

void sotto_conversation_over(struct sotto_messenger *m, struct contact *c, bool failed_too)
{
    for (uint32_t i = c->out.count; i-- > 0;) {
        struct outgoing *o = (struct outgoing *)c->out.at[i];
        if (o->state <= OUT_FLYING && failed_too)
            sotto_outgoing_shown(m, o, o->shown == SOTTO_MSG_QUEUED || o->shown == SOTTO_MSG_WORKING ? SOTTO_MSG_FAILED : SOTTO_MSG_EXPIRED);
        sotto_outgoing_delete(m, o);
    }
    while (c->talks.count) sotto_talk_delete(m, (struct talk *)c->talks.at[c->talks.count - 1]);
    static const enum hello_kind kinds[] = { HELLO_OUT, HELLO_REPLY };
    for (size_t i = 0; i < 2; i++) {
        struct hello *h = sotto_hello_of(m, &c->id, kinds[i]);
        if (h) sotto_hello_free(m, h);
    }
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
}

static void certificate_in(struct sotto_messenger *m, struct contact *c, struct sotto_span bytes)
{
    struct sotto_cert cert;
    if (sotto_cert_read(&cert, bytes, m->now_ms, NULL) != SOTTO_OK || !sotto_id_equal(&cert.id, &c->id)) return;
    if (memcmp(cert.xkey.b, c->xkey.b, sizeof cert.xkey.b) != 0) return;     /* another exchange key takes effect with a new session only (2.2) */
    if (cert.not_after_s * 1000 <= c->not_after_ms) return;
    sotto_contact_take_cert(m, c, bytes);
    sotto_system_line(m, c, "certificate renewed");
    sotto_event_contact(m, c, SOTTO_EVENT_CONTACT_KEY, c->state, c->state);
    if (c->state == SOTTO_CONTACT_FROZEN) sotto_contact_to(m, c, SOTTO_CONTACT_MUTUAL);
}

static void timer_line(struct sotto_messenger *m, struct contact *c, uint64_t seconds)
{
    char words[32] = "timer ", digits[20];
    size_t count = 0, at = 6;
    do digits[count++] = (char)('0' + seconds % 10);
    while ((seconds /= 10) != 0);
    while (count) words[at++] = digits[--count];
    memcpy(words + at, " s", 3);
    sotto_system_line(m, c, words);
}

/* True: the session is gone. */
static bool system_in(struct sotto_messenger *m, struct talk *t, struct sotto_span p)
{
    struct contact *c = t->contact;
    uint64_t seconds;
    switch (p.data[0]) {
    case SOTTO_SYSTEM_END:
        end_in(m, c);
        return true;
    case SOTTO_SYSTEM_RESEND: sotto_asked_again(m, t, sotto_be32(p.data + 1), sotto_be32(p.data + 5)); break;
    case SOTTO_SYSTEM_TIMER:
        seconds = sotto_be32(p.data + 1);
        if (seconds * 1000 == c->timer_ms) break;
        c->timer_ms = seconds * 1000;
        sotto_mark(m, &c->node);
        timer_line(m, c, seconds);
        break;
    case SOTTO_SYSTEM_CERTIFICATE: certificate_in(m, c, sotto_span_cut(p, 1, p.size - 1)); break;
    default: break;                       /* confirm was read where the session was opened; delete fills a number; others are not offered */
    }
    return false;
}

/* ---- Applying ---- */

static void part_keep(struct sotto_messenger *m, struct talk *t, const struct sotto_body *b)
{
    uint32_t held = 0;
    for (uint32_t i = t->parts.count; i-- > 0;) {
        const struct part *p = (const struct part *)t->parts.at[i];
        if (p->parked || p->seq != b->seq) {
            held += !p->parked;
            continue;
        }
        if (same_message(p, b) && p->fragment == b->fragment) return;
        if (same_message(p, b)) continue;
        sotto_talk_drop_parts(m, t, b->seq);          /* another message took this number */
        i = t->parts.count;
        held = 0;
    }
    if (held >= PARTS_MAX) {                          /* the oldest incomplete message goes; its sender resends all of it */
        for (uint32_t i = 0; i < t->parts.count; i++) {
            const struct part *p = (const struct part *)t->parts.at[i];
            if (p->parked || p->seq == b->seq) continue;
            sotto_talk_drop_parts(m, t, p->seq);
            break;
        }
    }
    struct part *p = sotto_new_node(m, sizeof *p, SOTTO_TABLE_PART, false);
    if (!p) return;
    p->talk_row = t->node.row;
    p->seq = b->seq, p->time_ms = b->time_ms, p->type = b->type, p->flags = b->flags, p->fragment = b->fragment, p->fragments = b->fragments;
    p->size = (uint16_t)b->payload.size;
    if (p->size) memcpy(p->bytes, b->payload.data, p->size);
    if (!sotto_list_add(&t->parts, &p->node)) {
        m->failed = true;
        free(p);
        return;
    }
    sotto_mark(m, &p->node);
}

static void park(struct sotto_messenger *m, struct talk *t, const uint8_t body[SOTTO_BODY_BYTES], uint32_t index)
{
    struct part *p = sotto_new_node(m, sizeof *p, SOTTO_TABLE_PART, false);
    if (!p) return;
    p->talk_row = t->node.row;
    p->parked = true;
    p->index = index;
    p->size = SOTTO_BODY_BYTES;
    memcpy(p->bytes, body, SOTTO_BODY_BYTES);
    if (!sotto_list_add(&t->parts, &p->node)) {
        m->failed = true;
        free(p);
        return;
    }
    sotto_mark(m, &p->node);
}

static void acknowledge_later(struct sotto_messenger *m, struct talk *t)
{
    if (t->receipt_ms || t->retire_ms) return;
    t->receipt_ms = m->now_ms + 1 + sotto_rng_exp_us(m->config.rng, m->config.receipt_mean_ms * 1000) / 1000;
    sotto_mark(m, &t->node);
    sotto_touch(m, t->contact);
}

/* The number of a message in the history: its place in an open gap, else the next one; a new gap takes the places of what is
 * missing. */
static uint64_t place(struct sotto_messenger *m, struct talk *t, uint32_t seq)
{
    for (uint32_t i = 0; i < t->reserved_count; i++)
        if (seq - t->reserved[i].seq < t->reserved[i].count) return t->reserved[i].message + (seq - t->reserved[i].seq);
    uint32_t missing = seq > t->window.high ? seq - t->window.high - 1 : 0;
    if (missing && missing <= RESERVED_RUN_MAX) {
        if (t->reserved_count == RESERVED_MAX) memmove(&t->reserved[0], &t->reserved[1], --t->reserved_count * sizeof t->reserved[0]);
        t->reserved[t->reserved_count++] = (struct reserved){ t->window.high + 1, missing, sotto_message_next(m, missing) };
    }
    return sotto_message_next(m, 1);
}

/* Of a run of places those at its end that are empty still. */
static uint32_t empty_at_end(const struct talk *t, const struct reserved *r)
{
    uint32_t count = 0;
    while (count < r->count && !sotto_window_has(&t->window, r->seq + r->count - 1 - count)) count++;
    return count;
}

/* The place that an older session of the contact keeps for a message which it lost: the id tells which one came again in a new session.
 * What is left of the gap stays open on both sides of it. 0: no place; *missing: what is missing before it. */
static uint64_t place_before(struct sotto_messenger *m, const struct talk *t, const uint8_t mid[SOTTO_MID_BYTES], uint32_t *missing)
{
    uint32_t tries = RESERVED_TRIES_MAX;
    for (uint32_t i = 0; i < t->contact->talks.count; i++) {
        struct talk *o = (struct talk *)t->contact->talks.at[i];
        for (uint32_t k = 0; o != t && k < o->reserved_count; k++) {
            struct reserved *r = &o->reserved[k], behind;
            for (uint32_t j = 0; j < r->count && tries > 0; j++) {
                uint8_t other[SOTTO_MID_BYTES];
                if (sotto_window_has(&o->window, r->seq + j)) continue;
                tries--;
                sotto_message_id(other, o->s->core.c2, sotto_session_dir_in(o->s), r->seq + j);
                if (memcmp(other, mid, sizeof other) != 0) continue;
                behind = (struct reserved){ r->seq + j + 1, r->count - j - 1, r->message + j + 1 };
                uint64_t number = r->message + j;
                r->count = j;
                *missing = empty_at_end(o, r);
                struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_HISTORY_GAP);
                a->message.message = behind.message + behind.count;
                a->number = empty_at_end(o, &behind);
                if (r->count == 0) *r = behind;
                else if (behind.count && o->reserved_count < RESERVED_MAX) o->reserved[o->reserved_count++] = behind;
                if (o->reserved[k].count == 0) o->reserved[k] = o->reserved[--o->reserved_count];
                sotto_mark(m, &o->node);
                return number;
            }
        }
    }
    return 0;
}

/* After seq was added: gaps that are closed are forgotten, and what stands behind a gap that became smaller says so. */
static void places_update(struct sotto_messenger *m, struct talk *t, uint32_t seq)
{
    for (uint32_t i = 0; i < t->reserved_count; i++) {
        struct reserved *r = &t->reserved[i];
        if (seq - r->seq < r->count) {
            struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_HISTORY_GAP);
            a->message.message = r->message + r->count;
            a->number = missing_before(&t->window, r->seq + r->count);
            if (seq + 1 < r->seq + r->count && sotto_window_has(&t->window, seq + 1)) {
                a = sotto_act_add(m, SOTTO_ACT_HISTORY_GAP);
                a->message.message = r->message + (seq + 1 - r->seq);
                a->number = 0;
            }
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->reserved_count; i++)
        if (t->reserved[i].seq + t->reserved[i].count - 1 > t->window.ack) t->reserved[kept++] = t->reserved[i];
    t->reserved_count = kept;
    sotto_mark(m, &t->node);
}

/* A late text of a replaced session, while the newer one waits for messages: the other end bound all that was not acknowledged to the newer one, before
 * what it wrote then. It is one of those that are missing there and comes again; shown from here it would stand behind what was written later. */
static bool comes_again(const struct talk *t, const struct sotto_body *b)
{
    if (!t->retire_ms || b->type == SOTTO_CONTENT_SYSTEM) return false;
    for (uint32_t i = 0; i < t->contact->talks.count; i++) {
        const struct talk *o = (const struct talk *)t->contact->talks.at[i];
        if (o->generation <= t->generation) continue;
        for (uint32_t k = 0; k < o->reserved_count; k++)
            for (uint32_t j = 0; j < o->reserved[k].count; j++)
                if (!sotto_window_has(&o->window, o->reserved[k].seq + j)) return true;
    }
    return false;
}

static bool deliver(struct sotto_messenger *m, struct talk *t, const struct incoming *in)
{
    struct contact *c = t->contact;
    const struct sotto_body *b = &in->body;
    if (comes_again(t, b)) return false;
    uint32_t missing = missing_before(&t->window, b->seq);
    uint8_t mid[SOTTO_MID_BYTES], key[SOTTO_MID_BYTES];
    struct sotto_span p = payload_of(in);
    uint64_t number = place(m, t, b->seq);            /* a system message takes a place too: the next ones count on it */
    gaps(m, t, b->seq);
    sotto_window_add(&t->window, b->seq);
    if (t->window.ack == t->window.high) t->pn_lost = 0;                 /* what was lost was not counted */
    gap_update(m, t);
    places_update(m, t, b->seq);
    if (b->fragments > 1) sotto_talk_drop_parts(m, t, b->seq);
    if (b->type == SOTTO_CONTENT_SYSTEM) return system_in(m, t, p);
    if (b->flags & SOTTO_BODY_RESENT) memcpy(mid, in->whole.data, sizeof mid);
    else sotto_message_id(mid, t->s->core.c2, sotto_session_dir_in(t->s), b->seq);
    seen_key(key, mid, b->time_ms);
    if (seen_before(c, key) && !SOTTO_PLANTED(MESSAGE_ID_IGNORED)) return false;            /* resent across sessions, and here already */
    uint64_t before = b->flags & SOTTO_BODY_RESENT ? place_before(m, t, mid, &missing) : 0;
    if (before) number = before;
    struct sotto_message message = { .message = number, .chat = c->id, .type = b->type, .number = b->seq, .gap_before = missing,
                                     .ms = b->time_ms, .arrived_ms = m->now_ms, .state = SOTTO_MSG_RECEIVED, .text = p };
    memcpy(message.mid, mid, sizeof mid);
    if (b->type == SOTTO_CONTENT_MAIL) {
        message.subject = sotto_span_cut(p, 1, p.data[0]);
        message.text = sotto_span_cut(p, 1u + p.data[0], p.size - 1 - p.data[0]);
    }
    seen_add(m, c, key, message.message, t, b->seq);
    c->last_ms = m->now_ms;
    c->renewed = false;
    c->unread++;
    sotto_mark(m, &c->node);
    show(m, c, &message);
    return false;
}

/* Another message had this number in this session. */
static bool number_taken(const struct talk *t, const struct sotto_body *b)
{
    uint8_t mid[SOTTO_MID_BYTES], key[SOTTO_MID_BYTES];
    if ((b->flags & SOTTO_BODY_RESENT) || b->type == SOTTO_CONTENT_SYSTEM) return false;      /* a filler takes the number of what it withdraws */
    sotto_message_id(mid, t->s->core.c2, sotto_session_dir_in(t->s), b->seq);
    seen_key(key, mid, b->time_ms);
    for (uint32_t i = 0; i < t->contact->seen.count; i++) {
        const struct seen *s = (const struct seen *)t->contact->seen.at[i];
        for (uint32_t k = 0; k < s->count; k++)
            if (s->at[k].talk_row == t->node.row && s->at[k].seq == b->seq) return memcmp(s->at[k].key, key, sizeof key) != 0;
    }
    return false;
}

/* True: the session is gone. */
static bool apply_body(struct sotto_messenger *m, struct talk *t, const struct incoming *in)
{
    const struct sotto_body *b = &in->body;
    sotto_acked(m, t, in->chain, b->ack, b->ackbits, b->read);
    if (b->seq == 0) return false;
    if (in->again && number_taken(t, b)) sotto_heal_parted(m, t);
    acknowledge_later(m, t);
    if (in->again) return false;
    if (in->complete) return deliver(m, t, in);
    part_keep(m, t, b);
    return false;
}

static void heard(struct sotto_messenger *m, struct talk *t)             /* an authentic cell of that person */
{
    struct contact *c = t->contact;
    t->last_in_ms = m->now_ms;
    t->doubted = false;
    c->unreplied_cells = 0;
    c->unreplied_ms = 0;
    if (c->not_collected) {
        c->not_collected = false;
        sotto_event_chat(m, c, SOTTO_EVENT_CHAT_CHANGED, NULL);
    }
    sotto_mark(m, &t->node);
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
}

/* M3 is here: mutual; what waited for it follows in its order. True: the session is gone. */
static bool confirm_in(struct sotto_messenger *m, struct talk *t, const struct incoming *in)
{
    struct contact *c = t->contact;
    bool renewed = c->known && t->generation > 1;
    sotto_talk_confirmed(m, t);
    struct hello *reply = sotto_hello_of(m, &c->id, HELLO_REPLY);
    if (reply && reply->talk_row == t->node.row) sotto_hello_free(m, reply);
    sotto_contact_to(m, c, SOTTO_CONTACT_MUTUAL);
    if (renewed) {
        c->renewed = true;
        sotto_system_line(m, c, "session renewed");
    }
    bool gone = apply_body(m, t, in);
    while (!gone && !m->failed) {
        struct part *first = NULL;
        for (uint32_t i = 0; i < t->parts.count; i++) {
            struct part *p = (struct part *)t->parts.at[i];
            if (p->parked && (!first || p->index < first->index)) first = p;
        }
        if (!first) break;
        struct part copy = *first;
        sotto_unmark(m, &first->node);
        sotto_list_remove(&t->parts, &first->node);
        sotto_wipe(first, sizeof *first);
        free(first);
        struct incoming waited = { 0 };
        if (sotto_body_decode(&waited.body, copy.bytes) == SOTTO_OK && check_body(&waited, t) == SOTTO_OK) gone = apply_body(m, t, &waited);
        sotto_buf_free(&waited.whole);
        SOTTO_WIPE(copy);
    }
    return gone;
}

static uint32_t parked(const struct talk *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->parts.count; i++) count += ((const struct part *)t->parts.at[i])->parked;
    return count;
}

static enum sotto_err talk_in(struct sotto_messenger *m, struct talk *t, const struct sotto_hit *hit, const uint8_t sealed[SOTTO_CELL_SEALED])
{
    struct contact *c = t->contact;
    struct sotto_step step;
    struct incoming in = { 0 };
    bool confirm = false;
    enum sotto_err err = sotto_session_open(t->s, &step, hit, sealed, &m->world, m->now_ms);
    if (err == SOTTO_ERR_AGAIN) err = SOTTO_ERR_HEADER_BLOCK;            /* no ledger here to wait for */
    if (err != SOTTO_OK) {
        sotto_heal_refused(m, t, err);
        return err;
    }
    err = sotto_body_decode(&in.body, step.body);
    if (err == SOTTO_OK) err = check_body(&in, t);
    bool system = err == SOTTO_OK && in.body.type == SOTTO_CONTENT_SYSTEM && in.complete;
    struct sotto_span payload = system ? payload_of(&in) : sotto_span(NULL, 0);
    SOTTO_ASSERT(!system || payload.size >= 1);                          /* check_system */
    uint8_t subtype = system ? payload.data[0] : 0;
    if (err == SOTTO_OK && c->blocked) err = SOTTO_ERR_STATE;
    if (err == SOTTO_OK && c->state == SOTTO_CONTACT_FROZEN && subtype != SOTTO_SYSTEM_CERTIFICATE) err = SOTTO_ERR_CERT_EXPIRED;
    if (err == SOTTO_OK && !t->confirmed) {
        confirm = subtype == SOTTO_SYSTEM_CONFIRM;
        if (confirm && !sotto_equal_ct(payload.data + 1, t->confirm.b, 32) && !SOTTO_PLANTED(CONFIRM_IGNORED)) err = SOTTO_ERR_HELLO_CONFIRM;
        else if (!confirm && parked(t) >= PARKED_MAX) err = SOTTO_ERR_FULL;
    }
    if (err == SOTTO_OK) {
        in.chain = sotto_session_chain(t->s, &step);
        uint32_t lost = step.chain_new && step.lost > step.header.index ? step.lost - step.header.index : 0;
        sotto_talk_commit(m, t, &step, sealed);
        heard(m, t);
        bool gone = false;
        if (lost) {
            t->pn_lost += lost;
            gap_update(m, t);
        } else if (t->pn_lost && t->s->skipped_count == 0) {
            t->pn_lost = 0;
            gap_update(m, t);
        }
        if (t->confirmed) gone = apply_body(m, t, &in);
        else if (confirm) gone = confirm_in(m, t, &in);
        else park(m, t, step.body, step.header.index);
        (void)gone;
        sotto_pump(m, c);
    }
    sotto_buf_free(&in.whole);
    sotto_session_drop(&step);
    return err;
}

/* ---- The two lanes ---- */

static uint64_t not_mine_key(const uint8_t sealed[SOTTO_CELL_SEALED])    /* tag, X and det decide it (box.h) */
{
    uint8_t digest[32];
    sotto_sha256(digest, sotto_span(sealed, BOX_LOOK));
    uint64_t key = sotto_be64(digest);
    return key ? key : 1;
}

static enum sotto_err box_in(struct sotto_messenger *m, const uint8_t sealed[SOTTO_CELL_SEALED], struct sotto_now now, struct sotto_acts *acts)
{
    uint64_t key = not_mine_key(sealed), *place = &m->not_mine[key & (NOT_MINE_SLOTS - 1)];
    if (*place == key) return SOTTO_ERR_NOT_MINE;
    uint8_t plain[SOTTO_BOX_PLAIN];
    enum sotto_err err = sotto_box_open(plain, m->box, sealed);
    if (err == SOTTO_ERR_NOT_MINE || err == SOTTO_ERR_POINT) {
        *place = key;
        return SOTTO_ERR_NOT_MINE;
    }
    if (err == SOTTO_OK) {
        err = sotto_begin(m, now, acts);
        if (err == SOTTO_OK) err = sotto_finish(m, sotto_first_contact_in(m, plain, sealed));
    }
    SOTTO_WIPE(plain);
    return err;
}

enum sotto_err sotto_messenger_cell_in(struct sotto_messenger *m, const uint8_t sealed[SOTTO_CELL_SEALED], struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started) return SOTTO_ERR_STATE;
    struct sotto_tag tag;
    struct sotto_tag_place place;
    enum sotto_err err;
    memcpy(tag.b, sealed, sizeof tag.b);
    if (sotto_tags_find(m->tags, &place, &tag)) {
        err = sotto_begin(m, now, acts);
        if (err == SOTTO_OK && place.hit.slot == SOTTO_SLOT_USED) {
            sotto_heal_used(m, place.owner, place.hit.index, sealed);
            err = sotto_finish(m, SOTTO_ERR_NOT_MINE);                   /* a replay, or nothing that could be opened */
        } else if (err == SOTTO_OK) {
            err = sotto_finish(m, talk_in(m, place.owner, &place.hit, sealed));
        }
    } else {
        err = box_in(m, sealed, now, acts);
    }
    if (err == SOTTO_OK) m->stats.opened++;
    else if (err == SOTTO_ERR_NOT_MINE) m->stats.not_mine++;
    else m->stats.refused[err]++;
    return err;
}
