/* How the node's network begins: link key, proxy, port, the addresses it listens on, who is dialled from the start. */
#include "node/impl.h"

#include "p2p/enr.h"

#include <stdio.h>
#include <stdlib.h>

enum sotto_err sotto_network_address(struct sotto_enode *out, const char *text)
{
    struct sotto_enr_record record;
    struct sotto_enr enr;
    struct sotto_enode e = { .udp = 0 };
    if (strncmp(text, "enr:", 4) != 0) return sotto_enode_parse(out, sotto_span_str(text));
    SOTTO_TRY(sotto_enr_parse(&record, &enr, sotto_span_str(text)));
    struct sotto_addr udp;
    uint16_t tcp;
    if (!sotto_enr_endpoint(&enr, &udp, &tcp)) return SOTTO_ERR_ENR;
    e.addr = udp;
    e.addr.port = tcp;
    e.udp = udp.port;
    memcpy(e.key, enr.key, 64);
    *out = e;
    return SOTTO_OK;
}

#define SOCKETS_SPARE 220u                  /* beyond the slots: handshakes, closings, dials in vain */

static uint32_t on_next_conn(void *ctx) { return sotto_host_next_conn(sotto_net_host(((struct sotto_node *)ctx)->net)); }

/* The link identity: random, the node's, in network/key (mode 0600). */
static enum sotto_err link_key(struct sotto_node *n, struct sotto_scalar *key)
{
    char dir[SOTTO_PATH_MAX], path[SOTTO_PATH_MAX];
    SOTTO_TRY(sotto_path_join(dir, n->data_dir, "network"));
    SOTTO_TRY(sotto_dir_make(dir));
    SOTTO_TRY(sotto_path_join(path, dir, "key"));
    struct sotto_buf b = sotto_buf_make(64);
    enum sotto_err err = sotto_file_read(&b, path);
    if (err == SOTTO_OK) err = sotto_file_private(path);
    if (err == SOTTO_OK) {
        if (b.size != 32) err = SOTTO_ERR_FORMAT;
        else memcpy(key->b, b.data, 32);
        if (err == SOTTO_OK && !sotto_scalar_valid(key)) err = SOTTO_ERR_FORMAT;
    } else if (err == SOTTO_ERR_MISSING) {
        sotto_scalar_random(key, &n->rng.rng);
        err = sotto_file_create(path, SOTTO_SPAN(key->b));
    }
    sotto_buf_free(&b);
    return err;
}

/* The port: configured, else the one of the last run, else a random one that is then kept (network.md 1). */
static uint16_t kept_port(struct sotto_node *n, bool *random)
{
    uint64_t port = sotto_config_number(n->config, SOTTO_KEY_NETWORK_PORT);
    *random = false;
    if (port > 0) return (uint16_t)port;
    struct sotto_buf b = sotto_buf_make(16);
    uint16_t kept = 0;
    if (sotto_store_meta_get(n->store, &b, "network.port") == SOTTO_OK && b.size == 2) kept = sotto_be16(b.data);
    sotto_buf_free(&b);
    *random = true;
    return kept ? kept : (uint16_t)(20000 + sotto_rng_below(&n->rng.rng, 40000));
}

static enum sotto_err listen_all(struct sotto_node *n, uint16_t port, struct sotto_addr *bound, bool *in_use, char problem[1024])
{
    unsigned count = sotto_config_list_size(n->config, SOTTO_KEY_NETWORK_LISTEN);
    *in_use = false;
    for (unsigned i = 0; i < count; i++) {
        const char *text = sotto_config_list(n->config, SOTTO_KEY_NETWORK_LISTEN, i);
        if ((n->local || n->proxy_only) && sotto_config_source(n->config, SOTTO_KEY_NETWORK_LISTEN) == SOTTO_SOURCE_BUILT_IN) {
            if (i > 0) break;                             /* this machine only: 127.0.0.1 instead of all addresses */
            text = "127.0.0.1";
        }
        if (!text[0]) continue;
        struct sotto_addr addr, got;
        enum sotto_err err = sotto_io_addr(&addr, text, port);
        if (err != SOTTO_OK) {
            snprintf(problem, 1024, "network.listen: \"%s\" is not an address of this machine. Write an IPv4 or IPv6 address.", text);
            return SOTTO_ERR_RANGE;
        }
        err = sotto_io_net_listen(n->io_net, &got, &addr);
        /* a machine without IPv6 listens on IPv4 alone, if both were only the default */
        if (err == SOTTO_ERR_IO && addr.family == 6 && i > 0) continue;
        if (err == SOTTO_ERR_IN_USE) {
            *in_use = true;
            snprintf(problem, 1024, "Port %u is used by another program. Stop that, or set network.port. (2003 PORT_USED)", port);
            return err;
        }
        if (err != SOTTO_OK) {
            snprintf(problem, 1024, "The node cannot listen on %s, port %u (%s). Set network.listen or network.port.", text, port, sotto_err_name(err));
            return err;
        }
        err = sotto_discovery_listen(n, &got);
        if (err != SOTTO_OK) {
            *in_use = err == SOTTO_ERR_IN_USE;
            snprintf(problem, 1024, "UDP port %u of %s cannot be used (%s). Stop the program that has it, set network.port, or turn network.discovery off.%s", port, text,
                     sotto_err_name(err), *in_use ? " (2003 PORT_USED)" : "");
            return err;
        }
        sotto_nat_listen(n, &got);
        if (bound->family == 0) *bound = got;
    }
    return SOTTO_OK;
}

