/* A file sealed into blobs and opened again, its pieces handed over in the order, as often and as damaged as the fuzzer likes, with
 * interruptions: nothing wrong is taken, what is taken is the file, and at the end the hash is right. */
#include "support/fuzz_input.h"

#include "files/filelink.h"

#include <stdlib.h>

enum { BLOBS_MAX = 1200, STEPS_MAX = 60, FILES = 12 };

/* Sealing is dear, so a few sizes stand for all: around the ends of pieces, and one file with a level more (over 511 pieces). */
static const uint64_t sizes[FILES] = { 0, 1, 5000, SOTTO_PIECE_SIZE - 1, SOTTO_PIECE_SIZE, SOTTO_PIECE_SIZE + 1, 2 * SOTTO_PIECE_SIZE, 3 * SOTTO_PIECE_SIZE - 7,
                                       4 * SOTTO_PIECE_SIZE, 5 * SOTTO_PIECE_SIZE + 3, 7 * SOTTO_PIECE_SIZE, 513ull * SOTTO_PIECE_SIZE };

struct stored { uint8_t blob[SOTTO_BLOB_SIZE], id[32]; uint8_t level; uint32_t index; };

static uint8_t byte_at(uint64_t at) { return (uint8_t)(at * 131 + (at >> 8)); }

static struct stored *find(struct stored *s, uint32_t count, uint8_t level, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        if (s[i].level == level && s[i].index == index) return &s[i];
    return NULL;
}

