/* ledger, property: what is encoded decodes to the same; a signature hash changes with everything it commits to and with nothing else. */
#include "some_tx.h"

#include "crypto/rng.h"
#include "ledger/sighash.h"
#include "support/test.h"

enum { RUNS = 1500 };
static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));

static bool same_lists(const struct sotto_tx *a, const struct sotto_tx *b)
{
    bool same = a->in_count == b->in_count && a->out_count == b->out_count && a->op_count == b->op_count;
    for (uint32_t i = 0; same && i < a->in_count; i++)
        same = sotto_outpoint_equal(&a->ins[i].from, &b->ins[i].from) && a->ins[i].sequence == b->ins[i].sequence &&
               sotto_span_equal(a->ins[i].unlock, b->ins[i].unlock);
    for (uint32_t i = 0; same && i < a->out_count; i++)
        same = a->outs[i].value.cong == b->outs[i].value.cong && sotto_span_equal(a->outs[i].script, b->outs[i].script);
    for (uint32_t i = 0; same && i < a->op_count; i++) same = a->ops[i].type == b->ops[i].type && sotto_span_equal(a->ops[i].body, b->ops[i].body);
    return same;
}

static bool same(const struct sotto_tx *a, const struct sotto_tx *b)
{
    if (!same_lists(a, b) || a->lock != b->lock || a->expiry != b->expiry || a->has_stamp != b->has_stamp || a->has_authority != b->has_authority) return false;
    if (a->has_stamp && (a->stamp.ref_height != b->stamp.ref_height || a->stamp.nonce != b->stamp.nonce)) return false;
    return !a->has_authority || memcmp(&a->authority, &b->authority, sizeof a->authority) == 0;
}

static void there_and_back(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    static struct some_tx t;
    sotto_rng_from_seed(&rng, test_seed(), "ledger there and back");
    for (unsigned run = 1; run <= RUNS; run++) {
        struct sotto_buf b = sotto_buf_make(SOTTO_TX_SIZE_MAX);
        struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
        struct sotto_tx back;
        size_t core = 0;
        some_tx(&t, &rng.rng);
        test_rule(sotto_tx_encode(&b, &core, &t.tx) == SOTTO_OK, "it is written", run);
        test_rule(sotto_tx_decode(&back, &arena, sotto_buf_span(&b)) == SOTTO_OK, "it is read", run);
        test_rule(same(&t.tx, &back) && back.core_size == core, "as it was", run);
        sotto_buf_free(&b);
    }
}

/* ---- what a signature commits to ---- */

struct change {
    const char *what;
    bool (*make)(struct some_tx *t, uint32_t input, struct sotto_rng *rng);       /* false: nothing there to be changed */
    /* does a signature of this type over this input see it? */
    bool (*seen)(uint8_t base, bool alone, bool own);
};

/* Own: what belongs to the signed input, or to the output of its index. The change works on one of the two kinds, by a coin. */
static uint32_t target;
static bool pick(uint32_t count, uint32_t input, struct sotto_rng *rng)
{
    if (count == 0) return false;
    target = input < count && sotto_rng_below(rng, 2) ? input : (uint32_t)sotto_rng_below(rng, count);
    return true;
}

static bool change_span(struct sotto_span *s, struct sotto_rng *rng)
{
    if (s->size == 0) return false;
    ((uint8_t *)s->data)[sotto_rng_below(rng, s->size)] ^= (uint8_t)(1 + sotto_rng_below(rng, 255));
    return true;
}

static bool change_point(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    if (!pick(t->tx.in_count, input, rng)) return false;
    if (sotto_rng_below(rng, 2)) t->ins[target].from.index ^= 1;
    else t->ins[target].from.txid[sotto_rng_below(rng, 32)] ^= 1;
    return true;
}
static bool change_sequence(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    if (!pick(t->tx.in_count, input, rng)) return false;
    t->ins[target].sequence ^= 1u << sotto_rng_below(rng, 32);
    return true;
}
static bool change_coin_value(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    if (!pick(t->tx.in_count, input, rng)) return false;
    t->spent[target].value.cong ^= 1;
    return true;
}
static bool change_coin_script(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    return pick(t->tx.in_count, input, rng) && change_span(&t->spent[target].script, rng);
}
static bool change_output_value(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    if (!pick(t->tx.out_count, input, rng)) return false;
    t->outs[target].value.cong ^= 1;
    return true;
}
static bool change_output_script(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    return pick(t->tx.out_count, input, rng) && change_span(&t->outs[target].script, rng);
}
static bool change_op_type(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    if (!pick(t->tx.op_count, input, rng)) return false;
    t->ops[target].type ^= 1;
    return true;
}
static bool change_op_body(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    return pick(t->tx.op_count, input, rng) && change_span(&t->ops[target].body, rng);
}
static bool change_op_count(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    (void)input;
    (void)rng;
    if (t->tx.op_count == 0) return false;
    t->tx.op_count--;
    return true;
}
static bool change_lock(struct some_tx *t, uint32_t input, struct sotto_rng *rng) { (void)input; t->tx.lock ^= 1u << sotto_rng_below(rng, 32); return true; }
static bool change_expiry(struct some_tx *t, uint32_t input, struct sotto_rng *rng) { (void)input; t->tx.expiry ^= 1u << sotto_rng_below(rng, 32); return true; }
static bool change_unlock(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    return pick(t->tx.in_count, input, rng) && change_span(&t->ins[target].unlock, rng);
}
static bool change_extension(struct some_tx *t, uint32_t input, struct sotto_rng *rng)
{
    (void)input;
    if (sotto_rng_below(rng, 2)) t->tx.has_stamp = !t->tx.has_stamp;
    else t->tx.has_authority = !t->tx.has_authority;
    return true;
}

