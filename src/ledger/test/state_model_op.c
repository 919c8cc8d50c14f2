/* What operations do, in the second implementation. */
#include "state_model_impl.h"

#include "ledger/codec.h"
#include "ledger/groups.h"
#include "ledger/proof.h"
#include "ledger/signed.h"

enum { DAY = 86400, TWO_YEARS = 63115200 };

struct model_coin model_pay_to(const uint8_t hash[20], uint64_t value)
{
    struct model_coin c = { .value = value, .size = 25 };
    memcpy(c.script, "\x76\xa9\x14", 3);
    memcpy(c.script + 3, hash, 20);
    memcpy(c.script + 23, "\x88\xac", 2);
    return c;
}
enum sotto_err model_signed_now(const struct job *j, const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32])
{
    const struct model_record *r = model_record(&j->now, id->b);
    struct sotto_id owner;
    NEED(r, SOTTO_R_UNKNOWN);
    NEED(r->status == 1, SOTTO_R_REVOKED);
    NEED(r->not_before <= j->now_s, SOTTO_R_FUTURE);
    NEED(j->now_s < r->not_after, SOTTO_R_EXPIRED);
    memcpy(owner.b, r->owner, 20);
    return sotto_signed_by(&owner, sig, digest);
}

/* ---- identities ---- */

static bool on_curve(const struct sotto_point *p) { return sotto_point_check(p->b) == SOTTO_OK; }

static enum sotto_err do_register(struct job *j, const struct sotto_op *op)
{
    const struct sotto_op_identity *i = &op->identity;
    struct sotto_id of_key;
    uint8_t digest[32];
    NEED(on_curve(&i->key), SOTTO_E_POINT);
    SOTTO_TRY(sotto_id_of(&of_key, &i->key));
    NEED(memcmp(of_key.b, i->id.b, 20) == 0, SOTTO_R_ID_KEY);
    NEED(on_curve(&i->xkey), SOTTO_E_POINT);
    NEED(memcmp(i->key.b, i->xkey.b, 33) != 0, SOTTO_R_SAME_KEY);
    NEED(!model_record(&j->now, i->id.b), SOTTO_R_EXISTS);
    NEED(i->not_before_s < i->not_after_s && i->not_after_s - i->not_before_s <= TWO_YEARS, SOTTO_R_VALIDITY);
    NEED(i->not_after_s > j->now_s, SOTTO_R_EXPIRED);
    NEED(i->not_before_s <= j->now_s + 120, SOTTO_R_FUTURE);
    NEED(j->now_s <= i->deadline_s && i->deadline_s <= j->now_s + DAY, SOTTO_R_DEADLINE);
    SOTTO_TRY(sotto_signed_op(digest, j->m->domain, op));
    SOTTO_TRY(sotto_signed_by(&i->id, &i->sig, digest));
    NEED(i->bond == j->now.params.plain.bond.cong, SOTTO_R_BOND);
    SOTTO_ASSERT(j->now.record_count < MODEL_RECORDS);
    struct model_record *r = &j->now.records[j->now.record_count++];
    *r = (struct model_record){ .status = 1, .not_before = i->not_before_s, .not_after = i->not_after_s, .bond = i->bond, .made = j->height, .changed = j->height };
    memcpy(r->id, i->id.b, 20);
    memcpy(r->owner, i->id.b, 20);
    memcpy(r->key, i->key.b, 33);
    memcpy(r->xkey, i->xkey.b, 33);
    memcpy(r->cert, i->cert, 32);
    memcpy(r->recovery, i->recovery, 32);
    memcpy(r->sig, i->sig.b, 65);
    if (i->bond) memcpy(r->refund, i->refund.b, 20);
    return SOTTO_OK;
}

static void end_record(struct job *j, struct model_record *r)
{
    uint8_t seq[4];
    r->status = 2;
    r->seq++;
    r->changed = j->height;
    if (r->bond) {
        struct model_coin c = model_pay_to(r->refund, r->bond);
        sotto_put_le32(seq, r->seq);
        SOTTO_TH(c.at.txid, "sotto/bond/return", SOTTO_SPAN(r->id), SOTTO_SPAN(seq));
        j->later[j->later_count++] = c;
    }
    r->bond = 0;
    memset(r->refund, 0, 20);
}

