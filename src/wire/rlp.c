#include "wire/rlp.h"

#include "base/plant.h"

/* First bytes, devp2p.md 2: 00..7f itself, 80..b7 short string, b8..bf long string, c0..f7 short list, f8..ff long list. */
#define STRING_BASE 0x80u
#define LIST_BASE 0xc0u
#define SHORT_MAX 55u

struct item { bool list; const uint8_t *start; struct sotto_span body; const uint8_t *next; };

/* Reads one head and checks that the body lies inside the reader. */
static enum sotto_err read_item(const struct sotto_rlp *r, struct item *out)
{
    if (r->at == r->end) return SOTTO_ERR_RLP;
    const uint8_t *p = r->at;
    uint8_t first = *p;
    if (first < STRING_BASE) {
        *out = (struct item){ false, p, sotto_span(p, 1), p + 1 };
        return SOTTO_OK;
    }
    bool list = first >= LIST_BASE;
    unsigned tag = first - (list ? LIST_BASE : STRING_BASE);
    p++;
    size_t left = (size_t)(r->end - p);
    uint64_t size = tag;
    if (tag > SHORT_MAX) {
        size_t width = tag - SHORT_MAX;                                    /* 1..8 bytes of length */
        if (left < width || p[0] == 0) return SOTTO_ERR_RLP;               /* cut, or a leading zero */
        size = 0;
        for (size_t i = 0; i < width; i++) size = size << 8 | p[i];
        if (size <= SHORT_MAX && !SOTTO_PLANTED(RLP_NOT_CANONICAL)) return SOTTO_ERR_RLP;                       /* the short form fits */
        p += width;
        left -= width;
    }
    if (size > left) return SOTTO_ERR_RLP;
    if (!list && size == 1 && p[0] < STRING_BASE) return SOTTO_ERR_RLP;    /* 81 xx: the byte stands for itself */
    *out = (struct item){ list, r->at, sotto_span(p, (size_t)size), p + size };
    return SOTTO_OK;
}

bool sotto_rlp_is_list(const struct sotto_rlp *r) { return r->at != r->end && *r->at >= LIST_BASE; }

