/* What an operator's graphs are drawn from: Prometheus text at /metrics, the same as JSON by `metric list` (experience.md 5). No label and
 * no number of a contact, a chat or an own message, and nothing that moves when a person does something here: what is scraped is kept, and
 * must not become a diary of when somebody was there. With metrics.private it is all shown. */
#include "node/impl.h"

#include "io/process.h"
#include "p2p/group.h"

#include <stdio.h>

#define GROUPS_MAX 64u                    /* outbound neighbours compared: more than there are places for */

/* ---- counting ---- */

/* Methods of who runs the node; all others tell of a person, or of a program that speaks for one. */
static bool operators(unsigned method)
{
    static const char *const objects[] = { "node", "config", "token", "log", "metric", "network", "peer", "envelope", "relay" };
    if (method == SOTTO_RPC_METHODS) return true;         /* nothing that was understood */
    const char *name = sotto_rpc_method_name(method);
    if (strncmp(name, "sotto_", 6) != 0) return strncmp(name, "shh_", 4) != 0;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        size_t size = strlen(objects[i]);
        if (strncmp(name + 6, objects[i], size) == 0 && name[6 + size] >= 'A' && name[6 + size] <= 'Z') return true;
    }
    return false;
}

void sotto_meters_call(struct sotto_node *n, unsigned method, int code, uint64_t us)
{
    struct sotto_meters *m = &n->meters;
    if (method < SOTTO_RPC_METHODS) sotto_histogram_add(&m->rpc[method], us);
    if (code == 0) return;
    unsigned i = 0;
    while (i < m->error_count && m->errors[i].code != code) i++;
    if (i == SOTTO_METER_CODES_MAX) return;
    if (i == m->error_count) m->errors[m->error_count++].code = code;
    m->errors[i].count[!operators(method)]++;
}

/* ---- telling ---- */

static void peers(struct sotto_meter *m, struct sotto_node *n)
{
    struct sotto_peer_info info;
    struct sotto_group groups[GROUPS_MAX];
    unsigned group_count = 0;
    uint64_t count[2][2] = { { 0 } }, bytes[2] = { 0 }, cells[2] = { 0 }, links = 0, rounds = 0, round_us = 0;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(n->net), i, &info); i++) {
        if (strcmp(info.state, "up") != 0) continue;
        struct sotto_net_neighbour more = sotto_net_neighbour(n->net, info.peer);
        count[info.inbound][0] += more.whisper;
        count[info.inbound][1] += more.link;
        if (more.link) {
            links += more.rl.state == SOTTO_RL_UP;
            cells[0] += more.rl.cells_in;
            cells[1] += more.rl.cells_out;
            rounds += more.rl.rtt_us > 0;
            round_us += more.rl.rtt_us;
        }
        bytes[0] += info.bytes_in;
        bytes[1] += info.bytes_out;
        if (info.inbound || group_count == GROUPS_MAX) continue;
        struct sotto_group group = sotto_group_of(&info.addr, n->local);
        unsigned k = 0;
        while (k < group_count && !sotto_group_equal(&groups[k], &group)) k++;
        if (k == group_count) groups[group_count++] = group;
    }
    sotto_meter_family(m, "peers", "gauge", "Neighbours connected, by who dialled.");
    for (unsigned cap = 0; cap < 2; cap++)
        for (unsigned in = 0; in < 2; in++)
            sotto_meter_value(m, SOTTO_LABELS({ "direction", in ? "in" : "out" }, { "cap", cap ? "sotto" : "shh" }), (double)count[in][cap]);
    sotto_meter_one(m, "links_up", "gauge", "Links of sotto/1 that are up.", (double)links);
    sotto_meter_family(m, "link_cells", "gauge", "Cells exchanged on the links that are there now.");
    sotto_meter_value(m, SOTTO_LABELS({ "direction", "in" }), (double)cells[0]);
    sotto_meter_value(m, SOTTO_LABELS({ "direction", "out" }), (double)cells[1]);
    sotto_meter_one(m, "link_round_trip_seconds", "gauge", "Mean round trip of the links that have measured it; 0: none has.", rounds ? (double)round_us / (double)rounds / 1e6 : 0);
    sotto_meter_one(m, "outbound_diversity", "gauge", "Groups of addresses that the neighbours dialled by this node come from.", group_count);
    sotto_meter_family(m, "peer_bytes", "gauge", "Bytes exchanged with the neighbours connected now.");
    sotto_meter_value(m, SOTTO_LABELS({ "direction", "in" }), (double)bytes[0]);
    sotto_meter_value(m, SOTTO_LABELS({ "direction", "out" }), (double)bytes[1]);
    sotto_meter_family(m, "bytes_total", "counter", "Bytes exchanged with all neighbours since the start; own ones are not told apart.");
    sotto_meter_value(m, SOTTO_LABELS({ "class", "relay" }, { "direction", "in" }), (double)n->meters.bytes[0]);
    sotto_meter_value(m, SOTTO_LABELS({ "class", "relay" }, { "direction", "out" }), (double)n->meters.bytes[1]);
}

