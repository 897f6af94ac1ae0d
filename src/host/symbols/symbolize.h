/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From addresses to functions, files and lines, by libdw.
 *
 * A symbolizer is told of the modules of a process as they become known, which
 * is also when it opens their files, so that a library that is deleted or
 * replaced later is still read as it was.  Asked about a frame, it fills in the
 * lines the frame stands for.  It caches per module, not per address: callers
 * ask once per distinct frame.
 *
 * Not thread-safe, but for symbolizer_prepare.  Nothing here touches the target: it reads files
 * only.
 */
#ifndef MEMPROF_HOST_SYMBOLIZE_H
#define MEMPROF_HOST_SYMBOLIZE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

#include <sys/types.h>

struct symbolizer;
struct binaries;

struct symbolizer_options {
    /*
     * Folders with separate debug files, separated by colons, searched before
     * usr/lib/debug in the sysroot and /usr/lib/debug; NULL none.
     */
    const char *debug_dir;
    const char *sysroot;     /* prefix for module paths; NULL none */
    const char *perf_map;    /* /tmp/perf-PID.map of this process; NULL none */
    bool debuginfod;         /* may ask debuginfod servers; off by default */
    bool keep_mangled;       /* do not demangle */
    struct binaries *shared; /* files that others have read (binaries.h); outlives it; NULL none */
    bool thorough;           /* also read what takes long for little (binary.h) */
};

/* NULL and `e` set on failure.  The options' strings are copied. */
struct symbolizer *symbolizer_new(const struct symbolizer_options *options, struct error *e);
void symbolizer_free(struct symbolizer *s);

/*
 * Register a module and open its file now.  `path` is as the target's loader
 * named it ("" or "[vdso]"/"linux-vdso.so.1" for the vdso); `pid` (0 when the
 * process is gone) lets a deleted file be opened through /proc/PID/exe or
 * /proc/PID/map_files.  `build_id` is what was mapped: a file with another
 * build ID is not used; `m->flags` gets MODULE_FILE_REPLACED or _MISSING, and
 * separate debug files are then looked for by build ID alone.
 * Returns the module's index in the symbolizer, counted from 0 in the order of
 * the calls, or -1 with `e` set (out of memory only; a missing file is no error).
 */
int symbolizer_add_module(struct symbolizer *s, struct profile_module *m, const char *path,
                          pid_t pid, struct error *e);

/*
 * Read what a lookup of `frame` will need: it is then found sooner.  One thread may call this
 * while another adds modules, not while one looks up.  Nothing is asked of a perf map, which
 * is still being written.
 */
void symbolizer_prepare(struct symbolizer *s, uint64_t frame);

/* Forget what was prepared from files that were changed since; as symbolizer_prepare. */
void symbolizer_forget_changed(struct symbolizer *s);

struct symbol_line {
    const char *function; /* demangled, "" unknown */
    const char *file;     /* "" unknown */
    uint32_t line;        /* 0 unknown */
    uint32_t flags;       /* LINE_* of profile.h */
    uint64_t offset;      /* as profile_line.offset, to the frame's own address; 0 if inlined */
};

/*
 * The lines that `frame` (tagged, record.h) in module `module` (or NO_MODULE:
 * only the perf map is asked) stands for, innermost inlined one first; looks up
 * pc - 1 unless FRAME_EXACT.  At least one and at most `max` lines are filled;
 * returns how many.  The strings live as long as the symbolizer.
 */
size_t symbolizer_lookup(struct symbolizer *s, int module, uint64_t frame,
                         struct symbol_line *lines, size_t max);

#endif
