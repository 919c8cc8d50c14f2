#include "ledger/params.h"

#include "ledger/codec.h"
#include "ledger/th.h"

#include <stdlib.h>

enum { VERSION = 1, VALIDATOR_BYTES = 52, GRANT_BYTES = 22 };

void sotto_params_free(struct sotto_params *p)
{
    free(p->validators);
    free(p->grants);
    *p = (struct sotto_params){ 0 };
}

static enum sotto_err copy_list(void **out, const void *list, size_t count, size_t size)
{
    *out = NULL;
    if (count == 0) return SOTTO_OK;
    *out = malloc(count * size);
    if (!*out) return SOTTO_ERR_NOMEM;
    memcpy(*out, list, count * size);
    return SOTTO_OK;
}

enum sotto_err sotto_params_copy(struct sotto_params *out, const struct sotto_params *p)
{
    void *validators, *grants;
    SOTTO_TRY(copy_list(&validators, p->validators, p->validator_count, sizeof *p->validators));
    enum sotto_err err = copy_list(&grants, p->grants, p->grant_count, sizeof *p->grants);
    if (err != SOTTO_OK) {
        free(validators);
        return err;
    }
    *out = *p;
    out->validators = validators;
    out->grants = grants;
    return SOTTO_OK;
}

/* ---- bytes ---- */

static enum sotto_err encode_lists(struct sotto_buf *out, const struct sotto_params *p)
{
    SOTTO_TRY(sotto_buf_add_compact(out, p->validator_count));
    for (uint32_t i = 0; i < p->validator_count; i++) {
        SOTTO_TRY(sotto_buf_add(out, p->validators[i].id.b, 20));
        SOTTO_TRY(sotto_buf_add(out, p->validators[i].key, 32));
    }
    SOTTO_TRY(sotto_buf_add_compact(out, p->grant_count));
    for (uint32_t i = 0; i < p->grant_count; i++) {
        SOTTO_TRY(sotto_buf_add(out, p->grants[i].id.b, 20));
        SOTTO_TRY(sotto_buf_add_le16(out, p->grants[i].perms));
    }
    return SOTTO_OK;
}

enum sotto_err sotto_params_encode(struct sotto_buf *out, const struct sotto_params *p)
{
    SOTTO_ASSERT(p->name.size <= SOTTO_CHAIN_NAME_MAX && p->validator_count <= SOTTO_VALIDATORS_MAX && p->grant_count <= SOTTO_GRANTS_MAX);
    SOTTO_TRY(sotto_buf_add_u8(out, VERSION));
    SOTTO_TRY(sotto_buf_add_var(out, sotto_span(p->name.text, p->name.size)));
    SOTTO_TRY(sotto_buf_add_le64(out, p->chain_num));
    SOTTO_TRY(sotto_buf_add_u8(out, p->engine));
    SOTTO_TRY(sotto_buf_add_u8(out, p->mode));
    SOTTO_TRY(sotto_buf_add_le64(out, p->time_ms));
    SOTTO_TRY(sotto_buf_add_le32(out, p->bits));
    SOTTO_TRY(sotto_buf_add_le32(out, p->bits_limit));
    SOTTO_TRY(sotto_buf_add_u8(out, p->retarget));
    SOTTO_TRY(sotto_buf_add_le32(out, p->spacing_ms));
    SOTTO_TRY(sotto_buf_add_le64(out, p->halflife_ms));
    SOTTO_TRY(sotto_buf_add_le64(out, p->reward.cong));
    SOTTO_TRY(sotto_buf_add_le32(out, p->halving));
    SOTTO_TRY(sotto_buf_add_le32(out, p->max_block_bytes));
    SOTTO_TRY(sotto_buf_add_le32(out, p->max_block_units));
    SOTTO_TRY(sotto_buf_add_le64(out, p->fee_rate));
    SOTTO_TRY(sotto_buf_add_u8(out, p->stamp_bits));
    SOTTO_TRY(sotto_buf_add_le64(out, p->bond.cong));
    SOTTO_TRY(sotto_buf_add_le32(out, p->reorg_limit));
    SOTTO_TRY(sotto_buf_add_le32(out, p->snapshot_every));
    SOTTO_TRY(sotto_buf_add_u8(out, p->flags));
    SOTTO_TRY(sotto_buf_add_le64(out, p->eip712_chain));
    SOTTO_TRY(sotto_buf_add(out, p->eip712_contract, 20));
    SOTTO_TRY(sotto_buf_add_le32(out, p->gov_seq));
    SOTTO_TRY(sotto_buf_add_le32(out, p->upgrade_height));
    SOTTO_TRY(sotto_buf_add_le64(out, p->issued.cong));
    return encode_lists(out, p);
}

