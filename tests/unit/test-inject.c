// SPDX-License-Identifier: Apache-2.0
/*
 * Children that wait or compute, end with a status of their own if anything is not as it
 * should be, and are made to call functions meanwhile.
 */
#include "src/host/attach/inject.h"

#include "src/host/process/stop-parts.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)

#define SECOND UINT64_C(1000000000)
#define INTERRUPTED 40
#define WRONG_SUM 41
#define SIGNALS_BLOCKED 42
#define WRONG_SIGNALS 43

static struct common {
    _Atomic uint32_t ready, go, called, stop, handled;
    char text[64];
    uint64_t argument;
} * common;

/* A tracer dies when it is about to make its call of ptrace of this number; 0: never. */
static unsigned fatal_call;

/* In place of libc's. */
long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    void *address, *data;
    pid_t tid;

    va_start(arguments, request);
    tid = va_arg(arguments, pid_t);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);
    if (fatal_call && --fatal_call == 0)
        kill(getpid(), SIGKILL);
    return syscall(SYS_ptrace, request, tid, address, data);
}

/* --------------------------------------------------- what children call -- */

static void note_call(const char *text, uint64_t argument)
{
    double x = 1.5;

    strncpy(common->text, text, sizeof(common->text) - 1);
    common->argument = argument;
    /* the stack must be aligned for this, and no vector register survives it */
    __asm__ volatile("sub $32, %%rsp; movaps %%xmm0, (%%rsp); add $32, %%rsp; pxor %%xmm0, %%xmm0;"
                     "pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15"
                     : "+x"(x)
                     :
                     : "memory", "xmm7", "xmm15");
    atomic_fetch_add(&common->called, 1);
}

static void note_numbers(uint64_t first, uint64_t second)
{
    common->argument = first * 100 + second;
}

static uint64_t seventeen(void)
{
    return 17;
}

static void linger(void)
{
    const struct timespec t = {.tv_nsec = 1000000};

    atomic_store(&common->called, 1);
    while (!atomic_load(&common->stop))
        nanosleep(&t, NULL);
    atomic_store(&common->called, 2);
}

static void crash(void)
{
    __builtin_trap();
}

__attribute__((no_sanitize("address"), no_sanitize("undefined"))) static void fault(void)
{
    volatile int *volatile nowhere = NULL;

    *nowhere = 0;
}

static void divide(void)
{
    int zero = 0;

    __asm__ volatile("idivl %0" : : "r"(zero) : "eax", "edx");
}

/* ---------------------------------------------------------- the children -- */

/* With the status, or because a signal would no longer come. */
static void end_with(int status)
{
    sigset_t blocked;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    _exit(sigismember(&blocked, SIGUSR1) ? SIGNALS_BLOCKED : status);
}

static void sleeper(void)
{
    const struct timespec t = {.tv_nsec = 500000000};

    atomic_store(&common->ready, 1);
    _exit(nanosleep(&t, NULL) == 0 ? 0 : INTERRUPTED);
}

static void reader(void)
{
    int fds[2];
    char byte;

    if (pipe(fds) != 0)
        _exit(1);
    alarm(10);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (!atomic_load(&common->go))
            usleep(1000);
        _exit(write(fds[1], "x", 1) == 1 ? 0 : 1);
    }
    atomic_store(&common->ready, 1);
    end_with(read(fds[0], &byte, 1) == 1 && byte == 'x' ? 0 : INTERRUPTED);
}

/* Has a value in a register that SSE does not reach, and waits for `go` without a call. */
__attribute__((target("avx"))) static void wide(void)
{
    const uint8_t before[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, [24] = 25, [31] = 32};
    uint8_t after[32];

    atomic_store(&common->ready, 1);
    __asm__ volatile("vmovdqu %1, %%ymm13\n"
                     "1: pause; cmpl $0, %2; je 1b\n"
                     "vmovdqu %%ymm13, %0; vzeroupper"
                     : "=m"(after)
                     : "m"(before), "m"(common->go)
                     : "xmm13", "memory", "cc");
    end_with(memcmp(before, after, sizeof(before)) == 0 ? 0 : WRONG_SUM);
}

