// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/symbolize.h"

#include "src/shared/record.h"
#include "tests/unit/fixture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * `after_call` is the return address of a call that ends line 4; the next
 * instruction is of line 5.
 */
static const char source[] =
    "static volatile int sink;\n"                                     /* 1 */
    "static inline __attribute__((always_inline)) void inner(void)\n" /* 2 */
    "{\n"                                                             /* 3 */
    "    __asm__ volatile(\"nop\");\n"                                /* 4 */
    "    __asm__ volatile(\".globl after_call\\nafter_call: nop\");\n"
    "    sink++;\n"                                                    /* 6 */
    "}\n"                                                              /* 7 */
    "static inline __attribute__((always_inline)) void middle(void)\n" /* 8 */
    "{\n"                                                              /* 9 */
    "    sink = 1;\n"                                                  /* 10 */
    "    inner();\n"                                                   /* 11 */
    "}\n"                                                              /* 12 */
    "__attribute__((noinline)) void outer(void)\n"                     /* 13 */
    "{\n"                                                              /* 14 */
    "    middle();\n"                                                  /* 15 */
    "    sink = 2;\n"                                                  /* 16 */
    "}\n"                                                              /* 17 */
    "__attribute__((noinline)) int __inside(void)\n"                   /* 18 */
    "{\n"                                                              /* 19 */
    "    return sink;\n"                                               /* 20 */
    "}\n"                                                              /* 21 */
    "int outside(void) __attribute__((alias(\"__inside\")));\n"
    "int main(void)\n"
    "{\n"
    "    outer();\n"
    "    return outside();\n"
    "}\n";

/* A symbolizer with one module: a file of the folder, addresses as in the file. */
struct one {
    struct symbolizer *s;
    struct profile_module module;
    struct symbol_line lines[8];
    size_t count;
};

static void open_with(struct one *o, struct fixture *f, const char *file,
                      struct symbolizer_options options)
{
    struct error e;

    o->s = symbolizer_new(&options, &e);
    assert_non_null(o->s);
    assert_int_equal(symbolizer_add_module(o->s, &o->module, fixture_path(f, file), 0, &e), 0);
}

static void open_one(struct one *o, struct fixture *f, const char *file)
{
    char debug_dir[128];

    memset(o, 0, sizeof *o);
    snprintf(debug_dir, sizeof debug_dir, "%s/debug", f->folder);
    open_with(o, f, file, (struct symbolizer_options){.debug_dir = debug_dir});
}

static void look(struct one *o, uint64_t frame)
{
    o->count = symbolizer_lookup(o->s, 0, frame, o->lines, 8);
    assert_true(o->count >= 1 && o->count <= 8);
}

static void close_one(struct one *o)
{
    symbolizer_free(o->s);
}

static void assert_line(const struct symbol_line *line, struct fixture *f, const char *function,
                        const char *file, uint32_t number, uint32_t flags)
{
    assert_string_equal(line->function, function);
    assert_string_equal(line->file, *file ? fixture_path(f, file) : "");
    assert_int_equal(line->line, number);
    assert_int_equal(line->flags, flags);
}

/* The whole answer for `after_call`: as a return address, and as it is. */
static void check_inlining(struct fixture *f, const char *file, const char *symbols)
{
    uint64_t after = fixture_symbol(f, symbols, "after_call");
    struct one o;

    open_one(&o, f, file);
    look(&o, after);
    assert_int_equal(o.count, 3);
    assert_line(&o.lines[0], f, "inner", "a.c", 4, LINE_INLINED);
    assert_line(&o.lines[1], f, "middle", "a.c", 11, LINE_INLINED);
    assert_line(&o.lines[2], f, "outer", "a.c", 15, 0);
    assert_int_equal(o.lines[2].offset, after - fixture_symbol(f, symbols, "outer"));
    look(&o, after | FRAME_EXACT);
    assert_int_equal(o.count, 3);
    assert_line(&o.lines[0], f, "inner", "a.c", 5, LINE_INLINED);
    close_one(&o);
}

