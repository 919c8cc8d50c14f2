/* The named worlds: who lives where, what goes wrong, and how it ends. Threads: one. */
#ifndef SOTTO_SIM_WORLDS_H
#define SOTTO_SIM_WORLDS_H

#include "sim/hostile.h"
#include "sim/people.h"

#define SIM_CRASH_SEED 4711u                    /* of the course that is cut off at each operation in turn */

#define SIM_SHARES 20u                          /* the sum of all shares */

enum sim_fault {
    SIM_F_KILL, SIM_F_POWER, SIM_F_STEP, SIM_F_STOP, SIM_F_RESET, SIM_F_HALF, SIM_F_PART, SIM_F_SLOW, SIM_F_CLOCK, SIM_F_DISK, SIM_F_LOCK,
    SIM_F_OLD_STATE, SIM_F_RESTORE, SIM_F_HOSTILE, SIM_F_WIRE, SIM_F_COUNT
};
#define SIM_FAULT(f) (1u << SIM_F_##f)
extern const char *const sim_fault_names[SIM_F_COUNT];

struct sim_template;

struct sim_options {                            /* of the command; 0 = the world's own */
    unsigned messages, pairs, nodes;
    bool quiet;                                 /* no faults */
    bool scratch;                               /* no prepared disks: accounts and contacts are made in the run */
    const char *record, *truth;                 /* files: what a global observer sees, and who wrote to whom */
};

struct sim_run {                                /* one seed */
    const struct sim_kind *kind;
    const struct sim_options *options;
    struct sim_world *world;
    struct sim_people *people;
    unsigned faults;                            /* on in this run */
    uint64_t fault_mean_us, trouble_us;         /* between faults; how long there are any */
    struct sim_event fault;
    struct sim_event back[SIM_MACHINES_MAX];    /* a machine starts again */
    struct sim_disk *old[SIM_MACHINES_MAX];     /* copies taken on the way, for old states */
    uint64_t old_us[SIM_MACHINES_MAX];
    bool ended;                                 /* healing: no faults any more */
    const struct sim_template *prepared;
    struct sim_record *record;
    struct sim_hostile *hostile;                /* between all machines, or NULL */
};

struct sim_kind {
    const char *name, *meaning;
    unsigned nodes_min, nodes_max, pairs, messages;
    unsigned share;                             /* of "all": so many of SIM_SHARES seeds */
    unsigned always, maybe;                     /* faults: on in every run, on by the seed */
    bool meet;                                  /* no contacts beforehand */
    bool starts;                                /* its course starts the machines itself */
    bool hostile;                               /* machines are joined by a hostile relay only */
    void (*run)(struct sim_run *run);           /* after the machines are there; NULL: the usual course */
};
extern const struct sim_kind sim_kinds[];
extern const unsigned sim_kind_count;
const struct sim_kind *sim_kind_of(const char *name, uint64_t seed);        /* "all": by the shares; NULL: no such world */

/* Runs one seed of a world. The world stays to be looked at; free it with sim_run_free. */
void sim_run_seed(struct sim_run *run, const struct sim_kind *kind, const struct sim_options *options, uint64_t seed, FILE *trace);
/* The first half alone: machines and people are there, nothing runs yet. */
void sim_run_prepare(struct sim_run *run, const struct sim_kind *kind, const struct sim_options *options, uint64_t seed, FILE *trace);
void sim_run_free(struct sim_run *run);

/* stories.c */
void sim_story_loss(struct sim_run *run);
void sim_story_rot(struct sim_run *run);
void sim_story_crash(struct sim_run *run);
/* Which machine crashes at which operation and how, for a seed: every operation comes once in points[0] + points[1] seeds. */
unsigned sim_crash_points(uint64_t seed, unsigned *machine, enum sim_loss *loss, unsigned points[2]);

/* faults.c */
void sim_faults_begin(struct sim_run *run);
void sim_faults_end(struct sim_run *run);       /* everything is healed, every machine started */
void sim_start_again(struct sim_run *run, struct sim_machine *m, uint64_t in_us);
/* Quiet time until everything is settled or explained; breaks the rule "settled" otherwise. */
void sim_settle(struct sim_run *run);

/* template.c: disks with accounts and contacts, made once a process. Machines 0..nodes-1 in a ring of neighbours, two people a pair. */
void sim_template_use(struct sim_run *run, unsigned nodes, unsigned pairs, bool contacts);
void sim_template_neighbours(struct sim_run *run, const char *only);         /* only: the one that each machine dials; NULL: those of the ring */
void sim_templates_free(void);

#endif
