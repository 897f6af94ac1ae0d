// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/filter.h"

#include "src/host/profile/domain.h"
#include "src/host/view/skiplist.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Sites, in this order:
 *   0  main → load (load.c:20) → xmalloc, which is passed over; thread app
 *   1  main → save (save.c:30); thread worker
 *   2  the same, mapped
 *   3  of a library without names; thread app
 *   4  without a stack
 *   5  a domain of the program's own, by main (app.c:10)
 */
struct fixture {
    struct profile p;
    struct skiplist skip;
    struct line_choice *choices;
};

#define SITES 6u
#define POOL DOMAIN_BUILTIN

static void name_domains(struct profile *p)
{
    p->domains = calloc(POOL + 1, sizeof *p->domains);
    assert_non_null(p->domains);
    p->domain_count = POOL + 1;
    p->domains[POOL].name = strings_add(&p->strings, "pool[1]");
}

static void fixture_init(struct fixture *f)
{
    struct profile *p = &f->p;
    uint32_t app, lib, ours, main_node, load, save, nameless;

    make_profile(p);
    name_domains(p);
    app = make_module(p, "/opt/bin/app", 0);
    lib = make_module(p, "/usr/lib/libx.so.1", 0);
    ours = make_module(p, "/lib/libmemprof-preload.so", MODULE_IS_OURS);
    make_thread(p, 4242, "app");
    make_thread(p, 4243, "worker-7");
    main_node =
        make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, "int main(int)", "/src/app.c", 10, 4));
    load = make_node(p, main_node, make_frame(p, app, "load", "/src/io/load.c", 20, 4));
    load = make_node(p, load, make_frame(p, app, "xmalloc", "/src/xmalloc.c", 5, 4));
    load = make_node(p, load, make_frame(p, ours, "malloc", "/build/interpose.c", 9, 4));
    save = make_node(p, main_node, make_frame(p, app, "store", "/src/store.h", 7, 4));
    make_inlined_into(p, "save", "/src/io/save.c", 30);
    nameless = make_node(p, STACK_ROOT_WHOLE, make_frame(p, lib, "", "", 0, 0x1f0));
    make_site(p, load, 0, 1, 1);
    make_site(p, save, 1, 1, 2);
    make_site(p, save, 1, 1, 4)->domain = DOMAIN_MMAP;
    make_site(p, nameless, 0, 1, 8);
    make_site(p, STACK_ROOT_TRUNCATED, 0, 1, 16);
    make_site(p, main_node, 0, 1, 32)->domain = POOL;
    skiplist_init(&f->skip, true);
    f->choices = line_choices(p, &f->skip);
    assert_non_null(f->choices);
}

static void fixture_release(struct fixture *f)
{
    free(f->choices);
    skiplist_release(&f->skip);
    profile_release(&f->p);
}

/* Which sites pass, as a string of digits. */
static void expect(const struct fixture *f, bool all_frames, const char *passing, ...)
{
    struct filter filter;
    struct error e = {0};
    char got[SITES + 1] = "";
    const char *pattern;
    uint8_t *sites;
    va_list patterns;

    filter_init(&filter);
    filter.all_frames = all_frames;
    va_start(patterns, passing);
    while ((pattern = va_arg(patterns, const char *)))
        if (filter_add(&filter, pattern + 1, *pattern == '+', &e) != 0)
            fail_msg("%s: %s", pattern, e.text);
    va_end(patterns);
    sites = filter_sites(&filter, &f->p, f->choices, &e);
    assert_non_null(sites);
    for (unsigned i = 0; i < SITES; i++)
        if (sites[i])
            got[strlen(got)] = (char)('0' + i);
    assert_string_equal(got, passing);
    free(sites);
    filter_release(&filter);
}

static void without_patterns_everything_passes(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "012345", NULL);
    expect(&f, true, "012345", NULL);
    fixture_release(&f);
}

static void files_match_by_their_last_part_or_their_path(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "0", "+load.c", NULL);
    expect(&f, false, "5", "+app.?", NULL);
    expect(&f, false, "0", "+/src/*/load.c", NULL);
    expect(&f, false, "0125", "+/src/*", NULL); /* as in tracemalloc, `*` passes slashes */
    expect(&f, false, "", "+src/io/load.c", NULL);
    expect(&f, false, "", "+xmalloc.c", NULL); /* passed over when the line was chosen */
    expect(&f, false, "012345", "+*", NULL);   /* an unknown file is "" */
    expect(&f, false, "0125", "+?*", NULL);
    fixture_release(&f);
}

