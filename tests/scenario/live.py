"""Live capture in namespaces: what is sent is what is seen, to the packet; what is lost is counted; what happens to the interface is told.

usage: live.py GRESCOPE LIVECAP IFWATCH GOLDEN.pcap... SHARED_FOLDER    Skipped (77) without root.
"""
import csv
import io
import json
import os
import random
import re
import sys
import time

import net
from live_frames import captures, tagged
from scene import Scene, frame

grescope, livecap, ifwatch, *golden, shared = sys.argv[1:]
livecap, ifwatch = os.path.abspath(livecap), os.path.abspath(ifwatch)
shared = os.environ.get("GRESCOPE_SHARED") or shared
net.need()
net.limit()
scene = Scene("live", grescope)

UDP = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45" + bytes(8) + b"\x11" + bytes(60)


def listen(lab, *args, rx=None):
    p = lab.start([livecap, "-i", rx or lab.rx, *args])
    lines = net.wait_line(p, "ready")
    p.opened = [json.loads(line[7:]) for line in lines if line.startswith("opened")]
    return p


def end(lab, p, **kw):
    """Stops a capture; a dictionary for each member, with what was told on the way."""
    out, err = lab.stop(p, **kw)
    members = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if err or p.returncode:
        raise RuntimeError(f"exit {p.returncode}: {err}")
    members[0]["news"] = [line for line in out.splitlines() if not line.startswith(("{", "cpu"))]
    return members


def rows(path, *args):
    """The capture as sightings of single packets, without the columns of time."""
    p = scene.run("export", "--window", "0", "--format", "csv", *args, path, limit=120)
    if p.returncode not in (0, 4):
        raise RuntimeError(p.stderr.decode())
    table = list(csv.reader(io.StringIO(p.stdout.decode())))
    drop = {table[0].index("timestamp"), table[0].index("end_time")}
    return [tuple(c for i, c in enumerate(r) if i not in drop) for r in table]


def balance(path):
    """Packets in sightings and later fragments, of -v."""
    p = scene.run("report", "-v", "--by", "total", path)
    m = re.search(r"in sightings (\d+) \+ fragments (\d+)", p.stderr.decode())
    return m and m.groups()


def every_capture_replayed(lab):
    sent, names = [], []
    for name, frames in captures(golden, shared):
        sent += frames
        names += [name] * len(frames)
    one, other = scene.path("sent.pcap"), scene.path("seen.pcap")
    net.write_pcap(one, sent)
    p = listen(lab, "-w", other, "-s", "65536", "-u")
    lab.send(sent)
    m = end(lab, p)[0]
    scene.check("nothing dropped", m["dropped"] == 0 and m["waiting"] == 0 and m["passed"] == m["given"], m)
    scene.check("time goes forward", not m["backwards"], m)
    for args in ((), ("--include-udp",)):
        want, got = rows(one, *args), rows(other, *args)
        scene.check("there is something to see", len(want) > 1000, len(want))
        first = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), None)
        scene.check(f"the same sightings {args}", want == got,
                    f"{len(want)} sent, {len(got)} seen; first difference at {first}: {want[first] if first else ''} | {got[first] if first else ''}")
    scene.check("the same balance", balance(one) and balance(one) == balance(other), f"{balance(one)} {balance(other)}")
    # with the default length of frames: addresses, classes of all that does not ask for more, and counts are the same
    p = listen(lab, "-c", "-u")
    lab.send(sent)
    m2 = end(lab, p)[0]
    scene.check("the same with 256 octets", (m2["given"], m2["bytes"]) == (m["given"], m["bytes"]) and m2["dropped"] == 0, f"{m2} {m}")
    scene.check("as many GRE packets", m2["gre"] == len(rows(one)) - 1, f"{m2['gre']} {len(rows(one)) - 1}")
    print(f"replayed {len(set(names))} captures, {len(sent)} frames, {m['given']} kept by the filter, {m2['gre']} GRE")
    return one


def tcpreplay_at_full_speed(lab, path):
    if not net.shutil.which("tcpreplay"):
        return
    frames = [frame((198, 18, i >> 8, i & 255)) for i in range(20000)]
    net.write_pcap(path, frames)
    p = listen(lab, "-c")
    lab.replay(path, "--topspeed")
    m = end(lab, p)[0]
    scene.check("tcpreplay: all of it", m["given"] == m["gre"] == m["sighted"] == len(frames) and m["dropped"] == 0, m)


