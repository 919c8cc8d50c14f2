#include "io/door_impl.h"
#include "base/plant.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICES_MAX 16u
#define ACCEPT_AGAIN_MS 200u

static uint64_t now_us(void) { return uv_hrtime() / 1000; }
#define SWALLOW_TIMES 256u                /* pieces of 256 bytes: who sends more than 64 KiB after his last value loses the answer to it */
static void conn_close(struct sotto_door_conn *c);
static void lines_take(struct sotto_door_conn *c);
static void chores(uv_timer_t *timer);

/* ---- the life of a connection ---- */

static void door_release(struct sotto_door *door)
{
    if (door->freed && door->handles == 0 && door->conn_count == 0) free(door);
}

void sotto_door_conn_unlink(struct sotto_door_conn *c)
{
    struct sotto_door *door = c->door;
    *c->back = c->next;
    if (c->next) c->next->back = c->back;
    door->conn_count--;
    door->out_total -= c->queued;
    if (c->asked && !door->freed && door->config.closed) door->config.closed(door->config.ctx, c->id);
    while (c->first) {
        struct sotto_door_out *next = c->first->next;
        free(c->first);
        c->first = next;
    }
    free(c->reply);
    sotto_buf_free(&c->in);
    sotto_buf_free(&c->body);
    free(c);
    if (door->draining && !door->freed) sotto_door_kick(door);
    door_release(door);
}

static void conn_handle_closed(uv_handle_t *handle)
{
    struct sotto_door_conn *c = handle->data;
    if (c->fd >= 0 && handle == (uv_handle_t *)&c->poll) {
        close(c->fd);
        c->fd = -1;
    }
    if (--c->handles == 0) sotto_door_conn_unlink(c);
}

/* A socket that is closed with something unread takes the answer back that lies at the other end: a line end, mostly, that came after its value. */
static void swallow(const struct sotto_door_conn *c)
{
    uv_os_fd_t fd;
    uint8_t rest[256];
    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0) return;
    for (unsigned i = 0; i < SWALLOW_TIMES && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) continue;
    explicit_bzero(rest, sizeof rest);
}

/* NEW and LINES; one of HTTP belongs to libwebsockets. */
static void conn_close(struct sotto_door_conn *c)
{
    if (c->manner == SOTTO_DOOR_LINES) swallow(c);
    if (c->manner == SOTTO_DOOR_LINES) uv_close((uv_handle_t *)&c->pipe, conn_handle_closed);
    else if (c->manner == SOTTO_DOOR_NEW && !uv_is_closing((uv_handle_t *)&c->poll)) uv_close((uv_handle_t *)&c->poll, conn_handle_closed);
    if (c->manner == SOTTO_DOOR_LINES || c->manner == SOTTO_DOOR_NEW) {
        c->manner = SOTTO_DOOR_GONE;
        uv_close((uv_handle_t *)&c->timer, conn_handle_closed);
    }
}

static void conn_deadline(uv_timer_t *timer);

static void conn_rearm(struct sotto_door_conn *c)
{
    uint64_t at = c->read_by_us < c->write_by_us ? c->read_by_us : c->write_by_us, now = now_us();
    if (c->manner == SOTTO_DOOR_GONE) return;
    if (at == UINT64_MAX) uv_timer_stop(&c->timer);
    else uv_timer_start(&c->timer, conn_deadline, at > now ? (at - now) / 1000 + 1 : 0, 0);
}

static void conn_deadline(uv_timer_t *timer)
{
    struct sotto_door_conn *c = timer->data;
    uint64_t now = now_us();
    if (now >= c->read_by_us || now >= c->write_by_us) conn_close(c);
    else conn_rearm(c);
}

uint64_t sotto_door_message_deadline(const struct sotto_door_conn *c) { return now_us() + (uint64_t)c->door->config.message_s * 1000000; }

static struct sotto_door_conn *conn_find(const struct sotto_door *door, uint64_t id)
{
    for (struct sotto_door_conn *c = door->conns; c; c = c->next)
        if (c->id == id && c->manner != SOTTO_DOOR_GONE && !c->leaving) return c;
    return NULL;
}

