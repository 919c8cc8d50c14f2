/* Every opcode of the ledger's scripts: what it leaves, and each way it fails, by name; then limits, prices, and that nothing is left behind. */
#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/ecdsa.h"
#include "crypto/rng.h"
#include "ledger/errors.h"
#include "ledger/script_text.h"
#include "ledger/spend.h"
#include "support/test.h"

#include <jansson.h>

static struct sotto_script *machine;

/* A checker whose answers are plain: signatures verify when the byte before their type and the last byte of the key are the same; the lock of
 * the transaction is 100, the sequence 10. type byte 83: SINGLE without an output. */
static enum sotto_script_fault plain_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    unsigned *asked = of;
    ++*asked;
    if (sig.data[sig.size - 1] == 0x83) return SOTTO_FAULT_SINGLE;
    return sig.data[sig.size - 2] == key.data[key.size - 1] ? SOTTO_FAULT_NONE : SOTTO_FAULT_SIGNATURE;
}
static bool plain_lock(void *of, uint64_t n) { return of && sotto_lock_reached(n, 100, 0); }
static bool plain_sequence(void *of, uint64_t n) { return of && sotto_sequence_reached(n, 10); }
static unsigned sigs_asked;
static const struct sotto_script_checker plain = { &sigs_asked, plain_sig, NULL, plain_lock, plain_sequence };

static struct sotto_buf assembled(const char *text)
{
    struct sotto_buf b = sotto_buf_make(2 * SOTTO_SCRIPT_MAX);
    enum sotto_err err = sotto_script_assemble(&b, sotto_span_str(text));
    if (err != SOTTO_OK) fail_msg("%s: %s", text, sotto_err_name(err));
    return b;
}

static enum sotto_err run_text(uint64_t *units, const char *unlock, const char *output, uint64_t limit)
{
    struct sotto_buf u = assembled(unlock), o = assembled(output);
    enum sotto_err err = sotto_script_run(machine, units, sotto_buf_span(&u), sotto_buf_span(&o), &plain, limit, NULL);
    sotto_buf_free(&u);
    sotto_buf_free(&o);
    return err;
}

struct row { const char *unlock, *output; enum sotto_err err; };
static void all_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t units = 0;
        enum sotto_err err = run_text(&units, rows[i].unlock, rows[i].output, SOTTO_SCRIPT_UNITS_MAX);
        if (err != rows[i].err) fail_msg("\"%s\" \"%s\" gives %s, not %s", rows[i].unlock, rows[i].output, sotto_err_name(err), sotto_err_name(rows[i].err));
    }
}
#define ROWS(...) all_rows((const struct row[]){ __VA_ARGS__ }, sizeof((const struct row[]){ __VA_ARGS__ }) / sizeof(struct row))

static void test_form(void **state)
{
    (void)state;
    ROWS({ "", "1", SOTTO_OK }, { "1", "", SOTTO_OK }, { "", "", SOTTO_S_FALSE }, { "", "0", SOTTO_S_FALSE }, { "", "<80>", SOTTO_S_FALSE },
         { "", "<0080>", SOTTO_S_FALSE }, { "", "<8000>", SOTTO_OK }, { "1", "1", SOTTO_S_CLEAN }, { "0", "1", SOTTO_S_CLEAN },
         /* form, looked at before anything runs: also behind a word that fails, or that is passed over */
         { "0x4c", "1", SOTTO_S_PUSH }, { "", "OP_RETURN 0x02aa", SOTTO_S_PUSH }, { "", "0x4d00", SOTTO_S_PUSH }, { "", "0x4e000000", SOTTO_S_PUSH },
         { "", "0x4effffffff", SOTTO_S_PUSH }, { "", "OP_RETURN 0x0100", SOTTO_S_RETURN },
         { "", "OP_RETURN 0x0101", SOTTO_S_MINIMAL }, { "", "0 OP_IF 0x0181 OP_ENDIF 1", SOTTO_S_MINIMAL }, { "0x4c01aa", "1", SOTTO_S_MINIMAL },
         { "", "0x4d0100aa", SOTTO_S_MINIMAL }, { "", "0x4e01000000aa", SOTTO_S_MINIMAL }, { "", "0x4c00", SOTTO_S_MINIMAL },
         { "OP_NOP", "1", SOTTO_S_PUSH_ONLY }, { "1 OP_DUP", "OP_DROP", SOTTO_S_PUSH_ONLY }, { "OP_1NEGATE OP_16", "OP_DROP", SOTTO_OK },
         { "0x50", "1", SOTTO_S_OPCODE });
    for (unsigned op = 0; op < 256; op++) {        /* each byte that is no word: wherever it stands */
        if (sotto_opcode_known((uint8_t)op)) continue;
        char text[64];
        snprintf(text, sizeof text, "0 OP_IF 0x%02x OP_ENDIF 1", op);
        ROWS({ "", text, SOTTO_S_OPCODE });
        snprintf(text, sizeof text, "0x%02x", op);
        ROWS({ text, "1", SOTTO_S_OPCODE });
    }
    for (unsigned op = SOTTO_OPCODE_NOP; op < 256; op++) {      /* every other opcode: not in an unlocking script */
        if (!sotto_opcode_known((uint8_t)op)) continue;
        char text[16];
        snprintf(text, sizeof text, "1 0x%02x", op);
        ROWS({ text, "1", SOTTO_S_PUSH_ONLY });
    }
}

