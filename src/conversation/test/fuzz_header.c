/* Any 72 bytes as the header of a cell, any numbers as acknowledgements: a header is refused or written back to the same bytes; the
 * window of what has come agrees with a plain list. */
#include "conversation/content.h"
#include "support/fuzz_input.h"

static void header(struct fuzz_in in)
{
    uint8_t bytes[SOTTO_HEADER_BYTES], again[SOTTO_HEADER_BYTES];
    struct sotto_header h, made = { .flags = fuzz_u8(&in) & SOTTO_HEADER_RECORD, .pn = fuzz_u32(&in), .index = fuzz_u32(&in), .height = fuzz_u64(&in) }, same;
    fuzz_fill(&in, made.point.b, 33);
    fuzz_fill(&in, made.block8, 8);
    sotto_header_encode(again, &made);
    SOTTO_ASSERT(sotto_header_decode(&same, again) == SOTTO_OK && same.index == made.index && same.pn == made.pn && same.height == made.height &&
                 same.flags == made.flags && memcmp(same.point.b, made.point.b, 33) == 0);
    fuzz_fill(&in, bytes, sizeof bytes);
    if (fuzz_err(sotto_header_decode(&h, bytes)) != SOTTO_OK) return;
    sotto_header_encode(again, &h);
    SOTTO_ASSERT(memcmp(bytes, again, sizeof bytes) == 0);
}

static void window(struct fuzz_in in)
{
    enum { NUMBERS = 6000 };
    static uint8_t came[NUMBERS];
    struct sotto_window w = { 0 };
    uint32_t ack = 0, high = 0;
    memset(came, 0, sizeof came);
    for (unsigned i = 0; i < 300 && fuzz_left(&in); i++) {
        uint32_t seq = fuzz_bool(&in) ? ack + 1 + fuzz_u8(&in) : fuzz_below(&in, NUMBERS);
        if (seq >= NUMBERS) continue;
        SOTTO_ASSERT(sotto_window_fits(&w, seq) == (seq >= 1 && seq <= ack + SOTTO_WINDOW_BITS));
        SOTTO_ASSERT(!sotto_window_fits(&w, seq) || sotto_window_has(&w, seq) == (seq <= ack || came[seq]));
        if (!sotto_window_fits(&w, seq)) continue;
        sotto_window_add(&w, seq);
        came[seq] = 1;
        while (ack + 1 < NUMBERS && came[ack + 1]) ack++;
        if (seq > high) high = seq;
        SOTTO_ASSERT(w.ack == ack && w.high == high && sotto_window_has(&w, seq));
        uint32_t bits = sotto_window_ackbits(&w);
        for (uint32_t k = 0; k < 34; k++) {
            uint32_t at = ack + k;
            SOTTO_ASSERT(sotto_ack_covers(w.ack, bits, at) == (at <= ack || (k >= 2 && at < NUMBERS && came[at])) || at == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (fuzz_bool(&in)) header(in);
    else window(in);
    return 0;
}
