// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-diff-text.h"

#include "src/host/profile/domain.h"
#include "src/host/text/escape.h"
#include "src/host/text/shorten.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

#define NAME_COLUMNS_MIN 24
#define STACK_INDENT 6
#define SIGNED_TEXT (UNITS_TEXT + 1)

struct page {
    struct strbuf *out;
    const struct diff *diff;
    const struct diff_side *before, *after;
    const struct report_text_options *options;
    struct sourcelines old_sources, new_sources;
};

/* ---------------------------------------------------------- numbers -- */

static const char *signed_bytes(char text[SIGNED_TEXT], uint64_t before, uint64_t after, bool exact)
{
    text[0] = after >= before ? '+' : '-';
    units_bytes(text + 1, after >= before ? after - before : before - after, exact);
    return text;
}

static const char *signed_count(char text[SIGNED_TEXT], uint64_t before, uint64_t after)
{
    text[0] = after >= before ? '+' : '-';
    units_count(text + 1, after >= before ? after - before : before - after);
    return text;
}

static uint64_t each(struct view_amount amount)
{
    return amount.blocks ? amount.bytes / amount.blocks : 0;
}

void report_diff_share(struct strbuf *out, uint64_t before, uint64_t after)
{
    double share;

    if (before == 0) {
        strbuf_add(out, after ? "from nothing" : "+0.0 %");
        return;
    }
    share = 100.0 * ((double)after - (double)before) / (double)before;
    if (after != before && share < 0.05 && share > -0.05)
        strbuf_add(out, after > before ? "<+0.1 %" : "<-0.1 %");
    else
        strbuf_addf(out, "%+.1f %%", share);
}

/* ------------------------------------------------------------- rows -- */

struct cells {
    struct strbuf size, count;
};

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "+12.4 MiB (now 14.1 MiB)" */
static void add_bytes(struct strbuf *out, const struct diff_row *row, bool exact)
{
    char difference[SIGNED_TEXT], now[UNITS_TEXT];

    strbuf_add(out, signed_bytes(difference, row->before.bytes, row->after.bytes, exact));
    if (row->status == DIFF_NEW)
        strbuf_add(out, " (new)");
    else if (row->status == DIFF_GONE)
        strbuf_add(out, " (gone)");
    else
        strbuf_addf(out, " (now %s)", units_bytes(now, row->after.bytes, exact));
}

/* "+52,011 blocks (now 58,200, 250 B each)"; `marked`: new and gone are said elsewhere */
static void add_blocks(struct strbuf *out, const struct diff_row *row, bool exact, bool marked)
{
    char difference[SIGNED_TEXT], now[UNITS_TEXT], size[UNITS_TEXT];
    int64_t blocks = diff_blocks(row);

    strbuf_addf(out, "%s block%s", signed_count(difference, row->before.blocks, row->after.blocks),
                plural(blocks < 0 ? (uint64_t)-blocks : (uint64_t)blocks));
    if (row->status == DIFF_GONE) {
        strbuf_add(out, marked ? "" : " (gone)");
        return;
    }
    strbuf_add(out, " (");
    if (row->status != DIFF_NEW)
        strbuf_addf(out, "now %s", units_count(now, row->after.blocks));
    else if (!marked)
        strbuf_add(out, "new");
    if (row->after.blocks)
        strbuf_addf(out, "%s%s each", row->status == DIFF_NEW && marked ? "" : ", ",
                    units_bytes(size, each(row->after), exact));
    strbuf_add(out, ")");
}

static void add_average(struct strbuf *out, const struct diff_row *row, bool exact)
{
    char difference[SIGNED_TEXT], now[UNITS_TEXT];

    strbuf_addf(out, "%s each",
                signed_bytes(difference, each(row->before), each(row->after), exact));
    if (row->status == DIFF_NEW)
        strbuf_add(out, " (new)");
    else if (row->status == DIFF_GONE)
        strbuf_add(out, " (gone)");
    else
        strbuf_addf(out, " (now %s each)", units_bytes(now, each(row->after), exact));
}

static void cells_make(struct cells *c, const struct diff *d, const struct diff_row *row,
                       bool exact)
{
    strbuf_init(&c->size);
    strbuf_init(&c->count);
    if (d->options.order == VIEW_BY_AVERAGE) {
        add_average(&c->size, row, exact);
        add_blocks(&c->count, row, exact, true);
    } else if (view_counts_blocks(d->options.order)) {
        add_blocks(&c->size, row, exact, false);
        add_bytes(&c->count, row, exact);
    } else {
        add_bytes(&c->size, row, exact);
        add_blocks(&c->count, row, exact, true);
    }
}

