/* The receiving half of a link beyond the published cases: bounds of a message, time, the shared budget, fragments of every cut. */
#include "support/test.h"

#include "crypto/rng.h"
#include "relay/link_receive.h"

static struct sotto_chacha_rng rng;
static struct sotto_rl_budget budget;
static const struct sotto_rl_credit send_credit;
enum { GOT_MAX = 256 };
static struct { uint8_t code; size_t size; uint8_t first, last; } got[GOT_MAX];
static unsigned got_count;

static void take(void *owner, const struct sotto_rl_message *m)
{
    (void)owner;
    assert_true(got_count < GOT_MAX);
    got[got_count].code = m->code;
    got[got_count].size = m->bytes.size;
    got[got_count].first = m->bytes.data[0];
    got[got_count++].last = m->bytes.data[m->bytes.size - 1];
}

struct plain { uint8_t b[SOTTO_RL_PLAIN_L]; size_t at; };
static void add(struct plain *p, uint8_t code, unsigned flags, const void *body, size_t size)
{
    assert_true(p->at + 4 + size <= sizeof p->b);
    p->b[p->at] = code;
    p->b[p->at + 1] = (uint8_t)flags;
    sotto_put_be16(p->b + p->at + 2, (uint16_t)size);
    memcpy(p->b + p->at + 4, body, size);
    p->at += 4 + size;
}
static enum sotto_err cell_at(struct sotto_rl_receive *r, const struct plain *p, uint64_t now_us)
{
    uint8_t plain[SOTTO_RL_PLAIN_L] = { 0 };
    memcpy(plain, p->b, p->at);
    if (p->at < sizeof plain) plain[p->at] = SOTTO_RL_END_MARK;
    got_count = 0;
    return sotto_rl_receive_cell(r, SOTTO_SPAN(plain), SOTTO_RL_L, now_us, &send_credit, take, NULL);
}
static enum sotto_err cell(struct sotto_rl_receive *r, const struct plain *p) { return cell_at(r, p, 1); }

static struct sotto_rl_receive begin(void)
{
    budget = (struct sotto_rl_budget){ 0, SOTTO_RL_BUDGET_MAX };
    struct sotto_rl_receive r = sotto_rl_receive(&budget, 5, false, SOTTO_RL_WINDOW_2);
    struct plain p = { .at = 0 };
    add(&p, SOTTO_RL_READY, 0x40, "\xc1\x05", 2);
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_int_equal(got_count, 1);
    return r;
}
static void finish(struct sotto_rl_receive *r)
{
    sotto_rl_receive_end(r);
    assert_int_equal(budget.used, 0);
}
static void grant_all(struct sotto_rl_receive *r)
{
    uint64_t limit;
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++)
        if (sotto_rl_receive_due(r, ch, &limit)) sotto_rl_receive_granted(r, ch, limit);
}

static const uint8_t filler[SOTTO_RL_PLAIN_L] = { 0x5a };

