/* Values made before they are needed: which ones, and when they are wiped (prepared.h). */
#include "base/plant.h"
#include "conversation/session_impl.h"

/* ---- Places ---- */

static struct sotto_prepared_x *place(struct sotto_prepared_x *ring, uint32_t count, uint32_t index) { return &ring[index % count]; }

static bool holds(const struct sotto_prepared_x *e, uint32_t index) { return e->made && e->index == index; }

static const struct sotto_secret *found(const struct sotto_prepared_x *ring, uint32_t count, uint32_t index)
{
    const struct sotto_prepared_x *e = &ring[index % count];
    return holds(e, index) && e->good ? &e->x : NULL;
}

static bool same_key(const struct sotto_secret *a, const struct sotto_secret *b)
{
    return sotto_equal_ct(a->b, b->b, sizeof a->b) || SOTTO_PLANTED(PREPARED_STALE);
}

const struct sotto_secret *sotto_prepared_kbt(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index)
{
    const struct sotto_prepared *p = &s->prepared;
    if (same_key(hk, &p->in_hk)) return found(p->kbt, SOTTO_PREPARED_KBT, index);
    if (same_key(hk, &p->next_hk)) return found(p->next_kbt, SOTTO_PREPARED_KBT_NEXT, index);
    return NULL;
}

const struct sotto_secret *sotto_prepared_s(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index)
{
    const struct sotto_prepared *p = &s->prepared;
    if (same_key(hk, &p->in_hk)) return found(p->s, SOTTO_PREPARED, index);
    if (same_key(hk, &p->next_hk)) return found(p->next_s, SOTTO_PREPARED, index);
    return NULL;
}

const struct sotto_prepared_out *sotto_prepared_out(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index)
{
    const struct sotto_prepared_out *e = &s->prepared.out[index % SOTTO_PREPARED];
    return same_key(hk, &s->prepared.out_hk) && e->made && e->good && !e->keyed && e->index == index ? e : NULL;
}

bool sotto_prepared_take(struct sotto_session *s, struct sotto_prepared_out *out)
{
    struct sotto_prepared_out *e = &s->prepared.out[s->core.ns % SOTTO_PREPARED];
    if (s->core.send_fresh || !e->keyed || e->index != s->core.ns || !same_key(&s->core.send_hk, &s->prepared.out_hk)) return false;
    *out = *e;
    SOTTO_WIPE(*e);
    return true;
}

/* ---- Multiplying: by a table where the contact has one ---- */

enum sotto_err sotto_session_kbt(const struct sotto_session *s, struct sotto_secret *out, const struct sotto_scalar *h)
{
    return s->xkey_table ? sotto_multiples_x(out, s->xkey_table, h) : sotto_base_x(out, h, &s->xkey_base);
}

enum sotto_err sotto_session_s(const struct sotto_session *s, struct sotto_secret *out, const struct sotto_scalar *h)
{
    return s->p_table ? sotto_multiples_x(out, s->p_table, h) : sotto_base_x(out, h, &s->p_base);
}

/* ---- Forgetting ---- */

static void wipe_below(struct sotto_prepared_x *ring, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++)
        if (ring[i].made && ring[i].index < index) SOTTO_WIPE(ring[i]);
}

void sotto_session_unprepare(struct sotto_session *s) { SOTTO_WIPE(s->prepared); }

/* The header key of the next cell to be sent, and its index; NULL: nothing can be sent now. */
static const struct sotto_secret *out_key(const struct sotto_session_core *c, uint32_t *index)
{
    *index = c->send_fresh ? 0 : c->ns;
    if (c->send_fresh) return c->send_on || !c->initiator ? &c->send_nhk : &c->send_hk;
    return c->send_on && c->ns < SOTTO_CHAIN_END ? &c->send_hk : NULL;
}

