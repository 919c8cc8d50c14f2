#include "relay/inv.h"

#include "whisper/ids.h"

#include <stdlib.h>
#include <sys/queue.h>
#define HASH_NONFATAL_OOM 1                       /* an entry that finds no memory is not in the table: hh.tbl is NULL */
#include <uthash.h>

#define NONE UINT64_MAX
#define FIND(head, hash, key, size, out) HASH_FIND_BYHASHVALUE(hh, head, key, size, hash, out)
#define ADD(head, hash, field, size, entry) HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, (entry)->field, size, hash, entry)

/* An announcer of a wanted id, in the order in which they came. */
struct source { uint32_t link; bool asked, gone, counted; uint64_t asked_us; };
struct want {
    UT_hash_handle hh;
    TAILQ_ENTRY(want) order;
    uint8_t id[SOTTO_INV_ID];
    struct source from[SOTTO_INV_TRIES];
    unsigned count, next;                         /* announcers; the one that is asked after the one now */
    uint64_t due_us;                              /* when the next one is asked */
};
TAILQ_HEAD(wants, want);

/* Announced by us and not yet fetched, one for each link. */
struct told {
    UT_hash_handle hh;
    TAILQ_ENTRY(told) order;
    uint8_t id[SOTTO_INV_ID];
};
TAILQ_HEAD(tolds, told);

struct link {
    uint32_t number, waiting, told_count;
    struct told *told;
    struct tolds order;
};

struct sotto_inv {
    struct sotto_inv_sink sink;
    uint8_t key[16];                              /* of the tables: nobody can aim at one chain */
    struct want *wanted;
    struct wants order;                           /* by due_us: each is put at the end with now + 2 s */
    struct link *links;
    uint32_t link_count, link_max;
};

static unsigned hash_of(const struct sotto_inv *v, const uint8_t id[SOTTO_INV_ID]) { return (unsigned)sotto_ids_index(v->key, id); }

enum sotto_err sotto_inv_new(struct sotto_inv **out, uint32_t links_max, struct sotto_rng *rng, const struct sotto_inv_sink *sink)
{
    SOTTO_ASSERT(links_max > 0 && sink->known && sink->get && sink->offend);
    struct sotto_inv *v = calloc(1, sizeof *v);
    if (!v) return SOTTO_ERR_NOMEM;
    v->links = calloc(links_max, sizeof *v->links);
    if (!v->links) {
        free(v);
        return SOTTO_ERR_NOMEM;
    }
    v->link_max = links_max;
    v->sink = *sink;
    sotto_rng_fill(rng, v->key, sizeof v->key);
    TAILQ_INIT(&v->order);
    *out = v;
    return SOTTO_OK;
}

static struct link *link_of(const struct sotto_inv *v, uint32_t number)
{
    for (uint32_t i = 0; i < v->link_count; i++)
        if (v->links[i].number == number) return &v->links[i];
    return NULL;
}

/* ---- what is wanted ---- */

static struct want *find(const struct sotto_inv *v, const uint8_t id[SOTTO_INV_ID])
{
    struct want *w;
    FIND(v->wanted, hash_of(v, id), id, SOTTO_INV_ID, w);
    return w;
}

static void drop(struct sotto_inv *v, struct want *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct link *l = link_of(v, w->from[i].link);
        if (l && !w->from[i].gone) l->waiting--;
    }
    HASH_DEL(v->wanted, w);
    TAILQ_REMOVE(&v->order, w, order);
    free(w);
}

/* The body did not come: the next announcer, or nobody any more. */
static void ask_next(struct sotto_inv *v, struct want *w, uint64_t now_us)
{
    while (w->next < w->count && w->from[w->next].gone) w->next++;
    if (w->next == w->count) {
        uint8_t id[SOTTO_INV_ID];
        memcpy(id, w->id, sizeof id);
        drop(v, w);
        if (v->sink.forgot) v->sink.forgot(v->sink.owner, id);
        return;
    }
    struct source *s = &w->from[w->next++];
    s->asked = true;
    s->asked_us = now_us;
    w->due_us = now_us + SOTTO_INV_GET_US;
    TAILQ_REMOVE(&v->order, w, order);
    TAILQ_INSERT_TAIL(&v->order, w, order);
    v->sink.get(v->sink.owner, s->link, w->id);
}

static struct source *source_of(struct want *w, uint32_t link)
{
    for (unsigned i = 0; i < w->count; i++)
        if (w->from[i].link == link && !w->from[i].gone) return &w->from[i];
    return NULL;
}

bool sotto_inv_announced(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], struct sotto_now now)
{
    struct link *l = link_of(v, link);
    if (!l || v->sink.known(v->sink.owner, id)) return true;
    if (l->waiting == SOTTO_INV_WAITING_MAX) return false;
    struct want *w = find(v, id);
    bool fresh = !w;
    if (w && source_of(w, link)) return true;
    if (w && w->count == SOTTO_INV_TRIES) return false;
    if (fresh) {
        w = calloc(1, sizeof *w);
        if (!w) return false;
        memcpy(w->id, id, sizeof w->id);
        ADD(v->wanted, hash_of(v, id), id, SOTTO_INV_ID, w);
        if (!w->hh.tbl) {
            free(w);
            return false;
        }
        TAILQ_INSERT_TAIL(&v->order, w, order);
    }
    w->from[w->count++] = (struct source){ .link = link };
    l->waiting++;
    if (fresh) ask_next(v, w, now.mono_us);
    return true;
}