void sotto_door_tell(struct sotto_door_conn *c, struct sotto_span json, bool http)
{
    struct sotto_door_request request = { .conn = c->id, .json = json, .http = http, .tcp = c->tcp, .uid = c->uid, .who = c->who };
    c->asked = true;
    c->pending++;
    c->door->config.request(c->door->config.ctx, &request);
}

/* ---- lines: writing ---- */

static void lines_write(struct sotto_door_conn *c);

static void end_if_done(struct sotto_door_conn *c)
{
    if ((c->ending || (c->eof && c->pending == 0 && c->in.size == 0)) && !c->first) conn_close(c);
}

static void lines_written(uv_write_t *write, int status)
{
    struct sotto_door_conn *c = write->data;
    unsigned left = c->in_write;
    c->writing = false;
    if (c->manner != SOTTO_DOOR_LINES) return;
    if (status != 0) {
        conn_close(c);
        return;
    }
    for (; left > 0; left--) sotto_door_unqueue(c);         /* what is being written stays in the list */
    c->write_by_us = c->first ? sotto_door_message_deadline(c) : UINT64_MAX;
    conn_rearm(c);
    lines_write(c);
    if (c->manner == SOTTO_DOOR_LINES) end_if_done(c);
    if (c->door->draining) sotto_door_kick(c->door);
}

static void lines_write(struct sotto_door_conn *c)
{
    uv_buf_t slices[SLICES_MAX];
    unsigned count = 0;
    if (c->writing || c->manner != SOTTO_DOOR_LINES) return;
    for (struct sotto_door_out *out = c->first; out && count < SLICES_MAX; out = out->next)
        slices[count++] = uv_buf_init((char *)out->data, (unsigned)out->size);
    if (count == 0) return;
    c->write.data = c;
    c->in_write = count;
    c->writing = true;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, slices, count, lines_written) != 0) {
        c->writing = false;
        conn_close(c);
    }
}

struct sotto_door_out *sotto_door_queue(struct sotto_door_conn *c, enum sotto_err *err, struct sotto_span bytes, size_t before)
{
    struct sotto_door *door = c->door;
    size_t size = bytes.size + 1, max = door->config.out_max;
    bool fits = bytes.size < max && c->queued + size <= max && door->out_total + size <= SOTTO_DOOR_OUT_TOTAL * max;
    struct sotto_door_out *out = fits ? malloc(sizeof *out + before + size) : NULL;
    if (!out) {
        sotto_log_line(door->config.log, SOTTO_LOG_WARN, "door", "client-closed", "reason=%s bytes=%zu", fits ? "memory" : "reads-too-slowly",
                       c->queued);
        *err = fits ? SOTTO_ERR_NOMEM : SOTTO_ERR_FULL;
        return NULL;
    }
    out->next = NULL;
    out->size = size;
    memcpy(out->data + before, bytes.data, bytes.size);
    out->data[before + bytes.size] = '\n';
    *c->last = out;
    c->last = &out->next;
    c->queued += size;
    door->out_total += size;
    return out;
}

void sotto_door_unqueue(struct sotto_door_conn *c)
{
    struct sotto_door_out *out = c->first;
    SOTTO_ASSERT(out);
    c->first = out->next;
    if (!c->first) c->last = &c->first;
    c->queued -= out->size;
    c->door->out_total -= out->size;
    free(out);
}

static enum sotto_err lines_add(struct sotto_door_conn *c, struct sotto_span json)
{
    enum sotto_err err;
    if (!sotto_door_queue(c, &err, json, 0)) {
        conn_close(c);
        return err;
    }
    if (c->write_by_us == UINT64_MAX) {
        c->write_by_us = sotto_door_message_deadline(c);
        conn_rearm(c);
    }
    lines_write(c);
    return c->manner == SOTTO_DOOR_LINES ? SOTTO_OK : SOTTO_ERR_MISSING;
}

/* ---- lines: reading ---- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct sotto_door_conn *c = handle->data;
    *buf = uv_buf_init((char *)c->door->buffer, sizeof c->door->buffer);
}

/* Both sides shut: nobody waits for our answers. One who only shut the sending side still does. */
static bool left_for_good(const struct sotto_door_conn *c)
{
    uv_os_fd_t fd;
    struct pollfd ask = { 0 };
    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0) return false;
    ask.fd = fd;
    return poll(&ask, 1, 0) == 1 && (ask.revents & (POLLHUP | POLLERR));
}

