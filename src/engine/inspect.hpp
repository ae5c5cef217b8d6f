// What inspect and load both make of an opened file.
#pragma once

#include <memory>
#include <string>

#include "hearth/engine/engine.hpp"

namespace hearth {

struct Understanding {
    Result<std::unique_ptr<Blueprint>> blueprint;
    Result<std::unique_ptr<Tokenizer>> tokenizer;
    Trouble part;  // that the blueprint failed for
};
// Throws Stopped where `stop` says so.
Understanding understand(const ModelFile& file, const Stop* stop = nullptr);

// hearth.h's description as JSON.
std::string inspection_text(const ModelFile& file, const Understanding& model, std::size_t workers);

}  // namespace hearth
