/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as the programmer wrote them, from names as the linker sees them, by
 * libiberty: C++ (Itanium ABI), Rust (v0 and the older C++-like form) and D.
 * The return type of C++ templates is left out, so that a name begins with its
 * namespace.
 *
 * Results are cached by name.  Not thread-safe.
 */
#ifndef MEMPROF_HOST_DEMANGLE_H
#define MEMPROF_HOST_DEMANGLE_H

#include <stdbool.h>

struct demangler;

/* With `keep_mangled` only symbol versions are taken off.  NULL: out of memory. */
struct demangler *demangler_new(bool keep_mangled);
void demangler_free(struct demangler *d);

/*
 * The readable form of a linker name, without a symbol version (`@VERSION`).
 * It lives as long as the demangler and as `name` do: a name that needs no
 * change is returned as it is, as is any name when memory runs out.
 */
const char *demangler_name(struct demangler *d, const char *name);

/* Whether a name has the look of one of the known manglings. */
bool demangle_is_mangled(const char *name);

#endif
