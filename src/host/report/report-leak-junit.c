// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/leaktext.h"
#include "src/host/report/linetexts.h"
#include "src/host/report/report-leak.h"

#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <time.h>

struct junit {
    xmlTextWriterPtr xml;
    const struct leak_report *report;
    const struct leak_format *format;
    struct linetexts lines;
    bool failed;
};

static void check(struct junit *j, int result)
{
    j->failed |= result < 0;
}

static void begin(struct junit *j, const char *element)
{
    check(j, xmlTextWriterStartElement(j->xml, BAD_CAST element));
}

static void end(struct junit *j)
{
    check(j, xmlTextWriterEndElement(j->xml));
}

/* libxml2 escapes what XML gives a meaning to; what XML cannot hold at all is shown as \xNN. */
static void attribute(struct junit *j, const char *name, const char *value)
{
    struct strbuf clean;

    strbuf_init(&clean);
    leak_text_clean(&clean, value, false);
    check(j, clean.failed ? -1
                          : xmlTextWriterWriteAttribute(j->xml, BAD_CAST name,
                                                        BAD_CAST strbuf_text(&clean)));
    strbuf_release(&clean);
}

static void number(struct junit *j, const char *name, uint64_t value)
{
    check(j, xmlTextWriterWriteFormatAttribute(j->xml, BAD_CAST name, "%" PRIu64, value));
}

static void content(struct junit *j, const char *text)
{
    struct strbuf clean;

    strbuf_init(&clean);
    leak_text_clean(&clean, text, true);
    check(j, clean.failed ? -1 : xmlTextWriterWriteString(j->xml, BAD_CAST strbuf_text(&clean)));
    strbuf_release(&clean);
}

/* ------------------------------------------------------------------ cases -- */

static bool fails(const struct junit *j, const struct leak_record *record)
{
    return !record->known && (j->format->fail_kinds & LEAK_KIND_BIT(record->kind));
}

static void add_line(struct strbuf *out, const struct leak_line *line, const void *context)
{
    struct strbuf text;

    (void)context;
    strbuf_init(&text);
    leak_text_line(&text, line);
    strbuf_add(out, "    ");
    leak_text_clean(out, strbuf_text(&text), true);
    strbuf_add(out, "\n");
    out->failed |= text.failed;
    strbuf_release(&text);
}

/* The text of a failure, cleaned: of a line that was once for all. */
static void add_stack(struct strbuf *text, struct junit *j, const struct leak_record *record)
{
    struct strbuf summary;

    strbuf_init(&summary);
    leak_text_summary(&summary, record);
    leak_text_clean(text, strbuf_text(&summary), true);
    text->failed |= summary.failed;
    strbuf_release(&summary);
    strbuf_add(text, "\n");
    for (uint32_t i = 0; i < record->stack_count; i++)
        linetexts_add(&j->lines, text, record->stack[i]);
}

static void failure(struct junit *j, const struct leak_record *record, const char *stack)
{
    struct strbuf text;

    strbuf_init(&text);
    leak_text_summary(&text, record);
    begin(j, "failure");
    attribute(j, "message", strbuf_text(&text));
    attribute(j, "type", leak_kind_words(record->kind));
    check(j, xmlTextWriterWriteString(j->xml, BAD_CAST stack));
    end(j);
    j->failed |= text.failed;
    strbuf_release(&text);
}

/* The name stays the same while lines move: services follow a test by it. */
static void test_name(struct strbuf *text, const struct leak_record *record)
{
    struct leak_line at = {"", "", "", 0, 0, false, 0};

    if (record->stack_count)
        at = *record->stack[0];
    at.line = 0;
    at.address = at.offset = 0;
    leak_text_place(text, record, record->stack_count ? &at : NULL);
    strbuf_addf(text, " [%.8s", record->fingerprint);
    if (record->ordinal > 1)
        strbuf_addf(text, "-%" PRIu32, record->ordinal);
    strbuf_add(text, "]");
}

static void leak_case(struct junit *j, const struct leak_record *record)
{
    struct strbuf name, stack;

    strbuf_init(&name);
    strbuf_init(&stack);
    test_name(&name, record);
    add_stack(&stack, j, record);
    begin(j, "testcase");
    attribute(j, "name", strbuf_text(&name));
    attribute(j, "classname", leak_kind_words(record->kind));
    attribute(j, "time", "0");
    if (record->known) {
        begin(j, "skipped");
        end(j);
    } else if (fails(j, record)) {
        failure(j, record, strbuf_text(&stack));
    }
    end(j);
    j->failed |= name.failed || stack.failed;
    strbuf_release(&name);
    strbuf_release(&stack);
}