/* An announcer has it no more: who was to wait for it asks on. */
static void leave(struct sotto_inv *v, struct want *w, struct source *s, uint64_t now_us)
{
    struct link *l = link_of(v, s->link);
    bool current = s->asked && w->next > 0 && s == &w->from[w->next - 1];
    s->gone = true;
    if (l) l->waiting--;
    if (current) ask_next(v, w, now_us);
}

void sotto_inv_missed(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], struct sotto_now now)
{
    struct want *w = find(v, id);
    struct source *s = w ? source_of(w, link) : NULL;
    if (s && s->asked) leave(v, w, s, now.mono_us);
}

void sotto_inv_body(struct sotto_inv *v, const uint8_t id[SOTTO_INV_ID])
{
    struct want *w = find(v, id);
    if (w) drop(v, w);
}

/* A GET that brought nothing for 5 s counts once. */
static void count_late(struct sotto_inv *v, struct want *w, uint64_t now_us)
{
    for (unsigned i = 0; i < w->count; i++) {
        struct source *s = &w->from[i];
        if (!s->asked || s->gone || s->counted || now_us < s->asked_us + SOTTO_INV_LATE_US) continue;
        s->counted = true;
        v->sink.offend(v->sink.owner, s->link, SOTTO_INV_SCORE);
    }
}

void sotto_inv_tick(struct sotto_inv *v, struct sotto_now now)
{
    struct want *w;
    while ((w = TAILQ_FIRST(&v->order)) && w->due_us <= now.mono_us) {
        count_late(v, w, now.mono_us);
        ask_next(v, w, now.mono_us);
    }
}

uint64_t sotto_inv_deadline(const struct sotto_inv *v)
{
    const struct want *w = TAILQ_FIRST(&v->order);
    return w ? w->due_us : NONE;
}

uint32_t sotto_inv_wanted(const struct sotto_inv *v) { return HASH_COUNT(v->wanted); }
uint32_t sotto_inv_waiting(const struct sotto_inv *v, uint32_t link)
{
    const struct link *l = link_of(v, link);
    return l ? l->waiting : 0;
}

/* ---- what we announce ---- */

static struct told *told_of(const struct sotto_inv *v, const struct link *l, const uint8_t id[SOTTO_INV_ID])
{
    struct told *t;
    FIND(l->told, hash_of(v, id), id, SOTTO_INV_ID, t);
    return t;
}

static void untell(struct link *l, struct told *t)
{
    HASH_DEL(l->told, t);
    TAILQ_REMOVE(&l->order, t, order);
    l->told_count--;
    free(t);
}

bool sotto_inv_tell(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID])
{
    struct link *l = link_of(v, link);
    if (!l || told_of(v, l, id)) return false;
    struct told *t = calloc(1, sizeof *t);
    if (!t) return false;
    if (l->told_count == SOTTO_INV_TOLD_MAX) untell(l, TAILQ_FIRST(&l->order));
    memcpy(t->id, id, sizeof t->id);
    ADD(l->told, hash_of(v, id), id, SOTTO_INV_ID, t);
    if (!t->hh.tbl) {
        free(t);
        return false;
    }
    TAILQ_INSERT_TAIL(&l->order, t, order);
    l->told_count++;
    return true;
}

enum sotto_inv_answer sotto_inv_asked(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], bool have)
{
    struct link *l = link_of(v, link);
    struct told *t = l ? told_of(v, l, id) : NULL;
    if (!t) {
        if (l) v->sink.offend(v->sink.owner, link, SOTTO_INV_SCORE);
        return SOTTO_INV_SILENCE;
    }
    untell(l, t);
    return have ? SOTTO_INV_SERVE : SOTTO_INV_MISS;
}

/* ---- links ---- */

enum sotto_err sotto_inv_up(struct sotto_inv *v, uint32_t link)
{
    if (link_of(v, link)) return SOTTO_ERR_EXISTS;
    if (v->link_count == v->link_max) return SOTTO_ERR_FULL;
    struct link *l = &v->links[v->link_count++];
    *l = (struct link){ .number = link };
    TAILQ_INIT(&l->order);
    return SOTTO_OK;
}

static void drop_told(struct link *l)
{
    struct told *t = l->told, *next;
    HASH_CLEAR(hh, l->told);                      /* the table; its items are ours */
    for (; t; t = next) {
        next = t->hh.next;
        free(t);
    }
    l->told_count = 0;
}

void sotto_inv_down(struct sotto_inv *v, uint32_t link, struct sotto_now now)
{
    struct link *l = link_of(v, link);
    struct want *w, *next;
    if (!l) return;
    HASH_ITER(hh, v->wanted, w, next) {
        struct source *s = source_of(w, link);
        if (s) leave(v, w, s, now.mono_us);
    }
    SOTTO_ASSERT(l->waiting == 0);
    drop_told(l);
    struct link *last = &v->links[--v->link_count];
    if (l == last) return;
    *l = *last;                                   /* the head of a queue does not move by itself */
    TAILQ_INIT(&l->order);
    TAILQ_CONCAT(&l->order, &last->order, order);
}

void sotto_inv_free(struct sotto_inv *v)
{
    if (!v) return;
    struct want *w = v->wanted, *next;
    HASH_CLEAR(hh, v->wanted);
    for (; w; w = next) {
        next = w->hh.next;
        free(w);
    }
    for (uint32_t i = 0; i < v->link_count; i++) drop_told(&v->links[i]);
    free(v->links);
    free(v);
}
