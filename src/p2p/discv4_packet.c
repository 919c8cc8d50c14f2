#include "p2p/discv4_packet.h"

#include "crypto/hash.h"
#include "wire/rlp.h"

/* Head of a list of 3, 3 ports and a key make 71 bytes at the least, 91 at the most. */
_Static_assert(SOTTO_DISC_HEAD + 3 + 3 + 1 + (SOTTO_DISC_NODES_MAX + 1) * 71 > SOTTO_DISC_PACKET_MAX, "one more node does not fit");
_Static_assert(SOTTO_DISC_HEAD + 3 + 3 + 9 + SOTTO_DISC_NEIGHBORS_MAX * 91 <= SOTTO_DISC_PACKET_MAX, "the largest Neighbors fits");

static enum sotto_err add_address(struct sotto_buf *b, const struct sotto_disc_endpoint *e)
{
    size_t size = e->addr.family == 4 ? 4 : e->addr.family == 6 ? 16 : 0;
    SOTTO_TRY(sotto_rlp_add_bytes(b, sotto_span(e->addr.ip, size)));
    SOTTO_TRY(sotto_rlp_add_uint(b, e->addr.port));
    return sotto_rlp_add_uint(b, e->tcp);
}

static enum sotto_err add_endpoint(struct sotto_buf *b, const struct sotto_disc_endpoint *e)
{
    size_t mark = sotto_rlp_begin(b);
    SOTTO_TRY(add_address(b, e));
    return sotto_rlp_end_list(b, mark);
}

static enum sotto_err add_nodes(struct sotto_buf *b, const struct sotto_disc_node *nodes, unsigned count)
{
    size_t list = sotto_rlp_begin(b);
    SOTTO_ASSERT(count <= SOTTO_DISC_NEIGHBORS_MAX);
    for (unsigned i = 0; i < count; i++) {
        size_t mark = sotto_rlp_begin(b);
        SOTTO_TRY(add_address(b, &nodes[i].at));
        SOTTO_TRY(sotto_rlp_add_bytes(b, SOTTO_SPAN(nodes[i].key)));
        SOTTO_TRY(sotto_rlp_end_list(b, mark));
    }
    return sotto_rlp_end_list(b, list);
}

static enum sotto_err add_body(struct sotto_buf *b, const struct sotto_disc_packet *p)
{
    switch (p->type) {
    case SOTTO_DISC_PING:
        SOTTO_TRY(sotto_rlp_add_uint(b, p->version));
        SOTTO_TRY(add_endpoint(b, &p->from));
        SOTTO_TRY(add_endpoint(b, &p->to));
        SOTTO_TRY(sotto_rlp_add_uint(b, p->expiration));
        return sotto_rlp_add_uint(b, p->enr_seq);
    case SOTTO_DISC_PONG:
        SOTTO_TRY(add_endpoint(b, &p->to));
        SOTTO_TRY(sotto_rlp_add_bytes(b, SOTTO_SPAN(p->reply_to)));
        SOTTO_TRY(sotto_rlp_add_uint(b, p->expiration));
        return sotto_rlp_add_uint(b, p->enr_seq);
    case SOTTO_DISC_FINDNODE:
        SOTTO_TRY(sotto_rlp_add_bytes(b, SOTTO_SPAN(p->target)));
        return sotto_rlp_add_uint(b, p->expiration);
    case SOTTO_DISC_NEIGHBORS:
        SOTTO_TRY(add_nodes(b, p->nodes, p->node_count));
        return sotto_rlp_add_uint(b, p->expiration);
    case SOTTO_DISC_ENR_REQUEST:
        return sotto_rlp_add_uint(b, p->expiration);
    case SOTTO_DISC_ENR_RESPONSE:
        SOTTO_TRY(sotto_rlp_add_bytes(b, SOTTO_SPAN(p->reply_to)));
        return sotto_buf_add_span(b, p->record);
    }
    SOTTO_ASSERT(false);
    return SOTTO_ERR_INTERNAL;
}

