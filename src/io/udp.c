#include "io/udp.h"

#include "io/sockaddr.h"
#include "p2p/group.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <uv.h>

#define READ_SIZE 2048u                     /* more than the longest that is taken, so that a longer one shows */

struct udp_socket { uv_udp_t udp; struct sotto_io_udp *owner; unsigned family; bool group; };
struct link { unsigned index; struct in_addr at; };
struct waiting { uv_udp_send_t request; struct sotto_io_udp *owner; size_t size; uint8_t bytes[SOTTO_IO_UDP_MAX]; };

struct sotto_io_udp {
    struct sotto_io_udp_config config;
    struct udp_socket *sockets[SOTTO_IO_UDP_SOCKETS_MAX];
    unsigned count;
    struct udp_socket *group;               /* NULL: none is joined */
    struct sotto_addr group_at;
    struct link links[SOTTO_IO_UDP_LINKS_MAX];
    unsigned link_count;
    unsigned open_handles, waiting;
    bool freed, told;                       /* told: the first error of reading was logged */
    struct sotto_io_udp_stats stats;
    uint8_t buffer[READ_SIZE];
};

static void release(struct sotto_io_udp *udp)
{
    if (udp->freed && udp->open_handles == 0 && udp->waiting == 0) free(udp);
}

static void closed(uv_handle_t *handle)
{
    struct udp_socket *s = handle->data;
    struct sotto_io_udp *udp = s->owner;
    free(s);
    udp->open_handles--;
    release(udp);
}

enum sotto_err sotto_io_udp_new(struct sotto_io_udp **out, const struct sotto_io_udp_config *config)
{
    struct sotto_io_udp *udp = calloc(1, sizeof *udp);
    if (!udp) return SOTTO_ERR_NOMEM;
    udp->config = *config;
    *out = udp;
    return SOTTO_OK;
}

/* ---- receiving ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct udp_socket *s = handle->data;
    *buf = uv_buf_init((char *)s->owner->buffer, sizeof s->owner->buffer);       /* consumed before the next one is asked for */
}

static void came(uv_udp_t *handle, ssize_t size, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
    struct udp_socket *s = handle->data;
    struct sotto_io_udp *udp = s->owner;
    if (size == 0 && !from) return;                   /* nothing more to read */
    if (size < 0) {
        udp->stats.read_errors++;
        if (!udp->told) sotto_log_line(udp->config.log, SOTTO_LOG_WARN, "udp", "read-failed", "reason=%s", uv_err_name((int)size));
        udp->told = true;
        return;
    }
    if (size > (ssize_t)SOTTO_IO_UDP_MAX || flags & UV_UDP_PARTIAL) {
        udp->stats.too_long++;
        return;
    }
    struct sotto_addr addr = sotto_io_from_sockaddr(from);
    if (size == 0 || addr.family == 0 || (udp->config.local && !sotto_addr_loopback(&addr))) {
        udp->stats.refused++;
        return;
    }
    udp->stats.received++;
    (s->group ? udp->config.group : udp->config.input)(udp->config.ctx, &addr, sotto_span(buf->base, (size_t)size), sotto_io_now());
}

static struct udp_socket *socket_new(struct sotto_io_udp *udp, unsigned family)
{
    struct udp_socket *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    uv_udp_init(sotto_loop_uv(udp->config.loop), &s->udp);
    s->udp.data = s;
    s->owner = udp;
    s->family = family;
    udp->open_handles++;
    return s;
}

static enum sotto_err refused(struct udp_socket *s, int e)
{
    uv_close((uv_handle_t *)&s->udp, closed);
    return e == UV_EADDRINUSE ? SOTTO_ERR_IN_USE : e == UV_ENOMEM ? SOTTO_ERR_NOMEM : SOTTO_ERR_IO;
}

static int option(const struct udp_socket *s, int name, const void *value, socklen_t size)
{
    uv_os_fd_t fd;
    int e = uv_fileno((const uv_handle_t *)&s->udp, &fd);
    return e ? e : setsockopt(fd, IPPROTO_IP, name, value, size) ? UV_EIO : 0;
}

