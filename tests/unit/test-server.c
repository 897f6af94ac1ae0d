/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[] = "/tmp/memprof-test-XXXXXX";

struct seen {
    struct server *server;
    int requests;
    uint64_t ticket; /* of the last one */
    int hellos;
    int strangers; /* hellos of another version */
    pid_t peer;
    int fd; /* to hand over */
    unsigned executes, failures, unheard;
    struct execute_failure failure;
    uint32_t from;
    char path[64];
};

static int on_hello(void *context, const struct hello *hello, pid_t peer,
                    struct hello_answer *answer)
{
    struct seen *seen = context;

    assert_int_equal(hello->magic, HELLO_MAGIC);
    seen->hellos++;
    seen->peer = peer;
    answer->segment_bytes = 4096;
    return seen->fd;
}

static void on_stranger(void *context, const struct hello *hello, pid_t peer)
{
    struct seen *seen = context;

    assert_int_not_equal(hello->version, SEGMENT_VERSION);
    seen->strangers++;
    seen->peer = peer;
}

static int connect_to(const struct server *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, s->path, sizeof(s->path));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* A request is answered at once, but for a snapshot, which waits. */
static void on_request(void *context, const struct control_request *request, uint64_t ticket)
{
    struct seen *seen = context;
    struct control_answer answer;

    seen->requests++;
    seen->ticket = ticket;
    if (request->kind == CONTROL_SNAPSHOT)
        return;
    control_answer_init(&answer, CONTROL_OK);
    server_answer(seen->server, ticket, &answer);
}

static bool on_execute(void *context, const struct execute_question *asked, const char *path,
                       pid_t peer, uint32_t *row)
{
    struct seen *seen = context;

    seen->executes++;
    seen->from = asked->from;
    seen->peer = peer;
    snprintf(seen->path, sizeof(seen->path), "%s", path);
    *row = seen->executes;
    return strcmp(path, "/bin/yes") == 0;
}

static void on_failure(void *context, const struct execute_failure *said, pid_t peer)
{
    struct seen *seen = context;

    seen->failures++;
    seen->failure = *said;
    seen->peer = peer;
}

static void on_unheard(void *context)
{
    struct seen *seen = context;

    seen->unheard++;
}

static void handle(struct server *s, struct seen *seen)
{
    const struct server_handlers handlers = {.hello = on_hello,
                                             .stranger = on_stranger,
                                             .execute = on_execute,
                                             .not_executed = on_failure,
                                             .request = on_request,
                                             .unheard = on_unheard,
                                             .context = seen};

    seen->server = s;
    server_handle(s, &handlers);
}

static void say_hello(int fd, uint32_t magic, uint32_t version)
{
    struct hello hello = {.magic = magic, .version = version, .pid = (uint32_t)getpid()};

    assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
}

/* The answer and the descriptor that came with it, -1 for none; false: hung up without one. */
static bool hear(int fd, struct hello_answer *answer, int *got)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec bytes = {.iov_base = answer, .iov_len = sizeof(*answer)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};

    *got = -1;
    if (recvmsg(fd, &message, MSG_DONTWAIT) != sizeof(*answer))
        return false;
    if (CMSG_FIRSTHDR(&message))
        memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    return true;
}

static const char *folder_of(const struct server *s)
{
    static char folder[SERVER_PATH_BYTES];

    memcpy(folder, s->path, sizeof(folder));
    *strrchr(folder, '/') = '\0';
    return folder;
}

