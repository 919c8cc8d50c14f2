/* A proxy that says anything, in any pieces: the same bytes in one piece end alike, nothing past the reply is taken, and what we say is
 * at most one greeting, one password and one request. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "p2p/socks5.h"

struct run { struct sotto_socks5 s; enum sotto_err err; size_t used; unsigned said; };

static void begin(struct run *r, const struct sotto_addr *addr, const char *name)
{
    struct sotto_chacha_rng rng;
    struct sotto_socks5_say say;
    memset(r, 0, sizeof *r);
    sotto_rng_from_seed(&rng, 1, "fuzz");
    r->err = sotto_socks5_begin(&r->s, &say, addr, name, &rng.rng);
    if (r->err == SOTTO_OK) r->err = SOTTO_ERR_AGAIN;
}

static void hear(struct run *r, struct sotto_span bytes)
{
    struct sotto_socks5_say say;
    size_t used = 0;
    if (r->err != SOTTO_ERR_AGAIN) return;
    r->err = sotto_socks5_data(&r->s, &used, &say, bytes);
    SOTTO_ASSERT(used <= bytes.size && say.size <= sizeof say.b);
    SOTTO_ASSERT(r->err != SOTTO_ERR_AGAIN || used == bytes.size);
    SOTTO_ASSERT(r->err == SOTTO_ERR_AGAIN || say.size == 0);
    r->used += used;
    r->said += say.size > 0;
    SOTTO_ASSERT(r->said <= 2 && r->used <= 4 + SOTTO_SOCKS5_REPLY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_addr addr = { .family = (uint8_t)fuzz_below(&in, 8), .port = fuzz_u16(&in) };
    char name[300] = "";
    struct run whole, pieces;
    struct sotto_span text = fuzz_span(&in, sizeof name - 1);
    if (text.size) memcpy(name, text.data, text.size);
    begin(&whole, &addr, name);
    begin(&pieces, &addr, name);
    SOTTO_ASSERT(whole.err == pieces.err);
    struct sotto_span rest = fuzz_rest(&in);
    for (size_t at = 0; at < rest.size && pieces.err == SOTTO_ERR_AGAIN; at++) hear(&pieces, sotto_span_cut(rest, at, 1));
    hear(&whole, rest);
    /* in one piece, a proxy that answers before it was asked is refused; else both are alike */
    SOTTO_ASSERT(whole.err == SOTTO_ERR_PROXY || (whole.err == pieces.err && whole.used == pieces.used));
    sotto_socks5_end(&whole.s);
    sotto_socks5_end(&pieces.s);
    return 0;
}
