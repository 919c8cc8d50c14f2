/* Configuration: every key, every source, every complaint with its line; and any bytes as a file. */
#include "io/config.h"
#include "world.h"

static struct sotto_config_problems problems;

static int drop(void **state)
{
    sotto_config_problems_free(&problems);
    return world_drop(state);
}

/* Loads a user file of this text and nothing else. */
static enum sotto_err load_text(struct sotto_config **out, const char *text)
{
    world_write(world_path("c.conf"), text);
    struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = world_path("c.conf") };
    sotto_config_problems_free(&problems);
    return sotto_config_load(out, &problems, &input);
}

static void expect_problem(const char *text, unsigned line, const char *part)
{
    struct sotto_config *c = NULL;
    enum sotto_err err = load_text(&c, text);
    if (err != SOTTO_ERR_FORMAT) fail_msg("accepted: %s", text);
    assert_true(problems.count > 0 && problems.all >= problems.count);
    if (problems.items[0].line != line || !strstr(problems.items[0].text, part)) fail_msg("%s\n-> %s", text, problems.items[0].text);
    assert_null(c);
}

static void expect_show(const struct sotto_config *c, enum sotto_config_key_id key, const char *wanted)
{
    struct sotto_buf b = sotto_buf_make(1 << 20);
    assert_ok(sotto_config_show(&b, c, key));
    assert_int_equal(b.size, strlen(wanted));
    if (b.size) assert_memory_equal(b.data, wanted, b.size);
    sotto_buf_free(&b);
}

static void test_table(void **state)
{
    (void)state;
    struct sotto_config *c;
    assert_ok(load_text(&c, ""));
    for (unsigned i = 0; i < SOTTO_KEYS; i++) {
        const struct sotto_config_key *k = &sotto_config_keys[i];
        assert_int_equal(sotto_config_find(sotto_span_str(k->name)), i);
        assert_true(strchr(k->name, '.') && k->row[0] && k->meaning[0]);
        assert_int_equal(k->type == SOTTO_TYPE_WORD, strchr(k->meaning, '|') != NULL);
        assert_int_equal(sotto_config_source(c, (enum sotto_config_key_id)i), SOTTO_SOURCE_BUILT_IN);
        assert_string_equal(sotto_config_nearest(sotto_span_str(k->name)), k->name);
    }
    expect_show(c, SOTTO_KEY_NETWORK_LISTEN, "0.0.0.0, ::");
    expect_show(c, SOTTO_KEY_VAULT_MEMORY, "256MiB");
    expect_show(c, SOTTO_KEY_RELAY_RECEIPT, "2min");
    expect_show(c, SOTTO_KEY_NETWORK_STATIC, "");
    expect_show(c, SOTTO_KEY_NETWORK_LOCAL, "false");
    expect_show(c, SOTTO_KEY_NETWORK_PORT, "0");
    expect_show(c, SOTTO_KEY_LOG_LEVEL, "info");
    assert_int_equal(sotto_config_find(sotto_span_str("network.prot")), SOTTO_KEYS);
    assert_string_equal(sotto_config_nearest(sotto_span_str("netwrok.port")), "network.port");
    assert_string_equal(sotto_config_nearest(sotto_span_str("passes")), "vault.passes");
    assert_null(sotto_config_nearest(sotto_span_str("something.else.entirely")));
    sotto_config_free(c);
}

#define KEY64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENODE(port) "enode://" KEY64 KEY64 "@127.0.0.1:" port

static void test_file(void **state)
{
    (void)state;
    struct sotto_config *c;
    assert_ok(load_text(&c,
        "# a comment\r\n"
        "network.name = \"test-\\u00fcn\\\"i\\\\\"   # behind\n"
        "\n"
        "[network]\n"
        "port = 30_401\n"
        "\tlocal=true\n"
        "static = [ # one a line\n"
        "  \"" ENODE("1") "\",\n"
        "  '" ENODE("2") "' , # and a last comma\n"
        "\n"
        "]\n"
        "listen = []\n"
        "[relay]\n"
        "receipt = 300s\n"
        "pool = \"64MiB\"\n"
        "work = 3\n"
        "[vault] # section\n"
        "memory=1GiB\n"
        "passes =  64\n"
        "passphrase_file = 'C:\\no\\escapes'"));
    assert_string_equal(sotto_config_text(c, SOTTO_KEY_NETWORK_NAME), "test-\xc3\xbcn\"i\\");
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_NETWORK_PORT), 30401);
    assert_true(sotto_config_bool(c, SOTTO_KEY_NETWORK_LOCAL));
    assert_int_equal(sotto_config_list_size(c, SOTTO_KEY_NETWORK_STATIC), 2);
    assert_string_equal(sotto_config_list(c, SOTTO_KEY_NETWORK_STATIC, 1), ENODE("2"));
    assert_int_equal(sotto_config_list_size(c, SOTTO_KEY_NETWORK_LISTEN), 0);
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_RELAY_RECEIPT), 300000);
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_RELAY_POOL), 64 << 20);
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_VAULT_MEMORY), 1 << 30);
    assert_string_equal(sotto_config_text(c, SOTTO_KEY_VAULT_PASSPHRASE_FILE), "C:\\no\\escapes");
    assert_int_equal(sotto_config_source(c, SOTTO_KEY_NETWORK_LISTEN), SOTTO_SOURCE_USER);
    sotto_config_free(c);
}

