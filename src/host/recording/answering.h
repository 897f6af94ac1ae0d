/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between those who ask a running memprof for something (control.h, server.h) and the image
 * that they ask about.
 */
#ifndef MEMPROF_HOST_ANSWERING_H
#define MEMPROF_HOST_ANSWERING_H

#include "src/host/recording/image.h"
#include "src/host/recording/server.h"

/* Pass a request on to the image.  false: it is none for an image, or that does not run. */
bool answering_ask(struct image *image, const struct control_request *asked, uint64_t ticket);

/*
 * Give out the answers that the image has.  Whether one of them is to the caller's own request,
 * of that ticket, which is no server's.
 */
bool answering_pass(struct server *server, struct image *image, uint64_t own);

#endif
