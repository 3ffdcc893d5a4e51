#!/usr/bin/env python3
"""Stores where it is tight: a full disk, a quota, a read-only file system, another account's folder. usage: places.py GRESCOPE

Wants the right to mount in a namespace of its own; exit 77 (skipped) where that lacks."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys

from scene import Scene, made_frames, write_pcap

if not os.environ.get("GRESCOPE_PLACES"):
    for how in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        if shutil.which("unshare") and subprocess.run([*how, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode == 0:
            os.environ["GRESCOPE_PLACES"] = " ".join(how)
            os.execvp(how[0], [*how, sys.executable, *sys.argv])
    print("no right to mount a file system: skipped")
    sys.exit(77)

s = Scene("places", sys.argv[1])
MOUNT = s.path("disk")
os.mkdir(MOUNT)
os.chmod(s.tmp, 0o755)
files = [write_pcap(s.path(f"{i:02}.pcap"), made_frames(i, 4000, 86400, 1485573131 + 90000 * i)) for i in range(24)]


def mount(*args):
    subprocess.run(["mount", *args, MOUNT], check=True)


def unmount():
    subprocess.run(["umount", MOUNT], check=True)


def total(db, **kw):
    p = s.exits("total", 0, "report", "--by", "total", "--format", "csv", "--store", db, **kw)
    lines = p.stdout.decode().splitlines()
    return int(dict(zip(lines[0].split(","), lines[1].split(",")))["packets"]) if len(lines) > 1 else 0


def info(db, **kw):
    return json.loads(s.exits("info", 0, "store", "info", "--format", "json", "--store", db, **kw).stdout or "{}")


def ingest(db, wanted, *args):
    """Ingests files one after the other in one run; the packets it acknowledged, file by file."""
    p = s.run("ingest", "--store", db, "--window", "0", *args, *wanted)
    lines = p.stdout.decode().splitlines()
    return p, [int(x.split("packets ")[1].split(",")[0]) for x in lines if not re.match(r"\d+ files: ", x)], lines


def fill():
    """Takes what room is left, to the last octet."""
    try:
        with open(os.path.join(MOUNT, "filler"), "ab", buffering=0) as f:
            while f.write(b"x" * 4096):
                pass
    except OSError:
        pass


def unfill():
    if os.path.exists(os.path.join(MOUNT, "filler")):
        os.unlink(os.path.join(MOUNT, "filler"))


# a full disk
for size in (6, 12):
    mount("-t", "tmpfs", "-o", f"size={size}m,mode=755", "tmpfs")
    db = os.path.join(MOUNT, "store.db")
    left, kept = list(files), 0
    for turn in range(40):
        p, packets, lines = ingest(db, left or files[-1:])
        kept += sum(packets)
        left = left[len(lines):]
        if p.returncode == 0:
            break
        err = p.stderr.decode()
        s.check(f"{size} MiB, turn {turn}: a sentence and 5", p.returncode == 5 and "no room left" in err and "prune" in err and err.count("\n") == 1, (p.returncode, err))
        s.check(f"{size} MiB, turn {turn}: what was acknowledged is there", total(db) == kept, (total(db), kept))
        s.exits(f"{size} MiB, turn {turn}: sound when full", 0, "store", "check", "-q", "--store", db)
        if turn == 0:
            s.check(f"{size} MiB: a ballast was made", info(db)["ballast_bytes"] >= 256 << 10, info(db))
            fill()
            p = s.run("ingest", "--store", db, "--window", "0", *(left or files)[:1])
            s.check(f"{size} MiB: still full", p.returncode == 5 and b"no room left" in p.stderr, p)
            unfill()
        p = s.exits(f"{size} MiB, turn {turn}: prune makes room", 0, "store", "prune", "--max-size", f"{size // 3}M", "--store", db)
        s.check(f"{size} MiB, turn {turn}: room was made", os.statvfs(MOUNT).f_bavail * os.statvfs(MOUNT).f_frsize > size << 18, (p.stdout, os.statvfs(MOUNT)))
        s.check(f"{size} MiB, turn {turn}: sums stay", total(db) == kept, (total(db), kept))
    s.check(f"{size} MiB: everything went in", not left and kept == 4000 * len(files), (len(left), kept))
    s.check(f"{size} MiB: the disk was full on the way", turn > 0, turn)
    s.exits(f"{size} MiB: sound at the end", 0, "store", "check", "-q", "--store", db)
    unmount()

# pruning where the disk is full to the last octet, by others too
mount("-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs")
db = os.path.join(MOUNT, "store.db")
ingest(db, files[:8])
fill()
s.check("not an octet is left", os.statvfs(MOUNT).f_bavail == 0, os.statvfs(MOUNT))
s.check("reports still answer", total(db) == 32000, total(db))
p = s.run("ingest", "--store", db, files[8])
s.check("ingest says that it is full", p.returncode == 5 and b"no room left" in p.stderr, p)
s.exits("prune on a disk without an octet left", 0, "store", "prune", "--max-size", "1M", "--store", db)
s.check("the sums are there", total(db) == 32000, total(db))
s.exits("and the store is sound", 0, "store", "check", "-q", "--store", db)
unmount()

# a quota
db = s.path("quota.db")
p, packets, lines = ingest(db, files, "--quota", "2M")
err = p.stderr.decode()
s.check("quota: a sentence and 5", p.returncode == 5 and "quota" in err, (p.returncode, err))
s.check("quota: the file keeps to it", os.path.getsize(db) <= 2 << 20, os.path.getsize(db))
s.check("quota: what was acknowledged is there", total(db) == sum(packets) > 0, (total(db), packets))
s.check("quota: info tells it", info(db)["quota_bytes"] == 2 << 20 and b"quota      2097152" in s.run("store", "info", "--store", db).stdout, info(db))
s.exits("quota: prune makes room", 0, "store", "prune", "--max-size", "1M", "--store", db)
p, more, _ = ingest(db, files[len(lines):len(lines) + 2], "--quota", "2M")
s.check("quota: and it goes on", p.returncode == 0 and total(db) == sum(packets) + sum(more), (p, packets, more))
s.exits("quota: sound", 0, "store", "check", "-q", "--store", db)

# modes
old = os.umask(0o022)
home = s.path("home")
os.mkdir(home, 0o755)
db = os.path.join(home, "store.db")
ingest(db, files[:2])


def modes():
    return {x: stat.S_IMODE(os.stat(db + x).st_mode) for x in ("", "-wal", "-shm", "-writer", "-ballast")}


s.check("a new store is its owner's alone", set(modes().values()) == {0o600}, modes())
os.chmod(db, 0o644)
ingest(db, files[2:3])
s.check("an opened one stays open, and what lies beside it too", set(modes().values()) == {0o644}, modes())
os.umask(old)

# read-only
truth = s.run("report", "--by", "source", "--format", "csv", "--store", db).stdout
for name in ("as it was left", "with a journal", "with a journal that holds commits", "without the files beside it"):
    shutil.rmtree(s.path("ro"), ignore_errors=True)
    shutil.copytree(home, s.path("ro"))
    at = os.path.join(MOUNT, "store.db")
    there = 12000
    if name.startswith("with a journal"):
        p = s.start("ingest", "--window", "0", "--store", os.path.join(s.path("ro"), "store.db"), *files[3:])
        while p.poll() is None and os.path.getsize(os.path.join(s.path("ro"), "store.db-wal")) <= (4 << 20 if "commits" in name else 0):
            pass
        p.kill()
        p.communicate()
        s.check(f"{name}: it holds something", os.path.getsize(os.path.join(s.path("ro"), "store.db-wal")) > 0)
        shutil.copytree(s.path("ro"), s.path("rw"))
        there = total(os.path.join(s.path("rw"), "store.db"))
        shutil.rmtree(s.path("rw"))
        s.check(f"{name}: it holds as many commits as it should", there > 12000 or "commits" not in name, there)
    if name == "without the files beside it":
        for x in ("-wal", "-shm", "-writer", "-ballast"):
            os.unlink(os.path.join(s.path("ro"), "store.db" + x))
    subprocess.run(["mount", "--bind", s.path("ro"), MOUNT], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", MOUNT], check=True)
    p = s.run("report", "--by", "source", "--format", "csv", "--store", at)
    s.check(f"read-only, {name}: report answers", p.returncode == 0 and (p.stdout == truth or there != 12000), p)
    s.check(f"read-only, {name}: everything that was acknowledged", total(at) == there, (total(at), there))
    s.exits(f"read-only, {name}: check", 0, "store", "check", "-q", "--store", at)
    info(at)
    for verb in (["ingest", files[0]], ["store", "compact"], ["store", "prune", "--older-than", "1d"]):
        s.exits(f"read-only, {name}: {verb}", 6, *verb, "--store", at, says="read-only")
    unmount()

# another account
nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
seen = os.environ["GRESCOPE_PLACES"] == "unshare -m" and shutil.which("setpriv") and subprocess.run([*nobody, s.grescope, "--version"], capture_output=True)
if not seen or seen.returncode != 0:
    print("another account: skipped, the program cannot be run as one here")
else:
    p = s.exits("another account reads an opened store", 0, "report", "--by", "source", "--format", "csv", "--store", db, prefix=nobody)
    s.check("and gets the same answer", p.stdout == truth, p.stdout[:300])
    s.exits("another account checks it", 0, "store", "check", "-q", "--store", db, prefix=nobody)
    for verb in (["ingest", files[0]], ["store", "compact"]):
        p = s.exits(f"another account does not write it: {verb}", 6, *verb, "--store", db, says="store", prefix=nobody)
        s.check("and is told why", b"ermission denied" in p.stderr or b"not written by this account" in p.stderr, p.stderr)
    p = s.start("ingest", "--window", "0", "--store", db, *files[3:], preexec_fn=os.setpgrp)
    asked = 0
    while p.poll() is None:
        q = s.run("report", "--by", "total", "--format", "csv", "--store", db, prefix=nobody)
        s.check("another account reads while the owner writes", q.returncode == 0, q)
        asked += 1
    p.communicate()
    s.check("it was asked meanwhile", asked > 0)
    s.exits("the last reader kept the journal from being emptied, perhaps", 0, "store", "compact", "-q", "--store", db)
    for x in ("-shm", "-wal", "-writer", "-ballast"):
        if os.path.exists(db + x):
            os.unlink(db + x)
    s.exits("another account reads it without the files beside it", 0, "report", "--store", db, prefix=nobody)
    for at_least in (0, 2 << 20):
        p = s.start("ingest", "--window", "5", "--store", db, *files[3:])
        while p.poll() is None and (not os.path.exists(db + "-wal") or os.path.getsize(db + "-wal") <= at_least):
            pass
        p.kill()
        p.communicate()
        s.exits("another account reads what a killed writer left", 0, "report", "--store", db, prefix=nobody)
        s.exits("another account checks what a killed writer left", 0, "store", "check", "-q", "--store", db, prefix=nobody)
    os.chmod(db, 0o600)
    for verb in (["report"], ["store", "check"], ["store", "info"]):
        s.exits(f"another account's store: {verb}", 6, *verb, "--store", db, says="another account", prefix=nobody)
    os.chmod(db, 0o644)
    os.chmod(home, 0o700)
    s.exits("another account's folder", 6, "report", "--store", db, says="ermission denied", prefix=nobody)
    # an administrator works on a user's store: what is made beside it is the user's
    os.chmod(home, 0o755)
    for x in ("", *os.listdir(home)):
        os.chown(os.path.join(home, x), 65534, 65534)
    s.exits("an administrator compacts a user's store", 0, "store", "compact", "--store", db)
    owners = {x: os.stat(os.path.join(home, x)).st_uid for x in os.listdir(home)}
    s.check("everything in it is the user's", set(owners.values()) == {65534}, owners)
    s.exits("and the user goes on with it", 0, "ingest", "-q", "--store", db, "--window", "0", files[23], prefix=nobody)
s.end()
