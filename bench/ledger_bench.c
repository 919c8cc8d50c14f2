/* The registry of a large chain, one core:
 *
 *     proof bytes    of identities that are there, among a million: mean, and what 99 of 100 keep to
 *     check          one such proof, by who has nothing but the root
 *     make           one such proof
 *     look-up        the value of one identity in the tree
 *     block          what a hundred registrations cost the tree: the root they would give, then taking them
 *     memory         of the tree, an identity
 *     registration   all checks of one, its signature among them
 *
 *     bench_ledger [--ids N]       another number of identities, for a profiler */
#include "bench/bench.h"
#include "crypto/rng.h"
#include "ledger/op.h"
#include "ledger/registry.h"
#include "ledger/signed.h"
#include "ledger/smt.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS 9u
#define IDS 1000000u
#define BATCH 5000u                               /* of filling the tree */
#define PROOFS 2000u                              /* of a run */
#define BLOCK 100u                                /* registrations of a block */
#define BLOCKS 10u
#define REGISTERS 200u                            /* of a run, all different */

#define OK(call) SOTTO_ASSERT((call) == SOTTO_OK)

static struct sotto_chacha_rng rng;
static struct sotto_smt *tree;
static struct sotto_id *ids;
static uint32_t id_count = IDS;

static struct sotto_span record_of(uint8_t bytes[SOTTO_REG_RECORD], const struct sotto_id *id)
{
    struct sotto_reg_record r = { .id = *id, .owner = *id, .status = SOTTO_REG_VALID };
    sotto_reg_put(bytes, &r);
    return sotto_span(bytes, SOTTO_REG_RECORD);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct sotto_smt_change *)a)->id.b, ((const struct sotto_smt_change *)b)->id.b, 20);
}

static void some(struct sotto_smt_change *changes, uint32_t count)
{
    uint8_t bytes[SOTTO_REG_RECORD];
    for (uint32_t i = 0; i < count; i++) {
        changes[i].gone = false;
        sotto_rng_fill(&rng.rng, changes[i].id.b, 20);
        sotto_smt_value(changes[i].value, record_of(bytes, &changes[i].id));
    }
    qsort(changes, count, sizeof *changes, by_id);
}

static void fill(void)
{
    static struct sotto_smt_change changes[BATCH];
    OK(sotto_smt_new(&tree, id_count + BLOCK * BLOCKS));
    ids = malloc(id_count * sizeof *ids);
    SOTTO_ASSERT(ids);
    for (uint32_t at = 0; at < id_count; at += BATCH) {
        some(changes, BATCH);
        OK(sotto_smt_apply(tree, NULL, changes, BATCH));
        for (uint32_t i = 0; i < BATCH; i++) ids[at + i] = changes[i].id;
    }
}

static double us(uint64_t since, unsigned count) { return (double)(bench_now_ns() - since) / 1e3 / count; }

/* ---- proofs ---- */

struct proofs { struct sotto_id id[PROOFS]; struct sotto_buf bytes[PROOFS]; };

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static void proofs(struct bench_runs *mean, struct bench_runs *most, struct bench_runs *make, struct bench_runs *check, struct bench_runs *find)
{
    static struct proofs p;
    static size_t sizes[PROOFS];
    uint8_t root[32], value[32], record[SOTTO_REG_RECORD];
    struct sotto_smt_answer answer;
    size_t sum = 0;
    sotto_smt_root(root, tree);
    for (unsigned i = 0; i < PROOFS; i++) {
        p.id[i] = ids[sotto_rng_below(&rng.rng, id_count)];
        p.bytes[i] = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
    }
    uint64_t start = bench_now_ns();
    for (unsigned i = 0; i < PROOFS; i++) SOTTO_ASSERT(sotto_smt_get(tree, value, &p.id[i]));
    bench_add(find, 1e6 / us(start, PROOFS));
    start = bench_now_ns();
    for (unsigned i = 0; i < PROOFS; i++) OK(sotto_smt_prove(tree, &p.bytes[i], &p.id[i], record_of(record, &p.id[i])));
    bench_add(make, us(start, PROOFS));
    start = bench_now_ns();
    for (unsigned i = 0; i < PROOFS; i++) OK(sotto_smt_check(&answer, root, &p.id[i], sotto_buf_span(&p.bytes[i])));
    bench_add(check, us(start, PROOFS));
    for (unsigned i = 0; i < PROOFS; i++) {
        sizes[i] = p.bytes[i].size;
        sum += sizes[i];
        sotto_buf_free(&p.bytes[i]);
    }
    qsort(sizes, PROOFS, sizeof sizes[0], by_size);
    bench_add(mean, (double)sum / PROOFS);
    bench_add(most, (double)sizes[PROOFS * 99 / 100]);
}

