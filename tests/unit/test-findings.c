// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings.h"

#include "src/host/graph/leakkind.h"
#include "src/host/report/report-findings.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

/* Two lines of a program, `culprit` and `other`, of nothing yet. */
struct fixture {
    struct profile p;
    struct profile_stats *culprit, *other;
    struct profile_totals *totals;
    struct profile_leak leaks[4];
};

static void fixture_init(struct fixture *f)
{
    uint32_t module;

    make_profile(&f->p);
    module = make_module(&f->p, "/bin/app", 0);
    make_thread(&f->p, 4242, "app");
    make_site(&f->p, make_node(&f->p, 0, make_frame(&f->p, module, "culprit", "/s/app.c", 10, 0)),
              0, 0, 0);
    make_site(&f->p, make_node(&f->p, 0, make_frame(&f->p, module, "other", "/s/app.c", 20, 0)), 0,
              0, 0);
    f->culprit = &f->p.sites[0].stats;
    f->other = &f->p.sites[1].stats;
    f->totals = &f->p.totals;
    f->p.process.seconds = 10;
    f->p.process.exit_kind = EXIT_STATUS;
}

/* The leaks are the test's own, and not the profile's to free. */
static void fixture_release(struct fixture *f)
{
    f->p.leaks = NULL;
    f->p.leak_count = 0;
    profile_release(&f->p);
}

static void set_stats(struct profile_stats *s, uint64_t total, uint64_t live, uint64_t size)
{
    *s = (struct profile_stats){.live_bytes = live * size,
                                .live_blocks = live,
                                .peak_bytes = live * size,
                                .peak_blocks = live,
                                .total_bytes = total * size,
                                .total_blocks = total,
                                .smallest = size,
                                .largest = size};
}

static void add_leak(struct fixture *f, struct profile_leak leak)
{
    f->leaks[f->p.leak_count++] = leak;
    f->p.leaks = f->leaks;
    f->p.search = (struct profile_search){.number = 1, .method = SEARCH_PTRACE};
}

/* The kinds found, one after another. */
static void expect(const struct fixture *f, const char *kinds)
{
    struct findings found;
    char got[400] = "";

    assert_int_equal(findings_make(&found, &f->p, NULL, NULL, NULL, NULL), 0);
    for (size_t i = 0; i < found.count; i++) {
        strcat(got, i ? " " : "");
        strcat(got, finding_kind_word(found.items[i].kind));
        assert_true(found.items[i].confidence > 0 && found.items[i].confidence <= 1);
        assert_true(found.items[i].bytes > 0);
        assert_true(found.items[i].text.length > 20);
    }
    assert_string_equal(got, kinds);
    findings_release(&found);
}

static void losses(void **state)
{
    struct profile_leak leak = {.kind = LEAK_DEFINITE, .blocks = 20, .bytes = 2000};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 1000, 20, 100);
    expect(&f, ""); /* nothing was searched */
    add_leak(&f, leak);
    expect(&f, "lost-on-error-path");
    set_stats(f.culprit, 20, 20, 100);
    expect(&f, "lost");
    f.leaks[0].cycle_blocks = 2;
    expect(&f, "cycle");
    f.leaks[0].cycle_blocks = 0;
    f.leaks[0].bytes = 200;
    expect(&f, ""); /* too little */
    f.leaks[0].indirect_bytes = 5000;
    expect(&f, "lost"); /* but for what it holds */
    f.totals->peak_bytes = 100 * MIB;
    expect(&f, ""); /* nothing beside the rest */
    f.totals->peak_bytes = 0;
    f.leaks[0].kind = LEAK_REACHABLE;
    expect(&f, "");
    f.leaks[0].kind = LEAK_DEFINITE;
    f.p.search.method = SEARCH_UNSTOPPED;
    expect(&f, "");
    fixture_release(&f);
}

static void what_a_search_missed_makes_unsure(void **state)
{
    struct fixture f;
    struct findings found;
    double sure;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 20, 20, 100);
    add_leak(&f, (struct profile_leak){.kind = LEAK_DEFINITE, .blocks = 20, .bytes = 2000});
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    sure = found.items[0].confidence;
    findings_release(&found);
    f.p.search.notes = SEARCH_MEMORY_MISSED;
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    assert_true(found.items[0].confidence < sure);
    findings_release(&found);
    fixture_release(&f);
}

static void churn(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 20000, 0, 64);
    set_stats(f.other, 30000, 0, 64);
    f.culprit->temporary_blocks = 19000;
    f.culprit->temporary_bytes = 19000 * 64;
    f.totals->total_blocks = 50000;
    expect(&f, "churn");
    f.totals->total_blocks = 500000; /* few of all */
    expect(&f, "");
    f.totals->total_blocks = 50000;
    f.culprit->temporary_blocks = 9000; /* few, and fewer than half of its own */
    expect(&f, "");
    fixture_release(&f);
}

