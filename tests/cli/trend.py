#!/usr/bin/env python3
"""`grescope trend` from the command line: files and store, formats, what is missing, what is hostile. usage: trend.py GRESCOPE SOURCE-ROOT SAMPLE BOTS.pcap...

Makes its own captures and tables of networks; SAMPLE is the half year that the build makes. Each failed check is a line; the last line counts."""
import csv
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

grescope, root, sample = sys.argv[1:4]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
data = os.environ.get("GRESCOPE_DATA")
tmp = tempfile.mkdtemp(prefix="grescope-trend-")
ENV = {"PATH": os.environ["PATH"], "HOME": tmp, "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
COLUMNS = "src_asn,src_as_name,sources,packets,source_share,space_share,ratio,p_value,stands_out,slope_per_week,slope_p,weeks"
CLASS_COLUMNS = "class,sources,packets,share,slope_per_week,slope_p,weeks"
failed = done = 0


def run(*args, env=None):
    return subprocess.run([grescope, *args], capture_output=True, env={**ENV, **(env or {})}, timeout=120)


def check(name, ok, detail=""):
    global failed, done
    done += 1
    if not ok:
        failed += 1
        print(f"FAILED {name}: {detail}")


def exits(name, code, *args, says="", **kw):
    p = run(*args, **kw)
    err = p.stderr.decode(errors="replace")
    check(name, p.returncode == code and says in err, f"exit {p.returncode}, expected {code}; said: {err!r}")
    return p


def rows(p):
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


def put(name, content):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


def frame(src, v6=False):
    body = b"\0\0\x08\0" + b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"
    if v6:
        ip = struct.pack(">IHBB", 0x60000000, len(body), 47, 57) + bytes.fromhex("20010db8" + "00" * 10) + struct.pack(">H", src) + \
            bytes.fromhex("20010db8" + "00" * 11 + "47")
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" + ip + body
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, *src, 198, 51, 100, 47)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def pcap(frames):
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for t, f in sorted(frames):
        out += struct.pack("<IIII", int(t), 0, len(f), len(f)) + f
    return out


MONDAY = 1485734400  # 2017-01-30
DAY = 86400

# the sample, with a table of networks made from the description of the sample itself
table, asn = [], 64000
for line in open(os.path.join(root, "docs", "sample", "half-year.txt"), encoding="utf-8"):
    if line.startswith("# HiNet"):
        asn = 3462
    elif line.startswith("# other"):
        asn = 64000
    if line.startswith("network "):
        if asn != 3462:
            asn += 1
        for prefix in re.findall(r"(\d+\.\d+\.\d+\.\d+)/(\d+)", line):
            first = int.from_bytes(bytes(map(int, prefix[0].split("."))), "big")
            last = first + (1 << (32 - int(prefix[1]))) - 1
            table.append(f"{first},{last},{asn},{'HiNet' if asn == 3462 else 'Net %d' % asn}")
made = put("asn-ipv4-num.csv", "\n".join(table) + "\n0,4294967295,64511,Everything else\n")
p = exits("the sample", 0, "trend", "--asn-db", made, "--format", "csv", sample)
text = p.stdout.decode()
check("columns", text.splitlines()[0] == COLUMNS, text.splitlines()[:1])
sample_rows = rows(p)
check("AS3462 stands out, first", sample_rows[0]["src_asn"] == "3462" and sample_rows[0]["stands_out"] == "true", sample_rows[0])
check("it alone", sum(r["stands_out"] == "true" for r in sample_rows) == 1, [r["src_asn"] for r in sample_rows if r["stands_out"] == "true"])
check("shares add up", abs(sum(float(r["source_share"]) for r in sample_rows) - 1) < 1e-4)
check("its ratio", abs(float(sample_rows[0]["source_share"]) / float(sample_rows[0]["space_share"]) / float(sample_rows[0]["ratio"]) - 1) < 1e-4)
check("its p is small, not zero", 0 < float(sample_rows[0]["p_value"]) < 1e-100, sample_rows[0]["p_value"])
check("25 whole weeks", sample_rows[0]["weeks"] == "25", sample_rows[0]["weeks"])
report = rows(run("report", "--by", "network", "--asn-db", made, "--format", "csv", sample))
check("packets and sources as report has them", {(r["src_asn"], r["packets"], r["sources"]) for r in report} ==
      {(r["src_asn"], r["packets"], r["sources"]) for r in sample_rows})
text = exits("in text", 0, "trend", "--asn-db", made, sample).stdout.decode()
check("a sentence first", text.splitlines()[2].startswith("Most of the GRE comes from one network: AS3462 (HiNet): 406 of 592 packets, from 132 of 188 sources, "),
      text.splitlines()[:3])
check("a picture of the weeks", re.search("AS3462 .*[\u2581-\u2588]{10}", text), text)
check("concentration and machines after the table", text.index("Concentration: ") > text.index("By week") and "Machines behind the 132 addresses" in text)
check("no bytes but ASCII where there is no more", run("trend", "--asn-db", made, sample, env={"LC_ALL": "C"}).stdout.isascii())
for width in ("40", "80", "120", "200"):
    out = run("trend", "--asn-db", made, sample, env={"COLUMNS": width}).stdout.decode()
    check(f"fits {width} columns", width == "40" or max(len(line) for line in out.splitlines()) <= int(width), out)
