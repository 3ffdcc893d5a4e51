#!/usr/bin/env python3
"""Makes the seeds of fuzz_archive: small archives with every sort of part. usage: make_archive_seeds.py GRESCOPE FOLDER"""
import os
import struct
import subprocess
import sys
import tempfile

grescope, out = sys.argv[1:3]
tmp = tempfile.mkdtemp()
T = 1485573131


def frame(src, ip6=False):
    body = b"\x20\0\x08\0\0\0\0\x2a" + b"\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2\x11\x11\x22\x22\0\x08\0\0"
    if ip6:
        ip = struct.pack(">IHBB", 6 << 28, len(body), 47, 60) + bytes.fromhex("20010db8" + "00" * 11) + bytes([src]) + bytes.fromhex("20010db8" + "00" * 12)
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" + ip + body
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(body), 1, 0x4000, 57, 47, 0, 192, 0, 2, src, 198, 51, 100, 47)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + body


def pcap(name, frames):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for t, x in frames:
            f.write(struct.pack("<IIII", t, 7, len(x), len(x)) + x)
    return path


def run(*args):
    subprocess.run([grescope, *args, "-q"], check=True)


old = pcap("old.pcap", [(T + 90 * i, frame(i)) for i in range(3)])
new = pcap("new.pcap", [(T + 10 ** 6 + i, frame(i, i % 2)) for i in range(4)])
store = ["--store", os.path.join(tmp, "s.db")]
run("ingest", *store, "--sensor", "north", old)
for name in ("rows", "pruned"):
    archive = os.path.join(tmp, name)
    if name == "pruned":
        run("store", "prune", *store, "--older-than", "2017-02-01")
        run("ingest", *store, new)
    run("store", "export-archive", *store, archive)
    with open(archive, "rb") as f:
        packed = f.read()
    with open(os.path.join(out, name + ".jsonl"), "wb") as f:
        f.write(subprocess.run(["zstd", "-dcq"], input=packed, stdout=subprocess.PIPE, check=True).stdout.replace(tmp.encode(), b"/tmp"))
with open(os.path.join(out, "pruned.jsonl.zst"), "wb") as f:
    f.write(packed)
