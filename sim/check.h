/* The rules. Each is asked of what people were told, so that a test can feed it a broken story.
 *
 *     once        what is shown was sent by that person to this one, byte for byte, and stands there once
 *     order       messages of one sender stand in the order of writing
 *     durable     what was answered, shown or reported as delivered is still there after any end of the process
 *     states      a message moves along the arrows of messaging.md 5.3 only
 *     events      numbers rise; nothing is told twice; a reader from the start is told the same as the one who followed
 *     request     one request key, one message
 *     settled     in the end every message was delivered, or its state says why not
 *     plain       no text on a wire, on a disk, or in a log
 *     meet        who declined is no contact; in the end both are each other's contact, or one has declined (sim/faults.c)
 *     start       a machine with a healthy disk starts again (sim/faults.c)
 *     bounds      after each step, every queue of a node is within its limit and no transaction is open
 *     nonce, address, topic (sim/wrap.h)
 *
 * Threads: one. */
#ifndef SOTTO_SIM_CHECK_H
#define SOTTO_SIM_CHECK_H

#include "sim/people.h"

/* Finds the text that stands in `text`, NULL (and a broken rule) if nobody wrote it. */
struct sim_text *sim_check_known(struct sim_people *people, const char *text);
void sim_check_event(struct sim_person *p, uint64_t seq, const char *kind);
/* The next event of a reader who begins where p began; *at: how many of p's were met. seq UINT64_MAX: its end. */
void sim_check_again(struct sim_person *p, size_t *at, uint64_t seq, const char *kind);
void sim_check_answered(struct sim_text *t, struct sim_people *people, const char *name, const char *text);
void sim_check_state(struct sim_people *people, struct sim_text *t, enum sim_state next);       /* as the history has it */
void sim_check_told(struct sim_people *people, struct sim_text *t, enum sim_state next);        /* as an event tells it */
void sim_check_shown(struct sim_person *p, struct sim_person *from, const char *name, const char *text);
/* items: the whole history of p with q, oldest first. */
void sim_check_history(struct sim_person *p, struct sim_person *q, json_t *items);
void sim_check_end(struct sim_people *people);
void sim_check_wire(struct sim_people *people, unsigned from, unsigned to, struct sotto_span bytes);
void sim_check_disks(struct sim_people *people);
struct sim_bounds {                             /* of one node, after a step */
    uint64_t pool_bytes, pool_max;
    unsigned pool_count, outbox, tasks, conns;
    size_t backlog, wishes;                     /* wishes: outputs of the network that nobody carried out */
    bool txn_open;
};
void sim_check_bounds(struct sim_world *w, const char *name, const struct sim_bounds *b);
void sim_check_machine(struct sim_world *w, struct sim_machine *m);             /* bounds, after each step */

#endif