static void test_flow(void **state)
{
    (void)state;
    ROWS({ "1", "OP_IF 1 OP_ELSE 0 OP_ENDIF", SOTTO_OK }, { "0", "OP_IF 0 OP_ELSE 1 OP_ENDIF", SOTTO_OK },
         { "0", "OP_NOTIF 1 OP_ELSE 0 OP_ENDIF", SOTTO_OK },
         { "1", "OP_NOTIF 0 OP_ENDIF 1", SOTTO_OK }, { "2", "OP_IF 1 OP_ENDIF", SOTTO_S_MINIMAL_IF },
         { "<00>", "OP_IF 1 OP_ENDIF 1", SOTTO_S_MINIMAL_IF },
         { "<0100>", "OP_NOTIF 1 OP_ENDIF 1", SOTTO_S_MINIMAL_IF }, { "", "OP_IF 1 OP_ENDIF", SOTTO_S_STACK },
         { "", "OP_NOTIF 1 OP_ENDIF", SOTTO_S_STACK },
         { "", "1 OP_IF 1", SOTTO_S_IF }, { "", "OP_ELSE 1", SOTTO_S_IF }, { "", "OP_ENDIF 1", SOTTO_S_IF },
         { "", "1 1 OP_IF OP_ENDIF OP_ELSE", SOTTO_S_IF },
         { "", "1 1 OP_IF OP_ENDIF OP_ENDIF", SOTTO_S_IF }, { "", "0 OP_IF OP_IF OP_ENDIF 1", SOTTO_S_IF },
         /* ELSE as often as one likes, and conditions in a way that is not gone take nothing */
         { "", "1 OP_IF 1 OP_ELSE 0 OP_ELSE OP_ENDIF", SOTTO_OK }, { "", "0 OP_IF OP_IF OP_ELSE OP_ENDIF OP_ELSE 1 OP_ENDIF", SOTTO_OK },
         { "", "1 0 OP_IF OP_NOTIF OP_RETURN OP_ELSE OP_RETURN OP_ENDIF OP_RETURN OP_ENDIF", SOTTO_OK },
         { "", "1 1 OP_IF 0 OP_IF OP_RETURN OP_ELSE 1 OP_IF OP_ELSE OP_RETURN OP_ENDIF OP_ENDIF OP_ELSE OP_RETURN OP_ENDIF", SOTTO_OK },
         { "", "OP_NOP 1", SOTTO_OK }, { "", "1 OP_VERIFY 1", SOTTO_OK }, { "", "0 OP_VERIFY 1", SOTTO_S_VERIFY }, { "", "OP_VERIFY", SOTTO_S_STACK },
         { "1", "OP_RETURN", SOTTO_S_RETURN }, { "", "0 OP_IF OP_RETURN OP_ENDIF 1", SOTTO_OK });
}

