/* What arrives together is committed together, and what a failed commit leaves: two whole nodes in one process, without a wire between
 * them. Sealed cells are carried from the rows of one into the pool of the other; a hook of SQLite counts commits and refuses them. */
#include "node/impl.h"

#include "io/store_impl.h"
#include "io/test/world.h"
#include "whisper/envelope.h"

#include <uv.h>

#define WAIT_S 60u                        /* for an answer that needs a worker */
#define LATER_US 60000000u

struct end {
    struct sotto_node *n;
    struct sotto_config_pair flags[8];
    struct sotto_config_input input;
    unsigned commits;
    bool refuse;
    uint64_t carried[4096];               /* rows of its cells that were carried already */
    unsigned carried_count;
    char account[43], link[2048];
};
static struct end a, b;

static int on_commit(void *ctx)
{
    struct end *e = ctx;
    if (!e->refuse) e->commits++;
    return e->refuse;
}

static void end_open(struct end *e, const char *name)
{
    char problem[1024];
    int code;
    static const char *const common[][2] = { { "network.local", "true" }, { "network.listen", "127.0.0.1" }, { "relay.plain", "true" }, { "relay.receipt", "1s" },
                                             { "vault.memory", "64MiB" }, { "vault.passes", "2" }, { "log.level", "error" } };
    memset(e, 0, sizeof *e);
    e->flags[0] = (struct sotto_config_pair){ "data.dir", world_path(name) };
    for (unsigned i = 0; i < 7; i++) e->flags[i + 1] = (struct sotto_config_pair){ common[i][0], common[i][1] };
    e->input = (struct sotto_config_input){ .system_file = "", .system_dir = "", .user_file = "", .flags = e->flags, .flag_count = 8 };
    if (sotto_node_new(&e->n, &e->input, problem) != 0) fail_msg("%s", problem);
    assert_ok(sotto_api_start(e->n));
    assert_ok(sotto_timer_new(&e->n->net_timer, e->n->loop, sotto_network_tick, e->n));
    assert_ok(sotto_timer_new(&e->n->chat_timer, e->n->loop, sotto_chat_tick, e->n));
    assert_ok(sotto_timer_new(&e->n->turn_timer, e->n->loop, sotto_turn_over, e->n));
    if (sotto_network_start(e->n, problem, &code) != SOTTO_OK) fail_msg("%s", problem);
    sqlite3_commit_hook(e->n->store->db, on_commit, e);
}

static void turn(struct end *e) { uv_run(sotto_loop_uv(e->n->loop), UV_RUN_NOWAIT); }

/* ---- calls, without a door ---- */

static void on_answer(void *ctx, struct sotto_span json)
{
    json_t **out = ctx;
    *out = json_loadb((const char *)json.data, json.size, JSON_DECODE_ANY, NULL);
}

static void ask(struct end *e, json_t **out, const char *method, json_t *params)
{
    static int conn;
    json_t *request = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id", 1, "method", method, "params", params);
    char *text = json_dumps(request, JSON_COMPACT);
    struct sotto_rpc_peer peer = { .conn = &conn, .scopes = SOTTO_SCOPE_ALL };
    *out = NULL;
    sotto_rpc_request(e->n->rpc, &peer, sotto_span_str(text), on_answer, out);
    free(text);
    json_decref(request);
}

static json_t *wait_answer(struct end *e, json_t **answer)
{
    uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u;
    while (!*answer) {
        uv_run(sotto_loop_uv(e->n->loop), UV_RUN_ONCE);
        if (sotto_io_now().mono_us > until) fail_msg("no answer");
    }
    return *answer;
}

static json_t *call(struct end *e, const char *method, json_t *params)
{
    json_t *answer, *result;
    ask(e, &answer, method, params);
    wait_answer(e, &answer);
    result = json_incref(json_object_get(answer, "result"));
    if (!result) fail_msg("%s: %s", method, json_dumps(answer, 0));
    json_decref(answer);
    return result;
}

