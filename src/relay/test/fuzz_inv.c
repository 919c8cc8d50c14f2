/* The inventory as a sequence of inputs, beside a plain one that is written in arrays and looks at everything each time: INV, MISS, bodies and GET
 * of six links, those that go and come back, and time.
 *
 *     byte 0   bits 0-1: links at one time, 1 to 4 · 2: the first of them are up already
 *     a step   op(1): its low bits what, its high bits which link; then what it needs
 *
 * After each step both say the same: whom was asked for what, who lost points, what was forgotten, what is served, what waits and until when. GET goes
 * to who announced, three times at most and each time to another link; bounds hold; what was announced is served once. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "relay/inv.h"

enum { LINKS = 6, IDS = 512, TOLD_IDS = 20480, TELLS_MAX = 20000, STEPS_MAX = 400, CALLS_MAX = 4096 };

/* ---- the plain inventory ---- */

struct source { unsigned link; bool asked, gone, counted; uint64_t asked_us; };
struct want { bool open; struct source from[SOTTO_INV_TRIES]; unsigned count; int current; uint64_t due_us; };       /* current: who was asked last, -1 nobody */
struct link {
    bool up;                                      /* what follows counts only then */
    uint32_t told[TOLD_IDS];                      /* announced to it and not fetched: its number in order, from 1; 0: not */
    uint16_t order[TELLS_MAX + 1];                /* what was announced, one after the other; fetched ones are still among them */
    uint32_t oldest, tells, told_count;           /* oldest: no number before it counts any more */
};

/* What the sink was called with: the plain one adds, the real one takes away, and nothing is left. */
struct calls { int get[LINKS][IDS], offend[LINKS], forgot[IDS]; };

static struct {
    struct sotto_inv *v;
    struct want want[IDS];
    bool known[IDS];
    struct calls calls;
    unsigned links_max, calls_left, tells_left;
    struct sotto_now now;
} w;
static struct link links[LINKS];

static unsigned waiting_of(unsigned link)
{
    unsigned count = 0;
    for (unsigned n = 0; n < IDS; n++)
        for (unsigned k = 0; k < w.want[n].count && w.want[n].open; k++) count += w.want[n].from[k].link == link && !w.want[n].from[k].gone;
    return count;
}

static struct source *source_of(unsigned n, unsigned link)
{
    for (unsigned k = 0; k < w.want[n].count && w.want[n].open; k++)
        if (w.want[n].from[k].link == link && !w.want[n].from[k].gone) return &w.want[n].from[k];
    return NULL;
}

static void plain_next(unsigned n)
{
    struct want *x = &w.want[n];
    for (unsigned k = (unsigned)(x->current + 1); k < x->count; k++) {
        if (x->from[k].gone) continue;
        x->current = (int)k;
        x->from[k].asked = true;
        x->from[k].asked_us = w.now.mono_us;
        x->due_us = w.now.mono_us + SOTTO_INV_GET_US;
        w.calls.get[x->from[k].link][n]++;
        return;
    }
    *x = (struct want){ .open = false };
    w.calls.forgot[n]++;
}

static void plain_announced(unsigned link, unsigned n, unsigned *waiting)
{
    struct want *x = &w.want[n];
    if (!links[link].up || *waiting == SOTTO_INV_WAITING_MAX || w.known[n]) return;
    bool fresh = !x->open;
    if (fresh) *x = (struct want){ .open = true, .current = -1 };
    else if (x->count == SOTTO_INV_TRIES || source_of(n, link)) return;
    x->from[x->count++] = (struct source){ .link = link };
    ++*waiting;
    if (fresh) plain_next(n);
}

static void plain_gone(unsigned n, struct source *s)
{
    bool current = w.want[n].current >= 0 && s == &w.want[n].from[w.want[n].current];
    s->gone = true;
    if (current) plain_next(n);
}

static void plain_tick(void)
{
    for (unsigned n = 0; n < IDS; n++) {
        struct want *x = &w.want[n];
        if (!x->open || x->due_us > w.now.mono_us) continue;
        for (unsigned k = 0; k < x->count; k++) {
            struct source *s = &x->from[k];
            if (!s->asked || s->gone || s->counted || w.now.mono_us < s->asked_us + SOTTO_INV_LATE_US) continue;
            s->counted = true;
            w.calls.offend[s->link] += SOTTO_INV_SCORE;
        }
        plain_next(n);
    }
}

