/* Any bytes as a certificate: parsed, checked against a clock and every answer of the ledger. */
#include "support/fuzz.h"

#include "identity/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    struct sotto_span bytes = sotto_span(data, size);
    struct sotto_cert cert, again;
    if (sotto_cert_parse(&cert, bytes) != SOTTO_OK) return 0;
    SOTTO_ASSERT(cert.endpoint_size + SOTTO_CERT_MIN == size);
    for (unsigned state = SOTTO_LEDGER_NONE; state <= SOTTO_LEDGER_REVOKED; state++) {
        struct sotto_ledger_status status = { .state = (enum sotto_ledger_state)state, .owner = cert.id };
        enum sotto_err err = sotto_cert_read(&again, bytes, cert.not_before_s * 1000, &status);
        SOTTO_ASSERT(state == SOTTO_LEDGER_NONE || err != SOTTO_OK);
    }
    return 0;
}
