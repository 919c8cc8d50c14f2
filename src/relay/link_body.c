#include "relay/link_body.h"

/* ---- rows of bytes ---- */

static bool ids(struct sotto_rl_body *b, struct sotto_span s)
{
    b->list = (struct sotto_rl_list){ (uint32_t)(s.size / SOTTO_RL_ID), s };
    return s.size > 0 && s.size % SOTTO_RL_ID == 0 && s.size <= SOTTO_RL_ID * SOTTO_RL_IDS_MAX;
}

/* cid 0 belongs to no circuit; it tests the path of datagrams, outside of cells. */
static bool circuit_cell(struct sotto_rl_body *b, struct sotto_span s, size_t size, size_t other)
{
    if (s.size != 8 + size && s.size != 8 + other) return false;
    memcpy(b->ccell.cid, s.data, 4);
    b->ccell.seq = sotto_be32(s.data + 4);
    b->ccell.body = sotto_span_cut(s, 8, s.size - 8);
    return !sotto_all_zero(b->ccell.cid, 4);
}

enum { CCELL_BODY = 120, CCELL_BODY_3 = 216, BCELL_BODY = 1124, OVERLAY_SIZE = 13 + 216, OVERLAY_HOPS_MAX = 3 };

static bool overlay(struct sotto_rl_body *b, struct sotto_span s)
{
    if (s.size != OVERLAY_SIZE) return false;
    memcpy(b->overlay.tag, s.data, 8);
    b->overlay.hops = s.data[8];
    b->overlay.seq = sotto_be32(s.data + 9);
    b->overlay.body = sotto_span_cut(s, 13, s.size - 13);
    return b->overlay.hops <= OVERLAY_HOPS_MAX;
}

bool sotto_rl_body_fixed(uint8_t code)
{
    switch (code) {
    case SOTTO_RL_PING: case SOTTO_RL_PONG: case SOTTO_RL_INV: case SOTTO_RL_GET: case SOTTO_RL_MISS: case SOTTO_RL_BLOOM: case SOTTO_RL_STEM_TX:
    case SOTTO_RL_CCELL: case SOTTO_RL_OVERLAY: case SOTTO_RL_BCELL: return true;
    default: return false;
    }
}

static enum sotto_err read_fixed(struct sotto_rl_body *b, struct sotto_span s)
{
    bool good = s.size > 0;
    switch (b->code) {
    case SOTTO_RL_PING: case SOTTO_RL_PONG:
        good = s.size == sizeof b->ping.nonce;
        if (good) memcpy(b->ping.nonce, s.data, s.size);
        break;
    case SOTTO_RL_INV: case SOTTO_RL_GET: case SOTTO_RL_MISS: good = ids(b, s); break;
    case SOTTO_RL_BLOOM:
        good = s.size == sizeof b->bloom.filter;
        if (good) memcpy(b->bloom.filter, s.data, s.size);
        break;
    case SOTTO_RL_CCELL: good = circuit_cell(b, s, CCELL_BODY, CCELL_BODY_3); break;
    case SOTTO_RL_BCELL: good = circuit_cell(b, s, BCELL_BODY, BCELL_BODY); break;
    case SOTTO_RL_OVERLAY: good = overlay(b, s); break;
    default: break;                               /* STEM_TX: the ledger reads it */
    }
    return good ? SOTTO_OK : SOTTO_ERR_BODY;
}

/* ---- RLP ---- */

static enum sotto_err read_u8(struct sotto_rlp *r, uint8_t *out, unsigned low, unsigned high)
{
    uint64_t v;
    SOTTO_TRY(sotto_rlp_uint_max(r, &v, high));
    if (v < low) return SOTTO_ERR_RANGE;
    *out = (uint8_t)v;
    return SOTTO_OK;
}

static enum sotto_err read_u16(struct sotto_rlp *r, uint16_t *out)
{
    uint64_t v;
    SOTTO_TRY(sotto_rlp_uint_max(r, &v, UINT16_MAX));
    *out = (uint16_t)v;
    return SOTTO_OK;
}

/* All that follows in the list: records of other nodes, each a list of its own. Who takes them looks at their signatures. */
static enum sotto_err read_peers(struct sotto_rl_list *out, struct sotto_rlp *r)
{
    struct sotto_span one;
    out->items = sotto_rlp_rest(r);
    for (out->count = 0; sotto_rlp_more(r); out->count++) {
        if (out->count == SOTTO_RL_PEERS_MAX || !sotto_rlp_is_list(r)) return SOTTO_ERR_RANGE;
        SOTTO_TRY(sotto_rlp_raw(r, &one));
        if (one.size > SOTTO_RL_ENR_MAX) return SOTTO_ERR_RANGE;
    }
    return SOTTO_OK;
}

static enum sotto_err read_update(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    b->update.options = sotto_rl_options();
    SOTTO_TRY(sotto_rlp_raw(r, &b->update.list));
    SOTTO_TRY(sotto_rl_options_read(&b->update.options, b->update.list));
    return b->update.options.has & (SOTTO_RL_HAS(5) | SOTTO_RL_HAS(8)) ? SOTTO_ERR_RANGE : SOTTO_OK;
}

