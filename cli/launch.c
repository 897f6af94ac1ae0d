// SPDX-License-Identifier: Apache-2.0
#include "cli/launch.h"

#include "cli/run-files.h"
#include "cli/words.h"
#include "src/host/files/locate.h"
#include "src/host/files/lookup.h"
#include "src/host/process/preflight.h"
#include "src/host/recording/sessions.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* The exit status for a program that is not found or cannot be executed. */
static int start_failure(const struct error *e)
{
    if (e->saved_errno == ENOENT)
        return EXIT_RUN_NOT_FOUND;
    if (e->saved_errno == EACCES || e->saved_errno == ENOEXEC)
        return EXIT_RUN_CANNOT_EXECUTE;
    return EXIT_RUN_FAILED;
}

int launch_fail(const struct error *e, int status)
{
    words_error(e);
    return status;
}

int launch_status(const struct run_result *r)
{
    int wait_status = r->wait_status;

    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

const char *launch_silence(const struct run_result *r)
{
    static const char other_version[] =
        "not recorded: libmemprof-preload.so is of another version than memprof";
    static const char none[] = "no allocator calls seen: it may have its own malloc, be static, or "
                               "clear its environment";
    static const char quiet[] = "no allocator calls seen: the program made none meanwhile, or only "
                                "within a module that has its own malloc";
    const struct run_image *last = r->image_count ? &r->images[r->image_count - 1] : NULL;

    if (r->excluded)
        return "not recorded: left out by --only or --not";
    if (r->without_room)
        return "not recorded: its environment has no room for what memprof adds to it";
    if (!last)
        return r->other_version ? other_version : none;
    if (last->target_state == TARGET_REFUSED) {
        switch (last->refusal) {
        case REFUSAL_NO_ALLOCATOR:
            return "not recorded: the program has no malloc to record";
        case REFUSAL_MAP:
            return "not recorded: there is no room for the recorder's memory (ulimit -v?)";
        case REFUSAL_VERSION:
            return other_version;
        case REFUSAL_LIBUNWIND:
            return "not recorded: libunwind was asked for and cannot be loaded";
        }
        return "not recorded: the recorder gave up at its start";
    }
    if (last->events == 0)
        return last->profile.process.attached_seconds > 0 ? quiet : none;
    return NULL;
}

/* What to do at the program's end. */
struct at_end {
    launch_reporter *report;
    const struct launch_family *family;
    void *context;
};

/* `preload` NULL runs it without recording. */
static int run_program_as(const struct run_choice *c, const char *path, const char *preload,
                          const struct at_end *ending)
{
    struct run_options options = {.program = path,
                                  .arguments = c->program,
                                  .preload = preload,
                                  .settings = c->settings,
                                  .symbolizer.debuginfod = c->debuginfod,
                                  .output = c->output,
                                  .snapshot_every_ns = c->snapshot_every_ns,
                                  .no_peak = c->no_peak,
                                  .search = c->leak.search,
                                  .follow = c->follow,
                                  .only = (char *const *)c->only,
                                  .not = (char *const *)c->not,
                                  .directory = c->directory,
                                  .each = ending->family->each,
                                  .waiting = ending->family->waiting,
                                  .meanwhile = ending->family->meanwhile,
                                  .context = ending->context};
    struct run_result result = {0};
    struct error e = {0};
    int status;

    if (run_program(&options, &result, &e) != 0)
        return launch_fail(&e, e.kind == ERROR_EXECUTE ? start_failure(&e) : EXIT_RUN_FAILED);
    /* A reader of our output that went away must not change the exit status. */
    signal(SIGPIPE, SIG_IGN);
    status = ending->report(c, &result, preload != NULL, ending->context);
    run_result_release(&result);
    return status;
}

/*
 * Whether the program at `path` can be recorded.  0 when it can, -1 when it is
 * to run without us, else the exit status.
 */
static int check_program(const struct run_choice *c, const char *path)
{
    struct error why = {0};

    switch (preflight_check(path, &why)) {
    case PREFLIGHT_OK:
        return 0;
    case PREFLIGHT_NOT_FOUND:
        return launch_fail(&why, EXIT_RUN_NOT_FOUND);
    case PREFLIGHT_NOT_EXECUTABLE:
        return launch_fail(&why, EXIT_RUN_CANNOT_EXECUTE);
    case PREFLIGHT_OWN_ALLOCATOR:
        if (!c->quiet)
            words_say("warning: %s", why.text);
        return 0;
    case PREFLIGHT_STATIC:
    case PREFLIGHT_PRIVILEGED:
    case PREFLIGHT_OTHER_MACHINE:
    case PREFLIGHT_OTHER_LIBC:
    case PREFLIGHT_SANITIZED:
        break;
    }
    if (!c->allow_unprofiled) {
        words_say("%s (--allow-unprofiled runs it all the same)", why.text);
        return EXIT_RUN_FAILED;
    }
    if (!c->quiet)
        words_say("%s: it runs unprofiled", why.text);
    return -1;
}

/* It is recorded all the same, through a folder that nobody else finds. */
static void say_unlisted(void)
{
    char folder[SESSIONS_PATH_BYTES];
    struct error why = {0};

    if (sessions_folder(folder, &why) != 0)
        words_say("note: %s; list, snapshot and where will not find this run", why.text);
}

static int run_checked(const struct run_choice *c, const char *path, const struct at_end *ending)
{
    int status = check_program(c, path);
    struct error e = {0};
    char *preload;

    if (status > 0)
        return status;
    if (status < 0)
        return run_program_as(c, path, NULL, ending);
    if (!c->quiet)
        say_unlisted();
    if (run_files_check(c, &e) != 0)
        return launch_fail(&e, EXIT_RUN_FAILED);
    preload = preload_locate(&e);
    if (!preload)
        return launch_fail(&e, EXIT_RUN_FAILED);
    status = run_program_as(c, path, preload, ending);
    free(preload);
    return status;
}

int launch(const struct run_choice *c, launch_reporter *report, const struct launch_family *family,
           void *context)
{
    const struct at_end ending = {report, family, context};
    struct error e = {0};
    char *path = program_lookup(c->program[0], &e);
    int status;

    if (!path)
        return launch_fail(&e, start_failure(&e));
    status = run_checked(c, path, &ending);
    free(path);
    return status;
}
