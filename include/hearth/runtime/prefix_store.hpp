// What sequences have computed, kept by the tokens that it is of: whoever begins with the same ones takes it over.
//
// Tokens are kept in blocks of kSpan, each named by a digest of itself and all before it (and of what computes it: the
// origin), with the pages of the layers that see every key: the pages themselves, shared with the sequences. What a
// sequence ends with is kept too: the rows of an incomplete page and, where layers see a window, keep states or have
// rows for several tokens, what they need to go on from there. Caches of such layers go on only where one has ended;
// others after any token. Digests find, tokens decide: all of them are compared.
//
// What was used longest ago goes first, and never before what follows it; where the runtime's memory ends it goes
// before anything is refused. A folder keeps the same as files (runtime/prefix_folder.hpp), for other processes and
// later.
//
// Thread class: any; whoever calls find() or put() holds the lock under which pages are written.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "hearth/base/hash.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/memory.hpp"
#include "hearth/base/parallel.hpp"
#include "hearth/runtime/kv_cache.hpp"

namespace hearth {

class PrefixFolder;
struct PrefixPart;

struct PrefixStoreOptions {
    std::uint64_t memory_bytes = 0;  // 0: a quarter of what is left
    std::string folder;              // "": none
    std::uint64_t folder_bytes = 0;  // 0: kFolderBytes
    Logger log;
};

struct PrefixStats {
    std::uint64_t lookups = 0;                        // prompts that were looked for
    std::uint64_t asked_tokens = 0;                   // theirs that the sequences had not
    std::uint64_t found_tokens = 0;                   // of them, those taken over
    std::uint64_t parts = 0, bytes = 0;               // in memory, shared with sequences or not
    std::uint64_t evictions = 0;                      // of parts, for room
    std::uint64_t files = 0, file_bytes = 0;          // in the folder, whoever wrote them
    std::uint64_t files_written = 0, files_read = 0;  // by this store
    std::uint64_t files_evicted = 0, files_refused = 0;
};

// A sequence's store, and what computes it: keys and values of the same tokens are equal where origins are.
struct PrefixUse;

class PrefixStore final : public SpareMemory {
public:
    static constexpr std::uint64_t kFolderBytes = std::uint64_t{4} << 30;

    static std::shared_ptr<PrefixStore> make(std::shared_ptr<Memory> memory, const PrefixStoreOptions& options);
    PrefixStore(std::shared_ptr<Memory> memory, const PrefixStoreOptions& options);
    ~PrefixStore();
    PrefixStore(const PrefixStore&) = delete;
    PrefixStore& operator=(const PrefixStore&) = delete;

    // A digest of what else decides the bits, with the layout.
    static Hash128 origin(const KvLayout& layout, const Hash128& computes);

    struct Found {
        KvCache::Cut cut;                      // its position is 0 where nothing was found
        std::shared_ptr<const Buffer> logits;  // after it; null: not known
    };
    // The most that goes beyond `from` tokens, and leaves the last `rows` >= 1 to be computed, or their logits known
    // where it is one.
    Found find(const PrefixUse& use, const KvLayout& layout, std::span<const std::int32_t> tokens, std::size_t from,
               std::size_t rows);
    // tokens: up to the cut. logits: after the last of them, or empty.
    void put(const PrefixUse& use, const KvLayout& layout, std::span<const std::int32_t> tokens,
             const KvCache::Cut& cut, std::span<const float> logits);
    // Whether caches of a layout go on after any token.
    static bool anywhere(const KvLayout& layout);

    PrefixStats stats() const;
    // Memory and folder.
    void clear();

    std::uint64_t spare() const override;
    std::uint64_t give_up(std::uint64_t bytes) override;

private:
    using Part = std::shared_ptr<const PrefixPart>;
    // Of a tree, whose roots have no part and stand for the origins.
    struct Entry {
        Part part;
        Entry* parent = nullptr;
        std::vector<Entry*> children;
        std::list<Entry*>::iterator place;  // in used_
    };
    // What there is along the blocks of some tokens.
    struct Walk {
        std::vector<Hash128> keys;  // [blocks of the tokens + 1]
        std::vector<Part> blocks;   // from the first on, as far as they are there
        std::vector<Part> ends;     // that may go further
    };

    Walk walk(const Hash128& origin, const KvLayout& layout, std::span<const std::int32_t> tokens) const;
    Found found(const PrefixUse& use, const KvLayout& layout, std::span<const std::int32_t> tokens, std::size_t from,
                std::size_t rows);
    // How a prompt goes on: from blocks and, unless it is null, a last part.
    struct Way {
        std::size_t position = 0;
        std::vector<Part> blocks;
        Part last;
    };
    Way by_memory(const Walk& walk, const KvLayout& layout, std::span<const std::int32_t> tokens,
                  std::size_t rows) const;
    // One that goes further than by memory alone, as far as files of the folder go; else that one.
    Way by_files(const Walk& walk, Way way, const PrefixUse& use, const KvLayout& layout,
                 std::span<const std::int32_t> tokens, std::size_t rows);
    // Returns parts that have nothing which the new ones have not, and are gone therefore.
    std::vector<Part> insert(std::span<const Part> parts, bool anywhere);
    bool superseded(Entry& parent, const PrefixPart& part) const;
    void evict();
    void remove_superseded(Entry& parent, const PrefixPart& by, std::vector<Part>& gone);
    Entry* oldest();
    std::uint64_t remove(Entry* entry);
    bool hold(const PrefixPart& part);
    std::uint64_t release(const PrefixPart& part);

    std::shared_ptr<Memory> memory_;
    std::uint64_t memory_bytes_;
    std::unique_ptr<PrefixFolder> folder_;  // null: none

    mutable std::mutex mutex_;  // of what follows
    struct Less {
        bool operator()(const Hash128& a, const Hash128& b) const {
            return a.low != b.low ? a.low < b.low : a.high < b.high;
        }
    };
    std::map<Hash128, Entry, Less> entries_;
    std::list<Entry*> used_;  // the latest first, each before those that follow it in the tree
    struct Held {
        std::weak_ptr<const Buffer> buffer;
        std::size_t parts;  // that have it
    };
    std::unordered_map<const Buffer*, Held> held_;
    std::uint64_t bytes_ = 0;
    PrefixStats stats_;
};

struct PrefixUse {
    std::shared_ptr<PrefixStore> store;  // null: none
    Hash128 origin;
    Executor* executor = nullptr;  // for files; not while somebody else runs on it
    std::size_t vocab = 0;         // logits of a token
};

}  // namespace hearth
