/* Scripts as the public files of Bitcoin write them, and the two transactions that their rows mean. Tests only. */
#ifndef SOTTO_LEDGER_TEST_BTC_WORDS_H
#define SOTTO_LEDGER_TEST_BTC_WORDS_H

#include "ledger/btc_script.h"

enum { BTC_SCRIPT_MAX = 20000, BTC_ITEMS_MAX = 64 };

/* Numbers, 0x and bytes as they are, 'text' as one push, names with or without OP_. False: none of these. */
bool btc_words(struct sotto_buf *out, const char *text);

/* A coin made by a transaction of its own, and the one that spends it: version 1, lock 0, every sequence final, one input, one output. */
struct btc_pair {
    struct sotto_btc_tx credit, spend;
    struct sotto_btc_in from, in;
    struct sotto_btc_out coin, out;
};
/* All spans stay with the caller. */
void btc_pair_make(struct btc_pair *pair, struct sotto_span unlock, struct sotto_span output, struct sotto_span *witness, uint32_t witness_count, uint64_t value);
struct sotto_btc_spend btc_pair_spend(const struct btc_pair *pair);

#endif
