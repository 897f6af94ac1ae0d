// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/descendants.h"

#include "src/host/memory/availmem.h"
#include "src/host/process/pidfd.h"
#include "src/host/process/procinfo.h"
#include "src/host/profile/profilename.h"
#include "src/host/recording/stragglers.h"
#include "src/host/text/strbuf.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRAGGLERS 64u /* looked for at a time */

/* ------------------------------------------------------------- set-up -- */

int descendants_begin(struct descendants *d, const struct run_options *run,
                      const struct segment_settings *settings, struct tree *tree, int ready,
                      struct error *e)
{
    memset(d, 0, sizeof(*d));
    d->run = run;
    d->settings = settings;
    d->tree = tree;
    d->ready = ready;
    if (!forks_init(&d->forks))
        return error_set(e, ERROR_MEMORY, "out of memory");
    binaries_init(&d->binaries);
    d->started = true;
    return 0;
}

static void image_discard(struct image *image)
{
    if (image) {
        image_release(image);
        free(image);
    }
}

/* What its parent had live is not asked for any more. */
static void unexpect(struct descendants *d, size_t i)
{
    if (d->expected[i].fork)
        forks_drop(&d->forks, d->expected[i].from, d->expected[i].fork);
    close(d->expected[i].pidfd);
    d->expected[i] = d->expected[--d->expected_count];
}

void descendants_release(struct descendants *d)
{
    if (!d->started)
        return;
    descendants_finish(d);
    for (uint32_t i = 0; i < d->room && i < d->tree->count; i++) {
        if (d->all[i].pidfd >= 0)
            close(d->all[i].pidfd);
        if (!d->all[i].launched)
            image_discard(d->all[i].image);
        free(d->all[i].heard);
    }
    while (d->expected_count)
        unexpect(d, d->expected_count - 1);
    free(d->all);
    free(d->expected);
    free(d->folder);
    forks_release(&d->forks);
    binaries_release(&d->binaries);
    d->started = false;
}

/* ----------------------------------------------------------- the folder -- */

static bool has_tree(const char *folder)
{
    struct strbuf path;
    bool has;

    strbuf_init(&path);
    strbuf_addf(&path, "%s/" TREE_FILE, folder);
    has = path.failed || access(strbuf_text(&path), F_OK) == 0;
    strbuf_release(&path);
    return has;
}

/* Beside the profile of the launched process: its name with .tree instead of .mprof. */
static void add_folder_name(struct descendants *d, struct strbuf *name, unsigned attempt)
{
    const struct tree_row *first = &d->tree->rows[0];
    size_t suffix = strlen(PROFILE_NAME_SUFFIX);

    profile_name_add(name, d->run->output, first->program, (pid_t)first->pid, 0);
    if (!name->failed && name->length > suffix &&
        strcmp(strbuf_text(name) + name->length - suffix, PROFILE_NAME_SUFFIX) == 0)
        name->text[name->length -= suffix] = '\0';
    strbuf_add(name, ".tree");
    if (attempt)
        strbuf_addf(name, ".%u", attempt);
}

/* A new one, or the one that was asked for; an earlier run's is left as it is. */
static char *make_folder(struct descendants *d, struct error *e)
{
    struct strbuf name;
    char *made = NULL;

    for (unsigned attempt = 0; !made && attempt < 100; attempt++) {
        strbuf_init(&name);
        if (d->run->directory)
            strbuf_add(&name, d->run->directory);
        else
            add_folder_name(d, &name, attempt);
        if (name.failed)
            error_set(e, ERROR_MEMORY, "out of memory");
        else if (mkdir(strbuf_text(&name), 0777) == 0 ||
                 (errno == EEXIST && d->run->directory && !has_tree(d->run->directory)))
            made = strdup(strbuf_text(&name));
        else if (errno != EEXIST || d->run->directory)
            error_set(e, ERROR_SYSTEM, "cannot make the folder %s", strbuf_text(&name));
        strbuf_release(&name);
        if (e->kind != ERROR_NONE)
            break;
    }
    return made;
}

/* A profile that goes to a device or a pipe has no folder beside it. */
static bool folder_wanted(const struct run_options *run)
{
    struct stat status;

    if (run->directory)
        return true;
    return profile_name_wanted(run->output) &&
           (!run->output || stat(run->output, &status) != 0 || S_ISREG(status.st_mode));
}

