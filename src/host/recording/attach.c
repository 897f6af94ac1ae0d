// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/attach.h"

#include "src/host/process/procinfo.h"
#include "src/host/recording/answering.h"
#include "src/host/recording/image.h"
#include "src/host/recording/server.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_MS 200 /* between looks whether it has become another program */
#define ENDING_MS 100
#define AUXV_BYTES 512u
#define OWN_TICKET UINT64_MAX

enum attach_end { END_NONE, END_ASKED, END_PROCESS, END_EXECUTED };

struct attach {
    const struct attach_options *options;
    struct run_options run;
    struct attaching attaching;
    struct server server;
    struct image *image;
    bool begun;      /* the image collects */
    int signals;     /* signalfd */
    int process;     /* pidfd */
    int ready;       /* eventfd of the image */
    int attached;    /* eventfd: the attacher has done what it could */
    uint64_t ticket; /* of who asked to detach, 0: nobody */
    sigset_t mask;   /* as it was */
    struct sigaction too_large;
    char executable[PATH_MAX];
    unsigned char auxv[AUXV_BYTES]; /* its addresses are other ones in every image */
    size_t auxv_size;
    double age;
    struct error why; /* the attacher's */
    int result;
    enum attach_end end;
};

/* ----------------------------------------------------------- the process -- */

static size_t read_auxv(pid_t pid, unsigned char *to)
{
    char path[48];
    ssize_t size;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size = read(fd, to, AUXV_BYTES);
    close(fd);
    return size > 0 ? (size_t)size : 0;
}

static bool is_another_program(const struct attach *a)
{
    unsigned char now[AUXV_BYTES];
    size_t size = read_auxv(a->options->pid, now);

    return size != 0 && (size != a->auxv_size || memcmp(now, a->auxv, size) != 0);
}

/* Seconds since it was started. */
static double age_of(pid_t pid)
{
    struct timespec now;
    double age;

    clock_gettime(CLOCK_BOOTTIME, &now);
    age = (double)now.tv_sec + (double)now.tv_nsec * 1e-9 -
          (double)procinfo_start_ticks(pid) / (double)sysconf(_SC_CLK_TCK);
    return age > 0.01 ? age : 0.01; /* the ticks are that coarse */
}

/* ------------------------------------------------------------- serving -- */

static int hello(void *context, const struct hello *said, pid_t peer, struct hello_answer *answer)
{
    struct attach *a = context;
    struct image_options options = {.run = &a->run, .ready = a->ready, .attached_seconds = a->age};

    (void)said;
    if (peer != a->options->pid || a->begun || image_begin(a->image, peer, &options, &a->why) != 0)
        return -1;
    a->begun = true;
    answer->segment_bytes = a->image->segment.layout.segment_bytes;
    return a->image->fd;
}

static void request(void *context, const struct control_request *asked, uint64_t ticket)
{
    struct attach *a = context;
    bool meant = a->begun && (asked->kind == CONTROL_LIST ? asked->pid < a->options->pid
                                                          : asked->pid == a->options->pid);
    struct control_answer nothing;

    if (meant && asked->kind == CONTROL_DETACH && !a->ticket) {
        a->ticket = ticket;
        a->end = END_ASKED;
        return;
    }
    if (meant && answering_ask(a->image, asked, ticket))
        return;
    control_answer_init(&nothing, CONTROL_NOTHING);
    server_answer(&a->server, ticket, &nothing);
}

