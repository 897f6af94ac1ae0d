/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leak reports in the formats that programs and services read.  Every writer
 * takes a report that leak_report_finish has seen, writes the whole document,
 * flushes it and returns 0; or -1 with `e` set.  What a format's limits leave
 * out is the end of the list, the smallest leaks, and the document says how
 * many they are.
 *
 * Names in a report may hold anything; each writer escapes what its format
 * gives a meaning to.
 */
#ifndef MEMPROF_HOST_REPORT_LEAK_H
#define MEMPROF_HOST_REPORT_LEAK_H

#include "src/host/leaks/leakreport.h"

#include <stdio.h>

#define REPORT_LEAK_SCHEMA 1

struct leak_format {
    const char *source_root; /* absolute: paths below it are written relative to it */
    uint32_t fail_kinds;     /* LEAK_KIND_BITs of what is an error; the others are warnings */
    uint32_t max_records;    /* 0: as many as the format takes */
};

/* JSON of which tests/data/leaks.schema.json is the schema. */
int report_leak_json(FILE *out, const struct leak_report *r, const struct leak_format *f,
                     struct error *e);

/*
 * The members of that document that are about leaks, the last without a comma behind it, for
 * another document to take in.  false when memory runs out.
 */
bool report_leak_json_members(FILE *out, const struct leak_report *r, uint32_t max_records);

/*
 * SARIF 2.1.0 (OASIS) within what GitHub's code scanning takes: 10 MB, 25,000
 * results, 10,000 locations in one flow.  Known leaks are suppressed results.
 */
int report_leak_sarif(FILE *out, const struct leak_report *r, const struct leak_format *f,
                      struct error *e);
#define REPORT_LEAK_SARIF_BYTES 10000000u
#define REPORT_LEAK_SARIF_RESULTS 25000u
#define REPORT_LEAK_SARIF_LOCATIONS 10000u

/*
 * JUnit XML: each leak a test case, failed if it is of a kind that fails and
 * not known, skipped if it is known; a passed one when there are no leaks.
 */
int report_leak_junit(FILE *out, const struct leak_report *r, const struct leak_format *f,
                      struct error *e);

/* GitHub's workflow commands: 9 annotations and a summary, since 10 a step are shown. */
int report_leak_github(FILE *out, const struct leak_report *r, const struct leak_format *f,
                       struct error *e);
#define REPORT_LEAK_GITHUB_SHOWN 9u

/* GitLab's Code Quality report; known leaks are left out.  Every fingerprint is unique. */
int report_leak_gitlab(FILE *out, const struct leak_report *r, const struct leak_format *f,
                       struct error *e);

/* Markdown for a job's summary (GitHub takes 1 MiB): totals, a table, and the stacks folded away.
 */
int report_leak_markdown(FILE *out, const struct leak_report *r, const struct leak_format *f,
                         struct error *e);
#define REPORT_LEAK_MARKDOWN_BYTES 1000000u

/* Lines as Valgrind's Memcheck writes them, which ctest -T memcheck reads; known leaks are left
 * out. */
int report_leak_memcheck(FILE *out, const struct leak_report *r, const struct leak_format *f,
                         struct error *e);

/* The end of every writer: flush, and say what went wrong.  `ok`: all memory was there. */
int report_leak_end(FILE *out, bool ok, const char *format, struct error *e);

#endif
