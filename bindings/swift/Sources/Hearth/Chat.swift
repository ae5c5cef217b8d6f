import CHearth

/// What a reply reports, as it happens.
public enum ChatEvent: Sendable, Hashable {
    /// The next part of the answer.
    case content(String)
    /// The next part of the reasoning before it.
    case reasoning(String)
    /// The model begins a call of a tool.
    case toolBegin(index: Int, id: String, name: String)
    /// The next part of its arguments, which together are one JSON value.
    case toolArguments(index: Int, text: String)
    /// A call is whole.
    case toolCall(ToolCall)
    /// What began as a call is none; what the model wrote follows as content.
    case toolWithdrawn(index: Int)
    /// A tool was run; the model goes on with what it came to.
    case toolResult(ToolResult)
    /// A turn of the model is over, and its message part of the conversation.
    case turn(Message, Finish)

    /// The part of the answer that it brings; may be empty.
    public var text: String { if case .content(let text) = self { text } else { "" } }
}

/// How a chat model replies.
public struct ChatOptions: Sendable {
    public enum ToolChoice: Sendable, Hashable {
        /// The model decides.
        case auto
        /// The first turn is a call of some tool.
        case required
        /// The first turn is a call of this tool.
        case named(String)
    }

    /// Of each turn. ``GenerateOptions/special`` is always on: many marks of turns are control tokens.
    public var generate: GenerateOptions
    /// Run the tools that the model calls, and let it go on with what they return.
    public var runTools = true
    /// Turns of the model in one reply, at most.
    public var maxRounds = 8
    public var toolChoice = ToolChoice.auto
    /// A Jinja template; nil: the model's own.
    public var template: String?
    /// How the model writes calls and reasoning, one of ``Tokenizer/chatDialects``; nil: as the template tells.
    public var dialect: String?
    /// Further variables of the template, such as `["enable_thinking": false]`.
    public var variables: [String: JSONValue] = [:]

    public init(
        maxTokens: Int = 0, sampling: Sampling = Sampling(), toolChoice: ToolChoice = .auto, template: String? = nil
    ) {
        generate = GenerateOptions(maxTokens: maxTokens, sampling: sampling)
        self.toolChoice = toolChoice
        self.template = template
    }
}

/// A conversation with a chat model: its messages, its tools, and a session that keeps what was computed of them.
///
/// Thread class: any; one reply at a time, a second one throws ``HearthError/wrongState(_:)``.
public final class Chat: Sendable {
    public let model: Model
    public let tools: [Tool]
    let handle: SessionHandle
    private let state: Locked<(messages: [Message], options: ChatOptions)>

    init(model: Model, handle: SessionHandle, messages: [Message], tools: [Tool], options: ChatOptions) {
        self.model = model
        self.handle = handle
        self.tools = tools
        state = Locked((messages, options))
    }

    /// May be changed at will: what stays the same from the beginning is not computed again.
    public var messages: [Message] {
        get { state.withLock { $0.messages } }
        set { state.withLock { $0.messages = newValue } }
    }
    public var options: ChatOptions {
        get { state.withLock { $0.options } }
        set { state.withLock { $0.options = newValue } }
    }

    func append(_ message: Message) { state.withLock { $0.messages.append(message) } }

    /// Appends a message of the user; the model's reply to it, as it is made.
    ///
    /// It begins when the first event is asked for. Cancelling the task stops it within the pass; what the model has
    /// written so far becomes its message.
    public func send(_ text: String) -> AsyncThrowingStream<ChatEvent, any Error> {
        append(.user(text))
        return stream()
    }

    /// The model's reply to the messages as they are.
    public func stream() -> AsyncThrowingStream<ChatEvent, any Error> {
        let run = ChatRun(self, options)
        return AsyncThrowingStream(unfolding: { try await run.next() })
    }

    /// Appends a message of the user; the model's reply, whole: its last message.
    public func reply(to text: String) async throws -> Message {
        append(.user(text))
        return try await whole(options).message
    }

