/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the target's decoder of call-frame information says what libdw's does:
 *
 *     cfi-rows [--every N] FILE...
 *
 * walks every row of every FDE in the files' .eh_frame (of every Nth FDE), and
 * compares where the CFA and all registers are by dwarf_cfi_addrframe with what
 * cfi_find_row and the rule made of it say.  Between FDEs nothing may be found.
 * Locations are compared by what they come to over made-up registers and memory.
 *
 * A line for each file; exit status 1 when anything differs.
 */
#include "preload/cficopy.h"
#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/session.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <err.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIALS 16u     /* register files over which an expression is compared */
#define SHOWN 20u      /* differences a file */
#define STEP_STACK 32u /* of an expression */
#define PAGE UINT64_C(4096)

/* What rules.c asks of the rest of the preload library: one module, which never goes. */
struct session session;
static struct cfi_module here;

enum module_result module_find(uint64_t pc, struct cfi_module *module, uint32_t *generation)
{
    *module = here;
    *generation = 0;
    return pc >= here.start && pc < here.end ? MODULE_FOUND : MODULE_NONE;
}

/* Rules are made from the same file mapped elsewhere, rows from where it lies. */
static struct cfi_module elsewhere;
static struct cfi_table elsewhere_table;

enum cfi_result cficopy_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row)
{
    (void)m;
    return cfi_find_row(&elsewhere, pc, row);
}

/* ---------------------------------------------------- made-up program -- */

/* A stack full of addresses within itself, and registers that point to its middle. */
#define STACK_WORDS ((size_t)1 << 17)

static struct {
    uint64_t words[STACK_WORDS];
    uint64_t registers[TRIALS][CFI_REGISTERS];
} made;

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static uint64_t random_address(void)
{
    return (uint64_t)(uintptr_t)&made.words[STACK_WORDS / 4 + next_random() % (STACK_WORDS / 2)];
}

static void make_up(void)
{
    for (size_t i = 0; i < STACK_WORDS; i++)
        made.words[i] = random_address();
    for (unsigned t = 0; t < TRIALS; t++) {
        for (unsigned i = 0; i < CFI_REGISTERS; i++)
            made.registers[t][i] = random_address();
        for (unsigned i = 8; t % 2 && i < CFI_RA; i++)
            made.registers[t][i] = i;   /* some expressions multiply one */
        made.registers[t][CFI_RA] += t; /* a PLT's rows depend on where in its 16 bytes it is */
    }
}

static bool made_read(uint64_t at, uint64_t *value)
{
    uint64_t low = (uint64_t)(uintptr_t)made.words;

    if (at < low || at > low + sizeof made.words - 8)
        return false;
    memcpy(value, (const void *)(uintptr_t)at, 8);
    return true;
}

/* ------------------------------------------------------------- places -- */

/* Where a register's value in the caller is found. */
struct place {
    enum { UNKNOWN, UNDEFINED, SAME, AT, VALUE, REGISTER } kind;
    uint64_t value;
};

static const char *const kind_names[] = {"?", "undefined", "same", "at", "value", "register"};

static bool place_equal(struct place a, struct place b)
{
    return a.kind == b.kind && a.value == b.value;
}

/* Registers that a call leaves alone, of whose numbers libdw has one wrong: 0 (rax) for 3 (rbx). */
static bool preserved(unsigned i)
{
    return i == 0 || i == CFI_RBP || (i >= 12 && i <= 15);
}

/* ---------------------------------------------------- what libdw says -- */

static bool reference_binary(uint8_t op, uint64_t a, uint64_t b, uint64_t *result)
{
    switch (op) {
    case DW_OP_and:
        *result = a & b;
        return true;
    case DW_OP_plus:
        *result = a + b;
        return true;
    case DW_OP_mul:
        *result = a * b;
        return true;
    case DW_OP_shl:
        *result = a << b;
        return true;
    case DW_OP_ge:
        *result = (int64_t)a >= (int64_t)b;
        return true;
    default:
        return false;
    }
}

