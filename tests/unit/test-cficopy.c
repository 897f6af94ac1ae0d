// SPDX-License-Identifier: Apache-2.0
/*
 * Unwind tables read in a mapping of our own: that what is found there is what lies in the module,
 * that pages are given back, and when there is no copy.
 */
#include "preload/cficopy.h"
#include "preload/confinement.h"
#include "preload/modules.h"
#include "preload/session.h"
#include "src/shared/ownrange.h"
#include "tests/unit/segment-maker.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FUNCTIONS 40000u
#define FUNCTION_BYTES 32u
#define HEADER_BYTES (12u + 8u * FUNCTIONS)
#define CIE_BYTES 24u
#define FDE_BYTES 24u
#define EH_FRAME (HEADER_BYTES + 4u)
#define FILE_BYTES (EH_FRAME + CIE_BYTES + FUNCTIONS * FDE_BYTES + 4u)
#define CODE 0x1000000u /* the functions' addresses from the module's start; nothing is there */

struct session session;
static bool now_confined;
static ElfW(Dyn) dynamic[2];
#define NAME "/tmp/test-cficopy-XXXXXX"

static char name[] = NAME;
static uint8_t *module;
static struct cfi_module here;

/* What the files under test ask of the rest of the preload library. */
bool confined(void)
{
    return now_confined;
}

const void *module_dynamic(uint64_t pc)
{
    (void)pc;
    return dynamic;
}

/* ----------------------------------------------------------- the module -- */

static void put4(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
}

static uint64_t offset_of(uint32_t function)
{
    return 8 + 8 * (function % 1000);
}

static uint32_t fde_at(uint32_t function)
{
    return EH_FRAME + CIE_BYTES + function * FDE_BYTES;
}

/* A header, a CIE, and an FDE for each function that says its CFA is rsp + offset_of. */
static void module_fill(uint8_t *m)
{
    static const uint8_t header[4] = {1, 0x1b, 0x03, 0x3b};
    /* version 1, "zR", 1, -8, 16, pcrel | sdata4; RA at CFA-8 */
    static const uint8_t cie[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x90, 1};

    memcpy(m, header, sizeof header);
    put4(m + 4, EH_FRAME - 4);
    put4(m + 8, FUNCTIONS);
    put4(m + EH_FRAME, CIE_BYTES - 4);
    memcpy(m + EH_FRAME + 8, cie, sizeof cie);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        uint8_t *fde = m + fde_at(i);

        put4(m + 12 + 8 * i, CODE + i * FUNCTION_BYTES);
        put4(m + 16 + 8 * i, fde_at(i));
        put4(fde, FDE_BYTES - 4);
        put4(fde + 4, fde_at(i) + 4 - EH_FRAME);
        put4(fde + 8, CODE + i * FUNCTION_BYTES - (fde_at(i) + 8));
        put4(fde + 12, FUNCTION_BYTES);
        fde[17] = 0x0c; /* def_cfa rsp */
        fde[18] = CFI_RSP;
        fde[19] = (uint8_t)(offset_of(i) | 0x80);
        fde[20] = (uint8_t)(offset_of(i) >> 7);
    }
}

static int module_make(void)
{
    uint8_t *bytes = calloc(1, FILE_BYTES);
    int fd = mkstemp(strcpy(name, NAME));

    if (!bytes || fd < 0)
        return -1;
    module_fill(bytes);
    /* by pages, so that no folio of the file is larger */
    for (size_t at = 0; at < FILE_BYTES; at += 4096) {
        size_t some = FILE_BYTES - at < 4096 ? FILE_BYTES - at : 4096;

        if (write(fd, bytes + at, some) != (ssize_t)some)
            return -1;
    }
    free(bytes);
    module = mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return module == MAP_FAILED ? -1 : 0;
}

static int set_up(void **state)
{
    struct segment_settings settings = {0};

    (void)state;
    return make_segment(&session.segment, 8, &settings) == 0 ? module_make() : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(name);
    munmap(module, FILE_BYTES);
    return drop_segment(&session.segment);
}

static int fresh(void **state)
{
    (void)state;
    cficopy_release();
    now_confined = false;
    session.stamped = 0;
    memset(dynamic, 0, sizeof dynamic);
    here = (struct cfi_module){.start = (uint64_t)(uintptr_t)module,
                               .end = (uint64_t)(uintptr_t)module + FILE_BYTES,
                               .eh_frame_hdr = module,
                               .header_bytes = HEADER_BYTES};
    return 0;
}

/* In place of the module whose file is gone. */
static int fresh_module(void **state)
{
    unlink(name);
    munmap(module, FILE_BYTES);
    return module_make() == 0 ? fresh(state) : -1;
}

static void look(uint32_t function)
{
    uint64_t pc = here.start + CODE + function * FUNCTION_BYTES + function % FUNCTION_BYTES;
    struct cfi_row row;

    assert_int_equal(cficopy_find_row(&here, pc, &row), CFI_FOUND);
    assert_int_equal(row.cfa_register, CFI_RSP);
    assert_int_equal(row.cfa_offset, offset_of(function));
    assert_int_equal(row.how[CFI_RA], CFI_OFFSET);
    assert_int_equal(row.value[CFI_RA], -8);
}

