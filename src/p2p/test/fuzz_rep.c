/* What a host remembers of nodes and addresses, under any sequence of offences, bans and times: scores stay in their range and only
 * decay by themselves, a ban holds until its end and not longer, and the list of bans agrees with the questions about single nodes. */
#include "support/fuzz_input.h"

#include "p2p/rep.h"

static void key_of(uint8_t key[64], uint8_t n)
{
    memset(key, 0, 64);
    key[63] = n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_rep *r = sotto_rep_new();
    struct sotto_now now = { 1000000, 1767225600000 };
    uint64_t accepted[8] = { 0 };
    SOTTO_ASSERT(r);
    for (unsigned i = 0; i < 200 && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in), who = fuzz_u8(&in), key[64];
        struct sotto_addr addr = { .ip = { 10, 0, 0, who & 7 }, .port = op, .family = 4 };
        key_of(key, who);
        int before = sotto_rep_node_score(r, key, now);
        bool banned = sotto_rep_node_banned(r, key, now), full;
        switch (op % 7) {
        case 0: case 1: {
            int points = (int)fuzz_u8(&in) - 20;
            full = sotto_rep_node_offend(r, key, op & 8 ? &addr : NULL, points, op & 16, now);
            SOTTO_ASSERT(full == (points > 0 && before + points >= SOTTO_SCORE_BAN));
            if (full) SOTTO_ASSERT(sotto_rep_node_score(r, key, now) == 0 && (!(op & 16) || sotto_rep_node_banned(r, key, now)));
            else SOTTO_ASSERT(sotto_rep_node_score(r, key, now) == (points > 0 ? before + points : before) && sotto_rep_node_banned(r, key, now) == banned);
            break;
        }
        case 2: {
            uint64_t until = now.mono_us + fuzz_wide(&in) % (1ull << 40);
            sotto_rep_node_ban(r, key, until, now);
            SOTTO_ASSERT(sotto_rep_node_banned(r, key, now) == (until > now.mono_us));
            break;
        }
        case 3: sotto_rep_address_offend(r, &addr, fuzz_u8(&in) & 127, now); break;
        case 4: {
            bool in_time = accepted[who & 7] && now.mono_us - accepted[who & 7] < SOTTO_ACCEPT_INTERVAL_US;
            SOTTO_ASSERT(sotto_rep_address_accept(r, &addr, now) == !in_time);
            if (!in_time) accepted[who & 7] = now.mono_us;
            break;
        }
        default: now.mono_us += 1 + fuzz_wide(&in) % (1ull << 38);
        }
        int score = sotto_rep_node_score(r, key, now);
        SOTTO_ASSERT(score >= 0 && score < SOTTO_SCORE_BAN);
        struct sotto_ban ban;
        unsigned listed = 0, asked = 0;
        while (sotto_rep_ban_at(r, listed, &ban, now)) {
            SOTTO_ASSERT(ban.until_us > now.mono_us && sotto_rep_node_banned(r, ban.key, now) && sotto_rep_node_ban_end(r, ban.key) == ban.until_us);
            listed++;
        }
        for (unsigned n = 0; n < 256; n++) {
            key_of(key, (uint8_t)n);
            asked += sotto_rep_node_banned(r, key, now);
        }
        SOTTO_ASSERT(listed == asked);
        (void)sotto_rep_address_banned(r, &addr, now);
    }
    sotto_rep_free(r);
    return 0;
}
