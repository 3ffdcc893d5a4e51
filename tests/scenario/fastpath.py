"""The fast path in namespaces: every counted packet is in exactly one sighting, whatever the table and the rings could hold.

usage: fastpath.py XDPCAP LIVECAP SHARED_FOLDER    Skipped (77) without root, or where the kernel or the build has no fast path.
"""
import json
import os
import random
import sys
import time

import net
from live_frames import captures, tagged
from scene import Scene, frame

xdpcap, livecap, shared = (os.path.abspath(a) for a in sys.argv[1:])
shared = os.environ.get("GRESCOPE_SHARED") or shared
net.need()
net.limit()
scene = Scene("fastpath", "/nonexistent")
UDP = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45" + bytes(8) + b"\x11" + bytes(60)


def count(lab, frames, *args, rounds=1, pause=0.0, prefix=(), program=xdpcap):
    p = lab.start([*prefix, program, "-i", lab.rx, *args])
    how = json.loads(net.wait_line(p, "ready")[-1][6:] or "{}") if program == xdpcap else net.wait_line(p, "ready") and {}
    for _ in range(rounds):
        lab.send(frames)
        time.sleep(pause)
    out, err = lab.stop(p)
    if err or p.returncode:
        raise RuntimeError(f"exit {p.returncode}: {err}")
    return {**how, **json.loads([line for line in out.splitlines() if line.startswith("{")][-1])}


def adds_up(name, r, packets, octets):
    scene.check(f"{name}: counted all", (r["packets"], r["total_bytes"]) == (packets, octets), f"{packets} {octets} {r}")
    scene.check(f"{name}: sightings add up", (r["given"], r["bytes"]) == (packets, octets), r)


def ip_octets(f):
    return int.from_bytes(f[16:18], "big")


