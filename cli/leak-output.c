// SPDX-License-Identifier: Apache-2.0
#include "cli/leak-output.h"

#include "cli/document.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/files/writable.h"
#include "src/host/report/report-leak.h"
#include "src/host/suppress/suppress-builtin.h"
#include "src/host/suppress/suppress-generate.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_SHOW_KINDS = OPTION_OF_LEAK_OUTPUT,
    OPTION_SUPPRESSIONS,
    OPTION_NO_BUILTIN,
    OPTION_GENERATE,
    OPTION_REPORT,
    OPTION_SOURCE_ROOT,
    OPTION_BASELINE,
    OPTION_MIN_AGE,
    OPTION_SURVIVED,
    OPTION_INTERIOR,
    OPTION_BEHIND,
};

const struct option_spec leak_output_specs[] = {
    {OPTION_SHOW_KINDS, "show-leak-kinds", "KINDS",
     "definite, indirect, possible, weak, reachable; all\n[definite,possible]"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE",
     "leave out what the rules in FILE match, in Valgrind's\nor LeakSanitizer's syntax; may be "
     "repeated"},
    {OPTION_NO_BUILTIN, "no-builtin-suppressions", NULL,
     "do not leave out what libc and known libraries keep"},
    {OPTION_GENERATE, "gen-suppressions", "SYNTAX",
     "print a rule for each leak shown: lsan or valgrind"},
    {OPTION_BASELINE, "baseline", "FILE", "leaks that are in FILE are known, and no news"},
    {OPTION_MIN_AGE, "min-age", "N", "only blocks that outlived N checkpoints or snapshots"},
    {OPTION_SURVIVED, "survived", "N", "only blocks that outlived N snapshots"},
    {OPTION_INTERIOR, "interior-pointers", NULL,
     "pointers into a block hold it as those to its start\ndo: nothing is possibly lost"},
    {OPTION_REPORT, "report", "FORMAT=FILE",
     "also write a report to FILE, - for stdout: json, text,\nsarif, junit, github, gitlab, "
     "markdown or memcheck; may\nbe repeated"},
    {OPTION_SOURCE_ROOT, "source-root", "DIR",
     "paths in reports are relative to DIR [where it runs]"},
    {'v', "verbose", NULL,
     "also list the suppressions used and not used, and say how\nlong the search held the program "
     "still"},
    {0, NULL, NULL, NULL},
};

/* ----------------------------------------------------------------- formats -- */

typedef int leak_writer(FILE *out, const struct leak_report *r, const struct leak_format *f,
                        struct error *e);

struct leak_format_name {
    const char *name;
    leak_writer *write; /* NULL: the text for people */
};

static const struct leak_format_name formats[] = {
    {"json", report_leak_json},         {"text", NULL},
    {"sarif", report_leak_sarif},       {"junit", report_leak_junit},
    {"github", report_leak_github},     {"gitlab", report_leak_gitlab},
    {"markdown", report_leak_markdown}, {"memcheck", report_leak_memcheck},
};
#define FORMATS (sizeof formats / sizeof *formats)

/* One --report. */
struct leak_file {
    const struct leak_format_name *format;
    const char *path;
};

void leak_output_init(struct leak_output *o)
{
    *o = (struct leak_output){.kinds = LEAK_KINDS_LOST, .builtin = true};
    suppressions_init(&o->suppressions);
    leakbaseline_init(&o->known);
}

void leak_output_release(struct leak_output *o)
{
    suppressions_release(&o->suppressions);
    leakbaseline_release(&o->known);
    free(o->suppression_files);
    free(o->files);
    free(o->root);
}

bool leak_output_has(int id)
{
    return id == 'v' || (id >= OPTION_SHOW_KINDS && id < OPTION_BEHIND);
}

/* --------------------------------------------------------------- arguments -- */

static int out_of_memory(void)
{
    words_say("out of memory");
    return OPTIONS_WRONG;
}

