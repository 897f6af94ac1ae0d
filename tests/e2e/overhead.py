# SPDX-License-Identifier: Apache-2.0
"""What memprof says that it takes itself, held against what /proc says.

The target adds up its private anonymous mappings, with memprof and without: the
difference and the memory that both share is all that memprof can have taken there.
"""

import json
import resource
import subprocess

from harness import MEMPROF, check, equal, finish, need, profile, stated, target

PAGE = 4096
CASES = (
    ("a short program", 10, 0, 0),
    ("100,000 frames", 100000, 0, 0),
    ("40 threads", 200, 40, 0),
    ("a million blocks", 10, 0, 1000000),
)

need("overhead")
_, most = resource.getrlimit(resource.RLIMIT_STACK)
resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, most))  # for the deep one
hosts = {}
for what, *numbers in CASES:
    argv = [target("overhead"), *map(str, numbers)]
    without = stated(subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout)
    run = profile(argv)
    equal(run.status, 0, f"{what}: status")
    ours = run.stated["private"] - without["private"] + run.stated["shared"]
    # the library's pages that are made read-only once it is linked are not told from its code's
    check(0 <= run.stated["target"] - ours <= 4 * PAGE,
          f"{what}: in the program, said {run.stated['target']}, taken {ours}")
    check(abs(run.stated["host"] - run.stated["outside"]) <= 256 << 10,
          f"{what}: in memprof, said {run.stated['host']}, taken {run.stated['outside']}")
    totals = run.doc["totals"]
    check(totals["own_target_bytes"] >= run.stated["target"] - 64 * PAGE,
          f"{what}: the profile's own_target_bytes {totals['own_target_bytes']}, then {run.stated['target']}")
    check(totals["own_host_bytes"] >= run.stated["host"] - 64 * PAGE,
          f"{what}: the profile's own_host_bytes {totals['own_host_bytes']}, then {run.stated['host']}")
    hosts[what] = run.stated["host"]
check(hosts["a million blocks"] - hosts["a short program"] >= 16 * 1000000,
      "a million live blocks cost the host 16 bytes each and more")

# On the pools: their arenas are the program's, what they keep of them is not.
run = profile([target("overhead"), "10", "0", "1000000"], "--allocator=pool")
shown = json.loads(subprocess.run([MEMPROF, "pools", "--json", "-", run.profile], capture_output=True, text=True).stdout)
ours = run.stated["private"] - without["private"] + run.stated["shared"] - shown["arenas"]["mapped_bytes"]
check(shown["arenas"]["count"] > 20, f"pools: {shown['arenas']['count']} arenas")
check(0 <= run.stated["target"] - ours <= 4 * PAGE, f"pools: in the program, said {run.stated['target']}, taken {ours}")
equal((without["target"], without["host"]), (0, 0), "without memprof there is nothing")
finish()
