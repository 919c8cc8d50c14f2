/* The seeded world: one clock, one heap of events, the network and the machines of one run.
 *
 *     sim/world.c   clock, heap, machines: start, stop, crash, clocks of their own
 *     sim/loop.c    io/loop.h, io/worker.h, io/process.h       \
 *     sim/net.c     io/tcp.h; sim/udp.c: io/udp.h               |  what the objects of sottod link instead of libuv and the system
 *     sim/door.c    io/door.h, io/log.h                         |
 *     sim/file.c, sim/vfs.c over sim/disk.c                    /
 *     sim/wrap.c    entropy, Argon2id, and an eye on every seal
 *
 * Nothing here reads the system's clock, its random source or the order of addresses in memory: a seed decides everything, and the trace
 * hash (SHA-256 over all events in order) says so.
 *
 * One step: an event of a machine comes due -> the machine becomes the current one -> its code runs until it returns -> what its disk cost
 * delays its next step -> if the disk died on the way, the process has ended there: nothing it said afterwards was heard.
 *
 * Out of memory stops the process: this is a test bench. Threads: one. */
#ifndef SOTTO_SIM_WORLD_H
#define SOTTO_SIM_WORLD_H

#include "base/step.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "io/config.h"
#include "sim/disk.h"

#include <stdio.h>

struct sim_world;
struct sim_machine;
struct sotto_node;

#define SIM_MACHINES_MAX 24u
#define SIM_SECOND_US UINT64_C(1000000)
#define SIM_MINUTE_US (60 * SIM_SECOND_US)
#define SIM_HOUR_US (3600 * SIM_SECOND_US)
#define SIM_WALL_BASE_MS UINT64_C(1767225600000)       /* 2026-01-01 00:00 UTC: when every world begins */
#define SIM_MONO_BASE_US (1000 * SIM_SECOND_US)    /* monotonic time of the beginning: machines were up before */

/* ---- events ---- */

typedef void sim_fn(void *ctx);
/* Part of the object it belongs to; queued at most once. Zeroed and sim_event_init'ed before use; sim_event_drop before the object goes. */
struct sim_event {
    uint64_t at_us, seq;
    uint32_t place;                             /* in the heap, from 1; 0 = not queued */
    struct sim_machine *machine;                /* whose step it is; NULL: of the world */
    sim_fn *fn;
    void *ctx;
    const char *kind;                           /* for trace and hash: a string of the program */
};
void sim_event_init(struct sim_event *e, struct sim_machine *machine, const char *kind, sim_fn *fn, void *ctx);
void sim_event_at(struct sim_world *w, struct sim_event *e, uint64_t at_us);        /* moves it if it is queued; never before now */
void sim_event_drop(struct sim_world *w, struct sim_event *e);

/* ---- machines ---- */

enum sim_part { SIM_DOWN, SIM_UP, SIM_BROKEN /* refused to start: a checker asks why */ };

struct sim_clock { int64_t offset_ms; int32_t drift_ppm; uint64_t since_us; };      /* wall = base + now + offset + drift since */

struct sim_log_line { uint64_t at_us; char text[200]; };
#define SIM_LOG_LINES 16u

struct sim_machine {
    struct sim_world *world;
    unsigned index;
    char name[8];                               /* n0, n1, ... */
    uint16_t port;
    struct sim_disk *disk;
    struct sotto_node *node;                    /* NULL while it is down */
    enum sim_part part;
    bool foreign;                               /* no node of ours runs here (sim/hostile.h) */
    unsigned boot;                              /* starts so far: part of the seed of its entropy */
    struct sotto_chacha_rng entropy;            /* what its process asks of the system */
    struct sotto_chacha_rng dice;               /* of its loop: how late a timer is, how long a search takes */
    struct sim_clock clock;
    uint64_t busy_until_us;                     /* the step that ran last took so long */
    bool dead;                                  /* the disk died inside the running step */
    bool cut;                                   /* end of the process without its last words: its connections just fall silent */
    uint64_t stop_us;                           /* asked to end, by a signal or a call: when */
    bool ended;                                 /* its loop was told to stop */
    uint64_t work_mean_us;                      /* a search for work */

    /* what its node opened: found again by the io implementations */
    struct sotto_loop *loop;
    struct sotto_workers *workers;
    struct sotto_io_net *net;
    struct sotto_io_udp *udp;
    struct sotto_door *door;

    struct sotto_config_pair flags[40];
    unsigned flag_count;
    char flag_text[2048];                       /* values that are not literals */
    size_t flag_size;
    struct sotto_config_input input;

    struct sim_said *said, **said_last;         /* by its door, not taken yet: it is in the clients' hands already (sim/door.h) */
    struct sim_log_line log[SIM_LOG_LINES];     /* ring */
    unsigned log_count;
    unsigned log_level;                         /* enum sotto_level */
    uint64_t steps;
};

/* ---- the world ---- */

