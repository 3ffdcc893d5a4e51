"""Logs from the command line: real lines get the classes that their story leads one to expect, and hostile files cost neither memory nor silence."""
import glob
import gzip
import os
import resource
import subprocess

from lab import ENV, check, end, grescope, put, rows, run, shared

GOOD = ("Nov 22 2026 10:00:00: %ASA-3-106010: Deny inbound protocol 47 src outside:192.0.2.1 dst inside:198.51.100.1\n"
        "Nov 22 2026 10:00:01: %ASA-3-106010: Deny inbound protocol 47 src outside:192.0.2.2 dst inside:198.51.100.1\n")

SANITIZED = b"__asan_init" in open(grescope, "rb").read()


def balance(p):
    """rows read, not understood, of other protocols: as -v tells"""
    for line in p.stderr.decode(errors="replace").splitlines():
        if line.startswith("rows read "):
            return tuple(int(w.strip(",")) for w in line.split() if w.strip(",").isdigit())
    return None


def export(*args, **kw):
    return run("export", "-v", "--window", "0", "--format", "csv", *args, **kw)


def reads(name, path, want, says=""):
    p = export(path)
    err = p.stderr.decode(errors="replace")
    check(name, balance(p) == want and says in err and len(rows(p)) == want[0], f"{balance(p)}, expected {want}; said {err!r}")
    return p


# ---- real lines ----

def story():
    logs = sorted(glob.glob(os.path.join(shared, "logs/*.log")) + glob.glob(os.path.join(shared, "seed-data/logs/*.log")))
    if not logs:
        print("no folder of real lines: skipped")
        return
    # what their publishers cut off: the time
    timed = []
    for log in logs:
        name = os.path.basename(log)
        text = open(log).read().replace("XXXXXXXXXX.XXXXXX", "1300475168.853899")
        if name in ("gre-asa.log", "cisco-asa.log", "gre-mikrotik.log", "pfsense-filterlog.log", "gre-noise-filterlog.log"):
            text = "".join(line if ": host " in line or line.startswith(("<134>", "May")) else "Jan  2 2026 03:04:05 host " + (
                "filterlog: " if "filterlog" in name else ": ") + line.removeprefix("<166>") for line in text.splitlines(True))
        timed.append(put(name, text))
    p = export(*timed)
    r = rows(p)
    check("all real lines are read", p.returncode == 0 and balance(p)[1] == 0, p.stderr.decode())
    by = {}
    for row in r:
        by.setdefault(row["class"], []).append(row)
    floods = [x for x in by.get("remnant", [])]
    check("564 and 578 with DF are remnants at low confidence",
          sorted(x["ip_len"] for x in floods) == ["564", "564", "564", "578", "578"] and
          {(x["confidence"], x["evidence"]) for x in floods} == {("10", "length")}, floods)
    check("no row of these lengths is anything else", sum(x["ip_len"] in ("564", "578") for x in r) == len(floods))
    check("nothing else has a class that blames", set(by) <= {"remnant", "unknown"}, set(by))
    check("no log line names a bot", all(x["bot"] == "" for x in r))
    pptp = rows(export([t for t in timed if "pptp-netfilter" in t][0]))
    check("the PPTP drops are never a remnant, flood or bot",
          len(pptp) == 48 and {x["class"] for x in pptp} <= {"unknown", "tunnel.pptp"} and not any(x["bot"] for x in pptp), len(pptp))
    check("Zeek's tunnels are read", {x["src_ip"] for x in r if x["timestamp"].startswith("2011-03-18")} >=
          {"72.205.54.70", "10.10.11.2", "172.27.1.66", "16.0.0.200"})
    p = run("report", "--by", "class", "--format", "csv", *timed)
    check("report agrees", {(x["class"], x["packets"]) for x in rows(p)} == {(c, str(len(x))) for c, x in by.items()}, p.stdout.decode())
    bots = run("bots", *timed)
    check("bots finds none", b"seed:" not in bots.stdout and b"pos:" not in bots.stdout, bots.stdout.decode())


