/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function of memprof.h, with what it must do under memprof and without.
 *
 *   api             run under memprof
 *   api bare        not: every call is refused and harmless
 *   api plugin SO   load SO as a plugin and let it report a block
 *   api paused      begin with recording stopped
 *   api storm       signal handlers talk to memprof while the program allocates
 *   api signals     raise SIGUSR2, also in a forked child
 *
 * It says `failed=0` and, on lines before, which expectation was not met.
 */
#include "memprof.h"

#include "tests/targets/tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/wait.h>

static int failed;
static char pool[4096]; /* what the program's own allocator hands out */

static void expect(const char *what, long long got, long long wanted)
{
    char line[200];

    if (got == wanted)
        return;
    failed++;
    put(line,
        (size_t)snprintf(line, sizeof line, "not met: %s: %lld, not %lld\n", what, got, wanted));
}

static size_t current(void)
{
    size_t now = 0;

    expect("get_traced_memory", memprof_get_traced_memory(&now, NULL), 0);
    return now;
}

static size_t peak(void)
{
    size_t most = 0;

    expect("get_traced_memory", memprof_get_traced_memory(NULL, &most), 0);
    return most;
}

NOINLINE static void *take(size_t size)
{
    void *block = malloc(size);

    KEEP(block);
    return block;
}

static void try_stopping(void)
{
    size_t before = current();
    char *known = take(1000), *unknown, *map;

    expect("recorded", (long long)(current() - before), 1000);
    expect("stop", memprof_stop(), 0);
    expect("stop again", memprof_stop(), 0);
    expect("is_tracing when stopped", memprof_is_tracing(), 0);
    unknown = take(5000);
    map = calloc(3, 50);
    KEEP(map);
    expect("not recorded", (long long)(current() - before), 1000);
    known = realloc(known, 3000);
    KEEP(known);
    unknown = realloc(unknown, 70000);
    KEEP(unknown);
    expect("stays recorded", (long long)(current() - before), 3000);
    free(map);
    expect("start", memprof_start(), 0);
    expect("is_tracing", memprof_is_tracing(), 1);
    free(unknown);
    expect("frees of what was not recorded", (long long)(current() - before), 3000);
    expect("stop", memprof_stop(), 0);
    free(known);
    expect("a free while stopped", (long long)(current() - before), 0);
    expect("start", memprof_start(), 0);
}

static void try_peak(void)
{
    size_t before = current();
    void *block = take(1 << 20);

    free(block);
    expect("peak", peak() >= before + (1 << 20), 1);
    expect("reset_peak", memprof_reset_peak(), 0);
    expect("peak after reset", (long long)peak(), (long long)before);
    block = take(333);
    free(block);
    expect("new peak", (long long)peak(), (long long)before + 333);
}

static void *ignored; /* stays */

static void try_ignoring(void)
{
    size_t before = current();

    ignored = take(700);
    expect("ignore", memprof_ignore(ignored), 0);
    expect("ignored", (long long)(current() - before), 0);
    ignored = realloc(ignored, 1400);
    KEEP(ignored);
    expect("stays ignored", (long long)(current() - before), 0);
    expect("ignore nothing", memprof_ignore(NULL), 0);
    expect("ignore what is no block", memprof_ignore(pool), 0);
    free(ignored);
    expect("freed", (long long)(current() - before), 0);
    ignored = take(700);
    expect("ignore", memprof_ignore(ignored), 0);
}

static void try_regions(void)
{
    expect("root_region", memprof_root_region(pool, 64), 0);
    expect("weak_region", memprof_weak_region(pool, 64), 0);
    expect("root_region of nothing", memprof_root_region(NULL, 64), 0);
    expect("weak_region of nothing", memprof_weak_region(pool, 0), 0);
    expect("root_region_remove", memprof_root_region_remove(pool), 0);
    expect("weak_region_remove", memprof_weak_region_remove(pool), 0);
    expect("weak_region_remove of none", memprof_weak_region_remove(pool), 0);
    expect("a size", memprof_root_region(pool, SIZE_MAX), -1);
}

/* Neither an address nor a size of more than 48 bits fits into a record. */
static void try_impossible_blocks(int domain)
{
    const void *high = (const void *)(uintptr_t)(UINT64_MAX - 4095);
    const void *above = (const void *)(uintptr_t)(UINT64_C(1) << 48);

    expect("a size", memprof_alloc(domain, pool + 8, SIZE_MAX), -1);
    expect("a size", memprof_realloc(domain, pool, pool + 8, SIZE_MAX / 2), -1);
    expect("an address", memprof_alloc(domain, high, 10), -1);
    expect("an address whose lower part is none", memprof_alloc(domain, above, 10), -1);
    expect("an old address", memprof_realloc(domain, high, pool + 8, 10), -1);
    expect("a new address", memprof_realloc(domain, pool, high, 10), -1);
    expect("an address", memprof_free(domain, high), -1);
    expect("no block is there", memprof_ignore(high), 0);
}

