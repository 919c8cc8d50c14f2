#include "relay/link_status.h"

#include "wire/rlp.h"

enum { VERSION = 1, OPTION_SPARE = 0x7e, OPTION_PADDING = 0x7f, OPTION_LAST = 8, HEADS_MAX = 16 };

struct sotto_rl_options sotto_rl_options(void)
{
    return (struct sotto_rl_options){ .cells_rate = SOTTO_RL_CELLS_RATE, .bytes_rate = SOTTO_RL_BYTES_RATE, .window = SOTTO_RL_WINDOW_2,
                                      .floor_bits = SOTTO_RL_FLOOR_BITS, .hop_ms = SOTTO_RL_HOP_MS };
}

/* ---- writing ---- */

static enum sotto_err add_numbers(struct sotto_buf *b, const uint64_t *values, size_t count)
{
    size_t mark = sotto_rlp_begin(b);
    for (size_t i = 0; i < count; i++) SOTTO_TRY(sotto_rlp_add_uint(b, values[i]));
    return sotto_rlp_end_list(b, mark);
}
#define ADD_NUMBERS(b, ...) add_numbers((b), (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static enum sotto_err add_value(struct sotto_buf *b, unsigned id, const struct sotto_rl_options *o)
{
    switch (id) {
    case 1: return sotto_rlp_add_uint(b, o->roles);
    case 2: return sotto_rlp_add_bytes(b, SOTTO_SPAN(o->network));
    case 3: return ADD_NUMBERS(b, o->cells_rate, o->bytes_rate, o->window);
    case 4: return sotto_rlp_add_uint(b, o->floor_bits);
    case 5: return ADD_NUMBERS(b, o->stem_class, o->hop_ms);
    case 6: return ADD_NUMBERS(b, o->store_from, o->store_page);
    case 7: return sotto_rlp_add_uint(b, o->tcp_port);
    default: return ADD_NUMBERS(b, o->udp_port);
    }
}

static enum sotto_err add_pairs(struct sotto_buf *b, const struct sotto_rl_options *o)
{
    for (unsigned id = 1; id <= OPTION_LAST; id++) {
        if (!(o->has & SOTTO_RL_HAS(id))) continue;
        size_t mark = sotto_rlp_begin(b);
        SOTTO_TRY(sotto_rlp_add_uint(b, id));
        SOTTO_TRY(add_value(b, id, o));
        SOTTO_TRY(sotto_rlp_end_list(b, mark));
    }
    return SOTTO_OK;
}

static enum sotto_err add_string(struct sotto_buf *b, unsigned id, struct sotto_span value)
{
    size_t mark = sotto_rlp_begin(b);
    SOTTO_TRY(sotto_rlp_add_uint(b, id));
    SOTTO_TRY(sotto_rlp_add_bytes(b, value));
    return sotto_rlp_end_list(b, mark);
}

