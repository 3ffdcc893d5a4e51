"""`watch --fast-path`: the kernel counts, and the store has every packet that was sent; falls back to the ring where it may; leaves nothing hanging on the interface.

usage: watch_fast.py GRESCOPE LIVECAP    Skipped (77) without root, or where the kernel or the build has no fast path.
"""
import collections
import csv
import io
import json
import os
import random
import re
import sys
import threading
import time

import net
from scene import Scene, frame

grescope, livecap = (os.path.abspath(a) for a in sys.argv[1:])
net.need()
net.limit()
scene = Scene("watch-fast", grescope)
SOURCES, EACH = 200, 40


def said(p):
    with open(f"/proc/self/fd/{p.said.fileno()}") as f:
        return f.read()


def start(lab, store, *args, prefix=()):
    p = lab.start([*prefix, scene.grescope, "watch", "-i", lab.rx, "-q", "--store", store, *args], env=scene.env)
    net.wait_for(lambda: p.poll() is not None or (os.path.exists(store) and "watching" in said(p)), limit=30)
    return p


def hangs(lab):
    return "xdp" in lab.link("show", lab.rx).stdout


def rows(store):
    p = scene.run("export", "--store", store, "--format", "csv", limit=120)
    if p.returncode:
        raise RuntimeError(p.stderr.decode())
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