enum sotto_err sotto_disc_write(struct sotto_disc_bytes *out, const struct sotto_disc_packet *p, const struct sotto_scalar *key)
{
    struct sotto_buf data = sotto_buf_make(SOTTO_DISC_PACKET_MAX - SOTTO_DISC_HEAD);
    struct sotto_sig65 sig;
    uint8_t type = (uint8_t)p->type, digest[32];
    enum sotto_err err = add_body(&data, p);
    if (err == SOTTO_OK) err = sotto_rlp_end_list(&data, 0);
    if (err == SOTTO_OK) {
        struct sotto_keccak k;
        sotto_keccak_init(&k);
        sotto_keccak_update(&k, &type, 1);
        sotto_keccak_update(&k, data.data, data.size);
        sotto_keccak_final(&k, digest);
        err = sotto_sign(&sig, key, digest);
    }
    if (err == SOTTO_OK) {
        sig.b[64] -= 27;                              /* devp2p.md 1: 0 or 1 on this wire */
        memcpy(out->b + 32, sig.b, 65);
        out->b[97] = type;
        memcpy(out->b + SOTTO_DISC_HEAD, data.data, data.size);
        out->size = SOTTO_DISC_HEAD + data.size;
        sotto_keccak256(out->b, sotto_span(out->b + 32, out->size - 32));
    }
    sotto_buf_free(&data);
    return err;
}

static enum sotto_err read_address(struct sotto_rlp *r, struct sotto_disc_endpoint *out)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct sotto_disc_endpoint e;
    struct sotto_span ip;
    uint64_t udp, tcp;
    memset(&e, 0, sizeof e);
    SOTTO_TRY(sotto_rlp_bytes(r, &ip));
    SOTTO_TRY(sotto_rlp_uint_max(r, &udp, UINT16_MAX));
    SOTTO_TRY(sotto_rlp_uint_max(r, &tcp, UINT16_MAX));
    if (ip.size == 16 && memcmp(ip.data, mapped, sizeof mapped) == 0) ip = sotto_span_cut(ip, 12, 4);
    if (ip.size == 4 || ip.size == 16) {
        e.addr.family = ip.size == 4 ? 4 : 6;
        memcpy(e.addr.ip, ip.data, ip.size);
    }
    e.addr.port = (uint16_t)udp;
    e.tcp = (uint16_t)tcp;
    *out = e;
    return SOTTO_OK;
}

static enum sotto_err read_endpoint(struct sotto_rlp *r, struct sotto_disc_endpoint *out)
{
    struct sotto_rlp list;
    SOTTO_TRY(sotto_rlp_list(r, &list));
    SOTTO_TRY(read_address(&list, out));
    return sotto_rlp_end(&list);
}

static enum sotto_err read_nodes(struct sotto_rlp *r, struct sotto_disc_packet *p)
{
    struct sotto_rlp list, node;
    SOTTO_TRY(sotto_rlp_list(r, &list));
    while (sotto_rlp_more(&list)) {
        if (p->node_count == SOTTO_DISC_NODES_MAX) return SOTTO_ERR_RLP;
        struct sotto_disc_node *n = &p->nodes[p->node_count++];
        SOTTO_TRY(sotto_rlp_list(&list, &node));
        SOTTO_TRY(read_address(&node, &n->at));
        SOTTO_TRY(sotto_rlp_fixed(&node, n->key, sizeof n->key));
        SOTTO_TRY(sotto_rlp_end(&node));
    }
    return SOTTO_OK;
}

/* The first element behind a Ping or Pong; anything but an integer there is somebody else's and means nothing. */
static uint64_t read_seq(struct sotto_rlp tail)
{
    uint64_t seq;
    return sotto_rlp_uint(&tail, &seq) == SOTTO_OK ? seq : 0;
}

