/* Every rule can fail: each is fed a broken story, and a good one. And one seed gives one trace, twice and in another process. */
#include "sim/check.h"

#include "node/impl.h"
#include "sim/run.h"
#include "sim/worlds.h"
#include "sim/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct rig { struct sim_world *w; struct sim_people *people; struct sim_person *a, *b; struct sim_text *one, *two; };

static struct rig rig_new(void)
{
    struct rig r = { .w = sim_world_new(7, NULL) };
    r.w->now_us = 1;
    r.people = sim_people_new(r.w);
    struct sim_machine *m = sim_machine_new(r.w, NULL);
    r.a = sim_person_new(r.people, m);
    r.b = sim_person_new(r.people, sim_machine_new(r.w, NULL));
    snprintf(r.a->account, sizeof r.a->account, "A");
    snprintf(r.b->account, sizeof r.b->account, "B");
    (void)sim_person_write(r.a, r.b, 5);
    (void)sim_person_write(r.a, r.b, 5);
    r.one = &r.people->texts[0];
    r.two = &r.people->texts[1];
    snprintf(r.one->name, sizeof r.one->name, "m0000000000000001");
    snprintf(r.two->name, sizeof r.two->name, "m0000000000000002");
    return r;
}

static void rig_end(struct rig *r, const char *rule)
{
    if (rule) {
        assert_true(r->w->broken);
        assert_string_equal(r->w->rule, rule);
    } else if (r->w->broken) {
        fail_msg("%s: %s", r->w->rule, r->w->why);
    }
    sim_people_free(r->people);
    sim_world_free(r->w);
}

static json_t *line(const struct sim_text *t, bool own, const char *name, const char *state)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:s}", "message", name, "text", t->text, "kind", "text", "own", own, "state", state);
}

static void test_once(void **state)
{
    (void)state;
    struct rig r = rig_new();
    sim_check_shown(r.b, r.a, "m0000000000000001", r.one->text);
    sim_check_shown(r.b, r.a, "m0000000000000001", r.one->text);      /* the same line again is nothing new */
    rig_end(&r, NULL);
    r = rig_new();
    sim_check_shown(r.b, r.a, "m0000000000000001", r.one->text);
    sim_check_shown(r.b, r.a, "m0000000000000002", r.one->text);      /* twice */
    rig_end(&r, "once");
    r = rig_new();
    sim_check_shown(r.b, r.a, "m0000000000000001", SIM_MARK "0: changed");
    rig_end(&r, "once");
    r = rig_new();
    sim_check_shown(r.a, r.b, "m0000000000000001", r.one->text);      /* to the wrong person */
    rig_end(&r, "once");
    r = rig_new();
    r.one->refused = true;
    sim_check_shown(r.b, r.a, "m0000000000000001", r.one->text);
    rig_end(&r, "once");
    r = rig_new();
    json_t *items = json_pack("[o,o]", line(r.one, false, "m0000000000000001", "received"), line(r.one, false, "m0000000000000001", "received"));
    sim_check_history(r.b, r.a, items);
    json_decref(items);
    rig_end(&r, "once");
}

static void history(const char *rule, bool first, bool second, bool swapped, bool delivered)
{
    struct rig r = rig_new();
    json_t *items = json_array();
    r.one->delivered = delivered;
    if (swapped && second) json_array_append_new(items, line(r.two, false, "m0000000000000005", "received"));
    if (first) json_array_append_new(items, line(r.one, false, "m0000000000000006", "received"));
    if (!swapped && second) json_array_append_new(items, line(r.two, false, "m0000000000000007", "received"));
    sim_check_history(r.b, r.a, items);
    json_decref(items);
    rig_end(&r, rule);
}

static void test_order_and_durable(void **state)
{
    (void)state;
    history(NULL, true, true, false, true);
    history(NULL, false, true, false, false);                         /* one that is still missing */
    history("order", true, true, true, false);
    history("durable", false, true, false, true);                     /* reported as delivered, and not there */
    struct rig r = rig_new();
    sim_check_shown(r.b, r.a, "m0000000000000001", r.one->text);
    json_t *none = json_array();
    sim_check_history(r.b, r.a, none);                                /* shown, and gone */
    rig_end(&r, "durable");
    r = rig_new();
    sim_check_history(r.a, r.b, none);                                /* answered, and gone at the sender */
    rig_end(&r, "durable");
    json_decref(none);
}

