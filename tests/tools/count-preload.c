// SPDX-License-Identifier: Apache-2.0
/*
 * An independent referee for memprof's numbers: counts what a program asks of
 * its allocator and shares no code with the product.
 *
 *   COUNT_TO=/tmp/x LD_PRELOAD=…/count-preload.so PROGRAM
 *
 * writes one line of text to /tmp/x.PID for each process image that the
 * program and its children run:
 *
 *   total_blocks=N total_bytes=N freed_blocks=N freed_bytes=N live_blocks=N
 *   live_bytes=N peak_bytes=N failed=N lost=N
 *
 * The line is a shared mapping of the file with fixed-width numbers that are
 * brought up to date at every event, so that it is right however the process
 * ends, SIGKILL and _exit included.  A forked child that does not exec is not
 * counted (the page that says "count" is wiped in it).  A second image of the
 * same process, after exec, is added as a further line.
 *
 * Rules: realloc is one allocation of the new size and one free of the old
 * block; realloc(p, 0) that returns NULL is a free; realloc(NULL, n) is an
 * allocation; a call that fails counts in `failed` only; an entry point that
 * the allocator reaches through another one counts once; sizes are those that
 * were asked for.  A block that was never seen allocated is not counted when
 * it is freed.  `lost` is nonzero when the table of live blocks was full: the
 * line is then worthless.
 *
 * Everything is under one spin lock.  That is slow and simple, which is what a
 * referee should be.  A signal handler that allocates while its own thread is
 * in here is served and not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LIVE_SLOTS (UINT64_C(1) << 26) /* sparse; 16 bytes each */

enum count {
    TOTAL_BLOCKS,
    TOTAL_BYTES,
    FREED_BLOCKS,
    FREED_BYTES,
    LIVE_BLOCKS,
    LIVE_BYTES,
    PEAK_BYTES,
    FAILED,
    LOST,
    COUNTS
};

static const char *const count_names[COUNTS] = {
    "total_blocks", "total_bytes", "freed_blocks", "freed_bytes", "live_blocks",
    "live_bytes",   "peak_bytes",  "failed",       "lost",
};

#define DIGITS 20

struct live {
    uintptr_t address; /* 0 never used, 1 removed */
    size_t size;
};

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*reallocarray)(void *, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    size_t (*usable_size)(void *);
} next;

static uint64_t counts[COUNTS];
static char *line;           /* the shared mapping, NULL when nothing is to be written */
static char *digits[COUNTS]; /* where each number stands in it */
static struct live *table;
static uint64_t table_used;
static int *counting; /* a page of its own that the kernel wipes in a forked child */
static atomic_flag lock = ATOMIC_FLAG_INIT;
static _Atomic int ready; /* 0 no, 1 being set up, 2 yes */
static __thread int inside __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------ before the allocator is known -- */

static char early_heap[1 << 20] __attribute__((aligned(16)));
static _Atomic size_t early_used;

static int is_early(const void *p)
{
    return (const char *)p >= early_heap && (const char *)p < early_heap + sizeof early_heap;
}

static void *early_take(size_t size, size_t align)
{
    size_t need = size + align + sizeof(size_t) + 16;
    size_t at = atomic_fetch_add(&early_used, (need + 15) & ~(size_t)15);
    uintptr_t p;

    if (at + need > sizeof early_heap)
        return NULL;
    p = ((uintptr_t)early_heap + at + sizeof(size_t) + align - 1) & ~(uintptr_t)(align - 1);
    ((size_t *)p)[-1] = size;
    return (void *)p;
}

static size_t early_size(const void *p)
{
    return ((const size_t *)p)[-1];
}

/* ------------------------------------------------------------ the line -- */

static void show(enum count c)
{
    uint64_t v = counts[c];

    for (int i = DIGITS - 1; line && i >= 0; i--, v /= 10)
        digits[c][i] = (char)('0' + v % 10);
}

static void put_text(char *buffer, size_t *at, const char *text)
{
    size_t n = strlen(text);

    memcpy(buffer + *at, text, n);
    *at += n;
}