/* By the key that the record committed to when it was made or recovered. */
static enum sotto_err by_recovery(const struct model_record *r, const struct sotto_op_identity *i, const uint8_t digest[32])
{
    static const uint8_t none[32];
    struct sotto_point signer;
    struct sotto_id id;
    uint8_t both[52], commit[32];
    NEED(sotto_recover(&signer, &i->sig, digest) == SOTTO_OK, SOTTO_R_SIG);
    SOTTO_TRY(sotto_id_of(&id, &signer));
    memcpy(both, id.b, 20);
    memcpy(both + 20, i->salt, 32);
    sotto_keccak256(commit, SOTTO_SPAN(both));
    NEED(memcmp(r->recovery, none, 32) != 0 && memcmp(commit, r->recovery, 32) == 0, SOTTO_R_RECOVERY);
    return SOTTO_OK;
}

static enum sotto_err do_change(struct job *j, const struct sotto_op *op)
{
    const struct sotto_op_identity *i = &op->identity;
    struct model_record *r = (struct model_record *)model_record(&j->now, i->id.b);
    bool brings_key = op->type == SOTTO_OP_ROTATE || op->type == SOTTO_OP_RECOVER;
    struct sotto_id owner, next;
    uint8_t digest[32];
    NEED(r, SOTTO_R_UNKNOWN);
    NEED(r->status == 1, SOTTO_R_REVOKED);
    NEED(i->seq == r->seq + 1, SOTTO_R_SEQ);
    memcpy(owner.b, r->owner, 20);
    if (op->type != SOTTO_OP_REVOKE) {
        NEED(!brings_key || on_curve(&i->key), SOTTO_E_POINT);
        NEED(on_curve(&i->xkey), SOTTO_E_POINT);
        NEED(memcmp(brings_key ? i->key.b : r->key, i->xkey.b, 33) != 0, SOTTO_R_SAME_KEY);
        NEED(i->not_after_s > j->now_s && (brings_key || i->not_after_s > r->not_after) && i->not_after_s <= j->now_s + TWO_YEARS, SOTTO_R_VALIDITY);
    }
    NEED(j->now_s <= i->deadline_s && i->deadline_s <= j->now_s + DAY, SOTTO_R_DEADLINE);
    SOTTO_TRY(sotto_signed_op(digest, j->m->domain, op));
    if (i->by_recovery) SOTTO_TRY(by_recovery(r, i, digest));
    else SOTTO_TRY(sotto_signed_by(&owner, &i->sig, digest));
    if (brings_key) {
        SOTTO_TRY(sotto_id_of(&next, &i->key));
        SOTTO_TRY(sotto_signed_by(&next, &i->new_sig, digest));
        NEED(!model_record(&j->now, next.b), SOTTO_R_EXISTS);
    }
    if (op->type == SOTTO_OP_RENEW) NEED(j->now_s <= r->not_after + 30 * DAY, SOTTO_R_EXPIRED);
    if (op->type == SOTTO_OP_ROTATE) {
        NEED(r->not_before <= j->now_s, SOTTO_R_FUTURE);
        NEED(j->now_s < r->not_after, SOTTO_R_EXPIRED);
    }
    if (op->type == SOTTO_OP_REVOKE) {
        end_record(j, r);
        return SOTTO_OK;
    }
    r->seq++;
    r->changed = j->height;
    r->not_after = i->not_after_s;
    memcpy(r->xkey, i->xkey.b, 33);
    memcpy(r->cert, i->cert, 32);
    if (brings_key) {
        memcpy(r->owner, next.b, 20);
        memcpy(r->key, i->key.b, 33);
        memcpy(r->sig, i->new_sig.b, 65);
    }
    if (op->type == SOTTO_OP_RECOVER) memcpy(r->recovery, i->recovery, 32);
    return SOTTO_OK;
}

/* ---- votes ---- */