static void envelopes(struct sotto_meter *m, struct sotto_node *n)
{
    struct sotto_net_stats s;
    sotto_net_stats(n->net, &s);
    const struct { const char *result; uint64_t count; } rows[] = {
        { "accepted", s.accepted }, { "low_work", s.low_work }, { "expired", s.expired }, { "future", s.future }, { "bloom", s.bloom },
        { "duplicate", s.duplicate }, { "evicted", s.evicted }, { "quota", s.quota }, { "malformed", s.malformed },
    };
    sotto_meter_family(m, "envelopes_total", "counter", "Envelopes that came, by what became of them.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) sotto_meter_value(m, SOTTO_LABELS({ "result", rows[i].result }), (double)rows[i].count);
    sotto_meter_one(m, "announced_total", "counter", "Ids of envelopes told to links.", (double)s.announced);
    sotto_meter_one(m, "asked_total", "counter", "Bodies asked of links.", (double)s.asked);
    sotto_meter_one(m, "forwarded_total", "counter", "Envelopes written to neighbours.", (double)s.forwarded);
    sotto_meter_one(m, "pool_envelopes", "gauge", "Envelopes kept for others.", (double)s.pool_count);
    sotto_meter_one(m, "pool_bytes", "gauge", "Bytes of envelopes kept for others.", (double)s.pool_bytes);
}

static void parts(struct sotto_meter *m, struct sotto_node *n)
{
    json_t *status = sotto_status_json(n), *part;
    const char *name;
    sotto_meter_family(m, "part_state", "gauge", "1 = up, 0.5 = starting, 0 = down, -1 = off.");
    json_object_foreach(json_object_get(status, "parts"), name, part) {
        const char *state = json_string_value(json_object_get(part, "state"));
        double value = strcmp(state, "up") == 0 ? 1 : strcmp(state, "starting") == 0 ? 0.5 : strcmp(state, "down") == 0 ? 0 : -1;
        sotto_meter_value(m, SOTTO_LABELS({ "part", name }), value);
    }
    json_decref(status);
}

static void calls(struct sotto_meter *m, struct sotto_node *n, bool private)
{
    const struct sotto_meters *seen = &n->meters;
    sotto_meter_family(m, "rpc_seconds", "histogram", "From a call to its answer, by method.");
    for (unsigned i = 0; i < SOTTO_RPC_METHODS; i++)
        if (sotto_histogram_count(&seen->rpc[i]) && (private || operators(i))) sotto_meter_histogram(m, SOTTO_LABELS({ "method", sotto_rpc_method_name(i) }), &seen->rpc[i]);
    sotto_meter_family(m, "rpc_errors_total", "counter", "Calls that were answered with an error, by its code.");
    for (unsigned i = 0; i < seen->error_count; i++) {
        char code[16];
        uint64_t count = seen->errors[i].count[0] + (private ? seen->errors[i].count[1] : 0);
        snprintf(code, sizeof code, "%d", seen->errors[i].code);
        if (count) sotto_meter_value(m, SOTTO_LABELS({ "code", code }), (double)count);
    }
}

static void disk(struct sotto_meter *m, struct sotto_node *n, bool private)
{
    struct sotto_histogram all = n->meters.fsync[0];
    for (unsigned i = 0; private && i <= SOTTO_HISTOGRAM_BOUNDS; i++) all.counts[i] += n->meters.fsync[1].counts[i];
    if (private) all.sum_us += n->meters.fsync[1].sum_us;
    sotto_meter_family(m, "fsync_seconds", "histogram", "Until a change was safe on the disk; those of people with metrics.private only.");
    sotto_meter_histogram(m, NULL, &all);
}

/* Of the open accounts: what is locked does not tell. No account is named. */
static void accounts(struct sotto_meter *m, struct sotto_node *n)
{
    uint64_t now = sotto_io_now().wall_ms, oldest = UINT64_MAX;
    for (unsigned i = 0; i < n->account_count; i++)
        if (n->accounts[i]->keys && n->accounts[i]->backup_ms && n->accounts[i]->backup_ms < oldest) oldest = n->accounts[i]->backup_ms;
    sotto_meter_family(m, "backup_age_seconds", "gauge", "Since the last backup, of the open account whose is the oldest; nothing: none was ever made.");
    if (oldest != UINT64_MAX) sotto_meter_value(m, NULL, (double)(now > oldest ? (now - oldest) / 1000 : 0));
}

static void walk(struct sotto_meter *m, struct sotto_node *n)
{
    struct sotto_now now = sotto_io_now();
    struct sotto_process_use use = sotto_process_use();
    bool private = sotto_config_bool(n->config, SOTTO_KEY_METRICS_PRIVATE);
    sotto_batch_close(n);
    uint64_t seconds = (now.mono_us - n->started_us) / 1000000;
    sotto_meter_one(m, "up", "gauge", "1 while the node answers.", 1);
    sotto_meter_family(m, "build_info", "gauge", "The version, as a label.");
    sotto_meter_value(m, SOTTO_LABELS({ "version", SOTTO_VERSION }), 1);
    sotto_meter_one(m, "uptime_seconds", "gauge", "Since the start.", (double)seconds);
    if (use.rss_bytes) sotto_meter_one(m, "rss_bytes", "gauge", "Memory of the process that is in RAM.", (double)use.rss_bytes);
    sotto_meter_one(m, "wakeups_total", "counter", "Times that a thread of the process had waited and went on.", (double)use.wakeups);
    parts(m, n);
    peers(m, n);
    envelopes(m, n);
    disk(m, n, private);
    calls(m, n, private);
    sotto_meter_family(m, "auth_refused_total", "counter", "Requests that the HTTP door refused, by reason.");
    for (unsigned i = 0; i < SOTTO_DOOR_REASONS; i++) sotto_meter_value(m, SOTTO_LABELS({ "reason", sotto_doors_reason(i) }), (double)n->door_refused[i]);
    accounts(m, n);
    if (!private) return;
    sotto_meter_family(m, "work_seconds", "histogram", "Proof of work of an own envelope, from its begin on the worker to its end.");
    sotto_meter_histogram(m, NULL, &n->meters.work);
    sotto_meter_one(m, "door_clients", "gauge", "Clients of the unix socket and of HTTP.", sotto_door_conns(n->door));
    sotto_meter_one(m, "rpc_pending", "gauge", "Calls that wait for their answer.", sotto_rpc_pending(n->rpc));
}

void sotto_metrics_text(struct sotto_buf *out, struct sotto_node *n)
{
    struct sotto_meter m = sotto_meter_text(out);
    walk(&m, n);
}

static void metric_list(void *ctx, struct sotto_call *call, const struct sotto_metric_list_params *p)
{
    json_t *list = json_array();
    struct sotto_meter m = sotto_meter_json(list);
    (void)p;
    walk(&m, ctx);
    sotto_call_result(call, list);
}

void sotto_api_metric_fill(struct sotto_api *api) { api->metric_list = metric_list; }
