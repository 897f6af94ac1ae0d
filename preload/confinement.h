/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that confine their system calls (seccomp): a filter may end the program for a
 * call that only we make.  From then on there is no search for leaks, and signals have
 * their default action again.  Seen are prctl, seccomp(2) by libc's syscall, and libseccomp's
 * seccomp_load.
 */
#ifndef MEMPROF_PRELOAD_CONFINEMENT_H
#define MEMPROF_PRELOAD_CONFINEMENT_H

#include <stdbool.h>

/* Whether this process has confined itself.  Makes no system call. */
bool confined(void);

#endif
