/* What is stored: one version byte, then the fields in the order of these functions. Big-endian; booleans 0 or 1; strict. */
#include "base/plant.h"
#include "base/text.h"
#include "conversation/messenger_impl.h"

enum { ROW_VERSION = 1 };

/* A writer and a reader that remember the first failure, so that a row reads as a list of fields. */
struct wr { struct sotto_buf *b; enum sotto_err err; };
static void w_bytes(struct wr *w, const void *data, size_t size) { if (w->err == SOTTO_OK) w->err = sotto_buf_add(w->b, data, size); }
static void w8(struct wr *w, uint8_t v) { w_bytes(w, &v, 1); }
static void w32(struct wr *w, uint32_t v) { uint8_t p[4]; sotto_put_be32(p, v); w_bytes(w, p, 4); }
static void w64(struct wr *w, uint64_t v) { uint8_t p[8]; sotto_put_be64(p, v); w_bytes(w, p, 8); }
static void w_sized(struct wr *w, const void *data, size_t size) { w32(w, (uint32_t)size); if (size) w_bytes(w, data, size); }

struct rd { struct sotto_reader r; bool bad; };
static void r_bytes(struct rd *r, void *out, size_t size) { if (!r->bad && sotto_get_bytes(&r->r, out, size) != SOTTO_OK) r->bad = true; }
static uint8_t r8(struct rd *r) { uint8_t v = 0; r_bytes(r, &v, 1); return v; }
static uint32_t r32(struct rd *r) { uint8_t p[4] = { 0 }; r_bytes(r, p, 4); return sotto_be32(p); }
static uint64_t r64(struct rd *r) { uint8_t p[8] = { 0 }; r_bytes(r, p, 8); return sotto_be64(p); }
static bool r_bool(struct rd *r) { uint8_t v = r8(r); if (v > 1) r->bad = true; return v == 1; }
static uint32_t r_most(struct rd *r, uint32_t most) { uint32_t v = r32(r); if (v > most) r->bad = true; return r->bad ? 0 : v; }
static void r_point(struct rd *r, struct sotto_point *p, bool may_be_none)
{
    r_bytes(r, p->b, sizeof p->b);
    if (r->bad || (may_be_none && sotto_all_zero(p->b, sizeof p->b))) return;
    if (sotto_point_check(p->b) != SOTTO_OK) r->bad = true;
}
static void r_scalar(struct rd *r, struct sotto_scalar *k, bool may_be_none)
{
    r_bytes(r, k->b, sizeof k->b);
    if (r->bad || (may_be_none && sotto_all_zero(k->b, sizeof k->b))) return;
    if (!sotto_scalar_valid(k)) r->bad = true;
}
static struct rd r_begin(struct sotto_span bytes)
{
    struct rd r = { sotto_reader(bytes), false };
    if (r8(&r) != ROW_VERSION) r.bad = true;
    return r;
}
static enum sotto_err r_end(const struct rd *r) { return !r->bad && sotto_get_end(&r->r) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_FORMAT; }
static void w_text(struct wr *w, const char *text) { w_sized(w, text, strlen(text)); }
static void r_text(struct rd *r, char *out, uint32_t most)
{
    uint32_t size = r_most(r, most);
    r_bytes(r, out, size);
    out[r->bad ? 0 : size] = 0;
    if (!r->bad && (memchr(out, 0, size) || !sotto_utf8_valid(sotto_span(out, size)))) r->bad = true;
}

/* ---- contact ---- */

static void contact_encode(struct wr *w, const struct contact *c)
{
    w_bytes(w, c->id.b, 20);
    w8(w, (uint8_t)c->state);
    w_text(w, c->alias);
    w_text(w, c->note);
    w_sized(w, c->cert, c->cert_size);
    w_bytes(w, c->scan.b, 33);
    w8(w, c->verified), w8(w, c->blocked), w8(w, c->receipts), w8(w, c->muted);
    w8(w, c->renewed), w8(w, c->not_collected), w8(w, c->known), w8(w, c->cert_warned);
    w64(w, c->timer_ms), w64(w, c->added_ms), w64(w, c->last_ms), w64(w, c->declined_ms);
    w64(w, c->t_in_ms), w64(w, c->t_out_ms), w64(w, c->answered_ms), w64(w, c->unreplied_ms);
    w32(w, c->unreplied_cells), w32(w, c->generation);
}

