/* ledger: amounts, addresses, identity signatures, the rules over numbers, stamps: each at its bounds. */
#include "crypto/rng.h"
#include "ledger/address.h"
#include "ledger/amount.h"
#include "ledger/rules.h"
#include "ledger/stamp.h"
#include "support/test.h"

static struct sotto_amount cong(uint64_t n) { return (struct sotto_amount){ n }; }

static void amounts_keep_their_bound(void **state)
{
    (void)state;
    struct sotto_amount a = cong(5);
    assert_int_equal(sotto_amount_make(&a, SOTTO_MONEY_MAX + 1), SOTTO_T_VALUE);
    assert_int_equal(sotto_amount_add(&a, cong(SOTTO_MONEY_MAX), cong(1)), SOTTO_T_VALUE);
    assert_int_equal(sotto_amount_add(&a, cong(UINT64_MAX), cong(2)), SOTTO_T_VALUE);
    assert_int_equal(sotto_amount_take(&a, cong(1), cong(2)), SOTTO_T_FUNDS);
    assert_int_equal(a.cong, 5);
    assert_int_equal(sotto_amount_add(&a, cong(SOTTO_MONEY_MAX - 1), cong(1)), SOTTO_OK);
    assert_true(a.cong == SOTTO_MONEY_MAX);
    assert_int_equal(sotto_amount_take(&a, a, a), SOTTO_OK);
    assert_int_equal(a.cong, 0);
}

static void amounts_have_one_text(void **state)
{
    (void)state;
    static const char *const bad[] = { "", ".", "0.", ".0", "00", "00.1", "1..2", "1.2.3", "1 ", "\t1", "0x1", "1_0", "123456789", "1.123456789", "21000000.00000001",
                                       "99999999", "1.0000000000", "-0", "1e1" };
    struct sotto_amount a = cong(77);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(sotto_amount_parse(&a, sotto_span_str(bad[i])), SOTTO_E_AMOUNT);
    assert_int_equal(sotto_amount_parse(&a, sotto_span("1\0", 2)), SOTTO_E_AMOUNT);
    assert_int_equal(a.cong, 77);
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, test_seed(), "ledger basics");
    for (unsigned run = 1; run <= 2000; run++) {
        char text[SOTTO_AMOUNT_TEXT];
        struct sotto_amount some = cong(sotto_rng_below(&rng.rng, SOTTO_MONEY_MAX >> sotto_rng_below(&rng.rng, 51)));
        sotto_amount_text(text, some);
        test_rule(sotto_amount_parse(&a, sotto_span_str(text)) == SOTTO_OK && a.cong == some.cong, "text and back", run);
    }
}

static void addresses_refuse_what_differs(void **state)
{
    (void)state;
    struct sotto_h160 hash = { { 0 } }, back;
    char text[SOTTO_PAY_TEXT], other[SOTTO_PAY_TEXT + 2];
    for (unsigned fill = 0; fill < 256; fill += 5) {
        memset(hash.b, (int)fill, sizeof hash.b);
        sotto_pay_text(text, SOTTO_PAY_MAIN, &hash);
        assert_int_equal(text[0], 'S');
        assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_TEST, sotto_span_str(text)), SOTTO_ERR_FORMAT);
        assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str(text)), SOTTO_OK);
        assert_memory_equal(&back, &hash, sizeof hash);
        size_t n = strlen(text);
        for (size_t i = 0; i < n; i++) {
            char keep = text[i];
            text[i] = keep == 'a' ? 'b' : 'a';
            assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str(text)), SOTTO_ERR_FORMAT);
            text[i] = "0OIl+ \x80"[i % 7];
            assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str(text)), SOTTO_ERR_FORMAT);
            text[i] = keep;
            assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span(text, i)), SOTTO_ERR_FORMAT);
        }
        snprintf(other, sizeof other, "1%s", text);                   /* a leading zero byte: another text of the same number */
        assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str(other)), SOTTO_ERR_FORMAT);
        snprintf(other, sizeof other, "%s1", text);
        assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str(other)), SOTTO_ERR_FORMAT);
    }
    assert_int_equal(sotto_pay_parse(&back, SOTTO_PAY_MAIN, sotto_span_str("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")), SOTTO_ERR_FORMAT);
}

