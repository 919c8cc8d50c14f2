/* Stored rows that nobody wrote. Input: any number of (u8 table, u8 row, u16 size, bytes). A row is refused, or the thing it makes
 * is written back to the same bytes; whatever set of rows was taken, the messenger starts or says that it is damaged. */
#include "fuzz_pair.h"
#include "support/fuzz.h"

static struct fuzz_person me;

static const struct node *made(const struct sotto_messenger *m, enum sotto_table table, uint64_t row)
{
    const struct list *all[] = { &m->contacts, &m->talks, &m->hellos, &m->h1s, &m->cells, &m->out_loose, &m->parts_loose, &m->seen_loose };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (uint32_t k = all[i]->count; k-- > 0;)
            if (all[i]->at[k]->table == table && all[i]->at[k]->row == row) return all[i]->at[k];
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (me.cert.size == 0) fuzz_person(&me, 2);
    struct sotto_acts acts = { 0 };
    struct sotto_reader r = sotto_reader(sotto_span(data, size));
    uint8_t table, row;
    uint16_t length;
    struct sotto_span bytes;
    sotto_rng_from_seed(&me.rng, 3, "fuzz");
    fuzz_open(&me);
    while (sotto_get_u8(&r, &table) == SOTTO_OK && sotto_get_u8(&r, &row) == SOTTO_OK && sotto_get_u16(&r, &length) == SOTTO_OK) {
        size_t left = sotto_reader_left(&r);
        if (sotto_get_span(&r, &bytes, length < left ? length : left) != SOTTO_OK) break;
        if (sotto_messenger_load(me.m, (enum sotto_table)(table % SOTTO_TABLE_COUNT), row, bytes) != SOTTO_OK) continue;
        const struct node *n = made(me.m, (enum sotto_table)(table % SOTTO_TABLE_COUNT), row);
        if (!n || n->table == SOTTO_TABLE_HELLO) continue;               /* two kinds of hello may share a row here, never in a store */
        struct sotto_buf again = sotto_buf_make(ROW_MAX);
        SOTTO_ASSERT(sotto_row_encode(&again, me.m, n) == SOTTO_OK);
        SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&again), bytes));
        sotto_buf_free(&again);
    }
    if (sotto_messenger_start(me.m, 1, FUZZ_NOW, &acts) == SOTTO_OK) {
        struct sotto_now now = FUZZ_NOW;
        for (int i = 0; i < 5; i++) {
            now.wall_ms += 86400000ull * 5;
            sotto_messenger_tick(me.m, now, &acts);
            sotto_acts_clear(&acts);
        }
    }
    sotto_acts_free(&acts);
    sotto_messenger_free(me.m);
    return 0;
}
