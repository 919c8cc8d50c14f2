/* First contact over a network that loses, repeats and forges: asking, declining, crossing, limits. */
#include "world.h"

static uint8_t last_cell[SOTTO_CELL_SEALED];          /* what the first person sent last */
static void keep_cell(struct world *w, struct person *p, const uint8_t cell[SOTTO_CELL_SEALED])
{
    (void)w;
    if (p->index == 0) memcpy(last_cell, cell, SOTTO_CELL_SEALED);
}

static void test_wrong_account(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 3);
    struct person *bob = &w->people[0], *alice = &w->people[1], *carol = &w->people[2];
    world_befriend(bob, alice);
    do_send(bob, alice, "not for Carol");
    world_run(w, 60000);
    struct sotto_messenger_stats stats;
    sotto_messenger_stats(carol->m, &stats);
    assert_true(stats.not_mine > 4);
    assert_int_equal(stats.opened, 0);
    assert_int_equal(stats.tags, 0);
    assert_int_equal(carol->rows_count, 0);
    world_free(w);
}

static void test_both_at_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        struct world *w = world_new(test_seed() + i, 2);
        struct person *a = &w->people[0], *b = &w->people[1];
        w->delay_ms = 3000;
        do_add(a, b);
        do_add(b, a);
        do_send(a, b, "early words of a");        /* wait until it is mutual */
        do_send(b, a, "early words of b");
        world_run(w, 60000);
        assert_int_equal(contact_of(a, b).state, SOTTO_CONTACT_MUTUAL);
        assert_int_equal(contact_of(b, a).state, SOTTO_CONTACT_MUTUAL);
        assert_int_equal(a->m->talks.count, 2);
        assert_int_equal(b->m->talks.count, 2);
        const struct talk *ta = sotto_talk_sending((struct contact *)a->m->contacts.at[0]), *tb = sotto_talk_sending((struct contact *)b->m->contacts.at[0]);
        assert_memory_equal(ta->s->core.c2, tb->s->core.c2, 32);          /* both send on the one with the smaller c2 */
        do_send(a, b, "later words of a");
        do_send(b, a, "later words of b");
        world_run(w, 60000);
        assert_int_equal(texts_from(a, b), 2);
        assert_int_equal(texts_from(b, a), 2);
        assert_int_equal(contact_of(a, b).unacked + contact_of(b, a).unacked, 0);
        for (int day = 0; day < 3; day++) {
            do_send(a, b, "daily");
            do_send(b, a, "daily");
            world_run(w, DAY_MS);
        }
        assert_int_equal(a->m->talks.count, 1);       /* the other was wiped after a day without a cell */
        assert_int_equal(b->m->talks.count, 1);
        assert_int_equal(texts_from(a, b), 5);
        assert_int_equal(texts_from(b, a), 5);
        check_stored(a), check_stored(b);
        world_free(w);
    }
}

static unsigned confirmed(const struct person *p)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < p->m->talks.count; i++) count += ((const struct talk *)p->m->talks.at[i])->confirmed;
    return count;
}

