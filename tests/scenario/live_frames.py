"""Frames for live tests: those of every capture at hand, and tags on them."""
import glob
import os

import net


def captures(golden, shared):
    """Every capture of Ethernet frames: (name, its frames)."""
    paths = list(golden)
    for folder in ("captures", "captures/flow", "captures-synthetic"):
        paths += sorted(glob.glob(os.path.join(shared, folder, "*.pcap*")) + glob.glob(os.path.join(shared, folder, "*.cap")))
    for path in paths:
        if path.endswith(".tsv"):
            continue
        link, frames = net.read_pcap(path)
        frames = [f for _, f, _ in frames if 14 <= len(f) <= 65535 + 14]
        if link == 1 and frames:
            yield os.path.basename(path), frames


def tagged(f, *tags, tci=5):
    return f[:12] + b"".join(t.to_bytes(2, "big") + tci.to_bytes(2, "big") for t in tags) + f[12:]
