// SPDX-License-Identifier: Apache-2.0
#include "src/host/report-json.h"

#include "src/host/strbuf.h"
#include "src/host/utf8.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <jansson.h>

/*
 * A JSON string; bytes that are no UTF-8 become U+FFFD, since JSON has no way
 * to say them.  Unknown ("") is null.
 */
static json_t *text(const char *s)
{
    struct strbuf repaired;
    json_t *value;

    if (*s == '\0')
        return json_null();
    value = json_string(s);
    if (value)
        return value;
    strbuf_init(&repaired);
    while (*s) {
        uint32_t code;
        size_t length = utf8_decode(s, &code);

        if (length)
            strbuf_add_length(&repaired, s, length);
        else
            strbuf_add(&repaired, "\xef\xbf\xbd");
        s += length ? length : 1;
    }
    value = repaired.failed ? NULL : json_string(strbuf_text(&repaired));
    strbuf_release(&repaired);
    return value;
}

static json_t *id_text(const struct profile *p, string_id id)
{
    return text(profile_text(p, id));
}

/* No number here comes near 2^63: jansson's integers are signed. */
static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *address(uint64_t value)
{
    return json_sprintf("0x%" PRIx64, value);
}

/* An object being filled.  One failure (out of memory) fails it and whatever holds it. */
struct object {
    json_t *json;
    bool failed;
};

static struct object object_begin(void)
{
    json_t *json = json_object();

    return (struct object){json, !json};
}

static void set(struct object *o, const char *key, json_t *value)
{
    if (json_object_set_new(o->json, key, value) != 0)
        o->failed = true;
}

static json_t *object_end(struct object *o)
{
    if (!o->failed)
        return o->json;
    json_decref(o->json);
    return NULL;
}

/* Append an ended object; NULL when that or the object failed, the list then being gone. */
static json_t *append(json_t *list, json_t *value)
{
    if (list && json_array_append_new(list, value) == 0)
        return list;
    json_decref(list);
    return NULL;
}

/* ------------------------------------------------------------ document -- */

static json_t *process_object(const struct profile *p)
{
    const struct profile_process *process = &p->process;
    bool exited = process->exit_kind == EXIT_STATUS, killed = process->exit_kind == EXIT_SIGNAL;
    struct object o = object_begin();

    set(&o, "command", id_text(p, process->command));
    set(&o, "program", id_text(p, process->program));
    set(&o, "executable", id_text(p, process->executable));
    set(&o, "pid", json_integer(process->pid));
    set(&o, "exit_status", exited ? json_integer(process->exit_value) : json_null());
    set(&o, "signal", killed ? json_integer(process->exit_value) : json_null());
    set(&o, "executed", json_boolean(process->exit_kind == EXIT_EXECUTED));
    set(&o, "seconds", json_real(process->seconds));
    set(&o, "started_unix", json_integer(process->started_unix));
    set(&o, "host", id_text(p, process->host));
    set(&o, "memprof_version", id_text(p, process->memprof_version));
    return object_end(&o);
}

static json_t *totals_object(const struct profile *p)
{
    const struct profile_totals *t = &p->totals;
    struct object o = object_begin();

    set(&o, "live_bytes", number(t->live_bytes));
    set(&o, "live_blocks", number(t->live_blocks));
    set(&o, "peak_bytes", number(t->peak_bytes));
    set(&o, "peak_blocks", number(t->peak_blocks));
    set(&o, "peak_seconds", json_real(t->peak_seconds));
    set(&o, "total_bytes", number(t->total_bytes));
    set(&o, "total_blocks", number(t->total_blocks));
    set(&o, "freed_bytes", number(t->freed_bytes));
    set(&o, "freed_blocks", number(t->freed_blocks));
    set(&o, "temporary_bytes", number(t->temporary_bytes));
    set(&o, "temporary_blocks", number(t->temporary_blocks));
    set(&o, "failed_blocks", number(t->failed_blocks));
    set(&o, "mmap_live_bytes", number(t->mmap_live_bytes));
    set(&o, "mmap_peak_bytes", number(t->mmap_peak_bytes));
    set(&o, "mmap_total_bytes", number(t->mmap_total_bytes));
    set(&o, "rss_peak_bytes", number(t->rss_peak_bytes));
    set(&o, "dropped", number(p->loss.dropped));
    return object_end(&o);
}