/* The operations that replace the topmost values; `stack` has room. */
static bool reference_change(const Dwarf_Op *op, uint64_t *stack, unsigned *depth)
{
    uint64_t *top = &stack[*depth - 1];

    if (*depth == 0)
        return false;
    if (op->atom == DW_OP_deref)
        return made_read(*top, top);
    if (op->atom == DW_OP_plus_uconst) {
        *top += op->number;
        return true;
    }
    if (*depth < 2 || !reference_binary(op->atom, top[-1], top[0], &top[-1]))
        return false;
    --*depth;
    return true;
}

static bool reference_push(const Dwarf_Op *op, const uint64_t *registers, uint64_t cfa,
                           uint64_t *value)
{
    uint64_t atom = op->atom;

    if (atom >= DW_OP_breg0 && atom < DW_OP_breg0 + CFI_REGISTERS)
        *value = registers[atom - DW_OP_breg0] + op->number;
    else if (atom == DW_OP_bregx && op->number < CFI_REGISTERS)
        *value = registers[op->number] + op->number2;
    else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
        *value = atom - DW_OP_lit0;
    else if (atom >= DW_OP_const1u && atom <= DW_OP_consts)
        *value = op->number;
    else if (atom == DW_OP_call_frame_cfa)
        *value = cfa;
    else
        return false;
    return true;
}

static struct place reference_evaluate(const Dwarf_Op *ops, size_t count, const uint64_t *registers,
                                       uint64_t cfa)
{
    struct place result = {.kind = AT};
    uint64_t stack[STEP_STACK];
    unsigned depth = 0;

    for (size_t i = 0; i < count; i++)
        if (ops[i].atom == DW_OP_stack_value)
            result.kind = VALUE;
        else if (depth < STEP_STACK && reference_push(&ops[i], registers, cfa, &stack[depth]))
            depth++;
        else if (!reference_change(&ops[i], stack, &depth))
            return (struct place){.kind = UNKNOWN};
    if (depth == 0)
        return (struct place){.kind = UNKNOWN};
    result.value = stack[depth - 1];
    return result;
}

static struct place reference_cfa(Dwarf_Frame *frame, const uint64_t *registers)
{
    struct place cfa = {.kind = UNKNOWN};
    Dwarf_Op *ops;
    size_t count;

    if (dwarf_frame_cfa(frame, &ops, &count) == 0 && count)
        cfa = reference_evaluate(ops, count, registers, 0);
    if (cfa.kind == AT)
        cfa.kind = VALUE;
    return cfa;
}

static struct place reference_register(Dwarf_Frame *frame, unsigned i, const uint64_t *registers,
                                       uint64_t cfa)
{
    Dwarf_Op memory[3], *ops;
    size_t count;

    if (dwarf_frame_register(frame, (int)i, memory, &ops, &count) != 0)
        return (struct place){.kind = UNKNOWN};
    if (count == 0)
        return (struct place){.kind = ops ? UNDEFINED : SAME};
    if (count == 1 && ops[0].atom == DW_OP_regx)
        return (struct place){.kind = REGISTER, .value = ops[0].number};
    return reference_evaluate(ops, count, registers, cfa);
}

/* ------------------------------------------------ what the decoder says -- */

static struct place own_expression(const uint8_t *expr, const uint64_t *registers, bool with_cfa,
                                   uint64_t cfa, int kind)
{
    uint64_t low = (uint64_t)(uintptr_t)made.words;
    struct place result = {.kind = kind};

    if (!cfi_evaluate(expr, registers, with_cfa, cfa, low, low + sizeof made.words, &result.value))
        result.kind = UNKNOWN;
    return result;
}

static struct place own_cfa(const struct cfi_row *row, const uint64_t *registers)
{
    if (row->cfa_expr)
        return own_expression(row->cfa_expr, registers, false, 0, VALUE);
    if (row->cfa_register >= CFI_REGISTERS)
        return (struct place){.kind = UNKNOWN};
    return (struct place){VALUE, registers[row->cfa_register] + (uint64_t)row->cfa_offset};
}