static void identities_sign_in_one_form(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    struct sotto_scalar k;
    struct sotto_point pub;
    struct sotto_id id, other;
    struct sotto_sig65 sig, bad;
    uint8_t digest[32];
    sotto_rng_from_seed(&rng, test_seed(), "ledger basics");
    sotto_rng_fill(&rng.rng, digest, sizeof digest);
    sotto_scalar_random(&k, &rng.rng);
    assert_int_equal(sotto_point_make(&pub, &k), SOTTO_OK);
    assert_int_equal(sotto_id_of(&id, &pub), SOTTO_OK);
    assert_int_equal(sotto_sign(&sig, &k, digest), SOTTO_OK);
    assert_int_equal(sotto_signed_by(&id, &sig, digest), SOTTO_OK);
    for (int v = 0; v < 256; v++) {
        bad = sig;
        bad.b[64] = (uint8_t)v;
        if (bad.b[64] != sig.b[64]) assert_int_equal(sotto_signed_by(&id, &bad, digest), SOTTO_R_SIG);
    }
    static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                       0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41 };
    for (size_t half = 0; half < 64; half += 32) {
        bad = sig;
        memset(bad.b + half, 0, 32);
        assert_int_equal(sotto_signed_by(&id, &bad, digest), SOTTO_R_SIG);
        memcpy(bad.b + half, order, 32);
        assert_int_equal(sotto_signed_by(&id, &bad, digest), SOTTO_R_SIG);
    }
    bad = sig;                                                        /* n - s with the other parity: the same signature, high */
    for (unsigned i = 32, borrow = 0; i-- > 0;) {
        unsigned take = sig.b[32 + i] + borrow;
        borrow = take > order[i];
        bad.b[32 + i] = (uint8_t)(order[i] - take);
    }
    bad.b[64] ^= 27 ^ 28;
    assert_int_equal(sotto_signed_by(&id, &bad, digest), SOTTO_R_SIG);
    other = id;
    other.b[7] ^= 1;
    assert_int_equal(sotto_signed_by(&other, &sig, digest), SOTTO_R_SIG);
    digest[0] ^= 1;
    assert_int_equal(sotto_signed_by(&id, &sig, digest), SOTTO_R_SIG);
}

/* ---- rules ---- */

static void cost_and_fee(void **state)
{
    (void)state;
    assert_int_equal(sotto_tx_cost(100, 400), 100);
    assert_int_equal(sotto_tx_cost(100, 401), 101);
    assert_int_equal(sotto_tx_cost(0, 1), 1);
    assert_true(sotto_tx_cost(1, UINT64_MAX) == UINT64_MAX / 4 + 1);
    struct sotto_tx_out outs[] = { { cong(30), { NULL, 0 } }, { cong(20), { NULL, 0 } } };
    struct sotto_tx tx = { .out_count = 2, .outs = outs };
    struct sotto_amount fee = cong(9);
    assert_int_equal(sotto_tx_fee(&fee, &tx, cong(49), cong(0)), SOTTO_T_FUNDS);
    assert_int_equal(sotto_tx_fee(&fee, &tx, cong(60), cong(11)), SOTTO_T_FUNDS);
    assert_int_equal(fee.cong, 9);
    assert_int_equal(sotto_tx_fee(&fee, &tx, cong(60), cong(10)), SOTTO_OK);
    assert_int_equal(fee.cong, 0);
    assert_int_equal(sotto_fee_check(cong(199), 2, 100), SOTTO_T_FEE);
    assert_int_equal(sotto_fee_check(cong(200), 2, 100), SOTTO_OK);
    assert_int_equal(sotto_fee_check(cong(0), 0, 100), SOTTO_OK);
    assert_int_equal(sotto_fee_check(cong(SOTTO_MONEY_MAX), UINT64_MAX, 2), SOTTO_T_FEE);      /* no product that wraps is cheap */
    assert_int_equal(sotto_fee_check(cong(SOTTO_MONEY_MAX), UINT64_C(1) << 63, 2), SOTTO_T_FEE);
}

