// A predictor of further tokens in doubles, written down from what the formats say of it and from nothing else: one
// block behind a product of a token's embedding and a state, with plain, gated or latent attention, and experts or
// none.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "models/random_model.hpp"

namespace hearth::test {

class HeadReference {
public:
    using Row = std::vector<double>;

    HeadReference(ModelFile& file, std::size_t block) : file_(file), at_(cat("blk.", block, ".")) {}

    // Logits [vocab] of each position, and *states, those after the norm. inputs [tokens, embd].
    std::vector<Row> run(const std::vector<std::int32_t>& tokens, const std::vector<float>& inputs,
                         std::vector<Row>* states) {
        const ModelShape& s = file_.shape();
        const std::size_t d = s.embd;
        std::vector<Row> stream;
        const std::string table = file_.has_tensor(at_ + "nextn.embed_tokens.weight")
                                      ? at_ + "nextn.embed_tokens.weight"
                                      : "token_embd.weight";
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const Row all = values(table);
            const auto row = all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(tokens[i]) * d);
            Row both = normed(Row(row, row + static_cast<std::ptrdiff_t>(d)), at_ + "nextn.enorm.weight");
            const Row state = normed(Row(inputs.begin() + static_cast<std::ptrdiff_t>(i * d),
                                         inputs.begin() + static_cast<std::ptrdiff_t>((i + 1) * d)),
                                     at_ + "nextn.hnorm.weight");
            both.insert(both.end(), state.begin(), state.end());
            stream.push_back(product(at_ + "nextn.eh_proj", both));
        }
        attend(stream);
        const bool after = file_.has_tensor(at_ + "post_attention_norm.weight");
        std::vector<Row> out;
        for (Row& x : stream) {
            add(x, feed_forward(normed(x, at_ + (after ? "post_attention_norm.weight" : "ffn_norm.weight"))));
            x = normed(x, file_.has_tensor(at_ + "nextn.shared_head_norm.weight")
                              ? at_ + "nextn.shared_head_norm.weight"
                              : "output_norm.weight");
            if (states != nullptr) states->push_back(x);
            out.push_back(product(
                file_.has_tensor(at_ + "nextn.shared_head_head.weight") ? at_ + "nextn.shared_head_head" : "output",
                x));
        }
        return out;
    }

