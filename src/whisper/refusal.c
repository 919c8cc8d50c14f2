#include "whisper/refusal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const texts[] = {
#define TEXT(name, text) text,
    SOTTO_SHH_REFUSAL_MAP(TEXT)
#undef TEXT
};

static const char *const names[] = {
#define NAME(name, text) #name,
    SOTTO_SHH_REFUSAL_MAP(NAME)
#undef NAME
};

const char *sotto_shh_refusal_name(enum sotto_shh_refused why)
{
    SOTTO_ASSERT((unsigned)why < SOTTO_SHH_REFUSED_COUNT);
    return names[why];
}

static enum sotto_err add_text(struct sotto_buf *out, const char *text) { return sotto_buf_add_span(out, sotto_span_str(text)); }

static enum sotto_err add_hex(struct sotto_buf *out, const void *data, size_t size)
{
    char text[2 * 64 + 1];
    SOTTO_ASSERT(size <= 64);
    sotto_hex(text, data, size);
    return add_text(out, text);
}

static enum sotto_err add_bloom(struct sotto_buf *out, const struct sotto_shh_refusal *r)
{
    SOTTO_TRY(add_text(out, "\n"));
    SOTTO_TRY(add_hex(out, r->filter.b, sizeof r->filter.b));
    SOTTO_TRY(add_text(out, " \n"));
    SOTTO_TRY(add_hex(out, r->sample.b, sizeof r->sample.b));
    SOTTO_TRY(add_text(out, " \n"));
    return add_hex(out, r->topic, sizeof r->topic);
}

static bool is(struct sotto_span name, const char *want) { return sotto_span_equal(name, sotto_span_str(want)); }

static enum sotto_err add_value(struct sotto_buf *out, struct sotto_span name, const struct sotto_shh_refusal *r)
{
    char number[340];                                 /* a double with six decimals has at most 317 characters */
    if (is(name, "text")) return sotto_buf_add_span(out, r->text);
    if (is(name, "hash")) return add_hex(out, r->hash, sizeof r->hash);
    if (is(name, "bloom")) return add_bloom(out, r);
    if (is(name, "pow")) (void)snprintf(number, sizeof number, "%f", r->pow);
    else (void)snprintf(number, sizeof number, "%" PRIu64, is(name, "number") ? r->number : r->limit);
    return add_text(out, number);
}

static enum sotto_err add(struct sotto_buf *out, const struct sotto_shh_refusal *r)
{
    const char *at = texts[r->why];
    for (const char *open; (open = strchr(at, '{')) != NULL;) {
        const char *close = strchr(open, '}');
        SOTTO_ASSERT(close);
        SOTTO_TRY(sotto_buf_add(out, at, (size_t)(open - at)));
        SOTTO_TRY(add_value(out, sotto_span(open + 1, (size_t)(close - open - 1)), r));
        at = close + 1;
    }
    return add_text(out, at);
}

enum sotto_err sotto_shh_refusal_text(struct sotto_buf *out, const struct sotto_shh_refusal *r)
{
    SOTTO_ASSERT((unsigned)r->why < SOTTO_SHH_REFUSED_COUNT);
    size_t before = out->size;
    enum sotto_err err = add(out, r);
    if (err != SOTTO_OK) out->size = before;
    return err;
}
