#!/usr/bin/env python3
"""doctor: is all well, and what to do if not. usage: doctor.py GRESCOPE SOURCE-ROOT"""
import json
import os
import random
import re
import signal
import sqlite3
import struct
import subprocess
import time

from lab import ENV, check, db, end, exits, frame, grescope, mmdb, pcap, put, run, tmp

NOW = int(time.time())
HOUR, DAY = 3600, 86400
iso = lambda t: time.strftime("%Y-%m-%d", time.gmtime(t))
asn = put("asn-ipv4.csv", b"192.0.2.0,192.0.2.255,64496,Net\n")
os.utime(asn, (NOW - 5 * DAY, NOW - 5 * DAY))
city = put("city.mmdb", mmdb({((192, 0, 2, 0), 24): ("TW", "Taiwan", "Taipei")}, NOW - 10 * DAY))
data = ("--asn-db", asn, "--city-db", city)
rng = random.Random(47)


def doctor(store, *args, **kw):
    p = run("doctor", "--store", store, *(args or data), "--format", "json", **kw)
    try:
        return p.returncode, json.loads(p.stdout)
    except ValueError:
        check("doctor writes json", False, (p.stdout, p.stderr))
        return p.returncode, {"findings": []}


def said(d, level, area, words):
    return any(f["level"] == level and f["area"] == area and words in f["text"] for f in d["findings"])


def poisson(first, last, mean):
    t, out = first, []
    while True:
        t += rng.expovariate(1 / mean)
        if t > last:
            return out
        out.append(int(t))


def ingest(store, times, name, *args):
    return exits(f"ingest {name}", 0, "ingest", "--store", store, *args, put(name + ".pcap", pcap([(t, frame((192, 0, 2, 1 + t % 9))) for t in times])))


# all well: about two packets a day for half a year, until an hour ago
times = poisson(NOW - 180 * DAY, NOW - HOUR, DAY / 2) + [NOW - HOUR]
well = db("well.db")
ingest(well, times, "well")
code, d = doctor(well)
check("all is well", code == 0 and d["healthy"] and d["look"] == d["bad"] == 0, (code, d))
p = run("doctor", "--store", well, *data)
check("a line for each finding", p.returncode == 0 and all(re.match(r"(ok|look|bad) +\w+ +\S", x) for x in p.stdout.decode().splitlines()), p.stdout)
wide, narrow = p.stdout.decode().splitlines(), run("doctor", "--store", well, *data, env={"COLUMNS": "60"}).stdout.decode()
check("lines end where the terminal does", all(len(x) <= 60 or " " not in x[16:] for x in narrow.splitlines()) and all(re.match(r"(ok|look|bad) +\w+ +\S| {16}\S", x)
      for x in narrow.splitlines()), narrow)
check("and nothing is lost by it", " ".join(narrow.split()) == " ".join(" ".join(wide).split()), narrow)
check("it names the rate", re.search(rb"something comes \d\.\d times a day, so silences up to \d+ days", p.stdout), p.stdout)
p = run("doctor", "--store", well, *data, env={"TZ": "Asia/Taipei"})
check("in any time zone", p.returncode == 0, p.stdout)

# a gap of a month; another sensor beside it has none
gap = db("gap.db")
ingest(gap, [t for t in times if not NOW - 100 * DAY < t < NOW - 70 * DAY], "gap", "--sensor", "north")
ingest(gap, poisson(NOW - 180 * DAY, NOW - HOUR, 2 * HOUR) + [NOW - HOUR], "nogap", "--sensor", "south")
code, d = doctor(gap)
check("a gap is to be looked at", code == 1 and not d["healthy"] and said(d, "look", "time", "sensor north: silent for "), d)
check("the gap is where it is", any(re.search(rf"silent for (29|3\d) days, {iso(NOW - 100 * DAY)[:7]}|silent for", f["text"]) for f in d["findings"]), d)
check("the other sensor is well", not any("sensor south: silent" in f["text"] for f in d["findings"]), d)
# fallen silent
silent = db("silent.db")
ingest(silent, [t for t in times if t < NOW - 20 * DAY], "silent")
code, d = doctor(silent)
check("a sensor that has fallen silent", code == 1 and said(d, "look", "time", "nothing for "), d)
old = db("old.db")
ingest(old, poisson(1485573131, 1485573131 + 170 * DAY, DAY), "old")
code, d = doctor(old)
check("an archive is no sensor that has fallen silent", code == 0 and said(d, "ok", "time", "taken for closed"), d)
future = db("future.db")
ingest(future, times + [NOW + 9 * DAY], "future")
code, d = doctor(future)
check("a time in the future", code == 1 and said(d, "look", "time", "lies in the future"), d)

# databases
stale = put("stale.mmdb", mmdb({((192, 0, 2, 0), 24): ("TW", "Taiwan", "Taipei")}, NOW - 400 * DAY))
code, d = doctor(well, "--asn-db", asn, "--city-db", stale)
check("a stale database", code == 1 and said(d, "look", "data", "days old") and sum("days old" in f["text"] for f in d["findings"]) == 1, d)
check("and what to do", any(f["advice"] and "make data" in f["advice"] for f in d["findings"] if f["area"] == "data"), d)
code, d = doctor(well, "--asn-db", asn)
check("one kind is missing", code == 1 and said(d, "look", "data", "no city database found"), d)
p = run("doctor", "--store", well)
check("no databases", p.returncode == 1 and b"no network (ASN) table and no city database found" in p.stdout, p.stdout)
code, d = doctor(well, "--asn-db", put("broken.csv", b"not,a,table\n"))
check("a broken database", code == 5 and said(d, "bad", "data", "broken.csv"), (code, d))

