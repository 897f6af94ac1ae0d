// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-leak-text.h"

#include "src/host/leaks/leaknotes.h"
#include "src/host/report/leaktext.h"
#include "src/host/report/report-source.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

#define LABEL "  leaks          "
#define LABEL_COLUMNS ((int)sizeof LABEL - 1)
#define INDENT 6
#define BYTES_A_LINE 16u

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void add_amount(struct strbuf *out, uint64_t bytes, uint64_t blocks, bool exact)
{
    char text[UNITS_TEXT];

    strbuf_addf(out, "%s in ", units_bytes(text, bytes, exact));
    strbuf_addf(out, "%s block%s", units_count(text, blocks), plural(blocks));
}

/* ----------------------------------------------------------------- summary -- */

/* The first of some lines has the label, the others stand below it. */
static void begin_line(struct strbuf *out, bool *first)
{
    if (*first)
        strbuf_add(out, LABEL);
    else
        strbuf_addf(out, "%*s", LABEL_COLUMNS, "");
    *first = false;
}

static bool has_leaks(const struct leak_report *r)
{
    return r->kinds[LEAK_DEFINITE].blocks || r->kinds[LEAK_INDIRECT].blocks ||
           r->kinds[LEAK_POSSIBLE].blocks;
}

static void add_kind(struct strbuf *out, const struct leak_amount *a, const char *words, bool exact)
{
    add_amount(out, a->bytes, a->blocks, exact);
    strbuf_addf(out, " %s", words);
}

/* Without leaks what there is goes into one line: none of it asks for anything. */
static void add_none(struct strbuf *out, const struct leak_report *r, bool exact)
{
    const struct leak_amount *reachable = &r->kinds[LEAK_REACHABLE];

    strbuf_add(out, LABEL "none");
    if (reachable->blocks) {
        strbuf_add(out, "; ");
        add_kind(out, reachable, leak_kind_words(LEAK_REACHABLE), exact);
    }
    if (r->suppressed.blocks) {
        strbuf_add(out, reachable->blocks ? ", " : "; ");
        add_kind(out, &r->suppressed, "suppressed", exact);
    }
    strbuf_add(out, "\n");
}

static void add_kinds(struct strbuf *out, const struct leak_report *r, bool exact)
{
    static const enum leak_kind order[] = {LEAK_DEFINITE, LEAK_INDIRECT, LEAK_POSSIBLE, LEAK_WEAK,
                                           LEAK_REACHABLE};
    bool first = true;

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (r->kinds[order[i]].blocks == 0)
            continue;
        begin_line(out, &first);
        add_kind(out, &r->kinds[order[i]], leak_kind_words(order[i]), exact);
        strbuf_add(out, "\n");
    }
    if (r->suppressed.blocks) {
        begin_line(out, &first);
        add_kind(out, &r->suppressed, "suppressed", exact);
        strbuf_add(out, "\n");
    }
}

/* What the filters left out is no leak that is not there. */
static void add_left_out(struct strbuf *out, const struct leaks *l, bool exact)
{
    if (l->left_out.blocks == 0)
        return;
    strbuf_addf(out, "%*sanother ", LABEL_COLUMNS, "");
    add_amount(out, l->left_out.bytes, l->left_out.blocks, exact);
    strbuf_add(out, " live that the filters left out\n");
}

static void add_command(struct strbuf *out, const char *command, const char *file)
{
    strbuf_addf(out, "memprof %s ", command);
    escape_text(out, file);
}

void report_leak_summary(struct strbuf *out, const struct leaks *l, const struct profile *p,
                         const struct report_leak_options *options)
{
    const char *why = leaknotes_unsearched(p);

    if (why) {
        strbuf_add(out, LABEL "not searched for: ");
        escape_text(out, why);
        strbuf_add(out, "\n");
        return;
    }
    if (has_leaks(&l->report) || l->report.kinds[LEAK_WEAK].blocks)
        add_kinds(out, &l->report, options->text.exact);
    else
        add_none(out, &l->report, options->text.exact);
    add_left_out(out, l, options->text.exact);
    if (options->file && has_leaks(&l->report)) {
        strbuf_addf(out, "%*s", LABEL_COLUMNS, "");
        add_command(out, "leaks", options->file);
        strbuf_add(out, " shows where\n");
    }
}

void report_leak_notes(struct strbuf *out, const struct leaks *l, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < l->report.note_count; i++) {
        strbuf_add(out, "  note: ");
        escape_text(out, l->report.notes[i]);
        strbuf_add(out, "\n");
    }
}

/* ------------------------------------------------------------------ record -- */

