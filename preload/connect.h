/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake with the host: hello over its socket, the segment's descriptor
 * back.  Raw system calls only, no descriptor is kept, errno is untouched.
 */
#ifndef MEMPROF_PRELOAD_CONNECT_H
#define MEMPROF_PRELOAD_CONNECT_H

#include <stddef.h>
#include <stdint.h>

/* Map the segment that the host at `socket_path` offers.  NULL if it does not. */
void *host_connect(const char *socket_path, uint64_t *bytes);

#endif
