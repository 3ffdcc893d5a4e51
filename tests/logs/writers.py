#!/usr/bin/env python3
"""Real writers of logs: packets of protocol 47 in a network namespace, logged by the kernel for iptables and nftables; the kernel's lines through dmesg, through
rsyslogd in its three layouts and through a journal in every form of journalctl; and by ulogd, which the rules hand the packets to, in its two outputs. grescope has to
count every packet, with its addresses, length and class, in each of them; where a form tells no time it has to count every line as not understood. usage: writers.py GRESCOPE

Exits with 77 where there are no rights, no namespaces, no kernel log; what is not installed is left out and said."""
import datetime
import glob
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
    """(source, destination, IP length, TTL, DF, identification) of what is sent; the namespace's own address is the destination. Into a packet without DF the kernel writes a number where
    there is none."""
    for i in range(20):
        yield f"192.0.2.{i + 1}", "198.51.100.1", (564, 578, 52, 66, 100)[i % 5], 40 + i, i % 2, 0 if i > 14 else 1040 + i


def wanted():
    """What grescope has to say of them."""
    return sorted((s, d, n, t, "remnant" if df and i and n != 100 else "unknown") for s, d, n, t, df, i in packets())


def ipv4(src, dst, length, ttl, df, ident):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, ident, 0x4000 if df else 0, ttl, 47, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return head + bytes.fromhex("00000800") + bytes(length - 24)


def send_all():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for p in packets():
        s.sendto(ipv4(*p), (p[1], 0))


def inside(writer, prefix, folder=None):
    """Runs in a namespace of its own: rules, packets. With a folder ulogd writes there what the rules log, else the kernel."""
    run = lambda *a, **k: subprocess.run(a, check=True, timeout=20, **k)
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", "198.51.100.1/32", "dev", "lo")
    daemon = ulogd(folder) if folder else None
    if writer == "nft":
        group = "group 1" if folder else ""
        rules = f"table inet t {{\n chain i {{\n type filter hook input priority 0;\n meta l4proto 47 log prefix \"{prefix}\" {group} drop;\n }}\n}}\n"
        run("nft", "-f", "-", input=rules.encode())
    elif folder:
        run(writer, "-A", "INPUT", "-p", "47", "-j", "NFLOG", "--nflog-group", "1", "--nflog-prefix", prefix)
    else:
        run(writer, "-A", "INPUT", "-p", "47", "-j", "LOG", "--log-prefix", prefix)
    send_all()
    if daemon:
        ulogd_end(daemon, folder)


# ---- ulogd: file in the folder, what its stack ends in ----

ULOGD = {"logemu": "ip2str1:IP2STR,print1:PRINTPKT,logemu:LOGEMU", "json": "ip2str1:IP2STR,mac1:HWHDR,json:JSON"}


def ulogd_plugin(name):
    found = glob.glob(f"/usr/lib/*/ulogd/ulogd_{name}.so") + glob.glob(f"/usr/lib/ulogd/ulogd_{name}.so")
    return found[0] if found else None


def ulogd(folder):
    plugins = [ulogd_plugin(n) for n in ("inppkt_NFLOG", "raw2packet_BASE", "filter_IFINDEX", "filter_IP2STR", "filter_PRINTPKT", "filter_HWHDR", "output_LOGEMU",
                                         "output_JSON")]
    outputs = {n: stack for n, stack in ULOGD.items() if ulogd_plugin(f"output_{n.upper()}")}
    with open(f"{folder}/conf", "w") as f:
        f.write(f'[global]\nlogfile="{folder}/said"\nloglevel=3\n' + "".join(f'plugin="{p}"\n' for p in plugins if p))
        f.writelines(f"stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,{stack}\n" for stack in outputs.values())
        f.write("[log1]\ngroup=1\n" + "".join(f'[{n}]\nfile="{folder}/{n}.log"\nsync=1\n' for n in outputs))
    daemon = subprocess.Popen(["ulogd", "-c", f"{folder}/conf"], env={**os.environ, "TZ": "UTC"})
    for _ in range(100):
        if os.path.exists(f"{folder}/said") and "entering main loop" in open(f"{folder}/said").read():
            return daemon
        time.sleep(0.1)
    sys.exit("ulogd does not start: " + (open(f"{folder}/said").read().splitlines() or ["?"])[-1])


