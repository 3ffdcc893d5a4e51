#!/usr/bin/env python3
"""test_mkpcap.py MKPCAP SOURCE-ROOT: what the capture maker promises, in TAP.

The octets of each layer stand here as the specifications have them, written down by hand; checksums of whole packets were verified with tshark."""
import os
import random
import subprocess
import sys
import tempfile

mkpcap, root = sys.argv[1:]
number = failures = 0


def check(what, good, why=""):
    global number, failures
    number += 1
    failures += not good
    print(("ok" if good else "not ok"), number, "-", what)
    if not good and why:
        for line in str(why).splitlines():
            print("#", line)


def run(text, *arguments, **environment):
    return subprocess.run([mkpcap, *arguments, "-"], input=text.encode(), capture_output=True, env=dict(os.environ, **environment), timeout=60)


def frames(text):
    """The captured octets of each packet of a little-endian pcap of raw frames, as hex."""
    p = run("file pcap le link 147\n" + text)
    if p.returncode:
        return [p.stderr.decode()]
    at, out = 24, []
    while at < len(p.stdout):
        n = int.from_bytes(p.stdout[at + 8:at + 12], "little")
        out.append(p.stdout[at + 16:at + 16 + n].hex())
        at += 16 + n
    return out


def same(what, text, *expected):
    got = frames(text)
    want = [e.replace(" ", "") for e in expected]
    check(what, got == want, f"got  {got}\nwant {want}")


# Layers. The IPv4 header is the worked example of checksum tutorials: 45 00 00 73 ... gives b861.
IP6 = "ip6 2001:db8::1 > 2001:db8::2"
same("ipv4 header", "ip 192.168.0.1 > 192.168.0.199 df proto 17 len 115", "45000073 00004000 4011b861 c0a80001 c0a800c7")
same("ipv4 options are padded and count in ihl", "ip 192.0.2.1 > 192.0.2.2 proto 59 checksum 0 options 940400",
     "46000018 00000000 403b0000 c0000201 c0000202 94040000")
same("ipv4 fields can be wrong", "ip 192.0.2.1 > 192.0.2.2 version 5 ihl 4 len 7 id 0xabcd tos 0x12 mf reserved offset 3 ttl 1 proto 47 checksum 0x1234",
     "54120007 abcda003 012f1234 c0000201 c0000202")
same("ipv4 fragments", "ip 192.0.2.1 > 192.0.2.2 id 7 proto 59 checksum 0 fragment 36 / count 20",
     "45000024 00072000 403b0000 c0000201 c0000202 000102030405060708090a0b0c0d0e0f", "45000018 00070002 403b0000 c0000201 c0000202 10111213")
same("one fragment alone", "ip 192.0.2.1 > 192.0.2.2 id 7 proto 59 checksum 0 fragment 36 only 2 / count 20",
     "45000018 00070002 403b0000 c0000201 c0000202 10111213")
same("ipv6 and extension headers", f"{IP6} tc 0xb8 flow 0x12345 hop 9 / hopopts options 05020000 / dstopts / frag id 7 next 59 / bytes 00",
     "6b812345 0019 00 09 20010db8000000000000000000000001 20010db8000000000000000000000002"
     "3c00 05020000 0100 2c00 010400000000 3b00 0000 00000007 00")
same("ipv6 routing and ah", f"{IP6} / routing type 2 left 1 data 00000000,2001:db8::9 / ah spi 1 seq 2 / gre",
     "60000000 0034 2b 40 20010db8000000000000000000000001 20010db8000000000000000000000002"
     "33020201 00000000 20010db8000000000000000000000009 2f04 0000 00000001 00000002 000000000000000000000000 00000000")
same("ipv6 fragments", f"{IP6} / frag id 7 next 59 fragment 8 / bytes 00112233445566778899",
     "60000000 0010 2c 40 20010db8000000000000000000000001 20010db8000000000000000000000002 3b00 0001 00000007 0011223344556677",
     "60000000 000a 2c 40 20010db8000000000000000000000001 20010db8000000000000000000000002 3b00 0008 00000007 8899")
