#!/usr/bin/env python3
"""Holds every field that `grescope explain` shows against TShark's value of the same name.

  explain_against_tshark.py GRESCOPE SOURCE-ROOT CAPTURE...     exit 0 all agree, 1 not, 77 where tshark is not at hand

Beside the captures given, those of the shared folder where it is there (the first packets of each). A name that TShark does not know, and a field
that it does not show for the packet, are not compared. A header that only one of the two follows (a name then stands more often on one side) is no
disagreement: the values that both show must be equal."""
import csv
import glob
import io
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # none beside the sources
from merged import merge

PACKETS = 5000  # of each file
SEPARATOR = "\x1f"
# where the two differ, and who is right: HACKING.md, "Where we differ from tshark"
DIFFER = {
    "len-zero.pcap": "ip.len of 0",
    "pptp-reserved.pcap": "words as in version 0",
    "wccp.pcap": "any 0x4. for an IP header",
}


def run(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def known_fields():
    out = run(["tshark", "-G", "fields"]).stdout
    return {line.split("\t")[2] for line in out.splitlines() if line.startswith("F\t")}


def explained(grescope, capture):
    """{packet: {field: [values]}} in the order of the frame."""
    p = run([grescope, "explain", "--packet", f"1-{PACKETS}", "--format", "csv", capture])
    if p.returncode not in (0, 4):
        raise SystemExit(f"{capture}: exit {p.returncode}: {p.stderr}")
    packets = {}
    for r in csv.DictReader(io.StringIO(p.stdout)):
        if r["offset"] and r["field"]:
            packets.setdefault(int(r["packet"]), {}).setdefault(r["field"], []).append(r["value"])
    return packets


def shown(capture, names):
    command = ["tshark", "-r", capture, "-n", "-c", str(PACKETS), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=" + SEPARATOR, "-e", "frame.number"]
    for preference in ("ip.defragment", "ipv6.defragment", "tcp.relative_sequence_numbers"):
        command += ["-o", preference + ":FALSE"]
    for name in names:
        command += ["-e", name]
    for line in run(command).stdout.splitlines():
        number, *values = line.split("\t")
        yield int(number), {n: v.split(SEPARATOR) for n, v in zip(names, values) if v}


def compare(grescope, capture, known, name_of):
    """(values compared, names seen, differences) of one file. name_of: packet number to the capture's name."""
    ours = explained(grescope, capture)
    names = sorted({f for p in ours.values() for f in p} & known)
    compared, seen, bad = 0, set(), 0
    for number, theirs in shown(capture, names) if names else ():
        for name, values in ours.get(number, {}).items():
            other = theirs.get(name)
            if other is None or name_of(number) in DIFFER:
                continue
            if name == "ip.version" and "ipv6.version" in theirs:
                continue  # TShark gives an IPv6 header's version this name too
            n = min(len(values), len(other))
            if name.startswith("vlan."):
                values, other = values[-n:], other[-n:]  # an outer tag of 802.1ad has a dissector of its own in TShark
            compared += n
            seen.add(name)
            if other[:n] != values[:n]:
                bad += 1
                print(f"{name_of(number)} packet {number}: {name} is {values}, tshark shows {other}")
    return compared, seen, bad


def main():
    if not shutil.which("tshark"):
        print("tshark is not at hand")
        return 77
    grescope, root, *captures = sys.argv[1:]
    shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
    captures += sorted(c for c in glob.glob(os.path.join(shared, "captures", "*.pcap*")) if not c.endswith((".tsv", ".json", ".txt")))
    known = known_fields()
    compared, seen, bad = 0, set(), 0
    with tempfile.TemporaryDirectory() as scratch:
        merged = scratch + "/all.pcapng"
        order, left = merge([(os.path.basename(c), c) for c in captures if not c.endswith("bad-length.pcap")], merged)
        files = [(merged, lambda number: order[number - 1][0])] + [(c, lambda number, name=name: name) for name, c in left]
        for capture, name_of in files:
            c, s, b = compare(grescope, capture, known, name_of)
            compared, seen, bad = compared + c, seen | s, bad + b
    print(f"{len(captures)} captures, {compared} values of {len(seen)} fields compared, {bad} differences")
    return bad > 0 or compared < 1000


sys.exit(main())
