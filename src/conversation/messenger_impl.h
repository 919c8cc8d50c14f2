/* Inside of the messenger: what its files share. Nobody else includes this but its tests.
 *
 *     contact --< talk      one session with that person: usually one, two after crossing first contacts or a renewal
 *             --< outgoing  own messages not acknowledged yet (and expired ones that may still be)
 *             --< seen      blocks of the last message ids that came, so that a resent message is not shown twice
 *             --< hello     our M1, their M1, our M2: what first contact waits for
 *     talk    --< part      fragments of messages not complete, bodies that wait for M3
 *     cell                  sealed, handed to the outbox, until it expires
 *
 * Every stored thing begins with struct node. A change calls sotto_mark; at the end of each call the changed ones become PUT
 * acts, each once. Lists are kept in order of row numbers, which rise: so what happens does not depend on the order of loading. */
#ifndef SOTTO_CONVERSATION_MESSENGER_IMPL_H
#define SOTTO_CONVERSATION_MESSENGER_IMPL_H

#include "conversation/messenger.h"
#include "conversation/tags.h"
#include "identity/box.h"
#include "identity/hello.h"

#define MINUTE_MS 60000ull
#define HOUR_MS (60ull * MINUTE_MS)
#define DAY_MS (24ull * HOUR_MS)

/* Times and bounds of the design in one place, so that a test can shorten them. */
struct sotto_timing {
    uint64_t hello_again_ms[4];           /* M1 is resent after these (3.4) */
    uint64_t hello_life_ms;               /* then: not answered */
    uint64_t reply_again_ms;              /* M2 again when M3 is missing so long */
    uint32_t reply_again;                 /* so often */
    uint64_t message_life_ms;             /* resending ends (5.3) */
    uint32_t copies_first_day;            /* new copies as soon as one expires */
    uint64_t copies_later_ms;             /* then one each */
    uint64_t cell_life_ms;                /* a cell that left is gone after this even if nobody tells: ttl 1800 s, then some */
    uint64_t old_session_ms;              /* a replaced session still receives (3.5, 4.9) */
    uint64_t resync_every_ms;             /* automatic answers, per contact, and own questions after evidence (4.9) */
    uint64_t resync_silent_ms;            /* own questions without evidence: so long after the first copy, and between two of them */
    uint64_t decline_life_ms;             /* a declined request can be taken back */
    uint64_t request_life_ms;             /* a request nobody answers; h1 is remembered a day longer */
    uint64_t gap_ms;                      /* an open gap: look further ahead, ask again (4.5, 4.7) */
    uint64_t wide_ms;                     /* how long the far look-ahead stays */
    uint64_t away_ms;                     /* pause after which a start looks far ahead */
    uint64_t cert_warn_ms, cert_freeze_ms;             /* before and after the end of a certificate (2.2) */
    uint64_t uncollected_ms;              /* 4.6 */
    uint32_t uncollected_cells;
};
extern const struct sotto_timing sotto_timing_default;

enum {
    CELLS_AHEAD = 64,                     /* sealed and not sent, per contact: later ones carry fresher acknowledgements */
    SEQ_AHEAD = 1900,                     /* numbers past the peer's ack: inside its window of 2048 */
    PARKED_MAX = 32,                      /* bodies that wait for M3 */
    PARTS_MAX = 512,                      /* fragments of incomplete messages, per contact */
    SEEN_BLOCK = 64, SEEN_BLOCKS = 32,    /* 2048 message ids per contact */
    H1_MAX = 4096,
    REQUESTS_A_DAY = 4,
    ANSWERED_MAX = 8,
    FAR_STEP = 1,                         /* sessions that are looked through far ahead in one tick: 2048 tags each */
    TAGS_STEP = 256,                      /* sessions whose 16 tags are made at once at a start; the others tick by tick */
    TABLES_MAX = 64,                      /* contacts with tables: 13 MB, half of it locked (4.11) */
    AHEAD_LOW = 4,                        /* with fewer tags of the current chain left, new ones do not wait for idle time */
    META_ROW = 1,                         /* the one row of table meta */
    ROW_MAX = 20000                       /* bytes of the largest row */
};