static int take_kinds(struct leak_output *o, const char *text)
{
    struct error e;

    o->kinds_given = true;
    if (leak_kinds_parse(text, &o->kinds, &e) == 0)
        return 0;
    words_say("--show-leak-kinds: %s", e.text);
    return OPTIONS_WRONG;
}

static int take_suppressions(struct leak_output *o, const char *path)
{
    const char **larger =
        reallocarray(o->suppression_files, o->suppression_count + 1, sizeof *larger);

    if (!larger)
        return out_of_memory();
    o->suppression_files = larger;
    o->suppression_files[o->suppression_count++] = path;
    return 0;
}

static int take_generate(struct leak_output *o, const char *text)
{
    static const char *const words[] = {"lsan", "valgrind", NULL};
    int index = option_word("gen-suppressions", text, words);

    if (index < 0)
        return index;
    o->generate = index == 0 ? GENERATE_LSAN : GENERATE_VALGRIND;
    return 0;
}

static const struct leak_format_name *find_format(const char *text, size_t length)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strlen(formats[i].name) == length && memcmp(formats[i].name, text, length) == 0)
            return &formats[i];
    return NULL;
}

static int take_report(struct leak_output *o, const char *text)
{
    const char *equals = strchr(text, '=');
    const struct leak_format_name *format =
        find_format(text, equals ? (size_t)(equals - text) : strlen(text));
    struct leak_file *larger;

    if (!format || !equals || equals[1] == '\0') {
        words_say("--report takes FORMAT=FILE, not '%s'; the formats are:", text);
        for (size_t i = 0; i < FORMATS; i++)
            fprintf(stderr, "%s%s", i ? ", " : "  ", formats[i].name);
        fputc('\n', stderr);
        return OPTIONS_WRONG;
    }
    larger = reallocarray(o->files, o->file_count + 1, sizeof *larger);
    if (!larger)
        return out_of_memory();
    o->files = larger;
    o->files[o->file_count++] = (struct leak_file){format, equals + 1};
    return 0;
}

static int take_count(const char *option, const char *text, uint32_t *count)
{
    uint64_t value;

    if (option_number(option, text, UINT32_MAX, &value) != 0)
        return OPTIONS_WRONG;
    *count = (uint32_t)value;
    return 0;
}

int leak_output_take(struct leak_output *o, int id, const char *argument)
{
    switch (id) {
    case OPTION_SHOW_KINDS:
        return take_kinds(o, argument);
    case OPTION_SUPPRESSIONS:
        return take_suppressions(o, argument);
    case OPTION_NO_BUILTIN:
        o->builtin = false;
        return 0;
    case OPTION_GENERATE:
        return take_generate(o, argument);
    case OPTION_REPORT:
        return take_report(o, argument);
    case OPTION_SOURCE_ROOT:
        o->source_root = argument;
        return 0;
    case OPTION_BASELINE:
        o->baseline = argument;
        return 0;
    case OPTION_MIN_AGE:
        return take_count("min-age", argument, &o->min_age);
    case OPTION_SURVIVED:
        return take_count("survived", argument, &o->min_survived);
    case OPTION_INTERIOR:
        o->interior = true;
        return 0;
    default:
        o->verbose = true;
        return 0;
    }
}

bool leak_output_to(const struct leak_output *o, const char *path)
{
    for (size_t i = 0; i < o->file_count; i++)
        if (strcmp(o->files[i].path, path) == 0)
            return true;
    return false;
}

bool leak_output_to_stdout(const struct leak_output *o)
{
    return leak_output_to(o, "-");
}

bool leak_output_asked(const struct leak_output *o)
{
    return o->file_count || o->baseline || o->generate;
}

/* ---------------------------------------------------------------- settling -- */

static int settle_root(struct leak_output *o, struct error *e)
{
    o->root = realpath(o->source_root ? o->source_root : ".", NULL);
    if (!o->root)
        return error_set(e, ERROR_SYSTEM, "cannot find the source root %s",
                         o->source_root ? o->source_root : ".");
    o->source_root = o->root;
    return 0;
}

