#!/usr/bin/env python3
"""show: one address, prefix or network, from files and from the store. usage: show.py GRESCOPE SOURCE-ROOT BOTS.pcap..."""
import json
import os
import re
import sys

from lab import check, db, end, exits, frame, frame6, mmdb, pcap, put, run

T = 1485573131 - 1485573131 % 86400 + 3600
DAY = 86400
KEEPALIVE = b"\x45\0\0\x18\0\1\0\0\xff\x2f\0\0" + bytes((198, 51, 100, 47)) + bytes((192, 0, 2, 1)) + b"\0\0\0\0"
a, b, far = (192, 0, 2, 1), (192, 0, 2, 77), (203, 0, 113, 9)
frames = [(T + d * DAY + i * 600, frame(a)) for d in (0, 1, 2, 20, 21, 60) for i in range(3)]
frames += [(T + 5 * DAY, frame(a, (198, 51, 100, 48), b"\x20\0\x08\0\0\0\x12\x34"))]
frames += [(T + 3 * DAY + i * 60, frame(b)) for i in range(5)]
frames += [(T + 9 * DAY, frame(far))]
frames += [(T + 2 * DAY, frame6("20010db8000000000000000000000001")), (T + 4 * DAY, frame6("20010db8000000000000000000000002"))]
frames.sort(key=lambda f: f[0])
capture, store = put("a.pcap", pcap(frames)), db("a.db")
asn = put("test-asn-ipv4.csv", b"192.0.2.0,192.0.2.127,64496,\"Ev\x1b[31mil\x07\xe2\x80\xae Net\"\n203.0.113.0,203.0.113.255,64497,Far\n")
city = put("test-city.mmdb", mmdb({((192, 0, 2, 0), 24): ("TW", "Taiwan", "Tai\x1b]0;x\x07pei")}, 1480000000))
data = ("--asn-db", asn, "--city-db", city)
exits("ingest", 0, "ingest", "--store", store, capture)


def both(name, *args):
    files, kept = run("show", *args, *data, capture), run("show", *args, *data, "--store", store)
    check(f"{name}: the store answers as the file does", files.returncode == kept.returncode == 0 and files.stdout == kept.stdout,
          (files.stdout[-1500:], kept.stdout[-1500:], files.stderr, kept.stderr))
    return kept.stdout.decode()


def doc(*args, source=("--store", store)):
    p = run("show", *args, *data, "--format", "json", *source)
    try:
        return json.loads(p.stdout)
    except ValueError:
        check(f"json of {args}", False, (p.stdout, p.stderr))
        return {"meta": {}, "show": {}}


text = both("address", "192.0.2.1")
for want in (r"network +AS64496", r"seen +2017-01-28 01:00:00 to 2017-03-29 01:20:00 UTC, on 7 of 61 days", r"traffic +19 packets",
             r"activity +\S{9,10}\n", r"silent +38 days \(2017-02-19 to 2017-03-28\); 14 days", r"unknown +19 packets, 100\.0 %: decoded",
             r"198\.51\.100\.48 +1 ", r"neighbours in 192\.0\.2\.0/24\n", r"192\.0\.2\.77 ", r"0x0800 +0x00001234 "):
    check(f"address says {want}", re.search(want, text), text)
check("no other source among the address's", "203.0.113.9" not in text)
check("hostile names do no harm", not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), ascii(text))
d = doc("192.0.2.1")
s = d["show"]
check("json: subject", s["subject"]["kind"] == "address" and s["subject"]["src_asn"] == 64496 and s["subject"]["src_geo"] == "TW", s["subject"])
check("json: weeks add up", sum(w["packets"] for w in s["weeks"]) == d["meta"]["packets"] == 19 and len(s["weeks"]) == 10, s["weeks"])
check("json: gaps", [g["days"] for g in s["gaps"]] == [38, 14, 2], s["gaps"])
check("json: neighbours", [r["src_ip"] for r in s["neighbours"]["rows"]] == ["192.0.2.77"] and s["neighbours"]["rows"][0]["packets"] == 5, s)
check("json: targets", {r["dst_ip"]: r["packets"] for r in s["targets"]["rows"]} == {"198.51.100.47": 18, "198.51.100.48": 1}, s["targets"])
check("json: tunnels", {r["gre_key"]: r["packets"] for r in s["tunnels"]["rows"]} == {None: 18, "0x00001234": 1}, s["tunnels"])

