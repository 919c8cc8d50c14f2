/* The table of nodes by log distance, and the proofs of their endpoints. */
#include "p2p/discv4_state.h"

unsigned sotto_disc_bucket_of(const uint8_t a[32], const uint8_t b[32])
{
    unsigned distance = 256;                          /* 256 minus the zero bits that both ids begin with alike */
    for (unsigned i = 0; i < 32; i++) {
        uint8_t x = a[i] ^ b[i];
        if (x == 0) {
            distance -= 8;
            continue;
        }
        while (!(x & 0x80)) {
            x = (uint8_t)(x << 1);
            distance--;
        }
        break;
    }
    return distance > 240 ? distance - 240 : 0;
}

int sotto_disc_nearer(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32])
{
    for (unsigned i = 0; i < 32; i++) {
        uint8_t x = a[i] ^ target[i], y = b[i] ^ target[i];
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

static int index_of(const struct sotto_disc_entry *list, unsigned count, const uint8_t id[32])
{
    for (unsigned i = 0; i < count; i++)
        if (memcmp(list[i].id, id, 32) == 0) return (int)i;
    return -1;
}

static struct sotto_disc_bucket *bucket_of(struct sotto_discv4 *d, const uint8_t id[32]) { return &d->buckets[sotto_disc_bucket_of(d->id, id)]; }

struct sotto_disc_entry *sotto_disc_entry(struct sotto_discv4 *d, const uint8_t id[32])
{
    struct sotto_disc_bucket *b = bucket_of(d, id);
    int at = index_of(b->entries, b->count, id);
    return at < 0 ? NULL : &b->entries[at];
}

unsigned sotto_disc_table_count(const struct sotto_discv4 *d)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) count += d->buckets[i].count;
    return count;
}

/* Is there room for one more of its subnet and its group? The entry with the id skip does not count: it is the one that moves. */
static bool place_room(const struct sotto_discv4 *d, const struct sotto_disc_bucket *bucket, const struct sotto_addr *addr, const uint8_t skip[32])
{
    unsigned in_table = 0, in_bucket = 0, of_group = 0;
    struct sotto_group group = sotto_group_of(addr, d->config.local);
    if (sotto_disc_class(addr) != SOTTO_DISC_PUBLIC) return true;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        const struct sotto_disc_bucket *b = &d->buckets[i];
        for (unsigned j = 0; j < b->count; j++) {
            struct sotto_group other = sotto_group_of(&b->entries[j].node.at.addr, d->config.local);
            if (!sotto_group_equal(&other, &group) || memcmp(b->entries[j].id, skip, 32) == 0) continue;
            bool subnet = sotto_disc_same_subnet(&b->entries[j].node.at.addr, addr);
            of_group++;
            in_table += subnet;
            in_bucket += subnet && b == bucket;
        }
    }
    return of_group < SOTTO_DISC_GROUP_TABLE && in_table < SOTTO_DISC_SUBNET_TABLE && in_bucket < SOTTO_DISC_SUBNET_BUCKET;
}

static void take_out(struct sotto_disc_entry *list, unsigned *count, unsigned at)
{
    memmove(&list[at], &list[at + 1], (*count - at - 1) * sizeof *list);
    (*count)--;
}

static void put_front(struct sotto_disc_entry *list, unsigned *count, const struct sotto_disc_entry *e)
{
    memmove(&list[1], &list[0], *count * sizeof *list);
    list[0] = *e;
    (*count)++;
}

/* One that was only heard of gives way to one of its group that has answered: names are invented in any number. False: there is none whose place helps. */
static bool make_place(struct sotto_discv4 *d, const struct sotto_disc_bucket *bucket, const struct sotto_addr *addr, const uint8_t skip[32])
{
    struct sotto_group group = sotto_group_of(addr, d->config.local);
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        struct sotto_disc_bucket *b = &d->buckets[i];
        for (unsigned j = b->count; j-- > 0;) {
            struct sotto_disc_entry e = b->entries[j];
            struct sotto_group other = sotto_group_of(&e.node.at.addr, d->config.local);
            if (e.live || !sotto_group_equal(&other, &group)) continue;
            take_out(b->entries, &b->count, j);
            if (place_room(d, bucket, addr, skip)) return true;
            memmove(&b->entries[j + 1], &b->entries[j], (b->count - j) * sizeof e);
            b->entries[j] = e;
            b->count++;
        }
    }
    return false;
}

static enum sotto_err bump(struct sotto_discv4 *d, struct sotto_disc_bucket *b, unsigned at, const struct sotto_disc_node *node, bool live)
{
    struct sotto_disc_entry e = b->entries[at];
    if (!live) return SOTTO_ERR_EXISTS;
    if (!sotto_addr_equal(&e.node.at.addr, &node->at.addr) && place_room(d, b, &node->at.addr, e.id)) e.node.at.addr = node->at.addr;
    e.node.at.tcp = node->at.tcp;
    e.live = true;
    take_out(b->entries, &b->count, at);
    put_front(b->entries, &b->count, &e);
    return SOTTO_ERR_EXISTS;
}

