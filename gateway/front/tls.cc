#include "gateway/front/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/file.h"

namespace paygate::gateway::front {
namespace {

using base::ErrorCode;
using base::Fail;

std::unexpected<base::Error> FailTls(const std::string& what) {
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
  ERR_clear_error();
  return Fail(ErrorCode::kInvalidArgument, what + " (" + reason + ")");
}

base::Status UseKey(SSL_CTX* context, const std::string& path) {
  ASSIGN_OR_RETURN(const base::SecretBytes pem, base::ReadSecretFile(path, 64u << 10));
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key) return FailTls("front.tls_key: " + path + " holds no unencrypted PEM private key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return FailTls("front.tls_key: " + path + " is not the key of front.tls_certificate");
  }
  return {};
}

}  // namespace

void TlsContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

base::Result<TlsContext> OpenTls(const Config::Front& config) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return FailTls("TLS cannot be set up");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  // Tickets are sealed by this process, nothing is kept; buffers are given back while idle.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_chain_file(context.get(), config.tls_certificate.c_str()) != 1) {
    return FailTls("front.tls_certificate: " + config.tls_certificate +
                   " holds no PEM certificate chain");
  }
  RETURN_IF_ERROR(UseKey(context.get(), config.tls_key));
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return FailTls("front.tls_key is not the key of front.tls_certificate");
  }
  return context;
}

}  // namespace paygate::gateway::front
