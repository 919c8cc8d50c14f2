#include "whisper/filter.h"

#include "whisper/opener.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

/* An opened envelope. It goes when nobody has it any more: users = matches + those that were handed out. */
struct message { struct sotto_shh_received said; struct sotto_buf plain; uint32_t users; };

struct match {
    RB_ENTRY(match) by_hash;                          /* of its filter */
    TAILQ_ENTRY(match) in_filter, in_all;             /* by age */
    struct message *message;
    struct filter *filter;
};
RB_HEAD(match_tree, match);
TAILQ_HEAD(match_list, match);

/* A filter under one of its topics. */
struct listing { TAILQ_ENTRY(listing) in_topic; struct filter *filter; struct topic *topic; };
TAILQ_HEAD(listing_list, listing);
struct topic { RB_ENTRY(topic) by_name; uint32_t name; struct listing_list listings; };
RB_HEAD(topic_tree, topic);

struct filter {
    RB_ENTRY(filter) by_id;
    TAILQ_ENTRY(filter) in_open;                      /* of its opener, without topics */
    struct sotto_shh_id id;
    struct opener *opener;
    double min_pow;
    bool allow_p2p, has_signer;
    uint8_t signer[SOTTO_SHH_PUBLIC];
    struct listing *listings;
    uint32_t listing_count, waiting;
    struct match_tree by_hash;
    struct match_list matches;
    uint64_t dropped;
};
RB_HEAD(filter_tree, filter);

struct sotto_shh_filters {
    struct sotto_shh_filters_config config;
    struct openers openers;
    struct filter_tree filters;
    struct topic_tree topics;
    struct match_list matches;
    uint32_t count, topic_count;
    uint64_t bytes, dropped, turn, tries;
};

static int compare_filters(const struct filter *a, const struct filter *b) { return sotto_shh_id_compare(&a->id, &b->id); }
static int compare_topics(const struct topic *a, const struct topic *b) { return (a->name > b->name) - (a->name < b->name); }
static int compare_matches(const struct match *a, const struct match *b) { return memcmp(a->message->said.hash, b->message->said.hash, 32); }

/* RB_GENERATE_STATIC of libbsd relies on a macro that its header does not bring. */
#define TREE(name, type, field, compare) RB_GENERATE_INTERNAL(name, type, field, compare, __attribute__((unused)) static)
TREE(filter_tree, filter, by_id, compare_filters)
TREE(topic_tree, topic, by_name, compare_topics)
TREE(match_tree, match, by_hash, compare_matches)

enum sotto_err sotto_shh_filters_new(struct sotto_shh_filters **out, const struct sotto_shh_filters_config *config)
{
    SOTTO_ASSERT(config->filters_max && config->kept_max && config->bytes_max);
    struct sotto_shh_filters *f = calloc(1, sizeof *f);
    if (!f) return SOTTO_ERR_NOMEM;
    f->config = *config;
    openers_init(&f->openers);
    RB_INIT(&f->filters);
    RB_INIT(&f->topics);
    TAILQ_INIT(&f->matches);
    *out = f;
    return SOTTO_OK;
}

/* ---- messages and matches ---- */

static uint64_t weight(const struct message *m) { return sizeof *m + m->plain.cap; }

static void leave_message(struct sotto_shh_filters *f, struct message *m)
{
    if (--m->users) return;
    f->bytes -= weight(m);
    sotto_buf_free(&m->plain);
    free(m);
}

/* The match goes; what becomes of its use of the message is the caller's. */
static struct message *unlink_match(struct sotto_shh_filters *f, struct match *match)
{
    struct message *m = match->message;
    match_tree_RB_REMOVE(&match->filter->by_hash, match);
    TAILQ_REMOVE(&match->filter->matches, match, in_filter);
    TAILQ_REMOVE(&f->matches, match, in_all);
    match->filter->waiting--;
    f->bytes -= sizeof *match;
    free(match);
    return m;
}

static void drop_for_room(struct sotto_shh_filters *f, struct match *match)
{
    match->filter->dropped++;
    f->dropped++;
    leave_message(f, unlink_match(f, match));
}