static void keep_trouble(struct descendants *d, const struct error *e)
{
    if (d->trouble.kind == ERROR_NONE)
        d->trouble = *e;
}

static bool folder_ready(struct descendants *d)
{
    struct error e = {0};

    if (d->folder || !folder_wanted(d->run) || d->trouble.kind != ERROR_NONE)
        return d->folder != NULL;
    d->folder = make_folder(d, &e);
    if (!d->folder || tree_open(d->tree, d->folder, &e) != 0)
        keep_trouble(d, &e);
    return d->folder != NULL;
}

char *descendants_path(struct descendants *d, uint32_t number, const char *program, pid_t pid)
{
    struct strbuf path;
    char *result = NULL;

    if (!folder_ready(d))
        return NULL;
    strbuf_init(&path);
    strbuf_addf(&path, "%s/", d->folder);
    profile_name_add(&path, NULL, program, pid, number);
    if (!path.failed)
        result = strdup(strbuf_text(&path));
    strbuf_release(&path);
    return result;
}

/* ------------------------------------------------------------- the rows -- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A row and its descendant; the index, or TREE_NONE. */
static uint32_t add(struct descendants *d, uint32_t from, pid_t pid, bool forked,
                    const char *program)
{
    uint32_t index;

    if (d->tree->count == d->room) {
        uint32_t room = d->room ? 2 * d->room : 64;
        struct descendant *all = realloc(d->all, room * sizeof(*all));

        if (!all) {
            d->tree->left_out++;
            return TREE_NONE;
        }
        d->all = all;
        d->room = room;
    }
    index = tree_add(d->tree, from, pid, forked, program);
    if (index != TREE_NONE)
        d->all[index] = (struct descendant){.pidfd = -1, .pid = pid};
    return index;
}

uint32_t descendants_add_launched(struct descendants *d, struct image *image, pid_t pid,
                                  uint32_t from, const char *program)
{
    uint32_t index = add(d, from, pid, false, program);

    if (index == TREE_NONE)
        return 0;
    d->all[index].image = image;
    d->all[index].launched = true;
    return index + 1;
}

void descendants_recorded(struct descendants *d, uint32_t number, const char *path)
{
    struct tree_row *row = number && number <= d->tree->count ? &d->tree->rows[number - 1] : NULL;

    if (!row)
        return;
    row->recorded = true;
    if (path)
        tree_set(&row->file, base_of(path));
    tree_write(d->tree, number - 1);
}

/* Its children may have counted what they start after it had ended. */
static void note_late(struct descendants *d, uint32_t index)
{
    struct tree_row *row = &d->tree->rows[index];
    uint64_t now = image_unfollowed(d->all[index].image);
    char text[128];

    if (d->run->follow != FOLLOW_ALL || !row->ended || now <= row->unfollowed)
        return;
    snprintf(text, sizeof(text),
             "%llu started after its end not recorded: memprof could not be reached from there",
             (unsigned long long)(now - row->unfollowed));
    tree_append(&row->reason, text);
    row->unfollowed = now;
    tree_write(d->tree, index);
}

void descendants_let_go(struct descendants *d, uint32_t number)
{
    struct descendant *mine = number && number <= d->tree->count ? &d->all[number - 1] : NULL;

    if (!mine || !mine->image)
        return;
    mine->launched = false;
    if (forks_pending(&d->forks, number)) {
        image_shrink(mine->image);
        return;
    }
    note_late(d, number - 1);
    image_discard(mine->image);
    mine->image = NULL;
}

/* Images that were kept for children of which none can come any more. */
static void sweep(struct descendants *d)
{
    for (uint32_t i = 0; i < d->tree->count; i++)
        if (d->all[i].image && !d->all[i].running && !d->all[i].launched &&
            d->tree->rows[i].ended && !forks_pending(&d->forks, i + 1)) {
            note_late(d, i);
            image_discard(d->all[i].image);
            d->all[i].image = NULL;
        }
}

/* --------------------------------------------------------------- filters -- */

static bool matches(char *const *patterns, const char *program, const char *executable)
{
    for (; patterns && *patterns; patterns++)
        if (fnmatch(*patterns, program, 0) == 0 || fnmatch(*patterns, executable, 0) == 0)
            return true;
    return false;
}

