/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/report/report-faults.h"

#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/shared/guarded.h"

#include <inttypes.h>

#define INDENT 6
#define NARROWEST 20u

const char *report_fault_kind(const struct profile_fault *f)
{
    static const char *const names[GUARDED_KINDS] = {[GUARDED_DOUBLE_FREE] = "double free",
                                                     [GUARDED_FOREIGN] = "foreign pointer",
                                                     [GUARDED_OVERRUN] = "overrun",
                                                     [GUARDED_UNDERRUN] = "underrun",
                                                     [GUARDED_USE_AFTER_FREE] = "use after free",
                                                     [GUARDED_WRONG_SIZE] = "wrong size"};

    return f->kind < GUARDED_KINDS && names[f->kind] ? names[f->kind] : "unknown fault";
}

static void add_block(struct strbuf *out, const struct profile_fault *f)
{
    strbuf_addf(out, "a block of %" PRIu64 " byte%s", f->size, f->size == 1 ? "" : "s");
}

/* "byte 24 of" or "3 bytes before" the block, and what was found there. */
static void add_place(struct strbuf *out, const struct profile_fault *f)
{
    uint64_t before = (uint64_t)-f->value;

    if (f->value < 0)
        strbuf_addf(out, "%" PRIu64 " byte%s before ", before, before == 1 ? "" : "s");
    else
        strbuf_addf(out, "offset %" PRIi64 " of ", f->value);
    add_block(out, f);
    strbuf_addf(out, " is 0x%02x", f->found);
}

static void add_sentence(struct strbuf *out, const struct profile_fault *f)
{
    strbuf_addf(out, "  %s: ", report_fault_kind(f));
    switch (f->kind) {
    case GUARDED_DOUBLE_FREE:
        add_block(out, f);
        strbuf_add(out, " was freed again");
        break;
    case GUARDED_FOREIGN:
        strbuf_addf(out, "0x%" PRIx64 " is no block, or was freed long ago", f->address);
        break;
    case GUARDED_WRONG_SIZE:
        add_block(out, f);
        strbuf_addf(out, " was freed as one of %" PRIi64, f->value);
        break;
    default:
        add_place(out, f);
        break;
    }
    strbuf_add(out, "\n");
}

static size_t room(const struct report_text_options *options)
{
    if (!options->columns)
        return 0;
    return options->columns > INDENT + NARROWEST ? options->columns - INDENT : NARROWEST;
}

static void add_stack(struct strbuf *out, const struct profile *p, const char *what, uint32_t node,
                      const struct report_text_options *options)
{
    struct stacklines stack = {0};

    if (!node)
        return;
    strbuf_addf(out, "    %s\n", what);
    if (!stacklines_get(&stack, p, node, &options->stack))
        out->failed = true;
    for (size_t i = 0; i < stack.count; i++) {
        strbuf_addf(out, "%*s", INDENT, "");
        location_line(out, p, stack.lines[i].line, stack.lines[i].frame, room(options));
        strbuf_add(out, "\n");
    }
    if (stack.hidden)
        strbuf_addf(out, "%*sand %zu more\n", INDENT, "", stack.hidden);
    stacklines_release(&stack);
}

static void add_fault(struct strbuf *out, const struct profile *p, const struct profile_fault *f,
                      const struct report_text_options *options)
{
    add_sentence(out, f);
    if (!f->noticed_node)
        strbuf_add(out, "    noticed at the end of the program\n");
    add_stack(out, p, "noticed in", f->noticed_node, options);
    add_stack(out, p, "allocated in", f->allocated_node, options);
    add_stack(out, p, "freed in", f->freed_node, options);
}

void report_text_faults(struct strbuf *out, const struct profile *p,
                        const struct report_text_options *options)
{
    char count[UNITS_TEXT];

    if (!p->fault_count)
        return;
    strbuf_addf(out, "\n%s memory fault%s\n", units_count(count, p->fault_count),
                p->fault_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < p->fault_count && i < REPORT_FAULTS_MAX; i++)
        add_fault(out, p, &p->faults[i], options);
    if (p->fault_count > REPORT_FAULTS_MAX)
        strbuf_addf(out, "  and %s more: --json has them all\n",
                    units_count(count, p->fault_count - REPORT_FAULTS_MAX));
}
