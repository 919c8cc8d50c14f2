#include "crypto/hash.h"

#include "crypto/keccak_lanes.h"

#include <nettle/pbkdf2.h>
#include <nettle/ripemd160.h>
#include <nettle/sha1.h>

void sotto_sha256(uint8_t out[32], struct sotto_span data)
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, data.size, data.data);
    sha256_digest(&ctx, 32, out);
    SOTTO_WIPE(ctx);
}

void sotto_sha256d_init(struct sotto_sha256d *s) { sha256_init(&s->ctx); }

void sotto_sha256d_update(struct sotto_sha256d *s, const void *data, size_t size)
{
    if (size) sha256_update(&s->ctx, size, data);
}

void sotto_sha256d_final(struct sotto_sha256d *s, uint8_t out[32])
{
    uint8_t once[32];
    sha256_digest(&s->ctx, sizeof once, once);
    sotto_sha256(out, SOTTO_SPAN(once));
}

void sotto_sha256d(uint8_t out[32], struct sotto_span data)
{
    struct sotto_sha256d s;
    sotto_sha256d_init(&s);
    sotto_sha256d_update(&s, data.data, data.size);
    sotto_sha256d_final(&s, out);
}

void sotto_ripemd160(uint8_t out[20], struct sotto_span data)
{
    struct ripemd160_ctx ctx;
    ripemd160_init(&ctx);
    ripemd160_update(&ctx, data.size, data.data);
    ripemd160_digest(&ctx, 20, out);
}

void sotto_sha1(uint8_t out[20], struct sotto_span data)
{
    struct sha1_ctx ctx;
    sha1_init(&ctx);
    sha1_update(&ctx, data.size, data.data);
    sha1_digest(&ctx, 20, out);
}

void sotto_hash160(uint8_t out[20], struct sotto_span data)
{
    uint8_t once[32];
    sotto_sha256(once, data);
    sotto_ripemd160(out, SOTTO_SPAN(once));
}

void sotto_sha512(uint8_t out[64], struct sotto_span data)
{
    struct sha512_ctx ctx;
    sha512_init(&ctx);
    sha512_update(&ctx, data.size, data.data);
    sha512_digest(&ctx, 64, out);
    SOTTO_WIPE(ctx);
}

_Static_assert(sizeof((struct sotto_keccak *)0)->words == 8 * SOTTO_KECCAK_WORDS && sizeof((struct sotto_keccak *)0)->block == SOTTO_KECCAK_RATE, "Keccak-256");

void sotto_keccak_init(struct sotto_keccak *k) { memset(k, 0, sizeof *k); }

void sotto_keccak_update(struct sotto_keccak *k, const void *data, size_t size)
{
    const uint8_t *in = data, *block = k->block;
    if (k->index) {
        size_t room = SOTTO_KECCAK_RATE - k->index, take = size < room ? size : room;
        if (take) memcpy(k->block + k->index, in, take);
        k->index += (unsigned)take;
        if (k->index < SOTTO_KECCAK_RATE) return;
        sotto_keccak_single()->absorb_secret(k->words, &block, 1);
        k->index = 0;
        in += take;
        size -= take;
    }
    size_t blocks = size / SOTTO_KECCAK_RATE, rest = size % SOTTO_KECCAK_RATE;
    if (blocks) sotto_keccak_single()->absorb_secret(k->words, &in, blocks);
    if (rest) memcpy(k->block, in + blocks * SOTTO_KECCAK_RATE, rest);
    k->index = (unsigned)rest;
}

