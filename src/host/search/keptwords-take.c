// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/keptwords-take.h"

#include "src/host/memory/availmem.h"
#include "src/host/memory/growing.h"
#include "src/host/memory/pages.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (UINT64_C(1) << KEPTWORDS_PIECE_BITS)
#define PAGE_BYTES (UINT64_C(1) << KEPTWORDS_PAGE_BITS)
#define PAGE_MASK (PAGE_BYTES - 1)
#define WORTH_TWO (UINT64_C(32) << 20)
#define SMALL_GAP (UINT64_C(1) << 16)   /* between ranges of addresses that are made one */
#define LOOK_BYTES (UINT64_C(64) << 10) /* of modules' data, in a call */
#define OBJECT_MAX (UINT64_C(1) << 20)  /* from an object's start to its last base */

_Static_assert(KEPTWORDS_PIECE_BITS == LEAKLIVE_SLOT_BITS, "a piece of memory is a slot of blocks");

/* A list of ranges: ascending and apart once it is merged. */
struct ranges {
    struct keptwords_range *rows;
    uint32_t count;
};

struct taking {
    const struct keptwords_source *source;
    struct ranges addresses; /* that matter, of words */
    struct ranges roots;     /* and tables: whole pages */
    struct ranges tables;    /* where vtables lie */
    uint32_t scratch;        /* blocks of the largest slot */
    uint64_t limit;          /* bytes that the words may take */
    _Atomic uint64_t taken;  /* of these */
};

/* Which pages of a piece. */
struct pages {
    uint64_t bits[KEPTWORDS_PAGES / 64];
};

/* What one thread does. */
struct task {
    struct taking *taking;
    struct keptwords_part *part;
    uint64_t piece, end; /* numbers, the next one and the last one's plus 1 */
    uint32_t extent;     /* the first that does not end before it */
    struct heldmemory memory;
    uint8_t *buffer; /* of a piece */
    struct livetable_entry *scratch;
    uint64_t bytes, unreadable_bytes;
    bool straddles; /* the last block's second word is the next page's first */
    struct error error;
};

/* ----------------------------------------------------------------- ranges -- */

