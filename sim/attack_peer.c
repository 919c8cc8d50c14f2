#include "sim/attack_peer.h"

#include "io/tcp.h"
#include "whisper/bucket.h"
#include "whisper/shh.h"
#include "wire/rlp.h"

#include <stdlib.h>

#define ROUND_US 500000u
#define PACKET_MAX 100u                           /* envelopes */
#define TRIES_STEP 65536u
#define SAVED_S 10                                /* tries that were not spent are good for so long */

struct line { uint32_t conn; bool ready; double floor; struct sotto_bucket give; };

struct sim_attack_peer {
    struct sim_world *world;
    struct sim_machine *machine;
    struct sotto_io_net *io;
    struct sotto_host *host;
    struct sotto_capability capability;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sim_event tick, round;
    struct sim_attack_tactic tactic;
    struct sim_attack_purse *purse;
    struct line lines[SIM_ATTACK_RELAYS_MAX];
    struct sotto_enode targets[SIM_ATTACK_RELAYS_MAX];
    unsigned target_count, turn;
    uint64_t until_us;
    uint8_t *data;                                /* zeros, as long as what it sends */
};

static void perform(struct sim_attack_peer *p)
{
    for (uint32_t i = 0; i < p->out.count; i++) (void)sotto_io_net_perform(p->io, &p->out.slots[i]);
    sotto_outq_clear(&p->out);
    uint64_t due = sotto_host_deadline(p->host);
    if (due == UINT64_MAX) sim_event_drop(p->world, &p->tick);
    else sim_event_at(p->world, &p->tick, due > SIM_MONO_BASE_US ? due - SIM_MONO_BASE_US + 1000 : 0);
}

/* ---- the capability ---- */

static struct line *line_of(struct sim_attack_peer *p, uint32_t conn)
{
    for (unsigned i = 0; i < SIM_ATTACK_RELAYS_MAX; i++)
        if (p->lines[i].conn == conn) return &p->lines[i];
    return NULL;
}

static void up(void *owner, uint32_t conn, struct sotto_now now)
{
    struct sim_attack_peer *p = owner;
    static const double nothing = 1e300;          /* the work it asks for: nobody shall bring it anything */
    uint64_t bits;
    struct sotto_buf b = sotto_buf_make(128);
    struct line *line = line_of(p, 0);
    if (!line) return;
    *line = (struct line){ .conn = conn, .give = sotto_bucket_make(SOTTO_SHH_RATE, SOTTO_SHH_RATE * SOTTO_SHH_BURST_S, now.mono_us) };
    memcpy(&bits, &nothing, sizeof bits);
    if (sotto_rlp_add_uint(&b, 6) == SOTTO_OK && sotto_rlp_add_uint(&b, bits) == SOTTO_OK && sotto_rlp_end_list(&b, 0) == SOTTO_OK)
        (void)!sotto_host_send(p->host, conn, &p->capability, SOTTO_SHH_STATUS, sotto_buf_span(&b), now, &p->out);
    sotto_buf_free(&b);
}

static void down(void *owner, uint32_t conn, struct sotto_now now)
{
    struct sim_attack_peer *p = owner;
    struct line *line = line_of(p, conn);
    (void)now;
    if (!line) return;
    p->purse->cut++;
    *line = (struct line){ 0 };
}

static void message(void *owner, uint32_t conn, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct sim_attack_peer *p = owner;
    struct line *line = line_of(p, conn);
    struct sotto_rlp at = sotto_rlp(payload), list = at;
    uint64_t bits, version;
    (void)now;
    if (!line || (code != SOTTO_SHH_STATUS && code != SOTTO_SHH_POW)) return;
    if (code == SOTTO_SHH_STATUS && (sotto_rlp_list(&at, &list) != SOTTO_OK || sotto_rlp_uint(&list, &version) != SOTTO_OK)) return;
    if (sotto_rlp_uint(&list, &bits) != SOTTO_OK) return;
    memcpy(&line->floor, &bits, sizeof bits);
    line->ready = true;
}

/* ---- its doings ---- */

