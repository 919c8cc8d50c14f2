/* One account's messaging: contacts, first contact, sessions, messages, acknowledgements, resending (messaging.md 3.4-5.3).
 * A step machine over the pure parts of identity/ and conversation/. No disk, no socket, no clock: what must be stored, sent,
 * solved or told comes out as acts.
 *
 * The law of this object: **write before you speak.** The host applies all PUT, DELETE and HISTORY acts of one call in one
 * transaction, commits, and only then performs the others (CELL, SOLVE, EVENT to listeners). If the commit fails the host
 * throws this object away and loads it again from what is stored: nothing that was not durable has left.
 *
 * Row bytes are opaque to the host, which seals them (crypto/vault.h) under the sub-key of the table. Everything needed
 * after a restart is in rows; sessions are never part of a backup (sotto_table_backed_up).
 *
 * Threads: one owner. */
#ifndef SOTTO_CONVERSATION_MESSENGER_H
#define SOTTO_CONVERSATION_MESSENGER_H

#include "base/env.h"
#include "crypto/mnemonic.h"
#include "identity/cert.h"

#define SOTTO_CELL_SEALED 1028u
#define SOTTO_TEXT_MAX 13504u             /* bytes of the longest message, messaging.md 5.1 */
#define SOTTO_ALIAS_MAX 64u               /* bytes */
#define SOTTO_NOTE_MAX 355u               /* bytes: what fits an introduction; the interface offers 280 characters */

enum sotto_table {
    SOTTO_TABLE_CONTACT, SOTTO_TABLE_HELLO, SOTTO_TABLE_SESSION, SOTTO_TABLE_SKIPPED, SOTTO_TABLE_OUTGOING, SOTTO_TABLE_CELL,
    SOTTO_TABLE_PART, SOTTO_TABLE_SEEN, SOTTO_TABLE_META, SOTTO_TABLE_COUNT
};
const char *sotto_table_name(enum sotto_table table);         /* "contact", "hello", ...: SQL table and AAD */
const char *sotto_table_purpose(enum sotto_table table);      /* vault sub-key: "contacts", "sessions", "skipped", "messages" */
bool sotto_table_backed_up(enum sotto_table table);           /* contacts only: no hello, session, skipped, cell, part */

enum sotto_contact_state {                                     /* experience.md 2.1 */
    SOTTO_CONTACT_INCOMING, SOTTO_CONTACT_REQUESTED, SOTTO_CONTACT_ACCEPTED, SOTTO_CONTACT_MUTUAL, SOTTO_CONTACT_DECLINED,
    SOTTO_CONTACT_UNANSWERED, SOTTO_CONTACT_FROZEN, SOTTO_CONTACT_ENDED, SOTTO_CONTACT_STATES
};
const char *sotto_contact_state_name(enum sotto_contact_state s);

enum sotto_message_state {                                     /* messaging.md 5.3 */
    SOTTO_MSG_QUEUED, SOTTO_MSG_WORKING, SOTTO_MSG_SENT, SOTTO_MSG_HELD, SOTTO_MSG_DELIVERED, SOTTO_MSG_READ, SOTTO_MSG_EXPIRED,
    SOTTO_MSG_FAILED, SOTTO_MSG_CANCELLED, SOTTO_MSG_RECEIVED /* incoming */, SOTTO_MSG_STATES
};
const char *sotto_message_state_name(enum sotto_message_state s);

struct sotto_contact {                                         /* a view: borrowed until the next call on the messenger */
    struct sotto_id id;
    enum sotto_contact_state state;
    char alias[SOTTO_ALIAS_MAX + 1];                           /* UTF-8; may be empty */
    char note[SOTTO_NOTE_MAX + 1];                             /* their introduction, or ours while requested */
    struct sotto_span cert;                                    /* theirs; empty only while a resync is awaited after a restore without one */
    bool verified, blocked, receipts, muted;                   /* receipts = read receipts */
    uint64_t timer_ms;                                         /* life of messages, 0 = off */
    uint64_t added_ms, last_ms, declined_ms;
    uint32_t unacked, unread;
    bool renewed;                                              /* "session renewed" since the last message */
    bool not_collected;                                        /* no reply for 7 days or 1000 cells */
};

enum sotto_message_kind { SOTTO_KIND_TEXT = 0x01, SOTTO_KIND_MAIL = 0x02, SOTTO_KIND_SYSTEM = 0x10, SOTTO_KIND_UNKNOWN = 0xff };
struct sotto_message {                                         /* one line of history; the host stores and indexes it */
    uint64_t message;                                          /* its number on this account, rising */
    struct sotto_id chat;
    bool own;
    uint8_t type;                                              /* content type as received, messaging.md 5.1 */
    uint32_t number;                                           /* seq of its direction and session */
    uint32_t gap_before;                                       /* messages missing before this one, 0 = none */
    uint8_t mid[8];                                            /* message id of its first copy */
    uint64_t ms;                                               /* sender's clock */
    uint64_t arrived_ms;                                       /* ours */
    enum sotto_message_state state;
    uint64_t reply_to;                                         /* 0 = none; local only */
    struct sotto_span subject, text;                           /* UTF-8; of system lines: a word such as "session renewed" */
};

