#!/usr/bin/env python3
"""kill -9 while grescope ingests, again and again, then the rest in peace. usage: kills.py GRESCOPE [KILLS [PACKETS [SEED]]]

Two ways: many small files, so that kills fall between and into commits of whole files; one file stored packet by packet, so that they fall between
checkpoints inside of it. After each kill the store opens and is sound as far as --quick tells; at the end store check finds nothing, totals and export
are those of an undisturbed ingest, and every file is known."""
import os
import random
import signal
import subprocess
import sys
import time

from scene import Scene, made_frames, write_pcap

kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
packets = int(sys.argv[3]) if len(sys.argv) > 3 else 50000
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 47
s = Scene("kills", sys.argv[1])
r = random.Random(seed)


def answers(db):
    total = s.exits("total", 0, "report", "--by", "source", "--format", "csv", "--store", db).stdout
    rows = s.exits("export", 0, "export", "--format", "csv", "--store", db).stdout
    return total, sorted(rows.splitlines())


def disturbed(name, kills, reach, args, files):
    """Ingests files: undisturbed, then into another store with kills at random moments within `reach` of the time that took."""
    calm, torn = s.path(name + "-calm.db"), s.path(name + "-torn.db")
    began = time.monotonic()
    s.exits(f"{name}: undisturbed", 0, "ingest", "-q", "--store", calm, *args, *files)
    whole = time.monotonic() - began
    landed = committed = tries = 0
    rows = 0
    while landed < kills and tries < 4 * kills:
        i = tries = tries + 1
        p = s.start("ingest", "-q", "--store", torn, *args, *files)
        try:
            p.wait(r.random() * reach * whole)
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
        _, err = p.communicate()
        landed += p.returncode == -signal.SIGKILL
        s.check(f"{name}: kill {i}", p.returncode in (0, -signal.SIGKILL), (p.returncode, err[-500:]))
        if not os.path.exists(torn):
            continue
        if i % 10 == 0:
            s.exits(f"{name}: sound after kill {i}", 0, "store", "check", "-q", "--store", torn)
        if p.returncode == 0:  # it was through: begin anew
            for x in ("", "-wal", "-shm", "-writer", "-ballast"):
                if os.path.exists(torn + x):
                    os.unlink(torn + x)
            rows = 0
            continue
        now = int(s.exits("info", 0, "store", "info", "--format", "json", "--store", torn).stdout.split(b'"row_sightings":')[1].split(b",")[0])
        s.check(f"{name}: nothing acknowledged is lost by kill {i}", now >= rows, (rows, now))
        committed += now > rows
        rows = now
    s.exits(f"{name}: resumed", 0, "ingest", "-q", "--store", torn, *args, *files)
    s.exits(f"{name}: sound", 0, "store", "check", "-q", "--store", torn)
    a, b = answers(calm), answers(torn)
    s.check(f"{name}: totals as undisturbed", a[0] == b[0] and len(a[0]) > 1000, (a[0][:300], b[0][:300]))
    s.check(f"{name}: export as undisturbed", a[1] == b[1] and len(a[1]) > 1000, (len(a[1]), len(b[1])))
    p = s.exits(f"{name}: known now", 0, "ingest", "--store", torn, *args, *files)
    s.check(f"{name}: nothing is added", p.stdout.count(b": known, nothing added;") == len(files), p.stdout[:500])
    print(f"{name}: {landed} kills landed in {tries} ingests, {committed} after something new was committed; undisturbed {whole:.2f} s")
    s.check(f"{name}: kills landed", landed == kills, landed)
    return committed


n = packets // 20
many = [write_pcap(s.path(f"{i:02}.pcap"), made_frames(seed + i, n, 86400, 1485573131 + 90000 * i)) for i in range(20)]
one = write_pcap(s.path("one.pcap"), made_frames(seed, packets * 22 // 5, 86400))  # the store commits after 200,000 rows of one file
some = disturbed("files", kills - kills // 6, 0.5, [], many)
some += disturbed("one file", kills // 6, 1.2, ["--window", "0"], [one])
s.check("kills fell between commits", some > kills // 10, some)
s.end()