/* network.proxy_only and addresses that others could reach do not go together. */
static enum sotto_err listen_check(struct sotto_node *n, char problem[1024])
{
    if (!n->proxy_only || sotto_config_source(n->config, SOTTO_KEY_NETWORK_LISTEN) == SOTTO_SOURCE_BUILT_IN) return SOTTO_OK;
    for (unsigned i = 0; i < sotto_config_list_size(n->config, SOTTO_KEY_NETWORK_LISTEN); i++) {
        const char *text = sotto_config_list(n->config, SOTTO_KEY_NETWORK_LISTEN, i);
        struct sotto_addr addr;
        if (!text[0] || sotto_io_addr(&addr, text, 0) != SOTTO_OK || sotto_addr_loopback(&addr)) continue;
        snprintf(problem, 1024, "network.proxy_only listens on this machine only: network.listen must not have \"%s\". Empty it, or write 127.0.0.1. (2105 CONFIG)", text);
        return SOTTO_ERR_RANGE;
    }
    return SOTTO_OK;
}

/* Of network.proxy; family 0: none. */
static enum sotto_err proxy_read(struct sotto_node *n, struct sotto_addr *out, char problem[1024])
{
    const char *text = sotto_config_text(n->config, SOTTO_KEY_NETWORK_PROXY), *colon = strrchr(text, ':');
    char host[64], *end;
    out->family = 0;
    n->proxy_only = sotto_config_bool(n->config, SOTTO_KEY_NETWORK_PROXY_ONLY);
    if (!text[0] && !n->proxy_only) return SOTTO_OK;
    unsigned long port = colon && colon[1] >= '1' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 0;
    if (port >= 1 && port <= UINT16_MAX && *end == 0 && (size_t)(colon - text) < sizeof host) {
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = 0;
        if (sotto_io_addr(out, host, (uint16_t)port) == SOTTO_OK && (!n->local || sotto_addr_loopback(out))) return SOTTO_OK;
    }
    snprintf(problem, 1024, !text[0] ? "network.proxy_only needs a proxy: set network.proxy to its address and port, such as 127.0.0.1:9050. (2105 CONFIG)"
                                     : "network.proxy is not an address and port%s. It looks like 127.0.0.1:9050 or [::1]:9050; a name is not looked up. (2105 CONFIG)",
             n->local ? " of this machine (network.local)" : "");
    return SOTTO_ERR_FORMAT;
}

/* What holds the link key: the network core and discovery. */
static struct sotto_net_slots slots_of(const struct sotto_node *n)
{
    return (struct sotto_net_slots){ true, (uint16_t)sotto_config_number(n->config, SOTTO_KEY_LIMITS_INBOUND),
                                     (uint16_t)sotto_config_number(n->config, SOTTO_KEY_LIMITS_OUTBOUND), (uint16_t)sotto_config_number(n->config, SOTTO_KEY_LIMITS_STATIC) };
}

