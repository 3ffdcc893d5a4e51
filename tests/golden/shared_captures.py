#!/usr/bin/env python3
"""Holds export --window 0 against tshark's rows for every capture of the shared folder: the same packets, every comparable field.

usage: shared_captures.py GRESCOPE SOURCE-ROOT; exit 77 (skipped) where the shared folder is absent."""
import csv
import glob
import io
import os
import subprocess
import sys

grescope, root = sys.argv[1:3]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
captures = sorted(glob.glob(os.path.join(shared, "captures", "*.tsv")))
if not captures:
    print("skipped: no shared captures at", shared)
    sys.exit(77)

# where tshark and grescope differ, and who is right: HACKING.md, "Where we differ from tshark"
DIFFER = {
    "kaorimatz-gue-gre__ping__veth2.pcap": "tshark does not decode GUE; the two rows are GRE in GUE",
}


def run(path, *more):
    env = dict(os.environ, GRESCOPE_DATA="/nonexistent", HOME="/nonexistent")
    p = subprocess.run([grescope, *more, path], capture_output=True, text=True, env=env, timeout=120)
    if p.returncode not in (0, 4):
        raise SystemExit(f"{path}: exit {p.returncode}: {p.stderr}")
    return p


def micro(epoch):
    s, ns = epoch.split(".")
    return f"{s}.{ns[:6]}"


def stamp(text):
    import datetime
    t = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    us = (t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)
    return f"{us // 1000000}.{us % 1000000:06d}"


def want_row(r):
    """The fields of a row of truth in the words of export."""
    _, time, src, dst, ttl, length, flags, proto, key, seq, _ack, _sum, isrc, idst, iproto, isport, idport, *_ = r
    if key.startswith("len="):
        n, call = key[4:].split(",call=")
        key = f"0x{int(n) << 16 | int(call):08x}"
    length = str(int(length) + 40) if ":" in src else length  # the truth gives the IPv6 payload length
    return [micro(time), src, dst, ttl, length, flags, proto, key, seq, isrc, idst, iproto, isport, idport]


def got_row(r):
    names = ("src_ip dst_ip ttl ip_len gre_flags gre_proto gre_key gre_seq inner_src_ip inner_dst_ip inner_protocol inner_src_port "
             "inner_dst_port").split()
    return [stamp(r["timestamp"])] + [r[n] or "-" for n in names]


failures = packets = 0
for tsv in captures:
    pcap = tsv[:-4]
    name = os.path.basename(pcap)
    truth = [line.rstrip("\n").split("\t") for line in open(tsv) if not line.startswith("#") and line.strip()]
    for udp in (False, True):
        rows = truth if udp else [r for r in truth if r[17] != "udp"]
        want = [want_row(r) for r in rows]
        args = ["export", "--window", "0", "--format", "csv"] + (["--include-udp"] if udp else [])
        got = [got_row(r) for r in csv.DictReader(io.StringIO(run(pcap, *args).stdout))]
        if udp and name in DIFFER:
            continue
        if got != want:
            failures += 1
            print(f"{name} (include-udp {udp}): {len(got)} rows, {len(want)} expected")
            for g, w in list(zip(got, want)):
                if g != w:
                    print("  got ", g, "\n  want", w)
                    break
        packets += len(got) * (not udp)
    # the balance holds, and sixty-second sightings keep the totals
    balance = [line for line in run(pcap, "report", "-v", "--by", "total", "--format", "csv").stderr.splitlines() if line.startswith("packets read")]
    n = [int(w) for w in balance[0].replace("packets read", "").split() if w.isdigit()]
    if n[0] != sum(n[1:]):
        failures += 1
        print(f"{name}: the balance does not hold: {balance[0]}")
    if n[1] != sum(r[17] != "udp" for r in truth) and name not in DIFFER:
        failures += 1
        print(f"{name}: {n[1]} packets in sightings")
print(f"{len(captures)} captures, {packets} GRE packets compared, {failures} failures")
sys.exit(failures > 0)
