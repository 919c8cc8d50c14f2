#include "ledger/codec.h"
#include "ledger/op.h"
#include "ledger/th.h"

struct sotto_gov_vote sotto_gov_vote(const struct sotto_op_gov *gov, uint32_t i)
{
    SOTTO_ASSERT(i < gov->count);
    const uint8_t *vote = gov->votes.data + (size_t)SOTTO_GOV_VOTE * i;
    return (struct sotto_gov_vote){ sotto_le16(vote), vote + 2 };
}

static enum sotto_err take_value(struct sotto_gov_change *c, struct sotto_reader *r)
{
    static const uint8_t widths[] = {                                 /* bytes of each parameter */
        [SOTTO_PARAM_BLOCK_BYTES] = 4, [SOTTO_PARAM_BLOCK_UNITS] = 4, [SOTTO_PARAM_FEE_RATE] = 8, [SOTTO_PARAM_STAMP_BITS] = 1,
        [SOTTO_PARAM_BOND] = 8, [SOTTO_PARAM_SNAPSHOT_EVERY] = 4, [SOTTO_PARAM_FLAGS] = 1,
    };
    struct sotto_span bytes;
    SOTTO_TRY(sotto_take_u8(r, &c->param));
    if (c->param >= sizeof widths || widths[c->param] == 0) return SOTTO_T_OP_FORM;
    SOTTO_TRY(sotto_take_span(r, &bytes, widths[c->param]));
    for (size_t i = bytes.size; i-- > 0;) c->value = c->value << 8 | bytes.data[i];
    return SOTTO_OK;
}

static enum sotto_err take_issue(struct sotto_gov_change *c, struct sotto_reader *r)
{
    SOTTO_TRY(sotto_take_bytes(r, c->hash.b, sizeof c->hash.b));
    return sotto_take_u64(r, &c->amount.cong);
}

static enum sotto_err take_change(struct sotto_gov_change *c, struct sotto_reader *r)
{
    switch (c->action) {
    case SOTTO_GOV_SET: return take_value(c, r);
    case SOTTO_GOV_ISSUE: return take_issue(c, r);
    case SOTTO_GOV_UPGRADE:
        SOTTO_TRY(sotto_take_u32(r, &c->height));
        return sotto_take_u32(r, &c->version);
    case SOTTO_GOV_ADD:
    case SOTTO_GOV_REKEY:
        SOTTO_TRY(sotto_take_bytes(r, c->id.b, sizeof c->id.b));
        return sotto_take_bytes(r, c->key, sizeof c->key);
    case SOTTO_GOV_GRANT:
        SOTTO_TRY(sotto_take_bytes(r, c->id.b, sizeof c->id.b));
        return sotto_take_u16(r, &c->perms);
    case SOTTO_GOV_REMOVE:
    case SOTTO_GOV_WITHDRAW:
    case SOTTO_GOV_REVOKE: return sotto_take_bytes(r, c->id.b, sizeof c->id.b);
    }
    return SOTTO_T_OP_FORM;
}

enum sotto_err sotto_gov_read(struct sotto_gov_change *out, const struct sotto_op_gov *gov)
{
    struct sotto_gov_change c;
    struct sotto_reader r = sotto_reader(gov->body);
    memset(&c, 0, sizeof c);
    c.action = (enum sotto_gov_action)gov->action;
    if (take_change(&c, &r) != SOTTO_OK || sotto_take_end(&r) != SOTTO_OK) return SOTTO_T_OP_FORM;
    SOTTO_TRY(sotto_amount_make(&c.amount, c.amount.cong));
    *out = c;
    return SOTTO_OK;
}

void sotto_gov_digest(uint8_t out[32], const uint8_t genesis_id[64], const struct sotto_op_gov *gov)
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_GOV);
    sotto_th_update(&t, genesis_id, 64);
    sotto_th_u8(&t, gov->action);
    sotto_th_u32(&t, gov->seq);
    sotto_th_u32(&t, gov->expiry);
    sotto_th_var(&t, gov->body);
    sotto_th_final(&t, out);
}