/* As the heap's: only what was recorded before is followed. */
static void try_stopped_domain(void)
{
    int domain = memprof_domain("stopped");

    expect("alloc", memprof_alloc(domain, pool + 100, 10), 0);
    expect("stop", memprof_stop(), 0);
    expect("alloc when stopped", memprof_alloc(domain, pool + 200, 1000), 0);
    expect("realloc when stopped", memprof_realloc(domain, pool + 100, pool + 300, 30), 0);
    expect("realloc of what was not recorded",
           memprof_realloc(domain, pool + 200, pool + 200, 5000), 0);
    expect("free of what was not recorded", memprof_free(domain, pool + 200), 0);
    expect("start", memprof_start(), 0);
    say("domain.stopped.live_bytes", 30);
    say("domain.stopped.total_bytes", 40);
}

static void try_domains(void)
{
    size_t before = current();
    int slab = memprof_domain("slab"), other = memprof_domain("other \xc3\xbc");

    expect("domains are told apart", slab != other && slab > 0 && other > 0, 1);
    expect("the same name", memprof_domain("slab"), slab);
    expect("no name", memprof_domain(""), -1);
    expect("alloc", memprof_alloc(slab, pool, 100), 0);
    expect("alloc elsewhere", memprof_alloc(other, pool, 40), 0);
    expect("realloc", memprof_realloc(slab, pool, pool + 1000, 300), 0);
    expect("alloc", memprof_alloc(slab, pool, 100), 0);
    expect("free", memprof_free(slab, pool), 0);
    expect("realloc of none", memprof_realloc(slab, NULL, pool + 2000, 20), 0);
    expect("realloc to none", memprof_realloc(slab, pool + 2000, NULL, 40), 0);
    expect("alloc of none", memprof_alloc(slab, NULL, 5), 0);
    expect("free of none", memprof_free(slab, NULL), 0);
    expect("no such domain", memprof_alloc(63, pool, 1), -1);
    expect("the heap is none", memprof_alloc(0, pool, 1), -1);
    try_impossible_blocks(slab);
    expect("the heap is as it was", (long long)(current() - before), 0);
    say("domain.slab.live_bytes", 320);
    say("domain.slab.live_blocks", 2);
    say("domain.slab.total_bytes", 520);
    say("domain.slab.peak_bytes", 400);
    say("domain.other.live_bytes", 40);
}

static int in_handler = -1;

static void handler(int number)
{
    (void)number;
    in_handler = memprof_mark("handler");
}

static void try_handler(void)
{
    signal(SIGUSR2, handler);
    raise(SIGUSR2);
    expect("mark in a handler", in_handler, 0);
}

static void *asker(void *unused)
{
    for (int i = 0; i < 50; i++)
        expect("asked by a thread", current() > 0, 1);
    return unused;
}