struct node { uint64_t row; enum sotto_table table; bool dirty, stored; };

struct list { struct node **at; uint32_t count, cap; };       /* by row, rising */

enum hello_kind { HELLO_OUT = 1, HELLO_IN = 2, HELLO_REPLY = 3, HELLO_H1 = 4 };

struct hello {                            /* guarded: holds shares and a one-time scalar */
    struct node node;
    enum hello_kind kind;
    struct sotto_id id;                   /* the other person */
    uint8_t pt[SOTTO_HELLO_SIZE];         /* OUT: our M1; IN: their M1; REPLY: our M2 */
    uint64_t made_ms, next_ms;            /* next_ms: next resending, 0 = not yet sent once */
    uint32_t sent;                        /* copies made */
    /* OUT */
    bool solved;
    uint8_t puzzle[32], h1[32];           /* b; h1 once solved. H1 cache: h1 */
    struct sotto_scalar eph;
    uint32_t generation;
    /* REPLY */
    uint64_t talk_row;
    struct sotto_point scan;
    uint8_t answered[ANSWERED_MAX][SOTTO_TAG_BYTES];          /* boxes of that M1 already seen: a replayed cell is not answered */
    uint32_t answered_count;
};

struct h1 { struct node node; uint8_t h1[32]; struct sotto_id from; uint64_t time_ms, seen_ms; };

struct part {                             /* of an incomplete message, or (parked) a whole body that waits for M3 */
    struct node node;
    uint64_t talk_row;
    bool parked;
    uint32_t index;                       /* parked: message index */
    uint32_t seq;
    uint64_t time_ms;
    uint8_t type, flags, fragment, fragments;
    uint16_t size;
    uint8_t bytes[SOTTO_BODY_BYTES];
};

struct ahead { uint32_t chain, index; enum sotto_slot slot; struct sotto_tag tag; };

/* The last addresses that brought a cell: who lives on from an old copy uses them again (1.2). HS opens headers only, and stays as long as
 * the process and the ring let it. */
#define USED_MAX 32u
struct used { uint32_t count, next; struct { struct sotto_tag tag; uint8_t x[32]; struct sotto_secret hs; } at[USED_MAX]; };

/* Messages that are missing keep their places in the history: their numbers are taken when the gap opens (4.7: shown by seq). */
#define RESERVED_MAX 32u                  /* open gaps of one session; a message of an older one is shown where it arrives */
#define RESERVED_RUN_MAX 1024u            /* places of one gap: as many as one step may skip (4.6) */
#define RESERVED_TRIES_MAX 1024u          /* ids that are compared for a message that comes again in a new session */
struct reserved { uint32_t seq, count; uint64_t message; };      /* seq .. seq + count - 1 have message .. message + count - 1 */

struct talk {                             /* a session and what surrounds it */
    struct node node;
    struct contact *contact;
    struct sotto_id id;
    struct sotto_session *s;
    uint32_t generation;                  /* a renewed session has a higher one */
    bool confirmed;                       /* I: always; R: M3 came */
    uint64_t made_ms, retire_ms, last_in_ms;           /* retire_ms: replaced, wiped then; 0 = not */
    struct sotto_secret confirm;          /* R: what M3 must carry */
    uint32_t next_seq, peer_ack;
    struct sotto_window window;
    uint64_t receipt_ms;                  /* an acknowledgement leaves then at the latest; 0 = none due */
    bool read_due;
    uint32_t read_seq;
    uint64_t gap_since_ms;
    bool gap_asked;
    uint32_t pn_lost;                     /* cells lost at the end of chains */
    uint64_t wide_until_ms;               /* far look-ahead */
    bool parted;                          /* proof that the two ends do not hold the same session any more (healing.c) */
    bool doubted;                         /* a cell under an address of it did not open; a relay can make such a cell */
    uint32_t reserved_count;
    struct reserved reserved[RESERVED_MAX];
    struct list parts;
    /* not stored */
    struct used *used;                    /* guarded; NULL = nothing came yet */
    struct ahead *ahead;
    uint32_t ahead_count;
    bool skipped_listed, tags_due, far_due;
    bool tags_late, prepare_due;          /* idle work: tags of the look-ahead are missing; any at all */
    uint32_t cells;                       /* sealed and opened since it was loaded */
    uint32_t proven_from;                 /* the first receiving chain that the other end can have made only with what this process drew */
    struct tables *tables;                /* of idle.c; NULL = none */
};

