// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/presentpages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

/* linux/fs.h of Linux 6.7, which older headers lack. */
struct scan_region {
    uint64_t start, end, categories;
};
struct scan_argument {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define REGIONS (BUFFER_BYTES / sizeof(struct scan_region))
#define SCAN_COMMAND _IOWR('f', 16, struct scan_argument)
#define SCAN_FILE (UINT64_C(1) << 2)
#define SCAN_PRESENT (UINT64_C(1) << 3)
#define SCAN_SWAPPED (UINT64_C(1) << 4)
#define SCAN_ZERO (UINT64_C(1) << 5) /* the page of zeros that was only read */

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_FILE (UINT64_C(1) << 61)

/* The regions of a->start to a->end, as many as there is room for; false: it does not work. */
static bool scan(const struct presentpages *p, struct scan_argument *a, bool written, long *count)
{
    uint64_t unwanted = SCAN_ZERO | (written ? SCAN_FILE : 0);

    a->size = sizeof(*a);
    a->regions = (uint64_t)(uintptr_t)p->buffer;
    a->region_count = REGIONS;
    a->category_inverted = unwanted;
    a->category_mask = unwanted;
    a->category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED;
    a->return_mask = SCAN_PRESENT;
    *count = ioctl(p->file, SCAN_COMMAND, a);
    return *count >= 0;
}

static bool scan_works(const struct presentpages *p)
{
    struct scan_argument a = {.start = 0, .end = p->page};
    long count;

    return scan(p, &a, false, &count);
}

int presentpages_init(struct presentpages *p, pid_t pid, struct error *e)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    *p = (struct presentpages){.page = (uint64_t)sysconf(_SC_PAGESIZE)};
    p->file = open(path, O_RDONLY | O_CLOEXEC);
    if (p->file < 0 && (errno == ENOENT || errno == ESRCH))
        return error_set(e, ERROR_INPUT, "process %d has ended", (int)pid);
    if (p->file < 0)
        return error_set(e, ERROR_REFUSED, "the system does not let memprof read %s (%s)", path,
                         strerror(errno));
    p->buffer = calloc(1, BUFFER_BYTES); /* Valgrind does not know what the call writes */
    if (!p->buffer) {
        presentpages_release(p);
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    p->scan = scan_works(p);
    return 0;
}

void presentpages_release(struct presentpages *p)
{
    if (p->file >= 0)
        close(p->file);
    free(p->buffer);
    p->file = -1;
    p->buffer = NULL;
}

static bool find_by_scan(struct presentpages *p, uint64_t start, uint64_t end, bool written,
                         bool (*found)(void *, uint64_t, uint64_t), void *context)
{
    struct scan_argument a = {.start = start, .end = end};
    const struct scan_region *regions = p->buffer;
    long count;

    /*
     * The kernel stops early only when there is no room for more regions.  Where, it says in
     * walk_end, but not reliably: after more than 512 regions that is an earlier place.
     */
    do {
        if (!scan(p, &a, written, &count))
            return false;
        for (long i = 0; i < count; i++)
            if (!found(context, regions[i].start, regions[i].end))
                return false;
        if (count > 0)
            a.start = regions[count - 1].end;
    } while ((size_t)count == REGIONS && a.start < end);
    return true;
}

static bool wanted(uint64_t entry, bool written)
{
    return (entry & (ENTRY_PRESENT | ENTRY_SWAPPED)) && !(written && (entry & ENTRY_FILE));
}

/* The runs of wanted pages among `count` entries, the first being that of `start`. */
static bool find_runs(const struct presentpages *p, uint64_t start, size_t count, bool written,
                      bool (*found)(void *, uint64_t, uint64_t), void *context)
{
    const uint64_t *entries = p->buffer;
    size_t from, i = 0;

    while (i < count) {
        while (i < count && !wanted(entries[i], written))
            i++;
        from = i;
        while (i < count && wanted(entries[i], written))
            i++;
        if (i > from && !found(context, start + from * p->page, start + i * p->page))
            return false;
    }
    return true;
}

static bool find_by_entries(struct presentpages *p, uint64_t start, uint64_t end, bool written,
                            bool (*found)(void *, uint64_t, uint64_t), void *context)
{
    size_t wanted_bytes;
    ssize_t got;

    while (start < end) {
        wanted_bytes = (end - start) / p->page * 8;
        if (wanted_bytes > BUFFER_BYTES)
            wanted_bytes = BUFFER_BYTES;
        got = pread(p->file, p->buffer, wanted_bytes, (off_t)(start / p->page * 8));
        if (got < 8)
            return false;
        if (!find_runs(p, start, (size_t)got / 8, written, found, context))
            return false;
        start += (uint64_t)got / 8 * p->page;
    }
    return true;
}

bool presentpages_find(struct presentpages *p, uint64_t start, uint64_t end, bool written,
                       bool (*found)(void *context, uint64_t start, uint64_t end), void *context)
{
    if (p->scan)
        return find_by_scan(p, start, end, written, found, context);
    return find_by_entries(p, start, end, written, found, context);
}
