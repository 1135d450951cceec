#!/bin/sh
# Makes the environment of One Blueprint on Debian 12: missing Debian packages, then .venv from uv.lock.
# Usage: scripts/setup.sh [run|test|bench]   (test adds a browser; bench adds the packages it is compared with, ogr2ogr among them)
# Runs again in well under a second when nothing has changed. PYTHON=/path/to/python3 chooses another Python (>= 3.11).
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
stamp=.venv/.made-from

say() { printf '==> %s\n' "$*"; }
fail() {
    printf '!!  %s\n' "$@" >&2
    exit 1
}

# --- Debian packages -------------------------------------------------------------------------------

has_postgis() {
    for control in /usr/share/postgresql/*/extension/postgis.control; do
        [ -e "$control" ] || continue
        version=${control#/usr/share/postgresql/}
        version=${version%%/*}
        [ "$version" -ge 15 ] && [ -x "/usr/lib/postgresql/$version/bin/initdb" ] && return 0
    done
    return 1
}
has_cjk_font() {
    for font in /usr/share/fonts/opentype/noto/NotoSansCJK* /usr/share/fonts/truetype/noto/NotoSansCJK*; do
        [ -e "$font" ] && return 0
    done
    return 1
}
# What WeasyPrint sets a PDF with.
has_pango() {
    for library in /usr/lib/*/libpangoft2-1.0.so.0 /usr/lib/libpangoft2-1.0.so.0 /usr/lib64/libpangoft2-1.0.so.0; do
        [ -e "$library" ] && [ -e "${library%/*}/libharfbuzz-subset.so.0" ] && return 0
    done
    return 1
}
is_usable_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
find_python() {
    for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
        if is_usable_python "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

missing_packages() {
    has_postgis || printf 'postgresql-15 postgresql-15-postgis-3 '
    has_cjk_font || printf 'fonts-noto-cjk '
    has_pango || printf 'libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 '
    if [ -z "$python" ]; then
        printf 'python3 python3-venv '
    elif [ ! -x .venv/bin/python ] && ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        printf 'python3-venv '
    fi
    if [ "$purpose" = test ] && [ ! -x /usr/bin/chromium ]; then
        printf 'chromium '
    fi
    if [ "$purpose" = bench ] && ! command -v ogr2ogr >/dev/null 2>&1; then
        printf 'gdal-bin '
    fi
}

# Runs a command as root: at once as root, by sudo as a user; fails when neither is possible.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null 2>&1; then
        return 1
    elif sudo -n true >/dev/null 2>&1; then
        sudo -n "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        return 1
    fi
}

ask_for() {
    fail "缺少 Debian 软件包，且无法取得管理员权限，请系统管理员执行下面一行后重试：" \
        "Debian packages are missing and neither root nor sudo is available; ask an administrator to run, then try again:" \
        "apt-get install --no-install-recommends $*"
}

install_packages() {
    command -v apt-get >/dev/null 2>&1 ||
        fail "没有 apt-get，请用本系统的方式安装 / no apt-get here, install these by this system's own means: $*"
    as_root true || ask_for "$@"
    say "安装 Debian 软件包 / installing Debian packages: $*"
    # Debian would make and start a cluster of its own with the server package; ours is private, so ask for none
    # while this installation runs (a drop-in that nobody else reads, taken away again below).
    drop_in=/etc/postgresql-common/createcluster.d/one-blueprint.conf
    as_root mkdir -p "${drop_in%/*}"
    as_root sh -c "echo 'create_main_cluster = false' >'$drop_in'"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null ||
        say "软件包目录更新失败，用现有目录继续 / apt-get update failed, going on with the lists that are here"
    installed=0
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -qq \
        --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null || installed=$?
    as_root rm -f "$drop_in"
    [ "$installed" = 0 ] ||
        fail "Debian 软件包安装失败，见上文；可手工执行 / the installation failed, see above; by hand it would be:" \
            "apt-get update && apt-get install --no-install-recommends $*"
}

# --- Python packages -------------------------------------------------------------------------------

# What the environment depends on; the folder is in it because console scripts carry its absolute path.
fingerprint() {
    { cat pyproject.toml uv.lock scripts/setup.sh; pwd; "$python" -V; } | sha256sum | cut -d' ' -f1
}

make_environment() {
    uv_pin=$(sed -n 's/^ *"\(uv==[0-9.]*\)",*$/\1/p' pyproject.toml)
    say "建立 Python 环境 / making the Python environment: .venv ($("$python" -V), $uv_pin)"
    rm -f "$stamp"
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || [ "$(cat .venv/.folder 2>/dev/null)" != "$(pwd)" ]; then
        "$python" -m venv --clear .venv
        pwd >.venv/.folder
    fi
    [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "${uv_pin#uv==}" ] ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "$uv_pin"
    say "按 uv.lock 安装 Python 软件包（首次约一两分钟）/ installing the Python packages of uv.lock (a minute or two the first time)"
    UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --frozen --quiet --compile-bytecode --python .venv/bin/python
    # Once here, not by every command anew where whoever runs it may not write or is told not to.
    .venv/bin/python -m compileall -q approval blueprint coordination service tiles
    # Compiled loops are kept beside their source; the first upload need not wait for them.
    .venv/bin/python -c 'import blueprint.layers.large_reading_child, blueprint.layers.large_cutting_child, blueprint.quality.large_check_child'
    fingerprint >"$stamp"
}

make_bench_environment() {
    [ "$(cat .blueprint/bench-venv/.made-from 2>/dev/null)" = "$(fingerprint)" ] && return 0
    say "建立对比测试环境 / making the environment of the peers to compare with: .blueprint/bench-venv"
    mkdir -p .blueprint
    UV_PROJECT_ENVIRONMENT=.blueprint/bench-venv .venv/bin/uv sync --frozen --quiet --only-group bench \
        --python .venv/bin/python
    fingerprint >.blueprint/bench-venv/.made-from
}

export UV_PYTHON_DOWNLOADS=never
python=$(find_python || true)
missing=$(missing_packages)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # one word per package is meant
    install_packages $missing
    python=$(find_python) || fail "找不到 Python 3.11 或更新版本 / Python 3.11 or newer was not found"
fi
changed=$missing
if [ ! -x .venv/bin/blueprint ] || [ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ]; then
    make_environment
    changed=yes
fi
[ "$purpose" != bench ] || make_bench_environment
[ -z "$changed" ] || say "环境就绪 / ready: .venv/bin/blueprint --help"
