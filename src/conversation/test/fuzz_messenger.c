/* Two messengers, what each has stored, and everything that may happen to them: verbs of people, cells that are lost, late, doubled or
 * spoilt, answers of workers and of the network in any order, time that passes or jumps, a crash before or after the commit.
 *
 *     byte 0   bit 0: they know each other already · bit 1: Alice's clock is off by days · bit 2: hosts with idle work
 *     then     op, person and arguments, until the input ends
 *
 * After every step: what is in memory is what is stored; a refused call has changed nothing; a cell that leaves was stored first, and
 * no two different cells ever carry the same tag; nobody is shown the same words twice; "delivered" is said only of what was shown. */
#include "fuzz_pair.h"
#include "crypto/hash.h"
#include "support/fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEOPLE = 2, STEPS_MAX = 120, WIRE_MAX = 64, TAGS_MAX = 4096, WORDS_MAX = 128, LATER_MAX = 64, TICKS_MAX = 16 };

struct stored { enum sotto_table table; uint64_t row; struct sotto_buf bytes; };
struct own_line { uint64_t message; uint32_t word; enum sotto_message_state state; };
struct person {
    struct fuzz_person *who;
    struct sotto_messenger *m;
    struct sotto_acts acts;
    struct stored *rows;
    uint32_t row_count, row_cap;
    uint64_t next_message;
    struct own_line own[WORDS_MAX];
    uint32_t own_count;
    uint64_t incoming[WORDS_MAX];                     /* numbers of received lines, for "read" */
    uint32_t incoming_count;
    uint8_t shown[WORDS_MAX], ever[WORDS_MAX];        /* by word: lines that show it now; whether it was ever shown */
    uint64_t cells[LATER_MAX], puzzles[LATER_MAX];    /* handed out, not answered yet */
    uint8_t digests[LATER_MAX][32];
    unsigned bits[LATER_MAX];
    uint32_t cell_count, puzzle_count;
    int64_t skew_ms;
};
struct flying { uint8_t to; uint8_t cell[SOTTO_CELL_SEALED]; };
struct world {
    struct person p[PEOPLE];
    struct sotto_now now;
    struct flying wire[WIRE_MAX];
    uint32_t wire_count, word;
    struct { uint8_t tag[SOTTO_TAG_BYTES], digest[8]; } tags[TAGS_MAX];
    uint32_t tag_count;
};

static struct fuzz_person faces[PEOPLE];
static struct id_of { struct sotto_id id; } ids[PEOPLE];
static struct stored *base[PEOPLE];                   /* as stored once they know each other */
static uint32_t base_count[PEOPLE];
static uint64_t base_message[PEOPLE];

static struct sotto_now now_of(const struct world *w, const struct person *p)
{
    return (struct sotto_now){ w->now.mono_us, w->now.wall_ms + (uint64_t)p->skew_ms };
}

/* ---- what is stored ---- */

static struct stored *row_find(const struct person *p, enum sotto_table table, uint64_t row)
{
    for (uint32_t i = 0; i < p->row_count; i++)
        if (p->rows[i].table == table && p->rows[i].row == row) return &p->rows[i];
    return NULL;
}

static void row_put(struct person *p, enum sotto_table table, uint64_t row, struct sotto_span bytes)
{
    struct stored *s = row_find(p, table, row);
    if (!s) {
        if (p->row_count == p->row_cap) {
            p->row_cap = p->row_cap ? 2 * p->row_cap : 64;
            p->rows = realloc(p->rows, p->row_cap * sizeof *p->rows);
            SOTTO_ASSERT(p->rows);
        }
        s = &p->rows[p->row_count++];
        *s = (struct stored){ table, row, sotto_buf_make(ROW_MAX) };
    }
    sotto_buf_free(&s->bytes);
    SOTTO_ASSERT(sotto_buf_add_span(&s->bytes, bytes) == SOTTO_OK);
}

static void row_delete(struct person *p, enum sotto_table table, uint64_t row)
{
    struct stored *s = row_find(p, table, row);
    if (!s) return;
    sotto_buf_free(&s->bytes);
    *s = p->rows[--p->row_count];
}

