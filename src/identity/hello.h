/* First contact: M1 of the initiator I, M2 of the responder R, and the keys that come of them (messaging.md 3.1-3.4). Pure.
 *
 *     I: m1_begin -> puzzle on a worker -> m1_finish -> box                     R: box -> m1_check -> (a person accepts)
 *     I: box -> m2_check: keys, c2, h2; sends confirm_i in M3                   R: m2_make: keys, c2, h2 -> box
 *     R: compares confirm_i of M3 with its own (sotto_equal_ct): mutual
 *
 * What needs memory over time stays with the messenger: the cache of h1, the last T of an ID, who is pending.
 * A plain text, struct sotto_hello and struct sotto_hello_keys hold secrets: SOTTO_WIPE them after use.
 * Threads: no state; the puzzle search is made for a worker. */
#ifndef SOTTO_IDENTITY_HELLO_H
#define SOTTO_IDENTITY_HELLO_H

#include "identity/cert.h"

#define SOTTO_HELLO_SIZE 956u             /* M1 and M2 in a box */
#define SOTTO_HELLO_SHORT 464u            /* M1 without certificate, for the ledger's CONTACT operation */
#define SOTTO_HELLO_AREA 585u             /* certificate and introduction together */
#define SOTTO_HELLO_SHORT_AREA 125u       /* introduction of a short M1 */
#define SOTTO_HELLO_RESYNC 1u             /* flag bit 0: my session is lost (4.9) */
#define SOTTO_HELLO_RECORD 2u             /* flag bit 1: on record offered (M1) or accepted (M2) */
#define SOTTO_HELLO_PAST_MS (14ull * 86400000)  /* an M1 is resent for 14 days */
#define SOTTO_HELLO_AHEAD_MS 600000ull    /* and may come from a clock 10 min fast */

/* The fields of a plain text. As input of _m1_begin the caller fills everything above the line. */
struct sotto_hello {
    uint8_t flags;
    struct sotto_id from, to;
    uint64_t time_ms;                     /* T; M2: T + 1 */
    uint8_t nonce[32];                    /* random, never zero */
    struct sotto_secret share;            /* random, never zero */
    struct sotto_point eph;               /* one-time public key */
    uint8_t mk_id[32];                    /* sotto_mk_id, zero = no master key */
    uint64_t height;                      /* of a recent finalised block, 0 = none */
    uint8_t block8[8];
    struct sotto_point scan;              /* sender's scan key, zeroed = none */
    struct sotto_span cert;               /* 230..358 bytes; empty = short form (M1 only) */
    struct sotto_span intro;              /* UTF-8, not signed */
    /* ---- */
    uint8_t step;                         /* 1 or 2 */
    uint8_t echo[32];
    uint64_t puzzle;
    uint8_t confirm[32];
    struct sotto_sig65 sig;
};

/* Name of a negotiated master key: TH("sotto/mk/id", mk); mk NULL (none) gives zeros. */
void sotto_mk_id(uint8_t out[32], const struct sotto_secret *mk);
/* The most bytes of introduction, <= max, that keep whole UTF-8 characters: cuts a text for a person who wrote too much. */
size_t sotto_hello_intro_cut(struct sotto_span text, size_t max);

/* Form only, of either step and both sizes: exact size, ranges, zero padding, UTF-8, points. Spans point into pt.
 * ERR_HELLO_FORM, ERR_KEY. Whom it is for, times and signatures are the checks' work. */
SOTTO_MUST_USE enum sotto_err sotto_hello_parse(struct sotto_hello *out, struct sotto_span pt);

/* ---- M1 ---- */

/* Writes M1 with puzzle and signature still empty, and b, the digest the puzzle is about. pt is 956 bytes, or the first 464 of
 * it are used when hello->cert is empty; *size tells. ERR_RANGE: introduction or certificate too long, flags, zero nonce or share. */
SOTTO_MUST_USE enum sotto_err sotto_hello_m1_begin(uint8_t pt[SOTTO_HELLO_SIZE], size_t *size, uint8_t b[32], const struct sotto_hello *hello);

/* TH("sotto/puzzle/2", b | u64 puzzle) has at least bits leading zero bits (bits <= 64). Product: 20. */
bool sotto_puzzle_good(const uint8_t b[32], uint64_t puzzle, unsigned bits);
/* How many zero bits the solution in an M1 has, 0..64: decides who waits when requests are many. m1 must have passed _parse. */
unsigned sotto_hello_strength(const uint8_t *m1);
/* Tries from *at upwards, at most tries of them: true and *solution, or false with *at moved on (it wraps). A worker calls it
 * in pieces (4096 tries: about 1.5 ms) and looks at its cancel flag between them; begin at 0 for the smallest solution. */
bool sotto_puzzle_search(uint64_t *solution, uint64_t *at, const uint8_t b[32], unsigned bits, uint64_t tries);

