#include "state_model_impl.h"

#include "ledger/codec.h"
#include "ledger/errors.h"
#include "ledger/sighash.h"
#include "ledger/signed.h"

enum { P2PKH_UNITS = 48 };

/* ---- bytes ---- */

struct bytes { uint8_t b[MODEL_COINS * (77 + MODEL_SCRIPT)]; size_t n; };
static struct bytes work, other;
static void put(struct bytes *o, const void *data, size_t size)
{
    SOTTO_ASSERT(size <= sizeof o->b - o->n);
    memcpy(o->b + o->n, data, size);
    o->n += size;
}
static void number(struct bytes *o, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++) put(o, &(uint8_t){ (uint8_t)(v >> 8 * i) }, 1);
}
static void count(struct bytes *o, uint32_t n)
{
    if (n >= 0xfd) number(o, 0xfd, 1);
    number(o, n, n >= 0xfd ? 2 : 1);
}
static struct sotto_span all(const struct bytes *o) { return sotto_span(o->b, o->n); }

static void coin_bytes(struct bytes *o, const struct model_coin *c)
{
    put(o, c->at.txid, 32);
    number(o, c->at.index, 4);
    number(o, (uint64_t)c->height * 2 + c->coinbase, 4);
    number(o, c->value, 8);
    count(o, (uint32_t)c->size);
    put(o, c->script, c->size);
}

size_t model_record_bytes(uint8_t out[300], const struct model_record *r)
{
    work.n = 0;
    number(&work, 1, 1);
    put(&work, r->id, 20);
    number(&work, r->status, 1);
    put(&work, r->owner, 20);
    put(&work, r->key, 33);
    put(&work, r->xkey, 33);
    put(&work, r->cert, 32);
    put(&work, r->recovery, 32);
    number(&work, r->not_before, 8);
    number(&work, r->not_after, 8);
    number(&work, r->seq, 4);
    number(&work, r->made, 4);
    number(&work, r->changed, 4);
    number(&work, r->bond, 8);
    put(&work, r->refund, 20);
    put(&work, r->sig, 65);
    memcpy(out, work.b, work.n);
    return work.n;
}

static void params_bytes(struct bytes *o, const struct model_params *m)
{
    const struct sotto_params *p = &m->plain;
    o->n = 0;
    number(o, 1, 1);
    count(o, p->name.size);
    put(o, p->name.text, p->name.size);
    number(o, p->chain_num, 8);
    number(o, p->engine, 1);
    number(o, p->mode, 1);
    number(o, p->time_ms, 8);
    number(o, p->bits, 4);
    number(o, p->bits_limit, 4);
    number(o, p->retarget, 1);
    number(o, p->spacing_ms, 4);
    number(o, p->halflife_ms, 8);
    number(o, p->reward.cong, 8);
    number(o, p->halving, 4);
    number(o, p->max_block_bytes, 4);
    number(o, p->max_block_units, 4);
    number(o, p->fee_rate, 8);
    number(o, p->stamp_bits, 1);
    number(o, p->bond.cong, 8);
    number(o, p->reorg_limit, 4);
    number(o, p->snapshot_every, 4);
    number(o, p->flags, 1);
    number(o, p->eip712_chain, 8);
    put(o, p->eip712_contract, 20);
    number(o, p->gov_seq, 4);
    number(o, p->upgrade_height, 4);
    number(o, p->issued.cong, 8);
    count(o, p->validator_count);
    for (uint32_t i = 0; i < p->validator_count; i++) {
        put(o, m->validators[i].id.b, 20);
        put(o, m->validators[i].key, 32);
    }
    count(o, p->grant_count);
    const struct sotto_grant *last = NULL;
    for (uint32_t i = 0; i < p->grant_count; i++) {       /* they stand in any order here: the next greater one */
        const struct sotto_grant *next = NULL;
        for (uint32_t j = 0; j < p->grant_count; j++) {
            const struct sotto_grant *g = &m->grants[j];
            if (last && memcmp(g->id.b, last->id.b, 20) <= 0) continue;
            if (!next || memcmp(g->id.b, next->id.b, 20) < 0) next = g;
        }
        put(o, next->id.b, 20);
        number(o, next->perms, 2);
        last = next;
    }
}

/* ---- roots ---- */