text = both("prefix", "192.0.2.0/24")
check("prefix: both sources", "192.0.2.1 " in text and "192.0.2.77 " in text and "from 2 sources" in text and "203.0.113" not in text, text)
both("wide prefix", "0.0.0.0/0")
both("all of IPv6", "::/0")
check("wide prefix: everything", doc("0.0.0.0/0")["meta"]["packets"] == 25 and doc("::/0")["meta"]["packets"] == 2)
check("wide prefix: prefixes", doc("0.0.0.0/0")["show"]["prefixes"]["rows_total"] == 2)
check("a long prefix has neighbours", [r["src_ip"] for r in doc("192.0.2.64/26")["show"]["neighbours"]["rows"]] == ["192.0.2.1"])
text = both("network", "AS64496")
check("network: its name and size", re.search(r"network +AS64496 .*; 128 IPv4 addresses", text) and "from 2 sources" in text, text)
check("network in lower case", doc("as64497")["meta"]["packets"] == 1)
text = both("IPv6", "2001:db8::1")
check("IPv6: neighbours in the /48", "neighbours in 2001:db8::/48" in text and "2001:db8::2" in text, text)
both("some of it", "192.0.2.1", "--since", "2017-02-01", "--until", "2017-02-19")
check("since and until", doc("192.0.2.1", "--since", "2017-02-01", "--until", "2017-02-19")["meta"]["packets"] == 7)
check("a class that is not there", doc("192.0.2.1", "--class", "flood")["meta"]["packets"] == 0)
of_file, of_store = doc("192.0.2.0/24", source=(capture,)), doc("192.0.2.0/24")
check("json: the balance of the store is that of the file", of_store == of_file and of_store["meta"]["packets_read"] == 27, (of_store["meta"], of_file["meta"]))
check("limit", doc("0.0.0.0/0", "--limit", "1")["show"]["sources"]["rows_total"] == 3 and len(doc("0.0.0.0/0", "--limit", "1")["show"]["sources"]["rows"]) == 1)

# classes over time: a sign per day where these fit, else per week
text = both("some days", "192.0.2.1", "--until", "2017-02-19")
check("a sign per day", re.search(r"activity +███··▃·{14}██\n +one sign per day, most 3 packets on 2017-01-28\n", text), text)
check("a picture per class", len(re.findall(r"confidence|speaks", text)) == len(re.findall(r"^ {12}\S{22} most \d packets? on 2017", text, re.M)) == 1, text)
days = d["show"]["classes"][0]["days"]
check("json: days of a class", days[0] == {"day": "2017-01-28", "packets": 3} and sum(x["packets"] for x in days) == 19 and len(days) == 7, days)
mixed = put("mixed.pcap", pcap([(T + i * 8 * DAY, frame(a, inner=KEEPALIVE) if i % 2 else frame(a)) for i in range(20)]))
text = run("show", "192.0.2.1", mixed, *data).stdout.decode()
pictures = re.findall(r"^ {12}(\S+) most 1 packet from 2017", text, re.M)
check("pictures of two classes are of one length and fit together", len(pictures) == 2 and len(pictures[0]) == len(pictures[1]) and
      not any(x != "·" and y != "·" for x, y in zip(*pictures)), text)

