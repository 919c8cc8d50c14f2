#include "files/filelink.h"

#include "base/text.h"

#include <ctype.h>

/* ---- rules for the texts ---- */

/* One character of valid UTF-8 at *at; moves on. */
static uint32_t next_char(struct sotto_span s, size_t *at)
{
    uint8_t first = s.data[(*at)++];
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t c = more ? first & (0x3fu >> more) : first;
    while (more--) c = c << 6 | (s.data[(*at)++] & 0x3f);
    return c;
}

static bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

static bool name_good(struct sotto_span name)
{
    if (name.size > SOTTO_FILE_NAME_MAX || !sotto_utf8_valid(name)) return false;
    if (name.size > 0 && name.data[0] == '.') return false;
    for (size_t at = 0; at < name.size;) {
        uint32_t c = next_char(name, &at);
        if (c == '/' || is_control(c)) return false;
    }
    return true;
}

static bool mime_good(struct sotto_span mime)
{
    if (mime.size > UINT8_MAX) return false;
    for (size_t i = 0; i < mime.size; i++)
        if (mime.data[i] < 0x20 || mime.data[i] > 0x7e) return false;
    return true;
}

static bool link_good(const struct sotto_filelink *l)
{
    struct sotto_file_shape right;
    if (sotto_file_shape(&right, l->shape.size) != SOTTO_OK) return false;
    if (right.depth != l->shape.depth || memcmp(right.count, l->shape.count, sizeof right.count) != 0) return false;
    return mime_good(l->mime) && name_good(l->name) && l->caption.size <= UINT16_MAX && sotto_utf8_valid(l->caption);
}

/* ---- the payload ---- */

static enum sotto_err encode(struct sotto_buf *b, const struct sotto_filelink *l)
{
    SOTTO_TRY(sotto_buf_add(b, l->root, 32));
    SOTTO_TRY(sotto_buf_add(b, l->fk.b, 32));
    SOTTO_TRY(sotto_buf_add(b, l->sha256, 32));
    SOTTO_TRY(sotto_buf_add_u64(b, l->shape.size));
    SOTTO_TRY(sotto_buf_add_u32(b, l->shape.count[0]));
    SOTTO_TRY(sotto_buf_add_u8(b, l->shape.depth));
    SOTTO_TRY(sotto_buf_add_u8(b, (uint8_t)l->mime.size));
    SOTTO_TRY(sotto_buf_add_span(b, l->mime));
    SOTTO_TRY(sotto_buf_add_u8(b, (uint8_t)l->name.size));
    SOTTO_TRY(sotto_buf_add_span(b, l->name));
    SOTTO_TRY(sotto_buf_add_u16(b, (uint16_t)l->caption.size));
    return sotto_buf_add_span(b, l->caption);
}

enum sotto_err sotto_filelink_encode(struct sotto_buf *out, const struct sotto_filelink *link)
{
    if (!link_good(link)) return SOTTO_ERR_RANGE;
    size_t size = 96 + 8 + 4 + 1 + 1 + link->mime.size + 1 + link->name.size + 2 + link->caption.size;
    struct sotto_buf b = sotto_buf_make(size);
    enum sotto_err err = sotto_buf_reserve(&b, size);         /* at once: growing would leave copies of the key behind */
    if (err == SOTTO_OK) err = encode(&b, link);
    if (err == SOTTO_OK) err = sotto_buf_add_span(out, sotto_buf_span(&b));
    sotto_buf_free(&b);                   /* wipes: it held the key */
    return err;
}