static void test_states(void **state)
{
    (void)state;
    static const struct { enum sim_state from, to; bool good; } steps[] = {
        { SIM_QUEUED, SIM_SENT, true }, { SIM_SENT, SIM_DELIVERED, true }, { SIM_DELIVERED, SIM_READ, true }, { SIM_EXPIRED, SIM_DELIVERED, true },
        { SIM_SENT, SIM_QUEUED, false }, { SIM_DELIVERED, SIM_SENT, false }, { SIM_READ, SIM_DELIVERED, false }, { SIM_SENT, SIM_CANCELLED, false },
        { SIM_DELIVERED, SIM_EXPIRED, false }, { SIM_QUEUED, SIM_RECEIVED, false }, { SIM_QUEUED, SIM_UNKNOWN, false },
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rig r = rig_new();
        r.one->told = r.one->state = steps[i].from;
        if (i % 2) sim_check_told(r.people, r.one, steps[i].to);
        else sim_check_state(r.people, r.one, steps[i].to);
        rig_end(&r, steps[i].good ? NULL : "states");
    }
}

static void test_events_and_requests(void **state)
{
    (void)state;
    struct rig r = rig_new();
    sim_check_event(r.a, 3, "node.peer");
    sim_check_event(r.a, 5, "node.peer");
    rig_end(&r, NULL);
    r = rig_new();
    sim_check_event(r.a, 3, "node.peer");
    sim_check_event(r.a, 3, "node.peer");
    rig_end(&r, "events");
    r = rig_new();
    sim_check_answered(r.one, r.people, "m0000000000000001", r.one->text);
    rig_end(&r, NULL);
    r = rig_new();
    sim_check_answered(r.one, r.people, "m0000000000000009", r.one->text);      /* one key, two messages */
    rig_end(&r, "request");
    r = rig_new();
    sim_check_answered(r.one, r.people, "m0000000000000001", "another");
    rig_end(&r, "request");
    r = rig_new();
    r.one->told = r.one->state = r.two->told = r.two->state = SIM_DELIVERED;
    sim_check_end(r.people);
    rig_end(&r, NULL);
    r = rig_new();
    r.one->told = r.one->state = SIM_SENT;
    sim_check_end(r.people);
    rig_end(&r, "settled");
    r = rig_new();
    r.one->told = SIM_DELIVERED, r.one->state = SIM_READ, r.two->told = r.two->state = SIM_READ;
    sim_check_end(r.people);
    rig_end(&r, "events");
}

/* A follows events 3, 5 and 9; a reader from the start is told `seqs`, and its last one as `kind`. */
static void again(const char *rule, const uint64_t *seqs, const char *kind)
{
    struct rig r = rig_new();
    size_t at = 0;
    sim_check_event(r.a, 3, "node.peer");
    sim_check_event(r.a, 5, "message.new");
    sim_check_event(r.a, 9, "message.state");
    for (size_t i = 0; seqs[i]; i++) sim_check_again(r.a, &at, seqs[i], seqs[i + 1] ? i ? "message.new" : "node.peer" : kind);
    sim_check_again(r.a, &at, UINT64_MAX, NULL);
    rig_end(&r, rule);
}

static void test_reader_from_the_start(void **state)
{
    (void)state;
    again(NULL, (const uint64_t[]){ 3, 5, 9, 0 }, "message.state");
    again("events", (const uint64_t[]){ 3, 5, 9, 0 }, "message.gap");             /* another kind */
    again("events", (const uint64_t[]){ 3, 5, 0 }, "message.new");                /* one is gone */
    again("events", (const uint64_t[]){ 3, 9, 0 }, "message.state");
    again("events", (const uint64_t[]){ 3, 5, 7, 0 }, "message.state");           /* one that nobody was told */
    again("events", (const uint64_t[]){ 2, 0 }, "node.peer");
    struct rig r = rig_new();
    size_t at = 0;
    sim_check_event(r.a, 3, "node.peer");
    sim_check_again(r.a, &at, 3, "node.peer");
    sim_check_again(r.a, &at, 4, "message.new");                                  /* came after A had looked */
    sim_check_again(r.a, &at, UINT64_MAX, NULL);
    rig_end(&r, NULL);
}

static void bounds(const char *rule, struct sim_bounds b)
{
    struct rig r = rig_new();
    b.pool_max = 1000;
    sim_check_bounds(r.w, "n0", &b);
    rig_end(&r, rule);
}

static void test_bounds(void **state)
{
    (void)state;
    bounds(NULL, (struct sim_bounds){ .pool_bytes = 1000, .pool_count = 65536, .outbox = 64, .tasks = SOTTO_TASKS_MAX, .conns = 512, .backlog = SOTTO_BACKLOG_MAX });
    bounds("bounds", (struct sim_bounds){ .pool_bytes = 1001 });
    bounds("bounds", (struct sim_bounds){ .pool_count = 65537 });
    bounds("bounds", (struct sim_bounds){ .outbox = 65 });
    bounds("bounds", (struct sim_bounds){ .tasks = SOTTO_TASKS_MAX + 1 });
    bounds("bounds", (struct sim_bounds){ .conns = 513 });
    bounds("bounds", (struct sim_bounds){ .backlog = SOTTO_BACKLOG_MAX + 1 });
    bounds("bounds", (struct sim_bounds){ .wishes = 1 });
    bounds("bounds", (struct sim_bounds){ .txn_open = true });
}

