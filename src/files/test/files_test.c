/* Files: rounding, shapes, sealing and opening in any order, resuming, links, names. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/rng.h"
#include "files/filelink.h"

static struct sotto_chacha_rng rng;

static void test_rounding_steps(void **state)
{
    (void)state;
    static const uint32_t steps[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128 };
    for (uint32_t n = 1, at = 0; n <= 128; n++) {
        if (n > steps[at]) at++;
        assert_int_equal(sotto_pieces_round(n), steps[at]);
    }
    assert_int_equal(sotto_pieces_round(98305), 131072);
    assert_int_equal(sotto_pieces_round(98304), 98304);
    assert_int_equal(sotto_pieces_round(131072), 131072);
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct { uint64_t size; uint32_t pieces; uint8_t depth; uint32_t level1; } cases[] = {
        { 0, 1, 1, 1 }, { 1, 1, 1, 1 }, { 16368, 1, 1, 1 }, { 16369, 2, 1, 1 }, { 150000, 12, 1, 1 },
        { 384ull * 16368, 384, 1, 1 }, { 384ull * 16368 + 1, 512, 2, 2 }, { SOTTO_FILE_SIZE_MAX, 131072, 2, 257 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sotto_file_shape s;
        assert_int_equal(sotto_file_shape(&s, cases[i].size), SOTTO_OK);
        assert_int_equal(s.count[0], cases[i].pieces);
        assert_int_equal(s.depth, cases[i].depth);
        assert_int_equal(s.count[1], cases[i].level1);
        assert_int_equal(s.count[s.depth], 1);
    }
    struct sotto_file_shape s = { .size = 77 };
    assert_int_equal(sotto_file_shape(&s, SOTTO_FILE_SIZE_MAX + 1), SOTTO_ERR_RANGE);
    assert_int_equal(s.size, 77);                     /* written only on success */
}

struct store { uint8_t *data, *blobs, *ids; size_t size, count; struct sotto_filelink link; };

static void fill_store(struct store *s, size_t size)
{
    struct sotto_sealer *sealer;
    memset(s, 0, sizeof *s);
    s->size = size;
    s->data = malloc(size + 1);
    assert_non_null(s->data);
    sotto_rng_fill(&rng.rng, s->data, size);
    sotto_rng_fill(&rng.rng, s->link.fk.b, 32);
    assert_int_equal(sotto_file_shape(&s->link.shape, size), SOTTO_OK);
    size_t total = 0;
    for (unsigned l = 0; l <= s->link.shape.depth; l++) total += s->link.shape.count[l];
    s->blobs = malloc(total * SOTTO_BLOB_SIZE);
    s->ids = malloc(total * 32);
    assert_int_equal(sotto_sealer_new(&sealer, &s->link.fk, size), SOTTO_OK);
    size_t at = 0;
    uint8_t root[32], hash[32], scrap[SOTTO_BLOB_SIZE];
    assert_int_equal(sotto_sealer_result(sealer, root, hash), SOTTO_ERR_STATE);
    while (!sotto_sealer_done(sealer)) {
        size_t want = sotto_sealer_wants(sealer);
        assert_int_equal(sotto_sealer_next(sealer, scrap, root, sotto_span(s->data, want + 1)), SOTTO_ERR_RANGE);
        assert_int_equal(sotto_sealer_next(sealer, s->blobs + s->count * SOTTO_BLOB_SIZE, s->ids + 32 * s->count, sotto_span(s->data + at, want)), SOTTO_OK);
        at += want;
        s->count++;
    }
    assert_int_equal(s->count, total);
    assert_int_equal(at, size);
    assert_int_equal(sotto_sealer_next(sealer, scrap, root, sotto_span(NULL, 0)), SOTTO_ERR_STATE);
    assert_int_equal(sotto_sealer_result(sealer, s->link.root, s->link.sha256), SOTTO_OK);
    sotto_sha256(hash, sotto_span(s->data, size));
    assert_memory_equal(hash, s->link.sha256, 32);
    sotto_sealer_free(sealer);
}

static void free_store(struct store *s)
{
    free(s->data);
    free(s->blobs);
    free(s->ids);
}

static uint8_t *blob_of(const struct store *s, uint8_t level, uint32_t index)
{
    size_t n = index;
    for (unsigned l = 0; l < level; l++) n += s->link.shape.count[l];
    return s->blobs + n * SOTTO_BLOB_SIZE;
}

static enum sotto_err put(struct sotto_opener *o, const struct store *s, uint8_t *file, uint8_t level, uint32_t index)
{
    uint8_t piece[SOTTO_PIECE_SIZE];
    size_t size = 0;
    SOTTO_TRY(sotto_opener_put(o, piece, &size, level, index, sotto_span(blob_of(s, level, index), SOTTO_BLOB_SIZE)));
    if (level == 0) memcpy(file + (size_t)index * SOTTO_PIECE_SIZE, piece, size);
    else assert_int_equal(size, 0);
    return SOTTO_OK;
}

