// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/family-reports.h"
#include "cli/launch.h"
#include "cli/run-report.h"
#include "cli/tree-output.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-faults.h"
#include "src/host/report/report-findings.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define FINDINGS_SHOWN 3

/* A profile that says who ran and how it ended, for a program that was not recorded. */
static void describe_unrecorded(struct profile *p, const struct run_choice *c,
                                const struct run_result *r)
{
    bool killed = WIFSIGNALED(r->wait_status);

    profile_init(p);
    p->process.program = strings_add(&p->strings, location_base(c->program[0]));
    p->process.pid = r->pid;
    p->process.seconds = r->seconds;
    p->process.exit_kind = killed ? EXIT_SIGNAL : EXIT_STATUS;
    p->process.exit_value = killed ? WTERMSIG(r->wait_status) : WEXITSTATUS(r->wait_status);
}

/* The row of what the launched process executed at last and is not recorded; NULL: it has none. */
static const struct tree_row *last_unrecorded(const struct run_result *r)
{
    for (uint32_t i = r->tree.count; i > 0; i--) {
        const struct tree_row *row = &r->tree.rows[i - 1];

        if (row->pid == r->pid && !row->withdrawn)
            return row->recorded ? NULL : row;
    }
    return NULL;
}

static void add_unrecorded(struct strbuf *out, const struct run_result *r)
{
    const struct tree_row *row = last_unrecorded(r);

    strbuf_add(out, "  note: the program that it executed at the end was not recorded");
    if (row && row->reason) {
        strbuf_add(out, ": ");
        escape_text(out, row->reason);
    }
    strbuf_add(out, "\n");
}

static void add_notes(struct strbuf *out, const struct run_result *r)
{
    const char *why = launch_silence(r);

    if (r->end_unseen)
        strbuf_add(out, "  note: " TREE_END_UNSEEN "\n");
    if (why)
        strbuf_addf(out, "  note: %s\n", why);
    if (r->image_count && r->images[r->image_count - 1].profile.process.exit_kind == EXIT_EXECUTED)
        add_unrecorded(out, r);
}

/* One line for each image that was replaced by exec. */
static void add_earlier(struct strbuf *out, const struct run_image *image, const char *path,
                        bool exact)
{
    const struct profile_totals *t = &image->profile.totals;
    char total[UNITS_TEXT], blocks[UNITS_TEXT], peak[UNITS_TEXT];

    strbuf_add(out, "  before that, ");
    escape_text(out, profile_text(&image->profile, image->profile.process.program));
    strbuf_addf(out, ": allocated %s in %s blocks, peak %s",
                units_bytes(total, t->total_bytes, exact), units_count(blocks, t->total_blocks),
                units_bytes(peak, t->peak_bytes, exact));
    if (*path) {
        strbuf_add(out, ": ");
        escape_text(out, path);
    }
    strbuf_add(out, "\n");
}

static void add_file(struct strbuf *out, const char *path, uint64_t bytes)
{
    char size[UNITS_TEXT];

    strbuf_add(out, "profile: ");
    escape_text(out, path);
    strbuf_addf(out, " (%s): memprof top ", units_bytes(size, bytes, false));
    escape_text(out, path);
    strbuf_add(out, "\n");
}

/* The profile that is shown: the last image's, or one made up for the occasion. */
static const struct profile *shown_profile(const struct run_choice *c, const struct run_result *r,
                                           struct profile *made_up)
{
    if (r->image_count)
        return &r->images[r->image_count - 1].profile;
    describe_unrecorded(made_up, c, r);
    return made_up;
}

/* What was found lost, below the totals: a line a kind. */
static void add_leaks(struct strbuf *out, const struct run_choice *c, const struct run_result *r,
                      const struct leaks *l, const struct report_text_options *text)
{
    const struct run_image *last = &r->images[r->image_count - 1];
    struct report_leak_options options = leak_output_report(
        &c->leak_output, text, 0, last->unwritten.kind == ERROR_NONE ? last->path : NULL);

    report_leak_summary(out, l, &last->profile, &options);
    if (l->searched)
        report_leak_notes(out, l, l->search_notes);
}

