// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/escape.h"

#include "src/host/text/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Characters that move the cursor, change the direction of text or cannot be seen. */
static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

static void name_harmful(uint32_t code, char piece[ESCAPE_PIECE])
{
    const char *letter = code == '\n' ? "\\n" : code == '\t' ? "\\t" : code == '\r' ? "\\r" : NULL;

    if (letter)
        strcpy(piece, letter);
    else
        snprintf(piece, ESCAPE_PIECE, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

bool escape_next(const char **text, char piece[ESCAPE_PIECE], unsigned *columns)
{
    uint32_t code = 0;
    size_t length;

    if (**text == '\0')
        return false;
    length = utf8_decode(*text, &code);
    if (length == 0) {
        snprintf(piece, ESCAPE_PIECE, "\\x%02x", (unsigned)(unsigned char)**text);
        *text += 1;
        *columns = 4;
        return true;
    }
    if (is_harmful(code)) {
        name_harmful(code, piece);
        *columns = (unsigned)strlen(piece);
    } else {
        memcpy(piece, *text, length);
        piece[length] = '\0';
        *columns = utf8_columns(code);
    }
    *text += length;
    return true;
}

void escape_text(struct strbuf *out, const char *text)
{
    char piece[ESCAPE_PIECE];
    unsigned columns;

    while (escape_next(&text, piece, &columns))
        strbuf_add(out, piece);
}

size_t escape_columns(const char *text)
{
    char piece[ESCAPE_PIECE];
    unsigned columns;
    size_t sum = 0;

    while (escape_next(&text, piece, &columns))
        sum += columns;
    return sum;
}
