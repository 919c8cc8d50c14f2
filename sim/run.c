#include "sim/run.h"

#include "base/text.h"
#include "sim/memo.h"
#include "sim/range.h"
#include "sim/wrap.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

enum { USAGE = 2, BIG_BYTES = 2 << 20, KEPT_BYTES = 256 << 20 };

static int usage(const char *why)
{
    if (why) fprintf(stderr, "sotto-lab sim: %s\n\n", why);
    fputs("sotto-lab sim: whole nodes in a simulated world. Everything follows from the seed.\n\n"
          "  sotto-lab sim --world NAME|all --seed FIRST --count N [--jobs N] [--trace FILE] [--nodes N] [--pairs N] [--messages N] [--quiet]\n"
          "  sotto-lab sim --list\n\n"
          "  --trace FILE      what happens, a line an event (FILE may be -)\n"
          "  --messages N      of each person\n"
          "  --quiet           no faults\n"
          "  --jobs N          processes; the result is the same for any number\n"
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

static void report(const struct sim_totals *all, const char *world)
{
    char hex[65];
    sotto_hex(hex, all->hash, sizeof all->hash);
    printf("{\"world\":\"%s\",\"seeds\":%" PRIu64, world, all->seeds);
    if (all->broken) printf(",\"firstBroken\":%" PRIu64, all->broken_seed);
    for (int i = 0; i < SIM_COUNTS; i++) printf(",\"%s\":%" PRIu64, sim_count_names[i], all->counts[i]);
    printf(",\"faultsOn\":{");
    for (int i = 0; i < SIM_F_COUNT; i++) printf("%s\"%s\":%" PRIu64, i ? "," : "", sim_fault_names[i], all->faults[i]);
    printf("},\"simulatedHours\":%.1f,\"seconds\":%.2f,\"traceHash\":\"%s\"}\n", (double)all->simulated_us / (double)SIM_HOUR_US, all->seconds, hex);
}

static int list(void)
{
    for (unsigned i = 0; i < sim_kind_count; i++) printf("%-8s %s\n", sim_kinds[i].name, sim_kinds[i].meaning);
    return 0;
}

int sim_command(int argc, char **argv)
{
    const char *trace_name = NULL;
    struct sim_range range = { .first = 1, .count = 1, .jobs = 1 };
    struct sim_options *o = &range.options;
    uint64_t v;
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool *flag = strcmp(argv[i], "--quiet") == 0 ? &o->quiet : strcmp(argv[i], "--each") == 0 ? &range.each : NULL;
        if (strcmp(argv[i], "--list") == 0) return list();
        if (flag) *flag = true;
        else if (strcmp(argv[i], "--plain") == 0) sim_memo_use(false);
        if (flag || strcmp(argv[i], "--plain") == 0) continue;
        if (!value) return usage("an option lacks its value, or is unknown");
        if (strcmp(argv[i], "--world") == 0) range.world = value;
        else if (strcmp(argv[i], "--trace") == 0) trace_name = value;
        else if (strcmp(argv[i], "--record") == 0) o->record = value, sim_watch_leave_topics();
        else if (strcmp(argv[i], "--truth") == 0) o->truth = value;
        else if (!number(&v, value)) return usage("a number is wanted");
        else if (strcmp(argv[i], "--seed") == 0) range.first = v;
        else if (strcmp(argv[i], "--count") == 0) range.count = v;
        else if (strcmp(argv[i], "--jobs") == 0 && v >= 1 && v <= SIM_JOBS_MAX) range.jobs = (unsigned)v;
        else if (strcmp(argv[i], "--nodes") == 0 && v >= 2 && v <= SIM_MACHINES_MAX) o->nodes = (unsigned)v;
        else if (strcmp(argv[i], "--pairs") == 0 && v >= 1 && v <= SIM_PEOPLE_MAX / 2) o->pairs = (unsigned)v;
        else if (strcmp(argv[i], "--messages") == 0 && v <= 100000) o->messages = (unsigned)v;
        else return usage("an option is unknown, or its number out of range");
        i++;
    }
    if (!range.world || !sim_kind_of(range.world, 0)) return usage("--world wants one of --list, or all");
    if (range.count > UINT64_MAX - range.first) return usage("there are not so many seeds");
    if (range.jobs > 1 && (trace_name || o->record || o->truth)) return usage("a trace or a recording is made by one job");
    range.trace = trace_name ? strcmp(trace_name, "-") == 0 ? stdout : fopen(trace_name, "w") : NULL;
    if (trace_name && !range.trace) {
        perror(trace_name);
        return 1;
    }
    (void)mallopt(M_MMAP_THRESHOLD, BIG_BYTES);     /* fixed: else a large table is wiped by hand for each start of a machine */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);    /* the next world wants it again */
    json_object_seed(1);                            /* the order of members of an object is the same in every process */
    struct sim_totals *all = sim_alloc(sizeof *all);
    bool ok = sim_range_run(all, &range);
    fputs(all->text, stdout);
    if (!ok) fputs("\n", stdout);
    report(all, range.world);
    if (range.trace && range.trace != stdout) fclose(range.trace);
    int code = ok && !all->broken ? 0 : 1;
    free(all);
    return code;
}
