/* Who may be heard and told of: addresses, rates, and what the others say about our own address. */
#include "p2p/discv4_state.h"

bool sotto_disc_sendable(const struct sotto_discv4 *d, const struct sotto_addr *a)
{
    if (a->port < SOTTO_DISC_PORT_MIN) return false;
    switch (sotto_disc_class(a)) {
    case SOTTO_DISC_LOOPBACK: return d->config.local;
    case SOTTO_DISC_PUBLIC: return !d->config.local;
    case SOTTO_DISC_LAN: return d->config.lan && !d->config.local;
    case SOTTO_DISC_NOWHERE: break;
    }
    return false;
}

bool sotto_disc_same_ip(const struct sotto_addr *a, const struct sotto_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}
bool sotto_disc_same_subnet(const struct sotto_addr *a, const struct sotto_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 3 : 8) == 0;
}

static struct sotto_disc_place place_of(const struct sotto_discv4 *d, const struct sotto_addr *a, size_t bytes4, size_t bytes6)
{
    struct sotto_disc_place p;
    memset(&p, 0, sizeof p);
    p.family = a->family;
    bool own = d->config.local && sotto_addr_loopback(a);             /* every loopback port is an address and a group of its own */
    memcpy(p.ip, a->ip, own ? 16 : a->family == 4 ? bytes4 : bytes6);
    if (own) p.port = a->port;
    return p;
}
static bool same_place(const struct sotto_disc_place *a, const struct sotto_disc_place *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* What does not fit takes nothing. */
static bool level_has(struct sotto_disc_level *l, uint64_t rate, uint64_t burst, struct sotto_now now)
{
    uint64_t full = burst * 1000000, passed = now.mono_us > l->at_us ? now.mono_us - l->at_us : 0;
    l->millionths = passed >= full / rate || l->millionths + passed * rate > full ? full : l->millionths + passed * rate;
    l->at_us = now.mono_us;
    return l->millionths >= 1000000;
}

static struct sotto_disc_source *source_of(struct sotto_discv4 *d, const struct sotto_addr *from, struct sotto_now now)
{
    struct sotto_disc_place p = place_of(d, from, 4, 8);
    struct sotto_disc_source *oldest = &d->sources[0];
    for (unsigned i = 0; i < SOTTO_DISC_SOURCES_MAX; i++) {
        struct sotto_disc_source *s = &d->sources[i];
        if (s->place.family && same_place(&s->place, &p)) return s;
        if (oldest->place.family && (!s->place.family || s->level.at_us < oldest->level.at_us)) oldest = s;
    }
    *oldest = (struct sotto_disc_source){ p, { SOTTO_DISC_BURST * 1000000ull, now.mono_us } };
    return oldest;
}

bool sotto_disc_admit(struct sotto_discv4 *d, const struct sotto_addr *from, struct sotto_now now)
{
    struct sotto_disc_source *s = source_of(d, from, now);
    if (!level_has(&s->level, SOTTO_DISC_RATE, SOTTO_DISC_BURST, now) || !level_has(&d->level, SOTTO_DISC_RATE_ALL, SOTTO_DISC_BURST_ALL, now)) return false;
    s->level.millionths -= 1000000;
    d->level.millionths -= 1000000;
    return true;
}

enum sotto_err sotto_disc_make_record(struct sotto_discv4 *d)
{
    const struct sotto_addr *a4 = &d->external[0], *a6 = &d->external[1];
    struct sotto_enr r;
    memset(&r, 0, sizeof r);
    r.seq = d->seq + 1;
    r.has_ip4 = a4->family == 4;
    r.has_ip6 = a6->family == 6;
    memcpy(r.ip4, a4->ip, 4);
    memcpy(r.ip6, a6->ip, 16);
    r.tcp = d->config.tcp;
    r.udp = r.has_ip4 ? a4->port : r.has_ip6 ? a6->port : d->config.udp;
    if (r.has_ip6 && a6->port != r.udp) r.udp6 = a6->port;
    r.sotto = true;
    r.roles = d->config.roles;
    SOTTO_TRY(sotto_enr_sign(&d->record, &r, d->key));
    d->seq = r.seq;
    return SOTTO_OK;
}

/* Votes for this address that still count: each is of another group. */
static unsigned votes_for(const struct sotto_discv4 *d, const struct sotto_addr *us, struct sotto_now now)
{
    unsigned votes = 0;
    for (unsigned i = 0; i < SOTTO_DISC_VOTES_MAX; i++) {
        const struct sotto_disc_vote *v = &d->votes[i];
        votes += v->addr.family && now.mono_us - v->at_us < SOTTO_DISC_VOTE_US && sotto_addr_equal(&v->addr, us);
    }
    return votes;
}

void sotto_disc_vote(struct sotto_discv4 *d, const struct sotto_addr *voter, const struct sotto_addr *us, struct sotto_now now, struct sotto_disc_outq *out)
{
    struct sotto_disc_place group = place_of(d, voter, 2, 4);
    struct sotto_disc_vote *slot = &d->votes[0];
    if (d->fixed || us->family != voter->family || !sotto_disc_sendable(d, us) || !sotto_disc_may_tell(voter, us)) return;
    for (unsigned i = 0; i < SOTTO_DISC_VOTES_MAX; i++) {
        struct sotto_disc_vote *v = &d->votes[i];
        if (v->addr.family && same_place(&v->group, &group)) {
            slot = v;
            break;
        }
        if (slot->addr.family && (!v->addr.family || v->at_us < slot->at_us)) slot = v;
    }
    *slot = (struct sotto_disc_vote){ group, *us, now.mono_us };
    struct sotto_addr *current = &d->external[us->family == 6];
    unsigned votes = votes_for(d, us, now);
    if (sotto_addr_equal(current, us) || votes < SOTTO_DISC_AGREE || (current->family && votes <= votes_for(d, current, now))) return;
    struct sotto_addr before = *current;
    *current = *us;
    if (sotto_disc_make_record(d) != SOTTO_OK) {      /* memory is out: the next vote tries again */
        *current = before;
        return;
    }
    struct sotto_disc_out *o = sotto_disc_event(out, SOTTO_DISC_EXTERNAL);
    o->addr = *us;
    o->seq = d->seq;
}
