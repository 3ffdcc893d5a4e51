#!/usr/bin/env python3
"""`meson install`: what is there afterwards, with which rights, and that systemd takes the unit. usage: install.py GRESCOPE SOURCE-ROOT BUILD"""
import os
import re
import shutil
import stat
import subprocess
import sys

from lab import check, end, root, run, tmp

build = sys.argv[3]
dest = os.path.join(tmp, "dest")


def install():
    return subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], env={**os.environ, "DESTDIR": dest}, capture_output=True, timeout=120)


p = install()
check("meson install", p.returncode == 0, p.stderr or p.stdout)
found = {}
for folder, _, names in os.walk(dest):
    for n in names:
        path = os.path.join(folder, n)
        found[os.path.relpath(path, dest)] = path
prefix = next((os.path.dirname(os.path.dirname(f)) for f in found if f.endswith("bin/grescope")), None)
check("the program is there", prefix is not None, sorted(found))
prefix = prefix or "usr"
want = {f"{prefix}/bin/grescope": 0o755, f"{prefix}/lib/systemd/system/grescope.service": 0o644, f"{prefix}/lib/sysusers.d/grescope.conf": 0o644,
        f"{prefix}/lib/tmpfiles.d/grescope.conf": 0o644, "etc/grescope/grescope.conf": 0o644, f"{prefix}/share/doc/grescope/examples/grescope.conf": 0o644}
for man in os.listdir(os.path.join(root, "man")):
    if re.fullmatch(r".*\.[15]", man):
        want[f"{prefix}/share/man/man{man[-1]}/{man}"] = 0o644
for name, mode in want.items():
    check(f"{name} is installed", name in found, sorted(found))
    if name in found:
        got = stat.S_IMODE(os.stat(found[name]).st_mode)
        check(f"mode of {name}", got == mode, oct(got))
check("nothing of tests or tools is", not [f for f in found if re.search(r"test|mkpcap|mkflood|bench|layer_check", f)], sorted(found))

conf = os.path.join(dest, "etc/grescope/grescope.conf")
p = run("config", "check", conf)
check("the installed configuration is sound", p.returncode == 0 and b"is sound" in p.stdout, (p.stdout, p.stderr))
check("it watches every interface, into the state folder",
      {"interface = any", "path = /var/lib/grescope/store.db"} <= set(open(conf).read().splitlines()))
with open(conf, "a") as f:
    f.write("# mine\n")
check("installing again", install().returncode == 0)
check("a configuration that is there is not touched", open(conf).read().endswith("# mine\n"))

unit = open(found.get(f"{prefix}/lib/systemd/system/grescope.service", os.devnull)).read()
start = re.search(r"^ExecStart=(\S+) (.*)$", unit, re.M)
check("the unit starts the installed program", start and start.group(1) == f"/{prefix}/bin/grescope" and start.group(2).startswith("watch "), start)
check("with the installed configuration", start and "--config /etc/grescope/grescope.conf" in start.group(2), start)
if shutil.which("systemd-analyze"):
    here = os.path.join(tmp, "grescope.service")
    with open(here, "w") as f: # the program where it lies now; man pages are not in the search path
        f.write(re.sub(r"^Documentation=.*\n", "", unit, flags=re.M).replace(f"/{prefix}/bin/grescope", found.get(f"{prefix}/bin/grescope", "")))
    p = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, timeout=60)
    said = [x for x in p.stderr.decode().splitlines() if "grescope" in x]
    check("systemd takes the unit", p.returncode == 0 and not said, (p.returncode, said))
    p = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", here], capture_output=True, timeout=60)
    if b"unrecognized option" not in p.stderr:
        level = re.search(r"exposure level for grescope.service: ([\d.]+)", p.stdout.decode())
        check("exposure at most 2.0 of 10", p.returncode == 0 and level and float(level.group(1)) <= 2.0, p.stdout[-200:])
for tool, name, ask in (("systemd-sysusers", "sysusers.d", ["--dry-run"]), ("systemd-tmpfiles", "tmpfiles.d", None)):
    path = found.get(f"{prefix}/lib/{name}/grescope.conf")
    if path and ask and shutil.which(tool):
        p = subprocess.run([tool, *ask, path], capture_output=True, timeout=60)
        check(f"{tool} takes its file", p.returncode == 0, p.stderr)
end()
