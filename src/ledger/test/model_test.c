/* state, property: random chains of good and bad operations, blocks, undo, redo and forks, against a second and simple implementation. After
 * every step both have the same roots and hold the same; taking everything back gives the root of genesis. SOTTO_ROUNDS: how many chains. */
#include "chain_kit.h"
#include "state_model.h"
#include "support/test.h"

#include "ledger/codec.h"
#include "ledger/errors.h"
#include "ledger/groups.h"
#include "ledger/proof.h"
#include "ledger/sighash.h"
#include "ledger/signed.h"
#include "ledger/template.h"

#define OK(call) SOTTO_ASSERT((call) == SOTTO_OK)
enum { CHAINS = 500, STEPS = 12, MANY_STEPS = 70, KEYS = 12, BLOCK_TXS = 6, OPS = 3, INS = 4, OUTS = 4, REDO = 8 };

static struct kit k;
static struct state_model m;
static struct sotto_rng *rng;
static struct sotto_chacha_rng stream;
static struct kit_key keys[KEYS];
static unsigned chain, seen[0x10000], blocks, undone, redone, forks, txs_judged;
static bool slow;                                 /* ten days a block */
static struct sotto_buf kept[MODEL_BLOCKS];       /* bytes of the block of each height, also of those taken back */
static uint8_t kept_root[MODEL_BLOCKS][32];

static uint64_t below(uint64_t n) { return sotto_rng_below(rng, n); }
static bool one_in(unsigned n) { return below(n) == 0; }
static uint64_t now_s(void) { return model_median_ms(&m, m.tip) / 1000; }
static uint32_t next_height(void) { return m.tip + 1; }
static const struct sotto_params *params(void) { return &model_tip(&m)->params.plain; }

static const struct kit_key *key_of_id(const uint8_t id[20])
{
    for (unsigned i = 0; i < KEYS; i++)
        if (memcmp(keys[i].id.b, id, 20) == 0) return &keys[i];
    return &keys[0];
}

/* ---- operations ---- */

static void sign(struct sotto_sig65 *sig, const uint8_t digest[32], const struct kit_key *by)
{
    OK(sotto_sign(sig, &(one_in(30) ? &keys[below(KEYS)] : by)->secret, digest));
    if (one_in(60)) sig->b[64] = (uint8_t)below(40);
}

/* The commitment to keys[i]: its salt is the number, many times. */
static void commit_to(uint8_t out[32], unsigned i)
{
    uint8_t salt[32];
    memset(salt, (int)i, sizeof salt);
    sotto_recovery_commit(out, &keys[i].id, salt);
}

static uint64_t some_deadline(void) { return one_in(30) ? now_s() - 1 : one_in(30) ? now_s() + 86401 : now_s() + below(86401); }

static struct sotto_op some_register(void)
{
    const struct kit_key *who = &keys[below(KEYS)];
    uint64_t now = now_s();
    struct sotto_op op = { .type = SOTTO_OP_REGISTER, .identity = { .id = who->id, .key = who->pub, .xkey = keys[below(KEYS)].pub, .not_before_s = now - below(1000),
                           .deadline_s = some_deadline(), .bond = params()->bond.cong, .refund = who->hash } };
    struct sotto_op_identity *i = &op.identity;
    uint8_t digest[32];
    i->not_after_s = i->not_before_s + 1000 + (one_in(4) ? below(3000) : 63000000 - below(1000000));
    if (below(2)) commit_to(i->recovery, (unsigned)below(KEYS));
    switch (below(40)) {
    case 0: i->id.b[3] ^= 1; break;
    case 1: i->xkey = i->key; break;
    case 2: i->xkey.b[0] = 7; break;
    case 3: i->key.b[0] = 9; break;
    case 4: i->not_before_s = i->not_after_s; break;
    case 5: i->not_before_s = now - 5000, i->not_after_s = now - below(2); break;
    case 6: i->not_before_s = now + 120 + below(3), i->not_after_s = now + 9000; break;
    case 7: i->bond += SOTTO_COIN; break;
    case 8: i->not_after_s = i->not_before_s + 63115200 + below(2); break;
    default: break;
    }
    OK(sotto_signed_op(digest, m.domain, &op));
    sign(&i->sig, digest, who);
    return op;
}

