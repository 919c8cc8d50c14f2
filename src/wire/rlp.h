/* RLP, Ethereum's serialisation, strict in both directions (devp2p.md 2).
 *
 * Two kinds of item: a byte string and a list of items. The reader refuses what geth refuses: 81 xx below 0x80, a long form
 * where the short one fits, a length with a leading zero, an integer with leading zeros or wider than its field, a fixed
 * array of another size, a child that runs past its list. Nothing is allocated while reading: spans point into the input.
 *
 *     struct sotto_rlp top = sotto_rlp(payload), list;           // [7, "abc"]
 *     SOTTO_TRY(sotto_rlp_list(&top, &list));
 *     SOTTO_TRY(sotto_rlp_uint(&list, &number));
 *     SOTTO_TRY(sotto_rlp_bytes(&list, &text));
 *     SOTTO_TRY(sotto_rlp_end(&list));                            // no extra element; leave out where a tail is allowed
 *     SOTTO_TRY(sotto_rlp_end(&top));                             // no byte after the item; leave out where that is allowed
 *
 * Every read returns ERR_RLP and then has moved nothing and written nothing. Threads: plain values. */
#ifndef SOTTO_WIRE_RLP_H
#define SOTTO_WIRE_RLP_H

#include "base/bytes.h"

/* Deepest nesting sotto_rlp_check follows; the formats we speak need 4. */
#define SOTTO_RLP_DEPTH_MAX 16u

/* A reader over the items that lie one after the other between at and end. */
struct sotto_rlp { const uint8_t *at, *end; };
static inline struct sotto_rlp sotto_rlp(struct sotto_span items)
{
    return (struct sotto_rlp){ items.data, items.size ? items.data + items.size : items.data };     /* no arithmetic on NULL */
}
static inline bool sotto_rlp_more(const struct sotto_rlp *r) { return r->at != r->end; }
static inline struct sotto_span sotto_rlp_rest(const struct sotto_rlp *r) { return sotto_span(r->at, (size_t)(r->end - r->at)); }

bool sotto_rlp_is_list(const struct sotto_rlp *r);                    /* false at the end too */
SOTTO_MUST_USE enum sotto_err sotto_rlp_list(struct sotto_rlp *r, struct sotto_rlp *out);
SOTTO_MUST_USE enum sotto_err sotto_rlp_bytes(struct sotto_rlp *r, struct sotto_span *out);             /* a string of any size */
SOTTO_MUST_USE enum sotto_err sotto_rlp_fixed(struct sotto_rlp *r, void *out, size_t size);             /* of exactly this size */
SOTTO_MUST_USE enum sotto_err sotto_rlp_uint(struct sotto_rlp *r, uint64_t *out);                       /* at most 8 bytes */
SOTTO_MUST_USE enum sotto_err sotto_rlp_uint_max(struct sotto_rlp *r, uint64_t *out, uint64_t max);     /* max = what the field holds */
SOTTO_MUST_USE enum sotto_err sotto_rlp_bool(struct sotto_rlp *r, bool *out);                           /* 80 or 01 */
/* The next item with its head, whatever it is. Only its head is checked, not what a list holds (geth's raw value). */
SOTTO_MUST_USE enum sotto_err sotto_rlp_raw(struct sotto_rlp *r, struct sotto_span *out);
SOTTO_MUST_USE enum sotto_err sotto_rlp_skip(struct sotto_rlp *r);
SOTTO_MUST_USE enum sotto_err sotto_rlp_end(const struct sotto_rlp *r);
/* Exactly one item that is well formed all the way down, at most SOTTO_RLP_DEPTH_MAX lists deep. */
SOTTO_MUST_USE enum sotto_err sotto_rlp_check(struct sotto_span item);

/* Writing appends to a buffer: ERR_FULL or ERR_NOMEM from the buffer, which is then unchanged by that call.
 * A list is begun, filled, and ended with the mark that begin gave; lists nest:
 *
 *     size_t mark = sotto_rlp_begin(&buf);
 *     SOTTO_TRY(sotto_rlp_add_uint(&buf, 7));
 *     SOTTO_TRY(sotto_rlp_end_list(&buf, mark)); */
SOTTO_MUST_USE enum sotto_err sotto_rlp_add_bytes(struct sotto_buf *b, struct sotto_span data);
SOTTO_MUST_USE enum sotto_err sotto_rlp_add_uint(struct sotto_buf *b, uint64_t value);
SOTTO_MUST_USE enum sotto_err sotto_rlp_add_bool(struct sotto_buf *b, bool value);
/* The head of a list whose items, together size bytes, the caller appends next. */
SOTTO_MUST_USE enum sotto_err sotto_rlp_add_list_head(struct sotto_buf *b, size_t size);
static inline size_t sotto_rlp_begin(const struct sotto_buf *b) { return b->size; }
SOTTO_MUST_USE enum sotto_err sotto_rlp_end_list(struct sotto_buf *b, size_t mark);
/* Bytes that a string item, or a list of items that total size bytes, takes with its head. */
size_t sotto_rlp_bytes_size(struct sotto_span data);
size_t sotto_rlp_list_size(size_t size);

#endif