static void test_problems(void **state)
{
    (void)state;
    expect_problem("\n\nnetwork.prot = 1\n", 3, "\"network.prot\" is unknown; did you mean \"network.port\"?");
    assert_string_equal(problems.items[0].near, "network.port");
    assert_string_equal(problems.items[0].key, "network.prot");
    expect_problem("[network]\nprot = 1\n", 2, "\"network.prot\" is unknown; did you mean \"network.port\"?");
    expect_problem("wholly.different = 1", 1, "\"wholly.different\" is unknown");
    assert_string_equal(problems.items[0].near, "");
    expect_problem("[networks]\nport = 1", 1, "is no section");
    expect_problem("[network]\n[vault]\n[network]\n", 3, "is opened twice");
    expect_problem("network.port = 1\n[network]\nport = 1\n", 3, "is given twice");
    expect_problem("[network]\nport = -1", 2, "whole number");
    expect_problem("[network]\nport = 65536", 2, "from 0 to 65535");
    expect_problem("[network]\nport = 99999999999999999999999", 2, "whole number");
    expect_problem("[network]\nport = \"1\"", 2, "without quotes");
    expect_problem("[network]\nport = 1.5", 2, "whole number");
    expect_problem("[network]\nport = 007", 2, "whole number");
    expect_problem("[network]\nport = 1__0", 2, "whole number");
    expect_problem("[network]\nport = 1_", 2, "whole number");
    expect_problem("[network]\nport = 1s", 2, "whole number");
    expect_problem("[network]\nport =", 2, "missing");
    expect_problem("[network]\nport = 1 2", 2, "quotes");
    expect_problem("[network]\nport = [\"1\"]", 2, "not an array");
    expect_problem("[network]\nlocal = yes", 2, "true or false");
    expect_problem("[network]\nlocal = \"true\"", 2, "without quotes");
    expect_problem("[network]\nname = bare", 2, "quotes");
    expect_problem("[network]\nname = \"\"", 2, "1 to 64 bytes");
    expect_problem("[network]\nname = \"a\\nb\"", 2, "control");
    expect_problem("[network]\nname = \"a", 2, "closing quote");
    expect_problem("[network]\nname = \"a\\q\"", 2, "escape");
    expect_problem("[network]\nname = \"a\\u12\"", 2, "hexadecimal");
    expect_problem("[network]\nname = \"a\\ud800\"", 2, "no character");
    expect_problem("[network]\nname = \"\"\"a\"\"\"", 2, "nothing may follow");
    expect_problem("[network]\nstatic = \"a\"", 2, "array");
    expect_problem("[network]\nstatic = [\"a\"]", 2, "enode");
    expect_problem("[network]\nstatic = [\n\"" ENODE("1") "\"\n\"b\"]", 4, "comma");
    expect_problem("[network]\nstatic = [1]", 2, "strings in quotes");
    expect_problem("[network]\nstatic = [\n\n", 4, "strings in quotes");
    expect_problem("[network]\nlisten = [\"localhost\"]", 2, "0.0.0.0");
    expect_problem("[relay]\nreceipt = 300", 2, "300s");
    expect_problem("[relay]\nreceipt = 300 s", 2, "quotes");
    expect_problem("[relay]\nreceipt = 5y", 2, "300s");
    expect_problem("[relay]\nreceipt = 100000000000000000000d", 2, "300s");
    expect_problem("[relay]\nreceipt = 18446744073709551615d", 2, "300s");
    expect_problem("[relay]\npool = 1MB", 2, "from 1MiB to 4GiB");
    expect_problem("[relay]\nprofile = \"loud\"", 2, "one of: off");
    expect_problem("[relay]\nwork = 3", 2, "starts with test");
    expect_problem("[vault]\nmemory = 63MiB", 2, "from 64MiB");
    expect_problem("nonsense", 1, "key = value");
    expect_problem("= 1", 1, "key = value");
    expect_problem("[network", 1, "[name]");
    expect_problem("[[network]]", 1, "[name]");
    expect_problem("[network] port = 1", 1, "nothing may follow");
    expect_problem("[network]\nport = 1\n\x01", 3, "UTF-8");
    expect_problem("[network]\nname = \"\xff\"", 2, "UTF-8");
    expect_problem("[network]\nname = \"\xc0\x80\"", 2, "UTF-8");
    expect_problem("a\rb", 1, "UTF-8");
    /* several at once, in order */
    struct sotto_config *c = NULL;
    assert_int_equal(load_text(&c, "a = 1\n[relay]\nwork = 99\nfoo\n"), SOTTO_ERR_FORMAT);
    assert_int_equal(problems.count, 3);
    assert_int_equal(problems.items[0].line, 1);
    assert_int_equal(problems.items[1].line, 3);
    assert_int_equal(problems.items[2].line, 4);
    /* many: bounded */
    char many[4000] = "";
    for (unsigned i = 0; i < 200; i++) strcat(many, "x.y = 1\n");
    assert_int_equal(load_text(&c, many), SOTTO_ERR_FORMAT);
    assert_int_equal(problems.count, SOTTO_CONFIG_PROBLEMS_MAX);
    assert_int_equal(problems.all, 200);
    struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = world_path("none") };
    sotto_config_problems_free(&problems);
    assert_int_equal(sotto_config_load(&c, &problems, &input), SOTTO_ERR_FORMAT);
    assert_non_null(strstr(problems.items[0].text, "no such file"));
}

