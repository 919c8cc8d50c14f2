#include "whisper.h"

#include "sim/attack.h"
#include "sim/range.h"
#include "sim/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USAGE = 2 };
#define TRIALS_MAX 200u
#define RELAYS 8u
#define ATTACK_S 25u
#define CORES 16.0

/* One line of the table. */
struct cell { const char *attack, *defence; enum sim_attack kind; struct sim_defence d; };

#define NONE { .evict = SIM_EVICT_NEWEST }
#define FLOOR { .evict = SIM_EVICT_NEWEST, .floor = true }
#define RATING { .evict = SIM_EVICT_RATING }
#define QUOTA { .evict = SIM_EVICT_NEWEST, .quota = true }
#define CAP { .evict = SIM_EVICT_NEWEST, .cap = true }
#define ALL { .evict = SIM_EVICT_PLACE, .floor = true, .quota = true, .cap = true }
static const struct cell cells[] = {
    { "calm", "all", SIM_ATTACK_CALM, ALL },
    { "expiry", "none", SIM_ATTACK_EXPIRY, NONE }, { "expiry", "cap", SIM_ATTACK_EXPIRY, CAP }, { "expiry", "quota", SIM_ATTACK_EXPIRY, QUOTA },
    { "expiry", "rating", SIM_ATTACK_EXPIRY, RATING }, { "expiry", "floor", SIM_ATTACK_EXPIRY, FLOOR }, { "expiry", "all", SIM_ATTACK_EXPIRY, ALL },
    { "count", "none", SIM_ATTACK_COUNT, NONE }, { "count", "quota", SIM_ATTACK_COUNT, QUOTA }, { "count", "rating", SIM_ATTACK_COUNT, RATING },
    { "count", "place", SIM_ATTACK_COUNT, { .evict = SIM_EVICT_PLACE } }, { "count", "floor", SIM_ATTACK_COUNT, FLOOR },
    { "count", "bytes", SIM_ATTACK_COUNT, { .evict = SIM_EVICT_RATING, .floor = true, .quota = true, .cap = true } },
    { "count", "all", SIM_ATTACK_COUNT, ALL },
    { "size", "none", SIM_ATTACK_SIZE, NONE }, { "size", "quota", SIM_ATTACK_SIZE, QUOTA }, { "size", "rating", SIM_ATTACK_SIZE, RATING },
    { "size", "floor", SIM_ATTACK_SIZE, FLOOR }, { "size", "all", SIM_ATTACK_SIZE, ALL },
    { "sybil", "none", SIM_ATTACK_SYBIL, NONE }, { "sybil", "quota", SIM_ATTACK_SYBIL, QUOTA }, { "sybil", "rating", SIM_ATTACK_SYBIL, RATING },
    { "sybil", "floor", SIM_ATTACK_SYBIL, FLOOR }, { "sybil", "all", SIM_ATTACK_SYBIL, ALL },
    { "evict", "newest", SIM_ATTACK_OUTBID, { .evict = SIM_EVICT_NEWEST, .floor = true, .quota = true, .cap = true } },
    { "evict", "oldest", SIM_ATTACK_OUTBID, { .evict = SIM_EVICT_OLDEST, .floor = true, .quota = true, .cap = true } },
    { "evict", "rating", SIM_ATTACK_OUTBID, ALL },
};
#define CELLS (sizeof cells / sizeof cells[0])

static int usage(const char *why)
{
    if (why) fprintf(stderr, "sotto-lab whisper: %s\n\n", why);
    fputs("sotto-lab whisper: attacks on Whisper in the simulated world: what the attacker pays, what honest messages lose.\n\n"
          "  sotto-lab whisper ATTACK|--all [--seed S] [--trials N] [--jobs N] [--json]\n\n"
          "  expiry   envelopes with the longest life that is taken\n"
          "  count    as many as possible: the smallest, short-lived\n"
          "  size     as many bytes as possible: the largest, short-lived\n"
          "  sybil    a dozen identities that look like everybody else\n"
          "  evict    they outbid honest work: who leaves a full pool, by three rules\n"
          "  work     what a rating costs: the closed form, and searches with the kernel in use\n\n"
          "Defences, one line each:\n"
          "  none     a full pool takes nothing more; the rate of a link and the bounds of the pool stand always\n"
          "  cap      no life above a day          quota    a share of the pool for each link\n"
          "  rating   lowest rating leaves first   floor    work for size and life\n"
          "  place    rating, as if nothing were shorter than a native envelope\n"
          "  all      the product\n"
          "  bytes    the product, if its pools went by Whisper's rating alone: by work for bytes\n\n"
          "  --seed S     of the first trial (1)\n"
          "  --trials N   worlds for each line (4), 2 to 200\n"
          "  --jobs N     processes; the result is the same for any number\n"
          "  --json       an object a line\n", stderr);
    return USAGE;
}

