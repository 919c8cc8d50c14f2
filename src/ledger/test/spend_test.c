/* Coins of every template, spent with real signatures: made, signed, unlocked and checked; then one thing wrong at a time, each refused by its own name. */
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "ledger/spend.h"
#include "ledger/template.h"
#include "support/test.h"

#include <openssl/bn.h>

enum { PAYEE, PAYER, THIRD, KEYS };
static struct sotto_chacha_rng rng;
static struct sotto_script *machine;
static struct sotto_scalar secrets[KEYS];
static struct sotto_point keys[KEYS];
static struct sotto_h160 hashes[KEYS];
static const uint8_t types[] = { 0x01, 0x02, 0x03, 0x81, 0x82, 0x83 };

/* A transaction with two inputs, the second of which is looked at, and two outputs. */
struct world {
    struct sotto_tx tx;
    struct sotto_tx_in ins[2];
    struct sotto_tx_out outs[2], coins[2];
    uint8_t genesis_id[64];
    struct sotto_sighash s;
    struct sotto_buf unlock, output;
};

static void begin(struct world *w, const struct sotto_template *t, uint32_t lock, uint32_t sequence)
{
    static uint8_t op_true[] = { SOTTO_OPCODE_1 };
    *w = (struct world){ .unlock = sotto_buf_make(SOTTO_SCRIPT_MAX), .output = sotto_buf_make(SOTTO_SCRIPT_MAX) };
    w->tx = (struct sotto_tx){ .in_count = 2, .out_count = 2, .lock = lock, .ins = w->ins, .outs = w->outs };
    sotto_rng_fill(&rng.rng, w->genesis_id, sizeof w->genesis_id);
    assert_int_equal(sotto_template_make(&w->output, t), SOTTO_OK);
    for (uint32_t i = 0; i < 2; i++) {
        sotto_rng_fill(&rng.rng, w->ins[i].from.txid, 32);
        w->ins[i].sequence = sequence;
        w->outs[i] = (struct sotto_tx_out){ { 1000 + i }, SOTTO_SPAN(op_true) };
        w->coins[i] = (struct sotto_tx_out){ { 5000 + i }, sotto_buf_span(&w->output) };
    }
    sotto_sighash_init(&w->s, w->genesis_id, &w->tx, w->coins);
}

struct sig { uint8_t b[SOTTO_DER_MAX + 1]; size_t size; };
static struct sotto_span sign(struct sig *out, const struct world *w, unsigned key, uint8_t type)
{
    uint8_t digest[32];
    struct sotto_sig65 sig;
    assert_int_equal(sotto_sighash_digest(&w->s, digest, 1, type), SOTTO_OK);
    assert_int_equal(sotto_sign(&sig, &secrets[key], digest), SOTTO_OK);
    assert_int_equal(sotto_der_write(out->b, &out->size, sig.b), SOTTO_OK);
    out->b[out->size++] = type;
    return sotto_span(out->b, out->size);
}

/* The answer, and the end of this unlocking script. */
static enum sotto_err check(struct world *w)
{
    uint64_t units;
    w->ins[1].unlock = sotto_buf_span(&w->unlock);
    enum sotto_err err = sotto_spend_check(machine, &units, &w->s, 1, SOTTO_SCRIPT_UNITS_MAX, NULL);
    w->unlock.size = 0;
    return err;
}

static void end(struct world *w)
{
    sotto_buf_free(&w->unlock);
    sotto_buf_free(&w->output);
}

