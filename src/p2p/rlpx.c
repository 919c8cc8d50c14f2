#include "p2p/rlpx.h"

#include "crypto/ecies.h"
#include "wire/rlp.h"

enum { PROTOCOL_VERSION = 4 };
enum { OLD_AUTH_PLAIN = 194, OLD_ACK_PLAIN = 97 };
/* Zero bytes after the list, so that a packet is longer than an old one and of no fixed length (EIP-8 asks for 100 at least). */
enum { PADDING_MIN = 100, PADDING_SPREAD = 200 };
enum { SIG_V = 27 };                                  /* crypto/ writes v as 27 or 28, RLPx as 0 or 1 */

void sotto_rlpx_begin(struct sotto_rlpx *x, enum sotto_rlpx_role role, const struct sotto_scalar *key, struct sotto_rng *rng)
{
    *x = (struct sotto_rlpx){ .role = role, .key = key };
    x->auth = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    x->ack = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    sotto_scalar_random(&x->ephemeral, rng);
    sotto_rng_fill(rng, x->nonce, sizeof x->nonce);
}

void sotto_rlpx_end(struct sotto_rlpx *x)
{
    sotto_buf_free(&x->auth);
    sotto_buf_free(&x->ack);
    sotto_wipe(x, sizeof *x);
}

static enum sotto_err public64(uint8_t out[64], const struct sotto_scalar *k)
{
    struct sotto_point p;
    SOTTO_TRY(sotto_point_make(&p, k));
    return sotto_point_to64(out, &p);
}

/* token ^ nonce, token = ecdh of the two static keys: the 32 bytes that auth signs. */
static enum sotto_err signed_hash(uint8_t out[32], const struct sotto_scalar *key, const struct sotto_point *remote, const uint8_t nonce[32])
{
    struct sotto_secret token;
    SOTTO_TRY(sotto_ecdh_x(&token, key, remote));
    for (int i = 0; i < 32; i++) out[i] = token.b[i] ^ nonce[i];
    SOTTO_WIPE(token);
    return SOTTO_OK;
}

/* size || ecies(to, plain || padding, s2 = size) */
static enum sotto_err seal_packet(struct sotto_buf *out, const struct sotto_point *to, struct sotto_buf *plain, struct sotto_rng *rng)
{
    uint8_t zero[PADDING_MIN + PADDING_SPREAD] = { 0 }, prefix[2];
    SOTTO_TRY(sotto_buf_add(plain, zero, PADDING_MIN + sotto_rng_below(rng, PADDING_SPREAD)));
    sotto_put_be16(prefix, (uint16_t)(plain->size + SOTTO_ECIES_OVERHEAD));
    SOTTO_TRY(sotto_buf_add(out, prefix, sizeof prefix));
    return sotto_ecies_seal(out, to, SOTTO_SPAN(prefix), sotto_buf_span(plain), rng);
}

static enum sotto_err auth_body(struct sotto_buf *plain, const struct sotto_rlpx *x, const struct sotto_point *to)
{
    uint8_t hash[32], own[64];
    struct sotto_sig65 sig;
    SOTTO_TRY(signed_hash(hash, x->key, to, x->nonce));
    enum sotto_err err = sotto_sign(&sig, &x->ephemeral, hash);
    SOTTO_WIPE(hash);
    SOTTO_TRY(err);
    sig.b[64] = (uint8_t)(sig.b[64] - SIG_V);
    SOTTO_TRY(public64(own, x->key));
    size_t mark = sotto_rlp_begin(plain);
    SOTTO_TRY(sotto_rlp_add_bytes(plain, SOTTO_SPAN(sig.b)));
    SOTTO_TRY(sotto_rlp_add_bytes(plain, SOTTO_SPAN(own)));
    SOTTO_TRY(sotto_rlp_add_bytes(plain, SOTTO_SPAN(x->nonce)));
    SOTTO_TRY(sotto_rlp_add_uint(plain, PROTOCOL_VERSION));
    return sotto_rlp_end_list(plain, mark);
}

enum sotto_err sotto_rlpx_write_auth(struct sotto_rlpx *x, const uint8_t remote[64], struct sotto_rng *rng)
{
    SOTTO_ASSERT(x->role == SOTTO_RLPX_DIALER && x->auth.size == 0);
    struct sotto_point to;
    SOTTO_TRY(sotto_point_from64(&to, remote));
    struct sotto_buf plain = sotto_buf_make(SOTTO_RLPX_PACKET_MAX), packet = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    enum sotto_err err = auth_body(&plain, x, &to);
    if (err == SOTTO_OK) err = seal_packet(&packet, &to, &plain, rng);
    sotto_buf_free(&plain);
    if (err != SOTTO_OK) {
        sotto_buf_free(&packet);
        return err;
    }
    memcpy(x->remote, remote, 64);
    x->auth = packet;
    return SOTTO_OK;
}

