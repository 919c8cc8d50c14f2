/* The unix socket door: JSON-RPC bytes in and out (experience.md 2.5). Knows nothing of JSON but lines and bodies.
 *
 * One socket, two manners, told apart by the first byte of a connection: an HTTP method is written in capitals, and no JSON
 * value begins with one.
 *     lines   one JSON value per line, \n or \r\n; empty lines are skipped; as many as the client likes without waiting;
 *             replies leave as they are given, in any order, each on a line of its own. A client that shut its sending side
 *             still gets the replies it waits for (its last line needs no end then); one that shut both is gone
 *     HTTP    HTTP/1.1: POST /rpc and POST / with Content-Type application/json; GET /healthz; keep-alive; one at a time: what is
 *             sent before the reply came ends the connection, and so does a client that shuts its sending side
 * Lines run on libuv alone; libwebsockets is started by the first HTTP client (and is where the TCP port and WebSocket join in).
 *
 * Who may pass: the socket has mode 0600, its folder is made with 0700, and the peer's uid (SO_PEERCRED) must be ours or root's.
 *
 * Bounds, all fixed at creation: connections (beyond: one that never said anything gives way, else the new one is closed),
 * message size, unanswered requests of a connection (then it is not read further), bytes waiting to leave (then it is closed),
 * seconds for a message once it has begun and for a reader to take anything at all, seconds of silence of an HTTP client.
 * Callbacks are never called inside sotto_door_reply or _push. Threads: the loop's. */
#ifndef SOTTO_IO_DOOR_H
#define SOTTO_IO_DOOR_H

#include "io/loop.h"

struct sotto_door;

#define SOTTO_DOOR_MESSAGE_MAX (5u << 20)       /* experience.md 2.1: body <= 5 MiB; a reply may be larger */
#define SOTTO_DOOR_CONNS_MAX 64u                /* a page, a few bots and some one-shot commands at once */
#define SOTTO_DOOR_PENDING_MAX 256u             /* unanswered requests of one connection */
#define SOTTO_DOOR_OUT_MAX (32u << 20)          /* a reader this far behind is gone; all together: 4 times as much */
#define SOTTO_DOOR_MESSAGE_S 30u                /* a begun line, header or body must be whole by then */
#define SOTTO_DOOR_IDLE_S 60u                   /* HTTP keep-alive without a request; lines may be silent for ever */

struct sotto_door_request {
    uint64_t conn;                              /* never 0, never used again in one run */
    struct sotto_span json;                     /* borrowed for the call; any bytes; not empty for a line */
    bool http;                                  /* no notifications possible */
    uint32_t uid;                               /* who asks */
};

struct sotto_door_config {
    struct sotto_loop *loop;
    struct sotto_log *log;                      /* may be NULL */
    const char *path;                           /* at most 107 bytes (ERR_RANGE); its folder is made with 0700 if it is not there */
    size_t message_max, out_max;                /* 0 in any of these = the default above */
    unsigned conns_max, pending_max, message_s, idle_s;
    /* Sent to a line client whose line is too long, before the connection ends; JSON without line end; may be empty. */
    struct sotto_span too_long;
    void *ctx;
    /* Each request is answered by exactly one sotto_door_reply, now or later. */
    void (*request)(void *ctx, const struct sotto_door_request *request);
    /* The body of GET /healthz; false = status 503. */
    bool (*health)(void *ctx, struct sotto_buf *body);
    /* The client is gone (never called for one that asked nothing). Its unanswered requests may still be answered: ERR_MISSING. May be NULL. */
    void (*closed)(void *ctx, uint64_t conn);
};

/* A socket file left by a dead process is replaced. Before use, keep the data directory's lock (io/file.h): it, not the socket,
 * decides who owns the data. ERR_IN_USE (somebody answers there), ERR_RANGE (path too long), ERR_MODE (its folder can be changed by
 * other users), ERR_IO, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_door_open(struct sotto_door **out, const struct sotto_door_config *config);
/* One answer. Empty = nothing to say (a JSON-RPC notification): 204 over HTTP, nothing on lines. Copies the bytes, which must
 * not contain a line end. ERR_MISSING (client gone: nothing to do), ERR_FULL (it reads too slowly and was closed), ERR_STATE (no
 * unanswered request), ERR_NOMEM (closed). */
SOTTO_MUST_USE enum sotto_err sotto_door_reply(struct sotto_door *door, uint64_t conn, struct sotto_span json);
/* A notification, lines only. Errors as above; ERR_STATE for HTTP. */
SOTTO_MUST_USE enum sotto_err sotto_door_push(struct sotto_door *door, uint64_t conn, struct sotto_span json);
size_t sotto_door_backlog(const struct sotto_door *door, uint64_t conn); /* bytes not yet taken by the kernel: push events only below a mark */
unsigned sotto_door_conns(const struct sotto_door *door);
/* Takes no new connection and reads no further request; what is answered still leaves. idle(ctx) is called once when nothing waits
 * to leave any more (in a later turn), for an orderly end. */
void sotto_door_drain(struct sotto_door *door, void (*idle)(void *ctx), void *ctx);
/* Ends every connection and removes the socket file. NULL is fine. */
void sotto_door_free(struct sotto_door *door);

#endif