bool sotto_contact_cert(struct contact *c)
{
    struct sotto_cert cert;
    if (sotto_cert_parse(&cert, sotto_span(c->cert, c->cert_size)) != SOTTO_OK || !sotto_id_equal(&cert.id, &c->id)) return false;
    c->key = cert.key;
    c->xkey = cert.xkey;
    c->not_after_ms = cert.not_after_s * 1000;
    return true;
}

enum sotto_err sotto_contact_decode(struct contact *c, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    r_bytes(&r, c->id.b, 20);
    uint8_t state = r8(&r);
    r_text(&r, c->alias, SOTTO_ALIAS_MAX);
    r_text(&r, c->note, SOTTO_NOTE_MAX);
    c->cert_size = r_most(&r, SOTTO_CERT_MAX);
    r_bytes(&r, c->cert, c->cert_size);
    r_point(&r, &c->scan, true);
    c->verified = r_bool(&r), c->blocked = r_bool(&r), c->receipts = r_bool(&r), c->muted = r_bool(&r);
    c->renewed = r_bool(&r), c->not_collected = r_bool(&r), c->known = r_bool(&r), c->cert_warned = r_bool(&r);
    c->timer_ms = r64(&r), c->added_ms = r64(&r), c->last_ms = r64(&r), c->declined_ms = r64(&r);
    c->t_in_ms = r64(&r), c->t_out_ms = r64(&r), c->answered_ms = r64(&r), c->unreplied_ms = r64(&r);
    c->unreplied_cells = r32(&r), c->generation = r32(&r);
    SOTTO_TRY(r_end(&r));
    if (state >= SOTTO_CONTACT_STATES || (c->cert_size && !sotto_contact_cert(c))) return SOTTO_ERR_FORMAT;
    c->state = (enum sotto_contact_state)state;
    return SOTTO_OK;
}

/* ---- hello ---- */

static void hello_encode(struct wr *w, const struct hello *h)
{
    w8(w, (uint8_t)h->kind);
    w_bytes(w, h->id.b, 20);
    w_bytes(w, h->pt, sizeof h->pt);
    w64(w, h->made_ms), w64(w, h->next_ms), w32(w, h->sent);
    if (h->kind == HELLO_OUT) {
        w8(w, h->solved);
        w_bytes(w, h->puzzle, 32), w_bytes(w, h->h1, 32), w_bytes(w, h->eph.b, 32);
        w32(w, h->generation);
    } else if (h->kind == HELLO_REPLY) {
        w64(w, h->talk_row);
        w_bytes(w, h->scan.b, 33);
        w32(w, h->answered_count);
        w_bytes(w, h->answered, (size_t)h->answered_count * SOTTO_TAG_BYTES);
    }
}

enum sotto_err sotto_hello_decode(struct hello *h, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    uint8_t kind = r8(&r);
    r_bytes(&r, h->id.b, 20);
    r_bytes(&r, h->pt, sizeof h->pt);
    h->made_ms = r64(&r), h->next_ms = r64(&r), h->sent = r32(&r);
    if (kind == HELLO_OUT) {
        h->solved = r_bool(&r);
        r_bytes(&r, h->puzzle, 32), r_bytes(&r, h->h1, 32);
        r_scalar(&r, &h->eph, false);
        h->generation = r32(&r);
    } else if (kind == HELLO_REPLY) {
        h->talk_row = r64(&r);
        r_point(&r, &h->scan, true);
        h->answered_count = r_most(&r, ANSWERED_MAX);
        r_bytes(&r, h->answered, (size_t)h->answered_count * SOTTO_TAG_BYTES);
    } else if (kind != HELLO_IN) {
        return SOTTO_ERR_FORMAT;
    }
    SOTTO_TRY(r_end(&r));
    struct sotto_hello parsed;
    if (sotto_hello_parse(&parsed, SOTTO_SPAN(h->pt)) != SOTTO_OK) return SOTTO_ERR_FORMAT;
    bool ours = kind != HELLO_IN, fits = sotto_id_equal(ours ? &parsed.to : &parsed.from, &h->id) && parsed.step == (kind == HELLO_REPLY ? 2 : 1);
    SOTTO_WIPE(parsed);
    if (!fits) return SOTTO_ERR_FORMAT;
    h->kind = (enum hello_kind)kind;
    return SOTTO_OK;
}

