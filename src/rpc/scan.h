/* A first look at a JSON text, before a parser may build anything from it: how deep it is, how many requests it holds, and
 * the raw text of each request's "id" (jansson keeps no raw text of numbers, and has no depth limit to set).
 *
 * It knows strings and brackets only: what it says about a text that is not JSON means nothing, but it never reads outside
 * the text and never fails. The parser decides afterwards whether the text is JSON at all. */
#ifndef SOTTO_RPC_SCAN_H
#define SOTTO_RPC_SCAN_H

#include "base/bytes.h"

struct sotto_scan {
    unsigned depth;                       /* deepest nesting; counting stops at depth_max + 1 */
    bool batch;                           /* the text is an array */
    unsigned count;                       /* requests: elements of the array, else 1; counting stops at ids_max + 1 */
};
/* ids[i] = raw "id" of request i with the spaces around cut off; data NULL = none. ids has ids_max places. */
void sotto_scan_json(struct sotto_scan *out, struct sotto_span *ids, unsigned ids_max, struct sotto_span text, unsigned depth_max);

#endif
