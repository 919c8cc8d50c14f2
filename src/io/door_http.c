/* HTTP on the door, by libwebsockets on our loop. One context, started by the first client.
 *
 * What was learnt of version 4.1 and stands behind this file: the libuv part is a plugin found at run time; a context on a foreign
 * loop is destroyed, the loop runs, and it is destroyed again (sotto_loop_at_end); fd_limit_per_thread keeps it from sizing tables
 * by the process limit; a body without Content-Length is not understood (411); while rx is stopped no writing happens either, so
 * bytes that come before the reply arrive as a second "body complete", which ends the connection here. */
#include "io/door_impl.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_MAX 4096u                      /* request line and headers */
#define WRITE_STEP (64u << 10)

static int on_http(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t size);

static const struct lws_protocols protocols[] = { { .name = "sotto-door", .callback = on_http }, { .name = NULL } };

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    default: return "Service Unavailable";
    }
}

/* Puts the answer where on_writable finds it. */
static enum sotto_err answer(struct sotto_door_conn *c, unsigned status, struct sotto_span body, bool keep)
{
    struct sotto_door *door = c->door;
    bool fits = body.size <= door->config.out_max && door->out_total + body.size <= SOTTO_DOOR_OUT_TOTAL * door->config.out_max;
    struct sotto_door_out *reply = fits ? malloc(sizeof *reply + LWS_PRE + body.size + 1) : NULL;
    if (!reply) {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PROXY_CLIENT_CLOSE, LWS_TO_KILL_ASYNC);
        return fits ? SOTTO_ERR_NOMEM : SOTTO_ERR_FULL;
    }
    reply->next = NULL;
    reply->size = body.size;
    if (body.size) memcpy(reply->data + LWS_PRE, body.data, body.size);
    c->reply = reply;
    c->status = status;
    c->keep = keep;
    c->sent = 0;
    c->head_sent = false;
    c->queued = body.size + 1;              /* the head counts too: it has to leave before an end */
    door->out_total += c->queued;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, (int)door->config.message_s);
    lws_callback_on_writable(c->wsi);
    return SOTTO_OK;
}

enum sotto_err sotto_door_http_reply(struct sotto_door_conn *c, struct sotto_span json)
{
    if (c->reply) return SOTTO_ERR_STATE;
    return answer(c, json.size > 0 ? 200 : 204, json, true);
}

/* Says no and ends the connection; what lws wants to hear. */
static int refuse(struct sotto_door_conn *c, unsigned status) { return answer(c, status, sotto_span(NULL, 0), false) == SOTTO_OK ? 0 : -1; }

static bool is_json_type(struct lws *wsi)
{
    char type[80];
    if (lws_hdr_copy(wsi, type, sizeof type, WSI_TOKEN_HTTP_CONTENT_TYPE) <= 0) return false;
    size_t size = strcspn(type, "; \t");
    return size == 16 && strncasecmp(type, "application/json", 16) == 0;
}

/* The request line and headers are here. Returns what lws wants: 0 to go on. */
static int on_request(struct sotto_door_conn *c, struct lws *wsi, const char *path)
{
    struct sotto_door *door = c->door;
    char length[24];
    bool post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0, get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
    bool rpc = strcmp(path, "/rpc") == 0 || strcmp(path, "/") == 0, health = strcmp(path, "/healthz") == 0;
    int length_size = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    c->body.size = 0;
    c->complete = false;
    if (c->reply) return -1;                /* cannot be: the transaction before is not over */
    if (!rpc && !health) return refuse(c, 404);
    if ((rpc && !post) || (health && !get)) return refuse(c, 405);
    if (health) {
        if (length_size > 0 || lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) return refuse(c, 400);
        struct sotto_buf body = sotto_buf_make(door->config.message_max);
        bool good = door->config.health && door->config.health(door->config.ctx, &body);
        c->complete = true;
        int result = door->freed || answer(c, good ? 200 : 503, sotto_buf_span(&body), true) != SOTTO_OK ? -1 : 0;
        sotto_buf_free(&body);
        return result;
    }
    if (length_size <= 0 || lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) return refuse(c, 411);
    if (lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || strspn(length, "0123456789") != strlen(length))
        return refuse(c, 400);
    if (!is_json_type(wsi)) return refuse(c, 415);
    if (strlen(length) > 12 || strtoull(length, NULL, 10) > door->config.message_max) return refuse(c, 413);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_EXPECT) > 0) {           /* a client with a long body waits for this */
        uint8_t go_on[LWS_PRE + 32];
        int n = lws_snprintf((char *)go_on + LWS_PRE, 32, "HTTP/1.1 100 Continue\r\n\r\n");
        if (lws_write(wsi, go_on + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_HEADERS) != n) return -1;
    }
    return 0;
}

static int on_body(struct sotto_door_conn *c, struct sotto_span part)
{
    enum sotto_err err = SOTTO_OK;
    if (!c->reply && !c->complete) err = sotto_buf_add_span(&c->body, part);     /* else refused: read and forgotten until the refusal has left */
    if (part.size) explicit_bzero((void *)(uintptr_t)part.data, part.size);       /* in lws' own buffer, which nobody else reads any more */
    return err == SOTTO_OK ? 0 : -1;
}