static bool bit(const uint8_t id[20], unsigned i) { return id[i / 8] >> (7 - i % 8) & 1; }

static void subtree(uint8_t out[32], const struct model_record *const *r, unsigned n, unsigned depth)
{
    const struct model_record *side[2][MODEL_RECORDS];
    unsigned size[2] = { 0, 0 };
    uint8_t hash[2][32], bytes[300];
    memset(out, 0, 32);
    if (n == 0) return;
    if (n == 1) {
        size_t length = model_record_bytes(bytes, r[0]);
        SOTTO_TH(hash[0], "sotto/smt/value", sotto_span(bytes, length));
        SOTTO_TH(out, "sotto/smt/leaf", SOTTO_SPAN(r[0]->id), SOTTO_SPAN(hash[0]));
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        bool right = bit(r[i]->id, depth);
        side[right][size[right]++] = r[i];
    }
    for (unsigned i = 0; i < 2; i++) subtree(hash[i], side[i], size[i], depth + 1);
    SOTTO_TH(out, "sotto/smt/node", SOTTO_SPAN(hash[0]), SOTTO_SPAN(hash[1]));
}

/* What the block spent and made, in its order. */
static struct { struct bytes spent, made; } moved;

static void make_roots(struct model_state *s, const uint8_t coins_before[32])
{
    static const uint8_t snap[32];
    const struct model_record *list[MODEL_RECORDS];
    uint8_t height[4], spent[32], made[32];
    work.n = 0;
    count(&work, s->code_count);
    for (uint32_t i = 0; i < s->code_count; i++) number(&work, s->codes[i], 2);
    SOTTO_TH(s->results, "sotto/results", all(&work));
    for (uint32_t i = 0; i < s->record_count; i++) list[i] = &s->records[i];
    subtree(s->registry, list, s->record_count, 0);
    params_bytes(&other, &s->params);
    SOTTO_TH(s->params_root, "sotto/params", all(&other));
    SOTTO_TH(spent, "sotto/coins/spent", all(&moved.spent));
    SOTTO_TH(made, "sotto/coins/made", all(&moved.made));
    sotto_put_le32(height, s->height);
    SOTTO_TH(s->coins_digest, "sotto/coins", sotto_span(coins_before, 32), SOTTO_SPAN(height), SOTTO_SPAN(spent), SOTTO_SPAN(made));
    SOTTO_TH(s->root, "sotto/state/1", SOTTO_SPAN(s->id), SOTTO_SPAN(s->results), SOTTO_SPAN(s->registry), SOTTO_SPAN(s->params_root),
             SOTTO_SPAN(s->coins_digest), SOTTO_SPAN(snap));
}

/* ---- looking ---- */

const struct model_coin *model_coin(const struct model_state *s, const struct sotto_outpoint *at)
{
    for (uint32_t i = 0; i < s->coin_count; i++)
        if (s->coins[i].at.index == at->index && memcmp(s->coins[i].at.txid, at->txid, 32) == 0) return &s->coins[i];
    return NULL;
}

const struct model_record *model_record(const struct model_state *s, const uint8_t id[20])
{
    for (uint32_t i = 0; i < s->record_count; i++)
        if (memcmp(s->records[i].id, id, 20) == 0) return &s->records[i];
    return NULL;
}

bool model_replayed(const struct model_state *s, const uint8_t txid[32])
{
    for (uint32_t i = 0; i < s->replay_count; i++)
        if (memcmp(s->replays[i].txid, txid, 32) == 0) return true;
    return false;
}

uint64_t model_median_ms(const struct state_model *m, uint32_t height)
{
    uint64_t times[11] = { 0 };
    unsigned n = 0;
    for (uint32_t h = height + 1; h-- > 0 && n < 11;) {
        unsigned at = n++;
        for (; at > 0 && times[at - 1] > m->at[h].time_ms; at--) times[at] = times[at - 1];
        times[at] = m->at[h].time_ms;
    }
    return times[n / 2];
}

/* ---- the block at work ---- */

static struct job job, saved;

static void add_coin(struct job *j, struct model_coin c)
{
    SOTTO_ASSERT(j->now.coin_count < MODEL_COINS);
    c.height = j->height;
    j->now.coins[j->now.coin_count++] = c;
    coin_bytes(&moved.made, &c);
}

