// SPDX-License-Identifier: Apache-2.0
/*
 * Children with threads that wait in every way there is and end with a status of
 * their own if a call fails: whatever holding them does to them is seen.
 */
#include "src/host/process/procinfo.h"
#include "src/host/process/stop-parts.h"
#include "tests/unit/segment-maker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MARK UINT64_C(0x5ca1ab1e0ddba110)
#define MARK_VECTOR UINT64_C(0x5ca1ab1e0ddba111)

/* What a child and its test share. */
struct common {
    _Atomic int ready, stop, failed, signals;
    _Atomic int made;
};
static struct common *common;

static int setup(void **state)
{
    (void)state;
    common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return common == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(common, sizeof(*common));
}

static pid_t child(void (*run)(void))
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(120);
        run();
        _exit(0);
    }
    return pid;
}

static void await(const _Atomic int *value, int wanted)
{
    for (int i = 0; i < 30000 && *value < wanted; i++)
        usleep(1000);
    assert_true(*value >= wanted);
}

static void start(void *(*body)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, body, argument) != 0)
        _exit(99);
}

static int end_of(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The state letter of a thread, from /proc. */
static char state_of(pid_t pid)
{
    char path[64], text[256] = "", *end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    (void)!fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    end = strrchr(text, ')');
    return end ? end[2] : '?';
}

/* ------------------------------------------------------- ways of waiting -- */

enum {
    SLEEP,
    FUTEX,
    FUTEX_TIMED,
    READ,
    POLL,
    SELECT,
    EPOLL,
    EPOLL_TIMED,
    SIGWAIT,
    RECEIVE,
    BUSY,
    WAYS
};

/* The ways that need no descriptor.  0; or -1 with errno, or for another way with errno 0. */
static int wait_alone(int way)
{
    static const struct timespec little = {.tv_nsec = 3000000};
    uint32_t word = 0;
    sigset_t set;

    errno = 0;
    switch (way) {
    case SLEEP:
        return nanosleep(&little, NULL);
    case FUTEX:
        return syscall(SYS_futex, &common->stop, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ||
                       errno == EAGAIN
                   ? 0
                   : -1;
    case FUTEX_TIMED:
        return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &little, NULL, 0) == -1 &&
                       errno == ETIMEDOUT
                   ? 0
                   : -1;
    case READ: /* another thread's byte ends it */
        return 0;
    case SIGWAIT:
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        return sigtimedwait(&set, NULL, &little) == -1 && errno == EAGAIN ? 0 : -1;
    case BUSY:
        for (volatile int i = 0; i < 100000; i++)
            continue;
        return 0;
    default:
        return -1;
    }
}

/* The ways that wait for `end`, of which nothing comes. */
static int wait_for_end(int way, int end)
{
    struct timeval limit = {.tv_usec = 3000};
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd poll_end = {end, POLLIN, 0};
    int epoll, result;
    fd_set read_set;
    char byte;

    switch (way) {
    case POLL:
        return poll(&poll_end, 1, 3);
    case SELECT:
        FD_ZERO(&read_set);
        FD_SET(end, &read_set);
        return select(end + 1, &read_set, NULL, NULL, &limit);
    case RECEIVE:
        setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        return recv(end, &byte, 1, 0) == -1 && errno == EAGAIN ? 0 : -1;
    default:
        epoll = epoll_create1(0);
        epoll_ctl(epoll, EPOLL_CTL_ADD, end, &event);
        result = epoll_wait(epoll, &event, 1, way == EPOLL ? 50 : 3);
        close(epoll);
        return result;
    }
}

/* 0; or -1 with errno, of a call that is made with nothing to come. */
static int wait_once(int way)
{
    int ends[2], result = wait_alone(way);

    if (result == 0 || errno != 0)
        return result;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    result = wait_for_end(way, ends[0]);
    close(ends[0]);
    close(ends[1]);
    return result;
}

static void *wait_for_ever(void *argument)
{
    int way = (int)(intptr_t)argument, ends[2] = {-1, -1};
    char byte;

    common->ready++;
    if (way == READ) {
        if (pipe(ends) != 0 || read(ends[0], &byte, 1) != 1) /* the test ends it */
            common->failed = 1000 + errno;
        return NULL;
    }
    while (!common->stop)
        if (wait_once(way) != 0)
            common->failed = 100 * (way + 1) + errno;
    common->ready--;
    return NULL;
}

static void count_signal(int number)
{
    (void)number;
    common->signals++;
}

/* Fifty threads; signals come to the first one, whose calls they may interrupt. */
static void fifty(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGRTMIN + 1);
    sigaddset(&signals, SIGUSR2);
    sigaction(SIGRTMIN + 1, &action, NULL);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    for (intptr_t i = 0; i < 49; i++)
        start(wait_for_ever, (void *)(i % WAYS));
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    common->ready++;
    while (!common->stop)
        pause();
    for (int i = 0; i < 5000 && common->ready > 1 + 49 / WAYS + 1; i++)
        usleep(1000);
    _exit(common->failed ? 1 : 0);
}

