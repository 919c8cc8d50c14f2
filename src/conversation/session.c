#include "conversation/session_impl.h"

#include "base/plant.h"

#include <stdlib.h>

enum { SKIPPED_CAP_FIRST = 16 };

static bool is_none(const struct sotto_point *p) { return p->b[0] == 0; }

enum sotto_err sotto_session_restore(struct sotto_session **out, const struct sotto_session_core *core)
{
    struct sotto_session *s = sotto_guard_new(sizeof *s, NULL);
    if (!s) return SOTTO_ERR_NOMEM;
    s->core = *core;
    enum sotto_err err = sotto_base_make(&s->xkey_base, &core->peer_xkey);
    if (err == SOTTO_OK) err = sotto_base_make(&s->p_base, &core->p);
    if (err == SOTTO_OK) *out = s;
    else sotto_session_free(s);
    return err;
}

enum sotto_err sotto_session_new(struct sotto_session **out, const struct sotto_session_start *start, const struct sotto_scalar *exchange)
{
    struct sotto_session_core core = { .initiator = start->initiator, .own = start->own, .peer = start->peer,
                                       .peer_xkey = start->peer_xkey, .p = start->p, .rk = start->rk };
    memcpy(core.c2, start->c2, sizeof core.c2);
    enum sotto_err err = SOTTO_OK;
    if (is_none(&core.p)) err = sotto_kdac_shared(&core.p, exchange, &core.peer_xkey);
    if (err == SOTTO_OK) {
        if (start->initiator) {
            core.send_hk = start->hk_i;
            core.recv_nhk = start->hk_r;
            core.peer_point = start->eph_r;
            core.send_fresh = true;
            err = sotto_point_check(core.peer_point.b);
        } else {
            core.send_nhk = start->hk_r;
            core.recv_nhk = start->hk_i;
            core.scalar = start->eph_r_scalar;
            err = sotto_point_make(&core.point, &core.scalar);
        }
    }
    if (err == SOTTO_OK) err = sotto_session_restore(out, &core);
    SOTTO_WIPE(core);
    return err;
}

void sotto_session_free(struct sotto_session *s)
{
    if (!s) return;
    sotto_guard_free(s->skipped);
    sotto_guard_free(s);
}

/* ---- Sending ---- */

bool sotto_session_can_send(const struct sotto_session *s)
{
    if (s->core.send_fresh) return true;
    return s->core.send_on && s->core.ns < SOTTO_CHAIN_END;
}

/* The fresh scalar, its point and x(DH), made before or now. */
static enum sotto_err turn(const struct sotto_session *s, struct sotto_session_core *c, struct sotto_secret *dh, const struct sotto_session_world *world)
{
    const struct sotto_prepared *p = &s->prepared;
    if (p->scalar_made && !world->scalar) {
        c->scalar = p->scalar;
        c->point = p->point;
    } else {
        if (world->scalar) world->scalar(world->ctx, &c->scalar);
        else sotto_scalar_random(&c->scalar, world->rng);
        SOTTO_TRY(sotto_point_make(&c->point, &c->scalar));
    }
    if (p->dh_made && !world->scalar && memcmp(p->dh_peer.b, c->peer_point.b, sizeof p->dh_peer.b) == 0) {
        *dh = p->dh;
        return SOTTO_OK;
    }
    return sotto_ecdh_x(dh, &c->scalar, &c->peer_point);
}