/* Later wins, one step at a time through all seven. */
static void test_order(void **state)
{
    (void)state;
    assert_int_equal(mkdir(world_path("conf.d"), 0700), 0);
    world_write(world_path("sys"), "[network]\nport = 1\nname = \"sys\"\nstatic = [\"" ENODE("1") "\"]\n[log]\nlevel = \"warn\"");
    world_write(world_path("conf.d/20.conf"), "network.port = 3");
    world_write(world_path("conf.d/10.conf"), "network.port = 2\nvault.passes = 5");
    world_write(world_path("conf.d/30.conf~"), "network.port = 99");
    world_write(world_path("conf.d/.hidden.conf"), "broken");
    world_write(world_path("user"), "network.port = 4");
    char *environment[] = { (char *)"SOTTO_NETWORK_PORT=6", (char *)"PATH=x", (char *)"SOTTO_NETWORK_STATIC=" ENODE("2") ", " ENODE("3"), (char *)"SOTTO_SEED=5",
                            (char *)"SOTTO_VAULT_PASSPHRASE_FILE=/secret", (char *)"SOTTO_X", NULL };
    const struct sotto_config_pair set[] = { { "network.port", "5" }, { "log.level", "error" } };
    const struct sotto_config_pair flags[] = { { "network.port", "7" }, { "network.static", ENODE("4") }, { "network.port", "8" }, { "network.static", ENODE("5") } };
    struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = "" };
    struct sotto_config *c;
    static const enum sotto_config_source sources[] = { SOTTO_SOURCE_BUILT_IN, SOTTO_SOURCE_SYSTEM, SOTTO_SOURCE_SYSTEM_DIR, SOTTO_SOURCE_USER, SOTTO_SOURCE_SET, SOTTO_SOURCE_ENV, SOTTO_SOURCE_FLAG };
    static const unsigned ports[] = { 0, 1, 3, 4, 5, 6, 8 };
    static const unsigned statics[] = { 0, 1, 1, 1, 1, 2, 2 };
    for (unsigned step = 0; step < 7; step++) {
        if (step == 1) input.system_file = world_path("sys");
        if (step == 2) input.system_dir = world_path("conf.d");
        if (step == 3) input.user_file = world_path("user");
        if (step == 4) input.set = set, input.set_count = 2;
        if (step == 5) input.environ = environment;
        if (step == 6) input.flags = flags, input.flag_count = 4;
        enum sotto_err err = sotto_config_load(&c, &problems, &input);
        if (err != SOTTO_OK) fail_msg("step %u: %s", step, problems.count ? problems.items[0].text : "?");
        assert_int_equal(sotto_config_number(c, SOTTO_KEY_NETWORK_PORT), ports[step]);
        assert_int_equal(sotto_config_source(c, SOTTO_KEY_NETWORK_PORT), sources[step]);
        assert_int_equal(sotto_config_list_size(c, SOTTO_KEY_NETWORK_STATIC), statics[step]);
        if (step < 6) sotto_config_free(c);
    }
    expect_show(c, SOTTO_KEY_NETWORK_STATIC, ENODE("4") ", " ENODE("5"));
    assert_string_equal(sotto_config_text(c, SOTTO_KEY_LOG_LEVEL), "error");
    assert_string_equal(sotto_config_text(c, SOTTO_KEY_VAULT_PASSPHRASE_FILE), "/secret");
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_VAULT_PASSES), 5);
    assert_string_equal(sotto_config_source_name(SOTTO_SOURCE_BUILT_IN), "default");
    struct sotto_config *other;
    input.flag_count = 3;
    assert_ok(sotto_config_load(&other, &problems, &input));
    assert_false(sotto_config_equal(c, other, SOTTO_KEY_NETWORK_STATIC));
    assert_true(sotto_config_equal(c, other, SOTTO_KEY_NETWORK_PORT));
    sotto_config_free(other);
    /* "" empties what came before */
    const struct sotto_config_pair empties[] = { { "network.static", ENODE("1") }, { "network.static", "" }, { "network.listen", "" } };
    input.flags = empties;
    input.flag_count = 3;
    assert_ok(sotto_config_load(&other, &problems, &input));
    assert_int_equal(sotto_config_list_size(other, SOTTO_KEY_NETWORK_STATIC), 0);
    assert_int_equal(sotto_config_list_size(other, SOTTO_KEY_NETWORK_LISTEN), 0);
    sotto_config_free(other);
    sotto_config_free(c);
    /* a typing error in a variable of ours is a problem, others' are not */
    char *typo[] = { (char *)"SOTTO_NETWORK_PROT=6", NULL };
    input.environ = typo;
    assert_int_equal(sotto_config_load(&c, &problems, &input), SOTTO_ERR_FORMAT);
    assert_non_null(strstr(problems.items[0].text, "environment: \"SOTTO_NETWORK_PROT\""));
}

