/* rpc, net, web3 and admin: what programs made for geth ask of any node, in geth's forms (whisper-v6.md 12.6). */
#include "node/impl.h"

#include "crypto/hash.h"
#include "openrpc_table.h"
#include "whisper/envelope.h"

#include <stdio.h>

#define NAME "Sotto/v" SOTTO_VERSION

static void rpc_discover(void *ctx, struct sotto_call *call, const struct sotto_rpc_discover_params *p)
{
    (void)ctx;
    (void)p;
    sotto_call_result(call, json_loadb((const char *)sotto_openrpc, sotto_openrpc_size, 0, NULL));
}

static void rpc_modules(void *ctx, struct sotto_call *call, const struct sotto_rpc_modules_params *p)
{
    (void)ctx;
    (void)p;
    sotto_call_result(call, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "admin", "1.0", "net", "1.0", "rpc", "1.0", "shh", "1.0", "sotto", "1.0", "web3", "1.0"));
}

static void net_version(void *ctx, struct sotto_call *call, const struct sotto_net_version_params *p)
{
    (void)ctx;
    (void)p;
    sotto_call_result(call, json_string("0"));
}

static void net_listening(void *ctx, struct sotto_call *call, const struct sotto_net_listening_params *p)
{
    struct sotto_node *n = ctx;
    (void)p;
    sotto_call_result(call, json_boolean(n->self.addr.family != 0 && n->self.addr.port != 0));
}

static void net_peer_count(void *ctx, struct sotto_call *call, const struct sotto_net_peer_count_params *p)
{
    struct sotto_node *n = ctx;
    char text[16];
    (void)p;
    snprintf(text, sizeof text, "0x%x", sotto_host_peers(sotto_net_host(n->net)));
    sotto_call_result(call, json_string(text));
}

static void web3_client_version(void *ctx, struct sotto_call *call, const struct sotto_web3_client_version_params *p)
{
    (void)ctx;
    (void)p;
    sotto_call_result(call, json_string(NAME));
}

/* geth names a node by the hash of its key, in hex without 0x. */
static json_t *node_id(const uint8_t key[64])
{
    uint8_t hash[32];
    char hex[65];
    sotto_keccak256(hash, sotto_span(key, 64));
    for (unsigned i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    return json_string(hex);
}

static void admin_node_info(void *ctx, struct sotto_call *call, const struct sotto_admin_node_info_params *p)
{
    struct sotto_node *n = ctx;
    char enode[256], at[64], ip[64];
    (void)p;
    sotto_enode_text(enode, &n->self);
    sotto_addr_text(at, &n->self.addr);
    snprintf(ip, sizeof ip, "%s", at);
    char *colon = strrchr(ip, ':');
    if (colon) *colon = 0;
    json_t *shh = json_pack("{s:s, s:i, s:f}", "version", "6.0", "maxMessageSize", (int)SOTTO_ENVELOPE_SIZE_MAX, "minimumPoW", sotto_pool_floor(sotto_net_pool(n->net)));
    sotto_call_result(call, json_pack("{s:o, s:s, s:s, s:s, s:{s:i, s:i}, s:s, s:{s:o}}", "id", node_id(n->self.key), "name", NAME, "enode", enode, "ip", ip, "ports",
                                      "discovery", 0, "listener", (int)n->self.addr.port, "listenAddr", at, "protocols", "shh", shh));
}

static void admin_peers(void *ctx, struct sotto_call *call, const struct sotto_admin_peers_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_peer_info info;
    json_t *list = json_array();
    (void)p;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(n->net), i, &info); i++) {
        char enode[256], at[64];
        struct sotto_enode e = { .addr = info.addr };
        if (strcmp(info.state, "up") != 0) continue;
        memcpy(e.key, info.key, sizeof e.key);
        sotto_enode_text(enode, &e);
        sotto_addr_text(at, &info.addr);
        json_t *network = json_pack("{s:s, s:b, s:b, s:b}", "remoteAddress", at, "inbound", info.inbound, "trusted", false, "static", info.is_static);
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:[s], s:o, s:{s:{s:i}}}", "enode", enode, "id", node_id(info.key), "name", info.client, "caps", "shh/6",
                                              "network", network, "protocols", "shh", "version", 6));
    }
    sotto_call_result(call, list);
}

static void admin_add_peer(void *ctx, struct sotto_call *call, const struct sotto_admin_add_peer_params *p)
{
    json_t *now = NULL;
    if (!sotto_api_peer_add(ctx, call, p->address, &now)) return;
    json_decref(now);
    sotto_call_result(call, json_true());
}

static void admin_remove_peer(void *ctx, struct sotto_call *call, const struct sotto_admin_remove_peer_params *p)
{
    json_t *was = sotto_api_peer_remove(ctx, call, p->address);
    if (!was) return;
    json_decref(was);
    sotto_call_result(call, json_true());
}

void sotto_api_foreign_fill(struct sotto_api *api)
{
    api->rpc_discover = rpc_discover;
    api->rpc_modules = rpc_modules;
    api->net_version = net_version;
    api->net_listening = net_listening;
    api->net_peer_count = net_peer_count;
    api->web3_client_version = web3_client_version;
    api->admin_node_info = admin_node_info;
    api->admin_peers = admin_peers;
    api->admin_add_peer = admin_add_peer;
    api->admin_remove_peer = admin_remove_peer;
}
