// SPDX-License-Identifier: Apache-2.0
#include "cli/run-files.h"

#include "cli/view-output.h"
#include "src/host/snapshot.h"
#include "src/host/writable.h"

#include <inttypes.h>
#include <string.h>

#define SUFFIX ".mprof"

bool run_files_wanted(const struct run_choice *c)
{
    return !c->output || strcmp(c->output, "/dev/null") != 0;
}

int run_files_check(const struct run_choice *c, struct error *e)
{
    /* The process id that will be in the name is not known yet; the folder is what matters. */
    const char *profile = c->output ? c->output : "PROGRAM.PID" SUFFIX;

    if (run_files_wanted(c) && writable_check(profile, e) != 0)
        return -1;
    return view_choice_check_files(&c->view, e);
}

/* `name` with the number of an earlier image in front of its suffix. */
static void add_numbered(struct strbuf *path, const char *name, uint32_t number)
{
    size_t length = strlen(name), suffix = strlen(SUFFIX);
    bool has_suffix = length > suffix && strcmp(name + length - suffix, SUFFIX) == 0;

    strbuf_add_length(path, name, has_suffix ? length - suffix : length);
    strbuf_addf(path, ".%" PRIu32 "%s", number, has_suffix ? SUFFIX : "");
}

static void make_path(const struct run_choice *c, const struct run_result *r, uint32_t index,
                      struct strbuf *path)
{
    const struct profile *p = &r->images[index].profile;
    const char *program = profile_text(p, p->process.program);
    struct strbuf name;

    strbuf_init(&name);
    if (c->output)
        strbuf_add(&name, c->output);
    else
        strbuf_addf(&name, "%s.%ld" SUFFIX, *program ? program : "program", (long)r->pid);
    if (index + 1 < r->image_count)
        add_numbered(path, strbuf_text(&name), index + 1);
    else
        strbuf_add(path, strbuf_text(&name));
    path->failed |= name.failed;
    strbuf_release(&name);
}

int run_files_write(const struct run_choice *c, const struct run_result *r, uint32_t index,
                    struct strbuf *path, uint64_t *size, struct error *e)
{
    strbuf_clear(path);
    make_path(c, r, index, path);
    if (path->failed)
        return error_set(e, ERROR_MEMORY, "out of memory");
    return snapshot_write(&r->images[index].profile, strbuf_text(path), size, e);
}