static void test_handshake(void **unused)
{
    struct seen seen = {.fd = open("/dev/null", O_RDWR | O_CLOEXEC)};
    struct hello_answer answer;
    struct server s;
    struct stat status;
    int client, got;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    assert_int_equal(stat(folder_of(&s), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(stat(s.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    client = connect_to(&s);
    handle(&s, &seen); /* connected, silent */
    assert_int_equal(seen.hellos, 0);
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION);
    handle(&s, &seen);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.peer, getpid());
    assert_true(hear(client, &answer, &got));
    assert_int_equal(answer.segment_bytes, 4096);
    assert_true(got >= 0);
    close(got);
    close(client);
    close(seen.fd);
    server_close(&s);
    assert_int_not_equal(stat(s.path, &status), 0);
}

static void test_refused(void **unused)
{
    struct seen seen = {.fd = -1};
    struct hello_answer answer;
    struct server s;
    int client, got;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    client = connect_to(&s);
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION);
    handle(&s, &seen);
    assert_true(hear(client, &answer, &got));
    assert_int_equal(answer.segment_bytes, 0);
    assert_int_equal(got, -1);
    close(client);
    client = connect_to(&s); /* another version: told so, not recorded */
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION + 1);
    handle(&s, &seen);
    assert_true(hear(client, &answer, &got));
    assert_int_equal(answer.version, SEGMENT_VERSION);
    assert_int_equal(answer.segment_bytes, 0);
    assert_int_equal(seen.strangers, 1);
    assert_int_equal(seen.peer, getpid());
    close(client);
    client = connect_to(&s); /* not a hello at all */
    say_hello(client, 7, SEGMENT_VERSION);
    handle(&s, &seen);
    assert_false(hear(client, &answer, &got));
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.strangers, 1);
    close(client);
    server_close(&s);
}

/* Whether the library may be loaded into `path`, of which `length` bytes are said to come. */
static int ask_to_execute(struct server *s, struct seen *seen, const char *path, uint32_t length)
{
    struct execute_question question = {
        .magic = EXECUTE_MAGIC, .version = SEGMENT_VERSION, .from = 3, .length = length};
    struct execute_answer answer;
    unsigned char bytes[sizeof(question) + 64];
    int client = connect_to(s), result = -1;

    memcpy(bytes, &question, sizeof(question));
    memcpy(bytes + sizeof(question), path, strlen(path));
    assert_int_equal(send(client, bytes, sizeof(question) + strlen(path), 0),
                     sizeof(question) + strlen(path));
    handle(s, seen);
    if (recv(client, &answer, sizeof(answer), MSG_DONTWAIT) == (ssize_t)sizeof(answer))
        result = (int)answer.carry;
    close(client);
    return result;
}

static bool tell_failure(struct server *s, struct seen *seen, uint32_t version, size_t size)
{
    struct execute_failure failure = {
        .magic = EXECUTE_FAILED_MAGIC, .version = version, .from = 3, .fork = 5, .row = 7};
    struct execute_answer answer;
    int client = connect_to(s);
    bool answered;

    assert_int_equal(send(client, &failure, size, 0), size);
    handle(s, seen);
    answered = recv(client, &answer, sizeof(answer), MSG_DONTWAIT) == (ssize_t)sizeof(answer);
    close(client);
    return answered;
}

static void test_not_executed(void **unused)
{
    struct seen seen = {.fd = -1};
    struct server s;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    assert_true(tell_failure(&s, &seen, SEGMENT_VERSION, sizeof(struct execute_failure)));
    assert_int_equal(seen.failures, 1);
    assert_int_equal(seen.failure.row, 7);
    assert_int_equal(seen.failure.fork, 5);
    assert_int_equal(seen.peer, getpid());
    assert_false(tell_failure(&s, &seen, SEGMENT_VERSION, sizeof(struct execute_failure) - 1));
    assert_true(tell_failure(&s, &seen, SEGMENT_VERSION + 1, sizeof(struct execute_failure)));
    assert_int_equal(seen.failures, 1);
    server_close(&s);
}

