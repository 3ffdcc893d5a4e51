#!/usr/bin/env python3
"""Logs from the command line: `logs test`, `logs formats`, --tz, --year, and what report and ingest say of them. usage: logs.py GRESCOPE SOURCE-ROOT"""
import csv
import gzip
import io
import os
import subprocess
import sys
import tempfile

grescope, root = sys.argv[1:3]
shared = os.environ.get("GRESCOPE_SHARED") or os.path.join(root, "..", "shared")
tmp = tempfile.mkdtemp(prefix="grescope-logs-")
ENV = {"PATH": os.environ["PATH"], "HOME": tmp, "GRESCOPE_DATA": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "Asia/Taipei",
       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "")}
failed = done = 0


def run(*args, stdin=None):
    return subprocess.run([grescope, *args], capture_output=True, env=ENV, timeout=120, input=stdin)


def check(name, ok, detail=""):
    global failed, done
    done += 1
    if not ok:
        failed += 1
        print(f"FAILED {name}: {detail}")


def put(name, text, mtime=None):
    path = os.path.join(tmp, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def rows(*args, **kw):
    p = run("export", "-q", "--window", "0", "--format", "csv", *args, **kw)
    return list(csv.DictReader(io.StringIO(p.stdout.decode()))), p


def line(when, source=1, rest="LEN=564 TOS=0x00 PREC=0x00 TTL=49 ID=5 DF PROTO=47"):
    return f"{when} fw kernel: [ 12.5] IN=eth0 OUT= SRC=192.0.2.{source} DST=198.51.100.1 {rest} \n"


# years and zones: the environment's zone is never one
january = 1483441200  # 2017-01-03T11:00:00Z
log = put("newyear.log", line("Dec 31 23:59:59") + line("Jan  1 00:00:01", 2) + line("Jan  1 00:00:00", 3), january)
got, p = rows(log)
check("across New Year", [r["timestamp"][:19] for r in got] == ["2016-12-31T23:59:59", "2017-01-01T00:00:01", "2017-01-01T00:00:00"], got)
check("what a line says", all((r["ip_len"], r["ttl"], r["fidelity"], r["class"], r["confidence"]) == ("564", "49", "log", "remnant", "10") for r in got), got)
got, p = rows("--tz", "Asia/Taipei", log)
check("--tz NAME", got[0]["timestamp"][:19] == "2016-12-31T15:59:59", (got, p.stderr))
got, p = rows("--tz", "-05:30", log)
check("--tz OFFSET", got[0]["timestamp"][:19] == "2017-01-01T05:29:59", (got, p.stderr))
got, p = rows("--year", "2010", log)
check("--year", [r["timestamp"][:4] for r in got] == ["2010", "2011", "2011"], got)
got, p = rows("-", stdin=open(log, "rb").read())
check("a pipe", len(got) == 3 and got[0]["timestamp"][5:19] == "12-31T23:59:59", (got, p.stderr))
got, p = rows(put("leap.log", line("Feb 29 12:00:00"), january))
check("a leap day", got and got[0]["timestamp"][:10] == "2016-02-29", got)
for args, says in ((("--tz", "Mars/X"), "Mars/X: cannot be opened"), (("--tz", "../../etc/passwd"), "expected a zone such as"), (("--year", "17"), "expected a year")):
    p = run("report", *args, log)
    check(f"refused: {args}", p.returncode == 2 and says in p.stderr.decode(), p)

# trouble is counted and told once
text = line("Jan  1 00:00:01") + line("Jan  1 00:00:02", "x") + "[ 12.5] IN=eth0 OUT= SRC=192.0.2.3 DST=198.51.100.1 PROTO=47 \n" + "Jan  1 00:00:03 fw sshd[1]: hello\n"
log = put("bad.log", text, january)
p = run("report", "--by", "source", "-v", log)
check("bad lines", p.returncode == 4 and "rows read 1, not understood 2," in p.stderr.decode() and "line 2: netfilter: source `192.0.2.x`" in p.stderr.decode(), p)
p = run("logs", "test", log)
out = p.stdout.decode()
check("logs test", p.returncode == 0 and out.count("\n") == 6 and "4 lines: 1 with GRE, 2 not understood, 0 of other protocols, 0 headings, 1 of no format" in out, out)
check("logs test: a row", "2017-01-01T00:00:01.000Z  192.0.2.1 > 198.51.100.1  length 564  ttl 49  id 5  DF  remnant 10" in out, out)
check("logs test -v", "hello" in run("logs", "test", "-v", log).stdout.decode() and "hello" not in out)
crash = put("crash.log", b"\0" * 9 + line("Jan  1 00:00:01").encode() + line("Jan  1 00:00:02", "2\0").encode() + b"Jan  1 00:00:03 \0 fw sshd[1]: hello\n"
            b"Jan  1 00:00:04 fw1 : %ASA-6-106015: Deny TCP (no connection) from 192.0.2.1/47 to 198.51.100.1/80 flags RST on interface outside\n", january)
p, q = run("logs", "test", crash), run("report", "-v", crash)
check("logs test says what a report would", "4 lines: 1 with GRE, 1 not understood, 0 of other protocols, 0 headings, 2 of no format" in p.stdout.decode() and
      "holds a NUL octet" in p.stdout.decode() and "rows read 1, not understood 1," in q.stderr.decode(), (p, q))
packed = put("bad.log.gz", gzip.compress(text.encode()), january)
check("gzip", run("logs", "test", packed).stdout.decode().replace(".gz", "") == out)
p = run("logs", "test", put("hostile.log", line("Jan  1 00:00:01") + "Jan  1 00:00:02 fw x: \x1b]0;x\x07 proto=47\n"))
check("nothing for the terminal to obey", b"\x1b" not in p.stdout and b"\x07" not in p.stdout and b"not understood" in p.stdout, p)
for args, code, says in ((("logs",), 2, "expected `logs test FILE"), (("logs", "test"), 2, "expected `logs test"), (("logs", "test", tmp + "/none"), 4, "No such file"),
                         (("logs", "test", put("a.csv", "Source IP,_time,count,Protocol\n192.0.2.1,2017-01-01,1,47\n")), 4, "is no log but badpackets"),
                         (("report", put("utf16.log", line("Jan  1 00:00:01").encode("utf-16"))), 4, "UTF-16")):
    p = run(*args)
    check(f"{args[:2]}", p.returncode == code and says in p.stderr.decode(), p)
out = run("logs", "formats").stdout.decode()
check("logs formats", all(f"\n{name} " in out for name in ("badpackets", "netfilter", "filterlog", "cisco-asa", "aws-vpc", "zeek", "unknown")), out)

# a format of one's own
conf = put("own.conf", "[log-format mine]\npattern = ^(?<time>\\S+ \\S+) DENY (?<proto>\\S+) (?<src>\\S+)>(?<dst>\\S+) len=(?<len>\\d+)\ntime = %d.%m.%Y %T\n")
own = put("own.log", "03.06.2016 12:57:34 DENY gre 192.0.2.1>198.51.100.1 len=564\n03.06.2016 12:57:35 DENY tcp 192.0.2.2>198.51.100.1 len=60\n")
got, p = rows("--config", conf, own)
check("a format of one's own", [(r["timestamp"][:19], r["src_ip"], r["ip_len"]) for r in got] == [("2016-06-03T12:57:34", "192.0.2.1", "564")], (got, p.stderr))
check("is no log without it", run("report", own).returncode == 4)
p = run("logs", "test", "--config", put("wrong.conf", "[log-format x]\npattern = (?<src>\n"), own)
check("a wrong pattern", p.returncode == 3 and "log format x: pattern, at character" in p.stderr.decode(), p)

# several formats in one file; with captures in one folder; the store has them once
mixed = put("mixed.log", line("Jan  1 00:00:01") + "Jan  1 00:00:02 fw filterlog[1]: 4,,,1,igb0,match,block,in,4,0x0,,241,1,0,none,47,gre,52,192.0.2.2,198.51.100.1,datalength=32\r\n"
            "2017-01-02 03:04:05 -05:00\t12345\t3\t192.0.2.3\t???\t198.51.100.1\t???\t47\t\n", january)
got, p = rows(mixed)
check("mixed", [(r["src_ip"], r["packets"]) for r in got] == [("192.0.2.1", "1"), ("192.0.2.2", "1"), ("192.0.2.3", "3")], (got, p.stderr))
store = os.path.join(tmp, "s.db")
for want in (b"sightings 3", b"known, nothing added"):
    p = run("ingest", "--store", store, mixed)
    check("ingest", p.returncode == 0 and want in p.stdout + p.stderr, p)
p = run("report", "--store", store, "--by", "total", "--format", "csv", "--no-header")
check("from the store", p.stdout.decode().split(",")[1] == "5", p)

# all real lines: what the readme of the data leads one to expect
logs = [os.path.join(shared, d, f) for d in ("logs", "seed-data/logs") if os.path.isdir(os.path.join(shared, d)) for f in sorted(os.listdir(os.path.join(shared, d))) if f.endswith(".log")]
if logs:
    got, p = rows(*logs)
    remnants = [r for r in got if r["class"] == "remnant"]
    check("the noise is remnant at low confidence", len(remnants) == 3 and all(r["ip_len"] in ("564", "578") and int(r["confidence"]) <= 30 for r in remnants), remnants)
    check("PPTP is nobody's bot", all(r["class"] == "unknown" for r in got if r["src_ip"].startswith("198.51.100.")), got)
    check("every line that has a time", len(got) == 59, len(got))
else:
    print("real lines: not there")

print(f"{done - failed} of {done}")
sys.exit(failed > 0)
