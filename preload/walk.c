/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/walk.h"

#include "preload/cfi.h"
#include "preload/cficopy.h"
#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/session.h"

#include <string.h>
#include <ucontext.h>

/* How much of the address space below its end is the main thread's stack for sure: the
 * kernel keeps at least this much free of other mappings there. */
#define MAIN_STACK (UINT64_C(64) << 20)
/* A thread's stack ends at its thread descriptor; larger ones are treated as unknown. */
#define THREAD_STACK (UINT64_C(64) << 20)

uint64_t stack_limit(uint64_t sp, bool *known)
{
    uint64_t descriptor = (uint64_t)(uintptr_t)__builtin_thread_pointer();

    *known = true;
    if (session.stack_end - sp < MAIN_STACK)
        return session.stack_end + 8;
    if (descriptor - sp < THREAD_STACK)
        return descriptor;
    *known = false;
    return sp + STACK_REACH;
}

static bool walk_push(struct walk *w, uint64_t frame)
{
    if (w->count == w->room) {
        w->root = STACK_ROOT_LIMITED;
        return false;
    }
    w->frames[w->count++] = frame;
    return true;
}

/* ------------------------------------------------------ frame pointers -- */

/* The tagged frame; the rule's table knows the module, and has told the host of it. */
static uint64_t frame_of(uint64_t pc)
{
    uint64_t rule = rule_get(pc);

    if (rule == RULE_NONE && rule_key_valid(pc))
        rule = rule_make(pc);
    return rule_frame(pc, rule);
}

bool walk_by_frame_pointers(struct walk *w, const uint64_t *frame)
{
    uint64_t at = (uint64_t)(uintptr_t)frame;
    uint64_t sp = at;
    bool known;

    w->root = STACK_ROOT_WHOLE;
    for (;;) {
        const uint64_t *f = (const uint64_t *)(uintptr_t)at;

        if (f[1] == 0 || f[1] > FRAME_PC_MASK)
            return true;
        if (!walk_push(w, frame_of(f[1])))
            return true;
        sp = at + 16;
        at = f[0];
        if (at == 0)
            return true;
        if (at < sp || at > stack_limit(sp, &known) - 16 || (at & 7)) {
            w->root = STACK_ROOT_TRUNCATED; /* code that keeps no frame pointer */
            return true;
        }
    }
}

/* ------------------------------------------------------- all registers -- */

#if defined(__x86_64__)

/* The registers of a frame; index as in DWARF, [CFI_RA] is its program counter. */
struct registers {
    uint64_t r[CFI_REGISTERS];
    bool exact; /* the program counter is not a return address */
    const uint64_t *ra_slot;
};

static bool read_word(const struct registers *r, uint64_t at, uint64_t *value)
{
    bool known;

    if (at < r->r[CFI_RSP] - 128 || at > stack_limit(r->r[CFI_RSP], &known) - 8)
        return false;
    memcpy(value, (const void *)(uintptr_t)at, 8);
    return true;
}

static bool evaluate(const struct registers *r, const uint8_t *expr, bool with_cfa, uint64_t cfa,
                     uint64_t *value)
{
    bool known;

    return cfi_evaluate(expr, r->r, with_cfa, cfa, r->r[CFI_RSP] - 128,
                        stack_limit(r->r[CFI_RSP], &known), value);
}

/* Where a register was saved, then what it was. */
static bool saved_at(struct registers *next, const struct registers *r, unsigned i, uint64_t at)
{
    if (i == CFI_RA)
        next->ra_slot = (const uint64_t *)(uintptr_t)at;
    return read_word(r, at, &next->r[i]);
}

