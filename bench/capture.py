"""Receivers under load, one beside the other: a veth pair, one sender, the same frames for each. As root.

usage: bench/capture.py BUILD [--seconds 3] [--runs 3] [--only NAME,...] [--frames 66,578] [--ring 64] [--spoof]

BUILD is a build folder (app/grescope, bench/blast, bench/mkflood, tests/scenario/livecap and xdpcap). The sender has core 0; the kernel's receiving half of each
frame, the filter and the copy into the ring among it, runs there too, as a part of sending. The receiver has core 1. Every receiver gets the same ring,
256 octets of a frame and a filter for protocol 47. Peers that are not installed are left out.

Counts are each program's own, after it was asked to end; `sent` is the sender's. CPU is the time that the receiver's threads ran
(/proc/PID/task/*/schedstat, nanoseconds), its children included, from before the first frame until a second after the last. `kernel` is what a frame
costs the sender more than with nobody listening. A row is the median of the runs, its loss the median and the worst. Where a receiver loses at full
rate the rate is lowered in steps until it loses nothing: `lossless`.
"""
import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "scenario"))
import net  # noqa: E402

ap = argparse.ArgumentParser()
ap.add_argument("build")
ap.add_argument("--seconds", type=float, default=3)
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--only", default="")
ap.add_argument("--frames", default="66,578")
ap.add_argument("--ring", type=int, default=64)
ap.add_argument("--spoof", action="store_true", help="every frame from another source")
o = ap.parse_args()
build = os.path.abspath(o.build)
blast, mkflood, livecap, xdpcap, grescope = (os.path.join(build, p) for p in ("bench/blast", "bench/mkflood", "tests/scenario/livecap",
                                                                              "tests/scenario/xdpcap", "app/grescope"))
net.need("taskset")
tmp = tempfile.mkdtemp(prefix="gs-bench-")


def number(pattern, text, nth=-1):
    found = re.findall(pattern, text, re.M)
    return int(found[nth].replace(",", "")) if found else None


def livecap_count(out, err, _):
    return sum(json.loads(line)["given"] for line in out.splitlines() if line.startswith("{"))


def xdpcap_count(out, err, _):
    return json.loads([line for line in out.splitlines() if line.startswith("{")][-1])["given"]


def softflowd_count(out, err, folder):
    """What it says that it processed; what libpcap gave it stands beside it and can be more."""
    return number(r"Packets processed: (\d+)", open(folder + "/statistics").read())


def softflowd_ask(lab, folder):
    p = lab.run(["softflowctl", "-c", folder + "/ctl", "statistics"])
    with open(folder + "/statistics", "w") as f:
        f.write(p.stdout)


def pmacctd_count(out, err, folder):
    total = 0
    for line in out.splitlines():
        words = line.split()
        if words and words[-1].isdigit() and len(words) >= 2 and words[-2].isdigit():
            total += int(words[-2])
    return total


