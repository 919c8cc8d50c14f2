/* What we bring to a peer: news of the pool, best first (by turns of those who brought it, where there is more than the rate allows), in random flushes of its own (whisper-v6.md 8, network.md 5). */
#include "base/plant.h"
#include "whisper/shh_peer.h"
#include "whisper/turns.h"
#include "wire/rlp.h"

#include <stdlib.h>

#define LIST_HEAD_MAX 4u                          /* bytes of the head of a list below 16 MiB */
#define SHORT_OF_TOKENS_US 2000000u               /* a peer that had its burst is looked at again when a batch fits */
#define LOOK_US 60u                               /* ... and later for each envelope that waits for it: looking at 65,536 for one peer, and then for the next, is work */

static bool room(const struct sotto_shh *s, const struct shh_peer *p) { return sotto_host_backlog(s->host, p->conn) <= SOTTO_SHH_BACKLOG_MAX; }

void shh_flush_soon(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    if (p->gone || !p->ready || p->flush_us != NONE) return;
    p->flush_us = now.mono_us + sotto_rng_exp_us(s->config.rng, s->config.flush_mean_us);
}

enum verdict { SETTLED, LATER, SEND };

static bool wishes_topic(const struct shh_peer *p, const uint8_t topic[4])
{
    struct sotto_bloom sample;
    sotto_bloom_topic(&sample, topic);
    return sotto_bloom_match(&p->bloom, &sample);
}

static enum verdict judge(const struct sotto_shh *s, const struct shh_peer *p, const struct sotto_pool_entry *e, struct sotto_now now)
{
    bool native = e->data.size == SOTTO_NATIVE_DATA;
    if (sotto_rules_too_late(e->expiry, sotto_shh_now_behind(s, now))) return SETTLED;
    if (s->light && !e->own) return SETTLED;
    if (e->rlp.size + LIST_HEAD_MAX > SOTTO_SHH_PACKET_MAX) return SETTLED;
    if (e->rating < p->pow || (!p->everything && !wishes_topic(p, e->topic))) return SETTLED;      /* till it wishes anew */
    if (sotto_ids_has(&p->known, e->hash, e->index)) return SETTLED;
    if (e->quiet) return SETTLED;                 /* till it wakes */
    if (native && p->native_elsewhere) return SETTLED;
    if (sotto_rules_too_early(e->sent, sotto_shh_now_ahead(s, now))) return LATER;
    if (e->held && (s->muted || s->clock_off || (native && s->native_held) || !shh_first_hop(s, p)) && !SOTTO_PLANTED(OWN_TO_STRANGERS)) return LATER;
    return SEND;
}

/* left_seq: the lowest that found no room and stays behind; later_seq: the lowest whose time has not come. NONE: there is none. */
struct news { const struct sotto_pool_entry **slots; size_t count, cap, bytes; uint64_t left_seq, later_seq; };

static void stays(uint64_t *lowest, const struct sotto_pool_entry *e)
{
    if (e->seq < *lowest) *lowest = e->seq;
}

/* What came after seq and is to be brought now: all; or of what goes on quickly the oldest, as much as may wait in a peer's queue. */
static void collect(struct sotto_shh *s, struct shh_peer *p, struct news *n, uint64_t seq, bool quick, struct sotto_now now)
{
    for (const struct sotto_pool_entry *e = sotto_pool_after(s->config.pool, seq); e; e = sotto_pool_next(s->config.pool, e)) {
        if (quick && !shh_is_quick(s, e)) continue;
        enum verdict v = judge(s, p, e, now);
        if (v == SEND && n->count == n->cap) {
            size_t cap = n->cap ? n->cap * 2 : 64;
            const struct sotto_pool_entry **slots = realloc(n->slots, cap * sizeof *slots);
            if (slots) {
                n->slots = slots;
                n->cap = cap;
            } else {
                v = LATER;
            }
        }
        if (v == SEND && quick && n->bytes >= SOTTO_SHH_BACKLOG_MAX) {
            stays(&n->left_seq, e);
            break;
        }
        if (v == LATER) stays(&n->later_seq, e);
        if (v != SEND) continue;
        n->slots[n->count++] = e;
        n->bytes += e->rlp.size;
    }
}

static int best_first(const void *a, const void *b)
{
    return sotto_pool_compare(*(const struct sotto_pool_entry *const *)a, *(const struct sotto_pool_entry *const *)b);
}

/* Writes one packet of entries [from, to). */
static enum sotto_err send_packet(struct sotto_shh *s, struct shh_peer *p, const struct news *n, size_t from, size_t to, size_t size,
                                  struct sotto_now now)
{
    struct sotto_buf b = sotto_buf_make(SOTTO_SHH_PACKET_MAX);
    enum sotto_err err = sotto_buf_reserve(&b, size + LIST_HEAD_MAX);
    if (err == SOTTO_OK) err = sotto_rlp_add_list_head(&b, size);
    for (size_t i = from; err == SOTTO_OK && i < to; i++) err = sotto_buf_add_span(&b, n->slots[i]->rlp);
    if (err == SOTTO_OK) err = sotto_host_send(s->host, p->conn, &s->capability, SOTTO_SHH_MESSAGES, sotto_buf_span(&b), now, s->out);
    sotto_buf_free(&b);
    return err;
}

