#!/usr/bin/env python3
"""What a stranger would try first: exit codes, sentences, formats, odd files. usage: cli.py GRESCOPE SOURCE-ROOT

Makes its own captures. Each check is one line; the last line counts."""
import csv
import gzip
import io
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile

grescope, root = sys.argv[1:3]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
tmp = tempfile.mkdtemp(prefix="grescope-cli-")
ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
failed = done = 0


def run(*args, stdin=None, env=None, limit=60):
    return subprocess.run([grescope, *args], input=stdin, capture_output=True, env={**ENV, **(env or {})}, timeout=limit)


def check(name, ok, detail=""):
    global failed, done
    done += 1
    if not ok:
        failed += 1
        print(f"FAILED {name}: {detail}")


def gre(src=(192, 0, 2, 1), dst=(198, 51, 100, 47), inner=b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"):
    body = b"\0\0\x08\0" + inner
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, *src, *dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def pcap(frames, snaplen=65535, link=1, order="<", magic=0xa1b2c3d4):
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)
    for t, f in frames:
        cut = f[:snaplen]
        out += struct.pack(order + "IIII", int(t), int(round(t % 1 * 1e6)), len(cut), len(f)) + cut
    return out


def put(name, data):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


T = 1485573131
good = put("good.pcap", pcap([(T + i, gre((192, 0, 2, 1 + i % 5))) for i in range(20)]))


def exits(name, code, *args, says="", **kw):
    p = run(*args, **kw)
    err = p.stderr.decode(errors="replace")
    check(name, p.returncode == code and says in err, f"exit {p.returncode}, expected {code}; said: {err!r}")
    return p


# usage
exits("no verb", 2)
exits("wrong verb", 2, "raport", says="no verb `raport`")
exits("wrong option", 2, "report", "--bye", good, says="--bye")
exits("option without value", 2, "report", "--by", says="wants a value")
exits("wrong key", 2, "report", "--by", "town", good, says="town")
exits("wrong time", 2, "report", "--since", "yesteryear", good, says="yesteryear")
exits("times the wrong way round", 2, "report", "--since", "2017-02-01", "--until", "2017-01-01", good)
exits("wrong prefix", 2, "report", "--src", "1.2.3.4/40", good, says="1.2.3.4/40")
exits("wrong class", 2, "report", "--class", "floods", good)
exits("wrong format", 2, "report", "--format", "xml", good)
exits("wrong column", 2, "report", "--sort", "colour", good, says="packets")
exits("no files and no store", 5, "report", says="there is no store")
exits("help", 0, "--help")
exits("help of a verb", 0, "report", "--help")
for verb, formats, sorts in (("report", "csv, tsv, json, jsonl", True), ("bots", "csv, tsv, json, jsonl", True), ("trend", "csv, tsv, json, jsonl", True),
                             ("export", "csv, tsv, json, jsonl, badpackets", True), ("explain", "csv, tsv, json, jsonl", False), ("doctor", "json", False),
                             ("show", "json; of a bot also csv, tsv, jsonl", False)):
    text = run(verb, "--help").stdout.decode()
    check(f"{verb} --help offers what it takes", f"text (default), {formats}\n" in text and ("--sort COLUMN" in text) == sorts, text)
exits("version", 0, "--version")

# files
exits("missing file", 4, "report", os.path.join(tmp, "none.pcap"), says="none.pcap")
exits("pattern that matches nothing", 4, "report", os.path.join(tmp, "none*.pcap"), says="none*.pcap")
exits("empty file", 4, "report", put("empty.pcap", b""), says="empty")
exits("text file", 4, "report", put("text.txt", b"Dear reader,\nthis is no capture.\n"), says="text.txt")
exits("random bytes", 4, "report", put("random.bin", bytes(range(256)) * 40), says="random.bin")
exits("header only", 0, "report", put("header.pcap", pcap([])))
exits("stdin", 0, "report", "-", stdin=open(good, "rb").read())
sparse = os.path.join(tmp, "sparse.pcap")
with open(sparse, "wb") as f:
    f.truncate(4 << 30)
exits("4 GiB of nothing", 4, "report", sparse, says="sparse.pcap")
with open(sparse, "r+b") as f:
    f.write(pcap([(T, gre())]))
p = exits("4 GiB of zero records behind one packet", 4, "report", "--by", "total", "--format", "csv", sparse, says="sparse.pcap", limit=120)
os.unlink(sparse)
folder = os.path.join(tmp, "folder")
os.mkdir(folder)
exits("empty folder", 4, "report", folder, says="folder")
shutil.copy(good, os.path.join(folder, "a.pcap"))
put("folder/b.pcap.gz", gzip.compress(open(good, "rb").read()))
put("folder/notes.txt", b"none of yours\n")
p = run("report", "--by", "total", "--format", "csv", folder)
check("a folder is its captures", list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]["packets"] == "40", p.stdout)
if os.geteuid() == 0:
    secret = put("secret.pcap", open(good, "rb").read())
    os.chmod(secret, 0)
    os.chmod(tmp, 0o755)
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", grescope, "report", secret], capture_output=True, env=ENV)
    readable = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", grescope, "--version"], capture_output=True).returncode == 0
    check("no rights", not readable or p.returncode == 6 and b"ermission" in p.stderr, p)

