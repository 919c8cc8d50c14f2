/* One side, or both, live on from an old copy of their state (messaging.md 1.2, 4.9): nothing written afterwards is lost or shown twice, nothing
 * is reported as delivered that is not there, and nobody has to do anything. */
#include "world.h"

struct copy { struct stored *rows; uint32_t rows_count; struct line *lines; uint32_t lines_count; uint64_t next_message; };

static struct copy copy_make(const struct person *p)
{
    struct copy c = { .rows_count = p->rows_count, .lines_count = p->lines_count, .next_message = p->next_message };
    c.rows = calloc(c.rows_count + 1, sizeof *c.rows);
    c.lines = calloc(c.lines_count + 1, sizeof *c.lines);
    assert_true(c.rows && c.lines);
    for (uint32_t i = 0; i < c.rows_count; i++) {
        c.rows[i] = (struct stored){ p->rows[i].table, p->rows[i].row, sotto_buf_make(1u << 20) };
        OK(sotto_buf_add_span(&c.rows[i].bytes, sotto_buf_span(&p->rows[i].bytes)));
    }
    for (uint32_t i = 0; i < c.lines_count; i++) {
        c.lines[i] = p->lines[i];
        c.lines[i].text = strdup(p->lines[i].text);
        assert_non_null(c.lines[i].text);
    }
    return c;
}

static void copy_back(struct person *p, struct copy *c)                  /* takes what c holds */
{
    person_stop(p);
    for (uint32_t i = 0; i < p->rows_count; i++) sotto_buf_free(&p->rows[i].bytes);
    for (uint32_t i = 0; i < p->lines_count; i++) free(p->lines[i].text);
    free(p->rows);
    free(p->lines);
    p->rows = c->rows, p->rows_count = c->rows_count, p->rows_cap = c->rows_count + 1;
    p->lines = c->lines, p->lines_count = c->lines_count, p->lines_cap = c->lines_count + 1;
    p->next_message = c->next_message;
    person_start(p);
}

static uint32_t lines_of(const struct person *p, const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->lines_count; i++) count += p->lines[i].type == SOTTO_CONTENT_TEXT && strcmp(p->lines[i].text, text) == 0;
    return count;
}

static void chat(struct world *w, struct person *a, struct person *b, unsigned most, const char *what, uint64_t pause_ms)
{
    for (uint64_t n = world_draw(w, most + 1); n > 0; n--) {
        static unsigned serial;
        char text[64];
        struct person *from = world_chance(w, 50) ? a : b;
        snprintf(text, sizeof text, "%s %u", what, serial++);
        do_send(from, from == a ? b : a, text);
        world_run(w, pause_ms + (world_draw(w, 3) ? world_draw(w, 4000) : world_draw(w, 10 * MINUTE_MS)));
    }
}

/* What one of them wrote after the loss stands at the other once, and what is called delivered is there. */
static void check_told(struct person *from, struct person *to, uint64_t since_ms)
{
    for (uint32_t i = 0; i < from->lines_count; i++) {
        const struct line *l = &from->lines[i];
        if (!l->own || l->type != SOTTO_CONTENT_TEXT || l->ms < since_ms) continue;
        test_rule(l->state == SOTTO_MSG_DELIVERED, "what is written after the loss is delivered", worlds);
        test_rule(lines_of(to, l->text) == 1, "and shown once", worlds);
    }
}

enum who { ALICE = 1, BOB = 2, BOTH = 3 };

static uint64_t slowest_ms;

