/* The key store: what every method of whisper-v6.md 12.2 about keys says, word by word; bounds; against a plain list. */
#include "whisper/test/said.h"

#include "crypto/rng.h"
#include "whisper/keys.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }
static size_t draw(size_t bound) { return (size_t)sotto_rng_below(rng(), bound); }

#define assert_done(r) assert_said((r), "")

static struct sotto_span text_of(const struct sotto_shh_id *id) { return sotto_span_str(id->text); }
static const char missing[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void what_is_said_of_pairs(void **state)
{
    (void)state;
    struct sotto_shh_keys *k;
    struct sotto_shh_id a, b, c;
    struct sotto_shh_pair pair, twin;
    struct sotto_point point;
    uint8_t bytes[33] = { 0 };
    assert_int_equal(sotto_shh_keys_new(&k, 4, 4, rng()), SOTTO_OK);
    for (size_t size = 0; size < 34; size += size == 30 ? 1 : size < 30 ? 10 : 2) assert_said(sotto_shh_keys_add_pair(k, &a, sotto_span(bytes, size)), "invalid length, need 256 bits");
    assert_said(sotto_shh_keys_add_pair(k, &a, sotto_span(bytes, 32)), "invalid private key, zero or negative");
    memset(bytes, 0xff, 32);
    assert_said(sotto_shh_keys_add_pair(k, &a, sotto_span(bytes, 32)), "invalid private key, >=N");
    memset(bytes, 0x11, 32);
    assert_done(sotto_shh_keys_add_pair(k, &a, sotto_span(bytes, 32)));
    assert_done(sotto_shh_keys_add_pair(k, &b, sotto_span(bytes, 32)));
    assert_string_not_equal(a.text, b.text);          /* the same key again is another id */
    assert_done(sotto_shh_keys_new_pair(k, &c));
    assert_int_equal(strlen(c.text), 64);
    assert_int_equal(strspn(c.text, "0123456789abcdef"), 64);
    assert_int_equal(sotto_shh_keys_pairs(k), 3);
    assert_done(sotto_shh_keys_pair(k, &pair, text_of(&a)));
    assert_done(sotto_shh_keys_pair(k, &twin, text_of(&b)));
    assert_memory_equal(pair.key->b, bytes, 32);
    assert_int_equal(sotto_point_make(&point, pair.key), SOTTO_OK);
    assert_memory_equal(point.b, pair.point.b, sizeof point.b);
    assert_memory_equal(twin.point.b, pair.point.b, sizeof point.b);
    assert_said(sotto_shh_keys_pair(k, &pair, sotto_span_str(missing)), "invalid id");
    assert_said(sotto_shh_keys_pair(k, &pair, sotto_span_str("")), "invalid id");
    char other[67] = "0x";
    memcpy(other + 2, a.text, 65);
    assert_said(sotto_shh_keys_pair(k, &pair, sotto_span_str(other)), "invalid id");
    for (char *p = other + 2; *p; p++)
        if (*p >= 'a') *p = (char)(*p - 'a' + 'A');
    if (strcmp(other + 2, a.text) != 0) assert_said(sotto_shh_keys_pair(k, &pair, sotto_span_str(other + 2)), "invalid id");
    assert_said(sotto_shh_keys_delete_pair(k, sotto_span_str("nobody's")), "key pair nobody's not found");
    assert_done(sotto_shh_keys_delete_pair(k, text_of(&a)));
    assert_said(sotto_shh_keys_pair(k, &pair, text_of(&a)), "invalid id");
    assert_done(sotto_shh_keys_pair(k, &twin, text_of(&b)));
    assert_memory_equal(twin.key->b, bytes, 32);
    assert_done(sotto_shh_keys_new_pair(k, &a));
    assert_done(sotto_shh_keys_new_pair(k, &a));
    assert_said(sotto_shh_keys_new_pair(k, &a), "too many keys, at most 4");
    assert_said(sotto_shh_keys_add_pair(k, &a, sotto_span(bytes, 32)), "too many keys, at most 4");
    sotto_shh_keys_free(k);
    sotto_shh_keys_free(NULL);
}

static void what_is_said_of_symmetric_keys(void **state)
{
    (void)state;
    struct sotto_shh_keys *k;
    struct sotto_shh_id a, b;
    const struct sotto_secret *key;
    uint8_t bytes[33] = { 0 };
    assert_int_equal(sotto_shh_keys_new(&k, 1, 2, rng()), SOTTO_OK);
    assert_said(sotto_shh_keys_add_sym(k, &a, sotto_span(bytes, 0)), "wrong key size: 0");
    assert_said(sotto_shh_keys_add_sym(k, &a, sotto_span(bytes, 31)), "wrong key size: 31");
    assert_said(sotto_shh_keys_add_sym(k, &a, sotto_span(bytes, 33)), "wrong key size: 33");
    assert_done(sotto_shh_keys_add_sym(k, &a, sotto_span(bytes, 32)));
    assert_done(sotto_shh_keys_sym(k, &key, text_of(&a)));
    assert_said(sotto_shh_keys_sym_to_use(k, &key, text_of(&a)), "invalid symmetric key");
    assert_said(sotto_shh_keys_sym(k, &key, sotto_span_str(missing)), "non-existent key ID");
    assert_said(sotto_shh_keys_sym_to_use(k, &key, sotto_span_str(missing)), "non-existent key ID");
    assert_done(sotto_shh_keys_new_sym(k, &b));
    assert_done(sotto_shh_keys_sym_to_use(k, &key, text_of(&b)));
    assert_false(sotto_all_zero(key->b, 32));
    assert_said(sotto_shh_keys_new_sym(k, &b), "too many keys, at most 2");
    assert_false(sotto_shh_keys_delete_sym(k, sotto_span_str(missing)));
    assert_true(sotto_shh_keys_delete_sym(k, text_of(&a)));
    assert_false(sotto_shh_keys_delete_sym(k, text_of(&a)));
    assert_int_equal(sotto_shh_keys_syms(k), 1);
    sotto_shh_keys_free(k);
}

/* Texts that no key makes: each with its values in their places. */
static void every_text(void **state)
{
    (void)state;
    struct sotto_shh_refusal r = { .number = 10485761, .limit = 10485760, .pow = -1, .text = sotto_span_str("words") };
    static const struct { enum sotto_shh_refused why; const char *text; } rows[] = {
        { SOTTO_SHH_REFUSED_SIZE_LIMIT, "message size too large [10485761>10485760]" },
        { SOTTO_SHH_REFUSED_MIN_POW, "invalid PoW: -1.000000" },
        { SOTTO_SHH_REFUSED_BLOOM_SIZE, "invalid bloom filter size: 10485761" },
        { SOTTO_SHH_REFUSED_NO_PEER, "could not find peer with ID: words" },
        { SOTTO_SHH_REFUSED_TARGET_PEER, "failed to parse target peer: words" },
        { SOTTO_SHH_REFUSED_NO_FILTER, "filter not found" },
        { SOTTO_SHH_REFUSED_NO_FILTER_TO_DELETE, "Unsubscribe: Invalid ID" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        r.why = rows[i].why;
        assert_said(r, rows[i].text);
    }
    for (unsigned why = 1; why < SOTTO_SHH_REFUSED_COUNT; why++) {
        struct sotto_buf b = sotto_buf_make(4096), tiny = sotto_buf_make(7);
        r.why = (enum sotto_shh_refused)why;
        r.pow = -1.7976931348623157e308;
        assert_int_equal(sotto_shh_refusal_text(&b, &r), SOTTO_OK);
        assert_true(b.size > 7 && !memchr(b.data, '{', b.size));
        assert_int_equal(sotto_shh_refusal_text(&tiny, &r), SOTTO_ERR_FULL);
        assert_int_equal(tiny.size, 0);
        sotto_buf_free(&b);
        sotto_buf_free(&tiny);
    }
}

enum { MAX = 12, STEPS = 4000 };
struct held { struct sotto_shh_id id; uint8_t key[32]; };

static void as_a_plain_list(void **state)
{
    (void)state;
    struct sotto_shh_keys *k;
    struct held list[MAX];
    unsigned count = 0;
    assert_int_equal(sotto_shh_keys_new(&k, MAX, MAX, rng()), SOTTO_OK);
    for (unsigned run = 1; run <= STEPS; run++) {
        struct held h;
        sotto_rng_fill(rng(), h.key, 32);
        if (draw(2)) {
            struct sotto_shh_refusal r = sotto_shh_keys_add_sym(k, &h.id, SOTTO_SPAN(h.key));
            test_rule((r.why == SOTTO_SHH_REFUSED_KEYS_FULL) == (count == MAX), "refused only when it is full", run);
            if (r.why == SOTTO_SHH_REFUSED_NOTHING) list[count++] = h;
        } else if (count) {
            size_t i = draw(count);
            test_rule(sotto_shh_keys_delete_sym(k, text_of(&list[i].id)), "what is here can be deleted", run);
            list[i] = list[--count];
        }
        test_rule(sotto_shh_keys_syms(k) == count, "as many as the list has", run);
        for (unsigned i = 0; i < count; i++) {
            const struct sotto_secret *key;
            struct sotto_shh_refusal r = sotto_shh_keys_sym(k, &key, text_of(&list[i].id));
            test_rule(!r.why && memcmp(key->b, list[i].key, 32) == 0, "each key is that of its id", run);
        }
    }
    sotto_shh_keys_free(k);
}

static int start(void **state)
{
    (void)state;
    sotto_rng_from_seed(&random_stream, test_seed(), "keys");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_pairs), cmocka_unit_test(what_is_said_of_symmetric_keys), cmocka_unit_test(every_text), cmocka_unit_test(as_a_plain_list),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
