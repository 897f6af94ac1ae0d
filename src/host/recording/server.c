/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/server.h"

#include "src/host/process/procinfo.h"
#include "src/host/recording/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
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
    if (length < 0 || (size_t)length + 44 > sizeof(s->path)) {
        s->directory[0] = '\0';
        errno = ENAMETOOLONG;
        return -1;
    }
    if (!mkdtemp(s->directory)) {
        s->directory[0] = '\0';
        return -1;
    }
    return 0;
}

/* Where nobody looks for it, but the program that is recorded is told. */
static int make_own_folder(struct server *s, struct error *e)
{
    const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    size_t i = 0;

    while (make_directory(s, parents[i]) != 0)
        if (++i == sizeof(parents) / sizeof(parents[0]))
            return error_set(e, ERROR_SYSTEM, "cannot make a directory for the session in /tmp");
    return 0;
}

static int bind_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    control_copy(address.sun_path, sizeof(address.sun_path), path);
    /* before it has a name: bind(2) takes the mode from here, less the umask */
    if (listener >= 0 && (fchmod(listener, 0600) != 0 ||
                          bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
                          listen(listener, SOMAXCONN) != 0)) {
        int failure = errno;

        close(listener);
        errno = failure;
        return -1;
    }
    return listener;
}

/*
 * A socket without a listener is a dead memprof's and is removed by whoever finds
 * it (sessions.h), so ours gets its name only when it has one.
 */
static int listen_at_path(struct server *s)
{
    int folder = (int)(strrchr(s->path, '/') - s->path), failure;
    char hidden[SERVER_PATH_BYTES + 2];

    snprintf(hidden, sizeof(hidden), "%.*s/.%s", folder, s->path, s->path + folder + 1);
    s->listener = bind_at(hidden);
    if (s->listener >= 0 && rename(hidden, s->path) == 0)
        return 0;
    failure = errno;
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
    unlink(hidden);
    errno = failure;
    return -1;
}

static int listen_in(struct server *s, const char *folder)
{
    uint64_t random = 0;

    /* In another namespace a process may have our process id and the same folder. */
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = procinfo_start_ticks(getpid());
    snprintf(s->path, sizeof(s->path), "%s/%d-%016" PRIx64 ".socket", folder, (int)getpid(),
             random);
    return listen_at_path(s);
}

/* A descriptor to give up where there are no others left: see accept_client. */
static void keep_spare(struct server *s)
{
    if (s->spare < 0)
        s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void server_init(struct server *s)
{
    memset(s, 0, sizeof(*s));
    s->listener = -1;
    s->spare = -1;
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        s->clients[i].fd = -1;
}

int server_open(struct server *s, struct error *e)
{
    char folder[SESSIONS_PATH_BYTES];

    server_init(s);
    keep_spare(s);
    if (sessions_folder(folder, NULL) == 0 && listen_in(s, folder) == 0)
        return 0;
    if (make_own_folder(s, e) != 0)
        return -1;
    if (listen_in(s, s->directory) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot listen at %s", s->path);
    return 0;
}

static void drop_client(struct server *s, struct server_client *client)
{
    /* in its place at once: another thread could take a free number before us */
    if (s->spare < 0 && dup3(s->listener, client->fd, O_CLOEXEC) >= 0)
        s->spare = client->fd;
    else
        close(client->fd);
    *client = (struct server_client){.fd = -1};
}

void server_close(struct server *s)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i].fd >= 0)
            drop_client(s, &s->clients[i]);
    if (s->listener >= 0) {
        close(s->listener);
        unlink(s->path);
    }
    s->listener = -1;
    if (s->spare >= 0)
        close(s->spare);
    s->spare = -1;
    if (s->directory[0])
        rmdir(s->directory);
    s->directory[0] = '\0';
}

/* ------------------------------------------------------------ serving -- */

/* Every place is taken by somebody who waits for an answer: others wait outside. */
static bool is_crowded(const struct server *s)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i].fd < 0 || !s->clients[i].ticket)
            return false;
    return true;
}

size_t server_polls(const struct server *s, struct pollfd *polls)
{
    size_t count = 0;

    polls[count++] = (struct pollfd){.fd = is_crowded(s) ? -1 : s->listener, .events = POLLIN};
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i].fd >= 0)
            polls[count++] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
    return count;
}