static enum sotto_err make_chain(const struct sotto_session *s, struct sotto_session_core *c, const struct sotto_fresh *fresh,
                                 const struct sotto_session_world *world)
{
    const struct sotto_block *block = fresh ? fresh->block : NULL;
    const struct sotto_secret *master = fresh ? fresh->mk : NULL;
    uint8_t mix[32];
    struct sotto_secret dh;
    SOTTO_TRY(turn(s, c, &dh, world));
    c->pn = c->send_on ? c->ns : 0;
    c->ns = 0;
    if (c->send_on || !c->initiator) c->send_hk = c->send_nhk;           /* the very first chain of I already has HK_I */
    sotto_block_mix(mix, block);
    sotto_root_mix(&c->rk, &c->send_ck, &c->send_nhk, &c->rk, &dh, mix, master);
    SOTTO_WIPE(dh);
    c->send_on = true;
    c->send_fresh = false;
    c->send_height = block ? block->height : 0;
    memset(c->send_block8, 0, sizeof c->send_block8);
    memset(c->send_mk8, 0, sizeof c->send_mk8);
    if (c->send_height) memcpy(c->send_block8, block->id, sizeof c->send_block8);
    if (master) {
        uint8_t id[32];
        sotto_mk_id(id, master);
        memcpy(c->send_mk8, id, sizeof c->send_mk8);
    }
    return SOTTO_OK;
}

/* x(K_Bt) and x(S) of the index that ns stands at, or of the first behind it whose h is not 0: both ends skip those. */
static enum sotto_err address(const struct sotto_session *s, struct sotto_session_core *c, struct sotto_body_key *key)
{
    const struct sotto_prepared_out *ready = sotto_prepared_out(s, &c->send_hk, c->ns);
    if (ready) {
        key->kbt_x = ready->kbt_x;
        key->s_x = ready->s_x;
        return SOTTO_OK;
    }
    struct sotto_scalar h;
    enum sotto_err err = sotto_kdac_h(&h, &c->send_hk, key->dir, c->ns);
    while (err == SOTTO_ERR_KEY && c->ns + 1 < SOTTO_CHAIN_END) {
        sotto_chain_step(NULL, &c->send_ck);
        err = sotto_kdac_h(&h, &c->send_hk, key->dir, ++c->ns);
    }
    if (err == SOTTO_OK) err = sotto_session_kbt(s, &key->kbt_x, &h);
    if (err == SOTTO_OK) err = sotto_session_s(s, &key->s_x, &h);
    SOTTO_WIPE(h);
    return err;
}

/* Each X goes into one cell at most, so it leaves the store before anything can fail. */
static void take_x(struct sotto_session *s, uint8_t x[32], const struct sotto_session_world *world)
{
    struct sotto_prepared *p = &s->prepared;
    if (world->x) {
        world->x(world->ctx, x);
    } else if (p->x_count) {
        memcpy(x, p->x[--p->x_count], 32);
        SOTTO_WIPE(p->x[p->x_count]);
    } else {
        sotto_cell_draw_x(x, world->rng);
    }
}

static void header_make(uint8_t header[SOTTO_HEADER_BYTES], const struct sotto_session_core *c, uint8_t flags)
{
    struct sotto_header fields = { .flags = flags, .point = c->point, .pn = c->pn, .index = c->ns, .height = c->send_height };
    memcpy(fields.block8, c->send_block8, sizeof fields.block8);
    memcpy(fields.mk8, c->send_mk8, sizeof fields.mk8);
    sotto_header_encode(header, &fields);
}

/* With keys made before. They are gone afterwards, whatever happens: nothing may be sealed under them twice. */
static enum sotto_err seal_ready(struct sotto_session_core *c, struct sotto_prepared_out *ready, uint8_t sealed[SOTTO_CELL_BYTES],
                                 const uint8_t body[SOTTO_BODY_BYTES], uint8_t flags)
{
    uint8_t header[SOTTO_HEADER_BYTES];
    header_make(header, c, flags);
    enum sotto_err err = sotto_cell_seal_kn(sealed, &ready->tag, ready->x, &ready->header_kn, &ready->body_kn, header, body);
    c->send_ck = ready->ck;
    c->ns++;
    SOTTO_WIPE(header);
    SOTTO_WIPE(*ready);
    return err;
}

