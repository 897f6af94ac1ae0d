/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/modules.h"

#include "preload/cficopy.h"
#include "preload/rules.h"
#include "preload/session.h"
#include "preload/walk.h"
#include "src/shared/clock.h"
#include "src/shared/rawcall.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/auxv.h>

/* Where a loaded module lies, as the loader tells it. */
struct location {
    uint64_t start, end, bias;
    const uint8_t *eh_frame_hdr;
    const char *name;
    const void *identity; /* the loader's own record of it */
};

/* What we remember of a module beside its module_record of the same index. */
struct known_module {
    const void *identity;
    const uint8_t *eh_frame_hdr;
    const uint8_t *build_id; /* where it lies in the module; NULL: it has none */
    _Atomic uint32_t loaded;
};

uint64_t loader_start, loader_bytes;
_Atomic uint32_t loader_events;

static struct known_module *known;
static _Atomic uintptr_t known_lock; /* 0, or whose it is */

/* ---------------------------------------------------- asking the loader -- */

#if defined(HAVE__DL_FIND_OBJECT)

static bool is_program(const struct location *l)
{
    return l->identity == _r_debug.r_map;
}

/*
 * A program whose segments leave gaps is indexed by one of them, which need not hold
 * the unwind information: take it from the first segment to the last.  Libraries
 * are mapped by the loader itself, gaps and all.
 */
static void program_widen(struct location *l)
{
    const ElfW(Phdr) *p = (const void *)(uintptr_t)getauxval(AT_PHDR);
    uint64_t start = l->start, end = l->end;
    bool same = false;

    for (uint64_t i = 0; p && i < getauxval(AT_PHNUM); i++) {
        uint64_t at = l->bias + p[i].p_vaddr;

        same |= p[i].p_type == PT_GNU_EH_FRAME && at == (uint64_t)(uintptr_t)l->eh_frame_hdr;
        if (p[i].p_type != PT_LOAD)
            continue;
        if ((at & ~UINT64_C(4095)) < start)
            start = at & ~UINT64_C(4095);
        if (at + p[i].p_memsz > end)
            end = at + p[i].p_memsz;
    }
    if (!same)
        return; /* they are the loader's, which was told to run the program */
    l->start = start;
    l->end = end;
}

static bool locate(uint64_t pc, struct location *l)
{
    struct dl_find_object o;

    if (_dl_find_object((void *)(uintptr_t)pc, &o) != 0)
        return false;
    l->start = (uint64_t)(uintptr_t)o.dlfo_map_start;
    l->end = (uint64_t)(uintptr_t)o.dlfo_map_end;
    l->eh_frame_hdr = o.dlfo_eh_frame;
    l->bias = o.dlfo_link_map->l_addr;
    l->name = o.dlfo_link_map->l_name;
    l->identity = o.dlfo_link_map;
    if (is_program(l))
        program_widen(l);
    return true;
}

#else

static bool is_program(const struct location *l)
{
    return l->name && l->name[0] == '\0';
}

/* glibc before 2.35: the loader's list, under its lock. */
struct search {
    uint64_t pc;
    struct location *found;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *s = data;
    struct location l = {.start = UINT64_MAX, .bias = info->dlpi_addr, .name = info->dlpi_name};

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uint64_t at = info->dlpi_addr + p->p_vaddr;

        if (p->p_type == PT_GNU_EH_FRAME)
            l.eh_frame_hdr = (const uint8_t *)(uintptr_t)at;
        if (p->p_type != PT_LOAD)
            continue;
        if ((at & ~UINT64_C(4095)) < l.start)
            l.start = at & ~UINT64_C(4095);
        if (at + p->p_memsz > l.end)
            l.end = at + p->p_memsz;
    }
    l.identity = info->dlpi_phdr;
    if (s->pc < l.start || s->pc >= l.end)
        return 0;
    *s->found = l;
    return 1;
}

static bool locate(uint64_t pc, struct location *l)
{
    struct search s = {.pc = pc, .found = l};

    return dl_iterate_phdr(visit, &s) == 1;
}

#endif

/* ------------------------------------------------------------ segments -- */

