/* A type, then any bytes as the body of an operation: what is read is written back to the same bytes, and what identities sign over it can be
 * made; a refusal changes nothing. Bytes as an amount and as an address, too: a text that is taken has no other. */
#include "support/fuzz_input.h"

#include "ledger/errors.h"
#include "ledger/signed.h"

static void check_texts(struct sotto_span text)
{
    struct sotto_amount a;
    struct sotto_h160 hash;
    char back[SOTTO_PAY_TEXT], amount[SOTTO_AMOUNT_TEXT];
    enum sotto_err err = fuzz_err(sotto_amount_parse(&a, text));
    if (err == SOTTO_OK) {
        struct sotto_amount again;
        sotto_amount_text(amount, a);                                 /* the shortest: it may have lost zeros at its end */
        SOTTO_ASSERT(a.cong <= SOTTO_MONEY_MAX && strlen(amount) <= text.size && memcmp(amount, text.data, strlen(amount)) == 0);
        SOTTO_ASSERT(sotto_amount_parse(&again, sotto_span_str(amount)) == SOTTO_OK && again.cong == a.cong);
    } else SOTTO_ASSERT(err == SOTTO_E_AMOUNT);
    for (int test = 0; test < 2; test++) {
        enum sotto_pay_net net = test ? SOTTO_PAY_TEST : SOTTO_PAY_MAIN;
        if (sotto_pay_parse(&hash, net, text) != SOTTO_OK) continue;
        sotto_pay_text(back, net, &hash);
        SOTTO_ASSERT(sotto_span_equal(sotto_span_str(back), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_op op, before;
    struct sotto_gov_change change;
    uint8_t domain[32] = { 0 }, digest[32];
    if (size == 0 || sotto_crypto_init() != SOTTO_OK) return 0;
    check_texts(sotto_span(data, size));
    struct sotto_tx_op raw = { data[0], sotto_span(data + 1, size - 1) };
    memset(&op, 0xa5, sizeof op);
    memcpy(&before, &op, sizeof op);
    enum sotto_err err = fuzz_err(sotto_op_read(&op, &raw));
    if (err != SOTTO_OK) {
        SOTTO_ASSERT((err == SOTTO_T_OP || err == SOTTO_T_OP_FORM || err == SOTTO_E_POINT) && sotto_span_equal(sotto_span(&op, sizeof op), sotto_span(&before, sizeof op)));
        return 0;
    }
    struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
    err = sotto_op_write(&b, &op);
    if (raw.body.size > SOTTO_OP_BODY_MAX) SOTTO_ASSERT(err == SOTTO_T_OP_FORM);
    else SOTTO_ASSERT(err == SOTTO_OK && sotto_span_equal(sotto_buf_span(&b), raw.body));
    sotto_buf_free(&b);
    if (sotto_op_of_identity(op.type)) {
        err = sotto_signed_op(digest, domain, &op);
        SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_E_POINT);
    }
    if (op.type == SOTTO_OP_GOV) {
        err = sotto_gov_read(&change, &op.gov);
        SOTTO_ASSERT(err == SOTTO_OK ? change.amount.cong <= SOTTO_MONEY_MAX : err == SOTTO_T_OP_FORM || err == SOTTO_T_VALUE);
    }
    return 0;
}
