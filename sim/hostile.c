#include "sim/hostile.h"

#include "io/loop.h"
#include "io/tcp.h"
#include "p2p/host.h"
#include "whisper/envelope.h"
#include "whisper/shh.h"
#include "wire/rlp.h"

#include <stdlib.h>

#define KEPT_MAX 2048u
#define ROUND_MEAN_US 700000u
#define BATCH_MAX 40u
#define PEERS_MAX 16u
#define WORK_BITS 2u                        /* of the worlds: what it damages must pass as work */

struct kept { uint8_t bytes[SOTTO_NATIVE_RLP]; uint32_t size; uint64_t given; };      /* given: a bit a neighbour */

struct sim_hostile {
    struct sim_world *world;
    struct sim_machine *machine;
    struct sotto_io_net *io;
    struct sotto_host *host;
    struct sotto_capability capability;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sim_event tick, round;
    struct sotto_enode self;
    char enode[256];
    struct { uint32_t conn; bool ready; } peers[PEERS_MAX];
    struct kept *kept;
    unsigned kept_count;
    bool well;
};

static uint64_t dice(struct sim_hostile *h, uint64_t bound) { return sotto_rng_below(&h->rng.rng, bound); }

static void perform(struct sim_hostile *h)
{
    struct sotto_outq q = h->out;
    h->out = sotto_outq_make(q.max);
    for (uint32_t i = 0; i < q.count; i++) (void)sotto_io_net_perform(h->io, &q.slots[i]);
    sotto_outq_free(&q);
    uint64_t due = sotto_host_deadline(h->host);
    if (due == UINT64_MAX) sim_event_drop(h->world, &h->tick);
    else sim_event_at(h->world, &h->tick, due > SIM_MONO_BASE_US ? due - SIM_MONO_BASE_US + 1000 : 0);
}

/* ---- the capability ---- */

static int slot_of(const struct sim_hostile *h, uint32_t conn)
{
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (h->peers[i].conn == conn) return (int)i;
    return -1;
}

static void up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sim_hostile *h = owner;
    struct sotto_buf b = sotto_buf_make(128);
    static const double floor = 0;
    uint64_t bits;
    int at = slot_of(h, 0);
    memcpy(&bits, &floor, sizeof bits);
    if (at >= 0) {
        h->peers[at].conn = peer;
        h->peers[at].ready = false;
        for (unsigned i = 0; i < h->kept_count; i++) h->kept[i].given &= ~(UINT64_C(1) << at);
    }
    if (sotto_rlp_add_uint(&b, 6) == SOTTO_OK && sotto_rlp_add_uint(&b, bits) == SOTTO_OK && sotto_rlp_add_bytes(&b, sotto_span(NULL, 0)) == SOTTO_OK &&
        sotto_rlp_add_bool(&b, false) == SOTTO_OK && sotto_rlp_end_list(&b, 0) == SOTTO_OK)
        (void)!sotto_host_send(h->host, peer, &h->capability, SOTTO_SHH_STATUS, sotto_buf_span(&b), now, &h->out);
    sotto_buf_free(&b);
}

static void down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sim_hostile *h = owner;
    int at = slot_of(h, peer);
    (void)now;
    if (at >= 0) h->peers[at].conn = 0;
}

static void keep(struct sim_hostile *h, struct sotto_span bytes, int from)
{
    struct sotto_envelope e;
    if (bytes.size != SOTTO_NATIVE_RLP || sotto_envelope_decode(&e, bytes) != SOTTO_OK) return;
    for (unsigned i = 0; i < h->kept_count; i++)
        if (memcmp(h->kept[i].bytes, bytes.data, bytes.size) == 0) {
            h->kept[i].given |= UINT64_C(1) << from;
            return;
        }
    unsigned at = h->kept_count < KEPT_MAX ? h->kept_count++ : (unsigned)dice(h, KEPT_MAX);
    struct kept *k = &h->kept[at];
    memcpy(k->bytes, bytes.data, bytes.size);
    k->size = (uint32_t)bytes.size;
    k->given = UINT64_C(1) << from;
}

static void message(void *owner, uint32_t peer, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct sim_hostile *h = owner;
    int at = slot_of(h, peer);
    (void)now;
    if (at < 0) return;
    if (code == SOTTO_SHH_STATUS) h->peers[at].ready = true;
    if (code != SOTTO_SHH_MESSAGES) return;
    struct sotto_rlp top = sotto_rlp(payload), list;
    struct sotto_span raw;
    if (sotto_rlp_list(&top, &list) != SOTTO_OK) return;
    while (sotto_rlp_more(&list) && sotto_rlp_raw(&list, &raw) == SOTTO_OK) keep(h, raw, at);
}

/* ---- its doings ---- */

/* One bit of the cell turned, the work done anew: an envelope that every relay takes. */
static bool damage(struct sim_hostile *h, struct sotto_buf *out, const struct kept *k)
{
    struct sotto_envelope e;
    uint8_t data[SOTTO_NATIVE_DATA];
    if (sotto_envelope_decode(&e, sotto_span(k->bytes, k->size)) != SOTTO_OK) return false;
    memcpy(data, e.data.data, sizeof data);
    uint64_t where = dice(h, 8 * (sizeof data + 4));
    if (where < 32) e.topic[where / 8] ^= (uint8_t)(1 << where % 8);
    else data[where / 8 - 4] ^= (uint8_t)(1 << where % 8);
    e.data = SOTTO_SPAN(data);
    do e.nonce = (UINT64_C(1) << 56) + dice(h, UINT64_C(1) << 60);
    while (sotto_envelope_zeros(&e) < WORK_BITS);
    return sotto_envelope_encode(out, &e) == SOTTO_OK;
}

