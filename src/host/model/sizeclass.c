/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/sizeclass.h"

uint64_t sizeclass_first(uint32_t sizeclass)
{
    return sizeclass < 2 ? sizeclass : (UINT64_C(8) << (sizeclass - 1)) + 1;
}

uint64_t sizeclass_last(uint32_t sizeclass)
{
    if (sizeclass == 0)
        return 0;
    /* 2^64 - 1 ends the last class */
    return sizeclass + 1 < SIZECLASSES ? UINT64_C(8) << sizeclass : UINT64_MAX;
}
