/* What one contact may cost, however much of it is lost. */
#include "world.h"

/* Three times a thousand cells are lost: keys are kept for the newest 2,048, in memory, in the table and on the disk alike. */
static void test_skipped_bound(void **state)
{
    (void)state;
    enum { LOST = 1000, ROUNDS = 3 };
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    person_stop(alice);
    world_run(w, 20 * MINUTE_MS);
    person_start(alice);                              /* away time: she looks far ahead */
    world_run(w, 1000);
    const struct talk *from = (const struct talk *)bob->m->talks.at[0];
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_SEALED];
        struct sotto_body b = { .type = SOTTO_CONTENT_RECEIPT, .time_ms = w->now_ms, .fragments = 1 };
        sotto_body_encode(body, &b);
        for (int i = 0; i <= LOST; i++) OK(sotto_session_send(from->s, sealed, NULL, body, 0, NULL, &bob->m->world));
        OK(sotto_messenger_cell_in(alice->m, sealed, world_now(w), &alice->acts));
        person_done(alice);
        do_send(alice, bob, "a new chain");
        world_run(w, 5000);
    }
    const struct talk *t = (const struct talk *)alice->m->talks.at[0];
    uint32_t rows = 0;
    for (uint32_t i = 0; i < alice->rows_count; i++) rows += alice->rows[i].table == SOTTO_TABLE_SKIPPED;
    assert_int_equal(t->s->skipped_count, SOTTO_SKIPPED_MAX);
    assert_int_equal(rows, SOTTO_SKIPPED_MAX);
    assert_int_equal(sotto_tags_count(alice->m->tags), t->ahead_count + SOTTO_SKIPPED_MAX + t->used->count);
    check_stored(alice);
    person_crash(alice);
    assert_int_equal(((const struct talk *)alice->m->talks.at[0])->s->skipped_count, SOTTO_SKIPPED_MAX);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_skipped_bound) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
