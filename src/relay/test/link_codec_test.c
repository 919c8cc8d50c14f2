/* STATUS, heads of records and cells: every refusal by its name, every size of padding, the change of keys. */
#include "support/test.h"

#include "crypto/rng.h"
#include "relay/link_body.h"
#include "relay/link_cell.h"
#include "relay/link_refusal.h"
#include "wire/rlp.h"

static struct sotto_chacha_rng rng;

/* ---- STATUS ---- */

static struct sotto_rl_status some_status(void)
{
    struct sotto_rl_status s = { .options = sotto_rl_options() };
    struct sotto_scalar k;
    sotto_scalar_random(&k, &rng.rng);
    assert_int_equal(sotto_point_make(&s.fresh, &k), SOTTO_OK);
    sotto_rng_fill(&rng.rng, s.nonce, sizeof s.nonce);
    s.options.has = SOTTO_RL_HAS(1);
    s.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    return s;
}

/* Our own options of any length: always 512 bytes, with the fewest zeros, and read back the same. */
static void test_padding(void **state)
{
    (void)state;
    uint8_t value[SOTTO_RL_OPTIONS_OWN_MAX], out[SOTTO_RL_STATUS_SIZE];
    unsigned spare = 0, sizes = 0;
    memset(value, 0x80, sizeof value);
    struct sotto_rl_status s = some_status(), back;
    for (size_t n = 0; n < sizeof value; n++) {
        const struct sotto_rl_extra extra = { 0x30, sotto_span(value, n) };
        enum sotto_err err = sotto_rl_status_write(out, &s, &extra, 1);
        if (err == SOTTO_ERR_FULL) break;
        assert_int_equal(err, SOTTO_OK);
        assert_int_equal(sotto_rl_status_read(&back, SOTTO_SPAN(out), NULL), SOTTO_OK);
        assert_memory_equal(&back, &s, sizeof s);
        /* the list of options begins behind 3 + 1 + 34 + 33 bytes; its last string is all that follows the ids */
        const uint8_t *at = out + 71 + 3 + 3 + sotto_rlp_list_size(1 + sotto_rlp_bytes_size(extra.value));
        struct sotto_rlp rest = sotto_rlp(sotto_span(at, (size_t)(out + sizeof out - at))), pair;
        uint64_t id;
        assert_int_equal(sotto_rlp_list(&rest, &pair), SOTTO_OK);
        assert_int_equal(sotto_rlp_uint(&pair, &id), SOTTO_OK);
        assert_true(id == 0x7e || id == 0x7f);
        spare += id == 0x7e;
        sizes++;
    }
    assert_int_equal(sizes, 411);                 /* 3 bytes are the roles', 7 the head of the longest */
    assert_true(spare >= 4);
}

static void test_status_own_faults(void **state)
{
    (void)state;
    uint8_t out[SOTTO_RL_STATUS_SIZE], untouched[SOTTO_RL_STATUS_SIZE], big[SOTTO_RL_OPTIONS_OWN_MAX] = { 0 };
    memset(out, 0xa5, sizeof out);
    memcpy(untouched, out, sizeof out);
    struct sotto_rl_status s = some_status();
    const struct sotto_rl_extra too_long = { 0x30, SOTTO_SPAN(big) }, low = { 8, { NULL, 0 } }, padding = { 0x7e, { NULL, 0 } },
                                twice[2] = { { 0x30, { NULL, 0 } }, { 0x30, { NULL, 0 } } };
    assert_int_equal(sotto_rl_status_write(out, &s, &too_long, 1), SOTTO_ERR_FULL);
    assert_int_equal(sotto_rl_status_write(out, &s, &low, 1), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_rl_status_write(out, &s, &padding, 1), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_rl_status_write(out, &s, twice, 2), SOTTO_ERR_RANGE);
    assert_memory_equal(out, untouched, sizeof out);
}

