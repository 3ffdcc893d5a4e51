"""The sensor as a whole: what is sent is what the store says, whoever is killed, whatever becomes of disk, store, databases and interfaces.

usage: watch.py GRESCOPE [KILLS [CAPTURE.pcap...]]    Skipped (77) without root. ONLY=part,... in the environment: these parts alone.
"""
import collections
import csv
import fcntl
import io
import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

import net
from scene import Scene, frame

grescope, kills, *captures = sys.argv[1:] + ["10"] * (len(sys.argv) == 2)
kills = int(kills)
only = os.environ.get("ONLY")
net.need("tcpreplay", "mount")
net.limit(280)
scene = Scene("watch", grescope)
os.chmod(scene.tmp, 0o755)
random.seed(47)


def source(i):
    return bytes((198, 18 + (i >> 16 & 1), i >> 8 & 255, i & 255))


def wide(i):
    return struct.pack(">I", 0x0b000000 + i * 7)


class Watch:
    def __init__(self, lab, store, *args, prefix=(), env=None, wait=True, interfaces=None):
        self.lab, self.store = lab, store
        links = [a for i in interfaces or [lab.rx] for a in ("-i", i)]
        self.p = lab.start([*prefix, scene.grescope, "watch", *links, "--store", store, *args], env={**scene.env, **(env or {})})
        if wait:
            self.wait("watching ")

    def said(self):
        """So far; without moving the place in the file, at which the sensor writes."""
        return os.pread(self.p.said.fileno(), 1 << 22, 0).decode(errors="replace")

    def wait(self, word, limit=20):
        try:
            net.wait_for(lambda: re.search(word, self.said()), limit)
        except TimeoutError:
            raise TimeoutError(f"`{word}` was never said: {self.said()[-1500:]}")

    def children(self):
        """{role: pid}, told apart by what they hold; `other` is the teller."""
        found = {}
        for pid in subprocess.run(["pgrep", "-P", str(self.p.pid)], capture_output=True, text=True).stdout.split():
            try:
                holds = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
                packets = any(self.packet_socket(h) for h in holds)
            except OSError:
                continue
            role = "writer" if any(h.startswith(self.store) for h in holds) else "engine" if packets else "other"
            found.setdefault(role, int(pid))
        return found

    def packet_socket(self, held):
        return held.startswith("socket:[") and held[8:-1] in self.lab.run(["cat", "/proc/net/packet"]).stdout

    def stop(self, number=signal.SIGTERM):
        begin = time.monotonic()
        out, err = self.lab.stop(self.p, number)
        self.took = time.monotonic() - begin
        self.text = err
        return self.p.returncode

    def answer(self, *args):
        p = scene.run("report", "--by", "class", "--format", "json", "--store", self.store, *args)
        return json.loads(p.stdout) if p.returncode == 0 else {"meta": {"packets": -1, "said": p.stderr}}

    def packets(self):
        return self.answer()["meta"]["packets"]

    def sound(self, name):
        p = scene.run("store", "check", "--store", self.store)
        scene.check(f"{name}: the store is sound", p.returncode == 0, (p.stdout + p.stderr)[-600:])


def load(lab, pps, seconds, n=200):
    """Frames at a rate in the background; join() gives how many."""
    frames = [frame(source(random.randrange(n))) for _ in range(int(pps * seconds))]
    t = threading.Thread(target=lab.send, args=(frames,), kwargs={"pps": pps})
    t.n = len(frames)
    t.start()
    return t


# ---- from start to stop ----