static enum sotto_err read_body(struct sotto_disc_packet *p, struct sotto_rlp *r)
{
    switch (p->type) {
    case SOTTO_DISC_PING:
        SOTTO_TRY(sotto_rlp_uint(r, &p->version));
        SOTTO_TRY(read_endpoint(r, &p->from));
        SOTTO_TRY(read_endpoint(r, &p->to));
        SOTTO_TRY(sotto_rlp_uint(r, &p->expiration));
        p->enr_seq = read_seq(*r);
        break;
    case SOTTO_DISC_PONG:
        SOTTO_TRY(read_endpoint(r, &p->to));
        SOTTO_TRY(sotto_rlp_fixed(r, p->reply_to, sizeof p->reply_to));
        SOTTO_TRY(sotto_rlp_uint(r, &p->expiration));
        p->enr_seq = read_seq(*r);
        break;
    case SOTTO_DISC_FINDNODE:
        SOTTO_TRY(sotto_rlp_fixed(r, p->target, sizeof p->target));
        SOTTO_TRY(sotto_rlp_uint(r, &p->expiration));
        break;
    case SOTTO_DISC_NEIGHBORS:
        SOTTO_TRY(read_nodes(r, p));
        SOTTO_TRY(sotto_rlp_uint(r, &p->expiration));
        break;
    case SOTTO_DISC_ENR_REQUEST:
        SOTTO_TRY(sotto_rlp_uint(r, &p->expiration));
        break;
    case SOTTO_DISC_ENR_RESPONSE:
        SOTTO_TRY(sotto_rlp_fixed(r, p->reply_to, sizeof p->reply_to));
        SOTTO_TRY(sotto_rlp_raw(r, &p->record));
        break;
    }
    while (sotto_rlp_more(r)) SOTTO_TRY(sotto_rlp_skip(r));       /* the tail is whole, whatever it says */
    return SOTTO_OK;
}

static enum sotto_err recover(uint8_t key[64], struct sotto_span packet)
{
    struct sotto_sig65 sig;
    struct sotto_point point;
    uint8_t digest[32];
    memcpy(sig.b, packet.data + 32, 65);
    if (sig.b[64] > 1) return SOTTO_ERR_SIG_FORM;
    sig.b[64] += 27;
    sotto_keccak256(digest, sotto_span_cut(packet, 97, packet.size - 97));
    SOTTO_TRY(sotto_recover(&point, &sig, digest));
    return sotto_point_to64(key, &point);
}

enum sotto_err sotto_disc_read(struct sotto_disc_packet *out, struct sotto_span packet)
{
    struct sotto_disc_packet p;
    struct sotto_rlp top, list;
    memset(&p, 0, sizeof p);
    if (packet.size < SOTTO_DISC_HEAD || packet.size > SOTTO_DISC_PACKET_MAX) return SOTTO_ERR_FORMAT;
    sotto_keccak256(p.hash, sotto_span_cut(packet, 32, packet.size - 32));
    if (memcmp(p.hash, packet.data, 32) != 0) return SOTTO_ERR_DISC_HASH;
    SOTTO_TRY(recover(p.key, packet));
    if (packet.data[97] < SOTTO_DISC_PING || packet.data[97] > SOTTO_DISC_ENR_RESPONSE) return SOTTO_ERR_DISC_TYPE;
    p.type = (enum sotto_disc_type)packet.data[97];
    top = sotto_rlp(sotto_span_cut(packet, SOTTO_DISC_HEAD, packet.size - SOTTO_DISC_HEAD));
    SOTTO_TRY(sotto_rlp_list(&top, &list));
    SOTTO_TRY(read_body(&p, &list));
    *out = p;
    return SOTTO_OK;
}

bool sotto_disc_fresh(uint64_t expiration, uint64_t wall_ms) { return expiration < (uint64_t)INT64_MAX && expiration > wall_ms / 1000; }
