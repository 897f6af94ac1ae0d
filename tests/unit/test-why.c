// SPDX-License-Identifier: Apache-2.0
/*
 * The answers about single blocks, word for word, over one heap made by hand: a table that a
 * global variable holds, what hangs on it, and lost blocks, some of them in a cycle.
 */
#include "src/host/profile/search-check.h"
#include "src/host/report/report-why.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PID 100
#define TABLE 0x10000u  /* 4096 bytes; global 'cache' + 8 of libapp.so */
#define ENTRY 0x12000u  /* 64 bytes; table + 0x20, and main's stack */
#define NAME 0x13000u   /* 32 bytes; entry + 8, to its inside */
#define RING_A 0x14000u /* 100 bytes: a lost cycle of A, B and C; A also refers to C itself */
#define RING_B 0x15000u
#define RING_C 0x16000u
#define TAIL 0x17000u   /* 16 bytes; lost with the ring, from C */
#define ALONE 0x18000u  /* 24 bytes; nothing refers to it */
#define CACHED 0x19000u /* 8 bytes; held by the weak region 'observers' only */
#define SHARED 0x1a000u /* 8 bytes; libc's data, a stack, and global 'cache' + 16 */
#define LISTED 0x1b000u /* 8 bytes; libc's data and a stack */

struct fixture {
    struct profile profile;
    struct heapimage image;
    struct line_choice *lines;
    struct heapwords words;
};

static string_id text(struct profile *p, const char *words)
{
    return strings_add(&p->strings, words);
}

static void add_block(struct profile *p, uint64_t address, uint64_t size, enum leak_kind kind,
                      uint32_t cycle)
{
    p->blocks[p->block_count++] = (struct profile_block){
        .address = address, .size = size, .kind = kind, .cycle = cycle, .age = 2, .survived = 1};
}

static void add_pointer(struct profile *p, uint64_t address, uint64_t value, const char *symbol,
                        uint32_t offset)
{
    p->pointers[p->pointer_count++] =
        (struct profile_pointer){address, value, symbol ? text(p, symbol) : 0, offset};
}

static void fill_blocks(struct profile *p)
{
    add_block(p, TABLE, 4096, LEAK_REACHABLE, 0);
    add_block(p, ENTRY, 64, LEAK_REACHABLE, 0);
    add_block(p, NAME, 32, LEAK_POSSIBLE, 0);
    add_block(p, RING_A, 100, LEAK_DEFINITE, 1);
    add_block(p, RING_B, 100, LEAK_INDIRECT, 1);
    add_block(p, RING_C, 100, LEAK_INDIRECT, 1);
    add_block(p, TAIL, 16, LEAK_INDIRECT, 0);
    add_block(p, ALONE, 24, LEAK_DEFINITE, 0);
    add_block(p, CACHED, 8, LEAK_WEAK, 0);
    add_block(p, SHARED, 8, LEAK_REACHABLE, 0);
    add_block(p, LISTED, 8, LEAK_REACHABLE, 0);
}

static void fill_pointers(struct profile *p)
{
    add_pointer(p, 0x4000, SHARED, "initial", 0);
    add_pointer(p, 0x4008, LISTED, "initial", 8);
    add_pointer(p, 0x5008, TABLE, "cache", 8);
    add_pointer(p, 0x5010, SHARED, "cache", 16);
    add_pointer(p, 0x6000, CACHED, NULL, 0);
    add_pointer(p, 0x7fe0, SHARED, NULL, 0);
    add_pointer(p, 0x7fe8, LISTED, NULL, 0);
    add_pointer(p, 0x7ff0, ENTRY, NULL, 0);
    add_pointer(p, TABLE + 0x20, ENTRY, NULL, 0);
    add_pointer(p, ENTRY + 8, NAME + 16, NULL, 0);
    add_pointer(p, RING_A, RING_B, NULL, 0);
    add_pointer(p, RING_B + 8, RING_C, NULL, 0);
    add_pointer(p, RING_C + 16, RING_A, NULL, 0);
    add_pointer(p, RING_C + 24, TAIL, NULL, 0);
}