static void lines_narrow_a_file_or_stand_alone(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "0", "+load.c:20", NULL);
    expect(&f, false, "", "+load.c:21", NULL);
    expect(&f, false, "12", "+:7", NULL);
    expect(&f, false, "034", "-:7", "-app.c:10", NULL);
    fixture_release(&f);
}

static void several_includes_are_a_union_and_excludes_win(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "05", "+load.c", "+app.c", NULL);
    expect(&f, false, "5", "+load.c", "+app.c", "-load.c", NULL);
    expect(&f, false, "5", "-load.c", "+load.c", "+app.c", NULL); /* whatever their order */
    expect(&f, false, "345", "-load.c", "-store.h", NULL);
    fixture_release(&f);
}

static void functions_match_with_and_without_parameters(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "5", "+function=main", NULL);
    expect(&f, false, "5", "+function=int main(*)", NULL);
    expect(&f, false, "0", "+function=lo*", NULL);
    expect(&f, false, "", "+function=mai", NULL);
    expect(&f, false, "12", "+function=store", NULL); /* the innermost of what was inlined */
    expect(&f, false, "", "+function=save", NULL);
    fixture_release(&f);
}

static void modules_domains_and_threads_have_their_words(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, false, "3", "+module=libx.so*", NULL);
    expect(&f, false, "0125", "+module=/opt/*", NULL);
    expect(&f, false, "0134", "+domain=heap", NULL);
    expect(&f, false, "2", "+domain=mmap", NULL);
    expect(&f, false, "5", "+domain=pool[1]", NULL); /* a name matches itself */
    expect(&f, false, "5", "+domain=po*", NULL);
    expect(&f, false, "01345", "-domain=mmap", NULL);
    expect(&f, false, "12", "+thread=worker-*", NULL);
    expect(&f, false, "12", "+thread=4243", NULL);
    expect(&f, false, "", "+thread=424", NULL);
    fixture_release(&f);
}

static void all_frames_are_looked_at_when_asked(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, true, "0125", "+app.c", NULL);
    expect(&f, true, "0125", "+function=main", NULL);
    expect(&f, true, "12", "+function=save", NULL); /* inlined lines count */
    expect(&f, true, "0", "+xmalloc.c:5", NULL);    /* so does what is passed over */
    expect(&f, true, "", "+interpose.c", NULL);     /* our own frames do not */
    expect(&f, true, "34", "-app.c", NULL);
    expect(&f, true, "5", "+app.c", "-:20", "-:30", NULL);
    expect(&f, true, "01234", "-domain=pool?1?", NULL); /* of the site, not of frames */
    fixture_release(&f);
}

static void senseless_patterns_are_refused(void **state)
{
    static const char *const senseless[] = {
        "", "load.c:", "load.c:0", ":", ":99999999999999999999", "function=", "function:main",
    };
    struct filter filter;
    struct error e;

    (void)state;
    filter_init(&filter);
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        e = (struct error){0};
        assert_int_equal(filter_add(&filter, senseless[i], true, &e), -1);
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.text, senseless[i]));
    }
    assert_int_equal(filter.count, 0);
    assert_int_equal(filter_add(&filter, "a:b.c", true, &e), 0); /* no line: part of the name */
    assert_false(filter_names_domain(&filter));
    assert_int_equal(filter_add(&filter, "domain=heap", false, &e), 0);
    assert_true(filter_names_domain(&filter));
    filter_release(&filter);
}

static void domains_are_found_by_name(void **state)
{
    struct fixture f;
    struct error e = {0};
    uint32_t domain;

    (void)state;
    fixture_init(&f);
    assert_int_equal(domain_find(&f.p, "pool[1]", &domain, &e), 0);
    assert_int_equal(domain, POOL);
    assert_int_equal(domain_find(&f.p, "mmap", &domain, &e), 0);
    assert_int_equal(domain, DOMAIN_MMAP);
    assert_int_equal(domain_find(&f.p, "pool", &domain, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "heap, mmap, ignored, pool[1]"));
    assert_string_equal(domain_name(&f.p, DOMAIN_IGNORED), "ignored");
    assert_string_equal(domain_name(&f.p, 60), "");
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_patterns_everything_passes),
        cmocka_unit_test(files_match_by_their_last_part_or_their_path),
        cmocka_unit_test(lines_narrow_a_file_or_stand_alone),
        cmocka_unit_test(several_includes_are_a_union_and_excludes_win),
        cmocka_unit_test(functions_match_with_and_without_parameters),
        cmocka_unit_test(modules_domains_and_threads_have_their_words),
        cmocka_unit_test(all_frames_are_looked_at_when_asked),
        cmocka_unit_test(senseless_patterns_are_refused),
        cmocka_unit_test(domains_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
