#include "ledger/script_text.h"

#include "base/plant.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define NUMBER_BOUND (UINT64_C(1) << 39)

static bool blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* ---- reading ---- */

static enum sotto_err add_name(struct sotto_buf *out, struct sotto_span word)
{
    for (unsigned op = 0; op < 256; op++) {
        const char *name = sotto_opcode_name((uint8_t)op);
        if (!name || !sotto_opcode_known((uint8_t)op) || (op >= SOTTO_OPCODE_PUSHDATA1 && op <= SOTTO_OPCODE_PUSHDATA4)) continue;
        if (strlen(name) == word.size && strncasecmp(name, (const char *)word.data, word.size) == 0) return sotto_buf_add_u8(out, (uint8_t)op);
    }
    return SOTTO_A_WORD;
}

static enum sotto_err add_number(struct sotto_buf *out, struct sotto_span word)
{
    bool minus = word.data[0] == '-';
    uint64_t n = 0;
    for (size_t i = minus; i < word.size; i++) {
        n = 10 * n + (word.data[i] - '0');
        if (n >= NUMBER_BOUND) return SOTTO_A_NUMBER;
    }
    if (word.data[minus] == '0' && (minus || word.size > 1)) return SOTTO_A_NUMBER;      /* 007, -0 */
    return sotto_script_push_number(out, minus ? -(int64_t)n : (int64_t)n);
}

static bool is_number(struct sotto_span word)
{
    size_t from = word.data[0] == '-';
    for (size_t i = from; i < word.size; i++)
        if (!digit(word.data[i])) return false;
    return word.size > from;
}

/* Hex digits as bytes, appended as they are, or (push) as one element. */
static enum sotto_err add_hex(struct sotto_buf *out, struct sotto_span hex, bool push)
{
    size_t size = hex.size / 2;
    struct sotto_buf bytes = sotto_buf_make(size);
    if (push && size > SOTTO_SCRIPT_PUSH_MAX) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_buf_reserve(&bytes, size));
    enum sotto_err err = sotto_unhex(bytes.data, size, hex) == SOTTO_OK ? SOTTO_OK : SOTTO_A_WORD;
    struct sotto_span data = sotto_span(bytes.data, size);
    if (err == SOTTO_OK) err = push ? sotto_script_push(out, data) : sotto_buf_add_span(out, data);
    sotto_buf_free(&bytes);
    return err;
}

static enum sotto_err add_word(struct sotto_buf *out, struct sotto_span word)
{
    const uint8_t *c = word.data;
    size_t n = word.size;
    if (n >= 2 && c[0] == '<' && c[n - 1] == '>') return add_hex(out, sotto_span_cut(word, 1, n - 2), true);
    if (n > 2 && c[0] == '0' && c[1] == 'x') return add_hex(out, sotto_span_cut(word, 2, n - 2), false);
    return is_number(word) ? add_number(out, word) : add_name(out, word);
}

enum sotto_err sotto_script_assemble(struct sotto_buf *out, struct sotto_span text)
{
    size_t before = out->size;
    for (size_t at = 0; at < text.size;) {
        size_t from = at;
        while (at < text.size && !blank(text.data[at])) at++;
        if (at == from) {
            at++;
            continue;
        }
        enum sotto_err err = add_word(out, sotto_span_cut(text, from, at - from));
        if (err != SOTTO_OK) {
            out->size = before;
            return err;
        }
    }
    return SOTTO_OK;
}

/* ---- writing ---- */

static enum sotto_err add_text(struct sotto_buf *out, const char *text) { return sotto_buf_add(out, text, strlen(text)); }

static enum sotto_err add_digits(struct sotto_buf *out, struct sotto_span bytes)
{
    SOTTO_TRY(sotto_buf_reserve(out, 2 * bytes.size));
    for (size_t i = 0; i < bytes.size; i++) {
        char hex[3];
        sotto_hex(hex, bytes.data + i, 1);
        SOTTO_TRY(sotto_buf_add(out, hex, 2));
    }
    return SOTTO_OK;
}

/* before, the bytes in hex, behind. */
static enum sotto_err add_between(struct sotto_buf *out, const char *before, struct sotto_span bytes, const char *behind)
{
    SOTTO_TRY(add_text(out, before));
    SOTTO_TRY(add_digits(out, bytes));
    return add_text(out, behind);
}

static enum sotto_err write_word(struct sotto_buf *out, const struct sotto_script_word *word, enum sotto_script_style style)
{
    bool paper = style == SOTTO_SCRIPT_PAPER;
    bool long_push = word->op <= SOTTO_OPCODE_PUSHDATA4 && !sotto_script_minimal(word) && !SOTTO_PLANTED(SCRIPT_TEXT_SHORTER);
    if (!sotto_opcode_known(word->op) || long_push) return add_between(out, "0x", word->whole, "");
    if (paper && sotto_script_is_push(word->op) && word->op != SOTTO_OPCODE_0) return add_between(out, "", sotto_script_pushed(word), "");
    if (word->data.size) return add_between(out, "<", word->data, ">");
    return add_text(out, paper && word->op == SOTTO_OPCODE_EXPONENT ? "OP_Exponent" : sotto_opcode_name(word->op));
}

