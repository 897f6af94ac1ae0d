// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/cxxname.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define ANONYMOUS "(anonymous namespace)"

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "operator" as a word of its own at name[i]: what follows it is not nested. */
static bool is_operator(const char *name, size_t i, size_t start)
{
    return starts_with(name + i, "operator") && !is_word(name[i + 8]) &&
           (i == start || !is_word(name[i - 1]));
}

/* Length of the symbol behind "operator": "()", "[]", "<<=", …; 0 for a word. */
static size_t operator_symbol(const char *text)
{
    if (starts_with(text, "()") || starts_with(text, "[]"))
        return 2;
    return strspn(text, "<>=!+-*/%^&|~,");
}

/* Where a suffix that compilers add to a name begins: " [clone …" or, in C, ".part.0". */
static size_t suffix_start(const char *name)
{
    const char *clone = strstr(name, " [clone ");

    if (clone)
        return (size_t)(clone - name);
    for (size_t i = 0; name[i]; i++) {
        if (i > 0 && name[i] == '.')
            return i;
        if (!is_word(name[i]))
            break;
    }
    return strlen(name);
}

static bool opens_parameters(const char *name, size_t i, size_t start)
{
    static const char type[] = "decltype";
    size_t length = sizeof type - 1;

    if (i <= start)
        return false;
    if (name[i - 1] == ' ')
        i--;
    return i < length || strncmp(name + i - length, type, length) != 0;
}

struct cxxname cxxname_parse(const char *name)
{
    size_t limit = suffix_start(name), start = 0, depth = 0, i = 0;
    bool in_operator = false;

    while (i < limit) {
        char c = name[i];

        if (depth == 0 && is_operator(name, i, start)) {
            i += 8;
            i += operator_symbol(name + i);
            in_operator = true;
            continue;
        }
        if (starts_with(name + i, ANONYMOUS)) {
            i += strlen(ANONYMOUS);
            continue;
        }
        if (c == '(' && depth == 0 && opens_parameters(name, i, start))
            break;
        if (strchr("<({[", c))
            depth++;
        else if (strchr(">)}]", c) && depth > 0 && !(c == '>' && name[i - 1] == '-'))
            depth--;
        else if (c == ' ' && depth == 0 && !in_operator)
            start = i + 1;
        i++;
    }
    if (i > limit)
        i = limit;
    return (struct cxxname){start < i ? start : 0, i};
}
