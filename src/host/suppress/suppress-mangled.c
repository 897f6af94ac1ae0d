// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-mangled.h"

#include "src/host/text/demangle.h"

#include <stdint.h>
#include <string.h>

/* Longer than any identifier; the text is looked at before it is taken. */
#define NAME_MOST ((size_t)1000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A length and so many characters of a name at *at: append the name and move on. */
static bool take_name(struct strbuf *out, const char **at)
{
    const char *name = *at;
    size_t length = 0;

    while (is_digit(*name) && length < NAME_MOST)
        length = length * 10 + (size_t)(*name++ - '0');
    if (name == *at || length == 0 || length >= NAME_MOST)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_name_char(name[i]) || (i == 0 && is_digit(name[i])))
            return false;
    strbuf_add_length(out, name, length);
    *at = name + length;
    return true;
}

/* Whole: as it stands.  The characters that are wildcards here match themselves, too. */
static bool whole_name(struct strbuf *out, const char *pattern)
{
    struct demangler *d = demangler_new(false);
    const char *readable = d ? demangler_name(d, pattern) : pattern;
    bool turned = strcmp(readable, pattern) != 0;

    if (turned)
        strbuf_add(out, readable);
    demangler_free(d);
    return turned;
}

static bool plain_names(struct strbuf *out, const char *at)
{
    bool nested = strncmp(at, "_ZN", 3) == 0, star = *at == '*';
    uint32_t names = 0;

    if (!star && strncmp(at, "_Z", 2) != 0)
        return false;
    if (star)
        strbuf_add(out, "*");
    at += star ? 1 : nested ? 3 : 2;
    if (nested && *at == 'K') /* a const member function */
        at++;
    while (is_digit(*at)) {
        if (names++)
            strbuf_add(out, "::");
        if (!take_name(out, &at))
            return false;
    }
    /* anything may follow: arguments of templates, more names, parameters */
    strbuf_add(out, "*");
    return names && (*at == '*' || (nested && at[0] == 'E' && at[1] == '*'));
}

bool suppress_readable(struct strbuf *out, const char *pattern)
{
    if (!strpbrk(pattern, "*?"))
        return demangle_is_mangled(pattern) && whole_name(out, pattern);
    return plain_names(out, pattern);
}
