# SPDX-License-Identifier: Apache-2.0
"""Questions about single blocks: why one is held, who refers to it, what it holds, which are alike; of files, of running programs, and of real ones."""
import json
import os
import shutil
import subprocess

import harness as h

h.need("held")
TARGET = h.target("held")


def memprof(command, *argv):
    return subprocess.run([h.MEMPROF, command, *map(str, argv)], capture_output=True, text=True, timeout=120)


def ask(command, *argv):
    """The answer as JSON."""
    run = memprof(command, "--json", *argv)
    if not h.check(run.returncode == 0, f"memprof {command}: {run.returncode} {run.stderr.strip()[-200:]}"):
        return {"block": {}, "chain": [], "cycle": [], "referrers": [], "referents": [], "duplicates": [], "rows": [], "blocks": []}
    return json.loads(run.stdout)


def allocated_by(block, function="hold"):
    return any(h.plain_name(line["function"]) == function for line in block["traceback"] if line["function"])


def held(source, at, live):
    """What must be true of the target's blocks, wherever the answers come from."""
    answer = ask("why", source, at["name"])
    h.equal(answer["block"]["kind"], "reachable", "name is reachable")
    h.equal(answer["block"]["size"], 32, "its size")
    h.check(allocated_by(answer["block"]), "its stack")
    chain = answer["chain"]
    root = chain[0]["root"]
    if live and root["kind"] == "stack":
        h.equal([c["offset"] for c in chain[1:]], [8], "the shortest chain is from the thread's stack")
        h.equal(root["thread"], "keeper", "which is named")
    else:
        h.equal((root["kind"], root["symbol"], root["symbol_offset"]), ("global", "cache", 8), "the chain begins at the global")
        h.equal([c["offset"] for c in chain[1:]], [0x20, 8], "and leads through the table and the entry")
        h.equal([c["block"]["size"] for c in chain], [4096, 64, 32], "of these sizes")

    answer = ask("why", source, at["table"] + 100)
    h.equal(len(answer["chain"]), 1, "the table is held by the global itself, also asked for by its inside")
    h.check(answer["retained"] >= 4096 + 10 * 200 + (0 if live else 64 + 32 + 48), "what the table holds goes with it")
    answer = ask("why", source, at["inner"])
    h.equal(answer["block"]["kind"], "possible", "inner is possibly lost")
    h.equal((answer["chain"][-1]["pointer"], answer["chain"][-1]["into"]), ("interior", 24), "by a pointer to its inside")

    answer = ask("why", source, hex(at["alone"])[2:])
    h.equal((answer["block"]["kind"], answer["chain"]), ("definite", []), "alone is lost by itself, asked for without 0x")
    answer = ask("why", source, at["ring_a"])
    h.equal([b["size"] for b in answer["cycle"]], [100, 100, 100], "the ring is a cycle")
    answer = ask("why", source, at["tail"])
    h.equal(answer["block"]["kind"], "indirect", "the tail is lost with the ring")
    h.equal(answer["lost_root"]["size"], 100, "a block of which it is lost with")
    h.equal((answer["chain"][-1]["offset"], answer["cycle_blocks"]), (24, 3), "at the end of the chain")

    answer = ask("referrers", source, at["entry"])
    blocks = [r for r in answer["referrers"] if r["block"]]
    h.equal([(r["offset"], r["block"]["size"]) for r in blocks], [(0x20, 4096)], "the table refers to the entry")
    threads = [r["root"]["thread"] for r in answer["referrers"] if r["root"] and r["root"]["kind"] == "stack"]
    h.equal("keeper" in threads, live, "and the thread's stack while it waits")
    answer = ask("referents", source, at["entry"])
    h.equal([(r["offset"], r["block"]["size"], r["pointer"]) for r in answer["referents"]],
            [(8, 32, "start"), (16, 48, "interior")], "the entry refers to name and inner")
    answer = ask("referents", "-t", 2, source, at["table"])
    h.equal((len(answer["referents"]), answer["left_out"]), (2, 1 + 10 - 2), "the table to the entry and the twins")


def twins(answer):
    row = [r for r in answer["duplicates"] if allocated_by(r) or r["function"] == "make_block"]
    h.equal([(r["blocks"], r["contents"], r["saved"]) for r in row if r["largest"] == 200], [(10, 1, 9 * 200)],
            "ten blocks are alike")


def of_a_file():
    run = h.profile([TARGET], "--duplicates")
    at = {k[3:]: v for k, v in run.stated.items() if k.startswith("at_")}
    held(run.profile, at, live=False)
    twins(ask("duplicates", run.profile, "-t", 0))
    text = memprof("why", run.profile, at["tail"]).stdout
    h.check("It is indirectly lost." in text and "A cycle: 3 blocks keep each other" in text, f"as text: {text}")
    h.check("held.c:" in text, "with lines")
    leaks = json.loads(memprof("leaks", "--json", "-", run.profile).stdout)
    alone = [r for r in leaks["records"] if r["kind"] == "definite" and r["bytes"] == 24]
    h.equal(len(alone), 1, "alone is a leak")
    by_id = ask("why", run.profile, alone[0]["fingerprint"][:8] if alone else "0")
    h.check(by_id["block"].get("kind") in ("definite", None), "a leak's id leads to a block of it")
    missing = memprof("why", run.profile, "0x10")
    h.equal((missing.returncode, missing.stdout), (1, ""), "an address without a block")
    h.check("in no block" in missing.stderr, missing.stderr)
    rows = ask("leaks", "-g", "function", run.profile)
    h.check(rows["bytes"] >= 4096 + 64 + 32 + 48 + 2000 + 300 + 16 + 24, "what is live")
    h.check(rows["blocks"][0]["retained"] >= rows["blocks"][-1]["retained"], "blocks that hold most come first")