static void test_stack(void **state)
{
    (void)state;
    ROWS({ "", "1 OP_TOALTSTACK OP_FROMALTSTACK", SOTTO_OK },
         { "", "2 1 OP_TOALTSTACK OP_TOALTSTACK OP_FROMALTSTACK OP_FROMALTSTACK 1 OP_EQUALVERIFY 2 OP_EQUAL", SOTTO_OK },
         { "", "OP_TOALTSTACK", SOTTO_S_STACK }, { "", "OP_FROMALTSTACK", SOTTO_S_STACK },
         { "", "1 2 3 OP_2DROP", SOTTO_OK }, { "", "1 OP_2DROP", SOTTO_S_STACK },
         { "", "1 2 OP_2DUP 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 2 OP_EQUALVERIFY", SOTTO_OK }, { "", "1 OP_2DUP", SOTTO_S_STACK },
         { "", "1 2 3 OP_3DUP 3 OP_EQUALVERIFY 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 3 OP_EQUALVERIFY 2 OP_EQUALVERIFY", SOTTO_OK },
         { "", "1 2 OP_3DUP", SOTTO_S_STACK },
         { "", "1 2 3 4 OP_2OVER 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 4 OP_EQUALVERIFY 3 OP_EQUALVERIFY OP_DROP", SOTTO_OK },
         { "", "1 2 3 OP_2OVER", SOTTO_S_STACK },
         { "", "1 2 3 4 5 6 OP_2ROT 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 6 OP_EQUALVERIFY 5 OP_EQUALVERIFY 4 OP_EQUALVERIFY 3 OP_EQUAL", SOTTO_OK },
         { "", "1 2 3 4 5 OP_2ROT", SOTTO_S_STACK },
         { "", "1 2 3 4 OP_2SWAP 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 4 OP_EQUALVERIFY 3 OP_EQUAL", SOTTO_OK }, { "", "1 2 3 OP_2SWAP", SOTTO_S_STACK },
         { "", "1 OP_IFDUP OP_EQUAL", SOTTO_OK }, { "", "1 0 OP_IFDUP OP_DROP", SOTTO_OK }, { "", "OP_IFDUP", SOTTO_S_STACK },
         { "", "OP_DEPTH 0 OP_EQUAL", SOTTO_OK }, { "7 7", "OP_DEPTH 2 OP_EQUALVERIFY OP_EQUAL", SOTTO_OK },
         { "", "1 2 OP_DROP", SOTTO_OK }, { "", "OP_DROP", SOTTO_S_STACK }, { "", "1 OP_DUP OP_EQUAL", SOTTO_OK }, { "", "OP_DUP", SOTTO_S_STACK },
         { "", "0 1 OP_NIP", SOTTO_OK }, { "", "1 OP_NIP", SOTTO_S_STACK }, { "", "1 0 OP_OVER OP_NIP OP_NIP", SOTTO_OK },
         { "", "1 OP_OVER", SOTTO_S_STACK },
         { "", "5 6 7 2 OP_PICK 5 OP_EQUALVERIFY OP_2DROP", SOTTO_OK }, { "", "5 6 7 0 OP_PICK OP_EQUALVERIFY OP_DROP", SOTTO_OK },
         { "", "5 6 2 OP_PICK", SOTTO_S_STACK }, { "", "5 6 -1 OP_PICK", SOTTO_S_STACK }, { "", "0 OP_PICK", SOTTO_S_STACK },
         { "", "1 <0000> OP_PICK", SOTTO_S_NUMBER },
         { "", "1 <0000000001> OP_PICK", SOTTO_S_NUMBER },
         { "", "5 6 7 2 OP_ROLL 5 OP_EQUALVERIFY 7 OP_EQUALVERIFY 6 OP_EQUAL", SOTTO_OK },
         { "", "5 6 7 0 OP_ROLL 7 OP_EQUALVERIFY OP_DROP", SOTTO_OK },
         { "", "5 6 2 OP_ROLL", SOTTO_S_STACK }, { "", "5 6 -1 OP_ROLL", SOTTO_S_STACK }, { "", "OP_ROLL", SOTTO_S_STACK },
         { "", "1 <00> OP_ROLL", SOTTO_S_NUMBER },
         { "", "1 2 3 OP_ROT 1 OP_EQUALVERIFY 3 OP_EQUALVERIFY 2 OP_EQUAL", SOTTO_OK }, { "", "1 2 OP_ROT", SOTTO_S_STACK },
         { "", "1 2 OP_SWAP 1 OP_EQUALVERIFY 2 OP_EQUAL", SOTTO_OK }, { "", "1 OP_SWAP", SOTTO_S_STACK },
         { "", "1 2 OP_TUCK 2 OP_EQUALVERIFY 1 OP_EQUALVERIFY 2 OP_EQUAL", SOTTO_OK }, { "", "1 OP_TUCK", SOTTO_S_STACK },
         { "", "<aabbcc> OP_SIZE 3 OP_EQUALVERIFY", SOTTO_OK }, { "", "0 OP_SIZE OP_EQUAL", SOTTO_OK }, { "", "OP_SIZE", SOTTO_S_STACK },
         { "", "<aa> <aa> OP_EQUAL", SOTTO_OK }, { "", "<aa> <aa00> OP_EQUAL OP_NOT", SOTTO_OK }, { "", "1 OP_EQUAL", SOTTO_S_STACK },
         { "", "1 2 OP_EQUALVERIFY 1", SOTTO_S_VERIFY }, { "", "1 OP_EQUALVERIFY", SOTTO_S_STACK });
}

