#include "tty.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool can_ask(const struct app *app)
{
    if (app->o.no_input || !isatty(STDERR_FILENO)) return false;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return false;
    close(fd);
    return true;
}

void wipe_text(char *text)
{
    if (text) explicit_bzero(text, strlen(text));
    free(text);
}

static char *ask(const struct app *app, const char *prompt, bool echo)
{
    if (app->o.no_input) return NULL;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return NULL;
    struct termios before, now;
    bool changed = !echo && tcgetattr(fd, &before) == 0;
    if (changed) {
        now = before;
        now.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
        now.c_lflag |= ICANON | ISIG | ECHONL;
        changed = tcsetattr(fd, TCSADRAIN, &now) == 0;
    }
    dprintf(fd, "%s", prompt);
    char line[SECRET_MAX + 1];
    size_t size = 0;
    bool end = false, ok = true;
    while (!end) {                                        /* byte by byte: nothing of the next answer may be lost */
        char c;
        ssize_t n = wait_readable(fd) ? read(fd, &c, 1) : -1;
        if (n <= 0) {
            ok = n == 0 && size > 0;
            end = true;
        } else if (c == '\n' || c == '\r') {
            end = true;
        } else if (size < SECRET_MAX) {
            line[size++] = c;
        } else {
            ok = false;                                   /* too long: refuse it, never cut it */
        }
    }
    if (changed) tcsetattr(fd, TCSADRAIN, &before);
    if (interrupted || (!ok && size == 0)) dprintf(fd, "\n");
    close(fd);
    line[size] = 0;
    char *out = ok && !interrupted && strlen(line) == size ? strdup(line) : NULL;
    explicit_bzero(line, sizeof line);
    return out;
}

char *ask_line(const struct app *app, const char *prompt) { return ask(app, prompt, true); }
char *ask_secret(const struct app *app, const char *prompt) { return ask(app, prompt, false); }

char *ask_new_secret(const struct app *app, const char *prompt)
{
    for (;;) {
        char *first = ask(app, prompt, false);
        if (!first) return NULL;
        if (!*first) return first;                        /* empty was explained in the prompt: no need to say it twice */
        char *second = ask(app, "  once more: ", false);
        bool same = second && strcmp(first, second) == 0;
        bool gone = !second;
        wipe_text(second);
        if (same) return first;
        wipe_text(first);
        if (gone) return NULL;
        int fd = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0) {
            dprintf(fd, "They differ. Again.\n");
            close(fd);
        }
    }
}

bool colour_wanted(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

unsigned terminal_width(void)
{
    struct winsize w;
    unsigned width = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col) width = w.ws_col;
    return width < 40 ? 40 : width;
}
