// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/elfsymbols.h"

#include "src/host/symbols/debugfile.h"
#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Sixteen bytes of zeros a function, so that every address is known from `base`. */
static const char assembly[] = ".text\n"
                               ".globl base\n"
                               "base:\n"
                               "  .zero 16\n"
                               /* +16: aliases of one function, 8 bytes long */
                               ".type __libc_grab, @function\n"
                               ".globl __libc_grab\n"
                               ".type grab, @function\n"
                               ".globl grab\n"
                               ".type grab_impl, @function\n"
                               ".type grab64, @function\n"
                               ".weak grab64\n"
                               "__libc_grab:\n"
                               "grab:\n"
                               "grab_impl:\n"
                               "grab64:\n"
                               "  .zero 16\n"
                               ".size __libc_grab, 8\n"
                               ".size grab, 8\n"
                               ".size grab_impl, 8\n"
                               ".size grab64, 8\n"
                               /* +32: a sized function with a label inside */
                               ".type whole, @function\n"
                               ".globl whole\n"
                               "whole:\n"
                               "  .zero 8\n"
                               "inside:\n"
                               "  .zero 8\n"
                               ".size whole, 16\n"
                               /* +48: no size, up to the next symbol */
                               ".type sizeless, @function\n"
                               ".globl sizeless\n"
                               "sizeless:\n"
                               "  .zero 16\n"
                               /* +64: data does not count */
                               ".type table, @object\n"
                               ".globl table\n"
                               "table:\n"
                               "  .zero 16\n"
                               ".size table, 16\n"
                               /* +80: the last one, up to the section's end */
                               ".globl last\n"
                               "last:\n"
                               "  .zero 16\n"
                               ".section .note.GNU-stack,\"\",@progbits\n";

struct table {
    struct debugfile file;
    struct elfsymbols symbols;
    uint64_t base;
};

static void open_table(struct table *t, struct fixture *f, const char *name, unsigned type)
{
    assert_int_equal(debugfile_open(&t->file, open(fixture_path(f, name), O_RDONLY | O_CLOEXEC)),
                     0);
    assert_int_equal(elfsymbols_load(&t->symbols, t->file.elf, type), 0);
}

static void close_table(struct table *t)
{
    elfsymbols_release(&t->symbols);
    debugfile_release(&t->file);
}

static const char *name_at(struct table *t, uint64_t offset)
{
    struct elf_symbol found;

    return elfsymbols_find(&t->symbols, t->base + offset, &found) ? found.name : "";
}

static void check_names(struct table *t)
{
    assert_string_equal(name_at(t, 0), "base");
    assert_string_equal(name_at(t, 15), "base");
    /* exported, without underscores, not weak; and nothing beyond the size */
    assert_string_equal(name_at(t, 16), "grab");
    assert_string_equal(name_at(t, 23), "grab");
    assert_string_equal(name_at(t, 24), "");
    assert_string_equal(name_at(t, 32), "whole");
    assert_string_equal(name_at(t, 44), "whole");
    assert_string_equal(name_at(t, 48), "sizeless");
    assert_string_equal(name_at(t, 63), "sizeless");
    assert_string_equal(name_at(t, 85), "last");
}

static void the_name_a_programmer_would_use(void **state)
{
    struct table t;

    fixture_write(*state, "a.s", assembly);
    fixture_run(*state, "$CC -shared -nostdlib -o a.so a.s");
    open_table(&t, *state, "a.so", SHT_SYMTAB);
    t.base = fixture_symbol(*state, "a.so", "base");
    check_names(&t);
    close_table(&t);
}

static void the_dynamic_table_answers_when_stripped(void **state)
{
    struct table t;

    fixture_write(*state, "a.s", assembly);
    fixture_run(*state, "$CC -shared -nostdlib -o a.so a.s && strip -s -o s.so a.so");
    open_table(&t, *state, "s.so", SHT_DYNSYM);
    t.base = fixture_symbol(*state, "a.so", "base");
    check_names(&t);
    elfsymbols_release(&t.symbols);
    assert_int_equal(elfsymbols_load(&t.symbols, t.file.elf, SHT_SYMTAB), -1);
    assert_string_equal(name_at(&t, 16), "");
    close_table(&t);
}

