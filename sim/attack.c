#include "sim/attack.h"

#include "io/tcp.h"
#include "relay/net.h"
#include "sim/attack_peer.h"
#include "sim/attack_switch.h"
#include "sim/net.h"
#include "whisper/shh.h"

#include <stdlib.h>

#define WORK_BITS (SOTTO_NATIVE_WORK_BITS - 7u)   /* of the product, less log2(SIM_ATTACK_SHRINK) */
_Static_assert(1u << 7 == SIM_ATTACK_SHRINK, "work shrinks as the pool does");
#define POOL_BYTES ((64u << 20) / SIM_ATTACK_SHRINK)
#define POOL_ENTRIES (65536u / SIM_ATTACK_SHRINK)
#define WORK_US 100000u                           /* mean of a search of an honest relay */
#define DIALS 2u
#define WRITE_MEAN_US 3200000u                    /* somebody writes at each relay: the pool is a bit over a quarter full without an attack */
#define LINKS_S 3u                                /* before anybody writes */
#define BEFORE_S 10u                              /* ... and before the attack */
#define AFTER_S 30u
#define SETTLE_S 15u                              /* what was written later counts for delivery, not for being kept */
#define LETTERS_MAX 4096u
#define IDENTITIES_MAX 12u

const char *const sim_attack_names[SIM_ATTACKS] = { "calm", "expiry", "count", "size", "sybil", "outbid" };

#define YEARS_S 315360000u                        /* ten */
static const struct sim_attack_tactic tactics[SIM_ATTACKS] = {
    [SIM_ATTACK_EXPIRY] = { 2, SOTTO_NATIVE_DATA, YEARS_S, 1 },
    [SIM_ATTACK_COUNT] = { 2, 8, 120, 1 },
    [SIM_ATTACK_SIZE] = { 2, 8192, 120, 1 },      /* a 64th of the pool: 1 MiB of 64 */
    [SIM_ATTACK_SYBIL] = { IDENTITIES_MAX, SOTTO_NATIVE_DATA, 120, 1 },
    [SIM_ATTACK_OUTBID] = { IDENTITIES_MAX, SOTTO_NATIVE_DATA, 120, 2 },
};

struct arena;
struct relay {
    struct arena *arena;
    struct sim_machine *machine;
    struct sotto_io_net *io;
    struct sotto_net *net;
    struct sotto_chacha_rng rng, pen;             /* pen: when somebody writes, the same with any attack and defence */
    struct sotto_outq out;
    struct sim_event tick, mined, write;
    struct sotto_enode self;
    uint64_t token, nonce;                        /* of the search going on */
    unsigned index;
};
struct letter { uint64_t written_us; unsigned from; bool arrived[SIM_ATTACK_RELAYS_MAX]; };
struct arena {
    struct sim_world *world;
    const struct sim_attack_options *o;
    struct relay relays[SIM_ATTACK_RELAYS_MAX];
    struct sim_attack_peer *peers[IDENTITIES_MAX];
    unsigned peer_count;
    struct sim_attack_purse purse;
    struct letter *letters;
    uint32_t letter_count;
    uint64_t begin_us, end_us;                    /* of the attack */
    double delays_s;
    struct sim_attack_result *result;
};

/* ---- a relay ---- */

static void work_on(struct relay *r, const struct sotto_out *o)
{
    if (sotto_work_search(&r->nonce, sotto_buf_span(&o->bytes), o->value, o->bits, NULL) != SOTTO_OK) abort();
    r->token = o->token;
    sim_event_at(r->arena->world, &r->mined, r->arena->world->now_us + sotto_rng_exp_us(&r->rng.rng, WORK_US));
}

static bool counts(const struct arena *a, const struct letter *l) { return l->written_us >= a->begin_us && l->written_us < a->end_us; }

/* Who is next to the writer reads even what its pool has no place for; an attack shows one hop further. */
static bool apart(const struct arena *a, unsigned x, unsigned y)
{
    unsigned steps = x < y ? y - x : x - y;
    return steps > DIALS && a->o->relays - steps > DIALS;
}

