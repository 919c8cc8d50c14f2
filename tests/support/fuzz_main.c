/* Runs a fuzz target without libFuzzer: first every file of a corpus folder as it is, then seeded mutations.
 *
 *     smoke_NAME CORPUS_FOLDER RUNS       SOTTO_SEED=n repeats a run, SOTTO_FUZZ_RUN=i does input i of it alone
 *     smoke_NAME FILE...                  replays single inputs
 *
 * Input i depends on the seed and i only, so a crash is repeated by its two numbers. */
#include "support/fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_SIZE_MAX = 1 << 20, FRESH_SIZE_MAX = 4096, CORPUS_MAX = 4096 };
enum { SECONDS_MAX = 60 };                            /* the sanitizer builds on a slow machine end in time, and say so */

struct input { uint8_t *data; size_t size; };
static struct input corpus[CORPUS_MAX];
static size_t corpus_count;
static uint64_t state;
static volatile unsigned long run_now;
static volatile size_t file_now;                      /* of the corpus, from 1; 0: past it */

static uint64_t draw(void)                            /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(size_t bound) { return bound ? (size_t)(draw() % bound) : 0; }

static bool load(struct input *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    uint8_t *data = malloc(INPUT_SIZE_MAX);
    size_t size = data ? fread(data, 1, INPUT_SIZE_MAX, f) : 0;
    fclose(f);
    if (!data) return false;
    *out = (struct input){ data, size };
    return true;
}

/* An exact copy on the heap, so that a read past the end is seen by the address sanitizer. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static const uint8_t odd_bytes[] = { 0x00, 0x01, 0x7f, 0x80, 0x81, 0xb7, 0xb8, 0xbf, 0xc0, 0xc1, 0xf7, 0xf8, 0xff };

static size_t mutate(uint8_t *data, size_t size, size_t cap)
{
    for (size_t left = 1 + below(8); left; left--) {
        size_t at = below(size), len = below(16), from;
        switch (below(8)) {
        case 0: if (size) data[at] ^= (uint8_t)(1u << below(8)); break;
        case 1: if (size) data[at] = (uint8_t)draw(); break;
        case 2: if (size) data[at] = odd_bytes[below(sizeof odd_bytes)]; break;
        case 3: size = below(size + 1); break;                                        /* cut */
        case 4:                                                                       /* remove a piece */
            if (len > size - at) len = size - at;
            memmove(data + at, data + at + len, size - at - len);
            size -= len;
            break;
        case 5:                                                                       /* insert a piece */
            if (len > cap - size) len = cap - size;
            memmove(data + at + len, data + at, size - at);
            for (size_t i = 0; i < len; i++) data[at + i] = (uint8_t)draw();
            size += len;
            break;
        case 6:                                                                       /* repeat a piece elsewhere */
            from = below(size);
            if (len > size - from) len = size - from;
            if (len > size - at) len = size - at;
            memmove(data + at, data + from, len);
            break;
        default:                                                                      /* the end of another input */
            if (!corpus_count) break;
            struct input *other = &corpus[below(corpus_count)];
            from = below(other->size);
            len = other->size - from;
            if (len > cap - at) len = cap - at;
            memcpy(data + at, other->data + from, len);
            if (at + len > size) size = at + len;
        }
    }
    return size;
}

static void mutated(uint64_t seed, unsigned long run, uint8_t *data)
{
    state = seed * 0x100000001b3u ^ run * 0xd6e8feb86659fd93u;
    size_t size = 0;
    if (corpus_count && below(8)) {
        struct input *base = &corpus[below(corpus_count)];
        memcpy(data, base->data, base->size);
        size = mutate(data, base->size, INPUT_SIZE_MAX);
    } else {
        size = below(below(4) ? 256 : FRESH_SIZE_MAX);
        for (size_t i = 0; i < size; i++) data[i] = below(3) ? (uint8_t)draw() : odd_bytes[below(sizeof odd_bytes)];
    }
    run_one(data, size);
}

static void died(int sig)
{
    char text[128];
    int size = file_now ? snprintf(text, sizeof text, "died in file %zu of the corpus\n", file_now)
                        : snprintf(text, sizeof text, "died in input %lu: SOTTO_FUZZ_RUN=%lu\n", run_now, run_now);
    if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0) _exit(1);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void load_folder(const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        struct stat st;
        if (corpus_count < CORPUS_MAX && stat(path, &st) == 0 && S_ISREG(st.st_mode) && load(&corpus[corpus_count], path)) corpus_count++;
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    struct stat st;
    if (argc >= 2 && stat(argv[1], &st) == 0 && S_ISREG(st.st_mode)) {
        for (int i = 1; i < argc; i++) {
            struct input in;
            if (!load(&in, argv[i])) return 1;
            run_one(in.data, in.size);
            free(in.data);
        }
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER RUNS | FILE...\n", argv[0]);
        return 2;
    }
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const char *text = getenv("SOTTO_SEED"), *single = getenv("SOTTO_FUZZ_RUN");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)t.tv_nsec * 1000003u ^ (uint64_t)t.tv_sec;
    unsigned long runs = strtoul(argv[2], NULL, 10);
    printf("seed %llu  (repeat: SOTTO_SEED=%llu)\n", (unsigned long long)seed, (unsigned long long)seed);
    fflush(stdout);
    signal(SIGABRT, died);
    signal(SIGSEGV, died);

    load_folder(argv[1]);
    uint8_t *data = malloc(INPUT_SIZE_MAX);
    if (!data) return 1;
    if (single) {
        run_now = strtoul(single, NULL, 10);
        mutated(seed, run_now, data);
        runs = 0;
    } else {
        run_one(data, 0);
        for (size_t i = 0; i < corpus_count; i++) {
            file_now = i + 1;
            run_one(corpus[i].data, corpus[i].size);
        }
        file_now = 0;
    }
    time_t end = t.tv_sec + SECONDS_MAX;
    unsigned long done = 0;
    for (; done < runs; done++) {
        run_now = done;
        if (done % 64 == 0 && (clock_gettime(CLOCK_REALTIME, &t), t.tv_sec > end)) break;
        mutated(seed, done, data);
    }
    printf("%zu corpus files, %lu of %lu mutated inputs%s\n", corpus_count, done, runs, done < runs ? " (time is up)" : "");
    free(data);
    for (size_t i = 0; i < corpus_count; i++) free(corpus[i].data);
    return 0;
}
