/* The speed of a conversation: a cell with its values prepared, all work of both ends, strict ping-pong, the tag table, the scan for first
 * contacts. Beside each the peer of the same run: one multiplication (secp256k1_ecdh with a callback that returns x), or libolm. Runs of
 * ours and of the peers take turns, so that a machine that changes its pace changes all of them. */
#include "bench/bench.h"
#include "bench/unit.h"
#include "conversation/session.h"
#include "conversation/tags.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "identity/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef SOTTO_BENCH_OLM
#include <olm/olm.h>
#endif

enum {
    RUNS = 9,
    PAIRS = 8,                            /* conversations at once: caches are not those of one */
    ROUNDS = 4,                           /* of SOTTO_PREPARED cells each, all pairs, one run */
    TURNS = 10,                           /* of a ping-pong: messages each way, per run and pair */
    SCANS = 40,                           /* of one look, as many looks as ROUNDS, the unit between them */
    TAGS = 100000,
    LOOKUPS = 1000000,
    TEXT = SOTTO_PAYLOAD_MAX              /* bytes: what fills the cell of 1 KiB */
};

#define CHECK(expr)                                                                        \
    do {                                                                                   \
        if (!(expr)) {                                                                     \
            fprintf(stderr, "talk_bench: line %d: %s\n", __LINE__, #expr);                 \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)
#define OK(expr) CHECK((expr) == SOTTO_OK)

static struct sotto_chacha_rng rng;
static uint8_t text[TEXT];

/* ---- Ours ---- */

struct end {
    struct sotto_scalar k;
    struct sotto_point pub;
    struct sotto_id id;
    struct sotto_session *s;
    struct sotto_session_world world;
    struct sotto_tags *tags;
    struct sotto_multiples *xkey, *p;
    uint32_t looked;                      /* first index of the current chain without a tag */
};
struct pair { struct end at[2]; uint32_t seq; };
static struct pair pairs[PAIRS];

static void tag_add(struct end *e, enum sotto_slot slot, uint32_t index)
{
    struct sotto_tag tag;
    OK(sotto_session_look(e->s, &tag, slot, index, &e->k));
    OK(sotto_tags_add(e->tags, &tag, &(struct sotto_tag_place){ e, { slot, index } }));
}

static void seal(struct pair *p, int who, uint8_t cell[SOTTO_CELL_BYTES])
{
    uint8_t body[SOTTO_BODY_BYTES];
    struct sotto_body b = { .type = SOTTO_CONTENT_TEXT, .seq = ++p->seq, .time_ms = 1, .fragments = 1, .payload = SOTTO_SPAN(text) };
    sotto_body_encode(body, &b);
    OK(sotto_session_send(p->at[who].s, cell, NULL, body, 0, NULL, &p->at[who].world));
}

/* From the tag to the text. True: it began a new chain. */
static bool show(struct pair *p, int who, const uint8_t cell[SOTTO_CELL_BYTES])
{
    struct end *e = &p->at[who];
    struct sotto_tag_place place;
    struct sotto_step step;
    struct sotto_body body;
    struct sotto_tag tag;
    memcpy(tag.b, cell, sizeof tag.b);
    CHECK(sotto_tags_find(e->tags, &place, &tag));
    OK(sotto_session_open(e->s, &step, &place.hit, cell, &e->world, 1));
    OK(sotto_body_decode(&body, step.body));
    CHECK(body.payload.size == TEXT && body.payload.data[TEXT - 1] == text[TEXT - 1]);
    bool chain_new = step.chain_new;
    OK(sotto_session_commit(e->s, &step));
    sotto_session_drop(&step);
    sotto_tags_remove(e->tags, &tag);
    return chain_new;
}

/* The look-ahead after it: one tag more, or the first ones of a new next chain. An answer can only come under the first of these; the
 * others are work for an idle moment, which a strict ping-pong does not have (its row with all of them stands beside it). */
static void look_ahead(struct end *e, bool chain_new, uint32_t next)
{
    if (!chain_new) {
        tag_add(e, SOTTO_SLOT_CURRENT, e->looked++);
        return;
    }
    sotto_tags_remove_owner(e->tags, e);
    for (uint32_t i = e->s->core.nr; i < next; i++) tag_add(e, SOTTO_SLOT_CURRENT, i);    /* known since they were the next chain's */
    for (uint32_t i = 0; i < next; i++) tag_add(e, SOTTO_SLOT_NEXT, i);
    e->looked = SOTTO_AHEAD_MIN;
}

static void pair_make(struct pair *p)
{
    struct sotto_session_start start = { .initiator = true };
    uint8_t cell[SOTTO_CELL_BYTES];
    sotto_scalar_random(&start.eph_r_scalar, &rng.rng);
    OK(sotto_point_make(&start.eph_r, &start.eph_r_scalar));
    sotto_rng_fill(&rng.rng, start.rk.b, 32);
    sotto_rng_fill(&rng.rng, start.hk_i.b, 32);
    sotto_rng_fill(&rng.rng, start.hk_r.b, 32);
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        sotto_scalar_random(&e->k, &rng.rng);
        OK(sotto_point_make(&e->pub, &e->k));
        OK(sotto_id_of(&e->id, &e->pub));
        e->world = (struct sotto_session_world){ .rng = &rng.rng, .exchange = &e->k };
        OK(sotto_tags_new(&e->tags, 4096));
    }
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        start.initiator = i == 0;
        start.own = e->id;
        start.peer = p->at[1 - i].id;
        start.peer_xkey = p->at[1 - i].pub;
        OK(sotto_session_new(&e->s, &start, &e->k));
        for (uint32_t k = 0; k < SOTTO_AHEAD_MIN; k++) tag_add(e, SOTTO_SLOT_NEXT, k);
        OK(sotto_multiples_new(&e->xkey, &e->s->core.peer_xkey, false));
        OK(sotto_multiples_new(&e->p, &e->s->core.p, false));
        CHECK(sotto_multiples_build(e->xkey, SOTTO_MULTIPLES_WINDOWS) && sotto_multiples_build(e->p, SOTTO_MULTIPLES_WINDOWS));
    }
    for (int i = 0; i < 5; i++) {         /* both have a chain of the other; it is the initiator's turn to be heard */
        seal(p, i % 2, cell);
        look_ahead(&p->at[1 - i % 2], show(p, 1 - i % 2, cell), SOTTO_AHEAD_MIN);
    }
}

static void use_tables(bool sender, bool receiver)
{
    for (int i = 0; i < PAIRS; i++)
        for (int who = 0; who < 2; who++) {
            struct end *e = &pairs[i].at[who];
            bool on = who == 0 ? sender : receiver;
            e->s->xkey_table = on ? e->xkey : NULL;
            e->s->p_table = on ? e->p : NULL;
        }
}

static uint8_t cells[PAIRS][SOTTO_PREPARED][SOTTO_CELL_BYTES];

/* us a cell: sealing and opening with everything prepared; *all: with everything else too, prepared or not. */
static void one_way(double *sealed_us, double *opened_us, double *all_us, bool prepare)
{
    uint64_t sealing = 0, opening = 0, rest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t at = bench_now_ns(), then;
        if (prepare)
            for (int i = 0; i < PAIRS; i++)
                for (int who = 0; who < 2; who++) {
                    unsigned budget = 1000;
                    CHECK(!sotto_session_prepare(pairs[i].at[who].s, &pairs[i].at[who].world, &budget));
                }
        if (prepare)
            for (int i = 0; i < PAIRS; i++)
                CHECK(sotto_session_prepared_out(pairs[i].at[0].s) == SOTTO_PREPARED && sotto_session_prepared_in(pairs[i].at[1].s, false) == SOTTO_PREPARED);
        then = bench_now_ns(), rest += then - at, at = then;
        for (int i = 0; i < PAIRS; i++)
            for (unsigned k = 0; k < SOTTO_PREPARED; k++) seal(&pairs[i], 0, cells[i][k]);
        then = bench_now_ns(), sealing += then - at, at = then;
        for (int i = 0; i < PAIRS; i++)
            for (unsigned k = 0; k < SOTTO_PREPARED; k++) CHECK(!show(&pairs[i], 1, cells[i][k]));
        then = bench_now_ns(), opening += then - at, at = then;
        for (int i = 0; i < PAIRS; i++)
            for (unsigned k = 0; k < SOTTO_PREPARED; k++) look_ahead(&pairs[i].at[1], false, 0);
        rest += bench_now_ns() - at;
    }
    double count = 1000.0 * ROUNDS * PAIRS * SOTTO_PREPARED;
    *sealed_us = (double)sealing / count;
    *opened_us = (double)opening / count;
    *all_us = (double)(sealing + opening + rest) / count;
}

