// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/run-files.h"
#include "cli/run-options.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/escape.h"
#include "src/host/locate.h"
#include "src/host/location.h"
#include "src/host/lookup.h"
#include "src/host/preflight.h"
#include "src/host/report-faults.h"
#include "src/host/run.h"
#include "src/host/units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ------------------------------------------------------- before the run -- */

/* The exit status for an error of finding or starting the program. */
static int start_failure(const struct error *e)
{
    if (e->saved_errno == ENOENT)
        return EXIT_RUN_NOT_FOUND;
    if (e->saved_errno == EACCES || e->saved_errno == ENOEXEC)
        return EXIT_RUN_CANNOT_EXECUTE;
    return EXIT_RUN_FAILED;
}

static int fail(const struct error *e, int status)
{
    words_error(e);
    return status;
}

/* -------------------------------------------------------- after the run -- */

static int program_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

/* A profile that says who ran and how it ended, for a program that was not recorded. */
static void describe_unrecorded(struct profile *p, const struct run_choice *c,
                                const struct run_result *r)
{
    bool killed = WIFSIGNALED(r->wait_status);

    profile_init(p);
    p->process.program = strings_add(&p->strings, location_base(c->program[0]));
    p->process.pid = r->pid;
    p->process.seconds = r->seconds;
    p->process.exit_kind = killed ? EXIT_SIGNAL : EXIT_STATUS;
    p->process.exit_value = killed ? WTERMSIG(r->wait_status) : WEXITSTATUS(r->wait_status);
}

/* Why nothing was recorded, or NULL when something was. */
static const char *silence(const struct run_result *r)
{
    static const char none[] = "no allocator calls seen: it may have its own malloc, be static, or "
                               "clear its environment";
    const struct run_image *last = r->image_count ? &r->images[r->image_count - 1] : NULL;

    if (!last)
        return none;
    if (last->target_state == TARGET_REFUSED) {
        switch (last->refusal) {
        case REFUSAL_NO_ALLOCATOR:
            return "not recorded: the program has no malloc to record";
        case REFUSAL_MAP:
            return "not recorded: there is no room for the recorder's memory (ulimit -v?)";
        case REFUSAL_VERSION:
            return "not recorded: libmemprof-preload.so is of another version than memprof";
        case REFUSAL_LIBUNWIND:
            return "not recorded: libunwind was asked for and cannot be loaded";
        }
        return "not recorded: the recorder gave up at its start";
    }
    return last->events == 0 ? none : NULL;
}

static void add_notes(struct strbuf *out, const struct run_result *r)
{
    const char *why = silence(r);

    if (why)
        strbuf_addf(out, "  note: %s\n", why);
    if (r->image_count && r->images[r->image_count - 1].profile.process.exit_kind == EXIT_EXECUTED)
        strbuf_add(out, "  note: the program that it executed at the end was not recorded\n");
}

/* One line for each image that was replaced by exec. */
static void add_earlier(struct strbuf *out, const struct run_image *image, const char *path,
                        bool exact)
{
    const struct profile_totals *t = &image->profile.totals;
    char total[UNITS_TEXT], blocks[UNITS_TEXT], peak[UNITS_TEXT];

    strbuf_add(out, "  before that, ");
    escape_text(out, profile_text(&image->profile, image->profile.process.program));
    strbuf_addf(out, ": allocated %s in %s blocks, peak %s",
                units_bytes(total, t->total_bytes, exact), units_count(blocks, t->total_blocks),
                units_bytes(peak, t->peak_bytes, exact));
    if (*path) {
        strbuf_add(out, ": ");
        escape_text(out, path);
    }
    strbuf_add(out, "\n");
}

static void add_file(struct strbuf *out, const char *path, uint64_t bytes)
{
    char size[UNITS_TEXT];

    strbuf_add(out, "profile: ");
    escape_text(out, path);
    strbuf_addf(out, " (%s): memprof top ", units_bytes(size, bytes, false));
    escape_text(out, path);
    strbuf_add(out, "\n");
}

/* The profile that is shown: the last image's, or one made up for the occasion. */
static const struct profile *shown_profile(const struct run_choice *c, const struct run_result *r,
                                           struct profile *made_up)
{
    if (r->image_count)
        return &r->images[r->image_count - 1].profile;
    describe_unrecorded(made_up, c, r);
    return made_up;
}

