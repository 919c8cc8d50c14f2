/* HTTP on the doors, by libwebsockets on our loop. One context, started by the first client.
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
#define CLOSING_MAX 64u                     /* connections that were asked to end and still have their descriptor */
#define FIELD_MAX 2048u                     /* one field that the judge looks at */
#define WRITE_STEP (64u << 10)

static int on_http(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t size);

struct sotto_door_lws { struct lws_context *context; lws_retry_bo_t silence; };

static const struct lws_protocols protocols[] = { { .name = "sotto-door", .callback = on_http }, { .name = NULL } };

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
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
        sotto_door_http_end(c);
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

void sotto_door_http_end(struct sotto_door_conn *c)
{
    c->leaving = true;
    if (c->wsi) lws_set_timeout(c->wsi, PENDING_TIMEOUT_KILLED_BY_PROXY_CLIENT_CLOSE, LWS_TO_KILL_ASYNC);
}

enum sotto_err sotto_door_http_reply(struct sotto_door_conn *c, struct sotto_span json)
{
    if (c->reply) return SOTTO_ERR_STATE;
    c->type = c->more = NULL;
    return answer(c, json.size > 0 ? 200 : 204, json, true);
}

/* Says no and ends the connection; what lws wants to hear. */
static int refuse(struct sotto_door_conn *c, unsigned status, const char *text)
{
    c->type = "text/plain";
    c->more = NULL;
    return answer(c, status, sotto_span_str(text), false) == SOTTO_OK ? 0 : -1;
}

static const struct { const char *name; enum lws_token_indexes uri; } methods[] = {
    { "GET", WSI_TOKEN_GET_URI }, { "POST", WSI_TOKEN_POST_URI }, { "OPTIONS", WSI_TOKEN_OPTIONS_URI }, { "PUT", WSI_TOKEN_PUT_URI },
    { "PATCH", WSI_TOKEN_PATCH_URI }, { "DELETE", WSI_TOKEN_DELETE_URI }, { "HEAD", WSI_TOKEN_HEAD_URI }, { "CONNECT", WSI_TOKEN_CONNECT },
};

/* One field into hold; false: it is longer than FIELD_MAX. Not there: data NULL. */
static bool field(struct sotto_span *out, char hold[FIELD_MAX], struct lws *wsi, enum lws_token_indexes which)
{
    *out = sotto_span(NULL, 0);
    int size = lws_hdr_total_length(wsi, which);
    if (size <= 0) return true;                 /* an empty one counts as none */
    if (size >= (int)FIELD_MAX || lws_hdr_copy(wsi, hold, FIELD_MAX, which) != size) return false;
    *out = sotto_span(hold, (size_t)size);
    return true;
}

/* Asks the owner; false: a field is too long to judge. */
static bool judge(struct sotto_door_conn *c, struct sotto_door_verdict *v, struct lws *wsi, bool upgrade)
{
    char path[FIELD_MAX], host[FIELD_MAX], origin[FIELD_MAX], token[FIELD_MAX], type[FIELD_MAX];
    struct sotto_http_head head = { .local = !c->tcp, .upgrade = upgrade, .method = "" };
    enum lws_token_indexes uri = WSI_TOKEN_GET_URI;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0] && !head.method[0]; i++) {
        if (lws_hdr_total_length(wsi, methods[i].uri) <= 0) continue;
        head.method = methods[i].name;
        uri = methods[i].uri;
    }
    bool fits = field(&head.path, path, wsi, uri) && field(&head.host, host, wsi, WSI_TOKEN_HOST) && field(&head.origin, origin, wsi, WSI_TOKEN_ORIGIN) &&
                field(&head.authorization, token, wsi, WSI_TOKEN_HTTP_AUTHORIZATION) && field(&head.content_type, type, wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
    *v = (struct sotto_door_verdict){ .way = SOTTO_DOOR_REFUSE, .status = 431, .body = sotto_buf_make(c->door->config.message_max), .who = SOTTO_DOOR_NOBODY };
    if (fits) c->door->config.judge(c->door->config.ctx, v, &head);
    explicit_bzero(token, sizeof token);
    explicit_bzero(path, sizeof path);          /* may hold one, too */
    c->passed |= v->way != SOTTO_DOOR_REFUSE;
    c->who = v->who;
    c->type = v->type;
    c->more = v->more;
    return fits;
}

