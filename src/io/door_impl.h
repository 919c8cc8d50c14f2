/* Inside io/door: the door and one connection of any manner. door.c: the life of connections, and lines. door_bind.c: listening.
 * door_http.c: HTTP. door_ws.c: what HTTP became. */
#ifndef SOTTO_IO_DOOR_IMPL_H
#define SOTTO_IO_DOOR_IMPL_H

#include "base/cut.h"
#include "io/door.h"

#include <sys/un.h>
#include <uv.h>

#define SOTTO_DOOR_OUT_TOTAL 4u                 /* all connections together may hold so many times out_max */
#define SOTTO_DOOR_CHUNK (64u << 10)            /* one shared read buffer */

struct lws;
struct lws_vhost;

/*  NEW -> LINES | HTTP -> GONE        NEW: not a byte seen; GONE: its handle is closing
 *                 HTTP -> WS */
enum sotto_door_manner { SOTTO_DOOR_NEW, SOTTO_DOOR_LINES, SOTTO_DOOR_HTTP, SOTTO_DOOR_WS, SOTTO_DOOR_GONE };

struct sotto_door_out { struct sotto_door_out *next; size_t size; uint8_t data[]; };

struct sotto_door_conn {
    struct sotto_door *door;
    struct sotto_door_conn *next, **back;
    uint64_t id;
    uint32_t uid;
    uint64_t who;                               /* of the last judgement */
    bool tcp;
    enum sotto_door_manner manner;
    unsigned pending;                           /* requests not yet answered */
    bool asked;                                 /* the owner knows this connection */

    /* NEW and LINES */
    int fd;                                     /* until the pipe or libwebsockets has it; else -1 */
    uv_poll_t poll;
    uv_pipe_t pipe;
    uv_timer_t timer;                           /* the nearer of the two deadlines */
    unsigned handles;                           /* not yet closed */
    uint64_t read_by_us, write_by_us;           /* UINT64_MAX = none */
    bool reading, writing, eof;
    bool ending;                                /* nothing more is read; closed when all has left */
    bool hungry;                                /* values wait in `in` that may be told now */
    struct sotto_buf in;                        /* the begun value or WebSocket message, or values that had to wait */
    struct sotto_cut cut;                       /* how far the value at the begin of in was looked at, */
    size_t scanned;                             /* and how many bytes that is */
    uv_write_t write;
    unsigned in_write;                          /* pieces of the running write */
    struct sotto_door_out *first, **last;
    size_t queued;                              /* bytes waiting, those of HTTP included */

    /* HTTP; WS has first, queued and the deadlines from above, too */
    struct lws *wsi;
    struct sotto_buf body;
    struct sotto_door_out *reply;
    size_t sent;
    unsigned status;
    const char *type, *more;                    /* of the answer; NULL = the usual */
    bool known, head_sent, complete, keep;
    bool passed;                                /* the judge let something of it through */
    bool leaving;                               /* libwebsockets was asked to end it, and will in a later turn */
};

struct sotto_door_listener { struct sotto_door *door; int fd; uv_poll_t poll; bool tcp, on; };

/* Outlives the door: a context on a foreign loop is destroyed twice, the second time when the loop ends. */
struct sotto_door_lws;

struct sotto_door {
    struct sotto_door_config config;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    uint64_t dev, inode;                        /* of our socket file: only that one is removed at the end */
    struct sotto_door_listener listeners[2];    /* the unix socket; TCP */
    uv_timer_t kick;                            /* work that must not be done inside a caller's call */
    unsigned handles;                           /* listeners and kick not yet closed */
    uint64_t next_id;
    struct sotto_door_conn *conns;
    unsigned conn_count;
    size_t out_total;
    bool draining, freed;
    void (*idle)(void *ctx);
    void *idle_ctx;
    struct sotto_door_lws *lws;                 /* NULL until the first HTTP client */
    struct lws_vhost *vhost;
    uint8_t buffer[SOTTO_DOOR_CHUNK];
};

void sotto_door_kick(struct sotto_door *door);                           /* door's chores, in a later turn */
void sotto_door_conn_unlink(struct sotto_door_conn *c);                  /* tells the owner, frees c */
void sotto_door_tell(struct sotto_door_conn *c, struct sotto_span json, bool http);
void sotto_door_knocked(uv_poll_t *poll, int status, int events);        /* a listener has a client */
void sotto_door_handle_closed(uv_handle_t *handle);                      /* of a listener, or kick */
uint64_t sotto_door_message_deadline(const struct sotto_door_conn *c);
/* One more piece to leave, with `before` bytes of room in front of it and one behind; NULL: *err says why, and the caller closes. */
struct sotto_door_out *sotto_door_queue(struct sotto_door_conn *c, enum sotto_err *err, struct sotto_span bytes, size_t before);
void sotto_door_unqueue(struct sotto_door_conn *c);                      /* the first one has left */

/* door_bind.c */
enum sotto_err sotto_door_bind_unix(struct sotto_door *door);
void sotto_door_unlisten(struct sotto_door *door);                       /* all */

/* door_http.c */
enum sotto_err sotto_door_http_adopt(struct sotto_door_conn *c);         /* takes c->fd; on an error c is the caller's, its fd closed or -1 */
enum sotto_err sotto_door_http_reply(struct sotto_door_conn *c, struct sotto_span json);
void sotto_door_http_stop(struct sotto_door *door);                      /* not inside a libwebsockets callback */
void sotto_door_http_end(struct sotto_door_conn *c);                     /* HTTP or WS, in a later turn */

/* door_ws.c; int: what libwebsockets wants to hear, 0 to go on */
void sotto_door_ws_opened(struct sotto_door_conn *c);
int sotto_door_ws_came(struct sotto_door_conn *c, struct lws *wsi, struct sotto_span part);
int sotto_door_ws_writable(struct sotto_door_conn *c, struct lws *wsi);
int sotto_door_ws_deadline(struct sotto_door_conn *c);
enum sotto_err sotto_door_ws_add(struct sotto_door_conn *c, struct sotto_span json);
void sotto_door_ws_read(struct sotto_door_conn *c);                      /* again, after an answer made room */

#endif
