#include "ledger/genesis.h"

#include "ledger/signed.h"
#include "ledger/target.h"
#include "ledger/th.h"

#include <stdlib.h>

enum { ALLOC_BYTES = 28 };

void sotto_genesis_free(struct sotto_genesis *g)
{
    sotto_params_free(&g->params);
    free(g->allocs);
    *g = (struct sotto_genesis){ 0 };
}

/* ---- rules ---- */

static bool target_good(uint32_t bits)
{
    struct sotto_target t;
    return sotto_target_of(&t, bits) == SOTTO_OK;
}

/* All that a pow chain will ever hold: coins given at the start and every reward. */
static bool mined_good(const struct sotto_params *p)
{
    unsigned __int128 sum = p->issued.cong;
    if (p->reward.cong > 0 && p->halving == 0) return false;
    for (unsigned i = 0; i < 64; i++) sum += (unsigned __int128)p->halving * (p->reward.cong >> i);
    return sum <= SOTTO_MONEY_MAX;
}

static bool engine_good(const struct sotto_params *p)
{
    if (p->engine == SOTTO_ENGINE_PBFT && p->mode != SOTTO_MODE_OPEN && p->validator_count == 0) return false;
    if (p->engine != SOTTO_ENGINE_POW) return p->reward.cong == 0 && p->bits == 0 && p->bits_limit == 0;
    if (!target_good(p->bits) || !mined_good(p)) return false;
    if (p->retarget == SOTTO_RETARGET_FIXED) return true;
    /* The rule divides by the one, and gives no target that is not above 0. */
    return p->halflife_ms > 0 && target_good(p->bits_limit) && p->bits_limit != SOTTO_BITS_ZEROS + 128;
}

static bool rules_hold(const struct sotto_params *p)
{
    bool contract = !sotto_all_zero(p->eip712_contract, sizeof p->eip712_contract);
    return engine_good(p) && !(contract && p->bond.cong > 0);
}

static enum sotto_err sum_of(struct sotto_amount *sum, const struct sotto_alloc *allocs, uint32_t count)
{
    *sum = (struct sotto_amount){ 0 };
    for (uint32_t i = 0; i < count; i++)
        if (sotto_amount_add(sum, *sum, allocs[i].amount) != SOTTO_OK) return SOTTO_D_GENESIS;
    return SOTTO_OK;
}

/* ---- bytes ---- */

enum sotto_err sotto_allocs_encode(struct sotto_buf *out, const struct sotto_alloc *allocs, uint32_t count)
{
    SOTTO_ASSERT(count <= SOTTO_ALLOC_MAX);
    SOTTO_TRY(sotto_buf_add_compact(out, count));
    for (uint32_t i = 0; i < count; i++) {
        SOTTO_TRY(sotto_buf_add(out, allocs[i].to.b, 20));
        SOTTO_TRY(sotto_buf_add_le64(out, allocs[i].amount.cong));
    }
    return SOTTO_OK;
}

static enum sotto_err take_allocs(struct sotto_genesis *g, struct sotto_span bytes)
{
    struct sotto_reader r = sotto_reader(bytes);
    struct sotto_span list;
    uint32_t count;
    SOTTO_TRY(sotto_take_count(&r, &count, SOTTO_ALLOC_MAX));
    SOTTO_TRY(sotto_take_span(&r, &list, (size_t)count * ALLOC_BYTES));
    SOTTO_TRY(sotto_take_end(&r));
    if (count == 0) return SOTTO_OK;
    g->allocs = malloc(count * sizeof *g->allocs);
    if (!g->allocs) return SOTTO_ERR_NOMEM;
    g->alloc_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *b = list.data + (size_t)i * ALLOC_BYTES;
        memcpy(g->allocs[i].to.b, b, 20);
        if (sotto_amount_make(&g->allocs[i].amount, sotto_le64(b + 20)) != SOTTO_OK) return SOTTO_D_GENESIS;
    }
    return SOTTO_OK;
}

static struct sotto_header header_of(const struct sotto_params *p, struct sotto_span params, struct sotto_span allocs)
{
    struct sotto_header h = { .version = 1, .time_ms = p->time_ms, .bits = p->bits, .flags = p->engine };
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_GENESIS);
    sotto_th_var(&t, params);
    sotto_th_update(&t, allocs.data, allocs.size);
    sotto_th_final(&t, h.tx_root);
    return h;
}

