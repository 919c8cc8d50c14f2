/* The rules of the discovery machine one by one: addresses, rates, proofs, table, answers, our own address, records. */
#include "discv4_rig.h"

#include "crypto/hash.h"

static struct rig *rig;

static int begin(bool local, bool lan)
{
    rig = malloc(sizeof *rig);
    if (!rig) return -1;
    rig_begin(rig, local, lan);
    rig_pass(rig, SECOND);
    rig_forget(rig);
    return 0;
}
static int setup_public(void **state) { (void)state; return begin(false, false); }
static int setup_local(void **state) { (void)state; return begin(true, false); }
static int setup_lan(void **state) { (void)state; return begin(false, true); }
static int teardown(void **state)
{
    (void)state;
    rig_end(rig);
    free(rig);
    return 0;
}

static struct sotto_addr public_addr(unsigned n) { return rig_addr(20 + n / 200, n % 200, 7, 7, 30000 + n); }

static void test_classes(void **state)
{
    (void)state;
    static const struct { uint8_t ip[4]; enum sotto_disc_class class; } four[] = {
        { { 0, 0, 0, 0 }, SOTTO_DISC_NOWHERE }, { { 1, 1, 1, 1 }, SOTTO_DISC_PUBLIC }, { { 9, 255, 255, 255 }, SOTTO_DISC_PUBLIC }, { { 10, 0, 0, 1 }, SOTTO_DISC_LAN },
        { { 100, 63, 0, 1 }, SOTTO_DISC_PUBLIC }, { { 100, 64, 0, 1 }, SOTTO_DISC_LAN }, { { 100, 127, 0, 1 }, SOTTO_DISC_LAN }, { { 100, 128, 0, 1 }, SOTTO_DISC_PUBLIC },
        { { 127, 9, 9, 9 }, SOTTO_DISC_LOOPBACK }, { { 169, 254, 1, 1 }, SOTTO_DISC_LAN }, { { 172, 15, 0, 1 }, SOTTO_DISC_PUBLIC }, { { 172, 31, 0, 1 }, SOTTO_DISC_LAN },
        { { 172, 32, 0, 1 }, SOTTO_DISC_PUBLIC }, { { 192, 0, 2, 1 }, SOTTO_DISC_NOWHERE }, { { 192, 168, 3, 4 }, SOTTO_DISC_LAN }, { { 198, 19, 0, 1 }, SOTTO_DISC_NOWHERE },
        { { 198, 51, 100, 7 }, SOTTO_DISC_NOWHERE }, { { 203, 0, 113, 7 }, SOTTO_DISC_NOWHERE }, { { 223, 255, 255, 1 }, SOTTO_DISC_PUBLIC },
        { { 224, 0, 0, 1 }, SOTTO_DISC_NOWHERE }, { { 239, 255, 1, 1 }, SOTTO_DISC_NOWHERE }, { { 240, 0, 0, 1 }, SOTTO_DISC_NOWHERE }, { { 255, 255, 255, 255 }, SOTTO_DISC_NOWHERE },
    };
    static const struct { uint8_t head[4]; enum sotto_disc_class class; } six[] = {
        { { 0x26, 0x07, 0, 1 }, SOTTO_DISC_PUBLIC }, { { 0x20, 0x01, 0x0d, 0xb8 }, SOTTO_DISC_NOWHERE }, { { 0x20, 0x01, 0x00, 0x02 }, SOTTO_DISC_NOWHERE },
        { { 0x20, 0x01, 0x04, 0x70 }, SOTTO_DISC_PUBLIC }, { { 0x20, 0x02, 1, 1 }, SOTTO_DISC_NOWHERE }, { { 0xfe, 0x80 }, SOTTO_DISC_LAN }, { { 0xfd, 0x12 }, SOTTO_DISC_LAN },
        { { 0xff, 0x02 }, SOTTO_DISC_NOWHERE }, { { 0 }, SOTTO_DISC_NOWHERE }, { { 0x64 }, SOTTO_DISC_NOWHERE },
    };
    for (size_t i = 0; i < sizeof four / sizeof *four; i++) {
        struct sotto_addr a = rig_addr(four[i].ip[0], four[i].ip[1], four[i].ip[2], four[i].ip[3], 2000);
        if (sotto_disc_class(&a) != four[i].class) fail_msg("row %zu", i);
    }
    for (size_t i = 0; i < sizeof six / sizeof *six; i++) {
        struct sotto_addr a = { .family = 6, .port = 2000 };
        memcpy(a.ip, six[i].head, 4);
        if (sotto_disc_class(&a) != six[i].class) fail_msg("row %zu of IPv6", i);
    }
    struct sotto_addr one = { .family = 6, .ip = { [15] = 1 } }, none = { .family = 0 };
    assert_int_equal(sotto_disc_class(&one), SOTTO_DISC_LOOPBACK);
    assert_int_equal(sotto_disc_class(&none), SOTTO_DISC_NOWHERE);
}

