// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/profile-operand.h"
#include "cli/words.h"
#include "src/host/files/outfile.h"
#include "src/host/profile/liveness.h"
#include "src/host/profile/snapshot.h"
#include "src/host/symbols/debuginfod.h"
#include "src/host/symbols/profile-symbolize.h"
#include "src/host/text/escape.h"
#include "src/host/text/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    OPTION_DEBUG_DIR = OPTION_LONG_ONLY,
    OPTION_SYSROOT,
    OPTION_DEBUGINFOD,
};

static const struct option_spec specs[] = {
    {'o', "output", "FILE", "write the result to FILE and leave the profile as it is"},
    {OPTION_DEBUG_DIR, "debug-dir", "DIR",
     "look for separate debug files in DIR, before\n/usr/lib/debug (repeatable)"},
    {OPTION_SYSROOT, "sysroot", "DIR",
     "look for the program's files below DIR before their own\npaths, and for debug files in "
     "DIR/usr/lib/debug"},
    {OPTION_DEBUGINFOD, "debuginfod", NULL,
     "ask the servers in DEBUGINFOD_URLS for missing debug\nfiles"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof symbolize",
    .usage = "[OPTIONS] PROFILE",
    .purpose = "Look up the names of functions, files and lines that PROFILE does not have yet,\n"
               "from the program's files and debug files as they are here and now.",
    .tables = {{"Options", specs}},
};

struct choice {
    const char *output;
    const char *sysroot;
    struct strbuf debug_dirs;
    bool debuginfod;
};

static int check_folder(const char *option, const char *path)
{
    struct stat status;

    if (strchr(path, ':')) {
        words_say("%s: '%s' has a colon in its name, which separates folders", option, path);
        return OPTIONS_WRONG;
    }
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        words_say("%s: there is no folder '%s'", option, path);
        return OPTIONS_WRONG;
    }
    return 0;
}

/* Rather than to ask nobody and find nothing. */
static int check_debuginfod(void)
{
    const char *servers = getenv("DEBUGINFOD_URLS");

    if (!debuginfod_available()) {
        words_say("--debuginfod: libdebuginfod.so.1 is not installed");
        return OPTIONS_WRONG;
    }
    if (!servers || !servers[strspn(servers, " ")]) {
        words_say("--debuginfod: set DEBUGINFOD_URLS to the servers to ask");
        return OPTIONS_WRONG;
    }
    return 0;
}

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case 'o':
        c->output = argument;
        return 0;
    case OPTION_DEBUG_DIR:
        if (check_folder("--debug-dir", argument) != 0)
            return OPTIONS_WRONG;
        strbuf_addf(&c->debug_dirs, "%s%s", *strbuf_text(&c->debug_dirs) ? ":" : "", argument);
        return 0;
    case OPTION_SYSROOT:
        c->sysroot = argument;
        return check_folder("--sysroot", argument);
    default:
        c->debuginfod = true;
        return check_debuginfod();
    }
}

static const char *why_not(uint8_t names)
{
    switch (names) {
    case MODULE_NOT_FOUND:
        return "is not here, nor is a debug file of its build";
    case MODULE_OTHER:
        return "is another build than the one that ran, and there is no debug file of that";
    case MODULE_UNIDENTIFIABLE:
        return "has no build ID and may not be the file that ran";
    default:
        return NULL;
    }
}

/* Names may hold anything, and standard output may be a terminal. */
static void print_name(const char *name)
{
    char piece[ESCAPE_PIECE];
    unsigned columns;

    while (escape_next(&name, piece, &columns))
        fputs(piece, stdout);
}

static void tell(const struct profile *p, const struct symbolize_tally *t, const char *path)
{
    print_name(path);
    printf(": of %" PRIu32 " frames, %" PRIu32 " have a function (before: %" PRIu32 ") and "
           "%" PRIu32 " a source line (before: %" PRIu32 ")\n",
           t->frames, t->functions_after, t->functions_before, t->lines_after, t->lines_before);
    for (uint32_t i = 0; i < p->module_count; i++)
        if (why_not(t->modules[i])) {
            printf("  left as it is: ");
            print_name(profile_text(p, p->modules[i].path));
            printf(", which %s\n", why_not(t->modules[i]));
        }
}

/* Its writer would go on with a file that has no name any more. */
static int check_writer(const struct profile *p, const char *path, const char *output,
                        struct error *e)
{
    if (!output && liveness_writer(p))
        return error_set(e, ERROR_INPUT,
                         "%s is still being written by process %" PRId64
                         ": wait for its end, or give -o FILE",
                         path, p->writer.pid);
    return 0;
}

static int name(struct profile *p, const struct choice *c, const char *path, struct error *e)
{
    struct symbolizer_options symbolizer = {.debug_dir = strbuf_text(&c->debug_dirs),
                                            .sysroot = c->sysroot,
                                            .debuginfod = c->debuginfod,
                                            .thorough = true};
    const char *output = c->output ? c->output : path;
    struct symbolize_tally tally;

    if (check_writer(p, path, c->output, e) != 0 ||
        profile_symbolize(p, &symbolizer, &tally, e) != 0)
        return -1;
    /* a finished file has no writer */
    p->writer = (struct profile_writer){.pid = 0};
    if (snapshot_write(p, output, NULL, e) != 0) {
        free(tally.modules);
        return -1;
    }
    tell(p, &tally, output);
    free(tally.modules);
    return 0;
}

static int symbolize(const struct choice *c, const char *path)
{
    struct profile p;
    struct error e = {0};
    int result = snapshot_read(&p, path, &e);

    if (result == 0) {
        result = name(&p, c, path, &e);
        profile_release(&p);
    }
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}

int cmd_symbolize(int argc, char **argv)
{
    struct choice choice = {.output = NULL};
    int first, status = EXIT_USAGE;

    strbuf_init(&choice.debug_dirs);
    first = options_parse(&options, argc, argv, take, &choice);
    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && profile_operand_check(&options, argc - first)) {
        status = symbolize(&choice, argv[first]);
    }
    strbuf_release(&choice.debug_dirs);
    return status;
}
