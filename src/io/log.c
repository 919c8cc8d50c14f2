#include "io/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048u                /* below PIPE_BUF: one write of a line is never mixed with another's */

struct io_log {
    struct sotto_log base;                  /* first: the address is the same */
    int fd;
    bool json, is_socket, is_file;
    pthread_mutex_t lock;
    enum sotto_level general;
    struct sotto_log_area areas[SOTTO_LOG_AREAS_MAX];
    unsigned area_count;
    uint64_t dropped;
    struct sotto_log_ring kept;
};

struct line { char text[LINE_MAX_BYTES]; size_t size; };


/* ---- making a line: what does not fit is left out, the end always fits ---- */

static bool put(struct line *l, const char *text, size_t size)
{
    if (l->size + size > LINE_MAX_BYTES - 8) return false;
    memcpy(l->text + l->size, text, size);
    l->size += size;
    return true;
}
static bool puts_to(struct line *l, const char *text) { return put(l, text, strlen(text)); }

static void put_escaped(struct line *l, const char *text, size_t size, bool quotes)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        char code[8];
        if (c == '"' || c == '\\') snprintf(code, sizeof code, quotes ? "\\%c" : "%c", c);
        else if (c < 0x20 || c >= 0x7f) snprintf(code, sizeof code, "\\u%04x", c);     /* bytes above 7f too: the log stays ASCII */
        else snprintf(code, sizeof code, "%c", c);
        if (!puts_to(l, code)) return;
    }
}

static bool is_number(const char *text, size_t size)
{
    size_t i = size > 1 && text[0] == '-';
    if (size == 0 || size > 18 || (text[i] == '0' && size > i + 1)) return false;
    for (; i < size; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return true;
}
static bool is_word(const char *text, size_t size, const char *word) { return strlen(word) == size && memcmp(text, word, size) == 0; }

static void put_field(struct line *l, bool json, const char *key, size_t key_size, const char *value, size_t value_size)
{
    size_t mark = l->size;
    if (!json) {
        puts_to(l, " ");
        put_escaped(l, key, key_size, false);
        puts_to(l, "=");
        put_escaped(l, value, value_size, false);
        return;
    }
    puts_to(l, ",\"");
    put_escaped(l, key, key_size, true);
    puts_to(l, "\":");
    bool bare = is_number(value, value_size) || is_word(value, value_size, "true") || is_word(value, value_size, "false");
    if (!bare) puts_to(l, "\"");
    put_escaped(l, value, value_size, true);
    if ((!bare && !puts_to(l, "\"")) || l->size + 16 > LINE_MAX_BYTES) l->size = mark;       /* half a field is no JSON */
}

static void put_fields(struct line *l, bool json, const char *fields)
{
    while (*fields) {
        while (*fields == ' ') fields++;
        const char *key = fields;
        while (*fields && *fields != '=' && *fields != ' ') fields++;
        size_t key_size = (size_t)(fields - key);
        const char *value = fields;
        size_t value_size = 0;
        if (*fields == '=') {
            value = ++fields;
            char end = ' ';
            if (*fields == '"') {
                end = '"';
                value = ++fields;
            }
            while (*fields && *fields != end) fields++;
            value_size = (size_t)(fields - value);
            if (end == '"' && *fields) fields++;
        }
        if (key_size > 0) put_field(l, json, key, key_size, value, value_size);
    }
}

static void compose(struct line *l, bool json, enum sotto_level level, const char *area, const char *event, const char *fields)
{
    char head[64];
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    l->size = 0;
    if (json) {
        snprintf(head, sizeof head, "{\"ms\":%llu,\"level\":\"%s\",\"area\":\"", (unsigned long long)ms, sotto_level_name(level));
        puts_to(l, head);
        put_escaped(l, area, strlen(area), true);
        puts_to(l, "\",\"event\":\"");
        put_escaped(l, event, strlen(event), true);
        puts_to(l, "\"");
        if (fields) put_fields(l, true, fields);
        puts_to(l, "}");
    } else {
        time_t s = (time_t)(ms / 1000);
        struct tm tm;
        localtime_r(&s, &tm);
        snprintf(head, sizeof head, "%02d:%02d:%02d.%03u %-5s ", tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ms % 1000), sotto_level_name(level));
        puts_to(l, head);
        put_escaped(l, area, strlen(area), false);
        puts_to(l, " ");
        put_escaped(l, event, strlen(event), false);
        if (fields) put_fields(l, false, fields);
    }
    l->text[l->size++] = '\n';
}

/* True when the line is out, whole. Never waits: a pipe that polls writable has room for PIPE_BUF bytes. */
static bool emit(struct io_log *log, const struct line *l)
{
    ssize_t n;
    if (log->is_socket) {
        n = send(log->fd, l->text, l->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        struct pollfd p = { .fd = log->fd, .events = POLLOUT };
        if (!log->is_file && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))) return false;
        n = write(log->fd, l->text, l->size);
    }
    return n == (ssize_t)l->size;
}