static void arrived(struct relay *r, const uint8_t *data)
{
    struct arena *a = r->arena;
    if (memcmp(data, sim_attack_switch.mark, SIM_ATTACK_MARK) != 0) return;
    struct letter *l = &a->letters[sotto_be32(data + SIM_ATTACK_MARK)];
    if (l->arrived[r->index]) return;             /* it was evicted, forgotten, and came again */
    l->arrived[r->index] = true;
    if (!counts(a, l) || !apart(a, l->from, r->index)) return;
    a->result->delivered++;
    a->delays_s += (double)(a->world->now_us - l->written_us) / 1e6;
}

static void perform(struct relay *r)
{
    struct sim_world *w = r->arena->world;
    for (uint32_t i = 0; i < r->out.count; i++) {
        struct sotto_out *o = &r->out.slots[i];
        if (sotto_io_net_perform(r->io, o)) continue;
        if (o->kind == SOTTO_OUT_MINE) work_on(r, o);
        else if (o->kind == SOTTO_OUT_DELIVER) arrived(r, o->bytes.data + 4);
    }
    sotto_outq_clear(&r->out);
    uint64_t due = sotto_net_deadline(r->net);
    if (due == UINT64_MAX) sim_event_drop(w, &r->tick);
    else sim_event_at(w, &r->tick, due > SIM_MONO_BASE_US ? due - SIM_MONO_BASE_US + 1000 : 0);
}

static void input(void *ctx, const struct sotto_in *in, struct sotto_now now)
{
    struct relay *r = ctx;
    sotto_net_step(r->net, in, now, &r->out);
    perform(r);
}

static void ticked(void *ctx)
{
    struct relay *r = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_TICK };
    input(r, &in, sim_machine_now(r->machine));
}

static void has_mined(void *ctx)
{
    struct relay *r = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_MINED, .token = r->token, .value = r->nonce };
    input(r, &in, sim_machine_now(r->machine));
}

static void write_letter(void *ctx)
{
    struct relay *r = ctx;
    struct arena *a = r->arena;
    uint8_t sealed[SOTTO_SEALED_SIZE];
    if (a->world->now_us >= a->end_us || a->letter_count == LETTERS_MAX) return;
    uint32_t number = a->letter_count++;
    a->letters[number] = (struct letter){ .written_us = a->world->now_us, .from = r->index };
    sotto_rng_fill(&r->pen.rng, sealed, sizeof sealed);
    memcpy(sealed + 4, sim_attack_switch.mark, SIM_ATTACK_MARK);
    sotto_put_be32(sealed + 4 + SIM_ATTACK_MARK, number);
    if (counts(a, &a->letters[number])) a->result->pairs += a->o->relays - 1 - 2 * DIALS;
    (void)!sotto_net_submit(r->net, number, sealed, sim_machine_now(r->machine), &r->out);      /* an outbox that is full loses it: that counts, too */
    perform(r);
    sim_event_at(a->world, &r->write, a->world->now_us + sotto_rng_exp_us(&r->pen.rng, WRITE_MEAN_US));
}

static uint32_t next_conn(void *ctx) { return sotto_host_next_conn(sotto_net_host(((struct relay *)ctx)->net)); }

