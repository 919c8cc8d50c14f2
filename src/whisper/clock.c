#include "whisper/clock.h"

#include "whisper/rules.h"

#include <stdlib.h>

void sotto_clock_count(struct sotto_clock_peer *c, uint32_t sent, uint32_t expiry, uint32_t now_s, uint64_t mono_us)
{
    uint64_t minute = mono_us / SOTTO_CLOCK_PART_US + 1;              /* 0 marks a part never used */
    struct sotto_clock_part *p = &c->parts[minute % SOTTO_CLOCK_PARTS];
    if (p->minute != minute) *p = (struct sotto_clock_part){ .minute = minute };
    p->total++;
    if (sent > now_s && sent - now_s > SOTTO_SYNC_ALLOWANCE_S) {
        p->behind++;
        if (sent - now_s > p->behind_s) p->behind_s = sent - now_s;
    } else if (expiry < now_s && now_s - expiry > SOTTO_CLOCK_OLD_S) {
        p->ahead++;
        if (now_s - expiry > p->ahead_s) p->ahead_s = now_s - expiry;
    }
}

/* The largest distance is the best estimate: sent is never later than the true time, expiry of what is alive never earlier. */
int sotto_clock_vote(const struct sotto_clock_peer *c, bool *heard, uint64_t mono_us)
{
    uint64_t minute = mono_us / SOTTO_CLOCK_PART_US + 1, total = 0, ahead = 0, behind = 0;
    uint32_t ahead_s = 0, behind_s = 0;
    for (unsigned i = 0; i < SOTTO_CLOCK_PARTS; i++) {
        const struct sotto_clock_part *p = &c->parts[i];
        if (p->minute == 0 || p->minute + SOTTO_CLOCK_PARTS <= minute) continue;
        total += p->total;
        ahead += p->ahead;
        behind += p->behind;
        if (p->ahead_s > ahead_s) ahead_s = p->ahead_s;
        if (p->behind_s > behind_s) behind_s = p->behind_s;
    }
    *heard = total > 0;
    if (ahead * 2 > total) return ahead_s > INT32_MAX ? INT32_MAX : (int)ahead_s;
    if (behind * 2 > total) return behind_s > INT32_MAX ? -INT32_MAX : -(int)behind_s;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int sotto_clock_verdict(int *votes, unsigned count, unsigned heard)
{
    unsigned ahead = 0, behind = 0;
    for (unsigned i = 0; i < count; i++) {
        if (votes[i] > 0) ahead++;
        if (votes[i] < 0) behind++;
    }
    unsigned most = ahead > behind ? ahead : behind;
    if (most < SOTTO_CLOCK_PEERS_MIN || most * 2 <= heard) return 0;
    qsort(votes, count, sizeof *votes, by_value);                     /* the median of the majority: one liar moves it little */
    return ahead > behind ? votes[count - ahead + ahead / 2] : votes[behind / 2];
}
