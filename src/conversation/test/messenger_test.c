/* Alice and Bob as scripts on a virtual clock. */
#include "world.h"

static uint8_t last_cell[SOTTO_CELL_SEALED];          /* what the first person sent last */
static void keep_cell(struct world *w, struct person *p, const uint8_t cell[SOTTO_CELL_SEALED])
{
    (void)w;
    if (p->index == 0) memcpy(last_cell, cell, SOTTO_CELL_SEALED);
}

static void test_first_words(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 3);
    struct person *bob = &w->people[0], *alice = &w->people[1], *carol = &w->people[2];
    do_add(bob, alice);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_REQUESTED);
    world_run(w, 5000);
    struct sotto_contact asked = contact_of(alice, bob);
    assert_int_equal(asked.state, SOTTO_CONTACT_INCOMING);
    assert_string_equal(asked.note, "It is me");
    assert_int_equal(alice->events[SOTTO_EVENT_CONTACT_REQUEST], 1);
    do_accept(alice, bob);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_ACCEPTED);
    world_run(w, 5000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
    uint64_t number = do_send(bob, alice, "Is the kettle on?");
    assert_true(number);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_QUEUED);
    world_run(w, 30000);
    struct line *got = text_line(alice, bob, "Is the kettle on?");
    assert_non_null(got);
    assert_int_equal(got->number, 2);                 /* number 1 confirmed the contact */
    assert_int_equal(got->gap_before, 0);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    assert_int_equal(contact_of(alice, bob).unread, 1);
    OK(sotto_messenger_read(alice->m, &bob->id, got->message, world_now(w), &alice->acts));
    person_done(alice);
    assert_int_equal(contact_of(alice, bob).unread, 0);
    number = do_send(alice, bob, "Two sugars?");
    world_run(w, 30000);
    got = text_line(bob, alice, "Two sugars?");
    assert_non_null(got);
    assert_int_equal(got->number, 1);
    assert_int_equal(line_find(alice, number)->state, SOTTO_MSG_DELIVERED);
    assert_int_equal(texts_from(carol, bob) + texts_from(carol, alice) + carol->rows_count, 0);
    for (int i = 0; i < 3; i++) check_stored(&w->people[i]);
    world_free(w);
}


/* ---- Limits and mistakes of the person ---- */

static void test_person_mistakes(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 3);
    struct person *bob = &w->people[0], *alice = &w->people[1], *carol = &w->people[2];
    struct sotto_now now = world_now(w);
    struct sotto_span none = sotto_span(NULL, 0);
    uint64_t message;
    char long_alias[SOTTO_ALIAS_MAX + 2];
    memset(long_alias, 'x', sizeof long_alias - 1);
    long_alias[sizeof long_alias - 1] = 0;
    static uint8_t text[SOTTO_TEXT_MAX + 1];
    memset(text, 'y', sizeof text);
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&bob->cert), NULL, NULL, now, &bob->acts), SOTTO_ERR_STATE);
    assert_int_equal(sotto_messenger_add(bob->m, sotto_span(text, 230), NULL, NULL, now, &bob->acts), SOTTO_ERR_CERT_FORM);
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&alice->cert), long_alias, NULL, now, &bob->acts), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&alice->cert), "\xff", NULL, now, &bob->acts), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_messenger_accept(bob->m, &alice->id, NULL, now, &bob->acts), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_TEXT, none, sotto_span_str("x"), 0, 0, now, &bob->acts), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_messenger_cancel(bob->m, 7, now, &bob->acts), SOTTO_ERR_MISSING);
    assert_int_equal(bob->rows_count, 0);
    world_befriend(bob, alice);
    now = world_now(w);
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&alice->cert), NULL, NULL, now, &bob->acts), SOTTO_ERR_EXISTS);
    assert_int_equal(sotto_messenger_accept(bob->m, &alice->id, NULL, now, &bob->acts), SOTTO_ERR_STATE);
    assert_int_equal(sotto_messenger_decline(bob->m, &alice->id, now, &bob->acts), SOTTO_ERR_STATE);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_TEXT, none, sotto_span(text, SOTTO_TEXT_MAX + 1), 0, 0, now, &bob->acts), SOTTO_ERR_TOO_LONG);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_TEXT, none, sotto_span("\xc3", 1), 0, 0, now, &bob->acts), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_SYSTEM, none, sotto_span_str("x"), 0, 0, now, &bob->acts), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_MAIL, sotto_span(text, 256), sotto_span_str("x"), 0, 0, now, &bob->acts), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_MAIL, sotto_span(text, 9), sotto_span(text, SOTTO_TEXT_MAX), 0, 0, now, &bob->acts), SOTTO_ERR_TOO_LONG);
    assert_int_equal(bob->acts.count, 0);
    check_stored(bob);
    /* the longest text and the longest mail arrive */
    OK(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_TEXT, none, sotto_span(text, SOTTO_TEXT_MAX), 0, 0, now, &bob->acts));
    person_done(bob);
    OK(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_MAIL, sotto_span_str("Tea"), sotto_span(text, SOTTO_TEXT_MAX - 4), 0, 0, now, &bob->acts));
    person_done(bob);
    world_run(w, 30000);
    assert_int_equal(texts_from(alice, bob), 2);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    assert_int_equal(alice->m->talks.count, 1);
    assert_int_equal(((struct talk *)alice->m->talks.at[0])->parts.count, 0);
    /* bounds */
    bob->m->config.unacked_max = 3;
    bob->hold_out = true;
    for (int i = 0; i < 3; i++) assert_true(do_send(bob, alice, "waiting"));
    assert_int_equal(sotto_messenger_send(bob->m, &message, &alice->id, SOTTO_KIND_TEXT, none, sotto_span_str("x"), 0, 0, now, &bob->acts), SOTTO_ERR_FULL);
    bob->m->config.pending_max = 0;
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&carol->cert), NULL, NULL, now, &bob->acts), SOTTO_ERR_FULL);
    bob->m->config.pending_max = 8;
    bob->m->config.contacts_max = 1;
    assert_int_equal(sotto_messenger_add(bob->m, sotto_buf_span(&carol->cert), NULL, NULL, now, &bob->acts), SOTTO_ERR_FULL);
    assert_int_equal(bob->acts.count, 0);
    world_free(w);
}

