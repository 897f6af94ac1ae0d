// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-valgrind.h"

#include "src/host/suppress/suppress-mangled.h"
#include "src/host/suppress/suppress-pattern.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct suppressions *set;
    char *next;
    const char *source;
    uint32_t at; /* number of the line returned last */
    struct error *error;
};

/* The next line that says something, without spaces around it; NULL at the end. */
static char *next_line(struct reader *r)
{
    while (*r->next) {
        char *line = r->next, *end = line + strcspn(line, "\n");

        r->next = end + (*end == '\n');
        r->at++;
        *end = '\0';
        line += strspn(line, " \t\r");
        while (end > line && strchr(" \t\r", end[-1]))
            *--end = '\0';
        if (*line && *line != '#')
            return line;
    }
    return NULL;
}

static int fail(struct reader *r, const char *what)
{
    return error_set(r->error, ERROR_FORMAT, "%s:%u: %s", r->source, r->at, what);
}

static const char unclosed[] = "the file ends inside a suppression: a closing brace is missing";

static int skip_rule(struct reader *r)
{
    const char *line;

    r->set->skipped++;
    while ((line = next_line(r)) != NULL)
        if (strcmp(line, "}") == 0)
            return 0;
    return fail(r, unclosed);
}

/* "Tool,Tool:Kind": whether Memcheck is among the tools and the kind is Leak; -1 when it is
 * neither. */
static int names_leaks(const char *line)
{
    const char *colon = strchr(line, ':');
    bool memcheck = false;

    if (!colon || colon == line || colon[1] == '\0')
        return -1;
    while (line < colon) {
        size_t length = strcspn(line, ",:");

        memcheck |= length == 8 && memcmp(line, "Memcheck", 8) == 0;
        line += length + 1;
    }
    return memcheck && strcmp(colon + 1, "Leak") == 0;
}

/* ------------------------------------------------------------------- lines -- */

