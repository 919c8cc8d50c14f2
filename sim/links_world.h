/* Inside of sim/links*.c: the world, its lines, its ends. */
#ifndef SOTTO_SIM_LINKS_WORLD_H
#define SOTTO_SIM_LINKS_WORLD_H

#include "crypto/rng.h"
#include "relay/link.h"
#include "relay/link_cell.h"
#include "relay/link_keys.h"
#include "relay/schedule.h"
#include "relay/test/link_judge.h"
#include "sim/links.h"

#include <sys/queue.h>

enum { LINKS_NODES_MAX = 10, LINKS_CONNS_MAX = 96, LINKS_WANTS = 256 };
#define LINKS_SECOND UINT64_C(1000000)
#define LINKS_START_US (10 * LINKS_SECOND)
#define LINKS_FRAME 113u                          /* bytes that RLPx and TCP/IP put around the payload of a cell */
#define LINKS_BOUND_US (30 * LINKS_SECOND)        /* nothing is handed to a link that its rates do not bring over within this: a message has 60 s */
#define LINKS_SLOT_GAP_US (20 * LINKS_SECOND)     /* between two slots at most: a message that is cut in two has 60 s */
#define LINKS_STALL_MAX_US (9 * LINKS_SECOND)     /* a host closes a line on which nothing moves for longer */

/* ---- lines ---- */

struct links_packet {
    STAILQ_ENTRY(links_packet) next;
    uint16_t size;
    uint8_t code, bytes[SOTTO_RL_PAYLOAD_MAX];
};
STAILQ_HEAD(links_packets, links_packet);

/* One direction: buffer of the sender -> on the way -> buffer of the receiver, the last two within what TCP would let fly. */
struct links_pipe {
    struct links_packets backlog, flying, unread;
    size_t backlog_bytes, window_bytes;
    uint64_t free_us, last_us;                    /* when the line is free; when the latest arrives */
    bool moving;                                  /* an event for its next departure is there */
};

/* ---- messages on their way ---- */

struct links_want { uint8_t code; uint32_t size, seed; uint64_t due, extra; };
struct links_lane { struct links_want list[LINKS_WANTS]; unsigned first, count; };

/* ---- one end of a connection ---- */

struct links_end {
    struct links_world *w;
    struct links_conn *c;
    unsigned side, node;
    struct sotto_rl *rl;                          /* NULL: the hostile one, or gone */
    bool paced, in_slot, was_up, ended;
    enum sotto_err err;
    struct links_pipe out;                        /* what it sends */
    uint64_t tick_us, paused_us, stalled_us, ping_asked_us;       /* stalled: it does not read until then */
    uint64_t cells, slots, batch_us;              /* batch: when what waits on a paced end was handed to it */
    struct sotto_rl_options options;
    uint32_t cells_rate_min, bytes_rate_min;      /* of all that it announces in this world */
    struct links_lane to[SOTTO_RL_CHANNELS];      /* handed to it and not yet taken by the other end */
    /* when what was handed to it must be there: a clock for each channel, in us, or in slots of a paced end */
    uint64_t due[SOTTO_RL_CHANNELS], extra[SOTTO_RL_CHANNELS];
    uint64_t media_cells;                         /* at most so many did it put on channel 3 */
};

struct links_conn {
    unsigned index;
    bool over, dead;                              /* dead: the line is, and one end does not know it */
    bool stalled_once;
    struct links_end end[2];                      /* 0 dialled */
    struct links_raw *raw;                        /* end 1 - victim is hostile; NULL: both are honest */
    uint32_t delay_us, jitter_us, rate, ahead, fly, chunk;     /* bytes a second, bytes */
};

struct links_node {
    struct sotto_scalar key;
    struct sotto_point pub;
    struct sotto_chacha_rng rng;
    struct sotto_rl_budget budget;
    enum sotto_profile profile;
    bool hostile;
    struct sotto_schedule emit;                   /* E-slots */
};

