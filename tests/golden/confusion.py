#!/usr/bin/env python3
"""What grescope takes the shared captures for, beside what their names and READMEs say they hold: a table in Markdown for docs/classes.md,
and a row for each disagreement.

usage: confusion.py GRESCOPE SHARED [CLASSES.md]; exit 1 where honest traffic is taken for an attack or a flood for something else, or where the page has
another table, or lacks or invents a disagreement; 77 (skipped) where the shared folder is absent."""
import collections
import csv
import glob
import io
import os
import re
import subprocess
import sys

grescope, shared = sys.argv[1], os.environ.get("GRESCOPE_SHARED") or sys.argv[2]
if not os.path.isdir(os.path.join(shared, "captures")):
    print("skipped: no shared captures at", shared)
    sys.exit(77)
# what a capture holds, by a part of its name; the first that fits
HOLDS = [("d01", "flood"), ("d02", "flood"), ("d03", "flood"), ("d04", "flood"), ("d05", "no flood"), ("erspan", "erspan"), ("pptp", "pptp"), ("nhrp", "nhrp"),
         ("NHRP", "nhrp"), ("wccp", "wccp"), ("aruba", "wlan"), ("gre-within-gre", "gre in gre"), ("isis", "is-is"), ("ospf", "ospf"), ("heapoverflow", "broken")]
# and what each is then to be called; of other honest traffic nothing but `unknown` can be wrong
FITS = {"flood": "flood.mirai.", "no flood": "tunnel.", "erspan": "tunnel.erspan", "pptp": "tunnel.pptp", "nhrp": "tunnel.nhrp", "wccp": "tunnel.wccp", "wlan": "tunnel.data",
        "gre in gre": "tunnel.data", "is-is": "tunnel.routing", "ospf": "tunnel.routing", "broken": "malformed", "other honest traffic": "tunnel."}
BAD = ("flood.", "scan.", "exploit.", "remnant", "backscatter")
table = collections.defaultdict(collections.Counter)
files, failures = collections.Counter(), []
disagreements = []
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
        if not row["class"].startswith(FITS[holds]):
            disagreements.append((name, row["class"], row["packets"]))
classes = sorted({c for row in table.values() for c in row})
lines = ["| captures of | files | " + " | ".join(f"`{c}`" for c in classes) + " |", "|---" * (len(classes) + 2) + "|"]
for holds in sorted(files):
    lines.append(f"| {holds} | {files[holds]} | " + " | ".join(str(table[holds][c] or "") for c in classes) + " |")
print("\n".join(lines))
print("\n| capture | class | packets | why |\n|---|---|---|---|")
for name, class_, packets in disagreements:
    print(f"| `{name}` | `{class_}` | {packets} | |")
if len(sys.argv) > 3:
    page = open(sys.argv[3]).read()
    if "\n".join(lines) + "\n\n" not in page:
        failures.append(f"{sys.argv[3]} has another table than the first one above")
    explained = re.findall(r"^\| `([^`]+)` \| `([a-z.]+)` \| (\d+) \| .*\w.* \|$", page, re.M)
    for d in sorted(set(disagreements) ^ set(explained)):
        failures.append(f"{' '.join(d)}: " + ("not explained in " if d in disagreements else "no longer so, but explained in ") + sys.argv[3])
for failure in failures:
    print("failure:", failure, file=sys.stderr)
sys.exit(bool(failures))
