/* Planted bugs: proof that the tests find what they are there for. SOTTO_PLANTED(NAME) is the constant 0, and the bug with it no
 * code at all, in every build but `plants` (CMake option SOTTO_PLANTS). There one program holds all of plants.def, and the
 * environment variable SOTTO_PLANT=NAME wakes one of them; tests/plants runs each against its detector.
 *
 * A plant is one short line at the place of the mistake: if (!SOTTO_PLANTED(SYNC_SKIPPED)) ... Threads: any. */
#ifndef SOTTO_BASE_PLANT_H
#define SOTTO_BASE_PLANT_H

#ifdef SOTTO_PLANTS

#include <stdbool.h>

enum sotto_plant {
    SOTTO_PLANT_NONE,
#define SOTTO_PLANT(name, ...) SOTTO_PLANT_##name,
#include "base/plants.def"
#undef SOTTO_PLANT
    SOTTO_PLANT_COUNT
};
extern enum sotto_plant sotto_plant_awake;        /* chosen before main, never changed */
bool sotto_plant_reached(void);                   /* true; says once on stderr that the planted line ran */
#define SOTTO_PLANTED(name) (sotto_plant_awake == SOTTO_PLANT_##name && sotto_plant_reached())

#else
#define SOTTO_PLANTED(name) 0
#endif

#endif