static uint32_t seal(struct stored *stored, struct sotto_filelink *link, uint64_t size)
{
    struct sotto_sealer *s;
    uint8_t piece[SOTTO_PIECE_SIZE];
    uint32_t count = 0, index = 0;
    uint8_t level = 0;
    uint64_t at = 0;
    SOTTO_ASSERT(sotto_sealer_new(&s, &link->fk, size) == SOTTO_OK);
    while (!sotto_sealer_done(s)) {
        size_t wants = sotto_sealer_wants(s);
        for (size_t i = 0; i < wants; i++) piece[i] = byte_at(at + i);
        SOTTO_ASSERT(wants <= sizeof piece && count < BLOBS_MAX && at + wants <= size);
        SOTTO_ASSERT(sotto_sealer_next(s, stored[count].blob, stored[count].id, sotto_span(piece, wants + 1)) == SOTTO_ERR_RANGE);
        SOTTO_ASSERT(sotto_sealer_next(s, stored[count].blob, stored[count].id, sotto_span(piece, wants)) == SOTTO_OK);
        at += wants;
        stored[count].level = level;
        stored[count++].index = index++;
        if (index == link->shape.count[level] && level < link->shape.depth) level++, index = 0;
    }
    SOTTO_ASSERT(at == size && sotto_sealer_result(s, link->root, link->sha256) == SOTTO_OK);
    SOTTO_ASSERT(memcmp(stored[count - 1].id, link->root, 32) == 0);
    sotto_sealer_free(s);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sealed { struct sotto_filelink link; struct stored *stored; uint32_t count; } files[FILES];
    struct fuzz_in in = fuzz_in(data, size);
    uint32_t which = fuzz_below(&in, FILES);
    uint8_t plain[SOTTO_PIECE_SIZE], *file;
    struct sotto_opener *o;
    struct sealed *f = &files[which];
    if (!f->stored) {
        SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK && sotto_file_shape(&f->link.shape, sizes[which]) == SOTTO_OK);
        SOTTO_ASSERT(f->link.shape.count[f->link.shape.depth] == 1);
        f->link.fk.b[0] = (uint8_t)(which + 1);
        f->stored = malloc((which + 1 == FILES ? BLOBS_MAX : 16) * sizeof *f->stored);
        SOTTO_ASSERT(f->stored);
        f->count = seal(f->stored, &f->link, sizes[which]);
    }
    struct stored *stored = f->stored;
    struct sotto_filelink link = f->link;
    uint32_t count = f->count;
    uint64_t file_size = sizes[which];
    file = calloc(1, file_size + 1);
    SOTTO_ASSERT(file && sotto_opener_new(&o, &link.fk, link.root, &link.shape) == SOTTO_OK);
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in), level = op >> 6, id[32];
        uint32_t index = fuzz_u8(&in);
        size_t got = 77;
        if (op % 8 < 4 && !sotto_opener_next(o, &level, &index)) break;
        bool known = sotto_opener_id(o, id, level, index), had = sotto_opener_has(o, level, index);
        struct stored *s = find(stored, count, level, index);
        SOTTO_ASSERT(!known || (s && memcmp(id, s->id, 32) == 0));      /* had and not known: on disk since before, the levels above not yet again */
        if (op % 8 == 7) {                            /* interrupted: only the bitmap of the lowest level is on disk */
            struct sotto_span bits = sotto_opener_bitmap(o);
            struct sotto_buf kept = sotto_buf_make(1u << 16);
            SOTTO_ASSERT(sotto_buf_add_span(&kept, bits) == SOTTO_OK && bits.size == (link.shape.count[0] + 7) / 8);
            sotto_opener_free(o);
            SOTTO_ASSERT(sotto_opener_new(&o, &link.fk, link.root, &link.shape) == SOTTO_OK && sotto_opener_resume(o, sotto_buf_span(&kept)) == SOTTO_OK);
            SOTTO_ASSERT(sotto_span_equal(sotto_opener_bitmap(o), sotto_buf_span(&kept)));
            sotto_buf_free(&kept);
            continue;
        }
        if (op % 8 == 6) {
            struct sotto_span bits = fuzz_span(&in, 40);
            struct sotto_opener *other;
            SOTTO_ASSERT(sotto_opener_new(&other, &link.fk, link.root, &link.shape) == SOTTO_OK);
            if (fuzz_err(sotto_opener_resume(other, bits)) == SOTTO_OK) SOTTO_ASSERT(sotto_span_equal(sotto_opener_bitmap(other), bits));
            sotto_opener_free(other);
            continue;
        }
        struct stored *given = op % 8 == 4 ? &stored[fuzz_u16(&in) % count] : s;
        if (!given) continue;
        uint8_t *spoilt = op % 8 == 5 ? &given->blob[fuzz_u16(&in) % SOTTO_BLOB_SIZE] : NULL;
        if (spoilt) *spoilt ^= 1;
        uint8_t honest[32];
        sotto_blob_id(honest, given->blob);
        bool right = s && memcmp(honest, s->id, 32) == 0;
        enum sotto_err err = fuzz_err(sotto_opener_put(o, plain, &got, level, index, sotto_span(given->blob, op & 8 ? SOTTO_BLOB_SIZE - 1 : SOTTO_BLOB_SIZE)));
        SOTTO_ASSERT((err == SOTTO_OK) == (known && !had && right && !(op & 8)));
        if (spoilt) *spoilt ^= 1;
        if (err != SOTTO_OK) continue;
        SOTTO_ASSERT(sotto_opener_has(o, level, index) && (level == 0 || got == 0));
        uint64_t from = (uint64_t)index * SOTTO_PIECE_SIZE;
        if (level == 0 && got) {
            SOTTO_ASSERT(from + got <= file_size);
            for (size_t k = 0; k < got; k++) SOTTO_ASSERT(plain[k] == byte_at(from + k));
            memcpy(file + from, plain, got);
        }
    }
    if (sotto_opener_done(o)) {
        struct sotto_file_check check;
        sotto_file_check_begin(&check);
        sotto_file_check_add(&check, sotto_span(file, file_size));
        SOTTO_ASSERT(sotto_file_check_end(&check, &link) == SOTTO_OK);
    }
    sotto_opener_free(o);
    free(file);
    return 0;
}
