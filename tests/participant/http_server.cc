#include "tests/participant/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

namespace paygate::participant {

struct HttpServer::Tls {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  ~Tls() { SSL_CTX_free(context); }
};

namespace {

// One connection: bytes in and out, TLS or not.
struct Stream {
  int fd;
  SSL* ssl;
  int Read(char* buffer, int n) {
    return ssl != nullptr ? SSL_read(ssl, buffer, n) : static_cast<int>(read(fd, buffer, n));
  }
  void Write(const std::string& bytes) {
    const int n = static_cast<int>(bytes.size());
    const auto sent = ssl != nullptr ? SSL_write(ssl, bytes.data(), n)
                                     : static_cast<int>(send(fd, bytes.data(), n, MSG_NOSIGNAL));
    if (sent != n) ADD_FAILURE() << "the client went away";
  }
};

void AddCertificates(SSL_CTX* context, const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  bool leaf = true;
  while (X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    if (leaf) {
      ASSERT_EQ(SSL_CTX_use_certificate(context, certificate), 1);
      X509_free(certificate);
    } else {
      SSL_CTX_add_extra_chain_cert(context, certificate);
    }
    leaf = false;
  }
  BIO_free(bio);
}

// The body's length, from a whole header.
size_t ContentLength(const std::string& header) {
  const size_t at = header.find("Content-Length: ");
  return at == header.npos ? 0 : std::stoul(header.substr(at + 16));
}

}  // namespace

HttpServer::HttpServer(Transport& handler, std::string certificate_pem, std::string key_pem)
    : handler_(handler) {
  std::signal(SIGPIPE, SIG_IGN);
  if (!certificate_pem.empty()) {
    tls_ = std::make_unique<Tls>();
    SSL_CTX_set_min_proto_version(tls_->context, TLS1_3_VERSION);
    AddCertificates(tls_->context, certificate_pem);
    BIO* bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
    char passphrase[] = "correct horse";
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, passphrase);
    SSL_CTX_use_PrivateKey(tls_->context, key);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 8);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::string HttpServer::url() const {
  return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

void HttpServer::Serve() {
  while (!stopping_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    ServeConnection(fd);
    close(fd);
  }
}

void HttpServer::ServeConnection(int fd) {
  Stream stream{fd, nullptr};
  if (tls_) {
    stream.ssl = SSL_new(tls_->context);
    SSL_set_fd(stream.ssl, fd);
    if (SSL_accept(stream.ssl) != 1) {
      SSL_free(stream.ssl);
      return;
    }
  }
  std::string in;
  char buffer[16384];
  for (;;) {
    const size_t end = in.find("\r\n\r\n");
    if (end != in.npos && in.size() >= end + 4 + ContentLength(in.substr(0, end))) {
      const std::string path = in.substr(in.find(' ') + 1, in.find(" HTTP/") - in.find(' ') - 1);
      const std::string body = in.substr(end + 4, ContentLength(in.substr(0, end)));
      auto answer = in.starts_with("GET") ? handler_.Get(path) : handler_.Post(path, body);
      in.erase(0, end + 4 + body.size());
      if (!answer) break;  // the connection is lost without an answer
      stream.Write("HTTP/1.1 " + std::to_string(answer->status) +
                   " x\r\nContent-Type: " + answer->content_type +
                   "; v=1\r\nRetry-After: " + std::to_string(answer->retry_after_s) +
                   "\r\nContent-Length: " + std::to_string(answer->body.size()) + "\r\n\r\n" +
                   answer->body);
      continue;
    }
    const bool buffered = stream.ssl != nullptr && SSL_pending(stream.ssl) > 0;
    pollfd waiting{.fd = fd, .events = POLLIN};
    while (!buffered && !stopping_ && poll(&waiting, 1, 50) == 0) {
    }
    if (stopping_) break;
    const int n = stream.Read(buffer, sizeof buffer);
    if (n <= 0) break;
    in.append(buffer, static_cast<size_t>(n));
  }
  SSL_free(stream.ssl);
}

}  // namespace paygate::participant