/* From the module's own headers, which lie at the start of its mapping. */
static uint64_t headers(const struct location *l, const ElfW(Phdr) * *found)
{
    const ElfW(Ehdr) *e = (const void *)(uintptr_t)l->start;

    if (l->end - l->start < 4096 || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
        e->e_phoff + (uint64_t)e->e_phnum * sizeof(**found) > 4096)
        return 0;
    *found = (const void *)(uintptr_t)(l->start + e->e_phoff);
    return e->e_phnum;
}

struct span {
    uint64_t start, end;
};

/*
 * The part of a module around `at` that can be read: between segments may be pages that
 * cannot, which the linker leaves when they are to lie far apart.  All of the module where
 * its headers do not tell.
 */
static struct span readable_around(const struct location *l, uint64_t at)
{
    struct span span = {l->start, l->start};
    const ElfW(Phdr) * p;
    uint64_t count = headers(l, &p);

    for (uint64_t i = 0; i < count; i++) {
        uint64_t start = (l->bias + p[i].p_vaddr) & ~UINT64_C(4095);
        uint64_t end = (l->bias + p[i].p_vaddr + p[i].p_memsz + 4095) & ~UINT64_C(4095);

        if (p[i].p_type != PT_LOAD || !(p[i].p_flags & PF_R))
            continue;
        if (start != span.end) {
            if (at >= span.start && at < span.end)
                return span;
            span.start = start;
        }
        span.end = end;
    }
    return count ? span : (struct span){l->start, l->end};
}

/* The size of .eh_frame_hdr if it lies in a segment that cannot be written, else 0. */
static uint64_t fixed_header_bytes(const struct location *l)
{
    uint64_t at = (uint64_t)(uintptr_t)l->eh_frame_hdr - l->bias, bytes = 0;
    const ElfW(Phdr) * p;
    uint64_t count = headers(l, &p);
    bool fixed = false;

    for (uint64_t i = 0; i < count; i++) {
        if (p[i].p_type == PT_GNU_EH_FRAME && p[i].p_vaddr == at)
            bytes = p[i].p_memsz;
        if (p[i].p_type == PT_LOAD && at >= p[i].p_vaddr && at - p[i].p_vaddr < p[i].p_filesz)
            fixed = !(p[i].p_flags & PF_W);
    }
    return fixed ? bytes : 0;
}

/* ------------------------------------------------------------ build ID -- */

/* A build ID where it lies. */
struct build_id {
    const uint8_t *at; /* NULL: there is none */
    uint32_t size;
};

static struct build_id note_build_id(const uint8_t *at, uint64_t size)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *n = (const void *)at;
        uint64_t name = (n->n_namesz + 3u) & ~UINT64_C(3);
        uint64_t whole = sizeof(*n) + name + ((n->n_descsz + 3u) & ~UINT64_C(3));

        if (whole > size)
            break;
        if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
            memcmp(at + sizeof(*n), "GNU", 4) == 0 && n->n_descsz <= MODULE_BUILD_ID_MAX)
            return (struct build_id){at + sizeof(*n) + name, n->n_descsz};
        at += whole;
        size -= whole;
    }
    return (struct build_id){0};
}

/* Of a module that cannot be unloaded meanwhile, since it is on the calling thread's stack. */
static struct build_id build_id_find(const struct location *l)
{
    const ElfW(Phdr) * p;
    uint64_t count = headers(l, &p);
    struct build_id id;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = l->bias + p[i].p_vaddr;
        struct span span;

        if (p[i].p_type != PT_NOTE)
            continue;
        span = readable_around(l, at);
        if (at < span.start || at >= span.end || p[i].p_memsz > span.end - at)
            continue;
        id = note_build_id((const void *)(uintptr_t)at, p[i].p_memsz);
        if (id.size)
            return id;
    }
    return (struct build_id){0};
}

/*
 * Whether memory that another thread may be unmapping holds these bytes.  The kernel looks, in a
 * system call that wakes nobody and moves nobody to wait elsewhere, and of all calls is the one
 * that filters of system calls have to allow anyway.
 */
static bool memory_holds(const uint8_t *at, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word;
        long result;

        memcpy(&word, bytes + i, 4);
        result = rawcall6(SYS_futex, (long)(at + i), FUTEX_CMP_REQUEUE_PRIVATE, 0, 0,
                          (long)(at + i), (long)word);
        if (result == -EAGAIN || result == -EFAULT)
            return false;
    }
    return true;
}

