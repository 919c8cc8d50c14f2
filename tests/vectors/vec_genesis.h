/* The params and allocations of a case, as fields: for the groups that start a chain. */
#ifndef SOTTO_TESTS_VEC_GENESIS_H
#define SOTTO_TESTS_VEC_GENESIS_H

#include "vec.h"

#include "ledger/genesis.h"

enum { VEC_GENESIS_LIST = 16 };
struct vec_genesis_lists {
    struct sotto_validator validators[VEC_GENESIS_LIST];
    struct sotto_grant grants[VEC_GENESIS_LIST];
    struct sotto_alloc allocs[VEC_GENESIS_LIST];
};
/* From "params" and "alloc" of the case; not sealed. The lists stay in l. */
void vec_genesis_of(struct vec *v, struct sotto_genesis *g, struct vec_genesis_lists *l);

#endif
