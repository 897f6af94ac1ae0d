/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/cficopy.h"

#include "preload/confinement.h"
#include "preload/filecopy.h"
#include "preload/modules.h"
#include "preload/session.h"
#include "src/shared/ownrange.h"
#include "src/shared/sysmem.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#if defined(HAVE_SYS_SINGLE_THREADED_H)
#include <sys/single_threaded.h>
#endif

#define COPIES 16u
#define PAGE UINT64_C(4096)

struct copy {
    _Atomic uint64_t of;   /* the module's .eh_frame_hdr; 0: this place is free */
    _Atomic bool gone;     /* the module is; whoever has the copies next unmaps it */
    const uint8_t *memory; /* NULL: none is to be had */
    size_t bytes;
    struct cfi_module read; /* the module as it is read there */
    struct cfi_table table;
};

/* A part of a copy that may be resident. */
struct part {
    const struct copy *copy;
    uint64_t start;
    uint64_t used; /* when it was last, by `uses` */
};

/* All but `of` and `gone` belongs to the thread that has the copies. */
static _Atomic uintptr_t reader; /* 0, or whose they are */
static struct copy copies[COPIES];
static struct part parts[CFICOPY_PARTS];
static uint64_t uses;
static const struct copy *reading;

/* ------------------------------------------------------- who has them -- */

/* What tells threads apart without a system call. */
static uintptr_t myself(void)
{
    return (uintptr_t)__builtin_thread_pointer();
}

static bool begin(void)
{
    uintptr_t nobody = 0;

    /* acquire: pairs with end; what the one before left is whole */
    return atomic_compare_exchange_strong_explicit(&reader, &nobody, myself(), memory_order_acquire,
                                                   memory_order_relaxed);
}

static void end(void)
{
    atomic_store_explicit(&reader, 0, memory_order_release);
}

void cficopy_abandon(void)
{
    /* relaxed: only the thread itself puts its own mark there */
    if (atomic_load_explicit(&reader, memory_order_relaxed) == myself())
        end();
}

/* --------------------------------------------------------------- parts -- */

/*
 * Also what lies around it up to other parts that are kept: at the beginning of a mapping, and of
 * folios that are larger (since Linux 6.18), the kernel maps more than the part at a fault.
 */
static void part_drop(const struct part *p)
{
    uint64_t low = (uint64_t)(uintptr_t)p->copy->memory, high = low + p->copy->bytes;

    for (unsigned i = 0; i < CFICOPY_PARTS; i++) {
        const struct part *other = &parts[i];
        uint64_t behind = other->start + CFICOPY_PART_BYTES;

        if (other->copy != p->copy || other->start == p->start)
            continue;
        if (other->start < p->start && behind > low)
            low = behind;
        if (other->start > p->start && other->start < high)
            high = other->start;
    }
    sysmem_drop((void *)(uintptr_t)low, high - low);
}

/* The kernel maps what lies around a fault up to such multiples, hence these parts. */
static void part_use(uint64_t at)
{
    uint64_t start = at & -CFICOPY_PART_BYTES;
    struct part *oldest = &parts[0];

    uses++;
    for (unsigned i = 0; i < CFICOPY_PARTS; i++) {
        if (parts[i].copy == reading && parts[i].start == start) {
            parts[i].used = uses;
            return;
        }
        if (parts[i].used < oldest->used)
            oldest = &parts[i];
    }
    if (confined())
        return;
    if (oldest->copy)
        part_drop(oldest);
    *oldest = (struct part){reading, start, uses};
}

/* -------------------------------------------------------------- copies -- */

static void copy_unmap(struct copy *c)
{
    for (unsigned i = 0; i < CFICOPY_PARTS; i++)
        if (parts[i].copy == c)
            parts[i] = (struct part){0};
    if (c->memory) {
        own_range_remove(&session.segment, c->memory);
        sysmem_unmap_shared((void *)(uintptr_t)c->memory, c->bytes);
    }
    c->memory = NULL;
    /* relaxed, as all of `of` and `gone`: cficopy_forget acts on the one only by setting the other,
     * and to have set it for a module that has just come costs that one its copy */
    atomic_store_explicit(&c->gone, false, memory_order_relaxed);
    atomic_store_explicit(&c->of, 0, memory_order_relaxed);
}

static void copies_sweep(void)
{
    for (unsigned i = 0; i < COPIES; i++)
        if (atomic_load_explicit(&copies[i].gone, memory_order_relaxed))
            copy_unmap(&copies[i]);
}

void cficopy_forget(uint64_t start, uint64_t stop)
{
    bool any = false;

    for (unsigned i = 0; i < COPIES; i++) {
        uint64_t of = atomic_load_explicit(&copies[i].of, memory_order_relaxed);

        if (of == 0 || of < start || of >= stop)
            continue;
        atomic_store_explicit(&copies[i].gone, true, memory_order_relaxed);
        any = true;
    }
    if (!any || !begin())
        return;
    copies_sweep();
    end();
}

