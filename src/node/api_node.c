/* node methods: what the node is doing, whether it is well, and its end. */
#include "node/impl.h"

#include "base/text.h"
#include "io/process.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *part(const char *state, uint64_t since, const char *text)
{
    json_t *o = json_object();
    json_object_set_new(o, "state", json_string(state));
    json_object_set_new(o, "since", json_integer((json_int_t)since));
    json_object_set_new(o, "text", json_string(text));
    return o;
}

static json_t *parts(struct sotto_node *n)
{
    char text[160];
    unsigned peers = sotto_host_peers(sotto_net_host(n->net));
    int off = sotto_net_clock_off(n->net);
    json_t *o = json_object();
    snprintf(text, sizeof text, peers == 1 ? "1 neighbour" : "%u neighbours", peers);
    json_object_set_new(o, "network", part(peers ? "up" : "starting", n->started_ms, peers ? text : "no neighbour yet"));
    bool plain = sotto_config_bool(n->config, SOTTO_KEY_RELAY_PLAIN), links;
    unsigned hops = sotto_net_first_hops(n->net, &links);
    json_object_set_new(o, "relay", part(hops ? "up" : plain || !peers ? "starting" : "down", n->started_ms,
                                         links ? "profile off: messages leave by links of sotto/1; the neighbour who gets one first may know that it is yours"
                                         : plain ? "profile off: messages leave through the neighbours, who may know that they are yours"
                                         : peers ? "no first hop that speaks sotto/1: messages wait (relay.plain lets them leave through plain neighbours)"
                                                 : "no neighbour yet: messages wait"));
    json_object_set_new(o, "ledger", part("off", n->started_ms, "this network has no ledger"));
    json_object_set_new(o, "mailbox", part("off", n->started_ms, "no mailbox: a message lives 30 minutes on the way and is sent again for 14 days"));
    if (off) snprintf(text, sizeof text, "your clock seems %d s %s: sending waits", abs(off), off > 0 ? "ahead" : "behind");
    json_object_set_new(o, "clock", part(off ? "down" : "up", n->started_ms, off ? text : peers ? "agrees with the neighbours" : "no neighbour to compare with yet"));
    return o;
}

json_t *sotto_status_json(struct sotto_node *n)
{
    char enode[256];
    json_t *o = json_object();
    json_object_set_new(o, "version", json_string(SOTTO_VERSION));
    json_object_set_new(o, "roles", json_pack("[s]", "flood"));
    json_object_set_new(o, "network", json_string(sotto_config_text(n->config, SOTTO_KEY_NETWORK_NAME)));
    json_object_set_new(o, "networkId", json_string("0x0000000000000000000000000000000000000000000000000000000000000000"));     /* no ledger */
    if (n->self.addr.family) {
        sotto_enode_text(enode, &n->self);
        json_object_set_new(o, "peer", json_string(enode));
    }
    json_t *doors = json_pack("{s:s}", "socket", n->socket_path);
    if (n->http.family) {
        char http[64];
        sotto_addr_text(http, &n->http);
        json_object_set_new(doors, "http", json_string(http));
    }
    json_object_set_new(o, "doors", doors);
    json_object_set_new(o, "parts", parts(n));
    json_object_set_new(o, "profile", json_string(sotto_config_text(n->config, SOTTO_KEY_RELAY_PROFILE)));
    json_object_set_new(o, "height", json_null());
    json_object_set_new(o, "peers", json_integer(sotto_host_peers(sotto_net_host(n->net))));
    json_object_set_new(o, "startedMs", json_integer((json_int_t)n->started_ms));
    return o;
}

static void node_status(void *ctx, struct sotto_call *call, const struct sotto_node_status_params *p)
{
    (void)p;
    sotto_call_result(call, sotto_status_json(ctx));
}

static void node_health(void *ctx, struct sotto_call *call, const struct sotto_node_health_params *p)
{
    struct sotto_node *n = ctx;
    (void)p;
    sotto_call_result(call, json_pack("{s:b,s:o}", "ok", !n->stopping && sotto_net_clock_off(n->net) == 0, "parts", parts(n)));
}

static void node_stop(void *ctx, struct sotto_call *call, const struct sotto_node_stop_params *p)
{
    (void)p;                                              /* profile off: nothing has to be covered, so both forms end at once */
    sotto_call_result(call, json_true());
    sotto_node_stop(ctx);
}

/* ---- doctor ---- */

struct doctor { struct sotto_node *node; json_t *checks; const char *only; bool full; };

