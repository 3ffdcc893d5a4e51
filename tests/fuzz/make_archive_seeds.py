#!/usr/bin/env python3
"""Makes the seeds of fuzz_archive: small archives with every sort of part. usage: make_archive_seeds.py GRESCOPE FOLDER BOTS.pcap

BOTS.pcap: a made capture with bots, tests/forensics/mixed.pcap of the build."""
import os
import struct
import subprocess
import sys
import tempfile

grescope, out, bots = sys.argv[1:4]
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

store = ["--store", os.path.join(tmp, "b.db")]
run("ingest", *store, "--sensor", "north", bots)
run("store", "export-archive", *store, os.path.join(tmp, "bots"))
with open(os.path.join(out, "bots.jsonl"), "wb") as f:
    f.write(subprocess.run(["zstd", "-dcq", os.path.join(tmp, "bots")], stdout=subprocess.PIPE, check=True).stdout.replace(os.path.dirname(bots).encode(), b"/tmp"))

# needs no databases, and no right sums: the harness makes those
with open(os.path.join(out, "pins.jsonl"), "w") as f:
    f.write("""{"archive":"grescope","version":1,"made_by":"seed","store":"0123456789abcdef","sensors":0,"inputs":0,"rows":0,"pruned":0,"pins":2}
{"part":"pins"}
{"pin":"192.0.2.1","from":"2017-01-28","to":"2017-07-25","network":1,"asn":3462,"as_name":"HiNet","place":1,"country":"TW","city":"Taipei","edition":"2017-02"}
{"pin":"2001:db8::1","from":"2017-01-28","to":"2017-01-28","place":1,"region":"x \\udcff","edition":""}
{"end":"pins","lines":2,"sum":"0000000000000000"}
{"close":"grescope","parts":1,"lines":5,"sum":"0000000000000000"}
""")