/* ---- blocks ---- */

static void blocks(struct bench_runs *each)
{
    static struct sotto_smt_change changes[BLOCKS][BLOCK], before[BLOCKS][BLOCK];
    uint8_t promised[32], root[32];
    for (unsigned b = 0; b < BLOCKS; b++) some(changes[b], BLOCK);
    uint64_t start = bench_now_ns();
    for (unsigned b = 0; b < BLOCKS; b++) {
        sotto_smt_root_after(promised, tree, changes[b], BLOCK);
        OK(sotto_smt_apply(tree, before[b], changes[b], BLOCK));
        sotto_smt_root(root, tree);
        SOTTO_ASSERT(memcmp(root, promised, sizeof root) == 0);
    }
    bench_add(each, us(start, BLOCKS * BLOCK));
    for (unsigned b = BLOCKS; b-- > 0;) OK(sotto_smt_apply(tree, NULL, before[b], BLOCK));       /* the next run meets the same tree */
}

/* ---- registrations ---- */

#define NOW UINT64_C(1790000000)
static struct sotto_op registers[REGISTERS];
static uint8_t domain[32];

static void make_registers(void)
{
    for (unsigned i = 0; i < REGISTERS; i++) {
        struct sotto_op_identity *o = &registers[i].identity;
        struct sotto_scalar secret, other;
        uint8_t digest[32];
        registers[i].type = SOTTO_OP_REGISTER;
        sotto_scalar_random(&secret, &rng.rng);
        sotto_scalar_random(&other, &rng.rng);
        OK(sotto_point_make(&o->key, &secret));
        OK(sotto_point_make(&o->xkey, &other));
        OK(sotto_id_of(&o->id, &o->key));
        o->not_before_s = NOW;
        o->not_after_s = o->deadline_s = NOW + 3600;
        OK(sotto_signed_op(digest, domain, &registers[i]));
        OK(sotto_sign(&o->sig, &secret, digest));
    }
}

static void registrations(struct bench_runs *rate)
{
    struct sotto_reg_rules rules = { .now_s = NOW, .height = 1, .domain = domain };
    struct sotto_reg_record next;
    uint8_t value[32];
    uint64_t start = bench_now_ns();
    for (unsigned i = 0; i < REGISTERS; i++) {
        OK(sotto_reg_apply(&next, NULL, &rules, &registers[i], NULL, false));
        sotto_reg_value(value, &next);
    }
    bench_add(rate, 1e6 / us(start, REGISTERS));
}

int main(int argc, char **argv)
{
    static struct bench_runs mean, most, make, check, find, each, rate, memory;
    OK(sotto_crypto_init());
    if (argc == 3 && strcmp(argv[1], "--ids") == 0) id_count = (uint32_t)strtoul(argv[2], NULL, 10) / BATCH * BATCH;
    if (id_count == 0 || (argc != 1 && argc != 3)) return 2;
    sotto_rng_from_seed(&rng, 1, "bench ledger");      /* the same identities each time: sizes depend on nothing else */
    fill();
    make_registers();
    for (unsigned run = 0; run < RUNS; run++) {
        proofs(&mean, &most, &make, &check, &find);
        blocks(&each);
        registrations(&rate);
        bench_add(&memory, (double)sotto_smt_bytes(tree) / id_count);
    }
    bench_print(&(struct bench_line){ .name = "registry proof, mean, 10^6 identities", .unit = "bytes", .runs = &mean, .goal = 960 });
    bench_print(&(struct bench_line){ .name = "registry proof, 99 of 100", .unit = "bytes", .runs = &most, .goal = 1040 });
    bench_print(&(struct bench_line){ .name = "registry proof, check", .unit = "us", .runs = &check, .goal = 10 });
    bench_print(&(struct bench_line){ .name = "registry proof, make", .unit = "us", .runs = &make });
    bench_print(&(struct bench_line){ .name = "registry tree, memory an identity", .unit = "bytes", .runs = &memory, .goal = 200 });
    bench_print(&(struct bench_line){ .name = "registry tree, look-ups", .unit = "/s", .runs = &find, .goal = 200000, .higher = true });
    bench_print(&(struct bench_line){ .name = "registry tree, a registration in a block of 100", .unit = "us", .runs = &each });
    bench_print(&(struct bench_line){ .name = "registrations, checks alone", .unit = "/s", .runs = &rate, .goal = 8000, .higher = true });
    sotto_smt_free(tree);
    free(ids);
    return 0;
}
