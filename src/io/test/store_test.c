/* The database: what goes in comes out, in the order promised. */
#include "store_rig.h"

#include "io/file.h"

struct seen { char text[2048]; unsigned count, stop_after; };

static enum sotto_err see_row(void *ctx, uint64_t id, struct sotto_span value)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%llu=%.*s ", (unsigned long long)id, (int)value.size, (const char *)value.data);
    return ++s->count == s->stop_after ? SOTTO_ERR_CANCELLED : SOTTO_OK;
}
static enum sotto_err see_nested(void *ctx, uint64_t id, struct sotto_span value)
{
    struct seen inner = { 0 };
    assert_ok(sotto_store_scan(store, 1, "sessions", see_row, &inner));
    assert_int_equal(inner.count, 3);
    return see_row(ctx, id, value);
}

static void test_rows(void **state)
{
    (void)state;
    assert_int_equal(world_mode(world_path("messages.db")), 0600);
    assert_ok(put(1, "sessions", 7, "seven"));
    assert_int_equal(world_mode(world_path("messages.db-wal")), 0600);
    assert_ok(put(1, "sessions", 3, "three"));
    assert_ok(put(1, "sessions", INT64_MAX, ""));
    assert_ok(put(2, "sessions", 7, "other"));
    assert_ok(put(1, "skipped", 7, "skip"));
    assert_ok(put(1, "sessions", 7, "again"));
    struct seen s = { 0 };
    assert_ok(sotto_store_scan(store, 1, "sessions", see_row, &s));
    assert_string_equal(s.text, "3=three 7=again 9223372036854775807= ");
    s = (struct seen){ .stop_after = 2 };
    assert_int_equal(sotto_store_scan(store, 1, "sessions", see_row, &s), SOTTO_ERR_CANCELLED);
    assert_int_equal(s.count, 2);
    s = (struct seen){ 0 };
    assert_ok(sotto_store_scan(store, 1, "sessions", see_nested, &s));
    assert_int_equal(s.count, 3);
    uint64_t count = 0;
    assert_ok(sotto_store_count(store, &count, 1, "sessions"));
    assert_int_equal(count, 3);
    assert_int_equal(put(1, "sessions", (uint64_t)INT64_MAX + 1, "x"), SOTTO_ERR_RANGE);
    assert_int_equal(put((uint64_t)-1, "sessions", 1, "x"), SOTTO_ERR_RANGE);
    char name[80];
    memset(name, 'n', sizeof name);
    name[65] = 0;
    assert_int_equal(put(1, name, 1, "x"), SOTTO_ERR_RANGE);
    uint8_t *large = calloc(1, SOTTO_STORE_VALUE_MAX + 1);
    assert_int_equal(sotto_store_put(store, 1, "big", 1, sotto_span(large, SOTTO_STORE_VALUE_MAX + 1)), SOTTO_ERR_RANGE);
    assert_ok(sotto_store_put(store, 1, "big", 1, sotto_span(large, SOTTO_STORE_VALUE_MAX)));
    struct sotto_buf small = sotto_buf_make(10);
    assert_int_equal(sotto_store_get(store, &small, 1, "big", 1), SOTTO_ERR_FULL);
    free(large);
    assert_ok(sotto_store_delete(store, 1, "sessions", 3));
    assert_ok(sotto_store_delete(store, 1, "sessions", 3));
    expect_row(1, "sessions", 3, NULL);
    assert_ok(sotto_store_delete_table(store, 1, "sessions"));
    reopen();
    expect_row(1, "sessions", 7, NULL);
    expect_row(2, "sessions", 7, "other");
    expect_row(1, "skipped", 7, "skip");
}

static void test_transactions(void **state)
{
    (void)state;
    assert_ok(put(0, "t", 1, "before"));
    assert_ok(sotto_store_begin(store));
    assert_true(sotto_store_begun(store));
    assert_int_equal(sotto_store_begin(store), SOTTO_ERR_STATE);
    assert_int_equal(sotto_store_wal_truncate(store), SOTTO_ERR_STATE);
    assert_ok(put(0, "t", 1, "inside"));
    assert_ok(put(0, "t", 2, "inside"));
    expect_row(0, "t", 1, "inside");
    sotto_store_rollback(store);
    sotto_store_rollback(store);
    expect_row(0, "t", 1, "before");
    expect_row(0, "t", 2, NULL);
    assert_int_equal(sotto_store_commit(store), SOTTO_ERR_STATE);
    assert_ok(sotto_store_begin(store));
    assert_ok(put(0, "t", 2, "kept"));
    assert_ok(sotto_store_commit(store));
    assert_ok(sotto_store_begin(store));
    assert_ok(put(0, "t", 3, "lost at close"));
    reopen();
    expect_row(0, "t", 2, "kept");
    expect_row(0, "t", 3, NULL);
}

