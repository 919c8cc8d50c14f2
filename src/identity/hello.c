#include "identity/hello_layout.h"

#include "base/plant.h"
#include "base/text.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"

/* ---- layout ---- */

static bool utf8_more(uint8_t byte) { return (byte & 0xc0) == 0x80; }

size_t sotto_hello_intro_cut(struct sotto_span text, size_t max)
{
    if (text.size <= max) return text.size;
    size_t n = max;
    while (n > 0 && utf8_more(text.data[n])) n--;
    return n;
}

void sotto_mk_id(uint8_t out[32], const struct sotto_secret *mk)
{
    if (mk == NULL) memset(out, 0, 32);
    else SOTTO_TH(out, "sotto/mk/id", SOTTO_SPAN(mk->b));
}

static size_t area_of(size_t size) { return size == SOTTO_HELLO_SHORT ? SOTTO_HELLO_SHORT_AREA : SOTTO_HELLO_AREA; }

enum sotto_err sotto_hello_parse(struct sotto_hello *out, struct sotto_span pt)
{
    bool is_short = pt.size == SOTTO_HELLO_SHORT;
    if (pt.size != SOTTO_HELLO_SIZE && !is_short) return SOTTO_ERR_HELLO_FORM;
    const uint8_t *p = pt.data;
    uint8_t step = p[HELLO_STEP], flags = p[HELLO_FLAGS];
    if (p[HELLO_VERSION] != 1 || p[HELLO_SUITE] != 1) return SOTTO_ERR_HELLO_FORM;
    if (step != 1 && (step != 2 || is_short)) return SOTTO_ERR_HELLO_FORM;
    if ((flags & ~(step == 1 ? SOTTO_HELLO_RESYNC | SOTTO_HELLO_RECORD : SOTTO_HELLO_RECORD)) != 0) return SOTTO_ERR_HELLO_FORM;

    size_t area = area_of(pt.size), cert = sotto_be16(p + HELLO_CERT_SIZE), intro = sotto_be16(p + HELLO_INTRO_SIZE);
    if (is_short ? cert != 0 : cert < SOTTO_CERT_MIN || cert > SOTTO_CERT_MAX) return SOTTO_ERR_HELLO_FORM;
    if (cert + intro > area) return SOTTO_ERR_HELLO_FORM;
    if (!sotto_all_zero(p + HELLO_AREA + cert + intro, area - cert - intro)) return SOTTO_ERR_HELLO_FORM;
    if (!sotto_utf8_valid(sotto_span(p + HELLO_AREA + cert, intro))) return SOTTO_ERR_HELLO_FORM;
    SOTTO_TRY(sotto_point_check(p + HELLO_EPH));
    if (!sotto_all_zero(p + HELLO_SCAN, 33)) SOTTO_TRY(sotto_point_check(p + HELLO_SCAN));

    memset(out, 0, sizeof *out);
    out->step = step;
    out->flags = flags;
    memcpy(out->from.b, p + HELLO_FROM, 20);
    memcpy(out->to.b, p + HELLO_TO, 20);
    out->time_ms = sotto_be64(p + HELLO_TIME);
    memcpy(out->nonce, p + HELLO_NONCE, 32);
    memcpy(out->echo, p + HELLO_ECHO, 32);
    memcpy(out->share.b, p + HELLO_SHARE, 32);
    memcpy(out->eph.b, p + HELLO_EPH, 33);
    memcpy(out->mk_id, p + HELLO_MK_ID, 32);
    out->height = sotto_be64(p + HELLO_HEIGHT);
    memcpy(out->block8, p + HELLO_BLOCK8, 8);
    out->puzzle = sotto_be64(p + HELLO_PUZZLE);
    memcpy(out->scan.b, p + HELLO_SCAN, 33);
    out->cert = sotto_span(p + HELLO_AREA, cert);
    out->intro = sotto_span(p + HELLO_AREA + cert, intro);
    if (!is_short) memcpy(out->confirm, p + HELLO_CONFIRM, 32);
    memcpy(out->sig.b, p + pt.size - 65, 65);
    return SOTTO_OK;
}

