/* Two sessions against a model that knows the rules of messaging.md 4.5 and 4.6 and no cryptography: cells arrive in any order, late,
 * twice or never. Each opens exactly when the model says so, and once; no address and no X comes twice. */
#include "support/test.h"

#include "conversation/session.h"
#include "crypto/rng.h"

#define OK(expr) assert_int_equal((expr), SOTTO_OK)

enum { RUNS = 16, STEPS = 90, FLIGHT_MAX = 3000, BURST_MAX = 12, CROWD = SOTTO_SKIP_MAX + 40 };

struct flying { int from; uint32_t chain, index; bool used; uint8_t cell[SOTTO_CELL_BYTES]; };

struct end {
    struct sotto_scalar k;
    struct sotto_point pub;
    struct sotto_id id;
    struct sotto_session *s;
    struct sotto_session_world world;
    /* the model of this end */
    uint32_t sending, next;                           /* number of its sending chain (1 ..), cells sent in it */
    bool answer_due;                                  /* something came under a new key: the next cell begins a chain */
    uint32_t receiving, expected, arrived;            /* number of the other's chain, next index in it, cells of it that came */
};

struct play {
    struct sotto_chacha_rng rng;
    struct end at[2];
    struct flying *flights;
    uint32_t count;
    unsigned run;
};

static uint64_t draw(struct play *p, uint64_t below) { return sotto_rng_below(&p->rng.rng, below); }

static void begin(struct play *p, uint64_t seed, unsigned run)
{
    struct sotto_session_start start = { .initiator = true };
    struct flying *flights = p->flights;
    char purpose[32];
    *p = (struct play){ .flights = flights, .run = run };
    snprintf(purpose, sizeof purpose, "session property %u", run);
    sotto_rng_from_seed(&p->rng, seed, purpose);
    sotto_scalar_random(&start.eph_r_scalar, &p->rng.rng);
    OK(sotto_point_make(&start.eph_r, &start.eph_r_scalar));
    sotto_rng_fill(&p->rng.rng, start.rk.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_i.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_r.b, 32);
    sotto_rng_fill(&p->rng.rng, start.c2, 32);
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        sotto_scalar_random(&e->k, &p->rng.rng);
        OK(sotto_point_make(&e->pub, &e->k));
        OK(sotto_id_of(&e->id, &e->pub));
        e->world = (struct sotto_session_world){ .rng = &p->rng.rng, .exchange = &e->k };
    }
    for (int i = 0; i < 2; i++) {
        start.initiator = i == 0;
        start.own = p->at[i].id;
        start.peer = p->at[1 - i].id;
        start.peer_xkey = p->at[1 - i].pub;
        OK(sotto_session_new(&p->at[i].s, &start, &p->at[i].k));
    }
    p->at[0].answer_due = true;                       /* who asked may write at once */
}

/* Values made before they are needed must be as good as those made when they are. */
static void prepare(struct play *p, int who)
{
    unsigned budget = (unsigned)draw(p, 20);
    (void)sotto_session_prepare(p->at[who].s, &p->at[who].world, &budget);
    if (draw(p, 40) == 0) sotto_session_unprepare(p->at[who].s);
}

static void say(struct play *p, int who)
{
    struct end *e = &p->at[who];
    bool may = e->answer_due || e->sending > 0;
    test_rule(sotto_session_can_send(e->s) == may, "who may write", p->run);
    if (!may || p->count == FLIGHT_MAX) return;
    if (e->answer_due) e->sending++, e->next = 0, e->answer_due = false;
    struct flying *f = &p->flights[p->count++];
    *f = (struct flying){ .from = who, .chain = e->sending, .index = e->next++ };
    uint8_t body[SOTTO_BODY_BYTES];
    uint32_t index;
    struct sotto_body b = { .type = SOTTO_CONTENT_TEXT, .seq = p->count, .time_ms = 1, .fragments = 1, .payload = sotto_span_str("hello") };
    sotto_body_encode(body, &b);
    OK(sotto_session_send(e->s, f->cell, &index, body, 0, NULL, &e->world));
    test_rule(index == f->index, "indexes rise by one", p->run);
}

