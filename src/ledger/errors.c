#include "ledger/errors.h"

static const struct { enum sotto_err err; uint16_t code; const char *text; } rows[] = {
#define ERRORS_ROW(X, code, name, text) { SOTTO_##name, code, text },
    SOTTO_ERR_LEDGER_MAP(ERRORS_ROW, )
#undef ERRORS_ROW
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* The rows stand side by side in the one list of errors, in the order of their codes. */
static size_t row_of(enum sotto_err err)
{
    size_t at = (size_t)err - (size_t)rows[0].err;                    /* below the first: a large number */
    return at < ROW_COUNT ? at : ROW_COUNT;
}

bool sotto_ledger_refusal(enum sotto_err err) { return row_of(err) < ROW_COUNT; }

uint16_t sotto_ledger_code(enum sotto_err err)
{
    if (err == SOTTO_OK) return 0;
    size_t at = row_of(err);
    SOTTO_ASSERT(at < ROW_COUNT && rows[at].err == err);
    return rows[at].code;
}

enum sotto_err sotto_ledger_err(enum sotto_err *out, uint16_t code)
{
    if (code == 0) {
        *out = SOTTO_OK;
        return SOTTO_OK;
    }
    size_t low = 0, high = ROW_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].code < code) low = middle + 1;
        else high = middle;
    }
    if (low == ROW_COUNT || rows[low].code != code) return SOTTO_ERR_MISSING;
    *out = rows[low].err;
    return SOTTO_OK;
}

const char *sotto_ledger_text(enum sotto_err err)
{
    size_t at = row_of(err);
    return at < ROW_COUNT ? rows[at].text : NULL;
}
