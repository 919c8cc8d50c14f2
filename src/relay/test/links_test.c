/* Two hosts wired in memory, each with the capability sotto/1: links come up, what is sent crosses whole and in order in frames of two lengths, a
 * reader that stands still is not written ahead of, who breaks the rules pays for it. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/state.h"
#include "relay/links.h"
#include "relay/schedule.h"

#define S SOTTO_SECOND_US
enum { A, B, SIZES_MAX = 16 };

struct end {
    struct sotto_chacha_rng rng;
    struct sotto_links *links;
    struct sotto_host *h;
    struct sotto_outq out;
    struct sotto_capability false_cap;
    uint8_t key[64];
    uint32_t conn;                        /* 0: none */
    struct sotto_buf in;                  /* bytes that have not reached it */
    bool still;                           /* it does not read */
    unsigned ups, downs;
    uint32_t peer;
    uint64_t got, sum, bytes;
    size_t sizes[SIZES_MAX];              /* lengths of what it wrote, each once */
    unsigned size_count;
};
static struct end ends[2];
static struct sotto_now now;

static void on_up(void *owner, uint32_t peer, struct sotto_now at)
{
    struct end *e = owner;
    (void)at;
    e->ups++;
    e->peer = peer;
}
static void on_down(void *owner, uint32_t peer, struct sotto_now at)
{
    struct end *e = owner;
    (void)at;
    assert_int_equal(peer, e->peer);
    e->downs++;
}
static void add_up(uint64_t *sum, struct sotto_span s)
{
    for (size_t i = 0; i < s.size; i++) *sum = *sum * 31 + s.data[i];
}
static void on_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now at)
{
    struct end *e = owner;
    (void)at;
    assert_true(e->ups == 1 && peer == e->peer && m->code == SOTTO_RL_STEM_TX);
    e->got++;
    e->bytes += m->bytes.size;
    add_up(&e->sum, m->bytes);
}

/* ---- a stranger: shares the capability and says what it likes ---- */

static uint8_t lie[1200];
static size_t lie_size;
static unsigned lie_code;
static void lies(void *owner, uint32_t peer, struct sotto_now at)
{
    struct end *e = owner;
    if (lie_size == 0) return;
    assert_int_equal(sotto_host_send(e->h, peer, &e->false_cap, lie_code, sotto_span(lie, lie_size), at, &e->out), SOTTO_OK);
}

static bool paced;                                /* the end that dials has the schedule of profile "strong" */

static void end_begin(unsigned i, const char *name, bool honest)
{
    struct end *e = &ends[i];
    memset(e, 0, sizeof *e);
    sotto_rng_from_seed(&e->rng, test_seed(), name);
    e->out = sotto_outq_make(4096);
    e->in = sotto_buf_make(64u << 20);
    struct sotto_links_config c = { .options = sotto_rl_options(), .rng = &e->rng.rng, .owner = e, .up = on_up, .message = on_message, .down = on_down };
    c.options.has = SOTTO_RL_HAS(1);
    c.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    if (paced && i == A) {
        const struct sotto_slots *slots = sotto_slots_of(SOTTO_PROFILE_STRONG);
        c.cell_slot_us = slots->cell_us;
        c.options.has |= SOTTO_RL_HAS(5);
        c.options.stem_class = slots->stem_class;
        c.options.hop_ms = slots->hop_ms;
    }
    sotto_scalar_random(&c.key, &e->rng.rng);
    assert_int_equal(sotto_links_new(&e->links, &c), SOTTO_OK);
    e->false_cap = (struct sotto_capability){ .name = "sotto", .version = 1, .codes = SOTTO_LINKS_CODES, .owner = e, .up = lies };
    struct sotto_host_config h = { .key = c.key, .local = true, .inbound_max = 36, .outbound_max = 8, .static_max = 6, .message_max = 10u << 20,
                                   .listen_port = (uint16_t)(30000 + i), .rng = &e->rng.rng, .capability_count = 1,
                                   .capabilities = honest ? sotto_links_capability(e->links) : &e->false_cap };
    assert_int_equal(sotto_host_new(&e->h, &h), SOTTO_OK);
    sotto_links_attach(e->links, e->h);
    memcpy(e->key, e->h->key, 64);
}

static void step(unsigned i, struct sotto_in in)
{
    struct end *e = &ends[i];
    sotto_links_enter(e->links, &e->out);
    sotto_host_step(e->h, &in, now, &e->out);
    sotto_links_tick(e->links, now);
    sotto_links_enter(e->links, NULL);
}

static void note_size(struct end *e, size_t size)
{
    for (unsigned i = 0; i < e->size_count; i++)
        if (e->sizes[i] == size) return;
    assert_true(e->size_count < SIZES_MAX);
    e->sizes[e->size_count++] = size;
}

