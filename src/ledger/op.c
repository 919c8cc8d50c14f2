#include "ledger/op.h"

#include "base/plant.h"
#include "base/text.h"
#include "ledger/codec.h"

/* ---- the five that change the registry: their layouts are data, read and written by the same walk ---- */

enum field { END, ID, SEQ, KEY, XKEY, CERT, RECOVERY, NOT_BEFORE, NOT_AFTER, DEADLINE, BOND, REFUND, REASON, BY, SALT, SIG, NEW_SIG };
enum { FIELDS_MAX = 13 };
static const uint8_t layouts[SOTTO_OP_REVOKE + 1][FIELDS_MAX] = {
    [SOTTO_OP_REGISTER] = { ID, KEY, XKEY, CERT, RECOVERY, NOT_BEFORE, NOT_AFTER, DEADLINE, BOND, REFUND, SIG },
    [SOTTO_OP_RENEW] = { ID, SEQ, XKEY, CERT, NOT_AFTER, DEADLINE, SIG },
    [SOTTO_OP_ROTATE] = { ID, SEQ, KEY, XKEY, CERT, NOT_AFTER, DEADLINE, SIG, NEW_SIG },
    [SOTTO_OP_RECOVER] = { ID, SEQ, KEY, XKEY, CERT, RECOVERY, NOT_AFTER, DEADLINE, SALT, SIG, NEW_SIG },
    [SOTTO_OP_REVOKE] = { ID, SEQ, REASON, DEADLINE, BY, SIG },       /* and the salt behind BY, if that is 1 */
};

static enum sotto_err take_by(struct sotto_reader *r, struct sotto_op_identity *i)
{
    uint8_t by;
    SOTTO_TRY(sotto_take_u8(r, &by));
    if (by > 1) return SOTTO_T_OP_FORM;
    i->by_recovery = by == 1;
    return by ? sotto_take_bytes(r, i->salt, sizeof i->salt) : SOTTO_OK;
}

static enum sotto_err take_reason(struct sotto_reader *r, struct sotto_op_identity *i)
{
    SOTTO_TRY(sotto_take_u8(r, &i->reason));
    return i->reason < SOTTO_REVOKE_REASONS ? SOTTO_OK : SOTTO_T_OP_FORM;
}

static enum sotto_err take_field(struct sotto_reader *r, struct sotto_op_identity *i, enum field field)
{
    switch (field) {
    case END: break;
    case ID: return sotto_take_bytes(r, i->id.b, sizeof i->id.b);
    case SEQ: return sotto_take_u32(r, &i->seq);
    case KEY: return sotto_take_bytes(r, i->key.b, sizeof i->key.b);
    case XKEY: return sotto_take_bytes(r, i->xkey.b, sizeof i->xkey.b);
    case CERT: return sotto_take_bytes(r, i->cert, sizeof i->cert);
    case RECOVERY: return sotto_take_bytes(r, i->recovery, sizeof i->recovery);
    case NOT_BEFORE: return sotto_take_u40(r, &i->not_before_s);
    case NOT_AFTER: return sotto_take_u40(r, &i->not_after_s);
    case DEADLINE: return sotto_take_u40(r, &i->deadline_s);
    case BOND: return sotto_take_u64(r, &i->bond);
    case REFUND: return sotto_take_bytes(r, i->refund.b, sizeof i->refund.b);
    case REASON: return take_reason(r, i);
    case BY: return take_by(r, i);
    case SALT: return sotto_take_bytes(r, i->salt, sizeof i->salt);
    case SIG: return sotto_take_bytes(r, i->sig.b, sizeof i->sig.b);
    case NEW_SIG: return sotto_take_bytes(r, i->new_sig.b, sizeof i->new_sig.b);
    }
    return SOTTO_OK;
}

static enum sotto_err add_by(struct sotto_buf *b, const struct sotto_op_identity *i)
{
    SOTTO_TRY(sotto_buf_add_u8(b, i->by_recovery));
    return i->by_recovery ? sotto_buf_add(b, i->salt, sizeof i->salt) : SOTTO_OK;
}

