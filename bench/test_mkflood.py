#!/usr/bin/env python3
"""test_mkflood.py MKFLOOD: the truth that it tells is the truth of the capture it writes; in TAP."""
import collections
import json
import subprocess
import sys

number = failures = 0


def check(what, good, why=""):
    global number, failures
    number += 1
    failures += not good
    print("ok" if good else "not ok", number, "-", what, "" if good else f"# {why}")


def sum_ok(octets):
    total = sum(int.from_bytes(octets[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total == 0xffff


for kind, lengths in (("flood", {578}), ("small", {66}), ("spoof", {66}), ("mixed", None)):
    p = subprocess.run([sys.argv[1], kind, "12000", "3"], capture_output=True)
    truth = json.loads(p.stderr)
    data, at, packets, gre, sizes, last = p.stdout, 24, 0, collections.defaultdict(lambda: [0, 0]), collections.Counter(), -1
    good = True
    while at < len(data):
        s, us, cap, wire = (int.from_bytes(data[at + i:at + i + 4], "little") for i in (0, 4, 8, 12))
        frame = data[at + 16:at + 16 + cap]
        ip = frame[14:]
        length = int.from_bytes(ip[2:4], "big")
        good &= cap == wire and us < 10**6 and s * 10**6 + us > last and ip[0] == 0x45 and sum_ok(ip[:20]) and length == cap - 14
        last = s * 10**6 + us
        if ip[9] == 47:
            gre[ip[12:16]][0] += 1
            gre[ip[12:16]][1] += length
            if kind != "mixed":
                inner = ip[24:]
                pseudo = inner[12:20] + b"\0\x11" + inner[24:26]
                ids = int.from_bytes(ip[4:6], "little") + int.from_bytes(inner[4:6], "little")
                good &= sum_ok(inner[:20]) and sum_ok(pseudo + inner[20:]) and ids % 65536 == 999
        sizes[cap] += 1
        packets += 1
        at += 16 + cap
    top = sorted(([".".join(map(str, k)), *v] for k, v in gre.items()), key=lambda r: (-r[1], -r[2], [int(x) for x in r[0].split(".")]))[:20]
    check(f"{kind}: headers, checksums, times", good and at == len(data))
    check(f"{kind}: sizes", set(sizes) == lengths if lengths else {64, 570, 1514} < set(sizes), sizes)
    check(f"{kind}: packets and octets", (packets, sum(v[0] for v in gre.values()), len(gre), sum(v[1] for v in gre.values()), len(data)) ==
          (truth["packets"], truth["gre_packets"], truth["sources"], truth["gre_bytes"], truth["file_bytes"]), truth)
    check(f"{kind}: the busiest", truth["top"] == top, f"{truth['top']} {top}")
    share = truth["gre_packets"] / packets
    check(f"{kind}: share of GRE", share == 1 if lengths else 0.04 < share < 0.06, share)
    again = subprocess.run([sys.argv[1], kind, "12000", "3"], capture_output=True)
    other = subprocess.run([sys.argv[1], kind, "12000", "4"], capture_output=True)
    check(f"{kind}: the seed decides", again.stdout == p.stdout != other.stdout)
for arguments in ([], ["nonsense"], ["flood", "x"], ["flood", "1", "2", "3"], ["flood", "99999999999"]):
    check(f"usage: {arguments}", subprocess.run([sys.argv[1], *arguments], capture_output=True).returncode == 2)
p = subprocess.run([sys.argv[1], "-o", "/no/such/folder/f", "small", "1"], capture_output=True)
check("cannot write", p.returncode == 1 and b"cannot write" in p.stderr)
p = subprocess.run([sys.argv[1], "small", "0"], capture_output=True)
check("no packets", p.returncode == 0 and len(p.stdout) == 24 and json.loads(p.stderr)["top"] == [])
print(f"1..{number}")
sys.exit(failures > 0)
