#include "whisper.h"

#include "sim/attack_work.h"
#include "whisper/pool.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define SPEED_TRIES (UINT32_C(1) << 17)
#define SPEED_TIMES 8u                            /* the best counts: others use this machine, too */
#define MEASURED_BITS_MAX 19u                     /* dearer searches are reckoned from the measured speed */
#define ROW_TRIES (UINT32_C(1) << 24)             /* about so many for each row */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double lab_work_speed(void)
{
    uint8_t prefix[SOTTO_NATIVE_SHORT] = { 1 };
    struct sotto_work w;
    uint64_t nonce;
    sotto_work_init(&w, SOTTO_SPAN(prefix), UINT64_C(1) << 56, 256);
    double best = 0;
    for (unsigned i = 0; i < SPEED_TIMES; i++) {
        double from = cpu_s();
        (void)!sotto_work_step(&w, &nonce, SPEED_TRIES);
        double speed = SPEED_TRIES / (cpu_s() - from);
        if (speed > best) best = speed;
    }
    return best;
}

static void hold(const char *what, double bytes, double entries, double tries_per_s, bool json)
{
    double tries = SOTTO_RATING_DEFAULT * bytes;
    if (json) printf("{\"hold\":\"%s\",\"entries\":%.0f,\"bytes\":%.0f,\"triesPerSecond\":%.0f,\"cores\":%.2f}\n", what, entries, bytes, tries, tries / tries_per_s);
    else printf("  %-44s %8.0f %12.0f %14.0f %8.2f\n", what, entries, bytes, tries, tries / tries_per_s);
}

void lab_work_table(uint64_t seed, unsigned trials, double tries_per_s, bool json)
{
    static const struct { uint32_t data, ttl; const char *what; } rows[] = {
        { 20, 10, "smallest, 10 s" }, { 20, 1800, "smallest, half an hour" }, { 1024, 50, "1 KiB, Whisper's 50 s" },
        { SOTTO_NATIVE_DATA, SOTTO_NATIVE_TTL_S, "native: what honest people pay" }, { 1024, SOTTO_POOL_TTL_MAX_S, "1 KiB, the longest life" },
        { 1024, 315360000u, "1 KiB, ten years (refused)" }, { 65536, 1800, "64 KiB, half an hour" }, { 1048500, 50, "1 MiB, 50 s" },
        { 1048500, SOTTO_POOL_TTL_MAX_S, "1 MiB, the longest life" },
    };
    if (!json) {
        printf("Work for a rating of %.1f: tries = 2^ceil(log2(rating x bytes x seconds)). One core makes %.2f million tries a second here.\n\n"
               "  data B   ttl s  bits          tries    measured (95 %%)        seconds of a core\n", SOTTO_RATING_DEFAULT, tries_per_s / 1e6);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_attack_work w;
        sim_attack_work(&w, SOTTO_RATING_DEFAULT, rows[i].data, rows[i].ttl, seed + i, 0, 0);
        unsigned searches = ROW_TRIES / w.expected < trials ? (unsigned)(ROW_TRIES / w.expected) : trials;
        sim_attack_work(&w, SOTTO_RATING_DEFAULT, rows[i].data, rows[i].ttl, seed + i, searches, MEASURED_BITS_MAX);
        if (json) {
            printf("{\"data\":%u,\"ttl\":%u,\"bits\":%u,\"tries\":%.0f,", rows[i].data, rows[i].ttl, w.bits, w.expected);
            if (isnan(w.mean)) printf("\"measured\":null,\"half\":null,");
            else printf("\"measured\":%.0f,\"half\":%.0f,", w.mean, isnan(w.half) ? 0 : w.half);
            printf("\"coreSeconds\":%.6g}\n", w.expected / tries_per_s);
            continue;
        }
        char measured[40] = "reckoned";
        if (!isnan(w.mean)) snprintf(measured, sizeof measured, "%.0f +- %.0f", w.mean, w.half);
        printf("%8u %9u %4u %14.0f    %-22s %10.4g   %s\n", rows[i].data, rows[i].ttl, w.bits, w.expected, measured, w.expected / tries_per_s, rows[i].what);
    }
    struct sotto_envelope smallest = { .expiry = 1767225600u, .ttl = 10 };
    double small = (double)sotto_envelope_short_size(&smallest), entries = 65536, bytes = 64 << 20;
    if (!json) printf("\nTo hold a whole pool at that rating, for as long as one likes: tries a second = rating x bytes, whatever the life.\n\n"
                      "  %-44s %8s %12s %14s %8s\n", "", "entries", "bytes", "tries/s", "cores");
    hold("every entry, by empty envelopes", entries * small, entries, tries_per_s, json);
    hold("every byte, by native envelopes", bytes, floor(bytes / SOTTO_NATIVE_RLP), tries_per_s, json);
    hold("the share of one caller (10 % of the entries)", entries * small / 10, floor(entries / 10), tries_per_s, json);
}