/* ---- Messages over time ---- */

static void test_refused_cells_change_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    uint8_t before[32], after[32], cell[SOTTO_CELL_SEALED];
    world_befriend(bob, alice);
    world_run(w, 60000);
    w->watch = keep_cell;
    w->loss_pct = 100;
    do_send(bob, alice, "intact");
    w->loss_pct = 0;
    memcpy(cell, last_cell, sizeof cell);
    rows_digest(alice, before);
    for (int i = 0; i < 600; i++) {
        uint8_t bad[SOTTO_CELL_SEALED];
        memcpy(bad, cell, sizeof bad);
        size_t at = world_draw(w, SOTTO_CELL_SEALED);
        bad[at] ^= (uint8_t)(1u << world_draw(w, 8));
        assert_int_equal(sotto_messenger_cell_in(alice->m, bad, world_now(w), &alice->acts), at < 16 ? SOTTO_ERR_NOT_MINE : SOTTO_ERR_AEAD);
        assert_int_equal(alice->acts.count, 0);
    }
    check_stored(alice);
    rows_digest(alice, after);
    assert_memory_equal(before, after, 32);
    OK(sotto_messenger_cell_in(alice->m, cell, world_now(w), &alice->acts));
    person_done(alice);
    assert_int_equal(texts_from(alice, bob), 1);
    rows_digest(alice, before);
    assert_int_equal(sotto_messenger_cell_in(alice->m, cell, world_now(w), &alice->acts), SOTTO_ERR_NOT_MINE);       /* replay */
    assert_int_equal(alice->acts.count, 0);
    rows_digest(alice, after);
    assert_memory_equal(before, after, 32);
    world_free(w);
}

/* K-31: what opened a message is nowhere in the store once it was received. */
static void test_no_key_stays(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    for (int i = 0; i < 6; i++) {
        struct sotto_session *s = ((struct talk *)bob->m->talks.at[0])->s;
        struct sotto_secret ck = s->core.send_ck, mk, old = ck;
        uint32_t ns = s->core.ns;
        do_send(bob, alice, "gone after reading");
        if (s->core.ns != ns + 1) continue;           /* a new chain began: its key is not known before */
        sotto_chain_step(&mk, &ck);
        world_run(w, 20000);
        for (int p = 0; p < 2; p++)
            for (uint32_t k = 0; k < w->people[p].rows_count; k++) {
                const struct sotto_buf *b = &w->people[p].rows[k].bytes;
                if (b->size < 32) continue;
                assert_null(memmem(b->data, b->size, mk.b, 32));
                assert_null(memmem(b->data, b->size, old.b, 32));
                if (w->people[p].rows[k].table == SOTTO_TABLE_HELLO) continue;
                assert_null(memmem(b->data, b->size, w->people[p].roles.key[SOTTO_ROLE_EXCHANGE].b, 32));
            }
    }
    world_free(w);
}

