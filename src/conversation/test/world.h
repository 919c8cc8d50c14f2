/* A small world for messengers: people with stored rows and history, a network that loses, delays, doubles and reorders cells,
 * a virtual clock, crashes. Everything is drawn from one seed. Used by the tests of this folder only. */
#ifndef SOTTO_CONVERSATION_TEST_WORLD_H
#define SOTTO_CONVERSATION_TEST_WORLD_H

#include "support/test.h"

#include "conversation/messenger_impl.h"
#include "crypto/hash.h"
#include "crypto/rng.h"

#define WORLD_T0 1767225600000ull
#define PEOPLE_MAX 4
#define WORLD_IDLE_MS 1000u               /* of virtual time, in which no host stays busy */
#define OK(expr) assert_int_equal((expr), SOTTO_OK)
#define UNUSED __attribute__((unused))

static unsigned worlds;                   /* made so far: the run that a broken rule names */

struct stored { enum sotto_table table; uint64_t row; struct sotto_buf bytes; };
struct line { uint64_t message; struct sotto_id chat; bool own; uint8_t type; uint32_t number, gap_before; uint8_t mid[8]; enum sotto_message_state state; char *text; size_t size; uint64_t ms; };

struct person {
    struct world *w;
    int index;
    bool up;
    struct sotto_roles roles;
    struct sotto_id id;
    struct sotto_buf cert;
    struct sotto_chacha_rng rng;
    struct sotto_messenger_config config;
    struct sotto_messenger *m;
    struct sotto_acts acts;
    struct stored *rows;
    uint32_t rows_count, rows_cap;
    struct line *lines;
    uint32_t lines_count, lines_cap;
    uint64_t next_message;
    uint32_t events[SOTTO_EVENT_CHAT_SYSTEM + 1], gaps;
    uint32_t cells_out, boxes_out;        /* boxes_out: of these M1 and M2 */
    bool probe, hold_out;                 /* hold_out: nothing it hands out leaves */
};

enum world_kind { W_DELIVER, W_SENT, W_EXPIRED, W_SOLVE };
struct world_event { uint64_t at; uint64_t order; enum world_kind kind; int person; uint64_t id; uint32_t generation; uint8_t cell[SOTTO_CELL_SEALED]; uint8_t digest[32]; unsigned bits; };
struct pooled { uint64_t since, until; int from; uint8_t cell[SOTTO_CELL_SEALED]; };

struct world {
    struct sotto_chacha_rng rng;
    uint64_t now_ms, order;
    struct person people[PEOPLE_MAX];
    int people_count;
    struct world_event *events;
    uint32_t events_count, events_cap;
    struct pooled *pool;
    uint32_t pool_count, pool_cap;
    unsigned loss_pct, dup_pct, crash_pct;
    uint64_t delay_ms, life_ms;           /* most delay; life of a cell in the pool */
    uint32_t runs[PEOPLE_MAX];            /* how often that person started: what was asked before a crash is not answered after it */
    uint64_t seen_cells, crashes;
    bool twins;                           /* every call is also made on a messenger just loaded from the rows: the acts must be the same */
    uint64_t twin_calls;
    unsigned prepare_pct;                 /* idle times: that often, after a call, something is prepared (world_prepares) */
    uint64_t prepared;                    /* cells found prepared in both directions, over all looks */
    void (*watch)(struct world *w, struct person *p, const uint8_t cell[SOTTO_CELL_SEALED]);
};

static UNUSED uint64_t world_draw(struct world *w, uint64_t below) { return sotto_rng_below(&w->rng.rng, below); }
static UNUSED bool world_chance(struct world *w, unsigned pct) { return world_draw(w, 100) < pct; }
static UNUSED struct sotto_now world_now(const struct world *w) { return (struct sotto_now){ w->now_ms * 1000, w->now_ms }; }

/* ---- Stored things ---- */

static UNUSED struct stored *row_find(struct person *p, enum sotto_table table, uint64_t row)
{
    for (uint32_t i = 0; i < p->rows_count; i++)
        if (p->rows[i].table == table && p->rows[i].row == row) return &p->rows[i];
    return NULL;
}

