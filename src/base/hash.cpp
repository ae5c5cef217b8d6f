#include "hearth/base/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hearth {

namespace {
XXH3_state_t* state_of(std::byte* room) { return reinterpret_cast<XXH3_state_t*>(room); }
}  // namespace

Hasher::Hasher() {
    static_assert(sizeof(XXH3_state_t) <= sizeof state_ && alignof(XXH3_state_t) <= 64);
    XXH3_INITSTATE(state_of(state_));
    XXH3_128bits_reset(state_of(state_));
}

void Hasher::add(std::span<const std::byte> bytes) {
    if (!bytes.empty()) XXH3_128bits_update(state_of(state_), bytes.data(), bytes.size());
}
void Hasher::add(std::uint64_t value) { add(std::as_bytes(std::span(&value, 1))); }
void Hasher::add(std::string_view text) {
    add(std::uint64_t{text.size()});
    add(std::as_bytes(std::span(text)));
}
void Hasher::add(const Hash128& digest) {
    add(digest.low);
    add(digest.high);
}

Hash128 Hasher::digest() const {
    const XXH128_hash_t h = XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(state_));
    return {h.low64, h.high64};
}

}  // namespace hearth
