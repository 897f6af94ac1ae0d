// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FOLDERS 4u
#define SOCKET_SUFFIX ".socket"
#define LIST_TIMEOUT_MS 2000
#define SESSIONS_MAX 4096u

/* -------------------------------------------------------------- folders -- */

/* The `which`th place by its usual rules; its length, or -1. */
static int usual_folder(char *path, unsigned which)
{
    unsigned user = (unsigned)geteuid();
    const char *base = getenv(which == 0 ? "XDG_RUNTIME_DIR" : "TMPDIR");

    if ((which == 0 || which == 2) && (!base || base[0] != '/'))
        return -1;
    switch (which) {
    case 0:
        return snprintf(path, SESSIONS_PATH_BYTES, "%s/memprof", base);
    case 1:
        return snprintf(path, SESSIONS_PATH_BYTES, "/run/user/%u/memprof", user);
    case 2:
        return snprintf(path, SESSIONS_PATH_BYTES, "%s/memprof-%u", base, user);
    default:
        return snprintf(path, SESSIONS_PATH_BYTES, "/tmp/memprof-%u", user);
    }
}

static const char *only_folder(void)
{
    const char *only = getenv("MEMPROF_RUNTIME_DIR");

    return only && *only ? only : NULL;
}

/* The `which`th place; false when it is none, or too long for a socket in it. */
static bool folder_name(char *path, unsigned which)
{
    const char *only = only_folder();
    int length = -1;

    if (!only)
        length = usual_folder(path, which);
    else if (which == 0 && only[0] == '/')
        length = snprintf(path, SESSIONS_PATH_BYTES, "%s", only);
    /* "/.PID-TICKS.socket" with the longest numbers there are */
    return length > 0 && (size_t)length + 44 < SESSIONS_PATH_BYTES;
}

/* What keeps a folder from being used; NULL: nothing. */
static const char *objection(const char *path)
{
    struct stat status;

    /* not stat: a symbolic link is somebody's attempt to lead us elsewhere */
    if (lstat(path, &status) != 0)
        return "it cannot be made";
    if (!S_ISDIR(status.st_mode))
        return "it is no folder";
    if (status.st_uid != geteuid())
        return "it is another user's";
    if (status.st_mode & 0077)
        return "others may enter it (chmod 700 lets only this user in)";
    return NULL;
}

/* No place can be used: why the last one cannot. */
static int refuse(struct error *e)
{
    char path[SESSIONS_PATH_BYTES];
    const char *only = only_folder(), *reason = "it is no absolute path";

    if (!only || only[0] == '/')
        reason =
            folder_name(path, only ? 0 : FOLDERS - 1) ? objection(path) : "its name is too long";
    return error_set(e, ERROR_REFUSED, "%s%s is not used: %s", only ? "MEMPROF_RUNTIME_DIR=" : "",
                     only ? only : path, reason ? reason : "nothing can be made there");
}

int sessions_folder(char path[SESSIONS_PATH_BYTES], struct error *e)
{
    for (unsigned i = 0; i < FOLDERS; i++) {
        if (i == 1 || !folder_name(path, i))
            continue;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            continue;
        if (!objection(path))
            return 0;
    }
    return refuse(e);
}

/* --------------------------------------------------------------- asking -- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failure;

    if (fd < 0)
        return -1;
    control_copy(address.sun_path, sizeof(address.sun_path), path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

/* Who listens there; false when it is none of this user's. */
static bool is_our_peer(int fd, struct ucred *credentials)
{
    socklen_t size = sizeof(*credentials);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, &size) == 0 &&
           credentials->uid == geteuid();
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait for `fd` to be readable; false when `timeout_ms` has passed. */
static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t end = now_ms() + timeout_ms;

    for (;;) {
        int64_t left = end - now_ms();
        int ready = poll(&p, 1, left > 0 ? (int)left : 0);

        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static int exchange(int fd, const struct control_request *request, struct control_answer *answer,
                    int timeout_ms, struct error *e)
{
    struct ucred peer;
    ssize_t got;

    if (!is_our_peer(fd, &peer))
        return error_set(e, ERROR_REFUSED, "that memprof belongs to another user");
    if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) != (ssize_t)sizeof(*request))
        return error_set(e, ERROR_SYSTEM, "cannot ask memprof");
    if (!wait_readable(fd, timeout_ms))
        return error_set(e, ERROR_REFUSED,
                         "memprof does not answer: it may be stopped, or very busy");
    got = recv(fd, answer, sizeof(*answer), MSG_DONTWAIT);
    if (got <= 0)
        return error_set(e, ERROR_REFUSED, "memprof ended before it could answer");
    if (!control_answer_valid(answer, (size_t)got) || answer->status == CONTROL_VERSION_DIFFERS)
        return error_set(e, ERROR_REFUSED,
                         "that memprof is of another version than this one and cannot be asked");
    if (peer.pid > 0) /* as it is called here, if it is in this process's namespace or one below */
        answer->memprof = peer.pid;
    return 0;
}