static void cells_release(struct cells *c)
{
    strbuf_release(&c->size);
    strbuf_release(&c->count);
}

/* "   (moved from cache.c:80)" */
static void add_moved(struct strbuf *out, const struct page *page, const struct diff_row *row)
{
    const struct profile *p = page->before->profile;
    const struct profile_line *line;

    if (row->moved_from == UNITED_NONE)
        return;
    line = &p->lines[row->moved_from];
    strbuf_add(out, " (moved from ");
    escape_text(out, location_base(profile_text(p, line->file)));
    strbuf_addf(out, ":%" PRIu32 ")", line->line);
}

/* ----------------------------------------------------------- source -- */

/* The text of the line, by its path as the rules have it, else as it was recorded. */
static const char *find_source(struct sourcelines *sources, const struct profile *side,
                               uint32_t row, const char *mapped, size_t *length, bool *newer)
{
    const struct profile_line *line = &side->lines[row];
    int64_t since = side->process.started_unix;
    const char *found = sourcelines_get(sources, mapped, line->line, since, length, newer);

    if (found)
        return found;
    return sourcelines_get(sources, profile_text(side, line->file), line->line, since, length,
                           newer);
}

/* A side may have the line without a name for it (borrow.h). */
static bool has_number(const struct diff_side *side, uint32_t line)
{
    return side->profile->lines[line].line != 0;
}

/* The text of a line of the united profile, if it can be read. */
static void add_source(struct page *page, uint32_t index, size_t indent)
{
    const struct profile *u = &page->diff->united.profile;
    const struct united_line *line;
    size_t columns = page->options->columns, length = 0;
    const char *mapped, *source;
    bool newer = false, is_new;
    struct strbuf text;

    if (!page->options->sources || index >= u->line_count)
        return;
    line = &page->diff->united.lines[index];
    mapped = profile_text(u, u->lines[index].file);
    is_new = line->after != UNITED_NONE &&
             (line->before == UNITED_NONE || has_number(page->after, line->after));
    source = is_new ? find_source(&page->new_sources, page->after->profile, line->after, mapped,
                                  &length, &newer)
                    : find_source(&page->old_sources, page->before->profile, line->before, mapped,
                                  &length, &newer);
    if (!source)
        return;
    strbuf_init(&text);
    strbuf_add_length(&text, source, length);
    for (char *c = text.text; c && *c; c++)
        *c = *c == '\t' ? ' ' : *c;
    strbuf_addf(page->out, "%*s%s", (int)indent, "", page->options->colour ? DIM : "");
    shorten_text(page->out, strbuf_text(&text),
                 columns > indent + 40 ? columns - indent
                 : columns             ? 40
                                       : 0);
    strbuf_add(page->out, page->options->colour ? PLAIN : "");
    strbuf_add(page->out, newer ? "   (the file was changed since)\n" : "\n");
    strbuf_release(&text);
}

static void add_stack_lines(struct page *page, const struct stacklines *stack)
{
    size_t columns = page->options->columns;

    for (size_t i = 0; i < stack->count; i++) {
        strbuf_addf(page->out, "%*s", STACK_INDENT, "");
        location_line(page->out, &page->diff->united.profile, stack->lines[i].line,
                      stack->lines[i].frame,
                      columns > STACK_INDENT + 40 ? columns - STACK_INDENT
                      : columns                   ? 40
                                                  : 0);
        strbuf_add(page->out, "\n");
        add_source(page, stack->lines[i].line, STACK_INDENT + 4);
    }
}

/* The stack; what is left out of it and why it ends are said where they belong. */
static void add_stack(struct page *page, uint32_t node)
{
    const struct stack_choice *choice = &page->options->stack;
    bool hidden_first = choice->outermost != choice->oldest_first;
    struct stacklines stack = {0};
    const char *end;

    if (!stacklines_get(&stack, &page->diff->united.profile, node, choice))
        page->out->failed = true;
    end = stacklines_end(&stack);
    if (end && choice->oldest_first)
        strbuf_addf(page->out, "%*s(%s)\n", STACK_INDENT, "", end);
    if (stack.hidden && hidden_first)
        strbuf_addf(page->out, "%*sand %zu more\n", STACK_INDENT, "", stack.hidden);
    add_stack_lines(page, &stack);
    if (stack.hidden && !hidden_first)
        strbuf_addf(page->out, "%*sand %zu more\n", STACK_INDENT, "", stack.hidden);
    if (end && !choice->oldest_first)
        strbuf_addf(page->out, "%*s(%s)\n", STACK_INDENT, "", end);
    stacklines_release(&stack);
}

