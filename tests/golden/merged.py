"""Many captures as one, so that TShark starts once."""
import struct


def read_pcap(data):
    """(link type, nanoseconds?, [record]) of a classic capture; None for other formats."""
    for order in "<>":
        magic = struct.unpack(order + "I", data[:4])[0]
        if magic in (0xa1b2c3d4, 0xa1b23c4d):
            break
    else:
        return None
    link, at, records = struct.unpack(order + "I", data[20:24])[0], 24, []
    while at + 16 <= len(data):
        s, f, cap, wire = struct.unpack(order + "IIII", data[at:at + 16])
        if at + 16 + cap > len(data):
            break
        records.append((s * 10**9 + f * (1 if magic == 0xa1b23c4d else 1000), data[at + 16:at + 16 + cap], wire))
        at += 16 + cap
    return link & 0xffff, records


def merge(captures, path):
    """All classic captures as one pcapng, an interface for each: TShark starts once. Returns [(name, frame number)] in order, and what is left over."""
    order, left = [], []
    with open(path, "wb") as out:
        def block(kind, body):
            body += b"\0" * (-len(body) % 4)
            out.write(struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12))
        block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
        interfaces = 0
        for name, capture in captures:
            pcap = read_pcap(open(capture, "rb").read())
            if not pcap:
                left.append((name, capture))
                continue
            block(1, struct.pack("<HHI", pcap[0], 0, 0) + struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0))
            for number, (ns, octets, wire) in enumerate(pcap[1], 1):
                block(6, struct.pack("<IIIII", interfaces, ns >> 32, ns & 0xffffffff, len(octets), wire) + octets)
                order.append((name, number))
            interfaces += 1
    return order, left