static void test_p2pkh(void **state)
{
    (void)state;
    struct sotto_template t = { .kind = SOTTO_TEMPLATE_P2PKH, .hash = hashes[PAYEE] };
    for (size_t i = 0; i < sizeof types; i++) {
        struct world w;
        struct sig sig;
        begin(&w, &t, 0, 0);
        assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sign(&sig, &w, PAYEE, types[i]), &keys[PAYEE]), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_OK);
        assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sign(&sig, &w, THIRD, types[i]), &keys[THIRD]), SOTTO_OK);      /* validation 1: the address */
        assert_int_equal(check(&w), SOTTO_S_ADDRESS);
        assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sign(&sig, &w, THIRD, types[i]), &keys[PAYEE]), SOTTO_OK);      /* validation 2: the signature */
        assert_int_equal(check(&w), SOTTO_S_SIGNATURE);
        sign(&sig, &w, PAYEE, types[i]);
        sig.b[sig.size - 1] = types[(i + 1) % sizeof types];                                                           /* of another type than it signs */
        assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sotto_span(sig.b, sig.size), &keys[PAYEE]), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_S_SIGNATURE);
        sign(&sig, &w, PAYEE, types[i]);
        w.outs[1].value.cong++;                                                                                        /* another transaction: covered by ALL and SINGLE */
        sotto_sighash_init(&w.s, w.genesis_id, &w.tx, w.coins);
        assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sotto_span(sig.b, sig.size), &keys[PAYEE]), SOTTO_OK);
        assert_int_equal(check(&w), (types[i] & 0x7f) == 2 ? SOTTO_OK : SOTTO_S_SIGNATURE);
        end(&w);
    }
    struct world w;
    struct sig sig;
    begin(&w, &t, 0, 0);
    sign(&sig, &w, PAYEE, 0x03);
    w.tx.out_count = 1;                            /* SINGLE, and no output beside this input */
    sotto_sighash_init(&w.s, w.genesis_id, &w.tx, w.coins);
    assert_int_equal(sotto_unlock_p2pkh(&w.unlock, sotto_span(sig.b, sig.size), &keys[PAYEE]), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_SINGLE);
    end(&w);
}

static void test_multisig(void **state)
{
    (void)state;
    struct sotto_template t = { .kind = SOTTO_TEMPLATE_MULTISIG };
    t.multisig.need = t.multisig.count = KEYS;
    memcpy(t.multisig.keys, keys, sizeof keys);
    struct world w;
    struct sig sig[KEYS];
    begin(&w, &t, 0, 0);
    for (size_t first = 0; first < sizeof types; first++) {        /* each signature of another type, in every order */
        struct sotto_span all[KEYS];
        for (unsigned i = 0; i < KEYS; i++) all[i] = sign(&sig[i], &w, i, types[(first + 2 * i) % sizeof types]);
        assert_int_equal(sotto_unlock_multisig(&w.unlock, all, KEYS), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_OK);
        struct sotto_span swapped[KEYS] = { all[1], all[0], all[2] };
        assert_int_equal(sotto_unlock_multisig(&w.unlock, swapped, KEYS), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_S_SIGNATURE);
        struct sotto_span twice[KEYS] = { all[0], all[0], all[2] };
        assert_int_equal(sotto_unlock_multisig(&w.unlock, twice, KEYS), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_S_SIGNATURE);
    }
    end(&w);
}

static void lock_story(const struct sotto_template *t, const uint8_t tag[SOTTO_LOCK_TAG])
{
    struct world w;
    struct sig sig;
    uint8_t seen[SOTTO_LOCK_TAG], wrong[SOTTO_LOCK_TAG];
    memcpy(wrong, tag, sizeof wrong);
    wrong[31] ^= 1;
    begin(&w, t, 0, 0xffffffff);                   /* the payee, at any time */
    assert_int_equal(sotto_unlock_claim(&w.unlock, sign(&sig, &w, PAYEE, 1), &keys[PAYEE], tag), SOTTO_OK);
    assert_true(sotto_unlock_tag(seen, sotto_buf_span(&w.unlock)));
    assert_memory_equal(seen, tag, sizeof seen);
    assert_int_equal(check(&w), SOTTO_OK);
    assert_int_equal(sotto_unlock_claim(&w.unlock, sign(&sig, &w, PAYEE, 1), &keys[PAYEE], wrong), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_VERIFY);
    assert_int_equal(sotto_unlock_claim(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYER], tag), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_ADDRESS);
    assert_int_equal(sotto_unlock_claim(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYEE], tag), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_SIGNATURE);
    assert_int_equal(sotto_unlock_refund(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYER]), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_LOCK);
    end(&w);
    for (uint32_t late = 0; late < 2; late++) {    /* who paid: not a block too early */
        begin(&w, t, t->lock.expiry - 1 + late, 0);
        assert_int_equal(sotto_unlock_refund(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYER]), SOTTO_OK);
        assert_int_equal(check(&w), late ? SOTTO_OK : SOTTO_S_LOCK);
        assert_int_equal(sotto_unlock_refund(&w.unlock, sign(&sig, &w, PAYEE, 1), &keys[PAYEE]), SOTTO_OK);
        assert_int_equal(check(&w), late ? SOTTO_S_ADDRESS : SOTTO_S_LOCK);
        end(&w);
    }
    begin(&w, t, t->lock.expiry, 0xffffffff);      /* nor with a final sequence */
    assert_int_equal(sotto_unlock_refund(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYER]), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_LOCK);
    end(&w);
}

