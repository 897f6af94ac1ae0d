// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-json-place.h"

#include "src/shared/record.h"

json_t *report_json_string(const struct profile *p, string_id id)
{
    return jsonvalue_text(profile_text(p, id));
}

/* function, file, line, module of one line; only what the grouping fixes when it is a row. */
static void set_place(struct jsonobject *o, const struct profile *p, uint32_t index, uint32_t frame,
                      bool has_file, bool has_line, bool has_function)
{
    const struct profile_line *line = index < p->line_count ? &p->lines[index] : NULL;
    uint32_t module = view_frame_module(p, frame);

    jsonobject_set(o, "function",
                   line && has_function ? report_json_string(p, line->function) : json_null());
    jsonobject_set(o, "file", line && has_file ? report_json_string(p, line->file) : json_null());
    jsonobject_set(o, "line",
                   line && has_line && line->line ? jsonvalue_number(line->line) : json_null());
    jsonobject_set(o, "module",
                   module == NO_MODULE ? json_null()
                                       : report_json_string(p, p->modules[module].path));
}

static json_t *line_object(const struct profile *p, struct stack_line at)
{
    struct jsonobject o = jsonobject_begin();

    set_place(&o, p, at.line, at.frame, true, true, true);
    jsonobject_set(&o, "address", jsonvalue_address(frame_pc(p->frames[at.frame].value)));
    jsonobject_set(&o, "offset", jsonvalue_address(p->lines[at.line].offset));
    jsonobject_set(&o, "inlined", json_boolean(p->lines[at.line].flags & LINE_INLINED));
    return jsonobject_end(&o);
}

void report_json_set_traceback(struct jsonobject *o, const struct profile *p, uint32_t node,
                               const struct stack_choice *stack)
{
    struct stack_choice choice = {stack->limit, stack->outermost, false};
    struct stacklines lines = {0};
    json_t *list = stacklines_get(&lines, p, node, &choice) ? json_array() : NULL;

    for (size_t i = 0; i < lines.count; i++)
        list = jsonlist_append(list, line_object(p, lines.lines[i]));
    jsonobject_set(o, "traceback", list);
    jsonobject_set(o, "traceback_whole",
                   json_boolean(lines.root == STACK_ROOT_WHOLE && lines.hidden == 0));
    stacklines_release(&lines);
}

static json_t *thread_value(const struct profile *p, enum view_group group, uint32_t index)
{
    struct jsonobject o;

    if (group != VIEW_THREAD || index >= p->thread_count)
        return json_null();
    o = jsonobject_begin();
    jsonobject_set(&o, "tid", json_integer(p->threads[index].tid));
    jsonobject_set(&o, "name", report_json_string(p, p->threads[index].name));
    return jsonobject_end(&o);
}

void report_json_set_row(struct jsonobject *o, const struct profile *p, enum view_group group,
                         const struct view_row *row)
{
    bool exact = group == VIEW_LINE || group == VIEW_TRACEBACK;
    bool placed = group != VIEW_THREAD && group != VIEW_SIZE_CLASS;

    set_place(o, p, placed ? row->line : VIEW_NO_LINE, placed ? row->frame : NO_FRAME,
              exact || group == VIEW_FILE || group == VIEW_FUNCTION, exact,
              exact || group == VIEW_FUNCTION);
    jsonobject_set(o, "thread", thread_value(p, group, row->thread));
}