void sotto_prepared_sent(struct sotto_session *s)
{
    struct sotto_prepared *p = &s->prepared;
    uint32_t next;
    const struct sotto_secret *hk = out_key(&s->core, &next);
    for (unsigned i = 0; i < SOTTO_PREPARED; i++)
        if (p->out[i].made && (!hk || p->out[i].index < next)) SOTTO_WIPE(p->out[i]);
    if (p->scalar_made && !s->core.send_fresh) {      /* the chain they were for is there now */
        SOTTO_WIPE(p->scalar);
        SOTTO_WIPE(p->dh);
        p->scalar_made = p->dh_made = false;
    }
}

void sotto_prepared_received(struct sotto_session *s, bool chain_new)
{
    struct sotto_prepared *p = &s->prepared;
    if (chain_new) {                                  /* what was made for the next chain is for the current one now, under the same key */
        SOTTO_WIPE(p->kbt);
        SOTTO_WIPE(p->s);
        p->in_hk = p->next_hk;
        for (uint32_t i = 0; i < SOTTO_PREPARED_KBT_NEXT; i++)
            if (p->next_kbt[i].made) *place(p->kbt, SOTTO_PREPARED_KBT, p->next_kbt[i].index) = p->next_kbt[i];
        memcpy(p->s, p->next_s, sizeof p->s);
        SOTTO_WIPE(p->next_kbt);
        SOTTO_WIPE(p->next_s);
        SOTTO_WIPE(p->next_hk);
    }
    wipe_below(p->kbt, SOTTO_PREPARED_KBT, s->core.nr);
    wipe_below(p->s, SOTTO_PREPARED, s->core.nr);
    uint32_t next;
    const struct sotto_secret *hk = out_key(&s->core, &next);
    if (!hk || !same_key(hk, &p->out_hk)) {           /* the sending direction changed too: its old chain sends nothing more */
        for (unsigned i = 0; i < SOTTO_PREPARED; i++) /* an X that left in no cell is as good for another */
            if (p->out[i].keyed && p->x_count < SOTTO_PREPARED) memcpy(p->x[p->x_count++], p->out[i].x, 32);
        SOTTO_WIPE(p->out);
        SOTTO_WIPE(p->out_hk);
    }
    if (p->dh_made && memcmp(p->dh_peer.b, s->core.peer_point.b, sizeof p->dh_peer.b) != 0) {
        SOTTO_WIPE(p->dh);
        p->dh_made = false;
    }
}

/* ---- Making, one value at a time ---- */

static void use_ring(struct sotto_secret *ring_key, const struct sotto_secret *hk, void *kbt, size_t kbt_size, void *s, size_t s_size)
{
    if (same_key(hk, ring_key)) return;
    sotto_wipe(kbt, kbt_size);
    sotto_wipe(s, s_size);
    *ring_key = *hk;
}

/* The rings of one receiving chain, emptied first when they are another chain's. */
struct rings { const struct sotto_secret *hk; struct sotto_prepared_x *kbt, *s; uint32_t kbt_count; };
static struct rings rings_of(struct sotto_session *s, bool next)
{
    struct sotto_prepared *p = &s->prepared;
    if (next) {
        use_ring(&p->next_hk, &s->core.recv_nhk, p->next_kbt, sizeof p->next_kbt, p->next_s, sizeof p->next_s);
        return (struct rings){ &p->next_hk, p->next_kbt, p->next_s, SOTTO_PREPARED_KBT_NEXT };
    }
    use_ring(&p->in_hk, &s->core.recv_hk, p->kbt, sizeof p->kbt, p->s, sizeof p->s);
    return (struct rings){ &p->in_hk, p->kbt, p->s, SOTTO_PREPARED_KBT };
}

