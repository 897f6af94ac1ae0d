// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/preflight.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

/* ------------------------------------------------------------- made files -- */

static char directory[64];
static char made[32][128];
static unsigned made_count;

/* A file in the test's folder; the path lives as long as the test. */
static const char *make(const char *name, const void *bytes, size_t size, mode_t mode)
{
    char *path = made[made_count++];
    FILE *f;

    snprintf(path, sizeof made[0], "%s/%s", directory, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static const char *make_script(const char *name, const char *text)
{
    return make(name, text, strlen(text), 0755);
}

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/memprof-test-XXXXXX");
    made_count = 0;
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    while (made_count)
        unlink(made[--made_count]);
    return rmdir(directory);
}

/* The least of a program file that has all that preflight looks at. */
struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char loader[64];
    Elf64_Dyn dynamic[2];
    Elf64_Sym symbols[2];
    char names[64];
    Elf64_Shdr sections[4];
};

#define NEEDED_NAME 1
#define SYMBOL_NAME 32

static struct image make_image(void)
{
    struct image m = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_DYN,
#if defined(__x86_64__)
                   .e_machine = EM_X86_64,
#else
                   .e_machine = EM_AARCH64,
#endif
                   .e_version = EV_CURRENT,
                   .e_phoff = offsetof(struct image, segment),
                   .e_shoff = offsetof(struct image, sections),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 1,
                   .e_shentsize = sizeof(Elf64_Shdr),
                   .e_shnum = 4},
        .segment = {.p_type = PT_INTERP,
                    .p_offset = offsetof(struct image, loader),
                    .p_filesz = sizeof m.loader},
        .loader = "/bin/sh", /* stands for a loader that is there */
        .dynamic = {{.d_tag = DT_NEEDED, .d_un = {NEEDED_NAME}}, {.d_tag = DT_NULL}},
        .symbols = {[1] = {.st_name = SYMBOL_NAME, .st_shndx = 1, .st_value = 16}},
        .sections = {[1] = {.sh_type = SHT_DYNAMIC,
                            .sh_offset = offsetof(struct image, dynamic),
                            .sh_size = sizeof m.dynamic,
                            .sh_link = 3,
                            .sh_entsize = sizeof(Elf64_Dyn)},
                     [2] = {.sh_type = SHT_DYNSYM,
                            .sh_offset = offsetof(struct image, symbols),
                            .sh_size = sizeof m.symbols,
                            .sh_link = 3,
                            .sh_entsize = sizeof(Elf64_Sym)},
                     [3] = {.sh_type = SHT_STRTAB,
                            .sh_offset = offsetof(struct image, names),
                            .sh_size = sizeof m.names}},
    };

    strcpy(m.names + NEEDED_NAME, "libc.so.6");
    strcpy(m.names + SYMBOL_NAME, "main");
    return m;
}

static enum preflight_verdict judge(const struct image *m, struct error *why)
{
    return preflight_check(make("image", m, sizeof *m, 0755), why);
}

static void assert_refused(const struct image *m, enum preflight_verdict expected, const char *word)
{
    struct error why = {0};

    assert_int_equal(judge(m, &why), expected);
    assert_int_equal(why.kind, ERROR_REFUSED);
    assert_non_null(strstr(why.text, word));
    assert_non_null(strstr(why.text, "image"));
}

/* ------------------------------------------------------------------ tests -- */

static void ordinary_programs_pass(void **state)
{
    struct image m = make_image();

    (void)state;
    assert_int_equal(preflight_check("/bin/sh", NULL), PREFLIGHT_OK);
    assert_int_equal(judge(&m, NULL), PREFLIGHT_OK);
    m.symbols[1].st_shndx = SHN_UNDEF;
    strcpy(m.names + SYMBOL_NAME, "malloc"); /* used, not defined */
    assert_int_equal(judge(&m, NULL), PREFLIGHT_OK);
}

