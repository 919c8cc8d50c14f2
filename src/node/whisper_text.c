#include "node/whisper_desk.h"

#include "base/text.h"
#include "rpc/foreign.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static enum sotto_err add_str(struct sotto_buf *out, const char *text) { return sotto_buf_add_span(out, sotto_span_str(text)); }

static enum sotto_err add_hex(struct sotto_buf *out, const char *name, struct sotto_span bytes)
{
    SOTTO_TRY(add_str(out, name));
    SOTTO_TRY(add_str(out, "\"0x"));
    SOTTO_TRY(sotto_buf_reserve(out, 2 * bytes.size + 1));
    sotto_hex((char *)out->data + out->size, bytes.data, bytes.size);
    out->size += 2 * bytes.size;
    return add_str(out, "\"");
}

enum sotto_err sotto_shh_text_number(struct sotto_buf *out, double value)
{
    char text[40];
    if (!isfinite(value)) value = value > 0 ? DBL_MAX : -DBL_MAX;     /* JSON has no infinity */
    for (int digits = DBL_DIG; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return add_str(out, text);
}

enum sotto_err sotto_shh_text_message(struct sotto_buf *out, const struct sotto_shh_received *m)
{
    char times[64];
    SOTTO_TRY(add_str(out, "{"));
    if (m->is_signed) {
        SOTTO_TRY(add_hex(out, "\"sig\":", SOTTO_SPAN(m->signer)));
        SOTTO_TRY(add_str(out, ","));
    }
    snprintf(times, sizeof times, "\"ttl\":%" PRIu32 ",\"timestamp\":%" PRIu32, m->ttl, m->sent);
    SOTTO_TRY(add_str(out, times));
    SOTTO_TRY(add_hex(out, ",\"topic\":", SOTTO_SPAN(m->topic)));
    SOTTO_TRY(add_hex(out, ",\"payload\":", m->payload));
    SOTTO_TRY(add_hex(out, ",\"padding\":", m->padding));
    SOTTO_TRY(add_str(out, ",\"pow\":"));
    SOTTO_TRY(sotto_shh_text_number(out, m->pow));
    SOTTO_TRY(add_hex(out, ",\"hash\":", SOTTO_SPAN(m->hash)));
    if (m->is_asymmetric) SOTTO_TRY(add_hex(out, ",\"recipientPublicKey\":", SOTTO_SPAN(m->recipient)));
    return add_str(out, "}");
}

void sotto_shh_refuse(struct sotto_call *call, const struct sotto_shh_refusal *r)
{
    struct sotto_buf text = sotto_buf_make(1u << 20);
    enum sotto_err err = sotto_shh_refusal_text(&text, r);
    if (err == SOTTO_OK) err = sotto_buf_add_u8(&text, 0);
    sotto_call_foreign_error(call, SOTTO_FOREIGN_CODE, err == SOTTO_OK ? (const char *)text.data : "refused", sotto_shh_refusal_name(r->why));
    sotto_buf_free(&text);
}
