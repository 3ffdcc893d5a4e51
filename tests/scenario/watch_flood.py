"""The sensor under a spoofed flood: memory at its cap, totals to the packet, an estimate of the sources; and the processes of a Mirai flood from forged sources, counted on the wire.

usage: watch_flood.py GRESCOPE BLAST MKFLOOD MKBOTS [SECONDS [ROUNDS]]    Skipped (77) without root.
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

grescope, blast, mkflood, mkbots = (os.path.abspath(a) for a in sys.argv[1:5])
seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 4
rounds = int(sys.argv[6]) if len(sys.argv) > 6 else 20000
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

    # more processes than a small memory can tell apart: it begins anew when it is full, not when the day is over
    store = scene.path("more.db")
    p = start(lab, store, "--memory", "16M", "--window", "1")
    for part in range(2):
        with open(scene.path("more.bots"), "w") as f:
            f.write(f"scene seed={part}\n")
            for i in range(200):
                f.write(f"process name=p{i} seed={1511100000 + i}:{1234 + part}:{200000 + i}\n")
            for i in range(200):
                f.write(f"attack process=p{i} target=198.51.100.7 kind=greip len=64 rounds=3 pps=300000 source=-1\n")
        net.run(mkbots, scene.path("more.bots"), scene.path("more"))
        lab.replay(scene.path("more.pcap"), "--pps=2000")
        time.sleep(2.5)
    lab.stop(p)
    known = [b["bot"] for b in table("bots", "--store", store, "--limit", "0")]
    scene.check("a full list of processes makes room", 64 < len(set(known)) == len(known) < 200, len(known))

    # five processes at once, every packet from a source of its own, as fast as it can be sent: who counts addresses counts hundreds of thousands
    kinds = ("greip len=64", "greip len=64", "greeth len=64", "greip len=16", "greip len=0")
    with open(scene.path("five.bots"), "w") as f:
        f.write("scene seed=47\n")
        for i, kind in enumerate(kinds):
            f.write(f"process name=p{i} order={'be' if i % 2 else 'le'} seed={1511100000 + i * 1000}:{1234 + i}:{200000 + i}\n")
        for i, kind in enumerate(kinds):
            f.write(f"attack process=p{i} target=198.51.100.7 kind={kind} rounds={rounds} pps=300000 source=-1\n")
    net.run(mkbots, scene.path("five.bots"), scene.path("five"), limit=120)
    store, read = scene.path("bots.db"), scene.path("read.db")
    p = start(lab, store)
    s = json.loads(lab.run([blast, "-i", lab.tx, "-n", str(rounds * len(kinds)), scene.path("five.pcap")], outside=True, limit=120).stdout)
    out, err = lab.stop(p)
    scene.exits("ingest of the same", 0, "ingest", "--store", read, scene.path("five.pcap"), limit=120)
    found = scene.run("doctor", "--store", store).stdout.decode()
    lost = sum(int(n) for n, where in re.findall(r"(\d+) lost by sensors beside \d+ packets seen: ([^;\n]*)", found) if "interface" not in where)
    live, file = table("bots", "--store", store), table("bots", "--store", read)
    seen = sum(int(b["packets_seen"]) for b in live)
    scene.check("as many processes as there are", len(live) == len(kinds), live)
    scene.check("the same as in the file", {b["bot"] for b in live} == {b["bot"] for b in file}, f"{live} {file}")
    scene.check("each by its seed, and what it sent", all(b["bot"].startswith("seed:") and int(b["packets_seen"]) <= int(b["packets_sent"]) <= rounds for b in live), live)
    scene.check("their packets and the lost ones are all that was sent", seen + lost == s["frames"], f"{seen} + {lost} of {s} {found}")
    print(f"bots: {len(live)} processes in {s['frames']} packets from forged sources, {s['frames'] / s['seconds']:.0f} a second, {seen} seen, {lost} lost")
scene.end()
