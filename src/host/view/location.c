// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/location.h"

#include "src/host/model/sizeclass.h"
#include "src/host/text/escape.h"
#include "src/host/text/shorten.h"
#include "src/host/text/units.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <string.h>

/* Narrower than this a function's name says nothing: the row gets wider instead. */
#define FUNCTION_COLUMNS_MIN 16

#define UNDER " under "

const char *location_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static const char *module_name(const struct profile *p, uint32_t frame)
{
    uint32_t module = view_frame_module(p, frame);

    return module == NO_MODULE ? "" : profile_text(p, p->modules[module].path);
}

/* `before`, the function in what room is left, `after`. */
static void add_function(struct strbuf *out, const struct strbuf *before, const char *function,
                         const struct strbuf *after, size_t columns)
{
    size_t taken = escape_columns(strbuf_text(before)) + escape_columns(strbuf_text(after));
    size_t room = 0;

    if (columns)
        room = columns > taken + FUNCTION_COLUMNS_MIN ? columns - taken : FUNCTION_COLUMNS_MIN;
    escape_text(out, strbuf_text(before));
    shorten_function(out, function, room);
    escape_text(out, strbuf_text(after));
    out->failed |= before->failed || after->failed;
}

static void add_named(struct strbuf *out, const struct profile *p, const struct profile_line *line,
                      const char *module, size_t columns)
{
    struct strbuf before, after, module_part;
    size_t bare;

    strbuf_init(&before);
    strbuf_init(&after);
    strbuf_init(&module_part);
    if (line->file) {
        strbuf_add(&before, location_base(profile_text(p, line->file)));
        if (line->line)
            strbuf_addf(&before, ":%" PRIu32, line->line);
        strbuf_add(&before, " in ");
    } else if (line->offset) {
        strbuf_addf(&after, "+0x%" PRIx64, line->offset);
    }
    if (*module)
        strbuf_addf(&module_part, " (%s)", location_base(module));
    bare = escape_columns(strbuf_text(&before)) + escape_columns(strbuf_text(&after)) +
           escape_columns(profile_text(p, line->function));
    /* Better the whole name of the function alone than a piece of it with the module. */
    if (columns == 0 || bare > columns ||
        bare + escape_columns(strbuf_text(&module_part)) <= columns)
        strbuf_add(&after, strbuf_text(&module_part));
    add_function(out, &before, profile_text(p, line->function), &after, columns);
    out->failed |= module_part.failed;
    strbuf_release(&module_part);
    strbuf_release(&before);
    strbuf_release(&after);
}

void location_line(struct strbuf *out, const struct profile *p, uint32_t index, uint32_t frame,
                   size_t columns)
{
    const char *module = module_name(p, frame);
    const struct profile_line *line;

    if (index >= p->line_count) {
        strbuf_add(out, "(no stack)");
        return;
    }
    line = &p->lines[index];
    if (line->function) {
        add_named(out, p, line, module, columns);
        return;
    }
    if (line->file) {
        escape_text(out, location_base(profile_text(p, line->file)));
        strbuf_addf(out, ":%" PRIu32 " in ", line->line);
    }
    escape_text(out, location_base(module));
    strbuf_addf(out, *module ? "+0x%" PRIx64 : "0x%" PRIx64 " (no module)", line->offset);
}

/* "33 to 64 bytes" */
static void add_size_class(struct strbuf *out, uint32_t class)
{
    char from[UNITS_TEXT], to[UNITS_TEXT];

    if (class >= SIZECLASSES)
        strbuf_add(out, "blocks of several sizes");
    else if (class == 0)
        strbuf_add(out, "0 bytes");
    else
        strbuf_addf(out, "%s to %s bytes", units_count(from, sizeclass_first(class)),
                    units_count(to, sizeclass_last(class)));
}

static void add_thread(struct strbuf *out, const struct profile *p, uint32_t thread, size_t columns)
{
    const struct profile_thread *t = thread < p->thread_count ? &p->threads[thread] : NULL;
    const char *name = t ? profile_text(p, t->name) : "";

    if (!t) {
        strbuf_add(out, "(unknown thread)");
        return;
    }
    shorten_text(out, *name ? name : t->tid ? "(unnamed)" : "threads that ended", columns);
    if (t->tid)
        strbuf_addf(out, " (tid %" PRId64 ")", t->tid);
}

static void add_function_row(struct strbuf *out, const struct profile *p,
                             const struct profile_line *line, const char *module, size_t columns)
{
    struct strbuf before, after;

    strbuf_init(&before);
    strbuf_init(&after);
    if (line->function) {
        strbuf_addf(&after, *module ? " (%s)" : "%s", location_base(module));
        add_function(out, &before, profile_text(p, line->function), &after, columns);
    } else {
        shorten_path(out, *module ? module : "(no module)", columns);
        strbuf_add(out, " (no symbols)");
    }
    strbuf_release(&before);
    strbuf_release(&after);
}

/*
 * The exported function through which a stripped library was entered: the
 * innermost named one outside the row's frame and in the same module, or "".
 */
static const char *named_caller(const struct profile *p, const struct view_row *row)
{
    uint32_t module = view_frame_module(p, row->frame), node = row->node, frame;

    while (node >= STACK_ROOTS && node < p->node_count && p->nodes[node].frame != row->frame)
        node = p->nodes[node].parent;
    for (; node >= STACK_ROOTS && node < p->node_count; node = p->nodes[node].parent) {
        frame = p->nodes[node].frame;
        if (frame < p->frame_count && view_frame_module(p, frame) == module &&
            p->lines[p->frames[frame].first_line].function)
            return profile_text(p, p->lines[p->frames[frame].first_line].function);
    }
    return "";
}

/* "libsqlite3.so.0+0x1f3a4 under sqlite3_step": an address alone tells a reader little. */
static void add_line_row(struct strbuf *out, const struct profile *p, const struct view_row *row,
                         size_t columns)
{
    bool named = row->line >= p->line_count || p->lines[row->line].function;
    const char *caller = named ? "" : named_caller(p, row);
    size_t start = out->length, used;

    location_line(out, p, row->line, row->frame, columns);
    if (*caller == '\0' || out->failed)
        return;
    used = escape_columns(out->text + start) + strlen(UNDER);
    if (columns && used + FUNCTION_COLUMNS_MIN > columns)
        return;
    strbuf_add(out, UNDER);
    shorten_function(out, caller, columns ? columns - used : 0);
}

void location_row(struct strbuf *out, const struct profile *p, enum view_group group,
                  const struct view_row *row, size_t columns)
{
    const struct profile_line *line = row->line < p->line_count ? &p->lines[row->line] : NULL;
    const char *module = module_name(p, row->frame);

    if (group == VIEW_THREAD) {
        add_thread(out, p, row->thread, columns);
    } else if (group == VIEW_SIZE_CLASS) {
        add_size_class(out, row->size_class);
    } else if (group == VIEW_LINE || group == VIEW_TRACEBACK || !line) {
        add_line_row(out, p, row, columns);
    } else if (group == VIEW_FUNCTION) {
        add_function_row(out, p, line, module, columns);
    } else if (group == VIEW_FILE && line->file) {
        shorten_path(out, profile_text(p, line->file), columns);
    } else {
        shorten_path(out, *module ? module : "(no module)", columns);
        if (group == VIEW_FILE)
            strbuf_add(out, " (no source file known)");
    }
}