static void lines_came(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct sotto_door_conn *c = stream->data;
    if (size == 0) return;
    if (size < 0 && size != UV_EOF) {
        conn_close(c);
        return;
    }
    if (size == UV_EOF) {
        uv_read_stop(stream);
        c->reading = false;
        c->eof = true;
        if (c->in.size > 0 && sotto_buf_add_u8(&c->in, '\n') != SOTTO_OK) c->in.size = c->scanned = 0;      /* the last value needs no end */
        lines_take(c);
        if (c->manner == SOTTO_DOOR_LINES && left_for_good(c)) conn_close(c);
        return;
    }
    enum sotto_err err = sotto_buf_add(&c->in, buf->base, (size_t)size);
    explicit_bzero(buf->base, (size_t)size);          /* one buffer for all: a passphrase would stay until somebody says more */
    if (err != SOTTO_OK) {
        conn_close(c);
        return;
    }
    lines_take(c);
}

static void lines_read(struct sotto_door_conn *c, bool on)
{
    if (c->eof || c->reading == on || c->manner != SOTTO_DOOR_LINES) return;
    if (!on) uv_read_stop((uv_stream_t *)&c->pipe);
    else if (uv_read_start((uv_stream_t *)&c->pipe, give_buffer, lines_came) != 0) {
        conn_close(c);
        return;
    }
    c->reading = on;
}

static void lines_too_long(struct sotto_door_conn *c)
{
    lines_read(c, false);
    c->ending = true;
    c->in.size = 0;
    c->read_by_us = UINT64_MAX;
    sotto_log_line(c->door->config.log, SOTTO_LOG_WARN, "door", "line-too-long", NULL);
    enum sotto_err err = c->door->config.too_long.size > 0 ? lines_add(c, c->door->config.too_long) : SOTTO_OK;
    if (err == SOTTO_OK) end_if_done(c);
}

/* Tells the whole values of `in`, as many as the bound on unanswered ones allows; keeps the rest. Only from loop callbacks. */
static void lines_take(struct sotto_door_conn *c)
{
    struct sotto_door *door = c->door;
    size_t from = 0, used;
    bool held = false;
    c->hungry = false;
    while (c->manner == SOTTO_DOOR_LINES && !c->ending && !door->freed && !door->draining) {
        size_t look = from + c->scanned;
        if (look == c->in.size || !sotto_cut_end(&c->cut, &used, sotto_span(c->in.data + look, c->in.size - look))) {
            c->scanned = c->in.size - from;
            break;
        }
        held = c->pending >= door->config.pending_max;
        if (held) {
            c->scanned = 0;                     /* looked at again when its turn comes */
            break;
        }
        size_t next = look + used, end = next;
        c->scanned = 0;
        while (from < end && sotto_cut_blank(c->in.data[from])) from++;
        while (end > from && (c->in.data[end - 1] == '\n' || c->in.data[end - 1] == '\r')) end--;
        if (end - from > door->config.message_max) {
            lines_too_long(c);
            return;
        }
        if (end > from) sotto_door_tell(c, sotto_span(c->in.data + from, end - from), false);
        from = next;
    }
    if (c->manner != SOTTO_DOOR_LINES || door->freed) return;
    for (; !held && from < c->in.size && c->scanned > 0 && sotto_cut_blank(c->in.data[from]); from++) c->scanned--;      /* what is between values is no begin of one */
    if (c->in.size > 0 && !c->ending) sotto_buf_drop(&c->in, from);
    if (c->in.size == 0 && c->in.cap > 4 * SOTTO_DOOR_CHUNK) sotto_buf_free(&c->in);     /* one large message need not stay in memory */
    size_t size = c->in.size;
    while (size > 0 && c->in.data[size - 1] == '\r') size--;               /* perhaps of its line end */
    if (!held && size > door->config.message_max && !SOTTO_PLANTED(LINE_UNBOUNDED)) {
        lines_too_long(c);
        return;
    }
    bool begun = !held && c->in.size > 0;
    if (!begun) c->read_by_us = UINT64_MAX;
    else if (c->read_by_us == UINT64_MAX || from > 0) c->read_by_us = sotto_door_message_deadline(c);
    conn_rearm(c);
    c->hungry = held;
    lines_read(c, !held && !c->ending && !door->draining);
    if (c->manner == SOTTO_DOOR_LINES) end_if_done(c);
}