private:
    Row values(const std::string& name) {
        const ModelFile::Tensor& t = file_.tensor(name);
        const auto v = decoded(*find_codec(t.type), t.bytes);
        return {v.begin(), v.end()};
    }
    static void add(Row& x, const Row& y) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
    }
    static Row part(const Row& x, std::size_t first, std::size_t count) {
        return {x.begin() + static_cast<std::ptrdiff_t>(first), x.begin() + static_cast<std::ptrdiff_t>(first + count)};
    }
    static double dot(const Row& a, const Row& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
    static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
    static double silu(double x) { return x * sigmoid(x); }

    Row normed(Row x, const std::string& weight) {
        const Row w = values(weight);
        const double scale = 1 / std::sqrt(dot(x, x) / static_cast<double>(x.size()) + 1e-5);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] *= scale * w[i];
        return x;
    }
    // Of matrix `index` of a stack, with its bias.
    Row product(const std::string& name, const Row& x, std::size_t index = 0) {
        const ModelFile::Tensor& t = file_.tensor(name + ".weight");
        const std::size_t k = t.shape[0], rows = t.shape.size() > 1 ? t.shape[1] : 1;
        REQUIRE(k == x.size());
        const Row w = values(name + ".weight");
        Row y(rows);
        for (std::size_t r = 0; r < rows; ++r) y[r] = dot(part(w, (index * rows + r) * k, k), x);
        if (file_.has_tensor(name + ".bias")) add(y, values(name + ".bias"));
        return y;
    }
    // Pairs (first + i, first + i + dims / 2), or adjacent ones.
    static void rotate(Row& x, std::size_t first, std::size_t dims, std::size_t position, bool adjacent) {
        for (std::size_t i = 0; i < dims / 2; ++i) {
            const double angle = static_cast<double>(position) *
                                 std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
            double &a = x[first + (adjacent ? 2 * i : i)], &b = x[first + (adjacent ? 2 * i + 1 : i + dims / 2)];
            const double turned = a * std::cos(angle) - b * std::sin(angle);
            b = a * std::sin(angle) + b * std::cos(angle);
            a = turned;
        }
    }

    // What each head looks at: queries, keys and values [tokens, heads] as rows.
    struct Heads {
        std::vector<std::vector<Row>> queries, keys, values, gates;
        double scale = 1;
    };

    void attend(std::vector<Row>& stream) {
        const std::size_t heads = file_.shape().heads;
        Heads h;
        for (std::size_t t = 0; t < stream.size(); ++t) {
            const Row a = normed(stream[t], at_ + "attn_norm.weight");
            if (file_.shape().latent())
                latent(h, a, t);
            else
                plain(h, a, t);
        }
        for (std::size_t t = 0; t < stream.size(); ++t) {
            Row mixed;
            for (std::size_t head = 0; head < heads; ++head) {
                Row weights;
                for (std::size_t s = 0; s <= t; ++s)
                    weights.push_back(h.scale * dot(h.queries[t][head], h.keys[s][head]));
                const double most = *std::max_element(weights.begin(), weights.end());
                double sum = 0;
                for (double& w : weights) sum += w = std::exp(w - most);
                Row y(h.values[t][head].size());
                for (std::size_t s = 0; s <= t; ++s)
                    for (std::size_t i = 0; i < y.size(); ++i) y[i] += weights[s] / sum * h.values[s][head][i];
                for (std::size_t i = 0; !h.gates.empty() && i < y.size(); ++i) y[i] *= sigmoid(h.gates[t][head][i]);
                mixed.insert(mixed.end(), y.begin(), y.end());
            }
            add(stream[t], product(at_ + "attn_output", mixed));
        }
    }

    void plain(Heads& h, const Row& a, std::size_t t) {
        const ModelShape& s = file_.shape();
        const std::size_t dim = s.embd / s.heads, query = s.delta() ? 2 * dim : dim,
                          turned = s.arch == "glm4moe" ? dim / 2 : dim;
        const Row q = product(at_ + "attn_q", a), k = product(at_ + "attn_k", a), v = product(at_ + "attn_v", a);
        h.scale = 1 / std::sqrt(static_cast<double>(dim));
        for (auto* rows : {&h.queries, &h.keys, &h.values}) rows->emplace_back();
        if (s.delta()) h.gates.emplace_back();
        for (std::size_t head = 0; head < s.heads; ++head) {
            const std::size_t from = head / (s.heads / s.kv_heads) * dim;
            Row one = normed(part(q, head * query, dim), at_ + "attn_q_norm.weight"),
                key = normed(part(k, from, dim), at_ + "attn_k_norm.weight");
            rotate(one, 0, turned, t, false);
            rotate(key, 0, turned, t, false);
            h.queries.back().push_back(one);
            h.keys.back().push_back(key);
            h.values.back().push_back(part(v, from, dim));
            if (s.delta()) h.gates.back().push_back(part(q, head * query + dim, dim));
        }
    }

    void latent(Heads& h, const Row& a, std::size_t t) {
        const ModelShape& s = file_.shape();
        const std::size_t dim = s.embd / s.heads, query = dim + s.rotated;
        const bool through = file_.has_tensor(at_ + "attn_q_a.weight");
        const Row q =
            through ? product(at_ + "attn_q_b", normed(product(at_ + "attn_q_a", a), at_ + "attn_q_a_norm.weight"))
                    : product(at_ + "attn_q", a);
        const Row joint = product(at_ + "attn_kv_a_mqa", a);
        const Row l = normed(part(joint, 0, s.rank), at_ + "attn_kv_a_norm.weight");
        Row turned = part(joint, s.rank, s.rotated);
        rotate(turned, 0, s.rotated, t, true);
        h.scale = 1 / std::sqrt(static_cast<double>(query));
        for (auto* rows : {&h.queries, &h.keys, &h.values}) rows->emplace_back();
        for (std::size_t head = 0; head < s.heads; ++head) {
            Row one = part(q, head * query, query);
            rotate(one, dim, s.rotated, t, true);
            // As the paper has it: keys of the head made of the latent.
            const Row matrix = values(at_ + "attn_k_b.weight");
            Row key(dim);
            for (std::size_t r = 0; r < s.rank; ++r)
                for (std::size_t i = 0; i < dim; ++i) key[i] += matrix[(head * s.rank + r) * dim + i] * l[r];
            key.insert(key.end(), turned.begin(), turned.end());
            h.queries.back().push_back(one);
            h.keys.back().push_back(key);
            h.values.back().push_back(product(at_ + "attn_v_b", l, head));
        }
    }

    Row unit(const std::string& kind, const Row& x, std::size_t index = 0) {
        Row gate = product(at_ + "ffn_gate" + kind, x, index);
        const Row up = product(at_ + "ffn_up" + kind, x, index);
        for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = silu(gate[i]) * up[i];
        return product(at_ + "ffn_down" + kind, gate, index);
    }

    Row feed_forward(const Row& x) {
        if (!file_.has_tensor(at_ + "ffn_gate_inp.weight")) return unit("", x);
        Row scores = product(at_ + "ffn_gate_inp", x), choice;
        const bool softmax = file_.shape().delta();
        if (softmax) {
            double sum = 0;
            for (double& v : scores) sum += v = std::exp(v);
            for (double& v : scores) v /= sum;
        } else {
            for (double& v : scores) v = sigmoid(v);
        }
        choice = scores;
        if (file_.has_tensor(at_ + "exp_probs_b.bias")) add(choice, values(at_ + "exp_probs_b.bias"));
        std::vector<std::size_t> ids(scores.size());
        std::iota(ids.begin(), ids.end(), std::size_t{0});
        std::stable_sort(ids.begin(), ids.end(), [&](std::size_t a, std::size_t b) { return choice[a] > choice[b]; });
        ids.resize(file_.shape().used);
        double sum = 0;
        for (const std::size_t e : ids) sum += scores[e];
        Row y = unit("_shexp", x);
        const double shared = softmax ? sigmoid(dot(values(at_ + "ffn_gate_inp_shexp.weight"), x)) : 1;
        for (double& v : y) v *= shared;
        for (const std::size_t e : ids) {
            Row one = unit("_exps", x, e);
            for (double& v : one) v *= scores[e] / sum * (softmax ? 1 : 1.5);
            add(y, one);
        }
        return y;
    }

    ModelFile& file_;
    std::string at_;
};

}  // namespace hearth::test
