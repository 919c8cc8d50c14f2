/* Filters beside the slowest matcher that does the same: a list, each filter opening each envelope by itself. For property test and fuzzing. */
#ifndef SOTTO_WHISPER_TEST_FILTER_MODEL_H
#define SOTTO_WHISPER_TEST_FILTER_MODEL_H

#include "support/fuzz_input.h"

/* Runs a sequence of additions, removals, envelopes and fetches. NULL, or the rule that was broken. */
const char *filter_model_run(struct fuzz_in *in);
/* How much the sequences so far did: a test that matched nothing has shown nothing. */
struct filter_model_done { uint64_t added, shown, matched, taken, dropped, again; };
extern struct filter_model_done filter_model_done;

#endif
