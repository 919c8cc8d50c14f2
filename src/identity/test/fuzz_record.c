/* On-record signatures and receipts: any bytes are refused; what was signed verifies, and no longer when one bit of what it is about
 * is another. */
#include "support/fuzz_input.h"

#include "identity/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sotto_scalar key = { { [31] = 5 } };
    static struct sotto_point point;
    static struct sotto_id owner;
    if (point.b[0] == 0) SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK && sotto_point_make(&point, &key) == SOTTO_OK && sotto_id_of(&owner, &point) == SOTTO_OK);
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_record r = { .type = fuzz_u8(&in), .seq = fuzz_u32(&in), .time_ms = fuzz_u64(&in) }, other;
    struct sotto_sig65 sig, made;
    uint8_t content[32], commit[32], receipt[64], aux[32], what = fuzz_u8(&in), text[64];
    fuzz_fill(&in, r.from.b, 20);
    fuzz_fill(&in, r.to.b, 20);
    fuzz_fill(&in, r.salt, 32);
    fuzz_fill(&in, sig.b, 65);
    fuzz_fill(&in, aux, 32);
    r.payload = fuzz_rest(&in);
    SOTTO_ASSERT(fuzz_err(sotto_record_verify(&r, &sig, &owner)) == SOTTO_ERR_RECORD_SIG);
    SOTTO_ASSERT(sotto_record_sign(&made, &r, &key) == SOTTO_OK && sotto_record_verify(&r, &made, &owner) == SOTTO_OK);
    other = r;
    switch (what % 8) {
    case 0: other.type ^= 1; break;
    case 1: other.seq ^= 1; break;
    case 2: other.time_ms ^= 1; break;
    case 3: other.from.b[what >> 4] ^= 1; break;
    case 4: other.to.b[what >> 4] ^= 1; break;
    case 5: other.salt[what >> 3] ^= 1; break;
    case 6:
        if (r.payload.size == 0 || r.payload.size > sizeof text) break;
        memcpy(text, r.payload.data, r.payload.size);
        text[what % r.payload.size] ^= 1;
        other.payload.data = text;
        break;
    default: made.b[what >> 3] ^= 1;
    }
    bool changed = what % 8 != 6 || other.payload.data == text;
    SOTTO_ASSERT(!changed || sotto_record_verify(&other, &made, &owner) == SOTTO_ERR_RECORD_SIG);

    sotto_record_content(content, &r);
    sotto_record_commit(commit, content, &sig);
    SOTTO_ASSERT(fuzz_err(sotto_receipt_verify(sig.b, commit, r.time_ms, &point)) == SOTTO_ERR_RECORD_SIG);
    SOTTO_ASSERT(sotto_receipt_sign(receipt, commit, r.time_ms, &key, aux) == SOTTO_OK && sotto_receipt_verify(receipt, commit, r.time_ms, &point) == SOTTO_OK);
    SOTTO_ASSERT(sotto_receipt_verify(receipt, commit, r.time_ms + 1, &point) == SOTTO_ERR_RECORD_SIG);
    commit[what & 31] ^= 1;
    SOTTO_ASSERT(sotto_receipt_verify(receipt, commit, r.time_ms, &point) == SOTTO_ERR_RECORD_SIG);
    return 0;
}
