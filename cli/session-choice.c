// SPDX-License-Identifier: Apache-2.0
#include "cli/session-choice.h"

#include "cli/words.h"
#include "src/host/text/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t session_pid(const char *text)
{
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9)
        return 0;
    return atol(text);
}

/* Why the process with that id is not being profiled. */
static int say_no_process(int64_t pid)
{
    char path[48];
    struct stat status;
    const struct passwd *user;

    snprintf(path, sizeof(path), "/proc/%" PRId64, pid);
    if (stat(path, &status) != 0) {
        words_say("there is no process %" PRId64, pid);
        return EXIT_NOT_PROFILED;
    }
    if (status.st_uid != geteuid()) {
        user = getpwuid(status.st_uid);
        words_say("process %" PRId64 " belongs to %s: memprof speaks only with processes of its "
                  "own user",
                  pid, user ? user->pw_name : "another user");
        return EXIT_NOT_YOURS;
    }
    words_say("process %" PRId64 " is not being profiled: memprof attach %" PRId64 " begins it",
              pid, pid);
    return EXIT_NOT_PROFILED;
}

static void say_list(const struct sessions *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct control_answer *a = &s->items[i].answer;
        struct strbuf line;

        if (name && strcmp(a->program, name) != 0)
            continue;
        strbuf_init(&line);
        strbuf_addf(&line, "  %" PRId64 "  ", a->pid);
        escape_text(&line, a->program);
        fprintf(stderr, "%s\n", strbuf_text(&line));
        strbuf_release(&line);
    }
}

static int say_several(const struct sessions *s, const char *name)
{
    if (name)
        words_say("several programs of that name are being profiled; say which by its process id:");
    else
        words_say("several programs are being profiled; say which by its process id:");
    say_list(s, name);
    return EXIT_AMBIGUOUS;
}

static int say_none(const struct sessions *s, const char *name)
{
    if (name && s->count) {
        words_say("no program of that name is being profiled; these are:");
        say_list(s, NULL);
    } else {
        words_say("nothing is being profiled: start a program with memprof run");
    }
    return EXIT_NOT_PROFILED;
}

void session_say_silent(const struct sessions *s)
{
    if (s->silent)
        words_say("%" PRIu32 " running memprof%s did not answer", s->silent,
                  s->silent == 1 ? "" : "s");
}

static bool of_one_run(const struct sessions *s)
{
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->items[i].path, s->items[0].path) != 0)
            return false;
    return true;
}

static int session_choose(const struct sessions *s, const char *what, const struct session **chosen)
{
    int64_t pid = what ? session_pid(what) : 0;
    size_t found = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct control_answer *a = &s->items[i].answer;

        if (what && (pid ? a->pid != pid && a->memprof != pid : strcmp(a->program, what) != 0))
            continue;
        *chosen = &s->items[i];
        found++;
    }
    if (found == 1)
        return EXIT_FINE;
    if (found && !what && of_one_run(s)) {
        *chosen = &s->items[0]; /* the smallest process id: the program that was launched */
        return EXIT_FINE;
    }
    session_say_silent(s);
    if (found)
        return say_several(s, what);
    return pid ? say_no_process(pid) : say_none(s, what);
}

int session_ask_chosen(const char *what, struct control_request *request,
                       struct control_answer *answer, int timeout_ms)
{
    const struct session *session = NULL;
    struct sessions sessions;
    struct error e = {0};
    int status = EXIT_FINE;

    if (sessions_find(&sessions, &e) == 0)
        status = session_choose(&sessions, what, &session);
    if (status == EXIT_FINE && e.kind == ERROR_NONE) {
        request->pid = session->answer.pid;
        (void)session_ask(session->path, request, answer, timeout_ms, &e);
    }
    sessions_release(&sessions);
    if (e.kind == ERROR_NONE)
        return status;
    words_error(&e);
    return EXIT_TROUBLE;
}