# captures that are odd but whole
zero = put("snap0.pcap", pcap([(T, gre())], snaplen=0))
p = exits("snap length 0", 0, "report", "-v", "--by", "total", zero, says="lost 1")
back = put("back.pcap", pcap([(T + 1000 - 100 * i, gre()) for i in range(10)]))
p = run("report", "--by", "total", "--format", "csv", back)
row = list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]
check("time going backwards", p.returncode == 0 and row["packets"] == "10" and row["first_seen"] < row["last_seen"], row)
late = put("late.pcap", pcap([(4294967295, gre())]))
p = run("export", "--format", "csv", late)
check("year 2106", b"2106-02-07T06:28:15.000000Z" in p.stdout, p.stdout)
whole = open(good, "rb").read()
cut = put("cut.pcap", whole[:-5])
p = exits("truncated", 4, "report", "--by", "total", "--format", "csv", cut, says="offset")
check("truncated: read to the last whole packet", list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]["packets"] == "19", p.stdout)
exits("truncated gzip", 4, "report", put("cut.pcap.gz", gzip.compress(whole)[:-30]), says="cut.pcap.gz")
p = exits("one bad file does not stop the others", 4, "report", "--by", "total", "--format", "csv", cut, good)
check("the others are read", list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]["packets"] == "39", p.stdout)
exits("802.11", 0, "report", "-v", put("wlan.pcap", pcap([(T, b"\x08\x01" + bytes(40))], link=105)), says="link type")

# answers
p = run("report", "--by", "source", "--format", "json", good)
doc = json.loads(p.stdout)
check("json meta", doc["meta"]["packets"] == 20 and doc["meta"]["sources"] == 5 and len(doc["rows"]) == 5, doc["meta"])
check("json sums", sum(r["packets"] for r in doc["rows"]) == doc["meta"]["packets"])
check("json has databases and filters", doc["meta"]["databases"] == [] and doc["meta"]["filters"] is not None)
for by in "total city network country source class day week hour prefix24 target tunnel".split():
    p = run("report", "--by", by, "--format", "csv", good)
    rows = list(csv.DictReader(io.StringIO(p.stdout.decode())))
    check(f"by {by} adds up", p.returncode == 0 and sum(int(r["packets"]) for r in rows) == 20, p.stdout + p.stderr)
    check(f"by {by} ends with the common columns",
          list(rows[0])[-7:] == ["sources", "packets", "bytes", "share", "first_seen", "last_seen", "top_class"], list(rows[0]))
p = run("export", "--window", "0", "--format", "csv", good)
rows = list(csv.DictReader(io.StringIO(p.stdout.decode())))
check("window 0 is every packet", len(rows) == 20)
COLUMNS = ("timestamp,end_time,sensor,src_ip,src_asn,src_as_name,src_geo,src_region,src_city,src_hostname,device_vendor,device_type,"
           "device_model,dst_ip,protocol,ip_len,ttl,gre_version,gre_flags,gre_proto,gre_key,gre_seq,inner_protocol,inner_src_ip,inner_dst_ip,"
           "inner_src_port,inner_dst_port,inner_ttl,class,confidence,evidence,bot,fidelity,packets,bytes")
check("the columns of export", p.stdout.decode().splitlines()[0] == COLUMNS, p.stdout[:300])
p = run("export", "--format", "jsonl", good)
check("jsonl", all(json.loads(line)["dst_ip"] == "198.51.100.47" for line in p.stdout.splitlines()) and p.stdout)
for fmt in ("text", "csv", "tsv", "json", "jsonl", "badpackets"):
    p = run("export", "--redact-dst", "--format", fmt, good)
    check(f"redacted {fmt}", p.returncode == 0 and b"198.51.100.47" not in p.stdout and p.stdout, p.stdout[:200])
p = run("report", "--redact-dst", "--dst", "198.51.100.0/24", "--by", "target", "--format", "json", good)
check("redacted filter", b"198.51" not in p.stdout, p.stdout)
p = run("report", "--by", "source", "--limit", "2", "--sort", "src_ip", "--format", "csv", "--no-header", good)
check("limit, sort, no header", [line.split(",")[0] for line in p.stdout.decode().split()] == ["192.0.2.1", "192.0.2.2"], p.stdout)
exits("nothing matched", 0, "report", "--since", "2020-01-01", good)
exits("nothing matched, --fail-empty", 1, "report", "--fail-empty", "--since", "2020-01-01", good)
p = run("export", "--limit", "3", "--format", "csv", good)
check("export --limit", p.returncode == 0 and len(p.stdout.splitlines()) == 4, p)
p = run("report", "--by", "source", "--src", "192.0.2.1,192.0.2.2", "--format", "csv", good)
check("two prefixes", len(p.stdout.splitlines()) == 3, p.stdout)

