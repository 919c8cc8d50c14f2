/* A small chain for tests: people with keys and coins, their transactions, blocks with the roots they must have. Nothing is mined: the state
 * machine does not look at work, times or seals. */
#ifndef SOTTO_LEDGER_TEST_CHAIN_KIT_H
#define SOTTO_LEDGER_TEST_CHAIN_KIT_H

#include "crypto/rng.h"
#include "ledger/ram.h"
#include "ledger/op.h"

enum { KIT_PEOPLE = 6, KIT_COINS = 40, KIT_VALIDATORS = 4, KIT_TXS = 64 };
#define KIT_COIN (10 * SOTTO_COIN)                /* of each allocation */
#define KIT_START_MS UINT64_C(1790000000000)

struct kit_key { struct sotto_scalar secret; struct sotto_point pub; struct sotto_id id; struct sotto_h160 hash; };
struct kit {
    struct sotto_chacha_rng rng;
    struct kit_key people[KIT_PEOPLE];            /* coin i is of person i % KIT_PEOPLE */
    struct sotto_scalar validators[KIT_VALIDATORS];
    struct sotto_genesis g;
    struct sotto_validator list[KIT_VALIDATORS];
    struct sotto_grant grants[2];
    struct sotto_alloc allocs[KIT_COINS];
    struct sotto_ram *ram;
    struct sotto_script *machine;
    struct sotto_buf bytes[KIT_TXS];              /* of the transactions made so far */
    struct sotto_block_tx txs[KIT_TXS];
    uint8_t *lists[KIT_TXS];
    unsigned tx_count;
};

/* The genesis, to be changed before kit_start: fees 1, a bond of 5 coins, stamps off, all posts allowed. */
void kit_make(struct kit *k, uint64_t seed, enum sotto_engine engine, enum sotto_chain_mode mode);
void kit_start(struct kit *k);
void kit_stop(struct kit *k);
struct kit_key kit_key(struct kit *k);
struct sotto_outpoint kit_coin(const struct kit *k, unsigned i);      /* allocation i */

/* A transaction to come: inputs are paid to people and signed by them. */
struct kit_tx {
    struct { struct sotto_outpoint at; const struct kit_key *by; } ins[8];
    struct { struct sotto_h160 to; uint64_t cong; } outs[8];
    struct sotto_op ops[4];
    unsigned in_count, out_count, op_count;
    uint32_t expiry;
    bool odd;                                     /* the first output is of no template: anybody may spend it */
    const struct kit_key *authority;              /* of the identity as; NULL: none */
    struct sotto_id as;
};
/* Made and decoded; stays until kit_clear. */
size_t kit_der(uint8_t out[73], const uint8_t rs[64]);      /* r and s as scripts have them, with the type ALL behind; the bytes of it */
const struct sotto_block_tx *kit_tx(struct kit *k, const struct kit_tx *t);
void kit_clear(struct kit *k);
/* Person by pays the coin at to another, and all but rest and the others as a fee. */
const struct sotto_block_tx *kit_pay(struct kit *k, struct sotto_outpoint at, const struct kit_key *by, struct sotto_h160 to, uint64_t cong);

/* Signed registration of a key, good now; its xkey is some other point. */
struct sotto_op kit_register(struct kit *k, const struct kit_key *who);
struct sotto_op kit_revoke(struct kit *k, const struct kit_key *who, uint32_t seq);
/* A vote of the first count validators. */
struct sotto_op kit_vote(struct kit *k, uint8_t action, struct sotto_span body, unsigned count);

/* The next block out of these; under pow with a coinbase of reward, to person 0. Finalize alone, or commit as well. codes: of the transactions
 * given; NULL: not asked. */
enum sotto_err kit_block(struct kit *k, const struct sotto_block_tx *const *txs, unsigned count, uint64_t reward, bool commit, uint16_t *codes);
uint64_t kit_now_s(const struct kit *k);

#endif
