/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped files may be cut by others at any time, and whoever reads behind the new end gets
 * SIGBUS.  Between the two calls a thread reads zeros there instead: of a file that it maps
 * it gets nonsense, as of any file that is written to while it is read.
 *
 * Any thread, each for itself; the calls nest.  The first one takes over the process's handling
 * of SIGBUS, for good; whatever else raises it still ends the process.
 */
#ifndef MEMPROF_HOST_FILEFAULTS_H
#define MEMPROF_HOST_FILEFAULTS_H

void filefaults_begin(void);
void filefaults_end(void);

#endif