static enum sotto_err add_field(struct sotto_buf *b, const struct sotto_op_identity *i, enum field field)
{
    switch (field) {
    case END: break;
    case ID: return sotto_buf_add(b, i->id.b, sizeof i->id.b);
    case SEQ: return sotto_buf_add_le32(b, i->seq);
    case KEY: return sotto_buf_add(b, i->key.b, sizeof i->key.b);
    case XKEY: return sotto_buf_add(b, i->xkey.b, sizeof i->xkey.b);
    case CERT: return sotto_buf_add(b, i->cert, sizeof i->cert);
    case RECOVERY: return sotto_buf_add(b, i->recovery, sizeof i->recovery);
    case NOT_BEFORE: return sotto_buf_add_le40(b, i->not_before_s);
    case NOT_AFTER: return sotto_buf_add_le40(b, i->not_after_s);
    case DEADLINE: return sotto_buf_add_le40(b, i->deadline_s);
    case BOND: return sotto_buf_add_le64(b, i->bond);
    case REFUND: return sotto_buf_add(b, i->refund.b, sizeof i->refund.b);
    case REASON: return sotto_buf_add_u8(b, i->reason);
    case BY: return add_by(b, i);
    case SALT: return sotto_buf_add(b, i->salt, sizeof i->salt);
    case SIG: return sotto_buf_add(b, i->sig.b, sizeof i->sig.b);
    case NEW_SIG: return sotto_buf_add(b, i->new_sig.b, sizeof i->new_sig.b);
    }
    return SOTTO_OK;
}

static enum sotto_err take_identity(struct sotto_reader *r, struct sotto_op *op)
{
    const uint8_t *layout = layouts[op->type];
    for (size_t i = 0; layout[i] != END; i++) SOTTO_TRY(take_field(r, &op->identity, (enum field)layout[i]));
    if (op->type == SOTTO_OP_RECOVER) op->identity.by_recovery = true;
    return SOTTO_OK;
}

static enum sotto_err add_identity(struct sotto_buf *b, const struct sotto_op *op)
{
    const uint8_t *layout = layouts[op->type];
    for (size_t i = 0; layout[i] != END; i++) SOTTO_TRY(add_field(b, &op->identity, (enum field)layout[i]));
    return SOTTO_OK;
}

/* ---- the others, one function each ---- */

static enum sotto_err take_contact(struct sotto_reader *r, struct sotto_op_contact *c)
{
    SOTTO_TRY(sotto_take_bytes(r, c->r.b, sizeof c->r.b));
    SOTTO_TRY(sotto_take_u8(r, &c->view));
    SOTTO_TRY(sotto_take_var(r, &c->box, SOTTO_CONTACT_BOX));
    return c->box.size == SOTTO_CONTACT_BOX ? SOTTO_OK : SOTTO_T_OP_FORM;
}

static enum sotto_err add_contact(struct sotto_buf *b, const struct sotto_op_contact *c)
{
    SOTTO_TRY(sotto_buf_add(b, c->r.b, sizeof c->r.b));
    SOTTO_TRY(sotto_buf_add_u8(b, c->view));
    return sotto_buf_add_var(b, c->box);
}

static enum sotto_err take_params(struct sotto_reader *r, struct sotto_op_params *p)
{
    SOTTO_TRY(sotto_take_u8(r, &p->group));
    SOTTO_TRY(sotto_take_var(r, &p->p, SOTTO_OP_BODY_MAX));
    SOTTO_TRY(sotto_take_var(r, &p->g, SOTTO_OP_BODY_MAX));
    return sotto_take_u64(r, &p->period_ms);
}

static enum sotto_err add_params(struct sotto_buf *b, const struct sotto_op_params *p)
{
    SOTTO_TRY(sotto_buf_add_u8(b, p->group));
    SOTTO_TRY(sotto_buf_add_var(b, p->p));
    SOTTO_TRY(sotto_buf_add_var(b, p->g));
    return sotto_buf_add_le64(b, p->period_ms);
}

static enum sotto_err take_flag(struct sotto_reader *r, bool *out)
{
    uint8_t flag;
    SOTTO_TRY(sotto_take_u8(r, &flag));
    if (flag > 1) return SOTTO_T_OP_FORM;
    *out = flag;
    return SOTTO_OK;
}

static bool digest_good(const struct sotto_op_digest *d)
{
    return d->kind < SOTTO_DIGEST_KINDS && d->count >= 1 && (d->kind != SOTTO_DIGEST_BATCH || d->count == 1);
}

static enum sotto_err take_digest(struct sotto_reader *r, struct sotto_op_digest *d)
{
    SOTTO_TRY(sotto_take_u8(r, &d->kind));
    SOTTO_TRY(sotto_take_count(r, &d->count, SOTTO_DIGESTS_MAX));
    if (!digest_good(d)) return SOTTO_T_OP_FORM;
    SOTTO_TRY(sotto_take_span(r, &d->digests, 32 * (size_t)d->count));
    SOTTO_TRY(take_flag(r, &d->is_signed));
    if (!d->is_signed) return SOTTO_OK;
    SOTTO_TRY(sotto_take_bytes(r, d->id.b, sizeof d->id.b));
    SOTTO_TRY(sotto_take_u40(r, &d->time_s));
    return sotto_take_bytes(r, d->sig.b, sizeof d->sig.b);
}

