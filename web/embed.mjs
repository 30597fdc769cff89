// Compresses the built page and writes the C++ table and the assembler file that put it into lineside-hub.
// usage: node embed.mjs DIST OUT
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'

const [dist, out] = process.argv.slice(2)
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
}

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort()

mkdirSync(join(out, 'gzip'), { recursive: true })
const rows = []
const externs = []
const blobs = ['.section .note.GNU-stack,"",%progbits', '.section .rodata']
files.forEach((file, i) => {
  const content = readFileSync(file)
  const type = types[extname(file)]
  if (!type) throw new Error(`embed.mjs: no content type for ${file}`)
  const packed = join(out, 'gzip', String(i))
  writeFileSync(packed, gzipSync(content, { level: 9 }))
  const etag = createHash('sha256').update(content).digest('hex').slice(0, 20)
  const path = '/' + relative(dist, file)
  const size = `static_cast<std::size_t>(lineside_page_end_${i} - lineside_page_${i})`
  externs.push(`extern "C" const char lineside_page_${i}[], lineside_page_end_${i}[];`)
  rows.push(
    `    {"${path}", "${type}", {lineside_page_${i}, ${size}}, "\\"${etag}\\"", ${path.startsWith('/assets/')}},`,
  )
  blobs.push(
    `.global lineside_page_${i}, lineside_page_end_${i}`,
    `lineside_page_${i}: .incbin "${packed}"`,
    `lineside_page_end_${i}: .byte 0`,
  )
})

writeFileSync(join(out, 'page_content.S'), blobs.join('\n') + '\n')
writeFileSync(
  join(out, 'page_table.cc'),
  `// Made by web/embed.mjs.
#include "hub/http/page_assets.h"

${externs.join('\n')}

namespace lineside::hub {

std::span<const PageAsset> page_assets() {
  static const PageAsset assets[] = {
${rows.join('\n')}
  };
  return assets;
}

}  // namespace lineside::hub
`,
)
