/* p2p/: RLPx and the local network. The node's static key, the ephemeral keys, the frame keys; the secret of a LAN. */
#include "ct.h"

#include "crypto/rng.h"
#include "p2p/frame.h"
#include "p2p/lan.h"
#include "p2p/rlpx.h"

#include <stdlib.h>

static void read_all(struct sotto_rlpx *x, const struct sotto_buf *packet)
{
    size_t need = SOTTO_RLPX_FIRST_NEED;
    enum sotto_err err;
    while ((err = sotto_rlpx_read(x, &need, sotto_span(packet->data, need))) == SOTTO_ERR_AGAIN) { }
    CT_OK(err);
}

static void frames(struct sotto_frames *from, struct sotto_frames *to)
{
    uint8_t payload[100] = { 7 };
    struct sotto_buf wire = sotto_buf_make(1000);
    struct sotto_span got;
    uint32_t size, code;
    CT_OK(sotto_frame_write(from, &wire, 1, SOTTO_SPAN(payload)));
    ct_reveal(wire.data + 16, 16, "it is sent");
    ct_reveal(wire.data + wire.size - 16, 16, "it is sent");
    CT_OK(sotto_frame_head(to, &size, wire.data));
    CT_OK(sotto_frame_body(to, &code, &got, wire.data + SOTTO_FRAME_HEAD, size));
    if (code != 1 || got.size != sizeof payload || memcmp(got.data, payload, sizeof payload) != 0) abort();
    sotto_buf_free(&wire);
}

static void rlpx(void)
{
    struct sotto_scalar ki, kr;
    struct sotto_point pi, pr;
    struct sotto_rlpx i, r;
    struct sotto_rlpx_secrets si, sr;
    struct sotto_frames fi, fr;
    uint8_t to[64];
    sotto_scalar_random(&ki, ct_open_rng());
    sotto_scalar_random(&kr, ct_open_rng());
    CT_OK(sotto_point_make(&pi, &ki));
    CT_OK(sotto_point_make(&pr, &kr));
    CT_OK(sotto_point_to64(to, &pr));
    CT_SECRET(ki);
    CT_SECRET(kr);
    ct_public.points = ct_public.streams = true;
    sotto_rlpx_begin(&i, SOTTO_RLPX_DIALER, &ki, ct_rng());
    sotto_rlpx_begin(&r, SOTTO_RLPX_LISTENER, &kr, ct_rng());
    CT_REVEAL(i.nonce, "RLPx sends it to whoever it dials; the keys come from the ephemeral scalars");
    CT_REVEAL(r.nonce, "as above");
    CT_OK(sotto_rlpx_write_auth(&i, to, ct_rng()));
    ct_reveal(i.auth.data, i.auth.size, "it is sent");
    read_all(&r, &i.auth);
    CT_OK(sotto_rlpx_write_ack(&r, ct_rng()));
    ct_reveal(r.ack.data, r.ack.size, "it is sent");
    read_all(&i, &r.ack);
    CT_OK(sotto_rlpx_secrets(&si, &i));
    CT_OK(sotto_rlpx_secrets(&sr, &r));
    CT_STILL_SECRET(si.aes);
    CT_STILL_SECRET(si.mac);
    CT_STILL_SECRET(si.egress);
    CT_OK(sotto_frames_begin(&fi, &si));
    CT_OK(sotto_frames_begin(&fr, &sr));
    frames(&fi, &fr);
    frames(&fr, &fi);
    sotto_frames_end(&fi);
    sotto_frames_end(&fr);
    sotto_rlpx_end(&i);
    sotto_rlpx_end(&r);
}

static void lan(void)
{
    struct sotto_secret secret, other = { { 7 } };
    struct sotto_lan_claim claim = { .tcp = 30000 };
    struct sotto_scalar k;
    struct sotto_point p;
    uint8_t salt[SOTTO_LAN_SALT], back[SOTTO_LAN_SALT], nonce[24], beacon[SOTTO_LAN_BEACON_SIZE], answer[SOTTO_LAN_ANSWER_SIZE];
    uint16_t port;
    sotto_rng_fill(ct_open_rng(), salt, sizeof salt);
    sotto_rng_fill(ct_open_rng(), nonce, sizeof nonce);
    sotto_rng_fill(ct_open_rng(), secret.b, sizeof secret.b);
    sotto_scalar_random(&k, ct_open_rng());
    CT_OK(sotto_point_make(&p, &k));
    CT_OK(sotto_point_to64(claim.key, &p));
    CT_SECRET(secret);
    sotto_lan_beacon_write(beacon, salt, &secret, 40000);
    CT_REVEAL(beacon, "it is sent to everybody");
    CT_OK(sotto_lan_beacon_read(back, &port, SOTTO_SPAN(beacon), &secret));
    sotto_lan_beacon_write(beacon, salt, &other, 40000);
    if (sotto_lan_beacon_read(back, &port, SOTTO_SPAN(beacon), &secret) != SOTTO_ERR_LAN_SECRET) abort();
    sotto_lan_answer_write(answer, &claim, salt, &secret, nonce);
    CT_REVEAL(answer, "it is sent");
}

const struct ct_op ct_ops_p2p[] = { { "rlpx-and-frames", rlpx }, { "lan", lan }, { NULL, NULL } };
