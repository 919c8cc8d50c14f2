#include "ledger/spend.h"

#include "crypto/ecdsa.h"

#define LOCK_IS_TIME 500000000u                    /* locks below are heights, others seconds */
#define SEQUENCE_OFF (UINT32_C(1) << 31)
#define SEQUENCE_IS_TIME (UINT32_C(1) << 22)       /* units of 512 s, else blocks */
#define SEQUENCE_VALUE 0xffffu

bool sotto_lock_reached(uint64_t n, uint32_t lock, uint32_t sequence)
{
    bool same_kind = (n < LOCK_IS_TIME) == (lock < LOCK_IS_TIME);
    return same_kind && n <= lock && sequence != SOTTO_SEQUENCE_FINAL;
}

bool sotto_sequence_reached(uint64_t n, uint32_t sequence)
{
    if (sequence & SEQUENCE_OFF) return false;
    bool same_kind = (n & SEQUENCE_IS_TIME) == (sequence & SEQUENCE_IS_TIME);
    return same_kind && (n & SEQUENCE_VALUE) <= (sequence & SEQUENCE_VALUE);
}

/* A signature may be tried under twenty keys, and its digest takes in whole scripts: each of the six types is hashed once. */
enum { TYPES = 6 };
struct asked {
    const struct sotto_sighash *s;
    uint32_t index;
    bool known[TYPES];
    uint8_t digests[TYPES][32];
};

static enum sotto_err digest_of(struct asked *a, const uint8_t **out, uint8_t type)
{
    if (!sotto_sighash_type_good(type)) return SOTTO_S_HASHTYPE;
    unsigned at = (type & 3u) - 1 + (type & SOTTO_SIGHASH_ANYONECANPAY ? TYPES / 2 : 0);
    if (!a->known[at]) SOTTO_TRY(sotto_sighash_digest(a->s, a->digests[at], a->index, type));
    a->known[at] = true;
    *out = a->digests[at];
    return SOTTO_OK;
}

static enum sotto_script_fault check_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    const uint8_t *digest;
    enum sotto_err err = digest_of(of, &digest, sig.data[sig.size - 1]);
    if (err == SOTTO_S_SINGLE) return SOTTO_FAULT_SINGLE;
    if (err != SOTTO_OK) return SOTTO_FAULT_HASH_TYPE;
    return sotto_der_verify(sotto_span(sig.data, sig.size - 1), key, digest) == SOTTO_OK ? SOTTO_FAULT_NONE : SOTTO_FAULT_SIGNATURE;
}

static bool check_lock(void *of, uint64_t n)
{
    const struct asked *a = of;
    return sotto_lock_reached(n, a->s->tx->lock, a->s->tx->ins[a->index].sequence);
}

static bool check_sequence(void *of, uint64_t n)
{
    const struct asked *a = of;
    return sotto_sequence_reached(n, a->s->tx->ins[a->index].sequence);
}

enum sotto_err sotto_spend_check(struct sotto_script *m, uint64_t *units, const struct sotto_sighash *s, uint32_t index, uint64_t limit,
                                 const struct sotto_script_watch *watch)
{
    SOTTO_ASSERT(index < s->tx->in_count);
    struct asked a = { .s = s, .index = index };
    const struct sotto_script_checker checker = { &a, check_sig, NULL, check_lock, check_sequence };
    return sotto_script_run(m, units, s->tx->ins[index].unlock, s->spent[index].script, &checker, limit, watch);
}
