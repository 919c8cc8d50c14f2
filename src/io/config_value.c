#include "io/config_value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct unit { const char *name; uint64_t factor; };
static const struct unit size_units[] = {          /* largest first: showing takes the first that divides */
    { "GiB", 1ull << 30 }, { "MiB", 1ull << 20 }, { "KiB", 1ull << 10 }, { "GB", 1000000000 }, { "MB", 1000000 }, { "KB", 1000 },
    { "B", 1 }, { NULL, 0 }
};
static const struct unit time_units[] = { { "d", 86400000 }, { "h", 3600000 }, { "min", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 } };

static enum sotto_err refuse(char why[SOTTO_WHY_MAX], const char *text)
{
    snprintf(why, SOTTO_WHY_MAX, "%s", text);
    return SOTTO_ERR_FORMAT;
}

static void put_amount(char *out, size_t size, uint64_t v, const struct unit *units)
{
    const struct unit *u = units;
    while (v > 0 && u[1].name && v % u->factor != 0) u++;
    if (v == 0)
        while (u[1].name) u++;
    snprintf(out, size, "%llu%s", (unsigned long long)(v / u->factor), u->name);
}

static void show_number(char out[32], const struct sotto_config_key *key, uint64_t v)
{
    if (key->type == SOTTO_TYPE_BYTES) put_amount(out, 32, v, size_units);
    else if (key->type == SOTTO_TYPE_TIME) put_amount(out, 32, v, time_units);
    else snprintf(out, 32, "%llu", (unsigned long long)v);
}

/* Digits, grouped by single underscores between them, then the unit. */
static bool take_digits(uint64_t *out, struct sotto_span *rest, struct sotto_span text)
{
    uint64_t v = 0;
    size_t i = 0;
    bool digit_before = false;
    for (; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '_') {
            if (!digit_before || i + 1 == text.size || text.data[i + 1] < '0' || text.data[i + 1] > '9') return false;
            digit_before = false;
            continue;
        }
        if (c < '0' || c > '9') break;
        digit_before = true;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(c - '0'), &v)) return false;
    }
    if (i == 0 || (i > 1 && text.data[0] == '0' && text.data[1] != 0 && text.data[1] >= '0' && text.data[1] <= '9')) return false;
    *out = v;
    *rest = sotto_span_cut(text, i, text.size - i);
    return true;
}

static enum sotto_err convert_number(struct sotto_config_value *out, char why[SOTTO_WHY_MAX],
                                     const struct sotto_config_key *key, struct sotto_span text)
{
    const struct unit *units = key->type == SOTTO_TYPE_BYTES ? size_units : key->type == SOTTO_TYPE_TIME ? time_units : NULL;
    const char *form = "wants a whole number";
    if (key->type == SOTTO_TYPE_BYTES) form = "wants a size such as 64MiB";
    if (key->type == SOTTO_TYPE_TIME) form = "wants a time such as 300s";
    uint64_t v;
    struct sotto_span unit;
    if (!take_digits(&v, &unit, text)) return refuse(why, form);
    if (unit.size > 0) {
        const struct unit *u = units;
        while (u && u->name && !sotto_span_equal(unit, sotto_span_str(u->name))) u++;
        if (!u || !u->name || __builtin_mul_overflow(v, u->factor, &v)) return refuse(why, form);
    } else if (key->type == SOTTO_TYPE_TIME && v != 0) {
        return refuse(why, form);           /* 300 of what? */
    }
    if (v < key->min || v > key->max) {
        char low[32], high[32];
        show_number(low, key, key->min);
        show_number(high, key, key->max);
        snprintf(why, SOTTO_WHY_MAX, "must be from %s to %s", low, high);
        return SOTTO_ERR_FORMAT;
    }
    out->number = v;
    return SOTTO_OK;
}

static enum sotto_err convert_word(struct sotto_config_value *out, char why[SOTTO_WHY_MAX],
                                   const struct sotto_config_key *key, struct sotto_span text)
{
    const char *words = strrchr(key->meaning, '|') + 1;
    for (const char *at = words; *at;) {
        size_t size = strcspn(at, " ");
        if (sotto_span_equal(text, sotto_span(at, size))) {
            out->text = strndup(at, size);
            return out->text ? SOTTO_OK : SOTTO_ERR_NOMEM;
        }
        at += size + (at[size] == ' ');
    }
    snprintf(why, SOTTO_WHY_MAX, "must be one of: %s", words);
    return SOTTO_ERR_FORMAT;
}

/* What can be known of an item without opening a socket; the node looks closer. */
static bool item_fits(const struct sotto_config_key *key, const char *item)
{
    uint8_t ip[16];
    if (key == &sotto_config_keys[SOTTO_KEY_NETWORK_LISTEN]) return inet_pton(AF_INET, item, ip) == 1 || inet_pton(AF_INET6, item, ip) == 1;
    if (key == &sotto_config_keys[SOTTO_KEY_NETWORK_STATIC])
        return strncmp(item, "enode://", 8) == 0 && strspn(item + 8, "0123456789abcdefABCDEF") == 128 && item[136] == '@';
    return true;
}