static enum sotto_err seal_next(struct sotto_session *s, struct sotto_session_core *c, uint8_t sealed[SOTTO_CELL_BYTES], const uint8_t body[SOTTO_BODY_BYTES],
                                uint8_t flags, const struct sotto_session_world *world)
{
    struct sotto_body_key key = { .dir = c->initiator ? 0 : 1, .from = c->own, .to = c->peer };
    struct sotto_secret hs;
    struct sotto_tag tag;
    uint8_t header[SOTTO_HEADER_BYTES], x[32];
    enum sotto_err err = address(s, c, &key);
    if (err == SOTTO_OK) {
        header_make(header, c, flags);
        key.index = c->ns;
        sotto_kdac_tag(&tag, &key.kbt_x);
        sotto_session_tag(c, &tag);
        sotto_header_secret(&hs, &c->send_hk, key.dir, c->ns);
        sotto_chain_step(&key.mk, &c->send_ck);
        take_x(s, x, world);
        err = sotto_cell_seal(sealed, &tag, x, &hs, &key, header, body);
        c->ns++;
    }
    SOTTO_WIPE(key);
    SOTTO_WIPE(hs);
    SOTTO_WIPE(header);
    return err;
}

enum sotto_err sotto_session_send(struct sotto_session *s, uint8_t sealed[SOTTO_CELL_BYTES], uint32_t *index, const uint8_t body[SOTTO_BODY_BYTES],
                                  uint8_t flags, const struct sotto_fresh *fresh, const struct sotto_session_world *world)
{
    if (!s->core.send_fresh) {
        if (!s->core.send_on) return SOTTO_ERR_STATE;
        if (s->core.ns >= SOTTO_CHAIN_END) return SOTTO_ERR_CHAIN_END;
    }
    struct sotto_session_core next = s->core;
    uint8_t cell[SOTTO_CELL_BYTES];
    struct sotto_prepared_out ready;
    enum sotto_err err = next.send_fresh ? make_chain(s, &next, fresh, world) : SOTTO_OK;
    if (err == SOTTO_OK) err = !world->x && sotto_prepared_take(s, &ready) ? seal_ready(&next, &ready, cell, body, flags) : seal_next(s, &next, cell, body, flags, world);
    if (err == SOTTO_OK) {
        memcpy(sealed, cell, sizeof cell);
        if (index) *index = next.ns - 1;
        s->core = next;
        sotto_prepared_sent(s);
    }
    SOTTO_WIPE(next);
    return err;
}

/* ---- Looking ahead ---- */

uint32_t sotto_session_window(const struct sotto_session *s)
{
    if (!s->core.recv_on) return 0;
    uint32_t window = s->core.recv_arrived >= SOTTO_AHEAD_AFTER ? SOTTO_AHEAD_MORE : SOTTO_AHEAD_MIN;
    return window + SOTTO_PLANTED(WINDOW_TOO_WIDE) - SOTTO_PLANTED(WINDOW_TOO_NARROW);
}

uint32_t sotto_session_ahead(const struct sotto_session *s, struct sotto_tag *tags, uint32_t *indexes, enum sotto_slot slot, uint32_t from,
                             uint32_t count, const struct sotto_scalar *exchange)
{
    uint32_t made = 0;
    if (slot == SOTTO_SLOT_SKIPPED || (slot == SOTTO_SLOT_CURRENT && !s->core.recv_on)) return 0;
    const struct sotto_secret *hk = slot == SOTTO_SLOT_CURRENT ? &s->core.recv_hk : &s->core.recv_nhk;
    for (uint32_t i = 0; i < count && from + i < SOTTO_CHAIN_END; i++) {
        if (sotto_kdac_ahead(&tags[made], NULL, NULL, hk, sotto_session_dir_in(s), from + i, exchange) != SOTTO_OK) continue;
        sotto_session_tag(&s->core, &tags[made]);
        indexes[made++] = from + i;
    }
    return made;
}

