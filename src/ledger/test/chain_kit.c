#include "chain_kit.h"

#include "ledger/codec.h"
#include "ledger/merkle.h"
#include "ledger/rules.h"
#include "ledger/sighash.h"
#include "ledger/signed.h"
#include "ledger/template.h"

#include <stdlib.h>

#define OK(call) SOTTO_ASSERT((call) == SOTTO_OK)

struct kit_key kit_key(struct kit *k)
{
    struct kit_key key;
    sotto_scalar_random(&key.secret, &k->rng.rng);
    OK(sotto_point_make(&key.pub, &key.secret));
    OK(sotto_id_of(&key.id, &key.pub));
    sotto_h160_of(&key.hash, &key.pub);
    return key;
}

void kit_make(struct kit *k, uint64_t seed, enum sotto_engine engine, enum sotto_chain_mode mode)
{
    memset(k, 0, sizeof *k);
    sotto_rng_from_seed(&k->rng, seed, "chain kit");
    for (unsigned i = 0; i < KIT_PEOPLE; i++) k->people[i] = kit_key(k);
    for (unsigned i = 0; i < KIT_VALIDATORS; i++) {
        struct kit_key key = kit_key(k);
        k->validators[i] = key.secret;
        k->list[i].id = key.id;
        memcpy(k->list[i].key, key.pub.b + 1, 32);
    }
    for (unsigned i = 0; i < KIT_COINS; i++) k->allocs[i] = (struct sotto_alloc){ k->people[i % KIT_PEOPLE].hash, { KIT_COIN } };
    struct sotto_params *p = &k->g.params;
    memcpy(p->name.text, "kit", 3);
    p->name.size = 3;
    p->chain_num = seed;
    p->engine = (uint8_t)engine;
    p->mode = (uint8_t)mode;
    p->time_ms = KIT_START_MS;
    if (engine == SOTTO_ENGINE_POW) {
        p->bits = p->bits_limit = 0xf0000000;
        p->reward.cong = 25 * SOTTO_COIN;
        p->halving = 1000;
    }
    p->spacing_ms = 1000;
    p->max_block_bytes = p->max_block_units = 1000000;
    p->fee_rate = 1;
    p->bond.cong = 5 * SOTTO_COIN;
    p->flags = SOTTO_CHAIN_UNSIGNED_POSTS;
    p->snapshot_every = 1000;
    p->validators = k->list;
    p->validator_count = KIT_VALIDATORS;
    p->grants = k->grants;
    k->g.allocs = k->allocs;
    k->g.alloc_count = KIT_COINS;
}

void kit_start(struct kit *k)
{
    OK(sotto_genesis_seal(&k->g));
    OK(sotto_ram_new(&k->ram, &k->g, 1000, 200));
    OK(sotto_script_new(&k->machine));
}

void kit_clear(struct kit *k)
{
    for (unsigned i = 0; i < k->tx_count; i++) {
        sotto_buf_free(&k->bytes[i]);
        free(k->lists[i]);
    }
    k->tx_count = 0;
}

void kit_stop(struct kit *k)
{
    kit_clear(k);
    sotto_ram_free(k->ram);
    sotto_script_free(k->machine);
}

uint64_t kit_now_s(const struct kit *k) { return sotto_now_s(sotto_ram_view(k->ram)->median_ms); }

struct sotto_outpoint kit_coin(const struct kit *k, unsigned i)
{
    struct sotto_outpoint at = { .index = i };
    sotto_alloc_txid(at.txid, &k->g.id);
    return at;
}

/* ---- transactions ---- */

static struct sotto_buf p2pkh(const struct sotto_h160 *to)
{
    struct sotto_buf script = sotto_buf_make(64);
    struct sotto_template t = { .kind = SOTTO_TEMPLATE_P2PKH, .hash = *to };
    OK(sotto_template_make(&script, &t));
    return script;
}

/* DER of r and s, each without leading zeros but for one that keeps it positive. */
size_t kit_der(uint8_t out[73], const uint8_t rs[64])
{
    size_t at = 2;
    for (unsigned half = 0; half < 2; half++) {
        const uint8_t *n = rs + 32 * half;
        size_t size = 32;
        while (size > 1 && *n == 0) n++, size--;
        bool high = *n & 0x80;
        out[at++] = 2;
        out[at++] = (uint8_t)(size + high);
        if (high) out[at++] = 0;
        memcpy(out + at, n, size);
        at += size;
    }
    out[0] = 0x30;
    out[1] = (uint8_t)(at - 2);
    out[at++] = SOTTO_SIGHASH_ALL;
    return at;
}

