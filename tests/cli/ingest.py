#!/usr/bin/env python3
"""What a store says must be what the files say. usage: ingest.py GRESCOPE SOURCE-ROOT GOLDEN-CAPTURES

The raw data of the post, a folder of public captures (both skipped where they are not at hand), a made table of the same form, the golden captures, and what
a person would do to them: twice, in pieces, backwards, renamed, packed, cut and completed, many at once."""
import datetime
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys

from lab import ENV, T, check, db, end, exits, frame, grescope, lines, pcap, put, root, rows, run, shared, tmp, total

golden = sys.argv[3]
KEYS = ("total", "city", "network", "source", "class", "day", "week", "hour", "prefix24", "target", "tunnel")


def said(p):
    """Path, state and packets added of each line; a last line about many files is left out."""
    out = [re.match(r"(.*?): (new|known|resumed|grown|the beginning)(.*); packets (\d+), ", x) for x in lines(p) if not re.match(r"\d+ files: ", x)]
    return [(m[1], m[2], (re.search(r"(?: as | of )(.+?)(?:, nothing added)?$", m[3]) or [None, None])[1], int(m[4])) for m in out if m]


def counted_elsewhere(p):
    """Files whose packets are all in another file as well, as ingest named them: they count once."""
    gone = set()
    for path, state, other, _ in said(p):
        if state in ("known", "the beginning"):
            gone.add(path)
        elif state == "grown" and other:
            gone.add(other)
    return gone


def same_answers(name, store, files, keys=KEYS, more=()):
    for by in keys:
        a, b = run("report", "--by", by, "--format", "csv", *more, *files), run("report", "--by", by, "--format", "csv", *more, "--store", store)
        check(f"{name}, by {by}", a.stdout == b.stdout and len(rows(a)) > 0, (a.stdout[:400], b.stdout[:400], b.stderr))


def same_packets(name, store, files):
    """One row per packet, from the store and from the files; a store gives them in another order."""
    a, b = run("export", "--window", "0", "--format", "csv", *files), run("export", "--window", "0", "--format", "csv", "--store", store)
    check(f"{name}: every packet's row", sorted(lines(a)) == sorted(lines(b)) and len(lines(a)) > 1, b.stderr)


# ---- tables of raw data: the post's own, and a made one of the same form ----

def instants(text):
    """What rows of raw data say: address, time, count, whatever the order, zone and quotes."""
    out = []
    for line in text.splitlines()[1:]:
        address, when, count, protocol = [x.strip().strip('"') for x in line.split(",")]
        if "T" in when:
            when = datetime.datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", when.replace("Z", "+00:00"))).astimezone(datetime.timezone.utc)
        out.append((address, when, int(count), protocol.upper().replace("GRE", "47")))
    return sorted(out, key=str)


def table(name, text, packets, sources):
    head, body = text[:1], text[1:]
    half = len(body) // 2
    scenes = {
        "once": [text],
        "twice": [text, text],
        "halves": [head + body[:half], head + body[half:]],
        "halves, the later first": [head + body[half:], head + body[:half]],
        "backwards": [head + body[::-1]],
        "growing": [head + body[:5], head + body[:half], text],
        "the beginning after the whole": [text, head + body[:half]],
    }
    for scene, parts in scenes.items():
        store = db(f"{name}-{scene}.db".replace(" ", "-").replace(",", ""))
        for i, part in enumerate(parts):
            exits(f"{name} {scene} {i}", 0, "ingest", "--store", store, put(f"{name}-{i}.csv", "".join(part).encode()))
        check(f"{name} {scene}: packets and sources", (total("--store", store)[0], total("--store", store)[2]) == (packets, sources), total("--store", store))
        p = exits(f"{name} {scene}: rows back", 0, "export", "--format", "badpackets", "--store", store)
        check(f"{name} {scene}: the rows that went in", instants(p.stdout.decode()) == instants("".join(text)), p.stdout[:600])
    return db(f"{name}-once.db")


made = ["Source IP,_time,count,Protocol\n"]
made += [f"192.0.2.{1 + i % 7},2017-07-{1 + i:02d}T{i % 24:02d}:05:31.{i:03d}-0700,{1 + i % 3},47\n" for i in range(20)]
table("made", made, sum(1 + i % 3 for i in range(20)), 7)
raw = os.path.join(shared, "seed-data", "hinet-raw.csv")
if os.path.exists(raw):
    with open(raw, newline="") as f:
        store = table("hinet", f.read().splitlines(keepends=True), 24, 18)
    data = next((d for d in (os.environ.get("GRESCOPE_DATA"), os.path.join(root, "data")) if d and os.path.isdir(d)), None)
    if data:
        p = run("report", "--by", "network", "--format", "csv", "--store", store, env={"GRESCOPE_DATA": data})
        check("hinet: one network", [(r["src_asn"], r["packets"], r["sources"]) for r in rows(p)] == [("3462", "24", "18")], p.stdout)