static void answers(struct sotto_addr a, bool expected)
{
    struct stranger s = stranger_make(77, a);
    rig_forget(rig);
    stranger_ping(rig, &s, NULL);
    if (rig->said_count != (expected ? 2u : 0u)) fail_msg("%u.%u.%u.%u:%u", a.ip[0], a.ip[1], a.ip[2], a.ip[3], a.port);
}

static void test_sources_public(void **state)
{
    (void)state;
    answers(rig_addr(20, 1, 1, 1, 1025), true);
    answers(rig_addr(20, 1, 1, 1, 1024), false);
    answers(rig_addr(20, 1, 1, 1, 53), false);
    answers(rig_addr(10, 1, 1, 1, 2000), false);
    answers(rig_addr(127, 0, 0, 1, 2000), false);
    answers(rig_addr(224, 0, 0, 1, 2000), false);
    answers(rig_addr(0, 0, 0, 0, 2000), false);
}
static void test_sources_lan(void **state)
{
    (void)state;
    answers(rig_addr(20, 1, 1, 1, 2000), true);
    answers(rig_addr(10, 1, 1, 1, 2000), true);
    answers(rig_addr(127, 0, 0, 1, 2000), false);
}
static void test_sources_local(void **state)
{
    (void)state;
    answers(rig_addr(127, 0, 0, 1, 2000), true);
    answers(rig_addr(20, 1, 1, 1, 2000), false);
    answers(rig_addr(10, 1, 1, 1, 2000), false);
}

static void test_rate_of_a_source(void **state)
{
    (void)state;
    struct stranger s = stranger_make(1, public_addr(1));
    for (unsigned i = 0; i < 60; i++) stranger_ping(rig, &s, NULL);
    assert_int_equal(rig_said(rig, &s.addr, SOTTO_DISC_PONG), 50);
    assert_int_equal(rig_said(rig, &s.addr, SOTTO_DISC_PING), 1);           /* one at a time goes back */
    s.addr.port++;                                                          /* another port is the same source */
    stranger_ping(rig, &s, NULL);
    assert_int_equal(rig_said(rig, &s.addr, 0), 0);
    rig_pass(rig, SECOND);
    rig_forget(rig);
    for (unsigned i = 0; i < 60; i++) stranger_ping(rig, &s, NULL);
    assert_int_equal(rig_said(rig, &s.addr, SOTTO_DISC_PONG), 20);
}

static void test_rate_of_all(void **state)
{
    (void)state;
    unsigned pongs = 0;
    for (unsigned i = 0; i < 10; i++) {
        struct stranger s = stranger_make(i, public_addr(i));
        for (unsigned j = 0; j < 50; j++) stranger_ping(rig, &s, NULL);
        pongs += rig_said(rig, &s.addr, SOTTO_DISC_PONG);
    }
    assert_int_equal(pongs, 400);
}

static void test_proof(void **state)
{
    (void)state;
    struct stranger s = stranger_make(1, public_addr(1)), moved = s, other = stranger_make(2, public_addr(1));
    moved.addr.ip[3] = 8;
    stranger_ping(rig, &s, NULL);
    struct said ping = *rig_last(rig, &s.addr, SOTTO_DISC_PING);
    stranger_pong(rig, &moved, ping.p.hash, &s.addr, 0);                    /* another address */
    stranger_pong(rig, &other, ping.p.hash, &s.addr, 0);                    /* another node */
    assert_int_equal(rig_events(rig, SOTTO_DISC_BONDED), 0);
    rig_pass(rig, 500 * MS);
    stranger_pong(rig, &s, ping.p.hash, &s.addr, 0);                        /* too late */
    assert_false(sotto_discv4_bonded(rig->d, s.key64, &s.addr, rig->now));
    stranger_bond(rig, &s);
    s.addr.port++;
    assert_true(sotto_discv4_bonded(rig->d, s.key64, &s.addr, rig->now));   /* the port is not part of it */
    s.addr.port--;
    assert_false(sotto_discv4_bonded(rig->d, s.key64, &moved.addr, rig->now));
    rig->now.mono_us += SOTTO_DISC_BOND_US - 1;
    assert_true(sotto_discv4_bonded(rig->d, s.key64, &s.addr, rig->now));
    rig->now.mono_us += 1;
    assert_false(sotto_discv4_bonded(rig->d, s.key64, &s.addr, rig->now));
    stranger_find(rig, &s, s.key64);
    assert_int_equal(rig->said_count, 0);
}

