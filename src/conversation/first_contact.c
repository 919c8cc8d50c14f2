/* M1 and M2 over time: asking, answering, resending, replays, crossing requests (messaging.md 3.4, 3.5, 4.9). */
#include "base/plant.h"
#include "conversation/messenger_impl.h"

#include <stdlib.h>

enum { AT_STEP = 1 };                     /* messaging.md 3.1 */

struct hello *sotto_hello_of(const struct sotto_messenger *m, const struct sotto_id *id, enum hello_kind kind)
{
    for (uint32_t i = 0; i < m->hellos.count; i++) {
        struct hello *h = (struct hello *)m->hellos.at[i];
        if (h->kind == kind && sotto_id_equal(&h->id, id)) return h;
    }
    return NULL;
}

void sotto_hello_free(struct sotto_messenger *m, struct hello *h)
{
    sotto_cells_of(m, CELL_HELLO, h->node.row, 0, false);
    if (h->kind == HELLO_OUT && !h->solved) sotto_act_add(m, SOTTO_ACT_SOLVE_CANCEL)->row = h->node.row;
    sotto_unmark(m, &h->node);
    sotto_list_remove(&m->hellos, &h->node);
    sotto_guard_free(h);
}

bool sotto_hello_room(const struct sotto_messenger *m)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < m->hellos.count; i++) count += ((const struct hello *)m->hellos.at[i])->kind == HELLO_OUT;
    return count < m->config.pending_max;
}

static struct hello *hello_new(struct sotto_messenger *m, struct contact *c, enum hello_kind kind)
{
    struct hello *old = sotto_hello_of(m, &c->id, kind);
    if (old) sotto_hello_free(m, old);
    struct hello *h = sotto_new_node(m, sizeof *h, SOTTO_TABLE_HELLO, true);
    if (!h) return NULL;
    h->kind = kind;
    h->id = c->id;
    h->made_ms = m->now_ms;
    if (!sotto_list_add(&m->hellos, &h->node)) {
        m->failed = true;
        sotto_guard_free(h);
        return NULL;
    }
    sotto_mark(m, &h->node);
    sotto_touch(m, c);
    return h;
}

static void fill_random(struct sotto_messenger *m, uint8_t out[32])       /* never zero: the form asks it */
{
    do sotto_rng_fill(m->config.rng, out, 32);
    while (sotto_all_zero(out, 32));
}

/* A fresh box around the same plain text. */
static void send_box(struct sotto_messenger *m, struct contact *c, struct hello *h, const struct sotto_point *scan)
{
    uint8_t sealed[SOTTO_CELL_SEALED];
    bool carded = scan->b[0] != 0;
    if (sotto_box_seal_fresh(sealed, &c->xkey, carded ? scan : NULL, h->pt, m->config.rng) != SOTTO_OK) return;      /* the key was checked with the certificate */
    sotto_cell_new(m, CELL_HELLO, h->node.row, 0, &c->id, sealed, 0);
    h->sent++;
    if (h->kind == HELLO_OUT) h->next_ms = h->sent <= 4 ? h->made_ms + m->timing.hello_again_ms[h->sent - 1] : 0;
    else h->next_ms = h->sent <= m->timing.reply_again ? m->now_ms + m->timing.reply_again_ms : 0;
    sotto_mark(m, &h->node);
    sotto_touch(m, c);
}

void sotto_hello_again(struct sotto_messenger *m, struct contact *c, struct hello *h)
{
    if (h->next_ms || (h->kind == HELLO_OUT && !h->solved)) return;
    h->next_ms = m->now_ms;
    sotto_mark(m, &h->node);
    sotto_touch(m, c);
}

/* ---- M1 out ---- */

static void ask_puzzle(struct sotto_messenger *m, const struct hello *h)
{
    struct sotto_act *a = sotto_act_add(m, SOTTO_ACT_SOLVE);
    a->row = h->node.row;
    a->contact = h->id;
    memcpy(a->digest, h->puzzle, sizeof h->puzzle);
    a->bits = m->config.puzzle_bits;
}

void sotto_hello_solve_again(struct sotto_messenger *m)
{
    for (uint32_t i = 0; i < m->hellos.count; i++) {
        const struct hello *h = (const struct hello *)m->hellos.at[i];
        if (h->kind == HELLO_OUT && !h->solved) ask_puzzle(m, h);
    }
}

