#include "crypto/normal.h"

#include "crypto/secret.h"

#include <stdlib.h>
#include <utf8proc.h>

enum sotto_err sotto_normal(struct sotto_buf *out, struct sotto_span text, enum sotto_normal kind)
{
    if (text.size > SOTTO_PASSWORD_MAX) return SOTTO_ERR_RANGE;
    uint8_t high = 0;
    for (size_t i = 0; i < text.size; i++) high |= text.data[i];
    if (high < 0x80) return sotto_buf_add_span(out, text);           /* ASCII is its own normal form */

    /* decompose + reencode work in one array of ours that can be wiped; utf8proc_map would leave copies behind */
    utf8proc_option_t how = UTF8PROC_STABLE | (kind == SOTTO_NFC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    utf8proc_ssize_t room = utf8proc_decompose(text.data, (utf8proc_ssize_t)text.size, NULL, 0, how);
    if (room < 0) return SOTTO_ERR_FORMAT;
    size_t size = ((size_t)room + 1) * sizeof(utf8proc_int32_t);     /* reencode adds a final zero */
    utf8proc_int32_t *points = malloc(size);
    if (!points) return SOTTO_ERR_NOMEM;
    enum sotto_err err = SOTTO_ERR_FORMAT;
    utf8proc_ssize_t made = utf8proc_decompose(text.data, (utf8proc_ssize_t)text.size, points, room, how);
    if (made == room) made = utf8proc_reencode(points, room, how);
    if (made >= 0) err = sotto_buf_add(out, points, (size_t)made);
    sotto_wipe(points, size);
    free(points);
    return err;
}
