#!/usr/bin/env python3
"""watch with evidence and retention: packets kept as they came, whatever is killed; the oldest files and rows go, sums stay. usage: watch_evidence.py GRESCOPE"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import net
from scene import Scene, frame

net.need("ip")
net.limit(200)
s = Scene("evidence", sys.argv[1])
s.env["GRESCOPE_DATA"] = "/nonexistent"
os.chmod(s.tmp, 0o755)
folder, store, conf = s.path("evidence"), s.path("store.db"), s.path("grescope.conf")
os.mkdir(folder, 0o700)


def config(text):
    with open(conf, "w") as f:
        f.write(text)
    s.exits("the configuration is sound", 0, "config", "check", conf)


def files():
    return sorted(glob.glob(os.path.join(folder, "grescope-*.pcap.zst")), key=lambda p: int(re.search(r"-(\d+)\.pcap", p).group(1)))


def count(path):
    p = s.run("export", "--window", "0", "--format", "csv", "--no-header", path)
    return len(p.stdout.splitlines())


def children(p):
    with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
        return [int(x) for x in f.read().split()]


def engine(p):
    """The one that has the packet socket."""
    with open(f"/proc/{p.pid}/net/packet") as f:
        sockets = {f"socket:[{line.split()[8]}]" for line in f.readlines()[1:]}
    for pid in children(p):
        if any(os.readlink(f"/proc/{pid}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{pid}/fd")):
            return pid
    raise RuntimeError("no engine")


def start(lab):
    p = lab.start([s.grescope, "watch", "-q", "-i", lab.rx, "--config", conf], env=s.env)
    net.wait_for(lambda: (p.said.seek(0) or "watching" in p.said.read()) or p.poll() is not None)
    return p


def closed_in(pid):
    with open(f"/proc/{pid}/status") as f:
        return "NoNewPrivs:\t1" in f.read()


def captures(p):
    """Whether there is an engine that hears: it gives its rights up once its capture is open."""
    try:
        return closed_in(engine(p))
    except (RuntimeError, OSError):
        return False


def said(p):
    p.said.seek(0)
    return p.said.read()


frames = [frame((203, 0, 113, i % 250), (198, 51, 100, 47), key=i if i % 3 == 0 else None) for i in range(3000)]
config(f"[sensor]\nname = north\n[store]\npath = {store}\n[evidence]\nfolder = {folder}\nsize = 64M\nfile_size = 1M\n[sightings]\nwindow = 1\n")
with net.Lab() as lab:
    p = start(lab)
    lab.send(frames[:1000], pps=2000)
    time.sleep(2.5)
    s.check("a file, for its owner alone", len(files()) == 1 and os.stat(files()[0]).st_mode & 0o777 == 0o600, files())
    s.check("its name tells sensor and time", re.fullmatch(r"grescope-north-\d{8}T\d{6}Z-1\.pcap\.zst", os.path.basename(files()[0])), files())
    s.check("what came is in it, while it is written", count(files()[0]) == 1000, count(files()[0]))
    if shutil.which("tcpdump") and shutil.which("zstdcat"):
        t = subprocess.run(f"zstdcat {files()[0]} | tcpdump -n -r - 2>/dev/null | wc -l", shell=True, capture_output=True, timeout=60)
        s.check("tcpdump reads it", int(t.stdout) == 1000, t)
    # the engine is killed in the middle of work: its file is read to the last second, and a new one is begun
    lab.send(frames[1000:1500], pps=2000)
    time.sleep(1.5)
    os.kill(engine(p), signal.SIGKILL)
    net.wait_for(lambda: "started again" in said(p) and captures(p), limit=30)
    lab.send(frames[1500:2500], pps=2000)
    time.sleep(2.5)
    s.check("after a kill the file is whole", count(files()[0]) == 1500, [count(f) for f in files()])
    s.check("and the next has what came since", len(files()) == 2 and count(files()[1]) == 1000, [count(f) for f in files()])
    # all of it at once, by the power switch
    lab.send(frames[2500:2600])
    time.sleep(1.5)
    for pid in [p.pid, *children(p)]:
        os.kill(pid, signal.SIGKILL)
    p.wait()
    s.check("after the end of all the file is whole", count(files()[1]) == 1100, [count(f) for f in files()])
    # what a sighting says first is a packet that can be found
    for source in ("203.0.113.7", "203.0.113.100"):
        text = " ".join(s.run("show", source, "--store", store, "--pcap-dir", folder).stdout.decode().split())
        said_where = re.findall(r"its (first|last) packet: grescope explain --packet (\d+) (\S+)", text)
        s.check(f"show {source} says where its first and last packet are", [x[0] for x in said_where] == ["first", "last"], text[-600:])
        for which, number, path in said_where:
            e = s.run("explain", "--packet", number, path).stdout.decode()
            s.check(f"and explain shows the {which}", re.search(rf"\b{re.escape(source)}\b", e), e[:300])
    text = s.run("show", "203.0.113.7", "--store", store, "--config", conf, "--format", "json").stdout.decode()
    s.check("the configuration names the folder too", "grescope explain --packet" in text, text[-600:])
    s.check("nothing of it where no folder is known", "evidence:" not in s.run("show", "203.0.113.7", "--store", store).stdout.decode())
    p = s.run("show", "203.0.113.7", "--store", store, "--pcap-dir", s.path("nowhere"))
    s.check("a folder that is not there is said", "nowhere, the folder of evidence" in " ".join(p.stdout.decode().split()), p.stdout[-300:])

    stored = json.loads(s.run("report", "--by", "total", "--format", "json", "--store", store).stdout)["meta"]["packets"]

    # the cap: no more than size, oldest gone, foreign files stay
    for f in files():
        os.unlink(f)
    foreign = os.path.join(folder, "grescope-south-20170101T000000Z-1.pcap.zst")
    open(foreign, "wb").write(b"x" * 100)
    config(f"[sensor]\nname = north\n[store]\npath = {store}\nkeep_size = 512K\n[evidence]\nfolder = {folder}\nsize = 16M\nfile_size = 1M\n[sightings]\nwindow = 1\n")
    p = start(lab)
    noise = [f + os.urandom(180) for f in frames]
    noise = [f[:16] + len(f[14:]).to_bytes(2, "big") + f[18:] for f in noise]
    for _ in range(36):
        lab.send(noise)
        time.sleep(0.2)
    time.sleep(2)
    total = sum(os.path.getsize(f) for f in files() if f != foreign)
    s.check("evidence keeps to its cap", 8 << 20 < total < 18 << 20, (total, len(files())))
    numbers = [int(re.search(r"-(\d+)\.pcap", f).group(1)) for f in files() if f != foreign]
    s.check("the oldest went", numbers and min(numbers) > 1 and max(numbers) - min(numbers) == len(numbers) - 1, numbers)
    s.check("another sensor's file stays", os.path.exists(foreign))
    s.check("each of them is readable", all(count(f) > 0 for f in files()[1:-1][:3]), files())
    net.wait_for(lambda: "old rows went" in said(p), limit=30)
    out, err = lab.stop(p)
    info = s.run("store", "info", "--store", store).stdout.decode()
    gone = re.search(r"(\d+) only in hourly sums", info)
    s.check("rows go by size while it runs", gone and int(gone.group(1)) > 0, info)
    total = json.loads(s.run("report", "--by", "total", "--format", "json", "--store", store).stdout)["meta"]["packets"]
    s.check("and a report still answers for all of them", total == stored + 36 * len(noise), (total, stored, len(noise), info))
    s.check("the store is sound", s.run("store", "check", "--store", store).returncode == 0)
    s.check("it ends in good order", p.returncode == 0, (p.returncode, err))

    # no folder: said at once
    shutil.rmtree(folder)
    p = lab.start([s.grescope, "watch", "-q", "-i", lab.rx, "--config", conf], env=s.env)
    p.wait(20)
    s.check("a folder that is not there is said", p.returncode == 3 and "the folder of evidence" in said(p), (p.returncode, said(p)))
s.end()