enum sim_count {                                /* what happened, for the line at the end */
    SIM_N_STEPS, SIM_N_CONNS, SIM_N_RESETS, SIM_N_HALF_OPEN, SIM_N_PARTITIONS, SIM_N_SLOW, SIM_N_DIAL_TIMEOUTS, SIM_N_REFUSED, SIM_N_CRASHES,
    SIM_N_STEP_CRASHES, SIM_N_POWER_CUTS, SIM_N_STOPS, SIM_N_STARTS, SIM_N_START_FAILS, SIM_N_CLOCK_JUMPS, SIM_N_LOCKS, SIM_N_OLD_STATES,
    SIM_N_RESTORES, SIM_N_DISK_FAULTS, SIM_N_ENVELOPES_REPLAYED, SIM_N_ENVELOPES_CORRUPTED, SIM_N_ENVELOPES_DELAYED, SIM_N_SENT, SIM_N_SHOWN,
    SIM_N_DELIVERED, SIM_N_EXPIRED, SIM_N_SEALS, SIM_N_CELLS, SIM_N_CELLS_AGAIN, SIM_N_CALLS, SIM_N_CALLS_LOST, SIM_N_AUDITS,
    SIM_N_BITS_FLIPPED, SIM_N_DAMAGE_NAMED, SIM_N_DATAGRAMS,
    SIM_COUNTS
};
extern const char *const sim_count_names[SIM_COUNTS];

struct sim_net;
struct sim_datagram;
struct sim_watch;
struct sim_record;

struct sim_world {
    uint64_t seed, dice_seed;                   /* of everything random; the same, but for worlds that repeat one course */
    uint64_t now_us, next_seq;
    struct sim_event **heap;
    uint32_t heap_count, heap_cap;
    struct sim_machine *machines[SIM_MACHINES_MAX];
    unsigned machine_count;
    struct sim_machine *current;
    struct sim_net *net;
    struct sim_datagram *air;                       /* sim/udp.c: what is on its way */
    uint64_t datagrams;
    struct sim_record *record;                  /* NULL: nobody writes it down (sim/record.h) */
    struct sim_watch *watch;                    /* what the wrapped functions saw */
    struct sotto_chacha_rng dice;               /* of the world: faults */
    uint64_t counts[SIM_COUNTS];
    struct sha256_ctx hash;
    FILE *trace;
    bool broken;
    char rule[48], why[1200];
    void *user;                                 /* of the world that runs: sim/people.h */
    void (*stepped)(struct sim_world *w, struct sim_machine *m);            /* after each step of a machine; may be NULL */
};

struct sim_world *sim_world_new(uint64_t seed, FILE *trace);
void sim_world_free(struct sim_world *w);       /* machines too */
extern struct sim_world *sim_world_running;     /* NULL: the process is no simulation at this moment (wrapped functions ask) */

/* The next event; false: none, or a rule is broken. */
bool sim_world_turn(struct sim_world *w);
void sim_world_run(struct sim_world *w, uint64_t until_us);                  /* all events up to then; the clock ends there */
/* A rule does not hold: keeps the first one. */
__attribute__((format(printf, 3, 4))) void sim_break(struct sim_world *w, const char *rule, const char *why, ...);
__attribute__((format(printf, 4, 5))) void sim_trace(struct sim_world *w, const char *who, const char *what, const char *fields, ...);
void sim_hash_event(struct sim_world *w, const char *kind, unsigned from, unsigned to, uint64_t size, uint64_t id);
uint64_t sim_dice(struct sim_world *w, uint64_t bound);                      /* 0..bound-1 */
bool sim_chance(struct sim_world *w, unsigned percent);

/* disk: taken; NULL: an empty one. port: where it listens. */
struct sim_machine *sim_machine_new(struct sim_world *w, struct sim_disk *disk);
void sim_machine_flag(struct sim_machine *m, const char *key, const char *value);    /* value is copied; a list: once an item */
/* Starts the node's process. False: it refused (part = SIM_BROKEN, or down again if the disk died on the way). */
bool sim_machine_start(struct sim_machine *m);
/* The process ends between two steps: kill -9 (loss NONE), or with the power. */
void sim_machine_crash(struct sim_machine *m, enum sim_loss loss);
void sim_machine_stop(struct sim_machine *m);                                /* SIGTERM: it ends by itself within seconds */
/* Runs fn as a step of the machine's process, at this moment. */
void sim_machine_step(struct sim_machine *m, sim_fn *fn, void *ctx);
struct sotto_now sim_machine_now(const struct sim_machine *m);
void sim_machine_clock(struct sim_machine *m, int64_t jump_ms, int32_t drift_ppm);    /* jumps by, drifts from now on with */
uint64_t sim_machine_dice(struct sim_machine *m, uint64_t bound);

void *sim_alloc(size_t size);                   /* zeroed; stops the process when memory is short */

#endif