static enum sotto_err ack_body(struct sotto_buf *plain, const struct sotto_rlpx *x)
{
    uint8_t own[64];
    SOTTO_TRY(public64(own, &x->ephemeral));
    if (x->old_form) {
        SOTTO_TRY(sotto_buf_add(plain, own, sizeof own));
        SOTTO_TRY(sotto_buf_add(plain, x->nonce, sizeof x->nonce));
        return sotto_buf_add_u8(plain, 0);
    }
    size_t mark = sotto_rlp_begin(plain);
    SOTTO_TRY(sotto_rlp_add_bytes(plain, SOTTO_SPAN(own)));
    SOTTO_TRY(sotto_rlp_add_bytes(plain, SOTTO_SPAN(x->nonce)));
    SOTTO_TRY(sotto_rlp_add_uint(plain, PROTOCOL_VERSION));
    return sotto_rlp_end_list(plain, mark);
}

enum sotto_err sotto_rlpx_write_ack(struct sotto_rlpx *x, struct sotto_rng *rng)
{
    SOTTO_ASSERT(x->role == SOTTO_RLPX_LISTENER && x->auth.size && x->ack.size == 0);
    struct sotto_point to;
    SOTTO_TRY(sotto_point_from64(&to, x->remote));
    struct sotto_buf plain = sotto_buf_make(SOTTO_RLPX_PACKET_MAX), packet = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    enum sotto_err err = ack_body(&plain, x);
    if (err == SOTTO_OK) {
        err = x->old_form ? sotto_ecies_seal(&packet, &to, sotto_span(NULL, 0), sotto_buf_span(&plain), rng)
                          : seal_packet(&packet, &to, &plain, rng);
    }
    sotto_buf_free(&plain);
    if (err != SOTTO_OK) {
        sotto_buf_free(&packet);
        return err;
    }
    x->ack = packet;
    return SOTTO_OK;
}

/* What both forms of a packet carry. */
struct packet { uint8_t sig[65], key[64], nonce[32]; };

static enum sotto_err decode_old(struct packet *out, enum sotto_rlpx_role role, struct sotto_span plain)
{
    struct sotto_reader r = sotto_reader(plain);
    struct sotto_span hash;
    if (role == SOTTO_RLPX_DIALER) {                  /* ack: ephemeral key, nonce, 00 */
        if (plain.size != OLD_ACK_PLAIN) return SOTTO_ERR_ECIES;
        SOTTO_TRY(sotto_get_bytes(&r, out->key, 64));
        return sotto_get_bytes(&r, out->nonce, 32);
    }
    if (plain.size != OLD_AUTH_PLAIN) return SOTTO_ERR_ECIES;
    SOTTO_TRY(sotto_get_bytes(&r, out->sig, 65));
    SOTTO_TRY(sotto_get_span(&r, &hash, 32));         /* of the ephemeral key: the signature says the same */
    SOTTO_TRY(sotto_get_bytes(&r, out->key, 64));
    return sotto_get_bytes(&r, out->nonce, 32);
}

/* Extra elements, the value of the version and whatever follows the list are left for later versions (EIP-8). */
static enum sotto_err decode_new(struct packet *out, enum sotto_rlpx_role role, struct sotto_span plain)
{
    struct sotto_rlp r = sotto_rlp(plain), list;
    uint64_t version;
    SOTTO_TRY(sotto_rlp_list(&r, &list));
    if (role == SOTTO_RLPX_LISTENER) SOTTO_TRY(sotto_rlp_fixed(&list, out->sig, 65));
    SOTTO_TRY(sotto_rlp_fixed(&list, out->key, 64));
    SOTTO_TRY(sotto_rlp_fixed(&list, out->nonce, 32));
    return sotto_rlp_uint(&list, &version);
}

/* Checks what was decoded and only then changes x. */
static enum sotto_err take(struct sotto_rlpx *x, const struct packet *p, bool old_form, struct sotto_span wire)
{
    struct sotto_point ephemeral, remote;
    if (x->role == SOTTO_RLPX_DIALER) {
        if (sotto_point_from64(&ephemeral, p->key) != SOTTO_OK) return SOTTO_ERR_ECIES;
    } else {
        struct sotto_sig65 sig;
        uint8_t hash[32];
        if (p->sig[64] > 1 || sotto_point_from64(&remote, p->key) != SOTTO_OK) return SOTTO_ERR_ECIES;
        memcpy(sig.b, p->sig, 65);
        sig.b[64] = (uint8_t)(sig.b[64] + SIG_V);
        if (signed_hash(hash, x->key, &remote, p->nonce) != SOTTO_OK) return SOTTO_ERR_ECIES;
        enum sotto_err err = sotto_recover(&ephemeral, &sig, hash);
        SOTTO_WIPE(hash);
        if (err != SOTTO_OK) return SOTTO_ERR_ECIES;
    }
    SOTTO_TRY(sotto_buf_add_span(x->role == SOTTO_RLPX_DIALER ? &x->ack : &x->auth, wire));
    if (x->role == SOTTO_RLPX_LISTENER) memcpy(x->remote, p->key, 64);
    x->remote_ephemeral = ephemeral;
    memcpy(x->remote_nonce, p->nonce, 32);
    x->old_form = old_form;
    return SOTTO_OK;
}

