// SPDX-License-Identifier: Apache-2.0
/* The log analysis as first written: read everything, keep everything, then sum up. */
#include "report.h"

int main(int argc, char **argv)
{
    FILE *log = fopen(argc > 1 ? argv[1] : "access.log", "r");
    struct entry *entries = NULL;
    struct sums sums = {0};
    size_t count = 0, room = 0, size = 0;
    char *line = NULL;

    if (!log) {
        perror("cannot read the log");
        return 1;
    }
    while (getline(&line, &size, log) > 0) {
        if (count == room)
            entries = realloc(entries, (room = room ? room * 2 : 64) * sizeof *entries);
        if (parse(line, &entries[count]))
            count++;
        else
            entry_release(&entries[count]);
    }
    for (size_t i = 0; i < count; i++)
        sums_add(&sums, entries[i].client, entries[i].size);
    sums_print(&sums);
    for (size_t i = 0; i < count; i++)
        entry_release(&entries[i]);
    free(entries);
    free(line);
    fclose(log);
}
