/* Constant time, checked by memcheck: a secret is marked as undefined memory, and a branch or an address that depends on it is
 * reported (the method of libsecp256k1's ctime_tests). What becomes public is marked as defined again, always with the reason:
 *
 *   ct_reveal        here, between two steps of an operation
 *   declassify.c     inside a step: a function is wrapped, and its verdict or output is public
 *   valgrind.supp    inside a library that branches on a secret: one function, one reason each
 *
 * The object code is that of the programs: nothing of this is compiled into the rooms. One thread. */
#ifndef SOTTO_TESTS_SECRETS_CT_H
#define SOTTO_TESTS_SECRETS_CT_H

#include "base/env.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

void ct_secret(void *data, size_t size);
#define CT_SECRET(object) ct_secret(&(object), sizeof(object))

/* A compressed point: its first byte is 2 or 3 in any case. */
struct sotto_point;
void ct_secret_point(struct sotto_point *point);

/* Public from here on. Something of it must be undefined: else no secret ever arrived, and the operation tests nothing. */
void ct_reveal(const void *data, size_t size, const char *why);
#define CT_REVEAL(object, why) ct_reveal(&(object), sizeof(object), why)
/* The same without becoming public: a secret output must depend on the secrets. */
void ct_still_secret(const void *data, size_t size);
#define CT_STILL_SECRET(object) ct_still_secret(&(object), sizeof(object))
void ct_ok(enum sotto_err err, const char *file, int line);
#define CT_OK(expression) ct_ok((expression), __FILE__, __LINE__)

/* Random bytes that are secret; numbers (lengths, delays: everybody sees those) are not. */
struct sotto_rng *ct_rng(void);
/* Defined ones, for what stands around an operation. */
struct sotto_rng *ct_open_rng(void);

/* What wrapped functions give out during one operation; reset before each. */
struct ct_public {
    bool points;                          /* sotto_point_make: of this operation's keys only public halves are made */
    bool streams;                         /* sotto_ctr_xor: the output is a frame, a packet or a sealed text */
    bool cells;                           /* sotto_rl_open: an authentic cell of a link is read */
    bool hex;                             /* sotto_hex: of sealed bytes and their MAC */
    bool seed_row;                        /* sotto_row_open: version and account number of the seed row */
};
extern struct ct_public ct_public;

struct ct_op { const char *name; void (*run)(void); };
#define CT_OPS(X) X(ct_ops_curve) X(ct_ops_sealing) X(ct_ops_keys) X(ct_ops_identity) X(ct_ops_conversation) X(ct_ops_p2p) X(ct_ops_relay)
#define CT_DECLARE(list) extern const struct ct_op list[];            /* ends with a NULL name */
CT_OPS(CT_DECLARE)
#undef CT_DECLARE

void ct_declassified(void);               /* prints "declassified NAME CALLS UNDEFINED" for each wrapped function */

#endif
