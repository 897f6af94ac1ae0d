// SPDX-License-Identifier: Apache-2.0
/*
 * One case of a leak each, by name: what is lost, what is held, and by what.
 * `leak-kinds` alone lists the cases, `leak-kinds CASE` makes one and returns from main,
 * whose frame is then no root any more.
 */
#include "leaks.h"

#include <dlfcn.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

struct node {
    struct node *next, *other;
    uint64_t value[2];
};

static void *volatile held;        /* a root */
static void *volatile held_two[2]; /* two more */

NOINLINE static struct node *make_node(struct node *next, struct node *other)
{
    struct node *n = make_block(sizeof(*n));

    n->next = next;
    n->other = other;
    return n;
}

NOINLINE static struct node *make_list(int length)
{
    struct node *head = NULL;

    while (length--)
        head = make_node(head, NULL);
    return head;
}

NOINLINE static struct node *make_tree(int depth)
{
    return depth ? make_node(make_tree(depth - 1), make_tree(depth - 1)) : NULL;
}

/* A ring of so many nodes. */
NOINLINE static struct node *make_ring(int length)
{
    struct node *last = make_node(NULL, NULL), *first = last;

    for (int i = 1; i < length; i++)
        first = make_node(first, NULL);
    last->next = first;
    return first;
}

#define NODE sizeof(struct node)

/* ---------------------------------------------------------- structures -- */

static void list(void)
{
    KEEP(make_list(10));
    expect(DEFINITE, 1, NODE);
    expect(INDIRECT, 9, 9 * NODE);
}

static void tree(void)
{
    KEEP(make_tree(6));
    expect(DEFINITE, 1, NODE);
    expect(INDIRECT, 62, 62 * NODE);
}

static void list_held(void)
{
    held = make_list(10);
    expect(REACHABLE, 10, 10 * NODE);
}

/* Two that hold each other. */
static void cycle(void)
{
    KEEP(make_ring(2));
    expect(DEFINITE, 1, NODE);
    expect(INDIRECT, 1, NODE);
}

static void cycle_of_one(void)
{
    struct node *n = make_node(NULL, NULL);

    n->next = n;
    expect(DEFINITE, 1, NODE);
}

/* A lost list that ends in a ring of 3, which holds a tree of 7. */
static void cycle_below(void)
{
    struct node *ring = make_ring(3);

    ring->other = make_tree(3);
    KEEP(make_node(make_node(ring, NULL), NULL));
    expect(DEFINITE, 1, NODE);
    expect(INDIRECT, 11, 11 * NODE);
}

static void cycle_held(void)
{
    held = make_ring(5);
    expect(REACHABLE, 5, 5 * NODE);
}

static void pointers(void)
{
    void **lost = make_block(20 * sizeof(void *)), **kept = make_block(20 * sizeof(void *));

    for (int i = 0; i < 20; i++) {
        lost[i] = make_block(100);
        kept[i] = make_block(200);
    }
    held = kept;
    expect(DEFINITE, 1, 20 * sizeof(void *));
    expect(INDIRECT, 20, 2000);
    expect(REACHABLE, 21, 4000 + 20 * sizeof(void *));
}

/* ------------------------------------------------------ sorts of pointers -- */

static void interior(void)
{
    char *block = make_block(300);

    held = block + 100;
    expect(POSSIBLE, 1, 300);
}

/* What only a possibly lost block holds is possibly lost. */
static void interior_chain(void)
{
    struct node *n = make_node(make_list(4), NULL);

    held = &n->value;
    expect(POSSIBLE, 5, 5 * NODE);
}

/* A pointer to its start counts more than one to its inside. */
static void interior_and_start(void)
{
    char *block = make_block(300);

    held_two[0] = block + 100;
    held_two[1] = block;
    expect(REACHABLE, 1, 300);
}

static void past_end(void)
{
    char *block = make_block(304);

    held = block + 304;
    expect(DEFINITE, 1, 304);
}

static struct __attribute__((packed)) {
    char odd;
    void *volatile pointer;
} crooked;

static void misaligned(void)
{
    crooked.pointer = make_block(40);
    expect(DEFINITE, 1, 40);
}

static void tagged_low(void)
{
    held = (char *)make_block(48) + 3;
    expect(POSSIBLE, 1, 48);
}

static void tagged_high(void)
{
    held = (void *)((uintptr_t)make_block(56) | (uintptr_t)0x5a << 56);
    expect(DEFINITE, 1, 56);
}

