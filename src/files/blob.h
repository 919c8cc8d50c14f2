/* Files as sealed blobs of one size (messaging.md 7): shape, sealing, opening. Pure.
 *
 *     file -> level 0: pieces of 16,368 bytes, their number rounded up, all zero-padded
 *          -> level 1: ids of level 0, 511 to a piece -> ... -> one blob: its id is the root
 *
 * A store sees blobs of 16,384 bytes and their ids; equal files have unrelated blobs, since fk is random per upload.
 * Threads: plain values; a sealer or opener belongs to one thread at a time. */
#ifndef SOTTO_FILES_BLOB_H
#define SOTTO_FILES_BLOB_H

#include "crypto/hash.h"

#define SOTTO_PIECE_SIZE 16368u
#define SOTTO_BLOB_SIZE 16384u
#define SOTTO_BLOB_IDS 511u               /* ids in a piece of a level above 0 */
#define SOTTO_PIECES_MAX 131072u
#define SOTTO_FILE_SIZE_MAX ((uint64_t)SOTTO_PIECES_MAX * SOTTO_PIECE_SIZE)
#define SOTTO_FILE_LEVELS 3u              /* 0, 1, 2: enough for 511 * 511 pieces */

struct sotto_file_shape {
    uint64_t size;
    uint8_t depth;                        /* the level of the root, >= 1 */
    uint32_t count[SOTTO_FILE_LEVELS];    /* blobs of each level; count[0] is rounded, count[depth] is 1 */
};
/* The smallest 2^k or 3*2^k that is >= n; n in 1..131,072. */
uint32_t sotto_pieces_round(uint32_t n);
/* ERR_RANGE above 2 GiB (131,072 pieces). An empty file is one piece. */
SOTTO_MUST_USE enum sotto_err sotto_file_shape(struct sotto_file_shape *out, uint64_t size);

/* Piece index of a level: blob and id from a whole, zero-padded piece. fk is used with each (level, index) once. */
SOTTO_MUST_USE enum sotto_err sotto_blob_seal(uint8_t blob[SOTTO_BLOB_SIZE], uint8_t id[32], const struct sotto_secret *fk, uint8_t level, uint32_t index,
                                              const uint8_t piece[SOTTO_PIECE_SIZE]);
void sotto_blob_id(uint8_t id[32], const uint8_t blob[SOTTO_BLOB_SIZE]);
/* The id is compared before the seal is opened. ERR_FILE_FORM (size or id), ERR_AEAD. */
SOTTO_MUST_USE enum sotto_err sotto_blob_open(uint8_t piece[SOTTO_PIECE_SIZE], const struct sotto_secret *fk, uint8_t level, uint32_t index,
                                              const uint8_t id[32], struct sotto_span blob);

/* ---- sealing a whole file, piece after piece ---- */

struct sotto_sealer;
SOTTO_MUST_USE enum sotto_err sotto_sealer_new(struct sotto_sealer **out, const struct sotto_secret *fk, uint64_t size);    /* ERR_RANGE, ERR_NOMEM */
void sotto_sealer_free(struct sotto_sealer *s);
/* How many bytes of the file the next call wants: 16,368 or fewer at the end; 0 for padding and for the levels above. */
size_t sotto_sealer_wants(const struct sotto_sealer *s);
/* The next blob, levels upwards. data.size must be what _wants said (ERR_RANGE). ERR_STATE after the root. */
SOTTO_MUST_USE enum sotto_err sotto_sealer_next(struct sotto_sealer *s, uint8_t blob[SOTTO_BLOB_SIZE], uint8_t id[32], struct sotto_span data);
bool sotto_sealer_done(const struct sotto_sealer *s);
/* After the last blob: root id and SHA-256 of the file. ERR_STATE before. */
SOTTO_MUST_USE enum sotto_err sotto_sealer_result(const struct sotto_sealer *s, uint8_t root[32], uint8_t sha256[32]);

/* ---- opening: root down, pieces in any order, resumable ---- */

struct sotto_opener;
SOTTO_MUST_USE enum sotto_err sotto_opener_new(struct sotto_opener **out, const struct sotto_secret *fk, const uint8_t root[32],
                                               const struct sotto_file_shape *shape);      /* ERR_RANGE, ERR_NOMEM */
void sotto_opener_free(struct sotto_opener *o);
/* The id to ask for; false while the level above is not there yet, or outside the shape. */
bool sotto_opener_id(const struct sotto_opener *o, uint8_t id[32], uint8_t level, uint32_t index);
bool sotto_opener_has(const struct sotto_opener *o, uint8_t level, uint32_t index);
/* The next blob that is missing and can be asked for, upper levels first; false = nothing left. */
bool sotto_opener_next(const struct sotto_opener *o, uint8_t *level, uint32_t *index);
/* Takes one blob. Level 0: plain gets *size bytes that belong at offset index * 16,368 of the file (0 for padding pieces).
 * Upper levels: *size = 0. ERR_STATE (id not known yet, or had already), ERR_FILE_FORM (wrong id, padding not zero), ERR_AEAD: fetch it elsewhere. */
SOTTO_MUST_USE enum sotto_err sotto_opener_put(struct sotto_opener *o, uint8_t plain[SOTTO_PIECE_SIZE], size_t *size, uint8_t level, uint32_t index,
                                               struct sotto_span blob);
bool sotto_opener_done(const struct sotto_opener *o);       /* all pieces there; the whole hash is still to be compared */
/* The bitmap of level 0 as kept on disk, (count[0] + 7) / 8 bytes, least significant bit first. _resume marks what is on disk
 * already: upper levels are fetched again. ERR_FORMAT: wrong size or a bit beyond the last piece. */
struct sotto_span sotto_opener_bitmap(const struct sotto_opener *o);
SOTTO_MUST_USE enum sotto_err sotto_opener_resume(struct sotto_opener *o, struct sotto_span bitmap);

#endif