static void test_expiry_and_late_answer(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    person_stop(alice);
    uint32_t before = bob->cells_out - bob->boxes_out, boxes = bob->boxes_out;
    uint64_t lost = do_send(bob, alice, "nobody at home"), short_lived;
    OK(sotto_messenger_send(bob->m, &short_lived, &alice->id, SOTTO_KIND_TEXT, sotto_span(NULL, 0), sotto_span_str("tea at four"), 0, 2 * HOUR_MS, world_now(w), &bob->acts));
    person_done(bob);
    world_run(w, 3 * HOUR_MS);
    assert_int_equal(line_find(bob, short_lived)->state, SOTTO_MSG_EXPIRED);
    assert_int_equal(line_find(bob, lost)->state, SOTTO_MSG_SENT);
    world_run(w, 14 * DAY_MS);
    assert_int_equal(line_find(bob, lost)->state, SOTTO_MSG_EXPIRED);
    uint32_t copies = bob->cells_out - bob->boxes_out - before;
    assert_true(copies >= 4 + 4 + 12 && copies <= 4 + 4 + 14);           /* once and three times on the first day, then daily */
    uint32_t asked = bob->boxes_out - boxes;                             /* after a day without a word, and daily at most: has she lost her state? */
    assert_true(asked >= 5 && asked <= 3 + 14);
    assert_null(text_line(bob, alice, "session renewed"));
    assert_true(contact_of(bob, alice).not_collected);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    person_crash(bob);
    /* Alice comes back: what she can still read is answered, and the holes of what she missed are closed */
    person_start(alice);
    do_send(bob, alice, "welcome back");
    world_run(w, 2 * HOUR_MS);
    assert_non_null(text_line(alice, bob, "welcome back"));
    assert_int_equal(texts_from(alice, bob), 1);
    assert_false(contact_of(bob, alice).not_collected);
    struct talk *t = (struct talk *)alice->m->talks.at[0];
    assert_int_equal(t->window.ack, t->window.high);
    assert_int_equal(line_find(bob, lost)->state, SOTTO_MSG_EXPIRED);
    /* sent again by hand */
    struct line *l = line_find(bob, lost);
    struct sotto_message again = { .message = lost, .chat = alice->id, .own = true, .type = SOTTO_CONTENT_TEXT, .state = SOTTO_MSG_EXPIRED, .ms = l->ms,
                                   .text = sotto_span_str(l->text) };
    memcpy(again.mid, l->mid, 8);
    OK(sotto_messenger_resend(bob->m, &again, 0, world_now(w), &bob->acts));
    person_done(bob);
    assert_int_equal(sotto_messenger_resend(bob->m, &again, 0, world_now(w), &bob->acts), SOTTO_ERR_STATE);
    world_run(w, 60000);
    assert_non_null(text_line(alice, bob, "nobody at home"));
    assert_int_equal(line_find(bob, lost)->state, SOTTO_MSG_DELIVERED);
    check_stored(alice), check_stored(bob);
    world_free(w);
}

/* It did arrive, only the answer was lost for two weeks: "expired" becomes "delivered". */
static void test_late_ack_corrects(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    alice->hold_out = true;
    uint64_t number = do_send(bob, alice, "heard you");
    world_run(w, 15 * DAY_MS);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_EXPIRED);
    assert_int_equal(texts_from(alice, bob), 1);
    alice->hold_out = false;
    person_crash(alice);                              /* what she held is handed out again */
    world_run(w, 60000);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    assert_int_equal(((struct contact *)bob->m->contacts.at[0])->out.count, 0);
    world_free(w);
}