/* ---- runs ---- */

struct board {                                    /* between the processes */
    _Atomic uint32_t next;
    struct sim_attack_result results[];           /* [cell][trial] */
};
struct plan { bool wanted[CELLS]; bool work, json; uint64_t seed; unsigned trials, jobs; };

static void work(struct board *b, const struct plan *plan)
{
    for (;;) {
        uint32_t at = atomic_fetch_add(&b->next, 1);
        if (at >= CELLS * plan->trials) return;
        const struct cell *c = &cells[at / plan->trials];
        if (!plan->wanted[at / plan->trials]) continue;
        struct sim_attack_options o = { .attack = c->kind, .defence = c->d, .seed = plan->seed + at % plan->trials, .relays = RELAYS, .attack_s = ATTACK_S,
                                        .cores = CORES };
        sim_attack_run(&b->results[at], &o);
    }
}

static bool run_all(struct board *b, const struct plan *plan)
{
    pid_t pids[SIM_JOBS_MAX];
    unsigned begun = 0;
    bool ok = true;
    if (plan->jobs == 1) {
        work(b, plan);
        return true;
    }
    fflush(NULL);
    for (; begun < plan->jobs; begun++) {
        pids[begun] = fork();
        if (pids[begun] == 0) {
            work(b, plan);
            exit(0);                              /* what a sanitizer finds at the end becomes the status */
        }
        if (pids[begun] < 0) break;
    }
    for (unsigned i = 0; i < begun; i++) {
        int status = 0;
        ok = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && ok;
    }
    return ok && begun == plan->jobs;
}

/* ---- the table ---- */

struct line { struct sim_mean mib, hashes, lost, delay, gone, load, pooled; };

static double share(uint64_t part, uint64_t of) { return of ? 100.0 * (double)part / (double)of : 0; }

/* Trial by trial against the calm world of the same seed, in which the same people write the same. */
static struct line sum_up(const struct sim_attack_result *r, const struct sim_attack_result *calm, unsigned trials)
{
    struct line l = { 0 };
    for (unsigned i = 0; i < trials; i++) {
        sim_mean_add(&l.mib, (double)r[i].bytes * SIM_ATTACK_SHRINK / (1 << 20));
        sim_mean_add(&l.hashes, (double)r[i].tries * SIM_ATTACK_SCALE);
        sim_mean_add(&l.lost, share(r[i].pairs - r[i].delivered, r[i].pairs));
        if (r[i].delivered) sim_mean_add(&l.delay, r[i].delay_s - calm[i].delay_s);
        sim_mean_add(&l.gone, share(r[i].keep - r[i].kept, r[i].keep));
        sim_mean_add(&l.load, (double)r[i].relay_bytes / (double)calm[i].relay_bytes);
        sim_mean_add(&l.pooled, share(r[i].attack_pooled, (uint64_t)RELAYS * 65536 / SIM_ATTACK_SHRINK));
    }
    return l;
}

static void number(const char *name, const struct sim_mean *m)
{
    if (isnan(sim_mean(m))) printf(",\"%s\":null,\"%sHalf\":null", name, name);
    else if (isnan(sim_mean_half(m))) printf(",\"%s\":%.6g,\"%sHalf\":null", name, sim_mean(m), name);
    else printf(",\"%s\":%.6g,\"%sHalf\":%.3g", name, sim_mean(m), name, sim_mean_half(m));
}

static void tell_json(const struct cell *c, const struct line *l, const struct plan *plan, double speed)
{
    printf("{\"attack\":\"%s\",\"defence\":\"%s\",\"trials\":%u", c->attack, c->defence, plan->trials);
    number("attackerMiB", &l->mib);
    number("attackerHashes", &l->hashes);
    printf(",\"attackerCoreSeconds\":%.6g", sim_mean(&l->hashes) / speed);
    number("lostPct", &l->lost);
    number("delayAddedS", &l->delay);
    number("gonePct", &l->gone);
    number("attackPooledPct", &l->pooled);
    number("load", &l->load);
    printf("}\n");
}