static void lost_and_healed(uint64_t seed, enum who who)
{
    struct world *w = world_new(seed, 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    chat(w, bob, alice, 8, "before", 0);
    struct copy first = copy_make(alice);
    struct copy second = copy_make(bob);
    chat(w, bob, alice, 8, "lost", 0);
    if (world_chance(w, 50)) world_run(w, HOUR_MS);
    uint32_t shown = texts_from(bob, alice);
    if (who & ALICE) copy_back(alice, &first);
    if (who & BOB) copy_back(bob, &second);
    uint64_t loss_ms = w->now_ms;
    world_run(w, 1 + world_draw(w, 20000));
    if (world_chance(w, 30)) person_crash(bob);
    if (world_chance(w, 30)) person_crash(alice);
    chat(w, bob, alice, 6, "after", 0);
    do_send(bob, alice, "the last of bob");
    do_send(alice, bob, "the last of alice");
    while (w->now_ms < loss_ms + 3 * DAY_MS && (contact_of(bob, alice).unacked || contact_of(alice, bob).unacked)) world_run(w, MINUTE_MS);
    if (w->now_ms - loss_ms > slowest_ms) slowest_ms = w->now_ms - loss_ms;
    world_run(w, HOUR_MS);
    check_told(bob, alice, loss_ms);
    check_told(alice, bob, loss_ms);
    if (!(who & BOB)) test_rule(texts_from(bob, alice) >= shown, "the side that lost nothing keeps what it was shown", worlds);
    world_run(w, 2 * DAY_MS);
    test_rule(bob->m->talks.count == 1 && alice->m->talks.count == 1, "one session is left", worlds);
    check_stored(alice), check_stored(bob);
    struct copy unused[2] = { who & ALICE ? (struct copy){ 0 } : first, who & BOB ? (struct copy){ 0 } : second };
    for (int k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < unused[k].rows_count; i++) sotto_buf_free(&unused[k].rows[i].bytes);
        for (uint32_t i = 0; i < unused[k].lines_count; i++) free(unused[k].lines[i].text);
        free(unused[k].rows);
        free(unused[k].lines);
    }
    world_free(w);
}

enum { ROUNDS = 12 };
static void many(enum who who)
{
    uint64_t seed = test_seed();
    slowest_ms = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) lost_and_healed(seed + i, who);
    printf("slowest: everything written was delivered %.1f h after the loss\n", (double)slowest_ms / HOUR_MS);
}
static void test_one_side(void **state) { (void)state, many(ALICE); }
static void test_other_side(void **state) { (void)state, many(BOB); }
static void test_both_sides(void **state) { (void)state, many(BOTH); }

static uint8_t last_cell[SOTTO_CELL_SEALED];
static void keep_cell(struct world *w, struct person *p, const uint8_t cell[SOTTO_CELL_SEALED])
{
    (void)w;
    if (p->index == 0) memcpy(last_cell, cell, sizeof last_cell);
}

static void junk(struct world *w, struct person *at, unsigned count)     /* under the address of Bob's last cell */
{
    uint8_t bad[SOTTO_CELL_SEALED];
    memcpy(bad, last_cell, sizeof bad);
    for (unsigned i = 0; i < count; i++) {
        sotto_rng_fill(&w->rng.rng, bad + 48, sizeof bad - 48);
        if (i & 1) sotto_rng_fill(&w->rng.rng, bad + 16, 32);
        assert_int_not_equal(sotto_messenger_cell_in(at->m, bad, world_now(w), &at->acts), SOTTO_OK);
        person_done(at);
    }
}

/* A relay sees an address before the cell is read, and may send anything under it. */
static void test_junk_renews_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    do_send(alice, bob, "warm");
    world_run(w, 10 * MINUTE_MS);
    uint32_t boxes = alice->boxes_out;
    w->watch = keep_cell;
    for (int i = 0; i < 50; i++) {                    /* before the cell and after it, at rest and with own messages under way */
        w->loss_pct = 100;
        do_send(bob, alice, "watched");
        w->loss_pct = 0;
        world_run(w, 10000);                          /* it left, as far as Bob knows */
        if (i & 1) do_send(alice, bob, "an answer");
        junk(w, alice, 4);
        OK(sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts));
        person_done(alice);
        junk(w, alice, 4);
        world_run(w, 5 * MINUTE_MS);
    }
    world_run(w, DAY_MS);
    assert_int_equal(alice->boxes_out, boxes);
    assert_null(text_line(alice, bob, "session renewed"));
    /* her messages do not arrive, and junk comes every minute for an hour: one question */
    w->loss_pct = 100;
    do_send(bob, alice, "watched");
    do_send(alice, bob, "lost on the way");
    for (int i = 0; i < 100; i++) {
        junk(w, alice, 2);
        world_run(w, MINUTE_MS);
    }
    assert_true(alice->boxes_out - boxes <= 2);       /* and its resending after an hour */
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
    assert_null(text_line(alice, bob, "session renewed"));
    world_free(w);
}