# databases that disagree
city2 = put("other-city.mmdb", mmdb({((192, 0, 2, 0), 25): ("TW", "Taiwan", "Hsinchu"), ((203, 0, 113, 0), 24): ("DE", "", "")}, 1500000000, "GeoLite2-City"))
asn2 = put("other-asn.csv", b"192.0.2.0,192.0.2.255,64496,Other Name\n203.0.113.0,203.0.113.255,64511,Elsewhere\n")
two = (*data, "--city-db", city2, "--asn-db", asn2)
for source in ((capture,), ("--store", store)):
    text = run("show", "192.0.2.1", *two, *source).stdout.decode()
    check("the place differs, the network's name may", "compared    the databases disagree on the place: see below" in text and
          re.search(r"GeoLite2 City +2017-07-14 +TW +Taiwan +Hsinchu\n", text) and re.search(r"DB-IP City Lite +2016-11-24 +TW ", text) and "Other Name" not in text.split("where databases")[1].split("targets")[0], text)
    text = run("show", "203.0.113.9", *two, *source).stdout.decode()
    check("the network differs", "disagree on the network: see below" in text and re.search(r"AS64497 +Far\n", text) and re.search(r"other-asn.csv +file of \S+ +AS64511 +Elsewhere", text), text)
    text = run("show", "0.0.0.0/0", *two, *source).stdout.decode()
    check("of many", re.search(r"the network of 1 and the place of 2 of 3 sources that two of them know: see below", text), text)
    text = run("show", "192.0.2.0/24", *data, "--city-db", city, *source).stdout.decode()
    check("they agree", "compared    the databases agree on all 2 sources that two of them know" in text and "where databases" not in text, text)
s = doc("0.0.0.0/0", "--city-db", city2, "--asn-db", asn2)["show"]
check("json: compared", s["compared"] == {"sources": 3, "network_differs": 1, "place_differs": 2}, s["compared"])
check("json: all that they say", [(r["src_ip"], r["said_by"], r["src_asn"], r["src_city"]) for r in s["disagreements"]["rows"]][-2:] ==
      [("203.0.113.9", "other-asn.csv", 64511, None), ("203.0.113.9", "ip-location-db asn", 64497, None)] and s["disagreements"]["rows_total"] == 6, s["disagreements"])
few = doc("0.0.0.0/0", "--city-db", city2, "--asn-db", asn2, "--limit", "1")["show"]
check("--limit: sources", len(few["disagreements"]["rows"]) == 2 and few["disagreements"]["rows_total"] == 6 and len(few["sources"]["rows"]) == 1 and few["compared"] == s["compared"], few["disagreements"])
check("withheld sources are not looked up", doc("0.0.0.0/0", "--redact-dst", "--city-db", city2)["show"]["compared"]["place_differs"] == 2)
exits("a second file of the wrong kind", 3, "show", "192.0.2.1", *data, "--city-db", asn2, capture, says="--asn-db")
exits("report takes one per family", 3, "report", *two, capture, says="adds nothing")

# nothing there
for what in ("198.51.100.1", "2001:db8:ffff::/48", "AS64511", "10.0.0.0/8"):
    text = both(f"{what} is not there", what)
    check(f"{what}: says so", f"nothing matched: no packet of {what}" in text, text)
    exits(f"{what}: 1 where asked", 1, "show", what, "--fail-empty", "--store", store)
empty = db("empty.db")
exits("an empty store", 0, "ingest", "--store", empty, put("none.pcap", pcap([])))
p = exits("show from an empty store", 0, "show", "192.0.2.1", "--store", empty)
check("show from an empty store says so", b"nothing matched" in p.stdout, p.stdout)

# withheld destinations
for what in ("192.0.2.1", "0.0.0.0/0", "AS64496"):
    text = both(f"{what} withheld", what, "--redact-dst")
    check(f"{what}: no destination shows", "198.51.100" not in text and "REDACTED" in text, text)
    check(f"{what}: nor in json", "198.51.100" not in json.dumps(doc(what, "--redact-dst")))
exits("a destination that is asked for", 0, "show", "192.0.2.1", "--dst", "198.51.100.48", "--store", store)
check("dst", doc("192.0.2.1", "--dst", "198.51.100.48")["meta"]["packets"] == 1)

