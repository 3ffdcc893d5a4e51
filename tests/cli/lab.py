"""What the command line tests share: running grescope in a home of its own, counting checks, making captures and databases."""
import csv
import io
import os
import shutil
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
    shutil.rmtree(tmp, ignore_errors=True)
    print(f"{done} checks, {failed} failed")
    sys.exit(failed > 0)


def db(name):
    return os.path.join(tmp, name)


def put(name, data):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def rows(p):
    return list(csv.DictReader(io.StringIO(p.stdout.decode())))


def lines(p):
    return p.stdout.decode(errors="surrogateescape").splitlines()


INNER = b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"


def frame(src, dst=(198, 51, 100, 47), gre=b"\0\0\x08\0", inner=INNER):
    body = gre + inner
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, *src, *dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def frame6(src, dst="20010db80000000000000000000000ff", gre=b"\0\0\x08\0", inner=INNER):
    body = gre + inner
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(body), 47, 57) + bytes.fromhex(src) + bytes.fromhex(dst) + body


def pcap(frames):
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", int(t), 0, len(f), len(f)) + f for t, f in frames)


def total(*args):
    answer = rows(run("report", "--by", "total", "--format", "csv", *args)) or [{"packets": 0, "bytes": 0, "sources": 0}]
    return int(answer[0]["packets"]), int(answer[0]["bytes"] or 0), int(answer[0]["sources"])


def mmdb(networks, epoch, kind="DBIP-City-Lite"):
    """A city database over IPv4: {(prefix octets, length): (country, region, city)}. Source: MaxMind DB File Format Specification 2.0."""
    def control(kind_number, size):
        if size < 29:
            return bytes([kind_number << 5 | size])
        return bytes([kind_number << 5 | 29, size - 29])

    def text(v):
        return control(2, len(v.encode())) + v.encode()

    def pairs(*items):
        return control(7, len(items)) + b"".join(text(k) + v for k, v in items)

    def number(v, kind_number=5):
        raw = v.to_bytes(8, "big").lstrip(b"\0")
        return (control(kind_number, len(raw)) if kind_number < 8 else bytes([len(raw), kind_number - 7])) + raw

    def names(v):
        return pairs(("names", pairs(("en", text(v)))))

    data, nodes = b"", [[None, None]]
    for (prefix, length), (country, region, city) in networks.items():
        at = 0
        value = int.from_bytes(bytes(prefix), "big")
        for i in range(length):
            bit = value >> (31 - i) & 1
            if i == length - 1:
                nodes[at][bit] = ("data", len(data))
            else:
                if not isinstance(nodes[at][bit], int):
                    nodes.append([None, None])
                    nodes[at][bit] = len(nodes) - 1
                at = nodes[at][bit]
        data += pairs(("country", pairs(("iso_code", text(country)))), ("subdivisions", bytes([1, 4]) + names(region)), ("city", names(city)))
    n = len(nodes)

    def record(v):
        return (n if v is None else v if isinstance(v, int) else n + 16 + v[1]).to_bytes(4, "big")
    tree = b"".join(record(a) + record(b) for a, b in nodes)
    meta = pairs(("binary_format_major_version", number(2)), ("binary_format_minor_version", number(0)), ("build_epoch", number(epoch, 9)),
                 ("database_type", text(kind)), ("ip_version", number(4)), ("node_count", number(n, 6)), ("record_size", number(32)),
                 ("languages", bytes([1, 4]) + text("en")), ("description", pairs(("en", text("made for a test")))))
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + meta
