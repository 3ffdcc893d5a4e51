#!/usr/bin/env python3
"""The store from the command line: ingest, questions without files, keeping it. usage: store.py GRESCOPE SOURCE-ROOT

Makes its own captures. Each check is one line; the last line counts."""
import gzip
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess

from lab import ENV, check, db, end, exits, frame, grescope, pcap, put, rows, run, tmp


def line(p):
    return p.stdout.decode().splitlines()[-1] if p.stdout else ""


T = 1485573131
frames = [(T + 10 * i, frame((192, 0, 2, 1 + i % 5))) for i in range(200)]
good = put("good.pcap", pcap(frames))

# ingest
one = db("one.db")
p = exits("ingest", 0, "ingest", "--store", one, good)
check("ingest says what it read", re.search(r"good\.pcap: new; packets 200, sightings \d+, not GRE 0$", line(p)), line(p))
p = exits("again", 0, "ingest", "--store", one, good)
check("known by its stamp", "known" in line(p) and "packets 0, sightings 0" in line(p), line(p))
p = exits("renamed", 0, "ingest", "--store", one, put("other.pcap", pcap(frames)))
check("known by its content", "known" in line(p), line(p))
p = exits("compressed", 0, "ingest", "--store", one, put("good.pcap.gz", gzip.compress(pcap(frames))))
check("known through gzip", "known" in line(p), line(p))
p = exits("stdin", 0, "ingest", "--store", one, "-", stdin=pcap(frames))
check("known from stdin", "known" in line(p), line(p))
p = exits("beginning", 0, "ingest", "--store", one, put("short.pcap", pcap(frames[:150])))
check("a beginning adds nothing", "beginning" in line(p) and "packets 0" in line(p), line(p))
more = frames + [(T + 5000 + i, frame((203, 0, 113, 9))) for i in range(50)]
p = exits("grown", 0, "ingest", "--store", one, put("good.pcap", pcap(more)))
check("grown: only the rest", re.search(r": grown, known so far as .*good\.pcap\.gz; packets 50, sightings [12],", line(p)), line(p))
cut = put("cut.pcap", pcap([(T, frame((192, 0, 2, 77))), (T + 1, frame((192, 0, 2, 78)))])[:-5])
for turn, word in (("new", "new; packets 1"), ("known", "known")):
    p = exits(f"cut capture, {turn}", 4, "ingest", "--store", one, cut, says="cut.pcap")
    check(f"cut capture is {turn}", word in line(p), line(p))
p = exits("cut capture made whole", 0, "ingest", "--store", one, put("cut.pcap", pcap([(T, frame((192, 0, 2, 77))), (T + 1, frame((192, 0, 2, 78)))])))
check("only the second packet is added", "grown; packets 1," in line(p), line(p))
exits("another window for the rest", 2, "ingest", "--store", one, "--window", "5", put("good.pcap", pcap(more + [(T + 9000, frame((203, 0, 113, 9)))])),
      says="another window")
exits("missing file", 4, "ingest", "--store", one, db("none.pcap"), says="none.pcap")
p = exits("one bad file does not stop the others", 4, "ingest", "--store", db("two.db"), put("text.txt", b"Dear reader,\nno capture.\n"), good, says="text.txt")
check("the others are kept", "new; packets 251" in p.stdout.decode(), p.stdout)
exits("no files", 2, "ingest", says="files")
exits("no store", 5, "ingest", "--store", put("nostore.db", b"this is no database\n" * 400), good, says="nostore.db")
exits("wrong sensor name", 2, "ingest", "--store", one, "--sensor", "a\nb", good)
p = run("ingest", "-q", "--store", one, good)
check("quiet", p.stdout == b"", p.stdout)

# where it lies
p = exits("default store", 0, "ingest", cut)
where = os.path.join(tmp, ".local", "state", "grescope")
check("made below the home, for its owner alone", os.path.exists(os.path.join(where, "store.db")) and os.stat(where).st_mode & 0o777 == 0o700, where)
exits("XDG_STATE_HOME", 0, "ingest", cut, env={"XDG_STATE_HOME": db("state")})
check("below XDG_STATE_HOME", os.path.exists(db("state/grescope/store.db")))
exits("GRESCOPE_STORE", 0, "ingest", cut, env={"GRESCOPE_STORE": db("env.db")})
check("GRESCOPE_STORE names the file", os.path.exists(db("env.db")))