# reasons
why = put("why.pcap", pcap([(T + i * 10, frame(a, inner=KEEPALIVE)) for i in range(4)] + [(T + 100, frame(a, gre=b"\0\7\x08\0", inner=b""))]))
text = run("show", "192.0.2.1", why).stdout.decode()
check("reasons in plain words", re.search(r"tunnel\.keepalive 4 packets, 80\.0 %: tunnel keepalive\n +because ", text) and "nothing behind it" in text, text)
check("why decoding stopped", re.search(r"malformed +1 packet, 20\.0 %", text) and "because" in text.split("malformed")[1], text)

# pins
pinned = db("pinned.db")
run("ingest", "--store", pinned, "--pin-origin", *data, capture)
p = run("show", "192.0.2.1", "--store", pinned)
check("pins show", re.search(rb"pinned +2017-01-28 to 2017-03-29: AS64496 ", p.stdout) and rb"\x1b" not in p.stdout, p.stdout)
p = run("show", "192.0.2.1", "--store", pinned, "--city-db", city2, "--asn-db", asn)
check("the pin of the day against today", re.search(rb"compared +the databases disagree on the place", p.stdout) and re.search(rb"GeoLite2 City +2017-07-14 +- +- +TW +Taiwan +Hsinchu\n", p.stdout) and
      re.search(rb"pinned +ip-location-db asn, \S.*2016-11-24 +2017-01-28 +2017-03-29 +TW +Taiwan", p.stdout), p.stdout)
p = run("show", "AS64496", "--store", pinned, "--city-db", city2, "--asn-db", asn)
check("pins of a network's sources against today", b"disagree on the place of 2 of 2 sources" in p.stdout, p.stdout)
check("a pinned network is found without data", b"from 2 sources" in run("show", "AS64496", "--store", pinned).stdout)

# bots: those that sent from the subject, from files and from the store
scenes = {os.path.basename(p): p for p in sys.argv[3:]}
net = put("bots-asn.csv", b"192.0.2.0,192.0.2.127,64496,One\n192.0.2.128,192.0.2.255,64497,Two\n")
for name, what, n in (("lengths.pcap", "192.0.2.101", 1), ("lengths.pcap", "192.0.2.7", 1), ("lengths.pcap", "192.0.2.0/24", 2), ("lengths.pcap", "AS64496", 2), ("mixed.pcap", "AS64497", 2),
                      ("mixed.pcap", "AS64496", 0), ("lengths.pcap", "192.0.2.8", 0), ("prefixes.pcap", "192.0.2.88", 1), ("alike.pcap", "192.0.2.101", None)):
    kept = db(f"{name}.db")
    if not os.path.exists(kept):
        exits(f"ingest {name}", 0, "ingest", "--store", kept, scenes[name])
    files, stored = (run("show", what, "--asn-db", net, *s) for s in ((scenes[name],), ("--store", kept)))
    check(f"{what} in {name}: the store answers as the file does", (files.stdout == stored.stdout or name == "prefixes.pcap") and files.returncode == stored.returncode == 0,
          (files.stdout, stored.stdout, stored.stderr)) # there sources are an estimate, by another hash each time
    show = json.loads(run("show", what, "--asn-db", net, "--format", "json", "--store", kept).stdout)
    bots = show["show"].get("bots", {"rows": [], "rows_total": 0})
    told = json.loads(run("bots", "--format", "json", "--store", kept).stdout)["rows"]
    n = len(told) if n is None else n
    check(f"{what} in {name}: {n} bots", len(bots["rows"]) == bots["rows_total"] == n and all(r in told for r in bots["rows"]), (bots, told))
    check(f"{what} in {name}: text", (b"\nbots behind it\n" in files.stdout) == (n > 0) and (f"\n{n} process{'es' * (n != 1)} behind ".encode() in files.stdout) == (n > 0), files.stdout)