static void fill_roots(struct profile *p)
{
    p->roots[0] =
        (struct profile_root){0x4000, 0x100, ROOT_GLOBAL, 0, text(p, "/lib/libc.so.6"), 0};
    p->roots[4] = (struct profile_root){0x7000, 0x1000, ROOT_STACK, PID, 0, text(p, "app")};
    p->roots[1] =
        (struct profile_root){0x5000, 0x100, ROOT_GLOBAL, 0, text(p, "/lib/libapp.so"), 0};
    p->roots[2] = (struct profile_root){0x6000, 0x10, ROOT_WEAK, 0, text(p, "observers"), 0};
    p->roots[3] =
        (struct profile_root){NAME + 3, 0, ROOT_REGISTER, PID + 1, text(p, "rbx"), text(p, "io")};
    p->root_count = 5;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct profile *p = f ? &f->profile : NULL;
    uint32_t frame, node, thread;

    if (!p)
        return -1;
    make_profile(p);
    p->process.pid = PID;
    frame = make_frame(p, make_module(p, "/bin/app", 0), "table_new", "/src/table.c", 44, 0);
    node = make_node(p, STACK_ROOT_WHOLE, frame);
    thread = make_thread(p, PID, "app");
    make_site(p, node, thread, 9, 8);
    p->blocks = calloc(16, sizeof *p->blocks);
    p->pointers = calloc(16, sizeof *p->pointers);
    p->roots = calloc(5, sizeof *p->roots);
    if (!p->blocks || !p->pointers || !p->roots)
        return -1;
    p->search = (struct profile_search){.number = 1, .method = SEARCH_PTRACE, .graph = GRAPH_WHOLE};
    fill_blocks(p);
    fill_pointers(p);
    fill_roots(p);
    f->lines = line_choices(p, NULL);
    f->words = (struct heapwords){.image = &f->image, .lines = f->lines, .exact = true};
    *state = f;
    return search_check(p, p->site_count, p->strings.count, NULL) != 0 ||
           heapimage_init(&f->image, p, NULL) != 0 || !f->lines;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->lines);
    heapimage_release(&f->image);
    profile_release(&f->profile);
    free(f);
    return 0;
}

#define AT "  table.c:44 in table_new (app)\n"

static void assert_why(struct fixture *f, uint64_t address, const char *id, const char *expected)
{
    const struct report_text_options options = {.exact = true};
    const struct report_why_subject subject = {address, id};
    struct strbuf out;
    struct why why;

    strbuf_init(&out);
    assert_int_equal(why_find(&why, &f->image, heapimage_find(&f->image, address), NULL), 0);
    report_why_text(&out, &f->words, &why, &subject, &options);
    assert_string_equal(strbuf_text(&out), expected);
    why_release(&why);
    strbuf_release(&out);
}

static void reachable_blocks(void **state)
{
    assert_why(*state, TABLE, NULL,
               "0x10000 is a block of 4,096 B, allocated by\n" AT "It is still reachable.\n"
               "\n"
               "  global 'cache' in libapp.so + 0x8\n"
               "           -> 0x10000    4,096 B  table.c:44 in table_new (app)\n");
    assert_why(*state, ENTRY + 63, NULL,
               "0x1203f is 63 bytes into the block of 64 B at 0x12000, allocated by\n" AT
               "It is still reachable.\n"
               "\n"
               "  main's stack at 0x7ff0\n"
               "           -> 0x12000       64 B  table.c:44 in table_new (app)\n");
}

/* Of equally short chains: the program's variables, then stacks, then libc's data. */
static void chains_that_tell_most_come_first(void **state)
{
    assert_why(*state, SHARED, NULL,
               "0x1a000 is a block of 8 B, allocated by\n" AT "It is still reachable.\n"
               "\n"
               "  global 'cache' in libapp.so + 0x10\n"
               "           -> 0x1a000        8 B  table.c:44 in table_new (app)\n");
    assert_why(*state, LISTED, NULL,
               "0x1b000 is a block of 8 B, allocated by\n" AT "It is still reachable.\n"
               "\n"
               "  main's stack at 0x7fe8\n"
               "           -> 0x1b000        8 B  table.c:44 in table_new (app)\n");
}