/* Sizes around every border: pieces in random order give the file back; nothing is known before the level above. */
static void test_any_order(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 16367, 16368, 16369, 100000, 150000 };
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        struct store s;
        struct sotto_opener *o;
        fill_store(&s, sizes[n]);
        uint8_t *file = calloc(1, sizes[n] + 1), id[32];
        assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &s.link.shape), SOTTO_OK);
        assert_false(sotto_opener_id(o, id, 0, 0));
        assert_int_equal(put(o, &s, file, 0, 0), SOTTO_ERR_STATE);
        assert_int_equal(put(o, &s, file, 1, 0), SOTTO_OK);
        assert_int_equal(put(o, &s, file, 1, 0), SOTTO_ERR_STATE);
        uint32_t count = s.link.shape.count[0], left = count;
        assert_false(sotto_opener_id(o, id, 0, count));
        while (left > 0) {
            uint32_t i = (uint32_t)sotto_rng_below(&rng.rng, count);
            bool had = sotto_opener_has(o, 0, i);
            assert_int_equal(put(o, &s, file, 0, i), had ? SOTTO_ERR_STATE : SOTTO_OK);
            left -= !had;
            assert_int_equal(sotto_opener_done(o), left == 0);
        }
        uint8_t level;
        uint32_t index;
        assert_false(sotto_opener_next(o, &level, &index));
        assert_memory_equal(file, s.data, sizes[n]);
        sotto_opener_free(o);
        free(file);
        free_store(&s);
    }
}

/* Two levels of ids, in the order the opener asks, interrupted and resumed from the bitmap. */
static void test_resume_two_levels(void **state)
{
    (void)state;
    struct store s;
    struct sotto_opener *o;
    fill_store(&s, 390 * (size_t)SOTTO_PIECE_SIZE + 5);
    assert_int_equal(s.link.shape.depth, 2);
    uint8_t *file = calloc(1, s.size), saved[64], level;
    uint32_t index;
    assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &s.link.shape), SOTTO_OK);
    for (int i = 0; i < 200; i++) {
        assert_true(sotto_opener_next(o, &level, &index));
        assert_int_equal(put(o, &s, file, level, index), SOTTO_OK);
    }
    struct sotto_span bitmap = sotto_opener_bitmap(o);
    assert_true(bitmap.size == 64);
    memcpy(saved, bitmap.data, 64);
    sotto_opener_free(o);

    assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &s.link.shape), SOTTO_OK);
    assert_int_equal(sotto_opener_resume(o, sotto_span(saved, 63)), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_opener_resume(o, SOTTO_SPAN(saved)), SOTTO_OK);
    unsigned fetched = 0;
    while (sotto_opener_next(o, &level, &index)) {
        assert_int_equal(put(o, &s, file, level, index), SOTTO_OK);
        fetched += level == 0;
    }
    assert_int_equal(fetched, 512 - 197);             /* 3 of the 200 were blobs of ids */
    assert_memory_equal(file, s.data, s.size);
    sotto_opener_free(o);

    struct sotto_file_shape small;
    assert_int_equal(sotto_file_shape(&small, 5 * (uint64_t)SOTTO_PIECE_SIZE), SOTTO_OK);
    assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &small), SOTTO_OK);
    uint8_t beyond = 0x40;                            /* 6 pieces: bits 0..5 */
    assert_int_equal(sotto_opener_resume(o, sotto_span(&beyond, 1)), SOTTO_ERR_FORMAT);
    sotto_opener_free(o);
    small.count[0]++;
    assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &small), SOTTO_ERR_RANGE);
    free(file);
    free_store(&s);
}

