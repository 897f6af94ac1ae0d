// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the reader of /tmp/perf-PID.map files, which anybody's JIT compiler
 * writes.  The input is the file.  What perfmap_find says is held against a search
 * through the lines from the last to the first.
 */
#include "src/host/symbols/perfmap.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char path[64];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void remove_file(void)
{
    unlink(path);
}

static void write_file(const uint8_t *bytes, size_t size)
{
    int fd;

    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/memprof-fuzz-perfmap-%d", getpid());
        atexit(remove_file);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* Bare hexadecimal digits and a space behind them. */
static bool take_number(const char **at, uint64_t *value)
{
    size_t digits = strspn(*at, "0123456789abcdefABCDEF");

    if (digits == 0 || (*at)[digits] != ' ' || digits - strspn(*at, "0") > 16)
        return false;
    *value = strtoull(*at, NULL, 16);
    *at += digits + 1;
    return true;
}

struct line {
    uint64_t start, size;
    const char *name;
};

static bool line_read(const char *text, struct line *l)
{
    l->name = text;
    return take_number(&l->name, &l->start) && take_number(&l->name, &l->size) && *l->name &&
           l->start + l->size >= l->start;
}

/* The file, its lines cut into strings, which may hold NULs themselves. */
struct file {
    char *text;
    const uint8_t *bytes;
    size_t size;
};

/* Where the line behind the one at `at` begins; NULL: the one at `at` has no end. */
static const char *line_after(const struct file *f, const char *at)
{
    size_t place = (size_t)(at - f->text);
    const uint8_t *end = memchr(f->bytes + place, '\n', f->size - place);

    return end ? at + (end - (f->bytes + place)) + 1 : NULL;
}

/* The last of the lines that covers `address`. */
static bool reference_find(const struct file *f, uint64_t address, struct line *found)
{
    bool any = false;

    for (const char *at = f->text, *next; (next = line_after(f, at)); at = next) {
        struct line l;

        if (line_read(at, &l) && address - l.start < l.size) {
            *found = l;
            any = true;
        }
    }
    return any;
}

static void compare_at(const struct perfmap *p, const struct file *f, uint64_t address)
{
    struct line expected;
    uint64_t start = 0;
    const char *name = perfmap_find(p, address, &start);

    if (!reference_find(f, address, &expected)) {
        require(name == NULL);
        return;
    }
    require(name != NULL && strcmp(name, expected.name) == 0 && start <= address);
}

/* At the edges of the first lines. */
static void compare(const struct perfmap *p, const struct file *f)
{
    unsigned lines = 0;

    for (const char *at = f->text, *next; (next = line_after(f, at)) && lines < 32; at = next) {
        struct line l;

        lines++;
        if (!line_read(at, &l))
            continue;
        compare_at(p, f, l.start - 1);
        compare_at(p, f, l.start);
        compare_at(p, f, l.start + l.size - 1);
        compare_at(p, f, l.start + l.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct file f = {malloc(size + 1), bytes, size};
    struct perfmap p;

    require(f.text != NULL);
    for (size_t i = 0; i < size; i++)
        f.text[i] = bytes[i] == '\n' ? '\0' : (char)bytes[i];
    f.text[size] = '\0';
    write_file(bytes, size);
    if (perfmap_read(&p, path) == 0) {
        compare(&p, &f);
        perfmap_release(&p);
    } else {
        require(size == 0);
    }
    free(f.text);
    return 0;
}
