#!/bin/sh
# grescope on a kernel log beside `grep -c PROTO=47`, CPU seconds (user + sys), median of three; counts are held against each other.
# usage: bench/logs.sh [BUILD-FOLDER] [LINES]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
lines=${2:-2000000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

median() {
	for i in 1 2 3; do
		/usr/bin/time -f '%U %S' -o "$dir/t" "$@" >"$dir/out" 2>"$dir/err" || true
		awk '{ print $1 + $2 }' "$dir/t" | tail -n 1
	done | sort -n | sed -n 2p
}
row() { printf '| %-18s | %-40s | %6s | %s |\n' "$1" "$2" "$3" "$4"; }

printf '| GRE lines          | command                                  | CPU s  | answer |\n|---|---|---|---|\n'
for every in 20000 100 1; do
	[ $every = 1 ] && n=$((lines / 2)) || n=$lines
	"$build/bench/bench_log" --make "$n" $every >"$dir/log"
	kind="1 in $every of $n"
	t=$(median cat "$dir/log"); row "$kind" cat "$t" "$(stat -c %s "$dir/log") octets"
	t=$(median grep -c PROTO=47 "$dir/log"); truth=$(cat "$dir/out"); row "$kind" 'grep -c PROTO=47' "$t" "$truth"
	t=$(median "$build/bench/bench_log" "$dir/log"); got=$(awk '{ print $2 }' "$dir/out")
	row "$kind" 'reading alone (bench_log)' "$t" "$got$([ "$got" = "$truth" ] || echo " WRONG")"
	t=$(median "$build/app/grescope" report -q --by total --format csv --no-header "$dir/log"); got=$(cut -d, -f2 "$dir/out")
	row "$kind" 'grescope report --by total' "$t" "$got$([ "$got" = "$truth" ] || echo " WRONG")"
done