# a terminal
try:
    master, slave = pty.openpty()
except OSError:
    print("skipped: what a terminal gets (no pseudo-terminals here)")
else:
    p = subprocess.run([grescope, "report", "--by", "source", good], stdout=slave, stderr=subprocess.PIPE, env={**ENV, "COLUMNS": "80", "TERM": "xterm"})
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:
        pass
    check("a terminal gets a table", b"192.0.2.1" in shown, shown[:200])
p = run("report", "--color", "always", "--by", "source", good)
check("colour on request only", b"\x1b[" not in run("report", "--by", "source", good).stdout)
p = run("report", "--memory", "4M", "--by", "total", "--format", "csv",
        put("many.pcap", pcap([(T, gre((10, i >> 16, i >> 8 & 255, i & 255))) for i in range(40000)])))
check("past the cap totals are exact", list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]["packets"] == "40000", p.stdout)

# explain
p = exits("explain shows the first GRE packet", 0, "explain", "--format", "csv", put("third.pcap", pcap([(T, b"\0" * 60), (T, b"\0" * 60), (T, gre())])))
rows = list(csv.DictReader(io.StringIO(p.stdout.decode())))
check("explain: the packet", {r["packet"] for r in rows} == {"3"}, rows[:2])
check("explain: outer and inner source", [(r["offset"], r["value"]) for r in rows if r["field"] == "ip.src"] == [("26", "192.0.2.1"), ("50", "10.0.0.1")], rows)
check("explain: rules and verdict", any(r["layer"] == "rule" and r["field"] == "backscatter" and r["value"] == "no" for r in rows) and
      any(r["layer"] == "verdict" and r["field"] == "class" and r["value"] for r in rows), rows[-9:])
p = exits("explain a range", 0, "explain", "--packet", "2-4", "--format", "jsonl", good)
check("explain: three packets", {json.loads(line)["packet"] for line in p.stdout.splitlines()} == {2, 3, 4}, p.stdout[:300])
check("explain: text without totals", b"sighting" not in exits("explain text", 0, "explain", good).stdout)
exits("explain a packet that is not there", 4, "explain", "--packet", "21", good, says="only 20")
exits("explain packet 0", 2, "explain", "--packet", "0", good, says="from 1 on")
exits("explain a range the wrong way round", 2, "explain", "--packet", "4-2", good)
exits("explain nothing", 2, "explain", says="one capture file")
exits("explain two", 2, "explain", good, good, says="one capture file")
exits("explain without GRE", 0, "explain", put("none.pcap", pcap([(T, b"\0" * 60)])), says="none of its packets is GRE")
exits("explain a cut file", 4, "explain", "--packet", "20", put("cut.pcap", open(good, "rb").read()[:-30]), says="cut.pcap")
exits("explain raw data", 2, "explain", put("raw.csv", b'"Source IP","_time",count,Protocol\n"192.0.2.1","2017-01-28T03:12:11.000+0000",1,47\n'), says="no packets")

# the raw data of the original post
raw = os.path.join(shared, "seed-data", "hinet-raw.csv")
if os.path.exists(raw):
    p = run("report", "--by", "total", "--format", "csv", raw)
    row = list(csv.DictReader(io.StringIO(p.stdout.decode())))[0]
    check("the post's rows", row["packets"] == "24" and row["sources"] == "18", row)
    p = run("export", "--format", "badpackets", raw)

    def key(text):
        import datetime
        return sorted((r["Source IP"], datetime.datetime.strptime(r["_time"], "%Y-%m-%dT%H:%M:%S.%f%z"), r["count"], r["Protocol"])
                      for r in csv.DictReader(io.StringIO(text)))
    check("badpackets gives the rows back", key(p.stdout.decode()) == key(open(raw).read()), p.stdout)

# an answer that cannot be written is told, whatever the answer is
for args in (("--help",), ("--version",), ("help", "report"), ("report", "--help"), ("doctor", "--store", os.path.join(tmp, "none.db"))):
    with open("/dev/full", "wb") as full:
        p = subprocess.run([grescope, *args], stdout=full, stderr=subprocess.PIPE, env=ENV, timeout=60)
    expected = 5 if args[0] == "doctor" else 4  # where the store is bad that is the worse news
    check(f"{args[0]} to a full disk", p.returncode == expected and (expected == 5 or b"stdout: No space" in p.stderr), (p.returncode, p.stderr))

shutil.rmtree(tmp)
print(f"{done} checks, {failed} failed")
sys.exit(failed > 0)
