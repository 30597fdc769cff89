# Runs inside a new private mount namespace: puts the kernel's file systems, the project and the user's folders into
# the Debian 13 folder, then runs the given command there. Everything mounted here vanishes with the command.
set -euo pipefail
root=$LINESIDE_ROOT
bind() {  # bind FOLDER: the same folder at the same path inside
  [ -d "$1" ] || return 0
  mkdir -p "$root$1"
  mount --rbind "$1" "$root$1"
}
mount --rbind "$root" "$root"
for dir in /dev /proc /sys; do mount --rbind "$dir" "$root$dir"; done
mkdir -p "$root/run" && mount -t tmpfs tmpfs "$root/run"
[ -d /run/netns ] && mkdir -p "$root/run/netns" && mount --rbind /run/netns "$root/run/netns"
for dir in /tmp /srv /mnt "$HOME"; do bind "$dir"; done
case "$LINESIDE_PROJECT/" in
  "$HOME"/*|/tmp/*|/srv/*|/mnt/*) ;;
  *) parent=$(dirname "$LINESIDE_PROJECT")
     if [ "$parent" = / ]; then bind "$LINESIDE_PROJECT"; else bind "$parent"; fi ;;
esac
case "$LINESIDE_CACHE_DIR/" in "$HOME"/*|/tmp/*|/srv/*|/mnt/*) ;; *) bind "$LINESIDE_CACHE_DIR" ;; esac
exec chroot "$root" "$@"