static enum sotto_err disassemble(struct sotto_buf *out, struct sotto_span script, enum sotto_script_style style)
{
    struct sotto_script_word word;
    for (size_t at = 0; at < script.size;) {
        if (at) SOTTO_TRY(add_text(out, " "));
        if (!sotto_script_next(&word, script, &at)) return add_between(out, "0x", sotto_span_cut(script, at, script.size - at), "");
        SOTTO_TRY(write_word(out, &word, style));
    }
    return SOTTO_OK;
}

enum sotto_err sotto_script_disassemble(struct sotto_buf *out, struct sotto_span script, enum sotto_script_style style)
{
    size_t before = out->size;
    enum sotto_err err = disassemble(out, script, style);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

/* ---- comments ---- */

/* Of the pushes before OP_EXPONENT, by how many words it is away. */
static const char *operand(struct sotto_span script, size_t behind)
{
    static const char *const names[] = { "modulus", "exponent", "base" };
    struct sotto_script_word word;
    for (unsigned away = 0; away < 3 && sotto_script_next(&word, script, &behind); away++) {
        if (word.op == SOTTO_OPCODE_EXPONENT) return names[away];
        if (!sotto_script_is_push(word.op)) break;
    }
    return NULL;
}

/* The opcode before `at`, or 0. */
static uint8_t opcode_before(struct sotto_span script, size_t at)
{
    struct sotto_script_word word = { .op = 0 };
    for (size_t from = 0; from < at;)
        if (!sotto_script_next(&word, script, &from)) return 0;
    return word.op;
}

static bool is_address(struct sotto_span script, size_t at, const struct sotto_script_word *word)
{
    struct sotto_script_word next;
    size_t behind = at + word->whole.size;
    return word->data.size == 20 && opcode_before(script, at) == SOTTO_OPCODE_HASH160 && sotto_script_next(&next, script, &behind)
        && next.op == SOTTO_OPCODE_EQUALVERIFY;
}

void sotto_script_comment(char out[SOTTO_SCRIPT_COMMENT], struct sotto_span script, size_t at)
{
    struct sotto_script_word word;
    size_t behind = at;
    bool there = sotto_script_next(&word, script, &behind);
    SOTTO_ASSERT(there);
    const char *name = sotto_script_is_push(word.op) ? operand(script, behind) : NULL, *text = sotto_opcode_comment(word.op);
    if (!name && word.data.size && is_address(script, at, &word)) name = "the address the hash must equal";
    const char *colon = name ? ": " : "", *plural = word.data.size == 1 ? "" : "s";
    if (!name) name = "";
    if (word.data.size) snprintf(out, SOTTO_SCRIPT_COMMENT, "push the next %zu byte%s%s%s", word.data.size, plural, colon, name);
    else snprintf(out, SOTTO_SCRIPT_COMMENT, "%s%s%s", text ? text : "no opcode", colon, name);
}

/* ---- a line of a trace ---- */

enum { SHOWN_BYTES = 20, SHOWN_ELEMENTS = 4 };

/* A text that grows within its room and keeps its final zero. */
struct line { char text[SOTTO_SCRIPT_LINE]; size_t size; };

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(l->text + l->size, sizeof l->text - l->size, format, args);
    va_end(args);
    SOTTO_ASSERT(size >= 0 && (size_t)size < sizeof l->text - l->size);
    l->size += (size_t)size;
}

static void say_bytes(struct line *l, struct sotto_span bytes)
{
    char hex[2 * SHOWN_BYTES + 1];
    size_t shown = bytes.size <= SHOWN_BYTES ? bytes.size : SHOWN_BYTES - 4;
    sotto_hex(hex, bytes.data, shown);
    say(l, "%s", hex);
    if (shown < bytes.size) say(l, "..(%zu)", bytes.size);
}

static void say_word(struct line *l, const struct sotto_script_step *step, enum sotto_script_style style)
{
    uint8_t text[2 * SHOWN_BYTES + 8];
    struct sotto_buf word = { text, 0, sizeof text, sizeof text };
    if (step->word.whole.size > SHOWN_BYTES + 2) {
        say(l, "%s", style == SOTTO_SCRIPT_PAPER ? "" : "<");
        say_bytes(l, step->word.data);
        say(l, "%s", style == SOTTO_SCRIPT_PAPER ? "" : ">");
        return;
    }
    enum sotto_err err = write_word(&word, &step->word, style);
    SOTTO_ASSERT(err == SOTTO_OK);                 /* at most 0x and 22 bytes in hex */
    say(l, "%.*s", (int)word.size, (const char *)word.data);
}

enum sotto_err sotto_script_line(struct sotto_buf *out, const struct sotto_script_step *step, enum sotto_script_style style)
{
    struct line l = { .size = 0 };
    char comment[SOTTO_SCRIPT_COMMENT];
    say(&l, "%zu ", step->at);
    say_word(&l, step, style);
    sotto_script_comment(comment, step->script, step->at);
    say(&l, " | %s%s |", comment, step->executed ? "" : " (passed over)");
    if (step->depth > SHOWN_ELEMENTS) say(&l, " ..(%zu)", step->depth - SHOWN_ELEMENTS);
    for (size_t i = step->depth > SHOWN_ELEMENTS ? step->depth - SHOWN_ELEMENTS : 0; i < step->depth; i++) {
        say(&l, " ");
        if (step->stack[i].size) say_bytes(&l, step->stack[i]);
        else say(&l, "0");
    }
    if (step->fault != SOTTO_FAULT_NONE) say(&l, " | %s", sotto_err_name(sotto_script_err(step->fault)));
    return sotto_buf_add(out, l.text, l.size);
}
