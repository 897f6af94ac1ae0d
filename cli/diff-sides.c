// SPDX-License-Identifier: Apache-2.0
#include "cli/diff-sides.h"

#include "src/host/profile/domain.h"
#include "src/host/symbols/snapshot-open.h"

#include <string.h>
#include <sys/stat.h>

static bool same_file(const char *x, const char *y)
{
    struct stat a, b;

    return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int find_moment(struct diff_side *side, const struct operand *operand, struct error *e)
{
    struct error found;

    if (moment_find(side->profile, operand->moment, &side->moment, &found) == 0)
        return 0;
    return error_set(e, found.kind, "%s: %s", operand->path, found.text);
}

static int open_two(struct diff_sides *sides, char **operands, struct error *e)
{
    struct operand *before = &sides->operands[0], *after = &sides->operands[1];
    struct profile *second = &sides->profiles[1];

    if (operand_parse(before, operands[0], e) != 0 || operand_parse(after, operands[1], e) != 0 ||
        snapshot_open(&sides->profiles[0], before->path, e) != 0)
        return -1;
    if (same_file(before->path, after->path))
        second = &sides->profiles[0];
    else if (snapshot_open(second, after->path, e) != 0)
        return -1;
    sides->before = (struct diff_side){.name = before->path, .profile = &sides->profiles[0]};
    sides->after = (struct diff_side){.name = after->path, .profile = second};
    if (find_moment(&sides->before, before, e) != 0)
        return -1;
    return find_moment(&sides->after, after, e);
}

/* The first snapshot and the last; where there is but one, that and the exit. */
static int choose_moments(struct diff_sides *sides, struct error *e)
{
    const struct profile *p = &sides->profiles[0];
    struct moment first = {MOMENT_AT_EXIT, 0}, last = {MOMENT_AT_EXIT, 0};
    const char *path = sides->operands[0].path;
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->moment_count; i++) {
        if (p->moments[i].kind != MOMENT_SNAPSHOT)
            continue;
        if (count++ == 0)
            first = (struct moment){MOMENT_LISTED, i};
        else
            last = (struct moment){MOMENT_LISTED, i};
    }
    if (count == 0)
        return error_set(e, ERROR_INPUT,
                         "%s has no snapshots to compare: take some with memprof run "
                         "--snapshot-every 1s or memprof snapshot PID, or name a second profile",
                         path);
    sides->before = (struct diff_side){.name = path, .profile = p, .moment = first};
    sides->after = (struct diff_side){.name = path, .profile = p, .moment = last};
    return 0;
}

static int open_one(struct diff_sides *sides, const char *operand, struct error *e)
{
    if (operand_parse(&sides->operands[0], operand, e) != 0)
        return -1;
    if (sides->operands[0].moment)
        return error_set(e, ERROR_INPUT,
                         "'%s' is one moment: name a second one, or the file alone for its first "
                         "and last snapshot",
                         operand);
    if (snapshot_open(&sides->profiles[0], sides->operands[0].path, e) != 0)
        return -1;
    return choose_moments(sides, e);
}

static int open_baseline(struct diff_sides *sides, const char *baseline, const char *operand,
                         struct error *e)
{
    if (baseline_read(&sides->baseline, baseline, e) != 0 ||
        operand_parse(&sides->operands[1], operand, e) != 0 ||
        snapshot_open(&sides->profiles[1], sides->operands[1].path, e) != 0)
        return -1;
    sides->before = (struct diff_side){.name = baseline,
                                       .profile = &sides->baseline.profile,
                                       .note = *sides->baseline.note ? sides->baseline.note : NULL};
    sides->after =
        (struct diff_side){.name = sides->operands[1].path, .profile = &sides->profiles[1]};
    return find_moment(&sides->after, &sides->operands[1], e);
}

/* A baseline may have brought the order. */
static int check_limit(const struct diff_choice *c, enum view_order order, struct error *e)
{
    if (c->limited && order == VIEW_BY_AVERAGE)
        return error_set(e, ERROR_INPUT, "--fail-on-growth needs a sum: not --by average");
    if (c->limited && c->limit.kind == GROWTH_BYTES && view_counts_blocks(order))
        return error_set(e, ERROR_INPUT,
                         "--fail-on-growth takes a number of blocks or a share where --by counts "
                         "blocks");
    return 0;
}

int diff_sides_open(struct diff_sides *sides, const struct diff_choice *c, char **operands,
                    int count, struct error *e)
{
    *sides = (struct diff_sides){0};
    profile_init(&sides->profiles[0]);
    profile_init(&sides->profiles[1]);
    baseline_init(&sides->baseline);
    if (c->view.order_given && check_limit(c, c->view.view.order, e) != 0)
        return -1; /* wrong whatever the files are */
    if (c->baseline)
        return open_baseline(sides, c->baseline, operands[0], e);
    return count == 1 ? open_one(sides, operands[0], e) : open_two(sides, operands, e);
}

void diff_sides_release(struct diff_sides *sides)
{
    for (size_t i = 0; i < 2; i++) {
        operand_release(&sides->operands[i]);
        profile_release(&sides->profiles[i]);
    }
    baseline_release(&sides->baseline);
}

/* At the peak only what was live is known, and the peak of a snapshot is not kept by site. */
static int check_order(const struct diff_side *side, enum view_order order, struct error *e)
{
    if (order == VIEW_BY_PEAK && side->moment.place == MOMENT_LISTED)
        return error_set(e, ERROR_INPUT,
                         "--by peak is about whole runs, not about a snapshot of %s; compare "
                         "FILE@peak instead",
                         side->name);
    if (side->moment.place == MOMENT_AT_PEAK && order != VIEW_BY_LIVE && order != VIEW_BY_PEAK &&
        order != VIEW_BY_AVERAGE)
        return error_set(e, ERROR_INPUT,
                         "what was allocated until the peak of %s is not kept: compare it by live "
                         "or average",
                         side->name);
    return 0;
}

const char *diff_named_domain(const struct diff_choice *c)
{
    const char *const builtin[] = {"all", domain_name(NULL, DOMAIN_HEAP),
                                   domain_name(NULL, DOMAIN_MMAP),
                                   domain_name(NULL, DOMAIN_IGNORED)};

    for (size_t i = 0; c->view.domain && i < sizeof builtin / sizeof *builtin; i++)
        if (strcmp(c->view.domain, builtin[i]) == 0)
            return NULL;
    return c->view.domain;
}

int diff_sides_settle(const struct diff_sides *sides, const struct diff_choice *c,
                      struct view_options *options, struct error *e)
{
    const struct baseline *baseline = c->baseline ? &sides->baseline : NULL;
    struct view_choice view = c->view;

    if (diff_named_domain(c))
        view.domain = NULL;
    if (view_choice_settle(&view, sides->after.profile, NULL, options, e) != 0)
        return -1;
    if (diff_named_domain(c))
        options->domain = VIEW_EVERY_DOMAIN;
    if (!c->view.order_given)
        options->order = baseline ? baseline->order : VIEW_BY_LIVE;
    if (baseline && !c->view.group_given)
        options->group = baseline->group;
    if (baseline && !c->view.domain)
        options->domain = baseline->domain;
    if ((c->view.json || c->view.csv) && !c->view.limit_given)
        options->limit = 0;
    if (baseline && baseline_check(baseline, options, e) != 0)
        return -1;
    if (check_limit(c, options->order, e) != 0)
        return -1;
    if (check_order(&sides->before, options->order, e) != 0)
        return -1;
    return check_order(&sides->after, options->order, e);
}
