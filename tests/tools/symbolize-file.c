// SPDX-License-Identifier: Apache-2.0
/*
 * symbolize-file FILE [ADDRESS...]: what the symbolizer makes of addresses of a
 * file's own symbol table (hexadecimal; from standard input if none is given),
 * in the form of `addr2line -f -i -C -a`, so that the two can be compared.
 * With MEMPROF_DEBUG_DIR set, debug files are looked for there.
 */
#include "src/host/symbols/symbolize.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void show(struct symbolizer *s, const char *text)
{
    struct symbol_line lines[64];
    uint64_t address = strtoull(text, NULL, 16);
    size_t count = symbolizer_lookup(s, 0, address | FRAME_EXACT, lines, 64);

    printf("0x%016" PRIx64 "\n", address);
    for (size_t i = 0; i < count; i++)
        printf("%s\n%s:%u\n", *lines[i].function ? lines[i].function : "??",
               *lines[i].file ? lines[i].file : "??", lines[i].line);
}

int main(int argc, char **argv)
{
    struct symbolizer_options options = {.debug_dir = getenv("MEMPROF_DEBUG_DIR")};
    struct profile_module module = {.end = UINT64_MAX};
    struct error error;
    struct symbolizer *s = argc > 1 ? symbolizer_new(&options, &error) : NULL;
    char line[64];

    if (!s || symbolizer_add_module(s, &module, argv[1], 0, &error) < 0) {
        fprintf(stderr, "usage: symbolize-file FILE [ADDRESS...]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        show(s, argv[i]);
    while (argc == 2 && fgets(line, sizeof line, stdin))
        show(s, line);
    symbolizer_free(s);
    return 0;
}