/* As sqlite3 keeps a size in front of what it gives out. */
static void length_prefix(void)
{
    uint64_t *block = make_block(128);

    block[0] = 120;
    held = block + 1;
    expect(REACHABLE, 1, 128);
}

static void no_bytes(void)
{
    void *lost = make_block(0);

    KEEP(lost);
    held = make_block(0);
    expect(DEFINITE, 1, 0);
    expect(REACHABLE, 1, 0);
}

/* ------------------------------------------------------- where pointers lie -- */

static void in_freed(void)
{
    void **block = make_block(4000);

    held = block;
    block[250] = make_block(72);
    free(held);
    expect(DEFINITE, 1, 72);
}

NOINLINE static void *make_block_of(void *old, size_t size)
{
    return realloc(old, size);
}

/* The block with the only pointer was moved, and the old place given back. */
static void in_moved(void)
{
    void **block = make_block(4096), *wall = make_block(16);

    block[500] = make_block(80);
    held_two[0] = wall;
    held = make_block_of(block, 64);
    expect(DEFINITE, 1, 80);
    expect(REACHABLE, 2, 16 + 64);
}

static void in_mapping(void)
{
    void **map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    map[1000] = make_block(88);
    expect(REACHABLE, 1, 88);
}

static void in_shared_mapping(void)
{
    void **map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    map[1000] = make_block(88);
    expect(REACHABLE, 1, 88);
}

static void in_unmapped(void)
{
    void **map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    map[1000] = make_block(96);
    munmap(map, 1 << 20);
    expect(DEFINITE, 1, 96);
}

/* A great mapping of which a page is there, with a hole that nobody may read. */
static void in_sparse_mapping(void)
{
    size_t size = (size_t)100 << 30;
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED) {
        put("skip=1\n", 7);
        return;
    }
    *(void **)(map + size / 2) = make_block(104);
    mprotect(map + size / 2 + 4096, 1 << 20, PROT_NONE);
    expect(REACHABLE, 1, 104);
}

NOINLINE static char *make_block_of_pages(size_t pages)
{
    void *block = NULL;

    if (posix_memalign(&block, 4096, pages * 4096) != 0)
        _exit(98);
    return memset(block, 0, pages * 4096);
}

/* Part of a block cannot be read. */
static void in_guarded(void)
{
    char *block = make_block_of_pages(3);

    *(void **)(block + 2 * 4096 + 8) = make_block(112);
    mprotect(block + 4096, 4096, PROT_NONE);
    held = block;
    expect(REACHABLE, 2, 112 + 3 * 4096);
}

static void *plugin;

static void plugin_keep(void *block)
{
    void **place = dlsym(plugin, "plugin_keeps");

    *place = block;
}

static void in_plugin(const char *path)
{
    plugin = dlopen(path, RTLD_NOW);
    plugin_keep(make_block(120));
    expect(REACHABLE, 1, 120);
}

static void in_closed_plugin(const char *path)
{
    plugin = dlopen(path, RTLD_NOW);
    plugin_keep(make_block(128));
    dlclose(plugin);
    plugin = NULL;
    expect(DEFINITE, 1, 128);
}

static ucontext_t home, fiber;

static void in_fiber_body(void)
{
    void *volatile block = make_block(136);

    swapcontext(&fiber, &home);
    KEEP(block);
}

/* Its stack is a block of the heap, which is held. */
static void in_fiber(void)
{
    getcontext(&fiber);
    held = make_block(65536);
    fiber.uc_stack.ss_sp = held;
    fiber.uc_stack.ss_size = 65536;
    fiber.uc_link = &home;
    makecontext(&fiber, in_fiber_body, 0);
    swapcontext(&home, &fiber);
    expect(REACHABLE, 2, 136 + 65536);
}

