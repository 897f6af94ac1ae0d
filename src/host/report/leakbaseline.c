// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/leakbaseline.h"

#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/text/jsonvalue.h"

#include <stdlib.h>
#include <string.h>

void leakbaseline_init(struct leakbaseline *b)
{
    *b = (struct leakbaseline){0};
}

void leakbaseline_release(struct leakbaseline *b)
{
    free(b->entries);
    leakbaseline_init(b);
}

/* ---------------------------------------------------------------- reading -- */

static bool is_fingerprint(const char *text)
{
    return text && strlen(text) == LEAK_FINGERPRINT - 1 &&
           strspn(text, "0123456789abcdef") == LEAK_FINGERPRINT - 1;
}

static int bad(struct error *e, const char *path, const char *what)
{
    return error_set(e, ERROR_FORMAT, "%s: not a file of known leaks: %s", path, what);
}

static int read_entry(struct leakbaseline *b, const json_t *value, const char *path,
                      struct error *e)
{
    const char *fingerprint = json_string_value(json_object_get(value, "fingerprint"));
    const json_t *records = json_object_get(value, "records");
    json_int_t count = records ? json_integer_value(records) : 1;

    if (!is_fingerprint(fingerprint))
        return bad(e, path, "a leak has no fingerprint of 32 hexadecimal digits");
    if ((records && !json_is_integer(records)) || count < 1 || count > UINT32_MAX)
        return bad(e, path, "'records' is not a number from 1 on");
    memcpy(b->entries[b->count].fingerprint, fingerprint, LEAK_FINGERPRINT);
    b->entries[b->count++].records = (uint32_t)count;
    return 0;
}

static int by_fingerprint(const void *a, const void *b)
{
    const struct leakbaseline_entry *left = a, *right = b;

    return strcmp(left->fingerprint, right->fingerprint);
}

/* The same fingerprint twice, as after a merge of two branches, counts as the larger number. */
static void merge_entries(struct leakbaseline *b)
{
    uint32_t kept = 0;

    if (b->count)
        qsort(b->entries, b->count, sizeof *b->entries, by_fingerprint);
    for (uint32_t i = 0; i < b->count; i++) {
        struct leakbaseline_entry *last = kept ? &b->entries[kept - 1] : NULL;

        if (last && strcmp(last->fingerprint, b->entries[i].fingerprint) == 0) {
            if (last->records < b->entries[i].records)
                last->records = b->entries[i].records;
        } else {
            b->entries[kept++] = b->entries[i];
        }
    }
    b->count = kept;
}

static int read_document(struct leakbaseline *b, const json_t *document, const char *path,
                         struct error *e)
{
    const json_t *leaks = json_object_get(document, "leaks");
    const json_t *version = json_object_get(document, "memprof_known_leaks");
    const json_t *value;
    size_t i;

    if (!json_is_integer(version) || !json_is_array(leaks))
        return bad(e, path, "memprof check --update-baseline writes one");
    if (json_integer_value(version) != LEAKBASELINE_VERSION)
        return bad(e, path, "it is of a version that this memprof does not know");
    b->entries = calloc(json_array_size(leaks) + 1, sizeof *b->entries);
    if (!b->entries)
        return error_set(e, ERROR_MEMORY, "out of memory while reading %s", path);
    json_array_foreach(leaks, i, value)
    {
        if (read_entry(b, value, path, e) != 0)
            return -1;
    }
    merge_entries(b);
    return 0;
}

/* The bytes of a file, at most LEAKBASELINE_BYTES_MAX; NULL with `e` set. */
static char *read_all(const char *path, size_t *size, struct error *e)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;

    if (!in) {
        error_set(e, ERROR_SYSTEM, "cannot open the known leaks in %s", path);
        return NULL;
    }
    *size = 0;
    for (size_t room = 65536;; room *= 2) {
        char *larger = realloc(text, room);

        if (!larger) {
            error_set(e, ERROR_MEMORY, "out of memory while reading %s", path);
            break;
        }
        text = larger;
        *size += fread(text + *size, 1, room - *size, in);
        if (*size < room && !ferror(in)) {
            fclose(in);
            return text;
        }
        if (ferror(in) || room >= LEAKBASELINE_BYTES_MAX) {
            if (ferror(in))
                error_set(e, ERROR_SYSTEM, "cannot read the known leaks in %s", path);
            else
                bad(e, path, "it is larger than 64 MiB");
            break;
        }
    }
    fclose(in);
    free(text);
    return NULL;
}

