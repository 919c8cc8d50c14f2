/* The discovery machine under any sequence of datagrams, true and false ones, requests of its owner and times. After every step the bounds
 * of its tables hold; an address that has proven nothing is sent Pong and Ping only, at most three times what it sent; nothing goes where
 * nothing may go; a time that the machine asked for is followed by a later one. */
#include "support/fuzz_input.h"

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "p2p/discv4_state.h"

enum { STRANGERS = 6, STEPS_MAX = 60 };
struct stranger { struct sotto_scalar key; uint8_t key64[64]; struct sotto_addr addr; uint8_t ping[32], request[32]; bool pinged, requested; };

static struct stranger strangers[STRANGERS];
static struct sotto_discv4 *d;
static struct sotto_now now;
static struct sotto_disc_out slots[SOTTO_DISC_OUT_MAX];
static struct sotto_disc_outq out = { slots, 0, SOTTO_DISC_OUT_MAX };

static bool alike(const struct sotto_addr *a, const struct sotto_addr *b)
{
    struct sotto_group x = sotto_group_of(a, d->config.local), y = sotto_group_of(b, d->config.local);
    return sotto_disc_class(a) == SOTTO_DISC_PUBLIC && sotto_group_equal(&x, &y);
}

static void look(const struct sotto_addr *from, bool known, size_t request)
{
    size_t back = 0;
    for (uint32_t i = 0; i < out.count; i++) {
        const struct sotto_disc_out *o = &out.slots[i];
        struct sotto_disc_packet p;
        if (o->kind == SOTTO_DISC_FOUND) SOTTO_ASSERT(o->count <= SOTTO_DISC_RESULTS && o->token);
        if (o->kind != SOTTO_DISC_SEND) continue;
        SOTTO_ASSERT(o->size >= SOTTO_DISC_HEAD && o->size <= SOTTO_DISC_PACKET_MAX && sotto_disc_sendable(d, &o->addr));
        SOTTO_ASSERT(sotto_disc_read(&p, sotto_span(o->bytes, o->size)) == SOTTO_OK && memcmp(p.key, d->key64, 64) == 0);
        if (from && sotto_addr_equal(from, &o->addr)) {
            back += o->size;
            if (!known) SOTTO_ASSERT(p.type == SOTTO_DISC_PONG || p.type == SOTTO_DISC_PING);
        }
        for (unsigned s = 0; s < STRANGERS; s++) {
            if (!sotto_addr_equal(&strangers[s].addr, &o->addr)) continue;
            if (p.type == SOTTO_DISC_PING) memcpy(strangers[s].ping, p.hash, 32), strangers[s].pinged = true;
            if (p.type == SOTTO_DISC_ENR_REQUEST) memcpy(strangers[s].request, p.hash, 32), strangers[s].requested = true;
        }
    }
    if (from && !known) SOTTO_ASSERT(back <= 3 * request);
    out.count = 0;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        const struct sotto_disc_bucket *b = &d->buckets[i];
        SOTTO_ASSERT(b->count <= SOTTO_DISC_BUCKET && b->spare_count <= SOTTO_DISC_SPARES);
        for (unsigned j = 0; j < b->count; j++) {
            SOTTO_ASSERT(sotto_disc_bucket_of(d->id, b->entries[j].id) == i && sotto_disc_sendable(d, &b->entries[j].node.at.addr));
            for (unsigned k = 0; k < j; k++) SOTTO_ASSERT(memcmp(b->entries[j].id, b->entries[k].id, 32) != 0);
        }
    }
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        const struct sotto_disc_lookup *l = &d->lookups[i];
        unsigned flying = 0;
        SOTTO_ASSERT(l->count <= SOTTO_DISC_CANDIDATES_MAX && l->asked <= SOTTO_DISC_ASKED_MAX);
        for (unsigned j = 0; l->used && j < l->count; j++) {
            enum sotto_disc_state s = l->candidates[j].state;
            flying += s == SOTTO_DISC_BONDING || s == SOTTO_DISC_WAITING || s == SOTTO_DISC_ASKING;
            if (j) SOTTO_ASSERT(sotto_disc_nearer(l->id, l->candidates[j - 1].id, l->candidates[j].id) < 0);
            unsigned group = 0;
            for (unsigned k = 0; k < j; k++) group += alike(&l->candidates[k].node.at.addr, &l->candidates[j].node.at.addr);
            SOTTO_ASSERT(group < SOTTO_DISC_GROUP_LOOKUP);
        }
        SOTTO_ASSERT(flying <= SOTTO_DISC_ALPHA);
    }
}

static void pass(uint64_t us)
{
    uint64_t end = now.mono_us + us;
    for (unsigned i = 0; i < 200 && sotto_discv4_deadline(d) <= end; i++) {
        uint64_t at = sotto_discv4_deadline(d);
        if (at > now.mono_us) now = (struct sotto_now){ at, now.wall_ms + (at - now.mono_us) / 1000 };
        sotto_discv4_tick(d, now, &out);
        look(NULL, true, 0);
        for (unsigned j = 0; sotto_discv4_deadline(d) <= now.mono_us; j++) {
            SOTTO_ASSERT(j < 100);                    /* it does not spin */
            sotto_discv4_tick(d, now, &out);
            look(NULL, true, 0);
        }
    }
    if (now.mono_us < end) now = (struct sotto_now){ end, now.wall_ms + (end - now.mono_us) / 1000 };
}

