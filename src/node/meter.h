/* Numbers for graphs: families of values that are told once as Prometheus text (GET /metrics) and once as JSON (`metric list`), by the
 * same walk, so that both say the same. Threads: plain values, one owner. */
#ifndef SOTTO_NODE_METER_H
#define SOTTO_NODE_METER_H

#include "base/bytes.h"

#include <jansson.h>

/* How long things took. The bounds are fixed, so that what one node tells can be added to what another tells. */
#define SOTTO_HISTOGRAM_BOUNDS 12u
extern const uint64_t sotto_histogram_us[SOTTO_HISTOGRAM_BOUNDS];        /* 100 us to 60 s, rising */
struct sotto_histogram { uint64_t counts[SOTTO_HISTOGRAM_BOUNDS + 1], sum_us; };     /* start with { 0 }; counts[i]: above bound i - 1, up to bound i */
void sotto_histogram_add(struct sotto_histogram *h, uint64_t us);
uint64_t sotto_histogram_count(const struct sotto_histogram *h);

struct sotto_label { const char *name, *value; };       /* value: any UTF-8 */
#define SOTTO_LABELS_MAX 2u

/* Where the walk tells what it finds; made by one of the two below. */
struct sotto_meter {
    struct sotto_buf *text;                     /* one of both */
    json_t *list;
    const char *name, *type;                    /* of the family that is told now */
    json_t *samples;
};
/* Prometheus text 0.0.4: "# HELP sotto_x ...", "# TYPE", "sotto_x{a=\"b\"} 1". Appends; a full buffer ends early, with whole lines. */
struct sotto_meter sotto_meter_text(struct sotto_buf *out);
/* [{name, type, help, samples: [{labels?, value} or, of a histogram, {labels?, count, sum, buckets: [{le, count}]}]}]; buckets add up as in
 * the text, the last is le "+Inf". */
struct sotto_meter sotto_meter_json(json_t *list);

/* name without "sotto_", type "gauge" "counter" "histogram"; all borrowed until the next family. Then its values, labels (at most LABELS_MAX,
 * ended by a NULL name) telling them apart; labels NULL = none. */
void sotto_meter_family(struct sotto_meter *m, const char *name, const char *type, const char *help);
void sotto_meter_value(struct sotto_meter *m, const struct sotto_label *labels, double value);
void sotto_meter_histogram(struct sotto_meter *m, const struct sotto_label *labels, const struct sotto_histogram *h);
void sotto_meter_one(struct sotto_meter *m, const char *name, const char *type, const char *help, double value);      /* a family of one */
#define SOTTO_LABELS(...) ((const struct sotto_label[SOTTO_LABELS_MAX + 1]){ __VA_ARGS__ })

#endif
