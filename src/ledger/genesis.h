/* Block 0: what a chain starts from, and the names that follow from it (ledger.md 5.2).
 *
 *     header 0    tx_root = TH("sotto/genesis", var(params bytes) || alloc bytes), all other roots zero
 *     genesis id  SHA-512(header 0): two programs agree on a chain exactly if they agree on it
 *     network id  its first 32 bytes
 *     alloc bytes cs(n) || n x (hash 20, amount u64)
 *
 * A genesis owns its lists: sotto_genesis_free. Threads: plain values. */
#ifndef SOTTO_LEDGER_GENESIS_H
#define SOTTO_LEDGER_GENESIS_H

#include "ledger/address.h"
#include "ledger/params.h"
#include "ledger/roots.h"

#define SOTTO_ALLOC_MAX 50000u                    /* 1.4 MB: with the longest params still one message between nodes */
#define SOTTO_ALLOC_BYTES_MAX (3u + 28 * SOTTO_ALLOC_MAX)
#define SOTTO_NETWORK_ID 32u

struct sotto_alloc { struct sotto_h160 to; struct sotto_amount amount; };
struct sotto_genesis {
    struct sotto_params params;
    struct sotto_alloc *allocs;
    uint32_t alloc_count;
    struct sotto_header header;
    struct sotto_block_id id;
};
void sotto_genesis_free(struct sotto_genesis *g);

/* Checks params and allocs, sets params.issued to their sum, header and id. The lists stay where they are. D_GENESIS, ERR_NOMEM; g is then unchanged. */
SOTTO_MUST_USE enum sotto_err sotto_genesis_seal(struct sotto_genesis *g);

/* As it comes from a stranger: header 0, params bytes, alloc bytes. E_ errors of the bytes, D_GENESIS for what no chain may start from, B_ROOT
 * when the header is not the one that follows from the others; ERR_NOMEM. Whose id it is the caller compares. */
SOTTO_MUST_USE enum sotto_err sotto_genesis_decode(struct sotto_genesis *out, struct sotto_span header, struct sotto_span params, struct sotto_span allocs);
/* Appends the alloc bytes. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_allocs_encode(struct sotto_buf *out, const struct sotto_alloc *allocs, uint32_t count);

/* What follows from the id. */
static inline struct sotto_span sotto_network_id(const struct sotto_block_id *genesis) { return sotto_span(genesis->b, SOTTO_NETWORK_ID); }
void sotto_alloc_txid(uint8_t out[32], const struct sotto_block_id *genesis);        /* of the coins that it gives: index = place in the list */
/* The domain of what identities sign here: of a contract on another chain if the params name one (ledger/signed.h). */
void sotto_chain_domain(uint8_t out[32], const struct sotto_params *p, const struct sotto_block_id *genesis);

/* The coins of the list, after block 0: allocated[i] spends to a pay address. script: 25 bytes, borrowed by the coin. */
#define SOTTO_P2PKH_SIZE 25u
void sotto_p2pkh(uint8_t script[SOTTO_P2PKH_SIZE], const struct sotto_h160 *to);
struct sotto_coin sotto_alloc_coin(uint8_t script[SOTTO_P2PKH_SIZE], const struct sotto_genesis *g, uint32_t index);
/* The parts of the state after block 0, and its root. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_genesis_state(const struct sotto_genesis *g, struct sotto_state_parts *parts, uint8_t state_root[32]);

/* The genesis file: a JSON object, all members there, no other ones. D_GENESIS for every fault of the text. The text is at most so long. */
#define SOTTO_GENESIS_JSON_MAX (16u << 20)        /* bytes */
SOTTO_MUST_USE enum sotto_err sotto_genesis_read(struct sotto_genesis *out, struct sotto_span json);
/* Appends such a text: read again it gives the same id. ERR_RANGE for what the text cannot
 * say: numbers above 2^63 - 1, votes before the start; ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_genesis_write(struct sotto_buf *out, const struct sotto_genesis *g);
/* "test..." chains pay to addresses that begin with s. */
enum sotto_pay_net sotto_chain_pay_net(const struct sotto_params *p);

#endif
