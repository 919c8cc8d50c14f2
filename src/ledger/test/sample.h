/* Small transactions and blocks of them, for tests: digests, as an identity or nobody puts them on the chain. */
#ifndef SOTTO_LEDGER_TEST_SAMPLE_H
#define SOTTO_LEDGER_TEST_SAMPLE_H

#include "crypto/rng.h"
#include "ledger/block.h"
#include "ledger/op.h"

/* Appends a transaction without inputs that holds count random digests; more: so many random operations of kind SEALED beside it. */
void sample_tx(struct sotto_buf *out, struct sotto_rng *rng, uint32_t count, uint32_t more);
/* Appends a whole block of count such transactions under one random parent. */
#define SAMPLE_BLOCK_MAX (1u << 20)
void sample_block(struct sotto_buf *out, struct sotto_rng *rng, uint32_t count, struct sotto_span engine);

#endif