static bool restore_register(struct registers *next, const struct registers *r,
                             const struct cfi_row *row, unsigned i, uint64_t cfa)
{
    int64_t value = row->value[i];
    uint64_t at;

    switch (row->how[i]) {
    case CFI_OFFSET:
        return saved_at(next, r, i, cfa + (uint64_t)value);
    case CFI_VAL_OFFSET:
        next->r[i] = cfa + (uint64_t)value;
        return true;
    case CFI_REGISTER:
        if (value < 0 || value >= CFI_REGISTERS)
            return false;
        next->r[i] = r->r[value];
        return true;
    case CFI_EXPRESSION:
        return evaluate(r, (const uint8_t *)(uintptr_t)value, true, cfa, &at) &&
               saved_at(next, r, i, at);
    case CFI_VAL_EXPRESSION:
        return evaluate(r, (const uint8_t *)(uintptr_t)value, true, cfa, &next->r[i]);
    default: /* unspecified and same: kept; undefined: whatever it is */
        return true;
    }
}

static bool frame_cfa(const struct registers *r, const struct cfi_row *row, uint64_t *cfa)
{
    if (row->cfa_expr)
        return evaluate(r, row->cfa_expr, false, 0, cfa);
    if (row->cfa_register >= CFI_REGISTERS)
        return false;
    *cfa = r->r[row->cfa_register] + (uint64_t)row->cfa_offset;
    return true;
}

static bool step_registers(struct registers *r, const struct cfi_row *row)
{
    struct registers next = *r;
    uint64_t cfa;

    if (!frame_cfa(r, row, &cfa))
        return false;
    next.r[CFI_RSP] = cfa;
    next.exact = row->signal_frame;
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        if (!restore_register(&next, r, row, i, cfa))
            return false;
    if (!row->signal_frame && next.r[CFI_RSP] <= r->r[CFI_RSP])
        return false;
    *r = next;
    return true;
}

/* Go to the caller.  false at the end, with the root set. */
static bool advance(struct registers *r, struct walk *w, uint64_t *frame)
{
    uint64_t pc = r->r[CFI_RA];
    struct cfi_module module;
    uint32_t generation = 0;
    struct cfi_row row;

    *frame = (pc & FRAME_PC_MASK) | (r->exact ? FRAME_EXACT : 0);
    w->root = STACK_ROOT_TRUNCATED;
    if (module_find(pc - !r->exact, &module, &generation) != MODULE_FOUND)
        return false;
    *frame |= (uint64_t)generation << FRAME_GENERATION_SHIFT;
    if (!module.eh_frame_hdr || cficopy_find_row(&module, pc - !r->exact, &row) != CFI_FOUND)
        return false;
    if (row.how[CFI_RA] == CFI_UNDEFINED) {
        w->root = STACK_ROOT_WHOLE;
        return false;
    }
    return step_registers(r, &row);
}

static inline __attribute__((always_inline)) void registers_here(struct registers *r)
{
    memset(r, 0, sizeof(*r));
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0f(%%rip), %%rax\n"
                     "0:\tmovq %%rax, 128(%0)"
                     :
                     : "r"(r->r)
                     : "rax", "memory");
    r->exact = true;
}

bool walk_by_registers(struct walk *w, const uint64_t *innermost)
{
    bool inside = true; /* still in our own functions */
    struct registers r;
    uint64_t frame;
    bool more;

    registers_here(&r);
    for (;;) {
        if (inside && r.ra_slot == innermost)
            inside = false;
        if (!inside && (r.r[CFI_RA] == 0 || r.r[CFI_RA] > FRAME_PC_MASK)) {
            w->root = r.r[CFI_RA] == 0 ? STACK_ROOT_WHOLE : STACK_ROOT_TRUNCATED;
            return true;
        }
        more = advance(&r, w, &frame);
        if (!inside) {
            /* relaxed: a statistic */
            atomic_fetch_add_explicit(&segment_header(&session.segment)->slow_steps, 1,
                                      memory_order_relaxed);
            if (!walk_push(w, frame))
                return true;
        }
        if (!more)
            return !inside;
    }
}

/* ------------------------------------------------------- out of functions -- */

