// SPDX-License-Identifier: Apache-2.0
#include "cli/diff-options.h"

#include "cli/words.h"

enum {
    OPTION_FAIL = OPTION_OF_COMMAND,
    OPTION_BASELINE,
    OPTION_STRIP,
    OPTION_MAP,
};

static const struct option_spec own_specs[] = {
    {OPTION_FAIL, "fail-on-growth", "LIMIT",
     "exit with 24 when the whole grew by more than LIMIT:\n5%, 1MiB, or blocks where --by counts "
     "them"},
    {OPTION_BASELINE, "baseline", "FILE",
     "compare with the JSON in FILE, as written by\nmemprof top --json, in OLD's place"},
    {OPTION_STRIP, "strip-prefix", "DIR", "take the folder DIR away from paths"},
    {OPTION_MAP, "map-path", "OLD=NEW", "take the folder OLD in paths for NEW"},
    {0, NULL, NULL, NULL},
};

/* Each side of a diff names its own moment. */
static const struct view_spec_change changes[] = {
    {"snapshot", NULL},
    {"folded", NULL},
    {"by", "sort by the difference of bytes live, at the peak or\n"
           "allocated (total), blocks allocated (count), temporary\n"
           "blocks or bytes a block: live, peak, total, count,\n"
           "temporary or average [live]"},
    {"min-size", "sum up differences of fewer bytes: 4096, 16K, 1.5MiB"},
    {NULL, NULL},
};

static struct option_spec view_specs[VIEW_SPECS_MAX];

static struct options diff_options = {
    .command = "memprof diff",
    .usage = "[OPTIONS] OLD NEW | FILE",
    .purpose =
        "Show what changed between two profiles, or two snapshots of one.  OLD and NEW are\n"
        "FILE or FILE@SNAPSHOT (a number, a label, peak, exit or last); FILE alone compares\n"
        "its first snapshot with its last.",
    .tables = {{"Options", view_specs}, {"Comparing", own_specs}, {NULL, view_pager_specs}},
};

void diff_choice_init(struct diff_choice *c)
{
    *c = (struct diff_choice){0};
    view_choice_init(&c->view);
    pathmap_init(&c->paths);
}

void diff_choice_release(struct diff_choice *c)
{
    view_choice_release(&c->view);
    pathmap_release(&c->paths);
}

static int take(void *choice, int id, const char *argument)
{
    struct diff_choice *c = choice;
    struct error e;
    int result = 0;

    switch (id) {
    case OPTION_FAIL:
        c->limited = true;
        c->limit_text = argument;
        result = growth_parse(&c->limit, argument, &e);
        break;
    case OPTION_BASELINE:
        c->baseline = argument;
        break;
    case OPTION_STRIP:
        result = pathmap_add_strip(&c->paths, argument, &e);
        break;
    case OPTION_MAP:
        result = pathmap_add_rule(&c->paths, argument, &e);
        break;
    default:
        return view_choice_take(&c->view, id, argument);
    }
    if (result == 0)
        return 0;
    words_error(&e);
    return OPTIONS_WRONG;
}

/* 0, or OPTIONS_WRONG with a line on stderr. */
static int check(const struct diff_choice *c)
{
    return view_choice_check(&c->view);
}

int diff_choice_parse(struct diff_choice *c, int argc, char **argv)
{
    int first;

    view_specs_change(view_specs, changes);
    first = options_parse(&diff_options, argc, argv, take, c);
    if (first >= 0 && check(c) != 0)
        return options_wrong(&diff_options);
    return first;
}

void diff_choice_wrong(void)
{
    options_wrong(&diff_options);
}
