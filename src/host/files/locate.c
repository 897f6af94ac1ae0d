// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/locate.h"

#include "src/host/text/strbuf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libmemprof-preload.so"

/* "../" for each part of `from` that `to` does not share, then the rest of `to`. */
static void add_relative(struct strbuf *out, const char *from, const char *to)
{
    size_t shared = 0;

    for (size_t i = 0;
         from[i] == to[i] || (from[i] == '\0' && to[i] == '/') || (from[i] == '/' && to[i] == '\0');
         i++) {
        if (from[i] == '\0' || to[i] == '\0') {
            shared = i;
            break;
        }
        if (from[i] == '/')
            shared = i;
    }
    for (const char *rest = from + shared; *rest; rest++)
        if (*rest == '/' && rest[1] != '/' && rest[1] != '\0')
            strbuf_add(out, "/..");
    strbuf_add(out, to + shared);
}

static char *try_path(struct strbuf *path)
{
    char *resolved = NULL;

    strbuf_add(path, "/" LIBRARY);
    if (!path->failed && access(strbuf_text(path), R_OK) == 0)
        resolved = realpath(strbuf_text(path), NULL);
    strbuf_clear(path);
    return resolved;
}

static char *search(const char *directory, const char *bindir, const char *pkglibdir)
{
    static const char *const in_build[] = {"/preload/.libs", "/.libs"};
    struct strbuf path;
    char *found = NULL;

    strbuf_init(&path);
    for (size_t i = 0; !found && i < sizeof in_build / sizeof *in_build; i++) {
        strbuf_addf(&path, "%s%s", directory, in_build[i]);
        found = try_path(&path);
    }
    if (!found) {
        strbuf_add(&path, directory);
        add_relative(&path, bindir, pkglibdir);
        found = try_path(&path);
    }
    if (!found) {
        strbuf_add(&path, pkglibdir);
        found = try_path(&path);
    }
    strbuf_release(&path);
    return found;
}

char *preload_locate_from(const char *directory, const char *bindir, const char *pkglibdir,
                          struct error *e)
{
    char *found = search(directory, bindir, pkglibdir);

    if (!found) {
        error_set(e, ERROR_REFUSED, "%s is neither in %s nor beside %s: install memprof again",
                  LIBRARY, pkglibdir, directory);
        return NULL;
    }
    if (strpbrk(found, " :")) {
        error_set(e, ERROR_REFUSED,
                  "%s cannot be preloaded: the loader takes no spaces or colons in the path",
                  found);
        free(found);
        return NULL;
    }
    return found;
}

char *preload_locate(struct error *e)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length < 0) {
        error_set(e, ERROR_SYSTEM, "cannot read /proc/self/exe");
        return NULL;
    }
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    return preload_locate_from(self, MEMPROF_BINDIR, MEMPROF_PKGLIBDIR, e);
}