/* ------------------------------------------------------------ table -- */

static void add_padded(struct strbuf *out, const struct strbuf *text, size_t width)
{
    strbuf_add(out, strbuf_text(text));
    strbuf_addf(out, "%*s", text->length < width ? (int)(width - text->length) : 0, "");
    out->failed |= text->failed;
}

static void add_row(struct page *page, const struct diff_row *row, const struct cells *c,
                    size_t size_width, size_t count_width)
{
    size_t taken = size_width + count_width + 6, columns = page->options->columns, room = 0;
    enum view_group group = page->diff->options.group;
    bool grown = view_weight(page->diff->options.order, row->after) >=
                 view_weight(page->diff->options.order, row->before);
    struct strbuf moved;

    strbuf_init(&moved);
    add_moved(&moved, page, row);
    taken += moved.length;
    if (columns)
        room = columns > taken + NAME_COLUMNS_MIN ? columns - taken : NAME_COLUMNS_MIN;
    if (page->options->colour)
        strbuf_add(page->out, grown ? RED : GREEN);
    add_padded(page->out, &c->size, size_width);
    strbuf_add(page->out, page->options->colour ? PLAIN "   " : "   ");
    add_padded(page->out, &c->count, count_width);
    strbuf_add(page->out, page->options->colour ? "   " BOLD : "   ");
    location_row(page->out, &page->diff->united.profile, group, &row->row, room);
    strbuf_add(page->out, page->options->colour ? PLAIN : "");
    strbuf_add(page->out, strbuf_text(&moved));
    strbuf_add(page->out, "\n");
    strbuf_release(&moved);
    if (group == VIEW_LINE)
        add_source(page, row->row.line, STACK_INDENT);
    else if (group == VIEW_TRACEBACK)
        add_stack(page, row->row.node);
}

/* Live at the peak is the peak. */
static enum view_order order_of(const struct page *page)
{
    enum view_order order = page->diff->options.order;

    return order == VIEW_BY_LIVE && page->before->moment.place == MOMENT_AT_PEAK &&
                   page->after->moment.place == MOMENT_AT_PEAK
               ? VIEW_BY_PEAK
               : order;
}

static const char *title_of(const struct page *page)
{
    static const char *const titles[] = {
        [VIEW_BY_PEAK] = "by bytes at the peak",     [VIEW_BY_LIVE] = "by bytes live",
        [VIEW_BY_TOTAL] = "by bytes allocated",      [VIEW_BY_COUNT] = "by blocks allocated",
        [VIEW_BY_TEMPORARY] = "by temporary blocks", [VIEW_BY_AVERAGE] = "by bytes a block",
    };

    return titles[order_of(page)];
}

/* The rows that are shown: those that changed. */
static size_t count_changed(const struct diff *d)
{
    size_t count = 0;

    for (size_t i = 0; i < d->row_count; i++)
        count += d->rows[i].status != DIFF_SAME;
    return count;
}

static void add_domain(struct page *page)
{
    uint32_t domain = page->diff->options.domain;

    if (domain == DOMAIN_HEAP)
        return;
    strbuf_add(page->out, ", ");
    if (domain == VIEW_ALL_DOMAINS || domain == VIEW_EVERY_DOMAIN)
        strbuf_add(page->out, "all domains");
    else
        escape_text(page->out, domain_name(&page->diff->united.profile, domain));
}

static void add_title(struct page *page, size_t shown)
{
    const struct view_options *options = &page->diff->options;
    char count[UNITS_TEXT] = "";

    if (shown != 1)
        snprintf(count, sizeof count, "%zu ", shown);
    strbuf_addf(page->out, "%s[ %s %sdifference%s %s", page->options->colour ? BOLD : "",
                options->reverse ? "Smallest" : "Top", count, plural(shown), title_of(page));
    if (options->group != VIEW_LINE)
        strbuf_addf(page->out, ", grouped by %s", view_group_word(options->group));
    strbuf_add(page->out, options->cumulative ? ", cumulative" : "");
    add_domain(page);
    strbuf_addf(page->out, " ]%s\n", page->options->colour ? PLAIN : "");
}

