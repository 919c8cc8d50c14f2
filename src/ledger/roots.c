#include "ledger/roots.h"

#include "ledger/th.h"

enum { COIN_HEAD = 48 };                          /* bytes before the script's length */

static void coin_head(uint8_t out[COIN_HEAD], const struct sotto_coin *coin)
{
    SOTTO_ASSERT(coin->height < UINT32_C(1) << 31);
    memcpy(out, coin->at.txid, 32);
    sotto_put_le32(out + 32, coin->at.index);
    sotto_put_le32(out + 36, coin->height * 2 + coin->coinbase);
    sotto_put_le64(out + 40, coin->out.value.cong);
}

enum sotto_err sotto_coin_add(struct sotto_buf *out, const struct sotto_coin *coin)
{
    uint8_t head[COIN_HEAD];
    coin_head(head, coin);
    SOTTO_TRY(sotto_buf_reserve(out, sizeof head + sotto_var_size(coin->out.script.size)));       /* all of it or none */
    SOTTO_TRY(sotto_buf_add(out, head, sizeof head));
    return sotto_buf_add_var(out, coin->out.script);
}

enum sotto_err sotto_coin_take(struct sotto_coin *out, struct sotto_reader *r)
{
    struct sotto_reader at = *r;
    struct sotto_coin c = { 0 };
    uint32_t mark;
    uint64_t value;
    SOTTO_TRY(sotto_take_bytes(&at, c.at.txid, 32));
    SOTTO_TRY(sotto_take_u32(&at, &c.at.index));
    SOTTO_TRY(sotto_take_u32(&at, &mark));
    SOTTO_TRY(sotto_take_u64(&at, &value));
    SOTTO_TRY(sotto_amount_make(&c.out.value, value));
    SOTTO_TRY(sotto_take_var(&at, &c.out.script, SOTTO_SCRIPT_MAX));
    c.height = mark / 2;
    c.coinbase = mark % 2;
    *out = c;
    *r = at;
    return SOTTO_OK;
}

void sotto_results_root(uint8_t out[32], const uint16_t *codes, size_t count)
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_RESULTS);
    sotto_th_compact(&t, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t code[2];
        sotto_put_le16(code, codes[i]);
        sotto_th_update(&t, code, sizeof code);
    }
    sotto_th_final(&t, out);
}

void sotto_coins_begin(struct sotto_coins_digest *d)
{
    sotto_th_begin(&d->spent, SOTTO_TH_COINS_SPENT);
    sotto_th_begin(&d->made, SOTTO_TH_COINS_MADE);
}

void sotto_coins_spent(struct sotto_coins_digest *d, const struct sotto_outpoint *at)
{
    sotto_th_update(&d->spent, at->txid, 32);
    sotto_th_u32(&d->spent, at->index);
}

void sotto_coins_made(struct sotto_coins_digest *d, const struct sotto_coin *coin)
{
    uint8_t head[COIN_HEAD];
    coin_head(head, coin);
    sotto_th_update(&d->made, head, sizeof head);
    sotto_th_var(&d->made, coin->out.script);
}

void sotto_coins_end(struct sotto_coins_digest *d, uint8_t out[32], const uint8_t before[32], uint32_t height)
{
    struct sotto_th t;
    uint8_t spent[32], made[32];
    sotto_th_final(&d->spent, spent);
    sotto_th_final(&d->made, made);
    sotto_th_begin(&t, SOTTO_TH_COINS);
    sotto_th_update(&t, before, 32);
    sotto_th_u32(&t, height);
    sotto_th_update(&t, spent, sizeof spent);
    sotto_th_update(&t, made, sizeof made);
    sotto_th_final(&t, out);
}

void sotto_state_root(uint8_t out[32], const struct sotto_block_id *block, const struct sotto_state_parts *parts)
{
    SOTTO_TH_OF(out, SOTTO_TH_STATE, SOTTO_SPAN(block->b), SOTTO_SPAN(parts->results), SOTTO_SPAN(parts->registry), SOTTO_SPAN(parts->params),
                SOTTO_SPAN(parts->coins), SOTTO_SPAN(parts->snap));
}

void sotto_snap_leaf(uint8_t out[32], uint32_t index, struct sotto_span chunk)
{
    uint8_t place[4];
    sotto_put_le32(place, index);
    SOTTO_TH_OF(out, SOTTO_TH_SNAP_CHUNK, SOTTO_SPAN(place), chunk);
}
