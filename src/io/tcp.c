#include "io/tcp.h"

#include "io/sockaddr.h"
#include "p2p/socks5.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define LISTEN_MAX 8u
#define BACKLOG 64
#ifndef IPV6_PREFER_SRC_TMP                 /* RFC 5014; <linux/in6.h> has it, but does not go with <netinet/in.h> */
#define IPV6_PREFER_SRC_TMP 0x0001
#endif
#ifndef IPV6_ADDR_PREFERENCES
#define IPV6_ADDR_PREFERENCES 72
#endif
#define SLICES_MAX 64u                      /* buffers of one write: a chunk of frames that carry a cell each */

/*  DIALING -> OPEN -> FLUSHING -> CLOSING          DIALING, PROXY and OPEN also go straight to CLOSING
 *  DIALING -> PROXY -> OPEN                        with a proxy: it is reached, the peer not yet
 *  FLUSHING: the core said goodbye (CLOSE with token 1); what waits leaves, then our end is shut and we wait for theirs.
 *  CLOSING:  uv_close was called; the memory goes in its callback. */
enum state { DIALING, PROXY, OPEN, FLUSHING, CLOSING };

struct chunk { struct chunk *next; uint8_t *data; size_t size, sent; };

struct conn {
    uv_tcp_t tcp;
    uv_timer_t timer;                       /* dial deadline, then linger deadline */
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct sotto_io_net *net;
    struct conn *next, **back;
    struct sotto_addr addr;
    uint32_t number;
    enum state state;
    bool accepted, reading, writing, shut, eof;
    unsigned handles;                       /* tcp and timer not yet closed */
    struct chunk *first, **last;
    size_t queued, in_write;
    struct sotto_socks5 *socks;             /* DIALING and PROXY, if there is a proxy */
};

/* libuv listens no more while a socket at the door is not taken: spare takes it where there is no memory, one after the other. */
struct listener {
    uv_tcp_t tcp, spare;
    struct sotto_io_net *net;
    bool spare_used, owed, gone;            /* spare is not closed yet; another socket waits for it; tcp is closed */
};

struct sotto_io_net {
    struct sotto_io_net_config config;
    struct conn *conns;
    unsigned conn_count, accepted_count;
    struct listener *listeners[LISTEN_MAX];
    unsigned listener_count;
    unsigned open_handles;                  /* uv handles not yet closed, our own ones and those of listeners and connections */
    uv_timer_t later;                       /* tells the CLOSED of `failed` in a turn of its own */
    uint32_t *failed;                       /* connection numbers; room for failed_max */
    unsigned failed_count, failed_max;
    bool freed;
    uint8_t buffer[SOTTO_IO_NET_CHUNK];
};

/* ---- life of a connection ---- */

static void tell(struct sotto_io_net *net, const struct sotto_in *in) { net->config.input(net->config.ctx, in, sotto_io_now()); }

static void net_release(struct sotto_io_net *net)
{
    if (!net->freed || net->open_handles > 0) return;
    free(net->failed);
    free(net);
}

static void socks_free(struct conn *c)
{
    if (c->socks) sotto_socks5_end(c->socks);
    free(c->socks);
    c->socks = NULL;
}

static void conn_handle_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct sotto_io_net *net = c->net;
    net->open_handles--;
    if (--c->handles == 0) {
        while (c->first) {
            struct chunk *next = c->first->next;
            free(c->first->data);
            free(c->first);
            c->first = next;
        }
        socks_free(c);
        *c->back = c->next;
        if (c->next) c->next->back = c->back;
        net->conn_count--;
        if (c->accepted) net->accepted_count--;
        free(c);
    }
    net_release(net);
}

static void conn_close(struct conn *c)
{
    if (c->state == CLOSING) return;
    c->state = CLOSING;
    uv_close((uv_handle_t *)&c->tcp, conn_handle_closed);
    uv_close((uv_handle_t *)&c->timer, conn_handle_closed);
}

/* The world ended it: closes and, if the core still knows it, says so. Only from libuv callbacks. */
static void conn_lost(struct conn *c)
{
    if (c->state == CLOSING) return;
    bool known = c->state != FLUSHING;
    struct sotto_in in = { .kind = SOTTO_IN_CLOSED, .conn = c->number, .addr = c->addr };
    conn_close(c);
    if (known) tell(c->net, &in);
}