/* A list of the ledger as long as a message may be, in whole cells; one byte more is refused. */
static void fill(struct sotto_rl_receive *r, uint8_t code, size_t size, enum sotto_err last)
{
    struct plain p;
    uint8_t body[SOTTO_RL_PLAIN_L - 4] = { 0 };
    for (size_t done = 0; done < size;) {
        size_t take_now = size - done < sizeof body ? size - done : sizeof body;
        p.at = 0;
        memset(body, 0, sizeof body);
        if (done == 0) body[0] = 0xfa, body[1] = (uint8_t)((size - 4) >> 16), body[2] = (uint8_t)((size - 4) >> 8), body[3] = (uint8_t)(size - 4);
        done += take_now;
        add(&p, code, 2u | (done == take_now ? 0x40u : 0u) | (done < size ? 0x80u : 0u), body, take_now);
        assert_int_equal(cell(r, &p), done < size ? SOTTO_OK : last);
        grant_all(r);
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    fill(&r, 0x22, SOTTO_RL_MESSAGE_MAX, SOTTO_OK);       /* zeros are single bytes of RLP: a long list of them */
    assert_int_equal(got_count, 1);
    assert_int_equal(got[0].size, SOTTO_RL_MESSAGE_MAX);
    assert_int_equal(budget.used, 0);
    fill(&r, 0x7f, SOTTO_RL_MESSAGE_MAX, SOTTO_OK);       /* an ignored code: counted, never kept */
    assert_int_equal(got_count, 0);
    fill(&r, 0x22, SOTTO_RL_MESSAGE_MAX + 1, SOTTO_ERR_MESSAGE_SIZE);
    finish(&r);
    r = begin();
    fill(&r, 0x7f, SOTTO_RL_MESSAGE_MAX + 1, SOTTO_ERR_MESSAGE_SIZE);
    assert_int_equal(budget.used, 0);
    finish(&r);
}

static void test_time(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    struct plain p = { .at = 0 }, empty = { .at = 0 };
    add(&p, 0x22, 0xc2, filler, 10);
    assert_true(sotto_rl_receive_deadline(&r) == UINT64_MAX);
    assert_int_equal(cell_at(&r, &p, 1000), SOTTO_OK);
    assert_true(sotto_rl_receive_deadline(&r) == 1000 + SOTTO_RL_MESSAGE_US);
    assert_int_equal(cell_at(&r, &empty, 999 + SOTTO_RL_MESSAGE_US), SOTTO_OK);
    assert_int_equal(sotto_rl_receive_time(&r, 999 + SOTTO_RL_MESSAGE_US), SOTTO_OK);
    assert_int_equal(sotto_rl_receive_time(&r, 1000 + SOTTO_RL_MESSAGE_US), SOTTO_ERR_MESSAGE_TIME);
    struct plain bad = { .at = 0 };
    add(&bad, 0x15, 0x41, filler, 1);             /* the time is looked at before the heads */
    assert_int_equal(cell_at(&r, &bad, 1000 + SOTTO_RL_MESSAGE_US), SOTTO_ERR_MESSAGE_TIME);
    assert_int_equal(cell_at(&r, &bad, 999 + SOTTO_RL_MESSAGE_US), SOTTO_ERR_RECORD_CODE);
    finish(&r);
}

static void test_budget(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    struct plain p = { .at = 0 };
    add(&p, 0x22, 0xc2, filler, 1000);
    budget.max = 4096;                            /* half of it for one link */
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_int_equal(budget.used, 2048);
    p.at = 0;
    add(&p, 0x22, 0x82, filler, 1100);
    uint64_t used = r.used[2];
    assert_int_equal(cell(&r, &p), SOTTO_ERR_FULL);
    assert_true(r.used[2] == used && r.cells == 2 && r.parts[2].size == 1000);
    finish(&r);
}

/* Links that open messages on all channels and never end them leave room for one that came later, whatever they try. */
static void test_shared(void **state)
{
    (void)state;
    enum { HOGS = 6, STEPS = 8000 };
    static const uint8_t codes[SOTTO_RL_CHANNELS] = { SOTTO_RL_PEERS, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    struct sotto_rl_receive hog[HOGS], late;
    for (unsigned i = 0; i < HOGS; i++) {
        hog[i] = begin();
        for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) hog[i].limit[ch] = 4u << 20;
    }
    for (unsigned step = 0, stuck = 0; step < STEPS && stuck < HOGS; step++) {
        stuck = 0;
        for (unsigned i = 0; i < HOGS; i++) {
            unsigned ch = step % SOTTO_RL_CHANNELS, more = step < SOTTO_RL_CHANNELS ? 0xc0 : 0x80;
            struct plain p = { .at = 0 };
            add(&p, codes[ch], (uint8_t)(more | ch), filler, 1100);
            stuck += cell(&hog[i], &p) == SOTTO_ERR_FULL;
        }
    }
    assert_in_range(budget.used, SOTTO_RL_BUDGET_MAX / 2, SOTTO_RL_BUDGET_MAX - (SOTTO_RL_BUDGET_MAX / (HOGS + 1)));
    size_t before = budget.used;
    late = sotto_rl_receive(&budget, 5, false, SOTTO_RL_MESSAGE_MAX * 2);
    struct plain p = { .at = 0 };
    add(&p, SOTTO_RL_READY, 0x40, "\xc1\x05", 2);
    assert_int_equal(cell(&late, &p), SOTTO_OK);
    for (unsigned i = 0; i < SOTTO_RL_MESSAGE_MAX / 1100; i++) {
        p.at = 0;
        add(&p, 0x26, i == 0 ? 0xc2 : 0x82, filler, 1100);
        assert_int_equal(cell(&late, &p), SOTTO_OK);
    }
    sotto_rl_receive_end(&late);
    assert_int_equal(budget.used, before);
    for (unsigned i = 0; i < HOGS; i++) sotto_rl_receive_end(&hog[i]);
    assert_int_equal(budget.used, 0);
}

/* Many fragments of several messages in one cell; the last of one and the first of the next side by side. */
static void test_small_fragments(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    struct plain p = { .at = 0 };
    add(&p, 0x22, 0xc2, "\xc3\x01", 2);
    add(&p, SOTTO_RL_FEED, 0xc1, "\xc1", 1);
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_int_equal(got_count, 0);
    p.at = 0;
    add(&p, 0x22, 0x82, "\x02", 1);
    add(&p, SOTTO_RL_FEED, 0x01, "\x01", 1);      /* whole */
    add(&p, 0x22, 0x02, "\x03", 1);               /* whole */
    add(&p, 0x23, 0xc2, "\xc1", 1);
    add(&p, 0x23, 0x02, "\x07", 1);               /* whole, begun and ended in this cell */
    add(&p, 0x70, 0xc2, "zz", 2);
    add(&p, 0x70, 0x02, "zz", 2);                 /* ignored */
    add(&p, 0x24, 0x42, "\xc0", 1);               /* whole by itself */
    add(&p, 0x25, 0xc2, "\xc2\x08", 2);
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_int_equal(got_count, 4);
    static const struct { uint8_t code; size_t size; uint8_t last; } want[] = { { SOTTO_RL_FEED, 2, 1 }, { 0x22, 4, 3 }, { 0x23, 2, 7 }, { 0x24, 1, 0xc0 } };
    for (unsigned i = 0; i < 4; i++) assert_true(got[i].code == want[i].code && got[i].size == want[i].size && got[i].last == want[i].last);
    p.at = 0;
    add(&p, 0x25, 0x02, "\x09", 1);
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_true(got_count == 1 && got[0].code == 0x25 && got[0].size == 3 && got[0].first == 0xc2 && got[0].last == 9);
    assert_int_equal(budget.used, 0);
    finish(&r);
}

/* A refused cell has no effect, also not its good records. */
static void test_no_effect(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    struct plain p = { .at = 0 };
    add(&p, 0x22, 0xc2, "\xc3\x01", 2);
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    struct sotto_rl_receive before = r;
    p.at = 0;
    add(&p, 0x22, 0x02, "\x02\x03", 2);
    add(&p, 0x23, 0xc2, filler, 300);
    add(&p, SOTTO_RL_PING, 0x40, filler, 7);
    assert_int_equal(cell(&r, &p), SOTTO_ERR_BODY);
    assert_int_equal(got_count, 0);
    assert_memory_equal(&r.at, &before.at, sizeof r.at);
    assert_memory_equal(r.used, before.used, sizeof r.used);
    assert_int_equal(r.parts[2].size, 2);
    p.at = 0;
    add(&p, 0x22, 0x02, "\x02\x03", 2);           /* what was there goes on */
    assert_int_equal(cell(&r, &p), SOTTO_OK);
    assert_true(got_count == 1 && got[0].size == 4 && got[0].last == 3);
    finish(&r);
}

static void test_window_back(void **state)
{
    (void)state;
    struct sotto_rl_receive r = begin();
    struct sotto_rl_credit send = sotto_rl_credit(1000);
    struct plain p = { .at = 0 };
    add(&p, SOTTO_RL_WINDOW, 0x40, "\xc4\x02\x82\x07\xd0", 5);        /* 2000 */
    add(&p, SOTTO_RL_WINDOW, 0x40, "\xc4\x02\x82\x07\xcf", 5);        /* 1999: back, though above what stands */
    uint8_t plain[SOTTO_RL_PLAIN_L] = { 0 };
    memcpy(plain, p.b, p.at);
    plain[p.at] = SOTTO_RL_END_MARK;
    got_count = 0;
    assert_int_equal(sotto_rl_receive_cell(&r, SOTTO_SPAN(plain), SOTTO_RL_L, 1, &send, take, NULL), SOTTO_ERR_WINDOW_BACK);
    assert_int_equal(got_count, 0);
    finish(&r);
}

/* The whole of a random list, cut at random places into random cells among other records: it comes out as it was. */
static void test_any_cut(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 60; run++) {
        struct sotto_rl_receive r = begin();
        static uint8_t message[20000];
        size_t size = 4 + sotto_rng_below(&rng.rng, sizeof message - 4), done = 0;
        if (size < 300) size = 300;                                   /* a long list whose length takes two bytes */
        message[0] = 0xf9, message[1] = (uint8_t)((size - 3) >> 8), message[2] = (uint8_t)(size - 3);
        memset(message + 3, 0x11, size - 3);
        unsigned whole = 0;
        while (done < size) {
            struct plain p = { .at = 0 };
            while (done < size && sotto_rng_below(&rng.rng, 5) != 0) {
                size_t room = sizeof p.b - p.at;
                if (room < 200) break;
                size_t n = 1 + sotto_rng_below(&rng.rng, room - 150);
                if (n > size - done) n = size - done;
                add(&p, 0x26, 2u | (done == 0 ? 0x40u : 0u) | (done + n < size ? 0x80u : 0u), message + done, n);
                done += n;
                if (sotto_rng_below(&rng.rng, 2)) add(&p, SOTTO_RL_PING, 0x40, filler, 8);
            }
            assert_int_equal(cell(&r, &p), SOTTO_OK);
            for (unsigned i = 0; i < got_count; i++)
                if (got[i].code == 0x26) {
                    whole++;
                    test_rule(got[i].size == size && got[i].first == 0xf9 && got[i].last == 0x11, "a message comes out as it went in", run);
                }
        }
        test_rule(whole == 1 && budget.used == 0, "each message once, and nothing is held for it then", run);
        finish(&r);
    }
}

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "link receive");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest), cmocka_unit_test(test_time), cmocka_unit_test(test_budget), cmocka_unit_test(test_shared), cmocka_unit_test(test_small_fragments),
        cmocka_unit_test(test_no_effect), cmocka_unit_test(test_window_back), cmocka_unit_test(test_any_cut),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
