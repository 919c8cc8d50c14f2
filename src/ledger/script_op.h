/* Scripts as bytes: opcodes, words, pushes, numbers (ledger.md 3). What each opcode does stands in script_exec.c.
 *
 *     76 a9 14 <20 bytes> 88 ac
 *     |  |  |             |  OP_CHECKSIG
 *     |  |  a push of 20 bytes: one word
 *     OP_DUP, OP_HASH160
 *
 * A number is little-endian, its highest bit the sign: 01 = 1, 81 = -1, empty = 0, ff00 = 255. Minimal: no byte more than it needs.
 * Threads: pure functions over constants. */
#ifndef SOTTO_LEDGER_SCRIPT_OP_H
#define SOTTO_LEDGER_SCRIPT_OP_H

#include "base/bytes.h"

#define SOTTO_SCRIPT_MAX 10000u                    /* bytes of a script */
#define SOTTO_SCRIPT_ELEMENT_MAX 520u              /* bytes of an element of the stack */
#define SOTTO_SCRIPT_PUSH_MAX 65535u               /* bytes of the longest push that can be minimal */

/* X(byte, name, what it does). Bitcoin's words; EXPONENT is the ledger's own. Pushes 01 to 4b have no name. */
#define SOTTO_SCRIPT_OPS(X) \
    X(0x00, 0, "push an empty element") \
    X(0x4c, PUSHDATA1, "push as many bytes as the next byte says") \
    X(0x4d, PUSHDATA2, "push as many bytes as the next 2 bytes say") \
    X(0x4e, PUSHDATA4, "push as many bytes as the next 4 bytes say") \
    X(0x4f, 1NEGATE, "push -1") \
    X(0x50, RESERVED, "fail when executed") \
    X(0x51, 1, "push 1") X(0x52, 2, "push 2") X(0x53, 3, "push 3") X(0x54, 4, "push 4") X(0x55, 5, "push 5") X(0x56, 6, "push 6") \
    X(0x57, 7, "push 7") X(0x58, 8, "push 8") X(0x59, 9, "push 9") X(0x5a, 10, "push 10") X(0x5b, 11, "push 11") X(0x5c, 12, "push 12") \
    X(0x5d, 13, "push 13") X(0x5e, 14, "push 14") X(0x5f, 15, "push 15") X(0x60, 16, "push 16") \
    X(0x61, NOP, "do nothing") \
    X(0x62, VER, "fail when executed") \
    X(0x63, IF, "take the top; go on here if it is true, else behind ELSE") \
    X(0x64, NOTIF, "take the top; go on here if it is false, else behind ELSE") \
    X(0x65, VERIF, "fail wherever it stands") \
    X(0x66, VERNOTIF, "fail wherever it stands") \
    X(0x67, ELSE, "the other way of IF begins") \
    X(0x68, ENDIF, "both ways of IF end") \
    X(0x69, VERIFY, "take the top; fail unless it is true") \
    X(0x6a, RETURN, "fail: nobody can spend this output") \
    X(0x6b, TOALTSTACK, "move the top to the other stack") \
    X(0x6c, FROMALTSTACK, "move the top of the other stack here") \
    X(0x6d, 2DROP, "drop two") \
    X(0x6e, 2DUP, "copy the two on top") \
    X(0x6f, 3DUP, "copy the three on top") \
    X(0x70, 2OVER, "copy the third and the fourth to the top") \
    X(0x71, 2ROT, "move the fifth and the sixth to the top") \
    X(0x72, 2SWAP, "swap the two pairs on top") \
    X(0x73, IFDUP, "copy the top if it is true") \
    X(0x74, DEPTH, "push how many elements there are") \
    X(0x75, DROP, "drop the top") \
    X(0x76, DUP, "copy the top") \
    X(0x77, NIP, "drop the second") \
    X(0x78, OVER, "copy the second to the top") \
    X(0x79, PICK, "take n; copy the one n below the top") \
    X(0x7a, ROLL, "take n; move the one n below the top to it") \
    X(0x7b, ROT, "move the third to the top") \
    X(0x7c, SWAP, "swap the two on top") \
    X(0x7d, TUCK, "copy the top below the second") \
    X(0x7e, CAT, "switched off") \
    X(0x7f, SUBSTR, "switched off") \
    X(0x80, LEFT, "switched off") \
    X(0x81, RIGHT, "switched off") \
    X(0x82, SIZE, "push how many bytes the top has") \
    X(0x83, INVERT, "switched off") \
    X(0x84, AND, "switched off") \
    X(0x85, OR, "switched off") \
    X(0x86, XOR, "switched off") \
    X(0x87, EQUAL, "take two; true if they are the same bytes") \
    X(0x88, EQUALVERIFY, "fail unless equal") \
    X(0x89, RESERVED1, "fail when executed") \
    X(0x8a, RESERVED2, "fail when executed") \
    X(0x8b, 1ADD, "add 1") \
    X(0x8c, 1SUB, "take 1 away") \
    X(0x8d, 2MUL, "switched off") \
    X(0x8e, 2DIV, "switched off") \
    X(0x8f, NEGATE, "turn the sign") \
    X(0x90, ABS, "drop the sign") \
    X(0x91, NOT, "1 for 0, else 0") \
    X(0x92, 0NOTEQUAL, "0 for 0, else 1") \
    X(0x93, ADD, "take two; their sum") \
    X(0x94, SUB, "take two; the second less the top") \
    X(0x95, MUL, "switched off") \
    X(0x96, DIV, "switched off") \
    X(0x97, MOD, "switched off") \
    X(0x98, LSHIFT, "switched off") \
    X(0x99, RSHIFT, "switched off") \
    X(0x9a, BOOLAND, "take two; true if neither is 0") \
    X(0x9b, BOOLOR, "take two; true if one is not 0") \
    X(0x9c, NUMEQUAL, "take two; true if the same number") \
    X(0x9d, NUMEQUALVERIFY, "fail unless the same number") \
    X(0x9e, NUMNOTEQUAL, "take two; true if not the same number") \
    X(0x9f, LESSTHAN, "take two; true if the second is less than the top") \
    X(0xa0, GREATERTHAN, "take two; true if the second is more than the top") \
    X(0xa1, LESSTHANOREQUAL, "take two; true if the second is at most the top") \
    X(0xa2, GREATERTHANOREQUAL, "take two; true if the second is at least the top") \
    X(0xa3, MIN, "take two; the lesser") \
    X(0xa4, MAX, "take two; the greater") \
    X(0xa5, WITHIN, "take x, least, bound; true if least <= x < bound") \
    X(0xa6, RIPEMD160, "RIPEMD160 of the top") \
    X(0xa7, SHA1, "SHA1 of the top") \
    X(0xa8, SHA256, "SHA256 of the top") \
    X(0xa9, HASH160, "RIPEMD160 of SHA256 of the top") \
    X(0xaa, HASH256, "SHA256 of SHA256 of the top") \
    X(0xab, CODESEPARATOR, "signatures cover the script from here on") \
    X(0xac, CHECKSIG, "true if the signature of this transaction verifies under the key") \
    X(0xad, CHECKSIGVERIFY, "fail unless the signature of this transaction verifies under the key") \
    X(0xae, CHECKMULTISIG, "true if m signatures of this transaction verify under m of the n keys, in their order") \
    X(0xaf, CHECKMULTISIGVERIFY, "fail unless m signatures verify under m of the n keys, in their order") \
    X(0xb0, NOP1, "do nothing") \
    X(0xb1, CHECKLOCKTIMEVERIFY, "fail before the time or the height on top") \
    X(0xb2, CHECKSEQUENCEVERIFY, "fail unless the coin is as old as the top says") \
    X(0xb3, NOP4, "do nothing") X(0xb4, NOP5, "do nothing") X(0xb5, NOP6, "do nothing") X(0xb6, NOP7, "do nothing") \
    X(0xb7, NOP8, "do nothing") X(0xb8, NOP9, "do nothing") X(0xb9, NOP10, "do nothing") \
    X(0xc0, EXPONENT, "take three, leave base^exponent mod modulus")