static bool is_p2pkh(const uint8_t *s, size_t size)
{
    return size == 25 && memcmp(s, "\x76\xa9\x14", 3) == 0 && memcmp(s + 23, "\x88\xac", 2) == 0;
}

static bool valid_now(const struct job *j, const struct model_record *r)
{
    return r && r->status == 1 && r->not_before <= j->now_s && j->now_s < r->not_after;
}

/* ---- a transaction ---- */

/* Which permissions a grant must give, as the table of 5.3 has it. */
static uint32_t wanted(const struct job *j, const struct sotto_tx *tx)
{
    uint32_t bits = tx->in_count ? 2 : 0;
    uint8_t mode = j->now.params.plain.mode;
    for (uint32_t i = 0; i < tx->out_count; i++)
        if (!is_p2pkh(tx->outs[i].script.data, tx->outs[i].script.size) && !sotto_is_data(tx->outs[i].script)) bits |= 64;
    for (uint32_t i = 0; i < tx->op_count; i++) {
        uint8_t type = tx->ops[i].type;
        if (type == 0x01) bits |= 4;
        if (type == 0x12 || type == 0x13 || type == 0x06) bits |= 8;
        if (type == 0x11) bits |= 16;
        if (type == 0x10) bits |= 32;
        if (type == 0x20) bits |= 512;
    }
    if (mode == SOTTO_MODE_OPEN) return bits & 512;
    if (mode == SOTTO_MODE_CONSORTIUM) return bits & 64;
    return mode == SOTTO_MODE_PRIVATE ? bits & ~512u : bits;
}

static enum sotto_err permitted(const struct job *j, const struct sotto_block_tx *t)
{
    uint32_t bits = wanted(j, &t->tx), has = 0;
    uint8_t digest[32];
    if (bits == 0) return SOTTO_OK;
    NEED(j->now.params.plain.mode != SOTTO_MODE_OPEN && t->tx.has_authority, SOTTO_G_DENIED);
    const struct sotto_id *id = &t->tx.authority.id;
    for (uint32_t i = 0; i < j->now.params.plain.grant_count; i++)
        if (memcmp(j->now.params.grants[i].id.b, id->b, 20) == 0) has = j->now.params.grants[i].perms;
    NEED((has & bits) == bits && valid_now(j, model_record(&j->now, id->b)), SOTTO_G_DENIED);
    sotto_signed_authorize(digest, j->m->domain, id, t->txid);
    NEED(model_signed_now(j, id, &t->tx.authority.sig, digest) == SOTTO_OK, SOTTO_G_DENIED);
    return SOTTO_OK;
}

/* size: of a cost so far. */
static enum sotto_err paid(const struct job *j, const struct sotto_block_tx *t, uint64_t rate, uint64_t fee, uint64_t cost)
{
    uint8_t nonce[8], digest[32];
    if (!t->tx.has_stamp) return fee >= rate * cost ? SOTTO_OK : SOTTO_T_FEE;
    const struct sotto_params *p = &j->now.params.plain;
    uint32_t ref = t->tx.stamp.ref_height;
    NEED((p->flags & 2) && ref < j->height && j->height - ref <= 100, SOTTO_T_STAMP);
    unsigned need = p->stamp_bits;
    for (uint64_t k = cost / 1000; k > 1; k /= 2) need++;
    for (unsigned i = 0; i < 8; i++) nonce[i] = (uint8_t)(t->tx.stamp.nonce >> 8 * i);
    SOTTO_TH(digest, "sotto/stamp/1", SOTTO_SPAN(t->txid), SOTTO_SPAN(j->m->at[ref].id), SOTTO_SPAN(nonce));
    for (unsigned i = 0; i < need; i++) NEED(i < 256 && !(digest[i / 8] >> (7 - i % 8) & 1), SOTTO_T_STAMP);
    return SOTTO_OK;
}

static bool from_der(uint8_t rs[64], struct sotto_span sig)
{
    size_t at = 2;
    memset(rs, 0, 64);
    for (unsigned half = 0; half < 2; half++) {
        if (at + 2 > sig.size) return false;
        size_t n = sig.data[at + 1];
        const uint8_t *from = sig.data + at + 2;
        if (at + 2 + n > sig.size) return false;
        at += 2 + n;
        for (; n > 32; n--) from++;
        memcpy(rs + 32 * half + 32 - n, from, n);
    }
    return true;
}