/* [version, fresh key, nonce, options], options as they stand in items; then tail. */
static enum sotto_err read_with(uint64_t version, size_t key_size, size_t nonce_size, struct sotto_span items, struct sotto_span tail)
{
    struct sotto_rl_status s = some_status(), out, before;
    struct sotto_buf b = sotto_buf_make(4096);
    uint8_t zeros[40] = { 0 };
    memcpy(zeros, s.fresh.b, sizeof s.fresh.b);
    size_t mark = sotto_rlp_begin(&b);
    assert_int_equal(sotto_rlp_add_uint(&b, version), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_bytes(&b, sotto_span(zeros, key_size)), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_bytes(&b, sotto_span(zeros, nonce_size)), SOTTO_OK);
    size_t list = sotto_rlp_begin(&b);
    assert_int_equal(sotto_buf_add_span(&b, items), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(&b, list), SOTTO_OK);
    assert_int_equal(sotto_buf_add_span(&b, tail), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(&b, mark), SOTTO_OK);
    memset(&out, 0xa5, sizeof out);
    before = out;
    enum sotto_err err = sotto_rl_status_read(&out, sotto_buf_span(&b), NULL);
    if (err != SOTTO_OK) assert_memory_equal(&out, &before, sizeof out);
    sotto_buf_free(&b);
    return err;
}
static enum sotto_err read_items(const char *items, size_t size) { return read_with(1, 33, 32, sotto_span(items, size), sotto_span(NULL, 0)); }
#define READ_ITEMS(text) read_items(text, sizeof(text) - 1)

static void test_status_refusals(void **state)
{
    (void)state;
    struct sotto_rl_status s;
    static const uint8_t long_one[SOTTO_RL_STATUS_MAX + 1] = { 0xf9, 3, 254 };
    char many[33 * 3];
    for (unsigned i = 0; i < 33; i++) many[3 * i] = (char)0xc2, many[3 * i + 1] = (char)(i + 20), many[3 * i + 2] = (char)0x80;
    assert_int_equal(sotto_rl_status_read(&s, sotto_span(NULL, 0), NULL), SOTTO_ERR_STATUS_SIZE);
    assert_int_equal(sotto_rl_status_read(&s, SOTTO_SPAN(long_one), NULL), SOTTO_ERR_STATUS_SIZE);
    assert_int_equal(sotto_rl_status_read(&s, sotto_span("\xc1", 1), NULL), SOTTO_ERR_RLP);
    assert_int_equal(sotto_rl_status_read(&s, sotto_span("\xc0", 1), NULL), SOTTO_ERR_STATUS_FORM);
    assert_int_equal(sotto_rl_status_read(&s, sotto_span("\x01", 1), NULL), SOTTO_ERR_STATUS_FORM);
    struct sotto_span none = { NULL, 0 };
    assert_int_equal(read_with(1, 33, 32, none, none), SOTTO_OK);
    assert_int_equal(read_with(1, 32, 32, none, none), SOTTO_ERR_STATUS_FORM);
    assert_int_equal(read_with(1, 33, 31, none, none), SOTTO_ERR_STATUS_FORM);
    assert_int_equal(read_with(1, 33, 32, none, sotto_span("\x80", 1)), SOTTO_ERR_STATUS_FORM);
    assert_int_equal(read_with(0, 33, 32, none, none), SOTTO_ERR_STATUS_VERSION);
    assert_int_equal(read_items(many, 32 * 3), SOTTO_OK);
    assert_int_equal(read_items(many, 33 * 3), SOTTO_ERR_STATUS_FORM);
    assert_int_equal(READ_ITEMS("\xc1\x01"), SOTTO_ERR_STATUS_FORM);                      /* no value */
    assert_int_equal(READ_ITEMS("\xc3\x01\x02\x03"), SOTTO_ERR_STATUS_FORM);              /* two */
    assert_int_equal(READ_ITEMS("\xc4\x82\x01\x00\x80"), SOTTO_ERR_STATUS_FORM);          /* id 256 */
    assert_int_equal(READ_ITEMS("\xc2\x07\x80\xc2\x01\x80"), SOTTO_ERR_STATUS_ORDER);
    assert_int_equal(READ_ITEMS("\xc2\x80\x80\xc2\x01\x80"), SOTTO_OK);                   /* id 0 is unknown, and ignored */
    assert_int_equal(READ_ITEMS("\xc5\x01\x83\x01\x00\x00"), SOTTO_ERR_STATUS_OPTION);    /* roles in three bytes */
    assert_int_equal(READ_ITEMS("\xc3\x02\x81\xaa"), SOTTO_ERR_STATUS_OPTION);            /* a network id of one byte */
    assert_int_equal(READ_ITEMS("\xc5\x03\xc3\x01\x01\x01"), SOTTO_OK);
    assert_int_equal(READ_ITEMS("\xc5\x03\xc3\x01\x80\x01"), SOTTO_ERR_STATUS_OPTION);    /* a rate of 0 */
    assert_int_equal(READ_ITEMS("\xc4\x03\xc2\x01\x01"), SOTTO_ERR_STATUS_OPTION);
    assert_int_equal(READ_ITEMS("\xca\x04\x88\x80\x00\x00\x00\x00\x00\x00\x00"), SOTTO_ERR_STATUS_OPTION);        /* -0 */
    assert_int_equal(READ_ITEMS("\xca\x04\x88\x7f\xf0\x00\x00\x00\x00\x00\x00"), SOTTO_ERR_STATUS_OPTION);        /* infinite */
    assert_int_equal(READ_ITEMS("\xca\x04\x88\x7f\xef\xff\xff\xff\xff\xff\xff"), SOTTO_OK);
    assert_int_equal(READ_ITEMS("\xc4\x05\xc2\x02\x01"), SOTTO_ERR_STATUS_OPTION);        /* class 2 */
    assert_int_equal(READ_ITEMS("\xc4\x06\xc2\x01\x80"), SOTTO_ERR_STATUS_OPTION);        /* a page of none */
    assert_int_equal(READ_ITEMS("\xc4\x06\xc2\x01\x41"), SOTTO_ERR_STATUS_OPTION);        /* of 65 */
    assert_int_equal(READ_ITEMS("\xc3\x08\xc1\x80"), SOTTO_ERR_STATUS_OPTION);            /* port 0 */
    assert_int_equal(READ_ITEMS("\xc3\x09\xc1\x80"), SOTTO_OK);
    struct sotto_rl_status own = some_status(), theirs = own;
    uint8_t payload[SOTTO_RL_STATUS_SIZE];
    theirs.fresh.b[0] ^= 1;
    assert_int_equal(sotto_rl_status_write(payload, &theirs, NULL, 0), SOTTO_OK);
    assert_int_equal(sotto_rl_status_read(&s, SOTTO_SPAN(payload), &own.fresh), SOTTO_ERR_LINK_EPHEMERAL);
    assert_int_equal(sotto_rl_status_read(&s, SOTTO_SPAN(payload), NULL), SOTTO_OK);
}