/* ---- history ---- */

static enum sotto_err see_message(void *ctx, const struct sotto_store_message *m)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%llu%.*s%u%.*s ", (unsigned long long)m->id, (int)m->chat.size, (const char *)m->chat.data, m->state,
             (int)m->value.size, (const char *)m->value.data);
    s->count++;
    return SOTTO_OK;
}
static void message(uint64_t account, uint64_t id, const char *chat, uint32_t state)
{
    struct sotto_store_message m = { .id = id, .chat = sotto_span_str(chat), .state = state, .ms = 1000 + id, .value = sotto_span_str("v") };
    assert_ok(sotto_store_message_put(store, account, &m));
}
static void expect_list(struct sotto_store_query q, const char *wanted)
{
    struct seen s = { 0 };
    uint64_t count = 0;
    assert_ok(sotto_store_message_list(store, &q, see_message, &s));
    assert_string_equal(s.text, wanted);
    if (q.limit == 0) {
        assert_ok(sotto_store_message_count(store, &count, &q));
        assert_int_equal(count, s.count);
    }
}

static void test_history(void **state)
{
    (void)state;
    struct sotto_span a = sotto_span_str("a");
    uint64_t last = 99;
    assert_ok(sotto_store_message_last_id(store, &last, 1));
    assert_int_equal(last, 0);
    for (uint64_t id = 1; id <= 8; id++) message(1, id, id % 2 ? "a" : "b", (uint32_t)(id % 3));
    message(2, 1, "a", 63);
    expect_list((struct sotto_store_query){ .account = 1 }, "1a1v 2b2v 3a0v 4b1v 5a2v 6b0v 7a1v 8b2v ");
    expect_list((struct sotto_store_query){ .account = 1, .chat = a }, "1a1v 3a0v 5a2v 7a1v ");
    expect_list((struct sotto_store_query){ .account = 1, .chat = a, .limit = 2 }, "5a2v 7a1v ");
    expect_list((struct sotto_store_query){ .account = 1, .chat = a, .limit = 2, .before = 7 }, "3a0v 5a2v ");
    expect_list((struct sotto_store_query){ .account = 1, .chat = a, .limit = 2, .after = 1 }, "3a0v 5a2v ");
    expect_list((struct sotto_store_query){ .account = 1, .chat = a, .after = 1, .before = 7 }, "3a0v 5a2v ");
    expect_list((struct sotto_store_query){ .account = 1, .limit = 3 }, "6b0v 7a1v 8b2v ");
    expect_list((struct sotto_store_query){ .account = 1, .states = 1u << 0 | 1u << 2, .limit = 3 }, "5a2v 6b0v 8b2v ");
    expect_list((struct sotto_store_query){ .account = 1, .states = 1u << 1, .after = 3 }, "4b1v 7a1v ");
    expect_list((struct sotto_store_query){ .account = 2, .states = 1ull << 63 }, "1a63v ");
    expect_list((struct sotto_store_query){ .account = 2, .states = 1 }, "");
    expect_list((struct sotto_store_query){ .account = 3 }, "");
    expect_list((struct sotto_store_query){ .account = 1, .before = 1 }, "");
    expect_list((struct sotto_store_query){ .account = 1, .after = 8 }, "");
    message(1, 3, "a", 5);                      /* a state changes */
    struct seen s = { 0 };
    assert_ok(sotto_store_message_get(store, 1, 3, see_message, &s));
    assert_string_equal(s.text, "3a5v ");
    assert_int_equal(sotto_store_message_get(store, 1, 99, see_message, &s), SOTTO_ERR_MISSING);
    assert_ok(sotto_store_message_delete(store, 1, 8));
    assert_ok(sotto_store_message_last_id(store, &last, 1));
    assert_int_equal(last, 7);
    assert_ok(sotto_store_chat_delete(store, 1, a));
    expect_list((struct sotto_store_query){ .account = 1 }, "2b2v 4b1v 6b0v ");
    struct sotto_store_message bad = { .id = 0, .chat = a };
    assert_int_equal(sotto_store_message_put(store, 1, &bad), SOTTO_ERR_RANGE);
    bad = (struct sotto_store_message){ .id = 1 };
    assert_int_equal(sotto_store_message_put(store, 1, &bad), SOTTO_ERR_RANGE);
}