enum sotto_err sotto_disc_table_add(struct sotto_discv4 *d, const struct sotto_disc_node *node, const uint8_t id[32], bool live)
{
    struct sotto_disc_bucket *b = bucket_of(d, id);
    struct sotto_disc_entry e = { .node = *node, .live = live };
    int at = index_of(b->entries, b->count, id);
    memcpy(e.id, id, 32);
    if (at >= 0) return bump(d, b, (unsigned)at, node, live);
    if (!place_room(d, b, &node->at.addr, id) && !(live && make_place(d, b, &node->at.addr, id))) return SOTTO_ERR_FULL;
    if (b->count == SOTTO_DISC_BUCKET && live) {      /* who has answered goes before who was only heard of */
        for (unsigned i = b->count; i-- > 0;) {
            if (b->entries[i].live) continue;
            take_out(b->entries, &b->count, i);
            break;
        }
    }
    if (b->count < SOTTO_DISC_BUCKET) {
        int spare = index_of(b->spares, b->spare_count, id);
        if (spare >= 0) take_out(b->spares, &b->spare_count, (unsigned)spare);
        if (live) put_front(b->entries, &b->count, &e);
        else b->entries[b->count++] = e;
        return SOTTO_OK;
    }
    at = index_of(b->spares, b->spare_count, id);
    if (at >= 0) take_out(b->spares, &b->spare_count, (unsigned)at);
    else if (b->spare_count == SOTTO_DISC_SPARES) b->spare_count--;
    put_front(b->spares, &b->spare_count, &e);
    return SOTTO_ERR_FULL;
}

void sotto_disc_table_drop(struct sotto_discv4 *d, const uint8_t id[32], struct sotto_disc_outq *out)
{
    struct sotto_disc_bucket *b = bucket_of(d, id);
    int at = index_of(b->entries, b->count, id);
    if (at < 0) return;
    struct sotto_disc_out *o = sotto_disc_event(out, SOTTO_DISC_GONE);
    memcpy(o->key, b->entries[at].node.key, 64);
    o->addr = b->entries[at].node.at.addr;
    o->tcp = b->entries[at].node.at.tcp;
    take_out(b->entries, &b->count, (unsigned)at);
    while (b->spare_count) {
        unsigned pick = (unsigned)sotto_rng_below(d->config.rng, b->spare_count);
        struct sotto_disc_entry e = b->spares[pick];
        take_out(b->spares, &b->spare_count, pick);
        if (!place_room(d, b, &e.node.at.addr, e.id)) continue;
        b->entries[b->count++] = e;
        break;
    }
    if (sotto_disc_table_count(d) == 0) d->refresh_us = 0;            /* starving: the next tick says so */
}

unsigned sotto_disc_table_nearest(const struct sotto_discv4 *d, struct sotto_disc_node out[SOTTO_DISC_RESULTS], const uint8_t target[32],
                                  const struct sotto_addr *asker)
{
    const struct sotto_disc_entry *best[SOTTO_DISC_RESULTS];
    unsigned count = 0;
    bool any_live = false;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++)
        for (unsigned j = 0; j < d->buckets[i].count; j++) any_live |= d->buckets[i].entries[j].live;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        for (unsigned j = 0; j < d->buckets[i].count; j++) {
            const struct sotto_disc_entry *e = &d->buckets[i].entries[j];
            unsigned at = count;
            if ((any_live && !e->live) || !sotto_disc_may_tell(asker, &e->node.at.addr)) continue;
            while (at > 0 && sotto_disc_nearer(target, e->id, best[at - 1]->id) < 0) at--;
            if (at == SOTTO_DISC_RESULTS) continue;
            if (count == SOTTO_DISC_RESULTS) count--;
            memmove(&best[at + 1], &best[at], (count - at) * sizeof *best);
            best[at] = e;
            count++;
        }
    }
    for (unsigned i = 0; i < count; i++) out[i] = best[i]->node;
    return count;
}

struct sotto_disc_bond *sotto_disc_bond(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr)
{
    for (unsigned i = 0; i < SOTTO_DISC_BONDS_MAX; i++) {
        struct sotto_disc_bond *b = &d->bonds[i];
        if (b->addr.family && memcmp(b->id, id, 32) == 0 && sotto_disc_same_ip(&b->addr, addr)) return b;
    }
    return NULL;
}

bool sotto_disc_bond_good(const struct sotto_disc_bond *b, struct sotto_now now) { return b && now.mono_us - b->pong_us < SOTTO_DISC_BOND_US; }
bool sotto_disc_bond_mutual(const struct sotto_disc_bond *b, struct sotto_now now)
{
    return sotto_disc_bond_good(b, now) && b->pinged && now.mono_us - b->ping_us < SOTTO_DISC_BOND_US;
}

void sotto_disc_bond_doubt(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr)
{
    struct sotto_disc_bond *b = sotto_disc_bond(d, id, addr);
    if (b) b->pinged = false;
}

/* A free place; else, if its address has its share, that address's oldest; else the oldest of all. Loopback is many machines in one. */
struct sotto_disc_bond *sotto_disc_bond_make(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr)
{
    struct sotto_disc_bond *b = sotto_disc_bond(d, id, addr), *of_place = NULL, *oldest = NULL, *unused = NULL;
    unsigned held = 0;
    if (b) return b;
    for (unsigned i = 0; i < SOTTO_DISC_BONDS_MAX; i++) {
        b = &d->bonds[i];
        if (!b->addr.family) {
            if (!unused) unused = b;
            continue;
        }
        if (!oldest || b->pong_us < oldest->pong_us) oldest = b;
        bool same = addr->family == 4 ? sotto_disc_same_ip(&b->addr, addr) : sotto_disc_same_subnet(&b->addr, addr);
        if (!same) continue;
        held++;
        if (!of_place || b->pong_us < of_place->pong_us) of_place = b;
    }
    bool share = held >= SOTTO_DISC_BONDS_PER_PLACE && !sotto_addr_loopback(addr);
    b = share ? of_place : unused ? unused : oldest;
    memset(b, 0, sizeof *b);
    memcpy(b->id, id, 32);
    b->addr = *addr;
    return b;
}