/* The share of one address: the seventeenth node there takes the place of the first, others keep theirs. */
static void test_proofs_are_bounded(void **state)
{
    (void)state;
    struct stranger first = stranger_make(500, public_addr(9)), s[20];
    stranger_bond(rig, &first);
    for (unsigned i = 0; i < 20; i++) {
        s[i] = stranger_make(i, public_addr(1));
        rig->now.mono_us += SECOND;
        stranger_bond(rig, &s[i]);
    }
    for (unsigned i = 0; i < 20; i++) assert_int_equal(sotto_discv4_bonded(rig->d, s[i].key64, &s[i].addr, rig->now), i >= 4);
    assert_true(sotto_discv4_bonded(rig->d, first.key64, &first.addr, rig->now));
}

static unsigned in_table(const uint8_t key[64])
{
    struct sotto_disc_node n;
    bool live;
    for (unsigned i = 0; sotto_discv4_node_at(rig->d, i, &n, &live); i++)
        if (memcmp(n.key, key, 64) == 0) return live ? 2 : 1;
    return 0;
}

static struct sotto_disc_node node_of(const struct stranger *s)
{
    struct sotto_disc_node n = { .at = { s->addr, s->tcp } };
    memcpy(n.key, s->key64, 64);
    return n;
}

static void test_table(void **state)
{
    (void)state;
    unsigned in_bucket[SOTTO_DISC_BUCKETS] = { 0 }, full = 0;
    struct sotto_disc_node n;
    for (unsigned i = 0; i < 120; i++) {
        struct stranger s = stranger_make(i, public_addr(i));
        unsigned b = sotto_disc_bucket_of(rig->d->id, s.id);
        n = node_of(&s);
        enum sotto_err err = sotto_discv4_add(rig->d, &n, rig->now);
        assert_int_equal(err, in_bucket[b] < SOTTO_DISC_BUCKET ? SOTTO_OK : SOTTO_ERR_FULL);
        if (err == SOTTO_OK) in_bucket[b]++;
        else full++;
    }
    assert_true(full > 20);
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) assert_int_equal(rig->d->buckets[i].count, in_bucket[i]);
    assert_true(rig->d->buckets[16].spare_count == SOTTO_DISC_SPARES);
    /* who answers takes the place of one only heard of, until all have answered */
    unsigned entered = 0;
    for (unsigned i = 200; entered < 40 && i < 400; i++) {
        struct stranger s = stranger_make(i, public_addr(i));
        if (sotto_disc_bucket_of(rig->d->id, s.id) != 16) continue;
        stranger_bond(rig, &s);
        entered++;
        assert_int_equal(in_table(s.key64), entered <= SOTTO_DISC_BUCKET ? 2 : 0);
        assert_int_equal(rig->d->buckets[16].count, SOTTO_DISC_BUCKET);
        rig->now.mono_us += SECOND;
    }
    struct stranger self = stranger_make(0, public_addr(3)), inside = stranger_make(900, rig_addr(10, 0, 0, 1, 2000));
    memcpy(self.key64, rig->key64, 64);
    n = node_of(&self);
    assert_int_equal(sotto_discv4_add(rig->d, &n, rig->now), SOTTO_ERR_STATE);
    n = node_of(&inside);
    assert_int_equal(sotto_discv4_add(rig->d, &n, rig->now), SOTTO_ERR_RANGE);
    n.at.addr = public_addr(5);
    n.key[0] ^= 1;
    assert_int_equal(sotto_discv4_add(rig->d, &n, rig->now), SOTTO_ERR_KEY);
}