enum links_event_kind { LINKS_LINE, LINKS_ARRIVE, LINKS_READ, LINKS_TICK, LINKS_SLOT, LINKS_TRAFFIC, LINKS_EMIT, LINKS_LOSE, LINKS_CLOSE, LINKS_DIAL,
                        LINKS_STALL, LINKS_UPDATE, LINKS_PING, LINKS_HOSTILE, LINKS_EVENTS };
struct links_event { uint64_t at, seq; uint8_t kind, side; uint16_t conn; };

struct links_world {
    struct sim_links *r;
    uint64_t seed, now_us, seq, end_us;           /* end: of the traffic */
    FILE *trace;
    struct sotto_chacha_rng rng, lines, traffic, hostile;
    struct links_node nodes[LINKS_NODES_MAX];
    unsigned node_count, honest;
    struct links_conn *conns[LINKS_CONNS_MAX];
    unsigned conn_count;
    struct links_event *heap;
    size_t heap_count, heap_cap;
    struct links_packets spare;
    uint64_t quota;                               /* bytes that may still be handed over */
    uint32_t big, gap_us;                         /* largest message; mean time between two of an end */
    bool long_run, bulk, lossy, stalling, slow_windows;        /* bulk: large messages one way, and nothing else that would wake a link */
    uint8_t *pool, *body;                         /* random bytes; the message in the making */
    const struct links_strategy *strategy;
    bool crowded;                                 /* somebody tries to fill the budget */
};

/* ---- links.c ---- */

void *links_need(void *p);
void links_break(struct links_world *w, const char *rule, const char *form, ...) __attribute__((format(printf, 3, 4)));
void links_tell(const struct links_end *e, const char *form, ...) __attribute__((format(printf, 2, 3)));     /* a line of the trace */
void links_mix(struct links_world *w, uint64_t v);
static inline struct sotto_now links_now(const struct links_world *w) { return (struct sotto_now){ w->now_us, 1767225600000 + w->now_us / 1000 }; }
static inline uint64_t links_below(struct sotto_chacha_rng *rng, uint64_t bound) { return sotto_rng_below(&rng->rng, bound); }
static inline uint64_t links_between(struct sotto_chacha_rng *rng, uint64_t low, uint64_t high) { return low + sotto_rng_below(&rng->rng, high - low + 1); }
void links_at(struct links_world *w, uint64_t when, enum links_event_kind kind, const struct links_conn *c, unsigned side);
static inline struct links_end *links_other(struct links_end *e) { return &e->c->end[1 - e->side]; }

/* ---- links_line.c ---- */

void links_line_event(struct links_end *e);
void links_arrive_event(struct links_end *from);
void links_tick_event(struct links_end *e);
void links_slot_event(struct links_end *e);
void links_ping_event(struct links_end *e);
void links_close_event(struct links_conn *c);
void links_lose_event(struct links_end *e);
void links_read_all(struct links_end *e);
void links_close_end(struct links_end *e);
struct links_conn *links_connect(struct links_world *w, unsigned from, unsigned to, struct links_raw *raw);
void links_put(struct links_end *e, unsigned code, struct sotto_span payload);            /* onto the line of e */
void links_room(struct links_end *e);                                                     /* tells the link what its line takes */
void links_after(struct links_end *e);                                                    /* after every call of a link: its timer, its bounds */
void links_stall(struct links_end *e, uint64_t us);

/* ---- links_traffic.c ---- */

void links_traffic(struct links_end *e);                          /* hands it something, if it fits */
void links_flush(struct links_end *e);
bool links_hand(struct links_end *e, uint8_t code, uint32_t size);     /* false: not now */
struct sotto_span links_body(struct links_world *w, uint8_t code, uint32_t size, uint32_t seed);     /* in w->body */
void links_update(struct links_end *e);
void links_got(struct links_end *to, const struct sotto_rl_message *m);
void links_delay(struct links_conn *c, uint64_t us);              /* nothing moved on it for so long, and nobody is at fault */
bool links_outstanding(const struct links_world *w);
void links_check_due(struct links_world *w);                      /* what should have come by now */

