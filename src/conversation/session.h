/* One session: the Double Ratchet with one-time addresses between two people (messaging.md 4.1-4.6; rows K-22..K-34).
 *
 *     I                                   R
 *     sending HK = HK_I                   receiving NHK = HK_I
 *     receiving NHK = HK_R                sending NHK = HK_R, own scalar = r_R
 *     peer point = r_R*G                  cannot send before it has received
 *
 * A sending chain is made at the first send after something came under a new peer key; a receiving chain when a cell opens
 * under NHK. Receiving works on a copy (struct sotto_step): nothing in the session changes before _commit.
 *
 * Secrets: the session lies in guarded memory. Bounds: skipped keys 1024 a chain step, 2048 in all. Threads: one owner. */
#ifndef SOTTO_CONVERSATION_SESSION_H
#define SOTTO_CONVERSATION_SESSION_H

#include "conversation/cell.h"
#include "conversation/content.h"
#include "conversation/prepared.h"
#include "conversation/ratchet.h"
#include "crypto/multiples.h"
#include "identity/hello.h"

#define SOTTO_SKIP_MAX 1024u                          /* of one chain in one step */
#define SOTTO_SKIPPED_MAX 2048u
#define SOTTO_SKIPPED_LIFE_MS (15ull * 86400000)      /* a sender may resend for 14 days */
#define SOTTO_CHAIN_END (1u << 20)
#define SOTTO_AHEAD_MIN 8u                            /* look-ahead of a fresh chain, and of the next chain always */
#define SOTTO_AHEAD_MORE 32u                          /* once SOTTO_AHEAD_AFTER cells of the chain arrived */
#define SOTTO_AHEAD_AFTER 4u
#define SOTTO_AHEAD_WIDE 1024u                        /* after away time, or when a gap stays open */

struct sotto_skipped {
    struct sotto_tag tag;
    uint32_t index, chain;                            /* chain: number of the receiving chain it belongs to, 1 .. */
    struct sotto_secret hs, mk;
    struct sotto_scalar h;
    uint64_t ms;                                      /* when it was skipped */
    uint64_t row;                                     /* for the keeper; 0 = not stored yet */
};

struct sotto_session_core {
    bool initiator;
    struct sotto_id own, peer;
    uint8_t c2[32];
    struct sotto_point peer_xkey, p;                  /* K_peer; P, secret */
    struct sotto_secret rk;
    struct sotto_scalar scalar;                       /* own DH ratchet; I: zero before the first send */
    struct sotto_point point, peer_point;             /* own public half; peer's, zeroed = none yet */
    /* sending */
    bool send_on, send_fresh;                         /* a chain exists; a new one is due at the next send */
    struct sotto_secret send_ck, send_hk, send_nhk;
    uint32_t ns, pn;
    uint64_t send_height;                             /* what every header of this chain repeats */
    uint8_t send_block8[8], send_mk8[8];
    /* receiving */
    bool recv_on;
    struct sotto_secret recv_ck, recv_hk, recv_nhk;
    uint32_t nr, recv_pn, recv_chain, recv_arrived;   /* recv_arrived: cells of this chain that came */
    uint64_t recv_height;
    uint8_t recv_block8[8], recv_mk8[8];
};
struct sotto_session {
    struct sotto_session_core core;
    /* not stored: */
    struct sotto_base xkey_base, p_base;              /* K_peer and P, ready to be multiplied */
    const struct sotto_multiples *xkey_table, *p_table;   /* of the same, borrowed from the keeper; NULL = none or not ready */
    struct sotto_prepared prepared;
    struct sotto_skipped *skipped;                    /* oldest first; guarded */
    uint32_t skipped_count, skipped_cap;
};

/* What a session asks of its surroundings. scalar and x may be NULL (drawn from rng); vectors supply them. block returns ours
 * at that height or NULL (not known here); mk returns the confirmed master key whose id begins so, or NULL. Both may be NULL. */
struct sotto_session_world {
    struct sotto_rng *rng;
    const struct sotto_scalar *exchange;              /* own k, for the look-ahead */
    void *ctx;
    void (*scalar)(void *ctx, struct sotto_scalar *out);
    void (*x)(void *ctx, uint8_t out[32]);
    const struct sotto_block *(*block)(void *ctx, uint64_t height);
    const struct sotto_secret *(*mk)(void *ctx, const uint8_t mk8[8]);
};

struct sotto_session_start {
    bool initiator;
    struct sotto_id own, peer;
    uint8_t c2[32];
    struct sotto_point peer_xkey, p;                  /* p zeroed: computed from exchange */
    struct sotto_secret rk, hk_i, hk_r;
    struct sotto_point eph_r;                         /* r_R*G: needed by I */
    struct sotto_scalar eph_r_scalar;                 /* r_R: needed by R */
};
/* ERR_NOMEM, ERR_KEY. exchange is needed only when start->p is zeroed. */
SOTTO_MUST_USE enum sotto_err sotto_session_new(struct sotto_session **out, const struct sotto_session_start *start, const struct sotto_scalar *exchange);
/* From a stored core (codec: rows.c of this folder). ERR_NOMEM, ERR_KEY (K_peer or P is no point). */
SOTTO_MUST_USE enum sotto_err sotto_session_restore(struct sotto_session **out, const struct sotto_session_core *core);
void sotto_session_free(struct sotto_session *s);     /* wipes; NULL is fine */