static void earn(struct sim_attack_purse *purse, uint64_t now_us)
{
    purse->tries += purse->tries_per_s * (double)(now_us - purse->at_us) / 1e6;
    if (purse->tries > purse->tries_per_s * SAVED_S) purse->tries = purse->tries_per_s * SAVED_S;
    purse->at_us = now_us;
}

static void begin_work(struct sim_attack_peer *p, unsigned bits, uint32_t now_s)
{
    struct sim_attack_purse *purse = p->purse;
    struct sotto_buf prefix = sotto_buf_make(p->tactic.data_size + SOTTO_ENVELOPE_RLP_EXTRA);
    if (!purse->data) purse->data = sim_alloc(p->tactic.data_size);
    sotto_rng_fill(&p->rng.rng, purse->data, p->tactic.data_size);
    purse->e = (struct sotto_envelope){ .expiry = now_s - 1 + p->tactic.ttl_s, .ttl = p->tactic.ttl_s, .data = sotto_span(purse->data, p->tactic.data_size) };
    sotto_rng_fill(&p->rng.rng, purse->e.topic, sizeof purse->e.topic);
    if (sotto_envelope_short(&prefix, &purse->e) != SOTTO_OK) abort();
    sotto_work_init(&purse->work, sotto_buf_span(&prefix), (UINT64_C(1) << 56) + sotto_rng_below(&p->rng.rng, UINT64_C(1) << 60), bits);
    sotto_buf_free(&prefix);
    purse->working = true;
}

/* Appends an envelope that this relay takes, with real work. False: the purse is empty; the work goes on when there are tries again. */
static bool make(struct sim_attack_peer *p, struct sotto_buf *out, const struct line *line)
{
    struct sim_attack_purse *purse = p->purse;
    uint32_t now_s = (uint32_t)(sim_machine_now(p->machine).wall_ms / 1000);
    struct sotto_envelope like = { .expiry = now_s, .ttl = p->tactic.ttl_s, .data = sotto_span(p->data, p->tactic.data_size) };
    unsigned bits = sotto_work_bits(line->floor * p->tactic.outbid, sotto_envelope_short_size(&like), like.ttl);
    bool stale = purse->working && (purse->work.bits < bits || purse->e.expiry < now_s + p->tactic.ttl_s / 2);
    if (!purse->working || stale) begin_work(p, bits, now_s);
    while (purse->tries >= 1) {
        uint64_t from = purse->work.next;
        enum sotto_err err = sotto_work_step(&purse->work, &purse->e.nonce, purse->tries < TRIES_STEP ? (uint32_t)purse->tries : TRIES_STEP);
        purse->spent += purse->work.next - from;
        purse->tries -= (double)(purse->work.next - from);
        if (err != SOTTO_OK) continue;
        purse->working = false;
        purse->envelopes++;
        return sotto_envelope_encode(out, &purse->e) == SOTTO_OK;
    }
    return false;
}

static void bring(struct sim_attack_peer *p, struct line *line)
{
    struct sotto_now now = sim_machine_now(p->machine);
    struct sotto_buf b = sotto_buf_make(SOTTO_SHH_PACKET_MAX);
    uint64_t tokens = sotto_bucket_tokens(&line->give, now.mono_us);
    unsigned count = 0;
    while (count < tokens && count < PACKET_MAX && make(p, &b, line)) count++;
    if (count && sotto_bucket_take(&line->give, count, now.mono_us) && sotto_rlp_end_list(&b, 0) == SOTTO_OK)
        (void)!sotto_host_send(p->host, line->conn, &p->capability, SOTTO_SHH_MESSAGES, sotto_buf_span(&b), now, &p->out);
    sotto_buf_free(&b);
}

static void round_over(void *ctx)
{
    struct sim_attack_peer *p = ctx;
    if (p->world->now_us >= p->until_us) return;
    earn(p->purse, p->world->now_us);
    for (unsigned i = 0; i < SIM_ATTACK_RELAYS_MAX; i++) {
        struct line *line = &p->lines[(p->turn + i) % SIM_ATTACK_RELAYS_MAX];
        if (line->conn && line->ready) bring(p, line);
    }
    p->turn++;
    perform(p);
    sim_event_at(p->world, &p->round, p->world->now_us + ROUND_US / 2 + sotto_rng_below(&p->rng.rng, ROUND_US));
}

