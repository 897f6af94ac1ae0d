// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-block.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-source.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"

#include <inttypes.h>

#define INDENT 2
#define NARROWEST 40u

static const struct profile_site *site_of(const struct profile *p, const struct control_answer *a)
{
    return p && a->block_site < p->site_count ? &p->sites[a->block_site] : NULL;
}

static void add_thread(struct strbuf *out, const struct profile *p, const struct profile_site *site)
{
    const struct profile_thread *thread = &p->threads[site->thread];

    strbuf_add(out, ", by thread ");
    if (thread->tid)
        strbuf_addf(out, "%" PRId64 " ", thread->tid);
    strbuf_add(out, "(");
    escape_text(out, profile_text(p, thread->name));
    strbuf_add(out, ")");
}

static void add_age(struct strbuf *out, const struct control_answer *a,
                    const struct profile_site *site)
{
    char youngest[UNITS_TEXT], oldest[UNITS_TEXT];
    double least = a->seconds - a->last_seconds, most = a->seconds - a->first_seconds;

    units_seconds(youngest, least > 0 ? least : 0);
    units_seconds(oldest, most > 0 ? most : 0);
    if (site && site->stats.total_blocks == 1)
        strbuf_addf(out, "  age: %s\n", oldest);
    else
        strbuf_addf(out, "  age: %s to %s (since the last and the first allocation here)\n",
                    youngest, oldest);
}

void report_block_text(struct strbuf *out, const struct control_answer *a, uint64_t address,
                       const struct profile *p, bool exact)
{
    const struct profile_site *site = site_of(p, a);
    char size[UNITS_TEXT];

    strbuf_addf(out, "0x%" PRIx64 ": ", address);
    if (address != a->block_start)
        strbuf_addf(out, "%" PRIu64 " bytes into ", address - a->block_start);
    strbuf_addf(out, "the block of %s at 0x%" PRIx64 " in ",
                units_bytes(size, a->block_size, exact), a->block_start);
    escape_text(out, a->program);
    strbuf_addf(out, " (pid %" PRId64 ")", a->pid);
    if (site && site->thread < p->thread_count)
        add_thread(out, p, site);
    if (site && site->domain != DOMAIN_HEAP) {
        strbuf_add(out, ", domain ");
        escape_text(out, domain_name(p, site->domain));
    }
    strbuf_add(out, "\n");
    add_age(out, a, site);
}

static size_t room(const struct report_text_options *options, size_t taken)
{
    if (!options->columns)
        return 0;
    return options->columns > taken + NARROWEST ? options->columns - taken : NARROWEST;
}

static void add_lines(struct strbuf *out, const struct profile *p, const struct stacklines *stack,
                      const struct report_text_options *options)
{
    for (size_t i = 0; i < stack->count; i++) {
        strbuf_addf(out, "%*s", INDENT, "");
        location_line(out, p, stack->lines[i].line, stack->lines[i].frame, room(options, INDENT));
        strbuf_add(out, "\n");
        report_source_line(out, p, stack->lines[i].line, INDENT + 4, options);
    }
    if (stack->hidden)
        strbuf_addf(out, "%*sand %zu more\n", INDENT, "", stack->hidden);
    if (stacklines_end(stack))
        strbuf_addf(out, "%*s(%s)\n", INDENT, "", stacklines_end(stack));
}

int report_block_stack(struct strbuf *out, const struct control_answer *a, const struct profile *p,
                       const struct report_text_options *options, struct error *e)
{
    const struct profile_site *site = site_of(p, a);
    struct stacklines stack = {0};
    int result = 0;

    if (!site)
        return error_set(e, ERROR_FORMAT, "the profile does not hold the block's stack");
    if (stacklines_get(&stack, p, site->node, &options->stack))
        add_lines(out, p, &stack, options);
    else
        result = error_set(e, ERROR_MEMORY, "out of memory");
    stacklines_release(&stack);
    return result;
}
