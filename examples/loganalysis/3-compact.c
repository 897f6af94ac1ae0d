// SPDX-License-Identifier: Apache-2.0
/* Third version: line by line, and of a line only what is needed, in place. */
#include "report.h"

/* The client and the size of a line, without a copy of anything. */
static int scan(char *line, const char **client, long *size)
{
    char *space = strchr(line, ' '), *last = strrchr(line, ' ');

    if (!space || last == space)
        return 0;
    *space = '\0';
    *client = line;
    return sscanf(last, "%ld", size) == 1;
}

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
        const char *client;
        long bytes;

        if (scan(line, &client, &bytes))
            sums_add(&sums, client, bytes);
    }
    sums_print(&sums);
    free(line);
    fclose(log);
}
