/* What the generated api.c gives to this room. Not for others. */
#ifndef SOTTO_RPC_DISPATCH_H
#define SOTTO_RPC_DISPATCH_H

#include "api.h"
#include "rpc/spec.h"

extern const struct sotto_method_spec sotto_method_specs[SOTTO_METHOD_COUNT];
bool sotto_api_has(const struct sotto_api *api, enum sotto_method m);
void sotto_api_dispatch(const struct sotto_api *api, enum sotto_method m, struct sotto_call *call, const union sotto_params *p);

extern const struct sotto_foreign_spec sotto_foreign_specs[SOTTO_FOREIGN_COUNT];
bool sotto_api_has_foreign(const struct sotto_api *api, enum sotto_foreign m);
void sotto_api_dispatch_foreign(const struct sotto_api *api, enum sotto_foreign m, struct sotto_call *call, const struct sotto_foreign_arg *args);

#endif
