# SPDX-License-Identifier: Apache-2.0
"""Third version: line by line, and of a line only what is needed, as two plain lists."""
import sys

index, requests, sizes = {}, [], []
with open(sys.argv[1]) as log:
    for line in log:
        client, _, rest = line.partition(" ")
        size = rest.rpartition(" ")[2]
        if rest:
            at = index.setdefault(client, len(index))
            if at == len(sizes):
                requests.append(0)
                sizes.append(0)
            requests[at] += 1
            sizes[at] += int(size)
for client, at in sorted(index.items(), key=lambda item: (-sizes[item[1]], item[0]))[:5]:
    print(f"{client:14} {requests[at]:8} requests {sizes[at]:12} bytes")
