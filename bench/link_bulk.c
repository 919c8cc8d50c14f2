#include "bench/link_bulk.h"

#include "bench/bench.h"
#include "crypto/rng.h"
#include "io/loop.h"
#include "io/tcp.h"
#include "p2p/host.h"
#include "relay/links.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
    PIECE = SOTTO_RL_PIECE,                       /* of a file; also the largest record of TLS */
    AHEAD = 32 * PIECE,                           /* what waits in the link at most: it is never without */
    RATE = UINT32_MAX / 16,                       /* bytes and cells a second: STATUS 03 offers the most, so no bucket is ever empty */
    QUEUE_MAX = 4 << 20,
    BARE_HEAD = 3                                 /* of a payload without RLPx: code(1) || size(2) */
};

static const struct sotto_addr loopback = { .ip = { 127, 0, 0, 1 }, .family = 4 };

struct end {
    bool sends, bare;
    struct sotto_chacha_rng rng;
    struct sotto_scalar key;
    struct sotto_point pub;
    struct sotto_loop *loop;
    struct sotto_io_net *net;
    struct sotto_timer *timer;
    struct sotto_outq out;
    struct sotto_links *links;                    /* with RLPx */
    struct sotto_host *host;
    struct sotto_rl *link;                        /* without */
    struct sotto_rl_budget budget;
    struct sotto_buf in, frames;
    size_t backlog;
    uint32_t peer;
    struct sotto_now now;                         /* of the call in progress */
    bool up;
    struct sotto_buf body;                        /* a BLOB: what is sent again and again */
    size_t left;                                  /* bytes that are still to be sent, or to come */
    struct end *other;
    uint64_t cpu_ns, clock_us;                    /* at the beginning; then what it took */
};

static void done(void *arg)
{
    struct end *e = arg;
    e->cpu_ns = bench_now_ns() - e->cpu_ns;
    e->clock_us = sotto_io_now().mono_us - e->clock_us;
    sotto_loop_stop(e->loop);
}

static void is_up(struct end *e)
{
    e->up = true;
    e->cpu_ns = bench_now_ns();
    e->clock_us = e->now.mono_us;
}

static void got(struct end *e, const struct sotto_rl_message *m)
{
    SOTTO_ASSERT(!e->sends && m->code == SOTTO_RL_BLOB && m->body->blob.piece.size == PIECE && e->left >= PIECE);
    e->left -= PIECE;
    if (e->left > 0) return;
    done(e);
    enum sotto_err err = sotto_loop_post(e->other->loop, done, e->other);
    SOTTO_ASSERT(err == SOTTO_OK);
}

static size_t waiting(const struct end *e)
{
    struct sotto_rl_info info;
    if (e->bare) sotto_rl_info(e->link, &info);
    else if (!sotto_links_info(e->links, e->peer, &info)) return AHEAD;
    return info.waiting[2];
}

static void feed(struct end *e)
{
    while (e->sends && e->up && e->left > 0 && waiting(e) < AHEAD) {
        struct sotto_span body = sotto_buf_span(&e->body);
        enum sotto_err err = e->bare ? sotto_rl_send(e->link, SOTTO_RL_BLOB, body) : sotto_links_send(e->links, e->peer, SOTTO_RL_BLOB, body, e->now);
        SOTTO_ASSERT(err == SOTTO_OK);
        e->left -= PIECE;
    }
}

static void perform(struct end *e)
{
    for (uint32_t i = 0; i < e->out.count; i++) {
        bool ours = sotto_io_net_perform(e->net, &e->out.slots[i]);
        SOTTO_ASSERT(ours || e->out.slots[i].kind == SOTTO_OUT_PEER);
    }
    sotto_outq_clear(&e->out);
}

/* ---- with RLPx: as sottod does it ---- */

static void links_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct end *e = owner;
    (void)now;
    e->peer = peer;
    is_up(e);
}
static void links_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now)
{
    (void)peer, (void)now;
    got(owner, m);
}

static void full_step(struct end *e, const struct sotto_in *in)
{
    sotto_links_enter(e->links, &e->out);
    sotto_host_step(e->host, in, e->now, &e->out);
    feed(e);
    sotto_links_tick(e->links, e->now);
    sotto_links_enter(e->links, NULL);
    uint64_t host = sotto_host_deadline(e->host), links = sotto_links_deadline(e->links);
    sotto_timer_set(e->timer, host < links ? host : links);
}

