#include "files/blob.h"

#include "crypto/aead.h"

#include <stdlib.h>

/* ---- shape ---- */

uint32_t sotto_pieces_round(uint32_t n)
{
    SOTTO_ASSERT(n >= 1 && n <= SOTTO_PIECES_MAX);
    uint32_t power = 1;
    while (power < n) power *= 2;
    return power >= 4 && power / 4 * 3 >= n ? power / 4 * 3 : power;
}

enum sotto_err sotto_file_shape(struct sotto_file_shape *out, uint64_t size)
{
    if (size > SOTTO_FILE_SIZE_MAX) return SOTTO_ERR_RANGE;
    struct sotto_file_shape s = { .size = size };
    uint32_t pieces = (uint32_t)((size + SOTTO_PIECE_SIZE - 1) / SOTTO_PIECE_SIZE);
    s.count[0] = sotto_pieces_round(pieces ? pieces : 1);
    do {
        SOTTO_ASSERT(s.depth + 1u < SOTTO_FILE_LEVELS);
        s.count[s.depth + 1] = (s.count[s.depth] + SOTTO_BLOB_IDS - 1) / SOTTO_BLOB_IDS;
        s.depth++;
    } while (s.count[s.depth] > 1);
    *out = s;
    return SOTTO_OK;
}

/* Bytes of the file in piece index of level 0. */
static size_t piece_bytes(const struct sotto_file_shape *s, uint32_t index)
{
    uint64_t from = (uint64_t)index * SOTTO_PIECE_SIZE;
    if (from >= s->size) return 0;
    return s->size - from < SOTTO_PIECE_SIZE ? (size_t)(s->size - from) : SOTTO_PIECE_SIZE;
}

/* Ids in blob index of a level above 0. */
static uint32_t id_count(const struct sotto_file_shape *s, uint8_t level, uint32_t index)
{
    uint32_t left = s->count[level - 1] - index * SOTTO_BLOB_IDS;
    return left < SOTTO_BLOB_IDS ? left : SOTTO_BLOB_IDS;
}

/* ---- one blob ---- */

static void place_of(uint8_t out[5], uint8_t level, uint32_t index)
{
    out[0] = level;
    sotto_put_be32(out + 1, index);
}

static void blob_key(struct sotto_kn *out, const struct sotto_secret *fk, const uint8_t place[5])
{
    const struct sotto_span more[] = { sotto_span(place, 5) };
    sotto_hkdf(out->b, sizeof out->b, sotto_span(NULL, 0), SOTTO_SPAN(fk->b), "sotto/file/1", more, 1);
}

#define AAD_TEXT "sotto/blob/1"
enum { AAD_SIZE = sizeof AAD_TEXT - 1 + 5 };

static void blob_aad(uint8_t out[AAD_SIZE], const uint8_t place[5])
{
    memcpy(out, AAD_TEXT, AAD_SIZE - 5);
    memcpy(out + AAD_SIZE - 5, place, 5);
}

void sotto_blob_id(uint8_t id[32], const uint8_t blob[SOTTO_BLOB_SIZE])
{
    SOTTO_TH(id, "sotto/blob", sotto_span(blob, SOTTO_BLOB_SIZE));
}

