#!/usr/bin/env python3
"""What grescope takes the shared captures for, beside what their names and READMEs say they hold: a table in Markdown for docs/classes.md.

usage: confusion.py GRESCOPE SHARED; exit 1 where honest traffic is taken for an attack or a flood for something else, 77
(skipped) where the shared folder is absent."""
import collections
import csv
import glob
import io
import os
import subprocess
import sys

grescope, shared = sys.argv[1], os.environ.get("GRESCOPE_SHARED") or sys.argv[2]
if not os.path.isdir(os.path.join(shared, "captures")):
    print("skipped: no shared captures at", shared)
    sys.exit(77)
# what a capture holds, by a part of its name; the first that fits
HOLDS = [("d01", "flood"), ("d02", "flood"), ("d03", "flood"), ("d04", "flood"), ("d05", "no flood"), ("erspan", "erspan"), ("pptp", "pptp"), ("nhrp", "nhrp"),
         ("NHRP", "nhrp"), ("wccp", "wccp"), ("aruba", "wlan"), ("gre-within-gre", "gre in gre"), ("isis", "is-is"), ("ospf", "ospf"), ("heapoverflow", "broken")]
BAD = ("flood.", "scan.", "exploit.", "remnant", "backscatter")
table = collections.defaultdict(collections.Counter)
files, failures = collections.Counter(), []
for path in sorted(glob.glob(os.path.join(shared, "captures", "*.*")) + glob.glob(os.path.join(shared, "captures-synthetic", "*.pcap"))):
    if not path.endswith((".pcap", ".pcapng", ".cap")):
        continue
    name = os.path.basename(path)
    holds = next((h for part, h in HOLDS if part in name), "other honest traffic")
    env = dict(os.environ, GRESCOPE_DATA="/nonexistent", HOME="/nonexistent")
    p = subprocess.run([grescope, "report", "--by", "class", "--include-udp", "--limit", "0", "--format", "csv", path], capture_output=True, text=True, env=env,
                       timeout=120)
    files[holds] += 1
    for row in csv.DictReader(io.StringIO(p.stdout)):
        table[holds][row["class"]] += int(row["packets"])
        if row["class"].startswith(BAD) != (holds == "flood"):
            failures.append(f"{name}: {row['packets']} packets are {row['class']}")
classes = sorted({c for row in table.values() for c in row})
print("| captures of | files | " + " | ".join(f"`{c}`" for c in classes) + " |")
print("|---" * (len(classes) + 2) + "|")
for holds in sorted(files):
    print(f"| {holds} | {files[holds]} | " + " | ".join(str(table[holds][c] or "") for c in classes) + " |")
for failure in failures:
    print("failure:", failure, file=sys.stderr)
sys.exit(bool(failures))
