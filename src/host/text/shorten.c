// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/shorten.h"

#include "src/host/text/cxxname.h"
#include "src/host/text/escape.h"

#include <stdint.h>
#include <string.h>

#define DOTS "..."
#define DOTS_COLUMNS 3

#define SCOPE_SLACK 8 /* more of a name is worth more than a cut at :: */

static bool fits(const char *text, size_t columns)
{
    return columns == 0 || escape_columns(text) <= columns;
}

/* The longest end of `text` that takes at most `columns`, at a character's start. */
static const char *tail(const char *text, size_t columns)
{
    size_t width = escape_columns(text);
    char piece[ESCAPE_PIECE];
    unsigned step;

    for (const char *next = text; width > columns && escape_next(&next, piece, &step); text = next)
        width -= step;
    return text;
}

/* The end of `text`, from a `separator` that lies within its first `slack` bytes. */
static void add_tail(struct strbuf *out, const char *text, size_t columns, const char *separator,
                     size_t slack)
{
    const char *end = tail(text, columns > DOTS_COLUMNS ? columns - DOTS_COLUMNS : columns);
    const char *part = strstr(end, separator);

    if (part && (size_t)(part - end) > slack)
        part = NULL;

    if (columns > DOTS_COLUMNS)
        strbuf_add(out, DOTS);
    escape_text(out, part ? part : end);
}

/* Copy with every outermost <…> of template arguments folded. */
static void fold_templates(struct strbuf *out, const char *name)
{
    size_t depth = 0;

    for (size_t i = 0; name[i]; i++) {
        bool is_operator = i >= 8 && strncmp(name + i - 8, "operator", 8) == 0;

        if (is_operator && depth == 0) {
            strbuf_add(out, name + i);
            return;
        }
        if (name[i] == '<' && depth++ == 0)
            strbuf_add(out, "<" DOTS);
        if (name[i] == '>' && depth > 0 && name[i - 1] != '-')
            depth--;
        if (depth == 0)
            strbuf_add_length(out, name + i, 1);
    }
}

void shorten_function(struct strbuf *out, const char *name, size_t columns)
{
    struct strbuf plain, folded;
    struct cxxname parts;

    if (fits(name, columns)) {
        escape_text(out, name);
        return;
    }
    strbuf_init(&plain);
    strbuf_init(&folded);
    parts = cxxname_parse(name);
    strbuf_add_length(&plain, name + parts.start, parts.end - parts.start);
    if (fits(strbuf_text(&plain), columns)) {
        escape_text(out, strbuf_text(&plain));
    } else {
        fold_templates(&folded, strbuf_text(&plain));
        if (fits(strbuf_text(&folded), columns))
            escape_text(out, strbuf_text(&folded));
        else
            add_tail(out, strbuf_text(&folded), columns, "::", SCOPE_SLACK);
    }
    out->failed |= plain.failed || folded.failed;
    strbuf_release(&plain);
    strbuf_release(&folded);
}

void shorten_path(struct strbuf *out, const char *path, size_t columns)
{
    if (fits(path, columns))
        escape_text(out, path);
    else
        add_tail(out, path, columns, "/", SIZE_MAX);
}

void shorten_text(struct strbuf *out, const char *text, size_t columns)
{
    size_t room = columns > DOTS_COLUMNS ? columns - DOTS_COLUMNS : columns, used = 0;
    char piece[ESCAPE_PIECE];
    unsigned step;

    if (fits(text, columns)) {
        escape_text(out, text);
        return;
    }
    while (escape_next(&text, piece, &step) && used + step <= room) {
        strbuf_add(out, piece);
        used += step;
    }
    if (room < columns)
        strbuf_add(out, DOTS);
}