static enum sotto_err open_packet(struct sotto_rlpx *x, bool old_form, struct sotto_span wire)
{
    struct sotto_span s2 = old_form ? sotto_span(NULL, 0) : sotto_span_cut(wire, 0, 2);
    struct sotto_span sealed = old_form ? wire : sotto_span_cut(wire, 2, wire.size - 2);
    struct sotto_buf plain = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    struct packet p;
    memset(&p, 0, sizeof p);
    enum sotto_err err = sotto_ecies_open(&plain, x->key, s2, sealed);
    if (err == SOTTO_OK) {
        err = old_form ? decode_old(&p, x->role, sotto_buf_span(&plain)) : decode_new(&p, x->role, sotto_buf_span(&plain));
        if (err != SOTTO_OK) err = SOTTO_ERR_ECIES;
    }
    if (err == SOTTO_OK) err = take(x, &p, old_form, wire);
    sotto_buf_free(&plain);
    SOTTO_WIPE(p);
    return err;
}

enum sotto_err sotto_rlpx_read(struct sotto_rlpx *x, size_t *need, struct sotto_span have)
{
    SOTTO_ASSERT(have.size >= SOTTO_RLPX_FIRST_NEED);
    size_t old_size = x->role == SOTTO_RLPX_LISTENER ? SOTTO_RLPX_OLD_AUTH : SOTTO_RLPX_OLD_ACK;
    size_t new_size = sotto_be16(have.data) + 2u;
    bool maybe_old = have.data[0] == 0x04;            /* an old packet begins with an uncompressed point */
    bool maybe_new = new_size >= old_size + 2 && new_size <= SOTTO_RLPX_PACKET_MAX;
    if (!maybe_old && !maybe_new) return SOTTO_ERR_ECIES;
    if (have.size < old_size) {
        *need = old_size;
        return SOTTO_ERR_AGAIN;
    }
    if (have.size == old_size) {
        enum sotto_err err = maybe_old ? open_packet(x, true, have) : SOTTO_ERR_ECIES;
        if (err != SOTTO_ERR_ECIES || !maybe_new) return err;
        *need = new_size;
        return SOTTO_ERR_AGAIN;
    }
    SOTTO_ASSERT(have.size == new_size);
    return open_packet(x, false, have);
}

static void keccak2(uint8_t out[32], const uint8_t a[32], const uint8_t b[32])
{
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, a, 32);
    sotto_keccak_update(&k, b, 32);
    sotto_keccak_final(&k, out);
    SOTTO_WIPE(k);
}

/* update(mac ^ nonce), update(packet) */
static void mac_state(struct sotto_keccak *out, const uint8_t mac[32], const uint8_t nonce[32], struct sotto_span packet)
{
    uint8_t mixed[32];
    for (int i = 0; i < 32; i++) mixed[i] = mac[i] ^ nonce[i];
    sotto_keccak_init(out);
    sotto_keccak_update(out, mixed, sizeof mixed);
    sotto_keccak_update(out, packet.data, packet.size);
    SOTTO_WIPE(mixed);
}

enum sotto_err sotto_rlpx_secrets(struct sotto_rlpx_secrets *out, const struct sotto_rlpx *x)
{
    SOTTO_ASSERT(x->auth.size && x->ack.size);
    bool dialer = x->role == SOTTO_RLPX_DIALER;
    const uint8_t *nonce_dialer = dialer ? x->nonce : x->remote_nonce, *nonce_listener = dialer ? x->remote_nonce : x->nonce;
    struct sotto_secret e;
    uint8_t nonces[32], shared[32];
    SOTTO_TRY(sotto_ecdh_x(&e, &x->ephemeral, &x->remote_ephemeral));
    keccak2(nonces, nonce_listener, nonce_dialer);
    keccak2(shared, e.b, nonces);
    keccak2(out->aes, e.b, shared);
    keccak2(out->mac, e.b, out->aes);
    mac_state(dialer ? &out->egress : &out->ingress, out->mac, nonce_listener, sotto_buf_span(&x->auth));
    mac_state(dialer ? &out->ingress : &out->egress, out->mac, nonce_dialer, sotto_buf_span(&x->ack));
    SOTTO_WIPE(e);
    SOTTO_WIPE(shared);
    return SOTTO_OK;
}