/* ---- accounts ---- */

static enum sotto_err see_account(void *ctx, const struct sotto_store_account *account)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%llu:%02x:%.*s ", (unsigned long long)account->number, account->id[0], (int)account->value.size,
             (const char *)account->value.data);
    return SOTTO_OK;
}

static void test_accounts(void **state)
{
    (void)state;
    struct sotto_store_account a = { .id = { 0xaa }, .created_ms = 5, .value = sotto_span_str("alice") };
    struct sotto_store_account b = { .id = { 0xbb }, .created_ms = 6 };
    assert_ok(sotto_store_account_put(store, &a));
    assert_ok(sotto_store_account_put(store, &b));
    assert_int_equal(a.number, 1);
    assert_int_equal(b.number, 2);
    struct sotto_store_account twin = { .id = { 0xaa } };
    assert_int_equal(sotto_store_account_put(store, &twin), SOTTO_ERR_EXISTS);
    b.value = sotto_span_str("bob");
    assert_ok(sotto_store_account_put(store, &b));
    struct seen s = { 0 };
    assert_ok(sotto_store_account_list(store, see_account, &s));
    assert_string_equal(s.text, "1:aa:alice 2:bb:bob ");
    uint64_t seq;
    uint8_t hash[32] = { 1 };
    struct sotto_store_event event = { .ms = 1, .account = 2, .kind = 1, .value = sotto_span_str("e") };
    struct sotto_store_job job = { .account = 2, .ms = 1 };
    message(1, 1, "a", 0);
    message(2, 1, "a", 0);
    assert_ok(put(2, "t", 1, "x"));
    assert_ok(put(1, "t", 1, "y"));
    assert_ok(sotto_store_event_add(store, &seq, &event));
    assert_ok(sotto_store_request_put(store, 2, sotto_span_str("key"), hash, 1, sotto_span_str("r")));
    assert_ok(sotto_store_job_put(store, &job));
    assert_ok(sotto_store_account_remove(store, 2));
    expect_row(2, "t", 1, NULL);
    expect_row(1, "t", 1, "y");
    expect_list((struct sotto_store_query){ .account = 2 }, "");
    expect_list((struct sotto_store_query){ .account = 1 }, "1a0v ");
    uint64_t oldest, newest;
    assert_ok(sotto_store_event_range(store, &oldest, &newest));
    assert_int_equal(oldest, newest + 1);
    struct sotto_buf out = sotto_buf_make(100);
    assert_int_equal(sotto_store_request_get(store, &out, sotto_span_str("key"), hash, 1), SOTTO_ERR_MISSING);
    struct sotto_store_account c = { .id = { 0xbb } };
    assert_ok(sotto_store_account_put(store, &c));
    assert_int_equal(c.number, 3);              /* a number is never given twice: its rows cannot come back to life */
}

/* ---- events ---- */

static enum sotto_err see_event(void *ctx, const struct sotto_store_event *e)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    if (at < sizeof s->text - 40) snprintf(s->text + at, sizeof s->text - at, "%llu/%u ", (unsigned long long)e->seq, e->kind);
    assert_int_equal(e->ms, e->seq * 10);
    s->count++;
    return SOTTO_OK;
}
static void add_events(uint64_t from, uint64_t to)
{
    assert_ok(sotto_store_begin(store));
    for (uint64_t i = from; i <= to; i++) {
        uint64_t seq = 0;
        struct sotto_store_event e = { .ms = i * 10, .account = 1, .kind = (uint32_t)(i % 3), .value = sotto_span_str("{}") };
        assert_ok(sotto_store_event_add(store, &seq, &e));
        assert_int_equal(seq, i);
    }
    assert_ok(sotto_store_commit(store));
}
static void expect_events(uint64_t after, uint64_t kinds, uint32_t limit, const char *wanted, uint64_t wanted_last)
{
    struct seen s = { 0 };
    uint64_t last = 12345;
    assert_ok(sotto_store_event_list(store, &last, after, kinds, limit, see_event, &s));
    assert_string_equal(s.text, wanted);
    assert_int_equal(last, wanted_last);
}

