#include "show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

/* One character of UTF-8; *size = its bytes. Bytes that are no UTF-8 come out as U+FFFD, one at a time. */
static uint32_t next_char(const char *text, size_t *size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    uint32_t c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            n = 0;
            break;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    bool bad = n == 0 || (n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) || (n == 4 && (c < 0x10000 || c > 0x10ffff));
    *size = bad ? 1 : n;
    return bad ? 0xfffd : c;
}

/* Changes the direction of writing, or cannot be seen: shown as a mark, so that no text looks like another. The joiners
 * U+200C and U+200D stay: scripts and emoji need them. */
static bool marked(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c || c == 0x200b ||
           c == 0x2060 || (c >= 0x2061 && c <= 0x2065) || (c >= 0x206a && c <= 0x206f) || c == 0xfeff || c == 0x00ad || c == 0x180e ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

void put_clean(FILE *f, const char *text, enum clean how)
{
    while (*text) {
        size_t n;
        uint32_t c = next_char(text, &n);
        if (c == '\n' || c == 0x2028 || c == 0x2029 || c == 0x85) {
            fputs(how == CLEAN_TEXT ? "\n    " : " / ", f);
        } else if (c == '\t') {
            fputc(' ', f);
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            /* dropped: it could move the cursor */
        } else if (marked(c)) {
            fprintf(f, "<U+%04X>", (unsigned)c);
        } else if (c == 0xfffd && n == 1) {
            fputs("\xef\xbf\xbd", f);
        } else {
            fwrite(text, 1, n, f);
        }
        text += n;
    }
}

char *clean_copy(const char *text)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    if (!f) abort();
    put_clean(f, text, CLEAN_LINE);
    fclose(f);
    return out;
}

unsigned text_width(const char *text)
{
    unsigned width = 0;
    while (*text) {
        size_t n;
        int w = wcwidth((wchar_t)next_char(text, &n));
        width += w < 0 ? 1 : (unsigned)w;
        text += n;
    }
    return width;
}

static void parts_of(const struct app *app, struct tm *out, time_t t)
{
    if (app->o.utc)
        gmtime_r(&t, out);
    else
        localtime_r(&t, out);
}

void time_text(const struct app *app, char out[32], json_int_t ms)
{
    struct tm then, today;
    time_t t = (time_t)(ms / 1000), now = time(NULL);
    parts_of(app, &then, t);
    parts_of(app, &today, now);
    if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
        strftime(out, 32, "%H:%M", &then);
    else if (t > now - 6 * 86400 && t < now + 6 * 86400)
        strftime(out, 32, "%a %H:%M", &then);
    else
        strftime(out, 32, "%-d %b %Y %H:%M", &then);
}

void clock_text(const struct app *app, char out[32], json_int_t ms)
{
    struct tm then;
    char seconds[16];
    parts_of(app, &then, (time_t)(ms / 1000));
    strftime(seconds, sizeof seconds, "%H:%M:%S", &then);
    snprintf(out, 32, "%s.%03d", seconds, (int)(ms % 1000));
}

void span_text(char out[32], json_int_t ms)
{
    static const struct { json_int_t ms; const char *unit; } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" } };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (ms >= units[i].ms && ms % units[i].ms == 0) {
            snprintf(out, 32, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
    }
    if (ms >= 1000)
        snprintf(out, 32, "%.1f s", (double)ms / 1000);
    else
        snprintf(out, 32, "%lld ms", (long long)ms);
}