enum sotto_opcode {
#define SOTTO_OPCODE_FIELD(byte, name, text) SOTTO_OPCODE_##name = byte,
    SOTTO_SCRIPT_OPS(SOTTO_OPCODE_FIELD)
#undef SOTTO_OPCODE_FIELD
};

/* "OP_DUP"; NULL for pushes 01 to 4b and for bytes that have no name. */
const char *sotto_opcode_name(uint8_t op);
/* What it does, as in the list above; NULL where there is no name. */
const char *sotto_opcode_comment(uint8_t op);
/* An opcode of the ledger's own scripts, pushes among them? */
bool sotto_opcode_known(uint8_t op);

/* One word. data: what a push 00 to 4e holds, empty for all else. */
struct sotto_script_word {
    struct sotto_span whole, data;
    uint8_t op;
};
/* The word at *at, which moves behind it. False: at the end, or the push does not end within the script; *at and *out stay. */
bool sotto_script_next(struct sotto_script_word *out, struct sotto_span script, size_t *at);
static inline bool sotto_script_is_push(uint8_t op) { return op <= SOTTO_OPCODE_16 && op != SOTTO_OPCODE_RESERVED; }
/* Of a push 00 to 4e: is it the shortest way to push these bytes? */
bool sotto_script_minimal(const struct sotto_script_word *word);
/* What a push leaves on the stack, for 00 to 60 but 50: its data, or the byte that a small number stands for. Constants or the script. */
struct sotto_span sotto_script_pushed(const struct sotto_script_word *word);

/* The shortest push of data, at most SOTTO_SCRIPT_PUSH_MAX bytes. Returns ERR_RANGE for longer ones, ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_script_push(struct sotto_buf *out, struct sotto_span data);
SOTTO_MUST_USE enum sotto_err sotto_script_push_number(struct sotto_buf *out, int64_t n);

#define SOTTO_SCRIPT_NUMBER_MAX 9                  /* bytes of any int64 but the least */
/* A number of at most max (<= 8) bytes; strict: minimal only. */
bool sotto_script_number(int64_t *out, struct sotto_span bytes, size_t max, bool strict);
/* n > INT64_MIN; returns the size, 0 for 0. */
size_t sotto_script_number_put(uint8_t out[SOTTO_SCRIPT_NUMBER_MAX], int64_t n);
/* False: all zero, or all zero but the sign. */
bool sotto_script_true(struct sotto_span bytes);

#endif
