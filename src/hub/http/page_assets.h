#pragma once
// The web page's files, compressed, inside the program. web/embed.mjs makes the table at build time from web/dist.
#include <span>
#include <string_view>

namespace lineside::hub {

struct PageAsset {
  std::string_view path;  // "/index.html", "/assets/app-3f2a.js"
  std::string_view content_type;
  std::string_view gzip;   // the content, gzip-compressed
  std::string_view etag;   // strong, with its quotation marks
  bool immutable = false;  // its name carries its hash: may be cached for ever
};

std::span<const PageAsset> page_assets();

// The file at this path, or index.html for a path of the page's own ("/", "/stations/..."), or nullptr.
const PageAsset* find_page_asset(std::string_view path);

}  // namespace lineside::hub
