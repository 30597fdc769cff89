# The commands of ./dev, run where the tools are (on Debian 13 or inside the Debian 13 folder).
export CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
export CCACHE_DIR=${LINESIDE_CCACHE:-$cache/ccache} CCACHE_MAXSIZE=5G CCACHE_BASEDIR=$project CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
jobs=${LINESIDE_JOBS:-$(nproc)}  # before OMP_NUM_THREADS, which nproc obeys
export OMP_NUM_THREADS=1

configure() {  # configure PRESET
  mkdir -p build
  [ -f "build/$1/build.ninja" ] || { say "Configuring build/$1"; cmake --preset "$1" >"build/configure-$1.log" 2>&1 || { cat "build/configure-$1.log" >&2; exit 1; }; }
}

compile() {  # compile PRESET TARGET...
  local preset=$1; shift
  configure "$preset"
  cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"}
}

dev_build() { compile release "${@:-programs}"; }

# To where the user stands, so that relative paths mean what they say there.
go_back() {
  if ! cd "$LINESIDE_PWD" 2>/dev/null && [ $# = 0 ]; then
    die "$LINESIDE_PWD can't be seen inside the Debian 13 folder; go below the home folder, /tmp, /srv, /mnt or beside the project."
  fi
  unset LINESIDE_PWD
}

dev_shell() {
  go_back quietly
  if [ $# -gt 0 ]; then exec "$@"; fi
  exec /bin/bash
}

dev_format() { git ls-files -co --exclude-standard '*.cc' '*.h' | xargs -r clang-format-19 -i; }

dev_run() {
  local program=${1:?"usage: ./dev run PROGRAM [ARGS]"}; shift
  [ -x "build/release/bin/$program" ] || compile release "$program" >&2
  go_back
  exec "$project/build/release/bin/$program" "$@"
}

dev_demo() { compile release programs >&2; exec python3 tools/demo/demo.py "$@"; }
dev_bench() { compile release bench >&2; exec python3 bench/run.py "$@"; }

dev_package() {
  [ $# = 0 ] || { echo "usage: ./dev package" >&2; exit 2; }
  local packages=$project/build/packages log=$project/build/package.log
  compile release package_files >&2
  rm -rf "$packages"
  say "Packing; log: $log"
  (cd build/release && cpack -G DEB -B "$packages") >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
  rm -rf "$packages/_CPack_Packages"
  python3 -B tools/package/check_packages.py build/packages
}

test_usage() { echo "usage: ./dev test [--long] [--sanitize address,undefined|thread] [--only REGEX]" >&2; exit 2; }

dev_test() {
  local preset=release only='' sanitize=''
  while [ $# -gt 0 ]; do
    case "$1" in
      --long) export LINESIDE_LONG=1; shift ;;
      --sanitize) sanitize=${2:-}; [ $# -ge 2 ] || test_usage; shift 2 ;;
      --only) only=${2:-}; [ $# -ge 2 ] || test_usage; shift 2 ;;
      *) test_usage ;;
    esac
  done
  case "$sanitize" in
    '') ;;
    address,undefined) preset=sanitize-address ;;
    thread) preset=sanitize-thread ;;
    *) test_usage ;;
  esac
  build_tests "$preset" && run_tests "$preset" "$only"
}

# On a terminal every step shows; with CI=true only what went wrong.
build_tests() {
  say "Building everything into build/$1"
  configure "$1"
  if [ "${CI:-}" = true ]; then
    cmake --build "build/$1" -j "$jobs" -- --quiet
  else
    cmake --build "build/$1" -j "$jobs"
  fi
}

run_tests() {
  local build=$project/build/$1 only=$2 options=(--test-dir "$project/build/$1" -j "$jobs")
  [ -n "$only" ] && options+=(-R "$only")
  if [ "${CI:-}" = true ]; then options+=(--quiet); fi
  local suppressions=$project/tools/dev/sanitizers
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:suppressions=$suppressions/address.txt
  export LSAN_OPTIONS=suppressions=$suppressions/leak.txt:print_suppressions=0
  export UBSAN_OPTIONS=print_stacktrace=1
  export TSAN_OPTIONS=suppressions=$suppressions/thread.txt:second_deadlock_stack=1:ignore_noninstrumented_modules=1
  say "Running the tests"
  rm -f "$build/tests.xml"
  ctest "${options[@]}" --output-junit "$build/tests.xml" || [ -f "$build/tests.xml" ] || return 1
  python3 tools/dev/test_summary.py "$build/tests.xml"
}
