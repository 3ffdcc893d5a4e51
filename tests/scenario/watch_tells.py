#!/usr/bin/env python3
"""watch_tells.py GRESCOPE: what `watch` tells while it watches, in namespaces of its own

Alerts on standard error, to a command and to a webhook whose server is down at first; once, also after kills and restarts; metrics that promtool and a real Prometheus take
(where they are installed); the page on a terminal, through a pty. ONLY=part,... in the environment: these parts alone.
"""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import net

PROGRAM = sys.argv[1]
PORT, HOOK_PORT, PROM_PORT = 9747, 9748, 9749

HOOK = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    n = 0
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        H.n += 1
        if H.n == 2:
            self.send_response(503); self.end_headers(); return
        if H.n == 4:
            self.send_response(302); self.send_header("Location", "/elsewhere"); self.end_headers(); return
        with open(sys.argv[2], "ab") as f:
            f.write(self.path.encode() + b" " + self.headers["Content-Type"].encode() + b" " + body + b"\\n")
        self.send_response(204); self.end_headers()
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H)
if len(sys.argv) > 3:
    import ssl
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(sys.argv[3])
    s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
"""


def checksum(b):
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


def ip(proto, src, dst, body, ttl=60):
    def addr(a):
        return bytes(map(int, a.split(".")))
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, ttl, proto, 0, addr(src), addr(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def frame(src, dst="198.51.100.47"):
    inner = ip(17, "10.0.0.1", "10.0.0.2", struct.pack("!HHHH", 4000, 9, 16, 0) + b"12345678")
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + ip(47, src, dst, struct.pack("!HH", 0, 0x800) + inner)


class Sensor:
    made = []

    def __init__(self, lab, work, *options):
        self.lab, self.work = lab, work
        Sensor.made.append(self)
        env = dict(os.environ, HOME=str(work), XDG_DATA_HOME=str(work), XDG_STATE_HOME=str(work), GRESCOPE_DATA="")
        self.said = work / f"said{len(Sensor.made)}"
        self.p = lab.start([PROGRAM, "watch", "-i", lab.rx, "--store", str(work / "s.db"), "--asn-db", str(work / "asn.csv"), "--window", "5s", "--alerts", "json", *options],
                           stderr=open(self.said, "a"), stdout=subprocess.DEVNULL, env=env)

    def text(self):
        return self.said.read_text()  # a handle of its own: the sensor's keeps its place

    def alerts(self, kind=None):
        all_ = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [a for a in all_ if kind is None or a["kind"] == kind]

    def ready(self):
        net.wait_for(lambda: "watching rx0" in self.text() or self.p.poll() is not None)
        assert self.p.poll() is None, self.text()
        return self

    def end(self):
        began = time.monotonic()
        self.p.send_signal(signal.SIGTERM)
        self.p.wait(30)
        return self.p.returncode, time.monotonic() - began


def children(pid):
    """Of a process, from /proc: its children, oldest first."""
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text() if os.path.exists(f"/proc/{pid}") else ""
    return [int(w) for w in text.split()]


def teller(s):
    """The one of the processes that has a child, the herald."""
    return next((c for c in children(s.p.pid) if children(c)), None)


def get(lab, path, port=PORT, code="200"):
    p = lab.run(["curl", "-s", "-m", "5", "-w", "\n%{http_code}", f"http://127.0.0.1:{port}{path}"])
    body, status = p.stdout.rsplit("\n", 1)
    assert code is None or status == code, (path, status, body)
    return body


def metric(text, name):
    m = re.search(rf"^{re.escape(name)} ([-+0-9.e]+)$", text, re.M)
    assert m, f"no {name} in the metrics"
    return float(m[1])


def make_data(work):
    (work / "asn.csv").write_text("".join(f"{a}.0,{a}.255,{n},{w}\n" for a, n, w in
                                          (("192.0.2", 64496, "Named Net"), ("198.51.100", 64497, "Our Net"), ("203.0.113", 64498, '"Example; Net"'))))
    (work / "tell").write_text(f"#!/bin/sh\ncat >>{work}/command.txt\n")
    (work / "tell").chmod(0o755)
    (work / "url").write_text(f"http://127.0.0.1:{HOOK_PORT}/hook?token=x\n")
    (work / "url").chmod(0o600)
    (work / "command.txt").touch()
    (work / "command.txt").chmod(0o666)


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def scrape(lab, work, sent):
    """promtool finds nothing wrong with the names and types, and a real Prometheus reads the right number."""
    text = get(lab, "/metrics")
    if not shutil.which("promtool") or not shutil.which("prometheus"):
        print("no prometheus here: metrics are checked by this test alone")
        return
    p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert p.returncode == 0 and not p.stderr.strip() and not p.stdout.strip(), (p.stdout, p.stderr)
    (work / "prometheus.yml").write_text(f"global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: grescope\n    static_configs:\n      - targets: ['127.0.0.1:{PORT}']\n")
    prom = lab.start(["prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/prom", f"--web.listen-address=127.0.0.1:{PROM_PORT}"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def asked(query):
        r = lab.run(["curl", "-s", "-m", "5", "-G", f"http://127.0.0.1:{PROM_PORT}/api/v1/query", "--data-urlencode", f"query={query}"])
        try:
            result = json.loads(r.stdout)["data"]["result"]
        except (ValueError, KeyError):
            return None
        return [(x["metric"], float(x["value"][1])) for x in result]
    net.wait_for(lambda: asked('up{job="grescope"}') == [] or (asked('up{job="grescope"}') or [({}, 0)])[0][1] == 1, limit=40, step=0.5)
    packets = net.wait_for(lambda: asked('sum(grescope_gre_packets_total)'), limit=30, step=0.5)
    assert packets[0][1] == sent, (packets, sent)
    iface = net.wait_for(lambda: asked('grescope_capture_packets_total'), limit=30, step=0.5)
    assert [m["iface"] for m, _ in iface] == ["rx0"], iface
    prom.kill()
    prom.wait()


def tells(lab, work):
    """The whole story of a flood, and of a network that was named."""
    options = ["--flood", "50", "--alert-quiet", "3s", "--known-bad", "192.0.2.0/25", "--alert-command", str(work / "tell"), "--webhook-url-file", str(work / "url"),
               "--metrics", f"127.0.0.1:{PORT}"]
    s = Sensor(lab, work, *options).ready()
    net.wait_for(lambda: get(lab, "/healthz", code=None) == "all is well\n")
    assert metric(get(lab, "/metrics"), "grescope_store_sightings") == 0
    lab.send([frame("192.0.2.9")])
    bad = net.wait_for(lambda: s.alerts("network.bad"))  # one packet, and before its window closes
    assert bad[0]["src_ip"] == "192.0.2.9" and bad[0]["named"] == "192.0.2.0/25" and bad[0]["asn"] == 64496, bad
    assert bad[0]["network"] == "Named Net"
    assert len(s.alerts("network.new")) == 1
    lab.send([frame(f"203.0.113.{1 + i % 20}") for i in range(2000)], pps=250)
    flood = net.wait_for(lambda: s.alerts("flood"))
    assert flood[0]["phase"] == "begin" and flood[0]["dst_ip"] == "198.51.100.47" and 18 < flood[0]["sources"] < 22 and 150 < flood[0]["rate_pps"] < 350, flood
    net.wait_for(lambda: metric(get(lab, "/metrics"), 'grescope_capture_packets_total{iface="rx0"}') == 2001)
    net.wait_for(lambda: metric(get(lab, "/metrics"), 'grescope_gre_packets_total{class="unknown"}') == 2001)
    get(lab, "/elsewhere", code="404")
    assert lab.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", f"http://127.0.0.1:{PORT}/metrics"]).stdout == "405"
    # the webhook's server comes when its absence was told: it is tried again at longer and longer intervals, meanwhile the flood ends
    net.wait_for(lambda: s.alerts("sensor"), limit=60)
    assert not lines_of(work / "hook.txt")
    hook = lab.start([sys.executable, "-c", HOOK, str(HOOK_PORT), str(work / "hook.txt")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scrape(lab, work, 2001)
    end = net.wait_for(lambda: [a for a in s.alerts("flood") if a["phase"] == "end"], limit=60)
    assert end[0]["id"] == flood[0]["id"] and 18 < end[0]["sources"] < 22 and end[0]["packets"] <= 2001 and 5 < end[0]["duration_s"] < 12, end
    assert [a["key"] for a in s.alerts("network.new")] == ["network.new:AS64496", "network.new:AS64498"]

    # every alert got to the command once (up to four of them run at a time, so not always in order), and is the same there
    told = s.alerts()
    net.wait_for(lambda: len(lines_of(work / "command.txt")) >= len(told))
    got = [json.loads(x) for x in lines_of(work / "command.txt")]
    assert all(got.count(a) == 1 for a in told), (got, told)

    # the webhook's server came late, was out of order once, and then wanted to send somebody elsewhere
    net.wait_for(lambda: len(lines_of(work / "hook.txt")) >= len(told) - 1, limit=90)
    posted = [x.split(" ", 2) for x in lines_of(work / "hook.txt")]
    assert all(p[0] == "/hook?token=x" and p[1] == "application/json" for p in posted), posted
    arrived = [json.loads(p[2]) for p in posted]
    refused = [a for a in told if a not in arrived]
    assert [a for a in told if a in arrived] == arrived[:len(told) - 1] and len(refused) == 1, (arrived, told)  # in order; the redirected one is not sent elsewhere and not tried again
    assert [(a["phase"], a["trouble"]) for a in s.alerts("sensor")][:1] == [("begin", "sink")], s.alerts("sensor")
    assert metric(get(lab, "/metrics"), 'grescope_export_failures_total{sink="webhook"}') == 1
    return s, hook, options


def dies(lab, work, s):
    """A teller, and a herald, that are killed come again, and tell nothing twice."""
    news = len(s.alerts("network.new"))
    for victim in ("teller", "herald"):
        time.sleep(6)  # the state is written some seconds after something was told
        t = teller(s)
        os.kill(t if victim == "teller" else children(t)[0], signal.SIGKILL)
        net.wait_for(lambda: teller(s) not in (None, t), limit=20)
        net.wait_for(lambda: get(lab, "/healthz", code=None) == "all is well\n", limit=20)
        before = len(lines_of(work / "command.txt"))
        lab.send([frame("203.0.113.7"), frame("192.0.2.3")])
        net.wait_for(lambda: len(lines_of(work / "command.txt")) > before, limit=20)  # the named network again: alerts still get out
    assert len(s.alerts("network.new")) == news, s.text()


def comes_again(lab, work, options):
    """A restart announces no network again, nor does one whose memory is damaged: then the store knows."""
    state = work / "s.db.alerts"
    for damage in (False, True):
        if damage:
            data = bytearray(state.read_bytes())
            data[len(data) // 2] ^= 1
            state.write_bytes(data)
        s = Sensor(lab, work, *options[:2]).ready()
        lab.send([frame("203.0.113.7"), frame("192.0.2.3")])
        time.sleep(2.5)
        assert not s.alerts("network.new"), s.text()
        assert ("checksum" in s.text()) == damage, s.text()
        assert (work / "s.db.alerts.damaged").exists() == damage
        code, _ = s.end()
        assert code == 0, s.text()
    state.unlink()
    shutil.rmtree(work / "fresh", ignore_errors=True)
    (work / "fresh").mkdir()
    make_data(work / "fresh")
    s = Sensor(lab, work / "fresh").ready()  # an empty store knows nobody
    lab.send([frame("203.0.113.7")])
    net.wait_for(lambda: s.alerts("network.new"))
    assert s.end()[0] == 0


def story(lab, work):
    """One sensor from its start over deaths to its end, and those that come after it."""
    s, hook, options = tells(lab, work)
    dies(lab, work, s)
    hook.kill()
    code, took = s.end()
    assert code == 0 and took < 3, (code, took, s.text())
    comes_again(lab, work, options)


def distrusts(lab, work):
    """A webhook whose certificate nobody vouches for gets nothing, and that is told."""
    if not shutil.which("openssl"):
        return print("no openssl here: certificates are not tried")
    net.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{work}/key.pem",
            "-out", f"{work}/cert.pem")
    (work / "both.pem").write_text((work / "key.pem").read_text() + (work / "cert.pem").read_text())
    (work / "url").write_text(f"https://127.0.0.1:{HOOK_PORT}/hook\n")
    hook = lab.start([sys.executable, "-c", HOOK, str(HOOK_PORT), str(work / "tls.txt"), str(work / "both.pem")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s = Sensor(lab, work, "--webhook-url-file", str(work / "url"), "--known-bad", "AS64496").ready()
    time.sleep(1)
    lab.send([frame("192.0.2.3")])
    told = net.wait_for(lambda: [a for a in s.alerts("sensor") if a["trouble"] == "sink"])
    assert "certificate" in told[0]["text"].lower(), told
    assert s.end()[0] == 0 and not lines_of(work / "tls.txt")
    hook.kill()
    hook.wait()


def refuses(lab, work):
    """What cannot be is said at the start."""
    busy = lab.start([sys.executable, "-c", f"import socket,time; s=socket.create_server(('127.0.0.1',{PORT})); print('there', flush=True); time.sleep(60)"])
    net.wait_line(busy, "there")
    s = Sensor(lab, work, "--metrics", f"127.0.0.1:{PORT}")
    s.p.wait(20)
    assert s.p.returncode == 6 and "cannot listen on 127.0.0.1" in s.text(), (s.p.returncode, s.text())
    lab.stop(busy, signal.SIGKILL)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, lab, work, rows, cols, *options, **env):
        self.master, slave = pty.openpty()
        self.resize(rows, cols)
        self.raw = b""
        full = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": str(work), "GRESCOPE_DATA": "", **env}

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.p = subprocess.Popen(lab.command([PROGRAM, "watch", "-i", lab.rx, "--store", str(work / "t.db"), "--asn-db", str(work / "asn.csv"), *options]), stdin=slave, stdout=slave,
                                  stderr=slave, env=full, preexec_fn=own)
        os.close(slave)

    def resize(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def pump(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.raw += os.read(self.master, 65536)
                except OSError:
                    return

    def frame(self):
        """The lines of the last whole page."""
        pages = self.raw.split(b"\x1b[H")
        whole = [p for p in pages if p.rstrip().endswith(b"\x1b[J")]
        return re.sub(r"\x1b\[[0-9;]*[mKJ]", "", whole[-1].decode()).replace("\r", "").split("\n") if whole else []

    def interrupt(self):
        os.killpg(self.p.pid, signal.SIGINT)
        self.pump(3)
        return self.p.wait(20)


def page(lab, work):
    t = Terminal(lab, work, 24, 90)
    t.pump(2.5)
    lab.send([frame(f"203.0.113.{1 + i % 5}") for i in range(300)], pps=200)
    t.pump(2.5)
    f = t.frame()
    assert f and f[0].startswith("grescope watch rx0, "), t.raw[-600:]
    assert any("300 seen, 0 lost" in x for x in f) and any("AS64498" in x for x in f) and any(x.startswith("alerts") for x in f), f
    assert len(f) <= 24 and max(map(len, f)) <= 90, f
    for rows, cols in ((8, 40), (3, 12), (50, 200)):
        t.resize(rows, cols)
        t.pump(1.5)
        f = t.frame()
        assert len(f) <= rows and max(map(len, f)) <= cols, (rows, cols, f)
    assert t.interrupt() == 0
    assert t.raw.count(b"\x1b[?1049h") == 1 and b"\x1b[?25h\x1b[?1049l" in t.raw, t.raw[-300:]
    assert b"\x1b[1m" in t.raw
    t = Terminal(lab, work, 24, 90, NO_COLOR="1")
    t.pump(3)
    assert t.frame() and not re.search(rb"\x1b\[[0-9;]*m", t.raw), t.raw
    assert t.interrupt() == 0
    for options, env in ((["-q"], {}), ([], {"TERM": "dumb"})):
        t = Terminal(lab, work, 24, 90, *options, **env)
        t.pump(3)
        assert b"\x1b" not in t.raw, t.raw
        assert t.interrupt() == 0


def main():
    net.need("curl")
    net.limit(280)
    work = pathlib.Path(tempfile.mkdtemp(prefix="grescope-tells-"))
    work.chmod(0o755)
    try:
        make_data(work)
        with net.Lab() as lab:
            for part in os.environ.get("ONLY", "story,distrusts,refuses,page").split(","):
                began = time.monotonic()
                {"story": story, "distrusts": distrusts, "refuses": refuses, "page": page}[part](lab, work)
                print(f"{part}: {time.monotonic() - began:.1f} s", flush=True)
    except BaseException:
        print("the last sensor said:", Sensor.made[-1].text() if Sensor.made else "nothing", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("watch tells: all is well")


main()