static void inlined_calls_in_every_dialect(void **state)
{
    static const char *const compilers[] = {"$CC", "gcc", "clang"};
    static const char *const flags[] = {
        "-O2 -gdwarf-5",
        "-O2 -gdwarf-4",
        "-O2 -gdwarf-3",
        "-O1 -g -fno-pie -no-pie",
        "-O2 -g -gz",
        "-O2 -g -fdebug-types-section",
        "-O2 -gdwarf-5 -gsplit-dwarf",
        "-O2 -gdwarf-4 -gsplit-dwarf",
        "-O2 -g -ffunction-sections -Wl,--gc-sections",
        "-O2 -g -flto",
    };
    struct fixture *f = *state;
    size_t checked = 0;

    fixture_write(f, "a.c", source);
    for (size_t c = 0; c < sizeof compilers / sizeof *compilers; c++)
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
            if (!fixture_try(f, "rm -f *.dwo && %s %s -c $PWD/a.c -o a.o && %s %s a.o -o a",
                             compilers[c], flags[i], compilers[c], flags[i]))
                continue; /* no such compiler, or it lacks the flag */
            print_message("  %s %s\n", compilers[c], flags[i]);
            check_inlining(f, "a", "a");
            checked++;
        }
    assert_true(checked >= 5);
}

static void lines_without_aranges(void **state)
{
    fixture_write(*state, "a.c", source);
    fixture_run(*state, "$CC -O2 -g a.c -o a && objcopy --remove-section .debug_aranges a b");
    check_inlining(*state, "b", "a");
}

static void relative_names_are_joined_to_the_folder_of_compilation(void **state)
{
    static const char *const compilers[] = {"$CC", "gcc", "clang"};
    struct fixture *f = *state;

    fixture_run(f, "mkdir sub");
    fixture_write(f, "sub/a.c", source);
    for (size_t i = 0; i < 3; i++) {
        struct one o;

        if (!fixture_try(f, "%s -O2 -g -gdwarf-5 sub/a.c -o a", compilers[i]))
            continue;
        open_one(&o, f, "a");
        look(&o, fixture_symbol(f, "a", "after_call"));
        assert_int_equal(o.count, 3);
        assert_line(&o.lines[0], f, "inner", "sub/a.c", 4, LINE_INLINED);
        assert_line(&o.lines[2], f, "outer", "sub/a.c", 15, 0);
        close_one(&o);
    }
}

static void few_lines_keep_the_function(void **state)
{
    struct fixture *f = *state;
    struct one o;
    uint64_t after;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g a.c -o a");
    after = fixture_symbol(f, "a", "after_call");
    open_one(&o, f, "a");
    assert_int_equal(symbolizer_lookup(o.s, 0, after, o.lines, 2), 2);
    assert_string_equal(o.lines[0].function, "inner");
    assert_string_equal(o.lines[1].function, "outer");
    assert_int_equal(symbolizer_lookup(o.s, 0, after, o.lines, 1), 1);
    assert_string_equal(o.lines[0].function, "outer");
    assert_int_equal(symbolizer_lookup(o.s, 0, after, o.lines, 0), 0);
    close_one(&o);
}

static void the_exported_name_of_a_libc_function(void **state)
{
    struct fixture *f = *state;
    struct one o;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g a.c -o a");
    open_one(&o, f, "a");
    look(&o, fixture_symbol(f, "a", "__inside") | FRAME_EXACT);
    assert_string_equal(o.lines[o.count - 1].function, "outside");
    close_one(&o);
}

static void symbols_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t after, outer;
    struct one o;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g -rdynamic a.c -o a && $CC -O2 -g a.c -o c &&"
                   "strip -g -o symbols a && strip -s -o dynamic a && strip -s -o stripped c");
    after = fixture_symbol(f, "a", "after_call");
    outer = fixture_symbol(f, "a", "outer");
    for (int i = 0; i < 2; i++) {
        open_one(&o, f, i ? "dynamic" : "symbols");
        look(&o, after);
        assert_int_equal(o.count, 1);
        assert_line(&o.lines[0], f, "outer", "", 0, LINE_FROM_SYMTAB);
        assert_int_equal(o.lines[0].offset, after - outer);
        close_one(&o);
    }
    /* nothing left: an offset from the start of the module, never a neighbour's name */
    after = fixture_symbol(f, "c", "after_call");
    open_one(&o, f, "stripped");
    look(&o, after);
    assert_int_equal(o.count, 1);
    assert_line(&o.lines[0], f, "", "", 0, 0);
    assert_int_equal(o.lines[0].offset, after);
    close_one(&o);
}