/* The first cell of a state that came back is enough, if the address was used within memory. */
static void test_used_address(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 10 * MINUTE_MS);
    struct copy c = copy_make(bob);
    do_send(bob, alice, "forgotten by its writer");
    world_run(w, 10 * MINUTE_MS);
    copy_back(bob, &c);
    uint64_t number = do_send(bob, alice, "under the same address and number");
    world_run(w, MINUTE_MS);
    assert_non_null(text_line(alice, bob, "session renewed"));
    assert_non_null(text_line(bob, alice, "session renewed"));
    assert_int_equal(lines_of(alice, "under the same address and number"), 1);
    assert_int_equal(lines_of(alice, "forgotten by its writer"), 1);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    world_free(w);
}

/* The other end acknowledges the lost message while the one that has its number now is on the way; and the other end has forgotten which
 * addresses were used. Neither may be taken for a "delivered". */
static void crossing(bool forgotten)
{
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    do_send(alice, bob, "warm");
    world_run(w, 10 * MINUTE_MS);
    uint64_t receipts = alice->m->config.receipt_mean_ms;
    alice->m->config.receipt_mean_ms = DAY_MS;        /* she acknowledges with her next message */
    do_send(bob, alice, "on the chain that the copy keeps");
    while (lines_of(alice, "on the chain that the copy keeps") == 0) world_run(w, 10);
    struct copy c = copy_make(bob);                   /* it can read her answer to that chain */
    uint64_t lost = do_send(bob, alice, "forgotten by its writer");
    while (lines_of(alice, "forgotten by its writer") == 0) world_run(w, 10);
    assert_false(((const struct talk *)bob->m->talks.at[0])->s->core.send_fresh);
    alice->m->config.receipt_mean_ms = receipts;
    copy_back(bob, &c);                               /* her acknowledgement is not even written */
    if (forgotten) person_crash(alice);
    uint64_t number = do_send(bob, alice, "under the same number");
    assert_int_equal(number, lost);
    do_send(alice, bob, "with the acknowledgement of the lost one");
    for (int i = 0; i < 20 * 60 && lines_of(alice, "under the same number") == 0; i++) {
        assert_int_not_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
        world_run(w, 100);
    }
    world_run(w, MINUTE_MS);
    assert_int_equal(lines_of(alice, "under the same number"), 1);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    assert_non_null(text_line(alice, bob, "session renewed"));
    assert_int_equal(lines_of(bob, "with the acknowledgement of the lost one"), 1);
    world_free(w);
}
static void test_crossing(void **state) { (void)state, crossing(false); }
static void test_forgotten_addresses(void **state) { (void)state, crossing(true); }

/* Nothing was lost, the node was only started again: one small cell more, for the first exchange after it. */
static void test_started_again(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 10 * MINUTE_MS);
    for (int i = 0; i < 6; i++) {
        bool first = i & 1;                           /* with and without a cell on the chain before */
        if (first) {
            do_send(bob, alice, "before");
            world_run(w, MINUTE_MS);
            do_send(bob, alice, "on the same chain or the next");
            world_run(w, MINUTE_MS);
        }
        person_crash(bob);
        uint64_t number[3];
        for (int k = 0; k < 3; k++) number[k] = do_send(bob, alice, k == 1 ? "ok" : "a longer text, after the start");
        world_run(w, MINUTE_MS);
        for (int k = 0; k < 3; k++) assert_int_equal(line_find(bob, number[k])->state, SOTTO_MSG_DELIVERED);
    }
    assert_null(text_line(alice, bob, "session renewed"));
    assert_null(text_line(bob, alice, "session renewed"));
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    check_stored(bob);
    world_free(w);
}

