#include "ledger/merkle.h"

#include "ledger/codec.h"
#include "ledger/th.h"

static void node(uint8_t out[32], const uint8_t left[32], const uint8_t right[32])
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_MT_NODE);
    sotto_th_update(&t, left, 32);
    sotto_th_update(&t, right, 32);
    sotto_th_final(&t, out);
}

static void root_of_top(uint8_t out[32], uint32_t count, const uint8_t top[32])
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_MT_ROOT);
    sotto_th_u32(&t, count);
    sotto_th_update(&t, top, 32);
    sotto_th_final(&t, out);
}

void sotto_mt_leaf(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_MT_LEAF);
    sotto_th_update(&t, a, 32);
    sotto_th_update(&t, b, 32);
    sotto_th_final(&t, out);
}

void sotto_mt_add(struct sotto_mt *t, const uint8_t leaf[32])
{
    uint8_t top[32];
    unsigned at = 0;
    SOTTO_ASSERT(t->count < UINT32_MAX);
    memcpy(top, leaf, sizeof top);
    for (; t->count >> at & 1; at++) node(top, t->peaks[at], top);       /* as one is carried in adding */
    memcpy(t->peaks[at], top, sizeof top);
    t->count++;
}

/* Smaller subtrees stand on the right of larger ones. */
static void top_of(uint8_t out[32], const struct sotto_mt *t)
{
    uint8_t top[32] = { 0 };
    bool any = false;
    for (unsigned i = 0; i < 32; i++) {
        if (!(t->count >> i & 1)) continue;
        if (any) node(top, t->peaks[i], top);
        else memcpy(top, t->peaks[i], sizeof top);
        any = true;
    }
    memcpy(out, top, sizeof top);
}

void sotto_mt_root(uint8_t out[32], const struct sotto_mt *t)
{
    uint8_t top[32];
    top_of(top, t);
    root_of_top(out, t->count, top);
}

void sotto_mt_root_of(uint8_t out[32], const uint8_t (*leaves)[32], uint32_t count)
{
    struct sotto_mt t = { 0 };
    for (uint32_t i = 0; i < count; i++) sotto_mt_add(&t, leaves[i]);
    sotto_mt_root(out, &t);
}

/* Leaves of the left part, of two and more. */
static uint32_t left_part(uint32_t count)
{
    return UINT32_C(1) << (31 - __builtin_clz(count - 1));
}

uint32_t sotto_mt_path(uint8_t out[SOTTO_MT_PATH_MAX][32], const uint8_t (*leaves)[32], uint32_t count, uint32_t index)
{
    uint8_t down[SOTTO_MT_PATH_MAX][32];                  /* from the top down */
    uint32_t size = 0;
    SOTTO_ASSERT(index < count);
    while (count > 1) {
        uint32_t left = left_part(count);
        bool right = index >= left;
        struct sotto_mt other = { 0 };
        for (uint32_t i = right ? 0 : left; i < (right ? left : count); i++) sotto_mt_add(&other, leaves[i]);
        SOTTO_ASSERT(size < SOTTO_MT_PATH_MAX);
        top_of(down[size++], &other);
        if (right) {
            leaves += left;
            index -= left;
        }
        count = right ? count - left : left;
    }
    for (uint32_t i = 0; i < size; i++) memcpy(out[i], down[size - 1 - i], 32);
    return size;
}

enum sotto_err sotto_mt_check(const uint8_t root[32], const uint8_t leaf[32], uint32_t count, uint32_t index, struct sotto_span path)
{
    uint8_t top[32];
    uint32_t went_right = 0, size = 0;                    /* bit size - 1: the last turn */
    if (index >= count) return SOTTO_P_INDEX;
    for (uint32_t left, n = count, i = index; n > 1; n = i < left ? left : n - left, i = i < left ? i : i - left) {
        left = left_part(n);
        went_right = went_right << 1 | (i >= left);
        size++;
    }
    if (path.size != (size_t)size * 32) return SOTTO_P_PATH;
    memcpy(top, leaf, sizeof top);
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t *sibling = path.data + (size_t)i * 32;
        if (went_right >> i & 1) node(top, sibling, top);
        else node(top, top, sibling);
    }
    root_of_top(top, count, top);
    return memcmp(top, root, sizeof top) == 0 ? SOTTO_OK : SOTTO_P_ROOT;
}
