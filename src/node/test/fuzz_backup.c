/* Any bytes as a backup file, at the lowest cost; and any bytes as a history row. */
#include "node/backup.h"
#include "node/history.h"

static enum sotto_err item(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    struct sotto_history h;
    (void)ctx;
    if (kind == SOTTO_BACKUP_MESSAGE && sotto_history_decode(&h, row, bytes) == SOTTO_OK) SOTTO_ASSERT(h.m.message == row);
    return SOTTO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 1, .memory_kib_min = 8, .memory_kib_max = 16 };
    static bool ready;
    if (!ready) ready = sotto_crypto_init() == SOTTO_OK;
    struct sotto_backup_report report;
    struct sotto_history h;
    if (sotto_backup_open(&report, sotto_span(data, size), sotto_span_str(""), &low, item, NULL) == SOTTO_OK)
        SOTTO_ASSERT(report.parts_ok <= report.parts);
    if (sotto_history_decode(&h, 1, sotto_span(data, size)) == SOTTO_OK) SOTTO_ASSERT(h.state_count <= SOTTO_HISTORY_STATES_MAX);
    return 0;
}