/* ---- without: payloads one behind the other ---- */

static void bare_frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct end *e = owner;
    uint8_t head[BARE_HEAD] = { (uint8_t)code };
    sotto_put_be16(head + 1, (uint16_t)payload.size);
    enum sotto_err err = sotto_buf_add(&e->frames, head, sizeof head);
    if (err == SOTTO_OK) err = sotto_buf_add_span(&e->frames, payload);
    SOTTO_ASSERT(err == SOTTO_OK);
}
static void bare_up(void *owner) { is_up(owner); }
static void bare_message(void *owner, const struct sotto_rl_message *m) { got(owner, m); }
static void bare_pause(void *owner, uint64_t until_us) { (void)owner, (void)until_us; }
static void bare_ended(void *owner, enum sotto_err err)
{
    (void)owner;
    SOTTO_ASSERT(err == SOTTO_OK);                /* it does not end */
}

static void bare_data(struct end *e, struct sotto_span bytes)
{
    enum sotto_err err = sotto_buf_add_span(&e->in, bytes);
    size_t at = 0;
    SOTTO_ASSERT(err == SOTTO_OK);
    while (e->in.size - at >= BARE_HEAD) {
        const uint8_t *head = e->in.data + at;
        size_t size = sotto_be16(head + 1);
        if (e->in.size - at - BARE_HEAD < size) break;
        sotto_rl_frame(e->link, head[0], sotto_span(head + BARE_HEAD, size), e->now);
        at += BARE_HEAD + size;
    }
    sotto_buf_drop(&e->in, at);
}

static void bare_step(struct end *e, const struct sotto_in *in)
{
    if (in->kind == SOTTO_IN_ACCEPTED || in->kind == SOTTO_IN_OPENED) sotto_rl_begin(e->link, e->now);
    if (in->kind == SOTTO_IN_SENT) e->backlog -= in->token;
    sotto_rl_room(e->link, e->backlog < SOTTO_LINKS_AHEAD ? SOTTO_LINKS_AHEAD - e->backlog : 0);
    if (in->kind == SOTTO_IN_DATA) bare_data(e, in->bytes);
    feed(e);
    sotto_rl_tick(e->link, e->now);
    sotto_timer_set(e->timer, sotto_rl_deadline(e->link));
    if (e->frames.size == 0) return;
    struct sotto_out *o = sotto_outq_add(&e->out, SOTTO_OUT_SEND);
    SOTTO_ASSERT(o);
    o->conn = 1;
    o->bytes = e->frames;
    e->backlog += e->frames.size;
    e->frames = sotto_buf_make(QUEUE_MAX);
}

/* ---- an end ---- */

static void input(void *ctx, const struct sotto_in *in, struct sotto_now now)
{
    struct end *e = ctx;
    SOTTO_ASSERT(in->kind != SOTTO_IN_CLOSED);
    e->now = now;
    if (e->bare) bare_step(e, in);
    else full_step(e, in);
    perform(e);
}
static void timer(void *ctx, struct sotto_now now) { input(ctx, &(struct sotto_in){ .kind = SOTTO_IN_TICK }, now); }
static uint32_t next_conn(void *ctx)
{
    struct end *e = ctx;
    return e->bare ? 1 : sotto_host_next_conn(e->host);
}

static struct sotto_rl_options options(void)
{
    struct sotto_rl_options o = sotto_rl_options();
    o.has = SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3);
    o.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    o.cells_rate = o.bytes_rate = RATE;
    return o;
}

void bulk_body(struct sotto_buf *out)
{
    static const uint8_t id[32], piece[PIECE];
    *out = sotto_buf_make(2 * PIECE);
    size_t mark = sotto_rlp_begin(out);
    bool made = sotto_rlp_add_uint(out, 1) == SOTTO_OK && sotto_rlp_add_bytes(out, SOTTO_SPAN(id)) == SOTTO_OK && sotto_rlp_add_uint(out, PIECE) == SOTTO_OK
        && sotto_rlp_add_bytes(out, SOTTO_SPAN(piece)) == SOTTO_OK && sotto_rlp_end_list(out, mark) == SOTTO_OK;
    SOTTO_ASSERT(made);
}