/* ----------------------------------------------------------- the table -- */

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* What tells threads apart without a system call. */
static uintptr_t myself(void)
{
    return (uintptr_t)__builtin_thread_pointer();
}

static bool lock_known(void)
{
    /* bounded: a thread that was ended inside the lock must not hang the others */
    for (unsigned spins = 0; spins < 100000; spins++) {
        uintptr_t idle = 0;

        /* acquire: pairs with unlock; the table is whole */
        if (atomic_compare_exchange_weak_explicit(&known_lock, &idle, myself(),
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
        spin_pause();
    }
    return false;
}

static void unlock_known(void)
{
    atomic_store_explicit(&known_lock, 0, memory_order_release);
}

void modules_abandon(void)
{
    /* relaxed: only the thread itself puts its own mark there */
    if (atomic_load_explicit(&known_lock, memory_order_relaxed) == myself())
        unlock_known();
}

static uint32_t names_add(const char *name)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t used = atomic_load_explicit(&h->names_used, memory_order_relaxed);
    size_t length = strlen(name) + 1;

    if (length == 1 || length > session.segment.layout.names_bytes - used)
        return 0;
    memcpy(segment_names(&session.segment) + used, name, length);
    /* relaxed: published by modules_used */
    atomic_store_explicit(&h->names_used, used + (uint32_t)length, memory_order_relaxed);
    return used;
}

static bool same_place(const struct module_record *r, const struct location *l)
{
    return r->start == l->start && r->end == l->end && r->bias == l->bias;
}

static bool same_name(const struct module_record *r, const struct location *l)
{
    return strcmp(segment_names(&session.segment) + r->name, l->name) == 0;
}

/* The generation for a module at these addresses: one more than the last that was there. */
static uint32_t next_generation(const struct location *l, uint32_t used)
{
    uint32_t generation = 0;

    for (uint32_t i = 0; i < used; i++) {
        const struct module_record *r = segment_module(&session.segment, i);

        if (r->start < l->end && l->start < r->end && r->generation >= generation)
            generation = r->generation + 1;
    }
    return generation < FRAME_GENERATION_MASK ? generation : (uint32_t)FRAME_GENERATION_MASK;
}

/* Under the lock: the index of this module, added if it is new, UINT32_MAX if the table is full. */
static uint32_t known_add(const struct location *l)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t used = atomic_load_explicit(&h->modules_used, memory_order_relaxed);
    struct build_id id = build_id_find(l);
    struct module_record *r;

    for (uint32_t i = 0; i < used; i++) {
        r = segment_module(&session.segment, i);
        if (!same_place(r, l) || r->build_id_size != id.size ||
            (id.at && memcmp(r->build_id, id.at, id.size) != 0) || !same_name(r, l))
            continue;
        /* the same file came back to the same place: its frames mean the same */
        known[i].identity = l->identity;
        known[i].eh_frame_hdr = l->eh_frame_hdr;
        known[i].build_id = id.at;
        atomic_store_explicit(&r->gone_seen, 0, memory_order_relaxed);
        atomic_store_explicit(&known[i].loaded, 1, memory_order_release);
        return i;
    }
    if (used == session.segment.layout.modules_max) {
        atomic_fetch_add_explicit(&h->modules_lost, 1, memory_order_relaxed);
        return UINT32_MAX;
    }
    r = segment_module(&session.segment, used);
    r->start = l->start;
    r->end = l->end;
    r->bias = l->bias;
    r->generation = next_generation(l, used);
    r->name = names_add(l->name);
    r->build_id_size = id.size;
    memset(r->build_id, 0, sizeof(r->build_id));
    if (id.at)
        memcpy(r->build_id, id.at, id.size);
    r->first_seen = clock_ticks(h->settings.clock);
    known[used].identity = l->identity;
    known[used].eh_frame_hdr = l->eh_frame_hdr;
    known[used].build_id = id.at;
    atomic_store_explicit(&known[used].loaded, 1, memory_order_relaxed);
    /* release: record, name and known_module are complete below the count */
    atomic_store_explicit(&h->modules_used, used + 1, memory_order_release);
    return used;
}

