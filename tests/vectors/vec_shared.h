/* What several groups of messaging.json read. */
#ifndef SOTTO_TESTS_VEC_SHARED_H
#define SOTTO_TESTS_VEC_SHARED_H

#include "vec.h"

#include "identity/hello.h"
#include "identity/record.h"

struct vec_person {
    struct sotto_scalar identity, exchange, scan;
    struct sotto_point xkey, scan_pub;
    struct sotto_id id;
    struct sotto_span cert;
};
bool vec_ledger(struct vec *v, const json_t *object, struct sotto_ledger_status *out);      /* its "ledger", if it has one */
uint8_t vec_content_type(struct vec *v, const char *kind);
/* out.body of [record]: the one body that carries payload, salt and signature */
void vec_record_body(struct vec *v, const struct sotto_record *r, const struct sotto_sig65 *sig);

#endif
