/* Any text as an enode address: what is accepted has one written form, and that form reads back to itself. The fuzzer's bytes also
 * stand in for the host and port behind a good key, so that the address readers are reached. */
#include "support/fuzz_input.h"

#include "p2p/host.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char key_part[] = "enode://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a6855419"
                               "9c47d08ffb10d4b8@";

static void check(struct sotto_span in)
{
    struct sotto_enode e, again;
    memset(&e, 0xa5, sizeof e);
    if (fuzz_err(sotto_enode_parse(&e, in)) != SOTTO_OK) {
        for (size_t i = 0; i < sizeof e; i++) SOTTO_ASSERT(((uint8_t *)&e)[i] == 0xa5);
        return;
    }
    char text[256], second[256], libc[64] = "", ours[64], form[64];
    SOTTO_ASSERT(e.addr.family == 4 || e.addr.family == 6);
    sotto_enode_text(text, &e);
    SOTTO_ASSERT(sotto_enode_parse(&again, sotto_span_str(text)) == SOTTO_OK);
    sotto_enode_text(second, &again);
    SOTTO_ASSERT(strcmp(text, second) == 0 && memcmp(e.key, again.key, 64) == 0 && sotto_addr_equal(&e.addr, &again.addr));
    /* the C library's form of the same address; it writes the last groups of some IPv6 addresses as IPv4, we never do */
    SOTTO_ASSERT(inet_ntop(e.addr.family == 4 ? AF_INET : AF_INET6, e.addr.ip, libc, sizeof libc));
    sotto_addr_text(ours, &e.addr);
    snprintf(form, sizeof form, e.addr.family == 4 ? "%s:%u" : "[%s]:%u", libc, e.addr.port);
    if (e.addr.family == 4 || !strchr(libc, '.')) SOTTO_ASSERT(strcmp(ours, form) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_buf whole = sotto_buf_make(8192);
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    check(sotto_span(data, size));
    if (sotto_buf_add(&whole, key_part, sizeof key_part - 1) == SOTTO_OK && sotto_buf_add(&whole, data, size) == SOTTO_OK) check(sotto_buf_span(&whole));
    sotto_buf_free(&whole);
    return 0;
}
