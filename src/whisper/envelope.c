#include "whisper/envelope.h"

#include "crypto/hash.h"
#include "wire/rlp.h"

#include <math.h>

#define DATA_MAX (16u << 20)

static enum sotto_err decode(struct sotto_envelope *out, struct sotto_span rlp)
{
    struct sotto_rlp top = sotto_rlp(rlp), list;
    struct sotto_envelope e;
    uint64_t expiry, ttl;
    SOTTO_TRY(sotto_rlp_list(&top, &list));
    SOTTO_TRY(sotto_rlp_end(&top));
    SOTTO_TRY(sotto_rlp_uint_max(&list, &expiry, UINT32_MAX));
    SOTTO_TRY(sotto_rlp_uint_max(&list, &ttl, UINT32_MAX));
    SOTTO_TRY(sotto_rlp_fixed(&list, e.topic, sizeof e.topic));
    SOTTO_TRY(sotto_rlp_bytes(&list, &e.data));
    SOTTO_TRY(sotto_rlp_uint(&list, &e.nonce));
    SOTTO_TRY(sotto_rlp_end(&list));
    e.expiry = (uint32_t)expiry;
    e.ttl = (uint32_t)ttl;
    *out = e;
    return SOTTO_OK;
}

enum sotto_err sotto_envelope_decode(struct sotto_envelope *out, struct sotto_span rlp)
{
    return decode(out, rlp) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_ENV_FORM;
}

static size_t uint_size(uint64_t v)
{
    size_t size = 1;
    if (v >= 0x80)
        for (; v; v >>= 8) size++;
    return size;
}

static size_t short_body(const struct sotto_envelope *e)
{
    return uint_size(e->expiry) + uint_size(e->ttl) + 1 + sizeof e->topic + sotto_rlp_bytes_size(e->data);
}

size_t sotto_envelope_short_size(const struct sotto_envelope *e) { return sotto_rlp_list_size(short_body(e)); }

static enum sotto_err add_list(struct sotto_buf *out, const struct sotto_envelope *e, size_t body, bool with_nonce)
{
    SOTTO_TRY(sotto_rlp_add_list_head(out, body));
    SOTTO_TRY(sotto_rlp_add_uint(out, e->expiry));
    SOTTO_TRY(sotto_rlp_add_uint(out, e->ttl));
    SOTTO_TRY(sotto_rlp_add_bytes(out, SOTTO_SPAN(e->topic)));
    SOTTO_TRY(sotto_rlp_add_bytes(out, e->data));
    return with_nonce ? sotto_rlp_add_uint(out, e->nonce) : SOTTO_OK;
}

static enum sotto_err encode(struct sotto_buf *out, const struct sotto_envelope *e, bool with_nonce)
{
    if (e->data.size > DATA_MAX) return SOTTO_ERR_RANGE;
    size_t body = short_body(e) + (with_nonce ? uint_size(e->nonce) : 0);
    SOTTO_TRY(sotto_buf_reserve(out, sotto_rlp_list_size(body)));     /* so that nothing below can fail half way */
    return add_list(out, e, body, with_nonce);
}

enum sotto_err sotto_envelope_encode(struct sotto_buf *out, const struct sotto_envelope *e) { return encode(out, e, true); }
enum sotto_err sotto_envelope_short(struct sotto_buf *out, const struct sotto_envelope *e) { return encode(out, e, false); }

void sotto_envelope_hash(uint8_t out[32], struct sotto_span rlp) { sotto_keccak256(out, rlp); }

static unsigned leading_zeros(const uint8_t hash[32])
{
    unsigned zeros = 0;
    for (unsigned i = 0; i < 32; i++) {
        if (hash[i] == 0) {
            zeros += 8;
            continue;
        }
        return zeros + (unsigned)__builtin_clz(hash[i]) - 24;
    }
    return zeros;
}

static unsigned finish_zeros(struct sotto_keccak *k, uint64_t nonce)
{
    uint8_t be[8], hash[32];
    sotto_put_be64(be, nonce);
    sotto_keccak_update(k, be, sizeof be);
    sotto_keccak_final(k, hash);
    return leading_zeros(hash);
}