static uint32_t same_as_stored(const struct person *p, const struct list *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        const struct stored *s = row_find(p, l->at[i]->table, l->at[i]->row);
        struct sotto_buf b = sotto_buf_make(ROW_MAX);
        SOTTO_ASSERT(s && sotto_row_encode(&b, p->m, l->at[i]) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&b), sotto_buf_span(&s->bytes)));
        sotto_buf_free(&b);
    }
    return l->count;
}

static void check(const struct person *p)
{
    const struct sotto_messenger *m = p->m;
    uint32_t count = same_as_stored(p, &m->contacts) + same_as_stored(p, &m->talks) + same_as_stored(p, &m->hellos) + same_as_stored(p, &m->h1s) +
                     same_as_stored(p, &m->cells) + (row_find(p, SOTTO_TABLE_META, META_ROW) ? 1 : 0);
    struct sotto_messenger_stats stats;
    for (uint32_t i = 0; i < m->contacts.count; i++) {
        const struct contact *c = (const struct contact *)m->contacts.at[i];
        uint32_t parts = 0;
        count += same_as_stored(p, &c->out) + same_as_stored(p, &c->seen);
        for (uint32_t k = 0; k < c->talks.count; k++) parts += ((const struct talk *)c->talks.at[k])->parts.count;
        SOTTO_ASSERT(parts <= PARTS_MAX + PARKED_MAX * c->talks.count && c->seen.count <= SEEN_BLOCKS + 1 && c->unsent <= CELLS_AHEAD + SOTTO_FRAGMENTS_MAX);
        SOTTO_ASSERT(c->out.count <= m->config.unacked_max + 64 && c->state < SOTTO_CONTACT_STATES);
    }
    for (uint32_t i = 0; i < m->talks.count; i++) {
        const struct talk *t = (const struct talk *)m->talks.at[i];
        count += t->parts.count + t->s->skipped_count;
        SOTTO_ASSERT(t->s->skipped_count <= SOTTO_SKIPPED_MAX && t->reserved_count <= RESERVED_MAX && t->window.high >= t->window.ack);
        for (uint32_t k = 0; k < t->s->skipped_count; k++) SOTTO_ASSERT(row_find(p, SOTTO_TABLE_SKIPPED, t->s->skipped[k].row));
        for (uint32_t k = 0; k < t->parts.count; k++) SOTTO_ASSERT(row_find(p, SOTTO_TABLE_PART, t->parts.at[k]->row));
    }
    SOTTO_ASSERT(count == p->row_count && m->contacts.count <= m->config.contacts_max + m->config.requests_max && m->h1s.count <= H1_MAX);
    sotto_messenger_stats(m, &stats);
    SOTTO_ASSERT(!m->failed && stats.tags <= m->talks.count * (2 * SOTTO_AHEAD_WIDE + SOTTO_SKIPPED_MAX));
}

/* ---- what an act does ---- */

static uint32_t word_of(struct sotto_span text)
{
    char digits[9] = { 0 };
    if (text.size < 8) return WORDS_MAX;
    memcpy(digits, text.data, 8);
    char *end;
    unsigned long word = strtoul(digits, &end, 16);
    return *end == 0 && word < WORDS_MAX ? (uint32_t)word : WORDS_MAX;
}

static void line_added(struct person *p, const struct sotto_message *m)
{
    uint32_t word = m->type == SOTTO_CONTENT_SYSTEM ? WORDS_MAX : word_of(m->text);
    if (m->message >= p->next_message) p->next_message = m->message + 1;
    if (m->own) {
        if (word < WORDS_MAX && p->own_count < WORDS_MAX) p->own[p->own_count++] = (struct own_line){ m->message, word, m->state };
        return;
    }
    if (p->incoming_count < WORDS_MAX) p->incoming[p->incoming_count++] = m->message;
    if (word == WORDS_MAX) return;
    SOTTO_ASSERT(p->shown[word] == 0);                /* exactly once */
    p->shown[word] = p->ever[word] = 1;
}