static inline uint8_t sotto_session_dir_out(const struct sotto_session *s) { return s->core.initiator ? 0 : 1; }
static inline uint8_t sotto_session_dir_in(const struct sotto_session *s) { return s->core.initiator ? 1 : 0; }
bool sotto_session_can_send(const struct sotto_session *s);      /* false: R that has not received, or a chain at its end without reply */

/* What the first cell of a new chain names; used only then. */
struct sotto_fresh { const struct sotto_block *block; const struct sotto_secret *mk; };   /* either may be NULL */
/* Seals one body. fresh may be NULL. *index may be NULL. ERR_STATE (R before it received), ERR_CHAIN_END. On error nothing changed. */
SOTTO_MUST_USE enum sotto_err sotto_session_send(struct sotto_session *s, uint8_t sealed[SOTTO_CELL_BYTES], uint32_t *index,
                                                 const uint8_t body[SOTTO_BODY_BYTES], uint8_t flags, const struct sotto_fresh *fresh,
                                                 const struct sotto_session_world *world);

/* ---- Before it is needed ---- */

/* Makes up to *budget values (each about one multiplication) of those that prepared.h lists and takes them off *budget. True: more is to
 * do. Draws X and scalars from world's rng; nothing is drawn where world supplies them. Never fails and never changes what is stored. */
bool sotto_session_prepare(struct sotto_session *s, const struct sotto_session_world *world, unsigned *budget);
void sotto_session_unprepare(struct sotto_session *s);           /* wipes all of it */
/* How many of the next cells to send, or to receive on the current or the next chain, need no multiplication more. */
unsigned sotto_session_prepared_out(const struct sotto_session *s);
unsigned sotto_session_prepared_in(const struct sotto_session *s, bool next);

/* ---- Receiving ---- */

enum sotto_slot { SOTTO_SLOT_CURRENT, SOTTO_SLOT_NEXT, SOTTO_SLOT_SKIPPED, SOTTO_SLOT_USED /* of the keeper: opened already */ };
struct sotto_hit { enum sotto_slot slot; uint32_t index; };
/* Tags of the indexes from .. from+count-1 of the current or the next chain (skipped entries carry their own). Writes at most
 * count entries, in order, leaving out indexes both ends skip and those past the chain's end; returns how many (0: no such chain). */
uint32_t sotto_session_ahead(const struct sotto_session *s, struct sotto_tag *tags, uint32_t *indexes, enum sotto_slot slot, uint32_t from,
                             uint32_t count, const struct sotto_scalar *exchange);
/* One of them, whose x(K_Bt) is kept for _open. ERR_KEY: left out; ERR_STATE: no such chain. */
SOTTO_MUST_USE enum sotto_err sotto_session_look(struct sotto_session *s, struct sotto_tag *tag, enum sotto_slot slot, uint32_t index,
                                                 const struct sotto_scalar *exchange);
uint32_t sotto_session_window(const struct sotto_session *s);    /* L of the current chain: 8 or 32; 0 = there is none */
/* Without a table (vectors, tests): looks window ahead in both chains, and among the skipped. Slow. false: not-mine. */
bool sotto_session_find(const struct sotto_session *s, struct sotto_hit *out, const struct sotto_tag *tag, uint32_t window,
                        const struct sotto_scalar *exchange);

/* A verified cell that is not committed yet. Make it zeroed; always end it with _commit or _drop. Holds secrets. */
struct sotto_step {
    struct sotto_hit hit;
    struct sotto_header header;
    uint8_t body[SOTTO_BODY_BYTES];
    bool chain_new;                                   /* it began a new receiving chain */
    uint32_t lost;                                    /* skipped entries this step adds */
    struct sotto_session_core next;                   /* the copy; unused for a skipped one */
    struct sotto_skipped *added;                      /* guarded, lost entries */
    uint32_t used;                                    /* place of the used skipped entry */
};
/* Checks 2-5 of messaging.md 4.5 in their order. hit comes from the tag table: a tag that is not (any more) in the place it
 * names is ERR_NOT_MINE. ERR_AEAD, _HEADER_FORM, _HEADER_INDEX, _HEADER_CHAIN, _HEADER_KEY, _HEADER_BLOCK, ERR_AGAIN (block or mk
 * not known here yet: keep the cell up to 1 h), _SKIP. On error step is empty and nothing changed. */
SOTTO_MUST_USE enum sotto_err sotto_session_open(const struct sotto_session *s, struct sotto_step *step, const struct sotto_hit *hit,
                                                 const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_session_world *world, uint64_t now_ms);
/* The number of the receiving chain that the step's cell belongs to, before _commit. */
uint32_t sotto_session_chain(const struct sotto_session *s, const struct sotto_step *step);
/* HS of the step's cell, before _commit: its keeper knows by it a second cell under the same address. */
void sotto_session_header_secret(const struct sotto_session *s, struct sotto_secret *hs, const struct sotto_step *step);
/* Check 6: everything at once. May only fail with ERR_NOMEM, with nothing changed (the step stays to be dropped). The list of skipped
 * keys may then be longer than SOTTO_SKIPPED_MAX (by one step): the keeper forgets the oldest, whose rows it knows. */
SOTTO_MUST_USE enum sotto_err sotto_session_commit(struct sotto_session *s, struct sotto_step *step);
void sotto_session_drop(struct sotto_step *step);     /* wipes */

/* Skipped entries, for the keeper. _forget wipes entry i and closes the hole. */
void sotto_session_forget(struct sotto_session *s, uint32_t i);
SOTTO_MUST_USE enum sotto_err sotto_session_put_skipped(struct sotto_session *s, const struct sotto_skipped *entry);   /* while loading; ERR_FULL */

#endif
