#include "whisper/envelope.h"

#define RATE SOTTO_KECCAK_RATE
#define WORDS (RATE / 8)                          /* of a state that take bytes in */
#define TOP(byte) ((uint64_t)(byte) << 56)

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
    w->kernel = sotto_keccak_in_use();
    for (unsigned i = 0; i < SOTTO_KECCAK_WORDS; i++)
        for (unsigned l = 0; l < w->kernel->lanes; l++) w->lanes[i * w->kernel->lanes + l] = w->state.a[i];
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

/* The nonce's 8 bytes as they go into the block from byte `at`: into the word there, and what does not fit into the one behind. */
struct mixed { uint64_t here, behind; };
static struct mixed mixed(const struct sotto_work *w, uint64_t nonce)
{
    uint64_t le = __builtin_bswap64(nonce);       /* the big-endian bytes, read as a little-endian word */
    unsigned shift = (unsigned)(w->at % 8) * 8;
    return (struct mixed){ le << shift, shift ? le >> (64 - shift) : 0 };
}
static bool one_block(const struct sotto_work *w) { return w->at + 8 < RATE; }
/* Where the nonce meets the block's end: the last block begins with what is left of it, then the padding. */
static uint64_t last_block_word(const struct sotto_work *w, uint64_t behind) { return behind ^ UINT64_C(1) << (8 * (w->at + 8 - RATE)); }

/* By the library alone: what a hit of the kernel is checked with. */
static bool try_one(const struct sotto_work *w, uint64_t nonce)
{
    struct sha3_state s = w->state;
    struct mixed m = mixed(w, nonce);
    size_t word = w->at / 8;
    s.a[word] ^= m.here;
    if (one_block(w)) {
        s.a[word + 1] ^= m.behind;
    } else {
        sha3_permute(&s);
        s.a[0] ^= last_block_word(w, m.behind);
        s.a[WORDS - 1] ^= TOP(0x80);
    }
    sha3_permute(&s);
    return fits(&s, w->bits);
}

/* The first word of the hash for each of the next nonces, one a lane. */
static void try_lanes(struct sotto_work *w, uint64_t first_words[SOTTO_KECCAK_LANES_MAX])
{
    unsigned lanes = w->kernel->lanes;
    size_t word = w->at / 8;
    uint64_t *here = w->lanes + word * lanes;
    struct mixed m[SOTTO_KECCAK_LANES_MAX];
    for (unsigned l = 0; l < lanes; l++) {
        m[l] = mixed(w, w->next + l);
        here[l] = w->state.a[word] ^ m[l].here;
    }
    if (one_block(w)) {
        for (unsigned l = 0; l < lanes; l++) here[lanes + l] = w->state.a[word + 1] ^ m[l].behind;
        w->kernel->first_words(first_words, w->lanes);
        return;
    }
    _Alignas(64) uint64_t last[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX];
    memcpy(last, w->lanes, sizeof *last * SOTTO_KECCAK_WORDS * lanes);
    w->kernel->permute(last);
    for (unsigned l = 0; l < lanes; l++) {
        last[l] ^= last_block_word(w, m[l].behind);
        last[(WORDS - 1) * lanes + l] ^= TOP(0x80);
    }
    w->kernel->first_words(first_words, last);
}

enum sotto_err sotto_work_step(struct sotto_work *w, uint64_t *nonce, uint32_t tries)
{
    unsigned lanes = w->kernel->lanes, early = w->bits < 64 ? w->bits : 64;       /* bits that the first word decides */
    uint64_t most = early == 0 ? UINT64_MAX : early == 64 ? 0 : UINT64_MAX >> early;
    while (tries) {
        uint64_t first_words[SOTTO_KECCAK_LANES_MAX];
        uint32_t count = tries < lanes ? tries : lanes;
        try_lanes(w, first_words);
        for (uint32_t l = 0; l < count; l++) {
            if (__builtin_bswap64(first_words[l]) > most || !try_one(w, w->next + l)) continue;
            *nonce = w->next + l;
            w->next += l + 1;
            return SOTTO_OK;
        }
        w->next += count;
        tries -= count;
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
