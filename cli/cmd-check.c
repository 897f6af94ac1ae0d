// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/family-reports.h"
#include "cli/launch.h"
#include "cli/tree-output.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/files/writable.h"
#include "src/host/report/leaktext.h"
#include "src/host/symbols/snapshot-open.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

enum {
    OPTION_FAIL_ON = OPTION_OF_COMMAND + 50,
    OPTION_MAX_BYTES,
    OPTION_UPDATE_BASELINE,
    OPTION_ERROR_EXITCODE,
    OPTION_ALLOW_UNSEARCHED,
    OPTION_FROM,
};

static const struct option_spec gate_specs[] = {
    {OPTION_FAIL_ON, "fail-on", "KINDS",
     "kinds of leaks that fail: definite, indirect,\npossible, weak, reachable; all, none "
     "[definite,possible]"},
    {OPTION_MAX_BYTES, "max-bytes", "SIZE", "up to SIZE of new leaks together pass [0]"},
    {OPTION_UPDATE_BASELINE, "update-baseline", NULL,
     "write the leaks there are now to --baseline's file,\nand pass"},
    {OPTION_ERROR_EXITCODE, "error-exitcode", "N", "the exit status for leaks, 1 to 255 [23]"},
    {OPTION_ALLOW_UNSEARCHED, "allow-unsearched", NULL,
     "pass where the program could not be searched"},
    {OPTION_FROM, "from", "FILE", "check the profile FILE instead of running a program"},
    {0, NULL, NULL, NULL},
};

static const struct option_spec file_specs[] = {
    {'o', "output", "FILE", "keep the profile in FILE [it is not kept]"},
    {0, NULL, NULL, NULL},
};

static const struct options check_options = {
    .command = "memprof check",
    .usage = "[OPTIONS] [--] PROGRAM [ARGUMENT]...",
    .purpose = "Run PROGRAM and fail if it leaks: a gate for tests and CI.  Nothing is written to\n"
               "stdout but what PROGRAM writes, and no profile is kept unless -o says where.",
    .tables = {{"Gate", gate_specs},
               {"Recording", file_specs},
               {NULL, run_recording_specs},
               {NULL, run_starting_specs},
               {"Searching for leaks", leak_search_specs},
               {"Reporting leaks", leak_output_specs},
               {"Showing", view_record_specs}},
    .closing =
        "The exit status is 0 without new leaks and 23 with them.  A program that fails keeps its\n"
        "own status, 128+N when signal N ended it.  It is 125 when memprof failed or the program\n"
        "could not be searched, 126 when PROGRAM cannot be executed, 127 when it is not found.",
    .stop_at_operand = true,
};

struct check_choice {
    struct run_choice run;
    uint32_t fail_on;
    uint64_t max_bytes, exitcode;
    bool update, allow_unsearched;
    const char *from;
    struct strbuf others; /* reports of other processes that leak */
    uint32_t others_leaking, others_unsearched, others_knowing; /* processes */
    uint32_t others_known;                                      /* their known leaks */
    uint64_t others_bytes, own_bytes; /* of new leaks: of those, of the launched one */
    struct leakbaseline_draft draft;  /* with `update` */
    struct error undrafted;           /* what kept leaks from getting there */
    uint32_t own_leaks;               /* new ones of the launched process */
    bool drafted;                     /* the launched one's are there */
    struct family_reports family;     /* with --report, once another process was searched */
};

/* ----------------------------------------------------------------- options -- */

static int take_fail_on(struct check_choice *c, const char *text)
{
    struct error e;

    if (leak_kinds_parse(text, &c->fail_on, &e) == 0)
        return 0;
    words_say("--fail-on: %s", e.text);
    return OPTIONS_WRONG;
}

static int take_max_bytes(struct check_choice *c, const char *text)
{
    if (units_parse_bytes(text, &c->max_bytes))
        return 0;
    words_say("--max-bytes takes a size such as 4096, 4K or 1.5MiB, not '%s'", text);
    return OPTIONS_WRONG;
}

static int take_exitcode(struct check_choice *c, const char *text)
{
    if (option_number("error-exitcode", text, 255, &c->exitcode) != 0)
        return OPTIONS_WRONG;
    if (c->exitcode)
        return 0;
    words_say("--error-exitcode 0 would not tell leaks from success: it takes 1 to 255");
    return OPTIONS_WRONG;
}

