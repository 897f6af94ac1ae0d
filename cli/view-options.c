// SPDX-License-Identifier: Apache-2.0
#include "cli/view-options.h"

#include "cli/words.h"
#include "src/host/profile/domain.h"
#include "src/host/profile/moments.h"
#include "src/host/text/units.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 10

enum {
    OPTION_BY = OPTION_LONG_ONLY,
    OPTION_SNAPSHOT,
    OPTION_LIMIT,
    OPTION_CUMULATIVE,
    OPTION_REVERSE,
    OPTION_MIN_SIZE,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_DOMAIN,
    OPTION_FRAMES,
    OPTION_MOST_RECENT_FIRST,
    OPTION_MOST_RECENT_LAST,
    OPTION_BYTES,
    OPTION_SKIP,
    OPTION_NO_SKIP,
    OPTION_SKIP_LIST,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_FOLDED,
    OPTION_WIDTH,
    OPTION_NO_PAGER,
};

/* Those that two tables have. */
#define MOMENT_SPECS                                                                               \
    {OPTION_SNAPSHOT, "snapshot", "WHICH",                                                         \
     "the moment that is shown: a snapshot's number or\nlabel, last (snapshot), peak or exit "     \
     "[exit]"},                                                                                    \
        {OPTION_DOMAIN, "domain", "NAME",                                                          \
         "heap, mmap, all, ignored or one that the program\nnamed [heap]"},                        \
        {OPTION_INCLUDE, "include", "PATTERN",                                                     \
         "only stacks whose line matches PATTERN: FILE,\nFILE:LINE, :LINE, function=NAME, "        \
         "module=NAME,\ndomain=NAME or thread=NAME"},                                              \
        {OPTION_EXCLUDE, "exclude", "PATTERN", "no stacks whose line matches PATTERN"},            \
        {OPTION_ALL_FRAMES, "all-frames", NULL,                                                    \
         "--include and --exclude match any line of a stack"},                                     \
        {OPTION_SKIP, "skip", "PATTERN",                                                           \
         "also pass over functions matching PATTERN, or\nfile:PATTERN, module:PATTERN, when "      \
         "naming a line"},                                                                         \
        {OPTION_NO_SKIP, "no-skip", NULL, "pass over nothing but what --skip names"},              \
        {OPTION_SKIP_LIST, "skip-list", NULL, "print what is passed over, and exit"},              \
        {OPTION_BYTES, "bytes", NULL, "show all digits of byte numbers"},                          \
    {                                                                                              \
        OPTION_WIDTH, "width", "N", "fit rows into N columns; 0 cuts nothing\n[the terminal's]"    \
    }

const struct option_spec view_moment_specs[] = {
    MOMENT_SPECS,
    {OPTION_JSON, "json", "FILE", "write it as JSON to FILE, or - for stdout"},
    {0, NULL, NULL, NULL},
};

const struct option_spec view_option_specs[] = {
    {'t', "top", "N", "show the first N rows [10]; 0 shows all"},
    {OPTION_LIMIT, "limit", "N", "the same as --top"},
    {'g', "group-by", "WHAT",
     "line, function, file, module, thread, traceback or\nsize-class [line]"},
    {OPTION_CUMULATIVE, "cumulative", NULL,
     "charge all lines of a stack with what it allocated,\nnot its innermost alone"},
    {OPTION_BY, "by", "ORDER",
     "sort by bytes at the peak, bytes live, bytes\nallocated (total), blocks allocated "
     "(count),\ntemporary blocks or bytes a block: peak, live,\ntotal, count, temporary or average "
     "[peak; "
     "live with\n--snapshot]"},
    {OPTION_REVERSE, "reverse", NULL, "smallest first"},
    {OPTION_MIN_SIZE, "min-size", "SIZE", "sum up rows of less than SIZE (4096, 4K, 1.5MiB)"},
    {OPTION_FRAMES, "frames", "N",
     "show the N innermost frames of a stack, or for -N\nthe N outermost; 0 shows all [40]"},
    {OPTION_MOST_RECENT_FIRST, "most-recent-first", NULL,
     "innermost frames of a stack first; this is the\ndefault"},
    {OPTION_MOST_RECENT_LAST, "most-recent-last", NULL,
     "outermost frames of a stack first, as Python does"},
    MOMENT_SPECS,
    {OPTION_JSON, "json", "FILE", "write the rows as JSON to FILE, or - for stdout"},
    {OPTION_CSV, "csv", "FILE", "write the rows as CSV to FILE, or - for stdout"},
    {OPTION_FOLDED, "folded", "FILE",
     "write the stacks for a flame graph to FILE, or - for\nstdout"},
    {0, NULL, NULL, NULL},
};