/* The whole blocks that all of them have, as long as two have any. */
static void side_by_side(const struct sotto_keccak_kernel *kernel, struct sotto_keccak *const *k, struct sotto_span *left, unsigned count)
{
    _Alignas(64) uint64_t words[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX];
    for (;;) {
        const uint8_t *in[SOTTO_KECCAK_LANES_MAX];
        unsigned active[SOTTO_KECCAK_LANES_MAX], active_count = 0;
        size_t blocks = SIZE_MAX;
        for (unsigned i = 0; i < count; i++) {
            if (left[i].size < SOTTO_KECCAK_RATE) continue;
            active[active_count++] = i;
            if (left[i].size / SOTTO_KECCAK_RATE < blocks) blocks = left[i].size / SOTTO_KECCAK_RATE;
        }
        if (active_count < 2) break;
        for (unsigned l = 0; l < kernel->lanes; l++) {                /* an idle lane does what the first one does */
            unsigned from = active[l < active_count ? l : 0];
            in[l] = left[from].data;
            for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) words[w * kernel->lanes + l] = k[from]->words[w];
        }
        kernel->absorb_secret(words, in, blocks);
        for (unsigned l = 0; l < active_count; l++) {
            for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) k[active[l]]->words[w] = words[w * kernel->lanes + l];
            struct sotto_span *mine = &left[active[l]];
            *mine = sotto_span_cut(*mine, blocks * SOTTO_KECCAK_RATE, mine->size - blocks * SOTTO_KECCAK_RATE);
        }
    }
    SOTTO_WIPE(words);
}

void sotto_keccak_update_many(struct sotto_keccak *const *k, const struct sotto_span *data, size_t count)
{
    const struct sotto_keccak_kernel *kernel = sotto_keccak_in_use();
    for (size_t at = 0; at < count;) {
        struct sotto_span left[SOTTO_KECCAK_LANES_MAX];
        unsigned group = count - at < kernel->lanes ? (unsigned)(count - at) : kernel->lanes;
        for (unsigned i = 0; i < group; i++) {                        /* to the end of the block that was begun */
            size_t room = k[at + i]->index ? SOTTO_KECCAK_RATE - k[at + i]->index : 0, take = data[at + i].size < room ? data[at + i].size : room;
            sotto_keccak_update(k[at + i], data[at + i].data, take);
            left[i] = sotto_span_cut(data[at + i], take, data[at + i].size - take);
        }
        if (kernel->lanes > 1) side_by_side(kernel, k + at, left, group);
        for (unsigned i = 0; i < group; i++) sotto_keccak_update(k[at + i], left[i].data, left[i].size);
        at += group;
    }
}

void sotto_keccak_final(const struct sotto_keccak *k, uint8_t out[32])
{
    struct sotto_keccak last = *k;
    const uint8_t *block = last.block;
    SOTTO_ASSERT(k->index < SOTTO_KECCAK_RATE);
    memset(last.block + k->index, 0, SOTTO_KECCAK_RATE - k->index);
    last.block[k->index] = 0x01;                  /* the original Keccak; SHA3 has 0x06 */
    last.block[SOTTO_KECCAK_RATE - 1] |= 0x80;
    sotto_keccak_single()->absorb_secret(last.words, &block, 1);
    for (size_t i = 0; i < 4; i++) sotto_put_le64(out + 8 * i, last.words[i]);
    SOTTO_WIPE(last);
}

void sotto_keccak256(uint8_t out[32], struct sotto_span data)
{
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, data.data, data.size);
    sotto_keccak_final(&k, out);
    SOTTO_WIPE(k);
}

void sotto_th_init(struct sotto_th *t, const char *tag)
{
    uint8_t h[32];
    sotto_sha256(h, sotto_span_str(tag));
    sha256_init(&t->ctx);
    sha256_update(&t->ctx, sizeof h, h);
    sha256_update(&t->ctx, sizeof h, h);
}

void sotto_th_resume(struct sotto_th *t, const uint32_t state[8])
{
    sha256_init(&t->ctx);
    memcpy(t->ctx.state, state, sizeof t->ctx.state);
    t->ctx.count = 1;                             /* blocks: the two hashes fill one */
}

void sotto_th_update(struct sotto_th *t, const void *data, size_t size)
{
    if (size) sha256_update(&t->ctx, size, data);
}

void sotto_th_final(struct sotto_th *t, uint8_t out[32])
{
    sha256_digest(&t->ctx, 32, out);
    SOTTO_WIPE(*t);
}

void sotto_th_parts(uint8_t out[32], const char *tag, const struct sotto_span *parts, size_t count)
{
    struct sotto_th t;
    sotto_th_init(&t, tag);
    for (size_t i = 0; i < count; i++) sotto_th_update(&t, parts[i].data, parts[i].size);
    sotto_th_final(&t, out);
}