# questions without files
a = put("a.pcap", pcap([(T + 7 * i, frame((192, 0, 2, 1 + i % 50), (198, 51, 100, i % 3))) for i in range(3000)]))
b = put("b.pcap", pcap([(T + 100000 + 600 * i, frame((203, 0, 113, 1 + i % 7))) for i in range(300)]))
both = db("both.db")
exits("two sensors", 0, "ingest", "--store", both, "--sensor", "north", a)
exits("two sensors, the other", 0, "ingest", "--store", both, "--sensor", "south", b)
for by in "total city network country source class day week hour prefix24 target tunnel".split():
    for more in ([], ["--since", "2017-01-28T06:00Z", "--until", "2017-01-29T12:00Z"], ["--src", "192.0.2.0/28", "--dst", "198.51.100.1"], ["--limit", "3"]):
        files = run("report", "--by", by, "--format", "csv", *more, a, b)
        store = run("report", "--by", by, "--format", "csv", *more, "--store", both)
        check(f"by {by} {more}: the store answers as the files do", store.returncode == 0 and store.stdout == files.stdout and len(rows(store)) > 0,
              store.stdout[:500] + files.stdout[:500] + store.stderr)
files = run("export", "--format", "csv", "--sensor", "south", b)
store = run("export", "--format", "csv", "--store", both, "--sensor", "south")
check("export of one sensor", store.stdout == files.stdout and len(rows(store)) > 100, store.stdout[:400] + files.stdout[:400] + store.stderr)
p = run("report", "--by", "total", "--format", "csv", "--store", both, "--sensor", "north")
check("report of one sensor", rows(p)[0]["packets"] == "3000", p.stdout)
p = exits("limit of export", 0, "export", "--limit", "4", "--format", "csv", "--store", both)
check("limit of export: rows", len(rows(p)) == 4, p.stdout)
exits("no such sensor", 2, "report", "--store", both, "--sensor", "west", says="west")
exits("another window", 2, "export", "--window", "0", "--store", both, says="60 s")
exits("the same window", 0, "export", "--window", "60", "--store", both)
exits("stored at window 0", 0, "ingest", "--store", db("zero.db"), "--window", "0", a)
files = run("export", "--window", "0", "--format", "csv", a)
store = run("export", "--window", "0", "--format", "csv", "--store", db("zero.db"))
check("window 0 gives every packet back", store.stdout == files.stdout and len(rows(store)) == 3000, store.stdout[:300] + files.stdout[:300] + store.stderr)
p = exits("missing store", 5, "report", "--store", db("missing.db"), says="missing.db")
check("missing store: what to do", b"grescope ingest" in p.stderr and not os.path.exists(db("missing.db")), p.stderr)
exits("file and store", 2, "report", "--store", both, a, says="not both")
exits("nothing matched", 1, "report", "--fail-empty", "--since", "2030-01-01", "--store", both)
p = run("report", "--by", "total", "-v", "--store", both)
check("balance from the store", b"packets read 3300 = in sightings 3300" in p.stderr, p.stderr)

# answers kept: given again as long as nothing changed, and never when something did
kept = db("kept.db")
exits("store for kept answers", 0, "ingest", "--store", kept, a)
folder = kept + "-answers"
asked = ["report", "--store", kept]
first = {}
for by in ("source", "class", "tunnel", "day"):
    for fmt in ("csv", "json", "text", "jsonl"):
        first[by, fmt] = run(*asked, "--by", by, "--format", fmt).stdout
check("one kept answer a question, whatever the format", len(os.listdir(folder)) == 4 and os.stat(folder).st_mode & 0o777 == 0o700, os.listdir(folder))
for (by, fmt), out in first.items():
    check(f"kept answer by {by} as {fmt}", run(*asked, "--by", by, "--format", fmt).stdout == out, out[:300])
stamps = {n: os.stat(os.path.join(folder, n)).st_ino for n in os.listdir(folder)}
run(*asked, "--by", "class")
check("it is really given again", {n: os.stat(os.path.join(folder, n)).st_ino for n in os.listdir(folder)} == stamps)
p = run(*asked, "--by", "class", "--format", "csv", "-v")
check("with the balance", b"packets read 3000 = in sightings 3000" in p.stderr, p.stderr)
check("with what is missing", b"no network" in p.stderr.lower() or b"asn" in p.stderr.lower(), p.stderr)
exits("and --fail-empty", 1, *asked, "--fail-empty", "--src", "10.0.0.0/8")
exits("and --fail-empty again", 1, *asked, "--fail-empty", "--src", "10.0.0.0/8")
for more in (["--limit", "1"], ["--sort", "bytes"], ["--src", "192.0.2.1"], ["--since", "2017-01-28T06:00Z"], ["--redact-dst"]):
    p = run(*asked, "--by", "source", "--format", "csv", *more)
    q = run("report", "--by", "source", "--format", "csv", *more, a)
    check(f"another question {more} has another answer", p.stdout == q.stdout, p.stdout[:300])
