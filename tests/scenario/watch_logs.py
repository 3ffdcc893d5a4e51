#!/usr/bin/env python3
"""watch with logs: a file that grows, rotates and is cut, syslog over UDP and TCP; what was written is what the store says, whoever is killed.

usage: watch_logs.py GRESCOPE    Needs no rights; with root it also holds that the processes give theirs up. KILLS_S in the environment: seconds of kills.
"""
import datetime
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import net
from scene import Scene

net.limit(180 + int(float(os.environ.get("KILLS_S", 8))))
s = Scene("logs", sys.argv[1])
os.chmod(s.tmp, 0o755)
store, conf, folder = s.path("store.db"), s.path("grescope.conf"), s.path("log")
os.mkdir(folder, 0o755)
log = os.path.join(folder, "kern.log")


def free_port():
    """One that UDP and TCP both have free."""
    while True:
        with socket.socket() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            t.bind(("127.0.0.1", 0))
            try:
                u.bind(t.getsockname())
                return t.getsockname()[1]
            except OSError:
                continue


port = free_port()
KILLS_S = float(os.environ.get("KILLS_S", 8))


def when():
    return datetime.datetime.now(datetime.timezone.utc)


def line(src, proto="47", at=None):
    at = at or when()
    return (f"{at.isoformat(timespec='microseconds')} fw1 kernel: [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC={src} DST=198.51.100.47 "
            f"LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=51958 DF PROTO={proto} \n")


def source(i, net_="203.0.113"):
    return f"{net_}.{i % 250 + 1}"


def write(text, path=log, mode="a"):
    with open(path, mode) as f:
        f.write(text)
    os.chmod(path, 0o644)