static int code_of(json_t *answer)
{
    int code = (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
    json_decref(answer);
    return code;
}
static int refused(struct end *e, const char *method, json_t *params)
{
    json_t *answer;
    ask(e, &answer, method, params);
    return code_of(wait_answer(e, &answer));
}

/* ---- cells on foot ---- */

struct carry { struct end *from; struct sotto_buf cells; };
static enum sotto_err carry_row(void *ctx, uint64_t id, struct sotto_span value)
{
    struct carry *c = ctx;
    struct sotto_node_account *account = c->from->n->accounts[0];
    struct sotto_buf plain = sotto_buf_make(1u << 16);
    for (unsigned i = 0; i < c->from->carried_count; i++)
        if (c->from->carried[i] == id) return SOTTO_OK;
    enum sotto_err err = sotto_row_open(&plain, &account->keys->sub[sotto_purpose_of(SOTTO_TABLE_CELL)], sotto_table_name(SOTTO_TABLE_CELL), id, "value", value);
    if (err == SOTTO_OK && plain.size >= SOTTO_SEALED_SIZE) {       /* its last field: one that has left has it no more */
        err = sotto_buf_add(&c->cells, plain.data + plain.size - SOTTO_SEALED_SIZE, SOTTO_SEALED_SIZE);
        c->from->carried[c->from->carried_count++] = id;
    }
    sotto_buf_free(&plain);
    return err;
}

/* Takes every cell that was not taken yet out of from's rows, and tells from that it has left. Returns how many; out gets them. */
static unsigned cells_of(struct end *from, struct sotto_buf *out)
{
    struct sotto_node *n = from->n;
    struct carry c = { from, sotto_buf_make(16u << 20) };
    unsigned first = from->carried_count;
    assert_ok(sotto_store_scan(n->store, n->accounts[0]->number, sotto_table_name(SOTTO_TABLE_CELL), carry_row, &c));
    for (unsigned i = first; i < from->carried_count; i++) {
        struct sotto_out *o = sotto_outq_add(&n->outq, SOTTO_OUT_CELL_SENT);
        o->token = (uint64_t)n->accounts[0]->number << 48 | from->carried[i];
    }
    sotto_network_flush(n);
    assert_ok(sotto_buf_add_span(out, sotto_buf_span(&c.cells)));
    sotto_buf_free(&c.cells);
    return from->carried_count - first;
}

/* One input of the network that brings these cells. */
static void arrive(struct end *to, const uint8_t *cells, unsigned count)
{
    struct sotto_pool *pool = (struct sotto_pool *)sotto_net_pool(to->n->net);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *sealed = cells + (size_t)i * SOTTO_SEALED_SIZE;
        uint8_t bytes[SOTTO_NATIVE_RLP], hash[32];
        struct sotto_buf rlp = { bytes, 0, sizeof bytes, sizeof bytes };
        struct sotto_envelope e = { .expiry = (uint32_t)(sotto_io_now().wall_ms / 1000) + 1500, .ttl = SOTTO_NATIVE_TTL_S,
                                    .data = sotto_span(sealed + 4, SOTTO_NATIVE_DATA), .nonce = UINT64_C(1) << 60 };
        memcpy(e.topic, sealed, 4);
        assert_ok(sotto_envelope_encode(&rlp, &e));
        assert_ok(sotto_envelope_decode(&e, sotto_buf_span(&rlp)));
        sotto_envelope_hash(hash, sotto_buf_span(&rlp));
        struct sotto_pool_source source = { SOTTO_FROM_OUTBOUND, 1 };
        assert_ok(sotto_pool_add(pool, NULL, &e, sotto_buf_span(&rlp), sotto_pool_id(pool, hash), 1, source));
    }
    sotto_network_tick(to->n, sotto_io_now());
}

static unsigned move(struct end *from, struct end *to)
{
    struct sotto_buf cells = sotto_buf_make(16u << 20);
    unsigned count = cells_of(from, &cells);
    arrive(to, cells.data, count);
    sotto_batch_close(to->n);
    sotto_buf_free(&cells);
    return count;
}

