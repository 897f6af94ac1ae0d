/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings that fail when a test says so.  The test is linked with
 * --wrap=sysmem_map and its relatives.  One thread only.
 */
#ifndef MEMPROF_TESTS_FAILING_SYSMEM_H
#define MEMPROF_TESTS_FAILING_SYSMEM_H

extern long sysmem_calls;      /* so far */
extern long sysmem_fail_from;  /* the first call to fail, counted from 1; 0: none */
extern long sysmem_fail_count; /* how many do from then on */

#endif