static int check_files(const struct leak_output *o, struct error *e)
{
    bool to_stdout = false;

    for (size_t i = 0; i < o->file_count; i++) {
        const char *path = o->files[i].path;

        if (strcmp(path, "-") == 0) {
            if (to_stdout)
                return error_set(e, ERROR_INPUT, "only one --report can go to standard output");
            to_stdout = true;
        } else if (writable_check(path, e) != 0) {
            return -1;
        }
        for (size_t k = 0; k < i; k++)
            if (strcmp(path, o->files[k].path) == 0)
                return error_set(e, ERROR_INPUT, "two reports cannot both be %s", path);
    }
    return 0;
}

static int read_baseline(struct leak_output *o, bool make, struct error *e)
{
    if (!o->baseline || (make && access(o->baseline, F_OK) != 0))
        return 0;
    return leakbaseline_read(&o->known, o->baseline, e);
}

int leak_output_settle(struct leak_output *o, bool make_baseline, struct error *e)
{
    if (settle_root(o, e) != 0 || check_files(o, e) != 0 || read_baseline(o, make_baseline, e) != 0)
        return -1;
    for (size_t i = 0; i < o->suppression_count; i++)
        if (suppressions_read(&o->suppressions, o->suppression_files[i], e) != 0)
            return -1;
    if (o->builtin && suppress_builtin_add(&o->suppressions, e) != 0)
        return -1;
    o->settled = suppressions_mark(&o->suppressions);
    return 0;
}

/* ------------------------------------------------------------------ making -- */

/*
 * In the place of those of the program before: they are none of this one's.  A mistake in them is
 * not the user's: it is said, and the rest is used.
 */
static void add_own_suppressions(struct leak_output *o, const struct profile *p)
{
    const char *text = profile_text(p, p->search.suppressions);
    struct error e = {0};

    suppressions_take_back(&o->suppressions, o->settled);
    if (*text &&
        suppressions_add(&o->suppressions, text, strlen(text), LEAK_OWN_SUPPRESSIONS, &e) != 0)
        words_error(&e);
}

/* Where nothing was searched, what was live is all that people can be shown. */
static uint32_t shown_kinds(const struct leak_output *o, bool searched)
{
    return o->kinds | (searched || o->kinds_given ? 0 : LEAK_KIND_BIT(LEAK_REACHABLE));
}

/* Making records takes longer than the sums do. */
static bool wants_records(const struct leak_output *o)
{
    return !o->sums_only || leak_output_asked(o);
}

static uint32_t wanted_kinds(const struct leak_output *o, const struct profile *p, uint32_t more)
{
    uint32_t kinds = shown_kinds(o, leaks_were_searched(p, NULL)) | more;

    for (size_t i = 0; i < o->file_count; i++)
        if (o->files[i].format->write == report_leak_json && !o->kinds_given)
            kinds = LEAK_KIND_ALL;
    return kinds;
}

int leak_output_make(struct leak_output *o, const struct profile *p, const struct view_choice *view,
                     uint32_t kinds, struct leaks *l, struct error *e)
{
    struct leaks_options options = {.skip = &view->skip,
                                    .choices = view->view.choices,
                                    .filter = &view->filter,
                                    .suppressions = &o->suppressions,
                                    .kinds = wants_records(o) ? wanted_kinds(o, p, kinds) : 0,
                                    .min_age = o->min_age,
                                    .min_survived = o->min_survived,
                                    .interior = o->interior,
                                    .retained = wants_records(o)};

    add_own_suppressions(o, p);
    if (leaks_make(l, p, &options, e) != 0)
        return -1;
    o->known_gone = leakbaseline_apply(&o->known, &l->report);
    return 0;
}

/* -------------------------------------------------------------------- text -- */

struct report_leak_options leak_output_report(const struct leak_output *o,
                                              const struct report_text_options *text, size_t limit,
                                              const char *file)
{
    return (struct report_leak_options){
        .text = *text, .kinds = o->kinds, .limit = limit, .contents = o->contents, .file = file};
}