static UNUSED void row_put(struct person *p, enum sotto_table table, uint64_t row, struct sotto_span bytes)
{
    struct stored *s = row_find(p, table, row);
    if (!s) {
        if (p->rows_count == p->rows_cap) {
            p->rows_cap = p->rows_cap ? 2 * p->rows_cap : 64;
            p->rows = realloc(p->rows, p->rows_cap * sizeof *p->rows);
            assert_non_null(p->rows);
        }
        s = &p->rows[p->rows_count++];
        *s = (struct stored){ table, row, sotto_buf_make(1u << 20) };
    }
    sotto_buf_free(&s->bytes);
    OK(sotto_buf_add_span(&s->bytes, bytes));
}

static UNUSED void row_delete(struct person *p, enum sotto_table table, uint64_t row)
{
    struct stored *s = row_find(p, table, row);
    if (!s) return;
    sotto_buf_free(&s->bytes);
    *s = p->rows[--p->rows_count];
}

static UNUSED int row_order(const void *a, const void *b)
{
    const struct stored *x = a, *y = b;
    if (x->table != y->table) return x->table < y->table ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* One number for everything stored. */
static UNUSED void rows_digest(struct person *p, uint8_t out[32])
{
    struct sotto_th th;
    qsort(p->rows, p->rows_count, sizeof *p->rows, row_order);
    sotto_th_init(&th, "test/rows");
    for (uint32_t i = 0; i < p->rows_count; i++) {
        uint8_t head[16];
        sotto_put_be64(head, p->rows[i].row);
        sotto_put_be32(head + 8, (uint32_t)p->rows[i].table);
        sotto_put_be32(head + 12, (uint32_t)p->rows[i].bytes.size);
        sotto_th_update(&th, head, sizeof head);
        sotto_th_update(&th, p->rows[i].bytes.data, p->rows[i].bytes.size);
    }
    sotto_th_final(&th, out);
}

/* What is counted instead of stored: places taken by messages not acknowledged, and the addresses that are waited for. */
static UNUSED void check_counted(const struct person *p)
{
    uint64_t tags = 0;
    bool exact = true;
    for (uint32_t i = 0; i < p->m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)p->m->contacts.at[i];
        uint32_t unacked = 0;
        for (uint32_t k = 0; k < c->out.count; k++) {
            const struct outgoing *o = (const struct outgoing *)c->out.at[k];
            unacked += o->message && o->state <= OUT_FLYING;
        }
        test_rule(c->unacked == unacked, "each message not acknowledged takes one place", worlds);
    }
    for (uint32_t i = 0; i < p->m->talks.count; i++) {
        const struct talk *t = (const struct talk *)p->m->talks.at[i];
        const struct sotto_session_core *core = &t->s->core;
        exact = exact && !t->wide_until_ms && !t->tags_due && !t->tags_late;      /* the far look-ahead comes and goes by the clock */
        tags += SOTTO_AHEAD_MIN + t->s->skipped_count + (t->used ? t->used->count : 0);
        if (core->recv_on) tags += core->recv_arrived < SOTTO_AHEAD_AFTER ? SOTTO_AHEAD_MIN : SOTTO_AHEAD_MORE;
        test_rule(t->s->skipped_count <= SOTTO_SKIPPED_MAX, "skipped keys are bounded", worlds);
    }
    test_rule(!exact || sotto_tags_count(p->m->tags) == tags, "the table holds the addresses that are waited for", worlds);
}

