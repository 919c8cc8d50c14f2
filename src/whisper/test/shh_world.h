/* The capability against a host that writes everything down: what its tests share, each a program. */
#ifndef SOTTO_WHISPER_TEST_SHH_WORLD_H
#define SOTTO_WHISPER_TEST_SHH_WORLD_H

#pragma GCC diagnostic ignored "-Wunused-function"        /* no test needs all of it */

#include "support/test.h"

#include "base/text.h"
#include "whisper/test/fake_host.h"
#include "wire/rlp.h"

#include <math.h>

static struct fake f;

static void begin(const struct sotto_pool_config *pool) { fake_init(&f, test_seed(), pool); }
static int teardown(void **state)
{
    (void)state;
    fake_free(&f);
    return 0;
}

static void send_hex(uint32_t peer, unsigned code, const char *hex)
{
    uint8_t bytes[512];
    size_t size = strlen(hex) / 2;
    assert_true(size <= sizeof bytes);
    assert_int_equal(sotto_unhex(bytes, size, sotto_span_str(hex)), SOTTO_OK);
    fake_message(&f, peer, code, sotto_span(bytes, size));
}
static void send_items(uint32_t peer, struct sotto_span items)
{
    struct sotto_buf b = sotto_buf_make(32u << 20);
    fake_list(&b, items);
    fake_message(&f, peer, SOTTO_SHH_MESSAGES, sotto_buf_span(&b));
    sotto_buf_free(&b);
}
static struct fake_envelope any(uint8_t fill)
{
    return (struct fake_envelope){ fake_now_s(&f) + 40, 50, 64, { 0x11, 0x22, 0x33, 0x04 }, fill, 12 };
}
static void send_one(uint32_t peer, const struct fake_envelope *e)
{
    struct sotto_buf b = sotto_buf_make(32u << 20);
    fake_seal(&b, e);
    send_items(peer, sotto_buf_span(&b));
    sotto_buf_free(&b);
}
static void is_cut(uint32_t peer)
{
    assert_false(f.host.peers[peer].up);
    assert_int_equal(f.host.peers[peer].reason, SOTTO_REASON_SUBPROTOCOL);
}
static const struct sotto_shh_stats *stats(void) { return sotto_shh_stats(f.shh); }

/* Envelopes in the packets that a peer got; -1 when one of the packets is no list of envelopes. */
static int got(uint32_t peer)
{
    int count = 0;
    for (unsigned i = 0; i < f.host.sent_count; i++) {
        const struct fake_packet *p = &f.host.sent[i];
        if (p->peer != peer || p->code != SOTTO_SHH_MESSAGES) continue;
        struct sotto_rlp top = sotto_rlp(sotto_buf_span(&p->payload)), list;
        if (p->payload.size >= 1 << 20 || sotto_rlp_list(&top, &list) != SOTTO_OK || sotto_rlp_end(&top) != SOTTO_OK) return -1;
        while (sotto_rlp_more(&list)) {
            struct sotto_span item;
            struct sotto_envelope e;
            if (sotto_rlp_raw(&list, &item) != SOTTO_OK || sotto_envelope_decode(&e, item) != SOTTO_OK) return -1;
            count++;
        }
    }
    return count;
}

/* One of our own, held, into the pool. */
static void add_own_of(unsigned serial)
{
    struct sotto_buf b = sotto_buf_make(4096);
    struct fake_envelope e = any(1);
    struct sotto_envelope in;
    uint8_t hash[32];
    e.expiry = fake_now_s(&f) + 600;
    e.ttl = 600;
    sotto_put_be32(e.topic, 0x11223304 + serial);
    fake_seal(&b, &e);
    assert_int_equal(sotto_envelope_decode(&in, sotto_buf_span(&b)), SOTTO_OK);
    sotto_envelope_hash(hash, sotto_buf_span(&b));
    struct sotto_pool_source self = { SOTTO_FROM_SELF, 0 };
    assert_int_equal(sotto_pool_add(f.pool, NULL, &in, sotto_buf_span(&b), sotto_pool_id(f.pool, hash), 1, self), SOTTO_OK);
    sotto_buf_free(&b);
    sotto_shh_enter(f.shh, &f.out);
    sotto_shh_news(f.shh, f.now);
    sotto_shh_enter(f.shh, NULL);
}

static void add_own(void) { add_own_of(0); }

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

#endif
