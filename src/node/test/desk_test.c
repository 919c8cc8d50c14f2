/* The desk of shh_*: how much it takes, how little of it happens in one turn of the loop, and what a connection takes with it when it closes. One
 * whole node without a door and without neighbours. */
#include "node/whisper_desk.h"

#include "io/test/world.h"
#include "whisper/envelope.h"

#include <uv.h>

#define WAIT_S 60u

static struct sotto_node *n;
static struct sotto_config_pair flags[7];
static struct sotto_config_input input;

static int setup(void **state)
{
    char problem[1024];
    int code;
    static const char *const common[][2] = { { "network.local", "true" }, { "network.listen", "127.0.0.1" }, { "relay.plain", "true" }, { "log.level", "error" } };
    if (world_make(state) != 0) return -1;
    flags[0] = (struct sotto_config_pair){ "data.dir", world_path("desk") };
    for (unsigned i = 0; i < 4; i++) flags[i + 1] = (struct sotto_config_pair){ common[i][0], common[i][1] };
    input = (struct sotto_config_input){ .system_file = "", .system_dir = "", .user_file = "", .flags = flags, .flag_count = 5 };
    if (sotto_node_new(&n, &input, problem) != 0) fail_msg("%s", problem);
    assert_ok(sotto_api_start(n));
    assert_ok(sotto_timer_new(&n->net_timer, n->loop, sotto_network_tick, n));
    assert_ok(sotto_timer_new(&n->chat_timer, n->loop, sotto_chat_tick, n));
    assert_ok(sotto_timer_new(&n->turn_timer, n->loop, sotto_turn_over, n));
    if (sotto_network_start(n, problem, &code) != SOTTO_OK) fail_msg("%s", problem);
    return 0;
}
static int teardown(void **state)
{
    sotto_node_free(n);
    return world_drop(state);
}

static void turn(void) { uv_run(sotto_loop_uv(n->loop), UV_RUN_NOWAIT); }

/* ---- callers, each a connection ---- */

static void on_answer(void *ctx, struct sotto_span json)
{
    json_t **out = ctx;
    *out = json_loadb((const char *)json.data, json.size, JSON_DECODE_ANY, NULL);
}

static void ask(json_t **out, uint64_t conn, const char *method, json_t *params)
{
    json_t *request = json_pack("{s:i,s:s,s:o}", "id", 1, "method", method, "params", params);
    char *text = json_dumps(request, JSON_COMPACT);
    struct sotto_rpc_peer peer = { .conn = (void *)(uintptr_t)conn, .scopes = SOTTO_SCOPE_ALL, .can_subscribe = true };
    *out = NULL;
    sotto_rpc_request(n->rpc, &peer, sotto_span_str(text), on_answer, out);
    free(text);
    json_decref(request);
}

static json_t *call(uint64_t conn, const char *method, json_t *params)
{
    json_t *answer, *result;
    uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u;
    ask(&answer, conn, method, params);
    while (!answer && sotto_io_now().mono_us < until) uv_run(sotto_loop_uv(n->loop), UV_RUN_ONCE);
    assert_non_null(answer);
    result = json_incref(json_object_get(answer, "result"));
    if (!result) fail_msg("%s: %s", method, json_dumps(answer, 0));
    json_decref(answer);
    return result;
}

static void closed(uint64_t conn)         /* as doors.c tells it */
{
    sotto_rpc_conn_closed(n->rpc, (void *)(uintptr_t)conn);
    sotto_events_closed(n, conn);
    sotto_desk_closed(n, conn);
}

static struct sotto_secret sym_key(void)
{
    struct sotto_secret key;
    sotto_rng_fill(&n->rng.rng, key.b, sizeof key.b);
    return key;
}

/* ---- subscriptions ---- */

static void subscriptions_are_bounded_and_end_with_their_connection(void **state)
{
    (void)state;
    struct sotto_desk *d = sotto_desk(n);
    assert_non_null(d);
    char ids[SOTTO_DESK_SUBSCRIPTIONS_MAX][SOTTO_DESK_PUSH_ID], more[SOTTO_DESK_PUSH_ID];
    struct sotto_secret key = sym_key();
    struct sotto_shh_criteria c = { .sym = &key };
    for (unsigned i = 0; i < SOTTO_DESK_SUBSCRIPTIONS_MAX; i++) {
        assert_int_equal(sotto_desk_subscribe(d, ids[i], &c, 1 + i % 3).why, SOTTO_SHH_REFUSED_NOTHING);
        for (unsigned k = 0; k < i; k++) assert_string_not_equal(ids[i], ids[k]);
    }
    struct sotto_shh_refusal r = sotto_desk_subscribe(d, more, &c, 4);
    assert_int_equal(r.why, SOTTO_SHH_REFUSED_FILTERS_FULL);
    assert_int_equal(r.limit, SOTTO_DESK_SUBSCRIPTIONS_MAX);
    assert_int_equal(sotto_shh_filters_count(d->filters), SOTTO_DESK_SUBSCRIPTIONS_MAX);      /* and no filter was left behind */

    assert_false(sotto_desk_unsubscribe(d, sotto_span_str(ids[0]), 2));                       /* it is another connection's */
    assert_true(sotto_desk_unsubscribe(d, sotto_span_str(ids[0]), 1));
    assert_false(sotto_desk_unsubscribe(d, sotto_span_str(ids[0]), 1));
    assert_int_equal(sotto_desk_subscribe(d, ids[0], &c, 1).why, SOTTO_SHH_REFUSED_NOTHING);  /* its place is free again */

    unsigned left = SOTTO_DESK_SUBSCRIPTIONS_MAX;
    for (uint64_t conn = 1; conn <= 3; conn++) {
        unsigned its = (SOTTO_DESK_SUBSCRIPTIONS_MAX + 3 - (unsigned)conn) / 3;
        closed(conn);
        left -= its;
        assert_int_equal(d->push_count, left);
        assert_int_equal(sotto_shh_filters_count(d->filters), left);
    }
    assert_int_equal(left, 0);
    assert_null(d->pushes);
    closed(1);                                            /* and a second time there is nothing to take */
}