static void open_line(const char *prefix)
{
    char path[4096], number[24];
    char text[1024];
    size_t at = 0, n = 0, offsets[COUNTS];
    long pid = syscall(SYS_getpid);
    int fd;
    off_t start;

    if (strlen(prefix) > sizeof path - 32)
        return;
    put_text(path, &at, prefix);
    path[at++] = '.';
    do
        number[n++] = (char)('0' + pid % 10);
    while (pid /= 10);
    while (n)
        path[at++] = number[--n];
    path[at] = 0;

    at = 0;
    for (int c = 0; c < COUNTS; c++) {
        put_text(text, &at, count_names[c]);
        text[at++] = '=';
        offsets[c] = at;
        memset(text + at, '0', DIGITS);
        at += DIGITS;
        text[at++] = c == COUNTS - 1 ? '\n' : ' ';
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    start = lseek(fd, 0, SEEK_END);
    /* Appending at an odd offset is fine: the mapping starts at the page below. */
    if (start >= 0 && write(fd, text, at) == (ssize_t)at) {
        size_t slack = (size_t)start & 4095;
        char *map =
            mmap(NULL, slack + at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start - (off_t)slack);

        if (map != MAP_FAILED) {
            line = map + slack;
            for (int c = 0; c < COUNTS; c++)
                digits[c] = line + offsets[c];
        }
    }
    close(fd);
}

/* ------------------------------------------------------------ set-up -- */

static void *named(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void find_next(void)
{
    *(void **)&next.malloc = named("malloc");
    *(void **)&next.calloc = named("calloc");
    *(void **)&next.realloc = named("realloc");
    *(void **)&next.free = named("free");
    *(void **)&next.reallocarray = named("reallocarray");
    *(void **)&next.memalign = named("memalign");
    *(void **)&next.aligned_alloc = named("aligned_alloc");
    *(void **)&next.posix_memalign = named("posix_memalign");
    *(void **)&next.valloc = named("valloc");
    *(void **)&next.pvalloc = named("pvalloc");
    *(void **)&next.usable_size = named("malloc_usable_size");
}

/* From the kernel: `environ` is not set yet when the first call comes from an IFUNC resolver. */
static const char *environment(const char *name)
{
    static char text[1 << 18];
    size_t n = strlen(name), used = 0;
    ssize_t got;
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    while ((got = read(fd, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)got;
    close(fd);
    for (size_t at = 0; at < used; at += strlen(text + at) + 1)
        if (!strncmp(text + at, name, n) && text[at + n] == '=')
            return text + at + n + 1;
    return NULL;
}

static void set_up(void)
{
    const char *prefix = environment("COUNT_TO");
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    table = mmap(NULL, LIVE_SLOTS * sizeof *table, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page != MAP_FAILED && table != MAP_FAILED && !madvise(page, 4096, MADV_WIPEONFORK)) {
        counting = page;
        *counting = 1;
        if (prefix)
            open_line(prefix);
    }
    find_next();
}

/* Whether the next allocator can be called; false only during our own dlsym. */
static int be_ready(void)
{
    int idle = 0, saved = errno;

    if (atomic_load_explicit(&ready, memory_order_acquire) == 2)
        return 1;
    if (inside)
        return 0;
    if (!atomic_compare_exchange_strong(&ready, &idle, 1)) {
        while (atomic_load(&ready) != 2)
            sched_yield();
        return 1;
    }
    inside++;
    set_up();
    inside--;
    atomic_store_explicit(&ready, 2, memory_order_release);
    errno = saved;
    return 1;
}

/* So that a program that never allocates has its line, all zeros, too. */
__attribute__((constructor)) static void set_up_at_last(void)
{
    be_ready();
}

/* ------------------------------------------------------------ counting -- */

/* Neighbours stay neighbours: few pages of the sparse table are touched. */
static uint64_t place(uintptr_t address)
{
    return ((address >> 4) + (address >> 32) * 40503) & (LIVE_SLOTS - 1);
}

static void enter(void)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
        sched_yield();
}

static void leave(void)
{
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

static void add(enum count c, uint64_t n)
{
    counts[c] += n;
    show(c);
}

static void insert(uintptr_t address, size_t size)
{
    uint64_t i = place(address);

    if (table_used > LIVE_SLOTS / 4 * 3) {
        add(LOST, 1);
        return;
    }
    while (table[i].address > 1 && table[i].address != address)
        i = (i + 1) & (LIVE_SLOTS - 1);
    table_used += !table[i].address;
    table[i] = (struct live){address, size};
    add(LIVE_BLOCKS, 1);
    add(LIVE_BYTES, size);
    if (counts[LIVE_BYTES] > counts[PEAK_BYTES])
        add(PEAK_BYTES, counts[LIVE_BYTES] - counts[PEAK_BYTES]);
}

/* 1 and the size if the block was known. */
static int removed(uintptr_t address, size_t *size)
{
    uint64_t i = place(address);

    while (table[i].address && table[i].address != address)
        i = (i + 1) & (LIVE_SLOTS - 1);
    if (!table[i].address)
        return 0;
    *size = table[i].size;
    /* A cluster's last slot becomes empty again, so that the table does not fill with graves. */
    table[i].address = table[(i + 1) & (LIVE_SLOTS - 1)].address ? 1 : 0;
    table_used -= !table[i].address;
    add(LIVE_BLOCKS, (uint64_t)-1);
    add(LIVE_BYTES, -(uint64_t)*size);
    return 1;
}

static void count_allocation(void *p, size_t size)
{
    if (!*counting)
        return;
    enter();
    if (p) {
        add(TOTAL_BLOCKS, 1);
        add(TOTAL_BYTES, size);
        insert((uintptr_t)p, size);
    } else {
        add(FAILED, 1);
    }
    leave();
}

static void count_free(void *p)
{
    size_t size;

    if (!p || !*counting)
        return;
    enter();
    if (removed((uintptr_t)p, &size)) {
        add(FREED_BLOCKS, 1);
        add(FREED_BYTES, size);
    }
    leave();
}

/* The outermost call of this thread counts; whatever it calls in turn does not. */
#define COUNTED (inside == 1)

static void *allocated(void *p, size_t size)
{
    int saved = errno;

    if (COUNTED && counting)
        count_allocation(p, size);
    inside--;
    errno = saved;
    return p;
}

/* ------------------------------------------------------------ entry points -- */

EXPORT void *malloc(size_t size)
{
    if (!be_ready())
        return early_take(size, 16);
    inside++;
    return allocated(next.malloc(size), size);
}

EXPORT void *calloc(size_t n, size_t each)
{
    size_t size;

    if (!be_ready())
        return __builtin_mul_overflow(n, each, &size) ? NULL : early_take(size, 16);
    inside++;
    return allocated(next.calloc(n, each), n * each);
}

EXPORT void free(void *p)
{
    int saved = errno;

    if (!p || is_early(p) || !be_ready())
        return;
    if (++inside == 1 && counting)
        count_free(p);
    errno = saved;
    next.free(p);
    inside--;
}

EXPORT void cfree(void *p);
EXPORT void cfree(void *p)
{
    free(p);
}

static void *early_resize(void *p, size_t size)
{
    void *q = malloc(size);

    if (q)
        memcpy(q, p, early_size(p) < size ? early_size(p) : size);
    return q;
}

/* What realloc(p, size) or reallocarray did: `q` is the result, `old` was taken off before. */
static void count_resized(void *p, size_t old, void *q, size_t size)
{
    enter();
    if (!q && size) {
        add(FAILED, 1);
        insert((uintptr_t)p, old);
    } else {
        add(FREED_BLOCKS, 1);
        add(FREED_BYTES, old);
        if (q) {
            add(TOTAL_BLOCKS, 1);
            add(TOTAL_BYTES, size);
            insert((uintptr_t)q, size);
        }
    }
    leave();
}

static void *resize(void *p, size_t size, int overflow, size_t n, size_t each)
{
    size_t old = 0;
    int known = 0, saved;
    void *q;

    inside++;
    if (COUNTED && counting && *counting && p) {
        enter();
        known = removed((uintptr_t)p, &old);
        leave();
    }
    q = each ? next.reallocarray(p, n, each) : next.realloc(p, size);
    saved = errno;
    if (known)
        count_resized(p, old, q, overflow ? SIZE_MAX : size);
    else if (COUNTED && counting && (q || !p))
        count_allocation(q, size);
    inside--;
    errno = saved;
    return q;
}

EXPORT void *realloc(void *p, size_t size)
{
    if (is_early(p))
        return early_resize(p, size);
    if (!be_ready())
        return early_take(size, 16);
    return resize(p, size, 0, 0, 0);
}

EXPORT void *reallocarray(void *p, size_t n, size_t each)
{
    size_t size;
    int overflow = __builtin_mul_overflow(n, each, &size);

    if (is_early(p) || !be_ready() || !next.reallocarray || !each) {
        if (overflow) {
            errno = ENOMEM;
            return NULL;
        }
        return realloc(p, size);
    }
    return resize(p, size, overflow, n, each);
}

EXPORT void *memalign(size_t align, size_t size)
{
    if (!be_ready())
        return early_take(size, align);
    inside++;
    return allocated(next.memalign(align, size), size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!be_ready())
        return early_take(size, align);
    inside++;
    return allocated(next.aligned_alloc(align, size), size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    int result;

    if (!be_ready()) {
        *out = early_take(size, align);
        return *out ? 0 : ENOMEM;
    }
    inside++;
    result = next.posix_memalign(out, align, size);
    allocated(result ? NULL : *out, size);
    return result;
}

EXPORT void *valloc(size_t size)
{
    if (!be_ready())
        return early_take(size, 4096);
    inside++;
    return allocated(next.valloc(size), size);
}

EXPORT void *pvalloc(size_t size)
{
    if (!be_ready())
        return early_take(size, 4096);
    inside++;
    return allocated(next.pvalloc(size), size);
}

EXPORT size_t malloc_usable_size(void *p)
{
    if (is_early(p))
        return early_size(p);
    return p && be_ready() ? next.usable_size(p) : 0;
}