/* What the messenger holds in memory must be what is stored: encodes every live thing and compares. */
static UNUSED void check_stored(struct person *p)
{
    struct sotto_messenger *m = p->m;
    uint32_t count = 0;
    struct list all[16] = { m->contacts, m->talks, m->hellos, m->h1s, m->cells };
    uint32_t lists = 5;
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        all[5] = c->out, all[6] = c->seen;
        for (int k = 5; k < 7; k++)
            for (uint32_t j = 0; j < all[k].count; j++) {
                struct stored *s = row_find(p, all[k].at[j]->table, all[k].at[j]->row);
                struct sotto_buf b = sotto_buf_make(1u << 20);
                OK(sotto_row_encode(&b, m, all[k].at[j]));
                assert_non_null(s);
                assert_true(sotto_span_equal(sotto_buf_span(&b), sotto_buf_span(&s->bytes)));
                sotto_buf_free(&b);
                count++;
            }
    }
    for (uint32_t k = 0; k < lists; k++)
        for (uint32_t j = 0; j < all[k].count; j++) {
            struct stored *s = row_find(p, all[k].at[j]->table, all[k].at[j]->row);
            struct sotto_buf b = sotto_buf_make(1u << 20);
            OK(sotto_row_encode(&b, m, all[k].at[j]));
            assert_non_null(s);
            assert_true(sotto_span_equal(sotto_buf_span(&b), sotto_buf_span(&s->bytes)));
            sotto_buf_free(&b);
            count++;
        }
    for (uint32_t i = 0; i < m->talks.count; i++) {
        const struct talk *t = (const struct talk *)m->talks.at[i];
        count += t->parts.count + t->s->skipped_count;
        for (uint32_t j = 0; j < t->s->skipped_count; j++) assert_non_null(row_find(p, SOTTO_TABLE_SKIPPED, t->s->skipped[j].row));
    }
    assert_int_equal(count + (row_find(p, SOTTO_TABLE_META, 1) ? 1 : 0), p->rows_count);
    check_counted(p);
}

static UNUSED struct line *line_find(struct person *p, uint64_t message)
{
    for (uint32_t i = 0; i < p->lines_count; i++)
        if (p->lines[i].message == message) return &p->lines[i];
    return NULL;
}

/* ---- Network ---- */

static UNUSED struct world_event *later(struct world *w, uint64_t after_ms, enum world_kind kind, int person)
{
    if (w->events_count == w->events_cap) {
        w->events_cap = w->events_cap ? 2 * w->events_cap : 256;
        w->events = realloc(w->events, w->events_cap * sizeof *w->events);
        assert_non_null(w->events);
    }
    struct world_event *e = &w->events[w->events_count++];
    memset(e, 0, sizeof *e);
    e->at = w->now_ms + after_ms;
    e->order = w->order++;
    e->kind = kind;
    e->person = person;
    e->generation = w->runs[person];
    return e;
}

static UNUSED void world_cell(struct world *w, struct person *from, uint64_t id, const uint8_t cell[SOTTO_CELL_SEALED])
{
    const struct cell *known = (const struct cell *)sotto_list_find(&from->m->cells, id);
    from->cells_out++;
    from->boxes_out += known && known->kind == CELL_HELLO;
    if (w->watch) w->watch(w, from, cell);
    if (from->hold_out) return;
    uint64_t leaves = world_draw(w, w->delay_ms + 1);
    later(w, leaves, W_SENT, from->index)->id = id;
    later(w, leaves + w->life_ms, W_EXPIRED, from->index)->id = id;
    if (world_chance(w, w->loss_pct)) return;
    for (int copies = world_chance(w, w->dup_pct) ? 2 : 1; copies > 0; copies--)
        for (int i = 0; i < w->people_count; i++) {
            if (i == from->index) continue;
            memcpy(later(w, leaves + world_draw(w, w->delay_ms + 1), W_DELIVER, i)->cell, cell, SOTTO_CELL_SEALED);
        }
    if (w->pool_count == w->pool_cap) {
        w->pool_cap = w->pool_cap ? 2 * w->pool_cap : 256;
        w->pool = realloc(w->pool, w->pool_cap * sizeof *w->pool);
        assert_non_null(w->pool);
    }
    struct pooled *pool = &w->pool[w->pool_count++];
    pool->since = w->now_ms + leaves;
    pool->until = pool->since + w->life_ms;
    pool->from = from->index;
    memcpy(pool->cell, cell, SOTTO_CELL_SEALED);
}

