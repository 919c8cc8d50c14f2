/* Inside io/door: the door and one connection of either manner. */
#ifndef SOTTO_IO_DOOR_IMPL_H
#define SOTTO_IO_DOOR_IMPL_H

#include "io/door.h"

#include <sys/un.h>
#include <uv.h>

#define SOTTO_DOOR_OUT_TOTAL 4u                 /* all connections together may hold so many times out_max */
#define SOTTO_DOOR_CHUNK (64u << 10)            /* one shared read buffer */

struct lws;
struct lws_context;
struct lws_vhost;

/*  NEW -> LINES | HTTP -> GONE        NEW: not a byte seen; GONE: its handle is closing */
enum sotto_door_manner { SOTTO_DOOR_NEW, SOTTO_DOOR_LINES, SOTTO_DOOR_HTTP, SOTTO_DOOR_GONE };

struct sotto_door_out { struct sotto_door_out *next; size_t size; uint8_t data[]; };

struct sotto_door_conn {
    struct sotto_door *door;
    struct sotto_door_conn *next, **back;
    uint64_t id;
    uint32_t uid;
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
    bool hungry;                                /* lines wait in `in` that may be told now */
    struct sotto_buf in;                        /* the begun line, or lines that had to wait */
    size_t scanned;                             /* bytes of in known to hold no line end */
    uv_write_t write;
    unsigned in_write;                          /* pieces of the running write */
    struct sotto_door_out *first, **last;
    size_t queued;                              /* bytes waiting, those of HTTP included */

    /* HTTP */
    struct lws *wsi;
    struct sotto_buf body;
    struct sotto_door_out *reply;
    size_t sent;
    unsigned status;
    bool known, head_sent, complete, keep;
};

struct sotto_door {
    struct sotto_door_config config;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    uint64_t dev, inode;                        /* of our socket file: only that one is removed at the end */
    int listen_fd;
    uv_poll_t listener;
    uv_timer_t kick;                            /* work that must not be done inside a caller's call */
    unsigned handles;                           /* listener and kick not yet closed */
    uint64_t next_id;
    struct sotto_door_conn *conns;
    unsigned conn_count;
    size_t out_total;
    bool listening, draining, freed;
    void (*idle)(void *ctx);
    void *idle_ctx;
    struct lws_context *lws;                    /* NULL until the first HTTP client */
    struct lws_vhost *vhost;
    uint8_t buffer[SOTTO_DOOR_CHUNK];
};

void sotto_door_kick(struct sotto_door *door);                           /* door's chores, in a later turn */
void sotto_door_conn_unlink(struct sotto_door_conn *c);                  /* tells the owner, frees c */
void sotto_door_tell(struct sotto_door_conn *c, struct sotto_span json, bool http);

/* door_http.c */
enum sotto_err sotto_door_http_adopt(struct sotto_door_conn *c);         /* takes c->fd; on an error c is the caller's, its fd closed or -1 */
enum sotto_err sotto_door_http_reply(struct sotto_door_conn *c, struct sotto_span json);
void sotto_door_http_stop(struct sotto_door *door);                      /* not inside a libwebsockets callback */

#endif