/* "#3  1.0 KiB in 2 blocks definitely lost, and 64 B in 1 block below them   3fa91c02" */
static void add_title(struct strbuf *out, const struct leak_record *r, size_t number,
                      const struct report_leak_options *options)
{
    bool exact = options->text.exact;

    strbuf_addf(out, "%s#%zu  ", options->text.colour ? BOLD : "", number);
    add_amount(out, r->bytes, r->blocks, exact);
    if (r->kind == LEAK_WEAK && *r->held_by) {
        strbuf_add(out, " held by ");
        escape_text(out, r->held_by);
        strbuf_add(out, " only");
    } else {
        strbuf_addf(out, " %s", leak_kind_words(r->kind));
    }
    if (r->indirect_blocks) {
        strbuf_add(out, ", and ");
        add_amount(out, r->indirect_bytes, r->indirect_blocks, exact);
        strbuf_add(out, r->blocks == 1 ? " below it" : " below them");
    }
    strbuf_addf(out, "   %s%s%s\n", r->id, r->known ? "   known" : "",
                options->text.colour ? PLAIN : "");
}

/* What calls main is the same in every stack. */
static void end_at_main(struct stacklines *stack, const struct profile *p)
{
    for (size_t i = 0; i < stack->count; i++) {
        if (strcmp(profile_text(p, p->lines[stack->lines[i].line].function), "main") != 0)
            continue;
        stack->count = i + 1;
        stack->hidden = 0;
    }
}

static void add_stack(struct strbuf *out, const struct profile *p, const struct leak_record *r,
                      const struct report_leak_options *options)
{
    size_t columns = options->text.columns;
    struct stacklines stack = {0};

    if (!stacklines_get(&stack, p, r->node, &options->text.stack)) {
        out->failed = true;
        return;
    }
    if (options->text.stack.limit)
        end_at_main(&stack, p);
    if (stack.count == 0)
        strbuf_addf(out, "%*sallocated at an unknown place\n", INDENT, "");
    for (size_t i = 0; i < stack.count; i++) {
        strbuf_addf(out, "%*s%s", INDENT - 2, "", i == r->place ? "> " : "  ");
        location_line(out, p, stack.lines[i].line, stack.lines[i].frame,
                      columns > INDENT + 40 ? columns - INDENT
                      : columns             ? 40
                                            : 0);
        strbuf_add(out, "\n");
        report_source_line(out, p, stack.lines[i].line, INDENT + 4, &options->text);
    }
    if (stack.hidden)
        strbuf_addf(out, "%*sand %zu more\n", INDENT, "", stack.hidden);
    if (stacklines_end(&stack))
        strbuf_addf(out, "%*s(%s)\n", INDENT, "", stacklines_end(&stack));
    stacklines_release(&stack);
}

static void add_sizes(struct strbuf *out, const struct leak_record *r, bool exact)
{
    char least[UNITS_TEXT], most[UNITS_TEXT];

    units_bytes(least, r->smallest, exact);
    units_bytes(most, r->largest, exact);
    if (r->smallest >= r->largest)
        strbuf_addf(out, "of %s%s", most, r->blocks > 1 ? " each" : "");
    else
        strbuf_addf(out, "of %s to %s", least, most);
}

static void add_times(struct strbuf *out, const struct leak_record *r)
{
    char first[UNITS_TEXT], last[UNITS_TEXT];

    units_time(first, r->first_seconds);
    units_time(last, r->last_seconds);
    if (strcmp(first, last) == 0)
        strbuf_addf(out, ", allocated at %s", first);
    else
        strbuf_addf(out, ", allocated from %s to %s", first, last);
    if (*r->thread) {
        strbuf_add(out, " by thread ");
        escape_text(out, r->thread);
    }
    if (r->threads > 1)
        strbuf_addf(out, " and %" PRIu32 " other%s", r->threads - 1, plural(r->threads - 1));
}

/* After a few moments only is it news that blocks are young. */
static void add_ages(struct strbuf *out, const struct profile *p, const struct leak_record *r)
{
    static const char *const words[LEAK_AGES] = {"young", "middle-aged", "old"};
    const char *before = "; ";
    char text[UNITS_TEXT];

    if (p->search.moments < LEAK_OLD && r->ages[LEAK_AGE_YOUNG].blocks == r->blocks)
        return;
    for (int i = LEAK_AGES - 1; i >= 0; i--) {
        if (r->ages[i].blocks == 0)
            continue;
        strbuf_addf(out, "%s%s %s", before, units_count(text, r->ages[i].blocks), words[i]);
        before = ", ";
    }
}

static void add_facts(struct strbuf *out, const struct profile *p, const struct leak_record *r,
                      bool exact)
{
    char text[UNITS_TEXT];

    strbuf_addf(out, "%*s", INDENT, "");
    add_sizes(out, r, exact);
    add_times(out, r);
    add_ages(out, p, r);
    if (r->example)
        strbuf_addf(out, "; %s 0x%" PRIx64, r->blocks == 1 ? "it is at" : "one is at", r->example);
    strbuf_add(out, "\n");
    if (r->cycle_blocks > 1)
        strbuf_addf(out, "%*sa cycle: these %" PRIu32 " blocks keep each other\n", INDENT, "",
                    r->cycle_blocks);
    else if (r->cycle_blocks)
        strbuf_addf(out, "%*sa cycle: the block keeps itself\n", INDENT, "");
    if (r->retained_bytes > r->bytes + r->indirect_bytes)
        strbuf_addf(out, "%*sfreeing them frees %s\n", INDENT, "",
                    units_bytes(text, r->retained_bytes, exact));
}

