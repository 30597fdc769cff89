# Where ./dev runs: on Debian 13 directly, elsewhere inside a Debian 13 folder in a private mount namespace.
# Sourced by ./dev; uses $project.

cache=${LINESIDE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lineside}
root=$cache/debian13
packages_file=$project/tools/dev/packages.txt
need_gb=7

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { echo "dev: $*" >&2; exit 3; }

package_names() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$packages_file"; }
packages_digest() { package_names | sha256sum | cut -c1-16; }

on_debian_13() { (. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 13 ]); }

# Prints the packages of the list that this system has not installed.
packages_missing() {
  local have
  have=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p' | sort -u)
  comm -23 <(package_names | sort -u) <(printf '%s\n' "$have")
}

# Replaces this process by the same command where the tools are.
dev_enter() {
  if on_debian_13; then
    local missing
    missing=$(packages_missing)
    if [ -z "$missing" ]; then
      exec env LINESIDE_INSIDE=1 "$project/dev" "$@"
    fi
    if [ "$(id -u)" = 0 ]; then
      say "Installing $(wc -w <<<"$missing") Debian packages that the build needs"
      apt-get update -q >&2 || die "apt-get update failed: is the network there?"
      # shellcheck disable=SC2086
      DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2 ||
        die "apt-get could not install the packages above; its message says why."
      exec env LINESIDE_INSIDE=1 "$project/dev" "$@"
    fi
  fi
  exec 9>&2
  make_root
  enter_root "$@"
}

namespaces_work() { "${private_mounts[@]}" true 2>/dev/null; }

# What turns an ordinary user into root of its own user namespace (nothing for root), without and with private mounts.
as_root_of_namespace=()
private_mounts=(unshare --mount --propagation private)

check_namespaces() {
  command -v unshare >/dev/null || die "this system has no 'unshare' (package util-linux); it is needed to work inside a Debian 13 folder."
  if [ "$(id -u)" != 0 ]; then
    as_root_of_namespace=(unshare --user --map-auto --map-root-user)
    private_mounts=(unshare --user --map-auto --map-root-user --mount --propagation private)
    namespaces_work || die "an ordinary user needs user namespaces with a range of ids here: install 'uidmap', have a line for $(id -un) in /etc/subuid and /etc/subgid, and allow user namespaces; or run ./dev as root."
  else
    namespaces_work || die "this system does not allow mount namespaces (a container without CAP_SYS_ADMIN?); run ./dev on Debian 13, or where 'unshare --mount true' works."
  fi
}

# mmdebstrap of this system, or one unpacked into the cache without installing anything.
find_mmdebstrap() {
  if command -v mmdebstrap >/dev/null; then mmdebstrap_path=$(command -v mmdebstrap); return; fi
  mmdebstrap_path=$cache/mmdebstrap/usr/bin/mmdebstrap
  [ -x "$mmdebstrap_path" ] && return
  command -v apt-get >/dev/null || die "this is not a Debian-like system: run ./dev on Debian 12 or 13, or install 'mmdebstrap' first."
  say "Fetching mmdebstrap, which makes the Debian 13 folder"
  local dir
  dir=$(mktemp -d)
  (cd "$dir" && { apt-get download -q mmdebstrap || { [ "$(id -u)" = 0 ] && apt-get update -q && apt-get download -q mmdebstrap; }; }) >&2 ||
    die "could not fetch the package 'mmdebstrap': is the network there, and has 'apt-get update' been run?"
  mkdir -p "$cache/mmdebstrap"
  dpkg-deb -x "$dir"/mmdebstrap_*.deb "$cache/mmdebstrap"
  rm -rf "$dir"
}

# The Debian mirror this system uses, so that a plant's own mirror serves here too.
host_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE -e 's/^URIs: *(https?:[^ ]*\/debian\/?)( .*)?$/\1/p' -e 's/^deb +(\[[^]]*\] +)?(https?:[^ ]*\/debian\/?) .*$/\2/p' | head -n 1
}

free_gb() { df -Pk "$1" | awk 'NR==2 {print int($4/1048576)}'; }

make_root() {
  check_namespaces
  mkdir -p "$cache" || die "cannot write to $cache (set LINESIDE_CACHE to a folder with $need_gb GB free)."
  exec 8>"$cache/lock"
  if ! flock -n 8; then
    say "Another ./dev is preparing $root; waiting for it"
    flock 8
  fi
  local stamp=$root/.lineside-packages digest
  digest=$(packages_digest)
  # One line for each list that was installed: checkouts with different lists share the folder.
  if ! grep -qsx "$digest" "$stamp"; then
    [ "$(free_gb "$cache")" -ge "$need_gb" ] || [ -d "$root" ] ||
      die "$cache has only $(free_gb "$cache") GB free and $need_gb GB are needed; set LINESIDE_CACHE to a folder with room."
    [ -d "$root" ] || make_base_root
    install_packages
    printf '%s\n' "$digest" | in_namespace_append "$stamp"
  fi
  flock -u 8
  exec 8>&-
}

