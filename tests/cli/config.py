#!/usr/bin/env python3
"""config check and show: exit codes, every trouble on a line, what is shown is read again, the manual names every key. usage: config.py GRESCOPE SOURCE-ROOT"""
import os
import pwd
import re

from lab import T, check, end, exits, frame, pcap, put, root, run, tmp

# show: complete, and sound again
shown = run("config", "show", "--defaults").stdout.decode()
keys = re.findall(r"^#([a-z_]+) = ", shown, re.M)
check("show has every key, commented out", len(keys) >= 30 and "snaplen" in keys and not re.search(r"^[a-z_]+ = ", shown, re.M), keys)
p = put("defaults.conf", shown)
exits("the defaults are sound", 0, "config", "check", p)
check("and are shown the same", run("config", "show", "--config", p).stdout.decode() == shown)
live = re.sub(r"^#([a-z_]+ = )", r"\1", shown, flags=re.M)
live = "\n".join(x for x in live.splitlines() if not re.match(r"webhook_url|pattern|time", x)) + "\n"
p = put("live.conf", live)
exits("every default and sample is a value that fits", 0, "config", "check", p)
again = run("config", "show", "--config", p).stdout.decode()
check("given values are shown", {"snaplen = 256", "flood = 1000", "interface = eth0", "known_bad = 203.0.113.0/24"} <= set(again.splitlines()), again)
q = put("again.conf", again)
check("and are shown the same again", run("config", "show", "--config", q).stdout.decode() == again)
example = run("config", "show", "--example").stdout.decode()
check("the example", {"interface = any", "path = /var/lib/grescope/store.db", "#snaplen = 256"} <= set(example.splitlines()), example)

# check: all troubles, on stderr, exit 3
bad = put("bad.conf", "[capture]\ninterfaec = eth0\nsnaplen = 7\nsnaplen = 8\n[sotre]\npath = /x\n")
p = exits("troubles", 3, "config", "check", bad)
lines = p.stderr.decode().splitlines()
check("each trouble is a line with its place", [re.sub(r".*bad.conf:(\d+): .*", r"\1", x) for x in lines] == ["2", "3", "4", "5"], lines)
check("nothing on stdout", p.stdout == b"", p.stdout)
check("with the nearest name", "`interface` is near" in lines[0] and "[store] is near" in lines[3], lines)
p = exits("show of a bad one", 3, "config", "show", "--config", bad, says="bad.conf:2")
exits("no such file", 3, "config", "check", os.path.join(tmp, "none.conf"), says="No such file or directory")
exits("a folder", 3, "config", "check", tmp, says="is no regular file")
big = put("big.conf", b"# " + b"x" * 100 + b"\n" + b"#\n" * (1 << 19))
exits("too large", 3, "config", "check", big, says="more than 1048576 octets")
exits("no action", 2, "config", says="config wants check")
exits("an action that is none", 2, "config", "chekc", says="config wants check")
exits("two views", 2, "config", "show", "--defaults", "--example", says="--defaults or --example")
exits("two files", 2, "config", "check", "a", "b", says="config wants check")

# the world as it is: warnings, exit 0
odd = put("odd.conf", f"[sensor]\nuser = nobody-of-this-name\n[capture]\ninterface = lo nosuch0\n[store]\npath = {tmp}/none/store.db\n[evidence]\nfolder = {tmp}/odd.conf\n"
          f"[data]\nnetworks = {tmp}/none.csv\n[alerts]\ncommand = {tmp}/tell x\n[metrics]\nlisten = 0.0.0.0:9747\n[logs]\nfollow = {tmp}/none.log\n")
p = exits("warnings are no error", 0, "config", "check", odd, says="there is no interface nosuch0 now")
err = p.stderr.decode()
for words in (f"{tmp}/none, the folder of the store: No such file", "the folder of evidence, is none", f"{tmp}/none.csv: No such file", "the command for alerts: No such file",
              "metrics on 0.0.0.0:9747", "a log to follow: No such file"):
    check(f"warns: {words}", words in err, err)
if os.geteuid() == 0:
    check("warns of the account", "there is no account nobody-of-this-name" in err, err)
check("an interface that is there is not named", "interface lo" not in err, err)
check("it counts them", re.search(rb"is sound; [78] warnings", p.stdout), p.stdout)
check("quiet says nothing on stdout", run("config", "check", "-q", odd).stdout == b"")

# doctor looks at it too
user = "" if os.geteuid() else f"[sensor]\nuser = {pwd.getpwuid(1).pw_name}\n"
os.makedirs(os.path.join(tmp, "evidence"), mode=0o700)
if not os.geteuid():
    os.chown(os.path.join(tmp, "evidence"), 1, 1)
    os.chmod(tmp, 0o777)
for i in range(3):
    put(f"evidence/grescope-sensor-2026010{i + 1}T000000Z-1.pcap.zst", b"x" * (1 << 20))
exits("a store for doctor", 0, "ingest", "--store", os.path.join(tmp, "s.db"), put("one.pcap", pcap([(T, frame((192, 0, 2, 1)))])))
sound = put("sound.conf", f"{user}[capture]\ninterface = lo\n[store]\npath = {tmp}/s.db\n[evidence]\nfolder = {tmp}/evidence\n")
if not os.geteuid():
    os.chown(os.path.join(tmp, "s.db"), 1, 1)
p = run("doctor", "--config", sound)
out = p.stdout.decode()
check("doctor finds the store that the configuration names", f"{tmp}/s.db is sound" in out, out)
check("and the configuration sound", f"{sound} is sound, and what it names is there" in out, (out, p.stderr))
check("and how much evidence there is", "packets since 2026-01-01: 3 files, 3 MiB of at most 1024 MiB" in out, out)
p = run("doctor", "--config", bad)
check("doctor tells what is wrong with one", p.returncode == 5 and b"bad   config    " + bad.encode() + b":2: [capture] has no key" in p.stdout, p.stdout)
p = run("doctor", "--config", odd)
check("and what it names and is not there", b"look  config    there is no interface nosuch0 now" in p.stdout, p.stdout)

# the manual names every key and section
page = os.path.join(root, "man", "grescope.conf.5")
text = open(page).read() if os.path.exists(page) else ""
for section in re.findall(r"^\[([a-z]+)\]", shown, re.M):
    check(f"grescope.conf(5) has [{section}]", re.search(rf"^\.Ss \[{section}\]", text, re.M))
for key in keys:
    check(f"grescope.conf(5) has {key}", re.search(rf"^\.It Cm {key}\b", text, re.M))
named = set(re.findall(r"^\.It Cm (\w+)", text, re.M))
check("and no other", named == set(keys) | {"pattern", "time"}, named ^ (set(keys) | {"pattern", "time"}))
end()
