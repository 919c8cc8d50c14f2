#include "sim/wrap.h"

#include "conversation/messenger.h"
#include "crypto/aead.h"
#include "relay/net.h"
#include "sim/record.h"
#include "whisper/shh.h"

#include <sodium.h>
#include <stdlib.h>

/* ---- a set of 128-bit names with 64-bit values; names are hashes already ---- */

struct slot { uint64_t name[2], value; bool used; };
struct set { struct slot *slots; uint32_t count, cap; };

static struct slot *slot_of(struct set *s, const uint64_t name[2])
{
    uint32_t at = (uint32_t)name[0] & (s->cap - 1);
    while (s->slots[at].used && (s->slots[at].name[0] != name[0] || s->slots[at].name[1] != name[1])) at = (at + 1) & (s->cap - 1);
    return &s->slots[at];
}

/* The slot of the name; *fresh: it was not there. */
static struct slot *set_get(struct set *s, const uint64_t name[2], bool *fresh)
{
    if (2 * s->count >= s->cap) {
        struct set more = { .cap = s->cap ? 2 * s->cap : 1024, .count = s->count };
        more.slots = sim_alloc(more.cap * sizeof *more.slots);
        for (uint32_t i = 0; i < s->cap; i++)
            if (s->slots[i].used) *slot_of(&more, s->slots[i].name) = s->slots[i];
        free(s->slots);
        *s = more;
    }
    struct slot *slot = slot_of(s, name);
    *fresh = !slot->used;
    if (*fresh) {
        slot->used = true;
        memcpy(slot->name, name, sizeof slot->name);
        s->count++;
    }
    return slot;
}

/* Four bytes of two addresses may be alike by chance: once in 700,000 runs of 100 cells, twice never. */
#define TOPIC_TWINS_MAX 1u
static bool topics_left;
void sim_watch_leave_topics(void) { topics_left = true; }

struct sim_watch { struct set seals, cells, topics; unsigned twins; bool old[SIM_MACHINES_MAX]; };

struct sim_watch *sim_watch_new(struct sim_world *w)
{
    (void)w;
    return sim_alloc(sizeof(struct sim_watch));
}

void sim_watch_free(struct sim_watch *watch)
{
    free(watch->seals.slots);
    free(watch->cells.slots);
    free(watch->topics.slots);
    free(watch);
}

/* Non-cryptographic duty: names for a table. A fixed key keeps runs alike. */
static void name_of(uint64_t out[2], struct sotto_span a, struct sotto_span b)
{
    static const uint8_t key[crypto_generichash_KEYBYTES] = "sim";
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, sizeof key, 16);
    crypto_generichash_update(&state, a.data, a.size);
    crypto_generichash_update(&state, b.data, b.size);
    crypto_generichash_final(&state, (uint8_t *)out, 16);
}

bool sim_watch_seal(struct sim_world *w, struct sotto_span key, struct sotto_span nonce, struct sotto_span aad, struct sotto_span plain)
{
    uint64_t name[2], what[2];
    bool fresh;
    name_of(name, key, nonce);
    name_of(what, aad, plain);
    struct slot *slot = set_get(&w->watch->seals, name, &fresh);
    w->counts[SIM_N_SEALS]++;
    if (fresh) slot->value = what[0];
    else if (slot->value != what[0]) {
        sim_break(w, "nonce", "a key and nonce sealed two different texts (%zu bytes, %s)", plain.size, w->current ? w->current->name : "?");
        return false;
    }
    return true;
}

void sim_watch_old_state(struct sim_world *w, unsigned machine) { w->watch->old[machine] = true; }

bool sim_watch_cell(struct sim_world *w, unsigned machine, const uint8_t sealed[1028])
{
    uint64_t name[2], what[2];
    bool fresh;
    memcpy(name, sealed, 16);                       /* the tag: its first 4 bytes are the topic */
    name_of(what, sotto_span(sealed, 1028), sotto_span(NULL, 0));
    struct slot *slot = set_get(&w->watch->cells, name, &fresh);
    w->counts[fresh ? SIM_N_CELLS : SIM_N_CELLS_AGAIN]++;
    if (fresh) {
        slot->value = what[0];
        name[0] &= 0xffffffff, name[1] = 0;
        set_get(&w->watch->topics, name, &fresh);
        if (!fresh && !topics_left && ++w->watch->twins > TOPIC_TWINS_MAX) {
            sim_break(w, "topic", "a topic stands before two addresses, for the %uth time", w->watch->twins);
            return false;
        }
    } else if (slot->value != what[0] && !w->watch->old[machine]) {
        sim_break(w, "address", "machine n%u used an address for two different cells", machine);
        return false;
    }
    return true;
}

/* ---- the wraps ---- */

void __real_randombytes_buf(void *buf, size_t size);
void __wrap_randombytes_buf(void *buf, size_t size);
void __wrap_randombytes_buf(void *buf, size_t size)
{
    struct sim_world *w = sim_world_running;
    if (!w) __real_randombytes_buf(buf, size);
    else if (w->current) sotto_rng_fill(&w->current->entropy.rng, buf, size);
    else sotto_rng_fill(&w->dice.rng, buf, size);
}

