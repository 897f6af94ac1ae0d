// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leakroots-parts.h"

#include "src/host/memory/growing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- modules -- */

static bool same_file(const char *path, const char *other)
{
    size_t length = strlen(path), longer = strlen(other);

    /* the mapping's path may be cut at its beginning */
    return length && longer >= length && strcmp(other + longer - length, path) == 0;
}

static bool open_file(const struct rootfinder *f, struct rootmodule *m, const char *path)
{
    char inside[HEAP_PATH_BYTES + 64];

    snprintf(inside, sizeof(inside), "/proc/%d/root%s", (int)f->source->stopped->pid, path);
    return elfobjects_open(&m->file, inside) || elfobjects_open(&m->file, path);
}

/* The paths of the modules that the recorder met are whole; those of mappings may be cut. */
static const char *whole_path(const struct rootfinder *f, const struct heap_mapping *mapping)
{
    const struct modmap *known = f->source->modmap;

    for (uint32_t i = 0; known && i < known->count; i++)
        if (mapping->start >= known->modules[i].module.start &&
            mapping->start < known->modules[i].module.end && known->modules[i].path &&
            same_file(mapping->path, known->modules[i].path))
            return known->modules[i].path;
    return mapping->path;
}

/* Once for each module: by its first writable mapping. */
static void add_module(struct rootfinder *f, const struct heap_mapping *mapping)
{
    struct rootmodule m = {.start = mapping->start, .end = mapping->end, .file.fd = -1};
    const char *path = whole_path(f, mapping);

    for (uint32_t i = f->module_count; i > 0; i--)
        if (mapping->start >= f->modules[i - 1].start && mapping->start < f->modules[i - 1].end)
            return;
    if (!growing_reserve(&f->modules, f->module_count, sizeof(*f->modules))) {
        f->failed = true;
        return;
    }
    m.path = rootfinder_text(f, path);
    m.ours = f->source->modmap && f->source->modmap->ours[0] &&
             same_file(mapping->path, f->source->modmap->ours);
    if (open_file(f, &m, path) &&
        !elfobjects_place(&m.file, mapping->offset, mapping->start, &m.bias, &m.start, &m.end))
        elfobjects_release(&m.file);
    f->modules[f->module_count++] = m;
}

void leakroots_modules(struct rootfinder *f)
{
    const struct heapcopy *copy = f->source->copy;
    uint64_t address;

    for (uint32_t i = 0; i < copy->mapping_count && !f->failed; i++)
        if (copy->mappings[i].kind == HEAP_MAPPING_FILE && copy->mappings[i].writable)
            add_module(f, &copy->mappings[i]);
    if (leakroots_module_with(f, "ld", "_rtld_global", &address))
        f->loader_data = address;
}

void leakroots_modules_release(struct rootfinder *f)
{
    for (uint32_t i = 0; i < f->module_count; i++)
        elfobjects_release(&f->modules[i].file);
    free(f->modules);
    f->modules = NULL;
    f->module_count = 0;
}

static const char *file_name(const struct rootmodule *m)
{
    const char *slash = strrchr(m->path, '/');

    return slash ? slash + 1 : m->path;
}