static void test_events(void **state)
{
    (void)state;
    uint64_t oldest = 9, newest = 9;
    bool more = true;
    assert_ok(sotto_store_event_range(store, &oldest, &newest));
    assert_true(oldest == 1 && newest == 0);
    expect_events(0, 0, 10, "", 0);
    assert_ok(sotto_store_event_prune(store, &more, 100, 5));
    assert_false(more);
    add_events(1, 9);
    expect_events(0, 0, 4, "1/1 2/2 3/0 4/1 ", 4);
    expect_events(4, 0, 100, "5/2 6/0 7/1 8/2 9/0 ", 9);
    expect_events(9, 0, 100, "", 9);
    expect_events(0, 1u << 1, 2, "1/1 4/1 ", 4);
    expect_events(4, 1u << 1, 2, "7/1 ", 9);
    expect_events(7, 1u << 1, 2, "", 9);
    expect_events(50, 0, 2, "", 50);
    assert_ok(sotto_store_event_prune(store, &more, 40, 100));            /* by age: ms < 40 */
    assert_ok(sotto_store_event_range(store, &oldest, &newest));
    assert_true(oldest == 4 && newest == 9);
    assert_ok(sotto_store_event_prune(store, &more, 0, 2));               /* by count */
    expect_events(0, 0, 100, "8/2 9/0 ", 9);
    assert_ok(sotto_store_event_prune(store, &more, 1000, 2));
    assert_ok(sotto_store_event_range(store, &oldest, &newest));
    assert_true(oldest == 10 && newest == 9);
    reopen();
    add_events(10, 25009);                      /* goes on counting after all are gone */
    unsigned steps = 0;
    do {
        assert_ok(sotto_store_event_prune(store, &more, 0, 5));
        steps++;
    } while (more && steps < 10);
    assert_int_equal(steps, 3);
    expect_events(0, 0, 100, "25005/0 25006/1 25007/2 25008/0 25009/1 ", 25009);
    struct sotto_store_event bad = { .kind = 64 };
    assert_int_equal(sotto_store_event_add(store, NULL, &bad), SOTTO_ERR_RANGE);
}

/* ---- requests, jobs, names ---- */

static void test_requests(void **state)
{
    (void)state;
    uint8_t one[32] = { 1 }, two[32] = { 2 };
    struct sotto_span key = sotto_span_str("a-key-of-16-or-more");
    struct sotto_buf out = sotto_buf_make(100);
    uint64_t t = 1763729417000, day = SOTTO_REQUEST_KEEP_MS;
    assert_int_equal(sotto_store_request_get(store, &out, key, one, t), SOTTO_ERR_MISSING);
    assert_ok(sotto_store_request_put(store, 1, key, one, t, sotto_span_str("first")));
    assert_ok(sotto_store_request_get(store, &out, key, one, t + day - 1));
    assert_memory_equal(out.data, "first", 5);
    assert_int_equal(sotto_store_request_get(store, &out, key, two, t), SOTTO_ERR_REPLAY);
    assert_int_equal(out.size, 5);
    assert_int_equal(sotto_store_request_put(store, 1, key, one, t + 5, sotto_span_str("second")), SOTTO_ERR_EXISTS);
    assert_int_equal(sotto_store_request_get(store, &out, key, one, t + day), SOTTO_ERR_MISSING);
    assert_ok(sotto_store_request_put(store, 1, key, two, t + day, sotto_span_str("second")));
    assert_ok(sotto_store_request_prune(store, t + day + 5));
    out.size = 0;
    assert_ok(sotto_store_request_get(store, &out, key, two, t + day + 5));
    assert_memory_equal(out.data, "second", 6);
    assert_ok(sotto_store_request_prune(store, t + 2 * day));
    assert_int_equal(sotto_store_request_get(store, &out, key, two, t + day + 5), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_store_request_put(store, 1, sotto_span(one, 0), one, t, sotto_span(NULL, 0)), SOTTO_OK);
    sotto_buf_free(&out);
}

static enum sotto_err see_job(void *ctx, const struct sotto_store_job *job)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%llu=%.*s ", (unsigned long long)job->id, (int)job->value.size, (const char *)job->value.data);
    return SOTTO_OK;
}
static enum sotto_err see_setting(void *ctx, const char *key, const char *value)
{
    struct seen *s = ctx;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%s=%s ", key, value);
    return SOTTO_OK;
}

