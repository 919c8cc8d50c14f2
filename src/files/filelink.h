/* The file link, content type 03 (messaging.md 7): everything a receiver needs to fetch and open a file. Pure. */
#ifndef SOTTO_FILES_FILELINK_H
#define SOTTO_FILES_FILELINK_H

#include "files/blob.h"

#define SOTTO_FILE_NAME_MAX 255u          /* bytes */

struct sotto_filelink {
    uint8_t root[32];
    struct sotto_secret fk;
    uint8_t sha256[32];                   /* of the file, compared before anything is opened, shown or previewed */
    struct sotto_file_shape shape;
    struct sotto_span mime, name, caption;        /* borrowed: after _decode they point into the payload */
};
/* Appends. ERR_RANGE: shape that is not sotto_file_shape(size), media type over 255 bytes or not printable ASCII, name over 255
 * bytes, not UTF-8, with "/", a control character or a leading dot, caption over 65,535 bytes or not UTF-8. */
SOTTO_MUST_USE enum sotto_err sotto_filelink_encode(struct sotto_buf *out, const struct sotto_filelink *link);
/* The same rules, exact size; ERR_FILE_FORM. Secret inside: SOTTO_WIPE. */
SOTTO_MUST_USE enum sotto_err sotto_filelink_decode(struct sotto_filelink *out, struct sotto_span payload);

/* A name that is safe to write on this disk, whoever sent it: separators, control, formatting and reserved characters become "_",
 * dots and spaces at the ends go, device names get a "_" in front, an empty name becomes "file". At most 255 bytes and a final zero. */
void sotto_file_safe_name(char out[SOTTO_FILE_NAME_MAX + 1], struct sotto_span name);

/* SHA-256 over the file as read back from disk, in pieces. */
struct sotto_file_check { struct sha256_ctx ctx; uint64_t size; };
void sotto_file_check_begin(struct sotto_file_check *c);
void sotto_file_check_add(struct sotto_file_check *c, struct sotto_span data);
SOTTO_MUST_USE enum sotto_err sotto_file_check_end(struct sotto_file_check *c, const struct sotto_filelink *link);   /* ERR_FILE_FORM: size or hash */

#endif
