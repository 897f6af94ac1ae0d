// SPDX-License-Identifier: Apache-2.0
/*
 * Sets and asks for the dispositions of all signals, by every function there is for it,
 * and prints what it is told.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

/* old functions are what this is about */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static volatile sig_atomic_t came;

static void ours(int number)
{
    came = number;
}

static void ours_too(int number, siginfo_t *info, void *context)
{
    (void)context;
    came = number + 100 * (info->si_pid == getpid());
}

static const char *name(sighandler_t handler)
{
    if (handler == ours || handler == (sighandler_t)(uintptr_t)ours_too)
        return "ours";
    return handler == SIG_DFL    ? "default"
           : handler == SIG_IGN  ? "ignore"
           : handler == SIG_ERR  ? "error"
           : handler == SIG_HOLD ? "hold"
                                 : "somebody's";
}

static void show(const char *when, int number, const struct sigaction *a)
{
    printf("%s %d: %s flags %x mask", when, number, name(a->sa_handler), (unsigned)a->sa_flags);
    for (int i = 1; i < 65; i++)
        if (sigismember(&a->sa_mask, i) == 1)
            printf(" %d", i);
    printf("\n");
}

static void ask(const char *when, int number)
{
    struct sigaction a;

    memset(&a, 0, sizeof a);
    errno = 0;
    if (sigaction(number, NULL, &a) != 0)
        printf("%s %d: errno %d\n", when, number, errno);
    else
        show(when, number, &a);
}

typedef int (*setter)(int, const struct sigaction *, struct sigaction *);

static void by_sigaction(setter set, int number)
{
    struct sigaction a, old;

    memset(&a, 0, sizeof a);
    memset(&old, 0, sizeof old);
    a.sa_sigaction = ours_too;
    a.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaddset(&a.sa_mask, SIGWINCH);
    printf("set: %d\n", set(number, &a, &old));
    show("before", number, &old);
    came = 0;
    raise(number);
    printf("came: %d\n", (int)came);
    a.sa_handler = SIG_DFL;
    a.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    sigaddset(&a.sa_mask, SIGHUP);
    sigaddset(&a.sa_mask, SIGKILL);
    set(number, &a, &a); /* one structure for both */
    show("replaced", number, &a);
    ask("default with flags", number);
    a.sa_handler = SIG_IGN;
    set(number, &a, &old);
    show("default", number, &old);
    raise(number);
    a.sa_handler = SIG_DFL;
    set(number, &a, NULL);
    ask("last", number);
    printf("interrupt: %d\n", siginterrupt(number, 1));
    ask("interrupting", number);
    printf("interrupt: %d\n", siginterrupt(number, 0));
    ask("not interrupting", number);
}

typedef sighandler_t (*simple_setter)(int, sighandler_t);

static void by_signal(const char *function, simple_setter set, int number)
{
    printf("%s: was %s\n", function, name(set(number, ours)));
    came = 0;
    raise(number);
    printf("came: %d\n", (int)came);
    ask(function, number);
    printf("%s: was %s\n", function, name(set(number, SIG_IGN)));
    printf("%s: was %s\n", function, name(set(number, SIG_DFL)));
    printf("%s: was %s\n", function, name(set(number, SIG_DFL)));
    ask(function, number);
    printf("%s: wrong %s\n", function, name(set(SIGKILL, SIG_DFL)));
    printf("%s: wrong %s %d\n", function, name(set(0, ours)), errno);
}

static void by_holding(int number)
{
    printf("sigset hold: was %s\n", name(sigset(number, SIG_HOLD)));
    ask("held", number);
    printf("sigset default: was %s\n", name(sigset(number, SIG_DFL)));
    printf("sigset: was %s\n", name(sigset(number, ours)));
    printf("sigset default: was %s\n", name(sigset(number, SIG_DFL)));
    ask("sigset", number);
}

/* What is waited for does not come to a handler. */
static void by_waiting(int number)
{
    const struct timespec soon = {1, 0};
    struct signalfd_siginfo info;
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(number);
    printf("waited: %d\n", sigtimedwait(&set, NULL, &soon));
    fd = signalfd(-1, &set, 0);
    raise(number);
    printf("read: %d\n", read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : -1);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    ask("waited for", number);
}

static void children(int number)
{
    struct sigaction quit;
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        ask("child", number);
        fflush(stdout);
        raise(number);
        _exit(1);
    }
    waitpid(child, &status, 0);
    printf("child ended by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    printf("system ended by %d\n", system("kill -TERM $$"));
    /* libc puts back what it found, with a flag of its own */
    sigaction(SIGQUIT, NULL, &quit);
    printf("after system: %s\n", name(quit.sa_handler));
}

static void *set_often(void *number)
{
    for (int i = 0; i < 2000; i++) {
        signal((int)(intptr_t)number, i % 2 ? SIG_IGN : SIG_DFL);
        signal((int)(intptr_t)number, SIG_DFL);
    }
    return NULL;
}

int main(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGSEGV, SIGABRT, SIGPIPE, SIGUSR1};
    simple_setter bsd = (simple_setter)dlsym(RTLD_DEFAULT, "bsd_signal");
    simple_setter sysv = (simple_setter)dlsym(RTLD_DEFAULT, "__sysv_signal");
    setter hidden = (setter)dlsym(RTLD_DEFAULT, "__sigaction");
    pthread_t thread;

    for (int i = 0; i < 66; i++)
        ask("at the start", i);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        by_sigaction(sigaction, numbers[i]);
        by_sigaction(hidden, numbers[i]);
        by_signal("signal", signal, numbers[i]);
        by_signal("ssignal", ssignal, numbers[i]);
        by_signal("bsd_signal", bsd, numbers[i]);
        by_signal("sysv_signal", sysv_signal, numbers[i]);
        by_signal("__sysv_signal", sysv, numbers[i]);
        by_holding(numbers[i]);
        by_waiting(numbers[i]);
        children(numbers[i]);
    }
    thread = start(set_often, (void *)SIGUSR2);
    set_often((void *)SIGUSR2);
    pthread_join(thread, NULL);
    ask("at the end", SIGUSR2);
    fflush(stdout);
    raise(SIGUSR1);
    return 1;
}
