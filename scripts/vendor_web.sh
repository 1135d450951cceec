#!/bin/sh
# Fetches the third-party files of the map page and of /api/docs again: by npm, at pinned versions, each package
# held against its published SHA-512. Usage: scripts/vendor_web.sh   (needs npm and openssl; not needed to run or test)
set -eu
cd "$(dirname "$0")/.."
target=$PWD/service/web/vendor
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# vendor NAME VERSION SHA512 FILE… : takes files out of an npm package into vendor/NAME/
vendor() {
    name=$1 version=$2 expected=$3
    shift 3
    archive=$(cd "$scratch" && npm pack --silent "$name@$version")
    actual=$(openssl dgst -sha512 -binary "$scratch/$archive" | openssl base64 -A)
    if [ "$actual" != "$expected" ]; then
        echo "!!  $name@$version is not the package that was reviewed: sha512-$actual" >&2
        exit 1
    fi
    tar -xzf "$scratch/$archive" -C "$scratch"
    rm -rf "${target:?}/$name"
    mkdir -p "$target/$name"
    for file in "$@"; do
        cp "$scratch/package/$file" "$target/$name/$(basename "$file")"
    done
    echo "$version" >"$target/$name/VERSION"
    rm -rf "$scratch/package"
}

vendor maplibre-gl 6.17.0 \
    "2chIZwpLGenoUQOcnm9Pk4SLbA8ppNFq8jlpXiq9vcYm3Y1wJ3fc82FL0GLwBaPYJCLzPv/mC46KEupVov75rQ==" \
    dist/maplibre-gl.mjs dist/maplibre-gl-worker.mjs dist/maplibre-gl.css LICENSE.txt
vendor swagger-ui-dist 5.35.0 \
    "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==" \
    swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE
# What a browser would ask a developer's machine for is not shipped.
sed -i '/^\/[/*]# sourceMappingURL=/d' "$target"/*/*.js "$target"/*/*.mjs "$target"/*/*.css
du -sh "$target"