for turn, name in enumerate(os.listdir(folder)):  # damage: every one of these is a miss
    path = os.path.join(folder, name)
    data = bytearray(open(path, "rb").read())
    data = data[:turn * 3] if turn % 4 == 0 else data
    if turn % 4:
        data[len(data) * turn // 16] ^= 0x55
    open(path, "wb").write(data)
for (by, fmt), out in first.items():
    check(f"damaged kept answer by {by} as {fmt}", run(*asked, "--by", by, "--format", fmt).stdout == out)
shutil.copy(kept, db("before.db"))
exits("more rows", 0, "ingest", "--store", kept, b)
p = run(*asked, "--by", "total", "--format", "csv")
check("a changed store is asked again", rows(p)[0]["packets"] == "3300" and rows(run(*asked, "--by", "class", "--format", "csv"))[0]["packets"] == "3300", p.stdout)
with open(db("before.db"), "rb") as f, open(kept, "r+b") as g:  # the older copy back in place, under the same inode, and as many commits as before
    g.truncate(0)
    g.write(f.read())
for suffix in ("-wal", "-shm", "-writer"):  # the last: it would say that commits are missing
    if os.path.exists(kept + suffix):
        os.unlink(kept + suffix)
c = put("c.pcap", pcap([(T + 100000 + 600 * i, frame((203, 0, 113, 1 + i % 7))) for i in range(200)]))
exits("other rows", 0, "ingest", "--store", kept, c)
p = run(*asked, "--by", "total", "--format", "csv")
check("a store put back and changed otherwise is asked again", rows(p)[0]["packets"] == "3200", p.stdout)
os.chmod(folder, 0o777)
for name in os.listdir(folder):
    os.unlink(os.path.join(folder, name))
run(*asked, "--by", "class")
check("a folder that others can write is not used", os.listdir(folder) == [], os.listdir(folder))
shutil.rmtree(folder)
os.symlink(tmp, folder)
before = set(os.listdir(tmp))
run(*asked, "--by", "class")
check("nor a link", set(os.listdir(tmp)) == before)
os.unlink(folder)
if os.geteuid() == 0:
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    os.chmod(tmp, 0o755)
    os.makedirs(db("nobody"), exist_ok=True)
    os.chown(db("nobody"), 65534, 65534)
    os.chmod(kept, 0o644)
    for n, home in enumerate((db("nobody"), "/nonexistent")):
        for turn in range(2):
            p = subprocess.run([*drop, grescope, *asked, "--by", "total", "--format", "csv"], capture_output=True, env={**ENV, "HOME": home})
            can = subprocess.run([*drop, grescope, "--version"], capture_output=True).returncode == 0
            check(f"a reader without rights beside the store, {n} {turn}", not can or (p.returncode == 0 and rows(p)[0]["packets"] == "3200"), p)
        if can and n == 0:
            where = os.path.join(home, ".cache", "grescope", "answers")
            check("keeps its answers among its own", os.path.isdir(where) and len(os.listdir(where)) == 1, where)
    check("and nothing beside the store", not os.path.exists(folder))

# report while ingest writes: never blocked, never half a commit
def growing_frames(k):
    return pcap([(T + k * 100000 + i // 20, frame((198, 18, (i * 7 + k) % 251, i % 253))) for i in range(20000)])


busy = db("busy.db")
files = [put(f"busy-{k}.pcap", growing_frames(k)) for k in range(3)]
exits("before the writer", 0, "ingest", "--store", busy, good)
at_first = int(rows(run("report", "--by", "total", "--format", "csv", "--store", busy))[0]["packets"])
writer = subprocess.Popen([grescope, "ingest", "-q", "--store", busy, *files], env=ENV, stderr=subprocess.PIPE)
seen, failures = [at_first], []
while writer.poll() is None:
    by = ("total", "day", "source", "class", "tunnel")[len(seen) % 5]
    p = run("report", "--by", by, "--format", "json", "--store", busy, limit=60)
    if p.returncode != 0:
        failures.append(p.stderr)
        break
    answer = json.loads(p.stdout)
    if sum(r["packets"] for r in answer["rows"]) != answer["meta"]["packets"]:
        failures.append((by, answer["meta"]))
    seen.append(answer["meta"]["packets"])
writer.communicate()
seen.append(int(rows(run("report", "--by", "total", "--format", "csv", "--store", busy))[0]["packets"]))
check("the writer is not disturbed", writer.returncode == 0 and seen[-1] == at_first + 3 * 20000, seen)
check("reports beside it are whole, and only grow", not failures and seen == sorted(seen), (failures, seen))

# keeping it
p = exits("info", 0, "store", "info", "--store", both)
check("info counts", b"packets 3300" in p.stdout and b"sensors" in p.stdout, p.stdout)
p = exits("info as JSON", 0, "store", "info", "--format", "json", "--store", both)
i = json.loads(p.stdout)
check("info as JSON counts", (i["packets"], i["sensors"], i["inputs"], i["store"], i["quota_bytes"]) == (3300, 2, 2, both, 0) and i["ballast_bytes"] > 0
      and i["first"].startswith("2017-01-28T") and i["row_bytes"] + i["rollup_bytes"] + i["free_bytes"] == i["file_bytes"], p.stdout)
exits("info as CSV", 2, "store", "info", "--format", "csv", "--store", both, says="json")
exits("a quota that is none", 2, "ingest", "--quota", "much", "--store", both, a, says="--quota")
exits("a quota that holds", 0, "ingest", "--quota", "64M", "--store", both, a)
check("info tells the quota", b"quota      67108864 octets" in run("store", "info", "--store", both).stdout)
for more in ([], ["--quick"]):
    p = exits(f"check {more}", 0, "store", "check", *more, "--store", both)
    check(f"check {more} says so", p.stdout.startswith(b"sound"), p.stdout)
exits("--quick is check's", 2, "store", "info", "--quick", "--store", both, says="check")
bad = db("bad.db")
shutil.copy(both, bad)
with sqlite3.connect(bad) as c:
    c.execute("UPDATE sighting SET packets = packets + 1 WHERE seq = 7")
    c.execute("UPDATE sensor SET name = 'nord' WHERE id = 1")
c.close()
p = exits("check of a damaged store", 5, "store", "check", "--store", bad, says="not sound: ")
check("a sentence for each trouble", b"sensor 1 does not match its checksum\n" in p.stdout, p.stdout)
exits("export from a damaged store", 5, "export", "--store", bad, says="store check")
exits("prune without a limit", 2, "store", "prune", "--store", both, says="--older-than")
# packets without a time
spb = frame((192, 0, 2, 9))
pad = -len(spb) % 4
ng = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28) + struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20) + \
    (struct.pack("<III", 3, 16 + len(spb) + pad, len(spb)) + spb + bytes(pad) + struct.pack("<I", 16 + len(spb) + pad)) * 2
timeless, undated = put("timeless.pcapng", ng), db("undated.db")
exits("packets without a time are kept", 0, "ingest", "--store", undated, timeless)
exits("and counted once", 0, "ingest", "--store", undated, timeless)
for source in ((timeless,), ("--store", undated)):
    p = run("report", "--by", "source", *source)
    check(f"it is said that they have none, from {source[0]}", b"note: 2 packets have no time in the file" in p.stdout and b"1970-01-01" in p.stdout, p.stdout)
    check("and in json", json.loads(run("report", "--by", "total", "--format", "json", *source).stdout)["meta"]["undated"] == 2)
check("a file with times says nothing", b"no time in the file" not in run("report", "--by", "source", a).stdout)
check("doctor names them", b"2 of 2 packets have no time" in run("doctor", "--store", undated).stdout)
p = exits("a store that cannot be made", 5, "ingest", "--store", "/proc/x.db", a, says="/proc/x.db")
check("says that, not how to make one", b"makes one" not in p.stderr and b"folder" in p.stderr, p.stderr)
exits("no such action", 2, "store", "burn", "--store", both, says="prune")
exits("info of no store", 5, "store", "info", "--store", db("missing.db"), says="missing.db")
p = exits("prune", 0, "store", "prune", "--older-than", "30d", "--store", both)
check("prune says what went", b"packets 3300" in p.stdout, p.stdout)
p = run("report", "--by", "total", "--format", "csv", "--store", both)
check("pruned rows stay in the sums", rows(p)[0]["packets"] == "3300" and rows(p)[0]["sources"] == "57", p.stdout)
for by in "total city network country source class day week hour prefix24 target tunnel".split():
    for more in ([], ["--redact-dst"], ["--since", "2017-01-28T06:00Z", "--until", "2017-01-29T12:00Z"], ["--src", "192.0.2.0/28", "--dst", "198.51.100.1"]):
        files = run("report", "--by", by, "--format", "json", *more, a, b)
        store = run("report", "--by", by, "--format", "json", *more, "--store", both)
        want, got = json.loads(files.stdout), json.loads(store.stdout)
        same = all(want["meta"][k] == got["meta"][k] for k in ("packets", "bytes", "sources", "first_seen", "last_seen", "filters"))
        check(f"by {by} {more}: pruned rows stay in the answer", want["rows"] == got["rows"] and same and len(got["rows"]) > 0, store.stdout[:400] + store.stderr)
p = run("report", "--by", "total", "--format", "json", "--since", "2017-01-28T05:30Z", "--store", both)
check("an hour that was pruned and is cut: said", "counted whole" in p.stdout.decode(), p.stdout)
exits("compact", 0, "store", "compact", "--store", both)

end()