/* Culprit holds 8 MiB at second 5 for a moment; other as much, for good. */
static void make_copy(struct fixture *f, uint64_t rest)
{
    struct profile_change first[] = {make_change(1, 1, rest)}, none[1];

    first[0].stats.smallest = first[0].stats.largest = 0;
    make_snapshot(&f->p, 1, "", first, 1);
    for (int i = 2; i < 10; i++)
        make_snapshot(&f->p, i, "", none, 0);
    set_stats(f->other, 1, 1, rest);
    set_stats(f->culprit, 1, 0, 8 * MIB);
    f->culprit->peak_bytes = 8 * MIB;
    f->culprit->peak_blocks = 1;
    *f->totals = (struct profile_totals){
        .peak_bytes = 8 * MIB + rest, .peak_seconds = 5.01, .live_bytes = rest, .total_blocks = 2};
}

static void copies(void **state)
{
    struct fixture f;
    struct findings found;

    (void)state;
    fixture_init(&f);
    make_copy(&f, 8 * MIB);
    expect(&f, "temporary-copy"); /* by the moment after it */
    for (uint32_t i = 5; i < f.p.moment_count; i++)
        f.p.moments[i].seconds += 5;
    expect(&f, "");            /* the next moment is too late to tell */
    f.p.process.seconds = 5.5; /* the end is not */
    expect(&f, "temporary-copy");
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(found.items[0].bytes, 8 * MIB);
    assert_non_null(strstr(strbuf_text(&found.items[0].text), "a copy of it"));
    findings_release(&found);
    f.other->live_bytes = 0;
    f.totals->live_bytes = 0; /* all of it is freed then */
    expect(&f, "");
    fixture_release(&f);
    fixture_init(&f);
    make_copy(&f, 100 * MIB); /* little of the whole */
    f.p.process.seconds = 5.5;
    expect(&f, "");
    fixture_release(&f);
}

static void rounding(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 100000, 100000, 9); /* takes 32 */
    f.totals->peak_bytes = f.culprit->peak_bytes;
    expect(&f, "rounding");
    f.p.heap.allocator = ALLOCATOR_POOL;
    expect(&f, "");
    f.p.heap.allocator = ALLOCATOR_NEXT;
    set_stats(f.culprit, 100000, 100000, 200); /* takes 208 */
    f.totals->peak_bytes = f.culprit->peak_bytes;
    expect(&f, "");
    fixture_release(&f);
}

static void reserves(void **state)
{
    struct fixture f;
    struct profile_change change = make_change(0, 1, 64 * MIB);

    (void)state;
    fixture_init(&f);
    change.stats.smallest = change.stats.largest = 0;
    set_stats(f.culprit, 1, 1, 64 * MIB);
    f.totals->peak_bytes = 64 * MIB;
    f.totals->peak_seconds = 1;
    make_snapshot(&f.p, 2, "", &change, 1);
    expect(&f, ""); /* the resident set is unknown */
    f.p.moments[0].rss_bytes = 5 * MIB;
    expect(&f, "over-reserve");
    f.p.moments[0].rss_bytes = 63 * MIB;
    expect(&f, "");
    f.p.moments[0].rss_bytes = 5 * MIB;
    f.p.moments[0].seconds = 1.01; /* there was no time to use it */
    expect(&f, "");
    fixture_release(&f);
}

static void mappings(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 1, 1, 40 * MIB);
    f.p.sites[0].domain = DOMAIN_MMAP;
    f.totals->mmap_peak_bytes = 40 * MIB;
    f.totals->peak_bytes = 1 * MIB;
    expect(&f, "not-heap");
    f.totals->rss_peak_bytes = 4 * MIB; /* address space only */
    expect(&f, "");
    f.totals->rss_peak_bytes = 0;
    f.totals->peak_bytes = 50 * MIB;
    expect(&f, "");
    fixture_release(&f);
}

/* A live block of 16 bytes in each of `pages` pages, and a whole graph. */
static void make_pages(struct fixture *f, uint32_t pages, uint64_t size)
{
    f->p.blocks = calloc(pages, sizeof *f->p.blocks);
    assert_non_null(f->p.blocks);
    f->p.block_count = pages;
    for (uint32_t i = 0; i < pages; i++)
        f->p.blocks[i] =
            (struct profile_block){.address = 0x100000 + UINT64_C(4096) * i, .size = size};
    f->p.search.graph = GRAPH_WHOLE;
    set_stats(f->culprit, pages, pages, size);
}

static void pages(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    make_pages(&f, 3000, 16);
    expect(&f, "pinned-pages");
    fixture_release(&f);
    fixture_init(&f);
    make_pages(&f, 3000, 3000);
    expect(&f, "");
    fixture_release(&f);
}