/* A wrong blob is refused and changes nothing: one bit, cut, another place, another key. */
static void test_wrong_blobs(void **state)
{
    (void)state;
    struct store s;
    struct sotto_opener *o;
    fill_store(&s, 40000);
    uint8_t *file = calloc(1, s.size), *root = blob_of(&s, 1, 0), piece[SOTTO_PIECE_SIZE], id[32];
    size_t size;
    assert_int_equal(sotto_opener_new(&o, &s.link.fk, s.link.root, &s.link.shape), SOTTO_OK);
    size_t bit = sotto_rng_below(&rng.rng, 8 * SOTTO_BLOB_SIZE);
    root[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    assert_int_equal(put(o, &s, file, 1, 0), SOTTO_ERR_FILE_FORM);
    assert_false(sotto_opener_has(o, 1, 0));
    root[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    assert_int_equal(sotto_opener_put(o, piece, &size, 1, 0, sotto_span(root, SOTTO_BLOB_SIZE - 1)), SOTTO_ERR_FILE_FORM);
    assert_int_equal(put(o, &s, file, 1, 0), SOTTO_OK);
    assert_int_equal(sotto_opener_put(o, piece, &size, 0, 0, sotto_span(blob_of(&s, 0, 1), SOTTO_BLOB_SIZE)), SOTTO_ERR_FILE_FORM);
    assert_int_equal(put(o, &s, file, 0, 0), SOTTO_OK);

    /* The right id under the wrong key, level or index does not open. */
    struct sotto_secret other = s.link.fk;
    other.b[0] ^= 1;
    struct sotto_span blob = sotto_span(blob_of(&s, 0, 1), SOTTO_BLOB_SIZE);
    sotto_blob_id(id, blob.data);
    assert_int_equal(sotto_blob_open(piece, &s.link.fk, 0, 1, id, blob), SOTTO_OK);
    assert_int_equal(sotto_blob_open(piece, &other, 0, 1, id, blob), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_blob_open(piece, &s.link.fk, 0, 2, id, blob), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_blob_open(piece, &s.link.fk, 1, 1, id, blob), SOTTO_ERR_AEAD);
    sotto_opener_free(o);
    free(file);
    free_store(&s);
}

/* A sender with a key of his own cannot hide bytes in the padding. */
static void test_padding_checked(void **state)
{
    (void)state;
    struct sotto_secret fk = { { 7 } };
    struct sotto_file_shape shape;
    uint8_t piece[SOTTO_PIECE_SIZE] = { 0 }, ids[SOTTO_PIECE_SIZE] = { 0 }, blob[SOTTO_BLOB_SIZE], root_blob[SOTTO_BLOB_SIZE], root[32];
    size_t size;
    struct sotto_opener *o;
    assert_int_equal(sotto_file_shape(&shape, 10), SOTTO_OK);
    piece[10] = 1;
    assert_int_equal(sotto_blob_seal(blob, ids, &fk, 0, 0, piece), SOTTO_OK);
    assert_int_equal(sotto_blob_seal(root_blob, root, &fk, 1, 0, ids), SOTTO_OK);
    assert_int_equal(sotto_opener_new(&o, &fk, root, &shape), SOTTO_OK);
    assert_int_equal(sotto_opener_put(o, piece, &size, 1, 0, SOTTO_SPAN(root_blob)), SOTTO_OK);
    assert_int_equal(sotto_opener_put(o, piece, &size, 0, 0, SOTTO_SPAN(blob)), SOTTO_ERR_FILE_FORM);
    assert_false(sotto_opener_has(o, 0, 0));
    sotto_opener_free(o);

    ids[32] = 1;                                      /* a second id where there is one piece */
    assert_int_equal(sotto_blob_seal(root_blob, root, &fk, 1, 0, ids), SOTTO_OK);
    assert_int_equal(sotto_opener_new(&o, &fk, root, &shape), SOTTO_OK);
    assert_int_equal(sotto_opener_put(o, piece, &size, 1, 0, SOTTO_SPAN(root_blob)), SOTTO_ERR_FILE_FORM);
    sotto_opener_free(o);
}

static struct sotto_filelink sample_link(uint64_t size)
{
    struct sotto_filelink l = { .root = { 1 }, .fk = { { 2 } }, .sha256 = { 3 }, .mime = sotto_span_str("image/png"),
                                .name = sotto_span_str("photo.png"), .caption = sotto_span_str("see this") };
    assert_int_equal(sotto_file_shape(&l.shape, size), SOTTO_OK);
    return l;
}

static void test_link_round_trip_and_every_cut(void **state)
{
    (void)state;
    struct sotto_filelink l = sample_link(150000), back;
    struct sotto_buf b = sotto_buf_make(1 << 17);
    assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_OK);
    assert_int_equal(sotto_filelink_decode(&back, sotto_buf_span(&b)), SOTTO_OK);
    assert_memory_equal(back.fk.b, l.fk.b, 32);
    assert_memory_equal(back.sha256, l.sha256, 32);
    assert_true(sotto_span_equal(back.caption, l.caption) && sotto_span_equal(back.mime, l.mime));
    assert_int_equal(back.shape.depth, 1);
    for (size_t n = 0; n < b.size; n++) assert_int_equal(sotto_filelink_decode(&back, sotto_span(b.data, n)), SOTTO_ERR_FILE_FORM);
    assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
    assert_int_equal(sotto_filelink_decode(&back, sotto_buf_span(&b)), SOTTO_ERR_FILE_FORM);
    sotto_buf_free(&b);
}

static void test_link_numbers_must_agree(void **state)
{
    (void)state;
    struct sotto_filelink l = sample_link(150000), back;
    struct sotto_buf b = sotto_buf_make(1 << 17);
    assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_OK);
    static const struct { size_t at; uint8_t value; } wrong[] = {
        { 96, 1 },                                    /* size far over the limit */
        { 101, 5 },                                   /* size that needs more pieces */
        { 107, 11 }, { 107, 13 }, { 107, 16 },        /* pieces not as rounded */
        { 108, 0 }, { 108, 2 },                       /* depth */
        { 110, 0x0a }, { 110, 0xff },                 /* media type not printable */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t keep = b.data[wrong[i].at];
        b.data[wrong[i].at] = wrong[i].value;
        assert_int_equal(sotto_filelink_decode(&back, sotto_buf_span(&b)), SOTTO_ERR_FILE_FORM);
        b.data[wrong[i].at] = keep;
    }
    assert_int_equal(sotto_filelink_decode(&back, sotto_buf_span(&b)), SOTTO_OK);
    l.shape.count[0] = 16;
    size_t before = b.size;
    assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_ERR_RANGE);
    assert_int_equal(b.size, before);
    sotto_buf_free(&b);
}

