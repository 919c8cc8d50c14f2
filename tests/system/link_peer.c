/* A neighbour that speaks sotto/1 and hands its keys to who captures the line (tests/system/links.py): a program of its own over a blocking socket, with
 * the product's handshake and link and nothing else of it.
 *
 *     link_peer ENODE KEYS BODIES ENVELOPES BYTES SEED
 *
 * Asks for every envelope that is announced and writes its RLP to the file BODIES; sends BYTES bytes of records as the ledger will have them, on channel
 * 2. KEYS: what RLPx encrypts with on this connection, in hexadecimal. Ends when
 * ENVELOPES bodies have come, all of its records have left and standard input is closed; prints one line of JSON. */
#include "raw_peer.h"

#include "base/text.h"
#include "relay/link.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define LINK_FIRST (SHH_FIRST + SOTTO_SHH_CODES)
#define LINK_CODES 112u
#define PATIENCE_S 240
#define RECORD_MAX 60000u
#define LEDGER_CODE 0x22u

static struct peer p;
static struct sotto_rl *l;
static FILE *bodies_file;
static uint64_t bodies, announced, records, record_bytes, notices;
static bool is_up, ended;
static enum sotto_err why;
static const struct sotto_capability offered[] = { { .name = "shh", .version = 6, .codes = SOTTO_SHH_CODES }, { .name = "sotto", .version = 1, .codes = LINK_CODES } };

static struct sotto_now now_of(void) { return (struct sotto_now){ mono_us(), 0 }; }

static void on_frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct sotto_buf block = sotto_buf_make(1 << 16);
    (void)owner;
    must(sotto_snappy_literal(&block, payload));
    if (!send_plain(&p, LINK_FIRST + code, sotto_buf_span(&block))) fail("the node takes no more");
    sotto_buf_free(&block);
}
static void on_up(void *owner)
{
    (void)owner;
    is_up = true;
}
static void on_message(void *owner, const struct sotto_rl_message *m)
{
    (void)owner;
    if (m->code == SOTTO_RL_INV) {
        announced += m->body->list.count;
        must(sotto_rl_send(l, SOTTO_RL_GET, m->bytes));
    } else if (m->code == SOTTO_RL_ENV) {
        bodies++;
        if (fwrite(m->bytes.data, 1, m->bytes.size, bodies_file) != m->bytes.size) fail("cannot write");
    } else if (m->code == SOTTO_RL_NOTICE) {
        notices++;
    }
}
static void on_pause(void *owner, uint64_t until_us) { (void)owner, (void)until_us; }
static void on_ended(void *owner, enum sotto_err err)
{
    (void)owner;
    ended = true;
    why = err;
}

static void write_keys(const char *path)
{
    struct sotto_rlpx_secrets secrets;
    char hex[65];
    FILE *f = fopen(path, "w");
    if (!f) fail("cannot write KEYS");
    must(sotto_rlpx_secrets(&secrets, &p.x));
    sotto_hex(hex, secrets.aes, sizeof secrets.aes);
    fprintf(f, "%s\n", hex);
    fclose(f);
}

static void open_link(void)
{
    static struct sotto_rl_budget budget = { 0, SOTTO_RL_BUDGET_MAX };
    struct sotto_rl_config c = { .dialled = true, .key = &p.key, .options = sotto_rl_options(), .budget = &budget, .rng = &dice.rng,
                                 .sink = { NULL, on_frame, on_up, on_message, on_pause, on_ended } };
    must(sotto_point_from64(&c.own_pub, p.pub));
    must(sotto_point_from64(&c.peer_pub, target.key));
    c.options.has = SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3) | SOTTO_RL_HAS(4);
    c.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_LEDGER;
    c.options.floor_bits = 0;                     /* the test network works less than Whisper asks for */
    c.options.cells_rate = 400;
    c.options.bytes_rate = c.options.window = 1 << 20;
    must(sotto_rl_new(&l, &c, now_of()));
    sotto_rl_begin(l, now_of());
}

