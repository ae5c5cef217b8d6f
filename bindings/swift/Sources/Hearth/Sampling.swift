import CHearth

/// How tokens are chosen, by keys with bounds. Members that are nil stay at the library's defaults, which
/// ``keys`` tells with their bounds; a key that has no member here is set by its name: `sampling["xtc_probability"] = 0.5`.
public struct Sampling: Sendable, Hashable {
    /// A key of the library.
    public struct Key: Sendable, Hashable {
        public let name: String
        public let minimum: Double
        public let maximum: Double
        public let initial: Double
        public let documentation: String
    }

    private var values: [String: Double] = [:]
    private var lists: [String: [String]] = [:]
    /// Added to the logits of tokens before all samplers, -1000 to 1000; `-.infinity`: never chosen.
    public var bias: [Token: Double] = [:]

    public init(
        temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil, seed: UInt64? = nil,
        stop: [String] = []
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.seed = seed
        self.stop = stop
    }

    /// Always the most probable token.
    public static let greedy = Sampling(temperature: 0)

    /// The value of a key; nil: the default. Unknown keys and values out of bounds are refused when it is used, with the
    /// known keys or the bounds in the sentence.
    public subscript(key: String) -> Double? {
        get { values[key] }
        set { values[key] = newValue }
    }

    /// Below 1 sharpens, above 1 flattens the choice; 0 always takes the most probable token.
    public var temperature: Double? {
        get { self["temperature"] }
        set { self["temperature"] = newValue }
    }
    /// Keeps so many of the most probable tokens; 0 is off.
    public var topK: Int? {
        get { self["top_k"].flatMap { Int(exactly: $0) } }
        set { self["top_k"] = newValue.map { Double($0) } }
    }
    /// Keeps the most probable tokens that reach this share of the probability; 1 is off.
    public var topP: Double? {
        get { self["top_p"] }
        set { self["top_p"] = newValue }
    }
    /// Keeps tokens at least this many times as probable as the most probable one; 0 is off.
    public var minP: Double? {
        get { self["min_p"] }
        set { self["min_p"] = newValue }
    }
    /// The same model, text, settings and seed give the same tokens everywhere. Up to 2^53.
    public var seed: UInt64? {
        get { self["seed"].flatMap { UInt64(exactly: $0) } }
        set { self["seed"] = newValue.map { Double($0) } }
    }
    /// Discourages tokens of the recent text above 1; 1 is off.
    public var repetitionPenalty: Double? {
        get { self["repetition_penalty"] }
        set { self["repetition_penalty"] = newValue }
    }
    /// Texts that end a generation; neither they nor a part of them is given out.
    public var stop: [String] {
        get { list("stop") }
        set { setList("stop", newValue) }
    }
    /// Texts that are never generated.
    public var ban: [String] {
        get { list("ban") }
        set { setList("ban", newValue) }
    }
    /// The names of the samplers in the order in which they are applied; empty: the library's.
    public var order: [String] {
        get { list("order") }
        set { setList("order", newValue) }
    }

    /// A list by its key, one of ``listKeys``.
    public func list(_ key: String) -> [String] { lists[key] ?? [] }
    public mutating func setList(_ key: String, _ texts: [String]) { lists[key] = texts.isEmpty ? nil : texts }

    /// The library's keys with their bounds.
    public static var keys: [Key] {
        var found: [Key] = []
        var minimum = 0.0
        var maximum = 0.0
        var initial = 0.0
        var doc: UnsafePointer<CChar>?
        while let name = hearth_sampling_key(found.count, &minimum, &maximum, &initial, &doc) {
            found.append(
                Key(
                    name: String(cString: name), minimum: minimum, maximum: maximum, initial: initial,
                    documentation: doc.map { String(cString: $0) } ?? ""))
        }
        return found
    }

    /// The keys of lists, and the samplers that `order` may name.
    public static var listKeys: [String] { names(hearth_sampling_list_key) }
    public static var samplers: [String] { names(hearth_sampling_sampler) }

    private static func names(
        _ entry: (Int, UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> UnsafePointer<CChar>?
    ) -> [String] {
        var found: [String] = []
        while let name = entry(found.count, nil) { found.append(String(cString: name)) }
        return found
    }

    /// The settings as C takes them, freed behind `body`.
    func withPointer<T>(_ constraint: Constraint?, _ body: (OpaquePointer) throws -> T) throws -> T {
        var out: OpaquePointer?
        try check(hearth_sampling_new(&out))
        let sampling = try made(out, "sampling settings")
        defer { hearth_sampling_free(sampling) }
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            try withPath(key) { try check(hearth_sampling_set(sampling, $0, value)) }
        }
        for (key, texts) in lists.sorted(by: { $0.key < $1.key }) {
            try withPath(key) { name in
                try withTexts(texts) { try check(hearth_sampling_set_list(sampling, name, $0, $1, $2)) }
            }
        }
        for (token, value) in bias { try check(hearth_sampling_set_bias(sampling, token, value)) }
        try constraint?.apply(to: sampling)
        return try body(sampling)
    }
}

/// What a generated text must be, from its first token on. Only tokens that keep it so are let through; the text is whole
/// unless it was cut off (``Finish/Reason/length``, `context`, `cancelled`, or a stop text).
public enum Constraint: Sendable, Hashable {
    /// JSON that is valid for a schema. Keywords that are not supported are refused, with their place.
    case schema(JSONSchema)
    /// The whole text matches: ECMA-262 with its `u` flag, without lookaround and backreferences.
    case regex(String)
    /// A grammar in GBNF, from `root`.
    case grammar(String)
    /// One of these texts.
    case choices([String])
    /// One call of the tool of this name, or of any (nil), as the model writes calls: in a dialect of
    /// ``Tokenizer/chatDialects``, nil for that of its chat template.
    case toolCall(named: String?, definitions: JSONValue, dialect: String? = nil)

    func apply(to sampling: OpaquePointer) throws {
        switch self {
        case .schema(let schema): try schema.text.withBytes { try check(hearth_sampling_set_schema(sampling, $0, $1)) }
        case .regex(let text): try text.withBytes { try check(hearth_sampling_set_regex(sampling, $0, $1)) }
        case .grammar(let text): try text.withBytes { try check(hearth_sampling_set_gbnf(sampling, $0, $1)) }
        case .choices(let texts):
            try withTexts(texts) { try check(hearth_sampling_set_choices(sampling, $0, $1, $2)) }
        case .toolCall(let name, let definitions, let dialect):
            try definitions.text.withBytes { tools, length in
                try name.withZeroTerminated { name in
                    try dialect.withZeroTerminated {
                        try check(hearth_sampling_set_tool_choice(sampling, tools, length, name, $0))
                    }
                }
            }
        }
    }
}
