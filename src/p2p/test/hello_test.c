#include "support/test.h"

#include "p2p/hello.h"
#include "wire/rlp.h"
#include "wire/snappy.h"

static uint8_t key[64];

static void test_round_trip(void **state)
{
    (void)state;
    static const struct sotto_capability caps[] = { { .name = "sotto", .version = 1, .codes = 112 }, { .name = "shh", .version = 6, .codes = 128 } };
    struct sotto_buf out = sotto_buf_make(SOTTO_HELLO_PAYLOAD_MAX);
    struct sotto_hello h;
    struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
    memset(key, 7, sizeof key);
    assert_int_equal(sotto_hello_write(&out, caps, 2, 30401, key), SOTTO_OK);
    assert_int_equal(sotto_rlp_check(sotto_buf_span(&out)), SOTTO_OK);
    assert_int_equal(sotto_hello_read(&h, sotto_buf_span(&out)), SOTTO_OK);
    assert_true(h.version == 5 && h.port == 30401 && h.key.size == 64);
    assert_true(sotto_span_equal(h.client, sotto_span_str("sotto/1")));
    assert_int_equal(sotto_blocks_agree(blocks, caps, 2, h.capabilities), 2);
    assert_string_equal(blocks[0].cap->name, "shh");
    assert_int_equal(blocks[0].first, 0x10);
    assert_string_equal(blocks[1].cap->name, "sotto");
    assert_int_equal(blocks[1].first, 0x90);
    assert_ptr_equal(sotto_block_of(blocks, 2, 0x8f), &blocks[0]);
    assert_ptr_equal(sotto_block_of(blocks, 2, 0x90), &blocks[1]);
    assert_ptr_equal(sotto_block_of(blocks, 2, 0xff), &blocks[1]);
    assert_null(sotto_block_of(blocks, 2, 0x100));
    assert_null(sotto_block_of(blocks, 2, 0x0f));

    /* Every cut is refused; so is every byte too few inside. */
    for (size_t size = 0; size < out.size; size++) assert_int_equal(sotto_hello_read(&h, sotto_span(out.data, size)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_buf_add(&out, "junk", 4), SOTTO_OK);                /* bytes after the list are ignored, as geth does */
    assert_int_equal(sotto_hello_read(&h, sotto_buf_span(&out)), SOTTO_OK);
    sotto_buf_free(&out);
}

/* What a remote offers, as text "name/version ..." in any order. */
static void offer(struct sotto_buf *out, const char *text)
{
    char name[64];
    unsigned version;
    int used;
    for (; sscanf(text, " %63[^/ ]/%u%n", name, &version, &used) == 2; text += used) {
        size_t mark = sotto_rlp_begin(out);
        assert_int_equal(sotto_rlp_add_bytes(out, sotto_span_str(name)), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_uint(out, version), SOTTO_OK);
        assert_int_equal(sotto_rlp_end_list(out, mark), SOTTO_OK);
    }
}

static void test_negotiation(void **state)
{
    (void)state;
    static const struct sotto_capability ours[] = {
        { .name = "shh", .version = 6, .codes = 128 }, { .name = "eth", .version = 64, .codes = 17 }, { .name = "eth", .version = 65, .codes = 17 },
        { .name = "eth", .version = 63, .codes = 8 }, { .name = "sotto", .version = 1, .codes = 112 },
    };
    static const struct { const char *remote, *shared; } cases[] = {
        { "shh/6", "shh/6=10" },
        { "eth/65 shh/6", "eth/65=10 shh/6=21" },
        { "shh/6 eth/63 eth/64", "eth/64=10 shh/6=21" },
        { "eth/63", "eth/63=10" },
        { "shh/6 shh/6 shh/6", "shh/6=10" },                                   /* duplicates do no harm */
        { "shh/5", "" },
        { "shh/7 sh/6 shhh/6 SHH/6", "" },
        { "", "" },
        { "sotto/1 shh/6 eth/65", "eth/65=10 shh/6=21 sotto/1=a1" },
        { "verylongname/1 x/2 sotto/1", "sotto/1=10" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sotto_buf remote = sotto_buf_make(2048);
        struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
        char text[256] = "";
        offer(&remote, cases[i].remote);
        unsigned count = sotto_blocks_agree(blocks, ours, sizeof ours / sizeof *ours, sotto_buf_span(&remote));
        for (unsigned b = 0; b < count; b++)
            sprintf(text + strlen(text), "%s%s/%u=%x", b ? " " : "", blocks[b].cap->name, blocks[b].cap->version, blocks[b].first);
        assert_string_equal(text, cases[i].shared);
        sotto_buf_free(&remote);
    }
}

static void test_bad_hellos(void **state)
{
    (void)state;
    static const struct { const char *name; const char *bytes; size_t size; } cases[] = {
        { "a string", "\x83" "abc", 4 },
        { "an empty list", "\xc0", 1 },
        { "version with a leading zero", "\xc5\x00\x80\xc0\x80\x80", 6 },
        { "client is a list", "\xc5\x05\xc0\xc0\x80\x80", 6 },
        { "capabilities are a string", "\xc5\x05\x80\x80\x80\x80", 6 },
        { "a capability that is a string", "\xc6\x05\x80\xc1\x80\x80\x80", 7 },
        { "a capability of one element", "\xc7\x05\x80\xc2\xc1\x80\x80\x80", 8 },
        { "a capability of three elements", "\xc9\x05\x80\xc4\xc3\x80\x01\x01\x80\x80", 10 },
        { "a capability whose name is a list", "\xc8\x05\x80\xc3\xc2\xc0\x06\x80\x80", 9 },
        { "port is a list", "\xc5\x05\x80\xc0\xc0\x80", 6 },
        { "key is a list", "\xc5\x05\x80\xc0\x80\xc0", 6 },
        { "no key", "\xc4\x05\x80\xc0\x80", 5 },
    };
    struct sotto_hello h;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (sotto_hello_read(&h, sotto_span(cases[i].bytes, cases[i].size)) != SOTTO_ERR_RLP) fail_msg("accepted: %s", cases[i].name);
    assert_int_equal(sotto_hello_read(&h, sotto_span("\xc5\x05\x80\xc0\x80\x80", 6)), SOTTO_OK);     /* the same without a fault */
    assert_int_equal(sotto_hello_read(&h, sotto_span("\xc7\x05\x80\xc0\x80\x80\x01\xc0", 8)), SOTTO_OK);   /* a tail */
}

static void test_disconnect(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t size; uint64_t reason; } cases[] = {
        { "\xc1\x04", 2, 4 }, { "\xc1\x80", 2, 0 }, { "\xc1\x10", 2, 16 },     /* plain list */
        { "\x04", 1, 4 }, { "\x80", 1, 0 }, { "\x10", 1, 16 },                 /* bare integer */
        { "\x02\x04\xc1\x04", 4, 4 }, { "\x01\x00\x03", 3, 3 },                /* both as Snappy blocks */
        { "\xc2\x04\x05", 3, 4 },                                              /* a longer list */
        { "", 0, 0 }, { "\xc0", 1, 0 }, { "\xc1\xc0", 2, 0 }, { "\xc1\x00", 2, 0 }, { "\xff\xff", 2, 0 }, { "\x00", 1, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(sotto_disconnect_read(sotto_span(cases[i].bytes, cases[i].size)) == cases[i].reason);
    for (enum sotto_reason r = 0; r <= SOTTO_REASON_SUBPROTOCOL; r++) {
        struct sotto_buf plain = sotto_buf_make(16), block = sotto_buf_make(64);
        assert_int_equal(sotto_disconnect_write(&plain, r), SOTTO_OK);
        assert_int_equal(plain.size, 2);
        assert_true(sotto_disconnect_read(sotto_buf_span(&plain)) == r);
        assert_int_equal(sotto_snappy_deflate(&block, sotto_buf_span(&plain)), SOTTO_OK);
        assert_true(sotto_disconnect_read(sotto_buf_span(&block)) == r);
        sotto_buf_free(&plain);
        sotto_buf_free(&block);
    }
}

static void test_client_text(void **state)
{
    (void)state;
    char out[128], longer[300];
    sotto_client_text(out, sotto_span_str("Geth/v1.9.20\x1b[31m\n\xc2\x9b\x7f~"));
    assert_string_equal(out, "Geth/v1.9.20?[31m????~");
    memset(longer, 'x', sizeof longer);
    sotto_client_text(out, sotto_span(longer, sizeof longer));
    assert_int_equal(strlen(out), 127);
    sotto_client_text(out, sotto_span(NULL, 0));
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_negotiation), cmocka_unit_test(test_bad_hellos),
        cmocka_unit_test(test_disconnect), cmocka_unit_test(test_client_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