bool descendants_wanted(const struct run_options *run, pid_t pid, char *program, size_t size)
{
    char arguments[4096], executable[4096];

    procinfo_executable(pid, executable, sizeof(executable));
    procinfo_arguments(pid, arguments, sizeof(arguments));
    procinfo_name(program, size, arguments, executable);
    if (run->only && !matches(run->only, program, base_of(executable)))
        return false;
    return !matches(run->not, program, base_of(executable));
}

/* ------------------------------------------------------------ being born -- */

static struct descendants_expected *find_expected(const struct descendants *d, pid_t pid)
{
    for (size_t i = 0; i < d->expected_count; i++)
        if (d->expected[i].pid == pid)
            return &d->expected[i];
    return NULL;
}

static void expect(struct descendants *d, pid_t pid, uint32_t row)
{
    struct descendants_expected *known = find_expected(d, pid);
    int pidfd;

    if (known && row != TREE_NONE)
        known->row = row;
    if (known)
        return;
    if (d->expected_count == d->expected_room) {
        size_t room = d->expected_room ? 2 * d->expected_room : 16;
        struct descendants_expected *all = realloc(d->expected, room * sizeof(*all));

        if (!all)
            return;
        d->expected = all;
        d->expected_room = room;
    }
    pidfd = pidfd_open_process(pid);
    if (pidfd >= 0)
        d->expected[d->expected_count++] = (struct descendants_expected){
            .pid = pid, .pidfd = pidfd, .start_ticks = procinfo_start_ticks(pid), .row = row};
}

/* It says hello: as a forked child, it asks for what its parent had. */
static void no_longer_expected(struct descendants *d, pid_t pid, bool forked)
{
    struct descendants_expected *one = find_expected(d, pid);

    if (!one)
        return;
    if (forked)
        one->fork = 0;
    unexpect(d, (size_t)(one - d->expected));
}

static struct descendant *running_one(const struct descendants *d, pid_t pid)
{
    for (uint32_t i = d->tree->count; d->running && i > 0; i--)
        if (d->all[i - 1].running && d->all[i - 1].pid == pid)
            return &d->all[i - 1];
    return NULL;
}

struct image *descendants_find(const struct descendants *d, pid_t pid)
{
    const struct descendant *one = running_one(d, pid);

    return one ? one->image : NULL;
}

struct image *descendants_next(const struct descendants *d, uint32_t *at)
{
    while (d->running && *at < d->tree->count) {
        const struct descendant *one = &d->all[(*at)++];

        if (one->running)
            return one->image;
    }
    return NULL;
}

static struct image *parent_of(const struct descendants *d, uint32_t from)
{
    return from && from <= d->tree->count ? d->all[from - 1].image : NULL;
}

/* Its parent's collector may sleep: what it is to read is committed. */
static void rouse(struct descendants *d, uint32_t from)
{
    struct image *parent = parent_of(d, from);

    if (parent && (d->all[from - 1].running || d->all[from - 1].launched) && parent->running)
        collector_rouse(&parent->collector);
}