/* Values in registers of every kind, the red zone included: no call lies in between. */
static void computer(void)
{
    double sum = 0;
    uint64_t mixed = 1;

    atomic_store(&common->ready, 1);
    while (!atomic_load_explicit(&common->go, memory_order_relaxed)) {
        double part = 0;
        uint64_t round = 1;

        for (unsigned k = 1; k <= 20000; k++) {
            part += 1.0 / k;
            round = round * 6364136223846793005u + k;
        }
        if (sum == 0)
            sum = part, mixed = round;
        if (part != sum || round != mixed)
            _exit(WRONG_SUM);
    }
    end_with(0);
}

static void handle(int signal)
{
    (void)signal;
    atomic_fetch_add(&common->handled, 1);
}

/* Has handlers for what faults raise, which must still be called when it runs on. */
static void handler(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    const size_t count = sizeof(faults) / sizeof(faults[0]);
    uint32_t before;

    for (size_t i = 0; i < count; i++)
        signal(faults[i], handle);
    atomic_store(&common->ready, 1);
    while (!atomic_load(&common->go))
        usleep(1000);
    before = atomic_load(&common->handled);
    for (size_t i = 0; i < count; i++)
        raise(faults[i]);
    end_with(atomic_load(&common->handled) - before == count ? 0 : WRONG_SIGNALS);
}

static pid_t child(void (*body)(void))
{
    pid_t pid;

    memset(common, 0, sizeof(*common));
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(0);
    }
    while (!atomic_load(&common->ready))
        usleep(1000);
    usleep(20000);
    return pid;
}

