// SPDX-License-Identifier: Apache-2.0
#include "src/host/profilename.h"

#include <inttypes.h>
#include <string.h>

bool profile_name_wanted(const char *output)
{
    return !output || strcmp(output, "/dev/null") != 0;
}

static void add_numbered(struct strbuf *path, const char *name, uint32_t number)
{
    size_t length = strlen(name), suffix = strlen(PROFILE_NAME_SUFFIX);
    bool has_suffix = length > suffix && strcmp(name + length - suffix, PROFILE_NAME_SUFFIX) == 0;

    strbuf_add_length(path, name, has_suffix ? length - suffix : length);
    strbuf_addf(path, ".%" PRIu32 "%s", number, has_suffix ? PROFILE_NAME_SUFFIX : "");
}

void profile_name_add(struct strbuf *path, const char *output, const char *program, pid_t pid,
                      uint32_t earlier)
{
    struct strbuf name;

    strbuf_init(&name);
    if (output)
        strbuf_add(&name, output);
    else
        strbuf_addf(&name, "%s.%ld" PROFILE_NAME_SUFFIX, *program ? program : "program", (long)pid);
    if (earlier)
        add_numbered(path, strbuf_text(&name), earlier);
    else
        strbuf_add(path, strbuf_text(&name));
    path->failed |= name.failed;
    strbuf_release(&name);
}