/* ---- heads ---- */

static enum sotto_err heads(const char *text, size_t size, unsigned *count)
{
    uint8_t plain[SOTTO_RL_PLAIN_S] = { 0 };
    struct sotto_rl_heads h = sotto_rl_heads(SOTTO_SPAN(plain));
    struct sotto_rl_record r;
    enum sotto_err err;
    memcpy(plain, text, size);
    for (*count = 0; (err = sotto_rl_next(&h, &r)) == SOTTO_OK; ++*count)
        assert_true(r.channel < SOTTO_RL_CHANNELS && r.body.size > 0 && r.body.data + r.body.size <= plain + sizeof plain);
    return err;
}
#define HEADS(text) heads(text, sizeof(text) - 1, &count)

static void test_heads(void **state)
{
    (void)state;
    unsigned count;
    assert_int_equal(HEADS("\xff"), SOTTO_ERR_MISSING);
    assert_int_equal(count, 0);
    assert_int_equal(HEADS("\x07\x40\x00\x01p\x11\xc1\x00\x02in\x7f\x03\x00\x01x\xff"), SOTTO_ERR_MISSING);
    assert_int_equal(count, 3);
    assert_int_equal(HEADS("\x07\x40\x00\x01p\xff\x01"), SOTTO_ERR_CELL_PADDING);
    assert_int_equal(HEADS("\x00"), SOTTO_ERR_RECORD_CODE);
    assert_int_equal(HEADS("\x01\x40\x00\x01p"), SOTTO_ERR_RECORD_CODE);
    assert_int_equal(HEADS("\x15\x41\x00\x01p"), SOTTO_ERR_RECORD_CODE);
    assert_int_equal(HEADS("\xfe\x40\x00\x01p"), SOTTO_ERR_RECORD_CODE);
    assert_int_equal(HEADS("\x07\x60\x00\x01p"), SOTTO_ERR_RECORD_FLAGS);
    assert_int_equal(HEADS("\x07\x44\x00\x01p"), SOTTO_ERR_RECORD_FLAGS);
    assert_int_equal(HEADS("\x07\x41\x00\x01p"), SOTTO_ERR_RECORD_CHANNEL);
    assert_int_equal(HEADS("\x07\x40\x00\x00p"), SOTTO_ERR_RECORD_EMPTY);
    assert_int_equal(HEADS("\x07\x40\x00\xed"), SOTTO_ERR_RECORD_OVERRUN);
    uint8_t full[SOTTO_RL_PLAIN_S] = { 0x66, 0x40, 0, 0 };
    for (unsigned tail = 0; tail < 6; tail++) {   /* a record of 236 - tail bytes, and what is left of the cell */
        memset(full + 4, 0x5a, sizeof full - 4);
        full[3] = (uint8_t)(236 - tail);
        if (tail) full[sizeof full - tail] = 0x07;
        enum sotto_err want = tail == 0 ? SOTTO_ERR_MISSING : tail < 4 ? SOTTO_ERR_RECORD_OVERRUN : SOTTO_ERR_RECORD_FLAGS;
        assert_int_equal(heads((const char *)full, sizeof full, &count), want);
        assert_int_equal(count, 1);
    }
}