enum sotto_err sotto_hello_start(struct sotto_messenger *m, struct contact *c, uint8_t flags, const char *note)
{
    struct hello *h = hello_new(m, c, HELLO_OUT);
    if (!h) return SOTTO_ERR_NOMEM;
    struct sotto_hello hello = { .flags = flags, .from = m->cert.id, .to = c->id, .cert = m->config.cert };
    size_t most = SOTTO_HELLO_AREA - hello.cert.size, size;
    hello.intro = sotto_span_str(note ? note : "");
    hello.intro.size = sotto_hello_intro_cut(hello.intro, most);
    hello.time_ms = m->now_ms > c->t_out_ms ? m->now_ms : c->t_out_ms + 1;               /* the other side wants it to rise */
    fill_random(m, hello.nonce);
    fill_random(m, hello.share.b);
    sotto_scalar_random(&h->eph, m->config.rng);
    enum sotto_err err = sotto_point_make(&hello.eph, &h->eph);
    if (err == SOTTO_OK) err = sotto_hello_m1_begin(h->pt, &size, h->puzzle, &hello);
    SOTTO_WIPE(hello.share);
    if (err != SOTTO_OK) {
        m->failed = true;                 /* our own fields: only memory may fail here */
        return err;
    }
    c->t_out_ms = hello.time_ms;
    h->generation = c->generation + 1;
    sotto_mark(m, &c->node);
    ask_puzzle(m, h);
    return SOTTO_OK;
}

void sotto_messenger_solved(struct sotto_messenger *m, uint64_t token, uint64_t solution, struct sotto_now now, struct sotto_acts *acts)
{
    struct hello *h = (struct hello *)sotto_list_find(&m->hellos, token);
    if (!m->started || !h || h->kind != HELLO_OUT || h->solved || sotto_begin(m, now, acts) != SOTTO_OK) return;
    struct contact *c = sotto_contact_find(m, &h->id);
    if (!sotto_puzzle_good(h->puzzle, solution, m->config.puzzle_bits)) {
        ask_puzzle(m, h);
    } else if (c && sotto_hello_m1_finish(h->pt, SOTTO_HELLO_SIZE, h->h1, solution, &m->config.keys->key[SOTTO_ROLE_IDENTITY]) == SOTTO_OK) {
        h->solved = true;
        send_box(m, c, h, &c->scan);
    }
    (void)!sotto_finish(m, SOTTO_OK);
}

/* ---- M1 in ---- */

void sotto_h1_trim(struct sotto_messenger *m)
{
    uint64_t life = m->timing.request_life_ms + DAY_MS;
    while (m->h1s.count) {
        struct h1 *oldest = (struct h1 *)m->h1s.at[0];
        if (m->h1s.count <= H1_MAX && oldest->seen_ms + life > m->now_ms) break;
        sotto_unmark(m, &oldest->node);
        sotto_list_remove(&m->h1s, &oldest->node);
        free(oldest);
    }
}

static void h1_add(struct sotto_messenger *m, const struct sotto_hello_seen *seen)
{
    struct h1 *h = sotto_new_node(m, sizeof *h, SOTTO_TABLE_HELLO, false);
    if (!h) return;
    memcpy(h->h1, seen->h1, sizeof h->h1);
    h->from = seen->hello.from;
    h->time_ms = seen->hello.time_ms;
    h->seen_ms = m->now_ms;
    if (!sotto_list_add(&m->h1s, &h->node)) {
        m->failed = true;
        free(h);
        return;
    }
    sotto_mark(m, &h->node);
    sotto_h1_trim(m);
}

static uint32_t strangers(const struct sotto_messenger *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        count += c->state == SOTTO_CONTACT_INCOMING && !c->known;
    }
    return count;
}

/* The request with the cheapest puzzle makes room for a dearer one. NULL: the new one is not dearer than any. */
static struct contact *cheapest_request(const struct sotto_messenger *m, unsigned strength)
{
    struct contact *cheapest = NULL;
    for (uint32_t i = 0; i < m->hellos.count; i++) {
        const struct hello *h = (const struct hello *)m->hellos.at[i];
        struct contact *c = h->kind == HELLO_IN ? sotto_contact_find(m, &h->id) : NULL;
        if (!c || c->state != SOTTO_CONTACT_INCOMING || c->known) continue;
        unsigned bits = sotto_hello_strength(h->pt);
        if (bits >= strength) continue;
        strength = bits;
        cheapest = c;
    }
    return cheapest;
}

