// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-json.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-faults.h"
#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-leak.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/view/filter.h"
#include "src/shared/guarded.h"
#include "src/shared/record.h"

/* ------------------------------------------------------------ document -- */

static json_t *domain_text(const struct profile *p, uint32_t domain)
{
    if (domain == VIEW_ALL_DOMAINS || domain == VIEW_EVERY_DOMAIN)
        return json_string("all");
    return jsonvalue_text(domain_name(p, domain));
}

/* "exit", "peak", or the number, label and cause of a snapshot; and when it was. */
static json_t *moment_object(const struct profile *p, struct moment moment)
{
    bool timed = moment.place != MOMENT_AT_PEAK || !p->process.merged;
    struct jsonobject o;

    if (moment.place == MOMENT_LISTED)
        return report_json_snapshot(p, moment.index);
    o = jsonobject_begin();
    jsonobject_set(&o, "number", json_null());
    jsonobject_set(&o, "label", json_string(moment.place == MOMENT_AT_PEAK ? "peak" : "exit"));
    jsonobject_set(&o, "cause", json_null());
    jsonobject_set(&o, "seconds", timed ? json_real(moment_seconds(p, moment)) : json_null());
    return jsonobject_end(&o);
}

static json_t *view_object(const struct profile *p, const struct view *v)
{
    const struct view_options *options = &v->options;
    bool sums = !options->cumulative;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "group_by", json_string(view_group_word(options->group)));
    jsonobject_set(&o, "by", json_string(view_order_word(options->order)));
    jsonobject_set(&o, "domain", domain_text(p, options->domain));
    jsonobject_set(&o, "snapshot", moment_object(p, options->moment));
    jsonobject_set(&o, "cumulative", json_boolean(options->cumulative));
    jsonobject_set(&o, "reverse", json_boolean(options->reverse));
    jsonobject_set(&o, "min_size", jsonvalue_number(options->min_bytes));
    jsonobject_set(&o, "include", report_json_patterns(options->filter, true));
    jsonobject_set(&o, "exclude", report_json_patterns(options->filter, false));
    jsonobject_set(&o, "all_frames", json_boolean(options->filter && options->filter->all_frames));
    jsonobject_set(&o, "size", jsonvalue_number(v->whole.bytes));
    jsonobject_set(&o, "count", jsonvalue_number(v->whole.blocks));
    jsonobject_set(&o, "rest_rows", jsonvalue_number(v->rest_count));
    jsonobject_set(&o, "rest_size", sums ? jsonvalue_number(v->rest.bytes) : json_null());
    jsonobject_set(&o, "rest_count", sums ? jsonvalue_number(v->rest.blocks) : json_null());
    jsonobject_set(&o, "filtered_size", jsonvalue_number(v->filtered.bytes));
    jsonobject_set(&o, "filtered_count", jsonvalue_number(v->filtered.blocks));
    return jsonobject_end(&o);
}

/* ---------------------------------------------------------------- rows -- */

/* null: not known at the moment */
static json_t *known(uint64_t n, bool is_known)
{
    return is_known ? jsonvalue_number(n) : json_null();
}

/* At the peak only what was live then is known. */
static void set_stats(struct jsonobject *o, const struct profile_stats *s, bool at_peak)
{
    bool sizes = s->smallest <= s->largest;

    jsonobject_set(o, "live_bytes", jsonvalue_number(s->live_bytes));
    jsonobject_set(o, "live_blocks", jsonvalue_number(s->live_blocks));
    jsonobject_set(o, "peak_bytes", known(s->peak_bytes, !at_peak));
    jsonobject_set(o, "peak_blocks", known(s->peak_blocks, !at_peak));
    jsonobject_set(o, "total_bytes", known(s->total_bytes, !at_peak));
    jsonobject_set(o, "total_blocks", known(s->total_blocks, !at_peak));
    jsonobject_set(o, "temporary_bytes", known(s->temporary_bytes, !at_peak));
    jsonobject_set(o, "temporary_blocks", known(s->temporary_blocks, !at_peak));
    jsonobject_set(o, "smallest", known(s->smallest, sizes));
    jsonobject_set(o, "largest", known(s->largest, sizes));
}

static json_t *row_object(const struct profile *p, const struct view *v, const struct view_row *row,
                          const struct stack_choice *stack)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "size", jsonvalue_number(row->amount.bytes));
    jsonobject_set(&o, "count", jsonvalue_number(row->amount.blocks));
    report_json_set_row(&o, p, v->options.group, row);
    set_stats(&o, &row->stats, v->options.moment.place == MOMENT_AT_PEAK);
    report_json_set_traceback(&o, p, row->node, stack);
    return jsonobject_end(&o);
}

