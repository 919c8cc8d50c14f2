/* Who may come in: the answers to random crowds, each checked against what the header promises, counted anew. */
#include "p2p/slots.h"
#include "support/test.h"

enum { PLACES = 24, RUNS = 300, ARRIVALS = 200 };

static unsigned seed;
static unsigned below(unsigned n) { return (unsigned)rand_r(&seed) % n; }

static struct sotto_slot taken[PLACES];
static unsigned count;
static uint64_t now;
static uint32_t last_id;

/* Few groups, subnets and addresses, so that they meet; some far apart, some of IPv6, some exempt. */
static struct sotto_slot newcomer(void)
{
    struct sotto_slot s = { .since_us = ++now, .id = ++last_id };
    s.addr.port = (uint16_t)(1 + below(3));
    s.exempt = below(20) == 0;
    if (s.exempt) {
        s.addr.family = 4;
        memcpy(s.addr.ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
    } else if (below(4)) {
        s.addr.family = 4;
        memcpy(s.addr.ip, (const uint8_t[]){ 5, (uint8_t)(below(3) ? below(6) : below(200)), (uint8_t)below(4), (uint8_t)(1 + below(4)) }, 4);
    } else {
        s.addr.family = 6;
        memcpy(s.addr.ip, (const uint8_t[]){ 0x20, 1, 4, (uint8_t)below(5), 0, 0, 0, (uint8_t)below(3), 0, 0, 0, 0, 0, 0, 0, (uint8_t)(1 + below(3)) }, 16);
    }
    s.group = sotto_group_of(&s.addr, s.exempt);
    return s;
}

static bool alike(const struct sotto_slot *a, const struct sotto_slot *b, unsigned bits4, unsigned bits6)
{
    if (a->exempt || b->exempt || a->addr.family != b->addr.family) return false;
    unsigned bits = a->addr.family == 4 ? bits4 : bits6;
    return memcmp(a->addr.ip, b->addr.ip, bits / 8) == 0;
}
static unsigned crowd(const struct sotto_slot *of, unsigned bits4, unsigned bits6)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) n += alike(&taken[i], of, bits4, bits6);
    return n;
}
static unsigned group(const struct sotto_slot *of) { return crowd(of, 16, 32); }

static void shuffled(struct sotto_slot out[PLACES])
{
    memcpy(out, taken, count * sizeof *out);
    for (unsigned i = count; i > 1; i--) {
        unsigned k = below(i);
        struct sotto_slot held = out[i - 1];
        out[i - 1] = out[k];
        out[k] = held;
    }
}

static unsigned frees, evictions, refusals_alike, refusals_full;

static void arrive(unsigned max, unsigned run)
{
    struct sotto_slot s = newcomer(), other[PLACES];
    uint32_t gone = 0xdead, again = 0xdead;
    enum sotto_slot_answer answer = sotto_slots_judge(&gone, taken, count, max, &s);
    shuffled(other);
    test_rule(sotto_slots_judge(&again, other, count, max, &s) == answer && again == gone, "the order of the list does not matter", run);
    test_rule(answer == SOTTO_SLOT_EVICT || gone == 0xdead, "out is written with EVICT only", run);
    bool many = group(&s) >= SOTTO_INBOUND_PER_GROUP || crowd(&s, 24, 64) >= SOTTO_INBOUND_PER_SUBNET || crowd(&s, 32, 128) >= SOTTO_INBOUND_PER_ADDRESS;
    unsigned most = 0;
    for (unsigned i = 0; i < count; i++) most = group(&taken[i]) > most ? group(&taken[i]) : most;
    switch (answer) {
    case SOTTO_SLOT_FREE:
        test_rule(!many && count < max, "a free place is given to who is not one too many of its kind", run);
        frees++;
        break;
    case SOTTO_SLOT_REFUSED:
        test_rule(many || (count == max && most <= group(&s) + 1), "nobody is refused without a reason", run);
        *(many ? &refusals_alike : &refusals_full) += 1;
        return;
    case SOTTO_SLOT_EVICT: {
        unsigned at = 0;
        while (at < count && taken[at].id != gone) at++;
        test_rule(at < count && count == max && !many, "who goes was there, and all places were taken", run);
        test_rule(group(&taken[at]) == most, "it is of a most crowded group", run);
        test_rule(group(&s) + 1 < most, "the newcomer's group is less crowded, itself counted", run);
        bool oldest = true;
        for (unsigned i = 0; i < count; i++) {
            if (i == at || !alike(&taken[i], &taken[at], 16, 32)) continue;
            test_rule(taken[i].since_us < taken[at].since_us, "it is the youngest of its group", run);
            oldest = false;
        }
        test_rule(!oldest, "the oldest of a group stays", run);
        taken[at] = taken[--count];
        evictions++;
        break;
    }
    }
    taken[count++] = s;
    for (unsigned i = 0; i < count; i++)
        test_rule(taken[i].exempt || (group(&taken[i]) <= SOTTO_INBOUND_PER_GROUP && crowd(&taken[i], 24, 64) <= SOTTO_INBOUND_PER_SUBNET &&
                                      crowd(&taken[i], 32, 128) <= SOTTO_INBOUND_PER_ADDRESS), "no more of a kind than may be", run);
}

static void test_crowds(void **state)
{
    (void)state;
    seed = (unsigned)test_seed();
    for (unsigned run = 1; run <= RUNS; run++) {
        unsigned max = 1 + below(PLACES);
        count = 0;
        for (unsigned i = 0; i < ARRIVALS; i++) {
            arrive(max, run);
            if (below(6) == 0 && count) {                 /* some leave by themselves */
                unsigned k = below(count);
                taken[k] = taken[--count];
            }
        }
    }
    assert_true(frees > 1000 && evictions > 100 && refusals_alike > 1000 && refusals_full > 1000);      /* some 13700, 3800, 2000, 40000 */
}

/* However many come, from one group or from all the world: the four oldest of distinct groups keep their places. */
static void test_flood(void **state)
{
    (void)state;
    seed = (unsigned)test_seed();
    for (unsigned run = 1; run <= 50; run++) {
        struct sotto_slot old[4];
        count = 0;
        for (unsigned i = 0; i < 4; i++) {
            old[i] = (struct sotto_slot){ .addr = { .family = 4, .ip = { 9, (uint8_t)(10 + i), 1, 1 }, .port = 1 }, .since_us = ++now, .id = ++last_id };
            old[i].group = sotto_group_of(&old[i].addr, false);
            taken[count++] = old[i];
        }
        for (unsigned i = 0; i < 2000; i++) {
            struct sotto_slot s = newcomer();
            uint32_t gone;
            if (i % 2) {                                  /* every other one from a group of its own */
                s.exempt = false;
                s.addr = (struct sotto_addr){ .family = 4, .ip = { (uint8_t)(20 + below(100)), (uint8_t)below(256), (uint8_t)below(256), 1 }, .port = 1 };
                s.group = sotto_group_of(&s.addr, false);
            }
            enum sotto_slot_answer answer = sotto_slots_judge(&gone, taken, count, PLACES, &s);
            if (answer == SOTTO_SLOT_REFUSED) continue;
            for (unsigned k = 0; answer == SOTTO_SLOT_EVICT && k < count; k++)
                if (taken[k].id == gone) taken[k] = taken[--count];
            taken[count++] = s;
        }
        for (unsigned i = 0; i < 4; i++) {
            bool there = false;
            for (unsigned k = 0; k < count; k++) there |= taken[k].id == old[i].id;
            test_rule(there, "the oldest of distinct groups stay", run);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_crowds), cmocka_unit_test(test_flood) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
