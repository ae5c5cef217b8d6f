// Python's datetime.strftime in the C locale, without the C library's: it reads the locale and the time zone of the
// host.
#include <array>
#include <chrono>
#include <ctime>

#include "hearth/base/cat.hpp"
#include "text/jinja/interpreter.hpp"

namespace hearth::text::jinja {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
int days_of(std::int64_t year, int month) {
    static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}
// From 1, the first of January.
int day_of_year(const Moment& m) {
    int days = m.day;
    for (int month = 1; month < m.month; ++month) days += days_of(m.year, month);
    return days;
}
// 0 is Monday.
int weekday(const Moment& m) {
    const std::int64_t y = m.year - 1;
    return static_cast<int>((y * 365 + y / 4 - y / 100 + y / 400 + day_of_year(m) - 1) % 7);
}
std::int64_t days_since_1970(const Moment& m) {
    const std::int64_t y = m.year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year(m) - 719163;
}

// The year and week of ISO 8601.
void iso_week(const Moment& m, std::int64_t& year, int& week) {
    const int thursday = day_of_year(m) - weekday(m) + 3;  // of this week
    year = m.year;
    if (thursday < 1) {
        --year;
        week = (thursday + (is_leap(year) ? 366 : 365) - 1) / 7 + 1;
        return;
    }
    const int length = is_leap(m.year) ? 366 : 365;
    if (thursday > length) {
        ++year;
        week = 1;
        return;
    }
    week = (thursday - 1) / 7 + 1;
}

std::string padded(std::int64_t value, std::size_t width, char fill = '0') {
    std::string text = cat(value);
    return text.size() < width ? std::string(width - text.size(), fill) + text : text;
}

// One conversion; false where there is none of that letter.
bool append_field(std::string& out, const Moment& m, char c, char flag) {
    const auto number = [&](std::int64_t value, std::size_t width, char fill = '0') {
        if (flag == '-') width = 1;
        if (flag == '_') fill = ' ';
        if (flag == '0') fill = '0';
        out += padded(value, width, fill);
    };
    const auto all = [&](std::string_view fields) {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i] == '%')
                append_field(out, m, fields[++i], '\0');
            else
                out += fields[i];
        }
    };
    const int day = weekday(m), hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
    std::int64_t iso_year = 0;
    int week = 0;
    iso_week(m, iso_year, week);
    switch (c) {
        case 'a':
            out += kDays[static_cast<std::size_t>(day)].substr(0, 3);
            return true;
        case 'A':
            out += kDays[static_cast<std::size_t>(day)];
            return true;
        case 'b':
        case 'h':
            out += kMonths[static_cast<std::size_t>(m.month - 1)].substr(0, 3);
            return true;
        case 'B':
            out += kMonths[static_cast<std::size_t>(m.month - 1)];
            return true;
        case 'c':
            all("%a %b %e %H:%M:%S %Y");
            return true;
        case 'C':
            number(m.year / 100, 2);
            return true;
        case 'd':
            number(m.day, 2);
            return true;
        case 'D':
        case 'x':
            all("%m/%d/%y");
            return true;
        case 'e':
            number(m.day, 2, ' ');
            return true;
        case 'f':
            out += padded(m.microsecond, 6);
            return true;
        case 'F':
            all("%Y-%m-%d");
            return true;
        case 'g':
            number(iso_year % 100, 2);
            return true;
        case 'G':
            number(iso_year, 4);
            return true;
        case 'H':
            number(m.hour, 2);
            return true;
        case 'I':
            number(hour12, 2);
            return true;
        case 'j':
            number(day_of_year(m), 3);
            return true;
        case 'k':
            number(m.hour, 2, ' ');
            return true;
        case 'l':
            number(hour12, 2, ' ');
            return true;
        case 'm':
            number(m.month, 2);
            return true;
        case 'M':
            number(m.minute, 2);
            return true;
        case 'n':
            out += '\n';
            return true;
        case 'p':
            out += m.hour < 12 ? "AM" : "PM";
            return true;
        case 'P':
            out += m.hour < 12 ? "am" : "pm";
            return true;
        case 'r':
            all("%I:%M:%S %p");
            return true;
        case 'R':
            all("%H:%M");
            return true;
        case 's':
            out += cat(days_since_1970(m) * 86400 + m.hour * 3600 + m.minute * 60 + m.second);
            return true;
        case 'S':
            number(m.second, 2);
            return true;
        case 't':
            out += '\t';
            return true;
        case 'T':
        case 'X':
            all("%H:%M:%S");
            return true;
        case 'u':
            number(day + 1, 1);
            return true;
        case 'U':
            number((day_of_year(m) + 6 - (day + 1) % 7) / 7, 2);
            return true;
        case 'V':
            number(week, 2);
            return true;
        case 'w':
            number((day + 1) % 7, 1);
            return true;
        case 'W':
            number((day_of_year(m) + 6 - day) / 7, 2);
            return true;
        case 'y':
            number(m.year % 100, 2);
            return true;
        case 'Y':
            number(m.year, 1);
            return true;
        case 'z':
        case 'Z':
            return true;  // the time has no zone
        case '%':
            out += '%';
            return true;
        default:
            return false;
    }
}

}  // namespace

