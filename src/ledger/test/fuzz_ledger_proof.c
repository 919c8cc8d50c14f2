/* Proofs. First any bytes as each kind of them. Then a registry tree that the input drives by batches and their undoing, beside its
 * definition; a proof of it, changed as the input says, is refused or says the same. */
#include "support/fuzz_input.h"

#include "smt_model.h"

#include "ledger/merkle.h"
#include "ledger/proof.h"

enum { STEPS = 12, BATCH = 6, UNDO = 4 };

static void any_bytes(struct sotto_span bytes)
{
    static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    static const struct sotto_id id = { { 0x80, 1 } };
    static const uint8_t root[32];
    struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
    struct sotto_tx_proof tx_proof;
    struct sotto_tx tx;
    struct sotto_state_proof state;
    struct sotto_registry_answer registry;
    struct sotto_smt_answer answer;
    (void)fuzz_err(sotto_tx_proof_check(&tx_proof, bytes));
    (void)fuzz_err(sotto_content_check(&tx_proof, &tx, &arena, bytes));
    (void)fuzz_err(sotto_state_check(&state, bytes));
    (void)fuzz_err(sotto_registry_check(&registry, &id, bytes));
    enum sotto_err err = fuzz_err(sotto_smt_check(&answer, root, &id, bytes));
    SOTTO_ASSERT(err != SOTTO_OK || (bytes.size == 2 && !answer.present));          /* the empty tree proves nothing but that it is empty */
    if (bytes.size < 8) return;
    (void)fuzz_err(sotto_mt_check(root, root, sotto_be32(bytes.data), sotto_be32(bytes.data + 4), sotto_span_cut(bytes, 8, bytes.size - 8)));
}

/* Few keys, some of which part only at their last bits. */
static struct sotto_id key_of(uint8_t byte)
{
    struct sotto_id id = { { 0 } };
    id.b[0] = byte & 0xc0;
    id.b[2] = byte & 0x30;
    id.b[19] = byte & 0x0f;
    return id;
}

struct batch { struct sotto_smt_change at[BATCH]; size_t count; };

static struct batch batch_of(struct fuzz_in *in)
{
    struct batch b = { .count = 0 };
    unsigned byte = fuzz_u8(in), next = 0;
    size_t wanted = 1 + byte % BATCH;
    for (; b.count < wanted && next < 256; b.count++) {               /* rising, as a batch must */
        next += fuzz_below(in, 64);
        if (next > 255) break;
        uint8_t what = fuzz_u8(in);
        b.at[b.count] = (struct sotto_smt_change){ .id = key_of((uint8_t)next++), .gone = what % 3 == 0 };
        memset(b.at[b.count].value, what, 32);
    }
    return b;
}

static void compare(const struct sotto_smt *t, const struct model *m)
{
    uint8_t a[32], b[32];
    sotto_smt_root(a, t);
    model_root(b, m);
    SOTTO_ASSERT(memcmp(a, b, 32) == 0 && sotto_smt_count(t) == m->count);
}

static void prove(const struct sotto_smt *t, const struct model *m, struct fuzz_in *in)
{
    struct sotto_id id = key_of(fuzz_u8(in));
    struct sotto_buf proof = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
    struct sotto_smt_answer answer;
    uint8_t root[32];
    sotto_smt_root(root, t);
    enum sotto_err err = fuzz_err(sotto_smt_prove(t, &proof, &id, sotto_span(NULL, 0)));
    if (model_has(m, &id)) {
        SOTTO_ASSERT(err == SOTTO_ERR_DAMAGED);           /* the values here are of no record at all */
        return;
    }
    SOTTO_ASSERT(err == SOTTO_OK && sotto_smt_check(&answer, root, &id, sotto_buf_span(&proof)) == SOTTO_OK && !answer.present);
    uint32_t at = fuzz_below(in, (uint32_t)proof.size);
    uint8_t by = fuzz_u8(in);
    proof.data[at] ^= by;
    err = fuzz_err(sotto_smt_check(&answer, root, &id, sotto_buf_span(&proof)));
    SOTTO_ASSERT(by == 0 ? err == SOTTO_OK : err != SOTTO_OK);
    sotto_buf_free(&proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;
    struct fuzz_in in = fuzz_in(data, size);
    struct batch undo[UNDO];
    unsigned held = 0;
    struct sotto_smt *t;
    any_bytes(sotto_span(data, size));
    if (sotto_smt_new(&t, 256) != SOTTO_OK) return 0;
    m.count = 0;
    for (unsigned step = 0; step < STEPS && fuzz_left(&in); step++) {
        uint8_t promised[32], root[32];
        if (fuzz_u8(&in) % 3 == 0 && held) {
            const struct batch *u = &undo[--held];
            SOTTO_ASSERT(sotto_smt_apply(t, NULL, u->at, u->count) == SOTTO_OK);
            for (size_t i = 0; i < u->count; i++) model_change(&m, &u->at[i]);
        } else {
            struct batch b = batch_of(&in);
            sotto_smt_root_after(promised, t, b.at, b.count);
            if (held == UNDO) held = 0;
            undo[held].count = b.count;
            SOTTO_ASSERT(sotto_smt_apply(t, undo[held++].at, b.at, b.count) == SOTTO_OK);
            sotto_smt_root(root, t);
            SOTTO_ASSERT(memcmp(root, promised, 32) == 0);
            for (size_t i = 0; i < b.count; i++) model_change(&m, &b.at[i]);
        }
        compare(t, &m);
        prove(t, &m, &in);
    }
    sotto_smt_free(t);
    return 0;
}