/* The kinds of scripts that the test pays to: p2pkh, and one word that pushes 1 or nothing. */
static enum sotto_err unlocks(const struct sotto_sighash *s, uint32_t index, const struct model_coin *c, uint64_t *units)
{
    struct sotto_span u = s->tx->ins[index].unlock;
    struct sotto_point key;
    uint8_t digest[32], rs[64];
    if (c->size == 1) {
        *units = 1;
        SOTTO_ASSERT(u.size == 0);
        return c->script[0] == 0x51 ? SOTTO_OK : SOTTO_S_FALSE;
    }
    SOTTO_ASSERT(is_p2pkh(c->script, c->size));
    *units = P2PKH_UNITS;
    if (u.size == 0) return SOTTO_S_STACK;
    size_t n = u.data[0];
    SOTTO_ASSERT(u.size == 1 + n + 34);
    memcpy(key.b, u.data + n + 2, 33);
    struct sotto_h160 hash;
    sotto_h160_of(&hash, &key);
    NEED(memcmp(hash.b, c->script + 3, 20) == 0, SOTTO_S_ADDRESS);
    SOTTO_TRY(sotto_sighash_digest(s, digest, index, u.data[n]));
    SOTTO_ASSERT(from_der(rs, sotto_span(u.data + 1, n - 1)));
    return sotto_verify(rs, &key, digest) == SOTTO_OK ? SOTTO_OK : SOTTO_S_SIGNATURE;
}

static enum sotto_err scripts(const struct job *j, const struct sotto_tx *tx, const struct model_coin *coins, uint64_t *units)
{
    struct sotto_tx_out spent[16];
    struct sotto_sighash s;
    for (uint32_t i = 0; i < tx->in_count; i++) spent[i] = (struct sotto_tx_out){ { coins[i].value }, sotto_span(coins[i].script, coins[i].size) };
    sotto_sighash_init(&s, j->m->genesis, tx, spent);
    *units = 0;
    for (uint32_t i = 0; i < tx->in_count; i++) {
        uint64_t more = 0;
        SOTTO_TRY(unlocks(&s, i, &coins[i], &more));
        *units += more;
    }
    return SOTTO_OK;
}

static enum sotto_err in_time(const struct job *j, const struct sotto_block_tx *t)
{
    const struct sotto_tx *tx = &t->tx;
    bool open = false;
    for (uint32_t i = 0; i < tx->in_count; i++) open |= tx->ins[i].sequence != 0xffffffff;
    if (open) NEED(tx->lock <= (tx->lock < 500000000 ? j->height : j->now_s), SOTTO_T_LOCKED);
    NEED(tx->expiry == 0 || j->height <= tx->expiry, SOTTO_T_EXPIRED);
    if (tx->in_count > 0) return SOTTO_OK;
    NEED(tx->expiry != 0 && tx->expiry <= j->height + 1440, SOTTO_T_NO_EXPIRY);
    return model_replayed(&j->now, t->txid) ? SOTTO_T_REPLAY : SOTTO_OK;
}

static enum sotto_err ripe(const struct job *j, const struct sotto_tx *tx, const struct model_coin *coins)
{
    for (uint32_t i = 0; i < tx->in_count; i++) {
        const struct model_coin *c = &coins[i];
        uint32_t s = tx->ins[i].sequence, v = s & 0xffff;
        NEED(!c->coinbase || j->height - c->height >= 100, SOTTO_T_IMMATURE);
        if (s >> 31) continue;
        if (!(s >> 22 & 1)) NEED(j->height >= c->height + v, SOTTO_T_LOCKED);
        else NEED(j->now_s >= model_median_ms(j->m, c->height ? c->height - 1 : 0) / 1000 + (uint64_t)v * 512, SOTTO_T_LOCKED);
    }
    return SOTTO_OK;
}