static void dust(void **state)
{
    (void)state;
    static const uint8_t data[] = { 0x6a, 0x01, 0xff };
    struct sotto_tx_out outs[] = { { cong(444), { NULL, 0 } }, { cong(0), SOTTO_SPAN(data) } };
    struct sotto_tx tx = { .out_count = 2, .outs = outs };
    assert_int_equal(sotto_dust_check(&tx, 1), SOTTO_OK);
    assert_int_equal(sotto_dust_check(&tx, UINT64_MAX), SOTTO_M_DUST);
    outs[0].value.cong = 443;
    assert_int_equal(sotto_dust_check(&tx, 1), SOTTO_M_DUST);
    assert_int_equal(sotto_dust_check(&tx, 0), SOTTO_OK);
    outs[0].value.cong = 0;
    assert_int_equal(sotto_dust_check(&tx, 0), SOTTO_M_DUST);
}

static void locks(void **state)
{
    (void)state;
    struct sotto_tx_in ins[2] = { { .sequence = SOTTO_SEQUENCE_FINAL }, { .sequence = SOTTO_SEQUENCE_FINAL } };
    struct sotto_tx tx = { .in_count = 2, .ins = ins, .lock = 100 };
    assert_int_equal(sotto_lock_check(&tx, 1, 0), SOTTO_OK);          /* nobody asks */
    ins[1].sequence--;
    assert_int_equal(sotto_lock_check(&tx, 99, UINT64_MAX), SOTTO_T_LOCKED);
    assert_int_equal(sotto_lock_check(&tx, 100, 0), SOTTO_OK);
    tx.lock = SOTTO_LOCK_IS_TIME - 1;
    assert_int_equal(sotto_lock_check(&tx, SOTTO_LOCK_IS_TIME - 2, UINT64_MAX), SOTTO_T_LOCKED);
    tx.lock = SOTTO_LOCK_IS_TIME;
    assert_int_equal(sotto_lock_check(&tx, UINT32_MAX, SOTTO_LOCK_IS_TIME - 1), SOTTO_T_LOCKED);
    assert_int_equal(sotto_lock_check(&tx, 0, SOTTO_LOCK_IS_TIME), SOTTO_OK);
    tx.lock = 0;
    assert_int_equal(sotto_lock_check(&tx, 0, 0), SOTTO_OK);
    tx = (struct sotto_tx){ .lock = UINT32_MAX };                     /* without inputs nobody asks either */
    assert_int_equal(sotto_lock_check(&tx, 0, 0), SOTTO_OK);
}

static void sequences(void **state)
{
    (void)state;
    const uint32_t time = UINT32_C(1) << 22, off = UINT32_C(1) << 31;
    assert_int_equal(sotto_sequence_check(10, 100, 0, 109, 0), SOTTO_T_LOCKED);
    assert_int_equal(sotto_sequence_check(10, 100, 0, 110, 0), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(0, 100, 0, 100, 0), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(0, 100, 0, 99, 0), SOTTO_T_LOCKED);
    assert_int_equal(sotto_sequence_check(10 | off, 100, 0, 100, 0), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(SOTTO_SEQUENCE_FINAL, 100, 0, 100, 0), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(0xffff, UINT32_MAX - 0xffff, 0, UINT32_MAX, 0), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(0xffff, UINT32_MAX - 0xfffe, 0, UINT32_MAX, 0), SOTTO_T_LOCKED);
    assert_int_equal(sotto_sequence_check(time | 2, 5, 5000, 5, 6023), SOTTO_T_LOCKED);
    assert_int_equal(sotto_sequence_check(time | 2, 5, 5000, 5, 6024), SOTTO_OK);
    assert_int_equal(sotto_sequence_check(time, 5, 5000, 5, 4999), SOTTO_T_LOCKED);
    assert_int_equal(sotto_sequence_check(0x7fbf0000u | 3, 100, 0, 102, 0), SOTTO_T_LOCKED);   /* the other bits mean nothing */
    assert_int_equal(sotto_sequence_check(0x7fbf0000u | 3, 100, 0, 103, 0), SOTTO_OK);
}

