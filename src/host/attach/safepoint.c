// SPDX-License-Identifier: Apache-2.0
#include "src/host/attach/safepoint.h"

#include "src/host/files/filefaults.h"
#include "src/host/memory/growing.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <string.h>

#define FRAMES_MOST 4096u

/* Functions that may hold a lock of the allocator's, the loader's, or of libc's lists of threads.
 */
static const char *const unsafe_names[] = {
    "malloc",
    "calloc",
    "realloc",
    "free",
    "cfree",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "reallocarray",
    "malloc_usable_size",
    "mallopt",
    "malloc_trim",
    "malloc_stats",
    "malloc_info",
    "mallinfo",
    "mallinfo2",
    "free_sized",
    "fork",
    "_Fork",
    "vfork",
    "posix_spawn",
    "posix_spawnp",
    "daemon",
    "forkpty",
    "pthread_create",
    "pthread_join",
    "pthread_exit",
    "pthread_tryjoin_np",
    "pthread_detach",
    "pthread_cancel",
    "pthread_getattr_np",
    "exit",
    "quick_exit",
    "abort",
    "__cxa_finalize",
    "__cxa_atexit",
    "on_exit",
    "dl_iterate_phdr",
    "dlopen",
    "dlmopen",
    "dlclose",
    "dlsym",
    "dlvsym",
    "dlerror",
    "dladdr",
    "dladdr1",
    "dlinfo",
    "__libc_dlopen_mode",
    "__libc_dlsym",
    "__libc_dlclose",
    "pthread_timedjoin_np",
    "pthread_clockjoin_np",
    "pthread_atfork",
    "__register_atfork",
    "setuid",
    "setgid",
    "setgroups",
    "sbrk",
    "brk",
};

/* -------------------------------------------------------------- ranges -- */

static bool add_range(struct safepoint *s, uint64_t start, uint64_t end)
{
    if (!growing_reserve(&s->unsafe, s->unsafe_count, sizeof(*s->unsafe)))
        return false;
    s->unsafe[s->unsafe_count++] = (struct safepoint_range){start, end};
    return true;
}

static bool add_functions(struct safepoint *s, const struct remote_module *m)
{
    uint64_t address, size;

    for (size_t i = 0; i < sizeof(unsafe_names) / sizeof(unsafe_names[0]); i++)
        if (remote_symbol(m, unsafe_names[i], &address, &size) &&
            !add_range(s, address, address + (size ? size : 1)))
            return false;
    return true;
}

static bool add_module(struct safepoint *s, const struct remote_module *m, const char *library)
{
    uint64_t address, size;

    if (!m->elf) /* replaced on disk: it may be an allocator */
        return !m->replaced || !strstr(m->path, ".so") || add_range(s, m->start, m->end);
    if (remote_symbol(m, "_rtld_global", &address, &size)) {
        s->loader_start = m->start;
        s->loader_end = m->end;
        return add_range(s, m->start, m->end);
    }
    if (strcmp(m->path, library) == 0)
        return add_range(s, m->start, m->end);
    if (remote_symbol(m, "__libc_start_main", &address, &size)) {
        s->libc_start = m->start;
        s->libc_end = m->end;
        return add_functions(s, m);
    }
    /* an allocator of its own, unless that is in the program itself */
    if (remote_symbol(m, "malloc", &address, &size) && strstr(m->path, ".so"))
        return add_range(s, m->start, m->end);
    return add_functions(s, m);
}

static bool is_unsafe(const struct safepoint *s, uint64_t pc)
{
    for (uint32_t i = 0; i < s->unsafe_count; i++)
        if (pc >= s->unsafe[i].start && pc < s->unsafe[i].end)
            return true;
    return false;
}

/* ------------------------------------------------------------- libdwfl -- */

