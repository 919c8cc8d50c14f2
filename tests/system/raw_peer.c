#include "raw_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct sotto_chacha_rng dice;
struct sotto_enode target;
const char *program = "peer";
int patience_s = 2;
uint64_t connections, refused, handshakes, cut_off, sent_bytes;

void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", program, what);
    exit(2);
}
void must(enum sotto_err err)
{
    if (err != SOTTO_OK) fail(sotto_err_name(err));
}
uint64_t mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- sockets ---- */

int dial(int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(target.addr.port) };
    struct timeval patience = { .tv_sec = patience_s };
    memcpy(&to.sin_addr, target.addr.ip, 4);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    connections++;
    return fd;
}

bool say(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, (const uint8_t *)data + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += (size_t)n;
        sent_bytes += (uint64_t)n;
    }
    return true;
}
bool hear(int fd, void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = recv(fd, (uint8_t *)data + at, size - at, 0);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}
/* ---- a peer, step by step ---- */

void peer_end(struct peer *p)
{
    if (p->framed) sotto_frames_end(&p->f);
    if (p->keyed) sotto_rlpx_end(&p->x);
    if (p->fd >= 0) close(p->fd);
    *p = (struct peer){ .fd = -1 };
}

bool peer_dial(struct peer *p, int receive_buffer)
{
    struct sotto_point point;
    *p = (struct peer){ .fd = dial(receive_buffer) };
    if (p->fd < 0) {
        refused++;
        return false;
    }
    sotto_scalar_random(&p->key, &dice.rng);
    must(sotto_point_make(&point, &p->key));
    must(sotto_point_to64(p->pub, &point));
    sotto_rlpx_begin(&p->x, SOTTO_RLPX_DIALER, &p->key, &dice.rng);
    p->keyed = true;
    must(sotto_rlpx_write_auth(&p->x, target.key, &dice.rng));
    return true;
}

bool peer_keys(struct peer *p)
{
    uint8_t bytes[SOTTO_RLPX_PACKET_MAX];
    struct sotto_rlpx_secrets secrets;
    size_t have = 0, need = SOTTO_RLPX_FIRST_NEED;
    enum sotto_err err;
    if (!say(p->fd, p->x.auth.data, p->x.auth.size)) return false;
    do {
        if (need > sizeof bytes || !hear(p->fd, bytes + have, need - have)) return false;
        have = need;
        err = sotto_rlpx_read(&p->x, &need, sotto_span(bytes, have));
    } while (err == SOTTO_ERR_AGAIN);
    if (err != SOTTO_OK) return false;
    must(sotto_rlpx_secrets(&secrets, &p->x));
    must(sotto_frames_begin(&p->f, &secrets));
    p->framed = true;
    return true;
}

bool send_plain(struct peer *p, unsigned code, struct sotto_span payload)
{
    struct sotto_buf wire = sotto_buf_make(WIRE_MAX);
    must(sotto_frame_write(&p->f, &wire, code, payload));
    bool good = say(p->fd, wire.data, wire.size);
    sotto_buf_free(&wire);
    return good;
}
bool send_block(struct peer *p, unsigned code, struct sotto_span payload)
{
    struct sotto_buf block = sotto_buf_make(WIRE_MAX);
    must(sotto_snappy_deflate(&block, payload));
    bool good = send_plain(p, code, sotto_buf_span(&block));
    sotto_buf_free(&block);
    return good;
}

static bool hear_any(struct peer *p, uint32_t *code, struct sotto_buf *into)
{
    uint8_t head[SOTTO_FRAME_HEAD];
    uint32_t size;
    struct sotto_span payload;
    if (!hear(p->fd, head, sizeof head) || sotto_frame_head(&p->f, &size, head) != SOTTO_OK) return false;
    uint8_t *rest = malloc(sotto_frame_rest(size));
    bool good = rest && hear(p->fd, rest, sotto_frame_rest(size)) && sotto_frame_body(&p->f, code, &payload, rest, size) == SOTTO_OK &&
                *code != SOTTO_CODE_DISCONNECT && (!into || sotto_snappy_inflate(into, payload, WIRE_MAX) == SOTTO_OK);
    free(rest);
    return good;
}

bool hear_frame(struct peer *p)
{
    uint32_t code;
    return hear_any(p, &code, NULL);
}

bool hear_packet(struct peer *p, uint32_t *code, struct sotto_buf *payload)
{
    payload->size = 0;
    return hear_any(p, code, payload);
}

void hello_make(struct sotto_buf *out, const struct peer *p, const char *capability, unsigned version)
{
    struct sotto_capability shh = { .name = capability, .version = version, .codes = SOTTO_SHH_CODES };
    must(sotto_hello_write(out, &shh, 1, 0, p->pub));
}

bool peer_hello(struct peer *p)
{
    struct sotto_buf hello = sotto_buf_make(SOTTO_HELLO_PAYLOAD_MAX);
    hello_make(&hello, p, "shh", 6);
    bool good = send_plain(p, SOTTO_CODE_HELLO, sotto_buf_span(&hello)) && hear_frame(p);
    sotto_buf_free(&hello);
    return good;
}

bool peer_status(struct peer *p)
{
    struct sotto_buf status = sotto_buf_make(64);
    must(sotto_rlp_add_uint(&status, 6));
    must(sotto_rlp_add_uint(&status, 0));
    must(sotto_rlp_end_list(&status, 0));
    bool good = send_block(p, SHH_FIRST + SOTTO_SHH_STATUS, sotto_buf_span(&status)) && hear_frame(p);
    sotto_buf_free(&status);
    return good;
}

bool peer_up(struct peer *p, int receive_buffer)
{
    bool good = peer_dial(p, receive_buffer) && peer_keys(p) && peer_hello(p) && peer_status(p);
    if (good) handshakes++;
    else if (p->fd >= 0) {
        cut_off++;
        peer_end(p);
    }
    return good;
}

/* ---- an envelope ---- */

void native_add(struct sotto_buf *out, const uint8_t data[SOTTO_NATIVE_DATA])
{
    struct sotto_buf prefix = sotto_buf_make(SOTTO_NATIVE_SHORT);
    struct sotto_envelope e = { .expiry = (uint32_t)time(NULL) + SOTTO_NATIVE_TTL_S - 5, .ttl = SOTTO_NATIVE_TTL_S, .data = sotto_span(data, SOTTO_NATIVE_DATA) };
    sotto_rng_fill(&dice.rng, e.topic, sizeof e.topic);
    must(sotto_envelope_short(&prefix, &e));
    must(sotto_work_search(&e.nonce, sotto_buf_span(&prefix), 1ull << 60, TEST_WORK_BITS, NULL));
    must(sotto_envelope_encode(out, &e));
    sotto_buf_free(&prefix);
}
