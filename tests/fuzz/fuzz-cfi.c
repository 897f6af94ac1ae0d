// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the decoder of call-frame information, which runs in the target.
 * The input is
 *   2 bytes  where the .eh_frame_hdr begins in the module
 *   4 bytes  signed: the program counter, from the start of the module
 * and the module's bytes, which lie alone in memory, so that a read beyond them is
 * seen.  What is found must be usable: every expression is evaluated, a rule made; and
 * the same must be found where the module is read elsewhere than it lies.
 */
#include "preload/cficopy.h"
#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/session.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 6u
#define STACK_WORDS 256u

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What rules.c asks of the rest of the preload library: this one module. */
struct session session;
static struct cfi_module here, there;

enum cfi_result cficopy_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row)
{
    return cfi_find_row(m, pc, row);
}

enum module_result module_find(uint64_t pc, struct cfi_module *module, uint32_t *generation)
{
    (void)pc;
    *module = here;
    *generation = 0;
    return MODULE_FOUND;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A stack whose words point into it, so that expressions get somewhere. */
static uint64_t stack[STACK_WORDS];
static uint64_t registers[CFI_REGISTERS];

static void set_up(void)
{
    for (unsigned i = 0; i < STACK_WORDS; i++)
        stack[i] = (uint64_t)(uintptr_t)&stack[i * 7 % STACK_WORDS];
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        registers[i] = (uint64_t)(uintptr_t)&stack[STACK_WORDS / 2 + i];
    bump_init(&session.tables);
    require(rules_init());
}

static void evaluate(const uint8_t *expr, bool with_initial)
{
    uint64_t low = (uint64_t)(uintptr_t)stack, result;

    require((uint64_t)(uintptr_t)expr >= here.start && (uint64_t)(uintptr_t)expr < here.end);
    cfi_evaluate(expr, registers, with_initial, registers[CFI_RSP], low, low + sizeof stack,
                 &result);
}

static void visit(uint64_t at)
{
    require(at >= there.start && at < there.end);
}

static void look_there(uint64_t pc, enum cfi_result result, const struct cfi_row *row)
{
    struct cfi_table table;
    struct cfi_row same;

    for (unsigned round = 0; round < 2; round++) {
        require(cfi_find_row(&there, pc, &same) == result);
        if (result == CFI_FOUND)
            require(same.cfa_expr == row->cfa_expr && same.cfa_register == row->cfa_register &&
                    same.cfa_offset == row->cfa_offset && same.signal_frame == row->signal_frame &&
                    memcmp(same.how, row->how, sizeof same.how) == 0 &&
                    memcmp(same.value, row->value, sizeof same.value) == 0);
        if (!cfi_table_find(&there, &table))
            break;
        there.table = &table;
    }
}

static void look(uint64_t pc)
{
    struct cfi_row row;
    enum cfi_result result = cfi_find_row(&here, pc, &row);
    uint64_t rule;

    look_there(pc, result, &row);
    if (result == CFI_FOUND) {
        if (row.cfa_expr)
            evaluate(row.cfa_expr, false);
        for (unsigned i = 0; i < CFI_REGISTERS; i++) {
            require(row.how[i] <= CFI_VAL_EXPRESSION);
            if (row.how[i] >= CFI_EXPRESSION)
                evaluate((const uint8_t *)(uintptr_t)row.value[i], true);
        }
    }
    rule = rule_make((pc & FRAME_PC_MASK) | FRAME_EXACT);
    require(RULE_KIND(rule) != RULE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *module, *copy;
    uint16_t header;
    int32_t offset;

    if (!rule_table)
        set_up();
    if (size <= HEADER)
        return 0;
    memcpy(&header, bytes, sizeof header);
    memcpy(&offset, bytes + 2, sizeof offset);
    module = malloc(size - HEADER);
    require(module != NULL);
    copy = malloc(size - HEADER);
    require(copy != NULL);
    memcpy(module, bytes + HEADER, size - HEADER);
    memcpy(copy, module, size - HEADER);
    here.start = (uint64_t)(uintptr_t)module;
    here.end = here.start + size - HEADER;
    here.eh_frame_hdr = module + header;
    there = (struct cfi_module){.start = (uint64_t)(uintptr_t)copy,
                                .end = (uint64_t)(uintptr_t)copy + size - HEADER,
                                .eh_frame_hdr = copy + header,
                                .moved = here.start - (uint64_t)(uintptr_t)copy,
                                .visit = visit};
    look(here.start + (uint64_t)(int64_t)offset);
    free(module);
    free(copy);
    return 0;
}