static struct sotto_disc_node any_node(struct fuzz_in *in)
{
    struct sotto_disc_node n;
    uint8_t kind = fuzz_u8(in);
    memset(&n, 0, sizeof n);
    memcpy(n.key, kind & 64 ? d->key64 : strangers[kind % STRANGERS].key64, 64);
    n.at.addr = strangers[kind % STRANGERS].addr;
    if (kind & 128) n.at.addr = (struct sotto_addr){ .ip = { fuzz_u8(in), fuzz_u8(in), 1, 1 }, .family = 4, .port = fuzz_u16(in) };
    n.at.tcp = kind;
    return n;
}

static void datagram(struct fuzz_in *in, uint8_t op)
{
    struct stranger *s = &strangers[fuzz_below(in, STRANGERS)];
    struct sotto_disc_bytes b;
    struct sotto_disc_packet p;
    struct sotto_enr enr = { .seq = 1 + (op >> 3), .sotto = true };
    struct sotto_enr_record record;
    struct sotto_addr from = s->addr;
    uint8_t twist = fuzz_u8(in);
    memset(&p, 0, sizeof p);
    p.type = (enum sotto_disc_type)(1 + op % 6);
    p.version = 4;
    p.expiration = twist & 1 ? fuzz_wide(in) : now.wall_ms / 1000 + 20;
    p.from.addr = p.to.addr = strangers[(twist >> 1) % STRANGERS].addr;
    p.enr_seq = op >> 3;
    memcpy(p.reply_to, p.type == SOTTO_DISC_PONG ? s->ping : s->request, 32);
    memcpy(p.target, strangers[twist % STRANGERS].key64, 64);
    for (p.node_count = 0; p.type == SOTTO_DISC_NEIGHBORS && p.node_count < (twist >> 4) % 13u; p.node_count++) p.nodes[p.node_count] = any_node(in);
    SOTTO_ASSERT(sotto_enr_sign(&record, &enr, twist & 32 ? &strangers[0].key : &s->key) == SOTTO_OK);
    p.record = sotto_enr_span(&record);
    SOTTO_ASSERT(sotto_disc_write(&b, &p, &s->key) == SOTTO_OK);
    if (twist & 64) b.b[fuzz_u16(in) % b.size] ^= 1;
    if (twist & 128) from.ip[3]++;
    bool known = sotto_discv4_bonded(d, s->key64, &from, now);
    sotto_discv4_datagram(d, &from, sotto_span(b.b, b.size), now, &out);
    if (p.type == SOTTO_DISC_PONG) known = true;      /* its own proof may end with it: then what follows is ours to say */
    look(&from, known, b.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_chacha_rng rng;
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    uint8_t manner = fuzz_u8(&in);
    bool local = manner & 1;
    sotto_rng_from_seed(&rng, manner, "fuzz");
    struct sotto_discv4_config config = { .local = local, .lan = manner & 2, .udp = 30303, .tcp = 30303, .rng = &rng.rng };
    config.key.b[31] = 200;
    for (unsigned i = 0; i < STRANGERS; i++) {
        struct stranger *s = &strangers[i];
        struct sotto_point point;
        memset(s, 0, sizeof *s);
        s->key.b[31] = (uint8_t)(i + 1);
        SOTTO_ASSERT(sotto_point_make(&point, &s->key) == SOTTO_OK && sotto_point_to64(s->key64, &point) == SOTTO_OK);
        s->addr = (struct sotto_addr){ .ip = { local ? 127 : (uint8_t)(20 + i / 2), (uint8_t)i, 0, 1 }, .family = 4, .port = (uint16_t)(2000 + i) };
        if (i == 5 && !local) s->addr = (struct sotto_addr){ .ip = { 192, 168, 0, 1 }, .family = 4, .port = 2000 };
    }
    now = (struct sotto_now){ 1000000, 1700000000000 };
    SOTTO_ASSERT(sotto_discv4_new(&d, &config, now) == SOTTO_OK);
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in);
        switch (op % 16) {
        case 12: pass(fuzz_u8(&in) * 10000ull); break;
        case 13: pass(fuzz_wide(&in) % (1ull << 38)); break;
        case 14: {
            struct sotto_disc_node n = any_node(&in);
            (void)fuzz_err(sotto_discv4_add(d, &n, now));
            break;
        }
        case 15:
            if (op & 16) {
                struct sotto_addr a = any_node(&in).at.addr;
                uint64_t seq = d->seq;
                sotto_discv4_announce(d, &a, op, op, &out);
                SOTTO_ASSERT(d->seq == seq + out.count);
                out.count = 0;
            } else {
                (void)fuzz_err(sotto_discv4_lookup(d, strangers[op % STRANGERS].key64, 1u + op));
            }
            break;
        case 11: {
            struct sotto_span junk = fuzz_span(&in, 200);
            struct sotto_addr from = strangers[op % STRANGERS].addr;
            sotto_discv4_datagram(d, &from, junk, now, &out);
            look(&from, false, junk.size);
            break;
        }
        default: datagram(&in, op); break;
        }
        look(NULL, true, 0);
    }
    sotto_discv4_free(d);
    return 0;
}
