#include "rpc/decode.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEY_MIN 16u                       /* requestKey: long enough not to be hit by accident */
#define KEY_MAX 64u

__attribute__((format(printf, 3, 4)))
static int refuse(struct sotto_decode_fault *fault, const char *field, const char *why, ...)
{
    va_list ap;
    va_start(ap, why);
    vsnprintf(fault->why, sizeof fault->why, why, ap);
    va_end(ap);
    fault->field = field;
    return SOTTO_CODE_INVALID_PARAMS;
}

static bool visible(const char *s)
{
    for (; *s; s++)
        if (*s <= 0x20 || *s > 0x7e) return false;
    return true;
}

static bool has_control(const char *s, bool lines)
{
    for (; *s; s++) {
        uint8_t c = (uint8_t)*s;
        if (c == 0x7f || (c < 0x20 && !(lines && (c == '\n' || c == '\r' || c == '\t')))) return true;
        if (c == 0xc2 && (uint8_t)s[1] >= 0x80 && (uint8_t)s[1] <= 0x9f) return true;       /* U+0080..U+009F */
    }
    return false;
}

static uint64_t characters(const char *s)
{
    uint64_t n = 0;
    for (; *s; s++) n += ((uint8_t)*s & 0xc0) != 0x80;
    return n;
}

static int check_text(const struct sotto_param_spec *p, const char *s, size_t size, struct sotto_decode_fault *fault)
{
    if (strlen(s) != size) return refuse(fault, p->name, "holds a zero character");
    if (size < p->min && size == 0) return refuse(fault, p->name, "is empty");
    if (size < p->min) return refuse(fault, p->name, "is too short: at least %" PRIu64 " bytes", p->min);
    if (p->chars && characters(s) > p->chars)
        return refuse(fault, p->name, "is too long: %" PRIu64 " characters, %" PRIu64 " fit", characters(s), p->chars);
    if (size > p->max) return refuse(fault, p->name, "is too long: %zu bytes, %" PRIu64 " fit", size, p->max);
    if (p->type == SOTTO_PARAM_TOKEN && !visible(s)) return refuse(fault, p->name, "holds spaces or foreign characters");
    if (p->type == SOTTO_PARAM_STRING && has_control(s, true)) return refuse(fault, p->name, "holds control characters");
    if ((p->type == SOTTO_PARAM_NAME || p->type == SOTTO_PARAM_PATH) && has_control(s, false))
        return refuse(fault, p->name, "holds control characters or line ends");
    if (p->type == SOTTO_PARAM_NAME && size && (s[0] == ' ' || s[size - 1] == ' ')) return refuse(fault, p->name, "begins or ends with a space");
    if (p->type == SOTTO_PARAM_PATH && s[0] != '/') return refuse(fault, p->name, "must be an absolute path");
    return 0;
}

static int decode_kinds(uint32_t *bits, const struct sotto_param_spec *p, const json_t *value, struct sotto_decode_fault *fault)
{
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > 64)
        return refuse(fault, p->name, "must be a list of event kinds");
    *bits = 0;
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) {
        const char *text = json_string_value(item);
        unsigned k = 0;
        while (text && k < SOTTO_API_EVENT_COUNT && strcmp(text, sotto_api_event_name((enum sotto_api_event)k)) != 0) k++;
        if (!text || k == SOTTO_API_EVENT_COUNT) return refuse(fault, p->name, "holds an unknown event kind");
        *bits |= 1u << k;
    }
    return 0;
}

static int decode_enum(int *out, const struct sotto_param_spec *p, const json_t *value, struct sotto_decode_fault *fault)
{
    const char *text = json_string_value(value);
    for (int i = 0; text && p->values[i]; i++) {
        if (strcmp(text, p->values[i]) == 0) {
            *out = i + 1;
            return 0;
        }
    }
    char list[128] = "";
    for (int i = 0; p->values[i]; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", p->values[i]);
    }
    return refuse(fault, p->name, "must be one of %s", list);
}