static void relay_init(struct relay *r, struct arena *a, unsigned index)
{
    struct sotto_point key;
    char purpose[40];
    r->arena = a;
    r->index = index;
    r->machine = sim_machine_new(a->world, NULL);
    r->machine->foreign = true;
    r->out = sotto_outq_make(4096);
    snprintf(purpose, sizeof purpose, "sim/attack/relay/%u", index);
    sotto_rng_from_seed(&r->rng, a->world->seed, purpose);
    sotto_rng_fork(&r->pen, &r->rng.rng, "pen");
    struct sotto_net_config config = { .listen_port = r->machine->port, .local = true, .plain = true, .whisper_only = true, .work_bits = WORK_BITS, .flush_mean_us = 1000000, .gather_us = 10000,
        .emit_mean_us = 500000, .pool_bytes_max = POOL_BYTES, .pool_entries_max = POOL_ENTRIES, .outbox_max = 64, .rng = &r->rng.rng };
    sotto_scalar_random(&config.key, &r->rng.rng);
    if (sotto_net_new(&r->net, &config) != SOTTO_OK || sotto_point_make(&key, &config.key) != SOTTO_OK || sotto_point_to64(r->self.key, &key) != SOTTO_OK) abort();
    r->self.addr = (struct sotto_addr){ .ip = { 127, 0, 0, 1 }, .port = r->machine->port, .family = 4 };
    sim_event_init(&r->tick, r->machine, "tick", ticked, r);
    sim_event_init(&r->mined, r->machine, "mined", has_mined, r);
    sim_event_init(&r->write, r->machine, "write", write_letter, r);
}

/* Each relay dials the next ones of the ring: everybody has two first hops and as many callers. */
static void relay_begin(void *ctx)
{
    struct relay *r = ctx;
    struct arena *a = r->arena;
    struct sotto_io_net_config io = { .local = true, .accept_max = 64, .conn_max = 128, .queue_max = 16u << 20, .ctx = r, .next_conn = next_conn, .input = input };
    if (sotto_io_net_new(&r->io, &io) != SOTTO_OK || sotto_io_net_listen(r->io, NULL, &r->self.addr) != SOTTO_OK) abort();
    r->machine->part = SIM_UP;
    for (unsigned step = 1; step <= DIALS; step++) {
        const struct relay *to = &a->relays[(r->index + step) % a->o->relays];
        enum sotto_err err = sotto_host_add(sotto_net_host(r->net), &to->self, sim_machine_now(r->machine), &r->out);
        if (err != SOTTO_OK) abort();
    }
    perform(r);
    sim_event_at(a->world, &r->write, a->world->now_us + LINKS_S * SIM_SECOND_US + sotto_rng_exp_us(&r->pen.rng, WRITE_MEAN_US));
}

static void relay_end(struct relay *r)
{
    struct sim_world *w = r->arena->world;
    sim_event_drop(w, &r->tick);
    sim_event_drop(w, &r->mined);
    sim_event_drop(w, &r->write);
    sotto_io_net_free(r->io);
    sotto_net_free(r->net);
    sotto_outq_free(&r->out);
}

/* ---- the world ---- */

static void on_wire(void *ctx, unsigned from, unsigned to, struct sotto_span bytes)
{
    struct arena *a = ctx;
    if (from >= a->o->relays) a->result->bytes += bytes.size;
    else if (to < a->o->relays && a->world->now_us >= a->begin_us) a->result->relay_bytes += bytes.size;
}

static void attack_begin(struct arena *a)
{
    struct sim_attack_tactic tactic = tactics[a->o->attack];
    struct sotto_enode targets[SIM_ATTACK_RELAYS_MAX];
    if (a->o->attack == SIM_ATTACK_CALM) return;
    if (a->o->defence.cap && tactic.ttl_s > SOTTO_POOL_TTL_MAX_S) tactic.ttl_s = SOTTO_POOL_TTL_MAX_S;      /* he knows */
    for (unsigned i = 0; i < a->o->relays; i++) targets[i] = a->relays[i].self;
    a->purse.tries_per_s = a->o->cores * SIM_ATTACK_CORE_TRIES / SIM_ATTACK_SCALE * (a->o->attack == SIM_ATTACK_OUTBID ? SIM_ATTACK_OUTBID_TIMES : 1);
    a->purse.at_us = a->world->now_us;
    for (; a->peer_count < tactic.identities; a->peer_count++) {
        a->peers[a->peer_count] = sim_attack_peer_new(a->world, &tactic, &a->purse);
        sim_attack_peer_start(a->peers[a->peer_count], targets, a->o->relays, a->end_us);
    }
}

