#!/usr/bin/env python3
"""Makes the seeds of fuzz_source: one tiny input of every shape that the source layer reads. usage: make_source_seeds.py FOLDER"""
import gzip
import os
import struct
import subprocess
import sys

GRE = bytes.fromhex("020000000001020000000002080045000034000140003f2f0000c0000201c63364070000080045000020000200004011000"
                    "00a0000010a000002100000350008" "0000")


def pcap(order, magic, minor=4, extra=b"", link=1, swap=False):
    out = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 65535, link)
    for s, frame in ((1501009531, GRE), (1501009532, b""), (1501009533, GRE[:42])):
        lens = (len(frame), len(GRE))
        out += struct.pack(order + "IIII", s, 7, *(lens[::-1] if swap else lens)) + extra + frame
    return out


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    n = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + n + body + n


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order):
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link, resolution, offset in ((1, b"\x06", 0), (101, b"\x09", 5), (228, b"\x8a", -5)):
        options = option(order, 9, resolution) + option(order, 14, struct.pack(order + "q", offset)) + option(order, 0, b"")
        out += block(order, 1, struct.pack(order + "HHI", link, 0, 96) + options)
    time = 1501009531000000
    for i in range(3):
        out += block(order, 6, struct.pack(order + "IIIII", i, time >> 32, time & 0xFFFFFFFF, 34, 66) + GRE[:34] + b"\0\0" + option(order, 1, b"hi"))
    out += block(order, 5, b"\0" * 12) + block(order, 0xBAD, b"custom")
    out += block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, 9, 8, 60) + GRE[:8])
    return out + block(order, 3, struct.pack(order + "I", 20) + GRE[:20])


ROWS = [("Source IP", "_time", "count", "Protocol"), ("192.0.2.1", "2017-07-25T12:05:31.000-0700", "1", "47"),
        ("192.0.2.2", "2017-07-25 09:40:19", "3", "GRE"), ("198.51.100.3", "1500886593", "1", "6"), ("oops", "yesterday", "x", "47")]


def table(separator, quote=""):
    return "\n".join(separator.join(quote + c + quote for c in row) for row in ROWS).encode() + b"\n"


EXPORT = (b"timestamp,end_time,src_ip,dst_ip,protocol,ip_len,ttl,gre_flags,gre_proto,gre_key,gre_seq,inner_protocol,inner_src_ip,inner_dst_ip,"
          b"inner_src_port,inner_dst_port,inner_ttl,class,confidence,evidence,fidelity,packets,bytes\n"
          b"2017-07-25T19:05:31.000000Z,2017-07-25T19:05:32.000000Z,192.0.2.1,198.51.100.7,47,52,63,0x2000,0x0800,7,1,17,10.0.0.1,10.0.0.2,1,2,64,"
          b"tunnel.data,60,inner-proto;stop=gre-cut;bits=48;icmp-quote=3/2,packet,3,156\n"
          b"2017-07-25T19:05:31.000000Z,,,,47,,,,,,,,,,,,,unknown,0,folded=~12,log,9,\n")


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c", "--check"], input=data, stdout=subprocess.PIPE, check=True).stdout


small = pcap("<", 0xA1B2C3D4)
seeds = {
    "pcap-le-us": small,
    "pcap-be-ns": pcap(">", 0xA1B23C4D, link=0x44000071),
    "pcap-le-patched": pcap("<", 0xA1B2CD34, extra=bytes(8)),
    "pcap-be-2.2": pcap(">", 0xA1B2C3D4, minor=2, swap=True),
    "pcap-le-2.3": pcap("<", 0xA1B2C3D4, minor=3),
    "pcap-zero-tail": small + bytes(700),
    "pcapng-le": section("<"),
    "pcapng-be": section(">"),
    "pcapng-two": section("<")[:200] + section(">")[:300],
    "pcap.gz": gzip.compress(small, mtime=0),
    "pcap-two-members.gz": gzip.compress(small[:50], mtime=0) + gzip.compress(small[50:], mtime=0) + bytes(9),
    "pcapng.zst": zstd(section("<")),
    "pcap-two-frames.zst": b"\x50\x2a\x4d\x18\x02\0\0\0hi" + zstd(small[:50]) + zstd(small[50:]),
    "table-comma.csv": table(",", '"'),
    "table-tab.txt": b"\xef\xbb\xbf" + table("\t").replace(b"\n", b"\r\n"),
    "table-blank.txt": table(" "),
    "table-semicolon.csv.gz": gzip.compress(table(";"), mtime=0),
    "export.csv": EXPORT,
}
for name, data in seeds.items():
    assert len(data) < 1024, (name, len(data))
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(data)