static int take(void *context, int id, const char *argument)
{
    struct check_choice *c = context;

    switch (id) {
    case OPTION_FAIL_ON:
        return take_fail_on(c, argument);
    case OPTION_MAX_BYTES:
        return take_max_bytes(c, argument);
    case OPTION_UPDATE_BASELINE:
        c->update = true;
        return 0;
    case OPTION_ERROR_EXITCODE:
        return take_exitcode(c, argument);
    case OPTION_ALLOW_UNSEARCHED:
        c->allow_unsearched = true;
        return 0;
    case OPTION_FROM:
        c->from = argument;
        return 0;
    }
    return run_choice_take(&c->run, id, argument);
}

/* ----------------------------------------------------------------- verdict -- */

struct verdict {
    bool failed;               /* the program itself did */
    uint32_t leaks, known;     /* records of kinds that fail */
    struct leak_amount lost;   /* of new ones, with what is below them */
    struct leak_amount others; /* new ones, too, of kinds that do not fail */
};

static void add_other(struct verdict *v, const struct leak_record *record)
{
    if (record->known || !(LEAK_KINDS_LOST & LEAK_KIND_BIT(record->kind)))
        return;
    v->others.bytes += record->bytes;
    v->others.blocks += record->blocks;
}

static struct verdict judge(const struct check_choice *c, const struct leak_report *r)
{
    bool below = !(c->fail_on & LEAK_KIND_BIT(LEAK_INDIRECT));
    struct verdict v = {0};

    for (uint32_t i = 0; i < r->record_count; i++) {
        const struct leak_record *record = &r->records[i];

        if (!(c->fail_on & LEAK_KIND_BIT(record->kind))) {
            add_other(&v, record);
            continue;
        }
        if (record->known) {
            v.known++;
            continue;
        }
        v.leaks++;
        v.lost.bytes += record->bytes + (below ? record->indirect_bytes : 0);
        v.lost.blocks += record->blocks + (below ? record->indirect_blocks : 0);
    }
    return v;
}

static bool passes(const struct check_choice *c, const struct verdict *v)
{
    return v->leaks == 0 || v->lost.bytes + c->others_bytes <= c->max_bytes;
}

static void add_known(struct strbuf *out, const struct check_choice *c, const struct verdict *v)
{
    if (!v->known)
        return;
    strbuf_addf(out, "  %" PRIu32 " known leak%s of ", v->known, v->known == 1 ? "" : "s");
    escape_text(out, c->run.leak_output.baseline);
    strbuf_add(out, v->known == 1 ? " is no news\n" : " are no news\n");
}

/* ", 1.0 KiB in 5 blocks" */
static void add_amount(struct strbuf *out, const struct check_choice *c,
                       const struct leak_amount *a)
{
    char text[UNITS_TEXT];

    strbuf_addf(out, ", %s in ", units_bytes(text, a->bytes, c->run.view.exact));
    strbuf_addf(out, "%s block%s", units_count(text, a->blocks), a->blocks == 1 ? "" : "s");
}

/* "no new leaks in prog", "no leaks of the kinds that --fail-on names in prog, 64 B in 1 ..." */
static void add_none(struct strbuf *out, const struct check_choice *c, const struct profile *p,
                     const struct verdict *v)
{
    strbuf_addf(out, "no %sleaks%s in ", v->known ? "new " : "",
                v->others.blocks ? " of the kinds that --fail-on names" : "");
    escape_text(out, profile_text(p, p->process.program));
    if (v->others.blocks == 0)
        return;
    add_amount(out, c, &v->others);
    strbuf_add(out, " of others");
}

/* "memprof: 2 new leaks in prog, 1.0 KiB in 5 blocks". */
static void add_verdict(struct strbuf *out, const struct check_choice *c, const struct profile *p,
                        const struct verdict *v)
{
    char text[UNITS_TEXT];

    strbuf_add(out, "memprof: ");
    if (v->leaks == 0) {
        add_none(out, c, p, v);
    } else {
        strbuf_addf(out, "%" PRIu32 " %sleak%s in ", v->leaks, v->known ? "new " : "",
                    v->leaks == 1 ? "" : "s");
        escape_text(out, profile_text(p, p->process.program));
        add_amount(out, c, &v->lost);
        if (passes(c, v))
            strbuf_addf(out, ": within the %s allowed",
                        units_bytes(text, c->max_bytes, c->run.view.exact));
        else if (!v->failed)
            strbuf_addf(out, ": exit %" PRIu64, c->exitcode);
    }
    strbuf_add(out, "\n");
}

