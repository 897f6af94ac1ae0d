// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/leaktext.h"
#include "src/host/report/linetexts.h"
#include "src/host/report/report-leak.h"
#include "src/host/report/sourceroot.h"
#include "src/host/text/jsontext.h"
#include "src/host/text/jsonvalue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BASE "SRCROOT"

/* What a strbuf holds, as a JSON string; released. */
static json_t *take_text(struct strbuf *text)
{
    json_t *value = text->failed ? NULL : jsonvalue_text(strbuf_text(text));

    strbuf_release(text);
    return value;
}

/* A message's text must not be empty, and null is no text. */
static json_t *message(json_t *text)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "text", json_is_null(text) ? json_string("-") : text);
    return jsonobject_end(&o);
}

static json_t *message_of(const char *text)
{
    return message(jsonvalue_text(text));
}

/* -------------------------------------------------------------- locations -- */

/* Relative to the root where that is possible, else a file: URI. */
static json_t *artifact(const struct leak_format *f, const char *path)
{
    struct jsonobject o = jsonobject_begin();
    struct strbuf relative, uri;
    bool inside;

    strbuf_init(&relative);
    strbuf_init(&uri);
    inside = sourceroot_relative(&relative, f->source_root, path);
    if (!inside)
        strbuf_add(&uri, *path == '/' ? "file://" : "");
    sourceroot_uri(&uri, inside ? strbuf_text(&relative) : path);
    uri.failed |= relative.failed;
    jsonobject_set(&o, "uri", take_text(&uri));
    if (inside)
        jsonobject_set(&o, "uriBaseId", json_string(BASE));
    strbuf_release(&relative);
    return jsonobject_end(&o);
}

static json_t *region(uint32_t line)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "startLine", jsonvalue_number(line ? line : 1));
    return jsonobject_end(&o);
}

/* The source line, or the module where the source is unknown. */
static json_t *physical(const struct leak_format *f, const struct leak_line *line)
{
    struct jsonobject o = jsonobject_begin();
    const char *path = *line->file ? line->file : line->module;

    jsonobject_set(&o, "artifactLocation", artifact(f, *path ? path : "unknown"));
    jsonobject_set(&o, "region", region(*line->file ? line->line : 1));
    return jsonobject_end(&o);
}

static json_t *logical(const struct leak_line *line)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "fullyQualifiedName", jsonvalue_text(line->function));
    jsonobject_set(&o, "kind", json_string("function"));
    return jsonlist_append(json_array(), jsonobject_end(&o));
}

static json_t *location(const struct leak_format *f, const struct leak_line *line, bool with_text)
{
    struct jsonobject o = jsonobject_begin();
    struct strbuf text;

    jsonobject_set(&o, "physicalLocation", physical(f, line));
    if (*line->function)
        jsonobject_set(&o, "logicalLocations", logical(line));
    if (with_text) {
        strbuf_init(&text);
        leak_text_line(&text, line);
        jsonobject_set(&o, "message", message(take_text(&text)));
    }
    return jsonobject_end(&o);
}

static void flow_step(struct strbuf *out, const struct leak_line *line, const void *context)
{
    const struct leak_format *f = context;

    strbuf_add(out, "{");
    jsontext_set(out, "location", location(f, line, true));
    strbuf_add(out, "}");
}

/* In the order of execution: the outermost caller first.  Too long: the outermost are left out. */
static void code_flows(struct strbuf *out, const struct leak_record *record,
                       struct linetexts *steps)
{
    uint32_t count = record->stack_count;

    if (count > REPORT_LEAK_SARIF_LOCATIONS)
        count = REPORT_LEAK_SARIF_LOCATIONS;
    jsontext_key(out, "codeFlows");
    strbuf_add(out, "[{\"threadFlows\":[{\"locations\":[");
    for (uint32_t i = count; i-- > 0;) {
        linetexts_add(steps, out, record->stack[i]);
        strbuf_add(out, i ? "," : "");
    }
    strbuf_add(out, "]}]}]");
}

/* ---------------------------------------------------------------- results -- */

static const char *level(const struct leak_format *f, enum leak_kind kind)
{
    return f->fail_kinds & LEAK_KIND_BIT(kind) ? "error" : "warning";
}