/* A filter that is polled belongs to nobody: it stays when the one who made it has gone, as in geth. */
static void filters_outlive_their_connection(void **state)
{
    (void)state;
    json_t *id = call(7, "shh_newSymKey", json_array());
    json_t *filter = call(7, "shh_newMessageFilter", json_pack("[{s:O}]", "symKeyID", id));
    closed(7);
    json_t *got = call(8, "shh_getFilterMessages", json_pack("[O]", filter));
    assert_int_equal(json_array_size(got), 0);
    assert_int_equal(sotto_shh_filters_count(n->desk->filters), 1);
    json_decref(got);
    json_decref(filter);
    json_decref(id);
}

/* ---- envelopes ---- */

static void make(struct sotto_buf *out, uint64_t number)
{
    uint8_t data[300];
    sotto_rng_fill(&n->rng.rng, data, sizeof data);
    struct sotto_envelope e = { .expiry = (uint32_t)(sotto_io_now().wall_ms / 1000) + 50, .ttl = 50, .data = SOTTO_SPAN(data), .nonce = number };
    *out = sotto_buf_make(1024);
    assert_ok(sotto_envelope_encode(out, &e));
}

static void into_pool(unsigned count)
{
    struct sotto_pool *pool = (struct sotto_pool *)sotto_net_pool(n->net);
    for (unsigned i = 0; i < count; i++) {
        struct sotto_buf rlp;
        struct sotto_envelope e;
        uint8_t hash[32];
        struct sotto_pool_source source = { SOTTO_FROM_OUTBOUND, 1 };
        make(&rlp, i);
        assert_ok(sotto_envelope_decode(&e, sotto_buf_span(&rlp)));
        sotto_envelope_hash(hash, sotto_buf_span(&rlp));
        assert_ok(sotto_pool_add(pool, NULL, &e, sotto_buf_span(&rlp), sotto_pool_id(pool, hash), 1, source));
        sotto_buf_free(&rlp);
    }
}

/* Many keys against many envelopes: what one turn of the loop may cost is bounded, and in the end every key was tried on each. */
static void keys_are_tried_in_slices(void **state)
{
    (void)state;
    /* more keys than one slice has time for; the rest of one envelope and the begin of the next may share one */
    enum { KEYS = 2500, ENVELOPES = 6, SLICE_TRIES = 2 * (1000000 / SOTTO_SHH_TRY_SYM_NS + 1) };
    struct sotto_desk *d = sotto_desk(n);
    for (unsigned i = 0; i < KEYS; i++) {
        struct sotto_shh_id id;
        struct sotto_secret key = sym_key();
        struct sotto_shh_criteria c = { .sym = &key };
        assert_int_equal(sotto_shh_filters_add(d->filters, &id, &c).why, SOTTO_SHH_REFUSED_NOTHING);
    }
    into_pool(ENVELOPES);
    sotto_desk_look(n);
    uint64_t tries = sotto_shh_filters_tries(d->filters);
    assert_true(tries <= SLICE_TRIES);                    /* none, where a slow machine spent the slice before it began */
    assert_true(d->showing_later);
    sotto_desk_look(n);                                   /* a slice waits for its turn: nobody else may start one */
    assert_int_equal(sotto_shh_filters_tries(d->filters), tries);
    unsigned turns = 0;
    for (; d->showing_later && turns < 100000; turns++) {
        turn();
        assert_true(sotto_shh_filters_tries(d->filters) <= tries + SLICE_TRIES);
        tries = sotto_shh_filters_tries(d->filters);
    }
    assert_int_equal(tries, KEYS * ENVELOPES);
    assert_true(turns >= KEYS * ENVELOPES / SLICE_TRIES);
    assert_int_equal(d->open.size, 0);
    assert_int_equal(d->shown_seq, sotto_pool_seq(sotto_net_pool(n->net)));
}