static enum sotto_err make_core(struct end *e)
{
    if (e->bare) {
        const struct sotto_rl_config c = { .dialled = e->sends, .key = &e->key, .own_pub = e->pub, .peer_pub = e->other->pub, .options = options(),
                                           .budget = &e->budget, .rng = &e->rng.rng,
                                           .sink = { e, bare_frame, bare_up, bare_message, bare_pause, bare_ended } };
        return sotto_rl_new(&e->link, &c, sotto_io_now());
    }
    struct sotto_links_config c = { .key = e->key, .options = options(), .rng = &e->rng.rng, .owner = e, .up = links_up, .message = links_message };
    SOTTO_TRY(sotto_links_new(&e->links, &c));
    struct sotto_host_config h = { .key = e->key, .local = true, .inbound_max = 4, .outbound_max = 4, .static_max = 4, .message_max = 10u << 20,
                                   .listen_port = 1, .rng = &e->rng.rng, .capability_count = 1, .capabilities = sotto_links_capability(e->links) };
    SOTTO_TRY(sotto_host_new(&e->host, &h));
    sotto_links_attach(e->links, e->host);
    return SOTTO_OK;
}

static void end_begin(struct end *e)
{
    struct sotto_io_net_config net = { .local = true, .accept_max = 4, .conn_max = 8, .queue_max = QUEUE_MAX, .ctx = e, .next_conn = next_conn, .input = input };
    e->out = sotto_outq_make(65536);
    e->in = e->frames = sotto_buf_make(QUEUE_MAX);
    e->budget.max = SOTTO_RL_BUDGET_MAX;
    bulk_body(&e->body);
    enum sotto_err err = make_core(e);
    if (err == SOTTO_OK) err = sotto_loop_new(&e->loop);
    net.loop = e->loop;
    if (err == SOTTO_OK) err = sotto_io_net_new(&e->net, &net);
    if (err == SOTTO_OK) err = sotto_timer_new(&e->timer, e->loop, timer, e);
    SOTTO_ASSERT(err == SOTTO_OK);
}

static void end_finish(struct end *e)
{
    sotto_timer_free(e->timer);
    sotto_io_net_free(e->net);
    sotto_loop_free(e->loop);
    sotto_host_free(e->host);
    sotto_links_free(e->links);
    sotto_rl_free(e->link);
    sotto_outq_free(&e->out);
    sotto_buf_free(&e->in);
    sotto_buf_free(&e->frames);
    sotto_buf_free(&e->body);
}

static void *run_loop(void *arg)
{
    struct end *e = arg;
    sotto_loop_run(e->loop);
    return NULL;
}

static void dial(struct end *from, const struct sotto_addr *addr)
{
    struct sotto_enode node = { .addr = *addr };
    enum sotto_err err = sotto_point_to64(node.key, &from->other->pub);
    if (from->bare) {
        struct sotto_out *o = sotto_outq_add(&from->out, SOTTO_OUT_DIAL);
        SOTTO_ASSERT(o);
        o->conn = 1;
        o->addr = *addr;
    } else if (err == SOTTO_OK) {
        err = sotto_host_add(from->host, &node, sotto_io_now(), &from->out);
    }
    SOTTO_ASSERT(err == SOTTO_OK);
    perform(from);
}

static void run_ends(struct end ends[2], bool bare, size_t bytes)
{
    struct sotto_addr bound;
    pthread_t thread;
    for (unsigned i = 0; i < 2; i++) {
        struct end *e = &ends[i];
        *e = (struct end){ .sends = i == 0, .bare = bare, .left = bytes, .other = &ends[!i] };
        sotto_rng_from_seed(&e->rng, i, "bulk");
        sotto_scalar_random(&e->key, &e->rng.rng);
        enum sotto_err err = sotto_point_make(&e->pub, &e->key);
        SOTTO_ASSERT(err == SOTTO_OK);
    }
    for (unsigned i = 0; i < 2; i++) end_begin(&ends[i]);
    enum sotto_err err = sotto_io_net_listen(ends[1].net, &bound, &loopback);
    SOTTO_ASSERT(err == SOTTO_OK);
    dial(&ends[0], &bound);
    int begun = pthread_create(&thread, NULL, run_loop, &ends[1]);
    SOTTO_ASSERT(begun == 0);
    run_loop(&ends[0]);
    begun = pthread_join(thread, NULL);
    SOTTO_ASSERT(begun == 0);
    for (unsigned i = 0; i < 2; i++) end_finish(&ends[i]);
}

