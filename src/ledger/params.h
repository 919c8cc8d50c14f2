/* The parameters of a chain: set by its genesis, changed by votes, part of every state root (ledger.md 5.1, 5.3).
 *
 * The lists belong to the struct: sotto_params_free. A zeroed struct is an empty one. Threads: plain values. */
#ifndef SOTTO_LEDGER_PARAMS_H
#define SOTTO_LEDGER_PARAMS_H

#include "crypto/curve.h"
#include "ledger/amount.h"
#include "ledger/header.h"

#define SOTTO_CHAIN_NAME_MAX 32u                  /* bytes */
#define SOTTO_VALIDATORS_MAX 256u                 /* as many as a vote can name */
#define SOTTO_GRANTS_MAX 16384u                   /* 352 KiB: hashed with every change of a parameter */
#define SOTTO_PARAMS_MAX (131u + SOTTO_CHAIN_NAME_MAX + 3 + SOTTO_VALIDATORS_MAX * 52 + 3 + SOTTO_GRANTS_MAX * 22)     /* bytes */

enum sotto_chain_mode { SOTTO_MODE_OPEN, SOTTO_MODE_CONSORTIUM, SOTTO_MODE_PRIVATE, SOTTO_MODE_PERMISSIONED, SOTTO_MODES };
enum sotto_retarget { SOTTO_RETARGET_FIXED, SOTTO_RETARGET_ASERT, SOTTO_RETARGETS };

/* Bits of sotto_params.flags */
#define SOTTO_CHAIN_CUSTOM_GROUPS 1u              /* negotiation may use groups of its own: laboratory */
#define SOTTO_CHAIN_STAMPS 2u                     /* a stamp may stand for the fee */
#define SOTTO_CHAIN_UNSIGNED_POSTS 4u
#define SOTTO_CHAIN_FLAGS 7u

/* What somebody may do: bits of a grant. */
#define SOTTO_MAY_READ 1u
#define SOTTO_MAY_TRANSFER 2u
#define SOTTO_MAY_REGISTER 4u
#define SOTTO_MAY_POST 8u
#define SOTTO_MAY_DIGEST 16u
#define SOTTO_MAY_PARAMS 32u
#define SOTTO_MAY_DEPLOY 64u
#define SOTTO_MAY_MINE 128u
#define SOTTO_MAY_VALIDATE 256u
#define SOTTO_MAY_GOVERN 512u
#define SOTTO_MAY_ALL 1023u

struct sotto_validator { struct sotto_id id; uint8_t key[32]; };      /* key: x only, BIP-340 */
struct sotto_grant { struct sotto_id id; uint16_t perms; };

struct sotto_params {
    struct { uint8_t size; char text[SOTTO_CHAIN_NAME_MAX + 1]; } name;   /* printable ASCII, and a final zero */
    uint64_t chain_num;
    uint8_t engine, mode;                         /* enum sotto_engine, enum sotto_chain_mode */
    uint64_t time_ms;                             /* of block 0 */
    uint32_t bits, bits_limit;                    /* 0 outside pow */
    uint8_t retarget;                             /* enum sotto_retarget */
    uint32_t spacing_ms;
    uint64_t halflife_ms;
    struct sotto_amount reward;                   /* of a block before the first halving */
    uint32_t halving;                             /* blocks */
    uint32_t max_block_bytes, max_block_units;
    uint64_t fee_rate;                            /* cong for a unit of cost */
    uint8_t stamp_bits;
    struct sotto_amount bond;                     /* of a registration */
    uint32_t reorg_limit, snapshot_every;         /* blocks */
    uint8_t flags;
    uint64_t eip712_chain;
    uint8_t eip712_contract[20];                  /* zero: signatures name this chain alone */
    uint32_t gov_seq, upgrade_height;
    struct sotto_amount issued;                   /* allocations and issues */
    struct sotto_validator *validators;
    struct sotto_grant *grants;                   /* rising by id */
    uint32_t validator_count, grant_count;
};

void sotto_params_free(struct sotto_params *p);
/* Appends. The lists are within their limits (broken rule otherwise). ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_params_encode(struct sotto_buf *out, const struct sotto_params *p);
/* Any bytes: E_SHORT, E_COMPACT, E_LIMIT, E_TRAILING; D_GENESIS for values that no chain has (sotto_params_check); ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_params_decode(struct sotto_params *out, struct sotto_span bytes);
/* A copy with lists of its own. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_params_copy(struct sotto_params *out, const struct sotto_params *p);
/* What holds at every height: version, name, enums, flags, amounts, order of the grants, no validator key twice. D_GENESIS. */
SOTTO_MUST_USE enum sotto_err sotto_params_check(const struct sotto_params *p);
void sotto_params_root(uint8_t out[32], struct sotto_span bytes);

/* The permissions of an ID by grants and the list of validators; nothing is said about the modes in which all may do a thing. */
uint32_t sotto_params_perms(const struct sotto_params *p, const struct sotto_id *id);
/* Does this mode want a grant for this bit? False: all may; VALIDATE is a matter of the list. One bit. */
bool sotto_mode_wants_grant(enum sotto_chain_mode mode, uint32_t bit);
/* May id (NULL: nobody in particular) do all of bits? G_DENIED. Whether the identity is valid now is not asked here. */
SOTTO_MUST_USE enum sotto_err sotto_params_allow(const struct sotto_params *p, const struct sotto_id *id, uint32_t bits);

/* Q = ceil((n + f + 1) / 2), f = floor((n - 1) / 3); n >= 1. */
static inline uint32_t sotto_faults_borne(uint32_t n) { return (n - 1) / 3; }
static inline uint32_t sotto_quorum(uint32_t n) { return (n + sotto_faults_borne(n) + 2) / 2; }

const char *sotto_mode_name(unsigned mode);       /* "open" ...; NULL outside the list, as the next ones */
const char *sotto_engine_name(unsigned engine);
const char *sotto_perm_name(unsigned bit_number);

#endif