static struct sotto_op some_change(enum sotto_op_type type)
{
    const struct model_state *s = model_tip(&m);
    const struct kit_key *owner = &keys[0], *next = &keys[below(KEYS)];
    struct sotto_op op = { .type = type, .identity = { .id = keys[below(KEYS)].id, .seq = 1, .deadline_s = some_deadline() } };
    struct sotto_op_identity *i = &op.identity;
    uint8_t digest[32];
    unsigned recovery = (unsigned)below(KEYS);
    uint64_t end = now_s();
    if (s->record_count > 0 && !one_in(15)) {
        const struct model_record *r = &s->records[below(s->record_count)];
        memcpy(i->id.b, r->id, 20);
        owner = key_of_id(r->owner);
        i->seq = r->seq + 1;
        if (r->not_after > end) end = r->not_after;
        for (unsigned c = 0; c < KEYS && !one_in(6); c++) {
            uint8_t commit[32];
            commit_to(commit, c);
            if (memcmp(commit, r->recovery, 32) == 0) recovery = c;
        }
    }
    if (one_in(30)) i->seq++;
    i->by_recovery = type == SOTTO_OP_RECOVER || (type == SOTTO_OP_REVOKE && one_in(3));
    if (i->by_recovery) memset(i->salt, (int)recovery, sizeof i->salt);
    if (type == SOTTO_OP_REVOKE) {
        i->reason = (uint8_t)below(SOTTO_REVOKE_REASONS);
    } else {
        i->xkey = one_in(30) ? next->pub : keys[below(KEYS)].pub;
        if (one_in(30)) i->xkey.b[0] = 5;
        if (type != SOTTO_OP_RENEW) i->key = next->pub;
        i->not_after_s = one_in(20) ? end - 1 : one_in(20) ? now_s() + 63115201 : end + 1 + below(1000);
        sotto_rng_fill(rng, i->cert, 32);
        if (type == SOTTO_OP_RECOVER && below(2)) commit_to(i->recovery, recovery);
    }
    OK(sotto_signed_op(digest, m.domain, &op));
    sign(&i->sig, digest, i->by_recovery ? &keys[recovery] : owner);
    if (type == SOTTO_OP_ROTATE || type == SOTTO_OP_RECOVER) sign(&i->new_sig, digest, next);
    if (type != SOTTO_OP_REVOKE && type != SOTTO_OP_RENEW && one_in(40)) i->key.b[0] = 4;
    return op;
}

static const struct kit_key *speaker(void)
{
    const struct model_state *s = model_tip(&m);
    return s->record_count && !one_in(10) ? key_of_id(s->records[below(s->record_count)].id) : &keys[below(KEYS)];
}
static const struct kit_key *owner_of(const struct kit_key *who)
{
    const struct model_record *r = model_record(model_tip(&m), who->id.b);
    return r ? key_of_id(r->owner) : who;
}

static struct sotto_op some_word(uint64_t header_ms)
{
    static const uint8_t zeros[8192], two[1] = { 2 }, three[1] = { 3 };
    static uint8_t digests[64];
    const struct kit_key *who = speaker(), *by = owner_of(who);
    struct sotto_op op = { .type = SOTTO_OP_POST };
    uint8_t digest[32], root[32];
    bool is_signed = below(3) > 0;
    switch (below(6)) {
    case 0:
        op = (struct sotto_op){ .type = SOTTO_OP_SEALED, .sealed = { .kind = 1, .blob = sotto_span(zeros, 256) } };
        return op;
    case 1:
        op = (struct sotto_op){ .type = SOTTO_OP_CONTACT, .contact = { .r = who->pub, .box = sotto_span(zeros, SOTTO_CONTACT_BOX) } };
        return op;
    case 2:
        op = (struct sotto_op){ .type = SOTTO_OP_PARAMS, .params = { .group = 2, .g = one_in(4) ? SOTTO_SPAN(three) : SOTTO_SPAN(two), .period_ms = 5 } };
        op.params.p = sotto_group_known(2) ? sotto_group_p((enum sotto_group)2) : SOTTO_SPAN(three);
        return op;
    case 3:
        sotto_rng_fill(rng, digests, sizeof digests);
        op = (struct sotto_op){ .type = SOTTO_OP_DIGEST, .digest = { .kind = 1, .count = 2, .digests = SOTTO_SPAN(digests), .is_signed = is_signed } };
        if (!is_signed) return op;
        op.digest.id = who->id;
        op.digest.time_s = now_s();
        sotto_digests_root(root, op.digest.digests);
        sotto_signed_digest(digest, m.domain, &op.digest, root);
        sign(&op.digest.sig, digest, by);
        return op;
    default:
        op.post.author = sotto_span_str("somebody");
        op.post.content = sotto_span_str("says something");
        op.post.time_s = header_ms / 1000 - 7201 + (one_in(10) ? below(3) : one_in(10) ? 14400 + below(3) : 3 + below(14000));
        op.post.is_signed = is_signed;
        if (!is_signed) return op;
        op.post.id = who->id;
        sotto_signed_post(digest, m.domain, &op.post);
        sign(&op.post.sig, digest, by);
        return op;
    }
}