/* Carries out what i wishes; what it writes waits at the other end. True: it wished something. */
static bool take(unsigned i)
{
    struct end *e = &ends[i], *other = &ends[!i];
    struct sotto_outq q = e->out;
    e->out = sotto_outq_make(q.max);
    for (uint32_t k = 0; k < q.count; k++) {
        struct sotto_out *o = &q.slots[k];
        if (o->kind == SOTTO_OUT_DIAL) {
            e->conn = o->conn;
            other->conn = sotto_host_next_conn(other->h);
            step(!i, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = other->conn, .addr = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = 50000 } });
            step(i, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = e->conn });
        } else if (o->kind == SOTTO_OUT_SEND) {
            note_size(e, o->bytes.size);
            assert_int_equal(sotto_buf_add_span(&other->in, sotto_buf_span(&o->bytes)), SOTTO_OK);
        } else if (o->kind == SOTTO_OUT_CLOSE) {
            step(i, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = o->conn });
            if (other->conn && other->in.size) step(!i, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = other->conn, .bytes = sotto_buf_span(&other->in) });
            other->in.size = 0;
            if (other->conn) step(!i, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = other->conn });
            e->conn = other->conn = 0;
        }
    }
    bool any = q.count > 0;
    sotto_outq_free(&q);
    return any;
}

/* What waits at i reaches it, in pieces; its writer hears that it went. */
static bool arrive(unsigned i)
{
    struct end *e = &ends[i];
    if (!e->conn || e->still || e->in.size == 0) return false;
    struct sotto_buf in = e->in;
    e->in = sotto_buf_make(64u << 20);
    for (size_t at = 0; at < in.size;) {
        size_t size = 1 + (size_t)sotto_rng_below(&e->rng.rng, 5000);
        if (size > in.size - at) size = in.size - at;
        if (e->conn) step(i, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = e->conn, .bytes = sotto_span(in.data + at, size) });
        at += size;
    }
    if (ends[!i].conn) step(!i, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = ends[!i].conn, .token = in.size });
    sotto_buf_free(&in);
    return true;
}

static void settle(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (unsigned i = 0; i < 2; i++) {
            if (take(i)) moved = true;
            if (arrive(i)) moved = true;
        }
    }
}

static void pass(uint64_t us)
{
    uint64_t until = now.mono_us + us;
    for (;;) {
        uint64_t at = until;
        settle();
        for (unsigned i = 0; i < 2; i++) {
            uint64_t h = sotto_host_deadline(ends[i].h), l = sotto_links_deadline(ends[i].links);
            if (h < at) at = h;
            if (l < at) at = l;
        }
        if (at > now.mono_us) {
            now.wall_ms += (at - now.mono_us) / 1000;
            now.mono_us = at;
        }
        if (now.mono_us >= until) return;
        for (unsigned i = 0; i < 2; i++) step(i, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    }
}

static void begin(bool honest)
{
    now = (struct sotto_now){ 1000 * S, UINT64_C(1800000000000) };
    end_begin(A, "one end", true);
    end_begin(B, "the other", honest);
    struct sotto_enode e = { .addr = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = 30001 } };
    memcpy(e.key, ends[B].key, 64);
    assert_int_equal(sotto_host_add(ends[A].h, &e, now, &ends[A].out), SOTTO_OK);
    settle();
}
static void finish(void)
{
    for (unsigned i = 0; i < 2; i++) {
        sotto_host_free(ends[i].h);
        sotto_links_free(ends[i].links);
        sotto_outq_free(&ends[i].out);
        sotto_buf_free(&ends[i].in);
    }
}

static void send_text(unsigned from, size_t size, uint64_t *sum)
{
    static uint8_t text[300000];
    assert_true(size <= sizeof text);
    sotto_rng_fill(&ends[from].rng.rng, text, size);
    assert_int_equal(sotto_links_send(ends[from].links, ends[from].peer, SOTTO_RL_STEM_TX, sotto_span(text, size), now), SOTTO_OK);
    add_up(sum, sotto_span(text, size));
    step(from, (struct sotto_in){ .kind = SOTTO_IN_TICK });
}

static void test_messages(void **state)
{
    (void)state;
    begin(true);
    uint64_t sum[2] = { 0 }, count[2] = { 0 };
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ends[i].ups == 1 && sotto_links_up(ends[i].links) == 1);
        ends[i].size_count = 0;
    }
    for (unsigned round = 0; round < 60; round++) {
        unsigned from = (unsigned)sotto_rng_below(&ends[A].rng.rng, 2);
        send_text(from, 1 + (size_t)sotto_rng_below(&ends[A].rng.rng, round % 3 ? 400 : 60000), &sum[!from]);
        count[!from]++;
        if (round % 4 == 0) settle();
        if (round % 15 == 14) pass(2 * S);
    }
    pass(20 * S);
    for (unsigned i = 0; i < 2; i++) {
        struct sotto_rl_info info;
        assert_true(ends[i].got == count[i] && ends[i].sum == sum[i] && ends[i].downs == 0);
        assert_true(sotto_links_info(ends[i].links, ends[i].peer, &info) && info.state == SOTTO_RL_UP && info.rtt_us > 0 && info.cells_in_class[1] > 0);
        assert_int_equal(sotto_host_peers(ends[i].h), 1);
    }
    finish();
}

