/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that choose what of a profile is shown and how, the same for
 * every command that shows one.  What they make of a profile is shown by
 * view-output.h.
 */
#ifndef MEMPROF_CLI_VIEW_OPTIONS_H
#define MEMPROF_CLI_VIEW_OPTIONS_H

#include "cli/options.h"
#include "src/host/leaks/leakreport.h"
#include "src/host/profile/profile.h"
#include "src/host/view/filter.h"
#include "src/host/view/view.h"

/*
 * What was chosen.  What depends on a profile is kept as text until
 * view_choice_settle.  Strings are those of argv.
 */
struct view_choice {
    struct view_options view; /* `skip` and `filter` point at those below */
    struct skiplist skip;
    struct filter filter;
    const char *snapshot;               /* --snapshot; NULL: the exit */
    const char *domain;                 /* --domain; NULL: the heap, or what the filters name */
    const char *json, *csv, *folded;    /* files, or "-"; NULL: none */
    const struct leak_report *leaks;    /* go into the JSON; NULL: none do */
    size_t columns;                     /* --width */
    size_t frames;                      /* --frames; 0 all */
    bool outermost;                     /* keep the outermost frames, not the innermost */
    bool oldest_first;                  /* --most-recent-last */
    bool exact, list_skipped, no_pager; /* --bytes, --skip-list, --no-pager */
    bool limit_given, columns_given, frames_given, group_given, order_given, direction_given;
};

/* Ids from here to OPTION_LONG_ONLY + 99 are these; a command's own begin behind. */
#define OPTION_OF_COMMAND (OPTION_LONG_ONLY + 100)

/* All of them; those that make sense without rows; with records of a kind; and --no-pager. */
extern const struct option_spec view_option_specs[];
extern const struct option_spec view_moment_specs[];
extern const struct option_spec view_record_specs[];
extern const struct option_spec view_pager_specs[];

/*
 * view_option_specs for a command whose view is another: an option named in `changes`, which end
 * with one without a name, has that help, or is not there where that is NULL.
 */
struct view_spec_change {
    const char *name, *help;
};
#define VIEW_SPECS_MAX 48
void view_specs_change(struct option_spec specs[VIEW_SPECS_MAX],
                       const struct view_spec_change *changes);

void view_choice_init(struct view_choice *c);
void view_choice_release(struct view_choice *c);

/* An option_taker for the specs above. */
int view_choice_take(void *choice, int id, const char *argument);

/*
 * After the last option: 0, or OPTIONS_WRONG and a line on stderr when options
 * were combined that exclude each other.
 */
int view_choice_check(const struct view_choice *c);

/*
 * What options_parse returned (`first`) and the choice, where such options are all that
 * a command has: true when there is something to show; if not `*status` is the exit
 * status, and --skip-list's answer or what is wrong has been said.  `*status` is that
 * of wrong usage when true.
 */
bool view_choice_ready(const struct view_choice *c, const struct options *options, int first,
                       int *status);

/* view_choice_check for the options of view_record_specs. */
int view_choice_check_records(const struct view_choice *c);

/*
 * What the options mean for a profile: its moment by the name `snapshot`
 * (--snapshot's argument; NULL the exit), its domain, the order that is the
 * default there.  `options` points into `c`.  0, or -1 with `e` set.
 */
int view_choice_settle(const struct view_choice *c, const struct profile *p, const char *snapshot,
                       struct view_options *options, struct error *e);

/* Print the patterns in force, for --skip-list. */
void view_choice_list_skipped(const struct view_choice *c);

#endif
