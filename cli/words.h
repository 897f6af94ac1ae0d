/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memprof says on stderr, and the exit statuses of its commands.
 */
#ifndef MEMPROF_CLI_WORDS_H
#define MEMPROF_CLI_WORDS_H

#include "src/host/error.h"

/* Commands that read profiles; 65 is EX_DATAERR of sysexits.h. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_TROUBLE = 1, /* a file cannot be read or written, out of memory */
    EXIT_USAGE = 2,
    EXIT_LEAKED = 23,  /* memprof check: there are new leaks */
    EXIT_GROWN = 24,   /* memprof diff --fail-on-growth: more than the limit */
    EXIT_DAMAGED = 65, /* the input is damaged or no profile */
};

/*
 * `memprof run`: like env(1) and timeout(1), so that the program's own status
 * can be told from ours.  A program ended by signal n gives 128 + n.
 */
enum run_exit_code {
    EXIT_RUN_FAILED = 125, /* memprof failed, wrong usage included */
    EXIT_RUN_CANNOT_EXECUTE = 126,
    EXIT_RUN_NOT_FOUND = 127,
};

/* "memprof: …" and a newline. */
void words_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The error's own text. */
void words_error(const struct error *e);

/* The exit status of a command that reads profiles for an error of the library. */
int words_exit_code(const struct error *e);

#endif