static bool seen_always(uint8_t base, bool alone, bool own) { (void)base; (void)alone; (void)own; return true; }
static bool seen_never(uint8_t base, bool alone, bool own) { (void)base; (void)alone; (void)own; return false; }
static bool seen_input(uint8_t base, bool alone, bool own) { (void)base; return own || !alone; }
static bool seen_output(uint8_t base, bool alone, bool own) { (void)alone; return base == SOTTO_SIGHASH_ALL || (base == SOTTO_SIGHASH_SINGLE && own); }

static const struct change changes[] = {
    { "outpoint", change_point, seen_input }, { "sequence", change_sequence, seen_input }, { "value of the coin", change_coin_value, seen_input },
    { "script of the coin", change_coin_script, seen_input }, { "value of an output", change_output_value, seen_output },
    { "script of an output", change_output_script, seen_output }, { "type of an operation", change_op_type, seen_always },
    { "body of an operation", change_op_body, seen_always }, { "count of operations", change_op_count, seen_always },
    { "lock", change_lock, seen_always }, { "expiry", change_expiry, seen_always }, { "unlocking script", change_unlock, seen_never },
    { "extension", change_extension, seen_never },
};
enum { CHANGES = sizeof changes / sizeof *changes };

static bool digest_of(uint8_t out[32], const struct some_tx *t, const uint8_t genesis_id[64], uint32_t input, uint8_t type)
{
    struct sotto_sighash s;
    sotto_sighash_init(&s, genesis_id, &t->tx, t->spent);
    return sotto_sighash_digest(&s, out, input, type) == SOTTO_OK;
}

static void commits_to_what_it_should(void **state)
{
    (void)state;
    static const uint8_t types[] = { 0x01, 0x02, 0x03, 0x81, 0x82, 0x83 };
    static struct some_tx t;
    struct sotto_chacha_rng rng;
    unsigned tried[CHANGES][2] = { { 0 } };
    sotto_rng_from_seed(&rng, test_seed(), "ledger commits");
    for (unsigned run = 1; run <= 6 * RUNS; run++) {
        uint8_t genesis_id[64], before[32], after[32], type = types[sotto_rng_below(&rng.rng, sizeof types)];
        some_tx(&t, &rng.rng);
        sotto_rng_fill(&rng.rng, genesis_id, sizeof genesis_id);
        if (t.tx.in_count == 0) continue;
        uint32_t input = (uint32_t)sotto_rng_below(&rng.rng, t.tx.in_count);
        bool there = digest_of(before, &t, genesis_id, input, type);
        test_rule(there == ((type & 0x7f) != SOTTO_SIGHASH_SINGLE || input < t.tx.out_count), "only SINGLE can miss its output", run);
        if (!there) continue;
        size_t which = (size_t)sotto_rng_below(&rng.rng, CHANGES);
        const struct change *c = &changes[which];
        target = input;
        if (!c->make(&t, input, &rng.rng)) continue;
        bool seen = c->seen(type & 0x7f, type & SOTTO_SIGHASH_ANYONECANPAY, target == input);
        test_rule(digest_of(after, &t, genesis_id, input, type), "a change takes nothing away", run);
        test_rule((memcmp(before, after, 32) != 0) == seen, c->what, run);
        tried[which][seen]++;
        genesis_id[sotto_rng_below(&rng.rng, 64)] ^= 1;
        test_rule(digest_of(before, &t, genesis_id, input, type) && memcmp(before, after, 32) != 0, "the chain", run);
        test_rule(digest_of(after, &t, genesis_id, input, type ^ SOTTO_SIGHASH_ANYONECANPAY) && memcmp(before, after, 32) != 0, "the type", run);
    }
    for (size_t i = 0; i < CHANGES; i++) {                            /* the test saw both answers wherever there are two */
        bool two = changes[i].seen == seen_input || changes[i].seen == seen_output;
        assert_true(tried[i][changes[i].seen != seen_never] > 0 && (!two || (tried[i][0] > 0 && tried[i][1] > 0)));
    }
}

static void other_types_are_refused(void **state)
{
    (void)state;
    static struct some_tx t;
    struct sotto_chacha_rng rng;
    uint8_t genesis_id[64] = { 0 }, digest[32];
    struct sotto_sighash s;
    sotto_rng_from_seed(&rng, test_seed(), "ledger types");
    some_tx(&t, &rng.rng);
    t.tx.in_count = t.tx.out_count = 1;
    sotto_sighash_init(&s, genesis_id, &t.tx, t.spent);
    for (unsigned type = 0; type < 256; type++) {
        bool good = (type & 0x7f) >= 1 && (type & 0x7f) <= 3;
        assert_int_equal(sotto_sighash_type_good((uint8_t)type), good);
        assert_int_equal(sotto_sighash_digest(&s, digest, 0, (uint8_t)type), good ? SOTTO_OK : SOTTO_S_HASHTYPE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(commits_to_what_it_should), cmocka_unit_test(other_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