/* ---- the first byte ---- */

static void become_lines(struct sotto_door_conn *c)
{
    int fd = c->fd;
    c->fd = -1;
    uv_pipe_init(sotto_loop_uv(c->door->config.loop), &c->pipe, 0);
    c->pipe.data = c;
    c->handles++;
    c->manner = SOTTO_DOOR_LINES;
    if (uv_pipe_open(&c->pipe, fd) != 0) {
        close(fd);
        conn_close(c);
        return;
    }
    lines_read(c, true);
}

static void timer_closed_for_http(uv_handle_t *handle)
{
    struct sotto_door_conn *c = handle->data;
    c->handles--;
    if (c->door->freed || c->leaving || sotto_door_http_adopt(c) != SOTTO_OK) {
        if (c->fd >= 0) close(c->fd);
        sotto_door_conn_unlink(c);
    }
}

/* The poll handle is gone, so another handle may take the descriptor. */
static void poll_closed(uv_handle_t *handle)
{
    struct sotto_door_conn *c = handle->data;
    uint8_t first = 0;
    c->handles--;
    if (c->manner == SOTTO_DOOR_GONE) {         /* closed meanwhile: the timer is closing too */
        close(c->fd);
        c->fd = -1;
        if (c->handles == 0) sotto_door_conn_unlink(c);
        return;
    }
    ssize_t n = recv(c->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    bool capital = n == 1 && first >= 'A' && first <= 'Z';
    if (capital && c->door->config.judge) {
        c->manner = SOTTO_DOOR_HTTP;
        uv_close((uv_handle_t *)&c->timer, timer_closed_for_http);
    } else if (c->tcp || capital) {             /* gone, or no HTTP where nothing else is spoken */
        close(c->fd);
        c->fd = -1;
        conn_close(c);
    } else {
        become_lines(c);                        /* an end of file is found there too */
    }
}

static void first_byte(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uv_close((uv_handle_t *)poll, poll_closed);
}

static void conn_new(struct sotto_door *door, int fd, uint32_t uid, bool tcp)
{
    struct sotto_door_conn *c = calloc(1, sizeof *c);
    uv_loop_t *uv = sotto_loop_uv(door->config.loop);
    if (!c || uv_poll_init(uv, &c->poll, fd) != 0) {
        free(c);
        close(fd);
        return;
    }
    uv_timer_init(uv, &c->timer);
    c->poll.data = c->timer.data = c;
    c->handles = 2;
    c->door = door;
    c->id = door->next_id++;
    c->uid = uid;
    c->tcp = tcp;
    c->who = SOTTO_DOOR_NOBODY;
    c->fd = fd;
    c->read_by_us = c->write_by_us = UINT64_MAX;
    c->in = sotto_buf_make(door->config.message_max + 2 * SOTTO_DOOR_CHUNK);
    c->body = sotto_buf_make(door->config.message_max);
    c->last = &c->first;
    c->next = door->conns;
    c->back = &door->conns;
    if (c->next) c->next->back = &c->next;
    door->conns = c;
    door->conn_count++;
    uv_poll_start(&c->poll, UV_READABLE, first_byte);
    if (!tcp) return;
    c->read_by_us = sotto_door_message_deadline(c);       /* anybody may come that way: who has nothing to say goes */
    conn_rearm(c);
}

/* Room for one more of its kind: who has left since it shut its sending side, else the oldest of those that never said anything gives way, or
 * on TCP of those that never passed the judge. */
static bool make_room(struct sotto_door *door, bool tcp)
{
    struct sotto_door_conn *silent = NULL, *stranger = NULL;
    unsigned open = 0;
    for (struct sotto_door_conn *c = door->conns; c; c = c->next) {      /* the list has the newest first */
        if (c->tcp != tcp) continue;
        open += c->manner != SOTTO_DOOR_GONE && !c->leaving;
        if (c->manner == SOTTO_DOOR_NEW && !uv_is_closing((uv_handle_t *)&c->poll)) silent = c;
        if (tcp && c->manner == SOTTO_DOOR_HTTP && c->wsi && !c->passed && !c->leaving) stranger = c;
    }
    if (open < (tcp ? door->config.http_conns_max : door->config.conns_max)) return true;
    for (struct sotto_door_conn *c = door->conns; c; c = c->next) {
        if (c->tcp != tcp || c->manner != SOTTO_DOOR_LINES || !c->eof || !left_for_good(c)) continue;
        conn_close(c);
        return true;
    }
    if (silent) conn_close(silent);
    else if (stranger) sotto_door_http_end(stranger);
    return silent || stranger;
}

/* Over TCP anybody on this machine may come; the judge decides. */
static bool may_enter(struct sotto_door *door, int fd, bool tcp, uint32_t *uid)
{
    struct ucred who;
    socklen_t size = sizeof who;
    *uid = UINT32_MAX;
    bool known = tcp || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    if (!known || (!tcp && who.uid != geteuid() && who.uid != 0)) {
        sotto_log_line(door->config.log, SOTTO_LOG_WARN, "door", "refused", "reason=other-user");
        return false;
    }
    if (!tcp) *uid = who.uid;
    if (make_room(door, tcp)) return true;
    sotto_log_line(door->config.log, SOTTO_LOG_WARN, "door", "refused", "reason=too-many");
    return false;
}

void sotto_door_knocked(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct sotto_door_listener *l = poll->data;
    uint32_t uid;
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {     /* else gone again */
            uv_poll_stop(poll);                 /* or it would wake us for ever */
            uv_timer_start(&l->door->kick, chores, ACCEPT_AGAIN_MS, 0);
        }
    } else if (may_enter(l->door, fd, l->tcp, &uid)) {
        conn_new(l->door, fd, uid, l->tcp);
    } else {
        close(fd);
    }
}