def identified():
    """An identification of 0 speaks against a bot, wherever a line tells it."""
    lines = {
        "netfilter": "Nov 22 10:00:00 fw kernel: IN=eth0 OUT= SRC=192.0.2.1 DST=198.51.100.1 LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID={} DF PROTO=47 ",
        "ulogd": '{{"timestamp": "2026-11-22T10:00:00", "oob.family": 2, "ip.protocol": 47, "ip.ttl": 49, "ip.totlen": 564, "ip.id": {}, "ip.fragoff": 16384, '
                 '"src_ip": "192.0.2.1", "dest_ip": "198.51.100.1"}}',
        "filterlog": "Nov 22 10:00:00 fw filterlog[12]: 1,6,,1000000103,ix1,match,block,in,4,0x0,,54,{},0,DF,47,gre,564,192.0.2.1,198.51.100.1,datalength=544",
        "pflog": "2026-11-22 10:00:00.000000 IP (tos 0x0, ttl 54, id {}, offset 0, flags [DF], proto GRE (47), length 564) 192.0.2.1 > 198.51.100.1: GREv0, length 544",
        "mine": "2026-11-22 10:00:00 DENY 192.0.2.1 len=564 id={} DF",
    }
    own = put("id.conf", "[log-format mine]\npattern = ^(?<time>.{19}) DENY (?<src>\\S+) len=(?<len>\\d+) id=(?<id>\\d+) (?<df>DF)?\n")
    for name, line in lines.items():
        path = put(f"id-{name}.log", "".join(line.format(i) + "\n" for i in (0, 1, 65535)))
        p = export("--config", own, path)
        check(f"{name}: identification 0 is no remnant", [x["class"] for x in rows(p)] == ["unknown", "remnant", "remnant"], p.stdout.decode() + p.stderr.decode())
        out = run("logs", "test", "--config", own, path).stdout.decode()
        check(f"{name}: logs test shows it", all(f"  id {i}  DF  {c}" in out for i, c in ((0, "unknown"), (1, "remnant 10"), (65535, "remnant 10"))), out)


# ---- hostile files ----