static void nothing_is_lost_in_a_thousand_stops(void **state)
{
    union sigval value = {.sival_int = 0};
    pid_t pid = child(fifty);
    struct stopped s;
    struct error e;
    int sent = 0, status;

    (void)state;
    await(&common->ready, 50);
    for (int i = 0; i < 1000; i++) {
        sent += sigqueue(pid, SIGRTMIN + 1, value) == 0;
        assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
        assert_int_equal(s.how, STOP_BY_PTRACE);
        assert_int_equal(s.count, 50);
        assert_int_equal(s.missed, 0);
        sent += sigqueue(pid, SIGRTMIN + 1, value) == 0;
        stop_resume(&s);
        assert_true(s.ended_ns > s.began_ns);
        stop_release(&s);
    }
    await(&common->signals, sent);
    assert_int_equal(common->signals, sent);
    assert_int_equal(common->failed, 0);
    common->stop = 1;
    syscall(SYS_futex, &common->stop, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    sigqueue(pid, SIGRTMIN + 1, value);
    status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(common->failed, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ------------------------------------------------------ threads that end -- */

static void *short_life(void *argument)
{
    (void)argument;
    common->made++;
    return NULL;
}

static void come_and_go(void)
{
    common->ready++;
    while (!common->stop) {
        start(short_life, NULL);
        if (common->made % 8 == 0)
            usleep(100);
    }
}

static void threads_may_come_and_go(void **state)
{
    pid_t pid = child(come_and_go);
    struct stopped s;
    struct error e;
    int made;

    (void)state;
    await(&common->ready, 1);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
        assert_int_equal(s.missed, 0);
        assert_true(s.count >= 1);
        made = common->made;
        usleep(i % 20 == 0 ? 2000 : 0);
        assert_int_equal(common->made, made); /* all of them stand still */
        stop_resume(&s);
        stop_release(&s);
    }
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
}

static void *sleep_for_ever(void *argument)
{
    (void)argument;
    common->ready++;
    while (!common->stop)
        usleep(200000);
    return NULL;
}

static void thousand(void)
{
    for (int i = 0; i < 1000; i++)
        start(sleep_for_ever, NULL);
    while (!common->stop)
        usleep(10000);
}

static void a_thousand_threads_stop(void **state)
{
    pid_t pid = child(thousand);
    struct stopped s;
    struct error e;

    (void)state;
    await(&common->ready, 1000);
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
    assert_int_equal(s.count, 1001);
    assert_int_equal(s.missed, 0);
    for (uint32_t i = 0; i < s.count; i++) {
        assert_true(s.threads[i].stack_pointer != 0);
        assert_true(s.threads[i].thread_pointer != 0);
        assert_int_equal(state_of(s.threads[i].tid), 't');
    }
    stop_resume(&s);
    stop_release(&s);
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
}

/* ---------------------------------------------------- processes that end -- */

static void end_soon(void)
{
    for (int i = 0; i < 20; i++)
        start(sleep_for_ever, NULL);
    common->made = 1;
    while (common->stop == 0)
        continue;
    _exit(7);
}

/* The exit status is its parent's to see, whenever the process ends. */
static void a_process_may_end_while_it_is_stopped(void **state)
{
    struct stopped s;
    struct error e;
    int ends = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        pid_t pid;
        int status;

        memset(common, 0, sizeof(*common));
        pid = child(end_soon);
        await(&common->ready, 20);
        common->stop = 1;
        if (stop_threads(&s, pid, NULL, STOP_AUTO, &e) == 0) {
            stop_resume(&s);
            stop_release(&s);
        } else {
            assert_int_equal(e.kind, ERROR_INPUT);
            ends++;
        }
        status = end_of(pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
    }
    print_message("%d of 50 ended before they could be stopped\n", ends);
}

static void a_process_may_be_killed_while_it_is_held(void **state)
{
    pid_t pid = child(end_soon);
    struct stopped s;
    struct error e;

    (void)state;
    await(&common->ready, 20);
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
    kill(pid, SIGKILL);
    usleep(10000);
    stop_resume(&s);
    stop_release(&s);
    assert_int_equal(WTERMSIG(end_of(pid)), SIGKILL);
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
}

static void a_stopped_process_stays_stopped(void **state)
{
    pid_t pid = child(end_soon);
    struct stopped s;
    struct error e;
    int status;

    (void)state;
    await(&common->ready, 20);
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
        assert_int_equal(s.count, 21);
        assert_int_equal(s.missed, 0);
        stop_resume(&s);
        stop_release(&s);
    }
    for (int i = 0; i < 1000 && state_of(pid) != 'T'; i++)
        usleep(1000);
    assert_int_equal(state_of(pid), 'T');
    common->stop = 1;
    usleep(20000);
    assert_int_equal(state_of(pid), 'T');
    kill(pid, SIGCONT);
    status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* The parent of a vfork waits where nothing interrupts it, until its child goes on. */
static void wait_in_vfork(void)
{
    common->ready++;
    if (vfork() == 0) {
        while (!common->stop)
            syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 1000000}, NULL);
        _exit(0);
    }
    _exit(9);
}