static void test_cancel(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    do_add(bob, alice);
    uint64_t early = do_send(bob, alice, "written too early");
    OK(sotto_messenger_cancel(bob->m, early, world_now(w), &bob->acts));               /* no number yet: it just goes */
    person_done(bob);
    assert_int_equal(line_find(bob, early)->state, SOTTO_MSG_CANCELLED);
    world_run(w, 5000);
    do_accept(alice, bob);
    world_run(w, 10000);
    bob->hold_out = true;
    uint64_t number = do_send(bob, alice, "better not");
    OK(sotto_messenger_cancel(bob->m, number, world_now(w), &bob->acts));
    person_done(bob);
    assert_int_equal(sotto_messenger_cancel(bob->m, number, world_now(w), &bob->acts), SOTTO_ERR_STATE);
    bob->hold_out = false;
    person_crash(bob);
    uint64_t next = do_send(bob, alice, "this instead");
    world_run(w, 60000);
    assert_int_equal(texts_from(alice, bob), 1);
    assert_int_equal(text_line(alice, bob, "this instead")->number, 3);
    assert_int_equal(((struct talk *)alice->m->talks.at[0])->window.ack, 3);           /* no hole stays */
    assert_int_equal(sotto_messenger_cancel(bob->m, next, world_now(w), &bob->acts), SOTTO_ERR_STATE);      /* it is there already */
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_CANCELLED);
    check_stored(bob);
    world_free(w);
}

static void test_gap(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    w->loss_pct = 100;
    do_send(bob, alice, "second");
    do_send(bob, alice, "third");
    world_run(w, 1000);
    w->loss_pct = 0;
    do_send(bob, alice, "fourth");
    world_run(w, 1000);
    assert_int_equal(alice->gaps, 2);
    assert_int_equal(text_line(alice, bob, "fourth")->gap_before, 2);
    assert_true(contact_of(bob, alice).unacked >= 2);
    world_run(w, 12 * MINUTE_MS);                     /* ten minutes later she asks for them */
    assert_int_equal(texts_from(alice, bob), 3);
    assert_int_equal(text_line(alice, bob, "second")->number, 2);
    assert_int_equal(text_line(alice, bob, "second")->gap_before, 0);
    assert_int_equal(text_line(alice, bob, "third")->number, 3);
    assert_int_equal(text_line(alice, bob, "fourth")->gap_before, 0);                  /* the places were kept for them */
    assert_true(text_line(alice, bob, "second")->message < text_line(alice, bob, "third")->message);
    assert_true(text_line(alice, bob, "third")->message < text_line(alice, bob, "fourth")->message);
    world_run(w, 60000);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    assert_int_equal(alice->gaps, 2);
    world_free(w);
}

/* More cells than the look-ahead are lost: the gap opens when a reply loses nothing, and at last all is there. */
static void test_long_loss(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    w->loss_pct = 100;
    for (int i = 0; i < 50; i++) do_send(bob, alice, "lost at first");
    world_run(w, 10000);
    w->loss_pct = 0;
    do_send(bob, alice, "beyond the window");
    world_run(w, 10000);
    assert_int_equal(texts_from(alice, bob), 0);
    person_stop(alice);
    world_run(w, 20 * MINUTE_MS);
    person_start(alice);                              /* away time: she looks far ahead, and the pool still has the cell */
    world_run(w, 20000);
    assert_non_null(text_line(alice, bob, "beyond the window"));
    world_run(w, 3 * HOUR_MS);
    assert_int_equal(texts_from(alice, bob), 51);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    world_free(w);
}