static void possibly_lost_blocks(void **state)
{
    assert_why(*state, NAME, NULL,
               "0x13000 is a block of 32 B, allocated by\n" AT
               "It is possibly lost: only pointers to the inside of blocks lead to it.\n"
               "\n"
               "  register rbx of thread 'io' (101)\n"
               "           -> 0x13000       32 B  table.c:44 in table_new (app)"
               "  [to its inside, + 0x3]\n");
}

static void lost_blocks(void **state)
{
    assert_why(*state, ALONE, "3fa91c02",
               "3fa91c02, for example the block of 24 B at 0x18000, allocated by\n" AT
               "It is definitely lost: no pointer to it is left.\n");
    assert_why(*state, RING_A, NULL,
               "0x14000 is a block of 100 B, allocated by\n" AT
               "It is definitely lost: only blocks of its own cycle refer to it.\n"
               "Nothing but this block holds 316 B, its own included.\n"
               "\n"
               "A cycle: 3 blocks keep each other\n"
               "     0x14000      100 B  table.c:44 in table_new (app)\n"
               "  -> 0x15000      100 B  table.c:44 in table_new (app)\n"
               "  -> 0x16000      100 B  table.c:44 in table_new (app)\n"
               "  -> the first\n");
}

static void blocks_lost_with_others(void **state)
{
    assert_why(*state, TAIL, NULL,
               "0x17000 is a block of 16 B, allocated by\n" AT "It is indirectly lost.\n"
               "\n"
               "  lost with  0x14000      100 B  table.c:44 in table_new (app)\n"
               "  + 0x0     -> 0x15000      100 B  table.c:44 in table_new (app)\n"
               "  + 0x8     -> 0x16000      100 B  table.c:44 in table_new (app)\n"
               "  + 0x18    -> 0x17000       16 B  table.c:44 in table_new (app)\n"
               "\n"
               "A cycle: 3 blocks keep each other\n"
               "     0x14000      100 B  table.c:44 in table_new (app)\n"
               "  -> 0x15000      100 B  table.c:44 in table_new (app)\n"
               "  -> 0x16000      100 B  table.c:44 in table_new (app)\n"
               "  -> the first\n");
}

static void weakly_held_blocks(void **state)
{
    assert_why(*state, CACHED, NULL,
               "0x19000 is a block of 8 B, allocated by\n" AT "It is held by a weak region only.\n"
               "\n"
               "  weak region 'observers' at 0x6000 + 0x0\n"
               "           -> 0x19000        8 B  table.c:44 in table_new (app)\n");
}

/* A part of a graph has the block, but not what leads to it. */
static void a_chain_that_was_not_kept(void **state)
{
    struct fixture *f = *state;

    heapimage_release(&f->image);
    f->profile.search.graph = GRAPH_PART;
    f->profile.root_count = 0;
    assert_int_equal(heapimage_init(&f->image, &f->profile, NULL), 0);
    assert_why(f, ENTRY, NULL,
               "0x12000 is a block of 64 B, allocated by\n" AT "It is still reachable.\n"
               "\n"
               "The chain that leads to it was not kept: ask again while the program runs, or "
               "record it\nwith --leak-graph=all.\n");
}

static void assert_references(struct fixture *f, uint64_t address, bool from_block, size_t limit,
                              const char *expected)
{
    const struct report_references references = {heapimage_find(&f->image, address), from_block,
                                                 limit};
    const struct report_why_subject subject = {address, NULL};
    struct strbuf out;

    strbuf_init(&out);
    report_references_text(&out, &f->words, &f->image, &references, &subject);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_release(&out);
}

static void referrers_and_referents(void **state)
{
    assert_references(*state, ENTRY, false, 0,
                      "0x12000 is a block of 64 B.\n"
                      "To it refer\n"
                      "  main's stack at 0x7ff0\n"
                      "  + 0x20    of 0x10000    4,096 B  table.c:44 in table_new (app)\n");
    assert_references(*state, ENTRY, false, 1,
                      "0x12000 is a block of 64 B.\n"
                      "To it refer\n"
                      "  main's stack at 0x7ff0\n"
                      "  and 1 more\n");
    assert_references(*state, ENTRY, true, 0,
                      "0x12000 is a block of 64 B.\n"
                      "It refers to\n"
                      "  + 0x8     -> 0x13000       32 B  table.c:44 in table_new (app)"
                      "  [to its inside, + 0x10]\n");
    assert_references(*state, ALONE, false, 0,
                      "0x18000 is a block of 24 B.\n"
                      "To it refer\n"
                      "  nothing\n");
}

