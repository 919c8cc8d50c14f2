/* Random scripts: loss, reordering, doubling, crashes with the acts of the last call thrown away or done by half. Every message
 * arrives exactly once, under the number of its place; whatever is in memory is what is stored. */
#include "world.h"

/* A line that must be found once: "<sender> <count>" and, now and then, enough behind it for several cells. */
static void make_text(struct world *w, char *out, size_t size, int from, unsigned count)
{
    int head = snprintf(out, size, "%d %06u ", from, count);
    size_t more = world_chance(w, 8) ? world_draw(w, 4000) : world_draw(w, 40);
    for (size_t i = 0; i < more && (size_t)head + i + 1 < size; i++) out[(size_t)head + i] = (char)('a' + (count + i) % 26), out[(size_t)head + i + 1] = 0;
}

struct sent { struct person *from, *to; uint64_t message; char *text; };

static void check_arrived(struct sent *sent, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct person *to = sent[i].to;
        unsigned found = 0;
        uint32_t number = 0;
        for (uint32_t k = 0; k < to->lines_count; k++) {
            struct line *l = &to->lines[k];
            if (l->own || strcmp(l->text, sent[i].text) != 0) continue;
            assert_true(sotto_id_equal(&l->chat, &sent[i].from->id));
            number = l->number;
            found++;
        }
        if (found != 1) printf("message %u of person %d: found %u times, state %s\n", i, sent[i].from->index, found,
                               sotto_message_state_name(line_find(sent[i].from, sent[i].message)->state));
        assert_int_equal(found, 1);
        assert_int_equal(line_find(sent[i].from, sent[i].message)->state, SOTTO_MSG_DELIVERED);
        assert_int_equal(line_find(sent[i].from, sent[i].message)->number, number);
        for (unsigned k = 0; k < i; k++) {            /* shown by number = in the order of writing */
            if (sent[k].from != sent[i].from) continue;
            struct line *before = line_find(sent[k].from, sent[k].message);
            assert_true(before->number < number);
        }
    }
}

static void run_script(uint64_t seed, unsigned steps, unsigned loss, unsigned crash, unsigned prepare)
{
    struct world *w = world_new(seed, 2);
    struct person *a = &w->people[0], *b = &w->people[1];
    struct sent *sent = calloc(steps, sizeof *sent);
    unsigned count = 0;
    assert_non_null(sent);
    if (prepare) world_prepares(w, prepare, prepare > 50 ? 2 : 0);
    world_befriend(a, b);
    w->loss_pct = loss;
    w->dup_pct = 15;
    w->crash_pct = crash;
    w->delay_ms = 20000;
    w->life_ms = 30 * MINUTE_MS;
    for (unsigned i = 0; i < steps; i++) {
        struct person *p = world_chance(w, 50) ? a : b, *other = p == a ? b : a;
        switch (world_draw(w, 6)) {
        case 0:
            world_run(w, world_draw(w, 3 * HOUR_MS));
            break;
        case 1:
            person_crash(p);
            break;
        case 2:
            world_run(w, world_draw(w, 60000));
            break;
        default: {
            char text[5000];
            make_text(w, text, sizeof text, p->index, count);
            uint64_t message = do_send(p, other, text);
            struct line *line = line_find(p, message);
            /* A crash may have come before the commit: then it was never written. */
            if (!line || !line->own || strcmp(line->text, text) != 0) break;
            sent[count++] = (struct sent){ p, other, message, strdup(text) };
            if (world_chance(w, 70)) world_run(w, world_draw(w, 5000));
        }
        }
        if (world_chance(w, 20)) check_stored(a), check_stored(b);
    }
    w->loss_pct = w->crash_pct = 0;
    world_run(w, 4 * DAY_MS);
    assert_int_equal(w->prepared > 0, prepare > 0);
    check_arrived(sent, count);
    assert_int_equal(texts_from(a, b) + texts_from(b, a), count);
    check_stored(a);
    check_stored(b);
    assert_int_equal(contact_of(a, b).unacked + contact_of(b, a).unacked, 0);
    for (unsigned i = 0; i < count; i++) free(sent[i].text);
    free(sent);
    world_free(w);
}

static void test_quiet_network(void **state)
{
    (void)state;
    run_script(test_seed(), 60, 0, 0, 0);
}

static void test_bad_network(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) run_script(test_seed() + i, 80, 20, 0, 0);
}