static void later(struct end *e)          /* the end of a turn long after */
{
    struct sotto_now now = sotto_io_now();
    now.mono_us += LATER_US;
    now.wall_ms += LATER_US / 1000;
    sotto_turn_over(e->n, now);
}

/* ---- people ---- */

static void move_in(struct end *e, const char *name)
{
    json_t *job = call(e, "sotto_accountCreate", json_pack("{s:s,s:s}", "name", name, "passphrase", ""));
    json_decref(call(e, "sotto_jobWait", json_pack("{s:O,s:i}", "job", json_object_get(job, "job"), "waitMs", 30000)));
    json_decref(job);
    json_t *link = call(e, "sotto_accountLink", json_object());
    snprintf(e->link, sizeof e->link, "%s", json_string_value(json_object_get(link, "link")));
    json_decref(link);
    sotto_id_text(e->account, &e->n->accounts[0]->id);
}

static const char *state_of(struct end *e, const struct end *other)
{
    static char state[32];
    json_t *c = call(e, "sotto_contactGet", json_pack("{s:s}", "contact", other->account));
    snprintf(state, sizeof state, "%s", json_string_value(json_object_get(c, "state")));
    json_decref(c);
    return state;
}

/* Alice's request, until its cell is there: the puzzle needs the worker. */
static void request(void)
{
    json_decref(call(&a, "sotto_contactAdd", json_pack("{s:s,s:s,s:s}", "link", b.link, "alias", "bob", "note", "it is me")));
    uint64_t count = 0, until = sotto_io_now().mono_us + WAIT_S * 1000000u;
    while (count == 0) {
        assert_ok(sotto_store_count(a.n->store, &count, a.n->accounts[0]->number, sotto_table_name(SOTTO_TABLE_CELL)));
        if (count == 0) uv_run(sotto_loop_uv(a.n->loop), UV_RUN_ONCE);
        if (sotto_io_now().mono_us > until) fail_msg("the puzzle is not solved");
    }
}

static void meet(void)
{
    request();
    assert_int_equal(move(&a, &b), 1);
    json_decref(call(&b, "sotto_contactAccept", json_pack("{s:s,s:s}", "contact", a.account, "alias", "alice")));
    for (unsigned i = 0; i < 4; i++) {
        move(&b, &a);
        later(&a);
        move(&a, &b);
        later(&b);
    }
    assert_string_equal(state_of(&a, &b), "mutual");
    assert_string_equal(state_of(&b, &a), "mutual");
}

static int setup(void **state)
{
    assert_int_equal(world_make(state), 0);
    end_open(&a, "a");
    end_open(&b, "b");
    move_in(&a, "Alice");
    move_in(&b, "Bob");
    return 0;
}
static int setup_met(void **state)
{
    setup(state);
    meet();
    return 0;
}
static int teardown(void **state)
{
    a.refuse = b.refuse = false;
    sotto_node_free(a.n);
    sotto_node_free(b.n);
    return world_drop(state);
}

static void say(struct end *e, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %03u", i);
        json_decref(call(e, "sotto_messageSend", json_pack("{s:s,s:s}", "chat", e == &a ? "bob" : "alice", "text", text)));
    }
}

/* Every line from 0 to count - 1 once and in order. */
static void heard(struct end *e, unsigned count)
{
    json_t *page = call(e, "sotto_messageList", json_pack("{s:s,s:i}", "chat", e == &a ? "bob" : "alice", "limit", 200)), *m;
    size_t i;
    unsigned at = 0;
    json_array_foreach(json_object_get(page, "items"), i, m)
    {
        char text[32];
        if (json_is_true(json_object_get(m, "own")) || strcmp(json_string_value(json_object_get(m, "kind")), "text") != 0) continue;
        snprintf(text, sizeof text, "line %03u", at++);
        assert_string_equal(json_string_value(json_object_get(m, "text")), text);
    }
    assert_int_equal(at, count);
    json_decref(page);
}

/* ---- tests ---- */

