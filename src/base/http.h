/* The head of one HTTP request, as a door hands it to whoever judges it: no body yet, nothing decided. Whoever reads sockets (io) fills
 * it, whoever knows the rules (rpc/gate.h) reads it; neither knows the other. Every span is borrowed for the call and holds any bytes a
 * client likes; data NULL = the field was not there. A field that came twice is its values one behind the other. Threads: plain values. */
#ifndef SOTTO_BASE_HTTP_H
#define SOTTO_BASE_HTTP_H

#include "base/bytes.h"

struct sotto_http_head {
    bool local;                                 /* over the unix socket: the kernel has said who it is */
    bool upgrade;                               /* it wants to become a WebSocket */
    const char *method;                         /* "GET" "POST" "OPTIONS" ...; never NULL */
    struct sotto_span path;                     /* percent signs resolved, without query */
    struct sotto_span host, origin, authorization, content_type;
};

#endif
