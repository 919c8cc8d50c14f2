/* Honest neighbours beside a flood (tests/system/flooded.py): SOURCES peers that bring a few envelopes now and then, each over a connection of its
 * own, and one more that counts what the node brings it of them.
 *
 *     fair_peers ENODE SOURCES COUNT EVERY_MS PATIENCE_S SEED
 *
 * Each source brings COUNT envelopes, a packet of PACKET every EVERY_MS; all of them read what the node has for them, as neighbours do. Ends when
 * every envelope has come to the sink, or PATIENCE_S after the last was sent. Prints one line of JSON. Blocking sockets, one thread. */
#include "raw_peer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOURCES_MAX 64u
#define COUNT_MAX 10000u
#define PACKET 5u
#define ANSWER_S 60                       /* for any one answer: the node may be slow, or under a sanitizer */
#define MARK 8u                           /* first bytes of the data of ours; then source and number */

static struct peer peers[SOURCES_MAX + 1];        /* the sink is the last */
static unsigned sources, each;
static uint64_t every_us, sent, arrived, twice, others;
static struct letter { uint64_t sent_us; uint32_t took_us; bool arrived; } *letters;      /* by source, then number */
static uint8_t mark[MARK];

static void bring(unsigned source, unsigned *done)
{
    struct sotto_buf packet = sotto_buf_make(WIRE_MAX);
    size_t at = sotto_rlp_begin(&packet);
    for (unsigned i = 0; i < PACKET && *done < each; i++, ++*done) {
        uint8_t data[SOTTO_NATIVE_DATA];
        uint32_t number = source * each + *done;
        sotto_rng_fill(&dice.rng, data, sizeof data);
        memcpy(data, mark, MARK);
        sotto_put_be32(data + MARK, number);
        native_add(&packet, data);
        letters[number].sent_us = mono_us();
        sent++;
    }
    must(sotto_rlp_end_list(&packet, at));
    if (!send_block(&peers[source], SHH_FIRST + SOTTO_SHH_MESSAGES, sotto_buf_span(&packet))) {
        cut_off++;
        peer_end(&peers[source]);
    }
    sotto_buf_free(&packet);
}

static void count_in(const struct sotto_envelope *e)
{
    if (e->data.size != SOTTO_NATIVE_DATA || memcmp(e->data.data, mark, MARK) != 0) {
        others++;
        return;
    }
    struct letter *l = &letters[sotto_be32(e->data.data + MARK)];
    if (l->arrived) {
        twice++;
        return;
    }
    l->arrived = true;
    l->took_us = (uint32_t)(mono_us() - l->sent_us);
    arrived++;
}

static void hear_one(struct peer *p, struct sotto_buf *payload)
{
    uint32_t code;
    if (!hear_packet(p, &code, payload)) {
        cut_off++;
        peer_end(p);
        return;
    }
    if (code == SOTTO_CODE_PING) send_block(p, SOTTO_CODE_PONG, sotto_span("\xc0", 1));
    if (code != SHH_FIRST + SOTTO_SHH_MESSAGES || p != &peers[sources]) return;
    struct sotto_rlp top = sotto_rlp(sotto_buf_span(payload)), list;
    must(sotto_rlp_list(&top, &list));
    while (sotto_rlp_more(&list)) {
        struct sotto_span rlp;
        struct sotto_envelope e;
        must(sotto_rlp_raw(&list, &rlp));
        must(sotto_envelope_decode(&e, rlp));
        count_in(&e);
    }
}

/* Whatever came for anybody; waits until then, or until at_us. */
static void hear_all(struct sotto_buf *payload, uint64_t at_us)
{
    struct pollfd in[SOURCES_MAX + 1];
    uint64_t now = mono_us();
    for (unsigned i = 0; i <= sources; i++) in[i] = (struct pollfd){ .fd = peers[i].fd, .events = POLLIN };
    if (poll(in, sources + 1, at_us > now ? (int)((at_us - now) / 1000 + 1) : 0) <= 0) return;
    for (unsigned i = 0; i <= sources; i++)
        if (in[i].revents && peers[i].fd >= 0) hear_one(&peers[i], payload);
}

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(uint64_t began)
{
    uint32_t *times = calloc(arrived + 1, sizeof *times);
    size_t count = 0;
    if (!times) fail("out of memory");
    for (size_t i = 0; i < (size_t)sources * each; i++)
        if (letters[i].arrived) times[count++] = letters[i].took_us;
    qsort(times, count, sizeof *times, by_time);
    printf("{\"seconds\":%.1f,\"sent\":%llu,\"arrived\":%llu,\"twice\":%llu,\"others\":%llu,\"cutOff\":%llu,\"medianMs\":%.0f,\"p95Ms\":%.0f,\"maxMs\":%.0f}\n",
           (double)(mono_us() - began) / 1e6, (unsigned long long)sent, (unsigned long long)arrived, (unsigned long long)twice, (unsigned long long)others,
           (unsigned long long)cut_off, times[count / 2 < count ? count / 2 : 0] / 1e3, times[count ? count * 95 / 100 : 0] / 1e3, times[count ? count - 1 : 0] / 1e3);
    free(times);
}

int main(int argc, char **argv)
{
    struct sotto_buf payload = sotto_buf_make(WIRE_MAX);
    unsigned done[SOURCES_MAX] = { 0 };
    must(sotto_crypto_init());
    program = "fair_peers";
    patience_s = ANSWER_S;
    if (argc != 7 || sotto_enode_parse(&target, sotto_span_str(argv[1])) != SOTTO_OK || target.addr.family != 4)
        fail("usage: fair_peers ENODE SOURCES COUNT EVERY_MS PATIENCE_S SEED");
    sources = (unsigned)strtoul(argv[2], NULL, 10);
    each = (unsigned)strtoul(argv[3], NULL, 10);
    every_us = strtoull(argv[4], NULL, 10) * 1000u;
    uint64_t patience_us = strtoull(argv[5], NULL, 10) * 1000000u;
    if (sources < 1 || sources > SOURCES_MAX || each < 1 || each > COUNT_MAX) fail("SOURCES or COUNT is out of range");
    signal(SIGPIPE, SIG_IGN);
    sotto_rng_from_seed(&dice, strtoull(argv[6], NULL, 10), "fair");
    sotto_rng_fill(&dice.rng, mark, MARK);
    letters = calloc((size_t)sources * each, sizeof *letters);
    if (!letters) fail("out of memory");
    for (unsigned i = 0; i <= sources; i++)
        if (!peer_up(&peers[i], 0)) fail("the node does not let us in");
    uint64_t began = mono_us(), next = began, until = UINT64_MAX;
    unsigned packets = (each + PACKET - 1) / PACKET, rounds = 0;
    while (arrived < (uint64_t)sources * each && mono_us() < until && peers[sources].fd >= 0) {
        if (rounds < packets && mono_us() >= next) {
            for (unsigned i = 0; i < sources; i++)
                if (peers[i].fd >= 0) bring(i, &done[i]);
            next += every_us;
            if (++rounds == packets) until = mono_us() + patience_us;
        }
        hear_all(&payload, rounds < packets ? next : until);
    }
    report(began);
    for (unsigned i = 0; i <= sources; i++) peer_end(&peers[i]);
    sotto_buf_free(&payload);
    free(letters);
    return 0;
}
