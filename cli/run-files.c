// SPDX-License-Identifier: Apache-2.0
#include "cli/run-files.h"

#include "cli/view-output.h"
#include "src/host/profilename.h"
#include "src/host/writable.h"

#include <string.h>

int run_files_check(const struct run_choice *c, struct error *e)
{
    /* The process id that will be in the name is not known yet; the folder is what matters. */
    const char *profile = c->output ? c->output : "PROGRAM.PID" PROFILE_NAME_SUFFIX;

    if (profile_name_wanted(c->output) && writable_check(profile, e) != 0)
        return -1;
    return view_choice_check_files(&c->view, e);
}
