/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers: what is let in, and finding the memprofs of this user. */
#include "src/host/recording/control.h"

#include "src/host/recording/server.h"
#include "src/host/recording/sessions.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[] = "/tmp/memprof-test-XXXXXX";

static void test_requests(void **unused)
{
    struct control_request r = control_request_make(CONTROL_SNAPSHOT);

    (void)unused;
    assert_true(control_request_valid(&r, sizeof(r)));
    assert_true(control_request_meant(&r, sizeof(r)));
    assert_false(control_request_valid(&r, sizeof(r) - 1));
    assert_false(control_request_valid(&r, 0));
    assert_true(control_request_meant(&r, 8));
    assert_false(control_request_meant(&r, 7));
    r.version++;
    assert_false(control_request_valid(&r, sizeof(r)));
    assert_true(control_request_meant(&r, sizeof(r)));
    r = control_request_make(CONTROL_KINDS);
    assert_false(control_request_valid(&r, sizeof(r)));
    r = control_request_make(CONTROL_LIST);
    memset(r.label, 'x', sizeof(r.label));
    assert_false(control_request_valid(&r, sizeof(r)));
}

static void test_answers(void **unused)
{
    struct control_answer a;

    (void)unused;
    control_answer_init(&a, CONTROL_OK);
    assert_true(control_answer_valid(&a, sizeof(a)));
    assert_false(control_answer_valid(&a, sizeof(a) - 1));
    memset(a.file, 'x', sizeof(a.file));
    assert_false(control_answer_valid(&a, sizeof(a)));
    control_answer_init(&a, CONTROL_OK);
    a.version++;
    assert_false(control_answer_valid(&a, sizeof(a)));
}

static void test_copy(void **unused)
{
    char to[4];

    (void)unused;
    control_copy(to, sizeof(to), "ab");
    assert_string_equal(to, "ab");
    control_copy(to, sizeof(to), "abcdef");
    assert_string_equal(to, "abc");
}

/* ------------------------------------------------------------- sessions -- */

struct host {
    struct server server;
    _Atomic int stop;
    uint32_t status;
    int64_t pid;
};

static void on_request(void *context, const struct control_request *request, uint64_t ticket)
{
    struct host *host = context;
    struct control_answer a;

    (void)request;
    control_answer_init(&a, host->status);
    a.pid = host->pid;
    control_copy(a.program, sizeof(a.program), "prog");
    server_answer(&host->server, ticket, &a);
}

static void *serve(void *context)
{
    struct host *host = context;
    const struct server_handlers handlers = {.request = on_request, .context = host};
    struct pollfd polls[SERVER_POLLS];

    while (!host->stop)
        if (poll(polls, server_polls(&host->server, polls), 20) > 0)
            server_handle(&host->server, &handlers);
    return NULL;
}

static void find(struct host *host, struct sessions *found)
{
    pthread_t thread;

    host->stop = 0;
    assert_int_equal(pthread_create(&thread, NULL, serve, host), 0);
    assert_int_equal(sessions_find(found, NULL), 0);
    host->stop = 1;
    pthread_join(thread, NULL);
}

static void test_find(void **unused)
{
    struct host host = {.pid = 7};
    struct sessions found;

    (void)unused;
    assert_int_equal(server_open(&host.server, NULL), 0);
    find(&host, &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.silent, 0);
    assert_int_equal(found.items[0].answer.pid, 7);
    assert_int_equal(found.items[0].answer.memprof, getpid());
    assert_string_equal(found.items[0].path, host.server.path);
    sessions_release(&found);
    host.status = CONTROL_NOTHING; /* no program yet */
    find(&host, &found);
    assert_int_equal(found.count, 0);
    assert_int_equal(found.silent, 0);
    sessions_release(&found);
    server_close(&host.server);
    assert_int_equal(sessions_find(&found, NULL), 0);
    assert_int_equal(found.count, 0);
    sessions_release(&found);
}

/* Sockets of the dead go; what is none of ours stays. */
static void test_dead(void **unused)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[SESSIONS_PATH_BYTES], other[SESSIONS_PATH_BYTES + 8];
    struct sessions found;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    (void)unused;
    assert_int_equal(sessions_folder(folder, NULL), 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/1-1.socket", folder);
    snprintf(other, sizeof(other), "%s/file", folder);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    fclose(fopen(other, "we"));
    assert_int_equal(sessions_find(&found, NULL), 0);
    assert_int_equal(found.count, 0);
    assert_int_not_equal(access(address.sun_path, F_OK), 0);
    assert_int_equal(unlink(other), 0);
    sessions_release(&found);
}

/* A folder that others may enter is neither made use of nor looked into, and both sides hear why.
 */
static void test_unsafe_folder(void **unused)
{
    char folder[SESSIONS_PATH_BYTES], open_one[SESSIONS_PATH_BYTES];
    struct sessions found;
    struct error e = {0};

    (void)unused;
    assert_int_equal(sessions_folder(open_one, NULL), 0);
    assert_int_equal(chmod(open_one, 0755), 0);
    assert_int_equal(sessions_folder(folder, &e), -1);
    assert_non_null(strstr(e.text, "others may enter it"));
    assert_int_equal(sessions_find(&found, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
    sessions_release(&found);
    assert_int_equal(chmod(open_one, 0700), 0);
    assert_int_equal(sessions_folder(folder, NULL), 0);
    assert_string_equal(folder, open_one);
}

static int make_scratch(void **unused)
{
    char folder[SESSIONS_PATH_BYTES];

    (void)unused;
    if (!mkdtemp(scratch))
        return -1;
    snprintf(folder, sizeof(folder), "%s/sessions", scratch);
    return setenv("MEMPROF_RUNTIME_DIR", folder, 1);
}

static int remove_scratch(void **unused)
{
    char path[SESSIONS_PATH_BYTES];

    (void)unused;
    snprintf(path, sizeof(path), "%s/sessions", scratch);
    rmdir(path);
    return rmdir(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_copy),     cmocka_unit_test(test_find),
        cmocka_unit_test(test_dead),     cmocka_unit_test(test_unsafe_folder),
    };

    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
