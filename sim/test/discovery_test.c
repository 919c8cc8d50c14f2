/* Whole nodes that know one address find each other by datagrams that are lost, come twice and overtake one another; and find back after a
 * crash. SOTTO_SEED=n repeats a run. */
#include "node/impl.h"
#include "p2p/discv4.h"
#include "sim/net.h"

#include "support/test.h"

#define NODES 8u

static struct sim_world *world_new(uint64_t seed)
{
    struct sim_world *w = sim_world_new(seed, NULL);
    struct sim_net_config *net = sim_net_config(w->net);
    net->datagram_loss_pct = 20;
    net->datagram_twice_pct = 10;
    net->datagram_late_us = 150000;
    return w;
}

static struct sim_machine *machine_new(struct sim_world *w, const char *bootstrap)
{
    static const struct { const char *key, *value; } flags[] = {
        { "network.name", "test-sim" }, { "network.local", "true" }, { "network.discovery", "true" }, { "relay.pool", "1MiB" },
    };
    struct sim_machine *m = sim_machine_new(w, NULL);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) sim_machine_flag(m, flags[i].key, flags[i].value);
    if (bootstrap) sim_machine_flag(m, "network.bootstrap", bootstrap);
    return m;
}

static void start(struct sim_machine *m)
{
    if (!sim_machine_start(m)) fail_msg("%s: %s", m->name, m->log[0].text);
}

static json_int_t number(struct sim_machine *m, const char *field)
{
    json_t *o = sotto_discovery_json(m->node);
    json_int_t value = json_integer_value(json_object_get(o, field));
    json_decref(o);
    return value;
}

static unsigned peers(const struct sim_machine *m) { return sotto_host_peers(sotto_net_host(m->node->net)); }

/* Runs until every node has all others as neighbours; the seconds that took. */
static uint64_t meet(struct sim_world *w, unsigned seconds_max)
{
    uint64_t begun = w->now_us;
    for (unsigned i = 0; i < seconds_max; i++) {
        sim_world_run(w, w->now_us + SIM_SECOND_US);
        unsigned whole = 0;
        for (unsigned k = 0; k < w->machine_count; k++) whole += peers(w->machines[k]) == w->machine_count - 1;
        if (whole == w->machine_count) return (w->now_us - begun) / SIM_SECOND_US;
    }
    for (unsigned k = 0; k < w->machine_count; k++)
        print_message("%s: %u neighbours, %d nodes known, %d live\n", w->machines[k]->name, peers(w->machines[k]), (int)number(w->machines[k], "nodes"), (int)number(w->machines[k], "live"));
    fail_msg("not all have met within %u s", seconds_max);
    return 0;
}

static struct sim_world *crowd(uint64_t seed)
{
    char first[256];
    struct sim_world *w = world_new(seed);
    start(machine_new(w, NULL));
    sotto_enode_text(first, &w->machines[0]->node->self);
    for (unsigned i = 1; i < NODES; i++) start(machine_new(w, first));
    return w;
}

static void test_find_each_other(void **state)
{
    (void)state;
    struct sim_world *w = crowd(test_seed());
    uint64_t seconds = meet(w, 600);
    print_message("%u nodes met within %d s, %d datagrams arrived\n", NODES, (int)seconds, (int)w->counts[SIM_N_DATAGRAMS]);
    assert_int_equal(number(w->machines[0], "enrSeq"), 1);

    /* One falls, and comes back with another record. */
    sim_machine_crash(w->machines[3], SIM_LOSS_NONE);
    sim_world_run(w, w->now_us + 60 * SIM_SECOND_US);
    for (unsigned i = 0; i < NODES; i++)
        if (i != 3) assert_int_equal(peers(w->machines[i]), NODES - 2);
    start(w->machines[3]);
    assert_int_equal(number(w->machines[3], "enrSeq"), 2);
    seconds = meet(w, 900);
    print_message("one that fell is back within %d s\n", (int)seconds);

    /* The one that all began with is not needed any more. */
    sim_machine_crash(w->machines[0], SIM_LOSS_NONE);
    sim_world_run(w, w->now_us + 120 * SIM_SECOND_US);
    for (unsigned i = 1; i < NODES; i++) assert_int_equal(peers(w->machines[i]), NODES - 2);
    assert_false(w->broken);
    sim_world_free(w);
}

/* Parted from all others, a node hears nothing; afterwards it is found again without a word from anybody. */
static void test_parted(void **state)
{
    (void)state;
    struct sim_world *w = world_new(test_seed() + 1);
    char first[256];
    start(machine_new(w, NULL));
    sotto_enode_text(first, &w->machines[0]->node->self);
    start(machine_new(w, first));
    sim_net_part(w->net, 0, 1, true);
    sim_world_run(w, w->now_us + 30 * SIM_SECOND_US);
    assert_int_equal(w->counts[SIM_N_DATAGRAMS], 0);
    assert_int_equal(peers(w->machines[1]), 0);
    sim_net_part(w->net, 0, 1, false);
    (void)meet(w, 600);
    sim_world_free(w);
}

/* Starts again as a node that listens nowhere and asks nobody: whom it dials stands in its book. */
static void start_mute(struct sim_machine *m)
{
    for (size_t i = 0; i < m->flag_count; i++) {
        if (strcmp(m->flags[i].key, "network.discovery") == 0) m->flags[i].value = "false";
        if (strcmp(m->flags[i].key, "network.bootstrap") == 0) m->flags[i] = (struct sotto_config_pair){ "network.listen", "" };
    }
    start(m);
}

static void test_found_again_in_the_book(void **state)
{
    (void)state;
    struct sim_world *w = world_new(test_seed() + 2);
    struct sotto_peer_info info;
    char first[256];
    start(machine_new(w, NULL));
    sotto_enode_text(first, &w->machines[0]->node->self);
    struct sim_machine *m = machine_new(w, first);
    start(m);
    (void)meet(w, 600);
    sim_machine_stop(m);                              /* an orderly end saves the book */
    sim_world_run(w, w->now_us + 10 * SIM_SECOND_US);
    assert_null(m->node);
    start_mute(m);
    (void)meet(w, 60);
    assert_true(sotto_host_peer_at(sotto_net_host(m->node->net), 0, &info) && !info.inbound && !info.is_static);
    /* And so does the time: after a crash five minutes later. */
    sim_world_run(w, w->now_us + SOTTO_BOOK_SAVE_US + 60 * SIM_SECOND_US);
    sim_machine_crash(m, SIM_LOSS_NONE);
    sim_world_run(w, w->now_us + 10 * SIM_SECOND_US);
    start_mute(m);
    (void)meet(w, 60);
    sim_world_free(w);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find_each_other), cmocka_unit_test(test_parted), cmocka_unit_test(test_found_again_in_the_book) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