def ulogd_end(daemon, folder):
    for _ in range(50):
        if all(open(path).read().count("\n") >= 20 for path in glob.glob(f"{folder}/*.log")):
            break
        time.sleep(0.1)
    daemon.terminate()
    daemon.wait(10)


# ---- the kernel's lines ----


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


# form of journalctl: how exact its times are, in microseconds; 0: it has none, or not in the line that has the packet
JOURNALCTL = {"short": 1000000, "short-full": 1000000, "short-iso": 1000000, "short-iso-precise": 1, "short-precise": 1, "short-unix": 1, "with-unit": 1000000, "json": 1,
              "json-seq": 1, "json-sse": 1, "short-monotonic": 0, "short-delta": 0, "cat": 0, "verbose": 0, "export": 0, "json-pretty": 0}
# in the letters CST short-full does not say whether it is China's: --tz has to
ZONES = ["UTC"] + [zone for zone in ("Europe/Berlin", "Asia/Shanghai") if os.path.exists(f"/usr/share/zoneinfo/{zone}")]


def journal_make(lines, folder):
    """The kernel's lines as journald takes them, other entries between: the journal's path, and of each line its time in microseconds since 1970."""
    remote = shutil.which("systemd-journal-remote") or shutil.which("systemd-journal-remote", path="/lib/systemd:/usr/lib/systemd")
    if not remote or not shutil.which("journalctl"):
        print("systemd-journal-remote, journalctl: not installed")
        return None, []
    started = int((time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)) * 1000000)
    times, path = [], f"{folder}/kernel.journal"
    common = f"_BOOT_ID={'b' * 32}\n_MACHINE_ID={'a' * 32}\n_HOSTNAME=fw\n"
    with open(f"{folder}/entries", "w") as f:
        for line in lines.splitlines():
            uptime, text = re.match(r"\[\s*(\d+\.\d{6})\] (.*)", line).groups()
            uptime = int(uptime.replace(".", ""))
            times.append(started + uptime)
            stamps = f"__REALTIME_TIMESTAMP={times[-1]}\n__MONOTONIC_TIMESTAMP={uptime}\n" + common
            f.write(f"{stamps}_TRANSPORT=kernel\nPRIORITY=4\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n_SOURCE_MONOTONIC_TIMESTAMP={uptime}\nMESSAGE={text}\n\n")
            f.write(f"{stamps}_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=sshd\n_PID=47\nMESSAGE=Connection closed by 192.0.2.47 port 4747\n\n")
    subprocess.run([remote, "-o", path, f"{folder}/entries"], check=True, capture_output=True, timeout=60)
    return path, times