/* At most 2 of one /24 in a bucket and 10 in the table. */
static void test_subnets(void **state)
{
    (void)state;
    unsigned taken = 0, in_bucket[SOTTO_DISC_BUCKETS] = { 0 };
    for (unsigned i = 0; i < 200; i++) {
        struct stranger s = stranger_make(i, rig_addr(20, 1, 1, i, 2000 + i));
        struct sotto_disc_node n = node_of(&s);
        if (sotto_discv4_add(rig->d, &n, rig->now) != SOTTO_OK) continue;
        taken++;
        assert_true(++in_bucket[sotto_disc_bucket_of(rig->d->id, s.id)] <= 2);
    }
    assert_true(taken >= 8 && taken <= 10);
}

/* And at most 16 of one /16, however many subnets it has; on a local network, where all are of one, as many as there are. */
static unsigned spread(unsigned a, unsigned b)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct stranger s = stranger_make(1000 * b + i, rig_addr(a, b, i, 1, 2000 + i));
        struct sotto_disc_node n = node_of(&s);
        taken += sotto_discv4_add(rig->d, &n, rig->now) == SOTTO_OK;
    }
    return taken;
}
static void test_groups(void **state)
{
    (void)state;
    assert_int_equal(spread(20, 1), SOTTO_DISC_GROUP_TABLE);
    assert_int_equal(spread(20, 2), SOTTO_DISC_GROUP_TABLE);
}
/* Sixteen names of a group that nobody has proven do not keep out who has; sixteen that have proven themselves do. */
static void test_groups_heard_of(void **state)
{
    (void)state;
    unsigned heard = 0, answered = 0;
    bool live;
    assert_int_equal(spread(20, 1), SOTTO_DISC_GROUP_TABLE);
    rig->d->refresh_us = rig->d->revalidate_us = UINT64_MAX;
    for (unsigned i = 0; i < 60; i++) {
        struct stranger s = stranger_make(90000 + i, rig_addr(20, 1, i, 9, 3000 + i));
        stranger_bond(rig, &s);
        rig_pass(rig, SECOND);
        if (i == 0) assert_int_equal(in_table(s.key64), 2);
    }
    struct sotto_disc_node n;
    for (unsigned i = 0; sotto_discv4_node_at(rig->d, i, &n, &live); i++) live ? answered++ : heard++;
    assert_true(answered >= SOTTO_DISC_GROUP_TABLE - 2 && answered + heard <= SOTTO_DISC_GROUP_TABLE);      /* their buckets are few */
}
static void test_groups_lan(void **state)
{
    (void)state;
    assert_true(spread(192, 168) > 4 * SOTTO_DISC_GROUP_TABLE);
}

/* An entry that does not answer is asked once more, then it goes. */
static void test_gone(void **state)
{
    (void)state;
    struct stranger s = stranger_make(1, public_addr(1));
    stranger_bond(rig, &s);
    assert_int_equal(in_table(s.key64), 2);
    rig_pass(rig, 30 * SECOND);
    assert_int_equal(in_table(s.key64), 0);
    assert_int_equal(rig_events(rig, SOTTO_DISC_GONE), 1);
    assert_memory_equal(rig_event(rig, SOTTO_DISC_GONE)->key, s.key64, 64);
    assert_true(rig_said(rig, &s.addr, SOTTO_DISC_PING) >= 2);
    assert_true(rig_events(rig, SOTTO_DISC_STARVED) >= 1);
}

/* Sixteen nodes are told in packets of 12 and 4, nearest first; once one has answered us, only such. */
static void test_findnode_answer(void **state)
{
    (void)state;
    struct stranger asker = stranger_make(1, public_addr(1));
    for (unsigned i = 100; i < 160; i++) {
        struct stranger s = stranger_make(i, public_addr(i));
        struct sotto_disc_node n = node_of(&s);
        enum sotto_err err = sotto_discv4_add(rig->d, &n, rig->now);
        assert_true(err == SOTTO_OK || err == SOTTO_ERR_FULL);
    }
    stranger_bond(rig, &asker);
    stranger_find(rig, &asker, asker.key64);
    assert_int_equal(rig->said_count, 1);                                   /* the asker itself is the only live one */
    assert_int_equal(rig->said[0].p.node_count, 1);
    assert_memory_equal(rig->said[0].p.nodes[0].key, asker.key64, 64);
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++)
        for (unsigned j = 0; j < rig->d->buckets[i].count; j++) rig->d->buckets[i].entries[j].live = true;
    rig_forget(rig);
    stranger_find(rig, &asker, asker.key64);
    assert_int_equal(rig->said_count, 2);
    assert_int_equal(rig->said[0].p.node_count, 12);
    assert_int_equal(rig->said[1].p.node_count, 4);
    uint8_t ids[16][32];
    for (unsigned i = 0; i < 16; i++) {
        const struct sotto_disc_packet *p = &rig->said[i / 12].p;
        sotto_keccak256(ids[i], SOTTO_SPAN(p->nodes[i % 12].key));
        if (i) assert_true(sotto_disc_nearer(asker.id, ids[i - 1], ids[i]) < 0);
    }
}

