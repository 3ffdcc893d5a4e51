#!/usr/bin/env python3
"""Makes seeds/decode from the golden captures: up to two short frames of each (of messages that build upon each other, all), with the two octets before them that fuzz_decode.c reads.

usage: make_decode_seeds.py BUILD/tests/golden SEEDS"""
import glob
import os
import struct
import sys

links = [1, 1, 1, 1, 101, 0, 113, 276, 9, 50, 51, 104, 108, 166, 219, 228, 229, 105, 12, 14]  # as in fuzz_decode.c
built, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
for path in sorted(glob.glob(os.path.join(built, "*.pcap"))):
    data = open(path, "rb").read()
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        continue
    link, = struct.unpack_from("<I", data, 20)
    at, kept, most = 24, 0, 99 if path.endswith("-control.pcap") else 2
    while at + 16 <= len(data) and kept < most:
        n, = struct.unpack_from("<I", data, at + 8)
        frame = data[at + 16:at + 16 + n]
        at += 16 + n
        if link in links and 20 < len(frame) <= 256:
            name = os.path.basename(path)[:-5] + f"-{kept}"
            open(os.path.join(out, name), "wb").write(bytes([links.index(link), 0]) + frame)
            kept += 1
