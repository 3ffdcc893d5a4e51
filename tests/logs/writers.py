#!/usr/bin/env python3
"""Real writers of logs: packets of protocol 47 in a network namespace, logged by the kernel for iptables and nftables; the kernel's lines through dmesg and through
rsyslogd in its three layouts. grescope has to count every packet, with its addresses and length, in each of them. usage: writers.py GRESCOPE

Exits with 77 where there are no rights, no namespaces, no kernel log; what is not installed is left out and said."""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

SYSCTL = "/proc/sys/net/netfilter/nf_log_all_netns"


def packets():
    """(source, destination, IP length, TTL, DF) of what is sent; the namespace's own address is the destination."""
    for i in range(20):
        yield f"192.0.2.{i + 1}", "198.51.100.1", (564, 578, 52, 66, 100)[i % 5], 40 + i, i % 2


def ipv4(src, dst, length, ttl, df):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1000 + ttl, 0x4000 if df else 0, ttl, 47, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return head + bytes.fromhex("00000800") + bytes(length - 24)


def send_all():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for p in packets():
        s.sendto(ipv4(*p), (p[1], 0))


def inside(writer, prefix):
    """Runs in a namespace of its own: rules, packets."""
    run = lambda *a, **k: subprocess.run(a, check=True, timeout=20, **k)
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", "198.51.100.1/32", "dev", "lo")
    if writer == "nft":
        rules = f"table inet t {{\n chain i {{\n type filter hook input priority 0;\n meta l4proto 47 log prefix \"{prefix}\" drop;\n }}\n}}\n"
        run("nft", "-f", "-", input=rules.encode())
    else:
        run(writer, "-A", "INPUT", "-p", "47", "-j", "LOG", "--log-prefix", prefix)
    send_all()


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def ring(prefix, *args):
    p = subprocess.run(["dmesg", *args], capture_output=True, text=True, timeout=20, check=True)
    return "".join(line + "\n" for line in p.stdout.splitlines() if prefix in line)


def rows(grescope, path, *args):
    p = subprocess.run([grescope, "export", "-q", "--window", "0", "--format", "jsonl", *args, path], capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in p.stdout.splitlines()], p.stderr


def through_rsyslogd(lines, folder):
    """The kernel's lines as imklog gives them to rsyslogd, into its three layouts."""
    conf = os.path.join(folder, "rsyslog.conf")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    layouts = {"traditional": "RSYSLOG_TraditionalFileFormat", "rfc3339": "RSYSLOG_FileFormat", "rfc5424": "RSYSLOG_SyslogProtocol23Format"}
    with open(conf, "w") as f:
        f.write(f'global(workDirectory="{folder}")\nmodule(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{port}")\n')
        for name, layout in layouts.items():
            f.write(f'action(type="omfile" file="{folder}/{name}.log" template="{layout}")\n')
    daemon = subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", os.path.join(folder, "pid")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        time.sleep(1)
        for line in lines.splitlines():
            s.sendto(f"<4>{time.strftime('%b %e %H:%M:%S', time.gmtime())} fw kernel: {line}".encode(), ("127.0.0.1", port))
        for _ in range(100):
            time.sleep(0.1)
            if all(os.path.exists(f"{folder}/{n}.log") and open(f"{folder}/{n}.log").read().count("PROTO=47") >= lines.count("\n") for n in layouts):
                break
    finally:
        daemon.terminate()
        daemon.wait(10)
    return {f"rsyslogd {n}": f"{folder}/{n}.log" for n in layouts}


def main(grescope):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        skip("no rights for network namespaces")
    if not os.path.exists(SYSCTL) or subprocess.run(["dmesg"], capture_output=True).returncode:
        skip("the kernel's log is not to be had")
    before = open(SYSCTL).read()
    want = sorted((s, d, n, t) for s, d, n, t, _ in packets())
    bad = tested = 0
    try:
        open(SYSCTL, "w").write("1")
        for number, writer in enumerate(("iptables-legacy", "iptables-nft", "nft")):
            prefix = f"gs{os.getpid()}-{number} "
            if not shutil.which(writer):
                print(f"{writer}: not installed")
                continue
            p = subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside", writer, prefix], capture_output=True, text=True, timeout=60)
            if p.returncode:
                print(f"{writer}: this kernel has no such rules: {p.stderr.strip().splitlines()[-1][:150]}")
                continue
            time.sleep(0.3)
            with tempfile.TemporaryDirectory() as folder:
                files = {}
                for name, args in (("dmesg -T", ["-T"]), ("dmesg iso", ["--time-format", "iso"])):
                    files[name] = os.path.join(folder, name.replace(" ", "") + ".log")
                    open(files[name], "w").write(ring(prefix, *args))
                if shutil.which("rsyslogd"):
                    files.update(through_rsyslogd(ring(prefix), folder))
                for name, path in files.items():
                    got, said = rows(grescope, path)
                    seen = sorted((r["src_ip"], r["dst_ip"], r["ip_len"], r["ttl"]) for r in got)
                    age = max((abs(time.time() - time.mktime(time.strptime(r["timestamp"][:19] + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) + time.timezone) for r in got), default=0)
                    dmesg_drifts = name.startswith("dmesg")
                    ok = seen == want and (dmesg_drifts or age < 600)
                    print(f"{writer}, {name}: {len(got)} of {len(want)} packets{'' if ok else ' WRONG: ' + said + str(set(want) ^ set(seen))[:300]}")
                    bad += not ok
                    tested += 1
                raw = os.path.join(folder, "raw.log")
                open(raw, "w").write(ring(prefix))
                p = subprocess.run([grescope, "export", "-v", "--format", "csv", raw], capture_output=True, text=True, timeout=60)
                if not re.search(r"rows read 0, not understood 20,", p.stderr):
                    print(f"{writer}, uptime only: not counted as bad: {p.stderr}")
                    bad += 1
    finally:
        open(SYSCTL, "w").write(before)
    if not tested:
        skip("no writer of logs works here")
    sys.exit(bad > 0)


if sys.argv[1] == "--inside":
    inside(*sys.argv[2:])
else:
    main(sys.argv[1])