/* Direct messages: taken only while somebody waits for any, and no more than have a place. */
static void direct_messages_are_bounded(void **state)
{
    (void)state;
    struct sotto_desk *d = sotto_desk(n);
    struct sotto_buf rlp;
    make(&rlp, 0);
    sotto_desk_direct(n, &rlp);
    assert_int_equal(d->direct_count, 0);                 /* no filter: it is the caller's still */
    assert_true(rlp.size > 0);
    sotto_buf_free(&rlp);
    json_t *id = call(1, "shh_newSymKey", json_array());
    json_decref(call(1, "shh_newMessageFilter", json_pack("[{s:O,s:b}]", "symKeyID", id, "allowP2P", 1)));
    json_decref(id);
    for (unsigned i = 0; i < SOTTO_DESK_DIRECTS_MAX + 5; i++) {
        make(&rlp, i);
        sotto_desk_direct(n, &rlp);
        assert_int_equal(rlp.size == 0, i < SOTTO_DESK_DIRECTS_MAX);
        sotto_buf_free(&rlp);
    }
    assert_int_equal(d->direct_count, SOTTO_DESK_DIRECTS_MAX);
    sotto_desk_look(n);
    for (unsigned turns = 0; d->showing_later && turns < 100000; turns++) turn();
    assert_int_equal(d->direct_count, 0);
    assert_int_equal(sotto_shh_filters_tries(d->filters), SOTTO_DESK_DIRECTS_MAX);
}

/* ---- messages that are being worked on ---- */

static json_t *hard(json_t *id)           /* more work than anybody has */
{
    return json_pack("[{s:O,s:s,s:s,s:i,s:i,s:f}]", "symKeyID", id, "topic", "0x01020304", "payload", "0x01", "ttl", 60, "powTime", 60, "powTarget", 1e12);
}

static void wait_posts(unsigned count)
{
    uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u;
    while (n->desk->post_count != count && sotto_io_now().mono_us < until) uv_run(sotto_loop_uv(n->loop), UV_RUN_ONCE);
    assert_int_equal(n->desk->post_count, count);
}

static void posts_are_bounded_and_end_with_their_connection(void **state)
{
    (void)state;
    static json_t *answers[SOTTO_DESK_POSTS_MAX];
    json_t *id = call(1, "shh_newSymKey", json_array()), *refused;
    for (unsigned i = 0; i < SOTTO_DESK_POSTS_MAX; i++) ask(&answers[i], 1 + i % 2, "shh_post", hard(id));
    assert_int_equal(n->desk->post_count, SOTTO_DESK_POSTS_MAX);
    ask(&refused, 3, "shh_post", hard(id));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(refused, "error"), "code")), -32000);
    json_decref(refused);
    closed(1);
    wait_posts(SOTTO_DESK_POSTS_MAX / 2);
    for (unsigned i = 0; i < 200; i++) turn();            /* the others go on, in their turns */
    assert_int_equal(n->desk->post_count, SOTTO_DESK_POSTS_MAX / 2);
    closed(2);
    wait_posts(0);
    for (unsigned i = 0; i < SOTTO_DESK_POSTS_MAX; i++) assert_null(answers[i]);       /* nobody was told anything */
    assert_int_equal(sotto_rpc_pending(n->rpc), 0);
    json_decref(id);
}

/* The key of a password that nobody waits for any more is nobody's. */
static void a_password_of_who_has_left(void **state)
{
    (void)state;
    json_t *answer;
    sotto_desk(n);
    ask(&answer, 5, "shh_generateSymKeyFromPassword", json_pack("[s]", "one two three"));
    assert_int_equal(sotto_workers_count(n->workers, SOTTO_LANE_WORK), 1);
    closed(5);
    uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u;
    while (sotto_workers_count(n->workers, SOTTO_LANE_WORK) && sotto_io_now().mono_us < until) uv_run(sotto_loop_uv(n->loop), UV_RUN_ONCE);
    assert_int_equal(sotto_workers_count(n->workers, SOTTO_LANE_WORK), 0);
    assert_null(answer);
    assert_int_equal(sotto_shh_keys_syms(n->desk->keys), 0);
    json_decref(call(6, "shh_generateSymKeyFromPassword", json_pack("[s]", "one two three")));
    assert_int_equal(sotto_shh_keys_syms(n->desk->keys), 1);
}

/* A node that ends while all of this is under way lets go of it. */
static void the_end_comes_in_the_middle(void **state)
{
    (void)state;
    static json_t *answers[3];
    json_t *id = call(1, "shh_newSymKey", json_array());
    for (unsigned i = 0; i < 2; i++) ask(&answers[i], 1, "shh_post", hard(id));
    ask(&answers[2], 1, "shh_generateSymKeyFromPassword", json_pack("[s]", "late"));
    json_decref(call(1, "shh_subscribe", json_pack("[s,{s:O,s:[s]}]", "messages", "symKeyID", id, "topics", "0x01020304")));
    into_pool(5);
    sotto_desk_look(n);
    json_decref(id);
    assert_int_equal(n->desk->post_count, 2);             /* teardown frees the node: the sanitizers see what is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subscriptions_are_bounded_and_end_with_their_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_outlive_their_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_tried_in_slices, setup, teardown),
        cmocka_unit_test_setup_teardown(direct_messages_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(posts_are_bounded_and_end_with_their_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_password_of_who_has_left, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_comes_in_the_middle, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
