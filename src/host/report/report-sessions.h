/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that are being profiled now: `memprof list`.
 */
#ifndef MEMPROF_HOST_REPORT_SESSIONS_H
#define MEMPROF_HOST_REPORT_SESSIONS_H

#include "src/host/recording/sessions.h"
#include "src/host/text/strbuf.h"

#include <stdio.h>

/* A table with a line for each; names are escaped. */
void report_sessions_text(struct strbuf *out, const struct sessions *s);

/* An array of objects, as memprof-list(1) describes it.  0, or -1 with `e` set. */
int report_sessions_json(FILE *out, const struct sessions *s, struct error *e);

#endif
