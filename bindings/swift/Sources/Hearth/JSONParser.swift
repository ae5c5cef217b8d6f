/// Reads JSON (RFC 8259) with the members of objects in their order, which Foundation's reader does not keep.
struct JSONParser {
    private let bytes: [UInt8]
    private var at = 0

    static func parse(_ text: String) throws -> JSONValue {
        var parser = JSONParser(bytes: Array(text.utf8))
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        if parser.at < parser.bytes.count { throw parser.failure("text behind the value") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func failure(_ what: String) -> HearthError { .badFormat("byte \(at) of the JSON text: \(what)") }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || (0x09...0x0D).contains(bytes[at]) && bytes[at] != 0x0B && bytes[at] != 0x0C {
            at += 1
        }
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard at < bytes.count, bytes[at] == byte.asciiValue else { return false }
        at += 1
        return true
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws -> JSONValue {
        guard bytes[at...].starts(with: word.utf8) else { throw failure("no value") }
        at += word.utf8.count
        return value
    }

    private mutating func value(depth: Int) throws -> JSONValue {
        if depth > 200 { throw failure("more than 200 values within each other") }
        skipSpace()
        guard at < bytes.count else { throw failure("the text ends where a value is expected") }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(_ depth: Int) throws -> JSONValue {
        at += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw failure("expected the key of a member") }
            let key = try string()
            skipSpace()
            if !take(":") { throw failure("expected ':'") }
            members.append(JSONValue.Member(key, try value(depth: depth + 1)))
            skipSpace()
        } while take(",")
        if !take("}") { throw failure("expected ',' or '}'") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        if !take("]") { throw failure("expected ',' or ']'") }
        return .array(elements)
    }

    private mutating func digits() -> Int {
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
        return at - start
    }

    private mutating func number() throws -> JSONValue {
        let start = at
        _ = take("-")
        let first = at
        let whole = digits()
        if whole == 0 || (whole > 1 && bytes[first] == 0x30) { throw failure("no value") }
        var integral = true
        if take(".") {
            integral = false
            if digits() == 0 { throw failure("expected digits") }
        }
        if take("e") || take("E") {
            integral = false
            if !take("+") { _ = take("-") }
            if digits() == 0 { throw failure("expected digits") }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if integral, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw failure("the number \(text) is too large") }
        return .number(number)
    }

    private mutating func string() throws -> String {
        at += 1
        var out: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): out.append(contentsOf: String(Character(try escape())).utf8)
            case 0..<0x20: throw failure("a control character in a string")
            default: out.append(byte)
            }
        }
        throw failure("the text ends within a string")
    }

    private mutating func escape() throws -> Unicode.Scalar {
        guard at < bytes.count else { throw failure("the text ends within a string") }
        at += 1
        switch bytes[at - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw failure("an escape that JSON does not have")
        }
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // Half of a pair; one that stands alone becomes U+FFFD.
        let second = at
        if first < 0xDC00, take("\\"), take("u") {
            let low = try hexadecimal()
            if (0xDC00..<0xE000).contains(low), let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00)) {
                return scalar
            }
        }
        at = second
        return "\u{FFFD}"
    }

    private mutating func hexadecimal() throws -> UInt32 {
        guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw failure("expected four hexadecimal digits") }
        at += 4
        return value
    }
}
