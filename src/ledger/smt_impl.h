/* The places of the registry tree in memory. Inside this room only: smt.c changes them, smt_proof.c reads them. */
#ifndef SOTTO_LEDGER_SMT_IMPL_H
#define SOTTO_LEDGER_SMT_IMPL_H

#include "ledger/smt.h"

/* A place: 0 = empty; else its number + 1, with LEAF set for a leaf. */
typedef uint32_t sotto_smt_ref;
#define SOTTO_SMT_LEAF 0x80000000u

struct sotto_smt_leaf_at { struct sotto_id id; uint8_t value[32]; };
struct sotto_smt_fork {
    uint8_t hash[32];                             /* of the subtree as the parent sees it: at the depth below the parent's bit */
    sotto_smt_ref child[2];                       /* free: [0] = the next free one */
    uint8_t bit;                                  /* the depth at which the keys below part; all agree before it */
    bool stale;                                   /* hash is of an older set or of another depth */
};

#define SOTTO_SMT_PAGE 4096u                      /* places of a page: a page more costs less than a sixth of a MiB */
struct sotto_smt_pool { void **pages; uint32_t used, page_count; sotto_smt_ref free; };       /* used: places ever given out */
struct sotto_smt {
    struct sotto_smt_pool leaves, forks;
    uint32_t count, max, pages_max;
    sotto_smt_ref top;
};

static inline struct sotto_smt_leaf_at *sotto_smt_leaf_at(const struct sotto_smt *t, sotto_smt_ref ref)
{
    uint32_t at = (ref & ~SOTTO_SMT_LEAF) - 1;
    return (struct sotto_smt_leaf_at *)t->leaves.pages[at / SOTTO_SMT_PAGE] + at % SOTTO_SMT_PAGE;
}
static inline struct sotto_smt_fork *sotto_smt_fork_at(const struct sotto_smt *t, sotto_smt_ref ref)
{
    uint32_t at = ref - 1;
    return (struct sotto_smt_fork *)t->forks.pages[at / SOTTO_SMT_PAGE] + at % SOTTO_SMT_PAGE;
}
static inline bool sotto_smt_is_leaf(sotto_smt_ref ref) { return (ref & SOTTO_SMT_LEAF) != 0; }
static inline unsigned sotto_smt_bit(const struct sotto_id *id, unsigned depth) { return id->b[depth / 8] >> (7 - depth % 8) & 1; }

unsigned sotto_smt_parting(const struct sotto_id *a, const struct sotto_id *b);     /* the first bit that differs; SOTTO_SMT_DEPTH: none */
void sotto_smt_node(uint8_t out[32], const uint8_t left[32], const uint8_t right[32]);
const struct sotto_id *sotto_smt_any(const struct sotto_smt *t, sotto_smt_ref ref);         /* some key below a place that is not empty */
/* The hash of a place seen at depth: no deeper than its bit. seen: the depth for which it keeps its hash. */
void sotto_smt_seen(uint8_t out[32], const struct sotto_smt *t, sotto_smt_ref ref, unsigned depth, unsigned seen);

#endif
