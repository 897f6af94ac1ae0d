/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults from a record to a sentence: what the model keeps, and how it is worded.
 */
#include "src/host/model/faults.h"
#include "src/host/model/model.h"
#include "src/host/report/report-faults.h"
#include "src/shared/guarded.h"
#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t word0(uint64_t address)
{
    return address | (uint64_t)RECORD_FAULT << RECORD_KIND_SHIFT;
}

static void a_record_becomes_a_fault(void **state)
{
    struct model m;
    struct model_thread thread = {.row = 0};
    struct model_event e = {.word0 = word0(0x7f1234567890),
                            .rest = {100 | (uint64_t)7 << 32, 5 | (uint64_t)6 << 32,
                                     GUARDED_UNDERRUN | 0x77 << 8 | (uint64_t)-1 << 16},
                            .thread = &thread,
                            .time = 42};
    const struct fault *f;

    (void)state;
    model_init(&m, 1000, 0, 1000);
    model_apply(&m, &e, 1);
    assert_int_equal(m.faults.count, 1);
    f = &m.faults.rows[0];
    assert_int_equal(f->time, 42);
    assert_int_equal(f->address, 0x7f1234567890);
    assert_int_equal(f->size, 100);
    assert_int_equal(f->value, -1);
    assert_int_equal(f->kind, GUARDED_UNDERRUN);
    assert_int_equal(f->found, 0x77);
    assert_int_equal(f->noticed_at, 7);
    assert_int_equal(f->allocated_at, 5);
    assert_int_equal(f->freed_at, 6);
    model_release(&m);
}

/* Another process writes these: what makes no sense is counted and left out. */
static void nonsense_is_damage(void **state)
{
    static const uint64_t bad[][2] = {{0, 0},
                                      {0, GUARDED_KINDS},
                                      {0, 0xff},
                                      {1000, GUARDED_OVERRUN},
                                      {(uint64_t)1000 << 32, GUARDED_OVERRUN}};
    struct model_thread thread = {.row = 0};
    struct model m;

    (void)state;
    model_init(&m, 1000, 0, 1000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct model_event e = {
            .word0 = word0(16), .rest = {1, bad[i][0], bad[i][1]}, .thread = &thread};

        model_apply(&m, &e, 1);
        assert_int_equal(m.damaged_records, i + 1);
    }
    assert_int_equal(m.faults.count, 0);
    model_release(&m);
}

static void faults_are_bounded(void **state)
{
    struct faults faults;
    struct fault fault = {.kind = GUARDED_OVERRUN};

    (void)state;
    faults_init(&faults);
    for (uint32_t i = 0; i < FAULTS_MAX + 5; i++) {
        fault.size = i;
        faults_add(&faults, &fault);
    }
    assert_int_equal(faults.count, FAULTS_MAX);
    assert_int_equal(faults.dropped, 5);
    assert_int_equal(faults.rows[FAULTS_MAX - 1].size, FAULTS_MAX - 1);
    faults_release(&faults);
}

static void expect(struct profile_fault fault, const char *sentence)
{
    struct profile_fault row = fault;
    struct profile p;
    struct report_text_options options = {0};
    struct strbuf out;

    profile_init(&p);
    strbuf_init(&out);
    p.faults = &row;
    p.fault_count = 1;
    report_text_faults(&out, &p, &options);
    assert_string_equal(strbuf_text(&out), sentence);
    p.faults = NULL;
    p.fault_count = 0;
    strbuf_release(&out);
    profile_release(&p);
}

#define BEGIN "\n1 memory fault\n  "
#define END "\n    noticed at the end of the program\n"

static void every_kind_has_its_sentence(void **state)
{
    (void)state;
    expect((struct profile_fault){.kind = GUARDED_DOUBLE_FREE, .size = 24},
           BEGIN "double free: a block of 24 bytes was freed again" END);
    expect((struct profile_fault){.kind = GUARDED_FOREIGN, .address = 0x7f00},
           BEGIN "foreign pointer: 0x7f00 is no block, or was freed long ago" END);
    expect((struct profile_fault){.kind = GUARDED_OVERRUN, .size = 1, .value = 1, .found = 0xa},
           BEGIN "overrun: offset 1 of a block of 1 byte is 0x0a" END);
    expect((struct profile_fault){.kind = GUARDED_UNDERRUN, .size = 24, .value = -1},
           BEGIN "underrun: 1 byte before a block of 24 bytes is 0x00" END);
    expect((struct profile_fault){.kind = GUARDED_UNDERRUN, .size = 24, .value = -12},
           BEGIN "underrun: 12 bytes before a block of 24 bytes is 0x00" END);
    expect((struct profile_fault){.kind = GUARDED_USE_AFTER_FREE, .size = 24, .value = 3},
           BEGIN "use after free: offset 3 of a block of 24 bytes is 0x00" END);
    expect((struct profile_fault){.kind = GUARDED_WRONG_SIZE, .size = 64, .value = 24},
           BEGIN "wrong size: a block of 64 bytes was freed as one of 24" END);
}

static void many_faults_are_summed_up(void **state)
{
    struct report_text_options options = {0};
    struct profile p;
    struct strbuf out;

    (void)state;
    profile_init(&p);
    strbuf_init(&out);
    report_text_faults(&out, &p, &options);
    assert_string_equal(strbuf_text(&out), "");
    p.faults = calloc(REPORT_FAULTS_MAX + 3, sizeof *p.faults);
    assert_non_null(p.faults);
    p.fault_count = REPORT_FAULTS_MAX + 3;
    for (uint32_t i = 0; i < p.fault_count; i++)
        p.faults[i].kind = GUARDED_DOUBLE_FREE;
    report_text_faults(&out, &p, &options);
    assert_non_null(strstr(strbuf_text(&out), "\n23 memory faults\n"));
    assert_non_null(strstr(strbuf_text(&out), "  and 3 more: --json has them all\n"));
    strbuf_release(&out);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_becomes_a_fault),  cmocka_unit_test(nonsense_is_damage),
        cmocka_unit_test(faults_are_bounded),        cmocka_unit_test(every_kind_has_its_sentence),
        cmocka_unit_test(many_faults_are_summed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