# ---- a folder of captures ----

def folder(name, path, keys):
    sixty, zero = db(name + "-60.db"), db(name + "-0.db")
    files = sorted(f for f in glob.glob(os.path.join(path, "*")) if os.path.isfile(f))
    p = run("ingest", "--store", sixty, path)
    gone = counted_elsewhere(p)
    rest = [x[0] for x in said(p)]
    rest += [f for x in said(p) if x[1] == "grown" and (f := x[2]) in files and f not in rest]
    rest = [f for f in dict.fromkeys(rest) if f not in gone]
    check(f"{name}: files", len(said(p)) > 50 and len(rest) + len(gone) == len({x[0] for x in said(p)}), (len(said(p)), len(rest), gone))
    check(f"{name}: totals less what ingest named", total("--store", sixty) == total(*rest), (total("--store", sixty), total(*rest)))
    check(f"{name}: nothing else is left out", total(path)[0] - total("--store", sixty)[0] == sum(total(f)[0] for f in gone),
          (total(path), total("--store", sixty), gone))
    same_answers(name, sixty, rest, keys)
    exits(f"{name}: no packets from windows of 60 s", 2, "export", "--window", "0", "--store", sixty, says="60 s")
    run("ingest", "--window", "0", "--store", zero, path)
    same_packets(name, zero, rest)
    same_answers(name + " at window 0", zero, rest, ("source", "class"), ("--window", "0"))
    again = run("ingest", "--store", sixty, path)
    check(f"{name} again: nothing", all(n == 0 for _, _, _, n in said(again)) and total("--store", sixty) == total(*rest), said(again)[:3])
    return gone


captures = os.path.join(shared, "captures")
if os.path.isdir(captures):
    # without `class`: of a capture that grew, a window is in two parts, and what answers the tunnel may be in the other one
    gone = folder("captures", captures, [k for k in KEYS if k != "class"])
    check("captures: some are the beginning of others", 0 < len(gone) < 8, gone)
folder("golden", golden, ("total", "source", "class", "target", "tunnel", "day"))

# ---- many files, as a person names them ----

os.mkdir(db("in"))
days = []
for day in range(6):
    frames = [(T + 86400 * day + 600 * i, frame((192, 0, 2, 1 + (i + day) % 9))) for i in range(30)]
    days.append(frames)
    name = f"in/{5 - day}.pcap"  # names the other way round: time decides
    put(name + (".gz" if day == 2 else ".zst" if day == 3 else ""),
        gzip.compress(pcap(frames)) if day == 2 else subprocess.run(["zstd", "-qc"], input=pcap(frames), stdout=subprocess.PIPE, check=True).stdout if day == 3
        else pcap(frames))
put("in/notes.txt", b"none of yours\n")
put("last.pcap", pcap([(T + 10 ** 6, frame((203, 0, 113, 1)))]))
p = exits("folders and patterns", 0, "ingest", "--store", db("many.db"), "--sensor", "north", db("las*.pcap"), db("in"))
check("in order of time", [os.path.basename(x[0])[0] for x in said(p)] == list("543210l"), lines(p))
check("a line for all", re.match(r"7 files: new 7; packets 181, sightings \d+, not GRE 0; in folders, of no format that grescope reads: 1$", lines(p)[-1]), lines(p)[-1])
p = exits("the same again", 0, "ingest", "--store", db("many.db"), "--sensor", "north", db("in"))
check("all known", lines(p)[-1].startswith("6 files: known 6; packets 0,"), lines(p)[-1])
p = exits("as another sensor", 0, "ingest", "--store", db("many.db"), db("last.pcap"))
check("says whose it is", "known, nothing added (of sensor north)" in lines(p)[0] and len(lines(p)) == 1, lines(p))
p = exits("twice on one line", 0, "ingest", "--store", db("twice.db"), db("last.pcap"), db("last.pcap"))
check("twice on one line: once", [x[1] for x in said(p)] == ["new", "known"], lines(p))
shutil.move(db("last.pcap"), db("moved.pcap"))
p = exits("moved", 0, "ingest", "--store", db("many.db"), "--sensor", "north", db("moved.pcap"))
check("moved: known as what it was", f"known as {db('last.pcap')}, nothing added" in lines(p)[0], lines(p))
p = exits("stdin twice over", 0, "ingest", "--store", db("many.db"), "--sensor", "north", "-", stdin=gzip.compress(pcap(days[0])))
check("packed and from stdin: known", "known as " in lines(p)[0], lines(p))
os.mkfifo(db("pipe"))
feeder = subprocess.Popen(["sh", "-c", 'cat "$1" > "$2"', "sh", db("moved.pcap"), db("pipe")])
p = exits("a pipe", 0, "ingest", "--store", db("pipe.db"), db("pipe"))
feeder.wait()
check("a pipe is read", said(p) and said(p)[0][3] == 1, (lines(p), p.stderr))

