#!/usr/bin/env python3
"""Holds the table class x capture of docs/classes.md against the golden expectations: a row for each class, in the header's order, a capture in each row, and in what
grescope says of the capture that class.

usage: classes.py SOURCE-ROOT"""
import glob
import re
import sys

root = sys.argv[1]
classes = re.findall(r'^\tX\(\w+, "([a-z.]+)", "', re.search(r"#define GS_CLASS_MAP.*?\nenum", open(root + "/include/grescope/verdict.h").read(), re.S).group(0), re.M)
section = open(root + "/docs/classes.md").read().partition("\n## Which capture shows it\n")[2].partition("\n## ")[0]
rows = re.findall(r"^\| `([a-z.]+)` \| (.*) \|$", section, re.M)
failures = []
if [c for c, _ in rows] != classes:
    failures.append(f"rows for {[c for c, _ in rows]}, classes are {classes}")
shown = 0
for class_, cell in rows:
    names = re.findall(r"`([a-z0-9-]+)`", cell)
    if not names:
        failures.append(f"{class_}: no capture")
    for name in names:
        texts = glob.glob(f"{root}/tests/golden/{name}.expect") + glob.glob(f"{root}/tests/golden/{name}.window*.expect")
        if not any(re.search(rf" class={re.escape(class_)} ", open(t).read()) for t in texts):
            failures.append(f"{class_}: {name} does not show it" if texts else f"{class_}: there is no capture {name}")
        shown += 1
for failure in failures:
    print(failure)
print(f"{len(rows)} classes, {shown} captures, {len(failures)} failures")
sys.exit(bool(failures) or not rows)