static void state_note_first(struct walk_state *state, const struct registers *r, uint32_t count)
{
    /* by their DWARF numbers: those that calls preserve, then the others */
    static const uint8_t numbers[WALK_STATE] = {3, CFI_RBP, 12, 13, 14, 15, 0, 1,
                                                2, 4,       5,  8,  9,  10, 11};

    state->stack_pointer = r->r[CFI_RSP];
    state->register_count = count;
    state->extended = 0;
    for (uint32_t i = 0; i < count; i++)
        state->registers[i] = r->r[numbers[i]];
}

static void state_note(struct walk_state *state, const struct registers *r)
{
    state_note_first(state, r, WALK_PRESERVED);
}

static void registers_of_context(struct registers *r, const void *ucontext)
{
    /* a ucontext's order by DWARF's */
    static const uint8_t places[CFI_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    const ucontext_t *u = ucontext;

    memset(r, 0, sizeof(*r));
    for (unsigned i = 0; i < CFI_REGISTERS; i++)
        r->r[i] = (uint64_t)u->uc_mcontext.gregs[places[i]];
    r->exact = true;
}

/* Until the walk has left the frame that was interrupted. */
static void state_note_context(struct walk_state *state, const struct registers *r,
                               const void *ucontext)
{
    const ucontext_t *u = ucontext;

    state_note_first(state, r, WALK_STATE);
    state->extended = (uint64_t)(uintptr_t)u->uc_mcontext.fpregs;
}

static uint32_t function_at(const struct walk_code *functions, uint32_t count, uint64_t pc)
{
    uint32_t i = 0;

    while (i < count && (pc < functions[i].start || pc >= functions[i].end))
        i++;
    return i;
}

/* `state` is set to where the walk stands when it has come to `innermost`; NULL: it is set. */
static uint32_t out_of(struct registers *r, const struct walk_code *functions, uint32_t count,
                       const uint64_t *innermost, struct walk_state *state)
{
    uint32_t which = count, here;
    struct walk w = {0};
    uint64_t frame;

    for (uint32_t i = 0; i < WALK_OUT_MOST && r->r[CFI_RA] && r->r[CFI_RA] <= FRAME_PC_MASK; i++) {
        here = function_at(functions, count, r->r[CFI_RA] - !r->exact);
        if (!advance(r, &w, &frame))
            break;
        if (here < count || (innermost && r->ra_slot == innermost)) {
            state_note(state, r);
            which = here < count ? here : which;
        }
    }
    return which;
}

uint32_t walk_out_of(const struct walk_code *functions, uint32_t count, const uint64_t *innermost,
                     struct walk_state *state)
{
    struct registers r;

    registers_here(&r);
    state_note(state, &r);
    return out_of(&r, functions, count, innermost, state);
}

void walk_state_of_context(const void *ucontext, struct walk_state *state)
{
    struct registers r;

    registers_of_context(&r, ucontext);
    state_note_context(state, &r, ucontext);
}

uint32_t walk_out_of_context(const struct walk_code *functions, uint32_t count,
                             const void *ucontext, struct walk_state *state)
{
    struct registers r;

    registers_of_context(&r, ucontext);
    state_note_context(state, &r, ucontext);
    return out_of(&r, functions, count, NULL, state);
}

#else

uint32_t walk_out_of(const struct walk_code *functions, uint32_t count, const uint64_t *innermost,
                     struct walk_state *state)
{
    (void)functions;
    (void)innermost;
    *state = (struct walk_state){0};
    return count;
}

uint32_t walk_out_of_context(const struct walk_code *functions, uint32_t count,
                             const void *ucontext, struct walk_state *state)
{
    return walk_out_of(functions, count, ucontext, state);
}

void walk_state_of_context(const void *ucontext, struct walk_state *state)
{
    (void)ucontext;
    *state = (struct walk_state){0};
}

bool walk_by_registers(struct walk *w, const uint64_t *innermost)
{
    return walk_by_libunwind(w, innermost);
}

#endif