/* What is in the pools at this moment. */
static void look(struct arena *a)
{
    struct sim_attack_result *out = a->result;
    uint64_t settled_us = a->end_us - SETTLE_S * SIM_SECOND_US;
    for (uint32_t i = 0; i < a->letter_count; i++)
        if (a->letters[i].written_us < settled_us) out->keep += a->o->relays;
    for (unsigned i = 0; i < a->o->relays; i++) {
        const struct sotto_pool *pool = sotto_net_pool(a->relays[i].net);
        out->evicted += sotto_pool_evicted(pool);
        for (const struct sotto_pool_entry *e = sotto_pool_after(pool, 0); e; e = sotto_pool_next(pool, e)) {
            bool honest = e->data.size == SOTTO_NATIVE_DATA && memcmp(e->data.data, sim_attack_switch.mark, SIM_ATTACK_MARK) == 0;
            if (!honest) out->attack_pooled++;
            else if (a->letters[sotto_be32(e->data.data + SIM_ATTACK_MARK)].written_us < settled_us) out->kept++;
        }
    }
}

static void switch_on(const struct sim_attack_options *o, struct sim_world *w)
{
    struct sotto_chacha_rng rng;
    sim_attack_switch = (struct sim_attack_switch){ .on = true, .quota = o->defence.quota, .cap = o->defence.cap, .evict = o->defence.evict,
                                                    .floor = o->defence.floor ? SOTTO_RATING_DEFAULT / SIM_ATTACK_SHRINK : 0 };
    sotto_rng_from_seed(&rng, w->seed, "sim/attack/mark");
    sotto_rng_fill(&rng.rng, sim_attack_switch.mark, SIM_ATTACK_MARK);
}

void sim_attack_run(struct sim_attack_result *out, const struct sim_attack_options *o)
{
    SOTTO_ASSERT(o->relays > 2 * DIALS + 1 && o->relays <= SIM_ATTACK_RELAYS_MAX && o->attack_s > SETTLE_S && o->attack < SIM_ATTACKS);
    struct arena *a = sim_alloc(sizeof *a);
    memset(out, 0, sizeof *out);
    a->world = sim_world_new(o->seed, NULL);
    a->o = o;
    a->result = out;
    a->letters = sim_alloc(LETTERS_MAX * sizeof *a->letters);
    a->begin_us = BEFORE_S * SIM_SECOND_US;
    a->end_us = a->begin_us + o->attack_s * SIM_SECOND_US;
    switch_on(o, a->world);
    sim_net_listen_in(a->world->net, on_wire, a);
    for (unsigned i = 0; i < o->relays; i++) relay_init(&a->relays[i], a, i);
    for (unsigned i = 0; i < o->relays; i++) sim_machine_step(a->relays[i].machine, relay_begin, &a->relays[i]);
    sim_world_run(a->world, a->begin_us);
    attack_begin(a);
    sim_world_run(a->world, a->end_us);
    look(a);
    sim_world_run(a->world, a->end_us + AFTER_S * SIM_SECOND_US);
    SOTTO_ASSERT(!a->world->broken);
    out->tries = a->purse.spent;
    out->envelopes = a->purse.envelopes;
    out->cut = a->purse.cut;
    out->delay_s = out->delivered ? a->delays_s / (double)out->delivered : 0;
    out->honest = sim_attack_switch.honest;
    out->attacker = sim_attack_switch.attacker;
    sha256_digest(&a->world->hash, sizeof out->hash, out->hash);
    for (unsigned i = 0; i < a->peer_count; i++) sim_attack_peer_free(a->peers[i]);
    for (unsigned i = 0; i < o->relays; i++) relay_end(&a->relays[i]);
    sim_attack_purse_end(&a->purse);
    sim_world_free(a->world);
    sim_attack_switch.on = false;
    free(a->letters);
    free(a);
}