/* A side without anything unacknowledged missed more cells than it looks ahead for. */
static void test_away(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    do_send(alice, bob, "warm");
    world_run(w, 10 * MINUTE_MS);
    w->loss_pct = 100;
    for (int i = 0; i < 60; i++) {
        do_send(bob, alice, "passes by");
        world_run(w, 1000);
    }
    w->loss_pct = 0;
    w->pool_count = 0;
    do_send(bob, alice, "beyond the look-ahead");
    world_run(w, 10000);
    assert_int_equal(lines_of(alice, "beyond the look-ahead"), 0);
    sotto_messenger_away(alice->m, world_now(w), &alice->acts);
    person_done(alice);
    world_run(w, 1000);
    assert_int_equal(lines_of(alice, "beyond the look-ahead"), 1);
    check_stored(alice);
    world_free(w);
}

/* Lost in one session and sent again in the next: they stand in the places that were kept for them. */
static void test_places_in_the_next_session(void **state)
{
    (void)state;
    static const char *const texts[] = { "one", "two", "three", "four", "five", "six" };
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    do_send(bob, alice, texts[0]);
    world_run(w, 60000);
    w->loss_pct = 100;
    for (unsigned i = 1; i < 4; i++) do_send(bob, alice, texts[i]);
    world_run(w, 1000);
    w->loss_pct = 0;
    alice->hold_out = true;
    do_send(bob, alice, texts[4]);
    world_run(w, 1000);
    assert_int_equal(text_line(alice, bob, "five")->gap_before, 3);
    alice->hold_out = false;
    OK(sotto_messenger_resync(bob->m, &alice->id, world_now(w), &bob->acts));
    person_done(bob);
    world_run(w, 5 * MINUTE_MS);                      /* before she asks in the old one */
    do_send(bob, alice, texts[5]);
    world_run(w, HOUR_MS);
    assert_non_null(text_line(alice, bob, "session renewed"));
    assert_int_equal(texts_from(alice, bob), 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(text_line(alice, bob, texts[i])->gap_before, 0);
        if (i) assert_true(text_line(alice, bob, texts[i - 1])->message < text_line(alice, bob, texts[i])->message);
    }
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    check_stored(alice), check_stored(bob);
    world_free(w);
}

static const struct talk *newest(const struct person *p)
{
    const struct contact *c = (const struct contact *)p->m->contacts.at[0];
    return (const struct talk *)c->talks.at[c->talks.count - 1];
}

/* Late in the old session, and not yet here in the new one, where something newer is: it waits for its place. */
static void test_late_in_the_old_session(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    uint8_t late[SOTTO_CELL_SEALED];
    world_befriend(bob, alice);
    world_run(w, HOUR_MS);
    w->watch = keep_cell;
    w->loss_pct = 100;
    do_send(bob, alice, "one");
    world_run(w, 1000);
    w->loss_pct = 0;
    w->watch = NULL;
    memcpy(late, last_cell, sizeof late);
    OK(sotto_messenger_resync(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    uint64_t until = w->now_ms + MINUTE_MS;
    while (newest(alice)->generation == 1 && world_step(w, until)) continue;
    bob->hold_out = true;                             /* what he says again in the new session does not leave yet */
    while (!(newest(bob)->generation == 2 && newest(bob)->confirmed) && world_step(w, until)) continue;
    assert_true(newest(bob)->confirmed);
    world_run(w, 1000);
    bob->hold_out = false;
    do_send(bob, alice, "two");
    world_run(w, 1000);
    assert_int_equal(text_line(alice, bob, "two")->gap_before, 1);
    OK(sotto_messenger_cell_in(alice->m, late, world_now(w), &alice->acts));
    person_done(alice);
    assert_null(text_line(alice, bob, "one"));
    person_crash(bob);                                /* hands out again what has not left */
    world_run(w, HOUR_MS);
    assert_int_equal(texts_from(alice, bob), 2);
    assert_true(text_line(alice, bob, "one")->message < text_line(alice, bob, "two")->message);
    assert_int_equal(text_line(alice, bob, "two")->gap_before, 0);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    check_stored(alice), check_stored(bob);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_in_the_old_session), cmocka_unit_test(test_one_side), cmocka_unit_test(test_other_side), cmocka_unit_test(test_both_sides),
        cmocka_unit_test(test_places_in_the_next_session), cmocka_unit_test(test_junk_renews_nothing), cmocka_unit_test(test_used_address), cmocka_unit_test(test_away),
        cmocka_unit_test(test_crossing), cmocka_unit_test(test_forgotten_addresses), cmocka_unit_test(test_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
