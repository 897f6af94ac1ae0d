// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/run-files.h"
#include "cli/run-report.h"
#include "cli/session-choice.h"
#include "cli/words.h"
#include "src/host/files/locate.h"
#include "src/host/recording/attach.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TIMEOUT = OPTION_OF_COMMAND + 50 };

#define TIMEOUT_NS UINT64_C(10000000000)

static const struct option_spec attach_specs[] = {
    {'o', "output", "FILE", "write the profile to FILE [PROGRAM.PID.mprof];\n/dev/null: none"},
    {OPTION_TIMEOUT, "timeout", "TIME",
     "give up when the recorder could not be loaded after\nTIME: 500ms, 10s, 1m [10s]"},
    {0, NULL, NULL, NULL},
};

static const struct options attach_options = {
    .command = "memprof attach",
    .usage = "[OPTIONS] PID",
    .purpose =
        "Record a program that runs already: load the recorder into the process PID and\n"
        "redirect its calls, until it ends, Ctrl-C, or memprof detach PID; then leave it as\n"
        "it was.  What it had allocated before is not known.  The profile is written to a\n"
        "file for memprof top.",
    .tables = {{"Recording", attach_specs},
               {NULL, run_recording_specs},
               {"Searching for leaks", leak_check_specs},
               {NULL, leak_search_specs},
               {"Reporting leaks", leak_output_specs},
               {"Showing", view_option_specs}},
    .closing =
        "The exit status is 0 when the process was recorded; 1 when it could not be, 3 when\n"
        "there is none, 5 when it is another user's.",
};

struct attach_choice {
    struct run_choice run;
    uint64_t timeout_ns;
    const char *pid;
};

static int take(void *choice, int id, const char *argument)
{
    struct attach_choice *c = choice;

    if (id == OPTION_TIMEOUT)
        return option_period("timeout", argument, &c->timeout_ns);
    return run_choice_take(&c->run, id, argument);
}

static int parse(struct attach_choice *c, int argc, char **argv)
{
    int first = options_parse(&attach_options, argc, argv, take, c);

    if (first < 0)
        return first;
    if (c->run.view.list_skipped) {
        view_choice_list_skipped(&c->run.view);
        return OPTIONS_DONE;
    }
    if (argc - first != 1 || session_pid(argv[first]) == 0) {
        words_say(argc == first       ? "which process?"
                  : argc - first == 1 ? "a process is named by its process id, a number"
                                      : "one process at a time");
        return options_wrong(&attach_options);
    }
    c->pid = argv[first];
    if (view_choice_check(&c->run.view) != 0 || run_choice_settle_leaks(&c->run) != 0)
        return options_wrong(&attach_options);
    return 0;
}

static void say_begun(void *context)
{
    const struct attach_choice *c = context;

    if (!c->run.quiet)
        words_say("recording process %s: Ctrl-C or memprof detach %s ends it", c->pid, c->pid);
}

/* In what the process differs from what it was. */
static void say_left(const struct attach_choice *c, enum attaching_left left)
{
    if (c->run.quiet)
        return;
    if (left == ATTACHING_SEGMENT)
        words_say("a thread of process %s stayed inside the recorder: the recorder's memory stays "
                  "in the process, unused",
                  c->pid);
    if (left == ATTACHING_REDIRECTED)
        words_say("no thread of process %s came to a safe point, or may make the system calls that "
                  "leaving takes (seccomp): its calls still go through the recorder, which passes "
                  "them on",
                  c->pid);
}

static int status_of(enum attaching_verdict verdict)
{
    return verdict == ATTACHING_NO_PROCESS  ? EXIT_NOT_PROFILED
           : verdict == ATTACHING_NOT_YOURS ? EXIT_NOT_YOURS
                                            : EXIT_TROUBLE;
}

static int record(struct attach_choice *c, const char *library)
{
    struct run_choice *run = &c->run;
    const struct run_options recording = {.preload = library,
                                          .settings = run->settings,
                                          .symbolizer.debuginfod = run->debuginfod,
                                          .output = run->output,
                                          .snapshot_every_ns = run->snapshot_every_ns,
                                          .no_peak = run->no_peak,
                                          .search = run->leak.search};
    const struct attach_options options = {.pid = (pid_t)session_pid(c->pid),
                                           .run = &recording,
                                           .timeout_ns = c->timeout_ns,
                                           .begun = say_begun,
                                           .context = c};
    struct attach_result result;
    struct error e = {0};
    int status;

    if (attach_program(&options, &result, &e) != 0)
        return launch_fail(&e, status_of(result.verdict));
    say_left(c, result.left);
    status = run_report(run, &result.run, true, run);
    attach_result_release(&result);
    return status == EXIT_RUN_FAILED ? EXIT_TROUBLE : status;
}

static int attach(struct attach_choice *c)
{
    struct error e = {0};
    char *library;
    int status;

    if (run_files_check(&c->run, &e) != 0)
        return launch_fail(&e, EXIT_TROUBLE);
    library = preload_locate(&e);
    if (!library)
        return launch_fail(&e, EXIT_TROUBLE);
    status = record(c, library);
    free(library);
    return status;
}

int cmd_attach(int argc, char **argv)
{
    struct attach_choice choice = {.timeout_ns = TIMEOUT_NS};
    struct error e = {0};
    int parsed, status = EXIT_USAGE;

    run_choice_init(&choice.run);
    parsed = parse(&choice, argc, argv);
    if (parsed == OPTIONS_DONE)
        status = EXIT_FINE;
    else if (parsed == 0 && leak_output_settle(&choice.run.leak_output, false, &e) != 0)
        status = launch_fail(&e, EXIT_TROUBLE);
    else if (parsed == 0)
        status = attach(&choice);
    run_choice_release(&choice.run);
    return status;
}
