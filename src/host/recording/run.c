/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/run.h"

#include "src/host/process/launch.h"
#include "src/host/process/procinfo.h"
#include "src/host/recording/answering.h"
#include "src/host/recording/descendants.h"
#include "src/host/recording/image.h"
#include "src/host/recording/server.h"
#include "src/shared/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES_MAX 1024u /* a program that executes itself for ever is not followed for ever */

/*
 * So many images keep their segments, open modules and files.  Naming frames
 * takes time, for which the program's next image would have to wait: that
 * happens only where a chain of executions is longer than this.
 */
#define IMAGES_OPEN 4u

struct run {
    const struct run_options *options;
    struct segment_settings settings;
    struct server server;
    struct launch launch;
    int ready; /* eventfd: images have answers to requests */
    struct run_result *result;
    struct image **images; /* of the launched process, in order; the last one is current */
    uint32_t count;
    uint32_t finished;   /* of these have their results, and are gone */
    struct image *spare; /* prepared before anyone asked */
    struct descendants descendants;
    bool replaced;        /* what runs in it by now was executed without having said so */
    uint64_t look_ns;     /* when to look for that again */
    uint32_t number;      /* of the launched process's last image in the tree */
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

static void set_exit(struct profile_process *process, int wait_status)
{
    if (WIFSIGNALED(wait_status)) {
        process->exit_kind = EXIT_SIGNAL;
        process->exit_value = WTERMSIG(wait_status);
    } else {
        process->exit_kind = EXIT_STATUS;
        process->exit_value = WEXITSTATUS(wait_status);
    }
}

static void take_row(struct run *r, const struct image *image, const struct run_image *from)
{
    struct tree *tree = &r->result->tree;
    uint32_t number = image->family.number;
    struct tree_row *row = number && number <= tree->count ? &tree->rows[number - 1] : NULL;

    if (!row)
        return;
    tree_take(row, &from->profile);
    row->forks = image_forks(image);
    if (from->profile.process.exit_kind == EXIT_STATUS && image_end_unseen(image)) {
        tree_append(&row->reason, TREE_END_UNSEEN);
        r->result->end_unseen = true;
    }
    tree_note_unfollowed(&row->reason, r->options->follow, &from->profile);
    row->recorded = from->target_state != TARGET_REFUSED;
    if (from->path)
        tree_set(&row->file, from->path);
}

struct writing {
    struct image *image;
    struct run_image *to;
};

static void *write_apart(void *argument)
{
    const struct writing *w = argument;

    image_write(w->image, w->to);
    return NULL;
}

/* The last image is written by another thread while the caller makes what it will report. */
static void write_last(struct run *r, struct image *image, struct run_image *to)
{
    struct writing writing = {image, to};
    sigset_t all, before;
    pthread_t thread;
    bool apart;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    apart = r->options->meanwhile && pthread_create(&thread, NULL, write_apart, &writing) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!apart) {
        image_write(image, to);
        return;
    }
    descendants_settle(&r->descendants);
    r->options->meanwhile(r->options->context, r->result);
    pthread_join(thread, NULL);
}

/* Symbolize and write an image; false: it is as if it had not been recorded. */
static bool image_result(struct run *r, struct image *image, bool last, struct error *e)
{
    struct run_result *result = r->result;
    struct run_image *to;

    /* All at once: profiles are not moved. */
    if (!result->images)
        result->images = calloc(IMAGES_MAX, sizeof(*result->images));
    if (!result->images)
        return error_set(e, ERROR_MEMORY, "out of memory") == 0;
    to = &result->images[result->image_count];
    if (image_profile(image, to, e) != 0) {
        profile_release(&to->profile);
        memset(to, 0, sizeof(*to));
        return false;
    }
    to->number = image->family.number;
    if (last && to->profile.process.exit_kind != EXIT_EXECUTED && !r->replaced &&
        !descendants_succeeded(&r->descendants, image->family.number, image->pid))
        set_exit(&to->profile.process, result->wait_status);
    else
        to->profile.process.exit_kind = EXIT_EXECUTED;
    leaksearch_explain(&to->profile);
    result->image_count++;
    if (last)
        write_last(r, image, to);
    else
        image_write(image, to);
    take_row(r, image, to);
    return true;
}

