/* The own clock against the peers' envelopes (network.md 5, Clock).
 *
 * A peer votes "your clock is ahead" when over half of its envelopes of the last 5 minutes had expired by our clock, and
 * "behind" when over half came from our future, both by more than Whisper tolerates. The clock is taken for wrong when at
 * least three outbound peers, and more than half of all outbound peers heard, vote the same. One vote a peer: otherwise one
 * hostile neighbour could stop our sending with a burst of worthless envelopes. */
#ifndef SOTTO_WHISPER_CLOCK_H
#define SOTTO_WHISPER_CLOCK_H

#include "base/bytes.h"

#define SOTTO_CLOCK_PARTS 5u                      /* minutes looked back on */
#define SOTTO_CLOCK_PART_US 60000000u
#define SOTTO_CLOCK_PEERS_MIN 3u
#define SOTTO_CLOCK_TOLERANCE_MAX_S 120           /* most that is ever added to the tolerance */
#define SOTTO_CLOCK_OLD_S 20u                     /* Whisper's tolerance into the past; into the future it is 10 s */

/* What one outbound peer sent: a ring of minutes. Zeroed = nothing. */
struct sotto_clock_part { uint64_t minute; uint32_t total, ahead, behind, ahead_s, behind_s; };      /* _s: the largest seen */
struct sotto_clock_peer { struct sotto_clock_part parts[SOTTO_CLOCK_PARTS]; };

/* Counts one well-formed envelope by the uncorrected clock. */
void sotto_clock_count(struct sotto_clock_peer *c, uint32_t sent, uint32_t expiry, uint32_t now_s, uint64_t mono_us);
/* The peer's vote: seconds ahead (> 0) or behind (< 0), 0 = in step. *heard: it sent anything at all. */
int sotto_clock_vote(const struct sotto_clock_peer *c, bool *heard, uint64_t mono_us);
/* The verdict over the votes of `heard` peers, of which votes[] (count, reordered) are not 0. */
int sotto_clock_verdict(int *votes, unsigned count, unsigned heard);

#endif