static void expiry(void **state)
{
    (void)state;
    struct sotto_tx tx = { .in_count = 1, .expiry = 50 };
    assert_int_equal(sotto_expiry_check(&tx, 50), SOTTO_OK);
    assert_int_equal(sotto_expiry_check(&tx, 51), SOTTO_T_EXPIRED);
    tx.expiry = 0;
    assert_int_equal(sotto_expiry_check(&tx, UINT32_MAX), SOTTO_OK);
    tx.expiry = UINT32_MAX;
    assert_int_equal(sotto_expiry_check(&tx, 1), SOTTO_OK);           /* with inputs as far as one likes */
    tx = (struct sotto_tx){ .op_count = 1 };
    assert_int_equal(sotto_expiry_check(&tx, 7), SOTTO_T_NO_EXPIRY);
    tx.expiry = 7 + SOTTO_EXPIRY_AHEAD;
    assert_int_equal(sotto_expiry_check(&tx, 7), SOTTO_OK);
    assert_int_equal(sotto_expiry_check(&tx, 6), SOTTO_T_NO_EXPIRY);
    tx.expiry = 7;
    assert_int_equal(sotto_expiry_check(&tx, 7), SOTTO_OK);
    assert_int_equal(sotto_expiry_check(&tx, 8), SOTTO_T_EXPIRED);
}

static void post_times(void **state)
{
    (void)state;
    assert_int_equal(sotto_post_time_check(10000, 17200000), SOTTO_OK);
    assert_int_equal(sotto_post_time_check(10000, 17200001), SOTTO_T_OP_TIME);
    assert_int_equal(sotto_post_time_check(10000, 2800000), SOTTO_OK);
    assert_int_equal(sotto_post_time_check(10000, 2799999), SOTTO_T_OP_TIME);
    assert_int_equal(sotto_post_time_check(UINT64_MAX, UINT64_MAX), SOTTO_T_OP_TIME);
}

static void mined_coins(void **state)
{
    (void)state;
    assert_int_equal(sotto_maturity_check(true, 10, 109), SOTTO_T_IMMATURE);
    assert_int_equal(sotto_maturity_check(true, 10, 110), SOTTO_OK);
    assert_int_equal(sotto_maturity_check(true, 10, 9), SOTTO_T_IMMATURE);
    assert_int_equal(sotto_maturity_check(false, 10, 10), SOTTO_OK);
    assert_int_equal(sotto_subsidy(cong(1000), 10, 9).cong, 1000);
    assert_int_equal(sotto_subsidy(cong(1000), 10, 10).cong, 500);
    assert_int_equal(sotto_subsidy(cong(SOTTO_MONEY_MAX), 1, 50).cong, SOTTO_MONEY_MAX >> 50);
    assert_int_equal(sotto_subsidy(cong(SOTTO_MONEY_MAX), 1, UINT32_MAX).cong, 0);
    assert_int_equal(sotto_subsidy(cong(1000), 0, UINT32_MAX).cong, 1000);
}

static void coinbase(void **state)
{
    (void)state;
    struct sotto_tx_in ins[2] = { { .from.index = SOTTO_INDEX_COINBASE, .sequence = 70 } };
    struct sotto_tx_out outs[] = { { cong(40), { NULL, 0 } }, { cong(11), { NULL, 0 } } };
    struct sotto_tx tx = { .in_count = 1, .ins = ins, .out_count = 2, .outs = outs };
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_OK);
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(0)), SOTTO_B_COINBASE);
    assert_int_equal(sotto_coinbase_check(&tx, 71, cong(50), cong(1)), SOTTO_B_COINBASE);
    tx.out_count = 0;
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_OK);
    ins[0].unlock = sotto_span_str("x");
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_B_COINBASE);
    ins[0].unlock.size = 0;
    ins[0].from.txid[31] = 1;
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_B_COINBASE);
    ins[0].from.txid[31] = 0;
    ins[0].from.index--;
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_B_COINBASE);
    ins[0].from.index++;
    tx.in_count = 2;
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_B_COINBASE);
    tx.in_count = 0;
    assert_int_equal(sotto_coinbase_check(&tx, 70, cong(50), cong(1)), SOTTO_B_COINBASE);
}

