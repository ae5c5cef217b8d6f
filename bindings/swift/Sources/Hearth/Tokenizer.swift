import CHearth

/// The id of a token, 0 to the vocabulary's size.
public typealias Token = Int32

/// Text to tokens and back, and the chat templates of a model.
///
/// Thread class: any.
public final class Tokenizer: @unchecked Sendable {
    /// Tokens with a meaning of their own.
    public enum Special: UInt32, Sendable, CaseIterable {
        case beginOfSequence = 0
        case endOfSequence, endOfTurn, endOfMessage, unknown, separator, padding, mask
    }

    let pointer: OpaquePointer
    private let runtime: Runtime?

    /// The tokenizer of a model file, without its weights.
    public init(path: String) throws {
        var out: OpaquePointer?
        try withPath(path) { try check(hearth_tokenizer_open_path(&out, $0)) }
        pointer = try made(out, "tokenizer")
        runtime = nil
    }

    /// That of a model, which it keeps; `runtime` is kept because the model may write to its log.
    init(model: OpaquePointer, runtime: Runtime) throws {
        var out: OpaquePointer?
        try check(hearth_tokenizer_of_model(&out, model))
        pointer = try made(out, "tokenizer")
        self.runtime = runtime
    }

    deinit { hearth_tokenizer_free(pointer) }

    /// Number of tokens.
    public var count: Int { Int(hearth_tokenizer_size(pointer)) }

    /// - Parameters:
    ///   - addSpecial: begin, and end where the model wants it, with the vocabulary's BOS, CLS, EOS, SEP.
    ///   - parseSpecial: `"<|im_end|>"` in the text becomes that token.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) throws -> [Token] {
        let flags = tokenizeFlags(addSpecial: addSpecial, parseSpecial: parseSpecial)
        return try text.withBytes { bytes, length in
            try elements(Token(0)) { hearth_tokenizer_encode($0, $1, $2, pointer, bytes, length, flags) }
        }
    }

    /// Text of tokens, all at once; bytes that are no UTF-8 become U+FFFD.
    /// - Parameter special: write control tokens out.
    /// - Throws: ``HearthError/outOfRange(_:)`` for ids outside the vocabulary.
    public func decode(_ tokens: [Token], special: Bool = false) throws -> String {
        let bytes = try elements(CChar(0)) {
            hearth_tokenizer_decode($0, $1, $2, pointer, tokens, tokens.count, special)
        }
        return String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The bytes of one token, which need not be whole characters.
    public func piece(_ token: Token, special: Bool = false) throws -> [UInt8] {
        try elements(CChar(0)) { hearth_tokenizer_piece($0, $1, $2, pointer, token, special) }.map(UInt8.init(bitPattern:))
    }

    /// nil where the vocabulary has none.
    public func special(_ which: Special) -> Token? { known(hearth_tokenizer_special(pointer, which.rawValue)) }

    /// The token that is written so; nil where there is none.
    public func find(_ text: String) -> Token? { known(text.withBytes { hearth_tokenizer_find(pointer, $0, $1) }) }

    /// Whether a model ends its turn with this token.
    public func endsGeneration(_ token: Token) -> Bool { hearth_tokenizer_ends_generation(pointer, token) }

    private func known(_ token: Token) -> Token? { token < 0 ? nil : token }

    // ---- chat templates ----

    /// The Jinja template for conversations that the model's file carries; nil where it has none of this name.
    /// - Parameter name: nil for the default one, `"tool_use"` and the like for others.
    public func chatTemplate(_ name: String? = nil) throws -> String? {
        var out: OpaquePointer?
        do {
            try name.withZeroTerminated { try check(hearth_chat_template(&out, pointer, $0)) }
        } catch HearthError.notFound {
            return nil
        }
        return takeText(out)
    }

    /// A conversation as the text that the model was trained on.
    /// - Parameters:
    ///   - input: the variables of the template: `messages`, `tools`, `add_generation_prompt`… as `hearth_chat_render` says.
    ///   - template: nil for the model's own.
    public func renderChat(_ input: JSONValue, template: String? = nil) throws -> String {
        var out: OpaquePointer?
        try template.withBytes { source, sourceLength in
            try input.text.withBytes { try check(hearth_chat_render(&out, pointer, source, sourceLength, $0, $1)) }
        }
        return takeText(out)
    }

    /// The same as tokens, in which only the template names control tokens: those that people spell stay text.
    public func chatTokens(_ input: JSONValue, template: String? = nil, addSpecial: Bool = true) throws -> [Token] {
        let flags = addSpecial ? 0 : HEARTH_TOKENIZE_NO_SPECIAL
        return try template.withBytes { source, sourceLength in
            try input.text.withBytes { bytes, length in
                try elements(Token(0)) {
                    hearth_chat_tokens($0, $1, $2, pointer, source, sourceLength, bytes, length, flags)
                }
            }
        }
    }

    /// The dialect that a template's source tells of, `"plain"` where nothing does.
    public static func chatDialect(of template: String) -> String {
        template.withBytes { source, length in hearth_chat_detect(source, length).map { String(cString: $0) } ?? "plain" }
    }

    /// The dialects in which models write calls of tools and reasoning, such as `"hermes"`.
    public static var chatDialects: [String] {
        var names: [String] = []
        while let name = hearth_chat_dialect(names.count) { names.append(String(cString: name)) }
        return names
    }
}

func tokenizeFlags(addSpecial: Bool, parseSpecial: Bool) -> UInt32 {
    (addSpecial ? 0 : HEARTH_TOKENIZE_NO_SPECIAL) | (parseSpecial ? HEARTH_TOKENIZE_PARSE_SPECIAL : 0)
}

/// Tokens to text as they arrive; never half a character.
///
/// Thread class: object, one thread at a time.
public final class StreamDecoder {
    private let pointer: OpaquePointer
    private let tokenizer: Tokenizer

    /// - Parameter special: write control tokens out.
    public init(_ tokenizer: Tokenizer, special: Bool = false) throws {
        var out: OpaquePointer?
        try check(hearth_decoder_new(&out, tokenizer.pointer, special))
        pointer = try made(out, "decoder")
        self.tokenizer = tokenizer
    }

    deinit { hearth_decoder_free(pointer) }

    /// The text that became whole with this token; may be empty.
    public func push(_ token: Token) throws -> String {
        var text: UnsafePointer<CChar>?
        var length = 0
        try check(hearth_decoder_push(&text, &length, pointer, token))
        return string(text, length)
    }

    /// What waited for more.
    public func flush() throws -> String {
        var text: UnsafePointer<CChar>?
        var length = 0
        try check(hearth_decoder_flush(&text, &length, pointer))
        return string(text, length)
    }
}
