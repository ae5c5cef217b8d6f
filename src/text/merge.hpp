// Byte-pair merging of one word: the adjacent pair of lowest rank is joined, leftmost of equals first, until no pair
// has a rank (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016; SentencePiece's BPE
// is the same with scores for ranks). Short words scan for the minimum, long ones keep a heap: O(n log n) for any
// input. Thread class: one workspace per thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "hearth/text/tokenizer.hpp"

namespace hearth::text {

struct Symbol {
    std::uint32_t begin = 0;  // bytes in the word
    std::uint32_t length = 0;
    Token id = -1;  // -1: no token of its own
};

struct Merge {
    static constexpr std::uint32_t none = ~std::uint32_t(0);
    std::uint32_t rank = none;
    Token id = -1;
};

class Merger {
public:
    // To be filled by the caller with the word's first symbols, in order; merged in place. Symbols around a part that was
    // left out are neighbours: a merged one counts its bytes without the part.
    std::vector<Symbol> symbols;

    // lookup(left, right) gives the Merge of two adjacent symbols.
    template <class Lookup>
    void run(const Lookup& lookup) {
        if (symbols.size() < 2) return;
        if (symbols.size() <= scan_limit)
            scan(lookup);
        else
            heap(lookup);
    }

private:
    static constexpr std::size_t scan_limit = 48;  // the two ways cost the same near here

    template <class Lookup>
    void scan(const Lookup& lookup) {
        std::size_t n = symbols.size();
        Merge merges[scan_limit];  // merges[i]: of symbols i and i + 1
        for (std::size_t i = 0; i + 1 < n; ++i) merges[i] = lookup(symbols[i], symbols[i + 1]);
        while (n > 1) {
            std::size_t best = 0;
            for (std::size_t i = 1; i + 1 < n; ++i)
                if (merges[i].rank < merges[best].rank) best = i;
            if (merges[best].rank == Merge::none) break;
            symbols[best].length += symbols[best + 1].length;
            symbols[best].id = merges[best].id;
            std::copy(symbols.begin() + std::ptrdiff_t(best + 2), symbols.begin() + std::ptrdiff_t(n),
                      symbols.begin() + std::ptrdiff_t(best + 1));
            std::copy(merges + best + 1, merges + n - 1, merges + best);
            --n;
            if (best + 1 < n) merges[best] = lookup(symbols[best], symbols[best + 1]);
            if (best > 0) merges[best - 1] = lookup(symbols[best - 1], symbols[best]);
        }
        symbols.resize(n);
    }

    struct Candidate {
        std::uint64_t order;   // rank, then place: the smallest is merged next
        std::uint32_t length;  // of both symbols together: another value now means that one of them has changed
        Token id;
        bool operator<(const Candidate& o) const { return order > o.order; }  // std heaps keep the largest on top
    };

    template <class Lookup>
    void heap(const Lookup& lookup) {
        const auto n = static_cast<std::uint32_t>(symbols.size());
        constexpr std::uint32_t end = ~std::uint32_t(0);
        next_.resize(n);
        prev_.resize(n);
        candidates_.clear();
        const auto candidate = [&](std::uint32_t left, std::uint32_t right, Candidate& out) {
            const Merge m = lookup(symbols[left], symbols[right]);
            out = {std::uint64_t(m.rank) << 32 | left, symbols[left].length + symbols[right].length, m.id};
            return m.rank != Merge::none;
        };
        Candidate c;
        for (std::uint32_t i = 0; i < n; ++i) {
            next_[i] = i + 1 < n ? i + 1 : end;
            prev_[i] = i > 0 ? i - 1 : end;
            if (i + 1 < n && candidate(i, i + 1, c)) candidates_.push_back(c);
        }
        std::make_heap(candidates_.begin(), candidates_.end());
        while (!candidates_.empty()) {
            const Candidate best = candidates_.front();
            std::pop_heap(candidates_.begin(), candidates_.end());
            candidates_.pop_back();
            const auto left = static_cast<std::uint32_t>(best.order);
            const std::uint32_t right = next_[left];
            if (symbols[left].length == 0 || right == end) continue;
            if (symbols[left].length + symbols[right].length != best.length) continue;
            symbols[left].length = best.length;
            symbols[left].id = best.id;
            symbols[right].length = 0;
            next_[left] = next_[right];
            if (next_[left] != end) {
                prev_[next_[left]] = left;
                if (candidate(left, next_[left], c)) push(c);
            }
            if (prev_[left] != end && candidate(prev_[left], left, c)) push(c);
        }
        std::erase_if(symbols, [](const Symbol& s) { return s.length == 0; });
    }
    void push(const Candidate& c) {
        candidates_.push_back(c);
        std::push_heap(candidates_.begin(), candidates_.end());
    }

    std::vector<std::uint32_t> next_, prev_;
    std::vector<Candidate> candidates_;
};

}  // namespace hearth::text