bool sotto_session_find(const struct sotto_session *s, struct sotto_hit *out, const struct sotto_tag *tag, uint32_t window,
                        const struct sotto_scalar *exchange)
{
    for (uint32_t i = 0; i < s->skipped_count; i++)
        if (memcmp(s->skipped[i].tag.b, tag->b, sizeof tag->b) == 0) {
            *out = (struct sotto_hit){ SOTTO_SLOT_SKIPPED, s->skipped[i].index };
            return true;
        }
    static const enum sotto_slot both[] = { SOTTO_SLOT_CURRENT, SOTTO_SLOT_NEXT };
    for (size_t k = 0; k < 2; k++) {
        uint32_t from = both[k] == SOTTO_SLOT_CURRENT ? s->core.nr : 0;
        for (uint32_t i = 0; i < window; i++) {
            struct sotto_tag ahead;
            uint32_t index;
            if (sotto_session_ahead(s, &ahead, &index, both[k], from + i, 1, exchange) == 0) continue;
            if (memcmp(ahead.b, tag->b, sizeof tag->b) != 0) continue;
            *out = (struct sotto_hit){ both[k], index };
            return true;
        }
    }
    return false;
}

/* ---- Receiving ---- */

static bool repeats(const struct sotto_session_core *c, const struct sotto_header *h)   /* what all cells of a chain share */
{
    return memcmp(h->point.b, c->peer_point.b, sizeof h->point.b) == 0 && h->pn == c->recv_pn && h->height == c->recv_height &&
           memcmp(h->block8, c->recv_block8, sizeof h->block8) == 0 && memcmp(h->mk8, c->recv_mk8, sizeof h->mk8) == 0;
}

/* Moves the receiving chain of the copy to index, keeping what is skipped. list has room. */
static enum sotto_err skip_to(const struct sotto_session *s, struct sotto_session_core *c, struct sotto_skipped *list, uint32_t *count, uint32_t index,
                              const struct sotto_session_world *world, uint64_t now_ms)
{
    uint8_t dir = c->initiator ? 1 : 0;
    for (; c->nr < index; c->nr++) {
        struct sotto_skipped *e = &list[*count];
        const struct sotto_secret *kbt_x = sotto_prepared_kbt(s, &c->recv_hk, c->nr);
        enum sotto_err err = kbt_x ? sotto_kdac_h(&e->h, &c->recv_hk, dir, c->nr)
                                   : sotto_kdac_ahead(&e->tag, &e->h, NULL, &c->recv_hk, dir, c->nr, world->exchange);
        if (kbt_x) sotto_kdac_tag(&e->tag, kbt_x);
        sotto_session_tag(c, &e->tag);
        if (err == SOTTO_ERR_KEY) {                   /* both ends skip this index */
            sotto_chain_step(NULL, &c->recv_ck);
            continue;
        }
        SOTTO_TRY(err);
        e->index = c->nr;
        e->chain = c->recv_chain;
        e->ms = now_ms;
        e->row = 0;
        sotto_header_secret(&e->hs, &c->recv_hk, dir, c->nr);
        sotto_chain_step(&e->mk, &c->recv_ck);
        ++*count;
    }
    return SOTTO_OK;
}

/* s_x NULL: h*P is made now. */
static enum sotto_err body_open(const struct sotto_session *s, struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_secret *mk,
                                const struct sotto_secret *kbt_x, const struct sotto_scalar *h, const struct sotto_secret *s_x)
{
    const struct sotto_session_core *c = &s->core;
    struct sotto_body_key key = { .kbt_x = *kbt_x, .mk = *mk, .dir = c->initiator ? 1 : 0, .index = step->header.index, .from = c->peer, .to = c->own };
    enum sotto_err err = SOTTO_OK;
    if (s_x) key.s_x = *s_x;
    else err = sotto_session_s(s, &key.s_x, h);
    if (err == SOTTO_OK) err = sotto_cell_open_body(step->body, sealed, &key);
    SOTTO_WIPE(key);
    return err;
}

static enum sotto_err header_open(struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_secret *hs)
{
    uint8_t plain[SOTTO_HEADER_BYTES];
    enum sotto_err err = sotto_cell_open_header(plain, sealed, hs);
    if (err == SOTTO_OK) err = sotto_header_decode(&step->header, plain);
    SOTTO_WIPE(plain);
    if (err == SOTTO_OK && step->header.index != step->hit.index && !SOTTO_PLANTED(HEADER_INDEX_IGNORED)) err = SOTTO_ERR_HEADER_INDEX;
    return err;
}

