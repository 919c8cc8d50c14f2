/* Scripts as text (ledger.md 3), one form for explorer, lab and tests.
 *
 *     OP_IF OP_SIZE <20> OP_EQUALVERIFY .. OP_ENDIF
 *
 * Words, between blanks: OP_NAME in any case; a decimal number, |n| < 2^39, pushed in its shortest form; <hex>, the shortest push of these
 * bytes; 0xhex, these bytes as they are. Only opcodes of the ledger's own scripts have names here, and pushes are never written by theirs.
 * Threads: pure. */
#ifndef SOTTO_LEDGER_SCRIPT_TEXT_H
#define SOTTO_LEDGER_SCRIPT_TEXT_H

#include "ledger/script.h"

enum sotto_script_style {
    SOTTO_SCRIPT_PLAIN,
    SOTTO_SCRIPT_PAPER                             /* for reading only: pushes as bare hex, small numbers too, and OP_Exponent */
};

/* Appends the bytes. A_WORD, A_NUMBER; ERR_FULL at the bound of out, ERR_NOMEM. Nothing is appended then. */
SOTTO_MUST_USE enum sotto_err sotto_script_assemble(struct sotto_buf *out, struct sotto_span text);
/* Appends the text, without a final zero. What plain text says is assembled to the same bytes, whatever they are: what has no word of its
 * own is written as 0x. ERR_FULL, ERR_NOMEM; nothing is appended then. */
SOTTO_MUST_USE enum sotto_err sotto_script_disassemble(struct sotto_buf *out, struct sotto_span script, enum sotto_script_style style);

/* What the word at `at` does in this script, e.g. "the address the hash must equal". For one that sotto_script_next reads there. */
#define SOTTO_SCRIPT_COMMENT 128                   /* bytes of the longest, with its final zero */
void sotto_script_comment(char out[SOTTO_SCRIPT_COMMENT], struct sotto_span script, size_t at);

/* Appends one line of a trace, without a line end: offset, word, comment, the stack after it. Of long elements the beginning is shown, of
 * deep stacks the top: a line has less than SOTTO_SCRIPT_LINE bytes. */
#define SOTTO_SCRIPT_LINE 512
SOTTO_MUST_USE enum sotto_err sotto_script_line(struct sotto_buf *out, const struct sotto_script_step *step, enum sotto_script_style style);

#endif