/* --leak-check=full, behind the rows, and what was asked for besides. */
static void add_leak_records(struct strbuf *out, const struct run_choice *c,
                             const struct run_result *r, const struct leaks *l,
                             const struct report_text_options *text)
{
    const struct run_image *last = &r->images[r->image_count - 1];
    struct report_leak_options options = leak_output_report(
        &c->leak_output, text, c->view.limit_given ? c->view.view.limit : LEAK_RECORDS,
        last->unwritten.kind == ERROR_NONE ? last->path : NULL);

    if (c->leak.check == LEAK_CHECK_FULL && leak_report_count(&l->report, options.kinds))
        strbuf_addf(out, "%s[ Leaks ]%s\n", text->colour ? "\033[1m" : "",
                    text->colour ? "\033[0m" : "");
    if (c->leak.check == LEAK_CHECK_FULL)
        report_leak_records(out, l, &last->profile, &options);
    leak_output_closing(out, &c->leak_output, l);
}

static int add_summary(struct strbuf *out, const struct run_choice *c, const struct run_result *r,
                       const struct strbuf *earlier, const struct leaks *leaks, struct error *e)
{
    struct profile made_up = {0};
    const struct profile *p = shown_profile(c, r, &made_up);
    struct sourcelines sources;
    struct report_text_options text;
    int result = 0;

    sourcelines_init(&sources);
    text = view_choice_text(&c->view, stderr, &sources);
    strbuf_add(out, "memprof: ");
    report_text_process(out, p);
    strbuf_add(out, "\n");
    strbuf_add(out, strbuf_text(earlier));
    if (r->image_count) {
        report_text_totals(out, p, &text);
        if (leaks)
            add_leaks(out, c, r, leaks, &text);
        lossnotes_add(out, p, text.exact);
        report_text_faults(out, p, &text);
    }
    add_notes(out, r);
    if (r->image_count && p->site_count)
        result = view_choice_add_rows(&c->view, p, &text, out, e);
    if (leaks)
        add_leak_records(out, c, r, leaks, &text);
    sourcelines_release(&sources);
    profile_release(&made_up);
    return result;
}

/* What the summary says of every image's file.  -1 with `e` set: one could not be written. */
static int add_files(const struct run_choice *c, const struct run_result *r, struct strbuf *earlier,
                     struct strbuf *last, struct error *e)
{
    int result = 0;

    for (uint32_t i = 0; i < r->image_count; i++) {
        const struct run_image *image = &r->images[i];
        bool written = image->path && image->unwritten.kind == ERROR_NONE;

        if (image->unwritten.kind != ERROR_NONE && result == 0) {
            *e = image->unwritten;
            result = -1;
        }
        if (i + 1 < r->image_count)
            add_earlier(earlier, image, written ? image->path : "", c->view.exact);
        else if (written)
            add_file(last, image->path, image->bytes);
    }
    return result;
}

static int write_files(const struct run_choice *c, const struct run_result *r, struct error *e)
{
    struct profile made_up = {0};
    int result = view_choice_write_files(&c->view, shown_profile(c, r, &made_up), e);

    profile_release(&made_up);
    return result;
}

/* What is found out from the last image's profile, before its file need be there. */
struct outcome {
    struct run_choice *choice;
    bool known;                  /* the rest was found out */
    struct line_choice *choices; /* for the lines of its stacks; NULL: made where needed */
    struct leaks leaks;
    struct findings findings;
    bool has_leaks, has_findings;
    bool has_new;                 /* leaks that no baseline has, in any process */
    struct family_reports family; /* with --report, once another process was searched */
    struct error leaks_trouble, findings_trouble;
};

