/* ledger, operations: each layout there and back, cut and lengthened, with every number and text that has no meaning. */
#include "crypto/rng.h"
#include "ledger/codec.h"
#include "ledger/op.h"
#include "ledger/signed.h"
#include "ledger/th.h"
#include "support/test.h"

static uint8_t blob[SOTTO_OP_BODY_MAX + 1];
static struct sotto_chacha_rng rng;

static struct sotto_op op_of(enum sotto_op_type type)
{
    struct sotto_op op;
    memset(&op, 0, sizeof op);
    op.type = type;
    return op;
}

/* A well-formed one of each type, of random content. */
static struct sotto_op some_op(enum sotto_op_type type)
{
    struct sotto_op op = op_of(type);
    struct sotto_scalar k;
    switch (type) {
    case SOTTO_OP_REGISTER:
    case SOTTO_OP_RENEW:
    case SOTTO_OP_ROTATE:
    case SOTTO_OP_RECOVER:
    case SOTTO_OP_REVOKE:
        sotto_rng_fill(&rng.rng, &op.identity, sizeof op.identity);
        op.identity.not_before_s &= SOTTO_UINT40_MAX;
        op.identity.not_after_s &= SOTTO_UINT40_MAX;
        op.identity.deadline_s &= SOTTO_UINT40_MAX;
        op.identity.reason &= 3;
        memset(&op.identity.by_recovery, type == SOTTO_OP_RECOVER || (op.identity.seq & 1), 1);
        op.identity.bond %= SOTTO_MONEY_MAX / 64;
        break;
    case SOTTO_OP_CONTACT:
        sotto_scalar_random(&k, &rng.rng);
        assert_int_equal(sotto_point_make(&op.contact.r, &k), SOTTO_OK);
        op.contact.view = 7;
        op.contact.box = sotto_span(blob, SOTTO_CONTACT_BOX);
        break;
    case SOTTO_OP_PARAMS:
        op.params = (struct sotto_op_params){ 2, sotto_span(blob, 256), sotto_span(blob, 1), UINT64_C(3600000) };
        break;
    case SOTTO_OP_DIGEST:
        op.digest = (struct sotto_op_digest){ .kind = SOTTO_DIGEST_MESSAGE, .count = 3, .digests = sotto_span(blob, 96), .is_signed = true, .time_s = SOTTO_UINT40_MAX };
        break;
    case SOTTO_OP_POST:
        op.post = (struct sotto_op_post){ .author = sotto_span_str("Ann\xc3\xa9"), .content = sotto_span_str("words"), .time_s = 5, .is_signed = true };
        break;
    case SOTTO_OP_SEALED:
        op.sealed = (struct sotto_op_sealed){ .kind = 9, .blob = sotto_span(blob, 256) };
        break;
    case SOTTO_OP_GOV:
        op.gov = (struct sotto_op_gov){ .action = 200, .seq = 1, .expiry = 2, .body = sotto_span(blob, 10), .count = 2 };
        static uint8_t votes[2 * SOTTO_GOV_VOTE];
        sotto_put_le16(votes + SOTTO_GOV_VOTE, 1);
        op.gov.votes = SOTTO_SPAN(votes);
        break;
    }
    return op;
}

static const enum sotto_op_type all_types[] = {
    SOTTO_OP_REGISTER, SOTTO_OP_RENEW, SOTTO_OP_ROTATE, SOTTO_OP_RECOVER, SOTTO_OP_REVOKE, SOTTO_OP_CONTACT, SOTTO_OP_PARAMS, SOTTO_OP_DIGEST,
    SOTTO_OP_POST, SOTTO_OP_SEALED, SOTTO_OP_GOV,
};
enum { TYPES = sizeof all_types / sizeof *all_types };

static enum sotto_err read_body(uint8_t type, struct sotto_span body)
{
    struct sotto_op op;
    memset(&op, 0x5a, sizeof op);
    struct sotto_op before = op;
    enum sotto_err err = sotto_op_read(&op, &(struct sotto_tx_op){ type, body });
    if (err != SOTTO_OK) assert_memory_equal(&op, &before, sizeof op);
    return err;
}

static struct sotto_buf written(const struct sotto_op *op)
{
    struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
    assert_int_equal(sotto_op_write(&b, op), SOTTO_OK);
    return b;
}

