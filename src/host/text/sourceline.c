// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/sourceline.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64
#define FILE_BYTES_MAX (32u << 20)

struct source_file {
    char *path;
    char *bytes; /* NULL: cannot be read */
    size_t size;
    int64_t changed_unix;
};

void sourcelines_init(struct sourcelines *s)
{
    *s = (struct sourcelines){0};
}

void sourcelines_release(struct sourcelines *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->files[i].path);
        free(s->files[i].bytes);
    }
    free(s->files);
    sourcelines_init(s);
}

static void read_bytes(struct source_file *file, int fd)
{
    ssize_t got;
    size_t done = 0;

    file->bytes = malloc(file->size ? file->size : 1);
    while (file->bytes && done < file->size &&
           (got = read(fd, file->bytes + done, file->size - done)) > 0)
        done += (size_t)got;
    file->size = file->bytes ? done : 0;
}

/* The path comes from debug information: it may name a device or a pipe, which must not block. */
static void load(struct source_file *file)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= FILE_BYTES_MAX) {
        file->size = (size_t)status.st_size;
        file->changed_unix = status.st_mtime;
        read_bytes(file, fd);
    }
    close(fd);
}

static struct source_file *find(struct sourcelines *s, const char *path)
{
    struct source_file *grown;

    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return &s->files[i];
    if (s->count == FILES_MAX || path[0] != '/')
        return NULL; /* a path relative to somewhere unknown would find some other file */
    grown = realloc(s->files, (s->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    s->files = grown;
    s->files[s->count] = (struct source_file){.path = strdup(path)};
    if (!s->files[s->count].path)
        return NULL;
    load(&s->files[s->count]);
    return &s->files[s->count++];
}

/* The start of line `number`, and its end in `*end`. */
static const char *locate(const struct source_file *file, uint32_t number, const char **end)
{
    const char *at = file->bytes, *stop = file->bytes + file->size, *newline;

    for (uint32_t line = 1; at < stop; line++) {
        newline = memchr(at, '\n', (size_t)(stop - at));
        *end = newline ? newline : stop;
        if (line == number)
            return at;
        at = *end + 1;
    }
    return NULL;
}

const char *sourcelines_get(struct sourcelines *s, const char *path, uint32_t number,
                            int64_t since_unix, size_t *length, bool *newer)
{
    struct source_file *file = number ? find(s, path) : NULL;
    const char *start, *end = NULL;

    if (!file || !file->bytes)
        return NULL;
    start = locate(file, number, &end);
    if (!start)
        return NULL;
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    *length = (size_t)(end - start);
    *newer = since_unix && file->changed_unix > since_unix;
    return *length ? start : NULL;
}
