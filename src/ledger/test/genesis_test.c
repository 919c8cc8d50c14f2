/* genesis, params: one form of bytes and text, each rule of a start that is refused, who may do what in each mode. */
#include "support/test.h"

#include "crypto/rng.h"
#include "ledger/genesis.h"
#include "ledger/target.h"

static struct sotto_chacha_rng rng;

enum { LIST = 3 };
struct made { struct sotto_genesis g; struct sotto_validator validators[LIST]; struct sotto_grant grants[LIST]; struct sotto_alloc allocs[LIST]; };

/* A start that is allowed; m keeps the lists. */
static void make(struct made *m, enum sotto_engine engine, enum sotto_chain_mode mode)
{
    memset(m, 0, sizeof *m);
    struct sotto_params *p = &m->g.params;
    bool pow = engine == SOTTO_ENGINE_POW;
    strcpy(p->name.text, "test \"1\\");
    p->name.size = (uint8_t)strlen(p->name.text);
    p->chain_num = 7377;
    p->engine = (uint8_t)engine;
    p->mode = (uint8_t)mode;
    p->time_ms = UINT64_C(1790000000000);
    p->bits = pow ? SOTTO_BITS_ZEROS + 2 : 0;
    p->bits_limit = pow ? SOTTO_BITS_ZEROS + 1 : 0;
    p->retarget = SOTTO_RETARGET_ASERT;
    p->spacing_ms = 60000;
    p->halflife_ms = 3600000;
    p->reward.cong = pow ? 25 * SOTTO_COIN : 0;
    p->halving = pow ? 210000 : 0;
    p->max_block_bytes = p->max_block_units = 1000000;
    p->stamp_bits = 20;
    p->bond.cong = 12345678;
    p->reorg_limit = 100;
    p->snapshot_every = 1000;
    p->flags = SOTTO_CHAIN_STAMPS | SOTTO_CHAIN_UNSIGNED_POSTS;
    p->validators = m->validators;
    p->grants = m->grants;
    p->validator_count = p->grant_count = m->g.alloc_count = LIST;
    m->g.allocs = m->allocs;
    for (unsigned i = 0; i < LIST; i++) {
        sotto_rng_fill(&rng.rng, &m->validators[i], sizeof m->validators[i]);
        sotto_rng_fill(&rng.rng, m->grants[i].id.b, 20);
        m->grants[i].id.b[0] = (uint8_t)(i * 50);
        m->grants[i].perms = (uint16_t)sotto_rng_below(&rng.rng, SOTTO_MAY_ALL + 1);
        sotto_rng_fill(&rng.rng, m->allocs[i].to.b, 20);
        m->allocs[i].amount.cong = sotto_rng_below(&rng.rng, SOTTO_COIN * 1000);
    }
}

struct bytes { uint8_t header[SOTTO_HEADER_SIZE]; struct sotto_buf params, allocs; };

static struct bytes bytes_of(const struct sotto_genesis *g)
{
    struct bytes b = { .params = sotto_buf_make(SOTTO_PARAMS_MAX), .allocs = sotto_buf_make(SOTTO_ALLOC_BYTES_MAX) };
    sotto_header_put(b.header, &g->header);
    assert_int_equal(sotto_params_encode(&b.params, &g->params), SOTTO_OK);
    assert_int_equal(sotto_allocs_encode(&b.allocs, g->allocs, g->alloc_count), SOTTO_OK);
    return b;
}

static void bytes_free(struct bytes *b)
{
    sotto_buf_free(&b->params);
    sotto_buf_free(&b->allocs);
}

static enum sotto_err decoded(struct sotto_genesis *out, const struct bytes *b)
{
    return sotto_genesis_decode(out, SOTTO_SPAN(b->header), sotto_buf_span(&b->params), sotto_buf_span(&b->allocs));
}

