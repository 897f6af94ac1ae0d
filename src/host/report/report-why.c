// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-why.h"

#include "src/host/report/leaktext.h"
#include "src/host/report/report-source.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"

#include <inttypes.h>

#define INDENT 2
#define CYCLE_SHOWN 8u  /* blocks of a cycle */
#define STEPS_SHOWN 40u /* of a chain, half of them at each end */

/* ------------------------------------------------------------------- block -- */

static void add_stack(struct strbuf *out, const struct profile *p, uint32_t node,
                      const struct report_text_options *options)
{
    struct stacklines stack = {0};

    if (!stacklines_get(&stack, p, node, &options->stack))
        out->failed = true;
    for (size_t i = 0; i < stack.count; i++) {
        strbuf_addf(out, "%*s", INDENT, "");
        location_line(out, p, stack.lines[i].line, stack.lines[i].frame,
                      options->columns > INDENT ? options->columns - INDENT : 0);
        strbuf_add(out, "\n");
        report_source_line(out, p, stack.lines[i].line, INDENT + 4, options);
    }
    if (stack.hidden)
        strbuf_addf(out, "%*sand %zu more\n", INDENT, "", stack.hidden);
    stacklines_release(&stack);
}

/* "0x55d0c2a0 is 16 bytes into the block of 4.0 KiB at 0x55d0c290, allocated by:" */
static void add_subject(struct strbuf *out, const struct heapwords *words, uint32_t row,
                        const struct report_why_subject *subject)
{
    const struct profile_block *b = &words->image->profile->blocks[row];
    char size[UNITS_TEXT];

    units_bytes(size, b->size, words->exact);
    if (subject->id)
        strbuf_addf(out, "%s, for example the block of %s at 0x%" PRIx64, subject->id, size,
                    b->address);
    else if (subject->address == b->address)
        strbuf_addf(out, "0x%" PRIx64 " is a block of %s", b->address, size);
    else
        strbuf_addf(out, "0x%" PRIx64 " is %" PRIu64 " bytes into the block of %s at 0x%" PRIx64,
                    subject->address, subject->address - b->address, size, b->address);
}

static void add_held(struct strbuf *out, const struct heapwords *words, const struct why *w)
{
    const struct profile_block *b = &words->image->profile->blocks[w->block];
    char retained[UNITS_TEXT];

    strbuf_addf(out, "It is %s", leak_kind_words(b->kind));
    if (b->kind == LEAK_DEFINITE)
        strbuf_add(out, b->cycle ? ": only blocks of its own cycle refer to it"
                                 : ": no pointer to it is left");
    else if (b->kind == LEAK_POSSIBLE)
        strbuf_add(out, ": only pointers to the inside of blocks lead to it");
    strbuf_add(out, ".\n");
    if (w->retained > b->size)
        strbuf_addf(out, "Nothing but this block holds %s, its own included.\n",
                    units_bytes(retained, w->retained, words->exact));
}

/* ------------------------------------------------------------------- chain -- */

static void add_step(struct strbuf *out, const struct heapwords *words,
                     const struct leakgraph_reference *r)
{
    size_t line = out->length;
    struct strbuf what;

    if (r->from == LEAKGRAPH_NONE)
        strbuf_addf(out, "%*s", INDENT + 8, "");
    else
        strbuf_addf(out, "%*s+ 0x%-5" PRIx64, INDENT, "", r->offset);
    strbuf_add(out, " -> ");
    heapwords_block(out, words, r->to, out->length - line);
    strbuf_init(&what);
    heapwords_pointer(&what, r);
    if (what.length)
        strbuf_addf(out, "  [%s]", strbuf_text(&what));
    out->failed |= what.failed;
    strbuf_release(&what);
    strbuf_add(out, "\n");
}

static void add_steps(struct strbuf *out, const struct heapwords *words, const struct why *w)
{
    uint32_t count = w->path.count, half = STEPS_SHOWN / 2;
    char left_out[UNITS_TEXT];

    for (uint32_t i = 0; i < count; i++) {
        if (count > STEPS_SHOWN && i == half) {
            uint32_t skipped = count - STEPS_SHOWN;

            strbuf_addf(out, "%*s… %s steps left out …\n", INDENT, "",
                        units_count(left_out, skipped));
            i += skipped;
        }
        add_step(out, words, &w->path.steps[i]);
    }
}

static void add_lost_start(struct strbuf *out, const struct heapwords *words, const struct why *w)
{
    strbuf_addf(out, "%*slost with  ", INDENT, "");
    heapwords_block(out, words, w->start, INDENT + sizeof "lost with ");
    strbuf_add(out, "\n");
}

