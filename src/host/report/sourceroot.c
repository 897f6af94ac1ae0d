// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/sourceroot.h"

#include <string.h>

/* Take the last component and the slash before it off what follows `start`. */
static void drop_last(struct strbuf *path, size_t start)
{
    while (path->length > start && path->text[path->length - 1] != '/')
        path->length--;
    if (path->length > start)
        path->length--;
    path->text[path->length] = '\0';
}

/* Append a path without ".", ".." and empty components; false when ".." leads above its beginning.
 */
static bool normalise(struct strbuf *out, const char *path)
{
    bool absolute = *path == '/';
    size_t start;

    if (absolute)
        strbuf_add(out, "/");
    start = out->length;
    while (*path) {
        size_t length = strcspn(path, "/");

        if (length == 2 && path[0] == '.' && path[1] == '.') {
            if (out->length == start) {
                if (!absolute)
                    return false;
            } else {
                drop_last(out, start);
            }
        } else if (length && !(length == 1 && *path == '.')) {
            if (out->length > start)
                strbuf_add(out, "/");
            strbuf_add_length(out, path, length);
        }
        path += length + (path[length] == '/');
    }
    return true;
}

bool sourceroot_relative(struct strbuf *out, const char *root, const char *file)
{
    struct strbuf top, path;
    bool inside = false;

    strbuf_init(&top);
    strbuf_init(&path);
    if (*file && normalise(&path, file) && path.length) {
        const char *text = strbuf_text(&path);

        if (*text != '/') {
            inside = true;
        } else if (*root == '/' && normalise(&top, root)) {
            size_t length = top.length == 1 ? 0 : top.length;

            inside = strncmp(text, strbuf_text(&top), length) == 0 && text[length] == '/' &&
                     text[length + 1];
            text += inside ? length + 1 : 0;
        }
        if (inside)
            strbuf_add(out, text);
    }
    out->failed |= top.failed || path.failed;
    strbuf_release(&top);
    strbuf_release(&path);
    return inside;
}

void sourceroot_uri(struct strbuf *out, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/!$&'()*+,;=@";

    for (; *path; path++) {
        if (strchr(plain, *path))
            strbuf_add_length(out, path, 1);
        else
            strbuf_addf(out, "%%%02X", (unsigned char)*path);
    }
}

const struct leak_line *sourceroot_first(const char *root, const struct leak_record *record)
{
    const struct leak_line *found = NULL;
    struct strbuf path;

    strbuf_init(&path);
    for (uint32_t i = 0; i < record->stack_count && !found; i++)
        if (sourceroot_relative(&path, root, record->stack[i]->file))
            found = record->stack[i];
    strbuf_release(&path);
    return found;
}