/* The request line and headers are here. Returns what lws wants: 0 to go on. */
static int on_request(struct sotto_door_conn *c, struct lws *wsi)
{
    struct sotto_door *door = c->door;
    struct sotto_door_verdict v;
    char length[24], text[80];
    int length_size = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    c->body.size = 0;
    c->complete = false;
    if (c->reply) return -1;                /* cannot be: the transaction before is not over */
    judge(c, &v, wsi, false);
    bool bodied = length_size > 0 || lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
    if (door->freed || v.way == SOTTO_DOOR_WEBSOCKET) {
        sotto_buf_free(&v.body);
        return -1;
    }
    if (v.way != SOTTO_DOOR_CALL) {
        int result = 0;
        c->complete = !bodied;
        if (v.way == SOTTO_DOOR_ANSWER && bodied) result = refuse(c, 400, "");
        else if (answer(c, v.status, sotto_buf_span(&v.body), v.way == SOTTO_DOOR_ANSWER) != SOTTO_OK) result = -1;
        sotto_buf_free(&v.body);
        return result;
    }
    sotto_buf_free(&v.body);
    if (length_size <= 0 || lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) return refuse(c, 411, "");
    if (lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || strspn(length, "0123456789") != strlen(length))
        return refuse(c, 400, "");
    if (strlen(length) > 12 || strtoull(length, NULL, 10) > door->config.message_max) {
        lws_snprintf(text, sizeof text, "content length too large (%s>%zu)", length, door->config.message_max);
        return refuse(c, 413, text);
    }
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
    char type[80];
    lws_snprintf(type, sizeof type, "Content-Type: %s\r\n", c->type ? c->type : "application/json");
    int n = lws_snprintf((char *)head + LWS_PRE, 512, "HTTP/1.1 %u %s\r\n%sContent-Length: %zu\r\nCache-Control: no-store\r\n"
                         "X-Content-Type-Options: nosniff\r\n%s%s\r\n", c->status, reason_of(c->status),
                         c->reply->size > 0 ? type : "", c->reply->size, c->keep ? "" : "Connection: close\r\n", c->more ? c->more : "");
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

/* A head that asks for a WebSocket: 0 lets it become one. A refusal leaves at once: lws has no later turn for it. */
static int on_upgrade(struct sotto_door_conn *c, struct lws *wsi, const char *to)
{
    struct sotto_door_verdict v;
    c->wsi = wsi;
    if (c->door->draining || c->door->freed || strcasecmp(to, "websocket") != 0) return -1;              /* h2c is not spoken here */
    judge(c, &v, wsi, true);
    bool refused = !c->door->freed && v.way != SOTTO_DOOR_WEBSOCKET;
    if (refused && answer(c, v.status, sotto_buf_span(&v.body), false) == SOTTO_OK && write_head(c, wsi) == 0 && c->reply->size > 0)
        (void)!lws_write(wsi, c->reply->data + LWS_PRE, c->reply->size, LWS_WRITE_HTTP_FINAL);
    sotto_buf_free(&v.body);
    return refused || c->door->freed ? -1 : 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t size)
{
    (void)user;
    struct sotto_door_conn *c = lws_get_opaque_user_data(wsi);
    if (!c) return 0;                       /* the library's own, or before it is adopted */
    c->known = true;
    switch ((int)why) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(c, wsi, in);
    case LWS_CALLBACK_HTTP:
        c->wsi = wsi;
        return c->door->draining || c->door->freed ? -1 : on_request(c, wsi);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(c, sotto_span(in, size));
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return on_body_complete(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(c, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        sotto_door_ws_opened(c);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return sotto_door_ws_came(c, wsi, sotto_span(in, size));
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return sotto_door_ws_writable(c, wsi);
    case LWS_CALLBACK_TIMER:
        return sotto_door_ws_deadline(c);
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        sotto_door_conn_unlink(c);
        return 0;
    default:
        return 0;
    }
}

static void destroy_again(void *arg)
{
    struct sotto_door_lws *lws = arg;
    lws_context_destroy(lws->context);
    free(lws);
}

static enum sotto_err start(struct sotto_door *door)
{
    void *loops[1] = { sotto_loop_uv(door->config.loop) };
    struct lws_context_creation_info info = { 0 };
    struct sotto_door_lws *lws = calloc(1, sizeof *lws);
    unsigned conns = door->config.conns_max + door->config.http_conns_max;
    if (!lws) return SOTTO_ERR_NOMEM;
    lws->silence.secs_since_valid_ping = (uint16_t)door->config.idle_s;
    lws->silence.secs_since_valid_hangup = (uint16_t)(door->config.idle_s + (door->config.idle_s + 1) / 2);
    lws_set_log_level(0, NULL);             /* its lines quote requests: nothing of it may reach a log */
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8;
    info.foreign_loops = loops;
    info.fd_limit_per_thread = conns + CLOSING_MAX;
    info.max_http_header_data = HEAD_MAX;
    info.max_http_header_pool = conns > 0xfff0 ? 0xfff0 : (unsigned short)conns;
    info.pt_serv_buf_size = 16384;
    info.timeout_secs = door->config.message_s;
    info.timeout_secs_ah_idle = door->config.message_s;
    info.keepalive_timeout = (int)door->config.idle_s;
    info.retry_and_idle_policy = &lws->silence;
    lws->context = lws_create_context(&info);
    struct lws_vhost *vhost = lws->context ? lws_create_vhost(lws->context, &info) : NULL;
    if (!lws->context || sotto_loop_at_end(door->config.loop, destroy_again, lws) != SOTTO_OK) {
        if (lws->context) lws_context_destroy(lws->context);
        free(lws);
        return SOTTO_ERR_IO;
    }
    if (!vhost) {
        lws_context_destroy(lws->context);
        return SOTTO_ERR_IO;
    }
    door->lws = lws;
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
    struct sotto_door_lws *lws = door->lws;
    door->lws = NULL;
    if (lws) lws_context_destroy(lws->context);
}