in_namespace_append() { "${as_root_of_namespace[@]}" tee -a "$1" >/dev/null; }

make_base_root() {
  find_mmdebstrap
  say "Making a Debian 13 folder in $root (once, about half a minute)"
  "${as_root_of_namespace[@]}" rm -rf "$root.partial"
  local mirror
  mirror=$(host_mirror || true)
  local proxy_options=()
  while read -r line; do [ -n "$line" ] && proxy_options+=("--aptopt=$line"); done < <(apt-config dump 2>/dev/null | grep -iE '^Acquire::(http|https)::Proxy ' || true)
  local sources=()  # none: mmdebstrap's own default mirror
  if [ -n "$mirror" ]; then sources=("deb $mirror trixie main" "deb $mirror trixie-updates main"); fi
  local log=$cache/root.log
  TMPDIR=/tmp "${private_mounts[@]}" "$mmdebstrap_path" --mode=root --variant=apt --include=ca-certificates \
    "${proxy_options[@]}" trixie "$root.partial" "${sources[@]}" >"$log" 2>&1 </dev/null || { tail -n 5 "$log" >&2; die "making the Debian 13 folder failed (the whole log: $log); is the network there?"; }
  mv "$root.partial" "$root"
}

install_packages() {
  say "Installing $(package_names | wc -l) packages and what they need into it (about 2 minutes); log: $cache/packages.log"
  carry_in
  local log=$cache/packages.log
  # shellcheck disable=SC2016
  in_root /bin/sh -c 'set -e
    update-ca-certificates >/dev/null 2>&1 || true
    export DEBIAN_FRONTEND=noninteractive
    printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
    dpkg --configure -a
    apt-get update
    apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io "$@"
    apt-get clean' sh $(package_names) >"$log" 2>&1 9>&- 8>&- &
  local pid=$!
  while kill -0 $pid 2>/dev/null; do
    sleep 2
    [ -t 9 ] && printf '\r    %s packages set up ' "$(grep -c '^Setting up' "$log" || true)" >&9
  done
  [ -t 9 ] && printf '\r\033[K' >&9
  wait $pid || { tail -n 8 "$log" >&2; die "installing the packages failed (the whole log: $log); run ./dev again to go on from here."; }
}

# The host's name service and extra certificates, for apt and npm inside.
carry_in() {
  "${as_root_of_namespace[@]}" /bin/sh -c '
    mkdir -p "$1/usr/local/share/ca-certificates"
    cp -f /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null
    cp -fL /etc/resolv.conf "$1/etc/resolv.conf" 2>/dev/null
    cp -fL /etc/hosts "$1/etc/hosts" 2>/dev/null; :' sh "$root"
}

# Runs a command with the Debian 13 folder as its root, in a mount namespace of its own.
in_root() {
  LINESIDE_ROOT=$root LINESIDE_PROJECT=$project LINESIDE_CACHE_DIR=$cache "${private_mounts[@]}" /bin/bash "$project/tools/dev/mounts.sh" "$@"
}

enter_root() {
  carry_in
  local registry=${NPM_CONFIG_REGISTRY:-}
  if [ -z "$registry" ] && command -v npm >/dev/null; then registry=$(cd / && npm config get registry 2>/dev/null || true); fi
  local keep=()
  local name
  for name in CI TERM LANG http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SOURCE_DATE_EPOCH \
    $(compgen -v | grep '^LINESIDE_' || true); do
    [ -n "${!name:-}" ] && keep+=("$name=${!name}")
  done
  [ -n "$registry" ] && keep+=("NPM_CONFIG_REGISTRY=$registry")
  exec env LINESIDE_ROOT="$root" LINESIDE_PROJECT="$project" LINESIDE_CACHE_DIR="$cache" "${private_mounts[@]}" \
    /bin/bash "$project/tools/dev/mounts.sh" /usr/bin/env -i "${keep[@]}" HOME="$HOME" USER="$(id -un)" LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    LINESIDE_INSIDE=1 LINESIDE_CACHE="$cache" "$project/dev" "$@"
}

dev_clean() {
  rm -rf "$project/build" "$project/web/node_modules" "$project/web/dist"
  say "Removed build/ and the page's packages"
  if [ "${1:-}" = --all ]; then
    check_namespaces
    "${as_root_of_namespace[@]}" rm -rf --one-file-system "$root" "$root.partial" "$cache/ccache" "$cache/mmdebstrap"
    say "Removed $root and the compiler cache"
  fi
}
