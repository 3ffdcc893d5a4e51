#!/usr/bin/env python3
"""Holds the expectations that stand in the golden descriptions against TShark, a decoder that shares nothing with this project.

  against_tshark.py DESCRIPTION-FOLDER CAPTURE-FOLDER     exit 0 all agree, 1 not, 77 where tshark is not at hand

The expectations: expectations.py."""
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from datetime import datetime, timezone

sys.dont_write_bytecode = True  # none beside the sources
from expectations import COMPARED, read_folder
from merged import merge


def fields_of(proto):
    """{name: first value} of the fields of one protocol element, those of protocols nested in it left out."""
    out = {}

    def walk(element):
        for child in element:
            if child.tag == "field":
                if child.get("name"):
                    out.setdefault(child.get("name"), child.get("show"))
                walk(child)
    walk(proto)
    return out


def tshark(capture):
    command = ["tshark", "-r", capture, "-T", "pdml", "-n"]
    for preference in ("ip.defragment", "ipv6.defragment"):
        command += ["-o", preference + ":FALSE"]
    p = subprocess.run(command, capture_output=True)
    text = p.stdout
    if not text.rstrip().endswith(b"</pdml>"):
        text += b"</pdml>"
    for packet in xml.etree.ElementTree.fromstring(text):
        protos = [e for e in packet.iter("proto") if e.get("name") not in ("geninfo", "fake-field-wrapper")]
        yield [(e.get("name"), fields_of(e)) for e in protos]


def ip_fields(name, f):
    if name == "ip":
        return {"src": f.get("ip.src"), "dst": f.get("ip.dst"), "ttl": f.get("ip.ttl"), "len": f.get("ip.len"), "proto": f.get("ip.proto")}
    plen = f.get("ipv6.plen")
    return {"src": f.get("ipv6.src"), "dst": f.get("ipv6.dst"), "ttl": f.get("ipv6.hlim"), "len": str(int(plen) + 40) if plen else None,
            "proto": f.get("ipv6.nxt")}


def icmp_text(name, f):
    return f"{f.get(name + '.type')}/{f.get(name + '.code')}"


def number(text, digits):
    return None if text is None else f"0x{int(text, 0):0{digits}x}"


def row_of(protos):
    """TShark's view of one frame in the words of the expectations; {} where it shows no GRE header."""
    names = [n for n, _ in protos]
    if "gre" not in names:
        return {}
    at = names.index("gre")
    g = protos[at][1]
    row = {"n": str(names.count("gre"))}
    carrier = next((p for p in reversed(protos[:at]) if p[0] in ("ip", "ipv6")), None)
    if carrier:
        c = ip_fields(*carrier)
        row |= {k: c[k] for k in ("src", "dst", "ttl", "len")}
    row["flags"] = number(g.get("gre.flags_and_version"), 4)
    row["proto"] = number(g.get("gre.proto"), 4)
    row["key"] = number(g.get("gre.key"), 8)
    row |= {"seq": g.get("gre.sequence_number"), "ack": g.get("gre.ack_number"), "plen": g.get("gre.key.payload_length"),
            "call": g.get("gre.key.call_id")}
    row["checksum"] = {"0": "bad", "1": "good", "2": "unknown"}.get(g.get("gre.checksum.status")) if g.get("gre.checksum") else None
    row["context"] = "quote" if "icmp" in names[:at] or "icmpv6" in names[:at] else "udp" if "udp" in names[:at] else "gre"
    for name in ("icmp", "icmpv6"):
        if name in names[:at]:
            row["qicmp"] = icmp_text(name, protos[names.index(name)][1])
    end = names.index("gre", at + 1) if "gre" in names[at + 1:] else len(names)
    for name, f in protos[at + 1:end]:
        if name == "ppp" and "ppp" not in row:
            row["ppp"] = number(f.get("ppp.protocol"), 4)
    inner = next((i for i in range(at + 1, end) if names[i] in ("ip", "ipv6")), None)
    if inner is not None:
        c = ip_fields(*protos[inner])
        row |= {"i" + k: c[k] for k in ("src", "dst", "ttl", "proto")}
        if inner + 1 < len(protos):
            name, f = protos[inner + 1]
            if name in ("udp", "tcp", "sctp") and c["proto"] in ("6", "17", "132"):
                row |= {"isport": f.get(name + ".srcport"), "idport": f.get(name + ".dstport")}
            elif name in ("icmp", "icmpv6"):
                row["icmp"] = icmp_text(name, f)
    return {k: v for k, v in row.items() if v is not None}


