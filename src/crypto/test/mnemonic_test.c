/* phrases: what a person types wrong is named, and roles come from hardened paths only. */
#include "crypto/hash.h"
#include "crypto/mnemonic.h"
#include "crypto/rng.h"
#include "support/test.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

/* The list as a file, one word a line, has the published hash. */
static void list_is_the_published_one(void **state)
{
    (void)state;
    static const uint8_t want[32] = { 0x2f, 0x5e, 0xed, 0x53, 0xa4, 0x72, 0x7b, 0x4b, 0xf8, 0x88, 0x0d, 0x8f, 0x3f, 0x19, 0x9e, 0xfc,
                                      0x90, 0xe5, 0x85, 0x03, 0x64, 0x6d, 0x9f, 0xf8, 0xef, 0xf3, 0xa2, 0xed, 0x3b, 0x24, 0xdb, 0xda };
    struct sotto_buf file = sotto_buf_make(2048 * 9);
    uint8_t got[32];
    for (unsigned i = 0; i < 2048; i++) {
        assert_int_equal(sotto_buf_add_span(&file, sotto_span_str(sotto_word(i))), SOTTO_OK);
        assert_int_equal(sotto_buf_add_u8(&file, '\n'), SOTTO_OK);
    }
    sotto_sha256(got, sotto_buf_span(&file));
    assert_memory_equal(got, want, 32);
    sotto_buf_free(&file);
}

static void words_are_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2048; i++) {
        char big[9];
        assert_int_equal(sotto_word_index(sotto_span_str(sotto_word(i))), i);
        size_t size = strlen(sotto_word(i));
        for (size_t j = 0; j <= size; j++) big[j] = (char)(j < size ? sotto_word(i)[j] - 32 : 0);
        assert_int_equal(sotto_word_index(sotto_span_str(big)), i);
    }
    static const char *const foreign[] = { "", "a", "aaaa", "zzzz", "zoos", "abando", "abandonx", "abandonment", "zoo ", "caf\xc3\xa9" };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) assert_int_equal(sotto_word_index(sotto_span_str(foreign[i])), -1);
    assert_int_equal(sotto_word_index(sotto_span("zoo\0", 4)), -1);
}