/* A batch that does not grow old, however slow the machine of the test is. */
static void young(struct end *e)
{
    e->n->flushing = true;
    sotto_batch_open(e->n);
    e->n->flushing = false;
    e->n->batch_us += 3600ull * 1000000;
}

/* Four inputs of one turn: one commit. Each in a turn of its own: one each. */
static void a_turn_is_one_commit(void **state)
{
    (void)state;
    struct sotto_buf cells = sotto_buf_make(16u << 20);
    say(&a, 0, 32);
    assert_int_equal(cells_of(&a, &cells), 32);
    unsigned before = b.commits;
    young(&b);
    for (unsigned i = 0; i < 4; i++) arrive(&b, cells.data + (size_t)i * 4 * SOTTO_SEALED_SIZE, 4);
    assert_true(b.n->batch);
    assert_int_equal(b.commits, before);
    assert_int_equal(b.n->batch_cells, 16);
    sotto_turn_over(b.n, sotto_io_now());
    assert_false(b.n->batch);
    assert_int_equal(b.commits, before + 1);
    heard(&b, 16);
    before = b.commits;
    for (unsigned i = 4; i < 7; i++) {
        arrive(&b, cells.data + (size_t)i * 4 * SOTTO_SEALED_SIZE, 4);
        sotto_turn_over(b.n, sotto_io_now());
    }
    assert_int_equal(b.commits, before + 3);
    young(&b);
    arrive(&b, cells.data + (size_t)28 * SOTTO_SEALED_SIZE, 4);
    assert_true(b.n->batch);
    turn(&b);                                             /* the loop itself ends it: no more than one turn */
    assert_false(b.n->batch);
    heard(&b, 32);
    sotto_buf_free(&cells);
}

static void a_batch_ends_when_it_is_old_or_somebody_else_writes(void **state)
{
    (void)state;
    struct sotto_buf cells = sotto_buf_make(16u << 20);
    say(&a, 0, 3);
    assert_int_equal(cells_of(&a, &cells), 3);
    unsigned before = b.commits;
    young(&b);
    arrive(&b, cells.data, 1);
    assert_true(b.n->batch);
    b.n->batch_us = 0;
    arrive(&b, cells.data + SOTTO_SEALED_SIZE, 1);        /* it comes into the old one, and ends it */
    assert_false(b.n->batch);
    assert_int_equal(b.commits, before + 1);
    young(&b);
    arrive(&b, cells.data + 2 * SOTTO_SEALED_SIZE, 1);
    assert_true(b.n->batch);
    sotto_txn_begin(b.n);
    assert_false(b.n->batch);
    assert_int_equal(b.commits, before + 2);
    assert_int_equal(sotto_txn_end(b.n, false), SOTTO_ERR_CANCELLED);         /* and does not take the cell with it */
    heard(&b, 3);
    sotto_buf_free(&cells);
}

/* The disk refuses for a while: nothing is shown, nothing is answered, and with the disk everything comes, once. */
static void cells_of_a_failed_commit_come_again(void **state)
{
    (void)state;
    struct sotto_buf cells = sotto_buf_make(16u << 20);
    say(&a, 0, 12);
    assert_int_equal(cells_of(&a, &cells), 12);
    arrive(&b, cells.data, 4);
    turn(&b);
    heard(&b, 4);
    b.refuse = true;
    unsigned before = b.commits;
    arrive(&b, cells.data + (size_t)4 * SOTTO_SEALED_SIZE, 4);
    turn(&b);
    for (unsigned i = 0; i < 5; i++) later(&b);           /* each try fails, and returns */
    arrive(&b, cells.data + (size_t)8 * SOTTO_SEALED_SIZE, 4);
    sotto_batch_close(b.n);
    assert_int_equal(b.commits, before);
    b.refuse = false;
    sotto_accounts_tick(b.n, sotto_io_now());
    later(&b);
    later(&b);
    heard(&b, 12);
    move(&b, &a);                                         /* and the other way all is well */
    say(&b, 0, 3);
    move(&b, &a);
    heard(&a, 3);
    sotto_buf_free(&cells);
}