static void the_bias_is_taken_off(void **state)
{
    struct symbolizer_options options = {.debug_dir = "/nowhere"};
    struct fixture *f = *state;
    struct one o = {
        .module = {.start = 0x7f0000001000, .end = 0x7f0000009000, .bias = 0x7f0000000000}};
    uint64_t after;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g $PWD/a.c -o a");
    after = fixture_symbol(f, "a", "after_call");
    open_with(&o, f, "a", options);
    look(&o, o.module.bias + after);
    assert_int_equal(o.count, 3);
    assert_line(&o.lines[2], f, "outer", "a.c", 15, 0);
    assert_int_equal(o.lines[2].offset, after - fixture_symbol(f, "a", "outer"));
    /* the headers at the start of the file are no code */
    look(&o, o.module.start - 0x1000 + 0x10);
    assert_string_equal(o.lines[0].function, "");
    close_one(&o);
}

/* ------------------------------------------------------ separate files -- */

static void split_off(struct fixture *f, const char *flags)
{
    fixture_write(f, "a.c", source);
    fixture_run(f,
                "$CC -O2 -g %s a.c -o a && objcopy --only-keep-debug a a.debug && "
                "strip -s -o b a && objcopy --add-gnu-debuglink=a.debug b && mkdir -p .debug debug",
                flags);
}

static void a_debug_link_is_followed(void **state)
{
    struct fixture *f = *state;
    struct one o;

    split_off(f, "-Wl,--build-id");
    check_inlining(f, "b", "a");
    fixture_run(f, "mv a.debug .debug");
    check_inlining(f, "b", "a");
    fixture_run(f, "mkdir -p debug/$PWD && mv .debug/a.debug debug/$PWD");
    check_inlining(f, "b", "a");
    /* another build's debug file */
    fixture_run(f, "$CC -O1 -g -Wl,--build-id=0x99 a.c -o other && "
                   "objcopy --only-keep-debug other debug/$PWD/a.debug");
    open_one(&o, f, "b");
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_line(&o.lines[0], f, "", "", 0, 0);
    close_one(&o);
}

static void a_debug_link_without_an_id_goes_by_its_crc(void **state)
{
    struct fixture *f = *state;
    struct one o;

    split_off(f, "-Wl,--build-id=none");
    check_inlining(f, "b", "a");
    fixture_run(f, "printf x >>a.debug");
    open_one(&o, f, "b");
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_line(&o.lines[0], f, "", "", 0, 0);
    close_one(&o);
}

static void a_debug_file_is_found_by_its_id(void **state)
{
    struct fixture *f = *state;
    struct one o = {.module.build_id_size = 4, .module.build_id = {0xab, 0xcd, 0xef, 0x01}};
    char debug_dir[128];

    split_off(f, "-Wl,--build-id=0xabcdef01");
    fixture_run(f, "mkdir -p debug/.build-id/ab && mv a.debug debug/.build-id/ab/cdef01.debug");
    check_inlining(f, "b", "a");
    /* even if the module itself is gone, or is now something else */
    snprintf(debug_dir, sizeof debug_dir, "%s/debug", f->folder);
    for (int i = 0; i < 2; i++) {
        o.module.flags = 0;
        open_with(&o, f, i ? "a.c" : "gone", (struct symbolizer_options){.debug_dir = debug_dir});
        assert_int_equal(o.module.flags, i ? MODULE_FILE_REPLACED : MODULE_FILE_MISSING);
        look(&o, fixture_symbol(f, "a", "after_call"));
        assert_int_equal(o.count, 3);
        assert_line(&o.lines[0], f, "inner", "a.c", 4, LINE_INLINED);
        close_one(&o);
    }
}

