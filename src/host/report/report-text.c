// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-text.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-source.h"
#include "src/host/text/escape.h"
#include "src/host/text/shorten.h"
#include "src/host/text/signalname.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

#define NAME_COLUMNS_MIN 24
#define STACK_INDENT 6 /* of source lines and stacks under a row */

/* ---------------------------------------------------------- process -- */

static void add_end(struct strbuf *out, const struct profile_process *process)
{
    const char *name;

    switch (process->exit_kind) {
    case EXIT_STATUS:
        strbuf_addf(out, "exit %" PRId32, process->exit_value);
        return;
    case EXIT_SIGNAL:
        name = signal_name(process->exit_value);
        strbuf_addf(out, "killed by signal %" PRId32, process->exit_value);
        if (name)
            strbuf_addf(out, " (%s)", name);
        return;
    case EXIT_EXECUTED:
        strbuf_add(out, "then executed another program");
        return;
    case EXIT_DETACHED:
        strbuf_add(out, "then memprof detached");
        return;
    default:
        strbuf_add(out, "its end was not seen");
    }
}

/* Another allocator than the C library's is worth a word. */
static void add_allocator(struct strbuf *out, const struct profile *p)
{
    const char *name = profile_text(p, p->process.allocator);

    if (!*name || strncmp(name, "libc.so", 7) == 0)
        return;
    strbuf_add(out, " on ");
    if (strcmp(name, "pool") == 0)
        strbuf_add(out, "memprof's pools");
    else if (strcmp(name, "pool-debug") == 0)
        strbuf_add(out, "memprof's pools with guards");
    else
        escape_text(out, name);
}

void report_text_process(struct strbuf *out, const struct profile *p)
{
    char seconds[UNITS_TEXT], age[UNITS_TEXT];

    escape_text(out, profile_text(p, p->process.program));
    if (p->process.merged)
        strbuf_addf(out, " (%" PRIu32 " profile%s merged) ran up to %s", p->process.merged,
                    p->process.merged == 1 ? "" : "s", units_seconds(seconds, p->process.seconds));
    else if (p->process.attached_seconds > 0)
        strbuf_addf(out, " (pid %" PRId64 ") was recorded for %s, from %s after its start",
                    p->process.pid, units_seconds(seconds, p->process.seconds),
                    units_seconds(age, p->process.attached_seconds));
    else
        strbuf_addf(out, " (pid %" PRId64 ") ran %s", p->process.pid,
                    units_seconds(seconds, p->process.seconds));
    add_allocator(out, p);
    strbuf_add(out, ", ");
    add_end(out, &p->process);
}

/* ----------------------------------------------------------- totals -- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void add_bytes_in_blocks(struct strbuf *out, uint64_t bytes, uint64_t blocks, bool exact)
{
    char b[UNITS_TEXT], c[UNITS_TEXT];

    strbuf_addf(out, "%s in %s block%s", units_bytes(b, bytes, exact), units_count(c, blocks),
                plural(blocks));
}

#define TOTALS_GAP 6
#define TOTALS_INDENT 17 /* of what follows "live at exit" */

/* The parts in a line, or where they do not fit on as many as they need. */
static void add_parts(struct strbuf *out, const struct strbuf *parts, size_t count, size_t columns)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        size_t gap = i ? TOTALS_GAP : 0;

        if (parts[i].length == 0)
            continue;
        if (columns && i && used + gap + parts[i].length > columns) {
            strbuf_add(out, "\n");
            gap = TOTALS_INDENT;
            used = 0;
        }
        strbuf_addf(out, "%*s%s", (int)gap, "", strbuf_text(&parts[i]));
        used += gap + parts[i].length;
        out->failed |= parts[i].failed;
    }
    strbuf_add(out, "\n");
}

