#include "p2p/enr.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "wire/rlp.h"

#define SOTTO_KEY_VERSION 1u

static enum sotto_err add_key(struct sotto_buf *b, const char *key) { return sotto_rlp_add_bytes(b, sotto_span_str(key)); }

static enum sotto_err add_bytes(struct sotto_buf *b, const char *key, bool present, struct sotto_span value)
{
    if (!present) return SOTTO_OK;
    SOTTO_TRY(add_key(b, key));
    return sotto_rlp_add_bytes(b, value);
}

static enum sotto_err add_port(struct sotto_buf *b, const char *key, uint16_t port)
{
    if (port == 0) return SOTTO_OK;
    SOTTO_TRY(add_key(b, key));
    return sotto_rlp_add_uint(b, port);
}

static enum sotto_err add_roles(struct sotto_buf *b, const struct sotto_enr *r)
{
    if (!r->sotto) return SOTTO_OK;
    SOTTO_TRY(add_key(b, "sotto"));
    size_t mark = sotto_rlp_begin(b);
    SOTTO_TRY(sotto_rlp_add_uint(b, SOTTO_KEY_VERSION));
    SOTTO_TRY(sotto_rlp_add_uint(b, r->roles));
    return sotto_rlp_end_list(b, mark);
}

/* What is signed, without the head of its list: seq, then the pairs in the order of their keys. */
static enum sotto_err add_content(struct sotto_buf *b, const struct sotto_enr *r, const struct sotto_point *point)
{
    SOTTO_TRY(sotto_rlp_add_uint(b, r->seq));
    SOTTO_TRY(add_bytes(b, "id", true, sotto_span_str("v4")));
    SOTTO_TRY(add_bytes(b, "ip", r->has_ip4, SOTTO_SPAN(r->ip4)));
    SOTTO_TRY(add_bytes(b, "ip6", r->has_ip6, SOTTO_SPAN(r->ip6)));
    SOTTO_TRY(add_bytes(b, "secp256k1", true, SOTTO_SPAN(point->b)));
    SOTTO_TRY(add_roles(b, r));
    SOTTO_TRY(add_port(b, "tcp", r->tcp));
    SOTTO_TRY(add_port(b, "tcp6", r->tcp6));
    SOTTO_TRY(add_port(b, "udp", r->udp));
    return add_port(b, "udp6", r->udp6);
}

/* keccak256(rlp([seq, k1, v1, ...])) of the content's items. */
static enum sotto_err digest_of(uint8_t digest[32], struct sotto_span content)
{
    struct sotto_buf head = sotto_buf_make(9);
    struct sotto_keccak k;
    SOTTO_TRY(sotto_rlp_add_list_head(&head, content.size));
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, head.data, head.size);
    sotto_keccak_update(&k, content.data, content.size);
    sotto_keccak_final(&k, digest);
    sotto_buf_free(&head);
    return SOTTO_OK;
}

static enum sotto_err sign_content(struct sotto_buf *record, struct sotto_span content, const struct sotto_scalar *key)
{
    uint8_t digest[32];
    struct sotto_sig65 sig;
    SOTTO_TRY(digest_of(digest, content));
    SOTTO_TRY(sotto_sign(&sig, key, digest));
    size_t mark = sotto_rlp_begin(record);
    SOTTO_TRY(sotto_rlp_add_bytes(record, sotto_span(sig.b, 64)));
    SOTTO_TRY(sotto_buf_add_span(record, content));
    return sotto_rlp_end_list(record, mark);
}

enum sotto_err sotto_enr_sign(struct sotto_enr_record *out, const struct sotto_enr *r, const struct sotto_scalar *key)
{
    struct sotto_buf content = sotto_buf_make(SOTTO_ENR_SIZE_MAX), record = sotto_buf_make(SOTTO_ENR_SIZE_MAX);
    struct sotto_point point;
    enum sotto_err err = sotto_point_make(&point, key);
    if (err == SOTTO_OK) err = add_content(&content, r, &point);
    if (err == SOTTO_OK) err = sign_content(&record, sotto_buf_span(&content), key);
    SOTTO_ASSERT(err != SOTTO_ERR_FULL);              /* all our keys together take 197 bytes */
    if (err == SOTTO_OK) {
        memset(out, 0, sizeof *out);
        memcpy(out->b, record.data, record.size);
        out->size = record.size;
    }
    sotto_buf_free(&content);
    sotto_buf_free(&record);
    return err;
}

