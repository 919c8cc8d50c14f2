#include "whisper/test/filter_model.h"

#include "crypto/rng.h"
#include "whisper/filter.h"

enum { SYMS = 3, PAIRS = 3, TOPICS = 4, ENVELOPES = 48, FILTERS_MAX = 12, TOPICS_MAX = 18, KEPT_MAX = 2, BYTES_SMALL = 2000, WAITING = 64, STEPS = 400 };

struct filter_model_done filter_model_done;

/* ---- a small world: keys, topics, and envelopes for all of them, of them, and of nobody ---- */

static struct world {
    bool made;
    struct sotto_secret syms[SYMS];
    struct sotto_scalar pairs[PAIRS];
    struct sotto_point points[PAIRS];
    uint8_t data[ENVELOPES][1024], hashes[ENVELOPES][32];
    struct sotto_envelope envelopes[ENVELOPES];
    double ratings[ENVELOPES];
    struct opened { bool opens, is_signed; struct sotto_point signer; } opened[SYMS + PAIRS][ENVELOPES];
} world;
static const uint8_t topics[TOPICS][4] = { { 1, 2, 3, 4 }, { 0 }, { 1, 2, 3, 5 }, { 0xff, 0xff, 0xff, 6 } };

static void make_envelope(unsigned i, struct sotto_rng *rng)
{
    struct sotto_buf plain = sotto_buf_make(4096), data = plain;
    struct sotto_shh_message m = { .payload = sotto_span(world.hashes[i], i % 32), .sign_with = i % 3 ? &world.pairs[i % PAIRS] : NULL };
    SOTTO_ASSERT(sotto_shh_message_write(&plain, &m, rng) == SOTTO_OK);
    if (i % 11 == 0) plain.data[0] = 3, plain.data[3] = 0xff;         /* opens, but is no plain text */
    struct sotto_span text = sotto_buf_span(&plain);
    unsigned to = i % (SYMS + PAIRS + 1);
    enum sotto_err err = SOTTO_OK;
    if (to < SYMS) err = sotto_shh_seal(&data, &world.syms[to], text, rng);
    else if (to < SYMS + PAIRS) err = sotto_shh_seal_to(&data, &world.points[to - SYMS], text, rng);
    else err = sotto_buf_add(&data, text.data, i % 200);              /* nobody's: too short, or noise */
    SOTTO_ASSERT(err == SOTTO_OK && data.size <= sizeof world.data[i]);
    memcpy(world.data[i], data.data, data.size);
    world.envelopes[i] = (struct sotto_envelope){ 1000000 + i, 50, { 0 }, { world.data[i], data.size }, i };
    memcpy(world.envelopes[i].topic, topics[i / 7 % TOPICS], 4);
    world.ratings[i] = i % 4 * 0.5;
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
}

/* What each key makes of each envelope, found out once, one by one and by the plainest functions. */
static struct opened open_by(unsigned key, const struct sotto_envelope *e)
{
    struct sotto_buf plain = sotto_buf_make(4096);
    struct sotto_shh_message m;
    struct opened o = { false };
    enum sotto_err err = key < SYMS ? sotto_shh_open(&plain, &world.syms[key], e->data) : sotto_shh_open_as(&plain, &world.pairs[key - SYMS], e->data);
    if (err == SOTTO_OK && sotto_shh_message_read(&m, sotto_buf_span(&plain)) == SOTTO_OK) o = (struct opened){ true, m.is_signed, m.signer };
    sotto_buf_free(&plain);
    return o;
}

static void make_world(void)
{
    struct sotto_chacha_rng rng;
    if (world.made) return;
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&rng, 1, "filters");
    for (unsigned i = 0; i < SYMS; i++) sotto_rng_fill(&rng.rng, world.syms[i].b, 32);
    for (unsigned i = 0; i < PAIRS; i++) {
        sotto_scalar_random(&world.pairs[i], &rng.rng);
        SOTTO_ASSERT(sotto_point_make(&world.points[i], &world.pairs[i]) == SOTTO_OK);
    }
    for (unsigned i = 0; i < ENVELOPES; i++) {
        sotto_rng_fill(&rng.rng, world.hashes[i], 32);
        make_envelope(i, &rng.rng);
        for (unsigned key = 0; key < SYMS + PAIRS; key++) world.opened[key][i] = open_by(key, &world.envelopes[i]);
    }
    world.made = true;
}

/* ---- the list ---- */

struct waiting { unsigned envelope; double pow; uint64_t age; };
struct listed {
    struct sotto_shh_id id;
    unsigned key;                                     /* < SYMS: symmetric */
    bool topics[TOPICS], any_topic, allow_p2p, has_signer;
    unsigned signer, topic_count;
    double min_pow;
    struct waiting waiting[WAITING];
    unsigned count;
    uint64_t dropped;
};
struct model { struct sotto_shh_filters *f; struct listed list[FILTERS_MAX]; unsigned count, topics; bool small; uint64_t age, dropped; };

