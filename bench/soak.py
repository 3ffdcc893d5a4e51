#!/usr/bin/env python3
"""How a sensor lives for an hour: memory and descriptors of each of its processes while packets come at a steady rate, and whether each packet sent is in the store.

usage: soak.py GRESCOPE [--minutes 60] [--pps 10000] [--sources 20000] [--config FILE] [--keep FOLDER] [-- OPTIONS OF WATCH]

Needs root (network namespaces). Prints a table: minute, process, resident KiB, descriptors; at the end the balance and `store check`. Exit 1 where memory or descriptors grew, or a
packet is missing. Not in the gate: `make check` does not run it.
"""
import argparse
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "scenario"))
import net  # noqa: E402

MARKS = (1, 2, 5, 10, 20, 30, 40, 50, 60)


def frames(n, sources, seed=47):
    """GRE as a small server sees it: few busy sources and many rare ones, keepalives, PPTP, keys, remnants of floods."""
    r = random.Random(seed)
    out = []
    for _ in range(n):
        k = int(r.random() ** 3 * sources)
        src = struct.pack(">I", 0x0b000000 + k * 251)
        inner_len = r.choice((28, 28, 60, 512))
        inner_src = bytes([127 if k % 3 == 0 else 10, k & 255, k >> 8 & 255, 1])
        inner = struct.pack(">BBHHHBBH", 0x45, 0, inner_len, r.randrange(65536), 0x4000, 64, 17, 0) + inner_src + b"\x0a\0\0\2" + r.randbytes(inner_len - 20)
        kind = k % 10
        if kind == 7:
            gre = b"\x30\x81\x88\x0b" + struct.pack(">HHI", 4, k & 0xffff, 1) + b"\xff\x03\xc0\x21"
            body = gre
        elif kind == 8:
            body = b"\x20\0\x08\0" + struct.pack(">I", k) + inner
        elif kind == 9:
            body = b"\0\0\0\0"
        else:
            body = b"\0\0\x08\0" + inner
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), r.randrange(65536), 0x4000, 57, 47, 0) + src + b"\xc6\x33\x64\x2f"
        out.append(b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body)
    return out


def sender(interface, pps, seconds, sources):
    """In the other namespace: a batch each ten milliseconds. Prints how many went out."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((interface, 0))
    list_ = frames(50000, sources)
    begin, sent, refused = time.monotonic(), 0, 0
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    while not stop:
        now = time.monotonic() - begin
        if now >= seconds:
            break
        due = int(now * pps)
        while sent < due:
            try:
                s.send(list_[(sent + refused) % len(list_)])
                sent += 1
            except OSError:
                refused += 1
        time.sleep(0.01)
    print(sent, refused, flush=True)


def children(pid):
    out = [pid]
    for p in out:
        try:
            with open(f"/proc/{p}/task/{p}/children") as f:
                out += [int(x) for x in f.read().split()]
        except OSError:
            pass
    return out


def look(pid):
    """(name, resident KiB, of these private, descriptors) of a process."""
    try:
        status = open(f"/proc/{pid}/status").read()
        rss = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
        private = 0
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Private_"):
                private += int(line.split()[1])
        return re.search(r"Name:\s+(\S+)", status).group(1), rss, private, len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, AttributeError):
        return None


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "send":
        return sender(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("grescope")
    a.add_argument("--minutes", type=float, default=60)
    a.add_argument("--pps", type=int, default=10000)
    a.add_argument("--sources", type=int, default=20000)
    a.add_argument("--config")
    a.add_argument("--keep", help="folder for the store; else it is removed")
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    o = a.parse_args(sys.argv[1:at])
    o.watch = sys.argv[at + 1:]
    net.need("ip")
    folder = o.keep or tempfile.mkdtemp(prefix="grescope-soak-")
    os.makedirs(folder, exist_ok=True)
    store = os.path.join(folder, "store.db")
    grown = False
    with net.Lab() as lab:
        args = [os.path.abspath(o.grescope), "watch", "-q", "-i", lab.rx, "--store", store, *(["--config", o.config] if o.config else []), *o.watch]
        p = lab.start(args, stdout=subprocess.DEVNULL, env={**os.environ, "GRESCOPE_DATA": os.environ.get("GRESCOPE_DATA", "/nonexistent")})
        time.sleep(2)
        if p.poll() is not None:
            p.said.seek(0)
            print(p.said.read())
            return 1
        s = lab.start([sys.executable, os.path.abspath(__file__), "send", lab.tx, str(o.pps), str(o.minutes * 60), str(o.sources)], outside=True)
        begin = time.monotonic()
        seen = {}
        print("minute  process               rss_kib  private_kib  descriptors", flush=True)
        marks = [m for m in MARKS if m < o.minutes] + [o.minutes]
        for m in marks:
            while time.monotonic() - begin < m * 60 - 2 and p.poll() is None:
                time.sleep(0.5)
            if p.poll() is not None:
                break
            for i, pid in enumerate(children(p.pid)):
                v = look(pid)
                if not v:
                    continue
                seen.setdefault(pid, []).append((m, v[2], v[3]))
                print(f"{m:6g}  {pid:7d} {i} {v[0]:<11} {v[1]:9d}  {v[2]:11d}  {v[3]:11d}", flush=True)
        out, _ = net.rest(s, 60)
        sent = int(out.split()[0]) if out.split() else 0
        time.sleep(1)
        died = p.poll() is not None
        p.send_signal(signal.SIGTERM)
        t = time.monotonic()
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
        took = time.monotonic() - t
        p.said.seek(0)
        print(f"ended with {p.returncode} after {took:.2f} s\n{p.said.read()[-3000:]}", flush=True)
        if died:
            print("FAILED the sensor ended by itself")
            grown = True
    info = subprocess.run([o.grescope, "store", "info", "--store", store], capture_output=True, text=True)
    got = re.search(r"packets (\d+)", info.stdout)
    got = int(got.group(1)) if got else 0
    print(info.stdout)
    print(f"sent {sent}, in the store {got}, missing {sent - got}")
    check = subprocess.run([o.grescope, "store", "check", "-q", "--store", store], capture_output=True, text=True)
    print("store check:", check.returncode, check.stdout[-500:], check.stderr[-500:])
    for pid, rows in seen.items():
        # until then the writer's caches fill: pages of the store (16 MiB), rows that are not in the rollups yet
        after = [x for x in rows if x[0] >= 20] or rows[-1:]
        first, last = after[0], after[-1]
        if last[1] > first[1] * 1.05 + 2048 or last[2] > rows[0][2]:
            grown = True
            print(f"FAILED process {pid} grew: minute {first[0]:g} {first[1]} KiB, minute {last[0]:g} {last[1]} KiB, descriptors {rows[0][2]} to {last[2]}")
    if not o.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if grown or got != sent or check.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