/* ---- stamps ---- */

static void stamps(void **state)
{
    (void)state;
    uint8_t txid[32] = { 1 }, block_id[64] = { 2 }, digest[32] = { 0 };
    struct sotto_stamp_search s;
    uint64_t nonce = 3;
    assert_int_equal(sotto_stamp_bits(digest), 256);
    for (unsigned i = 0; i < 256; i++) {
        memset(digest, 0xff, sizeof digest);
        for (unsigned k = 0; k < i; k++) digest[k / 8] &= (uint8_t)~(0x80u >> (k % 8));
        assert_int_equal(sotto_stamp_bits(digest), i);
    }
    assert_int_equal(sotto_stamp_need(255, UINT64_MAX), 255 + 54);
    assert_false(sotto_stamp_near(100, 100));
    assert_true(sotto_stamp_near(100, 101));
    assert_true(sotto_stamp_near(100, 200));
    assert_false(sotto_stamp_near(100, 201));

    sotto_stamp_begin(&s, txid, block_id, 0, 10);
    assert_int_equal(sotto_stamp_step(&s, &nonce, 0), SOTTO_ERR_AGAIN);
    unsigned pieces = 0;
    enum sotto_err err;
    while ((err = sotto_stamp_step(&s, &nonce, 7)) == SOTTO_ERR_AGAIN) pieces++;
    assert_int_equal(err, SOTTO_OK);
    assert_true(nonce / 7 == pieces);                                 /* nothing is tried twice, nothing is left out */
    struct sotto_tx tx = { .has_stamp = true, .stamp = { 100, nonce } };
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 150, 10), SOTTO_OK);
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 201, 10), SOTTO_T_STAMP);
    assert_int_equal(sotto_stamp_check(&tx, txid, NULL, 150, 10), SOTTO_T_STAMP);
    sotto_stamp_digest(digest, txid, block_id, nonce);
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 150, sotto_stamp_bits(digest)), SOTTO_OK);
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 150, sotto_stamp_bits(digest) + 1), SOTTO_T_STAMP);
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 150, 300), SOTTO_T_STAMP);
    uint8_t other[32];
    block_id[63] ^= 1;                                                /* another block, another transaction: another stamp */
    sotto_stamp_digest(other, txid, block_id, nonce);
    assert_memory_not_equal(other, digest, 32);
    block_id[63] ^= 1;
    txid[31] ^= 1;
    sotto_stamp_digest(other, txid, block_id, nonce);
    assert_memory_not_equal(other, digest, 32);
    tx.has_stamp = false;
    assert_int_equal(sotto_stamp_check(&tx, txid, block_id, 150, 0), SOTTO_T_STAMP);

    sotto_stamp_begin(&s, txid, block_id, 0, 257);
    assert_int_equal(sotto_stamp_step(&s, &nonce, 1), SOTTO_ERR_RANGE);
    sotto_stamp_begin(&s, txid, block_id, UINT64_MAX, 256);
    assert_int_equal(sotto_stamp_step(&s, &nonce, 5), SOTTO_ERR_RANGE);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_keep_their_bound), cmocka_unit_test(amounts_have_one_text), cmocka_unit_test(addresses_refuse_what_differs),
        cmocka_unit_test(identities_sign_in_one_form), cmocka_unit_test(cost_and_fee), cmocka_unit_test(dust), cmocka_unit_test(locks),
        cmocka_unit_test(sequences), cmocka_unit_test(expiry), cmocka_unit_test(post_times), cmocka_unit_test(mined_coins), cmocka_unit_test(coinbase), cmocka_unit_test(stamps),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