/* ------------------------------------------------------------- modules -- */

static json_t *build_id(const struct profile_module *m)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * sizeof m->build_id + 1] = "";

    if (m->build_id_size == 0 || m->build_id_size > sizeof m->build_id)
        return json_null();
    for (uint32_t i = 0; i < m->build_id_size; i++) {
        text[2 * i] = digits[m->build_id[i] >> 4];
        text[2 * i + 1] = digits[m->build_id[i] & 15];
    }
    text[2 * m->build_id_size] = '\0';
    return json_string(text);
}

static json_t *modules(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->module_count; i++) {
        struct jsonobject o = jsonobject_begin();

        jsonobject_set(&o, "path", report_json_string(p, p->modules[i].path));
        jsonobject_set(&o, "build_id", build_id(&p->modules[i]));
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

/* -------------------------------------------------------------- writing -- */

static bool write_rows(FILE *out, const struct profile *p, const struct view *v,
                       const struct stack_choice *stack)
{
    for (size_t i = 0; i < v->row_count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        if (!jsonvalue_write_piece(out, row_object(p, v, &v->rows[i], stack)))
            return false;
    }
    return true;
}

/* A stack with its "traceback", or null where it is not known. */
static json_t *fault_stack(const struct profile *p, uint32_t node, const struct stack_choice *stack)
{
    struct jsonobject o;

    if (!node)
        return json_null();
    o = jsonobject_begin();
    report_json_set_traceback(&o, p, node, stack);
    return jsonobject_end(&o);
}

static json_t *fault_object(const struct profile *p, const struct profile_fault *f,
                            const struct stack_choice *stack)
{
    bool placed = f->kind == GUARDED_OVERRUN || f->kind == GUARDED_UNDERRUN ||
                  f->kind == GUARDED_USE_AFTER_FREE;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "kind", json_string(report_fault_kind(f)));
    jsonobject_set(&o, "seconds", json_real(f->seconds));
    jsonobject_set(&o, "address", jsonvalue_address(f->address));
    jsonobject_set(&o, "size", known(f->size, f->kind != GUARDED_FOREIGN));
    jsonobject_set(&o, "offset", placed ? json_integer(f->value) : json_null());
    jsonobject_set(&o, "found", known(f->found, placed));
    jsonobject_set(&o, "freed_size",
                   f->kind == GUARDED_WRONG_SIZE ? json_integer(f->value) : json_null());
    jsonobject_set(&o, "tid",
                   f->thread < p->thread_count ? json_integer(p->threads[f->thread].tid)
                                               : json_null());
    jsonobject_set(&o, "noticed", fault_stack(p, f->noticed_node, stack));
    jsonobject_set(&o, "allocated", fault_stack(p, f->allocated_node, stack));
    jsonobject_set(&o, "freed", fault_stack(p, f->freed_node, stack));
    return jsonobject_end(&o);
}

static json_t *faults(const struct profile *p, const struct stack_choice *stack)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->fault_count; i++)
        list = jsonlist_append(list, fault_object(p, &p->faults[i], stack));
    return list;
}

int report_json_write(FILE *out, const struct profile *p, const struct view *v,
                      const struct stack_choice *stack, const struct leak_report *leaks,
                      struct error *e)
{
    bool ok;

    fprintf(out, "{\n  \"schema_version\": %d,\n", REPORT_JSON_SCHEMA);
    ok = jsonvalue_write_member(out, "process", report_json_process(p)) &&
         jsonvalue_write_member(out, "totals", report_json_totals(p)) &&
         jsonvalue_write_member(out, "loss", report_json_loss(p)) &&
         jsonvalue_write_member(out, "view", view_object(p, v)) &&
         jsonvalue_write_member(out, "timeline", report_json_timeline(p)) &&
         jsonvalue_write_member(out, "modules", modules(p));
    if (p->fault_count)
        ok = ok && jsonvalue_write_member(out, "faults", faults(p, stack));
    if (leaks && ok) {
        ok = report_leak_json_members(out, leaks, 0);
        fputs(",\n", out);
    }
    if (ok) {
        fputs("  \"stats\": [", out);
        ok = write_rows(out, p, v, stack);
        fputs(v->row_count ? "\n  ]\n}\n" : "]\n}\n", out);
    }
    return jsonvalue_end(out, ok, e);
}