same("ethernet and tags", "eth / qinq 100 / vlan 7 pcp 6 dei / ip 192.0.2.1 > 192.0.2.2 proto 59 checksum 0",
     "00005e005302 00005e005301 88a8 0064 8100 d007 0800 45000014 00000000 403b0000 c0000201 c0000202")
same("802.3 length, llc, snap and padding", "eth pad=40 trailer ff / snap / arp 192.0.2.1 > 192.0.2.2 op 2",
     "00005e005302 00005e005301 0024 aaaa03 000000 0806 0001 0800 06 04 0002 00005e005301 c0000201 00005e005302 c0000202 ff")
same("mpls, bottom of stack", "mpls 1000 exp 5 / mpls 1001 ttl 1 / bytes 00", "003e8a40 003e9101 00")
same("pppoe and ppp", "pppoe 5 / ppp / lcp 1 id 7 options 010405dc", "1100 0005 000a c021 01 07 0008 010405dc")
same("ppp forms", "ppp hdlc / isis\nppp pfc proto 0x21 / bytes 00",
     "ff03 0023 8314010011010000 03 000000000001 001e 0014 01", "21 00")
same("cooked, loopback, hdlc", "sll packet 4 type 0x800 / bytes 00\nsll2 ifindex 3 type 0x800 / bytes 00\nnull family 2 / bytes 00\nloop family 24 / bytes 00"
     "\nchdlc type 0x800 / bytes 00",
     "0004 0001 0006 00005e005301 0000 0800 00", "0800 0000 00000003 0001 00 06 00005e005301 0000 00", "02000000 00", "00000018 00", "0f00 0800 00")
same("802.11 data frame", "wlan / snap type 0x0800 / bytes 00",
     "0801 0000 00005e005303 00005e005301 00005e005302 0000 aaaa03 000000 0800 00")
same("gre words and checksum", "gre checksum key 40 seq 7 type 0x0800", "b000 0800 47d0 0000 00000028 00000007")
same("gre flag bits", "gre strict recur 3 reserved 1 version 2 type 0x1234\ngre flags 0xffff type 0\ngre ack 9 type 0", "0b0a 1234", "ffff 0000",
     "0080 0000 00000009")
same("gre routing entries", "gre offset 4 / sre 0x0800 offset 4 data 198.51.100.7,198.51.100.8 / sre-end / mpls 16 / bytes 00",
     "4000 8847 0000 0004 0800 04 08 c6336407 c6336408 0000 00 00 00010140 00")
same("gre routing entries that lie", "gre type 0x0800 / sre 0xfffe len 200 data fbf0", "4000 0800 0000 0000 fffe 00 c8 fbf0")
same("gre version 1", "gre1 call 7 seq 5 ack 4 / bytes deadbeef\ngre1 call 7 ack 4\ngre1 call 7 len 9 flags 0x2009 type 0x0800",
     "3081 880b 0004 0007 00000005 00000004 deadbeef", "2081 880b 0000 0007 00000004", "2009 0800 0009 0007")
same("eoip", "eoip id 500 / bytes 0102", "2001 6400 0002 f401 0102")
same("nvgre", "nvgre 0x123456 flow 7 / bytes 00", "2000 6558 123456 07 00")
same("erspan", "gre seq 1 / erspan2 session 5 vlan 7 cos 3 en 3 t index 9\ngre / erspan3 session 5 vlan 7 timestamp 0x12345678 sgt 3 ft 2 hw 9 d gra 2"
     "\ngre / erspan3 platform 0102030405060708\ngre / erspan1 / bytes 00",
     "1000 88be 00000001 1007 7c05 00000009", "0000 22eb 2007 0005 12345678 0003 889c", "0000 22eb 2000 0000 00000000 0000 8001 0102030405060708",
     "0000 88be 00")
same("wccp and cisco metadata", "gre / wccp dynamic service 90 alt 1 bucket 255\ngre / cmd sgt 5 type 0x0800", "0000 883e 80 5a 01 ff",
     "0000 8909 0800 01 01 0001 0005")
