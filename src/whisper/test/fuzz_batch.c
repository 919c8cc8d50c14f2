/* Packets of envelopes, hashed side by side at one end and one after the other at a twin with the same randomness and clock: whatever is
 * in them, in whatever order, with copies, damage, floors and time between, both must come to the same state. The first byte is the size
 * of the batches. Then: the digests of any envelopes together are the digests of each. */
#include "support/fuzz_input.h"

#include "whisper/test/fake_host.h"

enum { PEERS = 3, STEPS_MAX = 40, KEPT_MAX = 64, DATA_MAX = 300 };

static struct fake batched, single;
static struct sotto_buf kept[KEPT_MAX];                   /* envelopes that were made, to come again */
static unsigned kept_count;

static void envelope(struct fuzz_in *in, struct sotto_buf *packet, uint32_t now_s)
{
    uint8_t how = fuzz_u8(in), data[DATA_MAX];
    struct sotto_buf one = sotto_buf_make(4096);
    if (how & 1 && kept_count) {
        SOTTO_ASSERT(sotto_buf_add_span(&one, sotto_buf_span(&kept[fuzz_u8(in) % kept_count])) == SOTTO_OK);
    } else {
        struct sotto_envelope e = { now_s + fuzz_u8(in) - 30u, 1u + fuzz_u8(in), { fuzz_u8(in) & 7 }, { data, (how >> 3) * 9u }, fuzz_u16(in) };
        memset(data, how, sizeof data);
        if (how & 2) e.ttl <<= 8;
        SOTTO_ASSERT(sotto_envelope_encode(&one, &e) == SOTTO_OK);
        if (kept_count < KEPT_MAX) {
            kept[kept_count] = sotto_buf_make(4096);
            SOTTO_ASSERT(sotto_buf_add_span(&kept[kept_count++], sotto_buf_span(&one)) == SOTTO_OK);
        }
    }
    if ((how & 7) == 6) one.data[fuzz_u16(in) % one.size] ^= (uint8_t)(1 + fuzz_u8(in) % 255);
    SOTTO_ASSERT(sotto_buf_add_span(packet, sotto_buf_span(&one)) == SOTTO_OK);
    sotto_buf_free(&one);
}

static void together(void)
{
    struct sotto_envelope e[SOTTO_ENVELOPE_BATCH];
    struct sotto_envelope_digest digests[SOTTO_ENVELOPE_BATCH];
    struct sotto_envelope_in in[SOTTO_ENVELOPE_BATCH];
    size_t count = 0;
    for (unsigned i = 0; i < kept_count && count < SOTTO_ENVELOPE_BATCH; i++)
        if (sotto_envelope_decode(&e[count], sotto_buf_span(&kept[i])) == SOTTO_OK) {
            in[count] = (struct sotto_envelope_in){ &e[count], sotto_buf_span(&kept[i]), &digests[count] };
            count++;
        }
    if (count == 0) return;
    sotto_envelope_digests(in, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t hash[32];
        sotto_envelope_hash(hash, in[i].rlp);
        SOTTO_ASSERT(memcmp(hash, digests[i].hash, 32) == 0 && digests[i].zeros == sotto_envelope_zeros(&e[i]));
    }
}

static void same_state(void)
{
    const struct sotto_shh_stats *a = sotto_shh_stats(batched.shh), *b = sotto_shh_stats(single.shh);
    SOTTO_ASSERT(memcmp(a, b, sizeof *a) == 0 && sotto_shh_deadline(batched.shh) == sotto_shh_deadline(single.shh));
    for (uint32_t p = 0; p < PEERS; p++) {
        const struct fake_peer *x = &batched.host.peers[p], *y = &single.host.peers[p];
        SOTTO_ASSERT(x->up == y->up && x->closed == y->closed && x->reason == y->reason && x->score == y->score && x->paused_until_us == y->paused_until_us);
    }
    SOTTO_ASSERT(sotto_pool_bytes(batched.pool) == sotto_pool_bytes(single.pool) && sotto_pool_evicted(batched.pool) == sotto_pool_evicted(single.pool));
    const struct sotto_pool_entry *x = sotto_pool_after(batched.pool, 0), *y = sotto_pool_after(single.pool, 0);
    for (; x && y; x = sotto_pool_next(batched.pool, x), y = sotto_pool_next(single.pool, y)) {
        uint8_t hash[32];
        sotto_envelope_hash(hash, x->rlp);
        SOTTO_ASSERT(x->seq == y->seq && x->rating == y->rating && sotto_span_equal(x->rlp, y->rlp) && memcmp(x->hash, hash, 32) == 0 && memcmp(y->hash, hash, 32) == 0);
    }
    SOTTO_ASSERT(!x && !y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_pool_config small = { 20000, 48, 1e-9, NULL };
    struct fake *both[] = { &batched, &single };
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    fake_init_batch(&batched, 1, &small, 0, 0, 2 + fuzz_u8(&in) % (SOTTO_ENVELOPE_BATCH - 1));
    fake_init_batch(&single, 1, &small, 0, 0, 1);
    batched.host.deaf = single.host.deaf = true;
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in), count = fuzz_u8(&in) % (2 * SOTTO_ENVELOPE_BATCH);
        uint64_t us = fuzz_wide(&in) % 60000000;
        struct sotto_buf items = sotto_buf_make(1u << 20), packet = sotto_buf_make(1u << 20);
        uint32_t peer = op >> 4 & 1 ? 1 : op >> 5 & 1 ? 2 : 0;
        if (op % 4 < 3) {
            for (unsigned k = 0; k < count && fuzz_left(&in); k++) envelope(&in, &items, fake_now_s(&batched));
            fake_list(&packet, sotto_buf_span(&items));
        }
        for (unsigned k = 0; k < 2; k++) {
            struct fake *f = both[k];
            if (op % 4 == 3) {
                fake_pass(f, us);
                continue;
            }
            if (!f->host.peers[peer].up) fake_ready(f, peer, op >> 6 & 1);
            fake_message(f, peer, SOTTO_SHH_MESSAGES, sotto_buf_span(&packet));
        }
        together();
        sotto_buf_free(&items);
        sotto_buf_free(&packet);
        same_state();
    }
    fake_free(&batched);
    fake_free(&single);
    while (kept_count) sotto_buf_free(&kept[--kept_count]);
    return 0;
}
