/* Any text as an ID, any bytes as words: an accepted ID is written back as the text that was read, but for case. */
#include "support/fuzz_input.h"

#include "crypto/curve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_id id, again, made;
    char text[43];
    struct sotto_span in = sotto_span(data, size);
    enum sotto_err loose = fuzz_err(sotto_id_parse(&id, in, true)), strict = fuzz_err(sotto_id_parse(&again, in, false));
    SOTTO_ASSERT(strict != SOTTO_OK || loose == SOTTO_OK);
    if (loose == SOTTO_OK) {
        sotto_id_text(text, &id);
        SOTTO_ASSERT(size == 42 && text[42] == 0 && (memcmp(text, data, 42) == 0) == (strict == SOTTO_OK));
        for (size_t i = 0; i < 42; i++) SOTTO_ASSERT((text[i] | 0x20) == (data[i] | 0x20));
        SOTTO_ASSERT(sotto_id_parse(&again, sotto_span(text, 42), false) == SOTTO_OK && sotto_id_equal(&id, &again));
    }
    struct fuzz_in bytes = fuzz_in(data, size);
    fuzz_fill(&bytes, made.b, sizeof made.b);
    sotto_id_text(text, &made);
    SOTTO_ASSERT(sotto_id_parse(&again, sotto_span(text, 42), false) == SOTTO_OK && sotto_id_equal(&made, &again));
    if (fuzz_left(&bytes)) {                              /* one letter in the other case is a slip of the hand: refused */
        size_t at = 2 + fuzz_u8(&bytes) % 40;
        unsigned letters = 0;
        for (size_t i = 2; i < 42; i++) letters += (text[i] | 0x20) >= 'a';
        if ((text[at] | 0x20) >= 'a' && letters > 1) {
            text[at] ^= 0x20;
            SOTTO_ASSERT(sotto_id_parse(&again, sotto_span(text, 42), false) != SOTTO_OK);
        }
    }
    return 0;
}