static void test_names_and_jobs(void **state)
{
    (void)state;
    struct sotto_store_job a = { .ms = 1, .value = sotto_span_str("a") }, b = { .ms = 2, .value = sotto_span_str("b") };
    assert_ok(sotto_store_job_put(store, &a));
    assert_ok(sotto_store_job_put(store, &b));
    a.value = sotto_span_str("done");
    assert_ok(sotto_store_job_put(store, &a));
    struct seen s = { 0 };
    assert_ok(sotto_store_job_list(store, see_job, &s));
    assert_string_equal(s.text, "1=done 2=b ");
    assert_ok(sotto_store_job_delete(store, 2));
    assert_int_equal(sotto_store_job_get(store, 2, see_job, &s), SOTTO_ERR_MISSING);
    b.id = 0;
    assert_ok(sotto_store_job_put(store, &b));
    assert_int_equal(b.id, 3);
    struct sotto_buf out = sotto_buf_make(100);
    assert_ok(sotto_store_setting_put(store, "log.level", "debug"));
    assert_ok(sotto_store_setting_put(store, "log.level", "warn"));
    assert_ok(sotto_store_setting_put(store, "data", ""));
    assert_ok(sotto_store_setting_get(store, &out, "log.level"));
    assert_memory_equal(out.data, "warn", 4);
    s = (struct seen){ 0 };
    assert_ok(sotto_store_setting_list(store, see_setting, &s));
    assert_string_equal(s.text, "data= log.level=warn ");
    assert_ok(sotto_store_setting_delete(store, "data"));
    assert_int_equal(sotto_store_setting_delete(store, "data"), SOTTO_ERR_MISSING);
    uint8_t bytes[] = { 0, 1, 0 };
    assert_int_equal(sotto_store_meta_get(store, &out, "port"), SOTTO_ERR_MISSING);
    assert_ok(sotto_store_meta_put(store, "port", SOTTO_SPAN(bytes)));
    out.size = 0;
    assert_ok(sotto_store_meta_get(store, &out, "port"));
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, bytes, 3);
    assert_ok(sotto_store_meta_delete(store, "port"));
    assert_int_equal(sotto_store_meta_get(store, &out, "port"), SOTTO_ERR_MISSING);
    sotto_buf_free(&out);
}

/* How often a marker stands in the database file. */
static unsigned copies(const char *marker)
{
    char path[SOTTO_PATH_MAX];
    struct sotto_buf b = sotto_buf_make(64u << 20);
    unsigned count = 0;
    assert_ok(sotto_path_join(path, world_dir, "messages.db"));
    assert_ok(sotto_file_read(&b, path));
    for (size_t at = 0; at + strlen(marker) <= b.size; at++) count += memcmp(b.data + at, marker, strlen(marker)) == 0;
    sotto_buf_free(&b);
    return count;
}

static void put_sized(uint64_t id, const char *marker, size_t size)
{
    char value[1000];
    memset(value, 'v', sizeof value);
    memcpy(value, marker, strlen(marker));
    value[size] = 0;
    assert_ok(put(1, "t", id, value));
}

/* Rows of every size that come, change and go: pages split and join, and old copies stay between the rows of some of them. */
static void test_no_copy(void **state)
{
    (void)state;
    uint64_t dice = test_seed();
    unsigned before = 0;
    for (int round = 0; before == 0; round++) {
        assert_in_range(round, 0, 20);                /* each leaves some, nearly always */
        assert_ok(sotto_store_begin(store));
        for (uint64_t n = 0; n < 2000; n++) {
            uint64_t id = n * 7 % 2003;
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            put_sized(id, n % 3 == 0 || n % 5 == 0 ? "PLANTED" : "KEPT", 60 + (dice >> 33) % 800);
            if (n % 3 == 0) put_sized(id, "KEPT", 60 + (dice >> 48) % 800);
        }
        for (uint64_t n = 0; n < 2000; n += 5) assert_ok(sotto_store_delete(store, 1, "t", n * 7 % 2003));
        assert_ok(sotto_store_commit(store));
        assert_ok(sotto_store_wal_truncate(store));
        before = copies("PLANTED");
    }
    assert_ok(sotto_store_compact(store));
    assert_int_equal(copies("PLANTED"), 0);
    assert_true(copies("KEPT") >= 1600);
    assert_ok(sotto_store_begin(store));
    assert_int_equal(sotto_store_compact(store), SOTTO_ERR_STATE);
    sotto_store_rollback(store);
    assert_ok(put(0, "t", 1, "goes on"));
    reopen();
    expect_row(0, "t", 1, "goes on");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_rows), T(test_transactions), T(test_history), T(test_accounts), T(test_events), T(test_requests), T(test_names_and_jobs), T(test_no_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
