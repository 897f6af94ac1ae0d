/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leak reports to be written in every format.
 */
#ifndef MEMPROF_TESTS_SAMPLE_LEAKS_H
#define MEMPROF_TESTS_SAMPLE_LEAKS_H

#include "src/host/report/report-leak.h"

#include <stdio.h>

#define SAMPLE_ROOT "/src/app"

/*
 * "plain": one leak of every kind, two that differ in a line only, one known.
 * "hostile": names with all that some format gives a meaning to, no names at
 * all, and a very deep stack.  "empty": no leak.  "many": 30,000 leaks.
 * Strings live until the program ends.  Whether the name is one of these.
 */
bool sample_leaks(struct leak_report *r, const char *name);

/* The report's leaks of kinds that fail as known ones, as the other writers do it. */
int sample_leaks_write_known(FILE *out, const struct leak_report *r, const struct leak_format *f,
                             struct error *e);

#endif
