// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/skiplist.h"

#include "src/host/text/cxxname.h"
#include "src/host/text/strbuf.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/*
 * The built-in list.  A name may end in one '*'; no other pattern characters,
 * so that matching tens of thousands of names stays cheap.
 */
static const char *const builtin_functions[] = {
    /* libc */
    "malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign",
    "valloc", "pvalloc", "mmap", "mmap64", "mremap", "brk", "sbrk", "__libc_malloc",
    "__libc_calloc", "__libc_realloc", "__libc_memalign", "__default_morecore", "strdup",
    "__strdup", "strndup", "__strndup", "wcsdup", "getline", "getdelim", "__getdelim",
    "_IO_getdelim", "asprintf", "vasprintf", "__asprintf*", "__vasprintf*", "fopen", "fopen64",
    "fdopen", "_IO_new_fopen", "__fopen_internal", "_IO_file_doallocate", "_IO_doallocbuf",
    "open_memstream", "getcwd", "realpath", "scandir", "opendir",
    /* memprof.h */
    "memprof_*",
    /* where threads and programs begin: nobody means those */
    "_start", "__libc_start_main*", "__libc_start_call_main", "start_thread", "clone", "clone3",
    "__clone", "__clone3", "_dl_start_user",
    /* C++ */
    "operator new", "operator new[]", "std::*", "__gnu_cxx::*", "__cxa_*",
    /* Rust */
    "alloc::*", "<alloc::*", "core::*", "<core::*", "<std::*", "hashbrown::*", "<hashbrown::*",
    "__rust_alloc*", "__rust_realloc", "__rg_*", "__rdl_*",
    /* GNU and everybody's wrappers */
    "xmalloc*", "xcalloc*", "xrealloc*", "xnmalloc", "xzalloc*", "xstrdup", "xstrndup", "xmemdup*",
    "xasprintf", "xvasprintf", "xmalloc_*", "x2realloc", "x2nrealloc", "xpalloc", "xalignalloc",
    "do_xmalloc", "safe_malloc", "safe_calloc", "safe_realloc", "emalloc", "ecalloc", "erealloc",
    "_obstack_newchunk", "_obstack_begin*", "_obstack_allocated_p", "obstack_alloc*",
    "ggc_internal_alloc*", "ggc_alloc*", "bfd_malloc*", "bfd_zmalloc*", "bfd_realloc*",
    "bfd_alloc*", "bfd_zalloc*",
    /* GLib, Qt, talloc, APR */
    "g_malloc*", "g_try_malloc*", "g_realloc*", "g_try_realloc*", "g_slice_alloc*", "g_slice_copy",
    "g_strdup*", "g_strndup", "g_memdup*", "g_aligned_alloc*", "g_rc_box_alloc*",
    "g_atomic_rc_box_alloc*", "QArrayData::allocate*", "QArrayData::reallocate*", "talloc_*",
    "_talloc_*", "apr_palloc*", "apr_pcalloc*", "apr_allocator_alloc",
    /* CPython */
    "PyMem_*", "_PyMem_*", "PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc",
    "_PyObject_Malloc", "_PyObject_Calloc", "_PyObject_Realloc", "_PyObject_GC_*", "PyObject_GC_*",
    "_PyObject_New*", "PyType_GenericAlloc", "_PyType_AllocNoTrack", "gc_alloc",
    /* other interpreters and databases */
    "Perl_safesys*", "Perl_more_sv", "ruby_xmalloc*", "ruby_xcalloc*", "ruby_xrealloc*",
    "objspace_xmalloc*", "objspace_xrealloc*", "luaM_*", "l_alloc", "Tcl_Alloc*", "TclpAlloc*",
    "jv_mem_*", "sqlite3Malloc*", "sqlite3MemMalloc", "sqlite3MemRealloc", "sqlite3Realloc*",
    "sqlite3_malloc*", "sqlite3_realloc*", "sqlite3DbMalloc*", "sqlite3DbRealloc*",
    "sqlite3DbStrDup", "sqlite3DbStrNDup", "dbMallocRawFinish", "dbReallocFinish",
    "mallocWithAlarm", "palloc*", "repalloc*", "MemoryContextAlloc*", "AllocSetAlloc*",
    "AllocSetRealloc*", "zmalloc*", "zcalloc*", "zrealloc*", "ztrymalloc*", "ztrycalloc*",
    "ztryrealloc*", "je_*",
    /* other libraries */
    "CRYPTO_malloc*", "CRYPTO_zalloc", "CRYPTO_calloc", "CRYPTO_realloc", "CRYPTO_strdup",
    "CRYPTO_strndup", "CRYPTO_memdup", "xmlMalloc*", "xmlStrdup", "xmlStrndup", "uv__malloc",
    "uv__calloc", "uv__realloc", "json_malloc", "jsonp_malloc", "jsonp_strdup*", "llvm::safe_*",
    "llvm::allocate_buffer", "llvm::SmallVectorBase<*", "llvm::BumpPtrAllocatorImpl<*",
    "BUF_MEM_grow*"};

static const char *const builtin_files[] = {"/usr/include/*", "/usr/lib/gcc/*", "/usr/lib/llvm*",
                                            "/usr/local/include/*", "/rustc/*"};

static const char *const builtin_modules[] = {
    "libc.so.6",      "libc-2.*",     "ld-linux*",       "ld-2.*",        "libpthread.so.0",
    "libpthread-2.*", "libdl.so.2",   "librt.so.1",      "libstdc++.so*", "libc++.so*",
    "libc++abi.so*",  "libgcc_s.so*", "libjemalloc.so*", "libtcmalloc*",  "libmimalloc.so*"};

