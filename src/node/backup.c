#include "node/backup.h"

#include "crypto/hash.h"

enum { ITEM_HEAD = 13, AAD_SIZE = 35 + 12 + 4 };
static const char magic[8] = { 'S', 'O', 'T', 'T', 'O', 'B', 'A', 'K' };
#define CHECK_PART 0xffffffffu

void sotto_backup_begin(struct sotto_backup_writer *w)
{
    *w = (struct sotto_backup_writer){ .items = sotto_buf_make(SOTTO_BACKUP_SIZE_MAX / 2), .cuts = sotto_buf_make(1u << 20) };
}

void sotto_backup_free(struct sotto_backup_writer *w)
{
    sotto_buf_free(&w->items);
    sotto_buf_free(&w->cuts);
}

enum sotto_err sotto_backup_add(struct sotto_backup_writer *w, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    if (bytes.size > SOTTO_BACKUP_PART_PLAIN_MAX - ITEM_HEAD) return SOTTO_ERR_TOO_LONG;
    size_t need = ITEM_HEAD + bytes.size;
    if (w->items.size - w->part_start + need > SOTTO_BACKUP_PART_PLAIN_MAX) {
        SOTTO_TRY(sotto_buf_add_u32(&w->cuts, (uint32_t)w->items.size));
        w->part_start = (uint32_t)w->items.size;
    }
    SOTTO_TRY(sotto_buf_reserve(&w->items, need));
    uint8_t *p = w->items.data + w->items.size;
    p[0] = (uint8_t)kind;
    sotto_put_be64(p + 1, row);
    sotto_put_be32(p + 9, (uint32_t)bytes.size);
    if (bytes.size) memcpy(p + ITEM_HEAD, bytes.data, bytes.size);
    w->items.size += need;
    w->count++;
    return SOTTO_OK;
}

static enum sotto_err part_key(struct sotto_secret *key, struct sotto_span passphrase, struct sotto_vault_cost cost, const uint8_t salt[16])
{
    struct sotto_secret kek;
    SOTTO_TRY(sotto_vault_kek(&kek, passphrase, cost, salt));
    sotto_hkdf(key->b, sizeof key->b, sotto_span(NULL, 0), SOTTO_SPAN(kek.b), "sotto/backup/1", NULL, 0);
    SOTTO_WIPE(kek);
    return SOTTO_OK;
}

static enum sotto_err seal_part(struct sotto_buf *out, const struct sotto_secret *key, uint8_t aad[AAD_SIZE], uint32_t part,
                                struct sotto_span plain, struct sotto_rng *rng)
{
    uint8_t nonce[24];
    sotto_rng_fill(rng, nonce, sizeof nonce);
    sotto_put_be32(aad + 47, part);
    SOTTO_TRY(sotto_buf_reserve(out, 24 + plain.size + SOTTO_TAG_SIZE));
    memcpy(out->data + out->size, nonce, 24);
    SOTTO_TRY(sotto_xchacha_seal(out->data + out->size + 24, key, nonce, sotto_span(aad, AAD_SIZE), plain));
    out->size += 24 + plain.size + SOTTO_TAG_SIZE;
    return SOTTO_OK;
}

enum sotto_err sotto_backup_seal(struct sotto_buf *out, const struct sotto_backup_writer *w, struct sotto_span passphrase,
                                 struct sotto_vault_cost cost, uint64_t created_ms, struct sotto_rng *rng)
{
    uint8_t aad[AAD_SIZE];
    uint32_t parts = (uint32_t)(w->cuts.size / 4) + (w->items.size > w->part_start);
    memcpy(aad, magic, 8);
    aad[8] = 1;
    aad[9] = 1;
    sotto_put_be32(aad + 10, cost.passes);
    sotto_put_be32(aad + 14, cost.memory_kib);
    aad[18] = 1;
    sotto_rng_fill(rng, aad + 19, 16);
    sotto_put_be64(aad + 35, created_ms);
    sotto_put_be32(aad + 43, parts);

    struct sotto_secret key;
    SOTTO_TRY(part_key(&key, passphrase, cost, aad + 19));
    size_t start = out->size;
    enum sotto_err err = sotto_buf_add(out, aad, 47);
    if (err == SOTTO_OK) err = seal_part(out, &key, aad, CHECK_PART, sotto_span(NULL, 0), rng);
    uint32_t from = 0;
    for (uint32_t i = 0; err == SOTTO_OK && i < parts; i++) {
        uint32_t to = 4 * i < w->cuts.size ? sotto_be32(w->cuts.data + 4 * i) : (uint32_t)w->items.size;
        err = sotto_buf_add_u32(out, 24 + to - from + SOTTO_TAG_SIZE);
        if (err == SOTTO_OK) err = seal_part(out, &key, aad, i, sotto_span(w->items.data + from, to - from), rng);
        from = to;
    }
    SOTTO_WIPE(key);
    if (err != SOTTO_OK) out->size = start;
    return err;
}

