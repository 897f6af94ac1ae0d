// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profilename.h"

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

static const char *name_or_other(const char *program)
{
    return *program ? program : "program";
}

/* So much of a program's name that the rest of the file's has room, in whole characters. */
static int program_length(const char *program)
{
    size_t length = strnlen(program, PROFILE_NAME_PROGRAM + 1);

    if (length <= PROFILE_NAME_PROGRAM)
        return (int)length;
    length = PROFILE_NAME_PROGRAM;
    while (length && ((unsigned char)program[length] & 0xc0) == 0x80)
        length--;
    return length ? (int)length : (int)PROFILE_NAME_PROGRAM;
}

void profile_name_add(struct strbuf *path, const char *output, const char *program, pid_t pid,
                      uint32_t earlier)
{
    struct strbuf name;

    strbuf_init(&name);
    if (output)
        strbuf_add(&name, output);
    else
        strbuf_addf(&name, "%.*s.%ld" PROFILE_NAME_SUFFIX, program_length(name_or_other(program)),
                    name_or_other(program), (long)pid);
    if (earlier)
        add_numbered(path, strbuf_text(&name), earlier);
    else
        strbuf_add(path, strbuf_text(&name));
    path->failed |= name.failed;
    strbuf_release(&name);
}
