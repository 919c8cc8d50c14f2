/* envelope, file, paper */
#include "vec.h"

#include "crypto/hash.h"
#include "files/filelink.h"
#include "literal.h"
#include "relay/outbox.h"
#include "whisper/envelope.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* ---- envelope ---- */

static void envelope_times(struct vec *v)
{
    uint64_t now = vec_num(v, v->in, "now"), blur = vec_num(v, v->in, "blur");
    struct sotto_envelope e = { .nonce = 0 };
    VEC_CHECK(v, blur < SOTTO_NATIVE_GRID_S && now <= UINT32_MAX && now >= blur);
    outbox_times(&e, (uint32_t)now, (uint32_t)blur);
    vec_is_num(v, v->out, "expiry", e.expiry);
    vec_is_num(v, v->out, "ttl", e.ttl);
    vec_is_num(v, v->out, "sent", sotto_envelope_sent(&e));
}

void vec_envelope(struct vec *v)
{
    if (!vec_has(v->in, "sealed")) {
        envelope_times(v);
        return;
    }
    struct sotto_span sealed = vec_bytes(v, v->in, "sealed");
    uint64_t expiry = vec_num(v, v->in, "expiry"), ttl = vec_num(v, v->in, "ttl"), bits = vec_num(v, v->in, "bits");
    VEC_CHECK(v, sealed.size == 4 + SOTTO_NATIVE_DATA && expiry <= UINT32_MAX && ttl <= UINT32_MAX && bits <= 24);
    uint8_t start[8], nonce[8], hash[32], bytes[SOTTO_NATIVE_RLP + SOTTO_ENVELOPE_RLP_EXTRA];
    vec_hex(v, v->in, "nonce_start", start, sizeof start);
    struct sotto_envelope e = { .expiry = (uint32_t)expiry, .ttl = (uint32_t)ttl, .data = sotto_span(sealed.data + 4, SOTTO_NATIVE_DATA) }, again;
    memcpy(e.topic, sealed.data, 4);
    vec_is_hex(v, v->out, "topic", e.topic, 4);

    struct sotto_buf text = sotto_buf_make(2 * SOTTO_NATIVE_RLP);
    VEC_OK(v, sotto_envelope_short(&text, &e));
    enum sotto_err err = sotto_work_search(&e.nonce, sotto_buf_span(&text), sotto_be64(start), (unsigned)bits, NULL);
    size_t short_size = text.size;
    sotto_buf_free(&text);
    VEC_CHECK(v, err == SOTTO_OK);
    sotto_put_be64(nonce, e.nonce);
    vec_is_hex(v, v->out, "nonce", nonce, sizeof nonce);
    vec_is_num(v, v->out, "zeros", sotto_envelope_zeros(&e));
    vec_is_num(v, v->out, "short_len", short_size);
    VEC_CHECK(v, short_size == sotto_envelope_short_size(&e));
    vec_is_real(v, v->out, "pow", sotto_envelope_rating(&e, 0));

    struct sotto_buf rlp = sotto_buf_make(sizeof bytes);
    VEC_OK(v, sotto_envelope_encode(&rlp, &e));
    size_t size = rlp.size;
    memcpy(bytes, rlp.data, size);
    sotto_buf_free(&rlp);
    vec_is_hex(v, v->out, "rlp", bytes, size);
    sotto_envelope_hash(hash, sotto_span(bytes, size));
    vec_is_hex(v, v->out, "hash", hash, sizeof hash);
    VEC_OK(v, sotto_envelope_decode(&again, sotto_span(bytes, size)));
    VEC_CHECK(v, again.nonce == e.nonce && again.expiry == e.expiry && again.ttl == e.ttl && sotto_span_equal(again.data, e.data));
}

/* ---- file ---- */

/* The content of the file of a case: SHAKE256("file" | u32 size), so that no large file lies in the repository. */
static uint8_t *make_file(struct vec *v, size_t size)
{
    uint8_t seed[8] = { 'f', 'i', 'l', 'e' };
    uint8_t *data = malloc(size + 1);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    sotto_put_be32(seed + 4, (uint32_t)size);
    bool good = data && md && EVP_DigestInit_ex(md, EVP_shake256(), NULL) && EVP_DigestUpdate(md, seed, sizeof seed) &&
                (size == 0 || EVP_DigestFinalXOF(md, data, size));
    EVP_MD_CTX_free(md);
    if (!good) {
        free(data);
        vec_fault(v, "SHAKE256 is missing");
    }
    return data;
}

struct made { struct sotto_filelink link; uint8_t first[64]; uint8_t *ids, *blobs; size_t count; };

static enum sotto_err seal_all(struct made *m, const uint8_t *data)
{
    struct sotto_sealer *s;
    size_t at = 0, total = 0;
    for (unsigned l = 0; l <= m->link.shape.depth; l++) total += m->link.shape.count[l];
    m->ids = malloc(total * 32);
    m->blobs = malloc(total * SOTTO_BLOB_SIZE);
    SOTTO_ASSERT(m->ids && m->blobs);
    SOTTO_TRY(sotto_sealer_new(&s, &m->link.fk, m->link.shape.size));
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && !sotto_sealer_done(s)) {
        size_t want = sotto_sealer_wants(s);
        err = sotto_sealer_next(s, m->blobs + m->count * SOTTO_BLOB_SIZE, m->ids + 32 * m->count, sotto_span(data + at, want));
        at += want;
        m->count++;
    }
    if (err == SOTTO_OK) err = sotto_sealer_result(s, m->link.root, m->link.sha256);
    sotto_sealer_free(s);
    return err == SOTTO_OK && (m->count != total || at != m->link.shape.size) ? SOTTO_ERR_INTERNAL : err;
}

