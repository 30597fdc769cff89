#include "hub/http/listen_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <format>
#include <memory>

namespace lineside::hub {
namespace {

struct Socket {
  explicit Socket(int family) : fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd;
};

}  // namespace

Result<void> check_can_listen(const std::string& address, int port) {
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port))};
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(static_cast<std::uint16_t>(port))};
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1)
    return fail(ErrorCode::config_invalid, std::format("http.address '{}' is not an IP address.", address));
  const Socket probe(is_v4 ? AF_INET : AF_INET6);
  const int yes = 1;
  ::setsockopt(probe.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto* where = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  if (probe.fd < 0 || ::bind(probe.fd, where, is_v4 ? sizeof v4 : sizeof v6) != 0 || ::listen(probe.fd, 1) != 0)
    return fail(ErrorCode::address_in_use,
                std::format("Can't listen on {} port {}: {}.", address, port, std::strerror(errno)));
  return {};
}

Result<void> check_certificate_pair(const std::string& cert_file, const std::string& key_file) {
  for (const auto& file : {cert_file, key_file})
    if (!std::filesystem::exists(file)) return fail(ErrorCode::file_not_found, std::format("{} is not there.", file));
  const std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })> context(
      SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1)
    return fail(ErrorCode::file_format, std::format("{} is not a PEM certificate.", cert_file));
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return fail(ErrorCode::file_format, std::format("{} is not the private key of {}.", key_file, cert_file));
  return {};
}

}  // namespace lineside::hub
