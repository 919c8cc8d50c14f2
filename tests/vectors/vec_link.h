/* What several groups of network.json read. */
#ifndef SOTTO_TESTS_VEC_LINK_H
#define SOTTO_TESTS_VEC_LINK_H

#include "vec.h"

#include "relay/link_status.h"

#define VEC_EXTRA_MAX 4u
/* "options": {"1": 59, ...}; ids above 8 go to extra, their bytes live until the case ends. */
struct sotto_rl_options vec_options(struct vec *v, const json_t *object, const char *key, struct sotto_rl_extra extra[VEC_EXTRA_MAX], size_t *extra_count);
/* The same compared: exactly the options that are there. */
void vec_is_options(struct vec *v, const json_t *object, const char *key, const struct sotto_rl_options *o);
/* {"error", "disconnect", "score"} of a link that ends with err, in any object. */
void vec_is_refusal(struct vec *v, const json_t *object, enum sotto_err err);

#endif
