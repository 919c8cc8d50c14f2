#include "node/nat.h"

#include "io/portmap.h"
#include "node/impl.h"
#include "p2p/group.h"

#include <stdio.h>
#include <stdlib.h>

struct sotto_nat {
    struct sotto_node *node;
    struct sotto_timer *timer;
    struct sotto_mapping core;
    struct sotto_addr home;               /* our address without a router */
    bool stopping;

    /* The job's until its end. */
    struct sotto_job *job;
    struct sotto_portmap_request request;
    struct sotto_map_report report;
    enum sotto_err err;                   /* of the last asking */
    enum sotto_err ran_err;               /* the worker's until done is called, as ran and report are */
    bool ran;
};

void sotto_nat_listen(struct sotto_node *n, const struct sotto_addr *addr)
{
    if (addr->family == 4 && n->nat_listen.family == 0) n->nat_listen = *addr;
}

/* Why nothing is asked; NULL: there is a reason to ask. */
static const char *off(const struct sotto_node *n)
{
    static const uint8_t any[4];
    if (!sotto_config_bool(n->config, SOTTO_KEY_NETWORK_NAT)) return "network.nat is off";
    if (n->proxy_only) return "network.proxy_only: nothing leaves but through the proxy";
    if (n->local) return "network.local: this machine only";
    if (n->nat_listen.family == 0) return "no IPv4 address is listened on";
    if (memcmp(n->nat_listen.ip, any, sizeof any) == 0) return NULL;
    enum sotto_disc_class class = sotto_disc_class(&n->nat_listen);
    if (class == SOTTO_DISC_LOOPBACK) return "network.listen: this machine only";
    return class == SOTTO_DISC_PUBLIC ? "network.listen: others reach that address without" : NULL;
}

/* Our address from now on. */
static void tell(struct sotto_nat *nat, const struct sotto_addr *addr)
{
    static const struct sotto_addr nowhere;
    nat->node->self.addr = addr ? *addr : nat->home;
    sotto_discovery_announce(nat->node, addr ? addr : &nowhere);
    sotto_net_port(nat->node->net, addr ? addr->port : nat->home.port, sotto_io_now());
}

static void run(void *arg, const atomic_bool *cancel)
{
    struct sotto_nat *nat = arg;
    nat->ran_err = sotto_io_portmap(&nat->report, &nat->request, cancel);
    nat->ran = true;
}

static void wake(struct sotto_nat *nat)
{
    uint64_t at = sotto_mapping_deadline(&nat->core);
    if (at == UINT64_MAX) sotto_timer_stop(nat->timer);
    else sotto_timer_set(nat->timer, at);
}

static void gave_back(struct sotto_nat *nat)
{
    const struct sotto_map_report *r = &nat->report;
    bool good = nat->ran && nat->err == SOTTO_OK && r->count && r->tries[r->count - 1].result == SOTTO_MAP_MAPPED;
    sotto_log_line(nat->node->log, SOTTO_LOG_INFO, "network", good ? "port-given-back" : "port-not-given-back", "method=%s", sotto_map_method_name(nat->core.have.method));
    sotto_node_ending(nat->node);
}

static void done(void *arg, bool cancelled)
{
    struct sotto_nat *nat = arg;
    struct sotto_log *log = nat->node->log;
    nat->job = NULL;
    if (nat->ran) nat->err = nat->ran_err;
    if (nat->request.give_back) {
        gave_back(nat);
        return;
    }
    if (!nat->ran || nat->err != SOTTO_OK || (cancelled && nat->report.count == 0)) {
        nat->report = (struct sotto_map_report){ .count = 0 };
        if (!cancelled) sotto_log_line(log, SOTTO_LOG_WARN, "network", "port-not-asked", "reason=%s", sotto_err_name(nat->err));
    }
    if (nat->node->stopping && !nat->stopping) return;    /* it never began */
    bool fresh = sotto_mapping_answer(&nat->core, &nat->report, sotto_io_now());
    const struct sotto_map_report *last = &nat->core.last;
    for (unsigned i = 0; i < last->count; i++)
        sotto_log_line(log, SOTTO_LOG_INFO, "network", "port-mapping", "method=%s result=%s", sotto_map_method_name(last->tries[i].method), sotto_map_result_name(last->tries[i].result));
    if (nat->stopping) {                  /* it came too late to be told, not too late to be given back */
        nat->stopping = false;
        sotto_nat_stop(nat->node);
        sotto_node_ending(nat->node);
        return;
    }
    if (fresh) tell(nat, &nat->core.have.addr);
    wake(nat);
}

static bool ask(struct sotto_nat *nat, bool give_back)
{
    nat->request = (struct sotto_portmap_request){ .give_back = give_back, .port = nat->node->nat_listen.port, .hint = nat->core.have };
    static const uint8_t any[4];
    if (memcmp(nat->node->nat_listen.ip, any, sizeof any) != 0) nat->request.from = nat->node->nat_listen;
    nat->ran = false;
    nat->report.count = 0;
    enum sotto_err err = sotto_workers_run(nat->node->workers, &nat->job, SOTTO_LANE_ASK, run, done, nat);
    if (err != SOTTO_OK) nat->err = err;
    return err == SOTTO_OK;
}