static const struct sotto_scalar *secret_of_x(const uint8_t x[32])
{
    for (unsigned i = 0; i < KIT_VALIDATORS; i++)
        if (memcmp(k.list[i].key, x, 32) == 0) return &k.validators[i];
    for (unsigned i = 0; i < KEYS; i++)
        if (memcmp(keys[i].pub.b + 1, x, 32) == 0) return &keys[i].secret;
    return &keys[0].secret;
}

static size_t some_vote_body(uint8_t *body, uint8_t action)
{
    const struct model_params *p = &model_tip(&m)->params;
    const struct kit_key *who = &keys[below(KEYS)];
    static const uint8_t width[] = { 0, 4, 4, 8, 1, 8, 4, 1 };
    uint8_t param = (uint8_t)(1 + below(7));
    uint64_t v = (uint64_t[]){ 0, 1000000 - below(10), 60 + below(200), below(3), below(6), below(3) * SOTTO_COIN, 1000 + below(9), below(9) }[param];
    memcpy(body, below(2) && p->plain.validator_count ? p->validators[below(p->plain.validator_count)].id.b : who->id.b, 20);
    switch (action) {
    case SOTTO_GOV_SET:
        body[0] = one_in(20) ? 99 : param;
        for (unsigned i = 0; i < width[param]; i++) body[1 + i] = (uint8_t)(v >> 8 * i);
        return 1u + width[param];
    case SOTTO_GOV_ADD:
    case SOTTO_GOV_REKEY: memcpy(body + 20, who->pub.b + 1, 32); return 52;
    case SOTTO_GOV_GRANT:
        memcpy(body, who->id.b, 20);
        sotto_put_le16(body + 20, (uint16_t)(one_in(20) ? 1024 : below(2) ? 1023 : below(1024)));
        return 22;
    case SOTTO_GOV_ISSUE:
        sotto_put_le32(body + 20, (uint32_t)(1 + below(1000000)));
        sotto_put_le32(body + 24, one_in(2) ? 400000 + (uint32_t)below(95000) : 0);      /* nearly all there may be, or more */
        return 28;
    case SOTTO_GOV_UPGRADE:
        sotto_put_le32(body, next_height() + (one_in(40) ? 2 : 150));
        sotto_put_le32(body + 4, 2);
        return 8;
    default: memcpy(body, who->id.b, 20); return 20;
    }
}

static struct sotto_op some_vote(void)
{
    static uint8_t votes[OPS * 4][MODEL_LIST * SOTTO_GOV_VOTE], bodies[OPS * 4][64];
    static unsigned turn;
    static const uint8_t aux[32];
    unsigned me = turn++ % (OPS * 4);
    const struct model_params *p = &model_tip(&m)->params;
    uint8_t digest[32], action = (uint8_t)(one_in(4) ? SOTTO_GOV_ISSUE : one_in(3) ? SOTTO_GOV_REKEY : 1 + below(9));
    struct sotto_op op = { .type = SOTTO_OP_GOV, .gov = { .action = action, .seq = p->plain.gov_seq + one_in(15), .expiry = next_height() - one_in(15) } };
    op.gov.body = sotto_span(bodies[me], some_vote_body(bodies[me], action));
    uint32_t n = p->plain.validator_count, count = 0;
    sotto_gov_digest(digest, m.genesis, &op.gov);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *v = votes[me] + (size_t)count * SOTTO_GOV_VOTE;
        if (one_in(8)) continue;
        count++;
        sotto_put_le16(v, (uint16_t)i);
        OK(sotto_schnorr_sign(v + 2, secret_of_x(p->validators[i].key), digest, aux));
        if (one_in(20)) v[5] ^= 1;
    }
    op.gov.count = count;
    op.gov.votes = sotto_span(votes[me], (size_t)count * SOTTO_GOV_VOTE);
    return op;
}

static struct sotto_op some_op(uint64_t header_ms)
{
    unsigned what = (unsigned)below(20);
    if (params()->mode != SOTTO_MODE_OPEN && what >= 15) return some_vote();
    if (what < 6 || (what < 12 && model_tip(&m)->record_count == 0 && !one_in(8))) return some_register();
    if (what < 12) return some_change((enum sotto_op_type[]){ SOTTO_OP_RENEW, SOTTO_OP_ROTATE, SOTTO_OP_RECOVER, SOTTO_OP_REVOKE }[below(4)]);
    return one_in(40) ? some_vote() : some_word(header_ms);
}

/* ---- transactions ---- */

static struct sotto_buf raw[BLOCK_TXS];
static struct model_coin fresh[BLOCK_TXS * OUTS]; /* outputs of earlier ones in the block under way */
static unsigned raw_count, fresh_count;

