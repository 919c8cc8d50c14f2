/* The state machine a second time, by ledger.md 2, 4, 5 and 11 (and, where that is open, as the first one reads it), slow on purpose: lists without order, looked through from the front; one
 * whole copy of the state for every block; every root made anew out of everything. Shares with the real one only codec, hashes and signatures. */
#ifndef SOTTO_LEDGER_TEST_STATE_MODEL_H
#define SOTTO_LEDGER_TEST_STATE_MODEL_H

#include "ledger/block.h"
#include "ledger/genesis.h"

enum { MODEL_COINS = 600, MODEL_RECORDS = 48, MODEL_REPLAYS = 256, MODEL_LIST = 32, MODEL_BLOCKS = 160, MODEL_CODES = 64, MODEL_SCRIPT = 64 };

struct model_coin { struct sotto_outpoint at; uint32_t height; bool coinbase; uint64_t value; uint8_t script[MODEL_SCRIPT]; size_t size; };
struct model_record {
    uint8_t id[20], status, owner[20], key[33], xkey[33], cert[32], recovery[32];
    uint64_t not_before, not_after, bond;
    uint32_t seq, made, changed;
    uint8_t refund[20], sig[65];
};
struct model_params {
    struct sotto_params plain;                    /* its lists are not used */
    struct sotto_validator validators[MODEL_LIST];
    struct sotto_grant grants[MODEL_LIST];
};
struct model_state {
    uint32_t height;
    uint8_t id[64];
    uint64_t time_ms;
    struct model_params params;
    struct model_coin coins[MODEL_COINS];
    struct model_record records[MODEL_RECORDS];
    struct { uint8_t txid[32]; uint32_t expiry; } replays[MODEL_REPLAYS];
    uint32_t coin_count, record_count, replay_count;
    bool set_changed;                             /* in this block */
    uint16_t codes[MODEL_CODES];
    uint32_t code_count;
    uint8_t results[32], registry[32], params_root[32], coins_digest[32], root[32];
};
struct state_model {
    uint8_t genesis[64], domain[32];
    struct model_state at[MODEL_BLOCKS];          /* [height] */
    uint32_t tip;
    uint32_t failed;                              /* the transaction for which the last block was refused */
};

void model_begin(struct state_model *m, const struct sotto_genesis *g);
/* SOTTO_OK: it is the tip now; else the first refusal, and nothing has changed. */
enum sotto_err model_block(struct state_model *m, const struct sotto_block *b);
void model_undo(struct state_model *m);
static inline const struct model_state *model_tip(const struct state_model *m) { return &m->at[m->tip]; }
uint64_t model_median_ms(const struct state_model *m, uint32_t height);
const struct model_coin *model_coin(const struct model_state *s, const struct sotto_outpoint *at);
const struct model_record *model_record(const struct model_state *s, const uint8_t id[20]);
bool model_replayed(const struct model_state *s, const uint8_t txid[32]);
size_t model_record_bytes(uint8_t out[300], const struct model_record *r);

#endif