/* Everything but confirm and signature. size 956 or 464 was chosen by the caller. */
enum sotto_err sotto_hello_layout_write(uint8_t *pt, size_t size, const struct sotto_hello *h)
{
    bool is_short = size == SOTTO_HELLO_SHORT;
    uint8_t flags_known = h->step == 1 ? SOTTO_HELLO_RESYNC | SOTTO_HELLO_RECORD : SOTTO_HELLO_RECORD;
    if ((h->flags & ~flags_known) != 0) return SOTTO_ERR_RANGE;
    if (sotto_all_zero(h->nonce, 32) || sotto_all_zero(h->share.b, 32)) return SOTTO_ERR_RANGE;
    if (!is_short && (h->cert.size < SOTTO_CERT_MIN || h->cert.size > SOTTO_CERT_MAX)) return SOTTO_ERR_RANGE;
    if (h->intro.size > area_of(size) - h->cert.size || !sotto_utf8_valid(h->intro)) return SOTTO_ERR_RANGE;
    SOTTO_TRY(sotto_point_check(h->eph.b));
    if (!sotto_all_zero(h->scan.b, 33)) SOTTO_TRY(sotto_point_check(h->scan.b));

    memset(pt, 0, size);
    pt[HELLO_VERSION] = 1;
    pt[HELLO_STEP] = h->step;
    pt[HELLO_SUITE] = 1;
    pt[HELLO_FLAGS] = h->flags;
    memcpy(pt + HELLO_FROM, h->from.b, 20);
    memcpy(pt + HELLO_TO, h->to.b, 20);
    sotto_put_be64(pt + HELLO_TIME, h->time_ms);
    memcpy(pt + HELLO_NONCE, h->nonce, 32);
    memcpy(pt + HELLO_ECHO, h->echo, 32);
    memcpy(pt + HELLO_SHARE, h->share.b, 32);
    memcpy(pt + HELLO_EPH, h->eph.b, 33);
    memcpy(pt + HELLO_MK_ID, h->mk_id, 32);
    sotto_put_be64(pt + HELLO_HEIGHT, h->height);
    memcpy(pt + HELLO_BLOCK8, h->block8, 8);
    sotto_put_be64(pt + HELLO_PUZZLE, h->puzzle);
    memcpy(pt + HELLO_SCAN, h->scan.b, 33);
    sotto_put_be16(pt + HELLO_CERT_SIZE, (uint16_t)h->cert.size);
    sotto_put_be16(pt + HELLO_INTRO_SIZE, (uint16_t)h->intro.size);
    if (h->cert.size > 0) memcpy(pt + HELLO_AREA, h->cert.data, h->cert.size);
    if (h->intro.size > 0) memcpy(pt + HELLO_AREA + h->cert.size, h->intro.data, h->intro.size);
    return SOTTO_OK;
}

/* ---- what is signed ---- */

size_t sotto_hello_signed(uint8_t out[272 + SOTTO_CERT_MAX], const uint8_t *pt)
{
    size_t cert = sotto_be16(pt + HELLO_CERT_SIZE);
    SOTTO_ASSERT(cert <= SOTTO_CERT_MAX);
    memcpy(out, pt, HELLO_HEAD);
    memcpy(out + HELLO_HEAD, pt + HELLO_AREA, cert);
    return HELLO_HEAD + cert;
}

void sotto_hello_h1(uint8_t out[32], const uint8_t *m1)
{
    uint8_t text[HELLO_HEAD + SOTTO_CERT_MAX];
    size_t size = sotto_hello_signed(text, m1);
    SOTTO_TH(out, "sotto/hs/1", sotto_span(text, size));
    SOTTO_WIPE(text);                     /* it holds the share */
}

void sotto_hello_digest(uint8_t out[32], const uint8_t *pt, const uint8_t transcript[32])
{
    uint8_t domain[32], body[32];
    struct sotto_eip712 e;
    sotto_eip712_domain(domain, "Sotto Message", "1");
    sotto_eip712_begin(&e, "Hello(uint8 step,address from,address to,uint64 time,bytes32 transcript)");
    sotto_eip712_uint(&e, pt[HELLO_STEP]);
    sotto_eip712_address(&e, pt + HELLO_FROM);
    sotto_eip712_address(&e, pt + HELLO_TO);
    sotto_eip712_uint(&e, sotto_be64(pt + HELLO_TIME));
    sotto_eip712_bytes32(&e, transcript);
    sotto_eip712_struct(&e, body);
    sotto_eip712_digest(out, domain, body);
}

