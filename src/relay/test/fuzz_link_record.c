/* First byte a code, the rest a body; and the whole as the plain text of cells, taken one after the other by the receiving half of a link.
 * A refusal leaves what was there; messages are what their records say; what is held is the open message and inside the budget. */
#include "support/fuzz_input.h"

#include "relay/link_receive.h"

static void inside(struct sotto_span part, struct sotto_span whole)
{
    SOTTO_ASSERT(part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

static void one_body(uint8_t code, struct sotto_span body)
{
    struct sotto_rl_body b;
    memset(&b, 0xa5, sizeof b);
    enum sotto_err err = fuzz_err(sotto_rl_body_read(&b, code, body));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_RLP || err == SOTTO_ERR_BODY || err == SOTTO_ERR_RECORD_CODE);
    if (err != SOTTO_OK) {
        for (size_t i = 0; i < sizeof b; i++) SOTTO_ASSERT(((uint8_t *)&b)[i] == 0xa5);
        return;
    }
    SOTTO_ASSERT(b.code == code && sotto_rl_channel(code) < SOTTO_RL_CHANNELS);
    SOTTO_ASSERT(sotto_rl_body_fixed(code) || sotto_rlp_check(body) == SOTTO_OK);
    if (code >= SOTTO_RL_INV && code <= SOTTO_RL_MISS) inside(b.list.items, body);
    if (code == SOTTO_RL_ENV) inside(b.envelope.data, body);
    if (code == SOTTO_RL_BUCKET) inside(b.bucket.envelopes.items, body), inside(b.bucket.next, body);
}

static void message(void *owner, const struct sotto_rl_message *m)
{
    struct sotto_rl_body b;
    ++*(unsigned *)owner;
    SOTTO_ASSERT(m->body->code == m->code && m->channel == sotto_rl_channel(m->code) && m->bytes.size > 0 && m->bytes.size <= SOTTO_RL_MESSAGE_MAX);
    SOTTO_ASSERT(sotto_rl_body_read(&b, m->code, m->bytes) == SOTTO_OK);
}

static void cells(struct fuzz_in *in)
{
    struct sotto_rl_budget budget = { 0, 1u << 16 };
    struct sotto_rl_credit send = sotto_rl_credit(SOTTO_RL_WINDOW_2);
    uint8_t how = fuzz_u8(in);
    struct sotto_rl_receive r = sotto_rl_receive(&budget, 3, how & 1, how & 2 ? 600 : SOTTO_RL_WINDOW_2);
    static const uint8_t ready[SOTTO_RL_PLAIN_S] = { 2, 0x40, 0, 2, 0xc1, 3, 0xff };
    uint64_t now = 1, limit;
    unsigned count = 0;
    if (!(how & 4)) SOTTO_ASSERT(sotto_rl_receive_cell(&r, SOTTO_SPAN(ready), SOTTO_RL_S, now, &send, message, &count) == SOTTO_OK && count == 1);
    for (unsigned i = 0; i < 40 && fuzz_left(in); i++) {
        uint8_t plain[SOTTO_RL_PLAIN_L] = { 0 };
        enum sotto_rl_class c = fuzz_bool(in) ? SOTTO_RL_L : SOTTO_RL_S;
        struct sotto_span text = fuzz_span(in, (uint32_t)sotto_rl_plain(c));
        if (text.size) memcpy(plain, text.data, text.size);
        if (text.size < sotto_rl_plain(c)) plain[text.size] = SOTTO_RL_END_MARK;
        uint64_t cells_before = r.cells, used[SOTTO_RL_CHANNELS];
        memcpy(used, r.used, sizeof used);
        count = 0;
        enum sotto_err err = fuzz_err(sotto_rl_receive_cell(&r, sotto_span(plain, sotto_rl_plain(c)), c, now, &send, message, &count));
        SOTTO_ASSERT(r.cells == cells_before + (err == SOTTO_OK) && (err == SOTTO_OK || (count == 0 && memcmp(used, r.used, sizeof used) == 0)));
        SOTTO_ASSERT(budget.used <= budget.max);
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) {
            SOTTO_ASSERT(r.used[ch] <= r.limit[ch]);
            SOTTO_ASSERT(r.parts[ch].size == (r.at[ch].open && r.at[ch].kept ? r.at[ch].size : 0));
        }
        for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++)
            if ((how & 8) && sotto_rl_receive_due(&r, ch, &limit)) sotto_rl_receive_granted(&r, ch, limit);
        now += fuzz_u8(in) * 1000000u;
    }
    sotto_rl_receive_end(&r);
    SOTTO_ASSERT(budget.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (size) one_body(data[0], sotto_span(data + 1, size - 1));
    cells(&in);
    return 0;
}
