// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-diff-json.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-json-run.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/view/filter.h"
#include "src/shared/record.h"

const char *report_diff_tier_word(enum match_tier tier)
{
    static const char *const words[] = {"line", "text", "function", "offset", NULL};

    return words[tier];
}

const char *report_diff_status_word(enum diff_status status)
{
    static const char *const words[] = {"same", "changed", "new", "gone"};

    return words[status];
}

struct diff_place report_diff_place(const struct diff *d, const struct diff_row *row)
{
    const struct profile *u = &d->united.profile;
    enum view_group group = d->options.group;
    bool exact = group == VIEW_LINE || group == VIEW_TRACEBACK;
    struct diff_place place = {.function = "", .file = "", .module = ""};
    const struct profile_line *line;
    uint32_t module = view_frame_module(u, row->row.frame);

    if (group == VIEW_THREAD && row->row.thread < u->thread_count)
        place.thread = &u->threads[row->row.thread];
    if (group == VIEW_THREAD || group == VIEW_SIZE_CLASS || row->row.line >= u->line_count)
        return place;
    line = &u->lines[row->row.line];
    if (module != NO_MODULE)
        place.module = profile_text(u, u->modules[module].path);
    if (exact || group == VIEW_FUNCTION)
        place.function = profile_text(u, line->function);
    if (exact || group == VIEW_FUNCTION || group == VIEW_FILE)
        place.file = profile_text(u, line->file);
    place.line = exact ? line->line : 0;
    return place;
}

/* ------------------------------------------------------------- sides -- */

static json_t *side_object(const struct diff_side *side, struct view_amount whole)
{
    const struct profile *p = side->profile;
    bool timed = side->moment.place != MOMENT_AT_PEAK || !p->process.merged;
    struct jsonobject o = jsonobject_begin();
    struct strbuf moment;

    strbuf_init(&moment);
    moment_name(&moment, p, side->moment);
    jsonobject_set(&o, "path", jsonvalue_text(side->name));
    jsonobject_set(&o, "moment", moment.failed ? NULL : jsonvalue_text(strbuf_text(&moment)));
    jsonobject_set(&o, "seconds", timed ? json_real(moment_seconds(p, side->moment)) : json_null());
    jsonobject_set(&o, "size", jsonvalue_number(whole.bytes));
    jsonobject_set(&o, "count", jsonvalue_number(whole.blocks));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "totals", report_json_totals(p));
    jsonobject_set(&o, "loss", report_json_loss(p));
    strbuf_release(&moment);
    return jsonobject_end(&o);
}

static json_t *domain_text(const struct diff *d)
{
    uint32_t domain = d->options.domain;

    if (domain == VIEW_ALL_DOMAINS || domain == VIEW_EVERY_DOMAIN)
        return json_string("all");
    return jsonvalue_text(domain_name(&d->united.profile, domain));
}

static json_t *difference(uint64_t before, uint64_t after)
{
    return json_integer((json_int_t)(after - before));
}

/* The patterns, and what they leave out. */
static void set_filters(struct jsonobject *o, const struct diff *d)
{
    const struct filter *filter = d->options.filter;

    jsonobject_set(o, "include", report_json_patterns(filter, true));
    jsonobject_set(o, "exclude", report_json_patterns(filter, false));
    jsonobject_set(o, "all_frames", json_boolean(filter && filter->all_frames));
    jsonobject_set(o, "filtered_size", jsonvalue_number(d->filtered_after.bytes));
    jsonobject_set(o, "filtered_size_diff",
                   difference(d->filtered_before.bytes, d->filtered_after.bytes));
    jsonobject_set(o, "filtered_count", jsonvalue_number(d->filtered_after.blocks));
    jsonobject_set(o, "filtered_count_diff",
                   difference(d->filtered_before.blocks, d->filtered_after.blocks));
}

static json_t *view_object(const struct diff *d)
{
    struct jsonobject o = jsonobject_begin();
    bool sums = !d->options.cumulative;

    jsonobject_set(&o, "group_by", json_string(view_group_word(d->options.group)));
    jsonobject_set(&o, "by", json_string(view_order_word(d->options.order)));
    jsonobject_set(&o, "domain", domain_text(d));
    jsonobject_set(&o, "cumulative", json_boolean(d->options.cumulative));
    jsonobject_set(&o, "reverse", json_boolean(d->options.reverse));
    jsonobject_set(&o, "min_size", jsonvalue_number(d->options.min_bytes));
    set_filters(&o, d);
    jsonobject_set(&o, "size_diff", difference(d->before.bytes, d->after.bytes));
    jsonobject_set(&o, "count_diff", difference(d->before.blocks, d->after.blocks));
    jsonobject_set(&o, "same_rows", jsonvalue_number(d->same_count));
    jsonobject_set(&o, "rest_rows", jsonvalue_number(d->rest_count));
    jsonobject_set(&o, "rest_size", sums ? jsonvalue_number(d->rest_after.bytes) : json_null());
    jsonobject_set(&o, "rest_size_diff",
                   sums ? difference(d->rest_before.bytes, d->rest_after.bytes) : json_null());
    jsonobject_set(&o, "rest_count", sums ? jsonvalue_number(d->rest_after.blocks) : json_null());
    jsonobject_set(&o, "rest_count_diff",
                   sums ? difference(d->rest_before.blocks, d->rest_after.blocks) : json_null());
    return jsonobject_end(&o);
}