static void h1_encode(struct wr *w, const struct h1 *h)
{
    w8(w, HELLO_H1);
    w_bytes(w, h->h1, 32), w_bytes(w, h->from.b, 20);
    w64(w, h->time_ms), w64(w, h->seen_ms);
}

enum sotto_err sotto_h1_decode(struct h1 *h, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    if (r8(&r) != HELLO_H1) return SOTTO_ERR_FORMAT;
    r_bytes(&r, h->h1, 32), r_bytes(&r, h->from.b, 20);
    h->time_ms = r64(&r), h->seen_ms = r64(&r);
    return r_end(&r);
}

/* ---- session ---- */

static void core_encode(struct wr *w, const struct sotto_session_core *c)
{
    w8(w, c->initiator);
    w_bytes(w, c->own.b, 20), w_bytes(w, c->peer.b, 20), w_bytes(w, c->c2, 32);
    w_bytes(w, c->peer_xkey.b, 33), w_bytes(w, c->p.b, 33), w_bytes(w, c->rk.b, 32), w_bytes(w, c->scalar.b, 32);
    w_bytes(w, c->point.b, 33), w_bytes(w, c->peer_point.b, 33);
    w8(w, c->send_on), w8(w, c->send_fresh);
    w_bytes(w, c->send_ck.b, 32), w_bytes(w, c->send_hk.b, 32), w_bytes(w, c->send_nhk.b, 32);
    w32(w, SOTTO_PLANTED(INDEX_TWICE) && c->ns ? c->ns - 1 : c->ns), w32(w, c->pn), w64(w, c->send_height);
    w_bytes(w, c->send_block8, 8), w_bytes(w, c->send_mk8, 8);
    w8(w, c->recv_on);
    w_bytes(w, c->recv_ck.b, 32), w_bytes(w, c->recv_hk.b, 32), w_bytes(w, c->recv_nhk.b, 32);
    w32(w, c->nr), w32(w, c->recv_pn), w32(w, c->recv_chain), w32(w, c->recv_arrived), w64(w, c->recv_height);
    w_bytes(w, c->recv_block8, 8), w_bytes(w, c->recv_mk8, 8);
}

static void core_decode(struct rd *r, struct sotto_session_core *c)
{
    c->initiator = r_bool(r);
    r_bytes(r, c->own.b, 20), r_bytes(r, c->peer.b, 20), r_bytes(r, c->c2, 32);
    r_point(r, &c->peer_xkey, false), r_point(r, &c->p, false);
    r_bytes(r, c->rk.b, 32);
    r_scalar(r, &c->scalar, true);
    r_point(r, &c->point, true), r_point(r, &c->peer_point, true);
    c->send_on = r_bool(r), c->send_fresh = r_bool(r);
    r_bytes(r, c->send_ck.b, 32), r_bytes(r, c->send_hk.b, 32), r_bytes(r, c->send_nhk.b, 32);
    c->ns = r_most(r, SOTTO_CHAIN_END), c->pn = r_most(r, SOTTO_CHAIN_END), c->send_height = r64(r);
    r_bytes(r, c->send_block8, 8), r_bytes(r, c->send_mk8, 8);
    c->recv_on = r_bool(r);
    r_bytes(r, c->recv_ck.b, 32), r_bytes(r, c->recv_hk.b, 32), r_bytes(r, c->recv_nhk.b, 32);
    c->nr = r_most(r, SOTTO_CHAIN_END), c->recv_pn = r_most(r, SOTTO_CHAIN_END), c->recv_chain = r32(r), c->recv_arrived = r32(r);
    c->recv_height = r64(r);
    r_bytes(r, c->recv_block8, 8), r_bytes(r, c->recv_mk8, 8);
    /* A chain needs its keys' owners: without a peer point nothing can be sent, and R keeps its scalar from the start. */
    if ((c->send_on || c->send_fresh) && c->peer_point.b[0] == 0) r->bad = true;
    if ((c->send_on || !c->initiator) && (c->point.b[0] == 0 || sotto_all_zero(c->scalar.b, 32))) r->bad = true;
}

