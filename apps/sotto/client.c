#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES (256u << 20)       /* the longest reply a node gives */

struct client {
    int fd;
    json_int_t next_id, waited;           /* waited: the id of client_send, 0 = none */
    char *data;
    size_t size, cap, scanned;
    json_t *held;                         /* its reply, when it came during another call */
};

static bool absolute(const char *s) { return s && s[0] == '/'; }

/* A socket path of at most 107 bytes fits the address; 0 when it does not. */
static int try_connect(const char *path, int *error)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof to.sun_path) {
        *error = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sigset_t none, before;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &before);             /* a full queue of connections may make it wait */
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    *error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (ok) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* The places a node may have put its socket (experience.md 5.1), the likeliest first. */
static int find_socket(struct app *app, int *error)
{
    const struct options *o = &app->o;
    const char *dir = o->data ? o->data : getenv("SOTTO_DATA_DIR"), *path = o->socket;
    if (!path && !o->data) path = getenv("SOTTO_DATA_SOCKET");
    if (path && *path) {
        snprintf(app->socket, sizeof app->socket, "%s", path);
        return try_connect(app->socket, error);
    }
    if (dir && *dir) {
        snprintf(app->socket, sizeof app->socket, "%s/sotto.sock", dir);
        return try_connect(app->socket, error);
    }
    char places[4][4096] = { "", "", "", "/run/sotto/sotto.sock" };
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (absolute(runtime)) snprintf(places[0], sizeof places[0], "%s/sotto/sotto.sock", runtime);
    if (absolute(data)) snprintf(places[1], sizeof places[1], "%s/sotto/sotto.sock", data);
    else if (absolute(home)) snprintf(places[2], sizeof places[2], "%s/.local/share/sotto/sotto.sock", home);
    app->socket[0] = 0;
    for (int i = 0; i < 4; i++) {
        int why;
        if (!places[i][0]) continue;
        int fd = try_connect(places[i], &why);
        if (fd >= 0 || !app->socket[0]) {
            memcpy(app->socket, places[i], sizeof app->socket);
            *error = why;
        }
        if (fd >= 0) return fd;
        if (why == EACCES) {                              /* it is there, and not for us: say so */
            memcpy(app->socket, places[i], sizeof app->socket);
            *error = why;
            return -1;
        }
    }
    return -1;
}

int client_open(struct app *app)
{
    int why = 0, fd = find_socket(app, &why);
    if (fd < 0) {
        if (why == EACCES || why == EPERM) return REPORT(app, 1102, "verb", app->socket, "scope", "the owner of the node, or its group");
        if (why == ENAMETOOLONG) return REPORT(app, 2105, "why", "The path of the socket is longer than 107 bytes.");
        return REPORT(app, 2001, "path", app->socket, "dir", app->o.data);
    }
    struct client *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->fd = fd;
    c->next_id = 1;
    app->client = c;
    return 0;
}

void client_close(struct app *app)
{
    struct client *c = app->client;
    if (!c) return;
    close(c->fd);
    json_decref(c->held);
    if (c->data) explicit_bzero(c->data, c->cap);
    free(c->data);
    free(c);
    app->client = NULL;
}

int client_fd(const struct app *app) { return app->client->fd; }

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        struct pollfd p = { fd, POLLOUT, 0 };
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && wait_input(&p, 1, -1) > 0) continue;
        if (n <= 0) return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool send_request(struct client *c, const char *rpc, json_t *params, json_int_t id)
{
    json_t *request = json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", id, "method", rpc);
    if (params) json_object_set_new(request, "params", params);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    if (text) text[size] = '\n';                          /* in one piece: an end that comes after the answer could cost us the answer */
    bool ok = text && write_all(c->fd, text, size + 1);
    if (text) explicit_bzero(text, size + 1);             /* it may hold a passphrase */
    free(text);
    json_decref(request);
    return ok;
}