static void commit(struct world *w, struct person *p)
{
    const struct person *other = &w->p[p == &w->p[0]];
    for (uint32_t i = 0; i < p->acts.count; i++) {
        const struct sotto_act *a = &p->acts.slots[i];
        switch (a->kind) {
        case SOTTO_ACT_PUT: row_put(p, a->table, a->row, sotto_buf_span(&a->bytes)); break;
        case SOTTO_ACT_DELETE: row_delete(p, a->table, a->row); break;
        case SOTTO_ACT_HISTORY_ADD: line_added(p, &a->message); break;
        case SOTTO_ACT_HISTORY_STATE:
            for (uint32_t k = 0; k < p->own_count; k++) {
                if (p->own[k].message != a->message.message) continue;
                p->own[k].state = a->message.state;
                if (a->message.state == SOTTO_MSG_DELIVERED || a->message.state == SOTTO_MSG_READ) SOTTO_ASSERT(other->ever[p->own[k].word]);
            }
            break;
        case SOTTO_ACT_HISTORY_REMOVE:
            if (a->row == 0) memset(p->shown, 0, sizeof p->shown), p->own_count = p->incoming_count = 0;
            break;
        case SOTTO_ACT_HISTORY_GAP: case SOTTO_ACT_CELL: case SOTTO_ACT_CELL_CANCEL: case SOTTO_ACT_SOLVE: case SOTTO_ACT_SOLVE_CANCEL:
        case SOTTO_ACT_PROBE: case SOTTO_ACT_EVENT: break;
        }
    }
}

static void leaves(struct world *w, struct person *p, const struct sotto_act *a)
{
    uint8_t digest[32];
    SOTTO_ASSERT(a->bytes.size == SOTTO_CELL_SEALED && row_find(p, SOTTO_TABLE_CELL, a->row));      /* write before you speak */
    sotto_sha256(digest, sotto_buf_span(&a->bytes));
    for (uint32_t i = 0; i < w->tag_count; i++)
        if (memcmp(w->tags[i].tag, a->bytes.data, SOTTO_TAG_BYTES) == 0) SOTTO_ASSERT(memcmp(w->tags[i].digest, digest, 8) == 0);
    if (w->tag_count < TAGS_MAX) {
        memcpy(w->tags[w->tag_count].tag, a->bytes.data, SOTTO_TAG_BYTES);
        memcpy(w->tags[w->tag_count++].digest, digest, 8);
    }
    if (p->cell_count < LATER_MAX) p->cells[p->cell_count++] = a->row;
    if (w->wire_count == WIRE_MAX) memmove(w->wire, w->wire + 1, --w->wire_count * sizeof *w->wire);      /* the oldest is lost */
    struct flying *f = &w->wire[w->wire_count++];
    f->to = p == &w->p[0];
    memcpy(f->cell, a->bytes.data, SOTTO_CELL_SEALED);
}

static void perform(struct world *w, struct person *p)
{
    for (uint32_t i = 0; i < p->acts.count; i++) {
        const struct sotto_act *a = &p->acts.slots[i];
        if (a->kind == SOTTO_ACT_CELL) leaves(w, p, a);
        if (a->kind == SOTTO_ACT_SOLVE && p->puzzle_count < LATER_MAX) {
            p->puzzles[p->puzzle_count] = a->row;
            p->bits[p->puzzle_count] = a->bits;
            memcpy(p->digests[p->puzzle_count++], a->digest, 32);
        }
    }
    sotto_acts_clear(&p->acts);
}