static enum sotto_err add_digest(struct sotto_buf *b, const struct sotto_op_digest *d)
{
    SOTTO_TRY(sotto_buf_add_u8(b, d->kind));
    SOTTO_TRY(sotto_buf_add_compact(b, d->count));
    SOTTO_TRY(sotto_buf_add_span(b, d->digests));
    SOTTO_TRY(sotto_buf_add_u8(b, d->is_signed));
    if (!d->is_signed) return SOTTO_OK;
    SOTTO_TRY(sotto_buf_add(b, d->id.b, sizeof d->id.b));
    SOTTO_TRY(sotto_buf_add_le40(b, d->time_s));
    return sotto_buf_add(b, d->sig.b, sizeof d->sig.b);
}

static bool text_good(struct sotto_span text, size_t max) { return text.size >= 1 && text.size <= max && sotto_utf8_valid(text); }

static enum sotto_err take_post(struct sotto_reader *r, struct sotto_op_post *p)
{
    SOTTO_TRY(sotto_take_var(r, &p->author, SOTTO_POST_AUTHOR_MAX));
    SOTTO_TRY(sotto_take_var(r, &p->content, SOTTO_POST_CONTENT_MAX));
    if (!text_good(p->author, SOTTO_POST_AUTHOR_MAX) || !text_good(p->content, SOTTO_POST_CONTENT_MAX)) return SOTTO_T_OP_FORM;
    SOTTO_TRY(sotto_take_u40(r, &p->time_s));
    SOTTO_TRY(take_flag(r, &p->is_signed));
    if (!p->is_signed) return SOTTO_OK;
    SOTTO_TRY(sotto_take_bytes(r, p->id.b, sizeof p->id.b));
    return sotto_take_bytes(r, p->sig.b, sizeof p->sig.b);
}

static enum sotto_err add_post(struct sotto_buf *b, const struct sotto_op_post *p)
{
    SOTTO_TRY(sotto_buf_add_var(b, p->author));
    SOTTO_TRY(sotto_buf_add_var(b, p->content));
    SOTTO_TRY(sotto_buf_add_le40(b, p->time_s));
    SOTTO_TRY(sotto_buf_add_u8(b, p->is_signed));
    if (!p->is_signed) return SOTTO_OK;
    SOTTO_TRY(sotto_buf_add(b, p->id.b, sizeof p->id.b));
    return sotto_buf_add(b, p->sig.b, sizeof p->sig.b);
}

static bool blob_good(size_t size) { return size >= 256 && size <= 8192 && (size & (size - 1)) == 0; }

static enum sotto_err take_sealed(struct sotto_reader *r, struct sotto_op_sealed *s)
{
    SOTTO_TRY(sotto_take_bytes(r, s->tag, sizeof s->tag));
    SOTTO_TRY(sotto_take_u8(r, &s->kind));
    SOTTO_TRY(sotto_take_var(r, &s->blob, SOTTO_OP_BODY_MAX));
    return blob_good(s->blob.size) ? SOTTO_OK : SOTTO_T_OP_FORM;
}

static enum sotto_err add_sealed(struct sotto_buf *b, const struct sotto_op_sealed *s)
{
    SOTTO_TRY(sotto_buf_add(b, s->tag, sizeof s->tag));
    SOTTO_TRY(sotto_buf_add_u8(b, s->kind));
    return sotto_buf_add_var(b, s->blob);
}

static bool votes_rise(const struct sotto_op_gov *g)
{
    for (uint32_t i = 1; i < g->count; i++)
        if (sotto_gov_vote(g, i).index <= sotto_gov_vote(g, i - 1).index) return false;
    return true;
}

static enum sotto_err take_gov(struct sotto_reader *r, struct sotto_op_gov *g)
{
    SOTTO_TRY(sotto_take_u8(r, &g->action));
    SOTTO_TRY(sotto_take_u32(r, &g->seq));
    SOTTO_TRY(sotto_take_u32(r, &g->expiry));
    SOTTO_TRY(sotto_take_var(r, &g->body, SOTTO_GOV_BODY_MAX));
    SOTTO_TRY(sotto_take_count(r, &g->count, SOTTO_GOV_VOTES_MAX));
    SOTTO_TRY(sotto_take_span(r, &g->votes, SOTTO_GOV_VOTE * (size_t)g->count));
    return votes_rise(g) ? SOTTO_OK : SOTTO_T_OP_FORM;
}