static int decode_one(uint8_t *out, const struct sotto_param_spec *p, const json_t *value, struct sotto_decode_fault *fault)
{
    switch (p->type) {
    case SOTTO_PARAM_STRING:
    case SOTTO_PARAM_NAME:
    case SOTTO_PARAM_TOKEN:
    case SOTTO_PARAM_PATH:
    case SOTTO_PARAM_SECRET: {
        const char *s = json_string_value(value);
        if (!s) return refuse(fault, p->name, "must be a text");
        int bad = check_text(p, s, json_string_length(value), fault);
        if (bad) return bad;
        memcpy(out + p->at, &s, sizeof s);
        return 0;
    }
    case SOTTO_PARAM_ID: {
        struct sotto_id id;
        const void *at = out + p->store;
        if (!json_is_string(value)) return refuse(fault, p->name, "must be a text");
        if (sotto_id_parse(&id, sotto_span(json_string_value(value), json_string_length(value)), true) != SOTTO_OK)
            return refuse(fault, p->name, "is not an ID: 0x and 40 hex digits, mixed case as EIP-55 has it");
        memcpy(out + p->store, &id, sizeof id);
        memcpy(out + p->at, &at, sizeof at);
        return 0;
    }
    case SOTTO_PARAM_HASH: {
        const char *s = json_string_value(value);
        const void *at = out + p->store;
        uint8_t hash[32];
        if (!s || json_string_length(value) != 66 || s[0] != '0' || s[1] != 'x' || sotto_unhex(hash, 32, sotto_span(s + 2, 64)) != SOTTO_OK)
            return refuse(fault, p->name, "must be 0x and 64 hex digits");
        memcpy(out + p->store, hash, 32);
        memcpy(out + p->at, &at, sizeof at);
        return 0;
    }
    case SOTTO_PARAM_BOOL: {
        if (!json_is_boolean(value)) return refuse(fault, p->name, "must be true or false");
        bool b = json_is_true(value);
        memcpy(out + (p->store ? p->store : p->at), &b, sizeof b);
        const void *at = out + p->store;
        if (p->store) memcpy(out + p->at, &at, sizeof at);
        return 0;
    }
    case SOTTO_PARAM_INT:
    case SOTTO_PARAM_MS: {
        json_int_t v = json_integer_value(value);
        if (!json_is_integer(value)) return refuse(fault, p->name, "must be a whole number");
        if (v < 0 || (uint64_t)v < p->min || (uint64_t)v > p->max)
            return refuse(fault, p->name, "must be from %" PRIu64 " to %" PRIu64, p->min, p->max);
        uint64_t u = (uint64_t)v;
        memcpy(out + (p->store ? p->store : p->at), &u, sizeof u);
        const void *at = out + p->store;
        if (p->store) memcpy(out + p->at, &at, sizeof at);
        return 0;
    }
    case SOTTO_PARAM_ENUM: {
        int v = 0;
        int bad = decode_enum(&v, p, value, fault);
        if (bad) return bad;
        memcpy(out + p->at, &v, sizeof v);
        return 0;
    }
    case SOTTO_PARAM_KINDS: {
        uint32_t bits = 0;
        int bad = decode_kinds(&bits, p, value, fault);
        if (bad) return bad;
        memcpy(out + p->at, &bits, sizeof bits);
        return 0;
    }
    case SOTTO_PARAM_CONFIRM:
        if (json_is_string(value) && strcmp(json_string_value(value), p->values[0]) == 0 && json_string_length(value) == strlen(p->values[0]))
            return 0;
        fault->field = p->name;
        fault->word = p->values[0];
        snprintf(fault->why, sizeof fault->why, "must be the word %s", p->values[0]);
        return SOTTO_CODE_CONFIRM_NEEDED;
    }
    return refuse(fault, p->name, "cannot be read");
}

/* The parameters as an object of their own, requestKey taken out. */
static int collect(json_t *named, const char **request_key, struct sotto_decode_fault *fault, const struct sotto_method_spec *spec, const json_t *params)
{
    *request_key = NULL;
    if (!params) return 0;
    if (json_is_array(params)) {
        if (json_array_size(params) > spec->param_count)
            return refuse(fault, NULL, "has too many values: %zu, at most %u", json_array_size(params), spec->param_count);
        for (size_t i = 0; i < json_array_size(params); i++) {
            json_t *value = json_array_get(params, i);
            if (json_is_null(value) && spec->params[i].optional) continue;        /* a place held open */
            if (json_object_set(named, spec->params[i].name, value)) return SOTTO_CODE_INTERNAL;
        }
        return 0;
    }
    if (!json_is_object(params)) return refuse(fault, NULL, "must be an object or a list");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)params, key, value) {
        if (spec->write && strcmp(key, "requestKey") == 0) {
            const char *s = json_string_value(value);
            size_t n = s ? json_string_length(value) : 0;
            if (n < KEY_MIN || n > KEY_MAX || strlen(s) != n || !visible(s))
                return refuse(fault, "requestKey", "must be %u to %u visible ASCII characters", KEY_MIN, KEY_MAX);
            *request_key = s;
            continue;
        }
        unsigned i = 0;
        while (i < spec->param_count && strcmp(spec->params[i].name, key) != 0) i++;
        if (i == spec->param_count) return refuse(fault, key, "is not known here");
        if (json_object_set(named, key, value)) return SOTTO_CODE_INTERNAL;
    }
    return 0;
}

int sotto_decode_params(union sotto_params *out, json_t **by_name, const char **request_key, struct sotto_decode_fault *fault,
                        const struct sotto_method_spec *spec, const json_t *params)
{
    memset(fault, 0, sizeof *fault);
    memset(out, 0, sizeof *out);
    json_t *named = json_object();
    if (!named) return SOTTO_CODE_INTERNAL;
    int bad = collect(named, request_key, fault, spec, params);
    unsigned chosen = 0;
    for (unsigned i = 0; bad == 0 && i < spec->param_count; i++) {
        const struct sotto_param_spec *p = &spec->params[i];
        json_t *value = json_object_get(named, p->name);
        if (value) {
            bad = decode_one((uint8_t *)out, p, value, fault);
            chosen += spec->one_of >> i & 1;
        } else if (p->type == SOTTO_PARAM_CONFIRM) {
            bad = decode_one((uint8_t *)out, p, NULL, fault);
        } else if (!p->optional) {
            bad = refuse(fault, p->name, "is missing");
        } else if (p->has_default) {
            if (p->type == SOTTO_PARAM_BOOL) {
                bool b = p->fallback != 0;
                memcpy((uint8_t *)out + p->at, &b, sizeof b);
            } else if (p->type == SOTTO_PARAM_ENUM) {
                int v = (int)p->fallback;
                memcpy((uint8_t *)out + p->at, &v, sizeof v);
            } else {
                memcpy((uint8_t *)out + p->at, &p->fallback, sizeof p->fallback);
            }
        }
    }
    if (bad == 0 && spec->one_of && chosen != 1) {
        char list[96] = "";
        const char *first = NULL;
        for (unsigned i = 0; i < spec->param_count; i++) {
            if (!(spec->one_of >> i & 1)) continue;
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", first ? ", " : "", spec->params[i].name);
            if (!first) first = spec->params[i].name;
        }
        bad = refuse(fault, first, "or another: exactly one of %s", list);
    }
    if (bad) {
        json_decref(named);
        return bad;
    }
    *by_name = named;
    return 0;
}
