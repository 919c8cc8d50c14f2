/* Transactions that came before one whose coin they spend (ledger.md 7): kept for a while, each under the first outpoint that it misses. When a
 * transaction comes in, those that wait for it are taken out one by one and tried again, one a turn: what a sender puts here never becomes one
 * long piece of work.
 *
 * When it is full, the oldest of the source that holds most goes: one sender pushes out none but its own. Scripts and signatures were not looked
 * at yet. Memory: at most SOTTO_ORPHANS_MAX transactions. Threads: one owner. */
#ifndef SOTTO_LEDGER_ORPHANS_H
#define SOTTO_LEDGER_ORPHANS_H

#include "ledger/mempool.h"

#define SOTTO_ORPHANS_MAX 100u
#define SOTTO_ORPHAN_MS 600000u                   /* so long it waits */

struct sotto_orphans;
SOTTO_MUST_USE enum sotto_err sotto_orphans_new(struct sotto_orphans **out);
void sotto_orphans_free(struct sotto_orphans *o);

/* The first coin that full spends and neither the view nor the pool has. ERR_MISSING: there is none; errors of sotto_tx_decode. */
SOTTO_MUST_USE enum sotto_err sotto_orphans_missing(struct sotto_outpoint *out, const struct sotto_mempool *p, const struct sotto_view *view, struct sotto_span full);
/* Takes a copy. full: at most SOTTO_TX_SIZE_MAX bytes (T_SIZE). at: what it misses. source: any number that stays with its sender.
 * ERR_EXISTS: these bytes wait already. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_orphans_add(struct sotto_orphans *o, struct sotto_span full, const struct sotto_outpoint *at, uint64_t source, uint64_t now_ms);
/* Takes out one that waits for a coin of this transaction, appended to out, and says who brought it. ERR_MISSING: none does; ERR_NOMEM, ERR_FULL
 * (out is bounded below SOTTO_TX_SIZE_MAX): it stays. */
SOTTO_MUST_USE enum sotto_err sotto_orphans_take(struct sotto_orphans *o, struct sotto_buf *out, uint64_t *source, const uint8_t txid[32]);
/* Drops those that waited too long. */
void sotto_orphans_tick(struct sotto_orphans *o, uint64_t now_ms);
/* Drops those of one sender: it was dropped, or is gone. */
void sotto_orphans_forget(struct sotto_orphans *o, uint64_t source);
uint32_t sotto_orphans_count(const struct sotto_orphans *o);

#endif