# inputs that are not whole
open_ = db("open.db")
whole = pcap([(NOW - 100 * DAY + i // 5, frame((192, 0, 2, 1 + i % 200))) for i in range(400000)])
big = put("big.pcap", whole)
q = subprocess.Popen([grescope, "ingest", "--store", open_, "-q", "--window", "0", big], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(600):
    time.sleep(0.05)
    if q.poll() is not None or (os.path.exists(open_ + "-wal") and os.path.getsize(open_ + "-wal") > 3000000):
        break
q.send_signal(signal.SIGINT)
q.wait()
code, d = doctor(open_)
check("an unfinished input", code == 1 and said(d, "look", "input", "big.pcap was not finished"), (q.returncode, code, d))
cut = db("cut.db")
exits("a cut capture", 4, "ingest", "--store", cut, put("c\x1b[31mut.pcap", pcap([(t, frame((192, 0, 2, 9))) for t in times])[:-5]))
code, d = doctor(cut)
check("an input that was read in part", code == 1 and said(d, "look", "input", "was read only in part"), d)
p = run("doctor", "--store", cut, *data)
check("a hostile name does no harm", b"\x1b" not in p.stdout, p.stdout)
for i in range(8):
    exits(f"more of them {i}", 4, "ingest", "--store", cut, put(f"cut{i}.pcap", pcap([(t + 60 * i + 7, frame((192, 0, 2, 9))) for t in times])[:-5]))
code, d = doctor(cut)
check("many are counted", said(d, "look", "input", "and 4 more"), d)

# losses
lost = db("lost.db")
short = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 20, 1)
for t in times:
    short += struct.pack("<IIII", t, 0, 20, 66) + frame((192, 0, 2, 1))[:20]
exits("ingest short frames", 0, "ingest", "--store", lost, put("short.pcap", short))
ingest(lost, times, "beside")
code, d = doctor(lost)
check("losses", code == 1 and said(d, "look", "lost", f"{len(times)} of {2 * len(times)} packets: captured part ends"), d)
check("losses: what to do", any("snapshot length" in (f["advice"] or "") for f in d["findings"]), d)
folded = db("folded.db")
exits("ingest in little memory", 0, "ingest", "--memory", "4M", "--window", "86400", "--store", folded,
      put("folded.pcap", pcap([(NOW - DAY, frame((10, i >> 16 & 255, i >> 8 & 255, i & 255))) for i in range(60000)])))
code, d = doctor(folded)
check("folded sources", said(d, "look", "lost", "lost the names of their sources"), d)

# the store itself
code, d = doctor(db("none.db"))
check("no store", code == 5 and said(d, "bad", "store", "there is no store") and not os.path.exists(db("none.db")), (code, d))
code, d = doctor(put("text.db", b"Dear reader,\n" * 1000))
check("no store but a text", code == 5 and d["bad"] >= 1, (code, d))
empty = db("empty.db")
exits("an empty store", 0, "ingest", "--store", empty, put("empty.pcap", pcap([])))
code, d = doctor(empty)
check("an empty store is to be looked at", code == 1 and said(d, "look", "time", "the store is empty"), (code, d))
blob = open(well, "rb").read()
for turn in range(24):
    at = rng.randrange(100, len(blob))
    bad = put("bad.db", blob[:at] + bytes([blob[at] ^ 1 << rng.randrange(8)]) + blob[at + 1:])
    code, d = doctor(bad)
    check(f"flip {turn}: an answer or a sentence", code in (0, 5) and d["findings"] and (code == 0 or d["bad"]), (at, code, d))
for table, change in (("block_data", "data = zeroblob(length(data))"), ("batch", "max_ns = max_ns + 1"), ("input", "units = units + 1"), ("meta", "next_seq = next_seq + 1")):
    hurt = put("hurt.db", blob)
    con = sqlite3.connect(hurt)
    con.execute(f"UPDATE {table} SET {change}")
    con.commit()
    con.close()
    code, d = doctor(hurt)
    check(f"{table} was changed", code == 5 and d["bad"] and any("checksum" in f["text"] for f in d["findings"]), (code, d))
torn = put("torn.db", blob[:len(blob) // 2])
code, d = doctor(torn)
check("half a store is damaged", code == 5 and d["bad"], (code, d))
exits("files", 2, "doctor", "--store", well, big, says="not at files")
with open("/dev/full", "wb") as full:
    p = subprocess.run([grescope, "doctor", "--store", cut, *data], stdout=full, stderr=subprocess.PIPE, env=ENV)
check("findings that cannot be written are no mere look", p.returncode == 4 and b"stdout: No space" in p.stderr, (p.returncode, p.stderr))
exits("no csv", 2, "doctor", "--store", well, "--format", "csv", says="text or json")
if os.geteuid() == 0:
    os.chmod(tmp, 0o755)
    os.chmod(well, 0)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", grescope]
    if subprocess.run([*nobody, "--version"], capture_output=True).returncode == 0:
        p = subprocess.run([*nobody, "doctor", "--store", well, *data], capture_output=True, env=ENV)
        check("no rights", p.returncode == 6 and p.stdout.startswith(b"bad   store"), p)
end()