/* A block, a transaction, a list of headers: RLP of any length up to some tens of kilobytes. */
static void send_record(uint64_t left)
{
    struct sotto_buf b = sotto_buf_make(2 * RECORD_MAX);
    uint8_t data[RECORD_MAX];
    size_t size = 1 + below(below(4) ? 600 : RECORD_MAX - 1);
    if (size > left) size = left;
    sotto_rng_fill(&dice.rng, data, size);
    size_t at = sotto_rlp_begin(&b);
    must(sotto_rlp_add_bytes(&b, sotto_span(data, size)));
    must(sotto_rlp_end_list(&b, at));
    enum sotto_err err = sotto_rl_send(l, LEDGER_CODE, sotto_buf_span(&b));
    sotto_buf_free(&b);
    must(err);
    records++;
    record_bytes += size;
}

static void hear_one(struct sotto_buf *payload)
{
    uint32_t code;
    if (!hear_packet(&p, &code, payload)) fail("the node closed the connection");
    if (code == SOTTO_CODE_PING) send_block(&p, SOTTO_CODE_PONG, sotto_span("\xc0", 1));
    if (code >= LINK_FIRST && code < LINK_FIRST + LINK_CODES) sotto_rl_frame(l, code - LINK_FIRST, sotto_buf_span(payload), now_of());
}

int main(int argc, char **argv)
{
    struct sotto_buf payload = sotto_buf_make(WIRE_MAX), hello = sotto_buf_make(SOTTO_HELLO_PAYLOAD_MAX);
    struct sotto_rl_info info = { .state = SOTTO_RL_OPENING };
    must(sotto_crypto_init());
    program = "link_peer";
    patience_s = 60;
    if (argc != 7 || sotto_enode_parse(&target, sotto_span_str(argv[1])) != SOTTO_OK || target.addr.family != 4)
        fail("usage: link_peer ENODE KEYS BODIES ENVELOPES BYTES SEED");
    uint64_t want = strtoull(argv[4], NULL, 10), bytes = strtoull(argv[5], NULL, 10), until = mono_us() + PATIENCE_S * 1000000ull;
    bodies_file = fopen(argv[3], "w");
    if (!bodies_file) fail("cannot write BODIES");
    signal(SIGPIPE, SIG_IGN);
    sotto_rng_from_seed(&dice, strtoull(argv[6], NULL, 10), "link peer");
    if (!peer_dial(&p, 0) || !peer_keys(&p)) fail("the node does not let us in");
    write_keys(argv[2]);
    must(sotto_hello_write(&hello, offered, 2, 0, p.pub));
    if (!send_plain(&p, SOTTO_CODE_HELLO, sotto_buf_span(&hello)) || !hear_frame(&p) || !peer_status(&p)) fail("no Hello, no Status");
    open_link();
    bool closed = false;                          /* standard input: they have seen enough */
    while (!ended && mono_us() < until && (!closed || bodies < want || record_bytes < bytes || info.waiting[2] || info.waiting[1])) {
        struct pollfd in[] = { { .fd = p.fd, .events = POLLIN }, { .fd = closed ? -1 : 0, .events = POLLIN } };
        sotto_rl_info(l, &info);
        while (is_up && record_bytes < bytes && info.waiting[2] < 1 << 20) {
            send_record(bytes - record_bytes);
            sotto_rl_info(l, &info);
        }
        sotto_rl_room(l, 1 << 20);
        sotto_rl_tick(l, now_of());
        if (poll(in, 2, 50) <= 0) continue;
        if (in[0].revents) hear_one(&payload);
        closed = closed || in[1].revents;
    }
    if (ended) fprintf(stderr, "link_peer: the link ended: %s\n", sotto_err_name(why));
    sotto_rl_info(l, &info);
    printf("{\"up\":%s,\"bodies\":%llu,\"announced\":%llu,\"records\":%llu,\"recordBytes\":%llu,\"notices\":%llu,\"cellsOut\":[%llu,%llu],\"cellsIn\":[%llu,%llu],\"acked\":%llu}\n",
           is_up && !ended ? "true" : "false", (unsigned long long)bodies, (unsigned long long)announced, (unsigned long long)records, (unsigned long long)record_bytes,
           (unsigned long long)notices, (unsigned long long)info.cells_out_class[0], (unsigned long long)info.cells_out_class[1], (unsigned long long)info.cells_in_class[0],
           (unsigned long long)info.cells_in_class[1], (unsigned long long)info.cells_acked);
    sotto_rl_free(l);
    peer_end(&p);
    fclose(bodies_file);
    sotto_buf_free(&payload);
    sotto_buf_free(&hello);
    return ended ? 1 : 0;
}