static void ticked(void *ctx)
{
    struct sim_attack_peer *p = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_TICK };
    sotto_host_step(p->host, &in, sim_machine_now(p->machine), &p->out);
    perform(p);
}

static uint32_t next_conn(void *ctx) { return sotto_host_next_conn(((struct sim_attack_peer *)ctx)->host); }

static void input(void *ctx, const struct sotto_in *in, struct sotto_now now)
{
    struct sim_attack_peer *p = ctx;
    sotto_host_step(p->host, in, now, &p->out);
    perform(p);
}

/* ---- the object ---- */

void sim_attack_purse_end(struct sim_attack_purse *purse) { free(purse->data); }

struct sim_attack_peer *sim_attack_peer_new(struct sim_world *w, const struct sim_attack_tactic *tactic, struct sim_attack_purse *purse)
{
    struct sim_attack_peer *p = sim_alloc(sizeof *p);
    char purpose[40];
    p->world = w;
    p->machine = sim_machine_new(w, NULL);
    p->machine->foreign = true;
    p->tactic = *tactic;
    p->purse = purse;
    p->data = sim_alloc(tactic->data_size);
    p->out = sotto_outq_make(4096);
    p->capability = (struct sotto_capability){ .name = "shh", .version = 6, .codes = SOTTO_SHH_CODES, .owner = p, .up = up, .message = message, .down = down };
    snprintf(purpose, sizeof purpose, "sim/attack/peer/%u", p->machine->index);
    sotto_rng_from_seed(&p->rng, w->seed, purpose);
    struct sotto_host_config config = { .local = true, .inbound_max = 1, .outbound_max = SIM_ATTACK_RELAYS_MAX, .static_max = SIM_ATTACK_RELAYS_MAX,
        .message_max = 10u << 20, .capabilities = &p->capability, .capability_count = 1, .rng = &p->rng.rng };
    sotto_scalar_random(&config.key, &p->rng.rng);
    if (sotto_host_new(&p->host, &config) != SOTTO_OK) abort();
    sim_event_init(&p->tick, p->machine, "tick", ticked, p);
    sim_event_init(&p->round, p->machine, "round", round_over, p);
    return p;
}

static void begin(void *ctx)
{
    struct sim_attack_peer *p = ctx;
    struct sotto_io_net_config io = { .local = true, .accept_max = 1, .conn_max = 64, .queue_max = 16u << 20, .ctx = p, .next_conn = next_conn, .input = input };
    if (sotto_io_net_new(&p->io, &io) != SOTTO_OK) abort();
    p->machine->part = SIM_UP;
    for (unsigned i = 0; i < p->target_count; i++)
        if (sotto_host_add(p->host, &p->targets[i], sim_machine_now(p->machine), &p->out) != SOTTO_OK) abort();
    perform(p);
}

void sim_attack_peer_start(struct sim_attack_peer *p, const struct sotto_enode *targets, unsigned count, uint64_t until_us)
{
    SOTTO_ASSERT(count <= SIM_ATTACK_RELAYS_MAX);
    memcpy(p->targets, targets, count * sizeof *targets);
    p->target_count = count;
    p->until_us = until_us;
    sim_machine_step(p->machine, begin, p);
    sim_event_at(p->world, &p->round, p->world->now_us + ROUND_US);
}

unsigned sim_attack_peer_machine(const struct sim_attack_peer *p) { return p->machine->index; }

void sim_attack_peer_free(struct sim_attack_peer *p)
{
    if (!p) return;
    sim_event_drop(p->world, &p->tick);
    sim_event_drop(p->world, &p->round);
    sotto_io_net_free(p->io);
    sotto_host_free(p->host);
    sotto_outq_free(&p->out);
    free(p->data);
    free(p);
}
