// What parity tests measured, for the table of families in README.md: one line of JSON for each comparison is appended to
// the file that HEARTH_FIGURES names, where it names one. tests/readme/families.py runs the test cases of the suite
// "figures" that way and makes the table of what they wrote; a family without figures is an error there.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

namespace hearth::test {

struct Figure {
    std::string family;   // general.architecture
    std::string form;     // "gguf" or "folder"
    std::string name;     // of the golden
    std::string of;       // the class that a folder's config.json names; empty for GGUF
    std::string measure;  // "max": largest difference by largest value; "nmse": of packed weights
    double error = 0, bound = 0;
};

inline void record(const Figure& f) {
    const char* path = std::getenv("HEARTH_FIGURES");
    if (path == nullptr) return;
    std::ofstream(path, std::ios::app) << nlohmann::json{{"family", f.family}, {"form", f.form},   {"name", f.name},
                                                         {"of", f.of},         {"measure", f.measure}, {"error", f.error},
                                                         {"bound", f.bound}}
                                       << "\n";
}

}  // namespace hearth::test