static void test_crashes(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) run_script(test_seed() + 100 + i, 80, 10, 4, 0);
}

/* With idle times, long and short, that make values and tags before they are needed. */
static void test_prepared(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) run_script(test_seed() + 300 + i, 80, 15, 2, i < 2 ? 30 : 90);
}

static const struct talk *talk_with(const struct person *p, const struct person *other)
{
    const struct contact *c = sotto_contact_find(p->m, &other->id);
    assert_true(c && c->talks.count == 1);
    return (const struct talk *)c->talks.at[0];
}

static void chatter(struct world *w, struct person *from, struct person *to, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[40];
        snprintf(text, sizeof text, "%u of %d to %d, at %llu", i, from->index, to->index, (unsigned long long)w->now_ms);
        assert_true(do_send(from, to, text) != 0);
        world_run(w, 5000);
        assert_non_null(text_line(to, from, text));
    }
}

/* Tables of multiples: after 32 cells, as many contacts as allowed, given on to a busier one after a rest, gone with the session. */
static void test_tables(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed() + 400, 3);
    struct person *a = &w->people[0], *b = &w->people[1], *c = &w->people[2];
    world_prepares(w, 100, 1);
    world_befriend(a, b);
    world_befriend(a, c);
    chatter(w, b, a, 5);
    assert_null(talk_with(a, b)->s->p_table);
    chatter(w, a, b, 20);
    const struct sotto_session *s = talk_with(a, b)->s;
    assert_true(s->p_table && s->xkey_table && talk_with(b, a)->s->p_table && a->m->tables_count == 1);
    chatter(w, a, b, 5);                              /* cells made and opened with them */
    chatter(w, b, a, 5);
    chatter(w, a, c, 40);                             /* one contact is all a may have, and b wrote a moment ago */
    assert_true(talk_with(a, b)->s->p_table && !talk_with(a, c)->s->p_table && talk_with(c, a)->s->p_table);
    world_run(w, 11 * MINUTE_MS);
    chatter(w, a, c, 40);
    assert_true(!talk_with(a, b)->s->p_table && talk_with(a, c)->s->p_table && a->m->tables_count == 1);
    chatter(w, b, a, 2);
    OK(person_call(a, &(struct call){ .kind = CALL_END, .other = c }));
    person_done(a);
    assert_int_equal(a->m->tables_count, 0);
    assert_true(w->prepared > 0);
    world_free(w);
}

/* A messenger loaded from its rows does, at every single step, exactly what the one that lived on does. */
static void test_reloaded_is_the_same(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed() + 200, 3);
    struct person *people = w->people;
    w->twins = true;
    w->delay_ms = 3000;
    do_add(&people[0], &people[1]);
    do_add(&people[1], &people[0]);                   /* both at once */
    do_add(&people[2], &people[0]);
    world_run(w, 10000);
    do_accept(&people[0], &people[2]);
    world_run(w, 10000);
    w->loss_pct = 15;
    w->dup_pct = 10;
    for (int i = 0; i < 120; i++) {
        struct person *p = &people[world_draw(w, 3)], *other = &people[world_draw(w, 3)];
        char text[3000];
        struct call c = { .other = other };
        if (p == other) continue;
        switch (world_draw(w, 12)) {
        case 0: world_run(w, world_draw(w, 2 * HOUR_MS)); continue;
        case 1: c.kind = CALL_READ, c.id = p->next_message; break;
        case 2: c.kind = CALL_RESYNC; break;
        case 3: c.kind = CALL_BLOCK, c.value = world_chance(w, 25); break;
        case 4:
            c.kind = world_chance(w, 10) ? CALL_END : CALL_ACCEPT;
            break;
        case 5: c.kind = CALL_ADD; break;
        default:
            make_text(w, text, sizeof text, p->index, (unsigned)i);
            do_send(p, other, text);
            world_run(w, world_draw(w, 4000));
            continue;
        }
        if (person_call(p, &c) == SOTTO_OK) person_done(p);
        else assert_int_equal(p->acts.count, 0);
        world_run(w, world_draw(w, 4000));
    }
    world_run(w, 2 * DAY_MS);
    assert_true(w->twin_calls > 200);
    for (int i = 0; i < 3; i++) check_stored(&people[i]);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_network),
        cmocka_unit_test(test_bad_network),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_reloaded_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
