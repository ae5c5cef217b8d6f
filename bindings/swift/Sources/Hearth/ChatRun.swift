import CHearth

/// A reply as it is made: turns of the model, with the tools that it calls between them. No actor, whose last job might hold
/// it, and with it the session, for a moment after it was given up.
final class ChatRun: @unchecked Sendable {
    private let chat: Chat
    private let options: ChatOptions
    private var turn: ChatTurn?
    private var waiting: [ChatEvent] = []
    private var calls: [ToolCall] = []  // of the last turn, still to be run
    private var rounds = 0
    private var ended = false
    private let asked = Locked(false)  // guards all of the above

    init(_ chat: Chat, _ options: ChatOptions) {
        self.chat = chat
        self.options = options
    }

    /// The next event; nil behind the end.
    func next() async throws -> ChatEvent? {
        try asked.withLock {
            if $0 { throw HearthError.wrongState("two tasks iterate the same reply") }
            $0 = true
        }
        defer { asked.withLock { $0 = false } }
        do {
            while true {
                if !waiting.isEmpty { return waiting.removeFirst() }
                if ended { return nil }
                if let turn {
                    try await advance(turn)
                } else if !calls.isEmpty {
                    return .toolResult(try await run(calls.removeFirst()))
                } else {
                    rounds += 1
                    turn = try ChatTurn(chat, options, first: rounds == 1)
                }
            }
        } catch {
            ended = true
            turn = nil
            throw error
        }
    }

    private func advance(_ turn: ChatTurn) async throws {
        let finish = try await turn.step()
        waiting = turn.events()
        guard let finish else { return }
        let message = try turn.commit()
        waiting += turn.events()  // what the end brought out
        waiting.append(.turn(message, finish))
        self.turn = nil
        calls = turn.calls
        let runs = options.runTools && rounds < options.maxRounds && finish.reason == .stop && !calls.isEmpty
        let known = calls.allSatisfy { call in chat.tools.first { $0.name == call.name }.map { $0.body != nil } ?? true }
        if !runs || !known {
            calls = []
            ended = true
        }
    }

    private func run(_ call: ToolCall) async throws -> ToolResult {
        var result: ToolResult
        if let tool = chat.tools.first(where: { $0.name == call.name }), let body = tool.body {
            do {
                result = ToolResult(call: call, text: try await body(call.arguments), failed: false)
            } catch let error as CancellationError {
                throw error
            } catch {
                result = ToolResult(call: call, text: "error: \(error)", failed: true)
            }
        } else {
            let names = chat.tools.map(\.name).joined(separator: ", ")
            result = ToolResult(call: call, text: "error: there is no tool \(call.name); there are: \(names)", failed: true)
        }
        chat.append(.tool(result.text, for: call))
        return result
    }
}

/// One turn of the model: a generation, and the parser that takes it apart. Used by one call at a time.
final class ChatTurn: @unchecked Sendable {
    private final class Parser: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { hearth_chat_parser_free(pointer) }
    }

    private let chat: Chat
    private let parser: Parser
    private let run: GenerationRun
    private var began = false
    private var committed = false
    private(set) var calls: [ToolCall] = []

    init(_ chat: Chat, _ options: ChatOptions, first: Bool) throws {
        let tokenizer = chat.model.tokenizer
        let tokens = try tokenizer.chatTokens(chat.input(options.variables), template: options.template)
        let definitions: String? = chat.tools.isEmpty ? nil : chat.definitions.text

        let dialect = options.dialect ?? options.template.map(Tokenizer.chatDialect)

        var c = hearth_chat_parser_options()
        try check(hearth_chat_parser_options_init(&c, MemoryLayout<hearth_chat_parser_options>.size))
        var out: OpaquePointer?
        try dialect.withZeroTerminated { dialect in
            try options.template.withBytes { source, sourceLength in
                try definitions.withBytes { tools, toolsLength in
                    try tokens.withUnsafeBufferPointer { prompt in
                        c.dialect = dialect
                        c.source = source
                        c.source_length = sourceLength
                        c.tools = tools
                        c.tools_length = toolsLength
                        c.prompt_tokens = prompt.baseAddress
                        c.prompt_token_count = prompt.count
                        try check(hearth_chat_parser_new(&out, tokenizer.pointer, &c))
                    }
                }
            }
        }
        let parser = Parser(try made(out, "parser of chat turns"))

        var generate = options.generate
        generate.special = true
        if first {
            switch options.toolChoice {
            case .auto: break
            case .required: generate.constraint = .toolCall(named: nil, definitions: chat.definitions, dialect: dialect)
            case .named(let name):
                generate.constraint = .toolCall(named: name, definitions: chat.definitions, dialect: dialect)
            }
        }
        try Session(chat.handle).replaceAll(with: tokens)
        self.chat = chat
        self.parser = parser
        run = GenerationRun(chat.model, [(chat.handle, generate)]) {
            if $0.pointee.kind != HEARTH_EVENT_PREFILL { try check(hearth_chat_parser_feed_event(parser.pointer, $0)) }
        }
    }

    /// A turn that was given up leaves what it has written, so that the conversation can go on.
    deinit { _ = try? commit() }

    /// Until the model has written more; how it ended, at its end.
    func step() async throws -> Finish? {
        began = true
        guard let event = try await run.next()?.event else {
            throw HearthError.internalError("a turn ended without saying how")
        }
        if case .finish(let finish) = event { return finish }
        return nil
    }

    /// What the parser has found since it was asked last.
    func events() -> [ChatEvent] {
        var event = hearth_chat_event()
        event.struct_size = MemoryLayout<hearth_chat_event>.size
        var found: [ChatEvent] = []
        while hearth_chat_parser_next_event(&event, parser.pointer) == HEARTH_OK {
            let text = string(event.text, event.text_length)
            let index = Int(event.index)
            switch event.kind {
            case HEARTH_CHAT_CONTENT: found.append(.content(text))
            case HEARTH_CHAT_REASONING: found.append(.reasoning(text))
            case HEARTH_CHAT_TOOL_BEGIN:
                let name = string(event.name, event.name_length)
                found.append(.toolBegin(index: index, id: string(event.id, event.id_length), name: name))
            case HEARTH_CHAT_TOOL_ARGUMENTS: found.append(.toolArguments(index: index, text: text))
            case HEARTH_CHAT_TOOL_END where event.complete == 0: found.append(.toolWithdrawn(index: index))
            case HEARTH_CHAT_TOOL_END:
                let call = ToolCall(
                    index: index, id: string(event.id, event.id_length), name: string(event.name, event.name_length),
                    arguments: text)
                calls.append(call)
                found.append(.toolCall(call))
            default: break  // of a newer library
            }
        }
        return found
    }

    /// Makes what was written the model's message. Once; what waited for more comes out as events.
    func commit() throws -> Message {
        let first = began && !committed
        committed = true
        try check(hearth_chat_parser_finish(parser.pointer))
        var out: OpaquePointer?
        try check(hearth_chat_parser_message(&out, parser.pointer))
        let message = Message(json: try JSONValue(parsing: takeText(out)))
        if first { chat.append(message) }
        return message
    }
}
