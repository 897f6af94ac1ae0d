/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a view as comma-separated values (RFC 4180): a header, lines ending
 * in CR LF, numbers as plain digits, nothing where a number is not known or does
 * not apply.  Texts that a spreadsheet would take for a formula are preceded by
 * an apostrophe.  memprof-top(1) describes the columns.
 */
#ifndef MEMPROF_HOST_REPORT_CSV_H
#define MEMPROF_HOST_REPORT_CSV_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/view.h"

#include <stdio.h>

/* Write the document to `out` and flush it.  0, or -1 with `e` set. */
int report_csv_write(FILE *out, const struct profile *p, const struct view *v, struct error *e);

/* One text as a field, quoted where need be; what would steer a terminal is escaped. */
void report_csv_text(struct strbuf *out, const char *text);

#endif