def without_a_graph():
    run = h.profile([TARGET], "--leak-graph=no")
    at = run.stated["at_twin"]
    answer = memprof("why", run.profile, at)
    h.equal(answer.returncode, 1, "a part of the graph lacks what is reachable")
    h.check("--leak-graph=all" in answer.stderr, answer.stderr)
    h.equal(ask("why", run.profile, run.stated["at_tail"])["block"]["kind"], "indirect", "and has what is lost")
    answer = memprof("leaks", "-g", "line", run.profile)
    h.check(answer.returncode == 1 and "--leak-graph=all" in answer.stderr, "retained sizes need it whole")
    answer = memprof("duplicates", run.profile)
    h.check(answer.returncode == 1 and "--duplicates" in answer.stderr, "nobody looked for equal blocks")
    run = h.profile([TARGET], "--leak-check=no")
    answer = memprof("why", run.profile, at)
    h.equal((answer.returncode, answer.stdout), (1, ""), "nothing was searched")
    merged = os.path.join(h.scratch, "merged.mprof")
    memprof("merge", "-q", "-o", merged, run.profile, h.profile([TARGET]).profile)
    answer = memprof("why", merged, at)
    h.check(answer.returncode == 1 and "merged profile" in answer.stderr, f"references are of one process: {answer.stderr}")


def of_a_running_program():
    profile = os.path.join(h.scratch, "live.mprof")
    process = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", profile, "--", TARGET, "wait"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    at = {}
    for line in process.stdout:
        key, _, value = line.strip().partition("=")
        if key == "ready":
            break
        at[key[3:]] = int(value)
    held("held", at, live=True)
    answer = ask("why", "held", at["entry"])
    h.equal(answer["block"]["size"], 64, "the search has what was asked for")
    h.check(answer["chain"] and answer["chain"][0]["root"], "and what holds it")
    h.equal(ask("why", "--pid", "held", at["tail"])["block"]["kind"], "indirect", "--pid")
    h.equal(ask("why", at["name"])["block"]["size"], 32, "the only program")
    twins(ask("duplicates", "held", "-t", 0))
    h.check(ask("leaks", "-g", "line", "held")["rows"], "retained sizes now")
    process.stdin.close()
    h.equal(process.wait(60), 0, "the program ends as it would")
    answer = memprof("why", "held", at["entry"])
    h.equal(answer.returncode, 3, "it is gone")


def of_python():
    python = "/usr/bin/python3"
    if not os.path.exists(python):
        return
    script = ("import os\n"
              "cache = {'key%d' % i: [i, 'value %d' % i] for i in range(2000)}\n"
              "print('at_dict=%d' % id(cache))\n"
              "print('at_list=%d' % id(cache['key7']), flush=True)\n"
              "os._exit(0)\n")
    run = h.profile([python, "-c", script], env={"PYTHONMALLOC": "malloc"})
    answer = ask("why", run.profile, run.stated["at_dict"])
    h.check(answer["block"]["kind"] in ("reachable", "possible"), "python's dict is alive")
    # An executable at a fixed address has its heap below 4 GiB, where pairs of small numbers in its data are
    # references by chance (1 run in 60), most of them to the dict's largest block: that is asked, not the dict.
    table = max(ask("referents", run.profile, run.stated["at_dict"])["referents"], key=lambda r: r["block"]["size"])
    answer = ask("why", run.profile, table["block"]["address"])
    h.check(answer["retained"] > 2000 * 50, "and its table holds its items")
    answer = ask("why", run.profile, run.stated["at_list"])
    h.check(answer["chain"] and answer["chain"][0]["root"], "a chain leads to one of them")


def of_sqlite():
    sqlite = shutil.which("sqlite3")
    if not sqlite:
        return
    script = "create table t(a,b); insert into t with recursive c(x) as (select 1 union all select x+1 from c where x<500) select x, x from c; select hex(a) from t limit 1;"
    run = h.profile([sqlite, ":memory:", script])
    answer = ask("leaks", "-g", "module", run.profile)
    h.check(answer["rows"] and answer["blocks"], "sqlite3's blocks at its end")
    for block in answer["blocks"][:5]:
        h.equal(ask("why", run.profile, block["address"])["block"]["size"], block["size"], "why of the largest")


of_a_file()
without_a_graph()
of_a_running_program()
of_python()
of_sqlite()
h.finish()
