#include "sim/worlds.h"

#include "sim/check.h"
#include "sim/net.h"
#include "sim/record.h"

#include <stdlib.h>

#define MESSAGE_EVERY_US (8 * SIM_SECOND_US)    /* of one person, when the command says how many */

#define ORDINARY (SIM_FAULT(KILL) | SIM_FAULT(POWER) | SIM_FAULT(STEP) | SIM_FAULT(STOP) | SIM_FAULT(RESET) | SIM_FAULT(HALF) | SIM_FAULT(PART) | \
                  SIM_FAULT(SLOW) | SIM_FAULT(CLOCK) | SIM_FAULT(DISK) | SIM_FAULT(LOCK) | SIM_FAULT(WIRE))

const struct sim_kind sim_kinds[] = {
    { .name = "talk", .share = 6, .meaning = "two people who know each other, two to five nodes, every fault by the seed", .nodes_min = 2, .nodes_max = 5, .pairs = 1,
      .messages = 24, .maybe = ORDINARY },
    { .name = "meet", .share = 4, .meaning = "first contact: from one side or both at once, accepted or declined, among faults", .nodes_min = 2, .nodes_max = 4, .pairs = 1,
      .messages = 8, .maybe = ORDINARY & ~SIM_FAULT(LOCK), .meet = true },
    { .name = "crash", .share = 6, .meaning = "the same conversation, cut off at each single operation of a disk in turn", .nodes_min = 2, .nodes_max = 2, .pairs = 1,
      .messages = 0, .starts = true, .run = sim_story_crash },
    { .name = "loss", .share = 1, .meaning = "one side lives on from an old copy, a backup, or the 24 words", .nodes_min = 2, .nodes_max = 3, .pairs = 1, .messages = 16,
      .maybe = ORDINARY & ~(SIM_FAULT(LOCK) | SIM_FAULT(CLOCK)), .run = sim_story_loss },
    { .name = "rot", .share = 0, .meaning = "bits of one disk turn over by themselves; then the disk is replaced by a copy from before", .nodes_min = 2, .nodes_max = 3,
      .pairs = 1, .messages = 16, .run = sim_story_rot },
    { .name = "hostile", .share = 2, .meaning = "the same two, joined only by a relay that repeats, delays, reorders and damages envelopes", .nodes_min = 2, .nodes_max = 2,
      .pairs = 1, .messages = 24, .always = SIM_FAULT(HOSTILE), .maybe = ORDINARY, .hostile = true },
    { .name = "crowd", .share = 1, .meaning = "four pairs on four to six nodes, several accounts a node, everything at once", .nodes_min = 4, .nodes_max = 6, .pairs = 4,
      .messages = 12, .maybe = ORDINARY },
};
const unsigned sim_kind_count = sizeof sim_kinds / sizeof sim_kinds[0];

const struct sim_kind *sim_kind_of(const char *name, uint64_t seed)
{
    bool all = strcmp(name, "all") == 0;
    unsigned at = (unsigned)(seed * 7 % SIM_SHARES);                 /* neighbours in seed are not of one world */
    for (unsigned i = 0; i < sim_kind_count; i++) {
        if (all ? at < sim_kinds[i].share : strcmp(name, sim_kinds[i].name) == 0) return &sim_kinds[i];
        at -= sim_kinds[i].share;
    }
    return NULL;
}

/* The usual course: people write for a while among faults; then everything is healed, and everything must be settled. */
static void usual(struct sim_run *run)
{
    struct sim_people *people = run->people;
    struct sim_world *w = run->world;
    sim_people_begin(people);
    sim_faults_begin(run);
    sim_world_run(w, w->now_us + run->trouble_us);
    sim_faults_end(run);
    sim_settle(run);
}

void sim_run_prepare(struct sim_run *run, const struct sim_kind *kind, const struct sim_options *options, uint64_t seed, FILE *trace)
{
    *run = (struct sim_run){ .kind = kind, .options = options };
    struct sim_world *w = run->world = sim_world_new(kind->starts ? SIM_CRASH_SEED : seed, trace);
    w->seed = seed;
    struct sim_people *people = run->people = sim_people_new(w);
    unsigned nodes = options->nodes ? options->nodes : kind->nodes_min + (unsigned)sim_dice(w, kind->nodes_max - kind->nodes_min + 1);
    unsigned pairs = options->pairs ? options->pairs : kind->pairs;
    for (unsigned f = 0; f < SIM_F_COUNT && !options->quiet; f++)
        if (kind->always & (1u << f) || (kind->maybe & (1u << f) && sim_chance(w, 35))) run->faults |= 1u << f;
    run->fault_mean_us = (4 + sim_dice(w, 20)) * SIM_SECOND_US;
    run->trouble_us = (60 + sim_dice(w, 180)) * SIM_SECOND_US;
    if (options->messages) run->trouble_us = (options->messages + 1) * MESSAGE_EVERY_US;
    people->long_text_percent = sim_chance(w, 30) ? 30 : 4;
    people->cancel_percent = sim_chance(w, 30) ? 10 : 0;
    people->read_percent = sim_chance(w, 30) ? 10 : 0;
    people->lock_percent = run->faults & SIM_FAULT(LOCK) ? 6 : 0;
    people->disk_faults = run->faults & (SIM_FAULT(DISK) | SIM_FAULT(STEP));
    sim_template_use(run, nodes, pairs, !kind->meet);
    if (kind->hostile) run->hostile = sim_hostile_new(w);
    sim_template_neighbours(run, run->hostile ? sim_hostile_enode(run->hostile) : NULL);
    if (run->hostile) sim_hostile_start(run->hostile);
    for (unsigned i = 0; i < people->count; i++) {
        people->person[i].to_write = options->messages ? options->messages : kind->messages / 2;
        if (kind->meet) {
            people->person[i].meets = true;
            people->person[i].initiates = i % 2 == 0 || sim_chance(w, 40);
            people->person[i].declines = !people->person[i].initiates && sim_chance(w, 20);
        }
        people->person[i].act_mean_us = run->trouble_us / (people->person[i].to_write + 1);
    }
    for (unsigned i = 0; i < w->machine_count; i++) {
        sim_disk_watch(w->machines[i]->disk, sotto_span_str(SIM_MARK));
        if (!w->machines[i]->foreign && !kind->starts) sim_machine_start(w->machines[i]);
    }
}

void sim_run_seed(struct sim_run *run, const struct sim_kind *kind, const struct sim_options *options, uint64_t seed, FILE *trace)
{
    sim_run_prepare(run, kind, options, seed, trace);
    struct sim_world *w = run->world;
    if (options->record && !(run->record = sim_record_new(w, options->record, options->truth))) sim_break(w, "record", "no recording can be written");
    (kind->run ? kind->run : usual)(run);
    if (!w->broken) sim_check_disks(run->people);
}

void sim_run_free(struct sim_run *run)
{
    sim_event_drop(run->world, &run->fault);
    for (unsigned i = 0; i < SIM_MACHINES_MAX; i++) {
        sim_event_drop(run->world, &run->back[i]);
        sim_disk_free(run->old[i]);
    }
    sim_people_free(run->people);
    sim_hostile_free(run->hostile);
    sim_record_free(run->record);
    sim_world_free(run->world);
}
