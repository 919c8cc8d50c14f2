/* The doors: JSON-RPC bytes in and out, over a unix socket and over HTTP on TCP (experience.md 2.5). Knows nothing of JSON but where
 * a value ends, bodies and frames, and nothing of who may pass: an HTTP head goes to the owner's judge (rpc/gate.h has the rules).
 *
 * One unix socket, two manners, told apart by the first byte of a connection: an HTTP method is written in capitals, and no JSON
 * value begins with one. On TCP there is HTTP only.
 *     lines      JSON values: an object or list ends where its brackets close, everything at a line end (base/cut.h); empty lines are
 *                skipped; as many as the client likes without waiting, in as many or few pieces; replies leave as they are given, in any
 *                order, each on a line of its own. A client that shut its sending side still gets the replies it waits for (its last value
 *                needs no end then); one that shut both is gone
 *     HTTP       HTTP/1.1, keep-alive; one request at a time: what is sent before the reply came ends the connection, and so does a
 *                client that shuts its sending side
 *     WebSocket  what the judge let through becomes one: one JSON value a message, text or binary in, text out; replies in any order.
 *                One above message_max ends it with 1009. Silent ones are asked (ping) after idle_s and closed half as long after
 * Lines run on libuv alone; libwebsockets is started by the first HTTP client.
 *
 * Pushes: what stays connected (lines, WebSocket) can be told things it did not ask for, the same way in both manners:
 *     1. the handler asks sotto_call_can_subscribe(call) (rpc/rpc.h); false = plain HTTP, nothing can be pushed
 *     2. it keeps conn = (uint64_t)(uintptr_t)sotto_call_conn(call) with the subscription, and answers the call
 *     3. sotto_rpc_notification makes the text, sotto_door_push(door, conn, text) sends it, while sotto_door_backlog(door, conn) is below
 *        a mark of the caller's: a reader that is too slow is closed at out_max
 *     4. closed(conn) tells that the client is gone: the subscription ends
 * src/node/events.c does it so.
 *
 * Who may pass: the unix socket has mode 0600, its folder is made with 0700, and the peer's uid (SO_PEERCRED) must be ours or root's. TCP:
 * the judge.
 *
 * Bounds, all fixed at creation: connections of either kind (beyond: one that never said anything gives way, on TCP then one that never
 * passed the judge, else the new one is closed), message size, unanswered requests of a connection (then it is not read further), bytes
 * waiting to leave (then it is closed), seconds for a message once it has begun, for a TCP client to say anything, and for a reader to take
 * anything at all, seconds of silence of an HTTP client. Callbacks are never called inside sotto_door_reply or _push. Threads: the loop's. */
#ifndef SOTTO_IO_DOOR_H
#define SOTTO_IO_DOOR_H

#include "base/http.h"
#include "base/step.h"
#include "io/loop.h"

struct sotto_door;

#define SOTTO_DOOR_MESSAGE_MAX (5u << 20)       /* experience.md 2.1: body <= 5 MiB; a reply may be larger */
#define SOTTO_DOOR_CONNS_MAX 64u                /* a page, a few bots and some one-shot commands at once */
#define SOTTO_DOOR_HTTP_CONNS_MAX 128u          /* the same over TCP, and strangers who get no further than the judge */
#define SOTTO_DOOR_PENDING_MAX 256u             /* unanswered requests of one connection */
#define SOTTO_DOOR_OUT_MAX (32u << 20)          /* a reader this far behind is gone; all together: 4 times as much */
#define SOTTO_DOOR_MESSAGE_S 30u                /* a begun line, header or body must be whole by then */
#define SOTTO_DOOR_IDLE_S 60u                   /* HTTP keep-alive without a request; lines may be silent for ever */
#define SOTTO_DOOR_NOBODY UINT64_MAX            /* who: no token */

struct sotto_door_request {
    uint64_t conn;                              /* never 0, never used again in one run */
    struct sotto_span json;                     /* borrowed for the call; any bytes; not empty for a line */
    bool http;                                  /* no notifications possible */
    bool tcp;                                   /* else the unix socket */
    uint32_t uid;                               /* who asks, over the unix socket */
    uint64_t who;                               /* what the judge said of the connection; SOTTO_DOOR_NOBODY for lines */
};

