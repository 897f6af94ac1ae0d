// SPDX-License-Identifier: Apache-2.0
#include "src/host/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* File names may hold anything; a terminal must not obey them, and the text stays one line. */
static void mask_controls(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static void append_reason(struct error *e, int number)
{
    size_t used = strlen(e->text);
    char buffer[128];

    /* the GNU strerror_r, which returns the text */
    snprintf(e->text + used, sizeof e->text - used, ": %s",
             strerror_r(number, buffer, sizeof buffer));
}

int error_set(struct error *e, enum error_kind kind, const char *format, ...)
{
    bool has_reason = kind == ERROR_SYSTEM || kind == ERROR_EXECUTE;
    int number = errno;
    va_list arguments;

    if (!e)
        return -1;
    e->kind = kind;
    e->saved_errno = has_reason ? number : 0;
    va_start(arguments, format);
    if (vsnprintf(e->text, sizeof e->text, format, arguments) < 0)
        e->text[0] = '\0';
    va_end(arguments);
    if (has_reason)
        append_reason(e, number);
    mask_controls(e->text);
    errno = number;
    return -1;
}