/* The very first cell of a stranger, for an account that has no session yet. */
static void a_request_of_a_failed_commit_comes_again(void **state)
{
    (void)state;
    struct sotto_buf cells = sotto_buf_make(16u << 20);
    request();
    assert_int_equal(cells_of(&a, &cells), 1);
    b.refuse = true;
    arrive(&b, cells.data, 1);
    turn(&b);
    assert_int_equal(refused(&b, "sotto_contactGet", json_pack("{s:s}", "contact", a.account)), 2101);
    b.refuse = false;
    sotto_accounts_tick(b.n, sotto_io_now());
    later(&b);
    assert_string_equal(state_of(&b, &a), "incoming");
    sotto_buf_free(&cells);
}

/* A damaged line in the history: what the acknowledgement for it brings besides is taken all the same. */
static void a_damaged_line_does_not_stop_the_rest(void **state)
{
    (void)state;
    say(&a, 0, 1);
    move(&a, &b);
    sqlite3_commit_hook(a.n->store->db, NULL, NULL);
    assert_int_equal(sqlite3_exec(a.n->store->db, "UPDATE message SET value = zeroblob(100)", NULL, NULL, NULL), SQLITE_OK);
    say(&b, 0, 2);
    move(&b, &a);
    json_t *page = call(&a, "sotto_eventList", json_pack("{s:[s]}", "kinds", "message.new"));
    assert_true(json_array_size(json_object_get(page, "events")) >= 2);
    json_decref(page);
}

/* A second call with the same key while the first one still runs does not do the thing twice, and is told to wait. */
static void a_key_under_way(void **state)
{
    (void)state;
    json_t *first, *same, *other;
    ask(&a, &first, "sotto_contactVerify", json_pack("{s:s,s:s,s:s}", "contact", "bob", "code", "00000 00000 00000 00000 00000 00000 00000 00000", "requestKey", "0123456789abcdef"));
    assert_null(first);
    ask(&a, &same, "sotto_contactVerify", json_pack("{s:s,s:s,s:s}", "contact", "bob", "code", "00000 00000 00000 00000 00000 00000 00000 00000", "requestKey", "0123456789abcdef"));
    assert_int_equal(code_of(wait_answer(&a, &same)), 1003);
    ask(&a, &other, "sotto_chatClear", json_pack("{s:s,s:s}", "chat", "bob", "requestKey", "0123456789abcdef"));
    assert_int_equal(code_of(wait_answer(&a, &other)), 1007);
    assert_int_equal(code_of(wait_answer(&a, &first)), 1407);             /* not their safety words: an error, so the key is free again */
    assert_null(a.n->keyed);
    ask(&a, &other, "sotto_chatClear", json_pack("{s:s,s:s}", "chat", "bob", "requestKey", "0123456789abcdef"));
    assert_int_equal(code_of(wait_answer(&a, &other)), 0);
}

static void idle(void *arg, const atomic_bool *cancel)
{
    (void)arg;
    while (!atomic_load(cancel)) uv_sleep(1);
}
static void idle_done(void *arg, bool cancelled)
{
    (void)arg;
    (void)cancelled;
}

/* The lane for proofs of work is full when a puzzle comes: it begins as soon as there is a place. */
static void a_puzzle_waits_for_a_place(void **state)
{
    (void)state;
    struct sotto_job *jobs[1024];
    unsigned count = 0;
    while (count < 1024 && sotto_workers_run(a.n->workers, &jobs[count], SOTTO_LANE_MINE, idle, idle_done, NULL) == SOTTO_OK) count++;
    assert_true(count < 1024);
    json_decref(call(&a, "sotto_contactAdd", json_pack("{s:s,s:s}", "link", b.link, "alias", "bob")));
    assert_non_null(a.n->mine_waiting);
    while (count > 0) sotto_job_cancel(jobs[--count]);
    for (uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u; a.n->mine_waiting && sotto_io_now().mono_us < until;) {
        turn(&a);
        sotto_network_solve_again(a.n);
    }
    assert_null(a.n->mine_waiting);
    uint64_t cells = 0;
    for (uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u; cells == 0 && sotto_io_now().mono_us < until;) {
        uv_run(sotto_loop_uv(a.n->loop), UV_RUN_ONCE);
        assert_ok(sotto_store_count(a.n->store, &cells, a.n->accounts[0]->number, sotto_table_name(SOTTO_TABLE_CELL)));
    }
    assert_int_equal(cells, 1);
}