/* ---- TLS ---- */

struct tls_end { int fd; SSL_CTX *ctx; bool sends; size_t bytes; uint64_t cpu_ns, clock_us; };

static void *run_tls(void *arg)
{
    struct tls_end *e = arg;
    static const uint8_t piece[PIECE];
    static _Thread_local uint8_t into[4 * PIECE];
    SSL *ssl = SSL_new(e->ctx);
    int ok = ssl && SSL_set_fd(ssl, e->fd) && (e->sends ? SSL_connect(ssl) : SSL_accept(ssl)) == 1;
    SOTTO_ASSERT(ok && strcmp(SSL_get_cipher(ssl), "TLS_AES_256_GCM_SHA384") == 0);
    e->cpu_ns = bench_now_ns();
    e->clock_us = sotto_io_now().mono_us;
    for (size_t left = e->bytes; left > 0;) {
        int size = e->sends ? SSL_write(ssl, piece, sizeof piece) : SSL_read(ssl, into, sizeof into);
        SOTTO_ASSERT(size > 0 && (size_t)size <= left);
        left -= (size_t)size;
    }
    e->cpu_ns = bench_now_ns() - e->cpu_ns;
    e->clock_us = sotto_io_now().mono_us - e->clock_us;
    SSL_free(ssl);
    return NULL;
}

static SSL_CTX *tls_context(const SSL_METHOD *method, EVP_PKEY *key, X509 *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    int ok = ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) && SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384")
        && (!key || (SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key)));
    SOTTO_ASSERT(ok);
    SSL_CTX_set_read_ahead(ctx, 1);               /* one read for a record: its quicker form */
    return ctx;
}

static void sockets(int fd[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int on = 1, door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(door, (struct sockaddr *)&at, size) == 0 && listen(door, 1) == 0 && getsockname(door, (struct sockaddr *)&at, &size) == 0
        && connect(fd[0], (struct sockaddr *)&at, size) == 0;
    fd[1] = ok ? accept(door, NULL, NULL) : -1;
    SOTTO_ASSERT(fd[1] >= 0);
    for (unsigned i = 0; i < 2; i++) setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(door);
}

static void run_both(struct tls_end ends[2], size_t bytes)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int fd[2], ok = key && cert && X509_set_pubkey(cert, key) && X509_gmtime_adj(X509_getm_notBefore(cert), 0)
        && X509_gmtime_adj(X509_getm_notAfter(cert), 3600) && X509_sign(cert, key, EVP_sha256());
    SOTTO_ASSERT(ok);
    sockets(fd);
    for (unsigned i = 0; i < 2; i++)
        ends[i] = (struct tls_end){ .fd = fd[i], .sends = i == 0, .bytes = bytes,
                                    .ctx = tls_context(i == 0 ? TLS_client_method() : TLS_server_method(), i == 0 ? NULL : key, cert) };
    pthread_t thread;
    ok = pthread_create(&thread, NULL, run_tls, &ends[1]);
    SOTTO_ASSERT(ok == 0);
    run_tls(&ends[0]);
    ok = pthread_join(thread, NULL);
    SOTTO_ASSERT(ok == 0);
    for (unsigned i = 0; i < 2; i++) {
        close(fd[i]);
        SSL_CTX_free(ends[i].ctx);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

struct bulk bulk_run(enum bulk_way way, size_t bytes)
{
    static struct end ends[2];
    struct tls_end tls[2];
    uint64_t cpu[2], clock_us;
    bytes -= bytes % PIECE;
    if (way == BULK_TLS) {
        run_both(tls, bytes);
        cpu[0] = tls[0].cpu_ns, cpu[1] = tls[1].cpu_ns, clock_us = tls[1].clock_us;
    } else {
        run_ends(ends, way == BULK_CELLS, bytes);
        cpu[0] = ends[0].cpu_ns, cpu[1] = ends[1].cpu_ns, clock_us = ends[1].clock_us;
    }
    double mib = (double)bytes / (1 << 20), most = (double)(cpu[0] > cpu[1] ? cpu[0] : cpu[1]);
    return (struct bulk){ (double)bytes * 1e9 / most, (double)cpu[0] / 1e3 / mib, (double)cpu[1] / 1e3 / mib, (double)bytes * 1e6 / (double)clock_us };
}