# ---- trouble with one is no trouble for the others ----

p = exits("one is missing", 4, "ingest", "--store", db("some.db"), db("none.pcap"), db("moved.pcap"), db("no*.x"), says="none.pcap")
check("the others are kept, the line says so", lines(p)[-1].startswith("3 files: new 1, not read 2; packets 1,") and b"no*.x" in p.stderr, lines(p))
exits("all are missing", 4, "ingest", "--store", db("nothing.db"), db("none.pcap"), db("no*.x"))
check("no store is made for nothing", not os.path.exists(db("nothing.db")))
os.mkdir(db("empty"))
p = exits("an empty folder beside a file", 4, "ingest", "--store", db("some.db"), db("empty"), db("moved.pcap"), says="empty")
check("the file beside is read", "known" in lines(p)[0], lines(p))
bad = put("bad.pcap", pcap(days[0])[:24] + b"\xff" * 400)
text = put("text.pcap", b"Dear reader,\n")
p = exits("damaged, and no capture", 4, "ingest", "--store", db("bad.db"), bad, text, db("moved.pcap"), says="bad.pcap")
check("both are told, the third is kept", b"text.pcap" in p.stderr and total("--store", db("bad.db"))[0] == 1, p.stderr)
if os.geteuid() == 0:
    exe = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", grescope, "--version"], capture_output=True).returncode == 0
    os.chmod(tmp, 0o777)
    secret = put("secret.pcap", pcap(days[0]))
    os.chmod(secret, 0)
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", grescope, "ingest", "--store", db("nobody.db"), secret, db("moved.pcap")],
                       capture_output=True, env=ENV)
    check("no right to one", not exe or (p.returncode == 6 and b"secret.pcap" in p.stderr and b"packets 1," in p.stdout), (p.returncode, p.stderr, p.stdout))

# ---- cut, completed, and cut again; at any octet ----

whole = pcap(days[0])
for how, packed in (("plain", whole), ("gz", gzip.compress(whole, mtime=0)), ("zst", subprocess.run(["zstd", "-qc"], input=whole, stdout=subprocess.PIPE).stdout)):
    store = db(f"cut-{how}.db")
    last = 0
    for at in (30, len(packed) // 3, len(packed) // 2, len(packed) - 1, len(packed)):
        p = run("ingest", "--store", store, put("growing", packed[:at]))
        now = total("--store", store)[0] if os.path.exists(store) else 0
        check(f"{how} up to octet {at}", p.returncode in ((0,) if at == len(packed) else (0, 4)) and now >= last, (p.returncode, p.stderr, now, last))
        last = now
    check(f"{how}: all of it in the end", last == 30, last)
    p = exits(f"{how}: cut again", 4, "ingest", "--store", store, put("growing", packed[: len(packed) * 2 // 3]), says="growing")
    check(f"{how}: cut again, nothing added", total("--store", store)[0] == 30, lines(p))
    same_answers(f"{how}, completed", store, [put("whole", packed)], ("source", "class", "hour"))

# ---- what changes the rows of a capture that is half in ----

half = put("half.pcap", pcap(days[1][:10]))
exits("half", 0, "ingest", "--store", db("half.db"), half)
put("half.pcap", pcap(days[1]))
exits("the rest under another sensor", 2, "ingest", "--store", db("half.db"), "--sensor", "south", half, says="another sensor")
exits("the rest with another window", 2, "ingest", "--store", db("half.db"), "--window", "0", half, says="another window")
exits("the rest with GRE in UDP", 2, "ingest", "--store", db("half.db"), "--include-udp", half, says="other options")
p = exits("the rest as it was begun", 0, "ingest", "--store", db("half.db"), half)
check("only the rest", "grown; packets 20," in lines(p)[0], lines(p))
p = exits("refused beside others", 2, "ingest", "--store", db("half.db"), "--window", "0", put("half.pcap", pcap(days[1] + days[2])), db("moved.pcap"), says="another window")
check("refused beside others: they are read", any(x[3] == 1 for x in said(p)), lines(p))
p = run("ingest", "-q", "--store", db("quiet.db"), db("in"), db("none.pcap"))
check("quiet: only what is wrong", p.stdout == b"" and b"none.pcap" in p.stderr and p.returncode == 4, (p.stdout, p.stderr))
p = run("ingest", "--store", db("full.db"), db("moved.pcap"), stdout=open("/dev/full", "w"))
check("stdout is full", p.returncode == 4 and b"stdout" in p.stderr, (p.returncode, p.stderr))

for name in sorted(os.listdir(tmp)):
    if name.endswith(".db") and os.path.getsize(db(name)) and run("store", "info", "--store", db(name)).returncode == 0:
        p = run("store", "check", "--store", db(name))
        check(f"{name} is sound", p.returncode == 0, p.stdout + p.stderr)
shutil.rmtree(tmp)
end()
