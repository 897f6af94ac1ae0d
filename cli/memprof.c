// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/words.h"

#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    const char *purpose;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", "run a program, record every allocation, show where the memory went", cmd_run},
    {"attach", "record a program that runs already, until it ends or you say so", cmd_attach},
    {"detach", "end the recording of a program that memprof attach began", cmd_detach},
    {"list", "show which programs are being profiled now", cmd_list},
    {"snapshot", "take a snapshot of a program that is being profiled", cmd_snapshot},
    {"where", "show the live block at an address, and the stack that allocated it", cmd_where},
    {"symbolize", "look up names that a profile does not have yet", cmd_symbolize},
    {"top", "show the top lines of a profile that was written earlier", cmd_top},
    {"stat", "show a run, its memory over time and its snapshots", cmd_stat},
    {"tree", "show the processes of a run that had several", cmd_tree},
    {"check", "run a program and fail if it leaks: a gate for tests and CI", cmd_check},
    {"leaks", "show what is lost, what is merely alive, and where it was allocated", cmd_leaks},
    {"why", "show what holds a block of memory, or how it was lost", cmd_why},
    {"referrers", "show what refers to a block of memory", cmd_referrers},
    {"referents", "show which blocks a block of memory refers to", cmd_referents},
    {"duplicates", "show live blocks with the same bytes", cmd_duplicates},
    {"pools", "show where small-object memory went: size classes, pools, lines", cmd_pools},
    {"diff", "show what changed between two profiles, or two snapshots of one", cmd_diff},
    {"findings", "say what in a profile is worth a look, the most costly first", cmd_findings},
    {"growth", "show what grows at every checkpoint, and what levelled off", cmd_growth},
    {"compare", "show the totals of several runs side by side", cmd_compare},
    {"merge", "make one profile of several", cmd_merge},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: memprof COMMAND [OPTIONS] ...\n\n"
                 "A heap profiler: who allocated what, and what is still there.\n\n"
                 "Commands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].purpose);
    fprintf(out, "\nOptions:\n"
                 "  -h, --help      show this help; memprof COMMAND --help shows a command's\n"
                 "  -V, --version   show the version\n\n"
                 "To begin:  memprof run PROGRAM [ARGUMENT]...\n");
}

/* Edits (insert, delete, replace) between two short words; the time is exponential in them. */
static unsigned distance(const char *x, const char *y)
{
    unsigned best, other;

    if (*x == '\0' || *y == '\0')
        return (unsigned)(strlen(x) + strlen(y));
    if (*x == *y)
        return distance(x + 1, y + 1);
    best = distance(x + 1, y + 1);
    other = distance(x + 1, y);
    best = other < best ? other : best;
    other = distance(x, y + 1);
    return 1 + (other < best ? other : best);
}

static int unknown(const char *name)
{
    words_say("there is no command '%s'", name);
    for (size_t i = 0; strlen(name) <= 8 && i < COMMANDS; i++)
        if (distance(name, commands[i].name) <= 1)
            fprintf(stderr, "Did you mean 'memprof %s'?\n", commands[i].name);
    fprintf(stderr,
            "To profile a program: memprof run %s ...\n"
            "All commands: memprof --help\n",
            *name == '-' ? "PROGRAM" : name);
    return EXIT_USAGE;
}

/* Output that was lost (a full disk) must not look like success. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    words_say("cannot write to standard output");
    return status == EXIT_FINE ? EXIT_TROUBLE : status;
}

static void too_large(int number)
{
    (void)number;
}

/*
 * A limit on the size of files makes writing fail instead of ending us.  Handled
 * and not ignored: a program that is executed finds the signal as it was.
 */
static void survive_file_limit(void)
{
    struct sigaction action;

    if (sigaction(SIGXFSZ, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return;
    action.sa_handler = too_large;
    sigaction(SIGXFSZ, &action, NULL);
}

static bool is_either(const char *text, const char *letter, const char *name)
{
    return strcmp(text, letter) == 0 || strcmp(text, name) == 0;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    survive_file_limit();
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (is_either(argv[1], "-h", "--help")) {
        print_usage(stdout);
        return finish(EXIT_FINE);
    }
    if (is_either(argv[1], "-V", "--version")) {
        printf("memprof %s\n", PACKAGE_VERSION);
        return finish(EXIT_FINE);
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    return unknown(argv[1]);
}
