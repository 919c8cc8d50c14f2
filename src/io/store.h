/* The database of a node: DIR/messages.db, SQLite with sealed values (experience.md 5, messaging.md 1.2).
 *
 * What is in a value is the caller's: it arrives sealed (crypto/vault.h) and leaves sealed. Row numbers, times, states and chat
 * keys are in the clear: they are what lists are made of. WAL, synchronous = FULL: after sotto_store_commit returned OK the change
 * survives a power cut. secure_delete: what is deleted is overwritten.
 *
 * Outside begin..commit every call is its own durable transaction. After an error inside begin..commit the transaction is still
 * open: roll back. Spans given to callbacks are borrowed for the call; a callback may read from the store, not write.
 *
 * Errors of every call: ERR_DISK_FULL (nothing was lost: writing stopped before), ERR_DAMAGED (also for a place that the disk cannot
 * read: SQLite makes no difference), ERR_IO, ERR_NOMEM; ERR_RANGE for
 * a number above 2^63 - 1 or a value above SOTTO_STORE_VALUE_MAX. Threads: one. */
#ifndef SOTTO_IO_STORE_H
#define SOTTO_IO_STORE_H

#include "base/env.h"

struct sotto_store;

#define SOTTO_STORE_FORMAT 1u                   /* PRAGMA user_version; raised with every change of the tables */
#define SOTTO_STORE_APP_ID 0x536f7474           /* "Sott" */
#define SOTTO_STORE_VALUE_MAX (16u << 20)       /* of one value: the largest session and text are far below */
#define SOTTO_STORE_KEY_MAX 64u                 /* chat, request and setting keys, names of tables and meta values */

struct sotto_store_open_info {
    bool created;                               /* there was no database */
    bool unclean;                               /* the last process did not close it; the quick check passed */
    uint32_t format;                            /* on ERR_NEWER: what was found */
};
/* Opens or makes dir/messages.db with mode 0600. The directory's lock must be held (io/file.h). info may be NULL.
 * ERR_NEWER (format above ours; nothing was changed), ERR_DAMAGED (not a database of ours, or the check failed),
 * ERR_MODE (others can read it), ERR_IN_USE (another process writes to it). */
SOTTO_MUST_USE enum sotto_err sotto_store_open(struct sotto_store **out, struct sotto_store_open_info *info, const char *dir);
/* Rolls back what is open, marks the end as clean, folds the WAL back. NULL is fine. */
void sotto_store_close(struct sotto_store *s);

SOTTO_MUST_USE enum sotto_err sotto_store_begin(struct sotto_store *s);              /* ERR_STATE: already begun */
SOTTO_MUST_USE enum sotto_err sotto_store_commit(struct sotto_store *s);             /* durable when OK; rolled back when not */
void sotto_store_rollback(struct sotto_store *s);                                    /* nothing begun: fine */
bool sotto_store_begun(const struct sotto_store *s);
uint64_t sotto_store_changes(const struct sotto_store *s);                           /* rows written since it was opened: rises with each */
/* Copies the WAL into the database and cuts it to nothing, so that wiped rows leave no copy there (vault lock, wipe). */
SOTTO_MUST_USE enum sotto_err sotto_store_wal_truncate(struct sotto_store *s);
/* The same after writing every page anew. secure_delete zeroes a row where it lies, but a page that was split or joined may keep an old copy
 * between its rows; here such copies end. Above SOTTO_STORE_COMPACT_MAX bytes only the WAL is cut. On failure nothing is lost. */
#define SOTTO_STORE_COMPACT_MAX (64u << 20)      /* rewritten in memory and on the loop: some 0.3 s */
SOTTO_MUST_USE enum sotto_err sotto_store_compact(struct sotto_store *s);
/* Every page and index; up to seconds on a large database. ERR_DAMAGED, text = the first finding (may be NULL). */
SOTTO_MUST_USE enum sotto_err sotto_store_verify(struct sotto_store *s, char text[200]);
/* May be called by a test or for a quota: the database never grows past so many bytes; 0 = no bound. */
SOTTO_MUST_USE enum sotto_err sotto_store_limit(struct sotto_store *s, uint64_t bytes);
uint64_t sotto_store_size(struct sotto_store *s);                                    /* bytes of the database file, without WAL */