static void test_numbers(void **state)
{
    (void)state;
    ROWS({ "", "16 OP_1ADD 17 OP_NUMEQUAL", SOTTO_OK }, { "", "0 OP_1SUB -1 OP_EQUAL", SOTTO_OK }, { "", "5 OP_NEGATE -5 OP_EQUAL", SOTTO_OK },
         { "", "-5 OP_ABS 5 OP_EQUAL", SOTTO_OK },
         { "", "5 OP_ABS 5 OP_EQUAL", SOTTO_OK }, { "", "0 OP_NEGATE 0 OP_EQUAL", SOTTO_OK }, { "", "0 OP_NOT", SOTTO_OK },
         { "", "2 OP_NOT", SOTTO_S_FALSE }, { "", "-3 OP_0NOTEQUAL 1 OP_EQUAL", SOTTO_OK },
         { "", "0 OP_0NOTEQUAL", SOTTO_S_FALSE }, { "", "2 3 OP_ADD 5 OP_EQUAL", SOTTO_OK }, { "", "2 3 OP_SUB -1 OP_EQUAL", SOTTO_OK },
         { "", "2147483647 OP_DUP OP_ADD 4294967294 OP_EQUAL", SOTTO_OK }, { "", "-2147483647 2147483647 OP_SUB -4294967294 OP_EQUAL", SOTTO_OK },
         { "", "2147483647 OP_1ADD OP_1ADD", SOTTO_S_NUMBER },
         { "", "1 2 OP_BOOLAND", SOTTO_OK }, { "", "1 0 OP_BOOLAND", SOTTO_S_FALSE }, { "", "0 2 OP_BOOLOR 1 OP_EQUAL", SOTTO_OK },
         { "", "0 0 OP_BOOLOR", SOTTO_S_FALSE },
         { "", "3 3 OP_NUMEQUAL", SOTTO_OK }, { "", "3 4 OP_NUMEQUAL", SOTTO_S_FALSE }, { "", "1 3 3 OP_NUMEQUALVERIFY", SOTTO_OK },
         { "", "1 3 4 OP_NUMEQUALVERIFY", SOTTO_S_VERIFY },
         { "", "3 4 OP_NUMNOTEQUAL", SOTTO_OK }, { "", "3 3 OP_NUMNOTEQUAL", SOTTO_S_FALSE }, { "", "3 4 OP_LESSTHAN", SOTTO_OK },
         { "", "4 4 OP_LESSTHAN", SOTTO_S_FALSE },
         { "", "4 3 OP_GREATERTHAN", SOTTO_OK }, { "", "4 4 OP_GREATERTHAN", SOTTO_S_FALSE }, { "", "4 4 OP_LESSTHANOREQUAL", SOTTO_OK },
         { "", "5 4 OP_LESSTHANOREQUAL", SOTTO_S_FALSE },
         { "", "4 4 OP_GREATERTHANOREQUAL", SOTTO_OK }, { "", "3 4 OP_GREATERTHANOREQUAL", SOTTO_S_FALSE },
         { "", "-3 4 OP_MIN -3 OP_EQUAL", SOTTO_OK }, { "", "-3 4 OP_MAX 4 OP_EQUAL", SOTTO_OK },
         { "", "3 3 5 OP_WITHIN", SOTTO_OK }, { "", "5 3 5 OP_WITHIN", SOTTO_S_FALSE }, { "", "2 3 5 OP_WITHIN", SOTTO_S_FALSE });
    for (unsigned op = SOTTO_OPCODE_1ADD; op <= SOTTO_OPCODE_WITHIN; op++) {
        if (!sotto_opcode_known((uint8_t)op)) continue;
        const char *name = sotto_opcode_name((uint8_t)op), *need = op == SOTTO_OPCODE_WITHIN ? "1 1" : op > SOTTO_OPCODE_0NOTEQUAL ? "1" : "";
        char text[96];
        snprintf(text, sizeof text, "%s %s", need, name);
        ROWS({ "", text, SOTTO_S_STACK });
        snprintf(text, sizeof text, "1 1 <80> %s", name);                 /* not minimal */
        ROWS({ "", text, SOTTO_S_NUMBER });
        snprintf(text, sizeof text, "1 1 2147483648 %s", name);           /* five bytes */
        ROWS({ "", text, SOTTO_S_NUMBER });
        snprintf(text, sizeof text, "<00> %s %s", need, name);            /* the lowest operand */
        ROWS({ "", text, SOTTO_S_NUMBER });
    }
}

static void test_hashes(void **state)
{
    (void)state;
    ROWS({ "", "<616263> OP_RIPEMD160 <8eb208f7e05d987a9b044a8e98c6b087f15a0bfc> OP_EQUAL", SOTTO_OK },
         { "", "<616263> OP_SHA1 <a9993e364706816aba3e25717850c26c9cd0d89d> OP_EQUAL", SOTTO_OK },
         { "", "<616263> OP_SHA256 <ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad> OP_EQUAL", SOTTO_OK },
         { "", "0 OP_HASH160 <b472a266d0bd89c13706a4132ccfb16f7c3b9fcb> OP_EQUAL", SOTTO_OK },
         { "", "<68656c6c6f> OP_HASH256 <9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50> OP_EQUAL", SOTTO_OK },
         { "", "OP_RIPEMD160", SOTTO_S_STACK }, { "", "OP_SHA1", SOTTO_S_STACK }, { "", "OP_SHA256", SOTTO_S_STACK },
         { "", "OP_HASH160", SOTTO_S_STACK },
         { "", "OP_HASH256", SOTTO_S_STACK });
}

/* Strict DER of r = 1, s = the byte that the plain checker compares, and a type. */
#define SIG(s, type) "<30060201010201" s type ">"
#define KEY(last) "<02000000000000000000000000000000000000000000000000000000000000" "00" last ">"