void report_text_totals(struct strbuf *out, const struct profile *p,
                        const struct report_text_options *options)
{
    const struct profile_totals *t = &p->totals;
    bool exact = options->exact;
    char text[UNITS_TEXT], seconds[UNITS_TEXT], outside[UNITS_TEXT];
    struct strbuf first[3] = {0}, second[3] = {0};

    strbuf_addf(&first[0], "  %s   ",
                p->process.exit_kind == EXIT_UNKNOWN || p->process.exit_kind == EXIT_DETACHED
                    ? "live at end "
                    : "live at exit");
    add_bytes_in_blocks(&first[0], t->live_bytes, t->live_blocks, exact);
    strbuf_addf(&first[1], "peak %s", units_bytes(text, t->peak_bytes, exact));
    if (!p->process.merged) /* a sum of peaks was at no one time */
        strbuf_addf(&first[1], " at %s", units_seconds(seconds, t->peak_seconds));
    if (t->rss_peak_bytes)
        strbuf_addf(&first[2], "peak RSS %s", units_bytes(text, t->rss_peak_bytes, exact));
    strbuf_add(&second[0], "  allocated      ");
    add_bytes_in_blocks(&second[0], t->total_bytes, t->total_blocks, exact);
    strbuf_addf(&second[0], ", %s temporary", units_count(text, t->temporary_blocks));
    if (t->mmap_peak_bytes)
        strbuf_addf(&second[1], "mmap %s", units_bytes(text, t->mmap_peak_bytes, exact));
    add_parts(out, first, 3, options->columns);
    if (t->own_target_bytes)
        strbuf_addf(&second[2], "memprof itself %s in the program, %s outside",
                    units_bytes(text, t->own_target_bytes, exact),
                    units_bytes(outside, t->own_host_bytes, exact));
    add_parts(out, second, 3, options->columns);
    for (size_t i = 0; i < 3; i++) {
        strbuf_release(&first[i]);
        strbuf_release(&second[i]);
    }
}

/* ------------------------------------------------------------- view -- */

static const char *group_name(enum view_group group, bool many)
{
    static const char *const one[] = {"line",   "function", "file",      "module",
                                      "thread", "stack",    "size class"};
    static const char *const several[] = {"lines",   "functions", "files",       "modules",
                                          "threads", "stacks",    "size classes"};

    return many ? several[group] : one[group];
}

/* "live at snapshot 3 (loaded)": the words, then the moment. */
static void add_until(struct strbuf *out, const struct profile *p, const char *words,
                      struct moment moment)
{
    struct strbuf name;

    strbuf_init(&name);
    moment_name(&name, p, moment);
    strbuf_add(out, words);
    escape_text(out, strbuf_text(&name));
    out->failed |= name.failed;
    strbuf_release(&name);
}

/* What the order counts, and when or until when. */
static void add_order(struct strbuf *out, const struct profile *p, const struct view *v)
{
    static const char *const words[] = {"bytes at the peak", "bytes live",       "bytes allocated",
                                        "blocks allocated",  "temporary blocks", "bytes a block"};
    enum view_order order = v->options.order;
    struct moment moment = v->options.moment;

    strbuf_add(out, words[order]);
    if (order == VIEW_BY_LIVE || moment.place == MOMENT_AT_PEAK)
        add_until(out, p, " at ", moment);
    else if (moment.place == MOMENT_LISTED)
        add_until(out, p, " until ", moment);
}

/* The numbers of a row as text, in the order they are shown. */
struct cells {
    char text[3][UNITS_TEXT];
};

/* "15,667 blocks"; of one block a space keeps the words of the column under each other. */
static void add_blocks(char *text, uint64_t blocks)
{
    units_count(text, blocks);
    strcat(text, blocks == 1 ? " block " : " blocks");
}

static void cells_make(struct cells *c, const struct view *v, struct view_amount amount, bool exact)
{
    enum view_order order = v->options.order;
    bool by_blocks = view_counts_blocks(order);

    if (order == VIEW_BY_AVERAGE) {
        units_bytes(c->text[0], view_weight(order, amount), exact);
        strcat(c->text[0], " each");
        units_bytes(c->text[1], amount.bytes, exact);
        add_blocks(c->text[2], amount.blocks);
        return;
    }
    units_bytes(c->text[by_blocks ? 2 : 0], amount.bytes, exact);
    units_share(c->text[1], view_weight(order, amount), view_weight(order, v->whole));
    add_blocks(c->text[by_blocks ? 0 : 2], amount.blocks);
}

struct table {
    const struct profile *profile;
    const struct view *view;
    const struct report_text_options *options;
    struct cells *cells;
    int widths[3];
    int number_width;    /* of "#12" */
    size_t name_room;    /* what a name may take; 0 any */
    size_t name_columns; /* what the widest one takes */
};

