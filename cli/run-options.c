// SPDX-License-Identifier: Apache-2.0
#include "cli/run-options.h"

#include "cli/words.h"
#include "src/host/text/signalname.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_DEPTH = OPTION_OF_COMMAND,
    OPTION_UNWINDER,
    OPTION_LOSSY,
    OPTION_VERIFY_STACKS,
    OPTION_PAUSED,
    OPTION_ALLOW_UNPROFILED,
    OPTION_DEBUGINFOD,
    OPTION_ALLOCATOR,
    OPTION_SNAPSHOT_EVERY,
    OPTION_SNAPSHOT_AT_PEAK,
    OPTION_NO_SNAPSHOT_AT_PEAK,
    OPTION_SNAPSHOT_ON_SIGNAL,
    OPTION_FOLLOW,
    OPTION_ONLY,
    OPTION_NOT,
};

static const struct option_spec run_file_specs[] = {
    {'o', "output", "FILE",
     "write the profile to FILE [PROGRAM.PID.mprof];\nDIR/: those of all processes into it; "
     "/dev/null: none"},
    {0, NULL, NULL, NULL},
};

const struct option_spec run_recording_specs[] = {
    {'q', "quiet", NULL, "print nothing but errors"},
    {OPTION_SNAPSHOT_EVERY, "snapshot-every", "TIME", "take a snapshot every 500ms, 1s, 2m"},
    {OPTION_SNAPSHOT_AT_PEAK, "snapshot-at-peak", NULL, "keep what was live at the peak [always]"},
    {OPTION_NO_SNAPSHOT_AT_PEAK, "no-snapshot-at-peak", NULL, "do not: the file is smaller"},
    {OPTION_DEPTH, "depth", "N", "keep the N innermost frames of a stack [all]"},
    {OPTION_UNWINDER, "unwinder", "WHICH", "auto, libunwind or fp (frame pointers only) [auto]"},
    {OPTION_LOSSY, "lossy", NULL,
     "drop and count events rather than let the program\nwait when memprof falls behind"},
    {OPTION_VERIFY_STACKS, "verify-stacks", "N", "compare each Nth stack with libunwind's"},
    {OPTION_DEBUGINFOD, "debuginfod", NULL, "ask debuginfod servers for debug information"},
    {0, NULL, NULL, NULL},
};

const struct option_spec run_starting_specs[] = {
    {OPTION_FOLLOW, "follow", "WHICH",
     "record all processes, those that exec a program, or\nnone but PROGRAM's own [all]"},
    {OPTION_ONLY, "only", "PATTERN", "record only programs of such a name; may be repeated"},
    {OPTION_NOT, "not", "PATTERN", "do not record programs of such a name; may be repeated"},
    {OPTION_SNAPSHOT_ON_SIGNAL, "snapshot-on-signal", "SIGNAL",
     "take one at each SIGNAL, e.g. USR2, that the program\ndoes not handle itself"},
    {OPTION_ALLOCATOR, "allocator", "WHICH",
     "libc; pool: small requests are served by memprof's\nown allocator; pool-debug: that, and "
     "misuse of memory\nis found [libc]"},
    {OPTION_PAUSED, "paused", NULL, "record nothing until the program calls memprof_start()"},
    {OPTION_ALLOW_UNPROFILED, "allow-unprofiled", NULL,
     "run a program that cannot be profiled all the same"},
    {0, NULL, NULL, NULL},
};

static const struct options run_options = {
    .command = "memprof run",
    .usage = "[OPTIONS] [--] PROGRAM [ARGUMENT]...",
    .purpose = "Run PROGRAM, record every allocation with its stack, and show on stderr where the\n"
               "memory went.  The profile is written to a file for memprof top.",
    .tables = {{"Recording", run_file_specs},
               {NULL, run_recording_specs},
               {NULL, run_starting_specs},
               {"Searching for leaks", leak_check_specs},
               {NULL, leak_search_specs},
               {"Reporting leaks", leak_output_specs},
               {"Showing", view_option_specs}},
    .closing = "The exit status is the program's own; 128+N when signal N ended it; 125 when\n"
               "memprof failed, 126 when PROGRAM cannot be executed, 127 when it is not found.",
    .stop_at_operand = true,
};

void run_choice_init(struct run_choice *c)
{
    *c = (struct run_choice){.follow = FOLLOW_ALL};
    view_choice_init(&c->view);
    leak_choice_init(&c->leak);
    leak_output_init(&c->leak_output);
}

void run_choice_release(struct run_choice *c)
{
    view_choice_release(&c->view);
    leak_choice_release(&c->leak);
    leak_output_release(&c->leak_output);
    free(c->only);
    free(c->not );
    free(c->directory);
}

static int take_setting(const char *option, const char *text, uint32_t *setting)
{
    uint64_t value;

    if (option_number(option, text, UINT32_MAX, &value) != 0)
        return OPTIONS_WRONG;
    *setting = (uint32_t)value;
    return 0;
}

static int take_signal(struct run_choice *c, const char *text)
{
    int number = signal_number(text);

    if (!number) {
        words_say("--snapshot-on-signal does not know the signal '%s'", text);
        return OPTIONS_WRONG;
    }
    if (!signal_is_free(number)) {
        words_say(
            "--snapshot-on-signal cannot use %s, which has a meaning of its own: USR1, USR2 and "
            "RTMIN+N are free",
            signal_name(number) ? signal_name(number) : text);
        return OPTIONS_WRONG;
    }
    c->settings.snapshot_signal = (uint32_t)number;
    return 0;
}

