// A part of a prefix as a file: what it is of (112 bytes), all tokens up to its end, its pages, states and logits, and
// a digest of all before it. Pages that are complete stand as they are in memory, others packed.
#include <array>

#include "hearth/base/blob.hpp"
#include "hearth/base/cat.hpp"
#include "runtime/prefix_folder.hpp"

namespace hearth {

namespace {

constexpr std::array<char, 8> kMagic{'H', 'R', 'T', 'H', 'P', 'R', 'F', 'X'};
constexpr std::uint64_t kVersion = 1;  // of the file's layout; that of the pages is part of the origin
constexpr std::uint64_t kDigestBytes = 16;
// Bytes that are read, or hashed and written, at a time: they stay in a processor's cache in between.
constexpr std::size_t kPiece = std::size_t{1} << 18;

Status refused(std::string what) { return {Code::malformed, std::move(what)}; }

std::size_t rows_of_page(const KvLayout::Group& group, std::size_t number, std::size_t position) {
    const std::size_t rows = position / group.every;
    return std::min(kSpan, rows - std::min(rows, number * kSpan));
}

Status write_pieces(BlobWriter& blob, std::span<const std::byte> bytes) {
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPiece)))
        HEARTH_TRY(blob.bytes(bytes.first(std::min(bytes.size(), kPiece))));
    return {};
}

Status read_pieces(BlobReader& blob, std::span<std::byte> bytes, std::string_view what) {
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPiece)))
        HEARTH_TRY(blob.bytes(bytes.first(std::min(bytes.size(), kPiece)), what));
    return {};
}

Status write_page(BlobWriter& blob, const KvLayout& layout, std::size_t group, Buffer& page, std::size_t rows) {
    if (rows == kSpan) return write_pieces(blob, page.bytes());
    std::vector<std::byte> packed(kv_packed_bytes(layout, group, rows));
    kv_pack(layout, group, page.data(), rows, packed.data());
    return write_pieces(blob, packed);
}

Result<KvCache::Page> read_page(BlobReader& blob, const std::shared_ptr<Memory>& memory, const KvLayout& layout,
                                std::size_t group, std::size_t rows) {
    constexpr std::string_view what = "a page of a stored prefix";
    const bool whole = rows == kSpan;
    const std::size_t bytes = layout.groups[group].page_bytes,
                      stored = whole ? bytes : kv_packed_bytes(layout, group, rows);
    if (stored > blob.left()) return refused(cat("ends within ", what, ", which takes ", stored, " bytes"));
    HEARTH_ASSIGN(Buffer page,
                  Buffer::make(memory, bytes, what, whole ? Buffer::Content::unspecified : Buffer::Content::zero));
    if (whole) {
        HEARTH_TRY(read_pieces(blob, page.bytes(), what));
    } else {
        std::vector<std::byte> packed(stored);
        HEARTH_TRY(read_pieces(blob, packed, what));
        kv_unpack(layout, group, packed.data(), rows, page.data());
    }
    return std::make_shared<Buffer>(std::move(page));
}

Result<std::shared_ptr<Buffer>> read_buffer(BlobReader& blob, const std::shared_ptr<Memory>& memory, std::size_t bytes,
                                            std::string_view what) {
    if (bytes > blob.left()) return refused(cat("ends within ", what, ", which take ", bytes, " bytes"));
    HEARTH_ASSIGN(Buffer buffer, Buffer::make(memory, bytes, what, Buffer::Content::unspecified));
    HEARTH_TRY(read_pieces(blob, buffer.bytes(), what));
    return std::make_shared<Buffer>(std::move(buffer));
}

}  // namespace

