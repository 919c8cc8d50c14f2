#include "ledger/stamp.h"

#include "base/plant.h"
#include "ledger/codec.h"
#include "ledger/th.h"

enum { HASH_BITS = 256, COST_STEP = 1000 };

unsigned sotto_stamp_need(uint8_t base, uint64_t cost)
{
    uint64_t steps = cost / COST_STEP;
    return base + (steps ? 63u - (unsigned)__builtin_clzll(steps) : 0u);
}

static void begin(struct sotto_th *t, const uint8_t txid[32], const uint8_t block_id[64])
{
    sotto_th_begin(t, SOTTO_TH_STAMP);
    sotto_th_update(t, txid, 32);
    if (!SOTTO_PLANTED(LEDGER_STAMP_IN_STORE)) sotto_th_update(t, block_id, 64);
}

static void finish(struct sotto_th t, uint8_t out[32], uint64_t nonce)
{
    sotto_th_u64(&t, nonce);
    sotto_th_final(&t, out);
}

void sotto_stamp_digest(uint8_t out[32], const uint8_t txid[32], const uint8_t block_id[64], uint64_t nonce)
{
    struct sotto_th t;
    begin(&t, txid, block_id);
    finish(t, out, nonce);
}

unsigned sotto_stamp_bits(const uint8_t digest[32])
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = sotto_be64(digest + 8 * i);
        if (word) return 64 * i + (unsigned)__builtin_clzll(word);
    }
    return HASH_BITS;
}

bool sotto_stamp_near(uint32_t ref_height, uint32_t height) { return ref_height < height && height - ref_height <= SOTTO_STAMP_BEHIND; }

enum sotto_err sotto_stamp_check(const struct sotto_tx *tx, const uint8_t txid[32], const uint8_t *block_id, uint32_t height, unsigned need)
{
    uint8_t digest[32];
    if (!tx->has_stamp || !block_id || !sotto_stamp_near(tx->stamp.ref_height, height)) return SOTTO_T_STAMP;
    sotto_stamp_digest(digest, txid, block_id, tx->stamp.nonce);
    return sotto_stamp_bits(digest) >= need ? SOTTO_OK : SOTTO_T_STAMP;
}

void sotto_stamp_begin(struct sotto_stamp_search *s, const uint8_t txid[32], const uint8_t block_id[64], uint64_t first, unsigned need)
{
    begin(&s->before, txid, block_id);
    s->next = first;
    s->need = need;
}

enum sotto_err sotto_stamp_step(struct sotto_stamp_search *s, uint64_t *nonce, uint32_t tries)
{
    uint8_t digest[32];
    if (s->need > HASH_BITS) return SOTTO_ERR_RANGE;
    for (; tries > 0; tries--) {
        finish(s->before, digest, s->next);
        if (sotto_stamp_bits(digest) >= s->need) {
            *nonce = s->next;
            return SOTTO_OK;
        }
        if (s->next == UINT64_MAX) return SOTTO_ERR_RANGE;
        s->next++;
    }
    return SOTTO_ERR_AGAIN;
}
