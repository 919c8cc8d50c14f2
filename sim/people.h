/* The people of a world: each has an account on a machine, asks its node over the door as a program would, and remembers what it was told.
 * What they remember is the reference that sim/check.c compares the nodes with.
 *
 * Threads: one. */
#ifndef SOTTO_SIM_PEOPLE_H
#define SOTTO_SIM_PEOPLE_H

#include "sim/door.h"

#define SIM_PEOPLE_MAX 48u
#define SIM_MARK "~sim-text:"                   /* in everything a person writes: must never be seen on a wire or on a disk */
#define SIM_CALL_DOWN (-1)                      /* codes of sim_call beside the node's own */
#define SIM_CALL_LOST (-2)                      /* no answer (yet): the process ended, or it takes time */

/* In the order of enum sotto_message_state. */
enum sim_state {
    SIM_QUEUED, SIM_WORKING, SIM_SENT, SIM_HELD, SIM_DELIVERED, SIM_READ, SIM_EXPIRED, SIM_FAILED, SIM_CANCELLED, SIM_RECEIVED, SIM_STATES,
    SIM_UNKNOWN = SIM_STATES
};
extern const char *const sim_state_names[SIM_STATES + 1];
enum sim_state sim_state_of(const char *name);

struct sim_text {                               /* one message that somebody wrote, and what is known of it */
    unsigned number;                            /* its place in people->texts, part of the text */
    unsigned from, to;                          /* people */
    char *text;
    char key[40];                               /* requestKey */
    char name[20];                              /* at the sender; empty: no call was answered yet */
    char there[20];                             /* at the receiver, once it was shown */
    bool refused;                               /* the node said no: it must not exist */
    enum sim_state state;                       /* in the sender's history when it was last looked at */
    enum sim_state told;                        /* by the last event of the sender's node: may lag behind */
    bool delivered;                             /* the sender was told so once */
    bool cancelled, resent;
    bool forgotten;                             /* its sender's state was lost: what becomes of it is not told any more */
    bool after_loss;                            /* written after a loss of state: it must arrive */
    unsigned audit_own, audit_there;            /* seen in the audit with that number */
    uint64_t written_us;
};

struct sim_event_seen { uint64_t seq; uint32_t kind_hash; };

struct sim_person {
    struct sim_people *people;
    struct sim_machine *machine;
    unsigned index;
    uint64_t conn;
    char account[48];                           /* ID */
    char link[600];
    char phrase[400];                           /* the 24 words, where a world needs them */
    bool known[SIM_PEOPLE_MAX];                 /* is to be a mutual contact (of the template, or met) */
    char state_of[SIM_PEOPLE_MAX][16];          /* contact state told last */
    bool locked;                                /* asked to be; opens later */
    char cursor[32];
    char begin[32];                             /* the cursor that events[] follows; empty: unknown */
    uint64_t last_seq;
    struct sim_event_seen *events;
    size_t event_count, event_cap;
    uint64_t epoch_us;                          /* its state was lost then; 0 = never */
    unsigned boot_audited;                      /* start of its machine after which everything was compared */
    bool quiet;                                 /* no more actions of its own */
    int code;                                   /* of the last call: 0, an error of the node, SIM_CALL_* */
    uint64_t polling;                           /* id of a long poll under way, in this start of its machine: */
    unsigned polling_boot;
    struct sim_event act, poll;
    uint64_t act_mean_us, poll_mean_us;
    unsigned to_write;                          /* messages left to write */
    bool meets, initiates, declines, declined;  /* first contact with the partner (index ^ 1) */
    uint64_t awaiting;                          /* id of a call whose answer takes time */
    json_t *awaited;
};

struct sim_people {
    struct sim_world *world;
    struct sim_person person[SIM_PEOPLE_MAX];
    unsigned count;
    struct sim_text *texts;
    unsigned text_count, text_cap;
    unsigned audits;
    uint64_t next_id;
    bool calling;
    struct sotto_chacha_rng dice;
    bool ending;                                /* nobody writes, locks or cancels any more */
    unsigned long_text_percent, cancel_percent, lock_percent, read_percent;
    bool disk_faults;                           /* a call may fail with 1000 or 2101 */
    bool lossy;                                 /* state was lost somewhere: order across sessions is not compared */
    bool may_double;                            /* a copy came to a side that has forgotten the first one */
};

struct sim_people *sim_people_new(struct sim_world *w);
void sim_people_free(struct sim_people *people);
struct sim_person *sim_person_new(struct sim_people *people, struct sim_machine *m);
/* From now on they act by themselves. */
void sim_people_begin(struct sim_people *people);

/* One call; the answer if it came within the step. result belongs to the caller; NULL: p->code says why. params is stolen. */
json_t *sim_call(struct sim_person *p, const char *method, json_t *params);
/* The same for what ends as a job: asks for its end, letting the world go on for at most so long. */
json_t *sim_job(struct sim_person *p, const char *method, json_t *params, uint64_t patience_us);

bool sim_person_create(struct sim_person *p);       /* account, link */
bool sim_person_add(struct sim_person *p, struct sim_person *to);
bool sim_person_accept(struct sim_person *p, struct sim_person *from);
struct sim_text *sim_person_write(struct sim_person *p, struct sim_person *to, size_t filler);
void sim_person_send(struct sim_person *p, struct sim_text *t);             /* again with the same key until it is answered */
void sim_person_poll(struct sim_person *p, bool wait);
void sim_person_audit(struct sim_person *p);        /* compares the whole history with what is known */
void sim_person_again(struct sim_person *p);        /* reads all events from the begin and compares them with those that were told */
bool sim_person_mutual(struct sim_person *p, struct sim_person *with);      /* asks the node */
/* A call that is answered later: lets the world go on until then. */
json_t *sim_await(struct sim_person *p, const char *method, json_t *params, uint64_t patience_us);
/* A message that is neither settled nor explained. */
struct sim_text *sim_people_unsettled(struct sim_people *people);
uint64_t sim_people_dice(struct sim_people *people, uint64_t bound);

#endif