def stopped_at_once(lab):
    """What came in before the signal is seen, also where its block is not full."""
    for n in (1, 7, 500):
        p = listen(lab)
        lab.send([frame((192, 0, 2, i % 250)) for i in range(n)])
        m = end(lab, p)[0]
        scene.check(f"drained {n}", m["given"] == n and m["waiting"] == 0, m)


def losses_add_up(lab):
    """A capture that does not read: its ring fills; sent = given + dropped, to the packet."""
    n = 30000
    p = listen(lab, "-B", "1", "-s", "256")
    p.send_signal(net.signal.SIGSTOP)
    lab.send([frame((198, 18, i >> 8, i & 255)) for i in range(n)])
    p.send_signal(net.signal.SIGCONT)
    m = end(lab, p)[0]
    scene.check("some were dropped", m["dropped"] > 1000 and m["freezes"] >= 1, m)
    scene.check("sent = given + dropped", m["given"] + m["dropped"] == n == m["passed"] and m["waiting"] == 0, m)


def no_frame_unasked(lab):
    """Opened again and again under a stream of other traffic: never one that the filter refuses."""
    data = scene.path("udp")
    with open(data, "wb") as f:
        for i in range(150000):
            one = UDP if i % 10 else frame((192, 0, 2, 1))
            f.write(len(one).to_bytes(4, "little") + one)
    with open(data, "rb") as f:
        p = lab.start([sys.executable, net.__file__, "send", lab.tx, "10000"], outside=True, stdin=f)
        time.sleep(0.5)
        total = {"given": 0, "not_gre": 0, "gre": 0}
        for i in range(12):
            m = lab.run([livecap, "-i", lab.rx, "-c", "-T", "0", "-B", "2", "-m", "1" if i % 2 else "2", "-g", str(100 + i)])
            for line in m.stdout.splitlines():
                if line.startswith("{"):
                    for k in total:
                        total[k] += json.loads(line)[k]
        running = p.poll() is None
        said = lab.stop(p)
    scene.check("traffic ran all along", running, said)
    scene.check("none unasked", total["not_gre"] == 0 and total["gre"] > 0, total)


def fanned_out(lab):
    """Each source in one member, each frame in one, whatever the tags; members get fair shares."""
    rnd = random.Random(7)
    sources = [bytes(rnd.randrange(256) for _ in range(4)) for _ in range(400)] + [b"\x20\x01\x0d\xb8" + bytes(rnd.randrange(256) for _ in range(12)) for _ in range(400)]
    sources += [bytes((192, 0, 2, i)) for i in range(0, 200, 2)]  # even addresses only
    sent = []
    for s in sources:
        f = frame(tuple(s))
        sent += [f, tagged(f, 0x8100), tagged(f, 0x88a8, 0x8100), f]
    rnd.shuffle(sent)
    members = 4
    stem = scene.path("fan")
    p = listen(lab, "-m", str(members), "-g", str(os.getpid() & 0xffff), "-w", stem)
    scene.check("a group", all(o["fanout"] for o in p.opened), p.opened)
    lab.send(sent)
    ms = end(lab, p)
    scene.check("all of them, once", sum(m["given"] for m in ms) == len(sent) and sum(m["dropped"] for m in ms) == 0, ms)
    owner, split = {}, set()
    for i in range(members):
        for _, f, _ in net.read_pcap(f"{stem}.{i}")[1]:
            at = 12
            while f[at:at + 2] in (b"\x81\0", b"\x88\xa8"):
                at += 4
            src = f[at + 14:at + 18] if f[at:at + 2] == b"\x08\0" else f[at + 10:at + 26]
            if owner.setdefault(src, i) != i:
                split.add(src)
    scene.check("a source is one member's", not split and len(owner) == len(set(sources)), f"{len(split)} split of {len(owner)}")
    for kind, of in (("IPv4", lambda s: len(s) == 4), ("IPv6", lambda s: len(s) == 16), ("even", lambda s: s[:3] == b"\xc0\0\2")):
        share = [sum(1 for s, i in owner.items() if i == k and of(s)) for k in range(members)]
        scene.check(f"fair shares, {kind}", min(share) >= sum(share) / members / 2, share)