/* What becomes of an HTTP request once its head is here. */
enum sotto_door_way {
    SOTTO_DOOR_REFUSE,                          /* status and body leave, the connection ends */
    SOTTO_DOOR_ANSWER,                          /* status and body leave, it goes on (GET: no body may come) */
    SOTTO_DOOR_CALL,                            /* the body is told as a request */
    SOTTO_DOOR_WEBSOCKET
};
struct sotto_door_verdict {                     /* given as { REFUSE, .who = NOBODY }, body empty with message_max */
    enum sotto_door_way way;
    unsigned status;
    struct sotto_buf body;                      /* the door frees it */
    const char *type;                           /* Content-Type; NULL = application/json */
    const char *more;                           /* further fields, each with \r\n; static; NULL = none */
    uint64_t who;                               /* comes back with every request of this connection */
};

struct sotto_door_config {
    struct sotto_loop *loop;
    struct sotto_log *log;                      /* may be NULL */
    const char *path;                           /* at most 107 bytes (ERR_RANGE); its folder is made with 0700 if it is not there */
    size_t message_max, out_max;                /* 0 in any of these = the default above */
    unsigned conns_max, http_conns_max, pending_max, message_s, idle_s;
    /* Sent to a line client whose value is too long, before the connection ends; JSON without line end; may be empty. */
    struct sotto_span too_long;
    void *ctx;
    /* Each request is answered by exactly one sotto_door_reply, now or later. */
    void (*request)(void *ctx, const struct sotto_door_request *request);
    /* Each HTTP head is judged once, before a byte of its body. NULL: no HTTP. */
    void (*judge)(void *ctx, struct sotto_door_verdict *verdict, const struct sotto_http_head *head);
    /* The client is gone (never called for one that asked nothing). Its unanswered requests may still be answered: ERR_MISSING. May be NULL. */
    void (*closed)(void *ctx, uint64_t conn);
};

/* A socket file left by a dead process is replaced. Before use, keep the data directory's lock (io/file.h): it, not the socket,
 * decides who owns the data. ERR_IN_USE (somebody answers there), ERR_RANGE (path too long), ERR_MODE (its folder can be changed by
 * other users), ERR_IO, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_door_open(struct sotto_door **out, const struct sotto_door_config *config);
/* HTTP on one TCP address as well; port 0 = any free one, bound gets the real one. At most one. ERR_IN_USE (the port is taken), ERR_IO (no such
 * address on this machine, no right), ERR_STATE (listens already). Whether the address is a safe one is the owner's matter. */
SOTTO_MUST_USE enum sotto_err sotto_door_listen(struct sotto_door *door, struct sotto_addr *bound, const struct sotto_addr *addr);
/* Ends the HTTP and WebSocket connections of one who passed the judge, in a later turn (a token was revoked). */
void sotto_door_expel(struct sotto_door *door, uint64_t who);
/* One answer. Empty = nothing to say (a JSON-RPC notification): 204 over HTTP, nothing otherwise. Copies the bytes, which must
 * not contain a line end. ERR_MISSING (client gone: nothing to do), ERR_FULL (it reads too slowly and was closed), ERR_STATE (no
 * unanswered request), ERR_NOMEM (closed). */
SOTTO_MUST_USE enum sotto_err sotto_door_reply(struct sotto_door *door, uint64_t conn, struct sotto_span json);
/* A notification, to lines and WebSockets (see above). Errors as above; ERR_STATE for plain HTTP. */
SOTTO_MUST_USE enum sotto_err sotto_door_push(struct sotto_door *door, uint64_t conn, struct sotto_span json);
size_t sotto_door_backlog(const struct sotto_door *door, uint64_t conn); /* bytes not yet taken by the kernel: push events only below a mark */
unsigned sotto_door_conns(const struct sotto_door *door);
/* Takes no new connection and reads no further request; what is answered still leaves. idle(ctx) is called once when nothing waits
 * to leave any more (in a later turn), for an orderly end. */
void sotto_door_drain(struct sotto_door *door, void (*idle)(void *ctx), void *ctx);
/* Ends every connection and removes the socket file. NULL is fine. */
void sotto_door_free(struct sotto_door *door);

#endif