static void nearest_word(void **state)
{
    (void)state;
    static const struct { const char *typed, *meant; } cases[] = {
        { "abandn", "abandon" }, { "abnadon", "abandon" }, { "Zebbra", "zebra" }, { "venu", "venue" }, { "racoon", "raccoon" },
        { "relif", "relief" }, { "musick", "music" }, { "musci", "music" }, { "zoo", "zoo" }, { "satosi", "satoshi" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(sotto_word_nearest(sotto_span_str(cases[i].typed)), cases[i].meant);
    /* one slip of any kind in a word of five or more letters comes back, unless the slip made another word's neighbour */
    unsigned back = 0, tried = 0;
    for (unsigned i = 0; i < 2048; i += 7) {
        char typed[10];
        const char *word = sotto_word(i);
        size_t size = strlen(word);
        if (size < 5) continue;
        memcpy(typed, word, size + 1);
        memmove(typed + size - 2, typed + size - 1, 2);              /* the last letter but one is missing */
        tried++;
        back += strcmp(sotto_word_nearest(sotto_span_str(typed)), word) == 0;
    }
    assert_true(tried > 150 && back * 10 >= tried * 9);
    uint8_t noise[300];
    for (size_t size = 0; size < sizeof noise; size += 13) {         /* anything at all gets some word */
        sotto_rng_fill(rng(), noise, sizeof noise);
        assert_true(sotto_word_index(sotto_span_str(sotto_word_nearest(sotto_span(noise, size)))) >= 0);
    }
}

static void phrases_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        struct sotto_entropy e, back;
        char text[SOTTO_WORDS_TEXT_MAX], loose[2 * SOTTO_WORDS_TEXT_MAX + 8];
        size_t to = 0;
        int bad = 77;
        sotto_rng_fill(rng(), e.b, 32);
        sotto_mnemonic_words(text, &e);
        assert_int_equal(sotto_mnemonic_parse(&back, &bad, sotto_span_str(text)), SOTTO_OK);
        assert_memory_equal(back.b, e.b, 32);
        assert_int_equal(bad, 77);
        /* capitals, tabs, line ends, the no-break space */
        loose[to++] = '\n';
        for (const char *p = text; *p; p++) {
            if (*p == ' ') {
                if (i % 3 == 0) loose[to++] = '\xc2', loose[to++] = '\xa0';
                else loose[to++] = i % 3 == 1 ? '\t' : '\r', loose[to++] = '\n';
            } else {
                loose[to++] = sotto_rng_below(rng(), 2) ? (char)(*p - 32) : *p;
            }
        }
        loose[to++] = ' ';
        assert_int_equal(sotto_mnemonic_parse(&back, NULL, sotto_span(loose, to)), SOTTO_OK);
        assert_memory_equal(back.b, e.b, 32);
    }
    struct sotto_entropy all;
    char text[SOTTO_WORDS_TEXT_MAX];
    memset(all.b, 0xff, 32);
    sotto_mnemonic_words(text, &all);
    assert_string_equal(text, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote");
}

static void wrong_phrases(void **state)
{
    (void)state;
    struct sotto_entropy e, out, before;
    char text[SOTTO_WORDS_TEXT_MAX], words[24][9];
    sotto_rng_fill(rng(), e.b, 32);
    sotto_mnemonic_words(text, &e);
    unsigned count = 0;
    for (char *rest = NULL, *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) snprintf(words[count++], 9, "%s", w);
    assert_int_equal(count, 24);
    memset(out.b, 0x5a, 32);
    before = out;
    for (unsigned wrong = 0; wrong < 24; wrong++) {
        char line[2 * SOTTO_WORDS_TEXT_MAX];
        int bad = -1;
        size_t at = 0;
        for (unsigned i = 0; i < 24; i++) at += (size_t)snprintf(line + at, sizeof line - at, "%s ", i == wrong ? "sotto" : words[i]);
        assert_int_equal(sotto_mnemonic_parse(&out, &bad, sotto_span(line, at)), SOTTO_ERR_PHRASE);
        assert_int_equal(bad, wrong + 1);
        /* that word left out: 23 good words */
        at = 0;
        for (unsigned i = 0; i < 24; i++)
            if (i != wrong) at += (size_t)snprintf(line + at, sizeof line - at, "%s ", words[i]);
        assert_int_equal(sotto_mnemonic_parse(&out, &bad, sotto_span(line, at)), SOTTO_ERR_PHRASE);
        assert_int_equal(bad, 0);
        /* that word twice: 25 */
        at = 0;
        for (unsigned i = 0; i < 24; i++)
            at += (size_t)snprintf(line + at, sizeof line - at, i == wrong ? "%s %s " : "%s ", words[i], words[i]);
        bad = -1;
        assert_int_equal(sotto_mnemonic_parse(&out, &bad, sotto_span(line, at)), SOTTO_ERR_PHRASE);
        assert_int_equal(bad, 0);
    }
    assert_memory_equal(out.b, before.b, 32);

    /* another last word: the check word differs in all but one of 256 cases (3 bits of entropy share it) */
    unsigned accepted = 0;
    for (unsigned w = 0; w < 2048; w++) {
        char line[2 * SOTTO_WORDS_TEXT_MAX];
        size_t at = 0;
        int bad = -1;
        for (unsigned i = 0; i < 24; i++) at += (size_t)snprintf(line + at, sizeof line - at, "%s ", i == 23 ? sotto_word(w) : words[i]);
        enum sotto_err err = sotto_mnemonic_parse(&out, &bad, sotto_span(line, at));
        accepted += err == SOTTO_OK;
        if (err != SOTTO_OK) assert_true(err == SOTTO_ERR_PHRASE && bad == 0);
    }
    assert_int_equal(accepted, 8);
    assert_int_equal(sotto_mnemonic_parse(&out, NULL, sotto_span(NULL, 0)), SOTTO_ERR_PHRASE);
    assert_int_equal(sotto_mnemonic_parse(&out, NULL, sotto_span_str(" \t\n")), SOTTO_ERR_PHRASE);
}

static void sizes_of_entropy(void **state)
{
    (void)state;
    uint8_t entropy[40] = { 0 };
    for (size_t size = 0; size <= sizeof entropy; size++) {
        struct sotto_buf b = sotto_buf_make(500);
        bool good = size >= 16 && size <= 32 && size % 4 == 0;
        assert_int_equal(sotto_mnemonic_words_any(&b, sotto_span(entropy, size)), good ? SOTTO_OK : SOTTO_ERR_RANGE);
        size_t words = b.size ? 1 : 0;
        for (size_t i = 0; i < b.size; i++) words += b.data[i] == ' ';
        assert_int_equal(words, good ? size * 3 / 4 : 0);
        sotto_buf_free(&b);
    }
}

/* The passphrase counts in NFKD: composed, decomposed and compatibility forms give one seed. */
static void passphrase_is_normalised(void **state)
{
    (void)state;
    static const char *const same[] = { "caf\xc3\xa9 \xef\xac\x81", "cafe\xcc\x81 fi", "caf\xc3\xa9\xc2\xa0\xef\xac\x81" };
    struct sotto_seed first, other;
    struct sotto_span words = sotto_span_str("some words");
    sotto_mnemonic_seed(&first, words, sotto_span_str(same[0]));
    for (size_t i = 1; i < 3; i++) {
        sotto_mnemonic_seed(&other, words, sotto_span_str(same[i]));
        assert_memory_equal(first.b, other.b, 64);
    }
    sotto_mnemonic_seed(&other, words, sotto_span_str("cafe fi"));
    assert_memory_not_equal(first.b, other.b, 64);
    /* bytes that are no UTF-8 still give one seed, and another than nothing */
    sotto_mnemonic_seed(&first, words, sotto_span_str("\xff\xfe"));
    sotto_mnemonic_seed(&other, words, sotto_span_str("\xff\xfe"));
    assert_memory_equal(first.b, other.b, 64);
    sotto_mnemonic_seed(&other, words, sotto_span(NULL, 0));
    assert_memory_not_equal(first.b, other.b, 64);
}

static void roles_are_hardened_paths(void **state)
{
    (void)state;
    struct sotto_seed seed;
    struct sotto_roles roles, next, kept;
    sotto_rng_fill(rng(), seed.b, 64);
    assert_int_equal(sotto_roles_derive(&roles, &seed, 3), SOTTO_OK);
    assert_int_equal(sotto_roles_derive(&next, &seed, 4), SOTTO_OK);
    for (uint32_t role = 0; role < SOTTO_ROLE_COUNT; role++) {
        struct sotto_scalar k;
        const uint32_t plain[] = { 7377, 0, 3, role };
        const uint32_t marked[] = { 7377 | 0x80000000u, 0x80000000u, 3 | 0x80000000u, role | 0x80000000u };
        assert_int_equal(sotto_bip32_hardened(&k, NULL, SOTTO_SPAN(seed.b), plain, 4), SOTTO_OK);
        assert_memory_equal(k.b, roles.key[role].b, 32);
        assert_int_equal(sotto_bip32_hardened(&k, NULL, SOTTO_SPAN(seed.b), marked, 4), SOTTO_OK);
        assert_memory_equal(k.b, roles.key[role].b, 32);
        assert_true(sotto_scalar_valid(&k));
        assert_memory_not_equal(k.b, next.key[role].b, 32);
        for (uint32_t other = 0; other < role; other++) assert_memory_not_equal(k.b, roles.key[other].b, 32);
    }
    kept = roles;
    assert_int_equal(sotto_roles_derive(&roles, &seed, 0x80000000u), SOTTO_ERR_RANGE);
    assert_memory_equal(&roles, &kept, sizeof kept);
    struct sotto_scalar k;
    uint8_t big[65] = { 0 };
    assert_int_equal(sotto_bip32_hardened(&k, NULL, sotto_span(big, 15), NULL, 0), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_bip32_hardened(&k, NULL, sotto_span(big, 65), NULL, 0), SOTTO_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_the_published_one), cmocka_unit_test(words_are_found), cmocka_unit_test(nearest_word),
        cmocka_unit_test(phrases_round_trip), cmocka_unit_test(wrong_phrases), cmocka_unit_test(sizes_of_entropy),
        cmocka_unit_test(passphrase_is_normalised), cmocka_unit_test(roles_are_hardened_paths),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&random_stream, test_seed(), "mnemonic test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
