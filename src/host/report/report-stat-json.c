// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-stat.h"

#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/view/filter.h"

static void set_passing(struct jsonobject *o, const struct view_amount *amount)
{
    jsonobject_set(o, "filtered_bytes", amount ? jsonvalue_number(amount->bytes) : json_null());
    jsonobject_set(o, "filtered_blocks", amount ? jsonvalue_number(amount->blocks) : json_null());
}

static json_t *snapshot(const struct profile *p, uint32_t index,
                        const struct report_stat_options *options)
{
    const struct history *h = options->history;
    struct jsonobject o = {report_json_snapshot(p, index), false};

    if (!o.json)
        return NULL;
    set_passing(&o, h ? &h->moments[index] : NULL);
    return jsonobject_end(&o);
}

static json_t *snapshots(const struct profile *p, const struct report_stat_options *options)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->moment_count; i++) {
        bool wanted = options->one
                          ? options->moment.place == MOMENT_LISTED && options->moment.index == i
                          : p->moments[i].number != 0;

        if (wanted)
            list = jsonlist_append(list, snapshot(p, i, options));
    }
    return list;
}

/* What passes the filters at the peak and at the end. */
static json_t *filtered(const struct report_stat_options *options)
{
    const struct history *h = options->history;
    struct jsonobject o;

    if (!h)
        return json_null();
    o = jsonobject_begin();
    jsonobject_set(&o, "include", report_json_patterns(options->view->filter, true));
    jsonobject_set(&o, "exclude", report_json_patterns(options->view->filter, false));
    jsonobject_set(&o, "all_frames",
                   json_boolean(options->view->filter && options->view->filter->all_frames));
    jsonobject_set(&o, "live_bytes", jsonvalue_number(h->end.bytes));
    jsonobject_set(&o, "live_blocks", jsonvalue_number(h->end.blocks));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(h->peak.bytes));
    jsonobject_set(&o, "peak_blocks", jsonvalue_number(h->peak.blocks));
    return jsonobject_end(&o);
}

int report_stat_json(FILE *out, const struct profile *p, const struct report_stat_options *options,
                     struct error *e)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "totals", report_json_totals(p));
    jsonobject_set(&o, "loss", report_json_loss(p));
    jsonobject_set(&o, "domains", report_json_domains(p));
    jsonobject_set(&o, "timeline", report_json_timeline(p));
    jsonobject_set(&o, "marks", report_json_marks(p));
    jsonobject_set(&o, "filtered", filtered(options));
    jsonobject_set(&o, "snapshots", snapshots(p, options));
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
