// SPDX-License-Identifier: Apache-2.0
/*
 * GitLab's Code Quality report: an array of objects with description,
 * check_name, fingerprint, severity, location.path and location.lines.begin
 * ("Code Quality report format" in its documentation).
 */
#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/report/sourceroot.h"
#include "src/host/text/jsonvalue.h"

#include <inttypes.h>

static const char *severity(const struct leak_format *f, enum leak_kind kind)
{
    if (f->fail_kinds & LEAK_KIND_BIT(kind))
        return "major";
    return kind == LEAK_REACHABLE || kind == LEAK_WEAK ? "info" : "minor";
}

/* A path in the repository; a leak that has none there still needs one, and is not shown by a line.
 */
static json_t *path_of(const struct leak_format *f, const struct leak_record *record,
                       const struct leak_line *at)
{
    struct strbuf path;
    json_t *value;

    strbuf_init(&path);
    if (!at || !sourceroot_relative(&path, f->source_root, at->file)) {
        const char *file = record->stack_count ? record->stack[0]->file : "";

        if (*file == '\0' && record->stack_count)
            file = record->stack[0]->module;
        while (*file == '/')
            file++;
        strbuf_add(&path, *file ? file : "unknown");
    }
    value = path.failed ? NULL : jsonvalue_text(strbuf_text(&path));
    strbuf_release(&path);
    return value;
}

static json_t *location(const struct leak_format *f, const struct leak_record *record)
{
    const struct leak_line *at = sourceroot_first(f->source_root, record);
    struct jsonobject o = jsonobject_begin(), lines = jsonobject_begin();

    jsonobject_set(&lines, "begin", jsonvalue_number(at && at->line ? at->line : 1));
    jsonobject_set(&o, "path", path_of(f, record, at));
    jsonobject_set(&o, "lines", jsonobject_end(&lines));
    return jsonobject_end(&o);
}

/* One line of text: the format wants no more. */
static json_t *description(const struct leak_format *f, const struct leak_record *record)
{
    struct strbuf text, clean;
    json_t *value;

    strbuf_init(&text);
    strbuf_init(&clean);
    leak_text_summary(&text, record);
    strbuf_add(&text, ", ");
    leak_text_place(&text, record, sourceroot_first(f->source_root, record));
    leak_text_clean(&clean, strbuf_text(&text), false);
    value = text.failed || clean.failed ? NULL : jsonvalue_text(strbuf_text(&clean));
    strbuf_release(&text);
    strbuf_release(&clean);
    return value;
}

/* Of two results with one fingerprint GitLab shows the first only. */
static json_t *fingerprint(const struct leak_record *record)
{
    if (record->ordinal < 2)
        return json_string(record->fingerprint);
    return json_sprintf("%s-%" PRIu32, record->fingerprint, record->ordinal);
}

static json_t *issue(const struct leak_format *f, const struct leak_record *record)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "description", description(f, record));
    jsonobject_set(&o, "check_name", json_sprintf("memprof/%s", leak_kind_name(record->kind)));
    jsonobject_set(&o, "fingerprint", fingerprint(record));
    jsonobject_set(&o, "severity", json_string(severity(f, record->kind)));
    jsonobject_set(&o, "location", location(f, record));
    return jsonobject_end(&o);
}

int report_leak_gitlab(FILE *out, const struct leak_report *r, const struct leak_format *f,
                       struct error *e)
{
    uint32_t most = f->max_records ? f->max_records : UINT32_MAX, written = 0;
    bool ok = true;

    fputs("[", out);
    for (uint32_t i = 0; ok && i < r->record_count && written < most; i++) {
        json_t *value;

        if (r->records[i].known)
            continue;
        value = issue(f, &r->records[i]);
        fputs(written++ ? ",\n  " : "\n  ", out);
        ok = value && json_dumpf(value, out, JSON_COMPACT) == 0;
        json_decref(value);
    }
    fputs(written ? "\n]\n" : "]\n", out);
    return report_leak_end(out, ok, "GitLab code quality", e);
}