static enum sotto_err core_new(struct sotto_node *n, const struct sotto_addr *bound, char problem[1024], int *code)
{
    struct sotto_scalar key;
    enum sotto_err err = link_key(n, &key);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The node's link key network/key cannot be %s (%s). %s", err == SOTTO_ERR_FORMAT ? "used" : "read or written", sotto_err_name(err),
                 err == SOTTO_ERR_MODE ? "Others can read it: chmod 600. (2104 MODE)" : "Remove the file to get a new one; neighbours must then be told the new address.");
        *code = 10;
        return err;
    }
    err = sotto_neighbours_new(n, &key);
    struct sotto_net_config config = {
        .key = key, .listen_port = bound->family && !n->proxy_only ? bound->port : 0, .local = n->local,
        .lan = sotto_config_bool(n->config, SOTTO_KEY_NETWORK_LAN) && !sotto_beacon_barred(n->config), .plain = sotto_config_bool(n->config, SOTTO_KEY_RELAY_PLAIN),
        .work_bits = (unsigned)sotto_config_number(n->config, SOTTO_KEY_RELAY_WORK), .emit_mean_us = 500000,
        .flush_mean_us = 1000 * sotto_config_number(n->config, SOTTO_KEY_RELAY_FLUSH), .gather_us = 1000 * sotto_config_number(n->config, SOTTO_KEY_RELAY_GATHER),
        .rate = (uint32_t)sotto_config_number(n->config, SOTTO_KEY_LIMITS_ENVELOPES),
        .pool_bytes_max = sotto_config_number(n->config, SOTTO_KEY_RELAY_POOL), .pool_entries_max = 65536, .outbox_max = 64, .book = n->book,
        .bridge = sotto_config_bool(n->config, SOTTO_KEY_WHISPER_BRIDGE), .dials_back = !n->proxy_only, .slots = slots_of(n),
        .rng = &n->rng.rng, .log = n->log,
    };
    if (err == SOTTO_OK) err = sotto_net_new(&n->net, &config);
    struct sotto_point public_key;
    if (err == SOTTO_OK) err = sotto_point_make(&public_key, &key);
    if (err == SOTTO_OK) err = sotto_point_to64(n->self.key, &public_key);
    if (err == SOTTO_OK) err = sotto_discovery_start(n, &key, bound);
    SOTTO_WIPE(key);
    SOTTO_WIPE(config);
    return err;
}

enum sotto_err sotto_network_start(struct sotto_node *n, char problem[1024], int *code)
{
    *code = 10;
    struct sotto_addr proxy;
    enum sotto_err err = proxy_read(n, &proxy, problem);
    if (err == SOTTO_OK) err = listen_check(n, problem);
    if (err != SOTTO_OK) return err;
    struct sotto_net_slots slots = slots_of(n);
    struct sotto_io_net_config io = {
        .loop = n->loop, .log = n->log, .local = n->local, .proxy = proxy, .proxy_only = n->proxy_only, .rng = &n->rng.rng, .queue_max = 16u << 20,
        .accept_max = SOCKETS_SPARE + slots.inbound, .conn_max = 2 * SOCKETS_SPARE + slots.inbound + slots.outbound + slots.statics,
        .ctx = n, .next_conn = on_next_conn, .input = sotto_network_input,
    };
    SOTTO_TRY(sotto_discovery_open(n, problem));
    SOTTO_TRY(sotto_beacon_open(n, problem));
    *code = 1;
    SOTTO_TRY(sotto_io_net_new(&n->io_net, &io));
    bool random = false, in_use = false;
    uint16_t port = kept_port(n, &random);
    struct sotto_addr bound = { .family = 0 };
    for (int tries = 0; tries < 20; tries++) {
        err = listen_all(n, port, &bound, &in_use, problem);
        if (err == SOTTO_OK || !in_use || !random) break;
        sotto_io_net_unlisten(n->io_net);
        sotto_discovery_unlisten(n);
        bound.family = 0;
        n->nat_listen.family = 0;
        port = (uint16_t)(20000 + sotto_rng_below(&n->rng.rng, 40000));
    }
    if (err != SOTTO_OK) return err;
    if (random && bound.family) {
        uint8_t kept[2];
        sotto_put_be16(kept, bound.port);
        SOTTO_TRY(sotto_store_meta_put(n->store, "network.port", SOTTO_SPAN(kept)));
    }
    SOTTO_TRY(core_new(n, &bound, problem, code));
    n->self.addr = bound;
    static const uint8_t any[16];
    if (bound.family && memcmp(bound.ip, any, sizeof any) == 0) {
        /* listening everywhere: until neighbours tell our address, loopback is the one that is true */
        n->everywhere = true;
        n->self.addr = (struct sotto_addr){ .ip = { 127, 0, 0, 1 }, .port = bound.port, .family = 4 };
    }
    SOTTO_TRY(sotto_nat_start(n));
    SOTTO_TRY(sotto_beacon_start(n));
    sotto_neighbours_load(n);
    struct sotto_now now = sotto_io_now();
    for (unsigned i = 0; i < sotto_config_list_size(n->config, SOTTO_KEY_NETWORK_STATIC); i++) {
        const char *text = sotto_config_list(n->config, SOTTO_KEY_NETWORK_STATIC, i);
        struct sotto_enode peer;
        err = sotto_network_address(&peer, text);
        if (err == SOTTO_OK) err = sotto_host_add(sotto_net_host(n->net), &peer, now, &n->outq);
        if (err != SOTTO_OK && err != SOTTO_ERR_EXISTS && err != SOTTO_ERR_STATE) {
            *code = 10;
            snprintf(problem, 1024, "network.static: entry %u is not an address of a neighbour (%s). It looks like enode://<128 digits>@address:port or enr:... (2105 CONFIG)",
                     i + 1, sotto_err_name(err));
            return err;
        }
    }
    sotto_network_flush(n);
    return SOTTO_OK;
}