check("a process with other sources says so", b"numbers of a bot process are those of all its sources" in run("show", "192.0.2.88", scenes["prefixes.pcap"]).stdout)
seen = json.loads(run("show", "192.0.2.7", "--format", "json", scenes["lengths.pcap"]).stdout)["show"]["bots"]["rows"][0]
for option, n in (("--until", 0), ("--since", 1)):
    show = json.loads(run("show", "192.0.2.7", option, seen["last_seen"][:10] if option == "--since" else seen["first_seen"][:10], "--format", "json", scenes["lengths.pcap"]).stdout)["show"]
    check(f"bots {option}", len(show.get("bots", {"rows": []})["rows"]) == n, show.get("bots"))
check("bots by class", "bots" not in json.loads(run("show", "192.0.2.7", "--class", "remnant", "--format", "json", scenes["lengths.pcap"]).stdout)["show"])
check("bots by destination", "bots" not in json.loads(run("show", "192.0.2.7", "--dst", "203.0.113.77", "--format", "json", scenes["lengths.pcap"]).stdout)["show"])
check("--limit of bots", [len(x["rows"]) < x["rows_total"] == 2 for x in [json.loads(run("show", "192.0.2.0/24", "--limit", "1", "--format", "json", scenes["lengths.pcap"]).stdout)["show"]["bots"]]] == [True])

# a terminal without UTF-8, or a narrow one
p = run("show", "192.0.2.1", "--store", store, env={"LC_ALL": "C"})
check("ASCII", p.stdout.isascii() and re.search(rb"activity +[._:=+*%#-]+\n", p.stdout), p.stdout)
p = run("show", "192.0.2.1", "--store", store, env={"COLUMNS": "60"})
check("narrow", all(len(x) <= 100 for x in p.stdout.decode().splitlines()), p.stdout)

# pruned rows
run("store", "prune", "--older-than", "30d", "--store", store)
p = exits("pruned", 0, "show", "192.0.2.1", "--store", store)
check("pruned: sums stay, reasons go", b"19 packets" in p.stdout and b"no longer there to say why" in p.stdout and b"0x00001234" in p.stdout, p.stdout)

# memory: many sources, a small cap
many = put("many.pcap", pcap([(T + i // 20, frame((10, i >> 16 & 255, i >> 8 & 255, i & 255))) for i in range(60000)]))
p = exits("many sources in little memory", 0, "show", "10.0.0.0/8", "--memory", "4M", "--format", "json", many)
d = json.loads(p.stdout)
check("packets stay exact", d["meta"]["packets"] == 60000 and sum(c["packets"] for c in d["show"]["classes"]) == 60000 and
      abs(d["meta"]["sources"] - 60000) < 6000 and d["meta"]["sources_estimated"], d["meta"])

# usage
exits("no word", 2, "show", "--store", store, says="AS3462")
for word in ("nobody", "AS", "AS0", "AS4294967296", "AS3462x", "192.0.2", "192.0.2.0/33", "", "-1", "AS-1"):
    exits(f"wrong word {word!r}", 2, "show", "--store", store, "--", word, says="expected")
for form in ("csv", "tsv", "jsonl", "badpackets"):
    exits(f"no {form}", 2, "show", "192.0.2.1", "--format", form, "--store", store, says="text or json")
exits("file and store", 2, "show", "192.0.2.1", "--store", store, capture, says="not both")
exits("sort", 2, "show", "192.0.2.1", "--sort", "packets", "--store", store, says="--sort")
exits("two networks", 2, "show", "AS64496", "--asn", "64497", "--store", store, says="--asn")
exits("no store", 5, "show", "192.0.2.1", "--store", db("nowhere.db"), says="there is no store")
exits("no file", 4, "show", "192.0.2.1", db("nowhere.pcap"), says="nowhere.pcap")
p = exits("a cut capture", 4, "show", "192.0.2.1", put("cut.pcap", pcap(frames)[:-5]), says="cut.pcap")
check("a cut capture is shown as far as it goes", b"covers what could be read" in p.stdout, p.stdout)
end()