/* What has one place and one size. The lists follow. */
static enum sotto_err take_fixed(struct sotto_params *p, struct sotto_reader *r)
{
    struct sotto_span name;
    uint8_t version;
    SOTTO_TRY(sotto_take_u8(r, &version));
    if (version != VERSION) return SOTTO_D_GENESIS;
    SOTTO_TRY(sotto_take_var(r, &name, SOTTO_CHAIN_NAME_MAX));
    p->name.size = (uint8_t)name.size;
    if (name.size) memcpy(p->name.text, name.data, name.size);
    SOTTO_TRY(sotto_take_u64(r, &p->chain_num));
    SOTTO_TRY(sotto_take_u8(r, &p->engine));
    SOTTO_TRY(sotto_take_u8(r, &p->mode));
    SOTTO_TRY(sotto_take_u64(r, &p->time_ms));
    SOTTO_TRY(sotto_take_u32(r, &p->bits));
    SOTTO_TRY(sotto_take_u32(r, &p->bits_limit));
    SOTTO_TRY(sotto_take_u8(r, &p->retarget));
    SOTTO_TRY(sotto_take_u32(r, &p->spacing_ms));
    SOTTO_TRY(sotto_take_u64(r, &p->halflife_ms));
    SOTTO_TRY(sotto_take_u64(r, &p->reward.cong));
    SOTTO_TRY(sotto_take_u32(r, &p->halving));
    SOTTO_TRY(sotto_take_u32(r, &p->max_block_bytes));
    SOTTO_TRY(sotto_take_u32(r, &p->max_block_units));
    SOTTO_TRY(sotto_take_u64(r, &p->fee_rate));
    SOTTO_TRY(sotto_take_u8(r, &p->stamp_bits));
    SOTTO_TRY(sotto_take_u64(r, &p->bond.cong));
    SOTTO_TRY(sotto_take_u32(r, &p->reorg_limit));
    SOTTO_TRY(sotto_take_u32(r, &p->snapshot_every));
    SOTTO_TRY(sotto_take_u8(r, &p->flags));
    SOTTO_TRY(sotto_take_u64(r, &p->eip712_chain));
    SOTTO_TRY(sotto_take_bytes(r, p->eip712_contract, 20));
    SOTTO_TRY(sotto_take_u32(r, &p->gov_seq));
    SOTTO_TRY(sotto_take_u32(r, &p->upgrade_height));
    return sotto_take_u64(r, &p->issued.cong);
}

/* Bytes of the list are there before memory is taken for it. */
static enum sotto_err take_list(void **list, uint32_t *count, struct sotto_span *bytes, struct sotto_reader *r, uint32_t limit, size_t each, size_t size)
{
    uint32_t n;
    SOTTO_TRY(sotto_take_count(r, &n, limit));
    SOTTO_TRY(sotto_take_span(r, bytes, n * each));
    if (n == 0) return SOTTO_OK;
    *list = malloc(n * size);
    if (!*list) return SOTTO_ERR_NOMEM;
    *count = n;
    return SOTTO_OK;
}

static enum sotto_err take_lists(struct sotto_params *p, struct sotto_reader *r)
{
    struct sotto_span bytes;
    void *list = NULL;
    SOTTO_TRY(take_list(&list, &p->validator_count, &bytes, r, SOTTO_VALIDATORS_MAX, VALIDATOR_BYTES, sizeof *p->validators));
    p->validators = list;
    SOTTO_ASSERT(p->validators || p->validator_count == 0);
    for (uint32_t i = 0; i < p->validator_count; i++) {
        memcpy(p->validators[i].id.b, bytes.data + (size_t)i * VALIDATOR_BYTES, 20);
        memcpy(p->validators[i].key, bytes.data + (size_t)i * VALIDATOR_BYTES + 20, 32);
    }
    list = NULL;
    SOTTO_TRY(take_list(&list, &p->grant_count, &bytes, r, SOTTO_GRANTS_MAX, GRANT_BYTES, sizeof *p->grants));
    p->grants = list;
    SOTTO_ASSERT(p->grants || p->grant_count == 0);
    for (uint32_t i = 0; i < p->grant_count; i++) {
        memcpy(p->grants[i].id.b, bytes.data + (size_t)i * GRANT_BYTES, 20);
        p->grants[i].perms = sotto_le16(bytes.data + (size_t)i * GRANT_BYTES + 20);
    }
    return SOTTO_OK;
}

enum sotto_err sotto_params_decode(struct sotto_params *out, struct sotto_span bytes)
{
    struct sotto_params p = { 0 };
    struct sotto_reader r = sotto_reader(bytes);
    enum sotto_err err = take_fixed(&p, &r);
    if (err == SOTTO_OK) err = take_lists(&p, &r);
    if (err == SOTTO_OK) err = sotto_take_end(&r);
    if (err == SOTTO_OK) err = sotto_params_check(&p);
    if (err != SOTTO_OK) {
        sotto_params_free(&p);
        return err;
    }
    *out = p;
    return SOTTO_OK;
}

void sotto_params_root(uint8_t out[32], struct sotto_span bytes) { SOTTO_TH_OF(out, SOTTO_TH_PARAMS, bytes); }