/* Have the result of the first image that has none, and let go of all that it held open. */
static void image_finish(struct run *r)
{
    struct image **image = &r->images[r->finished];
    struct error e = {0};

    if (!image_result(r, *image, r->finished + 1 == r->count, &e))
        keep_trouble(r, &e);
    if ((*image)->family.number)
        descendants_let_go(&r->descendants, (*image)->family.number);
    else
        image_discard(*image);
    *image = NULL;
    r->finished++;
}

/* ------------------------------------------------------------- requests -- */

static struct image *current(const struct run *r)
{
    return r->count ? r->images[r->count - 1] : NULL;
}

static void pass_last_answers(void *context, struct image *image)
{
    struct run *r = context;

    (void)answering_pass(&r->server, image, UINT64_MAX);
}

static void pass_answers(struct run *r)
{
    struct image *image;
    uint64_t count;
    uint32_t at = 0;

    (void)!read(r->ready, &count, sizeof(count));
    if (current(r))
        (void)answering_pass(&r->server, current(r), UINT64_MAX);
    while ((image = descendants_next(&r->descendants, &at)))
        (void)answering_pass(&r->server, image, UINT64_MAX);
}

/* The running image of the smallest process id above `after`. */
static struct image *next_running(const struct run *r, int64_t after)
{
    struct image *best = NULL, *image = current(r);
    uint32_t at = 0;

    do
        if (image && image->running && image->pid > after && (!best || image->pid < best->pid))
            best = image;
    while ((image = descendants_next(&r->descendants, &at)));
    return best;
}

static void request(void *context, const struct control_request *asked, uint64_t ticket)
{
    struct run *r = context;
    struct image *image = current(r);
    struct control_answer nothing;

    if (asked->kind == CONTROL_LIST)
        image = next_running(r, asked->pid);
    else if (!image || asked->pid != image->pid)
        image = descendants_find(&r->descendants, (pid_t)asked->pid);
    if (image && (asked->kind == CONTROL_LIST || asked->pid == image->pid) &&
        answering_ask(image, asked, ticket))
        return;
    control_answer_init(&nothing, asked->kind == CONTROL_DETACH && image ? CONTROL_NOT_ATTACHED
                                                                         : CONTROL_NOTHING);
    server_answer(&r->server, ticket, &nothing);
}

/* The snapshot signal was sent to us instead of to the program. */
static void signalled(struct run *r)
{
    const struct capture_request asked = {.kind = CAPTURE_SNAPSHOT, .cause = MOMENT_BY_SIGNAL};

    while (r->launch.snapshot_signals) {
        r->launch.snapshot_signals--;
        if (current(r))
            (void)!image_ask(current(r), &asked);
    }
}

/* ------------------------------------------------------ one after another -- */

/* The current image is gone; who still waited for an answer gets it. */
static void stop_current(struct run *r)
{
    if (!r->count)
        return;
    image_stop(current(r));
    pass_answers(r);
}

/* realpath wants a file that is there, which a profile is from its first checkpoint on. */
static char *absolute_path(const char *path)
{
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0), *result = NULL;

    if (*path == '/')
        return strdup(path);
    if (folder && asprintf(&result, "%s/%s", folder, path) < 0)
        result = NULL;
    free(folder);
    return result;
}

/* Where the profile of an image is until it gets into the folder; for who reads the table then. */
static void place_outside(struct run *r, const struct image *image)
{
    uint32_t number = image->family.number;
    char *absolute;

    if (!number || number > r->result->tree.count || r->options->directory || !image->path)
        return;
    absolute = absolute_path(image->path);
    tree_set(&r->result->tree.rows[number - 1].file, absolute);
    free(absolute);
}

