/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/connect.h"

#include "preload/thread.h"
#include "src/shared/rawcall.h"
#include "src/shared/record.h"
#include "src/shared/sysmem.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A program may count on the lowest free numbers: keep ours out of their way. */
#define LOWEST_DESCRIPTOR 100

static int descriptor_move_up(long fd)
{
    long moved = rawcall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);

    if (moved < 0)
        return (int)fd;
    rawcall(SYS_close, fd, 0, 0);
    return (int)moved;
}

static int host_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    long fd;

    if (length >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, length + 1);
    fd = rawcall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    fd = descriptor_move_up(fd);
    if (rawcall(SYS_connect, fd, &address, sizeof(address)) < 0) {
        rawcall(SYS_close, fd, 0, 0);
        return -1;
    }
    return (int)fd;
}

static bool send_all(int fd, const void *bytes, size_t size)
{
    return rawcall6(SYS_sendto, fd, (long)bytes, (long)size, MSG_NOSIGNAL, 0, 0) == (long)size;
}

static bool hello_send(int fd, uint32_t from, uint32_t fork)
{
    struct hello hello = {.magic = HELLO_MAGIC,
                          .version = SEGMENT_VERSION,
                          .pid = (uint32_t)rawcall(SYS_getpid, 0, 0, 0),
                          .parent = (uint32_t)rawcall(SYS_getppid, 0, 0, 0),
                          .from = from,
                          .fork = fork};

    return send_all(fd, &hello, sizeof(hello));
}

/* The descriptor that came with the answer, -1 if none did. */
static int answer_receive(int fd, struct hello_answer *answer)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = answer, .iov_len = sizeof(*answer)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *c;
    long got;
    int segment;

    do
        got = rawcall(SYS_recvmsg, fd, &message, MSG_CMSG_CLOEXEC);
    while (got == -4); /* EINTR */
    c = CMSG_FIRSTHDR(&message);
    if (got != (long)sizeof(*answer) || answer->magic != HELLO_MAGIC || !c ||
        c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&segment, CMSG_DATA(c), sizeof(segment));
    return segment;
}

/* There is no room for the segment: map just its header to leave word of that. */
static void refuse_for_room(int fd)
{
    struct segment_header *h = sysmem_map_shared(fd, sizeof(*h));

    if (!h)
        return;
    atomic_store_explicit(&h->refusal, REFUSAL_MAP, memory_order_relaxed);
    /* release: the reason is there */
    atomic_store_explicit(&h->target_state, TARGET_REFUSED, memory_order_release);
    sysmem_unmap_shared(h, sizeof(*h));
}

void *host_connect(const char *socket_path, uint32_t from, uint32_t fork, struct host_answer *said)
{
    struct hello_answer answer = {0};
    void *memory = NULL;
    int fd = host_open(socket_path);
    int segment = -1;

    if (fd < 0)
        return NULL;
    if (hello_send(fd, from, fork))
        segment = answer_receive(fd, &answer);
    if (segment >= 0) {
        if (answer.version == SEGMENT_VERSION && answer.segment_bytes != 0)
            memory = sysmem_map_shared(segment, answer.segment_bytes);
        if (!memory)
            refuse_for_room(segment);
        rawcall(SYS_close, segment, 0, 0);
    }
    rawcall(SYS_close, fd, 0, 0);
    if (answer.magic == HELLO_MAGIC && answer.version == SEGMENT_VERSION)
        *said = (struct host_answer){answer.segment_bytes, answer.follow, answer.image};
    return memory;
}

static enum host_word execute_answer_receive(int fd, uint32_t *row)
{
    struct execute_answer answer = {0};
    long got;

    do
        got = rawcall6(SYS_recvfrom, fd, (long)&answer, sizeof(answer), 0, 0, 0);
    while (got == -4); /* EINTR */
    if (got != (long)sizeof(answer) || answer.magic != EXECUTE_MAGIC)
        return HOST_SILENT;
    *row = answer.row;
    return answer.carry == 1 ? HOST_ALLOWS : HOST_REFUSES;
}

static bool question_send(int fd, uint32_t from, const char *path, bool child)
{
    struct execute_question question = {.magic = EXECUTE_MAGIC,
                                        .version = SEGMENT_VERSION,
                                        .from = from,
                                        .length = (uint32_t)strlen(path),
                                        .child = child,
                                        .fork = child ? FORK_UNMARKED : local.fork};
    struct iovec parts[] = {{.iov_base = &question, .iov_len = sizeof(question)},
                            {.iov_base = (void *)(uintptr_t)path, .iov_len = question.length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    return rawcall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL) ==
           (long)(sizeof(question) + question.length);
}

enum host_word host_asked(const char *socket_path, uint32_t from, const char *path, bool child,
                          uint32_t *row)
{
    enum host_word word = HOST_SILENT;
    int fd;

    if (strlen(path) > EXECUTE_PATH_BYTES)
        return HOST_SILENT;
    fd = host_open(socket_path);
    if (fd < 0)
        return HOST_SILENT;
    if (question_send(fd, from, path, child))
        word = execute_answer_receive(fd, row);
    rawcall(SYS_close, fd, 0, 0);
    return word;
}

void host_told_failure(const char *socket_path, uint32_t from, uint32_t fork, uint32_t row)
{
    struct execute_failure failure = {.magic = EXECUTE_FAILED_MAGIC,
                                      .version = SEGMENT_VERSION,
                                      .from = from,
                                      .fork = fork,
                                      .row = row};
    int fd = host_open(socket_path);

    if (fd < 0)
        return;
    if (send_all(fd, &failure, sizeof(failure)))
        (void)execute_answer_receive(fd, &row);
    rawcall(SYS_close, fd, 0, 0);
}