def later_fragment(protos):
    for name, f in protos:
        if name == "ip" and f.get("ip.proto") == "47" and f.get("ip.frag_offset", "0") != "0":
            return True
        if name == "ipv6" and f.get("ipv6.fraghdr.nxt") == "47" and f.get("ipv6.fraghdr.offset", "0") != "0":
            return True
    return any(n == "ipv6.fraghdr" and f.get("ipv6.fraghdr.nxt") == "47" and f.get("ipv6.fraghdr.offset", "0") != "0" for n, f in protos)


def time_of(protos):
    epoch = dict(protos)["frame"].get("frame.time_epoch")
    if epoch is None:
        return "-"
    seconds, fraction = epoch.split(".")
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + fraction[:6] + "Z"


def differences(outcome, want, protos):
    row = row_of(protos)
    if outcome in ("none", "lost") or want.get("tshark") == "silent":
        return [f"a GRE header {row}"] if row and want.get("tshark") != "shows" else []
    if outcome == "fragment":
        length = next((ip_fields(n, f)["len"] for n, f in protos if n in ("ip", "ipv6")), None)
        wrong = [] if want.get("len", length) == length else [f"len={length} instead of {want['len']}"]
        return wrong if later_fragment(protos) and not row else ["no later fragment of protocol 47"]
    if not row:
        return ["no GRE header"]
    out = [] if row["context"] == outcome else [f"{row['context']} instead of {outcome}"]
    for key in COMPARED:
        if key == "time":
            have = time_of(protos) if "time" in want else "-"
        else:
            have = row.get(key, "-")
        expected = want.get("tshark." + key, want.get(key, "1" if key == "n" else "-"))
        if expected == "any":
            continue
        if have != expected:
            out.append(f"{key}={have} instead of {expected}")
    return out


def main():
    if not shutil.which("tshark"):
        print("tshark is not at hand")
        return 77
    texts, folder = sys.argv[1:]
    expected = read_folder(texts)
    names = list(expected)
    missing = [n for n in names if not os.path.exists(f"{folder}/{n}.pcap")]
    if missing:
        print("no capture of", *missing, "(are they in the list of tests/golden/meson.build?)")
        return 1
    seen = {n: 0 for n in names}
    bad = 0

    def judge(name, frame, protos):
        nonlocal bad
        seen[name] += frame in expected[name]
        if frame not in expected[name]: # TShark numbers custom blocks of pcapng as well
            if row_of(protos):
                print(f"{name} frame {frame}: no expectation")
                bad += 1
            return
        outcome, want = expected[name][frame]
        for difference in differences(outcome, want, protos):
            print(f"{name} frame {frame}: tshark shows {difference}")
            bad += 1

    with tempfile.TemporaryDirectory() as scratch:
        merged = scratch + "/all.pcapng"
        order, left = merge([(n, f"{folder}/{n}.pcap") for n in names], merged)
        for (name, frame), protos in zip(order, tshark(merged), strict=True):
            judge(name, frame, protos)
        for name, capture in left:
            for frame, protos in enumerate(tshark(capture), 1):
                judge(name, frame, protos)
    for name in names:
        if seen[name] != len(expected[name]):
            print(f"{name}: expectations for {len(expected[name])} frames, {seen[name]} of them in the capture")
            bad += 1
    print(f"{len(names)} captures, {sum(seen.values())} frames, {bad} differences")
    return bad > 0


sys.exit(main())