static void test_set(void **state)
{
    (void)state;
    struct sotto_config *home, *test;
    assert_ok(load_text(&home, ""));
    assert_ok(load_text(&test, "network.name = \"test-1\""));
    assert_ok(sotto_config_check_value(&problems, home, "relay.receipt", "5min"));
    assert_int_equal(sotto_config_check_value(&problems, home, "relay.receipt", "5"), SOTTO_ERR_FORMAT);
    sotto_config_problems_free(&problems);
    assert_int_equal(sotto_config_check_value(&problems, home, "relay.work", "5"), SOTTO_ERR_FORMAT);
    sotto_config_problems_free(&problems);
    assert_ok(sotto_config_check_value(&problems, test, "relay.work", "5"));
    assert_int_equal(sotto_config_check_value(&problems, test, "data.dir", "/x"), SOTTO_ERR_FORMAT);
    assert_non_null(strstr(problems.items[0].text, "cannot be changed here"));
    sotto_config_problems_free(&problems);
    assert_int_equal(sotto_config_check_value(&problems, test, "log.levle", "info"), SOTTO_ERR_FORMAT);
    assert_string_equal(problems.items[0].near, "log.level");
    sotto_config_problems_free(&problems);
    assert_ok(sotto_config_check(&problems, "some", sotto_span_str("[log]\nlevel = \"debug\"\n")));
    assert_int_equal(sotto_config_check(&problems, "some", sotto_span_str("[log]\nlevel = \"loud\"\n")), SOTTO_ERR_FORMAT);
    assert_string_equal(problems.items[0].text, "some line 2: \"log.level\" must be one of: error warn info debug");
    sotto_config_free(home);
    sotto_config_free(test);
}