def members_in_processes(lab):
    """Two processes share; when one is killed the other gets all; when a third joins nothing is seen twice."""
    group = ["-m", "2", "-g", str((os.getpid() + 1) & 0xffff), "-c"]
    sent = [frame((198, 18, i >> 8, i & 255)) for i in range(5000)]
    # -m opens two members in one process: a group of two processes has four
    p, q = listen(lab, *group), listen(lab, *group)
    lab.send(sent)
    q.kill()
    q.wait()
    lab.send(sent)
    r = listen(lab, *group)
    lab.send(sent)
    a = sum(m["given"] for m in end(lab, p))
    b = sum(m["given"] for m in end(lab, r))
    # the killed one had about half of the first round; it died with it
    scene.check("the others take over", 1500 <= a - len(sent) - (len(sent) - b) <= 3500 and 1500 <= b <= 3500, f"{a} {b}")


def any_interface(lab):
    path = scene.path("any.pcap")
    lab.pair("rx1", "tx1")
    p = listen(lab, "-w", path, rx="any")
    scene.check("cooked, version 2", p.opened[0]["linktype"] == 276, p.opened)
    sent = [frame((192, 0, 2, 1)), tagged(frame((192, 0, 2, 2)), 0x8100), tagged(frame((192, 0, 2, 3)), 0x88a8, 0x8100), UDP,
            frame(tuple(b"\x20\x01\x0d\xb8" + bytes(11) + b"\4"))]
    lab.send(sent)
    lab.send([frame((192, 0, 2, 5))], tx="tx1")
    m = end(lab, p)[0]
    want = scene.path("want.pcap")
    net.write_pcap(want, sent + [frame((192, 0, 2, 5))])
    scene.check("any: all but the UDP", m["given"] == len(sent), m)
    scene.check("any: the same sightings", rows(path) == rows(want), f"{rows(path)} {rows(want)}")
    p = listen(lab, "-p", "-f", "src host 192.0.2.2", rx="any")
    scene.check("any: not promiscuous, and says so", "promiscuous" in p.opened[0]["note"], p.opened)
    lab.send(sent)
    m = end(lab, p)[0]
    scene.check("any: a further filter", m["given"] == 1, m)
    lab.link("del", "rx1")


def raw_ip(lab):
    path, want = scene.path("tun.pcap"), scene.path("tun-want.pcap")
    tun = net.Tun(lab)
    sent = [frame((192, 0, 2, i))[14:] for i in range(1, 200)] + [frame(tuple(b"\x20\x01\x0d\xb8" + bytes(11) + b"\4"))[14:], UDP[14:]]
    p = listen(lab, "-w", path, rx=tun.name)
    scene.check("raw IP", p.opened[0]["linktype"] == 101, p.opened)
    tun.send(sent)
    m = end(lab, p)[0]
    net.write_pcap(want, sent, link=101)
    scene.check("raw IP: the same sightings", m["given"] == 200 and rows(path) == rows(want), m)
    lab.link("del", tun.name)


def own_frames(lab):
    """What the host sends itself is not captured: its ICMP errors would show each packet again, as one quoted."""
    path = scene.path("own.pcap")
    other = net.Lab(addresses=True)
    try:
        mac = json.loads(net.run("ip", "-n", other.inside, "-j", "link", "show", other.rx).stdout)[0]["address"]
        there = json.loads(net.run("ip", "-n", other.outside, "-j", "link", "show", other.tx).stdout)[0]["address"]
        net.run("ip", "-n", other.inside, "neigh", "add", "198.51.100.1", "lladdr", there, "dev", other.rx)
        f = bytes.fromhex((mac + there).replace(":", "")) + frame((198, 51, 100, 1))[12:]
        ip = bytearray(f)
        ip[24:26] = b"\0\0"
        total = sum(int.from_bytes(ip[14 + i:16 + i], "big") for i in range(0, 20, 2))
        total = (total & 0xffff) + (total >> 16)
        ip[24:26] = (0xffff - (total & 0xffff) - (total >> 16)).to_bytes(2, "big")
        p = listen(other, "-c", "-w", path)
        sniffer = other.start([livecap, "-i", other.tx, "-c"], outside=True)
        net.wait_line(sniffer, "ready")
        other.send([bytes(ip)] * 3)
        time.sleep(0.2)
        m = end(other, p)[0]
        back = end(other, sniffer)[0]
        scene.check("only what came in", m["given"] == 3 == m["gre"], m)
        scene.check("though an error went out", back["given"] >= 1, back)
    finally:
        other.close()