static struct model_coin some_coin(void)
{
    const struct model_state *s = model_tip(&m);
    if (fresh_count > 0 && one_in(8)) return fresh[below(fresh_count)];
    struct model_coin c = s->coins[below(s->coin_count)];
    if (c.coinbase && !one_in(4)) c = s->coins[below(s->coin_count)];
    if (one_in(40)) c.at.txid[7] ^= 1;
    return c;
}

static const struct kit_key *key_of_script(const struct model_coin *c)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (c->size == 25 && memcmp(keys[i].hash.b, c->script + 3, 20) == 0) return &keys[i];
    return &keys[0];
}

static void unlock_all(struct sotto_tx *tx, struct sotto_buf *unlock, const struct model_coin *coins)
{
    struct sotto_tx_out spent[INS];
    struct sotto_sighash s;
    uint8_t digest[32], sig[73];
    for (uint32_t i = 0; i < tx->in_count; i++) spent[i] = (struct sotto_tx_out){ { coins[i].value }, sotto_span(coins[i].script, coins[i].size) };
    sotto_sighash_init(&s, m.genesis, tx, spent);
    for (uint32_t i = 0; i < tx->in_count; i++) {
        struct sotto_sig65 sig65;
        unlock[i] = sotto_buf_make(256);
        if (coins[i].size != 25 || one_in(50)) continue;
        const struct kit_key *by = one_in(50) ? &keys[below(KEYS)] : key_of_script(&coins[i]);
        OK(sotto_sighash_digest(&s, digest, i, SOTTO_SIGHASH_ALL));
        if (one_in(50)) digest[0] ^= 1;
        OK(sotto_sign(&sig65, &by->secret, digest));
        OK(sotto_unlock_p2pkh(&unlock[i], sotto_span(sig, kit_der(sig, sig65.b)), &by->pub));
        tx->ins[i].unlock = sotto_buf_span(&unlock[i]);
    }
}

static void extend(struct sotto_tx *tx)
{
    struct sotto_buf bytes = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    uint8_t txid[32], digest[32], nonce[8];
    size_t core;
    OK(sotto_tx_encode(&bytes, &core, tx));
    sotto_txid(txid, sotto_span(bytes.data, core));
    sotto_buf_free(&bytes);
    if (params()->mode != SOTTO_MODE_OPEN && below(3)) {
        const struct kit_key *who = speaker();
        tx->has_authority = true;
        tx->authority.id = who->id;
        sotto_signed_authorize(digest, m.domain, &who->id, txid);
        sign(&tx->authority.sig, digest, owner_of(who));
    }
    if (params()->flags & SOTTO_CHAIN_STAMPS ? below(2) : one_in(40)) {
        tx->has_stamp = true;
        uint32_t ref = (uint32_t)(m.tip + one_in(20) - below(m.tip + 1));
        tx->stamp.ref_height = ref;
        for (unsigned tries = (unsigned)below(200); ref <= m.tip && tries > 0; tries--) {
            sotto_put_le32(nonce, (uint32_t)++tx->stamp.nonce);
            memset(nonce + 4, 0, 4);
            SOTTO_TH(digest, "sotto/stamp/1", SOTTO_SPAN(txid), SOTTO_SPAN(m.at[ref].id), SOTTO_SPAN(nonce));
            if (digest[0] >> (8 - (params()->stamp_bits & 7)) == 0) break;
        }
    }
}

static void some_outputs(struct sotto_tx *tx, uint8_t script[OUTS][MODEL_SCRIPT], uint64_t rest)
{
    uint64_t most = SOTTO_MONEY_MAX - 4 * SOTTO_COIN;
    if (rest > most) rest = most;
    tx->out_count = (uint32_t)below(OUTS);
    for (uint32_t i = 0; i < tx->out_count; i++) {
        uint64_t part = i + 1 == tx->out_count ? rest : below(rest + 1);
        size_t size = 25;
        struct sotto_h160 to = keys[below(KEYS)].hash;
        sotto_p2pkh(script[i], &to);
        if (one_in(10)) script[i][0] = one_in(4) ? 0x00 : 0x51, size = 1;
        else if (one_in(10)) memcpy(script[i], "\x6a\x02hi", 4), size = 4, part = 0;
        tx->outs[i] = (struct sotto_tx_out){ { part }, sotto_span(script[i], size) };
        rest -= part;
    }
    if (tx->out_count > 0 && tx->outs[0].script.size != 4 && one_in(30)) tx->outs[0].value.cong += SOTTO_COIN * below(3);
}

