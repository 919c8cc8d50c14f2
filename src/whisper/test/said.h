/* For the tests of what callers of shh_* are told. */
#ifndef SOTTO_WHISPER_TEST_SAID_H
#define SOTTO_WHISPER_TEST_SAID_H

#include "support/test.h"
#include "whisper/refusal.h"

static inline void assert_said(struct sotto_shh_refusal r, const char *text)
{
    struct sotto_buf b = sotto_buf_make(4096);
    assert_int_equal(sotto_shh_refusal_text(&b, &r), SOTTO_OK);
    assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
    assert_string_equal((char *)b.data, text);
    sotto_buf_free(&b);
}

#endif