static unsigned peers(struct end *e)
{
    json_t *list = call(e, "sotto_networkPeers", json_object());
    unsigned count = (unsigned)json_array_size(json_object_get(list, "items"));
    json_decref(list);
    return count;
}

/* Neighbours and jobs are what the answer says they are. */
static void a_verb_that_was_not_stored_has_not_happened(void **state)
{
    (void)state;
    char enode[256];
    sotto_enode_text(enode, &b.n->self);
    a.refuse = true;
    assert_int_not_equal(refused(&a, "sotto_peerAdd", json_pack("{s:s}", "address", enode)), 0);
    assert_int_equal(peers(&a), 0);
    a.refuse = false;
    json_decref(call(&a, "sotto_peerAdd", json_pack("{s:s}", "address", enode)));
    assert_int_equal(peers(&a), 1);
    a.refuse = true;
    assert_int_not_equal(refused(&a, "sotto_peerRemove", json_pack("{s:s}", "peer", enode)), 0);
    assert_int_not_equal(refused(&a, "sotto_peerBan", json_pack("{s:s,s:i,s:s}", "peer", enode, "ms", 60000, "requestKey", "0123456789abcdef")), 0);
    assert_false(sotto_host_banned(sotto_net_host(a.n->net), b.n->self.key, sotto_io_now()));
    a.refuse = false;
    assert_int_equal(peers(&a), 1);
    json_decref(call(&a, "sotto_peerRemove", json_pack("{s:s}", "peer", enode)));
    for (uint64_t until = sotto_io_now().mono_us + WAIT_S * 1000000u; peers(&a) && sotto_io_now().mono_us < until;) turn(&a);
    assert_int_equal(peers(&a), 0);

    unsigned tasks = a.n->task_count;
    a.refuse = true;
    assert_int_not_equal(refused(&a, "sotto_accountCreate", json_pack("{s:s,s:s,s:s}", "name", "Eve", "passphrase", "", "requestKey", "fedcba9876543210")), 0);
    assert_int_not_equal(refused(&a, "sotto_backupCreate", json_pack("{s:s,s:s,s:s}", "path", world_path("backup"), "passphrase", "one two three", "requestKey", "fedcba9876543211")), 0);
    a.refuse = false;
    assert_int_equal(a.n->task_count, tasks);
    assert_int_equal(sotto_workers_count(a.n->workers, SOTTO_LANE_WORK), 0);
    assert_int_equal(a.n->account_count, 1);
    json_t *job = call(&a, "sotto_accountCreate", json_pack("{s:s,s:s,s:s}", "name", "Eve", "passphrase", "", "requestKey", "fedcba9876543210"));
    json_decref(call(&a, "sotto_jobWait", json_pack("{s:O,s:i}", "job", json_object_get(job, "job"), "waitMs", 30000)));
    json_decref(job);
    assert_int_equal(a.n->account_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_is_one_commit, setup_met, teardown),
        cmocka_unit_test_setup_teardown(a_batch_ends_when_it_is_old_or_somebody_else_writes, setup_met, teardown),
        cmocka_unit_test_setup_teardown(cells_of_a_failed_commit_come_again, setup_met, teardown),
        cmocka_unit_test_setup_teardown(a_request_of_a_failed_commit_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_line_does_not_stop_the_rest, setup_met, teardown),
        cmocka_unit_test_setup_teardown(a_key_under_way, setup_met, teardown),
        cmocka_unit_test_setup_teardown(a_puzzle_waits_for_a_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_verb_that_was_not_stored_has_not_happened, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
