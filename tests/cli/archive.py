#!/usr/bin/env python3
"""Archives from the command line: moving house, merging sensors, and what goes wrong. usage: archive.py GRESCOPE SOURCE-ROOT BOTS.pcap..."""
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time

from lab import ENV, T, check, db, end, exits, frame, grescope, lines, pcap, put, rows, run, tmp, total

KEYS = "total city network country source class day week hour prefix24 target tunnel".split()


def same(name, a, b, keys=("total", "source", "hour", "target")):
    for by in keys:
        x, y = (run("report", "--by", by, "--format", "csv", "--store", s) for s in (a, b))
        check(f"{name}, by {by}", x.stdout == y.stdout and len(rows(x)) > 0, (x.stdout[:300], y.stdout[:300], y.stderr))
    x, y = (run("export", "--format", "csv", "--store", s) for s in (a, b))
    check(f"{name}: rows", sorted(lines(x)) == sorted(lines(y)), y.stderr)


one, two, third = (put(f"{i}.pcap", pcap([(T + 70 * k + 5000 * i, frame((192, 0, 2 + i, 1 + k % 40), (198, 51, 100, k % 3))) for k in range(1500)])) for i in range(3))
north, south, both, merged = db("north.db"), db("south.db"), db("both.db"), db("merged.db")
for store, sensor, files in ((north, "north", [one, third]), (south, None, [two, third]), (both, "north", [one, third]), (both, "south", [two])):
    exits(f"ingest {store}", 0, "ingest", "--store", store, *(["--sensor", sensor] if sensor else []), *files)

# out
a, b = db("north.jz"), db("south.jz")
p = exits("export", 0, "store", "export-archive", "--store", north, a)
check("export says how much", lines(p)[0].startswith(a + ": sightings ") and lines(p)[0].endswith("inputs 2"), lines(p))
exits("never over another file", 2, "store", "export-archive", "--store", north, a, says="there already")
check("no leavings", not [f for f in os.listdir(tmp) if ".part" in f], os.listdir(tmp))
p = exits("to stdout", 0, "store", "export-archive", "--store", south, "-")
with open(b, "wb") as f:
    f.write(p.stdout)
plain = subprocess.run(["zstd", "-dcq", b], stdout=subprocess.PIPE, check=True).stdout
docs = [json.loads(x) for x in plain.decode().splitlines()]
check("JSON lines", docs[0]["archive"] == "grescope" and docs[0]["rows"] == sum("seq" in d for d in docs) > 100 and docs[-1]["lines"] == len(docs) - 1, docs[0])
exits("nowhere to write", 4, "store", "export-archive", "--store", north, db("none/x.jz"), says="none/x.jz")
exits("a full disk", 4, "store", "export-archive", "--store", north, "-", stdout=open("/dev/full", "w"), says="stdout")
exits("no store", 5, "store", "export-archive", "--store", db("none.db"), db("x.jz"), says="no store")
exits("no file", 2, "store", "export-archive", "--store", north, says="export-archive")
exits("two files", 2, "store", "export-archive", "--store", north, db("x.jz"), db("y.jz"))
exits("of one sensor", 2, "store", "export-archive", "--store", north, "--sensor", "north", db("x.jz"), says="--sensor")
exits("since", 2, "store", "export-archive", "--store", north, "--since", "30d", db("x.jz"), says="--since")
exits("with a limit", 2, "store", "export-archive", "--store", north, "--max-size", "1M", db("x.jz"), says="--max-size")
exits("--sensor elsewhere", 2, "store", "info", "--store", north, "--sensor", "north", says="--sensor")
check("nothing was made of these", not os.path.exists(db("x.jz")))
master, slave = pty.openpty()
p = subprocess.run([grescope, "store", "export-archive", "--store", north, "-"], stdout=slave, stderr=subprocess.PIPE, env=ENV)
check("not to a terminal", p.returncode == 2 and b"terminal" in p.stderr, p.stderr)