/* CLOSED for a number, in a later turn. The room was sized for all that a core may have open at once. */
static void fail_later(struct sotto_io_net *net, uint32_t number)
{
    SOTTO_ASSERT(net->failed_count < net->failed_max);
    net->failed[net->failed_count++] = number;
    if (!uv_is_active((uv_handle_t *)&net->later)) uv_timer_start(&net->later, net->later.timer_cb, 0, 0);
}

static void tell_failed(uv_timer_t *timer)
{
    struct sotto_io_net *net = timer->data;
    while (net->failed_count > 0 && !net->freed) {
        struct sotto_in in = { .kind = SOTTO_IN_CLOSED, .conn = net->failed[0] };
        memmove(net->failed, net->failed + 1, --net->failed_count * sizeof *net->failed);
        tell(net, &in);
    }
}

static struct conn *conn_new(struct sotto_io_net *net)
{
    if (net->conn_count >= net->config.conn_max) return NULL;
    struct conn *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    uv_loop_t *uv = sotto_loop_uv(net->config.loop);
    uv_tcp_init(uv, &c->tcp);
    uv_timer_init(uv, &c->timer);
    c->tcp.data = c->timer.data = c->connect.data = c->write.data = c->shutdown.data = c;
    c->net = net;
    c->handles = 2;
    c->last = &c->first;
    net->open_handles += 2;
    c->next = net->conns;
    c->back = &net->conns;
    if (c->next) c->next->back = &c->next;
    net->conns = c;
    net->conn_count++;
    return c;
}

static struct conn *conn_find(struct sotto_io_net *net, uint32_t number)
{
    for (struct conn *c = net->conns; c; c = c->next)
        if (c->number == number && (c->state == DIALING || c->state == PROXY || c->state == OPEN)) return c;
    return NULL;
}

/* ---- reading ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct conn *c = handle->data;
    *buf = uv_buf_init((char *)c->net->buffer, sizeof c->net->buffer);     /* filled and consumed before the next one is asked for */
}

static bool proxy_data(struct conn *c, struct sotto_span *bytes);

static void came(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (size == 0) return;
    if (size == UV_EOF && c->state == FLUSHING && !c->shut) {   /* it says no more but may still listen */
        uv_read_stop(stream);
        c->reading = false;
        c->eof = true;
        return;
    }
    if (size < 0) {
        conn_lost(c);
        return;
    }
    struct sotto_span bytes = sotto_span(buf->base, (size_t)size);
    if (c->state == PROXY && !proxy_data(c, &bytes)) return;
    if (c->state != OPEN || bytes.size == 0) return;      /* flushing: what the other end still says does not matter */
    struct sotto_in in = { .kind = SOTTO_IN_DATA, .conn = c->number, .bytes = bytes };
    tell(c->net, &in);
}

static bool conn_read(struct conn *c)
{
    if (c->reading) return true;
    if (uv_read_start((uv_stream_t *)&c->tcp, give_buffer, came) != 0) return false;
    c->reading = true;
    return true;
}

/* ---- writing: one uv_write at a time, of at most one chunk's worth, so that SENT shows progress on a slow line ---- */

static void write_next(struct conn *c);

static void shut_done(uv_shutdown_t *request, int status)
{
    struct conn *c = request->data;
    if (status != 0 || c->eof) conn_close(c);      /* else the other end's end of file, or the timer, closes */
}

static void write_done(uv_write_t *request, int status)
{
    struct conn *c = request->data;
    c->writing = false;
    if (c->state == CLOSING) return;
    if (status != 0) {
        conn_lost(c);
        return;
    }
    size_t done = c->in_write;
    c->queued -= done;
    for (size_t left = done; left > 0;) {
        struct chunk *chunk = c->first;
        SOTTO_ASSERT(chunk);                /* what is being written stays in the list */
        size_t part = chunk->size - chunk->sent < left ? chunk->size - chunk->sent : left;
        chunk->sent += part;
        left -= part;
        if (chunk->sent == chunk->size) {
            c->first = chunk->next;
            if (!c->first) c->last = &c->first;
            free(chunk->data);
            free(chunk);
        }
    }
    write_next(c);
    if (c->state == OPEN) {
        struct sotto_in in = { .kind = SOTTO_IN_SENT, .conn = c->number, .token = done };
        tell(c->net, &in);
    }
}

