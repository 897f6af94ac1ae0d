/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a program with the recorder preloaded, collect everything it records,
 * and hand back one finished, symbolized profile per process image.  Its file is
 * there from the start of the image and grows as it runs (journal.h); an image
 * that is replaced by exec gives its name to its successor and gets one with its
 * number (profilename.h).  Meanwhile other processes of this user may ask for
 * snapshots (sessions.h).
 *
 * The program is a child of the caller and shares its terminal, descriptors
 * and process group.  The caller's signal handling is put back afterwards.
 */
#ifndef MEMPROF_HOST_RUN_H
#define MEMPROF_HOST_RUN_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/recording/tree.h"
#include "src/host/search/leaksearch.h"
#include "src/host/symbols/symbolize.h"
#include "src/shared/record.h"

#include <stdbool.h>
#include <sys/types.h>

struct run_image;
struct run_result;

struct run_options {
    const char *program;              /* resolved path to execute */
    char **arguments;                 /* argv of the program, NULL-terminated */
    const char *preload;              /* path of the preload library; NULL: run without recording */
    struct segment_settings settings; /* clock, search and stop_signal are chosen by run_program */
    struct symbolizer_options symbolizer;
    const char *output;         /* of the profile; NULL: PROGRAM.PID.mprof; "/dev/null": none */
    uint64_t snapshot_every_ns; /* 0: not by a timer */
    bool no_peak;               /* leave out what every site held at the peak */
    /*
     * What a search for leaks does, and when (leaksearch_options_init).  Where threads cannot be
     * stopped by ptrace they are by SIGRTMAX - 2, unless the program takes that for itself.
     */
    struct leaksearch_options search;

    uint32_t follow;       /* enum follow */
    char *const *only;     /* patterns of program names (fnmatch); NULL: every one */
    char *const * not ;    /* patterns of those not to record; NULL: none */
    const char *directory; /* all profiles go there; NULL: only if there are several processes */
    /*
     * Called for each finished image of a process other than the launched one, in a thread of
     * its own but never two at once: `row` gets what it finds out.  NULL: nobody is interested.
     */
    void (*each)(void *context, const struct run_image *image, struct tree_row *row);
    /* The program has ended, and others have been running for a while: see `tree`. */
    void (*waiting)(void *context, const struct tree *tree);
    /*
     * The launched process's last image has its profile, whose file is being written meanwhile:
     * of `result` all is there but that image's path, bytes and unwritten, and what other
     * processes and the folder will have been.  Called once, after each `each`, or not at all.
     * NULL: as above.
     */
    void (*meanwhile)(void *context, const struct run_result *result);
    void *context; /* of all three */
};

struct run_image {
    uint32_t number; /* in the tree; 0 none */
    struct profile profile;
    uint32_t target_state;  /* enum target_state */
    uint32_t refusal;       /* enum target_refusal */
    uint64_t events;        /* records drained */
    char *path;             /* of the file; NULL when none was wanted */
    uint64_t bytes;         /* its size */
    struct error unwritten; /* the file could not be written, or not be finished: why */
};

struct run_result {
    pid_t pid;
    int wait_status; /* as waitpid gives it */
    double seconds;
    struct run_image *images; /* in the order they connected; none if the library never spoke */
    uint32_t image_count;
    struct tree tree;     /* of all images, these too */
    char *folder;         /* of the run; NULL: there was but one process */
    bool interrupted;     /* by a signal to memprof; processes may run on */
    bool excluded;        /* the program was left out by `only` or `not` */
    bool without_room;    /* in its environment for what makes it load the recorder (E2BIG) */
    bool end_unseen;      /* TREE_END_UNSEEN of its last image */
    bool other_version;   /* the preload library said hello and is of another version */
    struct error trouble; /* an image was not recorded: the first reason; the others are here */
};

/*
 * Returns 0 when the program was started and has ended, whatever its status;
 * -1 with `e` set when it could not be started (ERROR_EXECUTE; saved_errno: ENOENT → 127,
 * EACCES/ENOEXEC → 126) or memprof itself failed (any other kind).
 */
int run_program(const struct run_options *options, struct run_result *result, struct error *e);
void run_result_release(struct run_result *result);

#endif