static void what_dwz_shares_is_found(void **state)
{
    struct fixture *f = *state;

    /*
     * Two programs with enough in common that dwz has something to share.  Of what clang writes
     * it shares strings alone, and libdw takes a file without .debug_info for no debug file.
     */
    if (!fixture_try(f, "command -v gcc && command -v dwz"))
        skip();
    fixture_write(f, "a.c", source);
    fixture_run(f, "gcc -O2 -g -include stdio.h -include stdlib.h -include pthread.h a.c -o a && "
                   "cp a untouched && sed s/main/main/ a.c >b.c && "
                   "gcc -O2 -g -include stdio.h -include stdlib.h -include pthread.h b.c -o b");
    fixture_run(f, "dwz -m common -r a b && readelf -S a | grep -q gnu_debugaltlink");
    check_inlining(f, "a", "untouched");
    /* without the shared part: no crash, and what is said is right */
    fixture_run(f, "rm common");
    {
        struct one o;

        open_one(&o, f, "a");
        look(&o, fixture_symbol(f, "untouched", "after_call"));
        assert_string_equal(o.lines[o.count - 1].function, "outer");
        close_one(&o);
    }
}

static void debuginfod_is_asked_only_if_allowed(void **state)
{
    struct fixture *f = *state;
    char url[160], cache[160];
    struct one o = {.module.flags = 0};

    if (!dlopen("libdebuginfod.so.1", RTLD_NOW))
        skip();
    split_off(f, "-Wl,--build-id=0xabcdef02");
    fixture_run(f,
                "mkdir -p server/buildid/abcdef02 && mv a.debug server/buildid/abcdef02/debuginfo");
    snprintf(url, sizeof url, "file://%s/server", f->folder);
    snprintf(cache, sizeof cache, "%s/cache", f->folder);
    setenv("DEBUGINFOD_URLS", url, 1);
    setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
    open_with(&o, f, "b", (struct symbolizer_options){.debug_dir = "/nowhere"});
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_line(&o.lines[0], f, "", "", 0, 0);
    close_one(&o);
    open_with(&o, f, "b", (struct symbolizer_options){.debug_dir = "/nowhere", .debuginfod = true});
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_int_equal(o.count, 3);
    assert_line(&o.lines[2], f, "outer", "a.c", 15, 0);
    close_one(&o);
    unsetenv("DEBUGINFOD_URLS");
}

/* A split unit whose .dwo file is gone still has its line table and its symbol. */
static void a_missing_dwo_file_leaves_line_and_symbol(void **state)
{
    struct fixture *f = *state;
    struct one o;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g -gsplit-dwarf $PWD/a.c -o a && rm -f *.dwo");
    open_one(&o, f, "a");
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_string_equal(o.lines[o.count - 1].function, "outer");
    assert_string_equal(o.lines[0].file, fixture_path(f, "a.c"));
    assert_int_equal(o.lines[0].line, 4);
    close_one(&o);
}

/* ------------------------------------------------- files that go away -- */

static void a_file_is_read_after_it_was_deleted(void **state)
{
    struct fixture *f = *state;
    uint64_t after;
    struct one o;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g $PWD/a.c -o a");
    after = fixture_symbol(f, "a", "after_call");
    open_one(&o, f, "a");
    fixture_run(f, "rm a && $CC -O0 a.c -o a");
    look(&o, after);
    assert_int_equal(o.count, 3);
    assert_line(&o.lines[0], f, "inner", "a.c", 4, LINE_INLINED);
    close_one(&o);
}

static void a_file_overwritten_in_place_is_not_read(void **state)
{
    struct fixture *f = *state;
    uint64_t after;
    struct one o;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g $PWD/a.c -o a");
    after = fixture_symbol(f, "a", "after_call");
    open_one(&o, f, "a");
    fixture_run(f, "cat a.c >a");
    look(&o, after);
    assert_int_equal(o.count, 1);
    assert_line(&o.lines[0], f, "", "", 0, 0);
    close_one(&o);
}

static void another_build_is_not_used(void **state)
{
    struct fixture *f = *state;
    struct one o = {.module = {.build_id_size = 2, .build_id = {0x11, 0x22}}};

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g -Wl,--build-id=0x1123 a.c -o a");
    open_with(&o, f, "a", (struct symbolizer_options){.debug_dir = "/nowhere"});
    assert_int_equal(o.module.flags, MODULE_FILE_REPLACED);
    look(&o, fixture_symbol(f, "a", "after_call"));
    assert_line(&o.lines[0], f, "", "", 0, 0);
    close_one(&o);
}

