// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks that are held by threads alone: in a register, on a stack, in thread-local
 * memory of the program and of a library, by a key; and what threads that have
 * ended leave behind.  `leak-threads` alone lists the cases.
 */
#include "leaks.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

static atomic_int ready;
static __thread void *volatile for_thread[100];
static const char *plugin_path;

static void start(void *(*run)(void *), int count, int detached)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    if (detached)
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < count; i++)
        if (pthread_create(&thread, &attributes, run, NULL) != 0)
            _exit(98);
    pthread_attr_destroy(&attributes);
    while (ready < count)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void wait_for_ever(void)
{
    ready++;
    for (;;)
        nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
}

/* ---------------------------------------------------------- in a register -- */

#ifdef __x86_64__
/* The block is in r12 and nowhere else; the sign that it is comes from within the loop. */
NOINLINE static void *in_register_run(void *unused)
{
    void *block = make_block(1001);

    forget();
    __asm__ volatile("mov %0, %%r12\n\t"
                     "xor %0, %0\n\t"
                     "xor %%eax, %%eax\n\t"
                     "xor %%ecx, %%ecx\n\t"
                     "xor %%edx, %%edx\n\t"
                     "xor %%esi, %%esi\n\t"
                     "xor %%edi, %%edi\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     : "+r"(block), "+m"(ready)
                     :
                     : "r12", "rax", "rcx", "rdx", "rsi", "rdi", "memory");
    return unused;
}

/* The same in the upper half of a vector register. */
NOINLINE static void *in_vector_run(void *unused)
{
    void *block = make_block(1002);

    forget();
    __asm__ volatile("movq %0, %%xmm7\n\t"
                     "pslldq $8, %%xmm7\n\t"
                     "xor %0, %0\n\t"
                     "xor %%eax, %%eax\n\t"
                     "xor %%ecx, %%ecx\n\t"
                     "xor %%edx, %%edx\n\t"
                     "xor %%esi, %%esi\n\t"
                     "xor %%edi, %%edi\n\t"
                     "lock incl %1\n"
                     "1: pause\n\t"
                     "jmp 1b"
                     : "+r"(block), "+m"(ready)
                     :
                     : "xmm7", "rax", "rcx", "rdx", "rsi", "rdi", "memory");
    return unused;
}

static void in_register(void)
{
    start(in_register_run, 1, 1);
    expect(REACHABLE, 1, 1001);
}

static void in_vector_register(void)
{
    start(in_vector_run, 1, 1);
    expect(REACHABLE, 1, 1002);
}
#endif

/* ------------------------------------------------------------- on a stack -- */

static void *on_stack_run(void *unused)
{
    void *volatile block = make_block(1003);

    wait_for_ever();
    KEEP(block);
    return unused;
}

static void on_stack(void)
{
    start(on_stack_run, 1, 0);
    expect(REACHABLE, 1, 1003);
}

static void on_detached_stack(void)
{
    start(on_stack_run, 1, 1);
    expect(REACHABLE, 1, 1003);
}

static void on_1000_stacks(void)
{
    start(on_stack_run, 1000, 1);
    expect(REACHABLE, 1000, 1003000);
}

/* What lies below the stack pointer of a thread that waits is no root. */
NOINLINE static void lose_deep(int depth)
{
    void *volatile block = depth ? NULL : make_block(1004);

    if (depth)
        lose_deep(depth - 1);
    KEEP(block);
}