static void some_tx(uint64_t header_ms)
{
    struct sotto_tx_in ins[INS] = { 0 };
    struct sotto_tx_out outs[OUTS];
    struct sotto_tx_op ops[OPS];
    struct model_coin coins[INS];
    struct sotto_buf bodies[OPS], unlock[INS];
    uint8_t script[OUTS][MODEL_SCRIPT], txid[32];
    struct sotto_tx tx = { .ins = ins, .outs = outs, .ops = ops };
    uint64_t in = 0, bonds = 0, fee = one_in(12) ? below(1000) : 6000 * params()->fee_rate;
    size_t core;
    bool free_of_charge = params()->fee_rate == 0 || (params()->flags & SOTTO_CHAIN_STAMPS);
    if (!one_in(free_of_charge ? 3 : 15)) tx.in_count = (uint32_t)(1 + below(INS - 1));
    if (tx.in_count == 0 || below(2)) tx.op_count = (uint32_t)(1 + below(OPS));
    for (uint32_t i = 0; i < tx.in_count; i++) {
        coins[i] = some_coin();
        ins[i] = (struct sotto_tx_in){ .from = coins[i].at, .sequence = SOTTO_SEQUENCE_FINAL };
        if (one_in(12)) ins[i].sequence = one_in(2) ? 0xfffffffe : (uint32_t)(below(4) | (below(2) << 22));
        for (uint32_t j = 0; j < i; j++)
            if (sotto_outpoint_equal(&ins[j].from, &ins[i].from)) tx.in_count = i;
        if (i < tx.in_count) in += coins[i].value;
    }
    for (uint32_t i = 0; i < tx.op_count; i++) {
        struct sotto_op op = some_op(header_ms);
        bodies[i] = sotto_buf_make(SOTTO_OP_BODY_MAX);
        OK(sotto_op_write(&bodies[i], &op));
        ops[i] = (struct sotto_tx_op){ (uint8_t)op.type, sotto_buf_span(&bodies[i]) };
        if (op.type == SOTTO_OP_REGISTER) bonds += op.identity.bond;
        if (one_in(200)) ops[i].type = 0x77;
        else if (one_in(200)) ops[i].body.size--;
    }
    if (tx.in_count > 0) some_outputs(&tx, script, in > bonds + fee ? in - bonds - fee : 0);
    if (one_in(10)) tx.lock = one_in(2) ? next_height() - 1 + (uint32_t)below(3) : (uint32_t)(now_s() - 1 + below(3));
    if (tx.in_count == 0 ? !one_in(15) : one_in(10)) tx.expiry = one_in(10) ? next_height() + 1440 + (uint32_t)below(2) : next_height() - one_in(10) + (uint32_t)below(6);
    if (tx.in_count > 0 || tx.op_count > 0) {
        extend(&tx);
        unlock_all(&tx, unlock, coins);
        struct sotto_buf *out = &raw[raw_count++];
        *out = sotto_buf_make(SOTTO_TX_SIZE_MAX);
        OK(sotto_tx_encode(out, &core, &tx));
        sotto_txid(txid, sotto_span(out->data, core));
        for (uint32_t i = 0; i < tx.out_count; i++) {
            struct model_coin *c = &fresh[fresh_count];
            if (outs[i].script.size == 4) continue;
            *c = (struct model_coin){ .at.index = i, .height = next_height(), .value = outs[i].value.cong, .size = outs[i].script.size };
            memcpy(c->at.txid, txid, 32);
            memcpy(c->script, script[i], c->size);
            fresh_count++;
        }
    }
    for (uint32_t i = 0; i < tx.op_count; i++) sotto_buf_free(&bodies[i]);
    for (uint32_t i = 0; i < tx.in_count; i++) sotto_buf_free(&unlock[i]);
}

/* ---- both together ---- */