static struct place own_register(const struct cfi_row *row, unsigned i, const uint64_t *registers,
                                 uint64_t cfa)
{
    uint64_t value = (uint64_t)row->value[i];
    const uint8_t *expr = (const uint8_t *)(uintptr_t)value;

    switch ((enum cfi_how)row->how[i]) {
    case CFI_UNSPECIFIED:
        if (i == CFI_RSP)
            return (struct place){VALUE, cfa};
        return (struct place){.kind = preserved(i) ? SAME : UNDEFINED};
    case CFI_UNDEFINED:
        return (struct place){.kind = UNDEFINED};
    case CFI_SAME:
        return (struct place){.kind = SAME};
    case CFI_OFFSET:
        return (struct place){AT, cfa + value};
    case CFI_VAL_OFFSET:
        return (struct place){VALUE, cfa + value};
    case CFI_REGISTER:
        return (struct place){REGISTER, value};
    case CFI_EXPRESSION:
        return own_expression(expr, registers, true, cfa, AT);
    case CFI_VAL_EXPRESSION:
        return own_expression(expr, registers, true, cfa, VALUE);
    }
    return (struct place){.kind = UNKNOWN};
}

/* ---------------------------------------------------- what a rule says -- */

/* Offsets within the ucontext_t that a signal frame's rsp points to. */
enum { CONTEXT_RBP = 120, CONTEXT_RSP = 160, CONTEXT_RIP = 168 };

struct rule_places {
    struct place cfa, ra, rbp;
};

static struct rule_places rule_frame_places(uint64_t rule, uint64_t cfa, uint64_t rbp_base)
{
    struct rule_places p = {{VALUE, cfa}, {AT, cfa - 8}, {.kind = SAME}};

    if (rule & RULE_RBP_SAVED)
        p.rbp = (struct place){AT, rbp_base + (uint64_t)rule_rbp_offset(rule)};
    return p;
}

/* false: the rule says nothing that could be compared. */
static bool rule_says(uint64_t rule, const uint64_t *registers, struct rule_places *p)
{
    uint64_t rsp = registers[CFI_RSP], rbp = registers[CFI_RBP], cfa;

    switch (RULE_KIND(rule)) {
    case RULE_RSP:
        cfa = rsp + (uint64_t)rule_cfa_offset(rule);
        *p = rule_frame_places(rule, cfa, cfa);
        return true;
    case RULE_RBP:
        cfa = rbp + (uint64_t)rule_cfa_offset(rule);
        *p = rule_frame_places(rule, cfa, cfa);
        return true;
    case RULE_RBP_DEREF:
        if (!made_read(rbp + (uint64_t)rule_cfa_offset(rule), &cfa))
            return false;
        *p = rule_frame_places(rule, cfa, rbp);
        return true;
    case RULE_SIGNAL:
        if (!made_read(rsp + CONTEXT_RSP, &cfa))
            return false;
        *p = (struct rule_places){{VALUE, cfa}, {AT, rsp + CONTEXT_RIP}, {AT, rsp + CONTEXT_RBP}};
        return true;
    default:
        return false;
    }
}

/* --------------------------------------------------------- comparison -- */

struct range {
    uint64_t start, end;
};

struct check {
    const char *path;
    Elf *elf;
    Elf_Data *section; /* .eh_frame */
    uint64_t section_address;
    uint64_t bias; /* from the file's addresses to `here` */
    Dwarf_CFI *cfi;
    struct range *frames;
    size_t frame_count;
    uint64_t rows, kinds[8], differences;
};

static void differ(struct check *k, uint64_t pc, const char *what, unsigned i, struct place theirs,
                   struct place ours)
{
    if (k->differences++ < SHOWN)
        fprintf(stderr, "%s: %#" PRIx64 ": %s %u is %s %#" PRIx64 ", not %s %#" PRIx64 "\n",
                k->path, pc, what, i, kind_names[theirs.kind], theirs.value, kind_names[ours.kind],
                ours.value);
}

