/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a program with the recorder preloaded, collect everything it records,
 * and hand back one finished, symbolized profile per process image.
 *
 * The program is a child of the caller and shares its terminal, descriptors
 * and process group.  The caller's signal handling is put back afterwards.
 */
#ifndef MEMPROF_HOST_RUN_H
#define MEMPROF_HOST_RUN_H

#include "src/host/error.h"
#include "src/host/profile.h"
#include "src/host/symbolize.h"
#include "src/shared/record.h"

#include <sys/types.h>

struct run_options {
    const char *program;      /* resolved path to execute */
    char **arguments;         /* argv of the program, NULL-terminated */
    const char *preload;      /* path of the preload library; NULL: run without recording */
    struct segment_settings settings; /* clock is chosen by run_program */
    struct symbolizer_options symbolizer;
};

struct run_image {
    struct profile profile;
    uint32_t target_state; /* enum target_state */
    uint32_t refusal;      /* enum target_refusal */
    uint64_t events;       /* records drained */
};

struct run_result {
    pid_t pid;
    int wait_status; /* as waitpid gives it */
    double seconds;
    struct run_image *images; /* in the order they connected; none if the library never spoke */
    uint32_t image_count;
};

/*
 * Returns 0 when the program was started and has ended, whatever its status;
 * -1 with `e` set when it could not be started (saved_errno: ENOENT → 127,
 * EACCES/ENOEXEC → 126) or memprof itself failed.
 */
int run_program(const struct run_options *options, struct run_result *result, struct error *e);
void run_result_release(struct run_result *result);

#endif
