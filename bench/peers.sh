#!/bin/sh
# grescope report --by source beside other tools on the same captures, CPU seconds (user + sys), median of three; every count is held
# against the generator's truth. usage: bench/peers.sh [PACKETS]   Builds nothing: run `make` first. Peers that are not installed are left out.
set -eu
cd "$(dirname "$0")/.."
packets=${1:-5000000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

median() { # command in "$@": CPU seconds, median of three
	for i in 1 2 3; do
		/usr/bin/time -f '%U %S' -o "$dir/t" "$@" >"$dir/out" 2>"$dir/err" || true
		awk '{ print $1 + $2 }' "$dir/t" | tail -n 1
	done | sort -n | sed -n 2p
}
row() { printf '| %-8s | %-44s | %7s | %s |\n' "$1" "$2" "$3" "$4"; }

printf '| capture  | command                                      | CPU s   | answer |\n|---|---|---|---|\n'
for kind in small mixed flood spoof; do
	n=$packets
	[ $kind = flood ] && n=$((packets * 2 / 5))
	build/bench/mkflood -o "$dir/f.pcap" $kind "$n" 2>"$dir/truth"
	truth=$(sed 's/.*"gre_packets": *\([0-9]*\).*/\1/' "$dir/truth")
	t=$(median cat "$dir/f.pcap"); row $kind 'cat' "$t" ''
	if command -v tcpdump >/dev/null; then
		t=$(median tcpdump -r "$dir/f.pcap" --count 'proto 47'); row $kind "tcpdump --count 'proto 47'" "$t" "$(awk '{ print $1 }' "$dir/out")"
	fi
	t=$(median build/app/grescope report -q --by total --format csv --no-header "$dir/f.pcap"); got=$(cut -d, -f2 "$dir/out")
	row $kind 'grescope report --by total' "$t" "$got$([ "$got" = "$truth" ] || echo " WRONG, truth $truth")"
	t=$(median build/app/grescope report -q --by source --format csv "$dir/f.pcap")
	got=$(build/app/grescope report -q --by source --format csv "$dir/f.pcap" | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "packets") c = i } NR > 1 { s += $c } END { print s }')
	row $kind 'grescope report --by source' "$t" "$got$([ "$got" = "$truth" ] || echo " WRONG, truth $truth")"
	if [ $kind = mixed ] && command -v nfpcapd >/dev/null; then
		mkdir -p "$dir/nf"
		t=$(median nfpcapd -r "$dir/f.pcap" -w "$dir/nf"); row $kind 'nfpcapd (collecting only)' "$t" 'files GRE under inner addresses'
	fi
	rm -rf "$dir/f.pcap" "$dir/nf"
done
