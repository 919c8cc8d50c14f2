/* Who comes and goes all day does not push out of the stored events what matters: 150 of node.peer in ten minutes, and who is there is
 * known all the same. */
#include "node/impl.h"
#include "sim/net.h"

#include "support/test.h"

#define IN_TEN_MINUTES 150u
#define TEN_MINUTES_US (10 * SIM_MINUTE_US)

struct counted { struct sotto_node *node; unsigned count; };

static void come_and_go(void *ctx)
{
    const struct counted *b = ctx;
    struct sotto_node *n = b->node;
    for (unsigned i = 0; i < b->count; i++) {
        struct sotto_out *o = sotto_outq_add(&n->outq, SOTTO_OUT_PEER);
        assert_non_null(o);
        o->conn = 100 + i;
        o->value = n->peers == 0 ? i % 2 == 0 : i % 2 == 1;       /* up and down by turns, from what it is now */
    }
    sotto_network_flush(n);
}

static void burst(struct sim_machine *m, unsigned count)
{
    struct counted b = { m->node, count };
    sim_machine_step(m, come_and_go, &b);
}

static enum sotto_err count_one(void *ctx, const struct sotto_store_event *e)
{
    static const char begin[] = "{\"peer\":";
    *(unsigned *)ctx += e->account == 0 && e->value.size > sizeof begin && memcmp(e->value.data, begin, sizeof begin - 1) == 0;
    return SOTTO_OK;
}

static void count_all(void *ctx)
{
    struct counted *c = ctx;
    uint64_t last = 0, before;
    c->count = 0;
    do {
        before = last;
        assert_int_equal(sotto_store_event_list(c->node->store, &last, before, 0, 200, count_one, &c->count), SOTTO_OK);
    } while (last > before);
}

static unsigned stored(struct sim_machine *m)
{
    struct counted c = { m->node, 0 };
    sim_machine_step(m, count_all, &c);
    return c.count;
}

static void test_bound(void **state)
{
    (void)state;
    struct sim_world *w = sim_world_new(test_seed(), NULL);
    struct sim_machine *m = sim_machine_new(w, NULL);
    sim_machine_flag(m, "network.name", "test-sim");
    sim_machine_flag(m, "network.local", "true");
    sim_machine_flag(m, "relay.pool", "1MiB");
    if (!sim_machine_start(m)) fail_msg("%s", m->log[0].text);
    assert_int_equal(stored(m), 0);
    burst(m, IN_TEN_MINUTES - 1);
    assert_int_equal(stored(m), IN_TEN_MINUTES - 1);
    assert_int_equal(m->node->peers, 1);
    burst(m, 400);
    assert_int_equal(stored(m), IN_TEN_MINUTES);
    assert_int_equal(m->node->peers, 1);              /* counted all the same */
    sim_world_run(w, w->now_us + TEN_MINUTES_US - SIM_SECOND_US);
    burst(m, 1);
    assert_int_equal(stored(m), IN_TEN_MINUTES);
    assert_int_equal(m->node->peers, 0);
    sim_world_run(w, w->now_us + 2 * SIM_SECOND_US);
    burst(m, 401);
    assert_int_equal(stored(m), 2 * IN_TEN_MINUTES);
    assert_int_equal(m->node->peers, 1);

    /* At an ordinary pace nothing is left out. */
    sim_world_run(w, w->now_us + TEN_MINUTES_US);
    for (unsigned i = 0; i < 360; i++) {
        burst(m, 1);
        sim_world_run(w, w->now_us + 5 * SIM_SECOND_US);
    }
    assert_int_equal(stored(m), 2 * IN_TEN_MINUTES + 360);
    assert_false(w->broken);
    sim_world_free(w);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bound) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