static struct image *image_new(struct descendants *d, uint32_t number, pid_t pid,
                               const struct hello *said, struct error *e)
{
    struct image *image = malloc(sizeof(*image)), *parent = parent_of(d, said->from);
    struct segment_header *h;

    if (!image) {
        error_set(e, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (image_prepare(image, d->settings, e) != 0) {
        free(image);
        return NULL;
    }
    h = segment_header(&image->segment);
    h->settings.image = number;
    if (!said->fork) {
        image_choose_stop(image, d->run->search.how, pid);
        return image;
    }
    if (parent && image_descend(image, parent))
        return image;
    error_set(e, ERROR_REFUSED, "its parent's stacks are not known any more");
    image_discard(image);
    return NULL;
}

/* NULL with `e` set when it cannot be recorded. */
static struct image *record(struct descendants *d, uint32_t index, const struct hello *said,
                            struct error *e)
{
    struct tree_row *row = &d->tree->rows[index];
    struct image_options options = {.run = d->run,
                                    .ready = d->ready,
                                    .placed = true,
                                    .family = {index + 1, &d->forks, &d->binaries}};
    pid_t pid = (pid_t)row->pid;
    struct image *image = image_new(d, index + 1, pid, said, e);
    char *path;

    if (!image)
        return NULL;
    if (said->fork) {
        options.birth =
            (struct image_birth){.parent = row->from ? d->tree->rows[row->from - 1].pid : 0,
                                 .from = said->from,
                                 .fork = said->fork};
        rouse(d, said->from);
    }
    path = descendants_path(d, index + 1, row->program, pid);
    options.path = path;
    if (image_begin(image, pid, &options, e) != 0) {
        image_discard(image);
        image = NULL;
    } else if (path) {
        tree_set(&row->file, base_of(path));
    }
    free(path);
    return image;
}

static void end_one(struct descendants *d, uint32_t index, enum exit_kind kind, int32_t value);

static void decline(struct descendants *d, uint32_t index, const char *reason)
{
    tree_set(&d->tree->rows[index].reason, reason);
    folder_ready(d);
    tree_write(d->tree, index);
    if (d->tree->rows[index].pid)
        expect(d, (pid_t)d->tree->rows[index].pid, index);
}

static int go_on(struct descendants *d, uint32_t index, const struct hello *said,
                 struct hello_answer *answer)
{
    struct descendant *mine = &d->all[index];
    struct error e = {0};
    int pidfd = pidfd_open_process(mine->pid);

    if (pidfd < 0)
        error_set(&e, ERROR_SYSTEM, "its end cannot be watched for");
    else if (d->finisher.running || finisher_start(&d->finisher, d->run, d->ready, &e) == 0)
        mine->image = record(d, index, said, &e);
    if (!mine->image) {
        if (pidfd >= 0)
            close(pidfd);
        decline(d, index, e.text);
        return -1;
    }
    mine->pidfd = pidfd;
    mine->start_ticks = procinfo_start_ticks(mine->pid);
    mine->running = true;
    d->running++;
    d->tree->rows[index].recorded = true;
    tree_write(d->tree, index);
    answer->segment_bytes = mine->image->segment.layout.segment_bytes;
    return mine->image->fd;
}

/* A child has said what becomes of it: it is recorded, or executes something. */
static void hear(struct descendants *d, uint32_t from, uint32_t fork)
{
    struct descendant *parent = from && from <= d->tree->count ? &d->all[from - 1] : NULL;
    uint32_t words = fork / 64 + 1;

    if (!parent || !fork || fork == FORK_UNMARKED || fork > DESCENDANTS_FORKS)
        return;
    if (words > parent->heard_words) {
        uint64_t *more = realloc(parent->heard, 2 * words * sizeof(*more));

        if (!more)
            return;
        memset(more + parent->heard_words, 0, (2 * words - parent->heard_words) * sizeof(*more));
        parent->heard = more;
        parent->heard_words = 2 * words;
    }
    parent->heard[fork / 64] |= UINT64_C(1) << fork % 64;
}

/* What it was to execute it did not: nothing is known of it again. */
static void unhear(struct descendants *d, uint32_t from, uint32_t fork)
{
    struct descendant *parent = from && from <= d->tree->count ? &d->all[from - 1] : NULL;

    if (parent && fork / 64 < parent->heard_words)
        parent->heard[fork / 64] &= ~(UINT64_C(1) << fork % 64);
}

/* At the end: of the others nothing will be heard any more. */
static void count_quiet(struct descendants *d)
{
    for (uint32_t i = 0; i < d->tree->count; i++) {
        struct tree_row *row = &d->tree->rows[i];
        uint64_t heard = 0;

        for (uint32_t k = 0; k < d->all[i].heard_words; k++)
            heard += (uint64_t)__builtin_popcountll(d->all[i].heard[k]);
        if (d->run->follow != FOLLOW_ALL || row->forks > DESCENDANTS_FORKS || row->forks <= heard)
            continue;
        row->quiet_children = row->forks - heard;
        tree_write(d->tree, i);
    }
}

static uint32_t at_once(void)
{
    uint64_t most = availmem_bytes() / DESCENDANTS_BYTES, room;
    struct rlimit files;

    if (most > DESCENDANTS_MAX)
        most = DESCENDANTS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        room = files.rlim_cur > BINARIES_MAX ? files.rlim_cur - BINARIES_MAX : files.rlim_cur;
        if (room / DESCENDANTS_DESCRIPTORS < most)
            most = room / DESCENDANTS_DESCRIPTORS;
    }
    return most ? (uint32_t)most : 1;
}

int descendants_hello(struct descendants *d, const struct hello *said, pid_t peer,
                      struct hello_answer *answer)
{
    struct descendant *before = running_one(d, peer);
    uint32_t from = said->from <= d->tree->count ? said->from : 0, index;
    char program[256];
    bool wanted;

    if (d->run->follow == FOLLOW_NONE || (said->fork && d->run->follow != FOLLOW_ALL))
        return -1;
    wanted = descendants_wanted(d->run, peer, program, sizeof(program));
    if (!*program && said->fork && from) { /* it has ended already: it was what its parent is */
        snprintf(program, sizeof(program), "%s", d->tree->rows[from - 1].program);
        wanted = d->tree->rows[from - 1].recorded;
    }
    hear(d, said->from, said->fork);
    if (before)
        end_one(d, (uint32_t)(before - d->all), EXIT_EXECUTED, 0);
    no_longer_expected(d, peer, said->fork != 0);
    index = add(d, from, peer, said->fork != 0, program);
    if (index == TREE_NONE)
        return -1;
    answer->follow = d->run->follow;
    answer->image = index + 1;
    if (!d->most)
        d->most = at_once();
    if (!wanted)
        decline(d, index, "left out by --only or --not");
    else if (d->running >= d->most)
        decline(d, index, "too many processes at once");
    else
        return go_on(d, index, said, answer);
    return -1;
}

/* --------------------------------------------------------- executing -- */

/* The file that process `pid` means; paths of its own folder and descriptors are not ours. */
static void path_of(char *to, size_t size, const char *path, pid_t pid)
{
    static const char self[] = "/proc/self/";

    if (strncmp(path, self, strlen(self)) == 0)
        snprintf(to, size, "/proc/%d/%s", (int)pid, path + strlen(self));
    else if (*path == '/')
        snprintf(to, size, "%s", path);
    else
        snprintf(to, size, "/proc/%d/cwd/%s", (int)pid, path);
}

/* `why` as the process named the file, and not as memprof reaches it. */
static void name_as_asked(struct error *why, const char *seen, const char *path)
{
    size_t length = strlen(seen);
    struct error said = *why;

    if (strncmp(said.text, seen, length) == 0)
        snprintf(why->text, sizeof(why->text), "%s%s", path, said.text + length);
}

/* The row's number, or 0. */
static uint32_t add_unrecorded(struct descendants *d, uint32_t from, const char *path, pid_t pid,
                               const char *reason)
{
    uint32_t index = add(d, from <= d->tree->count ? from : 0, pid, false, base_of(path));

    if (index == TREE_NONE)
        return 0;
    decline(d, index, reason);
    return index + 1;
}

/*
 * A forked child that executes something needs no more what its parent had; but only once it has:
 * a shell reads a script itself that the kernel does not take.
 */
static void forget_fork(struct descendants *d, const struct execute_question *asked, pid_t peer)
{
    struct descendants_expected *one = find_expected(d, peer);

    if (asked->fork == 0 || asked->fork == FORK_UNMARKED)
        return;
    if (!one) {
        forks_drop(&d->forks, asked->from, asked->fork);
        return;
    }
    one->from = asked->from;
    one->fork = asked->fork;
}

bool descendants_execute(struct descendants *d, const struct execute_question *asked,
                         const char *path, pid_t peer, uint32_t *row)
{
    char seen[EXECUTE_PATH_BYTES + 64];
    struct error why = {0};

    hear(d, asked->from, asked->fork);
    path_of(seen, sizeof(seen), path, peer);
    switch (preflight_check(seen, &why)) {
    case PREFLIGHT_STATIC:
    case PREFLIGHT_PRIVILEGED:
    case PREFLIGHT_OTHER_MACHINE:
    case PREFLIGHT_OTHER_LIBC:
    case PREFLIGHT_SANITIZED:
        name_as_asked(&why, seen, path);
        if (d->run->follow != FOLLOW_NONE)
            *row = add_unrecorded(d, asked->from, path, asked->child ? 0 : peer, why.text);
        forget_fork(d, asked, peer);
        return false;
    default:
        break;
    }
    d->carried = true;
    if (d->run->follow != FOLLOW_NONE && !asked->child && !running_one(d, peer))
        expect(d, peer, TREE_NONE);
    forget_fork(d, asked, peer);
    return true;
}

void descendants_not_executed(struct descendants *d, const struct execute_failure *said, pid_t peer)
{
    struct tree_row *row =
        said->row && said->row <= d->tree->count ? &d->tree->rows[said->row - 1] : NULL;
    struct descendants_expected *one = find_expected(d, peer);

    if (said->fork != FORK_UNMARKED)
        unhear(d, said->from, said->fork);
    if (!row || row->recorded || row->ended || row->from != said->from ||
        (row->pid && row->pid != peer))
        return;
    row->withdrawn = true;
    tree_write(d->tree, said->row - 1);
    if (one && one->row == said->row - 1)
        one->row = TREE_NONE;
}

/* ------------------------------------------------------------ ending -- */

/* Its parent may wait for it at any moment, so that is the second that is looked for. */
static bool exit_status(pid_t pid, int pidfd, uint64_t start_ticks, int *status)
{
    return procinfo_ended(pid, start_ticks, status) || pidfd_exit_status(pidfd, status);
}

/* A process that is nobody's child here: by the kernel, or by what it said itself. */
static void how_it_ended(const struct descendant *one, enum exit_kind *kind, int32_t *value)
{
    const struct segment_header *h = segment_header(&one->image->segment);
    /* relaxed: it has ended */
    uint32_t leaving = atomic_load_explicit(&h->leaving, memory_order_relaxed);
    int status;

    *kind = EXIT_UNKNOWN;
    *value = 0;
    if (exit_status(one->pid, one->pidfd, one->start_ticks, &status)) {
        *kind = WIFSIGNALED(status) ? EXIT_SIGNAL : EXIT_STATUS;
        *value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    } else if (leaving & (LEAVING_STATUS | LEAVING_SIGNAL)) {
        *kind = leaving & LEAVING_SIGNAL ? EXIT_SIGNAL : EXIT_STATUS;
        *value = (int32_t)(leaving & LEAVING_VALUE);
    }
}

/* To the finisher with it. */
static void end_one(struct descendants *d, uint32_t index, enum exit_kind kind, int32_t value)
{
    struct descendant *one = &d->all[index];
    struct finisher_job *job = calloc(1, sizeof(*job));

    if (one->pidfd >= 0)
        close(one->pidfd);
    one->pidfd = -1;
    one->running = false;
    d->running--;
    if (!job) {
        struct error e = {0};

        error_set(&e, ERROR_MEMORY, "out of memory");
        keep_trouble(d, &e);
        return;
    }
    job->image = one->image;
    job->index = index;
    job->exit_kind = kind;
    job->exit_value = value;
    finisher_put(&d->finisher, job, DESCENDANTS_QUEUED);
}

static bool has_successor(const struct descendants *d, uint32_t number, pid_t pid)
{
    for (uint32_t i = number; i < d->tree->count; i++)
        if (d->tree->rows[i].from == number && d->tree->rows[i].pid == pid &&
            !d->tree->rows[i].withdrawn)
            return true;
    return false;
}

bool descendants_succeeded(const struct descendants *d, uint32_t number, pid_t pid)
{
    const struct image *image = number ? d->all[number - 1].image : NULL;

    return image && !image_said_end(image) && has_successor(d, number, pid);
}

void descendants_replaced(struct descendants *d, uint32_t number, pid_t pid)
{
    char executable[4096];

    if (has_successor(d, number, pid))
        return; /* the row says why it is not recorded */
    procinfo_executable(pid, executable, sizeof(executable));
    add_unrecorded(d, number, executable, pid,
                   "executed by a system call that memprof does not see");
}

void descendants_look(struct descendants *d)
{
    for (uint32_t i = 0; d->running && i < d->tree->count; i++)
        if (d->all[i].running && image_replaced(d->all[i].image)) {
            descendants_replaced(d, i + 1, d->all[i].pid);
            end_one(d, i, EXIT_EXECUTED, 0);
        }
}

size_t descendants_polls_max(const struct descendants *d)
{
    return d->running + d->expected_count;
}

size_t descendants_polls(const struct descendants *d, struct pollfd *polls)
{
    size_t count = 0;

    for (uint32_t i = 0; d->running && i < d->tree->count; i++)
        if (d->all[i].running)
            polls[count++] = (struct pollfd){.fd = d->all[i].pidfd, .events = POLLIN};
    for (size_t i = 0; i < d->expected_count; i++)
        polls[count++] = (struct pollfd){.fd = d->expected[i].pidfd, .events = POLLIN};
    return count;
}

static bool has_ended(int pidfd)
{
    struct pollfd one = {.fd = pidfd, .events = POLLIN};

    return poll(&one, 1, 0) > 0;
}

static void take_finished(struct descendants *d)
{
    struct finisher_job *job;

    while ((job = finisher_take(&d->finisher))) {
        struct tree_row *row = &d->tree->rows[job->index], found = job->row;

        found.image = row->image;
        found.from = row->from;
        found.pid = row->pid;
        found.forked = row->forked;
        found.ended = true;
        found.program = row->program;
        found.file = row->file;
        if (found.reason)
            tree_append(&row->reason, found.reason);
        free(found.reason);
        found.reason = row->reason;
        *row = found;
        if (d->stopped)
            d->stopped(d->context, job->image);
        tree_write(d->tree, job->index);
        free(job);
    }
    sweep(d);
}

/* Of one that is not recorded the kernel may still say how it ended. */
static void note_end(struct descendants *d, const struct descendants_expected *one)
{
    struct tree_row *row = one->row != TREE_NONE ? &d->tree->rows[one->row] : NULL;
    int status;

    if (!row || row->recorded || !exit_status(one->pid, one->pidfd, one->start_ticks, &status))
        return;
    row->ended = true;
    row->exit_kind = WIFSIGNALED(status) ? EXIT_SIGNAL : EXIT_STATUS;
    row->exit_value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    tree_write(d->tree, one->row);
}

void descendants_handle(struct descendants *d)
{
    for (uint32_t i = 0; d->running && i < d->tree->count; i++)
        if (d->all[i].running && has_ended(d->all[i].pidfd)) {
            enum exit_kind kind;
            int32_t value;

            how_it_ended(&d->all[i], &kind, &value);
            if (descendants_succeeded(d, i + 1, d->all[i].pid))
                kind = EXIT_EXECUTED;
            end_one(d, i, kind, value);
        }
    for (size_t i = d->expected_count; i > 0; i--)
        if (has_ended(d->expected[i - 1].pidfd)) {
            note_end(d, &d->expected[i - 1]);
            unexpect(d, i - 1);
        }
    if (d->finisher.running)
        take_finished(d);
}

/* ------------------------------------------------------------- the rest -- */

static bool is_known(void *context, pid_t pid)
{
    const struct descendants *d = context;

    if (running_one(d, pid))
        return true;
    return find_expected(d, pid) != NULL;
}

/* Whether a process may exist that we have not heard of: one that was forked, or is being loaded.
 */
static bool may_have_stragglers(struct descendants *d)
{
    return d->carried || (d->run->follow == FOLLOW_ALL && forks_any_pending(&d->forks));
}

static void find_stragglers(struct descendants *d, const char *session)
{
    ino_t *segments = calloc(d->tree->count + 1, sizeof(*segments));
    struct stragglers_search search = {
        .session = session, .segments = segments, .known = is_known, .context = d};
    pid_t found[STRAGGLERS];
    struct stat status;
    size_t count;

    if (!segments)
        return;
    for (uint32_t i = 0; i < d->tree->count; i++)
        if (d->all[i].image && fstat(d->all[i].image->fd, &status) == 0)
            segments[search.segment_count++] = status.st_ino;
    count = stragglers_find(&search, found, STRAGGLERS);
    for (size_t i = 0; i < count; i++)
        expect(d, found[i], TREE_NONE);
    free(segments);
}

bool descendants_remain(struct descendants *d, const char *session)
{
    if (!d->running && !d->expected_count && may_have_stragglers(d))
        find_stragglers(d, session);
    return d->running || d->expected_count;
}

void descendants_settle(struct descendants *d)
{
    for (uint32_t i = 0; d->running && i < d->tree->count; i++)
        if (d->all[i].running)
            end_one(d, i, EXIT_UNKNOWN, 0);
    if (d->finisher.running) {
        finisher_end(&d->finisher);
        take_finished(d);
    }
}

void descendants_finish(struct descendants *d)
{
    descendants_settle(d);
    for (uint32_t i = 0; i < d->tree->count; i++)
        if (d->all[i].image && !d->all[i].launched)
            note_late(d, i);
    count_quiet(d);
}

void descendants_abandon(struct descendants *d)
{
    if (!d->folder)
        return;
    tree_unlink(d->tree, d->folder);
    (void)!rmdir(d->folder); /* others may have put something there */
    free(d->folder);
    d->folder = NULL;
}
