/* Asks the router of this network to lead a port to this node: UPnP, then NAT-PMP (network.md 1).
 *
 * The libraries that speak these languages wait as long as a router likes and read whatever it sends. So they run in a program of
 * their own, sotto-portmap, which holds no key, has bounds on its memory and its time, and is ended when its time is over. It tells by
 * lines what came of it, one for each method it tried:
 *
 *     METHOD RESULT                                   natpmp silent
 *     METHOD mapped ADDRESS:PORT SECONDS [URL]        upnp mapped 45.67.89.10:30303 3600 http://192.168.1.1:5000/rootDesc.xml
 *
 * The words are those of p2p/mapping.h. Threads: sotto_io_portmap blocks, for a worker; the others: any. */
#ifndef SOTTO_IO_PORTMAP_H
#define SOTTO_IO_PORTMAP_H

#include "base/bytes.h"
#include "p2p/mapping.h"

#include <stdatomic.h>

#define SOTTO_PORTMAP_LINES_MAX 1024u                 /* bytes of all lines */
#define SOTTO_PORTMAP_ASK_MS 15000u                   /* both methods, all tries */
#define SOTTO_PORTMAP_GIVE_BACK_MS 3000u              /* at a stop, which then has 4 s instead of 2 */
#define SOTTO_PORTMAP_PROGRAM "sotto-portmap"

const char *sotto_map_method_name(enum sotto_map_method m);           /* the word */
const char *sotto_map_method_text(enum sotto_map_method m);           /* for people */
const char *sotto_map_result_name(enum sotto_map_result r);
const char *sotto_map_result_text(enum sotto_map_result r);           /* for people: the second half of a sentence */

/* One line with its newline. ERR_FULL: out is too small; ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_portmap_write(struct sotto_buf *out, const struct sotto_map_try *t);
/* All lines; strict: one written form for each value. A last line without its newline is left out. ERR_FORMAT. */
SOTTO_MUST_USE enum sotto_err sotto_portmap_read(struct sotto_map_report *out, struct sotto_span lines);
/* What a URL of a device may look like: "http://", then an IPv4 address of a network such as people have at home, with a port or none,
 * then printable ASCII without spaces; shorter than SOTTO_MAP_URL_SIZE. */
bool sotto_portmap_url(const char *url);
bool sotto_portmap_home(const uint8_t ip[4]);         /* 10/8, 172.16/12, 192.168/16, 169.254/16, 100.64/10 */

struct sotto_portmap_request {
    bool give_back;                       /* hint says what; else it is asked for */
    uint16_t port;                        /* of this node, TCP and UDP */
    struct sotto_addr from;               /* the one address that is listened on; family 0: all of IPv4 */
    struct sotto_map_try hint;            /* what was mapped last: tried first. result other than MAPPED: nothing was */
};
/* Runs the program and waits for its end, or its time, or cancel. ERR_MISSING: the program is not there; ERR_IO, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_io_portmap(struct sotto_map_report *out, const struct sotto_portmap_request *r, const atomic_bool *cancel);

#endif