static bool same_keys(const struct contact *c, const struct sotto_hello_seen *seen)
{
    return memcmp(c->key.b, seen->cert.key.b, 33) == 0 && memcmp(c->xkey.b, seen->xkey.b, 33) == 0;
}

static uint64_t newest_made(const struct contact *c)
{
    return c->talks.count ? ((const struct talk *)c->talks.at[c->talks.count - 1])->made_ms : 0;
}

/* The generation of the session that answers a M1: that of our own M1 or session if the two crossed, else a new one. */
static uint32_t answer_generation(const struct sotto_messenger *m, const struct contact *c, const struct sotto_hello_seen *seen, bool *crossing)
{
    const struct hello *own = sotto_hello_of(m, &c->id, HELLO_OUT);
    *crossing = true;
    if (own) return own->generation;
    /* Written before our newest session was there: it crossed the M1 of that one, whatever its flag says. Were it counted as a renewal, this
     * end would retire a session that the other end may go on sending on. */
    if (c->talks.count && seen->hello.time_ms <= newest_made(c)) return c->generation;
    *crossing = false;
    return c->generation + 1;
}

static enum sotto_err answer(struct sotto_messenger *m, struct contact *c, const struct sotto_hello_seen *seen, uint32_t generation, const uint8_t *tag)
{
    struct sotto_scalar eph;
    struct sotto_hello_keys keys;
    struct sotto_hello_reply reply = { .eph = &eph, .identity = &m->config.keys->key[SOTTO_ROLE_IDENTITY],
                                       .exchange = &m->config.keys->key[SOTTO_ROLE_EXCHANGE], .cert = m->config.cert };
    uint8_t pt[SOTTO_HELLO_SIZE];
    sotto_scalar_random(&eph, m->config.rng);
    fill_random(m, reply.nonce);
    fill_random(m, reply.share.b);
    enum sotto_err err = sotto_hello_m2_make(pt, &keys, seen, &reply);
    if (err == SOTTO_OK) {
        /* An answer nobody confirmed is worth nothing once its owner asks anew. */
        for (uint32_t i = c->talks.count; i-- > 0;) {
            struct talk *old = (struct talk *)c->talks.at[i];
            if (!old->confirmed && !old->s->core.initiator) sotto_talk_delete(m, old);
        }
        struct sotto_session_start start = { .initiator = false, .own = m->cert.id, .peer = c->id, .peer_xkey = seen->xkey, .p = keys.p,
                                             .rk = keys.rk, .hk_i = keys.hk_i, .hk_r = keys.hk_r, .eph_r_scalar = eph };
        memcpy(start.c2, keys.c2, sizeof start.c2);
        struct talk *t = sotto_talk_new(m, c, &start, generation);
        SOTTO_WIPE(start);
        struct hello *h = t ? hello_new(m, c, HELLO_REPLY) : NULL;
        if (h) {
            memcpy(t->confirm.b, keys.confirm_i, 32);
            memcpy(h->pt, pt, sizeof pt);
            h->talk_row = t->node.row;
            h->scan = seen->hello.scan;
            if (tag) {
                memcpy(h->answered[0], tag, SOTTO_TAG_BYTES);
                h->answered_count = 1;
            }
            c->scan = seen->hello.scan;
            sotto_contact_take_cert(m, c, seen->hello.cert);
            send_box(m, c, h, &h->scan);
        } else {
            err = SOTTO_ERR_NOMEM;
        }
    }
    SOTTO_WIPE(eph);
    SOTTO_WIPE(reply.share);
    SOTTO_WIPE(keys);
    SOTTO_WIPE(pt);
    return err;
}

/* The same M1 in another box: its sender did not get M2. A box already seen is a replay by someone else and not answered. */
static enum sotto_err again_in(struct sotto_messenger *m, struct contact *c, const struct sotto_hello_seen *seen, const uint8_t *tag)
{
    struct hello *h = c && !c->blocked ? sotto_hello_of(m, &c->id, HELLO_REPLY) : NULL;
    const struct talk *t = h ? (const struct talk *)sotto_list_find(&m->talks, h->talk_row) : NULL;
    if (!t || t->confirmed || h->answered_count == ANSWERED_MAX || c->t_in_ms != seen->hello.time_ms) return SOTTO_ERR_REPLAY;
    for (uint32_t i = 0; i < h->answered_count; i++)
        if (memcmp(h->answered[i], tag, SOTTO_TAG_BYTES) == 0) return SOTTO_ERR_REPLAY;
    memcpy(h->answered[h->answered_count++], tag, SOTTO_TAG_BYTES);
    sotto_cells_of(m, CELL_HELLO, h->node.row, 0, false);
    send_box(m, c, h, &h->scan);
    return SOTTO_OK;
}

