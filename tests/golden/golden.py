#!/usr/bin/env python3
"""Golden tests: a capture in, text out, compared with the expectation beside its description.

  golden.py check GRESCOPE CAPTURE.pcap NAME.expect      exit 1 and a diff where they differ
  golden.py renew GRESCOPE CAPTURE.pcap NAME.expect      writes the expectation; read the diff before committing it

The text: one line per packet with every column that is not empty, then the balance that -v prints. NAME.windowSECONDS.expect has a line per
sighting of windows that long; many that differ in time, source and inside alone are one line."""
import csv
import difflib
import io
import itertools
import os
import re
import subprocess
import sys


def alike(lines):
    """Rows that follow each other and differ in time, source and what is inside are shown by the first of them and their number, where they are many."""
    out = []
    for _, group in itertools.groupby(lines, lambda line: re.sub(r"\b(timestamp|end_time|src_ip|inner_\w+)=\S+ ", "", line)):
        group = list(group)
        out += group if len(group) < 10 else [f"{len(group)} rows: {group[0]}"]
    return out


def render(grescope, capture, window):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "GRESCOPE_"))}  # nothing of the user's own
    env |= {"GRESCOPE_DATA": "/nonexistent", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    p = subprocess.run([grescope, "export", "-v", "--window", window, "--include-udp", "--format", "csv", capture], capture_output=True,
                       text=True, env=env, timeout=60)
    lines = []
    for row in csv.DictReader(io.StringIO(p.stdout)):
        if row["end_time"] == row["timestamp"]:
            del row["end_time"]
        lines.append(" ".join(f"{k}={v}" for k, v in row.items() if v != ""))
    if window != "0":
        lines = alike(lines)
    folder = os.path.join(os.path.dirname(capture), "")
    for line in p.stderr.splitlines():
        if "database" not in line:
            lines.append(line.replace(folder, ""))
    lines.append(f"exit {p.returncode}")
    return [line + "\n" for line in lines]


verb, grescope, capture, expect = sys.argv[1:]
window = re.search(r"\.window(\d+)\.expect$", expect)
got = render(grescope, capture, window.group(1) if window else "0")
if verb == "renew":
    with open(expect, "w") as f:
        f.writelines(got)
    sys.exit(0)
try:
    want = open(expect).readlines()
except FileNotFoundError:
    want = []
diff = list(difflib.unified_diff(want, got, expect, "now"))
sys.stdout.writelines(diff)
sys.exit(1 if diff else 0)
