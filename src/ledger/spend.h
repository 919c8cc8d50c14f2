/* May an input spend its coin? The checker of profile `chain`: what the script machine asks about signatures and time, answered from a
 * transaction (ledger.md 2.4, 3; BIP-65 and BIP-112 without their condition on the version).
 *
 * Threads: as the machine; the prepared hashes are only read. */
#ifndef SOTTO_LEDGER_SPEND_H
#define SOTTO_LEDGER_SPEND_H

#include "ledger/script.h"
#include "ledger/sighash.h"

/* index < in_count of the transaction s was prepared for. *units, limit, watch and what is returned: as sotto_script_run. The limit is of the
 * whole transaction: give what the inputs before have left of SOTTO_SCRIPT_UNITS_MAX. */
SOTTO_MUST_USE enum sotto_err sotto_spend_check(struct sotto_script *m, uint64_t *units, const struct sotto_sighash *s, uint32_t index,
                                                uint64_t limit, const struct sotto_script_watch *watch);

/* The two time locks, for any lock and sequence: is n reached? n as the script says it; of a sequence with its bit 31 off. */
bool sotto_lock_reached(uint64_t n, uint32_t lock, uint32_t sequence);
bool sotto_sequence_reached(uint64_t n, uint32_t sequence);

#endif
