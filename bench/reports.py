#!/usr/bin/env python3
"""How long every report of a store takes, as whole commands. usage: reports.py GRESCOPE STORE [RUNS [BY...]]

first   no kept answer, the store's pages dropped from the page cache before (posix_fadvise)
again   no kept answer, pages in the cache
kept    the answer kept from before
Of each the least of RUNS (3): wall seconds, CPU seconds (user and system), and the peak of memory in MiB. --limit 20, as csv, to a pipe that is read."""
import os
import shutil
import subprocess
import sys
import time

grescope, store = sys.argv[1:3]
runs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
keys = sys.argv[4:] or "total city network country source class day week hour prefix24 target tunnel".split()


def drop():
    fd = os.open(store, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def once(by):
    before = time.monotonic()
    p = subprocess.Popen([grescope, "report", "-q", "--store", store, "--by", by, "--limit", "20", "--format", "csv"], stdout=subprocess.PIPE)
    p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"report --by {by} ended with {status}")
    return time.monotonic() - before, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def best(by, keep, cold):
    seen = []
    for _ in range(runs):
        if not keep:
            shutil.rmtree(store + "-answers", ignore_errors=True)
        if cold:
            drop()
        seen.append(once(by))
    return min(s[0] for s in seen), min(s[1] for s in seen), max(s[2] for s in seen)


print("| --by | first, wall s | first, CPU s | again, wall s | again, CPU s | kept, wall s | kept, CPU s | MiB |")
print("|---|---|---|---|---|---|---|---|")
for by in keys:
    first, again, kept = best(by, False, True), best(by, False, False), best(by, True, False)
    print(f"| {by} | {first[0]:.2f} | {first[1]:.2f} | {again[0]:.2f} | {again[1]:.2f} | {kept[0]:.3f} | {kept[1]:.3f} | {first[2]:.0f} |", flush=True)