static void start(struct world *w, struct person *p)
{
    SOTTO_ASSERT(sotto_messenger_new(&p->m, &p->who->config) == SOTTO_OK);
    for (uint32_t i = p->row_count; i-- > 0;) SOTTO_ASSERT(sotto_messenger_load(p->m, p->rows[i].table, p->rows[i].row, sotto_buf_span(&p->rows[i].bytes)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_messenger_start(p->m, p->next_message, now_of(w, p), &p->acts) == SOTTO_OK);
    commit(w, p);
    perform(w, p);
}

enum ending { GOES_WELL, DIES_BEFORE_COMMIT, DIES_AFTER_COMMIT };
static void done(struct world *w, struct person *p, enum sotto_err err, enum ending ending)
{
    for (uint32_t i = 0; fuzz_err(err) != SOTTO_OK && i < p->acts.count; i++) {              /* a refused cell leaves a note, and M1, at most */
        enum sotto_act_kind kind = p->acts.slots[i].kind;
        SOTTO_ASSERT(kind == SOTTO_ACT_PUT || kind == SOTTO_ACT_SOLVE);
    }
    if (ending != DIES_BEFORE_COMMIT) commit(w, p);
    if (ending == GOES_WELL) {
        perform(w, p);
    } else {
        sotto_acts_clear(&p->acts);
        sotto_messenger_free(p->m);
        p->cell_count = p->puzzle_count = 0;
        start(w, p);
    }
    check(p);
}

/* ---- one step ---- */

static void say(struct world *w, struct fuzz_in *in, struct person *p, const struct sotto_id *to, enum ending ending)
{
    static char text[SOTTO_TEXT_MAX + 64];
    uint32_t size = 8 + fuzz_u8(in) % 16 * (fuzz_u8(in) % 64) * 16u, life = fuzz_u8(in);
    uint64_t message;
    if (w->word == WORDS_MAX) return;
    if (size > SOTTO_TEXT_MAX) size = SOTTO_TEXT_MAX + size % 2;
    memset(text, 'a', size);
    snprintf(text, sizeof text, "%08x", w->word++);
    text[8] = 'a';
    bool mail = life & 1;
    enum sotto_err err = sotto_messenger_send(p->m, &message, to, mail ? SOTTO_KIND_MAIL : SOTTO_KIND_TEXT, sotto_span_str(mail ? "Subject" : ""),
                                              sotto_span(text, size), 0, life & 2 ? (uint64_t)life << 20 : 0, now_of(w, p), &p->acts);
    done(w, p, err, ending);
}

static void resend(struct world *w, struct person *p, const struct sotto_id *to, uint32_t which, enum ending ending)
{
    char text[9];
    if (which >= p->own_count) return;
    snprintf(text, sizeof text, "%08x", p->own[which].word);
    struct sotto_message m = { .message = p->own[which].message, .chat = *to, .own = true, .type = SOTTO_CONTENT_TEXT, .state = p->own[which].state,
                               .ms = FUZZ_NOW.wall_ms, .text = sotto_span_str(text) };
    done(w, p, sotto_messenger_resend(p->m, &m, 0, now_of(w, p), &p->acts), ending);
}

static void deliver(struct world *w, uint32_t which, bool stays, uint32_t bit, enum ending ending)
{
    if (w->wire_count == 0) return;
    struct flying f = w->wire[which %= w->wire_count];
    if (!stays) w->wire[which] = w->wire[--w->wire_count];
    struct person *p = &w->p[f.to];
    bool spoilt = bit < 8 * SOTTO_CELL_SEALED;
    if (spoilt) f.cell[bit / 8] ^= (uint8_t)(1u << bit % 8);
    enum sotto_err err = sotto_messenger_cell_in(p->m, f.cell, now_of(w, p), &p->acts);
    if (spoilt) SOTTO_ASSERT(err != SOTTO_OK);
    done(w, p, err, ending);
}

static void step(struct world *w, struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in), arg = fuzz_u8(in);
    struct person *p = &w->p[op >> 7];
    const struct sotto_id *other = &ids[!(op >> 7)].id;
    enum ending ending = arg >> 4 == 15 ? DIES_AFTER_COMMIT : arg >> 4 == 14 ? DIES_BEFORE_COMMIT : GOES_WELL;
    struct sotto_now now = now_of(w, p);
    uint64_t due;
    switch ((op & 127) % 32) {
    case 6: (void)sotto_messenger_prepare(p->m, 1 + arg % 64, now, &p->acts), done(w, p, SOTTO_OK, ending); break;
    case 0: case 1: case 2: case 3: case 4: case 5: deliver(w, fuzz_u8(in), false, UINT32_MAX, ending); break;
    case 7: deliver(w, fuzz_u8(in), true, UINT32_MAX, ending); break;
    case 8: deliver(w, fuzz_u8(in), true, fuzz_u16(in) % (8 * SOTTO_CELL_SEALED), ending); break;
    case 9: if (w->wire_count) w->wire[fuzz_u8(in) % w->wire_count] = w->wire[w->wire_count - 1], w->wire_count--; break;
    case 10: case 11: case 12: say(w, in, p, other, ending); break;
    case 13: case 14:                                 /* time passes to the next thing somebody wants to do */
        due = sotto_messenger_deadline(p->m);
        if (due == UINT64_MAX) break;
        if (due > now.wall_ms && due - now.wall_ms < 30ull * 86400000) w->now.mono_us += 1000 * (due - now.wall_ms), w->now.wall_ms += due - now.wall_ms;
        now = now_of(w, p);
        sotto_messenger_tick(p->m, now, &p->acts);
        done(w, p, SOTTO_OK, ending);
        for (unsigned ticks = 0; ending == GOES_WELL && sotto_messenger_deadline(p->m) <= now.wall_ms; ticks++) {
            SOTTO_ASSERT(ticks < TICKS_MAX);          /* what is due gets done: nobody is asked for ever at the same moment */
            sotto_messenger_tick(p->m, now, &p->acts);
            done(w, p, SOTTO_OK, GOES_WELL);
        }
        break;
    case 15: due = fuzz_wide(in) % (40ull * 86400000); w->now.mono_us += 1000 * due, w->now.wall_ms += due; break;
    case 16: p->skew_ms += (int64_t)(fuzz_wide(in) % (20ull * 86400000)) * (arg & 1 ? -1 : 1); break;      /* the clock of one is set */
    case 17: case 18:
        if (p->cell_count == 0) break;
        due = p->cells[arg % p->cell_count];
        p->cells[arg % p->cell_count] = p->cells[p->cell_count - 1];
        p->cell_count--;
        if (op & 1) sotto_messenger_cell_sent(p->m, due, now, &p->acts);
        else sotto_messenger_cell_expired(p->m, due, now, &p->acts);
        done(w, p, SOTTO_OK, ending);
        break;
    case 19: {
        uint64_t solution = 0, from = 0;
        if (p->puzzle_count == 0) break;
        uint32_t k = --p->puzzle_count;
        if (arg & 1) SOTTO_ASSERT(sotto_puzzle_search(&solution, &from, p->digests[k], p->bits[k], 1u << 20));
        sotto_messenger_solved(p->m, p->puzzles[k], solution, now, &p->acts);
        done(w, p, SOTTO_OK, ending);
        break;
    }
    case 20: done(w, p, sotto_messenger_add(p->m, sotto_buf_span(&faces[!(op >> 7)].cert), "friend", arg & 1 ? "It is me" : "", now, &p->acts), ending); break;
    case 21: done(w, p, sotto_messenger_accept(p->m, other, arg & 1 ? "asker" : "", now, &p->acts), ending); break;
    case 22: done(w, p, sotto_messenger_decline(p->m, other, now, &p->acts), ending); break;
    case 23: done(w, p, sotto_messenger_block(p->m, other, arg & 1, now, &p->acts), ending); break;
    case 24:
        if (arg & 8) break;                           /* rarely: it ends what was going on */
        /* who was removed and comes again is new here: what was said before may be shown again */
        if (sotto_messenger_remove(p->m, other, arg & 1, now, &p->acts) == SOTTO_OK && ending != DIES_BEFORE_COMMIT) memset(p->shown, 0, sizeof p->shown);
        done(w, p, SOTTO_OK, ending);
        break;
    case 25: done(w, p, sotto_messenger_end(p->m, other, now, &p->acts), ending); break;
    case 26: done(w, p, sotto_messenger_resync(p->m, other, now, &p->acts), ending); break;
    case 27: {
        bool yes = arg & 1;
        uint64_t timer = fuzz_wide(in);
        struct sotto_contact_change change = { arg & 2 ? "another" : NULL, arg & 4 ? &yes : NULL, arg & 8 ? &yes : NULL, arg & 16 ? &yes : NULL, arg & 32 ? &timer : NULL };
        done(w, p, sotto_messenger_set(p->m, other, &change, now, &p->acts), GOES_WELL);
        break;
    }
    case 28: if (p->incoming_count) done(w, p, sotto_messenger_read(p->m, other, p->incoming[arg % p->incoming_count], now, &p->acts), ending); break;
    case 29: if (p->own_count) done(w, p, sotto_messenger_cancel(p->m, p->own[arg % p->own_count].message, now, &p->acts), ending); break;
    case 30: resend(w, p, other, arg & 15, ending); break;
    default: done(w, p, SOTTO_ERR_STATE, DIES_AFTER_COMMIT);      /* switched off and on */
    }
}

