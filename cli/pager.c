// SPDX-License-Identifier: Apache-2.0
#include "cli/pager.h"

#include "cli/view-output.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL_NOT_EXECUTABLE 126
#define SHELL_NOT_FOUND 127

/* The user's command for the shell; NULL: less; "": none. */
static const char *pager_command(void)
{
    const char *command = getenv("MEMPROF_PAGER");

    if (!command)
        command = getenv("PAGER");
    return command && strcmp(command, "cat") == 0 ? "" : command;
}

/* Signals that are ignored here while the pager has the terminal mean something to it. */
static const int terminal_signals[] = {SIGINT, SIGQUIT, SIGPIPE};

#define TERMINAL_SIGNALS (sizeof terminal_signals / sizeof *terminal_signals)

/* Its standard input is `in`.  0, or an errno value. */
static int spawn(const char *command, int in, int out, pid_t *pid)
{
    char *shell[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    char *less[] = {(char *)"less", NULL};
    char **argv = command ? shell : less;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int result;

    sigemptyset(&defaults);
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        sigaddset(&defaults, terminal_signals[i]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, in);
    posix_spawn_file_actions_addclose(&actions, out);
    setenv("LESS", "FRX", 0);
    setenv("LV", "-c", 0);
    result = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result;
}

/* All of it, or until nobody reads any more. */
static void feed(const struct strbuf *text, int out)
{
    size_t done = 0;

    while (done < text->length) {
        ssize_t written = write(out, text->text + done, text->length - done);

        if (written < 0 && errno != EINTR)
            break;
        done += written > 0 ? (size_t)written : 0;
    }
    close(out);
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* Whether a pager showed the text. */
static bool page(const struct strbuf *text, const char *command)
{
    int ends[2], status;
    pid_t pid;

    if (pipe(ends) != 0)
        return false;
    if (spawn(command, ends[0], ends[1], &pid) != 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    close(ends[0]);
    feed(text, ends[1]);
    status = wait_for(pid);
    return status != SHELL_NOT_FOUND && status != SHELL_NOT_EXECUTABLE;
}

int pager_write(const struct strbuf *text, bool wanted, struct error *e)
{
    const char *command = pager_command();
    bool shown = false;

    if (wanted && !text->failed && text->length && isatty(STDOUT_FILENO) &&
        (!command || *command)) {
        void (*old[TERMINAL_SIGNALS])(int);

        /* ^C is for the pager, which must not be left alone with the terminal. */
        for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
            old[i] = signal(terminal_signals[i], SIG_IGN);
        shown = page(text, command);
        for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
            signal(terminal_signals[i], old[i]);
    }
    return shown ? 0 : text_write(text, stdout, e);
}