enum sotto_err sotto_blob_seal(uint8_t blob[SOTTO_BLOB_SIZE], uint8_t id[32], const struct sotto_secret *fk, uint8_t level, uint32_t index,
                               const uint8_t piece[SOTTO_PIECE_SIZE])
{
    uint8_t place[5], aad[AAD_SIZE];
    struct sotto_kn kn;
    place_of(place, level, index);
    blob_key(&kn, fk, place);
    blob_aad(aad, place);
    enum sotto_err err = sotto_gcm_seal(blob, &kn, SOTTO_SPAN(aad), sotto_span(piece, SOTTO_PIECE_SIZE));
    if (err == SOTTO_OK) sotto_blob_id(id, blob);
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_blob_open(uint8_t piece[SOTTO_PIECE_SIZE], const struct sotto_secret *fk, uint8_t level, uint32_t index,
                               const uint8_t id[32], struct sotto_span blob)
{
    uint8_t seen[32], place[5], aad[AAD_SIZE];
    if (blob.size != SOTTO_BLOB_SIZE) return SOTTO_ERR_FILE_FORM;
    sotto_blob_id(seen, blob.data);
    if (memcmp(seen, id, sizeof seen) != 0) return SOTTO_ERR_FILE_FORM;
    struct sotto_kn kn;
    place_of(place, level, index);
    blob_key(&kn, fk, place);
    blob_aad(aad, place);
    enum sotto_err err = sotto_gcm_open(piece, &kn, SOTTO_SPAN(aad), blob);
    SOTTO_WIPE(kn);
    return err;
}

/* ---- ids of all levels, one block ---- */

struct tree {
    struct sotto_file_shape shape;
    struct sotto_secret fk;
    uint8_t *ids;                         /* level 0, then 1, ...: 32 bytes each */
};

static size_t tree_total(const struct sotto_file_shape *s)
{
    size_t n = 0;
    for (unsigned l = 0; l <= s->depth; l++) n += s->count[l];
    return n;
}

static uint8_t *tree_id(const struct tree *t, uint8_t level, uint32_t index)
{
    size_t n = index;
    for (unsigned l = 0; l < level; l++) n += t->shape.count[l];
    return t->ids + 32 * n;
}

static enum sotto_err tree_init(struct tree *t, const struct sotto_secret *fk, const struct sotto_file_shape *shape)
{
    t->shape = *shape;
    t->fk = *fk;
    t->ids = calloc(tree_total(shape), 32);
    return t->ids ? SOTTO_OK : SOTTO_ERR_NOMEM;
}

/* ---- sealing ---- */

struct sotto_sealer {
    struct tree tree;
    struct sha256_ctx sha;
    uint8_t level;                        /* of the next blob; depth + 1 = done */
    uint32_t index;
    uint8_t sha256[32];
    uint8_t piece[SOTTO_PIECE_SIZE];
};

enum sotto_err sotto_sealer_new(struct sotto_sealer **out, const struct sotto_secret *fk, uint64_t size)
{
    struct sotto_file_shape shape;
    SOTTO_TRY(sotto_file_shape(&shape, size));
    struct sotto_sealer *s = calloc(1, sizeof *s);
    if (!s) return SOTTO_ERR_NOMEM;
    enum sotto_err err = tree_init(&s->tree, fk, &shape);
    if (err != SOTTO_OK) {
        sotto_sealer_free(s);
        return err;
    }
    sha256_init(&s->sha);
    *out = s;
    return SOTTO_OK;
}

void sotto_sealer_free(struct sotto_sealer *s)
{
    if (!s) return;
    free(s->tree.ids);
    SOTTO_WIPE(*s);
    free(s);
}

bool sotto_sealer_done(const struct sotto_sealer *s) { return s->level > s->tree.shape.depth; }

size_t sotto_sealer_wants(const struct sotto_sealer *s)
{
    return s->level == 0 ? piece_bytes(&s->tree.shape, s->index) : 0;
}

enum sotto_err sotto_sealer_next(struct sotto_sealer *s, uint8_t blob[SOTTO_BLOB_SIZE], uint8_t id[32], struct sotto_span data)
{
    if (sotto_sealer_done(s)) return SOTTO_ERR_STATE;
    if (data.size != sotto_sealer_wants(s)) return SOTTO_ERR_RANGE;
    struct sotto_span part = s->level == 0 ? data
        : sotto_span(tree_id(&s->tree, s->level - 1, s->index * SOTTO_BLOB_IDS), 32u * id_count(&s->tree.shape, s->level, s->index));
    memset(s->piece, 0, sizeof s->piece);
    if (part.size > 0) memcpy(s->piece, part.data, part.size);

    uint8_t *own = tree_id(&s->tree, s->level, s->index);
    enum sotto_err err = sotto_blob_seal(blob, own, &s->tree.fk, s->level, s->index, s->piece);
    SOTTO_WIPE(s->piece);
    SOTTO_TRY(err);
    memcpy(id, own, 32);
    if (s->level == 0) sha256_update(&s->sha, data.size, data.data);
    if (++s->index == s->tree.shape.count[s->level]) {
        if (s->level == 0) sha256_digest(&s->sha, sizeof s->sha256, s->sha256);
        s->index = 0;
        s->level++;
    }
    return SOTTO_OK;
}

enum sotto_err sotto_sealer_result(const struct sotto_sealer *s, uint8_t root[32], uint8_t sha256[32])
{
    if (!sotto_sealer_done(s)) return SOTTO_ERR_STATE;
    memcpy(root, tree_id(&s->tree, s->tree.shape.depth, 0), 32);
    memcpy(sha256, s->sha256, 32);
    return SOTTO_OK;
}

/* ---- opening ---- */

struct sotto_opener {
    struct tree tree;                     /* ids as learnt so far; a zero id is not known: no blob hashes to zeros */
    uint8_t *bitmap;                      /* level 0 */
    bool *upper;                          /* levels 1.., in the order of the tree */
    uint32_t missing;                     /* pieces of level 0 */
    uint32_t low;                         /* every piece below it is there: keeps _next short */
    uint8_t piece[SOTTO_PIECE_SIZE];
};

static size_t bitmap_size(const struct sotto_opener *o) { return (o->tree.shape.count[0] + 7u) / 8u; }

static bool *upper_mark(const struct sotto_opener *o, uint8_t level, uint32_t index)
{
    size_t n = index;
    for (unsigned l = 1; l < level; l++) n += o->tree.shape.count[l];
    return &o->upper[n];
}

static bool inside(const struct sotto_opener *o, uint8_t level, uint32_t index)
{
    return level <= o->tree.shape.depth && index < o->tree.shape.count[level];
}

enum sotto_err sotto_opener_new(struct sotto_opener **out, const struct sotto_secret *fk, const uint8_t root[32],
                                const struct sotto_file_shape *shape)
{
    struct sotto_file_shape right;
    SOTTO_TRY(sotto_file_shape(&right, shape->size));
    if (right.depth != shape->depth || memcmp(right.count, shape->count, sizeof right.count) != 0) return SOTTO_ERR_RANGE;
    struct sotto_opener *o = calloc(1, sizeof *o);
    if (!o) return SOTTO_ERR_NOMEM;
    enum sotto_err err = tree_init(&o->tree, fk, &right);
    o->bitmap = calloc(1, bitmap_size(o));
    o->upper = calloc(tree_total(&right) - right.count[0], sizeof *o->upper);
    if (err != SOTTO_OK || !o->bitmap || !o->upper) {
        sotto_opener_free(o);
        return SOTTO_ERR_NOMEM;
    }
    o->missing = right.count[0];
    memcpy(tree_id(&o->tree, right.depth, 0), root, 32);
    *out = o;
    return SOTTO_OK;
}

void sotto_opener_free(struct sotto_opener *o)
{
    if (!o) return;
    free(o->tree.ids);
    free(o->bitmap);
    free(o->upper);
    SOTTO_WIPE(*o);
    free(o);
}

bool sotto_opener_has(const struct sotto_opener *o, uint8_t level, uint32_t index)
{
    if (!inside(o, level, index)) return false;
    return level == 0 ? (o->bitmap[index / 8] >> (index % 8) & 1) != 0 : *upper_mark(o, level, index);
}

bool sotto_opener_id(const struct sotto_opener *o, uint8_t id[32], uint8_t level, uint32_t index)
{
    if (!inside(o, level, index)) return false;
    if (level < o->tree.shape.depth && !*upper_mark(o, level + 1, index / SOTTO_BLOB_IDS)) return false;
    memcpy(id, tree_id(&o->tree, level, index), 32);
    return true;
}

bool sotto_opener_next(const struct sotto_opener *o, uint8_t *level, uint32_t *index)
{
    uint8_t id[32];
    if (o->missing == 0) return false;
    for (int l = o->tree.shape.depth; l >= 0; l--)
        for (uint32_t i = l == 0 ? o->low : 0; i < o->tree.shape.count[l]; i++)
            if (!sotto_opener_has(o, (uint8_t)l, i) && sotto_opener_id(o, id, (uint8_t)l, i)) {
                *level = (uint8_t)l;
                *index = i;
                return true;
            }
    return false;
}

static void move_low(struct sotto_opener *o)
{
    while (o->low < o->tree.shape.count[0] && sotto_opener_has(o, 0, o->low)) o->low++;
}

enum sotto_err sotto_opener_put(struct sotto_opener *o, uint8_t plain[SOTTO_PIECE_SIZE], size_t *size, uint8_t level, uint32_t index,
                                struct sotto_span blob)
{
    uint8_t id[32];
    if (!sotto_opener_id(o, id, level, index) || sotto_opener_has(o, level, index)) return SOTTO_ERR_STATE;
    SOTTO_TRY(sotto_blob_open(o->piece, &o->tree.fk, level, index, id, blob));
    size_t used = level == 0 ? piece_bytes(&o->tree.shape, index) : 32u * id_count(&o->tree.shape, level, index);
    enum sotto_err err = sotto_all_zero(o->piece + used, SOTTO_PIECE_SIZE - used) ? SOTTO_OK : SOTTO_ERR_FILE_FORM;
    if (err == SOTTO_OK && level == 0) {
        memcpy(plain, o->piece, used);
        *size = used;
        o->bitmap[index / 8] |= (uint8_t)(1u << (index % 8));
        o->missing--;
        move_low(o);
    } else if (err == SOTTO_OK) {
        memcpy(tree_id(&o->tree, level - 1, index * SOTTO_BLOB_IDS), o->piece, used);
        *size = 0;
        *upper_mark(o, level, index) = true;
    }
    SOTTO_WIPE(o->piece);
    return err;
}

bool sotto_opener_done(const struct sotto_opener *o) { return o->missing == 0; }

struct sotto_span sotto_opener_bitmap(const struct sotto_opener *o) { return sotto_span(o->bitmap, bitmap_size(o)); }

enum sotto_err sotto_opener_resume(struct sotto_opener *o, struct sotto_span bitmap)
{
    uint32_t count = o->tree.shape.count[0], have = 0;
    if (bitmap.size != bitmap_size(o)) return SOTTO_ERR_FORMAT;
    for (uint32_t i = 0; i < bitmap.size * 8; i++) {
        bool bit = (bitmap.data[i / 8] >> (i % 8) & 1) != 0;
        if (bit && i >= count) return SOTTO_ERR_FORMAT;
        have += bit;
    }
    memcpy(o->bitmap, bitmap.data, bitmap.size);
    o->missing = count - have;
    o->low = 0;
    move_low(o);
    return SOTTO_OK;
}
