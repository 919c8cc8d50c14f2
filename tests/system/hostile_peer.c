/* A peer that speaks RLPx and shh/6 well enough to be let in, and then misbehaves: the attacker of tests/system/hostile_peers.py.
 *
 *     hostile_peer ENODE ACTION SECONDS COUNT SEED
 *
 * flood comes anew under another key when it is not taken from for some seconds; press stays and waits, and ends with SIGTERM, too.
 * longest, small, large and native keep to every rule and pay for what they send; for these COUNT is the network's relay.work.
 * Blocking sockets, one thread, every connection under a key of its own. Does ACTION again and again for SECONDS (or COUNT times, if
 * that comes first; 0 = no bound) and prints one line of JSON: what it managed to do. Ends with 0 unless it could not even begin. */
#include "raw_peer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOOD_PACKET 200u                 /* envelopes of one packet */
#define POUR_PACKET 10u
#define POUR_US 300000u                   /* what is made is sent after so long, however little */
#define LARGE_DATA 32768u                 /* a 32nd of the smallest pool */
#define CROWD_MAX 512u
#define PATIENCE 6u                       /* times SECONDS: what rubbish and churn take on a slow machine until COUNT is reached */
#define PRESS_PATIENCE_S 600              /* who presses waits for its turn rather than come anew */

static uint64_t until_us, envelopes;
static volatile sig_atomic_t ended;       /* SIGTERM: enough */

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
    alarm(1);                             /* and again: a call that begins after this one hears it, too */
}
static bool time_left(void) { return !ended && mono_us() < until_us; }

static void say_noise(int fd, size_t size)
{
    uint8_t bytes[4096];
    for (; size > 0; size -= size < sizeof bytes ? size : sizeof bytes) {
        sotto_rng_fill(&dice.rng, bytes, sizeof bytes);
        if (!say(fd, bytes, size < sizeof bytes ? size : sizeof bytes)) return;
    }
}
/* Whatever comes, until the other side closes or falls silent. */
static void hear_out(int fd)
{
    uint8_t bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) { }
}

/* ---- envelopes ---- */

enum kind { GOOD, EXPIRED, LOW_WORK, ENDLESS, LONGEST, SMALL, LARGE };

static void envelope_add(struct sotto_buf *out, enum kind kind)
{
    uint8_t data[SOTTO_NATIVE_DATA];
    struct sotto_buf prefix = sotto_buf_make(SOTTO_NATIVE_SHORT);
    struct sotto_envelope e = { .ttl = SOTTO_NATIVE_TTL_S, .data = SOTTO_SPAN(data) };
    uint32_t now_s = (uint32_t)time(NULL);
    e.expiry = kind == EXPIRED ? now_s - 60 : now_s + SOTTO_NATIVE_TTL_S - 5;
    if (kind == ENDLESS) e.ttl = 0;
    sotto_rng_fill(&dice.rng, data, sizeof data);
    sotto_rng_fill(&dice.rng, e.topic, sizeof e.topic);
    must(sotto_envelope_short(&prefix, &e));
    must(sotto_work_search(&e.nonce, sotto_buf_span(&prefix), 1ull << 60, TEST_WORK_BITS, NULL));
    while (kind == LOW_WORK && sotto_envelope_zeros(&e) > 0) e.nonce++;
    must(sotto_envelope_encode(out, &e));
    sotto_buf_free(&prefix);
    envelopes++;
}

/* As honest work would be asked for by this network: GOOD, LONGEST (a day), SMALL, LARGE; work_bits = its relay.work. False: time
 * was up before the work was done. */
