/* What an operator's graphs are drawn from: Prometheus text (experience.md 5). No label and no number of a contact, a chat or an own message:
 * who may scrape must not learn when somebody is there. */
#include "node/impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3)))
static void put(struct sotto_buf *out, const char *format, ...)
{
    char line[256];
    va_list ap;
    va_start(ap, format);
    int size = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (size > 0 && (size_t)size < sizeof line) (void)!sotto_buf_add(out, line, (size_t)size);     /* a full page ends early */
}

static void family(struct sotto_buf *out, const char *name, const char *type, const char *help)
{
    put(out, "# HELP sotto_%s %s\n# TYPE sotto_%s %s\n", name, help, name, type);
}

static void one(struct sotto_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    family(out, name, type, help);
    put(out, "sotto_%s %" PRIu64 "\n", name, value);
}

static void peers(struct sotto_buf *out, struct sotto_node *n)
{
    struct sotto_peer_info info;
    uint64_t count[2] = { 0 }, bytes[2] = { 0 };
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(n->net), i, &info); i++) {
        if (strcmp(info.state, "up") != 0) continue;
        count[info.inbound]++;
        bytes[0] += info.bytes_in;
        bytes[1] += info.bytes_out;
    }
    family(out, "peers", "gauge", "Neighbours connected, by who dialled.");
    put(out, "sotto_peers{direction=\"out\",cap=\"shh\"} %" PRIu64 "\nsotto_peers{direction=\"in\",cap=\"shh\"} %" PRIu64 "\n", count[0], count[1]);
    family(out, "peer_bytes", "gauge", "Bytes exchanged with the neighbours connected now.");
    put(out, "sotto_peer_bytes{direction=\"in\"} %" PRIu64 "\nsotto_peer_bytes{direction=\"out\"} %" PRIu64 "\n", bytes[0], bytes[1]);
}

static void envelopes(struct sotto_buf *out, struct sotto_node *n)
{
    struct sotto_net_stats s;
    sotto_net_stats(n->net, &s);
    const struct { const char *result; uint64_t count; } rows[] = {
        { "accepted", s.accepted }, { "low_work", s.low_work }, { "expired", s.expired }, { "future", s.future }, { "bloom", s.bloom },
        { "duplicate", s.duplicate }, { "evicted", s.evicted }, { "quota", s.quota }, { "malformed", s.malformed },
    };
    family(out, "envelopes_total", "counter", "Envelopes that came, by what became of them.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) put(out, "sotto_envelopes_total{result=\"%s\"} %" PRIu64 "\n", rows[i].result, rows[i].count);
    one(out, "forwarded_total", "counter", "Envelopes written to neighbours.", s.forwarded);
    one(out, "pool_envelopes", "gauge", "Envelopes kept for others.", s.pool_count);
    one(out, "pool_bytes", "gauge", "Bytes of envelopes kept for others.", s.pool_bytes);
}

static void parts(struct sotto_buf *out, struct sotto_node *n)
{
    json_t *status = sotto_status_json(n), *part;
    const char *name;
    family(out, "part_state", "gauge", "1 = up, 0.5 = starting, 0 = down, -1 = off.");
    json_object_foreach(json_object_get(status, "parts"), name, part) {
        const char *state = json_string_value(json_object_get(part, "state"));
        const char *value = strcmp(state, "up") == 0 ? "1" : strcmp(state, "starting") == 0 ? "0.5" : strcmp(state, "down") == 0 ? "0" : "-1";
        put(out, "sotto_part_state{part=\"%s\"} %s\n", name, value);
    }
    json_decref(status);
}

void sotto_metrics_text(struct sotto_buf *out, struct sotto_node *n)
{
    struct sotto_now now = sotto_io_now();
    sotto_batch_close(n);
    one(out, "up", "gauge", "1 while the node answers.", 1);
    family(out, "build_info", "gauge", "The version, as a label.");
    put(out, "sotto_build_info{version=\"%s\"} 1\n", SOTTO_VERSION);
    one(out, "uptime_seconds", "gauge", "Since the start.", (now.mono_us - n->started_us) / 1000000);
    parts(out, n);
    peers(out, n);
    envelopes(out, n);
    one(out, "door_clients", "gauge", "Clients of the unix socket and of HTTP.", sotto_door_conns(n->door));
    one(out, "rpc_pending", "gauge", "Calls that wait for their answer.", sotto_rpc_pending(n->rpc));
    family(out, "auth_refused_total", "counter", "Requests that the HTTP door refused, by reason.");
    for (unsigned i = 0; i < SOTTO_DOOR_REASONS; i++) put(out, "sotto_auth_refused_total{reason=\"%s\"} %" PRIu64 "\n", sotto_doors_reason(i), n->door_refused[i]);
}