with net.Lab(mtu=3000) as lab:
    p = lab.run([xdpcap, "-i", "gs-none"])
    if "without the fast path" in p.stderr or p.returncode == 2:
        print("skipped:", p.stderr.strip())
        sys.exit(77)
    scene.check("no such interface", p.returncode == 1 and "no such interface" in p.stderr, p.stderr)
    p = lab.start([xdpcap, "-i", lab.rx])
    try:
        net.wait_line(p, "ready")
    except RuntimeError as e:
        print("skipped:", e)
        sys.exit(77)
    q = lab.run([xdpcap, "-i", lab.rx])
    scene.check("two programs do not fit", q.returncode == 2 and "another" in q.stderr, q.stderr)
    p.kill()
    p.wait()
    net.wait_for(lambda: "xdp" not in lab.link("show", lab.rx).stdout)  # a crash unhangs it

    some = [frame((192, 0, 2, i % 250)) for i in range(3000)] + [UDP] * 500
    for args in ((), ("-G",), ("-x",)):  # the driver's hook, the general one, without rights after opening
        r = count(lab, some, *args, rounds=2, pause=0.8)
        scene.check(f"{args}: native", r["native"] == ("-G" not in args), r)
        adds_up(args, r, 6000, 6000 * ip_octets(some[0]))
        scene.check(f"{args}: every source with its shape", r["shaped"] == 6000 and r["folded"] == 0 and r["shapeless"] == 0, r)

    # tags, IPv6, fragments, extension headers; what is further in comes whole
    v6 = frame(tuple(b"\x20\x01\x0d\xb8" + bytes(12)))
    ext = v6[:20] + b"\x3c" + v6[21:54] + b"\x2f\0" + bytes(6) + v6[54:]
    ext = ext[:18] + (int.from_bytes(ext[18:20], "big") + 8).to_bytes(2, "big") + ext[20:]
    f = frame((192, 0, 2, 1))
    later = f[:20] + b"\0\x40" + f[22:]
    tunnelled = f[:14] + b"\x45\0" + (20 + ip_octets(f)).to_bytes(2, "big") + bytes(4) + b"\x40\x04\0\0" + bytes(8) + f[14:]
    quoting = f[:14] + b"\x45\0" + (28 + ip_octets(f)).to_bytes(2, "big") + bytes(4) + b"\x40\x01\0\0" + bytes(8) + b"\3\3" + bytes(6) + f[14:]
    counted = [f, tagged(f, 0x8100), tagged(f, 0x88a8, 0x8100), v6, ext, tagged(v6, 0x8100), later]
    octets = 4 * ip_octets(f) + 2 * (len(v6) - 14) + len(ext) - 14
    r = count(lab, counted * 10 + [tunnelled, quoting, tagged(f, 0x8100, 0x8100, 0x8100), UDP])
    adds_up("forms", r, 70, octets * 10)
    scene.check("forms: fragments", r["fragments"] == 10, r)
    scene.check("forms: whole", r["whole"] == 3 == r["whole_read"] == r["whole_gre"] and r["whole_lost"] == 0, r)

    # more sources than the table holds; the rest is folded, the sum is not touched
    rnd = random.Random(3)
    many = [frame(tuple(rnd.randrange(1, 255) for _ in range(4))) for _ in range(30000)]
    r = count(lab, many, "-n", "1000", rounds=2, pause=0.6)
    adds_up("spoofed", r, 60000, 60000 * ip_octets(many[0]))
    scene.check("spoofed: some folded", r["folded"] > 10000 and r["named"] == r["given"] - r["folded"], r)
    scene.check("spoofed: sources about right", 30000 * 0.8 <= r["sources"] + r["sources_folded"] <= 60000 * 1.2, r)
    # samples held back and lost: sums as before
    r = count(lab, many, "-s", "100")
    adds_up("held", r, 30000, 30000 * ip_octets(many[0]))
    scene.check("held: said", r["samples_held"] > 1000 and r["shapeless"] > 1000, r)
    p = lab.start([xdpcap, "-i", lab.rx, "-s", "1000000"])
    net.wait_line(p, "ready")
    p.send_signal(net.signal.SIGSTOP)
    lab.send(many)
    p.send_signal(net.signal.SIGCONT)
    r = json.loads(lab.stop(p)[0].splitlines()[-1])
    adds_up("lost", r, 30000, 30000 * ip_octets(many[0]))
    scene.check("lost: said", r["samples_lost"] > 1000, r)

    # PASS unless asked: another capture sees all or nothing
    for args, sees in (((), 1000), (("-d",), 0)):
        q = lab.start([livecap, "-i", lab.rx])
        net.wait_line(q, "ready")
        r = count(lab, [f] * 1000, *args)
        scene.check(f"{args}: counted", r["packets"] == 1000, r)
        got = json.loads(lab.stop(q)[0].splitlines()[-1])
        scene.check(f"{args}: others see {sees}", got["given"] == sees, got)

    # the same packets as the ring sees, over every capture
    sent = [f for _, frames in captures([], shared) for f in frames if len(f) <= 3014]
    if sent:
        ring = count(lab, sent, "-c", "-s", "65536", program=livecap)
        r = count(lab, sent, "-s", "1000000")
        scene.check("captures: as many as the ring sees", r["packets"] + r["whole_gre"] == ring["gre"] + ring["fragments"] and r["whole_lost"] == 0, f"{r} {ring}")
        scene.check("captures: sightings add up", r["given"] == r["packets"], r)

    # rights: these two and no more
    if net.shutil.which("setpriv"):
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        q = lab.run([*drop, xdpcap, "-i", lab.rx])
        if q.returncode != 127 and "ermission denied" not in q.stderr:
            scene.check("without rights", q.returncode == 6 and "CAP_BPF" in q.stderr, f"{q.returncode} {q.stderr}")
            r = count(lab, some, prefix=[*drop, "--inh-caps=+bpf,+net_admin", "--ambient-caps=+bpf,+net_admin"])
            adds_up("CAP_BPF and CAP_NET_ADMIN", r, 3000, 3000 * ip_octets(some[0]))
scene.end()
