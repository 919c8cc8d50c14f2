#include "node/meter.h"

#include <stdio.h>

const uint64_t sotto_histogram_us[SOTTO_HISTOGRAM_BOUNDS] = { 100, 500, 1000, 5000, 10000, 50000, 100000, 500000, 1000000, 5000000, 10000000, 60000000 };

void sotto_histogram_add(struct sotto_histogram *h, uint64_t us)
{
    unsigned i = 0;
    while (i < SOTTO_HISTOGRAM_BOUNDS && us > sotto_histogram_us[i]) i++;
    h->counts[i]++;
    h->sum_us += us;
}

uint64_t sotto_histogram_count(const struct sotto_histogram *h)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= SOTTO_HISTOGRAM_BOUNDS; i++) count += h->counts[i];
    return count;
}

/* Exact as a double and as an integer. */
static bool whole(double value) { return value >= -9007199254740991.0 && value <= 9007199254740991.0 && value == (double)(int64_t)value; }

struct sotto_meter sotto_meter_text(struct sotto_buf *out) { return (struct sotto_meter){ .text = out }; }
struct sotto_meter sotto_meter_json(json_t *list) { return (struct sotto_meter){ .list = list }; }

/* ---- text ---- */

struct line { char text[512]; size_t size; bool full; };

static void put(struct line *l, const char *text)
{
    size_t size = strlen(text);
    if (l->full || size > sizeof l->text - l->size) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->size, text, size);
    l->size += size;
}

static void put_quoted(struct line *l, const char *text)
{
    put(l, "\"");
    for (; *text; text++) put(l, *text == '\\' ? "\\\\" : *text == '"' ? "\\\"" : *text == '\n' ? "\\n" : (const char[]){ *text, 0 });
    put(l, "\"");
}

static void put_number(struct line *l, double value)
{
    char text[40];
    snprintf(text, sizeof text, whole(value) ? "%.0f" : "%.15g", value);
    put(l, text);
}

/* le: of a bucket, else NULL */
static void put_labels(struct line *l, const struct sotto_label *labels, const char *le)
{
    const char *before = "{";
    for (; labels && labels->name; labels++, before = ",") {
        put(l, before);
        put(l, labels->name);
        put(l, "=");
        put_quoted(l, labels->value);
    }
    if (le) {
        put(l, before);
        put(l, "le=");
        put_quoted(l, le);
        before = ",";
    }
    if (*before == ',') put(l, "}");
}

static void end_line(struct sotto_meter *m, struct line *l)
{
    put(l, "\n");
    if (!l->full) (void)!sotto_buf_add(m->text, l->text, l->size);       /* a full page ends early */
}

static void text_value(struct sotto_meter *m, const char *suffix, const struct sotto_label *labels, const char *le, double value)
{
    struct line l = { .size = 0 };
    put(&l, "sotto_");
    put(&l, m->name);
    put(&l, suffix);
    put_labels(&l, labels, le);
    put(&l, " ");
    put_number(&l, value);
    end_line(m, &l);
}

/* ---- both ---- */

static json_t *number_json(double value) { return whole(value) ? json_integer((json_int_t)value) : json_real(value); }

static json_t *sample_json(const struct sotto_label *labels)
{
    json_t *o = json_object();
    if (labels && labels->name) json_object_set_new(o, "labels", json_object());
    for (; labels && labels->name; labels++) json_object_set_new(json_object_get(o, "labels"), labels->name, json_string(labels->value));
    return o;
}

void sotto_meter_family(struct sotto_meter *m, const char *name, const char *type, const char *help)
{
    m->name = name;
    m->type = type;
    if (m->list) {
        char whole[96];
        snprintf(whole, sizeof whole, "sotto_%s", name);
        m->samples = json_array();
        json_array_append_new(m->list, json_pack("{s:s, s:s, s:s, s:o}", "name", whole, "type", type, "help", help, "samples", m->samples));
        return;
    }
    static const char *const heads[] = { "# HELP sotto_", "# TYPE sotto_" };
    for (unsigned i = 0; i < 2; i++) {
        struct line l = { .size = 0 };
        put(&l, heads[i]);
        put(&l, name);
        put(&l, " ");
        put(&l, i ? type : help);
        end_line(m, &l);
    }
}

void sotto_meter_value(struct sotto_meter *m, const struct sotto_label *labels, double value)
{
    if (!m->list) {
        text_value(m, "", labels, NULL, value);
        return;
    }
    json_t *o = sample_json(labels);
    json_object_set_new(o, "value", number_json(value));
    json_array_append_new(m->samples, o);
}

void sotto_meter_histogram(struct sotto_meter *m, const struct sotto_label *labels, const struct sotto_histogram *h)
{
    uint64_t count = 0;
    double sum = (double)h->sum_us / 1e6;
    json_t *buckets = m->list ? json_array() : NULL;
    for (unsigned i = 0; i <= SOTTO_HISTOGRAM_BOUNDS; i++) {
        char le[40] = "+Inf";
        if (i < SOTTO_HISTOGRAM_BOUNDS) snprintf(le, sizeof le, "%g", (double)sotto_histogram_us[i] / 1e6);
        count += h->counts[i];
        if (buckets) json_array_append_new(buckets, json_pack("{s:s, s:I}", "le", le, "count", (json_int_t)count));
        else text_value(m, "_bucket", labels, le, (double)count);
    }
    if (buckets) {
        json_t *o = sample_json(labels);
        json_object_set_new(o, "count", json_integer((json_int_t)count));
        json_object_set_new(o, "sum", json_real(sum));
        json_object_set_new(o, "buckets", buckets);
        json_array_append_new(m->samples, o);
        return;
    }
    text_value(m, "_sum", labels, NULL, sum);
    text_value(m, "_count", labels, NULL, (double)count);
}

void sotto_meter_one(struct sotto_meter *m, const char *name, const char *type, const char *help, double value)
{
    sotto_meter_family(m, name, type, help);
    sotto_meter_value(m, NULL, value);
}
