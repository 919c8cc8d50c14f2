/* envelope, rating, evict, group of network.json: what a pool takes and gives up, and who counts as one neighbourhood. */
#include "vec.h"

#include "p2p/group.h"
#include "relay/link_refusal.h"
#include "whisper/pool.h"
#include "whisper/rules.h"

#include <stdlib.h>

static double real(struct vec *v, const json_t *object, const char *key)
{
    uint8_t b[8];
    double out;
    vec_hex(v, object, key, b, sizeof b);
    uint64_t bits = sotto_be64(b);
    memcpy(&out, &bits, sizeof out);
    return out;
}

static void is_real(struct vec *v, json_t *value, const char *what, double real_value)
{
    uint8_t b[8];
    uint64_t bits;
    memcpy(&bits, &real_value, sizeof bits);
    sotto_put_be64(b, bits);
    vec_is_hex_value(v, value, what, b, sizeof b);
}

/* ---- envelope ---- */

enum { SEARCH_MAX = 1 << 21 };

/* The nonce is the first that fits from nonce_start on. A search takes a million tries: the latest is remembered for who asks again. */
static void mined_from(struct vec *v, const struct sotto_envelope *e, const uint8_t hash[32], unsigned zeros)
{
    static struct { uint8_t hash[32]; uint64_t start; } found;
    uint8_t b[8];
    struct sotto_buf prefix = sotto_buf_make(4096);
    uint64_t nonce = 0;
    vec_hex(v, v->in, "nonce_start", b, sizeof b);
    uint64_t start = sotto_be64(b);
    VEC_CHECK(v, start <= e->nonce && e->nonce - start < SEARCH_MAX);
    if (found.start == start && memcmp(found.hash, hash, 32) == 0) return;
    enum sotto_err err = sotto_envelope_short(&prefix, e);
    if (err == SOTTO_OK) err = sotto_work_search(&nonce, sotto_buf_span(&prefix), start, zeros, NULL);
    sotto_buf_free(&prefix);
    VEC_OK(v, err);
    VEC_CHECK(v, nonce == e->nonce);
    memcpy(found.hash, hash, 32);
    found.start = start;
}

void vec_net_envelope(struct vec *v)
{
    struct sotto_span rlp = vec_bytes(v, v->in, "envelope");
    struct sotto_envelope e;
    double floor = real(v, v->in, "floor"), rating;
    uint64_t now = vec_num(v, v->in, "now");
    uint8_t hash[32];
    VEC_CHECK(v, now <= UINT32_MAX);
    struct sotto_rules rules = { .now_ahead = (uint32_t)now, .now_behind = (uint32_t)now, .floor = floor, .floor_before = floor };
    VEC_OK(v, sotto_envelope_decode(&e, rlp));
    enum sotto_err err = sotto_rules_judge(&rating, &e, &rules);
    if (vec_refused(v)) {
        vec_is_error(v, err);
        vec_is_num(v, v->out, "score", (uint64_t)sotto_rl_envelope_score(err));
        return;
    }
    VEC_OK(v, err);
    uint32_t sent = sotto_envelope_sent(&e);
    unsigned zeros = sotto_envelope_zeros(&e);
    sotto_envelope_hash(hash, rlp);
    vec_is_hex(v, v->out, "hash", hash, sizeof hash);
    vec_is_hex(v, v->out, "id", hash, 16);
    vec_is_num(v, v->out, "sent", sent);
    vec_is_num(v, v->out, "zeros", zeros);
    vec_is_num(v, v->out, "short_len", sotto_envelope_short_size(&e));
    is_real(v, json_object_get(v->out, "rating_bits"), "rating_bits", rating);
    vec_is_num(v, v->out, "epoch", sent / SOTTO_NATIVE_GRID_S);
    json_t *native = json_object_get(v->out, "native");
    bool is_native = e.data.size == SOTTO_NATIVE_DATA && e.ttl == SOTTO_NATIVE_TTL_S && rlp.size == SOTTO_NATIVE_RLP;
    VEC_CHECK(v, json_is_boolean(native) && json_is_true(native) == is_native);
    vec_mark(v, native);
    if (is_native) mined_from(v, &e, hash, zeros);
}