const struct sotto_block_tx *kit_tx(struct kit *k, const struct kit_tx *t)
{
    struct sotto_tx_in ins[8] = { 0 };
    struct sotto_tx_out outs[8], spent[8];
    struct sotto_tx_op ops[4];
    struct sotto_buf scripts[8], coins[8], bodies[4], unlock[8];
    struct sotto_tx tx = { .in_count = t->in_count, .out_count = t->out_count, .op_count = t->op_count, .expiry = t->expiry, .ins = ins, .outs = outs, .ops = ops };
    struct sotto_sighash s;
    const struct sotto_view *v = sotto_ram_view(k->ram);
    uint8_t digest[32], txid[32], sig[73];
    SOTTO_ASSERT(k->tx_count < KIT_TXS);
    unsigned me = k->tx_count++;
    for (unsigned i = 0; i < t->out_count; i++) {
        scripts[i] = p2pkh(&t->outs[i].to);
        outs[i] = (struct sotto_tx_out){ { t->outs[i].cong }, t->odd && i == 0 ? sotto_span_str("Q") : sotto_buf_span(&scripts[i]) };
    }
    for (unsigned i = 0; i < t->op_count; i++) {
        bodies[i] = sotto_buf_make(SOTTO_OP_BODY_MAX);
        OK(sotto_op_write(&bodies[i], &t->ops[i]));
        ops[i] = (struct sotto_tx_op){ (uint8_t)t->ops[i].type, sotto_buf_span(&bodies[i]) };
    }
    for (unsigned i = 0; i < t->in_count; i++) {
        struct sotto_coin c;
        coins[i] = p2pkh(&t->ins[i].by->hash);
        spent[i] = (struct sotto_tx_out){ { KIT_COIN }, sotto_buf_span(&coins[i]) };
        if (v->coin(v->of, &c, &t->ins[i].at)) spent[i].value = c.out.value;
        for (unsigned m = 0; m < me; m++)         /* or an output of one that was made before */
            if (memcmp(k->txs[m].txid, t->ins[i].at.txid, 32) == 0) spent[i].value = k->txs[m].tx.outs[t->ins[i].at.index].value;
        ins[i] = (struct sotto_tx_in){ .from = t->ins[i].at, .sequence = SOTTO_SEQUENCE_FINAL };
        unlock[i] = sotto_buf_make(256);
    }
    sotto_sighash_init(&s, k->g.id.b, &tx, spent);
    for (unsigned i = 0; i < t->in_count; i++) {
        struct sotto_sig65 sig65;
        OK(sotto_sighash_digest(&s, digest, i, SOTTO_SIGHASH_ALL));
        OK(sotto_sign(&sig65, &t->ins[i].by->secret, digest));
        size_t size = kit_der(sig, sig65.b);
        OK(sotto_unlock_p2pkh(&unlock[i], sotto_span(sig, size), &t->ins[i].by->pub));
        ins[i].unlock = sotto_buf_span(&unlock[i]);
    }
    struct sotto_buf *bytes = &k->bytes[me];
    size_t core;
    *bytes = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    OK(sotto_tx_encode(bytes, &core, &tx));
    if (t->authority) {
        sotto_txid(txid, sotto_span(bytes->data, core));
        sotto_signed_authorize(digest, v->domain, &t->as, txid);
        tx.has_authority = true;
        tx.authority.id = t->as;
        OK(sotto_sign(&tx.authority.sig, &t->authority->secret, digest));
        bytes->size = 0;
        OK(sotto_tx_encode(bytes, &core, &tx));
    }
    struct sotto_block_tx *out = &k->txs[me];
    k->lists[me] = malloc(SOTTO_TX_ARENA_MAX);
    SOTTO_ASSERT(k->lists[me]);
    struct sotto_tx_arena arena = { k->lists[me], SOTTO_TX_ARENA_MAX, 0 };
    OK(sotto_tx_decode(&out->tx, &arena, sotto_buf_span(bytes)));
    sotto_txid(out->txid, sotto_tx_core(&out->tx));
    sotto_wtxid(out->wtxid, out->tx.full);
    for (unsigned i = 0; i < t->out_count; i++) sotto_buf_free(&scripts[i]);
    for (unsigned i = 0; i < t->op_count; i++) sotto_buf_free(&bodies[i]);
    for (unsigned i = 0; i < t->in_count; i++) sotto_buf_free(&coins[i]), sotto_buf_free(&unlock[i]);
    return out;
}

const struct sotto_block_tx *kit_pay(struct kit *k, struct sotto_outpoint at, const struct kit_key *by, struct sotto_h160 to, uint64_t cong)
{
    return kit_tx(k, &(struct kit_tx){ .ins = { { at, by } }, .in_count = 1, .outs = { { to, cong } }, .out_count = 1 });
}

static void sign_op(struct kit *k, struct sotto_op *op, const struct kit_key *who)
{
    uint8_t digest[32];
    OK(sotto_signed_op(digest, sotto_ram_view(k->ram)->domain, op));
    OK(sotto_sign(&op->identity.sig, &who->secret, digest));
}