/* ---------------------------------------------------------------- contents -- */

static int by_address(const void *key, const void *content)
{
    uint64_t address = *(const uint64_t *)key;
    const struct profile_content *c = content;

    return address < c->address ? -1 : address > c->address;
}

static int by_block_address(const void *key, const void *block)
{
    uint64_t address = *(const uint64_t *)key;
    const struct profile_block *b = block;

    return address < b->address ? -1 : address > b->address;
}

/* How many bytes of the example are known: its size is, where the graph has it. */
static size_t known_bytes(const struct profile *p, const struct leak_record *r)
{
    const struct profile_block *block =
        p->block_count
            ? bsearch(&r->example, p->blocks, p->block_count, sizeof *p->blocks, by_block_address)
            : NULL;
    uint64_t size = block ? block->size : r->largest, most = p->search.contents;

    most = most < PROFILE_CONTENTS_BYTES ? most : PROFILE_CONTENTS_BYTES;
    return (size_t)(size < most ? size : most);
}

static void add_bytes(struct strbuf *out, const unsigned char *bytes, size_t count)
{
    strbuf_addf(out, "%*s", INDENT, "");
    for (size_t i = 0; i < BYTES_A_LINE; i++)
        if (i < count)
            strbuf_addf(out, "%02x ", bytes[i]);
        else
            strbuf_add(out, "   ");
    strbuf_add(out, " |");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "%c", bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
    strbuf_add(out, "|\n");
}

static void add_contents(struct strbuf *out, const struct profile *p, const struct leak_record *r)
{
    const struct profile_content *c =
        p->content_count
            ? bsearch(&r->example, p->contents, p->content_count, sizeof *c, by_address)
            : NULL;
    unsigned char bytes[PROFILE_CONTENTS_BYTES];
    size_t known;

    if (!c)
        return;
    memcpy(bytes, c->words, sizeof bytes);
    known = known_bytes(p, r);
    for (size_t i = 0; i < known; i += BYTES_A_LINE)
        add_bytes(out, bytes + i, known - i < BYTES_A_LINE ? known - i : BYTES_A_LINE);
}

/* ----------------------------------------------------------------- records -- */

static void add_record(struct strbuf *out, const struct profile *p, const struct leak_record *r,
                       size_t number, const struct report_leak_options *options)
{
    add_title(out, r, number, options);
    add_stack(out, p, r, options);
    add_facts(out, p, r, options->text.exact);
    if (options->contents)
        add_contents(out, p, r);
}

/* A sentence for each kind that is shown, and how to ask for more. */
static void add_closing(struct strbuf *out, const struct leaks *l, const struct profile *p,
                        const struct leak_record *first, uint32_t shown,
                        const struct report_leak_options *options)
{
    for (int k = LEAK_KINDS - 1; k >= 0; k--)
        if ((shown & LEAK_KIND_BIT(k)) && l->searched)
            strbuf_addf(out, "  %s: %s\n", leak_kind_words((enum leak_kind)k),
                        leak_kind_meaning((enum leak_kind)k));
    if (options->contents && first && p->content_count == 0)
        strbuf_add(out, "  the search kept no contents: record with memprof run --contents\n");
    if (!options->file || !first || p->search.graph == GRAPH_NONE)
        return;
    strbuf_add(out, "  ");
    add_command(out, "why", options->file);
    strbuf_addf(out, " %s shows what refers to the first, and what it refers to\n", first->id);
}

void report_leak_records(struct strbuf *out, const struct leaks *l, const struct profile *p,
                         const struct report_leak_options *options)
{
    const struct leak_record *first = NULL;
    uint32_t shown = 0;
    size_t count = 0, hidden = 0;
    char text[UNITS_TEXT];

    for (uint32_t i = 0; i < l->report.record_count; i++) {
        const struct leak_record *r = &l->report.records[i];

        if (!(options->kinds & LEAK_KIND_BIT(r->kind)) || (options->new_only && r->known))
            continue;
        if (options->limit && count == options->limit) {
            hidden++;
            continue;
        }
        first = first ? first : r;
        shown |= LEAK_KIND_BIT(r->kind);
        add_record(out, p, r, ++count, options);
    }
    if (hidden)
        strbuf_addf(out, "and %s more: --top 0 shows all\n", units_count(text, hidden));
    add_closing(out, l, p, first, shown, options);
}
