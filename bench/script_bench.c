/* Scripts: OP_EXPONENT beside the library's own power, what a unit of cost takes for the dearest operands and the dearest of the other words, and inputs that pay to
 * the hash of a key beside the library's reading and checking of a signature. Runs of ours and of the peers take turns. */
#include "bench/bench.h"
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "ledger/groups.h"
#include "ledger/spend.h"
#include "ledger/template.h"

#include <openssl/bn.h>
#include <secp256k1.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RUNS = 21,
    POWER_RUNS = 41,                      /* one OP_EXPONENT each, one of the peer between them */
    INPUTS = 100,                         /* of the transaction whose inputs are checked */
    LOOKS = 5,                            /* at each size of operands */
    LOOK_US = 2000                        /* at least, of one of them */
};

#define CHECK(expr)                                                                        \
    do {                                                                                   \
        if (!(expr)) {                                                                     \
            fprintf(stderr, "script_bench: line %d: %s\n", __LINE__, #expr);               \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)
#define OK(expr) CHECK((expr) == SOTTO_OK)

static struct sotto_chacha_rng rng;
static struct sotto_script *machine;

static double since_us(uint64_t start) { return (double)(bench_now_ns() - start) / 1000; }

/* ---- any script: us and units of a run; signatures are the checker's matter ---- */

static const struct sotto_script_checker *checker;
static double script_us(uint64_t *units, struct sotto_span unlock, struct sotto_span output)
{
    unsigned count = 0;
    uint64_t start = bench_now_ns();
    enum sotto_err err;
    do {
        err = sotto_script_run(machine, units, unlock, output, checker, UINT64_MAX, NULL);
        CHECK(err == SOTTO_OK);
        count++;
    } while (since_us(start) < LOOK_US);
    return since_us(start) / count;
}

static struct sotto_buf empty(void) { return sotto_buf_make(SOTTO_SCRIPT_MAX); }
static void op(struct sotto_buf *b, enum sotto_opcode code) { OK(sotto_buf_add_u8(b, (uint8_t)code)); }

/* ---- OP_EXPONENT at 2,048 bits: A^q mod p ---- */

static void exponent(void)
{
    uint8_t q_bytes[SOTTO_GROUP_MAX], a_bytes[256];
    struct sotto_span p_bytes = sotto_group_p(SOTTO_GROUP_2048);
    size_t q_size = sotto_group_q(q_bytes, SOTTO_GROUP_2048);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = BN_bin2bn(p_bytes.data, (int)p_bytes.size, NULL), *q = BN_bin2bn(q_bytes, (int)q_size, NULL), *a = BN_new(), *r = BN_new();
    CHECK(ctx && p && q && a && r);
    sotto_rng_fill(&rng.rng, a_bytes, sizeof a_bytes);
    a_bytes[0] &= 0x7f;
    a_bytes[0] |= 0x40;
    CHECK(BN_bin2bn(a_bytes, sizeof a_bytes, a));
    struct sotto_buf output = empty();
    const struct sotto_span unlock = { NULL, 0 };
    OK(sotto_script_push(&output, SOTTO_SPAN(a_bytes)));
    OK(sotto_script_push(&output, sotto_span(q_bytes, q_size)));
    OK(sotto_script_push(&output, p_bytes));
    op(&output, SOTTO_OPCODE_EXPONENT);
    struct bench_runs ours = { .count = 0 }, theirs = { .count = 0 }, ratios = { .count = 0 };      /* of neighbours: both had the same machine */
    uint64_t units = 0;
    for (int run = 0; run < POWER_RUNS; run++) {
        uint64_t start = bench_now_ns();
        OK(sotto_script_run(machine, &units, unlock, sotto_buf_span(&output), checker, UINT64_MAX, NULL));
        bench_add(&ours, 1e6 / since_us(start));
        start = bench_now_ns();
        CHECK(BN_mod_exp_mont(r, a, q, p, ctx, NULL));
        bench_add(&theirs, 1e6 / since_us(start));
        bench_add(&ratios, ours.at[run] / theirs.at[run]);
    }
    bench_print(&(struct bench_line){ .name = "OP_EXPONENT, 2,048 bits, whole script", .unit = "/s", .runs = &ours, .peer = "BN_mod_exp_mont", .peer_value = bench_median(&theirs),
                                      .ratio = bench_median(&ratios), .goal = 0.99, .higher = true });
    sotto_buf_free(&output);
    BN_free(p);
    BN_free(q);
    BN_free(a);
    BN_free(r);
    BN_CTX_free(ctx);
}

/* ---- a unit is a fortieth of a signature check: twenty of them, for real ---- */

/* Signatures are checked for real, all of one key and digest. */
struct real { uint8_t digest[32]; };
static enum sotto_script_fault real_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    const struct real *r = of;
    return sotto_der_verify(sotto_span(sig.data, sig.size - 1), key, r->digest) == SOTTO_OK ? SOTTO_FAULT_NONE : SOTTO_FAULT_SIGNATURE;
}
static bool never(void *of, uint64_t n) { return !of && n == 0; }

static void keys(struct sotto_buf *unlock, struct sotto_buf *output, struct real *real)
{
    struct sotto_scalar k;
    struct sotto_point good, other;
    struct sotto_sig65 sig;
    uint8_t der[SOTTO_DER_MAX + 1];
    size_t size;
    sotto_rng_fill(&rng.rng, real->digest, sizeof real->digest);
    sotto_scalar_random(&k, &rng.rng);
    OK(sotto_point_make(&good, &k));
    OK(sotto_sign(&sig, &k, real->digest));
    OK(sotto_der_write(der, &size, sig.b));
    der[size] = 1;
    OK(sotto_script_push(unlock, sotto_span(NULL, 0)));
    OK(sotto_script_push(unlock, sotto_span(der, size + 1)));
    OK(sotto_script_push_number(output, 1));
    OK(sotto_script_push(output, SOTTO_SPAN(good.b)));           /* looked at last: keys are taken from the top down */
    for (unsigned i = 1; i < SOTTO_SCRIPT_KEYS_MAX; i++) {
        sotto_scalar_random(&k, &rng.rng);
        OK(sotto_point_make(&other, &k));
        OK(sotto_script_push(output, SOTTO_SPAN(other.b)));
    }
    OK(sotto_script_push_number(output, SOTTO_SCRIPT_KEYS_MAX));
    op(output, SOTTO_OPCODE_CHECKMULTISIG);
}

static struct sotto_buf sig_unlock, sig_output;
static double us_a_unit(struct sotto_span unlock, struct sotto_span output)
{
    uint64_t units = 1;
    double us = script_us(&units, unlock, output);
    return us / (double)units;
}

/* ---- the dearest operands: an exponent of ones alone asks for the most multiplications. Each look beside one at signatures ---- */

static void ones(uint8_t out[512], size_t *size, unsigned bits)
{
    *size = (bits + 7) / 8;
    memset(out, 0xff, *size);
    if (bits % 8) out[0] = (uint8_t)(0xff >> (8 - bits % 8));
}

static void prices(void)
{
    static const unsigned mods[] = { 8, 64, 65, 128, 256, 512, 640, 1024, 1280, 1536, 2048, 3072, 4096 }, exps[] = { 1, 2, 3, 5, 6, 8, 12, 17, 23, 24, 40, 64, 256, 2048, 4096 };
    static char name[96];
    struct bench_runs worst = { .count = 0 }, peer = { .count = 0 };
    for (size_t m = 0; m < sizeof mods / sizeof *mods; m++) {
        for (size_t e = 0; e < sizeof exps / sizeof *exps; e++) {
            uint8_t base[512], exp[512], mod[512];
            size_t size, exp_size;
            ones(mod, &size, mods[m]);
            memcpy(base, mod, size);
            base[size - 1] ^= 2;
            ones(exp, &exp_size, exps[e]);
            struct sotto_buf output = empty();
            OK(sotto_script_push(&output, sotto_span(base, size)));
            OK(sotto_script_push(&output, sotto_span(exp, exp_size)));
            OK(sotto_script_push(&output, sotto_span(mod, size)));
            op(&output, SOTTO_OPCODE_EXPONENT);
            op(&output, SOTTO_OPCODE_SIZE);
            op(&output, SOTTO_OPCODE_NIP);
            struct bench_runs runs = { .count = 0 }, beside = { .count = 0 };
            for (int i = 0; i < LOOKS; i++) {
                bench_add(&runs, us_a_unit(sotto_span(NULL, 0), sotto_buf_span(&output)));
                bench_add(&beside, us_a_unit(sotto_buf_span(&sig_unlock), sotto_buf_span(&sig_output)));
            }
            if (worst.count == 0 || bench_median(&runs) / bench_median(&beside) > bench_median(&worst) / bench_median(&peer)) {
                worst = runs;
                peer = beside;
                snprintf(name, sizeof name, "dearest OP_EXPONENT: modulus %u bits, exponent %u", mods[m], exps[e]);
            }
            sotto_buf_free(&output);
        }
    }
    bench_print(&(struct bench_line){ .name = name, .unit = "us/unit", .runs = &worst, .peer = "signature checks", .peer_value = bench_median(&peer),
                                      .ratio = bench_median(&worst) / bench_median(&peer), .goal = 1.5 });
}

/* ---- the dearest of the other words ---- */

static void repeat(struct sotto_buf *b, int times, const uint8_t *codes, size_t count)
{
    for (int i = 0; i < times; i++) OK(sotto_buf_add(b, codes, count));
}
#define REPEAT(b, times, ...) repeat((b), (times), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void words(void)
{
    static const char *const names[] = { "dearest other word: ROLL, 900 deep", "dearest other word: RIPEMD160", "dearest other word: HASH256",
                                         "dearest other word: HASH160 of a byte", "dearest other word: ADD" };
    enum { CASES = sizeof names / sizeof *names };
    struct bench_runs worst = { .count = 0 }, peer = { .count = 0 };
    int which = 0;
    uint8_t element[SOTTO_SCRIPT_ELEMENT_MAX];
    memset(element, 7, sizeof element);
    for (int c = 0; c < CASES; c++) {
        struct sotto_buf unlock = empty(), output = empty();
        if (c == 0) REPEAT(&unlock, 901, SOTTO_OPCODE_1);
        if (c == 0) REPEAT(&output, 150, 2, 0x83, 0x03, SOTTO_OPCODE_ROLL);
        if (c == 0) REPEAT(&output, 50, SOTTO_OPCODE_2DROP);
        if (c == 1 || c == 2) OK(sotto_script_push(&unlock, SOTTO_SPAN(element)));
        if (c == 1) REPEAT(&output, 67, SOTTO_OPCODE_DUP, SOTTO_OPCODE_RIPEMD160, SOTTO_OPCODE_DROP);
        if (c == 2) REPEAT(&output, 67, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH256, SOTTO_OPCODE_DROP);
        if (c == 3) REPEAT(&output, 1, SOTTO_OPCODE_1);
        if (c == 3) REPEAT(&output, 200, SOTTO_OPCODE_HASH160);
        if (c == 4) REPEAT(&output, 1, SOTTO_OPCODE_1);
        if (c == 4) REPEAT(&output, 200, SOTTO_OPCODE_1, SOTTO_OPCODE_ADD);
        struct bench_runs runs = { .count = 0 }, beside = { .count = 0 };
        for (int i = 0; i < LOOKS; i++) {
            uint64_t start = bench_now_ns();
            unsigned count = 0;
            do {                                   /* the first case leaves more than one element: what it took counts all the same */
                sotto_script_begin(machine, &(struct sotto_script_setup){ &sotto_script_chain, checker, NULL, UINT64_MAX });
                CHECK(sotto_script_eval(machine, sotto_buf_span(&unlock), 0, 0) == SOTTO_FAULT_NONE);
                CHECK(sotto_script_eval(machine, sotto_buf_span(&output), 0, 1) == SOTTO_FAULT_NONE);
                count++;
            } while (since_us(start) < LOOK_US);
            double us = since_us(start) / count;
            bench_add(&runs, us / (double)sotto_script_units(machine));
            bench_add(&beside, us_a_unit(sotto_buf_span(&sig_unlock), sotto_buf_span(&sig_output)));
        }
        if (worst.count == 0 || bench_median(&runs) > bench_median(&worst)) worst = runs, peer = beside, which = c;
        sotto_buf_free(&unlock);
        sotto_buf_free(&output);
    }
    bench_print(&(struct bench_line){ .name = names[which], .unit = "us/unit", .runs = &worst, .peer = "signature checks", .peer_value = bench_median(&peer),
                                      .ratio = bench_median(&worst) / bench_median(&peer), .goal = 1.5 });
}

/* ---- inputs that pay to the hash of a key ---- */

static struct sotto_tx_in ins[INPUTS];
static struct sotto_tx_out coins[INPUTS], out;
static struct sotto_buf scripts[2][INPUTS];
static struct { uint8_t der[SOTTO_DER_MAX], digest[32]; size_t size; struct sotto_point key; } signed_inputs[INPUTS];

static void inputs(void)
{
    static const uint8_t genesis_id[64] = { 1 };
    struct sotto_tx tx = { .in_count = INPUTS, .out_count = 1, .ins = ins, .outs = &out };
    struct sotto_scalar k[INPUTS];
    struct sotto_sighash s;
    for (int i = 0; i < INPUTS; i++) {
        struct sotto_template t = { .kind = SOTTO_TEMPLATE_P2PKH };
        sotto_scalar_random(&k[i], &rng.rng);
        OK(sotto_point_make(&signed_inputs[i].key, &k[i]));
        sotto_h160_of(&t.hash, &signed_inputs[i].key);
        scripts[0][i] = scripts[1][i] = empty();
        OK(sotto_template_make(&scripts[0][i], &t));
        sotto_rng_fill(&rng.rng, ins[i].from.txid, 32);
        coins[i] = (struct sotto_tx_out){ { 1000 }, sotto_buf_span(&scripts[0][i]) };
    }
    out = coins[0];
    sotto_sighash_init(&s, genesis_id, &tx, coins);
    for (int i = 0; i < INPUTS; i++) {
        struct sotto_sig65 sig;
        uint8_t with_type[SOTTO_DER_MAX + 1];
        OK(sotto_sighash_digest(&s, signed_inputs[i].digest, (uint32_t)i, SOTTO_SIGHASH_ALL));
        OK(sotto_sign(&sig, &k[i], signed_inputs[i].digest));
        OK(sotto_der_write(signed_inputs[i].der, &signed_inputs[i].size, sig.b));
        memcpy(with_type, signed_inputs[i].der, signed_inputs[i].size);
        with_type[signed_inputs[i].size] = SOTTO_SIGHASH_ALL;
        OK(sotto_unlock_p2pkh(&scripts[1][i], sotto_span(with_type, signed_inputs[i].size + 1), &signed_inputs[i].key));
        ins[i].unlock = sotto_buf_span(&scripts[1][i]);
    }
    secp256k1_context *library = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    struct bench_runs ours = { .count = 0 }, theirs = { .count = 0 }, ratios = { .count = 0 };      /* of neighbours: both had the same machine */
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = bench_now_ns(), units;
        sotto_sighash_init(&s, genesis_id, &tx, coins);
        for (uint32_t i = 0; i < INPUTS; i++) OK(sotto_spend_check(machine, &units, &s, i, SOTTO_SCRIPT_UNITS_MAX, NULL));
        bench_add(&ours, INPUTS / since_us(start) * 1e6);
        start = bench_now_ns();
        for (int i = 0; i < INPUTS; i++) {
            secp256k1_ecdsa_signature sig;
            secp256k1_pubkey key;
            CHECK(secp256k1_ecdsa_signature_parse_der(library, &sig, signed_inputs[i].der, signed_inputs[i].size));
            CHECK(secp256k1_ec_pubkey_parse(library, &key, signed_inputs[i].key.b, 33));
            CHECK(secp256k1_ecdsa_verify(library, &sig, signed_inputs[i].digest, &key));
        }
        bench_add(&theirs, INPUTS / since_us(start) * 1e6);
        bench_add(&ratios, ours.at[run] / theirs.at[run]);
    }
    bench_print(&(struct bench_line){ .name = "P2PKH inputs, hashes and script", .unit = "/s", .runs = &ours, .peer = "secp256k1: parse and verify", .peer_value = bench_median(&theirs),
                                      .ratio = bench_median(&ratios), .goal = 0.93, .higher = true });
    secp256k1_context_destroy(library);
    for (int i = 0; i < INPUTS; i++) {
        sotto_buf_free(&scripts[0][i]);
        sotto_buf_free(&scripts[1][i]);
    }
}

int main(void)
{
    struct real real;
    const struct sotto_script_checker with_keys = { &real, real_sig, NULL, never, never };
    sotto_rng_from_seed(&rng, 1, "script bench");
    OK(sotto_crypto_init());
    OK(sotto_script_new(&machine));
    checker = &with_keys;
    sig_unlock = empty();
    sig_output = empty();
    keys(&sig_unlock, &sig_output, &real);
    exponent();
    prices();
    words();
    inputs();
    sotto_buf_free(&sig_unlock);
    sotto_buf_free(&sig_output);
    sotto_script_free(machine);
    return 0;
}
