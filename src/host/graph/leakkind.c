// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakkind.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const names[LEAK_KINDS] = {
    [LEAK_REACHABLE] = "reachable", [LEAK_POSSIBLE] = "possible", [LEAK_WEAK] = "weak",
    [LEAK_DEFINITE] = "definite",   [LEAK_INDIRECT] = "indirect",
};

const char *leak_kind_name(enum leak_kind kind)
{
    return (unsigned)kind < LEAK_KINDS ? names[kind] : "";
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* The set that a word stands for; false when it is none. */
static bool word_set(const char *text, size_t length, uint32_t *set)
{
    *set = 0;
    if (is_word(text, length, "none"))
        return true;
    if (is_word(text, length, "all")) {
        *set = LEAK_KIND_ALL;
        return true;
    }
    for (unsigned i = 0; i < LEAK_KINDS; i++)
        if (is_word(text, length, names[i]))
            *set = LEAK_KIND_BIT(i);
    return *set != 0;
}

int leak_kinds_parse(const char *text, uint32_t *set, struct error *e)
{
    uint32_t all = 0;

    for (;;) {
        size_t length = strcspn(text, ",");
        uint32_t one;

        if (!word_set(text, length, &one))
            return error_set(e, ERROR_INPUT,
                             "'%.*s' is no kind of leak; the kinds are definite, indirect, "
                             "possible, reachable, weak, all and none",
                             (int)(length < 40 ? length : 40), text);
        all |= one;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *set = all;
    return 0;
}
