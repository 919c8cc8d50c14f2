/* relay/: links of sotto/1. The node's static key, the fresh keys, the keys and plain texts of cells. */
#include "ct.h"

#include "crypto/rng.h"
#include "relay/link.h"
#include "relay/link_keys.h"

#include <stdlib.h>

/* One end of a handshake: public halves are made while the scalars are not yet secret. */
struct end {
    struct sotto_scalar own, fresh;
    struct sotto_point own_pub, fresh_pub;
    uint8_t status[SOTTO_RL_STATUS_SIZE];
};

static void make_end(struct end *e)
{
    struct sotto_rl_status s = { .options = sotto_rl_options() };
    sotto_scalar_random(&e->own, ct_open_rng());
    sotto_scalar_random(&e->fresh, ct_open_rng());
    CT_OK(sotto_point_make(&e->own_pub, &e->own));
    CT_OK(sotto_point_make(&e->fresh_pub, &e->fresh));
    s.fresh = e->fresh_pub;
    CT_OK(sotto_rl_status_write(e->status, &s, NULL, 0));
    CT_SECRET(e->own);
    CT_SECRET(e->fresh);
}

static void keys_of(struct sotto_rl_keys *out, bool dialled, const struct end *me, const struct end *peer)
{
    const struct sotto_rl_side side = { .dialled = dialled, .own = &me->own, .fresh = &me->fresh, .own_pub = me->own_pub, .peer_pub = peer->own_pub,
                                        .peer_fresh = peer->fresh_pub, .own_status = SOTTO_SPAN(me->status), .peer_status = SOTTO_SPAN(peer->status) };
    CT_OK(sotto_rl_keys(out, &side));
}

static void handshake(void)
{
    struct end i, r;
    struct sotto_rl_keys ki, kr;
    make_end(&i);
    make_end(&r);
    keys_of(&ki, true, &i, &r);
    keys_of(&kr, false, &r, &i);
    for (unsigned d = 0; d < 2; d++) {
        CT_STILL_SECRET(ki.k[d]);
        CT_STILL_SECRET(ki.d[d]);
        CT_STILL_SECRET(ki.iv[d]);
        CT_STILL_SECRET(kr.k[d]);
    }
    CT_REVEAL(ki, "compared by the test");
    CT_REVEAL(kr, "compared by the test");
    if (memcmp(&ki, &kr, sizeof ki) != 0) abort();
}

/* The last cell under a key and the first under the next one, both classes. */
static void cells(void)
{
    struct sotto_secret key;
    uint8_t iv[12], plain[SOTTO_RL_PLAIN_L], back[SOTTO_RL_PLAIN_L], payload[SOTTO_RL_PAYLOAD_MAX];
    static const uint8_t th[32] = { 9 };
    size_t size;
    enum sotto_rl_class got;
    sotto_rng_fill(ct_rng(), key.b, sizeof key.b);
    sotto_rng_fill(ct_rng(), iv, sizeof iv);
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    struct sotto_rl_lane out, in;
    sotto_rl_lane_begin(&out, &key, iv, th, SOTTO_RL_IR);
    in = out;
    out.counter = in.counter = SOTTO_RL_REKEY - 1;
    for (unsigned c = SOTTO_RL_S; c <= SOTTO_RL_L; c++) {
        CT_OK(sotto_rl_seal(&out, payload, &size, (enum sotto_rl_class)c, plain));
        ct_reveal(payload, size, "it is sent");
        CT_OK(sotto_rl_open(&in, back, &got, sotto_span(payload, size)));
        if ((unsigned)got != c) abort();
        ct_still_secret(back, sotto_rl_plain(got));
        CT_STILL_SECRET(out.key);
        CT_STILL_SECRET(in.key);
    }
    payload[size - 1] ^= 1;                       /* a cell that does not open: where it differs stays unknown */
    if (sotto_rl_open(&in, back, &got, sotto_span(payload, size)) != SOTTO_ERR_CELL_OPEN) abort();
    sotto_rl_lane_end(&out);
    sotto_rl_lane_end(&in);
}

/* ---- two whole machines ---- */

enum { FRAMES_MAX = 16 };
struct machine {
    struct sotto_rl *link;
    struct { unsigned code; size_t size; uint8_t bytes[SOTTO_RL_PAYLOAD_MAX]; } frames[FRAMES_MAX];
    unsigned count, taken, ups, messages;
};

static void frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct machine *m = owner;
    if (m->count == FRAMES_MAX) abort();
    m->frames[m->count].code = code;
    m->frames[m->count].size = payload.size;
    memcpy(m->frames[m->count].bytes, payload.data, payload.size);
    ct_reveal(m->frames[m->count].bytes, payload.size, "it is sent");
    m->count++;
}
static void up(void *owner) { ((struct machine *)owner)->ups++; }
static void message(void *owner, const struct sotto_rl_message *got)
{
    ((struct machine *)owner)->messages++;
    (void)got;
}
static void pause_it(void *owner, uint64_t until_us)
{
    (void)owner;
    (void)until_us;
}
static void ended(void *owner, enum sotto_err err)
{
    (void)owner;
    CT_OK(err);
}

static void begin(struct machine *m, const struct end *me, const struct end *peer, bool dialled, struct sotto_rl_budget *budget)
{
    struct sotto_rl_config c = { .dialled = dialled, .key = &me->own, .own_pub = me->own_pub, .peer_pub = peer->own_pub, .options = sotto_rl_options(),
                                 .budget = budget, .rng = ct_rng(), .sink = { m, frame, up, message, pause_it, ended } };
    c.options.has = SOTTO_RL_HAS(1);
    CT_OK(sotto_rl_new(&m->link, &c, (struct sotto_now){ 1, 1 }));
    sotto_rl_room(m->link, SIZE_MAX);
    sotto_rl_begin(m->link, (struct sotto_now){ 1, 1 });
}

static void machines(void)
{
    static struct machine m[2];
    struct sotto_rl_budget budget = { 0, SOTTO_RL_BUDGET_MAX };
    struct end e[2];
    static const uint8_t stem[3000] = { 3 };
    memset(m, 0, sizeof m);
    make_end(&e[0]);
    make_end(&e[1]);
    ct_public.points = ct_public.cells = true;
    begin(&m[0], &e[0], &e[1], true, &budget);
    begin(&m[1], &e[1], &e[0], false, &budget);
    for (unsigned i = 0; i < 2; i++) CT_OK(sotto_rl_send(m[i].link, SOTTO_RL_STEM_TX, SOTTO_SPAN(stem)));
    for (bool moved = true; moved;) {
        moved = false;
        for (unsigned i = 0; i < 2; i++)
            for (; m[i].taken < m[i].count; m[i].taken++, moved = true)
                sotto_rl_frame(m[!i].link, m[i].frames[m[i].taken].code, sotto_span(m[i].frames[m[i].taken].bytes, m[i].frames[m[i].taken].size), (struct sotto_now){ 2, 2 });
    }
    for (unsigned i = 0; i < 2; i++) {
        if (m[i].ups != 1 || m[i].messages != 1) abort();
        sotto_rl_free(m[i].link);
    }
}

const struct ct_op ct_ops_relay[] = { { "link-handshake", handshake }, { "link-cells", cells }, { "link-machines", machines }, { NULL, NULL } };