def microseconds(row):
    at = datetime.datetime.strptime(row["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.datetime(1970, 1, 1)
    return at // datetime.timedelta(microseconds=1)


def journal_reads(grescope, form, exact, zone, journal, times, folder, want):
    """Whether one form is read as it has to be, and the word for it."""
    path = f"{folder}/{form}.log"
    with open(path, "w") as f:
        subprocess.run(["journalctl", "--no-pager", "--file", journal, "-o", form], stdout=f, check=True, timeout=60, env={**os.environ, "TZ": zone, "LC_ALL": "C"})
    if exact:
        got, said = rows(grescope, path, "--tz", zone)
        ok = seen_in(got) == want and sorted(microseconds(r) for r in got) == sorted(t - t % exact for t in times)
        word = f"{len(got)} of {len(want)} packets"
    if not exact or (zone == "Asia/Shanghai" and form in ("short-full", "with-unit")):
        got, said = rows(grescope, path, "-v")
        counted = got == [] and f"rows read 0, not understood {len(want)}," in said
        ok = counted and (not exact or ok)
        word = "all counted as not understood" if not exact else word + "; without --tz counted as not understood"
    return ok, word if ok else f"WRONG: {word}: {said}"


def through_journal(grescope, writer, lines, folder, want):
    """What journalctl makes of the kernel's lines. Number of forms, of those that are wrong."""
    journal, times = journal_make(lines, folder)
    bad = tested = 0
    for form, exact in JOURNALCTL.items() if journal else ():
        for zone in ZONES if exact else ("UTC",):
            ok, word = journal_reads(grescope, form, exact, zone, journal, times, folder, want)
            print(f"{writer}, journalctl -o {form}, {zone}: {word}")
            bad += not ok
            tested += 1
    return tested, bad


def seen_in(got):
    return sorted((r["src_ip"], r["dst_ip"], r["ip_len"], r["ttl"], r["class"]) for r in got)


def age(got):
    """How far the row that is farthest is from now, in seconds."""
    return max((abs(time.time() - microseconds(r) / 1000000) for r in got), default=0)


def file_reads(grescope, writer, name, path, want):
    got, said = rows(grescope, path)
    seen = seen_in(got)
    dmesg_drifts = name.startswith("dmesg")
    ok = seen == want and (dmesg_drifts or age(got) < 600)
    print(f"{writer}, {name}: {len(got)} of {len(want)} packets{'' if ok else ' WRONG: ' + said + str(set(want) ^ set(seen))[:300]}")
    return ok


def namespace(writer, prefix, *folder):
    """Runs inside() there. False, and why is said, where this kernel cannot."""
    p = subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside", writer, prefix, *folder], capture_output=True, text=True, timeout=60)
    if p.returncode:
        print(f"{writer}: this kernel has no such rules: {(p.stderr.strip().splitlines() or ['?'])[-1][:150]}")
    return p.returncode == 0


def kernel_writes(grescope, writer, prefix, want):
    """Number of files tested, of those that are wrong."""
    if not namespace(writer, prefix):
        return 0, 0
    time.sleep(0.3)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, args in (("dmesg -T", ["-T"]), ("dmesg iso", ["--time-format", "iso"])):
            files[name] = os.path.join(folder, name.replace(" ", "") + ".log")
            open(files[name], "w").write(ring(prefix, *args))
        if shutil.which("rsyslogd"):
            files.update(through_rsyslogd(ring(prefix), folder))
        bad = sum(not file_reads(grescope, writer, name, path, want) for name, path in files.items())
        tested, wrong = through_journal(grescope, writer, ring(prefix), folder, want)
        raw = os.path.join(folder, "raw.log")
        open(raw, "w").write(ring(prefix))
        p = subprocess.run([grescope, "export", "-v", "--format", "csv", raw], capture_output=True, text=True, timeout=60)
        if not re.search(r"rows read 0, not understood 20,", p.stderr):
            print(f"{writer}, uptime only: not counted as bad: {p.stderr}")
            bad += 1
    return len(files) + tested, bad + wrong


def ulogd_writes(grescope, writer, prefix, want):
    with tempfile.TemporaryDirectory() as folder:
        if not namespace(writer, prefix, folder):
            return 0, 0
        files = [n for n in ULOGD if ulogd_plugin(f"output_{n.upper()}")]
        for name in set(ULOGD) - set(files):
            print(f"{writer}, ulogd {name}: no such output installed")
        return len(files), sum(not file_reads(grescope, writer, f"ulogd {n}", f"{folder}/{n}.log", want) for n in files)


def main(grescope):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        skip("no rights for network namespaces")
    if not os.path.exists(SYSCTL) or subprocess.run(["dmesg"], capture_output=True).returncode:
        skip("the kernel's log is not to be had")
    before = open(SYSCTL).read()
    want = wanted()
    bad = tested = 0
    if not shutil.which("ulogd"):
        print("ulogd: not installed")
    try:
        open(SYSCTL, "w").write("1")
        for number, writer in enumerate(("iptables-legacy", "iptables-nft", "nft")):
            if not shutil.which(writer):
                print(f"{writer}: not installed")
                continue
            for way in (kernel_writes, ulogd_writes)[:2 if shutil.which("ulogd") else 1]:
                n, wrong = way(grescope, writer, f"gs{os.getpid()}-{number} ", want)
                tested += n
                bad += wrong
    finally:
        open(SYSCTL, "w").write(before)
    if not tested:
        skip("no writer of logs works here")
    sys.exit(bad > 0)


if sys.argv[1] == "--inside":
    inside(*sys.argv[2:])
else:
    main(sys.argv[1])