static enum sotto_err items(struct sotto_backup_report *report, struct sotto_span plain, sotto_backup_item_fn *fn, void *ctx)
{
    struct sotto_reader r = sotto_reader(plain);
    while (sotto_reader_left(&r)) {
        uint8_t kind;
        uint64_t row;
        uint32_t size;
        struct sotto_span bytes;
        SOTTO_TRY(sotto_get_u8(&r, &kind));
        SOTTO_TRY(sotto_get_u64(&r, &row));
        SOTTO_TRY(sotto_get_u32(&r, &size));
        SOTTO_TRY(sotto_get_span(&r, &bytes, size));
        if (kind >= SOTTO_BACKUP_SEED && kind <= SOTTO_BACKUP_PROFILE) SOTTO_TRY(fn(ctx, (enum sotto_backup_kind)kind, row, bytes));
        report->items++;
    }
    return SOTTO_OK;
}

enum sotto_err sotto_backup_open(struct sotto_backup_report *report, struct sotto_span file, struct sotto_span passphrase,
                                 const struct sotto_vault_limits *limits, sotto_backup_item_fn *fn, void *ctx)
{
    if (file.size < SOTTO_BACKUP_START || memcmp(file.data, magic, 8) != 0 || file.data[8] != 1 || file.data[9] != 1 || file.data[18] != 1)
        return SOTTO_ERR_FORMAT;
    struct sotto_vault_cost cost = { .passes = sotto_be32(file.data + 10), .memory_kib = sotto_be32(file.data + 14) };
    if (cost.passes < limits->passes_min || cost.passes > limits->passes_max || cost.memory_kib < limits->memory_kib_min ||
        cost.memory_kib > limits->memory_kib_max)
        return SOTTO_ERR_VAULT_COST;

    struct sotto_backup_report seen = { .created_ms = sotto_be64(file.data + 35), .parts = sotto_be32(file.data + 43) };
    uint8_t aad[AAD_SIZE], nothing[1];
    memcpy(aad, file.data, 47);
    struct sotto_secret key;
    SOTTO_TRY(part_key(&key, passphrase, cost, file.data + 19));
    sotto_put_be32(aad + 47, CHECK_PART);
    enum sotto_err err = sotto_xchacha_open(nothing, &key, file.data + 47, SOTTO_SPAN(aad), sotto_span(file.data + 71, SOTTO_TAG_SIZE));
    if (err != SOTTO_OK) {
        SOTTO_WIPE(key);
        return SOTTO_ERR_PASSPHRASE;
    }
    struct sotto_buf plain = sotto_buf_make(SOTTO_BACKUP_PART_PLAIN_MAX);
    err = sotto_buf_reserve(&plain, SOTTO_BACKUP_PART_PLAIN_MAX);
    size_t at = SOTTO_BACKUP_START;
    for (uint32_t i = 0; err == SOTTO_OK && i < seen.parts; i++) {
        size_t left = file.size - at;
        uint32_t size = left >= 4 ? sotto_be32(file.data + at) : 0;
        /* a damaged length loses the rest: nothing tells where the next part begins */
        if (size < 24 + SOTTO_TAG_SIZE || size > 24 + SOTTO_BACKUP_PART_PLAIN_MAX + SOTTO_TAG_SIZE || size > left - 4) {
            if (!seen.bad_offset) seen.bad_offset = at;
            break;
        }
        const uint8_t *part = file.data + at + 4;
        sotto_put_be32(aad + 47, i);
        plain.size = size - 24 - SOTTO_TAG_SIZE;
        if (sotto_xchacha_open(plain.data, &key, part, SOTTO_SPAN(aad), sotto_span(part + 24, size - 24)) == SOTTO_OK) {
            seen.parts_ok++;
            err = items(&seen, sotto_buf_span(&plain), fn, ctx);
        } else if (!seen.bad_offset) {
            seen.bad_offset = at;
        }
        at += 4 + size;
    }
    if (err == SOTTO_OK && !seen.bad_offset && at != file.size) seen.bad_offset = at;      /* bytes nobody wrote */
    SOTTO_WIPE(key);
    sotto_buf_free(&plain);
    if (err == SOTTO_OK) *report = seen;
    return err;
}