/* A text that was written in the first of two sessions and is late does not come behind those that were written after it. */
static void test_both_at_once_in_order(void **state)
{
    (void)state;
    unsigned other_would_send = 0;
    for (uint64_t i = 0; i < 64 && other_would_send < 3; i++) {
        struct world *w = world_new(test_seed() + i, 2);
        struct person *a = &w->people[0], *b = &w->people[1];
        w->delay_ms = 3000;
        do_add(a, b);
        do_add(b, a);
        uint64_t until = w->now_ms + 60000;
        while ((confirmed(a) == 0 || contact_of(a, b).state != SOTTO_CONTACT_MUTUAL) && world_step(w, until)) continue;
        if (confirmed(a) == 1) {
            w->loss_pct = 100;
            do_send(a, b, "one");
            w->loss_pct = 0;
            while (confirmed(a) == 1 && world_step(w, until)) continue;
            const struct contact *c = (const struct contact *)a->m->contacts.at[0];
            const struct talk *first = sotto_talk_sending(c);
            assert_int_equal(confirmed(a), 2);
            for (uint32_t k = 0; k < a->m->talks.count; k++)
                other_would_send += memcmp(((const struct talk *)a->m->talks.at[k])->s->core.c2, first->s->core.c2, 32) < 0;
            do_send(a, b, "two");
            do_send(a, b, "three");
            world_run(w, DAY_MS / 2);
            assert_int_equal(texts_from(b, a), 3);
            assert_true(text_line(b, a, "one")->message < text_line(b, a, "two")->message);
            assert_true(text_line(b, a, "two")->message < text_line(b, a, "three")->message);
            const struct talk *ta = sotto_talk_sending(c), *tb = sotto_talk_sending((struct contact *)b->m->contacts.at[0]);
            assert_memory_equal(ta->s->core.c2, tb->s->core.c2, 32);      /* once nothing is on its way: the smaller c2 again */
            check_stored(a), check_stored(b);
        }
        world_free(w);
    }
    assert_int_equal(other_would_send, 3);
}

static void test_decline_and_undo(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    do_add(bob, alice);
    world_run(w, 5000);
    uint32_t before = alice->cells_out;
    OK(sotto_messenger_decline(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, DAY_MS);
    assert_int_equal(alice->cells_out, before);       /* silent */
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_DECLINED);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_REQUESTED);
    do_accept(alice, bob);                            /* taken back */
    world_run(w, 5000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    world_free(w);

    w = world_new(test_seed() + 1, 2);
    bob = &w->people[0], alice = &w->people[1];
    do_add(bob, alice);
    world_run(w, 5000);
    OK(sotto_messenger_decline(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    assert_int_equal(sotto_messenger_decline(alice->m, &bob->id, world_now(w), &alice->acts), SOTTO_ERR_STATE);
    world_run(w, 15 * DAY_MS);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_STATES);              /* forgotten */
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_UNANSWERED);
    assert_int_equal(bob->cells_out, 5);              /* once, and after 1, 6, 24 and 72 hours */
    assert_int_equal(alice->cells_out, 0);
    check_stored(alice), check_stored(bob);
    world_free(w);
}

/* Whatever of the three first cells is lost, the contact comes about. */
static void test_lost_hellos(void **state)
{
    (void)state;
    for (int lose_first = 0; lose_first < 3; lose_first++) {
        struct world *w = world_new(test_seed(), 2);
        struct person *bob = &w->people[0], *alice = &w->people[1];
        w->loss_pct = lose_first == 0 ? 100 : 0;
        do_add(bob, alice);
        world_run(w, 5000);
        w->loss_pct = 0;
        world_run(w, 2 * HOUR_MS);
        assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_INCOMING);
        w->loss_pct = lose_first == 1 ? 100 : 0;
        do_accept(alice, bob);
        do_send(alice, bob, "waits for M3");
        if (lose_first == 1) world_run(w, 5000);
        if (lose_first == 2) {
            while (contact_of(bob, alice).state != SOTTO_CONTACT_MUTUAL) {
                if (w->events_count == 1 || sotto_hello_of(bob->m, &alice->id, HELLO_OUT)) w->loss_pct = 100;     /* M3 leaves in the call that takes M2 */
                assert_true(world_step(w, w->now_ms + HOUR_MS));
            }
            do_send(bob, alice, "first, lost");
            world_run(w, 1000);
            w->loss_pct = 0;
            do_send(bob, alice, "second, parked");
            world_run(w, 1000);
            assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_ACCEPTED);
            assert_int_equal(texts_from(alice, bob), 0);
        }
        w->loss_pct = 0;
        world_run(w, 3 * HOUR_MS);
        assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
        assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
        assert_non_null(text_line(bob, alice, "waits for M3"));
        if (lose_first == 2) {
            assert_non_null(text_line(alice, bob, "first, lost"));
            assert_int_equal(text_line(alice, bob, "second, parked")->number, 3);
            assert_int_equal(texts_from(alice, bob), 2);
        }
        check_stored(alice), check_stored(bob);
        world_free(w);
    }
}

