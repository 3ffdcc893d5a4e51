"""The sensor from wire to store: what is sent to an interface is kept by `watch` as reading the same frames from a file keeps it.

usage: watch_live.py GRESCOPE LIVECAP GOLDEN.pcap... SHARED_FOLDER    Skipped (77) without root.
"""
import csv
import io
import os
import sys
import time

import net
from live_frames import captures
from scene import Scene

grescope, livecap, *golden, shared = sys.argv[1:]
livecap = os.path.abspath(livecap)
shared = os.environ.get("GRESCOPE_SHARED") or shared
net.need()
net.limit()
scene = Scene("watch-live", grescope)


def kept(store, *args):
    """Sightings of a store, without the columns of time and sensor, in no order."""
    p = scene.run("export", "--store", store, "--format", "csv", *args, limit=120)
    if p.returncode:
        raise RuntimeError(p.stderr.decode())
    table = list(csv.reader(io.StringIO(p.stdout.decode())))
    drop = {table[0].index(c) for c in ("timestamp", "end_time", "sensor")}
    return sorted(tuple(c for i, c in enumerate(r) if i not in drop) for r in table[1:])


def watch(lab, frames, store, *args):
    p = lab.start([scene.grescope, "watch", "-i", lab.rx, "-q", "--store", store, *args], env=scene.env)
    net.wait_for(lambda: os.path.exists(store) and said(p).count("watching"), limit=30)
    lab.send(frames)
    begin = time.monotonic()
    _, err = lab.stop(p)
    return p.returncode, time.monotonic() - begin, err


def said(p):
    with open(f"/proc/self/fd/{p.said.fileno()}") as f:
        return f.read()


sent = [f for _, frames in captures(golden, shared) for f in frames]
path = scene.path("sent.pcap")
with net.Lab() as lab:
    live, read = scene.path("live.db"), scene.path("read.db")
    window = ("--window", "86400")  # one for all: when each frame was sent makes no difference
    # the file has the frames and their times, for some rules go by those
    q = lab.start([livecap, "-i", lab.rx, "-s", "65536", "-w", path])
    net.wait_line(q, "ready")
    code, took, err = watch(lab, sent, live, "--snaplen", "65536", *window)
    scene.check("ends well, and soon", code == 0 and took < 5, f"exit {code}, {took:.1f} s: {err}")
    lab.stop(q)
    p = scene.run("ingest", "--store", read, *window, path, limit=120)
    scene.check("ingest", p.returncode == 0, p.stderr.decode())
    a, b = kept(live), kept(read)
    scene.check("something to see", len(a) > 100, len(a))
    only_live, only_read = sorted(set(a) - set(b))[:3], sorted(set(b) - set(a))[:3]
    scene.check("the same sightings", a == b, f"{len(a)} live, {len(b)} read; only live {only_live}; only read {only_read}")
    print(f"{len(sent)} frames sent, {len(a)} sightings, stopped in {took:.2f} s")
scene.end()