/* Rows and history first, then the rest: as the host does. crash_after: committed, and nothing else happens. */
static UNUSED void person_commit(struct person *p)
{
    for (uint32_t i = 0; i < p->acts.count; i++) {
        struct sotto_act *a = &p->acts.slots[i];
        if (a->kind == SOTTO_ACT_PUT) row_put(p, a->table, a->row, sotto_buf_span(&a->bytes));
        else if (a->kind == SOTTO_ACT_DELETE) row_delete(p, a->table, a->row);
        else if (a->kind == SOTTO_ACT_EVENT) {
            p->events[a->event]++;
            if (a->event == SOTTO_EVENT_MESSAGE_GAP) p->gaps++;
        } else if (a->kind == SOTTO_ACT_HISTORY_ADD) {
            assert_null(line_find(p, a->message.message));
            if (a->message.message >= p->next_message) p->next_message = a->message.message + 1;      /* a late one takes the place kept for it */
            if (p->lines_count == p->lines_cap) {
                p->lines_cap = p->lines_cap ? 2 * p->lines_cap : 64;
                p->lines = realloc(p->lines, p->lines_cap * sizeof *p->lines);
                assert_non_null(p->lines);
            }
            struct line *l = &p->lines[p->lines_count++];
            *l = (struct line){ a->message.message, a->message.chat, a->message.own, a->message.type, a->message.number, a->message.gap_before, { 0 },
                                a->message.state, NULL, a->message.text.size, a->message.ms };
            memcpy(l->mid, a->message.mid, 8);
            l->text = calloc(1, l->size + 1);
            assert_non_null(l->text);
            if (l->size) memcpy(l->text, a->message.text.data, l->size);
        } else if (a->kind == SOTTO_ACT_HISTORY_STATE) {
            struct line *l = line_find(p, a->message.message);
            if (!l) continue;
            l->state = a->message.state;
            if (a->message.number) l->number = a->message.number;
            if (!sotto_all_zero(a->message.mid, 8)) memcpy(l->mid, a->message.mid, 8);
        } else if (a->kind == SOTTO_ACT_HISTORY_GAP) {
            struct line *l = line_find(p, a->message.message);
            if (l) l->gap_before = a->number;
        } else if (a->kind == SOTTO_ACT_HISTORY_REMOVE) {
            for (uint32_t k = p->lines_count; k-- > 0;) {
                if (a->row ? p->lines[k].message != a->row : !sotto_id_equal(&p->lines[k].chat, &a->contact)) continue;
                free(p->lines[k].text);
                p->lines[k] = p->lines[--p->lines_count];
            }
        }
    }
}

static UNUSED void person_perform(struct person *p)
{
    struct world *w = p->w;
    for (uint32_t i = 0; i < p->acts.count; i++) {
        struct sotto_act *a = &p->acts.slots[i];
        if (a->kind == SOTTO_ACT_CELL) {
            assert_int_equal(a->bytes.size, SOTTO_CELL_SEALED);
            assert_non_null(row_find(p, SOTTO_TABLE_CELL, a->row));      /* write before you speak */
            world_cell(w, p, a->row, a->bytes.data);
        } else if (a->kind == SOTTO_ACT_CELL_CANCEL) {
            for (uint32_t k = 0; k < w->events_count; k++)               /* what has not left does not leave; our network is quick, so leave the rest */
                if (w->events[k].person == p->index && w->events[k].kind == W_SENT && w->events[k].id == a->row) w->events[k].id = 0;
        } else if (a->kind == SOTTO_ACT_SOLVE) {
            struct world_event *e = later(w, 200, W_SOLVE, p->index);
            e->id = a->row;
            e->bits = a->bits;
            memcpy(e->digest, a->digest, 32);
        } else if (a->kind == SOTTO_ACT_PROBE) {
            p->probe = true;
        }
    }
    sotto_acts_clear(&p->acts);
}

static UNUSED void person_start(struct person *p);

static UNUSED void person_crash(struct person *p)
{
    sotto_acts_clear(&p->acts);
    sotto_messenger_free(p->m);
    p->m = NULL;
    p->w->runs[p->index]++;
    p->w->crashes++;
    person_start(p);
}

static UNUSED void person_idle(struct person *p)                          /* a little of its idle work, or all */
{
    struct world *w = p->w;
    while (world_chance(w, 80) && sotto_messenger_prepare(p->m, (unsigned)world_draw(w, 25), world_now(w), &p->acts)) continue;
    for (uint32_t i = 0; i < p->acts.count; i++) assert_int_equal(p->acts.slots[i].kind, SOTTO_ACT_PROBE);     /* nothing to store, nothing to send */
    person_perform(p);
    for (uint32_t i = 0; i < p->m->talks.count; i++) {
        const struct sotto_session *s = ((struct talk *)p->m->talks.at[i])->s;
        w->prepared += sotto_session_prepared_out(s) + sotto_session_prepared_in(s, false) + sotto_session_prepared_in(s, true);
    }
}