static void test_execute(void **unused)
{
    struct seen seen = {.fd = -1};
    struct server s;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    assert_int_equal(ask_to_execute(&s, &seen, "/bin/yes", 8), 1);
    assert_string_equal(seen.path, "/bin/yes");
    assert_int_equal(seen.from, 3);
    assert_int_equal(seen.peer, getpid());
    assert_int_equal(ask_to_execute(&s, &seen, "/bin/no", 7), 0);
    assert_int_equal(seen.executes, 2);
    assert_int_equal(ask_to_execute(&s, &seen, "/bin/yes", 7), -1);
    assert_int_equal(ask_to_execute(&s, &seen, "/bin/yes", UINT32_MAX), -1);
    assert_int_equal(seen.executes, 2);
    assert_int_equal(ask_to_execute(&s, &seen, "", 0), 0);
    server_close(&s);
}

/* Any number of clients that say nothing do not keep out one that does. */
static void test_silent_clients(void **unused)
{
    struct seen seen = {.fd = -1};
    struct server s;
    int silent[2 * SERVER_CLIENTS], client;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    for (size_t i = 0; i < 2 * SERVER_CLIENTS; i++) {
        silent[i] = connect_to(&s);
        handle(&s, &seen);
    }
    client = connect_to(&s);
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION);
    for (int i = 0; i < 3; i++)
        handle(&s, &seen);
    assert_int_equal(seen.hellos, 1);
    for (size_t i = 0; i < 2 * SERVER_CLIENTS; i++)
        close(silent[i]);
    close(client);
    server_close(&s);
}

/* A directory whose path does not fit a socket's name is passed over. */
static void test_long_directory(void **unused)
{
    char path[200] = "/tmp/", expected[64];
    struct server s;

    (void)unused;
    memset(path + 5, 'x', 150);
    setenv("XDG_RUNTIME_DIR", path, 1);
    setenv("TMPDIR", "/tmp", 1);
    assert_int_equal(server_open(&s, NULL), 0);
    snprintf(expected, sizeof(expected), "/tmp/memprof-%u/", (unsigned)geteuid());
    assert_memory_equal(s.path, expected, strlen(expected));
    server_close(&s);
    server_close(&s); /* harmless */
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

/* The shared folder is somebody else's trap: the server has one of its own, and removes it. */
static void test_trap(void **unused)
{
    char path[SERVER_PATH_BYTES], folder[SERVER_PATH_BYTES];
    struct stat status;
    struct server s;

    (void)unused;
    setenv("TMPDIR", scratch, 1);
    snprintf(path, sizeof(path), "%s/memprof-%u", scratch, (unsigned)geteuid());
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(symlink("/tmp", path), 0);
    assert_int_equal(server_open(&s, NULL), 0);
    assert_true(strncmp(s.path, path, strlen(path)) != 0);
    server_close(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(server_open(&s, NULL), 0);
    strcpy(folder, folder_of(&s));
    assert_string_not_equal(folder, path);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0077, 0);
    server_close(&s);
    assert_int_equal(rmdir(path), 0);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

/* One that is answered at once, and one that is answered when its time has come. */
static void test_requests(void **unused)
{
    struct control_request request = control_request_make(CONTROL_LIST);
    struct control_answer answer;
    struct seen seen = {.fd = -1};
    struct server s;
    uint64_t first;
    int client, other;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    client = connect_to(&s);
    assert_int_equal(send(client, &request, sizeof(request), 0), sizeof(request));
    handle(&s, &seen);
    assert_int_equal(seen.requests, 1);
    assert_int_equal(recv(client, &answer, sizeof(answer), MSG_DONTWAIT), sizeof(answer));
    assert_true(control_answer_valid(&answer, sizeof(answer)));
    close(client);

    request.kind = CONTROL_SNAPSHOT;
    client = connect_to(&s);
    other = connect_to(&s);
    assert_int_equal(send(client, &request, sizeof(request), 0), sizeof(request));
    handle(&s, &seen);
    first = seen.ticket;
    assert_int_equal(send(other, &request, sizeof(request), 0), sizeof(request));
    handle(&s, &seen);
    assert_int_equal(seen.requests, 3);
    close(other); /* lost its patience */
    handle(&s, &seen);
    control_answer_init(&answer, CONTROL_OK);
    server_answer(&s, seen.ticket, &answer);
    answer.number = 7;
    server_answer(&s, first, &answer);
    answer.number = 0;
    assert_int_equal(recv(client, &answer, sizeof(answer), MSG_DONTWAIT), sizeof(answer));
    assert_int_equal(answer.number, 7);
    close(client);
    server_close(&s);
}

/* The folder keeps others out; where it did not, they are not heard, root neither. */
static void test_other_user(void **unused)
{
    struct control_request request = control_request_make(CONTROL_LIST);
    struct seen seen = {.fd = -1};
    struct server s;
    char byte;
    int client;

    (void)unused;
    if (geteuid() != 0)
        skip();
    assert_int_equal(server_open(&s, NULL), 0);
    client = connect_to(&s); /* as root */
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(send(client, &request, sizeof(request), 0), sizeof(request));
    handle(&s, &seen);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(seen.requests, 0);
    assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), 0);
    close(client);
    client = connect_to(&s);
    assert_int_equal(send(client, &request, sizeof(request), 0), sizeof(request));
    handle(&s, &seen);
    assert_int_equal(seen.requests, 1);
    close(client);
    server_close(&s);
}