/* What a node tells about is kept only if it may be where it is said to be. */
static void neighbors(struct stranger *teller, struct sotto_addr told, bool kept)
{
    struct sotto_disc_packet p = { .type = SOTTO_DISC_NEIGHBORS, .node_count = 1 };
    static unsigned number = 2000;
    struct stranger s = stranger_make(number++, told);
    for (unsigned i = 0; i < 40 && rig_said(rig, &teller->addr, SOTTO_DISC_FINDNODE) == 0; i++) rig_pass(rig, 100 * MS);
    assert_true(rig_said(rig, &teller->addr, SOTTO_DISC_FINDNODE) > 0);
    p.nodes[0] = node_of(&s);
    stranger_send(rig, teller, &p, NULL);
    if (!!in_table(s.key64) != kept) fail_msg("%u.%u.%u.%u:%u", told.ip[0], told.ip[1], told.ip[2], told.ip[3], told.port);
}

static void test_relayed(void **state)
{
    (void)state;
    struct stranger teller = stranger_make(1, public_addr(1));
    stranger_bond(rig, &teller);
    assert_int_equal(sotto_discv4_lookup(rig->d, teller.key64, 1), SOTTO_OK);
    neighbors(&teller, rig_addr(10, 0, 0, 1, 2000), false);
    neighbors(&teller, rig_addr(192, 168, 0, 1, 2000), false);
    neighbors(&teller, rig_addr(127, 0, 0, 1, 2000), false);
    neighbors(&teller, rig_addr(0, 0, 0, 0, 2000), false);
    neighbors(&teller, rig_addr(224, 1, 1, 1, 2000), false);
    neighbors(&teller, rig_addr(30, 1, 1, 1, 1024), false);
    neighbors(&teller, rig_addr(30, 1, 1, 1, 80), false);
    neighbors(&teller, rig_addr(30, 1, 1, 1, 1025), true);
}
static void test_relayed_lan(void **state)
{
    (void)state;
    struct stranger teller = stranger_make(1, rig_addr(192, 168, 1, 1, 2000)), far = stranger_make(3, public_addr(3));
    stranger_bond(rig, &teller);
    assert_int_equal(sotto_discv4_lookup(rig->d, teller.key64, 1), SOTTO_OK);
    neighbors(&teller, rig_addr(10, 0, 0, 1, 2000), true);
    neighbors(&teller, rig_addr(30, 1, 1, 1, 2000), true);
    neighbors(&teller, rig_addr(127, 0, 0, 1, 2000), false);
    /* nor do we tell a stranger outside about nodes inside */
    stranger_bond(rig, &far);
    stranger_find(rig, &far, teller.key64);
    const struct said *told = rig_last(rig, &far.addr, SOTTO_DISC_NEIGHBORS);
    assert_non_null(told);
    for (unsigned i = 0; i < told->p.node_count; i++) assert_int_equal(sotto_disc_class(&told->p.nodes[i].at.addr), SOTTO_DISC_PUBLIC);
}

static void vote(unsigned number, struct sotto_addr from, struct sotto_addr us)
{
    struct stranger s = stranger_make(number, from);
    stranger_ping(rig, &s, NULL);
    const struct said *ping = rig_last(rig, &s.addr, SOTTO_DISC_PING);
    assert_non_null(ping);
    stranger_pong(rig, &s, ping->p.hash, &us, 0);
}

