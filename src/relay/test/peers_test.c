/* What neighbours tell each other of the network: records, dial-back, good-bye. Whole nodes on wires in memory (net_world.h), one with a book. */
#include "relay/test/net_world.h"

static struct sotto_book *books[NODES];

static void start_with_book(uint32_t i)
{
    static struct sotto_chacha_rng rngs[NODES];
    sotto_rng_from_seed(&rngs[i], test_seed() + i, "book");
    struct sotto_book_config c = { .local = true, .group = sotto_group_of, .rng = &rngs[i].rng };
    assert_int_equal(sotto_book_new(&books[i], &c), SOTTO_OK);
    w.config.book = books[i];
    w.config.dials_back = true;
    w.config.listen_port = (uint16_t)(1000 + i);
    start(i);
    w.config.book = NULL;
}

static int end_books(void **state)
{
    int rc = teardown(state);
    for (unsigned i = 0; i < NODES; i++) {
        sotto_book_free(books[i]);
        books[i] = NULL;
    }
    return rc;
}

static struct sotto_enr_record record_of(uint32_t i, uint64_t seq)
{
    struct sotto_enr_record r;
    struct sotto_enr e = { .seq = seq, .has_ip4 = true, .ip4 = { 127, 0, 0, 1 }, .tcp = (uint16_t)(1000 + i), .udp = (uint16_t)(1000 + i), .sotto = true, .roles = 1 };
    assert_int_equal(sotto_enr_sign(&r, &e, &w.nodes[i].key), SOTTO_OK);
    return r;
}

/* 1 dials 0 and knows nobody else; 0 has tried 2 and hears of 3 only. 1 asks, learns of 0 itself and of 2, and its host dials 2. */
static void a_neighbour_tells_of_whom_it_has_tried(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 4; i++) start_with_book(i);
    for (uint32_t i = 2; i < 4; i++) {
        struct sotto_enr_record r = record_of(i, 1);
        assert_int_equal(sotto_book_learn(books[0], &w.nodes[i].enode, &w.nodes[i].enode.addr, w.now), SOTTO_OK);
        if (i == 2) sotto_book_alive(books[0], w.nodes[i].enode.key, true, w.now);
        sotto_net_record(w.nodes[0].net, sotto_enr_span(&r));
    }
    for (uint32_t i = 2; i < 4; i++) sotto_book_rest(books[0], w.nodes[i].enode.key, UINT64_MAX);        /* 0 itself dials nobody */
    struct sotto_enr_record own = record_of(0, 7);
    sotto_net_own_record(w.nodes[0].net, &own);
    dial(1, 0);
    pass(50 * SECOND);
    struct sotto_book_entry e;
    assert_true(sotto_book_find(books[1], &e, w.nodes[0].enode.key));
    assert_true(sotto_book_find(books[1], &e, w.nodes[2].enode.key));
    assert_false(sotto_book_find(books[1], &e, w.nodes[3].enode.key));
    assert_false(sotto_book_find(books[1], &e, w.nodes[1].enode.key));
    assert_int_equal(w.nodes[2].peers, 1);        /* 1 dialled it */
}

/* Nobody is told twice in ten minutes, and what nobody asked for is not learnt. */
static void answers_are_rare_and_asked_for(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 2; i++) start_with_book(i);
    dial(1, 0);
    pass(45 * SECOND);
    struct sotto_book_entry e;
    assert_int_equal(sotto_book_count(books[1], SOTTO_BOOK_ANY), 0);              /* 0 knew nobody */
    struct sotto_enr_record own = record_of(0, 7);
    sotto_net_own_record(w.nodes[0].net, &own);
    pass(500 * SECOND);
    assert_false(sotto_book_find(books[1], &e, w.nodes[0].enode.key));
    pass(900 * SECOND);                           /* asked again */
    assert_true(sotto_book_find(books[1], &e, w.nodes[0].enode.key));
    assert_false(sotto_book_find(books[0], &e, w.nodes[1].enode.key));           /* who was dialled did not ask a stranger */
}

/* Two neighbours of two groups dialled back: reached. Where the port leads nowhere, three say so. */
static void dial_back(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 4; i++) start_with_book(i);
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_UNKNOWN);
    dial(3, 0);
    pass(15 * SECOND);
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_UNKNOWN);        /* one is not enough */
    dial(3, 1);
    pass(15 * SECOND);
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_YES);
    assert_int_equal(w.nodes[3].peers, 2);        /* the probes are nobody's neighbours, and the links stayed */
    for (uint32_t i = 0; i < 2; i++) assert_int_equal(w.nodes[i].peers, 1);
    sotto_net_port(w.nodes[3].net, 1007, now_of(3));      /* nobody is there */
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_UNKNOWN);
    dial(3, 2);
    pass(2500 * SECOND);                          /* each dials back once in ten minutes, and is asked again after eleven to twenty-two */
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_NO);
    assert_int_equal(w.nodes[3].peers, 3);
    struct sotto_peer_info info;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(w.nodes[0].net), i, &info); i++) assert_int_equal(info.score, 0);
}

/* Another node at that port is not this one: the key counts. */
static void another_key_is_no_proof(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 4; i++) start_with_book(i);
    sotto_net_port(w.nodes[3].net, 1002, now_of(3));
    for (uint32_t i = 0; i < 3; i++) dial(3, i);
    pass(20 * SECOND);
    assert_int_equal(sotto_net_reach(w.nodes[3].net), SOTTO_REACH_NO);
    assert_int_equal(w.nodes[3].peers, 3);
}

/* A node behind a proxy dials nobody back, and says nothing. */
static void silence_behind_a_proxy(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 3; i++) start_with_book(i);
    stop(0);
    stop(1);
    w.config.dials_back = false;
    for (uint32_t i = 0; i < 2; i++) start(i);
    for (uint32_t i = 0; i < 2; i++) dial(2, i);
    pass(60 * SECOND);
    assert_int_equal(sotto_net_reach(w.nodes[2].net), SOTTO_REACH_UNKNOWN);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_neighbour_tells_of_whom_it_has_tried, end_books), cmocka_unit_test_teardown(answers_are_rare_and_asked_for, end_books),
        cmocka_unit_test_teardown(dial_back, end_books), cmocka_unit_test_teardown(another_key_is_no_proof, end_books),
        cmocka_unit_test_teardown(silence_behind_a_proxy, end_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
