// SPDX-License-Identifier: Apache-2.0
/*
 * ::error file=PATH,line=N,title=TITLE::MESSAGE on standard output of a step is
 * shown beside the source.  The runner undoes the escapes %25, %0D and %0A
 * everywhere, and %3A and %2C in properties.
 */
#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/report/sourceroot.h"

#include <inttypes.h>

static void add_escaped(struct strbuf *out, const char *text, bool property)
{
    for (; *text; text++) {
        bool escape = *text == '%' || *text == '\r' || *text == '\n' ||
                      (property && (*text == ':' || *text == ','));

        if (escape)
            strbuf_addf(out, "%%%02X", (unsigned char)*text);
        else
            strbuf_add_length(out, text, 1);
    }
}

/* Control characters would be sent to whoever reads the log. */
static void add_clean(struct strbuf *out, const struct strbuf *text, bool property)
{
    struct strbuf clean;

    strbuf_init(&clean);
    leak_text_clean(&clean, strbuf_text(text), true);
    add_escaped(out, strbuf_text(&clean), property);
    out->failed |= clean.failed || text->failed;
    strbuf_release(&clean);
}

static void add_place(struct strbuf *out, const struct leak_format *f, const struct leak_line *at)
{
    struct strbuf path;

    strbuf_init(&path);
    if (at && sourceroot_relative(&path, f->source_root, at->file)) {
        strbuf_add(out, "file=");
        add_clean(out, &path, true);
        if (at->line)
            strbuf_addf(out, ",line=%" PRIu32, at->line);
        strbuf_add(out, ",");
    }
    strbuf_release(&path);
}

static void add_message(struct strbuf *out, const struct leak_record *record,
                        const struct leak_line *at)
{
    struct strbuf text;

    strbuf_init(&text);
    leak_text_summary(&text, record);
    strbuf_add(&text, ", ");
    leak_text_place(&text, record, at);
    for (uint32_t i = 0; i < record->stack_count && i < 20; i++) {
        strbuf_add(&text, "\n    ");
        leak_text_line(&text, record->stack[i]);
    }
    if (record->stack_count > 20)
        strbuf_addf(&text, "\n    and %" PRIu32 " more", record->stack_count - 20);
    add_clean(out, &text, false);
    strbuf_release(&text);
}

static void add_annotation(struct strbuf *out, const struct leak_format *f,
                           const struct leak_record *record)
{
    const struct leak_line *at = sourceroot_first(f->source_root, record);
    bool error = f->fail_kinds & LEAK_KIND_BIT(record->kind);

    strbuf_add(out, error ? "::error " : "::warning ");
    add_place(out, f, at);
    strbuf_addf(out, "title=memory %s::", leak_kind_words(record->kind));
    add_message(out, record, at);
    strbuf_add(out, "\n");
}

static void add_summary(struct strbuf *out, const struct leak_report *r,
                        const struct leak_format *f, uint32_t shown)
{
    uint32_t all = leak_report_count(r, LEAK_KIND_ALL);
    struct strbuf text;

    strbuf_init(&text);
    leak_text_totals(&text, r, LEAK_KIND_ALL);
    if (shown < all)
        strbuf_addf(&text, "; the %" PRIu32 " largest are shown here", shown);
    if (all < r->record_count)
        strbuf_addf(&text, "; %" PRIu32 " known", r->record_count - all);
    for (uint32_t i = 0; i < r->note_count; i++)
        strbuf_addf(&text, "\n%s", r->notes[i]);
    strbuf_addf(out,
                "::%s title=memprof::", leak_report_count(r, f->fail_kinds) ? "error" : "notice");
    add_clean(out, &text, false);
    strbuf_add(out, "\n");
    strbuf_release(&text);
}

int report_leak_github(FILE *out, const struct leak_report *r, const struct leak_format *f,
                       struct error *e)
{
    uint32_t most = REPORT_LEAK_GITHUB_SHOWN, shown = 0;
    struct strbuf text;
    bool ok;

    if (f->max_records && f->max_records < most)
        most = f->max_records;
    strbuf_init(&text);
    for (uint32_t i = 0; i < r->record_count && shown < most; i++) {
        if (r->records[i].known)
            continue;
        add_annotation(&text, f, &r->records[i]);
        shown++;
    }
    add_summary(&text, r, f, shown);
    ok = !text.failed;
    if (ok)
        fwrite(strbuf_text(&text), 1, text.length, out);
    strbuf_release(&text);
    return report_leak_end(out, ok, "GitHub annotations", e);
}