static enum sotto_err open_skipped(const struct sotto_session *s, struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_BYTES],
                                   const struct sotto_session_world *world)
{
    const struct sotto_session_core *c = &s->core;
    uint32_t i = 0;
    while (i < s->skipped_count && (memcmp(s->skipped[i].tag.b, sealed, SOTTO_TAG_BYTES) != 0 || s->skipped[i].index != step->hit.index)) i++;
    if (i == s->skipped_count) return SOTTO_ERR_NOT_MINE;
    const struct sotto_skipped *e = &s->skipped[i];
    SOTTO_TRY(header_open(step, sealed, &e->hs));
    if (c->recv_on && e->chain == c->recv_chain && !repeats(c, &step->header)) return SOTTO_ERR_HEADER_CHAIN;
    struct sotto_scalar kbt;
    struct sotto_point point;
    struct sotto_secret kbt_x;
    enum sotto_err err = sotto_kdac_private(&kbt, &e->h, world->exchange);
    if (err == SOTTO_OK) err = sotto_point_make(&point, &kbt);
    if (err == SOTTO_OK) {
        memcpy(kbt_x.b, point.b + 1, sizeof kbt_x.b);
        err = body_open(s, step, sealed, &e->mk, &kbt_x, &e->h, NULL);
    }
    SOTTO_WIPE(kbt);
    SOTTO_WIPE(point);
    SOTTO_WIPE(kbt_x);
    step->used = i;
    return err;
}

/* Check 4 of messaging.md 4.5, then the DH step on the copy. */
static enum sotto_err enter_chain(const struct sotto_session *s, struct sotto_session_core *c, struct sotto_step *step, const struct sotto_session_world *world, uint64_t now_ms)
{
    const struct sotto_header *h = &step->header;
    uint32_t old = c->recv_on ? c->nr : 0;
    if (c->recv_on ? h->pn < c->nr : h->pn != 0) return SOTTO_ERR_HEADER_CHAIN;
    if (h->pn > SOTTO_CHAIN_END) return SOTTO_ERR_HEADER_CHAIN;
    struct sotto_base point;
    if (sotto_base_make(&point, &h->point) != SOTTO_OK || memcmp(h->point.b, c->peer_point.b, sizeof h->point.b) == 0) return SOTTO_ERR_HEADER_KEY;
    const struct sotto_block *block = NULL;
    const struct sotto_secret *master = NULL;
    if (h->height) {
        block = world->block ? world->block(world->ctx, h->height) : NULL;
        if (!block) return SOTTO_ERR_AGAIN;
        if (block->height != h->height || memcmp(block->id, h->block8, sizeof h->block8) != 0) return SOTTO_ERR_HEADER_BLOCK;
    } else if (!sotto_all_zero(h->block8, sizeof h->block8)) {
        return SOTTO_ERR_HEADER_BLOCK;
    }
    if (!sotto_all_zero(h->mk8, sizeof h->mk8)) {
        master = world->mk ? world->mk(world->ctx, h->mk8) : NULL;
        if (!master) return SOTTO_ERR_AGAIN;
    }
    if ((h->pn - old > SOTTO_SKIP_MAX || h->index > SOTTO_SKIP_MAX) && !SOTTO_PLANTED(SKIP_UNBOUNDED)) return SOTTO_ERR_SKIP;
    uint32_t room = h->pn - old + h->index;
    if (room) {
        step->added = sotto_guard_new(room * sizeof *step->added, NULL);
        if (!step->added) return SOTTO_ERR_NOMEM;
    }
    if (c->recv_on && !SOTTO_PLANTED(PN_IGNORED)) SOTTO_TRY(skip_to(s, c, step->added, &step->lost, h->pn, world, now_ms));
    uint8_t mix[32];
    struct sotto_secret dh;
    if (sotto_base_x(&dh, &c->scalar, &point) != SOTTO_OK) return SOTTO_ERR_HEADER_KEY;
    sotto_block_mix(mix, block);
    c->recv_hk = c->recv_nhk;
    sotto_root_mix(&c->rk, &c->recv_ck, &c->recv_nhk, &c->rk, &dh, mix, master);
    SOTTO_WIPE(dh);
    c->peer_point = h->point;
    c->recv_on = true;
    c->nr = 0;
    c->recv_pn = h->pn;
    c->recv_chain++;
    c->recv_arrived = 0;
    c->recv_height = h->height;
    memcpy(c->recv_block8, h->block8, sizeof c->recv_block8);
    memcpy(c->recv_mk8, h->mk8, sizeof c->recv_mk8);
    c->send_fresh = true;
    step->chain_new = true;
    return SOTTO_OK;
}

