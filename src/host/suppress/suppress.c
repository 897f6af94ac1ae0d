// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress.h"

#include "src/host/suppress/suppress-lsan.h"
#include "src/host/suppress/suppress-pattern.h"
#include "src/host/suppress/suppress-valgrind.h"
#include "src/host/text/cxxname.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void suppressions_init(struct suppressions *s)
{
    *s = (struct suppressions){0};
}

void suppressions_release(struct suppressions *s)
{
    for (uint32_t i = 0; i < s->text_count; i++)
        free(s->texts[i]);
    free(s->texts);
    free(s->rules);
    free(s->lines);
    *s = (struct suppressions){0};
}

struct suppressions_mark suppressions_mark(const struct suppressions *s)
{
    return (struct suppressions_mark){s->rule_count, s->line_count, s->text_count};
}

void suppressions_take_back(struct suppressions *s, struct suppressions_mark to)
{
    while (s->text_count > to.texts)
        free(s->texts[--s->text_count]);
    s->rule_count = to.rules;
    s->line_count = to.lines;
}

/* ---------------------------------------------------------------- filling -- */

static bool grow(void *array, uint32_t count, uint32_t *room, size_t size)
{
    void **pointer = array;
    uint32_t more = *room ? *room * 2 : 16;
    void *larger;

    if (count < *room)
        return true;
    larger = more > *room ? reallocarray(*pointer, more, size) : NULL;
    if (!larger)
        return false;
    *pointer = larger;
    *room = more;
    return true;
}

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while reading suppressions");
}

char *suppressions_keep(struct suppressions *s, const char *text, size_t size)
{
    char *copy;

    if (!grow(&s->texts, s->text_count, &s->text_room, sizeof *s->texts))
        return NULL;
    copy = malloc(size + 1);
    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, text, size);
    copy[size] = '\0';
    s->texts[s->text_count++] = copy;
    return copy;
}

int suppressions_add_rule(struct suppressions *s, const struct suppress_rule *rule, struct error *e)
{
    if (!grow(&s->rules, s->rule_count, &s->rule_room, sizeof *s->rules))
        return no_memory(e);
    s->rules[s->rule_count] = *rule;
    s->rules[s->rule_count].first = s->line_count;
    s->rules[s->rule_count++].count = 0;
    return 0;
}

int suppressions_add_line(struct suppressions *s, const struct suppress_line *line, struct error *e)
{
    if (!grow(&s->lines, s->line_count, &s->line_room, sizeof *s->lines))
        return no_memory(e);
    s->lines[s->line_count++] = *line;
    s->rules[s->rule_count - 1].count++;
    return 0;
}

/* A line with nothing but a brace is Valgrind's alone. */
static bool is_valgrinds(const char *text)
{
    while (*text) {
        size_t spaces = strspn(text, " \t\r"), length = strcspn(text, "\n");

        if (text[spaces] == '{')
            return true;
        text += length + (text[length] == '\n');
    }
    return false;
}

int suppressions_add(struct suppressions *s, const char *text, size_t size, const char *source,
                     struct error *e)
{
    char *copy, *name;

    if (size && memchr(text, '\0', size))
        return error_set(e, ERROR_FORMAT, "%s: not a text file: it has a NUL byte", source);
    copy = suppressions_keep(s, text, size);
    name = copy ? suppressions_keep(s, source, strlen(source)) : NULL;
    if (!name)
        return no_memory(e);
    return is_valgrinds(copy) ? suppress_valgrind_read(s, copy, name, e)
                              : suppress_lsan_read(s, copy, name, e);
}