enum out_state { OUT_WAITING, OUT_FLYING, OUT_DELIVERED, OUT_EXPIRED, OUT_STATES };

struct outgoing {
    struct node node;
    struct contact *contact;
    struct sotto_id id;
    uint64_t talk_row;                    /* 0 = not bound to a session yet */
    struct talk *talk;
    uint32_t seq;
    uint8_t type;
    enum out_state state;
    bool resent, filler, has_mid;
    uint8_t mid[SOTTO_MID_BYTES];
    uint32_t need_chain;                  /* acknowledgements count from this receiving chain on (healing.c) */
    uint64_t message, time_ms;            /* message 0 = not in the history (system) */
    enum sotto_message_state shown;
    uint32_t copies, cells, unsent;       /* of the last copy: alive, and of these not yet sent */
    uint64_t first_ms, copy_ms, next_ms, expire_ms, sent_ms;
    uint32_t copy_chain;                  /* not stored: the receiving chain when the last copy was sealed; 0 = before this process */
    bool fresh;                           /* not stored: written since this object was loaded, so that its cells cannot have left unnoticed */
    struct sotto_buf payload;             /* the whole message without the id of a resent one; empty once it is of no use */
};

enum cell_kind { CELL_OUTGOING = 1, CELL_HELLO = 2, CELL_LOOSE = 3 };     /* LOOSE: receipt, end */
struct cell {
    struct node node;
    enum cell_kind kind;
    uint64_t owner, talk_row;             /* row of the outgoing or hello; talk_row: cancelled with it, 0 = stays */
    struct sotto_id id;
    bool sent;
    uint64_t hold_ms;                     /* handed out then; 0 = was */
    uint32_t copy;                        /* which copy of the outgoing */
    struct sotto_buf sealed;              /* kept while it may have to be handed out again */
};

struct seen {
    struct node node;
    struct sotto_id id;
    uint32_t count;
    struct { uint8_t key[SOTTO_MID_BYTES]; uint64_t message, talk_row; uint32_t seq; bool read; } at[SEEN_BLOCK];
};

struct contact {
    struct node node;
    struct sotto_id id;
    enum sotto_contact_state state;
    char alias[SOTTO_ALIAS_MAX + 1], note[SOTTO_NOTE_MAX + 1];
    uint8_t cert[SOTTO_CERT_MAX];
    uint32_t cert_size;
    struct sotto_point scan;              /* zeroed = none */
    bool verified, blocked, receipts, muted, renewed, not_collected, known, cert_warned;
    uint64_t timer_ms, added_ms, last_ms, declined_ms;
    uint64_t t_in_ms, t_out_ms;           /* last T accepted, last T used (3.4: must rise) */
    uint64_t answered_ms;                 /* last automatic answer */
    uint64_t unreplied_ms;
    uint32_t unreplied_cells, generation;
    /* not stored */
    struct sotto_point key, xkey;
    uint64_t not_after_ms;
    struct list talks, out, seen;
    uint32_t unacked, unread, unsent;
    uint64_t due_ms;
    bool touched;
};

enum { NOT_MINE_SLOTS = 1u << 15 };       /* cells already tried with the scan key: a probe of the pool does not try again */

struct sotto_messenger {
    struct sotto_messenger_config config;
    struct sotto_timing timing;
    uint8_t cert_bytes[SOTTO_CERT_MAX];
    struct sotto_cert cert;
    struct sotto_box_keys *box;           /* guarded */
    struct list contacts, talks, hellos, h1s, cells, parts_loose;
    struct list out_loose, seen_loose;    /* while loading, before they are bound */
    struct node meta;
    uint64_t next_row, next_message, active_ms, active_stored_ms;
    struct sotto_tags *tags;
    uint64_t *not_mine;                   /* NOT_MINE_SLOTS */
    struct list skipped_loose;            /* while loading */
    struct sotto_messenger_stats stats;
    bool started, failed;
    uint64_t deadline_ms;
    /* of the running call */
    struct sotto_acts *acts;
    uint32_t acts_from;
    uint64_t now_ms;
    bool probe;
    struct node **dirty;
    uint32_t dirty_count, dirty_cap;
    struct contact **touched;
    uint32_t touched_count, touched_cap;
    struct sotto_act spare;               /* written to when memory is out; then the call fails as a whole */
    struct sotto_session_world world;
    /* idle work */
    bool idle_due;
    uint32_t idle_at;                     /* the session whose turn it is */
    struct tables *tables[TABLES_MAX];
    uint32_t tables_count, tables_max;
};