/* ---- cells ---- */

static void test_rekey(void **state)
{
    (void)state;
    struct sotto_secret key, old;
    uint8_t iv[12], th[32], plain[SOTTO_RL_PLAIN_L], back[SOTTO_RL_PLAIN_L], payload[SOTTO_RL_PAYLOAD_MAX], same[SOTTO_RL_PAYLOAD_MAX];
    enum sotto_rl_class c;
    size_t size;
    sotto_rng_fill(&rng.rng, key.b, 32);
    sotto_rng_fill(&rng.rng, iv, sizeof iv);
    sotto_rng_fill(&rng.rng, th, sizeof th);
    sotto_rng_fill(&rng.rng, plain, sizeof plain);
    struct sotto_rl_lane out, in, other, prepared[2];     /* the same, with the schedule of each key made once */
    sotto_rl_lane_begin(&out, &key, iv, th, SOTTO_RL_IR);
    sotto_rl_lane_begin(&other, &key, iv, th, SOTTO_RL_RI);
    in = prepared[0] = prepared[1] = out;
    for (unsigned i = 0; i < 2; i++) {
        sotto_rl_lane_prepare(&prepared[i]);
        assert_non_null(prepared[i].kept);
    }
    old = key;
    for (unsigned i = 0; i < 3 * SOTTO_RL_REKEY / 2; i++) {
        enum sotto_rl_class want = i % 16 == 0 ? SOTTO_RL_L : SOTTO_RL_S;
        assert_int_equal(sotto_rl_seal(&out, payload, &size, want, plain), SOTTO_OK);
        assert_int_equal(size, SOTTO_RL_PAYLOAD_HEAD + (want == SOTTO_RL_L ? SOTTO_RL_CELL_L : SOTTO_RL_CELL_S));
        assert_int_equal(sotto_rl_seal(&prepared[0], same, &size, want, plain), SOTTO_OK);
        assert_memory_equal(same, payload, size);
        if (i % 4096 == 0) {
            struct sotto_rl_lane before = in;
            payload[size - 1 - i % 200] ^= 1;
            assert_int_equal(sotto_rl_open(&in, back, &c, sotto_span(payload, size)), SOTTO_ERR_CELL_OPEN);
            assert_int_equal(sotto_rl_open(&prepared[1], back, &c, sotto_span(payload, size)), SOTTO_ERR_CELL_OPEN);
            assert_true(sotto_all_zero(back, sotto_rl_plain(want)));
            payload[size - 1 - i % 200] ^= 1;
            assert_int_equal(sotto_rl_open(&other, back, &c, sotto_span(payload, size)), SOTTO_ERR_CELL_OPEN);
            assert_memory_equal(&in, &before, sizeof in);
        }
        assert_int_equal(sotto_rl_open(&in, back, &c, sotto_span(payload, size)), SOTTO_OK);
        assert_true(c == want && memcmp(back, plain, sotto_rl_plain(c)) == 0);
        assert_int_equal(sotto_rl_open(&prepared[1], back, &c, sotto_span(payload, size)), SOTTO_OK);
        assert_true(c == want && memcmp(back, plain, sotto_rl_plain(c)) == 0);
        assert_int_equal(memcmp(in.key.b, old.b, 32) == 0, i + 1 < SOTTO_RL_REKEY);
    }
    assert_memory_equal(&in, &out, sizeof in);
    sotto_rl_lane_end(&in);
    assert_true(sotto_all_zero(&in, sizeof in));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(prepared[i].kept && memcmp(prepared[i].key.b, out.key.b, 32) == 0 && prepared[i].counter == out.counter);
        sotto_rl_lane_end(&prepared[i]);
        assert_true(sotto_all_zero(&prepared[i], sizeof prepared[i]));
    }
}