static int compare(struct sotto_span a, struct sotto_span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

static void read_port(uint16_t *out, struct sotto_rlp value)
{
    uint64_t port;
    if (sotto_rlp_uint_max(&value, &port, UINT16_MAX) == SOTTO_OK) *out = (uint16_t)port;
}

static void read_roles(struct sotto_enr *r, struct sotto_rlp value)
{
    struct sotto_rlp list;
    uint64_t version, roles;
    if (sotto_rlp_list(&value, &list) != SOTTO_OK || sotto_rlp_uint(&list, &version) != SOTTO_OK || version != SOTTO_KEY_VERSION ||
        sotto_rlp_uint_max(&list, &roles, UINT16_MAX) != SOTTO_OK || sotto_rlp_end(&list) != SOTTO_OK)
        return;
    r->sotto = true;
    r->roles = (uint16_t)roles;
}

/* point stays zero as long as there is no key of the node. */
static enum sotto_err read_pair(struct sotto_enr *r, struct sotto_point *point, bool *scheme, struct sotto_span key, struct sotto_span item)
{
    struct sotto_rlp value = sotto_rlp(item);
    struct sotto_span text;
#define KEY(name) sotto_span_equal(key, sotto_span_str(name))
    if (KEY("id")) {
        *scheme = sotto_rlp_bytes(&value, &text) == SOTTO_OK && sotto_span_equal(text, sotto_span_str("v4"));
        if (!*scheme) return SOTTO_ERR_ENR;
    } else if (KEY("secp256k1")) {
        struct sotto_point p;
        if (sotto_rlp_fixed(&value, p.b, sizeof p.b) != SOTTO_OK) return SOTTO_ERR_ENR;
        SOTTO_TRY(sotto_point_check(p.b));
        *point = p;
    } else if (KEY("ip")) {
        r->has_ip4 = sotto_rlp_fixed(&value, r->ip4, sizeof r->ip4) == SOTTO_OK;
    } else if (KEY("ip6")) {
        r->has_ip6 = sotto_rlp_fixed(&value, r->ip6, sizeof r->ip6) == SOTTO_OK;
    } else if (KEY("tcp")) {
        read_port(&r->tcp, value);
    } else if (KEY("udp")) {
        read_port(&r->udp, value);
    } else if (KEY("tcp6")) {
        read_port(&r->tcp6, value);
    } else if (KEY("udp6")) {
        read_port(&r->udp6, value);
    } else if (KEY("sotto")) {
        read_roles(r, value);
    }
#undef KEY
    return SOTTO_OK;
}

enum sotto_err sotto_enr_read(struct sotto_enr *out, struct sotto_span record)
{
    struct sotto_rlp top = sotto_rlp(record), list;
    struct sotto_span sig, content, key = { NULL, 0 }, before, item;
    struct sotto_point point = { { 0 } };
    struct sotto_enr r;
    uint8_t digest[32];
    bool scheme = false;
    memset(&r, 0, sizeof r);
    if (record.size > SOTTO_ENR_SIZE_MAX) return SOTTO_ERR_ENR;
    SOTTO_TRY(sotto_rlp_list(&top, &list));
    SOTTO_TRY(sotto_rlp_end(&top));
    SOTTO_TRY(sotto_rlp_bytes(&list, &sig));
    content = sotto_rlp_rest(&list);
    SOTTO_TRY(sotto_rlp_uint(&list, &r.seq));
    for (bool first = true; sotto_rlp_more(&list); first = false) {
        before = key;
        SOTTO_TRY(sotto_rlp_bytes(&list, &key));
        if (!first && compare(before, key) >= 0) return SOTTO_ERR_ENR;
        SOTTO_TRY(sotto_rlp_raw(&list, &item));
        SOTTO_TRY(read_pair(&r, &point, &scheme, key, item));
    }
    if (!scheme || point.b[0] == 0) return SOTTO_ERR_ENR;
    if (sig.size != 64) return SOTTO_ERR_SIG_FORM;
    SOTTO_TRY(digest_of(digest, content));
    SOTTO_TRY(sotto_verify(sig.data, &point, digest));
    SOTTO_TRY(sotto_point_to64(r.key, &point));
    *out = r;
    return SOTTO_OK;
}

static const char prefix[] = "enr:";
#define PREFIX_SIZE (sizeof prefix - 1)

enum sotto_err sotto_enr_text(char out[SOTTO_ENR_TEXT_SIZE], struct sotto_span record)
{
    struct sotto_buf text = sotto_buf_make(SOTTO_ENR_TEXT_SIZE);
    SOTTO_ASSERT(record.size <= SOTTO_ENR_SIZE_MAX);
    enum sotto_err err = sotto_buf_add(&text, prefix, PREFIX_SIZE);
    if (err == SOTTO_OK) err = sotto_base64url_add(&text, record);
    if (err == SOTTO_OK) err = sotto_buf_add_u8(&text, 0);
    if (err == SOTTO_OK) memcpy(out, text.data, text.size);
    sotto_buf_free(&text);
    return err;
}

enum sotto_err sotto_enr_parse(struct sotto_enr_record *record, struct sotto_enr *out, struct sotto_span text)
{
    struct sotto_buf bytes = sotto_buf_make(SOTTO_ENR_SIZE_MAX);
    if (text.size < PREFIX_SIZE || text.size >= SOTTO_ENR_TEXT_SIZE || memcmp(text.data, prefix, PREFIX_SIZE) != 0) return SOTTO_ERR_ENR;
    enum sotto_err err = sotto_unbase64url(&bytes, sotto_span_cut(text, PREFIX_SIZE, text.size - PREFIX_SIZE));
    if (err == SOTTO_ERR_FORMAT) err = SOTTO_ERR_ENR;
    if (err == SOTTO_OK) err = sotto_enr_read(out, sotto_buf_span(&bytes));
    if (err == SOTTO_OK) {
        memset(record, 0, sizeof *record);
        memcpy(record->b, bytes.data, bytes.size);
        record->size = bytes.size;
    }
    sotto_buf_free(&bytes);
    return err;
}

bool sotto_enr_endpoint(const struct sotto_enr *r, struct sotto_addr *udp, uint16_t *tcp)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct sotto_addr a;
    memset(&a, 0, sizeof a);
    if (!r->has_ip4 && !r->has_ip6) return false;
    if (r->has_ip4 || memcmp(r->ip6, mapped, sizeof mapped) == 0) {
        a.family = 4;
        memcpy(a.ip, r->has_ip4 ? r->ip4 : r->ip6 + 12, 4);
    } else {
        a.family = 6;
        memcpy(a.ip, r->ip6, 16);
    }
    a.port = !r->has_ip4 && r->udp6 ? r->udp6 : r->udp;
    *udp = a;
    *tcp = !r->has_ip4 && r->tcp6 ? r->tcp6 : r->tcp;
    return true;
}
