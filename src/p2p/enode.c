/* enode URLs (devp2p.md 3). Only literal addresses: names are resolved elsewhere, by those who may touch the world. */
#include "base/text.h"
#include "p2p/host.h"

#include <stdio.h>

static bool take_text(struct sotto_span *s, const char *text)
{
    size_t size = strlen(text);
    if (s->size < size || memcmp(s->data, text, size) != 0) return false;
    *s = sotto_span_cut(*s, size, s->size - size);
    return true;
}

/* 1 to digits_max decimal digits without a leading zero, at most max. */
static bool take_decimal(struct sotto_span *s, uint32_t *out, unsigned digits_max, uint32_t max)
{
    uint32_t value = 0;
    unsigned digits = 0;
    for (; digits < s->size && digits < digits_max && s->data[digits] >= '0' && s->data[digits] <= '9'; digits++) {
        if (digits == 1 && s->data[0] == '0') return false;
        value = value * 10 + (uint32_t)(s->data[digits] - '0');
    }
    if (digits == 0 || value > max) return false;
    *s = sotto_span_cut(*s, digits, s->size - digits);
    *out = value;
    return true;
}

static bool take_ip4(struct sotto_span *s, uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        uint32_t part;
        if ((i && !take_text(s, ".")) || !take_decimal(s, &part, 3, 255)) return false;
        ip[i] = (uint8_t)part;
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* RFC 4291 2.2: eight groups, one "::" for a run of zero groups, the last two groups possibly as an IPv4 address. */
static bool take_ip6(struct sotto_span *s, uint8_t ip[16])
{
    uint8_t out[16] = { 0 };
    int at = 0, gap = -1;
    if (take_text(s, "::")) gap = 0;
    while (at < 16 && s->size && s->data[0] != ']') {
        if (at > 0 && at != gap && !take_text(s, ":")) return false;
        struct sotto_span v4 = *s;
        if (at <= 12 && take_ip4(&v4, out + at)) {
            *s = v4;
            at += 4;
            break;
        }
        unsigned value = 0, digits = 0;
        for (; digits < 4 && digits < s->size && hex_digit(s->data[digits]) >= 0; digits++)
            value = value << 4 | (unsigned)hex_digit(s->data[digits]);
        if (digits == 0) return false;
        *s = sotto_span_cut(*s, digits, s->size - digits);
        sotto_put_be16(out + at, (uint16_t)value);
        at += 2;
        struct sotto_span rest = *s;
        if (gap < 0 && take_text(&rest, "::")) {
            *s = rest;
            gap = at;
        }
    }
    if (gap < 0 ? at != 16 : at > 14) return false;   /* "::" stands for one zero group at least */
    if (gap >= 0) {
        memmove(out + 16 - (at - gap), out + gap, (size_t)(at - gap));
        memset(out + gap, 0, (size_t)(16 - at));
    }
    memcpy(ip, out, 16);
    return true;
}

static bool take_host(struct sotto_span *s, struct sotto_addr *addr)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (!take_text(s, "[")) {
        addr->family = 4;
        return take_ip4(s, addr->ip);
    }
    addr->family = 6;
    if (!take_ip6(s, addr->ip) || !take_text(s, "]")) return false;
    if (memcmp(addr->ip, mapped, sizeof mapped) == 0) {
        memmove(addr->ip, addr->ip + 12, 4);
        memset(addr->ip + 4, 0, 12);
        addr->family = 4;
    }
    return true;
}

enum sotto_err sotto_enode_parse(struct sotto_enode *out, struct sotto_span text)
{
    struct sotto_enode e;
    struct sotto_point point;
    uint32_t port, discovery;
    memset(&e, 0, sizeof e);
    if (!take_text(&text, "enode://") || text.size < 128) return SOTTO_ERR_ENODE;
    if (sotto_unhex(e.key, 64, sotto_span_cut(text, 0, 128)) != SOTTO_OK) return SOTTO_ERR_ENODE;
    text = sotto_span_cut(text, 128, text.size - 128);
    if (!take_text(&text, "@") || !take_host(&text, &e.addr)) return SOTTO_ERR_ENODE;
    if (!take_text(&text, ":") || !take_decimal(&text, &port, 5, UINT16_MAX)) return SOTTO_ERR_ENODE;
    discovery = port;
    if (take_text(&text, "?discport=") && !take_decimal(&text, &discovery, 5, UINT16_MAX)) return SOTTO_ERR_ENODE;
    if (text.size || sotto_point_from64(&point, e.key) != SOTTO_OK) return SOTTO_ERR_ENODE;
    e.addr.port = (uint16_t)port;
    e.udp = (uint16_t)discovery;
    *out = e;
    return SOTTO_OK;
}

void sotto_enode_text(char out[256], const struct sotto_enode *e)
{
    char key[129], addr[64];
    sotto_hex(key, e->key, sizeof e->key);
    sotto_addr_text(addr, &e->addr);
    snprintf(out, 256, "enode://%s@%s", key, addr);
}