static int take_unwinder(struct run_choice *c, const char *text)
{
    static const char *const words[] = {"auto", "libunwind", "fp", NULL};
    static const enum unwinder unwinders[] = {UNWINDER_AUTO, UNWINDER_LIBUNWIND, UNWINDER_FP};
    int index = option_word("unwinder", text, words);

    if (index < 0)
        return index;
    c->settings.unwinder = unwinders[index];
    return 0;
}

static int take_allocator(struct run_choice *c, const char *text)
{
    static const char *const words[] = {"libc", "pool", "pool-debug", NULL};
    static const enum target_allocator allocators[] = {ALLOCATOR_NEXT, ALLOCATOR_POOL,
                                                       ALLOCATOR_POOL_DEBUG};
    int index = option_word("allocator", text, words);

    if (index < 0)
        return index;
    c->settings.allocator = allocators[index];
    return 0;
}

static int take_follow(struct run_choice *c, const char *text)
{
    static const char *const words[] = {"all", "exec", "none", NULL};
    static const enum follow follows[] = {FOLLOW_ALL, FOLLOW_EXEC, FOLLOW_NONE};
    int index = option_word("follow", text, words);

    if (index < 0)
        return index;
    c->follow = follows[index];
    return 0;
}

/* One more in a list that NULL ends. */
static int take_pattern(const char ***list, const char *pattern)
{
    const char **longer;
    size_t count = 0;

    while (*list && (*list)[count])
        count++;
    longer = realloc(*list, (count + 2) * sizeof *longer);
    if (!longer) {
        words_say("out of memory");
        return OPTIONS_WRONG;
    }
    longer[count] = pattern;
    longer[count + 1] = NULL;
    *list = longer;
    return 0;
}

int run_choice_take(void *choice, int id, const char *argument)
{
    struct run_choice *c = choice;

    switch (id) {
    case 'o':
        c->output = argument;
        return 0;
    case 'q':
        c->quiet = true;
        return 0;
    case OPTION_DEPTH:
        return take_setting("depth", argument, &c->settings.depth);
    case OPTION_UNWINDER:
        return take_unwinder(c, argument);
    case OPTION_ALLOCATOR:
        return take_allocator(c, argument);
    case OPTION_LOSSY:
        c->settings.lossy = 1;
        return 0;
    case OPTION_PAUSED:
        c->settings.paused = 1;
        return 0;
    case OPTION_VERIFY_STACKS:
        return take_setting("verify-stacks", argument, &c->settings.verify_every);
    case OPTION_ALLOW_UNPROFILED:
        c->allow_unprofiled = true;
        return 0;
    case OPTION_DEBUGINFOD:
        c->debuginfod = true;
        return 0;
    case OPTION_SNAPSHOT_EVERY:
        return option_period("snapshot-every", argument, &c->snapshot_every_ns);
    case OPTION_SNAPSHOT_AT_PEAK:
    case OPTION_NO_SNAPSHOT_AT_PEAK:
        c->no_peak = id == OPTION_NO_SNAPSHOT_AT_PEAK;
        return 0;
    case OPTION_FOLLOW:
        return take_follow(c, argument);
    case OPTION_ONLY:
        return take_pattern(&c->only, argument);
    case OPTION_NOT:
        return take_pattern(&c->not, argument);
    case OPTION_SNAPSHOT_ON_SIGNAL:
        return take_signal(c, argument);
    }
    if (leak_choice_has(id))
        return leak_choice_take(&c->leak, id, argument);
    if (leak_output_has(id))
        return leak_output_take(&c->leak_output, id, argument);
    return view_choice_take(&c->view, id, argument);
}

/* -o DIR/ */
static int settle_output(struct run_choice *c)
{
    size_t length = c->output ? strlen(c->output) : 0;

    if (length == 0 || c->output[length - 1] != '/')
        return 0;
    while (length > 1 && c->output[length - 1] == '/')
        length--;
    c->directory = strndup(c->output, length);
    if (c->directory)
        return 0;
    words_say("out of memory");
    return OPTIONS_WRONG;
}

int run_choice_settle_leaks(struct run_choice *c)
{
    leak_choice_settle(&c->leak);
    c->leak_output.contents = c->leak.search.contents != 0;
    if (c->leak.check == LEAK_CHECK_NO && leak_output_asked(&c->leak_output)) {
        words_say("--leak-check=no searches for nothing that --report, --baseline or "
                  "--gen-suppressions could be about");
        return OPTIONS_WRONG;
    }
    return 0;
}

int run_choice_settle(struct run_choice *c, int first, int argc, char **argv)
{
    if (first == argc) {
        words_say("which program?");
        return OPTIONS_WRONG;
    }
    c->program = argv + first;
    return settle_output(c) ? OPTIONS_WRONG : run_choice_settle_leaks(c);
}

int run_choice_parse(struct run_choice *c, int argc, char **argv)
{
    int first = options_parse(&run_options, argc, argv, run_choice_take, c);

    if (first < 0)
        return first;
    if (c->view.list_skipped) {
        view_choice_list_skipped(&c->view);
        return OPTIONS_DONE;
    }
    if (view_choice_check(&c->view) != 0 || run_choice_settle(c, first, argc, argv) != 0)
        return options_wrong(&run_options);
    return 0;
}
