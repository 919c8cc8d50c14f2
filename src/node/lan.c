#include "node/lan.h"

#include "base/text.h"
#include "io/udp.h"
#include "node/impl.h"
#include "p2p/group.h"
#include "p2p/lan.h"

#include <stdio.h>
#include <stdlib.h>

#define WAITING_MAX 16u                   /* answers that the kernel has not taken: those of one second */
#define SECRET_DIGITS 64u

struct sotto_beacon {
    struct sotto_node *node;
    struct sotto_secret *secret;          /* guarded */
    struct sotto_io_udp *udp;
    struct sotto_lan *core;               /* NULL: there is no port for answers yet */
    struct sotto_timer *timer;
    unsigned links;
    enum sotto_err err;                   /* of the last round */
    bool stopped;
};

/* ---- whom we know ---- */

static bool held(const struct sotto_node *n, const uint8_t key[64], struct sotto_peer_info *out)
{
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(n->net), i, out); i++)
        if (out->lan && memcmp(out->key, key, 64) == 0) return true;
    return false;
}

static bool is_up(const struct sotto_peer_info *p) { return strcmp(p->state, "up") == 0; }

static void forget(struct sotto_beacon *b, const uint8_t key[64], struct sotto_now now)
{
    struct sotto_node *n = b->node;
    struct sotto_peer_info info;
    if (held(n, key, &info)) (void)!sotto_host_remove(sotto_net_host(n->net), key, now, &n->outq);       /* it is there */
    sotto_lan_forget(b->core, key);
    sotto_log_line(n->log, SOTTO_LOG_INFO, "lan", "forgotten", NULL);
}

/* The places of the core follow those of the host: an operator may have banned one, removed it, or made it a static peer. */
static void look(struct sotto_beacon *b, struct sotto_now now)
{
    struct sotto_host *host = sotto_net_host(b->node->net);
    struct sotto_peer_info info;
    struct sotto_enode at;
    uint8_t key[64];
    while (sotto_lan_stale(b->core, key, now))
        if (!held(b->node, key, &info) || !is_up(&info)) forget(b, key, now);
    for (unsigned i = 0; sotto_lan_at(b->core, i, &at);) {
        bool stays = held(b->node, at.key, &info) && !sotto_host_banned(host, at.key, now) && (is_up(&info) || info.failures < SOTTO_BEACON_TRIES);
        if (stays) i++;
        else forget(b, at.key, now);
    }
}

static void on_answer(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_beacon *b = ctx;
    struct sotto_node *n = b->node;
    struct sotto_enode node;
    if (!b->core || b->stopped || !sotto_lan_answer(b->core, &node, from, bytes, now)) return;
    enum sotto_err err = sotto_host_lan(sotto_net_host(n->net), &node, now, &n->outq);
    if (err != SOTTO_OK) sotto_lan_forget(b->core, node.key);      /* static, banned, or no place: it may ask for one again */
    else sotto_log_line(n->log, SOTTO_LOG_INFO, "lan", "found", NULL);
    sotto_network_flush(n);
}

static void on_beacon(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_beacon *b = ctx;
    uint8_t answer[SOTTO_LAN_ANSWER_SIZE];
    struct sotto_addr to;
    if (!b->core || b->stopped || !sotto_lan_heard(b->core, answer, &to, from, bytes, now)) return;
    (void)!sotto_io_udp_send(b->udp, &to, SOTTO_SPAN(answer));     /* lost, as any datagram may be: it asks again */
}

/* ---- a round ---- */

static const uint8_t any[4];

static enum sotto_err begin(struct sotto_beacon *b, struct sotto_now now)
{
    struct sotto_node *n = b->node;
    struct sotto_addr at = n->nat_listen, bound;
    if (b->core) return SOTTO_OK;
    if (at.family == 0) at = (struct sotto_addr){ .family = 4 };
    if (n->local) at = (struct sotto_addr){ .ip = { 127, 0, 0, 1 }, .family = 4 };
    at.port = 0;
    SOTTO_TRY(sotto_io_udp_listen(b->udp, &bound, &at));
    struct sotto_lan_config config = { .secret = *b->secret, .self.tcp = n->nat_listen.family ? n->nat_listen.port : 0, .udp = bound.port, .local = n->local, .rng = &n->rng.rng };
    memcpy(config.self.key, n->self.key, 64);
    enum sotto_err err = sotto_lan_new(&b->core, &config, now);
    SOTTO_WIPE(config);
    if (err != SOTTO_OK) sotto_io_udp_close(b->udp);
    return err;
}