static void other_machines_are_told(void **state)
{
    struct image m = make_image();

    (void)state;
    m.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused(&m, PREFLIGHT_OTHER_MACHINE, "32-bit");
    m = make_image();
    m.header.e_machine = EM_RISCV;
    assert_refused(&m, PREFLIGHT_OTHER_MACHINE, "processor");
}

static void static_programs_are_told(void **state)
{
    struct image m = make_image();

    (void)state;
    m.segment.p_type = PT_LOAD; /* static-pie, as it is ET_DYN */
    assert_refused(&m, PREFLIGHT_STATIC, "static");
    m.header.e_type = ET_EXEC;
    assert_refused(&m, PREFLIGHT_STATIC, "static");
}

/* The loader is static itself, but what it runs is not. */
static void the_loader_itself_passes(void **state)
{
    struct image m = make_image();

    (void)state;
    m.segment.p_type = PT_LOAD;
    m.dynamic[0].d_tag = DT_SONAME;
    strcpy(m.names + NEEDED_NAME, "ld-linux-x86-64.so.2");
    assert_int_equal(judge(&m, NULL), PREFLIGHT_OK);
}

static void other_loaders_are_told(void **state)
{
    struct image m = make_image();
    struct error why = {0};

    (void)state;
    strcpy(m.loader, "/lib/ld-musl-x86_64.so.1");
    assert_refused(&m, PREFLIGHT_OTHER_LIBC, "musl");
    strcpy(m.loader, "/no/such/loader");
    assert_int_equal(judge(&m, &why), PREFLIGHT_NOT_FOUND);
    assert_int_equal(why.saved_errno, ENOENT);
    assert_non_null(strstr(why.text, "/no/such/loader"));
    memset(m.loader, 'x', sizeof m.loader); /* no NUL, and longer than it is */
    m.segment.p_filesz = UINT64_MAX;
    assert_int_equal(judge(&m, &why), PREFLIGHT_NOT_FOUND);
}

static void sanitizers_are_told(void **state)
{
    struct image m = make_image();

    (void)state;
    strcpy(m.names + NEEDED_NAME, "libasan.so.8");
    assert_refused(&m, PREFLIGHT_SANITIZED, "sanitizer");
    m = make_image();
    strcpy(m.names + SYMBOL_NAME, "__asan_init");
    assert_refused(&m, PREFLIGHT_SANITIZED, "sanitizer");
}

static void a_malloc_of_its_own_is_told(void **state)
{
    struct image m = make_image();

    (void)state;
    strcpy(m.names + SYMBOL_NAME, "malloc");
    assert_refused(&m, PREFLIGHT_OWN_ALLOCATOR, "malloc");
}