// In this order: magic, version, bytes of the file, origin, parent, key, position, own tokens, whether it is a block,
// the number of logits, 0; tokens; unless it is a block, of each group that is not plain the number of its first page;
// pages, group by group; states; logits; digest.
Status PrefixFolder::write(const PrefixPart& part, const Subject& subject) const {
    const KvLayout& layout = subject.layout;
    const std::size_t position = part.cut.position;
    const auto content = [&](BlobWriter& blob, std::uint64_t bytes) -> Status {
        HEARTH_TRY(blob.bytes(std::as_bytes(std::span(kMagic))));
        for (const std::uint64_t n :
             {kVersion, bytes, subject.origin.low, subject.origin.high, part.parent.low, part.parent.high, part.key.low,
              part.key.high, std::uint64_t{position}, std::uint64_t{part.tokens.size()}, std::uint64_t{part.block},
              std::uint64_t{part.known ? subject.vocab : 0}, std::uint64_t{0}})
            HEARTH_TRY(blob.value(n));
        HEARTH_TRY(blob.bytes(std::as_bytes(subject.tokens.first(position))));
        for (std::size_t g = 0; g < layout.groups.size() && !part.block; ++g)
            if (!plain(layout.groups[g])) HEARTH_TRY(blob.value(std::uint64_t{part.cut.tables[g].begin}));
        for (std::size_t g = 0; g < layout.groups.size(); ++g) {
            const KvCache::Table& t = part.cut.tables[g];
            for (std::size_t p = t.begin; p < t.end(); ++p) {
                const std::size_t rows = rows_of_page(layout.groups[g], p, position);
                if (blob.keeps())
                    HEARTH_TRY(write_page(blob, layout, g, *t[p], rows));
                else
                    blob.skip(rows == kSpan ? layout.groups[g].page_bytes : kv_packed_bytes(layout, g, rows));
            }
        }
        if (part.cut.state != nullptr) HEARTH_TRY(write_pieces(blob, part.cut.state->bytes()));
        if (part.known) HEARTH_TRY(write_pieces(blob, {part.logits->data(), part.logits->size()}));
        return {};
    };
    BlobCounter counter;
    HEARTH_TRY(content(counter, 0));
    HEARTH_ASSIGN(const auto file,
                  FileWriter::create(path_of({part.parent, part.key, position}), FileWriter::Kind::secret));
    BlobFile blob(*file);
    HEARTH_TRY(content(blob, counter.written() + kDigestBytes));
    const Hash128 digest = blob.digest();
    HEARTH_TRY(blob.value(digest.low));
    HEARTH_TRY(blob.value(digest.high));
    return file->commit();
}