j = json.loads(exits("json", 0, "trend", "--asn-db", made, "--format", "json", sample).stdout)
check("findings in json", j["meta"]["findings"][0].startswith("Most of the GRE") and j["rows"][0]["stands_out"] is True and j["rows"][0]["p_value"] < 1e-100)
check("unknown is null in json", [r for r in j["rows"] if r["src_asn"] is None] == [] or [r for r in j["rows"] if r["src_asn"] is None][0]["p_value"] is None)
lines = exits("jsonl", 0, "trend", "--asn-db", made, "--format", "jsonl", "--limit", "3", sample).stdout.decode().splitlines()
check("three lines", len(lines) == 3 and json.loads(lines[0])["src_asn"] == 3462, lines)
check("tsv", exits("tsv", 0, "trend", "--asn-db", made, "--format", "tsv", sample).stdout.decode().startswith(COLUMNS.replace(",", "\t")))
check("no heading", not exits("no-header", 0, "trend", "--asn-db", made, "--format", "csv", "--no-header", sample).stdout.startswith(b"src"))

# from the store
store = os.path.join(tmp, "store.db")
exits("ingest", 0, "ingest", "--store", store, sample)
for args in ([], ["--asn", "3462"], ["--since", "2017-03-01", "--until", "2017-06-01"], ["--class", "remnant"], ["--class", "scan.decap"], ["--by", "class"], ["--sort", "-packets", "--limit", "5"],
             ["--dst", "198.51.100.47"], ["--redact-dst"]):
    a = exits(f"store {args}", 0, "trend", "--asn-db", made, "--format", "csv", "--store", store, *args)
    b = run("trend", "--asn-db", made, "--format", "csv", sample, *args)
    check(f"store and file say the same {args}", a.stdout == b.stdout and a.stdout.count(b"\n") > 1, (a.stdout[:300], b.stdout[:300]))
# bots, from files and from the store, in one reading
net = put("bots-asn-ipv4.csv", b"192.0.2.0,192.0.2.127,64496,One\n192.0.2.128,192.0.2.255,64497,Two\n0.0.0.0,191.255.255.255,64511,Rest\n193.0.0.0,223.255.255.255,64511,Rest\n")
for name in ("lengths.pcap", "mixed.pcap", "alike.pcap"):
    scene = next(p for p in sys.argv[4:] if os.path.basename(p) == name)
    kept = os.path.join(tmp, name + ".db")
    run("ingest", "-q", "--store", kept, scene)
    noise = [(MONDAY + 40 * DAY * (name == "mixed.pcap"), frame((192, 0, 2, (130 if name == "mixed.pcap" else 1) + i))) for i in range(40)]
    with_noise = put("noise-" + name, pcap(noise))
    run("ingest", "-q", "--store", kept, with_noise)
    for source in ((scene, with_noise), ("--store", kept), ("-", with_noise)):
        with open(scene, "rb") as f:
            out = subprocess.run([grescope, "trend", "--asn-db", net, "--format", "json", *source], capture_output=True, env=ENV, timeout=120, stdin=f).stdout
        findings = json.loads(out)["meta"]["findings"]
        n = len(json.loads(run("bots", "--format", "json", scene).stdout)["rows"])
        check(f"{name}: {n} bots behind one network, from {source[0]}", any(f"{n} bot process{'es are' * (n > 1) or ' is'} proven behind the addresses of AS6449{6 + (name == 'mixed.pcap')}." in x
              for x in findings), findings)
    shares = json.loads(run("trend", "--asn-db", net, "--format", "json", "--until", "2000-01-01", "--store", kept).stdout)
    check(f"{name}: none of another time", not any("bot process" in x for x in shares["meta"].get("findings", [])), shares["meta"])
exits("store and file", 2, "trend", "--store", store, sample, says="not both")
exits("no store", 5, "trend", "--store", os.path.join(tmp, "none.db"), says="there is no store")

# filters and usage
p = rows(run("trend", "--asn-db", made, "--format", "csv", "--asn", "3462", sample))
check("--asn chooses the row, held against all", len(p) == 1 and p[0]["p_value"] == sample_rows[0]["p_value"] and p[0]["source_share"] == sample_rows[0]["source_share"])
p = exits("--by class", 0, "trend", "--by", "class", "--format", "csv", sample).stdout.decode()
check("columns of classes", p.splitlines()[0] == CLASS_COLUMNS, p.splitlines()[0])
check("classes add up", sum(int(r["packets"]) for r in csv.DictReader(io.StringIO(p))) == 592)
exits("--by city", 2, "trend", "--by", "city", sample, says="expected network or class")
exits("--sort", 2, "trend", "--sort", "colour", sample, says="its columns: src_asn")
exits("badpackets", 2, "trend", "--format", "badpackets", sample, says="goes with export")
exits("nothing matched", 1, "trend", "--asn-db", made, "--fail-empty", "--asn", "1", sample)
check("help", b"network (default) or class" in exits("--help", 0, "trend", "--help").stdout)