static void talk_encode(struct wr *w, const struct talk *t)
{
    core_encode(w, &t->s->core);
    w32(w, t->generation), w8(w, (uint8_t)(t->confirmed | t->parted << 1 | t->doubted << 2));
    w64(w, t->made_ms), w64(w, t->retire_ms), w64(w, t->last_in_ms);
    w_bytes(w, t->confirm.b, 32);
    w32(w, t->next_seq), w32(w, t->peer_ack);
    w32(w, t->window.ack), w32(w, t->window.high);
    size_t used = sizeof t->window.bits;
    while (used && t->window.bits[used - 1] == 0) used--;
    w_sized(w, t->window.bits, used);
    w64(w, t->receipt_ms), w8(w, t->read_due), w32(w, t->read_seq);
    w64(w, t->gap_since_ms), w8(w, t->gap_asked), w32(w, t->pn_lost), w64(w, t->wide_until_ms);
    w8(w, (uint8_t)t->reserved_count);
    for (uint32_t i = 0; i < t->reserved_count; i++) w32(w, t->reserved[i].seq), w32(w, t->reserved[i].count), w64(w, t->reserved[i].message);
}

enum sotto_err sotto_talk_decode(struct talk *t, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    struct sotto_session_core core = { 0 };
    core_decode(&r, &core);
    t->generation = r32(&r);
    uint8_t flags = r8(&r);
    if (flags > 7) r.bad = true;
    t->confirmed = flags & 1, t->parted = flags & 2, t->doubted = flags & 4;
    t->made_ms = r64(&r), t->retire_ms = r64(&r), t->last_in_ms = r64(&r);
    r_bytes(&r, t->confirm.b, 32);
    t->next_seq = r32(&r), t->peer_ack = r32(&r);
    if (SOTTO_PLANTED(NUMBERS_RESTART)) t->next_seq = 1;
    t->window.ack = r32(&r), t->window.high = r32(&r);
    uint32_t used = r_most(&r, sizeof t->window.bits);
    r_bytes(&r, t->window.bits, used);
    if (used && t->window.bits[used - 1] == 0) r.bad = true;
    t->receipt_ms = r64(&r), t->read_due = r_bool(&r), t->read_seq = r32(&r);
    t->gap_since_ms = r64(&r), t->gap_asked = r_bool(&r), t->pn_lost = r32(&r), t->wide_until_ms = r64(&r);
    uint8_t reserved = r8(&r);
    if (reserved > RESERVED_MAX) return SOTTO_ERR_FORMAT;
    t->reserved_count = reserved;
    for (uint32_t i = 0; i < reserved; i++) {
        t->reserved[i].seq = r32(&r), t->reserved[i].count = r_most(&r, RESERVED_RUN_MAX), t->reserved[i].message = r64(&r);
        if (t->reserved[i].message == 0 || t->reserved[i].message > UINT64_MAX / 2) return SOTTO_ERR_FORMAT;
    }
    enum sotto_err err = r_end(&r);
    if (err == SOTTO_OK && (t->next_seq == 0 || t->window.high < t->window.ack || (t->window.bits[0] & 1))) err = SOTTO_ERR_FORMAT;
    if (err == SOTTO_OK) {
        t->id = core.peer;
        err = sotto_session_restore(&t->s, &core);
        if (err == SOTTO_ERR_KEY) err = SOTTO_ERR_FORMAT;
    }
    SOTTO_WIPE(core);
    return err;
}

enum sotto_err sotto_skipped_encode(struct sotto_buf *out, uint64_t talk_row, const struct sotto_skipped *e)
{
    struct wr w = { out, SOTTO_OK };
    w8(&w, ROW_VERSION);
    w64(&w, talk_row);
    w_bytes(&w, e->tag.b, 16), w32(&w, e->index), w32(&w, e->chain);
    w_bytes(&w, e->hs.b, 32), w_bytes(&w, e->mk.b, 32), w_bytes(&w, e->h.b, 32);
    w64(&w, e->ms);
    return w.err;
}

enum sotto_err sotto_skipped_decode(struct sotto_skipped *e, uint64_t *talk_row, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    *talk_row = r64(&r);
    r_bytes(&r, e->tag.b, 16), e->index = r_most(&r, SOTTO_CHAIN_END), e->chain = r32(&r);
    r_bytes(&r, e->hs.b, 32), r_bytes(&r, e->mk.b, 32);
    r_scalar(&r, &e->h, false);
    e->ms = r64(&r);
    return r_end(&r);
}