static void test_link_names(void **state)
{
    (void)state;
    static const char *const bad[] = { "a/b", "/", ".hidden", ".", "..", "a\nb", "a\x7f", "a\xc2\x85", "\xff", "\xc0\x80", "\xed\xa0\x80" };
    static const char *const good[] = { "", "a", "a..b", "photo (1).png", "\xc5\x82\xc3\xb3\xc5\xbc.txt", "a\\b" };
    struct sotto_buf b = sotto_buf_make(1 << 17);
    struct sotto_filelink l = sample_link(5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        l.name = sotto_span_str(bad[i]);
        assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_ERR_RANGE);
        assert_int_equal(b.size, 0);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        l.name = sotto_span_str(good[i]);
        assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_OK);
    }
    char longest[256];
    memset(longest, 'x', sizeof longest);
    l.name = sotto_span(longest, 255);
    assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_OK);
    l.name = sotto_span(longest, 256);
    assert_int_equal(sotto_filelink_encode(&b, &l), SOTTO_ERR_RANGE);
    sotto_buf_free(&b);
}

static void test_safe_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "photo.png", "photo.png" }, { "", "file" }, { "...", "file" }, { "../../etc/passwd", "_.._etc_passwd" }, { ".bashrc", "bashrc" },
        { "a/b\\c:d", "a_b_c_d" }, { "CON", "_CON" }, { "con.txt", "_con.txt" }, { "console", "console" }, { "Lpt1", "_Lpt1" }, { "lpt", "lpt" },
        { "name. ", "name" }, { "a\nb", "a_b" }, { "exe\xe2\x80\xaegnp.scr", "exe_gnp.scr" }, { "\xff\xfe", "file" }, { "\xc5\x82.txt", "\xc5\x82.txt" },
    };
    char out[SOTTO_FILE_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        sotto_file_safe_name(out, sotto_span_str(pairs[i][0]));
        assert_string_equal(out, pairs[i][1]);
    }
    char longest[600];
    for (size_t i = 0; i < sizeof longest; i += 3) memcpy(longest + i, "\xe2\x82\xac", 3);
    sotto_file_safe_name(out, SOTTO_SPAN(longest));
    assert_true(strlen(out) == 252 && sotto_utf8_valid(sotto_span_str(out)));
}

static void test_whole_check(void **state)
{
    (void)state;
    struct sotto_filelink l = sample_link(5);
    struct sotto_file_check c;
    sotto_sha256(l.sha256, sotto_span_str("hello"));
    sotto_file_check_begin(&c);
    sotto_file_check_add(&c, sotto_span_str("he"));
    sotto_file_check_add(&c, sotto_span_str("llo"));
    assert_int_equal(sotto_file_check_end(&c, &l), SOTTO_OK);
    sotto_file_check_begin(&c);
    sotto_file_check_add(&c, sotto_span_str("hellO"));
    assert_int_equal(sotto_file_check_end(&c, &l), SOTTO_ERR_FILE_FORM);
    sotto_file_check_begin(&c);
    sotto_file_check_add(&c, sotto_span_str("hell"));
    sotto_sha256(l.sha256, sotto_span_str("hell"));
    assert_int_equal(sotto_file_check_end(&c, &l), SOTTO_ERR_FILE_FORM);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&rng, test_seed(), "files");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding_steps), cmocka_unit_test(test_shapes), cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_resume_two_levels), cmocka_unit_test(test_wrong_blobs), cmocka_unit_test(test_padding_checked),
        cmocka_unit_test(test_link_round_trip_and_every_cut), cmocka_unit_test(test_link_numbers_must_agree), cmocka_unit_test(test_link_names),
        cmocka_unit_test(test_safe_names), cmocka_unit_test(test_whole_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
