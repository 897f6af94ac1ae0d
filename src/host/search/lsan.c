// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/lsan.h"

#include "src/host/symbols/elfsymtab.h"
#include "src/host/symbols/modfile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define TEXT_MAX (1u << 20)
#define PIECE 4096u

static const struct modmap_module *executable(const struct modmap *map)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (strcmp(map->modules[i].path, map->executable) == 0)
            return &map->modules[i];
    return NULL;
}

uint64_t lsan_suppressions_function(const struct modmap *map)
{
    const struct modmap_module *m = executable(map);
    struct elfsymtab objects;
    struct elfsymtab_entry found;
    struct modfile file;
    uint64_t address = 0;

    if (!m)
        return 0;
    modfile_open(&file, &(struct modfile_request){.path = m->path,
                                                  .pid = map->pid,
                                                  .start = m->module.start,
                                                  .end = m->module.end});
    if (file.fd >= 0 && elfsymtab_open(&objects, file.fd)) {
        if (elfsymtab_function(&objects, "__lsan_default_suppressions", &found))
            address = found.start + m->module.bias;
        elfsymtab_release(&objects);
    }
    modfile_release(&file);
    return address;
}

/* Up to the end of a page, behind which there may be nothing. */
static ssize_t read_piece(pid_t pid, uint64_t address, char *to)
{
    struct iovec local = {to, PIECE - address % PIECE};
    struct iovec remote = {(void *)(uintptr_t)address, local.iov_len};

    return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

char *lsan_suppressions_read(pid_t pid, uint64_t address)
{
    char *text = malloc(TEXT_MAX + PIECE + 1), *fit;
    size_t used = 0;
    ssize_t got = text ? 1 : 0;

    while (got > 0 && used < TEXT_MAX && !memchr(text, '\0', used)) {
        got = read_piece(pid, address + used, text + used);
        used += got > 0 ? (size_t)got : 0;
    }
    if (!text || !memchr(text, '\0', used)) {
        free(text);
        return NULL;
    }
    fit = realloc(text, strlen(text) + 1);
    return fit ? fit : text;
}