static void pair(const struct sim_mean *m, const char *form)
{
    char text[40] = "-", half[20] = "";
    if (!isnan(sim_mean(m))) snprintf(text, sizeof text, form, sim_mean(m));
    if (!isnan(sim_mean_half(m))) snprintf(half, sizeof half, form, sim_mean_half(m));
    printf(" %6s +- %-5s", text, half);
}

static void tell(const struct cell *c, const struct line *l, double speed)
{
    printf("%-7s %-7s %8.0f %9.2g %8.1f ", c->attack, c->defence, sim_mean(&l->mib), sim_mean(&l->hashes), sim_mean(&l->hashes) / speed);
    pair(&l->lost, "%.1f");
    pair(&l->delay, "%.2f");
    pair(&l->gone, "%.1f");
    printf(" %8.1f %6.1f\n", sim_mean(&l->pooled), sim_mean(&l->load));
}

static void table(const struct board *b, const struct plan *plan, double speed)
{
    const char *last = "";
    if (!plan->json)
        printf("%u relays, %u worlds a line, an attack of %u s by %.0f cores (evict: %.0f); attacker's figures for a full-size pool; +- is 95 %%.\n\n"
               "                ------ it pays --------   -------- honest messages lose ----------    its share  bytes\n"
               "attack  defence      MiB    hashes   core s   lost %%         delay +s       gone %%         of pools  relayed x\n",
               RELAYS, plan->trials, ATTACK_S, CORES, SIM_ATTACK_OUTBID_TIMES * CORES);
    for (size_t i = 0; i < CELLS; i++) {
        if (!plan->wanted[i]) continue;
        struct line l = sum_up(&b->results[i * plan->trials], &b->results[0], plan->trials);
        if (!plan->json && strcmp(last, cells[i].attack) != 0 && *last) printf("\n");
        last = cells[i].attack;
        if (plan->json) tell_json(&cells[i], &l, plan, speed);
        else tell(&cells[i], &l, speed);
    }
    if (!plan->json) printf("\n");
}

/* ---- the command ---- */

static bool count_of(uint64_t *out, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out >= min && *out <= max;
}

static bool want(struct plan *plan, const char *attack)
{
    bool found = false, all = strcmp(attack, "--all") == 0;
    for (size_t i = 1; i < CELLS; i++)
        if (all || strcmp(attack, cells[i].attack) == 0) plan->wanted[i] = found = true;
    if (found) plan->wanted[0] = true;            /* what all are compared with */
    if (all || strcmp(attack, "work") == 0) plan->work = found = true;
    return found;
}

int lab_whisper_command(int argc, char **argv)
{
    struct plan plan = { .seed = 1, .trials = 4, .jobs = 1 };
    bool any = false;
    uint64_t v;
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--json") == 0) plan.json = true;
        else if (strcmp(argv[i], "--seed") == 0 && count_of(&v, value, 0, UINT64_MAX - TRIALS_MAX)) plan.seed = v, i++;
        else if (strcmp(argv[i], "--trials") == 0 && count_of(&v, value, 2, TRIALS_MAX)) plan.trials = (unsigned)v, i++;
        else if (strcmp(argv[i], "--jobs") == 0 && count_of(&v, value, 1, SIM_JOBS_MAX)) plan.jobs = (unsigned)v, i++;
        else if (strcmp(argv[i], "--help") == 0) return usage(NULL) - USAGE;
        else if (want(&plan, argv[i])) any = true;
        else return usage("an attack or option is unknown, or its number out of range");
    }
    if (!any) return usage("which attack?");
    size_t size = sizeof(struct board) + CELLS * plan.trials * sizeof(struct sim_attack_result);
    struct board *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) {
        fputs("sotto-lab whisper: memory is short\n", stderr);
        return 1;
    }
    double speed = lab_work_speed();
    bool ok = run_all(b, &plan);
    if (ok && plan.wanted[0]) table(b, &plan, speed);
    if (ok && plan.work) lab_work_table(plan.seed, 20 * plan.trials, speed, plan.json);
    if (!ok) fputs("sotto-lab whisper: a process died\n", stderr);
    munmap(b, size);
    return ok ? 0 : 1;
}