static void modules_of_one_file_share_what_is_known(void **state)
{
    struct fixture *f = *state;
    struct profile_module again = {.start = 0x100000, .bias = 0x100000};
    struct error e;
    struct one o;
    uint64_t after;

    fixture_write(f, "a.c", source);
    fixture_run(f, "$CC -O2 -g $PWD/a.c -o a");
    after = fixture_symbol(f, "a", "after_call");
    open_one(&o, f, "a");
    assert_int_equal(symbolizer_add_module(o.s, &again, fixture_path(f, "a"), 0, &e), 1);
    look(&o, after);
    assert_int_equal(symbolizer_lookup(o.s, 1, after + 0x100000, o.lines, 8), 3);
    assert_line(&o.lines[2], f, "outer", "a.c", 15, 0);
    close_one(&o);
}

/* ----------------------------------------------------- special modules -- */

static void the_vdso_is_known(void **state)
{
    uint64_t start = getauxval(AT_SYSINFO_EHDR);
    struct profile_module module = {.start = start, .end = start + 0x2000, .bias = start};
    struct symbolizer_options options = {.debug_dir = "/nowhere"};
    bool found = false;
    struct symbolizer *s = symbolizer_new(&options, NULL);
    struct symbol_line line;

    (void)state;
    if (!start)
        skip();
    assert_int_equal(symbolizer_add_module(s, &module, "linux-vdso.so.1", 0, NULL), 0);
    assert_int_equal(module.flags, 0);
    for (uint64_t at = start; at < module.end; at += 16)
        if (symbolizer_lookup(s, 0, at | FRAME_EXACT, &line, 1) == 1)
            found = found || strstr(line.function, "clock_gettime") != NULL;
    assert_true(found);
    symbolizer_free(s);
}

static int find_ourselves(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1; /* the executable comes first */
}

static void a_process_names_its_executable(void **state)
{
    struct profile_module module = {.end = UINT64_MAX};
    struct symbolizer_options options = {.debug_dir = "/nowhere"};
    struct symbolizer *s = symbolizer_new(&options, NULL);
    struct symbol_line lines[8];
    size_t count;

    (void)state;
    dl_iterate_phdr(find_ourselves, &module.bias);
    assert_int_equal(symbolizer_add_module(s, &module, "", getpid(), NULL), 0);
    count = symbolizer_lookup(s, 0, (uint64_t)(uintptr_t)find_ourselves | FRAME_EXACT, lines, 8);
    assert_string_equal(lines[count - 1].function, "find_ourselves");
    symbolizer_free(s);
}

static void code_without_a_module_is_named_by_the_perf_map(void **state)
{
    struct fixture *f = *state;
    struct symbolizer_options options = {.debug_dir = "/nowhere"};
    struct symbolizer *s;
    struct symbol_line line;

    fixture_write(f, "map", "7f0000001000 40 jitted\n");
    options.perf_map = fixture_path(f, "map");
    s = symbolizer_new(&options, NULL);
    assert_int_equal(symbolizer_lookup(s, (int)NO_MODULE, 0x7f0000001040, &line, 1), 1);
    assert_line(&line, f, "jitted", "", 0, LINE_FROM_SYMTAB);
    assert_int_equal(line.offset, 0x40);
    assert_int_equal(symbolizer_lookup(s, (int)NO_MODULE, 0x7f0000001040 | FRAME_EXACT, &line, 1),
                     1);
    assert_line(&line, f, "", "", 0, 0);
    assert_int_equal(line.offset, 0x7f0000001040);
    symbolizer_free(s);
}

/* ---------------------------------------------------------------- C++ -- */