struct rootmodule *leakroots_module_with(struct rootfinder *f, const char *file,
                                         const char *variable, uint64_t *address)
{
    struct elfsymtab_entry object;

    for (uint32_t i = 0; i < f->module_count; i++) {
        struct rootmodule *m = &f->modules[i];
        size_t at = 0;

        if (strncmp(file_name(m), file, strlen(file)) == 0 && m->file.elf &&
            elfsymtab_variable(&m->file.symbols, variable, &at, &object)) {
            *address = object.start + m->bias;
            return m;
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- bins -- */

/*
 * glibc's main arena (malloc/malloc.c, struct malloc_state): 254 words, two for each
 * bin, that point at themselves less 16 where the bin is empty, as most are and the last
 * one always is.  Before them lie the chunk at the top, the last remainder and ten lists of
 * fast bins.  All of them point to memory that is free, 16 bytes before where its user's
 * part begins: inside the block before it.
 */
#define PAGE_BYTES UINT64_C(4096)
#define BIN_WORDS 254u
#define WORDS_BEFORE 12u
#define BINS_EMPTY 32u /* of 127: fewer are no arena */

static bool is_empty_bin(const uint64_t *words, uint64_t address)
{
    return words[0] == address - 16 && words[1] == address - 16;
}

static uint32_t empty_bins(const uint64_t *words, uint64_t address, uint32_t count)
{
    uint32_t empty = 0;

    for (uint32_t i = 0; i + 1 < count; i += 2)
        empty += is_empty_bin(words + i, address + 8 * i);
    return empty;
}

/* Where 254 words begin that are bins; 0: nowhere. */
static uint64_t bins_in(const uint64_t *words, uint64_t address, uint64_t count)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i + BIN_WORDS <= count; i += 2) {
        if (found && address + 8 * i >= found + 8 * BIN_WORDS)
            break;
        /* the last place at which the last bin is an empty one: before it others are, too */
        if (is_empty_bin(words + i + BIN_WORDS - 2, address + 8 * (i + BIN_WORDS - 2)) &&
            empty_bins(words + i, address + 8 * i, BIN_WORDS) >= BINS_EMPTY)
            found = address + 8 * i;
    }
    return found;
}

#define PIECE_WORDS 2048u /* of a module's data, looked at together */

/* Words from an address on; those of pages that are not there are 0. */
static void read_words(const struct rootfinder *f, uint64_t at, uint64_t *words, uint64_t count)
{
    for (uint64_t i = 0, piece; i < count; i += piece) {
        piece = (PAGE_BYTES - (at + 8 * i) % PAGE_BYTES) / 8;
        piece = piece < count - i ? piece : count - i;
        if (!heapcopy_read(f->source->copy, at + 8 * i, words + i, 8 * piece))
            memset(words + i, 0, 8 * piece);
    }
}

static uint64_t bins_from(const struct rootfinder *f, uint64_t at, uint64_t end)
{
    uint64_t words[PIECE_WORDS], count = (end - at) / 8;

    count = count < PIECE_WORDS ? count : PIECE_WORDS;
    read_words(f, at, words, count);
    return bins_in(words, at, count);
}

/* The arena's words that point to free memory, in [start, end) of a module's data. */
static bool find_bins(const struct rootfinder *f, uint64_t start, uint64_t end, uint64_t *from,
                      uint64_t *to)
{
    uint64_t found;

    /* each piece but the first begins with what may be the beginning of bins */
    for (uint64_t at = (start + 15) & ~UINT64_C(15); at + 8 * BIN_WORDS <= end;
         at += 8 * (PIECE_WORDS - BIN_WORDS)) {
        found = bins_from(f, at, end);
        if (found) {
            found = bins_from(f, found, end); /* the piece may have ended before the last place */
            *from = found - 8 * WORDS_BEFORE;
            *to = found + 8 * BIN_WORDS;
            return *from >= start;
        }
    }
    return false;
}

/* A program that was linked with libc statically has its arena too. */
static bool may_have_bins(const struct rootfinder *f, const struct rootmodule *m)
{
    return strncmp(file_name(m), "libc", 4) == 0 || m == &f->modules[0];
}

/* ------------------------------------------------------------- segments -- */

/*
 * The loader's index of what is mapped where (glibc's elf/dl-find_object.c) consists of
 * blocks from malloc that are used from a multiple of 64 or 128 on, where {the segment before,
 * the block's start} begins.  Only that start is written down, in the block itself, and
 * the loader's data points behind it.
 */
#define SEGMENT_ALIGNMENT 128u
#define SEGMENTS_MAX 64u

static uint64_t segment_block(const struct rootfinder *f, uint64_t segment)
{
    uint64_t block;

    if ((segment & 31) != 0 || !rootfinder_word(f, segment + 8, &block) || block >= segment ||
        segment - block >= SEGMENT_ALIGNMENT || (block & 15) != 0)
        return 0;
    return block;
}

static void add_segments(struct rootfinder *f, const char *name, uint64_t segment)
{
    uint64_t block;

    for (uint32_t i = 0; i < SEGMENTS_MAX && (block = segment_block(f, segment)) != 0; i++) {
        rootfinder_value(f, ROOT_GLOBAL, 0, name, block);
        if (!rootfinder_word(f, segment, &segment))
            return;
    }
}

static void add_loader_segments(struct rootfinder *f, const struct rootmodule *m)
{
    uint64_t word;

    if (!f->loader_data || f->loader_data < m->start || f->loader_data >= m->end)
        return;
    for (uint64_t at = m->start & ~UINT64_C(7); at < m->end; at += 8)
        if (rootfinder_word(f, at, &word))
            add_segments(f, m->path, word);
}

/* --------------------------------------------------------------- data -- */

/* Of memprof's own data, what the program was given before another allocator was there. */
static void add_bootstrap(struct rootfinder *f, const struct rootmodule *m, uint64_t start,
                          uint64_t end)
{
    const struct segment *segment = f->source->stopped->segment;
    const struct segment_header *h = segment ? segment_header(segment) : NULL;

    if (!h)
        return;
    start = h->bootstrap_start > start ? h->bootstrap_start : start;
    end = h->bootstrap_end < end ? h->bootstrap_end : end;
    rootfinder_add(f, ROOT_GLOBAL, 0, m->path, start & ~UINT64_C(7), end);
}

static void add_data(struct rootfinder *f, const struct rootmodule *m)
{
    const struct heapcopy *copy = f->source->copy;
    uint64_t start, end, from, to;

    for (uint32_t i = 0; i < copy->mapping_count; i++) {
        const struct heap_mapping *mapping = &copy->mappings[i];

        start = mapping->start > m->start ? mapping->start : m->start;
        end = mapping->end < m->end ? mapping->end : m->end;
        if (start >= end || (mapping->kind == HEAP_MAPPING_FILE && !mapping->writable))
            continue;
        if (may_have_bins(f, m) && find_bins(f, start, end, &from, &to))
            rootfinder_take(f, from, to);
        if (m->ours) {
            add_bootstrap(f, m, start, end);
            rootfinder_take(f, start, end);
        }
        rootfinder_add_rest(f, ROOT_GLOBAL, m->path, start, end);
    }
}

void leakroots_globals(struct rootfinder *f)
{
    for (uint32_t i = 0; i < f->module_count; i++) {
        add_data(f, &f->modules[i]);
        add_loader_segments(f, &f->modules[i]);
    }
}
