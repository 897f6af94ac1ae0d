/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one ELF file: its symbols, its debugging information, its
 * separate debug file.  Addresses are those of the file's own symbol table.
 *
 * Making one costs nothing but the open descriptor; the first lookup opens the
 * debug file and indexes the compilation units, each later one reads only the
 * unit that it falls into.
 */
#ifndef MEMPROF_HOST_BINARY_H
#define MEMPROF_HOST_BINARY_H

#include "src/host/symbols/debugfile.h"
#include "src/host/symbols/modfile.h"
#include "src/host/symbols/symbolize.h"
#include "src/host/text/demangle.h"

struct binary;

/*
 * `path` is the loader's name for the file; its debug file is not decompressed
 * if that is the C library or the dynamic linker: that takes 40 ms, which every
 * run would pay, for lines that few want.  Its symbols are used all the same.
 * With debugfile_places.thorough it is.
 *
 * Takes over `file`.  NULL: out of memory, and `file` is still the caller's.
 */
struct binary *binary_new(struct modfile *file, const char *path, const struct buildid *id);

/* The vdso, read from this process: the kernel maps the same one everywhere. */
struct binary *binary_new_vdso(const struct buildid *id);

void binary_free(struct binary *b);

/* Whether `b` stands for this file: the same inode, unchanged, with the same ID. */
bool binary_is(const struct binary *b, const struct modfile *file, const struct buildid *id);

/* Whether anything was looked up in it, so that it is worth to be kept; the size of its files. */
bool binary_was_read(const struct binary *b);
uint64_t binary_bytes(const struct binary *b);

/*
 * Forget what was read of a file that was changed in place since: nothing of it is read from
 * then on.  Whether it was so.
 */
bool binary_forget_changed(struct binary *b);

/*
 * Fill at most `max` (at least 1) lines for a file address, the innermost
 * inlined one first, as symbolizer_lookup; `offset`s are relative to the file
 * address `shown`.  0: nothing is known.  Texts live as long as the binary and
 * the demangler.
 */
size_t binary_lookup(struct binary *b, const struct debugfile_places *places, struct demangler *d,
                     uint64_t address, uint64_t shown, struct symbol_line *lines, size_t max);

#endif
