// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/control.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct control_request) == 32 + CONTROL_LABEL_BYTES, "no hidden padding");

struct control_request control_request_make(uint32_t kind)
{
    return (struct control_request){
        .magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .kind = kind};
}

bool control_request_meant(const void *bytes, size_t size)
{
    uint32_t magic;

    if (size < 2 * sizeof(magic))
        return false;
    memcpy(&magic, bytes, sizeof(magic));
    return magic == CONTROL_MAGIC;
}

bool control_request_valid(const void *bytes, size_t size)
{
    struct control_request r;

    if (size != sizeof(r))
        return false;
    memcpy(&r, bytes, sizeof(r));
    return r.magic == CONTROL_MAGIC && r.version == CONTROL_VERSION && r.kind >= CONTROL_LIST &&
           r.kind < CONTROL_KINDS && memchr(r.label, '\0', sizeof(r.label));
}

bool control_answer_valid(const void *bytes, size_t size)
{
    const struct control_answer *a = bytes;

    return size == sizeof(*a) && a->magic == CONTROL_MAGIC && a->version == CONTROL_VERSION &&
           memchr(a->program, '\0', sizeof(a->program)) && memchr(a->file, '\0', sizeof(a->file)) &&
           memchr(a->text, '\0', sizeof(a->text)) && isfinite(a->seconds) &&
           isfinite(a->first_seconds) && isfinite(a->last_seconds);
}

void control_answer_init(struct control_answer *a, uint32_t status)
{
    memset(a, 0, sizeof(*a));
    a->magic = CONTROL_MAGIC;
    a->version = CONTROL_VERSION;
    a->status = status;
    a->memprof = getpid();
}

void control_copy(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);

    memcpy(to, from, length);
    to[length] = '\0';
}