/* ---- links_raw.c: the hostile end and the reader between ---- */

struct links_raw {
    struct links_world *w;
    struct links_end *victim, *own;
    struct links_node *node;
    struct sotto_scalar fresh;
    struct sotto_point fresh_pub;
    struct sotto_rl_options options;
    uint8_t status[SOTTO_RL_STATUS_SIZE], theirs[SOTTO_RL_STATUS_SIZE];        /* theirs: of the victim */
    struct sotto_rl_lane out, tap_to, tap_from;   /* it seals with out; the reader opens what reaches the victim, and what it says */
    struct judge to, from;
    bool keyed, deaf, mute, no_grant, feeds, chatty, done;        /* deaf: it reads nothing; done: it did what it wanted to */
    enum sotto_err status_err;                    /* what its STATUS must lead to */
    unsigned step, count, fed;                    /* count: of the strategy's own */
    uint64_t live_us, begun_us, keyed_us, ping_us, sent[SOTTO_RL_CHANNELS], granted[SOTTO_RL_CHANNELS];
                                                  /* live: when the strategy begins; sent: credit used up; granted: as told */
    uint32_t open_size[SOTTO_RL_CHANNELS];
    uint8_t last[SOTTO_RL_PAYLOAD_MAX];           /* the cell that it sealed last */
    size_t last_size;
    /* what the reader knows of rates: signed levels in millionths of a cell */
    int64_t take_cells, take_media;
    uint64_t take_us, want_pause_us;
    bool paused, rate_over, rate_near;
    int64_t pay_level;                            /* of what the victim may put on channels 0 and 1 */
    uint64_t pay_us, pay_rate, sync_granted, ack_us, control, pongs;
    size_t expect_at;
};
struct links_strategy {
    const char *name, *end;                       /* end: the refusal; NULL: none; empty: it depends on the moment */
    unsigned phase;                               /* LINKS_AT_... */
    void (*commit)(struct links_raw *r);          /* called in steps until r->done */
    const char *text;                             /* of one small cell, if there is no commit */
    size_t size;
};
enum { LINKS_AT_STATUS, LINKS_AT_READY, LINKS_LIVE };
extern const struct links_strategy links_strategies[];
extern const unsigned links_strategy_count;

struct links_raw *links_raw_new(struct links_world *w, struct links_node *node);
void links_raw_free(struct links_raw *r);
void links_raw_begin(struct links_raw *r);                        /* the connection is there */
void links_raw_step(struct links_raw *r);
void links_raw_heard(struct links_raw *r, unsigned code, struct sotto_span payload);      /* the victim says it */
void links_raw_before(struct links_raw *r, unsigned code, struct sotto_span payload, enum sotto_err *want);
void links_raw_after(struct links_raw *r, enum sotto_err want);
void links_raw_ticked(struct links_raw *r);
void links_raw_closed(struct links_raw *r);
bool links_raw_busy(const struct links_raw *r);
void links_raw_got(struct links_raw *r, const struct sotto_rl_message *m);
void links_raw_paused(struct links_raw *r, uint64_t until_us);
/* For strategies. */
void links_raw_seal(struct links_raw *r, enum sotto_rl_class c, const void *text, size_t size, bool raw);        /* into last */
void links_raw_cell(struct links_raw *r, enum sotto_rl_class c, const void *text, size_t size, bool raw);        /* sealed and sent */
bool links_raw_fits(const struct links_raw *r, unsigned channel, size_t bytes);           /* credit and line take it */
void links_raw_numbers(struct links_raw *r, uint8_t code, const uint64_t *values, size_t count);
void links_raw_grant(struct links_raw *r, unsigned channel, uint64_t limit);
void links_raw_live(struct links_raw *r);                         /* speaks as an honest one does */

#endif
