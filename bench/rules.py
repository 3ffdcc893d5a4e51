#!/usr/bin/env python3
"""What the rules cost: CPU seconds (user + sys) of `report --by source` with and without them, run in turn so that a busy machine slows both alike.

usage: bench/rules.py BUILD [PACKETS [RUNS]]     first: ninja -C BUILD bench/grescope-norules bench/mkflood app/grescope

The ratio is the median of those of each pair. Exit 1 where it is above 1.3 on the capture with 5 % GRE."""
import os
import statistics
import subprocess
import sys
import tempfile

LIMIT = {"mixed": 1.3}


def cpu(command):
    with open(os.devnull, "w") as null:
        p = subprocess.Popen(command, stdout=null, stderr=null)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"{' '.join(command)}: exit {p.returncode}")
    return usage.ru_utime + usage.ru_stime


def main():
    build = sys.argv[1]
    packets = int(sys.argv[2]) if len(sys.argv) > 2 else 2000000
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    failed = False
    print("| capture | packets | with rules, s | without, s | ratio, median | lowest to highest |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, n in (("mixed", packets), ("flood", packets // 5), ("small", packets), ("spoof", packets // 2)):
            capture = f"{folder}/{kind}.pcap"
            subprocess.run([f"{build}/bench/mkflood", "-o", capture, kind, str(n)], check=True, stderr=subprocess.DEVNULL)
            rest = ["report", "-q", "--by", "source", "--format", "csv", capture]
            pairs = [(cpu([f"{build}/app/grescope", *rest]), cpu([f"{build}/bench/grescope-norules", *rest])) for _ in range(runs + 1)][1:]
            ratios = [a / b for a, b in pairs]
            ratio = statistics.median(ratios)
            print(f"| {kind} | {n} | {statistics.median(a for a, _ in pairs):.2f} | {statistics.median(b for _, b in pairs):.2f} | {ratio:.2f} | {min(ratios):.2f} to {max(ratios):.2f} |",
                  flush=True)
            failed |= ratio > LIMIT.get(kind, 99)
            os.unlink(capture)
    return failed


sys.exit(main())