/* ------------------------------------------------------------------ as JSON -- */

static json_t *written(FILE *file)
{
    json_t *json;

    rewind(file);
    json = json_loadf(file, 0, NULL);
    fclose(file);
    assert_non_null(json);
    return json;
}

static uint64_t number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static const char *string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_chain_as_json(void **state)
{
    struct fixture *f = *state;
    const struct report_why_subject subject = {TAIL, NULL};
    FILE *file = tmpfile();
    json_t *json, *chain, *step;
    struct why why;

    assert_non_null(file);
    assert_int_equal(why_find(&why, &f->image, heapimage_find(&f->image, TAIL), NULL), 0);
    assert_int_equal(report_why_json(file, &f->words, &why, &subject, NULL), 0);
    why_release(&why);
    json = written(file);
    assert_int_equal(number(json, "retained"), 16);
    assert_string_equal(string(json_object_get(json, "block"), "kind"), "indirect");
    assert_string_equal(string(json_object_get(json, "lost_root"), "address"), "0x14000");
    chain = json_object_get(json, "chain");
    assert_int_equal(json_array_size(chain), 3);
    step = json_array_get(chain, 2);
    assert_true(json_is_null(json_object_get(step, "root")));
    assert_int_equal(number(step, "offset"), 24);
    assert_string_equal(string(step, "pointer"), "start");
    assert_int_equal(json_array_size(json_object_get(json, "cycle")), 3);
    json_decref(json);
}

static void references_as_json(void **state)
{
    struct fixture *f = *state;
    const struct report_references references = {heapimage_find(&f->image, ENTRY), false, 1};
    const struct report_why_subject subject = {ENTRY, NULL};
    FILE *file = tmpfile();
    json_t *json, *first;

    assert_non_null(file);
    assert_int_equal(
        report_references_json(file, &f->words, &f->image, &references, &subject, NULL), 0);
    json = written(file);
    assert_int_equal(number(json, "left_out"), 1);
    assert_int_equal(json_array_size(json_object_get(json, "referrers")), 1);
    first = json_array_get(json_object_get(json, "referrers"), 0);
    assert_string_equal(string(json_object_get(first, "root"), "kind"), "stack");
    assert_int_equal(number(json_object_get(first, "root"), "tid"), PID);
    json_decref(json);
}

/* -------------------------------------------------------------- addresses -- */

static void assert_reads(const char *text_, uint32_t count, uint64_t first, uint64_t second)
{
    uint64_t addresses[2] = {0, 0};

    assert_int_equal(why_parse_address(text_, addresses), count);
    assert_int_equal(addresses[0], first);
    assert_int_equal(addresses[1], second);
}

static void addresses_as_people_type_them(void **state)
{
    (void)state;
    assert_reads("0x7f21C0001200", 1, 0x7f21c0001200, 0);
    assert_reads("7f21c0001200", 1, 0x7f21c0001200, 0);
    assert_reads("139782000022016", 2, 139782000022016, 0x139782000022016);
    assert_reads("0xffffffffffffffff", 1, UINT64_MAX, 0);
    assert_reads("0x10000000000000000", 0, 0, 0);
    assert_reads("99999999999999999999", 0, 0, 0);
    assert_reads("0x", 0, 0, 0);
    assert_reads("", 0, 0, 0);
    assert_reads("-1", 0, 0, 0);
    assert_reads(" 1", 0, 0, 0);
    assert_reads("main", 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reachable_blocks),
        TEST(chains_that_tell_most_come_first),
        TEST(possibly_lost_blocks),
        TEST(lost_blocks),
        TEST(blocks_lost_with_others),
        TEST(weakly_held_blocks),
        TEST(a_chain_that_was_not_kept),
        TEST(referrers_and_referents),
        TEST(a_chain_as_json),
        TEST(references_as_json),
        cmocka_unit_test(addresses_as_people_type_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
