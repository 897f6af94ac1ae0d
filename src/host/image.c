/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/image.h"

#include "src/host/procinfo.h"
#include "src/host/profile-build.h"
#include "src/host/quote.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define TIMELINE_TICKS ((uint64_t)1 << 20) /* a fraction of a millisecond by either clock */
#define SCALE_MAX 8u

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct segment_header *)0)->host_alive_mutex),
               "the mutex fits its place in the header");

/* ---------------------------------------------------------- the segment -- */

static uint64_t soft_limit(int resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

/*
 * The limits are the child's as well: a segment larger than the file size
 * allowed would kill us, and one that fills most of the address space allowed
 * would leave the program too little.
 */
static void choose_layout(struct segment_layout *layout)
{
    uint64_t file = soft_limit(RLIMIT_FSIZE), space = soft_limit(RLIMIT_AS);
    unsigned scale = 0;

    segment_layout_default(layout, scale);
    while (scale < SCALE_MAX && (layout->segment_bytes > file || layout->segment_bytes > space / 4))
        segment_layout_default(layout, ++scale);
}

static int memory_make(uint64_t bytes, struct error *e)
{
    int fd = memfd_create("memprof", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "cannot make shared memory");
    if (ftruncate(fd, (off_t)bytes) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        error_set(e, ERROR_SYSTEM, "cannot size the shared memory");
        close(fd);
        return -1;
    }
    return fd;
}

static pthread_mutex_t *alive_mutex(const struct image *i)
{
    return (pthread_mutex_t *)(void *)segment_header(&i->segment)->host_alive_mutex;
}

static int alive_lock(struct image *i)
{
    pthread_mutexattr_t attributes;
    int failure = pthread_mutexattr_init(&attributes);

    if (failure)
        return failure;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    failure = pthread_mutex_init(alive_mutex(i), &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (failure == 0)
        failure = pthread_mutex_lock(alive_mutex(i));
    i->alive_locked = failure == 0;
    return failure;
}

int image_prepare(struct image *i, const struct segment_settings *settings, struct error *e)
{
    struct segment_layout layout;
    void *base;

    memset(i, 0, sizeof(*i));
    choose_layout(&layout);
    i->clock = settings->clock;
    i->fd = memory_make(layout.segment_bytes, e);
    if (i->fd < 0)
        return -1;
    base = mmap(NULL, layout.segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, i->fd, 0);
    if (base == MAP_FAILED) {
        error_set(e, ERROR_SYSTEM, "cannot map the shared memory");
        close(i->fd);
        return -1;
    }
    segment_format(&i->segment, base, &layout, settings);
    if (alive_lock(i) != 0) {
        error_set(e, ERROR_REFUSED, "the system has no robust mutexes between processes");
        image_release(i);
        return -1;
    }
    i->begin_ticks = clock_ticks(i->clock);
    i->begin_ns = clock_monotonic_ns();
    i->started_unix = time(NULL);
    return 0;
}

void image_release(struct image *i)
{
    image_stop(i);
    if (i->begun) {
        collector_release(&i->collector);
        model_release(&i->model);
        modmap_release(&i->modmap);
    }
    if (i->alive_locked) {
        /* Out of this thread's list of robust mutexes before the memory goes. */
        pthread_mutex_unlock(alive_mutex(i));
        pthread_mutex_destroy(alive_mutex(i));
    }
    if (i->fd >= 0)
        close(i->fd);
    munmap(i->segment.base, i->segment.layout.segment_bytes);
    free(i->arguments);
    memset(i, 0, sizeof(*i));
    i->fd = -1;
}

/* ----------------------------------------------------------- collecting -- */

static void poll_modules(void *context)
{
    modmap_update(context);
}

static void *collect(void *context)
{
    collector_run(context);
    return NULL;
}

static void read_arguments(struct image *i)
{
    i->arguments = malloc(IMAGE_ARGUMENTS_BYTES);
    if (i->arguments)
        i->arguments_size = procinfo_arguments(i->pid, i->arguments, IMAGE_ARGUMENTS_BYTES);
}

static int modules_begin(struct image *i, const struct run_options *options, struct error *e)
{
    struct symbolizer_options symbolizer = options->symbolizer;
    char perf_map[48];

    snprintf(perf_map, sizeof(perf_map), "/tmp/perf-%d.map", (int)i->pid);
    if (!symbolizer.perf_map)
        symbolizer.perf_map = perf_map;
    return modmap_init(&i->modmap, &i->segment, i->pid, options->program, options->preload,
                       &symbolizer, e);
}

int image_begin(struct image *i, pid_t pid, const struct run_options *options, struct error *e)
{
    struct collector_options collecting = {
        .pid = pid, .clock = i->clock, .poll = poll_modules, .context = &i->modmap};
    int failure;

    i->pid = pid;
    if (modules_begin(i, options, e) != 0)
        return -1;
    model_init(&i->model, i->segment.layout.nodes_max, i->begin_ticks, TIMELINE_TICKS);
    if (collector_init(&i->collector, &i->segment, &i->model, &collecting, e) != 0) {
        model_release(&i->model);
        modmap_release(&i->modmap);
        return -1;
    }
    i->begun = true;
    read_arguments(i);
    failure = pthread_create(&i->thread, NULL, collect, &i->collector);
    if (failure) {
        errno = failure;
        return error_set(e, ERROR_SYSTEM, "cannot start the collecting thread");
    }
    i->running = true;
    return 0;
}

void image_stop(struct image *i)
{
    if (!i->running)
        return;
    collector_stop(&i->collector);
    pthread_join(i->thread, NULL);
    i->running = false;
    collector_finish(&i->collector);
    i->end_ticks = clock_ticks(i->clock);
    i->end_ns = clock_monotonic_ns();
    model_finish(&i->model, i->end_ticks);
    modmap_finish(&i->modmap);
}

/* ---------------------------------------------------------- the profile -- */

static double tick_seconds(const struct image *i)
{
    if (i->clock == CLOCK_MONOTONIC_NS || i->end_ticks <= i->begin_ticks)
        return 1e-9;
    return (double)(i->end_ns - i->begin_ns) * 1e-9 / (double)(i->end_ticks - i->begin_ticks);
}

static string_id text(struct profile *p, const char *s)
{
    uint32_t id = strings_add(&p->strings, s);

    return id == UINT32_MAX ? 0 : id;
}

static string_id command_text(struct profile *p, const struct image *i)
{
    struct strbuf quoted;
    string_id id;

    strbuf_init(&quoted);
    quote_arguments(&quoted, i->arguments, i->arguments_size);
    id = text(p, strbuf_text(&quoted));
    strbuf_release(&quoted);
    return id;
}

static void describe_process(struct profile *p, const struct image *i)
{
    const char *first = i->arguments_size ? i->arguments : i->modmap.executable;
    const char *slash = strrchr(first, '/');
    char host[256] = "";

    gethostname(host, sizeof(host) - 1);
    p->process.program = text(p, slash ? slash + 1 : first);
    p->process.executable = text(p, i->modmap.executable);
    p->process.command = command_text(p, i);
    p->process.host = text(p, host);
    p->process.memprof_version = text(p, PACKAGE_VERSION);
    p->process.pid = i->pid;
    p->process.started_unix = i->started_unix;
    p->process.seconds = (double)(i->end_ns - i->begin_ns) * 1e-9;
}

int image_profile(struct image *i, struct run_image *result, struct error *e)
{
    const struct segment_header *h = segment_header(&i->segment);
    struct profile_source source = {.segment = &i->segment,
                                    .model = &i->model,
                                    .modmap = &i->modmap,
                                    .origin = i->begin_ticks,
                                    .tick_seconds = tick_seconds(i)};

    result->target_state = atomic_load_explicit(&h->target_state, memory_order_relaxed);
    result->refusal = atomic_load_explicit(&h->refusal, memory_order_relaxed);
    result->events = i->model.events;
    profile_init(&result->profile);
    if (profile_build(&result->profile, &source, e) != 0)
        return -1;
    describe_process(&result->profile, i);
    /* relaxed: the image is gone */
    if (atomic_load_explicit(&h->executed, memory_order_relaxed))
        result->profile.process.exit_kind = EXIT_EXECUTED;
    return 0;
}
