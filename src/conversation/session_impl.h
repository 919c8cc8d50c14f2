/* Between session.c and prepare.c: values made before, found again. Nobody else includes this. */
#ifndef SOTTO_CONVERSATION_SESSION_IMPL_H
#define SOTTO_CONVERSATION_SESSION_IMPL_H

#include "base/plant.h"
#include "conversation/session.h"

#include <string.h>

/* x(K_Bt), x(S) of an incoming index, both of an outgoing one; NULL: not made before. Borrowed until the session changes. */
const struct sotto_secret *sotto_prepared_kbt(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index);
const struct sotto_secret *sotto_prepared_s(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index);
const struct sotto_prepared_out *sotto_prepared_out(const struct sotto_session *s, const struct sotto_secret *hk, uint32_t index);

/* After each tag that was made: nothing, but in the control of the unlinkability test. */
static inline void sotto_session_tag(const struct sotto_session_core *c, struct sotto_tag *tag)
{
    if (SOTTO_PLANTED(TOPIC_FIXED)) memcpy(tag->b, c->c2, 4);
}

/* Moves the whole entry of the next index of the sending chain to *out, when it is keyed. The caller wipes it, used or not. */
bool sotto_prepared_take(struct sotto_session *s, struct sotto_prepared_out *out);

/* After the session changed: wipes what was used and what is of no use any more. */
void sotto_prepared_sent(struct sotto_session *s);
void sotto_prepared_received(struct sotto_session *s, bool chain_new);

/* x(h*K_peer), x(h*P). ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_session_kbt(const struct sotto_session *s, struct sotto_secret *out, const struct sotto_scalar *h);
SOTTO_MUST_USE enum sotto_err sotto_session_s(const struct sotto_session *s, struct sotto_secret *out, const struct sotto_scalar *h);

#endif