enum sotto_err sotto_session_look(struct sotto_session *s, struct sotto_tag *tag, enum sotto_slot slot, uint32_t index, const struct sotto_scalar *exchange)
{
    if (slot == SOTTO_SLOT_SKIPPED || (slot == SOTTO_SLOT_CURRENT && !s->core.recv_on) || index >= SOTTO_CHAIN_END) return SOTTO_ERR_STATE;
    struct rings r = rings_of(s, slot == SOTTO_SLOT_NEXT);
    struct sotto_prepared_x *e = place(r.kbt, r.kbt_count, index);
    if (holds(e, index)) {
        if (!e->good) return SOTTO_ERR_KEY;
        sotto_kdac_tag(tag, &e->x);
        sotto_session_tag(&s->core, tag);
        return SOTTO_OK;
    }
    struct sotto_prepared_x made = { .made = true, .index = index };
    enum sotto_err err = sotto_kdac_ahead(tag, NULL, &made.x, r.hk, sotto_session_dir_in(s), index, exchange);
    sotto_session_tag(&s->core, tag);
    made.good = err == SOTTO_OK;
    uint32_t first = slot == SOTTO_SLOT_CURRENT ? s->core.nr : 0;
    if (index - first < r.kbt_count) *e = made;       /* a far look-ahead does not push out the near one */
    SOTTO_WIPE(made);
    return err;
}

static bool prepare_chain(struct sotto_session *s, const struct sotto_session_world *world)
{
    struct sotto_prepared *p = &s->prepared;
    const struct sotto_session_core *c = &s->core;
    if (!c->send_fresh || world->scalar) return false;
    if (!p->scalar_made) {
        sotto_scalar_random(&p->scalar, world->rng);
        p->scalar_made = sotto_point_make(&p->point, &p->scalar) == SOTTO_OK;
        return true;
    }
    if (p->dh_made) return false;
    p->dh_peer = c->peer_point;
    p->dh_made = sotto_ecdh_x(&p->dh, &p->scalar, &p->dh_peer) == SOTTO_OK;
    return p->dh_made;
}

static bool prepare_x(struct sotto_session *s, const struct sotto_session_world *world)
{
    struct sotto_prepared *p = &s->prepared;
    uint32_t index;
    if (world->x || !out_key(&s->core, &index)) return false;
    unsigned have = p->x_count;
    for (unsigned i = 0; i < SOTTO_PREPARED; i++) have += p->out[i].keyed;
    if (have >= SOTTO_PREPARED) return false;
    sotto_cell_draw_x(p->x[p->x_count++], world->rng);
    return true;
}

static bool prepare_out(struct sotto_session *s, unsigned *budget)
{
    struct sotto_prepared *p = &s->prepared;
    uint32_t first;
    const struct sotto_secret *hk = out_key(&s->core, &first);
    if (!hk) return false;
    if (!same_key(hk, &p->out_hk)) {
        SOTTO_WIPE(p->out);
        p->out_hk = *hk;
    }
    for (uint32_t i = first; i < first + SOTTO_PREPARED && i < SOTTO_CHAIN_END; i++) {
        struct sotto_prepared_out *e = &p->out[i % SOTTO_PREPARED];
        if (e->made && e->index == i) continue;
        struct sotto_scalar h;
        struct sotto_prepared_out made = { .made = true, .index = i };
        enum sotto_err err = sotto_kdac_h(&h, &p->out_hk, sotto_session_dir_out(s), i);
        if (err == SOTTO_OK) err = sotto_session_kbt(s, &made.kbt_x, &h);
        if (err == SOTTO_OK) err = sotto_session_s(s, &made.s_x, &h);
        made.good = err == SOTTO_OK;
        *e = made;
        SOTTO_WIPE(made);
        SOTTO_WIPE(h);
        if (*budget) --*budget;                       /* it took two */
        return true;
    }
    return false;
}