/* Takes one line out of what was read; NULL = none is complete. */
static json_t *take_line(struct client *c, bool *damaged)
{
    char *end = c->size > c->scanned ? memchr(c->data + c->scanned, '\n', c->size - c->scanned) : NULL;
    *damaged = false;
    if (!end) {
        c->scanned = c->size;
        return NULL;
    }
    size_t line = (size_t)(end - c->data);
    json_t *value = json_loadb(c->data, line, JSON_ALLOW_NUL, NULL);
    *damaged = value == NULL;
    memmove(c->data, end + 1, c->size - line - 1);
    c->size -= line + 1;
    explicit_bzero(c->data + c->size, line + 1);
    c->scanned = 0;
    return value;
}

/* Reads what is there; false: the node is gone. */
static bool read_some(struct client *c)
{
    if (c->cap - c->size < 65536) {
        size_t cap = c->cap ? 2 * c->cap : 131072;
        char *grown = cap <= LINE_MAX_BYTES ? malloc(cap) : NULL;
        if (!grown) return false;
        if (c->size) memcpy(grown, c->data, c->size);
        if (c->data) explicit_bzero(c->data, c->cap);
        free(c->data);
        c->data = grown;
        c->cap = cap;
    }
    ssize_t n = recv(c->fd, c->data + c->size, c->cap - c->size, 0);
    if (n <= 0) return false;
    c->size += (size_t)n;
    return true;
}

static json_t *error_gone(const struct app *app)
{
    json_t *data = json_pack("{s:s, s:s, s:s, s:s}", "name", "NODE_DOWN", "what", "The node ended, or closed the connection.", "why",
                             "What was under way may or may not be done.", "todo", "Look at its log, start it again: sottod.");
    (void)app;
    return json_pack("{s:i, s:s, s:o}", "code", 2001, "message", "The node ended, or closed the connection.", "data", data);
}

/* Splits a reply. */
static json_t *open_reply(struct app *app, json_t *reply, json_t **error)
{
    json_t *result = json_object_get(reply, "result"), *bad = json_object_get(reply, "error");
    *error = NULL;
    if (bad)
        *error = json_incref(bad);
    else if (result)
        json_incref(result);
    else
        *error = error_gone(app);
    json_decref(reply);
    return result && !bad ? result : NULL;
}

/* 1: a reply with one of the ids is in *out. */
static int next_reply(struct client *c, json_int_t id, json_t **out, bool block)
{
    for (;;) {
        bool damaged;
        json_t *line = take_line(c, &damaged);
        if (damaged) return -1;
        if (line) {
            const json_t *got = json_object_get(line, "id");
            if (json_is_integer(got) && json_integer_value(got) == id) {
                *out = line;
                return 1;
            }
            if (json_is_integer(got) && json_integer_value(got) == c->waited && c->waited) {
                json_decref(c->held);
                c->held = line;
                continue;
            }
            if (json_is_null(got)) {                      /* the node could not read our line: no id to tell */
                *out = line;
                return 1;
            }
            json_decref(line);                            /* a notification */
            continue;
        }
        struct pollfd p = { c->fd, POLLIN, 0 };
        if (wait_input(&p, 1, block ? -1 : 0) <= 0) return 0;
        if (!read_some(c)) return -1;
    }
}

json_t *client_call(struct app *app, const char *rpc, json_t *params, json_t **error)
{
    struct client *c = app->client;
    json_t *reply = NULL;
    json_int_t id = c->next_id++;
    *error = NULL;
    if (!send_request(c, rpc, params, id)) {
        if (!interrupted) *error = error_gone(app);
        return NULL;
    }
    int n = next_reply(c, id, &reply, true);
    if (n == 1) return open_reply(app, reply, error);
    if (n < 0) *error = error_gone(app);
    return NULL;
}

bool client_send(struct app *app, const char *rpc, json_t *params)
{
    struct client *c = app->client;
    c->waited = c->next_id++;
    return send_request(c, rpc, params, c->waited);
}

int client_poll(struct app *app, json_t **result, json_t **error)
{
    struct client *c = app->client;
    json_t *reply = c->held;
    *result = *error = NULL;
    c->held = NULL;
    if (!reply) {
        int n = next_reply(c, c->waited, &reply, false);
        if (n <= 0) return n;
    }
    c->waited = 0;
    *result = open_reply(app, reply, error);
    return 1;
}