static json_t *loss_object(const struct profile *p)
{
    const struct profile_loss *l = &p->loss;
    struct object o = object_begin();

    set(&o, "dropped", number(l->dropped));
    set(&o, "bootstrap_blocks", number(l->bootstrap_blocks));
    set(&o, "bootstrap_bytes", number(l->bootstrap_bytes));
    set(&o, "nested_blocks", number(l->nested_blocks));
    set(&o, "unknown_frees", number(l->unknown_frees));
    set(&o, "replaced_blocks", number(l->replaced_blocks));
    set(&o, "stacks_truncated", number(l->stacks_truncated));
    set(&o, "stacks_lost", number(l->stacks_lost));
    set(&o, "modules_lost", number(l->modules_lost));
    set(&o, "damaged_records", number(l->damaged_records));
    set(&o, "forked_children", number(l->forked_children));
    set(&o, "verified", number(l->verified));
    set(&o, "verify_mismatch", number(l->verify_mismatch));
    set(&o, "verify_skipped", number(l->verify_skipped));
    set(&o, "slow_steps", number(l->slow_steps));
    set(&o, "incomplete", json_boolean(p->incomplete));
    return object_end(&o);
}

static json_t *domain_text(uint32_t domain)
{
    return json_string(domain == DOMAIN_HEAP ? "heap" : domain == DOMAIN_MMAP ? "mmap" : "all");
}

static json_t *view_object(const struct view *v)
{
    static const char *const groups[] = {"line",   "function", "file",
                                         "module", "thread",   "traceback"};
    static const char *const orders[] = {"peak", "live", "total", "count", "temporary"};
    struct object o = object_begin();

    set(&o, "group_by", json_string(groups[v->options.group]));
    set(&o, "by", json_string(orders[v->options.order]));
    set(&o, "domain", domain_text(v->options.domain));
    set(&o, "size", number(v->whole.bytes));
    set(&o, "count", number(v->whole.blocks));
    set(&o, "rest_rows", number(v->rest_count));
    set(&o, "rest_size", number(v->rest.bytes));
    set(&o, "rest_count", number(v->rest.blocks));
    return object_end(&o);
}

static json_t *timeline_array(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->sample_count; i++) {
        const struct profile_sample *sample = &p->samples[i];
        struct object o = object_begin();

        set(&o, "seconds", json_real(sample->seconds));
        set(&o, "live_bytes", number(sample->live_bytes));
        set(&o, "live_blocks", number(sample->live_blocks));
        set(&o, "rss_bytes", number(sample->rss_bytes));
        list = append(list, object_end(&o));
    }
    return list;
}

/* ---------------------------------------------------------------- rows -- */

/* function, file, line, module of one line; only what the grouping fixes when it is a row. */
static void set_place(struct object *o, const struct profile *p, uint32_t index, uint32_t frame,
                      bool has_file, bool has_line, bool has_function)
{
    const struct profile_line *line = index < p->line_count ? &p->lines[index] : NULL;
    uint32_t module = view_frame_module(p, frame);

    set(o, "function", line && has_function ? id_text(p, line->function) : json_null());
    set(o, "file", line && has_file ? id_text(p, line->file) : json_null());
    set(o, "line", line && has_line && line->line ? number(line->line) : json_null());
    set(o, "module", module == NO_MODULE ? json_null() : id_text(p, p->modules[module].path));
}

static json_t *append_frame(json_t *list, const struct profile *p, uint32_t frame)
{
    const struct profile_frame *f = &p->frames[frame];

    for (uint32_t i = f->first_line; i < f->first_line + f->line_count; i++) {
        struct object o = object_begin();

        set_place(&o, p, i, frame, true, true, true);
        set(&o, "address", address(frame_pc(f->value)));
        set(&o, "offset", address(p->lines[i].offset));
        set(&o, "inlined", json_boolean(p->lines[i].flags & LINE_INLINED));
        list = append(list, object_end(&o));
    }
    return list;
}