const struct option_spec view_record_specs[] = {
    {'t', "top", "N", "show the first N records [20]; 0 shows all"},
    {OPTION_INCLUDE, "include", "PATTERN",
     "only stacks whose line matches PATTERN: FILE,\nFILE:LINE, :LINE, function=NAME, "
     "module=NAME,\ndomain=NAME or thread=NAME"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "no stacks whose line matches PATTERN"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "--include and --exclude match any line of a stack"},
    {OPTION_SKIP, "skip", "PATTERN",
     "also pass over functions matching PATTERN, or\nfile:PATTERN, module:PATTERN, when "
     "marking a line"},
    {OPTION_NO_SKIP, "no-skip", NULL, "pass over nothing but what --skip names"},
    {OPTION_FRAMES, "frames", "N", "show the N innermost frames of a stack; 0 shows all [40]"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of byte numbers"},
    {OPTION_WIDTH, "width", "N", "fit lines into N columns; 0 cuts nothing\n[the terminal's]"},
    {0, NULL, NULL, NULL},
};

const struct option_spec view_pager_specs[] = {
    {OPTION_NO_PAGER, "no-pager", NULL, "print to the terminal directly"},
    {0, NULL, NULL, NULL},
};

void view_specs_change(struct option_spec specs[VIEW_SPECS_MAX],
                       const struct view_spec_change *changes)
{
    size_t count = 0;

    for (const struct option_spec *spec = view_option_specs; spec->name; spec++) {
        const struct view_spec_change *change = changes;

        while (change->name && strcmp(change->name, spec->name) != 0)
            change++;
        if ((change->name && !change->help) || count == VIEW_SPECS_MAX - 1)
            continue;
        specs[count] = *spec;
        if (change->name)
            specs[count].help = change->help;
        count++;
    }
    specs[count] = (struct option_spec){0};
}

void view_choice_init(struct view_choice *c)
{
    *c = (struct view_choice){.view.limit = DEFAULT_LIMIT, .view.domain = DOMAIN_HEAP};
    skiplist_init(&c->skip, true);
    filter_init(&c->filter);
    c->view.skip = &c->skip;
    c->view.filter = &c->filter;
}

void view_choice_release(struct view_choice *c)
{
    skiplist_release(&c->skip);
    filter_release(&c->filter);
}

/* --------------------------------------------------------------- taking -- */

static int take_number(const char *option, const char *text, size_t *number, bool *given)
{
    uint64_t value;

    if (option_number(option, text, UINT32_MAX, &value) != 0)
        return OPTIONS_WRONG;
    *number = (size_t)value;
    *given = true;
    return 0;
}

static int take_frames(struct view_choice *c, const char *text)
{
    c->outermost = *text == '-';
    return take_number("frames", text + c->outermost, &c->frames, &c->frames_given);
}

static int take_group(struct view_choice *c, const char *text)
{
    static const char *const words[] = {"line",   "function",  "file",       "module",
                                        "thread", "traceback", "size-class", NULL};
    int group = option_word("group-by", text, words);

    if (group < 0)
        return group;
    c->view.group = (enum view_group)group;
    c->group_given = true;
    return 0;
}

static int take_order(struct view_choice *c, const char *text)
{
    static const char *const words[] = {"peak",      "live",    "total", "count",
                                        "temporary", "average", NULL};
    int order = option_word("by", text, words);

    if (order < 0)
        return order;
    c->view.order = (enum view_order)order;
    c->order_given = true;
    return 0;
}

static int take_min_size(struct view_choice *c, const char *text)
{
    if (units_parse_bytes(text, &c->view.min_bytes))
        return 0;
    words_say("--min-size takes a size such as 4096, 4K or 1.5MiB, not '%s'", text);
    return OPTIONS_WRONG;
}

static int take_direction(struct view_choice *c, bool oldest_first)
{
    c->oldest_first = oldest_first;
    c->direction_given = true;
    return 0;
}

static int complain_unless(int result, const struct error *e)
{
    if (result == 0)
        return 0;
    words_error(e);
    return OPTIONS_WRONG;
}

static int take_filter(struct view_choice *c, const char *pattern, bool include)
{
    struct error e;

    return complain_unless(filter_add(&c->filter, pattern, include, &e), &e);
}

static int take_skip(struct view_choice *c, const char *pattern)
{
    struct error e;

    return complain_unless(skiplist_add(&c->skip, pattern, &e), &e);
}

/* Options that only set something. */
static int take_plain(struct view_choice *c, int id, const char *argument)
{
    switch (id) {
    case OPTION_SNAPSHOT:
        c->snapshot = argument;
        return 0;
    case OPTION_DOMAIN:
        c->domain = argument;
        return 0;
    case OPTION_CUMULATIVE:
        c->view.cumulative = true;
        return 0;
    case OPTION_REVERSE:
        c->view.reverse = true;
        return 0;
    case OPTION_ALL_FRAMES:
        c->filter.all_frames = true;
        return 0;
    case OPTION_BYTES:
        c->exact = true;
        return 0;
    case OPTION_NO_SKIP:
        c->skip.builtin = false;
        return 0;
    case OPTION_SKIP_LIST:
        c->list_skipped = true;
        return 0;
    case OPTION_JSON:
        c->json = argument;
        return 0;
    case OPTION_CSV:
        c->csv = argument;
        return 0;
    case OPTION_FOLDED:
        c->folded = argument;
        return 0;
    case OPTION_NO_PAGER:
        c->no_pager = true;
        return 0;
    }
    return OPTIONS_WRONG;
}

int view_choice_take(void *choice, int id, const char *argument)
{
    struct view_choice *c = choice;

    switch (id) {
    case 't':
        return take_number("top", argument, &c->view.limit, &c->limit_given);
    case OPTION_LIMIT:
        return take_number("limit", argument, &c->view.limit, &c->limit_given);
    case 'g':
        return take_group(c, argument);
    case OPTION_BY:
        return take_order(c, argument);
    case OPTION_MIN_SIZE:
        return take_min_size(c, argument);
    case OPTION_INCLUDE:
    case OPTION_EXCLUDE:
        return take_filter(c, argument, id == OPTION_INCLUDE);
    case OPTION_FRAMES:
        return take_frames(c, argument);
    case OPTION_MOST_RECENT_FIRST:
    case OPTION_MOST_RECENT_LAST:
        return take_direction(c, id == OPTION_MOST_RECENT_LAST);
    case OPTION_WIDTH:
        return take_number("width", argument, &c->columns, &c->columns_given);
    case OPTION_SKIP:
        return take_skip(c, argument);
    }
    return take_plain(c, id, argument);
}

/* ------------------------------------------------------------- checking -- */

static int refuse(const char *why)
{
    words_say("%s", why);
    return OPTIONS_WRONG;
}

static bool is_stdout(const char *file)
{
    return file && strcmp(file, "-") == 0;
}

/* What is shown where no order was asked for. */
static void default_order(const struct view_choice *c, struct view_options *options)
{
    bool at_peak = options->moment.place == MOMENT_AT_PEAK;

    if (options->moment.place == MOMENT_AT_EXIT)
        return;
    /* What was live at the peak is what the order "peak" is about. */
    if (!c->order_given || (options->order == VIEW_BY_PEAK && at_peak))
        options->order = VIEW_BY_LIVE;
}

/* What the options say together before any profile is known. */
static struct view_options guess(const struct view_choice *c)
{
    struct view_options options = c->view;

    if (c->snapshot && strcmp(c->snapshot, "peak") == 0)
        options.moment.place = MOMENT_AT_PEAK;
    else if (c->snapshot && *c->snapshot && strcmp(c->snapshot, "exit") != 0)
        options.moment.place = MOMENT_LISTED;
    default_order(c, &options);
    return options;
}

int view_choice_check_records(const struct view_choice *c)
{
    if (c->filter.all_frames && c->filter.count == 0)
        return refuse("--all-frames says how --include and --exclude match: give one of them");
    return 0;
}

int view_choice_check(const struct view_choice *c)
{
    struct view_options options = guess(c);
    bool stacks = c->view.group == VIEW_TRACEBACK || c->json || c->folded;
    struct error e;

    if (view_check(&options, &e) != 0)
        return complain_unless(-1, &e);
    if (is_stdout(c->json) + is_stdout(c->csv) + is_stdout(c->folded) > 1)
        return refuse("only one of --json, --csv and --folded can go to standard output");
    if (view_choice_check_records(c) != 0)
        return OPTIONS_WRONG;
    if ((c->frames_given || c->direction_given) && !stacks)
        return refuse("--frames and --most-recent-... are about stacks: add --group-by traceback");
    if (c->folded && (c->view.cumulative || (c->group_given && c->view.group != VIEW_TRACEBACK)))
        return refuse("--folded writes whole stacks: leave --group-by and --cumulative out");
    if (c->folded && c->view.order == VIEW_BY_AVERAGE)
        return refuse("--folded sums up numbers, and averages cannot be: choose another --by");
    return 0;
}

bool view_choice_ready(const struct view_choice *c, const struct options *options, int first,
                       int *status)
{
    bool listed = first >= 0 && c->list_skipped;

    *status = first == OPTIONS_DONE || listed ? EXIT_FINE : EXIT_USAGE;
    if (listed)
        view_choice_list_skipped(c);
    if (first < 0 || listed)
        return false;
    if (view_choice_check(c) == 0)
        return true;
    options_wrong(options);
    return false;
}

/* ------------------------------------------------------------- settling -- */

static int settle_domain(const struct view_choice *c, const struct profile *p, uint32_t *domain,
                         struct error *e)
{
    *domain = filter_names_domain(&c->filter) ? VIEW_EVERY_DOMAIN : DOMAIN_HEAP;
    if (!c->domain)
        return 0;
    *domain = VIEW_ALL_DOMAINS;
    return strcmp(c->domain, "all") == 0 ? 0 : domain_find(p, c->domain, domain, e);
}

/* What was live at the peak is what is shown unless asked otherwise, but it may not be known. */
static int settle_peak(const struct view_choice *c, const struct profile *p,
                       struct view_options *options, struct error *e)
{
    if (options->order != VIEW_BY_PEAK || moment_peak_kept(p))
        return 0;
    if (c->order_given)
        return error_set(e, ERROR_INPUT,
                         "the profile does not say what was live at the peak, it was recorded with "
                         "--no-snapshot-at-peak: take another order than --by peak");
    options->order = VIEW_BY_LIVE;
    return 0;
}

int view_choice_settle(const struct view_choice *c, const struct profile *p, const char *snapshot,
                       struct view_options *options, struct error *e)
{
    *options = c->view;
    if (moment_find(p, snapshot, &options->moment, e) != 0)
        return -1;
    default_order(c, options);
    if (settle_peak(c, p, options, e) != 0)
        return -1;
    if (settle_domain(c, p, &options->domain, e) != 0)
        return -1;
    return view_check(options, e);
}

static void print_pattern(void *context, const char *pattern)
{
    (void)context;
    puts(pattern);
}

void view_choice_list_skipped(const struct view_choice *c)
{
    skiplist_each(&c->skip, print_pattern, NULL);
}
