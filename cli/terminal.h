/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader of a stream can take.
 */
#ifndef MEMPROF_CLI_TERMINAL_H
#define MEMPROF_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Columns of the terminal behind the stream, or 120 where there is none. */
size_t terminal_columns(FILE *stream);

/*
 * Colours go to a terminal that can show them, unless NO_COLOR is set to
 * anything but nothing (https://no-color.org).
 */
bool terminal_takes_colour(FILE *stream);

/* Whether texts in the locale's encoding may hold any character: it is UTF-8. */
bool terminal_takes_utf8(void);

#endif