/* Everything back again from link and blobs, in the order the opener asks. */
static enum sotto_err open_all(const struct made *m, const uint8_t *data)
{
    struct sotto_opener *o;
    uint8_t level, id[32], piece[SOTTO_PIECE_SIZE];
    uint32_t index;
    SOTTO_TRY(sotto_opener_new(&o, &m->link.fk, m->link.root, &m->link.shape));
    enum sotto_err err = SOTTO_OK;
    while (err == SOTTO_OK && sotto_opener_next(o, &level, &index)) {
        size_t n = 0, size = 0;
        err = sotto_opener_id(o, id, level, index) ? SOTTO_OK : SOTTO_ERR_INTERNAL;
        while (n < m->count && memcmp(m->ids + 32 * n, id, 32) != 0) n++;
        if (err == SOTTO_OK && n == m->count) err = SOTTO_ERR_MISSING;
        if (err == SOTTO_OK) err = sotto_opener_put(o, piece, &size, level, index, sotto_span(m->blobs + n * SOTTO_BLOB_SIZE, SOTTO_BLOB_SIZE));
        if (err == SOTTO_OK && size > 0 && memcmp(piece, data + (size_t)index * SOTTO_PIECE_SIZE, size) != 0) err = SOTTO_ERR_INTERNAL;
    }
    if (err == SOTTO_OK && !sotto_opener_done(o)) err = SOTTO_ERR_INTERNAL;
    sotto_opener_free(o);
    return err;
}

static void check_file(struct vec *v, const struct made *m, struct sotto_span link)
{
    uint8_t root[32];
    memcpy(root, m->link.root, 32);
    vec_is_hex(v, v->out, "sha256", m->link.sha256, 32);
    vec_is_num(v, v->out, "chunks", m->link.shape.count[0]);
    vec_is_num(v, v->out, "depth", m->link.shape.depth);
    json_t *ids = vec_get(v, v->out, "blob_ids");
    VEC_CHECK(v, json_is_array(ids) && json_array_size(ids) == m->count);
    for (size_t i = 0; i < m->count; i++) vec_is_hex_value(v, json_array_get(ids, i), "blob_ids", m->ids + 32 * i, 32);
    vec_is_hex(v, v->out, "root", root, sizeof root);
    vec_is_hex(v, v->out, "link", link.data, link.size);
    vec_is_hex(v, v->out, "blob0_head", m->blobs, 32);
    vec_is_hex(v, v->out, "blob0_tail", m->blobs + SOTTO_BLOB_SIZE - 32, 32);
}

void vec_file_group(struct vec *v)
{
    struct made m = { 0 };
    struct sotto_filelink back;
    if (vec_refused(v)) {
        vec_is_error(v, sotto_filelink_decode(&back, vec_bytes(v, v->in, "link")));
        return;
    }
    uint64_t size = vec_num(v, v->in, "size");
    VEC_CHECK(v, size <= 64u << 20);      /* the test keeps the whole in memory */
    vec_hex(v, v->in, "fk", m.link.fk.b, 32);
    m.link.mime = vec_bytes(v, v->in, "mime");
    m.link.name = vec_bytes(v, v->in, "name");
    m.link.caption = vec_bytes(v, v->in, "caption");
    VEC_OK(v, sotto_file_shape(&m.link.shape, size));
    uint8_t *data = make_file(v, size);
    struct sotto_buf text = sotto_buf_make(1 << 18);

    jmp_buf outer;
    memcpy(&outer, &v->fault, sizeof outer);
    volatile bool good = false;
    if (setjmp(v->fault) == 0) {
        VEC_OK(v, seal_all(&m, data));
        VEC_OK(v, sotto_filelink_encode(&text, &m.link));
        VEC_OK(v, sotto_filelink_decode(&back, sotto_buf_span(&text)));
        VEC_CHECK(v, back.shape.size == size && memcmp(back.root, m.link.root, 32) == 0 && sotto_span_equal(back.name, m.link.name));
        VEC_OK(v, open_all(&m, data));
        check_file(v, &m, sotto_buf_span(&text));
        good = true;
    }
    memcpy(&v->fault, &outer, sizeof outer);
    sotto_buf_free(&text);
    free(data);
    free(m.ids);
    free(m.blobs);
    if (!good) longjmp(v->fault, 1);
}

/* ---- paper ---- */

void vec_paper(struct vec *v)
{
    uint8_t x[8];
    struct lab_literal l;
    struct sotto_scalar again;
    vec_hex(v, v->in, "x", x, sizeof x);
    struct sotto_scalar k_a = vec_scalar(v, v->in, "kA"), k_b = vec_scalar(v, v->in, "kB");
    VEC_OK(v, lab_literal_kdac(&l, x, vec_num(v, v->in, "t"), &k_a, &k_b));
    vec_is_hex(v, v->out, "h", l.h.b, 32);
    vec_is_hex(v, v->out, "K_Bt", l.big_k_bt.b, 33);
    vec_is_hex(v, v->out, "K_At", l.big_k_at.b, 33);
    vec_is_hex(v, v->out, "k_Bt", l.k_bt.b, 32);
    vec_is_hex(v, v->out, "S", l.s.b, 33);
    vec_is_hex(v, v->out, "K_S", l.k_s, 32);
    VEC_OK(v, lab_literal_recover(&again, &l.k_bt, &l.h));
    VEC_CHECK(v, memcmp(again.b, k_b.b, 32) == 0);        /* the weakness the paper has (K-20) */
}