static void test_signatures(void **state)
{
    (void)state;
    ROWS({ SIG("07", "01") " " KEY("07"), "OP_CHECKSIG", SOTTO_OK }, { SIG("07", "83") " " KEY("07"), "OP_CHECKSIG", SOTTO_S_SINGLE },
         { SIG("07", "01") " " KEY("08"), "OP_CHECKSIG", SOTTO_S_SIGNATURE },
         { "0 " KEY("08"), "OP_CHECKSIG", SOTTO_S_FALSE }, { "0 " KEY("08"), "OP_CHECKSIG OP_NOT", SOTTO_OK },
         { SIG("07", "01") " " KEY("07"), "OP_CHECKSIGVERIFY 1", SOTTO_OK },
         { "0 " KEY("08"), "OP_CHECKSIGVERIFY 1", SOTTO_S_VERIFY }, { KEY("07"), "OP_CHECKSIG", SOTTO_S_STACK },
         { "", "OP_CHECKSIGVERIFY", SOTTO_S_STACK },
         /* form before type before key before the signature */
         { "<3006020101020107> 0", "OP_CHECKSIG", SOTTO_S_SIG_FORM }, { "1 0", "OP_CHECKSIG", SOTTO_S_SIG_FORM },
         { SIG("07", "00") " 0", "OP_CHECKSIG", SOTTO_S_HASHTYPE },
         { SIG("07", "04") " 0", "OP_CHECKSIG", SOTTO_S_HASHTYPE }, { SIG("07", "80") " 0", "OP_CHECKSIG", SOTTO_S_HASHTYPE }, { SIG("07", "84") " 0", "OP_CHECKSIG", SOTTO_S_HASHTYPE },
         { SIG("07", "c1") " 0", "OP_CHECKSIG", SOTTO_S_HASHTYPE }, { SIG("07", "01") " 0", "OP_CHECKSIG", SOTTO_S_KEY_FORM }, { "0 0", "OP_CHECKSIG", SOTTO_S_KEY_FORM },
         { "0 <04000000000000000000000000000000000000000000000000000000000000000007>", "OP_CHECKSIG", SOTTO_S_KEY_FORM },
         { "<3026020101022100ffffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a101> " KEY("07"), "OP_CHECKSIG", SOTTO_S_SIG_FORM },
         { "<302502010102207fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a101> " KEY("a1"), "OP_CHECKSIG", SOTTO_S_SIG_FORM },
         { "<302502010102207fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a001> " KEY("a0"), "OP_CHECKSIG", SOTTO_OK });
    ROWS({ "0", "0 0 OP_CHECKMULTISIG", SOTTO_OK }, { "0", "0 0 OP_CHECKMULTISIGVERIFY 1", SOTTO_OK },
         { "0 " SIG("01", "01") " " SIG("03", "01"), "2 " KEY("01") " " KEY("02") " " KEY("03") " 3 OP_CHECKMULTISIG", SOTTO_OK },
         { "0 " SIG("03", "01") " " SIG("01", "01"), "2 " KEY("01") " " KEY("02") " " KEY("03") " 3 OP_CHECKMULTISIG", SOTTO_S_SIGNATURE },
         { "0 " SIG("03", "01") " " SIG("01", "01"), "2 " KEY("01") " " KEY("02") " " KEY("03") " 3 OP_CHECKMULTISIGVERIFY 1", SOTTO_S_SIGNATURE },
         { "0 0 0", "2 " KEY("01") " " KEY("02") " 2 OP_CHECKMULTISIG OP_NOT", SOTTO_OK },
         { "0 0 0", "2 " KEY("01") " " KEY("02") " 2 OP_CHECKMULTISIGVERIFY 1", SOTTO_S_VERIFY },
         { "0 0 " SIG("02", "01"), "2 " KEY("01") " " KEY("02") " 2 OP_CHECKMULTISIG OP_NOT", SOTTO_S_SIGNATURE },
         { "1 1", "1 " KEY("01") " 1 OP_CHECKMULTISIG", SOTTO_S_DUMMY }, { "0 1", "1 " KEY("01") " 1 OP_CHECKMULTISIG", SOTTO_S_SIG_FORM },
         { "0 " SIG("01", "04"), "1 " KEY("01") " 1 OP_CHECKMULTISIG", SOTTO_S_HASHTYPE },
         { "0 " SIG("01", "01"), "1 0 1 OP_CHECKMULTISIG", SOTTO_S_KEY_FORM },
         { "0 " SIG("01", "83"), "1 " KEY("01") " 1 OP_CHECKMULTISIG", SOTTO_S_SINGLE },
         { "", "OP_CHECKMULTISIG", SOTTO_S_STACK }, { "", "1 OP_CHECKMULTISIG", SOTTO_S_STACK }, { "", "1 1 OP_CHECKMULTISIG", SOTTO_S_STACK },
         { "", "1 0 1 OP_CHECKMULTISIG", SOTTO_S_STACK },
         { "", "0 0 OP_CHECKMULTISIG", SOTTO_S_STACK }, { "", "21 OP_CHECKMULTISIG", SOTTO_S_NUMBER },
         { "", "-1 OP_CHECKMULTISIG", SOTTO_S_NUMBER }, { "", "<00> OP_CHECKMULTISIG", SOTTO_S_NUMBER },
         { "", "2 0 1 OP_CHECKMULTISIG", SOTTO_S_NUMBER }, { "", "-1 0 1 OP_CHECKMULTISIG", SOTTO_S_NUMBER },
         { "", "<80> 0 1 OP_CHECKMULTISIG", SOTTO_S_NUMBER });
    /* keys that no signature is left for are not looked at, nor asked about */
    sigs_asked = 0;
    ROWS({ "0 " SIG("03", "01"), "1 0 " KEY("03") " 2 OP_CHECKMULTISIG", SOTTO_OK });
    assert_int_equal(sigs_asked, 1);
}