/* us a message, all of it: each begins a new chain and moves the look-ahead, next tags of the next chain at once. */
static double ping_pong_us(uint32_t next)
{
    uint8_t cell[SOTTO_CELL_BYTES];
    uint64_t start = bench_now_ns();
    for (int i = 0; i < PAIRS; i++)
        for (int turn = 0; turn < 2 * TURNS; turn++) {
            int who = (turn + 1) % 2;     /* the initiator spoke last, and speaks last again */
            seal(&pairs[i], who, cell);
            bool chain_new = show(&pairs[i], 1 - who, cell);
            CHECK(chain_new);
            look_ahead(&pairs[i].at[1 - who], true, turn + 2 < 2 * TURNS ? next : SOTTO_AHEAD_MIN);
        }
    return (double)(bench_now_ns() - start) / 1000 / (PAIRS * 2 * TURNS);
}

/* ---- libolm ---- */

#ifdef SOTTO_BENCH_OLM
enum { OLM_BYTES = 4096 };
struct olm_end { OlmAccount *account; OlmSession *session; };
static struct olm_end olm[2];

static void *olm_random(size_t size)
{
    static uint8_t bytes[OLM_BYTES];
    CHECK(size <= sizeof bytes);
    sotto_rng_fill(&rng.rng, bytes, size);
    return bytes;
}

