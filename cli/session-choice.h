/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which running program a command means, by process id or name.
 */
#ifndef MEMPROF_CLI_SESSION_CHOICE_H
#define MEMPROF_CLI_SESSION_CHOICE_H

#include "src/host/recording/sessions.h"

/* The exit statuses of commands that speak with a running memprof, beside those of words.h. */
enum session_exit_code {
    EXIT_NOT_PROFILED = 3, /* no such program is being profiled */
    EXIT_AMBIGUOUS = 4,    /* several are */
    EXIT_NOT_YOURS = 5,    /* the process is another user's */
};

/*
 * Ask the memprof of the program that `what` names: its process id, or that of the memprof that
 * runs it, or its name; NULL: the only one there is.  `request` gets its process id.  Waits for
 * the answer, at most `timeout_ms`.  Returns EXIT_FINE when there is one, whatever it says; else
 * the exit status, with a line on stderr.
 */
int session_ask_chosen(const char *what, struct control_request *request,
                       struct control_answer *answer, int timeout_ms);

/* The process id in a text, or 0: it is not all digits, or none that can be. */
int64_t session_pid(const char *text);

/* Say which memprofs did not answer, if any. */
void session_say_silent(const struct sessions *s);

#endif
