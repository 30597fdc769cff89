#pragma once
// How an OPC UA server is reached, how what is said on the way is protected, and who signs in.
#include <cstdint>
#include <string>

namespace lineside {

struct OpcuaAccess {
  std::string endpoint;  // opc.tcp://HOST[:PORT][/PATH]; port 4840 where none is given
  // All but none: Basic256Sha256, with the certificates of pki_folder.
  enum class Security : std::uint8_t { none, sign, sign_and_encrypt } security = Security::none;
  std::string pki_folder;     // own/, trusted/ and rejected/ certificates (opcua/certificates.h); empty: none
  std::string username;       // empty: not by name
  std::string password_file;  // its first line
  std::string user_cert_file, user_key_file;  // DER or PEM, both or neither: sign in with a certificate
  bool plain_password = false;                // the password may travel unencrypted
};

}  // namespace lineside