static bool ranges_add(struct ranges *r, uint64_t start, uint64_t end)
{
    if (start >= end)
        return true;
    if (r->count && r->rows[r->count - 1].start <= start && r->rows[r->count - 1].end >= start) {
        if (end > r->rows[r->count - 1].end)
            r->rows[r->count - 1].end = end;
        return true;
    }
    if (!growing_reserve(&r->rows, r->count, sizeof(*r->rows)))
        return false;
    r->rows[r->count++] = (struct keptwords_range){start, end};
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct keptwords_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static void ranges_merge(struct ranges *r, uint64_t gap)
{
    uint32_t kept = 0;

    if (r->count)
        qsort(r->rows, r->count, sizeof(*r->rows), by_start);
    for (uint32_t i = 0; i < r->count; i++) {
        struct keptwords_range *last = kept ? &r->rows[kept - 1] : NULL, next = r->rows[i];

        if (last && next.start <= last->end + gap)
            last->end = next.end > last->end ? next.end : last->end;
        else
            r->rows[kept++] = next;
    }
    r->count = kept;
}

/* The first range that ends behind an address. */
static uint32_t ranges_behind(const struct ranges *r, uint64_t address)
{
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (r->rows[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool ranges_hold(const struct ranges *r, uint64_t address)
{
    uint32_t i = ranges_behind(r, address);

    return i < r->count && r->rows[i].start <= address;
}

/* ---------------------------------------------------------------- planning -- */

static bool add_table(struct taking *t, uint64_t start, uint64_t end)
{
    return ranges_add(&t->tables, start, end) && ranges_add(&t->addresses, start, end) &&
           ranges_add(&t->roots, start, end);
}

/* Whether the vtable of a second base class may begin here: how far the object's top is. */
static bool has_vtable(const uint64_t words[KEPTWORDS_PAGE_WORDS])
{
    for (uint32_t i = 0; i < KEPTWORDS_PAGE_WORDS; i++)
        if (words[i] > UINT64_MAX - OBJECT_MAX && words[i] % 8 == 0)
            return true;
    return false;
}

/* Whole pages; `words` has room for LOOK_BYTES of them. */
static bool add_tables_of(struct taking *t, struct heldmemory *memory, uint64_t at, uint64_t end,
                          uint64_t *words)
{
    while (at < end) {
        uint64_t size = end - at < LOOK_BYTES ? end - at : LOOK_BYTES;
        const struct iovec piece = {(void *)(uintptr_t)at, size};
        ssize_t got = heldmemory_read(memory, &piece, 1, words, size);
        uint64_t pages = got > 0 ? (uint64_t)got / PAGE_BYTES : 0;

        for (uint64_t i = 0; i < pages; i++)
            if (has_vtable(words + i * KEPTWORDS_PAGE_WORDS) &&
                !add_table(t, at + i * PAGE_BYTES - PAGE_BYTES, at + (i + 2) * PAGE_BYTES))
                return false;
        /* one that cannot be read is passed over: reading it again says so */
        at += (pages ? pages : 1) * PAGE_BYTES;
    }
    return true;
}

/*
 * Modules that are linked without RELRO have their vtables in data that may be written: the
 * pages that look like it, and those beside them, since a class's vtables lie together.  All of
 * such data would be too much: each of Python's objects refers to its type there.
 */
static bool add_written_tables(struct taking *t, const struct heap_mapping *m)
{
    const struct heapcopy *look = t->source->look;
    uint64_t *words = malloc(LOOK_BYTES);
    struct heldmemory memory;
    bool fine = words != NULL;

    heldmemory_init(&memory, look->thread);
    for (uint32_t i = heapcopy_extent(look, m->start);
         fine && i < look->extent_count && look->extents[i].address < m->end; i++) {
        const struct heap_extent *x = &look->extents[i];
        uint64_t at = x->address > m->start ? x->address : m->start, end = x->address + x->size;

        end = end < m->end ? end : m->end;
        fine = add_tables_of(t, &memory, at & ~PAGE_MASK, (end + PAGE_MASK) & ~PAGE_MASK, words);
    }
    heldmemory_release(&memory);
    free(words);
    return fine;
}

static bool add_tables(struct taking *t)
{
    const struct heapcopy *look = t->source->look;

    for (uint32_t i = 0; i < look->mapping_count; i++) {
        const struct heap_mapping *m = &look->mappings[i];

        if (m->kind != HEAP_MAPPING_FILE)
            continue;
        if (!m->writable && !add_table(t, m->start, m->end))
            return false;
        if (m->writable && !add_written_tables(t, m))
            return false;
    }
    return true;
}

static bool add_roots(struct taking *t)
{
    const struct leakroots *roots = t->source->roots;

    for (uint32_t i = 0; i < roots->count; i++) {
        const struct leakroot *root = &roots->rows[i];
        uint64_t end =
            root->size > UINT64_MAX - root->start ? UINT64_MAX : root->start + root->size;

        if (root->size && !ranges_add(&t->roots, root->start, end))
            return false;
    }
    return true;
}

/* Where blocks are; the address behind a block's end, and tags, may matter as well. */
static bool add_blocks(struct taking *t)
{
    const struct leaklive *live = t->source->live;

    for (uint32_t i = 0; i < live->slot_count; i++)
        if (!ranges_add(&t->addresses, live->slots[i].start, live->slots[i].end + 8))
            return false;
    return true;
}

static int plan(struct taking *t, struct error *e)
{
    if (!add_tables(t) || !add_roots(t) || !add_blocks(t))
        return error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
    ranges_merge(&t->tables, 0);
    ranges_merge(&t->roots, 0);
    ranges_merge(&t->addresses, SMALL_GAP);
    t->limit = availmem_bytes();
    t->scratch = leaklive_largest_slot(t->source->live);
    return 0;
}

/* ------------------------------------------------------------------- pages -- */

/* Add those of [start, end) that lie in the piece at `base`. */
static void pages_add(struct pages *p, uint64_t base, uint64_t start, uint64_t end)
{
    uint64_t first, last;

    if (end <= base || start >= base + PIECE_BYTES || start >= end)
        return;
    first = start > base ? (start - base) >> KEPTWORDS_PAGE_BITS : 0;
    last = end < base + PIECE_BYTES ? (end - 1 - base) >> KEPTWORDS_PAGE_BITS : KEPTWORDS_PAGES - 1;
    for (uint64_t i = first; i <= last; i++)
        p->bits[i / 64] |= UINT64_C(1) << i % 64;
}

static bool pages_have(const struct pages *p, uint32_t page)
{
    return p->bits[page / 64] >> page % 64 & 1;
}

/* Pages that are there. */
static void add_present(const struct task *k, struct pages *p, uint64_t base)
{
    const struct heapcopy *look = k->taking->source->look;

    for (uint32_t i = k->extent; i < look->extent_count; i++) {
        const struct heap_extent *x = &look->extents[i];

        if (x->address >= base + PIECE_BYTES)
            return;
        pages_add(p, base, x->address, x->address + x->size);
    }
}

/* Pages that roots and blocks lie in. */
static void add_wanted(const struct task *k, struct pages *p, uint64_t base,
                       const struct leaklive_slot *slot, uint64_t reach)
{
    const struct taking *t = k->taking;
    const struct leaklive *live = t->source->live;

    for (uint32_t i = ranges_behind(&t->roots, base);
         i < t->roots.count && t->roots.rows[i].start < base + PIECE_BYTES; i++)
        pages_add(p, base, t->roots.rows[i].start, t->roots.rows[i].end);
    pages_add(p, base, base, reach);
    for (uint32_t i = 0; slot && i < slot->count; i++) {
        const struct livetable_entry *row = &live->rows[slot->first + i];
        uint64_t start = row->address_birth >> 16;

        pages_add(p, base, start, start + leaklive_size(live, row));
    }
}

/* ----------------------------------------------------------------- reading -- */

/* Runs of pages from `page` on, as pieces to read. */
static unsigned long list_runs(const struct pages *p, uint64_t base, uint32_t page,
                               struct iovec *runs, size_t *size)
{
    unsigned long count = 0;

    *size = 0;
    for (; page < KEPTWORDS_PAGES; page++) {
        uint64_t address = base + ((uint64_t)page << KEPTWORDS_PAGE_BITS);

        if (!pages_have(p, page))
            continue;
        if (count && (uintptr_t)runs[count - 1].iov_base + runs[count - 1].iov_len == address)
            runs[count - 1].iov_len += PAGE_BYTES;
        else
            runs[count++] = (struct iovec){(void *)(uintptr_t)address, PAGE_BYTES};
        *size += PAGE_BYTES;
    }
    return count;
}

/* The page that is number `rank` of those from `page` on. */
static uint32_t pages_rank(const struct pages *p, uint32_t page, uint64_t rank)
{
    for (; page < KEPTWORDS_PAGES; page++)
        if (pages_have(p, page) && rank-- == 0)
            break;
    return page;
}

static int failed(struct task *k)
{
    if (errno == ESRCH || errno == 0)
        return error_set(&k->error, ERROR_INPUT, "process %d has ended", (int)k->memory.pid);
    return error_set(&k->error, ERROR_SYSTEM, "cannot read the memory of process %d",
                     (int)k->memory.pid);
}

/* Read the pages into the buffer, one behind the other; those that cannot be are taken out. */
static int read_pages(struct task *k, struct pages *p, uint64_t base)
{
    struct iovec runs[KEPTWORDS_PAGES];
    uint32_t page = 0;
    uint8_t *to = k->buffer;
    size_t size;

    for (;;) {
        unsigned long count = list_runs(p, base, page, runs, &size);
        ssize_t got;

        if (!count)
            return 0;
        errno = 0;
        got = heldmemory_read(&k->memory, runs, count, to, size);
        if (got == 0 || (got < 0 && errno != EFAULT && errno != ENOMEM))
            return failed(k);
        got = got < 0 ? 0 : got;
        to += (uint64_t)got & ~PAGE_MASK;
        k->bytes += (uint64_t)got & ~PAGE_MASK;
        page = pages_rank(p, page, (uint64_t)got / PAGE_BYTES);
        if (page == KEPTWORDS_PAGES)
            return 0;
        if ((uint64_t)got >= PAGE_BYTES)
            continue; /* not all of it was asked for in one call, or the next page says why */
        p->bits[page / 64] &= ~(UINT64_C(1) << page % 64);
        k->unreadable_bytes += PAGE_BYTES;
        page++;
    }
}

/* ----------------------------------------------------------------- keeping -- */

static void mark(uint64_t *marked, uint64_t word)
{
    marked[word / 64] |= UINT64_C(1) << word % 64;
}

/*
 * What the exceptions for pointers to +8 and +24 look at (leakgraph-scan.c), where it may make
 * them true: what is not kept is 0 to them.
 */
static void mark_block(struct task *k, const uint64_t *words, uint64_t *marked, uint64_t word,
                       uint64_t size)
{
    if (size > 8 && words[word] && words[word] <= size - 8 && (size - 8) % words[word] == 0)
        mark(marked, word);
    if (size < 25)
        return;
    if (word + 1 == KEPTWORDS_PAGE_WORDS) {
        mark(marked, word);
        k->straddles = true;
    } else if (size == 25 || words[word + 1] == size - 25) {
        mark(marked, word);
        mark(marked, word + 1);
    }
}

/* The blocks that begin in a page, from row *next on. */
static void mark_blocks(struct task *k, const struct leaklive_slot *slot, uint32_t *next,
                        uint64_t start, const uint64_t *words, uint64_t *marked)
{
    const struct leaklive *live = k->taking->source->live;

    if (k->straddles)
        mark(marked, 0);
    k->straddles = false;
    for (; slot && *next < slot->count; ++*next) {
        const struct livetable_entry *row = &live->rows[slot->first + *next];
        uint64_t address = row->address_birth >> 16;

        if (address >= start + PAGE_BYTES)
            return;
        if (address >= start && address % 8 == 0)
            mark_block(k, words, marked, (address - start) / 8, leaklive_size(live, row));
    }
}

static void keep_pages(struct task *k, const struct pages *p, uint64_t base,
                       const struct leaklive_slot *slot)
{
    const struct taking *t = k->taking;
    const struct keptwords_filter filter = {t->addresses.rows, t->addresses.count,
                                            t->source->high_tags};
    const uint64_t *words = (const uint64_t *)(const void *)k->buffer;
    uint32_t next = 0;

    for (uint32_t page = 0; page < KEPTWORDS_PAGES; page++) {
        uint64_t start = base + ((uint64_t)page << KEPTWORDS_PAGE_BITS);
        uint64_t marked[KEPTWORDS_GROUPS] = {0};

        if (!pages_have(p, page))
            continue;
        if (ranges_hold(&t->tables, start))
            memset(marked, 0xff, sizeof(marked));
        mark_blocks(k, slot, &next, start, words, marked);
        keptwords_add_page(k->part, &filter, page, words, marked);
        words += KEPTWORDS_PAGE_WORDS;
    }
}

static uint64_t part_bytes(const struct keptwords_part *p)
{
    return p->count * sizeof(*p->values) + p->group_count * sizeof(*p->groups);
}

/* Count what a part took beyond `before`. */
static bool is_too_much(const struct task *k, uint64_t before)
{
    uint64_t more = part_bytes(k->part) - before;

    /* relaxed: a sum, by which nothing else is seen */
    return atomic_fetch_add_explicit(&k->taking->taken, more, memory_order_relaxed) + more >
           k->taking->limit;
}

static int take_piece(struct task *k)
{
    struct leaklive *live = k->taking->source->live;
    uint32_t number = leaklive_slot_at(live, k->piece);
    bool there = number < live->slot_count && live->slots[number].number == k->piece;
    const struct leaklive_slot *slot = there ? &live->slots[number] : NULL;
    uint64_t base = k->piece << KEPTWORDS_PIECE_BITS, reach = 0, before = part_bytes(k->part);
    struct pages present = {{0}}, wanted = {{0}};
    bool any = false;

    if (there)
        leaklive_sort_slot(live, number, k->scratch);
    if (there)
        reach = slot->reach;
    else if (number > 0)
        reach = live->slots[number - 1].reach > live->slots[number - 1].end
                    ? live->slots[number - 1].reach
                    : live->slots[number - 1].end;
    add_present(k, &present, base);
    add_wanted(k, &wanted, base, slot, reach);
    for (size_t i = 0; i < sizeof(wanted.bits) / sizeof(wanted.bits[0]); i++) {
        wanted.bits[i] &= present.bits[i];
        any |= wanted.bits[i] != 0;
    }
    if (!any)
        return 0;
    if (read_pages(k, &wanted, base) != 0)
        return -1;
    if (!keptwords_begin_piece(k->part, k->piece))
        return error_set(&k->error, ERROR_MEMORY, "out of memory for a search for leaks");
    keep_pages(k, &wanted, base, slot);
    if (is_too_much(k, before))
        return error_set(&k->error, ERROR_MEMORY,
                         "the words of the program's memory that may refer to blocks take more "
                         "than the %llu MiB that are available",
                         (unsigned long long)(k->taking->limit >> 20));
    return 0;
}

/* ------------------------------------------------------------------- tasks -- */

/* To the next piece that has anything; false: there is none. */
static bool next_piece(struct task *k)
{
    const struct heapcopy *look = k->taking->source->look;

    while (k->extent < look->extent_count) {
        const struct heap_extent *x = &look->extents[k->extent];

        if (x->address + x->size > k->piece << KEPTWORDS_PIECE_BITS) {
            uint64_t first = x->address >> KEPTWORDS_PIECE_BITS;

            k->piece = first > k->piece ? first : k->piece;
            return k->piece < k->end;
        }
        k->extent++;
    }
    return false;
}

static void *work(void *argument)
{
    struct task *k = argument;
    int result = 0;

    k->buffer = malloc(PIECE_BYTES);
    k->scratch = malloc(((size_t)k->taking->scratch + 1) * sizeof(*k->scratch));
    heldmemory_init(&k->memory, k->taking->source->look->thread);
    if (!k->buffer || !k->scratch)
        result = error_set(&k->error, ERROR_MEMORY, "out of memory for a search for leaks");
    for (; result == 0 && next_piece(k); k->piece++)
        result = take_piece(k);
    heldmemory_release(&k->memory);
    free(k->buffer);
    free(k->scratch);
    return NULL;
}

/* Signals to this process are for its other threads. */
static bool start(pthread_t *thread, struct task *task)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(thread, NULL, work, task) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* The piece in which half of all bytes are; UINT64_MAX: too few for two threads. */
static uint64_t middle_piece(const struct heapcopy *look)
{
    uint64_t total = 0, sum = 0;

    for (uint32_t i = 0; i < look->extent_count; i++)
        total += look->extents[i].size;
    for (uint32_t i = 0; total >= WORTH_TWO && i < look->extent_count; i++) {
        const struct heap_extent *x = &look->extents[i];

        if (sum + x->size >= total / 2)
            return (x->address + (total / 2 - sum)) >> KEPTWORDS_PIECE_BITS;
        sum += x->size;
    }
    return UINT64_MAX;
}

static int run_tasks(struct keptwords *w, struct taking *t, struct error *e)
{
    uint64_t middle = middle_piece(t->source->look);
    struct task tasks[KEPTWORDS_PARTS] = {
        {.taking = t, .part = &w->parts[0], .end = middle},
        /* the last block of the first part may go on here */
        {.taking = t, .part = &w->parts[1], .piece = middle, .end = UINT64_MAX, .straddles = true}};
    bool apart = middle != UINT64_MAX;
    pthread_t thread;

    apart = apart && start(&thread, &tasks[1]);
    work(&tasks[0]);
    if (apart)
        pthread_join(thread, NULL);
    else if (middle != UINT64_MAX)
        work(&tasks[1]);
    for (unsigned i = 0; i < KEPTWORDS_PARTS; i++) {
        if (tasks[i].error.kind != ERROR_NONE) {
            if (e)
                *e = tasks[i].error;
            return -1;
        }
        w->bytes += tasks[i].bytes;
        w->unreadable_bytes += tasks[i].unreadable_bytes;
    }
    return 0;
}

/* Half of the room's memory for each part; bytes of it, which are no longer available. */
static uint64_t use_room(struct keptwords *w, struct copyroom *room)
{
    uint64_t each = room ? room->cleared / KEPTWORDS_PARTS : 0, used = 0;

    for (unsigned i = 0; i < KEPTWORDS_PARTS && each; i++) {
        uint64_t bytes = each & ~(uint64_t)(PAGES_HUGE - 1);
        void *values = copyroom_cut(room, &bytes);

        if (!values)
            continue;
        keptwords_give(&w->parts[i], values, bytes / sizeof(uint64_t));
        used += bytes;
    }
    return used;
}

int keptwords_take(struct keptwords *w, const struct keptwords_source *source, struct error *e)
{
    struct taking t = {.source = source};
    uint64_t ours;
    int result;

    keptwords_init(w);
    ours = use_room(w, source->room);
    result = plan(&t, e);
    t.limit = t.limit > UINT64_MAX - ours ? UINT64_MAX : t.limit + ours;
    if (result == 0)
        result = run_tasks(w, &t, e);
    if (result == 0 && !keptwords_seal(w))
        result = error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
    free(t.addresses.rows);
    free(t.roots.rows);
    free(t.tables.rows);
    if (result != 0)
        keptwords_release(w);
    return result;
}
