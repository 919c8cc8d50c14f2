/* What a messenger does while nothing waits for it: look-ahead tags, values of the next cells, tables of busy contacts (messaging.md 4.5,
 * 4.11). Nothing here changes what is stored, so a call brings no acts but PROBE. */
#include "conversation/messenger_impl.h"

#include <stdlib.h>

enum {
    TABLES_AFTER = 32,                    /* cells of a session, both ways: then its tables pay (4.11) */
    TABLES_KEEP_MS = 10 * 60000,          /* a contact that rested so long gives its tables to a busier one */
    WINDOW_COST = 4                       /* multiplications that one window of two tables takes: 62 additions with an inversion each */
};

/* K_peer's and P's; shared by the sessions of a contact while both keys stay. */
struct tables { struct sotto_point xkey, p; struct sotto_multiples *of_xkey, *of_p; uint32_t users; uint64_t used_ms; };

void sotto_idle_due(struct sotto_messenger *m, struct talk *t)
{
    if (!m->config.prepares || t->retire_ms) return;
    t->prepare_due = m->idle_due = true;
}

/* ---- Tables ---- */

static void tables_free(struct tables *b)
{
    sotto_multiples_free(b->of_xkey);
    sotto_multiples_free(b->of_p);
    SOTTO_WIPE(*b);
    free(b);
}

void sotto_tables_leave(struct sotto_messenger *m, struct talk *t)
{
    struct tables *b = t->tables;
    if (!b) return;
    t->tables = NULL;
    if (t->s) t->s->xkey_table = t->s->p_table = NULL;
    if (--b->users) return;
    for (uint32_t i = 0; i < m->tables_count; i++) {
        if (m->tables[i] != b) continue;
        m->tables[i] = m->tables[--m->tables_count];
        break;
    }
    tables_free(b);
}

/* The one not used for longest makes room, if it was not used for a while. */
static bool make_room(struct sotto_messenger *m)
{
    struct tables *oldest = NULL;
    if (m->tables_count < m->tables_max) return true;
    for (uint32_t i = 0; i < m->tables_count; i++)
        if (!oldest || m->tables[i]->used_ms < oldest->used_ms) oldest = m->tables[i];
    if (!oldest || m->now_ms < oldest->used_ms + TABLES_KEEP_MS) return false;
    for (uint32_t i = 0; i < m->talks.count && oldest; i++) {
        struct talk *t = (struct talk *)m->talks.at[i];
        bool last = t->tables == oldest && oldest->users == 1;
        if (t->tables != oldest) continue;
        t->cells = 0;
        sotto_tables_leave(m, t);
        if (last) oldest = NULL;
    }
    return true;
}

static bool same_keys(const struct tables *b, const struct sotto_session_core *core)
{
    return memcmp(b->xkey.b, core->peer_xkey.b, sizeof b->xkey.b) == 0 && sotto_equal_ct(b->p.b, core->p.b, sizeof b->p.b);
}

static void tables_join(struct sotto_messenger *m, struct talk *t)
{
    const struct sotto_session_core *core = &t->s->core;
    struct tables *b = NULL;
    for (uint32_t i = 0; i < m->tables_count && !b; i++)
        if (same_keys(m->tables[i], core)) b = m->tables[i];
    if (!b) {
        if (!make_room(m)) return;
        b = calloc(1, sizeof *b);
        if (!b) return;
        b->xkey = core->peer_xkey;
        b->p = core->p;
        enum sotto_err err = sotto_multiples_new(&b->of_xkey, &b->xkey, false);
        if (err == SOTTO_OK) err = sotto_multiples_new(&b->of_p, &b->p, true);
        if (err != SOTTO_OK) {                        /* no more memory, or no more that can be locked: these are enough then */
            tables_free(b);
            m->tables_max = m->tables_count;
            return;
        }
        m->tables[m->tables_count++] = b;
    }
    b->users++;
    b->used_ms = m->now_ms;
    t->tables = b;
}

/* One window of that session's tables. False: nothing to do for it. */
static bool tables_step(struct sotto_messenger *m, struct talk *t)
{
    if (t->s->p_table || t->cells < TABLES_AFTER || !m->tables_max) return false;
    if (!t->tables) tables_join(m, t);
    if (!t->tables) {
        t->cells = 0;                                 /* no room: ask again after as many cells */
        return false;
    }
    bool one = sotto_multiples_build(t->tables->of_xkey, 1), two = sotto_multiples_build(t->tables->of_p, 1);
    if (one && two) {
        t->s->xkey_table = t->tables->of_xkey;
        t->s->p_table = t->tables->of_p;
    }
    return true;
}

void sotto_idle_used(struct sotto_messenger *m, struct talk *t)
{
    if (t->cells < UINT32_MAX) t->cells++;
    if (t->tables) t->tables->used_ms = m->now_ms;
    sotto_idle_due(m, t);
}

/* ---- The order of it ---- */

static bool talk_step(struct sotto_messenger *m, struct talk *t, unsigned *budget)
{
    if (t->tags_late) {                               /* first what others' cells are found by */
        sotto_talk_tags_some(m, t, budget);
        if (t->tags_late) return true;
    }
    const struct contact *c = t->contact;
    if (t->retire_ms || c->blocked || c->state != SOTTO_CONTACT_MUTUAL) return false;
    if (sotto_session_prepare(t->s, &m->world, budget)) return true;
    if (*budget == 0) return true;
    if (!tables_step(m, t)) return false;
    *budget -= *budget < WINDOW_COST ? *budget : WINDOW_COST;
    return true;
}

bool sotto_messenger_prepare(struct sotto_messenger *m, unsigned budget, struct sotto_now now, struct sotto_acts *acts)
{
    if (!m->started || !m->idle_due || sotto_begin(m, now, acts) != SOTTO_OK) return false;
    bool more = false;
    for (uint32_t n = m->talks.count; n-- > 0 && !m->failed;) {
        if (m->idle_at >= m->talks.count) m->idle_at = 0;
        struct talk *t = (struct talk *)m->talks.at[m->idle_at];
        while (t->prepare_due && budget) t->prepare_due = talk_step(m, t, &budget);
        more |= t->prepare_due;
        if (budget) m->idle_at++;                     /* else it goes on here the next time */
    }
    m->idle_due = more;
    return sotto_finish(m, SOTTO_OK) == SOTTO_OK && more;
}

bool sotto_messenger_idle(const struct sotto_messenger *m) { return m->started && !m->failed && m->idle_due; }
