#include "identity/link.h"

#include "base/text.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"

#include <stdlib.h>

/* ---- scan card ---- */

void sotto_scan_card_digest(uint8_t out[32], const struct sotto_id *id, const uint8_t cert_hash[32], const struct sotto_point *scan)
{
    uint8_t domain[32], body[32];
    struct sotto_eip712 e;
    sotto_eip712_domain(domain, "Sotto Certificate", "1");
    sotto_eip712_begin(&e, "Scan(address id,bytes32 cert,bytes key)");
    sotto_eip712_address(&e, id->b);
    sotto_eip712_bytes32(&e, cert_hash);
    sotto_eip712_bytes(&e, SOTTO_SPAN(scan->b));
    sotto_eip712_struct(&e, body);
    sotto_eip712_digest(out, domain, body);
}

enum sotto_err sotto_scan_card_make(uint8_t out[SOTTO_SCAN_CARD], const struct sotto_id *id, struct sotto_span cert_bytes,
                                    const struct sotto_scalar *scan, const struct sotto_scalar *identity)
{
    uint8_t hash[32], digest[32];
    struct sotto_point key;
    struct sotto_sig65 sig;
    SOTTO_TRY(sotto_point_make(&key, scan));
    sotto_keccak256(hash, cert_bytes);
    sotto_scan_card_digest(digest, id, hash, &key);
    SOTTO_TRY(sotto_sign(&sig, identity, digest));
    memcpy(out, key.b, 33);
    memcpy(out + 33, sig.b, 65);
    return SOTTO_OK;
}

enum sotto_err sotto_scan_card_check(struct sotto_point *scan, const uint8_t card[SOTTO_SCAN_CARD], const struct sotto_cert *cert,
                                     struct sotto_span cert_bytes)
{
    uint8_t hash[32], digest[32];
    struct sotto_point key, signer;
    struct sotto_sig65 sig;
    memcpy(key.b, card, 33);
    memcpy(sig.b, card + 33, 65);
    SOTTO_TRY(sotto_point_check(key.b));
    sotto_keccak256(hash, cert_bytes);
    sotto_scan_card_digest(digest, &cert->id, hash, &key);
    enum sotto_err err = sotto_recover(&signer, &sig, digest);
    if (err == SOTTO_ERR_SIG) return SOTTO_ERR_CERT_SIG;
    if (err != SOTTO_OK) return err;
    if (memcmp(signer.b, cert->key.b, sizeof signer.b) != 0) return SOTTO_ERR_CERT_SIG;
    *scan = key;
    return SOTTO_OK;
}

/* ---- reading a link ---- */