static bool wants(const struct listed *l, unsigned which, double rating, bool direct)
{
    const struct opened *o = &world.opened[l->key][which];
    bool topic = l->any_topic;
    for (unsigned i = 0; i < TOPICS; i++) topic |= l->topics[i] && memcmp(topics[i], world.envelopes[which].topic, 4) == 0;
    if (!topic || (direct && !l->allow_p2p) || (l->min_pow > 0 && (direct || rating < l->min_pow))) return false;
    return o->opens && (!l->has_signer || (o->is_signed && memcmp(o->signer.b, world.points[l->signer].b, sizeof o->signer.b) == 0));
}

static void forget(struct listed *l, unsigned i)
{
    memmove(&l->waiting[i], &l->waiting[i + 1], (l->count - i - 1) * sizeof l->waiting[0]);
    l->count--;
}

#define RULE(holds, text) do { if (!(holds)) return (text); } while (0)

/* ---- steps ---- */

static const char *add(struct model *m, struct fuzz_in *in)
{
    struct listed l = { .key = fuzz_below(in, SYMS + PAIRS) };
    uint8_t mask = fuzz_u8(in), how = fuzz_u8(in), chosen[2 * TOPICS][4];
    size_t listed_count = 0;
    static const double pows[] = { 0, 0.5, 1, -1 };
    for (unsigned i = 0; i < TOPICS; i++) {
        l.topics[i] = mask >> i & 1;
        l.topic_count += l.topics[i];
        for (unsigned twice = 0; twice < (l.topics[i] ? 1u + (mask >> 4 & 1) : 0u); twice++) memcpy(chosen[listed_count++], topics[i], 4);
    }
    l.any_topic = l.topic_count == 0;
    l.allow_p2p = how & 1;
    l.has_signer = how & 2;
    l.min_pow = pows[how >> 2 & 3];
    l.signer = (how >> 4) % PAIRS;
    struct sotto_shh_criteria c = {
        .sym = l.key < SYMS ? &world.syms[l.key] : NULL, .key = l.key < SYMS ? NULL : &world.pairs[l.key - SYMS],
        .signer = l.has_signer ? &world.points[l.signer] : NULL, .min_pow = l.min_pow, .allow_p2p = l.allow_p2p, .topics = chosen, .topic_count = listed_count,
    };
    struct sotto_shh_refusal r = sotto_shh_filters_add(m->f, &l.id, &c);
    if (m->count == FILTERS_MAX) RULE(r.why == SOTTO_SHH_REFUSED_FILTERS_FULL, "no more filters than there may be");
    else if (m->topics + l.topic_count > TOPICS_MAX) RULE(r.why == SOTTO_SHH_REFUSED_TOPICS_FULL, "no more topics than there may be");
    else RULE(r.why == SOTTO_SHH_REFUSED_NOTHING, "a filter is refused only for want of room");
    if (r.why) return NULL;
    m->list[m->count++] = l;
    m->topics += l.topic_count;
    filter_model_done.added++;
    return NULL;
}

static const char *remove_one(struct model *m, struct fuzz_in *in)
{
    if (m->count == 0) return NULL;
    unsigned i = fuzz_below(in, m->count);
    struct sotto_span id = sotto_span_str(m->list[i].id.text);
    RULE(sotto_shh_filters_remove(m->f, id), "a filter that is there can be removed");
    RULE(!sotto_shh_filters_remove(m->f, id), "and only once");
    m->topics -= m->list[i].topic_count;
    memmove(&m->list[i], &m->list[i + 1], (m->count - i - 1) * sizeof m->list[0]);
    m->count--;
    return NULL;
}

/* The list takes what it should; then what the filters say they dropped is taken from it, and must have been the oldest. */
static const char *settle(struct model *m)
{
    uint64_t gone = 0;
    for (unsigned i = 0; i < m->count; i++) {
        struct listed *l = &m->list[i];
        struct sotto_shh_filter_state s;
        RULE(sotto_shh_filters_state(m->f, &s, sotto_span_str(l->id.text)) == SOTTO_OK, "a filter that is there has a state");
        while (l->count > KEPT_MAX) {
            forget(l, 0);
            l->dropped++, m->dropped++;
        }
        RULE(m->small || s.dropped == l->dropped, "as many are dropped as did not fit");
        for (; l->dropped < s.dropped && l->count; l->dropped++, m->dropped++) {
            if (l->waiting[0].age > gone) gone = l->waiting[0].age;
            forget(l, 0);
        }
        RULE(s.dropped == l->dropped && s.waiting == l->count, "what came is waiting, fetched or dropped");
    }
    for (unsigned i = 0; i < m->count; i++) RULE(!m->list[i].count || m->list[i].waiting[0].age >= gone, "the oldest of all are dropped first");
    RULE(sotto_shh_filters_dropped(m->f) == m->dropped, "what was dropped is counted");
    return NULL;
}