int leakbaseline_read(struct leakbaseline *b, const char *path, struct error *e)
{
    json_error_t where;
    json_t *document;
    size_t size;
    char *text;
    int result;

    leakbaseline_init(b);
    text = read_all(path, &size, e);
    if (!text)
        return -1;
    document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    free(text);
    if (!document)
        return error_set(e, ERROR_FORMAT, "%s:%d: not JSON: %s", path, where.line, where.text);
    result = read_document(b, document, path, e);
    json_decref(document);
    if (result != 0)
        leakbaseline_release(b);
    return result;
}

/* --------------------------------------------------------------- applying -- */

uint32_t leakbaseline_apply(struct leakbaseline *b, struct leak_report *r)
{
    uint32_t unused = 0;

    for (uint32_t i = 0; i < b->count; i++)
        b->entries[i].seen = 0;
    for (uint32_t i = 0; i < r->record_count; i++) {
        struct leak_record *record = &r->records[i];
        struct leakbaseline_entry key, *entry;

        memcpy(key.fingerprint, record->fingerprint, sizeof key.fingerprint);
        entry = b->count ? bsearch(&key, b->entries, b->count, sizeof key, by_fingerprint) : NULL;
        record->known = entry && entry->seen < entry->records;
        if (record->known) {
            entry->seen++;
            entry->shown = true;
        }
    }
    for (uint32_t i = 0; i < b->count; i++)
        unused += !b->entries[i].shown;
    return unused;
}

/* ---------------------------------------------------------------- writing -- */

static json_t *place_text(const struct leak_record *record)
{
    struct strbuf text;
    json_t *value;

    strbuf_init(&text);
    if (record->stack_count)
        leak_text_line(&text, record->stack[0]);
    value = text.failed ? NULL : jsonvalue_text(strbuf_text(&text));
    strbuf_release(&text);
    return value;
}