static bool envelope_pay(struct sotto_buf *out, enum kind kind, unsigned work_bits)
{
    static uint8_t data[LARGE_DATA];
    size_t size = kind == LARGE ? sizeof data : kind == SMALL ? 8 : SOTTO_NATIVE_DATA;
    uint32_t ttl = kind == LONGEST ? SOTTO_POOL_TTL_MAX_S : SOTTO_NATIVE_TTL_S;
    struct sotto_buf prefix = sotto_buf_make(size + SOTTO_ENVELOPE_RLP_EXTRA);
    struct sotto_envelope e = { .expiry = (uint32_t)time(NULL) - 1 + ttl, .ttl = ttl, .data = sotto_span(data, size) };
    sotto_rng_fill(&dice.rng, data, size);
    sotto_rng_fill(&dice.rng, e.topic, sizeof e.topic);
    double floor = sotto_rating(work_bits, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S, 0);
    must(sotto_envelope_short(&prefix, &e));
    struct sotto_work w;
    enum sotto_err err = SOTTO_ERR_AGAIN;
    sotto_work_init(&w, sotto_buf_span(&prefix), 1ull << 60, sotto_work_bits(floor, prefix.size, ttl));
    while (err == SOTTO_ERR_AGAIN && time_left()) err = sotto_work_step(&w, &e.nonce, SOTTO_WORK_CHUNK);
    sotto_buf_free(&prefix);
    if (err != SOTTO_OK) return false;
    must(sotto_envelope_encode(out, &e));
    envelopes++;
    return true;
}

static void packet_make(struct sotto_buf *packet, enum kind kind, unsigned count)
{
    packet->size = 0;
    size_t mark = sotto_rlp_begin(packet);
    for (unsigned i = 0; i < count; i++) envelope_add(packet, kind);
    must(sotto_rlp_end_list(packet, mark));
}

static void flood(enum kind kind)
{
    struct peer p;
    struct sotto_buf packet = sotto_buf_make(WIRE_MAX);
    if (!peer_up(&p, 0)) {
        usleep(20000);                            /* an attacker that is refused all the time needs no whole core of the test machine */
        return;
    }
    while (time_left()) {
        struct pollfd in = { .fd = p.fd, .events = POLLIN };
        while (poll(&in, 1, 0) == 1 && hear_frame(&p)) { }
        packet_make(&packet, kind, FLOOD_PACKET);
        if (!send_block(&p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_buf_span(&packet))) {
            cut_off += !ended;
            break;
        }
    }
    sotto_buf_free(&packet);
    peer_end(&p);
}

/* Keeps to the rate of a link and to the floor, so that nobody cuts it off: what it brings must be taken or turned away by the pool. */
static void pour(enum kind kind, unsigned work_bits)
{
    struct peer p;
    struct sotto_buf packet = sotto_buf_make(WIRE_MAX);
    uint64_t began = mono_us(), brought = 0;
    if (!peer_up(&p, 0)) {
        usleep(20000);
        return;
    }
    while (time_left()) {
        struct pollfd in = { .fd = p.fd, .events = POLLIN };
        while (poll(&in, 1, 100) == 1 && hear_frame(&p)) { }
        uint64_t may = SOTTO_SHH_RATE * SOTTO_SHH_BURST_S - POUR_PACKET + SOTTO_SHH_RATE * (mono_us() - began) / 1000000u;
        if (brought >= may) continue;
        packet.size = 0;
        size_t mark = sotto_rlp_begin(&packet);
        for (uint64_t from = mono_us(), first = brought; brought < first + POUR_PACKET && mono_us() < from + POUR_US; brought++)
            if (!envelope_pay(&packet, kind, work_bits)) break;
        must(sotto_rlp_end_list(&packet, mark));
        if (!send_block(&p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_buf_span(&packet))) {
            cut_off++;
            break;
        }
    }
    sotto_buf_free(&packet);
    peer_end(&p);
}

/* ---- rubbish at every stage ---- */

