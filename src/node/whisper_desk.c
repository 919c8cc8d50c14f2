#include "node/whisper_desk.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_NS 1000000u                 /* of trying keys in one turn of the loop; then everything else has its turn */
#define SLICE_US 1000u
#define SLICE_ENTRIES 256u                /* where time stands still (sim/), or nobody has a key */
#define PUSH_BACKLOG_MAX (1u << 20)       /* a connection this far behind gets its messages when it has read on */
#define PUSH_AGAIN_US 250000u

struct sotto_desk_push { struct sotto_desk_push *next; char id[SOTTO_DESK_PUSH_ID]; struct sotto_shh_id filter; uint64_t conn; };

static void show_more(void *ctx, struct sotto_now now);
static void push_more(void *ctx, struct sotto_now now);

static void desk_free(struct sotto_desk *d)
{
    sotto_timer_free(d->show_timer);
    sotto_timer_free(d->push_timer);
    sotto_shh_filters_free(d->filters);
    sotto_shh_keys_free(d->keys);
    for (unsigned i = 0; i < SOTTO_DESK_DIRECTS_MAX; i++) sotto_buf_free(&d->directs[i]);
    sotto_buf_free(&d->open);
    free(d);
}

static struct sotto_desk *desk_new(struct sotto_node *n)
{
    struct sotto_shh_filters_config filters = { SOTTO_SHH_FILTERS_MAX, SOTTO_SHH_FILTER_TOPICS_MAX, SOTTO_SHH_FILTER_KEPT_MAX, SOTTO_SHH_FILTER_BYTES_MAX, &n->rng.rng };
    struct sotto_desk *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->node = n;
    d->size_max = SOTTO_ENVELOPE_SIZE_MAX;
    d->shown_seq = sotto_pool_seq(sotto_net_pool(n->net));        /* filters are told what comes from now on */
    d->open = sotto_buf_make(SOTTO_DESK_SIZE_MAX + SOTTO_ENVELOPE_RLP_EXTRA);
    for (unsigned i = 0; i < SOTTO_DESK_DIRECTS_MAX; i++) d->directs[i] = sotto_buf_make(0);
    enum sotto_err err = sotto_shh_keys_new(&d->keys, SOTTO_SHH_KEYS_MAX, SOTTO_SHH_KEYS_MAX, &n->rng.rng);
    if (err == SOTTO_OK) err = sotto_shh_filters_new(&d->filters, &filters);
    if (err == SOTTO_OK) err = sotto_timer_new(&d->show_timer, n->loop, show_more, n);
    if (err == SOTTO_OK) err = sotto_timer_new(&d->push_timer, n->loop, push_more, n);
    if (err == SOTTO_OK) return d;
    desk_free(d);
    return NULL;
}

struct sotto_desk *sotto_desk(struct sotto_node *n)
{
    if (!n->desk && (n->desk = desk_new(n)) != NULL) sotto_locks_check(n);
    return n->desk;
}

void sotto_desk_free(struct sotto_node *n)
{
    struct sotto_desk *d = n->desk;
    if (!d) return;
    n->desk = NULL;
    sotto_desk_posts_free(d);
    while (d->pushes) {
        struct sotto_desk_push *p = d->pushes;
        d->pushes = p->next;
        free(p);
    }
    desk_free(d);
}

void sotto_desk_widen(struct sotto_desk *d, const struct sotto_shh_criteria *c)
{
    struct sotto_node *n = d->node;
    struct sotto_bloom now, more;
    if (!sotto_net_bloom_now(n->net, &now)) return;
    sotto_shh_topics_bloom(&more, c->topics, c->topic_count);
    if (sotto_bloom_match(&now, &more)) return;
    sotto_bloom_join(&now, &more);
    sotto_net_bloom(n->net, &now, sotto_io_now(), &n->outq);
    sotto_network_flush(n);
}

/* ---- pushing ---- */

static enum sotto_err push_text(struct sotto_buf *out, const char *id, const struct sotto_shh_received *m)
{
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"method\":\"shh_subscription\",\"params\":{\"subscription\":\"", middle[] = "\",\"result\":";
    SOTTO_TRY(sotto_buf_add(out, head, sizeof head - 1));
    SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(id)));
    SOTTO_TRY(sotto_buf_add(out, middle, sizeof middle - 1));
    SOTTO_TRY(sotto_shh_text_message(out, m));
    return sotto_buf_add(out, "}}", 2);
}

