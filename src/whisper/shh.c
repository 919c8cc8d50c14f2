#include "whisper/shh.h"

#include "whisper/shh_peer.h"
#include "wire/rlp.h"

#include <math.h>
#include <stdlib.h>

#define VERSION 6u
#define CLOCK_LOOK_US 5000000u                    /* the verdict on the clock is made anew at most so often */
#define SWEEP_US 60000000u                        /* known hashes are looked through once a minute */

struct shh_peer *shh_find(struct sotto_shh *s, uint32_t conn)
{
    for (unsigned i = 0; i < s->peer_count; i++)
        if (s->peers[i]->conn == conn && !s->peers[i]->gone) return s->peers[i];
    return NULL;
}

static void peer_free(struct sotto_shh *s, struct shh_peer *p)
{
    shh_take_end(s, p);
    sotto_ids_free(&p->known);
    free(p);
}

static void reap(struct sotto_shh *s)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->peer_count; i++) {
        if (s->peers[i]->gone) peer_free(s, s->peers[i]);
        else s->peers[kept++] = s->peers[i];
    }
    s->peer_count = kept;
}

void shh_breach(struct sotto_shh *s, struct shh_peer *p, int score, const char *what, struct sotto_now now)
{
    p->gone = true;                               /* whatever it still sends does not count */
    sotto_host_offend(s->host, p->conn, score, what, now, s->out);
    sotto_host_disconnect(s->host, p->conn, SOTTO_REASON_SUBPROTOCOL, now, s->out);
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
/* whisper-v6.md 2: NaN, infinities and negatives are a protocol error; -0.0 passes. */
static bool pow_of(double *out, uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    if (!isfinite(v) || v < 0) return false;
    *out = v;
    return true;
}

static void send_packet(struct sotto_shh *s, struct shh_peer *p, unsigned code, const struct sotto_buf *payload, struct sotto_now now)
{
    /* A peer whose queue is full is about to be cut for its write stall; it learns the value with the next connection. */
    (void)!sotto_host_send(s->host, p->conn, &s->capability, code, sotto_buf_span(payload), now, s->out);
}

static void send_status(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    struct sotto_buf b = sotto_buf_make(128);
    struct sotto_span bloom = s->ever_filtered ? SOTTO_SPAN(s->filter.b) : sotto_span(s->filter.b, 0);
    enum sotto_err err = sotto_rlp_add_uint(&b, VERSION);
    if (err == SOTTO_OK) err = sotto_rlp_add_uint(&b, bits_of(s->floor));
    if (err == SOTTO_OK) err = sotto_rlp_add_bytes(&b, bloom);
    if (err == SOTTO_OK) err = sotto_rlp_add_bool(&b, s->light);
    if (err == SOTTO_OK) err = sotto_rlp_end_list(&b, 0);
    if (err == SOTTO_OK) send_packet(s, p, SOTTO_SHH_STATUS, &b, now);
    else sotto_host_disconnect(s->host, p->conn, SOTTO_REASON_REQUESTED, now, s->out);
    sotto_buf_free(&b);
}

static void send_pow(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    struct sotto_buf b = sotto_buf_make(16);
    if (sotto_rlp_add_uint(&b, bits_of(s->floor)) == SOTTO_OK) send_packet(s, p, SOTTO_SHH_POW, &b, now);
    sotto_buf_free(&b);
}

static void send_bloom(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    struct sotto_buf b = sotto_buf_make(80);
    if (sotto_rlp_add_bytes(&b, SOTTO_SPAN(s->filter.b)) == SOTTO_OK) send_packet(s, p, SOTTO_SHH_BLOOM, &b, now);
    sotto_buf_free(&b);
}

static bool all_ones(const uint8_t *bloom)
{
    for (unsigned i = 0; i < 64; i++)
        if (bloom[i] != 0xff) return false;
    return true;
}

struct wish { double pow; bool everything; struct sotto_bloom bloom; bool light; };

static void wish_bloom(struct wish *w, const uint8_t *bloom)
{
    w->everything = all_ones(bloom);
    memcpy(w->bloom.b, bloom, sizeof w->bloom.b);
}

/* whisper-v6.md 3: only the version is mandatory; an element that is missing or of another form counts as absent, more than four
 * are ignored, and so is what follows the list. */
static bool read_status(struct wish *out, struct sotto_span payload)
{
    struct sotto_rlp top = sotto_rlp(payload), list;
    struct wish w = { .everything = true };
    uint64_t version, bits;
    struct sotto_span item, text;
    if (sotto_rlp_list(&top, &list) != SOTTO_OK || sotto_rlp_uint(&list, &version) != SOTTO_OK || version != VERSION) return false;
    if (sotto_rlp_raw(&list, &item) == SOTTO_OK) {
        struct sotto_rlp at = sotto_rlp(item);
        if (sotto_rlp_uint(&at, &bits) == SOTTO_OK && !pow_of(&w.pow, bits)) return false;
    }
    if (sotto_rlp_raw(&list, &item) == SOTTO_OK) {
        struct sotto_rlp at = sotto_rlp(item);
        if (sotto_rlp_bytes(&at, &text) == SOTTO_OK && text.size) {
            if (text.size != sizeof w.bloom.b) return false;
            wish_bloom(&w, text.data);
        }
    }
    if (sotto_rlp_raw(&list, &item) == SOTTO_OK) {
        struct sotto_rlp at = sotto_rlp(item);
        bool light;
        if (sotto_rlp_bool(&at, &light) == SOTTO_OK) w.light = light;
    }
    *out = w;
    return true;
}

static void take_wish(struct sotto_shh *s, struct shh_peer *p, const struct wish *w, struct sotto_now now)
{
    p->pow = w->pow;
    p->everything = w->everything;
    p->bloom = w->bloom;
    p->cursor = 0;                                /* a relaxed wish brings what was held back; what it knows it does not get again */
    p->quick_cursor = sotto_pool_seq(s->config.pool);
    shh_flush_soon(s, p, now);
}

static void message(void *owner, uint32_t conn, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct sotto_shh *s = owner;
    struct shh_peer *p = shh_find(s, conn);
    if (!p) return;
    struct wish w;
    if (!p->ready) {
        if (code != SOTTO_SHH_STATUS || !read_status(&w, payload)) {
            s->stats.malformed++;
            shh_breach(s, p, SCORE_FORM, "shh-status", now);
            return;
        }
        if (s->light && w.light) {                /* neither would pass anything on to the other */
            p->gone = true;
            sotto_host_disconnect(s->host, conn, SOTTO_REASON_SUBPROTOCOL, now, s->out);
            return;
        }
        p->ready = true;
        p->native_elsewhere = s->config.native_elsewhere && s->config.native_elsewhere(s->config.owner, conn);
        take_wish(s, p, &w, now);
        return;
    }
    struct sotto_rlp at = sotto_rlp(payload);
    w = (struct wish){ p->pow, p->everything, p->bloom, false };
    bool good = true;
    uint64_t bits;
    uint8_t bloom[64];
    switch (code) {
    case SOTTO_SHH_MESSAGES:
        shh_take_messages(s, p, payload, now);
        return;
    case SOTTO_SHH_POW:
        good = sotto_rlp_uint(&at, &bits) == SOTTO_OK && pow_of(&w.pow, bits);
        break;
    case SOTTO_SHH_BLOOM:
        good = sotto_rlp_fixed(&at, bloom, sizeof bloom) == SOTTO_OK;
        if (good) wish_bloom(&w, bloom);
        break;
    case SOTTO_SHH_P2P_MESSAGE:
        if (p->trusted) shh_take_direct(s, p, payload, now);
        return;
    default:                                      /* a second Status, 126 (no mail server), unknown codes: ignored, whatever they carry */
        return;
    }
    if (good) {
        take_wish(s, p, &w, now);
        return;
    }
    s->stats.malformed++;
    shh_breach(s, p, SCORE_FORM, "shh-form", now);
}

static void up(void *owner, uint32_t conn, struct sotto_now now)
{
    struct sotto_shh *s = owner;
    struct sotto_peer_info info;
    struct shh_peer *p = NULL;
    if (s->peer_count < SOTTO_SHH_PEERS_MAX && sotto_host_peer(s->host, conn, &info)) p = calloc(1, sizeof *p);
    if (!p) {
        sotto_host_disconnect(s->host, conn, SOTTO_REASON_TOO_MANY, now, s->out);
        return;
    }
    p->conn = conn;
    p->inbound = info.inbound;
    p->name = sotto_be64(info.key);
    p->status_by_us = now.mono_us + SOTTO_SHH_STATUS_US;
    p->everything = true;
    p->flush_us = p->quick_us = NONE;
    uint32_t rate = s->config.rate ? s->config.rate : SOTTO_SHH_RATE;
    p->give = p->take = sotto_bucket_make(rate, rate * SOTTO_SHH_BURST_S, now.mono_us);
    sotto_bucket_credit(&p->take, p->inbound ? s->config.catch_up_inbound : s->config.catch_up_outbound);
    sotto_bucket_credit(&p->give, p->inbound ? s->config.catch_up_outbound : s->config.catch_up_inbound);
    p->known = sotto_ids_make(SOTTO_SHH_KNOWN_MAX);
    p->waiting = sotto_buf_make(SOTTO_SHH_WAITING_MAX);
    p->waiting_until_us = NONE;
    s->peers[s->peer_count++] = p;
    send_status(s, p, now);
}

static void down(void *owner, uint32_t conn, struct sotto_now now)
{
    (void)now;
    struct shh_peer *p = shh_find(owner, conn);
    if (p) p->gone = true;
}

enum sotto_err sotto_shh_new(struct sotto_shh **out, const struct sotto_shh_config *config)
{
    SOTTO_ASSERT(config->pool && config->rng && config->flush_mean_us > 0 && config->batch > 0 && config->batch <= SOTTO_ENVELOPE_BATCH);
    struct sotto_shh *s = calloc(1, sizeof *s);
    if (!s) return SOTTO_ERR_NOMEM;
    s->config = *config;
    s->capability = (struct sotto_capability){ .name = "shh", .version = VERSION, .codes = SOTTO_SHH_CODES, .owner = s, .up = up, .message = message, .down = down };
    s->floor = s->floor_before = sotto_pool_floor(config->pool);
    s->filter = s->filter_before = sotto_bloom_all();
    s->size_max = SOTTO_ENVELOPE_SIZE_MAX;
    *out = s;
    return SOTTO_OK;
}

void sotto_shh_free(struct sotto_shh *s)
{
    if (!s) return;
    for (unsigned i = 0; i < s->peer_count; i++) peer_free(s, s->peers[i]);
    free(s);
}

const struct sotto_capability *sotto_shh_capability(struct sotto_shh *s) { return &s->capability; }
void sotto_shh_attach(struct sotto_shh *s, struct sotto_host *host) { s->host = host; }

void sotto_shh_enter(struct sotto_shh *s, struct sotto_outq *out)
{
    s->out = out;
    if (!out) reap(s);
}

static uint32_t offset(int seconds)
{
    if (seconds <= 0) return 0;
    return seconds > SOTTO_CLOCK_TOLERANCE_MAX_S ? SOTTO_CLOCK_TOLERANCE_MAX_S : (uint32_t)seconds;
}

uint32_t sotto_shh_now_ahead(const struct sotto_shh *s, struct sotto_now now) { return shh_now_s(now) + offset(-s->clock_off); }
uint32_t sotto_shh_now_behind(const struct sotto_shh *s, struct sotto_now now)
{
    uint32_t now_s = shh_now_s(now), less = offset(s->clock_off);
    return now_s > less ? now_s - less : 0;
}

static void look_at_clock(struct sotto_shh *s, struct sotto_now now)
{
    int votes[SOTTO_SHH_PEERS_MAX];
    unsigned count = 0, heard = 0;
    for (unsigned i = 0; i < s->peer_count; i++) {
        const struct shh_peer *p = s->peers[i];
        bool any = false;
        if (p->gone || p->inbound) continue;
        int vote = sotto_clock_vote(&p->clock, &any, now.mono_us);
        heard += any;
        if (vote) votes[count++] = vote;
    }
    int off = sotto_clock_verdict(votes, count, heard);
    if ((off != 0) != (s->clock_off != 0))
        sotto_log_line(s->config.log, off ? SOTTO_LOG_WARN : SOTTO_LOG_INFO, "whisper", "clock", "off=%d", off);
    s->clock_off = off;
    s->clock_us = now.mono_us + CLOCK_LOOK_US;
}

void sotto_shh_tick(struct sotto_shh *s, struct sotto_now now)
{
    SOTTO_ASSERT(s->out);
    sotto_host_gather(s->host);                       /* the same envelopes go to many at once */
    for (unsigned i = 0; i < s->peer_count; i++) {
        struct shh_peer *p = s->peers[i];
        if (p->gone) continue;
        if (!p->ready && now.mono_us >= p->status_by_us) {
            shh_breach(s, p, SCORE_STATUS, "shh-status-late", now);
            continue;
        }
        if (now.mono_us >= shh_take_deadline(p)) shh_take_waiting(s, p, now);
        if (!p->gone && now.mono_us >= p->flush_us) shh_flush(s, p, now);
    }
    shh_quiet_tick(s, now);
    for (unsigned i = 0; i < s->peer_count; i++) {    /* after all were heard: what one brought goes on to the others in the same step */
        if (s->peers[i]->gone) continue;
        shh_quick_read_on(s, s->peers[i], now);
        if (now.mono_us >= s->peers[i]->quick_us) shh_quick(s, s->peers[i], now);
    }
    if (now.mono_us >= s->clock_us) look_at_clock(s, now);
    if (now.mono_us >= s->sweep_us) {
        for (unsigned i = 0; i < s->peer_count; i++) sotto_ids_expire(&s->peers[i]->known, sotto_shh_now_behind(s, now));
        s->sweep_us = now.mono_us + SWEEP_US;
    }
    sotto_host_seal(s->host);
}

uint64_t sotto_shh_deadline(const struct sotto_shh *s)
{
    uint64_t at = s->clock_off ? s->clock_us : NONE, quiet = shh_quiet_deadline(s);
    if (quiet < at) at = quiet;
    for (unsigned i = 0; i < s->peer_count; i++) {
        const struct shh_peer *p = s->peers[i];
        if (p->gone) continue;
        if (!p->ready && p->status_by_us < at) at = p->status_by_us;
        if (p->flush_us < at) at = p->flush_us;
        if (p->quick_us < at) at = p->quick_us;
        if (shh_take_deadline(p) < at) at = shh_take_deadline(p);
    }
    return at;
}

void sotto_shh_news(struct sotto_shh *s, struct sotto_now now)
{
    for (unsigned i = 0; i < s->peer_count; i++) shh_flush_soon(s, s->peers[i], now);
}

void sotto_shh_floor(struct sotto_shh *s, struct sotto_now now)
{
    double floor = sotto_pool_floor(s->config.pool);
    bool graced = s->floor_before < s->floor && now.mono_us < s->floor_us + SOTTO_CHANGE_GRACE_US;
    if (!graced) s->floor_before = s->floor;      /* a second change within the grace keeps the mildest of the values */
    s->floor = floor;
    s->floor_us = now.mono_us;
    for (unsigned i = 0; i < s->peer_count; i++)
        if (!s->peers[i]->gone) send_pow(s, s->peers[i], now);
}

void sotto_shh_filter(struct sotto_shh *s, const struct sotto_bloom *filter, struct sotto_now now)
{
    bool graced = s->filter_us && now.mono_us < s->filter_us + SOTTO_CHANGE_GRACE_US;
    if (graced) {
        s->filtered_before = s->filtered_before && s->filtered;
        sotto_bloom_join(&s->filter_before, &s->filter);
    } else {
        s->filtered_before = s->filtered;
        s->filter_before = s->filter;
    }
    s->filter = filter ? *filter : sotto_bloom_all();
    s->filtered = !all_ones(s->filter.b);
    s->ever_filtered = true;
    s->filter_us = now.mono_us;
    for (unsigned i = 0; i < s->peer_count; i++)
        if (!s->peers[i]->gone) send_bloom(s, s->peers[i], now);
}

bool sotto_shh_filter_now(const struct sotto_shh *s, struct sotto_bloom *out)
{
    if (s->ever_filtered) *out = s->filter;
    return s->ever_filtered;
}

bool sotto_shh_is_peer(const struct sotto_shh *s, uint32_t conn) { return shh_find((struct sotto_shh *)(uintptr_t)s, conn) != NULL; }

void sotto_shh_size(struct sotto_shh *s, uint32_t size_max) { s->size_max = size_max ? size_max : 1; }
void sotto_shh_light(struct sotto_shh *s, bool light, struct sotto_now now)
{
    bool whole = s->light && !light;
    s->light = light;
    for (unsigned i = 0; whole && i < s->peer_count; i++) {           /* what came meanwhile was for us alone */
        s->peers[i]->cursor = 0;
        shh_flush_soon(s, s->peers[i], now);
    }
}
void sotto_shh_mute(struct sotto_shh *s, bool muted) { s->muted = muted; }
void sotto_shh_hold_native(struct sotto_shh *s, bool hold) { s->native_held = hold; }
bool sotto_shh_is_light(const struct sotto_shh *s) { return s->light; }

unsigned sotto_shh_names(const struct sotto_shh *s, uint64_t names[SOTTO_SHH_PEERS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->peer_count; i++)
        if (!s->peers[i]->gone) names[count++] = s->peers[i]->name;
    return count;
}

enum sotto_err sotto_shh_trust(struct sotto_shh *s, uint32_t conn)
{
    struct shh_peer *p = shh_find(s, conn);
    if (!p) return SOTTO_ERR_MISSING;
    p->trusted = true;
    return SOTTO_OK;
}

enum sotto_err sotto_shh_send_direct(struct sotto_shh *s, uint32_t conn, struct sotto_span rlp, struct sotto_now now)
{
    struct shh_peer *p = shh_find(s, conn);
    if (!p || !p->ready) return SOTTO_ERR_MISSING;
    if (rlp.size > SOTTO_SHH_PACKET_MAX) return SOTTO_ERR_RANGE;
    return sotto_host_send(s->host, conn, &s->capability, SOTTO_SHH_P2P_MESSAGE, rlp, now, s->out);
}

unsigned sotto_shh_first_hops(const struct sotto_shh *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->peer_count; i++) {
        const struct shh_peer *p = s->peers[i];
        count += p->ready && !p->gone && !p->native_elsewhere && shh_first_hop(s, p);
    }
    return count;
}

static int by_pow(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sotto_shh_wanted(const struct sotto_shh *s)
{
    double pow[SOTTO_SHH_PEERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < s->peer_count; i++)
        if (s->peers[i]->ready && !s->peers[i]->gone && shh_first_hop(s, s->peers[i])) pow[count++] = s->peers[i]->pow;
    if (count == 0) return s->floor;
    qsort(pow, count, sizeof *pow, by_pow);
    double median = pow[(count - 1) / 2];         /* of two the milder: one hostile neighbour shall not set our work */
    return median > s->floor ? median : s->floor;
}

int sotto_shh_clock_off(const struct sotto_shh *s) { return s->clock_off; }
const struct sotto_shh_stats *sotto_shh_stats(const struct sotto_shh *s) { return &s->stats; }