static void hmac_add(struct hmac_sha256_ctx *ctx, const struct sotto_span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].size) hmac_sha256_update(ctx, parts[i].size, parts[i].data);
}

void sotto_hmac_parts(uint8_t out[32], struct sotto_span key, const struct sotto_span *parts, size_t count)
{
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, key.size, key.data);
    hmac_add(&ctx, parts, count);
    hmac_sha256_digest(&ctx, 32, out);
    SOTTO_WIPE(ctx);
}

void sotto_mac_key(struct sotto_mac *m, struct sotto_span key) { hmac_sha256_set_key(&m->ctx, key.size, key.data); }
void sotto_mac_add(struct sotto_mac *m, struct sotto_span part) { hmac_add(&m->ctx, &part, 1); }
void sotto_mac_end(struct sotto_mac *m, uint8_t out[32]) { hmac_sha256_digest(&m->ctx, 32, out); }

/* The expanding half over "text, then parts": every HKDF here ends in it. */
static void expand(uint8_t *out, size_t size, const uint8_t prk[32], struct sotto_span text, const struct sotto_span *info, size_t count)
{
    struct hmac_sha256_ctx ctx;
    uint8_t block[32];
    hmac_sha256_set_key(&ctx, 32, prk);
    for (size_t done = 0, i = 1; done < size; i++) {
        uint8_t number = (uint8_t)i;
        if (i > 1) hmac_sha256_update(&ctx, sizeof block, block);
        hmac_add(&ctx, &text, 1);
        hmac_add(&ctx, info, count);
        hmac_sha256_update(&ctx, 1, &number);
        hmac_sha256_digest(&ctx, sizeof block, block);              /* and starts anew under the same key */
        size_t take = size - done < sizeof block ? size - done : sizeof block;
        memcpy(out + done, block, take);
        done += take;
    }
    SOTTO_WIPE(ctx);
    SOTTO_WIPE(block);
}

static void extract(uint8_t prk[32], struct sotto_span salt, const struct sotto_span *ikm, size_t count)
{
    static const uint8_t zero[32];
    sotto_hmac_parts(prk, salt.size ? salt : sotto_span(zero, sizeof zero), ikm, count);
}

void sotto_hkdf_parts(uint8_t *out, size_t size, struct sotto_span salt, const struct sotto_span *ikm, size_t ikm_count,
                      const struct sotto_span *info, size_t info_count)
{
    uint8_t prk[32];
    SOTTO_ASSERT(size <= 8160);
    extract(prk, salt, ikm, ikm_count);
    expand(out, size, prk, (struct sotto_span){ NULL, 0 }, info, info_count);
    SOTTO_WIPE(prk);
}

void sotto_hkdf(uint8_t *out, size_t size, struct sotto_span salt, struct sotto_span ikm, const char *info,
                const struct sotto_span *more, size_t more_count)
{
    uint8_t prk[32];
    SOTTO_ASSERT(size <= 8160);
    extract(prk, salt, &ikm, 1);
    expand(out, size, prk, sotto_span_str(info), more, more_count);
    SOTTO_WIPE(prk);
}

void sotto_pbkdf2_sha256(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds)
{
    struct hmac_sha256_ctx ctx;
    SOTTO_ASSERT(rounds >= 1 && size >= 1);
    hmac_sha256_set_key(&ctx, password.size, password.data);
    PBKDF2(&ctx, hmac_sha256_update, hmac_sha256_digest, SHA256_DIGEST_SIZE, rounds, salt.size, salt.data, size, out);
    SOTTO_WIPE(ctx);
}

void sotto_pbkdf2_sha512(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds)
{
    struct hmac_sha512_ctx ctx;
    SOTTO_ASSERT(rounds >= 1 && size >= 1);
    hmac_sha512_set_key(&ctx, password.size, password.data);
    PBKDF2(&ctx, hmac_sha512_update, hmac_sha512_digest, SHA512_DIGEST_SIZE, rounds, salt.size, salt.data, size, out);
    SOTTO_WIPE(ctx);
}
