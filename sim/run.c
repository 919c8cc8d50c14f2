#include "sim/run.h"

#include "base/text.h"
#include "sim/memo.h"
#include "sim/worlds.h"
#include "sim/wrap.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

enum { USAGE = 2, BIG_BYTES = 512 << 10 };

struct totals { uint64_t seeds, counts[SIM_COUNTS], faults[SIM_F_COUNT], simulated_us; struct sha256_ctx hash; };

static int usage(const char *why)
{
    if (why) fprintf(stderr, "sotto-lab sim: %s\n\n", why);
    fputs("sotto-lab sim: whole nodes in a simulated world. Everything follows from the seed.\n\n"
          "  sotto-lab sim --world NAME|all --seed FIRST --count N [--trace FILE] [--nodes N] [--pairs N] [--messages N] [--quiet]\n"
          "  sotto-lab sim --list\n\n"
          "  --trace FILE      what happens, a line an event (FILE may be -)\n"
          "  --messages N      of each person\n"
          "  --quiet           no faults\n"
          "  --each            a short line for each seed\n"
          "  --plain           every product and key anew by the libraries: slower, the same trace hash\n"
          "  --record FILE     every envelope as somebody sees it who watches all wires, a JSON line each\n"
          "  --truth FILE      for the judgement of such a recording only: who wrote to whom\n\n"
          "One line of JSON at the end; status 1 at the first broken rule.\n", stderr);
    return USAGE;
}

static bool number(uint64_t *out, const char *text)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno;
}

static void add(struct totals *all, struct sim_run *run)
{
    uint8_t hash[32];
    struct sha256_ctx copy = run->world->hash;
    sha256_digest(&copy, sizeof hash, hash);
    sha256_update(&all->hash, sizeof hash, hash);
    for (int i = 0; i < SIM_COUNTS; i++) all->counts[i] += run->world->counts[i];
    for (int i = 0; i < SIM_F_COUNT; i++) all->faults[i] += run->faults >> i & 1;
    all->simulated_us += run->world->now_us;
    all->seeds++;
}

static void report(struct totals *all, const char *world, double seconds)
{
    uint8_t hash[32];
    char hex[65];
    sha256_digest(&all->hash, sizeof hash, hash);
    sotto_hex(hex, hash, 32);
    printf("{\"world\":\"%s\",\"seeds\":%" PRIu64, world, all->seeds);
    for (int i = 0; i < SIM_COUNTS; i++) printf(",\"%s\":%" PRIu64, sim_count_names[i], all->counts[i]);
    printf(",\"faultsOn\":{");
    for (int i = 0; i < SIM_F_COUNT; i++) printf("%s\"%s\":%" PRIu64, i ? "," : "", sim_fault_names[i], all->faults[i]);
    printf("},\"simulatedHours\":%.1f,\"seconds\":%.2f,\"traceHash\":\"%s\"}\n", (double)all->simulated_us / (double)SIM_HOUR_US, seconds, hex);
}

static void tell_seed(const struct sim_run *run, double seconds)
{
    const struct sim_world *w = run->world;
    printf("%s %" PRIu64 ": %.0f ms, %" PRIu64 " steps, %.1f h, sent %" PRIu64 ", delivered %" PRIu64 ", faults", run->kind->name, w->seed, seconds * 1000,
           w->counts[SIM_N_STEPS], (double)w->now_us / (double)SIM_HOUR_US, w->counts[SIM_N_SENT], w->counts[SIM_N_DELIVERED]);
    for (int i = 0; i < SIM_F_COUNT; i++)
        if (run->faults >> i & 1) printf(" %s", sim_fault_names[i]);
    printf("\n");
    fflush(stdout);
}

