// SPDX-License-Identifier: Apache-2.0
#include "src/host/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The check value of the CRC catalogues and the vectors of RFC 3720 appendix B.4. */
static void known_answers(void **state)
{
    uint8_t bytes[32];

    (void)state;
    assert_int_equal(checksum_crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(checksum_crc32c(0, bytes, 0), 0);
}

static void pieces_give_the_whole(void **state)
{
    uint32_t first = checksum_crc32c(0, "1234", 4);

    (void)state;
    assert_int_equal(checksum_crc32c(first, "56789", 5), 0xe3069283);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_give_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
