#!/usr/bin/env python3
"""Holds grescope against the expectations that stand in the golden descriptions (expectations.py): what was demanded before the decoder was asked.

  against_grescope.py GRESCOPE DESCRIPTION-FOLDER CAPTURE-FOLDER

Read are the rows of `export --window 0 --include-udp`, which come in the order of the packets, and the balance of -v."""
import collections
import csv
import io
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # none beside the sources
from expectations import read_exit, read_folder

COLUMNS = {"src": "src_ip", "dst": "dst_ip", "ttl": "ttl", "len": "ip_len", "flags": "gre_flags", "proto": "gre_proto", "key": "gre_key", "seq": "gre_seq",
           "isrc": "inner_src_ip", "idst": "inner_dst_ip", "iproto": "inner_protocol", "isport": "inner_src_port", "idport": "inner_dst_port",
           "ittl": "inner_ttl", "class": "class", "time": "timestamp"}
LOST = {"captured part ends before the IP protocol field": "short", "link type that grescope does not read": "linktype",
        "IP header that contradicts itself": "bad-ip", "more layers than the decoder follows": "depth"}
ROWS = ("gre", "quote", "udp")


def ask(grescope, capture):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "GRESCOPE_"))}
    env |= {"GRESCOPE_DATA": "/nonexistent", "HOME": "/nonexistent"}
    p = subprocess.run([grescope, "export", "-v", "--window", "0", "--include-udp", "--format", "csv", capture], capture_output=True, text=True,
                       env=env, timeout=60)
    balance = re.search(r"packets read (\d+) = in sightings (\d+) \+ fragments (\d+) \+ not GRE (\d+) \+ GRE in UDP not shown (\d+) \+ lost (\d+)", p.stderr)
    lost = collections.Counter()
    for text, n in re.findall(r"^  lost, (.*): (\d+)$", p.stderr, re.M):
        lost[LOST.get(text, text)] += int(n)
    return list(csv.DictReader(io.StringIO(p.stdout))), balance and [int(n) for n in balance.groups()], lost, p


def row_differences(outcome, want, row):
    """Where one row is not what was demanded. What only the code knows (n, ppp, erspan, ...) has no column."""
    want = {k: v for k, v in want.items() if not k.startswith("tshark")}
    have = {k: row[c] or "-" for k, c in COLUMNS.items()}
    evidence = dict(e.partition("=")[::2] for e in row["evidence"].split(";"))
    have["stop"] = evidence.get("stop", "-")
    have["qicmp"] = evidence.get("icmp-quote", "-")
    if "plen" in want or "call" in want:  # version 1: both halves of the key
        want["key"] = f"0x{int(want['plen']):04x}{int(want['call']):04x}"
    out = [] if row["protocol"] == ("17" if outcome == "udp" else "47") else [f"protocol={row['protocol']}"]
    for key, value in have.items():
        expected = want.get("grescope." + key, want.get(key, "-"))
        if key in ("class", "time") and key not in want or expected == "any":
            continue
        if key == "stop" and have["class"] not in ("malformed", "unknown"):  # other classes do not show it
            continue
        if value != expected:
            out.append(f"{key}={value} instead of {expected}")
    return out


def judge(expected, rows, balance, lost, stderr):
    if balance is None:
        return ["no balance: " + stderr[:300]]
    out = []
    shown = [(n, o if o in ROWS else "udp", w) for n, (o, w) in sorted(expected.items()) if o in ROWS or w.get("grescope") == "shows"]
    if len(rows) != len(shown):
        out.append(f"{len(rows)} rows instead of {len(shown)}")
    for (number, outcome, want), row in zip(shown, rows):
        if want.get("grescope") != "shows":
            out += [f"frame {number}: {d}" for d in row_differences(outcome, want, row)]
    counts = collections.Counter(o for o, w in expected.values() if w.get("grescope") != "shows")
    demanded = [len(expected), len(shown), counts["fragment"], counts["none"], 0, counts["lost"]]
    if balance != demanded:
        out.append(f"balance {balance} instead of {demanded}")
    reasons = collections.Counter(w.get("grescope.lost", w["lost"]) for o, w in expected.values() if o == "lost")
    if lost != reasons:
        out.append(f"lost {dict(lost)} instead of {dict(reasons)}")
    return out


def main():
    grescope, texts, folder = sys.argv[1:]
    bad = frames = 0
    expectations = read_folder(texts)
    for name, expected in expectations.items():
        rows, balance, lost, p = ask(grescope, f"{folder}/{name}.pcap")
        frames += len(expected)
        differences = judge(expected, rows, balance, lost, p.stderr)
        code = read_exit(f"{texts}/{name}.txt")
        if p.returncode != code:
            differences.append(f"exit code {p.returncode} instead of {code}: {p.stderr[:300]}")
        for difference in differences:
            print(f"{name}: {difference}")
            bad += 1
    print(f"{len(expectations)} captures, {frames} frames, {bad} differences")
    return bad > 0


sys.exit(main())
