/* Where one JSON value of a stream ends. Clients of a socket write a value and a line end, or as geth's do nothing behind it, or several
 * values at once:
 *
 *     {"a":[1,"]}"]}{"b":2}\n null\n
 *     ^------------^^-----^^ ^---^        ends: where the brackets of an object or a list close, and at every line end
 *
 * A line end ends a value even inside brackets, so that who sent rubbish is understood again from the next line on. Knows strings and
 * brackets only; whether it is JSON, and how deep, is for others to say. Threads: plain values, pure. */
#ifndef SOTTO_BASE_CUT_H
#define SOTTO_BASE_CUT_H

#include "base/bytes.h"

struct sotto_cut {                              /* start with { 0 }, before the first byte of a value */
    bool begun;                                 /* something that is no blank came */
    bool nested, text, escaped;                 /* an object or list; inside a string; behind its backslash */
    size_t depth;                               /* of brackets open, whatever their kind */
};

/* Looks on in the stream: bytes go on where the last call's ended. true: a value ended, *used = bytes up to its closing bracket or line end,
 * that one included, and cut is ready for the next. It may be blank (a line end alone). false: all of bytes belongs to the value that runs. */
bool sotto_cut_end(struct sotto_cut *cut, size_t *used, struct sotto_span bytes);
static inline bool sotto_cut_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r'; }

#endif
