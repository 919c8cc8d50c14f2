/* Looks for secrets in bytes: each as it is, and in the forms that libraries and texts give it. For tests on live processes. */
#ifndef SOTTO_TESTS_SECRETS_SCAN_H
#define SOTTO_TESTS_SECRETS_SCAN_H

#include "base/bytes.h"

struct scan;
struct scan *scan_new(void);
/* A key: both halves as they are, byte-reversed (the limbs of libsecp256k1), xored with 36.. and 5c.. (the block of an HMAC), in hex and in
 * base64. A text (anything but 32 bytes): whole, in hex and in base64. At least 8 bytes. */
void scan_secret(struct scan *s, const char *name, struct sotto_span secret);
/* Calls found(name, form, offset) for every place. */
typedef void scan_found_fn(void *ctx, const char *name, const char *form, size_t offset);
void scan_bytes(const struct scan *s, struct sotto_span bytes, scan_found_fn *found, void *ctx);

#endif
