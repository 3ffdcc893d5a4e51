#!/usr/bin/env python3
"""Bots from the command line, against the truth beside made-up captures. usage: bots.py GRESCOPE SOURCE-ROOT CAPTURE.pcap...

Each CAPTURE.pcap has its truth in CAPTURE.json (tools/mkbots.c); the synthetic captures of $GRESCOPE_SHARED join them where they are at hand, and the
captures of honest traffic there must show no bot at all."""
import csv
import glob
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

grescope, root, *captures = sys.argv[1:]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
COLUMNS = ("bot,class,byte_order,packets_seen,packets_sent,targets,loss,rate_pps,hops,src_ips,src_ip_first,process_start,process_names,"
           "first_seen,last_seen,evidence").split(",")
failed = done = 0
tmp = tempfile.mkdtemp(prefix="grescope-bots-")


def run(*args, code=0, stdin=None):
    p = subprocess.run([grescope, *args], capture_output=True, env=ENV, timeout=120, stdin=stdin)
    check(f"exit of {' '.join(args)}"[:200], p.returncode == code, f"{p.returncode} {p.stderr.decode()}")
    return p.stdout.decode()


def check(name, ok, detail=""):
    global failed, done
    done += 1
    if not ok:
        failed += 1
        print(f"FAILED {name}: {detail}")


def seed_id(x, y, z):
    return f"seed:{x:x}{y << 32 | z:016x}"


def truth_of(path):
    with open(os.path.splitext(path)[0] + ".json") as f:
        return json.load(f)


def judge(path):
    """One capture: processes, byte orders, targets, seeds and names as the truth says."""
    truth, name = truth_of(path), os.path.basename(path)
    answer = json.loads(run("bots", "--format", "json", path))
    rows, meta, expect = answer["rows"], answer["meta"], truth["expect"]
    check(f"{name}: processes", len(rows) == expect["processes"] == meta["processes"], f"{len(rows)}")
    check(f"{name}: columns", all(list(r) == COLUMNS for r in rows), f"{rows and list(rows[0])}")
    check(f"{name}: byte orders", sorted({r["byte_order"] for r in rows}) == sorted({"le": "little", "be": "big"}[e] for e in expect.get("endian", [])),
          [r["byte_order"] for r in rows])
    if "targets" in expect:
        check(f"{name}: targets", all(r["targets"] == expect["targets"] for r in rows), [r["targets"] for r in rows])
    seen = sum(r["packets_seen"] for r in rows)
    left = sum(meta["packets_" + k] for k in ("pending", "unlinked", "refused", "skipped"))
    check(f"{name}: packets", seen + left == truth["flood_packets"] and meta["packets_seen"] == seen, f"{seen} + {left}")
    check(f"{name}: totals", meta["packets_sent"] == sum(r["packets_sent"] for r in rows) and meta["machines"] <= len(rows), meta)
    by_id = {r["bot"]: r for r in rows}
    check(f"{name}: identifiers", len(by_id) == len(rows), list(by_id))
    for bot, what in truth.get("bots", {}).items():
        if "seed" not in what:
            check(f"{name}: {bot} without a seed", any(i.startswith("pos:") for i in by_id), list(by_id))
            continue
        row = by_id.get(seed_id(*what["seed"]))
        check(f"{name}: seed of {bot}", row, list(by_id))
        if not row:
            continue
        check(f"{name}: names of {bot}", row["process_names"] == ";".join(what["names"]), row["process_names"])
        check(f"{name}: hops of {bot}", row["hops"] == what["hops"], row["hops"])
        if truth["params"].get("sample", 1) == 1:
            check(f"{name}: sent by {bot}", abs(row["packets_sent"] - what["sent"]) <= 0.03 * what["sent"], f"{row['packets_sent']} of {what['sent']}")
        story = run("show", "bot", row["bot"], path)
        check(f"{name}: story of {bot}", all(w in story for w in what["names"] + ["Proven", "Inferred", "Caveats", row["src_ip_first"]]), story)
    return rows


def rows_by_bot(path, *more):
    return list(csv.DictReader(io.StringIO(run("report", "--by", "bot", "-q", "--format", "csv", *more, path))))


