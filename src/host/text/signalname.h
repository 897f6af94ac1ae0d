/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMPROF_HOST_SIGNALNAME_H
#define MEMPROF_HOST_SIGNALNAME_H

#include <stdbool.h>

/* "SIGSEGV"; NULL for real-time signals and numbers that are none. */
const char *signal_name(int number);

/*
 * The signal that `text` names, with or without SIG, in either case, or as a
 * number, or RTMIN+N; 0: none.
 */
int signal_number(const char *text);

/*
 * Whether the signal may be given a meaning from outside: not those that cannot
 * be handled, that tell of a fault, that stop and continue, that end programs
 * from the terminal or the shell, or that libraries use.
 */
bool signal_is_free(int number);

#endif
