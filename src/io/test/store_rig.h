/* The rig of the store's tests: one open store in a folder of its own. */
#ifndef SOTTO_IO_TEST_STORE_RIG_H
#define SOTTO_IO_TEST_STORE_RIG_H

#include "io/store.h"
#include "world.h"


static struct sotto_store *store;

static inline void reopen(void)
{
    struct sotto_store_open_info info;
    sotto_store_close(store);
    store = NULL;
    assert_ok(sotto_store_open(&store, &info, world_dir));
    assert_false(info.created || info.unclean);
    assert_int_equal(info.format, SOTTO_STORE_FORMAT);
}

static inline int setup(void **state)
{
    struct sotto_store_open_info info;
    if (world_make(state) != 0 || sotto_store_open(&store, &info, world_dir) != SOTTO_OK) return -1;
    return info.created && !info.unclean ? 0 : -1;
}
static inline int teardown(void **state)
{
    sotto_store_close(store);
    store = NULL;
    return world_drop(state);
}

static inline void expect_row(uint64_t account, const char *table, uint64_t id, const char *value)
{
    struct sotto_buf b = sotto_buf_make(1 << 20);
    enum sotto_err err = sotto_store_get(store, &b, account, table, id);
    if (!value) {
        assert_int_equal(err, SOTTO_ERR_MISSING);
    } else {
        assert_ok(err);
        assert_int_equal(b.size, strlen(value));
        assert_memory_equal(b.data, value, b.size);
    }
    sotto_buf_free(&b);
}
static inline enum sotto_err put(uint64_t account, const char *table, uint64_t id, const char *value)
{
    return sotto_store_put(store, account, table, id, sotto_span_str(value));
}

#endif
