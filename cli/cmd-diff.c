// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/diff-options.h"
#include "cli/diff-sides.h"
#include "cli/document.h"
#include "cli/pager.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/diff/diff.h"
#include "src/host/report/report-diff-csv.h"
#include "src/host/report/report-diff-json.h"
#include "src/host/report/report-diff-text.h"
#include "src/host/text/units.h"

#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------- output -- */

struct written {
    const struct diff *d;
    const struct diff_sides *sides;
};

static int write_json(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return report_diff_json(out, w->d, &w->sides->before, &w->sides->after, e);
}

static int write_csv(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return report_diff_csv(out, w->d, &w->sides->before, e);
}

static int show_text(const struct diff_choice *c, const struct diff *d,
                     const struct diff_sides *sides, struct error *e)
{
    struct sourcelines sources;
    struct report_text_options options;
    struct strbuf out;
    int result;

    sourcelines_init(&sources);
    strbuf_init(&out);
    options = view_choice_text(&c->view, stdout, &sources);
    report_diff_text(&out, d, &sides->before, &sides->after, &options);
    result = pager_write(&out, !c->view.no_pager, e);
    strbuf_release(&out);
    sourcelines_release(&sources);
    return result;
}

static int show(const struct diff_choice *c, const struct diff *d, const struct diff_sides *sides,
                struct error *e)
{
    struct written w = {d, sides};

    if (!c->view.json && !c->view.csv)
        return show_text(c, d, sides, e);
    if (c->view.json && document_write(c->view.json, write_json, &w, e) != 0)
        return -1;
    return c->view.csv ? document_write(c->view.csv, write_csv, &w, e) : 0;
}

/* ---------------------------------------------------------- verdict -- */

static const char *weight_text(char text[UNITS_TEXT], const struct diff *d, uint64_t weight)
{
    return view_counts_blocks(d->options.order) ? units_count(text, weight)
                                                : units_bytes(text, weight, false);
}

static int judge(const struct diff_choice *c, const struct diff *d)
{
    enum view_order order = d->options.order;
    uint64_t before = view_weight(order, d->before), after = view_weight(order, d->after);
    char more[UNITS_TEXT], from[UNITS_TEXT], to[UNITS_TEXT];
    struct strbuf share;

    if (!c->limited || !growth_exceeds(&c->limit, before, after))
        return EXIT_FINE;
    strbuf_init(&share);
    report_diff_share(&share, before, after);
    words_say("%s grew by %s (%s), from %s to %s: more than the %s allowed",
              report_diff_subject(order), weight_text(more, d, after - before), strbuf_text(&share),
              weight_text(from, d, before), weight_text(to, d, after), c->limit_text);
    strbuf_release(&share);
    return EXIT_GROWN;
}

/* ---------------------------------------------------------- command -- */

static int compare(const struct diff_choice *c, const struct diff_sides *sides,
                   const struct view_options *options, int *status, struct error *e)
{
    struct unite_side before = {sides->before.profile, sides->before.moment};
    struct unite_side after = {sides->after.profile, sides->after.moment};
    struct diff d;
    int result;

    if (diff_build(&d, &before, &after, options, diff_named_domain(c), &c->paths, e) != 0)
        return -1;
    result = show(c, &d, sides, e);
    if (result == 0)
        *status = judge(c, &d);
    diff_release(&d);
    return result;
}

static int diff(const struct diff_choice *c, char **operands, int count)
{
    struct diff_sides sides;
    struct view_options options;
    struct error e = {0};
    int status = EXIT_FINE, result;

    result = diff_sides_open(&sides, c, operands, count, &e);
    if (result == 0)
        result = diff_sides_settle(&sides, c, &options, &e);
    if (result == 0)
        result = compare(c, &sides, &options, &status, &e);
    diff_sides_release(&sides);
    if (result == 0)
        return status;
    words_error(&e);
    return words_exit_code(&e);
}

int cmd_diff(int argc, char **argv)
{
    struct diff_choice choice;
    int first, status = EXIT_USAGE, operands, most;

    diff_choice_init(&choice);
    first = diff_choice_parse(&choice, argc, argv);
    operands = argc - first;
    most = choice.baseline ? 1 : 2;
    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && choice.view.list_skipped) {
        view_choice_list_skipped(&choice.view);
        status = EXIT_FINE;
    } else if (first >= 0 && (operands < 1 || operands > most)) {
        words_say(operands < 1      ? "which profiles?"
                  : choice.baseline ? "one profile is compared with a baseline"
                                    : "two profiles at a time");
        diff_choice_wrong();
    } else if (first >= 0) {
        status = diff(&choice, argv + first, operands);
    }
    diff_choice_release(&choice);
    return status;
}