static enum sotto_err add_gov(struct sotto_buf *b, const struct sotto_op_gov *g)
{
    SOTTO_TRY(sotto_buf_add_u8(b, g->action));
    SOTTO_TRY(sotto_buf_add_le32(b, g->seq));
    SOTTO_TRY(sotto_buf_add_le32(b, g->expiry));
    SOTTO_TRY(sotto_buf_add_var(b, g->body));
    SOTTO_TRY(sotto_buf_add_compact(b, g->count));
    return sotto_buf_add_span(b, g->votes);
}

/* ---- all of them ---- */

static enum sotto_err take_body(struct sotto_reader *r, struct sotto_op *op)
{
    switch (op->type) {
    case SOTTO_OP_REGISTER:
    case SOTTO_OP_RENEW:
    case SOTTO_OP_ROTATE:
    case SOTTO_OP_RECOVER:
    case SOTTO_OP_REVOKE: return take_identity(r, op);
    case SOTTO_OP_CONTACT: return take_contact(r, &op->contact);
    case SOTTO_OP_PARAMS: return take_params(r, &op->params);
    case SOTTO_OP_DIGEST: return take_digest(r, &op->digest);
    case SOTTO_OP_POST: return take_post(r, &op->post);
    case SOTTO_OP_SEALED: return take_sealed(r, &op->sealed);
    case SOTTO_OP_GOV: return take_gov(r, &op->gov);
    }
    return SOTTO_T_OP;
}

enum sotto_err sotto_op_read(struct sotto_op *out, const struct sotto_tx_op *raw)
{
    struct sotto_op op;
    struct sotto_reader r = sotto_reader(raw->body);
    memset(&op, 0, sizeof op);
    op.type = (enum sotto_op_type)raw->type;
    enum sotto_err err = take_body(&r, &op);
    if (err == SOTTO_T_OP) return err;
    if (err == SOTTO_OK && !SOTTO_PLANTED(LEDGER_OP_TRAILING)) err = sotto_take_end(&r);
    if (err != SOTTO_OK) return SOTTO_T_OP_FORM;                      /* whatever was wrong inside */
    if (op.type == SOTTO_OP_CONTACT && sotto_point_check(op.contact.r.b) != SOTTO_OK) return SOTTO_E_POINT;
    *out = op;
    return SOTTO_OK;
}

static enum sotto_err add_body(struct sotto_buf *b, const struct sotto_op *op)
{
    switch (op->type) {
    case SOTTO_OP_REGISTER:
    case SOTTO_OP_RENEW:
    case SOTTO_OP_ROTATE:
    case SOTTO_OP_RECOVER:
    case SOTTO_OP_REVOKE: return add_identity(b, op);
    case SOTTO_OP_CONTACT: return add_contact(b, &op->contact);
    case SOTTO_OP_PARAMS: return add_params(b, &op->params);
    case SOTTO_OP_DIGEST: return add_digest(b, &op->digest);
    case SOTTO_OP_POST: return add_post(b, &op->post);
    case SOTTO_OP_SEALED: return add_sealed(b, &op->sealed);
    case SOTTO_OP_GOV: return add_gov(b, &op->gov);
    }
    return SOTTO_T_OP;
}

enum sotto_err sotto_op_write(struct sotto_buf *out, const struct sotto_op *op)
{
    struct sotto_buf body = sotto_buf_make(SOTTO_OP_BODY_MAX);
    enum sotto_err err = add_body(&body, op);
    if (err == SOTTO_ERR_FULL) err = SOTTO_T_OP_FORM;                 /* the bound of body is that of an operation */
    if (err == SOTTO_OK) {
        struct sotto_op back;
        err = sotto_op_read(&back, &(struct sotto_tx_op){ (uint8_t)op->type, sotto_buf_span(&body) });
        if (err == SOTTO_E_POINT) err = SOTTO_OK;
    }
    if (err == SOTTO_OK) err = sotto_buf_add_span(out, sotto_buf_span(&body));
    sotto_buf_free(&body);
    return err;
}

enum sotto_err sotto_ops_check(struct sotto_amount *bonds, const struct sotto_tx *tx)
{
    struct sotto_amount sum = { 0 }, one;
    struct sotto_op op;
    for (uint32_t i = 0; i < tx->op_count; i++) {
        SOTTO_TRY(sotto_op_read(&op, &tx->ops[i]));
        if (op.type != SOTTO_OP_REGISTER) continue;
        SOTTO_TRY(sotto_amount_make(&one, op.identity.bond));
        SOTTO_TRY(sotto_amount_add(&sum, sum, one));
    }
    *bonds = sum;
    return SOTTO_OK;
}