static void test_read_receipts(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    bool on = true;
    struct sotto_contact_change change = { .receipts = &on };
    OK(sotto_messenger_set(bob->m, &alice->id, &change, world_now(w), &bob->acts));
    person_done(bob);
    uint64_t first = do_send(bob, alice, "one");
    world_run(w, 60000);
    OK(sotto_messenger_read(alice->m, &bob->id, text_line(alice, bob, "one")->message, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 60000);
    assert_int_equal(line_find(bob, first)->state, SOTTO_MSG_DELIVERED);               /* Alice has them off: mutual or not at all */
    OK(sotto_messenger_set(alice->m, &bob->id, &change, world_now(w), &alice->acts));
    person_done(alice);
    uint64_t second = do_send(bob, alice, "two");
    world_run(w, 60000);
    OK(sotto_messenger_read(alice->m, &bob->id, text_line(alice, bob, "two")->message, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 60000);
    assert_int_equal(line_find(bob, first)->state, SOTTO_MSG_READ);
    assert_int_equal(line_find(bob, second)->state, SOTTO_MSG_READ);
    assert_int_equal(((struct contact *)bob->m->contacts.at[0])->out.count, 0);
    world_free(w);
}

/* Only contacts are answered, at a random time, and a talk costs no cell of its own for acknowledgements. */
static void test_receipt_times(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    uint32_t a = alice->cells_out, b = bob->cells_out;
    alice->config.receipt_mean_ms = bob->config.receipt_mean_ms = 120000;
    person_crash(alice), person_crash(bob);
    for (int i = 0; i < 10; i++) {
        do_send(bob, alice, "ping");
        world_run(w, 200);
        do_send(alice, bob, "pong");
        world_run(w, 200);
    }
    assert_int_equal(bob->cells_out - b, 10);
    assert_true(alice->cells_out - a <= 11);
    world_run(w, HOUR_MS);
    assert_int_equal(bob->cells_out - b, 11);         /* the last pong is acknowledged by a cell of its own, once */
    assert_int_equal(contact_of(alice, bob).unacked + contact_of(bob, alice).unacked, 0);
    world_run(w, DAY_MS);
    assert_int_equal(bob->cells_out - b, 11);         /* acknowledgements are not acknowledged */
    world_free(w);
}

/* ---- Ends and beginnings ---- */

static void test_end(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    do_send(bob, alice, "before the end");
    world_run(w, 60000);
    w->watch = keep_cell;
    w->loss_pct = 100;
    uint64_t open = do_send(bob, alice, "on the way");
    uint8_t late[SOTTO_CELL_SEALED];
    memcpy(late, last_cell, sizeof late);
    w->loss_pct = 0;
    world_run(w, 1000);
    OK(sotto_messenger_end(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_ENDED);
    assert_int_equal(alice->m->talks.count, 0);
    assert_int_equal(sotto_messenger_cell_in(alice->m, late, world_now(w), &alice->acts), SOTTO_ERR_NOT_MINE);       /* late cells cannot be opened */
    for (uint32_t i = 0; i < alice->rows_count; i++)
        assert_true(alice->rows[i].table != SOTTO_TABLE_SESSION && alice->rows[i].table != SOTTO_TABLE_SKIPPED);
    world_run(w, 60000);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_ENDED);
    assert_int_equal(bob->m->talks.count, 0);
    assert_int_equal(line_find(bob, open)->state, SOTTO_MSG_EXPIRED);
    struct sotto_messenger_stats stats;
    sotto_messenger_stats(bob->m, &stats);
    assert_int_equal(stats.tags, 0);
    assert_int_equal(texts_from(alice, bob), 1);      /* history stays */
    assert_int_equal(do_send(bob, alice, "hello?"), 0);
    check_stored(alice), check_stored(bob);
    world_run(w, 2 * DAY_MS);
    assert_int_equal(alice->m->cells.count, 0);
    /* a new beginning asks again */
    world_befriend(bob, alice);
    do_send(bob, alice, "again");
    world_run(w, 60000);
    assert_non_null(text_line(alice, bob, "again"));
    world_free(w);
}

/* The one cell that says "end" is lost: a copy sealed before the keys went follows an hour later. */
static void test_end_is_repeated(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    w->loss_pct = 100;
    OK(sotto_messenger_remove(alice->m, &bob->id, true, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 10000);
    w->loss_pct = 0;
    person_crash(alice);
    assert_int_equal(alice->m->contacts.count, 0);
    assert_int_equal(alice->lines_count, 0);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    world_run(w, 2 * HOUR_MS);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_ENDED);
    world_run(w, 2 * DAY_MS);
    check_stored(alice);
    world_free(w);
}

static void test_block(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    OK(sotto_messenger_block(alice->m, &bob->id, true, world_now(w), &alice->acts));
    person_done(alice);
    uint32_t out = alice->cells_out;
    uint8_t before[32], after[32];
    rows_digest(alice, before);
    uint64_t number = do_send(bob, alice, "let me in");
    world_run(w, 2 * HOUR_MS);
    rows_digest(alice, after);
    assert_memory_equal(before, after, 32);           /* not a trace */
    assert_int_equal(alice->cells_out, out);
    assert_int_equal(do_send(alice, bob, "no"), 0);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_SENT);
    OK(sotto_messenger_block(alice->m, &bob->id, false, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 2 * DAY_MS);
    assert_non_null(text_line(alice, bob, "let me in"));
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    world_free(w);
}

/* 4.9: one side has lost everything but its words and the contact's certificate. */
static void lose_state(struct person *p)
{
    sotto_messenger_free(p->m);
    p->m = NULL;
    p->w->runs[p->index]++;
    for (uint32_t i = p->rows_count; i-- > 0;)
        if (!sotto_table_backed_up(p->rows[i].table)) row_delete(p, p->rows[i].table, p->rows[i].row);
    person_start(p);
}
static void test_state_lost(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    do_send(bob, alice, "one");
    do_send(alice, bob, "two");
    world_run(w, 60000);
    lose_state(alice);
    uint64_t number = do_send(bob, alice, "into the void");
    world_run(w, 60000);
    assert_null(text_line(alice, bob, "into the void"));
    OK(sotto_messenger_resync(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    uint64_t waiting = do_send(alice, bob, "where were we");
    world_run(w, 60000);                              /* nobody had to accept anything */
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    assert_non_null(text_line(alice, bob, "into the void"));
    assert_non_null(text_line(bob, alice, "where were we"));
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    assert_int_equal(line_find(alice, waiting)->state, SOTTO_MSG_DELIVERED);
    assert_non_null(text_line(bob, alice, "session renewed"));
    assert_int_equal(bob->m->talks.count, 2);         /* the old one still receives for a day */
    world_run(w, 2 * DAY_MS);
    assert_int_equal(bob->m->talks.count, 1);
    assert_int_equal(texts_from(bob, alice), 2);
    assert_int_equal(texts_from(alice, bob), 2);
    /* a second one within ten minutes is not answered, its resending is */
    lose_state(alice);
    OK(sotto_messenger_resync(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 60000);
    lose_state(alice);
    OK(sotto_messenger_resync(alice->m, &bob->id, world_now(w), &alice->acts));
    person_done(alice);
    world_run(w, 60000);
    assert_int_equal(bob->m->stats.refused[SOTTO_ERR_AGAIN], 1);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_REQUESTED);
    world_run(w, 2 * HOUR_MS);
    assert_int_equal(contact_of(alice, bob).state, SOTTO_CONTACT_MUTUAL);
    do_send(alice, bob, "back");
    world_run(w, 60000);
    assert_non_null(text_line(bob, alice, "back"));
    check_stored(alice), check_stored(bob);
    world_free(w);
}

/* Delivered, but the acknowledgement was still on its way when the session was renewed: shown once. */
static void test_resent_once(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    alice->hold_out = true;
    uint64_t number = do_send(bob, alice, "only once");
    char long_text[3000];
    memset(long_text, 'z', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    do_send(bob, alice, long_text);
    world_run(w, 10000);
    assert_int_equal(texts_from(alice, bob), 2);
    alice->hold_out = false;
    /* Bob loses his sessions but not what he wrote: his host restored it from the disk of that moment */
    OK(sotto_messenger_resync(bob->m, &alice->id, world_now(w), &bob->acts));
    person_done(bob);
    world_run(w, HOUR_MS);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    assert_int_equal(texts_from(alice, bob), 2);
    assert_int_equal(line_find(bob, number)->state, SOTTO_MSG_DELIVERED);
    assert_int_equal(contact_of(bob, alice).unacked, 0);
    world_free(w);
}

static void test_certificate_ends(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 585 * DAY_MS);                       /* 600 days are written in it */
    assert_int_equal(bob->events[SOTTO_EVENT_CONTACT_KEY], 0);
    world_run(w, 2 * DAY_MS);
    assert_int_equal(bob->events[SOTTO_EVENT_CONTACT_KEY], 1);
    assert_non_null(text_line(bob, alice, "certificate expires soon"));
    do_send(alice, bob, "still here");
    world_run(w, 14 * DAY_MS);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_MUTUAL);
    world_run(w, 30 * DAY_MS);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_FROZEN);
    assert_int_equal(do_send(bob, alice, "no"), 0);
    person_crash(bob);
    assert_int_equal(contact_of(bob, alice).state, SOTTO_CONTACT_FROZEN);
    /* what comes meanwhile stays unread; a new certificate of the same keys thaws the contact */
    struct talk *t = (struct talk *)alice->m->talks.at[0];
    for (int i = 0; i < 4; i++) {
        struct sotto_cert cert;
        struct sotto_buf bytes = sotto_buf_make(SOTTO_CERT_MAX);
        uint8_t body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_SEALED], payload[1 + SOTTO_CERT_MAX] = { SOTTO_SYSTEM_CERTIFICATE };
        OK(sotto_cert_parse(&cert, sotto_buf_span(&alice->cert)));
        cert.not_before_s = w->now_ms / 1000 - 60;
        cert.not_after_s = w->now_ms / 1000 + (i == 1 ? 0 : 100 * 86400);            /* 1: ended already */
        struct sotto_scalar other;
        sotto_scalar_random(&other, &w->rng.rng);
        if (i == 2) OK(sotto_point_make(&cert.xkey, &other));            /* 2: another exchange key needs a new session */
        OK(sotto_cert_make(&bytes, &cert, &alice->roles.key[SOTTO_ROLE_IDENTITY]));
        memcpy(payload + 1, bytes.data, bytes.size);
        struct sotto_body b = { .type = i == 0 ? SOTTO_CONTENT_TEXT : SOTTO_CONTENT_SYSTEM, .seq = t->next_seq, .time_ms = w->now_ms, .fragments = 1,
                                .payload = i == 0 ? sotto_span_str("held") : sotto_span(payload, 1 + bytes.size) };
        sotto_body_encode(body, &b);
        OK(sotto_session_send(t->s, sealed, NULL, body, 0, NULL, &alice->m->world));
        enum sotto_err err = sotto_messenger_cell_in(bob->m, sealed, world_now(w), &bob->acts);
        assert_int_equal(err, i == 0 ? SOTTO_ERR_CERT_EXPIRED : SOTTO_OK);
        if (err == SOTTO_OK) {
            person_done(bob);
            t->next_seq++;
        }
        assert_int_equal(contact_of(bob, alice).state, i == 3 ? SOTTO_CONTACT_MUTUAL : SOTTO_CONTACT_FROZEN);
        sotto_buf_free(&bytes);
    }
    assert_null(text_line(bob, alice, "held"));
    assert_true(do_send(bob, alice, "welcome") != 0);
    world_free(w);
}

/* Rows that do not decode, or name what is not there: the account is not opened. */
static void test_damaged_rows(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    w->watch = keep_cell;
    world_befriend(bob, alice);
    w->loss_pct = 100;
    do_send(bob, alice, "lost");
    w->loss_pct = 0;
    char text[2000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    do_send(bob, alice, "here");
    bob->hold_out = true;
    do_send(bob, alice, text);
    (void)!sotto_messenger_cell_in(alice->m, last_cell, world_now(w), &alice->acts);
    person_done(alice);
    world_run(w, 5000);
    unsigned damaged = 0, refused = 0;
    for (int i = 0; i < 2; i++) {
        struct person *p = &w->people[i];
        check_stored(p);
        for (uint32_t gone = 0; gone < p->rows_count; gone++) {
            struct sotto_messenger *m;
            struct sotto_acts acts = { 0 };
            OK(sotto_messenger_new(&m, &p->config));
            for (uint32_t k = 0; k < p->rows_count; k++) {
                struct stored *s = &p->rows[k];
                if (k != gone) {
                    OK(sotto_messenger_load(m, s->table, s->row, sotto_buf_span(&s->bytes)));
                    continue;
                }
                for (size_t size = 0; size < s->bytes.size; size += 1 + size / 3)        /* cut short anywhere */
                    assert_int_equal(sotto_messenger_load(m, s->table, s->row, sotto_span(s->bytes.data, size)), SOTTO_ERR_FORMAT), refused++;
                assert_int_equal(sotto_messenger_load(m, s->table, 0, sotto_buf_span(&s->bytes)), SOTTO_ERR_FORMAT);
            }
            enum sotto_err err = sotto_messenger_start(m, 100, world_now(w), &acts);
            enum sotto_table table = p->rows[gone].table;
            if (table == SOTTO_TABLE_CONTACT || table == SOTTO_TABLE_SESSION || (table == SOTTO_TABLE_OUTGOING && i == 0)) {
                assert_int_equal(err, SOTTO_ERR_DAMAGED);
                damaged++;
            }
            sotto_acts_free(&acts);
            sotto_messenger_free(m);
        }
    }
    assert_true(damaged >= 5 && refused > 50);
    world_free(w);
}

/* ---- Content that is not text ---- */

static void test_other_content(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    world_run(w, 60000);
    struct contact *to = (struct contact *)bob->m->contacts.at[0];
    static const struct { uint8_t type; const char *bytes; size_t size; bool shown, refused; } cases[] = {
        { 0x77, "from a newer program", 20, true, false },            /* kept */
        { SOTTO_CONTENT_SYSTEM, "\x0a" "12345678x", 10, false, false },  /* not offered: counted, not shown */
        { SOTTO_CONTENT_SYSTEM, "\x55", 1, false, false },            /* unknown subtype */
        { SOTTO_CONTENT_CALL, "\x01", 1, true, false },
        { SOTTO_CONTENT_TEXT, "\xff\xfe", 2, false, true },
        { SOTTO_CONTENT_MAIL, "\x09short", 6, false, true },
        { SOTTO_CONTENT_SYSTEM, "", 0, false, true },
        { SOTTO_CONTENT_SYSTEM, "\x06" "1234", 5, false, true },
        { SOTTO_CONTENT_SYSTEM, "\x07" "123", 4, false, true },
        { SOTTO_CONTENT_TYPING, "\x01", 1, false, false },            /* not counted: opened, ignored */
    };
    struct talk *t = (struct talk *)bob->m->talks.at[0];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_SEALED], before[32], after[32];
        bool counted = cases[i].type != SOTTO_CONTENT_TYPING;
        struct sotto_body b = { .type = cases[i].type, .seq = counted ? t->next_seq : 0, .time_ms = w->now_ms, .fragments = 1,
                                .payload = sotto_span(cases[i].bytes, cases[i].size) };
        sotto_body_encode(body, &b);
        OK(sotto_session_send(t->s, sealed, NULL, body, 0, NULL, &bob->m->world));
        uint32_t shown = texts_from(alice, bob), refused = (uint32_t)alice->m->stats.refused[SOTTO_ERR_CONTENT_FORM];
        rows_digest(alice, before);
        enum sotto_err err = sotto_messenger_cell_in(alice->m, sealed, world_now(w), &alice->acts);
        assert_int_equal(err, cases[i].refused ? SOTTO_ERR_CONTENT_FORM : SOTTO_OK);
        if (cases[i].refused) {
            assert_int_equal(alice->acts.count, 0);
            check_stored(alice);
            rows_digest(alice, after);
            assert_memory_equal(before, after, 32);
            assert_int_equal(alice->m->stats.refused[SOTTO_ERR_CONTENT_FORM], refused + 1);
            continue;
        }
        person_done(alice);
        t->next_seq += counted;
        assert_int_equal(texts_from(alice, bob), shown + cases[i].shown);
        if (cases[i].shown) assert_int_equal(alice->lines[alice->lines_count - 1].type, cases[i].type);
    }
    assert_int_equal(((struct talk *)alice->m->talks.at[0])->window.ack, t->next_seq - 1);
    (void)to;
    world_free(w);
}