/* Puts the solution in, signs, gives h1 (may be NULL). size as _m1_begin told. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_hello_m1_finish(uint8_t *pt, size_t size, uint8_t h1[32], uint64_t puzzle, const struct sotto_scalar *identity);

/* What stands behind the fields once all checks passed. Spans of hello point into pt. */
struct sotto_hello_seen {
    struct sotto_hello hello;
    struct sotto_cert cert;               /* zeroed for a short M1 */
    struct sotto_point xkey;              /* sender's exchange key: of the certificate, or of the registry for a short M1 */
    uint8_t h1[32];                       /* of M1 (of the answered M1 for M2) */
};
struct sotto_hello_ctx {
    struct sotto_id own;
    uint64_t now_ms;
    unsigned puzzle_bits;
    const struct sotto_ledger_status *status;   /* of the sender's ID; NULL = no ledger at hand. A short M1 needs it */
};
/* All checks of R in the order of 3.4, up to the signature: ERR_HELLO_FORM, ERR_KEY, _HELLO_TO, _HELLO_FORM (zero nonce, zero share,
 * nonzero echo or confirm), _HELLO_TIME, _HELLO_PUZZLE, refusals of the certificate, _HELLO_FROM, ledger refusals, ERR_SIG_FORM,
 * ERR_HELLO_SIG. What the caller must check next: h1 not seen in 15 days, T greater than the last accepted T of that ID (ERR_REPLAY). */
SOTTO_MUST_USE enum sotto_err sotto_hello_m1_check(struct sotto_hello_seen *out, struct sotto_span pt, const struct sotto_hello_ctx *ctx);

/* ---- Keys, 3.3 ---- */

struct sotto_hello_keys {
    struct sotto_secret rk, hk_i, hk_r, kc_i, kc_r;
    struct sotto_secret x, ee;            /* the paper's seed, the one-time product; not needed afterwards: wipe with the rest */
    struct sotto_point p;                 /* P = k_I*K_R = k_R*K_I, secret */
    uint8_t c2[32], h2[32];
    uint8_t confirm_r[32], confirm_i[32]; /* in M2; in M3 */
};
struct sotto_hello_mix {                  /* one side's view; own_* secret, peer_* public */
    struct sotto_id id_i, id_r;
    const struct sotto_scalar *own_exchange, *own_eph;
    struct sotto_point own_xkey, peer_xkey, peer_eph;
    const struct sotto_secret *share_i, *share_r;
    const struct sotto_secret *mk;        /* NULL = none */
};
/* signed2 = the signed part of M2 (sotto_hello_signed). ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_hello_keys_derive(struct sotto_hello_keys *out, const struct sotto_hello_mix *mix, const uint8_t h1[32],
                                                      struct sotto_span signed2);
/* signed(pt) = pt[0..272] | certificate; returns its size, at most 630. pt must have passed _parse, or come from us. */
size_t sotto_hello_signed(uint8_t out[272 + SOTTO_CERT_MAX], const uint8_t *pt);
void sotto_hello_h1(uint8_t out[32], const uint8_t *m1);
/* EIP-712 digest of Hello(step, from, to, time, transcript), all but the transcript read from pt. */
void sotto_hello_digest(uint8_t out[32], const uint8_t *pt, const uint8_t transcript[32]);

/* ---- M2 ---- */

struct sotto_hello_reply {                /* what R puts in */
    uint8_t flags;                        /* SOTTO_HELLO_RECORD only if M1 had it */
    uint8_t nonce[32];
    struct sotto_secret share;
    const struct sotto_scalar *eph;       /* r_R: also the first ratchet scalar of R */
    const struct sotto_scalar *identity, *exchange;
    const struct sotto_secret *mk;        /* as named by M1; NULL = none */
    uint64_t height;
    uint8_t block8[8];
    struct sotto_point scan;              /* zeroed = none */
    struct sotto_span cert, intro;
};
/* M2 to a checked M1. ERR_RANGE (as _m1_begin), ERR_HELLO_MK (M1 names another mk than reply->mk), ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_hello_m2_make(uint8_t pt[SOTTO_HELLO_SIZE], struct sotto_hello_keys *keys, const struct sotto_hello_seen *m1,
                                                  const struct sotto_hello_reply *reply);

struct sotto_hello_pending {              /* what I kept of its M1 */
    struct sotto_id to;
    uint8_t flags;
    uint64_t time_ms;
    uint8_t nonce[32], h1[32];
    struct sotto_secret share;
    struct sotto_scalar eph;
    bool has_mk;
    struct sotto_secret mk;
};
/* All checks of I in the order of 3.4: ERR_HELLO_FORM, ERR_KEY, _HELLO_TO, _HELLO_ECHO, _HELLO_TIME, _HELLO_MK (mk id, puzzle),
 * refusals of the certificate, _HELLO_FROM, ledger refusals, _HELLO_CONFIRM, ERR_SIG_FORM, ERR_HELLO_SIG.
 * exchange = own k_I, whose public half the certificate in M1 names. keys are written on OK only: then the state is mutual. */
SOTTO_MUST_USE enum sotto_err sotto_hello_m2_check(struct sotto_hello_seen *out, struct sotto_hello_keys *keys, struct sotto_span pt,
                                                   const struct sotto_hello_ctx *ctx, const struct sotto_hello_pending *pending,
                                                   const struct sotto_scalar *exchange);

#endif