/* The whole of a file that may be a pipe; NULL with `e` set. */
static char *read_all(FILE *in, const char *path, size_t *size, struct error *e)
{
    char *text = NULL;
    size_t room = 0;

    for (*size = 0;;) {
        size_t more = room ? room * 2 : 65536;
        char *larger = *size < room ? text : realloc(text, more);

        if (!larger) {
            free(text);
            no_memory(e);
            return NULL;
        }
        room = *size < room ? room : more;
        text = larger;
        *size += fread(text + *size, 1, room - *size, in);
        if (*size > SUPPRESS_BYTES_MAX) {
            error_set(e, ERROR_FORMAT, "%s: more than %u MiB of suppressions", path,
                      SUPPRESS_BYTES_MAX >> 20);
            break;
        }
        if (*size == room)
            continue;
        if (!ferror(in))
            return text;
        error_set(e, ERROR_SYSTEM, "cannot read suppressions from %s", path);
        break;
    }
    free(text);
    return NULL;
}

int suppressions_read(struct suppressions *s, const char *path, struct error *e)
{
    FILE *in = fopen(path, "re");
    size_t size;
    char *text;
    int result;

    if (!in)
        return error_set(e, ERROR_SYSTEM, "cannot open the suppressions in %s", path);
    text = read_all(in, path, &size, e);
    fclose(in);
    result = text ? suppressions_add(s, text, size, path, e) : -1;
    free(text);
    return result;
}

/* --------------------------------------------------------------- matching -- */

/* /lib and /usr/lib are one on most systems, and rules are older than that. */
static bool match_module(const char *pattern, const char *module)
{
    if (suppress_glob(pattern, module))
        return true;
    return strncmp(module, "/usr/lib", 8) == 0 && suppress_glob(pattern, module + 4);
}

/* A source file by its whole path or by its name. */
static bool match_file(const struct suppress_line *line, const struct suppress_frame *frame)
{
    const char *slash = strrchr(frame->file, '/');

    if (line->number && line->number != frame->line)
        return false;
    return suppress_glob(line->pattern, frame->file) ||
           (slash && suppress_glob(line->pattern, slash + 1));
}

/* The name itself, without its parameters and return type, or without a symbol's version. */
static bool match_part(const char *pattern, const char *name, size_t start, size_t end)
{
    if (start == 0 && name[end] == '\0')
        return false; /* all of it, which is looked at anyway */
    return suppress_glob_part(pattern, name + start, end - start);
}

/* Taking a C++ name to pieces costs far more than seeing that no piece of it can match. */
static bool match_readable(const char *pattern, const char *function)
{
    struct cxxname part;

    if (!suppress_may_match(pattern, function))
        return false;
    part = cxxname_parse(function);
    return suppress_glob(pattern, function) ||
           match_part(pattern, function, part.start, part.end) ||
           match_part(pattern, function, 0, suppress_unversioned(function));
}

static bool match_function(const struct suppress_line *line, const struct suppress_frame *frame)
{
    const char *symbol = frame->symbol ? frame->symbol : "";

    if (*symbol && (suppress_glob(line->pattern, symbol) ||
                    match_part(line->pattern, symbol, 0, suppress_unversioned(symbol))))
        return true;
    if (*frame->function == '\0')
        return suppress_glob(line->pattern, "???"); /* what Valgrind calls it */
    return match_readable(line->pattern, frame->function) ||
           (line->readable && match_readable(line->readable, frame->function));
}

static bool match_line(const struct suppress_line *line, const struct suppress_frame *frame)
{
    switch (line->kind) {
    case SUPPRESS_FUNCTION:
        return match_function(line, frame);
    case SUPPRESS_OBJECT:
        return match_module(line->pattern, frame->module);
    case SUPPRESS_SOURCE:
        return match_file(line, frame);
    default:
        return true;
    }
}

/* Lines against the innermost frames; as with a glob only the last `...` has to be tried longer. */
static bool match_lines(const struct suppress_line *lines, uint32_t count,
                        const struct suppress_frame *frames, uint32_t frame_count)
{
    uint32_t line = 0, frame = 0, after = 0, resume = 0;
    bool any = false;

    while (line < count) {
        if (lines[line].kind == SUPPRESS_ANY) {
            any = true;
            after = ++line;
            resume = frame;
        } else if (frame < frame_count && match_line(&lines[line], &frames[frame])) {
            line++;
            frame++;
        } else if (any && resume < frame_count) {
            line = after;
            frame = ++resume;
        } else {
            return false;
        }
    }
    return true;
}

