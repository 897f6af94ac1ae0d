// SPDX-License-Identifier: Apache-2.0
/* Second version: each line is summed up and forgotten. */
#include "report.h"

int main(int argc, char **argv)
{
    FILE *log = fopen(argc > 1 ? argv[1] : "access.log", "r");
    struct sums sums = {0};
    size_t size = 0;
    char *line = NULL;

    if (!log) {
        perror("cannot read the log");
        return 1;
    }
    while (getline(&line, &size, log) > 0) {
        struct entry entry;

        if (parse(line, &entry))
            sums_add(&sums, entry.client, entry.size);
        entry_release(&entry);
    }
    sums_print(&sums);
    free(line);
    fclose(log);
}