static void take_signals(struct attach *a)
{
    struct signalfd_siginfo info;

    while (read(a->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        a->end = END_ASKED;
}

/* Wait for something and deal with it.  Whether our own request was answered. */
static bool attend(struct attach *a)
{
    const struct server_handlers handlers = {.hello = hello, .request = request, .context = a};
    struct pollfd polls[SERVER_POLLS + 4];
    size_t count = server_polls(&a->server, polls);
    uint64_t number;

    polls[count] = (struct pollfd){.fd = a->process, .events = POLLIN};
    polls[count + 1] = (struct pollfd){.fd = a->signals, .events = POLLIN};
    polls[count + 2] = (struct pollfd){.fd = a->ready, .events = POLLIN};
    polls[count + 3] = (struct pollfd){.fd = a->attached, .events = POLLIN};
    if (poll(polls, count + 4, LOOK_MS) > 0) {
        server_handle(&a->server, &handlers);
        if (polls[count].revents)
            a->end = END_PROCESS;
    }
    (void)!read(a->ready, &number, sizeof(number));
    take_signals(a);
    if (a->end != END_PROCESS && is_another_program(a))
        a->end = END_EXECUTED;
    return a->begun && answering_pass(&a->server, a->image, OWN_TICKET);
}

/* ------------------------------------------------------------- attaching -- */

static void *attacher(void *context)
{
    struct attach *a = context;
    struct error why = {0};
    uint64_t one = 1;

    a->result = attaching_begin(&a->attaching, &why);
    if (a->result != 0)
        a->why = why;
    (void)!write(a->attached, &one, sizeof(one));
    return NULL;
}

/* The process connects to us while it is attached to. */
static int begin(struct attach *a, struct error *e)
{
    pthread_t thread;
    uint64_t done;

    errno = pthread_create(&thread, NULL, attacher, a);
    if (errno != 0)
        return error_set(e, ERROR_SYSTEM, "cannot start the thread that attaches");
    while (read(a->attached, &done, sizeof(done)) != (ssize_t)sizeof(done)) {
        attend(a);
        if (a->end == END_ASKED || a->end == END_EXECUTED)
            /* relaxed: nothing else is handed over with it */
            atomic_store_explicit(&a->attaching.give_up,
                                  a->end == END_ASKED ? ATTACHING_INTERRUPTED : ATTACHING_EXECUTED,
                                  memory_order_relaxed);
    }
    pthread_join(thread, NULL);
    if (a->result == 0 && a->begun) {
        /* attaching_end goes on to the end */
        atomic_store_explicit(&a->attaching.give_up, ATTACHING_GO_ON, memory_order_relaxed);
        return 0;
    }
    if (e)
        *e = a->why;
    return -1;
}

/* A last look before the process is left; the answer comes when it is written. */
static void search(struct attach *a)
{
    const struct capture_request asked = {.ticket = OWN_TICKET,
                                          .kind = CAPTURE_SEARCH,
                                          .cause = MOMENT_BY_COMMAND,
                                          .search = {.cause = SEARCH_BY_COMMAND}};

    if (!a->run.search.at_end || image_ask(a->image, &asked) != 0)
        return;
    while (!attend(a) && a->end != END_PROCESS && a->end != END_EXECUTED)
        ;
}

static void watch(struct attach *a, struct attach_result *result)
{
    while (a->end == END_NONE)
        attend(a);
    if (a->end == END_ASKED)
        search(a);
    result->left = ATTACHING_ENDED;
    if (a->end == END_ASKED)
        result->left = attaching_end(&a->attaching);
}

/* --------------------------------------------------------------- results -- */

static uint32_t exit_kind_of(const struct attach *a, const struct attach_result *result)
{
    if (a->end == END_EXECUTED)
        return EXIT_EXECUTED;
    return a->end == END_PROCESS || result->left == ATTACHING_ENDED ? EXIT_UNKNOWN : EXIT_DETACHED;
}

static int finish(struct attach *a, struct attach_result *result, struct error *e)
{
    struct run_result *run = &result->run;

    image_stop(a->image);
    (void)answering_pass(&a->server, a->image, OWN_TICKET);
    run->images = calloc(1, sizeof(*run->images));
    if (!run->images)
        return error_set(e, ERROR_MEMORY, "out of memory");
    run->image_count = 1;
    if (image_profile(a->image, &run->images[0], e) != 0)
        return -1;
    run->images[0].profile.process.exit_kind = exit_kind_of(a, result);
    leaksearch_explain(&run->images[0].profile);
    image_write(a->image, &run->images[0]);
    return 0;
}

/* Who asked us to detach hears what came of it. */
static void answer_detach(struct attach *a, const struct attach_result *result)
{
    const struct run_image *image = &result->run.images[0];
    const struct profile_totals *t = &image->profile.totals;
    struct control_answer answer;
    char path[CONTROL_PATH_BYTES];

    if (!a->ticket)
        return;
    control_answer_init(&answer, result->left == ATTACHING_ENDED ? CONTROL_NOTHING : CONTROL_OK);
    answer.pid = a->options->pid;
    answer.number = result->left;
    answer.seconds = image->profile.process.seconds;
    answer.live_bytes = t->live_bytes;
    answer.live_blocks = t->live_blocks;
    answer.total_bytes = t->total_bytes;
    answer.total_blocks = t->total_blocks;
    control_copy(answer.program, sizeof(answer.program), a->image->program);
    if (image->path && image->unwritten.kind == ERROR_NONE)
        control_copy(answer.file, sizeof(answer.file),
                     realpath(image->path, path) ? path : image->path);
    server_answer(&a->server, a->ticket, &answer);
}

/* ---------------------------------------------------------------- set-up -- */

static int watch_signals(struct attach *a, struct error *e)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
        sigaddset(&set, watched[i]);
    a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (a->signals < 0)
        return error_set(e, ERROR_SYSTEM, "cannot watch for signals");
    pthread_sigmask(SIG_BLOCK, &set, &a->mask);
    sigaction(SIGXFSZ, &ignore, &a->too_large);
    return 0;
}

static int open_all(struct attach *a, struct error *e)
{
    struct segment_settings settings = a->run.settings;

    settings.search = a->run.search.at_end ? SEARCHES_AT_END : SEARCHES_ASKED;
    settings.clock = procinfo_tsc_reliable() ? CLOCK_TSC : CLOCK_MONOTONIC_NS;
    a->process = (int)syscall(SYS_pidfd_open, a->options->pid, 0);
    a->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->attached = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (a->process < 0 || a->ready < 0 || a->attached < 0)
        return error_set(e, ERROR_SYSTEM, "cannot watch process %d", (int)a->options->pid);
    if (server_open(&a->server, e) != 0)
        return -1;
    a->attaching.socket = a->server.path;
    a->image = malloc(sizeof(*a->image));
    if (!a->image)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (image_prepare(a->image, &settings, e) == 0)
        return 0;
    free(a->image);
    a->image = NULL;
    return -1;
}

static void close_all(struct attach *a)
{
    const int descriptors[] = {a->process, a->ready, a->attached, a->signals};

    attaching_release(&a->attaching);
    if (a->image) {
        image_release(a->image);
        free(a->image);
    }
    server_close(&a->server);
    if (a->signals >= 0) {
        take_signals(a); /* what asked for an end that had come already must not end us */
        sigaction(SIGXFSZ, &a->too_large, NULL);
        pthread_sigmask(SIG_SETMASK, &a->mask, NULL);
    }
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}

static void know_process(struct attach *a)
{
    pid_t pid = a->options->pid;

    procinfo_executable(pid, a->executable, sizeof(a->executable));
    a->run.program = a->executable;
    a->auxv_size = read_auxv(pid, a->auxv);
    a->age = age_of(pid);
}

static int record(struct attach *a, struct attach_result *result, struct error *e)
{
    uint64_t began;

    know_process(a);
    if (watch_signals(a, e) != 0 || open_all(a, e) != 0 || begin(a, e) != 0)
        return -1;
    began = clock_monotonic_ns();
    if (a->options->begun && a->end == END_NONE)
        a->options->begun(a->options->context);
    watch(a, result);
    result->run.pid = a->options->pid;
    result->run.seconds = (double)(clock_monotonic_ns() - began) * 1e-9;
    if (finish(a, result, e) != 0)
        return -1;
    answer_detach(a, result);
    return 0;
}

/* What its end looks like from outside is often another error first. */
static bool has_ended(const struct attach *a)
{
    struct pollfd process = {.fd = a->process, .events = POLLIN};

    return poll(&process, 1, ENDING_MS) > 0 || procinfo_start_ticks(a->options->pid) == 0;
}

int attach_program(const struct attach_options *options, struct attach_result *result,
                   struct error *e)
{
    struct attach a = {.options = options,
                       .run = *options->run,
                       .attaching = {.pid = options->pid,
                                     .library = options->run->preload,
                                     .timeout_ns = options->timeout_ns},
                       .signals = -1,
                       .process = -1,
                       .ready = -1,
                       .attached = -1};
    int status;

    memset(result, 0, sizeof(*result));
    server_init(&a.server);
    result->verdict = attaching_check(&a.attaching, e);
    if (result->verdict != ATTACHING_OK)
        return -1;
    status = record(&a, result, e);
    if (status != 0) {
        result->verdict = ATTACHING_REFUSED;
        if (has_ended(&a)) {
            result->verdict = ATTACHING_NO_PROCESS;
            error_set(e, ERROR_INPUT, "process %d ended meanwhile", (int)options->pid);
        } else if (is_another_program(&a)) {
            /* what that looks like is often another error first, too */
            error_set(e, ERROR_REFUSED, "process %d executed another program meanwhile: try again",
                      (int)options->pid);
        }
        attach_result_release(result);
    }
    close_all(&a);
    return status;
}

void attach_result_release(struct attach_result *result)
{
    run_result_release(&result->run);
}
