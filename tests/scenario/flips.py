#!/usr/bin/env python3
"""One flipped bit in a store, many times: never a different number without a word. usage: flips.py GRESCOPE BOTS.pcap [FLIPS [PACKETS [SEED]]]

The store has a journal that holds commits (a reader kept it from being emptied), pruned days, and bots. For each flip, somewhere in the store or its journal:
report, export, bots and store check give the undamaged answer, or a sentence and exit code 5; store check finds every flip that changes what any table
says, as another program reads it, and every one that a question met."""
import os
import random
import shutil
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

from scene import Scene, made_frames, write_pcap

bots = sys.argv[2]
flips = int(sys.argv[3]) if len(sys.argv) > 3 else 200
packets = int(sys.argv[4]) if len(sys.argv) > 4 else 600
seed = int(sys.argv[5]) if len(sys.argv) > 5 else 47
s = Scene("flips", sys.argv[1])
FILES = ("", "-wal", "-writer")
QUESTIONS = (("report", "--by", "source", "--format", "csv"), ("export", "--format", "csv"), ("bots", "--format", "csv"), ("store", "check"))


def make():
    """The store, and its files as they lie while a reader holds them."""
    db = s.path("made.db")
    one = write_pcap(s.path("one.pcap"), made_frames(seed, packets, 3 * 86400))
    two = write_pcap(s.path("two.pcap"), made_frames(seed + 1, packets, 86400, 1488000000))
    three = write_pcap(s.path("three.pcap"), made_frames(seed + 2, packets // 2, 3600, 1489000000))
    s.exits("make", 0, "ingest", "--store", db, "--sensor", "north", one)
    s.exits("make more", 0, "ingest", "--store", db, "--sensor", "south", two)
    s.exits("make bots", 0, "ingest", "--store", db, "--sensor", "north", bots)
    s.exits("prune", 0, "store", "prune", "--store", db, "--older-than", "2017-02-01")
    reader = sqlite3.connect(db)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sighting").fetchone()
    s.exits("into the journal", 0, "ingest", "--store", db, "--sensor", "south", three)
    files = {x: open(db + x, "rb").read() for x in FILES}
    rows = [d for d, in reader.execute("SELECT data FROM bot")]
    reader.close()
    return files, [at for at in (files[""].find(d[:200]) for d in rows) if at > 0]


def put(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    db = os.path.join(folder, "store.db")
    for x, data in files.items():
        with open(db + x, "wb") as f:
            f.write(data)
    return db


def tables(db):
    """Everything the tables say, read by SQLite itself; None where it cannot."""
    c = sqlite3.connect(db)
    c.text_factory = bytes
    try:
        names = [n.decode() for n, in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return ([c.execute(f"PRAGMA {p}").fetchone() for p in ("user_version", "application_id", "page_size")],
                c.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall(),
                [sorted(c.execute(f"SELECT * FROM {n}").fetchall(), key=repr) for n in names])
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    finally:
        try:
            c.close()
        except sqlite3.Error:
            pass


def ask(folder, files):
    """Result of each question, each on files of its own."""
    db = put(folder, files)
    out = []
    for q in QUESTIONS:
        p = s.run(*q, "--store", db, limit=120)
        out.append((p.returncode, p.stdout, p.stderr.decode(errors="replace")))
    return out, tables(put(folder, files))


files, bot_rows = make()
s.check("bots are in the store", len(bot_rows) >= 2, bot_rows)
s.check("the journal holds something", len(files["-wal"]) > 30000, len(files["-wal"]))
truth, said = ask(s.path("truth"), files)
s.check("the undamaged one answers", [c for c, _, _ in truth] == [0] * 4 and len(truth[1][1].splitlines()) > packets // 2 and truth[2][1].count(b"\n") > 2, truth)
bare, _ = ask(s.path("bare"), {x: b if x != "-wal" else b"" for x, b in files.items()})
s.check("without its journal it says so", all(c == 5 and "commits" in e + o.decode() for c, o, e in bare), bare)

r = random.Random(seed)
size = {x: len(files[x]) for x in ("", "-wal")}
places = []
for i in range(flips):
    at = r.randrange(sum(size.values()))
    if i % 8 == 0:  # the first page has the engine's own header and the list of tables
        at = r.randrange(2048)
    elif i % 8 == 1:
        at = size[""] + r.randrange(min(4096, size["-wal"]))
    elif i % 8 == 2:
        at = max(0, r.choice(bot_rows) + r.randrange(-60, 700))
    places.append((("", at) if at < size[""] else ("-wal", at - size[""])) + (r.randrange(8),))


def one(job):
    n, (name, at, bit) = job
    data = bytearray(files[name])
    data[at] ^= 1 << bit
    return job, *ask(s.path(f"flip-{n % 4}-{n}"), {**files, name: bytes(data)}), shutil.rmtree(s.path(f"flip-{n % 4}-{n}"), ignore_errors=True)


silent = met = found = met_bots = 0
with ThreadPoolExecutor(2) as pool:
    for (n, place), answers, now, _ in pool.map(one, enumerate(places)):
        what = f"flip {n} at {place}"
        wrong = False
        for q, (code, out, err), (_, right, _) in zip(QUESTIONS[:-1], answers, truth):
            same = code == 0 and out == right
            wrong |= not same
            met_bots += q[0] == "bots" and not same
            s.check(f"{what}: {' '.join(q)}", same or (code == 5 and err.startswith("grescope: ") and "Sanitizer" not in err), (code, err[:300], out[:200]))
        code, out, err = answers[-1]
        s.check(f"{what}: check ends well", code in (0, 5) and "Sanitizer" not in err and (code == 0) == (out == b"sound\n"), (code, err[:300], out[:300]))
        differs = now != said
        s.check(f"{what}: check finds it", code == 5 or not (wrong or differs), (answers[0], answers[1][0], answers[1][2], differs, out[:300]))
        met += wrong
        found += code == 5
        silent += not wrong and not differs and code == 0
print(f"store {size['']} octets, journal {size['-wal']}: {flips} flips, {met} met by a question ({met_bots} by bots), {found} found by check, {silent} in unused places")
s.check("flips that matter were tried", met > flips // 20 and found > flips // 10 and met_bots > flips // 20, (met, found, met_bots))
s.end()
