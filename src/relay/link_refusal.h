/* What a refusal costs who caused it (network.md 1, table of errors). Pure. */
#ifndef SOTTO_RELAY_LINK_REFUSAL_H
#define SOTTO_RELAY_LINK_REFUSAL_H

#include "p2p/host.h"

struct sotto_rl_penalty { enum sotto_reason reason; int score; };

/* Of a link that ends with err. Our own want (memory, the shared budget) ends it as one peer too many, without a score. */
struct sotto_rl_penalty sotto_rl_penalty(enum sotto_err err);
/* Of an envelope that came on a link and is dropped; the link goes on. */
int sotto_rl_envelope_score(enum sotto_err err);

#endif