class Watch:
    def __init__(self, *args, **kw):
        self.out = open(s.path("said"), "w+b")
        self.p = start_to(self.out, "watch", "--store", store, "-q", *args, **kw)
        net.wait_for(lambda: "watching" in self.said() or self.p.poll() is not None)

    def said(self):
        return os.pread(self.out.fileno(), 1 << 20, 0).decode(errors="replace")

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        return self.p.wait(30)

    def engine(self):
        """The child that has the inotify descriptor of the followed file."""
        with open(f"/proc/{self.p.pid}/task/{self.p.pid}/children") as f:
            for pid in f.read().split():
                if any("inotify" in os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")):
                    return int(pid)
        raise RuntimeError("no engine of logs")


def report(*args):
    p = s.run("report", "--by", "source", "--format", "json", "--limit", "0", "--store", store, *args)
    return json.loads(p.stdout) if p.returncode == 0 else {"meta": {"packets": -1}, "said": p.stderr}


def packets():
    return report()["meta"]["packets"]


def start_to(out, *args, **kw):
    return subprocess.Popen([s.grescope, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=s.env, **kw)


kept = 0


def comes_to(name, more, limit=15):
    """So many packets more than before, no more and no less a moment later."""
    global kept
    kept += more
    try:
        net.wait_for(lambda: packets() >= kept, limit)
    except TimeoutError:
        pass
    s.check(name, packets() == kept, (packets(), kept, w.said()[-1500:]))


# ---- a format of one's own, a file, syslog ----
with open(conf, "w") as f:
    f.write(f"[store]\npath = {store}\n[logs]\nfollow = {log}\nsyslog_listen = 127.0.0.1:{port}\n"
            "[log-format mine]\npattern = ^(?<time>\\S+) dropped tunnel (?<src>\\S+) to (?<dst>\\S+)$\n")
s.exits("the configuration is sound", 0, "config", "check", conf)
write("".join(line(source(i, "192.0.2")) for i in range(100)), mode="w")    # before the sensor: not read
w = Watch("--config", conf)
s.check("it starts without an interface", w.p.poll() is None and log in w.said() and f"syslog at 127.0.0.1:{port}" in w.said(), w.said())
if os.geteuid() == 0:
    with open(f"/proc/{w.engine()}/status") as f:
        status = dict(x.split(":", 1) for x in f.read().splitlines())
    s.check("the engine of logs has no rights", int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0 and status["Uid"].split()[0] != "0" and int(status["Seccomp"]) == 2, status)

write("".join(line(source(i)) for i in range(200)))
comes_to("what is added is read", 200)
write("".join(line(source(i), "TCP") for i in range(50)) + line("203.0.113.900") + line(source(1), at=datetime.datetime(2203, 1, 1, tzinfo=datetime.timezone.utc)))
text = line(source(7))
write(text[:60])
time.sleep(0.5)
write(text[60:])
comes_to("a line in two pieces is one", 1)
write(line(source(8)).replace("ID=51958", "ID=0"))
comes_to("an identification of 0 is one, too", 1)
os.rename(log, log + ".1")
write("".join(line(source(i)) for i in range(10)), log + ".1")    # who writes still has the old one
write("".join(line(source(i)) for i in range(300)))
comes_to("rotation", 310)
write("".join(line(source(i)) for i in range(20)), mode="w")
comes_to("cut and written anew", 20)
write(f"{when().isoformat()} dropped tunnel 203.0.113.47 to 198.51.100.47\n")
comes_to("a format of one's own", 1)

u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(150):
    u.sendto(b"<4>" + line(source(i)).strip().encode(), ("127.0.0.1", port))
comes_to("syslog over UDP", 150)
with socket.create_connection(("127.0.0.1", port)) as t:
    t.sendall("".join("<4>" + line(source(i)) for i in range(150)).encode())
    for i in range(50):
        m = b"<4>" + line(source(i)).strip().encode()
        t.sendall(b"%d %s" % (len(m), m))
comes_to("syslog over TCP, by line and by count", 200)
u.sendto(b"<4>" + line("203.0.113.900").strip().encode(), ("127.0.0.1", port))

# ---- the engine is killed; what is written meanwhile is read by the next one ----
time.sleep(2.5)
os.kill(w.engine(), signal.SIGKILL)
write("".join(line(source(i)) for i in range(40)))
net.wait_for(lambda: "logs: started again" in w.said())
write("".join(line(source(i)) for i in range(40)))
comes_to("a killed engine is followed by one that reads on", 80)
u.sendto(b"<4>" + line(source(5)).strip().encode(), ("127.0.0.1", port))
comes_to("and listens", 1)

# ---- who is killed, and when, makes no line count twice or not at all: engine, writer, or all at once as by a power cut ----
def tree():
    with open(f"/proc/{w.p.pid}/task/{w.p.pid}/children") as f:
        return [int(pid) for pid in f.read().split()]


def holds(pid, what):
    try:
        return any(what in os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


random.seed(47)
end, written, killed = time.monotonic() + KILLS_S, 0, {"engine": 0, "writer": 0, "all": 0}
next_kill = time.monotonic() + 0.3
while time.monotonic() < end or (min(killed.values()) < 2 and time.monotonic() < end + 20):    # on a busy machine restarts take longer
    n = random.randrange(1, 400)
    write("".join(line(source(i)) for i in range(n)))
    written += n
    time.sleep(0.02)
    if time.monotonic() < next_kill:
        continue
    next_kill = time.monotonic() + random.uniform(0.1, 0.8)
    who = random.choice(("engine", "engine", "writer", "writer", "all")) if time.monotonic() < end else min(killed, key=killed.get)
    victims = [pid for pid in tree() if who == "all" or holds(pid, "inotify" if who == "engine" else store)]
    if who == "all":
        victims.insert(0, w.p.pid)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
        killed[who] += who != "all"
    if who == "all":
        w.p.wait()
        killed["all"] += 1
        w = Watch("--config", conf)
print(f"kills: {killed} while {written} lines were written")
s.check("kills: enough of each", all(n >= 2 for n in killed.values()), killed)
comes_to(f"kills: each of {written} lines once, after {killed}", written, 30)

# ---- what is written while nobody watches is read afterwards, across a rotation too ----
s.check("it ends well", w.stop() == 0, w.said()[-1500:])
write("".join(line(source(i)) for i in range(70)))
w = Watch("--config", conf)
comes_to("written while it was down", 70)
w.stop()
write("".join(line(source(i)) for i in range(30)))
os.rename(log, log + ".1")
write("".join(line(source(i)) for i in range(40)))
w = Watch("--config", conf)
comes_to("rotated while it was down", 70)
w.stop()
for path in (log, log + ".1"):
    os.unlink(path)
write("".join(line(source(i)) for i in range(25)))
w = Watch("--config", conf)
comes_to("another file by then is read from its beginning", 25)
s.check("and said to be another", "is another file than the one that was followed" in w.said(), w.said())
u.sendto(b"<4>" + line("203.0.113.900").strip().encode(), ("127.0.0.1", port)) # the last start's warning is the last one's

write("".join(line(source(i)) for i in range(500)))
begin = time.monotonic()
s.check("SIGTERM: exit 0", w.stop() == 0, w.said()[-1500:])
s.check("SIGTERM: soon", time.monotonic() - begin < (1.5 if "asan" not in s.env["ASAN_OPTIONS"] and "detect_leaks" not in s.env["ASAN_OPTIONS"] else 8), time.monotonic() - begin)
kept += 500
a = report()
s.check("what was there at the end is kept", a["meta"]["packets"] == kept, (a["meta"], kept))
s.check("each source has its own", sum(r["packets"] for r in a["rows"]) == kept and len(a["rows"]) == 250 and all("203.0.113." in str(r) for r in a["rows"]), a["rows"][:3])
s.check("bad lines are counted", (a["meta"].get("records_bad"), a["meta"].get("records")) == (4, kept), a["meta"])
s.check("and said", "could not be understood" in w.said() and "203.0.113.900" in w.said(), w.said())
p = s.run("store", "check", "--store", store)
s.check("the store is sound", p.returncode == 0, (p.stdout + p.stderr)[-500:])

# ---- a log that is there all at once is read as fast as the store takes it: none of its rows is folded ----
keep_store, store, keep_kept, kept = store, s.path("large.db"), kept, 0
w = Watch("--follow", log, "--memory", "16M")
write("".join(line(f"198.18.{i // 256}.{i % 256}") for i in range(30000)))
comes_to("a large log at once", 30000, 60)
a = report()
s.check("each of its sources has its row", len(a["rows"]) == 30000 and all(r["packets"] == 1 for r in a["rows"]), (len(a["rows"]), a["rows"][:2]))
s.check("it ends well", w.stop() == 0, w.said()[-1500:])
store, kept = keep_store, keep_kept

# ---- a writer that does not come for long: syslog goes on to be taken, folded where there is no more room ----
keep_store, store, keep_kept, kept = store, s.path("away.db"), kept, 0
w = Watch("--syslog", f"127.0.0.1:{port}", "--memory", "8M")
net.wait_for(lambda: any(holds(pid, store) for pid in tree()))
writer = next(pid for pid in tree() if holds(pid, store))
os.kill(writer, signal.SIGSTOP)
with socket.create_connection(("127.0.0.1", port)) as t:
    t.settimeout(20)
    try:
        for _ in range(100):
            t.sendall("".join("<4>" + line(source(i)) for i in range(1000)).encode())
        s.check("syslog is taken while the writer is away", True)
    except TimeoutError:
        s.check("syslog is taken while the writer is away", False, w.said())
    os.kill(writer, signal.SIGCONT)
comes_to("and each message counts", 100000, 60)
s.check("it ends well", w.stop() == 0, w.said()[-1500:])
store, kept = keep_store, keep_kept

# ---- anybody may follow what he can read; times without a zone are the one that is told ----
if os.geteuid() == 0:
    theirs = s.path("theirs")
    os.mkdir(theirs)
    os.chown(theirs, 65534, 65534)
    store, kept = os.path.join(theirs, "store.db"), 0
    w = Watch("--follow", log, "--tz", "+09:00", user=65534, group=65534, extra_groups=[])
    s.check("without any right it starts", w.p.poll() is None, w.said())
    write("".join(line(source(i)).replace("+00:00", "", 1) for i in range(30)))
    comes_to("without any right it follows", 30)
    s.check("it ends well", w.stop() == 0, w.said())
    p = s.run("report", "--by", "hour", "--format", "json", "--store", store)
    s.check("--tz", f"{when() - datetime.timedelta(hours=9):%Y-%m-%dT%H}" in p.stdout.decode(), p.stdout[:1500])

# ---- a link that is switched to a folder that the sandbox does not know ----
store = s.path("link.db")
for folder in "links", "old", "new":
    os.mkdir(s.path(folder))
    os.chmod(s.path(folder), 0o755)
write(line(source(1)), s.path("old", "x.log"))
write(line(source(2)), s.path("new", "x.log"))
link = s.path("links", "x.log")
os.symlink(s.path("old", "x.log"), link)
w = Watch("--follow", link)
os.symlink(s.path("new", "x.log"), link + ".new")
os.rename(link + ".new", link)
fenced = "paths fenced" in w.said()
try:
    net.wait_for(lambda: "restart the sensor" in w.said() if fenced else packets() >= 1, 15)
except TimeoutError:
    pass
s.check("a link into an unknown folder is told with what helps", not fenced or f"{link}: cannot be opened: Permission denied: if the link leads into a folder that was not known at the start, restart the sensor"
        in w.said(), w.said())
s.check("it ends well after that", w.stop() == 0, w.said())

# ---- what cannot be is said at the start ----
store = s.path("another.db")
s.exits("a folder that is not there", 6, "watch", "--store", store, "--follow", s.path("nowhere", "x.log"), says="its folder")
t = socket.socket()
t.bind(("127.0.0.1", 0))
t.listen()
s.exits("an address in use", 6, "watch", "--store", store, "--syslog", f"127.0.0.1:{t.getsockname()[1]}", says="syslog")
if os.geteuid() == 0:
    os.chmod(log, 0o600)
    s.exits("a file that its user may not read", 6, "watch", "--store", store, "--follow", log, says="could not read it after rotation")
s.end()