static void add_rows(struct page *page, size_t shown)
{
    const struct diff *d = page->diff;
    struct cells *cells = calloc(d->row_count + 1, sizeof *cells);
    size_t size_width = 0, count_width = 0;

    if (!cells) {
        page->out->failed = true;
        return;
    }
    add_title(page, shown);
    for (size_t i = 0; i < d->row_count; i++) {
        cells_make(&cells[i], d, &d->rows[i], page->options->exact);
        if (d->rows[i].status == DIFF_SAME)
            continue;
        if (cells[i].size.length > size_width)
            size_width = cells[i].size.length;
        if (cells[i].count.length > count_width)
            count_width = cells[i].count.length;
    }
    for (size_t i = 0; i < d->row_count; i++)
        if (d->rows[i].status != DIFF_SAME)
            add_row(page, &d->rows[i], &cells[i], size_width, count_width);
    for (size_t i = 0; i < d->row_count; i++)
        cells_release(&cells[i]);
    free(cells);
}

/* -------------------------------------------------------------- sums -- */

static void add_rest(struct page *page, size_t shown)
{
    const struct diff *d = page->diff;
    size_t all = d->row_count + d->rest_count, more = all - d->same_count - shown;
    char difference[SIGNED_TEXT], blocks[SIGNED_TEXT];

    if (more && d->options.cumulative)
        strbuf_addf(page->out, "and %zu more difference%s\n", more, plural(more));
    else if (more)
        strbuf_addf(page->out, "and %zu more difference%s: %s, %s blocks\n", more, plural(more),
                    signed_bytes(difference, d->rest_before.bytes, d->rest_after.bytes,
                                 page->options->exact),
                    signed_count(blocks, d->rest_before.blocks, d->rest_after.blocks));
}

const char *report_diff_subject(enum view_order order)
{
    static const char *const subjects[] = {
        [VIEW_BY_PEAK] = "peak",
        [VIEW_BY_LIVE] = "live",
        [VIEW_BY_TOTAL] = "allocated",
        [VIEW_BY_COUNT] = "allocated blocks",
        [VIEW_BY_TEMPORARY] = "temporary blocks",
        [VIEW_BY_AVERAGE] = "bytes a block",
    };

    return subjects[order];
}

/* "live +12.4 MiB (+413.3 %): from 3.0 MiB to 15.4 MiB, +52,011 blocks" */
static void add_whole(struct page *page)
{
    const struct diff *d = page->diff;
    enum view_order order = d->options.order;
    bool exact = page->options->exact;
    char difference[SIGNED_TEXT], x[UNITS_TEXT], y[UNITS_TEXT], other[SIGNED_TEXT];

    strbuf_addf(page->out, "%s ", report_diff_subject(order_of(page)));
    if (view_counts_blocks(order)) {
        strbuf_add(page->out, signed_count(difference, d->before.blocks, d->after.blocks));
        strbuf_add(page->out, " (");
        report_diff_share(page->out, d->before.blocks, d->after.blocks);
        strbuf_addf(page->out, "): from %s to %s, %s\n", units_count(x, d->before.blocks),
                    units_count(y, d->after.blocks),
                    signed_bytes(other, d->before.bytes, d->after.bytes, exact));
        return;
    }
    if (order == VIEW_BY_AVERAGE) {
        strbuf_add(page->out, signed_bytes(difference, each(d->before), each(d->after), exact));
        strbuf_addf(page->out, ": from %s to %s each\n", units_bytes(x, each(d->before), exact),
                    units_bytes(y, each(d->after), exact));
        return;
    }
    strbuf_add(page->out, signed_bytes(difference, d->before.bytes, d->after.bytes, exact));
    strbuf_add(page->out, " (");
    report_diff_share(page->out, d->before.bytes, d->after.bytes);
    strbuf_addf(page->out, "): from %s to %s, %s blocks\n", units_bytes(x, d->before.bytes, exact),
                units_bytes(y, d->after.bytes, exact),
                signed_count(other, d->before.blocks, d->after.blocks));
}