static void bytes_and_text_have_one_meaning(void **state)
{
    (void)state;
    for (enum sotto_engine engine = 0; engine < SOTTO_ENGINES; engine++) {
        for (enum sotto_chain_mode mode = 0; mode < SOTTO_MODES; mode++) {
            struct made m;
            struct sotto_genesis back;
            make(&m, engine, mode);
            assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_OK);
            struct bytes b = bytes_of(&m.g);
            assert_int_equal(decoded(&back, &b), SOTTO_OK);
            assert_memory_equal(back.id.b, m.g.id.b, 64);
            sotto_genesis_free(&back);

            struct sotto_buf text = sotto_buf_make(SOTTO_GENESIS_JSON_MAX);
            assert_int_equal(sotto_genesis_write(&text, &m.g), SOTTO_OK);
            assert_int_equal(sotto_genesis_read(&back, sotto_buf_span(&text)), SOTTO_OK);
            assert_memory_equal(back.id.b, m.g.id.b, 64);
            struct bytes again = bytes_of(&back);
            assert_true(sotto_span_equal(sotto_buf_span(&again.params), sotto_buf_span(&b.params)));
            assert_true(sotto_span_equal(sotto_buf_span(&again.allocs), sotto_buf_span(&b.allocs)));

            for (size_t i = 0; i < b.params.size; i++)                /* cut anywhere, or with one byte more */
                assert_int_equal(sotto_params_decode(&(struct sotto_params){ 0 }, sotto_span(b.params.data, i)), SOTTO_E_SHORT);
            assert_int_equal(sotto_buf_add_u8(&again.params, 0), SOTTO_OK);
            assert_int_equal(decoded(&back, &again), SOTTO_E_TRAILING);
            sotto_buf_free(&text);
            bytes_free(&b);
            bytes_free(&again);
            sotto_genesis_free(&back);
        }
    }
}

/* Whoever changes a bit on the way is noticed: another id, or no genesis at all. */
static void every_bit_counts(void **state)
{
    (void)state;
    struct made m;
    make(&m, SOTTO_ENGINE_POW, SOTTO_MODE_PRIVATE);
    assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_OK);
    struct bytes b = bytes_of(&m.g);
    for (size_t i = 0; i < sizeof b.header + b.params.size + b.allocs.size; i++) {
        uint8_t *byte = i < sizeof b.header ? &b.header[i] : i < sizeof b.header + b.params.size ? &b.params.data[i - sizeof b.header]
                                                                                                 : &b.allocs.data[i - sizeof b.header - b.params.size];
        uint8_t mask = (uint8_t)(1u << sotto_rng_below(&rng.rng, 8));
        struct sotto_genesis g = { 0 };
        *byte ^= mask;
        assert_int_not_equal(decoded(&g, &b), SOTTO_OK);
        assert_null(g.params.validators);
        *byte ^= mask;
    }
    bytes_free(&b);
}

#define REFUSED(engine, mode, change) \
    do { \
        struct made m; \
        make(&m, engine, mode); \
        assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_OK); \
        struct sotto_params *p = &m.g.params; \
        change; \
        assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_D_GENESIS); \
        (void)p; \
    } while (0)
#define TAKEN(engine, mode, change) \
    do { \
        struct made m; \
        make(&m, engine, mode); \
        struct sotto_params *p = &m.g.params; \
        change; \
        assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_OK); \
        (void)p; \
    } while (0)