static void test_address(void **state)
{
    (void)state;
    ROWS({ "<aa>", "OP_DUP OP_HASH160 <0000000000000000000000000000000000000000> OP_EQUALVERIFY", SOTTO_S_ADDRESS },
         { "<aa>", "OP_HASH160 1 OP_IF <0000000000000000000000000000000000000000> OP_ELSE OP_ENDIF OP_EQUALVERIFY", SOTTO_S_ADDRESS },
         { "<aa>", "OP_HASH160 0 OP_IF OP_SHA256 OP_ENDIF 5 OP_EQUALVERIFY", SOTTO_S_ADDRESS },
         { "<aa>", "OP_HASH160 OP_NOP 5 OP_EQUALVERIFY", SOTTO_S_VERIFY },
         { "<aa>", "OP_HASH256 5 OP_EQUALVERIFY", SOTTO_S_VERIFY }, { "<aa>", "0 OP_IF OP_HASH160 OP_ENDIF 5 OP_EQUALVERIFY", SOTTO_S_VERIFY },
         { "<aa>", "OP_HASH160 5 OP_EQUAL OP_VERIFY 1", SOTTO_S_VERIFY });
}

static void test_locks(void **state)
{
    (void)state;
    ROWS({ "", "100 OP_CHECKLOCKTIMEVERIFY", SOTTO_OK }, { "", "0 OP_CHECKLOCKTIMEVERIFY 1 OP_NIP", SOTTO_OK },
         { "", "101 OP_CHECKLOCKTIMEVERIFY", SOTTO_S_LOCK },
         { "", "500000000 OP_CHECKLOCKTIMEVERIFY", SOTTO_S_LOCK }, { "", "-1 OP_CHECKLOCKTIMEVERIFY", SOTTO_S_LOCK },
         { "", "OP_CHECKLOCKTIMEVERIFY", SOTTO_S_STACK },
         { "", "<6400> OP_CHECKLOCKTIMEVERIFY", SOTTO_S_NUMBER }, { "", "549755813887 OP_CHECKLOCKTIMEVERIFY", SOTTO_S_LOCK },
         { "", "<ffffffffff01> OP_CHECKLOCKTIMEVERIFY", SOTTO_S_NUMBER },
         { "", "10 OP_CHECKSEQUENCEVERIFY", SOTTO_OK }, { "", "11 OP_CHECKSEQUENCEVERIFY", SOTTO_S_LOCK },
         { "", "4194314 OP_CHECKSEQUENCEVERIFY", SOTTO_S_LOCK },
         { "", "2147483648 OP_CHECKSEQUENCEVERIFY", SOTTO_OK }, { "", "2151678010 OP_CHECKSEQUENCEVERIFY", SOTTO_OK },
         { "", "65546 OP_CHECKSEQUENCEVERIFY", SOTTO_OK },
         { "", "4294967296 OP_CHECKSEQUENCEVERIFY", SOTTO_OK }, { "", "-1 OP_CHECKSEQUENCEVERIFY", SOTTO_S_LOCK },
         { "", "OP_CHECKSEQUENCEVERIFY", SOTTO_S_STACK },
         { "", "<0a00> OP_CHECKSEQUENCEVERIFY", SOTTO_S_NUMBER }, { "", "<ffffffffff01> OP_CHECKSEQUENCEVERIFY", SOTTO_S_NUMBER });
    assert_true(sotto_lock_reached(500000000, 500000000, 0) && !sotto_lock_reached(499999999, 500000000, 0) && !sotto_lock_reached(1, 2, 0xffffffff));
    assert_true(sotto_sequence_reached(0x400005, 0x400005) && !sotto_sequence_reached(0x400006, 0x400005) && !sotto_sequence_reached(5, 0x80000005));
}

static void test_exponent(void **state)
{
    (void)state;
    ROWS({ "", "5 3 7 OP_EXPONENT 6 OP_EQUAL", SOTTO_OK }, { "", "0 0 3 OP_EXPONENT", SOTTO_OK }, { "", "0 1 3 OP_EXPONENT 0 OP_EQUAL", SOTTO_OK },
         { "", "3 7 OP_EXPONENT", SOTTO_S_STACK },
         { "", "<00> 0 2 OP_EXPONENT", SOTTO_S_EXP_MINIMAL }, { "", "5 <0003> 7 OP_EXPONENT", SOTTO_S_EXP_MINIMAL },
         { "", "5 3 <0007> OP_EXPONENT", SOTTO_S_EXP_MINIMAL },
         { "", "5 3 0 OP_EXPONENT", SOTTO_S_EXP_MODULUS }, { "", "0 3 1 OP_EXPONENT", SOTTO_S_EXP_MODULUS },
         { "", "5 3 8 OP_EXPONENT", SOTTO_S_EXP_MODULUS }, { "", "0 3 2 OP_EXPONENT", SOTTO_S_EXP_MODULUS },
         { "", "7 3 7 OP_EXPONENT", SOTTO_S_EXP_BASE }, { "", "<0101> 3 7 OP_EXPONENT", SOTTO_S_EXP_BASE },
         { "", "8 0 7 OP_EXPONENT", SOTTO_S_EXP_BASE });
    char text[4 * 520 + 64] = "<";
    for (int i = 0; i < 513; i++) strcat(text, "01");
    struct { const char *behind; enum sotto_err err; } rows[] = { { "> 3 7 OP_EXPONENT", SOTTO_S_EXP_SIZE }, { "> <00> 7 OP_EXPONENT", SOTTO_S_EXP_SIZE } };
    size_t size = strlen(text);
    for (size_t i = 0; i < 2; i++) {               /* the size of the base before the form of the others */
        strcpy(text + size, rows[i].behind);
        ROWS({ "", text, rows[i].err });
    }
}