static enum sotto_err decode(struct sotto_filelink *l, struct sotto_span payload)
{
    struct sotto_reader r = sotto_reader(payload);
    uint64_t size;
    uint32_t pieces;
    uint8_t depth, n8;
    uint16_t n16;
    SOTTO_TRY(sotto_get_bytes(&r, l->root, 32));
    SOTTO_TRY(sotto_get_bytes(&r, l->fk.b, 32));
    SOTTO_TRY(sotto_get_bytes(&r, l->sha256, 32));
    SOTTO_TRY(sotto_get_u64(&r, &size));
    SOTTO_TRY(sotto_get_u32(&r, &pieces));
    SOTTO_TRY(sotto_get_u8(&r, &depth));
    SOTTO_TRY(sotto_get_u8(&r, &n8));
    SOTTO_TRY(sotto_get_span(&r, &l->mime, n8));
    SOTTO_TRY(sotto_get_u8(&r, &n8));
    SOTTO_TRY(sotto_get_span(&r, &l->name, n8));
    SOTTO_TRY(sotto_get_u16(&r, &n16));
    SOTTO_TRY(sotto_get_span(&r, &l->caption, n16));
    SOTTO_TRY(sotto_get_end(&r));
    SOTTO_TRY(sotto_file_shape(&l->shape, size));
    return pieces == l->shape.count[0] && depth == l->shape.depth && link_good(l) ? SOTTO_OK : SOTTO_ERR_FORMAT;
}

enum sotto_err sotto_filelink_decode(struct sotto_filelink *out, struct sotto_span payload)
{
    struct sotto_filelink l = { 0 };
    bool good = decode(&l, payload) == SOTTO_OK;
    if (good) *out = l;
    SOTTO_WIPE(l);
    return good ? SOTTO_OK : SOTTO_ERR_FILE_FORM;
}

/* ---- a name for this disk ---- */

/* Characters that name nothing good on some disk, or that make a name read otherwise than it is (bidirectional marks). */
static bool unsafe_char(uint32_t c)
{
    if (is_control(c) || (c < 0x80 && strchr("/\\:*?\"<>|", (int)c))) return true;
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static bool is_device(const char *name)
{
    static const char *const devices[] = { "con", "prn", "aux", "nul", "com", "lpt" };
    char stem[4] = { 0 };
    for (size_t i = 0; i < 3 && name[i]; i++) stem[i] = (char)tolower((unsigned char)name[i]);
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(stem, devices[i]) != 0) continue;
        const char *rest = name + 3;
        if (i >= 4 && *rest >= '0' && *rest <= '9') rest++;
        else if (i >= 4) continue;
        if (*rest == 0 || *rest == '.') return true;
    }
    return false;
}

void sotto_file_safe_name(char out[SOTTO_FILE_NAME_MAX + 1], struct sotto_span name)
{
    char text[SOTTO_FILE_NAME_MAX + 1] = { 0 };
    size_t n = 0, at = 0;
    if (sotto_utf8_valid(name)) {
        while (at < name.size && (name.data[at] == '.' || name.data[at] == ' ')) at++;
        while (at < name.size) {
            size_t from = at;
            uint32_t c = next_char(name, &at);
            if (n + (at - from) > SOTTO_FILE_NAME_MAX - 1) break;    /* room for "_" before a device name */
            if (unsafe_char(c)) text[n++] = '_';
            else for (; from < at; from++) text[n++] = (char)name.data[from];
        }
    }
    while (n > 0 && (text[n - 1] == '.' || text[n - 1] == ' ')) n--;
    text[n] = 0;
    if (n == 0) {
        memcpy(text, "file", 5);
        n = 4;
    }
    bool device = is_device(text);
    if (device) out[0] = '_';
    memcpy(out + device, text, n + 1);
}

/* ---- the whole ---- */

void sotto_file_check_begin(struct sotto_file_check *c)
{
    sha256_init(&c->ctx);
    c->size = 0;
}

void sotto_file_check_add(struct sotto_file_check *c, struct sotto_span data)
{
    sha256_update(&c->ctx, data.size, data.data);
    c->size += data.size;
}

enum sotto_err sotto_file_check_end(struct sotto_file_check *c, const struct sotto_filelink *link)
{
    uint8_t hash[32];
    sha256_digest(&c->ctx, sizeof hash, hash);
    return c->size == link->shape.size && memcmp(hash, link->sha256, sizeof hash) == 0 ? SOTTO_OK : SOTTO_ERR_FILE_FORM;
}