static void rubbish_before_keys(struct peer *p, unsigned shape)
{
    uint8_t *auth = p->x.auth.data;
    size_t size = p->x.auth.size;
    switch (shape) {
    case 0: say_noise(p->fd, 1 + below(4000)); break;
    case 1: say(p->fd, auth, 1 + below(size - 1)); break;                 /* cut off, then the line closes */
    case 2:
        auth[below(size)] ^= (uint8_t)(1u << below(8));
        say(p->fd, auth, size);
        break;
    case 3: say(p->fd, "\xff\xff", 2); say_noise(p->fd, 70000); break;    /* the largest packet that can be announced */
    default: say(p->fd, auth, size); say_noise(p->fd, 1 + below(600)); break;     /* frames before their keys are known */
    }
}

static void rubbish_in_hello(struct peer *p, unsigned shape)
{
    struct sotto_buf b = sotto_buf_make(WIRE_MAX);
    uint8_t noise[3000];
    sotto_rng_fill(&dice.rng, noise, sizeof noise);
    switch (shape) {
    case 0: say_noise(p->fd, 32 + below(500)); break;                     /* a frame with a wrong MAC */
    case 1: send_plain(p, SOTTO_CODE_HELLO, sotto_span(noise, sizeof noise)); break;
    case 2: send_plain(p, SOTTO_CODE_HELLO, sotto_span(noise, below(200))); break;
    case 3: send_plain(p, SOTTO_CODE_PING, sotto_span("\xc0", 1)); break;
    case 4:
        hello_make(&b, p, "eth", 68);                                     /* nothing in common */
        send_plain(p, SOTTO_CODE_HELLO, sotto_buf_span(&b));
        break;
    case 5:
        p->pub[below(64)] ^= 1;                                           /* not the key that was proven */
        hello_make(&b, p, "shh", 6);
        send_plain(p, SOTTO_CODE_HELLO, sotto_buf_span(&b));
        break;
    default: send_plain(p, 0x1234567, sotto_span(noise, 10)); break;
    }
    sotto_buf_free(&b);
}

static void rubbish_when_up(struct peer *p, unsigned shape)
{
    struct sotto_buf b = sotto_buf_make(WIRE_MAX);
    uint8_t noise[3000];
    sotto_rng_fill(&dice.rng, noise, sizeof noise);
    size_t size = below(sizeof noise);
    switch (shape) {
    case 0: send_plain(p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_span(noise, size)); break;           /* no Snappy block */
    case 1: send_plain(p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_span("\xff\xff\xff\x07" "abc", 7)); break;      /* a block of 16 MiB in three bytes */
    case 2: send_block(p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_span(noise, size)); break;           /* no RLP */
    case 3: send_block(p, SHH_FIRST + SOTTO_SHH_POW, sotto_span("\x88\x7f\xf0\0\0\0\0\0\0", 9)); break;         /* infinite work */
    case 4: send_block(p, SHH_FIRST + SOTTO_SHH_BLOOM, sotto_span(noise, 65)); break;
    case 5: send_block(p, SHH_FIRST + 4 + (unsigned)below(124), sotto_span(noise, size)); break;     /* codes that say nothing */
    case 6: send_block(p, SHH_FIRST + SOTTO_SHH_CODES + (unsigned)below(1000), sotto_span(noise, size)); break;
    case 7: {                                                             /* a giant that never comes whole */
        static uint8_t zeros[4u << 20];
        must(sotto_frame_write(&p->f, &b, SHH_FIRST + SOTTO_SHH_MESSAGES, SOTTO_SPAN(zeros)));
        say(p->fd, b.data, b.size / 2);
        break;
    }
    case 8: {                                                             /* 9 MiB of zeros from a few hundred kB */
        static uint8_t zeros[9u << 20];
        send_block(p, SHH_FIRST + SOTTO_SHH_MESSAGES, SOTTO_SPAN(zeros));
        break;
    }
    case 9: {                                                             /* lists in lists in lists */
        uint8_t deep[2000];
        memset(deep, 0xc1, sizeof deep);
        send_block(p, SHH_FIRST + SOTTO_SHH_MESSAGES, SOTTO_SPAN(deep));
        break;
    }
    case 10: for (unsigned i = 0; i < 2000 && send_block(p, SOTTO_CODE_PING, sotto_span("\xc0", 1)); i++) { } break;
    case 11:
        packet_make(&b, LOW_WORK, 3);
        send_block(p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_buf_span(&b));
        break;
    case 12:
        packet_make(&b, ENDLESS, 3);
        send_block(p, SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_buf_span(&b));
        break;
    default: say_noise(p->fd, 32 + below(2000)); break;                   /* a wrong MAC in the middle */
    }
    sotto_buf_free(&b);
}