/* ---- the two of them ---- */

static void meet(struct world *w)
{
    for (unsigned round = 0; round < 40; round++) {
        struct person *p = &w->p[round & 1];
        struct sotto_contact c;
        if (round == 0) SOTTO_ASSERT(sotto_messenger_add(p->m, sotto_buf_span(&faces[1].cert), "bob", "hello", now_of(w, p), &p->acts) == SOTTO_OK);
        if (round == 3) SOTTO_ASSERT(sotto_messenger_accept(p->m, &ids[0].id, "alice", now_of(w, p), &p->acts) == SOTTO_OK);
        done(w, p, SOTTO_OK, GOES_WELL);
        while (p->puzzle_count) {
            uint64_t solution, from = 0;
            uint32_t k = --p->puzzle_count;
            SOTTO_ASSERT(sotto_puzzle_search(&solution, &from, p->digests[k], p->bits[k], 1u << 20));
            sotto_messenger_solved(p->m, p->puzzles[k], solution, now_of(w, p), &p->acts);
            done(w, p, SOTTO_OK, GOES_WELL);
        }
        while (w->wire_count) deliver(w, 0, false, UINT32_MAX, GOES_WELL);
        if (sotto_messenger_contact(p->m, &ids[!(round & 1)].id, &c) && c.state == SOTTO_CONTACT_MUTUAL && round > 8) break;
    }
    for (int i = 0; i < PEOPLE; i++) {
        struct sotto_contact c;
        SOTTO_ASSERT(sotto_messenger_contact(w->p[i].m, &ids[!i].id, &c) && c.state == SOTTO_CONTACT_MUTUAL);
    }
}

