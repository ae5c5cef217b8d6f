#include "hearth/base/metadata.hpp"

#include <doctest/doctest.h>

#include "hearth/base/tensor.hpp"

using namespace hearth;

namespace {

template <class... T>
Metadata with(T... value) {
    Metadata m;
    (m.insert("key", MetaValue(value)), ...);
    return m;
}

using Uints = std::vector<std::uint64_t>;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<double>;
using Strings = std::vector<std::string>;
using Bools = std::vector<bool>;

// The error names the key and both kinds.
template <class R>
void check_refused(const R& result, const char* found, const char* expected) {
    REQUIRE(!result.ok());
    CHECK(result.status().code() == Code::malformed);
    const std::string& text = result.status().message();
    CHECK_MESSAGE(text.find("'key'") != std::string::npos, text);
    CHECK_MESSAGE(text.find(found) != std::string::npos, text);
    CHECK_MESSAGE(text.find(expected) != std::string::npos, text);
}

const std::vector<MetaValue>& every_kind() {
    static const std::vector<MetaValue> values{
        true,        std::uint64_t{5}, std::int64_t{-5}, 1.5,         std::string("text"),
        Bools{true}, Uints{1, 2},      Ints{-1, 2},      Floats{0.5}, Strings{"a", "b"}};
    return values;
}

}  // namespace

TEST_CASE("metadata: an absent key is no error for any getter") {
    const Metadata m;
    CHECK(m.find("key") == nullptr);
    CHECK(!m.get_uint("key")->has_value());
    CHECK(!m.get_int("key")->has_value());
    CHECK(!m.get_float("key")->has_value());
    CHECK(!m.get_bool("key")->has_value());
    CHECK(!m.get_string("key")->has_value());
    CHECK(!m.get_uints("key")->has_value());
    CHECK(!m.get_floats("key")->has_value());
    CHECK(*m.get_strings("key") == nullptr);
}

TEST_CASE("metadata: a key is inserted once") {
    Metadata m;
    CHECK(m.insert("key", std::uint64_t{1}));
    CHECK(!m.insert("key", std::uint64_t{2}));
    CHECK(*m.get_uint("key") == std::uint64_t{1});
}

TEST_CASE("metadata: integers convert when they fit") {
    CHECK(**with(std::int64_t{7}).get_uint("key") == 7);
    CHECK(**with(std::uint64_t{7}).get_int("key") == 7);
    CHECK(**with(std::uint64_t{INT64_MAX}).get_int("key") == INT64_MAX);
    CHECK(**with(std::uint64_t{7}).get_float("key") == 7.0);
    CHECK(**with(std::int64_t{-7}).get_float("key") == -7.0);
    check_refused(with(std::int64_t{-1}).get_uint("key"), "an integer", "an unsigned integer");
    check_refused(with(std::uint64_t{INT64_MAX} + 1).get_int("key"), "an unsigned integer", "an integer");
}

TEST_CASE("metadata: each getter accepts its own kinds only") {
    // Columns: uint, int, float, bool, string, uints, floats, strings; rows in the order of MetaValue.
    const bool accepted[10][8] = {
        {0, 0, 0, 1, 0, 0, 0, 0},  // bool never becomes a number
        {1, 1, 1, 0, 0, 1, 1, 0},  // 5
        {0, 1, 1, 0, 0, 0, 1, 0},  // -5
        {0, 0, 1, 0, 0, 0, 1, 0},  // 1.5
        {0, 0, 0, 0, 1, 0, 0, 0},  // text
        {0, 0, 0, 0, 0, 1, 0, 0},  // bools: flags per layer count as 0 and 1
        {0, 0, 0, 0, 0, 1, 1, 0},  // unsigned integers
        {0, 0, 0, 0, 0, 0, 1, 0},  // integers with a negative one
        {0, 0, 0, 0, 0, 0, 1, 0},  // floats
        {0, 0, 0, 0, 0, 0, 0, 1},  // strings
    };
    for (std::size_t row = 0; row < every_kind().size(); ++row) {
        CAPTURE(row);
        Metadata m;
        m.insert("key", every_kind()[row]);
        CHECK(m.get_uint("key").ok() == accepted[row][0]);
        CHECK(m.get_int("key").ok() == accepted[row][1]);
        CHECK(m.get_float("key").ok() == accepted[row][2]);
        CHECK(m.get_bool("key").ok() == accepted[row][3]);
        CHECK(m.get_string("key").ok() == accepted[row][4]);
        CHECK(m.get_uints("key").ok() == accepted[row][5]);
        CHECK(m.get_floats("key").ok() == accepted[row][6]);
        CHECK(m.get_strings("key").ok() == accepted[row][7]);
    }
    check_refused(with(true).get_uint("key"), "a bool", "an unsigned integer");
    check_refused(with(std::string("x")).get_float("key"), "a string", "a number");
    check_refused(with(Strings{"x"}).get_uints("key"), "an array of strings", "unsigned integers");
    check_refused(with(1.5).get_strings("key"), "a float", "an array of strings");
}

TEST_CASE("metadata: values come back whole") {
    CHECK(**with(std::string("te\0xt", 5)).get_string("key") == std::string("te\0xt", 5));
    CHECK(**with(true).get_bool("key") == true);
    CHECK(**with(1.5).get_float("key") == 1.5);
    CHECK(**with(Uints{1, 2, 3}).get_uints("key") == Uints{1, 2, 3});
    CHECK(**with(Ints{1, 2, 3}).get_uints("key") == Uints{1, 2, 3});
    CHECK(**with(Bools{true, false}).get_uints("key") == Uints{1, 0});
    CHECK(**with(Ints{-1, 2}).get_floats("key") == Floats{-1, 2});
    CHECK(**with(Uints{}).get_uints("key", 4) == Uints{});
    const Metadata m = with(Strings{"a", "b"});
    CHECK(**m.get_strings("key") == Strings{"a", "b"});
}

TEST_CASE("metadata: a scalar stands for one entry per layer") {
    CHECK(**with(std::uint64_t{8}).get_uints("key", 3) == Uints{8, 8, 8});
    CHECK(**with(std::uint64_t{8}).get_uints("key") == Uints{8});
    CHECK(**with(0.5).get_floats("key", 2) == Floats{0.5, 0.5});
}

TEST_CASE("metadata: shapes are written as GGUF orders them") {
    TensorInfo info;
    info.dims = 2;
    info.shape = {4096, 32, 1, 1};
    CHECK(shape_text(info) == "{4096, 32}");
    CHECK(info.elements() == 4096 * 32);
    CHECK(info.rows() == 32);
    CHECK(shape_text(TensorInfo()) == "{}");
}