static enum sotto_err request_in(struct sotto_messenger *m, struct contact *c, const struct sotto_hello_seen *seen, const uint8_t pt[SOTTO_HELLO_SIZE])
{
    if (!c && strangers(m) >= m->config.requests_max) {
        struct contact *out = cheapest_request(m, sotto_hello_strength(pt));
        if (!out) return SOTTO_ERR_FULL;
        sotto_contact_delete(m, out);
    }
    if (!c && m->contacts.count >= m->config.contacts_max + m->config.requests_max) return SOTTO_ERR_FULL;
    h1_add(m, seen);
    bool fresh = !c || (c->state != SOTTO_CONTACT_INCOMING && c->state != SOTTO_CONTACT_DECLINED);
    enum sotto_contact_state before = c ? c->state : SOTTO_CONTACT_INCOMING;
    bool new_key = c && c->known && !same_keys(c, seen);
    if (!c) c = sotto_contact_new(m, &seen->hello.from, SOTTO_CONTACT_INCOMING);
    struct hello *h = c ? hello_new(m, c, HELLO_IN) : NULL;
    if (!h) return SOTTO_ERR_NOMEM;
    memcpy(h->pt, pt, sizeof h->pt);
    size_t size = seen->hello.intro.size < SOTTO_NOTE_MAX ? seen->hello.intro.size : sotto_hello_intro_cut(seen->hello.intro, SOTTO_NOTE_MAX);
    memset(c->note, 0, sizeof c->note);
    for (size_t i = 0; i < size; i++) c->note[i] = seen->hello.intro.data[i] ? (char)seen->hello.intro.data[i] : ' ';
    c->t_in_ms = seen->hello.time_ms;
    if (!c->cert_size) sotto_contact_take_cert(m, c, seen->hello.cert);
    sotto_mark(m, &c->node);
    sotto_touch(m, c);
    if (new_key) sotto_event_contact(m, c, SOTTO_EVENT_CONTACT_KEY, before, SOTTO_CONTACT_INCOMING);
    if (fresh) {
        if (before != SOTTO_CONTACT_INCOMING) c->state = SOTTO_CONTACT_INCOMING;
        sotto_event_contact(m, c, SOTTO_EVENT_CONTACT_REQUEST, before, SOTTO_CONTACT_INCOMING);
    }
    return SOTTO_OK;
}

static enum sotto_err m1_in(struct sotto_messenger *m, const uint8_t pt[SOTTO_HELLO_SIZE], const uint8_t sealed[SOTTO_CELL_SEALED])
{
    struct sotto_hello_seen seen;
    struct sotto_hello_ctx ctx = { .own = m->cert.id, .now_ms = m->now_ms, .puzzle_bits = m->config.puzzle_bits };
    SOTTO_TRY(sotto_hello_m1_check(&seen, sotto_span(pt, SOTTO_HELLO_SIZE), &ctx));
    enum sotto_err err = SOTTO_OK;
    struct contact *c = sotto_contact_find(m, &seen.hello.from);
    uint32_t today = 0;
    uint64_t last = c ? c->t_in_ms : 0;
    bool replay = false;
    for (uint32_t i = 0; i < m->h1s.count; i++) {
        const struct h1 *h = (const struct h1 *)m->h1s.at[i];
        if (memcmp(h->h1, seen.h1, sizeof h->h1) == 0) replay = true;
        if (!sotto_id_equal(&h->from, &seen.hello.from)) continue;
        if (h->time_ms > last) last = h->time_ms;
        today += h->seen_ms + DAY_MS > m->now_ms;
    }
    if (replay) err = again_in(m, c, &seen, sealed);
    else if (seen.hello.time_ms <= last && !SOTTO_PLANTED(HELLO_TIME_FALLS)) err = SOTTO_ERR_REPLAY;
    else if (c && c->blocked) err = SOTTO_ERR_STATE;
    else if (today >= REQUESTS_A_DAY) err = SOTTO_ERR_FULL;
    else {
        bool crossing = false;
        uint32_t generation = c ? answer_generation(m, c, &seen, &crossing) : 1;
        bool wanted = c && same_keys(c, &seen) &&
                      (c->state == SOTTO_CONTACT_MUTUAL || c->state == SOTTO_CONTACT_ACCEPTED || c->state == SOTTO_CONTACT_REQUESTED ||
                       (c->state == SOTTO_CONTACT_FROZEN && c->known));
        if (!wanted) {
            err = request_in(m, c, &seen, pt);
        } else if (!crossing && c->answered_ms && m->now_ms < c->answered_ms + m->timing.resync_every_ms && !SOTTO_PLANTED(RESYNC_UNLIMITED)) {
            err = SOTTO_ERR_AGAIN;        /* its resending comes later */
        } else {
            err = answer(m, c, &seen, generation, sealed);
            if (err == SOTTO_OK) {
                h1_add(m, &seen);
                c->t_in_ms = seen.hello.time_ms;
                if (!crossing) c->answered_ms = m->now_ms;
                if (c->state == SOTTO_CONTACT_REQUESTED) sotto_contact_to(m, c, SOTTO_CONTACT_ACCEPTED);
                if (c->state == SOTTO_CONTACT_FROZEN) sotto_contact_to(m, c, SOTTO_CONTACT_MUTUAL);
                sotto_mark(m, &c->node);
            }
        }
    }
    SOTTO_WIPE(seen);
    return err;
}