/* false: with these registers the row leads out of the made-up memory, as both find. */
static bool compare_row(struct check *k, uint64_t pc, Dwarf_Frame *frame, const struct cfi_row *row,
                        const uint64_t *registers)
{
    struct place cfa = reference_cfa(frame, registers), ours = own_cfa(row, registers);

    if (cfa.kind == UNKNOWN && ours.kind == UNKNOWN)
        return false;
    if (!place_equal(cfa, ours))
        differ(k, pc, "CFA, register", 0, cfa, ours);
    for (unsigned i = 0; i < CFI_REGISTERS; i++) {
        struct place theirs = reference_register(frame, i, registers, cfa.value);

        ours = own_register(row, i, registers, cfa.value);
        if (theirs.kind == UNKNOWN || !place_equal(theirs, ours))
            differ(k, pc, "register", i, theirs, ours);
    }
    return true;
}

static void compare_rule(struct check *k, uint64_t pc, Dwarf_Frame *frame, uint64_t rule,
                         const uint64_t *registers)
{
    struct place cfa = reference_cfa(frame, registers);
    struct place ra = reference_register(frame, CFI_RA, registers, cfa.value);
    struct place rbp = reference_register(frame, CFI_RBP, registers, cfa.value);
    struct rule_places ours;

    if (RULE_KIND(rule) == RULE_END && ra.kind != UNDEFINED)
        differ(k, pc, "end rule for register", CFI_RA, ra, (struct place){.kind = UNDEFINED});
    if (!rule_says(rule, registers, &ours))
        return;
    if (!place_equal(cfa, ours.cfa))
        differ(k, pc, "rule's CFA, register", 0, cfa, ours.cfa);
    if (!place_equal(ra, ours.ra))
        differ(k, pc, "rule's register", CFI_RA, ra, ours.ra);
    if (!place_equal(rbp, ours.rbp))
        differ(k, pc, "rule's register", CFI_RBP, rbp, ours.rbp);
}

/* `frame` holds at `pc` of the file. */
static void compare_at(struct check *k, uint64_t pc, Dwarf_Frame *frame, bool signal)
{
    uint64_t rule = rule_make((pc + k->bias) | FRAME_EXACT);
    unsigned trials = RULE_KIND(rule) == RULE_RSP || RULE_KIND(rule) == RULE_RBP ? 1 : TRIALS;
    bool compared = false;
    struct cfi_row row;

    k->kinds[RULE_KIND(rule)]++;
    if (cfi_find_row(&here, pc + k->bias, &row) != CFI_FOUND) {
        differ(k, pc, "refused row, register", 0, reference_cfa(frame, made.registers[0]),
               (struct place){.kind = UNKNOWN});
        return;
    }
    if (row.signal_frame != signal)
        differ(k, pc, "signal frame", 0, (struct place){VALUE, signal},
               (struct place){VALUE, row.signal_frame});
    for (unsigned t = 0; t < trials; t++) {
        compared |= compare_row(k, pc, frame, &row, made.registers[t]);
        compare_rule(k, pc, frame, rule, made.registers[t]);
    }
    if (!compared)
        differ(k, pc, "expression that this test does not know, register", 0,
               (struct place){.kind = UNKNOWN}, (struct place){.kind = UNKNOWN});
}

/* All rows of one FDE, each at its first and its last address. */
static void compare_frame(struct check *k, const struct range *r)
{
    for (uint64_t pc = r->start; pc < r->end;) {
        Dwarf_Addr start = 0, end = 0;
        Dwarf_Frame *frame;
        bool signal = false;

        if (dwarf_cfi_addrframe(k->cfi, pc, &frame) != 0) {
            fprintf(stderr, "%s: %#" PRIx64 ": libdw: %s\n", k->path, pc, dwarf_errmsg(-1));
            k->differences++;
            return;
        }
        dwarf_frame_info(frame, &start, &end, &signal);
        if (end <= pc || end > r->end)
            end = r->end;
        k->rows++;
        compare_at(k, pc, frame, signal);
        if (end - 1 > pc)
            compare_at(k, end - 1, frame, signal);
        free(frame);
        pc = end;
    }
}