static enum sotto_err run(struct job *j, const struct sotto_block_tx *t, uint64_t *fee)
{
    const struct sotto_tx *tx = &t->tx;
    struct model_coin coins[16];
    struct sotto_op ops[64];
    uint64_t in = 0, out = 0, bonds = 0, units, rate = j->now.params.plain.fee_rate;
    j->later_count = 0;
    NEED(!sotto_tx_is_coinbase(tx), SOTTO_B_COINBASE);
    for (uint32_t i = 0; i < tx->op_count; i++) {
        SOTTO_TRY(sotto_op_read(&ops[i], &tx->ops[i]));
        if (ops[i].type != SOTTO_OP_REGISTER) continue;
        NEED(ops[i].identity.bond <= SOTTO_MONEY_MAX && (bonds += ops[i].identity.bond) <= SOTTO_MONEY_MAX, SOTTO_T_VALUE);
    }
    SOTTO_TRY(in_time(j, t));
    SOTTO_ASSERT(tx->in_count <= 16);
    for (uint32_t i = 0; i < tx->in_count; i++) {
        const struct model_coin *c = model_coin(&j->now, &tx->ins[i].from);
        NEED(c, SOTTO_T_MISSING);
        coins[i] = *c;
        in += c->value;
    }
    SOTTO_TRY(ripe(j, tx, coins));
    for (uint32_t i = 0; i < tx->out_count; i++) out += tx->outs[i].value.cong;
    NEED(in >= out + bonds, SOTTO_T_FUNDS);
    *fee = in - out - bonds;
    SOTTO_TRY(paid(j, t, rate, *fee, tx->full.size));
    SOTTO_TRY(permitted(j, t));
    for (uint32_t i = 0; i < tx->op_count; i++) SOTTO_TRY(model_op(j, &ops[i]));
    SOTTO_TRY(scripts(j, tx, coins, &units));
    SOTTO_TRY(paid(j, t, rate, *fee, tx->full.size > (units + 3) / 4 ? tx->full.size : (units + 3) / 4));
    NEED(j->units + units <= j->parent->params.plain.max_block_units, SOTTO_B_COST);
    j->units += units;
    return SOTTO_OK;
}

static void outputs(struct job *j, const struct sotto_block_tx *t, bool coinbase)
{
    for (uint32_t i = 0; i < t->tx.out_count; i++) {
        const struct sotto_tx_out *o = &t->tx.outs[i];
        struct model_coin c = { .coinbase = coinbase, .value = o->value.cong, .size = o->script.size };
        if (sotto_is_data(o->script)) continue;
        SOTTO_ASSERT(c.size <= MODEL_SCRIPT);
        memcpy(c.script, o->script.data, c.size);
        memcpy(c.at.txid, t->txid, 32);
        c.at.index = i;
        add_coin(j, c);
    }
}

static void effects(struct job *j, const struct sotto_block_tx *t)
{
    for (uint32_t i = 0; i < t->tx.in_count; i++) {
        struct model_coin *c = (struct model_coin *)model_coin(&j->now, &t->tx.ins[i].from);
        put(&moved.spent, c->at.txid, 32);
        number(&moved.spent, c->at.index, 4);
        *c = j->now.coins[--j->now.coin_count];
    }
    outputs(j, t, false);
    for (unsigned i = 0; i < j->later_count; i++) add_coin(j, j->later[i]);
    if (t->tx.in_count > 0) return;
    SOTTO_ASSERT(j->now.replay_count < MODEL_REPLAYS);
    memcpy(j->now.replays[j->now.replay_count].txid, t->txid, 32);
    j->now.replays[j->now.replay_count++].expiry = t->tx.expiry;
}

/* ---- blocks ---- */

static enum sotto_err coinbase_good(const struct job *j, const struct sotto_tx *tx)
{
    const struct sotto_params *p = &j->parent->params.plain;
    uint64_t out = 0, most = p->reward.cong;
    for (uint32_t i = 0; p->halving && i < j->height / p->halving; i++) most /= 2;
    for (uint32_t i = 0; i < tx->out_count; i++) out += tx->outs[i].value.cong;
    NEED(tx->ins[0].sequence == j->height && tx->ins[0].unlock.size == 0 && out <= most + j->fees, SOTTO_B_COINBASE);
    return SOTTO_OK;
}

