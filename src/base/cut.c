#include "base/cut.h"

/* Inside brackets. true: the last one closed. */
static bool nested(struct sotto_cut *cut, uint8_t c)
{
    if (cut->text) {
        if (cut->escaped) cut->escaped = false;
        else if (c == '\\') cut->escaped = true;
        else if (c == '"') cut->text = false;
        return false;
    }
    if (c == '"') cut->text = true;
    else if (c == '{' || c == '[') cut->depth++;
    else if (c == '}' || c == ']') return --cut->depth == 0;
    return false;
}

bool sotto_cut_end(struct sotto_cut *cut, size_t *used, struct sotto_span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        bool end = c == '\n';
        if (!end && !cut->begun && !sotto_cut_blank(c)) {
            cut->begun = true;
            cut->nested = c == '{' || c == '[';
            cut->depth = cut->nested;
        } else if (!end && cut->nested) {
            end = nested(cut, c);
        }
        if (!end) continue;
        *cut = (struct sotto_cut){ 0 };
        *used = i + 1;
        return true;
    }
    return false;
}