int session_ask(const char *path, const struct control_request *request,
                struct control_answer *answer, int timeout_ms, struct error *e)
{
    int fd = connect_to(path), result;

    if (fd < 0)
        return error_set(e, ERROR_REFUSED, "memprof has ended");
    result = exchange(fd, request, answer, timeout_ms, e);
    close(fd);
    return result;
}

/* -------------------------------------------------------------- finding -- */

static int add(struct sessions *s, const char *path, const struct control_answer *answer)
{
    struct session *items = reallocarray(s->items, s->count + 1, sizeof(*items));

    if (!items)
        return -1;
    s->items = items;
    control_copy(items[s->count].path, sizeof(items[s->count].path), path);
    items[s->count++].answer = *answer;
    return 0;
}

/* Two variables may name one folder; two namespaces may have the same process ids. */
static bool is_known(const struct sessions *s, const char *path)
{
    struct stat one, other;

    if (stat(path, &one) != 0)
        return false;
    for (size_t i = 0; i < s->count; i++)
        if (stat(s->items[i].path, &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    return false;
}

/* A socket that nobody listens at any more: its memprof was killed. */
static bool is_dead(const char *path)
{
    int fd = connect_to(path);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ECONNREFUSED;
}

static int look_at(struct sessions *s, const char *path)
{
    struct control_request request = control_request_make(CONTROL_LIST);
    struct control_answer answer;
    int result = 0;

    if (is_dead(path)) {
        unlink(path);
        return 0;
    }
    if (session_ask(path, &request, &answer, LIST_TIMEOUT_MS, NULL) != 0) {
        s->silent += !is_dead(path) && access(path, F_OK) == 0;
        return 0;
    }
    if (is_known(s, path))
        return 0;
    while (result == 0 && answer.status == CONTROL_OK && answer.pid > request.pid &&
           s->count < SESSIONS_MAX) {
        result = add(s, path, &answer);
        request.pid = answer.pid;
        if (session_ask(path, &request, &answer, LIST_TIMEOUT_MS, NULL) != 0)
            break;
    }
    return result;
}

static bool is_socket_name(const char *name)
{
    size_t length = strlen(name), suffix = strlen(SOCKET_SUFFIX);

    return name[0] != '.' && length > suffix && strcmp(name + length - suffix, SOCKET_SUFFIX) == 0;
}

static int look_through(struct sessions *s, const char *folder)
{
    char path[SESSIONS_PATH_BYTES];
    const struct dirent *entry;
    DIR *directory;
    int result = 0;

    if (objection(folder) || !(directory = opendir(folder)))
        return 0;
    while (result == 0 && s->count < SESSIONS_MAX && (entry = readdir(directory))) {
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

        if (is_socket_name(entry->d_name) && length > 0 && (size_t)length < sizeof(path))
            result = look_at(s, path);
    }
    closedir(directory);
    return result;
}

static int by_pid(const void *a, const void *b)
{
    const struct session *x = a, *y = b;

    return (x->answer.pid > y->answer.pid) - (x->answer.pid < y->answer.pid);
}

/*
 * MEMPROF_RUNTIME_DIR is there and this user's, and not used.  Of another user's nothing is
 * to be said: whose the program is that is asked for tells more.
 */
static bool is_open_to_others(char folder[SESSIONS_PATH_BYTES])
{
    struct stat status;

    return only_folder() && folder_name(folder, 0) && lstat(folder, &status) == 0 &&
           status.st_uid == geteuid() && objection(folder);
}

int sessions_find(struct sessions *s, struct error *e)
{
    char folder[SESSIONS_PATH_BYTES];

    memset(s, 0, sizeof(*s));
    if (is_open_to_others(folder))
        return refuse(e);
    for (unsigned i = 0; i < FOLDERS; i++)
        if (folder_name(folder, i) && look_through(s, folder) != 0)
            return error_set(e, ERROR_MEMORY, "out of memory");
    if (s->count)
        qsort(s->items, s->count, sizeof(*s->items), by_pid);
    return 0;
}

void sessions_release(struct sessions *s)
{
    free(s->items);
    memset(s, 0, sizeof(*s));
}