static int no_debug_information(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                                const char *file, const char *link, GElf_Word crc, char **found)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc;
    *found = NULL;
    return -1;
}

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread)
{
    (void)dwfl, (void)context, (void)thread;
    return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
    (void)dwfl, (void)tid;
    *thread = context;
    return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *context)
{
    const struct safepoint *s = context;

    (void)dwfl;
    return remote_read(s->remote->pid, address, word, sizeof(*word));
}

static bool initial_registers(Dwfl_Thread *thread, void *context)
{
#if defined(__x86_64__)
    const struct user_regs_struct *r = ((const struct safepoint *)context)->registers;
    const Dwarf_Word values[] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi,
                                 r->rbp, r->rsp, r->r8,  r->r9,  r->r10, r->r11,
                                 r->r12, r->r13, r->r14, r->r15, r->rip};

    return dwfl_thread_state_registers(thread, 0, sizeof(values) / sizeof(values[0]), values);
#else
    (void)thread, (void)context;
    return false;
#endif
}

static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                         .find_debuginfo = no_debug_information};
static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                       .get_thread = get_thread,
                                                       .memory_read = memory_read,
                                                       .set_initial_registers = initial_registers};

/* ------------------------------------------------------------ the calls -- */

static int open_dwfl(struct safepoint *s, struct error *e)
{
    int failure;

    s->dwfl = dwfl_begin(&callbacks);
    if (!s->dwfl)
        return error_set(e, ERROR_MEMORY, "out of memory");
    failure = dwfl_linux_proc_report(s->dwfl, s->remote->pid);
    if (failure == ESRCH || failure == ENOENT)
        return error_set(e, ERROR_INPUT, "process %d ended meanwhile", (int)s->remote->pid);
    if (failure != 0 || dwfl_report_end(s->dwfl, NULL, NULL) != 0 ||
        !dwfl_attach_state(s->dwfl, NULL, s->remote->pid, &thread_callbacks, s))
        return error_set(e, ERROR_REFUSED, "cannot unwind the stacks of process %d: %s",
                         (int)s->remote->pid, failure > 0 ? strerror(failure) : dwfl_errmsg(-1));
    return 0;
}

int safepoint_open(struct safepoint *s, const struct remote *r, const char *library,
                   struct error *e)
{
    int opened;

    *s = (struct safepoint){.remote = r};
    for (uint32_t i = 0; i < r->count; i++)
        if (!add_module(s, &r->modules[i], library)) {
            safepoint_release(s);
            return error_set(e, ERROR_MEMORY, "out of memory");
        }
    filefaults_begin(); /* libdwfl maps the modules' files */
    opened = open_dwfl(s, e);
    filefaults_end();
    if (opened != 0)
        safepoint_release(s);
    return opened;
}

void safepoint_release(struct safepoint *s)
{
    if (s->dwfl)
        dwfl_end(s->dwfl);
    free(s->unsafe);
    *s = (struct safepoint){.remote = s->remote};
}

static int look_at_frame(Dwfl_Frame *frame, void *context)
{
    struct safepoint *s = context;
    bool activation;
    Dwarf_Addr pc;

    if (!dwfl_frame_pc(frame, &pc, &activation) || s->frames == FRAMES_MOST)
        return DWARF_CB_ABORT;
    /* behind a signal handler's frame is one that was interrupted, not one that called */
    if (activation && s->frames > 0)
        return DWARF_CB_ABORT;
    s->frames++;
    if (is_unsafe(s, activation ? pc : pc - 1))
        return DWARF_CB_ABORT;
    if (!(pc >= s->libc_start && pc < s->libc_end) && remote_at(s->remote, pc))
        s->own = true;
    return DWARF_CB_OK;
}

bool safepoint_at(struct safepoint *s, pid_t tid, const struct user_regs_struct *registers)
{
    int walked;

    s->registers = registers;
    s->frames = 0;
    s->own = false;
    filefaults_begin();
    walked = dwfl_getthread_frames(s->dwfl, tid, look_at_frame, s);
    filefaults_end();
    return walked == 0 && s->own;
}