static void tell_broken(const struct sim_run *run, const struct sim_options *o)
{
    const struct sim_world *w = run->world;
    printf("broken   %s\nseed     %" PRIu64 "\ntime     %" PRIu64 ".%06" PRIu64 " s\nwhat     %s\n", w->rule, w->seed, w->now_us / SIM_SECOND_US, w->now_us % SIM_SECOND_US, w->why);
    printf("faults  ");
    for (int i = 0; i < SIM_F_COUNT; i++)
        if (run->faults >> i & 1) printf(" %s", sim_fault_names[i]);
    printf("\n");
    for (unsigned i = 0; i < w->machine_count; i++) {
        const struct sim_machine *m = w->machines[i];
        for (unsigned k = m->log_count > 3 ? m->log_count - 3 : 0; k < m->log_count; k++)
            printf("log %-4s %" PRIu64 " %s\n", m->name, m->log[k % SIM_LOG_LINES].at_us / SIM_SECOND_US, m->log[k % SIM_LOG_LINES].text);
    }
    printf("repeat   sotto-lab sim --world %s --seed %" PRIu64 " --count 1", run->kind->name, w->seed);
    if (o->nodes) printf(" --nodes %u", o->nodes);
    if (o->pairs) printf(" --pairs %u", o->pairs);
    if (o->messages) printf(" --messages %u", o->messages);
    if (o->quiet) printf(" --quiet");
    printf(" --trace FILE\n");
}

static int list(void)
{
    for (unsigned i = 0; i < sim_kind_count; i++) printf("%-8s %s\n", sim_kinds[i].name, sim_kinds[i].meaning);
    return 0;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int sim_command(int argc, char **argv)
{
    const char *world = NULL, *trace_name = NULL;
    bool each = false;
    struct sim_options o = { 0 };
    uint64_t first = 1, count = 1, v;
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--list") == 0) return list();
        if (strcmp(argv[i], "--quiet") == 0) {
            o.quiet = true;
            continue;
        }
        if (strcmp(argv[i], "--plain") == 0) {
            sim_memo_use(false);
            continue;
        }
        if (strcmp(argv[i], "--each") == 0) {
            each = true;
            continue;
        }
        if (!value) return usage("an option lacks its value, or is unknown");
        if (strcmp(argv[i], "--world") == 0) world = value;
        else if (strcmp(argv[i], "--trace") == 0) trace_name = value;
        else if (strcmp(argv[i], "--record") == 0) o.record = value, sim_watch_leave_topics();
        else if (strcmp(argv[i], "--truth") == 0) o.truth = value;
        else if (!number(&v, value)) return usage("a number is wanted");
        else if (strcmp(argv[i], "--seed") == 0) first = v;
        else if (strcmp(argv[i], "--count") == 0) count = v;
        else if (strcmp(argv[i], "--nodes") == 0 && v >= 2 && v <= SIM_MACHINES_MAX) o.nodes = (unsigned)v;
        else if (strcmp(argv[i], "--pairs") == 0 && v >= 1 && v <= SIM_PEOPLE_MAX / 2) o.pairs = (unsigned)v;
        else if (strcmp(argv[i], "--messages") == 0 && v <= 100000) o.messages = (unsigned)v;
        else return usage("an option is unknown, or its number out of range");
        i++;
    }
    if (!world || !sim_kind_of(world, 0)) return usage("--world wants one of --list, or all");
    FILE *trace = trace_name ? strcmp(trace_name, "-") == 0 ? stdout : fopen(trace_name, "w") : NULL;
    if (trace_name && !trace) {
        perror(trace_name);
        return 1;
    }
    (void)mallopt(M_MMAP_THRESHOLD, BIG_BYTES);     /* fixed: else a large table is wiped by hand for each start of a machine */
    struct totals all = { 0 };
    sha256_init(&all.hash);
    json_object_seed(1);                            /* the order of members of an object is the same in every process */
    double begin = now_s();
    int code = 0;
    for (uint64_t seed = first; seed < first + count && code == 0; seed++) {
        struct sim_run run;
        double from = now_s();
        sim_run_seed(&run, sim_kind_of(world, seed), &o, seed, trace);
        if (run.world->broken) {
            tell_broken(&run, &o);
            code = 1;
        }
        add(&all, &run);
        if (each) tell_seed(&run, now_s() - from);
        sim_run_free(&run);
    }
    sim_templates_free();
    report(&all, world, now_s() - begin);
    if (trace && trace != stdout) fclose(trace);
    return code;
}
