/* The lines between sotto-portmap and a node. */
#include "io/portmap.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD(id, word, text) word,
#define TEXT(id, word, text) text,
static const char *const methods[] = { SOTTO_MAP_METHODS(WORD) }, *const method_texts[] = { SOTTO_MAP_METHODS(TEXT) };
static const char *const results[] = { SOTTO_MAP_RESULTS(WORD) }, *const result_texts[] = { SOTTO_MAP_RESULTS(TEXT) };

const char *sotto_map_method_name(enum sotto_map_method m) { return methods[m]; }
const char *sotto_map_method_text(enum sotto_map_method m) { return method_texts[m]; }
const char *sotto_map_result_name(enum sotto_map_result r) { return results[r]; }
const char *sotto_map_result_text(enum sotto_map_result r) { return result_texts[r]; }

bool sotto_portmap_home(const uint8_t ip[4])
{
    return ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) || (ip[0] == 100 && ip[1] >> 6 == 1);
}

bool sotto_portmap_url(const char *url)
{
    static const char http[] = "http://";
    char host[INET_ADDRSTRLEN];
    uint8_t ip[4];
    size_t size = strnlen(url, SOTTO_MAP_URL_SIZE);
    if (size == SOTTO_MAP_URL_SIZE || strncmp(url, http, sizeof http - 1) != 0) return false;
    for (size_t i = 0; i < size; i++)
        if (url[i] <= ' ' || url[i] > '~') return false;
    const char *start = url + sizeof http - 1, *end = start + strcspn(start, ":/");
    if ((size_t)(end - start) >= sizeof host) return false;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = 0;
    return inet_pton(AF_INET, host, ip) == 1 && sotto_portmap_home(ip);
}

enum sotto_err sotto_portmap_write(struct sotto_buf *out, const struct sotto_map_try *t)
{
    char line[128 + SOTTO_MAP_URL_SIZE], where[64];
    int size;
    if (t->result == SOTTO_MAP_MAPPED) {
        sotto_addr_text(where, &t->addr);
        size = snprintf(line, sizeof line, "%s mapped %s %u%s%s\n", methods[t->method], where, t->lease_s, t->url[0] ? " " : "", t->url);
    } else {
        size = snprintf(line, sizeof line, "%s %s\n", methods[t->method], results[t->result]);
    }
    return sotto_buf_add(out, line, (size_t)size);
}

static int word_of(const char *const *words, unsigned count, const char *word)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) return (int)i;
    return -1;
}

/* A decimal number in its shortest form. */
static bool number(uint64_t *out, const char *text, uint64_t max)
{
    uint64_t n = 0;
    if (!text || !text[0] || (text[0] == '0' && text[1]) || strlen(text) > 10) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        n = 10 * n + (uint64_t)(*text - '0');
    }
    if (n > max) return false;
    *out = n;
    return true;
}

static enum sotto_err read_mapped(struct sotto_map_try *t, char *where, const char *lease, const char *url)
{
    uint64_t port, seconds;
    char *colon = where ? strchr(where, ':') : NULL;
    if (!colon || !number(&port, colon + 1, UINT16_MAX) || !number(&seconds, lease, UINT32_MAX)) return SOTTO_ERR_FORMAT;
    *colon = 0;
    if (inet_pton(AF_INET, where, t->addr.ip) != 1) return SOTTO_ERR_FORMAT;
    if ((url != NULL) != (t->method == SOTTO_MAP_UPNP) || (url && !sotto_portmap_url(url))) return SOTTO_ERR_FORMAT;
    t->addr.family = 4;
    t->addr.port = (uint16_t)port;
    t->lease_s = (uint32_t)seconds;
    if (url) memcpy(t->url, url, strlen(url) + 1);
    return SOTTO_OK;
}

static enum sotto_err read_line(struct sotto_map_try *out, char *line)
{
    struct sotto_map_try t = { .result = SOTTO_MAP_FAILED };
    char *word[5] = { NULL };
    unsigned count = 0;
    word[count++] = line;
    for (char *space = strchr(line, ' '); space; space = strchr(space + 1, ' ')) {
        if (count == 5) return SOTTO_ERR_FORMAT;
        *space = 0;
        word[count++] = space + 1;
    }
    int method = word_of(methods, SOTTO_MAP_METHOD_COUNT, word[0]), result = word[1] ? word_of(results, SOTTO_MAP_RESULT_COUNT, word[1]) : -1;
    if (method < 0 || result < 0) return SOTTO_ERR_FORMAT;
    t.method = (enum sotto_map_method)method;
    t.result = (enum sotto_map_result)result;
    if (t.result == SOTTO_MAP_MAPPED) SOTTO_TRY(read_mapped(&t, word[2], word[3], word[4]));
    else if (count != 2) return SOTTO_ERR_FORMAT;
    *out = t;
    return SOTTO_OK;
}

enum sotto_err sotto_portmap_read(struct sotto_map_report *out, struct sotto_span lines)
{
    struct sotto_map_report r = { .count = 0 };
    char line[SOTTO_PORTMAP_LINES_MAX + 1];
    if (lines.size > SOTTO_PORTMAP_LINES_MAX) return SOTTO_ERR_FORMAT;
    for (size_t at = 0; at < lines.size;) {
        const uint8_t *start = lines.data + at, *end = memchr(start, '\n', lines.size - at);
        if (!end) break;
        size_t size = (size_t)(end - start);
        if (r.count == SOTTO_MAP_METHOD_COUNT || memchr(start, 0, size)) return SOTTO_ERR_FORMAT;
        memcpy(line, start, size);
        line[size] = 0;
        SOTTO_TRY(read_line(&r.tries[r.count], line));
        r.count++;
        at += size + 1;
    }
    *out = r;
    return SOTTO_OK;
}