bool suppress_means_allocator(const char *pattern)
{
    static const char *const names[] = {
        "malloc",
        "calloc",
        "realloc",
        "reallocarray",
        "memalign",
        "posix_memalign",
        "aligned_alloc",
        "valloc",
        "_Znwm",
        "_Znam",
        "_ZnwmRKSt9nothrow_t",
        "_ZnamRKSt9nothrow_t",
        "_ZnwmSt11align_val_t",
        "_ZnamSt11align_val_t",
        "_ZnwmSt11align_val_tRKSt9nothrow_t",
        "_ZnamSt11align_val_tRKSt9nothrow_t",
        "operator new(unsigned long)",
        "operator new[](unsigned long)",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (suppress_glob(pattern, names[i]))
            return true;
    return false;
}

/* FILE:NUMBER: cut the number off. */
static void take_number(struct suppress_line *line, char *pattern)
{
    char *colon = strrchr(pattern, ':');
    unsigned long number;
    char *end;

    if (!colon || colon[1] < '0' || colon[1] > '9')
        return;
    number = strtoul(colon + 1, &end, 10);
    if (*end || number > UINT32_MAX)
        return;
    line->number = (uint32_t)number;
    *colon = '\0';
}

static int add_readable(struct reader *r, struct suppress_line *line)
{
    struct strbuf text;
    int result = 0;

    strbuf_init(&text);
    if (suppress_readable(&text, line->pattern)) {
        line->readable = suppressions_keep(r->set, strbuf_text(&text), text.length);
        result = line->readable && !text.failed ? 0 : -1;
    }
    if (text.failed)
        result = -1;
    strbuf_release(&text);
    return result == 0
               ? 0
               : error_set(r->error, ERROR_MEMORY, "out of memory while reading suppressions");
}

static int read_frame(struct reader *r, char *text, uint32_t number)
{
    struct suppress_line line = {.pattern = text + 4};

    if (strcmp(text, "...") == 0) {
        line.kind = SUPPRESS_ANY;
        return suppressions_add_line(r->set, &line, r->error);
    }
    if (strncmp(text, "fun:", 4) == 0)
        line.kind = SUPPRESS_FUNCTION;
    else if (strncmp(text, "obj:", 4) == 0)
        line.kind = SUPPRESS_OBJECT;
    else if (strncmp(text, "src:", 4) == 0)
        line.kind = SUPPRESS_SOURCE;
    else
        return fail(r, "expected fun:, obj:, src:, ... or a closing brace");
    if (*line.pattern == '\0')
        return fail(r, "nothing follows the colon");
    if (line.kind == SUPPRESS_SOURCE)
        take_number(&line, text + 4);
    if (line.kind == SUPPRESS_FUNCTION) {
        text[4 + suppress_unversioned(text + 4)] = '\0'; /* stacks have none */
        line.allocator = number == 0 && suppress_means_allocator(line.pattern);
        if (add_readable(r, &line) != 0)
            return -1;
    }
    return suppressions_add_line(r->set, &line, r->error);
}

/* ------------------------------------------------------------------- rules -- */

static const char *kinds_of(const char *line)
{
    static const char key[] = "match-leak-kinds:";

    if (strncmp(line, key, sizeof key - 1) != 0)
        return NULL;
    line += sizeof key - 1;
    return line + strspn(line, " \t");
}

static int read_kinds(struct reader *r, const char *text, uint32_t *kinds)
{
    struct error e = {0};

    if (leak_kinds_parse(text, kinds, &e) == 0)
        return 0;
    return error_set(r->error, ERROR_FORMAT, "%s:%u: %.300s", r->source, r->at, e.text);
}

static int read_frames(struct reader *r, char *line)
{
    struct suppress_rule *rule = &r->set->rules[r->set->rule_count - 1];

    for (; line && strcmp(line, "}") != 0; line = next_line(r)) {
        const char *kinds = kinds_of(line);
        uint32_t index = (uint32_t)(rule - r->set->rules);

        if (kinds) {
            if (rule->count)
                return fail(r, "match-leak-kinds: comes before the first frame");
            if (read_kinds(r, kinds, &rule->kinds) != 0)
                return -1;
            continue;
        }
        if (rule->count == SUPPRESS_VALGRIND_LINES)
            return fail(r, "more than 24 frames in a suppression");
        if (read_frame(r, line, rule->count) != 0)
            return -1;
        rule = &r->set->rules[index];
    }
    if (!line)
        return fail(r, unclosed);
    return rule->count ? 0 : fail(r, "a suppression without a frame would suppress every leak");
}

/* After the opening brace.  A rule that cannot be read is not left in the set. */
static int read_rule(struct reader *r)
{
    struct suppress_rule rule = {
        .source = r->source, .syntax = SUPPRESS_VALGRIND, .kinds = LEAK_KIND_ALL};
    uint32_t first = r->set->line_count;
    const char *tools;
    int leaks;

    rule.at = r->at;
    rule.name = next_line(r);
    tools = rule.name ? next_line(r) : NULL;
    if (!tools)
        return fail(r, unclosed);
    leaks = names_leaks(tools);
    if (leaks < 0)
        return fail(r, "expected TOOL:KIND after the suppression's name");
    if (leaks == 0)
        return skip_rule(r);
    if (suppressions_add_rule(r->set, &rule, r->error) != 0)
        return -1;
    if (read_frames(r, next_line(r)) == 0)
        return 0;
    r->set->rule_count--;
    r->set->line_count = first;
    return -1;
}

int suppress_valgrind_read(struct suppressions *s, char *text, const char *source, struct error *e)
{
    struct reader r = {.set = s, .next = text, .source = source, .error = e};
    const char *line;

    while ((line = next_line(&r)) != NULL) {
        if (strcmp(line, "{") != 0)
            return fail(&r, "expected an opening brace on a line of its own");
        if (read_rule(&r) != 0)
            return -1;
    }
    return 0;
}