static void test_external(void **state)
{
    (void)state;
    struct sotto_addr us = rig_addr(50, 60, 70, 80, 30303), lie = rig_addr(51, 1, 1, 1, 30303);
    struct sotto_enr r;
    vote(1, rig_addr(20, 1, 1, 1, 2000), us);
    vote(2, rig_addr(20, 1, 2, 2, 2000), us);                               /* the same group twice is one vote */
    vote(3, rig_addr(20, 1, 3, 3, 2000), us);
    vote(4, rig_addr(21, 1, 1, 1, 2000), us);
    vote(5, rig_addr(22, 1, 1, 1, 2000), rig_addr(10, 0, 0, 9, 30303));     /* no place that can be told */
    assert_int_equal(rig_events(rig, SOTTO_DISC_EXTERNAL), 0);
    vote(6, rig_addr(23, 1, 1, 1, 2000), us);
    assert_int_equal(rig_events(rig, SOTTO_DISC_EXTERNAL), 1);
    const struct sotto_disc_out *o = rig_event(rig, SOTTO_DISC_EXTERNAL);
    assert_true(sotto_addr_equal(&o->addr, &us) && o->seq == 43);
    assert_int_equal(sotto_enr_read(&r, sotto_enr_span(sotto_discv4_record(rig->d))), SOTTO_OK);
    assert_true(r.seq == 43 && r.has_ip4 && memcmp(r.ip4, us.ip, 4) == 0 && r.udp == 30303 && r.tcp == 30304);
    /* three liars do not outvote three; four do */
    for (unsigned i = 0; i < 3; i++) vote(10 + i, rig_addr(60 + i, 1, 1, 1, 2000), lie);
    assert_int_equal(rig_events(rig, SOTTO_DISC_EXTERNAL), 1);
    vote(13, rig_addr(63, 1, 1, 1, 2000), lie);
    assert_int_equal(rig_events(rig, SOTTO_DISC_EXTERNAL), 2);
    /* who knows better is believed, and then nobody else */
    sotto_discv4_announce(rig->d, &us, 30304, 5, &rig->out);
    assert_true(rig->out.count == 1 && rig->slots[0].kind == SOTTO_DISC_EXTERNAL && rig->slots[0].seq == 45);
    rig->out.count = 0;
    sotto_discv4_announce(rig->d, &us, 30304, 5, &rig->out);
    assert_int_equal(rig->out.count, 0);
    for (unsigned i = 0; i < 8; i++) vote(20 + i, rig_addr(70 + i, 1, 1, 1, 2000), lie);
    assert_int_equal(rig_events(rig, SOTTO_DISC_EXTERNAL), 2);
}

static void test_records(void **state)
{
    (void)state;
    struct stranger s = stranger_make(1, public_addr(1)), other = stranger_make(2, public_addr(2));
    struct sotto_enr content = { .seq = 7, .sotto = true, .roles = 3, .tcp = 9 };
    struct sotto_enr_record record, foreign;
    struct sotto_disc_packet p = { .type = SOTTO_DISC_ENR_RESPONSE };
    assert_int_equal(sotto_enr_sign(&record, &content, &s.key), SOTTO_OK);
    assert_int_equal(sotto_enr_sign(&foreign, &content, &other.key), SOTTO_OK);
    for (unsigned round = 0; round < 3; round++) {                          /* a wrong hash, somebody else's record, the right one */
        vote(1, s.addr, rig_addr(1, 1, 1, 1, 80));
        rig_pass(rig, 31 * SECOND);                                         /* unanswered checks have removed it, and the proof is old */
        rig->now.mono_us += SOTTO_DISC_BOND_US;
        rig_forget(rig);
        stranger_ping(rig, &s, NULL);
        stranger_pong(rig, &s, rig_last(rig, &s.addr, SOTTO_DISC_PING)->p.hash, &s.addr, 7);
        assert_true(rig_event(rig, SOTTO_DISC_BONDED)->seq == 7);
        rig_pass(rig, 400 * MS);
        const struct said *request = rig_last(rig, &s.addr, SOTTO_DISC_ENR_REQUEST);
        assert_non_null(request);
        memcpy(p.reply_to, request->p.hash, 32);
        if (round == 0) p.reply_to[0] ^= 1;
        p.record = sotto_enr_span(round == 1 ? &foreign : &record);
        stranger_send(rig, &s, &p, NULL);
        assert_int_equal(rig_events(rig, SOTTO_DISC_RECORD), round == 2);
        if (round < 2) continue;
        const struct sotto_disc_out *o = rig_event(rig, SOTTO_DISC_RECORD);
        assert_true(o->seq == 7 && sotto_addr_equal(&o->addr, &s.addr) && memcmp(o->key, s.key64, 64) == 0);
        assert_true(sotto_span_equal(sotto_span(o->bytes, o->size), sotto_enr_span(&record)));
        stranger_send(rig, &s, &p, NULL);                                   /* once is enough */
        assert_int_equal(rig_events(rig, SOTTO_DISC_RECORD), 1);
    }
}

