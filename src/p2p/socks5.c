#include "p2p/socks5.h"

#include "base/text.h"
#include "crypto/secret.h"

#define VERSION 5u
#define METHOD_NONE 0u
#define METHOD_PASSWORD 2u
#define AUTH_VERSION 1u                               /* of the sub-negotiation, RFC 1929 */
#define CONNECT 1u
#define IPV4 1u
#define NAME 3u
#define IPV6 4u

static void say_bytes(struct sotto_socks5_say *say, const void *bytes, size_t size)
{
    SOTTO_ASSERT(size <= sizeof say->b - say->size);
    memcpy(say->b + say->size, bytes, size);
    say->size += size;
}
static void say_u8(struct sotto_socks5_say *say, uint8_t value) { say_bytes(say, &value, 1); }
static void say_text(struct sotto_socks5_say *say, const char *text)
{
    say_u8(say, (uint8_t)strlen(text));
    say_bytes(say, text, strlen(text));
}

static bool name_ok(const char *name)
{
    size_t size = name ? strlen(name) : 0;
    for (size_t i = 0; i < size; i++)
        if (name[i] <= 0x20 || name[i] >= 0x7f) return false;
    return size >= 1 && size <= SOTTO_SOCKS5_NAME_MAX;
}

static void secret(char out[SOTTO_SOCKS5_SECRET + 1], struct sotto_rng *rng)
{
    uint8_t b[SOTTO_SOCKS5_SECRET / 2];
    sotto_rng_fill(rng, b, sizeof b);
    sotto_hex(out, b, sizeof b);
    SOTTO_WIPE(b);
}

static void expect(struct sotto_socks5 *s, enum sotto_socks5_state state, size_t need)
{
    s->state = state;
    s->need = need;
    s->in_size = 0;
}

enum sotto_err sotto_socks5_begin(struct sotto_socks5 *s, struct sotto_socks5_say *say, const struct sotto_addr *addr, const char *name,
                                  struct sotto_rng *rng)
{
    bool literal = addr->family == 4 || addr->family == 6;
    if (addr->port == 0 || (!literal && !name_ok(name))) return SOTTO_ERR_RANGE;
    memset(s, 0, sizeof *s);
    s->addr = *addr;
    if (!literal) {
        s->addr.family = 0;
        memcpy(s->name, name, strlen(name));
    }
    secret(s->user, rng);
    secret(s->password, rng);
    say->size = 0;
    say_bytes(say, (const uint8_t[]){ VERSION, 2, METHOD_PASSWORD, METHOD_NONE }, 4);
    expect(s, SOTTO_SOCKS5_METHOD, 2);
    return SOTTO_OK;
}

static void request(struct sotto_socks5 *s, struct sotto_socks5_say *say)
{
    uint8_t port[2];
    sotto_put_be16(port, s->addr.port);
    say_bytes(say, (const uint8_t[]){ VERSION, CONNECT, 0 }, 3);
    if (s->addr.family == 0) {
        say_u8(say, NAME);
        say_text(say, s->name);
    } else {
        say_u8(say, s->addr.family == 4 ? IPV4 : IPV6);
        say_bytes(say, s->addr.ip, s->addr.family == 4 ? 4 : 16);
    }
    say_bytes(say, port, 2);
    expect(s, SOTTO_SOCKS5_REPLY, 5);
}

static bool method(struct sotto_socks5 *s, struct sotto_socks5_say *say)
{
    if (s->in[0] != VERSION || (s->in[1] != METHOD_PASSWORD && s->in[1] != METHOD_NONE)) return false;
    if (s->in[1] == METHOD_NONE) {
        request(s, say);
        return true;
    }
    say_u8(say, AUTH_VERSION);
    say_text(say, s->user);
    say_text(say, s->password);
    expect(s, SOTTO_SOCKS5_AUTH, 2);
    return true;
}

/* Its size shows in the fifth byte at the latest. What address the proxy used is of no interest. */
static bool reply(struct sotto_socks5 *s)
{
    if (s->in[0] != VERSION || s->in[2] != 0) return false;
    if (s->in[1] != 0) {
        s->reply = s->in[1];
        return false;
    }
    size_t whole = s->in[3] == IPV4 ? 4u + 4 + 2 : s->in[3] == IPV6 ? 4u + 16 + 2 : s->in[3] == NAME ? 4u + 1 + s->in[4] + 2 : 0;
    if (whole == 0) return false;
    if (s->in_size == whole) s->state = SOTTO_SOCKS5_OPEN;
    else s->need = whole;
    return true;
}

enum sotto_err sotto_socks5_data(struct sotto_socks5 *s, size_t *used, struct sotto_socks5_say *say, struct sotto_span bytes)
{
    SOTTO_ASSERT(s->state < SOTTO_SOCKS5_OPEN);
    size_t at = 0;
    say->size = 0;
    while (s->state < SOTTO_SOCKS5_OPEN) {
        SOTTO_ASSERT(s->need > s->in_size && s->need <= sizeof s->in);
        size_t part = s->need - s->in_size < bytes.size - at ? s->need - s->in_size : bytes.size - at;
        if (part) memcpy(s->in + s->in_size, bytes.data + at, part);
        s->in_size += part;
        at += part;
        if (s->in_size < s->need) break;
        bool ok = false;
        /* it answers before it was asked: what we say next could not be what it answers to */
        if (say->size == 0 && s->state == SOTTO_SOCKS5_METHOD) ok = method(s, say);
        else if (say->size == 0 && s->state == SOTTO_SOCKS5_AUTH && s->in[0] == AUTH_VERSION && s->in[1] == 0) {
            request(s, say);
            ok = true;
        } else if (say->size == 0 && s->state == SOTTO_SOCKS5_REPLY) ok = reply(s);
        if (!ok) {
            s->state = SOTTO_SOCKS5_FAILED;
            say->size = 0;
            *used = at;
            return SOTTO_ERR_PROXY;
        }
    }
    *used = at;
    return s->state == SOTTO_SOCKS5_OPEN ? SOTTO_OK : SOTTO_ERR_AGAIN;
}

void sotto_socks5_end(struct sotto_socks5 *s) { sotto_wipe(s, sizeof *s); }