/* ---- sealed rows: (account, table, id) -> value. account 0 = the node itself. ---- */
SOTTO_MUST_USE enum sotto_err sotto_store_put(struct sotto_store *s, uint64_t account, const char *table, uint64_t id, struct sotto_span value);
/* Appends; ERR_MISSING */
SOTTO_MUST_USE enum sotto_err sotto_store_get(struct sotto_store *s, struct sotto_buf *out, uint64_t account, const char *table, uint64_t id);
/* A missing one is fine */
SOTTO_MUST_USE enum sotto_err sotto_store_delete(struct sotto_store *s, uint64_t account, const char *table, uint64_t id);
SOTTO_MUST_USE enum sotto_err sotto_store_delete_table(struct sotto_store *s, uint64_t account, const char *table);
/* In order of id; fn returning an error ends the walk with it. */
typedef enum sotto_err sotto_store_row_fn(void *ctx, uint64_t id, struct sotto_span value);
SOTTO_MUST_USE enum sotto_err sotto_store_scan(struct sotto_store *s, uint64_t account, const char *table, sotto_store_row_fn *fn, void *ctx);
SOTTO_MUST_USE enum sotto_err sotto_store_count(struct sotto_store *s, uint64_t *out, uint64_t account, const char *table);

/* ---- accounts ---- */
struct sotto_store_account { uint64_t number; uint8_t id[20]; uint64_t created_ms; struct sotto_span value; };
/* number 0: takes the next free number (never used before) and writes it back. Else replaces that row. ERR_EXISTS: another number has this id. */
SOTTO_MUST_USE enum sotto_err sotto_store_account_put(struct sotto_store *s, struct sotto_store_account *account);
typedef enum sotto_err sotto_store_account_fn(void *ctx, const struct sotto_store_account *account);
SOTTO_MUST_USE enum sotto_err sotto_store_account_list(struct sotto_store *s, sotto_store_account_fn *fn, void *ctx);      /* by number */
/* Removes the account and everything stored under its number: rows, messages, events, requests, jobs. */
SOTTO_MUST_USE enum sotto_err sotto_store_account_remove(struct sotto_store *s, uint64_t number);

/* ---- history ---- */
struct sotto_store_message { uint64_t id; struct sotto_span chat; uint32_t state; uint64_t ms; struct sotto_span value; };
/* Adds, or replaces the row of the same (account, id). chat: 1..64 bytes. id >= 1, given by the caller, rising with time. */
SOTTO_MUST_USE enum sotto_err sotto_store_message_put(struct sotto_store *s, uint64_t account, const struct sotto_store_message *m);
typedef enum sotto_err sotto_store_message_fn(void *ctx, const struct sotto_store_message *m);
/* Calls fn once, or ERR_MISSING. */
SOTTO_MUST_USE enum sotto_err sotto_store_message_get(struct sotto_store *s, uint64_t account, uint64_t id, sotto_store_message_fn *fn, void *ctx);
SOTTO_MUST_USE enum sotto_err sotto_store_message_delete(struct sotto_store *s, uint64_t account, uint64_t id);
struct sotto_store_query {
    uint64_t account;
    struct sotto_span chat;                     /* empty: every chat of the account */
    uint64_t before, after;                     /* ids, not included; 0 = open. With after: the oldest limit above it; else the newest below before */
    uint64_t states;                            /* bit n = messages of state n (0..63); 0 = all */
    uint32_t limit;                             /* 0 = all */
};
/* Always oldest first (experience.md 2.1). */
SOTTO_MUST_USE enum sotto_err sotto_store_message_list(struct sotto_store *s, const struct sotto_store_query *q, sotto_store_message_fn *fn, void *ctx);
/* Limit is not used */
SOTTO_MUST_USE enum sotto_err sotto_store_message_count(struct sotto_store *s, uint64_t *out, const struct sotto_store_query *q);
/* 0 = none */
SOTTO_MUST_USE enum sotto_err sotto_store_message_last_id(struct sotto_store *s, uint64_t *out, uint64_t account);
/* Its messages */
SOTTO_MUST_USE enum sotto_err sotto_store_chat_delete(struct sotto_store *s, uint64_t account, struct sotto_span chat);

/* ---- events: experience.md 2.4. seq rises by at least 1 and is never given twice, also after pruning. ---- */
struct sotto_store_event { uint64_t seq, ms, account; uint32_t kind; struct sotto_span value; };
/* Event->seq is not read; seq may be NULL */
SOTTO_MUST_USE enum sotto_err sotto_store_event_add(struct sotto_store *s, uint64_t *seq, const struct sotto_store_event *event);
typedef enum sotto_err sotto_store_event_fn(void *ctx, const struct sotto_store_event *event);
/* Events with seq > after, oldest first, at most limit; kinds as bits (0 = all; kind < 64); accounts: all. *last (may be NULL) = seq of the last
 * event looked at, also of those that the filter left out: where to go on. Equal to after when there was nothing. */
