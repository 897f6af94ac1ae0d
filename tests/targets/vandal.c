// SPDX-License-Identifier: Apache-2.0
/*
 * Writes garbage all over the memory that it shares with memprof, again and again, and ends.
 * It allocates between the blows, since a program does.  What that does to itself is its own
 * affair: it ends after 5 seconds whatever happens.  SEED
 */
#include "tally.h"

#include <fcntl.h>

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

struct range {
    char *from, *to;
};

/* Writable mappings of the segment, by the name that the host gave it. */
static int find(struct range *ranges, int room)
{
    static char text[1 << 18];
    int fd = open("/proc/self/maps", O_RDONLY), count = 0;
    ssize_t n, have = 0;

    while ((n = read(fd, text + have, sizeof text - 1 - (size_t)have)) > 0)
        have += n;
    close(fd);
    text[have] = 0;
    for (char *line = strtok(text, "\n"); line && count < room; line = strtok(NULL, "\n")) {
        unsigned long from, to;

        if (strstr(line, "memfd:memprof") && sscanf(line, "%lx-%lx rw", &from, &to) == 2)
            ranges[count++] = (struct range){(char *)from, (char *)to};
    }
    return count;
}

static void strike(struct range r)
{
    uint64_t span = (uint64_t)(r.to - r.from) / 8, at = next() % span;
    uint64_t length = next() % 512 + 1;

    /* the front has the header and the ring */
    if (next() % 2)
        at %= 1 << 17;
    for (uint64_t i = 0; i < length && at + i < span; i++) {
        uint64_t value = next() % 4 ? next() : next() % 16;

        memcpy(r.from + 8 * (at + i), &value, 8);
    }
}

int main(int argc, char **argv)
{
    struct range ranges[16];
    int count = find(ranges, 16);

    alarm(5);
    state = (uint64_t)argument(argc, argv, 1, 1) * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 4000; i++) {
        if (count)
            strike(ranges[next() % (unsigned)count]);
        if (i % 8 == 0)
            KEEP(malloc((size_t)(i % 300)));
        if (i % 500 == 0)
            usleep(2000);
    }
    say("ranges", count);
    return 3;
}