same("nhrp", "gre / nhrp 203.0.113.1 > 203.0.113.254 nbma 192.0.2.1",
     "0000 2001 0001 0800 0000000000 ff 0034 1094 0000 01 03 04 00 04 04 8002 00000001 c0000201 cb007101 cb0071fe 00 20 0000 05ea 1c20 00000000")
same("udp with the checksum of its ip header", "ip 203.0.113.1 > 203.0.113.2 checksum 0 / udp 1234 > 5678",
     "4500001c 00000000 40110000 cb007101 cb007102 04d2 162e 0008 6cd9")
same("tcp flags and options", "tcp 1 > 2 flags SA seq 3 ack 4 window 5 options 020405 checksum 0", "0001 0002 00000003 00000004 6012 0005 0000 0000 02040500")
# RFC 3720 appendix B.4: CRC32c of 32 zeros is aa 36 91 8a on the wire; an SCTP header with ports and tag 0 and 20 zeros behind it is 32 zeros
same("sctp checksum", "sctp 0 > 0 / fill 20", "0000 0000 00000000 aa36918a 0000000000000000000000000000000000000000")
same("icmp and its quote", "icmp 3 4 rest 1400 checksum 0 / first 6 / gre key 1 / erspan1", "03 04 0000 00000578 2000 88be 0000")
same("icmp checksum", "icmp 8 0 id 0x1234 seq 1", "08 00 e5ca 1234 0001")
same("tunnels over udp", "geneve vni 7 options 010280 type 0x0800\nvxlan vni 7 / eth / arp 192.0.2.1 > 192.0.2.2\ngue / gre\ngue control proto 0 options 01",
     "01 00 0800 000007 00 01028000", "08 000000 000007 00 00005e005302 00005e005301 0806 0001 0800 0604 0001 00005e005301 c0000201 00005e005302 c0000202",
     "00 2f 0000 00000000", "21 00 0000 01000000")
same("payload", "bytes 00 0102 192.0.2.1 \"ab\"\nfill 3 0xff\ncount 3\ntail ff00 / bytes 01", "000102c00002016162", "ffffff", "000102", "01ff00")
# published first outputs of splitmix64 with seed 0: e220a8397b1dcdaf 6e789e6aa1b965f4 06c45d188009454f f88bb8a8724c81ec
same("random octets are splitmix64's", "random 4 seed 0", "e26e06f8")
same("repeat and steps", "repeat 3 every 1s\nip 192.0.2.254+1 > 192.0.2.2 id 65535+1 proto 59 checksum 0",
     "45000014 ffff0000 403b0000 c00002fe c0000202", "45000014 00000000 403b0000 c00002ff c0000202", "45000014 00010000 403b0000 c0000300 c0000202")
same("let", "let a bytes 00\nlet b 11 22\n$a $b", "001122")
same("a line that goes on", "bytes 00 # comment\n   11\n# comment\n\t22\n\n", "001122")
same("cut", "count 9 ; cut 3 wire 1000", "000102")


# Files.
def file_is(what, text, expected):
    p = run(text)
    check(what, p.stdout.hex() == expected.replace(" ", ""), p.stdout.hex() + p.stderr.decode())


file_is("pcap, little-endian, microseconds", "file pcap le micro link ethernet snaplen 2\nat 2017-07-25T19:05:31.000001999Z\nbytes 0102 03",
        "d4c3b2a1 0200 0400 00000000 00000000 02000000 01000000  7b967759 01000000 02000000 03000000 0102")
file_is("pcap, big-endian, nanoseconds", "file pcap be nano link sll2 snaplen 0\nat 2017-07-25T19:05:31.000001999Z\nbytes 0102 ; wire 9",
        "a1b23c4d 0002 0004 00000000 00000000 00000000 00000114  5977967b 000007cf 00000002 00000009 0102")
file_is("pcap, modified form", "file pcap le modified link raw\nat raw 1 2\nbytes 01",
        "34cdb2a1 0200 0400 00000000 00000000 ffff0000 65000000  01000000 02000000 01000000 01000000 01000000 0008 0000 01")