/* The process has another image: false when that cannot be recorded. */
static bool current_makes_way(struct run *r, struct error *e)
{
    stop_current(r);
    if (r->count == IMAGES_MAX)
        return error_set(e, ERROR_REFUSED,
                         "the process executed more than %u programs: only so many are recorded",
                         IMAGES_MAX) == 0;
    if (r->count) {
        image_make_earlier(current(r), r->options, r->count);
        place_outside(r, current(r));
        if (current(r)->family.number)
            tree_write(&r->result->tree, current(r)->family.number - 1);
    }
    while (r->count - r->finished > IMAGES_OPEN)
        image_finish(r);
    return true;
}

/* The row in the tree, and where its profile goes if that is in the run's folder; to be freed. */
static char *enter(struct run *r, struct image *image, struct image_options *options)
{
    char program[256], *path = NULL;

    descendants_wanted(r->options, r->launch.pid, program, sizeof(program));
    r->number = descendants_add_launched(&r->descendants, image, r->launch.pid, r->number, program);
    options->family =
        (struct image_family){r->number, &r->descendants.forks, &r->descendants.binaries};
    segment_header(&image->segment)->settings.image = r->number;
    if (r->options->directory) {
        path = descendants_path(&r->descendants, r->number, program, r->launch.pid);
        options->placed = true;
        options->path = path;
    }
    return path;
}

/* The row of an image of the launched process that is not to be recorded. */
static void leave_out(struct run *r, const char *program, struct hello_answer *answer)
{
    struct tree *tree = &r->result->tree;

    r->number = descendants_add_launched(&r->descendants, NULL, r->launch.pid, r->number, program);
    if (r->number) {
        tree_set(&tree->rows[r->number - 1].reason, "left out by --only or --not");
        tree_write(tree, r->number - 1);
    }
    r->result->excluded = true;
    answer->follow = r->options->follow;
    answer->image = r->number;
}

/* When the launched process says hello again it has replaced its image: the one before is complete.
 */
static int launched_hello(struct run *r, pid_t peer, struct hello_answer *answer)
{
    struct image_options options = {.run = r->options, .ready = r->ready};
    char program[256], *path;
    struct error e = {0};
    struct image *image;
    int begun = -1;

    if (!descendants_wanted(r->options, peer, program, sizeof(program))) {
        stop_current(r);
        leave_out(r, program, answer);
        return -1;
    }
    r->result->excluded = false;
    r->replaced = false;
    image = current_makes_way(r, &e) ? image_next(r, &e) : NULL;
    if (image) {
        path = enter(r, image, &options);
        image_choose_stop(image, r->options->search.how, peer);
        begun = image_begin(image, peer, &options, &e);
        if (begun == 0) {
            place_outside(r, image);
            descendants_recorded(&r->descendants, r->number, path);
        }
        free(path);
    }
    if (begun != 0) {
        keep_trouble(r, &e);
        if (image) {
            descendants_let_go(&r->descendants, r->number);
            r->count--;
        }
        return -1;
    }
    answer->follow = r->options->follow;
    answer->image = r->number;
    answer->segment_bytes = image->segment.layout.segment_bytes;
    return image->fd;
}

static int hello(void *context, const struct hello *said, pid_t peer, struct hello_answer *answer)
{
    struct run *r = context;

    /* once the launched one has ended another may have got its number */
    if (peer == r->launch.pid && !r->launch.ended)
        return launched_hello(r, peer, answer);
    return descendants_hello(&r->descendants, said, peer, answer);
}

static bool execute(void *context, const struct execute_question *asked, const char *path,
                    pid_t peer, uint32_t *row)
{
    struct run *r = context;

    return descendants_execute(&r->descendants, asked, path, peer, row);
}

static void not_executed(void *context, const struct execute_failure *said, pid_t peer)
{
    struct run *r = context;

    descendants_not_executed(&r->descendants, said, peer);
}

/* The preload library of another build: the program runs, and is not recorded. */
static void stranger(void *context, const struct hello *said, pid_t peer)
{
    struct run *r = context;

    (void)said;
    if (peer == r->launch.pid)
        r->result->other_version = true;
}

static void unheard(void *context)
{
    struct run *r = context;
    struct error e;

    errno = EMFILE;
    error_set(&e, ERROR_SYSTEM, "cannot hear a program that starts");
    keep_trouble(r, &e);
}

/* ------------------------------------------------------------- running -- */

