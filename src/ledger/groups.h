/* The named groups of key negotiation (ledger.md 12): integers modulo a prime p of RFC 7919, with g = 2, which generates the subgroup of the
 * prime order q = (p - 1) / 2. Numbers are big-endian, of full length. Threads: constants. */
#ifndef SOTTO_LEDGER_GROUPS_H
#define SOTTO_LEDGER_GROUPS_H

#include "base/bytes.h"

enum sotto_group { SOTTO_GROUP_2048 = 2, SOTTO_GROUP_3072 = 3 };        /* also the number of their suite */
#define SOTTO_GROUP_MAX 384                        /* bytes of the longest p */

bool sotto_group_known(unsigned group);
struct sotto_span sotto_group_p(enum sotto_group group);
/* q, as long as p; its highest bit is 0, its first byte is not. Returns the size. */
size_t sotto_group_q(uint8_t out[SOTTO_GROUP_MAX], enum sotto_group group);

#endif