static enum sotto_err call_out(struct sotto_beacon *b, const uint8_t beacon[SOTTO_LAN_BEACON_SIZE])
{
    static const struct sotto_addr group = { .ip = SOTTO_BEACON_GROUP, .port = SOTTO_BEACON_PORT, .family = 4 };
    struct sotto_addr only = b->node->nat_listen;
    unsigned links = 0;
    if (only.family == 4 && memcmp(only.ip, any, sizeof any) == 0) only.family = 0;
    SOTTO_TRY(sotto_io_udp_join(b->udp, &links, &group, &only));
    if (links != b->links) sotto_log_line(b->node->log, SOTTO_LOG_INFO, "lan", "links", "count=%u", links);
    b->links = links;
    return links ? sotto_io_udp_shout(b->udp, NULL, sotto_span(beacon, SOTTO_LAN_BEACON_SIZE)) : SOTTO_OK;
}

static void on_timer(void *ctx, struct sotto_now now)
{
    struct sotto_beacon *b = ctx;
    uint8_t beacon[SOTTO_LAN_BEACON_SIZE];
    if (b->stopped) return;
    enum sotto_err err = begin(b, now);
    if (b->core) look(b, now);
    if (b->core && sotto_lan_tick(b->core, beacon, now)) err = call_out(b, beacon);
    if (err != SOTTO_OK && err != b->err) sotto_log_line(b->node->log, SOTTO_LOG_WARN, "lan", "not-sent", "reason=%s", sotto_err_name(err));
    b->err = err;
    sotto_timer_set(b->timer, b->core ? sotto_lan_deadline(b->core) : now.mono_us + SOTTO_LAN_PERIOD_US);
    sotto_network_flush(b->node);
}

/* ---- life ---- */

const char *sotto_beacon_barred(const struct sotto_config *c)
{
    if (sotto_config_bool(c, SOTTO_KEY_NETWORK_PROXY_ONLY)) return "network.proxy_only: nothing leaves but through the proxy";
    if (sotto_config_text(c, SOTTO_KEY_NETWORK_PROXY)[0]) return "network.proxy: every dial goes to the proxy, and not into this network";
    return NULL;
}

/* Why there is no beacon; NULL: there is one. */
static const char *off(const struct sotto_node *n)
{
    const struct sotto_addr *at = &n->nat_listen;
    const char *barred = sotto_beacon_barred(n->config);
    if (!sotto_config_bool(n->config, SOTTO_KEY_NETWORK_LAN)) return "network.lan is off";
    if (barred) return barred;
    if (n->local || at->family == 0 || memcmp(at->ip, any, sizeof any) == 0 || sotto_disc_class(at) == SOTTO_DISC_LAN) return NULL;
    return sotto_disc_class(at) == SOTTO_DISC_LOOPBACK ? "network.listen: this machine only" : "network.listen: not an address of a local network";
}

/* Without a file the network id: without a ledger that is zero. */
static enum sotto_err secret_read(const struct sotto_node *n, struct sotto_secret *out, char problem[1024])
{
    const char *path = sotto_config_text(n->config, SOTTO_KEY_NETWORK_LAN_SECRET_FILE);
    struct sotto_buf text = sotto_buf_make(SECRET_DIGITS + 1);
    if (!path[0]) return SOTTO_OK;
    enum sotto_err err = sotto_file_private(path);
    if (err == SOTTO_OK) err = sotto_file_read(&text, path);
    if (text.size && text.data[text.size - 1] == '\n') text.size--;
    if (err == SOTTO_OK) err = sotto_unhex(out->b, sizeof out->b, sotto_buf_span(&text));
    sotto_buf_free(&text);
    if (err == SOTTO_ERR_MODE) snprintf(problem, 1024, "%.800s can be read by others: chmod 600. (2104 MODE)", path);
    else if (err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_FULL)
        snprintf(problem, 1024, "network.lan_secret_file: %.800s does not hold %u hexadecimal digits. To make one: openssl rand -hex 32. (2105 CONFIG)", path, SECRET_DIGITS);
    else if (err != SOTTO_OK) snprintf(problem, 1024, "network.lan_secret_file: %.800s cannot be read (%s). (2105 CONFIG)", path, sotto_err_name(err));
    return err;
}