/* Wait for anything to happen, for at most so long, and deal with it.  false: nothing did. */
static bool attend(struct run *r, int timeout_ms)
{
    const struct server_handlers handlers = {.hello = hello,
                                             .stranger = stranger,
                                             .execute = execute,
                                             .not_executed = not_executed,
                                             .request = request,
                                             .unheard = unheard,
                                             .context = r};
    size_t most = SERVER_POLLS + 2 + descendants_polls_max(&r->descendants), count = 0;
    struct pollfd few[SERVER_POLLS + 2], *polls = few;
    bool served = r->server.listener >= 0, some;

    if (most > sizeof(few) / sizeof(few[0]))
        polls = calloc(most, sizeof(*polls));
    if (!polls) /* no memory: look again a moment later */
        return usleep(10000) == 0;
    if (served)
        count = server_polls(&r->server, polls);
    polls[count++] = (struct pollfd){.fd = r->launch.signals, .events = POLLIN};
    polls[count++] = (struct pollfd){.fd = r->ready, .events = POLLIN};
    if (served)
        count += descendants_polls(&r->descendants, polls + count);
    some = poll(polls, count, timeout_ms) > 0;
    if (polls != few)
        free(polls);
    if (some && served)
        server_handle(&r->server, &handlers);
    pass_answers(r);
    signalled(r);
    if (served)
        descendants_handle(&r->descendants);
    return some;
}

#define LOOK_MS 1000 /* between two looks at what processes execute */

/* Now and then, also when events keep coming. */
static void look(struct run *r)
{
    uint64_t now = clock_monotonic_ns();

    if (r->options->follow == FOLLOW_NONE || now < r->look_ns)
        return;
    r->look_ns = now + LOOK_MS * UINT64_C(1000000);
    descendants_look(&r->descendants);
    if (!r->replaced && current(r) && current(r)->running && image_replaced(current(r))) {
        r->replaced = true;
        descendants_replaced(&r->descendants, r->number, r->launch.pid);
    }
}

static void watch(struct run *r)
{
    while (launch_handle(&r->launch), !r->launch.ended) {
        attend(r, r->options->follow == FOLLOW_NONE ? -1 : LOOK_MS);
        look(r);
    }
}

#define LONG_MS 500 /* processes that outlive the program so long are spoken of */

/* The program has ended: those that it leaves are recorded until they end, or somebody says enough.
 */
static void watch_descendants(struct run *r)
{
    uint64_t since = clock_monotonic_ns();
    bool told = false;

    if (r->server.listener < 0)
        return;
    while (descendants_remain(&r->descendants, r->server.path) && !r->launch.interrupted) {
        if (!told && clock_monotonic_ns() - since > LONG_MS * UINT64_C(1000000)) {
            told = true;
            launch_watch_interrupts(&r->launch);
            if (r->options->waiting)
                r->options->waiting(r->options->context, &r->result->tree);
        }
        attend(r, told ? LOOK_MS : LONG_MS / 5);
        look(r);
        launch_handle(&r->launch);
    }
    r->result->interrupted = r->launch.interrupted;
}

static int open_session(struct run *r, struct error *e)
{
    const char *preload = r->options->preload;

    if (strpbrk(preload, ": "))
        return error_set(e, ERROR_INPUT,
                         "%s cannot be preloaded: its path has a space or a colon in it", preload);
    r->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->ready < 0)
        return error_set(e, ERROR_SYSTEM, "cannot make an event descriptor");
    if (server_open(&r->server, e) != 0)
        return -1;
    if (descendants_begin(&r->descendants, r->options, &r->settings, &r->result->tree, r->ready,
                          e) != 0)
        return -1;
    r->descendants.stopped = pass_last_answers;
    r->descendants.context = r;
    r->spare = image_new(r, e);
    return r->spare ? 0 : -1;
}

