/* ledger.json: headers, targets and their work, the retarget rule. */
#include "vec.h"

#include "ledger/header.h"
#include "ledger/target.h"

static uint32_t u32(struct vec *v, const json_t *object, const char *key)
{
    uint64_t n = vec_num(v, object, key);
    if (n > UINT32_MAX) vec_fault(v, "%s does not fit 32 bits", key);
    return (uint32_t)n;
}

void vec_ledger_block(struct vec *v)
{
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_header h = { .version = u32(v, f, "version"), .height = u32(v, f, "height"), .time_ms = vec_u64(v, f, "time"), .bits = u32(v, f, "bits"),
                              .flags = u32(v, f, "flags"), .nonce = vec_u64(v, f, "nonce") },
                        back;
    uint8_t bytes[SOTTO_HEADER_SIZE], again[SOTTO_HEADER_SIZE];
    struct sotto_block_id id;
    struct sotto_target target;
    vec_hex(v, f, "prev", h.prev.b, 64);
    vec_hex(v, f, "tx_root", h.tx_root, 32);
    vec_hex(v, f, "state_root", h.state_root, 32);
    vec_hex(v, f, "engine_root", h.engine_root, 32);
    vec_hex(v, f, "spare_root", h.spare_root, 32);
    sotto_header_put(bytes, &h);
    vec_is_hex(v, v->in, "header", bytes, sizeof bytes);
    VEC_OK(v, sotto_header_take(&back, vec_bytes(v, v->in, "header")));
    sotto_header_put(again, &back);
    VEC_CHECK(v, memcmp(bytes, again, sizeof bytes) == 0);
    sotto_header_id(&id, &h);
    vec_is_hex(v, v->in, "id", id.b, sizeof id.b);
    VEC_OK(v, sotto_target_of(&target, h.bits));
    VEC_CHECK(v, h.nonce < 1000000);
    for (uint64_t nonce = h.nonce, n = 0; n <= nonce; n++) {         /* counted from 0: no earlier one will do */
        h.nonce = n;
        sotto_header_id(&id, &h);
        VEC_CHECK(v, sotto_target_met(&target, id.b) == (n == nonce));
    }
}

void vec_ledger_pow(struct vec *v)
{
    struct sotto_target target;
    struct sotto_work work;
    uint32_t bits = u32(v, v->in, "bits");
    enum sotto_err err = sotto_target_of(&target, bits);
    if (vec_refused(v)) {
        vec_is_error(v, err);
        return;
    }
    VEC_OK(v, err);
    vec_is_hex(v, v->in, "target", target.b, sizeof target.b);
    sotto_work_of(&work, &target);
    vec_is_hex(v, v->in, "work", work.b, sizeof work.b);
    if (bits >> 8 != SOTTO_BITS_ZEROS >> 8) VEC_CHECK(v, sotto_target_bits(&target) == bits);
}

void vec_ledger_asert(struct vec *v)
{
    struct sotto_asert a = { .genesis_time = vec_u64(v, v->in, "genesis_time"), .halflife = vec_u64(v, v->in, "halflife_ms"), .spacing = u32(v, v->in, "spacing_ms") };
    VEC_OK(v, sotto_target_of(&a.anchor, u32(v, v->in, "anchor_bits")));
    VEC_OK(v, sotto_target_of(&a.limit, u32(v, v->in, "limit_bits")));
    VEC_CHECK(v, a.halflife > 0);
    vec_is_num(v, v->in, "bits", sotto_asert_bits(&a, vec_u64(v, v->in, "parent_time"), u32(v, v->in, "parent_height")));
}
