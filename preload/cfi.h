/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call-frame information: from a program counter to the row of unwind rules
 * that holds there, decoded from .eh_frame by way of .eh_frame_hdr.
 *
 * Formats: Linux Standard Base 5.0, "Exception Frames"; DWARF 5, section 6.4.
 * No allocation, no lock, no system call; bounded stack.  All reads stay
 * inside the module's mapped range given by the caller.
 */
#ifndef MEMPROF_PRELOAD_CFI_H
#define MEMPROF_PRELOAD_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CFI_REGISTERS 17 /* x86-64: 0-15 general, 16 the return address */
#define CFI_RBP 6
#define CFI_RSP 7
#define CFI_RA 16

enum cfi_how {
    CFI_UNSPECIFIED = 0, /* nothing said: callee-saved registers keep their value */
    CFI_UNDEFINED,
    CFI_SAME,
    CFI_OFFSET,     /* saved at CFA + value */
    CFI_VAL_OFFSET, /* is CFA + value */
    CFI_REGISTER,   /* is in register `value` */
    CFI_EXPRESSION, /* saved at the address the expression gives */
    CFI_VAL_EXPRESSION
};

/* Its expressions lie in the module itself, wherever the row was read. */
struct cfi_row {
    const uint8_t *cfa_expr; /* not NULL: the CFA is this expression's value */
    uint64_t cfa_register;
    int64_t cfa_offset;
    bool signal_frame; /* the caller of this frame was interrupted, it did not call */
    /* What became of register i; `value` is factored already, or the address of an expression. */
    uint8_t how[CFI_REGISTERS];
    int64_t value[CFI_REGISTERS];
};

enum cfi_result {
    CFI_FOUND = 0,
    CFI_NO_ENTRY,  /* no unwind information covers this address */
    CFI_UNREADABLE /* it is there but makes no sense or uses what we do not know */
};

/* The search table of .eh_frame_hdr: rows of two 32-bit offsets from the header, in order of
 * address. */
struct cfi_table {
    const uint8_t *rows;
    uint64_t count;
    int32_t first, last; /* addresses that the first and the last row begin at, from the header */
};

/*
 * Where a module's unwind information is read, and its search table.  That may be another mapping
 * of the same file than the module's own (cficopy.h).
 */
struct cfi_module {
    uint64_t start, end;         /* all of it can be read */
    const uint8_t *eh_frame_hdr; /* PT_GNU_EH_FRAME */
    uint64_t header_bytes;       /* of that, in a segment that cannot be written; or 0 */
    uint64_t moved;              /* what a place is to be added to for its address in the module */
    const struct cfi_table *table; /* as cfi_table_find says; NULL: to be found each time */
    void (*visit)(uint64_t at);    /* told of each place before it is read; or NULL */
};

/* The search table of `m`, whose own is not looked at.  false: there is none that makes sense. */
bool cfi_table_find(const struct cfi_module *m, struct cfi_table *table);

/* The row that holds at `pc`, an address inside an instruction or just before its end. */
enum cfi_result cfi_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row);

/*
 * Evaluate a DWARF expression (ULEB length first) over `registers`, with
 * `initial` pushed if `push`.  Memory is read only within [low, high).
 * false if it does more than we know.
 */
bool cfi_evaluate(const uint8_t *expr, const uint64_t registers[CFI_REGISTERS], bool with_initial,
                  uint64_t initial, uint64_t low, uint64_t high, uint64_t *result);

#endif