static void test_args(void **state)
{
    (void)state;
    bool json = false, check = false;
    const char *config = NULL;
    const struct sotto_config_option options[] = { { "--json", false, NULL, &json }, { "--check", false, NULL, &check }, { "--config", true, &config, NULL } };
    struct sotto_config_pair *flags;
    unsigned count;
    char text[200];
    char *good[] = { (char *)"sottod", (char *)"--data", (char *)"n1", (char *)"--json", (char *)"--network.port=5", (char *)"--network.static", (char *)"", (char *)"--config", (char *)"f" };
    assert_ok(sotto_config_args(&flags, &count, text, 9, good, options, 3));
    assert_int_equal(count, 3);
    assert_string_equal(flags[0].key, "data.dir");
    assert_string_equal(flags[0].value, "n1");
    assert_string_equal(flags[1].value, "5");
    assert_string_equal(flags[2].key, "network.static");
    assert_string_equal(flags[2].value, "");
    assert_true(json && !check);
    assert_string_equal(config, "f");
    struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = "", .flags = flags, .flag_count = 2 };
    struct sotto_config *c;
    char dir[4096], path[108];
    assert_ok(sotto_config_load(&c, &problems, &input));
    assert_ok(sotto_config_data_dir(dir, c));
    assert_string_equal(dir, "n1");
    assert_ok(sotto_config_socket(path, c));
    assert_string_equal(path, "n1/sotto.sock");
    sotto_config_free(c);
    free(flags);
    static const struct { const char *args[2]; const char *part; } wrong[] = {
        { { "--network.prot", "5" }, "did you mean --network.port?" }, { { "--network.port", NULL }, "wants a value" }, { { "--json=1", NULL }, "takes no value" },
        { { "x", NULL }, "not expected" }, { { "--", NULL }, "not expected" }, { { "-v", NULL }, "not expected" }, { { "--data", NULL }, "wants a value" },
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *argv[] = { (char *)"sottod", (char *)(uintptr_t)wrong[i].args[0], (char *)(uintptr_t)wrong[i].args[1] };
        assert_int_equal(sotto_config_args(&flags, &count, text, wrong[i].args[1] ? 3 : 2, argv, options, 3), SOTTO_ERR_FORMAT);
        if (!strstr(text, wrong[i].part)) fail_msg("%s", text);
    }
}

static void test_places(void **state)
{
    (void)state;
    struct sotto_config *c;
    char dir[4096], path[108], long_socket[160] = "data.socket = \"/", long_dir[200] = "data.dir = \"/";
    static const char *const names[] = { "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME" };
    for (unsigned i = 0; i < 5; i++) unsetenv(names[i]);
    setenv("HOME", world_dir, 1);
    assert_ok(load_text(&c, ""));
    assert_ok(sotto_config_data_dir(dir, c));
    assert_string_equal(dir, world_path(".local/share/sotto"));
    assert_ok(sotto_config_socket(path, c));
    assert_string_equal(path, world_path(".local/share/sotto/sotto.sock"));
    setenv("XDG_DATA_HOME", "/d", 1);
    setenv("XDG_RUNTIME_DIR", "/r", 1);
    assert_ok(sotto_config_data_dir(dir, c));
    assert_string_equal(dir, "/d/sotto");
    assert_ok(sotto_config_socket(path, c));
    assert_string_equal(path, "/r/sotto/sotto.sock");
    setenv("STATE_DIRECTORY", "/var/lib/sotto", 1);
    setenv("RUNTIME_DIRECTORY", "/run/sotto", 1);
    assert_ok(sotto_config_data_dir(dir, c));
    assert_string_equal(dir, "/var/lib/sotto");
    assert_ok(sotto_config_socket(path, c));
    assert_string_equal(path, "/run/sotto/sotto.sock");
    sotto_config_free(c);
    for (unsigned i = 0; i < 5; i++) unsetenv(names[i]);
    /* the user's own file */
    assert_int_equal(mkdir(world_path(".config"), 0700) | mkdir(world_path(".config/sotto"), 0700), 0);
    world_write(world_path(".config/sotto/sotto.conf"), "vault.passes = 9");
    struct sotto_config_input input = { .system_file = "", .system_dir = "" };
    assert_ok(sotto_config_load(&c, &problems, &input));
    assert_int_equal(sotto_config_number(c, SOTTO_KEY_VAULT_PASSES), 9);
    sotto_config_free(c);
    /* 107 bytes fit */
    memset(long_socket + strlen(long_socket), 's', 106);
    strcat(long_socket, "\"");
    assert_ok(load_text(&c, long_socket));
    assert_ok(sotto_config_socket(path, c));
    assert_int_equal(strlen(path), 107);
    sotto_config_free(c);
    memset(long_dir + strlen(long_dir), 'd', 100);
    strcat(long_dir, "\"");
    assert_ok(load_text(&c, long_dir));
    assert_int_equal(sotto_config_socket(path, c), SOTTO_ERR_RANGE);
    sotto_config_free(c);
}