static bool plain_tell(unsigned link, unsigned n)
{
    struct link *l = &links[link];
    if (!l->up || l->told[n]) return false;
    if (l->told_count == SOTTO_INV_TOLD_MAX) {
        while (l->told[l->order[l->oldest]] != l->oldest) l->oldest++;
        l->told[l->order[l->oldest++]] = 0;
        l->told_count--;
    }
    l->told_count++;
    l->told[n] = ++l->tells;
    l->order[l->tells] = (uint16_t)n;
    return true;
}

static void plain_down(unsigned link)
{
    if (!links[link].up) return;
    for (unsigned n = 0; n < IDS; n++) {
        struct source *s = source_of(n, link);
        if (s) plain_gone(n, s);
    }
    links[link].up = false;
}

/* ---- the sink ---- */

static unsigned number_of(const uint8_t id[SOTTO_INV_ID]) { return sotto_be16(id + 3); }

static bool known(void *owner, const uint8_t id[SOTTO_INV_ID])
{
    (void)owner;
    return w.known[number_of(id)];
}
static void get(void *owner, uint32_t link, const uint8_t id[SOTTO_INV_ID])
{
    (void)owner;
    SOTTO_ASSERT(link >= 1 && link <= LINKS && w.calls_left-- > 0);
    w.calls.get[link - 1][number_of(id)]--;
}
static void offend(void *owner, uint32_t link, int score)
{
    (void)owner;
    SOTTO_ASSERT(link >= 1 && link <= LINKS && score == SOTTO_INV_SCORE && w.calls_left-- > 0);
    w.calls.offend[link - 1] -= score;
}
static void forgot(void *owner, const uint8_t id[SOTTO_INV_ID])
{
    (void)owner;
    SOTTO_ASSERT(w.calls_left-- > 0);
    w.calls.forgot[number_of(id)]--;
}

/* ---- after each step ---- */

static void check(void)
{
    static const struct calls none;
    unsigned wanted = 0, waiting[LINKS] = { 0 };
    uint64_t due = UINT64_MAX;
    SOTTO_ASSERT(memcmp(&w.calls, &none, sizeof none) == 0);
    for (unsigned n = 0; n < IDS; n++) {
        const struct want *x = &w.want[n];
        if (!x->open) continue;
        wanted++;
        if (x->due_us < due) due = x->due_us;
        for (unsigned k = 0; k < x->count; k++) waiting[x->from[k].link] += !x->from[k].gone;
        SOTTO_ASSERT(x->count >= 1 && x->count <= SOTTO_INV_TRIES && x->current >= 0 && !x->from[x->current].gone && links[x->from[x->current].link].up);
    }
    SOTTO_ASSERT(sotto_inv_wanted(w.v) == wanted && sotto_inv_deadline(w.v) == due);
    for (unsigned link = 0; link < LINKS; link++)
        SOTTO_ASSERT(waiting[link] <= SOTTO_INV_WAITING_MAX && (links[link].up || waiting[link] == 0) && sotto_inv_waiting(w.v, link + 1) == waiting[link]);
}

/* ---- steps ---- */

static const uint8_t *id_of(unsigned n)
{
    static uint8_t id[SOTTO_INV_ID] = { 1, 2, 3 };
    sotto_put_be16(id + 3, (uint16_t)n);
    return id;
}

static void go_up(unsigned link)
{
    unsigned up = 0;
    for (unsigned i = 0; i < LINKS; i++) up += links[i].up;
    enum sotto_err err = fuzz_err(sotto_inv_up(w.v, link + 1));
    SOTTO_ASSERT(err == (links[link].up ? SOTTO_ERR_EXISTS : up == w.links_max ? SOTTO_ERR_FULL : SOTTO_OK));
    if (err != SOTTO_OK) return;
    memset(links[link].told, 0, sizeof links[link].told);
    links[link].oldest = 1;
    links[link].tells = links[link].told_count = 0;
    links[link].up = true;
}

