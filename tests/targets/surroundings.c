// SPDX-License-Identifier: Apache-2.0
/*
 * Prints all that a program can see of the process it is in: with and without
 * memprof the output must be the same, byte for byte.  With any argument it
 * prints what a child sees; it runs itself that way at the end.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static void show_environment(void)
{
    for (char **e = environ; *e; e++)
        say_text("environment", *e);
}

/* Those from 100 on may be the recorder's, and then close on exec. */
static void show_descriptors(void)
{
    int inherited = 0;

    for (int fd = 0; fd < 20000; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags < 0)
            continue;
        if (fd < 100)
            say("descriptor", fd);
        else if (!(flags & FD_CLOEXEC))
            inherited++;
    }
    say("high_descriptors_that_children_inherit", inherited);
    say("lowest_free_descriptor", dup(1));
}

static void show_signals(void)
{
    sigset_t blocked, pending;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    sigpending(&pending);
    for (int s = 1; s < NSIG; s++) {
        struct sigaction a;

        if (sigismember(&blocked, s) == 1)
            say("blocked", s);
        if (sigismember(&pending, s) == 1)
            say("pending", s);
        if (!sigaction(s, NULL, &a) && a.sa_handler != SIG_DFL)
            say(a.sa_handler == SIG_IGN ? "ignored" : "handled", s);
    }
}

static void show_errno(void)
{
    volatile size_t huge = (size_t)-1 / 4 * 3;
    void *p;
    int wrong = 0;

    for (int i = 0; i < 20000; i++) {
        errno = 1000 + i;
        p = malloc(30);
        KEEP(p);
        wrong += errno != 1000 + i;
        p = realloc(p, 90);
        KEEP(p);
        wrong += errno != 1000 + i;
        free(p);
        wrong += errno != 1000 + i;
    }
    say("errno_changes", wrong);
    errno = 0;
    p = malloc(huge);
    say("errno_of_failure", p ? -1 : errno);
}

static void show_process(void)
{
    char text[4096];
    struct rlimit r;
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    int tasks = 0;

    while (d && (e = readdir(d)))
        tasks += e->d_name[0] != '.';
    if (d)
        closedir(d);
    say("tasks", tasks);
    prctl(PR_GET_NAME, text);
    say_text("name", text);
    say("dumpable", prctl(PR_GET_DUMPABLE));
    say("subreaper", prctl(PR_GET_CHILD_SUBREAPER, &tasks) ? -1 : tasks);
    say("death_signal", prctl(PR_GET_PDEATHSIG, &tasks) ? -1 : tasks);
    say_text("directory", getcwd(text, sizeof text) ? text : "?");
    say("mask", umask(022));
    say("group_leader", getpgrp() == getpid());
    say("same_group_as_parent", getpgid(getppid()) == getpgrp());
    say("nice", getpriority(PRIO_PROCESS, 0));
    say("policy", sched_getscheduler(0));
    for (int i = 0; i < RLIM_NLIMITS; i++)
        if (!getrlimit((__rlimit_resource_t)i, &r)) {
            say("limit", (long long)r.rlim_cur);
            say("hard_limit", (long long)r.rlim_max);
        }
    say("usable_size", (long long)malloc_usable_size(malloc(100)) >= 100);
}

static int show_child(const char *self)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        execl(self, self, "child", (char *)NULL);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        put("-- child --\n", 12);
        show_environment();
        show_descriptors();
        show_signals();
        return 0;
    }
    show_environment();
    show_descriptors();
    show_signals();
    show_errno();
    show_process();
    return show_child("/proc/self/exe");
}
