#!/bin/sh
# Builds the page into FOLDER: dist/ by Vite, then page_table.cc and page_content.S, which put it into lineside-hub.
# npm's packages stand in web/node_modules and are installed again only when package-lock.json changes.
set -eu
out=${1:?"usage: build.sh FOLDER"}
mkdir -p "$out"
cd "$(dirname "$0")"
exec 9>"node_modules.lock"
flock 9  # build folders share node_modules
digest=$(sha256sum package-lock.json | cut -c1-16)
if [ "$(cat node_modules/.lineside-lock 2>/dev/null || true)" != "$digest" ]; then
  npm ci --no-audit --no-fund --loglevel=error || { echo "npm could not fetch the page's packages: is the network there?" >&2; exit 1; }
  echo "$digest" >node_modules/.lineside-lock
fi
touch node_modules/.lineside-lock  # an output of this build: the tests use the packages, too
npx --no-install openapi-typescript ../schema/openapi.yaml -o src/lib/api.gen.ts >/dev/null
npx --no-install vite build --outDir "$out/dist" --emptyOutDir --logLevel warn
node embed.mjs "$out/dist" "$out"
