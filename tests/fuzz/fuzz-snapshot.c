// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the reader of .mprof files.  Whatever is read without an
 * error must hold together and be writable again, and must come back the same.
 */
#include "src/host/profile-check.h"
#include "src/host/snapshot.h"
#include "tests/fuzz/reseal.h"

#include <stdlib.h>

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void write_and_read_again(const struct profile *p)
{
    struct profile again;
    void *bytes;
    size_t size;

    require(profile_check(p, NULL) == 0);
    require(snapshot_write_bytes(p, &bytes, &size, NULL) == 0);
    require(snapshot_read_bytes(&again, bytes, size, NULL) == 0);
    require(again.node_count == p->node_count && again.site_count == p->site_count);
    require(again.totals.total_bytes == p->totals.total_bytes);
    profile_release(&again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct profile p;
    struct error e = {0};

    if (snapshot_read_bytes(&p, bytes, size, &e) == 0) {
        write_and_read_again(&p);
        profile_release(&p);
    } else {
        require(e.kind != ERROR_NONE && e.text[0]);
    }
    return 0;
}

/* One time in eight the checksums are left wrong. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    if (seed % 8)
        reseal(bytes, size);
    return size;
}