static void a_function_is_found_by_its_beginning(void **state)
{
    struct elf_symbol found;
    struct table t;

    fixture_write(*state, "a.s", assembly);
    fixture_run(*state, "$CC -shared -nostdlib -o a.so a.s");
    open_table(&t, *state, "a.so", SHT_SYMTAB);
    t.base = fixture_symbol(*state, "a.so", "base");
    assert_true(elfsymbols_at(&t.symbols, t.base + 16, &found));
    assert_string_equal(found.name, "grab");
    assert_false(found.local);
    assert_true(elfsymbols_at(&t.symbols, t.base + 40, &found));
    assert_string_equal(found.name, "inside");
    assert_true(found.local);
    assert_false(elfsymbols_at(&t.symbols, t.base + 17, &found));
    close_table(&t);
}

/* Of two names for one function, that of the default version is taken even if longer. */
static void versions_are_told_apart(void **state)
{
    struct elf_symbol found;
    struct table t;
    uint64_t at;

    fixture_write(*state, "v.s",
                  ".text\n.globl f1\n.type f1,@function\n.globl f2\n.type f2,@function\n"
                  "f1:\nf2:\n.zero 16\n.size f1,16\n.size f2,16\n"
                  ".symver f1, ab@V1\n.symver f2, abcd@@V2\n"
                  ".section .note.GNU-stack,\"\",@progbits\n");
    fixture_write(*state, "v.map", "V1 { };\nV2 { local: f1; f2; } V1;\n");
    fixture_run(*state, "$CC -shared -nostdlib -Wl,--version-script=v.map -o v.so v.s");
    at = fixture_symbol(*state, "v.so", "f1");
    for (unsigned type = SHT_SYMTAB; type <= SHT_DYNSYM; type += SHT_DYNSYM - SHT_SYMTAB) {
        open_table(&t, *state, "v.so", type);
        assert_true(elfsymbols_find(&t.symbols, at + 3, &found));
        assert_int_equal(strncmp(found.name, "abcd", 4), 0);
        close_table(&t);
    }
}

/* Damage anywhere in the headers or tables: an answer or none, but no crash. */
static void damage_does_no_harm(void **state)
{
    struct fixture *f = *state;
    static uint8_t whole[1 << 20], broken[1 << 20];
    char path[256];
    size_t size;
    FILE *file;

    fixture_write(f, "a.s", assembly);
    fixture_run(f, "$CC -shared -nostdlib -o a.so a.s");
    file = fopen(fixture_path(f, "a.so"), "re");
    assert_non_null(file);
    size = fread(whole, 1, sizeof whole, file);
    fclose(file);
    snprintf(path, sizeof path, "%s", fixture_path(f, "broken.so"));
    srand(3);
    for (int round = 0; round < 2000; round++) {
        struct debugfile opened;
        struct elfsymbols symbols;
        struct elf_symbol found;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        memcpy(broken, whole, size);
        for (int i = 0; i < 8; i++) {
            /* half of the damage at the end, where the section headers are */
            size_t at = i & 1 ? (size_t)rand() % size : size - 1 - (size_t)rand() % (size / 4);

            broken[at] = (uint8_t)(rand() & 1 ? 0xff : rand());
        }
        assert_int_equal(write(fd, broken, size), (ssize_t)size);
        if (debugfile_open(&opened, fd))
            continue;
        for (unsigned type = SHT_SYMTAB; type <= SHT_DYNSYM; type += SHT_DYNSYM - SHT_SYMTAB)
            if (!elfsymbols_load(&symbols, opened.elf, type)) {
                for (uint64_t at = 0; at < 0x3000; at += 16)
                    if (elfsymbols_find(&symbols, at, &found))
                        assert_true(strlen(found.name) < size);
                elfsymbols_release(&symbols);
            }
        debugfile_release(&opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_name_a_programmer_would_use, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_dynamic_table_answers_when_stripped, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_function_is_found_by_its_beginning, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(versions_are_told_apart, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(damage_does_no_harm, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