enum sotto_err sotto_hello_answer(struct sotto_messenger *m, struct contact *c, const struct hello *in)
{
    struct sotto_hello_seen seen;
    struct sotto_hello_ctx ctx = { .own = m->cert.id, .now_ms = m->now_ms, .puzzle_bits = m->config.puzzle_bits };
    enum sotto_err err = sotto_hello_m1_check(&seen, SOTTO_SPAN(in->pt), &ctx);
    bool crossing;
    if (err == SOTTO_OK) err = answer(m, c, &seen, answer_generation(m, c, &seen, &crossing), NULL);
    SOTTO_WIPE(seen);
    return err;
}

enum sotto_err sotto_hello_answerable(const struct sotto_messenger *m, const struct hello *in, uint64_t now_ms)
{
    struct sotto_hello_seen seen;
    struct sotto_hello_ctx ctx = { .own = m->cert.id, .now_ms = now_ms, .puzzle_bits = m->config.puzzle_bits };
    enum sotto_err err = sotto_hello_m1_check(&seen, SOTTO_SPAN(in->pt), &ctx);
    if (err == SOTTO_OK && !sotto_all_zero(seen.hello.mk_id, sizeof seen.hello.mk_id)) err = SOTTO_ERR_HELLO_MK;
    SOTTO_WIPE(seen);
    return err;
}

/* ---- M2 in ---- */

static enum sotto_err m2_in(struct sotto_messenger *m, const uint8_t pt[SOTTO_HELLO_SIZE])
{
    struct sotto_hello hello;
    SOTTO_TRY(sotto_hello_parse(&hello, sotto_span(pt, SOTTO_HELLO_SIZE)));
    struct sotto_id from = hello.from;
    bool mine = sotto_id_equal(&hello.to, &m->cert.id);
    SOTTO_WIPE(hello);
    struct contact *c = mine ? sotto_contact_find(m, &from) : NULL;
    struct hello *own = c ? sotto_hello_of(m, &from, HELLO_OUT) : NULL;
    if (!c) return SOTTO_ERR_HELLO_TO;                /* nobody was asked */
    if (!own || !own->solved) return SOTTO_ERR_HELLO_ECHO;
    if (c->blocked) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_hello_parse(&hello, SOTTO_SPAN(own->pt)));
    struct sotto_hello_pending pending = { .to = c->id, .flags = hello.flags, .time_ms = hello.time_ms, .share = hello.share, .eph = own->eph };
    memcpy(pending.nonce, hello.nonce, sizeof pending.nonce);
    memcpy(pending.h1, own->h1, sizeof pending.h1);
    struct sotto_hello_ctx ctx = { .own = m->cert.id, .now_ms = m->now_ms, .puzzle_bits = m->config.puzzle_bits };
    struct sotto_hello_seen seen;
    struct sotto_hello_keys keys;
    enum sotto_err err = sotto_hello_m2_check(&seen, &keys, sotto_span(pt, SOTTO_HELLO_SIZE), &ctx, &pending, m->world.exchange);
    if (err == SOTTO_OK) {
        struct sotto_session_start start = { .initiator = true, .own = m->cert.id, .peer = c->id, .peer_xkey = seen.xkey, .p = keys.p,
                                             .rk = keys.rk, .hk_i = keys.hk_i, .hk_r = keys.hk_r, .eph_r = seen.hello.eph };
        memcpy(start.c2, keys.c2, sizeof start.c2);
        uint32_t generation = own->generation;
        bool renewed = (hello.flags & SOTTO_HELLO_RESYNC) != 0;
        sotto_hello_free(m, own);
        sotto_contact_take_cert(m, c, seen.hello.cert);
        c->scan = seen.hello.scan;
        struct talk *t = sotto_talk_new(m, c, &start, generation);
        SOTTO_WIPE(start);
        if (t) {
            sotto_talk_confirmed(m, t);
            sotto_contact_to(m, c, SOTTO_CONTACT_MUTUAL);
            if (renewed) {
                c->renewed = true;
                sotto_system_line(m, c, "session renewed");
            }
            struct outgoing *m3 = sotto_outgoing_system(m, c, SOTTO_SYSTEM_CONFIRM, SOTTO_SPAN(keys.confirm_i));
            if (m3) sotto_outgoing_first(m, m3, t);
            sotto_pump(m, c);
        }
        SOTTO_WIPE(keys);
        SOTTO_WIPE(seen);
    }
    SOTTO_WIPE(pending);
    SOTTO_WIPE(hello);
    return err;
}

