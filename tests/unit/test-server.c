/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    int hellos;
    pid_t peer;
    int fd; /* to hand over */
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

static int connect_to(const struct server *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, s->path, sizeof(s->path));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
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

static void test_handshake(void **unused)
{
    struct seen seen = {.fd = open("/dev/null", O_RDWR | O_CLOEXEC)};
    struct hello_answer answer;
    struct server s;
    struct stat status;
    int client, got;

    (void)unused;
    assert_int_equal(server_open(&s, NULL), 0);
    assert_int_equal(stat(s.directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    client = connect_to(&s);
    server_handle(&s, on_hello, &seen); /* connected, silent */
    assert_int_equal(seen.hellos, 0);
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION);
    server_handle(&s, on_hello, &seen);
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
    server_handle(&s, on_hello, &seen);
    assert_true(hear(client, &answer, &got));
    assert_int_equal(answer.segment_bytes, 0);
    assert_int_equal(got, -1);
    close(client);
    client = connect_to(&s); /* another version: told so, not recorded */
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION + 1);
    server_handle(&s, on_hello, &seen);
    assert_true(hear(client, &answer, &got));
    assert_int_equal(answer.version, SEGMENT_VERSION);
    assert_int_equal(answer.segment_bytes, 0);
    close(client);
    client = connect_to(&s); /* not a hello at all */
    say_hello(client, 7, SEGMENT_VERSION);
    server_handle(&s, on_hello, &seen);
    assert_false(hear(client, &answer, &got));
    assert_int_equal(seen.hellos, 1);
    close(client);
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
        server_handle(&s, on_hello, &seen);
    }
    client = connect_to(&s);
    say_hello(client, HELLO_MAGIC, SEGMENT_VERSION);
    for (int i = 0; i < 3; i++)
        server_handle(&s, on_hello, &seen);
    assert_int_equal(seen.hellos, 1);
    for (size_t i = 0; i < 2 * SERVER_CLIENTS; i++)
        close(silent[i]);
    close(client);
    server_close(&s);
}

/* A directory whose path does not fit a socket's name is passed over. */
static void test_long_directory(void **unused)
{
    char path[200] = "/tmp/";
    struct server s;

    (void)unused;
    memset(path + 5, 'x', 150);
    setenv("XDG_RUNTIME_DIR", path, 1);
    setenv("TMPDIR", "/tmp", 1);
    assert_int_equal(server_open(&s, NULL), 0);
    assert_memory_equal(s.path, "/tmp/memprof-", 13);
    server_close(&s);
    server_close(&s); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silent_clients),
        cmocka_unit_test(test_long_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
