// Fills a gateway's store with what years would bring, through the store's own doors, while no
// engine runs. Every record has the size of the real payment that it is modelled on, and random
// text where that has signatures and digests: it compresses no better than the real.
#pragma once

#include <string>

namespace paygate::bench {

struct Model {  // a real payment of this store, settled, and its participants' mail
  std::string payment_id, seller_id;
};

struct Wanted {
  size_t payments = 0;      // settled
  size_t participants = 0;  // registered
  size_t open = 0;          // the bank's word is durable, both results are to be signed yet
  size_t mail = 0;          // messages for the model's seller
};

// The program that calls this must have left fsync() out (see growth_main.cc), or it takes days.
// The store is compacted at the end. Says on standard error how far it is. Throws.
void Fill(const std::string& store_directory, const Model& model, const Wanted& wanted);

}  // namespace paygate::bench