def nfpcapd_count(out, err, folder):
    p = subprocess.run(["nfdump", "-R", folder + "/flows", "-I"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return number(r"^Packets: (\d+)", p.stdout, 0)


def watch_count(out, err, folder):
    p = subprocess.run([grescope, "report", "--store", folder + "/store.db", "--by", "total", "--format", "csv", "--no-header"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return int(p.stdout.split(",")[1]) if p.returncode == 0 and p.stdout else None


# name: (program, command, how its count is found, seconds until it listens, question before it ends)
mib = o.ring
receivers = {
    "none": ("sleep", ["sleep", "1000"], lambda out, err, f: None, 0.1, None),
    "grescope capture alone": (livecap, [livecap, "-i", "rx0", "-B", str(mib)], livecap_count, 0.5, None),
    "grescope to sightings": (livecap, [livecap, "-i", "rx0", "-B", str(mib), "-c"], livecap_count, 0.5, None),
    "grescope watch": (grescope, [grescope, "watch", "-i", "rx0", "-q", "--buffer", f"{mib}M", "--store", "{}/store.db"], watch_count, 2, None),
    "fast path pass": (xdpcap, [xdpcap, "-i", "rx0"], xdpcap_count, 1, None),
    "fast path drop": (xdpcap, [xdpcap, "-i", "rx0", "-d"], xdpcap_count, 1, None),
    "tcpdump": ("tcpdump", ["tcpdump", "-n", "-i", "rx0", "-w", "/dev/null", "-s", "256", "-B", str(mib * 1024), "ip proto 47"],
                lambda out, err, f: number(r"(\d+) packets? captured", err), 0.7, None),
    "dumpcap": ("dumpcap", ["dumpcap", "-q", "-i", "rx0", "-w", "/dev/null", "-s", "256", "-B", str(mib), "-f", "ip proto 47"],
                lambda out, err, f: number(r"Packets captured: (\d+)", err), 1, None),
    "netsniff-ng": ("netsniff-ng", ["netsniff-ng", "--in", "rx0", "--out", "/dev/null", "--silent", "--ring-size", f"{mib}MiB", "ip proto 47"],
                    lambda out, err, f: number(r"(\d+)\s+packets incoming", out + err), 3, None),
    "softflowd": ("softflowd", ["softflowd", "-d", "-i", "rx0", "-m", "200000", "-C", "256", "-B", str(mib << 20), "-c", "{}/ctl", "-p", "{}/pid", "ip proto 47"],
                  softflowd_count, 1, softflowd_ask),
    "nfpcapd": ("nfpcapd", ["nfpcapd", "-i", "rx0", "-w", "{}/flows", "-s", "256", "-b", str(mib), "-t", "3600", "ip proto 47"], nfpcapd_count, 1.5, None),
    "pmacctd": ("pmacctd", ["pmacctd", "-f", "{}/conf"], pmacctd_count, 2, None),
}
PMACCTD = f"""daemonize: false
pcap_interface: rx0
pcap_filter: ip proto 47
snaplen: 256
plugins: print
aggregate: src_host, proto
print_refresh_time: 3600
plugin_pipe_size: {mib << 20}
plugin_buffer_size: 65536
print_cache_entries: 200003
"""


def tree(pid):
    pids = [pid]
    for p in pids:
        for path in glob.glob(f"/proc/{p}/task/*/children"):
            try:
                pids += [int(c) for c in open(path).read().split()]
            except OSError:
                pass
    return pids


def cpu(pid):
    """Seconds that all threads of a process and of its children ran; [1]: their resident sets, MiB, what they share counted in each."""
    total, rss = 0, 0
    for p in tree(pid):
        for path in glob.glob(f"/proc/{p}/task/*/schedstat"):
            try:
                total += int(open(path).read().split()[0])
            except OSError:
                pass
        try:
            rss += int(open(f"/proc/{p}/statm").read().split()[1]) * 4096
        except OSError:
            pass
    return total / 1e9, rss / (1 << 20)


def one(name, capture, rate):
    program, command, count, wait, question = receivers[name]
    folder = tempfile.mkdtemp(dir=tmp)
    os.mkdir(folder + "/flows")
    with open(folder + "/conf", "w") as f:
        f.write(PMACCTD)
    with net.Lab(mtu=1500) as lab:
        out = open(folder + "/out", "w+")
        p = lab.start(["taskset", "-c", "1", *[a.replace("{}", folder) for a in command]], stdout=out)
        time.sleep(wait)
        for _ in range(100):  # those that say when they listen may take longer
            if p.poll() is not None or not (name.startswith("fast path") or name.startswith("grescope")):
                break
            if "ready" in open(folder + "/out").read() or "watching" in open(f"/proc/self/fd/{p.said.fileno()}").read():
                break
            time.sleep(0.1)
        if p.poll() is not None:
            p.said.seek(0)
            raise RuntimeError(f"{name}: {p.said.read()}")
        before = cpu(p.pid)[0]
        rx = lab.counters()
        args = [blast, "-i", lab.tx, "-t", str(o.seconds)] + (["-r", str(rate)] if rate else []) + (["-x"] if o.spoof else [])
        s = json.loads(lab.run(["taskset", "-c", "0", *args, capture], outside=True, limit=o.seconds + 60).stdout)
        time.sleep(1)
        used, rss = cpu(p.pid)
        below = {k: v - rx[k] for k, v in lab.counters().items() if v != rx[k]}
        if question:
            question(lab, folder)
        p.terminate() if name not in ("dumpcap", "netsniff-ng", "pmacctd") else p.send_signal(2)
        try:
            p.wait(60)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        if name == "pmacctd":  # a process that it leaves behind writes the table
            for _ in range(60):
                p.said.seek(0)
                if "Purging cache - END" in p.said.read():
                    break
                time.sleep(0.5)
        out.seek(0)
        p.said.seek(0)
        seen = count(out.read(), p.said.read(), folder)
    shutil.rmtree(folder, ignore_errors=True)
    sent = s["frames"]
    return {"sent": sent, "rate": sent / s["seconds"], "seen": seen, "loss": None if seen is None else max(0, sent - seen), "extra": max(0, (seen or 0) - sent),
            "cpu": (used - before) / max(1, seen or sent) * 1e6, "sender": s["cpu"] / sent * 1e6, "rss": rss, "below": below.get("rx_dropped", 0), "refused": s["refused"]}


def percent(r):
    return "-" if r["loss"] is None else f"{100 * r['loss'] / r['sent']:.2g}"


def search(name, capture, full):
    """The highest of some rates below `full` without loss."""
    for part in (0.8, 0.6, 0.4, 0.2, 0.1, 0.05):
        if one(name, capture, full * part)["loss"] == 0:
            return full * part
    return 0


def median(rs, key):
    return statistics.median(r[key] for r in rs)


def main():
    names = [n for n in receivers if shutil.which(receivers[n][0]) and (not o.only or n in o.only.split(",") or n == "none")]
    if subprocess.run([grescope, "watch", "--help"], capture_output=True).returncode != 0:
        names = [n for n in names if n != "grescope watch"]
    captures = {}
    for size, kind, n in (("66", "small", 400000), ("578", "flood", 100000)):
        if size in o.frames.split(","):
            captures[size] = os.path.join(tmp, kind + ".pcap")
            subprocess.run([mkflood, "-o", captures[size], kind, str(n)], check=True, capture_output=True)
    for size, capture in captures.items():
        print(f"\nframes of {size} octets, {o.runs} runs of {o.seconds:g} s; load {os.getloadavg()[0]:.1f}\n")
        print("| receiver | kpps sent | seen of the best run | loss %, median (worst) | lossless up to kpps | receiver us/packet | kernel us/packet | RSS MiB |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        runs = {n: [] for n in names}
        for _ in range(o.runs):
            for n in names:
                try:
                    runs[n].append(one(n, capture, 0))
                except (RuntimeError, subprocess.SubprocessError, OSError, KeyError, ValueError) as e:
                    print(f"{n}: {e}", file=sys.stderr)
        base = median(runs["none"], "sender")
        for n in names:
            rs = runs[n]
            if not rs:
                continue
            if n == "none":
                print(f"| none | {median(rs, 'rate') / 1000:.0f} | - | - | - | - | {base:.2f} in all | - |", flush=True)
                continue
            whole = [r["rate"] for r in rs if r["loss"] == 0]
            best = max(whole) if whole else search(n, capture, median(rs, "rate")) if rs[0]["loss"] is not None else 0
            worst = max(rs, key=lambda r: (r["loss"] or 0) / r["sent"])
            mid = sorted(rs, key=lambda r: (r["loss"] or 0) / r["sent"])[len(rs) // 2]
            top = max(rs, key=lambda r: r["seen"] or 0)
            print(f"| {n} | {median(rs, 'rate') / 1000:.0f} | {top['seen']} of {top['sent']} | {percent(mid)} ({percent(worst)}) | {best / 1000:.0f} | {median(rs, 'cpu'):.2f} | "
                  f"+{median(rs, 'sender') - base:.2f} | {median(rs, 'rss'):.0f} |", flush=True)


try:
    main()
finally:
    shutil.rmtree(tmp, ignore_errors=True)