static void play(struct sim_hostile *h, unsigned peer)
{
    struct sotto_buf b = sotto_buf_make(1u << 20);
    uint64_t bit = UINT64_C(1) << peer;
    uint64_t *counts = h->world->counts;
    uint32_t now_s = (uint32_t)(sim_machine_now(h->machine).wall_ms / 1000);
    unsigned put = 0, from = h->kept_count ? (unsigned)dice(h, h->kept_count) : 0;
    for (unsigned n = 0; n < h->kept_count && put < BATCH_MAX; n++) {
        struct kept *k = &h->kept[h->well ? n : (from + n) % h->kept_count];
        if (sotto_be32(k->bytes + 4) < now_s + 5) continue;           /* expiry: too old even for mischief, its sender would be cut off */
        bool fresh = !(k->given & bit);
        unsigned d = h->well ? 0 : (unsigned)dice(h, 100);
        if (fresh && d >= 60) {
            counts[SIM_N_ENVELOPES_DELAYED]++;
        } else if (fresh) {
            k->given |= bit;
            put += sotto_buf_add(&b, k->bytes, k->size) == SOTTO_OK;
        } else if (d >= 97) {
            put += sotto_buf_add(&b, k->bytes, k->size) == SOTTO_OK;
            counts[SIM_N_ENVELOPES_REPLAYED]++;
        }
        if (d >= 92 && d < 95 && damage(h, &b, k)) {
            put++;
            counts[SIM_N_ENVELOPES_CORRUPTED]++;
        }
    }
    if (put && sotto_rlp_end_list(&b, 0) == SOTTO_OK)
        (void)!sotto_host_send(h->host, h->peers[peer].conn, &h->capability, SOTTO_SHH_MESSAGES, sotto_buf_span(&b), sim_machine_now(h->machine), &h->out);
    sotto_buf_free(&b);
}

static void round_over(void *ctx)
{
    struct sim_hostile *h = ctx;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (h->peers[i].conn && h->peers[i].ready && (h->well || dice(h, 3))) play(h, i);
    perform(h);
    sim_event_at(h->world, &h->round, h->world->now_us + 1000 + sotto_rng_exp_us(&h->rng.rng, ROUND_MEAN_US));
}

static void ticked(void *ctx)
{
    struct sim_hostile *h = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_TICK };
    sotto_host_step(h->host, &in, sim_machine_now(h->machine), &h->out);
    perform(h);
}

static uint32_t next_conn(void *ctx) { return sotto_host_next_conn(((struct sim_hostile *)ctx)->host); }

static void input(void *ctx, const struct sotto_in *in, struct sotto_now now)
{
    struct sim_hostile *h = ctx;
    sotto_host_step(h->host, in, now, &h->out);
    perform(h);
}

/* ---- the object ---- */

struct sim_hostile *sim_hostile_new(struct sim_world *w)
{
    struct sim_hostile *h = sim_alloc(sizeof *h);
    struct sotto_point key;
    struct sotto_host_config config = { .local = true, .inbound_max = 8, .outbound_max = 8, .static_max = 6, .message_max = 10u << 20, .capability_count = 1 };
    h->world = w;
    h->machine = sim_machine_new(w, NULL);
    h->machine->foreign = true;
    h->kept = sim_alloc(KEPT_MAX * sizeof *h->kept);
    h->out = sotto_outq_make(4096);
    h->capability = (struct sotto_capability){ .name = "shh", .version = 6, .codes = SOTTO_SHH_CODES, .owner = h, .up = up, .message = message, .down = down };
    sotto_rng_from_seed(&h->rng, w->seed, "sim/hostile");
    sotto_scalar_random(&config.key, &h->rng.rng);
    config.listen_port = h->machine->port;
    config.capabilities = &h->capability;
    config.rng = &h->rng.rng;
    if (sotto_host_new(&h->host, &config) != SOTTO_OK || sotto_point_make(&key, &config.key) != SOTTO_OK || sotto_point_to64(h->self.key, &key) != SOTTO_OK) abort();
    h->self.addr = (struct sotto_addr){ .ip = { 127, 0, 0, 1 }, .port = h->machine->port, .family = 4 };
    sotto_enode_text(h->enode, &h->self);
    sim_event_init(&h->tick, h->machine, "tick", ticked, h);
    sim_event_init(&h->round, h->machine, "round", round_over, h);
    return h;
}

const char *sim_hostile_enode(const struct sim_hostile *h) { return h->enode; }
void sim_hostile_behave(struct sim_hostile *h, bool well) { h->well = well; }

static void begin(void *ctx)
{
    struct sim_hostile *h = ctx;
    struct sotto_io_net_config io = { .local = true, .accept_max = 64, .conn_max = 64, .queue_max = 16u << 20, .ctx = h, .next_conn = next_conn, .input = input };
    if (sotto_io_net_new(&h->io, &io) != SOTTO_OK || sotto_io_net_listen(h->io, NULL, &h->self.addr) != SOTTO_OK) abort();
    h->machine->part = SIM_UP;
}

void sim_hostile_start(struct sim_hostile *h)
{
    sim_machine_step(h->machine, begin, h);
    sim_event_at(h->world, &h->round, h->world->now_us + 1000);
}

void sim_hostile_free(struct sim_hostile *h)
{
    if (!h) return;
    sim_event_drop(h->world, &h->tick);
    sim_event_drop(h->world, &h->round);
    sotto_io_net_free(h->io);
    sotto_host_free(h->host);
    sotto_outq_free(&h->out);
    free(h->kept);
    free(h);
}
