/* The secrets of an account as its own files tell them to who knows the passphrase: keys of the vault, role keys, and what the sealed
 * rows hold. The test's way to know what must not be found anywhere else; nothing of it is in a program. */
#ifndef SOTTO_TESTS_SECRETS_READER_H
#define SOTTO_TESTS_SECRETS_READER_H

#include "base/bytes.h"

typedef void reader_fn(void *ctx, const char *name, struct sotto_span secret);
/* db: a copy of messages.db with its WAL beside it; NULL: the vault only. Exits with a text if something cannot be read. */
void reader_account(const char *vault, const char *db, const char *passphrase, reader_fn *tell, void *ctx);

#endif
