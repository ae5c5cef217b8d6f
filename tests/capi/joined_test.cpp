// Files of an older form that no golden has: the golden's weights in that form give its bytes.
#include <fstream>
#include <map>

#include "capi/support.hpp"
#include "hearth/formats/gguf.hpp"
#include "hearth/formats/gguf_writer.hpp"
#include "support/temporary.hpp"

using namespace hearth;
using namespace hearth::test;

namespace {

std::vector<std::byte> bytes_of(const ModelFile& file, const std::string& name) {
    const TensorInfo* const info = file.find(name);
    REQUIRE_MESSAGE(info != nullptr, name);
    REQUIRE(info->type == 0);  // F32
    std::vector<std::byte> bytes(info->bytes);
    REQUIRE(file.read(*info, 0, bytes).ok());
    return bytes;
}

}  // namespace

TEST_CASE("parity: qwen3next with one matrix for queries, keys, values and gates (ssm_in) computes the same bytes") {
    const auto path = shared("families/qwen3next.gguf");
    if (!std::filesystem::exists(path)) return skipped("files of qwen3next in its older form", 1);
    const auto opened = Gguf::open_path(path.string());
    REQUIRE(opened.ok());
    const ModelFile& file = **opened;
    const auto number = [&](const char* key) { return static_cast<std::size_t>(**file.metadata().get_uint(key)); };
    const std::size_t heads = number("qwen3next.ssm.group_count"), dim = number("qwen3next.ssm.state_size"),
                      values = number("qwen3next.ssm.time_step_rank"), each = values / heads;

    GgufWriter writer;
    REQUIRE(writer.set_all(file).ok());
    std::map<std::string, std::vector<std::byte>> kept;  // until it is written
    std::size_t joined = 0;
    for (const TensorInfo& t : file.tensors()) {
        const std::string block = t.name.substr(0, t.name.find('.', 4) + 1);
        if (t.name == block + "attn_gate.weight") continue;
        const bool joint = t.name == block + "attn_qkv.weight" && file.find(block + "attn_gate.weight") != nullptr;
        auto& to = kept[t.name];
        const auto shape = std::span(t.shape).first(t.dims);
        if (!joint) {
            to.resize(t.bytes);
            REQUIRE(file.read(t, 0, to).ok());
            REQUIRE(writer.add_tensor(t.name, t.type, shape, to).ok());
            continue;
        }
        // For each head of keys its query, its key, its values and their gates.
        const auto qkv = bytes_of(file, t.name), gate = bytes_of(file, block + "attn_gate.weight");
        const std::size_t head = dim * t.shape[0] * sizeof(float);  // bytes
        const auto add = [&](const std::vector<std::byte>& from, std::size_t first, std::size_t count) {
            const auto* const begin = from.data() + first * head;
            to.insert(to.end(), begin, begin + count * head);
        };
        for (std::size_t h = 0; h < heads; ++h) {
            add(qkv, h, 1);
            add(qkv, heads + h, 1);
            add(qkv, 2 * heads + h * each, each);
            add(gate, h * each, each);
        }
        const std::uint64_t rows[] = {t.shape[0], (2 * heads + 2 * values) * dim};
        REQUIRE(writer.add_tensor(block + "ssm_in.weight", t.type, rows, to).ok());
        ++joined;
    }
    REQUIRE(joined == 3);  // the fourth block has attention
    const TemporaryDirectory dir;
    const std::string older = dir / "older.gguf";
    REQUIRE(writer.write(older).ok());
    // Nor do models of experts alone always tell a width that no layer has.
    std::string bytes = read_text(older);
    const std::string key = "qwen3next.feed_forward_length";
    const std::size_t at = bytes.find(key);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, key.size(), "qwen3next.feed_forward_nothing", key.size());
    std::ofstream(older, std::ios::binary) << bytes;

    const auto runtime = make_runtime();
    std::vector<std::int32_t> tokens{1};
    while (tokens.size() < 40) tokens.push_back((tokens.back() * 37 + 11) % 250 + 3);
    std::vector<float> logits[2];
    for (const bool old : {false, true}) {
        const auto model = open_model(runtime.get(), old ? std::filesystem::path(older) : path);
        const auto session = make_session(model.get());
        append(session.get(), tokens);
        logits[old ? 1 : 0] = evaluate(session.get(), true);
    }
    CHECK(same_bits(logits[0], logits[1]));
}
