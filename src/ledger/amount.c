#include "ledger/amount.h"

#include <inttypes.h>
#include <stdio.h>

enum { WHOLE_DIGITS = 8, PART_DIGITS = 8 };

enum sotto_err sotto_amount_make(struct sotto_amount *out, uint64_t cong)
{
    if (cong > SOTTO_MONEY_MAX) return SOTTO_T_VALUE;
    out->cong = cong;
    return SOTTO_OK;
}

enum sotto_err sotto_amount_add(struct sotto_amount *sum, struct sotto_amount a, struct sotto_amount b)
{
    uint64_t cong;
    if (__builtin_add_overflow(a.cong, b.cong, &cong)) return SOTTO_T_VALUE;
    return sotto_amount_make(sum, cong);
}

enum sotto_err sotto_amount_take(struct sotto_amount *rest, struct sotto_amount a, struct sotto_amount b)
{
    if (b.cong > a.cong) return SOTTO_T_FUNDS;
    rest->cong = a.cong - b.cong;
    return SOTTO_OK;
}

/* The digits at *at, moved over: how many there are, at most 9, and their number. */
static size_t digits(uint64_t *number, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *from = *at;
    *number = 0;
    while (*at < end && *at - from <= WHOLE_DIGITS && **at >= '0' && **at <= '9') *number = *number * 10 + (uint64_t)(*(*at)++ - '0');
    return (size_t)(*at - from);
}

enum sotto_err sotto_amount_parse(struct sotto_amount *out, struct sotto_span text)
{
    if (text.size == 0) return SOTTO_E_AMOUNT;
    const uint8_t *at = text.data, *end = text.data + text.size;
    uint64_t whole, part = 0;
    size_t count = digits(&whole, &at, end);
    if (count == 0 || count > WHOLE_DIGITS || (count > 1 && text.data[0] == '0')) return SOTTO_E_AMOUNT;
    if (at < end) {
        if (*at++ != '.') return SOTTO_E_AMOUNT;
        count = digits(&part, &at, end);
        if (count == 0 || count > PART_DIGITS || at < end) return SOTTO_E_AMOUNT;
        for (; count < PART_DIGITS; count++) part *= 10;
    }
    struct sotto_amount a;
    if (sotto_amount_make(&a, whole * SOTTO_COIN + part) != SOTTO_OK) return SOTTO_E_AMOUNT;
    *out = a;
    return SOTTO_OK;
}

void sotto_amount_text(char out[SOTTO_AMOUNT_TEXT], struct sotto_amount a)
{
    SOTTO_ASSERT(a.cong <= SOTTO_MONEY_MAX);
    int n = snprintf(out, SOTTO_AMOUNT_TEXT, "%" PRIu64 ".%08" PRIu64, a.cong / SOTTO_COIN, a.cong % SOTTO_COIN);
    SOTTO_ASSERT(n > 0 && n < SOTTO_AMOUNT_TEXT);
    while (out[n - 1] == '0') n--;
    if (out[n - 1] == '.') n--;
    out[n] = 0;
}
