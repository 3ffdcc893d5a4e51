"""What the scenarios share: captures made from a seed, running grescope, counting checks."""
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

T0 = 1485573131  # 2017-01-28


class Scene:
    def __init__(self, name, grescope):
        self.grescope = os.path.abspath(grescope)
        self.tmp = tempfile.mkdtemp(prefix=f"grescope-{name}-")
        self.done = self.failed = 0
        self.env = {"PATH": os.environ["PATH"], "HOME": self.tmp, "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8",
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}

    def path(self, *parts):
        return os.path.join(self.tmp, *parts)

    def start(self, *args, **kw):
        return subprocess.Popen([self.grescope, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, **kw)

    def run(self, *args, limit=60, prefix=(), env=None):
        return subprocess.run([*prefix, self.grescope, *args], stdin=subprocess.DEVNULL, capture_output=True, env={**self.env, **(env or {})}, timeout=limit)

    def check(self, name, ok, detail=""):
        self.done += 1
        if not ok:
            self.failed += 1
            print(f"FAILED {name}: {detail}", flush=True)
        return ok

    def exits(self, name, code, *args, says="", **kw):
        p = self.run(*args, **kw)
        err = p.stderr.decode(errors="replace")
        self.check(name, p.returncode == code and says in err, f"exit {p.returncode}, expected {code}; said: {err[:2000]!r} {p.stdout[-300:]!r}")
        return p

    def end(self):
        shutil.rmtree(self.tmp, ignore_errors=True)
        print(f"{self.done} checks, {self.failed} failed")
        sys.exit(self.failed > 0)


def frame(src, dst=(198, 51, 100, 47), key=None):
    """GRE from src, four octets or sixteen."""
    gre = b"\0\0\x08\0" if key is None else b"\x20\0\x08\0" + struct.pack(">I", key)
    body = gre + b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"
    if len(src) == 16:
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" + struct.pack(">IHBB", 0x60000000, len(body), 47, 57) + bytes(src) + bytes.fromhex("20010db8" + "00" * 11 + "47") + body
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, *src, *dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def write_pcap(path, frames):
    """frames: (seconds, octets)."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for t, data in frames:
            f.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(data), len(data)) + data)
    return path


def made_frames(seed, n, seconds, start=T0):
    """n packets over so many seconds: few busy sources, many rare ones, some of them IPv6, some with keys."""
    r = random.Random(seed)
    out = []
    for i in range(n):
        k = int(r.random() ** 3 * 2000)
        src = bytes.fromhex("20010db8") + bytes(8) + struct.pack(">I", k) if k % 20 == 7 else (203, k >> 8, 113, k & 255)
        out.append((start + seconds * i / n, frame(src, (198, 51, 100, k % 3), k if k % 5 == 0 else None)))
    return out