/* The stack of a record as rules are matched against it; NULL when memory runs out. */
static struct suppress_frame *frames_of(const struct leak_record *r)
{
    struct suppress_frame *frames = calloc((size_t)r->stack_count + 1, sizeof *frames);

    for (uint32_t i = 0; frames && i < r->stack_count; i++)
        frames[i] = (struct suppress_frame){r->stack[i]->function, NULL, r->stack[i]->file,
                                            r->stack[i]->module, r->stack[i]->line};
    return frames;
}

static void generate_one(struct strbuf *out, const struct leak_output *o,
                         const struct leak_record *r)
{
    struct suppress_frame *frames = frames_of(r);

    if (!frames)
        out->failed = true;
    else if (o->generate == GENERATE_VALGRIND)
        suppress_generate_valgrind(out, r->id, r->kind, frames, r->stack_count);
    else
        suppress_generate_lsan(out, frames, r->stack_count, r->place);
    free(frames);
}

/* One rule for several leaks is needed once: those of LeakSanitizer name a function only. */
static void generate(struct strbuf *out, const struct leak_output *o, const struct leaks *l)
{
    struct strbuf rules, rule;

    strbuf_init(&rules);
    strbuf_init(&rule);
    strbuf_add(&rules, "\n");
    for (uint32_t i = 0; i < l->report.record_count; i++) {
        const struct leak_record *r = &l->report.records[i];

        if (!(o->kinds & LEAK_KIND_BIT(r->kind)) || r->known)
            continue;
        strbuf_clear(&rule);
        strbuf_add(&rule, "\n");
        generate_one(&rule, o, r);
        if (o->generate == GENERATE_VALGRIND || !strstr(strbuf_text(&rules), strbuf_text(&rule)))
            strbuf_add(&rules, strbuf_text(&rule) + 1);
        rules.failed |= rule.failed;
    }
    strbuf_add(out, strbuf_text(&rules) + 1);
    out->failed |= rules.failed;
    strbuf_release(&rules);
    strbuf_release(&rule);
}

/* The built-in ones are for programs that are not there, most of them. */
static void add_unused(struct strbuf *out, const struct leak_output *o)
{
    const struct suppress_rule *rule;
    uint32_t at = 0;

    while ((rule = suppressions_unused(&o->suppressions, &at))) {
        if (*rule->source == '\0')
            continue;
        strbuf_add(out, "  unused suppression: ");
        escape_text(out, rule->source);
        strbuf_addf(out, ":%" PRIu32 ": ", rule->at);
        escape_text(out, rule->name);
        strbuf_add(out, "\n");
    }
}

static void add_used(struct strbuf *out, const struct leak_output *o)
{
    char bytes[UNITS_TEXT], blocks[UNITS_TEXT];

    for (uint32_t i = 0; i < o->suppressions.rule_count; i++) {
        const struct suppress_rule *rule = &o->suppressions.rules[i];

        if (rule->records == 0)
            continue;
        strbuf_addf(out, "  suppressed %s in %s block%s by ",
                    units_bytes(bytes, rule->bytes, false), units_count(blocks, rule->blocks),
                    rule->blocks == 1 ? "" : "s");
        escape_text(out, *rule->source ? rule->source : "the built-in rule");
        if (*rule->source)
            strbuf_addf(out, ":%" PRIu32 ":", rule->at);
        strbuf_add(out, " ");
        escape_text(out, rule->name);
        strbuf_add(out, "\n");
    }
}

static void add_held(struct strbuf *out, const struct leaks *l)
{
    if (l->report.held_seconds >= 0)
        strbuf_addf(out, "  the search held the program still for %.3g ms\n",
                    l->report.held_seconds * 1e3);
}