static void passed_case(struct junit *j)
{
    begin(j, "testcase");
    attribute(j, "name", "no leaks");
    attribute(j, "classname", "memprof");
    attribute(j, "time", "0");
    end(j);
}

/* ------------------------------------------------------------------ suite -- */

static uint32_t shown(const struct junit *j)
{
    uint32_t most = j->format->max_records, count = j->report->record_count;

    return most && most < count ? most : count;
}

static void counts(struct junit *j)
{
    uint32_t failures = 0, skipped = 0, count = shown(j);

    for (uint32_t i = 0; i < count; i++) {
        failures += fails(j, &j->report->records[i]);
        skipped += j->report->records[i].known;
    }
    number(j, "tests", count ? count : 1);
    number(j, "failures", failures);
    number(j, "errors", 0);
    number(j, "skipped", skipped);
}

static void suite_attributes(struct junit *j)
{
    time_t started = (time_t)j->report->started_unix;
    char when[64] = "1970-01-01T00:00:00", seconds[64];
    struct tm tm;

    if (gmtime_r(&started, &tm) && tm.tm_year >= -1899 && tm.tm_year < 8100)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(seconds, sizeof seconds, "%.3f", j->report->seconds > 0 ? j->report->seconds : 0);
    attribute(j, "name", *j->report->program ? j->report->program : "memprof");
    attribute(j, "package", "memprof");
    attribute(j, "id", "0");
    attribute(j, "timestamp", when);
    attribute(j, "hostname", "localhost");
    counts(j);
    attribute(j, "time", seconds);
}

/* The totals, and whatever was not complete. */
static void suite_output(struct junit *j)
{
    const struct leak_report *r = j->report;
    struct strbuf text;

    strbuf_init(&text);
    leak_text_totals(&text, r, LEAK_KIND_ALL);
    strbuf_add(&text, "\n");
    if (shown(j) < r->record_count)
        strbuf_addf(&text, "%" PRIu32 " smaller leaks are left out\n", r->record_count - shown(j));
    for (uint32_t i = 0; i < r->note_count; i++)
        strbuf_addf(&text, "%s\n", r->notes[i]);
    begin(j, "system-out");
    content(j, strbuf_text(&text));
    end(j);
    begin(j, "system-err");
    end(j);
    j->failed |= text.failed;
    strbuf_release(&text);
}

static void document(struct junit *j)
{
    check(j, xmlTextWriterSetIndent(j->xml, 1));
    check(j, xmlTextWriterStartDocument(j->xml, NULL, "UTF-8", NULL));
    begin(j, "testsuites");
    begin(j, "testsuite");
    suite_attributes(j);
    begin(j, "properties");
    begin(j, "property");
    attribute(j, "name", "command");
    attribute(j, "value", *j->report->command ? j->report->command : "-");
    end(j);
    end(j);
    for (uint32_t i = 0; i < shown(j); i++)
        leak_case(j, &j->report->records[i]);
    if (shown(j) == 0)
        passed_case(j);
    suite_output(j);
    end(j);
    end(j);
    check(j, xmlTextWriterEndDocument(j->xml));
}

/* libxml2 prints its errors unless it is told where to put them. */
static void keep_quiet(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

/* Piece by piece: the whole would be as large again in memory. */
static void write_document(struct junit *j, FILE *out)
{
    xmlOutputBufferPtr buffer = xmlOutputBufferCreateFile(out, NULL);

    j->xml = buffer ? xmlNewTextWriter(buffer) : NULL;
    j->failed = !j->xml;
    if (j->xml)
        document(j);
    else
        xmlOutputBufferClose(buffer);
    xmlFreeTextWriter(j->xml); /* writes what is left, and closes the buffer but not the file */
}

int report_leak_junit(FILE *out, const struct leak_report *r, const struct leak_format *f,
                      struct error *e)
{
    struct junit j = {.report = r, .format = f};
    xmlGenericErrorFunc handler = xmlGenericError;
    void *context = xmlGenericErrorContext;

    xmlSetGenericErrorFunc(NULL, keep_quiet);
    linetexts_init(&j.lines, r, add_line, NULL);
    write_document(&j, out);
    linetexts_release(&j.lines);
    xmlSetGenericErrorFunc(context, handler);
    return report_leak_end(out, !j.failed, "JUnit XML", e);
}