static void measure(struct table *t)
{
    size_t taken;
    struct strbuf name;
    char number[UNITS_TEXT];

    t->number_width = snprintf(number, sizeof number, "#%zu", t->view->row_count);
    for (size_t i = 0; i < t->view->row_count; i++) {
        cells_make(&t->cells[i], t->view, t->view->rows[i].amount, t->options->exact);
        for (int c = 0; c < 3; c++)
            if ((int)strlen(t->cells[i].text[c]) > t->widths[c])
                t->widths[c] = (int)strlen(t->cells[i].text[c]);
    }
    taken = (size_t)(t->number_width + 2 + 3 * 3 + t->widths[0] + t->widths[1] + t->widths[2]);
    if (t->options->columns)
        t->name_room = t->options->columns > taken + NAME_COLUMNS_MIN ? t->options->columns - taken
                                                                      : NAME_COLUMNS_MIN;
    for (size_t i = 0; i < t->view->row_count; i++) {
        size_t columns;

        strbuf_init(&name);
        location_row(&name, t->profile, t->view->options.group, &t->view->rows[i], t->name_room);
        columns = escape_columns(strbuf_text(&name));
        if (columns > t->name_columns)
            t->name_columns = columns;
        strbuf_release(&name);
    }
}

static void add_stack_line(struct strbuf *out, const struct table *t, struct stack_line at)
{
    size_t columns = t->options->columns;

    strbuf_addf(out, "%*s", STACK_INDENT, "");
    location_line(out, t->profile, at.line, at.frame,
                  columns > STACK_INDENT + 40 ? columns - STACK_INDENT
                  : columns                   ? 40
                                              : 0);
    strbuf_add(out, "\n");
    report_source_line(out, t->profile, at.line, STACK_INDENT + 4, t->options);
}

static void add_hidden(struct strbuf *out, const struct stacklines *stack)
{
    if (stack->hidden)
        strbuf_addf(out, "%*sand %zu more\n", STACK_INDENT, "", stack->hidden);
}

static void add_end_of_stack(struct strbuf *out, const struct stacklines *stack)
{
    if (stacklines_end(stack))
        strbuf_addf(out, "%*s(%s)\n", STACK_INDENT, "", stacklines_end(stack));
}

/* The stack with source lines; what is left out and why it ends are said where they belong. */
static void add_stack(struct strbuf *out, const struct table *t, uint32_t node)
{
    const struct stack_choice *choice = &t->options->stack;
    struct stacklines stack = {0};
    bool hidden_first = choice->outermost != choice->oldest_first;

    if (!stacklines_get(&stack, t->profile, node, choice)) {
        out->failed = true;
        stacklines_release(&stack);
        return;
    }
    if (choice->oldest_first)
        add_end_of_stack(out, &stack);
    if (hidden_first)
        add_hidden(out, &stack);
    for (size_t i = 0; i < stack.count; i++)
        add_stack_line(out, t, stack.lines[i]);
    if (!hidden_first)
        add_hidden(out, &stack);
    if (!choice->oldest_first)
        add_end_of_stack(out, &stack);
    stacklines_release(&stack);
}

static void add_row(struct strbuf *out, const struct table *t, size_t index)
{
    const struct view_row *row = &t->view->rows[index];
    enum view_group group = t->view->options.group;
    size_t start, columns;
    char number[UNITS_TEXT];

    snprintf(number, sizeof number, "#%zu", index + 1);
    strbuf_addf(out, "%-*s  ", t->number_width, number);
    if (t->options->colour)
        strbuf_add(out, BOLD);
    start = out->length;
    location_row(out, t->profile, group, row, t->name_room);
    columns = out->failed ? 0 : escape_columns(out->text + start);
    if (t->options->colour)
        strbuf_add(out, PLAIN);
    strbuf_addf(out, "%*s", columns < t->name_columns ? (int)(t->name_columns - columns) : 0, "");
    for (int c = 0; c < 3; c++)
        strbuf_addf(out, "   %*s", t->widths[c], t->cells[index].text[c]);
    while (out->length && out->text[out->length - 1] == ' ')
        out->text[--out->length] = '\0';
    strbuf_add(out, "\n");
    if (group == VIEW_LINE)
        report_source_line(out, t->profile, row->line, STACK_INDENT, t->options);
    else if (group == VIEW_TRACEBACK)
        add_stack(out, t, row->node);
}

static void trim(char *text)
{
    for (size_t length = strlen(text); length && text[length - 1] == ' ';)
        text[--length] = '\0';
}

/* "(3 of them of less than 4.0 KiB)" */
static void add_small(struct strbuf *out, const struct view *v, bool exact)
{
    char limit[UNITS_TEXT], count[UNITS_TEXT];

    if (v->small_count == 0)
        return;
    strbuf_add(out, " (");
    if (v->small_count < v->rest_count)
        strbuf_addf(out, "%s of them ", units_count(count, v->small_count));
    strbuf_addf(out, "of less than %s)", units_bytes(limit, v->options.min_bytes, exact));
}

