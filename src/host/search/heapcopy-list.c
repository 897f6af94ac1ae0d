// SPDX-License-Identifier: Apache-2.0
/*
 * Which mappings are copied, of /proc/PID/maps (proc(5)), and which pages of them.
 *
 * What only the kernel or other processes wrote holds no pointers of this one's: devices
 * and files that are mapped shared.  Anonymous memory that may be read but not written is
 * copied too, since allocated memory may have been made so; and so is what the loader wrote
 * to modules' read-only data, since the search reads vtables.  Those of a program that is not
 * relocated, which is loaded below 4 GiB, are as they are in the file.
 */
#include "src/host/search/heapcopy-parts.h"

#include "src/host/memory/growing.h"
#include "src/host/process/presentpages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Shared memory whose pages cannot be asked for is read as a whole up to this size. */
#define SHARED_WHOLE ((uint64_t)64 << 20)

/* ------------------------------------------------------------ mappings -- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum heap_mapping_kind kind_of(const char *path)
{
    if (strcmp(path, "[heap]") == 0)
        return HEAP_MAPPING_BREAK;
    if (begins(path, "[stack"))
        return HEAP_MAPPING_STACK;
    if (path[0] == '\0' || begins(path, "[anon") || begins(path, "/anon_hugepage") ||
        begins(path, "/dev/zero"))
        return HEAP_MAPPING_ANONYMOUS;
    return HEAP_MAPPING_FILE;
}

static bool to_copy(const struct heap_mapping *m, const char *protection)
{
    if (protection[0] != 'r')
        return false;
    if (m->kind == HEAP_MAPPING_FILE)
        return (m->writable || protection[2] != 'x') && !m->shared && m->path[0] == '/' &&
               !begins(m->path, "/dev/");
    return true;
}

/* Memory of the program's that is there to be read only at other times. */
static bool is_closed(const struct heap_mapping *m, const char *protection)
{
    return protection[0] != 'r' && !m->shared &&
           (m->kind == HEAP_MAPPING_ANONYMOUS || m->kind == HEAP_MAPPING_BREAK);
}

static bool append_closed(struct heapcopy *c, const struct heap_mapping *m)
{
    if (!growing_reserve(&c->closed, c->closed_count, sizeof(*c->closed)))
        return false;
    c->closed[c->closed_count++] = (struct heap_range){m->start, m->end};
    return true;
}

static void set_path(struct heap_mapping *m, char *path)
{
    size_t length = strcspn(path, "\n");

    path[length] = '\0';
    if (length >= sizeof(m->path))
        path += length - (sizeof(m->path) - 1);
    strcpy(m->path, path);
}

static bool append(struct heapcopy *c, const struct heap_mapping *m, uint64_t start, uint64_t end)
{
    uint32_t room = c->mapping_room ? c->mapping_room * 2 : 64;
    struct heap_mapping *mappings;

    if (c->mapping_count == c->mapping_room) {
        mappings = reallocarray(c->mappings, room, sizeof(*mappings));
        if (!mappings)
            return false;
        c->mappings = mappings;
        c->mapping_room = room;
    }
    c->mappings[c->mapping_count] = *m;
    c->mappings[c->mapping_count].offset += start - m->start;
    c->mappings[c->mapping_count].start = start;
    c->mappings[c->mapping_count++].end = end;
    return true;
}

struct cutter {
    const struct heap_range *ours;
    uint32_t count, next;
};

/* What is left of a mapping without our own. */
static bool append_rest(struct heapcopy *c, struct cutter *cut, const struct heap_mapping *m)
{
    uint64_t at = m->start;

    while (cut->next < cut->count && cut->ours[cut->next].end <= at)
        cut->next++;
    for (uint32_t i = cut->next; i < cut->count && cut->ours[i].start < m->end; i++) {
        if (cut->ours[i].start > at && !append(c, m, at, cut->ours[i].start))
            return false;
        if (cut->ours[i].end > at)
            at = cut->ours[i].end;
    }
    return at >= m->end || append(c, m, at, m->end);
}