/* ---- own foreign envelopes ----
 *
 * What others bring goes on within milliseconds, to everybody. An own one that went to one neighbour now and to another a second later would be
 * known for an own one by two neighbours who compare. So when its first hop has it, it is quiet until somebody else brings it, which is soon
 * where the first hop has other neighbours, or until a random moment; then it goes on as if it had come just then: to all at once. */

static void wake(struct sotto_shh *s, const uint8_t hash[32], struct sotto_now now)
{
    const struct sotto_pool_entry *e = sotto_pool_find(s->config.pool, hash);
    if (!e) return;                               /* it expired, or had to leave */
    sotto_pool_hush(s->config.pool, hash, false);
    for (unsigned i = 0; i < s->peer_count; i++) {
        struct shh_peer *p = s->peers[i];
        if (p->cursor >= e->seq) p->cursor = e->seq - 1;
        if (p->quick_cursor >= e->seq) p->quick_cursor = e->seq - 1;
        shh_flush_soon(s, p, now);                /* the cursor says that not all is settled */
        shh_quick_soon(s, p, now);
    }
}

static void wake_at(struct sotto_shh *s, unsigned at, struct sotto_now now)
{
    struct shh_quiet q = s->quiet[at];
    s->quiet[at] = s->quiet[--s->quiet_count];
    wake(s, q.hash, now);
}

static void hush(struct sotto_shh *s, const struct sotto_pool_entry *e, struct sotto_now now)
{
    if (s->quiet_count == SOTTO_SHH_QUIET_MAX) {
        wake(s, e->hash, now);
        return;
    }
    struct shh_quiet *q = &s->quiet[s->quiet_count++];
    memcpy(q->hash, e->hash, sizeof q->hash);
    q->until_us = now.mono_us + sotto_rng_exp_us(s->config.rng, s->config.flush_mean_us);
    sotto_pool_hush(s->config.pool, e->hash, true);
}

void shh_heard(struct sotto_shh *s, const uint8_t hash[32], struct sotto_now now)
{
    for (unsigned i = 0; i < s->quiet_count; i++) {
        if (memcmp(s->quiet[i].hash, hash, sizeof s->quiet[i].hash) != 0) continue;
        wake_at(s, i, now);
        return;
    }
}

void shh_quiet_tick(struct sotto_shh *s, struct sotto_now now)
{
    for (unsigned i = 0; i < s->quiet_count;) {
        if (now.mono_us >= s->quiet[i].until_us) wake_at(s, i, now);
        else i++;
    }
}

uint64_t shh_quiet_deadline(const struct sotto_shh *s)
{
    uint64_t at = NONE;
    for (unsigned i = 0; i < s->quiet_count; i++)
        if (s->quiet[i].until_us < at) at = s->quiet[i].until_us;
    return at;
}

/* ---- a flush ---- */

static void written(struct sotto_shh *s, struct shh_peer *p, const struct sotto_pool_entry *e, struct sotto_now now)
{
    uint32_t until = e->expiry > UINT32_MAX - SOTTO_POOL_REMEMBER_S ? UINT32_MAX : e->expiry + SOTTO_POOL_REMEMBER_S;
    sotto_ids_add(&p->known, e->hash, e->index, until);
    s->stats.forwarded++;
    if (!e->held) return;
    sotto_pool_release(s->config.pool, e->hash);
    if (shh_is_quick(s, e)) hush(s, e, now);
    else sotto_shh_news(s, now);                  /* now the peers that dialled us may have it */
    s->config.first_hop(s->config.owner, e, now);
}

/* Brings these in this order, as far as the rate and the peer's queue allow; the rest stays behind. True: it was the rate. */
static bool bring(struct sotto_shh *s, struct shh_peer *p, struct news *n, struct sotto_now now)
{
    bool short_of_tokens = false;
    size_t at = 0;
    while (at < n->count && !p->gone && !short_of_tokens) {
        size_t to = at, size = 0;
        while (to < n->count && size + n->slots[to]->rlp.size + LIST_HEAD_MAX <= SOTTO_SHH_PACKET_MAX) {
            short_of_tokens = !sotto_bucket_take(&p->give, 1, now.mono_us);
            if (short_of_tokens) break;
            size += n->slots[to++]->rlp.size;
        }
        if (to == at) break;
        if (size / SOTTO_SHH_CATCH_UP_BYTES > to - at) {  /* what the other side does with such a packet: the credit is not for them */
            sotto_bucket_refund(&p->give, (uint32_t)(to - at));
            sotto_bucket_no_credit(&p->give);
            uint64_t burst = sotto_bucket_tokens(&p->give, now.mono_us);         /* at a low rate it may be less than what the packet holds */
            short_of_tokens = short_of_tokens || burst < to - at;
            for (; to - at > burst; to--) size -= n->slots[to - 1]->rlp.size;
            if (to == at) break;
            bool paid = sotto_bucket_take(&p->give, (uint32_t)(to - at), now.mono_us);
            SOTTO_ASSERT(paid);
        }
        if (send_packet(s, p, n, at, to, size, now) != SOTTO_OK) {
            sotto_bucket_refund(&p->give, (uint32_t)(to - at));
            break;
        }
        for (; at < to; at++) written(s, p, n->slots[at], now);
    }
    for (; at < n->count; at++) stays(&n->left_seq, n->slots[at]);
    return short_of_tokens;
}