static void write_next(struct conn *c)
{
    if (c->writing || c->state == DIALING || c->state == PROXY || c->state == CLOSING) return;
    uv_buf_t slices[SLICES_MAX];
    unsigned count = 0;
    size_t total = 0;
    for (struct chunk *chunk = c->first; chunk && count < SLICES_MAX && total < SOTTO_IO_NET_CHUNK; chunk = chunk->next) {
        size_t part = chunk->size - chunk->sent;
        if (part > SOTTO_IO_NET_CHUNK - total) part = SOTTO_IO_NET_CHUNK - total;
        slices[count++] = uv_buf_init((char *)chunk->data + chunk->sent, (unsigned)part);
        total += part;
    }
    if (count > 0) {
        c->in_write = total;
        c->writing = true;
        if (uv_write(&c->write, (uv_stream_t *)&c->tcp, slices, count, write_done) != 0) {
            c->writing = false;             /* only without memory or on a dead socket: never called back */
            if (c->state == OPEN) fail_later(c->net, c->number);
            conn_close(c);
        }
    } else if (c->state == FLUSHING && !c->shut) {
        c->shut = true;
        if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, shut_done) != 0) conn_close(c);
    }
}

/* ---- dialling and accepting ---- */

static void reached(struct conn *c)
{
    uv_timer_stop(&c->timer);
    c->state = OPEN;
    struct sotto_in in = { .kind = SOTTO_IN_OPENED, .conn = c->number, .addr = c->addr };
    write_next(c);
    if (c->state == OPEN) tell(c->net, &in);
}

/* A few hundred bytes into an empty socket: what does not fit at once is no connection. */
static bool proxy_say(struct conn *c, const struct sotto_socks5_say *say)
{
    uv_buf_t buf = uv_buf_init((char *)say->b, (unsigned)say->size);
    return say->size == 0 || uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) == (int)say->size;
}

/* True: the peer is reached and the core knows; bytes is what came from it already. */
static bool proxy_data(struct conn *c, struct sotto_span *bytes)
{
    struct sotto_socks5_say say;
    size_t used = 0;
    enum sotto_err err = sotto_socks5_data(c->socks, &used, &say, *bytes);
    if (err == SOTTO_ERR_PROXY) sotto_log_line(c->net->config.log, SOTTO_LOG_DEBUG, "tcp", "proxy-refused", "conn=%u reply=%u", c->number, c->socks->reply);
    if ((err != SOTTO_OK && err != SOTTO_ERR_AGAIN) || !proxy_say(c, &say)) {
        conn_lost(c);
        return false;
    }
    if (err != SOTTO_OK) return false;
    *bytes = sotto_span_cut(*bytes, used, bytes->size - used);
    socks_free(c);
    reached(c);
    return true;
}

static void connected(uv_connect_t *request, int status)
{
    struct conn *c = request->data;
    if (c->state != DIALING) return;        /* closed by the core or the deadline */
    if (status != 0) {
        conn_lost(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    if (!c->reading && !conn_read(c)) {
        conn_lost(c);
        return;
    }
    if (!c->socks) {
        reached(c);
        return;
    }
    struct sotto_socks5_say say;
    c->state = PROXY;
    if (sotto_socks5_begin(c->socks, &say, &c->addr, NULL, c->net->config.rng) != SOTTO_OK || !proxy_say(c, &say)) conn_lost(c);
}

static void dial_late(uv_timer_t *timer) { conn_lost(timer->data); }
static void linger_late(uv_timer_t *timer) { conn_close(timer->data); }

/* Of the machine's own IPv6 addresses a temporary one, where it has such (RFC 8981): an address that lasts would tie all dials together.
 * Where the system knows no such wish, the dial goes on without. */
static void prefer_temporary(struct conn *c)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), wish = IPV6_PREFER_SRC_TMP;
    if (fd < 0) return;                     /* uv_tcp_connect meets the same and says so */
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, &wish, sizeof wish);
    if (uv_tcp_open(&c->tcp, fd) != 0) close(fd);
}

