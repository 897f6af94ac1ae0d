// SPDX-License-Identifier: Apache-2.0
/* Stands in for the preload library of another version: says hello, and hears that it is not
 * wanted. */
#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

__attribute__((constructor)) static void say_hello(void)
{
    const char *variable = getenv("MEMPROF_SESSION");
    const char *session = variable ? strchr(variable, ':') : NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct hello hello = {
        .magic = HELLO_MAGIC, .version = SEGMENT_VERSION + 1, .pid = (uint32_t)getpid()};
    struct hello_answer answer;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || !session || strlen(++session) >= sizeof(address.sun_path))
        _exit(99);
    strcpy(address.sun_path, session);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        send(fd, &hello, sizeof(hello), 0) != (ssize_t)sizeof(hello) ||
        recv(fd, &answer, sizeof(answer), 0) != (ssize_t)sizeof(answer) ||
        answer.segment_bytes != 0)
        _exit(98);
    close(fd);
}
