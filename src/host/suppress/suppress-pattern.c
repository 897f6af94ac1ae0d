// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-pattern.h"

#include <string.h>

/* Only the last `*` ever needs to take more: what went before it has matched as early as it can. */
bool suppress_glob_part(const char *pattern, const char *text, size_t length)
{
    const char *star = NULL, *resume = NULL, *end = text + length;

    while (text < end) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool suppress_may_match(const char *pattern, const char *text)
{
    const char *literal = pattern + strspn(pattern, "*?");
    size_t length = strcspn(literal, "*?");

    return length == 0 || memmem(text, strlen(text), literal, length) != NULL;
}

bool suppress_glob(const char *pattern, const char *text)
{
    return suppress_glob_part(pattern, text, strlen(text));
}

static bool ends_with(const char *text, const char *part, size_t length)
{
    size_t whole = strlen(text);

    return whole >= length && memcmp(text + whole - length, part, length) == 0;
}

/* Where `part` is found first; NULL. */
static const char *find(const char *text, const char *part, size_t length)
{
    return memmem(text, strlen(text), part, length);
}

/* Match the parts between stars from left to right, each as early as possible. */
bool suppress_template(const char *pattern, const char *text)
{
    bool anchored = *pattern == '^';

    if (*text == '\0')
        return false;
    pattern += anchored;
    for (;;) {
        size_t length = strcspn(pattern, "*$");

        if (pattern[length] == '$') {
            if (anchored)
                return strlen(text) == length && memcmp(text, pattern, length) == 0;
            return ends_with(text, pattern, length);
        }
        if (anchored) {
            if (strncmp(text, pattern, length) != 0)
                return false;
        } else {
            text = find(text, pattern, length);
            if (!text)
                return false;
        }
        text += length;
        if (pattern[length] == '\0')
            return true;
        pattern += length + 1;
        anchored = false;
    }
}

size_t suppress_unversioned(const char *name)
{
    return *name ? 1 + strcspn(name + 1, "@") : 0;
}
