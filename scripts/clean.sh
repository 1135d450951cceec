#!/bin/sh
# Removes what `make setup`, `make demo` and `make test` made in this folder: the private database, .blueprint and .venv.
# Usage: scripts/clean.sh [1]   (1: do not ask)
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" != 1 ]; then
    [ -t 0 ] || { echo "!!  请用 make clean YES=1 确认 / confirm with: make clean YES=1" >&2; exit 1; }
    printf '删除本目录的 .venv 和 .blueprint（含演示数据库）？/ Remove .venv and .blueprint of this folder, databases included? [y/N] '
    read -r answer
    case $answer in y | Y | yes) ;; *) echo "未删除 / nothing removed"; exit 0 ;; esac
fi
# The cluster may keep its files elsewhere (see blueprint/cluster), so it takes itself away.
for home in .blueprint .blueprint/*; do
    [ -e "$home/cluster.lock" ] || continue
    [ -x .venv/bin/blueprint ] || { echo "!!  请先执行 make setup / run make setup first: it stops the database" >&2; exit 1; }
    .venv/bin/python -c 'import sys; from pathlib import Path; from blueprint.cluster import remove; remove(Path(sys.argv[1]))' "$home"
done
rm -rf .blueprint .venv
echo "==> 已清理 / clean"
