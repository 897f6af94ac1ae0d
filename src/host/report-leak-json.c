// SPDX-License-Identifier: Apache-2.0
#include "src/host/jsonvalue.h"
#include "src/host/report-leak.h"

int report_leak_end(FILE *out, bool ok, const char *format, struct error *e)
{
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the leaks as %s", format);
    return ok ? 0
              : error_set(e, ERROR_MEMORY, "out of memory while writing the leaks as %s", format);
}

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

static json_t *line_object(const struct leak_line *l)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "function", jsonvalue_text(l->function));
    jsonobject_set(&o, "file", jsonvalue_text(l->file));
    jsonobject_set(&o, "line", l->line ? jsonvalue_number(l->line) : json_null());
    jsonobject_set(&o, "module", jsonvalue_text(l->module));
    jsonobject_set(&o, "address", l->address ? jsonvalue_address(l->address) : json_null());
    jsonobject_set(&o, "inlined", json_boolean(l->inlined));
    return jsonobject_end(&o);
}

static json_t *stack_array(const struct leak_record *record)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < record->stack_count; i++)
        list = jsonlist_append(list, line_object(&record->stack[i]));
    return list;
}

static json_t *ages_object(const struct leak_record *record)
{
    static const char *const names[LEAK_AGES] = {"young", "middle", "old"};
    struct jsonobject o = jsonobject_begin();

    for (unsigned i = 0; i < LEAK_AGES; i++)
        jsonobject_set(&o, names[i], amount_object(&record->ages[i]));
    return jsonobject_end(&o);
}

static json_t *record_object(const struct leak_record *record)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "kind", json_string(leak_kind_name(record->kind)));
    jsonobject_set(&o, "bytes", jsonvalue_number(record->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(record->blocks));
    jsonobject_set(&o, "indirect_bytes", jsonvalue_number(record->indirect_bytes));
    jsonobject_set(&o, "indirect_blocks", jsonvalue_number(record->indirect_blocks));
    jsonobject_set(&o, "smallest", jsonvalue_number(record->smallest));
    jsonobject_set(&o, "largest", jsonvalue_number(record->largest));
    jsonobject_set(&o, "example", jsonvalue_address(record->example));
    jsonobject_set(&o, "first_seconds", json_real(record->first_seconds));
    jsonobject_set(&o, "last_seconds", json_real(record->last_seconds));
    jsonobject_set(&o, "thread", jsonvalue_text(record->thread));
    jsonobject_set(&o, "threads",
                   record->threads ? jsonvalue_number(record->threads) : json_null());
    jsonobject_set(&o, "held_by", jsonvalue_text(record->held_by));
    jsonobject_set(&o, "cycle_blocks", jsonvalue_number(record->cycle_blocks));
    jsonobject_set(&o, "retained_bytes",
                   record->retained_bytes ? jsonvalue_number(record->retained_bytes) : json_null());
    jsonobject_set(&o, "ages", ages_object(record));
    jsonobject_set(&o, "known", json_boolean(record->known));
    jsonobject_set(&o, "id", json_string(record->id));
    jsonobject_set(&o, "fingerprint", json_string(record->fingerprint));
    jsonobject_set(&o, "stack", stack_array(record));
    return jsonobject_end(&o);
}

static bool dump(FILE *out, json_t *value)
{
    bool ok = value && json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;

    json_decref(value);
    return ok;
}

static bool member(FILE *out, const char *key, json_t *value)
{
    fprintf(out, "  \"%s\": ", key);
    if (!dump(out, value))
        return false;
    fputs(",\n", out);
    return true;
}

bool report_leak_json_members(FILE *out, const struct leak_report *r, uint32_t max_records)
{
    uint32_t shown = max_records && max_records < r->record_count ? max_records : r->record_count;
    bool ok = member(out, "notes", notes_array(r)) && member(out, "leaks", leaks_object(r)) &&
              member(out, "heap", heap_object(&r->heap)) &&
              member(out, "suppressed_records", jsonvalue_number(r->suppressed_records)) &&
              member(out, "omitted_records", jsonvalue_number(r->record_count - shown));

    fputs("  \"records\": [", out);
    for (uint32_t i = 0; ok && i < shown; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        ok = dump(out, record_object(&r->records[i]));
    }
    fputs(shown ? "\n  ]" : "]", out);
    return ok;
}

int report_leak_json(FILE *out, const struct leak_report *r, const struct leak_format *f,
                     struct error *e)
{
    bool ok;

    fprintf(out, "{\n  \"schema_version\": %d,\n", REPORT_LEAK_SCHEMA);
    ok = member(out, "command", jsonvalue_text(r->command)) &&
         member(out, "memprof_version", jsonvalue_text(r->version)) &&
         member(out, "seconds", json_real(r->seconds)) &&
         report_leak_json_members(out, r, f->max_records);
    fputs("\n}\n", out);
    return report_leak_end(out, ok, "JSON", e);
}