/* Hashes the pieces where they lie: an envelope may be a megabyte, and this runs for every copy that arrives. */
unsigned sotto_envelope_zeros(const struct sotto_envelope *e)
{
    uint8_t bytes[64];
    struct sotto_buf head = { bytes, 0, sizeof bytes, sizeof bytes };
    size_t data_size = sotto_rlp_bytes_size(e->data), data_head = data_size - e->data.size;
    enum sotto_err err = sotto_rlp_add_list_head(&head, short_body(e));
    if (err == SOTTO_OK) err = sotto_rlp_add_uint(&head, e->expiry);
    if (err == SOTTO_OK) err = sotto_rlp_add_uint(&head, e->ttl);
    if (err == SOTTO_OK) err = sotto_rlp_add_bytes(&head, SOTTO_SPAN(e->topic));
    SOTTO_ASSERT(err == SOTTO_OK);                                    /* at most 9 + 5 + 5 + 5 bytes */
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, head.data, head.size);
    if (data_head) {
        uint8_t prefix[9];
        size_t width = data_head - 1;                                 /* bytes of the length in the long form */
        prefix[0] = (uint8_t)(width ? 0xb7 + width : 0x80 + e->data.size);
        for (size_t i = 0; i < width; i++) prefix[1 + i] = (uint8_t)(e->data.size >> (8 * (width - 1 - i)));
        sotto_keccak_update(&k, prefix, data_head);
    }
    sotto_keccak_update(&k, e->data.data, e->data.size);
    return finish_zeros(&k, e->nonce);
}

/* Everything of an envelope up to the nonce is hashed for its work from where it lies, behind a list head of its own length. */
void sotto_envelope_digests(const struct sotto_envelope_in *in, size_t count)
{
    struct sotto_keccak_message messages[2 * SOTTO_ENVELOPE_BATCH];
    uint8_t heads[SOTTO_ENVELOPE_BATCH][9], nonces[SOTTO_ENVELOPE_BATCH][8];
    SOTTO_ASSERT(count <= SOTTO_ENVELOPE_BATCH);
    for (size_t i = 0; i < count; i++) {
        const struct sotto_envelope *e = in[i].e;
        struct sotto_buf head = { heads[i], 0, sizeof heads[i], sizeof heads[i] };
        size_t body = short_body(e);
        const uint8_t *end = e->data.data + e->data.size;
        SOTTO_ASSERT(in[i].rlp.data < end - body && end < in[i].rlp.data + in[i].rlp.size);
        enum sotto_err err = sotto_rlp_add_list_head(&head, body);
        SOTTO_ASSERT(err == SOTTO_OK);
        sotto_put_be64(nonces[i], e->nonce);
        messages[2 * i] = (struct sotto_keccak_message){ .parts = { in[i].rlp } };
        messages[2 * i + 1] = (struct sotto_keccak_message){ .parts = { sotto_buf_span(&head), { end - body, body }, SOTTO_SPAN(nonces[i]) } };
    }
    sotto_keccak256_many(messages, 2 * count);
    for (size_t i = 0; i < count; i++) {
        memcpy(in[i].out->hash, messages[2 * i].hash, sizeof in[i].out->hash);
        in[i].out->zeros = leading_zeros(messages[2 * i + 1].hash);
    }
}

unsigned sotto_work_zeros(struct sotto_span prefix, uint64_t nonce)
{
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, prefix.data, prefix.size);
    return finish_zeros(&k, nonce);
}

double sotto_rating(unsigned zeros, size_t short_size, uint32_t ttl, uint32_t late)
{
    uint32_t life = ttl + late;                                       /* a 32-bit sum, as geth's */
    double rating = ldexp(1.0, (int)zeros);                           /* exact */
    rating /= (double)short_size;
    rating /= (double)life;
    return rating;
}

double sotto_envelope_rating(const struct sotto_envelope *e, uint32_t late)
{
    return sotto_rating(sotto_envelope_zeros(e), sotto_envelope_short_size(e), e->ttl, late);
}

unsigned sotto_work_bits(double rating, size_t short_size, uint32_t ttl)
{
    unsigned bits = 0;                                                /* asked with the very formula that judges: no rounding apart */
    while (bits < 256 && sotto_rating(bits, short_size, ttl, 0) < rating) bits++;
    return bits;
}