void leak_output_closing(struct strbuf *out, const struct leak_output *o, const struct leaks *l)
{
    if (o->verbose) {
        add_held(out, l);
        add_used(out, o);
        add_unused(out, o);
    }
    if (o->known_gone)
        strbuf_addf(
            out, "  %" PRIu32 " known leak%s of %s did not show: --update-baseline takes %s out\n",
            o->known_gone, o->known_gone == 1 ? "" : "s", o->baseline,
            o->known_gone == 1 ? "it" : "them");
    if (o->generate)
        generate(out, o, l);
}

void leak_output_text(struct strbuf *out, const struct leak_output *o, const struct leaks *l,
                      const struct profile *p, const struct report_text_options *text, size_t limit,
                      const char *file)
{
    struct report_leak_options options = leak_output_report(o, text, limit, file);

    report_text_process(out, p);
    strbuf_add(out, "\n");
    options.file = NULL; /* the summary need not say how to see what follows */
    options.kinds = shown_kinds(o, l->searched);
    if (l->searched)
        report_leak_summary(out, l, p, &options);
    report_leak_notes(out, l, l->report.note_count);
    options.file = file;
    report_leak_records(out, l, p, &options);
    leak_output_closing(out, o, l);
}

/* ----------------------------------------------------------------- writing -- */

struct document {
    leak_writer *write;
    const struct leak_report *report;
    struct leak_format format;
};

static int write_report(FILE *out, void *context, struct error *e)
{
    const struct document *d = context;

    return d->write(out, d->report, &d->format, e);
}

static int write_selected(const struct leak_output *o, const struct leaks *l, const char *path,
                          leak_writer *write, uint32_t kinds, uint32_t fail_kinds, struct error *e)
{
    struct leak_report selected;
    struct document document = {
        .write = write,
        .report = &selected,
        .format = {.source_root = o->source_root, .fail_kinds = fail_kinds}};
    int result;

    if (leak_report_select(&selected, &l->report, kinds, e) != 0)
        return -1;
    result = document_write(path, write_report, &document, e);
    leak_report_release(&selected);
    return result;
}

int leak_output_json(const struct leak_output *o, const struct leaks *l, const char *path,
                     struct error *e)
{
    return write_selected(o, l, path, report_leak_json, o->kinds_given ? o->kinds : LEAK_KIND_ALL,
                          LEAK_KINDS_LOST, e);
}

/* -------------------------------------------------------------- the text as a file -- */

struct text_document {
    const struct leak_output *output;
    const struct leaks *leaks;
    const struct profile *profile;
};

static int write_text(FILE *out, void *context, struct error *e)
{
    const struct text_document *d = context;
    struct leak_output shared = *d->output; /* a file that others read: no contents of memory */
    struct report_text_options plain = {0};
    struct sourcelines sources;
    struct strbuf text;
    int result;

    sourcelines_init(&sources);
    strbuf_init(&text);
    plain.sources = &sources;
    shared.contents = false;
    leak_output_text(&text, &shared, d->leaks, d->profile, &plain, 0, NULL);
    result = text_write(&text, out, e);
    strbuf_release(&text);
    sourcelines_release(&sources);
    return result;
}

static int write_file(const struct leak_output *o, const struct leaks *l, const struct profile *p,
                      const struct leak_file *file, uint32_t fail_kinds, struct error *e)
{
    struct text_document text = {o, l, p};

    if (!file->format->write)
        return document_write(file->path, write_text, &text, e);
    if (file->format->write == report_leak_json)
        return leak_output_json(o, l, file->path, e);
    return write_selected(o, l, file->path, file->format->write, o->kinds | fail_kinds, fail_kinds,
                          e);
}

/* A report that cannot be written is no reason to be without the others. */
int leak_output_write(const struct leak_output *o, const struct leaks *l, const struct profile *p,
                      uint32_t fail_kinds, struct error *e)
{
    struct error first = {0}, later;
    int result = 0;

    for (size_t i = 0; i < o->file_count; i++) {
        if (write_file(o, l, p, &o->files[i], fail_kinds, result ? &later : &first) != 0)
            result = -1;
    }
    if (result != 0 && e)
        *e = first;
    return result;
}