file_is("pcapng, both orders",
        "file pcapng le\ninterface link ethernet\nat 1970-01-01T00:00:01Z\nbytes 01 ; comment \"hi\"\nsection be\ninterface link raw snaplen 9 tsresol 2^1 "
        "tsoffset 1 name \"x\"\nbytes 02 03\nbytes 04 ; spb",
        "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000"
        "01000000 14000000 0100 0000 ffff0000 14000000"
        "06000000 30000000 00000000 00000000 40420f00 01000000 01000000 01000000 0100 0200 68690000 00000000 30000000"
        "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c"
        "00000001 00000034 0065 0000 00000009 0002 0001 78000000 0009 0001 81000000 000e 0008 0000000000000001 00000000 00000034"
        "00000006 00000024 00000000 00000000 00000002 00000002 00000002 02030000 00000024"
        "00000003 00000014 00000001 04000000 00000014")
file_is("pcapng, any block, raw octets, the end cut off", "file pcapng le\nblock 0x77 len=3 last=4 0102\nraw 0a0b \"z\"\ntruncate 1",
        "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000 77000000 03000000 01020000 04000000 0a0b")
file_is("sorted", "file pcap le link raw sorted\nat 1970-01-01T00:00:02Z\nbytes 02\nat 1970-01-01T00:00:01Z\nbytes 01",
        "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 65000000"
        "01000000 00000000 01000000 01000000 01  02000000 00000000 01000000 01000000 02")


# A scene.
scene = """file pcap le link raw sorted
scene 2017-01-01 > 2017-01-11 seed {seed} once 50 again 50 most 4 span 1d big 50
draw inner source 127.0.0.0/8 240.0.0.0/4
draw port packet 1000..1003
shape a weight 3 : ip $src > 198.51.100.47 ttl $ttl id $id df / gre / ip $inner > 203.0.113.1 id $mate / udp $port > 9
shape b weight 1 : ip $src > 198.51.100.47 ttl $ttl id $id / gre
network 192.0.2.0/25 203.0.113.128/25 sources 60 hops 8..9
network 198.51.100.128/25 sources 5 hops 20..20 shape b
play
"""
packets = [bytes.fromhex(f) for f in frames(scene.format(seed=5).replace("file pcap le link raw sorted\n", ""))]
sources = {p[12:16] for p in packets}
big = [p for p in packets if p[6] == 0x40]
check("scene: sources", len(sources) == 65 and all(p[15] not in (0, 255) for p in packets))
check("scene: prefixes", all(p[12:15] in (bytes([192, 0, 2]), bytes([203, 0, 113]), bytes([198, 51, 100])) for p in packets) and
      all((p[14] == 2) == (p[15] < 128) for p in packets))
check("scene: packets of a source", 65 < len(packets) <= 4 * 65 and max(sum(q[12:16] == s for q in packets) for s in sources) <= 4)
check("scene: hops", {p[8] for p in packets} == {56, 55, 44} and all((p[8] == 44) == (p[14] == 100) for p in packets))
check("scene: weights", 30 < len({p[12:16] for p in big}) < 60, len(big))
check("scene: identifications add up to 999 in one byte order", all(
    any((int.from_bytes(p[4:6], o) + int.from_bytes(p[28:30], o)) % 65536 == 999 for o in ("little", "big")) for p in big))
check("scene: both byte orders occur", {sum((int.from_bytes(p[4:6], o) + int.from_bytes(p[28:30], o)) % 65536 == 999 for p in big) > 5
                                       for o in ("little", "big")} == {True})
check("scene: variables of a source and of a packet", all(p[36] in range(240, 256) or p[36] == 127 for p in big) and
      len({p[12:16] + p[36:40] for p in big}) == len({p[12:16] for p in big}) and {p[45] for p in big} <= {0xe8, 0xe9, 0xea, 0xeb})
check("scene: another seed, another capture", run(scene.format(seed=5)).stdout == run(scene.format(seed=5)).stdout != run(scene.format(seed=6)).stdout)

