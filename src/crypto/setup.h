/* The parts of sotto_crypto_init. Inside this room only. */
#ifndef SOTTO_CRYPTO_SETUP_H
#define SOTTO_CRYPTO_SETUP_H

#include "base/err.h"

#include <stdbool.h>

struct secp256k1_context_struct;

SOTTO_MUST_USE enum sotto_err sotto_curve_setup(void);   /* the shared context, blinded with system randomness */
const struct secp256k1_context_struct *sotto_curve_context(void);        /* that context, for the other files over the curve */
SOTTO_MUST_USE enum sotto_err sotto_multiples_setup(void);                /* the table of the generator; after sotto_curve_setup */
SOTTO_MUST_USE enum sotto_err sotto_aead_setup(void);    /* fetches the ciphers, makes the per-thread slot */
/* Prepared GCM keys as on a processor without AES instructions; a key is good for the way it was made. Tests only, one thread. */
void sotto_aead_portable(bool on);

#endif
