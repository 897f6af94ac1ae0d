// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/words.h"
#include "src/host/profile/merge.h"
#include "src/host/profile/snapshot.h"
#include "src/host/symbols/snapshot-open.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static const struct option_spec merge_specs[] = {
    {'o', "output", "FILE", "write the merged profile to FILE"},
    {'q', "quiet", NULL, "do not say what was merged and what was left out"},
    {0, NULL, NULL, NULL},
};

static const struct options merge_options = {
    .command = "memprof merge",
    .usage = "-o FILE [OPTIONS] PROFILE...",
    .purpose = "Make one profile of several: of the processes of a tree, or of the shards of a\n"
               "test run.",
    .tables = {{"Options", merge_specs}},
};

struct merge_choice {
    const char *output;
    bool quiet;
};

static int take(void *context, int id, const char *argument)
{
    struct merge_choice *c = context;

    if (id == 'o')
        c->output = argument;
    else
        c->quiet = true;
    return 0;
}

static int add_file(struct merge *m, const char *path, struct error *e)
{
    struct profile profile;
    int result;

    if (snapshot_open(&profile, path, e) != 0)
        return -1;
    result = merge_add(m, &profile, e);
    profile_release(&profile);
    return result;
}

static void say_lost(const struct merge_lost *lost)
{
    if (lost->faults)
        words_say("left out: %" PRIu64 " memory faults, which are of one process each",
                  lost->faults);
    if (lost->heaps)
        words_say("left out: the sizes and pools of live blocks, which are of one process each");
    if (lost->graphs)
        words_say("left out: references between live blocks and what they contain, which are of "
                  "one process each");
    if (lost->unsearched)
        words_say("%" PRIu64 " of the processes were not searched for leaks: what is said of leaks "
                  "is of the others",
                  lost->unsearched);
    if (lost->samples || lost->snapshots || lost->marks)
        words_say("left out, as they are of one process each: timelines, %" PRIu64
                  " snapshots, %" PRIu64 " marks",
                  lost->snapshots, lost->marks);
}

static void say_merged(const struct merge *m, const char *output, uint64_t size)
{
    const struct profile *p = m->profile;
    char count[UNITS_TEXT], bytes[UNITS_TEXT], peak[UNITS_TEXT];

    words_say("%" PRIu32 " profile%s merged into %s (%s): %s sites", p->process.merged,
              p->process.merged == 1 ? "" : "s", output, units_bytes(bytes, size, false),
              units_count(count, p->site_count));
    words_say("the peak, %s, is the sum of their peaks and was at no one time",
              units_bytes(peak, p->totals.peak_bytes, false));
    say_lost(&m->lost);
}

static int merge_files(const struct merge_choice *choice, char **paths, int count,
                       struct profile *profile, struct error *e)
{
    struct merge m;
    uint64_t size = 0;
    int result = 0;

    merge_init(&m, profile);
    for (int i = 0; i < count && result == 0; i++)
        result = add_file(&m, paths[i], e);
    if (result == 0)
        result = merge_finish(&m, e);
    if (result == 0)
        result = snapshot_write(profile, choice->output, &size, e);
    if (result == 0 && !choice->quiet)
        say_merged(&m, choice->output, size);
    merge_release(&m);
    return result;
}

static bool same_file(const char *x, const char *y)
{
    struct stat a, b;

    return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* 0, or -1 with a line on stderr: nothing may be counted twice. */
static int check_files(const struct merge_choice *choice, char **paths, int count)
{
    for (int i = 0; i < count; i++) {
        if (same_file(paths[i], choice->output)) {
            words_say("%s is to be written and cannot be merged too: a result of before would be "
                      "counted again; name another file with -o, or leave it out",
                      paths[i]);
            return -1;
        }
        for (int j = 0; j < i; j++)
            if (same_file(paths[i], paths[j])) {
                words_say("%s and %s are the same file and would be counted twice: name it once",
                          paths[j], paths[i]);
                return -1;
            }
    }
    return 0;
}

static int merge(const struct merge_choice *choice, char **paths, int count)
{
    struct profile profile;
    struct error e = {0};
    int result;

    profile_init(&profile);
    result = merge_files(choice, paths, count, &profile, &e);
    profile_release(&profile);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}

int cmd_merge(int argc, char **argv)
{
    struct merge_choice choice = {0};
    int first = options_parse(&merge_options, argc, argv, take, &choice);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first < 0)
        return EXIT_USAGE;
    if (choice.output && argc > first && check_files(&choice, argv + first, argc - first) != 0)
        return EXIT_USAGE;
    if (choice.output && argc > first)
        return merge(&choice, argv + first, argc - first);
    words_say(choice.output ? "which profiles?" : "where to? name the new profile with -o FILE");
    options_wrong(&merge_options);
    return EXIT_USAGE;
}