static void same(void)
{
    const struct sotto_view *v = sotto_ram_view(k.ram);
    const struct model_state *s = model_tip(&m);
    uint64_t sum = 0;
    test_rule(v->tip.height == m.tip && memcmp(v->tip_id.b, s->id, 64) == 0, "the same tip", chain);
    test_rule(memcmp(v->coins, s->coins_digest, 32) == 0, "the same digest of coins", chain);
    test_rule(memcmp(v->state_root, s->root, 32) == 0, "the same state root", chain);
    test_rule(v->median_ms == model_median_ms(&m, m.tip), "the same median", chain);
    test_rule(sotto_ram_coins(k.ram) == s->coin_count && sotto_ram_records(k.ram) == s->record_count, "as many coins and records", chain);
    for (uint32_t i = 0; i < s->coin_count; i++) {
        struct sotto_coin c;
        const struct model_coin *o = &s->coins[i];
        test_rule(v->coin(v->of, &c, &o->at) && c.height == o->height && c.coinbase == o->coinbase && c.out.value.cong == o->value &&
                  sotto_span_equal(c.out.script, sotto_span(o->script, o->size)), "the same coin", chain);
        sum += o->value;
    }
    for (uint32_t i = 0; i < s->record_count; i++) {
        struct sotto_reg_record r;
        struct sotto_id id;
        uint8_t mine[300], its[SOTTO_REG_RECORD];
        memcpy(id.b, s->records[i].id, 20);
        test_rule(v->record(v->of, &r, &id) && model_record_bytes(mine, &s->records[i]) == SOTTO_REG_RECORD, "the record is there", chain);
        sotto_reg_put(its, &r);
        test_rule(memcmp(mine, its, sizeof its) == 0, "the same record", chain);
        sum += s->records[i].bond;
    }
    for (uint32_t h = 0; h <= m.tip; h++)
        for (uint32_t i = 0; i < m.at[h].replay_count; i++)       /* of those that have expired a store may say either */
            if (m.at[h].replays[i].expiry > m.tip) test_rule(v->replay(v->of, m.at[h].replays[i].txid) == model_replayed(s, m.at[h].replays[i].txid), "what may not come again", chain);
    test_rule(sotto_ram_sum(k.ram).cong == sum, "coins and bonds add up", chain);
}

/* The same block to both. */
static enum sotto_err judge(struct sotto_span bytes)
{
    const struct sotto_view *v = sotto_ram_view(k.ram);
    struct sotto_block b;
    struct sotto_delta d;
    enum sotto_err err = sotto_block_decode(&b, bytes, 1000000), mine;
    if (err != SOTTO_OK) return err;
    err = sotto_ledger_finalize(&d, v, &b, k.machine);
    mine = model_block(&m, &b);
    txs_judged += b.count;
    if (err != mine) print_error("height %u, transaction %u: finalize %x, model %x\n", b.header.height, m.failed, (unsigned)err, (unsigned)mine);
    test_rule(err == mine, "the same answer", chain);
    if (err == SOTTO_OK) {
        const struct model_state *s = model_tip(&m);
        for (uint32_t i = 0; i < s->code_count; i++) {
            if (d.codes[i] != s->codes[i]) print_error("height %u, transaction %u: code %04x, model %04x\n", b.header.height, i, d.codes[i], s->codes[i]);
            test_rule(d.codes[i] == s->codes[i], "the same code", chain);
            seen[s->codes[i]]++;
        }
        test_rule(memcmp(d.parts.results, s->results, 32) == 0, "the same results", chain);
        test_rule(memcmp(d.parts.registry, s->registry, 32) == 0, "the same registry root", chain);
        test_rule(memcmp(d.parts.params, s->params_root, 32) == 0, "the same params root", chain);
        OK(sotto_ram_commit(k.ram, &d));
        sotto_delta_free(&d);
    } else if (err != SOTTO_ERR_NEWER) {
        seen[sotto_ledger_code(err)]++;
    }
    sotto_block_free(&b);
    same();
    return err;
}

static void coinbase(struct sotto_buf *out)
{
    uint8_t script[SOTTO_P2PKH_SIZE];
    struct sotto_h160 to = keys[below(KEYS)].hash;
    uint64_t reward = params()->reward.cong >> next_height() / params()->halving;
    sotto_p2pkh(script, &to);
    struct sotto_tx_in in = { .from.index = SOTTO_INDEX_COINBASE, .sequence = next_height() + one_in(40) };
    struct sotto_tx_out paid = { { reward + (one_in(20) ? 1 + below(9000) : 0) }, SOTTO_SPAN(script) };
    struct sotto_tx tx = { .in_count = 1, .out_count = 1, .ins = &in, .outs = &paid };
    *out = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    OK(sotto_tx_encode(out, NULL, &tx));
}