/* "left out by the filters: +1.0 MiB, from 2.0 MiB to 3.0 MiB; +5 blocks" */
static void add_filtered(struct page *page)
{
    const struct view_amount *before = &page->diff->filtered_before;
    const struct view_amount *after = &page->diff->filtered_after;
    bool exact = page->options->exact;
    char difference[SIGNED_TEXT], blocks[SIGNED_TEXT], x[UNITS_TEXT], y[UNITS_TEXT];

    if (!before->bytes && !before->blocks && !after->bytes && !after->blocks)
        return;
    strbuf_addf(page->out, "left out by the filters: %s, from %s to %s; %s blocks\n",
                signed_bytes(difference, before->bytes, after->bytes, exact),
                units_bytes(x, before->bytes, exact), units_bytes(y, after->bytes, exact),
                signed_count(blocks, before->blocks, after->blocks));
}

static void add_matching(struct page *page)
{
    static const char *const words[] = {
        [MATCH_BY_LINE] = "by line",
        [MATCH_BY_TEXT] = "by line's text",
        [MATCH_BY_FUNCTION] = "by function",
        [MATCH_BY_OFFSET] = "by offset without a build ID",
    };
    const struct diff_matching *m = &page->diff->matching;
    bool exact = page->options->exact;
    char bytes[UNITS_TEXT], count[UNITS_TEXT];

    if (m->exact)
        return;
    strbuf_add(page->out, m->stacks ? "stacks matched: " : "lines matched: ");
    for (size_t tier = 0; tier < MATCH_NOT; tier++) {
        if (tier == MATCH_BY_OFFSET && m->rows[tier] == 0)
            continue;
        strbuf_addf(page->out, "%s %s", units_count(count, m->rows[tier]), words[tier]);
        if (m->rows[tier])
            strbuf_addf(page->out, " (%s)", units_bytes(bytes, m->bytes[tier], exact));
        strbuf_add(page->out, ", ");
    }
    strbuf_addf(page->out, "%s unmatched", units_count(count, m->rows[MATCH_NOT]));
    if (m->rows[MATCH_NOT])
        strbuf_addf(page->out, " (%zu only in the old, %zu only in the new; %s)", m->only_before,
                    m->only_after, units_bytes(bytes, m->bytes[MATCH_NOT], exact));
    strbuf_add(page->out, "\n");
}

/* ------------------------------------------------------------- sides -- */

static void add_side(struct page *page, const char *label, const struct diff_side *side)
{
    char seconds[UNITS_TEXT];
    struct strbuf moment;

    strbuf_addf(page->out, "%s  ", label);
    escape_text(page->out, side->name);
    strbuf_add(page->out, ": ");
    report_text_process(page->out, side->profile);
    strbuf_init(&moment);
    moment_name(&moment, side->profile, side->moment);
    strbuf_add(page->out, side->moment.place == MOMENT_LISTED ? "; " : "; at ");
    escape_text(page->out, strbuf_text(&moment));
    strbuf_release(&moment);
    if (side->moment.place == MOMENT_LISTED ||
        (side->moment.place == MOMENT_AT_PEAK && !side->profile->process.merged))
        strbuf_addf(page->out, " (%s)",
                    units_seconds(seconds, moment_seconds(side->profile, side->moment)));
    strbuf_add(page->out, "\n");
    if (side->note)
        strbuf_addf(page->out, "  note: %s\n", side->note);
}

static void add_sides(struct page *page)
{
    add_side(page, "old", page->before);
    if (!page->diff->united.exact)
        lossnotes_add(page->out, page->before->profile, page->options->exact);
    add_side(page, "new", page->after);
    lossnotes_add(page->out, page->after->profile, page->options->exact);
}

void report_diff_text(struct strbuf *out, const struct diff *d, const struct diff_side *before,
                      const struct diff_side *after, const struct report_text_options *options)
{
    struct page page = {
        .out = out, .diff = d, .before = before, .after = after, .options = options};
    size_t shown = count_changed(d);

    sourcelines_init(&page.old_sources);
    sourcelines_init(&page.new_sources);
    add_sides(&page);
    if (d->same_count == d->row_count + d->rest_count)
        strbuf_add(out, "no differences\n");
    else if (shown)
        add_rows(&page, shown);
    add_rest(&page, shown);
    add_whole(&page);
    add_filtered(&page);
    add_matching(&page);
    sourcelines_release(&page.old_sources);
    sourcelines_release(&page.new_sources);
}
