// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/report/sourceroot.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <string.h>

/* Whatever Markdown, HTML or GitHub (mentions, issues, formulas) could take for its own. */
static void add_escaped(struct strbuf *out, const char *text)
{
    struct strbuf clean;

    strbuf_init(&clean);
    leak_text_clean(&clean, text, false);
    for (const char *c = strbuf_text(&clean); *c; c++) {
        if (strchr("&<>\"'|`*_[]\\#~!@$:{}()+-", *c))
            strbuf_addf(out, "&#%d;", *c);
        else
            strbuf_add_length(out, c, 1);
    }
    out->failed |= clean.failed;
    strbuf_release(&clean);
}

static void add_code(struct strbuf *out, const char *text)
{
    strbuf_add(out, "<code>");
    add_escaped(out, text);
    strbuf_add(out, "</code>");
}

static void add_totals(struct strbuf *out, const struct leak_report *r)
{
    char count[UNITS_TEXT];

    strbuf_add(out, "| kind | bytes | blocks |\n|:--|--:|--:|\n");
    for (int k = LEAK_KINDS - 1; k >= 0; k--) {
        if (r->kinds[k].blocks == 0)
            continue;
        strbuf_addf(out, "| %s ", leak_kind_words((enum leak_kind)k));
        strbuf_addf(out, "| %s ", units_count(count, r->kinds[k].bytes));
        strbuf_addf(out, "| %s |\n", units_count(count, r->kinds[k].blocks));
    }
    if (r->suppressed.blocks) {
        strbuf_addf(out, "| suppressed | %s ", units_count(count, r->suppressed.bytes));
        strbuf_addf(out, "| %s |\n", units_count(count, r->suppressed.blocks));
    }
    strbuf_add(out, "\n");
}

static void add_line(struct strbuf *out, const struct leak_format *f, const struct leak_line *line)
{
    struct leak_line shown = *line;
    struct strbuf path, text;

    strbuf_init(&path);
    strbuf_init(&text);
    if (sourceroot_relative(&path, f->source_root, line->file))
        shown.file = strbuf_text(&path);
    leak_text_line(&text, &shown);
    add_escaped(out, strbuf_text(&text));
    strbuf_add(out, "\n");
    out->failed |= path.failed || text.failed;
    strbuf_release(&path);
    strbuf_release(&text);
}

/* A folded stack under its summary. */
static void add_leak(struct strbuf *out, const struct leak_format *f,
                     const struct leak_record *record)
{
    const struct leak_line *at = sourceroot_first(f->source_root, record);
    struct strbuf text;

    if (!at && record->stack_count)
        at = record->stack[0];
    strbuf_init(&text);
    leak_text_summary(&text, record);
    strbuf_add(out, "<details><summary>");
    add_escaped(out, strbuf_text(&text));
    strbuf_add(out, at && *at->function ? ", allocated in " : "");
    if (at && *at->function)
        add_code(out, at->function);
    strbuf_add(out, record->known ? " (known)" : "");
    strbuf_add(out, "</summary>\n\n<pre>\n");
    for (uint32_t i = 0; i < record->stack_count; i++)
        add_line(out, f, record->stack[i]);
    strbuf_addf(out, "</pre>\n\nfingerprint %s\n\n</details>\n", record->fingerprint);
    out->failed |= text.failed;
    strbuf_release(&text);
}

static void add_notes(struct strbuf *out, const struct leak_report *r)
{
    for (uint32_t i = 0; i < r->note_count; i++) {
        strbuf_add(out, "> ");
        add_escaped(out, r->notes[i]);
        strbuf_add(out, "\n\n");
    }
}

static void add_title(struct strbuf *out, const struct leak_report *r, const struct leak_format *f)
{
    strbuf_add(out, leak_report_count(r, f->fail_kinds) ? "### :x: " : "### :white_check_mark: ");
    strbuf_add(out, "memprof: ");
    leak_text_totals(out, r, LEAK_KIND_ALL);
    strbuf_add(out, "\n\n");
    if (*r->command) {
        add_code(out, r->command);
        strbuf_add(out, "\n\n");
    }
}

int report_leak_markdown(FILE *out, const struct leak_report *r, const struct leak_format *f,
                         struct error *e)
{
    uint32_t most = f->max_records ? f->max_records : UINT32_MAX, i;
    struct strbuf text, leak;
    bool ok;

    strbuf_init(&text);
    strbuf_init(&leak);
    add_title(&text, r, f);
    add_totals(&text, r);
    add_notes(&text, r);
    for (i = 0; i < r->record_count && i < most; i++) {
        strbuf_clear(&leak);
        add_leak(&leak, f, &r->records[i]);
        if (text.length + leak.length + 100 > REPORT_LEAK_MARKDOWN_BYTES)
            break;
        strbuf_add(&text, strbuf_text(&leak));
    }
    if (i < r->record_count)
        strbuf_addf(&text, "\n%" PRIu32 " smaller leaks are left out.\n", r->record_count - i);
    ok = !text.failed && !leak.failed;
    if (ok)
        fwrite(strbuf_text(&text), 1, text.length, out);
    strbuf_release(&text);
    strbuf_release(&leak);
    return report_leak_end(out, ok, "Markdown", e);
}