static void dial(struct sotto_io_net *net, uint32_t number, const struct sotto_addr *addr)
{
    bool allowed = (addr->family == 4 || addr->family == 6) && addr->port != 0 && (!net->config.local || sotto_addr_loopback(addr));
    struct conn *c = allowed ? conn_new(net) : NULL;
    if (!c) {
        fail_later(net, number);
        return;
    }
    c->number = number;
    c->addr = *addr;
    c->state = DIALING;
    bool by_proxy = net->config.proxy.family != 0;
    SOTTO_ASSERT(by_proxy || !net->config.proxy_only);    /* nothing leaves but through the proxy */
    if (by_proxy && !(c->socks = calloc(1, sizeof *c->socks))) {
        fail_later(net, number);
        conn_close(c);
        return;
    }
    struct sockaddr_storage to;
    sotto_io_to_sockaddr(&to, by_proxy ? &net->config.proxy : addr);
    if (to.ss_family == AF_INET6) prefer_temporary(c);
    if (uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&to, connected) != 0) {
        fail_later(net, number);
        conn_close(c);
        return;
    }
    uv_timer_start(&c->timer, dial_late, SOTTO_IO_NET_DIAL_US / 1000, 0);
}

static void refused_closed(uv_handle_t *handle) { free(handle); }

static void refuse(struct listener *l);

static void listener_release(struct listener *l)
{
    struct sotto_io_net *net = l->net;
    if (!l->gone || l->spare_used) return;
    free(l);
    net->open_handles--;
    net_release(net);
}

static void spare_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    l->spare_used = false;
    if (l->owed && !l->gone && !uv_is_closing((const uv_handle_t *)&l->tcp)) refuse(l);
    listener_release(l);
}

/* Taken and closed, or it would stay at the door and wake us for ever. */
static void refuse(struct listener *l)
{
    uv_tcp_t *taker = l->spare_used ? malloc(sizeof *taker) : &l->spare;
    l->owed = taker == NULL;
    if (l->owed) return;
    if (taker == &l->spare) l->spare_used = true;
    uv_tcp_init(sotto_loop_uv(l->net->config.loop), taker);
    taker->data = l;
    uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)taker);
    uv_close((uv_handle_t *)taker, taker == &l->spare ? spare_closed : refused_closed);
}

static void knocked(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    struct sotto_io_net *net = l->net;
    if (status != 0) return;                /* out of descriptors and the like: libuv tries again */
    struct conn *c = net->accepted_count < net->config.accept_max ? conn_new(net) : NULL;
    if (!c) {
        refuse(l);
        return;
    }
    c->accepted = true;
    net->accepted_count++;
    c->state = OPEN;
    struct sockaddr_storage from;
    int from_size = sizeof from;
    bool ok = uv_accept(stream, (uv_stream_t *)&c->tcp) == 0 && uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &from_size) == 0;
    if (ok) {
        c->addr = sotto_io_from_sockaddr((const struct sockaddr *)&from);
        ok = c->addr.family != 0 && (!net->config.local || sotto_addr_loopback(&c->addr));
    }
    if (!ok || !conn_read(c)) {
        conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    c->number = net->config.next_conn(net->config.ctx);
    struct sotto_in in = { .kind = SOTTO_IN_ACCEPTED, .conn = c->number, .addr = c->addr };
    tell(net, &in);
}

/* ---- the object ---- */

enum sotto_err sotto_io_net_new(struct sotto_io_net **out, const struct sotto_io_net_config *config)
{
    SOTTO_ASSERT(config->proxy.family ? config->rng != NULL : !config->proxy_only);
    struct sotto_io_net *net = calloc(1, sizeof *net);
    if (!net) return SOTTO_ERR_NOMEM;
    net->config = *config;
    net->failed_max = 4 * config->conn_max + 64;      /* one step of a core cannot say more than this many dials and sends to what it has */
    net->failed = calloc(net->failed_max, sizeof *net->failed);
    if (!net->failed) {
        free(net);
        return SOTTO_ERR_NOMEM;
    }
    uv_timer_init(sotto_loop_uv(config->loop), &net->later);
    net->later.data = net;
    net->later.timer_cb = tell_failed;
    net->open_handles = 1;
    *out = net;
    return SOTTO_OK;
}

static void listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    l->gone = true;
    listener_release(l);
}

