#!/usr/bin/env python3
"""Times in words, and origins as they were on the day. usage: pins.py GRESCOPE SOURCE-ROOT"""
import csv
import io
import json
import re
import shutil
import time

from lab import check, db, end, exits, frame, frame6, mmdb, pcap, put, run


def rows(p):
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


# ---- words ----
now = int(time.time())
day = now - now % 86400
week = day - (day // 86400 + 3) % 7 * 86400
recent = put("recent.pcap", pcap([(t, frame((192, 0, 2, 1 + i))) for i, t in enumerate(
    (week - 7 * 86400 - 1, week - 7 * 86400, week - 86400, week - 1, week))]))


def total(*args):
    r = rows(run("report", "--by", "total", "--format", "csv", *args, recent))
    return int(r[0]["packets"]) if r else 0


check("last week is that week", total("--since", "last week") == 3, total("--since", "last week"))
check("a hyphen will do", total("--since", "last-week") == 3)
check("last week until now", total("--since", "last week", "--until", "now") == 4)
check("until last week", total("--until", "last week") == 1)
check("this week", total("--since", "this week") == 1)
check("thirty days", total("--since", "30d") == 5)
exits("no such word", 2, "report", "--since", "next week", recent, says="last week")
exits("nothing between", 2, "report", "--since", "last week", "--until", "last week", recent, says="not before")

# ---- pins ----
T = 1485573131 - 1485573131 % 86400 + 3600
DAY = 86400
old = put("old-asn-ipv4.csv", "192.0.2.0,192.0.2.127,64496,Old Net\n192.0.2.128,192.0.2.255,64497,Other Net\n198.51.100.0,198.51.100.255,64500,Far\n")
new = put("new-asn-ipv4.csv", "192.0.2.0,192.0.2.255,64499,New Net\n198.51.100.0,198.51.100.255,64500,Far\n")
old_city = put("old-city.mmdb", mmdb({((192, 0, 2, 0), 24): ("TW", "Taiwan", "Taipei")}, 1480000000))
new_city = put("new-city.mmdb", mmdb({((192, 0, 2, 0), 24): ("DE", "Berlin", "Berlin")}, 1780000000))
then = ("--asn-db", old, "--city-db", old_city)
today = ("--asn-db", new, "--city-db", new_city)
mover, stayer, other = (192, 0, 2, 1), (198, 51, 100, 9), (192, 0, 2, 200)
first = put("first.pcap", pcap([(T + 60 * i, frame(s)) for i, s in enumerate((mover, mover, stayer, other))]))
second = put("second.pcap", pcap([(T + 10 * DAY + 60 * i, frame(s)) for i, s in enumerate((mover, stayer))]))


def by(store, key, data, *more):
    p = run("report", "--by", key, "--format", "csv", "--store", store, *data, *more)
    return {tuple(v for k, v in r.items() if k in {"network": ("src_asn",), "city": ("src_geo", "src_city"), "country": ("src_geo",),
                                                   "source": ("src_ip", "src_asn", "src_city"), "total": (), "day": ("day",)}[key]):
            (int(r["packets"]), int(r["sources"])) for r in rows(p)}, p


plain = db("plain.db")
exits("without pins", 0, "ingest", "--store", plain, first)
check("without pins: today's answer", by(plain, "network", today)[0] == {("64499",): (3, 2), ("64500",): (1, 1)}, by(plain, "network", today))
pinned = db("pinned.db")
p = exits("with pins", 0, "ingest", "--store", pinned, "--pin-origin", *then, first)
check("ingest says how many", b"origins pinned 3" in p.stdout, p.stdout)
p = exits("again", 0, "ingest", "--store", pinned, "--pin-origin", *today, first)
check("what is known is not pinned again", b"origins pinned 0" in p.stdout, p.stdout)
got, p = by(pinned, "network", today)
check("with pins: the answer of the day", got == {("64496",): (2, 1), ("64497",): (1, 1), ("64500",): (1, 1)}, got)
p = run("report", "--by", "network", "--format", "json", "--store", pinned, *today)
notes = " ".join(json.loads(p.stdout)["meta"]["notes"])
check("the note says how many and whose", "4 of 4 packets (3 sources) as pinned on the day" in notes and "asn" in notes and "2016-11-24" in notes, notes)
check("by city", by(pinned, "city", today)[0] == {("TW", "Taipei"): (3, 2), ("", ""): (1, 1)}, by(pinned, "city", today))
check("by country", by(pinned, "country", today)[0] == {("TW",): (3, 2), ("",): (1, 1)})
check("by city without data at hand", by(pinned, "city", ())[0] == {("TW", "Taipei"): (3, 2), ("", ""): (1, 1)}, by(pinned, "city", ()))
exits("an input without pins", 0, "ingest", "--store", pinned, second)
got = by(pinned, "network", today)[0]
check("days without a pin are today's", got == {("64496",): (2, 1), ("64499",): (1, 1), ("64497",): (1, 1), ("64500",): (2, 1)}, got)
got = by(pinned, "source", today)[0]
check("by source: where most packets came from", got[("192.0.2.1", "64496", "Taipei")] == (3, 1), got)

moved = db("moved.db")
exits("moved: before", 0, "ingest", "--store", moved, "--pin-origin", *then, first)
exits("moved: after", 0, "ingest", "--store", moved, "--pin-origin", *today, second)
for data in (then, today, ()):
    got = by(moved, "network", data)[0]
    check("a source that moved counts in both", got == {("64496",): (2, 1), ("64499",): (1, 1), ("64497",): (1, 1), ("64500",): (2, 1)}, got)
    got = by(moved, "city", data)[0]
    check("in both cities", got == {("TW", "Taipei"): (3, 2), ("DE", "Berlin"): (1, 1), ("", ""): (2, 1)}, got)
    p = run("report", "--by", "network", "--format", "json", "--store", moved, *data)
    check("and once in all", json.loads(p.stdout)["meta"]["sources"] == 3, p.stdout)
    check("filter on the old network", by(moved, "total", data, "--asn", "64496")[0] == {(): (2, 1)}, by(moved, "total", data, "--asn", "64496"))
    check("filter on the new network", by(moved, "day", data, "--asn", "64499")[0] == {("2017-02-07",): (1, 1)}, by(moved, "day", data, "--asn", "64499"))
    check("filter on the country", by(moved, "network", data, "--country", "DE")[0] == {("64499",): (1, 1)})
    exported = [(r["src_ip"], r["src_asn"], r["src_city"]) for r in rows(run("export", "--format", "csv", "--store", moved, *data))]
    check("export has both", ("192.0.2.1", "64496", "Taipei") in exported and ("192.0.2.1", "64499", "Berlin") in exported, exported)
    exported = [r["src_asn"] for r in rows(run("export", "--format", "csv", "--sort", "src_asn", "--store", moved, *data))]
    check("export sorted", exported == sorted(exported) and len(exported) == 6, exported)
got = by(moved, "network", today, "--redact-dst")[0]
check("with withheld destinations", got == {("64496",): (2, 1), ("64499",): (1, 1), ("64497",): (1, 1), ("64500",): (2, 1)}, got)

half = db("half.db")
exits("pinned by networks alone", 0, "ingest", "--store", half, "--pin-origin", "--asn-db", old, first)
check("places are today's then", by(half, "city", today)[0] == {("DE", "Berlin"): (3, 2), ("", ""): (1, 1)}, by(half, "city", today))
check("networks are the day's", by(half, "network", today)[0] == {("64496",): (2, 1), ("64497",): (1, 1), ("64500",): (1, 1)})
exits("nothing to pin by", 3, "ingest", "--store", db("nothing.db"), "--pin-origin", first, says="--pin-origin")
six = put("six.pcap", pcap([(T, frame6("20010db8000000000000000000000001"))]))
exits("IPv6, which the data does not cover", 0, "ingest", "--store", half, "--pin-origin", *then, six)
check("is unknown", by(half, "network", today)[0].get(("",)) == (1, 1), by(half, "network", today))
evil = put("evil-asn-ipv4.csv", b"192.0.2.0,192.0.2.255,64511,\"Ev\x1b[31mil\x07\xff Net\"\n")
bad = db("evil.db")
exits("a hostile name is pinned", 0, "ingest", "--store", bad, "--pin-origin", "--asn-db", evil, first)
p = run("report", "--by", "network", "--store", bad)
check("and does no harm", b"\x1b" not in p.stdout and b"\x07" not in p.stdout and b"64511" in p.stdout, p.stdout)

# many sources over many days, pinned in turns by two databases, against what each day's database says
import random
rng = random.Random(47)
busy, want = db("busy.db"), {}
for turn in range(6):
    frames = []
    for i in range(300):
        src = (192, 0, 2, rng.randrange(1, 250))
        frames.append((T + turn * 5 * DAY + i * 1400, frame(src)))
        net = "64499" if turn % 2 else "64496" if src[3] < 128 else "64497"
        n, who = want.setdefault(net, (0, set()))
        want[net] = (n + 1, who | {src})
    run("ingest", "--store", busy, "--pin-origin", *(today if turn % 2 else then), put(f"turn{turn}.pcap", pcap(frames)))
got = by(busy, "network", ())[0]
check("turns", got == {(k,): (n, len(who)) for k, (n, who) in want.items()}, (got, {k: (n, len(w)) for k, (n, w) in want.items()}))
turns, want_turns = db("turns.db"), want
shutil.copy(busy, turns)
check("turns, folded memory", sum(n for n, _ in by(busy, "network", (), "--memory", "4M")[0].values()) == 1800)

# a pin that is damaged is not believed
import sqlite3
con = sqlite3.connect(busy)
con.execute("UPDATE place SET city = 'Nowhere' WHERE id = 1")
con.commit()
con.close()
exits("a place that was changed", 5, "report", "--by", "city", "--store", busy, says="does not match its checksum")
check("questions that need no place still work", run("report", "--by", "day", "--store", busy).returncode == 0)
p = exits("check finds the place", 5, "store", "check", "--quick", "--store", busy, says="not sound")
check("and says which", b"place" in p.stdout, p.stdout)
exits("pinned origins are sound", 0, "store", "check", "--store", moved)
p = run("store", "info", "--store", moved)
check("info counts nothing wrong", p.returncode == 0 and re.search(rb"sightings", p.stdout), p.stdout)

# trend: each source in the network of its day, as report has it
def trend(store, key, data, *more):
    p = run("trend", "--by", key, "--format", "json", "--store", store, *data, *more)
    d = json.loads(p.stdout)
    rows_of = {(str(r["src_asn"] or "") if key == "network" else r["class"],): (r["packets"], r["sources"]) for r in d["rows"]}
    return rows_of, d["meta"]


moved = db("moved.db")
for data in (then, today, ()):
    for name, store, more in (("moved", moved, ()), ("one pinned, one not", pinned, ()), ("a country", moved, ("--country", "DE")), ("withheld", moved, ("--redact-dst",))):
        got, meta = trend(store, "network", data, *more)
        want = by(store, "network", data, *more)[0]
        check(f"trend, {name}: each day's network", got == want, (got, want))
        check(f"trend, {name}: a source counts once in all", meta["sources"] == json.loads(run("report", "--by", "network", "--format", "json", "--store", store, *data, *more).stdout)["meta"]["sources"], meta)
    check("trend of one network", trend(moved, "network", data, "--asn", "64496")[0] == {("64496",): (2, 1)}, trend(moved, "network", data, "--asn", "64496"))
    got, meta = trend(moved, "class", data, "--asn", "64499,64497")
    check("trend by class of the networks of the day", got == {("unknown",): (2, 2)} and any("of 2 of 2 packets as pinned on the day" in n for n in meta["notes"]), (got, meta["notes"]))
got, meta = trend(pinned, "network", today)
check("trend: the note says how many and whose", any("4 of 6 packets (3 sources) as pinned on the day, by " in n and "2016-11-24" in n and n.endswith("of the others by the data below") for n in meta["notes"]), meta["notes"])
check("trend without pins has no such note", not any("pinned" in n for n in trend(plain, "network", today)[1]["notes"]))
for memory in ("256M", "4M"):
    got, meta = trend(turns, "network", (), "--memory", memory)
    check(f"trend of turns, {memory}", got == {(k,): (n, len(who)) for k, (n, who) in want_turns.items()} and meta["packets"] == 1800, got)
text = run("trend", "--store", pinned, *today).stdout.decode()
check("trend names a pinned network as the pin does", re.search(r"AS64496 +Old Net", text) and re.search(r"AS64499 +New Net", text), text)
check("a damaged pin ends a trend", run("trend", "--store", busy).returncode == 5)
end()
