#!/usr/bin/env bash
# Makes a folder that runs on any x86-64 Linux with glibc 2.36 or newer.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/portable.sh [--no-build] [FOLDER]

Builds Netwright and puts into FOLDER (default: build/portable) what runs without a window on a bare
Linux with glibc 2.36 or newer: bin/netwright-cli, the core and its plugins, and the libraries that
such a system may lack. The folder may be moved and copied to other machines. NVIDIA's driver and
libraries are not part of it; `bin/netwright-cli doctor` says which are found. --no-build takes what
is built already.
TEXT
}

build=yes
folder=
for argument in "$@"; do
  case $argument in
    --no-build) build=no ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) folder=$(realpath -m -- "$argument") ;;
  esac
done

cd "$(dirname "$(realpath "$0")")/.."
. packaging/packages.sh
folder=${folder:-$PWD/build/portable}
most_mib=60

if [ $build = yes ]; then
  install_missing "${build_packages[@]}" "${portable_packages[@]}"
  build release netwright-cli
fi
from=build/release
plugins=lib/netwright/plugins

# Only a folder that this script made is replaced.
if [ -e "$folder" ]; then
  [ -x "$folder/bin/netwright-cli" ] || [ -z "$(ls -A "$folder")" ] ||
    { echo "$folder is there already and holds something else; name another folder" >&2 && exit 1; }
  rm -r "$folder"
fi
mkdir -p "$folder/bin" "$folder/$plugins" "$folder/share/netwright"
cp "$from/bin/netwright-cli" "$folder/bin/"
cp "$from/lib/libnetwright-core.so" "$folder/lib/"
cp "$from/$plugins"/*.so "$folder/$plugins/"
for resources in bench examples; do
  cp -r "resources/$resources" "$folder/share/netwright/"
done

# The libraries of a program, and theirs, but for those of glibc, which every system has.
libraries_of() {
  ldd "$@" | sed -n 's/^\t\(\S*\) => \(\/\S*\) .*/\1 \2/p' | sort -u |
    grep -Ev '^(libc|libm|libdl|librt|libpthread|libresolv|libutil|libanl|libmvec)\.so|^libnetwright-'
}
libraries_of "$folder/bin/netwright-cli" "$from/lib/libnetwright-core.so" "$from/$plugins"/*.so |
  while read -r name path; do
    cp -L "$path" "$folder/lib/$name"
  done

# The program says for all where they find one another: its old-style RPATH holds for libraries that
# have none of their own, too.
chmod -R u+w "$folder"
strip --strip-unneeded "$folder/bin/netwright-cli" "$folder"/lib/*.so* "$folder/$plugins"/*.so
patchelf --remove-rpath "$folder/lib/libnetwright-core.so" "$folder/$plugins"/*.so
patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$folder/bin/netwright-cli"

# What would not run on an older system than promised.
newest=$(objdump -T "$folder/bin/netwright-cli" "$folder"/lib/*.so* "$folder/$plugins"/*.so |
  grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -1)
if [ "$(printf '%s\n' "$newest" 2.36 | sort -V | tail -1)" != 2.36 ]; then
  echo "$folder needs glibc $newest, which is newer than 2.36" >&2
  exit 1
fi

kib=$(du -sk --apparent-size "$folder" | cut -f1)
mib=$(((kib + 1023) / 1024))
echo "$folder: $mib MiB, needs glibc $newest"
[ $mib -le $most_mib ] || { echo "This is more than $most_mib MiB" >&2 && exit 1; }
