#include "rpc/go.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PACKAGE "whisperv6"               /* of the types that have no name in Go itself */

/* Where a value stands: by itself, or a member of an object. */
struct place { const char *object, *member; };

__attribute__((format(printf, 2, 3)))
static bool refuse(struct sotto_go_fault *fault, const char *form, ...)
{
    va_list ap;
    va_start(ap, form);
    vsnprintf(fault->why, sizeof fault->why, form, ap);
    va_end(ap);
    return false;
}

static bool mismatch(struct sotto_go_fault *fault, struct place at, const char *what, const char *type)
{
    if (at.object) return refuse(fault, "json: cannot unmarshal %s into Go struct field %s.%s of type %s", what, at.object, at.member, type);
    return refuse(fault, "json: cannot unmarshal %s into Go value of type %s", what, type);
}

static const char *kind_of(const json_t *v)
{
    if (json_is_string(v)) return "string";
    if (json_is_number(v)) return "number";
    if (json_is_boolean(v)) return "bool";
    return json_is_array(v) ? "array" : "object";
}

static const char *const type_names[] = {
    [SOTTO_GO_STRING] = "string", [SOTTO_GO_BYTES] = "hexutil.Bytes", [SOTTO_GO_TOPIC] = PACKAGE ".TopicType",
    [SOTTO_GO_TOPICS] = "[]" PACKAGE ".TopicType", [SOTTO_GO_UINT32] = "uint32", [SOTTO_GO_FLOAT64] = "float64", [SOTTO_GO_BOOL] = "bool"
};

/* The digits of a hex text; NULL: they are. */
static const char *hex_digits(struct sotto_span *out, const json_t *v)
{
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    *out = sotto_span(NULL, 0);
    if (n == 0) return NULL;
    if (n < 2 || s[0] != '0' || (s[1] != 'x' && s[1] != 'X')) return "hex string without 0x prefix";
    if (n % 2) return "hex string of odd length";
    *out = sotto_span(s + 2, n - 2);
    return NULL;
}

static bool take_bytes(struct sotto_buf *out, const json_t *v, struct place at, struct sotto_go_fault *fault)
{
    struct sotto_span digits;
    if (json_is_null(v) && at.object) return true;
    if (!json_is_string(v)) return mismatch(fault, at, "non-string", type_names[SOTTO_GO_BYTES]);
    const char *why = hex_digits(&digits, v);
    size_t size = digits.size / 2;
    if (why) return mismatch(fault, at, why, type_names[SOTTO_GO_BYTES]);
    sotto_buf_free(out);
    if (sotto_buf_reserve(out, size) != SOTTO_OK) return refuse(fault, "out of memory");
    if (size && sotto_unhex(out->data, size, digits) != SOTTO_OK) return mismatch(fault, at, "invalid hex string", type_names[SOTTO_GO_BYTES]);
    out->size = size;
    return true;
}

static bool take_topic(uint8_t out[4], const json_t *v, struct place at, struct sotto_go_fault *fault)
{
    struct sotto_span digits;
    if (json_is_null(v)) return true;
    if (!json_is_string(v)) return mismatch(fault, at, kind_of(v), type_names[SOTTO_GO_TOPIC]);
    const char *why = hex_digits(&digits, v);
    uint8_t topic[4];
    if (why) return refuse(fault, "%s", why);
    if (digits.size != 8) return refuse(fault, "hex string has length %zu, want 8 for Topic", digits.size);
    if (sotto_unhex(topic, 4, digits) != SOTTO_OK) return refuse(fault, "invalid hex string");
    memcpy(out, topic, sizeof topic);
    return true;
}

static bool take_topics(struct sotto_buf *out, const json_t *v, struct place at, struct sotto_go_fault *fault)
{
    size_t i;
    json_t *item;
    if (json_is_null(v)) return true;
    if (!json_is_array(v)) return mismatch(fault, at, kind_of(v), type_names[SOTTO_GO_TOPICS]);
    sotto_buf_free(out);
    json_array_foreach(v, i, item) {
        uint8_t topic[4] = { 0 };
        if (!take_topic(topic, item, at, fault)) return false;
        if (sotto_buf_add(out, topic, sizeof topic) != SOTTO_OK) return refuse(fault, "too many topics");
    }
    return true;
}

static bool take_uint32(uint32_t *out, const json_t *v, struct place at, struct sotto_go_fault *fault)
{
    char what[64];
    if (json_is_null(v)) return true;
    if (!json_is_number(v)) return mismatch(fault, at, kind_of(v), type_names[SOTTO_GO_UINT32]);
    json_int_t number = json_integer_value(v);
    if (json_is_real(v)) snprintf(what, sizeof what, "number %g", json_real_value(v));
    else snprintf(what, sizeof what, "number %" JSON_INTEGER_FORMAT, number);
    if (json_is_real(v) || number < 0 || number > UINT32_MAX) return mismatch(fault, at, what, type_names[SOTTO_GO_UINT32]);
    *out = (uint32_t)number;
    return true;
}

static bool take(void *out, enum sotto_go_type type, const json_t *v, struct place at, struct sotto_go_fault *fault)
{
    switch (type) {
    case SOTTO_GO_BYTES: return take_bytes(out, v, at, fault);
    case SOTTO_GO_TOPIC: return take_topic(out, v, at, fault);
    case SOTTO_GO_TOPICS: return take_topics(out, v, at, fault);
    case SOTTO_GO_UINT32: return take_uint32(out, v, at, fault);
    case SOTTO_GO_STRING:
        if (json_is_null(v)) return true;
        if (!json_is_string(v)) return mismatch(fault, at, kind_of(v), type_names[type]);
        *(struct sotto_span *)out = sotto_span(json_string_value(v), json_string_length(v));
        return true;
    case SOTTO_GO_FLOAT64:
        if (json_is_null(v)) return true;
        if (!json_is_number(v) || !isfinite(json_number_value(v))) return mismatch(fault, at, kind_of(v), type_names[type]);
        *(double *)out = json_number_value(v);
        return true;
    case SOTTO_GO_BOOL:
        if (json_is_null(v)) return true;
        if (!json_is_boolean(v)) return mismatch(fault, at, kind_of(v), type_names[type]);
        *(bool *)out = json_is_true(v);
        return true;
    }
    return false;
}

bool sotto_go_value(void *out, enum sotto_go_type type, const json_t *value, struct sotto_go_fault *fault)
{
    return take(out, type, value, (struct place){ NULL, NULL }, fault);
}

bool sotto_go_object(const struct sotto_go_field *fields, size_t count, const char *type, const json_t *value, struct sotto_go_fault *fault)
{
    const char *key;
    json_t *member;
    if (!value || json_is_null(value)) return true;
    if (!json_is_object(value)) return refuse(fault, "json: cannot unmarshal %s into Go value of type " PACKAGE ".%s", kind_of(value), type);
    json_object_foreach((json_t *)value, key, member)
        for (size_t i = 0; i < count; i++)
            if (strcasecmp(key, fields[i].name) == 0 && !take(fields[i].out, fields[i].type, member, (struct place){ type, fields[i].name }, fault)) return false;
    return true;
}
