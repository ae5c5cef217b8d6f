package hearth

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.atomic.AtomicBoolean

/**
 * One conversation: its tokens and its cache. Calls from several threads wait for each other; while [generate] is
 * collected, all but [cancel] are refused with HEARTH_ESTATE.
 */
class Session internal constructor(private val handle: Handle, private val model: HearthModel) : AutoCloseable {
    /** Number of tokens in it. */
    val length: Int get() = Native.sessionNumbers(handle.native)[0].toInt()

    /** Number of tokens that it can hold. */
    val context: Int get() = Native.sessionNumbers(handle.native)[1].toInt()

    /** Bytes of its cache. */
    val memory: Long get() = Native.sessionNumbers(handle.native)[2]

    /** Its tokens. */
    val tokens: IntArray get() = Native.sessionTokens(handle.native)

    /** Appends a text; BOS and the like are added when the session is empty, unless `special` is false. */
    fun append(text: String, special: Boolean = true, parseSpecial: Boolean = false) =
        Native.sessionAppendText(handle.native, text.utf8(), textFlags(special, parseSpecial))

    fun append(tokens: IntArray) = Native.sessionAppendTokens(handle.native, tokens)

    /** Other tokens altogether; what both have in common at their beginning is not evaluated again. */
    fun setTokens(tokens: IntArray) = Native.sessionReplace(handle.native, 0, length, tokens)

    /** Keeps the first `length` tokens. */
    fun truncate(length: Int) = Native.sessionTruncate(handle.native, length)

    /** A second conversation with the same past; memory is shared until the two differ. */
    fun fork(): Session = Session(Handle(Native.sessionFork(handle.native), Native::sessionClose), model)

    /** Evaluates what is pending: the logits of the last token, one for each of [HearthModel.vocabSize]. */
    suspend fun evaluate(): FloatArray = withContext(Dispatchers.Default) {
        cancelling { Native.sessionEval(handle.native) }
    }

    /** The conversation as bytes: restored, it goes on as if it had never stopped. */
    fun save(): ByteArray = Native.sessionSave(handle.native)

    fun save(path: String) = Native.sessionSavePath(handle.native, path.utf8())

    /** What was saved in place of what it holds. On any failure it is as it was. */
    fun restore(bytes: ByteArray) = Native.sessionRestore(handle.native, bytes)

    fun restore(path: String) = Native.sessionRestorePath(handle.native, path.utf8())

    /** Stops what runs on it now, from any thread: a generation ends with [FinishReason.CANCELLED]. */
    fun cancel() = Native.sessionCancel(handle.native)

    /**
     * Goes on with the conversation: what comes is emitted as it is made, and an [Event.Finish] at the end. Collecting it
     * begins the generation; cancelling the collector stops it within milliseconds, in the middle of a prompt too, and the
     * session keeps the tokens that it has.
     */
    fun generate(options: GenerateOptions = GenerateOptions()): Flow<Event> =
        flow { run(options) }.flowOn(Dispatchers.Default)

    private suspend fun FlowCollector<Event>.run(options: GenerateOptions) = cancelling {
        val generation = Handle(options.begin(handle.native), Native::generationClose)
        try {
            do {
                val more = Native.generationStep(generation.native)
                ensureActive()
                while (true) emit(Event.of(Native.generationNext(generation.native) ?: break))
            } while (more)
        } finally {
            generation.close()
        }
    }

    /** Runs `body`, which computes, and stops that at once when this coroutine is cancelled. */
    private suspend fun <T> cancelling(body: suspend CoroutineScope.() -> T): T = coroutineScope {
        val over = AtomicBoolean()
        val watch = launch(Dispatchers.IO, CoroutineStart.UNDISPATCHED) {
            try {
                awaitCancellation()
            } finally {
                // The session may be closed by now.
                if (!over.get()) runCatching { this@Session.cancel() }
            }
        }
        try {
            body()
        } finally {
            over.set(true)
            watch.cancelAndJoin()
        }
    }

    override fun close() = handle.close()
}