static void rubbish(uint64_t round)
{
    struct peer p;
    unsigned shape = (unsigned)(round % 26);
    if (!peer_dial(&p, 0)) return;
    if (shape < 5) rubbish_before_keys(&p, shape);
    else if (peer_keys(&p) && shape < 12) rubbish_in_hello(&p, shape - 5);
    else if (p.framed && peer_hello(&p) && (shape == 25 || peer_status(&p))) {
        handshakes++;
        if (shape == 25) send_block(&p, SHH_FIRST + SOTTO_SHH_STATUS, sotto_span("\xc1\x05", 2));    /* another version of Whisper */
        else rubbish_when_up(&p, shape - 12);
    }
    shutdown(p.fd, SHUT_WR);
    if (below(2)) hear_out(p.fd);
    peer_end(&p);
}

/* Connect and leave, at any stage, politely or with a reset. */
static void churn(uint64_t round)
{
    struct peer p;
    bool up = false;
    switch (round % 5) {
    case 0: p = (struct peer){ .fd = dial(0) }; refused += p.fd < 0; break;
    case 1: if (peer_dial(&p, 0)) say(p.fd, p.x.auth.data, below(p.x.auth.size)); break;
    case 2: if (peer_dial(&p, 0)) say(p.fd, p.x.auth.data, p.x.auth.size); break;
    case 3: if (peer_dial(&p, 0)) up = peer_keys(&p) && peer_hello(&p); break;
    default: up = peer_up(&p, 0); break;
    }
    (void)up;
    struct linger reset = { .l_onoff = 1 };
    if (p.fd >= 0 && below(2)) setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    peer_end(&p);
}

/* ---- many at once, held ---- */

static struct peer crowd_peers[CROWD_MAX];

/* stage: 0 silent, 1 silent after auth, 2 silent after Hello, 3 up and never reading */
static void crowd_open(unsigned count, unsigned stages)
{
    for (unsigned i = 0; i < count && i < CROWD_MAX; i++) {
        struct peer *p = &crowd_peers[i];
        unsigned stage = stages == 3 ? 3 : i % 3;
        bool good = peer_dial(p, stages == 3 ? 4096 : 0);
        if (good && stage == 1) good = say(p->fd, p->x.auth.data, p->x.auth.size);
        if (good && stage >= 2) good = peer_keys(p) && peer_hello(p);
        if (good && stage == 3) {
            good = peer_status(p);
            handshakes += good;
        }
        if (!good) {
            cut_off++;
            peer_end(p);
        }
    }
}

