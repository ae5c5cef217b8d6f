/// What a text in JSON must be: a JSON Schema, draft 2020-12, whose members come in their order.
///
/// ```swift
/// let person = JSONSchema.object([
///     "name": .string(minLength: 1),
///     "age": .integer(0...150),
///     "pets": .array(of: .oneOf(["cat", "dog"]), count: 0...3),
/// ], optional: ["pets"])
/// ```
public struct JSONSchema: Sendable, Hashable {
    // Behind a pointer: a schema is passed around much and looked at once. (Of values of three words, a byte among them,
    // Swift 6.0's optimiser for x86-64 loses that byte where an async function hands them to another on the stack.)
    private final class Box: Sendable {
        let value: JSONValue
        init(_ value: JSONValue) { self.value = value }
    }
    private var box: Box

    /// As JSON.
    public var value: JSONValue {
        get { box.value }
        set { box = Box(newValue) }
    }
    public var text: String { value.text }

    public static func == (a: JSONSchema, b: JSONSchema) -> Bool { a.box === b.box || a.value == b.value }
    public func hash(into hasher: inout Hasher) { hasher.combine(value) }

    public init(_ value: JSONValue) { box = Box(value) }
    /// A schema from its text. Which keywords are supported is told when it is used.
    /// - Throws: ``HearthError/badFormat(_:)`` for what is no JSON.
    public init(parsing text: String) throws { self.init(try JSONValue(parsing: text)) }

    /// Any value.
    public static let any = JSONSchema(.bool(true))
    public static let null = JSONSchema(["type": "null"])
    public static let boolean = JSONSchema(["type": "boolean"])

    /// An object of these members, all of which must be there but for those in `optional`, and of no others.
    public static func object(_ members: KeyValuePairs<String, JSONSchema>, optional: Set<String> = []) -> JSONSchema {
        object(members.map { ($0.key, $0.value) }, optional: optional)
    }

    static func object(_ members: [(String, JSONSchema)], optional: Set<String>) -> JSONSchema {
        JSONSchema([
            "type": "object",
            "properties": .object(members.map { JSONValue.Member($0.0, $0.1.value) }),
            "required": .array(members.filter { !optional.contains($0.0) }.map { .string($0.0) }),
            "additionalProperties": false,
        ])
    }

    /// An object with any keys, whose values are of one kind.
    public static func dictionary(of values: JSONSchema) -> JSONSchema {
        JSONSchema(["type": "object", "additionalProperties": values.value])
    }

    public static func array(of elements: JSONSchema, count: ClosedRange<Int>? = nil) -> JSONSchema {
        var value: JSONValue = ["type": "array", "items": elements.value]
        if let count {
            value["minItems"] = .integer(Int64(count.lowerBound))
            value["maxItems"] = .integer(Int64(count.upperBound))
        }
        return JSONSchema(value)
    }

    /// - Parameters:
    ///   - pattern: ECMA-262, without lookaround and backreferences; found anywhere unless it has `^` and `$`.
    ///   - format: `"date"`, `"uuid"`, `"email"`…
    public static func string(
        minLength: Int? = nil, maxLength: Int? = nil, pattern: String? = nil, format: String? = nil
    ) -> JSONSchema {
        var value: JSONValue = ["type": "string"]
        if let minLength { value["minLength"] = .integer(Int64(minLength)) }
        if let maxLength { value["maxLength"] = .integer(Int64(maxLength)) }
        if let pattern { value["pattern"] = .string(pattern) }
        if let format { value["format"] = .string(format) }
        return JSONSchema(value)
    }

    public static func integer(_ range: ClosedRange<Int>? = nil) -> JSONSchema {
        var value: JSONValue = ["type": "integer"]
        if let range {
            value["minimum"] = .integer(Int64(range.lowerBound))
            value["maximum"] = .integer(Int64(range.upperBound))
        }
        return JSONSchema(value)
    }

    public static func number(_ range: ClosedRange<Double>? = nil) -> JSONSchema {
        var value: JSONValue = ["type": "number"]
        if let range {
            value["minimum"] = .number(range.lowerBound)
            value["maximum"] = .number(range.upperBound)
        }
        return JSONSchema(value)
    }

    /// One of these texts.
    public static func oneOf(_ texts: [String]) -> JSONSchema {
        JSONSchema(["type": "string", "enum": .array(texts.map(JSONValue.string))])
    }

    /// What one of the schemas allows.
    public static func any(of schemas: [JSONSchema]) -> JSONSchema { JSONSchema(["anyOf": .array(schemas.map(\.value))]) }

    /// The same, or null.
    public var nullable: JSONSchema { .any(of: [self, .null]) }

    /// The same with a sentence for the model, which tools' parameters show it. It allows nothing else.
    public func described(_ text: String) -> JSONSchema {
        var described = self
        if case .object = value { described.value["description"] = .string(text) }
        return described
    }
}

/// A type that tells which JSON its values are decoded from. Types that are `Decodable` need not: see
/// ``JSONSchema/init(of:)``.
public protocol SchemaDescribing {
    static var schema: JSONSchema { get }
}

extension JSONSchema: Codable {
    public init(from decoder: any Decoder) throws { self.init(try JSONValue(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}