enum sotto_err sotto_hello_signer(struct sotto_point *out, const uint8_t *pt, const struct sotto_sig65 *sig, const uint8_t transcript[32])
{
    uint8_t digest[32];
    sotto_hello_digest(digest, pt, transcript);
    enum sotto_err err = sotto_recover(out, sig, digest);
    return err == SOTTO_ERR_SIG ? SOTTO_ERR_HELLO_SIG : err;
}

/* ---- puzzle ---- */

/* Over everything that is signed but the solution itself. */
static void puzzle_base(uint8_t out[32], const uint8_t *pt)
{
    size_t cert = sotto_be16(pt + HELLO_CERT_SIZE);
    SOTTO_TH(out, "sotto/puzzle/1", sotto_span(pt, HELLO_PUZZLE), sotto_span(pt + HELLO_SCAN, HELLO_HEAD - HELLO_SCAN),
             sotto_span(pt + HELLO_AREA, cert));
}

static bool leading_zeros(const uint8_t hash[32], unsigned bits)
{
    return bits == 0 || sotto_be64(hash) >> (64 - bits) == 0;
}

/* One try on a state that has already taken the tag and b. */
static bool try_one(const struct sotto_th *prepared, uint64_t puzzle, unsigned bits)
{
    struct sotto_th t = *prepared;
    uint8_t number[8], hash[32];
    sotto_put_be64(number, puzzle);
    sotto_th_update(&t, number, sizeof number);
    sotto_th_final(&t, hash);
    return leading_zeros(hash, bits);
}

static void puzzle_prepare(struct sotto_th *out, const uint8_t b[32], unsigned bits)
{
    SOTTO_ASSERT(bits <= 64);
    sotto_th_init(out, "sotto/puzzle/2");
    sotto_th_update(out, b, 32);
}

bool sotto_puzzle_good(const uint8_t b[32], uint64_t puzzle, unsigned bits)
{
    struct sotto_th t;
    puzzle_prepare(&t, b, bits);
    return try_one(&t, puzzle, bits);
}

unsigned sotto_hello_strength(const uint8_t *m1)
{
    uint8_t b[32];
    unsigned bits = 0;
    puzzle_base(b, m1);
    while (bits < 64 && sotto_puzzle_good(b, sotto_be64(m1 + HELLO_PUZZLE), bits + 1)) bits++;
    return bits;
}

bool sotto_puzzle_search(uint64_t *solution, uint64_t *at, const uint8_t b[32], unsigned bits, uint64_t tries)
{
    struct sotto_th t;
    puzzle_prepare(&t, b, bits);
    for (; tries > 0; tries--) {
        uint64_t candidate = (*at)++;
        if (try_one(&t, candidate, bits)) {
            *solution = candidate;
            return true;
        }
    }
    return false;
}

/* ---- M1 ---- */

enum sotto_err sotto_hello_m1_begin(uint8_t pt[SOTTO_HELLO_SIZE], size_t *size, uint8_t b[32], const struct sotto_hello *hello)
{
    struct sotto_hello h = *hello;
    uint8_t text[SOTTO_HELLO_SIZE];
    size_t n = h.cert.size == 0 ? SOTTO_HELLO_SHORT : SOTTO_HELLO_SIZE;
    h.step = 1;
    h.puzzle = 0;
    memset(h.echo, 0, sizeof h.echo);
    enum sotto_err err = sotto_hello_layout_write(text, n, &h);
    if (err == SOTTO_OK) {
        puzzle_base(b, text);
        memcpy(pt, text, n);
        *size = n;
    }
    SOTTO_WIPE(h);
    SOTTO_WIPE(text);
    return err;
}