enum sotto_err sotto_io_udp_listen(struct sotto_io_udp *udp, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    if ((addr->family != 4 && addr->family != 6) || (udp->config.local && !sotto_addr_loopback(addr))) return SOTTO_ERR_RANGE;
    if (udp->count == SOTTO_IO_UDP_SOCKETS_MAX) return SOTTO_ERR_FULL;
    struct udp_socket *s = socket_new(udp, addr->family);
    if (!s) return SOTTO_ERR_NOMEM;
    struct sockaddr_storage at;
    sotto_io_to_sockaddr(&at, addr);
    int e = uv_udp_bind(&s->udp, (const struct sockaddr *)&at, addr->family == 6 ? UV_UDP_IPV6ONLY : 0);
    int at_size = sizeof at;
    if (e == 0) e = uv_udp_getsockname(&s->udp, (struct sockaddr *)&at, &at_size);
    static const int one = 1;
    if (e == 0 && udp->config.near && addr->family == 4) e = option(s, IP_TTL, &one, sizeof one);
    if (e == 0 && udp->config.near && addr->family == 4) e = option(s, IP_MULTICAST_TTL, &one, sizeof one);
    if (e == 0) e = uv_udp_recv_start(&s->udp, give_buffer, came);
    if (e != 0) return refused(s, e);
    udp->sockets[udp->count++] = s;
    if (bound) *bound = sotto_io_from_sockaddr((const struct sockaddr *)&at);
    return SOTTO_OK;
}

/* ---- sending ---- */

static void was_sent(uv_udp_send_t *request, int status)
{
    struct waiting *w = request->data;
    struct sotto_io_udp *udp = w->owner;
    if (status == 0) udp->stats.sent++;
    else udp->stats.failed++;
    udp->waiting--;
    free(w);
    release(udp);
}

static enum sotto_err send_later(struct sotto_io_udp *udp, struct udp_socket *s, const struct sockaddr *to, struct sotto_span bytes)
{
    if (udp->waiting >= udp->config.waiting_max) {
        udp->stats.dropped++;
        return SOTTO_ERR_FULL;
    }
    struct waiting *w = malloc(sizeof *w);
    if (!w) return SOTTO_ERR_NOMEM;
    w->owner = udp;
    w->size = bytes.size;
    w->request.data = w;
    memcpy(w->bytes, bytes.data, bytes.size);
    uv_buf_t buf = uv_buf_init((char *)w->bytes, (unsigned)w->size);
    if (uv_udp_send(&w->request, &s->udp, &buf, 1, to, was_sent) != 0) {
        free(w);
        udp->stats.failed++;
        return SOTTO_ERR_IO;
    }
    udp->waiting++;
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_send(struct sotto_io_udp *udp, const struct sotto_addr *to, struct sotto_span bytes)
{
    struct sockaddr_storage addr;
    bool found = false;
    if ((to->family != 4 && to->family != 6) || to->port == 0 || (udp->config.local && !sotto_addr_loopback(to))) return SOTTO_ERR_RANGE;
    if (bytes.size == 0 || bytes.size > SOTTO_IO_UDP_MAX) return SOTTO_ERR_RANGE;
    sotto_io_to_sockaddr(&addr, to);
    uv_buf_t buf = uv_buf_init((char *)bytes.data, (unsigned)bytes.size);
    for (unsigned i = 0; i < udp->count; i++) {       /* one that is bound to another network refuses: then the next one */
        struct udp_socket *s = udp->sockets[i];
        if (s->family != to->family) continue;
        found = true;
        int e = uv_udp_try_send(&s->udp, &buf, 1, (const struct sockaddr *)&addr);
        if (e == UV_EAGAIN) return send_later(udp, s, (const struct sockaddr *)&addr, bytes);
        if (e < 0) continue;
        udp->stats.sent++;
        return SOTTO_OK;
    }
    if (!found) return SOTTO_ERR_MISSING;
    udp->stats.failed++;
    return SOTTO_ERR_IO;
}

/* ---- a group ---- */

static bool is_link(const struct sotto_io_udp *udp, const struct ifaddrs *i, const struct sotto_addr *only)
{
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_POINTOPOINT) return false;
    struct sotto_addr addr = sotto_io_from_sockaddr(i->ifa_addr);
    if (udp->config.local) return i->ifa_flags & IFF_LOOPBACK && sotto_addr_loopback(&addr);
    if (only->family == 4 && memcmp(only->ip, addr.ip, 4) != 0) return false;
    return i->ifa_flags & IFF_MULTICAST && !(i->ifa_flags & IFF_LOOPBACK) && sotto_disc_class(&addr) == SOTTO_DISC_LAN;
}

/* One for each index: a link may have several addresses. */
static enum sotto_err links_now(const struct sotto_io_udp *udp, struct link out[SOTTO_IO_UDP_LINKS_MAX], unsigned *count, const struct sotto_addr *only)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return SOTTO_ERR_IO;
    *count = 0;
    for (const struct ifaddrs *i = all; i && *count < SOTTO_IO_UDP_LINKS_MAX; i = i->ifa_next) {
        unsigned index = is_link(udp, i, only) ? if_nametoindex(i->ifa_name) : 0;
        bool known = index == 0;                      /* it went in this moment */
        for (unsigned k = 0; k < *count; k++) known |= out[k].index == index;
        if (!known) out[(*count)++] = (struct link){ index, ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr };
    }
    freeifaddrs(all);
    return SOTTO_OK;
}