struct olm_cell { size_t type, size; uint8_t bytes[OLM_BYTES]; };
static void olm_seal(OlmSession *s, struct olm_cell *out)
{
    size_t random = olm_encrypt_random_length(s), size = olm_encrypt_message_length(s, TEXT);
    CHECK(size <= sizeof out->bytes);
    out->type = olm_encrypt_message_type(s);
    out->size = olm_encrypt(s, text, TEXT, random ? olm_random(random) : NULL, random, out->bytes, size);
    CHECK(out->size != olm_error());
}

static void olm_open(OlmSession *s, const struct olm_cell *in)
{
    uint8_t copy[OLM_BYTES], plain[OLM_BYTES];          /* the library works in the place of its input */
    memcpy(copy, in->bytes, in->size);
    size_t most = olm_decrypt_max_plaintext_length(s, in->type, copy, in->size);
    CHECK(most <= sizeof plain);
    memcpy(copy, in->bytes, in->size);
    size_t size = olm_decrypt(s, in->type, copy, in->size, plain, sizeof plain);
    CHECK(size == TEXT && plain[TEXT - 1] == text[TEXT - 1]);
}

/* The one-time key of the account: the only value of {"curve25519":{"AAAAAQ":"..."}} that long. */
static void olm_one_time_key(OlmAccount *a, char out[44])
{
    char json[OLM_BYTES];
    CHECK(olm_account_generate_one_time_keys(a, 1, olm_random(olm_account_generate_one_time_keys_random_length(a, 1)),
                                             olm_account_generate_one_time_keys_random_length(a, 1)) != olm_error());
    size_t size = olm_account_one_time_keys(a, json, sizeof json - 1);
    CHECK(size != olm_error());
    json[size] = 0;
    char *key = strstr(json, "\":\"");
    CHECK(key && strlen(key + 3) > 43);
    memcpy(out, key + 3, 43);
    out[43] = 0;
}

static void olm_make(void)
{
    char identity[OLM_BYTES], one_time[44];
    struct olm_cell cell;
    uint8_t copy[OLM_BYTES];
    for (int i = 0; i < 2; i++) {
        olm[i].account = olm_account(calloc(1, olm_account_size()));
        olm[i].session = olm_session(calloc(1, olm_session_size()));
        size_t random = olm_create_account_random_length(olm[i].account);
        CHECK(olm_create_account(olm[i].account, olm_random(random), random) != olm_error());
    }
    size_t size = olm_account_identity_keys(olm[1].account, identity, sizeof identity - 1);
    CHECK(size != olm_error());
    identity[size] = 0;
    char *key = strstr(identity, "curve25519\":\"");
    CHECK(key);
    olm_one_time_key(olm[1].account, one_time);
    size_t random = olm_create_outbound_session_random_length(olm[0].session);
    CHECK(olm_create_outbound_session(olm[0].session, olm[0].account, key + 13, 43, one_time, 43, olm_random(random), random) != olm_error());
    olm_seal(olm[0].session, &cell);
    memcpy(copy, cell.bytes, cell.size);
    CHECK(olm_create_inbound_session(olm[1].session, olm[1].account, copy, cell.size) != olm_error());
    olm_open(olm[1].session, &cell);
    for (int i = 0; i < 4; i++) {
        olm_seal(olm[(i + 1) % 2].session, &cell);
        olm_open(olm[i % 2].session, &cell);
    }
}

static double olm_one_way_us(void)
{
    enum { COUNT = ROUNDS * PAIRS * SOTTO_PREPARED };
    struct olm_cell cell;
    uint64_t start = bench_now_ns();
    for (int i = 0; i < COUNT; i++) {
        olm_seal(olm[0].session, &cell);
        olm_open(olm[1].session, &cell);
    }
    return (double)(bench_now_ns() - start) / 1000 / COUNT;
}