static int on_body_complete(struct sotto_door_conn *c)
{
    if (c->complete) return -1;             /* bytes behind the body, before the reply: one at a time, says the contract */
    c->complete = true;
    if (c->reply) return 0;
    if (c->door->draining || c->door->freed) return -1;
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);                      /* the owner may take its time */
    sotto_door_tell(c, sotto_buf_span(&c->body), true);
    sotto_buf_free(&c->body);
    return c->door->freed ? -1 : 0;
}

static int write_head(struct sotto_door_conn *c, struct lws *wsi)
{
    uint8_t head[LWS_PRE + 512];
    int n = lws_snprintf((char *)head + LWS_PRE, 512, "HTTP/1.1 %u %s\r\n%sContent-Length: %zu\r\nCache-Control: no-store\r\n"
                         "X-Content-Type-Options: nosniff\r\n%s\r\n", c->status, reason_of(c->status),
                         c->reply->size > 0 ? "Content-Type: application/json\r\n" : "", c->reply->size,
                         c->keep ? "" : "Connection: close\r\n");
    if (c->status == 204)                   /* has no length (RFC 9110 8.6) */
        n = lws_snprintf((char *)head + LWS_PRE, 512, "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n");
    c->head_sent = true;
    return lws_write(wsi, head + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_HEADERS) == n ? 0 : -1;
}

static int on_writable(struct sotto_door_conn *c, struct lws *wsi)
{
    if (!c->reply) return 0;
    if (!c->head_sent) {
        if (write_head(c, wsi) != 0) return -1;
        if (c->reply->size > 0) {
            lws_callback_on_writable(wsi);
            return 0;
        }
    }
    if (c->sent < c->reply->size) {
        size_t part = c->reply->size - c->sent < WRITE_STEP ? c->reply->size - c->sent : WRITE_STEP;
        bool last = c->sent + part == c->reply->size;
        /* lws may use the LWS_PRE bytes before the data: those are sent already */
        if (lws_write(wsi, c->reply->data + LWS_PRE + c->sent, part, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)part) return -1;
        c->sent += part;
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, (int)c->door->config.message_s);      /* it took something */
        if (!last) {
            lws_callback_on_writable(wsi);
            return 0;
        }
    }
    c->door->out_total -= c->queued;
    c->queued = 0;
    free(c->reply);
    c->reply = NULL;
    if (c->door->draining) sotto_door_kick(c->door);
    bool over = !c->keep || c->door->draining || !c->complete;
    if (lws_http_transaction_completed(wsi)) over = true;
    return over ? -1 : 0;                   /* lws sends what it still holds before it closes */
}

static int on_http(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t size)
{
    (void)user;
    struct sotto_door_conn *c = lws_get_opaque_user_data(wsi);
    if (!c) return 0;                       /* the library's own, or before it is adopted */
    c->known = true;
    switch ((int)why) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return -1;                          /* no WebSocket and no HTTP/2 here */
    case LWS_CALLBACK_HTTP:
        c->wsi = wsi;
        return c->door->draining || c->door->freed ? -1 : on_request(c, wsi, in);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(c, sotto_span(in, size));
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_complete(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(c, wsi);
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        sotto_door_conn_unlink(c);
        return 0;
    default:
        return 0;
    }
}

static void destroy_again(void *arg) { lws_context_destroy(arg); }

static enum sotto_err start(struct sotto_door *door)
{
    void *loops[1] = { sotto_loop_uv(door->config.loop) };
    struct lws_context_creation_info info = { 0 };
    lws_set_log_level(0, NULL);             /* its lines quote requests: nothing of it may reach a log */
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.fd_limit_per_thread = door->config.conns_max + 8;
    info.max_http_header_data = HEAD_MAX;
    info.max_http_header_pool = door->config.conns_max > 0xfff0 ? 0xfff0 : (unsigned short)door->config.conns_max;
    info.pt_serv_buf_size = 16384;
    info.timeout_secs = door->config.message_s;
    info.timeout_secs_ah_idle = door->config.message_s;
    info.keepalive_timeout = (int)door->config.idle_s;
    struct lws_context *context = lws_create_context(&info);
    if (!context) return SOTTO_ERR_IO;
    struct lws_vhost *vhost = lws_create_vhost(context, &info);
    if (sotto_loop_at_end(door->config.loop, destroy_again, context) != SOTTO_OK) vhost = NULL;
    if (!vhost) {
        lws_context_destroy(context);
        return SOTTO_ERR_IO;
    }
    door->lws = context;
    door->vhost = vhost;
    return SOTTO_OK;
}

enum sotto_err sotto_door_http_adopt(struct sotto_door_conn *c)
{
    struct sotto_door *door = c->door;
    if (!door->lws) {
        enum sotto_err err = start(door);
        if (err != SOTTO_OK) {
            sotto_log_line(door->config.log, SOTTO_LOG_ERROR, "door", "http-unavailable", "reason=libwebsockets-evlib-uv");
            return err;
        }
    }
    lws_adopt_desc_t info = { .vh = door->vhost, .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP, .fd.sockfd = c->fd,
                              .vh_prot_name = protocols[0].name, .opaque = c };
    c->fd = -1;                             /* lws closes it, also when it refuses */
    c->wsi = lws_adopt_descriptor_vhost_via_info(&info);                 /* may report an end before it returns */
    return c->wsi || c->known ? SOTTO_OK : SOTTO_ERR_IO;                  /* refused late: its destruction is reported as for any other */
}

void sotto_door_http_stop(struct sotto_door *door)
{
    struct lws_context *context = door->lws;
    door->lws = NULL;
    if (context) lws_context_destroy(context);
}