static void add_chain(struct strbuf *out, const struct heapwords *words, const struct why *w)
{
    uint32_t kind = words->image->profile->blocks[w->block].kind;

    if (!w->kept) {
        strbuf_add(out, "\nThe chain that leads to it was not kept: ask again while the program "
                        "runs, or record it\nwith --leak-graph=all.\n");
        return;
    }
    if (kind == LEAK_DEFINITE)
        return;
    strbuf_add(out, "\n");
    if (kind == LEAK_INDIRECT) {
        add_lost_start(out, words, w);
    } else {
        strbuf_addf(out, "%*s", INDENT, "");
        heapwords_root(out, words, &w->path.steps[0]);
        strbuf_add(out, "\n");
    }
    add_steps(out, words, w);
}

static void add_cycle(struct strbuf *out, const struct heapwords *words, const struct why *w)
{
    char text[UNITS_TEXT];
    uint32_t shown = w->cycle_count > CYCLE_SHOWN ? CYCLE_SHOWN : w->cycle_count;

    if (!w->cycle)
        return;
    strbuf_addf(out, "\nA cycle: %s blocks keep each other", units_count(text, w->cycle_count));
    if (w->cycle_blocks > w->cycle_count)
        strbuf_addf(out, ", of %s that do so", units_count(text, w->cycle_blocks));
    strbuf_add(out, "\n");
    for (uint32_t i = 0; i < shown; i++) {
        strbuf_addf(out, "%*s%s", INDENT, "", i ? "-> " : "   ");
        heapwords_block(out, words, w->cycle[i], INDENT + 3);
        strbuf_add(out, "\n");
    }
    if (shown < w->cycle_count)
        strbuf_addf(out, "%*s-> … and %s more\n", INDENT, "",
                    units_count(text, w->cycle_count - shown));
    strbuf_addf(out, "%*s-> the first\n", INDENT, "");
}

void report_why_text(struct strbuf *out, const struct heapwords *words, const struct why *w,
                     const struct report_why_subject *subject,
                     const struct report_text_options *options)
{
    const struct profile *p = words->image->profile;

    add_subject(out, words, w->block, subject);
    strbuf_add(out, ", allocated by\n");
    add_stack(out, p, p->sites[p->blocks[w->block].site].node, options);
    add_held(out, words, w);
    add_chain(out, words, w);
    add_cycle(out, words, w);
}

/* -------------------------------------------------------------- references -- */

struct listing {
    struct strbuf *out;
    const struct heapwords *words;
    const struct report_references *references;
    size_t count;
};

static bool list_reference(void *context, const struct leakgraph_reference *r)
{
    struct listing *l = context;
    size_t limit = l->references->limit, line = l->out->length;

    if (limit && l->count++ >= limit)
        return true;
    if (l->references->from_block) {
        add_step(l->out, l->words, r);
        return true;
    }
    strbuf_addf(l->out, "%*s", INDENT, "");
    if (r->from == LEAKGRAPH_NONE) {
        heapwords_root(l->out, l->words, r);
    } else {
        strbuf_addf(l->out, "+ 0x%-5" PRIx64 " of ", r->offset);
        heapwords_block(l->out, l->words, r->from, l->out->length - line);
    }
    if (r->pointer != POINTER_START) {
        strbuf_add(l->out, "  [");
        heapwords_pointer(l->out, r);
        strbuf_add(l->out, "]");
    }
    strbuf_add(l->out, "\n");
    return true;
}

static void add_not_kept(struct strbuf *out, const struct profile *p)
{
    char kept[UNITS_TEXT], all[UNITS_TEXT];
    uint64_t blocks = 0;

    if (p->search.pointers_left_out)
        strbuf_addf(out,
                    "Of the words of a block that refer to the same other block, the first was "
                    "kept: %s were not.\n",
                    units_count(all, p->search.pointers_left_out));
    if (p->search.graph != GRAPH_PART)
        return;
    for (uint32_t i = 0; i < p->leak_count; i++)
        blocks += p->leaks[i].blocks;
    strbuf_addf(out, "References were kept of %s of %s live blocks only: there may be others.\n",
                units_count(kept, p->block_count), units_count(all, blocks));
}

void report_references_text(struct strbuf *out, const struct heapwords *words,
                            struct heapimage *image, const struct report_references *references,
                            const struct report_why_subject *subject)
{
    struct listing l = {out, words, references, 0};
    char left_out[UNITS_TEXT];
    size_t before;

    add_subject(out, words, references->block, subject);
    strbuf_addf(out, ".\n%s\n", references->from_block ? "It refers to" : "To it refer");
    before = out->length;
    if (references->from_block)
        leakgraph_referents(&image->graph, references->block, list_reference, &l);
    else
        leakgraph_referrers(&image->graph, references->block, list_reference, &l);
    if (out->length == before)
        strbuf_addf(out, "%*snothing\n", INDENT, "");
    if (references->limit && l.count > references->limit)
        strbuf_addf(out, "%*sand %s more\n", INDENT, "",
                    units_count(left_out, l.count - references->limit));
    add_not_kept(out, image->profile);
}