static double olm_ping_pong_us(void)
{
    enum { COUNT = 2 * TURNS * PAIRS };
    struct olm_cell cell;
    uint64_t start = bench_now_ns();
    for (int i = 0; i < COUNT; i++) {
        olm_seal(olm[(i + 1) % 2].session, &cell);
        olm_open(olm[i % 2].session, &cell);
    }
    return (double)(bench_now_ns() - start) / 1000 / COUNT;
}
#endif

/* ---- Lookups and the scan ---- */

static struct sotto_tags *table;
static struct sotto_tag *asked[2];                    /* foreign ones, own ones in random order */

static void table_make(void)
{
    static int owner;
    struct sotto_tag *own = malloc(TAGS * sizeof *own);
    CHECK(own);
    OK(sotto_tags_new(&table, TAGS));
    for (uint32_t i = 0; i < TAGS; i++) {
        sotto_rng_fill(&rng.rng, own[i].b, sizeof own[i].b);
        OK(sotto_tags_add(table, &own[i], &(struct sotto_tag_place){ &owner, { SOTTO_SLOT_CURRENT, i } }));
    }
    for (int kind = 0; kind < 2; kind++) {
        asked[kind] = malloc(LOOKUPS * sizeof *asked[kind]);
        CHECK(asked[kind]);
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            if (kind) asked[kind][i] = own[sotto_rng_below(&rng.rng, TAGS)];
            else sotto_rng_fill(&rng.rng, asked[kind][i].b, sizeof asked[kind][i].b);
        }
    }
    free(own);
}

static double lookups_a_second(int kind)
{
    struct sotto_tag_place place;
    uint32_t found = 0;
    uint64_t start = bench_now_ns();
    for (uint32_t i = 0; i < LOOKUPS; i++) found += sotto_tags_find(table, &place, &asked[kind][i]);
    uint64_t took = bench_now_ns() - start;
    CHECK(found == (kind ? LOOKUPS : 0));
    return LOOKUPS * 1e9 / (double)took;
}

static double scans_a_second(void)
{
    static uint8_t envelopes[SCANS][SOTTO_BOX_SEALED];
    struct sotto_scalar scan;
    sotto_scalar_random(&scan, &rng.rng);
    for (int i = 0; i < SCANS; i++) {                 /* what other lanes look like: an X, random bytes round it */
        sotto_rng_fill(&rng.rng, envelopes[i], SOTTO_BOX_SEALED);
        sotto_cell_draw_x(envelopes[i] + SOTTO_TAG_BYTES, &rng.rng);
    }
    uint64_t start = bench_now_ns();
    for (int i = 0; i < SCANS; i++) CHECK(sotto_box_scan(&scan, envelopes[i]) == SOTTO_ERR_NOT_MINE);
    return SCANS * 1e9 / (double)(bench_now_ns() - start);
}

/* ---- The table ---- */

/* One measure: its values, and its ratio to a peer measured right before and after it, run by run: what disturbs both disturbs no ratio. */
struct measure { struct bench_runs value, ratio; };

static void take(struct measure *m, double value, double ratio)
{
    bench_add(&m->value, value);
    bench_add(&m->ratio, ratio);
}

static struct bench_runs unit;
static double before;
static double unit_since(void)                        /* the mean of the look before and one now */
{
    double now = bench_unit_us(), mean = (before + now) / 2;
    before = now;
    bench_add(&unit, now);
    return mean;
}

static void print_us(const char *name, const struct measure *m, const char *peer, const struct bench_runs *peer_runs, double goal, bool higher)
{
    bench_print(&(struct bench_line){ .name = name, .unit = "us", .runs = &m->value, .peer = peer, .peer_value = bench_median(peer_runs),
                                      .ratio = bench_median(&m->ratio), .goal = goal, .higher = higher });
}

static void scans(struct measure *m, struct bench_runs *rate)
{
    double ours = 0, peer = 0;
    for (int i = 0; i < ROUNDS; i++) {
        peer += bench_unit_us() / 2;
        ours += 1e6 / scans_a_second();
        peer += bench_unit_us() / 2;
    }
    take(m, 1e6 * ROUNDS / ours, peer / ours);
    bench_add(rate, 1e6 * ROUNDS / peer);
}