/* False: the connection does not read; its messages wait. */
static bool push_one(struct sotto_desk *d, struct sotto_desk_push *p)
{
    struct sotto_node *n = d->node;
    const struct sotto_shh_received *m;
    struct sotto_shh_filter_state state;
    struct sotto_span filter = sotto_span_str(p->filter.text);
    while (n->door && sotto_shh_filters_state(d->filters, &state, filter) == SOTTO_OK && state.waiting) {
        if (sotto_door_backlog(n->door, p->conn) > PUSH_BACKLOG_MAX) return false;
        if (sotto_shh_filters_take(d->filters, &m, filter) != SOTTO_OK) break;
        struct sotto_buf text = sotto_buf_make(64u << 20);
        enum sotto_err err = push_text(&text, p->id, m);
        sotto_shh_filters_release(d->filters, m);
        if (err == SOTTO_OK) (void)!sotto_door_push(n->door, p->conn, sotto_buf_span(&text));      /* gone: _closed follows */
        else sotto_log_line(n->log, SOTTO_LOG_WARN, "whisper", "push-lost", "reason=%s", sotto_err_name(err));
        sotto_buf_free(&text);
    }
    return true;
}

static void push_all(struct sotto_desk *d, struct sotto_now now)
{
    bool wait = false;
    for (struct sotto_desk_push *p = d->pushes; p; p = p->next) wait |= !push_one(d, p);
    if (wait && !d->node->stopping) sotto_timer_set(d->push_timer, now.mono_us + PUSH_AGAIN_US);
}

static void push_more(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    if (n->desk) push_all(n->desk, now);
}

/* "0x" and 128 random bits without leading zeros, as geth names them. */
static void push_name(char id[SOTTO_DESK_PUSH_ID], struct sotto_rng *rng)
{
    uint8_t bytes[16];
    char hex[33];
    sotto_rng_fill(rng, bytes, sizeof bytes);
    sotto_hex(hex, bytes, sizeof bytes);
    size_t zeros = strspn(hex, "0");
    snprintf(id, SOTTO_DESK_PUSH_ID, "0x%s", zeros < 32 ? hex + zeros : "0");
}

struct sotto_shh_refusal sotto_desk_subscribe(struct sotto_desk *d, char id[SOTTO_DESK_PUSH_ID], const struct sotto_shh_criteria *c, uint64_t conn)
{
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_FILTERS_FULL, .limit = SOTTO_DESK_SUBSCRIPTIONS_MAX };
    if (d->push_count == SOTTO_DESK_SUBSCRIPTIONS_MAX) return r;
    struct sotto_desk_push *p = calloc(1, sizeof *p);
    if (!p) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    r = sotto_shh_filters_add(d->filters, &p->filter, c);
    if (r.why) {
        free(p);
        return r;
    }
    push_name(p->id, &d->node->rng.rng);
    p->conn = conn;
    p->next = d->pushes;
    d->pushes = p;
    d->push_count++;
    memcpy(id, p->id, sizeof p->id);
    return r;
}

static void push_end(struct sotto_desk *d, struct sotto_desk_push **at)
{
    struct sotto_desk_push *p = *at;
    *at = p->next;
    d->push_count--;
    bool known = sotto_shh_filters_remove(d->filters, sotto_span_str(p->filter.text));
    SOTTO_ASSERT(known);
    free(p);
}

bool sotto_desk_unsubscribe(struct sotto_desk *d, struct sotto_span id, uint64_t conn)
{
    for (struct sotto_desk_push **at = &d->pushes; *at; at = &(*at)->next) {
        if ((*at)->conn != conn || !sotto_span_equal(sotto_span_str((*at)->id), id)) continue;
        push_end(d, at);
        return true;
    }
    return false;
}

void sotto_desk_closed(struct sotto_node *n, uint64_t conn)
{
    if (!n->desk) return;
    for (struct sotto_desk_push **at = &n->desk->pushes; *at;) {
        if ((*at)->conn == conn) push_end(n->desk, at);
        else at = &(*at)->next;
    }
}

/* ---- envelopes come ---- */