static enum sotto_err execute(struct job *j, const struct sotto_block *b)
{
    const struct sotto_params *p = &j->parent->params.plain;
    struct state_model *m = j->m;
    NEED(memcmp(b->header.prev.b, j->parent->id, 64) == 0, SOTTO_H_PARENT);
    NEED(b->header.height == j->height && b->header.flags == p->engine, SOTTO_H_FIELD);
    NEED(memcmp(b->header.state_root, j->parent->root, 32) == 0, SOTTO_B_ROOT);
    NEED(p->upgrade_height == 0 || j->height < p->upgrade_height, SOTTO_ERR_NEWER);
    if (j->strict) NEED(b->count > 0 && sotto_tx_is_coinbase(&b->txs[0].tx) && b->txs[0].tx.op_count == 0, SOTTO_B_COINBASE);
    if (j->strict) outputs(j, &b->txs[0], true);
    SOTTO_ASSERT(b->count <= MODEL_CODES);
    j->now.code_count = b->count;
    for (uint32_t i = 0; i < b->count; i++) j->now.codes[i] = 0;
    for (uint32_t i = j->strict; i < b->count; i++) {
        uint64_t fee = 0;
        saved = *j;
        enum sotto_err err = run(j, &b->txs[i], &fee);
        m->failed = i;
        if (err != SOTTO_OK && j->strict) return err;
        if (err == SOTTO_OK) effects(j, &b->txs[i]);
        else *j = saved;
        j->now.codes[i] = sotto_ledger_code(err);
        j->fees += err == SOTTO_OK ? fee : 0;
    }
    m->failed = 0;
    return j->strict ? coinbase_good(j, &b->txs[0].tx) : SOTTO_OK;
}

enum sotto_err model_block(struct state_model *m, const struct sotto_block *b)
{
    struct job *j = &job;
    j->m = m;
    m->failed = 0;
    j->parent = &m->at[m->tip];
    j->now = *j->parent;
    j->height = m->tip + 1;
    j->now_s = model_median_ms(m, m->tip) / 1000;
    j->header_ms = b->header.time_ms;
    j->units = j->fees = 0;
    j->strict = j->parent->params.plain.engine == SOTTO_ENGINE_POW;
    j->now.set_changed = false;
    moved.spent.n = moved.made.n = 0;
    SOTTO_ASSERT(j->height < MODEL_BLOCKS);
    SOTTO_TRY(execute(j, b));
    j->now.height = j->height;
    j->now.time_ms = b->header.time_ms;
    memcpy(j->now.id, b->id.b, 64);
    for (uint32_t i = j->now.replay_count; i-- > 0;)      /* the next block is above their end */
        if (j->now.replays[i].expiry <= j->height) j->now.replays[i] = j->now.replays[--j->now.replay_count];
    make_roots(&j->now, j->parent->coins_digest);
    m->at[++m->tip] = j->now;
    return SOTTO_OK;
}

void model_undo(struct state_model *m)
{
    SOTTO_ASSERT(m->tip > 0);
    m->tip--;
}

void model_begin(struct state_model *m, const struct sotto_genesis *g)
{
    static const uint8_t zero[32];
    struct model_state *s = &m->at[0];
    struct job *j = &job;
    uint8_t txid[32], contract[32];
    memcpy(m->genesis, g->id.b, 64);
    SOTTO_TH(contract, "sotto/registry", SOTTO_SPAN(m->genesis));
    sotto_registry_domain(m->domain, g->params.chain_num, contract + 12);
    m->tip = 0;
    memset(s, 0, sizeof *s);
    memcpy(s->id, g->id.b, 64);
    s->time_ms = g->params.time_ms;
    s->params.plain = g->params;
    SOTTO_ASSERT(g->params.validator_count <= MODEL_LIST && g->params.grant_count <= MODEL_LIST);
    for (uint32_t i = 0; i < g->params.validator_count; i++) s->params.validators[i] = g->params.validators[i];
    for (uint32_t i = 0; i < g->params.grant_count; i++) s->params.grants[i] = g->params.grants[i];
    memset(j, 0, sizeof *j);
    moved.spent.n = moved.made.n = 0;
    SOTTO_TH(txid, "sotto/alloc", SOTTO_SPAN(m->genesis));
    j->now = *s;
    for (uint32_t i = 0; i < g->alloc_count; i++) {
        struct model_coin c = model_pay_to(g->allocs[i].to.b, g->allocs[i].amount.cong);
        memcpy(c.at.txid, txid, 32);
        c.at.index = i;
        add_coin(j, c);
    }
    make_roots(&j->now, zero);
    *s = j->now;
}