enum sotto_err sotto_io_net_listen(struct sotto_io_net *net, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    if (addr->family != 4 && addr->family != 6) return SOTTO_ERR_RANGE;
    if ((net->config.local || net->config.proxy_only) && !sotto_addr_loopback(addr)) return SOTTO_ERR_RANGE;
    if (net->listener_count == LISTEN_MAX) return SOTTO_ERR_FULL;
    struct listener *l = calloc(1, sizeof *l);
    if (!l) return SOTTO_ERR_NOMEM;
    uv_tcp_init(sotto_loop_uv(net->config.loop), &l->tcp);
    l->tcp.data = l;
    l->net = net;
    net->open_handles++;
    struct sockaddr_storage at;
    sotto_io_to_sockaddr(&at, addr);
    int e = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&at, addr->family == 6 ? UV_TCP_IPV6ONLY : 0);
    if (e == 0) e = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, knocked);       /* a port in use shows here */
    int at_size = sizeof at;
    if (e == 0) e = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&at, &at_size);
    if (e != 0) {
        uv_close((uv_handle_t *)&l->tcp, listener_closed);
        return e == UV_EADDRINUSE ? SOTTO_ERR_IN_USE : e == UV_ENOMEM ? SOTTO_ERR_NOMEM : SOTTO_ERR_IO;
    }
    net->listeners[net->listener_count++] = l;
    if (bound) *bound = sotto_io_from_sockaddr((const struct sockaddr *)&at);
    return SOTTO_OK;
}

static void send_bytes(struct sotto_io_net *net, uint32_t number, struct sotto_buf *bytes)
{
    struct conn *c = conn_find(net, number);
    if (!c || bytes->size == 0) return;
    struct chunk *chunk = c->queued + bytes->size <= net->config.queue_max ? calloc(1, sizeof *chunk) : NULL;
    if (!chunk) {
        sotto_log_line(net->config.log, SOTTO_LOG_WARN, "tcp", "write-queue-full", "bytes=%zu", c->queued + bytes->size);
        fail_later(net, number);
        conn_close(c);
        return;
    }
    chunk->data = bytes->data;
    chunk->size = bytes->size;
    *bytes = sotto_buf_make(bytes->max);
    *c->last = chunk;
    c->last = &chunk->next;
    c->queued += chunk->size;
    write_next(c);
}

static void say_goodbye(struct conn *c, bool after_sent)
{
    if (!after_sent || c->state != OPEN || !conn_read(c)) {
        conn_close(c);
        return;
    }
    c->state = FLUSHING;
    uv_timer_start(&c->timer, linger_late, SOTTO_IO_NET_LINGER_US / 1000, 0);
    write_next(c);
}

bool sotto_io_net_perform(struct sotto_io_net *net, struct sotto_out *out)
{
    struct conn *c;
    if (out->kind == SOTTO_OUT_DIAL) {
        dial(net, out->conn, &out->addr);
    } else if (out->kind == SOTTO_OUT_SEND) {
        send_bytes(net, out->conn, &out->bytes);
    } else if (out->kind == SOTTO_OUT_CLOSE) {
        c = conn_find(net, out->conn);
        if (c) say_goodbye(c, out->token == 1);
        for (unsigned i = 0; i < net->failed_count; i++)      /* after its CLOSE the core hears nothing more of it */
            if (net->failed[i] == out->conn) {
                net->failed_count--;
                memmove(net->failed + i, net->failed + i + 1, (net->failed_count - i) * sizeof *net->failed);
                i--;
            }
    } else if (out->kind == SOTTO_OUT_PAUSE) {
        c = conn_find(net, out->conn);
        if (c && c->reading) {
            uv_read_stop((uv_stream_t *)&c->tcp);
            c->reading = false;
        }
    } else if (out->kind == SOTTO_OUT_RESUME) {
        c = conn_find(net, out->conn);
        if (c && c->state == OPEN && !conn_read(c)) {
            fail_later(net, c->number);
            conn_close(c);
        }
    } else {
        return false;
    }
    return true;
}

unsigned sotto_io_net_conns(const struct sotto_io_net *net) { return net->conn_count; }

void sotto_io_net_unlisten(struct sotto_io_net *net)
{
    while (net->listener_count > 0) uv_close((uv_handle_t *)&net->listeners[--net->listener_count]->tcp, listener_closed);
}

static void own_timer_closed(uv_handle_t *handle)
{
    struct sotto_io_net *net = handle->data;
    net->open_handles--;
    net_release(net);
}

void sotto_io_net_free(struct sotto_io_net *net)
{
    if (!net) return;
    net->freed = true;
    sotto_io_net_unlisten(net);
    for (struct conn *c = net->conns; c; c = c->next) conn_close(c);
    uv_close((uv_handle_t *)&net->later, own_timer_closed);
}
