#include "relay/link_refusal.h"

enum { SCORE_TIME = 10, SCORE_RATE = 10, SCORE_CELL = 30, SCORE_BREACH = 50, SCORE_ENVELOPE = 5 };

struct sotto_rl_penalty sotto_rl_penalty(enum sotto_err err)
{
    enum sotto_reason sub = SOTTO_REASON_SUBPROTOCOL;
    if (err == SOTTO_ERR_NOMEM || err == SOTTO_ERR_FULL || err == SOTTO_ERR_INTERNAL) return (struct sotto_rl_penalty){ SOTTO_REASON_TOO_MANY, 0 };
    if (err == SOTTO_ERR_LINK_TIME) return (struct sotto_rl_penalty){ sub, SCORE_TIME };
    if (err == SOTTO_ERR_LINK_RATE) return (struct sotto_rl_penalty){ sub, SCORE_RATE };
    return (struct sotto_rl_penalty){ sub, err == SOTTO_ERR_CELL_OPEN ? SCORE_CELL : SCORE_BREACH };
}

int sotto_rl_envelope_score(enum sotto_err err)
{
    return err == SOTTO_ERR_ENV_WORK || err == SOTTO_ERR_ENV_BLOOM || err == SOTTO_ERR_ENV_SIZE ? SCORE_ENVELOPE : 0;
}
