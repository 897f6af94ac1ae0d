/* SPDX-License-Identifier: Apache-2.0 */
/* What memprof referrers and referents share: the two directions of one question. */
#ifndef MEMPROF_CLI_BLOCK_REFERENCES_H
#define MEMPROF_CLI_BLOCK_REFERENCES_H

#include "cli/options.h"

extern const struct option_spec block_references_specs[];

/* Parse the options and show the references from the block, or else to it.  The exit status. */
int block_references_run(const struct options *options, bool from_block, int argc, char **argv);

#endif