static UNUSED void person_done(struct person *p)                          /* after each call */
{
    struct world *w = p->w;
    if (w->crash_pct && world_chance(w, w->crash_pct)) {
        if (world_chance(w, 50)) person_commit(p);
        person_crash(p);
        return;
    }
    person_commit(p);
    person_perform(p);
    check_counted(p);
    for (unsigned rounds = 0; p->probe && rounds < 1000; rounds++) {
        p->probe = false;
        for (uint32_t i = 0; i < w->pool_count; i++) {
            if (w->pool[i].since > w->now_ms || w->pool[i].until <= w->now_ms || w->pool[i].from == p->index) continue;
            (void)!sotto_messenger_cell_in(p->m, w->pool[i].cell, world_now(w), &p->acts);
            if (p->acts.count == 0) continue;
            person_commit(p);
            person_perform(p);
        }
        if (p->probe || !w->prepare_pct || !world_chance(w, w->prepare_pct)) continue;
        person_idle(p);
    }
    if (w->prepare_pct && world_chance(w, w->prepare_pct)) person_idle(p);
}

static UNUSED void person_start(struct person *p)
{
    OK(sotto_messenger_new(&p->m, &p->config));
    for (uint32_t i = p->rows_count; i-- > 0;)        /* any order */
        OK(sotto_messenger_load(p->m, p->rows[i].table, p->rows[i].row, sotto_buf_span(&p->rows[i].bytes)));
    OK(sotto_messenger_start(p->m, p->next_message, world_now(p->w), &p->acts));
    p->up = true;
    person_commit(p);
    person_perform(p);
    check_stored(p);
}

static UNUSED void person_stop(struct person *p)
{
    sotto_messenger_free(p->m);
    p->m = NULL;
    p->up = false;
    p->w->runs[p->index]++;
}

static UNUSED void person_make(struct world *w, int i, uint64_t seed)
{
    struct person *p = &w->people[i];
    char purpose[32];
    memset(p, 0, sizeof *p);
    p->w = w;
    p->index = i;
    p->next_message = 1;
    snprintf(purpose, sizeof purpose, "person %d", i);
    sotto_rng_from_seed(&p->rng, seed, purpose);
    for (int r = 0; r < SOTTO_ROLE_COUNT; r++) sotto_scalar_random(&p->roles.key[r], &p->rng.rng);
    struct sotto_cert cert = { .version = 1, .kind = 0, .not_before_s = WORLD_T0 / 1000 - 3600, .not_after_s = WORLD_T0 / 1000 + 600 * 86400 };
    OK(sotto_point_make(&cert.key, &p->roles.key[SOTTO_ROLE_IDENTITY]));
    OK(sotto_point_make(&cert.xkey, &p->roles.key[SOTTO_ROLE_EXCHANGE]));
    OK(sotto_id_of(&cert.id, &cert.key));
    p->cert = sotto_buf_make(SOTTO_CERT_MAX);
    OK(sotto_cert_make(&p->cert, &cert, &p->roles.key[SOTTO_ROLE_IDENTITY]));
    p->id = cert.id;
    p->config = (struct sotto_messenger_config){ .keys = &p->roles, .cert = sotto_buf_span(&p->cert), .receipt_mean_ms = 1000, .puzzle_bits = 4,
                                                 .contacts_max = 16, .requests_max = 8, .pending_max = 8, .unacked_max = 1000, .rng = &p->rng.rng };
}

static UNUSED struct world *world_new(uint64_t seed, int people)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    worlds++;
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&w->rng, seed, "world");
    w->now_ms = WORLD_T0;
    w->delay_ms = 50;
    w->life_ms = 30 * MINUTE_MS;
    w->people_count = people;
    for (int i = 0; i < people; i++) {
        person_make(w, i, seed);
        person_start(&w->people[i]);
    }
    return w;
}