static bool match_anywhere(const char *pattern, const struct suppress_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (suppress_template(pattern, frames[i].module) ||
            suppress_template(pattern, frames[i].function) ||
            suppress_template(pattern, frames[i].file) ||
            (frames[i].symbol && suppress_template(pattern, frames[i].symbol)))
            return true;
    return false;
}

static bool match_rule(const struct suppressions *s, const struct suppress_rule *rule,
                       const struct suppress_frame *frames, uint32_t count)
{
    const struct suppress_line *lines = &s->lines[rule->first];

    if (rule->count == 0)
        return false;
    if (lines[0].kind == SUPPRESS_ANYWHERE)
        return match_anywhere(lines[0].pattern, frames, count);
    return match_lines(lines, rule->count, frames, count) ||
           (lines[0].allocator && match_lines(lines + 1, rule->count - 1, frames, count));
}

struct suppress_rule *suppressions_match(struct suppressions *s, enum leak_kind kind,
                                         const struct suppress_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < s->rule_count; i++)
        if ((s->rules[i].kinds & LEAK_KIND_BIT(kind)) && match_rule(s, &s->rules[i], frames, count))
            return &s->rules[i];
    return NULL;
}

/* ----------------------------------------------------------- sets of rules -- */

size_t suppress_set_words(const struct suppressions *s)
{
    return ((size_t)s->rule_count + 63) / 64;
}

static void add_rule(uint64_t *set, uint32_t rule)
{
    set[rule / 64] |= UINT64_C(1) << rule % 64;
}

/* A line that some frame must match, whether the first one means an allocator or a frame. */
static const struct suppress_line *needed_line(const struct suppressions *s,
                                               const struct suppress_rule *rule)
{
    const struct suppress_line *lines = &s->lines[rule->first];

    for (uint32_t i = 0; i < rule->count; i++)
        if (lines[i].kind != SUPPRESS_ANY && !(i == 0 && lines[i].allocator))
            return &lines[i];
    return NULL;
}

void suppress_set_kind(const struct suppressions *s, enum leak_kind kind, uint64_t *set)
{
    for (uint32_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].kinds & LEAK_KIND_BIT(kind))
            add_rule(set, i);
}

void suppress_set_any(const struct suppressions *s, uint64_t *set)
{
    for (uint32_t i = 0; i < s->rule_count; i++)
        if (!needed_line(s, &s->rules[i]))
            add_rule(set, i);
}

void suppress_set_line(const struct suppressions *s, const struct suppress_frame *frame,
                       uint64_t *set)
{
    for (uint32_t i = 0; i < s->rule_count; i++) {
        const struct suppress_line *line = needed_line(s, &s->rules[i]);

        if (line && (line->kind == SUPPRESS_ANYWHERE ? match_anywhere(line->pattern, frame, 1)
                                                     : match_line(line, frame)))
            add_rule(set, i);
    }
}

struct suppress_rule *suppressions_match_among(struct suppressions *s, const uint64_t *set,
                                               const struct suppress_frame *frames, uint32_t count)
{
    for (size_t word = 0; word < suppress_set_words(s); word++)
        for (uint64_t left = set[word]; left; left &= left - 1) {
            struct suppress_rule *rule = &s->rules[word * 64 + (size_t)__builtin_ctzll(left)];

            if (match_rule(s, rule, frames, count))
                return rule;
        }
    return NULL;
}

void suppress_use(struct suppress_rule *rule, uint64_t blocks, uint64_t bytes)
{
    rule->records++;
    rule->blocks += blocks;
    rule->bytes += bytes;
}

const struct suppress_rule *suppressions_unused(const struct suppressions *s, uint32_t *at)
{
    while (*at < s->rule_count) {
        const struct suppress_rule *rule = &s->rules[(*at)++];

        if (rule->records == 0)
            return rule;
    }
    return NULL;
}
