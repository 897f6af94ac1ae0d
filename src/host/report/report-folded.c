// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-folded.h"

#include "src/host/text/escape.h"
#include "src/host/view/location.h"

#include <inttypes.h>
#include <string.h>

/* Behind another one in the same line. */
static void add_name(struct strbuf *out, const char *name)
{
    size_t start;

    if (out->length)
        strbuf_add(out, ";");
    start = out->length;
    escape_text(out, *name ? name : "?");
    for (size_t i = start; i < out->length; i++)
        if (out->text[i] == ';')
            out->text[i] = ':';
}

static void add_line(struct strbuf *out, const struct profile *p, struct stack_line at)
{
    const struct profile_line *line = &p->lines[at.line];
    uint32_t module = view_frame_module(p, at.frame);
    struct strbuf name;

    if (line->function) {
        add_name(out, profile_text(p, line->function));
        return;
    }
    strbuf_init(&name);
    if (module != NO_MODULE)
        strbuf_addf(&name, "%s+", location_base(profile_text(p, p->modules[module].path)));
    strbuf_addf(&name, "0x%" PRIx64, line->offset);
    add_name(out, strbuf_text(&name));
    out->failed |= name.failed;
    strbuf_release(&name);
}

static void add_stack(struct strbuf *out, const struct profile *p, const struct stacklines *stack,
                      bool outermost)
{
    if (stack->count + stack->hidden == 0)
        add_name(out, "(no stack)");
    else if (stacklines_end(stack))
        add_name(out, "(cut short)");
    if (stack->hidden && !outermost)
        add_name(out, "(more)");
    for (size_t i = 0; i < stack->count; i++)
        add_line(out, p, stack->lines[i]);
    if (stack->hidden && outermost)
        add_name(out, "(more)");
}

static void put_line(FILE *out, const struct strbuf *names, uint64_t weight)
{
    if (weight)
        fprintf(out, "%s %" PRIu64 "\n", strbuf_text(names), weight);
}

static bool write_rows(FILE *out, const struct profile *p, const struct view *v,
                       const struct stack_choice *stack, struct strbuf *names)
{
    struct stack_choice choice = {stack->limit, stack->outermost, true};
    struct stacklines lines = {0};
    bool ok = true;

    for (size_t i = 0; i < v->row_count && ok; i++) {
        strbuf_clear(names);
        ok = stacklines_get(&lines, p, v->rows[i].node, &choice);
        if (ok)
            add_stack(names, p, &lines, stack->outermost);
        ok = ok && !names->failed;
        if (ok)
            put_line(out, names, view_weight(v->options.order, v->rows[i].amount));
    }
    stacklines_release(&lines);
    return ok;
}

int report_folded_write(FILE *out, const struct profile *p, const struct view *v,
                        const struct stack_choice *stack, struct error *e)
{
    struct strbuf names;
    bool ok;

    strbuf_init(&names);
    ok = write_rows(out, p, v, stack, &names);
    if (ok && v->rest_count) {
        strbuf_clear(&names);
        strbuf_addf(&names, "(%zu more stacks)", v->rest_count);
        put_line(out, &names, view_weight(v->options.order, v->rest));
        ok = !names.failed;
    }
    strbuf_release(&names);
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the folded stacks");
    return ok ? 0 : error_set(e, ERROR_MEMORY, "out of memory while writing the folded stacks");
}