enum sotto_act_kind {
    SOTTO_ACT_PUT,             /* table, row, bytes */
    SOTTO_ACT_DELETE,          /* table, row */
    SOTTO_ACT_HISTORY_ADD,     /* message */
    SOTTO_ACT_HISTORY_STATE,   /* message.message, message.state, ms */
    SOTTO_ACT_HISTORY_GAP,     /* message.message: gap_before is number now (a missing one came); no such line: nothing to do */
    SOTTO_ACT_HISTORY_REMOVE,  /* message.message (row != 0), or the whole chat (row == 0) */
    SOTTO_ACT_CELL,            /* row = cell id, bytes = 1028: hand to the outbox. Its PUT in table cell comes with it */
    SOTTO_ACT_CELL_CANCEL,     /* row = cell id */
    SOTTO_ACT_SOLVE,           /* row = token, digest = b of the puzzle, bits: find a u64 on a worker, answer with _solved */
    SOTTO_ACT_SOLVE_CANCEL,    /* row = token */
    SOTTO_ACT_PROBE,           /* new tags: replay the pool through _cell_in */
    SOTTO_ACT_EVENT            /* event, contact id, state before and after, message number */
};
enum sotto_event_kind {        /* experience.md 2.4 */
    SOTTO_EVENT_CONTACT_REQUEST, SOTTO_EVENT_CONTACT_STATE, SOTTO_EVENT_CONTACT_KEY, SOTTO_EVENT_MESSAGE_NEW, SOTTO_EVENT_MESSAGE_STATE,
    SOTTO_EVENT_MESSAGE_GAP, SOTTO_EVENT_CHAT_CHANGED, SOTTO_EVENT_CHAT_SYSTEM
};
struct sotto_act {
    enum sotto_act_kind kind;
    enum sotto_table table;
    uint64_t row;
    struct sotto_buf bytes;                                    /* owned by the queue */
    uint8_t digest[32];
    unsigned bits;
    enum sotto_event_kind event;
    struct sotto_id contact;
    enum sotto_contact_state before, after;
    struct sotto_message message;                              /* spans point into bytes */
    uint64_t ms;
    uint32_t number;                                           /* of a gap */
};
struct sotto_acts { struct sotto_act *slots; uint32_t count, cap; };   /* grows; a call adds at most a few thousand */
void sotto_acts_clear(struct sotto_acts *acts);
void sotto_acts_free(struct sotto_acts *acts);

struct sotto_messenger_config {
    const struct sotto_roles *keys;                            /* borrowed for the object's life: guarded by the host */
    struct sotto_span cert;                                    /* own certificate, copied */
    uint64_t receipt_mean_ms;                                  /* relay.receipt, 120,000 */
    unsigned puzzle_bits;                                      /* 20; lower only on test networks */
    unsigned contacts_max, requests_max, pending_max;          /* 4096, 256, 64 */
    unsigned unacked_max;                                      /* own messages per contact waiting for an ack: 1000 */
    bool prepares;                                             /* the host calls _prepare while it is idle: what can wait waits for it */
    unsigned tables_max;                                       /* contacts with tables of multiples, at most 64; 0 = none (messaging.md 4.11) */
    struct sotto_rng *rng;
    struct sotto_log *log;
};

struct sotto_messenger;
SOTTO_MUST_USE enum sotto_err sotto_messenger_new(struct sotto_messenger **out, const struct sotto_messenger_config *config);
void sotto_messenger_free(struct sotto_messenger *m);         /* wipes everything */

/* Loading: every stored row in any order, then _start once with the next free message number. A row that does not decode is
 * ERR_FORMAT: the host refuses to open the account (2102), it never drops rows silently. _start hands out what must go on:
 * cells not yet emitted, puzzles not yet solved. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_load(struct sotto_messenger *m, enum sotto_table table, uint64_t row, struct sotto_span bytes);
SOTTO_MUST_USE enum sotto_err sotto_messenger_start(struct sotto_messenger *m, uint64_t next_message, struct sotto_now now, struct sotto_acts *acts);

/* A cell from the network. OK: it was ours. ERR_NOT_MINE: not ours (the usual case). Any other: ours but refused, nothing of it was taken
 * over (counted by the host; never answered). There may be acts all the same: that a session no longer fits is noted, and asked (4.9). */
