/* How geth reads the URL of a node, and what it says of a bad one. Only the key matters here: the peer must be connected. */
#include "node/whisper_desk.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "p2p/enr.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

static bool refuse(char why[160], const char *text)
{
    snprintf(why, 160, "%s", text);
    return false;
}

static bool starts(struct sotto_span s, const char *text) { return s.size >= strlen(text) && memcmp(s.data, text, strlen(text)) == 0; }

static bool read_key(uint8_t key[64], char why[160], struct sotto_span hex)
{
    struct sotto_point point;
    for (size_t i = 0; i < hex.size; i++) {
        uint8_t c = hex.data[i];
        if (isxdigit(c)) continue;
        snprintf(why, 160, "invalid public key (encoding/hex: invalid byte: U+%04X '%c')", c, isprint(c) ? c : '?');
        return false;
    }
    if (hex.size % 2) return refuse(why, "invalid public key (encoding/hex: odd length hex string)");
    if (hex.size != 128) return refuse(why, "invalid public key (wrong length, want 128 hex chars)");
    if (sotto_unhex(key, 64, hex) != SOTTO_OK || sotto_point_from64(&point, key) != SOTTO_OK) return refuse(why, "invalid public key (invalid secp256k1 public key)");
    return true;
}

/* enode://KEY, or with @host:port. */
static bool read_enode(uint8_t key[64], char why[160], struct sotto_span url)
{
    struct sotto_span rest = sotto_span_cut(url, 8, url.size - 8);
    struct sotto_enode e;
    size_t at = 0;
    while (at < rest.size && rest.data[at] != '@') at++;
    if (at == rest.size) {
        for (size_t i = 0; i < rest.size; i++)
            if (!isxdigit(rest.data[i])) return refuse(why, "does not contain node ID");
        return read_key(key, why, rest);
    }
    if (!read_key(key, why, sotto_span_cut(rest, 0, at))) return false;
    if (sotto_enode_parse(&e, url) == SOTTO_OK) return true;
    size_t digits = 0;
    while (digits < rest.size && isdigit(rest.data[rest.size - 1 - digits])) digits++;
    bool port = digits > 0 && digits < 6 && rest.data[rest.size - 1 - digits] == ':';
    return refuse(why, port ? "invalid IP address" : "invalid port");
}

bool sotto_shh_url(uint8_t key[64], char id[65], char why[160], struct sotto_span url)
{
    uint8_t hash[32];
    if (starts(url, "enode://")) {
        if (!read_enode(key, why, url)) return false;
    } else {
        struct sotto_enr_record record;
        struct sotto_enr enr;
        if (!starts(url, "enr:")) return refuse(why, "missing 'enr:' prefix for base64-encoded record");
        if (sotto_enr_parse(&record, &enr, url) != SOTTO_OK) return refuse(why, "invalid node record");
        memcpy(key, enr.key, 64);
    }
    sotto_keccak256(hash, sotto_span(key, 64));
    sotto_hex(id, hash, sizeof hash);
    return true;
}
