"""The expectations that stand in the golden descriptions, for the scripts that hold decoders against them.

Expectations are the lines of a description that begin with `#=':

  #= all KEY=VALUE ...            for every row of the file
  #= NUMBER OUTCOME KEY=VALUE ... for the frame with this number
  #= FROM-TO OUTCOME KEY=VALUE ... for each of these frames
  #+ KEY=VALUE ...                goes on with the line before
  #= exit CODE                    what grescope ends with, where it is not 0

OUTCOME: gre (a row), quote (a row from an ICMP error's quote), udp (GRE in UDP), fragment (a later one of protocol 47), none (not GRE), lost.
KEY: src dst ttl len (of the IP header that carries the outermost GRE header; len is IPv4 total length or IPv6 payload length + 40), flags proto key seq
ack (plen and call in version 1), checksum (good, bad, unknown), n (GRE headers), isrc idst iproto ittl (first IP header inside), isport idport,
icmp (type/code inside), qicmp (type/code of the quoting error), ppp (protocol number), time. A key that is not named is expected to be absent; `any' is any value.
For the decoder of this project only: stop class lost fragment routing erspan tunnel.
tshark.KEY=VALUE: what TShark says instead, where it differs; tshark=silent: it shows no GRE header, tshark=shows: it
shows one all the same. grescope.KEY=VALUE and grescope=shows say the same of the decoder of this project: where it falls short."""
import os
import re
import sys

COMPARED = ("src dst ttl len flags proto key seq ack plen call checksum n isrc idst iproto isport idport ittl icmp qicmp ppp time").split()
OURS = {"stop", "class", "lost", "fragment", "routing", "erspan", "tunnel"}
OUTCOMES = {"gre", "quote", "udp", "fragment", "none", "lost"}


def read_expectations(path):
    """{frame number: (outcome, {key: value})} of one description."""
    every, frames, last = {}, {}, None
    for number, line in enumerate(open(path), 1):
        m = re.match(r"#([=+]) (.*)", line)
        if not m:
            continue
        words = m.group(2).split()
        if m.group(1) == "=":
            first = words.pop(0)
            if first == "exit":
                continue
            if first == "all":
                last = every
            else:
                outcome = words.pop(0)
                low, _, high = first.partition("-")
                numbers = range(int(low), int(high or low) + 1)
                if outcome not in OUTCOMES or not numbers or any(n in frames for n in numbers):
                    sys.exit(f"{path}:{number}: expected new frame numbers and an outcome")
                last = {}
                frames |= {n: (outcome, last) for n in numbers}
        for word in words:
            key, _, value = word.partition("=")
            base = key.removeprefix("tshark.").removeprefix("grescope.")
            if not value or (base not in COMPARED and base not in OURS and key not in ("tshark", "grescope")):
                sys.exit(f"{path}:{number}: `{word}' is not KEY=VALUE as expectations.py lists them")
            last[key] = value
    return {n: (o, (every | own) if o in ("gre", "quote", "udp") else own) for n, (o, own) in frames.items()}


def read_exit(path):
    m = re.search(r"^#= exit (\d+)$", open(path).read(), re.M)
    return int(m.group(1)) if m else 0


def read_folder(path):
    """{name: expectations} of all descriptions of a folder."""
    return {n.removesuffix(".txt"): read_expectations(f"{path}/{n}") for n in sorted(os.listdir(path)) if n.endswith(".txt")}