static int add_summary(struct strbuf *out, const struct run_choice *c, const struct run_result *r,
                       const struct strbuf *earlier, struct error *e)
{
    struct profile made_up = {0};
    const struct profile *p = shown_profile(c, r, &made_up);
    struct sourcelines sources;
    struct report_text_options text;
    int result = 0;

    sourcelines_init(&sources);
    text = view_choice_text(&c->view, stderr, &sources);
    strbuf_add(out, "memprof: ");
    report_text_process(out, p);
    strbuf_add(out, "\n");
    strbuf_add(out, strbuf_text(earlier));
    if (r->image_count) {
        report_text_totals(out, p, &text);
        report_text_loss(out, p, &text);
        report_text_faults(out, p, &text);
    }
    add_notes(out, r);
    if (r->image_count && p->site_count)
        result = view_choice_add_rows(&c->view, p, &text, out, e);
    sourcelines_release(&sources);
    profile_release(&made_up);
    return result;
}

/* What the summary says of every image's file.  -1 with `e` set: one could not be written. */
static int add_files(const struct run_choice *c, const struct run_result *r, struct strbuf *earlier,
                     struct strbuf *last, struct error *e)
{
    int result = 0;

    for (uint32_t i = 0; i < r->image_count; i++) {
        const struct run_image *image = &r->images[i];
        bool written = image->path && image->unwritten.kind == ERROR_NONE;

        if (image->unwritten.kind != ERROR_NONE && result == 0) {
            *e = image->unwritten;
            result = -1;
        }
        if (i + 1 < r->image_count)
            add_earlier(earlier, image, written ? image->path : "", c->view.exact);
        else if (written)
            add_file(last, image->path, image->bytes);
    }
    return result;
}

static int write_files(const struct run_choice *c, const struct run_result *r, struct error *e)
{
    struct profile made_up = {0};
    int result = view_choice_write_files(&c->view, shown_profile(c, r, &made_up), e);

    profile_release(&made_up);
    return result;
}

/* Everything that comes of a run, each part even where another failed. */
static int report(const struct run_choice *c, const struct run_result *r)
{
    struct strbuf out, earlier, last;
    struct error e = {0};
    int status = program_status(r->wait_status);

    strbuf_init(&out);
    strbuf_init(&earlier);
    strbuf_init(&last);
    if (r->trouble.kind != ERROR_NONE)
        status = fail(&r->trouble, EXIT_RUN_FAILED);
    if (add_files(c, r, &earlier, &last, &e) != 0)
        status = fail(&e, EXIT_RUN_FAILED);
    if (!c->quiet) {
        if (add_summary(&out, c, r, &earlier, &e) != 0)
            status = fail(&e, EXIT_RUN_FAILED);
        strbuf_add(&out, strbuf_text(&last));
        text_write(&out, stderr, NULL); /* where else to complain? */
    }
    if (write_files(c, r, &e) != 0)
        status = fail(&e, EXIT_RUN_FAILED);
    strbuf_release(&out);
    strbuf_release(&earlier);
    strbuf_release(&last);
    return status;
}

/* --------------------------------------------------------------- the run -- */

/* `preload` NULL runs it without recording, and without a word at its end. */
static int run_program_as(const struct run_choice *c, const char *path, const char *preload)
{
    struct run_options options = {.program = path,
                                  .arguments = c->program,
                                  .preload = preload,
                                  .settings = c->settings,
                                  .symbolizer.debuginfod = c->debuginfod,
                                  .output = c->output,
                                  .snapshot_every_ns = c->snapshot_every_ns,
                                  .no_peak = c->no_peak};
    struct run_result result = {0};
    struct error e = {0};
    int status;

    if (run_program(&options, &result, &e) != 0)
        return fail(&e, start_failure(&e));
    /* A reader of our output that went away must not change the exit status. */
    signal(SIGPIPE, SIG_IGN);
    status = preload ? report(c, &result) : program_status(result.wait_status);
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
        return fail(&why, EXIT_RUN_NOT_FOUND);
    case PREFLIGHT_NOT_EXECUTABLE:
        return fail(&why, EXIT_RUN_CANNOT_EXECUTE);
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

static int run_checked(const struct run_choice *c, const char *path)
{
    int status = check_program(c, path);
    struct error e = {0};
    char *preload;

    if (status > 0)
        return status;
    if (status < 0)
        return run_program_as(c, path, NULL);
    if (run_files_check(c, &e) != 0)
        return fail(&e, EXIT_RUN_FAILED);
    preload = preload_locate(&e);
    if (!preload)
        return fail(&e, EXIT_RUN_FAILED);
    status = run_program_as(c, path, preload);
    free(preload);
    return status;
}

static int run(const struct run_choice *c)
{
    struct error e = {0};
    char *path = program_lookup(c->program[0], &e);
    int status;

    if (!path)
        return fail(&e, start_failure(&e));
    status = run_checked(c, path);
    free(path);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct run_choice choice;
    int parsed, status = EXIT_RUN_FAILED;

    run_choice_init(&choice);
    parsed = run_choice_parse(&choice, argc, argv);
    if (parsed == OPTIONS_DONE)
        status = EXIT_FINE;
    else if (parsed == 0)
        status = run(&choice);
    run_choice_release(&choice);
    return status;
}
