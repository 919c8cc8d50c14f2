/* The first-contact box: ECIES to an exchange key, found with a scan key (messaging.md 3.2). Pure.
 *
 *     sealed = tag 16 | X 32 | det 8 | ciphertext 972      = topic (first 4) | cell (1024)
 *
 * A cell that is not ours costs one multiplication; the second comes only after det agreed.
 * Threads: no state; every function may run on any thread. */
#ifndef SOTTO_IDENTITY_BOX_H
#define SOTTO_IDENTITY_BOX_H

#include "crypto/curve.h"

#define SOTTO_BOX_PLAIN 956u
#define SOTTO_BOX_SEALED 1028u

/* Both halves of what opens boxes. Without a scan card the scan pair is the exchange pair. Secret: SOTTO_WIPE after use. */
struct sotto_box_keys { struct sotto_scalar exchange, scan; struct sotto_point exchange_pub, scan_pub; };
/* scan NULL = no scan card. ERR_KEY for a scalar outside its range. */
SOTTO_MUST_USE enum sotto_err sotto_box_keys_make(struct sotto_box_keys *out, const struct sotto_scalar *exchange, const struct sotto_scalar *scan);

/* To the recipient's exchange key and scan key (scan NULL or zeroed: the exchange key). e and tag must be fresh for every
 * call, also when the same plain text is sent again. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_box_seal(uint8_t out[SOTTO_BOX_SEALED], const struct sotto_point *exchange, const struct sotto_point *scan,
                                             const uint8_t plain[SOTTO_BOX_PLAIN], const struct sotto_scalar *e, const uint8_t tag[16]);
/* The usual form: e and tag are drawn from rng. */
SOTTO_MUST_USE enum sotto_err sotto_box_seal_fresh(uint8_t out[SOTTO_BOX_SEALED], const struct sotto_point *exchange,
                                                   const struct sotto_point *scan, const uint8_t plain[SOTTO_BOX_PLAIN], struct sotto_rng *rng);

/* Is it for the holder of this scan key? OK, ERR_POINT (X is no x coordinate) or ERR_NOT_MINE. One multiplication; needs
 * nothing but the scan scalar, so a weaker machine can do it. */
SOTTO_MUST_USE enum sotto_err sotto_box_scan(const struct sotto_scalar *scan, const uint8_t sealed[SOTTO_BOX_SEALED]);
/* Scans first, then opens. ERR_POINT, ERR_NOT_MINE, ERR_AEAD; plain is written on OK only and holds a share: wipe it. */
SOTTO_MUST_USE enum sotto_err sotto_box_open(uint8_t plain[SOTTO_BOX_PLAIN], const struct sotto_box_keys *keys, const uint8_t sealed[SOTTO_BOX_SEALED]);

#endif