static void what_cannot_be_stopped_is_missed_and_runs_on(void **state)
{
    pid_t pid = child(wait_in_vfork);
    struct stopped s;
    struct error e;
    int status;

    (void)state;
    await(&common->ready, 1);
    for (int i = 0; i < 1000 && state_of(pid) != 'D'; i++)
        usleep(1000);
    assert_int_equal(state_of(pid), 'D');
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.missed, 1);
    assert_true(s.threads[0].missed);
    stop_resume(&s);
    stop_release(&s);
    common->stop = 1;
    status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
}

/* ------------------------------------------------------------- registers -- */

#if defined(__x86_64__)
static void spin_with_registers(void)
{
    common->ready++;
    __asm__ volatile("movq %0, %%r15\n\t"
                     "movq %1, %%rax\n\t"
                     "movq %%rax, %%xmm9\n\t"
                     "1: pause\n\t"
                     "cmpl $0, (%2)\n\t"
                     "je 1b\n\t"
                     :
                     : "r"(MARK), "r"(MARK_VECTOR), "r"(&common->stop)
                     : "r15", "rax", "xmm9", "memory", "cc");
}

static void registers_are_read(void **state)
{
    bool general = false, vector = false;
    pid_t pid = child(spin_with_registers);
    struct stopped s;
    struct error e;

    (void)state;
    await(&common->ready, 1);
    usleep(20000);
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), 0);
    for (uint32_t i = 0; i < s.threads[0].register_count; i++)
        general |= s.threads[0].registers[i] == MARK && strcmp(s.threads[0].names[i], "r15") == 0;
    for (uint32_t i = 0; i < s.threads[0].extended_count; i++)
        vector |= s.threads[0].extended[i] == MARK_VECTOR;
    assert_true(general);
    assert_true(vector);
    stop_resume(&s);
    stop_release(&s);
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
}
#endif

/* ------------------------------------------------------------- by signal -- */

static struct segment segment;

