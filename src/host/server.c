/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ------------------------------------------------------------- opening -- */

/* A fresh directory under `parent` whose socket path fits; -1 with errno set. */
static int make_directory(struct server *s, const char *parent)
{
    int length;

    if (!parent || parent[0] != '/') {
        errno = ENOENT;
        return -1;
    }
    length = snprintf(s->directory, sizeof(s->directory), "%s/memprof-XXXXXX", parent);
    if (length < 0 || (size_t)length + sizeof("/socket") > sizeof(s->path)) {
        s->directory[0] = '\0';
        errno = ENAMETOOLONG;
        return -1;
    }
    if (!mkdtemp(s->directory)) {
        s->directory[0] = '\0';
        return -1;
    }
    /* cannot truncate: checked above */
    memcpy(s->path, s->directory, (size_t)length);
    memcpy(s->path + length, "/socket", sizeof("/socket"));
    return 0;
}

static int listen_at(struct server *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, s->path, sizeof(s->path));
    s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0 ||
        bind(s->listener, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return -1;
    return listen(s->listener, SOMAXCONN);
}

void server_init(struct server *s)
{
    memset(s, 0, sizeof(*s));
    s->listener = -1;
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        s->clients[i] = -1;
}

int server_open(struct server *s, struct error *e)
{
    const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    size_t i = 0;

    server_init(s);
    while (make_directory(s, parents[i]) != 0)
        if (++i == sizeof(parents) / sizeof(parents[0]))
            return error_set(e, ERROR_SYSTEM, "cannot make a directory for the session in /tmp");
    if (listen_at(s) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot listen at %s", s->path);
    return 0;
}

static void drop_client(int *client)
{
    close(*client);
    *client = -1;
}

void server_close(struct server *s)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i] >= 0)
            drop_client(&s->clients[i]);
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
    if (s->directory[0]) {
        unlink(s->path);
        rmdir(s->directory);
    }
    s->directory[0] = '\0';
}

/* ------------------------------------------------------------ serving -- */

size_t server_polls(const struct server *s, struct pollfd *polls)
{
    size_t count = 0;

    polls[count++] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i] >= 0)
            polls[count++] = (struct pollfd){.fd = s->clients[i], .events = POLLIN};
    return count;
}

/* Whether the process at the other end runs as this user (or as root). */
static int peer_of(int client, pid_t *pid)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return -1;
    *pid = credentials.pid;
    return credentials.uid == geteuid() || credentials.uid == 0 ? 0 : -1;
}

static void send_answer(int client, const struct hello_answer *answer, int fd)
{
    struct iovec bytes = {.iov_base = (void *)answer, .iov_len = sizeof(*answer)};
    union {
        struct cmsghdr header; /* aligns the bytes */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *c;

        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    /* A client that has gone meanwhile needs no answer. */
    (void)!sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Returns whether the client is done with. */
static int serve(int client, server_hello hello_seen, void *context)
{
    struct hello_answer answer = {.magic = HELLO_MAGIC, .version = SEGMENT_VERSION};
    struct hello hello;
    pid_t peer;
    int fd = -1;
    ssize_t got = recv(client, &hello, sizeof(hello), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got != sizeof(hello) || hello.magic != HELLO_MAGIC || peer_of(client, &peer) != 0)
        return 1;
    if (hello.version == SEGMENT_VERSION)
        fd = hello_seen(context, &hello, peer, &answer);
    if (fd < 0)
        answer.segment_bytes = 0;
    send_answer(client, &answer, fd);
    return 1;
}

/* Take in who waits; false when nobody does any more, true when all places are taken. */
static bool accept_clients(struct server *s)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i] >= 0)
            continue;
        s->clients[i] = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (s->clients[i] < 0)
            return false;
    }
    return true;
}

/* Hear all clients; returns whether a place came free. */
static bool serve_clients(struct server *s, server_hello hello, void *context)
{
    bool freed = false;

    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i] >= 0 && serve(s->clients[i], hello, context)) {
            drop_client(&s->clients[i]);
            freed = true;
        }
    return freed;
}

void server_handle(struct server *s, server_hello hello, void *context)
{
    bool full;

    do {
        full = accept_clients(s);
        /* Everybody is silent: one must go, each in turn. */
        if (!serve_clients(s, hello, context) && full)
            drop_client(&s->clients[s->next_to_go++ % SERVER_CLIENTS]);
    } while (full);
}
