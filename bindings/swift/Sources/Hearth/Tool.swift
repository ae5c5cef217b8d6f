import Foundation

/// Something that a model may ask for: its name and description, the schema of its arguments, and the function that does it.
///
/// ```swift
/// struct Timer: Codable, Sendable { let minutes: Int; let label: String? }
/// let timer = try Tool("set_timer", "Rings after some minutes.") { (timer: Timer) in
///     "The timer rings in \(timer.minutes) minutes."
/// }
/// ```
public struct Tool: Sendable {
    public let name: String
    public let description: String
    public let parameters: JSONSchema
    /// From the JSON text of the arguments to the text that the model is told; nil: the host answers calls itself.
    let body: (@Sendable (String) async throws -> String)?

    /// A function of arguments that are decoded from what the model writes. What it returns is told as text: a `String` as
    /// it is, other values as JSON. Errors that it throws are told to the model as a result, but for cancellation.
    /// - Parameter parameters: nil for ``JSONSchema/init(of:)`` of the arguments' type.
    /// - Throws: ``HearthError/unsupported(_:)`` for arguments whose schema cannot be found out.
    public init<Arguments: Decodable & Sendable, Output: Encodable & Sendable>(
        _ name: String, _ description: String, parameters: JSONSchema? = nil,
        _ body: @escaping @Sendable (Arguments) async throws -> Output
    ) throws {
        self.name = name
        self.description = description
        self.parameters = try parameters ?? JSONSchema(of: Arguments.self)
        self.body = { text in
            let arguments = try JSONDecoder().decode(Arguments.self, from: Data(text.utf8))
            let output = try await body(arguments)
            return if let text = output as? String { text } else { try JSONValue(encoding: output).text }
        }
    }

    /// A tool that the host answers itself: a turn ends behind its calls, and the conversation goes on with
    /// ``Message/tool(_:for:)``.
    public init(_ name: String, _ description: String, parameters: JSONSchema) {
        self.name = name
        self.description = description
        self.parameters = parameters
        body = nil
    }

    /// A tool that is a type of its own.
    public init<T: CallableTool>(_ tool: T) throws {
        try self.init(tool.name, tool.description, parameters: tool.parameters) { (arguments: T.Arguments) in
            try await tool.call(arguments)
        }
    }

    /// As chat templates take it.
    public var definition: JSONValue {
        [
            "type": "function",
            "function": [
                "name": .string(name), "description": .string(description), "parameters": parameters.value,
            ],
        ]
    }
}

/// A tool as a type.
public protocol CallableTool: Sendable {
    associatedtype Arguments: Decodable & Sendable
    associatedtype Output: Encodable & Sendable
    var name: String { get }
    var description: String { get }
    /// nil for ``JSONSchema/init(of:)`` of the arguments' type.
    var parameters: JSONSchema? { get }
    func call(_ arguments: Arguments) async throws -> Output
}

extension CallableTool {
    public var parameters: JSONSchema? { nil }
}

/// A call that a model wrote, whole.
public struct ToolCall: Sendable, Hashable {
    /// Within its turn, from 0.
    public let index: Int
    public let id: String
    public let name: String
    /// JSON.
    public let arguments: String

    public func decode<T: Decodable>(as type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(arguments.utf8))
    }
}

/// What a call came to.
public struct ToolResult: Sendable, Hashable {
    public let call: ToolCall
    /// What the model is told.
    public let text: String
    /// The tool threw, the arguments were not what it takes, or there is no such tool; `text` says so.
    public let failed: Bool
}

/// One message of a conversation, as chat templates take it.
public struct Message: Sendable, Hashable {
    /// All of its members; those of assistants are made by the parser of the model's dialect.
    public var json: JSONValue

    public init(json: JSONValue) { self.json = json }
    public init(role: String, content: String) { json = ["role": .string(role), "content": .string(content)] }

    public static func system(_ content: String) -> Message { Message(role: "system", content: content) }
    public static func user(_ content: String) -> Message { Message(role: "user", content: content) }
    public static func assistant(_ content: String) -> Message { Message(role: "assistant", content: content) }
    /// The result of a call.
    public static func tool(_ content: String, for call: ToolCall) -> Message {
        Message(json: [
            "role": "tool", "tool_call_id": .string(call.id), "name": .string(call.name), "content": .string(content),
        ])
    }

    public var role: String { json["role"]?.string ?? "" }
    public var content: String { json["content"]?.string ?? "" }
    public var reasoning: String { json["reasoning_content"]?.string ?? "" }
    /// The calls of an assistant's message.
    public var toolCalls: [ToolCall] {
        (json["tool_calls"]?.array ?? []).enumerated().map { index, call in
            let arguments = call["function"]?["arguments"]
            return ToolCall(
                index: index, id: call["id"]?.string ?? "", name: call["function"]?["name"]?.string ?? "",
                arguments: arguments?.string ?? arguments?.text ?? "{}")
        }
    }
}