# what is missing
p = exits("no databases", 3, "trend", "--format", "csv", sample, says="no network database that lists address ranges")
check("what can be said is said", [(r["src_asn"], r["packets"], r["p_value"]) for r in rows(p)] == [("", "592", "")], p.stdout)
exits("a missing table", 4, "trend", "--asn-db", os.path.join(tmp, "none.csv"), sample)
exits("no file", 4, "trend", "--asn-db", made, os.path.join(tmp, "none.pcap"))
p = exits("a damaged file", 4, "trend", "--asn-db", made, "--format", "csv", put("cut.pcap", open(sample, "rb").read()[:-7]))
check("is read as far as it goes", sum(int(r["packets"]) for r in rows(p)) == 591)

# little, and all of one kind
nets = put("nets.csv", "3221225984,3221226239,64500,\"=cmd|' /C calc'!A0\"\n3325256704,3325256959,64501,\"\033]0;owned\007\033[31mRed\u202eNet\n, \"\"quoted\"\"\"\n"
                       "3405803776,3405804031,64502,Third\n167772160,184549375,64503,Large\n")
p = exits("one packet", 0, "trend", "--asn-db", nets, "--format", "csv", put("one.pcap", pcap([(MONDAY, frame((192, 0, 2, 1)))])))
check("does not stand out", rows(p)[0]["stands_out"] == "false" and rows(p)[0]["weeks"] == "0", p.stdout)
week = put("week.pcap", pcap([(MONDAY + i * 7 * DAY // 50, frame((192, 0, 2, i))) for i in range(50)]))
p = exits("one week, one network", 0, "trend", "--asn-db", nets, "--format", "csv", week)
check("stands out over one week", rows(p)[0]["stands_out"] == "true" and rows(p)[0]["weeks"] == "1" and rows(p)[0]["slope_p"] == "", p.stdout)
check("says what cannot be told", b"cannot be told from 1 whole week; 5 are needed" in run("trend", "--asn-db", nets, week).stdout)
p = exits("IPv6 only", 0, "trend", "--asn-db", nets, put("six.pcap", pcap([(MONDAY + i * DAY, frame(i, True)) for i in range(20)])))
check("IPv6 is no draw from IPv4", b"no IPv4 source lies in a network" in p.stdout and b"20 IPv6 sources" in p.stdout, p.stdout)
p = exits("an empty capture", 0, "trend", "--asn-db", nets, "--format", "csv", put("none.pcap", pcap([])))
check("only the heading", p.stdout.decode().strip() == COLUMNS, p.stdout)

# names are strangers' words
evil = put("evil.pcap", pcap([(MONDAY + i * DAY, frame((198, 51, 100, i))) for i in range(60)] + [(MONDAY, frame((192, 0, 2, 1)))]))
p = exits("hostile names, text", 0, "trend", "--asn-db", nets, evil)
check("no escape reaches the terminal", b"\033" not in p.stdout and b"\007" not in p.stdout and "\u202e" not in p.stdout.decode(), p.stdout)
check("the network is named all the same", b"AS64501 (" in p.stdout)
p = exits("hostile names, csv", 0, "trend", "--asn-db", nets, "--format", "csv", evil)
check("no formula", any(r["src_as_name"].startswith("'=cmd") for r in rows(p)) and b"\033" not in p.stdout, p.stdout)
j = json.loads(exits("hostile names, json", 0, "trend", "--asn-db", nets, "--format", "json", evil).stdout)
check("json holds", "AS64501" in j["meta"]["findings"][0], j["meta"]["findings"])

# growth: one packet a day for ten weeks, then ever more
frames = [(MONDAY + d * DAY + k * 60, frame((203, 0, 113, (d + k) % 250))) for d in range(140) for k in range(1 if d < 70 else 1 + (d - 63) // 7)]
p = exits("growth", 0, "trend", "--asn-db", nets, put("grows.pcap", pcap(frames)))
check("is said", re.search(r"All of it together grows by [\d.]+ packets a week each week \(Mann-Kendall p = \S+ over 20 whole weeks\)", p.stdout.decode().replace("\n", " ")),
      p.stdout)
check("and since when", b"Its level changed in the week of 2017-04-" in p.stdout, p.stdout)

# the databases and the raw data of the world, where they are at hand
if data and data != "/nonexistent":
    world = {"GRESCOPE_DATA": data}
    text = run("trend", sample, env=world).stdout.decode()
    check("AS3462 in the world", "Most of the GRE comes from one network: AS3462 (Chunghwa Telecom Co., Ltd., TW): 406 of 592" in text.replace("\n", " "), text[:600])
    raw = os.path.join(shared, "seed-data", "hinet-raw.csv")
    if os.path.exists(raw):
        text = run("trend", raw, env=world).stdout.decode()
        check("AS3462 in 24 rows", "one network: AS3462 (Chunghwa Telecom Co., Ltd., TW): 24 of 24 packets, from 18 of 18 sources" in text, text[:600])

shutil.rmtree(tmp)
print(f"{done} checks, {failed} failed")
sys.exit(failed != 0)
