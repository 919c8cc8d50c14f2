/* What goes wrong, when, and how it is healed. */
#include "sim/worlds.h"

#include "sim/check.h"
#include "sim/net.h"

#include <inttypes.h>
#include <stdlib.h>

#define DOWN_MEAN_US (8 * SIM_SECOND_US)        /* a machine that ended starts again */
#define PART_MEAN_US (20 * SIM_SECOND_US)
#define SETTLE_STEP_US (30 * SIM_SECOND_US)
#define SETTLE_SOON_US (90 * SIM_MINUTE_US)     /* three lives of an envelope: then the long wait begins */
#define SETTLE_MAX_US (15 * 24 * SIM_HOUR_US)/* a message gives up after 14 days */
#define TAIL_US (3 * SIM_MINUTE_US)             /* after everything is settled: does anything come twice? */

const char *const sim_fault_names[SIM_F_COUNT] = { "kill", "power", "step", "stop", "reset", "half", "part", "slow", "clock", "disk", "lock", "old", "restore", "hostile", "wire" };

struct back { struct sim_run *run; struct sim_machine *machine; };

static void start_again(void *ctx)
{
    struct sim_machine *m = ctx;
    if (m->node) return;
    if (sim_machine_start(m) || m->part == SIM_UP) return;
    struct sim_people *people = m->world->user;
    /* a disk that fails may stop a start; a healthy one may not */
    const struct sim_disk_config *c = sim_disk_config(m->disk);
    bool sick = c->read_only || c->quota_bytes;
    for (int i = 0; i < SIM_FAULTS; i++) sick |= c->chance_ppm[i] > 0;
    if (m->part == SIM_BROKEN && !sick && !people->disk_faults)
        sim_break(m->world, "start", "%s does not start: %s", m->name, m->log[(m->log_count - 1) % SIM_LOG_LINES].text);
}

void sim_start_again(struct sim_run *run, struct sim_machine *m, uint64_t in_us)
{
    struct sim_event *e = &run->back[m->index];
    if (!e->fn) sim_event_init(e, NULL, "back", start_again, m);
    if (!e->place) sim_event_at(run->world, e, run->world->now_us + in_us);
}

static void all_back(struct sim_run *run)
{
    for (unsigned i = 0; i < run->world->machine_count; i++) {
        struct sim_machine *m = run->world->machines[i];
        if (!m->node && !m->foreign) sim_start_again(run, m, run->ended ? SIM_SECOND_US : sotto_rng_exp_us(&run->world->dice.rng, DOWN_MEAN_US));
    }
}

/* ---- one fault ---- */

static enum sim_loss any_loss(struct sim_world *w)
{
    static const enum sim_loss losses[] = { SIM_LOSS_ALL, SIM_LOSS_RANDOM, SIM_LOSS_TAIL };
    return losses[sim_dice(w, 3)];
}

static void disk_fault(struct sim_world *w, struct sim_machine *m)
{
    static const enum sim_disk_fault kinds[] = { SIM_FAULT_WRITE, SIM_FAULT_SYNC, SIM_FAULT_FULL, SIM_FAULT_NAMES, SIM_FAULT_SHORT_WRITE, SIM_FAULT_SHORT_READ, SIM_FAULT_SLOW };
    struct sim_disk_config c = sim_disk_quiet();
    enum sim_disk_fault f = kinds[sim_dice(w, sizeof kinds / sizeof kinds[0])];
    if (sim_chance(w, 30)) {                        /* well again */
        sim_disk_configure(m->disk, &c);
        return;
    }
    c.chance_ppm[f] = f >= SIM_FAULT_SHORT_READ ? 200000 : 20000;
    c.episode[f] = (uint32_t)sim_dice(w, 12);
    c.slow_factor = 200;
    sim_trace(w, m->name, "disk", "fault=%d", (int)f);
    sim_disk_configure(m->disk, &c);
    w->counts[SIM_N_DISK_FAULTS]++;
}

static void clock_fault(struct sim_world *w, struct sim_machine *m)
{
    static const int64_t jumps_ms[] = { 3000, 20000, 90000, 600000, 3600000 };
    int64_t jump = jumps_ms[sim_dice(w, 5)] * (sim_dice(w, 2) ? 1 : -1);
    if (m->clock.offset_ms && sim_chance(w, 60)) jump = -m->clock.offset_ms;
    sim_machine_clock(m, jump, (int32_t)sim_dice(w, 400) - 200);
    sim_trace(w, m->name, "clock", "jump_ms=%" PRId64, jump);
    w->counts[SIM_N_CLOCK_JUMPS]++;
}