# in
p = exits("import both", 0, "store", "import-archive", "--store", merged, "--sensor", "south", a, b)
check("the capture that both have counts once", "known already" in lines(p)[1] and total("--store", merged)[0] == 4500, lines(p))
same("merged", both, merged, KEYS)
before = run("store", "info", "--store", merged).stdout.splitlines()[5:]
p = exits("again, the other way round", 0, "store", "import-archive", "--store", merged, b, a)
check("nothing new", all(": sightings 0, known already" in x and x.endswith("inputs 0") for x in lines(p)), lines(p))
check("and nothing changed", run("store", "info", "--store", merged).stdout.splitlines()[5:] == before)
same("twice", both, merged)
p = exits("captures are known", 0, "ingest", "--store", merged, "--sensor", "north", one, third)
check("captures are known: all", lines(p)[-1].startswith("2 files: known 2;"), lines(p))
exits("unpacked, from stdin", 0, "store", "import-archive", "--store", db("house.db"), "-", stdin=plain)
same("moved house", south, db("house.db"))
p = run("store", "import-archive", "-q", "--store", db("quiet.db"), a)
check("quiet", p.returncode == 0 and p.stdout == b"", p.stdout)

# what pruned rows leave behind
exits("prune", 0, "store", "prune", "--store", both, "--older-than", "2017-01-29T12:00Z")
exits("export what is left", 0, "store", "export-archive", "--store", both, db("pruned.jz"))
exits("import what is left", 0, "store", "import-archive", "--store", db("pruned.db"), db("pruned.jz"))
check("sums survive", total("--store", db("pruned.db")) == total("--store", both) == (4500, total("--store", merged)[1], total("--store", merged)[2]),
      (total("--store", db("pruned.db")), total("--store", both)))
same("pruned", both, db("pruned.db"))
p = exits("sums that overlap", 4, "store", "import-archive", "--store", north, db("pruned.jz"), says="cannot be told apart")
check("sums that overlap: left out", total("--store", north)[0] == 3000, lines(p))

# bots: the merged store answers as one that read all of it; a capture that was cut in two, one half here and one there, is one again
scene = {os.path.basename(p)[:-5]: p for p in sys.argv[3:]}


