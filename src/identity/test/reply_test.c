/* First contact: M2. Every refusal by name and in its order, changed bytes, and the attacks of the design: relay to another
 * person, impersonation with stolen exchange keys, replayed replies. */
#include "identity/test/contact.h"

/* ---- I on M2: names and order ---- */

static void expect_m2(struct contact *c, enum sotto_err want)
{
    struct sotto_hello_keys before;
    memset(&c->keys_i, 0x66, sizeof c->keys_i);
    memcpy(&before, &c->keys_i, sizeof before);
    assert_int_equal(check_m2(c), want);
    assert_memory_equal(&before, &c->keys_i, sizeof before);
}

/* M2 with confirm and signature made again by R over whatever fields now stand there. */
static void resign_m2(struct contact *c, const struct sotto_scalar *signer, bool confirm)
{
    uint8_t text[272 + SOTTO_CERT_MAX], digest[32];
    struct sotto_span signed2 = sotto_span(text, sotto_hello_signed(text, c->m2));
    struct sotto_secret share_r;
    memcpy(share_r.b, c->m2 + 116, 32);
    struct sotto_hello_mix mix = { .id_i = c->i.id, .id_r = c->r.id, .own_exchange = &c->r.exchange, .own_eph = &c->eph_r, .own_xkey = c->r.xkey,
                                   .peer_xkey = c->i.xkey, .peer_eph = c->hello.eph, .share_i = &c->hello.share, .share_r = &share_r,
                                   .mk = c->with_mk ? &c->mk : NULL };
    struct sotto_hello_keys keys;
    struct sotto_sig65 sig;
    assert_int_equal(sotto_hello_keys_derive(&keys, &mix, c->pending.h1, signed2), SOTTO_OK);
    if (confirm) memcpy(c->m2 + 859, keys.confirm_r, 32);
    sotto_hello_digest(digest, c->m2, keys.h2);
    assert_int_equal(sotto_sign(&sig, signer, digest), SOTTO_OK);
    memcpy(c->m2 + 891, sig.b, 65);
}

static void test_m2_order(void **state)
{
    (void)state;
    struct contact c;
    start(&c, true, false);
    struct person other = person_make(RNG);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    send_m2(&c);
    resign_m2(&c, &other.identity, true);
    expect_m2(&c, SOTTO_ERR_HELLO_SIG);
    person_high_s(c.m2 + 891);
    expect_m2(&c, SOTTO_ERR_SIG_FORM);
    c.m2[859] ^= 1;
    expect_m2(&c, SOTTO_ERR_HELLO_CONFIRM);
    memcpy(c.m2 + 274, other.bytes, other.size);
    expect_m2(&c, SOTTO_ERR_HELLO_FROM);
    c.m2[274 + 140] ^= 1;
    expect_m2(&c, SOTTO_ERR_CERT_SIG);
    c.m2[181] ^= 1;
    expect_m2(&c, SOTTO_ERR_HELLO_MK);
    sotto_put_be64(c.m2 + 44, NOW_MS);
    expect_m2(&c, SOTTO_ERR_HELLO_TIME);
    c.m2[84] ^= 1;
    expect_m2(&c, SOTTO_ERR_HELLO_ECHO);
    c.m2[4] ^= 1;
    expect_m2(&c, SOTTO_ERR_HELLO_TO);
    c.m2[4] ^= 1;
    c.m2[24] ^= 1;
    expect_m2(&c, SOTTO_ERR_HELLO_TO);
    memset(c.m2 + 149, 0xff, 32);
    expect_m2(&c, SOTTO_ERR_KEY);
    c.m2[1] = 1;
    expect_m2(&c, SOTTO_ERR_KEY);         /* still a key fault: the form of step 1 allows it so far */
    c.m2[2] = 9;
    expect_m2(&c, SOTTO_ERR_HELLO_FORM);
}

static void test_m2_details(void **state)
{
    (void)state;
    struct contact c, good;
    start(&good, false, false);
    assert_int_equal(check_m1(&good), SOTTO_OK);
    good.at_r.hello.cert = sotto_span(NULL, 0);       /* m2_make needs the fields only: nothing points back into m1 */
    good.at_r.hello.intro = sotto_span(NULL, 0);
    send_m2(&good);
    c = good;
    sotto_put_be64(c.m2 + 229, 1);        /* a puzzle in M2 */
    resign_m2(&c, &c.r.identity, true);
    expect_m2(&c, SOTTO_ERR_HELLO_MK);
    c = good;
    sotto_put_be64(c.m2 + 44, NOW_MS + 2);
    resign_m2(&c, &c.r.identity, true);
    expect_m2(&c, SOTTO_ERR_HELLO_TIME);
    c = good;
    c.pending.flags = 0;                  /* accepted what was not offered */
    expect_m2(&c, SOTTO_ERR_HELLO_FORM);
    c = good;
    c.m2[3] = SOTTO_HELLO_RESYNC;
    expect_m2(&c, SOTTO_ERR_HELLO_FORM);
    c = good;
    memset(c.m2 + 52, 0, 32);
    expect_m2(&c, SOTTO_ERR_HELLO_FORM);
    c = good;
    c.pending.has_mk = true;              /* asked with a master key, answered without */
    expect_m2(&c, SOTTO_ERR_HELLO_MK);
    c = good;
    memcpy(c.m2, c.m1, sizeof c.m2);      /* my own M1 thrown back */
    expect_m2(&c, SOTTO_ERR_HELLO_FORM);
    c = good;
    assert_int_equal(check_m2(&c), SOTTO_OK);

    struct sotto_hello_reply reply = reply_of(&c, &c.r);
    struct sotto_hello_keys keys;
    reply.mk = &c.mk;
    assert_int_equal(sotto_hello_m2_make(c.m2, &keys, &c.at_r, &reply), SOTTO_ERR_HELLO_MK);
    reply.mk = NULL;
    c.at_r.hello.flags = 0;
    assert_int_equal(sotto_hello_m2_make(c.m2, &keys, &c.at_r, &reply), SOTTO_ERR_RANGE);
    assert_memory_equal(c.m2, good.m2, sizeof c.m2);
}