static int member(const struct udp_socket *s, int what, const struct sotto_addr *group, unsigned index)
{
    struct ip_mreqn m = { .imr_ifindex = (int)index };
    memcpy(&m.imr_multiaddr, group->ip, 4);
    return option(s, what, &m, sizeof m);
}

/* Bound to the group, so that nothing else comes here; IP_MULTICAST_ALL: nor what others on this machine joined on other links. */
static enum sotto_err group_open(struct sotto_io_udp *udp, const struct sotto_addr *group)
{
    static const int none = 0;
    struct sockaddr_storage at;
    struct udp_socket *s = socket_new(udp, 4);
    if (!s) return SOTTO_ERR_NOMEM;
    s->group = true;
    sotto_io_to_sockaddr(&at, group);
    int e = uv_udp_bind(&s->udp, (const struct sockaddr *)&at, UV_UDP_REUSEADDR);
    if (e == 0) e = option(s, IP_MULTICAST_ALL, &none, sizeof none);
    if (e == 0) e = uv_udp_recv_start(&s->udp, give_buffer, came);
    if (e != 0) return refused(s, e);
    udp->group = s;
    udp->group_at = *group;
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_join(struct sotto_io_udp *udp, unsigned *links, const struct sotto_addr *group, const struct sotto_addr *only)
{
    struct link fresh[SOTTO_IO_UDP_LINKS_MAX];
    unsigned count, kept = 0;
    SOTTO_ASSERT(udp->config.group);
    SOTTO_ASSERT(!udp->group || sotto_addr_equal(&udp->group_at, group));
    if (group->family != 4 || group->ip[0] >> 4 != 0xe || group->port == 0) return SOTTO_ERR_RANGE;
    SOTTO_TRY(links_now(udp, fresh, &count, only));
    if (!udp->group) SOTTO_TRY(group_open(udp, group));
    for (unsigned i = 0; i < udp->link_count; i++) {
        bool stays = false;
        for (unsigned k = 0; k < count; k++) stays |= fresh[k].index == udp->links[i].index;
        if (!stays) (void)member(udp->group, IP_DROP_MEMBERSHIP, group, udp->links[i].index);       /* a link that is gone has left by itself */
    }
    for (unsigned k = 0; k < count; k++) {
        bool there = false;
        for (unsigned i = 0; i < udp->link_count; i++) there |= fresh[k].index == udp->links[i].index;
        if (there || member(udp->group, IP_ADD_MEMBERSHIP, group, fresh[k].index) == 0) fresh[kept++] = fresh[k];
    }
    memcpy(udp->links, fresh, kept * sizeof *fresh);
    udp->link_count = kept;
    if (links) *links = kept;
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_shout(struct sotto_io_udp *udp, unsigned *links, struct sotto_span bytes)
{
    struct udp_socket *s = NULL;
    struct sockaddr_storage to;
    unsigned took = 0;
    if (bytes.size == 0 || bytes.size > SOTTO_IO_UDP_MAX) return SOTTO_ERR_RANGE;
    for (unsigned i = 0; i < udp->count && !s; i++)
        if (udp->sockets[i]->family == 4) s = udp->sockets[i];
    if (!s || !udp->group) return SOTTO_ERR_MISSING;
    sotto_io_to_sockaddr(&to, &udp->group_at);
    uv_buf_t buf = uv_buf_init((char *)bytes.data, (unsigned)bytes.size);
    for (unsigned i = 0; i < udp->link_count; i++) {
        struct ip_mreqn m = { .imr_ifindex = (int)udp->links[i].index, .imr_address = udp->links[i].at };
        bool sent = option(s, IP_MULTICAST_IF, &m, sizeof m) == 0 && uv_udp_try_send(&s->udp, &buf, 1, (const struct sockaddr *)&to) >= 0;
        if (sent) udp->stats.sent++;
        else udp->stats.failed++;
        took += sent;
    }
    if (took == 0) return SOTTO_ERR_MISSING;
    if (links) *links = took;
    return SOTTO_OK;
}

const struct sotto_io_udp_stats *sotto_io_udp_stats(const struct sotto_io_udp *udp) { return &udp->stats; }

void sotto_io_udp_close(struct sotto_io_udp *udp)
{
    while (udp->count > 0) uv_close((uv_handle_t *)&udp->sockets[--udp->count]->udp, closed);
    if (udp->group) uv_close((uv_handle_t *)&udp->group->udp, closed);
    udp->group = NULL;
    udp->link_count = 0;
}

void sotto_io_udp_free(struct sotto_io_udp *udp)
{
    if (!udp) return;
    udp->freed = true;
    sotto_io_udp_close(udp);
    release(udp);
}
