/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that say which leaks are reported and how, the same for every command that
 * reports them, and the reports that they ask for.
 */
#ifndef MEMPROF_CLI_LEAK_OUTPUT_H
#define MEMPROF_CLI_LEAK_OUTPUT_H

#include "cli/options.h"
#include "cli/view-options.h"
#include "src/host/leaks/leaks.h"
#include "src/host/report/leakbaseline.h"
#include "src/host/report/report-leak-text.h"

struct leak_file;

/* What was chosen; strings are those of argv. */
struct leak_output {
    uint32_t kinds; /* --show-leak-kinds */
    bool kinds_given, interior, builtin, verbose, contents;
    bool sums_only; /* by the command: it shows no records but those that options ask for */
    enum { GENERATE_NOTHING = 0, GENERATE_LSAN, GENERATE_VALGRIND } generate;
    uint32_t min_age, min_survived;
    const char *source_root; /* absolute, once it is settled */
    const char *baseline;
    char *root; /* what source_root may lie in */
    const char **suppression_files;
    size_t suppression_count;
    struct leak_file *files; /* --report */
    size_t file_count;
    struct suppressions suppressions; /* the user's, ours, and of the last report's program */
    struct suppressions_mark settled; /* without the last */
    struct leakbaseline known;
    uint32_t known_gone; /* entries of the baseline that no leak had */
};

/* Ids from here on, 50 of them. */
#define OPTION_OF_LEAK_OUTPUT (OPTION_LONG_ONLY + 250)

extern const struct option_spec leak_output_specs[];

void leak_output_init(struct leak_output *o);
void leak_output_release(struct leak_output *o);

/* Whether an option's id is one of the above; an option_taker for them. */
bool leak_output_has(int id);
int leak_output_take(struct leak_output *o, int id, const char *argument);

/* Whether anything was asked for that is about leaks alone. */
bool leak_output_asked(const struct leak_output *o);

/* Whether one of the reports goes to a path; to standard output. */
bool leak_output_to(const struct leak_output *o, const char *path);
bool leak_output_to_stdout(const struct leak_output *o);

/*
 * Once all options are known: read suppressions and the baseline (which need not be there
 * if `make_baseline`), see that the reports can be written.  0, or -1 with `e` set.
 */
int leak_output_settle(struct leak_output *o, bool make_baseline, struct error *e);

/*
 * The report of a profile: with its own suppressions, the filters of `view`, and what is
 * known marked.  `kinds` are those that records are wanted of besides what the options
 * ask for.  0, or -1 with `e` set.
 */
int leak_output_make(struct leak_output *o, const struct profile *p, const struct view_choice *view,
                     uint32_t kinds, struct leaks *l, struct error *e);

/*
 * Append the report for people, whole: what ran, the kinds, notes, records (`limit`, 0 all),
 * then what -v and --gen-suppressions ask for.  `file` is the profile's, or NULL.
 */
void leak_output_text(struct strbuf *out, const struct leak_output *o, const struct leaks *l,
                      const struct profile *p, const struct report_text_options *text, size_t limit,
                      const char *file);

/* What report-leak-text.h needs for it. */
struct report_leak_options leak_output_report(const struct leak_output *o,
                                              const struct report_text_options *text, size_t limit,
                                              const char *file);

/* Write every --report; `fail_kinds` are what counts as an error.  0, or -1 with `e` set. */
int leak_output_write(const struct leak_output *o, const struct leaks *l, const struct profile *p,
                      uint32_t fail_kinds, struct error *e);

/* What the program's own suppressions are from, in texts. */
#define LEAK_OWN_SUPPRESSIONS "__lsan_default_suppressions()"

/* The report as JSON to a file or "-".  0, or -1 with `e` set. */
int leak_output_json(const struct leak_output *o, const struct leaks *l, const char *path,
                     struct error *e);

/* Append what follows the records: --gen-suppressions, and with -v unused suppressions. */
void leak_output_closing(struct strbuf *out, const struct leak_output *o, const struct leaks *l);

#define LEAK_RECORDS 20 /* shown to people unless they say how many */
#define LEAK_KINDS_LOST (LEAK_KIND_BIT(LEAK_DEFINITE) | LEAK_KIND_BIT(LEAK_POSSIBLE))

#endif