/* Who is at the other end; false when that cannot be told. */
static bool peer_of(int client, struct ucred *credentials)
{
    socklen_t size = sizeof(*credentials);

    return getsockopt(client, SOL_SOCKET, SO_PEERCRED, credentials, &size) == 0;
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

/* This user's processes are recorded, and those that were root's when they connected. */
static void serve_hello(int client, const struct hello *hello, const struct ucred *peer,
                        const struct server_handlers *handlers)
{
    struct hello_answer answer = {.magic = HELLO_MAGIC, .version = SEGMENT_VERSION};
    int fd = -1;

    if (peer->uid != geteuid() && peer->uid != 0)
        return;
    if (hello->version == SEGMENT_VERSION)
        fd = handlers->hello(handlers->context, hello, peer->pid, &answer);
    else if (handlers->stranger)
        handlers->stranger(handlers->context, hello, peer->pid);
    if (fd < 0)
        answer.segment_bytes = 0;
    send_answer(client, &answer, fd);
}

static void serve_execute(int client, const void *bytes, size_t size, const struct ucred *peer,
                          const struct server_handlers *handlers)
{
    struct execute_answer answer = {.magic = EXECUTE_MAGIC};
    struct execute_question question;
    char path[EXECUTE_PATH_BYTES + 1];

    memcpy(&question, bytes, sizeof(question));
    if (peer->uid != geteuid() && peer->uid != 0)
        return;
    if (question.length > EXECUTE_PATH_BYTES || size != sizeof(question) + question.length)
        return;
    memcpy(path, (const char *)bytes + sizeof(question), question.length);
    path[question.length] = '\0';
    if (question.version == SEGMENT_VERSION && handlers->execute)
        answer.carry =
            handlers->execute(handlers->context, &question, path, peer->pid, &answer.row);
    (void)!send(client, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void serve_failure(int client, const struct execute_failure *said, const struct ucred *peer,
                          const struct server_handlers *handlers)
{
    struct execute_answer answer = {.magic = EXECUTE_MAGIC};

    if (peer->uid != geteuid() && peer->uid != 0)
        return;
    if (said->version == SEGMENT_VERSION && handlers->not_executed)
        handlers->not_executed(handlers->context, said, peer->pid);
    (void)!send(client, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_control(int client, const struct control_answer *answer)
{
    (void)!send(client, answer, sizeof(*answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Returns whether the client is done with.  Only this user may ask; root may not either. */
static bool serve_control(struct server *s, struct server_client *client, const void *bytes,
                          size_t size, const struct ucred *peer,
                          const struct server_handlers *handlers)
{
    struct control_answer differs;
    struct control_request request;

    if (peer->uid != geteuid() || !handlers->request)
        return true;
    if (!control_request_valid(bytes, size)) {
        control_answer_init(&differs, CONTROL_VERSION_DIFFERS);
        send_control(client->fd, &differs);
        return true;
    }
    memcpy(&request, bytes, sizeof(request));
    client->ticket = ++s->tickets;
    handlers->request(handlers->context, &request, client->ticket);
    return client->fd < 0;
}

union heard {
    struct hello hello;
    struct control_request request;
    struct execute_question execute;
    struct execute_failure failure;
    char bytes[sizeof(struct execute_question) + EXECUTE_PATH_BYTES];
};

/* Returns whether the client is done with. */
static bool serve(struct server *s, struct server_client *client,
                  const struct server_handlers *handlers)
{
    union heard heard;
    struct ucred peer;
    ssize_t got = recv(client->fd, &heard, sizeof(heard), MSG_DONTWAIT | MSG_TRUNC);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* Who waits for an answer has no more to say: it hung up, or talks nonsense. */
    if (got <= 0 || client->ticket || !peer_of(client->fd, &peer))
        return true;
    if (control_request_meant(&heard, (size_t)got))
        return serve_control(s, client, &heard, (size_t)got, &peer, handlers);
    if (got == (ssize_t)sizeof(heard.hello) && heard.hello.magic == HELLO_MAGIC)
        serve_hello(client->fd, &heard.hello, &peer, handlers);
    else if (got == (ssize_t)sizeof(heard.failure) && heard.failure.magic == EXECUTE_FAILED_MAGIC)
        serve_failure(client->fd, &heard.failure, &peer, handlers);
    else if (got >= (ssize_t)sizeof(heard.execute) && heard.execute.magic == EXECUTE_MAGIC)
        serve_execute(client->fd, &heard, (size_t)got, &peer, handlers);
    return true;
}

void server_answer(struct server *s, uint64_t ticket, const struct control_answer *answer)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i].fd >= 0 && s->clients[i].ticket == ticket) {
            send_control(s->clients[i].fd, answer);
            drop_client(s, &s->clients[i]);
            return;
        }
}

static bool has_clients(const struct server *s)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++)
        if (s->clients[i].fd >= 0)
            return true;
    return false;
}

/*
 * Another thread has taken the spare's number between closing it and accepting, and may keep it:
 * who waits would do so for ever.  Those who connect from now on are heard again.
 */
static void let_all_go(struct server *s, const struct server_handlers *handlers)
{
    close(s->listener);
    if (listen_at_path(s) != 0)
        unlink(s->path);
    if (handlers->unheard)
        handlers->unheard(handlers->context);
}

/*
 * A program that says hello waits for its answer, be it that it cannot be
 * recorded: it is heard even where no descriptor is left.
 */
static int accept_client(struct server *s, const struct server_handlers *handlers)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && s->spare >= 0) {
        close(s->spare);
        s->spare = -1;
        fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && !has_clients(s))
        let_all_go(s, handlers);
    return fd;
}

/* Take in who waits; false when nobody does any more, true when all places are taken. */
static bool accept_clients(struct server *s, const struct server_handlers *handlers)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i].fd >= 0)
            continue;
        s->clients[i].fd = accept_client(s, handlers);
        if (s->clients[i].fd < 0)
            return false;
    }
    return true;
}

/* Hear all clients; returns whether a place came free. */
static bool serve_clients(struct server *s, const struct server_handlers *handlers)
{
    bool freed = false;

    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        if (s->clients[i].fd < 0)
            continue;
        if (serve(s, &s->clients[i], handlers)) {
            /* Its answer may have been given, and the client dropped, meanwhile. */
            if (s->clients[i].fd >= 0)
                drop_client(s, &s->clients[i]);
            freed = true;
        }
    }
    return freed;
}

/* All places are taken and some are silent: one of these must go. */
static void drop_somebody(struct server *s)
{
    unsigned place = s->next_to_go++ % SERVER_CLIENTS;

    while (s->clients[place].ticket)
        place = (place + 1) % SERVER_CLIENTS;
    drop_client(s, &s->clients[place]);
}

void server_handle(struct server *s, const struct server_handlers *handlers)
{
    bool full;

    do {
        full = accept_clients(s, handlers);
        if (!serve_clients(s, handlers) && full && !is_crowded(s))
            drop_somebody(s);
    } while (full && !is_crowded(s));
}