/* A child loses what it likes. */
static void in_child(void)
{
    pid_t child;

    held = make_block(144);
    child = fork();
    if (child == 0) {
        held = NULL;
        KEEP(make_block(1000));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    expect(REACHABLE, 1, 144);
}

/* --------------------------------------------------------------- at the end -- */

static void free_held(void)
{
    free(held);
}

static void freed_at_exit(void)
{
    held = make_list(1);
    atexit(free_held);
}

static void drop_held(void)
{
    held = NULL;
}

static void dropped_at_exit(void)
{
    held = make_list(2);
    atexit(drop_held);
    expect(DEFINITE, 1, NODE);
    expect(INDIRECT, 1, NODE);
}

/* exit is called where the frames below still hold blocks. */
NOINLINE static void exit_inside(void)
{
    void *volatile block = make_block(152);

    expect(REACHABLE, 1, 152);
    expect_state();
    exit(0);
    KEEP(block);
}

NOINLINE static void exit_now_inside(void)
{
    void *volatile block = make_block(160);

    expect(REACHABLE, 1, 160);
    expect_state();
    _exit(0);
    KEEP(block);
}

NOINLINE static void quick_exit_inside(void)
{
    void *volatile block = make_block(168);

    expect(REACHABLE, 1, 168);
    expect_state();
    quick_exit(0);
    KEEP(block);
}

static void leave(int number)
{
    (void)number;
    exit(0);
}

NOINLINE static void exit_in_handler(void)
{
    void *volatile block = make_block(176);

    signal(SIGUSR1, leave);
    expect(REACHABLE, 1, 176);
    expect_state();
    raise(SIGUSR1);
    KEEP(block);
}

NOINLINE static void abort_inside(void)
{
    void *volatile block = make_block(184);

    KEEP(make_block(192));
    forget();
    expect(REACHABLE, 1, 184);
    expect(DEFINITE, 1, 192);
    expect_state();
    abort();
    KEEP(block);
}

NOINLINE static void fault_inside(void)
{
    void *volatile block = make_block(200);

    KEEP(make_block(208));
    forget();
    expect(REACHABLE, 1, 200);
    expect(DEFINITE, 1, 208);
    expect_state();
    *(volatile int *)(uintptr_t)8 = 1;
    KEEP(block);
}

NOINLINE static void term_inside(void)
{
    void *volatile block = make_block(216);

    KEEP(make_block(224));
    forget();
    expect(REACHABLE, 1, 216);
    expect(DEFINITE, 1, 224);
    expect_state();
    raise(SIGTERM);
    KEEP(block);
}

/* What the libraries allocate for themselves is no loss of anybody's. */
static void libraries(const char *path)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[256];

    setlocale(LC_ALL, "");
    setenv("MEMPROF_TEST_VARIABLE", "value", 1);
    if (file && fgets(line, sizeof(line), file))
        put("", 0);
    getpwuid(getuid());
    (void)getservbyname("http", "tcp");
    dlopen("/does/not/exist.so", RTLD_NOW);
    plugin = dlopen(path, RTLD_NOW);
    printf("buffered\n");
}

/* ----------------------------------------------------------------- the list -- */

static const struct {
    const char *name;
    void (*make)(void);
    void (*make_with)(const char *path);
} cases[] = {
    {"list", list, NULL},
    {"tree", tree, NULL},
    {"list-held", list_held, NULL},
    {"cycle", cycle, NULL},
    {"cycle-of-one", cycle_of_one, NULL},
    {"cycle-below", cycle_below, NULL},
    {"cycle-held", cycle_held, NULL},
    {"pointers", pointers, NULL},
    {"interior", interior, NULL},
    {"interior-chain", interior_chain, NULL},
    {"interior-and-start", interior_and_start, NULL},
    {"past-end", past_end, NULL},
    {"misaligned", misaligned, NULL},
    {"tagged-low", tagged_low, NULL},
    {"tagged-high", tagged_high, NULL},
    {"length-prefix", length_prefix, NULL},
    {"no-bytes", no_bytes, NULL},
    {"in-freed", in_freed, NULL},
    {"in-moved", in_moved, NULL},
    {"in-mapping", in_mapping, NULL},
    {"in-shared-mapping", in_shared_mapping, NULL},
    {"in-unmapped", in_unmapped, NULL},
    {"in-sparse-mapping", in_sparse_mapping, NULL},
    {"in-guarded", in_guarded, NULL},
    {"in-plugin", NULL, in_plugin},
    {"in-closed-plugin", NULL, in_closed_plugin},
    {"in-fiber", in_fiber, NULL},
    {"in-child", in_child, NULL},
    {"freed-at-exit", freed_at_exit, NULL},
    {"dropped-at-exit", dropped_at_exit, NULL},
    {"exit-inside", exit_inside, NULL},
    {"exit-now-inside", exit_now_inside, NULL},
    {"quick-exit-inside", quick_exit_inside, NULL},
    {"exit-in-handler", exit_in_handler, NULL},
    {"abort-inside", abort_inside, NULL},
    {"fault-inside", fault_inside, NULL},
    {"term-inside", term_inside, NULL},
    {"libraries", NULL, libraries},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (argc < 2) {
            put(cases[i].name, strlen(cases[i].name));
            put("\n", 1);
        } else if (strcmp(argv[1], cases[i].name) == 0) {
            if (cases[i].make)
                cases[i].make();
            else
                cases[i].make_with(argv[2]);
            expect_state();
        }
    }
    return 0;
}
