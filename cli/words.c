// SPDX-License-Identifier: Apache-2.0
#include "cli/words.h"

#include <stdarg.h>
#include <stdio.h>

void words_say(const char *format, ...)
{
    va_list arguments;

    /* One line may come from several pieces, but must not be mixed with the program's own. */
    flockfile(stderr);
    fputs("memprof: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void words_error(const struct error *e)
{
    words_say("%s", e->text);
}

int words_exit_code(const struct error *e)
{
    return e->kind == ERROR_FORMAT  ? EXIT_DAMAGED
           : e->kind == ERROR_INPUT ? EXIT_USAGE
                                    : EXIT_TROUBLE;
}