static void what_no_chain_starts_from(void **state)
{
    (void)state;
    const enum sotto_engine pow = SOTTO_ENGINE_POW, pbft = SOTTO_ENGINE_PBFT, comet = SOTTO_ENGINE_COMETBFT;
    for (enum sotto_engine e = SOTTO_ENGINE_PBFT; e < SOTTO_ENGINES; e++) {
        REFUSED(e, SOTTO_MODE_OPEN, p->reward.cong = 1);
        REFUSED(e, SOTTO_MODE_OPEN, p->bits = SOTTO_BITS_ZEROS);
        REFUSED(e, SOTTO_MODE_OPEN, p->bits_limit = SOTTO_BITS_ZEROS);
    }
    REFUSED(pow, SOTTO_MODE_OPEN, p->halving = 0);
    TAKEN(pow, SOTTO_MODE_OPEN, p->halving = 0; p->reward.cong = 0);
    REFUSED(pow, SOTTO_MODE_OPEN, p->halving = 500000);               /* 25 coins, halved every so often: more than there may be */
    REFUSED(pow, SOTTO_MODE_OPEN, m.allocs[0].amount.cong = 11000000 * SOTTO_COIN);
    TAKEN(pbft, SOTTO_MODE_OPEN, m.allocs[0].amount.cong = SOTTO_MONEY_MAX - m.allocs[1].amount.cong - m.allocs[2].amount.cong);
    REFUSED(pbft, SOTTO_MODE_OPEN, m.allocs[0].amount.cong = SOTTO_MONEY_MAX - m.allocs[1].amount.cong - m.allocs[2].amount.cong + 1);
    REFUSED(pow, SOTTO_MODE_OPEN, p->bits = 0);
    REFUSED(pow, SOTTO_MODE_OPEN, p->bits = SOTTO_BITS_ZEROS + 129);
    REFUSED(pow, SOTTO_MODE_OPEN, p->bits_limit = 0);
    REFUSED(pow, SOTTO_MODE_OPEN, p->bits_limit = SOTTO_BITS_ZEROS + 128);
    REFUSED(pow, SOTTO_MODE_OPEN, p->halflife_ms = 0);
    TAKEN(pow, SOTTO_MODE_OPEN, p->retarget = SOTTO_RETARGET_FIXED; p->halflife_ms = 0; p->bits_limit = 0);
    REFUSED(comet, SOTTO_MODE_OPEN, p->eip712_contract[19] = 1);
    TAKEN(comet, SOTTO_MODE_OPEN, p->eip712_contract[19] = 1; p->bond.cong = 0);
    REFUSED(pbft, SOTTO_MODE_OPEN, memcpy(m.validators[2].key, m.validators[0].key, 32));
    for (enum sotto_chain_mode mode = SOTTO_MODE_CONSORTIUM; mode < SOTTO_MODES; mode++) {
        REFUSED(pbft, mode, p->validator_count = 0);
        TAKEN(pow, mode, p->validator_count = 0);
    }
    TAKEN(pbft, SOTTO_MODE_OPEN, p->validator_count = 0);

    REFUSED(pow, SOTTO_MODE_OPEN, p->engine = SOTTO_ENGINES);
    REFUSED(pow, SOTTO_MODE_OPEN, p->mode = SOTTO_MODES);
    REFUSED(pow, SOTTO_MODE_OPEN, p->retarget = SOTTO_RETARGETS);
    REFUSED(pow, SOTTO_MODE_OPEN, p->flags |= 8);
    REFUSED(pow, SOTTO_MODE_OPEN, p->name.size = 0);
    REFUSED(pow, SOTTO_MODE_OPEN, p->name.text[0] = '\n');
    REFUSED(pow, SOTTO_MODE_OPEN, p->name.text[0] = (char)0x80);
    REFUSED(pow, SOTTO_MODE_OPEN, p->bond.cong = SOTTO_MONEY_MAX + 1);
    REFUSED(pow, SOTTO_MODE_OPEN, m.grants[1].perms |= 1u << 10);
    REFUSED(pow, SOTTO_MODE_OPEN, m.grants[1].id = m.grants[0].id);
    REFUSED(pow, SOTTO_MODE_OPEN, m.grants[1].id.b[0] = 200);         /* not in order */
}