/* Every image takes some; the program began with the limit as it was. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct run *r, struct error *e)
{
    struct launch_options launching = {.program = r->options->program,
                                       .arguments = r->options->arguments,
                                       .preload = r->options->preload,
                                       .session = r->server.path,
                                       .snapshot_signal = (int)r->settings.snapshot_signal};

    if (r->options->preload && open_session(r, e) != 0)
        return -1;
    if (launch_start(&r->launch, &launching, e) != 0)
        return -1;
    r->result->without_room = r->launch.without_room;
    if (r->options->follow != FOLLOW_NONE)
        raise_descriptors();
    return 0;
}

/* ------------------------------------------------------------- results -- */

static void run_release(struct run *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        image_discard(r->images[i]);
    descendants_release(&r->descendants);
    free(r->images);
    image_discard(r->spare);
    server_close(&r->server);
    launch_end(&r->launch);
    if (r->ready >= 0)
        close(r->ready);
}

/*
 * Where the profile's name was not chosen by anyone, all are in the folder.  One that was asked for
 * is where it was asked for, and in the folder by another link.
 */
static void place_in_folder(struct run *r, struct run_image *image)
{
    struct tree_row *row = &r->result->tree.rows[image->number - 1];
    char program[256], *path;
    const char *base;

    snprintf(program, sizeof(program), "%s", row->program);
    path = descendants_path(&r->descendants, image->number, program, (pid_t)row->pid);
    if (!path)
        return;
    base = strrchr(path, '/') + 1;
    if (!r->options->output && !r->options->directory && rename(image->path, path) == 0) {
        tree_set(&row->file, base);
        free(image->path);
        image->path = path;
        return;
    }
    if (link(image->path, path) == 0 || (errno == EEXIST && r->options->directory))
        tree_set(&row->file, base);
    else if (*image->path != '/') { /* seen from the folder */
        char *absolute = realpath(image->path, NULL);

        tree_set(&row->file, absolute);
        free(absolute);
    }
    free(path);
}

/* What the launched process executed at last, if that was not recorded, ended as it did. */
static void end_launched(struct run *r)
{
    struct tree *t = &r->result->tree;

    for (uint32_t i = t->count; i > 0; i--) {
        struct tree_row *row = &t->rows[i - 1];
        int status = r->result->wait_status;

        if (row->pid != r->launch.pid || row->withdrawn)
            continue;
        if (!row->ended && !row->recorded) {
            row->ended = true;
            row->exit_kind = WIFSIGNALED(status) ? EXIT_SIGNAL : EXIT_STATUS;
            row->exit_value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
            tree_write(t, i - 1);
        }
        return;
    }
}

/* What there is to say of several processes. */
static void gather(struct run *r)
{
    struct run_result *result = r->result;
    struct descendants *d = &r->descendants;

    if (!d->started)
        return;
    descendants_finish(d);
    end_launched(r);
    if (!r->options->directory && tree_images(&result->tree) < 2)
        descendants_abandon(d);
    for (uint32_t i = 0; d->folder && i < result->image_count; i++)
        if (result->images[i].number && result->images[i].path) {
            place_in_folder(r, &result->images[i]);
            tree_write(&result->tree, result->images[i].number - 1);
        }
    if (d->folder)
        result->folder = strdup(d->folder);
    keep_trouble(r, &d->trouble);
    keep_trouble(r, &result->tree.trouble);
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
    stop_current(r);
    watch_descendants(r);
    server_close(&r->server);
    while (r->finished < r->count)
        image_finish(r);
    gather(r);
    result->trouble = r->trouble;
    if (result->image_count || result->excluded || r->trouble.kind == ERROR_NONE)
        return 0;
    if (e)
        *e = r->trouble;
    return -1;
}

int run_program(const struct run_options *options, struct run_result *result, struct error *e)
{
    struct run r = {.options = options, .settings = options->settings, .ready = -1};
    int status;

    memset(result, 0, sizeof(*result));
    tree_init(&result->tree);
    r.result = result;
    r.settings.follow = options->follow;
    r.settings.search = options->search.at_end ? SEARCHES_AT_END : SEARCHES_ASKED;
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
    for (uint32_t i = 0; i < result->image_count; i++) {
        profile_release(&result->images[i].profile);
        free(result->images[i].path);
    }
    free(result->images);
    free(result->folder);
    tree_release(&result->tree);
    result->images = NULL;
    result->folder = NULL;
    result->image_count = 0;
}
