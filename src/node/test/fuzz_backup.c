/* Any bytes as a backup file, at the lowest cost. Then a backup of the fuzzer's items: read back whole; and spoilt in one place: what is
 * still read is a part of what was written, and the report says where the fault is. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "node/backup.h"

static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 1, .memory_kib_min = 8, .memory_kib_max = 16 };

struct seen { uint64_t items, bytes, last_row; };
static enum sotto_err item(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    struct seen *s = ctx;
    SOTTO_ASSERT(kind >= SOTTO_BACKUP_SEED && kind <= SOTTO_BACKUP_PROFILE);
    s->items++;
    s->bytes += bytes.size;
    s->last_row = row;
    return SOTTO_OK;
}
static enum sotto_err item_of_ours(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    struct seen *s = ctx;
    if (s->items) SOTTO_ASSERT(row > s->last_row);    /* as they were written, none twice */
    for (size_t i = 0; i < bytes.size; i++) SOTTO_ASSERT(bytes.data[i] == (uint8_t)row);
    return item(ctx, kind, row, bytes);
}

static void whole(struct fuzz_in in)
{
    struct sotto_backup_writer w;
    struct sotto_chacha_rng rng;
    struct sotto_buf file = sotto_buf_make(1u << 20);
    struct sotto_backup_report report;
    struct seen wrote = { 0 }, seen = { 0 };
    static uint8_t filling[SOTTO_BACKUP_PART_PLAIN_MAX + 16];
    sotto_rng_from_seed(&rng, 1, "fuzz");
    sotto_backup_begin(&w);
    uint32_t spoil = fuzz_u32(&in);
    for (uint64_t row = 1; row < 12 && fuzz_left(&in); row++) {
        uint8_t kind = fuzz_u8(&in);
        uint32_t size = kind & 128 ? SOTTO_BACKUP_PART_PLAIN_MAX - 20 + (kind & 31) : fuzz_u8(&in) * (kind & 64 ? 200u : 1u);
        memset(filling, (int)row, size);
        enum sotto_err err = fuzz_err(sotto_backup_add(&w, (enum sotto_backup_kind)(1 + kind % 4), row, sotto_span(filling, size)));
        SOTTO_ASSERT(err == (size > SOTTO_BACKUP_PART_PLAIN_MAX - 13 ? SOTTO_ERR_TOO_LONG : SOTTO_OK));
        if (err == SOTTO_OK) wrote.items++, wrote.bytes += size;
    }
    SOTTO_ASSERT(sotto_backup_seal(&file, &w, sotto_span_str("pass"), (struct sotto_vault_cost){ 1, 8 }, 1767225600000, &rng.rng) == SOTTO_OK);
    SOTTO_ASSERT(sotto_backup_open(&report, sotto_buf_span(&file), sotto_span_str("pass"), &low, item_of_ours, &seen) == SOTTO_OK);
    SOTTO_ASSERT(report.parts_ok == report.parts && report.bad_offset == 0 && report.items == wrote.items && seen.items == wrote.items && seen.bytes == wrote.bytes);
    SOTTO_ASSERT(sotto_backup_open(&report, sotto_buf_span(&file), sotto_span_str("past"), &low, item, &seen) == SOTTO_ERR_PASSPHRASE);
    uint64_t bit = spoil % (8 * file.size);
    if (spoil >> 31) file.size -= 1 + bit % file.size;
    else file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    seen = (struct seen){ 0 };
    enum sotto_err err = fuzz_err(sotto_backup_open(&report, sotto_buf_span(&file), sotto_span_str("pass"), &low, item_of_ours, &seen));
    SOTTO_ASSERT(err == SOTTO_OK || seen.items == 0);
    if (err == SOTTO_OK) SOTTO_ASSERT(report.bad_offset != 0 && report.bad_offset <= file.size && report.parts_ok < report.parts && seen.items <= wrote.items);
    sotto_buf_free(&file);
    sotto_backup_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) ready = sotto_crypto_init() == SOTTO_OK;
    struct sotto_backup_report report;
    struct seen seen = { 0 };
    if (fuzz_err(sotto_backup_open(&report, sotto_span(data, size), sotto_span_str(""), &low, item, &seen)) == SOTTO_OK)
        SOTTO_ASSERT(report.parts_ok <= report.parts && seen.items <= report.items);
    whole(fuzz_in(data, size));
    return 0;
}