static void cxx_names_are_whole(void **state)
{
    struct fixture *f = *state;
    static const char *const compilers[] = {"g++", "clang++"};
    static const char *const flags[] = {"-O2 -g", "-O2 -g1"};

    fixture_write(f, "a.cc",
                  "namespace app {\n"
                  "struct box { template <class T> __attribute__((noinline)) T get(T t)\n"
                  "    {\n"
                  "        __asm__ volatile(\"nop\\n.globl after_call\\nafter_call:\" ::\"r\"(&t) "
                  ": \"memory\");\n"
                  "        return t;\n"
                  "    } };\n"
                  "}\n"
                  "int main() { app::box b; return b.get(0); }\n");
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 2; i++) {
            struct one o;

            if (!fixture_try(f, "%s %s $PWD/a.cc -o a", compilers[c], flags[i]))
                continue;
            open_one(&o, f, "a");
            look(&o, fixture_symbol(f, "a", "after_call"));
            assert_string_equal(o.lines[o.count - 1].function, "app::box::get<int>(int)");
            assert_int_equal(o.lines[0].line, 4);
            close_one(&o);
        }
}

/* ------------------------------------------------------------- damage -- */

static size_t read_file(const char *path, uint8_t **bytes)
{
    FILE *file = fopen(path, "re");
    size_t size;

    assert_non_null(file);
    *bytes = malloc(4 << 20);
    assert_non_null(*bytes);
    size = fread(*bytes, 1, 4 << 20, file);
    fclose(file);
    return size;
}

static void look_everywhere(struct fixture *f, const char *name, uint64_t after)
{
    struct one o;

    open_one(&o, f, name);
    look(&o, after);
    for (uint64_t at = after & ~UINT64_C(0xfff), end = at + 0x1000; at < end; at += 32)
        look(&o, at | FRAME_EXACT);
    close_one(&o);
}

/* Bytes changed anywhere, headers and debugging information above all; and files cut short. */
static void damage_does_no_harm(void **state)
{
    static const char *const flags[] = {"-gdwarf-5", "-gdwarf-4", "-gdwarf-5 -gz"};
    struct fixture *f = *state;

    fixture_write(f, "a.c", source);
    srand(5);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *whole, *broken;
        size_t size;
        uint64_t after;

        fixture_run(f, "$CC -O2 %s $PWD/a.c -o a", flags[i]);
        after = fixture_symbol(f, "a", "after_call");
        size = read_file(fixture_path(f, "a"), &whole);
        broken = malloc(size);
        for (int round = 0; round < 700; round++) {
            size_t length = round % 7 ? size : (size_t)rand() % size;
            int fd = open(fixture_path(f, "broken"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

            memcpy(broken, whole, size);
            for (int k = rand() % 12; k >= 0; k--)
                broken[(size_t)rand() % size] = (uint8_t)(rand() % 3 ? rand() : 0xff);
            assert_int_equal(write(fd, broken, length), (ssize_t)length);
            close(fd);
            look_everywhere(f, "broken", after);
        }
        free(whole);
        free(broken);
    }
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(inlined_calls_in_every_dialect),
        FIXTURE_TEST(lines_without_aranges),
        FIXTURE_TEST(relative_names_are_joined_to_the_folder_of_compilation),
        FIXTURE_TEST(few_lines_keep_the_function),
        FIXTURE_TEST(the_exported_name_of_a_libc_function),
        FIXTURE_TEST(symbols_alone),
        FIXTURE_TEST(the_bias_is_taken_off),
        FIXTURE_TEST(a_debug_link_is_followed),
        FIXTURE_TEST(a_debug_link_without_an_id_goes_by_its_crc),
        FIXTURE_TEST(a_debug_file_is_found_by_its_id),
        FIXTURE_TEST(what_dwz_shares_is_found),
        FIXTURE_TEST(debuginfod_is_asked_only_if_allowed),
        FIXTURE_TEST(a_missing_dwo_file_leaves_line_and_symbol),
        FIXTURE_TEST(a_file_is_read_after_it_was_deleted),
        FIXTURE_TEST(a_file_overwritten_in_place_is_not_read),
        FIXTURE_TEST(another_build_is_not_used),
        FIXTURE_TEST(modules_of_one_file_share_what_is_known),
        cmocka_unit_test(the_vdso_is_known),
        cmocka_unit_test(a_process_names_its_executable),
        FIXTURE_TEST(code_without_a_module_is_named_by_the_perf_map),
        FIXTURE_TEST(cxx_names_are_whole),
        FIXTURE_TEST(damage_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