def export_agrees(path, rows):
    """The raw data name the same processes, and nobody else; report --by bot adds up to them."""
    name = os.path.basename(path)
    export = list(csv.DictReader(io.StringIO(run("export", "-q", "--format", "csv", path))))
    named = {r["bot"] for r in export} - {""}
    check(f"{name}: bots of the export", named == {r["bot"] for r in rows}, f"{named}")
    packets = {b: sum(int(r["packets"]) for r in export if r["bot"] == b) for b in named}
    check(f"{name}: their packets", packets == {r["bot"]: r["packets_seen"] for r in rows}, packets)
    report = {r["bot"]: int(r["packets"]) for r in rows_by_bot(path) if r["bot"]}
    check(f"{name}: report --by bot", report == packets, report)
    check(f"{name}: total", sum(int(r["packets"]) for r in rows_by_bot(path)) == sum(int(r["packets"]) for r in export))
    check(f"{name}: classes", all(r["class"].startswith("flood.mirai.") and r["confidence"] == "100" for r in export if r["bot"]),
          [(r["class"], r["confidence"]) for r in export if r["bot"]])


made = {os.path.splitext(os.path.basename(p))[0]: p for p in captures}
for path in captures:
    rows = judge(path)
    if all(r["bot"].startswith("seed:") for r in rows):
        export_agrees(path, rows)
for path in sorted(glob.glob(os.path.join(shared, "captures-synthetic", "*.pcap"))):
    export_agrees(path, judge(path))
for path in sorted(glob.glob(os.path.join(shared, "captures", "*.*cap*"))):
    if path.endswith(".tsv"):
        continue
    p = subprocess.run([grescope, "export", "-q", "--format", "csv", path], capture_output=True, env=ENV, timeout=60)
    for r in csv.DictReader(io.StringIO(p.stdout.decode())):
        if r["class"].startswith("flood.mirai.") and r["confidence"] == "100" or r["bot"]:
            check(f"{path}: honest traffic taken for a bot's", False, r)

# formats, filters, order
mixed = made["mixed"]
text = run("bots", mixed)
check("text: sentence", "2 processes behind 1 address, at least 2 machines" in text, text)
table = list(csv.reader(io.StringIO(run("bots", "--format", "csv", mixed))))
check("csv", table[0] == COLUMNS and len(table) == 3, table)
check("jsonl", len(run("bots", "--format", "jsonl", mixed).splitlines()) >= 2)
check("limit and sort", run("bots", "--format", "tsv", "--no-header", "--sort", "packets_sent", "--limit", "1", mixed).split("\t")[2] == "little")
check("limit and sort, down", run("bots", "--format", "tsv", "--no-header", "--sort=-packets_sent", "--limit", "1", mixed).split("\t")[2] == "big")
run("bots", "--sort", "nothing", mixed, code=2)
run("bots", "--format", "badpackets", mixed, code=2)
run("bots", "--seed-budget", "much", mixed, code=2)
run("bots", "--fail-empty", made["honest"], code=1)
answer = json.loads(run("bots", "--format", "json", "--class", "flood.mirai.greeth", mixed))
check("--class", [r["byte_order"] for r in answer["rows"]] == ["big"] and answer["meta"]["packets_filtered"] == truth_of(mixed)["per_bot"]["p"], answer["meta"])
answer = json.loads(run("bots", "--format", "json", "--src", "203.0.113.0/24", mixed))
check("--src", answer["rows"] == [] and any("filters left out" in n for n in answer["meta"]["notes"]), answer["meta"])
answer = json.loads(run("bots", "--format", "json", "--until", "2000-01-01", mixed))
check("--until", answer["rows"] == [], answer["meta"])
with open(mixed, "rb") as f:
    check("stdin", len(json.loads(run("bots", "--format", "json", "-", stdin=f))["rows"]) == 2)