static void test_secrets(void **state)
{
    (void)state;
    struct rig r = rig_new();
    sim_check_wire(r.people, 0, 1, sotto_span_str("only noise"));
    rig_end(&r, NULL);
    r = rig_new();
    sim_check_wire(r.people, 0, 1, sotto_span_str("noise " SIM_MARK "0 noise"));
    rig_end(&r, "plain");
    r = rig_new();
    sim_disk_put(r.a->machine->disk, "/n0/some file", sotto_span_str("a " SIM_MARK));
    sim_check_disks(r.people);
    rig_end(&r, "plain");
    static const uint8_t key[32] = { 1 }, nonce[12] = { 2 }, other[12] = { 3 };
    struct sotto_span none = sotto_span(NULL, 0), k = SOTTO_SPAN(key), n = SOTTO_SPAN(nonce), n2 = SOTTO_SPAN(other);
    r = rig_new();
    assert_true(sim_watch_seal(r.w, k, n, none, sotto_span_str("text")));
    assert_true(sim_watch_seal(r.w, k, n, none, sotto_span_str("text")));       /* the same once more tells nobody anything */
    assert_true(sim_watch_seal(r.w, k, n2, none, sotto_span_str("other")));
    rig_end(&r, NULL);
    r = rig_new();
    assert_true(sim_watch_seal(r.w, k, n, none, sotto_span_str("text")));
    assert_false(sim_watch_seal(r.w, k, n, none, sotto_span_str("other")));
    rig_end(&r, "nonce");
    uint8_t cell[1028] = { 9 };
    r = rig_new();
    assert_true(sim_watch_cell(r.w, 0, cell));
    assert_true(sim_watch_cell(r.w, 0, cell));                                  /* handed out again after a crash */
    cell[900] = 1;
    assert_false(sim_watch_cell(r.w, 0, cell));
    rig_end(&r, "address");
    r = rig_new();
    sim_watch_old_state(r.w, 0);
    cell[900] = 0;
    assert_true(sim_watch_cell(r.w, 0, cell));
    cell[900] = 1;
    assert_true(sim_watch_cell(r.w, 0, cell));                                  /* from an old copy: allowed (messaging.md 1.2) */
    rig_end(&r, NULL);
}

static void trace_hash(uint8_t out[32], uint64_t seed)
{
    struct sim_run run;
    struct sim_options options = { 0 };
    const struct sim_kind *talk = NULL;
    for (unsigned i = 0; i < sim_kind_count; i++)
        if (strcmp(sim_kinds[i].name, "talk") == 0) talk = &sim_kinds[i];
    assert_non_null(talk);
    sim_run_seed(&run, talk, &options, seed, NULL);
    if (run.world->broken) fail_msg("%s: %s", run.world->rule, run.world->why);
    sha256_digest(&run.world->hash, 32, out);
    sim_run_free(&run);
}

static void test_one_seed_one_trace(void **state)
{
    (void)state;
    uint8_t first[32], again[32], other[32];
    trace_hash(first, 3);
    trace_hash(other, 4);
    trace_hash(again, 3);
    assert_memory_equal(first, again, 32);
    assert_memory_not_equal(first, other, 32);
    sim_templates_free();
}

/* Every operation of both disks has its seed. */
static void test_crash_points(void **state)
{
    (void)state;
    unsigned points[2] = { 5, 7 }, seen[2][8] = { { 0 } };
    for (uint64_t seed = 100; seed < 112; seed++) {
        unsigned machine;
        enum sim_loss loss;
        unsigned k = sim_crash_points(seed, &machine, &loss, points);
        assert_in_range(k, 1, points[machine]);
        seen[machine][k]++;
    }
    for (unsigned m = 0; m < 2; m++)
        for (unsigned k = 1; k <= points[m]; k++) assert_int_equal(seen[m][k], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),   cmocka_unit_test(test_order_and_durable),  cmocka_unit_test(test_states),      cmocka_unit_test(test_events_and_requests),
        cmocka_unit_test(test_secrets), cmocka_unit_test(test_one_seed_one_trace), cmocka_unit_test(test_crash_points),
        cmocka_unit_test(test_reader_from_the_start), cmocka_unit_test(test_bounds),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    json_object_seed(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
