#include "crypto/secret.h"

#include "base/plant.h"
#include "crypto/keccak_lanes.h"
#include "crypto/setup.h"

#include <sodium.h>

enum sotto_err sotto_crypto_init(void)
{
    static bool ready;
    if (ready) return SOTTO_OK;
    if (sodium_init() < 0) return SOTTO_ERR_INTERNAL;
    SOTTO_TRY(sotto_curve_setup());
    SOTTO_TRY(sotto_multiples_setup());
    SOTTO_TRY(sotto_aead_setup());
    sotto_keccak_start();
    ready = true;
    return SOTTO_OK;
}

void sotto_wipe(void *data, size_t size)
{
    if (size && !SOTTO_PLANTED(WIPE_DROPPED)) sodium_memzero(data, size);
}

bool sotto_equal_ct(const void *a, const void *b, size_t size)
{
    return size == 0 || sodium_memcmp(a, b, size) == 0;
}

/* sodium_malloc puts the region against the end of a page, so its start is only as aligned as its size is. */
static size_t aligned(size_t size) { return (size + 63) & ~(size_t)63; }

static unsigned unlocked;                              /* guards are made on workers too */

void *sotto_guard_new(size_t size, bool *locked)
{
    if (size > SIZE_MAX - 64) return NULL;
    size = aligned(size ? size : 1);
    void *region = sodium_malloc(size);
    if (!region) return NULL;
    memset(region, 0, size);
    /* sodium_malloc does not say whether its lock worked. Locks do not nest, so asking again costs nothing. */
    bool ok = sodium_mlock(region, size) == 0;
    if (locked) *locked = ok;
    else if (!ok) __atomic_fetch_add(&unlocked, 1, __ATOMIC_RELAXED);
    return region;
}

unsigned sotto_guard_unlocked(void) { return __atomic_load_n(&unlocked, __ATOMIC_RELAXED); }

void sotto_guard_free(void *region) { sodium_free(region); }