static void texts_that_are_no_genesis(void **state)
{
    (void)state;
    struct made m;
    struct sotto_genesis g;
    make(&m, SOTTO_ENGINE_POW, SOTTO_MODE_PERMISSIONED);
    assert_int_equal(sotto_genesis_seal(&m.g), SOTTO_OK);
    struct sotto_buf text = sotto_buf_make(SOTTO_GENESIS_JSON_MAX);
    assert_int_equal(sotto_genesis_write(&text, &m.g), SOTTO_OK);
    assert_int_equal(sotto_buf_add_u8(&text, 0), SOTTO_OK);
    char *at = (char *)text.data;
    static const struct { const char *what, *instead; } changes[] = {
        { "\"chain_num\": 7377", "\"chain_num\": 7377, \"more\": 1" }, { "\"chain_num\": 7377", "\"chain_num\": 7377, \"chain_num\": 7377" },
        { "\"chain_num\": 7377", "\"chain_num\": \"7377\"" }, { "\"chain_num\": 7377", "\"chain_num\": -1" }, { "\"chain_num\": 7377", "\"chain_num\": 1.5" },
        { "\"chain_num\": 7377,", "" }, { "\"pow\"", "\"pos\"" }, { "\"permissioned\"", "\"closed\"" }, { "\"asert\"", "\"other\"" },
        { "\"f0000002\"", "\"f000002\"" }, { "\"f0000002\"", "4026531842" }, { "\"reward\": \"25\"", "\"reward\": 25" },
        { "\"reward\": \"25\"", "\"reward\": \"25.000000001\"" }, { "\"stamp_bits\": 20", "\"stamp_bits\": 256" },
        { "\"stamps\", \"unsigned_posts\"", "\"stamps\", \"stamps\"" }, { "\"stamps\", \"unsigned_posts\"", "\"stamps\", 4" },
        { "\"eip712\": null", "\"eip712\": {}" }, { "\"eip712\": null", "\"eip712\": {\"chain\": \"01\", \"contract\": \"0x00000000000000000000000000000000000000001\"}" },
        { "\"perms\": [", "\"perms\": [\"fly\", " }, { "{\"address\": \"s", "{\"address\": \"S" }, { "\"key\": \"", "\"more\": 1, \"key\": \"" },
        { "\"alloc\": [", "\"alloc\": [7, " }, { "\"grants\": [", "\"grants\": [{}, " }, { "]\n}", "]\n} 1" },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct sotto_buf changed = sotto_buf_make(SOTTO_GENESIS_JSON_MAX);
        char *found = strstr(at, changes[i].what);
        assert_non_null(found);
        assert_int_equal(sotto_buf_add(&changed, at, (size_t)(found - at)), SOTTO_OK);
        assert_int_equal(sotto_buf_add(&changed, changes[i].instead, strlen(changes[i].instead)), SOTTO_OK);
        const char *rest = found + strlen(changes[i].what);
        assert_int_equal(sotto_buf_add(&changed, rest, strlen(rest)), SOTTO_OK);
        if (sotto_genesis_read(&g, sotto_buf_span(&changed)) != SOTTO_D_GENESIS) fail_msg("taken: %s", changes[i].instead);
        sotto_buf_free(&changed);
    }
    static const char *const whole[] = { "", "[]", "1", "{}", "null", "{\"name\"" };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) assert_int_equal(sotto_genesis_read(&g, sotto_span_str(whole[i])), SOTTO_D_GENESIS);
    sotto_buf_free(&text);
}

/* Members may stand in any order, and so may grants: they name a set. */
static void the_example_of_a_board(void **state)
{
    (void)state;
    static const char text[] =
        "{\"name\":\"board\",\"chain_num\":7377,\"engine\":\"pow\",\"mode\":\"open\",\"time\":1790000000000,\"bits\":\"f0000002\",\"bits_limit\":\"f0000001\","
        "\"retarget\":\"fixed\",\"spacing_ms\":60000,\"halflife_ms\":3600000,\"reward\":\"25\",\"halving\":210000,\"max_block_bytes\":1000000,"
        "\"max_block_units\":1000000,\"fee_rate\":0,\"stamp_bits\":20,\"bond\":\"0\",\"reorg_limit\":100,\"snapshot_every\":1000,"
        "\"flags\":[\"stamps\",\"unsigned_posts\"],\"eip712\":{\"chain\":\"31337\",\"contract\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"},"
        "\"validators\":[],\"grants\":[{\"id\":\"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359\",\"perms\":[\"read\",\"post\"]},"
        "{\"perms\":[],\"id\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"}],\"alloc\":[]}";
    struct sotto_genesis g;
    struct sotto_id reader;
    assert_int_equal(sotto_genesis_read(&g, sotto_span_str(text)), SOTTO_OK);
    assert_string_equal(g.params.name.text, "board");
    assert_int_equal(g.params.flags, 6);
    assert_int_equal(g.params.eip712_chain, 31337);
    assert_int_equal(g.params.reward.cong, 2500000000);
    assert_int_equal(g.params.grant_count, 2);
    assert_int_equal(sotto_id_parse(&reader, sotto_span_str("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"), false), SOTTO_OK);
    assert_int_equal(sotto_params_perms(&g.params, &reader), SOTTO_MAY_READ | SOTTO_MAY_POST);
    assert_int_equal(sotto_chain_pay_net(&g.params), SOTTO_PAY_MAIN);
    sotto_genesis_free(&g);
}