/* More wait for answers than there are places: nobody who waits is sent away. */
static void test_crowd(void **unused)
{
    struct control_request request = control_request_make(CONTROL_SNAPSHOT);
    struct control_answer answer;
    struct pollfd polls[SERVER_POLLS];
    struct seen seen = {.fd = -1};
    int clients[SERVER_CLIENTS + 6];
    struct server s;
    const int all = (int)(sizeof(clients) / sizeof(clients[0]));

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    for (int i = 0; i < all; i++) {
        clients[i] = connect_to(&s);
        assert_int_equal(send(clients[i], &request, sizeof(request), 0), sizeof(request));
        handle(&s, &seen);
    }
    assert_int_equal(seen.requests, SERVER_CLIENTS);
    assert_int_equal(server_polls(&s, polls), SERVER_CLIENTS + 1);
    assert_int_equal(polls[0].fd, -1); /* or whoever polls would never sleep */
    for (int i = 0; i < all; i++) {
        control_answer_init(&answer, CONTROL_OK);
        answer.number = (uint32_t)i + 1;
        server_answer(&s, (uint64_t)i + 1, &answer); /* tickets count from 1 */
        handle(&s, &seen);
    }
    assert_int_equal(seen.requests, all);
    for (int i = 0; i < all; i++) {
        assert_int_equal(recv(clients[i], &answer, sizeof(answer), MSG_DONTWAIT), sizeof(answer));
        assert_int_equal(answer.number, i + 1);
        close(clients[i]);
    }
    server_close(&s);
}

/* Requests of every length and with every field wrong: none reaches the handler, all are let go. */
static void test_hostile_requests(void **unused)
{
    struct control_request good = control_request_make(CONTROL_SNAPSHOT), bad;
    char bytes[2 * sizeof(good)] = {0}, rest[16];
    struct seen seen = {.fd = -1};
    struct server s;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    memcpy(bytes, &good, sizeof(good));
    for (size_t length = 1; length <= sizeof(bytes); length++) {
        int client = connect_to(&s);

        if (length == sizeof(good))
            bytes[4]++; /* the right length: another version */
        assert_int_equal(send(client, bytes, length, 0), length);
        handle(&s, &seen);
        while (recv(client, rest, sizeof(rest), MSG_DONTWAIT) > 0) {
        }
        assert_int_equal(recv(client, rest, sizeof(rest), MSG_DONTWAIT), 0); /* hung up */
        close(client);
    }
    for (int i = 0; i < 3; i++) {
        int client = connect_to(&s);

        bad = good;
        if (i == 0)
            bad.kind = CONTROL_KINDS;
        else if (i == 1)
            bad.kind = 0;
        else
            memset(bad.label, 'x', sizeof(bad.label));
        assert_int_equal(send(client, &bad, sizeof(bad), 0), sizeof(bad));
        handle(&s, &seen);
        close(client);
    }
    assert_int_equal(seen.requests, 0);
    assert_int_equal(seen.hellos, 0);
    server_close(&s);
}