static void make_waiting_segment(void)
{
    struct segment_settings settings = {.stop_signal = (uint32_t)SIGRTMAX - 3};

    assert_int_equal(make_segment(&segment, 6, &settings), 0);
    segment_header(&segment)->stop_ready = 1;
}

/* As the target's library does (record.h). */
static void hold_here(int number)
{
    struct segment_header *header = segment_header(&segment);
    uint32_t value = header->stop_held;
    int before = errno;

    (void)number;
    while ((value & 1) != 0 && header->stop_held == value)
        syscall(SYS_futex, &header->stop_held, FUTEX_WAIT, value, NULL, pthread_self(), STOP_MAGIC);
    errno = before;
}

static void *count_up(void *argument)
{
    (void)argument;
    common->ready++;
    while (!common->stop)
        common->made++;
    return NULL;
}

static void *block_all(void *argument)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return sleep_for_ever(argument);
}

static void with_handler(void)
{
    struct sigaction action = {.sa_handler = hold_here, .sa_flags = SA_RESTART};

    sigaction(SIGRTMAX - 3, &action, NULL);
    for (int i = 0; i < 10; i++)
        start(count_up, NULL);
    start(block_all, NULL);
    common->ready++;
    while (!common->stop)
        usleep(1000);
}

static void *sleep_on(void *unused)
{
    (void)unused;
    common->ready++;
    while (!common->stop)
        usleep(1000);
    return NULL;
}

/* All of its threads do nothing but sleep, always in the same place. */
static void asleep(void)
{
    start(sleep_on, NULL);
    start(sleep_on, NULL);
    sleep_on(NULL);
}

/* How many threads have the stop's signal blocked, as in its handler. */
static unsigned blocking(pid_t pid)
{
    char path[300], line[256];
    unsigned count = 0;
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    assert_non_null(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        FILE *status;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (status && fgets(line, sizeof(line), status))
            if (strncmp(line, "SigBlk:", 7) == 0)
                count += strtoull(line + 7, NULL, 16) >> (SIGRTMAX - 3 - 1) & 1;
        if (status)
            fclose(status);
    }
    closedir(tasks);
    return count;
}

/*
 * Where processors are few, a thread may not have left the handler of the stop before yet, which
 * counts as blocking the signal: once more when but one blocks it.
 */
static void stop_by_signal_but_one(struct stopped *s, pid_t pid)
{
    struct error e;

    for (;;) {
        unsigned waited = 0;

        while (blocking(pid) > 1 && waited++ < 30000)
            usleep(1000);
        assert_true(waited < 30000);
        assert_int_equal(stop_threads(s, pid, &segment, STOP_BY_SIGNAL, &e), 0);
        if (s->missed <= 1)
            return;
        stop_resume(s);
        stop_release(s);
    }
}

