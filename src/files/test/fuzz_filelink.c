/* Any bytes as a file link: what is accepted is written back byte for byte; any name becomes a safe one. */
#include "support/fuzz.h"

#include "base/text.h"
#include "files/filelink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_filelink link;
    if (sotto_filelink_decode(&link, sotto_span(data, size)) == SOTTO_OK) {
        struct sotto_buf out = sotto_buf_make(1 << 18);
        SOTTO_ASSERT(sotto_filelink_encode(&out, &link) == SOTTO_OK);
        SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&out), sotto_span(data, size)));
        sotto_buf_free(&out);
    }
    char name[SOTTO_FILE_NAME_MAX + 1];
    sotto_file_safe_name(name, sotto_span(data, size));
    SOTTO_ASSERT(name[0] != 0 && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) <= SOTTO_FILE_NAME_MAX);
    SOTTO_ASSERT(sotto_utf8_valid(sotto_span_str(name)));
    return 0;
}