/* Where no FDE covers an address, none may be found. */
static void compare_gap(struct check *k, uint64_t pc)
{
    struct cfi_row row;

    if (pc + k->bias >= here.end || cfi_find_row(&here, pc + k->bias, &row) == CFI_NO_ENTRY)
        return;
    differ(k, pc, "outside of all FDEs, register", 0, (struct place){.kind = UNKNOWN},
           own_cfa(&row, made.registers[0]));
}

/* --------------------------------------------------------------- file -- */

/* Map the segments as the loader would, and find .eh_frame_hdr. */
static bool segments_map(struct check *k, int fd, struct cfi_module *m)
{
    uint64_t low = UINT64_MAX, high = 0;
    size_t count;
    GElf_Phdr p;
    uint64_t bias;
    uint8_t *base;

    elf_getphdrnum(k->elf, &count);
    for (size_t i = 0; i < count; i++)
        if (gelf_getphdr(k->elf, (int)i, &p) && p.p_type == PT_LOAD) {
            low = p.p_vaddr < low ? p.p_vaddr & -PAGE : low;
            high = p.p_vaddr + p.p_memsz > high ? p.p_vaddr + p.p_memsz : high;
        }
    base = mmap(NULL, high - low, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    bias = (uint64_t)(uintptr_t)base - low;
    *m = (struct cfi_module){.start = low + bias, .end = high + bias};
    for (size_t i = 0; i < count; i++) {
        if (!gelf_getphdr(k->elf, (int)i, &p))
            return false;
        if (p.p_type == PT_GNU_EH_FRAME)
            m->eh_frame_hdr = (const uint8_t *)(uintptr_t)(p.p_vaddr + bias);
        if (p.p_type == PT_LOAD && p.p_filesz &&
            mmap((void *)(uintptr_t)((p.p_vaddr & -PAGE) + bias), p.p_filesz + p.p_vaddr % PAGE,
                 PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, (off_t)(p.p_offset & -PAGE)) == MAP_FAILED)
            return false;
    }
    k->bias = bias;
    return m->eh_frame_hdr != NULL;
}

static bool image_map(struct check *k, int fd)
{
    if (!segments_map(k, fd, &elsewhere) || !segments_map(k, fd, &here))
        return false;
    elsewhere.moved = here.start - elsewhere.start;
    if (cfi_table_find(&elsewhere, &elsewhere_table))
        elsewhere.table = &elsewhere_table;
    return true;
}

static bool section_find(struct check *k)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    size_t names;

    elf_getshdrstrndx(k->elf, &names);
    while ((section = elf_nextscn(k->elf, section)))
        if (gelf_getshdr(section, &header) && header.sh_type != SHT_NOBITS &&
            !strcmp(elf_strptr(k->elf, names, header.sh_name), ".eh_frame")) {
            k->section_address = header.sh_addr;
            k->section = elf_getdata(section, NULL);
        }
    return k->section != NULL;
}

/* How a CIE writes its FDEs' addresses; 0xff when its augmentation is not understood. */
static uint8_t cie_encoding(const Dwarf_CIE *cie)
{
    const uint8_t *data = cie->augmentation_data;

    if (cie->augmentation[0] != 'z')
        return DW_EH_PE_absptr;
    for (const char *letter = cie->augmentation + 1; *letter; letter++)
        if (*letter == 'R')
            return *data;
        else if (*letter == 'L')
            data++;
        else if (*letter == 'P')
            data += (*data & 0xf) == DW_EH_PE_absptr ? 9 : 5;
        else if (*letter != 'S')
            return DW_EH_PE_omit;
    return DW_EH_PE_absptr;
}

