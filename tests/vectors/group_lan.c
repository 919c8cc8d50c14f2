/* lan of network.json: the beacon by which nodes of one local network find each other. */
#include "vec.h"

#include "p2p/lan.h"

void vec_net_lan(struct vec *v)
{
    struct sotto_secret secret;
    uint8_t salt[SOTTO_LAN_SALT], beacon[SOTTO_LAN_BEACON_SIZE], got[SOTTO_LAN_SALT];
    uint16_t port = 0;
    vec_hex(v, v->in, "secret", secret.b, sizeof secret.b);
    if (vec_refused(v)) {
        vec_is_error(v, sotto_lan_beacon_read(got, &port, vec_bytes(v, v->in, "beacon"), &secret));
        return;
    }
    vec_hex(v, v->in, "salt", salt, sizeof salt);
    uint64_t at = vec_num(v, v->in, "port");
    VEC_CHECK(v, at >= 1 && at <= UINT16_MAX);
    sotto_lan_beacon_write(beacon, salt, &secret, (uint16_t)at);
    vec_is_hex(v, v->out, "beacon", beacon, sizeof beacon);
    VEC_OK(v, sotto_lan_beacon_read(got, &port, SOTTO_SPAN(beacon), &secret));
    VEC_CHECK(v, port == at && memcmp(got, salt, sizeof salt) == 0);
}