def halves(path):
    data = open(path, "rb").read()
    at, ends = 24, []
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        ends.append(at)
    end = ends[len(ends) // 2]
    return put("half1.pcap", data[:end]), put("half2.pcap", data[:24] + data[end:])


def same_estimates(have, want):
    """More sources than are kept one by one are estimated, by a hash that every run draws anew: near each other, then the same for what follows."""
    near = True
    for h, w in zip(have, want):
        if "sources=estimated" in h.get("evidence", ""):
            near &= abs(h["src_ips"] - w["src_ips"]) <= max(3, w["src_ips"] // 8)
            h["src_ips"] = w["src_ips"]
    return near


def same_bots(name, x, y, least):
    for q in (("bots",), ("report", "--by", "bot"), ("bots", "--sensor", "north"), ("bots", "--since", "2017-11-24T05:06:50Z")):
        p, w = (run(*q, "-q", "--format", "jsonl", "--store", s) for s in (x, y))
        have, want = ([{k: v for k, v in json.loads(d).items() if k != "meta"} for d in lines(a)] for a in (p, w))
        near = same_estimates(have, want)
        check(f"{name}: {' '.join(q)}", p.returncode == w.returncode == 0 and near and have == want and (len(have) >= least or "--since" in q or "--sensor" in q),
              (have[:3], want[:3], p.stderr, w.stderr))


first, second = halves(scene["mixed"])
n_bots, s_bots, m_bots, o_bots = db("n-bots.db"), db("s-bots.db"), db("m-bots.db"), db("o-bots.db")
for store, sensor, files in ((n_bots, "north", [one, first, scene["prefixes"]]), (s_bots, "south", [scene["cut"], second, scene["prefixes"]]),
                             (o_bots, "north", [one, first, scene["prefixes"]]), (o_bots, "south", [scene["cut"], second])):
    exits(f"ingest {store}", 0, "ingest", "--store", store, "--sensor", sensor, *files)
p = exits("export bots", 0, "store", "export-archive", "--store", n_bots, db("n-bots.jz"))
check("export says how many bots", ", bots " in lines(p)[0], lines(p))
exits("export the other bots", 0, "store", "export-archive", "--store", s_bots, db("s-bots.jz"))
p = exits("import bots", 0, "store", "import-archive", "--store", m_bots, db("n-bots.jz"))
check("import says how many bots", ", bots " in lines(p)[0], lines(p))
for _ in range(2):  # the second is a kept answer
    same_bots("one archive", m_bots, n_bots, 2)
exits("import the other bots", 0, "store", "import-archive", "--store", m_bots, db("s-bots.jz"))
same_bots("merged bots", m_bots, o_bots, 3)
p = exits("import bots again", 0, "store", "import-archive", "--store", m_bots, db("n-bots.jz"), db("s-bots.jz"))
check("no bots come twice", not any(", bots " in x for x in lines(p)), lines(p))
same_bots("merged bots, twice", m_bots, o_bots, 3)
exits("the halves are known", 0, "ingest", "--store", m_bots, "--sensor", "south", scene["cut"], second)
same_bots("merged bots, read again", m_bots, o_bots, 3)


def bot_lines(archive):
    text = subprocess.run(["zstd", "-dcq", archive], stdout=subprocess.PIPE, check=True).stdout.decode()
    return sorted((d.get("number", -1), d["data"]) for d in map(json.loads, text.splitlines()) if "bot" in d)


exits("export what was imported", 0, "store", "export-archive", "--store", m_bots, db("m-bots.jz"))
exits("export from the one", 0, "store", "export-archive", "--store", o_bots, db("o-bots.jz"))
exits("import what was imported", 0, "store", "import-archive", "--store", db("m2-bots.db"), db("m-bots.jz"))
exits("export that", 0, "store", "export-archive", "--store", db("m2-bots.db"), db("m2-bots.jz"))
check("bots come back octet by octet", len(bot_lines(db("m-bots.jz"))) > 4 and bot_lines(db("m-bots.jz")) == bot_lines(db("m2-bots.jz")))
for store in (m_bots, o_bots):
    exits("prune bots", 0, "store", "prune", "--store", store, "--older-than", "2018-01-01")
check("pruned: no bots", run("bots", "--fail-empty", "--store", m_bots).returncode == 1)
exits("export without bots", 0, "store", "export-archive", "--store", m_bots, db("p-bots.jz"))
exits("import without bots", 0, "store", "import-archive", "--store", db("p-bots.db"), db("p-bots.jz"))
check("pruned bots stay pruned", run("bots", "--fail-empty", "--store", db("p-bots.db")).returncode == 1)

# wrong ones
whole = open(a, "rb").read()
for name, data in (("cut", whole[: len(whole) // 2]), ("flipped", whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 4]) + whole[len(whole) // 2 + 1:])):
    store = db(name + ".db")
    p = exits(name, 4, "store", "import-archive", "--store", store, put(name + ".jz", data), says="line ")
    exits(name + ", then whole", 0, "store", "import-archive", "--store", store, a)
    check(name + ", then whole: all of it", total("--store", store) == total("--store", north), total("--store", store))
exits("a capture", 4, "store", "import-archive", "--store", db("new.db"), one, says="no archive")
exits("one wrong, one right", 4, "store", "import-archive", "--store", db("some.db"), one, db("none.jz"), a, says="none.jz")
check("one wrong, one right: that is read", total("--store", db("some.db")) == total("--store", north))
exits("missing", 4, "store", "import-archive", "--store", db("never.db"), db("none.jz"), says="none.jz")
check("missing: no store is made", not os.path.exists(db("never.db")))
exits("none named", 2, "store", "import-archive", "--store", merged, says="import-archive")
exits("not a store", 5, "store", "import-archive", "--store", put("text.db", b"text\n" * 2000), a, says="text.db")

# stopped half way: no half archive under any name
big = db("big.db")
exits("many rows", 0, "ingest", "--store", big, "--window", "0", put("big.pcap", pcap([(T + k // 50, frame((192, 0, 2, k % 250))) for k in range(60000)])))
for _ in range(3):
    p = subprocess.Popen([grescope, "store", "export-archive", "--store", big, db("stopped.jz")], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.time() + 20
    while time.time() < deadline and p.poll() is None and not any(".part" in f for f in os.listdir(tmp)):
        time.sleep(0.005)
    p.send_signal(signal.SIGTERM)
    p.wait()
    left = [f for f in os.listdir(tmp) if f.startswith("stopped")]
    check("stopped: nothing, or all of it", left == [] if p.returncode else left == ["stopped.jz"], (p.returncode, left))
    if left:
        os.unlink(db("stopped.jz"))

for name in sorted(os.listdir(tmp)):
    if name.endswith(".db") and os.path.getsize(db(name)) and run("store", "info", "--store", db(name)).returncode == 0:
        p = run("store", "check", "--store", db(name))
        check(f"{name} is sound", p.returncode == 0, p.stdout + p.stderr)
shutil.rmtree(tmp)
end()