enum sotto_err sotto_rl_options_write(struct sotto_buf *out, const struct sotto_rl_options *options)
{
    size_t mark = sotto_rlp_begin(out), before = out->size;
    enum sotto_err err = add_pairs(out, options);
    if (err == SOTTO_OK) err = sotto_rlp_end_list(out, mark);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

/* Bytes of a pair whose value is so many zero bytes; its id is below 80. */
static size_t zeros_size(size_t zeros)
{
    static const uint8_t zero[SOTTO_RL_STATUS_SIZE];
    return sotto_rlp_list_size(1 + sotto_rlp_bytes_size(sotto_span(zero, zeros)));
}

/* Bytes of STATUS with so many bytes of pairs: four parts of which three never change. */
static size_t status_size(size_t pairs) { return sotto_rlp_list_size(1 + 34 + 33 + sotto_rlp_list_size(pairs)); }

/* The fewest zeros of option 7f with which the whole is 512 bytes long; false: none are. They are what is missing, but for a few heads. */
static bool zeros_that_fit(size_t *zeros, size_t pairs)
{
    size_t size = status_size(pairs), missing = size < SOTTO_RL_STATUS_SIZE ? SOTTO_RL_STATUS_SIZE - size : 0;
    for (*zeros = missing > HEADS_MAX ? missing - HEADS_MAX : 0; *zeros < missing; ++*zeros)
        if (status_size(pairs + zeros_size(*zeros)) == SOTTO_RL_STATUS_SIZE) return true;
    return false;
}

static enum sotto_err add_padding(struct sotto_buf *pairs)
{
    static const uint8_t zero[SOTTO_RL_STATUS_SIZE];
    static const size_t spare[] = { 0, 2 };
    size_t zeros;
    bool fits = zeros_that_fit(&zeros, pairs->size);
    for (size_t i = 0; i < 2 && !fits; i++) {
        if (!zeros_that_fit(&zeros, pairs->size + zeros_size(spare[i]))) continue;
        SOTTO_TRY(add_string(pairs, OPTION_SPARE, sotto_span(zero, spare[i])));
        fits = true;
    }
    SOTTO_ASSERT(fits);                           /* for every size up to 420: tested */
    return add_string(pairs, OPTION_PADDING, sotto_span(zero, zeros));
}

enum sotto_err sotto_rl_status_write(uint8_t out[SOTTO_RL_STATUS_SIZE], const struct sotto_rl_status *s,
                                     const struct sotto_rl_extra *extra, size_t extra_count)
{
    uint8_t bytes[SOTTO_RL_STATUS_SIZE], whole[SOTTO_RL_STATUS_SIZE];
    struct sotto_buf pairs = { bytes, 0, sizeof bytes, SOTTO_RL_OPTIONS_OWN_MAX }, b = { whole, 0, sizeof whole, sizeof whole };
    SOTTO_TRY(add_pairs(&pairs, &s->options));
    for (size_t i = 0; i < extra_count; i++) {
        if (extra[i].id <= (i ? extra[i - 1].id : OPTION_LAST) || extra[i].id >= OPTION_SPARE) return SOTTO_ERR_RANGE;
        SOTTO_TRY(add_string(&pairs, extra[i].id, extra[i].value));
    }
    pairs.max = sizeof bytes;
    SOTTO_TRY(add_padding(&pairs));
    size_t mark = sotto_rlp_begin(&b);
    SOTTO_TRY(sotto_rlp_add_uint(&b, VERSION));
    SOTTO_TRY(sotto_rlp_add_bytes(&b, SOTTO_SPAN(s->fresh.b)));
    SOTTO_TRY(sotto_rlp_add_bytes(&b, SOTTO_SPAN(s->nonce)));
    SOTTO_TRY(sotto_rlp_add_list_head(&b, pairs.size));
    SOTTO_TRY(sotto_buf_add_span(&b, sotto_buf_span(&pairs)));
    SOTTO_TRY(sotto_rlp_end_list(&b, mark));
    SOTTO_ASSERT(b.size == SOTTO_RL_STATUS_SIZE);
    memcpy(out, whole, sizeof whole);
    return SOTTO_OK;
}

/* ---- reading ---- */

static enum sotto_err value_error(enum sotto_err err) { return err == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_STATUS_OPTION; }

/* A list of exactly count numbers, each from low to high. */
static enum sotto_err read_numbers(struct sotto_rlp *r, uint64_t *out, size_t count, const uint64_t (*bounds)[2])
{
    struct sotto_rlp list;
    SOTTO_TRY(sotto_rlp_list(r, &list));
    for (size_t i = 0; i < count; i++) {
        SOTTO_TRY(sotto_rlp_uint_max(&list, &out[i], bounds[i][1]));
        if (out[i] < bounds[i][0]) return SOTTO_ERR_RANGE;
    }
    return sotto_rlp_end(&list);
}

static enum sotto_err read_value(struct sotto_rl_options *o, unsigned id, struct sotto_rlp *r)
{
    static const uint64_t accepts[3][2] = { { 1, UINT32_MAX }, { 1, UINT32_MAX }, { 1, UINT32_MAX } }, stem[2][2] = { { 0, 1 }, { 0, UINT16_MAX } },
                          store[2][2] = { { 0, UINT32_MAX }, { 1, 64 } }, udp[1][2] = { { 1, UINT16_MAX } };
    uint64_t v[3];
    switch (id) {
    case 1:
        SOTTO_TRY(sotto_rlp_uint_max(r, v, UINT16_MAX));
        o->roles = (uint16_t)v[0];
        break;
    case 2: return sotto_rlp_fixed(r, o->network, sizeof o->network);
    case 3:
        SOTTO_TRY(read_numbers(r, v, 3, accepts));
        o->cells_rate = (uint32_t)v[0], o->bytes_rate = (uint32_t)v[1], o->window = (uint32_t)v[2];
        break;
    case 4:
        SOTTO_TRY(sotto_rlp_uint(r, v));
        if (v[0] >= UINT64_C(0x7ff0000000000000)) return SOTTO_ERR_RANGE;         /* infinite, not a number, or its sign is set */
        o->floor_bits = v[0];
        break;
    case 5:
        SOTTO_TRY(read_numbers(r, v, 2, stem));
        o->stem_class = (uint8_t)v[0], o->hop_ms = (uint16_t)v[1];
        break;
    case 6:
        SOTTO_TRY(read_numbers(r, v, 2, store));
        o->store_from = (uint32_t)v[0], o->store_page = (uint8_t)v[1];
        break;
    case 7:
        SOTTO_TRY(sotto_rlp_uint_max(r, v, UINT16_MAX));
        o->tcp_port = (uint16_t)v[0];
        break;
    default:
        SOTTO_TRY(read_numbers(r, v, 1, udp));
        o->udp_port = (uint16_t)v[0];
        break;
    }
    return SOTTO_OK;
}

static enum sotto_err read_pairs(struct sotto_rl_options *options, struct sotto_rlp list)
{
    struct sotto_rl_options o = *options;
    uint64_t id, last = 0;
    for (unsigned count = 0; sotto_rlp_more(&list); count++) {
        struct sotto_rlp pair;
        struct sotto_span value;
        if (count == SOTTO_RL_OPTIONS_MAX || sotto_rlp_list(&list, &pair) != SOTTO_OK || sotto_rlp_uint_max(&pair, &id, UINT8_MAX) != SOTTO_OK
            || sotto_rlp_raw(&pair, &value) != SOTTO_OK || sotto_rlp_more(&pair)) return SOTTO_ERR_STATUS_FORM;
        if (count > 0 && id <= last) return SOTTO_ERR_STATUS_ORDER;
        last = id;
        if (id < 1 || id > OPTION_LAST) continue;
        struct sotto_rlp item = sotto_rlp(value);
        SOTTO_TRY(value_error(read_value(&o, (unsigned)id, &item)));
        o.has |= (uint16_t)SOTTO_RL_HAS(id);
    }
    *options = o;
    return SOTTO_OK;
}

enum sotto_err sotto_rl_options_read(struct sotto_rl_options *options, struct sotto_span list)
{
    struct sotto_rlp top = sotto_rlp(list), pairs;
    SOTTO_TRY(sotto_rlp_check(list));
    if (sotto_rlp_list(&top, &pairs) != SOTTO_OK) return SOTTO_ERR_STATUS_FORM;
    return read_pairs(options, pairs);
}

enum sotto_err sotto_rl_status_read(struct sotto_rl_status *out, struct sotto_span payload, const struct sotto_point *own)
{
    struct sotto_rl_status s = { .options = sotto_rl_options() };
    struct sotto_rlp top = sotto_rlp(payload), parts, pairs;
    uint64_t version;
    if (payload.size == 0 || payload.size > SOTTO_RL_STATUS_MAX) return SOTTO_ERR_STATUS_SIZE;
    SOTTO_TRY(sotto_rlp_check(payload));
    if (sotto_rlp_list(&top, &parts) != SOTTO_OK || sotto_rlp_uint(&parts, &version) != SOTTO_OK
        || sotto_rlp_fixed(&parts, s.fresh.b, sizeof s.fresh.b) != SOTTO_OK || sotto_rlp_fixed(&parts, s.nonce, sizeof s.nonce) != SOTTO_OK
        || sotto_rlp_list(&parts, &pairs) != SOTTO_OK || sotto_rlp_more(&parts)) return SOTTO_ERR_STATUS_FORM;
    if (version != VERSION) return SOTTO_ERR_STATUS_VERSION;
    SOTTO_TRY(read_pairs(&s.options, pairs));
    SOTTO_TRY(sotto_point_check(s.fresh.b));
    if (own && memcmp(s.fresh.b + 1, own->b + 1, 32) == 0) return SOTTO_ERR_LINK_EPHEMERAL;
    *out = s;
    return SOTTO_OK;
}