/* ------------------------------------------------------ no descriptors left -- */

#define FEW 64

/* Descriptors that a test takes away from the server. */
static struct {
    struct rlimit before;
    int fds[FEW];
    unsigned count;
    atomic_bool end;
} taken;

static void take_free_ones(void)
{
    int fd;

    while (taken.count < FEW && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        taken.fds[taken.count++] = fd;
}

static void leave_none(void)
{
    struct rlimit few;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &taken.before), 0);
    few = (struct rlimit){FEW, taken.before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    taken.count = 0;
    take_free_ones();
}

static void give_back(void)
{
    while (taken.count)
        close(taken.fds[--taken.count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &taken.before), 0);
}

/* Whoever said hello has an answer or was hung up on: it waits for one of the two. */
static bool is_waiting(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void test_spare_is_lost(void **unused)
{
    struct seen seen = {.fd = -1};
    struct server s;
    int waiting, later;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    waiting = connect_to(&s);
    say_hello(waiting, HELLO_MAGIC, SEGMENT_VERSION);
    leave_none();
    close(s.spare);
    s.spare = -1;
    take_free_ones();
    handle(&s, &seen);
    assert_int_equal(seen.hellos, 0);
    assert_int_equal(seen.unheard, 1);
    assert_false(is_waiting(waiting));
    give_back();

    later = connect_to(&s);
    say_hello(later, HELLO_MAGIC, SEGMENT_VERSION);
    handle(&s, &seen);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.unheard, 1);
    close(waiting);
    close(later);
    server_close(&s);
}

static void *thief(void *unused)
{
    while (!atomic_load(&taken.end))
        take_free_ones();
    return unused;
}

/* As the host's other threads do, which open files whenever they like. */
static void test_thief_of_descriptors(void **unused)
{
    struct seen seen = {.fd = -1};
    struct server s;
    pthread_t thread;
    int fds[20];

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    for (int i = 0; i < 20; i++)
        fds[i] = connect_to(&s);
    leave_none();
    atomic_store(&taken.end, false);
    assert_int_equal(pthread_create(&thread, NULL, thief, NULL), 0);
    for (int i = 0; i < 20; i++) {
        /* a server that let all go has hung up on this one too */
        struct hello hello = {.magic = HELLO_MAGIC, .version = SEGMENT_VERSION};

        (void)!send(fds[i], &hello, sizeof(hello), MSG_NOSIGNAL);
        handle(&s, &seen);
        assert_false(is_waiting(fds[i]));
    }
    atomic_store(&taken.end, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(seen.hellos + (int)seen.unheard > 0);
    give_back();
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    server_close(&s);
}

static int make_scratch(void **unused)
{
    (void)unused;
    if (!mkdtemp(scratch))
        return -1;
    return setenv("XDG_RUNTIME_DIR", scratch, 1);
}

static int remove_scratch(void **unused)
{
    char path[SERVER_PATH_BYTES];

    (void)unused;
    snprintf(path, sizeof(path), "%s/memprof", scratch);
    rmdir(path);
    return rmdir(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_execute),
        cmocka_unit_test(test_not_executed),
        cmocka_unit_test(test_silent_clients),
        cmocka_unit_test(test_long_directory),
        cmocka_unit_test(test_trap),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_other_user),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_hostile_requests),
        cmocka_unit_test(test_spare_is_lost),
        cmocka_unit_test(test_thief_of_descriptors),
    };

    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