/* The leaks of the last image, where they were to be searched for. */
static int find_leaks(struct outcome *o, const struct run_result *r, struct error *e)
{
    struct run_choice *c = o->choice;

    if (c->leak.check == LEAK_CHECK_NO || launch_silence(r))
        return 0;
    c->leak_output.sums_only = c->leak.check != LEAK_CHECK_FULL && !c->view.json;
    if (leak_output_make(&c->leak_output, &r->images[r->image_count - 1].profile, &c->view,
                         c->view.json && !c->leak_output.kinds_given ? LEAK_KIND_ALL : 0, &o->leaks,
                         e) != 0)
        return -1;
    o->has_leaks = true;
    c->view.leaks = &o->leaks.report;
    return 0;
}

/* After the leaks: what is suppressed there is no finding either. */
static int make_findings(struct outcome *o, const struct profile *p, struct error *e)
{
    struct run_choice *c = o->choice;

    if (c->quiet || !p->site_count)
        return 0;
    if (findings_make(&o->findings, p, &c->view.skip, o->choices,
                      o->has_leaks ? &c->leak_output.suppressions : NULL, e) != 0)
        return -1;
    o->has_findings = true;
    return 0;
}

static void outcome_make(struct outcome *o, const struct run_result *r)
{
    struct run_choice *c = o->choice;
    const struct profile *p;

    if (o->known || r->image_count == 0)
        return;
    o->known = true;
    p = &r->images[r->image_count - 1].profile;
    c->view.view.choices = o->choices = line_choices(p, &c->view.skip);
    (void)!find_leaks(o, r, &o->leaks_trouble);
    (void)!make_findings(o, p, &o->findings_trouble);
}

static void outcome_release(struct outcome *o)
{
    if (o->has_leaks)
        leaks_release(&o->leaks);
    if (o->has_findings)
        findings_release(&o->findings);
    free(o->choices);
    family_reports_release(&o->family);
}

static bool has_new(const struct leak_report *r)
{
    for (uint32_t i = 0; i < r->record_count; i++)
        if (!r->records[i].known && LEAK_KINDS_LOST & LEAK_KIND_BIT(r->records[i].kind))
            return true;
    return false;
}

/* --report: of the launched process alone, if no other was searched. */
static int write_leaks(const struct outcome *o, const struct run_result *r, struct error *e)
{
    if (!o->has_leaks || o->family.count)
        return 0;
    return leak_output_write(&o->choice->leak_output, &o->leaks,
                             &r->images[r->image_count - 1].profile, LEAK_KINDS_LOST, e);
}

/* Of all, after what is said of the launched one: it changes what suppressions matched. */
static int write_family(struct outcome *o, const struct run_result *r, struct error *e)
{
    struct run_choice *c = o->choice;

    if (!o->family.count)
        return 0;
    if (o->has_leaks) {
        family_reports_add(&o->family, &r->images[r->image_count - 1].profile);
        o->has_new |= has_new(&o->leaks.report);
    }
    c->view.view.choices = NULL; /* they are of the launched process's stacks */
    o->family.all_known = c->leak_output.baseline && !o->has_new;
    return family_reports_write(&o->family, &c->leak_output, &c->view, LEAK_KINDS_LOST, e);
}

/* The most costly of what is worth a look, at the end, where it is seen. */
static void add_findings(struct strbuf *out, const struct outcome *o, const struct run_result *r)
{
    const struct run_image *image = &r->images[r->image_count - 1];
    const struct report_text_options text = view_choice_text(&o->choice->view, stderr, NULL);
    bool written = image->path && image->unwritten.kind == ERROR_NONE;

    report_findings_text(out, &image->profile, &o->findings, written ? image->path : NULL,
                         FINDINGS_SHOWN, &text);
}

static int say_summary(const struct outcome *o, const struct run_result *r,
                       const struct strbuf *earlier, const struct strbuf *last, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    result = add_summary(&out, o->choice, r, earlier, o->has_leaks ? &o->leaks : NULL, e);
    strbuf_add(&out, strbuf_text(last));
    tree_output_add(&out, r, o->choice->view.exact);
    if (result == 0 && o->has_findings)
        add_findings(&out, o, r);
    text_write(&out, stderr, NULL); /* where else to complain? */
    strbuf_release(&out);
    return result;
}

