/* Where the door listens: the unix socket, and one TCP address. */
#include "io/door_impl.h"
#include "io/file.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

static enum sotto_err check_folder(const char *path)
{
    char folder[SOTTO_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        size_t size = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, size);             /* at most 107 */
        folder[size] = 0;
    }
    struct stat st;
    if (stat(folder, &st) != 0) return sotto_dir_make(folder);
    if (!S_ISDIR(st.st_mode)) return SOTTO_ERR_IO;
    bool others = (st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_uid != geteuid() && st.st_uid != 0);
    return others ? SOTTO_ERR_MODE : SOTTO_OK;                            /* they could put their socket there */
}

static enum sotto_err remove_stale(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0) return errno == ENOENT ? SOTTO_OK : SOTTO_ERR_IO;
    if (!S_ISSOCK(st.st_mode)) return SOTTO_ERR_IO;                       /* somebody's file: not ours to remove */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return SOTTO_ERR_IO;
    int e = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ? 0 : errno;
    close(fd);
    if (e != ECONNREFUSED && e != ENOENT) return e == 0 || e == EAGAIN || e == EINPROGRESS ? SOTTO_ERR_IN_USE : SOTTO_ERR_IO;
    return unlink(at->sun_path) == 0 || errno == ENOENT ? SOTTO_OK : SOTTO_ERR_IO;
}

static enum sotto_err listen_on(struct sotto_door *door, int fd, bool tcp)
{
    struct sotto_door_listener *l = &door->listeners[tcp];
    if (uv_poll_init(sotto_loop_uv(door->config.loop), &l->poll, fd) != 0) return SOTTO_ERR_IO;
    l->door = door;
    l->fd = fd;
    l->tcp = tcp;
    l->on = true;
    l->poll.data = l;
    door->handles++;
    uv_poll_start(&l->poll, UV_READABLE, sotto_door_knocked);
    return SOTTO_OK;
}

enum sotto_err sotto_door_bind_unix(struct sotto_door *door)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memcpy(at.sun_path, door->path, sizeof at.sun_path);
    SOTTO_TRY(check_folder(door->path));
    SOTTO_TRY(remove_stale(&at));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return SOTTO_ERR_IO;
    struct stat st;
    /* The mode of the unbound socket becomes that of its file: never open for others, not even for a moment. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || chmod(door->path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0 || stat(door->path, &st) != 0) {
        int e = errno;
        close(fd);
        return e == EADDRINUSE ? SOTTO_ERR_IN_USE : e == ENOSPC ? SOTTO_ERR_DISK_FULL : SOTTO_ERR_IO;
    }
    door->dev = st.st_dev;
    door->inode = st.st_ino;
    enum sotto_err err = listen_on(door, fd, false);
    if (err != SOTTO_OK) {
        close(fd);
        unlink(door->path);
    }
    return err;
}

union any_addr { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; };

static socklen_t native(union any_addr *out, const struct sotto_addr *addr)
{
    *out = (union any_addr){ 0 };
    if (addr->family == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(addr->port);
        memcpy(&out->v4.sin_addr, addr->ip, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(addr->port);
    memcpy(&out->v6.sin6_addr, addr->ip, 16);
    return sizeof out->v6;
}

enum sotto_err sotto_door_listen(struct sotto_door *door, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    union any_addr at;
    int one = 1;
    if (door->listeners[1].on) return SOTTO_ERR_STATE;
    socklen_t size = native(&at, addr);
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return SOTTO_ERR_IO;
    bool made = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                (at.any.sa_family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
                bind(fd, &at.any, size) == 0 && listen(fd, BACKLOG) == 0 && getsockname(fd, &at.any, &size) == 0;
    enum sotto_err err = made ? listen_on(door, fd, true) : errno == EADDRINUSE ? SOTTO_ERR_IN_USE : SOTTO_ERR_IO;
    if (err != SOTTO_OK) {
        close(fd);
        return err;
    }
    *bound = *addr;
    bound->port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
    return SOTTO_OK;
}

void sotto_door_unlisten(struct sotto_door *door)
{
    struct stat st;
    for (unsigned i = 0; i < 2; i++) {
        struct sotto_door_listener *l = &door->listeners[i];
        if (!l->on) continue;
        l->on = false;
        bool ours = !l->tcp && lstat(door->path, &st) == 0 && st.st_dev == door->dev && st.st_ino == door->inode;
        if (ours) unlink(door->path);           /* a later node's socket stays */
        uv_close((uv_handle_t *)&l->poll, sotto_door_handle_closed);
    }
}
