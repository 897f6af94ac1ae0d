// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the socket of a session: clients that say hello, ask, talk nonsense, hang
 * up and stay silent, and a memprof that answers `memprof list` with nonsense.  The input
 * is a list of steps (enum step), each a byte, its operands behind it.
 *
 * Whatever comes, handlers see only whole requests of this version, the server keeps to
 * its places, nobody gets a second answer, and no control character reaches a terminal.
 */
#include "src/host/recording/control.h"
#include "src/host/recording/server.h"
#include "src/host/recording/sessions.h"
#include "src/host/report/report-sessions.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS 80u /* more than the server has places for */

enum step {
    STEP_CONNECT, /* a byte: which */
    STEP_BYTES,   /* which, length in eighths, then these bytes */
    STEP_REQUEST, /* which, kind, version, flags, a length, then the label */
    STEP_HELLO,   /* which, version */
    STEP_HANDLE,
    STEP_ANSWER, /* a byte: the how-manieth ticket, from the last */
    STEP_HANG_UP,
    STEP_SHOW, /* numbers, then texts: what a memprof answered */
    STEPS
};

/* libFuzzer's interface. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char folder[] = "/tmp/memprof-fuzz-XXXXXX";

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --------------------------------------------------------------- input -- */

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* As many as there are; the rest stays. */
static void take_into(struct input *in, void *to, size_t size)
{
    size_t left = (size_t)(in->end - in->at);

    if (size > left)
        size = left;
    memcpy(to, in->at, size);
    in->at += size;
}

/* ------------------------------------------------------------ the host -- */

static struct server server;
static int clients[CLIENTS];
static unsigned answered[CLIENTS]; /* since it connected */
static uint64_t tickets;
static int handed_over;

static int on_hello(void *context, const struct hello *hello, pid_t peer,
                    struct hello_answer *answer)
{
    (void)context;
    require(hello->magic == HELLO_MAGIC && hello->version == SEGMENT_VERSION && peer == getpid());
    answer->segment_bytes = 4096;
    return hello->parent & 1 ? handed_over : -1;
}

static void on_stranger(void *context, const struct hello *hello, pid_t peer)
{
    (void)context;
    require(hello->version != SEGMENT_VERSION && peer == getpid());
}

static void answer(uint64_t ticket)
{
    struct control_answer a;

    control_answer_init(&a, CONTROL_OK);
    server_answer(&server, ticket, &a);
}

static void on_request(void *context, const struct control_request *request, uint64_t ticket)
{
    (void)context;
    require(control_request_valid(request, sizeof(*request)) && ticket == tickets + 1);
    tickets = ticket;
    if (request->flags & 1) /* the others are kept waiting */
        answer(ticket);
}

static void handle(void)
{
    const struct server_handlers handlers = {
        .hello = on_hello, .stranger = on_stranger, .request = on_request};
    struct pollfd polls[SERVER_POLLS];

    server_handle(&server, &handlers);
    require(server_polls(&server, polls) <= SERVER_POLLS);
}

/* ---------------------------------------------------------- its clients -- */

static void hang_up(unsigned which)
{
    if (clients[which] >= 0)
        close(clients[which]);
    clients[which] = -1;
}

static void connect_as(unsigned which)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    hang_up(which);
    answered[which] = 0;
    clients[which] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    control_copy(address.sun_path, sizeof(address.sun_path), server.path);
    if (connect(clients[which], (const struct sockaddr *)&address, sizeof(address)) != 0)
        hang_up(which);
}

static void tell(unsigned which, const void *bytes, size_t size)
{
    (void)!send(clients[which], bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What it was told meanwhile: one whole answer at most. */
static void hear(unsigned which)
{
    struct control_answer a;
    ssize_t got = recv(clients[which], &a, sizeof(a), MSG_DONTWAIT | MSG_TRUNC);

    if (got <= 0)
        return;
    require(++answered[which] == 1);
    require(got == (ssize_t)sizeof(struct hello_answer) || control_answer_valid(&a, (size_t)got));
}

static void send_bytes(struct input *in, unsigned which)
{
    uint8_t bytes[256 * 8] = {0};
    size_t size = (size_t)take(in) * 8;

    take_into(in, bytes, size);
    tell(which, bytes, size);
}

static void send_request(struct input *in, unsigned which)
{
    struct control_request request = control_request_make(take(in) % (CONTROL_KINDS + 1));

    request.version += take(in) % 2;
    request.flags = take(in);
    take_into(in, request.label, take(in) * sizeof(request.label) / UINT8_MAX);
    tell(which, &request, sizeof(request));
}

static void send_hello(struct input *in, unsigned which)
{
    uint8_t how = take(in);
    struct hello hello = {.magic = HELLO_MAGIC, .version = SEGMENT_VERSION, .parent = how};

    hello.version += how % 4 == 0;
    tell(which, &hello, sizeof(hello));
}

/* ----------------------------------------------------------- the answers -- */

static void require_printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        require((*c >= 0x20 || *c == '\n') && *c != 0x7f);
}

static void show(struct input *in)
{
    struct session session = {0};
    struct sessions list = {.items = &session, .count = 1};
    struct control_answer *a = &session.answer;
    FILE *nowhere = fopen("/dev/null", "we");
    struct strbuf out;
    uint32_t magic, version;

    require(nowhere);
    control_answer_init(a, CONTROL_OK);
    magic = a->magic;
    version = a->version;
    take_into(in, a, offsetof(struct control_answer, program));
    a->magic = magic;
    a->version = version;
    take_into(in, a->program, take(in) + 1u);
    take_into(in, a->file, take(in));
    strbuf_init(&out);
    if (control_answer_valid(a, sizeof(*a))) {
        report_sessions_text(&out, &list);
        require_printable(strbuf_text(&out));
        require(report_sessions_json(nowhere, &list, NULL) == 0);
    }
    strbuf_release(&out);
    fclose(nowhere);
}

/* -------------------------------------------------------------- fuzzing -- */

static void remove_folder(void)
{
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    require(mkdtemp(folder) && setenv("MEMPROF_RUNTIME_DIR", folder, 1) == 0);
    atexit(remove_folder);
    handed_over = open("/dev/null", O_RDWR | O_CLOEXEC);
    return 0;
}

static void step(struct input *in)
{
    enum step what = take(in) % STEPS;
    unsigned which = 0;

    if (what != STEP_HANDLE && what != STEP_SHOW)
        which = take(in) % CLIENTS;
    switch (what) {
    case STEP_CONNECT:
        connect_as(which);
        break;
    case STEP_BYTES:
        send_bytes(in, which);
        break;
    case STEP_REQUEST:
        send_request(in, which);
        break;
    case STEP_HELLO:
        send_hello(in, which);
        break;
    case STEP_ANSWER:
        answer(tickets - which);
        break;
    case STEP_HANG_UP:
        hang_up(which);
        break;
    case STEP_SHOW:
        show(in);
        break;
    default:
        handle();
        for (unsigned i = 0; i < CLIENTS; i++)
            if (clients[i] >= 0)
                hear(i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, bytes + size};

    tickets = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = -1;
    require(server_open(&server, NULL) == 0);
    require(strncmp(server.path, folder, strlen(folder)) == 0);
    while (in.at < in.end)
        step(&in);
    handle();
    for (unsigned i = 0; i < CLIENTS; i++)
        hang_up(i);
    handle();
    server_close(&server);
    return 0;
}