/* The filter gets the message, unless the same envelope waits there already. */
static enum sotto_err keep(struct sotto_shh_filters *f, struct filter *filter, struct message *m, uint32_t *matches)
{
    struct match *match = calloc(1, sizeof *match);
    if (!match) return SOTTO_ERR_NOMEM;
    match->message = m;
    match->filter = filter;
    if (match_tree_RB_INSERT(&filter->by_hash, match)) {
        free(match);
        return SOTTO_OK;
    }
    TAILQ_INSERT_TAIL(&filter->matches, match, in_filter);
    TAILQ_INSERT_TAIL(&f->matches, match, in_all);
    filter->waiting++;
    f->bytes += sizeof *match;
    m->users++;
    ++*matches;
    if (filter->waiting > f->config.kept_max) drop_for_room(f, TAILQ_FIRST(&filter->matches));
    return SOTTO_OK;
}

/* ---- filters ---- */

static void leave_topic(struct sotto_shh_filters *f, struct listing *l)
{
    TAILQ_REMOVE(&l->topic->listings, l, in_topic);
    f->topic_count--;
    if (!TAILQ_EMPTY(&l->topic->listings)) return;
    topic_tree_RB_REMOVE(&f->topics, l->topic);
    free(l->topic);
}

static void filter_free(struct sotto_shh_filters *f, struct filter *filter)
{
    for (struct match *match; (match = TAILQ_FIRST(&filter->matches)) != NULL;) leave_message(f, unlink_match(f, match));
    for (uint32_t i = 0; i < filter->listing_count; i++) leave_topic(f, &filter->listings[i]);
    if (filter->listing_count == 0 && filter->opener) {
        TAILQ_REMOVE(&filter->opener->open, filter, in_open);
        if (TAILQ_EMPTY(&filter->opener->open)) TAILQ_REMOVE(&f->openers.open, filter->opener, in_open);
    }
    if (filter->opener) opener_leave(&f->openers, filter->opener);
    free(filter->listings);
    free(filter);
}

void sotto_shh_filters_free(struct sotto_shh_filters *f)
{
    if (!f) return;
    for (struct filter *filter; (filter = RB_ROOT(&f->filters)) != NULL;) {
        filter_tree_RB_REMOVE(&f->filters, filter);
        filter_free(f, filter);
    }
    SOTTO_ASSERT(f->bytes == 0);                      /* all that was handed out has come back */
    openers_free(&f->openers);
    free(f);
}

static int compare_names(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Into *names (owned by the caller), each once. */
static enum sotto_err topic_names(uint32_t **names, uint32_t *count, const struct sotto_shh_criteria *c)
{
    uint32_t *all = malloc(c->topic_count * sizeof *all), used = 0;
    if (!all) return SOTTO_ERR_NOMEM;
    for (size_t i = 0; i < c->topic_count; i++) all[i] = sotto_be32(c->topics[i]);
    qsort(all, c->topic_count, sizeof *all, compare_names);
    for (size_t i = 0; i < c->topic_count; i++)
        if (i == 0 || all[i] != all[used - 1]) all[used++] = all[i];
    *names = all;
    *count = used;
    return SOTTO_OK;
}

static enum sotto_err enter_topic(struct sotto_shh_filters *f, struct filter *filter, uint32_t name)
{
    struct listing *l = &filter->listings[filter->listing_count];
    struct topic key = { .name = name }, *topic = topic_tree_RB_FIND(&f->topics, &key);
    if (!topic) {
        topic = calloc(1, sizeof *topic);
        if (!topic) return SOTTO_ERR_NOMEM;
        topic->name = name;
        TAILQ_INIT(&topic->listings);
        topic_tree_RB_INSERT(&f->topics, topic);
    }
    l->filter = filter;
    l->topic = topic;
    TAILQ_INSERT_TAIL(&topic->listings, l, in_topic);
    f->topic_count++;
    filter->listing_count++;
    return SOTTO_OK;
}

static enum sotto_err enter_topics(struct sotto_shh_filters *f, struct filter *filter, const uint32_t *names, uint32_t count)
{
    filter->listings = calloc(count, sizeof *filter->listings);
    if (!filter->listings) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) SOTTO_TRY(enter_topic(f, filter, names[i]));
    return SOTTO_OK;
}