static void resident_after_peak(void **state)
{
    struct profile_change rise = make_change(0, 100, MIB), fall = make_change(0, -99, MIB);
    struct fixture f;

    (void)state;
    fixture_init(&f);
    rise.stats.smallest = rise.stats.largest = fall.stats.smallest = fall.stats.largest = 0;
    make_snapshot(&f.p, 1, "", &rise, 1);
    make_snapshot(&f.p, 3, "", &fall, 1);
    expect(&f, "");
    make_snapshot(&f.p, 6, "", &fall, 0);
    f.totals->peak_bytes = 100 * MIB;
    f.totals->peak_seconds = 2;
    f.p.moments[0].rss_bytes = 104 * MIB;
    f.p.moments[1].rss_bytes = f.p.moments[2].rss_bytes = 80 * MIB;
    expect(&f, "pinned-pages");
    f.p.moments[1].rss_bytes = 6 * MIB; /* not for long */
    expect(&f, "");
    f.p.moments[2].rss_bytes = 6 * MIB;
    expect(&f, "");
    fixture_release(&f);
}

static void growth(void **state)
{
    struct profile_change more = make_change(0, 100, 1000);
    struct fixture f;

    (void)state;
    fixture_init(&f);
    more.stats.smallest = more.stats.largest = 0;
    for (int i = 0; i < 20; i++)
        make_snapshot(&f.p, i, "", &more, 1);
    set_stats(f.culprit, 2000, 2000, 1000);
    f.totals->peak_bytes = 2000000;
    expect(&f, "grows");
    /* said once where it is lost as well */
    add_leak(&f, (struct profile_leak){.kind = LEAK_DEFINITE, .blocks = 2000, .bytes = 2000000});
    expect(&f, "lost");
    fixture_release(&f);
}

static void most_costly_first_and_with_a_command(void **state)
{
    const struct report_text_options options = {.columns = 0};
    struct findings found;
    struct fixture f;
    struct strbuf out;

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 20, 20, 100);
    set_stats(f.other, 50, 50, 100);
    add_leak(&f, (struct profile_leak){.kind = LEAK_DEFINITE, .blocks = 20, .bytes = 2000});
    add_leak(&f,
             (struct profile_leak){.site = 1, .kind = LEAK_DEFINITE, .blocks = 50, .bytes = 5000});
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.items[0].bytes, 5000);
    strbuf_init(&out);
    report_findings_text(&out, &f.p, &found, "a b.mprof", 1, &options);
    assert_non_null(strstr(strbuf_text(&out), "app.c:20 in other"));
    assert_non_null(strstr(strbuf_text(&out), "more: memprof leaks 'a b.mprof'\n"));
    assert_non_null(strstr(strbuf_text(&out), "and 1 more"));
    strbuf_release(&out);
    findings_release(&found);
    f.p.leak_count = 0;
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    strbuf_init(&out);
    report_findings_text(&out, &f.p, &found, NULL, 0, &options);
    assert_string_equal(strbuf_text(&out), "findings: nothing worth saying\n");
    strbuf_release(&out);
    findings_release(&found);
    fixture_release(&f);
}

static void json_has_the_keys(void **state)
{
    struct stack_choice stack = {0};
    struct findings found;
    struct fixture f;
    json_t *document, *one;
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    fixture_init(&f);
    set_stats(f.culprit, 20, 20, 100);
    add_leak(&f, (struct profile_leak){.kind = LEAK_DEFINITE, .blocks = 20, .bytes = 2000});
    assert_int_equal(findings_make(&found, &f.p, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(report_findings_json(out, &f.p, &found, "app.mprof", &stack, NULL), 0);
    fclose(out);
    document = json_loads(text, 0, NULL);
    one = json_array_get(json_object_get(document, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "kind")), "lost");
    assert_int_equal(json_integer_value(json_object_get(one, "bytes")), 2000);
    assert_string_equal(json_string_value(json_object_get(one, "file")), "/s/app.c");
    assert_int_equal(json_integer_value(json_object_get(one, "line")), 10);
    assert_string_equal(json_string_value(json_object_get(one, "function")), "culprit");
    assert_true(json_is_string(json_object_get(one, "text")));
    json_decref(document);
    free(text);
    findings_release(&found);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses),
        cmocka_unit_test(what_a_search_missed_makes_unsure),
        cmocka_unit_test(churn),
        cmocka_unit_test(copies),
        cmocka_unit_test(rounding),
        cmocka_unit_test(reserves),
        cmocka_unit_test(mappings),
        cmocka_unit_test(pages),
        cmocka_unit_test(resident_after_peak),
        cmocka_unit_test(growth),
        cmocka_unit_test(most_costly_first_and_with_a_command),
        cmocka_unit_test(json_has_the_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