static void add_rest(struct strbuf *out, const struct view *v, bool exact)
{
    struct cells c;
    char count[UNITS_TEXT];

    if (v->rest_count == 0)
        return;
    strbuf_addf(out, "and %s more %s", units_count(count, v->rest_count),
                group_name(v->options.group, v->rest_count != 1));
    add_small(out, v, exact);
    if (!v->options.cumulative) {
        cells_make(&c, v, v->rest, exact);
        trim(c.text[0]);
        strbuf_addf(out, ": %s (%s)", c.text[0], c.text[1]);
    }
    strbuf_add(out, "\n");
}

static void add_filtered(struct strbuf *out, const struct view *v, bool exact)
{
    struct view_amount all = {v->whole.bytes + v->filtered.bytes,
                              v->whole.blocks + v->filtered.blocks};
    bool by_blocks = view_counts_blocks(v->options.order);
    char share[UNITS_TEXT];

    if (v->filtered.bytes == 0 && v->filtered.blocks == 0)
        return;
    strbuf_add(out, "left out by the filters: ");
    add_bytes_in_blocks(out, v->filtered.bytes, v->filtered.blocks, exact);
    strbuf_addf(out, ", %s of all\n",
                by_blocks ? units_share(share, v->filtered.blocks, all.blocks)
                          : units_share(share, v->filtered.bytes, all.bytes));
}

static void add_domain(struct strbuf *out, const struct profile *p, uint32_t domain)
{
    if (domain == DOMAIN_HEAP)
        return;
    strbuf_add(out, ", ");
    if (domain == VIEW_ALL_DOMAINS && p->domain_count <= DOMAIN_BUILTIN)
        strbuf_add(out, "heap and mmap");
    else if (domain == VIEW_ALL_DOMAINS || domain == VIEW_EVERY_DOMAIN)
        strbuf_add(out, "all domains");
    else
        escape_text(out, domain_name(p, domain));
}

static void add_title(struct strbuf *out, const struct profile *p, const struct view *v,
                      const struct report_text_options *options)
{
    char count[UNITS_TEXT] = "";

    if (v->row_count != 1)
        snprintf(count, sizeof count, "%zu ", v->row_count);
    strbuf_addf(out, "%s[ %s %s%s by ", options->colour ? BOLD : "",
                v->options.reverse ? "Bottom" : "Top", count,
                group_name(v->options.group, v->row_count != 1));
    add_order(out, p, v);
    add_domain(out, p, v->options.domain);
    strbuf_addf(out, "%s ]%s\n", v->options.cumulative ? ", with all they called" : "",
                options->colour ? PLAIN : "");
}

static void add_nothing(struct strbuf *out, const struct profile *p, const struct view *v,
                        const struct report_text_options *options)
{
    static const char *const words[] = {" was live at the peak", " was live",
                                        " was allocated",        " was allocated",
                                        " was temporary",        " was allocated"};
    enum view_order order = v->options.order;
    struct moment moment = v->options.moment;
    char size[UNITS_TEXT];

    strbuf_add(out, "nothing");
    if (v->rest_count)
        strbuf_addf(out, " of %s or more", units_bytes(size, v->options.min_bytes, options->exact));
    else if (v->filtered.bytes || v->filtered.blocks)
        strbuf_add(out, " that passes the filters");
    strbuf_add(out, words[order]);
    if (order == VIEW_BY_LIVE || moment.place == MOMENT_AT_PEAK)
        add_until(out, p, " at ", moment);
    else if (moment.place == MOMENT_LISTED)
        add_until(out, p, " until ", moment);
    strbuf_add(out, "\n");
}

void report_text_view(struct strbuf *out, const struct profile *p, const struct view *v,
                      const struct report_text_options *options)
{
    struct table t = {.profile = p, .view = v, .options = options};

    t.cells = malloc((v->row_count + 1) * sizeof *t.cells);
    if (!t.cells) {
        out->failed = true;
        return;
    }
    if (v->row_count == 0) {
        add_nothing(out, p, v, options);
    } else {
        measure(&t);
        add_title(out, p, v, options);
    }
    for (size_t i = 0; i < v->row_count; i++)
        add_row(out, &t, i);
    add_rest(out, v, options->exact);
    add_filtered(out, v, options->exact);
    free(t.cells);
}