static const char *show(struct model *m, struct fuzz_in *in)
{
    unsigned which = fuzz_below(in, ENVELOPES);
    uint8_t how = fuzz_u8(in);
    const struct sotto_envelope *e = &world.envelopes[which];
    struct sotto_shh_seen seen = { e, world.hashes[which], world.ratings[which], how % 4 == 3, false };
    uint32_t matches = 0, want = 0;
    m->age++;
    RULE(sotto_shh_filters_show(m->f, &matches, &seen) == SOTTO_OK, "an envelope is no failure");
    for (unsigned i = 0; i < m->count; i++) {
        struct listed *l = &m->list[i];
        bool again = false;
        if (!wants(l, which, seen.rating, seen.direct)) continue;
        for (unsigned k = 0; k < l->count; k++) again |= l->waiting[k].envelope == which;
        filter_model_done.again += again;
        if (again) continue;
        l->waiting[l->count++] = (struct waiting){ which, seen.rating, m->age };
        want++;
    }
    RULE(matches == want, "it matches where the slow matcher says so");
    filter_model_done.shown++;
    filter_model_done.matched += want;
    return settle(m);
}

static const char *take(struct model *m, struct fuzz_in *in)
{
    const struct sotto_shh_received *got;
    if (m->count == 0) return NULL;
    struct listed *l = &m->list[fuzz_below(in, m->count)];
    enum sotto_err err = sotto_shh_filters_take(m->f, &got, sotto_span_str(l->id.text));
    RULE(err == (l->count ? SOTTO_OK : SOTTO_ERR_AGAIN), "what waits is handed out, and no more");
    if (err != SOTTO_OK) return NULL;
    unsigned i = l->waiting[0].envelope;
    const struct sotto_envelope *e = &world.envelopes[i];
    RULE(memcmp(got->hash, world.hashes[i], 32) == 0, "the oldest first");
    RULE(got->ttl == e->ttl && got->sent == e->expiry - e->ttl && memcmp(got->topic, e->topic, 4) == 0 && got->pow == l->waiting[0].pow, "with what stood on it");
    RULE(sotto_span_equal(got->payload, sotto_span(world.hashes[i], i % 32)) && got->padding.size, "with what was in it");
    RULE(got->is_signed == (i % 3 != 0) && got->is_asymmetric == (l->key >= SYMS), "and who signed, and for whom it is");
    uint8_t full[65];
    if (got->is_signed) sotto_shh_public(full, &world.points[i % PAIRS]);
    RULE(!got->is_signed || memcmp(got->signer, full, 65) == 0, "by the signer");
    if (got->is_asymmetric) sotto_shh_public(full, &world.points[l->key - SYMS]);
    RULE(!got->is_asymmetric || memcmp(got->recipient, full, 65) == 0, "for the recipient");
    forget(l, 0);
    sotto_shh_filters_release(m->f, got);
    filter_model_done.taken++;
    return NULL;
}

static const char *step(struct model *m, struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in) % 8;
    return op < 2 ? add(m, in) : op == 2 ? remove_one(m, in) : op < 6 ? show(m, in) : take(m, in);
}

const char *filter_model_run(struct fuzz_in *in)
{
    struct sotto_chacha_rng rng;
    static struct model m;
    const char *broken = NULL;
    make_world();
    sotto_rng_from_seed(&rng, 2, "ids");
    memset(&m, 0, sizeof m);
    m.small = fuzz_bool(in);
    uint64_t bytes_max = m.small ? BYTES_SMALL : 1u << 20;
    struct sotto_shh_filters_config config = { FILTERS_MAX, TOPICS_MAX, KEPT_MAX, bytes_max, &rng.rng };
    if (sotto_shh_filters_new(&m.f, &config) != SOTTO_OK) return "a store can be made";
    for (unsigned i = 0; i < STEPS && fuzz_left(in) && !broken; i++) {
        broken = step(&m, in);
        if (!broken && sotto_shh_filters_bytes(m.f) > bytes_max) broken = "what waits keeps its bound";
        if (!broken && sotto_shh_filters_count(m.f) != m.count) broken = "as many filters as the list has";
    }
    filter_model_done.dropped += m.dropped;
    while (!broken && m.count) broken = remove_one(&m, in);
    if (!broken && sotto_shh_filters_bytes(m.f) != 0) broken = "nothing is left of what was removed";
    sotto_shh_filters_free(m.f);
    return broken;
}