enum sotto_err sotto_hello_m1_finish(uint8_t *pt, size_t size, uint8_t h1[32], uint64_t puzzle, const struct sotto_scalar *identity)
{
    SOTTO_ASSERT(size == SOTTO_HELLO_SIZE || size == SOTTO_HELLO_SHORT);
    uint8_t text[SOTTO_HELLO_SIZE], hash[32], digest[32];
    struct sotto_sig65 sig;
    memcpy(text, pt, size);
    sotto_put_be64(text + HELLO_PUZZLE, puzzle);
    sotto_hello_h1(hash, text);
    sotto_hello_digest(digest, text, hash);
    enum sotto_err err = sotto_sign(&sig, identity, digest);
    if (err == SOTTO_OK) {
        memcpy(text + size - 65, sig.b, 65);
        memcpy(pt, text, size);
        if (h1) memcpy(h1, hash, 32);
    }
    SOTTO_WIPE(text);
    return err;
}

/* The sender's certificate against its ID and the ledger; without one (short M1) the registry must know owner and key. */
enum sotto_err sotto_hello_sender(struct sotto_hello_seen *s, struct sotto_id *owner, const struct sotto_hello_ctx *ctx)
{
    const struct sotto_ledger_status *status = ctx->status;
    if (s->hello.cert.size > 0) {
        SOTTO_TRY(sotto_cert_check(&s->cert, s->hello.cert, ctx->now_ms));
        if (!sotto_id_equal(&s->cert.id, &s->hello.from)) return SOTTO_ERR_HELLO_FROM;
        SOTTO_TRY(sotto_cert_ledger(&s->cert, s->hello.cert, status));
        s->xkey = s->cert.xkey;
        return sotto_id_of(owner, &s->cert.key);
    }
    if (status == NULL || status->state == SOTTO_LEDGER_NONE || status->state == SOTTO_LEDGER_UNKNOWN) return SOTTO_ERR_CERT_UNKNOWN;
    if (status->state != SOTTO_LEDGER_VALID) return SOTTO_ERR_CERT_REVOKED;
    SOTTO_TRY(sotto_point_check(status->xkey.b));
    s->xkey = status->xkey;
    *owner = status->owner;
    return SOTTO_OK;
}

static bool time_good(uint64_t t, uint64_t now)
{
    return t > now ? t - now <= SOTTO_HELLO_AHEAD_MS : now - t <= SOTTO_HELLO_PAST_MS;
}

static enum sotto_err m1_check(struct sotto_hello_seen *s, struct sotto_span pt, const struct sotto_hello_ctx *ctx)
{
    const struct sotto_hello *h = &s->hello;
    SOTTO_TRY(sotto_hello_parse(&s->hello, pt));
    if (h->step != 1) return SOTTO_ERR_HELLO_FORM;
    if (!sotto_id_equal(&h->to, &ctx->own) || sotto_id_equal(&h->from, &ctx->own)) return SOTTO_ERR_HELLO_TO;
    if (!sotto_all_zero(h->echo, 32) || !sotto_all_zero(h->confirm, 32)) return SOTTO_ERR_HELLO_FORM;
    if (sotto_all_zero(h->nonce, 32) || sotto_all_zero(h->share.b, 32)) return SOTTO_ERR_HELLO_FORM;
    if (!time_good(h->time_ms, ctx->now_ms)) return SOTTO_ERR_HELLO_TIME;

    uint8_t b[32];
    puzzle_base(b, pt.data);
    if (!sotto_puzzle_good(b, h->puzzle, ctx->puzzle_bits) && !SOTTO_PLANTED(PUZZLE_IGNORED)) return SOTTO_ERR_HELLO_PUZZLE;

    struct sotto_id owner, signer_id;
    struct sotto_point signer;
    SOTTO_TRY(sotto_hello_sender(s, &owner, ctx));
    sotto_hello_h1(s->h1, pt.data);
    SOTTO_TRY(sotto_hello_signer(&signer, pt.data, &h->sig, s->h1));
    SOTTO_TRY(sotto_id_of(&signer_id, &signer));
    return sotto_id_equal(&signer_id, &owner) ? SOTTO_OK : SOTTO_ERR_HELLO_SIG;
}

enum sotto_err sotto_hello_m1_check(struct sotto_hello_seen *out, struct sotto_span pt, const struct sotto_hello_ctx *ctx)
{
    struct sotto_hello_seen seen = { 0 };
    enum sotto_err err = m1_check(&seen, pt, ctx);
    if (err == SOTTO_OK) *out = seen;
    SOTTO_WIPE(seen);
    return err;
}