/* The precompiled contract of the EVM for the same powers: its public rows. */
static struct sotto_span number_of(uint8_t room[520], const json_t *row, const char *name)
{
    struct sotto_span hex = sotto_span_str(json_string_value(json_object_get(row, name)));
    assert_true(hex.size / 2 <= 512);
    assert_int_equal(sotto_unhex(room, hex.size / 2, hex), SOTTO_OK);
    return sotto_span(room, hex.size / 2);
}

static void test_evm(void **state)
{
    (void)state;
    json_t *root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/modexp.json", JSON_REJECT_DUPLICATES, NULL);
    const json_t *row;
    size_t i;
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "tests"), i, row) {
        static const char *const names[] = { "base", "exp", "mod", "result" };
        uint8_t room[520];
        uint64_t units = 0;
        struct sotto_buf u = sotto_buf_make(SOTTO_SCRIPT_MAX), o = sotto_buf_make(SOTTO_SCRIPT_MAX);
        for (int n = 0; n < 3; n++) assert_int_equal(sotto_script_push(&u, number_of(room, row, names[n])), SOTTO_OK);
        assert_int_equal(sotto_buf_add_u8(&o, SOTTO_OPCODE_EXPONENT), SOTTO_OK);
        assert_int_equal(sotto_script_push(&o, number_of(room, row, names[3])), SOTTO_OK);
        assert_int_equal(sotto_buf_add_u8(&o, SOTTO_OPCODE_EQUAL), SOTTO_OK);
        enum sotto_err err = sotto_script_run(machine, &units, sotto_buf_span(&u), sotto_buf_span(&o), &plain, SOTTO_SCRIPT_UNITS_MAX, NULL);
        if (err != SOTTO_OK) fail_msg("%s: %s", json_string_value(json_object_get(row, "name")), sotto_err_name(err));
        sotto_buf_free(&u);
        sotto_buf_free(&o);
    }
    assert_int_equal(i, 14);
    json_decref(root);
}

/* ---- limits and prices ---- */

static struct sotto_buf repeated(uint8_t op, size_t count)
{
    struct sotto_buf b = sotto_buf_make(2 * SOTTO_SCRIPT_MAX);
    for (size_t i = 0; i < count; i++) assert_int_equal(sotto_buf_add_u8(&b, op), SOTTO_OK);
    return b;
}

static enum sotto_err run_bytes(struct sotto_buf *unlock, struct sotto_buf *output, uint64_t limit)
{
    uint64_t units;
    enum sotto_err err = sotto_script_run(machine, &units, sotto_buf_span(unlock), sotto_buf_span(output), &plain, limit, NULL);
    sotto_buf_free(unlock);
    sotto_buf_free(output);
    return err;
}

static void test_limits(void **state)
{
    (void)state;
    const uint64_t limit = SOTTO_SCRIPT_UNITS_MAX;
    struct sotto_buf u = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_STACK_MAX), o = repeated(SOTTO_OPCODE_NOP, 1);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_CLEAN);
    u = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_STACK_MAX + 1), o = repeated(SOTTO_OPCODE_NOP, 1);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_STACK);
    u = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_STACK_MAX - 1), o = repeated(SOTTO_OPCODE_3DUP, 1);       /* three at once */
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_STACK);
    u = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_STACK_MAX), o = assembled("OP_TOALTSTACK OP_TOALTSTACK OP_3DUP");       /* both stacks count */
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_STACK);
    u = repeated(SOTTO_OPCODE_1, 1), o = repeated(SOTTO_OPCODE_NOP, SOTTO_SCRIPT_OPS_MAX);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_OK);
    u = repeated(SOTTO_OPCODE_1, 1), o = repeated(SOTTO_OPCODE_NOP, SOTTO_SCRIPT_OPS_MAX + 1);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_OPS);
    u = repeated(SOTTO_OPCODE_1, 1), o = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_MAX + 1);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_E_LIMIT);
    u = repeated(SOTTO_OPCODE_1, SOTTO_SCRIPT_MAX + 1), o = repeated(SOTTO_OPCODE_1, 1);
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_E_LIMIT);
    for (unsigned extra = 0; extra < 2; extra++) {         /* the longest element */
        uint8_t element[SOTTO_SCRIPT_ELEMENT_MAX + 1];
        memset(element, 1, sizeof element);
        u = sotto_buf_make(2 * SOTTO_SCRIPT_MAX), o = repeated(SOTTO_OPCODE_NOP, 1);
        assert_int_equal(sotto_script_push(&u, sotto_span(element, SOTTO_SCRIPT_ELEMENT_MAX + extra)), SOTTO_OK);
        assert_int_equal(run_bytes(&u, &o, limit), extra ? SOTTO_S_ELEMENT : SOTTO_OK);
    }
    /* as many long results as opcodes allow: 67 times 3DUP EXPONENT DROP */
    uint8_t base[512], mod[512];
    memset(base, 0xff, sizeof base);
    memset(mod, 0xff, sizeof mod);
    base[511] = 0xfd;
    u = sotto_buf_make(2 * SOTTO_SCRIPT_MAX), o = sotto_buf_make(2 * SOTTO_SCRIPT_MAX);
    const struct sotto_span operands[] = { SOTTO_SPAN(base), sotto_span(mod, 1), SOTTO_SPAN(mod) };
    for (int i = 0; i < 3; i++) assert_int_equal(sotto_script_push(&u, operands[i]), SOTTO_OK);
    for (int i = 0; i < 67; i++) {
        assert_int_equal(sotto_buf_add_u16(&o, SOTTO_OPCODE_3DUP << 8 | SOTTO_OPCODE_EXPONENT), SOTTO_OK);
        assert_int_equal(sotto_buf_add_u8(&o, SOTTO_OPCODE_DROP), SOTTO_OK);
    }
    assert_int_equal(run_bytes(&u, &o, limit), SOTTO_S_CLEAN);
}