def start_to_stop(lab):
    w = Watch(lab, scene.path("a", "store.db"), "--sensor", "lab")
    frames = [frame(source(i % 300)) for i in range(3000)]
    lab.send(frames)
    code = w.stop()
    scene.check("SIGTERM: exit 0", code == 0, f"{code} {w.text}")
    scene.check("SIGTERM: within a second", w.took < (1 if "asan" not in scene.env["ASAN_OPTIONS"] else 5), w.took)
    m = w.answer()["meta"]
    scene.check("open windows are flushed", (m["packets"], m["sources"]) == (3000, 300), m)
    scene.check("what was seen", m["packets_read"] == 3000 and m["lost_in_sensor"] == 0, m)
    w.sound("start to stop")
    w = Watch(lab, w.store, "--sensor", "lab", "--window", "1")
    lab.send(frames[:500])
    net.wait_for(lambda: w.packets() == 3500, 10)   # the clock closes the window: nothing else comes
    w.p.send_signal(signal.SIGUSR1)
    w.wait(r"packets 500, in sightings 500")
    w.stop(signal.SIGINT)
    scene.check("a second run adds to it", w.packets() == 3500, w.packets())
    w = Watch(lab, scene.path("closed.db"), "--window", "1", prefix=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"), wait=False)
    net.wait_for(lambda: w.children().get("engine"))
    time.sleep(0.5)
    lab.send(frames[:50])
    code = w.stop()
    scene.check("without standard descriptors", code == 0 and w.packets() == 50, f"{code} {w.packets()}")


COLUMNS = ("src_ip", "dst_ip", "protocol", "ip_len", "ttl", "gre_version", "gre_flags", "gre_proto", "gre_key", "gre_seq", "inner_protocol", "inner_src_ip",
           "inner_dst_ip", "inner_src_port", "inner_dst_port", "inner_ttl", "packets", "bytes")


def rows(*args):
    p = scene.run("export", "--format", "csv", *args)
    return collections.Counter(tuple(r[c] for c in COLUMNS) for r in csv.DictReader(io.StringIO(p.stdout.decode())))


def same_as_files(lab):
    """Every packet of every capture that can be sent on Ethernet: live as in the file."""
    expected, sent = collections.Counter(), 0
    w = Watch(lab, scene.path("files.db"), "--window", "0", "--snaplen", "65536")
    for c in captures[::4]:
        link, frames = net.read_pcap(c)
        if link != 1 or not frames or any(len(f) != n or len(f) < 14 or n > 60000 or f[6] & 1 for _, f, n in frames):
            continue
        copy = scene.path("copy.pcap")
        net.write_pcap(copy, [f for _, f, _ in frames])
        lab.send([f for _, f, _ in frames])
        expected += rows("--window", "0", copy)
        sent += 1
    w.stop()
    got = rows("--store", w.store)
    scene.check("captures: enough of them", sent >= 5 or not captures, sent)
    scene.check(f"captures: {sent} live as in their files", got == expected, f"missing {list((expected - got).items())[:3]}, more {list((got - expected).items())[:3]}")
    w.sound("captures")


def bots(lab):
    """The last capture: its processes, each with as many packets, over two engines."""
    if not captures:
        return

    def known(*args):
        p = scene.run("bots", "--format", "csv", *args)
        return sorted((r["bot"], r["class"], r["packets_seen"]) for r in csv.DictReader(io.StringIO(p.stdout.decode())))
    expected = known(captures[-1])
    w = Watch(lab, scene.path("bots.db"), "--window", "1", "--workers", "2", "--snaplen", "65536")
    lab.replay(captures[-1], "--pps=2000")
    w.stop()
    scene.check("bots: live as in the file", known("--store", w.store) == expected and expected, f"{known('--store', w.store)} {expected}")
    w.sound("bots")


# ---- deaths ----

def kill(w, role):
    pid = w.children().get(role)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return bool(pid)


def killed_writer(lab):
    """Nothing that was seen is lost, nothing counts twice."""
    w = Watch(lab, scene.path("writer.db"), "--window", "1")
    t = load(lab, 4000, 1.8 * kills)
    done = 0
    while t.is_alive():
        time.sleep(random.uniform(0.8, 1.8))
        done += kill(w, "writer")
    t.join()
    time.sleep(0.5)
    code = w.stop()
    scene.check("writer killed: often enough", done >= kills // 2, done)
    scene.check("writer killed: exit 0", code == 0, w.text[-1500:])
    scene.check("writer killed: every packet once", w.packets() == t.n, f"{w.packets()} of {t.n} after {done} kills; {w.text[-1500:]}")
    w.sound("writer killed")


def killed_anyone(lab):
    w = Watch(lab, scene.path("anyone.db"), "--window", "1")
    t = load(lab, 4000, 1.8 * kills)
    done = collections.Counter()
    floor = 0
    while t.is_alive():
        time.sleep(random.uniform(0.8, 1.8))
        role = random.choice(("engine", "writer", "other"))
        now = w.packets()
        scene.check("anyone killed: what was in the store stays", now >= floor, f"{now} < {floor}")
        floor = now
        done[role] += kill(w, role)
    t.join()
    time.sleep(1)
    code = w.stop()
    m = w.answer()["meta"]
    scene.check("anyone killed: exit 0", code == 0, w.text[-1500:])
    scene.check("anyone killed: no more than was sent", floor <= m["packets"] <= t.n, f"{m} {t.n} {done}")
    scene.check("anyone killed: told", w.text.count("was killed by signal 9") >= sum(done.values()) * 2 // 3, f"{done} {w.text[-1500:]}")
    if done["engine"]:
        scene.check("an engine's death is in the account", m["lost_in_sensor"] > 0 or m["packets"] == t.n, m)
    w.sound("anyone killed")


def killed_parent(lab):
    w = Watch(lab, scene.path("parent.db"), "--window", "60")
    lab.send([frame(source(i)) for i in range(100)])
    time.sleep(1.5)
    children = list(w.children().values())
    os.kill(w.p.pid, signal.SIGKILL)
    w.p.wait()
    net.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") and "Z" not in open(f"/proc/{pid}/stat").read().split()[2] for pid in children), 15)
    scene.check("parent killed: the others bring it to an end", w.packets() == 100, w.packets())
    w.sound("parent killed")


# ---- the disk ----

def mounted(path, size):
    os.makedirs(path)
    net.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", path)


def scraped(lab, path):
    return lab.run([sys.executable, "-c", "import sys, urllib.request as r, urllib.error as e\ntry: a = r.urlopen(sys.argv[1])\nexcept e.HTTPError as x: a = x\nprint(a.read().decode(), end='')",
                    "http://127.0.0.1:9747" + path]).stdout


def full_disk(lab):
    disk = scene.path("disk")
    mounted(disk, "12m")
    try:
        w = Watch(lab, disk + "/store.db", "--window", "0", "--memory", "64M", "--metrics", "127.0.0.1:9747")
        with open(disk + "/filler", "wb") as f:
            try:
                while True:
                    f.write(bytes(65536))
                    f.flush()
            except OSError:
                pass
        lab.send([frame(source(i)) for i in range(60000)], pps=40000)
        w.wait("full", 20)
        begin = time.monotonic()
        net.wait_for(lambda: scraped(lab, "/healthz") == "the store is full\n")
        scene.check("full disk: a metric says it", "\ngrescope_store_full 1\n" in scraped(lab, "/metrics"))
        scene.check("full disk: an alert of that name", re.search(r"level=error .* phase=begin .*trouble=disk", w.said()), w.said()[-1500:])
        time.sleep(max(0, begin + 5.5 - time.monotonic()))
        tries = w.said().count("writer: started again")
        scene.check("full disk: ever longer pauses between the tries", tries <= 4, tries)
        os.unlink(disk + "/filler")
        net.wait_for(lambda: w.packets() == 60000, 60, 0.5)
        net.wait_for(lambda: scraped(lab, "/healthz") == "all is well\n")
        scene.check("full disk: nothing of it is lost when there is room again", True)
        code = w.stop()
        scene.check("full disk: exit 0", code == 0, w.text[-1000:])
        w.sound("full disk")
    except TimeoutError as e:
        scene.check("full disk", False, f"{e} {w.packets()} {w.said()[-1500:]}")
    finally:
        lab.stop(w.p, signal.SIGKILL)
        net.run("umount", "-l", disk, check=False)


def read_only(lab):
    disk = scene.path("ro")
    mounted(disk, "16m")
    w = None
    try:
        net.run("mount", "-o", "remount,ro", disk)
        w = Watch(lab, disk + "/store.db", wait=False)
        out, err = net.rest(w.p)
        scene.check("read-only: exit 5 or 6 and why", w.p.returncode in (5, 6) and disk in err, f"{w.p.returncode} {err}")
        net.run("mount", "-o", "remount,rw", disk)
        w = Watch(lab, disk + "/store.db", "--window", "1")
        lab.send([frame(source(i)) for i in range(50)])
        net.wait_for(lambda: w.packets() == 50, 10)
    finally:
        if w:
            lab.stop(w.p, signal.SIGKILL)
        net.run("umount", "-l", disk, check=False)


def deleted_store(lab):
    w = Watch(lab, scene.path("deleted", "store.db"), "--window", "1")
    lab.send([frame(source(i)) for i in range(50)])
    net.wait_for(lambda: w.packets() == 50, 10)
    for name in os.listdir(scene.path("deleted")):
        path = scene.path("deleted", name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    w.wait("was removed or replaced")
    lab.send([frame(source(i)) for i in range(70)])
    net.wait_for(lambda: w.packets() >= 70, 10)
    code = w.stop()
    scene.check("deleted store: another is begun, and capture went on", code == 0 and w.packets() >= 70, f"{code} {w.packets()} {w.text[-800:]}")
    w.sound("deleted store")


def databases(lab):
    """A database that is damaged is not taken; what is pinned goes on with the one before."""
    db = scene.path("asn", "ip2asn.csv")
    os.makedirs(os.path.dirname(db))
    good = "".join(f"198.{i}.0.0,198.{i}.255.255,6450{i % 10},TEST-{i}\n" for i in range(18, 20))
    with open(db, "w") as f:
        f.write(good)
    w = Watch(lab, scene.path("pins.db"), "--window", "1", "--pin-origin", "--asn-db", db)
    lab.send([frame(source(i)) for i in range(50)])
    net.wait_for(lambda: w.packets() == 50, 10)
    with open(db + ".new", "wb") as f:
        f.write(random.randbytes(4000))
    os.rename(db + ".new", db)
    w.p.send_signal(signal.SIGHUP)
    w.wait("cannot be used|not taken|stay")
    lab.send([frame(source(i)) for i in range(50)])
    net.wait_for(lambda: w.packets() == 100, 10)
    with open(db + ".new", "w") as f:
        f.write(good)
    os.rename(db + ".new", db)
    w.p.send_signal(signal.SIGHUP)
    w.wait("writer: .*databases.*read again")
    code = w.stop()
    p = scene.run("store", "info", "--store", w.store)
    scene.check("databases: pinned, and capture went on", code == 0 and w.packets() == 100, f"{code} {w.packets()} {w.text[-800:]} {p.stdout}")
    w.sound("databases")


# ---- the service manager, rights, interfaces ----

def configuration(lab):
    """SIGHUP: what is wrong changes nothing, what cannot change is named, what can is taken."""
    conf = scene.path("grescope.conf")

    def write(text):
        with open(conf, "w") as f:
            f.write(text)
    write(f"[capture]\ninterface = {lab.rx}\n[sightings]\nwindow = 1\n")
    w = Watch(lab, scene.path("conf.db"), "--config", conf, interfaces=["lo"])
    w.stop()
    scene.check("options take the place of the file", "watching lo with" in w.text, w.text)
    p = lab.start([scene.grescope, "watch", "--config", conf, "--store", scene.path("conf.db")], env=scene.env)
    w.p = p
    w.wait("watching rx0")
    write(f"[capture]\ninterface = {lab.rx}\nsnaplenn = 300\n[sightings]\nwindow = 1\n")
    p.send_signal(signal.SIGHUP)
    w.wait("grescope.conf:3: .*snaplen")
    w.wait("stays as it was")
    write(f"[capture]\ninterface = {lab.rx}\nsnaplen = 300\n[sightings]\nwindow = 1\n[store]\nkeep_rows = 30d\n")
    p.send_signal(signal.SIGHUP)
    w.wait("snaplen in .capture. cannot change while the sensor runs")
    lab.send([frame(source(i)) for i in range(50)])
    net.wait_for(lambda: w.packets() == 50, 10)
    scene.check("configuration: nothing is said of what changed", "keep_rows" not in w.said(), w.said())
    scene.check("configuration: exit", w.stop() == 0, w.text)
    p = scene.exits("an interface that is not there", 6, "watch", "-i", "gsnone0", "--store", scene.path("none.db"), says="grescope: gsnone0: no such interface")
    scene.check("a missing interface is no matter of rights", b"setcap" not in p.stderr, p.stderr)
    scene.exits("no interface", 2, "watch", says="-i eth0")
    scene.exits("files are not for watch", 2, "watch", "-i", "lo", "x.pcap", says="grescope report x.pcap")


def service(lab):
    path = scene.path("notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(10)
    w = Watch(lab, scene.path("service.db"), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
    got = []

    def until(word):
        while not any(word in g for g in got):
            got.append(s.recv(4096).decode())
    try:
        until("READY=1")
        until("WATCHDOG=1")
        begin = time.monotonic()
        got.clear()
        while got.count("WATCHDOG=1") < 5:
            got.append(s.recv(4096).decode())
        scene.check("watchdog: twice as often as asked for", time.monotonic() - begin < 1.6, time.monotonic() - begin)
        w.p.send_signal(signal.SIGHUP)
        until("RELOADING=1")
        scene.check("reloading says when", any("MONOTONIC_USEC=" in g for g in got), got)
        got.clear()
        until("READY=1")
        lab.send([frame(source(i)) for i in range(50)])
        time.sleep(1.3)
        os.kill(w.children()["engine"], signal.SIGKILL)
        got.clear()
        until("STATUS=")
        scene.check("the status line counts what an engine that died had seen", any("STATUS=50 packets seen, 50 lost" in g for g in got), got)
        w.p.send_signal(signal.SIGTERM)
        until("STOPPING=1")
    except TimeoutError:
        scene.check("service manager", False, f"{got} {w.said()}")
    w.stop()


def nobody_reads(lab):
    """A pipe that is full holds nobody up; a terminal that hangs up is the end."""
    r, out = os.pipe()
    fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, 4096)
    p = lab.start([scene.grescope, "watch", "-q", "-i", lab.rx, "--store", scene.path("unread.db")], env=scene.env, stderr=out)
    net.wait_for(lambda: os.path.exists(scene.path("unread.db")), 20)
    time.sleep(1)
    for _ in range(60):
        p.send_signal(signal.SIGUSR1)
        time.sleep(0.01)
    p.send_signal(signal.SIGTERM)
    try:
        scene.check("a full pipe: exit 0", p.wait(15) == 0, p.returncode)
    except subprocess.TimeoutExpired:
        scene.check("a full pipe holds nobody up", False)
        p.kill()
    os.close(out)
    os.close(r)
    master, slave = pty.openpty()
    p = subprocess.Popen(lab.command([scene.grescope, "watch", "-i", lab.rx, "--store", scene.path("hung.db")]), env=scene.env, stdin=slave, stdout=slave, stderr=slave,
                         start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    net.wait_for(lambda: os.path.exists(scene.path("hung.db")), 20)
    time.sleep(1)
    os.close(master)
    try:
        scene.check("a terminal that hangs up ends it", p.wait(15) == 0, p.returncode)
    except subprocess.TimeoutExpired:
        scene.check("a terminal that hangs up ends it", False, "it runs on")
        p.kill()


def rights(lab):
    w = Watch(lab, scene.path("norights", "store.db"), prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"), wait=False)
    net.rest(w.p)
    os.makedirs(scene.path("nobody"))
    os.chown(scene.path("nobody"), 65534, 65534)
    copy = scene.path("grescope")
    shutil.copy(scene.grescope, copy)
    os.chmod(copy, 0o755)
    w = Watch(lab, scene.path("nobody", "store.db"), wait=False, prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "watch", "-i", lab.rx, "--store",
                                                                          scene.path("nobody", "store.db"), "--"))
    out, err = net.rest(w.p)
    scene.check("no rights: the files are refused first", "takes no files" in err or w.p.returncode == 2, err)
    p = lab.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "watch", "-i", lab.rx, "--store", scene.path("nobody", "store.db")], env=scene.env)
    scene.check("no rights: exit 6 and the command", p.returncode == 6 and f"setcap cap_net_raw+ep {copy}" in p.stderr, f"{p.returncode} {p.stderr}")
    if not shutil.which("setcap") or net.run("setcap", "cap_net_raw+ep", copy, check=False).returncode:
        return
    p = lab.start(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "watch", "-i", lab.rx, "--store", scene.path("nobody", "store.db"), "--window", "1"], env=scene.env)
    w = Watch.__new__(Watch)
    w.lab, w.store, w.p = lab, scene.path("nobody", "store.db"), p
    w.wait("watching ")
    lab.send([frame(source(i)) for i in range(50)])
    net.wait_for(lambda: w.packets() == 50, 10)
    status = open(f"/proc/{w.children()['engine']}/status").read()
    scene.check("a plain user's engine has no rights left", re.search(r"CapPrm:\s+0+\n", status) and re.search(r"CapEff:\s+0+\n", status) and
                re.search(r"NoNewPrivs:\s+1\n", status) and re.search(r"Seccomp:\s+2\n", status), status)
    scene.check("a plain user's sensor", w.stop() == 0 and w.packets() == 50, w.text)


def interfaces(lab):
    lab.pair("rx1", "tx1")
    w = Watch(lab, scene.path("interfaces.db"), "--window", "1", interfaces=[lab.rx, "rx1"])
    lab.send([frame(source(i)) for i in range(50)])
    lab.send([frame(source(i)) for i in range(40)], tx="tx1")
    net.wait_for(lambda: w.packets() == 90, 10)
    lab.link("set", "rx1", "down")
    w.wait("rx1: .*down")
    lab.link("set", "rx1", "up")
    w.wait("rx1: .*up")
    time.sleep(0.3)
    lab.send([frame(source(i)) for i in range(40)], tx="tx1")
    net.wait_for(lambda: w.packets() == 130, 15)
    lab.link("del", "rx1")
    lab.send([frame(source(i)) for i in range(50)])     # the other one goes on
    net.wait_for(lambda: w.packets() == 180, 15)
    lab.pair("rx1", "tx1")
    w.wait("rx1: started again", 15)
    lab.send([frame(source(i)) for i in range(40)], tx="tx1")
    net.wait_for(lambda: w.packets() == 220, 15)
    lab.link("set", "rx1", "mtu", "9000")
    lab.send([frame(source(i)) for i in range(30)], tx="tx1")
    net.wait_for(lambda: w.packets() == 250, 15)
    lab.link("set", "rx1", "down")
    lab.link("set", "rx1", "name", "other1")
    lab.link("set", "other1", "up")
    w.wait("rx1: .*other1", 15)
    lab.link("set", "other1", "down")
    lab.link("set", "other1", "name", "rx1")
    lab.link("set", "rx1", "up")
    w.wait("(?s)rx1: started again.*rx1: started again", 15)
    lab.send([frame(source(i)) for i in range(30)], tx="tx1")
    net.wait_for(lambda: w.packets() == 280, 15)
    scene.check("interfaces that come and go, and change name and MTU", w.stop() == 0 and w.packets() == 280, f"{w.packets()} {w.text}")
    told = re.findall(r"phase=\w+ id=\d+ key=\S*(?:interface|process)\S*", w.text)
    scene.check("interfaces: told, and nobody died", len(told) >= 1 and all("key=sensor:interface:rx1" in x for x in told), told)
    w.sound("interfaces")
    lab.link("del", "rx1")
    w = Watch(lab, scene.path("none.db"), wait=False, interfaces=["nosuch0"])
    out, err = net.rest(w.p)
    scene.check("an interface that is not there", w.p.returncode == 6 and "nosuch0" in err, f"{w.p.returncode} {err}")


# ---- fences, memory ----

def calls(lab):
    """No system call that the filters refuse is ever tried in a whole run."""
    if not shutil.which("strace"):
        return
    log = scene.path("strace")
    w = Watch(lab, scene.path("strace.db"), "--window", "1", prefix=("strace", "-f", "-qq", "-o", log))
    lab.send([frame(source(i)) for i in range(2000)], pps=2000)
    time.sleep(1.5)
    tracer = w.p.pid
    parent = int(subprocess.run(["pgrep", "-P", str(tracer), "grescope"], capture_output=True, text=True).stdout.split()[0])
    os.kill(parent, signal.SIGTERM)
    net.rest(w.p)
    fenced, refused = set(), []
    for line in open(log):
        pid, rest = line.split(None, 1)
        if rest.startswith("seccomp(SECCOMP_SET_MODE_FILTER") and "= 0" in rest or rest.startswith("prctl(PR_SET_SECCOMP"):
            fenced.add(pid)
        elif pid in fenced and ("ENOSYS" in rest or "SIGSYS" in rest):
            refused.append(line.strip()[:160])
    scene.check("system calls: processes are fenced", len(fenced) >= 2, fenced)
    scene.check("system calls: none is refused", not refused, refused[:10])
    scene.check("system calls: all was seen under strace", w.packets() == 2000, w.packets())


def workers(lab):
    """Several engines share an interface; `any` is all of them."""
    w = Watch(lab, scene.path("workers.db"), "--window", "1", "--workers", "3")
    lab.send([frame(source(i % 500)) for i in range(5000)])
    net.wait_for(lambda: w.packets() == 5000, 15)
    w.p.send_signal(signal.SIGUSR1)
    w.wait(r"(?s)(in sightings [1-9].*){3}")
    scene.check("workers: exit", w.stop() == 0, w.text)
    scene.check("workers: each packet once", w.packets() == 5000 and w.answer()["meta"]["sources"] == 500, w.answer()["meta"])
    w.sound("workers")
    w = Watch(lab, scene.path("any.db"), "--window", "1", interfaces=["any"])
    lab.send([frame(source(i)) for i in range(70)])
    w.stop()
    scene.check("any: exit, and all of it", w.packets() == 70, f"{w.packets()} {w.text}")


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) * 1024


def flood(lab):
    """Every packet has a source of its own: memory keeps to its cap, packets are exact, sources an estimate."""
    w = Watch(lab, scene.path("flood.db"), "--window", "2", "--memory", "16M", "--buffer", "32M")
    n, most = 0, 0
    for part in range(4):
        lab.send([frame(wide(n + i)) for i in range(50000)])
        n += 50000
        time.sleep(0.5)
        engine = w.children().get("engine")
        most = max(most, rss(engine) if engine else 0)
    time.sleep(2)
    w.stop()
    m = w.answer()["meta"]
    seen = m["packets"] + m["lost_in_sensor"]
    scene.check("flood: sent = seen + lost in the sensor", seen == n, f"{n} {m} {w.text[-1500:]}")
    scene.check("flood: memory", 0 < most < (16 << 20) + (32 << 20) + (24 << 20), most)   # its cap, the ring, and what the program itself needs
    scene.check("flood: sources are estimated", abs(m["sources"] / m["packets"] - 1) < 0.15, m)
    w.sound("flood")


def overflow(lab):
    """What the ring has no room for is counted to the packet."""
    w = Watch(lab, scene.path("overflow.db"), "--window", "2", "--buffer", "1M")
    engine = w.children()["engine"]
    lab.send([frame(source(i % 500)) for i in range(1000)])
    os.kill(engine, signal.SIGSTOP)
    lab.send([frame(source(i % 500)) for i in range(40000)])
    os.kill(engine, signal.SIGCONT)
    lab.send([frame(source(i % 500)) for i in range(1000)])
    w.stop()
    m = w.answer()["meta"]
    scene.check("overflow: something was lost", m["lost_in_sensor"] > 1000, m)
    scene.check("overflow: sent = seen + lost in the sensor", m["packets"] + m["lost_in_sensor"] == 42000, m)
    scene.check("overflow: told", f"{m['packets']} packets seen, {m['lost_in_sensor']} lost in the sensor" in w.text, w.text)
    p = scene.run("report", "--store", w.store)
    scene.check("overflow: in the report", b"lost in the sensor" in p.stdout, p.stdout)
    w.sound("overflow")


with net.Lab() as lab:
    for part in (start_to_stop, same_as_files, bots, killed_writer, killed_anyone, killed_parent, full_disk, read_only, deleted_store, databases, configuration, service, nobody_reads, rights, interfaces, calls, workers,
                 flood, overflow):
        if only and part.__name__ not in only.split(","):
            continue
        begin = time.monotonic()
        try:
            part(lab)
        except (TimeoutError, RuntimeError) as e:
            scene.check(part.__name__, False, e)
        for p in lab.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        print(f"{part.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
scene.end()
