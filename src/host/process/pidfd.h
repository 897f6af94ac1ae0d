/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of processes (pidfd_open(2)): each names one process for as long as it is open,
 * be its id used again.
 */
#ifndef MEMPROF_HOST_PIDFD_H
#define MEMPROF_HOST_PIDFD_H

#include <stdbool.h>
#include <sys/types.h>

/* The caller's to close; readable once the process has ended.  -1: there is none, errno says why.
 */
int pidfd_open_process(pid_t pid);

/*
 * How a process ended that was waited for since: what waitpid gave.  Linux tells from 6.15 on
 * (PIDFD_INFO_EXIT of linux/pidfd.h); false: it does not, or the process was not waited for yet.
 */
bool pidfd_exit_status(int pidfd, int *status);

#endif
