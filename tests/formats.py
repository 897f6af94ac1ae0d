#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The leak reports against the schemas of their formats (tests/data/README.md says where those are from).

Needs Debian's python3-jsonschema and libxml2-utils; what is missing is skipped.
"""
import functools
import json
import os
import re
import shutil
import subprocess
import sys

top_srcdir = os.environ["top_srcdir"]
tool = os.path.join(os.environ["top_builddir"], "tests/tools/leak-report")
data = os.path.join(top_srcdir, "tests/data")
samples = ["plain", "hostile", "empty", "many"]
skipped = []


@functools.lru_cache(None)
def written(form, sample):
    return subprocess.run([tool, form, sample], check=True, capture_output=True).stdout


@functools.lru_cache(None)
def records(sample):
    return json.loads(written("json", sample))["records"]


def by_schema(document, name):
    """Validate when the validator is installed."""
    try:
        import jsonschema
    except ImportError:
        skipped.append(f"{name} by its schema (python3-jsonschema)")
        return
    with open(os.path.join(data, name), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    jsonschema.validate(document, schema)


def some_of(rows):
    """The first and the last of the sample with tens of thousands, which are alike; all of the others."""
    return rows if len(rows) <= 1000 else rows[:500] + rows[-500:]


def check_json():
    for sample in samples:
        document = json.loads(written("json", sample))
        by_schema({**document, "records": some_of(document["records"])}, "leaks.schema.json")
        total = sum(r["bytes"] for r in document["records"])
        assert total == sum(v["bytes"] for k, v in document["leaks"].items() if k != "suppressed")


def check_sarif():
    for sample in samples:
        raw = written("sarif", sample)
        document = json.loads(raw)
        run = document["runs"][0]
        by_schema({**document, "runs": [{**run, "results": some_of(run["results"])}]}, "sarif-2.1.0.json")
        assert len(raw) <= 10_000_000 and len(run["results"]) <= 25_000, (sample, len(raw))
        left_out = len(records(sample)) - len(run["results"])
        said = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
        assert any(text.startswith(f"{left_out} smaller leaks") for text in said) == (left_out > 0), said
        assert (sample == "many") == (left_out > 0)
        for result in run["results"]:
            assert result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
            for flow in result.get("codeFlows", []):
                assert len(flow["threadFlows"][0]["locations"]) <= 10_000
        hashes = [r["partialFingerprints"]["primaryLocationLineHash"] for r in run["results"]]
        assert len(set(hashes)) == len(hashes)
    plain = json.loads(written("sarif", "plain"))["runs"][0]["results"]
    place = plain[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "src/pool.cc", "uriBaseId": "SRCROOT"}, place
    steps = plain[0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [s["location"]["logicalLocations"][0]["fullyQualifiedName"] for s in steps][-3:] == \
        ["g_malloc", "parse", "app::Pool<int>::grow(unsigned long)"]


def check_junit():
    for sample in samples:
        raw = written("junit", sample)
        if not shutil.which("xmllint"):
            skipped.append("JUnit XML by its schema (libxml2-utils)")
            return
        subprocess.run(["xmllint", "--noout", "--schema", os.path.join(data, "jenkins-junit.xsd"), "-"],
                       input=raw, check=True, capture_output=True)
        failures = len(re.findall(rb"<failure ", raw))
        assert f'failures="{failures}"'.encode() in raw
        assert failures == sum(r["kind"] in ("definite", "possible") and not r["known"] for r in records(sample))


def check_gitlab():
    for sample in samples:
        document = json.loads(written("gitlab", sample))
        by_schema(some_of(document), "gitlab-codequality.schema.json")
        prints = [issue["fingerprint"] for issue in document]
        assert len(set(prints)) == len(prints)
        assert len(document) == sum(not r["known"] for r in records(sample))
        for issue in document:
            path = issue["location"]["path"]
            assert not path.startswith(("/", "./")), path


def undo(text):
    """As the runner does (actions/runner, ActionCommand)."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


def check_github():
    for sample in samples:
        lines = written("github", sample).decode().splitlines()
        assert 1 <= len(lines) <= 10
        assert len(lines) == min(9, sum(not r["known"] for r in records(sample))) + 1
        for line in lines:
            match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
            assert match, line
            properties = dict(p.split("=", 1) for p in match[2].split(","))
            assert set(properties) <= {"file", "line", "title"}, properties
            assert int(properties.get("line", 1)) >= 1
    first = written("github", "plain").decode().splitlines()[0]
    assert "file=src/pool.cc,line=17," in first, first
    hostile = written("github", "hostile").decode()
    file = re.search("file=([^,]*),", hostile)[1]
    assert ":d,e;f" in undo(file) and ":" not in file and "%" in undo(file), file


def check_markdown():
    for sample in samples:
        raw = written("markdown", sample)
        assert len(raw) <= 1024 * 1024
        text = raw.decode()
        shown = text.count("<details>")
        assert shown == text.count("</details>")
        left_out = len(records(sample)) - shown
        assert (f"{left_out} smaller leaks are left out" in text) == (left_out > 0)
    hostile = written("markdown", "hostile").decode()
    assert "<script>" not in hostile and "@q" not in hostile and "`h" not in hostile


# What ctest takes a leak from (cmCTestMemCheckHandler.cxx).
MEMCHECK_LEAK = re.compile(r"== .*[0-9,]+ (?:\([0-9,]+ direct, [0-9,]+ indirect\) )?bytes in [0-9,]+ blocks are"
                           r" (definitely|possibly) lost in loss record [0-9,]+ of [0-9,]+")


def check_memcheck():
    for sample in samples:
        lines = written("memcheck", sample).decode().splitlines()
        assert all(re.match(r"==\d+==( |$)", line) for line in lines)
        found = [m[1] for m in map(MEMCHECK_LEAK.search, lines) if m]
        for kind in ("definite", "possible"):
            wanted = sum(r["kind"] == kind and not r["known"] for r in records(sample))
            assert found.count({"definite": "definitely", "possible": "possibly"}[kind]) == wanted, (sample, kind, wanted)
        assert sum("LEAK SUMMARY:" in line for line in lines) == 1


for check in (check_json, check_sarif, check_junit, check_gitlab, check_github, check_markdown, check_memcheck):
    check()
    print(f"{check.__name__}: as the format says")
for what in sorted(set(skipped)):
    print(f"not checked: {what}")
sys.exit(77 if skipped else 0)