/* ------------------------------------------------------------------ report -- */

/* What to do about leaks, where nothing was done yet. */
static void add_advice(struct strbuf *out, const struct check_choice *c, const struct verdict *v,
                       const char *file)
{
    if (passes(c, v))
        return;
    if (!file)
        strbuf_add(out, "  -o FILE keeps the profile, and memprof why FILE ID explains a leak\n");
    if (!c->run.leak_output.baseline)
        strbuf_add(out, "  --baseline FILE --update-baseline lets these pass and new ones fail\n");
}

static void add_report(struct strbuf *out, const struct check_choice *c, const struct profile *p,
                       const struct leaks *l, const struct verdict *v, const char *file)
{
    const struct run_choice *run = &c->run;
    struct report_text_options text;
    struct report_leak_options options;
    struct sourcelines sources;

    sourcelines_init(&sources);
    text = view_choice_text(&run->view, stderr, &sources);
    options = leak_output_report(&run->leak_output, &text,
                                 run->view.limit_given ? run->view.view.limit : LEAK_RECORDS, file);
    if (!run->leak_output.kinds_given)
        options.kinds = c->fail_on;
    options.new_only = !run->leak_output.verbose;
    strbuf_add(out, "memprof: ");
    report_text_process(out, p);
    strbuf_add(out, "\n");
    report_leak_summary(out, l, p, &options);
    report_leak_notes(out, l, l->report.note_count);
    report_leak_records(out, l, p, &options);
    add_known(out, c, v);
    leak_output_closing(out, &run->leak_output, l);
    add_advice(out, c, v, file);
    add_verdict(out, c, p, v);
    sourcelines_release(&sources);
}

/* What there is to say of a program that passes, in a line, if there is nothing else. */
static void add_passed(struct strbuf *out, const struct check_choice *c, const struct profile *p,
                       const struct leaks *l, const struct verdict *v)
{
    add_verdict(out, c, p, v);
    report_leak_notes(out, l, l->report.note_count);
    add_known(out, c, v);
    leak_output_closing(out, &c->run.leak_output, l);
}

static void say(const struct check_choice *c, const struct profile *p, const struct leaks *l,
                const struct verdict *v, const char *file)
{
    struct strbuf out;

    if (leak_output_to(&c->run.leak_output, "/dev/stderr")) /* whoever reads that wants no more */
        return;
    strbuf_init(&out);
    if (v->leaks || c->run.leak_output.kinds_given)
        add_report(&out, c, p, l, v, file);
    else if (!c->run.quiet)
        add_passed(&out, c, p, l, v);
    text_write(&out, stderr, NULL); /* where else to complain? */
    strbuf_release(&out);
}

/* ---------------------------------------------------------------- baseline -- */

static int write_baseline(FILE *out, void *context, struct error *e)
{
    return leakbaseline_write(out, context, e);
}

static void add_to_baseline(struct check_choice *c, const struct leak_report *r)
{
    struct error e = {0};

    if (leakbaseline_draft_add(&c->draft, r, c->fail_on, &e) != 0)
        c->undrafted = e;
}

