/* Where the fields of M1 and M2 lie (messaging.md 3.1), shared by the files of hello.h and by nobody else. */
#ifndef SOTTO_IDENTITY_HELLO_LAYOUT_H
#define SOTTO_IDENTITY_HELLO_LAYOUT_H

#include "identity/hello.h"

enum {
    HELLO_VERSION = 0, HELLO_STEP = 1, HELLO_SUITE = 2, HELLO_FLAGS = 3, HELLO_FROM = 4, HELLO_TO = 24, HELLO_TIME = 44, HELLO_NONCE = 52,
    HELLO_ECHO = 84, HELLO_SHARE = 116, HELLO_EPH = 148, HELLO_MK_ID = 181, HELLO_HEIGHT = 213, HELLO_BLOCK8 = 221, HELLO_PUZZLE = 229,
    HELLO_SCAN = 237, HELLO_CERT_SIZE = 270, HELLO_HEAD = 272, HELLO_INTRO_SIZE = 272, HELLO_AREA = 274, HELLO_CONFIRM = 859
};
_Static_assert(HELLO_AREA + SOTTO_HELLO_AREA == HELLO_CONFIRM && HELLO_CONFIRM + 32 + 65 == SOTTO_HELLO_SIZE, "long form");
_Static_assert(HELLO_AREA + SOTTO_HELLO_SHORT_AREA + 65 == SOTTO_HELLO_SHORT, "short form");

/* Fills all but confirm and signature; h->step, puzzle and echo count. ERR_RANGE, ERR_KEY; pt may be half-written then. */
SOTTO_MUST_USE enum sotto_err sotto_hello_layout_write(uint8_t *pt, size_t size, const struct sotto_hello *h);
/* Certificate, ID and ledger of the sender: fills cert, xkey and the ID that must have signed. */
SOTTO_MUST_USE enum sotto_err sotto_hello_sender(struct sotto_hello_seen *s, struct sotto_id *owner, const struct sotto_hello_ctx *ctx);
/* ERR_SIG_FORM, ERR_HELLO_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_hello_signer(struct sotto_point *out, const uint8_t *pt, const struct sotto_sig65 *sig, const uint8_t transcript[32]);

#endif
