/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `memprof run`.
 */
#ifndef MEMPROF_CLI_RUN_OPTIONS_H
#define MEMPROF_CLI_RUN_OPTIONS_H

#include "cli/leak-options.h"
#include "cli/leak-output.h"
#include "cli/view-options.h"
#include "src/host/recording/run.h"

struct run_choice {
    struct view_choice view;
    struct leak_choice leak;
    struct leak_output leak_output;
    const char *output; /* -o; NULL: PROGRAM.PID.mprof here */
    bool quiet, allow_unprofiled, debuginfod;
    struct segment_settings settings;
    uint64_t snapshot_every_ns; /* --snapshot-every; 0: not */
    bool no_peak;               /* --no-snapshot-at-peak */
    uint32_t follow;            /* --follow: enum follow */
    const char **only, **not ;  /* --only, --not: NULL-terminated; NULL none */
    char *directory;            /* of -o DIR/, without the slash; NULL: none */
    char **program;             /* the program and its arguments, in argv */
};

/*
 * The specs of the options that are about recording.  Not of -o, which the taker knows, too:
 * each command has a default of its own.
 */
extern const struct option_spec run_recording_specs[];

/* Of those that are about a program that is started, not one that runs already. */
extern const struct option_spec run_starting_specs[];

/* An option_taker for them and for those of view-options.h, leak-options.h, leak-output.h. */
int run_choice_take(void *choice, int id, const char *argument);

/*
 * After the last option, whose index in argv is `first` - 1: what of the choice depends on
 * others, and the program.  0 or OPTIONS_WRONG (said on stderr).
 */
int run_choice_settle(struct run_choice *c, int first, int argc, char **argv);

/* The same for what depends on searching for leaks only. */
int run_choice_settle_leaks(struct run_choice *c);

void run_choice_init(struct run_choice *c);
void run_choice_release(struct run_choice *c);

/*
 * Fill in `c` from the command line.  0, OPTIONS_DONE when --help or
 * --skip-list was all that was wanted, or OPTIONS_WRONG (said on stderr).
 */
int run_choice_parse(struct run_choice *c, int argc, char **argv);

#endif
