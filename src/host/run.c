/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/run.h"

#include "src/host/image.h"
#include "src/host/launch.h"
#include "src/host/procinfo.h"
#include "src/host/server.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define IMAGES_MAX 1024u /* a program that executes itself for ever is not followed for ever */

struct run {
    const struct run_options *options;
    struct segment_settings settings;
    struct server server;
    struct launch launch;
    struct image **images; /* of the launched process, in order; the last one is current */
    uint32_t count;
    struct image *spare;  /* prepared before anyone asked */
    struct error trouble; /* the first thing that kept an image from being recorded */
};

/* ------------------------------------------------------------- images -- */

static void image_discard(struct image *image)
{
    if (image) {
        image_release(image);
        free(image);
    }
}

static struct image *image_new(const struct run *r, struct error *e)
{
    struct image *image = malloc(sizeof(*image));

    if (!image)
        error_set(e, ERROR_MEMORY, "out of memory");
    else if (image_prepare(image, &r->settings, e) == 0)
        return image;
    free(image);
    return NULL;
}

/* The image that comes next, appended to the list; NULL if there can be none. */
static struct image *image_next(struct run *r, struct error *e)
{
    struct image *image = r->spare;
    struct image **images = realloc(r->images, (r->count + 1) * sizeof(struct image *));

    if (!images) {
        error_set(e, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    r->images = images;
    if (!image)
        image = image_new(r, e);
    r->spare = NULL;
    if (image)
        r->images[r->count++] = image;
    return image;
}

/* Keep the first error: what follows from it says less. */
static void keep_trouble(struct run *r, const struct error *e)
{
    if (r->trouble.kind == ERROR_NONE)
        r->trouble = *e;
}

/*
 * Only the launched process is recorded.  When it says hello again it has
 * replaced its image: the one before is complete.
 */
static int hello(void *context, const struct hello *said, pid_t peer, struct hello_answer *answer)
{
    struct run *r = context;
    struct error e = {0};
    struct image *image;

    (void)said;
    if (peer != r->launch.pid || r->count == IMAGES_MAX)
        return -1;
    if (r->count)
        image_stop(r->images[r->count - 1]);
    image = image_next(r, &e);
    if (!image || image_begin(image, peer, r->options, &e) != 0) {
        keep_trouble(r, &e);
        if (image)
            image_discard(r->images[--r->count]);
        return -1;
    }
    answer->segment_bytes = image->segment.layout.segment_bytes;
    return image->fd;
}

/* ------------------------------------------------------------- running -- */

static void watch(struct run *r)
{
    struct pollfd polls[SERVER_POLLS + 1];

    while (launch_handle(&r->launch), !r->launch.ended) {
        size_t count = 0;

        if (r->server.listener >= 0)
            count = server_polls(&r->server, polls);
        polls[count] = (struct pollfd){.fd = r->launch.signals, .events = POLLIN};
        if (poll(polls, count + 1, -1) > 0 && count)
            server_handle(&r->server, hello, r);
    }
}

static int open_session(struct run *r, struct error *e)
{
    const char *preload = r->options->preload;

    if (strpbrk(preload, ": "))
        return error_set(e, ERROR_INPUT,
                         "%s cannot be preloaded: its path has a space or a colon in it", preload);
    if (server_open(&r->server, e) != 0)
        return -1;
    r->spare = image_new(r, e);
    return r->spare ? 0 : -1;
}

static int start(struct run *r, struct error *e)
{
    struct launch_options launching = {.program = r->options->program,
                                       .arguments = r->options->arguments,
                                       .preload = r->options->preload,
                                       .session = r->server.path};

    if (r->options->preload && open_session(r, e) != 0)
        return -1;
    return launch_start(&r->launch, &launching, e);
}

/* ------------------------------------------------------------- results -- */

static void set_exit(struct profile_process *process, int wait_status, bool last)
{
    if (!last || process->exit_kind == EXIT_EXECUTED) {
        process->exit_kind = EXIT_EXECUTED;
    } else if (WIFSIGNALED(wait_status)) {
        process->exit_kind = EXIT_SIGNAL;
        process->exit_value = WTERMSIG(wait_status);
    } else {
        process->exit_kind = EXIT_STATUS;
        process->exit_value = WEXITSTATUS(wait_status);
    }
}

static int collect_profiles(struct run *r, struct run_result *result, struct error *e)
{
    if (r->count == 0)
        return 0;
    result->images = calloc(r->count, sizeof(*result->images));
    if (!result->images)
        return error_set(e, ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < r->count; i++) {
        struct run_image *image = &result->images[result->image_count++];

        if (image_profile(r->images[i], image, e) != 0)
            return -1;
        set_exit(&image->profile.process, result->wait_status, i + 1 == r->count);
    }
    return 0;
}

static void run_release(struct run *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        image_discard(r->images[i]);
    free(r->images);
    image_discard(r->spare);
    server_close(&r->server);
    launch_end(&r->launch);
}

static int run_all(struct run *r, struct run_result *result, struct error *e)
{
    uint64_t began = clock_monotonic_ns();

    if (start(r, e) != 0)
        return -1;
    result->pid = r->launch.pid;
    watch(r);
    result->seconds = (double)(clock_monotonic_ns() - began) * 1e-9;
    result->wait_status = r->launch.wait_status;
    if (r->count)
        image_stop(r->images[r->count - 1]);
    server_close(&r->server);
    if (r->count == 0 && r->trouble.kind != ERROR_NONE) {
        if (e)
            *e = r->trouble;
        return -1;
    }
    return collect_profiles(r, result, e);
}

int run_program(const struct run_options *options, struct run_result *result, struct error *e)
{
    struct run r = {.options = options, .settings = options->settings};
    int status;

    memset(result, 0, sizeof(*result));
    r.settings.clock = procinfo_tsc_reliable() ? CLOCK_TSC : CLOCK_MONOTONIC_NS;
    server_init(&r.server);
    r.launch.signals = -1;
    status = run_all(&r, result, e);
    run_release(&r);
    if (status != 0)
        run_result_release(result);
    return status;
}

void run_result_release(struct run_result *result)
{
    for (uint32_t i = 0; i < result->image_count; i++)
        profile_release(&result->images[i].profile);
    free(result->images);
    result->images = NULL;
    result->image_count = 0;
}
