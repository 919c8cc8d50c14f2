#include "io/udp.h"

#include "io/sockaddr.h"

#include <stdlib.h>
#include <uv.h>

#define READ_SIZE 2048u                     /* more than the longest that is taken, so that a longer one shows */

struct udp_socket { uv_udp_t udp; struct sotto_io_udp *owner; unsigned family; };
struct waiting { uv_udp_send_t request; struct sotto_io_udp *owner; size_t size; uint8_t bytes[SOTTO_IO_UDP_MAX]; };

struct sotto_io_udp {
    struct sotto_io_udp_config config;
    struct udp_socket *sockets[SOTTO_IO_UDP_SOCKETS_MAX];
    unsigned count;
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
    udp->config.input(udp->config.ctx, &addr, sotto_span(buf->base, (size_t)size), sotto_io_now());
}

enum sotto_err sotto_io_udp_listen(struct sotto_io_udp *udp, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    if ((addr->family != 4 && addr->family != 6) || (udp->config.local && !sotto_addr_loopback(addr))) return SOTTO_ERR_RANGE;
    if (udp->count == SOTTO_IO_UDP_SOCKETS_MAX) return SOTTO_ERR_FULL;
    struct udp_socket *s = calloc(1, sizeof *s);
    if (!s) return SOTTO_ERR_NOMEM;
    uv_udp_init(sotto_loop_uv(udp->config.loop), &s->udp);
    s->udp.data = s;
    s->owner = udp;
    s->family = addr->family;
    udp->open_handles++;
    struct sockaddr_storage at;
    sotto_io_to_sockaddr(&at, addr);
    int e = uv_udp_bind(&s->udp, (const struct sockaddr *)&at, addr->family == 6 ? UV_UDP_IPV6ONLY : 0);
    int at_size = sizeof at;
    if (e == 0) e = uv_udp_getsockname(&s->udp, (struct sockaddr *)&at, &at_size);
    if (e == 0) e = uv_udp_recv_start(&s->udp, give_buffer, came);
    if (e != 0) {
        uv_close((uv_handle_t *)&s->udp, closed);
        return e == UV_EADDRINUSE ? SOTTO_ERR_IN_USE : e == UV_ENOMEM ? SOTTO_ERR_NOMEM : SOTTO_ERR_IO;
    }
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

const struct sotto_io_udp_stats *sotto_io_udp_stats(const struct sotto_io_udp *udp) { return &udp->stats; }

void sotto_io_udp_close(struct sotto_io_udp *udp)
{
    while (udp->count > 0) uv_close((uv_handle_t *)&udp->sockets[--udp->count]->udp, closed);
}

void sotto_io_udp_free(struct sotto_io_udp *udp)
{
    if (!udp) return;
    udp->freed = true;
    sotto_io_udp_close(udp);
    release(udp);
}