void skiplist_init(struct skiplist *s, bool builtin)
{
    *s = (struct skiplist){.builtin = builtin};
}

static void patterns_release(struct skip_patterns *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->globs[i]);
    free(p->globs);
    *p = (struct skip_patterns){0};
}

void skiplist_release(struct skiplist *s)
{
    patterns_release(&s->functions);
    patterns_release(&s->files);
    patterns_release(&s->modules);
}

static int patterns_add(struct skip_patterns *p, const char *glob, struct error *e)
{
    char **grown = realloc(p->globs, (p->count + 1) * sizeof *grown);

    if (!grown)
        return error_set(e, ERROR_MEMORY, "out of memory");
    p->globs = grown;
    p->globs[p->count] = strdup(glob);
    if (!p->globs[p->count])
        return error_set(e, ERROR_MEMORY, "out of memory");
    p->count++;
    return 0;
}

/* What follows `prefix` in `pattern`, or NULL. */
static const char *behind(const char *pattern, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(pattern, prefix, length) == 0 ? pattern + length : NULL;
}

int skiplist_add(struct skiplist *s, const char *pattern, struct error *e)
{
    struct skip_patterns *to = &s->functions;
    const char *glob = pattern, *rest;

    if ((rest = behind(pattern, "file:")))
        to = &s->files;
    else if ((rest = behind(pattern, "module:")))
        to = &s->modules;
    else
        rest = behind(pattern, "function:");
    if (rest)
        glob = rest;
    if (*glob == '\0')
        return error_set(e, ERROR_INPUT, "the pattern to skip is empty");
    return patterns_add(to, glob, e);
}

/* Against one built-in pattern; `text` need not end at `length`. */
static bool builtin_matches(const char *pattern, const char *text, size_t length)
{
    size_t fixed = strlen(pattern);

    if (pattern[fixed - 1] == '*')
        return length >= fixed - 1 && memcmp(text, pattern, fixed - 1) == 0;
    return length == fixed && memcmp(text, pattern, fixed) == 0;
}

static bool builtin_has(const char *const *patterns, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (patterns[i][0] == text[0] && builtin_matches(patterns[i], text, length))
            return true;
    return false;
}

#define BUILTIN_HAS(list, text, length)                                                            \
    builtin_has(list, sizeof(list) / sizeof *(list), text, length)

static bool globs_have(const struct skip_patterns *p, const char *text)
{
    for (size_t i = 0; i < p->count; i++)
        if (fnmatch(p->globs[i], text, 0) == 0)
            return true;
    return false;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool skiplist_has_function(const struct skiplist *s, const char *name)
{
    struct cxxname parts;
    struct strbuf plain;
    bool found;

    if (*name == '\0')
        return false;
    parts = cxxname_parse(name);
    if (s->builtin && BUILTIN_HAS(builtin_functions, name + parts.start, parts.end - parts.start))
        return true;
    if (s->functions.count == 0)
        return false;
    strbuf_init(&plain);
    strbuf_add_length(&plain, name + parts.start, parts.end - parts.start);
    found = globs_have(&s->functions, name) || globs_have(&s->functions, strbuf_text(&plain));
    strbuf_release(&plain);
    return found;
}

bool skiplist_has_file(const struct skiplist *s, const char *path)
{
    if (*path == '\0')
        return false;
    if (s->builtin &&
        (BUILTIN_HAS(builtin_files, path, strlen(path)) || strstr(path, "/include/c++/")))
        return true;
    return globs_have(&s->files, path) || globs_have(&s->files, last_part(path));
}

bool skiplist_has_module(const struct skiplist *s, const char *path)
{
    const char *last = last_part(path);

    if (*path == '\0')
        return false;
    if (s->builtin && BUILTIN_HAS(builtin_modules, last, strlen(last)))
        return true;
    return globs_have(&s->modules, path) || globs_have(&s->modules, last);
}

struct each {
    void (*take)(void *context, const char *pattern);
    void *context;
    struct strbuf text;
};

static void each_pattern(struct each *each, const char *prefix, const char *pattern)
{
    strbuf_clear(&each->text);
    strbuf_add(&each->text, prefix);
    strbuf_add(&each->text, pattern);
    each->take(each->context, strbuf_text(&each->text));
}

static void each_builtin(struct each *each, const char *prefix, const char *const *list,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        each_pattern(each, prefix, list[i]);
}

static void each_added(struct each *each, const char *prefix, const struct skip_patterns *p)
{
    for (size_t i = 0; i < p->count; i++)
        each_pattern(each, prefix, p->globs[i]);
}

#define EACH_BUILTIN(each, prefix, list)                                                           \
    each_builtin(each, prefix, list, sizeof(list) / sizeof *(list))

void skiplist_each(const struct skiplist *s, void (*take)(void *context, const char *pattern),
                   void *context)
{
    struct each each = {.take = take, .context = context};

    if (s->builtin) {
        EACH_BUILTIN(&each, "", builtin_functions);
        EACH_BUILTIN(&each, "file:", builtin_files);
        each_pattern(&each, "file:", "*/include/c++/*");
        EACH_BUILTIN(&each, "module:", builtin_modules);
    }
    each_added(&each, "", &s->functions);
    each_added(&each, "file:", &s->files);
    each_added(&each, "module:", &s->modules);
    strbuf_release(&each.text);
}