static enum sotto_err open_ahead(const struct sotto_session *s, struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_BYTES],
                                 const struct sotto_session_world *world, uint64_t now_ms)
{
    struct sotto_session_core *c = &step->next;
    bool next = step->hit.slot == SOTTO_SLOT_NEXT;
    const struct sotto_secret *hk = next ? &s->core.recv_nhk : &s->core.recv_hk;
    if (!next && (!s->core.recv_on || step->hit.index < s->core.nr)) return SOTTO_ERR_NOT_MINE;
    if (step->hit.index >= SOTTO_CHAIN_END) return SOTTO_ERR_NOT_MINE;
    uint8_t dir = sotto_session_dir_in(s);
    struct sotto_tag tag;
    struct sotto_scalar h;
    struct sotto_secret kbt_x, hs, mk;
    const struct sotto_secret *ready = sotto_prepared_kbt(s, hk, step->hit.index), *s_x = sotto_prepared_s(s, hk, step->hit.index);
    enum sotto_err err = SOTTO_OK;
    if (ready) {
        kbt_x = *ready;
        sotto_kdac_tag(&tag, &kbt_x);
        if (!s_x) err = sotto_kdac_h(&h, hk, dir, step->hit.index);
    } else {
        err = sotto_kdac_ahead(&tag, &h, &kbt_x, hk, dir, step->hit.index, world->exchange);
    }
    sotto_session_tag(&s->core, &tag);
    if (err != SOTTO_OK || memcmp(tag.b, sealed, sizeof tag.b) != 0) {
        err = SOTTO_ERR_NOT_MINE;
    } else {
        sotto_header_secret(&hs, hk, dir, step->hit.index);
        err = header_open(step, sealed, &hs);
    }
    if (err == SOTTO_OK) {
        *c = s->core;
        if (next) {
            err = enter_chain(s, c, step, world, now_ms);
        } else if (!repeats(c, &step->header)) {
            err = SOTTO_ERR_HEADER_CHAIN;
        } else if (step->header.index - c->nr > SOTTO_SKIP_MAX && !SOTTO_PLANTED(SKIP_UNBOUNDED)) {
            err = SOTTO_ERR_SKIP;
        } else if (step->header.index > c->nr) {
            step->added = sotto_guard_new((step->header.index - c->nr) * sizeof *step->added, NULL);
            if (!step->added) err = SOTTO_ERR_NOMEM;
        }
    }
    if (err == SOTTO_OK) err = skip_to(s, c, step->added, &step->lost, step->header.index, world, now_ms);
    if (err == SOTTO_OK) {
        sotto_chain_step(&mk, &c->recv_ck);
        c->nr = step->header.index + 1;
        if (c->recv_arrived < UINT32_MAX) c->recv_arrived++;
        err = body_open(s, step, sealed, &mk, &kbt_x, &h, s_x);
    }
    SOTTO_WIPE(h);
    SOTTO_WIPE(kbt_x);
    SOTTO_WIPE(hs);
    SOTTO_WIPE(mk);
    return err;
}