def piped(parts):
    """Feeds parts through a pipe: the run's output, and the most memory it had, in MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    p = subprocess.Popen([grescope, "export", "-v", "--window", "0", "--format", "csv", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=ENV)
    try:
        for part, times in parts:
            for _ in range(times):
                p.stdin.write(part)
    except BrokenPipeError:
        pass
    out, err = p.communicate(timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return subprocess.CompletedProcess(p.args, p.returncode, out, err), max(before, after) // 1024


def monsters():
    good, n = GOOD.encode(), 1024
    for name, filler in (("of letters", b"A" * (1 << 20)), ("of needles", b"proto=47 srcip=1 logid= " * (1 << 15)),
                         ("of open quotes", b'{"protocol":47,"connection":"' * (1 << 15)), ("of commas", b",47," * (1 << 18))):
        size = n if name == "of letters" else 64
        p, memory = piped([(good, 1), (filler, size), (b"\n" + good, 1)])
        check(f"a line of {size} MiB {name} is one bad row", balance(p) is not None and balance(p)[:2] == (4, 1), p.stderr.decode())
        check(f"a line of {size} MiB {name} costs no memory", memory < (1500 if SANITIZED else 100), memory)
    # just below the limit, each is a line to read, at once
    for name, filler in (("commas", b",47," * 250000), ("quotes", b'",47,' * 200000), ("pairs", b"a=1 " * 250000 + b"proto=47 srcip=1.2.3 logid=1"),
                         ("colons", b'[action:"' + b'a:"b"; ' * 140000 + b'proto:"47"]'), ("braces", b'{"a":' * 200000 + b'"proto":"GRE","event_type"'),
                         ("blanks", b" 47 " * 250000), ("tabs", b"\t47" * 330000), ("bars", b"CEF:0|" + b"|proto=47" * 110000)):
        p, _ = piped([(good, 1), (filler, 1), (b"\n" + good, 1)])
        check(f"a line of a million octets of {name}", balance(p) is not None and balance(p)[0] == 4, p.stderr.decode())


def odd():
    base = rows(export(put("good.log", GOOD)))
    reads("LF", put("lf.log", GOOD), (2, 0, 0))
    p = reads("CR LF", put("crlf.log", GOOD.replace("\n", "\r\n")), (2, 0, 0))
    check("CR LF says the same", rows(p) == base)
    reads("no end of line at the end", put("open.log", GOOD.rstrip("\n")), (2, 0, 0))
    reads("a byte-order mark", put("bom.log", b"\xef\xbb\xbf" + GOOD.encode()), (2, 0, 0))
    reads("NUL inside a line", put("nul.log", GOOD.encode() + b"Nov 22 2026 10:00:02: %ASA-3-106010: Deny in\0bound protocol 47 src a dst b\n"), (2, 1, 0),
          "NUL octet")
    reads("NULs before a line, as a crash leaves them", put("hole.log", GOOD.encode() + b"\0" * 4096 + GOOD.encode()),
          (4, 0, 0))
    tuples = ('"1795341601599,192.0.2.1,10.0.0.6,443,443,6,I,D,NX,0,0,0,0",' * 9 + '"1795341601599,192.0.2.1,10.0.0.6,0,0,47,I,D,NX,0,0,0,0",') * 1500
    reads("a file that is one line, as clouds write them", put("azure.json", '{"records":[{"flowRecords":{"flows":[{"flowGroups":[{"flowTuples":[' + tuples + "]}]}]}}]}"),
          (1500, 0, 0))
    other = '{"__REALTIME_TIMESTAMP":"1795341600000000","_HOSTNAME":"fw","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Connection closed"}\n'
    gre = other.replace("sshd", "kernel").replace("Connection closed", "IN=eth0 OUT= SRC=192.0.2.1 DST=198.51.100.1 LEN=564 TTL=49 ID=7 DF PROTO=47 ")
    for form, before in (("json", ""), ("json-seq", "\x1e"), ("json-sse", "data: ")):
        reads(f"journalctl -o {form}: a long way to the first packet", put(f"journal.{form}", (before + other) * 2000 + before + gre), (1, 0, 0))
    reads("gzip", put("good.log.gz", gzip.compress(GOOD.encode())), (2, 0, 0))
    p = reads("gzip in the middle", put("middle.log", GOOD.encode() + gzip.compress(GOOD.encode() * 50) + b"\n" + GOOD.encode()), (4, 1, 0), "gzip")
    check("gzip in the middle is not a success", p.returncode != 0, p.returncode)
    cut = gzip.compress(GOOD.encode() * 5000)
    p = export(put("cut.log.gz", cut[: len(cut) * 2 // 3]))
    check("gzip that breaks off: what is there, and an error", p.returncode != 0 and 0 < len(rows(p)) < 10000, p.stderr.decode())
    for name, encoding in (("little", "utf-16-le"), ("big", "utf-16-be")):
        data = (b"\xff\xfe" if name == "little" else b"\xfe\xff") + GOOD.encode(encoding)
        p = export(put(f"utf16-{name}.log", data))
        err = p.stderr.decode(errors="replace")
        check(f"UTF-16, {name} endian: read, or said", (p.returncode != 0 and "utf16" in err) or balance(p) == (2, 0, 0), f"exit {p.returncode}: {err!r}")
    p = reads("escapes are not passed on", put("escape.log", GOOD + "Nov 22 2026 10:00:02: %ASA-3-106010: Deny inbound protocol 47 src outside:\x1b[31mred\x07 dst "
                                               "inside:198.51.100.1\n"), (2, 1, 0))
    check("no control character in what is said", not any(c < 32 and c != 10 for c in p.stderr), p.stderr)
    reads("what nobody reads and names 47 is counted", put("other.log", GOOD + "Nov 22 2026 10:00:02 fw thing: drop protocol=47 from here to there\n"), (2, 1, 0), "line 3")


story()
identified()
odd()
monsters()
end()
