// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sample-leaks.h"

#include "src/host/report/leakbaseline.h"

#include <stdio.h>
#include <string.h>

#define PROGRAM "/usr/bin/prog"
#define DEEP 12000u
#define MANY 30000u

static const struct leak_line plain_stack[] = {
    {"app::Pool<int>::grow(unsigned long)", "/src/app/src/pool.cc", PROGRAM, 17, 0x401000, true, 0},
    {"parse", "/src/app/./lib/../src/parse.c", PROGRAM, 120, 0x401234, false, 0},
    {"g_malloc", "", "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0.7400.6", 0, 0x7f0000001000, false,
     0},
    {"main", "/src/app/main.c", PROGRAM, 40, 0x400900, false, 0},
    {"__libc_start_main", "", "/lib/x86_64-linux-gnu/libc.so.6", 0, 0x7f0000100000, false, 0},
};

static const struct leak_line moved_stack[] = {
    {"app::Pool<int>::grow(unsigned long)", "/src/app/src/pool.cc", PROGRAM, 19, 0x401020, true, 0},
    {"parse", "/src/app/src/parse.c", PROGRAM, 131, 0x401264, false, 0},
    {"g_malloc", "", "/opt/lib/libglib-2.0.so.0.9999.0", 0, 0x7f0000001000, false, 0},
    {"main", "/src/app/main.c", PROGRAM, 44, 0x400910, false, 0},
};

static const struct leak_line system_stack[] = {
    {"strdup", "./string/strdup.c", "/lib/x86_64-linux-gnu/libc.so.6", 42, 0x7f0000100400, false,
     0},
    {"", "", "/opt/vendor/libsecret.so.1", 0, 0x7f0000200000, false, 0x2004},
};

static const char nasty[] = "a%b\r\nc:d,e;f|g`h*i_j<k>&\"'l\\m\x1b[31mn\x7f\xff\xc3(o\xe2\x80\xaep]"
                            "]>@q #1 $x$ \xef\xbf\xbf::";

static const struct leak_line hostile_stack[] = {
    {nasty, nasty, nasty, 3, 1, false, 0},
    {"main\n::error::injected", "/src/app/x,line=1::y\n.c", "/b\n", UINT32_MAX, UINT64_MAX, false,
     0},
    {"</pre><script>alert(1)</script>", "/src/app/../../etc/passwd", "", 1, 1, false, 0},
    {"", "", "", 0, 0, false, 0},
};

static struct leak_line deep_stack[DEEP];

/* The stack of `count` lines that lie together; it stays. */
static const struct leak_line *const *stack_of(const struct leak_line *lines, uint32_t count)
{
    static const struct leak_line *pointers[2 * (DEEP + MANY)];
    static size_t used;
    const struct leak_line **stack;

    if (count > sizeof pointers / sizeof *pointers - used)
        used = 0; /* no test has more reports at a time */
    stack = pointers + used;
    for (uint32_t i = 0; i < count; i++)
        stack[i] = &lines[i];
    used += count;
    return stack;
}

static struct leak_record record_of(enum leak_kind kind, uint64_t bytes, uint64_t blocks,
                                    const struct leak_line *stack, uint32_t count)
{
    return (struct leak_record){.kind = kind,
                                .bytes = bytes,
                                .blocks = blocks,
                                .smallest = blocks ? bytes / blocks : 0,
                                .largest = bytes,
                                .example = 0x55550000,
                                .first_seconds = 0.5,
                                .last_seconds = 2.25,
                                .thread = "worker",
                                .held_by = "",
                                .stack = stack_of(stack, count),
                                .stack_count = count};
}

static bool add(struct leak_report *r, const struct leak_record *record)
{
    r->kinds[record->kind].bytes += record->bytes;
    r->kinds[record->kind].blocks += record->blocks;
    return leak_report_add(r, record, NULL) == 0;
}

static bool add_plain(struct leak_report *r)
{
    bool ok = true;

    for (enum leak_kind k = 0; k < LEAK_KINDS; k++) {
        struct leak_record record = record_of(k, 1000 + 1000 * (uint64_t)k, 2, plain_stack,
                                              sizeof plain_stack / sizeof *plain_stack);

        record.indirect_bytes = k == LEAK_DEFINITE ? 640 : 0;
        record.indirect_blocks = k == LEAK_DEFINITE ? 10 : 0;
        record.cycle_blocks = k == LEAK_DEFINITE ? 3 : 0;
        record.held_by = k == LEAK_WEAK ? "cache" : "";
        record.known = k == LEAK_POSSIBLE;
        ok &= add(r, &record);
    }
    struct leak_record moved = record_of(LEAK_DEFINITE, 10, 1, moved_stack, 4);
    struct leak_record system = record_of(LEAK_DEFINITE, 1, 1, system_stack, 2);

    return ok && add(r, &moved) && add(r, &system);
}

static bool add_hostile(struct leak_report *r)
{
    struct leak_record record = record_of(LEAK_DEFINITE, UINT64_C(1) << 62, 1, hostile_stack, 4);
    struct leak_record bare = record_of(LEAK_INDIRECT, 0, 1, NULL, 0);
    struct leak_record deep = record_of(LEAK_POSSIBLE, 7, 1, deep_stack, DEEP);

    for (uint32_t i = 0; i < DEEP; i++)
        deep_stack[i] =
            (struct leak_line){i % 2 ? "odd" : "even", "/src/app/r.c", PROGRAM, i, i, false, 0};
    record.thread = record.held_by = nasty;
    r->command = r->program = nasty;
    return add(r, &record) && add(r, &bare) && add(r, &deep);
}

static bool add_many(struct leak_report *r)
{
    static char names[MANY][32];
    static struct leak_line lines[MANY];
    bool ok = true;

    for (uint32_t i = 0; i < MANY; i++) {
        struct leak_record record = record_of(LEAK_DEFINITE, MANY - i, 1, &lines[i], 1);

        snprintf(names[i], sizeof names[i], "function_%u", i);
        lines[i] = (struct leak_line){names[i], "/src/app/many.c", PROGRAM, i + 1, i, false, 0};
        ok &= add(r, &record);
    }
    r->lines = lines;
    r->line_count = MANY;
    return ok;
}

bool sample_leaks(struct leak_report *r, const char *name)
{
    static const char *const notes[] = {"2 mappings could not be read & were \"skipped\""};
    bool ok = true;

    leak_report_init(r);
    r->command = "prog --input 'a b'";
    r->program = "prog";
    r->version = "1.2.3";
    r->started_unix = 1700000000;
    r->seconds = 12.5;
    r->held_seconds = 0.004;
    r->heap = (struct leak_heap){100, 90, 5000, 3000, 2000, 10};
    r->suppressed = (struct leak_amount){77, 3};
    r->suppressed_records = 1;
    r->notes = notes;
    r->note_count = 1;
    if (strcmp(name, "plain") == 0)
        ok = add_plain(r);
    else if (strcmp(name, "hostile") == 0)
        ok = add_hostile(r);
    else if (strcmp(name, "many") == 0)
        ok = add_many(r);
    else
        ok = strcmp(name, "empty") == 0;
    leak_report_finish(r);
    return ok;
}

int sample_leaks_write_known(FILE *out, const struct leak_report *r, const struct leak_format *f,
                             struct error *e)
{
    struct leakbaseline_draft draft;
    int result;

    leakbaseline_draft_init(&draft);
    result = leakbaseline_draft_add(&draft, r, f->fail_kinds, e);
    if (result == 0)
        result = leakbaseline_write(out, &draft, e);
    leakbaseline_draft_release(&draft);
    return result;
}