/* The status that comes of it.  What was found of a program that failed is not all there is. */
static int update_baseline(struct check_choice *c, int status)
{
    const char *path = c->run.leak_output.baseline;
    uint64_t count = leakbaseline_draft_records(&c->draft);
    struct error e = c->undrafted;

    if (status) {
        words_say("the program failed: the known leaks in %s stay as they were", path);
        return status;
    }
    if (e.kind != ERROR_NONE || document_write(path, write_baseline, &c->draft, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    if (!c->run.quiet)
        words_say("%" PRIu64 " known leak%s in %s", count, count == 1 ? " is" : "s are", path);
    return 0;
}

/* ----------------------------------------------------------------- reports -- */

/* Of the launched process, the last: with those of others if there are any. */
static int write_reports(struct check_choice *c, const struct leaks *l, const struct profile *p,
                         struct error *e)
{
    if (!c->family.count)
        return leak_output_write(&c->run.leak_output, l, p, c->fail_on, e);
    family_reports_add(&c->family, p);
    return 0;
}

static int write_family(struct check_choice *c, int status)
{
    struct error e = {0};

    c->family.all_known =
        c->run.leak_output.baseline && !c->update && !c->own_leaks && !c->others_leaking;
    if (c->family.count &&
        family_reports_write(&c->family, &c->run.leak_output, &c->run.view, c->fail_on, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    return status;
}

/* ---------------------------------------------------------------- checking -- */

/* The status for a searched program whose own is `status`. */
static int check_leaks(struct check_choice *c, const struct profile *p, const struct leaks *l,
                       const char *file, int status)
{
    struct verdict v = judge(c, &l->report);
    struct error e = {0};

    v.failed = status != 0;
    c->own_bytes = v.lost.bytes;
    c->own_leaks = v.leaks;
    if (!c->update)
        say(c, p, l, &v, file);
    if (write_reports(c, l, p, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    if (c->update) {
        add_to_baseline(c, &l->report);
        c->drafted = true;
        return status;
    }
    return status || passes(c, &v) ? status : (int)c->exitcode;
}

/* Nothing is known of leaks: that is no success, unless it was said to be. */
static int unsearched(const struct check_choice *c, const char *why, int status)
{
    words_say("leaks were not searched for: %s%s", why,
              c->allow_unsearched || status ? "" : " (--allow-unsearched passes all the same)");
    return status || c->allow_unsearched ? status : EXIT_RUN_FAILED;
}

static int check_profile(struct check_choice *c, const struct profile *p, const char *file,
                         int status)
{
    struct leaks leaks;
    struct error e = {0};

    if (!leaks_were_searched(p, &e))
        return unsearched(c, e.text, status);
    if (leak_output_make(&c->run.leak_output, p, &c->run.view, c->fail_on, &leaks, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    status = check_leaks(c, p, &leaks, file, status);
    leaks_release(&leaks);
    return status;
}

static void say_failed(const struct check_choice *c, const struct run_result *r)
{
    int status = launch_status(r);

    if (status > 128 && !WIFEXITED(r->wait_status))
        words_say("%s was killed by signal %d: exit %d", c->run.program[0], status - 128, status);
    else if (status)
        words_say("%s itself failed: exit %d", c->run.program[0], status);
}

/* 0, or the status with the reason said: memprof did not do what it was to do. */
static int say_trouble(const struct run_result *r)
{
    const struct run_image *last = r->image_count ? &r->images[r->image_count - 1] : NULL;

    if (r->trouble.kind != ERROR_NONE)
        return launch_fail(&r->trouble, EXIT_RUN_FAILED);
    if (last && last->unwritten.kind != ERROR_NONE)
        return launch_fail(&last->unwritten, EXIT_RUN_FAILED);
    return 0;
}

/* Why there is no profile that could tell, or NULL. */
static const char *unrecorded(const struct run_result *r, bool recorded)
{
    if (!recorded)
        return "it ran unprofiled";
    if (r->image_count && r->images[r->image_count - 1].target_state != TARGET_REFUSED)
        return NULL;
    return launch_silence(r);
}

/* Another process of the run has ended. */
static void each(void *context, const struct run_image *image, struct tree_row *row)
{
    struct check_choice *c = context;
    const struct profile *p = &image->profile;
    struct error e = {0};
    struct leaks leaks;
    struct verdict v;

    if (!leaks_were_searched(p, &e) ||
        leak_output_make(&c->run.leak_output, p, &c->run.view, c->fail_on, &leaks, &e) != 0) {
        c->others_unsearched += p->process.exit_kind != EXIT_EXECUTED;
        return;
    }
    tree_output_leaks(row, &leaks.report);
    if (c->run.leak_output.file_count)
        family_reports_add(&c->family, p);
    v = judge(c, &leaks.report);
    c->others_known += v.known;
    c->others_knowing += v.known != 0;
    if (c->update) {
        add_to_baseline(c, &leaks.report);
    } else if (v.leaks) {
        c->others_leaking++;
        c->others_bytes += v.lost.bytes;
        v.failed = true; /* the status is said once, at the end */
        add_report(&c->others, c, p, &leaks, &v, image->path);
    }
    leaks_release(&leaks);
}

static void waiting(void *context, const struct tree *tree)
{
    const struct check_choice *c = context;

    if (!c->run.quiet)
        tree_output_waiting(tree);
}

/* The status of the launched process, or that for leaks of others. */
static int judge_others(const struct check_choice *c, int status)
{
    if (!leak_output_to(&c->run.leak_output, "/dev/stderr")) /* where the report has them */
        text_write(&c->others, stderr, NULL);
    if (c->others_unsearched)
        words_say("note: leaks were not searched for in %" PRIu32
                  " other process%s that it started",
                  c->others_unsearched, c->others_unsearched == 1 ? "" : "es");
    if (c->others_known && !c->update && !c->run.quiet)
        words_say("%" PRIu32 " known leak%s of %s %s no news in %" PRIu32 " other process%s",
                  c->others_known, c->others_known == 1 ? "" : "s", c->run.leak_output.baseline,
                  c->others_known == 1 ? "is" : "are", c->others_knowing,
                  c->others_knowing == 1 ? "" : "es");
    if (!c->others_leaking || c->others_bytes + c->own_bytes <= c->max_bytes)
        return status;
    words_say("%" PRIu32 " other process%s that it started leaked", c->others_leaking,
              c->others_leaking == 1 ? "" : "es");
    return status ? status : (int)c->exitcode;
}

static int report(const struct run_choice *run, struct run_result *r, bool recorded, void *context)
{
    struct check_choice *c = context;
    int status = launch_status(r), trouble = say_trouble(r);
    const char *why = unrecorded(r, recorded);

    (void)run;
    if (why) {
        status = unsearched(c, why, status);
    } else {
        const struct run_image *last = &r->images[r->image_count - 1];

        if (last->events == 0 && !c->run.quiet)
            words_say("note: %s", launch_silence(r));
        status = check_profile(c, &last->profile, last->path, status);
    }
    status = judge_others(c, status);
    if (c->drafted)
        status = update_baseline(c, status);
    status = write_family(c, status);
    say_failed(c, r);
    return trouble ? trouble : status;
}

static int check_file(struct check_choice *c)
{
    struct profile profile;
    struct error e = {0};
    int status;

    if (snapshot_open(&profile, c->from, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    status = check_profile(c, &profile, c->from, 0);
    profile_release(&profile);
    if (c->drafted)
        status = update_baseline(c, status);
    return status;
}

/* ----------------------------------------------------------------- command -- */

static int refuse(const char *why)
{
    words_say("%s", why);
    return OPTIONS_WRONG;
}

static int settle(struct check_choice *c, int first, int argc, char **argv)
{
    if (c->update && !c->run.leak_output.baseline)
        return refuse("--update-baseline writes --baseline's file: say which");
    if (view_choice_check_records(&c->run.view) != 0)
        return OPTIONS_WRONG;
    if (c->from)
        return first == argc ? 0 : refuse("--from checks a profile: no program is run");
    return run_choice_settle(&c->run, first, argc, argv);
}

static int run(struct check_choice *c)
{
    struct error e = {0};

    if (!c->run.output)
        c->run.output = "/dev/null";
    if (leak_output_settle(&c->run.leak_output, c->update, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    if (c->update && writable_check(c->run.leak_output.baseline, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    return c->from ? check_file(c)
                   : launch(&c->run, report,
                            &(struct launch_family){.each = each, .waiting = waiting}, c);
}

int cmd_check(int argc, char **argv)
{
    struct check_choice c = {.fail_on = LEAK_KINDS_LOST, .exitcode = EXIT_LEAKED};
    int first, status = EXIT_RUN_FAILED;

    run_choice_init(&c.run);
    strbuf_init(&c.others);
    first = options_parse(&check_options, argc, argv, take, &c);
    if (first == OPTIONS_DONE)
        status = EXIT_FINE;
    else if (first >= 0 && settle(&c, first, argc, argv) != 0)
        options_wrong(&check_options);
    else if (first >= 0)
        status = run(&c);
    run_choice_release(&c.run);
    strbuf_release(&c.others);
    leakbaseline_draft_release(&c.draft);
    family_reports_release(&c.family);
    return status;
}