/* ---- rules ---- */

static bool name_good(const struct sotto_params *p)
{
    for (size_t i = 0; i < p->name.size; i++)             /* it is shown, and stands in logs */
        if (p->name.text[i] < 0x20 || p->name.text[i] > 0x7e) return false;
    return p->name.size > 0;
}

static int by_key(const void *a, const void *b) { return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, 32); }

static bool validators_good(const struct sotto_params *p)
{
    const uint8_t *keys[SOTTO_VALIDATORS_MAX];
    if (p->validator_count > SOTTO_VALIDATORS_MAX) return false;
    for (uint32_t i = 0; i < p->validator_count; i++) keys[i] = p->validators[i].key;
    qsort(keys, p->validator_count, sizeof keys[0], by_key);
    for (uint32_t i = 1; i < p->validator_count; i++)
        if (memcmp(keys[i - 1], keys[i], 32) == 0) return false;
    return true;
}

static bool grants_good(const struct sotto_params *p)
{
    if (p->grant_count > SOTTO_GRANTS_MAX) return false;
    for (uint32_t i = 0; i < p->grant_count; i++) {
        if (p->grants[i].perms & ~SOTTO_MAY_ALL) return false;
        if (i > 0 && memcmp(p->grants[i - 1].id.b, p->grants[i].id.b, 20) >= 0) return false;
    }
    return true;
}

enum sotto_err sotto_params_check(const struct sotto_params *p)
{
    bool good = name_good(p) && p->engine < SOTTO_ENGINES && p->mode < SOTTO_MODES && p->retarget < SOTTO_RETARGETS && (p->flags & ~SOTTO_CHAIN_FLAGS) == 0
                && p->reward.cong <= SOTTO_MONEY_MAX && p->bond.cong <= SOTTO_MONEY_MAX && p->issued.cong <= SOTTO_MONEY_MAX && validators_good(p) && grants_good(p);
    return good ? SOTTO_OK : SOTTO_D_GENESIS;
}

uint32_t sotto_params_perms(const struct sotto_params *p, const struct sotto_id *id)
{
    uint32_t low = 0, high = p->grant_count, perms = 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(p->grants[middle].id.b, id->b, 20) < 0) low = middle + 1;
        else high = middle;
    }
    if (low < p->grant_count && sotto_id_equal(&p->grants[low].id, id)) perms = p->grants[low].perms;
    perms &= ~SOTTO_MAY_VALIDATE;                         /* by the list alone */
    for (uint32_t i = 0; i < p->validator_count; i++)
        if (sotto_id_equal(&p->validators[i].id, id)) perms |= SOTTO_MAY_VALIDATE;
    return perms;
}

bool sotto_mode_wants_grant(enum sotto_chain_mode mode, uint32_t bit)
{
    if (bit == SOTTO_MAY_VALIDATE || mode == SOTTO_MODE_OPEN) return false;
    if (bit == SOTTO_MAY_GOVERN) return mode == SOTTO_MODE_PERMISSIONED;      /* elsewhere the list speaks, by its votes */
    return mode != SOTTO_MODE_CONSORTIUM || bit == SOTTO_MAY_DEPLOY || bit == SOTTO_MAY_MINE;
}

enum sotto_err sotto_params_allow(const struct sotto_params *p, const struct sotto_id *id, uint32_t bits)
{
    uint32_t wanted = 0;
    SOTTO_ASSERT((bits & ~SOTTO_MAY_ALL) == 0);
    for (uint32_t bit = 1; bit <= SOTTO_MAY_ALL; bit <<= 1)
        if ((bits & bit) && (bit == SOTTO_MAY_VALIDATE || sotto_mode_wants_grant((enum sotto_chain_mode)p->mode, bit))) wanted |= bit;
    if (p->mode == SOTTO_MODE_OPEN && (bits & SOTTO_MAY_GOVERN)) return SOTTO_G_DENIED;      /* nobody votes there */
    if (!wanted) return SOTTO_OK;
    return id && (sotto_params_perms(p, id) & wanted) == wanted ? SOTTO_OK : SOTTO_G_DENIED;
}

/* ---- names ---- */

const char *sotto_mode_name(unsigned mode)
{
    static const char *const names[SOTTO_MODES] = { "open", "consortium", "private", "permissioned" };
    return mode < SOTTO_MODES ? names[mode] : NULL;
}

const char *sotto_engine_name(unsigned engine)
{
    static const char *const names[SOTTO_ENGINES] = { "pow", "pbft", "cometbft" };
    return engine < SOTTO_ENGINES ? names[engine] : NULL;
}

const char *sotto_perm_name(unsigned bit_number)
{
    static const char *const names[] = { "read", "transfer", "register", "post", "digest", "params", "deploy", "mine", "validate", "govern" };
    return bit_number < sizeof names / sizeof names[0] ? names[bit_number] : NULL;
}
