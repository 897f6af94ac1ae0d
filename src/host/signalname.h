/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMPROF_HOST_SIGNALNAME_H
#define MEMPROF_HOST_SIGNALNAME_H

/* "SIGSEGV"; NULL for real-time signals and numbers that are none. */
const char *signal_name(int number);

#endif
