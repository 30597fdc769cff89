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

dev_build() { compile release "$@"; }

dev_shell() {
  cd "${LINESIDE_PWD:-$project}" 2>/dev/null || true
  if [ $# -gt 0 ]; then exec "$@"; fi
  exec /bin/bash
}

dev_format() { git ls-files -co --exclude-standard '*.cc' '*.h' | xargs -r clang-format-19 -i; }

dev_run() {
  local program=${1:?"usage: ./dev run PROGRAM [ARGS]"}; shift
  [ -x "build/release/bin/$program" ] || compile release "$program" >&2
  cd "${LINESIDE_PWD:-$project}"
  exec "$project/build/release/bin/$program" "$@"
}

dev_demo() { compile release >&2; exec python3 tools/demo/demo.py "$@"; }
dev_bench() { compile release bench >&2; exec python3 bench/run.py "$@"; }
