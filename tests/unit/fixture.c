// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f)
        return -1;
    snprintf(f->folder, sizeof f->folder, "/tmp/memprof-test-XXXXXX");
    *state = f;
    return mkdtemp(f->folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    int status = nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    free(f);
    return status;
}

const char *fixture_path(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
    return f->path;
}

void fixture_write(struct fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(fixture_path(f, name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool run(struct fixture *f, const char *format, va_list arguments)
{
    char line[8192];
    int used =
        snprintf(line, sizeof line, "cd '%s' && exec >log 2>&1 && CC=\"${CC:-cc}\" && ", f->folder);
    int status;

    assert_true(used > 0);
    status = vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    assert_true(status > 0 && (size_t)status < sizeof line - (size_t)used);
    status = system(line);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool fixture_try(struct fixture *f, const char *format, ...)
{
    va_list arguments;
    bool good;

    va_start(arguments, format);
    good = run(f, format, arguments);
    va_end(arguments);
    return good;
}

void fixture_run(struct fixture *f, const char *format, ...)
{
    char said[2048] = "";
    va_list arguments;
    FILE *log;
    bool good;

    va_start(arguments, format);
    good = run(f, format, arguments);
    va_end(arguments);
    if (good)
        return;
    log = fopen(fixture_path(f, "log"), "re");
    if (log) {
        said[fread(said, 1, sizeof said - 1, log)] = '\0';
        fclose(log);
    }
    fail_msg("%s: %s", format, said);
}

static bool find_symbol(Elf *elf, const char *name, uint64_t *value)
{
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Shdr header;
        GElf_Sym symbol;

        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB || !data)
            continue;
        for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
            const char *text = elf_strptr(elf, header.sh_link, symbol.st_name);

            if (text && !strcmp(text, name)) {
                *value = symbol.st_value;
                return true;
            }
        }
    }
    return false;
}

uint64_t fixture_symbol(struct fixture *f, const char *file, const char *symbol)
{
    int fd = open(fixture_path(f, file), O_RDONLY | O_CLOEXEC);
    uint64_t value = 0;
    bool found;
    Elf *elf;

    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    assert_non_null(elf);
    found = find_symbol(elf, symbol, &value);
    elf_end(elf);
    close(fd);
    if (!found)
        fail_msg("%s has no symbol %s", file, symbol);
    return value;
}
