/* Whole nodes that know no address find each other by beacons that are lost, come twice and overtake one another; forget who is gone, and find
 * back after a crash. SOTTO_SEED=n repeats a run. */
#include "node/impl.h"
#include "p2p/lan.h"
#include "sim/net.h"

#include "support/test.h"

#define NODES 5u
#define GONE_S (4 * 65u + 60u)            /* three beacons without an answer, the look that follows, and a dial under way */

static struct sim_machine *machine_new(struct sim_world *w, bool lan)
{
    static const struct { const char *key, *value; } flags[] = { { "network.name", "test-sim" }, { "network.local", "true" }, { "relay.pool", "1MiB" } };
    struct sim_machine *m = sim_machine_new(w, NULL);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) sim_machine_flag(m, flags[i].key, flags[i].value);
    if (lan) sim_machine_flag(m, "network.lan", "true");
    return m;
}

static void start(struct sim_machine *m)
{
    if (!sim_machine_start(m)) fail_msg("%s: %s", m->name, m->log[0].text);
}

static struct sim_world *world_new(uint64_t seed, unsigned nodes)
{
    struct sim_world *w = sim_world_new(seed, NULL);
    struct sim_net_config *net = sim_net_config(w->net);
    net->datagram_loss_pct = 20;
    net->datagram_twice_pct = 10;
    net->datagram_late_us = 150000;
    for (unsigned i = 0; i < nodes; i++) start(machine_new(w, true));
    return w;
}

static unsigned peers(const struct sim_machine *m) { return sotto_host_peers(sotto_net_host(m->node->net)); }

static unsigned held(const struct sim_machine *m)
{
    struct sotto_peer_info info;
    unsigned count = 0;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(m->node->net), i, &info); i++) count += info.lan;
    return count;
}

/* Runs until every node that is up and has beacons has so many neighbours; the seconds that took. */
static unsigned meet(struct sim_world *w, unsigned want, unsigned seconds_max)
{
    for (unsigned i = 0; i < seconds_max; i++) {
        unsigned whole = 0, all = 0;
        sim_world_run(w, w->now_us + SIM_SECOND_US);
        for (unsigned k = 0; k < w->machine_count; k++) {
            const struct sim_machine *m = w->machines[k];
            if (!m->node || !m->node->beacon) continue;
            all++;
            whole += peers(m) == want;
        }
        if (whole == all) return i + 1;
    }
    for (unsigned k = 0; k < w->machine_count; k++)
        if (w->machines[k]->node) print_message("%s: %u neighbours, %u of the local network\n", w->machines[k]->name, peers(w->machines[k]), held(w->machines[k]));
    fail_msg("not all have met within %u s", seconds_max);
    return 0;
}

static void test_find_each_other(void **state)
{
    (void)state;
    struct sim_world *w = world_new(test_seed(), NODES);
    struct sim_machine *deaf = machine_new(w, false);
    start(deaf);
    print_message("%u nodes met within %u s\n", NODES, meet(w, NODES - 1, 900));
    sim_world_run(w, w->now_us + 600 * SIM_SECOND_US);
    unsigned all = 0;
    for (unsigned i = 0; i < NODES; i++) {
        assert_int_equal(peers(w->machines[i]), NODES - 1);
        all += held(w->machines[i]);
    }
    assert_in_range(all, NODES * (NODES - 1) / 2, NODES * (NODES - 1));     /* each pair is held by one side at least */
    assert_int_equal(peers(deaf), 0);
    assert_null(deaf->udp);                           /* without network.lan no socket, and so no word */

    /* One falls: the others forget it, so that its place is free; and it comes back. */
    sim_machine_crash(w->machines[3], SIM_LOSS_NONE);
    sim_world_run(w, w->now_us + GONE_S * SIM_SECOND_US);
    for (unsigned i = 0; i < NODES; i++) {
        struct sotto_peer_info info;
        if (i == 3) continue;
        for (unsigned k = 0; sotto_host_peer_at(sotto_net_host(w->machines[i]->node->net), k, &info); k++) assert_string_equal(info.state, "up");
        assert_int_equal(peers(w->machines[i]), NODES - 2);
    }
    start(w->machines[3]);
    print_message("one that fell is back within %u s\n", meet(w, NODES - 1, 900));
    assert_false(w->broken);
    sim_world_free(w);
}

/* Parted from all others, a node hears nothing; afterwards it is found again. */
static void test_parted(void **state)
{
    (void)state;
    struct sim_world *w = sim_world_new(test_seed() + 1, NULL);
    for (unsigned i = 0; i < 2; i++) start(machine_new(w, true));
    sim_net_part(w->net, 0, 1, true);
    sim_world_run(w, w->now_us + 200 * SIM_SECOND_US);
    assert_int_equal(peers(w->machines[0]) + peers(w->machines[1]) + held(w->machines[0]) + held(w->machines[1]), 0);
    sim_net_part(w->net, 0, 1, false);
    (void)meet(w, 1, 70);
    sim_world_free(w);
}

static void ban_other(void *ctx)
{
    struct sim_world *w = ctx;
    struct sotto_node *n = w->machines[0]->node;
    assert_int_equal(sotto_host_ban(sotto_net_host(n->net), w->machines[1]->node->self.key, 1800 * SIM_SECOND_US, sotto_io_now(), &n->outq), SOTTO_OK);
    sotto_network_flush(n);
}

static bool says(const struct sim_machine *m, const char *word)
{
    for (unsigned i = 0; i < SIM_LOG_LINES; i++)
        if (strstr(m->log[i].text, word)) return true;
    return false;
}

/* An operator's ban holds against every beacon, and its end is noticed. */
static void test_banned(void **state)
{
    (void)state;
    struct sim_world *w = sim_world_new(test_seed() + 2, NULL);
    for (unsigned i = 0; i < 2; i++) start(machine_new(w, true));
    (void)meet(w, 1, 70);
    sim_machine_step(w->machines[0], ban_other, w);
    unsigned forgotten = 0;
    for (unsigned i = 0; i < 170; i++) {
        sim_world_run(w, w->now_us + 10 * SIM_SECOND_US);
        assert_int_equal(peers(w->machines[0]) + peers(w->machines[1]), 0);
        if (i > 10) assert_int_equal(held(w->machines[0]), 0);
        forgotten += says(w->machines[1], "forgotten");
    }
    assert_true(forgotten > 0);                       /* who answers and lets nobody in does not keep its place */
    (void)meet(w, 1, 300);
    sim_world_free(w);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find_each_other), cmocka_unit_test(test_parted), cmocka_unit_test(test_banned) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
