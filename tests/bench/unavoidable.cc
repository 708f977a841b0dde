#include "tests/bench/unavoidable.h"

#include <openssl/evp.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <numeric>
#include <thread>

#include "base/crypto.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "protocol/software_key.h"
#include "tests/bench/bench.h"

namespace paygate::bench {
namespace {

using protocol::SoftwareKey;

constexpr size_t kWriteBytes = 4096;  // about what a CSBLK, an intent or a settlement has
constexpr size_t kBlock = 16384;      // for bytes a second

base::Status Done(bool good) {
  if (good) return {};
  return base::Fail(base::ErrorCode::kInternal, "a bare operation failed");
}

// CPU of this process, RocksDB's threads included, for one synced write of so many waiting.
double DurableWrite(size_t writers, size_t times) {
  std::string directory = std::filesystem::temp_directory_path() / "paygate-limit-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) throw std::runtime_error("mkdtemp");
  rocksdb::Options options;
  options.create_if_missing = true;
  options.enable_pipelined_write = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, directory, &opened).ok()) throw std::runtime_error("RocksDB");
  std::unique_ptr<rocksdb::DB> db(opened);
  const std::string value = base::RandomBytes(kWriteBytes);
  const double before = CpuMicros();
  {
    std::vector<std::jthread> threads;
    for (size_t w = 0; w < writers; ++w) {
      threads.emplace_back([&, w] {
        rocksdb::WriteOptions write;
        write.sync = true;
        for (size_t i = w; i < times; i += writers) {
          if (!db->Put(write, std::to_string(i), value).ok()) std::abort();
        }
      });
    }
  }
  const double each = (CpuMicros() - before) / static_cast<double>(times);
  db.reset();
  std::filesystem::remove_all(directory);
  return each;
}

double AesGcmPerByte(size_t times) {
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                          EVP_CIPHER_CTX_free);
  const std::string key = base::RandomBytes(32), iv = base::RandomBytes(12);
  const std::string plain(kBlock, 'x');
  std::string cipher(kBlock, '\0');
  const auto octets = [](const std::string& s) {
    return reinterpret_cast<const unsigned char*>(s.data());
  };
  auto* out = reinterpret_cast<unsigned char*>(cipher.data());
  EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(key), octets(iv));
  return MicrosOf(times,
                  [&] {
                    int length = 0;
                    return Done(EVP_EncryptInit_ex(context.get(), nullptr, nullptr, nullptr,
                                                   octets(iv)) == 1 &&
                                EVP_EncryptUpdate(context.get(), out, &length, octets(plain),
                                                  kBlock) == 1);
                  }) /
         kBlock;
}

}  // namespace

std::vector<Item> MeasureUnavoidable(const Suite& suite, BareToken& token, double message_bytes,
                                     size_t writers, size_t times) {
  const auto sign_user = token.NewUser("gateway-signature");
  const auto unwrap_user = token.NewUser("gateway-encryption");
  const std::string input =
      protocol::JwsSigningInput(hsm::SignatureAlgorithmOf(suite.signature), protocol::kTypReceipt,
                                {}, std::string(1600, 'x'));
  const auto recipient = Must(SoftwareKey::Generate(suite.encryption, hsm::KeyUsage::kDecrypt));
  // What RSA wraps for another key is a number for this one too, if it is not too great.
  std::string wrapped = Must(protocol::NewContentKey(recipient.public_key())).wrapped;
  if (suite.encryption == hsm::KeyType::kRsa2048) wrapped[0] = '\x01';
  const auto signer = Must(SoftwareKey::Generate(suite.signature, hsm::KeyUsage::kSign));
  const std::string signature =
      Must(Must(signer.AsSigner())->Sign({hsm::StatementKind::kJws, input}));
  std::string signed_bytes;
  const std::string block(kBlock, 'x');
  return {
      {"private-key signature, bare PKCS#11", 5,
       MicrosOf(times, [&] { return Done(token.Sign(sign_user, suite.signature, input,
                                                    signed_bytes)); })},
      {"private-key unwrap, bare PKCS#11", 4,
       MicrosOf(times, [&] { return Done(token.Unwrap(unwrap_user, suite.encryption, wrapped)); })},
      {"content key for a recipient", 5,
       MicrosOf(times, [&] { return protocol::NewContentKey(recipient.public_key()); })},
      {"verification of a signature", 3,
       MicrosOf(times, [&] { return signer.public_key().Verify(input, signature); })},
      {"durable write of 4 KiB", 3, DurableWrite(writers, times)},
      {"AES-256-GCM, a byte", 2 * message_bytes, AesGcmPerByte(times)},
      {"SHA-256, a byte", 2 * message_bytes,
       MicrosOf(times, [&] { return Done(!base::Sha256(block).empty()); }) / kBlock},
  };
}

double Sum(const std::vector<Item>& items) {
  return std::accumulate(items.begin(), items.end(), 0.0,
                         [](double sum, const Item& item) { return sum + item.sum_us(); });
}

}  // namespace paygate::bench
