// Tests of the binding on a JVM: usage: TestKt TINY_MODEL FOLDER. Prints one line RESULT for each.
package hearth

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.math.abs
import kotlin.math.exp
import kotlin.system.exitProcess

var failures = 0

fun test(name: String, body: suspend () -> Unit) {
    try {
        runBlocking { body() }
        println("RESULT passed android $name")
    } catch (e: Throwable) {
        ++failures
        println("RESULT failed android $name: $e")
        e.printStackTrace()
    }
}

fun check(good: Boolean, what: () -> Any?) {
    if (!good) throw AssertionError(what().toString())
}

inline fun <reified E : Throwable> fails(with: String, body: () -> Unit): E {
    try {
        body()
    } catch (e: Throwable) {
        check(e is E && with in e.message.orEmpty()) { "expected ${E::class} with '$with', got $e" }
        return e as E
    }
    throw AssertionError("nothing was thrown, expected ${E::class} with '$with'")
}

val endless = GenerateOptions(maxTokens = 24, ignoreEnd = true)

suspend fun Session.text(options: GenerateOptions = endless) = generate(options).toList().joinToString("") { it.text }

fun main(arguments: Array<String>) {
    val path = arguments[0]
    val folder = File(arguments[1])
    val model = HearthModel.openBlocking(path)

    test("a model tells about itself") {
        check(HearthModel.version.matches(Regex("""\d+\.\d+\.\d+"""))) { HearthModel.version }
        check(model.vocabSize > 0 && model.contextLength > 0 && model.weightBytes > 0 && model.generates) { model.vocabSize }
        check("\"architecture\"" in model.inspect() && model.isa.isNotEmpty()) { model.inspect() }
    }
    test("text goes through tokens and back, beyond the basic plane too") {
        for (text in listOf("the cat", "Zoë 🔥 日本", "", "\u0000x", "a".repeat(10000))) {
            val back = model.detokenize(model.tokenize(text, special = false))
            check(back.trim() == text.trim()) { "'$text' came back as '${back.take(40)}'" }
        }
        // A lone half of a pair is no character: Java writes it as '?'.
        check(model.detokenize(model.tokenize("x\ud83d", special = false)).trim() == "x?") { "lone surrogate" }
    }
    test("events come in order, and the same every time") {
        val session = model.session()
        session.append("the cat")
        val prompt = session.length
        val events = session.generate(endless.copy(progress = true)).toList()
        val tokens = events.filterIsInstance<Event.Token>()
        val finish = events.last() as Event.Finish
        check(events.first() is Event.Prompt && tokens.size == 24) { events }
        check(finish.reason == FinishReason.LENGTH && finish.generatedTokens == 24 && finish.promptTokens == prompt) { finish }
        check(session.tokens.takeLast(24) == tokens.map { it.id } && session.length == prompt + 24) { session.length }
        val text = events.joinToString("") { it.text }
        val again = model.session()
        again.append("the cat")
        check(again.text() == text) { "another text" }
        session.close()
        again.close()
    }
    test("log probabilities are those of the logits") {
        model.session().use { session ->
            session.append("the cat")
            val logits = session.evaluate()
            check(logits.size == model.vocabSize) { logits.size }
            val event = session.generate(GenerateOptions(maxTokens = 1, ignoreEnd = true, topLogprobs = 3)).toList()
                .filterIsInstance<Event.Token>().single()
            check(event.logprobs.size == 4 && event.logprobs[0].token == event.id) { event }
            val most = logits.max()
            val sum = logits.sumOf { exp((it - most).toDouble()) }
            val expected = (logits[event.id] - most).toDouble() - Math.log(sum)
            check(abs(event.logprobs[0].logprob - expected) < 1e-4) { "${event.logprobs[0]} and $expected" }
        }
    }
    test("stop texts and sampling") {
        model.session().use { session ->
            session.append("the cat")
            val text = session.fork().use { it.text() }
            val stop = text.substring(5, 9)
            val events = session.fork().use { it.generate(endless.copy(stop = listOf("no such text", stop))).toList() }
            val finish = events.last() as Event.Finish
            check(finish.reason == FinishReason.STOP && finish.stop == 1) { finish }
            val warm = endless.copy(sampling = mapOf("temperature" to 1.5, "seed" to 7.0))
            val one = session.fork().use { it.text(warm) }
            check(one == session.fork().use { it.text(warm) } && one != text) { one }
            val fault = fails<HearthException>("no_such_key") {
                session.text(endless.copy(sampling = mapOf("no_such_key" to 1.0)))
            }
            check(fault.statusName == "HEARTH_EINVAL" && fault.status == 1) { fault.statusName }
        }
    }
    test("a collector that has enough stops the generation") {
        model.session().use { session ->
            session.append("the cat")
            val before = session.length
            val some = session.generate(GenerateOptions(ignoreEnd = true)).take(3).toList()
            check(some.size == 3 && session.length > before && session.length < session.context) { session.length }
            session.generate(endless).first()
            session.text(endless)  // it is free again
        }
    }
    test("cancelling stops a prompt in the middle") {
        model.session().use { session ->
            session.append(IntArray(session.context - 8) { 5 + it % 50 })
            val seen = AtomicInteger()
            val job = kotlinx.coroutines.CoroutineScope(Dispatchers.Default).launch {
                session.generate(GenerateOptions(ignoreEnd = true)).collect { seen.incrementAndGet() }
            }
            delay(2)
            val begun = System.nanoTime()
            job.cancelAndJoin()
            check((System.nanoTime() - begun) / 1e6 < 500) { "took ${(System.nanoTime() - begun) / 1e6} ms" }
            check(job.isCancelled) { "not cancelled" }
            session.truncate(4)
            session.text(GenerateOptions(maxTokens = 2, ignoreEnd = true))
        }
    }
    test("cancel() from another thread ends a generation") {
        model.session().use { session ->
            session.append("the cat")
            var canceller: Thread? = null
            val events = session.generate(GenerateOptions(ignoreEnd = true)).let { flow ->
                val out = mutableListOf<Event>()
                flow.collect {
                    out += it
                    if (out.size == 2) canceller = thread { session.cancel() }.also { t -> t.join() }
                }
                out
            }
            check(canceller != null && (events.last() as Event.Finish).reason == FinishReason.CANCELLED) { events.last() }
        }
    }
    test("a session that generates is not changed meanwhile") {
        model.session().use { session ->
            session.append("the cat")
            // It runs ahead of its collector by as many events as flows buffer, which is fewer than the session holds.
            session.generate(GenerateOptions(ignoreEnd = true)).take(1).collect {
                check(fails<HearthException>("") { session.append("x") }.statusName == "HEARTH_ESTATE") { "appended" }
            }
        }
    }
    test("saved and restored, a conversation goes on the same") {
        val session = model.session()
        session.append("the cat")
        session.text()
        val bytes = session.save()
        val file = File(folder, "session 🔥.bin").path
        session.save(file)
        val expected = session.text()
        val other = model.session()
        other.restore(bytes)
        check(other.text() == expected) { "bytes" }
        other.restore(file)
        check(other.text() == expected) { "file" }
        val length = other.length
        val damaged = bytes.copyOf().also { it[it.size / 2] = (it[it.size / 2] + 1).toByte() }
        fails<HearthException>("") { other.restore(damaged) }
        fails<HearthException>("") { other.restore(ByteArray(0)) }
        fails<HearthException>("no such folder") { session.save("/no such folder/x") }
        check(other.length == length) { "changed by a failed restore" }
        session.close()
        other.close()
    }
    test("errors carry status and sentence") {
        val lost = fails<HearthException>("no/such 🔥.gguf") { HearthModel.openBlocking("no/such 🔥.gguf") }
        check(lost.statusName == "HEARTH_ENOTFOUND" && lost.status == 13) { lost.statusName }
        fails<HearthException>("zero byte") { HearthModel.openBlocking("a\u0000b") }
        fails<HearthException>("isa") { HearthModel.openBlocking(path, ModelOptions(isa = "isa")) }
        fails<HearthException>("negative") { HearthModel.openBlocking(path, ModelOptions(threads = -1)) }
        fails<HearthException>("") { HearthModel.openBlocking(path, ModelOptions(memoryBudget = 1000)) }
        val text = File(folder, "text.gguf").also { it.writeText("this is no model, whatever its name says") }
        check(fails<HearthException>("text.gguf") { HearthModel.openBlocking(text.path) }.statusName == "HEARTH_EFORMAT") { "" }
        model.session().use { session ->
            fails<HearthException>("") { session.append(intArrayOf(-1)) }
            fails<HearthException>("") { session.truncate(-1) }
            fails<HearthException>("") { session.text() }  // nothing to go on from
            session.append("x")
            fails<HearthException>("") { session.text(endless.copy(constraint = Constraint.Schema("{"))) }
        }
        fails<HearthException>("") { model.detokenize(intArrayOf(1 shl 30)) }
        fails<HearthException>("") { model.renderChat("no JSON") }
    }
    test("closed objects say so, whoever still uses them") {
        val own = HearthModel.openBlocking(path)
        val session = own.session()
        session.append("the cat")
        own.close()
        own.close()
        fails<IllegalStateException>("closed") { own.tokenize("x") }
        fails<IllegalStateException>("closed") { own.session() }
        session.text()  // keeps the weights
        val flow = session.generate(endless)
        session.close()
        session.close()
        fails<IllegalStateException>("closed") { session.length }
        fails<IllegalStateException>("closed") { session.cancel() }
        fails<IllegalStateException>("closed") { runBlocking { flow.toList() } }
        for (number in longArrayOf(0, -1, Long.MAX_VALUE, 123456789)) {
            fails<IllegalStateException>("closed") { Native.modelIsa(number) }
            fails<IllegalStateException>("closed") { Native.sessionTokens(number) }
            fails<IllegalStateException>("closed") { Native.generationStep(number) }
            Native.sessionClose(number)
        }
        fails<IllegalStateException>("closed") { Native.sessionNew(0, 0, 1) }
    }
    test("null arrays and wrong shapes are refused, not followed") {
        fails<HearthException>("") { Native.modelOpen(null, 0, 0, null, null, null) }
        check(Native.tokenize(1, null, 0) != null) { "model number 1 is the first" }
        model.session().use { session ->
            session.append("x")
            val number = Native.sessionNew(1, 0, 1)
            Native.sessionAppendTokens(number, null)
            fails<HearthException>("four") { Native.generationNew(number, null, null, null, 0, null, null) }
            fails<HearthException>("as many") { Native.generationNew(number, arrayOf("seed".utf8()), null, null, 0, null, IntArray(4)) }
            fails<HearthException>("kind") { Native.generationNew(number, null, null, null, 9, null, IntArray(4)) }
            fails<HearthException>("") { Native.generationNew(number, arrayOf(null), doubleArrayOf(1.0), null, 0, null, IntArray(4)) }
            fails<HearthException>("") { Native.embed(1, arrayOf(null), 77, 0, 0) }
            Native.sessionClose(number)
        }
    }
    test("progress stops a load, and what it throws comes out") {
        val seen = mutableListOf<Long>()
        val here = Thread.currentThread()
        HearthModel.openBlocking(path, ModelOptions(progress = { done, total ->
            check(Thread.currentThread() === here && done <= total) { "thread" }
            seen += done
            true
        })).close()
        check(seen.isNotEmpty()) { "never called" }
        val stopped = fails<HearthException>("") { HearthModel.openBlocking(path, ModelOptions(progress = { _, _ -> false })) }
        check(stopped.statusName == "HEARTH_ECANCELLED") { stopped.statusName }
        fails<ArithmeticException>("mine") {
            HearthModel.openBlocking(path, ModelOptions(progress = { _, _ -> throw ArithmeticException("mine") }))
        }
    }
    test("messages come from any thread, and what a listener throws is dropped") {
        val seen = AtomicInteger()
        val options = ModelOptions(threads = 4, log = { level, text ->
            check(level in 0..3 && text.isNotEmpty()) { text }
            seen.incrementAndGet()
            throw IllegalArgumentException("a listener's own")
        })
        HearthModel.openBlocking(path, options).use { m ->
            m.session().use { s ->
                s.append("the cat")
                s.text()
            }
        }
        println("  ${seen.get()} messages")
    }
    test("embeddings") {
        val texts = listOf("the cat", "a dog 🔥", "the cat")
        fails<IllegalArgumentException>("pooling") { model.embed(texts) }
        val vectors = model.embed(texts, Pooling.MEAN)
        check(vectors.size == 3 && vectors.all { it.size == model.embeddingWidth }) { vectors.map { it.size } }
        check(vectors[0].contentEquals(vectors[2]) && !vectors[0].contentEquals(vectors[1])) { "not the same bytes" }
        check(vectors.all { v -> abs(v.sumOf { (it * it).toDouble() } - 1) < 1e-4 }) { "length" }
        check(model.embed(List(600) { "x" }, Pooling.LAST, dimensions = 8).size == 600) { "more texts than local references" }
        check(model.embed(emptyList(), Pooling.CLS).isEmpty()) { "none" }
    }
    test("many coroutines share a model, and close it under each other") {
        val expected = model.session().use { s -> s.append("the dog"); s.text() }
        val texts = List(8) {
            kotlinx.coroutines.CoroutineScope(Dispatchers.Default).async {
                model.session().use { s -> s.append("the dog"); s.text() }
            }
        }.awaitAll()
        check(texts.all { it == expected }) { texts }
        repeat(20) { round ->
            val own = HearthModel.openBlocking(path)
            val session = own.session()
            session.append("the dog")
            val threads = List(3) {
                thread {
                    try {
                        runBlocking { session.text() }
                    } catch (_: HearthException) {  // another one runs it
                    } catch (_: IllegalStateException) {  // closed
                    }
                }
            }
            if (round % 2 == 0) Thread.sleep(1)
            session.close()
            own.close()
            threads.forEach { it.join() }
        }
    }
    model.close()
    exitProcess(if (failures == 0) 0 else 1)
}
