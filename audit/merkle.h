// The log's tree is that of base/merkle.h, whose names stand here as the log's own.
#pragma once

#include "base/merkle.h"

namespace paygate::audit {

using base::ConsistencyProof;
using base::EmptyRoot;
using base::Frontier;
using base::Hash;
using base::HashLeaf;
using base::HashNode;
using base::InclusionProof;
using base::kHashBytes;
using base::kMaxProofHashes;
using base::kMaxTreeSize;
using base::Node;
using base::NodeReader;
using base::RootOf;
using base::VerifyConsistency;
using base::VerifyInclusion;

}  // namespace paygate::audit
