/* Choices taken from the bytes of a fuzz input, for targets that drive something step by step. Bytes that are used up read as zero, so
 * every input means something and a shorter one is a prefix of a longer one.
 *
 * Numbers are taken from single bytes where they fit, so that one changed byte changes one choice and no other moves. */
#ifndef SOTTO_TESTS_SUPPORT_FUZZ_INPUT_H
#define SOTTO_TESTS_SUPPORT_FUZZ_INPUT_H

#include "base/bytes.h"
#include "support/fuzz.h"

struct fuzz_in { const uint8_t *at, *end; };

static inline struct fuzz_in fuzz_in(const uint8_t *data, size_t size) { return (struct fuzz_in){ data, size ? data + size : data }; }
static inline size_t fuzz_left(const struct fuzz_in *in) { return (size_t)(in->end - in->at); }
static inline uint8_t fuzz_u8(struct fuzz_in *in) { return in->at < in->end ? *in->at++ : 0; }
static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
    uint8_t high = fuzz_u8(in);
    return (uint16_t)(high << 8 | fuzz_u8(in));
}
static inline uint32_t fuzz_u32(struct fuzz_in *in)
{
    uint16_t high = fuzz_u16(in);
    return (uint32_t)high << 16 | fuzz_u16(in);
}
static inline uint64_t fuzz_u64(struct fuzz_in *in)
{
    uint32_t high = fuzz_u32(in);
    return (uint64_t)high << 32 | fuzz_u32(in);
}
static inline bool fuzz_bool(struct fuzz_in *in) { return fuzz_u8(in) & 1; }
/* 0..bound-1; bound >= 1. One byte for bounds up to 256, two for others up to 65,536. */
static inline uint32_t fuzz_below(struct fuzz_in *in, uint32_t bound)
{
    return bound <= 1 ? 0 : bound <= 256 ? fuzz_u8(in) % bound : bound <= 65536 ? fuzz_u16(in) % bound : fuzz_u32(in) % bound;
}
/* A number of any size out of two bytes: small ones, and those near powers of two. For times and amounts. */
static inline uint64_t fuzz_wide(struct fuzz_in *in)
{
    uint8_t shift = fuzz_u8(in), low = fuzz_u8(in);
    return (uint64_t)low << (shift & 63) | (shift >> 6 & 1);
}
/* Exactly size bytes; what the input lacks is zero. */
static inline void fuzz_fill(struct fuzz_in *in, void *out, size_t size)
{
    size_t have = fuzz_left(in) < size ? fuzz_left(in) : size;
    memset(out, 0, size);
    if (have) memcpy(out, in->at, have);
    in->at += have;
}
/* At most max bytes of the input, borrowed: a length of one or two bytes, then as many as are there. */
static inline struct sotto_span fuzz_span(struct fuzz_in *in, uint32_t max)
{
    size_t size = fuzz_below(in, max + 1);
    if (size > fuzz_left(in)) size = fuzz_left(in);
    struct sotto_span s = sotto_span(in->at, size);
    in->at += size;
    return s;
}
static inline struct sotto_span fuzz_rest(struct fuzz_in *in)
{
    struct sotto_span s = sotto_span(in->at, fuzz_left(in));
    in->at = in->end;
    return s;
}

/* Every way a call may end is one of the list; anything else is memory taken for an error. */
static inline enum sotto_err fuzz_err(enum sotto_err err)
{
    SOTTO_ASSERT((unsigned)err < SOTTO_ERR_COUNT && sotto_err_name(err)[0] != 0);
    return err;
}

#endif