/* A function may leave what it likes in the registers that calls need not preserve: roots. */
static void forget_registers(void)
{
#ifdef __x86_64__
    __asm__ volatile("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\t"
                     "xor %%esi, %%esi\n\txor %%edi, %%edi\n\txor %%r8d, %%r8d\n\t"
                     "xor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\txor %%r11d, %%r11d"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc");
#endif
}

static void *below_stack_run(void *unused)
{
    lose_deep(100);
    forget_registers();
    wait_for_ever();
    return unused;
}

static void below_stack_pointer(void)
{
    start(below_stack_run, 1, 0);
    expect(DEFINITE, 1, 1004);
}

static void *on_alternate_stack;

static void in_handler(int number)
{
    void *volatile block = make_block(1005);

    (void)number;
    wait_for_ever();
    KEEP(block);
}

static void *alternate_run(void *unused)
{
    stack_t stack = {.ss_sp = on_alternate_stack, .ss_size = 65536};

    sigaltstack(&stack, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
    return unused;
}

/* The alternate stack is static memory, and a root as that; the interrupted one is held too. */
static void on_alternate(void)
{
    static char memory[65536];
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};

    on_alternate_stack = memory;
    sigaction(SIGUSR1, &action, NULL);
    start(alternate_run, 1, 1);
    expect(REACHABLE, 1, 1005);
}

/* --------------------------------------------------------- thread-local -- */

static void *in_tls_run(void *unused)
{
    for_thread[50] = make_block(1006);
    forget();
    wait_for_ever();
    return unused;
}

static void in_tls(void)
{
    start(in_tls_run, 1, 1);
    expect(REACHABLE, 1, 1006);
}

static void in_tls_of_main(void)
{
    for_thread[50] = make_block(1007);
    expect(REACHABLE, 1, 1007);
}

static void **plugin_place(void)
{
    static void *plugin;
    void **(*place)(void);

    if (!plugin)
        plugin = dlopen(plugin_path, RTLD_NOW);
    place = (void **(*)(void))dlsym(plugin, "plugin_place_for_thread");
    return place();
}

static void *in_dynamic_tls_run(void *unused)
{
    *plugin_place() = make_block(1008);
    forget();
    wait_for_ever();
    return unused;
}

static void in_dynamic_tls(void)
{
    start(in_dynamic_tls_run, 3, 1);
    expect(REACHABLE, 3, 3024);
}

static void in_dynamic_tls_of_main(void)
{
    *plugin_place() = make_block(1009);
    expect(REACHABLE, 1, 1009);
}

static pthread_key_t keys[100];

static void *in_key_run(void *unused)
{
    pthread_setspecific(keys[3], make_block(1010));  /* in the thread's descriptor */
    pthread_setspecific(keys[90], make_block(1011)); /* in a block of its own */
    forget();
    wait_for_ever();
    return unused;
}

static void in_key(void)
{
    for (int i = 0; i < 100; i++)
        pthread_key_create(&keys[i], NULL);
    start(in_key_run, 1, 1);
    expect(REACHABLE, 2, 1010 + 1011);
}

static void in_key_of_main(void)
{
    for (int i = 0; i < 100; i++)
        pthread_key_create(&keys[i], NULL);
    pthread_setspecific(keys[3], make_block(1012));
    pthread_setspecific(keys[90], make_block(1013));
    expect(REACHABLE, 2, 1012 + 1013);
}

/* -------------------------------------------------------- what has ended -- */

static void *ended_run(void *unused)
{
    void *volatile block = make_block(1014);

    for_thread[50] = make_block(1015);
    pthread_setspecific(keys[3], make_block(1016));
    KEEP(block);
    return unused;
}

/* libc keeps the stack of a joined thread for the next one. */
static void ended(void)
{
    pthread_t thread;

    for (int i = 0; i < 100; i++)
        pthread_key_create(&keys[i], NULL);
    if (pthread_create(&thread, NULL, ended_run, NULL) != 0)
        _exit(98);
    pthread_join(thread, NULL);
    expect(DEFINITE, 3, 1014 + 1015 + 1016);
}

static void *returning_run(void *unused)
{
    (void)unused;
    return make_block(1017);
}

/* What a thread returned is its descriptor's until it is joined. */
static void returned(void)
{
    static pthread_t thread;

    if (pthread_create(&thread, NULL, returning_run, NULL) != 0)
        _exit(98);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    expect(REACHABLE, 1, 1017);
}

static void *exiting_run(void *unused)
{
    void *volatile block = make_block(1018);

    expect_state();
    exit(0);
    KEEP(block);
    return unused;
}

/* Another thread ends the program while main waits with a block of its own. */
static void exit_by_thread(void)
{
    void *volatile block = make_block(1019);
    pthread_t thread;

    expect(REACHABLE, 2, 1018 + 1019);
    if (pthread_create(&thread, NULL, exiting_run, NULL) != 0)
        _exit(98);
    wait_for_ever();
    KEEP(block);
}

static void *churning_run(void *unused)
{
    ready++;
    for (;;) {
        void *a = malloc(100), *b = realloc(malloc(200), 5000);

        KEEP(a);
        free(b);
        free(a);
    }
    return unused;
}

/* Threads allocate and free while the search is made. */
static void churn(void)
{
    start(churning_run, 4, 1);
    KEEP(make_block(1020));
    forget();
    expect(DEFINITE, 1, 1020);
}

static const struct {
    const char *name;
    void (*make)(void);
} cases[] = {
#ifdef __x86_64__
    {"in-register", in_register},
    {"in-vector-register", in_vector_register},
#endif
    {"on-stack", on_stack},
    {"on-detached-stack", on_detached_stack},
    {"on-1000-stacks", on_1000_stacks},
    {"below-stack-pointer", below_stack_pointer},
    {"on-alternate-stack", on_alternate},
    {"in-tls", in_tls},
    {"in-tls-of-main", in_tls_of_main},
    {"in-dynamic-tls", in_dynamic_tls},
    {"in-dynamic-tls-of-main", in_dynamic_tls_of_main},
    {"in-key", in_key},
    {"in-key-of-main", in_key_of_main},
    {"ended", ended},
    {"returned", returned},
    {"exit-by-thread", exit_by_thread},
    {"churn", churn},
};

int main(int argc, char **argv)
{
    plugin_path = argc > 2 ? argv[2] : "";
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (argc < 2) {
            put(cases[i].name, strlen(cases[i].name));
            put("\n", 1);
        } else if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].make();
            expect_state();
        }
    }
    return 0;
}