static int ended(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---------------------------------------------------------------- calling -- */

static uint64_t way_back(pid_t pid)
{
    uint64_t found;
    struct remote r;

    assert_int_equal(remote_open(&r, pid, NULL), 0);
    found = inject_way_back(&r);
    remote_release(&r);
    return found;
}

static struct inject_call call_of(pid_t pid, void *function)
{
    return (struct inject_call){.function = (uint64_t)(uintptr_t)function,
                                .way_back = way_back(pid),
                                .until_ns = clock_monotonic_ns() + 20 * SECOND};
}

/* What becomes of the last. */
static enum inject_result call_then(pid_t pid, const struct inject_call *c,
                                    const struct inject_call *next)
{
    struct stopped s = {.pid = pid, .began_ns = stop_now_ns()};
    enum inject_result result;

    if (stop_all_here(&s, NULL) != 0)
        return INJECT_ENDED;
    result = s.count == 1 && s.threads[0].state == STOP_HELD && s.threads[0].signal == 0
                 ? inject_call(pid, c)
                 : INJECT_NOT_BEGUN;
    if (next && result != INJECT_NOT_BEGUN)
        result = inject_call(pid, next);
    stop_let_go(&s);
    stop_release(&s);
    return result;
}

static enum inject_result call(pid_t pid, const struct inject_call *c)
{
    return call_then(pid, c, NULL);
}

static void a_call_gets_its_arguments(void **state)
{
    pid_t pid = child(reader);
    struct inject_call c = call_of(pid, (void *)note_call);

    (void)state;
    assert_int_not_equal(c.way_back, 0);
    c.text = "a text";
    c.argument = UINT64_C(0x123456789abcdef0);
    assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_string_equal(common->text, "a text");
    assert_int_equal(common->argument, c.argument);
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_int_equal(common->called, 21);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

static void returns_seventeen(pid_t pid)
{
    struct inject_call c = call_of(pid, (void *)seventeen);
    uint64_t result = 0;

    c.result = &result;
    assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_int_equal(result, 17);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

static void a_result_comes_back(void **state)
{
    (void)state;
    returns_seventeen(child(reader));
}

/* It is not begun again with its whole time limit, nor does it fail. */
static void a_sleep_goes_on(void **state)
{
    pid_t pid = child(sleeper);
    struct inject_call c = call_of(pid, (void *)note_call);
    uint64_t began = clock_monotonic_ns();

    (void)state;
    c.text = "";
    /* one after the other: begun again each time, it would not end before the last */
    while (clock_monotonic_ns() - began < 2 * SECOND && call(pid, &c) == INJECT_RETURNED)
        usleep(10000);
    assert_true(clock_monotonic_ns() - began < 2 * SECOND);
    assert_true(common->called > 0);
    assert_int_equal(ended(pid), 0);
}

static void registers_are_put_back(void **state)
{
    pid_t pid = child(computer);
    struct inject_call c = call_of(pid, (void *)note_call);

    (void)state;
    c.text = "vector registers and red zone";
    for (int i = 0; i < 200; i++)
        assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_int_equal(common->called, 200);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

static void what_takes_too_long_is_let_go_and_returns(void **state)
{
    pid_t pid = child(reader);
    struct inject_call c = call_of(pid, (void *)linger);
    pid_t tracer;

    (void)state;
    c.until_ns = clock_monotonic_ns() + SECOND / 10;
    tracer = fork(); /* what a tracer leaves behind is let go when it ends */
    if (tracer == 0)
        _exit(call(pid, &c) == INJECT_LATE ? 0 : 1);
    assert_int_equal(ended(tracer), 0);
    assert_int_equal(common->called, 1);
    common->stop = 1;
    common->go = 1;
    assert_int_equal(ended(pid), 0);
    assert_int_equal(common->called, 2);
}

/* The signal frame brings the thread back without us. */
static void a_killed_tracer_leaves_a_thread_that_finds_back(void **state)
{
    void (*const bodies[])(void) = {reader, computer, wide};

    (void)state;
    for (size_t i = 0; i < (__builtin_cpu_supports("avx") ? 3 : 2); i++) {
        pid_t pid = child(bodies[i]), tracer;
        struct inject_call c = call_of(pid, (void *)linger);

        tracer = fork();
        if (tracer == 0)
            _exit(call(pid, &c) == INJECT_RETURNED ? 0 : 1);
        while (!common->called)
            usleep(1000);
        kill(tracer, SIGKILL);
        assert_int_equal(ended(tracer), 1000 + SIGKILL);
        common->stop = 1;
        while (common->called != 2)
            usleep(1000);
        usleep(20000);
        common->go = 1;
        assert_int_equal(ended(pid), 0);
    }
}

/* It was interrupted before: the kernel knows it as restart_syscall. */
static void a_sleep_begins_again_when_the_tracer_is_killed(void **state)
{
    pid_t pid = child(sleeper), tracer;
    struct inject_call c = call_of(pid, (void *)linger);

    (void)state;
    tracer = fork();
    if (tracer == 0) {
        struct inject_call first = c;

        first.function = (uint64_t)(uintptr_t)note_call;
        first.text = "";
        if (call(pid, &first) != INJECT_RETURNED)
            _exit(1);
        usleep(50000); /* it sleeps again */
        common->called = 0;
        _exit(call(pid, &c) == INJECT_RETURNED ? 0 : 1);
    }
    usleep(150000);
    while (!common->called)
        usleep(1000);
    kill(tracer, SIGKILL);
    assert_int_equal(ended(tracer), 1000 + SIGKILL);
    common->stop = 1;
    assert_int_equal(ended(pid), 0);
}

/* Whichever of its calls was the last: none leaves a state that the thread cannot go on from. */
static void a_tracer_killed_at_any_call_harms_nothing(void **state)
{
    void (*const bodies[])(void) = {reader, computer, wide};

    (void)state;
    for (size_t i = 0; i < (__builtin_cpu_supports("avx") ? 3 : 2); i++) {
        int status = 1000 + SIGKILL;

        for (unsigned n = 1; status != 0; n++) {
            pid_t pid = child(bodies[i]), tracer;
            struct inject_call c = call_of(pid, (void *)note_call);

            c.text = "";
            tracer = fork();
            if (tracer == 0) {
                fatal_call = n;
                _exit(call(pid, &c) == INJECT_RETURNED ? 0 : 1);
            }
            status = ended(tracer);
            assert_true(status == 0 || (status == 1000 + SIGKILL && n < 1000));
            usleep(20000);
            common->go = 1;
            assert_int_equal(ended(pid), 0);
        }
    }
}

static void a_crash_is_undone(void **state)
{
    void (*const crashes[])(void) = {crash, fault, divide};
    const int signals[] = {SIGILL, SIGSEGV, SIGFPE};
    void (*const bodies[])(void) = {reader, handler};

    (void)state;
    for (int i = 0; i < 6; i++) {
        pid_t pid = child(bodies[i / 3]);
        struct inject_call c = call_of(pid, (void *)crashes[i % 3]);
        int signal = 0;

        c.crash = &signal;
        assert_int_equal(call(pid, &c), INJECT_CRASHED);
        assert_int_equal(signal, signals[i % 3]);
        assert_int_equal(common->handled, 0);
        common->go = 1;
        assert_int_equal(ended(pid), 0);
    }
}

static void a_call_after_a_crash(void **state)
{
    pid_t pid = child(handler);
    struct inject_call c = call_of(pid, (void *)fault), next = call_of(pid, (void *)note_numbers);

    (void)state;
    next.first = 18;
    next.argument = 19;
    assert_int_equal(call_then(pid, &c, &next), INJECT_RETURNED);
    assert_int_equal(common->argument, 1819);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

static void stepping_leaves_the_handlers(void **state)
{
    (void)state;
    returns_seventeen(child(handler));
}

/* Signals that somebody sends come when the call is over. */
static void a_signal_meanwhile_is_kept(void **state)
{
    const int signals[] = {SIGSEGV, SIGTRAP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        pid_t pid = child(handler), sender;
        struct inject_call c = call_of(pid, (void *)linger);

        sender = fork();
        if (sender == 0) {
            while (!common->called)
                usleep(1000);
            kill(pid, signals[i]);
            usleep(20000);
            common->text[0] = common->handled == 0;
            common->stop = 1;
            _exit(0);
        }
        assert_int_equal(call(pid, &c), INJECT_RETURNED);
        assert_int_equal(ended(sender), 0);
        assert_int_equal(common->text[0], 1);
        for (int tries = 0; tries < 1000 && common->handled == 0; tries++)
            usleep(1000);
        assert_int_equal(common->handled, 1);
        common->go = 1;
        assert_int_equal(ended(pid), 0);
    }
}

static char state_of(pid_t pid)
{
    char path[48], letter = '?';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &letter) != 1)
        letter = '?';
    if (file)
        fclose(file);
    return letter;
}

static bool becomes(pid_t pid, char letter)
{
    for (int tries = 0; tries < 2000 && state_of(pid) != letter; tries++)
        usleep(1000);
    return state_of(pid) == letter;
}

static void a_stopped_process_stays_stopped(void **state)
{
    pid_t pid = child(reader);
    struct inject_call c = call_of(pid, (void *)note_call);

    (void)state;
    c.text = "";
    kill(pid, SIGSTOP);
    assert_true(becomes(pid, 'T'));
    assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_int_equal(common->called, 1);
    assert_true(becomes(pid, 'T'));
    usleep(20000);
    assert_int_equal(state_of(pid), 'T');
    kill(pid, SIGCONT);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

static void a_stop_meanwhile_comes(void **state)
{
    pid_t pid = child(reader), sender;
    struct inject_call c = call_of(pid, (void *)linger);

    (void)state;
    sender = fork();
    if (sender == 0) {
        while (!common->called)
            usleep(1000);
        kill(pid, SIGSTOP);
        usleep(20000);
        common->stop = 1;
        _exit(0);
    }
    assert_int_equal(call(pid, &c), INJECT_RETURNED);
    assert_int_equal(ended(sender), 0);
    assert_true(becomes(pid, 'T'));
    kill(pid, SIGCONT);
    common->go = 1;
    assert_int_equal(ended(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_gets_its_arguments),
        cmocka_unit_test(a_result_comes_back),
        cmocka_unit_test(a_sleep_goes_on),
        cmocka_unit_test(registers_are_put_back),
        cmocka_unit_test(what_takes_too_long_is_let_go_and_returns),
        cmocka_unit_test(a_killed_tracer_leaves_a_thread_that_finds_back),
        cmocka_unit_test(a_sleep_begins_again_when_the_tracer_is_killed),
        cmocka_unit_test(a_tracer_killed_at_any_call_harms_nothing),
        cmocka_unit_test(a_crash_is_undone),
        cmocka_unit_test(a_call_after_a_crash),
        cmocka_unit_test(stepping_leaves_the_handlers),
        cmocka_unit_test(a_signal_meanwhile_is_kept),
        cmocka_unit_test(a_stopped_process_stays_stopped),
        cmocka_unit_test(a_stop_meanwhile_comes),
    };

    if (!inject_possible() || !stop_can_trace(getppid() > 1 ? getpid() : 1))
        return 77;
    common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* inject_possible() is false there. */
int main(void)
{
    return 77;
}

#endif
