// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_init(struct strbuf *b)
{
    *b = (struct strbuf){0};
}

void strbuf_release(struct strbuf *b)
{
    free(b->text);
    strbuf_init(b);
}

void strbuf_clear(struct strbuf *b)
{
    b->length = 0;
    if (b->text)
        b->text[0] = '\0';
}

static bool reserve(struct strbuf *b, size_t more)
{
    size_t need, room;
    char *grown;

    if (b->failed || __builtin_add_overflow(b->length, more + 1, &need)) {
        b->failed = true;
        return false;
    }
    if (need <= b->room)
        return true;
    room = need < 64 ? 64 : need + need / 2;
    grown = realloc(b->text, room);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->text = grown;
    b->room = room;
    return true;
}

void strbuf_add_length(struct strbuf *b, const char *text, size_t length)
{
    if (!reserve(b, length))
        return;
    memcpy(b->text + b->length, text, length);
    b->length += length;
    b->text[b->length] = '\0';
}

void strbuf_add(struct strbuf *b, const char *text)
{
    strbuf_add_length(b, text, strlen(text));
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(b, (size_t)length)) {
        b->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(b->text + b->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    b->length += (size_t)length;
}

const char *strbuf_text(const struct strbuf *b)
{
    return b->text ? b->text : "";
}