/* Sixteen nodes of one network, all nearer to the target than the five of others: two of them are asked, the nearest, and the others too. */
static void test_lookup_groups(void **state)
{
    (void)state;
    struct stranger teller = stranger_make(1, public_addr(1)), crowd[SOTTO_DISC_RESULTS], few[5], nearest[2];
    struct sotto_disc_packet p = { .type = SOTTO_DISC_NEIGHBORS };
    unsigned number = 5000, crowd_count = 0, few_count = 0, asked = 0;
    while (crowd_count < SOTTO_DISC_RESULTS || few_count < 5) {
        struct stranger s = stranger_make(number++, public_addr(0));
        bool near = s.id[0] >> 6 == teller.id[0] >> 6;
        if (near && crowd_count < SOTTO_DISC_RESULTS) {
            s.addr = rig_addr(60, 1, crowd_count, 1, 2000);
            crowd[crowd_count++] = s;
        } else if (!near && few_count < 5) {
            s.addr = rig_addr(61, few_count, 1, 1, 2000);
            few[few_count++] = s;
        }
    }
    stranger_bond(rig, &teller);
    rig->d->refresh_us = rig->d->revalidate_us = UINT64_MAX;
    assert_int_equal(sotto_discv4_lookup(rig->d, teller.key64, 1), SOTTO_OK);
    rig_pass(rig, 301 * MS);
    assert_int_equal(rig_said(rig, &teller.addr, SOTTO_DISC_FINDNODE), 1);
    /* the nearest two of the crowd last, so that they have to push out others */
    for (unsigned i = 0; i < crowd_count; i++)
        for (unsigned j = i + 1; j < crowd_count; j++)
            if (sotto_disc_nearer(teller.id, crowd[i].id, crowd[j].id) < 0) {
                struct stranger x = crowd[i];
                crowd[i] = crowd[j];
                crowd[j] = x;
            }
    for (unsigned i = 0; i < 11; i++) p.nodes[p.node_count++] = node_of(&crowd[5 + i]);
    for (unsigned i = 0; i < 5; i++) {
        if (p.node_count == SOTTO_DISC_NEIGHBORS_MAX) {
            stranger_send(rig, &teller, &p, NULL);
            p.node_count = 0;
        }
        p.nodes[p.node_count++] = node_of(&few[i]);
    }
    stranger_send(rig, &teller, &p, NULL);
    rig_pass(rig, 10 * SECOND);
    memcpy(nearest, &crowd[SOTTO_DISC_RESULTS - 2], sizeof nearest);
    for (unsigned i = 0; i < crowd_count; i++) asked += rig_said(rig, &crowd[i].addr, SOTTO_DISC_PING) > 0;
    assert_int_equal(asked, SOTTO_DISC_GROUP_LOOKUP);
    for (unsigned i = 0; i < SOTTO_DISC_GROUP_LOOKUP; i++) assert_true(rig_said(rig, &nearest[i].addr, SOTTO_DISC_PING) > 0);
    for (unsigned i = 0; i < few_count; i++) assert_true(rig_said(rig, &few[i].addr, SOTTO_DISC_PING) > 0);
}