/* ---- chores: what must not happen inside a call of the owner ---- */

static void chores(uv_timer_t *timer)
{
    struct sotto_door *door = timer->data;
    if (door->freed) {
        sotto_door_http_stop(door);
        uv_close((uv_handle_t *)timer, sotto_door_handle_closed);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct sotto_door_listener *l = &door->listeners[i];
        if (l->on && !uv_is_active((uv_handle_t *)&l->poll)) uv_poll_start(&l->poll, UV_READABLE, sotto_door_knocked);
    }
    for (struct sotto_door_conn *c = door->conns, *next; c && !door->freed; c = next) {
        next = c->next;                         /* nobody is unlinked inside a callback of the owner: handles close later */
        if (c->manner == SOTTO_DOOR_WS) sotto_door_ws_read(c);
        if (c->manner != SOTTO_DOOR_LINES) continue;
        if (c->hungry && c->pending < door->config.pending_max) lines_take(c);
        else end_if_done(c);
    }
    if (door->draining && door->idle && !door->freed) {
        bool waiting = false;
        for (struct sotto_door_conn *c = door->conns; c; c = c->next) waiting |= c->manner != SOTTO_DOOR_GONE && c->queued > 0;
        if (waiting) return;
        void (*idle)(void *ctx) = door->idle;
        door->idle = NULL;
        idle(door->idle_ctx);
    }
}

void sotto_door_kick(struct sotto_door *door)
{
    if (!uv_is_closing((uv_handle_t *)&door->kick)) uv_timer_start(&door->kick, chores, 0, 0);
}

/* ---- opening and closing ---- */

void sotto_door_handle_closed(uv_handle_t *handle)
{
    struct sotto_door *door;
    if (handle->type == UV_POLL) {
        struct sotto_door_listener *l = handle->data;
        close(l->fd);
        door = l->door;
    } else {
        door = handle->data;
    }
    door->handles--;
    door_release(door);
}

