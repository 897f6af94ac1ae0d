// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/operand.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int operand_parse(struct operand *operand, const char *text, struct error *e)
{
    const char *at = access(text, F_OK) == 0 ? NULL : strrchr(text, '@');

    *operand = (struct operand){0};
    if (at) {
        if (at == text || at[1] == '\0')
            return error_set(e, ERROR_INPUT, "'%s' is not FILE@SNAPSHOT: one of them is missing",
                             text);
        operand->path = strndup(text, (size_t)(at - text));
        operand->moment = strdup(at + 1);
    } else {
        operand->path = strdup(text);
    }
    if (operand->path && (operand->moment || !at))
        return 0;
    operand_release(operand);
    return error_set(e, ERROR_MEMORY, "out of memory");
}

void operand_release(struct operand *operand)
{
    free(operand->path);
    free(operand->moment);
    *operand = (struct operand){0};
}