static void test_lookups(void **state)
{
    (void)state;
    uint8_t target[64] = { 1 };
    unsigned known = 0;
    for (unsigned i = 1; i < SOTTO_DISC_LOOKUPS_MAX; i++) assert_int_equal(sotto_discv4_lookup(rig->d, target, i), SOTTO_OK);
    assert_int_equal(sotto_discv4_lookup(rig->d, target, 9), SOTTO_ERR_FULL);
    rig_pass(rig, 0);
    assert_int_equal(rig_events(rig, SOTTO_DISC_FOUND), SOTTO_DISC_LOOKUPS_MAX - 1);         /* nobody to ask: nothing found */
    assert_int_equal(rig_event(rig, SOTTO_DISC_FOUND)->count, 0);
    /* forty silent nodes: three at a time, each for half a second, each once more */
    for (unsigned i = 0; i < 40; i++) {
        struct stranger s = stranger_make(i, rig_addr(20 + i, 1, 1, 1, 30000 + i));
        struct sotto_disc_node n = node_of(&s);
        enum sotto_err err = sotto_discv4_add(rig->d, &n, rig->now);
        assert_true(err == SOTTO_OK || err == SOTTO_ERR_FULL);
        known += err == SOTTO_OK;
    }
    assert_true(known > SOTTO_DISC_RESULTS);
    rig->d->refresh_us = rig->d->revalidate_us = UINT64_MAX;
    rig_forget(rig);
    assert_int_equal(sotto_discv4_lookup(rig->d, target, 10), SOTTO_OK);
    rig_pass(rig, 499 * MS);
    assert_int_equal(rig->said_count, SOTTO_DISC_ALPHA);
    rig_pass(rig, 20 * SECOND);
    assert_int_equal(rig->said_count, 2 * known < SOTTO_DISC_ASKED_MAX ? 2 * known : SOTTO_DISC_ASKED_MAX);       /* one that is silent counts for none */
    assert_true(rig_event(rig, SOTTO_DISC_FOUND)->token == 10 && rig_event(rig, SOTTO_DISC_FOUND)->count == 0);
}

/* The other side never got our Pong and ignores our Findnode: then we ping it again, which makes it ask for the proof. */
static void test_lost_proof(void **state)
{
    (void)state;
    struct stranger s = stranger_make(1, public_addr(1));
    stranger_bond(rig, &s);
    rig->d->refresh_us = rig->d->revalidate_us = UINT64_MAX;
    assert_int_equal(sotto_discv4_lookup(rig->d, s.key64, 1), SOTTO_OK);
    rig_pass(rig, 301 * MS);
    assert_true(rig_said(rig, &s.addr, SOTTO_DISC_FINDNODE) == 1 && rig_said(rig, &s.addr, SOTTO_DISC_PING) == 0);
    rig_pass(rig, 500 * MS);
    assert_true(rig_said(rig, &s.addr, SOTTO_DISC_FINDNODE) == 1 && rig_said(rig, &s.addr, SOTTO_DISC_PING) == 1);
    stranger_pong(rig, &s, rig_last(rig, &s.addr, SOTTO_DISC_PING)->p.hash, &s.addr, 0);
    stranger_ping(rig, &s, NULL);
    assert_int_equal(rig_said(rig, &s.addr, SOTTO_DISC_PONG), 1);
    rig_pass(rig, 501 * MS);
    assert_int_equal(rig_said(rig, &s.addr, SOTTO_DISC_FINDNODE), 2);
}

static void test_record_of_a_known_place(void **state)
{
    (void)state;
    struct sotto_discv4_config config = rig->config;
    struct sotto_discv4 *d;
    struct sotto_enr r;
    config.addr = (struct sotto_addr){ .ip = { 0x26, 7, [15] = 1 }, .family = 6, .port = 5000 };
    assert_int_equal(sotto_discv4_new(&d, &config, rig->now), SOTTO_OK);
    assert_int_equal(sotto_enr_read(&r, sotto_enr_span(sotto_discv4_record(d))), SOTTO_OK);
    assert_true(r.has_ip6 && !r.has_ip4 && r.udp == 5000 && r.udp6 == 0 && r.seq == 42);
    sotto_discv4_free(d);
    memset(config.key.b, 0, 32);
    assert_int_equal(sotto_discv4_new(&d, &config, rig->now), SOTTO_ERR_KEY);
}

#define T(name, how) cmocka_unit_test_setup_teardown(name, setup_##how, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), T(test_sources_public, public), T(test_sources_lan, lan), T(test_sources_local, local),
        T(test_rate_of_a_source, public), T(test_rate_of_all, public), T(test_proof, public), T(test_proofs_are_bounded, public),
        T(test_table, public), T(test_subnets, public), T(test_groups, public), T(test_groups_lan, lan), T(test_groups_heard_of, public),
        T(test_gone, public), T(test_findnode_answer, public), T(test_relayed, public),
        T(test_relayed_lan, lan), T(test_external, public), T(test_records, public), T(test_lookups, public), T(test_lookup_groups, public), T(test_lost_proof, public),
        T(test_record_of_a_known_place, public),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
