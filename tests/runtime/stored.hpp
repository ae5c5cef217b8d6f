// Toy sequences with a prefix store.
#pragma once

#include <string>

#include "runtime/toy.hpp"

namespace hearth::test {

inline constexpr std::uint64_t kPlenty = std::uint64_t{1} << 30;

inline PrefixStoreOptions store_options(std::uint64_t bytes, const std::string& folder = "",
                                        std::uint64_t folder_bytes = 0) {
    PrefixStoreOptions o;
    o.memory_bytes = bytes;
    o.folder = folder;
    o.folder_bytes = folder_bytes;
    return o;
}

struct Stored {
    Fixture f;
    std::shared_ptr<PrefixStore> store;
    Executor* executor = nullptr;

    explicit Stored(const Kind& kind, std::uint64_t bytes = kPlenty, const std::string& folder = "",
                    std::uint64_t folder_bytes = 0)
        : f(kind.reaches, kind.states, kind.rows),
          store(PrefixStore::make(f.memory, store_options(bytes, folder, folder_bytes))) {}
    Sequence sequence(std::uint64_t computes = 0, std::size_t context = 3000) const {
        Sequence s = f.sequence(context, KvCache::allowance_for(*f.layout, context, 512));
        s.use_store({store, PrefixStore::origin(*f.layout, {computes, 0}), executor, 0});
        return s;
    }
    // Tokens that passes took.
    std::size_t run(Sequence& s, std::size_t chunk = 300) const {
        s.recall(1);
        const std::size_t missing = s.missing();
        REQUIRE(evaluate(s, chunk));
        check_logits(f, s);
        return missing;
    }
    std::size_t run(std::span<const std::int32_t> prompt, std::uint64_t computes = 0) const {
        Sequence s = sequence(computes);
        REQUIRE(s.append(prompt).ok());
        return run(s);
    }
};

inline std::vector<std::int32_t> joined(std::vector<std::int32_t> a, std::span<const std::int32_t> b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace hearth::test
