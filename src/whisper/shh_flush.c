/* What we bring to a peer: news of the pool, best first, in random flushes of its own (whisper-v6.md 8, network.md 5). */
#include "whisper/shh_peer.h"
#include "wire/rlp.h"

#include <stdlib.h>

#define LIST_HEAD_MAX 4u                          /* bytes of the head of a list below 16 MiB */
#define SHORT_OF_TOKENS_US 2000000u               /* a peer that had its burst is looked at again when a batch fits */

void shh_flush_soon(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    if (p->gone || !p->ready || p->flush_us != NONE) return;
    p->flush_us = now.mono_us + sotto_rng_exp_us(s->config.rng, s->config.flush_mean_us);
}

enum verdict { SETTLED, LATER, SEND };

static enum verdict judge(const struct sotto_shh *s, const struct shh_peer *p, const struct sotto_pool_entry *e, struct sotto_now now)
{
    if (sotto_rules_too_late(e->expiry, sotto_shh_now_behind(s, now))) return SETTLED;
    if (e->rlp.size + LIST_HEAD_MAX > SOTTO_SHH_PACKET_MAX) return SETTLED;
    if (e->rating < p->pow || (!p->everything && !sotto_bloom_match(&p->bloom, &e->bloom))) return SETTLED;      /* till it wishes anew */
    if (sotto_ids_has(&p->known, e->hash, e->index)) return SETTLED;
    if (sotto_rules_too_early(e->sent, shh_now_ahead(s, now)) || (e->held && (s->clock_off || !shh_first_hop(s, p)))) return LATER;
    return SEND;
}

struct news { const struct sotto_pool_entry **slots; size_t count, cap; uint64_t left_seq; };      /* left_seq: lowest that stays behind, NONE */

static void stays(struct news *n, const struct sotto_pool_entry *e)
{
    if (e->seq < n->left_seq) n->left_seq = e->seq;
}

static void collect(struct sotto_shh *s, struct shh_peer *p, struct news *n, struct sotto_now now)
{
    for (const struct sotto_pool_entry *e = sotto_pool_after(s->config.pool, p->cursor); e; e = sotto_pool_next(s->config.pool, e)) {
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
        if (v == SEND) n->slots[n->count++] = e;
        else if (v == LATER) stays(n, e);
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

static void written(struct sotto_shh *s, struct shh_peer *p, const struct sotto_pool_entry *e, struct sotto_now now)
{
    uint32_t until = e->expiry > UINT32_MAX - SOTTO_POOL_REMEMBER_S ? UINT32_MAX : e->expiry + SOTTO_POOL_REMEMBER_S;
    sotto_ids_add(&p->known, e->hash, e->index, until);
    s->stats.forwarded++;
    if (!e->held) return;
    sotto_pool_release(s->config.pool, e->hash);
    sotto_shh_news(s, now);                       /* now the peers that dialled us may have it */
    s->config.first_hop(s->config.owner, e, now);
}

void shh_flush(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    p->flush_us = NONE;
    if (sotto_host_backlog(s->host, p->conn) > SOTTO_SHH_BACKLOG_MAX) {
        shh_flush_soon(s, p, now);
        return;
    }
    struct news n = { .left_seq = NONE };
    uint64_t latest = sotto_pool_seq(s->config.pool);
    bool short_of_tokens = false;
    collect(s, p, &n, now);
    if (n.count) qsort(n.slots, n.count, sizeof *n.slots, best_first);
    size_t at = 0;
    while (at < n.count && !p->gone && !short_of_tokens) {
        size_t to = at, size = 0;
        while (to < n.count && size + n.slots[to]->rlp.size + LIST_HEAD_MAX <= SOTTO_SHH_PACKET_MAX) {
            short_of_tokens = !sotto_bucket_take(&p->give, 1, now.mono_us);
            if (short_of_tokens) break;
            size += n.slots[to++]->rlp.size;
        }
        if (to == at) break;
        if (send_packet(s, p, &n, at, to, size, now) != SOTTO_OK) {
            sotto_bucket_refund(&p->give, (uint32_t)(to - at));
            break;
        }
        for (; at < to; at++) written(s, p, n.slots[at], now);
    }
    for (; at < n.count; at++) stays(&n, n.slots[at]);
    free(n.slots);
    if (p->gone) return;
    p->cursor = n.left_seq == NONE ? latest : n.left_seq - 1;
    if (n.left_seq == NONE) return;
    shh_flush_soon(s, p, now);
    if (short_of_tokens && p->flush_us < now.mono_us + SHORT_OF_TOKENS_US) p->flush_us = now.mono_us + SHORT_OF_TOKENS_US;
}
