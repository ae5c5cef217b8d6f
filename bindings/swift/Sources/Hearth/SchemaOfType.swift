import Foundation

extension JSONSchema {
    /// The schema of the JSON that a type is decoded from: the one that it describes itself (``SchemaDescribing``), else one
    /// that is found by having it decoded once and watching what it asks for. So custom coding keys and `init(from:)` are
    /// seen; members that are optional may be missing.
    ///
    /// Known are structures of other known types, arrays, sets, dictionaries with keys of text, optionals, texts, numbers,
    /// `Bool`, `UUID`, `URL`, ``JSONValue``, and enumerations that are `CaseIterable` with raw values.
    /// - Throws: ``HearthError/unsupported(_:)`` for others, types that refuse the values that they are shown, and types
    ///   within themselves.
    public init(of type: (some Decodable).Type) throws { self = try Probe.look(type, at: type, depth: 0).schema }
}

/// What a look at a type brings: any value of it, and the schema.
private struct Probe<T> {
    let value: T
    let schema: JSONSchema
}

/// Containers, which hold nothing when they are decoded from what is shown to them.
private protocol ProbedContainer {
    static func probe(depth: Int) throws -> (value: Any, schema: JSONSchema)
}

extension Array: ProbedContainer where Element: Decodable {
    static func probe(depth: Int) throws -> (value: Any, schema: JSONSchema) {
        ([Element](), .array(of: try Probe<Element>.look(Element.self, at: self, depth: depth).schema))
    }
}
extension Set: ProbedContainer where Element: Decodable {
    static func probe(depth: Int) throws -> (value: Any, schema: JSONSchema) {
        (Set<Element>(), .array(of: try Probe<Element>.look(Element.self, at: self, depth: depth).schema))
    }
}
extension Dictionary: ProbedContainer where Key == String, Value: Decodable {
    static func probe(depth: Int) throws -> (value: Any, schema: JSONSchema) {
        ([String: Value](), .dictionary(of: try Probe<Value>.look(Value.self, at: self, depth: depth).schema))
    }
}
extension Optional: ProbedContainer where Wrapped: Decodable {
    static func probe(depth: Int) throws -> (value: Any, schema: JSONSchema) {
        let found = try Probe<Wrapped>.look(Wrapped.self, at: self, depth: depth)
        return (Wrapped?.some(found.value) as Any, found.schema.nullable)
    }
}

extension Probe where T: Decodable {
    static func look(_ type: T.Type, at place: Any.Type, depth: Int) throws -> Probe {
        if depth > 32 {
            throw HearthError.unsupported("\(place): more than 32 types within each other; give a schema (SchemaDescribing)")
        }
        if let describing = type as? any SchemaDescribing.Type {
            let schema = describing.schema
            guard depth > 0 else { return Probe(value: try sample(schema, type), schema: schema) }
            return Probe(value: try sample(schema, type), schema: schema)
        }
        if let (value, schema) = plain(type) { return Probe(value: value, schema: schema) }
        if let container = type as? any ProbedContainer.Type {
            let found = try container.probe(depth: depth + 1)
            if let value = found.value as? T { return Probe(value: value, schema: found.schema) }
        }
        if let cases = type as? any CaseIterable.Type, let found = enumeration(cases) { return found }
        let watcher = Watcher(type: type, depth: depth)
        do {
            let value = try T(from: watcher)
            return Probe(value: value, schema: try watcher.schema())
        } catch let error as HearthError {
            throw error
        } catch {
            throw HearthError.unsupported(
                "the JSON of \(type) cannot be found out, because it refuses a value that it was shown (\(error)); "
                    + "make it CaseIterable or give its schema (SchemaDescribing)")
        }
    }

    private static func plain(_ type: T.Type) -> (T, JSONSchema)? {
        let known: (Any, JSONSchema)? =
            switch type {
            case is Bool.Type: (false, .boolean)
            case is String.Type: ("", .string())
            case is Double.Type: (0.0, .number())
            case is Float.Type: (Float(0), .number())
            case is UUID.Type: (UUID(), .string(format: "uuid"))
            case is URL.Type: (URL(fileURLWithPath: "/"), .string())
            case is JSONValue.Type: (JSONValue.null, .any)
            default: integer(type)
            }
        guard let known, let value = known.0 as? T else { return nil }
        return (value, known.1)
    }

    private static func integer(_ type: T.Type) -> (Any, JSONSchema)? {
        guard let type = type as? any FixedWidthInteger.Type else { return nil }
        func bounds<I: FixedWidthInteger>(_ type: I.Type) -> (Any, JSONSchema) {
            let range = Int(clamping: I.min)...Int(clamping: I.max)
            return (I.zero, I.bitWidth < 64 ? .integer(range) : .integer(I.isSigned ? nil : 0...Int.max))
        }
        return bounds(type)
    }