/* The table of 5.3: who needs a grant. L: by the list of validators alone, and never by a grant. */
static void who_may_do_what(void **state)
{
    (void)state;
    static const char *const table[SOTTO_MODES] = { "aaaaaaaaL-", "aaaaaaggLa", "ggggggggLa", "ggggggggLg" };
    for (enum sotto_chain_mode mode = 0; mode < SOTTO_MODES; mode++) {
        struct made m;
        struct sotto_id holder, nobody, validator;
        make(&m, SOTTO_ENGINE_PBFT, mode);
        holder = m.grants[1].id;
        validator = m.validators[2].id;
        sotto_rng_fill(&rng.rng, nobody.b, 20);
        for (unsigned bit = 0; bit < 10; bit++) {
            char want = table[mode][bit];
            m.grants[1].perms = (uint16_t)(1u << bit);
            bool all = sotto_params_allow(&m.g.params, &nobody, 1u << bit) == SOTTO_OK;
            assert_int_equal(all, want == 'a');
            assert_int_equal(sotto_params_allow(&m.g.params, NULL, 1u << bit) == SOTTO_OK, want == 'a');
            assert_int_equal(sotto_params_allow(&m.g.params, &holder, 1u << bit) == SOTTO_OK, want == 'a' || want == 'g');
            assert_int_equal(sotto_params_allow(&m.g.params, &validator, 1u << bit) == SOTTO_OK, want == 'a' || want == 'L');
            m.grants[1].perms = (uint16_t)(SOTTO_MAY_ALL & ~(1u << bit));
            assert_int_equal(sotto_params_allow(&m.g.params, &holder, 1u << bit) == SOTTO_OK, want == 'a');
        }
        m.grants[1].perms = SOTTO_MAY_POST;
        bool some = mode == SOTTO_MODE_OPEN || mode == SOTTO_MODE_CONSORTIUM;
        assert_int_equal(sotto_params_allow(&m.g.params, &holder, SOTTO_MAY_POST | SOTTO_MAY_DIGEST) == SOTTO_OK, some);      /* every bit of it */
        assert_int_equal(sotto_params_allow(&m.g.params, NULL, 0), SOTTO_OK);
    }
}

static void quorums(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 256; n++) {
        uint32_t f = sotto_faults_borne(n), q = sotto_quorum(n);
        assert_true(n >= 3 * f + 1 && n < 3 * (f + 1) + 1);
        assert_true(2 * q - n >= f + 1 && q <= n - f);                /* two share an honest one; it is reached without the faulty */
        assert_true(q == 1 || 2 * (q - 1) < n + f + 1);               /* and no smaller one would do */
    }
}

static void copies_stand_alone(void **state)
{
    (void)state;
    struct made m;
    struct sotto_params copy;
    make(&m, SOTTO_ENGINE_PBFT, SOTTO_MODE_PRIVATE);
    assert_int_equal(sotto_params_copy(&copy, &m.g.params), SOTTO_OK);
    struct sotto_validator kept = m.validators[1];
    memset(m.validators, 0, sizeof m.validators);
    assert_memory_equal(&copy.validators[1], &kept, sizeof kept);
    assert_memory_equal(copy.grants, m.grants, sizeof m.grants);
    sotto_params_free(&copy);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&rng, test_seed(), "genesis test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_text_have_one_meaning), cmocka_unit_test(every_bit_counts), cmocka_unit_test(what_no_chain_starts_from),
        cmocka_unit_test(texts_that_are_no_genesis), cmocka_unit_test(the_example_of_a_board), cmocka_unit_test(who_may_do_what),
        cmocka_unit_test(quorums), cmocka_unit_test(copies_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