/* ---- outgoing, cell, part, seen, meta ---- */

static void outgoing_encode(struct wr *w, const struct outgoing *o)
{
    w_bytes(w, o->id.b, 20);
    w64(w, o->talk_row), w32(w, o->seq), w8(w, o->type), w8(w, (uint8_t)o->state);
    w8(w, o->resent), w8(w, (uint8_t)(o->filler | (o->need_chain ? 2 : 0))), w8(w, o->has_mid);
    if (o->need_chain) w32(w, o->need_chain);
    w_bytes(w, o->mid, sizeof o->mid);
    w64(w, o->message), w64(w, o->time_ms), w8(w, (uint8_t)o->shown);
    w32(w, o->copies), w32(w, o->cells), w32(w, o->unsent);
    w64(w, o->first_ms), w64(w, o->copy_ms), w64(w, o->next_ms), w64(w, o->expire_ms), w64(w, o->sent_ms);
    w_sized(w, o->payload.data, o->payload.size);
}

enum sotto_err sotto_outgoing_decode(struct outgoing *o, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    r_bytes(&r, o->id.b, 20);
    o->talk_row = r64(&r), o->seq = r32(&r), o->type = r8(&r);
    uint8_t state = r8(&r);
    o->resent = r_bool(&r);
    uint8_t flags = r8(&r);
    if (flags > 3) r.bad = true;
    o->filler = flags & 1, o->has_mid = r_bool(&r);
    if ((flags & 2) && (o->need_chain = r32(&r)) == 0) r.bad = true;
    r_bytes(&r, o->mid, sizeof o->mid);
    o->message = r64(&r), o->time_ms = r64(&r);
    uint8_t shown = r8(&r);
    o->copies = r32(&r), o->cells = r_most(&r, SOTTO_FRAGMENTS_MAX), o->unsent = r_most(&r, SOTTO_FRAGMENTS_MAX);
    o->first_ms = r64(&r), o->copy_ms = r64(&r), o->next_ms = r64(&r), o->expire_ms = r64(&r), o->sent_ms = r64(&r);
    uint32_t size = r_most(&r, SOTTO_MESSAGE_MAX);
    struct sotto_span payload = { NULL, 0 };
    if (!r.bad && sotto_get_span(&r.r, &payload, size) != SOTTO_OK) r.bad = true;
    SOTTO_TRY(r_end(&r));
    if (state >= OUT_STATES || shown >= SOTTO_MSG_STATES || o->time_ms == 0 || (o->talk_row == 0) != (o->seq == 0) || o->unsent > o->cells)
        return SOTTO_ERR_FORMAT;
    if (!sotto_content_known(o->type) || !sotto_content_counted(o->type)) return SOTTO_ERR_FORMAT;
    if (state == OUT_FLYING && o->talk_row == 0) return SOTTO_ERR_FORMAT;
    o->state = (enum out_state)state;
    o->shown = (enum sotto_message_state)shown;
    o->payload = sotto_buf_make(SOTTO_MESSAGE_MAX);
    return payload.size ? sotto_buf_add_span(&o->payload, payload) : SOTTO_OK;
}

static void cell_encode(struct wr *w, const struct cell *c)
{
    w8(w, (uint8_t)c->kind);
    w64(w, c->owner), w64(w, c->talk_row), w_bytes(w, c->id.b, 20);
    w8(w, c->sent), w64(w, c->hold_ms), w32(w, c->copy);
    if (!c->sent) w_bytes(w, c->sealed.data, c->sealed.size);
}

enum sotto_err sotto_cell_decode(struct cell *c, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    uint8_t kind = r8(&r);
    c->owner = r64(&r), c->talk_row = r64(&r);
    r_bytes(&r, c->id.b, 20);
    c->sent = r_bool(&r), c->hold_ms = r64(&r), c->copy = r32(&r);
    struct sotto_span sealed = { NULL, 0 };
    if (!r.bad && !c->sent && sotto_get_span(&r.r, &sealed, SOTTO_CELL_SEALED) != SOTTO_OK) r.bad = true;
    SOTTO_TRY(r_end(&r));
    if (kind < CELL_OUTGOING || kind > CELL_LOOSE) return SOTTO_ERR_FORMAT;
    c->kind = (enum cell_kind)kind;
    c->sealed = sotto_buf_make(SOTTO_CELL_SEALED);
    return sealed.size ? sotto_buf_add_span(&c->sealed, sealed) : SOTTO_OK;
}