static json_t *rule_id(enum leak_kind kind)
{
    return json_sprintf("leak/%s", leak_kind_name(kind));
}

static json_t *fingerprints(const struct leak_record *record)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "primaryLocationLineHash",
                   json_sprintf("%.16s:%" PRIu32, record->fingerprint, record->ordinal));
    jsonobject_set(&o, "memprofStack/v1",
                   json_sprintf("%s:%" PRIu32, record->fingerprint, record->ordinal));
    return jsonobject_end(&o);
}

static json_t *properties(const struct leak_record *record)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "bytes", jsonvalue_number(record->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(record->blocks));
    jsonobject_set(&o, "indirectBytes", jsonvalue_number(record->indirect_bytes));
    jsonobject_set(&o, "indirectBlocks", jsonvalue_number(record->indirect_blocks));
    return jsonobject_end(&o);
}

static json_t *known_suppression(void)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "kind", json_string("external"));
    jsonobject_set(&o, "justification", json_string("known leak: it is in the baseline"));
    return jsonlist_append(json_array(), jsonobject_end(&o));
}

static json_t *result_message(const struct leak_record *record, const struct leak_line *at)
{
    struct strbuf text;

    strbuf_init(&text);
    leak_text_summary(&text, record);
    strbuf_add(&text, ", ");
    leak_text_place(&text, record, at);
    return message(take_text(&text));
}

static void add_result(struct strbuf *out, const struct leak_format *f,
                       const struct leak_record *record, struct linetexts *steps)
{
    static const struct leak_line nowhere = {"", "", "", 0, 0, false, 0};
    const struct leak_line *at = sourceroot_first(f->source_root, record);

    if (!at && record->stack_count)
        at = record->stack[0];
    strbuf_add(out, "{");
    jsontext_set(out, "ruleId", rule_id(record->kind));
    jsontext_set_number(out, "ruleIndex", record->kind);
    jsontext_set_string(out, "level", level(f, record->kind));
    jsontext_set(out, "message", result_message(record, at));
    jsontext_set(out, "locations",
                 jsonlist_append(json_array(), location(f, at ? at : &nowhere, false)));
    if (record->stack_count)
        code_flows(out, record, steps);
    jsontext_set(out, "partialFingerprints", fingerprints(record));
    if (record->known)
        jsontext_set(out, "suppressions", known_suppression());
    jsontext_set(out, "properties", properties(record));
    strbuf_add(out, "}");
}

/* -------------------------------------------------------------------- tool -- */

static json_t *rule(const struct leak_format *f, enum leak_kind kind)
{
    struct jsonobject o = jsonobject_begin(), configuration = jsonobject_begin();

    jsonobject_set(&configuration, "level", json_string(level(f, kind)));
    jsonobject_set(&o, "id", rule_id(kind));
    jsonobject_set(
        &o, "name",
        json_sprintf("Leak%c%s", leak_kind_name(kind)[0] - 'a' + 'A', leak_kind_name(kind) + 1));
    jsonobject_set(&o, "shortDescription",
                   message(json_sprintf("Memory %s", leak_kind_words(kind))));
    jsonobject_set(&o, "fullDescription", message_of(leak_kind_meaning(kind)));
    jsonobject_set(&o, "help",
                   message_of("memprof why shows what refers to the block, and "
                              "memprof leaks the whole stack with source lines."));
    jsonobject_set(&o, "defaultConfiguration", jsonobject_end(&configuration));
    return jsonobject_end(&o);
}

static json_t *tool(const struct leak_report *r, const struct leak_format *f)
{
    struct jsonobject o = jsonobject_begin(), driver = jsonobject_begin();
    json_t *rules = json_array();

    for (enum leak_kind k = 0; k < LEAK_KINDS; k++)
        rules = jsonlist_append(rules, rule(f, k));
    jsonobject_set(&driver, "name", json_string("memprof"));
    if (*r->version)
        jsonobject_set(&driver, "version", jsonvalue_text(r->version));
    jsonobject_set(&driver, "rules", rules);
    jsonobject_set(&o, "driver", jsonobject_end(&driver));
    return jsonobject_end(&o);
}