static UNUSED void world_free(struct world *w)
{
    for (int i = 0; i < w->people_count; i++) {
        struct person *p = &w->people[i];
        sotto_messenger_free(p->m);
        sotto_acts_free(&p->acts);
        for (uint32_t k = 0; k < p->rows_count; k++) sotto_buf_free(&p->rows[k].bytes);
        for (uint32_t k = 0; k < p->lines_count; k++) free(p->lines[k].text);
        free(p->rows);
        free(p->lines);
        sotto_buf_free(&p->cert);
    }
    free(w->events);
    free(w->pool);
    free(w);
}

/* From now on its people use idle times, after that part of the calls. tables: also for tables of multiples. */
static UNUSED void world_prepares(struct world *w, unsigned pct, unsigned tables)
{
    w->prepare_pct = pct;
    for (int i = 0; i < w->people_count; i++) {
        struct person *p = &w->people[i];
        p->config.prepares = true;
        p->config.tables_max = tables;
        person_crash(p);
    }
}

/* ---- Calls ---- */

enum call_kind { CALL_CELL_IN, CALL_SENT, CALL_EXPIRED, CALL_SOLVED, CALL_TICK, CALL_ADD, CALL_ACCEPT, CALL_SEND, CALL_READ, CALL_END, CALL_RESYNC, CALL_BLOCK };
struct call { enum call_kind kind; uint64_t id, value; const uint8_t *cell; const struct person *other; const char *text; uint64_t message; };

static UNUSED enum sotto_err call_do(struct sotto_messenger *m, struct call *c, struct sotto_now now, struct sotto_acts *acts)
{
    struct sotto_span none = sotto_span(NULL, 0);
    switch (c->kind) {
    case CALL_CELL_IN: return sotto_messenger_cell_in(m, c->cell, now, acts);
    case CALL_SENT: sotto_messenger_cell_sent(m, c->id, now, acts); return SOTTO_OK;
    case CALL_EXPIRED: sotto_messenger_cell_expired(m, c->id, now, acts); return SOTTO_OK;
    case CALL_SOLVED: sotto_messenger_solved(m, c->id, c->value, now, acts); return SOTTO_OK;
    case CALL_TICK: sotto_messenger_tick(m, now, acts); return SOTTO_OK;
    case CALL_ADD: return sotto_messenger_add(m, sotto_buf_span(&c->other->cert), "friend", "It is me", now, acts);
    case CALL_ACCEPT: return sotto_messenger_accept(m, &c->other->id, "asker", now, acts);
    case CALL_SEND: return sotto_messenger_send(m, &c->message, &c->other->id, SOTTO_KIND_TEXT, none, sotto_span_str(c->text), 0, 0, now, acts);
    case CALL_READ: return sotto_messenger_read(m, &c->other->id, c->id, now, acts);
    case CALL_END: return sotto_messenger_end(m, &c->other->id, now, acts);
    case CALL_RESYNC: return sotto_messenger_resync(m, &c->other->id, now, acts);
    case CALL_BLOCK: return sotto_messenger_block(m, &c->other->id, c->value != 0, now, acts);
    }
    return SOTTO_ERR_INTERNAL;
}

static UNUSED void acts_equal(const struct sotto_acts *a, const struct sotto_acts *b)
{
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct sotto_act *x = &a->slots[i], *y = &b->slots[i];
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->table, y->table);
        assert_int_equal(x->row, y->row);
        assert_true(sotto_span_equal(sotto_buf_span(&x->bytes), sotto_buf_span(&y->bytes)));
        assert_int_equal(x->message.message, y->message.message);
        assert_int_equal(x->message.number, y->message.number);
        assert_int_equal(x->message.state, y->message.state);
        assert_int_equal(x->event, y->event);
        assert_int_equal(x->number, y->number);
    }
}