    /// Appends a message of the user; the model's reply as a value. Nothing else can be written, and no tool be called.
    /// - Parameter schema: nil for ``JSONSchema/init(of:)`` of the type.
    /// - Throws: ``HearthError/outOfRange(_:)`` where the reply was cut off before it was whole; `DecodingError` for a type
    ///   that takes less than its schema allows.
    public func reply<T: Decodable & Sendable>(
        to text: String, as type: T.Type, schema: JSONSchema? = nil
    ) async throws -> T {
        var options = options
        options.generate.constraint = .schema(try schema ?? JSONSchema(of: type))
        options.toolChoice = .auto
        options.runTools = false
        append(.user(text))
        let (message, finish) = try await whole(options)
        return try typed(type, message.content, finish)
    }

    private func whole(_ options: ChatOptions) async throws -> (message: Message, finish: Finish) {
        let run = ChatRun(self, options)
        var last: (message: Message, finish: Finish)?
        while let event = try await run.next() {
            if case .turn(let message, let finish) = event { last = (message, finish) }
        }
        guard let last else { throw HearthError.internalError("a reply ended without a turn") }
        return last
    }

    /// Stops what is being replied now, if anything is; the stream ends with what there is. Thread class: any.
    public func cancel() { _ = hearth_session_cancel(handle.pointer) }

    /// A second conversation with the same past; memory is shared.
    public func fork() throws -> Chat {
        var out: OpaquePointer?
        try handle.exclusive { try check(hearth_session_fork(&out, $0)) }
        let session = SessionHandle(try made(out, "session"), model)
        return Chat(model: model, handle: session, messages: messages, tools: tools, options: options)
    }

    /// The variables of the template, of a turn.
    func input(_ variables: [String: JSONValue]) -> JSONValue {
        var input: JSONValue = ["messages": .array(messages.map(\.json)), "add_generation_prompt": true]
        if !tools.isEmpty { input["tools"] = definitions }
        if !variables.isEmpty {
            input["extra"] = .object(variables.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, $0.value) })
        }
        return input
    }
    var definitions: JSONValue { .array(tools.map(\.definition)) }
}

extension Model {
    /// A conversation in the model's own chat template.
    ///
    /// ```swift
    /// let chat = try model.chat(system: "Be brief.", tools: [timer])
    /// for try await event in chat.send("Wake me in ten minutes.") { print(event.text, terminator: "") }
    /// ```
    /// - Parameters:
    ///   - messages: what was said before.
    ///   - session: how its session is made.
    public func chat(
        system: String? = nil, messages: [Message] = [], tools: [Tool] = [], options: ChatOptions = ChatOptions(),
        session: Session.Options = Session.Options()
    ) throws -> Chat {
        let handle = try Session(model: self, session).handle
        let all = (system.map { [Message.system($0)] } ?? []) + messages
        return Chat(model: self, handle: handle, messages: all, tools: tools, options: options)
    }

    /// Continues a text with a value of a type, in a session of its own. For chat models see ``Chat/reply(to:as:schema:)``.
    /// - Parameter schema: nil for ``JSONSchema/init(of:)`` of the type.
    /// - Throws: ``HearthError/outOfRange(_:)`` where it was cut off before it was whole.
    public func generate<T: Decodable & Sendable>(
        _ prompt: String, as type: T.Type, schema: JSONSchema? = nil, _ options: GenerateOptions = GenerateOptions()
    ) async throws -> T {
        var options = options
        options.constraint = .schema(try schema ?? JSONSchema(of: type))
        let completion = try await complete(prompt, options)
        return try typed(type, completion.text, completion.finish)
    }
}

/// A constrained text as the value that it is, unless it was cut off.
private func typed<T: Decodable>(_ type: T.Type, _ text: String, _ finish: Finish) throws -> T {
    guard finish.reason == .stop, finish.stop == nil else {
        if finish.reason == .cancelled { throw HearthError.cancelled("cancelled before the JSON was whole") }
        throw HearthError.outOfRange(
            "the JSON of \(type) was cut off (\(finish.reason)) after \(finish.generatedTokens) tokens: \(text.prefix(80))")
    }
    return try JSONValue(parsing: text).decode(as: type)
}