int main(void)
{
    static struct measure sealing, opening, prepared, plain, one, both, scan;
    static struct bench_runs lookups[2], rate;
    double a, b, all, u;
    OK(sotto_crypto_init());
    bench_unit_begin(&rng.rng);
    sotto_rng_from_system(&rng);
    memset(text, 't', sizeof text);
    for (int i = 0; i < PAIRS; i++) pair_make(&pairs[i]);
    table_make();
#ifdef SOTTO_BENCH_OLM
    static struct measure against_olm, way_olm, turns_olm, full_turns_olm;
    static struct bench_runs olm_way, olm_turns;
    olm_make();
#else
    static struct measure turns;
#endif
    before = bench_unit_us();
    for (int run = 0; run < RUNS; run++) {
#ifdef SOTTO_BENCH_OLM
        double way = olm_one_way_us(), turn;
#endif
        before = bench_unit_us();
        one_way(&a, &b, &all, true);
        u = unit_since();
        take(&sealing, a, a / u);
        take(&opening, b, b / u);
        take(&prepared, a + b, (a + b) / u);
        for (int i = 0; i < PAIRS; i++)
            for (int who = 0; who < 2; who++) sotto_session_unprepare(pairs[i].at[who].s);
        before = bench_unit_us();
        one_way(&a, &b, &all, false);
        u = unit_since();
        take(&plain, all, all / u);
#ifdef SOTTO_BENCH_OLM
        bench_add(&olm_way, way);
        way = (way + olm_one_way_us()) / 2;
        take(&against_olm, prepared.value.at[run], way / prepared.value.at[run]);
        take(&way_olm, all, way / all);
#endif
        use_tables(true, false);
        before = bench_unit_us();
        one_way(&a, &b, &all, false);
        u = unit_since();
        take(&one, all, all / u);
        use_tables(true, true);
        before = bench_unit_us();
        one_way(&a, &b, &all, false);
        u = unit_since();
        take(&both, all, all / u);
        use_tables(false, false);
#ifdef SOTTO_BENCH_OLM
        turn = olm_ping_pong_us();
        a = ping_pong_us(1);
        b = olm_ping_pong_us();
        all = ping_pong_us(SOTTO_AHEAD_MIN);
        take(&turns_olm, a, (turn + b) / 2 / a);
        bench_add(&olm_turns, b);
        take(&full_turns_olm, all, (b + olm_ping_pong_us()) / 2 / all);
#else
        before = bench_unit_us();
        a = ping_pong_us(1);
        take(&turns, a, a / unit_since());
#endif
        for (int kind = 0; kind < 2; kind++) bench_add(&lookups[kind], lookups_a_second(kind));
        scans(&scan, &rate);
    }
    static const char *const ecdh = "secp256k1_ecdh";
    bench_print(&(struct bench_line){ .name = "anchor: secp256k1_ecdh returning x, the unit", .unit = "us", .runs = &unit });
    print_us("text to sealed, values prepared", &sealing, ecdh, &unit, 0, false);
    print_us("tag match to text, values prepared", &opening, ecdh, &unit, 0, false);
    print_us("text to sealed + tag match to text, 1 KiB, prepared", &prepared, ecdh, &unit, 0.25, false);
#ifdef SOTTO_BENCH_OLM
    print_us("the same, against encrypt + decrypt of libolm", &against_olm, "libolm", &olm_way, 12, true);
#else
    bench_skip("the same, against encrypt + decrypt of libolm", "no libolm");
#endif
    print_us("one way, all work of both ends, no tables", &plain, ecdh, &unit, 4.2, false);
    print_us("one way, all work, the sender has tables", &one, ecdh, &unit, 0, false);
    print_us("one way, all work, both have tables", &both, ecdh, &unit, 2.7, false);
#ifdef SOTTO_BENCH_OLM
    print_us("one way, all work, no tables, against libolm", &way_olm, "libolm", &olm_way, 0, true);
    print_us("strict ping-pong, all work that it needs", &turns_olm, "libolm", &olm_turns, 2, true);
    print_us("strict ping-pong, the whole look-ahead each time", &full_turns_olm, "libolm", &olm_turns, 0, true);
#else
    print_us("strict ping-pong, all work that it needs", &turns, ecdh, &unit, 0, false);
    bench_skip("strict ping-pong against libolm", "no libolm");
#endif
    bench_print(&(struct bench_line){ .name = "tag lookups, 100,000 tags, foreign ones", .unit = "/s", .runs = &lookups[0], .goal = 20e6, .higher = true });
    bench_print(&(struct bench_line){ .name = "tag lookups, 100,000 tags, own ones", .unit = "/s", .runs = &lookups[1], .goal = 20e6, .higher = true });
    bench_print(&(struct bench_line){ .name = "first-contact scan", .unit = "/s", .runs = &scan.value, .peer = ecdh, .peer_value = bench_median(&rate),
                                      .ratio = bench_median(&scan.ratio), .goal = 0.85, .higher = true });
    return 0;
}
