/* What a fuzz target includes: its entry point. One target per decoder; it must return 0 for any bytes. */
#ifndef SOTTO_TESTS_SUPPORT_FUZZ_H
#define SOTTO_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
