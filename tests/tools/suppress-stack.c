// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a suppression for a stack of functions, innermost first, to standard
 * output: what suppressions.py hands to Valgrind and LeakSanitizer.
 *
 *   suppress-stack valgrind|lsan FUNCTION...
 */
#include "src/host/suppress/suppress-generate.h"

#include <stdio.h>
#include <string.h>

#define FRAMES 24

int main(int argc, char **argv)
{
    struct suppress_frame frames[FRAMES];
    struct strbuf text;
    uint32_t count = 0;
    bool ok;

    if (argc < 3 || argc > FRAMES + 2) {
        fputs("usage: suppress-stack valgrind|lsan FUNCTION...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        frames[count++] = (struct suppress_frame){argv[i], NULL, "", "", 0};
    strbuf_init(&text);
    if (strcmp(argv[1], "lsan") == 0)
        suppress_generate_lsan(&text, frames, count, 0);
    else
        suppress_generate_valgrind(&text, "generated", LEAK_DEFINITE, frames, count);
    ok = !text.failed && fputs(strbuf_text(&text), stdout) >= 0;
    strbuf_release(&text);
    return ok ? 0 : 1;
}
