/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/text/quote.h"

#include <string.h>

/* What no shell gives a meaning to anywhere in a word. */
static bool is_plain(const char *word, size_t length)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";

    return length && strspn(word, plain) >= length;
}

static void quote_word(struct strbuf *out, const char *word, size_t length)
{
    if (is_plain(word, length)) {
        strbuf_add_length(out, word, length);
        return;
    }
    strbuf_add(out, "'");
    for (size_t i = 0; i < length; i++)
        if (word[i] == '\'')
            strbuf_add(out, "'\\''");
        else
            strbuf_add_length(out, word + i, 1);
    strbuf_add(out, "'");
}

void quote_arguments(struct strbuf *out, const char *arguments, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = strnlen(arguments + at, size - at);

        if (at)
            strbuf_add(out, " ");
        quote_word(out, arguments + at, length);
        at += length + 1;
    }
}