/* What the receiver has to say to this cell, if it looks as far ahead as it should (or, far, past every skip). */
static enum sotto_err verdict(const struct end *e, const struct flying *f, bool far)
{
    uint32_t window = far ? 2 * SOTTO_SKIP_MAX : e->receiving && e->arrived >= SOTTO_AHEAD_AFTER ? SOTTO_AHEAD_MORE : SOTTO_AHEAD_MIN;
    if (f->used) return SOTTO_ERR_NOT_MINE;
    if (f->chain < e->receiving) return SOTTO_OK;     /* of a chain that ended: its key was kept */
    uint32_t from = f->chain == e->receiving ? e->expected : 0;
    if (f->index < from) return SOTTO_OK;
    if (f->index - from >= window) return SOTTO_ERR_NOT_MINE;
    return f->index - from > SOTTO_SKIP_MAX ? SOTTO_ERR_SKIP : SOTTO_OK;
}

static void hear(struct play *p, struct flying *f, bool far)
{
    struct end *e = &p->at[1 - f->from];
    enum sotto_err want = verdict(e, f, far), err = SOTTO_ERR_NOT_MINE;
    uint32_t window = far ? 2 * SOTTO_SKIP_MAX : sotto_session_window(e->s) ? sotto_session_window(e->s) : SOTTO_AHEAD_MIN;
    struct sotto_tag tag;
    struct sotto_hit hit;
    memcpy(tag.b, f->cell, sizeof tag.b);
    if (sotto_session_find(e->s, &hit, &tag, window, &e->k)) {
        struct sotto_step step;
        err = sotto_session_open(e->s, &step, &hit, f->cell, &e->world, 1000);
        if (err == SOTTO_OK) err = sotto_session_commit(e->s, &step);
        sotto_session_drop(&step);
    }
    if (err != want) print_error("chain %u index %u: %s, expected %s\n", f->chain, f->index, sotto_err_name(err), sotto_err_name(want));
    test_rule(err == want || want == SOTTO_OK || f->used, "the window and its bounds are exact", p->run);
    test_rule(err == want || !f->used, "a cell opens once", p->run);
    test_rule(err == want, "a cell inside the bounds opens", p->run);
    if (err != SOTTO_OK) return;
    f->used = true;
    if (f->chain > e->receiving) {
        e->receiving = f->chain;
        e->expected = e->arrived = 0;
        e->answer_due = true;
    }
    if (f->chain == e->receiving && f->index >= e->expected) {
        e->expected = f->index + 1;
        e->arrived++;
    }
}

static int by_tag(const void *a, const void *b) { return memcmp(((const struct flying *)a)->cell, ((const struct flying *)b)->cell, SOTTO_TAG_BYTES); }
static int by_x(const void *a, const void *b) { return memcmp(((const struct flying *)a)->cell + 16, ((const struct flying *)b)->cell + 16, 32); }

static void play(struct play *p)
{
    say(p, 0);
    hear(p, &p->flights[0], false);
    for (unsigned step = 0; step < STEPS; step++) {
        int who = (int)draw(p, 2);
        if (draw(p, 2)) prepare(p, (int)draw(p, 2));
        if (p->count && draw(p, 3)) {                 /* one of the latest, or any; also one that was heard before */
            uint32_t among = draw(p, 3) && p->count > BURST_MAX ? BURST_MAX : p->count;
            hear(p, &p->flights[p->count - 1 - draw(p, among)], false);
            continue;
        }
        for (uint64_t i = draw(p, BURST_MAX) + 1; i > 0; i--) say(p, who);
    }
    if (p->run % 8 == 1) {                            /* now and then a long absence: about as many as may be skipped at once */
        int who = (int)draw(p, 2);
        for (unsigned i = 0; i < CROWD; i++) say(p, who);
        for (int i = 0; i < 3; i++) {
            struct flying *f = &p->flights[p->count - 1 - draw(p, 60)];
            if (f->from == who) hear(p, f, true);
        }
    }
    qsort(p->flights, p->count, sizeof *p->flights, by_tag);
    for (uint32_t i = 1; i < p->count; i++) test_rule(by_tag(&p->flights[i - 1], &p->flights[i]) != 0, "no address comes twice", p->run);
    qsort(p->flights, p->count, sizeof *p->flights, by_x);
    for (uint32_t i = 1; i < p->count; i++) test_rule(by_x(&p->flights[i - 1], &p->flights[i]) != 0, "no X comes twice", p->run);
}

static void test_any_order(void **state)
{
    (void)state;
    struct play p = { .flights = calloc(FLIGHT_MAX, sizeof(struct flying)) };
    assert_non_null(p.flights);
    OK(sotto_crypto_init());
    for (unsigned run = 1; run <= RUNS; run++) {
        begin(&p, test_seed(), run);
        play(&p);
        sotto_session_free(p.at[0].s);
        sotto_session_free(p.at[1].s);
    }
    free(p.flights);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_any_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