static enum sotto_err set_param(struct sotto_params *p, const struct sotto_gov_change *c)
{
    if (c->param == 1) p->max_block_bytes = (uint32_t)c->value;
    if (c->param == 2) p->max_block_units = (uint32_t)c->value;
    if (c->param == 3) p->fee_rate = c->value;
    if (c->param == 4) p->stamp_bits = (uint8_t)c->value;
    if (c->param == 5) {
        NEED(c->value <= SOTTO_MONEY_MAX, SOTTO_T_VALUE);
        p->bond.cong = c->value;
    }
    if (c->param == 6) p->snapshot_every = (uint32_t)c->value;
    if (c->param == 7) {
        NEED(c->value < 8, SOTTO_T_OP_FORM);
        p->flags = (uint8_t)c->value;
    }
    return SOTTO_OK;
}

static enum sotto_err change_validators(struct job *j, const struct sotto_gov_change *c)
{
    struct model_params *p = &j->now.params;
    uint32_t n = j->parent->params.plain.validator_count, f = n ? (n - 1) / 3 : 0, before = 0, at = 0;
    NEED(!j->now.set_changed, SOTTO_G_SET);
    for (uint32_t h = 0; h < j->height; h++) before += h + 10 > j->height && j->m->at[h].set_changed;
    NEED(before < (f ? f : 1), SOTTO_G_SET);
    uint32_t *size = &p->plain.validator_count;
    while (at < *size && memcmp(p->validators[at].id.b, c->id.b, 20) != 0) at++;
    if (c->action == SOTTO_GOV_REMOVE) {
        NEED(at < *size && *size > 1, SOTTO_G_SET);
        for (--*size; at < *size; at++) p->validators[at] = p->validators[at + 1];
    } else {
        for (uint32_t i = 0; i < *size; i++) NEED(memcmp(p->validators[i].key, c->key, 32) != 0, SOTTO_G_SET);
        NEED((at < *size) == (c->action == SOTTO_GOV_REKEY), SOTTO_G_SET);
        SOTTO_ASSERT(at < MODEL_LIST);
        p->validators[at].id = c->id;
        memcpy(p->validators[at].key, c->key, 32);
        if (at == *size) ++*size;
    }
    j->now.set_changed = true;
    return SOTTO_OK;
}

static enum sotto_err change_grants(struct job *j, const struct sotto_gov_change *c)
{
    struct model_params *p = &j->now.params;
    uint32_t *size = &p->plain.grant_count, at = 0;
    NEED(c->perms < 1024, SOTTO_T_OP_FORM);
    while (at < *size && memcmp(p->grants[at].id.b, c->id.b, 20) != 0) at++;
    if (c->action == SOTTO_GOV_WITHDRAW) {
        if (at < *size) p->grants[at] = p->grants[--*size];
        return SOTTO_OK;
    }
    SOTTO_ASSERT(at < MODEL_LIST);
    p->grants[at] = (struct sotto_grant){ c->id, c->perms };
    if (at == *size) ++*size;
    return SOTTO_OK;
}

