/* Inside of sotto-portmap: one function for each method. They block, may run out of time anywhere, and are run in a process of their own. */
#ifndef SOTTO_APPS_PORTMAP_H
#define SOTTO_APPS_PORTMAP_H

#include "io/portmap.h"

struct portmap {
    bool give_back;                       /* what hint says; else lead port to us */
    uint16_t port;
    const char *from;                     /* our address to lead to, and to ask from; NULL: whichever leads to the router */
    struct sotto_map_try hint;            /* result other than MAPPED: nothing is known */
    unsigned budget_ms;                   /* of this method */
};

/* The result; t gets what goes with MAPPED (of what was given back: nothing). */
enum sotto_map_result portmap_upnp(struct sotto_map_try *t, const struct portmap *p);
enum sotto_map_result portmap_natpmp(struct sotto_map_try *t, const struct portmap *p);

#endif
