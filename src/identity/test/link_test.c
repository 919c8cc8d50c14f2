/* Contact links: what is accepted, what is refused and which character is blamed. */
#include "identity/test/people.h"

static struct sotto_chacha_rng chacha;
#define RNG (&chacha.rng)

struct text { char c[4096]; size_t n; };

static struct text build(const struct sotto_link *l)
{
    struct text t = { .n = 0 };
    struct sotto_buf b = sotto_buf_make(SOTTO_LINK_MAX);
    assert_int_equal(sotto_link_build(&b, l), SOTTO_OK);
    memcpy(t.c, b.data, b.size);
    t.n = b.size;
    sotto_buf_free(&b);
    return t;
}

static struct sotto_link contact(const struct person *p, bool with_cert, bool with_card)
{
    struct sotto_link l = { .kind = SOTTO_LINK_CONTACT, .id = p->id };
    if (with_cert) {
        l.cert_size = (uint16_t)p->size;
        memcpy(l.cert, p->bytes, p->size);
    }
    if (with_card) {
        l.has_card = true;
        assert_int_equal(sotto_scan_card_make(l.card, &p->id, person_cert(p), &p->scan, &p->identity), SOTTO_OK);
    }
    return l;
}

/* The character that is blamed, 0 for none. */
static size_t blamed(const char *text)
{
    struct sotto_link l = { .kind = SOTTO_LINK_CLUSTER };
    size_t position = 0;
    enum sotto_err err = sotto_link_parse(&l, &position, sotto_span_str(text));
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_LINK);
    if (err != SOTTO_OK) assert_int_equal(l.kind, SOTTO_LINK_CLUSTER);            /* nothing written */
    return err == SOTTO_OK ? 0 : position;
}

static struct text with(const struct text *t, const char *more)
{
    struct text out = *t;
    int n = snprintf(out.c + out.n, sizeof out.c - out.n, "%s", more);
    out.n += (size_t)n;
    return out;
}

static void test_round_trips(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    for (int form = 0; form < 3; form++) {
        struct sotto_link l = contact(&p, form > 0, form > 1), back;
        struct text t = build(&l);
        assert_int_equal(sotto_link_parse(&back, NULL, sotto_span(t.c, t.n)), SOTTO_OK);
        assert_int_equal(back.kind, SOTTO_LINK_CONTACT);
        assert_true(sotto_id_equal(&back.id, &p.id) && back.cert_size == l.cert_size && back.has_card == l.has_card && !back.has_network);
        assert_memory_equal(back.cert, l.cert, l.cert_size);
        assert_memory_equal(back.card, l.card, sizeof back.card);
    }
    struct sotto_link full = contact(&p, true, true), back;
    full.has_network = true;
    sotto_rng_fill(RNG, full.network, 32);
    full.invite_size = SOTTO_LINK_INVITE_MAX;
    full.enr_size = SOTTO_LINK_ENR_MAX;
    sotto_rng_fill(RNG, full.invite, sizeof full.invite);
    sotto_rng_fill(RNG, full.enr, sizeof full.enr);
    struct text t = build(&full);
    assert_true(t.n < SOTTO_LINK_MAX);
    assert_int_equal(sotto_link_parse(&back, NULL, sotto_span(t.c, t.n)), SOTTO_OK);
    assert_true(back.has_network && back.invite_size == full.invite_size && back.enr_size == full.enr_size);
    assert_memory_equal(back.network, full.network, 32);
    assert_memory_equal(back.invite, full.invite, sizeof full.invite);
    assert_memory_equal(back.enr, full.enr, sizeof full.enr);
}

/* Every beginning of a link is refused with the place right after it: "it ends too early". */
static void test_cut(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_link l = contact(&p, true, false);
    struct text t = build(&l);
    for (size_t n = 0; n < t.n; n++) {
        struct sotto_link back;
        size_t position = 0;
        enum sotto_err err = sotto_link_parse(&back, &position, sotto_span(t.c, n));
        if (n == 48) assert_int_equal(err, SOTTO_OK);                             /* the bare form is whole */
        else if (n == t.n - 1) assert_int_not_equal(err, SOTTO_OK);
        else assert_true(err == SOTTO_ERR_LINK && position == n + 1);
    }
}

static void test_first_characters(void **state)
{
    (void)state;
    assert_int_equal(blamed(""), 1);
    assert_int_equal(blamed("   "), 1);
    assert_int_equal(blamed("http://example.org"), 1);
    assert_int_equal(blamed("Sotto:0x00"), 1);
    assert_int_equal(blamed("sotto;0x00"), 6);
    assert_int_equal(blamed("sotto:0X00"), 8);
    assert_int_equal(blamed("sotto:1x00"), 7);
    assert_int_equal(blamed("sotto:0xg0"), 9);
    assert_int_equal(blamed("sotto:"), 7);
}