void sotto_desk_direct(struct sotto_node *n, struct sotto_buf *rlp)
{
    struct sotto_desk *d = n->desk;
    if (!d || d->direct_count == SOTTO_DESK_DIRECTS_MAX || sotto_shh_filters_count(d->filters) == 0) return;       /* nobody waits for it, or for too many */
    struct sotto_buf *place = &d->directs[(d->direct_at + d->direct_count++) % SOTTO_DESK_DIRECTS_MAX];
    *place = *rlp;
    *rlp = sotto_buf_make(rlp->max);
}

/* Goes on with the envelope in d->open. False: the budget is used up. */
static bool show_open(struct sotto_desk *d, bool again, bool *news)
{
    struct sotto_envelope e;
    uint32_t matches = 0;
    enum sotto_err err = sotto_envelope_decode(&e, sotto_buf_span(&d->open));
    SOTTO_ASSERT(err == SOTTO_OK);                        /* out of the pool, or looked at when it came */
    d->seen.e = &e;
    d->seen.hash = d->open_hash;
    err = sotto_shh_filters_show_some(d->filters, &matches, &d->seen, SLICE_NS, again);
    *news |= matches > 0;
    if (err == SOTTO_ERR_AGAIN) return false;
    if (err != SOTTO_OK) sotto_log_line(d->node->log, SOTTO_LOG_WARN, "whisper", "filter-lost", "reason=%s", sotto_err_name(err));
    sotto_buf_free(&d->open);
    return true;
}

/* The next one into d->open; *at = the last entry of this slice, NULL at first. False: there is none. */
static bool next_open(struct sotto_desk *d, const struct sotto_pool_entry **at)
{
    const struct sotto_pool *pool = sotto_net_pool(d->node->net);
    if (d->direct_count) {
        struct sotto_buf *from = &d->directs[d->direct_at];
        struct sotto_envelope e;
        d->open = *from;
        *from = sotto_buf_make(0);
        d->direct_at = (d->direct_at + 1) % SOTTO_DESK_DIRECTS_MAX;
        d->direct_count--;
        enum sotto_err err = sotto_envelope_decode(&e, sotto_buf_span(&d->open));
        SOTTO_ASSERT(err == SOTTO_OK);
        sotto_envelope_hash(d->open_hash, sotto_buf_span(&d->open));
        d->seen = (struct sotto_shh_seen){ .rating = sotto_envelope_rating(&e, 0), .direct = true };
        return true;
    }
    if (sotto_pool_seq(pool) == d->shown_seq) return false;
    const struct sotto_pool_entry *entry = NULL;
    if (sotto_shh_filters_count(d->filters)) entry = *at ? sotto_pool_next(pool, *at) : sotto_pool_after(pool, d->shown_seq);
    if (!entry) {                                         /* nobody asks; or all of them are gone again */
        d->shown_seq = sotto_pool_seq(pool);
        return false;
    }
    d->open.max = entry->rlp.size;
    if (sotto_buf_add_span(&d->open, entry->rlp) != SOTTO_OK) return false;      /* memory is out: later */
    memcpy(d->open_hash, entry->hash, sizeof d->open_hash);
    d->seen = (struct sotto_shh_seen){ .rating = entry->rating, .light = d->light && !entry->own };
    d->shown_seq = entry->seq;
    *at = entry;
    return true;
}

static void show(struct sotto_desk *d, struct sotto_now now)
{
    bool news = false, more = true;
    const struct sotto_pool_entry *at = NULL;             /* nothing changes the pool before the slice ends */
    for (unsigned i = 0; i < SLICE_ENTRIES && sotto_io_now().mono_us - now.mono_us < SLICE_US; i++) {
        bool again = d->open.size > 0;
        more = again || next_open(d, &at);
        if (!more || !show_open(d, again, &news)) break;
    }
    if (news) push_all(d, now);
    d->showing_later = more && !d->node->stopping;
    if (d->showing_later) sotto_timer_set(d->show_timer, sotto_io_now().mono_us);       /* the next turn: whatever is ready comes first, and no sleep */
}

static void show_more(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    if (n->desk) show(n->desk, now);
}

void sotto_desk_look(struct sotto_node *n)
{
    struct sotto_desk *d = n->desk;
    if (!d || n->stopping || !n->net || d->showing_later) return;
    if (d->direct_count || sotto_pool_seq(sotto_net_pool(n->net)) != d->shown_seq) show(d, sotto_io_now());
}