# Mistakes: the line, what was expected, exit code 2, nothing written.
F = "file pcap le link ethernet\n"
for text, line, expected in [
    ("bytes 00", 1, "expected file before anything else"),
    ("file tar", 1, "expected pcap or pcapng, found `tar'"),
    ("file pcap le", 1, "expected link"),
    ("file pcap link nonsense", 1, "expected link and the name or number of a link type"),
    (F + F, 2, "expected file only once"),
    (F + "eth / nonsense", 2, "expected a layer (mkpcap --layers lists them), found `nonsense'"),
    (F + "eth /", 2, "expected a layer"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.300", 2, "expected an IPv4 address for dst, found `192.0.2.300'"),
    (F + "eth / ip 192.0.2.1", 2, "expected > and dst"),
    (F + "# a comment\neth / ip 192.0.2.1 > 192.0.2.2\n   ttl 256 / gre", 4, "expected a number up to 255 for ttl, found `256'"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 ttl", 2, "expected a value for ttl, found the end"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 colour 3", 2, "expected /, ; or a field of ip"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 ttl 3 ttl 4", 2, "expected ttl only once"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 df=1", 2, "expected df without a value"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 / bytes 00", 2, "expected proto=N for ip, because bytes has no IP protocol of its own"),
    (F + "eth / bytes 00", 2, "expected type=N for eth"),
    (F + "eth / ip 192.0.2.1 > 192.0.2.2 / udp 1 > 2 / fill 65536", 2, "expected len=N for udp"),
    (F + "eth type 0 / fill 262143", 2, "expected a frame of at most 262144 octets"),
    (F + "bytes 0", 2, "expected an even number of hex digits"),
    (F + "bytes \"no end", 2, "expected a closing \""),
    (F + "bytes 00 / bytes 00", 2, "expected nothing after bytes"),
    (F + "udp 1 > 2", 2, "expected ip or ip6 before udp"),
    (F + "first 9 / bytes 00", 2, "expected first to be at most 1"),
    (F + "bytes 00 ; cut 5", 2, "expected cut below the frame's 1 octets"),
    (F + "bytes 00 ; interface 1", 2, "only in pcapng"),
    (F + "bytes 00 ; nonsense", 2, "expected cut, wire, interface"),
    (F + "ip 192.0.2.1 > 192.0.2.2 proto 1 only 2", 2, "expected fragment together with only"),
    (F + "ip 192.0.2.1 > 192.0.2.2 proto 1 fragment 20 / count 9", 2, "expected fragment to be at least 28"),
    (F + "ip 192.0.2.1 > 192.0.2.2 proto 1 fragment 28 only 3 / count 9", 2, "expected only up to 2"),
    (F + "interface link raw", 2, "expected interface only in pcapng"),
    ("file pcapng\ninterface link raw\nbytes 00 ; interface 1", 3, "expected an interface line before a packet on interface 1"),
    ("file pcapng\ninterface link raw tsresol 99", 2, "expected tsresol"),
    (F + "at yesterday\nbytes 00", 2, "expected a time"),
    (F + "at 2200-01-01\nbytes 00", 3, "expected a time from 1970 to 2106"),
    (F + "repeat x\nbytes 00", 2, "expected how many times"),
    (F + "repeat 2", 2, "expected a packet after repeat"),
    (F + "step 5", 2, "expected a duration"),
    (F + "let a 1\nlet a 2", 3, "expected a name that is not defined yet"),
    (F + "bytes $a", 2, "expected a name that a let above defines, found `$a'"),
    ("  bytes 00", 1, "nothing stands before this line"),
    (F + "truncate 999", None, "expected truncate to be at most 24"),
    ("# nothing", None, "expected a file line"),
    (F + "shape a weight 1 : bytes 00", 2, "expected scene before shape"),
    (F + "scene 2017-01-02 > 2017-01-01 seed 1", 2, "expected scene FROM > TO"),
    (F + "scene 2017-01-01 > 2017-01-02", 2, "expected seed"),
    (F + "scene 2017-01-01 > 2017-01-02 seed 1\nnetwork 192.0.2.0/24 sources 1 hops 1..2\nplay", 3, "expected shapes whose weights add up"),
    (F + "scene 2017-01-01 > 2017-01-02 seed 1\nshape a weight 1 : bytes $x\nnetwork 192.0.2.0/24 sources 1 hops 1..2\nplay", 3, "found `$x'"),
    (F + "scene 2017-01-01 > 2017-01-02 seed 1\nshape a weight 1 : bytes 00\nnetwork 192.0.2.0/30 sources 9 hops 1..2\nplay", 4, "expected prefixes with room"),
    (F + "scene 2017-01-01 > 2017-01-02 seed 1", 2, "expected play after the last scene"),
]:
    p = run(text)
    message = p.stderr.decode()
    place = f"mkpcap: -:{line}: " if line else "mkpcap: -: "
    check(f"mistake: {expected}", p.returncode == 2 and p.stdout == b"" and message.startswith(place) and expected in message, f"{p.returncode} {message}")

for arguments in ([], ["a", "b"], ["--nonsense"], ["-o", "x"]):
    check(f"usage: {arguments}", subprocess.run([mkpcap, *arguments], capture_output=True).returncode == 2)
with tempfile.TemporaryDirectory() as scratch:
    good = scratch + "/good.txt"
    open(good, "w").write(F + "bytes 00\n")
    for output in (scratch + "/no/such/folder", "/dev/full"):
        p = subprocess.run([mkpcap, "-o", output, good], capture_output=True, text=True)
        check(f"cannot write {output.replace(scratch, '')}", p.returncode == 1 and "cannot write" in p.stderr, p.stderr)
    check("a device that cannot be written stays", os.path.exists("/dev/full"))
    p = subprocess.run([mkpcap, scratch + "/missing.txt"], capture_output=True, text=True)
    check("cannot read", p.returncode == 1 and "missing.txt" in p.stderr, p.stderr)
    bad = scratch + "/bad.txt"
    open(bad, "w").write(F + "bytes 0\n")
    p = subprocess.run([mkpcap, "-o", scratch + "/out.pcap", bad], capture_output=True, text=True)
    check("a mistake leaves no file", p.returncode == 2 and not os.path.exists(scratch + "/out.pcap") and p.stderr.startswith(f"mkpcap: {bad}:2: "), p.stderr)

# Every description of the tree: the same twice, whatever the environment.
descriptions = sorted(os.path.join(folder, n) for folder in (root + "/tests/golden", root + "/docs/sample") for n in os.listdir(folder) if n.endswith(".txt"))
texts = [open(d, encoding="utf-8").read() for d in descriptions]
differ = []
for path, text in zip(descriptions, texts):
    first = run(text)
    second = run(text, TZ="Asia/Taipei", LC_ALL="tr_TR.UTF-8", LANG="de_DE.UTF-8")
    if first.returncode or first.stdout != second.stdout:
        differ.append(path)
check(f"{len(descriptions)} descriptions build, twice the same", len(descriptions) > 100 and not differ, differ)

# Nonsense: words of good descriptions dropped, doubled, swapped. Never a crash, always a sentence.
chance = random.Random(47)
bad = []
for _ in range(150):
    words = chance.choice(texts).split(" ")
    for _ in range(chance.randint(1, 4)):
        i = chance.randrange(len(words))
        words[i:i + 1] = chance.choice([[], [words[i]] * 2, [chance.choice(words)], [words[i][:1]], [words[i] + "\n"], ["0xffffffffffffffff"], ["/"]])
    p = run(" ".join(words))
    if p.returncode not in (0, 2) or (p.returncode == 2) != p.stderr.startswith(b"mkpcap: -:"):
        bad.append(p.stderr.decode()[:2000])
check("nonsense gets a sentence", not bad, bad[:1])

listed = subprocess.run([mkpcap, "--layers"], capture_output=True, text=True).stdout
readme = open(root + "/tools/mkpcap/README.md", encoding="utf-8").read()
check("the README lists the layers as they are", len(listed) > 1000 and "```\n" + listed + "```\n" in readme)

print(f"1..{number}")
sys.exit(failures > 0)