struct sotto_op kit_register(struct kit *k, const struct kit_key *who)
{
    uint64_t now = kit_now_s(k);
    struct sotto_op op = { .type = SOTTO_OP_REGISTER, .identity = { .id = who->id, .key = who->pub, .xkey = kit_key(k).pub, .not_before_s = now,
                                                                    .not_after_s = now + 1000000, .deadline_s = now + 3600, .refund = who->hash,
                                                                    .bond = sotto_ram_view(k->ram)->params->bond.cong } };
    sign_op(k, &op, who);
    return op;
}

struct sotto_op kit_revoke(struct kit *k, const struct kit_key *who, uint32_t seq)
{
    struct sotto_op op = { .type = SOTTO_OP_REVOKE, .identity = { .id = who->id, .seq = seq, .deadline_s = kit_now_s(k) + 3600 } };
    sign_op(k, &op, who);
    return op;
}

struct sotto_op kit_vote(struct kit *k, uint8_t action, struct sotto_span body, unsigned count)
{
    static uint8_t votes[KIT_VALIDATORS * SOTTO_GOV_VOTE];
    const struct sotto_view *v = sotto_ram_view(k->ram);
    struct sotto_op op = { .type = SOTTO_OP_GOV, .gov = { .action = action, .seq = v->params->gov_seq, .expiry = v->tip.height + 50, .body = body } };
    uint8_t digest[32], aux[32] = { 0 };
    sotto_gov_digest(digest, k->g.id.b, &op.gov);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *vote = votes + (size_t)i * SOTTO_GOV_VOTE;
        sotto_put_le16(vote, (uint16_t)i);
        OK(sotto_schnorr_sign(vote + 2, &k->validators[i], digest, aux));
    }
    op.gov.count = count;
    op.gov.votes = sotto_span(votes, (size_t)count * SOTTO_GOV_VOTE);
    return op;
}

/* ---- blocks ---- */

static struct sotto_span coinbase(struct kit *k, struct sotto_buf *out, uint64_t reward)
{
    struct sotto_buf script = p2pkh(&k->people[0].hash);
    struct sotto_tx_in in = { .from.index = SOTTO_INDEX_COINBASE, .sequence = sotto_ram_view(k->ram)->tip.height + 1 };
    struct sotto_tx_out paid = { { reward }, sotto_buf_span(&script) };
    struct sotto_tx tx = { .in_count = 1, .out_count = 1, .ins = &in, .outs = &paid };
    OK(sotto_tx_encode(out, NULL, &tx));
    sotto_buf_free(&script);
    return sotto_buf_span(out);
}

enum sotto_err kit_block(struct kit *k, const struct sotto_block_tx *const *txs, unsigned count, uint64_t reward, bool commit, uint16_t *codes)
{
    const struct sotto_view *v = sotto_ram_view(k->ram);
    struct sotto_header h = { .version = 1, .height = v->tip.height + 1, .prev = v->tip_id, .time_ms = v->tip.time_ms + 1000, .bits = v->params->bits,
                              .flags = v->params->engine };
    struct sotto_span full[KIT_TXS + 1];
    struct sotto_buf first = sotto_buf_make(SOTTO_TX_SIZE_MAX), bytes = sotto_buf_make(v->params->max_block_bytes);
    struct sotto_block b;
    struct sotto_delta d;
    struct sotto_mt tree = { 0 };
    bool pow = h.flags == SOTTO_ENGINE_POW;
    unsigned n = 0;
    uint8_t leaf[32], txid[32], wtxid[32];
    memcpy(h.state_root, v->state_root, 32);
    if (pow) {
        full[n++] = coinbase(k, &first, reward);
        sotto_txid(txid, sotto_span(first.data, first.size - 2));         /* empty unlocking script, no extension */
        sotto_wtxid(wtxid, full[0]);
        sotto_mt_leaf(leaf, txid, wtxid);
        sotto_mt_add(&tree, leaf);
    }
    for (unsigned i = 0; i < count; i++) {
        full[n++] = txs[i]->tx.full;
        sotto_mt_leaf(leaf, txs[i]->txid, txs[i]->wtxid);
        sotto_mt_add(&tree, leaf);
    }
    sotto_mt_root(h.tx_root, &tree);
    OK(sotto_block_encode(&bytes, &h, sotto_span(NULL, 0), full, n, v->params->max_block_bytes));
    enum sotto_err err = sotto_block_decode(&b, sotto_buf_span(&bytes), v->params->max_block_bytes);
    if (err == SOTTO_OK) {
        err = sotto_ledger_finalize(&d, v, &b, k->machine);
        if (err == SOTTO_OK) {
            for (unsigned i = 0; codes && i < count; i++) codes[i] = d.codes[i + pow];
            if (commit) OK(sotto_ram_commit(k->ram, &d));
            sotto_delta_free(&d);
        }
        sotto_block_free(&b);
    }
    sotto_buf_free(&first);
    sotto_buf_free(&bytes);
    return err;
}