/* M2 lost three times, and the asker away for half a day: its resent M1 is answered; the same box again is not. */
static void test_answer_again(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    w->watch = keep_cell;
    do_add(bob, alice);
    world_run(w, 5000);
    w->loss_pct = 100;
    do_accept(alice, bob);
    world_run(w, 5 * HOUR_MS);
    assert_int_equal(alice->cells_out, 3);            /* twice again, then she waits */
    w->loss_pct = 0;
    assert_int_equal(sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts), SOTTO_OK);   /* the M1 of the first hour: lost till now */
    person_done(alice);
    assert_int_equal(alice->cells_out, 4);
    w->loss_pct = 100;
    assert_int_equal(sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts), SOTTO_ERR_REPLAY);
    assert_int_equal(alice->acts.count, 0);
    w->loss_pct = 0;
    world_run(w, 5000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    world_free(w);
}

static void test_replayed_requests(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    uint8_t before[32], after[32];
    w->watch = keep_cell;
    do_add(bob, alice);
    world_run(w, 5000);
    person_crash(alice);                              /* the cache of h1 is stored */
    rows_digest(alice, before);
    assert_int_equal(sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts), SOTTO_ERR_REPLAY);
    for (int i = 0; i < 400; i++) {
        uint8_t bad[SOTTO_CELL_SEALED];
        memcpy(bad, last_cell, sizeof bad);
        bad[world_draw(w, SOTTO_CELL_SEALED)] ^= (uint8_t)(1u << world_draw(w, 8));
        enum sotto_err err = sotto_messenger_cell_in(alice->m, bad, world_now(w), &alice->acts);
        assert_true(err == SOTTO_ERR_NOT_MINE || err == SOTTO_ERR_AEAD);
        assert_int_equal(alice->acts.count, 0);
    }
    rows_digest(alice, after);
    assert_memory_equal(before, after, 32);
    check_stored(alice);
    OK(sotto_messenger_decline(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    OK(sotto_messenger_remove(alice->m, &bob->id, true, world_now(w), &alice->acts));
    person_done(alice);
    assert_int_equal(sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts), SOTTO_ERR_REPLAY);
    world_free(w);
}

/* An older M1 that was lost then is of no use to whoever kept it: T rises. */
static void test_kept_request(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    uint8_t kept[SOTTO_CELL_SEALED], before[32], after[32];
    w->watch = keep_cell;
    w->loss_pct = 100;
    do_add(bob, alice);
    world_run(w, 5000);
    memcpy(kept, last_cell, sizeof kept);
    OK(sotto_messenger_remove(bob->m, &alice->id, true, world_now(w), &bob->acts));
    person_done(bob);
    w->loss_pct = 0;
    do_add(bob, alice);
    world_run(w, 5000);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_INCOMING);
    rows_digest(alice, before);
    assert_int_equal(sotto_messenger_cell_in(alice->m, kept, world_now(w), &alice->acts), SOTTO_ERR_REPLAY);
    assert_int_equal(alice->acts.count, 0);
    rows_digest(alice, after);
    assert_memory_equal(before, after, 32);
    do_accept(alice, bob);
    world_run(w, 5000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    world_free(w);
}