enum sotto_err sotto_genesis_seal(struct sotto_genesis *g)
{
    struct sotto_params p = g->params;                    /* shares the lists */
    if (g->alloc_count > SOTTO_ALLOC_MAX) return SOTTO_D_GENESIS;
    SOTTO_TRY(sum_of(&p.issued, g->allocs, g->alloc_count));
    SOTTO_TRY(sotto_params_check(&p));
    if (!rules_hold(&p)) return SOTTO_D_GENESIS;
    struct sotto_buf params = sotto_buf_make(SOTTO_PARAMS_MAX), allocs = sotto_buf_make(SOTTO_ALLOC_BYTES_MAX);
    enum sotto_err err = sotto_params_encode(&params, &p);
    if (err == SOTTO_OK) err = sotto_allocs_encode(&allocs, g->allocs, g->alloc_count);
    if (err == SOTTO_OK) {
        g->params = p;
        g->header = header_of(&p, sotto_buf_span(&params), sotto_buf_span(&allocs));
        sotto_header_id(&g->id, &g->header);
    }
    sotto_buf_free(&params);
    sotto_buf_free(&allocs);
    return err;
}

static enum sotto_err decode(struct sotto_genesis *g, struct sotto_span header, struct sotto_span params, struct sotto_span allocs)
{
    uint8_t expected[SOTTO_HEADER_SIZE];
    struct sotto_amount issued;
    SOTTO_TRY(sotto_header_take(&g->header, header));
    SOTTO_TRY(sotto_params_decode(&g->params, params));
    SOTTO_TRY(take_allocs(g, allocs));
    issued = g->params.issued;
    SOTTO_TRY(sotto_genesis_seal(g));
    if (issued.cong != g->params.issued.cong) return SOTTO_D_GENESIS;
    sotto_header_put(expected, &g->header);
    return memcmp(expected, header.data, sizeof expected) == 0 ? SOTTO_OK : SOTTO_B_ROOT;
}

enum sotto_err sotto_genesis_decode(struct sotto_genesis *out, struct sotto_span header, struct sotto_span params, struct sotto_span allocs)
{
    struct sotto_genesis g = { 0 };
    enum sotto_err err = decode(&g, header, params, allocs);
    if (err == SOTTO_OK) *out = g;
    else sotto_genesis_free(&g);
    return err;
}

/* ---- what follows from it ---- */

void sotto_alloc_txid(uint8_t out[32], const struct sotto_block_id *genesis) { SOTTO_TH_OF(out, SOTTO_TH_ALLOC, SOTTO_SPAN(genesis->b)); }

void sotto_chain_domain(uint8_t out[32], const struct sotto_params *p, const struct sotto_block_id *genesis)
{
    uint8_t contract[20];
    if (!sotto_all_zero(p->eip712_contract, sizeof p->eip712_contract)) {
        sotto_registry_domain(out, p->eip712_chain, p->eip712_contract);
        return;
    }
    sotto_registry_contract(contract, genesis->b);
    sotto_registry_domain(out, p->chain_num, contract);
}

void sotto_p2pkh(uint8_t script[SOTTO_P2PKH_SIZE], const struct sotto_h160 *to)
{
    static const uint8_t before[3] = { 0x76, 0xa9, 20 }, after[2] = { 0x88, 0xac };      /* DUP HASH160 <20> EQUALVERIFY CHECKSIG */
    memcpy(script, before, sizeof before);
    memcpy(script + 3, to->b, 20);
    memcpy(script + 23, after, sizeof after);
}

struct sotto_coin sotto_alloc_coin(uint8_t script[SOTTO_P2PKH_SIZE], const struct sotto_genesis *g, uint32_t index)
{
    struct sotto_coin c = { .at.index = index, .out = { g->allocs[index].amount, sotto_span(script, SOTTO_P2PKH_SIZE) } };
    sotto_alloc_txid(c.at.txid, &g->id);
    sotto_p2pkh(script, &g->allocs[index].to);
    return c;
}

enum sotto_err sotto_genesis_state(const struct sotto_genesis *g, struct sotto_state_parts *parts, uint8_t state_root[32])
{
    struct sotto_state_parts p = { 0 };                   /* no identity, no snapshot */
    struct sotto_buf params = sotto_buf_make(SOTTO_PARAMS_MAX);
    struct sotto_coins_digest coins;
    enum sotto_err err = sotto_params_encode(&params, &g->params);
    sotto_params_root(p.params, sotto_buf_span(&params));
    sotto_buf_free(&params);
    if (err != SOTTO_OK) return err;
    sotto_results_root(p.results, NULL, 0);
    sotto_coins_begin(&coins);
    for (uint32_t i = 0; i < g->alloc_count; i++) {
        uint8_t script[SOTTO_P2PKH_SIZE];
        struct sotto_coin c = sotto_alloc_coin(script, g, i);
        sotto_coins_made(&coins, &c);
    }
    sotto_coins_end(&coins, p.coins, p.snap, 0);          /* before block 0: zero */
    sotto_state_root(state_root, &g->id, &p);
    *parts = p;
    return SOTTO_OK;
}

enum sotto_pay_net sotto_chain_pay_net(const struct sotto_params *p)
{
    return p->name.size >= 4 && memcmp(p->name.text, "test", 4) == 0 ? SOTTO_PAY_TEST : SOTTO_PAY_MAIN;
}
