#include "whisper/envelope.h"

#define RATE 136u                                 /* bytes of a block of Keccak-256 */
#define WORDS (RATE / 8)

static void mix(struct sha3_state *s, const uint8_t block[RATE])
{
    for (unsigned i = 0; i < WORDS; i++) s->a[i] ^= sotto_le64(block + 8 * i);
}

void sotto_work_init(struct sotto_work *w, struct sotto_span prefix, uint64_t first, unsigned bits)
{
    SOTTO_ASSERT(bits <= 256);
    memset(w, 0, sizeof *w);
    const uint8_t *p = prefix.data;
    size_t left = prefix.size;
    for (; left >= RATE; p += RATE, left -= RATE) {
        mix(&w->state, p);
        sha3_permute(&w->state);
    }
    uint8_t tail[RATE] = { 0 };
    if (left) memcpy(tail, p, left);
    if (left + 8 < RATE) {                        /* the padding lies in the same block: original Keccak, first 1 then 0x80 at the end */
        tail[left + 8] ^= 0x01;
        tail[RATE - 1] ^= 0x80;
    }
    mix(&w->state, tail);
    w->at = left;
    w->bits = bits;
    w->next = first;
}

/* Leading zero bits of the hash that the state stands for. Bytes leave the state little-endian, so the first byte of the hash is
 * the lowest of the first word. */
static bool fits(const struct sha3_state *s, unsigned bits)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = __builtin_bswap64(s->a[i]);
        if (bits <= 64) return bits == 0 || word >> (64 - bits) == 0;
        if (word) return false;
        bits -= 64;
    }
    return true;
}

/* Mixes the 8 bytes of the nonce in from byte `at`; what does not fit into the block begins the next one. */
static bool try_one(const struct sotto_work *w, uint64_t nonce)
{
    struct sha3_state s = w->state;
    uint64_t le = __builtin_bswap64(nonce);       /* the big-endian bytes, read as a little-endian word */
    size_t word = w->at / 8;
    unsigned shift = (unsigned)(w->at % 8) * 8;
    s.a[word] ^= le << shift;
    uint64_t rest = shift ? le >> (64 - shift) : 0;
    if (w->at + 8 < RATE) {
        if (shift) s.a[word + 1] ^= rest;
    } else {
        sha3_permute(&s);
        size_t over = w->at + 8 - RATE;           /* bytes of the nonce in the last block, 0..7 */
        s.a[0] ^= rest ^ (uint64_t)0x01 << (8 * over);
        s.a[WORDS - 1] ^= (uint64_t)0x80 << 56;
    }
    sha3_permute(&s);
    return fits(&s, w->bits);
}

enum sotto_err sotto_work_step(struct sotto_work *w, uint64_t *nonce, uint32_t tries)
{
    for (uint32_t i = 0; i < tries; i++) {
        uint64_t at = w->next++;
        if (try_one(w, at)) {
            *nonce = at;
            return SOTTO_OK;
        }
    }
    return SOTTO_ERR_AGAIN;
}

enum sotto_err sotto_work_search(uint64_t *nonce, struct sotto_span prefix, uint64_t first, unsigned bits, const atomic_bool *cancel)
{
    struct sotto_work w;
    sotto_work_init(&w, prefix, first, bits);
    for (;;) {
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed)) return SOTTO_ERR_CANCELLED;
        enum sotto_err err = sotto_work_step(&w, nonce, SOTTO_WORK_CHUNK);
        if (err != SOTTO_ERR_AGAIN) return err;
    }
}
