"""What the command line tests share: running grescope in a home of its own, counting checks, making captures."""
import csv
import io
import os
import struct
import subprocess
import sys
import tempfile

grescope, root = sys.argv[1:3]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
tmp = tempfile.mkdtemp(prefix="grescope-cli-")
ENV = {"PATH": os.environ["PATH"], "HOME": tmp, "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
failed = done = 0
T = 1485573131


def run(*args, stdin=None, env=None, limit=120, stdout=subprocess.PIPE):
    return subprocess.run([grescope, *args], input=stdin, stdout=stdout, stderr=subprocess.PIPE, env={**ENV, **(env or {})}, timeout=limit)


def check(name, ok, detail=""):
    global failed, done
    done += 1
    if not ok:
        failed += 1
        print(f"FAILED {name}: {detail}")


def exits(name, code, *args, says="", **kw):
    p = run(*args, **kw)
    err = p.stderr.decode(errors="replace")
    check(name, p.returncode == code and says in err, f"exit {p.returncode}, expected {code}; said: {err!r}")
    return p


def end():
    print(f"{done} checks, {failed} failed")
    sys.exit(failed > 0)


def db(name):
    return os.path.join(tmp, name)


def put(name, data):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def rows(p):
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


def lines(p):
    return p.stdout.decode(errors="surrogateescape").splitlines()


def frame(src, dst=(198, 51, 100, 47)):
    body = b"\0\0\x08\0" + b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, *src, *dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def pcap(frames):
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", int(t), 0, len(f), len(f)) + f for t, f in frames)


def total(*args):
    answer = rows(run("report", "--by", "total", "--format", "csv", *args)) or [{"packets": 0, "bytes": 0, "sources": 0}]
    return int(answer[0]["packets"]), int(answer[0]["bytes"] or 0), int(answer[0]["sources"])