static enum sotto_err do_gov(struct job *j, const struct sotto_op_gov *gov)
{
    struct sotto_gov_change c;
    struct model_params *p = &j->now.params;
    struct model_record *r;
    uint8_t digest[32], seq[4];
    SOTTO_TRY(sotto_gov_read(&c, gov));
    NEED(p->plain.mode != SOTTO_MODE_OPEN, SOTTO_G_DENIED);
    NEED(gov->seq == p->plain.gov_seq && j->height <= gov->expiry, SOTTO_G_SEQ);
    uint32_t n = p->plain.validator_count, f = (n - 1) / 3, good = 0;
    uint8_t numbers[9] = { gov->action }, size = (uint8_t)gov->body.size;
    SOTTO_ASSERT(gov->body.size < 0xfd);          /* one byte of length */
    sotto_put_le32(numbers + 1, gov->seq);
    sotto_put_le32(numbers + 5, gov->expiry);
    SOTTO_TH(digest, "sotto/gov/1", SOTTO_SPAN(j->m->genesis), SOTTO_SPAN(numbers), sotto_span(&size, 1), gov->body);
    for (uint32_t i = 0; i < gov->count; i++) {
        uint32_t who = gov->votes.data[66 * i] | (uint32_t)gov->votes.data[66 * i + 1] << 8;
        good += who < n && sotto_schnorr_verify(gov->votes.data + 66 * i + 2, p->validators[who].key, digest) == SOTTO_OK;
    }
    NEED(2 * good >= n + f + 1, SOTTO_G_QUORUM);
    switch (c.action) {
    case SOTTO_GOV_SET: SOTTO_TRY(set_param(&p->plain, &c)); break;
    case SOTTO_GOV_ADD:
    case SOTTO_GOV_REMOVE:
    case SOTTO_GOV_REKEY: SOTTO_TRY(change_validators(j, &c)); break;
    case SOTTO_GOV_GRANT:
    case SOTTO_GOV_WITHDRAW: SOTTO_TRY(change_grants(j, &c)); break;
    case SOTTO_GOV_ISSUE: {
        struct model_coin coin = model_pay_to(c.hash.b, c.amount.cong);
        NEED(p->plain.engine != SOTTO_ENGINE_POW, SOTTO_G_DENIED);
        NEED(p->plain.issued.cong + c.amount.cong <= SOTTO_MONEY_MAX, SOTTO_T_VALUE);
        p->plain.issued.cong += c.amount.cong;
        sotto_put_le32(seq, gov->seq);
        SOTTO_TH(coin.at.txid, "sotto/issue", SOTTO_SPAN(j->m->genesis), SOTTO_SPAN(seq));
        j->later[j->later_count++] = coin;
        break;
    }
    case SOTTO_GOV_UPGRADE: p->plain.upgrade_height = c.height; break;
    case SOTTO_GOV_REVOKE:
        r = (struct model_record *)model_record(&j->now, c.id.b);
        NEED(r, SOTTO_R_UNKNOWN);
        NEED(r->status == 1, SOTTO_R_REVOKED);
        end_record(j, r);
        break;
    }
    p->plain.gov_seq++;
    return SOTTO_OK;
}

/* ---- the other operations ---- */

enum sotto_err model_op(struct job *j, const struct sotto_op *op)
{
    const struct sotto_params *p = &j->now.params.plain;
    uint8_t digest[32], root[32];
    switch (op->type) {
    case SOTTO_OP_REGISTER: return do_register(j, op);
    case SOTTO_OP_RENEW:
    case SOTTO_OP_ROTATE:
    case SOTTO_OP_RECOVER:
    case SOTTO_OP_REVOKE: return do_change(j, op);
    case SOTTO_OP_GOV: return do_gov(j, &op->gov);
    case SOTTO_OP_DIGEST:
        if (!op->digest.is_signed) return SOTTO_OK;
        sotto_digests_root(root, op->digest.digests);
        sotto_signed_digest(digest, j->m->domain, &op->digest, root);
        return model_signed_now(j, &op->digest.id, &op->digest.sig, digest);
    case SOTTO_OP_POST: {
        uint64_t at = op->post.time_s * 1000;
        NEED(at <= j->header_ms + 7200000 && at + 7200000 >= j->header_ms, SOTTO_T_OP_TIME);
        if (!op->post.is_signed) return p->flags & 4 ? SOTTO_OK : SOTTO_R_SIG;
        sotto_signed_post(digest, j->m->domain, &op->post);
        return model_signed_now(j, &op->post.id, &op->post.sig, digest);
    }
    case SOTTO_OP_PARAMS:
        if (p->flags & 1) return SOTTO_OK;
        NEED(sotto_group_known(op->params.group) && sotto_span_equal(op->params.p, sotto_group_p((enum sotto_group)op->params.group)), SOTTO_N_GROUP);
        NEED(op->params.g.size == 1 && op->params.g.data[0] == 2, SOTTO_N_GROUP);
        return SOTTO_OK;
    case SOTTO_OP_CONTACT:
    case SOTTO_OP_SEALED: return SOTTO_OK;
    }
    return SOTTO_T_OP;
}