/* ---- rating ---- */

void vec_net_rating(struct vec *v)
{
    if (vec_has(v->in, "zeros")) {
        uint64_t zeros = vec_num(v, v->in, "zeros"), size = vec_num(v, v->in, "short_len"), ttl = vec_num(v, v->in, "ttl"), late = vec_num(v, v->in, "late");
        VEC_CHECK(v, zeros <= 256 && size <= UINT32_MAX && ttl <= UINT32_MAX && late <= UINT32_MAX);
        is_real(v, json_object_get(v->out, "bits"), "bits", sotto_rating((unsigned)zeros, size, (uint32_t)ttl, (uint32_t)late));
        return;
    }
    json_t *list = vec_get(v, v->out, "bits"), *one;      /* the floors: each twice the one before */
    double floor = SOTTO_RATING_DEFAULT;
    size_t i;
    VEC_CHECK(v, json_array_size(list) == 6);
    json_array_foreach(list, i, one) {
        is_real(v, one, "bits", floor);
        floor *= 2;
    }
}

/* ---- evict ---- */

enum { ENTRIES_MAX = 64 };
struct row { struct sotto_pool_entry entry; uint8_t hash[32]; size_t index; };

static int first_out(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return sotto_pool_compare(&y->entry, &x->entry);      /* best first, the other way round */
}

void vec_net_evict(struct vec *v)
{
    struct row rows[ENTRIES_MAX] = { 0 };
    json_t *entries = vec_get(v, v->in, "entries"), *order = vec_get(v, v->out, "order"), *one;
    size_t i, count = json_array_size(entries);
    VEC_CHECK(v, count <= ENTRIES_MAX && json_array_size(order) == count);
    json_array_foreach(entries, i, one) {
        VEC_CHECK(v, json_is_array(one) && json_array_size(one) == 3 && json_is_integer(json_array_get(one, 1)));
        vec_mark(v, one);
        struct sotto_span rating = vec_bytes_value(v, json_array_get(one, 0), "rating"), hash = vec_bytes_value(v, json_array_get(one, 2), "hash");
        VEC_CHECK(v, rating.size == 8 && hash.size == 32);
        uint64_t bits = sotto_be64(rating.data);
        memcpy(&rows[i].entry.rating, &bits, sizeof bits);
        rows[i].entry.worth = rows[i].entry.rating;           /* as of envelopes of native size */
        memcpy(rows[i].entry.hash, hash.data, 32);
        rows[i].entry.expiry = (uint32_t)json_integer_value(json_array_get(one, 1));
        vec_mark(v, json_array_get(one, 1));
        rows[i].index = i;
    }
    qsort(rows, count, sizeof *rows, first_out);
    json_array_foreach(order, i, one) {
        vec_mark(v, one);
        if ((size_t)json_integer_value(one) != rows[i].index) vec_fault(v, "order: computed %zu in place %zu", rows[i].index, i);
    }
}

/* ---- group ---- */

void vec_net_group(struct vec *v)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    uint8_t in[32];
    struct sotto_group g;
    if (vec_has(v->in, "node")) {
        vec_hex(v, v->in, "node", in, 32);
        g = sotto_group_of_name(in);
    } else {
        vec_hex(v, v->in, "ip16", in, 16);
        bool v4 = memcmp(in, mapped, sizeof mapped) == 0;
        struct sotto_addr addr = { .family = v4 ? 4 : 6, .port = 1 };
        memcpy(addr.ip, v4 ? in + 12 : in, v4 ? 4 : 16);
        g = sotto_group_of(&addr, false);
    }
    vec_is_hex(v, v->out, "group", g.b, g.size);
}