static UNUSED enum sotto_err person_call(struct person *p, struct call *c)
{
    struct world *w = p->w;
    if (!w->twins) return call_do(p->m, c, world_now(w), &p->acts);
    struct sotto_chacha_rng rng = p->rng;
    struct sotto_messenger_config config = p->config;
    struct sotto_messenger *twin;
    struct sotto_acts acts = { 0 };
    struct call again = *c;
    config.rng = &rng.rng;
    OK(sotto_messenger_new(&twin, &config));
    for (uint32_t i = 0; i < p->rows_count; i++) OK(sotto_messenger_load(twin, p->rows[i].table, p->rows[i].row, sotto_buf_span(&p->rows[i].bytes)));
    twin->active_ms = 0;                              /* it was not away */
    for (uint32_t i = 0; i < p->rows_count; i++)
        if (p->rows[i].table == SOTTO_TABLE_META) OK(sotto_messenger_load(twin, SOTTO_TABLE_META, 1, sotto_buf_span(&p->rows[i].bytes)));
    uint64_t active = twin->active_ms;
    twin->active_ms = 0;
    OK(sotto_messenger_start(twin, p->next_message, world_now(w), &acts));
    twin->active_ms = active;
    for (uint32_t i = 0; i < acts.count; i++)
        assert_true(acts.slots[i].kind == SOTTO_ACT_CELL || acts.slots[i].kind == SOTTO_ACT_SOLVE || acts.slots[i].kind == SOTTO_ACT_PROBE ||
                    (acts.slots[i].kind == SOTTO_ACT_PUT && acts.slots[i].table == SOTTO_TABLE_META));
    sotto_acts_clear(&acts);
    twin->active_ms = p->m->active_ms;
    /* It knows that its rows are the newest (healing.c). */
    for (uint32_t i = 0; i < twin->talks.count; i++) ((struct talk *)twin->talks.at[i])->proven_from = ((const struct talk *)p->m->talks.at[i])->proven_from;
    for (uint32_t i = 0; i < twin->contacts.count; i++) {
        const struct list *out = &((const struct contact *)twin->contacts.at[i])->out, *model = &((const struct contact *)p->m->contacts.at[i])->out;
        for (uint32_t k = 0; k < out->count; k++) ((struct outgoing *)out->at[k])->copy_chain = ((const struct outgoing *)model->at[k])->copy_chain;
    }
    rng = p->rng;
    assert_int_equal(sotto_messenger_deadline(twin), sotto_messenger_deadline(p->m));
    enum sotto_err err = call_do(p->m, c, world_now(w), &p->acts), same = call_do(twin, &again, world_now(w), &acts);
    assert_int_equal(err, same);
    acts_equal(&p->acts, &acts);
    if (err == SOTTO_OK) assert_memory_equal(&rng, &p->rng, sizeof rng);
    assert_int_equal(sotto_messenger_deadline(twin), sotto_messenger_deadline(p->m));
    w->twin_calls++;
    sotto_acts_free(&acts);
    sotto_messenger_free(twin);
    return err;
}