/* Into the lists by which envelopes find it. */
static enum sotto_err enter(struct sotto_shh_filters *f, struct filter *filter, const uint32_t *names, uint32_t count)
{
    if (count) return enter_topics(f, filter, names, count);
    if (TAILQ_EMPTY(&filter->opener->open)) TAILQ_INSERT_TAIL(&f->openers.open, filter->opener, in_open);
    TAILQ_INSERT_TAIL(&filter->opener->open, filter, in_open);
    return SOTTO_OK;
}

static enum sotto_err add(struct sotto_shh_filters *f, struct sotto_shh_id *id, const struct sotto_shh_criteria *c, const uint32_t *names, uint32_t count)
{
    struct filter *filter = calloc(1, sizeof *filter);
    if (!filter) return SOTTO_ERR_NOMEM;
    RB_INIT(&filter->by_hash);
    TAILQ_INIT(&filter->matches);
    filter->min_pow = c->min_pow;
    filter->allow_p2p = c->allow_p2p;
    filter->has_signer = c->signer != NULL;
    if (c->signer) sotto_shh_public(filter->signer, c->signer);
    struct opener *opener = opener_use(&f->openers, c->sym, c->key);
    if (!opener) {
        free(filter);
        return SOTTO_ERR_NOMEM;
    }
    filter->opener = opener;
    enum sotto_err err = enter(f, filter, names, count);
    if (err != SOTTO_OK) {                            /* in a topic or two, in no other list */
        for (uint32_t i = 0; i < filter->listing_count; i++) leave_topic(f, &filter->listings[i]);
        opener_leave(&f->openers, opener);
        free(filter->listings);
        free(filter);
        return err;
    }
    do sotto_shh_id_draw(&filter->id, f->config.rng);
    while (filter_tree_RB_INSERT(&f->filters, filter));       /* the same 256 random bits twice: only where a test says so */
    f->count++;
    *id = filter->id;
    return SOTTO_OK;
}

struct sotto_shh_refusal sotto_shh_filters_add(struct sotto_shh_filters *f, struct sotto_shh_id *id, const struct sotto_shh_criteria *c)
{
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_FILTERS_FULL, .limit = f->config.filters_max };
    uint32_t *names = NULL, count = 0;
    if (f->count >= f->config.filters_max) return r;
    r = (struct sotto_shh_refusal){ .why = SOTTO_SHH_REFUSED_TOPICS_FULL, .limit = f->config.topics_max };
    if (c->topic_count > f->config.topics_max) return r;
    enum sotto_err err = c->topic_count ? topic_names(&names, &count, c) : SOTTO_OK;
    bool full = err == SOTTO_OK && count > f->config.topics_max - f->topic_count;
    if (err == SOTTO_OK && !full) err = add(f, id, c, names, count);
    free(names);
    if (full) return r;
    return sotto_shh_refusal(err == SOTTO_OK ? SOTTO_SHH_REFUSED_NOTHING : SOTTO_SHH_REFUSED_NO_MEMORY);
}

static struct filter *find(const struct sotto_shh_filters *f, struct sotto_span id)
{
    struct filter name;
    if (!sotto_shh_id_read(&name.id, id)) return NULL;
    return filter_tree_RB_FIND((struct filter_tree *)&f->filters, &name);        /* the macro knows no const */
}

bool sotto_shh_filters_remove(struct sotto_shh_filters *f, struct sotto_span id)
{
    struct filter *filter = find(f, id);
    if (!filter) return false;
    filter_tree_RB_REMOVE(&f->filters, filter);
    filter_free(f, filter);
    f->count--;
    return true;
}

/* ---- an envelope comes ---- */