static uint32_t read4(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* The addresses of the FDE whose body `fde` is. */
static bool frame_range(struct check *k, const Dwarf_FDE *fde, struct range *r)
{
    const uint8_t *section = k->section->d_buf;
    Dwarf_CFI_Entry cie;
    Dwarf_Off next;

    if (dwarf_next_cfi((const unsigned char *)elf_getident(k->elf, NULL), k->section, true,
                       fde->CIE_pointer, &next, &cie) != 0 ||
        cie_encoding(&cie.cie) != (DW_EH_PE_pcrel | DW_EH_PE_sdata4))
        return false;
    r->start = k->section_address + (uint64_t)(fde->start - section) +
               (uint64_t)(int64_t)(int32_t)read4(fde->start);
    r->end = r->start + read4(fde->start + 4);
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static void frames_collect(struct check *k)
{
    const unsigned char *ident = (const unsigned char *)elf_getident(k->elf, NULL);
    Dwarf_CFI_Entry entry;
    Dwarf_Off at = 0, next;
    struct range r;

    while (dwarf_next_cfi(ident, k->section, true, at, &next, &entry) == 0) {
        if (!dwarf_cfi_cie_p(&entry)) {
            if (!frame_range(k, &entry.fde, &r))
                errx(2, "%s: an FDE written in a way that this test does not read", k->path);
            k->frames = reallocarray(k->frames, k->frame_count + 1, sizeof r);
            if (!k->frames)
                err(2, NULL);
            k->frames[k->frame_count++] = r;
        }
        at = next;
    }
    qsort(k->frames, k->frame_count, sizeof *k->frames, by_start);
}

static void compare_all(struct check *k, size_t every)
{
    for (size_t i = 0; i < k->frame_count; i++) {
        const struct range *r = &k->frames[i];
        uint64_t after = i + 1 < k->frame_count ? r[1].start : UINT64_MAX;

        if (i % every == 0)
            compare_frame(k, r);
        if (r->end < after && r->end > r->start) {
            compare_gap(k, r->end);
            if (after != UINT64_MAX)
                compare_gap(k, after - 1);
        }
    }
}

static bool check_file(const char *path, size_t every)
{
    struct check k = {.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    k.elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (!k.elf)
        err(2, "%s", path);
    if (!image_map(&k, fd) || !section_find(&k))
        errx(2, "%s: no .eh_frame with an .eh_frame_hdr", path);
    k.cfi = dwarf_getcfi_elf(k.elf);
    if (!k.cfi)
        errx(2, "%s: %s", path, dwarf_errmsg(-1));
    frames_collect(&k);
    compare_all(&k, every);
    printf("%s: %zu FDEs, %" PRIu64 " rows; addresses compared: %" PRIu64 " with a rule, %" PRIu64
           " by all registers, %" PRIu64 " ends, %" PRIu64 " signal frames, %" PRIu64
           " refused; %" PRIu64 " differences\n",
           path, k.frame_count, k.rows,
           k.kinds[RULE_RSP] + k.kinds[RULE_RBP] + k.kinds[RULE_RBP_DEREF], k.kinds[RULE_FULL],
           k.kinds[RULE_END], k.kinds[RULE_SIGNAL], k.kinds[RULE_STOP], k.differences);
    dwarf_cfi_end(k.cfi);
    free(k.frames);
    munmap((void *)(uintptr_t)here.start, here.end - here.start);
    munmap((void *)(uintptr_t)elsewhere.start, elsewhere.end - elsewhere.start);
    elf_end(k.elf);
    close(fd);
    return k.differences == 0 && k.rows != 0;
}

int main(int argc, char **argv)
{
    size_t every = 1;
    int first = 1;
    bool good = true;

    if (argc > 2 && !strcmp(argv[1], "--every")) {
        every = strtoul(argv[2], NULL, 10);
        first = 3;
    }
    if (first >= argc || every == 0) {
        fprintf(stderr, "usage: cfi-rows [--every N] FILE...\n");
        return 2;
    }
    elf_version(EV_CURRENT);
    bump_init(&session.tables);
    if (!rules_init())
        errx(2, "no memory");
    make_up();
    for (int i = first; i < argc; i++)
        good &= check_file(argv[i], every);
    bump_release(&session.tables);
    return good ? 0 : 1;
}
