/* When a router is asked to lead our port to us, and what may be told to others of its answer (network.md 1, NAT). Pure: the asking
 * itself blocks and is somebody else's (io/portmap.h), one request at a time.
 *
 *     tick -> ASK ...request... answer -> GAINED, the lease is renewed at half
 *                                      -> no: again after a minute; the third time in a row after half an hour
 *     tick -> LOST                     the lease has ended and nobody renewed it
 *
 * All that a router says is a claim by whoever answered first on this network: an address that is none of the internet's, a lease that
 * is over at once, or no port is never told to anybody. Whether strangers really get through is another question. Threads: plain values. */
#ifndef SOTTO_P2P_MAPPING_H
#define SOTTO_P2P_MAPPING_H

#include "base/err.h"
#include "base/step.h"

#define SOTTO_MAP_LEASE_S 3600u                       /* what we ask for */
#define SOTTO_MAP_LEASE_LEAST_S 120u                  /* less is no answer: we would ask all the time */
#define SOTTO_MAP_AGAIN_US 60000000ull
#define SOTTO_MAP_PAUSE_US 1800000000ull              /* after SOTTO_MAP_FAILS_MAX failures in a row */
#define SOTTO_MAP_FAILS_MAX 3u
#define SOTTO_MAP_PORT_MIN 1025u                      /* nobody's discovery would take less (devp2p.md 8.2) */
#define SOTTO_MAP_URL_SIZE 256u                       /* with its final zero */

/* X(ID, word, what it means for people): io/portmap.h has them as text */
#define SOTTO_MAP_METHODS(X) X(UPNP, "upnp", "UPnP") X(NATPMP, "natpmp", "NAT-PMP")
#define SOTTO_MAP_RESULTS(X)                                                                                              \
    X(MAPPED, "mapped", "leads the port to this node")                                                                    \
    X(SILENT, "silent", "nobody answered")                                                                                \
    X(RUBBISH, "rubbish", "what answered made no sense")                                                                  \
    X(REFUSED, "refused", "the router said no")                                                                           \
    X(PRIVATE, "private", "the router has no address of the internet itself")                                             \
    X(PORTS, "ports", "the router would not give TCP and UDP the same port")                                              \
    X(LATE, "late", "no end within the time for it")                                                                      \
    X(FAILED, "failed", "the question could not be asked from this machine")

enum sotto_map_method {
#define SOTTO_MAP_ENUM(id, word, text) SOTTO_MAP_##id,
    SOTTO_MAP_METHODS(SOTTO_MAP_ENUM)
    SOTTO_MAP_METHOD_COUNT
};
enum sotto_map_result {
    SOTTO_MAP_RESULTS(SOTTO_MAP_ENUM)
#undef SOTTO_MAP_ENUM
    SOTTO_MAP_RESULT_COUNT
};
/* What one method came to. addr (IPv4, with the port outside), lease_s, url: only of MAPPED; url only of UPnP, the description of the
 * device, so that it need not be looked for again. */
struct sotto_map_try {
    enum sotto_map_method method;
    enum sotto_map_result result;
    struct sotto_addr addr;
    uint32_t lease_s;
    char url[SOTTO_MAP_URL_SIZE];
};
/* Methods in the order they were tried; the last one is the result of all. count 0: nothing could be asked. */
struct sotto_map_report { struct sotto_map_try tries[SOTTO_MAP_METHOD_COUNT]; unsigned count; };

enum sotto_mapping_wish { SOTTO_MAPPING_NOTHING, SOTTO_MAPPING_ASK, SOTTO_MAPPING_LOST };
struct sotto_mapping {
    bool asking, mapped, done;            /* asking: a request is out */
    bool answered;                        /* some request has ended */
    struct sotto_map_try have;            /* with mapped */
    struct sotto_map_report last;         /* of the last request that ended */
    uint64_t next_us, ends_us;            /* the next request; the end of the lease */
    unsigned fails;                       /* in a row */
};

struct sotto_mapping sotto_mapping_new(struct sotto_now now);         /* wants to ask at once */
/* What is due now; one wish a call, to be called again after each that is not NOTHING. After ASK nothing else is asked before answer. */
SOTTO_MUST_USE enum sotto_mapping_wish sotto_mapping_tick(struct sotto_mapping *m, struct sotto_now now);
/* The end of a request. True: m->have is a new or another address, tell it. */
SOTTO_MUST_USE bool sotto_mapping_answer(struct sotto_mapping *m, const struct sotto_map_report *report, struct sotto_now now);
/* Nothing is asked any more. True: m->have should be given back. */
bool sotto_mapping_end(struct sotto_mapping *m);
uint64_t sotto_mapping_deadline(const struct sotto_mapping *m);       /* mono_us of the next tick; UINT64_MAX: none */

#endif