/* Does the next thing if it happens before until_ms; false: nothing left until then. */
static UNUSED bool world_step(struct world *w, uint64_t until_ms)
{
    uint32_t best = UINT32_MAX;
    int ticker = -1;
    uint64_t at = until_ms;
    for (uint32_t i = 0; i < w->events_count; i++)
        if (w->events[i].at < at || (w->events[i].at == at && best != UINT32_MAX && w->events[i].order < w->events[best].order)) best = i, at = w->events[i].at;
    for (int i = 0; i < w->people_count; i++) {
        if (!w->people[i].up) continue;
        uint64_t due = sotto_messenger_deadline(w->people[i].m);
        if (due < at) at = due, ticker = i, best = UINT32_MAX;
    }
    for (int i = 0; w->prepare_pct && at > w->now_ms + WORLD_IDLE_MS && i < w->people_count; i++) {
        struct person *p = &w->people[i];             /* so long a rest is an idle time for every host */
        if (!p->up || !sotto_messenger_idle(p->m)) continue;
        person_idle(p);
        person_done(p);
        return true;
    }
    if (best == UINT32_MAX && ticker < 0) {
        if (until_ms > w->now_ms) w->now_ms = until_ms;
        return false;
    }
    if (at > w->now_ms) w->now_ms = at;
    while (w->pool_count && w->pool[0].until + HOUR_MS < w->now_ms) memmove(w->pool, w->pool + 1, --w->pool_count * sizeof *w->pool);
    if (ticker >= 0) {
        struct person *p = &w->people[ticker];
        uint64_t due = sotto_messenger_deadline(p->m);
        OK(person_call(p, &(struct call){ .kind = CALL_TICK }));
        assert_true(sotto_messenger_deadline(p->m) > due || sotto_messenger_deadline(p->m) > w->now_ms);     /* a tick does what it was wanted for */
        person_done(p);
        return true;
    }
    struct world_event e = w->events[best];
    w->events[best] = w->events[--w->events_count];
    struct person *p = &w->people[e.person];
    if (!p->up) return true;
    enum sotto_err err;
    switch (e.kind) {
    case W_DELIVER:
        w->seen_cells++;
        err = person_call(p, &(struct call){ .kind = CALL_CELL_IN, .cell = e.cell });
        for (uint32_t i = 0; err != SOTTO_OK && i < p->acts.count; i++) {       /* nothing of it is taken over; M1 may be made */
            enum sotto_act_kind kind = p->acts.slots[i].kind;
            test_rule(err != SOTTO_ERR_NOMEM && (kind == SOTTO_ACT_PUT || kind == SOTTO_ACT_SOLVE), "a refused cell leaves a note at most", worlds);
        }
        if (err != SOTTO_OK && p->acts.count == 0) return true;
        break;
    case W_SENT:
        if (e.generation != w->runs[e.person] || e.id == 0) return true;
        OK(person_call(p, &(struct call){ .kind = CALL_SENT, .id = e.id }));
        break;
    case W_EXPIRED:
        if (e.generation != w->runs[e.person]) return true;
        OK(person_call(p, &(struct call){ .kind = CALL_EXPIRED, .id = e.id }));
        break;
    case W_SOLVE: {
        uint64_t solution, from = 0;
        if (e.generation != w->runs[e.person]) return true;
        assert_true(sotto_puzzle_search(&solution, &from, e.digest, e.bits, 1u << 24));
        OK(person_call(p, &(struct call){ .kind = CALL_SOLVED, .id = e.id, .value = solution }));
        break;
    }
    }
    person_done(p);
    return true;
}

static UNUSED void world_run(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (world_step(w, until)) continue;
}

/* ---- What people do ---- */

static UNUSED struct sotto_contact contact_of(struct person *p, struct person *other)
{
    struct sotto_contact c;
    memset(&c, 0, sizeof c);
    c.state = SOTTO_CONTACT_STATES;
    (void)sotto_messenger_contact(p->m, &other->id, &c);
    return c;
}

static UNUSED void do_add(struct person *p, struct person *other)
{
    OK(person_call(p, &(struct call){ .kind = CALL_ADD, .other = other }));
    person_done(p);
}

static UNUSED void do_accept(struct person *p, struct person *other)
{
    OK(person_call(p, &(struct call){ .kind = CALL_ACCEPT, .other = other }));
    person_done(p);
}

static UNUSED uint64_t do_send(struct person *p, struct person *other, const char *text)
{
    struct call c = { .kind = CALL_SEND, .other = other, .text = text };
    if (person_call(p, &c) != SOTTO_OK) return 0;
    person_done(p);
    return c.message;
}

static UNUSED void world_befriend(struct person *a, struct person *b)
{
    do_add(a, b);
    world_run(a->w, 5000);
    assert_int_equal(contact_of(b, a).state, SOTTO_CONTACT_INCOMING);
    do_accept(b, a);
    world_run(a->w, 5000);
    assert_int_equal(contact_of(a, b).state, SOTTO_CONTACT_MUTUAL);
    assert_int_equal(contact_of(b, a).state, SOTTO_CONTACT_MUTUAL);
}

static UNUSED uint32_t texts_from(struct person *p, struct person *other)                   /* incoming lines of that chat, system lines apart */
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->lines_count; i++)
        count += !p->lines[i].own && p->lines[i].type != SOTTO_CONTENT_SYSTEM && sotto_id_equal(&p->lines[i].chat, &other->id);
    return count;
}

static UNUSED struct line *text_line(struct person *p, struct person *other, const char *text)
{
    for (uint32_t i = 0; i < p->lines_count; i++)
        if (!p->lines[i].own && sotto_id_equal(&p->lines[i].chat, &other->id) && strcmp(p->lines[i].text, text) == 0) return &p->lines[i];
    return NULL;
}

#endif