void shh_flush(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    p->flush_us = NONE;
    if (!room(s, p)) {
        shh_flush_soon(s, p, now);
        return;
    }
    struct news n = { .left_seq = NONE, .later_seq = NONE };
    uint64_t latest = sotto_pool_seq(s->config.pool);
    collect(s, p, &n, p->cursor, false, now);
    uint64_t tokens = sotto_bucket_tokens(&p->give, now.mono_us), wait = SHORT_OF_TOKENS_US + n.count * LOOK_US;
    bool short_of_tokens = n.count > tokens;
    uint64_t names[SOTTO_SHH_PEERS_MAX];
    if (short_of_tokens) sotto_turns(n.slots, &n.count, &n.left_seq, names, sotto_shh_names(s, names), tokens);
    else if (n.count) qsort(n.slots, n.count, sizeof *n.slots, best_first);
    if (bring(s, p, &n, now)) short_of_tokens = true;     /* large ones are not paid from the credit */
    free(n.slots);
    if (p->gone) return;
    uint64_t first = n.left_seq < n.later_seq ? n.left_seq : n.later_seq;
    p->cursor = first == NONE ? latest : first - 1;
    p->quick_cursor = latest;
    p->quick_us = NONE;
    if (first == NONE) return;
    shh_flush_soon(s, p, now);
    if (n.left_seq != NONE && !short_of_tokens && s->config.gather_us) {         /* its queue was full: what is quick need not wait for the next flush */
        p->quick_cursor = n.left_seq - 1;
        shh_quick_soon(s, p, now);
    }
    if (short_of_tokens && p->flush_us < now.mono_us + wait) p->flush_us = now.mono_us + wait;
}

/* ---- what goes on quickly ----
 *
 * The random wait of each link hides where an envelope came from. That is promised for native ones, ours and those of others, and they all keep it.
 * A foreign one that a neighbour brought has its source elsewhere, and everybody who sees the line tells it from a native one by its length. */
bool shh_is_quick(const struct sotto_shh *s, const struct sotto_pool_entry *e)
{
    return s->config.gather_us && e->data.size != SOTTO_NATIVE_DATA && !e->held;
}

void shh_quick_soon(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    if (p->gone || !p->ready || p->quick_us != NONE || p->quick_full) return;
    p->quick_us = now.mono_us > p->quick_next_us ? now.mono_us : p->quick_next_us;
    (void)s;
}

void shh_quick_read_on(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    if (!p->quick_full || !room(s, p)) return;
    p->quick_full = false;
    shh_quick_soon(s, p, now);
}

/* Only while there is plenty: the second half of a burst is shared out by turns in the flush, where native envelopes are, too. A peer whose queue
 * is full gets the next ones when it has read (shh_quick_read_on). */
void shh_quick(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    struct news n = { .left_seq = NONE, .later_seq = NONE };
    uint64_t latest = sotto_pool_seq(s->config.pool), tokens = sotto_bucket_tokens(&p->give, now.mono_us), spare = p->give.burst_millionths / 2000000u;
    bool all = tokens > spare;
    p->quick_us = NONE;
    p->quick_next_us = now.mono_us + s->config.gather_us;
    p->quick_full = !room(s, p);
    if (p->quick_full) return;
    if (all) collect(s, p, &n, p->quick_cursor > p->cursor ? p->quick_cursor : p->cursor, true, now);
    if (n.count > tokens - (all ? spare : 0)) all = false;
    else if (n.count) qsort(n.slots, n.count, sizeof *n.slots, best_first);
    if (all) (void)bring(s, p, &n, now);
    free(n.slots);
    if (p->gone) return;
    bool more = all && n.left_seq != NONE;
    p->quick_cursor = more ? n.left_seq - 1 : latest;
    if (more && sotto_host_backlog(s->host, p->conn) > 0) {           /* there is nothing to wait for but room */
        p->quick_full = true;
        p->quick_next_us = now.mono_us;
    } else if (more) {
        p->quick_us = p->quick_next_us;           /* it was not its queue that had none */
    }
    if (!all || n.later_seq != NONE) shh_flush_soon(s, p, now);
    else if (p->flush_us == NONE) p->cursor = p->quick_cursor;
}