static enum sotto_err read_floor(struct sotto_rlp *r, uint64_t *bits)
{
    SOTTO_TRY(sotto_rlp_uint(r, bits));
    uint64_t above = *bits - SOTTO_RL_FLOOR_BITS; /* a doubling is one more in the exponent */
    return *bits >= SOTTO_RL_FLOOR_BITS && above % (UINT64_C(1) << 52) == 0 && above >> 52 <= SOTTO_RL_FLOOR_STEPS ? SOTTO_OK : SOTTO_ERR_RANGE;
}

static enum sotto_err read_create(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(sotto_rlp_fixed(r, b->create.cid, sizeof b->create.cid));
    SOTTO_TRY(read_u8(r, &b->create.form, 0, 2));
    return sotto_rlp_fixed(r, b->create.x, sizeof b->create.x);
}

static enum sotto_err read_created(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    SOTTO_TRY(sotto_rlp_fixed(r, b->created.cid, sizeof b->created.cid));
    SOTTO_TRY(sotto_rlp_fixed(r, b->created.y, sizeof b->created.y));
    SOTTO_TRY(sotto_rlp_fixed(r, b->created.auth, sizeof b->created.auth));
    SOTTO_TRY(sotto_rlp_fixed(r, b->created.bf, sizeof b->created.bf));
    return sotto_rlp_fixed(r, b->created.bb, sizeof b->created.bb);
}

static enum sotto_err read_list(struct sotto_rl_body *b, struct sotto_rlp *r)
{
    switch (b->code) {
    case SOTTO_RL_READY: return read_u16(r, &b->ready.roles);
    case SOTTO_RL_WINDOW:
        SOTTO_TRY(read_u8(r, &b->window.channel, 1, 3));
        return sotto_rlp_uint(r, &b->window.limit);
    case SOTTO_RL_ACK: return sotto_rlp_uint(r, &b->ack.cells);
    case SOTTO_RL_UPDATE: return read_update(b, r);
    case SOTTO_RL_NOTICE:
        SOTTO_TRY(read_u8(r, &b->notice.what, 0, UINT8_MAX));
        return sotto_rlp_uint(r, &b->notice.arg);
    case SOTTO_RL_PEERS_GET: return read_u8(r, &b->peers_get.count, 1, SOTTO_RL_PEERS_MAX);
    case SOTTO_RL_PEERS: return read_peers(&b->list, r);
    case SOTTO_RL_DIAL_ME: return read_u16(r, &b->dial_me.port);
    case SOTTO_RL_DIALLED: return sotto_rlp_bool(r, &b->dialled.ok);
    case SOTTO_RL_PATH:
        SOTTO_TRY(sotto_rlp_fixed(r, b->path.id, sizeof b->path.id));
        return read_u16(r, &b->path.port);
    case SOTTO_RL_FLOOR: return read_floor(r, &b->floor.bits);
    case SOTTO_RL_FEED: return sotto_rlp_bool(r, &b->feed.on);
    case SOTTO_RL_CREATE: return read_create(b, r);
    case SOTTO_RL_CREATED: return read_created(b, r);
    case SOTTO_RL_DESTROY:
        SOTTO_TRY(sotto_rlp_fixed(r, b->destroy.cid, sizeof b->destroy.cid));
        return sotto_rlp_uint(r, &b->destroy.reason);
    default:
        if (b->code >= SOTTO_RL_INFO_GET && b->code < SOTTO_RL_RING) return sotto_rl_body_store(b, r);
        r->at = r->end;                           /* the ledger's, the validators', the ring's: they read it */
        return SOTTO_OK;
    }
}

enum sotto_err sotto_rl_body_read(struct sotto_rl_body *out, uint8_t code, struct sotto_span body)
{
    struct sotto_rl_body b = { .code = code };
    if (sotto_rl_channel(code) >= SOTTO_RL_IGNORED) return SOTTO_ERR_RECORD_CODE;
    if (sotto_rl_body_fixed(code)) {
        SOTTO_TRY(read_fixed(&b, body));
        *out = b;
        return SOTTO_OK;
    }
    SOTTO_TRY(sotto_rlp_check(body));
    struct sotto_rlp top = sotto_rlp(body), list;
    enum sotto_err err = SOTTO_OK;
    if (code == SOTTO_RL_ENV || code == SOTTO_RL_STEM_ENV) err = sotto_envelope_decode(&b.envelope, body);
    else {
        err = sotto_rlp_list(&top, &list);
        if (err == SOTTO_OK) err = read_list(&b, &list);
        if (err == SOTTO_OK) err = sotto_rlp_end(&list);
    }
    if (err != SOTTO_OK) return SOTTO_ERR_BODY;
    *out = b;
    return SOTTO_OK;
}

enum sotto_err sotto_rl_body_numbers(struct sotto_buf *out, const uint64_t *values, size_t count)
{
    size_t mark = sotto_rlp_begin(out);
    enum sotto_err err = SOTTO_OK;
    for (size_t i = 0; i < count && err == SOTTO_OK; i++) err = sotto_rlp_add_uint(out, values[i]);
    if (err == SOTTO_OK) err = sotto_rlp_end_list(out, mark);
    if (err != SOTTO_OK) out->size = mark;
    return err;
}