/* The index of a loaded module that was seen before, UINT32_MAX otherwise. */
static uint32_t known_find(const struct location *l)
{
    /* acquire: pairs with known_add */
    uint32_t used =
        atomic_load_explicit(&segment_header(&session.segment)->modules_used, memory_order_acquire);

    for (uint32_t i = 0; i < used; i++)
        if (known[i].identity == l->identity &&
            segment_module(&session.segment, i)->start == l->start &&
            atomic_load_explicit(&known[i].loaded, memory_order_acquire))
            return i;
    return UINT32_MAX;
}

enum module_result module_find(uint64_t pc, struct cfi_module *module, uint32_t *generation)
{
    struct location l = {0};
    struct span span;
    uint32_t i;

    if (!locate(pc, &l))
        return MODULE_NONE;
    i = known_find(&l);
    if (i == UINT32_MAX) {
        if (!lock_known())
            return MODULE_BUSY;
        i = known_add(&l);
        unlock_known();
    }
    span = readable_around(&l, (uint64_t)(uintptr_t)l.eh_frame_hdr);
    *module = (struct cfi_module){.start = span.start,
                                  .end = span.end,
                                  .eh_frame_hdr = l.eh_frame_hdr,
                                  .header_bytes = fixed_header_bytes(&l)};
    *generation = i == UINT32_MAX ? 0 : segment_module(&session.segment, i)->generation;
    return MODULE_FOUND;
}

/* Another thread may be unloading it: nothing of the module's own memory is read here. */
static bool still_loaded(uint32_t i)
{
    const struct module_record *r = segment_module(&session.segment, i);
    struct location l = {.identity = known[i].identity,
                         .name = segment_names(&session.segment) + r->name};

    /* it stays, and it may have a gap where it starts */
    if (is_program(&l))
        return true;
    if (!locate(r->start, &l) || l.identity != known[i].identity ||
        l.eh_frame_hdr != known[i].eh_frame_hdr || !same_place(r, &l))
        return false;
    return r->build_id_size ? memory_holds(known[i].build_id, r->build_id, r->build_id_size)
                            : same_name(r, &l);
}

bool modules_revalidate(void)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t used;

    if (!lock_known())
        return false;
    used = atomic_load_explicit(&h->modules_used, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++) {
        struct module_record *r = segment_module(&session.segment, i);

        if (!atomic_load_explicit(&known[i].loaded, memory_order_relaxed) || still_loaded(i))
            continue;
        atomic_store_explicit(&known[i].loaded, 0, memory_order_relaxed);
        rules_forget(r->start, r->end);
        cficopy_forget(r->start, r->end);
        libunwind_forget();
        /* relaxed: a time for the report, nothing depends on its order */
        atomic_store_explicit(&r->gone_seen, clock_ticks(h->settings.clock), memory_order_relaxed);
    }
    unlock_known();
    return true;
}

void module_name(uint64_t pc, char *name, size_t room)
{
    struct location l = {0};
    const char *path = locate(pc, &l) && l.name ? l.name : "", *base = path;
    size_t length;

    for (const char *c = path; *c; c++)
        if (*c == '/')
            base = c + 1;
    length = strlen(base);
    if (length >= room)
        length = room - 1;
    memcpy(name, base, length);
    name[length] = '\0';
}

const void *module_dynamic(uint64_t pc)
{
#if defined(HAVE__DL_FIND_OBJECT)
    struct location l;

    return locate(pc, &l) ? ((const struct link_map *)l.identity)->l_ld : NULL;
#else
    (void)pc;
    return NULL; /* dl_iterate_phdr could tell, at the price of its lock */
#endif
}

bool modules_init(void)
{
    struct location l;

    known = bump_alloc(&session.tables, (size_t)session.segment.layout.modules_max * sizeof(*known),
                       TABLE_ALIGNMENT);
    if (!known)
        return false;
    /* _r_debug lies in the loader */
    if (locate((uint64_t)(uintptr_t)&_r_debug, &l)) {
        loader_start = l.start;
        loader_bytes = l.end - l.start;
    }
    return true;
}
