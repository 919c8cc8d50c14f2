/* Types for secrets, and the only places they live.
 *
 * Small secrets are structs of their own, so that a key cannot be passed where a hash is wanted, and a stack copy is
 * found by its type and wiped. Long-lived ones lie in a guarded region: locked in memory, kept out of core dumps, with
 * an unreadable page on either side (messaging.md 1.3). Sources: libsodium. */
#ifndef SOTTO_CRYPTO_SECRET_H
#define SOTTO_CRYPTO_SECRET_H

#include "base/bytes.h"

struct sotto_secret { uint8_t b[32]; };               /* symmetric: VK, RK, CK, HK, MK, S, x, mk ... */
struct sotto_scalar { uint8_t b[32]; };               /* private scalar of secp256k1, in [1, n-1] */

/* Must run once before anything else of crypto/, from one thread; later calls do nothing. Returns ERR_INTERNAL. */
SOTTO_MUST_USE enum sotto_err sotto_crypto_init(void);

void sotto_wipe(void *data, size_t size);             /* a store the compiler cannot drop */
#define SOTTO_WIPE(object) sotto_wipe(&(object), sizeof(object))
bool sotto_equal_ct(const void *a, const void *b, size_t size);       /* constant time */

/* A guarded, zeroed region; NULL only when memory is out. *locked (may be NULL) tells whether the pages could be locked:
 * false is a warning for the operator (raise LimitMEMLOCK), not a failure. Free wipes; NULL is fine. */
void *sotto_guard_new(size_t size, bool *locked);
void sotto_guard_free(void *region);
/* How many regions whose maker did not ask (locked NULL) could not be locked since the start: 0 as long as RLIMIT_MEMLOCK is high enough. */
unsigned sotto_guard_unlocked(void);

#endif
