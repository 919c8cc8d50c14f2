/* Neighbours as rows of a table: what each shares with us, and what its link carries. */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long number_in(const json_t *o, const char *key) { return (long long)json_integer_value(json_object_get(o, key)); }

/* 950 B, 12 KiB, 3.4 MiB: as short as a column wants it. */
static void bytes_text(FILE *f, long long n)
{
    if (n < 1024) fprintf(f, "%lld B", n);
    else if (n < 1024 * 1024) fprintf(f, "%lld KiB", n / 1024);
    else fprintf(f, "%.1f MiB", (double)n / (1024 * 1024));
}

static void in_and_out(FILE *f, const json_t *o)
{
    bytes_text(f, number_in(o, "bytesIn"));
    fputs(" / ", f);
    bytes_text(f, number_in(o, "bytesOut"));
}

static void speaks(FILE *f, const json_t *peer)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(peer, "capabilities"), i, name) fprintf(f, "%s%s", i ? " " : "", json_string_value(name) ? json_string_value(name) : "");
}

static void round_trip(FILE *f, const json_t *link)
{
    const json_t *ms = json_object_get(link, "roundTripMs");
    if (json_is_number(ms)) fprintf(f, "%.1f ms", json_number_value(ms));
    else if (link) fputs("-", f);
}

/* Channels that carried something, and what still waits. */
static void channels(FILE *f, const json_t *link)
{
    size_t i;
    json_t *c;
    const char *between = "";
    json_array_foreach(json_object_get(link, "channels"), i, c) {
        const char *name = json_string_value(json_object_get(c, "channel"));
        if (!name || number_in(c, "bytesIn") + number_in(c, "bytesOut") + number_in(c, "waiting") == 0) continue;
        fprintf(f, "%s%s ", between, name);
        in_and_out(f, c);
        if (number_in(c, "waiting")) {
            fputs(", waiting ", f);
            bytes_text(f, number_in(c, "waiting"));
        }
        between = " \u00b7 ";
    }
}

enum { SPEAKS, ROUND_TRIP, SMALL, LARGE, CHANNELS, FIELDS };

static void field(FILE *f, int which, const json_t *peer, const json_t *link)
{
    switch (which) {
    case SPEAKS: speaks(f, peer); break;
    case ROUND_TRIP: round_trip(f, link); break;
    case SMALL: if (link) in_and_out(f, json_object_get(link, "small")); break;
    case LARGE: if (link) in_and_out(f, json_object_get(link, "large")); break;
    default: channels(f, link);
    }
}

json_t *peer_rows(const json_t *peers)
{
    static const char *const keys[FIELDS] = { "speaks", "roundTrip", "smallCells", "largeCells", "channels" };
    json_t *rows = json_array(), *peer;
    size_t i;
    json_array_foreach(peers, i, peer) {
        json_t *row = json_copy(peer);
        const json_t *link = json_object_get(peer, "link");
        if (!json_is_object(link)) link = NULL;
        for (int k = 0; k < FIELDS; k++) {
            char *text = NULL;
            size_t size = 0;
            FILE *f = open_memstream(&text, &size);
            if (!f) abort();
            field(f, k, peer, link);
            fclose(f);
            json_object_set_new(row, keys[k], json_string(text));
            free(text);
        }
        json_array_append_new(rows, row);
    }
    return rows;
}