static void test_cost(void **state)
{
    (void)state;
    static const struct { const char *unlock, *output; uint64_t units; } rows[] = {
        { "", "1", 1 }, { "1", "OP_NOP", 2 }, { "", "1 0 OP_IF OP_NOP 5 OP_NOP OP_ENDIF", 7 }, { "", "0 OP_SHA256 OP_SIZE OP_NIP", 4 }, { "", "<aa> OP_SHA256", 3 },
        { "", "0 OP_IF OP_SHA256 OP_CHECKSIG OP_ENDIF 1", 6 },
        { "0 " KEY("08"), "OP_CHECKSIG OP_NOT", 44 }, { "0 " KEY("08"), "OP_CHECKSIGVERIFY", 0 }, { "0", "0 0 OP_CHECKMULTISIG", 4 },
        { "0 " SIG("01", "01"), "1 " KEY("01") " " KEY("02") " 2 OP_CHECKMULTISIG", 87 }, { "", "5 3 7 OP_EXPONENT", 15 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t units = 0;
        enum sotto_err err = run_text(&units, rows[i].unlock, rows[i].output, SOTTO_SCRIPT_UNITS_MAX);
        if (rows[i].units == 0) {
            assert_int_equal(err, SOTTO_S_VERIFY);
            assert_int_equal(units, 0);            /* outputs are written on success only */
            continue;
        }
        if (err != SOTTO_OK || units != rows[i].units) fail_msg("%s: %s, %llu units", rows[i].output, sotto_err_name(err), (unsigned long long)units);
        assert_int_equal(run_text(&units, rows[i].unlock, rows[i].output, rows[i].units), SOTTO_OK);
        for (uint64_t less = 0; less < rows[i].units; less++) assert_int_equal(run_text(&units, rows[i].unlock, rows[i].output, less), SOTTO_S_COST);
    }
    sigs_asked = 0;                                /* before the work: nobody was asked */
    uint64_t units;
    assert_int_equal(run_text(&units, SIG("07", "01") " " KEY("07"), "OP_CHECKSIG", 42), SOTTO_S_COST);
    assert_int_equal(run_text(&units, "0 " SIG("01", "01"), "1 " KEY("01") " 1 OP_CHECKMULTISIG", 45), SOTTO_S_COST);
    assert_int_equal(sigs_asked, 0);
}

/* Every refusal of the machine is one of the ledger's, and has Bitcoin's word. */
static void test_faults(void **state)
{
    (void)state;
    for (unsigned f = 0; f < SOTTO_FAULT_COUNT; f++) {
        enum sotto_err err = sotto_script_err((enum sotto_script_fault)f);
        assert_true(f == SOTTO_FAULT_NONE ? err == SOTTO_OK : f == SOTTO_FAULT_NOMEM ? err == SOTTO_ERR_NOMEM : sotto_ledger_refusal(err));
        assert_true(strlen(sotto_script_fault_word((enum sotto_script_fault)f)) > 0);
    }
}

/* The same machine for one script after the other, in any order: each gives what it gives alone. */
static void test_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        uint64_t units = 0;
        assert_int_equal(run_text(&units, "1 2 3", "OP_TOALTSTACK 1 OP_IF 0 OP_IF", 40000), SOTTO_S_IF);
        assert_int_equal(run_text(&units, "", "OP_DEPTH 0 OP_EQUAL", 40000), SOTTO_OK);
        assert_int_equal(run_text(&units, "", "OP_FROMALTSTACK", 40000), SOTTO_S_STACK);
        assert_int_equal(run_text(&units, "<aa>", "OP_HASH160 5 OP_EQUALVERIFY", 40000), SOTTO_S_ADDRESS);
        assert_int_equal(run_text(&units, "5", "6 OP_EQUALVERIFY", 40000), SOTTO_S_VERIFY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form), cmocka_unit_test(test_flow), cmocka_unit_test(test_stack), cmocka_unit_test(test_numbers), cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_address), cmocka_unit_test(test_locks), cmocka_unit_test(test_exponent),
        cmocka_unit_test(test_evm),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_cost), cmocka_unit_test(test_faults), cmocka_unit_test(test_again),
    };
    if (sotto_crypto_init() != SOTTO_OK || sotto_script_new(&machine) != SOTTO_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sotto_script_free(machine);
    return failed;
}
