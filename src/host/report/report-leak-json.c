// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/linetexts.h"
#include "src/host/report/report-leak.h"
#include "src/host/text/jsontext.h"
#include "src/host/text/jsonvalue.h"

int report_leak_end(FILE *out, bool ok, const char *format, struct error *e)
{
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the leaks as %s", format);
    return ok ? 0
              : error_set(e, ERROR_MEMORY, "out of memory while writing the leaks as %s", format);
}

#define PIECE                                                                                      \
    262144u /* so many bytes at a time are as good as any, and no buffer is in between             \
             */

static json_t *amount_object(const struct leak_amount *a)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "bytes", jsonvalue_number(a->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(a->blocks));
    return jsonobject_end(&o);
}

static json_t *leaks_object(const struct leak_report *r)
{
    struct jsonobject o = jsonobject_begin();

    for (enum leak_kind k = 0; k < LEAK_KINDS; k++)
        jsonobject_set(&o, leak_kind_name(k), amount_object(&r->kinds[k]));
    jsonobject_set(&o, "suppressed", amount_object(&r->suppressed));
    return jsonobject_end(&o);
}

static json_t *heap_object(const struct leak_heap *h)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "total_allocs", jsonvalue_number(h->total_allocs));
    jsonobject_set(&o, "total_frees", jsonvalue_number(h->total_frees));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(h->total_bytes));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(h->peak_bytes));
    jsonobject_set(&o, "end_bytes", jsonvalue_number(h->end_bytes));
    jsonobject_set(&o, "end_blocks", jsonvalue_number(h->end_blocks));
    return jsonobject_end(&o);
}

static json_t *notes_array(const struct leak_report *r)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < r->note_count; i++)
        list = jsonlist_append(list, jsonvalue_text(r->notes[i]));
    return list;
}

static void write_line(struct strbuf *out, const struct leak_line *l, const void *context)
{
    (void)context;
    strbuf_add(out, "{");
    jsontext_set_string(out, "function", l->function);
    jsontext_set_string(out, "file", l->file);
    jsontext_set_number_or_null(out, "line", l->line);
    jsontext_set_string(out, "module", l->module);
    jsontext_key(out, "address");
    if (l->address)
        jsontext_address(out, l->address);
    else
        strbuf_add(out, "null");
    jsontext_key(out, "inlined");
    jsontext_bool(out, l->inlined);
    strbuf_add(out, "}");
}

static void write_ages(struct strbuf *out, const struct leak_record *record)
{
    static const char *const names[LEAK_AGES] = {"young", "middle", "old"};

    jsontext_key(out, "ages");
    strbuf_add(out, "{");
    for (unsigned i = 0; i < LEAK_AGES; i++) {
        jsontext_key(out, names[i]);
        strbuf_add(out, "{");
        jsontext_set_number(out, "bytes", record->ages[i].bytes);
        jsontext_set_number(out, "blocks", record->ages[i].blocks);
        strbuf_add(out, "}");
    }
    strbuf_add(out, "}");
}

static void write_stack(struct strbuf *out, const struct leak_record *record,
                        struct linetexts *lines)
{
    jsontext_key(out, "stack");
    strbuf_add(out, "[");
    for (uint32_t i = 0; i < record->stack_count; i++) {
        if (i)
            strbuf_add(out, ",");
        linetexts_add(lines, out, record->stack[i]);
    }
    strbuf_add(out, "]");
}

static void write_amounts(struct strbuf *out, const struct leak_record *record)
{
    jsontext_set_number(out, "bytes", record->bytes);
    jsontext_set_number(out, "blocks", record->blocks);
    jsontext_set_number(out, "indirect_bytes", record->indirect_bytes);
    jsontext_set_number(out, "indirect_blocks", record->indirect_blocks);
    jsontext_set_number(out, "smallest", record->smallest);
    jsontext_set_number(out, "largest", record->largest);
}

static void write_record(struct strbuf *out, const struct leak_record *record,
                         struct linetexts *lines)
{
    strbuf_add(out, "{");
    jsontext_set_string(out, "kind", leak_kind_name(record->kind));
    write_amounts(out, record);
    jsontext_key(out, "example");
    jsontext_address(out, record->example);
    jsontext_key(out, "first_seconds");
    jsontext_real(out, record->first_seconds);
    jsontext_key(out, "last_seconds");
    jsontext_real(out, record->last_seconds);
    jsontext_set_string(out, "thread", record->thread);
    jsontext_set_number_or_null(out, "threads", record->threads);
    jsontext_set_string(out, "held_by", record->held_by);
    jsontext_set_number(out, "cycle_blocks", record->cycle_blocks);
    jsontext_set_number_or_null(out, "retained_bytes", record->retained_bytes);
    write_ages(out, record);
    jsontext_key(out, "known");
    jsontext_bool(out, record->known);
    jsontext_set_string(out, "id", record->id);
    jsontext_set_string(out, "fingerprint", record->fingerprint);
    write_stack(out, record, lines);
    strbuf_add(out, "}");
}

static bool write_records(FILE *out, const struct leak_report *r, uint32_t shown)
{
    struct linetexts lines;
    struct strbuf text;
    bool ok = true;

    linetexts_init(&lines, r, write_line, NULL);
    strbuf_init(&text);
    fputs("  \"records\": [", out);
    for (uint32_t i = 0; ok && i < shown; i++) {
        strbuf_add(&text, i ? ",\n    " : "\n    ");
        write_record(&text, &r->records[i], &lines);
        ok = !text.failed;
        if (text.length < PIECE && i + 1 < shown)
            continue;
        fwrite(strbuf_text(&text), 1, text.length, out);
        strbuf_clear(&text);
    }
    fputs(shown ? "\n  ]" : "]", out);
    strbuf_release(&text);
    linetexts_release(&lines);
    return ok;
}

bool report_leak_json_members(FILE *out, const struct leak_report *r, uint32_t max_records)
{
    uint32_t shown = max_records && max_records < r->record_count ? max_records : r->record_count;
    bool ok =
        jsonvalue_write_member(out, "notes", notes_array(r)) &&
        jsonvalue_write_member(out, "leaks", leaks_object(r)) &&
        jsonvalue_write_member(out, "heap", heap_object(&r->heap)) &&
        jsonvalue_write_member(out, "held_seconds",
                               r->held_seconds >= 0 ? json_real(r->held_seconds) : json_null()) &&
        jsonvalue_write_member(out, "suppressed_records",
                               jsonvalue_number(r->suppressed_records)) &&
        jsonvalue_write_member(out, "omitted_records", jsonvalue_number(r->record_count - shown));

    return write_records(out, r, ok ? shown : 0) && ok;
}

int report_leak_json(FILE *out, const struct leak_report *r, const struct leak_format *f,
                     struct error *e)
{
    bool ok;

    fprintf(out, "{\n  \"schema_version\": %d,\n", REPORT_LEAK_SCHEMA);
    ok = jsonvalue_write_member(out, "command", jsonvalue_text(r->command)) &&
         jsonvalue_write_member(out, "memprof_version", jsonvalue_text(r->version)) &&
         jsonvalue_write_member(out, "seconds", json_real(r->seconds)) &&
         report_leak_json_members(out, r, f->max_records);
    fputs("\n}\n", out);
    return report_leak_end(out, ok, "JSON", e);
}