SOTTO_MUST_USE enum sotto_err sotto_store_event_list(struct sotto_store *s, uint64_t *last, uint64_t after, uint64_t kinds, uint32_t limit,
                                                     sotto_store_event_fn *fn, void *ctx);
/* Smallest seq kept and largest seq ever given. Nothing kept: oldest = newest + 1. A cursor c is too old when c + 1 < oldest. */
SOTTO_MUST_USE enum sotto_err sotto_store_event_range(struct sotto_store *s, uint64_t *oldest, uint64_t *newest);
/* Removes events before ms, and the oldest beyond count; at most 10,000 a call, so it never holds the loop long: *more says so (may be NULL). */
SOTTO_MUST_USE enum sotto_err sotto_store_event_prune(struct sotto_store *s, bool *more, uint64_t before_ms, uint64_t count_max);
#define SOTTO_EVENT_KEEP_MS (7ull * 86400 * 1000)       /* experience.md 2.4: 7 days or 200 000 */
#define SOTTO_EVENT_KEEP_COUNT 200000u

/* ---- request keys: experience.md 2.1. The first result is given again for 24 h. ---- */
#define SOTTO_REQUEST_KEEP_MS (24ull * 3600 * 1000)
/* OK: out holds the first result (appended). ERR_MISSING: not seen within 24 h of now_ms. ERR_REPLAY: seen with other parameters. */
SOTTO_MUST_USE enum sotto_err sotto_store_request_get(struct sotto_store *s, struct sotto_buf *out, struct sotto_span key, const uint8_t params_hash[32],
                                                      uint64_t now_ms);
/* In the same transaction as what the request did. account: for account_remove. ERR_EXISTS. */
SOTTO_MUST_USE enum sotto_err sotto_store_request_put(struct sotto_store *s, uint64_t account, struct sotto_span key, const uint8_t params_hash[32],
                                                      uint64_t now_ms, struct sotto_span result);
SOTTO_MUST_USE enum sotto_err sotto_store_request_prune(struct sotto_store *s, uint64_t now_ms);

/* ---- jobs ---- */
struct sotto_store_job { uint64_t id, account, ms; struct sotto_span value; };
/* Id 0: the next number, written back */
SOTTO_MUST_USE enum sotto_err sotto_store_job_put(struct sotto_store *s, struct sotto_store_job *job);
typedef enum sotto_err sotto_store_job_fn(void *ctx, const struct sotto_store_job *job);
SOTTO_MUST_USE enum sotto_err sotto_store_job_get(struct sotto_store *s, uint64_t id, sotto_store_job_fn *fn, void *ctx);
SOTTO_MUST_USE enum sotto_err sotto_store_job_list(struct sotto_store *s, sotto_store_job_fn *fn, void *ctx);              /* by id */
SOTTO_MUST_USE enum sotto_err sotto_store_job_delete(struct sotto_store *s, uint64_t id);

/* ---- text by name: what `config set` and the person's own settings left, and the node's own marks ---- */
SOTTO_MUST_USE enum sotto_err sotto_store_setting_put(struct sotto_store *s, const char *key, const char *value);
/* Appends, no final zero; ERR_MISSING */
SOTTO_MUST_USE enum sotto_err sotto_store_setting_get(struct sotto_store *s, struct sotto_buf *out, const char *key);
SOTTO_MUST_USE enum sotto_err sotto_store_setting_delete(struct sotto_store *s, const char *key);                          /* ERR_MISSING */
typedef enum sotto_err sotto_store_setting_fn(void *ctx, const char *key, const char *value);
SOTTO_MUST_USE enum sotto_err sotto_store_setting_list(struct sotto_store *s, sotto_store_setting_fn *fn, void *ctx);      /* by key */
SOTTO_MUST_USE enum sotto_err sotto_store_meta_put(struct sotto_store *s, const char *key, struct sotto_span value);
SOTTO_MUST_USE enum sotto_err sotto_store_meta_get(struct sotto_store *s, struct sotto_buf *out, const char *key);         /* appends; ERR_MISSING */
SOTTO_MUST_USE enum sotto_err sotto_store_meta_delete(struct sotto_store *s, const char *key);                             /* a missing one is fine */

#endif