static void set_traceback(struct object *o, const struct profile *p, uint32_t node)
{
    json_t *list = json_array();

    for (; node >= STACK_ROOTS && node < p->node_count; node = p->nodes[node].parent)
        if (p->nodes[node].frame < p->frame_count && !view_frame_is_ours(p, p->nodes[node].frame))
            list = append_frame(list, p, p->nodes[node].frame);
    set(o, "traceback", list);
    set(o, "traceback_whole", json_boolean(node == STACK_ROOT_WHOLE));
}

static void set_stats(struct object *o, const struct profile_stats *s)
{
    set(o, "live_bytes", number(s->live_bytes));
    set(o, "live_blocks", number(s->live_blocks));
    set(o, "peak_bytes", number(s->peak_bytes));
    set(o, "peak_blocks", number(s->peak_blocks));
    set(o, "total_bytes", number(s->total_bytes));
    set(o, "total_blocks", number(s->total_blocks));
    set(o, "temporary_bytes", number(s->temporary_bytes));
    set(o, "temporary_blocks", number(s->temporary_blocks));
    set(o, "smallest", s->smallest > s->largest ? json_null() : number(s->smallest));
    set(o, "largest", s->smallest > s->largest ? json_null() : number(s->largest));
}

static json_t *thread_value(const struct profile *p, enum view_group group, uint32_t index)
{
    struct object o;

    if (group != VIEW_THREAD || index >= p->thread_count)
        return json_null();
    o = object_begin();
    set(&o, "tid", json_integer(p->threads[index].tid));
    set(&o, "name", id_text(p, p->threads[index].name));
    return object_end(&o);
}

static json_t *row_object(const struct profile *p, const struct view *v, const struct view_row *row)
{
    enum view_group group = v->options.group;
    bool exact = group == VIEW_LINE || group == VIEW_TRACEBACK;
    bool by_thread = group == VIEW_THREAD;
    struct object o = object_begin();

    set(&o, "size", number(row->amount.bytes));
    set(&o, "count", number(row->amount.blocks));
    set_place(&o, p, by_thread ? VIEW_NO_LINE : row->line, by_thread ? NO_FRAME : row->frame,
              exact || group == VIEW_FILE || group == VIEW_FUNCTION, exact,
              exact || group == VIEW_FUNCTION);
    set(&o, "thread", thread_value(p, group, row->thread));
    set_stats(&o, &row->stats);
    set_traceback(&o, p, row->node);
    return object_end(&o);
}

/* -------------------------------------------------------------- writing -- */

/* Write one value, NULL if it failed, and drop it. */
static bool dump(FILE *out, json_t *value)
{
    bool ok = value && json_dumpf(value, out, JSON_COMPACT) == 0;

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

static bool write_rows(FILE *out, const struct profile *p, const struct view *v)
{
    for (size_t i = 0; i < v->row_count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        if (!dump(out, row_object(p, v, &v->rows[i])))
            return false;
    }
    return true;
}

int report_json_write(FILE *out, const struct profile *p, const struct view *v, struct error *e)
{
    bool ok;

    fprintf(out, "{\n  \"schema_version\": %d,\n", REPORT_JSON_SCHEMA);
    ok = member(out, "process", process_object(p)) && member(out, "totals", totals_object(p)) &&
         member(out, "loss", loss_object(p)) && member(out, "view", view_object(v)) &&
         member(out, "timeline", timeline_array(p));
    if (ok) {
        fputs("  \"stats\": [", out);
        ok = write_rows(out, p, v);
        fputs(v->row_count ? "\n  ]\n}\n" : "]\n}\n", out);
    }
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the JSON report");
    return ok ? 0 : error_set(e, ERROR_MEMORY, "out of memory while writing the JSON report");
}
