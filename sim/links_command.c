/* `sotto-lab links`. */
#include "sim/links.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { USAGE = 2 };

static int usage(const char *why)
{
    if (why) fprintf(stderr, "sotto-lab links: %s\n\n", why);
    fputs("sotto-lab links: links of sotto/1 on lines that fail, with slow readers and one hostile peer. Everything follows from the seed.\n\n"
          "  sotto-lab links [--seed FIRST] [--count N] [--strategy NAME] [--each] [--trace FILE]\n"
          "  sotto-lab links --list\n\n"
          "  --strategy NAME   what the hostile peer does; else the seed chooses\n"
          "  --each            a short line for each seed\n"
          "  --trace FILE      what happens, a line an event (FILE may be -)\n\n"
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

static int list(void)
{
    const char *name, *end;
    for (unsigned i = 0; (name = sim_links_strategy(i, &end)); i++) printf("%-20s %s\n", name, !end ? "no refusal" : *end ? end : "by the moment");
    return 0;
}

static bool known(const char *wanted)
{
    const char *name, *end;
    for (unsigned i = 0; (name = sim_links_strategy(i, &end)); i++)
        if (strcmp(name, wanted) == 0) return true;
    return false;
}

static void add(struct sim_links *all, const struct sim_links *r)
{
    all->links += r->links, all->lost += r->lost, all->refused += r->refused, all->shed += r->shed;
    all->messages += r->messages, all->bytes += r->bytes, all->cells += r->cells, all->slots += r->slots, all->rekeys += r->rekeys;
    all->updates += r->updates, all->stalls += r->stalls, all->pauses += r->pauses, all->pings += r->pings, all->events += r->events;
    all->simulated_us += r->simulated_us;
    if (r->open_most > all->open_most) all->open_most = r->open_most;
    all->digest = (all->digest ^ r->digest) * 0x100000001b3ull;
}

static void report(const struct sim_links *all, uint64_t seeds, unsigned strategies, double seconds)
{
    printf("{\"world\":\"links\",\"seeds\":%" PRIu64 ",\"strategies\":%u,\"links\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"shed\":%" PRIu64
           ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"cells\":%" PRIu64 ",\"slots\":%" PRIu64 ",\"rekeys\":%" PRIu64 ",\"updates\":%" PRIu64
           ",\"stalls\":%" PRIu64 ",\"pauses\":%" PRIu64 ",\"pings\":%" PRIu64 ",\"events\":%" PRIu64 ",\"openMost\":%zu,\"simulatedHours\":%.1f,\"seconds\":%.2f"
           ",\"digest\":\"%016" PRIx64 "\"}\n",
           seeds, strategies, all->links, all->lost, all->refused, all->shed, all->messages, all->bytes, all->cells, all->slots, all->rekeys, all->updates,
           all->stalls, all->pauses, all->pings, all->events, all->open_most, (double)all->simulated_us / 3.6e9, seconds, all->digest);
}

/* The same pointer is the same strategy: their names stand in one table. */
static unsigned count_new(const char **seen, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (seen[i] == name) return count;
    seen[count] = name;
    return count + 1;
}

int sim_links_command(int argc, char **argv)
{
    struct sim_links_options o = { .seed = 1 };
    const char *seen[128], *trace_name = NULL;
    uint64_t count = 1, v, done = 0;
    bool each = false;
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--list") == 0) return list();
        if (strcmp(argv[i], "--each") == 0) {
            each = true;
            continue;
        }
        if (!value) return usage("an option lacks its value, or is unknown");
        if (strcmp(argv[i], "--strategy") == 0) {
            if (!known(value)) return usage("--strategy wants one of --list");
            o.strategy = value;
        } else if (strcmp(argv[i], "--trace") == 0) trace_name = value;
        else if (!number(&v, value)) return usage("a number is wanted");
        else if (strcmp(argv[i], "--seed") == 0) o.seed = v;
        else if (strcmp(argv[i], "--count") == 0 && v >= 1) count = v;
        else return usage("an option is unknown, or its number out of range");
        i++;
    }
    if (count > UINT64_MAX - o.seed) return usage("there are not so many seeds");
    o.trace = trace_name ? strcmp(trace_name, "-") == 0 ? stdout : fopen(trace_name, "w") : NULL;
    if (trace_name && !o.trace) {
        perror(trace_name);
        return 1;
    }
    struct sim_links all = { .digest = 0xcbf29ce484222325ull }, r = { 0 };
    unsigned strategies = 0;
    clock_t begun = clock();
    for (; done < count && !r.broken; done++, o.seed++) {
        (void)!sim_links_run(&r, &o);
        add(&all, &r);
        strategies = count_new(seen, strategies, r.strategy);
        if (each) printf("%" PRIu64 " %s %s cells %" PRIu64, o.seed, r.strategy, r.end ? r.end : "-", r.cells);
        if (each) printf(" messages %" PRIu64 " %016" PRIx64 "\n", r.messages, r.digest);
    }
    if (r.broken) {
        printf("broken %s %s (%s)\nseed   %" PRIu64 "\nrepeat sotto-lab links --seed %" PRIu64 " --count 1", r.rule, r.text, r.strategy, o.seed - 1,
               o.seed - 1);
        if (o.strategy) printf(" --strategy %s", o.strategy);
        printf("\n\n");
    }
    report(&all, done, strategies, (double)(clock() - begun) / CLOCKS_PER_SEC);
    if (o.trace && o.trace != stdout) fclose(o.trace);
    return r.broken ? 1 : 0;
}