/* One envelope's way through the filters. */
struct turn {
    const struct sotto_shh_seen *seen;
    struct topic *topic;                              /* NULL: nobody listed its topic */
    struct opener *by;                                /* what opened it */
    struct sotto_buf plain;
    struct sotto_shh_message text;
    bool out_of_memory;
    uint64_t left_ns;                                 /* what may still be spent on trying keys; one try may exceed it */
    bool spent;                                       /* there was a key to try, and nothing left for it */
};

static bool may_have(const struct filter *filter, const struct turn *t)
{
    if (t->seen->light && !filter->allow_p2p) return false;
    if (t->seen->direct) return filter->allow_p2p && !(filter->min_pow > 0);
    return !(filter->min_pow > 0) || t->seen->rating >= filter->min_pow;
}

static bool anybody(const struct opener *opener, const struct turn *t)
{
    const struct filter *filter;
    TAILQ_FOREACH(filter, &opener->open, in_open)
        if (may_have(filter, t)) return true;
    return false;
}

/* A key that opens something which is no plain text has not opened it. */
static bool try_key(struct sotto_shh_filters *f, struct turn *t, struct opener *opener)
{
    struct sotto_span data = t->seen->e->data;
    if (opener->tried == f->turn || t->spent) return false;
    if (t->left_ns == 0) {
        t->spent = true;
        return false;
    }
    opener->tried = f->turn;
    if (opener->asymmetric && (data.size <= SOTTO_SHH_ASYM_EXTRA || data.data[0] != 4)) return false;
    uint64_t cost = opener->asymmetric ? SOTTO_SHH_TRY_KEY_NS + data.size * SOTTO_SHH_TRY_KEY_BYTE_NS : SOTTO_SHH_TRY_SYM_NS + data.size / SOTTO_SHH_TRY_SYM_BYTES;
    t->left_ns -= cost < t->left_ns ? cost : t->left_ns;
    f->tries++;
    enum sotto_err err = opener_try(opener, &t->plain, data);
    t->out_of_memory |= err == SOTTO_ERR_NOMEM;
    if (err != SOTTO_OK) return false;
    if (sotto_shh_message_read(&t->text, sotto_buf_span(&t->plain)) == SOTTO_OK) {
        t->by = opener;
        return true;
    }
    sotto_buf_free(&t->plain);
    return false;
}

static bool open_it(struct sotto_shh_filters *f, struct turn *t)
{
    struct opener *opener;
    struct listing *l;
    TAILQ_FOREACH(opener, &f->openers.open, in_open) {
        if (opener->tried != f->turn && anybody(opener, t) && try_key(f, t, opener)) return true;
        if (t->spent) return false;
    }
    if (!t->topic) return false;
    TAILQ_FOREACH(l, &t->topic->listings, in_topic) {
        if (may_have(l->filter, t) && try_key(f, t, l->filter->opener)) return true;
        if (t->spent) return false;
    }
    return false;
}

/* What was opened, as it will be told; it takes the plain text over. */
static struct message *message_of(struct turn *t)
{
    const struct sotto_envelope *e = t->seen->e;
    struct message *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    struct sotto_shh_received *said = &m->said;
    memcpy(said->hash, t->seen->hash, sizeof said->hash);
    said->ttl = e->ttl;
    said->sent = sotto_envelope_sent(e);
    memcpy(said->topic, e->topic, sizeof said->topic);
    said->pow = t->seen->rating;
    said->is_signed = t->text.is_signed;
    if (said->is_signed) sotto_shh_public(said->signer, &t->text.signer);
    said->is_asymmetric = t->by->asymmetric;
    if (said->is_asymmetric) memcpy(said->recipient, t->by->recipient, sizeof said->recipient);
    said->payload = t->text.payload;
    said->padding = t->text.padding;
    m->plain = t->plain;
    t->plain = sotto_buf_make(0);
    return m;
}

static enum sotto_err offer(struct sotto_shh_filters *f, const struct turn *t, struct filter *filter, struct message *m, uint32_t *matches)
{
    if (filter->opener != t->by || !may_have(filter, t)) return SOTTO_OK;
    if (filter->has_signer && (!m->said.is_signed || memcmp(filter->signer, m->said.signer, sizeof filter->signer) != 0)) return SOTTO_OK;
    return keep(f, filter, m, matches);
}