/* What is left to do for a cell but sealing it: no multiplication, so it follows at once. */
static void key_out(struct sotto_session *s)
{
    struct sotto_prepared *p = &s->prepared;
    const struct sotto_session_core *c = &s->core;
    if (c->send_fresh || !c->send_on || !same_key(&c->send_hk, &p->out_hk)) return;      /* before a turn there is no chain key yet */
    const struct sotto_secret *ck = &c->send_ck;
    for (uint32_t i = c->ns; i < c->ns + SOTTO_PREPARED && i < SOTTO_CHAIN_END; i++) {
        struct sotto_prepared_out *e = &p->out[i % SOTTO_PREPARED];
        if (!e->made || !e->good || e->index != i) return;
        if (!e->keyed) {
            if (!p->x_count) return;
            struct sotto_body_key key = { .kbt_x = e->kbt_x, .s_x = e->s_x, .dir = sotto_session_dir_out(s), .index = i, .from = c->own, .to = c->peer };
            struct sotto_secret hs;
            memcpy(e->x, p->x[--p->x_count], sizeof e->x);
            SOTTO_WIPE(p->x[p->x_count]);
            e->ck = *ck;
            sotto_chain_step(&key.mk, &e->ck);
            sotto_kdac_tag(&e->tag, &e->kbt_x);
            sotto_session_tag(c, &e->tag);
            sotto_header_secret(&hs, &c->send_hk, key.dir, i);
            sotto_cell_header_kn(&e->header_kn, e->x, &hs);
            sotto_cell_body_kn(&e->body_kn, e->x, &key);
            e->keyed = true;
            SOTTO_WIPE(key);
            SOTTO_WIPE(hs);
            SOTTO_WIPE(e->kbt_x);
            SOTTO_WIPE(e->s_x);
        }
        ck = &e->ck;
    }
}

static bool prepare_in(struct sotto_session *s, const struct sotto_session_world *world, bool next)
{
    const struct sotto_session_core *c = &s->core;
    if (!next && !c->recv_on) return false;
    struct rings r = rings_of(s, next);
    uint32_t first = next ? 0 : c->nr;
    for (uint32_t i = first; i < first + SOTTO_PREPARED && i < SOTTO_CHAIN_END; i++) {
        if (!holds(place(r.kbt, r.kbt_count, i), i)) {
            struct sotto_tag tag;
            (void)!sotto_session_look(s, &tag, next ? SOTTO_SLOT_NEXT : SOTTO_SLOT_CURRENT, i, world->exchange);
            return true;
        }
        struct sotto_prepared_x *e = place(r.s, SOTTO_PREPARED, i);
        if (holds(e, i)) continue;
        struct sotto_scalar h;
        struct sotto_prepared_x made = { .made = true, .index = i };
        enum sotto_err err = sotto_kdac_h(&h, r.hk, sotto_session_dir_in(s), i);
        if (err == SOTTO_OK) err = sotto_session_s(s, &made.x, &h);
        made.good = err == SOTTO_OK;
        *e = made;
        SOTTO_WIPE(made);
        SOTTO_WIPE(h);
        return true;
    }
    return false;
}

bool sotto_session_prepare(struct sotto_session *s, const struct sotto_session_world *world, unsigned *budget)
{
    while (*budget) {
        if (!world->x) key_out(s);
        --*budget;
        if (prepare_chain(s, world) || prepare_x(s, world) || prepare_out(s, budget) || prepare_in(s, world, false) || prepare_in(s, world, true)) continue;
        ++*budget;
        return false;
    }
    return true;
}

unsigned sotto_session_prepared_out(const struct sotto_session *s)
{
    const struct sotto_prepared *p = &s->prepared;
    uint32_t first, count = 0;
    const struct sotto_secret *hk = out_key(&s->core, &first);
    if (!hk || (s->core.send_fresh && !p->dh_made)) return 0;
    for (uint32_t x = p->x_count; count < SOTTO_PREPARED; count++) {
        const struct sotto_prepared_out *e = &p->out[(first + count) % SOTTO_PREPARED];
        if (!e->made || !e->good || e->index != first + count || !same_key(hk, &p->out_hk) || (!e->keyed && x == 0)) break;
        x -= !e->keyed;
    }
    return count;
}

unsigned sotto_session_prepared_in(const struct sotto_session *s, bool next)
{
    const struct sotto_session_core *c = &s->core;
    const struct sotto_secret *hk = next ? &c->recv_nhk : &c->recv_hk;
    uint32_t first = next ? 0 : c->nr, count = 0;
    if (!next && !c->recv_on) return 0;
    while (count < SOTTO_PREPARED && sotto_prepared_kbt(s, hk, first + count) && sotto_prepared_s(s, hk, first + count)) count++;
    return count;
}
