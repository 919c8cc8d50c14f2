/* Text forms of bytes: hex and base64url without padding (RFC 4648 5). Strict: a wrong digit, odd length or loose final
 * bits fail. Constant time is not promised: use them for public bytes, or for secrets only where a person must see them. */
#ifndef SOTTO_BASE_TEXT_H
#define SOTTO_BASE_TEXT_H

#include "base/bytes.h"

/* out takes 2 * size characters and a final zero; lower case, no 0x. */
void sotto_hex(char *out, const void *data, size_t size);
/* Exactly size bytes from exactly 2 * size digits of either case. Returns ERR_FORMAT. */
SOTTO_MUST_USE enum sotto_err sotto_unhex(void *out, size_t size, struct sotto_span text);
/* Appends; a span of any size. */
SOTTO_MUST_USE enum sotto_err sotto_base64url_add(struct sotto_buf *out, struct sotto_span data);
/* Appends the decoded bytes; ERR_FORMAT for padding, foreign characters or non-zero spare bits. */
SOTTO_MUST_USE enum sotto_err sotto_unbase64url(struct sotto_buf *out, struct sotto_span text);

/* Whole and shortest UTF-8 of U+0000..U+10FFFF without surrogates (RFC 3629). An empty span is valid. */
bool sotto_utf8_valid(struct sotto_span text);

#endif