static bool parse(struct heap_mapping *m, char *line, char protection[5])
{
    int path = 0;

    *m = (struct heap_mapping){.start = 0};
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &m->start, &m->end,
               protection, &m->offset, &path) < 4 ||
        m->start >= m->end)
        return false;
    set_path(m, path ? line + path : line + strlen(line));
    m->kind = kind_of(m->path);
    m->shared = protection[3] == 's';
    m->writable = protection[1] == 'w';
    return true;
}

int heapcopy_list(struct heapcopy *c, pid_t pid, const struct heap_range *ours, uint32_t our_count,
                  struct error *e)
{
    struct cutter cut = {ours, our_count, 0};
    char path[64], protection[5], *line = NULL;
    struct heap_mapping m;
    uint64_t last = 0;
    size_t size = 0;
    bool fine = true;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return error_set(e, ERROR_SYSTEM, "cannot read %s", path);
    while (fine && getline(&line, &size, file) > 0) {
        if (!parse(&m, line, protection))
            continue;
        if (is_closed(&m, protection))
            fine = append_closed(c, &m);
        if (!to_copy(&m, protection))
            continue;
        /* who was not stopped may change them while they are read */
        m.start = m.start < last ? last : m.start;
        last = m.end > last ? m.end : last;
        fine = append_rest(c, &cut, &m);
    }
    free(line);
    fclose(file);
    if (!fine)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (c->mapping_count == 0)
        return error_set(e, ERROR_INPUT, "process %d has ended", (int)pid);
    return 0;
}

/* --------------------------------------------------------------- pages -- */

struct finding {
    struct heapcopy *copy;
    struct heap_mapping *mapping;
    bool full; /* out of memory */
};

/* What is left of a mapping when our own is cut out need not be whole pages. */
static bool found(void *context, uint64_t start, uint64_t end)
{
    struct finding *f = context;

    start = start < f->mapping->start ? f->mapping->start : start;
    end = end > f->mapping->end ? f->mapping->end : end;
    if (!heapcopy_add(f->copy, start, end)) {
        f->full = true;
        return false;
    }
    f->mapping->copied += end - start;
    return true;
}

/*
 * The pages of shared memory need not be in this process's tables to be there: another
 * may have made them, or they were taken out.  The file behind it knows, where the
 * kernel lets it be opened.  false: it does not.
 */
static bool find_in_file(struct finding *f, pid_t pid)
{
    struct heap_mapping *m = f->mapping;
    char path[96];
    off_t from, to = (off_t)m->offset, size = to + (off_t)(m->end - m->start);
    int file;

    snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, m->start,
             m->end);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    while ((from = lseek(file, to, SEEK_DATA)) >= 0 && from < size) {
        to = lseek(file, from, SEEK_HOLE);
        if (to <= from || to > size)
            to = size;
        if (!found(f, m->start + (uint64_t)from - m->offset, m->start + (uint64_t)to - m->offset))
            break;
    }
    close(file);
    return true;
}

static bool is_unrelocated(const struct heap_mapping *m)
{
    return m->kind == HEAP_MAPPING_FILE && !m->writable && m->end <= UINT64_C(1) << 32;
}

static bool find(struct finding *f, struct presentpages *pages, pid_t pid)
{
    const struct heap_mapping *m = f->mapping;
    uint64_t start = m->start & ~(pages->page - 1);
    uint64_t end = (m->end + pages->page - 1) & ~(pages->page - 1);

    if (m->shared && find_in_file(f, pid))
        return true;
    if (m->shared && m->end - m->start <= SHARED_WHOLE)
        return found(f, m->start, m->end);
    return presentpages_find(pages, start, end, !m->shared && !is_unrelocated(m), found, f);
}

int heapcopy_find(struct heapcopy *c, pid_t pid, struct error *e)
{
    struct presentpages pages;
    struct finding f = {.copy = c};
    bool fine = true;

    if (presentpages_init(&pages, pid, e) != 0)
        return -1;
    for (uint32_t i = 0; fine && i < c->mapping_count; i++) {
        f.mapping = &c->mappings[i];
        fine = find(&f, &pages, pid);
    }
    presentpages_release(&pages);
    if (f.full)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (!fine)
        return error_set(e, ERROR_INPUT, "process %d has ended", (int)pid);
    return 0;
}