static void begin(struct world *w, bool strangers, bool prepares)
{
    w->now = FUZZ_NOW;
    for (int i = 0; i < PEOPLE; i++) {
        struct person *p = &w->p[i];
        p->who = &faces[i];
        faces[i].config.prepares = prepares;
        faces[i].config.tables_max = prepares ? 1 : 0;
        sotto_rng_from_seed(&faces[i].rng, strangers ? 11 : 12, i ? "bob" : "alice");
        p->next_message = strangers ? 1 : base_message[i];
        for (uint32_t k = 0; !strangers && k < base_count[i]; k++) row_put(p, base[i][k].table, base[i][k].row, sotto_buf_span(&base[i][k].bytes));
        start(w, p);
    }
}

static void end(struct world *w)
{
    for (int i = 0; i < PEOPLE; i++) {
        struct person *p = &w->p[i];
        sotto_messenger_free(p->m);
        sotto_acts_free(&p->acts);
        for (uint32_t k = 0; k < p->row_count; k++) sotto_buf_free(&p->rows[k].bytes);
        free(p->rows);
    }
    memset(w, 0, sizeof *w);
}

static struct world the_world;

static void prepare(void)
{
    for (int i = 0; i < PEOPLE; i++) {
        struct sotto_cert cert;
        fuzz_person(&faces[i], (uint64_t)i + 1);
        SOTTO_ASSERT(sotto_cert_parse(&cert, sotto_buf_span(&faces[i].cert)) == SOTTO_OK);
        ids[i].id = cert.id;
    }
    begin(&the_world, true, false);
    meet(&the_world);
    for (int i = 0; i < PEOPLE; i++) {
        struct person *p = &the_world.p[i];
        base[i] = p->rows;
        base_count[i] = p->row_count;
        base_message[i] = p->next_message;
        p->rows = NULL;
        p->row_count = p->row_cap = 0;
    }
    end(&the_world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) prepare(), ready = true;
    struct world *w = &the_world;
    struct fuzz_in in = fuzz_in(data, size);
    uint8_t how = fuzz_u8(&in);
    begin(w, how & 1, how & 4);
    if (how & 2) w->p[0].skew_ms = 3 * 86400000;
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) step(w, &in);
    end(w);
    return 0;
}
