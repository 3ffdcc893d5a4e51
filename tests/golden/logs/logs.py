#!/usr/bin/env python3
"""Golden tests of log formats: a log in, one line of text for each of its lines out.

  logs.py check LOG_LINES NAME.log...       exit 1 and a diff where one differs from the NAME.expect beside it
  logs.py renew LOG_LINES NAME.log...       writes the expectations; read the diff before committing it
  logs.py shared LOG_LINES shared.expect    the same for the folders of real lines beside the source; exit 77 where they are not. Lines whose time was
                                            cut off or masked by who published them are read a second time with one: "timed"
  logs.py renew-shared LOG_LINES shared.expect
  logs.py docs LOG_LINES docs/logs.md       the table names every format, in any order, with its mark where no public line of GRE is known"""
import difflib
import glob
import os
import re
import subprocess
import sys
import tempfile

OURS = re.compile(r"cisco-|fortigate|juniper|zeek|gre-asa|gre-mikrotik")


def read(program, log, name):
    p = subprocess.run([program, log], capture_output=True, text=True, timeout=60)
    cut = subprocess.run([program, "--cut", log], capture_output=True, text=True, timeout=300)
    return [f"{name}{line}\n" for line in p.stdout.splitlines() + p.stderr.splitlines()] + (
        [f"{name}exit {p.returncode}\n"] if p.returncode else []) + ([f"{name}cut: {cut.stderr}\n"] if cut.returncode else [])


def compare(got, expect, renew):
    if renew:
        with open(expect, "w") as f:
            f.writelines(got)
        return 0
    want = open(expect).readlines() if os.path.exists(expect) else []
    diff = list(difflib.unified_diff(want, got, expect, "now"))
    sys.stdout.writelines(diff)
    return len(diff)


def with_times(program, log, name, without):
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "timed.log")
        with open(log) as f, open(copy, "w") as g:
            for number, line in enumerate(f, 1):
                if "XXXXXXXXXX.XXXXXX" in line:
                    line = line.replace("XXXXXXXXXX.XXXXXX", "1300475168.853899")
                elif number in without:
                    line = re.sub(r"^(<\d+>)?", r"\1Jan  2 2026 03:04:05 host : ", line)
                g.write(line)
        return [line for line in read(program, copy, name) if int(line[len(name):].split()[0]) in without]


def shared(program, logs):
    got = []
    for log in logs:
        name = os.path.basename(log) + " "
        lines = read(program, log, name)
        without = {int(line.split()[1]) for line in lines if " bad " in line and " time " in line}
        got += lines + with_times(program, log, name + "timed ", without)
    return got


def documented(program, page):
    have = subprocess.run([program, "--formats"], capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    told = [f"{name} {'-' if mark else '+'}" for name, mark in re.findall(r"^\| `([\w-]+)`( †)? \|", open(page).read(), re.M)]
    for line in sorted(set(have) ^ set(told)):
        print(f"{'the program' if line in have else 'the page'} alone has: {line}")
    return set(have) != set(told)


verb, program, *files = sys.argv[1:]
if verb == "docs":
    sys.exit(documented(program, files[0]))
renew = verb.startswith("renew")
if verb.endswith("shared"):
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.environ.get("GRESCOPE_SHARED") or os.path.join(here, "../../../../shared")
    logs = sorted(glob.glob(os.path.join(folder, "logs/*.log"))) + sorted(glob.glob(os.path.join(folder, "seed-data/logs/*.log")))
    if not logs:
        sys.exit(77)
    sys.exit(compare(shared(program, [log for log in logs if OURS.search(log)]), files[0], renew) > 0)
sys.exit(sum(compare(read(program, log, ""), log[:-4] + ".expect", renew) for log in files) > 0)