positions = json.loads(run("bots", "--format", "json", "--seed-budget", "0", mixed))["rows"]
check("without seeds", all(r["bot"].startswith("pos:") and r["process_start"] is None for r in positions), positions)
check("a position leads to the seed", "also " + positions[0]["bot"] in run("show", "bot", positions[0]["bot"], mixed))
run("show", "bot", "pos:1", mixed)
run("show", "bot", "pos:1", "--fail-empty", mixed, code=1)
run("show", "bot", "what", mixed, code=2)
run("show", "bot", code=2)

# a flood of another make, and a busy tunnel beside it: both at 500 packets a second from one source
def inner(i, anywhere):
    dst = random.Random(i).randbytes(4) if anywhere else bytes((93, 184, i % 250, i % 7))
    udp = struct.pack(">HHHH", 1000 + i % 5000, 53, 28, 0) + bytes(20)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i, 0, 60, 17, 0, bytes((10, 1, 1, 1)), dst) + udp


def frame(i, src, anywhere):
    body = b"\0\0\x08\0" + inner(i, anywhere)
    return (b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), i, 0x4000, 250, 47, 0, bytes(src), bytes((198, 51, 100, 47)))
            + body)


busy = os.path.join(tmp, "busy.pcap")
with open(busy, "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i in range(2000):
        for src, anywhere in (((192, 0, 2, 1), True), ((192, 0, 2, 2), False)):
            octets = frame(i, src, anywhere)
            f.write(struct.pack("<IIII", 1511500020 + i // 500, i % 500 * 2000, len(octets), len(octets)) + octets)
classes = {r["src_ip"]: (r["class"], r["evidence"], r["packets"]) for r in csv.DictReader(io.StringIO(run("export", "-q", "--format", "csv", busy)))}
check("flood.gre", classes["192.0.2.1"] == ("flood.gre", "rate;spread", "2000"), classes)
check("a busy tunnel", classes["192.0.2.2"][0] == "unknown", classes)
check("flood.gre, packet by packet", "flood.gre" not in run("export", "-q", "--window", "0", "--format", "csv", busy))
check("little memory", len(json.loads(run("bots", "--memory", "4M", "--format", "json", mixed))["rows"]) == 2)

# the store: the same processes, whatever the inputs; a capture that was cut in two is one again
SAME = [c for c in COLUMNS if c not in ("loss", "rate_pps", "evidence")]


def cut(path, at):
    with open(path, "rb") as f:
        data = f.read()
    end = 24
    for _ in range(at):
        end += 16 + int.from_bytes(data[end + 8:end + 12], "little")
    parts = [os.path.join(tmp, f"part{i}.pcap") for i in (1, 2)]
    for part, octets in zip(parts, (data[:end], data[:24] + data[end:])):
        with open(part, "wb") as f:
            f.write(octets)
    return parts


def stored(*paths):
    store = os.path.join(tmp, f"s{done}.db")
    run("ingest", "-q", "--store", store, *paths)
    return store


def same(name, store, rows):
    have = json.loads(run("bots", "--format", "json", "--store", store))["rows"]
    short = [[{c: r[c] for c in SAME if c != "src_ips" or r[c] <= 8} for r in list_] for list_ in (have, rows)]  # more are estimated
    check(f"{name}: from the store", short[0] == short[1], f"{short[0]}\n{short[1]}")
    check(f"{name}: loss from the store", all(abs(h["loss"] - r["loss"]) < 0.02 for h, r in zip(have, rows)), [(h["loss"], r["loss"]) for h, r in zip(have, rows)])
    check(f"{name}: rate from the store", all(abs(h["rate_pps"] - r["rate_pps"]) < 0.05 * r["rate_pps"] for h, r in zip(have, rows)),
          [(h["rate_pps"], r["rate_pps"]) for h, r in zip(have, rows)])


for name in ("mixed", "cut", "prefixes"):
    path = made[name]
    rows = json.loads(run("bots", "--format", "json", path))["rows"]
    same(name, stored(path), rows)
    store = stored(*cut(path, truth_of(path)["packets"] // 2))
    same(f"{name} cut in two", store, rows)
    run("ingest", "-q", "--store", store, os.path.join(tmp, "part1.pcap"))
    same(f"{name} again", store, rows)
    packets = {r["bot"]: int(r["packets"]) for r in csv.DictReader(io.StringIO(run("report", "--by", "bot", "-q", "--format", "csv", "--store", store))) if r["bot"]}
    check(f"{name}: report --by bot from the store", packets == {r["bot"]: r["packets_seen"] for r in rows}, packets)
    check(f"{name}: story from the store", "Proven" in run("show", "bot", rows[0]["bot"], "--store", store))
    check(f"{name}: --since from the store", json.loads(run("bots", "--format", "json", "--since", "2030-01-01", "--store", store))["rows"] == [])
    check(f"{name}: --class from the store", json.loads(run("bots", "--format", "json", "--class", "tunnel", "--store", store))["rows"] == [])
run("store", "prune", "--older-than", "2017-01-01", "--store", store)
check("prune keeps what is younger", len(json.loads(run("bots", "--format", "json", "--store", store))["rows"]) == 2)
run("store", "prune", "--older-than", "2020-01-01", "--store", store)
check("prune forgets processes with their rows", json.loads(run("bots", "--format", "json", "--store", store))["rows"] == [])
# what was altered is told, not shown: every column of a row, a row that is gone, one too many
for name, sql in (("data", "UPDATE bot SET data = CAST(substr(data, 1, 40) || x'5a' || substr(data, 42) AS BLOB)"), ("data cut", "UPDATE bot SET data = substr(data, 1, 100)"),
                  ("time", "UPDATE bot SET last_ns = last_ns + 1"), ("sensor", "UPDATE bot SET sensor = sensor + 1"), ("number", "UPDATE bot SET number = number + 7"),
                  ("a row less", "DELETE FROM bot WHERE number = 0"), ("none at all", "DELETE FROM bot"),
                  ("a row twice", "INSERT INTO bot SELECT input + 100, part, number, sensor, first_ns, last_ns, data, seal FROM bot")):
    store = stored(mixed)
    db = sqlite3.connect(store)
    db.execute(sql)
    db.commit()
    db.close()
    run("bots", "--store", store, code=5)
run("bots", "--store", store, mixed, code=2)

# rows without packets prove nothing, in files as in the store
raw = os.path.join(tmp, "raw.csv")
with open(raw, "w") as f:
    f.write('"Source IP",_time,count,Protocol\n192.0.2.1,2017-02-01T10:12:45.188+0000,1,47\n192.0.2.2,2017-02-01T10:13:45.188+0000,1,47\n')
for source in ((raw,), ("--store", stored(raw))):
    check(f"rows of raw data {source[0]}", "2 rows of raw data without packets" in run("bots", *source))
p = subprocess.run([grescope, "show", "bot", "seed:5a1007c00000003900004e21", "--store", stored(raw)], capture_output=True, env=ENV, timeout=120)
check("a seed is not sought in a store", p.returncode == 0 and b"no bot" in p.stderr and b"when it was filled" in p.stderr, p)

# Ctrl-C is heard while a watch is at work, long before the end of a capture whose packets take long to search
with open(mixed, "rb") as f:
    octets = f.read()
ends = [24]
while ends[-1] < len(octets) and len(ends) <= 350:
    ends.append(ends[-1] + 16 + int.from_bytes(octets[ends[-1] + 8:ends[-1] + 12], "little"))
check("enough packets to be interrupted in", len(ends) > 350, len(ends))
p = subprocess.Popen([grescope, "bots", "-q", "--format", "json", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV)
frames = octets[24:ends[-1]]
try:
    p.stdin.write(octets[:24] + frames * 4)
    p.stdin.flush()
    time.sleep(1)
    p.send_signal(signal.SIGINT)
    p.stdin.write(frames * 4)
except BrokenPipeError:
    pass
out, err = p.communicate(timeout=120)
check("interrupted", p.returncode == 130 and b"interrupted while reading" in err and any("interrupted" in n for n in json.loads(out)["meta"]["notes"]),
      (p.returncode, err, out[-600:]))
run("bots", "--store", os.path.join(tmp, "none.db"), code=5)

shutil.rmtree(tmp)
print(f"{done} checks, {failed} failed")
sys.exit(1 if failed else 0)
