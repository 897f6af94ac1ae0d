// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-lsan.h"

#include <string.h>

/* Types of the other sanitizers' suppressions (compiler-rt, and GCC's copy of it). */
static const char *const others[] = {
    "race",
    "race_top",
    "thread",
    "mutex",
    "signal",
    "deadlock",
    "called_from_lib",
    "interceptor_name",
    "interceptor_via_fun",
    "interceptor_via_lib",
    "odr_violation",
    "alloc_dealloc_mismatch",
    "vptr_check",
    "undefined",
    "alignment",
    "bool",
    "bounds",
    "builtin",
    "enum",
    "float-cast-overflow",
    "float-divide-by-zero",
    "function",
    "implicit-conversion",
    "integer",
    "integer-divide-by-zero",
    "nonnull-attribute",
    "null",
    "object-size",
    "pointer-overflow",
    "return",
    "returns-nonnull-attribute",
    "shift",
    "shift-base",
    "shift-exponent",
    "signed-integer-overflow",
    "unreachable",
    "unsigned-integer-overflow",
    "vla-bound",
    "vptr",
    "src",
    "fun",
};

static bool is_other(const char *type, size_t length)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == length && memcmp(others[i], type, length) == 0)
            return true;
    return false;
}

static int read_line(struct suppressions *s, const char *line, const char *source, uint32_t at,
                     struct error *e)
{
    size_t type = strcspn(line, ":");
    struct suppress_rule rule = {.name = line + type + 1,
                                 .source = source,
                                 .at = at,
                                 .syntax = SUPPRESS_LSAN,
                                 .kinds = LEAK_KIND_ALL};
    struct suppress_line pattern = {.kind = SUPPRESS_ANYWHERE, .pattern = line + type + 1};

    if (line[type] == '\0' || (strncmp(line, "leak:", 5) != 0 && !is_other(line, type)))
        return error_set(e, ERROR_FORMAT,
                         "%s:%u: no suppression: expected leak:PATTERN, or a rule of Valgrind's "
                         "in braces",
                         source, at);
    if (strncmp(line, "leak:", 5) != 0) {
        s->skipped++;
        return 0;
    }
    if (*pattern.pattern == '\0')
        return error_set(e, ERROR_FORMAT,
                         "%s:%u: leak: without a pattern would suppress every leak; leak:* says "
                         "so",
                         source, at);
    return suppressions_add_rule(s, &rule, e) == 0 ? suppressions_add_line(s, &pattern, e) : -1;
}

int suppress_lsan_read(struct suppressions *s, char *text, const char *source, struct error *e)
{
    for (uint32_t at = 1; *text; at++) {
        size_t length = strcspn(text, "\n");
        char *next = text + length + (text[length] == '\n');
        char *end = text + length;

        *end = '\0';
        text += strspn(text, " \t\r");
        while (end > text && strchr(" \t\r", end[-1]))
            *--end = '\0';
        if (*text && *text != '#' && read_line(s, text, source, at, e) != 0)
            return -1;
        text = next;
    }
    return 0;
}