static enum sotto_err convert_text(char **out, char why[SOTTO_WHY_MAX], const struct sotto_config_key *key, struct sotto_span text)
{
    if (text.size < key->min || text.size > key->max) {
        snprintf(why, SOTTO_WHY_MAX, "must have %llu to %llu bytes", (unsigned long long)key->min, (unsigned long long)key->max);
        return SOTTO_ERR_FORMAT;
    }
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) return refuse(why, "must not hold control characters");
    char *copy = text.size ? strndup((const char *)text.data, text.size) : strdup("");
    if (!copy) return SOTTO_ERR_NOMEM;
    if (!item_fits(key, copy)) {
        free(copy);
        return refuse(why, key == &sotto_config_keys[SOTTO_KEY_NETWORK_LISTEN] ? "wants addresses such as 0.0.0.0 or ::"
                                                                               : "wants enode://<128 hexadecimal digits>@host:port");
    }
    *out = copy;
    return SOTTO_OK;
}

static enum sotto_err convert_items(struct sotto_config_value *out, char why[SOTTO_WHY_MAX], const struct sotto_config_key *key,
                                    const struct sotto_span *items, unsigned count)
{
    if (count == 0) return SOTTO_OK;
    out->items = calloc(count, sizeof *out->items);
    if (!out->items) return SOTTO_ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        SOTTO_TRY(convert_text(&out->items[i], why, key, items[i]));
        out->count++;
    }
    return SOTTO_OK;
}

static enum sotto_err convert_list(struct sotto_config_value *out, char why[SOTTO_WHY_MAX],
                                   const struct sotto_config_key *key, const struct sotto_raw *raw)
{
    if (raw->kind == SOTTO_RAW_ARRAY) return convert_items(out, why, key, raw->items, raw->count);
    if (raw->kind != SOTTO_RAW_LOOSE) return refuse(why, "wants an array such as [\"a\", \"b\"]");
    struct sotto_span items[SOTTO_RAW_ITEMS_MAX];
    unsigned count = 0;
    for (size_t i = 0; i < raw->text.size;) {
        size_t from = i;
        while (i < raw->text.size && raw->text.data[i] != ' ' && raw->text.data[i] != ',') i++;
        if (i > from) {
            if (count == SOTTO_RAW_ITEMS_MAX) return refuse(why, "has too many items");
            items[count++] = sotto_span_cut(raw->text, from, i - from);
        } else {
            i++;
        }
    }
    return convert_items(out, why, key, items, count);
}

enum sotto_err sotto_config_convert(struct sotto_config_value *out, char why[SOTTO_WHY_MAX],
                                    const struct sotto_config_key *key, const struct sotto_raw *raw)
{
    if (raw->kind == SOTTO_RAW_ARRAY && key->type != SOTTO_TYPE_LIST) return refuse(why, "takes one value, not an array");
    switch (key->type) {
    case SOTTO_TYPE_LIST:
        return convert_list(out, why, key, raw);
    case SOTTO_TYPE_STRING:
        if (raw->kind == SOTTO_RAW_BARE) return refuse(why, "wants a text in quotes");
        return convert_text(&out->text, why, key, raw->text);
    case SOTTO_TYPE_WORD:
        if (raw->kind == SOTTO_RAW_BARE) return refuse(why, "wants a text in quotes");
        return convert_word(out, why, key, raw->text);
    case SOTTO_TYPE_BOOL:
        if (raw->kind == SOTTO_RAW_STRING) return refuse(why, "wants true or false, without quotes");
        out->number = sotto_span_equal(raw->text, sotto_span_str("true"));
        return out->number || sotto_span_equal(raw->text, sotto_span_str("false")) ? SOTTO_OK : refuse(why, "wants true or false");
    case SOTTO_TYPE_COUNT:
        if (raw->kind == SOTTO_RAW_STRING) return refuse(why, "wants a whole number, without quotes");
        return convert_number(out, why, key, raw->text);
    case SOTTO_TYPE_BYTES:
    case SOTTO_TYPE_TIME:
        return convert_number(out, why, key, raw->text);
    }
    return SOTTO_ERR_INTERNAL;
}

void sotto_config_value_free(struct sotto_config_value *v)
{
    free(v->text);
    for (unsigned i = 0; i < v->count; i++) free(v->items[i]);
    free(v->items);
    *v = (struct sotto_config_value){ 0 };
}

bool sotto_config_value_equal(const struct sotto_config_value *a, const struct sotto_config_value *b)
{
    if (a->number != b->number || a->count != b->count || (a->text != NULL) != (b->text != NULL)) return false;
    if (a->text && strcmp(a->text, b->text) != 0) return false;
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0) return false;
    return true;
}

enum sotto_err sotto_config_value_show(struct sotto_buf *out, const struct sotto_config_key *key, const struct sotto_config_value *v)
{
    char number[32];
    switch (key->type) {
    case SOTTO_TYPE_STRING:
    case SOTTO_TYPE_WORD:
        return sotto_buf_add_span(out, sotto_span_str(v->text));
    case SOTTO_TYPE_BOOL:
        return sotto_buf_add_span(out, sotto_span_str(v->number ? "true" : "false"));
    case SOTTO_TYPE_COUNT:
    case SOTTO_TYPE_BYTES:
    case SOTTO_TYPE_TIME:
        show_number(number, key, v->number);
        return sotto_buf_add_span(out, sotto_span_str(number));
    case SOTTO_TYPE_LIST:
        for (unsigned i = 0; i < v->count; i++) {
            if (i > 0) SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(", ")));
            SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(v->items[i])));
        }
        return SOTTO_OK;
    }
    return SOTTO_ERR_INTERNAL;
}
