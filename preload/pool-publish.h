/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs on the pools: the host is told where their state lies, and what they
 * hold when the program ends.
 */
#ifndef MEMPROF_PRELOAD_POOL_PUBLISH_H
#define MEMPROF_PRELOAD_POOL_PUBLISH_H

/* Once, when the pools have been installed and before the gate opens. */
void pool_publish(void);

#endif