const char *sotto_link_kind_name(enum sotto_link_kind kind)
{
    static const char *const names[] = { [SOTTO_LINK_CONTACT] = "contact", [SOTTO_LINK_NETWORK] = "network", [SOTTO_LINK_CLUSTER] = "cluster" };
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

struct cursor {                           /* text[at] is the next character; wrong = the 0-based one to blame */
    struct sotto_span text;
    size_t at, wrong;
};

static enum sotto_err blame(struct cursor *c, size_t at)
{
    c->wrong = at;
    return SOTTO_ERR_LINK;
}

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_base64url(uint8_t c) { return is_name(c) && c != '.'; }

static bool starts(const struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    return c->text.size - c->at >= n && memcmp(c->text.data + c->at, word, n) == 0;
}

static enum sotto_err expect(struct cursor *c, const char *word)
{
    for (; *word; word++, c->at++)
        if (c->at == c->text.size || c->text.data[c->at] != (uint8_t)*word) return blame(c, c->at);
    return SOTTO_OK;
}

/* 0x and 40 digits in the one spelling EIP-55 allows: a typed ID with one wrong letter does not pass as another person. */
static enum sotto_err read_id(struct cursor *c, struct sotto_id *out)
{
    SOTTO_TRY(expect(c, "0x"));
    const uint8_t *digits = c->text.data + c->at;
    size_t left = c->text.size - c->at;
    for (size_t i = 0; i < 40; i++) {
        uint8_t pair[2] = { '0', i < left ? digits[i] : (uint8_t)'?' }, value;
        if (sotto_unhex(&value, 1, SOTTO_SPAN(pair)) != SOTTO_OK) return blame(c, c->at + i);
    }
    if (sotto_unhex(out->b, 20, sotto_span(digits, 40)) != SOTTO_OK) return blame(c, c->at);
    char right[43];
    sotto_id_text(right, out);
    for (size_t i = 0; i < 40; i++)
        if (digits[i] != (uint8_t)right[2 + i]) return blame(c, c->at + i);
    c->at += 40;
    return SOTTO_OK;
}

/* base64url of min..max bytes at from..to of the text. */
static enum sotto_err read_value(struct cursor *c, uint8_t *out, size_t *size, size_t from, size_t to, size_t min, size_t max)
{
    for (size_t i = from; i < to; i++)
        if (!is_base64url(c->text.data[i])) return blame(c, i);
    size_t chars = to - from, bytes = chars / 4 * 3 + (chars % 4 > 1 ? chars % 4 - 1 : 0);
    if (bytes > max) return blame(c, from + (max * 4 + 2) / 3);
    if (chars % 4 == 1 || bytes < min) return blame(c, to);
    struct sotto_buf buf = sotto_buf_make(max);
    enum sotto_err err = sotto_unbase64url(&buf, sotto_span(c->text.data + from, chars));
    if (err == SOTTO_OK) {
        SOTTO_ASSERT(buf.size == bytes);
        memcpy(out, buf.data, bytes);
        *size = bytes;
    } else if (err == SOTTO_ERR_FORMAT) {
        err = blame(c, to - 1);           /* spare bits of the last character */
    }
    sotto_buf_free(&buf);
    return err;
}

struct parameter { char name; size_t min, max; };
static const struct parameter known[] = {
    { 'c', SOTTO_CERT_MIN, SOTTO_CERT_MAX }, { 's', SOTTO_SCAN_CARD, SOTTO_SCAN_CARD }, { 'i', 1, SOTTO_LINK_INVITE_MAX }, { 'n', 32, 32 },
    { 'b', 1, SOTTO_LINK_ENR_MAX },
};

/* One known parameter into its field; *start keeps where the values of c and s begin, for a later complaint. */
static enum sotto_err read_known(struct cursor *c, struct sotto_link *out, const struct parameter *p, size_t from, size_t to)
{
    size_t size = 0;
    uint8_t value[SOTTO_CERT_MAX];
    SOTTO_TRY(read_value(c, value, &size, from, to, p->min, p->max));
    switch (p->name) {
    case 'c': memcpy(out->cert, value, size); out->cert_size = (uint16_t)size; break;
    case 's': memcpy(out->card, value, size); out->has_card = true; break;
    case 'i': memcpy(out->invite, value, size); out->invite_size = (uint16_t)size; break;
    case 'n': memcpy(out->network, value, size); out->has_network = true; break;
    default: memcpy(out->enr, value, size); out->enr_size = (uint16_t)size; break;
    }
    return SOTTO_OK;
}

/* Was a parameter of this name given before? Names lie between ? or & and = or &. */
static bool repeated(const struct cursor *c, size_t first, size_t at, size_t size)
{
    for (size_t i = first; i < at;) {
        size_t n = 0;
        while (is_name(c->text.data[i + n])) n++;
        if (n == size && memcmp(c->text.data + i, c->text.data + at, n) == 0) return true;
        while (c->text.data[i++] != '&') { }
    }
    return false;
}

/* From the character after "?" to the end. only = names of the parameters this kind of link knows. */
static enum sotto_err read_parameters(struct cursor *c, struct sotto_link *out, const char *only, size_t *cert_at, size_t *card_at)
{
    const uint8_t *t = c->text.data;
    size_t first = c->at, end = c->text.size;
    for (;;) {
        size_t name = c->at;
        while (c->at < end && is_name(t[c->at])) c->at++;
        size_t name_size = c->at - name;
        if (name_size == 0) return blame(c, c->at);
        if (repeated(c, first, name, name_size)) return blame(c, name);
        const struct parameter *p = NULL;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (name_size == 1 && t[name] == (uint8_t)known[i].name && strchr(only, known[i].name)) p = &known[i];

        bool has_value = c->at < end && t[c->at] == '=';
        if (p && !has_value) return blame(c, c->at);
        if (has_value) c->at++;
        size_t from = c->at;
        while (has_value && c->at < end && t[c->at] != '&') {
            if (t[c->at] <= 0x20 || t[c->at] > 0x7e) return blame(c, c->at);
            c->at++;
        }
        if (p) SOTTO_TRY(read_known(c, out, p, from, c->at));
        if (p && p->name == 'c') *cert_at = from;
        if (p && p->name == 's') *card_at = from;
        if (c->at == end) return SOTTO_OK;
        if (t[c->at] != '&') return blame(c, c->at);
        c->at++;
    }
}

/* What the parameters say must fit together: the certificate is of this ID, the card of this certificate. */
static enum sotto_err check_contact(struct cursor *c, const struct sotto_link *l, size_t cert_at, size_t card_at)
{
    if (l->cert_size == 0) return SOTTO_OK;
    struct sotto_cert cert;
    struct sotto_span bytes = sotto_span(l->cert, l->cert_size);
    enum sotto_err err = sotto_cert_parse(&cert, bytes);
    if (err == SOTTO_ERR_SIG_FORM || err == SOTTO_ERR_CERT_SIG) return err;
    if (err != SOTTO_OK || !sotto_id_equal(&cert.id, &l->id)) return blame(c, cert_at);
    if (!l->has_card) return SOTTO_OK;
    struct sotto_point scan;
    err = sotto_scan_card_check(&scan, l->card, &cert, bytes);
    return err == SOTTO_ERR_KEY ? blame(c, card_at) : err;
}

static enum sotto_err read_link(struct cursor *c, struct sotto_link *l)
{
    size_t cert_at = 0, card_at = 0;
    if (c->text.size - c->at > SOTTO_LINK_MAX) return blame(c, c->at + SOTTO_LINK_MAX);
    SOTTO_TRY(expect(c, "sotto:"));
    if (starts(c, "join/")) {
        l->kind = SOTTO_LINK_CLUSTER;
        return SOTTO_OK;
    }
    if (starts(c, "net")) {
        l->kind = SOTTO_LINK_NETWORK;
        SOTTO_TRY(expect(c, "net?"));
        SOTTO_TRY(read_parameters(c, l, "nb", &cert_at, &card_at));
        return l->has_network ? SOTTO_OK : blame(c, c->text.size);
    }
    SOTTO_TRY(read_id(c, &l->id));
    if (c->at == c->text.size) return SOTTO_OK;
    SOTTO_TRY(expect(c, "?"));
    SOTTO_TRY(read_parameters(c, l, "csinb", &cert_at, &card_at));
    return check_contact(c, l, cert_at, card_at);
}

enum sotto_err sotto_link_parse(struct sotto_link *out, size_t *position, struct sotto_span text)
{
    struct sotto_link l = { .kind = SOTTO_LINK_CONTACT };
    struct cursor c = { text, 0, 0 };
    while (c.text.size > 0 && is_space(c.text.data[c.text.size - 1])) c.text.size--;
    while (c.at < c.text.size && is_space(c.text.data[c.at])) c.at++;
    enum sotto_err err = read_link(&c, &l);
    if (err == SOTTO_OK) *out = l;
    if (err == SOTTO_ERR_LINK && position) *position = c.wrong + 1;
    return err;
}

/* ---- writing one ---- */

static enum sotto_err add_parameter(struct sotto_buf *out, char *mark, const char *name, const uint8_t *value, size_t size)
{
    char head[] = { *mark, *name, '=' };
    SOTTO_TRY(sotto_buf_add(out, head, sizeof head));
    *mark = '&';
    return sotto_base64url_add(out, sotto_span(value, size));
}

static enum sotto_err write_link(struct sotto_buf *out, const struct sotto_link *l)
{
    char mark = '?', id[43];
    if (l->kind == SOTTO_LINK_CLUSTER) return SOTTO_ERR_STATE;
    if (l->cert_size > SOTTO_CERT_MAX || l->invite_size > SOTTO_LINK_INVITE_MAX || l->enr_size > SOTTO_LINK_ENR_MAX) return SOTTO_ERR_LINK;
    SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str("sotto:")));
    if (l->kind == SOTTO_LINK_CONTACT) {
        sotto_id_text(id, &l->id);
        SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(id)));
        if (l->cert_size > 0) SOTTO_TRY(add_parameter(out, &mark, "c", l->cert, l->cert_size));
        if (l->has_card) SOTTO_TRY(add_parameter(out, &mark, "s", l->card, SOTTO_SCAN_CARD));
        if (l->invite_size > 0) SOTTO_TRY(add_parameter(out, &mark, "i", l->invite, l->invite_size));
    } else {
        SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str("net")));
    }
    if (l->has_network) SOTTO_TRY(add_parameter(out, &mark, "n", l->network, sizeof l->network));
    if (l->enr_size > 0) SOTTO_TRY(add_parameter(out, &mark, "b", l->enr, l->enr_size));
    return SOTTO_OK;
}

enum sotto_err sotto_link_build(struct sotto_buf *out, const struct sotto_link *link)
{
    struct sotto_buf text = sotto_buf_make(SOTTO_LINK_MAX);
    struct sotto_link again;
    enum sotto_err err = write_link(&text, link);
    if (err == SOTTO_OK) err = sotto_link_parse(&again, NULL, sotto_buf_span(&text));     /* what leaves us can be read */
    if (err == SOTTO_OK) err = sotto_buf_add_span(out, sotto_buf_span(&text));
    sotto_buf_free(&text);
    return err;
}