void cficopy_release(void)
{
    for (unsigned i = 0; i < COPIES; i++)
        if (atomic_load_explicit(&copies[i].of, memory_order_relaxed))
            copy_unmap(&copies[i]);
    end();
}

/* ------------------------------------------------------------ making one -- */

/* Text relocations may have changed what the file has. */
static bool relocated(uint64_t pc)
{
    const ElfW(Dyn) *entry = module_dynamic(pc);

    if (!entry)
        return true; /* for all we know */
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_TEXTREL ||
            (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
            return true;
    return false;
}

/* Where the tables begin and end, as far as the mapping goes; for the usual encodings only. */
static bool tables_find(const struct filecopy *f, const struct cfi_module *m, uint64_t *low,
                        uint64_t *high)
{
    uint64_t header = (uint64_t)(uintptr_t)m->eh_frame_hdr, eh_frame;
    /* version 1; pcrel | sdata4, udata4, datarel | sdata4 */
    static const uint8_t usual[4] = {1, 0x1b, 0x03, 0x3b};
    uint8_t first[8];
    int32_t offset;

    if (!filecopy_read(f, header, first, sizeof(first)) || memcmp(first, usual, sizeof(usual)) != 0)
        return false;
    memcpy(&offset, first + 4, sizeof(offset));
    eh_frame = header + 4 + (uint64_t)(int64_t)offset;
    *low = eh_frame < header ? eh_frame : header;
    *high = eh_frame < header ? header + m->header_bytes : f->end;
    if (*high - f->start + f->offset > f->file_bytes)
        *high = f->file_bytes - f->offset + f->start;
    return *low >= m->start && *low >= f->start && *high <= m->end && *low < *high;
}

static const uint8_t *tables_map(const struct cfi_module *m, uint64_t *low, uint64_t *high)
{
    const uint8_t *memory = NULL;
    struct filecopy f;

    if (!filecopy_open(&f, (uint64_t)(uintptr_t)m->eh_frame_hdr))
        return NULL;
    if (tables_find(&f, m, low, high))
        memory = filecopy_map(&f, *low & -PAGE, *high);
    filecopy_close(&f);
    return memory;
}

/* Pages that stay, as those of a program that locks all its memory do, were copied for nothing. */
static bool copy_keep(struct copy *c)
{
    return sysmem_drop((void *)(uintptr_t)c->memory, c->bytes) &&
           own_range_add(&session.segment, c->memory, c->bytes);
}

static void copy_read_as(struct copy *c, const struct cfi_module *m, uint64_t low)
{
    uint64_t at = (uint64_t)(uintptr_t)c->memory, moved = (low & -PAGE) - at;

    c->read = (struct cfi_module){
        .start = at + low % PAGE,
        .end = at + c->bytes,
        .eh_frame_hdr = (const uint8_t *)(uintptr_t)((uint64_t)(uintptr_t)m->eh_frame_hdr - moved),
        .moved = moved,
        .visit = part_use,
    };
    reading = c;
    if (cfi_table_find(&c->read, &c->table))
        c->read.table = &c->table;
}

static void copy_make(struct copy *c, const struct cfi_module *m, uint64_t pc)
{
    uint64_t low, high;

    c->memory = relocated(pc) ? NULL : tables_map(m, &low, &high);
    if (!c->memory)
        return;
    c->bytes = high - (low & -PAGE);
    if (copy_keep(c)) {
        copy_read_as(c, m, low);
        return;
    }
    sysmem_unmap_shared((void *)(uintptr_t)c->memory, c->bytes);
    c->memory = NULL;
}

/* A descriptor of ours may be seen, closed or inherited by other threads. */
static bool may_open(void)
{
#if defined(HAVE_SYS_SINGLE_THREADED_H)
    return __libc_single_threaded && !session.early && !session.stamped && !confined();
#else
    return false;
#endif
}

/* The module's copy; NULL: it has none. */
static struct copy *copy_of(const struct cfi_module *m, uint64_t pc)
{
    uint64_t of = (uint64_t)(uintptr_t)m->eh_frame_hdr;
    struct copy *place = NULL;

    copies_sweep();
    for (unsigned i = 0; i < COPIES; i++) {
        uint64_t its = atomic_load_explicit(&copies[i].of, memory_order_relaxed);

        if (its == of)
            return copies[i].memory ? &copies[i] : NULL;
        if (its == 0 && !place)
            place = &copies[i];
    }
    if (!place || !may_open())
        return NULL;
    copy_make(place, m, pc);
    atomic_store_explicit(&place->of, of, memory_order_relaxed);
    return place->memory ? place : NULL;
}

enum cfi_result cficopy_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row)
{
    enum cfi_result result = CFI_UNREADABLE;

    if (m->header_bytes >= CFICOPY_LARGE && begin()) {
        reading = copy_of(m, pc);
        if (reading)
            result = cfi_find_row(&reading->read, pc, row);
        end();
    }
    /* what is not found is for the tables themselves to say */
    return result == CFI_FOUND ? result : cfi_find_row(m, pc, row);
}