static enum sotto_err offer_all(struct sotto_shh_filters *f, const struct turn *t, struct message *m, uint32_t *matches)
{
    struct filter *filter;
    struct listing *l;
    TAILQ_FOREACH(filter, &t->by->open, in_open) SOTTO_TRY(offer(f, t, filter, m, matches));
    if (!t->topic) return SOTTO_OK;
    TAILQ_FOREACH(l, &t->topic->listings, in_topic) SOTTO_TRY(offer(f, t, l->filter, m, matches));
    return SOTTO_OK;
}

enum sotto_err sotto_shh_filters_show(struct sotto_shh_filters *f, uint32_t *matches, const struct sotto_shh_seen *seen)
{
    return sotto_shh_filters_show_some(f, matches, seen, UINT64_MAX, false);
}

enum sotto_err sotto_shh_filters_show_some(struct sotto_shh_filters *f, uint32_t *matches, const struct sotto_shh_seen *seen, uint64_t budget_ns, bool again)
{
    struct topic key = { .name = sotto_be32(seen->e->topic) };
    struct turn t = { .seen = seen, .plain = sotto_buf_make(seen->e->data.size), .left_ns = budget_ns };
    uint32_t count = 0;
    enum sotto_err err = SOTTO_OK;
    t.topic = topic_tree_RB_FIND(&f->topics, &key);
    if (!again) f->turn++;                            /* else keys tried already are known by it */
    if (open_it(f, &t)) {
        struct message *m = message_of(&t);
        if (m) {
            f->bytes += weight(m);
            m->users = 1;                             /* ours, until all have been asked */
            err = offer_all(f, &t, m, &count);
            leave_message(f, m);
            // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlink_match takes the first one out of the list, through its back
            while (f->bytes > f->config.bytes_max && !TAILQ_EMPTY(&f->matches)) drop_for_room(f, TAILQ_FIRST(&f->matches));
        } else {
            err = SOTTO_ERR_NOMEM;
        }
    } else if (t.out_of_memory) {
        err = SOTTO_ERR_NOMEM;
    } else if (t.spent) {
        err = SOTTO_ERR_AGAIN;
    }
    sotto_buf_free(&t.plain);
    if (matches) *matches = count;
    return err;
}

/* ---- and is fetched ---- */

enum sotto_err sotto_shh_filters_take(struct sotto_shh_filters *f, const struct sotto_shh_received **out, struct sotto_span id)
{
    struct filter *filter = find(f, id);
    if (!filter) return SOTTO_ERR_MISSING;
    struct match *match = TAILQ_FIRST(&filter->matches);
    if (!match) return SOTTO_ERR_AGAIN;
    *out = &unlink_match(f, match)->said;             /* its use of the message is the caller's now */
    return SOTTO_OK;
}

void sotto_shh_filters_release(struct sotto_shh_filters *f, const struct sotto_shh_received *message)
{
    _Static_assert(offsetof(struct message, said) == 0, "what is handed out is the message itself");
    leave_message(f, (struct message *)(uintptr_t)message);
}

enum sotto_err sotto_shh_filters_state(const struct sotto_shh_filters *f, struct sotto_shh_filter_state *out, struct sotto_span id)
{
    const struct filter *filter = find(f, id);
    if (!filter) return SOTTO_ERR_MISSING;
    *out = (struct sotto_shh_filter_state){ filter->waiting, filter->dropped };
    return SOTTO_OK;
}

uint32_t sotto_shh_filters_count(const struct sotto_shh_filters *f) { return f->count; }
uint64_t sotto_shh_filters_bytes(const struct sotto_shh_filters *f) { return f->bytes; }
uint64_t sotto_shh_filters_dropped(const struct sotto_shh_filters *f) { return f->dropped; }
uint64_t sotto_shh_filters_tries(const struct sotto_shh_filters *f) { return f->tries; }
