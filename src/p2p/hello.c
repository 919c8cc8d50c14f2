#include "p2p/hello.h"

#include "wire/rlp.h"
#include "wire/snappy.h"

enum sotto_err sotto_hello_write(struct sotto_buf *out, const struct sotto_capability *caps, unsigned cap_count, uint16_t port,
                                 const uint8_t key[64])
{
    size_t list = sotto_rlp_begin(out);
    SOTTO_TRY(sotto_rlp_add_uint(out, SOTTO_P2P_VERSION));
    SOTTO_TRY(sotto_rlp_add_bytes(out, sotto_span_str(SOTTO_CLIENT_ID)));
    size_t inner = sotto_rlp_begin(out);
    for (unsigned i = 0; i < cap_count; i++) {
        size_t pair = sotto_rlp_begin(out);
        SOTTO_TRY(sotto_rlp_add_bytes(out, sotto_span_str(caps[i].name)));
        SOTTO_TRY(sotto_rlp_add_uint(out, caps[i].version));
        SOTTO_TRY(sotto_rlp_end_list(out, pair));
    }
    SOTTO_TRY(sotto_rlp_end_list(out, inner));
    SOTTO_TRY(sotto_rlp_add_uint(out, port));
    SOTTO_TRY(sotto_rlp_add_bytes(out, sotto_span(key, 64)));
    return sotto_rlp_end_list(out, list);
}

static enum sotto_err next_capability(struct sotto_rlp *caps, struct sotto_span *name, uint64_t *version)
{
    struct sotto_rlp pair;
    SOTTO_TRY(sotto_rlp_list(caps, &pair));
    SOTTO_TRY(sotto_rlp_bytes(&pair, name));
    SOTTO_TRY(sotto_rlp_uint(&pair, version));
    return sotto_rlp_end(&pair);
}

enum sotto_err sotto_hello_read(struct sotto_hello *out, struct sotto_span payload)
{
    struct sotto_rlp r = sotto_rlp(payload), list, caps, walk;
    struct sotto_hello h;
    struct sotto_span name;
    uint64_t version;
    SOTTO_TRY(sotto_rlp_list(&r, &list));
    SOTTO_TRY(sotto_rlp_uint(&list, &h.version));
    SOTTO_TRY(sotto_rlp_bytes(&list, &h.client));
    SOTTO_TRY(sotto_rlp_list(&list, &caps));
    SOTTO_TRY(sotto_rlp_uint(&list, &h.port));
    SOTTO_TRY(sotto_rlp_bytes(&list, &h.key));
    for (walk = caps; sotto_rlp_more(&walk);) SOTTO_TRY(next_capability(&walk, &name, &version));
    h.capabilities = sotto_rlp_rest(&caps);
    *out = h;
    return SOTTO_OK;
}

enum sotto_err sotto_disconnect_write(struct sotto_buf *out, enum sotto_reason reason)
{
    /* devp2p.md 7: a reason above 0x10 stops a geth 1.9 process. */
    SOTTO_ASSERT(reason <= SOTTO_REASON_SUBPROTOCOL);
    size_t mark = sotto_rlp_begin(out);
    SOTTO_TRY(sotto_rlp_add_uint(out, reason));
    return sotto_rlp_end_list(out, mark);
}

static enum sotto_err read_reason(uint64_t *out, struct sotto_span plain)
{
    struct sotto_rlp r = sotto_rlp(plain), list;
    if (sotto_rlp_is_list(&r)) {
        SOTTO_TRY(sotto_rlp_list(&r, &list));
        r = list;
    }
    return sotto_rlp_uint(&r, out);
}

uint64_t sotto_disconnect_read(struct sotto_span payload)
{
    enum { PLAIN_MAX = 64 };                          /* far more than any form of it takes */
    struct sotto_buf plain = sotto_buf_make(PLAIN_MAX);
    uint64_t reason = 0;
    bool block = sotto_snappy_inflate(&plain, payload, PLAIN_MAX) == SOTTO_OK;
    if (read_reason(&reason, block ? sotto_buf_span(&plain) : payload) != SOTTO_OK) reason = 0;
    sotto_buf_free(&plain);
    return reason;
}

static bool offered(struct sotto_span remote, const struct sotto_capability *cap)
{
    struct sotto_rlp walk = sotto_rlp(remote);
    struct sotto_span name;
    uint64_t version;
    while (next_capability(&walk, &name, &version) == SOTTO_OK)
        if (version == cap->version && sotto_span_equal(name, sotto_span_str(cap->name))) return true;
    return false;
}

unsigned sotto_blocks_agree(struct sotto_block out[SOTTO_CAPABILITIES_MAX], const struct sotto_capability *caps, unsigned cap_count,
                            struct sotto_span remote)
{
    unsigned count = 0;
    SOTTO_ASSERT(cap_count <= SOTTO_CAPABILITIES_MAX);
    for (unsigned i = 0; i < cap_count; i++) {
        if (!offered(remote, &caps[i])) continue;
        unsigned at = 0;                              /* insertion into the sorted list; a second version of a name replaces a lower one */
        int order = 1;
        while (at < count && (order = strcmp(caps[i].name, out[at].cap->name)) > 0) at++;
        if (at < count && order == 0) {
            if (caps[i].version > out[at].cap->version) out[at].cap = &caps[i];
            continue;
        }
        memmove(&out[at + 1], &out[at], (count - at) * sizeof *out);
        out[at].cap = &caps[i];
        count++;
    }
    unsigned first = SOTTO_FIRST_CODE;
    for (unsigned i = 0; i < count; i++) {
        out[i].first = first;
        first += out[i].cap->codes;
    }
    return count;
}

const struct sotto_block *sotto_block_of(const struct sotto_block *blocks, unsigned count, uint32_t code)
{
    for (unsigned i = 0; i < count; i++)
        if (code >= blocks[i].first && code - blocks[i].first < blocks[i].cap->codes) return &blocks[i];
    return NULL;
}

void sotto_client_text(char out[128], struct sotto_span client)
{
    size_t size = client.size < 127 ? client.size : 127;
    for (size_t i = 0; i < size; i++) out[i] = client.data[i] >= 0x20 && client.data[i] < 0x7f ? (char)client.data[i] : '?';
    out[size] = 0;
}
