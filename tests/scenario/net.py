"""Networks for tests: two namespaces with a veth pair between them, frames sent to the octet, programs run inside; all of it bounded and removed.

    net.need()                              # leaves with 77 where there are no rights or tools for it
    with net.Lab() as lab:
        p = lab.start([program, "-i", lab.rx])        # listens in the receiving namespace
        lab.send(frames)                              # octets of Ethernet frames, each exactly once
        lab.replay("capture.pcap", "--pps=10000")     # tcpreplay
        lab.stop(p)

Receiving ends have no address and no IPv6, so nothing answers and nothing but the test's own frames is on the wire.
"""
import atexit
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 240  # seconds: a scenario that hangs ends by itself, with its networks removed


def run(*args, limit=20, check=True, **kw):
    return subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit, check=check, text=True, **kw)


def need(*tools):
    """Leaves the test as skipped unless namespaces can be made and all tools are there."""
    for tool in ("ip", *tools):
        if not shutil.which(tool):
            print(f"skipped: no {tool}")
            sys.exit(77)
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)


def limit(seconds=LIMIT):
    """An end to a scenario that hangs."""
    def over(*_):
        raise TimeoutError(f"the scenario took more than {seconds} s")
    signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)


class Lab:
    """rx in the namespace that listens, tx in the one that sends; pairs > 1: rx0/tx0, rx1/tx1, ..."""
    made = 0

    def __init__(self, pairs=1, mtu=65535, addresses=False):
        Lab.made += 1
        stem = f"gs{os.getpid()}-{Lab.made}"
        self.inside, self.outside = stem + "in", stem + "out"
        self.processes = []
        self.rx, self.tx = "rx0", "tx0"
        atexit.register(self.close)
        for name in (self.inside, self.outside):
            run("ip", "netns", "add", name)
            for key in ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"):
                run("ip", "netns", "exec", name, "sysctl", "-qw", key, check=False)
            run("ip", "-n", name, "link", "set", "lo", "up")
        for i in range(pairs):
            self.pair(f"rx{i}", f"tx{i}", mtu)
        if addresses:
            run("ip", "-n", self.inside, "addr", "add", "198.51.100.47/24", "dev", self.rx)
            run("ip", "-n", self.outside, "addr", "add", "198.51.100.1/24", "dev", self.tx)

    def pair(self, rx, tx, mtu=65535):
        run("ip", "-n", self.inside, "link", "add", rx, "mtu", str(mtu), "type", "veth", "peer", "name", tx, "mtu", str(mtu), "netns", self.outside)
        for name, end in ((self.inside, rx), (self.outside, tx)):
            run("ip", "-n", name, "link", "set", end, "arp", "off", "multicast", "off", check=False)
            run("ip", "-n", name, "link", "set", end, "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        self.processes = []
        for name in (self.inside, self.outside):
            if os.path.exists("/run/netns/" + name):
                run("ip", "netns", "del", name, check=False)

    # programs inside

    def command(self, args, outside=False):
        return ["ip", "netns", "exec", self.outside if outside else self.inside, *args]

    def run(self, args, outside=False, limit=60, **kw):
        return subprocess.run(self.command(args, outside), stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, text=True, **kw)

    def start(self, args, outside=False, **kw):
        """A process that runs until stop() or close(). `ip netns exec` becomes the program: signals reach it."""
        kw = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": tempfile.TemporaryFile("w+"), "text": True, **kw}
        p = subprocess.Popen(self.command(args, outside), **kw)
        p.said = kw["stderr"]
        self.processes.append(p)
        return p

    def stop(self, p, number=signal.SIGTERM, limit=30):
        """Ends it by a signal. Returns what is left of its output, and its errors."""
        if p.poll() is None and number:
            p.send_signal(number)
        return rest(p, limit)

    def link(self, *args, outside=False):
        return run("ip", "-n", self.outside if outside else self.inside, "link", *args)

    # frames

    def send(self, frames, tx=None, pps=0):
        """Every frame exactly once, in order; returns when all have crossed (a veth hands them over at once). At most pps a second."""
        data = b"".join(struct.pack("<I", len(f)) + f for f in frames)
        p = subprocess.run(self.command([sys.executable, os.path.abspath(__file__), "send", tx or self.tx, str(pps)], outside=True), input=data,
                           capture_output=True, timeout=120)
        if p.returncode:
            raise RuntimeError(p.stderr.decode())

    def replay(self, capture, *args, tx=None, limit=120):
        p = self.run(["tcpreplay", "-q", "-i", tx or self.tx, *args, capture], outside=True, limit=limit)
        if p.returncode:
            raise RuntimeError(p.stderr)
        return p

    def counters(self, name=None):
        """The receiving interface's own counters."""
        path = f"/sys/class/net/{name or self.rx}/statistics/"
        p = self.run(["sh", "-c", f"cd {path} && grep . *"])
        return {k: int(v) for k, v in (line.split(":") for line in p.stdout.split())}


class Tun:
    """An interface without link headers; what is written to it comes in by it. Lives in this process's namespace of the lab."""

    def __init__(self, lab, name="tun0"):
        self.lab, self.name = lab, name
        run("ip", "-n", lab.inside, "tuntap", "add", "dev", name, "mode", "tun")
        run("ip", "-n", lab.inside, "link", "set", name, "mtu", "9000", "up")

    def send(self, packets):
        data = b"".join(struct.pack("<I", len(f)) + f for f in packets)
        p = subprocess.run(self.lab.command([sys.executable, os.path.abspath(__file__), "tun", self.name, "0"]), input=data, capture_output=True, timeout=60)
        if p.returncode:
            raise RuntimeError(p.stderr.decode())


def rest(p, limit=30):
    """What a process says until it ends by itself, and its errors. It is killed after `limit` seconds."""
    timer = threading.Timer(limit, p.kill)
    timer.start()
    out = p.stdout.read()
    p.wait()
    timer.cancel()
    p.said.seek(0)
    return out, p.said.read()


def wait_line(p, word, limit=20):
    """Reads lines of a process until one starts with word; the lines so far. It is killed after `limit` seconds."""
    lines = []
    timer = threading.Timer(limit, p.kill)
    timer.start()
    try:
        for line in p.stdout:
            lines.append(line)
            if line.startswith(word):
                return lines
    finally:
        timer.cancel()
    p.said.seek(0)
    raise RuntimeError(f"ended, or was silent for {limit} s, before `{word}`: {''.join(lines)}{p.said.read()}")


def wait_for(what, limit=20, step=0.05):
    """Until what() is true; its value."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        v = what()
        if v:
            return v
        time.sleep(step)
    raise TimeoutError("waited in vain")


def read_pcap(path):
    """(link type, [(seconds, octets, length on the wire)]) of a pcap or pcapng file of one link type, through editcap where it is not plain pcap."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] == b"\x0a\x0d\x0d\x0a" or data[:2] == b"\x1f\x8b":
        data = subprocess.run(["editcap", "-F", "pcap", path, "/dev/stdout"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60).stdout
    if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
        return None, []
    order = "<" if data[0] in (0xd4, 0x4d) else ">"
    link = struct.unpack(order + "I", data[20:24])[0] & 0x03ffffff
    at, frames = 24, []
    while at + 16 <= len(data):
        s, _, caplen, length = struct.unpack(order + "IIII", data[at:at + 16])
        if caplen > 1 << 18 or at + 16 + caplen > len(data):
            break
        frames.append((s, data[at + 16:at + 16 + caplen], length))
        at += 16 + caplen
    return link, frames


def write_pcap(path, frames, link=1, t0=1485573131):
    """Octets of frames, a millisecond apart."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65536, link))
        for i, octets in enumerate(frames):
            f.write(struct.pack("<IIII", t0 + i // 1000, i % 1000 * 1000000, len(octets), len(octets)) + octets)


def _frames_in(data):
    at = 0
    while at < len(data):
        n = struct.unpack_from("<I", data, at)[0]
        yield data[at + 4:at + 4 + n]
        at += 4 + n


def _send(out, pps):
    begin = time.monotonic()
    for i, f in enumerate(_frames_in(sys.stdin.buffer.read())):
        if pps and i % 32 == 0:
            time.sleep(max(0, begin + i / pps - time.monotonic()))
        out(f)


def _main():
    what, name, pps = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if what == "send":
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind((name, 0))
        s.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS: what does not fit is an error here, not a loss
        _send(s.send, pps)
    else:
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH14x", name.encode(), 0x1001))  # TUNSETIFF; IFF_TUN | IFF_NO_PI
        _send(lambda f: os.write(fd, f), pps)


if __name__ == "__main__":
    _main()
