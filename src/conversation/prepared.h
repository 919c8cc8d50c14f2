/* What a session computes before it is needed (messaging.md 4.11): of the next cells in both directions everything that costs a
 * multiplication and does not depend on the text. Then none lies between Enter and the queue, nor between tag match and screen.
 *
 *     sending     x(K_Bt), x(S), X of the next four indexes, then tag and both keys of the cell: these need hashing only, but do not depend
 *                 on the text either; at a change of direction the fresh scalar, its point and x(DH)
 *     receiving   x(K_Bt) of what the look-ahead made anyway; x(S) of the next four indexes, of the current chain and of the next
 *
 * Values are found by header key and index, so what was made for another chain can never be used. All of it is secret, lies in the
 * session's guarded region, is wiped when it was used, when its chain is over, and with the session; nothing of it is ever stored: a
 * process that ends loses it, and the same values, or other ones as good, are made again. Threads: the session's owner. */
#ifndef SOTTO_CONVERSATION_PREPARED_H
#define SOTTO_CONVERSATION_PREPARED_H

#include "conversation/cell.h"

#define SOTTO_PREPARED 4u                             /* cells of each direction (4.11) */
#define SOTTO_PREPARED_KBT 32u                        /* look-ahead of a chain, SOTTO_AHEAD_MORE */
#define SOTTO_PREPARED_KBT_NEXT 8u                    /* of the next chain, SOTTO_AHEAD_MIN */

struct sotto_prepared_x { bool made, good; uint32_t index; struct sotto_secret x; };       /* not good: h is 0, both ends skip the index */
/* keyed: the keys of one cell are ready too, and only sealing is left; kbt_x, s_x are wiped then. ck: the chain key after this cell. */
struct sotto_prepared_out {
    bool made, good, keyed;
    uint32_t index;
    struct sotto_secret kbt_x, s_x, ck;
    uint8_t x[32];
    struct sotto_tag tag;
    struct sotto_kn header_kn, body_kn;
};

struct sotto_prepared {
    /* receiving; an index has its place modulo the count */
    struct sotto_secret in_hk, next_hk;
    struct sotto_prepared_x kbt[SOTTO_PREPARED_KBT], s[SOTTO_PREPARED];
    struct sotto_prepared_x next_kbt[SOTTO_PREPARED_KBT_NEXT], next_s[SOTTO_PREPARED];
    /* sending */
    struct sotto_secret out_hk;
    struct sotto_prepared_out out[SOTTO_PREPARED];
    uint8_t x[SOTTO_PREPARED][32];
    uint32_t x_count;
    bool scalar_made, dh_made;
    struct sotto_scalar scalar;
    struct sotto_point point, dh_peer;                /* dh_peer: whose point dh was made with */
    struct sotto_secret dh;
};

#endif