def engine_of(p):
    """The engine is the child that has a program's table open."""
    for pid in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split():
        try:
            if any("bpf-map" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")):
                return int(pid)
        except OSError:
            pass
    return 0


def kill_often(lab, p, sender):
    """Kills the engine at random moments, sooner or later after it has begun, as long as packets are sent. How often; and whether the program hung there whenever it was looked at."""
    rnd, kills, last, hung = random.Random(7), 0, 0, True
    while sender.is_alive():
        engine = engine_of(p)
        if engine in (0, last):
            hung = hung and hangs(lab)
            time.sleep(0.01)
            continue
        net.wait_for(lambda: said(p).count("started again") >= kills or not sender.is_alive())
        time.sleep(rnd.random() * 1.8)
        if sender.is_alive():
            os.kill(engine, net.signal.SIGKILL)
            last, kills = engine, kills + 1
    net.wait_for(lambda: engine_of(p) not in (0, last))
    net.wait_for(lambda: said(p).count("started again") >= kills)
    return kills, hung


def lost_in(store):
    """In the sensor, as the store's account has it."""
    p = scene.run("report", "--store", store, "--format", "json")
    return json.loads(p.stdout)["meta"]["lost_in_sensor"]


def run(lab, name, frames, *args, rounds=1, pause=0.0, prefix=()):
    store = scene.path(name + ".db")
    p = start(lab, store, *args, prefix=prefix)
    on = hangs(lab)
    for _ in range(rounds):
        lab.send(frames)
        time.sleep(pause)
    if pause:
        p.send_signal(net.signal.SIGUSR1)
        net.wait_for(lambda: "in open windows" in said(p))
    _, err = lab.stop(p)
    scene.check(f"{name}: ends well", p.returncode == 0, f"exit {p.returncode}: {err}")
    scene.check(f"{name}: nothing hangs there afterwards", not hangs(lab), lab.link("show", lab.rx).stdout)
    return on, rows(store), err



def total(table):
    return sum(int(r["packets"]) for r in table), sum(int(r["bytes"]) for r in table)


def per_source(table):
    c = collections.Counter()
    for r in table:
        c[r["src_ip"]] += int(r["packets"])
    return c


def ip_octets(f):
    return int.from_bytes(f[16:18], "big")


with net.Lab(mtu=3000) as lab:
    p = start(lab, scene.path("try.db"), "--fast-path", "drop")  # asked for explicitly, so it is this or nothing
    if p.poll() is not None:
        print("skipped:", said(p))
        sys.exit(77)
    lab.stop(p)

    sent = [frame((192, 0, 2, 1 + i % SOURCES)) for i in range(SOURCES * EACH)]
    random.Random(5).shuffle(sent)
    octets = ip_octets(sent[0])
    for mode in ("count", "drop"):
        q = lab.start([livecap, "-i", lab.rx])
        net.wait_line(q, "ready")
        on, got, err = run(lab, mode, sent, "--fast-path", mode, rounds=2, pause=1.1)
        sees = json.loads(lab.stop(q)[0].splitlines()[-1])["given"]
        scene.check(f"{mode}: counted in the kernel", on and {r["fidelity"] for r in got} == {"sampled"}, err)
        scene.check(f"{mode}: every packet and octet", total(got) == (2 * len(sent), 2 * len(sent) * octets), total(got))
        scene.check(f"{mode}: of each source", set(per_source(got).values()) == {2 * EACH} and len(per_source(got)) == SOURCES, per_source(got).most_common(3))
        scene.check(f"{mode}: what they were", {r["dst_ip"] for r in got} == {"198.51.100.47"}, got[0])
        scene.check(f"{mode}: others on this host see {'nothing' if mode == 'drop' else 'all'}", sees == (0 if mode == "drop" else 2 * len(sent)), sees)
        scene.check(f"{mode}: sound", scene.run("store", "check", "--store", scene.path(mode + ".db")).returncode == 0)
        scene.check(f"{mode}: counters agree", f"packets {2 * len(sent)}, in sightings {2 * len(sent)} (0 in open windows)" in err, err)
        p = scene.run("report", "-v", "--store", scene.path(mode + ".db"))
        scene.check(f"{mode}: so does the account", f"packets read {2 * len(sent)} = in sightings {2 * len(sent)} + fragments 0 + not GRE 0" in (p.stdout + p.stderr).decode(), p.stdout + p.stderr)

    # what is no plain GRE goes its old way, and is not counted twice
    f = frame((192, 0, 2, 77))
    inside = f[:14] + b"\x45\0" + (28 + ip_octets(f)).to_bytes(2, "big") + bytes(4) + b"\x40\x01\0\0" + bytes([192, 0, 2, 78, 198, 51, 100, 47]) + b"\3\3" + bytes(6) + f[14:]
    udp = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45" + bytes(8) + b"\x11" + bytes(60)
    _, got, err = run(lab, "mixed", [f] * 500 + [inside] * 30 + [udp] * 100, "--fast-path", "count")
    kinds = collections.Counter()
    for r in got:
        kinds[r["fidelity"]] += int(r["packets"])
    scene.check("mixed: each once", kinds == {"sampled": 500, "packet": 30}, kinds)

    # evidence: the samples, as they were on the wire
    folder = scene.path("evidence")
    os.mkdir(folder, 0o700)
    _, got, err = run(lab, "evidence", [f] * 500, "--fast-path", "count", "--pcap-dir", folder)
    files = [scene.path("evidence", x) for x in os.listdir(folder)]
    plain = [net.run("zstd", "-dqf", x, "-o", x + ".pcap") and x + ".pcap" for x in files if x.endswith(".zst")] if net.shutil.which("zstd") else []
    for x in plain:
        link, kept = net.read_pcap(x)
        scene.check("evidence: samples alone", link == 1 and 8 <= len(kept) <= 100 and {k[1] for k in kept} == {f}, f"{link} {len(kept)}")
    scene.check("evidence: a file", len(files) == 1 and total(got)[0] == 500, f"{files} {err}")

    # more sources than the kernel keeps apart
    rnd = random.Random(3)
    many = [frame(tuple(rnd.randrange(1, 224) for _ in range(4))) for _ in range(150000)]
    _, got, err = run(lab, "spoofed", many, "--fast-path", "count", "--memory", "64M")
    scene.check("spoofed: every packet", total(got) == (len(many), len(many) * octets), f"{total(got)} {err}")

    # as many as there is room for: each with its source, though all come at once
    few = [frame((11, 1, i >> 8, i & 255)) for i in range(8000)]
    _, got, err = run(lab, "many", few, "--fast-path", "count", "--memory", "64M")
    scene.check("many: each with its source", len(per_source(got)) == len(few) and set(per_source(got).values()) == {1}, f"{len(per_source(got))} {per_source(got).most_common(2)}")

    # an engine that does not read: counts are there all the same, and frames that had no room are told
    store = scene.path("slow.db")
    p = start(lab, store, "--fast-path", "count")
    engine = net.wait_for(lambda: engine_of(p))
    os.kill(engine, net.signal.SIGSTOP)
    lab.send(many[:40000] + [inside] * 40000)
    os.kill(engine, net.signal.SIGCONT)
    time.sleep(1.5)
    p.send_signal(net.signal.SIGUSR1)
    net.wait_for(lambda: "in open windows" in said(p))
    lost = int(re.search(r"lost in the ring (\d+)", said(p)).group(1))
    lab.stop(p)
    kinds = collections.Counter()
    for r in rows(store):
        kinds[r["fidelity"]] += int(r["packets"])
    scene.check("slow: counted all", kinds["sampled"] == 40000, f"{kinds} {said(p)}")
    scene.check("slow: what was not counted is read or lost", lost > 0 and kinds["packet"] + lost == 40000, f"{kinds} lost {lost}")

    # an engine that is killed again and again under load: the kernel counts on, and drops on, and every packet is in the store
    load = sent * 25
    for mode in ("count", "drop"):
        store = scene.path(f"killed-{mode}.db")
        q = lab.start([livecap, "-i", lab.rx])
        net.wait_line(q, "ready")
        p = start(lab, store, "--fast-path", mode)
        sender = threading.Thread(target=lab.send, args=(load,), kwargs={"pps": 20000})
        sender.start()
        kills, hung = kill_often(lab, p, sender)
        sender.join()
        sees = json.loads(lab.stop(q)[0].splitlines()[-1])["given"]
        _, err = lab.stop(p)
        got = rows(store)
        folded = sum(int(r["packets"]) for r in got if not r["src_ip"])
        print(f"killed {mode}: {kills} kills, sent {len(load)}, in the store {total(got)[0]}, of these {folded} without source, lost {lost_in(store)}, host saw {sees}", flush=True)
        scene.check(f"killed {mode}: often", kills >= 4, kills)
        scene.check(f"killed {mode}: every packet and octet", total(got) == (len(load), len(load) * octets) and lost_in(store) == 0, f"{total(got)} of {len(load)}: {err}")
        scene.check(f"killed {mode}: nearly all with their source", folded < len(load) // 10, folded)
        scene.check(f"killed {mode}: hung there all the time", hung, err)
        scene.check(f"killed {mode}: others on this host see {'nothing' if mode == 'drop' else 'all'}", sees == (0 if mode == "drop" else len(load)), sees)
        scene.check(f"killed {mode}: taken over", err.count("is taken over") == kills and "opened anew" not in err and "packet ring" not in err, err)
        scene.check(f"killed {mode}: sound", scene.run("store", "check", "--store", store).returncode == 0)
        scene.check(f"killed {mode}: nothing hangs there afterwards", not hangs(lab), lab.link("show", lab.rx).stdout)

    # what is no plain GRE is in windows, and goes with them; it is not told twice, nor what had no room before
    store = scene.path("killed-mixed.db")
    p = start(lab, store, "--fast-path", "count")
    first = net.wait_for(lambda: engine_of(p))
    os.kill(first, net.signal.SIGSTOP)
    lab.send(sent + [inside] * 10000)
    os.kill(first, net.signal.SIGCONT)
    time.sleep(2.5)
    lost = lost_in(store)
    os.kill(first, net.signal.SIGKILL)
    lab.send(sent + [inside] * 100)
    net.wait_for(lambda: "started again" in said(p))
    time.sleep(1.5)
    _, err = lab.stop(p)
    kinds = collections.Counter()
    for r in rows(store):
        kinds[r["fidelity"]] += int(r["packets"])
    scene.check("killed mixed: counted once", kinds["sampled"] == 2 * len(sent), f"{kinds} {err}")
    scene.check("killed mixed: the others are in rows or lost", 0 < lost < 10000 and kinds["packet"] + lost_in(store) == 10100, f"{kinds} {lost} {lost_in(store)} {err}")

    # the interface goes, and another one of that name comes, while no engine is there: its program is a new one
    store = scene.path("anew.db")
    p = start(lab, store, "--fast-path", "count")
    first = net.wait_for(lambda: engine_of(p))
    lab.send(sent)
    os.kill(first, net.signal.SIGKILL)
    lab.link("del", lab.rx)
    lab.pair(lab.rx, lab.tx, 3000)
    net.wait_for(lambda: hangs(lab), limit=30)
    net.wait_for(lambda: said(p).count("is counted in the kernel") == 2)
    lab.send(sent)
    _, err = lab.stop(p)
    scene.check("anew: what the old one counted, and the new one", total(rows(store))[0] == 2 * len(sent), f"{total(rows(store))} {err}")
    scene.check("anew: nothing hangs there afterwards", not hangs(lab))

    # the parent dies: nobody is left to hold it
    p = start(lab, scene.path("orphan.db"), "--fast-path", "drop")
    p.kill()
    p.wait()
    net.wait_for(lambda: not hangs(lab))

    # where it cannot be: counting falls back and says so, dropping does not start
    q = start(lab, scene.path("holder.db"), "--fast-path", "count")  # one program fits on an interface
    store = scene.path("second.db")
    p = start(lab, store, "--fast-path", "count")
    scene.check("second: says that it takes the ring", "another XDP program" in said(p) and "packet ring is used instead" in said(p), said(p))
    lab.send(sent)
    lab.stop(p)
    got = rows(store)
    scene.check("second: the ring has all", total(got)[0] == len(sent) and {r["fidelity"] for r in got} == {"packet"}, total(got))
    p = start(lab, scene.path("third.db"), "--fast-path", "drop")
    scene.check("third: does not start", p.wait(20) == 2 and "another XDP program" in said(p) and "ring" not in said(p), f"{p.returncode} {said(p)}")
    lab.stop(q)
    for args in (("--filter", "ip"), ("--promiscuous",)):
        p = start(lab, scene.path("unfit.db"), "--fast-path", "drop", *args)
        scene.check(f"{args}: not on the fast path", p.wait(20) != 0 and "not on the fast path" in said(p), said(p))
    p = start(lab, scene.path("workers.db"), "--fast-path", "count", "--workers", "2")
    scene.check("workers: one engine, and says so", "one engine for each interface" in said(p) and "with 1 engine" in said(p), said(p))
    lab.stop(p)
    if net.shutil.which("setpriv"):  # the right to capture alone
        prefix = ["setpriv", "--bounding-set=-all,+net_raw,+setuid,+setgid,+setpcap,+dac_override"]
        p = start(lab, scene.path("poor.db"), "--fast-path", "count", prefix=prefix)
        scene.check("without the rights: the ring", "CAP_BPF" in said(p) and "packet ring is used instead" in said(p) and p.poll() is None, said(p))
        lab.stop(p)
        p = start(lab, scene.path("poor.db"), "--fast-path", "drop", prefix=prefix)
        scene.check("without the rights: no dropping", p.wait(20) == 6 and "cap_bpf" in said(p), f"{p.returncode} {said(p)}")
    scene.check("nothing hangs there at the end", not hangs(lab), lab.link("show", lab.rx).stdout)
scene.end()
