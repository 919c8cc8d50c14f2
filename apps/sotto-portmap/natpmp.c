/* NAT-PMP by libnatpmp, to the gateway of the default route and to nobody else. */
#include "portmap.h"

#include <natpmp.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#define SHUFFLES_MAX 3u                     /* until TCP and UDP have the same port */
#define STRAYS_MAX 4u                       /* answers to something else */
#define SPARE_MS 200u                       /* of our time, to say that nobody answered */

struct gateway { natpmp_t n; uint64_t until_ms; };

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1000ull * (uint64_t)t.tv_sec + (uint64_t)t.tv_nsec / 1000000;
}

static enum sotto_map_result refusal(int err)
{
    switch (err) {
    case NATPMP_ERR_NOTAUTHORIZED:
    case NATPMP_ERR_NETWORKFAILURE:
    case NATPMP_ERR_OUTOFRESOURCES:
        return SOTTO_MAP_REFUSED;
    case NATPMP_ERR_NOGATEWAYSUPPORT:
    case NATPMP_ERR_RECVFROM:
        return SOTTO_MAP_SILENT;
    case NATPMP_ERR_UNSUPPORTEDVERSION:
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
    case NATPMP_ERR_UNDEFINEDERROR:
    case NATPMP_ERR_WRONGPACKETSOURCE:
        return SOTTO_MAP_RUBBISH;
    default:
        return SOTTO_MAP_FAILED;
    }
}

/* What is asked: of a port, with wanted 0 to give it back; or, with protocol 0, for the address outside. */
struct question { int protocol; uint16_t port, wanted; };

static bool fits(const natpmpresp_t *r, const struct question *q)
{
    if (q->protocol == 0) return r->type == NATPMP_RESPTYPE_PUBLICADDRESS;
    return r->type == (q->protocol == NATPMP_PROTOCOL_TCP ? NATPMP_RESPTYPE_TCPPORTMAPPING : NATPMP_RESPTYPE_UDPPORTMAPPING) &&
           r->pnu.newportmapping.privateport == q->port && (q->wanted == 0 || r->pnu.newportmapping.mappedpublicport != 0);
}

/* One answer. The library asks again and again, for a minute if it is let. */
static enum sotto_map_result hear(natpmpresp_t *out, struct gateway *g)
{
    natpmp_t *n = &g->n;
    int err = NATPMP_TRYAGAIN;
    while (err == NATPMP_TRYAGAIN) {
        fd_set set;
        struct timeval wait;
        FD_ZERO(&set);
        FD_SET(n->s, &set);
        if (getnatpmprequesttimeout(n, &wait) != 0) return SOTTO_MAP_FAILED;
        uint64_t now = now_ms(), wait_ms = wait.tv_sec < 0 ? 0 : 1000ull * (uint64_t)wait.tv_sec + (uint64_t)wait.tv_usec / 1000 + 1;
        if (now >= g->until_ms) return SOTTO_MAP_SILENT;
        if (wait_ms > g->until_ms - now) wait_ms = g->until_ms - now;
        wait.tv_sec = (time_t)(wait_ms / 1000);
        wait.tv_usec = (suseconds_t)(1000 * (wait_ms % 1000));
        if (select(n->s + 1, &set, NULL, NULL, &wait) < 0) return SOTTO_MAP_FAILED;
        memset(out, 0, sizeof *out);
        err = readnatpmpresponseorretry(n, out);
    }
    return err == 0 ? SOTTO_MAP_MAPPED : refusal(err);
}

/* An answer to something else may be a late one to what was asked before, twice: then it is asked again. */
static enum sotto_map_result answer(natpmpresp_t *out, struct gateway *g, struct question q)
{
    for (unsigned i = 0; i < STRAYS_MAX; i++) {
        int sent = q.protocol ? sendnewportmappingrequest(&g->n, q.protocol, q.port, q.wanted, q.wanted ? SOTTO_MAP_LEASE_S : 0) : sendpublicaddressrequest(&g->n);
        if (sent < 0) return SOTTO_MAP_FAILED;
        enum sotto_map_result result = hear(out, g);
        if (result == SOTTO_MAP_SILENT && i > 0) return SOTTO_MAP_RUBBISH;
        if (result != SOTTO_MAP_MAPPED || fits(out, &q)) return result;
    }
    return SOTTO_MAP_RUBBISH;
}

static enum sotto_map_result one(uint16_t *got, uint32_t *lease_s, struct gateway *g, int protocol, uint16_t port, uint16_t wanted)
{
    natpmpresp_t r;
    enum sotto_map_result result = answer(&r, g, (struct question){ protocol, port, wanted });
    if (result != SOTTO_MAP_MAPPED) return result;
    *got = r.pnu.newportmapping.mappedpublicport;
    if (r.pnu.newportmapping.lifetime < *lease_s) *lease_s = r.pnu.newportmapping.lifetime;
    return result;
}

static enum sotto_map_result give_back(struct gateway *g, uint16_t port)
{
    uint16_t got;
    uint32_t lease_s = UINT32_MAX;
    enum sotto_map_result tcp = one(&got, &lease_s, g, NATPMP_PROTOCOL_TCP, port, 0), udp = one(&got, &lease_s, g, NATPMP_PROTOCOL_UDP, port, 0);
    return tcp != SOTTO_MAP_MAPPED ? tcp : udp;
}

static enum sotto_map_result lead(struct sotto_map_try *t, struct gateway *g, const struct portmap *p)
{
    uint16_t udp = 0, tcp = 0, wanted = p->hint.result == SOTTO_MAP_MAPPED ? p->hint.addr.port : p->port;
    natpmpresp_t r;
    enum sotto_map_result result = answer(&r, g, (struct question){ .protocol = 0 });
    if (result != SOTTO_MAP_MAPPED) return result;
    memcpy(t->addr.ip, &r.pnu.publicaddress.addr, 4);
    if (sotto_portmap_home(t->addr.ip) || t->addr.ip[0] == 0) return SOTTO_MAP_PRIVATE;
    for (unsigned i = 0; i < SHUFFLES_MAX; i++) {
        t->lease_s = UINT32_MAX;
        result = one(&udp, &t->lease_s, g, NATPMP_PROTOCOL_UDP, p->port, wanted);
        if (result == SOTTO_MAP_MAPPED) result = one(&tcp, &t->lease_s, g, NATPMP_PROTOCOL_TCP, p->port, udp);
        if (result != SOTTO_MAP_MAPPED) break;
        if (tcp == udp) {
            t->addr.family = 4;
            t->addr.port = tcp;
            return result;
        }
        wanted = tcp;
        result = SOTTO_MAP_PORTS;
    }
    (void)give_back(g, p->port);
    return result;
}

enum sotto_map_result portmap_natpmp(struct sotto_map_try *t, const struct portmap *p)
{
    struct gateway g = { .until_ms = now_ms() + (p->budget_ms > 2 * SPARE_MS ? p->budget_ms - SPARE_MS : p->budget_ms / 2) };
    uint8_t ip[4];
    if (initnatpmp(&g.n, 0, 0) != 0) return SOTTO_MAP_FAILED;     /* no default route */
    memcpy(ip, &g.n.gateway, 4);
    enum sotto_map_result result = !sotto_portmap_home(ip) ? SOTTO_MAP_SILENT : p->give_back ? give_back(&g, p->port) : lead(t, &g, p);
    closenatpmp(&g.n);
    return result;
}