static void part_encode(struct wr *w, const struct part *p)
{
    w64(w, p->talk_row), w8(w, p->parked), w32(w, p->index), w32(w, p->seq), w64(w, p->time_ms);
    w8(w, p->type), w8(w, p->flags), w8(w, p->fragment), w8(w, p->fragments);
    w_sized(w, p->bytes, p->size);
}

enum sotto_err sotto_part_decode(struct part *p, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    p->talk_row = r64(&r), p->parked = r_bool(&r), p->index = r32(&r), p->seq = r32(&r), p->time_ms = r64(&r);
    p->type = r8(&r), p->flags = r8(&r), p->fragment = r8(&r), p->fragments = r8(&r);
    p->size = (uint16_t)r_most(&r, SOTTO_BODY_BYTES);
    r_bytes(&r, p->bytes, p->size);
    SOTTO_TRY(r_end(&r));
    if (p->parked) {
        struct sotto_body body;
        return p->size == SOTTO_BODY_BYTES && sotto_body_decode(&body, p->bytes) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_FORMAT;
    }
    return p->size <= SOTTO_PAYLOAD_MAX && p->fragments >= 2 && p->fragments <= SOTTO_FRAGMENTS_MAX && p->fragment < p->fragments && p->seq
               ? SOTTO_OK : SOTTO_ERR_FORMAT;
}

static void seen_encode(struct wr *w, const struct seen *s)
{
    w_bytes(w, s->id.b, 20);
    w32(w, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        w_bytes(w, s->at[i].key, SOTTO_MID_BYTES), w64(w, s->at[i].message), w64(w, s->at[i].talk_row), w32(w, s->at[i].seq),
        w8(w, s->at[i].read);
}

enum sotto_err sotto_seen_decode(struct seen *s, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    r_bytes(&r, s->id.b, 20);
    s->count = r_most(&r, SEEN_BLOCK);
    for (uint32_t i = 0; i < s->count && !r.bad; i++) {
        r_bytes(&r, s->at[i].key, SOTTO_MID_BYTES);
        s->at[i].message = r64(&r), s->at[i].talk_row = r64(&r), s->at[i].seq = r32(&r), s->at[i].read = r_bool(&r);
    }
    return r_end(&r);
}

enum sotto_err sotto_meta_decode(uint64_t *next_row, uint64_t *next_message, uint64_t *active_ms, struct sotto_span bytes)
{
    struct rd r = r_begin(bytes);
    uint64_t row = r64(&r), message = r64(&r), active = r64(&r);
    SOTTO_TRY(r_end(&r));
    if (row == 0 || message == 0) return SOTTO_ERR_FORMAT;
    *next_row = row;
    *next_message = message;
    *active_ms = active;
    return SOTTO_OK;
}

enum sotto_err sotto_row_encode(struct sotto_buf *out, const struct sotto_messenger *m, const struct node *n)
{
    struct wr w = { out, SOTTO_OK };
    w8(&w, ROW_VERSION);
    switch (n->table) {
    case SOTTO_TABLE_CONTACT: contact_encode(&w, (const struct contact *)n); break;
    case SOTTO_TABLE_HELLO:
        if (sotto_list_find(&m->h1s, n->row) == n) h1_encode(&w, (const struct h1 *)n);
        else hello_encode(&w, (const struct hello *)n);
        break;
    case SOTTO_TABLE_SESSION: talk_encode(&w, (const struct talk *)n); break;
    case SOTTO_TABLE_OUTGOING: outgoing_encode(&w, (const struct outgoing *)n); break;
    case SOTTO_TABLE_CELL: cell_encode(&w, (const struct cell *)n); break;
    case SOTTO_TABLE_PART: part_encode(&w, (const struct part *)n); break;
    case SOTTO_TABLE_SEEN: seen_encode(&w, (const struct seen *)n); break;
    case SOTTO_TABLE_META: w64(&w, m->next_row), w64(&w, m->next_message), w64(&w, m->active_ms); break;
    case SOTTO_TABLE_SKIPPED:             /* written where it is made: its entries live in the session */
    case SOTTO_TABLE_COUNT: return SOTTO_ERR_INTERNAL;
    }
    return w.err;
}
