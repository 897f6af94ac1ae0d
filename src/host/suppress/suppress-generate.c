// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-generate.h"

#include "src/host/suppress/suppress-pattern.h"
#include "src/host/suppress/suppress-valgrind.h"
#include "src/host/text/cxxname.h"
#include "src/host/text/escape.h"

#include <string.h>

/* How many bytes at `text` make what is shown as it is; 0: the next byte may steer a terminal. */
static size_t harmless(const char *text)
{
    char piece[ESCAPE_PIECE];
    const char *next = text;
    unsigned columns;

    if (*text == '\\') /* is escaped for being what escapes */
        return 1;
    escape_next(&next, piece, &columns);
    return strncmp(piece, text, (size_t)(next - text)) == 0 ? (size_t)(next - text) : 0;
}

/* What would end a line or lose its end becomes a wildcard. */
static void add_masked(struct strbuf *out, const char *text, size_t length, const char *wildcard)
{
    for (size_t i = 0, step; i < length; i += step ? step : 1) {
        bool space_at_end = text[i] == ' ' && (i == 0 || i + 1 == length);

        step = space_at_end ? 0 : harmless(&text[i]);
        if (step && step <= length - i)
            strbuf_add_length(out, &text[i], step);
        else
            strbuf_add(out, wildcard);
    }
}

static void add_title(struct strbuf *out, const char *name)
{
    const char *at = name + strspn(name, " #}");

    if (*at == '\0')
        at = "leak";
    while (*at) {
        size_t step = harmless(at);

        strbuf_add_length(out, step ? at : "?", step ? step : 1);
        at += step ? step : 1;
    }
}

static bool is_plain_name(const char *name, size_t length)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.";

    return length && strspn(name, plain) >= length;
}

/* app::Pool::get as _ZN3app4Pool3getE*, bar as _Z3bar*; false when there is more than names in it.
 */
static bool add_mangled(struct strbuf *out, const char *name, size_t length)
{
    bool nested = memmem(name, length, "::", 2) != NULL;
    struct strbuf text;
    bool ok = length > 0;

    strbuf_init(&text);
    strbuf_add(&text, nested ? "_ZN" : "_Z");
    for (size_t at = 0; ok && at < length;) {
        const char *colons = memmem(name + at, length - at, "::", 2);
        size_t part = colons ? (size_t)(colons - name) - at : length - at;

        ok = is_plain_name(name + at, part) && !memchr(name + at, '$', part) &&
             !memchr(name + at, '.', part) && !(name[at] >= '0' && name[at] <= '9');
        strbuf_addf(&text, "%zu%.*s", part, (int)part, name + at);
        at += part + (colons ? 2 : 0);
    }
    strbuf_add(&text, nested ? "E*" : "*");
    if (ok)
        strbuf_add(out, strbuf_text(&text));
    out->failed |= text.failed;
    strbuf_release(&text);
    return ok;
}

/* A function as a pattern of Valgrind's. */
static void add_function(struct strbuf *out, const struct suppress_frame *frame)
{
    const char *function = frame->function;
    struct cxxname name = cxxname_parse(function);
    size_t length = strlen(function);

    if (frame->symbol && *frame->symbol) {
        add_masked(out, frame->symbol, suppress_unversioned(frame->symbol), "?");
        return;
    }
    if (is_plain_name(function, length)) {
        strbuf_add(out, function);
        return;
    }
    if (add_mangled(out, function + name.start, name.end - name.start))
        return;
    /* templates, operators, lambdas: only memprof will know it by its readable name */
    add_masked(out, function, suppress_unversioned(function), "?");
}

void suppress_generate_valgrind(struct strbuf *out, const char *name, enum leak_kind kind,
                                const struct suppress_frame *frames, uint32_t count)
{
    strbuf_add(out, "{\n   ");
    add_title(out, name);
    strbuf_addf(out, "\n   Memcheck:Leak\n   match-leak-kinds: %s\n",
                kind == LEAK_WEAK ? "all" : leak_kind_name(kind)); /* Valgrind knows no weak ones */
    /* its stacks begin with the allocator's function, whichever that was */
    strbuf_add(out, "   ...\n");
    for (uint32_t i = 0; i < count && i + 1 < SUPPRESS_VALGRIND_LINES; i++) {
        const struct suppress_frame *frame = &frames[i];

        if (*frame->function || (frame->symbol && *frame->symbol)) {
            strbuf_add(out, "   fun:");
            add_function(out, frame);
        } else {
            strbuf_add(out, "   obj:");
            if (*frame->module)
                add_masked(out, frame->module, strlen(frame->module), "?");
            else
                strbuf_add(out, "*");
        }
        strbuf_add(out, "\n");
    }
    strbuf_add(out, "}\n");
}

/* A `$` would end the pattern, and a `^` at its beginning would anchor it. */
static void add_template(struct strbuf *out, const char *text)
{
    size_t length = strcspn(text, "$");

    if (*text == '^')
        strbuf_add(out, "*");
    add_masked(out, text + (*text == '^'), length - (*text == '^'), "*");
}

static const char *first_function(const struct suppress_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (*frames[i].function && *frames[i].function != '$')
            return frames[i].function;
    return NULL;
}

bool suppress_generate_lsan(struct strbuf *out, const struct suppress_frame *frames, uint32_t count,
                            uint32_t place)
{
    const char *name = place < count ? first_function(frames + place, count - place) : NULL;

    if (!name)
        name = first_function(frames, count);
    for (uint32_t i = 0; i < count && !name; i++)
        if (*frames[i].module && *frames[i].module != '$')
            name = frames[i].module;
    if (!name)
        return false;
    strbuf_add(out, "leak:");
    add_template(out, name);
    strbuf_add(out, "\n");
    return true;
}
