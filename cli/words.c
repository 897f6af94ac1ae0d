// SPDX-License-Identifier: Apache-2.0
#include "cli/words.h"

#include "src/host/text/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void words_say(const char *format, ...)
{
    va_list arguments;

    char piece[ESCAPE_PIECE], *said = NULL;
    unsigned columns;
    const char *at;

    va_start(arguments, format);
    if (vasprintf(&said, format, arguments) < 0)
        said = NULL;
    va_end(arguments);
    at = said ? said : "out of memory";
    /* One line may come from several pieces, but must not be mixed with the program's own. */
    flockfile(stderr);
    fputs("memprof: ", stderr);
    while (escape_next(&at, piece, &columns)) /* names and operands may hold anything */
        fputs(piece, stderr);
    fputc('\n', stderr);
    funlockfile(stderr);
    free(said);
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