static enum sotto_level level_of(const struct io_log *log, const char *area)
{
    for (unsigned i = 0; i < log->area_count; i++)
        if (strcmp(log->areas[i].area, area) == 0) return log->areas[i].level;
    return log->general;
}

static void keep(struct io_log *log, const struct line *l, enum sotto_level level, const char *area, const char *event, const char *fields)
{
    struct line again;
    if (!log->json) compose(&again, true, level, area, event, fields);
    const struct line *kept = log->json ? l : &again;
    sotto_log_ring_add(&log->kept, level, area, sotto_span(kept->text, kept->size - 1));
}

static void write_line(struct sotto_log *base, enum sotto_level level, const char *area, const char *event, const char *fields)
{
    struct io_log *log = (struct io_log *)base;
    int saved = errno;
    pthread_mutex_lock(&log->lock);
    if (level <= level_of(log, area)) {
        struct line line;
        bool clear = true;
        if (log->dropped > 0) {
            char count[48];
            snprintf(count, sizeof count, "lines=%llu", (unsigned long long)log->dropped);
            compose(&line, log->json, SOTTO_LOG_WARN, "log", "dropped", count);
            clear = emit(log, &line);
            if (clear) log->dropped = 0;
        }
        compose(&line, log->json, level, area, event, fields);
        keep(log, &line, level, area, event, fields);
        if (!clear || !emit(log, &line)) log->dropped++;
    }
    pthread_mutex_unlock(&log->lock);
    errno = saved;
}

enum sotto_err sotto_io_log_new(struct sotto_log **out, int fd, enum sotto_log_format format, enum sotto_level level)
{
    struct io_log *log = calloc(1, sizeof *log);
    if (!log) return SOTTO_ERR_NOMEM;
    struct stat st = { 0 };
    if (fstat(fd, &st) == 0) {
        log->is_socket = S_ISSOCK(st.st_mode);
        log->is_file = S_ISREG(st.st_mode);
    }
    log->base.line = write_line;
    log->fd = fd;
    log->json = format == SOTTO_LOG_JSON || (format == SOTTO_LOG_AUTO && !isatty(fd));
    log->general = level;
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return SOTTO_ERR_NOMEM;
    }
    *out = &log->base;
    return SOTTO_OK;
}

enum sotto_err sotto_io_log_level(struct sotto_log *base, const char *area, enum sotto_level level)
{
    struct io_log *log = (struct io_log *)base;
    if (area && strlen(area) >= SOTTO_LOG_AREA_SIZE) return SOTTO_ERR_RANGE;
    pthread_mutex_lock(&log->lock);
    enum sotto_err err = SOTTO_OK;
    if (!area) {
        log->general = level;
        log->area_count = 0;
    } else {
        unsigned i = 0;
        while (i < log->area_count && strcmp(log->areas[i].area, area) != 0) i++;
        if (i == SOTTO_LOG_AREAS_MAX) {
            err = SOTTO_ERR_FULL;
        } else {
            if (i == log->area_count) {
                strcpy(log->areas[i].area, area);
                log->area_count++;
            }
            log->areas[i].level = level;
        }
    }
    pthread_mutex_unlock(&log->lock);
    return err;
}

enum sotto_level sotto_io_log_get(struct sotto_log *base, const char *area)
{
    struct io_log *log = (struct io_log *)base;
    pthread_mutex_lock(&log->lock);
    enum sotto_level level = area ? level_of(log, area) : log->general;
    pthread_mutex_unlock(&log->lock);
    return level;
}

unsigned sotto_io_log_areas(struct sotto_log *base, struct sotto_log_area out[SOTTO_LOG_AREAS_MAX])
{
    struct io_log *log = (struct io_log *)base;
    pthread_mutex_lock(&log->lock);
    unsigned count = log->area_count;
    memcpy(out, log->areas, count * sizeof *out);
    pthread_mutex_unlock(&log->lock);
    return count;
}

enum sotto_err sotto_io_log_tail(struct sotto_log *base, struct sotto_buf *out, const char *area, enum sotto_level level, unsigned limit)
{
    struct io_log *log = (struct io_log *)base;
    pthread_mutex_lock(&log->lock);
    enum sotto_err err = sotto_log_ring_tail(&log->kept, out, area, level, limit);
    pthread_mutex_unlock(&log->lock);
    return err;
}

void sotto_io_log_free(struct sotto_log *base)
{
    struct io_log *log = (struct io_log *)base;
    if (!log) return;
    pthread_mutex_destroy(&log->lock);
    free(log);
}
