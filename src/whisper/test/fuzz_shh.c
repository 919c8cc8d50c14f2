/* Any sequence of packets from several peers into the capability, with time passing in between.
 *
 *     op 1: 0..0x9f message of code op % 5 (4: 126 or 127) from peer op / 5 % 4 · 0xa0.. up · 0xb0.. down · 0xc0.. time passes ·
 *           0xd0.. a floor or filter of our own changes · 0xe0.. as 0..0x9f, with the body repeated as items of a list
 *     size 2, big-endian, then that many bytes (fewer at the end) */
#include "support/fuzz.h"

#include "whisper/test/fake_host.h"

static void message(struct fake *f, uint8_t op, struct sotto_span body, bool as_items)
{
    static const unsigned codes[5] = { SOTTO_SHH_STATUS, SOTTO_SHH_MESSAGES, SOTTO_SHH_POW, SOTTO_SHH_BLOOM, SOTTO_SHH_P2P_REQUEST };
    struct sotto_buf items = sotto_buf_make(32u << 20), list = sotto_buf_make(32u << 20);
    for (unsigned i = 0; as_items && i < 30; i++) SOTTO_ASSERT(sotto_buf_add_span(&items, body) == SOTTO_OK);
    if (as_items) fake_list(&list, sotto_buf_span(&items));
    fake_message(f, op / 5 % 4, op % 10 == 9 ? SOTTO_SHH_P2P_MESSAGE : codes[op % 5], as_items ? sotto_buf_span(&list) : body);
    sotto_buf_free(&items);
    sotto_buf_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake f;
    struct sotto_pool_config small = { 100000, 64, 1e-9, NULL };
    fake_init_gather(&f, 1, &small, size && data[size - 1] & 1 ? 10000 : 0);       /* the last byte decides if foreign ones go on at once */
    f.host.deaf = true;
    for (uint32_t p = 0; p < 4; p++) fake_ready(&f, p, p & 1);
    while (size >= 3) {
        uint8_t op = data[0];
        size_t want = sotto_be16(data + 1), take = want < size - 3 ? want : size - 3;
        struct sotto_span body = { data + 3, take };
        switch (op >> 4) {
        case 0xa: fake_ready(&f, op % 4, op & 4); break;
        case 0xb: if (f.host.peers[op % 4].up) fake_down(&f, op % 4); break;
        case 0xc: fake_pass(&f, (uint64_t)(op & 15) * 3000000); break;
        case 0xd:
            sotto_shh_enter(f.shh, &f.out);
            if (take >= 64) sotto_shh_filter(f.shh, (const struct sotto_bloom *)(const void *)body.data, f.now);
            else if (op & 8) (void)!sotto_shh_trust(f.shh, op & 3);
            else if (op & 4) sotto_shh_light(f.shh, op & 1, f.now);
            else sotto_shh_floor(f.shh, f.now);
            sotto_shh_enter(f.shh, NULL);
            break;
        case 0xe: message(&f, op & 15, body, true); break;
        default: message(&f, op, body, false); break;
        }
        data += 3 + take;
        size -= 3 + take;
    }
    SOTTO_ASSERT(sotto_pool_count(f.pool) <= 64 && sotto_pool_bytes(f.pool) <= 100000);
    fake_pass(&f, 100000000);
    fake_free(&f);
    return 0;
}