static void look_all_over(void)
{
    for (uint32_t i = 0; i < FUNCTIONS; i += 7)
        look(i * 7919 % FUNCTIONS);
    look(0);
    look(FUNCTIONS - 1);
}

/* The copy, by the table of own mappings; 0: there is none. */
static uint64_t copy(uint64_t *bytes)
{
    uint64_t start, end;
    uint32_t at = 0;

    if (!own_range_next(&session.segment, &at, &start, &end))
        return 0;
    *bytes = end - start;
    return start;
}

/* Bytes that this process has resident of the mapping that begins at `start`. */
static uint64_t resident(uint64_t start)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    uint64_t low, high, kib = 0;
    bool there = false;
    char line[512];

    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%lx-%lx ", &low, &high) == 2)
            there = start >= low && start < high;
        else if (there && sscanf(line, "Rss: %lu", &kib) == 1)
            break;
    fclose(file);
    return kib << 10;
}

static int descriptors(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

/* --------------------------------------------------------------- tests -- */

static void test_rows_are_the_modules(void **state)
{
    uint64_t bytes = 0, gap = here.start + CODE - 1;
    int lowest = descriptors();
    struct cfi_row row;

    (void)state;
    look_all_over();
    assert_int_not_equal(copy(&bytes), 0);
    assert_true(bytes >= FILE_BYTES && bytes < FILE_BYTES + 4096);
    assert_int_equal(descriptors(), lowest);
    assert_int_equal(cficopy_find_row(&here, gap, &row), CFI_NO_ENTRY);
    gap = here.start + CODE + FUNCTIONS * FUNCTION_BYTES;
    assert_int_equal(cficopy_find_row(&here, gap, &row), CFI_NO_ENTRY);
}

static void test_pages_are_given_back(void **state)
{
    uint64_t bytes = 0, most = (CFICOPY_PARTS + 1) * CFICOPY_PART_BYTES;

    (void)state;
    assert_true(FILE_BYTES > most + 4 * CFICOPY_PART_BYTES);
    look_all_over();
    assert_in_range(resident(copy(&bytes)), 4096, most);
    now_confined = true; /* no more system calls: what is read from now on stays */
    look_all_over();
    assert_true(resident(copy(&bytes)) > most);
}

static void test_no_copy(void **state)
{
    uint64_t bytes;

    (void)state;
    now_confined = true;
    look_all_over();
    now_confined = false;
    session.stamped = 1;
    look_all_over();
    session.stamped = 0;
    here.header_bytes = CFICOPY_LARGE - 1;
    look_all_over();
    here.header_bytes = HEADER_BYTES;
    dynamic[0].d_tag = DT_TEXTREL;
    look_all_over();
    assert_int_equal(copy(&bytes), 0);
    dynamic[0].d_tag = DT_NULL;
    look(1); /* that there is none was noted */
    assert_int_equal(copy(&bytes), 0);
    cficopy_forget(here.start, here.end);
    look(1);
    assert_int_not_equal(copy(&bytes), 0);
}

static void test_another_file_of_that_name(void **state)
{
    char other[sizeof name + 4];
    uint64_t bytes;
    int fd;

    (void)state;
    snprintf(other, sizeof other, "%s.was", name);
    assert_int_equal(rename(name, other), 0);
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
    close(fd);
    /* the mapping is shown by its new name as long as it has one */
    look(2);
    assert_int_not_equal(copy(&bytes), 0);
    cficopy_release();
    assert_int_equal(unlink(other), 0);
    look_all_over();
    assert_int_equal(copy(&bytes), 0);
}

static void test_written_mapping_is_not_copied(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_int_equal(mprotect(module, FILE_BYTES, PROT_READ | PROT_WRITE), 0);
    look(3);
    assert_int_equal(mprotect(module, FILE_BYTES, PROT_READ), 0);
    assert_int_equal(copy(&bytes), 0);
}

static void test_forgotten(void **state)
{
    uint64_t bytes, at;

    (void)state;
    look(4);
    at = copy(&bytes);
    cficopy_forget(here.end, here.end + 4096);
    assert_int_equal(copy(&bytes), at);
    cficopy_forget(here.start, here.end);
    assert_int_equal(copy(&bytes), 0);
    for (uint32_t i = 0; i < 100; i++) {
        look(i);
        cficopy_forget(here.start, here.end);
    }
    assert_int_equal(copy(&bytes), 0);
}

static void *keep_looking(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < 3; i++)
        look_all_over();
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    uint64_t bytes;

    (void)state;
    look(5);
    assert_int_not_equal(copy(&bytes), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_looking, NULL), 0);
    look_all_over();
    cficopy_forget(here.start, here.end); /* which none of them may notice */
    look_all_over();
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rows_are_the_modules, fresh),
        cmocka_unit_test_setup(test_pages_are_given_back, fresh),
        cmocka_unit_test_setup(test_no_copy, fresh),
        cmocka_unit_test_setup(test_forgotten, fresh),
        cmocka_unit_test_setup(test_written_mapping_is_not_copied, fresh),
        cmocka_unit_test_setup(test_another_file_of_that_name, fresh),
        /* last: libc says from then on that there are threads */
        cmocka_unit_test_setup(test_threads, fresh_module),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
