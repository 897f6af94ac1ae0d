// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/signalname.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* sigabbrev_np came with glibc 2.32 only. */
const char *signal_name(int number)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
        [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
        [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
        [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
        [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
        [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
        [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
        [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
        [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",
        [SIGSYS] = "SIGSYS"};

    return number > 0 && (size_t)number < sizeof names / sizeof *names ? names[number] : NULL;
}

/* Digits to the end of the text; -1: it is something else. */
static int digits(const char *text)
{
    if (!*text || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
        return -1;
    return atoi(text);
}

int signal_number(const char *text)
{
    int number = digits(text);

    if (number >= 0)
        return number < NSIG ? number : 0;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    if (strncasecmp(text, "RTMIN", 5) == 0) {
        number = text[5] == '+' ? digits(text + 6) : text[5] ? -1 : 0;
        return number >= 0 && SIGRTMIN + number <= SIGRTMAX ? SIGRTMIN + number : 0;
    }
    for (int i = 1; i < SIGRTMIN; i++)
        if (signal_name(i) && strcasecmp(signal_name(i) + 3, text) == 0)
            return i;
    return 0;
}

bool signal_is_free(int number)
{
    static const int usable[] = {SIGUSR1, SIGUSR2,  SIGALRM, SIGVTALRM, SIGPROF, SIGIO,
                                 SIGPWR,  SIGWINCH, SIGURG,  SIGSTKFLT, SIGXCPU, SIGXFSZ};

    for (size_t i = 0; i < sizeof usable / sizeof *usable; i++)
        if (usable[i] == number)
            return true;
    return number >= SIGRTMIN && number <= SIGRTMAX; /* those below are the C library's */
}