int __real_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password, unsigned long long password_size, const unsigned char *salt,
                         unsigned long long passes, size_t memory, int alg);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password, unsigned long long password_size, const unsigned char *salt,
                         unsigned long long passes, size_t memory, int alg);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long size, const char *password, unsigned long long password_size, const unsigned char *salt,
                         unsigned long long passes, size_t memory, int alg)
{
    if (!sim_world_running) return __real_crypto_pwhash(out, size, password, password_size, salt, passes, memory, alg);
    uint8_t cost[16];
    sotto_put_be64(cost, passes);
    sotto_put_be64(cost + 8, memory);
    crypto_generichash_state state;
    crypto_generichash_init(&state, salt, crypto_pwhash_SALTBYTES, (size_t)size);
    crypto_generichash_update(&state, cost, sizeof cost);
    crypto_generichash_update(&state, (const unsigned char *)password, password_size);
    crypto_generichash_final(&state, out, (size_t)size);
    return 0;
}

enum sotto_err __real_sotto_messenger_new(struct sotto_messenger **out, const struct sotto_messenger_config *config);
enum sotto_err __wrap_sotto_messenger_new(struct sotto_messenger **out, const struct sotto_messenger_config *config);
enum sotto_err __wrap_sotto_messenger_new(struct sotto_messenger **out, const struct sotto_messenger_config *config)
{
    struct sotto_messenger_config cheap = *config;
    if (sim_world_running) cheap.puzzle_bits = SIM_PUZZLE_BITS;
    return __real_sotto_messenger_new(out, &cheap);
}

enum sotto_err __real_sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain);
enum sotto_err __wrap_sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain);
enum sotto_err __wrap_sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain)
{
    if (sim_world_running) sim_watch_seal(sim_world_running, sotto_span(kn->b, 32), sotto_span(kn->b + 32, 12), aad, plain);
    return __real_sotto_gcm_seal(out, kn, aad, plain);
}

enum sotto_err __real_sotto_xchacha_seal(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24], struct sotto_span aad, struct sotto_span plain);
enum sotto_err __wrap_sotto_xchacha_seal(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24], struct sotto_span aad, struct sotto_span plain);
enum sotto_err __wrap_sotto_xchacha_seal(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24], struct sotto_span aad, struct sotto_span plain)
{
    if (sim_world_running) sim_watch_seal(sim_world_running, SOTTO_SPAN(key->b), sotto_span(nonce, 24), aad, plain);
    return __real_sotto_xchacha_seal(out, key, nonce, aad, plain);
}

enum sotto_err __real_sotto_net_submit(struct sotto_net *n, uint64_t id, const uint8_t sealed[SOTTO_SEALED_SIZE], struct sotto_now now, struct sotto_outq *out);
enum sotto_err __wrap_sotto_net_submit(struct sotto_net *n, uint64_t id, const uint8_t sealed[SOTTO_SEALED_SIZE], struct sotto_now now, struct sotto_outq *out);
enum sotto_err __wrap_sotto_net_submit(struct sotto_net *n, uint64_t id, const uint8_t sealed[SOTTO_SEALED_SIZE], struct sotto_now now, struct sotto_outq *out)
{
    struct sim_world *w = sim_world_running;
    enum sotto_err err = __real_sotto_net_submit(n, id, sealed, now, out);
    if (w && w->current && err == SOTTO_OK && !sim_disk_dead(w->current->disk)) {
        sim_watch_cell(w, w->current->index, sealed);
        sim_record_cell(w, w->current->index, (uint32_t)(id >> 48), sealed);
    }
    return err;
}

enum sotto_err __real_sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code, struct sotto_span payload,
                                      struct sotto_now now, struct sotto_outq *out);
enum sotto_err __wrap_sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code, struct sotto_span payload,
                                      struct sotto_now now, struct sotto_outq *out);
enum sotto_err __wrap_sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code, struct sotto_span payload,
                                      struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_peer_info info;
    struct sim_world *w = sim_world_running;
    enum sotto_err err = __real_sotto_host_send(h, peer, cap, code, payload, now, out);
    if (w && w->record && err == SOTTO_OK && strcmp(cap->name, "shh") == 0 && code == SOTTO_SHH_MESSAGES && sotto_host_peer(h, peer, &info))
        sim_record_packet(w, info.key, payload);
    return err;
}

enum sotto_err __real_sotto_links_send(struct sotto_links *l, uint32_t peer, uint8_t code, struct sotto_span body, struct sotto_now now);
enum sotto_err __wrap_sotto_links_send(struct sotto_links *l, uint32_t peer, uint8_t code, struct sotto_span body, struct sotto_now now);
enum sotto_err __wrap_sotto_links_send(struct sotto_links *l, uint32_t peer, uint8_t code, struct sotto_span body, struct sotto_now now)
{
    struct sotto_peer_info info;
    struct sim_world *w = sim_world_running;
    enum sotto_err err = __real_sotto_links_send(l, peer, code, body, now);
    if (w && w->record && err == SOTTO_OK && code == SOTTO_RL_ENV && sotto_host_peer(sotto_links_host(l), peer, &info)) sim_record_envelope(w, info.key, body);
    return err;
}
