/* Buffers and readers against a plain array: any order of adds, drops and gets. A buffer never passes its bound, a refused call
 * changes nothing, and a reader gives back what was put in. */
#include "support/fuzz_input.h"

#include <stdlib.h>

enum { MODEL_MAX = 8192 };

static void check(const struct sotto_buf *b, const uint8_t *model, size_t size)
{
    SOTTO_ASSERT(b->size == size && b->size <= b->cap && b->cap <= b->max && (size == 0 || memcmp(b->data, model, size) == 0));
}

static void read_back(struct fuzz_in *in, struct sotto_span all)
{
    struct sotto_reader r = sotto_reader(all);
    size_t at = 0;
    for (unsigned steps = 0; steps < 64 && fuzz_left(in); steps++) {
        size_t left = all.size - at, want = 0;
        uint8_t raw[64], v8;
        uint16_t v16;
        uint32_t v32;
        uint64_t v64;
        struct sotto_span s;
        enum sotto_err err;
        SOTTO_ASSERT(sotto_reader_left(&r) == left && (sotto_get_end(&r) == SOTTO_OK) == (left == 0));
        switch (fuzz_below(in, 6)) {
        case 0: want = 1, err = sotto_get_u8(&r, &v8); if (err == SOTTO_OK) SOTTO_ASSERT(v8 == all.data[at]); break;
        case 1: want = 2, err = sotto_get_u16(&r, &v16); if (err == SOTTO_OK) SOTTO_ASSERT(v16 == sotto_be16(all.data + at)); break;
        case 2: want = 4, err = sotto_get_u32(&r, &v32); if (err == SOTTO_OK) SOTTO_ASSERT(v32 == sotto_be32(all.data + at)); break;
        case 3: want = 8, err = sotto_get_u64(&r, &v64); if (err == SOTTO_OK) SOTTO_ASSERT(v64 == sotto_be64(all.data + at)); break;
        case 4:
            want = fuzz_below(in, sizeof raw), err = sotto_get_bytes(&r, raw, want);
            if (err == SOTTO_OK && want) SOTTO_ASSERT(memcmp(raw, all.data + at, want) == 0);
            break;
        default:
            want = fuzz_below(in, 600), err = sotto_get_span(&r, &s, want);
            if (err == SOTTO_OK) SOTTO_ASSERT(s.size == want && (want == 0 || s.data == all.data + at));
        }
        SOTTO_ASSERT(err == (want <= left ? SOTTO_OK : SOTTO_ERR_FORMAT));
        if (err == SOTTO_OK) at += want;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t model[MODEL_MAX];
    struct fuzz_in in = fuzz_in(data, size);
    size_t have = 0, max = fuzz_below(&in, MODEL_MAX);
    struct sotto_buf b = sotto_buf_make(max);
    for (unsigned steps = 0; steps < 200 && fuzz_left(&in); steps++) {
        uint8_t piece[8];
        struct sotto_span s = sotto_span(piece, 0);
        enum sotto_err err = SOTTO_OK;
        uint64_t v;
        switch (fuzz_below(&in, 9)) {
        case 0: piece[0] = fuzz_u8(&in), s.size = 1, err = sotto_buf_add_u8(&b, piece[0]); break;
        case 1: v = fuzz_u16(&in), s.size = 2, sotto_put_be16(piece, (uint16_t)v), err = sotto_buf_add_u16(&b, (uint16_t)v); break;
        case 2: v = fuzz_u32(&in), s.size = 4, sotto_put_be32(piece, (uint32_t)v), err = sotto_buf_add_u32(&b, (uint32_t)v); break;
        case 3: v = fuzz_u64(&in), s.size = 8, sotto_put_be64(piece, v), err = sotto_buf_add_u64(&b, v); break;
        case 4: s = fuzz_span(&in, 255), err = sotto_buf_add_span(&b, s); break;
        case 5: s = fuzz_span(&in, 2000), err = sotto_buf_add(&b, s.data, s.size); break;
        case 6:
            v = fuzz_below(&in, 65536);
            if (fuzz_bool(&in)) v = SIZE_MAX - v;
            SOTTO_ASSERT((sotto_buf_reserve(&b, (size_t)v) == SOTTO_OK) == (v <= max - have));
            break;
        case 7:
            v = fuzz_below(&in, (uint32_t)have + 1);
            sotto_buf_drop(&b, (size_t)v);
            memmove(model, model + v, have -= (size_t)v);
            break;
        default:
            if (fuzz_u8(&in) % 8) break;
            sotto_buf_free(&b);
            have = 0;
        }
        SOTTO_ASSERT(fuzz_err(err) == (s.size <= max - have ? SOTTO_OK : SOTTO_ERR_FULL));
        if (err == SOTTO_OK && s.size) memcpy(model + have, s.data, s.size), have += s.size;
        check(&b, model, have);
    }
    in = fuzz_in(data, size);
    read_back(&in, sotto_span(model, have));
    sotto_buf_free(&b);
    SOTTO_ASSERT(b.data == NULL && b.max == max);
    return 0;
}