static bool gone(const struct peer *p)
{
    struct pollfd ask = { .fd = p->fd, .events = POLLRDHUP };
    return poll(&ask, 1, 0) == 1 && (ask.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void crowd(unsigned count, unsigned stages)
{
    unsigned left = 0;
    crowd_open(count, stages);
    while (time_left()) {
        left = 0;
        for (unsigned i = 0; i < count && i < CROWD_MAX; i++) {
            struct peer *p = &crowd_peers[i];
            if (p->fd >= 0 && gone(p)) {
                cut_off++;
                peer_end(p);
            }
            left += p->fd >= 0;
        }
        if (left == 0) crowd_open(count, stages);         /* all thrown out: once more */
        poll(NULL, 0, 100);
    }
    for (unsigned i = 0; i < CROWD_MAX; i++) peer_end(&crowd_peers[i]);
}

/* A byte a second on each of many lines. */
static void loris(unsigned count)
{
    size_t at = 0;
    crowd_open(count, 0);
    for (; time_left(); at++) {
        for (unsigned i = 0; i < count && i < CROWD_MAX; i++) {
            struct peer *p = &crowd_peers[i];
            if (p->fd < 0 && !peer_dial(p, 0)) continue;
            if (!say(p->fd, p->x.auth.data + at % p->x.auth.size, 1)) {
                cut_off++;
                peer_end(p);
            }
        }
        poll(NULL, 0, 1000);
    }
    for (unsigned i = 0; i < CROWD_MAX; i++) peer_end(&crowd_peers[i]);
}

static bool work_is_count(const char *action) { return strchr("lsn", action[0]) && strcmp(action, "loris") != 0; }

int main(int argc, char **argv)
{
    must(sotto_crypto_init());
    if (argc != 6 || sotto_enode_parse(&target, sotto_span_str(argv[1])) != SOTTO_OK || target.addr.family != 4)
        fail("usage: hostile_peer ENODE rubbish|flood|press|expired|churn|mute|crowd|loris|longest|small|large|native SECONDS COUNT SEED\n"
             "COUNT: of connections or envelopes; rubbish: of handshakes, at least");
    const char *action = argv[2];
    uint64_t seconds = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
    struct sigaction on_end = { .sa_handler = end };      /* no SA_RESTART: who waits in a call hears it, too */
    program = "hostile_peer";
    sigaction(SIGTERM, &on_end, NULL);
    sigaction(SIGALRM, &on_end, NULL);
    signal(SIGPIPE, SIG_IGN);
    sotto_rng_from_seed(&dice, strtoull(argv[5], NULL, 10), "hostile");
    for (unsigned i = 0; i < CROWD_MAX; i++) crowd_peers[i].fd = -1;
    uint64_t began = mono_us(), rounds = 0;
    until_us = began + seconds * 1000000u;
    if (strcmp(action, "press") == 0) patience_s = PRESS_PATIENCE_S;
    bool rubbish_only = strcmp(action, "rubbish") == 0, churn_only = strcmp(action, "churn") == 0;
    for (; time_left() || (!ended && mono_us() < began + PATIENCE * seconds * 1000000u && ((rubbish_only && handshakes < count) || churn_only)); rounds++) {
        if (!rubbish_only && count && rounds >= count && !work_is_count(action)) break;
        if (strcmp(action, "rubbish") == 0) rubbish(rounds);
        else if (strcmp(action, "churn") == 0) churn(rounds);
        else if (strcmp(action, "flood") == 0) flood(GOOD);
        else if (strcmp(action, "press") == 0) flood(GOOD);
        else if (strcmp(action, "expired") == 0) flood(EXPIRED);
        else if (strcmp(action, "mute") == 0) crowd((unsigned)count, 3);
        else if (strcmp(action, "crowd") == 0) crowd((unsigned)count, 0);
        else if (strcmp(action, "loris") == 0) loris((unsigned)count);
        else if (strcmp(action, "longest") == 0) pour(LONGEST, (unsigned)count);
        else if (strcmp(action, "small") == 0) pour(SMALL, (unsigned)count);
        else if (strcmp(action, "large") == 0) pour(LARGE, (unsigned)count);
        else if (strcmp(action, "native") == 0) pour(GOOD, (unsigned)count);
        else fail("no such action");
    }
    printf("{\"action\":\"%s\",\"seconds\":%.1f,\"rounds\":%llu,\"connections\":%llu,\"refused\":%llu,\"handshakes\":%llu,\"cutOff\":%llu,\"bytes\":%llu,\"envelopes\":%llu}\n",
           action, (double)(mono_us() - began) / 1e6, (unsigned long long)rounds, (unsigned long long)connections, (unsigned long long)refused,
           (unsigned long long)handshakes, (unsigned long long)cut_off, (unsigned long long)sent_bytes, (unsigned long long)envelopes);
    return 0;
}
