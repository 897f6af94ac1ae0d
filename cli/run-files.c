// SPDX-License-Identifier: Apache-2.0
#include "cli/run-files.h"

#include "cli/view-output.h"
#include "src/host/files/writable.h"
#include "src/host/profile/profilename.h"
#include "src/host/recording/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made if it is not there; one that holds a run already would hold two, mixed. */
static int check_directory(const char *directory, struct error *e)
{
    struct strbuf path;
    int result = -1;

    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return error_set(e, ERROR_SYSTEM, "cannot make the folder %s", directory);
    strbuf_init(&path);
    strbuf_addf(&path, "%s/" TREE_FILE, directory);
    if (path.failed)
        error_set(e, ERROR_MEMORY, "out of memory");
    else if (access(strbuf_text(&path), F_OK) == 0)
        error_set(e, ERROR_INPUT, "%s/ holds the profiles of a run already: choose another folder",
                  directory);
    else
        result = writable_check(strbuf_text(&path), e);
    strbuf_release(&path);
    return result;
}

int run_files_check(const struct run_choice *c, struct error *e)
{
    /* The process id that will be in the name is not known yet; the folder is what matters. */
    const char *profile = c->output ? c->output : "PROGRAM.PID" PROFILE_NAME_SUFFIX;

    if (c->directory)
        return check_directory(c->directory, e) == 0 ? view_choice_check_files(&c->view, e) : -1;
    if (profile_name_wanted(c->output) && writable_check(profile, e) != 0)
        return -1;
    return view_choice_check_files(&c->view, e);
}