static enum sotto_err refused(const struct sotto_op *op)
{
    struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
    enum sotto_err err = sotto_op_write(&b, op);
    assert_int_equal(b.size, 0);
    sotto_buf_free(&b);
    return err;
}

static void every_layout(void **state)
{
    (void)state;
    static const size_t sizes[] = { 258, 164, 262, 326, 0, 517, 0, 189, 0, 276, 0 };        /* of the fixed ones */
    for (size_t i = 0; i < TYPES; i++)
        for (int round = 0; round < 20; round++) {
            struct sotto_op op = some_op(all_types[i]), back;
            struct sotto_buf b = written(&op), again;
            if (sizes[i]) assert_int_equal(b.size, sizes[i]);
            if (op.type == SOTTO_OP_REVOKE) assert_int_equal(b.size, op.identity.by_recovery ? 128 : 96);
            assert_int_equal(sotto_op_read(&back, &(struct sotto_tx_op){ (uint8_t)op.type, sotto_buf_span(&b) }), SOTTO_OK);
            assert_int_equal(back.type, op.type);
            again = written(&back);
            assert_true(sotto_span_equal(sotto_buf_span(&b), sotto_buf_span(&again)));
            sotto_buf_free(&again);
            for (size_t cut = 0; cut < b.size; cut++) {
                uint8_t *exact = malloc(cut + 1);
                assert_non_null(exact);
                memcpy(exact, b.data, cut);
                assert_int_equal(read_body((uint8_t)op.type, sotto_span(exact, cut)), SOTTO_T_OP_FORM);
                free(exact);
            }
            if (b.size < SOTTO_OP_BODY_MAX) {
                assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
                assert_int_equal(read_body((uint8_t)op.type, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
            }
            sotto_buf_free(&b);
        }
}

static void types_that_nobody_knows(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool known = false;
        for (size_t i = 0; i < TYPES; i++) known = known || all_types[i] == type;
        assert_int_equal(read_body((uint8_t)type, sotto_span(NULL, 0)), known ? SOTTO_T_OP_FORM : SOTTO_T_OP);
    }
    struct sotto_op op = op_of((enum sotto_op_type)0x14);
    assert_int_equal(refused(&op), SOTTO_T_OP);
}

static void revocations(void **state)
{
    (void)state;
    struct sotto_op op = some_op(SOTTO_OP_REVOKE);
    op.identity.by_recovery = true;
    struct sotto_buf b = written(&op);
    b.data[24] = 4;                                                   /* reason */
    assert_int_equal(read_body(SOTTO_OP_REVOKE, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
    b.data[24] = 3;
    assert_int_equal(read_body(SOTTO_OP_REVOKE, sotto_buf_span(&b)), SOTTO_OK);
    b.data[30] = 0;                                                   /* by the owner: then there is no salt */
    assert_int_equal(read_body(SOTTO_OP_REVOKE, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
    b.data[30] = 2;
    assert_int_equal(read_body(SOTTO_OP_REVOKE, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
    sotto_buf_free(&b);
    op.identity.reason = 4;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
}

static void contacts(void **state)
{
    (void)state;
    struct sotto_op op = some_op(SOTTO_OP_CONTACT);
    struct sotto_buf b = written(&op);
    b.data[0] = 5;
    assert_int_equal(read_body(SOTTO_OP_CONTACT, sotto_buf_span(&b)), SOTTO_E_POINT);
    b.size--;                                                         /* the form goes before the point */
    assert_int_equal(read_body(SOTTO_OP_CONTACT, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
    sotto_buf_free(&b);
    op.contact.box.size = SOTTO_CONTACT_BOX - 1;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
    op.contact.box.size = SOTTO_CONTACT_BOX + 1;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
}

static void digests(void **state)
{
    (void)state;
    struct sotto_op op = some_op(SOTTO_OP_DIGEST);
    struct sotto_op_digest *d = &op.digest;
    for (unsigned kind = 0; kind < 256; kind++) {
        d->kind = (uint8_t)kind;
        d->count = 1;
        d->digests = sotto_span(blob, 32);
        if (kind < SOTTO_DIGEST_KINDS) {
            struct sotto_buf b = written(&op);
            sotto_buf_free(&b);
            d->count = 2;
            d->digests = sotto_span(blob, 64);
        }
        if (kind < SOTTO_DIGEST_BATCH) {
            struct sotto_buf b = written(&op);
            sotto_buf_free(&b);
        } else {
            assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
        }
    }
    d->kind = SOTTO_DIGEST_FILE;
    d->count = 0;
    d->digests.size = 0;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
    d->count = SOTTO_DIGESTS_MAX;
    d->digests = sotto_span(blob, 32 * SOTTO_DIGESTS_MAX);
    d->is_signed = false;
    struct sotto_buf b = written(&op);
    assert_int_equal(b.size, 1 + 3 + 32 * SOTTO_DIGESTS_MAX + 1);
    b.data[b.size - 1] = 2;                                           /* neither signed nor not */
    assert_int_equal(read_body(SOTTO_OP_DIGEST, sotto_buf_span(&b)), SOTTO_T_OP_FORM);
    sotto_buf_free(&b);
    d->count++;
    d->digests.size += 32;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
}

static void posts(void **state)
{
    (void)state;
    static const struct { const char *author, *content; bool good; } texts[] = {
        { "a", "b", true }, { "", "b", false }, { "a", "", false }, { "\xff", "b", false }, { "a", "\xc3", false }, { "a", "\xed\xa0\x80", false },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true },
    };
    struct sotto_op op = some_op(SOTTO_OP_POST);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        op.post.author = sotto_span_str(texts[i].author);
        op.post.content = sotto_span_str(texts[i].content);
        op.post.is_signed = i & 1;
        struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
        assert_int_equal(sotto_op_write(&b, &op), texts[i].good ? SOTTO_OK : SOTTO_T_OP_FORM);
        sotto_buf_free(&b);
    }
    memset(blob, 'x', sizeof blob);
    op.post.author = sotto_span(blob, SOTTO_POST_AUTHOR_MAX);
    op.post.content = sotto_span(blob, SOTTO_POST_CONTENT_MAX);
    struct sotto_buf b = written(&op);
    sotto_buf_free(&b);
    op.post.author.size++;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
    op.post.author.size--;
    op.post.content.size++;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
}

static void sealed_sizes(void **state)
{
    (void)state;
    struct sotto_op op = some_op(SOTTO_OP_SEALED);
    for (size_t size = 0; size <= 8960; size++) {
        op.sealed.blob = sotto_span(blob, size);
        bool good = size == 256 || size == 512 || size == 1024 || size == 2048 || size == 4096 || size == 8192;
        if (!good && size % 64 > 1 && size % 64 < 63) continue;
        struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
        assert_int_equal(sotto_op_write(&b, &op), good ? SOTTO_OK : SOTTO_T_OP_FORM);
        sotto_buf_free(&b);
    }
}

static void votes(void **state)
{
    (void)state;
    static uint8_t many[(SOTTO_GOV_VOTES_MAX + 1) * SOTTO_GOV_VOTE];
    struct sotto_op op = some_op(SOTTO_OP_GOV);
    for (uint32_t i = 0; i <= SOTTO_GOV_VOTES_MAX; i++) sotto_put_le16(many + (size_t)SOTTO_GOV_VOTE * i, (uint16_t)(255 * i));
    op.gov.votes = sotto_span(many, (size_t)SOTTO_GOV_VOTE * SOTTO_GOV_VOTES_MAX);
    op.gov.count = 0;
    op.gov.body.size = 0;
    op.gov.votes.size = 0;
    struct sotto_buf b = written(&op);
    sotto_buf_free(&b);
    op.gov.count = 100;
    op.gov.votes.size = 100 * SOTTO_GOV_VOTE;
    b = written(&op);
    sotto_buf_free(&b);
    for (uint32_t i = 1; i < 100; i += 49) {
        uint8_t *index = many + (size_t)SOTTO_GOV_VOTE * i;
        sotto_put_le16(index, (uint16_t)(255 * (i - 1)));             /* twice the same */
        assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
        sotto_put_le16(index, (uint16_t)(255 * i));
    }
    op.gov.count = SOTTO_GOV_VOTES_MAX + 1;
    op.gov.votes.size = sizeof many;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);                  /* longer than any body, too */
    assert_int_equal(sotto_gov_vote(&op.gov, 3).index, 765);
    op.gov.count = op.gov.votes.size = 0;
    op.gov.body = sotto_span(blob, SOTTO_GOV_BODY_MAX);
    b = written(&op);
    sotto_buf_free(&b);
    op.gov.body.size++;
    assert_int_equal(refused(&op), SOTTO_T_OP_FORM);
}

/* ---- what a vote changes ---- */

static void changes(void **state)
{
    (void)state;
    static const struct { uint8_t action; size_t size; } fixed[] = { { 2, 52 }, { 3, 20 }, { 4, 22 }, { 5, 20 }, { 6, 28 }, { 7, 8 }, { 8, 52 }, { 9, 20 } };
    static const uint8_t widths[] = { 0, 4, 4, 8, 1, 8, 4, 1, 0 };
    struct sotto_gov_change c;
    uint8_t body[64] = { 0 };
    struct sotto_op_gov gov = { 0 };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        for (size_t size = 0; size <= sizeof body; size++) {
            gov = (struct sotto_op_gov){ .action = fixed[i].action, .body = sotto_span(body, size) };
            assert_int_equal(sotto_gov_read(&c, &gov), size == fixed[i].size ? SOTTO_OK : SOTTO_T_OP_FORM);
        }
    for (size_t param = 0; param < sizeof widths; param++)
        for (size_t size = 0; size <= sizeof body; size++) {
            body[0] = (uint8_t)param;
            gov = (struct sotto_op_gov){ .action = SOTTO_GOV_SET, .body = sotto_span(body, size) };
            assert_int_equal(sotto_gov_read(&c, &gov), widths[param] && size == 1u + widths[param] ? SOTTO_OK : SOTTO_T_OP_FORM);
        }
    gov = (struct sotto_op_gov){ .action = 0, .body = sotto_span(body, 20) };
    assert_int_equal(sotto_gov_read(&c, &gov), SOTTO_T_OP_FORM);
    gov.action = 10;
    assert_int_equal(sotto_gov_read(&c, &gov), SOTTO_T_OP_FORM);

    memcpy(body, "\3\1\2\3\4\5\6\7\x08", 9);
    gov = (struct sotto_op_gov){ .action = SOTTO_GOV_SET, .body = sotto_span(body, 9) };
    assert_int_equal(sotto_gov_read(&c, &gov), SOTTO_OK);
    assert_true(c.param == SOTTO_PARAM_FEE_RATE && c.value == UINT64_C(0x0807060504030201));
    sotto_put_le64(body + 20, SOTTO_MONEY_MAX + 1);
    gov = (struct sotto_op_gov){ .action = SOTTO_GOV_ISSUE, .body = sotto_span(body, 28) };
    assert_int_equal(sotto_gov_read(&c, &gov), SOTTO_T_VALUE);
    sotto_put_le64(body + 20, SOTTO_MONEY_MAX);
    assert_int_equal(sotto_gov_read(&c, &gov), SOTTO_OK);
    assert_true(c.amount.cong == SOTTO_MONEY_MAX && memcmp(c.hash.b, body, 20) == 0);
}

/* ---- all of a transaction ---- */

static void bonds(void **state)
{
    (void)state;
    struct sotto_op op = some_op(SOTTO_OP_REGISTER);
    struct sotto_amount sum = { 9 };
    struct sotto_tx_op raw[3];
    struct sotto_buf bodies[3];
    static const uint64_t bond[] = { 5, SOTTO_MONEY_MAX - 6, 1 };
    for (int i = 0; i < 3; i++) {
        op.identity.bond = bond[i];
        bodies[i] = written(&op);
        raw[i] = (struct sotto_tx_op){ SOTTO_OP_REGISTER, sotto_buf_span(&bodies[i]) };
    }
    struct sotto_tx tx = { .op_count = 3, .ops = raw };
    assert_int_equal(sotto_ops_check(&sum, &tx), SOTTO_OK);
    assert_true(sum.cong == SOTTO_MONEY_MAX);
    bodies[2].data[258 - 65 - 20 - 8] = 2;
    assert_int_equal(sotto_ops_check(&sum, &tx), SOTTO_T_VALUE);
    raw[2].type = 0x77;
    assert_int_equal(sotto_ops_check(&sum, &tx), SOTTO_T_OP);
    raw[2].type = SOTTO_OP_RENEW;
    assert_int_equal(sotto_ops_check(&sum, &tx), SOTTO_T_OP_FORM);
    tx.op_count = 0;
    assert_int_equal(sotto_ops_check(&sum, &tx), SOTTO_OK);
    assert_int_equal(sum.cong, 0);
    for (int i = 0; i < 3; i++) sotto_buf_free(&bodies[i]);
}

/* ---- signed data ---- */

static void a_bond_is_signed(void **state)
{
    (void)state;
    uint8_t extra[32], want[32], zero[32] = { 0 };
    struct sotto_h160 refund = { { 1, 2, 3 } };
    sotto_bond_extra(extra, 0, &refund);
    assert_memory_equal(extra, zero, 32);
    sotto_bond_extra(extra, 258, &refund);
    SOTTO_TH(want, "sotto/bond", sotto_span("\2\1\0\0\0\0\0\0", 8), SOTTO_SPAN(refund.b));
    assert_memory_equal(extra, want, 32);
}

static void a_chain_names_itself(void **state)
{
    (void)state;
    uint8_t genesis_id[64], contract[20], other[20], want[32], here[32], there[32];
    sotto_rng_fill(&rng.rng, genesis_id, sizeof genesis_id);
    sotto_registry_contract(contract, genesis_id);
    SOTTO_TH(want, "sotto/registry", SOTTO_SPAN(genesis_id));
    assert_memory_equal(contract, want + 12, 20);
    genesis_id[63] ^= 1;
    sotto_registry_contract(other, genesis_id);
    sotto_registry_domain(here, 7, contract);
    sotto_registry_domain(there, 7, other);
    assert_memory_not_equal(here, there, 32);
    sotto_registry_domain(there, 8, contract);
    assert_memory_not_equal(here, there, 32);
}

static void every_field_is_signed(void **state)
{
    (void)state;
    uint8_t domain[32] = { 3 }, digest[32], other[32];
    for (size_t i = 0; i < 5; i++) {
        struct sotto_op op = some_op(all_types[i]);
        struct sotto_scalar k;
        sotto_scalar_random(&k, &rng.rng);
        assert_int_equal(sotto_point_make(&op.identity.key, &k), SOTTO_OK);
        struct sotto_buf b = written(&op);
        assert_int_equal(sotto_signed_op(digest, domain, &op), SOTTO_OK);
        size_t sigs = op.type == SOTTO_OP_ROTATE || op.type == SOTTO_OP_RECOVER ? 130 : 65;
        size_t salt = op.type == SOTTO_OP_RECOVER ? 32 : op.type == SOTTO_OP_REVOKE ? 1 + 32 * (size_t)op.identity.by_recovery : 0;
        for (size_t at = 0; at < b.size; at++) {                      /* all but signatures, and what proves the recovery key */
            struct sotto_op changed;
            b.data[at] ^= 1;
            bool is_signed = at < b.size - sigs - salt;
            enum sotto_err err = sotto_op_read(&changed, &(struct sotto_tx_op){ (uint8_t)op.type, sotto_buf_span(&b) });
            if (err == SOTTO_OK) err = sotto_signed_op(other, domain, &changed);
            if (err == SOTTO_OK) assert_int_equal(memcmp(digest, other, 32) != 0, is_signed);
            else assert_true(err == SOTTO_E_POINT || err == SOTTO_T_OP_FORM);
            b.data[at] ^= 1;
        }
        domain[0] ^= 1;
        assert_int_equal(sotto_signed_op(other, domain, &op), SOTTO_OK);
        assert_memory_not_equal(digest, other, 32);
        sotto_buf_free(&b);
    }
    struct sotto_op op = some_op(SOTTO_OP_ROTATE);
    op.identity.key.b[0] = 9;
    assert_int_equal(sotto_signed_op(digest, domain, &op), SOTTO_E_POINT);
}

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "ledger ops");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout), cmocka_unit_test(types_that_nobody_knows), cmocka_unit_test(revocations), cmocka_unit_test(contacts),
        cmocka_unit_test(digests), cmocka_unit_test(posts), cmocka_unit_test(sealed_sizes), cmocka_unit_test(votes), cmocka_unit_test(changes),
        cmocka_unit_test(bonds), cmocka_unit_test(a_bond_is_signed), cmocka_unit_test(a_chain_names_itself), cmocka_unit_test(every_field_is_signed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
