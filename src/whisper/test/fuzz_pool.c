/* The pool of envelopes by itself: any order of arrivals, clocks, first hops and withdrawals within small bounds. Its three orders (by
 * worth, by arrival, by expiry) and its sums agree after every step; no link and no topic has more than its share; what is held stays. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "whisper/pool.h"

enum { ENTRIES_MAX = 24, BYTES_MAX = 4000, HELD_MAX = 32 };

struct seen { uint32_t count, held; uint64_t bytes, by_peer[8]; struct sotto_pool_entry last; };

static bool look(void *ctx, const struct sotto_pool_entry *e)
{
    struct seen *s = ctx;
    if (s->count) SOTTO_ASSERT(sotto_pool_compare(&s->last, e) < 0);
    SOTTO_ASSERT(e->size == SOTTO_ENVELOPE_HEADER + e->data.size && (!e->held || e->own));
    s->last = *e;
    s->count++;
    s->held += e->held;
    s->bytes += e->rlp.size;
    return true;
}

static void check(const struct sotto_pool *p, uint32_t now_s)
{
    struct seen s = { 0 };
    uint32_t count = 0;
    uint64_t seq = 0, next = UINT64_MAX;
    sotto_pool_each(p, look, &s);
    for (const struct sotto_pool_entry *e = sotto_pool_after(p, 0); e; e = sotto_pool_next(p, e)) {
        SOTTO_ASSERT(e->seq > seq && sotto_pool_find(p, e->hash) == e && sotto_pool_knows(p, e->hash) && e->expiry >= now_s);
        seq = e->seq;
        if (e->expiry + 1ull < next) next = e->expiry + 1ull;
        count++;
    }
    SOTTO_ASSERT(count == s.count && count == sotto_pool_count(p) && s.bytes == sotto_pool_bytes(p) && seq <= sotto_pool_seq(p));
    SOTTO_ASSERT(count <= ENTRIES_MAX && s.bytes <= BYTES_MAX && sotto_pool_next_expiry(p) <= next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_chacha_rng rng;
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_pool *p;
    uint8_t held[HELD_MAX][32];
    uint32_t held_count = 0, now_s = 1000000;
    uint64_t mono_us = 1000000, serial = 0;
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    sotto_rng_from_seed(&rng, 1, "fuzz");
    struct sotto_pool_config config = { BYTES_MAX, ENTRIES_MAX, 0.2, &rng.rng };
    SOTTO_ASSERT(sotto_pool_new(&p, &config) == SOTTO_OK);
    for (unsigned i = 0; i < 300 && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in), arg = fuzz_u8(&in);
        if (op % 8 < 5) {
            uint8_t filling[512] = { 0 }, hash[32];
            struct sotto_buf rlp = sotto_buf_make(2048);
            struct sotto_envelope e = { now_s + 1 + fuzz_u8(&in) * 4u, 1 + fuzz_u8(&in), { arg & 3 }, { filling, (size_t)(arg >> 2) * 8 }, op & 64 ? serial : ++serial };
            struct sotto_pool_source from = { (enum sotto_pool_from)(op >> 3 & 3 ? (op >> 3 & 3) - 1 : 0), fuzz_u8(&in) & 7 };
            const struct sotto_pool_entry *entry = NULL;
            if (op >> 3 & 3) SOTTO_ASSERT(from.from <= SOTTO_FROM_INBOUND);
            double rating = 0.2 + fuzz_u8(&in) / 16.0;
            SOTTO_ASSERT(sotto_envelope_encode(&rlp, &e) == SOTTO_OK && sotto_envelope_decode(&e, sotto_buf_span(&rlp)) == SOTTO_OK);
            sotto_envelope_hash(hash, sotto_buf_span(&rlp));
            bool known = sotto_pool_knows(p, hash);
            uint32_t count = sotto_pool_count(p);
            enum sotto_err err = fuzz_err(sotto_pool_add(p, &entry, &e, sotto_buf_span(&rlp), sotto_pool_id(p, hash), rating, from));
            SOTTO_ASSERT((err == SOTTO_ERR_ENV_DUPLICATE) == known && (err != SOTTO_OK || memcmp(entry->hash, hash, 32) == 0));
            if (err != SOTTO_OK) SOTTO_ASSERT(sotto_pool_count(p) == count && sotto_pool_knows(p, hash) == known);
            else SOTTO_ASSERT(entry->own == (from.from == SOTTO_FROM_SELF) && sotto_span_equal(entry->rlp, sotto_buf_span(&rlp)) && entry->rating == rating);
            if (err == SOTTO_OK && entry->held && held_count < HELD_MAX) memcpy(held[held_count++], hash, 32);
            sotto_buf_free(&rlp);
        } else if (op % 8 == 5 && held_count) {
            uint8_t *hash = held[arg % held_count];
            bool here = sotto_pool_find(p, hash) != NULL;
            if (op & 8) sotto_pool_release(p, hash);
            else if (here) SOTTO_ASSERT(sotto_pool_withdraw(p, hash) == SOTTO_OK && !sotto_pool_knows(p, hash));
            else SOTTO_ASSERT(sotto_pool_withdraw(p, hash) == SOTTO_ERR_MISSING);
            memmove(hash, held[--held_count], 32);
        } else {
            if (op & 8) now_s += arg;
            mono_us += (uint64_t)arg << (op >> 3);
            double floor = sotto_pool_floor(p);
            bool moved = sotto_pool_tick(p, now_s, mono_us);
            SOTTO_ASSERT(moved == (floor != sotto_pool_floor(p)) && sotto_pool_floor(p) >= 0.2);
        }
        if (op % 8 < 6) (void)sotto_pool_tick(p, now_s, mono_us);
        check(p, now_s);
        for (uint32_t k = 0; k < held_count; k++) {   /* a held one is never evicted; it may have expired */
            const struct sotto_pool_entry *e = sotto_pool_find(p, held[k]);
            SOTTO_ASSERT(!e || e->held);
        }
    }
    sotto_pool_free(p);
    return 0;
}
