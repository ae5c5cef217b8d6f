package hearth

/** What the text must be. */
sealed class Constraint(internal val kind: Int, internal val text: String) {
    /** JSON that a JSON Schema (draft 2020-12) allows. */
    class Schema(schema: String) : Constraint(1, schema)

    /** A regular expression (ECMA-262) that the whole text matches. */
    class Pattern(pattern: String) : Constraint(2, pattern)

    /** A grammar in GBNF. */
    class Grammar(grammar: String) : Constraint(3, grammar)
}

/** How to go on. */
data class GenerateOptions(
    /** 0: until the model ends or the session is full. */
    val maxTokens: Int = 0,
    /** Keys of hearth_sampling_set: "temperature", "top_p", "seed"…; none: always the most probable token. */
    val sampling: Map<String, Double> = mapOf("temperature" to 0.0),
    /** Texts that end it. */
    val stop: List<String> = emptyList(),
    val constraint: Constraint? = null,
    /** Go on at end-of-generation tokens. */
    val ignoreEnd: Boolean = false,
    /** Write control tokens out in text. */
    val special: Boolean = false,
    /** Send [Event.Prompt]. */
    val progress: Boolean = false,
    /** Tokens carry their log probability, and those of so many of the most probable ones; -1: none. */
    val topLogprobs: Int = -1,
    /** Milliseconds after which it ends wherever it is; 0: none. */
    val deadlineMillis: Int = 0,
) {
    internal fun begin(session: Long): Long {
        val flags = (if (ignoreEnd) 1 else 0) or (if (special) 2 else 0) or (if (progress) 8 else 0) or (if (topLogprobs >= 0) 16 else 0)
        val keys = sampling.keys.toList()
        return Native.generationNew(
            session, Array(keys.size) { keys[it].utf8() }, DoubleArray(keys.size) { sampling.getValue(keys[it]) },
            Array(stop.size) { stop[it].utf8() }, constraint?.kind ?: 0, constraint?.text.orEmpty().utf8(),
            intArrayOf(maxTokens, flags, topLogprobs.coerceAtLeast(0), deadlineMillis),
        )
    }
}

/** Why a generation ended. */
enum class FinishReason { STOP, LENGTH, CONTEXT, CANCELLED, ERROR, DEADLINE }

/** A token with the natural logarithm of its probability, before any sampler. */
data class Logprob(val token: Int, val logprob: Float)

/** What a generation tells. */
sealed class Event {
    /** Text that became whole: none, or one or more characters. */
    abstract val text: String

    /** How much of the prompt was evaluated. */
    data class Prompt(val done: Int, val total: Int) : Event() {
        override val text: String get() = ""
    }

    /** The next token; `logprobs` has it first, then the most probable ones. */
    data class Token(val id: Int, override val text: String, val logprobs: List<Logprob>) : Event()

    /** The end, with the last text. `stop` is the number of the stop text, or -1. */
    data class Finish(
        val reason: FinishReason,
        override val text: String,
        val stop: Int,
        val promptTokens: Int,
        val generatedTokens: Int,
        val reusedTokens: Int,
        val promptSeconds: Double,
        val generateSeconds: Double,
    ) : Event()

    internal companion object {
        /** Throws what a generation failed with. */
        fun of(e: NativeEvent): Event = when (e.kind) {
            1 -> Token(e.token, e.text.decodeToString(), logprobs(e))
            3 -> Prompt(e.counts[0], e.counts[1])
            else -> {
                if (e.reason == 5) throw HearthException(e.status, Native.statusName(e.status), e.message.decodeToString())
                Finish(
                    FinishReason.values()[e.reason - 1], e.text.decodeToString(), e.stop, e.counts[0], e.counts[2],
                    e.counts[3], e.seconds[0], e.seconds[1],
                )
            }
        }

        private fun logprobs(e: NativeEvent): List<Logprob> {
            val tokens = e.logprobTokens ?: return emptyList()
            return List(tokens.size) { Logprob(tokens[it], e.logprobs[it]) }
        }
    }
}
