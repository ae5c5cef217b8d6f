package hearth

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.util.concurrent.atomic.AtomicLong

/** How to open a model. */
data class ModelOptions(
    /** 0: as many as this process may use cores. */
    val threads: Int = 0,
    /** Bytes for weights, caches and scratch together; 0: no limit. */
    val memoryBudget: Long = 0,
    /** The name of an instruction set ("neon", "dotprod"…); null: the best that this processor runs. */
    val isa: String? = null,
    /** Called in the thread that opens the model, with done and total bytes of weights; false stops it. */
    val progress: ((done: Long, total: Long) -> Boolean)? = null,
    /** Messages, from any thread: level 0 error, 1 warning, 2 information, 3 debugging. What it throws is dropped. */
    val log: ((level: Int, text: String) -> Unit)? = null,
)

/**
 * A loaded model: weights and tokenizer. Callable from any thread.
 *
 * Every function throws [HearthException] with the status and its sentence where hearth refuses, and
 * [IllegalStateException] after [close]. Sessions keep a closed model's weights until they are closed themselves.
 */
class HearthModel private constructor(private val handle: Handle) : AutoCloseable {
    internal val native: Long get() = handle.native
    private val numbers: LongArray = Native.modelNumbers(native)

    /** Number of tokens that the model knows. */
    val vocabSize: Int get() = numbers[0].toInt()

    /** Tokens of a conversation, as the model was trained. */
    val contextLength: Int get() = numbers[1].toInt()

    /** Bytes of weights in memory. */
    val weightBytes: Long get() = numbers[2]

    /** Length of an embedding. */
    val embeddingWidth: Int get() = numbers[3].toInt()

    /** False for a model that makes embeddings only: it has no sessions. */
    val generates: Boolean get() = numbers[4] != 0L

    /** The instruction set in use. */
    val isa: String get() = Native.modelIsa(native)

    /** What the file tells of itself, as a JSON object (hearth_inspect_path). */
    fun inspect(): String = Native.modelInspect(native).decodeToString()

    /** Tokens of a text: with BOS and the like unless [special] is false; [parseSpecial]: "<|im_end|>" becomes that token. */
    fun tokenize(text: String, special: Boolean = true, parseSpecial: Boolean = false): IntArray =
        Native.tokenize(native, text.utf8(), textFlags(special, parseSpecial))

    /** Text of tokens; control tokens are written out with [special]. */
    fun detokenize(tokens: IntArray, special: Boolean = false): String =
        Native.detokenize(native, tokens, special).decodeToString()

    /**
     * A conversation as the model's chat template writes it. `input` is a JSON object, with "messages", "tools",
     * "add_generation_prompt" and whatever else the template asks for (hearth_chat_render).
     */
    fun renderChat(input: String): String = Native.chatRender(native, input.utf8()).decodeToString()

    /** The same as tokens, in which only the template names control tokens: for [Session.setTokens]. */
    fun chatTokens(input: String): IntArray = Native.chatTokens(native, input.utf8())

    /**
     * Embeddings of texts, one of [embeddingWidth] (or `dimensions`) numbers for each, of length 1 with `normalize`. A model
     * that was not made for embeddings has no pooling of its own: it needs one named.
     */
    suspend fun embed(
        texts: List<String>,
        pooling: Pooling = Pooling.DEFAULT,
        normalize: Boolean = true,
        dimensions: Int = 0,
    ): List<FloatArray> = withContext(Dispatchers.Default) {
        require(pooling != Pooling.DEFAULT || numbers[5] != 1L) { "this model has no pooling of its own: name one" }
        if (texts.isEmpty()) return@withContext emptyList()
        val utf8 = Array(texts.size) { texts[it].utf8() }
        val all = Native.embed(native, utf8, pooling.number, if (normalize) 1 else 0, dimensions)
        val width = all.size / texts.size
        List(texts.size) { all.copyOfRange(it * width, (it + 1) * width) }
    }

    /** A new conversation of at most `context` tokens; 0: as the model was trained, or as much as memory holds. */
    fun session(context: Int = 0, cache: Cache = Cache.F16): Session =
        Session(Handle(Native.sessionNew(native, context, cache.number), Native::sessionClose), this)

    override fun close() = handle.close()

    companion object {
        /** The version of hearth. */
        val version: String get() = Native.version()

        /**
         * Opens a GGUF file or a Hugging Face folder, in the calling thread: [open] is the one that suspends. Where the
         * weights would not fit it is refused before they are read.
         */
        fun openBlocking(path: String, options: ModelOptions = ModelOptions()): HearthModel {
            val progress = options.progress?.let { Native.Progress { done, total -> it(done, total) } }
            val log = options.log?.let { Native.Log { level, text -> it(level, text.decodeToString()) } }
            val native = Native.modelOpen(
                path.utf8(), options.threads, options.memoryBudget, options.isa.orEmpty().utf8(), progress, log,
            )
            return HearthModel(Handle(native, Native::modelClose))
        }

        suspend fun open(path: String, options: ModelOptions = ModelOptions()): HearthModel =
            withContext(Dispatchers.IO) { openBlocking(path, options) }
    }
}

/** How a session keeps keys and values: Q8_0 takes half of F16's memory. */
enum class Cache(internal val number: Int) { F16(1), F32(2), Q8_0(3) }

/** How the vectors of a text's tokens become one; DEFAULT: as the model file says. */
enum class Pooling(internal val number: Int) { DEFAULT(0), MEAN(2), CLS(3), LAST(4) }

/** A number of [Native]'s, given back once. */
internal class Handle(native: Long, private val release: (Long) -> Unit) {
    private val number = AtomicLong(native)

    /** 0 after close(), which stands for nothing. */
    val native: Long get() = number.get()

    fun close() {
        val last = number.getAndSet(0)
        if (last != 0L) release(last)
    }
}

internal fun String.utf8(): ByteArray = toByteArray(Charsets.UTF_8)

internal fun textFlags(special: Boolean, parseSpecial: Boolean): Int = (if (special) 0 else 1) or (if (parseSpecial) 2 else 0)