SOTTO_MUST_USE enum sotto_err sotto_messenger_cell_in(struct sotto_messenger *m, const uint8_t sealed[SOTTO_CELL_SEALED], struct sotto_now now, struct sotto_acts *acts);
void sotto_messenger_cell_sent(struct sotto_messenger *m, uint64_t cell, struct sotto_now now, struct sotto_acts *acts);
void sotto_messenger_cell_expired(struct sotto_messenger *m, uint64_t cell, struct sotto_now now, struct sotto_acts *acts);
void sotto_messenger_solved(struct sotto_messenger *m, uint64_t token, uint64_t solution, struct sotto_now now, struct sotto_acts *acts);
void sotto_messenger_tick(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts);
/* For a while nothing could come (no neighbour, a wrong clock, a machine asleep), and now it can again: the next ticks look far ahead in every
 * session (4.5). Rarely, please: 2048 addresses a session. */
void sotto_messenger_away(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts);
/* Work for idle times, with config.prepares only: the look-ahead tags of what came, the values of the next cells in both directions, tables
 * of busy contacts. Call it while nothing else waits, after the commit and the sending of what was before, with a budget (in multiplications
 * of some 50 us) that nobody notices. True: more is to do. Changes nothing that is stored; may ask for a PROBE. */
bool sotto_messenger_prepare(struct sotto_messenger *m, unsigned budget, struct sotto_now now, struct sotto_acts *acts);
bool sotto_messenger_idle(const struct sotto_messenger *m);               /* it would have something to do */
uint64_t sotto_messenger_deadline(const struct sotto_messenger *m);       /* wall_ms of the next tick it wants; UINT64_MAX = none */

/* What a person does. Errors: ERR_MISSING (no such contact or message), ERR_STATE (not possible now), ERR_EXISTS, ERR_FULL,
 * ERR_RANGE (alias or note too long, not UTF-8), ERR_TOO_LONG (text). On any error nothing has changed and acts is as before. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_add(struct sotto_messenger *m, struct sotto_span cert, const char *alias, const char *note,
                                                  struct sotto_now now, struct sotto_acts *acts);     /* + the refusals of the certificate */
SOTTO_MUST_USE enum sotto_err sotto_messenger_accept(struct sotto_messenger *m, const struct sotto_id *id, const char *alias, struct sotto_now now, struct sotto_acts *acts);
SOTTO_MUST_USE enum sotto_err sotto_messenger_decline(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts);
SOTTO_MUST_USE enum sotto_err sotto_messenger_block(struct sotto_messenger *m, const struct sotto_id *id, bool on, struct sotto_now now, struct sotto_acts *acts);
/* Ends the session (content "end"), forgets the contact; forget = history too. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_remove(struct sotto_messenger *m, const struct sotto_id *id, bool forget, struct sotto_now now, struct sotto_acts *acts);
struct sotto_contact_change { const char *alias; const bool *receipts, *muted, *verified; const uint64_t *timer_ms; };   /* NULL = as it is */
SOTTO_MUST_USE enum sotto_err sotto_messenger_set(struct sotto_messenger *m, const struct sotto_id *id, const struct sotto_contact_change *change, struct sotto_now now, struct sotto_acts *acts);
SOTTO_MUST_USE enum sotto_err sotto_messenger_end(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts);   /* W-34 */

/* Writes a message; *message = its number. A contact that is not yet mutual: it waits, queued. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_send(struct sotto_messenger *m, uint64_t *message, const struct sotto_id *to, enum sotto_message_kind kind,
                                                   struct sotto_span subject, struct sotto_span text, uint64_t reply_to, uint64_t life_ms,
                                                   struct sotto_now now, struct sotto_acts *acts);
/* Both return ERR_STATE with the state unchanged where it cannot be done: resend only expired, failed or cancelled ones (the host
 * gives the text again from history), cancel only before "sent". */
SOTTO_MUST_USE enum sotto_err sotto_messenger_cancel(struct sotto_messenger *m, uint64_t message, struct sotto_now now, struct sotto_acts *acts);
SOTTO_MUST_USE enum sotto_err sotto_messenger_resend(struct sotto_messenger *m, const struct sotto_message *message, uint64_t life_ms, struct sotto_now now, struct sotto_acts *acts);
/* Everything up to that incoming message was shown. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_read(struct sotto_messenger *m, const struct sotto_id *chat, uint64_t up_to, struct sotto_now now, struct sotto_acts *acts);

/* Restored from the 24 words or a backup: a contact known by certificate but without a session. Sends M1 with the resync flag. */
SOTTO_MUST_USE enum sotto_err sotto_messenger_resync(struct sotto_messenger *m, const struct sotto_id *id, struct sotto_now now, struct sotto_acts *acts);

bool sotto_messenger_contact(const struct sotto_messenger *m, const struct sotto_id *id, struct sotto_contact *out);
bool sotto_messenger_contact_at(const struct sotto_messenger *m, unsigned index, struct sotto_contact *out);   /* order of adding */

struct sotto_messenger_stats { uint64_t opened, not_mine, refused[SOTTO_ERR_COUNT]; uint32_t tags; };
void sotto_messenger_stats(const struct sotto_messenger *m, struct sotto_messenger_stats *out);

#endif