static bool lost_any(const struct profile *p)
{
    for (uint32_t i = 0; i < p->leak_count; i++)
        if (p->leaks[i].kind == LEAK_DEFINITE || p->leaks[i].kind == LEAK_INDIRECT)
            return true;
    return false;
}

/* In the row of another process: what it lost; and in the reports. */
static void each(void *context, const struct run_image *image, struct tree_row *row)
{
    struct outcome *outcome = context;
    struct run_choice *c = outcome->choice;
    struct error e = {0};
    struct leaks leaks;

    if (c->leak.check == LEAK_CHECK_NO || !leaks_were_searched(&image->profile, &e))
        return;
    if (!lost_any(&image->profile) && !c->leak_output.file_count) {
        row->searched = true; /* most of them: matching suppressions takes long */
        return;
    }
    c->leak_output.sums_only = true;
    if (leak_output_make(&c->leak_output, &image->profile, &c->view, 0, &leaks, &e) != 0)
        return;
    tree_output_leaks(row, &leaks.report);
    if (c->leak_output.file_count) {
        family_reports_add(&outcome->family, &image->profile);
        outcome->has_new |= has_new(&leaks.report);
    }
    leaks_release(&leaks);
}

static void waiting(void *context, const struct tree *tree)
{
    const struct run_choice *c = ((const struct outcome *)context)->choice;

    if (!c->quiet)
        tree_output_waiting(tree);
}

static void meanwhile(void *context, const struct run_result *r)
{
    outcome_make(context, r);
}

/* In the launched process's row, too, and in the run's folder. */
static void tell_tree(struct run_result *r, const struct leak_report *report)
{
    uint32_t number = r->images[r->image_count - 1].number;

    if (!number)
        return;
    tree_output_leaks(&r->tree.rows[number - 1], report);
    tree_write(&r->tree, number - 1);
}

/* Say what went wrong, if anything did. */
static void fail_with(int *status, const struct error *e)
{
    if (e->kind != ERROR_NONE)
        *status = launch_fail(e, EXIT_RUN_FAILED);
}

/* Everything that comes of a run, each part even where another failed. */
static int report(const struct run_choice *c, struct run_result *r, bool recorded, void *context)
{
    struct outcome *outcome = context;
    struct strbuf earlier, last;
    struct error e = {0};
    int status = launch_status(r);

    if (!recorded)
        return status;
    outcome_make(outcome, r);
    strbuf_init(&earlier);
    strbuf_init(&last);
    fail_with(&status, &r->trouble);
    if (add_files(c, r, &earlier, &last, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    fail_with(&status, &outcome->leaks_trouble);
    if (write_leaks(outcome, r, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    if (outcome->has_leaks)
        tell_tree(r, &outcome->leaks.report);
    if (!c->quiet && say_summary(outcome, r, &earlier, &last, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    fail_with(&status, &outcome->findings_trouble);
    if (write_files(c, r, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    if (write_family(outcome, r, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    strbuf_release(&earlier);
    strbuf_release(&last);
    return status;
}

int run_report(const struct run_choice *c, struct run_result *r, bool recorded, void *choice)
{
    struct outcome outcome = {.choice = choice};
    int status = report(c, r, recorded, &outcome);

    outcome_release(&outcome);
    return status;
}

int cmd_run(int argc, char **argv)
{
    static const struct launch_family family = {each, waiting, meanwhile};
    struct run_choice choice;
    struct outcome outcome = {.choice = &choice};
    struct error e = {0};
    int parsed, status = EXIT_RUN_FAILED;

    run_choice_init(&choice);
    parsed = run_choice_parse(&choice, argc, argv);
    if (parsed == OPTIONS_DONE)
        status = EXIT_FINE;
    else if (parsed == 0 && leak_output_settle(&choice.leak_output, false, &e) != 0)
        status = launch_fail(&e, EXIT_RUN_FAILED);
    else if (parsed == 0)
        status = launch(&choice, report, &family, &outcome);
    outcome_release(&outcome);
    run_choice_release(&choice);
    return status;
}
