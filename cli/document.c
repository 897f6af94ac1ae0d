// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include "src/host/files/outfile.h"

#include <string.h>
#include <unistd.h>

static int cannot_write(const char *path, struct error *e)
{
    return error_set(e, ERROR_SYSTEM, "cannot write %s", path);
}

static int write_special(const char *path, const struct outfile *file, document_writer *write,
                         void *context, struct error *e)
{
    int fd = outfile_open_special(file, e), result;
    FILE *out;

    if (fd < 0)
        return -1;
    out = fdopen(fd, "w");
    if (!out) {
        close(fd);
        return cannot_write(path, e);
    }
    result = write(out, context, e);
    if (fclose(out) != 0 && result == 0)
        result = cannot_write(path, e);
    return result;
}

static int write_new(const char *path, const struct outfile *file, document_writer *write,
                     void *context, struct error *e)
{
    int fd = outfile_begin(file, OUTFILE_SHARED, e), result;
    FILE *out;

    if (fd < 0)
        return -1;
    out = fdopen(fd, "w");
    if (!out) {
        close(fd);
        outfile_abandon(file);
        return cannot_write(path, e);
    }
    result = write(out, context, e);
    if (fclose(out) != 0 && result == 0)
        result = cannot_write(path, e);
    if (result == 0)
        return outfile_commit(file, e);
    outfile_abandon(file);
    return -1;
}

int document_write(const char *path, document_writer *write, void *context, struct error *e)
{
    struct outfile file;

    if (strcmp(path, "-") == 0)
        return write(stdout, context, e);
    if (outfile_resolve(&file, path, e) != 0)
        return -1;
    return file.special ? write_special(path, &file, write, context, e)
                        : write_new(path, &file, write, context, e);
}