/* A frame has one of two lengths, whatever is in it. */
static void test_two_lengths(void **state)
{
    (void)state;
    begin(true);
    uint64_t sum = 0;
    ends[A].size_count = 0;
    for (unsigned i = 0; i < 100; i++) {
        send_text(A, 1 + (size_t)sotto_rng_below(&ends[A].rng.rng, 3000), &sum);
        settle();
    }
    assert_int_equal(ends[B].sum, sum);
    assert_int_equal(ends[A].size_count, 2);
    /* head 32; code 1, the literal's head 5, RLP head 3 and the cell, in whole blocks; MAC 16 */
    for (unsigned i = 0; i < 2; i++) assert_true(ends[A].sizes[i] == 32 + 272 + 16 || ends[A].sizes[i] == 32 + 1168 + 16);
    finish();
}

/* A paced link: a large cell at each slot, whether anything waits or not, and nothing in between; the other end, which is not, speaks when it likes. */
static void test_slots(void **state)
{
    (void)state;
    paced = true;
    begin(true);
    paced = false;
    uint64_t sum = 0, before = 0, slots[2];
    struct sotto_rl_info info;
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; i < 1000; i++) {
            if (half && i % 25 == 0) send_text(A, 1000, &sum);
            pass(4 * S);
        }
        assert_true(sotto_links_info(ends[A].links, ends[A].peer, &info));
        assert_int_equal(info.cells_out_class[0], 1);                 /* READY */
        slots[half] = info.cells_out_class[1] - before;
        before = info.cells_out_class[1];
    }
    for (unsigned half = 0; half < 2; half++) assert_true(slots[half] > 909 - 6 * 30 && slots[half] < 909 + 6 * 30);      /* 4,000 s / 4.4 s; Poisson */
    assert_true(ends[B].got == 40 && ends[B].sum == sum);
    finish();
}

/* Who does not read is not written ahead of, and has all of it when it reads again. */
static void test_slow_reader(void **state)
{
    (void)state;
    begin(true);
    uint64_t sum = 0, before = ends[A].got;
    ends[B].still = true;
    unsigned sent = 0;
    for (; sent < 3; sent++) send_text(A, 80000, &sum);
    for (unsigned i = 0; i < 200; i++) step(A, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    settle();
    assert_true(sotto_host_backlog(ends[A].h, ends[A].peer) <= SOTTO_LINKS_AHEAD + 4096);
    assert_int_equal(ends[B].got, 0);
    ends[B].still = false;
    pass(30 * S);
    assert_true(ends[B].got == sent && ends[B].sum == sum && ends[A].got == before);
    finish();
}

static void refused(int score)
{
    begin(false);
    pass(S / 2);                                      /* before it is dialled again */
    assert_int_equal(ends[A].ups, 0);
    assert_int_equal(ends[A].downs, 0);               /* it never was up */
    assert_int_equal(sotto_host_peers(ends[A].h), 0);
    assert_int_equal(sotto_rep_node_score(ends[A].h->rep, ends[B].key, now), score);
    assert_int_equal(sotto_links_up(ends[A].links), 0);
    finish();
}
static void test_refusals(void **state)
{
    (void)state;
    memset(lie, 0xa5, sizeof lie);
    lie_code = SOTTO_RL_STATUS;
    lie_size = 511;
    refused(50);
    lie_size = 512;
    refused(50);
    lie_code = SOTTO_RL_CELL;                         /* before STATUS */
    lie_size = 259;
    refused(50);
    lie_code = 0x20;                                  /* a record's code, bare */
    refused(50);
}

/* A peer that says nothing is let go after ten seconds. */
static void test_silence(void **state)
{
    (void)state;
    lie_size = 0;
    begin(false);
    pass(SOTTO_RL_STATUS_US - S);
    assert_int_equal(sotto_host_peers(ends[A].h), 1);
    pass(S + S / 2);
    assert_int_equal(sotto_host_peers(ends[A].h), 0);
    assert_int_equal(sotto_rep_node_score(ends[A].h->rep, ends[B].key, now), 10);
    finish();
}

/* A link that was up tells its end, and then there is none. */
static void test_ends(void **state)
{
    (void)state;
    begin(true);
    sotto_host_quit(ends[B].h, now, &ends[B].out);
    settle();
    pass(S);
    for (unsigned i = 0; i < 2; i++) assert_true(ends[i].downs == 1 && sotto_links_up(ends[i].links) == 0);
    struct sotto_rl_info info;
    assert_false(sotto_links_info(ends[A].links, ends[A].peer, &info));
    assert_int_equal(sotto_links_send(ends[A].links, ends[A].peer, SOTTO_RL_STEM_TX, SOTTO_SPAN("x"), now), SOTTO_ERR_MISSING);
    finish();
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages), cmocka_unit_test(test_two_lengths), cmocka_unit_test(test_slots), cmocka_unit_test(test_slow_reader), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_silence),  cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
