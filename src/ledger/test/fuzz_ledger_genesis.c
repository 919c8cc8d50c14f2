/* A genesis as text and as bytes, params, headers, coins, records: what is taken is written the same way again, and means the same. */
#include "support/fuzz_input.h"

#include "ledger/genesis.h"
#include "ledger/registry.h"
#include "ledger/target.h"

static void as_text(struct sotto_span text)
{
    struct sotto_genesis g, back;
    if (fuzz_err(sotto_genesis_read(&g, text)) != SOTTO_OK) return;
    struct sotto_buf again = sotto_buf_make(SOTTO_GENESIS_JSON_MAX);
    SOTTO_ASSERT(sotto_genesis_write(&again, &g) == SOTTO_OK);
    SOTTO_ASSERT(sotto_genesis_read(&back, sotto_buf_span(&again)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_block_id_equal(&g.id, &back.id));
    sotto_genesis_free(&g);
    sotto_genesis_free(&back);
    sotto_buf_free(&again);
}

/* Params, then the allocs; the header is the one that follows, or the input's. */
static void as_bytes(struct sotto_span bytes)
{
    struct sotto_params p;
    struct sotto_genesis g = { 0 };
    uint8_t header[SOTTO_HEADER_SIZE];
    if (fuzz_err(sotto_params_decode(&p, bytes)) != SOTTO_OK) return;
    struct sotto_buf again = sotto_buf_make(SOTTO_PARAMS_MAX), allocs = sotto_buf_make(SOTTO_ALLOC_BYTES_MAX);
    SOTTO_ASSERT(sotto_params_encode(&again, &p) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), bytes));
    uint64_t issued = p.issued.cong;
    struct sotto_alloc all = { .amount.cong = issued };               /* what makes its sum right */
    g.params = p;
    g.allocs = &all;
    g.alloc_count = issued > 0;
    if (fuzz_err(sotto_genesis_seal(&g)) == SOTTO_OK) {
        struct sotto_genesis back;
        struct sotto_state_parts parts;
        uint8_t root[32];
        sotto_header_put(header, &g.header);
        SOTTO_ASSERT(sotto_allocs_encode(&allocs, g.allocs, g.alloc_count) == SOTTO_OK);
        SOTTO_ASSERT(sotto_genesis_decode(&back, SOTTO_SPAN(header), bytes, sotto_buf_span(&allocs)) == SOTTO_OK);
        SOTTO_ASSERT(sotto_block_id_equal(&back.id, &g.id) && sotto_genesis_state(&back, &parts, root) == SOTTO_OK);
        header[100] ^= 1;
        sotto_genesis_free(&back);
        SOTTO_ASSERT(sotto_genesis_decode(&back, SOTTO_SPAN(header), bytes, sotto_buf_span(&allocs)) == SOTTO_B_ROOT);
    }
    sotto_params_free(&p);
    sotto_buf_free(&again);
    sotto_buf_free(&allocs);
}

static void as_parts(struct sotto_span bytes)
{
    struct sotto_header h;
    struct sotto_reg_record record;
    struct sotto_coin coin;
    struct sotto_target target;
    struct sotto_work work;
    uint8_t header[SOTTO_HEADER_SIZE], again[SOTTO_REG_RECORD];
    if (fuzz_err(sotto_header_take(&h, bytes)) == SOTTO_OK) {
        sotto_header_put(header, &h);
        SOTTO_ASSERT(memcmp(header, bytes.data, sizeof header) == 0);
    }
    if (fuzz_err(sotto_reg_take(&record, bytes)) == SOTTO_OK) {
        sotto_reg_put(again, &record);
        SOTTO_ASSERT(memcmp(again, bytes.data, sizeof again) == 0);
    }
    struct sotto_reader r = sotto_reader(bytes);
    if (fuzz_err(sotto_coin_take(&coin, &r)) == SOTTO_OK) {
        struct sotto_buf out = sotto_buf_make(SOTTO_SCRIPT_MAX + 100);
        SOTTO_ASSERT(sotto_coin_add(&out, &coin) == SOTTO_OK);
        SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&out), sotto_span_cut(bytes, 0, bytes.size - sotto_reader_left(&r))));
        sotto_buf_free(&out);
    }
    if (bytes.size < 4 || sotto_target_of(&target, sotto_be32(bytes.data)) != SOTTO_OK) return;
    sotto_work_of(&work, &target);
    if (bytes.data[0] != 0xf0) SOTTO_ASSERT(sotto_target_bits(&target) == sotto_be32(bytes.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span bytes = sotto_span(data, size);
    as_text(bytes);
    as_bytes(bytes);
    as_parts(bytes);
    return 0;
}