enum sotto_err sotto_first_contact_in(struct sotto_messenger *m, const uint8_t pt[SOTTO_HELLO_SIZE], const uint8_t sealed[SOTTO_CELL_SEALED])
{
    return pt[AT_STEP] == 2 ? m2_in(m, pt) : m1_in(m, pt, sealed);
}

/* ---- Time ---- */

static uint64_t ends_at(const struct sotto_messenger *m, const struct hello *h)
{
    switch (h->kind) {
    case HELLO_OUT: return h->made_ms + m->timing.hello_life_ms;
    case HELLO_IN: return h->made_ms + m->timing.request_life_ms;
    case HELLO_REPLY:
    case HELLO_H1: break;                 /* a reply ends with its session */
    }
    return UINT64_MAX;
}

uint64_t sotto_hello_due(const struct sotto_messenger *m, const struct contact *c)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < m->hellos.count; i++) {
        const struct hello *h = (const struct hello *)m->hellos.at[i];
        if (!sotto_id_equal(&h->id, &c->id)) continue;
        if (h->next_ms && h->next_ms < due) due = h->next_ms;
        if (ends_at(m, h) < due) due = ends_at(m, h);
    }
    return due;
}

static bool in_queue(const struct sotto_messenger *m, const struct hello *h)            /* the last copy has not left yet */
{
    for (uint32_t i = 0; i < m->cells.count; i++) {
        const struct cell *c = (const struct cell *)m->cells.at[i];
        if (c->kind == CELL_HELLO && c->owner == h->node.row && !c->sent) return true;
    }
    return false;
}

void sotto_hello_tick(struct sotto_messenger *m, struct contact *c)
{
    static const enum hello_kind kinds[] = { HELLO_OUT, HELLO_REPLY };
    for (size_t i = 0; i < 2; i++) {
        struct hello *h = sotto_hello_of(m, &c->id, kinds[i]);
        if (!h) continue;
        if (ends_at(m, h) <= m->now_ms) {
            sotto_hello_free(m, h);
            if (c->state == SOTTO_CONTACT_REQUESTED) sotto_contact_to(m, c, SOTTO_CONTACT_UNANSWERED);
        } else if (h->next_ms && h->next_ms <= m->now_ms) {
            if (in_queue(m, h)) {
                h->next_ms = m->now_ms + m->timing.reply_again_ms;
                sotto_mark(m, &h->node);
                sotto_touch(m, c);
            } else {
                send_box(m, c, h, h->kind == HELLO_REPLY ? &h->scan : &c->scan);
            }
        }
    }
    struct hello *in = sotto_hello_of(m, &c->id, HELLO_IN);
    if (!in || ends_at(m, in) > m->now_ms) return;
    sotto_hello_free(m, in);              /* last: the contact may go with it */
    if (c->state != SOTTO_CONTACT_INCOMING && c->state != SOTTO_CONTACT_DECLINED) return;
    if (c->known) sotto_contact_to(m, c, SOTTO_CONTACT_ENDED);
    else sotto_contact_delete(m, c);
}