def filters(lab):
    p = listen(lab, "-f", "src net 192.0.2.0/24")
    lab.send([frame((192, 0, 2, 1)), frame((198, 51, 100, 1)), UDP])
    scene.check("a further filter", end(lab, p)[0]["given"] == 1)
    for text, words in (("ip6 protochain 47", "loop"), ("no such thing", "syntax"), ("src net 192.0.2.0/99", "")):
        q = lab.run([livecap, "-i", lab.rx, "-f", text])
        scene.check(f"refused: {text}", q.returncode == 2 and text in q.stderr and words in q.stderr, f"{q.returncode} {q.stderr}")
    q = lab.run([livecap, "-i", "gs-none"])
    scene.check("no such interface", q.returncode == 3 and "no such interface" in q.stderr, f"{q.returncode} {q.stderr}")


def rights(lab):
    if not net.shutil.which("setpriv"):
        return
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    mode = os.stat(os.path.dirname(livecap)).st_mode
    q = lab.run([*drop, livecap, "-i", lab.rx, "-T", "0"])
    if q.returncode == 127 or "ermission denied" in q.stderr and not mode & 1:
        return
    scene.check("without rights", q.returncode == 6 and "CAP_NET_RAW" in q.stderr, f"{q.returncode} {q.stderr}")
    q = lab.run([*drop, "--inh-caps=+net_raw", "--ambient-caps=+net_raw", livecap, "-i", lab.rx, "-T", "0"])
    scene.check("with CAP_NET_RAW alone", q.returncode == 0, f"{q.returncode} {q.stderr}")


def interface_comes_and_goes(lab):
    w = lab.start([ifwatch, "rx2"])
    scene.check("no interface yet", "no such interface" in net.wait_line(w, "ready")[-1])
    lab.pair("rx2", "tx2")
    net.wait_line(w, "event rx2 appeared")
    lab.link("set", "rx2", "down")
    q = lab.run([livecap, "-i", "rx2"])
    scene.check("down at the start", q.returncode == 4 and "down" in q.stderr, f"{q.returncode} {q.stderr}")
    lab.link("set", "rx2", "up")
    p = listen(lab, "-p", rx="rx2")
    lab.send([frame((192, 0, 2, 1))] * 10, tx="tx2")
    time.sleep(0.3)
    lab.link("set", "rx2", "down")
    net.wait_line(p, "down rx2")
    lab.link("set", "rx2", "up")
    net.wait_line(p, "up rx2")
    lab.send([frame((192, 0, 2, 2))] * 10, tx="tx2")
    time.sleep(0.3)
    lab.link("set", "rx2", "mtu", "1400")
    lab.link("del", "rx2")
    net.wait_line(p, "gone rx2")
    out, _ = net.rest(p)
    m = json.loads(out.splitlines()[-1])
    scene.check("twenty frames, ten on each side", m["given"] == 20 and m["dropped"] == 0, m)
    out, _ = lab.stop(w)
    told = " / ".join(out.splitlines())
    for words in ("event rx2 down", "event rx2 up", "mtu from=65535 to=1400", "event rx2 gone"):
        scene.check(f"told: {words}", words in told, told)


def renamed(lab):
    lab.pair("rx3", "tx3")
    w = lab.start([ifwatch, "rx3"])
    net.wait_line(w, "ready")
    p = listen(lab, rx="rx3")
    lab.link("set", "rx3", "down")
    net.wait_line(p, "down rx3")
    lab.link("set", "rx3", "name", "gs-new")
    lines = net.wait_line(p, "gone rx3")
    scene.check("the new name is told", "gs-new" in lines[-1], lines)
    net.rest(p)
    net.wait_line(w, "event gs-new renamed from=rx3")
    lab.stop(w)
    lab.link("del", "gs-new")


def below_the_socket(lab):
    """The interface counts what no ring sees."""
    w = lab.start([ifwatch, lab.rx])
    before = json.loads(net.wait_line(w, "ready")[-1][6:])
    p = listen(lab, "-p")
    lab.send([UDP] * 1000)
    m = end(lab, p)[0]
    out, _ = lab.stop(w)
    after = json.loads(out.splitlines()[-1][4:])
    scene.check("interface: frames", after["packets"] - before["packets"] == 1000 and after["bytes"] > before["bytes"], f"{before} {after}")
    scene.check("socket: none of them", m["passed"] == 0, m)


with net.Lab() as lab:
    path = every_capture_replayed(lab)
    tcpreplay_at_full_speed(lab, scene.path("replay.pcap"))
    for part in (stopped_at_once, losses_add_up, no_frame_unasked, fanned_out, members_in_processes, any_interface, raw_ip, own_frames, filters, rights,
                 interface_comes_and_goes, renamed, below_the_socket):
        part(lab)
scene.end()