static void test_m2_mutated(void **state)
{
    (void)state;
    struct contact c;
    start(&c, true, false);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    send_m2(&c);
    size_t intro = 274 + c.r.size;
    for (size_t bit = 0; bit < 8 * sizeof c.m2; bit += 11) {
        if ((bit / 8 >= intro && bit / 8 < intro + 3) || bit / 8 == 272 || bit / 8 == 273) continue;
        c.m2[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(check_m2(&c), SOTTO_OK);
        c.m2[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(check_m2(&c), SOTTO_OK);
}

/* ---- attacks ---- */

/* Lowe's attack: Alice asks Mallory, who opens her M1 and hands it on to Bob as if she had asked Bob. The receiver's ID is under
 * her signature; the other way round, Bob's honest M2 to Mallory cannot be shown to Alice. */
static void test_relay_to_another(void **state)
{
    (void)state;
    struct contact c;                     /* i = Alice, r = Mallory */
    start(&c, false, false);
    struct person bob = person_make(RNG);
    struct sotto_hello_ctx at_bob = ctx_of(&bob);
    struct sotto_hello_seen seen;
    assert_int_equal(sotto_hello_m1_check(&seen, sotto_span(c.m1, c.m1_size), &at_bob), SOTTO_ERR_HELLO_TO);
    memcpy(c.m1 + 24, bob.id.b, 20);      /* the address alone: her signature no longer fits */
    redo_m1(&c, &c.r.identity);
    assert_int_equal(sotto_hello_m1_check(&seen, sotto_span(c.m1, c.m1_size), &at_bob), SOTTO_ERR_HELLO_SIG);

    /* Mallory asks Bob in his own name with Alice's nonce, share and one-time key, and passes Bob's answer to Alice. */
    struct contact m;
    memset(&m, 0, sizeof m);
    m.i = c.r;
    m.r = bob;
    fill_hello(&m);
    memcpy(m.hello.nonce, c.hello.nonce, 32);
    m.hello.share = c.hello.share;
    m.hello.eph = c.hello.eph;
    send_m1(&m);
    assert_int_equal(check_m1(&m), SOTTO_OK);
    send_m2(&m);
    memcpy(c.m2, m.m2, sizeof c.m2);
    expect_m2(&c, SOTTO_ERR_HELLO_TO);    /* neither to her nor from whom she asked */
    memcpy(c.m2 + 24, c.i.id.b, 20);
    expect_m2(&c, SOTTO_ERR_HELLO_TO);
    memcpy(c.m2 + 4, c.r.id.b, 20);
    expect_m2(&c, SOTTO_ERR_HELLO_FROM);  /* Bob's certificate */
    memcpy(c.m2 + 274, c.r.bytes, c.r.size);
    expect_m2(&c, SOTTO_ERR_HELLO_CONFIRM);
}

/* Key compromise: a thief of my exchange key knows ss and may answer in R's name, yet R's signature is missing. With R's exchange
 * key instead he lacks it just the same. */
static void test_stolen_exchange_keys(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    struct person thief = person_make(RNG);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    send_m2(&c);
    resign_m2(&c, &thief.identity, true); /* everything right, computed with k_R, but for the hand that signs */
    expect_m2(&c, SOTTO_ERR_HELLO_SIG);
    resign_m2(&c, &c.i.identity, true);   /* even with I's own identity key */
    expect_m2(&c, SOTTO_ERR_HELLO_SIG);
    resign_m2(&c, &c.r.identity, true);
    assert_int_equal(check_m2(&c), SOTTO_OK);
}

/* An answer to an earlier question of the same person does not fit a later one. */
static void test_old_answer(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    send_m2(&c);
    struct contact later = c;
    fill_hello(&later);
    send_m1(&later);
    memcpy(later.m2, c.m2, sizeof c.m2);
    expect_m2(&later, SOTTO_ERR_HELLO_ECHO);
    memcpy(later.pending.nonce, c.pending.nonce, 32); /* even if nonces ever met: the one-time key differs */
    expect_m2(&later, SOTTO_ERR_HELLO_CONFIRM);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&chacha, test_seed(), "reply");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_m2_order), cmocka_unit_test(test_m2_details), cmocka_unit_test(test_m2_mutated),
        cmocka_unit_test(test_relay_to_another), cmocka_unit_test(test_stolen_exchange_keys), cmocka_unit_test(test_old_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
