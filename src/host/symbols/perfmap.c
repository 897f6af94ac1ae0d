// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/perfmap.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST_FILE (256u << 20)

static bool trusted(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == geteuid() || st->st_uid == 0) &&
           st->st_size > 0 && st->st_size <= LARGEST_FILE;
}

/* The file's bytes with a NUL behind them. */
static char *read_whole(int fd, size_t *used)
{
    struct stat st;
    char *text;
    ssize_t n = 0;

    if (fstat(fd, &st) || !trusted(&st))
        return NULL;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return NULL;
    for (*used = 0; *used < (size_t)st.st_size; *used += (size_t)n) {
        n = read(fd, text + *used, (size_t)st.st_size - *used);
        if (n <= 0)
            break;
    }
    text[*used] = '\0';
    return text;
}

/* strtoull would take signs, spaces and 0x; the format has bare digits. */
static bool parse_hex(char **at, uint64_t *value)
{
    char *p = *at;

    *value = 0;
    for (; isxdigit((unsigned char)*p); p++) {
        if (*value >> 60)
            return false;
        *value = *value << 4 |
                 (uint64_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
    }
    if (p == *at || *p != ' ')
        return false;
    *at = p + 1;
    return true;
}

static int add_line(struct perfmap *p, char *line)
{
    uint64_t start, size;

    if (!parse_hex(&line, &start) || !parse_hex(&line, &size) || !*line ||
        size > UINT64_MAX - start)
        return 0;
    return rangemap_add(&p->map, start, start + size, (uint32_t)(line - p->text));
}

static int add_lines(struct perfmap *p, size_t used)
{
    char *end = p->text + used;

    for (char *line = p->text, *next; line < end; line = next) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            break; /* cut off while it was being written */
        *next++ = '\0';
        if (add_line(p, line))
            return -1;
    }
    return rangemap_seal(&p->map);
}

int perfmap_read(struct perfmap *p, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t used = 0;

    memset(p, 0, sizeof *p);
    if (fd < 0)
        return -1;
    p->text = read_whole(fd, &used);
    close(fd);
    if (p->text && !add_lines(p, used))
        return 0;
    perfmap_release(p);
    return -1;
}

void perfmap_release(struct perfmap *p)
{
    rangemap_release(&p->map);
    free(p->text);
    p->text = NULL;
}

const char *perfmap_find(const struct perfmap *p, uint64_t address, uint64_t *start)
{
    const struct range *best = NULL;

    for (const struct range *r = rangemap_find(&p->map, address, NULL); r;
         r = rangemap_find(&p->map, address, r))
        if (!best || r->value > best->value)
            best = r;
    if (!best)
        return NULL;
    *start = best->low;
    return p->text + best->value;
}