static void one_fault(struct sim_run *run, enum sim_fault f)
{
    struct sim_world *w = run->world;
    struct sim_machine *m = w->machines[sim_dice(w, w->machine_count)];
    switch (f) {
    case SIM_F_KILL:
        if (m->node) sim_machine_crash(m, SIM_LOSS_NONE);
        break;
    case SIM_F_POWER:
        if (m->node) sim_machine_crash(m, any_loss(w));
        break;
    case SIM_F_STEP: sim_disk_crash_at(m->disk, 1 + sim_dice(w, 60), sim_chance(w, 30) ? SIM_LOSS_NONE : any_loss(w)); break;
    case SIM_F_STOP:
        if (m->node && !m->stop_us) sim_machine_stop(m);
        break;
    case SIM_F_RESET: sim_net_reset(w->net, false); break;
    case SIM_F_HALF: sim_net_reset(w->net, true); break;
    case SIM_F_PART: {
        unsigned a = (unsigned)sim_dice(w, w->machine_count), b = (unsigned)sim_dice(w, w->machine_count);
        sim_net_part(w->net, a, b, !sim_net_parted(w->net, a, b));
        break;
    }
    case SIM_F_SLOW: sim_net_slow(w->net, m->index, sim_chance(w, 50) ? 0 : 20000 + (uint32_t)sim_dice(w, 2000000)); break;
    case SIM_F_CLOCK: clock_fault(w, m); break;
    case SIM_F_DISK: disk_fault(w, m); break;
    case SIM_F_WIRE:
        sim_net_config(w->net)->jitter_mean_us = (uint32_t)sim_dice(w, 300000);
        sim_net_config(w->net)->piece_max = 1 + (uint32_t)sim_dice(w, 4000);
        sim_net_config(w->net)->bytes_per_s = 5000 + (uint32_t)sim_dice(w, 1000000);
        break;
    case SIM_F_LOCK:                                /* by people */
    case SIM_F_OLD_STATE:                           /* by the worlds that have them */
    case SIM_F_RESTORE:
    case SIM_F_HOSTILE:
    case SIM_F_COUNT: break;
    }
}

static void next_fault(void *ctx)
{
    struct sim_run *run = ctx;
    struct sim_world *w = run->world;
    enum sim_fault on[SIM_F_COUNT];
    unsigned count = 0;
    for (unsigned f = 0; f < SIM_F_COUNT; f++)
        if (run->faults & (1u << f)) on[count++] = (enum sim_fault)f;
    if (count) one_fault(run, on[sim_dice(w, count)]);
    all_back(run);
    sim_event_at(w, &run->fault, w->now_us + 1 + sotto_rng_exp_us(&w->dice.rng, run->fault_mean_us));
}

void sim_faults_begin(struct sim_run *run)
{
    sim_event_init(&run->fault, NULL, "fault", next_fault, run);
    sim_event_at(run->world, &run->fault, run->world->now_us + sotto_rng_exp_us(&run->world->dice.rng, run->fault_mean_us));
}

void sim_faults_end(struct sim_run *run)
{
    struct sim_world *w = run->world;
    struct sim_disk_config quiet = sim_disk_quiet();
    if (w->broken) return;
    sim_event_drop(w, &run->fault);
    run->ended = true;
    sim_net_heal(w->net);
    for (unsigned i = 0; i < w->machine_count; i++) {
        struct sim_machine *m = w->machines[i];
        sim_disk_configure(m->disk, &quiet);
        sim_disk_crash_at(m->disk, 0, SIM_LOSS_NONE);
        if (m->clock.offset_ms || m->clock.drift_ppm) sim_machine_clock(m, 0, 0), sim_machine_clock(m, -m->clock.offset_ms, 0);
        if (!m->node && !m->foreign) m->part = SIM_DOWN;
    }
    run->people->disk_faults = false;
    if (run->hostile) sim_hostile_behave(run->hostile, true);
    sim_trace(w, "world", "healed", NULL);
    all_back(run);
}

/* Everybody has read everything, and nothing is under way. */
static bool calm(struct sim_run *run)
{
    for (unsigned i = 0; i < run->people->count; i++) {
        const struct sim_person *p = &run->people->person[i];
        if (!p->machine->node || p->locked || p->to_write) return false;
        const struct sim_person *q = &run->people->person[p->index ^ 1];
        if (p->meets && !p->known[q->index] && !(p->declined || q->declined)) return false;
    }
    return !sim_people_unsettled(run->people);
}

void sim_settle(struct sim_run *run)
{
    struct sim_world *w = run->world;
    uint64_t begin = w->now_us;
    sim_world_run(w, w->now_us + SETTLE_STEP_US);
    for (unsigned i = 0; i < run->people->count; i++) {
        run->people->person[i].to_write = 0;
        run->people->person[i].boot_audited = 0;
    }
    run->people->ending = true;
    for (uint64_t step = SETTLE_STEP_US; !w->broken && !calm(run) && w->now_us - begin < SETTLE_MAX_US;) {
        if (w->now_us - begin > SETTLE_SOON_US) step = 10 * SIM_MINUTE_US;
        sim_world_run(w, w->now_us + step);
        all_back(run);
        for (unsigned i = 0; i < run->people->count && !w->broken; i++)
            if (run->people->person[i].machine->node) sim_person_poll(&run->people->person[i], false);
    }
    sim_world_run(w, w->now_us + TAIL_US);
    for (unsigned i = 0; i < run->people->count && !w->broken; i++) sim_person_audit(&run->people->person[i]);
    for (unsigned i = 0; i < run->people->count && !w->broken; i++) sim_person_again(&run->people->person[i]);
    for (unsigned i = 0; i < run->people->count && !w->broken; i++) {
        const struct sim_person *p = &run->people->person[i], *q = &run->people->person[i ^ 1];
        if (p->meets && !p->known[q->index] && !p->declined && !q->declined)
            sim_break(w, "meet", "p%u and p%u did not meet: p%u says \"%s\", p%u says \"%s\"", p->index, q->index, p->index, p->state_of[q->index], q->index,
                      q->state_of[p->index]);
        if (p->meets && p->known[q->index] != q->known[p->index]) sim_break(w, "meet", "p%u knows p%u, but not the other way", p->known[q->index] ? i : i ^ 1, p->known[q->index] ? i ^ 1 : i);
    }
    if (!w->broken) sim_check_end(run->people);
}
