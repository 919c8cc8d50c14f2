/* UPnP IGD by miniupnpc. Whoever answers first on this network is believed to be its router; nothing is sent to an address outside of it. */
#include "portmap.h"

#include <arpa/inet.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <stdio.h>
#include <string.h>

#define DEVICES_MAX 8u
#define PORTS_MAX 4u                        /* the wanted one, then others */
#define LOOK_MS 2000                        /* for one kind of device; two kinds are looked for, one after the other, until one answers */
#define NAME "p2p"                          /* what the router's own page shows */
#define ONLY_PERMANENT 725
#define CONFLICT 718

static enum sotto_map_result refusal(int err) { return err > 0 ? SOTTO_MAP_REFUSED : SOTTO_MAP_RUBBISH; }

static bool is_router(const struct UPNPUrls *urls, const struct IGDdatas *data)
{
    static const char *const services[] = { "urn:schemas-upnp-org:service:WANIPConnection:", "urn:schemas-upnp-org:service:WANPPPConnection:" };
    bool found = false;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) found |= strncmp(data->first.servicetype, services[i], strlen(services[i])) == 0;
    return found && urls->controlURL && sotto_portmap_url(urls->controlURL);
}

static int add(const char *control, const char *service, const char *outside, const char *inside, const char *to, const char *protocol)
{
    char lease[16];
    snprintf(lease, sizeof lease, "%u", SOTTO_MAP_LEASE_S);
    int err = UPNP_AddPortMapping(control, service, outside, inside, to, NAME, protocol, NULL, lease);
    return err == ONLY_PERMANENT ? UPNP_AddPortMapping(control, service, outside, inside, to, NAME, protocol, NULL, "0") : err;
}

static enum sotto_map_result lead(struct sotto_map_try *t, const struct portmap *p, const char *control, const char *service, const char *to)
{
    char inside[8], outside[8];
    uint16_t port = p->hint.result == SOTTO_MAP_MAPPED ? p->hint.addr.port : p->port;
    int err = 0;
    snprintf(inside, sizeof inside, "%u", p->port);
    for (unsigned i = 0; i < PORTS_MAX; i++, port = (uint16_t)(SOTTO_MAP_PORT_MIN + (port + 7919u) % (UINT16_MAX - SOTTO_MAP_PORT_MIN))) {
        snprintf(outside, sizeof outside, "%u", port);
        err = add(control, service, outside, inside, to, "TCP");
        if (err == 0) {
            err = add(control, service, outside, inside, to, "UDP");
            if (err == 0) {
                t->addr.port = port;
                t->lease_s = SOTTO_MAP_LEASE_S;       /* where only permanent ones are given it is renewed and given back all the same */
                return SOTTO_MAP_MAPPED;
            }
            (void)UPNP_DeletePortMapping(control, service, outside, "TCP", NULL);
        }
        if (err != CONFLICT) break;
    }
    return refusal(err);
}

static enum sotto_map_result give_back(const struct portmap *p, const char *control, const char *service)
{
    char outside[8];
    snprintf(outside, sizeof outside, "%u", p->hint.addr.port);
    int tcp = UPNP_DeletePortMapping(control, service, outside, "TCP", NULL), udp = UPNP_DeletePortMapping(control, service, outside, "UDP", NULL);
    return tcp == 0 && udp == 0 ? SOTTO_MAP_MAPPED : refusal(tcp ? tcp : udp);
}

/* One device. RUBBISH also: it is no router, though it says so. */
static enum sotto_map_result device(struct sotto_map_try *t, const struct portmap *p, const char *url)
{
    struct UPNPUrls urls;
    struct IGDdatas data;
    char to[64] = "", outside[64] = "";
    enum sotto_map_result result = SOTTO_MAP_RUBBISH;
    memset(&urls, 0, sizeof urls);
    memset(&data, 0, sizeof data);
    if (!sotto_portmap_url(url) || UPNP_GetIGDFromUrl(url, &urls, &data, to, sizeof to) != 1) return SOTTO_MAP_RUBBISH;
    if (is_router(&urls, &data)) {
        const char *control = urls.controlURL, *service = data.first.servicetype;
        int err = p->give_back ? 0 : UPNP_GetExternalIPAddress(control, service, outside);
        if (p->give_back) result = give_back(p, control, service);
        else if (err != 0) result = refusal(err);
        else if (inet_pton(AF_INET, outside, t->addr.ip) != 1) result = outside[0] ? SOTTO_MAP_RUBBISH : SOTTO_MAP_PRIVATE;
        else if (sotto_portmap_home(t->addr.ip) || t->addr.ip[0] == 0) result = SOTTO_MAP_PRIVATE;
        else result = lead(t, p, control, service, p->from ? p->from : to);
    }
    FreeUPNPUrls(&urls);
    if (result != SOTTO_MAP_MAPPED || p->give_back) return result;
    t->addr.family = 4;
    snprintf(t->url, sizeof t->url, "%s", url);
    return result;
}

enum sotto_map_result portmap_upnp(struct sotto_map_try *t, const struct portmap *p)
{
    static const char *const kinds[] = {
        "urn:schemas-upnp-org:device:InternetGatewayDevice:1", "urn:schemas-upnp-org:service:WANIPConnection:1", NULL
    };
    enum sotto_map_result result = SOTTO_MAP_SILENT;
    bool known = p->hint.result == SOTTO_MAP_MAPPED && p->hint.method == SOTTO_MAP_UPNP;
    if (known) result = device(t, p, p->hint.url);
    if (result == SOTTO_MAP_MAPPED || p->give_back) return result;
    int error = 0, look_ms = (int)(p->budget_ms / 4 < LOOK_MS ? p->budget_ms / 4 : LOOK_MS);
    struct UPNPDev *list = upnpDiscoverDevices(kinds, look_ms, p->from, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error, 0);
    result = !list && error ? SOTTO_MAP_FAILED : SOTTO_MAP_SILENT;
    unsigned count = 0;
    for (struct UPNPDev *d = list; d && count < DEVICES_MAX && result != SOTTO_MAP_MAPPED; d = d->pNext, count++) {
        enum sotto_map_result one = device(t, p, d->descURL);
        if (one != SOTTO_MAP_RUBBISH || result == SOTTO_MAP_SILENT) result = one;      /* what a router says counts more than what is none */
    }
    freeUPNPDevlist(list);
    return result;
}
