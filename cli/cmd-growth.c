// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-growth.h"
#include "src/host/text/units.h"

#include <string.h>

#define MIN_BYTES 1024

enum {
    OPTION_MIN_BYTES = OPTION_OF_COMMAND,
    OPTION_STEADY,
    OPTION_FAIL,
};

static const struct option_spec own_specs[] = {
    {OPTION_MIN_BYTES, "min-bytes", "SIZE",
     "judge what rose by SIZE or more (4096, 4K, 1.5MiB)\n[1KiB]"},
    {OPTION_STEADY, "steady", NULL, "show also what rose and does not any more, up and down"},
    {OPTION_FAIL, "fail-on-suspect", NULL, "exit with 24 when something grows without bound"},
    {0, NULL, NULL, NULL},
};

/* Options of a view that a course over all moments has no use for. */
static const struct view_spec_change changes[] = {
    {"cumulative", NULL},
    {"by", NULL},
    {"reverse", NULL},
    {"min-size", NULL},
    {"snapshot", NULL},
    {"folded", NULL},
    {"top", "show N rows of each kind [10]; 0 shows all"},
    {NULL, NULL},
};

static struct option_spec view_specs[VIEW_SPECS_MAX];

static struct options growth_options = {
    .command = "memprof growth",
    .usage = "[OPTIONS] FILE",
    .purpose = "Show what grows at every checkpoint of the run that the profile FILE holds, and\n"
               "what levelled off: slopes, how sure they are, and what to make of them.",
    .tables = {{"Options", view_specs}, {"Growth", own_specs}, {NULL, view_pager_specs}},
};

struct growth_choice {
    struct view_choice view;
    uint64_t min_bytes;
    bool steady, fail;
};

static int take(void *choice, int id, const char *argument)
{
    struct growth_choice *c = choice;

    switch (id) {
    case OPTION_MIN_BYTES:
        if (units_parse_bytes(argument, &c->min_bytes))
            return 0;
        words_say("--min-bytes takes a size such as 4096, 4K or 1.5MiB, not '%s'", argument);
        return OPTIONS_WRONG;
    case OPTION_STEADY:
        c->steady = true;
        return 0;
    case OPTION_FAIL:
        c->fail = true;
        return 0;
    default:
        return view_choice_take(&c->view, id, argument);
    }
}

/* ------------------------------------------------------------------- output -- */

static int write_text(const struct growth_choice *c, const struct profile *p,
                      const struct courses *courses, struct error *e)
{
    struct report_text_options options = view_choice_text(&c->view, stdout, NULL);
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_growth_text(&out, p, courses, &options);
    result = pager_write(&out, !c->view.no_pager, e);
    strbuf_release(&out);
    return result;
}

struct written {
    const struct growth_choice *choice;
    const struct profile *p;
    const struct courses *courses;
};

static int write_json(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;
    struct stack_choice stack = {.limit = w->choice->view.frames,
                                 .outermost = w->choice->view.outermost};

    return report_growth_json(out, w->p, w->courses, &stack, e);
}

static int write_csv(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return report_growth_csv(out, w->p, w->courses, e);
}

static int write_files(const struct growth_choice *c, const struct profile *p,
                       const struct courses *courses, struct error *e)
{
    struct written w = {c, p, courses};

    if (c->view.json && document_write(c->view.json, write_json, &w, e) != 0)
        return -1;
    return c->view.csv ? document_write(c->view.csv, write_csv, &w, e) : 0;
}

/* Steady rows are many and say nothing; machines get them all. */
static void drop_steady(struct courses *c)
{
    while (c->row_count && c->rows[c->row_count - 1].trend.kind == TREND_STEADY)
        c->row_count--;
}

struct showing {
    const struct growth_choice *choice;
    size_t suspects; /* set by show */
};

static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    struct showing *showing = context;
    const struct growth_choice *c = showing->choice;
    bool files = c->view.json || c->view.csv;
    struct view_options options;
    struct courses courses;
    int result;

    (void)path;
    if (view_choice_settle(&c->view, p, NULL, &options, e) != 0)
        return -1;
    options.min_bytes = c->min_bytes;
    if (files && !c->view.limit_given)
        options.limit = 0;
    if (courses_find(&courses, p, &options, e) != 0)
        return -1;
    showing->suspects = courses.kinds[TREND_GROWS];
    if (!files && !c->steady)
        drop_steady(&courses);
    result = files ? write_files(c, p, &courses, e) : write_text(c, p, &courses, e);
    courses_release(&courses);
    return result;
}

/* ------------------------------------------------------------------ command -- */

static int growth(const char *path, const struct growth_choice *c)
{
    struct showing showing = {.choice = c};
    int status = profile_operand_show(path, show, &showing);

    if (status != EXIT_FINE || !c->fail || showing.suspects == 0)
        return status;
    words_say("%zu row%s without bound", showing.suspects,
              showing.suspects == 1 ? " grows" : "s grow");
    return EXIT_GROWN;
}

int cmd_growth(int argc, char **argv)
{
    struct growth_choice c = {.min_bytes = MIN_BYTES};
    int first, status;

    view_specs_change(view_specs, changes);
    view_choice_init(&c.view);
    first = options_parse(&growth_options, argc, argv, take, &c);
    if (view_choice_ready(&c.view, &growth_options, first, &status) &&
        profile_operand_check(&growth_options, argc - first))
        status = growth(argv[first], &c);
    view_choice_release(&c.view);
    return status;
}