static void test_cell_sizes(void **state)
{
    (void)state;
    struct sotto_secret key = { { 1 } };
    uint8_t iv[12] = { 0 }, th[32] = { 0 }, back[SOTTO_RL_PLAIN_L];
    static uint8_t payload[4096] = { 0xb9, 0x04, 0x80 };
    enum sotto_rl_class c;
    struct sotto_rl_lane in;
    sotto_rl_lane_begin(&in, &key, iv, th, SOTTO_RL_IR);
    for (size_t n = 0; n < sizeof payload; n++) {
        enum sotto_err want = n == 1155 ? SOTTO_ERR_CELL_OPEN : SOTTO_ERR_CELL_SIZE;
        assert_int_equal(sotto_rl_open(&in, back, &c, sotto_span(payload, n)), want);
    }
    payload[1] = 1, payload[2] = 0;
    assert_int_equal(sotto_rl_open(&in, back, &c, sotto_span(payload, 259)), SOTTO_ERR_CELL_OPEN);
    payload[0] = 0xf9;                            /* a list is no cell */
    assert_int_equal(sotto_rl_open(&in, back, &c, sotto_span(payload, 259)), SOTTO_ERR_CELL_SIZE);
}

/* ---- what it costs ---- */

static void test_penalties(void **state)
{
    (void)state;
    for (enum sotto_err err = SOTTO_ERR_STATUS_SIZE; err <= SOTTO_ERR_BODY; err++) {
        struct sotto_rl_penalty p = sotto_rl_penalty(err);
        int want = err == SOTTO_ERR_LINK_TIME || err == SOTTO_ERR_LINK_RATE ? 10 : err == SOTTO_ERR_CELL_OPEN ? 30 : 50;
        assert_int_equal(p.reason, 0x10);
        assert_int_equal(p.score, want);
    }
    assert_int_equal(sotto_rl_penalty(SOTTO_ERR_NOMEM).score, 0);
    assert_int_equal(sotto_rl_penalty(SOTTO_ERR_FULL).reason, SOTTO_REASON_TOO_MANY);
    assert_int_equal(sotto_rl_envelope_score(SOTTO_ERR_ENV_WORK), 5);
    assert_int_equal(sotto_rl_envelope_score(SOTTO_ERR_ENV_OLD), 0);
}

/* ---- bodies that no published case has ---- */

static enum sotto_err body(uint8_t code, const char *text, size_t size)
{
    struct sotto_rl_body b;
    return sotto_rl_body_read(&b, code, sotto_span(text, size));
}
#define BODY(code, text) body(code, text, sizeof(text) - 1)

