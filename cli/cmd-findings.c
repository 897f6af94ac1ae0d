// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/options.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/text-options.h"
#include "cli/words.h"
#include "src/host/report/report-findings.h"
#include "src/host/view/lossnotes.h"

enum {
    OPTION_LIMIT = OPTION_LONG_ONLY,
    OPTION_JSON,
};

static const struct option_spec specs[] = {
    {'t', "top", "N", "show the first N findings; 0 shows all [all]"},
    {OPTION_LIMIT, "limit", "N", "the same as --top"},
    {OPTION_JSON, "json", "[=FILE]", "write them as JSON to FILE [standard output]"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof findings",
    .usage = "[OPTIONS] FILE",
    .purpose =
        "Show in words what in the profile FILE is worth a look, the most costly first: what\n"
        "is lost, what grows, what is wasted, and the line to change.",
    .tables = {{"Options", specs}, {NULL, text_option_specs}},
};

struct choice {
    struct text_choice text;
    uint64_t limit;
    const char *json;
};

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case 't':
        return option_number("top", argument, UINT32_MAX, &c->limit);
    case OPTION_LIMIT:
        return option_number("limit", argument, UINT32_MAX, &c->limit);
    case OPTION_JSON:
        c->json = argument ? argument : "-";
        return 0;
    default:
        return text_choice_take(&c->text, id, argument);
    }
}

struct document {
    const char *path; /* of the profile */
    const struct profile *profile;
    struct findings findings; /* those that are shown */
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct document *d = context;
    struct stack_choice stack = {0};

    return report_findings_json(out, d->profile, &d->findings, d->path, &stack, e);
}

static int write_json(const char *path, const struct choice *c, const struct profile *p,
                      const struct findings *f, struct error *e)
{
    struct document document = {path, p, *f};

    if (c->limit && c->limit < f->count)
        document.findings.count = (size_t)c->limit;
    return document_write(c->json, write_document, &document, e);
}

static int write_text(const char *path, const struct choice *c, const struct profile *p,
                      const struct findings *f, struct error *e)
{
    const struct report_text_options text = text_choice_options(&c->text, stdout);
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_text_process(&out, p);
    strbuf_add(&out, "\n");
    report_text_totals(&out, p, &text);
    lossnotes_add(&out, p, text.exact);
    report_findings_text(&out, p, f, path, (size_t)c->limit, &text);
    result = pager_write(&out, !c->text.no_pager, e);
    strbuf_release(&out);
    return result;
}

static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    const struct choice *c = context;
    struct findings findings;
    int result;

    if (findings_make(&findings, p, &c->text.skip, NULL, NULL, e) != 0)
        return -1;
    result = c->json ? write_json(path, c, p, &findings, e) : write_text(path, c, p, &findings, e);
    findings_release(&findings);
    return result;
}

int cmd_findings(int argc, char **argv)
{
    struct choice c = {0};
    int first, status = EXIT_USAGE;

    text_choice_init(&c.text);
    first = options_parse(&options, argc, argv, take, &c);
    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && profile_operand_check(&options, argc - first)) {
        status = profile_operand_show(argv[first], show, &c);
    }
    text_choice_release(&c.text);
    return status;
}