Status PrefixFolder::read_header(BlobReader& blob, std::uint64_t size, const File& file, const Subject& subject,
                                 PrefixPart& part, std::vector<std::int32_t>& tokens) const {
    std::array<char, 8> magic{};
    HEARTH_TRY(blob.bytes(std::as_writable_bytes(std::span(magic)), "its first bytes"));
    if (magic != kMagic) return refused("is no stored prefix: it does not begin with HRTHPRFX");
    const auto expect = [&](std::string_view what, std::uint64_t expected) -> Status {
        HEARTH_ASSIGN(const auto found, blob.value<std::uint64_t>(what));
        if (found == expected) return {};
        return refused(cat(what, " is ", found, ", expected ", expected));
    };
    HEARTH_TRY(expect("its version", kVersion));
    HEARTH_TRY(expect("its size", size));
    for (const std::uint64_t n : {subject.origin.low, subject.origin.high})
        HEARTH_TRY(expect("half of its origin's digest", n));
    for (const std::uint64_t n : {file.parent.low, file.parent.high, file.key.low, file.key.high})
        HEARTH_TRY(expect("half of a key", n));
    HEARTH_TRY(expect("its position", file.position));
    HEARTH_ASSIGN(const auto own, blob.value<std::uint64_t>("the number of its own tokens"));
    HEARTH_ASSIGN(const auto block, blob.value<std::uint64_t>("the mark of a block"));
    HEARTH_ASSIGN(const auto logits, blob.value<std::uint64_t>("the number of its logits"));
    if (logits != 0 && (logits != subject.vocab || block != 0))
        return refused(cat("the number of its logits is ", logits, ", expected 0 or ", subject.vocab));
    HEARTH_TRY(expect("the number behind that", 0));
    const std::uint64_t expected = block != 0 ? kSpan : file.position % kSpan;
    if (block > 1 || own != expected || own > file.position || (file.position - own) % kSpan != 0)
        return refused(cat("has ", own, " tokens of its own of ", file.position, " and the mark ", block, ", expected ",
                           expected, " and 0 or 1"));
    if (file.position > blob.left() / sizeof(std::int32_t))
        return refused(cat("ends before its ", file.position, " tokens do"));
    tokens.resize(file.position);
    HEARTH_TRY(blob.bytes(std::as_writable_bytes(std::span(tokens)), "its tokens"));
    part.parent = file.parent;
    part.key = file.key;
    part.tokens.assign(tokens.end() - static_cast<std::ptrdiff_t>(own), tokens.end());
    const std::span<const std::int32_t> before(tokens.data(), tokens.size() - part.tokens.size());
    if (!(prefix_keys(subject.origin, before).back() == part.parent) ||
        !(prefix_key(part.parent, part.tokens, block != 0) == part.key))
        return refused("its keys are not those of its tokens");
    part.block = block != 0;
    part.cut.position = file.position;
    part.cut.tables.resize(subject.layout.groups.size());
    part.known = logits != 0;
    for (std::size_t g = 0; g < subject.layout.groups.size() && !part.block; ++g) {
        const KvLayout::Group& group = subject.layout.groups[g];
        if (plain(group)) continue;
        HEARTH_ASSIGN(const auto begin, blob.value<std::uint64_t>("the first page of a group of layers"));
        const std::size_t seen = group.reach.first(part.cut.position) / group.span();
        if (begin > seen)
            return refused(cat("the first page of group ", g, " is ", begin, ", expected at most ", seen));
        part.cut.tables[g].begin = static_cast<std::size_t>(begin);
    }
    return {};
}

Status PrefixFolder::read_content(BlobReader& blob, const Subject& subject, const std::shared_ptr<Memory>& memory,
                                  PrefixPart& part) const {
    const KvLayout& layout = subject.layout;
    const std::size_t position = part.cut.position;
    for (std::size_t g = 0; g < layout.groups.size(); ++g) {
        const KvLayout::Group& group = layout.groups[g];
        KvCache::Table& t = part.cut.tables[g];
        const std::size_t end = group.pages(position);
        if (plain(group)) {
            if (!part.block && position % kSpan == 0) continue;
            t.begin = end - 1;
        } else if (part.block) {
            continue;
        }
        for (std::size_t p = t.begin; p < end; ++p) {
            HEARTH_ASSIGN(KvCache::Page page, read_page(blob, memory, layout, g, rows_of_page(group, p, position)));
            t.pages.push_back(std::move(page));
        }
    }
    if (layout.state_bytes != 0 && !part.block) {
        HEARTH_ASSIGN(part.cut.state, read_buffer(blob, memory, layout.state_bytes, "the states of a stored prefix"));
    }
    if (part.known) {
        HEARTH_ASSIGN(part.logits,
                      read_buffer(blob, memory, subject.vocab * sizeof(float), "the logits of a stored prefix"));
    }
    if (blob.left() != kDigestBytes)
        return refused(cat("its digest begins ", blob.left(), " bytes before its end, expected 16"));
    const Hash128 digest = blob.digest();
    Hash128 stored;
    HEARTH_ASSIGN(stored.low, blob.value<std::uint64_t>("its digest"));
    HEARTH_ASSIGN(stored.high, blob.value<std::uint64_t>("its digest"));
    return digest == stored ? Status() : refused("is damaged: its digest is not that of its bytes");
}

}  // namespace hearth