static void announce(unsigned link, unsigned from, unsigned count)
{
    unsigned waiting = waiting_of(link);
    for (unsigned k = 0; k < count; k++) {
        unsigned n = (from + k) % IDS;
        plain_announced(link, n, &waiting);
        sotto_inv_announced(w.v, link + 1, id_of(n), w.now);
    }
}

static void tell(unsigned link, unsigned from, unsigned count)
{
    for (unsigned k = 0; k < count && w.tells_left > 0; k++, w.tells_left--) {
        unsigned n = (from + k) % TOLD_IDS;
        bool want = plain_tell(link, n);
        SOTTO_ASSERT(sotto_inv_tell(w.v, link + 1, id_of(n)) == want);
    }
}

static void ask(unsigned link, unsigned number, bool have)
{
    struct link *l = &links[link];
    unsigned n = number % TOLD_IDS;
    enum sotto_inv_answer want = !l->up || !l->told[n] ? SOTTO_INV_SILENCE : have ? SOTTO_INV_SERVE : SOTTO_INV_MISS;
    if (want == SOTTO_INV_SILENCE) w.calls.offend[link] += l->up ? SOTTO_INV_SCORE : 0;
    else l->told[n] = 0, l->told_count--;
    SOTTO_ASSERT(sotto_inv_asked(w.v, link + 1, id_of(n), have) == want);
}

static void act(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    unsigned link = (op >> 4) % LINKS, n = fuzz_u16(in);
    w.calls_left = CALLS_MAX;
    switch (op % 16) {
    case 0: case 1: announce(link, n % IDS, 1); break;
    case 2: announce(link, n % IDS, fuzz_u8(in)); break;
    case 3: announce(link, 0, IDS); break;
    case 4: {
        struct source *s = source_of(n % IDS, link);
        if (s && s->asked) plain_gone(n % IDS, s);
        sotto_inv_missed(w.v, link + 1, id_of(n % IDS), w.now);
        break;
    }
    case 5: case 6:
        w.want[n % IDS] = (struct want){ .open = false };
        w.known[n % IDS] = op % 16 == 5;
        sotto_inv_body(w.v, id_of(n % IDS));
        break;
    case 7: w.known[n % IDS] = false; break;      /* it has expired */
    case 8: case 9: {
        uint64_t due = sotto_inv_deadline(w.v);
        uint64_t us = op % 16 == 8 ? (uint64_t)n * 200 : due == UINT64_MAX ? 0 : due > w.now.mono_us ? due - w.now.mono_us : 0;
        w.now.mono_us += us;
        plain_tick();
        sotto_inv_tick(w.v, w.now);
        break;
    }
    case 10: go_up(link); break;
    case 11:
        plain_down(link);
        sotto_inv_down(w.v, link + 1, w.now);
        SOTTO_ASSERT(sotto_inv_waiting(w.v, link + 1) == 0);
        break;
    case 12: tell(link, n, 1); break;
    case 13: tell(link, n, fuzz_u8(in) << (n >> 13)); break;
    case 14: ask(link, n, link & 1); break;
    default:
        for (unsigned k = fuzz_u8(in); k > 0; k--) ask(link, n++, k & 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_chacha_rng rng;
    uint8_t how = fuzz_u8(&in);
    const struct sotto_inv_sink sink = { NULL, known, get, offend, how & 8 ? NULL : forgot };
    memset(&w, 0, sizeof w);
    for (unsigned link = 0; link < LINKS; link++) links[link].up = false;
    w.now.mono_us = 1000000;
    w.links_max = 1 + (how & 3u);
    w.tells_left = TELLS_MAX;
    sotto_rng_from_seed(&rng, how, "inventory");
    SOTTO_ASSERT(sotto_inv_new(&w.v, w.links_max, &rng.rng, &sink) == SOTTO_OK);
    for (unsigned link = 0; link < w.links_max && how & 4; link++) go_up(link);
    for (unsigned k = 0; k < STEPS_MAX && fuzz_left(&in); k++) {
        act(&in);
        if (how & 8) memset(w.calls.forgot, 0, sizeof w.calls.forgot);            /* nobody listens */
        check();
    }
    sotto_inv_free(w.v);
    return 0;
}
