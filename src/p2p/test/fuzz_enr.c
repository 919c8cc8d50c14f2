/* Any bytes as a node record, as its text, and as the content of a record that is signed as it stands, so that the reader of the pairs
 * is reached. What is accepted has one text, and that text reads back to the same bytes; a changed byte is refused. */
#include "support/fuzz_input.h"

#include "crypto/hash.h"
#include "p2p/enr.h"
#include "wire/rlp.h"

static const struct sotto_scalar secret = { { [31] = 7 } };

static bool check(struct sotto_span in)
{
    struct sotto_enr r, back;
    struct sotto_enr_record record;
    struct sotto_addr addr;
    uint16_t tcp;
    char text[SOTTO_ENR_TEXT_SIZE];
    memset(&r, 0xa5, sizeof r);
    if (fuzz_err(sotto_enr_read(&r, in)) != SOTTO_OK) {
        for (size_t i = 0; i < sizeof r; i++) SOTTO_ASSERT(((uint8_t *)&r)[i] == 0xa5);
        return false;
    }
    SOTTO_ASSERT(in.size <= SOTTO_ENR_SIZE_MAX);
    SOTTO_ASSERT(sotto_enr_text(text, in) == SOTTO_OK);
    SOTTO_ASSERT(sotto_enr_parse(&record, &back, sotto_span_str(text)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_enr_span(&record), in) && memcmp(&r, &back, sizeof r) == 0);
    if (sotto_enr_endpoint(&r, &addr, &tcp)) SOTTO_ASSERT(addr.family == 4 || addr.family == 6);
    else SOTTO_ASSERT(!r.has_ip4 && !r.has_ip6);
    return true;
}

static void check_content(struct sotto_span items)
{
    struct sotto_buf list = sotto_buf_make(8192), record = sotto_buf_make(8192);
    uint8_t digest[32];
    struct sotto_sig65 sig;
    SOTTO_ASSERT(sotto_rlp_add_list_head(&list, items.size) == SOTTO_OK && sotto_buf_add_span(&list, items) == SOTTO_OK);
    sotto_keccak256(digest, sotto_buf_span(&list));
    SOTTO_ASSERT(sotto_sign(&sig, &secret, digest) == SOTTO_OK && sotto_rlp_add_bytes(&record, sotto_span(sig.b, 64)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_buf_add_span(&record, items) == SOTTO_OK && sotto_rlp_end_list(&record, 0) == SOTTO_OK);
    if (check(sotto_buf_span(&record))) {
        record.data[record.size - 1 - items.size / 2] ^= 1;
        SOTTO_ASSERT(!check(sotto_buf_span(&record)));
    }
    sotto_buf_free(&list);
    sotto_buf_free(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_enr r;
    struct sotto_enr_record record;
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    check(sotto_span(data, size));
    (void)fuzz_err(sotto_enr_parse(&record, &r, sotto_span(data, size)));
    if (size <= 1024) check_content(sotto_span(data, size));
    return 0;
}
