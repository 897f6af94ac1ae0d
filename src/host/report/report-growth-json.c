// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-growth.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/view/filter.h"

#include <math.h>

static json_t *rate(const struct trend *t, double value)
{
    return t->used >= TREND_POINTS_MIN && isfinite(value) ? json_real(value) : json_null();
}

static void set_trend(struct jsonobject *o, const struct course *c)
{
    const struct trend *t = &c->trend;

    jsonobject_set(o, "verdict", json_string(courses_kind_word(t->kind)));
    jsonobject_set(o, "slope", rate(t, t->slope));
    jsonobject_set(o, "slope_low", rate(t, t->slope_low));
    jsonobject_set(o, "slope_high", rate(t, t->slope_high));
    jsonobject_set(o, "late_slope", rate(t, t->late_slope));
    jsonobject_set(o, "confidence", rate(t, t->confidence));
    jsonobject_set(o, "first_bytes", jsonvalue_number(c->first));
    jsonobject_set(o, "last_bytes", jsonvalue_number(c->last));
    jsonobject_set(o, "last_blocks", jsonvalue_number(c->last_blocks));
    jsonobject_set(o, "highest_bytes", jsonvalue_number(c->highest));
}

static json_t *row_object(const struct profile *p, const struct courses *c,
                          const struct course *course, const struct stack_choice *stack)
{
    const struct profile_stats *s = &course->row.stats;
    bool searched = p->search.number && p->search.method;
    struct jsonobject o = jsonobject_begin();
    struct strbuf text;

    strbuf_init(&text);
    report_growth_verdict(&text, c, course, false);
    set_trend(&o, course);
    jsonobject_set(&o, "text", text.failed ? NULL : jsonvalue_text(strbuf_text(&text)));
    jsonobject_set(&o, "live_bytes", jsonvalue_number(s->live_bytes));
    jsonobject_set(&o, "live_blocks", jsonvalue_number(s->live_blocks));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(s->total_bytes));
    jsonobject_set(&o, "total_blocks", jsonvalue_number(s->total_blocks));
    jsonobject_set(&o, "lost_bytes", searched ? jsonvalue_number(course->lost_bytes) : json_null());
    report_json_set_row(&o, p, c->options.group, &course->row);
    report_json_set_traceback(&o, p, course->row.node, stack);
    strbuf_release(&text);
    return jsonobject_end(&o);
}

static json_t *rows(const struct profile *p, const struct courses *c,
                    const struct stack_choice *stack)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->row_count; i++)
        list = jsonlist_append(list, row_object(p, c, &c->rows[i], stack));
    return list;
}

static json_t *whole(const struct courses *c)
{
    struct jsonobject o = jsonobject_begin();

    set_trend(&o, &c->whole);
    return jsonobject_end(&o);
}

static json_t *growth(const struct profile *p, const struct courses *c,
                      const struct stack_choice *stack)
{
    bool all = c->options.domain == VIEW_ALL_DOMAINS || c->options.domain == VIEW_EVERY_DOMAIN;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "group_by", json_string(view_group_word(c->options.group)));
    jsonobject_set(&o, "domain",
                   all ? json_string("all") : jsonvalue_text(domain_name(p, c->options.domain)));
    jsonobject_set(&o, "include", report_json_patterns(c->options.filter, true));
    jsonobject_set(&o, "exclude", report_json_patterns(c->options.filter, false));
    jsonobject_set(&o, "all_frames",
                   json_boolean(c->options.filter && c->options.filter->all_frames));
    jsonobject_set(&o, "min_bytes", jsonvalue_number(c->options.min_bytes));
    jsonobject_set(&o, "points", jsonvalue_number(c->points));
    jsonobject_set(&o, "from_seconds", json_real(c->from));
    jsonobject_set(&o, "to_seconds", json_real(c->to));
    jsonobject_set(&o, "growing", jsonvalue_number(c->kinds[TREND_GROWS]));
    jsonobject_set(&o, "levelled", jsonvalue_number(c->kinds[TREND_LEVELLED]));
    jsonobject_set(&o, "unclear", jsonvalue_number(c->kinds[TREND_UNCLEAR]));
    jsonobject_set(&o, "steady", jsonvalue_number(c->kinds[TREND_STEADY]));
    jsonobject_set(&o, "not_judged", jsonvalue_number(c->small_count));
    jsonobject_set(&o, "whole", whole(c));
    jsonobject_set(&o, "rows", rows(p, c, stack));
    return jsonobject_end(&o);
}

int report_growth_json(FILE *out, const struct profile *p, const struct courses *c,
                       const struct stack_choice *stack, struct error *e)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "totals", report_json_totals(p));
    jsonobject_set(&o, "loss", report_json_loss(p));
    jsonobject_set(&o, "growth", growth(p, c, stack));
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