/* A random valid file gives back what was written, and what `show` prints is taken again with the same meaning. */
static void test_round_trip(void **state)
{
    (void)state;
    unsigned seed = (unsigned)test_seed();
    for (unsigned round = 0; round < 200; round++) {
        char text[4096];
        uint64_t port = (uint64_t)rand_r(&seed) % 65536, receipt = (uint64_t)rand_r(&seed) % 86400001, pool = 1048576 + (uint64_t)rand_r(&seed) % 1000000000;
        if (round % 3 == 0) receipt = receipt / 60000 * 60000;
        if (round % 3 == 1) pool = pool / 1048576 * 1048576;
        snprintf(text, sizeof text, "[relay]\npool = %lluB\nreceipt = \"%llums\"\n[network]\nport = %llu\nlocal = %s\n", (unsigned long long)pool,
                 (unsigned long long)receipt, (unsigned long long)port, round & 1 ? "true" : "false");
        struct sotto_config *c, *again;
        assert_ok(load_text(&c, text));
        assert_int_equal(sotto_config_number(c, SOTTO_KEY_NETWORK_PORT), port);
        assert_int_equal(sotto_config_number(c, SOTTO_KEY_RELAY_RECEIPT), receipt);
        assert_int_equal(sotto_config_number(c, SOTTO_KEY_RELAY_POOL), pool);
        struct sotto_config_pair set[SOTTO_KEYS];
        struct sotto_buf shown[SOTTO_KEYS];
        unsigned count = 0;
        for (unsigned i = 0; i < SOTTO_KEYS; i++) {
            if (sotto_config_keys[i].flags & (SOTTO_CONFIG_FIXED | SOTTO_CONFIG_TEST)) continue;
            shown[count] = sotto_buf_make(1 << 20);
            assert_ok(sotto_config_show(&shown[count], c, (enum sotto_config_key_id)i));
            assert_ok(sotto_buf_add_u8(&shown[count], 0));
            set[count] = (struct sotto_config_pair){ sotto_config_keys[i].name, (const char *)shown[count].data };
            count++;
        }
        struct sotto_config_input input = { .system_file = "", .system_dir = "", .user_file = "", .set = set, .set_count = count };
        enum sotto_err err = sotto_config_load(&again, &problems, &input);
        if (err != SOTTO_OK) fail_msg("%s", problems.items[0].text);
        for (unsigned i = 0; i < SOTTO_KEYS; i++) assert_true(sotto_config_equal(c, again, (enum sotto_config_key_id)i));
        for (unsigned i = 0; i < count; i++) sotto_buf_free(&shown[i]);
        sotto_config_free(c);
        sotto_config_free(again);
    }
}

/* Mutations of a good file: taken or refused with a line that exists; never both, never a crash. */
static void test_mutations(void **state)
{
    (void)state;
    static const char good[] = "# c\nnetwork.name = \"test-1\"\n[network]\nport = 30_401\nstatic = [\n 'enode://x', \"b\",\n]\nlocal = true\n[relay]\nreceipt = 300s\npool = \"64MiB\"\n";
    unsigned seed = (unsigned)test_seed();
    for (unsigned round = 0; round < 20000; round++) {
        char text[sizeof good + 8];
        size_t size = sizeof good - 1;
        memcpy(text, good, size);
        for (unsigned n = 1 + (unsigned)rand_r(&seed) % 4; n > 0; n--) {
            size_t at = (size_t)rand_r(&seed) % size;
            unsigned how = (unsigned)rand_r(&seed) % 4;
            if (how == 0) text[at] = "[]\"'=\n#\\u,.0\x01\xff"[(unsigned)rand_r(&seed) % 15];
            else if (how == 1) size = at + 1;
            else if (how == 2) memmove(text + at, text + at + 1, size - at - 1), size -= size > 1;
            else text[at] = text[(size_t)rand_r(&seed) % size];
        }
        struct sotto_config_problems p = { 0 };
        enum sotto_err err = sotto_config_check(&p, "f", sotto_span(text, size));
        assert_true(err == SOTTO_OK || err == SOTTO_ERR_FORMAT);
        assert_int_equal(err == SOTTO_OK, p.all == 0);
        unsigned lines = 1;
        for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
        for (unsigned i = 0; i < p.count; i++) assert_true(p.items[i].line >= 1 && p.items[i].line <= lines);
        sotto_config_problems_free(&p);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_make, drop)
    const struct CMUnitTest tests[] = { T(test_table), T(test_file), T(test_problems), T(test_order), T(test_set), T(test_args), T(test_places), T(test_round_trip), T(test_mutations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
