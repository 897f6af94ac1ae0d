// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-findings.h"
#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"

static json_t *finding_object(const struct profile *p, const struct finding *f, const char *path,
                              const struct stack_choice *stack)
{
    struct jsonobject o = jsonobject_begin();
    struct strbuf command;

    strbuf_init(&command);
    finding_command(&command, p, f, path);
    jsonobject_set(&o, "kind", json_string(finding_kind_word(f->kind)));
    jsonobject_set(&o, "bytes", jsonvalue_number(f->bytes));
    jsonobject_set(&o, "confidence", json_real(f->confidence));
    report_json_set_row(&o, p, VIEW_LINE, &f->row);
    jsonobject_set(&o, "text", jsonvalue_text(strbuf_text(&f->text)));
    jsonobject_set(&o, "command", command.failed ? NULL : jsonvalue_text(strbuf_text(&command)));
    if (f->row.line != VIEW_NO_LINE)
        report_json_set_traceback(&o, p, f->row.node, stack);
    else
        jsonobject_set(&o, "traceback", json_null());
    strbuf_release(&command);
    return jsonobject_end(&o);
}

int report_findings_json(FILE *out, const struct profile *p, const struct findings *f,
                         const char *path, const struct stack_choice *stack, struct error *e)
{
    struct jsonobject o = jsonobject_begin();
    json_t *list = json_array();

    for (size_t i = 0; i < f->count; i++)
        list = jsonlist_append(list, finding_object(p, &f->items[i], path, stack));
    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "totals", report_json_totals(p));
    jsonobject_set(&o, "loss", report_json_loss(p));
    jsonobject_set(&o, "findings", list);
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