static void check(struct doctor *d, const char *id, const char *result, const char *what, const char *why, const char *todo)
{
    if (d->only && strcmp(d->only, id) != 0) return;
    json_array_append_new(d->checks, json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", id, "result", result, "what", what, "why", why, "todo", todo));
}

static void doctor_disk(struct doctor *d)
{
    char what[160];
    uint64_t free_bytes = 0;
    if (sotto_disk_free(&free_bytes, d->node->data_dir) != SOTTO_OK) {
        check(d, "disk", "fail", "The data directory cannot be looked at.", "", "Look at the disk and the rights of data.dir.");
        return;
    }
    snprintf(what, sizeof what, "%llu MiB are free.", (unsigned long long)(free_bytes >> 20));
    bool low = free_bytes < 512ull << 20;
    check(d, "disk", low ? "warn" : "ok", what, low ? "Below 512 MiB a busy day could fill it." : "", low ? "Free some space." : "");
    struct sotto_now before = sotto_io_now();
    enum sotto_err err = sotto_store_meta_put(d->node->store, "doctor", sotto_span_str("x"));
    uint64_t us = sotto_io_now().mono_us - before.mono_us;
    snprintf(what, sizeof what, "One durable write took %llu.%llu ms.", (unsigned long long)(us / 1000), (unsigned long long)(us / 100 % 10));
    if (err != SOTTO_OK) check(d, "write", "fail", "The database takes no writes.", sotto_err_name(err), "Free space, or look at the disk.");
    else check(d, "write", us > 200000 ? "warn" : "ok", what, us > 200000 ? "Above 200 ms every message is felt." : "", us > 200000 ? "Take a faster disk." : "");
}

static void doctor_store(struct doctor *d)
{
    char text[200];
    if (d->only && strcmp(d->only, "store") != 0) return;
    enum sotto_err err = sotto_store_verify(d->node->store, text);
    if (err == SOTTO_OK) check(d, "store", "ok", "Every page of the database is as it was written.", "", "");
    else check(d, "store", "fail", "The database is damaged.", d->full ? text : sotto_err_name(err), "sotto account restore --backup FILE");
}

static void doctor_files(struct doctor *d)
{
    for (unsigned i = 0; i < d->node->account_count; i++) {
        char path[SOTTO_PATH_MAX];
        enum sotto_err err = sotto_account_path(path, d->node, &d->node->accounts[i]->id);
        if (err == SOTTO_OK) err = sotto_file_private(path);
        if (err == SOTTO_OK) continue;
        check(d, "modes", "fail", err == SOTTO_ERR_MODE ? "A vault file can be read by others." : "A vault file cannot be read.", d->full ? path : sotto_err_name(err),
              err == SOTTO_ERR_MODE ? "chmod 600 on it" : "sotto account restore");
        return;
    }
    check(d, "modes", "ok", "Nobody else can read the vaults.", "", "");
}

static void doctor_limits(struct doctor *d)
{
    bool locked = true, dumps = sotto_process_dumps();
    void *probe = sotto_guard_new(64u << 10, &locked);
    sotto_guard_free(probe);
    if (sotto_guard_unlocked()) locked = false;           /* of some session, once the limit was used up */
    check(d, "memlock", locked ? "ok" : "warn", locked ? "Keys are locked in memory." : "Keys could not be locked in memory.",
          locked ? "" : "They could reach the swap.", locked ? "" : "Raise the limit: LimitMEMLOCK=64M, or ulimit -l 65536.");
    check(d, "core", dumps ? "warn" : "ok", dumps ? "Core dumps are on." : "Core dumps are off.", "", dumps ? "ulimit -c 0" : "");
}

static void doctor_network(struct doctor *d)
{
    struct sotto_peer_info info;
    unsigned up = sotto_host_peers(sotto_net_host(d->node->net)), all = 0, out = 0;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(d->node->net), i, &info); i++) {
        all++;
        if ((!info.inbound || info.is_static) && strcmp(info.state, "up") == 0) out++;
    }
    char what[160];
    snprintf(what, sizeof what, "%u of %u neighbours are connected, %u of them dialled or named by this node.", up, all, out);
    if (!up) check(d, "peers", "warn", what, "Messages wait until one is there.", "sotto peer add ENODE");
    else if (!out) check(d, "peers", "warn", what, "Own messages leave only through a neighbour that this node dialled or its operator named.", "sotto peer add ENODE");
    else check(d, "peers", "ok", what, "", "");
    int off = sotto_net_clock_off(d->node->net);
    snprintf(what, sizeof what, off ? "This clock seems %d s %s." : "This clock agrees with the neighbours.", abs(off), off > 0 ? "ahead" : "behind");
    check(d, "clock", off ? "fail" : "ok", what, off ? "Others would refuse what is sent." : "", off ? "Set the clock." : "");
}

static void doctor_nat(struct doctor *d)
{
    char what[160], why[240];
    const char *todo;
    bool good = sotto_nat_words(d->node, what, why, &todo);
    check(d, "nat", good ? "ok" : "warn", what, why, todo);
}

static void doctor_lan(struct doctor *d)
{
    char what[160];
    const char *why, *todo;
    bool good = sotto_beacon_words(d->node, what, &why, &todo);
    check(d, "lan", good ? "ok" : "warn", what, why, todo);
}

static void doctor_backup(struct doctor *d)
{
    uint64_t now = sotto_io_now().wall_ms;
    for (unsigned i = 0; i < d->node->account_count; i++) {
        struct sotto_node_account *a = d->node->accounts[i];
        if (!a->keys) continue;
        bool old = !a->backup_ms || now - a->backup_ms > 30ull * 86400 * 1000;
        if (old) {
            check(d, "backup", "warn", a->backup_ms ? "The last backup is older than 30 days." : "There is no backup of an account.",
                  "The 24 words bring back the account, only a backup brings contacts and chats.", "sotto backup create FILE");
            return;
        }
    }
    check(d, "backup", "ok", "No open account lacks a backup of the last 30 days.", "", "");
}

static void node_doctor(void *ctx, struct sotto_call *call, const struct sotto_node_doctor_params *p)
{
    struct doctor d = { .node = ctx, .checks = json_array(), .only = p->only, .full = p->full };
    doctor_files(&d);
    doctor_disk(&d);
    doctor_store(&d);
    doctor_network(&d);
    doctor_nat(&d);
    doctor_lan(&d);
    doctor_limits(&d);
    doctor_backup(&d);
    check(&d, "version", "ok", "Sotto " SOTTO_VERSION ".", "", "");
    if (json_array_size(d.checks) == 0) {
        json_decref(d.checks);
        sotto_call_error(call, 1002, "thing", "check", "value", p->only, NULL);
        return;
    }
    sotto_call_result(call, d.checks);
}

void sotto_api_node_fill(struct sotto_api *api)
{
    api->node_status = node_status;
    api->node_health = node_health;
    api->node_doctor = node_doctor;
    api->node_stop = node_stop;
}