static void try_threads(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, asker, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void try_clearing(void)
{
    void *forgotten = take(2000), *kept;

    expect("clear_traces", memprof_clear_traces(), 0);
    expect("cleared", (long long)current(), 0);
    expect("no peak", (long long)peak(), 0);
    kept = take(123);
    free(forgotten);
    expect("after clearing", (long long)current(), 123);
    expect("peak after clearing", (long long)peak(), 123);
    KEEP(kept);
    say("total_bytes", 123);
    say("total_blocks", 1);
    say("live_bytes", 123);
    say("peak_bytes", 123);
}

static void try_texts(void)
{
    char label[600];

    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    label[239] = '\xc3'; /* a character that would be cut in two */
    label[240] = '\xbc';
    expect("snapshot", memprof_snapshot("loaded"), 0);
    expect("snapshot without a label", memprof_snapshot(NULL), 0);
    expect("mark", memprof_mark("begun"), 0);
    expect("a long mark", memprof_mark(label), 0);
}

static void under_memprof(void)
{
    size_t target = 0, host = 0, more = 0;

    expect("is_tracing", memprof_is_tracing(), 1);
    expect("start", memprof_start(), 0);
    expect("get_overhead", memprof_get_overhead(&target, &host), 0);
    expect("it takes something", target > 4096 && host > 0, 1);
    errno = 17;
    expect("both or none", memprof_get_traced_memory(NULL, NULL), 0);
    expect("errno", errno, 17);
    try_stopping();
    try_peak();
    try_ignoring();
    try_regions();
    try_texts();
    try_handler();
    try_threads();
    expect("get_overhead", memprof_get_overhead(&more, NULL), 0);
    expect("threads take something", more > target, 1);
    try_clearing();
    try_domains();
    try_stopped_domain();
}

static void bare(void)
{
    size_t now = 5, most = 5;
    void *block = take(10);

    expect("is_tracing", memprof_is_tracing(), 0);
    expect("start", memprof_start(), -1);
    expect("stop", memprof_stop(), -1);
    expect("snapshot", memprof_snapshot("x"), -1);
    expect("clear_traces", memprof_clear_traces(), -1);
    expect("get_traced_memory", memprof_get_traced_memory(&now, &most), -1);
    expect("numbers", now == 0 && most == 0, 1);
    now = most = 5;
    expect("reset_peak", memprof_reset_peak(), -1);
    expect("get_overhead", memprof_get_overhead(NULL, NULL), -1);
    expect("mark", memprof_mark(NULL), -1);
    expect("ignore", memprof_ignore(block), -1);
    expect("leak_check", memprof_leak_check(&now, &most), -1);
    expect("numbers", now == 0 && most == 0, 1);
    expect("root_region", memprof_root_region(pool, 10), -1);
    expect("root_region_remove", memprof_root_region_remove(pool), -1);
    expect("weak_region", memprof_weak_region(pool, 10), -1);
    expect("weak_region_remove", memprof_weak_region_remove(pool), -1);
    expect("domain", memprof_domain("slab"), -1);
    expect("alloc", memprof_alloc(-1, pool, 10), -1);
    expect("realloc", memprof_realloc(-1, pool, pool, 20), -1);
    expect("free", memprof_free(-1, pool), -1);
#if !defined(API_STATIC)
    expect("the loader says nothing of it", dlerror() == NULL, 1);
#endif
    free(block);
}

/* Blocks from before memprof_start stay unknown, whatever becomes of them. */
static void paused(void)
{
    void *early = take(1000), *late;

    expect("is_tracing", memprof_is_tracing(), 0);
    expect("nothing yet", (long long)current(), 0);
    expect("start", memprof_start(), 0);
    late = take(50);
    early = realloc(early, 2000); /* not stopped any more: this one counts */
    KEEP(early);
    KEEP(late);
    expect("recorded", (long long)current(), 2050);
    say("total_bytes", 2050);
    say("total_blocks", 2);
}

static int storm_domain;
static volatile long storm_marks, storm_blocks, storm_refused;

static void storm_handler(int number)
{
    char block[1];
    int failed_before = errno;

    (void)number;
    if (memprof_mark("storm") == 0)
        storm_marks++;
    if (memprof_alloc(storm_domain, block, 1) != 0)
        storm_refused++;
    else if (memprof_free(storm_domain, block) == 0)
        storm_blocks++;
    expect("errno in a handler", errno, failed_before);
}

static void storm(void)
{
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    struct sigaction action;

    storm_domain = memprof_domain("storm");
    memset(&action, 0, sizeof action);
    action.sa_handler = storm_handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (storm_marks < 500) {
        for (int i = 0; i < 1000; i++)
            free(take(100));
        current();
    }
    setitimer(ITIMER_REAL, &never, NULL);
    say("marks", storm_marks);
    say("domain.storm.total_blocks", storm_blocks);
    say("refused", storm_refused);
}

static void signals(void)
{
    int status = 0;
    pid_t child;

    for (int i = 0; i < 3; i++)
        raise(SIGUSR2);
    child = fork();
    if (child == 0) {
        raise(SIGUSR2);
        _exit(memprof_is_tracing() || memprof_snapshot("child") == 0 ? 1 : 7);
    }
    waitpid(child, &status, 0);
    expect("a child", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 7);
}

#if defined(API_LINKED)

int module_domain(void);
int module_pool(const void *ptr, size_t size);
int module_early(void);

static void linked(void)
{
    expect("a library's constructor", module_early(), 15);
    expect("a library's domain is the program's", module_domain(), memprof_domain("module"));
    expect("a library's block", module_pool(pool, 64), 0);
    say("domain.module.live_bytes", 64);
}

#elif !defined(API_STATIC)

static void plugin(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*pool_of)(const void *, size_t);
    int (*tracing)(void);

    expect("dlopen", module != NULL, 1);
    if (!module)
        return;
    *(void **)&pool_of = dlsym(module, "module_pool");
    *(void **)&tracing = dlsym(module, "module_tracing");
    expect("is_tracing in a plugin", tracing(), memprof_is_tracing());
    expect("a plugin's block", pool_of(pool, 64), memprof_is_tracing() ? 0 : -1);
    say("domain.module.live_bytes", 64);
    dlclose(module);
}

#endif

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bare") == 0)
        bare();
#if defined(API_LINKED)
    else
        linked();
#elif !defined(API_STATIC)
    else if (argc > 2)
        plugin(argv[2]);
    else if (argc > 1 && strcmp(argv[1], "paused") == 0)
        paused();
    else if (argc > 1 && strcmp(argv[1], "storm") == 0)
        storm();
    else if (argc > 1)
        signals();
    else
        under_memprof();
#endif
    say("failed", failed);
    (void)under_memprof, (void)paused, (void)storm, (void)signals;
    return failed != 0;
}