static void on_timer(void *ctx, struct sotto_now now)
{
    struct sotto_nat *nat = ctx;
    enum sotto_mapping_wish wish;
    if (nat->stopping) return;
    while ((wish = sotto_mapping_tick(&nat->core, now)) != SOTTO_MAPPING_NOTHING) {
        static const struct sotto_map_report nothing;
        if (wish == SOTTO_MAPPING_LOST) tell(nat, NULL);
        else if (!ask(nat, false)) (void)!sotto_mapping_answer(&nat->core, &nothing, now);      /* memory is short: as if nobody had answered */
    }
    wake(nat);
}

enum sotto_err sotto_nat_start(struct sotto_node *n)
{
    if (off(n)) return SOTTO_OK;
    struct sotto_nat *nat = calloc(1, sizeof *nat);
    if (!nat) return SOTTO_ERR_NOMEM;
    n->nat = nat;
    nat->node = n;
    nat->home = n->self.addr;
    nat->core = sotto_mapping_new(sotto_io_now());
    nat->core.have.result = SOTTO_MAP_FAILED;
    SOTTO_TRY(sotto_timer_new(&nat->timer, n->loop, on_timer, nat));
    wake(nat);
    return SOTTO_OK;
}

void sotto_nat_stop(struct sotto_node *n)
{
    struct sotto_nat *nat = n->nat;
    if (!nat || nat->stopping) return;
    nat->stopping = true;
    sotto_timer_stop(nat->timer);
    bool mapped = sotto_mapping_end(&nat->core);
    if (nat->job) sotto_job_cancel(nat->job);
    else if (mapped) (void)ask(nat, true);            /* not even asked: the lease ends by itself */
}

bool sotto_nat_busy(const struct sotto_node *n) { return n->nat && n->nat->job; }

void sotto_nat_free(struct sotto_node *n)
{
    if (!n->nat) return;
    SOTTO_ASSERT(!n->nat->job);
    sotto_timer_free(n->nat->timer);
    free(n->nat);
    n->nat = NULL;
}

static const struct sotto_map_try *last_try(const struct sotto_nat *nat)
{
    return nat->core.last.count ? &nat->core.last.tries[nat->core.last.count - 1] : NULL;
}

json_t *sotto_nat_json(const struct sotto_node *n)
{
    const struct sotto_nat *nat = n->nat;
    const char *why = off(n);
    json_t *o = json_object(), *tries = json_array();
    if (why || !nat) {
        json_object_set_new(o, "state", json_string("off"));
        json_object_set_new(o, "why", json_string(why ? why : "the node has not begun"));
        json_object_set_new(o, "tries", tries);
        return o;
    }
    const struct sotto_mapping *m = &nat->core;
    struct sotto_now now = sotto_io_now();
    json_object_set_new(o, "state", json_string(m->mapped ? "mapped" : !m->answered ? "asking" : "failed"));
    if (m->mapped) {
        char where[64];
        sotto_addr_text(where, &m->have.addr);
        json_object_set_new(o, "method", json_string(sotto_map_method_name(m->have.method)));
        json_object_set_new(o, "address", json_string(where));
        json_object_set_new(o, "leaseMs", json_integer(m->ends_us > now.mono_us ? (json_int_t)((m->ends_us - now.mono_us) / 1000) : 0));
    }
    for (unsigned i = 0; i < m->last.count; i++)
        json_array_append_new(tries, json_pack("{s:s,s:s}", "method", sotto_map_method_name(m->last.tries[i].method), "result", sotto_map_result_name(m->last.tries[i].result)));
    json_object_set_new(o, "tries", tries);
    return o;
}

bool sotto_nat_words(const struct sotto_node *n, char what[160], char why[240], const char **todo)
{
    const struct sotto_nat *nat = n->nat;
    const char *none = off(n);
    *todo = "";
    why[0] = 0;
    if (none || !nat) {
        snprintf(what, 160, "No router is asked for a port (%s).", none ? none : "the node has not begun");
        return true;
    }
    const struct sotto_map_try *t = last_try(nat);
    if (nat->core.mapped) {
        snprintf(what, 160, "A router leads port %u to this node (%s).", nat->core.have.addr.port, sotto_map_method_text(nat->core.have.method));
        enum sotto_reach reach = sotto_net_reach(n->net);
        snprintf(why, 240, reach == SOTTO_REACH_YES ? "Neighbours have dialled it and got through."
                           : reach == SOTTO_REACH_NO ? "Neighbours have dialled it and did not get through." : "That others get through it no neighbour has tried yet.");
        if (reach == SOTTO_REACH_NO) *todo = "The router says one thing and does another: forward the node's TCP and UDP port by hand, or set network.nat to false.";
        return reach != SOTTO_REACH_NO;
    }
    if (!nat->core.answered) {
        snprintf(what, 160, "The router is being asked for a port.");
        return true;
    }
    snprintf(what, 160, "No router leads a port to this node.");
    size_t size = 0;
    unsigned count = nat->core.last.count;
    for (unsigned i = 0; i < count && size < 240; i++) {
        const struct sotto_map_try *one = &nat->core.last.tries[i];
        int more = snprintf(why + size, 240 - size, "%s%s: %s%s", i ? "; " : "", sotto_map_method_text(one->method), sotto_map_result_text(one->result),
                            i + 1 == count ? "." : "");
        size += more > 0 ? (size_t)more : 0;
    }
    if (!t) snprintf(why, 240, "It could not be asked (%s).", nat->err == SOTTO_ERR_MISSING ? SOTTO_PORTMAP_PROGRAM " is not installed" : sotto_err_name(nat->err));
    *todo = "Others can dial this node only if the router forwards its TCP and UDP port: do that by hand, or set network.nat to false.";
    return false;
}