static json_t *tier_object(size_t rows, uint64_t bytes)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "rows", jsonvalue_number(rows));
    jsonobject_set(&o, "size", jsonvalue_number(bytes));
    return jsonobject_end(&o);
}

static json_t *matching_object(const struct diff_matching *m)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "of", json_string(m->stacks ? "traceback" : "line"));
    jsonobject_set(&o, "same_profile", json_boolean(m->exact));
    for (unsigned tier = 0; tier < MATCH_NOT; tier++)
        jsonobject_set(&o, report_diff_tier_word((enum match_tier)tier),
                       tier_object(m->rows[tier], m->bytes[tier]));
    jsonobject_set(&o, "unmatched", tier_object(m->rows[MATCH_NOT], m->bytes[MATCH_NOT]));
    jsonobject_set(&o, "only_old", jsonvalue_number(m->only_before));
    jsonobject_set(&o, "only_new", jsonvalue_number(m->only_after));
    return jsonobject_end(&o);
}

/* -------------------------------------------------------------- rows -- */

static json_t *line_number(uint32_t line)
{
    return line ? jsonvalue_number(line) : json_null();
}

static json_t *moved_object(const struct diff_row *row, const struct profile *before)
{
    struct jsonobject o;

    if (row->moved_from == UNITED_NONE)
        return json_null();
    o = jsonobject_begin();
    jsonobject_set(&o, "file",
                   jsonvalue_text(profile_text(before, before->lines[row->moved_from].file)));
    jsonobject_set(&o, "line", line_number(before->lines[row->moved_from].line));
    return jsonobject_end(&o);
}

static json_t *frame_object(const struct profile *u, uint32_t frame)
{
    const struct profile_line *line = &u->lines[frame];
    uint32_t module = view_frame_module(u, frame);
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "function", jsonvalue_text(profile_text(u, line->function)));
    jsonobject_set(&o, "file", jsonvalue_text(profile_text(u, line->file)));
    jsonobject_set(&o, "line", line_number(line->line));
    jsonobject_set(&o, "module",
                   module == NO_MODULE ? json_null()
                                       : jsonvalue_text(profile_text(u, u->modules[module].path)));
    jsonobject_set(&o, "offset", jsonvalue_address(line->offset));
    return jsonobject_end(&o);
}

static json_t *traceback(const struct profile *u, uint32_t node)
{
    json_t *list = json_array();

    for (; node >= STACK_ROOTS; node = u->nodes[node].parent)
        list = jsonlist_append(list, frame_object(u, u->nodes[node].frame));
    return list;
}

static json_t *thread_object(const struct profile *u, const struct profile_thread *thread)
{
    struct jsonobject o;

    if (!thread)
        return json_null();
    o = jsonobject_begin();
    jsonobject_set(&o, "tid", json_integer(thread->tid));
    jsonobject_set(&o, "name", jsonvalue_text(profile_text(u, thread->name)));
    return jsonobject_end(&o);
}

static json_t *row_object(const struct diff *d, const struct diff_row *row,
                          const struct profile *before)
{
    const struct profile *u = &d->united.profile;
    struct diff_place place = report_diff_place(d, row);
    const char *tier = report_diff_tier_word(row->tier);
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "size", jsonvalue_number(row->after.bytes));
    jsonobject_set(&o, "size_diff", json_integer(diff_bytes(row)));
    jsonobject_set(&o, "count", jsonvalue_number(row->after.blocks));
    jsonobject_set(&o, "count_diff", json_integer(diff_blocks(row)));
    jsonobject_set(&o, "status", json_string(report_diff_status_word(row->status)));
    jsonobject_set(&o, "matched_by", tier ? json_string(tier) : json_null());
    jsonobject_set(&o, "moved_from", moved_object(row, before));
    jsonobject_set(&o, "function", jsonvalue_text(place.function));
    jsonobject_set(&o, "file", jsonvalue_text(place.file));
    jsonobject_set(&o, "line", line_number(place.line));
    jsonobject_set(&o, "module", jsonvalue_text(place.module));
    jsonobject_set(&o, "thread", thread_object(u, place.thread));
    jsonobject_set(&o, "traceback", traceback(u, row->row.node));
    return jsonobject_end(&o);
}

int report_diff_json(FILE *out, const struct diff *d, const struct diff_side *before,
                     const struct diff_side *after, struct error *e)
{
    bool ok;

    fprintf(out, "{\n  \"schema_version\": %d,\n", REPORT_DIFF_SCHEMA);
    ok = jsonvalue_write_member(out, "old", side_object(before, d->before)) &&
         jsonvalue_write_member(out, "new", side_object(after, d->after)) &&
         jsonvalue_write_member(out, "view", view_object(d)) &&
         jsonvalue_write_member(out, "matching", matching_object(&d->matching));
    if (ok)
        fputs("  \"stats\": [", out);
    for (size_t i = 0; ok && i < d->row_count; i++) {
        fputs(i ? ",\n    " : "\n    ", out);
        ok = jsonvalue_write_piece(out, row_object(d, &d->rows[i], before->profile));
    }
    if (ok)
        fputs(d->row_count ? "\n  ]\n}\n" : "]\n}\n", out);
    return jsonvalue_end(out, ok, e);
}