/* messenger.c: the frame of a call */
enum sotto_err sotto_begin(struct sotto_messenger *m, struct sotto_now now, struct sotto_acts *acts);    /* ERR_NOMEM once memory was out */
enum sotto_err sotto_finish(struct sotto_messenger *m, enum sotto_err err);
void sotto_mark(struct sotto_messenger *m, struct node *n);               /* will be PUT */
void sotto_unmark(struct sotto_messenger *m, struct node *n);             /* is about to be freed: DELETE if it was stored */
void sotto_touch(struct sotto_messenger *m, struct contact *c);           /* its deadline may have changed */
struct sotto_act *sotto_act_add(struct sotto_messenger *m, enum sotto_act_kind kind);    /* never NULL */
void sotto_event_contact(struct sotto_messenger *m, const struct contact *c, enum sotto_event_kind event, enum sotto_contact_state before,
                         enum sotto_contact_state after);
void sotto_event_chat(struct sotto_messenger *m, const struct contact *c, enum sotto_event_kind event, const char *what);
void sotto_system_line(struct sotto_messenger *m, struct contact *c, const char *words);
void sotto_contact_to(struct sotto_messenger *m, struct contact *c, enum sotto_contact_state state);      /* with its event */
uint64_t sotto_row_next(struct sotto_messenger *m);
uint64_t sotto_message_next(struct sotto_messenger *m, uint64_t count);   /* the first of count numbers of the history, taken for good */
void *sotto_new_node(struct sotto_messenger *m, size_t size, enum sotto_table table, bool guarded);       /* NULL: m->failed is set */
bool sotto_list_add(struct list *l, struct node *n);
void sotto_list_remove(struct list *l, const struct node *n);
struct node *sotto_list_find(const struct list *l, uint64_t row);
void sotto_list_sort(struct list *l);
void sotto_list_free(struct list *l);

/* rows.c: codecs. Encoders append; decoders are strict (ERR_FORMAT) and make nothing but the struct given (ERR_NOMEM). */
enum sotto_err sotto_row_encode(struct sotto_buf *out, const struct sotto_messenger *m, const struct node *n);
enum sotto_err sotto_skipped_encode(struct sotto_buf *out, uint64_t talk_row, const struct sotto_skipped *e);
enum sotto_err sotto_skipped_decode(struct sotto_skipped *e, uint64_t *talk_row, struct sotto_span bytes);
enum sotto_err sotto_contact_decode(struct contact *c, struct sotto_span bytes);
enum sotto_err sotto_hello_decode(struct hello *h, struct sotto_span bytes);
enum sotto_err sotto_h1_decode(struct h1 *h, struct sotto_span bytes);
enum sotto_err sotto_talk_decode(struct talk *t, struct sotto_span bytes);
enum sotto_err sotto_outgoing_decode(struct outgoing *o, struct sotto_span bytes);
enum sotto_err sotto_cell_decode(struct cell *c, struct sotto_span bytes);
enum sotto_err sotto_part_decode(struct part *p, struct sotto_span bytes);
enum sotto_err sotto_seen_decode(struct seen *s, struct sotto_span bytes);
enum sotto_err sotto_meta_decode(uint64_t *next_row, uint64_t *next_message, uint64_t *active_ms, struct sotto_span bytes);
bool sotto_contact_cert(struct contact *c);                               /* key, xkey, not_after from the bytes; false: they are none */

/* loading.c */
struct loose_skipped { struct node node; uint64_t talk_row; struct sotto_skipped e; };        /* on its way into its session */
void sotto_skipped_free(struct loose_skipped *s);
void sotto_hand_out(struct sotto_messenger *m, const struct cell *c);     /* its CELL act, again */

