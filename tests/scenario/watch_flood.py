"""The sensor under a spoofed flood: memory at its cap, totals to the packet, an estimate of the sources; and bots counted right on the wire.

usage: watch_flood.py GRESCOPE BLAST MKFLOOD MKBOTS_CAPTURE [SECONDS]    Skipped (77) without root.
"""
import csv
import io
import json
import os
import re
import sys
import time

import net
from scene import Scene

grescope, blast, mkflood, bots = (os.path.abspath(a) for a in sys.argv[1:5])
seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 4
net.need()
net.limit(int(180 + 2 * seconds))
scene = Scene("watch-flood", grescope)


def said(p):
    with open(f"/proc/self/fd/{p.said.fileno()}") as f:
        return f.read()


def start(lab, store, *args):
    p = lab.start([scene.grescope, "watch", "-i", lab.rx, "-q", "--store", store, *args], env=scene.env)
    net.wait_for(lambda: os.path.exists(store) and "watching" in said(p), limit=30)
    return p


def table(*args):
    p = scene.run(*args, "--format", "csv", limit=120)
    if p.returncode:
        raise RuntimeError(p.stderr.decode())
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


def tree(pid):
    pids = [pid]
    for i in pids:
        with open(f"/proc/{i}/task/{i}/children") as f:
            pids += [int(c) for c in f.read().split()]
    return pids


def rss(pids):
    total = 0
    for i in pids:
        with open(f"/proc/{i}/smaps_rollup") as f:
            total += int(next(line for line in f if line.startswith("Pss:")).split()[1])
    return total / 1024


with net.Lab(mtu=1500) as lab:
    capture, store = scene.path("small.pcap"), scene.path("flood.db")
    net.run(mkflood, "-o", capture, "small", "100000")
    p = start(lab, store, "--memory", "64M", "--buffer", "32M")
    s = json.loads(lab.run([blast, "-i", lab.tx, "-t", str(seconds), "-x", capture], outside=True, limit=seconds + 60).stdout)
    used = rss(tree(p.pid))
    begin = time.monotonic()
    out, err = lab.stop(p)
    took = time.monotonic() - begin
    scene.check("ends well", p.returncode == 0 and took < 10, f"exit {p.returncode}, {took:.1f} s: {err}")
    total = table("report", "--store", store, "--by", "total")[0]
    packets, sources = int(total["packets"]), int(total["sources"])
    # a machine that is busy with other things may not keep up; then the sensor says by how much
    found = scene.run("doctor", "--store", store).stdout.decode()
    lost = sum(int(n) for n, where in re.findall(r"(\d+) lost by sensors beside \d+ packets seen: ([^;\n]*)", found) if "interface" not in where)
    scene.check("sent = kept + lost", packets + lost == s["frames"], f"{packets} + {lost} of {s}; {err} {found}")
    scene.check("about as many sources", 0.9 * packets < sources < 1.1 * packets, f"{sources} of {packets}, {s}")
    scene.check("memory", used < 64 + 32 + 160, used)
    print(f"spoofed: {s['frames']} packets in {s['seconds']:.1f} s, {packets} kept, {lost} lost, {sources} sources, {used:.0f} MiB in all, stopped in {took:.2f} s")

    store, read = scene.path("bots.db"), scene.path("read.db")
    frames = [f for _, f, _ in net.read_pcap(bots)[1]]
    p = start(lab, store, "--snaplen", "1600")
    lab.send(frames)
    lab.stop(p)
    scene.exits("ingest of the same", 0, "ingest", "--store", read, bots, limit=120)
    live, file = table("bots", "--store", store), table("bots", "--store", read)
    scene.check("the same bots", len(live) > 0 and {b["bot"] for b in live} == {b["bot"] for b in file}, f"{live} {file}")
    scene.check("the same packets of each", {b["bot"]: b["packets_seen"] for b in live} == {b["bot"]: b["packets_seen"] for b in file}, f"{live} {file}")
    print(f"bots: {len(live)} processes in {len(frames)} frames")
scene.end()