static struct sotto_template lock_of(enum sotto_template_kind kind, uint8_t tag[SOTTO_LOCK_TAG])
{
    struct sotto_template t = { .kind = kind, .lock = { .payee = hashes[PAYEE], .refund = hashes[PAYER], .expiry = 1000 } };
    sotto_rng_fill(&rng.rng, tag, SOTTO_LOCK_TAG);
    sotto_sha256(t.lock.commit, sotto_span(tag, SOTTO_LOCK_TAG));
    return t;
}

static void test_key_lock(void **state)
{
    (void)state;
    uint8_t tag[SOTTO_LOCK_TAG];
    struct sotto_template t = lock_of(SOTTO_TEMPLATE_KEY_LOCK, tag);
    lock_story(&t, tag);
}

/* A = g^a lies in the subgroup; -A does not, and nobody can take such a coin, not even back: it is for the wallet to make no such lock. */
static void test_dh_lock(void **state)
{
    (void)state;
    static const enum sotto_group groups[] = { SOTTO_GROUP_2048, SOTTO_GROUP_3072 };
    for (size_t i = 0; i < 2; i++) {
        struct sotto_span p_bytes = sotto_group_p(groups[i]);
        uint8_t tag[SOTTO_LOCK_TAG], a_bytes[40], share[SOTTO_GROUP_MAX];
        BIGNUM *p = BN_bin2bn(p_bytes.data, (int)p_bytes.size, NULL), *a = BN_new(), *g = BN_new(), *r = BN_new();
        BN_CTX *ctx = BN_CTX_new();
        sotto_rng_fill(&rng.rng, a_bytes, sizeof a_bytes);
        assert_true(p && a && g && r && ctx && BN_bin2bn(a_bytes, sizeof a_bytes, a) && BN_set_word(g, 2) && BN_mod_exp(r, g, a, p, ctx));
        struct sotto_template t = lock_of(SOTTO_TEMPLATE_DH_LOCK, tag);
        t.group = groups[i];
        t.share = sotto_span(share, (size_t)BN_bn2bin(r, share));
        lock_story(&t, tag);
        struct world w;
        struct sig sig;
        assert_true(BN_sub(r, p, r));
        t.share = sotto_span(share, (size_t)BN_bn2bin(r, share));
        begin(&w, &t, 1000, 0);
        assert_int_equal(sotto_unlock_claim(&w.unlock, sign(&sig, &w, PAYEE, 1), &keys[PAYEE], tag), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_S_VERIFY);
        assert_int_equal(sotto_unlock_refund(&w.unlock, sign(&sig, &w, PAYER, 1), &keys[PAYER]), SOTTO_OK);
        assert_int_equal(check(&w), SOTTO_S_VERIFY);
        end(&w);
        BN_free(p);
        BN_free(a);
        BN_free(g);
        BN_free(r);
        BN_CTX_free(ctx);
    }
}

static void test_data(void **state)
{
    (void)state;
    static const uint8_t one = 1;
    struct sotto_template t = { .kind = SOTTO_TEMPLATE_DATA, .data = SOTTO_SPAN(hashes) };
    struct world w;
    begin(&w, &t, 0, 0);
    assert_int_equal(sotto_script_push(&w.unlock, sotto_span(&one, 1)), SOTTO_OK);
    assert_int_equal(check(&w), SOTTO_S_RETURN);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p2pkh), cmocka_unit_test(test_multisig), cmocka_unit_test(test_key_lock), cmocka_unit_test(test_dh_lock), cmocka_unit_test(test_data),
    };
    if (sotto_crypto_init() != SOTTO_OK || sotto_script_new(&machine) != SOTTO_OK) return 1;
    sotto_rng_from_seed(&rng, test_seed(), "spend");
    for (unsigned i = 0; i < KEYS; i++) {
        sotto_scalar_random(&secrets[i], &rng.rng);
        if (sotto_point_make(&keys[i], &secrets[i]) != SOTTO_OK) return 1;
        sotto_h160_of(&hashes[i], &keys[i]);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sotto_script_free(machine);
    return failed;
}
