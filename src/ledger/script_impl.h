/* The machine from within. For script*.c alone. */
#ifndef SOTTO_LEDGER_SCRIPT_IMPL_H
#define SOTTO_LEDGER_SCRIPT_IMPL_H

#include "ledger/script.h"

/* Both stacks share one row of cells: the main one grows up from the front, the other down from the end. They are measured after each word,
 * and no word adds more than three. */
#define CELLS (SOTTO_SCRIPT_STACK_MAX + 3u)
/* Each opcode that is no push makes at most one element: the sum modulo a modulus is the longest. Four scripts of a bitcoin input make
 * hashes and numbers alone, and the scripts of a chain input but one have no such opcodes: each is far below. */
#define ROOM (SOTTO_SCRIPT_OPS_MAX * 512u)

struct sotto_script {
    struct sotto_script_setup setup;
    uint64_t units;
    size_t main, alt;                              /* elements */
    size_t room_used;
    /* of the script that runs */
    struct sotto_span script;
    uint32_t flags;
    size_t code_from;                              /* behind the last CODESEPARATOR */
    unsigned ops, ifs, ifs_false;                  /* conditions open; the outermost that is false, counted from 1, or 0 */
    uint8_t last;                                  /* the last executed opcode that is no push and no IF, NOTIF, ELSE, ENDIF */
    struct sotto_span cells[CELLS];
    uint8_t room[ROOM];
};
_Static_assert(sizeof(struct sotto_script) <= SOTTO_SCRIPT_MACHINE, "the bound that the header tells");

/* 1 is the top. */
static inline struct sotto_span *script_top(struct sotto_script *m, size_t i) { return &m->cells[m->main - i]; }
static inline void script_put(struct sotto_script *m, struct sotto_span element) { m->cells[m->main++] = element; }
static inline void script_drop(struct sotto_script *m, size_t count) { m->main -= count; }
void script_put_bool(struct sotto_script *m, bool value);
void script_put_number(struct sotto_script *m, int64_t n);
/* Bytes for an element that is made; never fails, see ROOM. */
uint8_t *script_room(struct sotto_script *m, size_t size);

/* Units before the work. */
static inline enum sotto_script_fault script_charge(struct sotto_script *m, uint64_t units)
{
    if (units > m->setup.limit - m->units) return SOTTO_FAULT_COST;
    m->units += units;
    return SOTTO_FAULT_NONE;
}
static inline bool script_flag(const struct sotto_script *m, uint32_t flag) { return (m->flags & flag) != 0; }
/* The number at top(i). */
enum sotto_script_fault script_number(const struct sotto_script *m, int64_t *out, size_t i, size_t max);

/* script_exec.c: an opcode that is no push; behind = offset of the next word. */
enum sotto_script_fault script_exec(struct sotto_script *m, uint8_t op, size_t behind);
/* script_number.c: 1ADD to WITHIN. */
enum sotto_script_fault script_arithmetic(struct sotto_script *m, uint8_t op);
enum sotto_script_fault script_exponent(struct sotto_script *m);
/* script_sig.c */
enum sotto_script_fault script_check_sig(struct sotto_script *m, bool verify);
enum sotto_script_fault script_check_multisig(struct sotto_script *m, bool verify);

#endif