    private static func enumeration(_ type: any CaseIterable.Type) -> Probe? {
        func all<C: CaseIterable>(_ type: C.Type) -> [Any] { type.allCases.map { $0 } }
        let cases = all(type)
        guard let first = cases.first as? T else { return nil }
        let raw = cases.map { one in (one as? any RawRepresentable).map { $0.rawValue as Any } }
        let texts = raw.compactMap { $0 as? String }
        if texts.count == cases.count { return Probe(value: first, schema: .oneOf(texts)) }
        let numbers = raw.compactMap { ($0 as? any BinaryInteger).flatMap { Int64(exactly: $0) } }
        guard numbers.count == cases.count else { return nil }
        return Probe(value: first, schema: JSONSchema(["enum": .array(numbers.map(JSONValue.integer))]))
    }

    /// A value of a type that describes itself: the least that its schema allows.
    private static func sample(_ schema: JSONSchema, _ type: T.Type) throws -> T {
        do {
            return try least(schema.value).decode(as: type)
        } catch {
            throw HearthError.unsupported("\(type) is not decoded from the least value of its own schema: \(error)")
        }
    }

    private static func least(_ schema: JSONValue) -> JSONValue {
        if let value = schema["const"] ?? schema["enum"]?[0] { return value }
        if let first = schema["anyOf"]?[0] ?? schema["oneOf"]?[0] { return least(first) }
        switch schema["type"]?.string ?? schema["type"]?[0]?.string {
        case "string": return .string(String(repeating: "a", count: schema["minLength"]?.int ?? 0))
        case "integer", "number": return schema["minimum"] ?? .integer(0)
        case "boolean": return .bool(false)
        case "array": return .array(Array(repeating: least(schema["items"] ?? .null), count: schema["minItems"]?.int ?? 0))
        case "object":
            var value: JSONValue = [:]
            for key in (schema["required"]?.array ?? []).compactMap(\.string) {
                value[key] = least(schema["properties"]?[key] ?? .null)
            }
            return value
        default: return .null
        }
    }
}

/// A decoder that has nothing to decode and notes what is asked of it.
private final class Watcher: Decoder {
    let type: Any.Type
    let depth: Int
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private var members: [(String, JSONSchema)] = []
    private var optional: Set<String> = []
    private var other: JSONSchema?
    private var keyed = false

    init(type: Any.Type, depth: Int) {
        self.type = type
        self.depth = depth
    }

    func schema() throws -> JSONSchema {
        if let other, !keyed { return other }
        if keyed, other == nil { return .object(members, optional: optional) }
        throw refused("it asks for values in a way that has no schema")
    }

    func refused(_ why: String) -> HearthError {
        .unsupported("the JSON of \(type) cannot be found out: \(why); give its schema (SchemaDescribing)")
    }

    func note<T: Decodable>(_ key: String, _ type: T.Type) throws -> T {
        let found = try Probe<T>.look(type, at: self.type, depth: depth + 1)
        if !members.contains(where: { $0.0 == key }) { members.append((key, found.schema)) }
        return found.value
    }
    func noteOptional<T: Decodable>(_ key: String, _ type: T.Type) throws {
        _ = try note(key, type)
        optional.insert(key)
    }
    func noteWhole<T: Decodable>(_ type: T.Type, _ wrap: (JSONSchema) -> JSONSchema) throws -> T {
        let found = try Probe<T>.look(type, at: self.type, depth: depth + 1)
        other = wrap(found.schema)
        return found.value
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        keyed = true
        return KeyedDecodingContainer(Members<Key>(watcher: self))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw refused("it decodes a list by hand") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { Whole(watcher: self) }

    struct Whole: SingleValueDecodingContainer {
        let watcher: Watcher
        var codingPath: [any CodingKey] { [] }
        func decodeNil() -> Bool { false }
        func decode<T: Decodable>(_ type: T.Type) throws -> T { try watcher.noteWhole(type) { $0 } }
    }

    struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let watcher: Watcher
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }
        func contains(_ key: Key) -> Bool { true }
        func decodeNil(forKey key: Key) throws -> Bool { false }
        func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try watcher.note(key.stringValue, type) }

        // The members that may be missing. Those of plain types have requirements of their own.
        func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? { try maybe(type, key) }
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try maybe(type, key) }
        func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try maybe(type, key) }
        func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try maybe(type, key) }
        func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? { try maybe(type, key) }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try maybe(type, key) }
        func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? { try maybe(type, key) }
        func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? { try maybe(type, key) }
        func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try maybe(type, key) }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try maybe(type, key) }
        func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? { try maybe(type, key) }
        func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? { try maybe(type, key) }
        func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try maybe(type, key) }
        func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try maybe(type, key) }
        func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try maybe(type, key) }
        private func maybe<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T? {
            try watcher.noteOptional(key.stringValue, type)
            return nil
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { throw watcher.refused("it decodes \(key.stringValue) by hand") }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw watcher.refused("it decodes \(key.stringValue) by hand")
        }
        func superDecoder() throws -> any Decoder { throw watcher.refused("it has a superclass") }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw watcher.refused("it has a superclass") }
    }
}