static void privileges_are_told_where_they_count(void **state)
{
    struct image m = make_image();
    const char *path = make("image", &m, sizeof m, 0755);
    struct error why = {0};
    struct statvfs mount;

    (void)state;
    assert_int_equal(chmod(path, 04755), 0); /* setuid to ourselves changes nothing */
    assert_int_equal(preflight_check(path, NULL), PREFLIGHT_OK);
    assert_int_equal(statvfs(directory, &mount), 0);
    if (mount.f_flag & ST_NOSUID || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        skip(); /* the bits mean nothing here */
    if (chown(path, 12345, (gid_t)-1) != 0)
        skip(); /* only root can give it to another */
    assert_int_equal(preflight_check(path, NULL), PREFLIGHT_OK); /* chown took the bit off */
    assert_int_equal(chmod(path, 04755), 0);
    assert_int_equal(preflight_check(path, &why), PREFLIGHT_PRIVILEGED);
    assert_int_equal(why.kind, ERROR_REFUSED);
    assert_int_equal(chown(path, 0, 12345), 0);
    assert_int_equal(chmod(path, 02755), 0);
    assert_int_equal(preflight_check(path, NULL), PREFLIGHT_PRIVILEGED);
    assert_int_equal(chmod(path, 02745), 0); /* no x for the group */
    assert_int_equal(preflight_check(path, NULL), PREFLIGHT_OK);
}

static void assert_unusable(const char *path, enum preflight_verdict expected, int number)
{
    struct error why = {0};

    assert_int_equal(preflight_check(path, &why), expected);
    assert_int_equal(why.kind, ERROR_SYSTEM);
    assert_int_equal(why.saved_errno, number);
    assert_true(why.text[0] != '\0');
    assert_int_equal(preflight_check(path, NULL), expected);
}

static void what_cannot_be_executed_is_told(void **state)
{
    struct image m = make_image();

    (void)state;
    assert_unusable("/no/such/program", PREFLIGHT_NOT_FOUND, ENOENT);
    assert_unusable("/bin/sh/program", PREFLIGHT_NOT_FOUND, ENOENT);
    assert_unusable("/tmp", PREFLIGHT_NOT_EXECUTABLE, EACCES);
    assert_unusable("/dev/null", PREFLIGHT_NOT_EXECUTABLE, EACCES);
    assert_unusable(make("plain", "text", 4, 0644), PREFLIGHT_NOT_EXECUTABLE, EACCES);
    assert_unusable(make("text", "text", 4, 0755), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
    assert_unusable(make("empty", "", 0, 0755), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
    assert_unusable(make("short", &m, 40, 0755), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
    m.header.e_type = ET_REL;
    assert_unusable(make("object", &m, sizeof m, 0755), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
}

static void scripts_lead_to_what_runs_them(void **state)
{
    struct image m = make_image();
    char text[256];

    (void)state;
    assert_int_equal(preflight_check(make_script("sh", "#!/bin/sh -e\nexit\n"), NULL),
                     PREFLIGHT_OK);
    assert_int_equal(preflight_check(make_script("e1", "#! /usr/bin/env sh\n"), NULL),
                     PREFLIGHT_OK);
    assert_int_equal(preflight_check(make_script("e2", "#!/usr/bin/env -S A=1 sh -e"), NULL),
                     PREFLIGHT_OK);
    m.segment.p_type = PT_LOAD;
    snprintf(text, sizeof text, "#!%s --flag\n", make("image", &m, sizeof m, 0755));
    assert_int_equal(preflight_check(make_script("s1", text), NULL), PREFLIGHT_STATIC);
    snprintf(text, sizeof text, "#!%s/s1\n", directory);
    assert_int_equal(preflight_check(make_script("s2", text), NULL), PREFLIGHT_STATIC);
}

static void broken_scripts_are_told(void **state)
{
    char text[256];

    (void)state;
    assert_unusable(make_script("none", "#!\nexit\n"), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
    assert_unusable(make_script("gone", "#!/no/such/sh\n"), PREFLIGHT_NOT_FOUND, ENOENT);
    snprintf(text, sizeof text, "#!%s/loop\n", directory);
    assert_unusable(make_script("loop", text), PREFLIGHT_NOT_EXECUTABLE, ENOEXEC);
    assert_int_equal(
        preflight_check(make_script("env", "#!/usr/bin/env no-such-program-here\n"), NULL),
        PREFLIGHT_NOT_FOUND);
}

/* Whatever the bytes say, there is a verdict and no crash. */
static void damaged_headers_are_survived(void **state)
{
    struct image sound = make_image();

    (void)state;
    for (size_t i = 16; i < sizeof sound; i++) {
        struct image m = sound;

        ((unsigned char *)&m)[i] ^= 0xff;
        assert_in_range(judge(&m, NULL), PREFLIGHT_OK, PREFLIGHT_OWN_ALLOCATOR);
        made_count--;
    }
    made_count++;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ordinary_programs_pass),          TEST(other_machines_are_told),
        TEST(static_programs_are_told),        TEST(the_loader_itself_passes),
        TEST(other_loaders_are_told),          TEST(sanitizers_are_told),
        TEST(a_malloc_of_its_own_is_told),     TEST(privileges_are_told_where_they_count),
        TEST(what_cannot_be_executed_is_told), TEST(scripts_lead_to_what_runs_them),
        TEST(broken_scripts_are_told),         TEST(damaged_headers_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