Value format_moment(Run& run, const Moment& moment, std::string_view format) {
    std::string out;
    if (!run.work_text(format.size() * 32) || !run.room(format.size() * 32)) return {};
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' || i + 1 == format.size()) {
            out += format[i];
            continue;
        }
        std::size_t at = i + 1;
        const char flag = format[at] == '-' || format[at] == '_' || format[at] == '0' ? format[at] : '\0';
        if (flag != '\0') ++at;
        if (at < format.size() && append_field(out, moment, format[at], flag))
            i = at;
        else
            out += '%';  // stands for itself
    }
    return run.text(std::move(out));
}

bool parse_moment(std::string_view text, Moment& out) {
    std::size_t i = 0;
    const auto number = [&](std::size_t digits, int lowest, int highest, auto& value) {
        int n = 0;
        for (std::size_t end = i + digits; i < end; ++i) {
            if (i >= text.size() || text[i] < '0' || text[i] > '9') return false;
            n = n * 10 + (text[i] - '0');
        }
        value = n;
        return n >= lowest && n <= highest;
    };
    const auto skip = [&](char c) { return i < text.size() && text[i] == c && ++i != 0; };
    Moment m;
    if (!number(4, 1, 9999, m.year) || !skip('-') || !number(2, 1, 12, m.month) || !skip('-') ||
        !number(2, 1, 31, m.day))
        return false;
    if (m.day > days_of(m.year, m.month)) return false;
    if (i < text.size()) {
        if (!skip('T') && !skip(' ')) return false;
        if (!number(2, 0, 23, m.hour) || !skip(':') || !number(2, 0, 59, m.minute)) return false;
        if (skip(':') && !number(2, 0, 59, m.second)) return false;
        if (skip('.')) {
            int scale = 100'000;
            const std::size_t begin = i;
            for (; i < text.size() && text[i] >= '0' && text[i] <= '9' && scale > 0; ++i, scale /= 10)
                m.microsecond += scale * (text[i] - '0');
            if (i == begin) return false;
        }
        if (!skip('Z') && i < text.size() && (text[i] == '+' || text[i] == '-')) {  // a zone, which nothing tells
            int ignored = 0;
            ++i;
            if (!number(2, 0, 23, ignored) || (skip(':') && !number(2, 0, 59, ignored))) return false;
        }
    }
    if (i != text.size()) return false;
    out = m;
    return true;
}

Moment current_moment() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm local{};
    Moment m;
    if (localtime_r(&seconds, &local) == nullptr) return m;
    m.year = local.tm_year + 1900;
    m.month = local.tm_mon + 1;
    m.day = local.tm_mday;
    m.hour = local.tm_hour;
    m.minute = local.tm_min;
    m.second = local.tm_sec < 60 ? local.tm_sec : 59;
    const auto micro =
        std::chrono::duration_cast<std::chrono::microseconds>(now - std::chrono::system_clock::from_time_t(seconds));
    m.microsecond = static_cast<int>(micro.count() % 1'000'000);
    return m;
}

}  // namespace hearth::text::jinja