static void test_bodies(void **state)
{
    (void)state;
    assert_int_equal(BODY(SOTTO_RL_INFO_GET, "\xc0"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_INFO_GET, "\xc1\x01"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_READY, "\xc4\x83\x01\x00\x00"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_READY, "\x01"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_READY, "\xc2\x01"), SOTTO_ERR_RLP);
    assert_int_equal(BODY(SOTTO_RL_READY, "\xc1\x00"), SOTTO_ERR_BODY);                   /* no shortest form of 0 */
    assert_int_equal(BODY(SOTTO_RL_WINDOW, "\xc2\x04\x05"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_PEERS_GET, "\xc1\x80"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_PEERS_GET, "\xc1\x11"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_PEERS, "\xc0"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_PEERS, "\xc1\x80"), SOTTO_ERR_BODY);                   /* a record is a list */
    assert_int_equal(BODY(SOTTO_RL_PEERS, "\xd0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_PEERS, "\xd1\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_EPOCHS, "\xc8\x01\xc6\xc3\x02\x80\x80\xc1\x03"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_EPOCHS, "\xca\x01\xc8\xc3\x02\x80\x80\xc3\x02\x80\x80"), SOTTO_ERR_BODY);      /* an epoch twice */
    assert_int_equal(BODY(SOTTO_RL_EPOCHS, "\xca\x01\xc8\xc3\x02\x80\x80\xc3\x03\x80\x80"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_INDEX, "\xcc\x01\x02\x80\x88\x01\x01\x01\x01\x01\x01\x01\x01"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_INDEX, "\xc8\x01\x02\x84\x01\x01\x01\x01\x80"), SOTTO_ERR_BODY);               /* next of an empty page */
    assert_int_equal(BODY(SOTTO_RL_BUCKET_GET, "\xc5\x01\x02\x19\x80\x80"), SOTTO_ERR_BODY);                      /* 25 bits */
    assert_int_equal(BODY(SOTTO_RL_BUCKET_GET, "\xc5\x01\x02\x80\x80\x80"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_BUCKET_GET, "\xc5\x01\x02\x80\x01\x80"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_END, "\xc3\x01\x04\x80"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_KEEP, "\xc3\x01\xc0\x0f"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_KEEP, "\xc3\x01\xc0\x01"), SOTTO_OK);
    assert_int_equal(BODY(SOTTO_RL_FLOOR, "\xc9\x88\x3f\xb9\x99\x99\x99\x99\x99\x9a"), SOTTO_ERR_BODY);           /* 0.1 */
    assert_int_equal(BODY(SOTTO_RL_FLOOR, "\xc9\x88\x41\xc9\x99\x99\x99\x99\x99\x9a"), SOTTO_OK);                 /* 0.2 x 2^32 */
    assert_int_equal(BODY(SOTTO_RL_FLOOR, "\xc9\x88\x41\xd9\x99\x99\x99\x99\x99\x9a"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_ENV, "\xc0"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_ENV, "\xc1"), SOTTO_ERR_RLP);
    assert_int_equal(BODY(0x22, "\xc2\x01"), SOTTO_ERR_RLP);
    assert_int_equal(BODY(0x22, "\x80"), SOTTO_ERR_BODY);
    assert_int_equal(BODY(SOTTO_RL_STEM_TX, "\x00\xff"), SOTTO_OK);
    assert_int_equal(BODY(0x15, "\xc0"), SOTTO_ERR_RECORD_CODE);
    assert_int_equal(BODY(0x66, "\xc0"), SOTTO_ERR_RECORD_CODE);
    static char bcell[8 + 1124] = { 1 };
    assert_int_equal(body(SOTTO_RL_BCELL, bcell, sizeof bcell), SOTTO_OK);
    assert_int_equal(body(SOTTO_RL_BCELL, bcell, sizeof bcell - 1), SOTTO_ERR_BODY);
    bcell[0] = 0;
    assert_int_equal(body(SOTTO_RL_BCELL, bcell, sizeof bcell), SOTTO_ERR_BODY);
}

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "link codec");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding), cmocka_unit_test(test_status_own_faults), cmocka_unit_test(test_status_refusals), cmocka_unit_test(test_heads),
        cmocka_unit_test(test_rekey), cmocka_unit_test(test_cell_sizes), cmocka_unit_test(test_penalties), cmocka_unit_test(test_bodies),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