static void make_block(struct sotto_buf *out, uint64_t header_ms)
{
    const struct sotto_view *v = sotto_ram_view(k.ram);
    struct sotto_header h = { .version = 1, .height = next_height(), .prev = v->tip_id, .time_ms = header_ms, .bits = params()->bits, .flags = params()->engine };
    struct sotto_span full[BLOCK_TXS + 1];
    static struct sotto_block_tx list[BLOCK_TXS + 1];
    static uint8_t memory[BLOCK_TXS + 1][SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    struct sotto_buf first = sotto_buf_make(1);
    uint32_t n = 0;
    memcpy(h.state_root, v->state_root, 32);
    if (one_in(100)) h.state_root[0] ^= 1;
    if (h.flags == SOTTO_ENGINE_POW) {
        coinbase(&first);
        full[n++] = sotto_buf_span(&first);
    }
    for (unsigned i = 0; i < raw_count; i++) full[n++] = sotto_buf_span(&raw[i]);
    for (uint32_t i = 0; i < n; i++) {
        struct sotto_tx_arena arena = { memory[i], sizeof memory[i], 0 };
        OK(sotto_tx_decode(&list[i].tx, &arena, full[i]));
        sotto_txid(list[i].txid, sotto_tx_core(&list[i].tx));
        sotto_wtxid(list[i].wtxid, full[i]);
    }
    sotto_tx_root(h.tx_root, list, n);
    *out = sotto_buf_make(1000000);
    OK(sotto_block_encode(out, &h, sotto_span(NULL, 0), full, n, 1000000));
    sotto_buf_free(&first);
}

/* One more block; where a strict engine refuses it, again without the transaction that was wrong. */
static bool grow(void)
{
    uint64_t header_ms = model_tip(&m)->time_ms + (slow ? UINT64_C(864000000) : 1000 + below(600000));
    unsigned want = (unsigned)below(BLOCK_TXS + 1);
    enum sotto_err err = SOTTO_OK;
    raw_count = fresh_count = 0;
    while (raw_count < want) some_tx(header_ms);
    if (m.tip > 0 && raw_count > 0 && one_in(3)) {        /* one that came before */
        struct sotto_block b;
        OK(sotto_block_decode(&b, sotto_buf_span(&kept[m.tip]), 1000000));
        uint32_t old = b.count ? (uint32_t)below(b.count) : 0;
        for (uint32_t i = 0; i < b.count; i++)
            if (b.txs[i].tx.in_count == 0) old = i;
        if (b.count > 0 && !sotto_tx_is_coinbase(&b.txs[old].tx)) {
            raw[0].size = 0;
            OK(sotto_buf_add_span(&raw[0], b.txs[old].tx.full));
        }
        sotto_block_free(&b);
    }
    for (unsigned tries = 0; tries < 40; tries++) {
        struct sotto_buf block;
        make_block(&block, header_ms);
        uint32_t height = next_height();
        err = judge(sotto_buf_span(&block));
        if (err == SOTTO_OK) {
            sotto_buf_free(&kept[height]);
            kept[height] = block;
            memcpy(kept_root[height], model_tip(&m)->root, 32);
            blocks++;
            break;
        }
        sotto_buf_free(&block);
        if (err == SOTTO_ERR_NEWER) break;
        if (m.failed > 0 && params()->engine == SOTTO_ENGINE_POW && err != SOTTO_B_COINBASE) {
            struct sotto_buf bad = raw[m.failed - 1];
            memmove(&raw[m.failed - 1], &raw[m.failed], (raw_count - m.failed) * sizeof raw[0]);
            sotto_buf_free(&bad);
            raw_count--;
        }
    }
    while (raw_count > 0) sotto_buf_free(&raw[--raw_count]);
    return err == SOTTO_OK;
}

static void back_and_forth(void)
{
    uint32_t depth = (uint32_t)(1 + below(REDO)), top = m.tip;
    if (depth > m.tip) depth = m.tip;
    for (uint32_t i = 0; i < depth; i++) {
        OK(sotto_ram_undo(k.ram));
        model_undo(&m);
        undone++;
        same();
    }
    if (one_in(3)) {
        forks++;                                  /* other blocks from here on */
        return;
    }
    uint32_t redo = (uint32_t)(top - below(depth + 1));
    while (m.tip < redo) {
        test_rule(judge(sotto_buf_span(&kept[m.tip + 1])) == SOTTO_OK, "a block that was taken back is good again", chain);
        test_rule(memcmp(kept_root[m.tip], model_tip(&m)->root, 32) == 0, "and gives the root that it gave", chain);
        redone++;
    }
}

static void one_chain(uint64_t seed)
{
    static const struct { enum sotto_engine engine; enum sotto_chain_mode mode; } kinds[] = {
        { SOTTO_ENGINE_POW, SOTTO_MODE_OPEN }, { SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN }, { SOTTO_ENGINE_PBFT, SOTTO_MODE_CONSORTIUM },
        { SOTTO_ENGINE_COMETBFT, SOTTO_MODE_CONSORTIUM }, { SOTTO_ENGINE_PBFT, SOTTO_MODE_CONSORTIUM }, { SOTTO_ENGINE_POW, SOTTO_MODE_OPEN },
        { SOTTO_ENGINE_PBFT, SOTTO_MODE_PRIVATE }, { SOTTO_ENGINE_COMETBFT, SOTTO_MODE_PERMISSIONED },
    };
    unsigned kind = chain % 8;
    uint8_t before[32], after[32], root[32];
    sotto_rng_from_seed(&stream, seed, "ledger model");
    rng = &stream.rng;
    kit_make(&k, seed, kinds[kind].engine, kinds[kind].mode);
    for (unsigned i = 0; i < KIT_COINS; i++) k.allocs[i].to = keys[i % KEYS].hash;
    k.g.params.fee_rate = below(3);
    k.g.params.bond.cong = below(3) * SOTTO_COIN;
    k.g.params.flags = (uint8_t)(below(4) << 1);
    k.g.params.stamp_bits = (uint8_t)below(6);
    if (one_in(3)) k.g.params.max_block_units = 100 + (uint32_t)below(200);
    if (one_in(2)) k.g.params.halving = k.g.params.engine == SOTTO_ENGINE_POW ? 5 : 0;
    k.g.params.grant_count = 2;
    unsigned low = memcmp(keys[0].id.b, keys[1].id.b, 20) > 0;
    k.grants[0] = (struct sotto_grant){ keys[low].id, SOTTO_MAY_ALL };
    k.grants[1] = (struct sotto_grant){ keys[!low].id, SOTTO_MAY_DEPLOY };
    slow = one_in(5);
    kit_start(&k);
    model_begin(&m, &k.g);
    same();
    sotto_ram_digest(before, k.ram);
    memcpy(root, model_tip(&m)->root, 32);
    unsigned steps = one_in(12) ? MANY_STEPS : STEPS;
    for (unsigned step = 0; step < steps; step++) {
        if (m.tip == 0 || !one_in(5)) {
            if (!grow() && m.tip > 0) back_and_forth();   /* the rules have changed here: only the way back is left */
        } else {
            back_and_forth();
        }
    }
    while (m.tip > 0) {
        OK(sotto_ram_undo(k.ram));
        model_undo(&m);
        same();
    }
    sotto_ram_digest(after, k.ram);
    test_rule(memcmp(before, after, 32) == 0 && memcmp(root, sotto_ram_view(k.ram)->state_root, 32) == 0, "everything taken back is genesis", chain);
    kit_stop(&k);
}

static const enum sotto_err expected[] = {
    SOTTO_E_POINT, SOTTO_T_LOCKED, SOTTO_T_EXPIRED, SOTTO_T_NO_EXPIRY, SOTTO_T_REPLAY, SOTTO_T_MISSING, SOTTO_T_IMMATURE, SOTTO_T_FUNDS, SOTTO_T_FEE, SOTTO_T_STAMP,
    SOTTO_T_OP, SOTTO_T_OP_FORM, SOTTO_T_OP_TIME, SOTTO_T_VALUE, SOTTO_S_FALSE, SOTTO_S_STACK, SOTTO_S_ADDRESS, SOTTO_S_SIGNATURE, SOTTO_B_ROOT, SOTTO_B_COINBASE,
    SOTTO_B_COST, SOTTO_R_ID_KEY, SOTTO_R_SAME_KEY, SOTTO_R_EXISTS, SOTTO_R_VALIDITY, SOTTO_R_EXPIRED, SOTTO_R_FUTURE, SOTTO_R_DEADLINE, SOTTO_R_SIG, SOTTO_R_BOND,
    SOTTO_R_UNKNOWN, SOTTO_R_REVOKED, SOTTO_R_SEQ, SOTTO_R_RECOVERY, SOTTO_N_GROUP, SOTTO_G_DENIED, SOTTO_G_QUORUM, SOTTO_G_SET, SOTTO_G_SEQ,
};

static void two_ways(void **state)
{
    (void)state;
    const char *text = getenv("SOTTO_ROUNDS");
    unsigned chains = text ? (unsigned)strtoul(text, NULL, 10) : CHAINS;
    struct sotto_chacha_rng r;
    bool all = true;
    sotto_rng_from_seed(&r, test_seed(), "ledger model keys");
    k.rng = r;
    for (unsigned i = 0; i < KEYS; i++) keys[i] = kit_key(&k);
    for (chain = 1; chain <= chains; chain++) one_chain(test_seed() + chain);
    for (unsigned i = 0; i < MODEL_BLOCKS; i++) sotto_buf_free(&kept[i]);
    print_message("%u chains: %u blocks, %u transactions judged, %u applied, %u blocks undone, %u redone, %u forks\n", chains, blocks, txs_judged, seen[0], undone, redone, forks);
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        unsigned times = seen[sotto_ledger_code(expected[i])];
        all = all && times > 0;
        if (times == 0 || text) print_message("%04x %s: %u\n", sotto_ledger_code(expected[i]), sotto_ledger_text(expected[i]), times);
    }
    if (chains >= CHAINS) assert_true(all);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    (void)test_seed();
    const struct CMUnitTest tests[] = { cmocka_unit_test(two_ways) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