/* EIP-55: the one right spelling passes; any other case of a letter is blamed at that letter. */
static void test_id_spelling(void **state)
{
    (void)state;
    static const char *const good[] = { "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                                        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb" };
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "sotto:%s", good[i]);
        assert_int_equal(blamed(text), 0);
        for (size_t at = 8; at < 48; at++) {
            char keep = text[at];
            bool letter = (keep >= 'a' && keep <= 'f') || (keep >= 'A' && keep <= 'F');
            if (!letter) continue;
            text[at] = (char)(keep ^ 0x20);
            assert_int_equal(blamed(text), at + 1);
            text[at] = keep;
        }
    }
    assert_int_equal(blamed("sotto:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), 11);        /* all lower: only files may */
    assert_int_equal(blamed("sotto:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd"), 49);
    assert_int_equal(blamed("sotto:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed&n=1"), 49);
}

static void test_white_space(void **state)
{
    (void)state;
    assert_int_equal(blamed(" \t\n sotto:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\r\n"), 0);
    assert_int_equal(blamed("  sotto:0x5aAeb6053F3E94C9b9A0 9f33669435E7Ef1BeAed"), 31);     /* counted in the text as given */
}

static void test_parameters(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_link bare = contact(&p, false, false), certified = contact(&p, true, false);
    struct text b = build(&bare), c = build(&certified);
    char n32[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";         /* 32 zero bytes */
    struct text t;

    /* Unknown ones are ignored, with or without a value, before and after. */
    t = with(&b, "?later=x%20y/z&flag&v1.2=");
    assert_int_equal(blamed(t.c), 0);
    t = with(&c, "&zz=1");
    assert_int_equal(blamed(t.c), 0);
    t = with(&b, "?C=notacertificate");               /* names are exact: C is not c */
    assert_int_equal(blamed(t.c), 0);

    /* A repeated one is not, known or unknown, at its second place. */
    t = with(&b, "?i=AAAA&i=AAAA");
    assert_int_equal(blamed(t.c), 49 + 8);
    t = with(&b, "?x=1&xx=1&x=2");
    assert_int_equal(blamed(t.c), 49 + 10);
    t = with(&b, "?x&y&x");
    assert_int_equal(blamed(t.c), 49 + 5);
    t = with(&c, strchr(c.c, '?') + 0);               /* "?" inside a value */
    assert_int_equal(blamed(t.c), c.n + 1);

    /* Form of the list. */
    t = with(&b, "?");
    assert_int_equal(blamed(t.c), 50);
    t = with(&b, "?&i=AAAA");
    assert_int_equal(blamed(t.c), 50);
    t = with(&b, "?i=AAAA&");
    assert_int_equal(blamed(t.c), 57);
    t = with(&b, "?=AAAA");
    assert_int_equal(blamed(t.c), 50);
    t = with(&b, "?i");
    assert_int_equal(blamed(t.c), 51);
    t = with(&b, "?i=");
    assert_int_equal(blamed(t.c), 52);
    t = with(&b, "?x=a b");
    assert_int_equal(blamed(t.c), 53);
    t = with(&b, "?x=\x7f");
    assert_int_equal(blamed(t.c), 52);

    /* Values: alphabet, padding, spare bits, size. */
    t = with(&b, "?i=AA+A");
    assert_int_equal(blamed(t.c), 54);
    t = with(&b, "?i=AA==");
    assert_int_equal(blamed(t.c), 54);
    t = with(&b, "?i=AB");
    assert_int_equal(blamed(t.c), 53);
    t = with(&b, "?i=A");
    assert_int_equal(blamed(t.c), 53);
    t = with(&b, "?n=");
    t = with(&t, n32);
    assert_int_equal(blamed(t.c), 0);
    t = with(&t, "AA");
    assert_int_equal(blamed(t.c), 52 + 43);
    t.c[52 + 40] = 0;
    assert_int_equal(blamed(t.c), 52 + 41);

    /* A certificate of somebody else. */
    struct text o = build(&(struct sotto_link){ .kind = SOTTO_LINK_CONTACT, .id = other.id });
    t = with(&o, strchr(c.c, '?'));
    assert_int_equal(blamed(t.c), 52);
    struct sotto_link wrong = contact(&p, true, false);
    wrong.id = other.id;
    struct sotto_buf out = sotto_buf_make(SOTTO_LINK_MAX);
    assert_int_equal(sotto_link_build(&out, &wrong), SOTTO_ERR_LINK);
    assert_int_equal(out.size, 0);

    /* Too long as a whole. */
    t = with(&b, "?x=");
    while (t.n < SOTTO_LINK_MAX) t.c[t.n++] = 'a';
    t.c[t.n] = 0;
    assert_int_equal(blamed(t.c), 0);
    t = with(&t, "a");
    assert_int_equal(blamed(t.c), SOTTO_LINK_MAX + 1);
}

/* A damaged signature is told as such: every character is possible, yet somebody else wrote it. */
static void test_signatures(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_link l = contact(&p, true, true), back;
    struct sotto_buf out = sotto_buf_make(SOTTO_LINK_MAX);
    l.cert[150] ^= 1;                                 /* the recovery commitment */
    assert_int_equal(sotto_link_build(&out, &l), SOTTO_ERR_CERT_SIG);
    l = contact(&p, true, true);
    person_high_s(l.cert + 165);
    assert_int_equal(sotto_link_build(&out, &l), SOTTO_ERR_SIG_FORM);
    l = contact(&p, true, false);
    l.has_card = true;
    assert_int_equal(sotto_scan_card_make(l.card, &p.id, person_cert(&p), &p.scan, &other.identity), SOTTO_OK);
    assert_int_equal(sotto_link_build(&out, &l), SOTTO_ERR_CERT_SIG);
    memset(l.card, 0xff, 33);
    assert_int_equal(sotto_link_build(&out, &l), SOTTO_ERR_LINK);
    l = contact(&p, false, true);                     /* the bare form with a card: to be checked once the ledger gave the keys */
    struct text t = build(&l);
    assert_int_equal(sotto_link_parse(&back, NULL, sotto_span(t.c, t.n)), SOTTO_OK);
    assert_true(back.has_card && back.cert_size == 0);

    /* An expired certificate is for the one who adds it. */
    struct sotto_cert old = p.cert;
    old.not_before_s = 1;
    old.not_after_s = 2;
    size_t size;
    person_sign_any(p.bytes, &size, &old, &p.identity);
    p.size = size;
    l = contact(&p, true, false);
    t = build(&l);
    struct sotto_cert cert;
    assert_int_equal(sotto_link_parse(&back, NULL, sotto_span(t.c, t.n)), SOTTO_OK);
    assert_int_equal(sotto_cert_read(&cert, sotto_span(back.cert, back.cert_size), NOW_MS, NULL), SOTTO_ERR_CERT_EXPIRED);
}

static void test_other_kinds(void **state)
{
    (void)state;
    struct sotto_link l;
    char text[160];
    snprintf(text, sizeof text, "sotto:net?n=%043d&b=QUJD", 0);
    memset(text + 12, 'A', 43);
    assert_int_equal(sotto_link_parse(&l, NULL, sotto_span_str(text)), SOTTO_OK);
    assert_int_equal(l.kind, SOTTO_LINK_NETWORK);
    assert_true(l.has_network && l.enr_size == 3 && memcmp(l.enr, "ABC", 3) == 0);
    struct text again = build(&l);
    assert_string_equal(again.c, text);
    assert_string_equal(sotto_link_kind_name(l.kind), "network");
    assert_int_equal(blamed("sotto:net?b=QUJD"), 17);             /* without a network it names none */
    assert_int_equal(blamed("sotto:net"), 10);
    assert_int_equal(blamed("sotto:nets?n=1"), 10);
    assert_int_equal(sotto_link_parse(&l, NULL, sotto_span_str("sotto:join/AAAA")), SOTTO_OK);
    assert_int_equal(l.kind, SOTTO_LINK_CLUSTER);
    assert_string_equal(sotto_link_kind_name(l.kind), "cluster");
    struct sotto_buf out = sotto_buf_make(100);
    assert_int_equal(sotto_link_build(&out, &l), SOTTO_ERR_STATE);
    assert_int_equal(blamed("sotto:jo"), 7);
}

/* One random character changed: never the same contact with another certificate, never a crash, always a place inside. */
static void test_mutated(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_link l = contact(&p, true, true);
    struct text t = build(&l);
    for (int i = 0; i < 2000; i++) {
        struct text m = t;
        size_t at = (size_t)sotto_rng_below(RNG, t.n);
        m.c[at] = (char)(0x20 + sotto_rng_below(RNG, 0x5f));
        if (m.c[at] == t.c[at]) continue;
        struct sotto_link back;
        size_t position = 0;
        enum sotto_err err = sotto_link_parse(&back, &position, sotto_span(m.c, m.n));
        if (err == SOTTO_ERR_LINK) assert_true(position >= 1 && position <= t.n + 1);
        if (err != SOTTO_OK) continue;
        assert_true(sotto_id_equal(&back.id, &p.id));
        if (back.cert_size > 0) assert_memory_equal(back.cert, p.bytes, p.size);
    }
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&chacha, test_seed(), "link");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_cut), cmocka_unit_test(test_first_characters), cmocka_unit_test(test_id_spelling),
        cmocka_unit_test(test_white_space), cmocka_unit_test(test_parameters), cmocka_unit_test(test_signatures), cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
