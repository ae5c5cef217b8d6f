#include "hearth/base/cpu.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

using namespace hearth;

TEST_CASE("cpu: the list is in order, names are unique, scalar always runs") {
    const auto list = isa_list();
    REQUIRE(!list.empty());
    CHECK(list[0].name == "scalar");
    CHECK(list[0].available);
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
        CHECK(static_cast<std::size_t>(list[i].isa) == i);
        CHECK(names.insert(list[i].name).second);
        CHECK((!list[i].available || list[i].built));
        CHECK(&isa_info(list[i].isa) == &list[i]);
        CHECK((list[i].base < list[i].isa || i == 0));
        CHECK((!list[i].available || isa_info(list[i].base).available));
        CHECK(!(list[i].available && list[i].refused));
    }
}

TEST_CASE("cpu: the best set is available and none after it is") {
    const Isa best = best_isa();
    CHECK(isa_info(best).available);
    for (const IsaInfo& info : isa_list()) CHECK((!info.available || info.isa <= best));
    CHECK(*isa_by_name("") == best);
    CHECK(*isa_by_name("auto") == best);
}

TEST_CASE("cpu: each set is found by name, or refused with the reason") {
    for (const IsaInfo& info : isa_list()) {
        const auto found = isa_by_name(info.name);
        CHECK(found.ok() == info.available);
        if (found.ok()) {
            CHECK(*found == info.isa);
        } else {
            CHECK(found.status().code() == Code::isa_unavailable);
            CHECK(found.status().message().find(info.name) != std::string::npos);
        }
    }
}

TEST_CASE("cpu: an unknown name is refused and the message lists what runs") {
    for (const char* name : {"avx3", "AVX2", "scalar ", " "}) {
        const auto found = isa_by_name(name);
        REQUIRE(!found.ok());
        CHECK(found.status().code() == Code::isa_unavailable);
        CHECK(found.status().message().find(name) != std::string::npos);
        CHECK(found.status().message().find("scalar") != std::string::npos);
    }
}

#if defined(__linux__) && defined(__x86_64__)
TEST_CASE("cpu: detection agrees with the kernel's list of features") {
    std::ifstream in("/proc/cpuinfo");
    std::string line, flags;
    while (std::getline(in, line))
        if (line.rfind("flags", 0) == 0) flags = line + " ";
    REQUIRE(!flags.empty());
    auto has = [&](std::string name) {
        if (name == "avx512vnni") name = "avx512_vnni";
        if (name == "avxvnni") name = "avx_vnni";
        if (name == "amx-tile") name = "amx_tile";
        if (name == "amx-int8") name = "amx_int8";
        return flags.find(" " + name + " ") != std::string::npos;
    };
    for (const IsaInfo& info : isa_list()) {
        if (!info.built) continue;
        bool all = true;
        std::string needs(info.needs);
        for (std::size_t at = 0; at < needs.size();) {
            const std::size_t end = std::min(needs.find(' ', at), needs.size());
            all = all && has(needs.substr(at, end - at));
            at = end + 1;
        }
        CHECK_MESSAGE((info.available || info.refused) == all, info.name);
    }
}
#endif

#if defined(__aarch64__)
TEST_CASE("cpu: neon runs on every 64-bit Arm") {
    CHECK(isa_by_name("neon").ok());
    CHECK(!isa_by_name("avx2").ok());
}
#endif
