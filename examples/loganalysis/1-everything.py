# SPDX-License-Identifier: Apache-2.0
"""The log analysis as first written: read everything, keep everything, then sum up."""
import re
import sys

LINE = re.compile(r'(\S+) - - \[(.*?)\] "(\S+) (\S+) HTTP/1.1" (\d+) (\d+)')


class Entry:
    def __init__(self, client, time, method, page, status, size):
        self.client, self.time, self.method, self.page = client, time, method, page
        self.status, self.size = int(status), int(size)


with open(sys.argv[1]) as log:
    entries = [Entry(*m.groups()) for m in map(LINE.match, log.readlines()) if m]

sums = {}
for entry in entries:
    requests, size = sums.get(entry.client, (0, 0))
    sums[entry.client] = requests + 1, size + entry.size
for client, (requests, size) in sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))[:5]:
    print(f"{client:14} {requests:8} requests {size:12} bytes")