/* contacts.c */
struct contact *sotto_contact_find(const struct sotto_messenger *m, const struct sotto_id *id);
struct contact *sotto_contact_new(struct sotto_messenger *m, const struct sotto_id *id, enum sotto_contact_state state);
void sotto_contact_delete(struct sotto_messenger *m, struct contact *c);  /* with all that hangs on it */
void sotto_contact_free(struct contact *c);
void sotto_contact_view(const struct contact *c, struct sotto_contact *out);
void sotto_contact_tick(struct sotto_messenger *m, struct contact *c);
uint64_t sotto_contact_due(const struct sotto_messenger *m, const struct contact *c);
void sotto_contact_unread(struct contact *c);                             /* counts again */
/* Takes over a certificate already checked. */
void sotto_contact_take_cert(struct sotto_messenger *m, struct contact *c, struct sotto_span cert);

/* receiving.c */
/* Everything of the contact's sessions goes; messages not acknowledged fail; state ended (4.8). */
void sotto_conversation_over(struct sotto_messenger *m, struct contact *c, bool failed_too);

/* first_contact.c */
enum sotto_err sotto_first_contact_in(struct sotto_messenger *m, const uint8_t pt[SOTTO_HELLO_SIZE], const uint8_t sealed[SOTTO_CELL_SEALED]);
enum sotto_err sotto_hello_start(struct sotto_messenger *m, struct contact *c, uint8_t flags, const char *note);     /* makes M1, asks for its puzzle */
enum sotto_err sotto_hello_answer(struct sotto_messenger *m, struct contact *c, const struct hello *in);             /* M2 to their M1 */
/* Would it work now? The refusals of M1 (it may have grown too old, or its certificate). Changes nothing. */
enum sotto_err sotto_hello_answerable(const struct sotto_messenger *m, const struct hello *in, uint64_t now_ms);
void sotto_hello_free(struct sotto_messenger *m, struct hello *h);        /* row and cells too */
bool sotto_hello_room(const struct sotto_messenger *m);                   /* for one more M1 that waits for its answer */
void sotto_hello_again(struct sotto_messenger *m, struct contact *c, struct hello *h);        /* another box at the next tick, if none is planned */
struct hello *sotto_hello_of(const struct sotto_messenger *m, const struct sotto_id *id, enum hello_kind kind);
void sotto_hello_tick(struct sotto_messenger *m, struct contact *c);
uint64_t sotto_hello_due(const struct sotto_messenger *m, const struct contact *c);
void sotto_hello_solve_again(struct sotto_messenger *m);                  /* at start */
void sotto_h1_trim(struct sotto_messenger *m);

/* talks.c */
struct talk *sotto_talk_new(struct sotto_messenger *m, struct contact *c, const struct sotto_session_start *start, uint32_t generation);
void sotto_talk_delete(struct sotto_messenger *m, struct talk *t);        /* wipes the session, its rows and cells; unbinds messages */
void sotto_talk_free(struct sotto_messenger *m, struct talk *t);          /* memory only */
void sotto_talk_tags(struct sotto_messenger *m, struct talk *t);          /* brings the table up to date with the session */
void sotto_talk_tags_some(struct sotto_messenger *m, struct talk *t, unsigned *budget);      /* the same, making at most *budget new ones */
void sotto_talk_commit(struct sotto_messenger *m, struct talk *t, struct sotto_step *step, const uint8_t sealed[SOTTO_CELL_SEALED]);
struct talk *sotto_talk_sending(const struct contact *c);                 /* NULL: none yet */
void sotto_talk_confirmed(struct sotto_messenger *m, struct talk *t);     /* after M3, or M2 at I: older generations retire */
void sotto_talk_wide(struct sotto_messenger *m, struct talk *t);
void sotto_talk_tick(struct sotto_messenger *m, struct talk *t);
uint64_t sotto_talk_due(const struct sotto_messenger *m, const struct talk *t);
void sotto_talk_drop_parts(struct sotto_messenger *m, struct talk *t, uint32_t seq);

