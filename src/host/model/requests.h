/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the model that follows what the program says through memprof.h:
 * marks, snapshots, questions, clearing, and the blocks of its own pools.
 */
#ifndef MEMPROF_HOST_REQUESTS_H
#define MEMPROF_HOST_REQUESTS_H

#include "src/host/model/model.h"

/*
 * A domain that the program named.  Its blocks have a table of their own: a
 * pool's block may begin where the heap block that holds the pool does.
 */
struct model_pool {
    struct livetable live;
    char name[TEXT_BYTES_MAX + 1];
};

/* Apply one event; false: it is none of these. */
bool requests_apply(struct model *m, const struct model_event *e);

/*
 * For a model that begins with what another one had (inheritance.h): the live blocks of a
 * domain, made if need be, and its name.  NULL: no such domain, or no memory; counted.
 */
struct livetable *requests_domain_live(struct model *m, uint32_t domain);
void requests_domain_name(struct model *m, uint32_t domain, const char *name);

void requests_init(struct model *m);
void requests_release(struct model *m);

#endif
