// SPDX-License-Identifier: Apache-2.0
/* Dynamic sections of this process's modules, and made ones. */
#include "preload/dynamic.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Of a module what is looked for in it. */
struct look {
    const char *module; /* what its name ends with */
    const char *symbol;
    bool seen, read;
    struct dynamic d;
    const ElfW(Sym) * found;
    uintptr_t address;
    uintptr_t bias;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), room = strlen(end);

    return length >= room && strcmp(text + length - room, end) == 0;
}

/* By the last bucket's last chain: how many symbols there are. */
static uint32_t symbol_count(const struct dynamic *d)
{
    const uint32_t *buckets = d->hash + 4 + d->hash[2] * 2, *chains = buckets + d->hash[0];
    uint32_t last = 0;

    for (uint32_t i = 0; i < d->hash[0]; i++)
        last = buckets[i] > last ? buckets[i] : last;
    while (last >= d->hash[1] && !(chains[last - d->hash[1]] & 1))
        last++;
    return last + 1;
}

static int look_at(struct dl_phdr_info *module, size_t size, void *context)
{
    struct look *l = context;

    (void)size;
    if (!ends_with(module->dlpi_name, l->module))
        return 0;
    l->seen = true;
    l->bias = module->dlpi_addr;
    l->read = dynamic_read(module, &l->d);
    for (uint32_t i = 1; l->read && l->d.hash && i < symbol_count(&l->d); i++)
        if (l->d.symbols[i].st_value &&
            strcmp(l->d.names + l->d.symbols[i].st_name, l->symbol) == 0)
            l->found = &l->d.symbols[i];
    l->address = l->found ? module->dlpi_addr + l->found->st_value : 0;
    return 1;
}

static struct look looked(const char *module, const char *symbol)
{
    struct look l = {.module = module, .symbol = symbol};

    dl_iterate_phdr(look_at, &l);
    return l;
}

static void a_library_has_symbols_where_the_loader_finds_them(void **state)
{
    struct look l = looked("/libc.so.6", "lfind");

    (void)state;
    assert_true(l.seen && l.read);
    assert_non_null(l.found);
    assert_int_equal(l.address, (uintptr_t)dlsym(RTLD_DEFAULT, "lfind"));
    assert_non_null(l.d.versions);
}

/* Its addresses are not relocated. */
static void the_kernels_module_is_read(void **state)
{
    struct look l = looked("linux-vdso.so.1", "__vdso_clock_gettime");

    (void)state;
    if (!l.seen)
        skip();
    assert_true(l.read);
    assert_non_null(l.found);
    assert_true(l.address > l.bias);
}

/* What is called by the procedure linkage table or by address. */
static bool relocates(const struct dynamic *d, unsigned table, const char *name)
{
    for (size_t i = 0; i < d->sizes[table] / sizeof(ElfW(Rela)); i++) {
        const ElfW(Sym) *s = &d->symbols[ELF64_R_SYM(d->tables[table][i].r_info)];

        if (ELF64_R_SYM(d->tables[table][i].r_info) && strcmp(d->names + s->st_name, name) == 0)
            return true;
    }
    return false;
}

static void relocations_name_what_is_imported(void **state)
{
    struct look program = looked("", "");

    (void)state;
    assert_true(getppid() > 0); /* which sanitizers have no function of their own for */
    assert_true(program.seen && program.read);
    assert_true(relocates(&program.d, 0, "getppid") || relocates(&program.d, 1, "getppid"));
    assert_false(relocates(&program.d, 0, "no_such_symbol"));
}

/* ------------------------------------------------------------- made ones -- */

static const ElfW(Sym) symbols[2];
static const char names[] = "\0a";
static const ElfW(Rela) relocations[3];

static struct dl_phdr_info made(const ElfW(Phdr) * headers, uint16_t count, uintptr_t bias)
{
    return (struct dl_phdr_info){
        .dlpi_addr = bias, .dlpi_name = "made", .dlpi_phdr = headers, .dlpi_phnum = count};
}

static void addresses_are_taken_with_and_without_the_bias(void **state)
{
    /* the lowest, so that all others are behind it */
    uintptr_t bias = (uintptr_t)symbols < (uintptr_t)names ? (uintptr_t)symbols : (uintptr_t)names;
    ElfW(Dyn) section[] = {
        {.d_tag = DT_SYMTAB, .d_un.d_ptr = (uintptr_t)symbols},
        {.d_tag = DT_STRTAB, .d_un.d_ptr = (uintptr_t)names},
        {.d_tag = DT_JMPREL, .d_un.d_ptr = (uintptr_t)relocations},
        {.d_tag = DT_PLTRELSZ, .d_un.d_val = sizeof(relocations)},
        {.d_tag = DT_NULL},
        {.d_tag = DT_RELASZ, .d_un.d_val = 24},
    };
    ElfW(Phdr) headers[2] = {{.p_type = PT_LOAD}, {.p_type = PT_DYNAMIC}};
    struct dl_phdr_info module;
    struct dynamic d;

    (void)state;
    if ((uintptr_t)relocations < bias)
        bias = (uintptr_t)relocations;
    headers[1].p_vaddr = (uintptr_t)section - bias;
    module = made(headers, 2, bias);
    for (int relocated = 1; relocated >= 0; relocated--) {
        assert_true(dynamic_read(&module, &d));
        assert_ptr_equal(d.symbols, symbols);
        assert_ptr_equal(d.names, names);
        assert_ptr_equal(d.tables[1], relocations);
        assert_int_equal(d.sizes[1], sizeof(relocations));
        assert_null(d.tables[0]);
        assert_int_equal(d.sizes[0], 0); /* behind the end */
        assert_null(d.hash);
        assert_null(d.versions);
        for (int i = 0; i < 3; i++)
            section[i].d_un.d_ptr -= bias;
    }
}

static void a_module_without_symbols_has_none(void **state)
{
    ElfW(Dyn)
        section[] = {{.d_tag = DT_STRTAB, .d_un.d_ptr = (uintptr_t)names}, {.d_tag = DT_NULL}};
    ElfW(Phdr) headers[1] = {{.p_type = PT_DYNAMIC, .p_vaddr = (uintptr_t)section}};
    struct dl_phdr_info module = made(headers, 1, 0);
    struct dynamic d;

    (void)state;
    assert_false(dynamic_read(&module, &d));
    headers[0].p_type = PT_LOAD;
    assert_false(dynamic_read(&module, &d));
    module.dlpi_phnum = 0;
    assert_false(dynamic_read(&module, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_has_symbols_where_the_loader_finds_them),
        cmocka_unit_test(the_kernels_module_is_read),
        cmocka_unit_test(relocations_name_what_is_imported),
        cmocka_unit_test(addresses_are_taken_with_and_without_the_bias),
        cmocka_unit_test(a_module_without_symbols_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