/* One entry stands for all records with its fingerprint; the largest has what people read. */
static json_t *entry_object(const struct leak_record **list, uint32_t count)
{
    uint64_t bytes = 0, blocks = 0;
    struct jsonobject o = jsonobject_begin();

    for (uint32_t i = 0; i < count; i++) {
        bytes += list[i]->bytes;
        blocks += list[i]->blocks;
    }
    jsonobject_set(&o, "fingerprint", json_string(list[0]->fingerprint));
    jsonobject_set(&o, "kind", json_string(leak_kind_name(list[0]->kind)));
    jsonobject_set(&o, "records", jsonvalue_number(count));
    jsonobject_set(&o, "bytes", jsonvalue_number(bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(blocks));
    jsonobject_set(&o, "place", place_text(list[0]));
    return jsonobject_end(&o);
}

/* A file under version control should not change its order with the sizes. */
static int by_print(const void *a, const void *b)
{
    const struct leak_record *const *left = a, *const *right = b;
    int order = strcmp((*left)->fingerprint, (*right)->fingerprint);

    return order ? order : (*left)->ordinal < (*right)->ordinal ? -1 : 1;
}

static const struct leak_record **sorted(const struct leak_report *r, uint32_t kinds,
                                         uint32_t *count)
{
    const struct leak_record **list = calloc((size_t)r->record_count + 1, sizeof *list);

    *count = 0;
    if (!list)
        return NULL;
    for (uint32_t i = 0; i < r->record_count; i++)
        if (kinds & LEAK_KIND_BIT(r->records[i].kind))
            list[(*count)++] = &r->records[i];
    if (*count)
        qsort(list, *count, sizeof *list, by_print);
    return list;
}

/* How many from the first on have one fingerprint. */
static uint32_t same_print(const struct leak_record **list, uint32_t count)
{
    uint32_t same = 1;

    while (same < count && strcmp(list[same]->fingerprint, list[0]->fingerprint) == 0)
        same++;
    return same;
}

/* The report's leaks, an entry a fingerprint in their order; -1: no memory. */
static int make_entries(struct leakbaseline_draft *d, const struct leak_report *r, uint32_t kinds)
{
    uint32_t count, same;
    const struct leak_record **list = sorted(r, kinds, &count);
    bool made;

    leakbaseline_draft_init(d);
    d->entries = calloc((size_t)count + 1, sizeof *d->entries);
    for (uint32_t i = 0; list && d->entries && i < count; i += same) {
        struct leakbaseline_drafted *to = &d->entries[d->count++];

        same = same_print(list + i, count - i);
        memcpy(to->fingerprint, list[i]->fingerprint, LEAK_FINGERPRINT);
        to->records = same;
        to->object = entry_object(list + i, same);
        if (!to->object)
            break;
    }
    made = list && d->entries && (d->count == 0 || d->entries[d->count - 1].object);
    free(list);
    if (made)
        return 0;
    leakbaseline_draft_release(d);
    return -1;
}

/* Of two processes' entries with one fingerprint the one with more records stays. */
static void keep_larger(struct leakbaseline_drafted *to, const struct leakbaseline_drafted *other)
{
    const struct leakbaseline_drafted both[2] = {*to, *other};
    bool larger = other->records > to->records;

    *to = both[larger];
    json_decref(both[!larger].object);
}

/* Merge two sorted lists of entries into `to`, which has room; how many there are. */
static uint32_t merge_drafts(struct leakbaseline_drafted *to, const struct leakbaseline_draft *a,
                             const struct leakbaseline_draft *b)
{
    uint32_t count = 0, i = 0, k = 0;

    while (i < a->count || k < b->count) {
        int order = i == a->count   ? 1
                    : k == b->count ? -1
                                    : strcmp(a->entries[i].fingerprint, b->entries[k].fingerprint);

        to[count] = order <= 0 ? a->entries[i++] : b->entries[k++];
        if (order == 0)
            keep_larger(&to[count], &b->entries[k++]);
        count++;
    }
    return count;
}

void leakbaseline_draft_init(struct leakbaseline_draft *d)
{
    *d = (struct leakbaseline_draft){0};
}

void leakbaseline_draft_release(struct leakbaseline_draft *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        json_decref(d->entries[i].object);
    free(d->entries);
    leakbaseline_draft_init(d);
}

int leakbaseline_draft_add(struct leakbaseline_draft *d, const struct leak_report *r,
                           uint32_t kinds, struct error *e)
{
    struct leakbaseline_drafted *all;
    struct leakbaseline_draft more;

    if (make_entries(&more, r, kinds) != 0)
        return error_set(e, ERROR_MEMORY, "out of memory for the known leaks");
    all = calloc((size_t)d->count + more.count + 1, sizeof *all);
    if (!all) {
        leakbaseline_draft_release(&more);
        return error_set(e, ERROR_MEMORY, "out of memory for the known leaks");
    }
    d->count = merge_drafts(all, d, &more);
    free(more.entries);
    free(d->entries);
    d->entries = all;
    return 0;
}

uint64_t leakbaseline_draft_records(const struct leakbaseline_draft *d)
{
    uint64_t records = 0;

    for (uint32_t i = 0; i < d->count; i++)
        records += d->entries[i].records;
    return records;
}

int leakbaseline_write(FILE *out, const struct leakbaseline_draft *d, struct error *e)
{
    bool ok = true;

    fprintf(out, "{\"memprof_known_leaks\": %d,\n \"leaks\": [", LEAKBASELINE_VERSION);
    for (uint32_t i = 0; ok && i < d->count; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        ok = json_dumpf(d->entries[i].object, out, JSON_COMPACT) == 0;
    }
    fputs("\n]}\n", out);
    return report_leak_end(out, ok, "known leaks", e);
}