enum sotto_err sotto_rlp_list(struct sotto_rlp *r, struct sotto_rlp *out)
{
    struct item item;
    SOTTO_TRY(read_item(r, &item));
    if (!item.list) return SOTTO_ERR_RLP;
    r->at = item.next;
    *out = sotto_rlp(item.body);
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_bytes(struct sotto_rlp *r, struct sotto_span *out)
{
    struct item item;
    SOTTO_TRY(read_item(r, &item));
    if (item.list) return SOTTO_ERR_RLP;
    r->at = item.next;
    *out = item.body;
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_fixed(struct sotto_rlp *r, void *out, size_t size)
{
    struct sotto_rlp at = *r;
    struct sotto_span body;
    SOTTO_TRY(sotto_rlp_bytes(&at, &body));
    if (body.size != size) return SOTTO_ERR_RLP;
    if (size) memcpy(out, body.data, size);
    *r = at;
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_uint_max(struct sotto_rlp *r, uint64_t *out, uint64_t max)
{
    struct sotto_rlp at = *r;
    struct sotto_span body;
    SOTTO_TRY(sotto_rlp_bytes(&at, &body));
    if (body.size > sizeof(uint64_t) || (body.size && body.data[0] == 0)) return SOTTO_ERR_RLP;
    uint64_t value = 0;
    for (size_t i = 0; i < body.size; i++) value = value << 8 | body.data[i];
    if (value > max) return SOTTO_ERR_RLP;
    *r = at;
    *out = value;
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_uint(struct sotto_rlp *r, uint64_t *out) { return sotto_rlp_uint_max(r, out, UINT64_MAX); }

enum sotto_err sotto_rlp_bool(struct sotto_rlp *r, bool *out)
{
    uint64_t value;
    SOTTO_TRY(sotto_rlp_uint_max(r, &value, 1));
    *out = value == 1;
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_raw(struct sotto_rlp *r, struct sotto_span *out)
{
    struct item item;
    SOTTO_TRY(read_item(r, &item));
    r->at = item.next;
    *out = sotto_span(item.start, (size_t)(item.next - item.start));
    return SOTTO_OK;
}

enum sotto_err sotto_rlp_skip(struct sotto_rlp *r)
{
    struct sotto_span item;
    return sotto_rlp_raw(r, &item);
}

enum sotto_err sotto_rlp_end(const struct sotto_rlp *r) { return r->at == r->end ? SOTTO_OK : SOTTO_ERR_RLP; }

/* A stack of list ends instead of recursion: the depth bound is then visible in the memory it takes. */
enum sotto_err sotto_rlp_check(struct sotto_span data)
{
    const uint8_t *ends[SOTTO_RLP_DEPTH_MAX];
    unsigned depth = 0;
    struct sotto_rlp r = sotto_rlp(data);
    struct item item;
    do {
        SOTTO_TRY(read_item(&r, &item));
        if (item.list) {
            if (depth == SOTTO_RLP_DEPTH_MAX) return SOTTO_ERR_RLP;
            ends[depth++] = r.end;
            r = sotto_rlp(item.body);
        } else {
            r.at = item.next;
        }
        while (depth && r.at == r.end) r.end = ends[--depth];
    } while (depth);
    return sotto_rlp_end(&r);
}

static unsigned width_of(uint64_t v)
{
    unsigned width = 0;
    for (; v; v >>= 8) width++;
    return width;
}

/* Writes the head of a string (base 0x80) or list (0xc0) of size bytes; returns how many bytes it took, at most 9. */
static size_t put_head(uint8_t head[9], unsigned base, uint64_t size)
{
    if (size <= SHORT_MAX) {
        head[0] = (uint8_t)(base + size);
        return 1;
    }
    unsigned width = width_of(size);
    head[0] = (uint8_t)(base + SHORT_MAX + width);
    for (unsigned i = 0; i < width; i++) head[1 + i] = (uint8_t)(size >> (8 * (width - 1 - i)));
    return 1 + width;
}

static bool stands_for_itself(struct sotto_span data) { return data.size == 1 && data.data[0] < STRING_BASE; }

size_t sotto_rlp_list_size(size_t size)
{
    uint8_t head[9];
    return put_head(head, LIST_BASE, size) + size;
}

size_t sotto_rlp_bytes_size(struct sotto_span data) { return stands_for_itself(data) ? 1 : sotto_rlp_list_size(data.size); }

enum sotto_err sotto_rlp_add_bytes(struct sotto_buf *b, struct sotto_span data)
{
    SOTTO_TRY(sotto_buf_reserve(b, sotto_rlp_bytes_size(data)));
    if (!stands_for_itself(data)) {
        uint8_t head[9];
        SOTTO_TRY(sotto_buf_add(b, head, put_head(head, STRING_BASE, data.size)));
    }
    return sotto_buf_add_span(b, data);
}

enum sotto_err sotto_rlp_add_uint(struct sotto_buf *b, uint64_t value)
{
    uint8_t be[8];
    unsigned width = width_of(value);
    sotto_put_be64(be, value);
    return sotto_rlp_add_bytes(b, sotto_span(be + 8 - width, width));
}

enum sotto_err sotto_rlp_add_bool(struct sotto_buf *b, bool value) { return sotto_rlp_add_uint(b, value); }

enum sotto_err sotto_rlp_add_list_head(struct sotto_buf *b, size_t size)
{
    uint8_t head[9];
    return sotto_buf_add(b, head, put_head(head, LIST_BASE, size));
}

enum sotto_err sotto_rlp_end_list(struct sotto_buf *b, size_t mark)
{
    SOTTO_ASSERT(mark <= b->size);
    uint8_t head[9];
    size_t body = b->size - mark, size = put_head(head, LIST_BASE, body);
    SOTTO_TRY(sotto_buf_reserve(b, size));
    if (body) memmove(b->data + mark + size, b->data + mark, body);
    memcpy(b->data + mark, head, size);
    b->size += size;
    return SOTTO_OK;
}