/* healing.c */
void sotto_heal_refused(struct sotto_messenger *m, struct talk *t, enum sotto_err err);       /* a cell under an address of t was refused so */
void sotto_heal_parted(struct sotto_messenger *m, struct talk *t);        /* proof: an authentic cell that cannot be if both ends went on from the same state */
void sotto_heal_used(struct sotto_messenger *m, struct talk *t, uint32_t place, const uint8_t sealed[SOTTO_CELL_SEALED]);    /* a cell under a used address */
void sotto_heal_remember(struct sotto_messenger *m, struct talk *t, const struct sotto_secret *hs, const uint8_t sealed[SOTTO_CELL_SEALED]);
void sotto_heal_forget(struct sotto_messenger *m, struct talk *t);        /* the ring of used addresses */
void sotto_heal_loaded(struct talk *t);   /* its row was read: from now on nobody knows whether it is the newest */
uint32_t sotto_heal_need(const struct talk *t);                           /* of a number that is given now: struct outgoing, need_chain */
void sotto_heal_unproven(struct sotto_messenger *m, struct talk *t, uint32_t chain);          /* an acknowledgement came that does not count yet */
void sotto_heal_copy_gone(struct sotto_messenger *m, const struct outgoing *o);               /* its last copy left, lived and was not acknowledged */
void sotto_heal_healthy(struct sotto_messenger *m, const struct talk *t); /* the other end acknowledges on it: no need to ask any more */

/* idle.c */
void sotto_idle_due(struct sotto_messenger *m, struct talk *t);           /* something of it may be prepared */
void sotto_idle_used(struct sotto_messenger *m, struct talk *t);          /* a cell was sealed or opened */
void sotto_tables_leave(struct sotto_messenger *m, struct talk *t);       /* wiped with their last session */

/* sending.c */
struct outgoing *sotto_outgoing_new(struct sotto_messenger *m, struct contact *c, uint8_t type, struct sotto_span head, struct sotto_span payload);
struct outgoing *sotto_outgoing_system(struct sotto_messenger *m, struct contact *c, uint8_t subtype, struct sotto_span data);
void sotto_outgoing_delete(struct sotto_messenger *m, struct outgoing *o);        /* with its cells */
void sotto_outgoing_free(struct outgoing *o);
void sotto_outgoing_unbind(struct sotto_messenger *m, struct outgoing *o);        /* its session is gone: again in the next one */
void sotto_outgoing_fill(struct sotto_messenger *m, struct outgoing *o);          /* a filler takes its number */
void sotto_outgoing_shown(struct sotto_messenger *m, struct outgoing *o, enum sotto_message_state state);
void sotto_outgoing_tick(struct sotto_messenger *m, struct contact *c);
uint64_t sotto_outgoing_due(const struct sotto_messenger *m, const struct outgoing *o);
void sotto_outgoing_again(struct sotto_messenger *m, struct outgoing *o);         /* another copy now */
void sotto_outgoing_first(struct sotto_messenger *m, struct outgoing *o, struct talk *t);   /* M3: number 1, before anything that waits */
void sotto_pump(struct sotto_messenger *m, struct contact *c);                    /* seals what may leave */
void sotto_receipt(struct sotto_messenger *m, struct talk *t);                    /* a cell of its own for acknowledgements */
void sotto_acked(struct sotto_messenger *m, struct talk *t, uint32_t chain, uint32_t ack, uint32_t ackbits, uint32_t read);
void sotto_asked_again(struct sotto_messenger *m, struct talk *t, uint32_t from, uint32_t to);
struct cell *sotto_cell_new(struct sotto_messenger *m, enum cell_kind kind, uint64_t owner, uint64_t talk_row, const struct sotto_id *id,
                            const uint8_t sealed[SOTTO_CELL_SEALED], uint64_t hold_ms);
void sotto_cell_delete(struct sotto_messenger *m, struct cell *c);        /* CELL_CANCEL if it was not sent */
void sotto_cells_of(struct sotto_messenger *m, enum cell_kind kind, uint64_t owner, uint64_t talk_row, bool unsent_only);   /* deletes them */
void sotto_cell_free(struct cell *c);
void sotto_end_cells(struct sotto_messenger *m, struct contact *c);       /* "end", sealed before the keys are wiped */

#endif