/* M3 must carry what only the one who was answered can know; anything else leaves the contact where it is. */
static void test_wrong_confirm(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    do_add(bob, alice);
    world_run(w, 5000);
    bob->hold_out = true;
    do_accept(alice, bob);
    world_run(w, 5000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_ACCEPTED);
    uint8_t body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_SEALED], payload[33] = { SOTTO_SYSTEM_CONFIRM };
    memcpy(payload + 1, ((struct talk *)alice->m->talks.at[0])->confirm.b, 32);
    payload[1 + world_draw(w, 32)] ^= (uint8_t)(1u << world_draw(w, 8));
    struct sotto_body b = { .type = SOTTO_CONTENT_SYSTEM, .seq = 1, .time_ms = w->now_ms, .fragments = 1, .payload = SOTTO_SPAN(payload) };
    sotto_body_encode(body, &b);
    OK(sotto_session_send(((struct talk *)bob->m->talks.at[0])->s, sealed, NULL, body, 0, NULL, &bob->m->world));
    assert_int_equal(sotto_messenger_cell_in(alice->m, sealed, world_now(w), &alice->acts), SOTTO_ERR_HELLO_CONFIRM);
    assert_int_equal(alice->acts.count, 0);
    check_stored(alice);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_ACCEPTED);
    bob->hold_out = false;
    person_crash(bob);                                /* hands his M3 out again */
    world_run(w, 5000);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
    world_free(w);
}

/* Requests are few: four a day of one person, and when all places are taken the cheapest puzzle goes. */
static void test_request_limits(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    for (int i = 0; i < 6; i++) {
        do_add(bob, alice);
        world_run(w, 5000);
        OK(sotto_messenger_remove(bob->m, &alice->id, true, world_now(w), &bob->acts));
        person_done(bob);
    }
    assert_int_equal(alice->m->h1s.count, 4);
    assert_int_equal(alice->m->stats.refused[SOTTO_ERR_FULL], 2);
    assert_int_equal(alice->m->contacts.count, 1);
    world_run(w, DAY_MS);
    do_add(bob, alice);
    world_run(w, 5000);
    assert_int_equal(alice->m->h1s.count, 5);
    world_free(w);

    w = world_new(test_seed() + 1, 2);
    alice = &w->people[1];
    unsigned dearest = 0;
    struct sotto_id dear = { { 0 } };
    for (int i = 0; i < 14; i++) {                    /* fourteen strangers, eight places */
        person_stop(&w->people[0]);
        struct person *stranger = &w->people[0];
        sotto_acts_free(&stranger->acts);
        for (uint32_t k = 0; k < stranger->rows_count; k++) sotto_buf_free(&stranger->rows[k].bytes);
        for (uint32_t k = 0; k < stranger->lines_count; k++) free(stranger->lines[k].text);
        free(stranger->rows), free(stranger->lines), sotto_buf_free(&stranger->cert);
        person_make(w, 0, test_seed() + 100 + (uint64_t)i);
        w->runs[0] += 100;
        person_start(stranger);
        do_add(stranger, alice);
        unsigned bits = 0;
        while (world_step(w, w->now_ms + 5000)) {
            struct hello *h = sotto_hello_of(stranger->m, &alice->id, HELLO_OUT);
            if (!h || !h->solved) continue;
            struct sotto_hello hello;
            OK(sotto_hello_parse(&hello, SOTTO_SPAN(h->pt)));
            bits = 0;
            while (sotto_puzzle_good(h->puzzle, hello.puzzle, bits + 1)) bits++;
        }
        if (bits > dearest) dearest = bits, dear = stranger->id;
    }
    assert_int_equal(alice->m->contacts.count, 8);
    struct sotto_contact c;
    assert_true(sotto_messenger_contact(alice->m, &dear, &c));
    check_stored(alice);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_account),
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_both_at_once_in_order),
        cmocka_unit_test(test_decline_and_undo),
        cmocka_unit_test(test_lost_hellos),
        cmocka_unit_test(test_answer_again),
        cmocka_unit_test(test_replayed_requests),
        cmocka_unit_test(test_kept_request),
        cmocka_unit_test(test_wrong_confirm),
        cmocka_unit_test(test_request_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
