/* The generated dispatch, compiled in this room. */
#include "api.c"