enum sotto_err sotto_beacon_open(struct sotto_node *n, char problem[1024])
{
    if (off(n)) return SOTTO_OK;
    struct sotto_beacon *b = calloc(1, sizeof *b);
    if (!b) return SOTTO_ERR_NOMEM;
    n->beacon = b;
    b->node = n;
    b->secret = sotto_guard_new(sizeof *b->secret, NULL);
    return b->secret ? secret_read(n, b->secret, problem) : SOTTO_ERR_NOMEM;
}

enum sotto_err sotto_beacon_start(struct sotto_node *n)
{
    struct sotto_beacon *b = n->beacon;
    if (!b) return SOTTO_OK;
    if (off(n)) {
        sotto_beacon_free(n);
        return SOTTO_OK;
    }
    struct sotto_io_udp_config config = { .loop = n->loop, .log = n->log, .local = n->local, .near = true, .waiting_max = WAITING_MAX, .ctx = b, .input = on_answer, .group = on_beacon };
    SOTTO_TRY(sotto_io_udp_new(&b->udp, &config));
    SOTTO_TRY(sotto_timer_new(&b->timer, n->loop, on_timer, b));
    sotto_timer_set(b->timer, sotto_io_now().mono_us);
    return SOTTO_OK;
}

void sotto_beacon_stop(struct sotto_node *n)
{
    struct sotto_beacon *b = n->beacon;
    if (!b || b->stopped) return;
    b->stopped = true;
    if (b->udp) sotto_io_udp_close(b->udp);
    if (b->timer) sotto_timer_stop(b->timer);
}

void sotto_beacon_free(struct sotto_node *n)
{
    struct sotto_beacon *b = n->beacon;
    if (!b) return;
    n->beacon = NULL;
    sotto_io_udp_free(b->udp);
    sotto_timer_free(b->timer);
    sotto_lan_free(b->core);
    sotto_guard_free(b->secret);
    free(b);
}

/* ---- what is told of it ---- */

static unsigned known(const struct sotto_beacon *b)
{
    struct sotto_enode at;
    unsigned count = 0;
    while (b->core && sotto_lan_at(b->core, count, &at)) count++;
    return count;
}

/* Why there is none; the configuration may have changed since the start, which is when it counts. */
static const char *silent(const struct sotto_node *n)
{
    const char *why = off(n);
    return why ? why : "from the next start on";
}

json_t *sotto_beacon_json(const struct sotto_node *n)
{
    const struct sotto_beacon *b = n->beacon;
    if (!b) return json_pack("{s:s, s:s}", "state", "off", "why", silent(n));
    json_int_t answered = b->core ? (json_int_t)sotto_lan_stats(b->core)->answered : 0;
    return json_pack("{s:s, s:i, s:i, s:I}", "state", "on", "links", (int)b->links, "known", (int)known(b), "answered", answered);
}

bool sotto_beacon_words(const struct sotto_node *n, char what[160], const char **why, const char **todo)
{
    const struct sotto_beacon *b = n->beacon;
    *why = *todo = "";
    if (!b) {
        snprintf(what, 160, "Nobody is looked for on the local network (%s).", silent(n));
        return !sotto_config_bool(n->config, SOTTO_KEY_NETWORK_LAN);
    }
    if (b->err == SOTTO_OK && b->links) {
        snprintf(what, 160, "Nodes of the local network that have answered: %u.", known(b));
        return true;
    }
    snprintf(what, 160, "Nobody on the local network can be asked (%s).", b->err != SOTTO_OK ? sotto_err_name(b->err) : "there is none");
    *why = "A local network is a link that is up, can do multicast, and has a private IPv4 address. It is looked for again every minute.";
    *todo = "ip address; or set network.lan to false";
    return false;
}