enum sotto_err sotto_door_open(struct sotto_door **out, const struct sotto_door_config *config)
{
    size_t size = strlen(config->path);
    if (size == 0 || size >= sizeof((struct sotto_door *)0)->path) return SOTTO_ERR_RANGE;
    struct sotto_door *door = calloc(1, sizeof *door);
    if (!door) return SOTTO_ERR_NOMEM;
    door->config = *config;
    memcpy(door->path, config->path, size + 1);
    door->config.path = door->path;
    struct sotto_door_config *c = &door->config;
    if (!c->message_max) c->message_max = SOTTO_DOOR_MESSAGE_MAX;
    if (!c->out_max) c->out_max = SOTTO_DOOR_OUT_MAX;
    if (!c->conns_max) c->conns_max = SOTTO_DOOR_CONNS_MAX;
    if (!c->pending_max) c->pending_max = SOTTO_DOOR_PENDING_MAX;
    if (!c->message_s) c->message_s = SOTTO_DOOR_MESSAGE_S;
    if (!c->idle_s) c->idle_s = SOTTO_DOOR_IDLE_S;
    if (!c->http_conns_max) c->http_conns_max = SOTTO_DOOR_HTTP_CONNS_MAX;
    door->next_id = 1;
    enum sotto_err err = sotto_door_bind_unix(door);
    if (err != SOTTO_OK) {
        free(door);
        return err;
    }
    uv_timer_init(sotto_loop_uv(config->loop), &door->kick);
    door->kick.data = door;
    door->handles++;
    *out = door;
    return SOTTO_OK;
}

enum sotto_err sotto_door_reply(struct sotto_door *door, uint64_t id, struct sotto_span json)
{
    struct sotto_door_conn *c = conn_find(door, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (c->pending == 0) return SOTTO_ERR_STATE;
    c->pending--;
    if (c->manner == SOTTO_DOOR_HTTP) return sotto_door_http_reply(c, json);
    if (c->hungry || c->eof) sotto_door_kick(door);
    if (c->manner == SOTTO_DOOR_WS) return json.size > 0 ? sotto_door_ws_add(c, json) : SOTTO_OK;
    return json.size > 0 ? lines_add(c, json) : SOTTO_OK;
}

enum sotto_err sotto_door_push(struct sotto_door *door, uint64_t id, struct sotto_span json)
{
    struct sotto_door_conn *c = conn_find(door, id);
    if (!c) return SOTTO_ERR_MISSING;
    if (c->manner == SOTTO_DOOR_WS) return sotto_door_ws_add(c, json);
    return c->manner == SOTTO_DOOR_LINES ? lines_add(c, json) : SOTTO_ERR_STATE;
}

size_t sotto_door_backlog(const struct sotto_door *door, uint64_t id)
{
    struct sotto_door_conn *c = conn_find(door, id);
    return c ? c->queued : 0;
}

unsigned sotto_door_conns(const struct sotto_door *door)
{
    unsigned open = 0;
    for (struct sotto_door_conn *c = door->conns; c; c = c->next) open += c->manner != SOTTO_DOOR_GONE;
    return open;
}

void sotto_door_expel(struct sotto_door *door, uint64_t who)
{
    for (struct sotto_door_conn *c = door->conns; c; c = c->next)
        if (c->who == who && (c->manner == SOTTO_DOOR_HTTP || c->manner == SOTTO_DOOR_WS)) sotto_door_http_end(c);
}

void sotto_door_drain(struct sotto_door *door, void (*idle)(void *ctx), void *ctx)
{
    door->draining = true;
    door->idle = idle;
    door->idle_ctx = ctx;
    sotto_door_unlisten(door);
    for (struct sotto_door_conn *c = door->conns; c; c = c->next) {
        if (c->manner == SOTTO_DOOR_NEW) conn_close(c);
        else lines_read(c, false);
    }
    sotto_door_kick(door);
}

void sotto_door_free(struct sotto_door *door)
{
    if (!door) return;
    door->freed = true;
    sotto_door_unlisten(door);
    for (struct sotto_door_conn *c = door->conns; c; c = c->next) conn_close(c);
    sotto_door_kick(door);                      /* ends libwebsockets, in a turn of its own, and closes the timer */
}