static void test_timer(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 2);
    struct person *bob = &w->people[0], *alice = &w->people[1];
    world_befriend(bob, alice);
    uint64_t week = 7 * DAY_MS, odd = 1500;
    assert_int_equal(sotto_messenger_set(bob->m, &alice->id, &(struct sotto_contact_change){ .timer_ms = &odd }, world_now(w), &bob->acts), SOTTO_ERR_RANGE);
    OK(sotto_messenger_set(bob->m, &alice->id, &(struct sotto_contact_change){ .timer_ms = &week, .alias = "Alice" }, world_now(w), &bob->acts));
    person_done(bob);
    world_run(w, 60000);
    assert_int_equal(contact_of(alice, bob).timer_ms, week);
    assert_non_null(text_line(alice, bob, "timer 604800 s"));
    assert_string_equal(contact_of(bob, alice).alias, "Alice");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_words),
        cmocka_unit_test(test_person_mistakes),
        cmocka_unit_test(test_refused_cells_change_nothing),
        cmocka_unit_test(test_no_key_stays),
        cmocka_unit_test(test_expiry_and_late_answer),
        cmocka_unit_test(test_late_ack_corrects),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_long_loss),
        cmocka_unit_test(test_read_receipts),
        cmocka_unit_test(test_receipt_times),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_end_is_repeated),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_state_lost),
        cmocka_unit_test(test_resent_once),
        cmocka_unit_test(test_certificate_ends),
        cmocka_unit_test(test_damaged_rows),
        cmocka_unit_test(test_other_content),
        cmocka_unit_test(test_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