enum sotto_err sotto_session_open(const struct sotto_session *s, struct sotto_step *step, const struct sotto_hit *hit,
                                  const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_session_world *world, uint64_t now_ms)
{
    memset(step, 0, sizeof *step);
    step->hit = *hit;
    enum sotto_err err = hit->slot == SOTTO_SLOT_SKIPPED ? open_skipped(s, step, sealed, world) : open_ahead(s, step, sealed, world, now_ms);
    if (err != SOTTO_OK) sotto_session_drop(step);
    return err;
}

static enum sotto_err make_room(struct sotto_session *s, uint32_t more)
{
    uint32_t want = s->skipped_count + more, cap = s->skipped_cap ? s->skipped_cap : SKIPPED_CAP_FIRST;
    if (want <= s->skipped_cap) return SOTTO_OK;
    while (cap < want) cap *= 2;
    struct sotto_skipped *list = sotto_guard_new(cap * sizeof *list, NULL);
    if (!list) return SOTTO_ERR_NOMEM;
    if (s->skipped_count) memcpy(list, s->skipped, s->skipped_count * sizeof *list);
    sotto_guard_free(s->skipped);
    s->skipped = list;
    s->skipped_cap = cap;
    return SOTTO_OK;
}

void sotto_session_forget(struct sotto_session *s, uint32_t i)
{
    SOTTO_ASSERT(i < s->skipped_count);
    memmove(&s->skipped[i], &s->skipped[i + 1], (s->skipped_count - i - 1) * sizeof s->skipped[0]);
    s->skipped_count--;
    SOTTO_WIPE(s->skipped[s->skipped_count]);
    if (s->skipped_count == 0) {                      /* locked pages are scarce: give them back */
        sotto_guard_free(s->skipped);
        s->skipped = NULL;
        s->skipped_cap = 0;
    }
}

enum sotto_err sotto_session_put_skipped(struct sotto_session *s, const struct sotto_skipped *entry)
{
    if (s->skipped_count >= SOTTO_SKIPPED_MAX) return SOTTO_ERR_FULL;
    SOTTO_TRY(make_room(s, 1));
    uint32_t at = s->skipped_count;                   /* rows come in any order: oldest first again */
    while (at > 0 && (s->skipped[at - 1].ms > entry->ms || (s->skipped[at - 1].ms == entry->ms && s->skipped[at - 1].row > entry->row))) at--;
    memmove(&s->skipped[at + 1], &s->skipped[at], (s->skipped_count - at) * sizeof *entry);
    s->skipped[at] = *entry;
    s->skipped_count++;
    return SOTTO_OK;
}

uint32_t sotto_session_chain(const struct sotto_session *s, const struct sotto_step *step)
{
    return step->hit.slot == SOTTO_SLOT_SKIPPED ? s->skipped[step->used].chain : step->next.recv_chain;
}

void sotto_session_header_secret(const struct sotto_session *s, struct sotto_secret *hs, const struct sotto_step *step)
{
    if (step->hit.slot == SOTTO_SLOT_SKIPPED) *hs = s->skipped[step->used].hs;
    else sotto_header_secret(hs, step->hit.slot == SOTTO_SLOT_NEXT ? &s->core.recv_nhk : &s->core.recv_hk, sotto_session_dir_in(s), step->hit.index);
}

enum sotto_err sotto_session_commit(struct sotto_session *s, struct sotto_step *step)
{
    if (step->hit.slot == SOTTO_SLOT_SKIPPED) {
        if (!SOTTO_PLANTED(SKIPPED_KEY_KEPT)) sotto_session_forget(s, step->used);
    } else {
        if (step->lost) {
            SOTTO_TRY(make_room(s, step->lost));
            memcpy(s->skipped + s->skipped_count, step->added, step->lost * sizeof *step->added);
            s->skipped_count += step->lost;
        }
        s->core = step->next;
        sotto_prepared_received(s, step->chain_new);
    }
    return SOTTO_OK;
}

void sotto_session_drop(struct sotto_step *step)
{
    sotto_guard_free(step->added);
    SOTTO_WIPE(*step);
}