static json_t *bases(const struct leak_format *f)
{
    struct jsonobject o = jsonobject_begin(), base = jsonobject_begin();
    size_t length = strlen(f->source_root);
    struct strbuf uri;

    strbuf_init(&uri);
    strbuf_add(&uri, "file://");
    sourceroot_uri(&uri, f->source_root);
    if (length == 0 || f->source_root[length - 1] != '/')
        strbuf_add(&uri, "/"); /* a base must end so */
    jsonobject_set(&base, "uri", take_text(&uri));
    jsonobject_set(&o, BASE, jsonobject_end(&base));
    return jsonobject_end(&o);
}

static json_t *notification(json_t *text)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "level", json_string("warning"));
    jsonobject_set(&o, "message", message(text));
    return jsonobject_end(&o);
}

static json_t *invocations(const struct leak_report *r, uint32_t omitted)
{
    struct jsonobject o = jsonobject_begin();
    json_t *notes = json_array();

    for (uint32_t i = 0; i < r->note_count; i++)
        notes = jsonlist_append(notes, notification(jsonvalue_text(r->notes[i])));
    if (omitted)
        notes = jsonlist_append(
            notes, notification(json_sprintf("%" PRIu32 " smaller leaks are left out: this file "
                                             "is at the limit of its size or of its results",
                                             omitted)));
    jsonobject_set(&o, "executionSuccessful", json_true());
    if (*r->command)
        jsonobject_set(&o, "commandLine", jsonvalue_text(r->command));
    jsonobject_set(&o, "toolExecutionNotifications", notes);
    return jsonlist_append(json_array(), jsonobject_end(&o));
}

/* ----------------------------------------------------------------- writing -- */

struct writing {
    FILE *out;
    uint64_t bytes;
    bool ok;
};

static void put(struct writing *w, const char *text)
{
    fputs(text, w->out);
    w->bytes += strlen(text);
}

/* The text of a value, from free(); NULL when it or its memory failed. */
static char *text_of(json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_decref(value);
    return text;
}

static void put_member(struct writing *w, const char *key, json_t *value, const char *end)
{
    char *text = text_of(value);

    if (!text)
        w->ok = false;
    put(w, "  \"");
    put(w, key);
    put(w, "\": ");
    put(w, text ? text : "null");
    put(w, end);
    free(text);
}

/* Results as long as there is room with `reserve` bytes left; how many were written. */
static uint32_t put_results(struct writing *w, const struct leak_report *r,
                            const struct leak_format *f, uint64_t reserve)
{
    uint32_t limit = f->max_records && f->max_records < REPORT_LEAK_SARIF_RESULTS
                         ? f->max_records
                         : REPORT_LEAK_SARIF_RESULTS;
    struct linetexts steps;
    struct strbuf text;
    uint32_t i;

    linetexts_init(&steps, r, flow_step, f);
    strbuf_init(&text);
    for (i = 0; w->ok && i < r->record_count && i < limit; i++) {
        strbuf_clear(&text);
        add_result(&text, f, &r->records[i], &steps);
        w->ok = !text.failed;
        if (!w->ok || w->bytes + text.length + 8 + reserve > REPORT_LEAK_SARIF_BYTES)
            break;
        put(w, i ? ",\n    " : "\n    ");
        put(w, strbuf_text(&text));
    }
    strbuf_release(&text);
    linetexts_release(&steps);
    return i;
}

int report_leak_sarif(FILE *out, const struct leak_report *r, const struct leak_format *f,
                      struct error *e)
{
    struct writing w = {.out = out, .ok = true};
    char *longest = text_of(invocations(r, UINT32_MAX)); /* what follows the results */
    uint32_t written;

    w.ok = longest != NULL;
    put(&w, "{\n\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n"
            "\"version\": \"2.1.0\",\n\"runs\": [{\n");
    put_member(&w, "tool", tool(r, f), ",\n");
    put_member(&w, "originalUriBaseIds", bases(f), ",\n");
    put_member(&w, "columnKind", json_string("utf16CodeUnits"), ",\n");
    put(&w, "  \"results\": [");
    written = put_results(&w, r, f, longest ? strlen(longest) + 64 : 64);
    put(&w, written ? "\n  ],\n" : "],\n");
    put_member(&w, "invocations", invocations(r, r->record_count - written), "\n}]\n}\n");
    free(longest);
    return report_leak_end(out, w.ok, "SARIF", e);
}
