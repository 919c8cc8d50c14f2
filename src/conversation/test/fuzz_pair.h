/* Two people who know each other, made without a test framework: what the fuzz targets of this folder begin with. */
#ifndef SOTTO_CONVERSATION_TEST_FUZZ_PAIR_H
#define SOTTO_CONVERSATION_TEST_FUZZ_PAIR_H

#include "conversation/messenger_impl.h"
#include "crypto/rng.h"

#define FUZZ_NOW ((struct sotto_now){ 1767225600000000ull, 1767225600000ull })

struct fuzz_person {
    struct sotto_roles roles;
    struct sotto_buf cert;
    struct sotto_chacha_rng rng;
    struct sotto_messenger_config config;
    struct sotto_messenger *m;
};

static inline void fuzz_person(struct fuzz_person *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&p->rng, seed, "fuzz");
    for (int r = 0; r < SOTTO_ROLE_COUNT; r++) sotto_scalar_random(&p->roles.key[r], &p->rng.rng);
    struct sotto_cert cert = { .version = 1, .not_before_s = 1767225000, .not_after_s = 1767225000 + 600 * 86400 };
    SOTTO_ASSERT(sotto_point_make(&cert.key, &p->roles.key[SOTTO_ROLE_IDENTITY]) == SOTTO_OK);
    SOTTO_ASSERT(sotto_point_make(&cert.xkey, &p->roles.key[SOTTO_ROLE_EXCHANGE]) == SOTTO_OK);
    SOTTO_ASSERT(sotto_id_of(&cert.id, &cert.key) == SOTTO_OK);
    p->cert = sotto_buf_make(SOTTO_CERT_MAX);
    SOTTO_ASSERT(sotto_cert_make(&p->cert, &cert, &p->roles.key[SOTTO_ROLE_IDENTITY]) == SOTTO_OK);
    p->config = (struct sotto_messenger_config){ .keys = &p->roles, .cert = sotto_buf_span(&p->cert), .receipt_mean_ms = 1000, .puzzle_bits = 1,
                                                 .contacts_max = 8, .requests_max = 4, .pending_max = 4, .unacked_max = 100, .rng = &p->rng.rng };
}

static inline void fuzz_open(struct fuzz_person *p)
{
    SOTTO_ASSERT(sotto_messenger_new(&p->m, &p->config) == SOTTO_OK);
}

#endif