static void a_signal_holds_what_ptrace_may_not(void **state)
{
    struct stopped s;
    struct error e;
    uint32_t missed = 0;
    pid_t pid;
    int made;

    (void)state;
    make_waiting_segment();
    pid = child(with_handler);
    await(&common->ready, 12);
    segment_header(&segment)->stop_ready = 0;
    assert_int_equal(stop_threads(&s, pid, &segment, STOP_BY_SIGNAL, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
    segment_header(&segment)->stop_ready = 1;
    for (int i = 0; i < 20; i++) {
        stop_by_signal_but_one(&s, pid);
        assert_int_equal(s.how, STOP_BY_SIGNAL);
        assert_int_equal(s.count, 12);
        assert_int_equal(s.missed, 1); /* that blocks it */
        made = common->made;
        for (uint32_t k = 0; k < s.count; k++) {
            missed += s.threads[k].missed;
            assert_true(s.threads[k].missed || s.threads[k].stack_pointer != 0);
            assert_true(s.threads[k].missed || s.threads[k].thread_pointer != 0);
        }
        usleep(1000);
        assert_int_equal(common->made, made);
        stop_resume(&s);
        stop_release(&s);
    }
    assert_int_equal(missed, 20);
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
    drop_segment(&segment);
}

static void the_thread_at_the_end_is_known(void **state)
{
    struct stopped s;
    struct error e;
    pid_t pid;

    (void)state;
    make_waiting_segment();
    pid = child(with_handler);
    await(&common->ready, 12);
    segment_header(&segment)->ending.tid = (uint32_t)pid;
    segment_header(&segment)->ending.stack_pointer = 0x1230;
    segment_header(&segment)->ending.registers[1] = MARK;
    segment_header(&segment)->ending.register_count = 6;
    segment_header(&segment)->ending.cause = 1;
    for (enum stop_how how = STOP_BY_PTRACE; how <= STOP_BY_SIGNAL; how++) {
        assert_int_equal(stop_threads(&s, pid, &segment, how, &e), 0);
        assert_int_equal(s.threads[0].tid, pid);
        assert_true(s.threads[0].ending);
        assert_false(s.threads[1].ending);
        assert_int_equal(s.threads[0].stack_pointer, 0x1230);
        assert_int_equal(s.threads[0].register_count, 6);
        assert_true(s.threads[0].registers[1] == MARK);
        stop_resume(&s);
        stop_release(&s);
    }
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
    drop_segment(&segment);
}

#if defined(__x86_64__)
/* Extended state as a signal's frame has it, of 832 bytes; asm/sigcontext.h */
static _Alignas(64) uint64_t frame[256];

static void make_frame(void)
{
    uint32_t magic = 0x46505853, size = 832;

    memcpy((char *)frame + 464, &magic, sizeof(magic));
    memcpy((char *)frame + 480, &size, sizeof(size));
    frame[160 / 8 + 6] = MARK;     /* xmm3 */
    frame[576 / 8 + 1] = MARK + 1; /* above xmm0, of ymm0 */
    frame[832 / 8] = MARK + 2;     /* behind it */
}

static void assert_extended(pid_t pid, const void *at, uint32_t count)
{
    struct stopped s;

    segment_header(&segment)->ending.extended = (uint64_t)(uintptr_t)at;
    assert_int_equal(stop_threads(&s, pid, &segment, STOP_BY_PTRACE, NULL), 0);
    assert_int_equal(s.threads[0].register_count, ENDING_REGISTERS);
    assert_int_equal(s.threads[0].extended_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_true(s.threads[0].extended[i] == MARK + i);
    stop_resume(&s);
    stop_release(&s);
}

/* Nor is it believed what cannot be. */
static void vector_registers_lie_in_a_signals_frame(void **state)
{
    pid_t pid;

    (void)state;
    make_waiting_segment();
    make_frame();
    pid = child(with_handler);
    await(&common->ready, 12);
    segment_header(&segment)->ending.tid = (uint32_t)pid;
    segment_header(&segment)->ending.stack_pointer = 0x1230;
    segment_header(&segment)->ending.register_count = UINT32_MAX;
    segment_header(&segment)->ending.cause = 1;
    assert_extended(pid, frame, 2);
    assert_extended(pid, NULL, 0);
    assert_extended(pid, (const void *)8, 0);
    assert_extended(pid, (const void *)UINTPTR_MAX, 0);
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
    drop_segment(&segment);
}
#endif

/* That which the kernel shows, of a thread in a call that it makes again and again. */
static uint64_t waiting_at(pid_t pid)
{
    struct stopped s;
    uint64_t stack_pointer;

    assert_int_equal(stop_threads(&s, pid, &segment, STOP_BY_PTRACE, NULL), 0);
    assert_int_equal(s.threads[0].tid, pid);
    assert_false(s.threads[0].calling);
    stack_pointer = s.threads[0].stack_pointer;
    stop_resume(&s);
    stop_release(&s);
    return stack_pointer;
}

static void assert_asking(pid_t pid, uint64_t stack_pointer, bool expected)
{
    struct stopped s;

    segment_header(&segment)->askers[3].stack_pointer = stack_pointer;
    assert_int_equal(stop_threads(&s, pid, &segment, STOP_BY_PTRACE, NULL), 0);
    assert_int_equal(s.threads[0].calling, expected);
    assert_int_equal(s.threads[0].stack_pointer == stack_pointer, expected);
    assert_int_equal(s.threads[0].register_count == 6 && s.threads[0].registers[1] == MARK,
                     expected);
    for (uint32_t i = 1; i < s.count; i++)
        assert_false(s.threads[i].calling);
    stop_resume(&s);
    stop_release(&s);
}

/* Where it called us, as long as it waits, and unless something else runs on its stack. */
static void the_thread_that_asks_is_known(void **state)
{
    struct asker *asker;
    uint64_t at;
    pid_t pid;

    (void)state;
    make_waiting_segment();
    pid = child(asleep);
    await(&common->ready, 3);
    at = waiting_at(pid);
    asker = &segment_header(&segment)->askers[3];
    asker->tid = (uint32_t)pid;
    asker->registers[1] = MARK;
    segment_header(&segment)->searches_done = UINT32_MAX;
    asker->asked = 0; /* behind UINT32_MAX: numbers wrap */
    assert_asking(pid, at + 300, true);
    assert_asking(pid, at + ASKER_FRAMES, true);
    assert_asking(pid, at + ASKER_FRAMES + 8, false); /* a signal's frame is in between */
    assert_asking(pid, at - 8, false);                /* it left by a jump */
    asker->asked = ASKER_WRITING;
    assert_asking(pid, at + 300, false);
    asker->asked = UINT32_MAX; /* has its answer */
    assert_asking(pid, at + 300, false);
    asker->asked = 0;
    asker->tid++;
    assert_asking(pid, at + 300, false);
    common->stop = 1;
    assert_int_equal(end_of(pid), 0);
    drop_segment(&segment);
}

/* ------------------------------------------------------------ permission -- */

static void another_tracer_is_named_or_the_signal_taken(void **state)
{
    pid_t pid, tracer;
    struct stopped s;
    struct error e;

    (void)state;
    make_waiting_segment();
    pid = child(with_handler);
    await(&common->ready, 12);
    assert_true(stop_can_trace(pid));
    tracer = fork();
    if (tracer == 0) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0)
            _exit(1);
        common->signals = 1;
        while (!common->stop)
            usleep(1000);
        _exit(0);
    }
    await(&common->signals, 1);
    assert_false(stop_can_trace(pid));
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
    assert_non_null(strstr(e.text, "traced by another process"));
    assert_int_equal(stop_threads(&s, pid, &segment, STOP_BY_PTRACE, &e), -1);
    common->stop = 1;
    assert_int_equal(end_of(tracer), 0);
    assert_int_equal(end_of(pid), 0);
    drop_segment(&segment);
}

static void end_at_once(void)
{
    _exit(0);
}

static void no_process_is_an_error(void **state)
{
    struct stopped s;
    struct error e;
    pid_t pid = child(end_at_once);

    (void)state;
    assert_int_equal(end_of(pid), 0);
    assert_false(stop_can_trace(pid));
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_AUTO, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(stop_threads(&s, pid, NULL, STOP_BY_SIGNAL, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
}

/* No machine has all of them. */
static void what_yama_allows_is_said(void **state)
{
    (void)state;
    assert_non_null(strstr(stop_yama('1'), "only its ancestors and root may"));
    assert_non_null(strstr(stop_yama('2'), "only root may"));
    assert_non_null(strstr(stop_yama('3'), "nobody may"));
    assert_null(strstr(stop_yama('0'), "yama"));
    assert_null(strstr(stop_yama((char)EOF), "yama"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_yama_allows_is_said),
        cmocka_unit_test_setup_teardown(nothing_is_lost_in_a_thousand_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_may_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thousand_threads_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_may_end_while_it_is_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_may_be_killed_while_it_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_process_stays_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_stopped_is_missed_and_runs_on, setup,
                                        teardown),
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(registers_are_read, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(a_signal_holds_what_ptrace_may_not, setup, teardown),
        cmocka_unit_test_setup_teardown(the_thread_at_the_end_is_known, setup, teardown),
#if defined(__x86_64__)
        cmocka_unit_test_setup_teardown(vector_registers_lie_in_a_signals_frame, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(the_thread_that_asks_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(another_tracer_is_named_or_the_signal_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_process_is_an_error, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
