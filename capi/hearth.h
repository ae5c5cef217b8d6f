/* hearth.h: the C interface of hearth, which runs language models on the device that its user owns.
 *
 * Rules that hold for every function:
 * - Returns a hearth_status; HEARTH_OK is 0. Functions that return anything else cannot fail. A sentence about the last
 *   failure on this thread: hearth_last_error().
 * - Nothing leaves the library but the return value: no exception, signal, exit, abort or output.
 * - Out-parameters come first and are set to null or 0 on failure. Null where a pointer is required gives
 *   HEARTH_EINVAL. *_free(NULL) does nothing.
 * - Objects that are made from another (a session from a model) keep it alive: free them in any order.
 * - Text is UTF-8, a pointer and a length in bytes; it need not end with a zero byte. const char * without a length is a
 *   zero-terminated name or path.
 * - Buffers are the caller's: pointer, capacity, and `needed`, which is always set to the full size. HEARTH_EBUFS when
 *   the capacity is smaller (then nothing is written; pointer may be null with capacity 0):
 * @code
 *     size_t needed = 0;
 *     hearth_tokenizer_encode(NULL, 0, &needed, tokenizer, "a cat", 5, 0);
 *     hearth_token *tokens = (hearth_token *)malloc(needed * sizeof *tokens);
 *     if (!hearth_tokenizer_encode(tokens, needed, &needed, tokenizer, "a cat", 5, 0)) printf("%d…\n", (int)tokens[0]);
 *     free(tokens);
 * @endcode
 * - Option structs begin with their size. Call the _init function with sizeof, then change fields. Fields are only ever
 *   added at the end; a struct from a newer header is accepted as long as the unknown tail is zero.
 * - Examples (@code) use a runtime, model, tokenizer, session, sampling and generator that were made before; tests run them.
 *
 * Thread classes: [any] callable from any thread at any time. [object] one thread at a time for each object.
 *
 * The ABI of version 1 (symbols HEARTH_1) grows; it does not change.
 */
#ifndef HEARTH_H
#define HEARTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define HEARTH_API
#elif defined(__GNUC__)
#define HEARTH_API __attribute__((visibility("default")))
#else
#define HEARTH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------------------------ */
typedef int32_t hearth_status;
#define HEARTH_OK 0
#define HEARTH_EINVAL 1        /* an argument is wrong: null, out of bounds, an unknown key */
#define HEARTH_ENOMEM 2        /* memory was refused */
#define HEARTH_EBUDGET 3       /* would exceed the runtime's memory budget; the sentence has the figures */
#define HEARTH_EIO 4           /* a file or reader did not deliver its bytes */
#define HEARTH_EFORMAT 5       /* a file contradicts its own format */
#define HEARTH_EUNSUPPORTED 6  /* a sound file of a kind that this version does not know; what a minimal build leaves out */
#define HEARTH_ERANGE 7        /* beyond the context, the vocabulary or another limit */
#define HEARTH_EBUFS 8         /* the caller's buffer is too small; *needed says how much */
#define HEARTH_EAGAIN 9        /* nothing to report at the moment */
#define HEARTH_ECANCELLED 10   /* the host asked to stop */
#define HEARTH_EISA 11         /* an instruction set that this CPU or build lacks */
#define HEARTH_ESTATE 12       /* the object is busy with something that does not allow this call */
#define HEARTH_ENOTFOUND 13    /* no such file */
#define HEARTH_EUTF8 14        /* text is not UTF-8; the sentence has the byte offset */
#define HEARTH_EINTERNAL 15    /* a defect of hearth */

/* "HEARTH_EFORMAT" for a status; never null. [any] @since 0.1 */
HEARTH_API const char *hearth_status_name(hearth_status status);
/* One sentence about the last call on this thread that failed; "" when there was none. Borrowed until this thread's
 * next call into hearth. Never null. [any] @since 0.1 */
HEARTH_API const char *hearth_last_error(void);
/* "0.1.0". [any] @since 0.1 */
HEARTH_API const char *hearth_version(void);

/* ---- text that hearth owns ---------------------------------------------------------------------------------- */
/* A string made by hearth, the caller's to free. [object] */
typedef struct hearth_text hearth_text;
/* Zero-terminated; *length (may be null) without the zero. Borrowed from `text`. "" for null. @since 0.1 */
HEARTH_API const char *hearth_text_data(const hearth_text *text, size_t *length);
HEARTH_API void hearth_text_free(hearth_text *text);

/* ---- instruction sets ----------------------------------------------------------------------------------------- */
/* Number of instruction sets that this library knows (built in or not). [any] @since 0.1 */
HEARTH_API size_t hearth_isa_count(void);
/* Name ("scalar", "avx2", "avx512", "neon"…) of set i, or null; *available (may be null): can run here. [any] @since 0.1 */
HEARTH_API const char *hearth_isa_name(size_t i, bool *available);

/* ---- runtime --------------------------------------------------------------------------------------------------- */
/* What a host decides once: threads, memory, instruction set, log. Any number of runtimes may live in a process;
 * hearth has no globals. [any] for making models from it. */
typedef struct hearth_runtime hearth_runtime;

#define HEARTH_LOG_ERROR 0
#define HEARTH_LOG_WARNING 1
#define HEARTH_LOG_INFO 2
#define HEARTH_LOG_DEBUG 3

typedef struct hearth_runtime_options {
    size_t struct_size;
    uint32_t threads;        /* 0: as many as this process may use cores */
    uint32_t flags;          /* must be 0 */
    uint64_t memory_budget;  /* bytes for weights, caches and scratch together; 0: no limit */
    const char *isa;         /* null, "" or "auto": the environment variable HEARTH_ISA, else the best that this CPU runs */
    /* Large blocks (weights, caches, scratch); null: the system. Callable from any thread; null result = refused.
     * These, log and run must not call into the same runtime. */
    void *(*allocate)(size_t bytes, size_t alignment, void *user);
    void (*release)(void *block, size_t bytes, void *user);
    void *memory_user;
    /* Messages, level as HEARTH_LOG_…; null: none. Called from any thread. */
    void (*log)(int32_t level, const char *text, size_t length, void *user);
    void *log_user;
    /* The host's own threads: call task(data, worker) for some or all workers 1 … workers-1, each at most once, and
     * return when those calls have ended. Null: hearth's own pool. */
    void (*run)(void (*task)(void *data, size_t worker), void *data, size_t workers, void *user);
    void *run_user;
} hearth_runtime_options;

/* Fills in the defaults. [any] @since 0.1 */
HEARTH_API hearth_status hearth_runtime_options_init(hearth_runtime_options *options, size_t struct_size);
/* options may be null. HEARTH_EISA for an instruction set that cannot run here. @since 0.1 */
HEARTH_API hearth_status hearth_runtime_new(hearth_runtime **out, const hearth_runtime_options *options);
HEARTH_API void hearth_runtime_free(hearth_runtime *runtime);
/* The name of the instruction set in use. [any] @since 0.1 */
HEARTH_API const char *hearth_runtime_isa(const hearth_runtime *runtime);
HEARTH_API uint32_t hearth_runtime_threads(const hearth_runtime *runtime);
/* Bytes that the runtime's objects hold now (weights, caches, scratch). [any] @since 0.1 */
HEARTH_API uint64_t hearth_runtime_memory(const hearth_runtime *runtime);
/* Reads `bytes` of memory with all threads `rounds` times; *bytes_per_second is the median: the bound of decoding. [any] @since 0.1 */
HEARTH_API hearth_status hearth_runtime_measure_stream(double *bytes_per_second, hearth_runtime *runtime, uint64_t bytes,
                                                       uint32_t rounds);

/* ---- model ------------------------------------------------------------------------------------------------------- */
/* A loaded model: weights and tokenizer, immutable. [any] */
typedef struct hearth_model hearth_model;
#define HEARTH_MODEL_MTP 1u /* with the blocks that predict further tokens; HEARTH_EUNSUPPORTED where the file has none */

typedef struct hearth_model_options {
    size_t struct_size;
    uint32_t flags; /* HEARTH_MODEL_… */
    uint32_t reserved;
    /* Called every few milliseconds while loading, in the thread that opens the model, with done and total bytes of weights;
     * non-zero stops with HEARTH_ECANCELLED. May be null.
     * A load holds its runtime: other loads and passes on it wait, and the callback must not use that runtime. */
    int32_t (*progress)(uint64_t done, uint64_t total, void *user);
    void *progress_user;
} hearth_model_options;

/* The host's reader; `read` fills dst completely and returns 0, or fails with non-zero. Called from any thread, only
 * during the call it is passed to; it must not use the runtime that loads. */
typedef struct hearth_reader {
    size_t struct_size;
    uint64_t size; /* of the whole file in bytes */
    int32_t (*read)(uint64_t offset, void *dst, size_t bytes, void *user);
    void *user;
} hearth_reader;

HEARTH_API hearth_status hearth_model_options_init(hearth_model_options *options, size_t struct_size);
/* Opens a GGUF file (of a split model any part: the others lie beside it) or a Hugging Face folder: config.json,
 * model.safetensors or its shards, tokenizer.json. options may be null.
 * Where the weights would not fit (the budget, or without one the memory that the machine leaves this process) it is
 * refused before they are read: HEARTH_EBUDGET, HEARTH_ENOMEM.
 * A packed file (hearth_model_pack) is mapped and used in place: while the model is open it must not be changed or
 * truncated, which would change the weights or end the process with SIGBUS; replacing it by rename is fine. Its bytes
 * count against the memory budget. HEARTH_EUNSUPPORTED where it was packed by a version whose panels are laid out
 * otherwise: pack it again from the original. @since 0.1 */
HEARTH_API hearth_status hearth_model_open_path(hearth_model **out, hearth_runtime *runtime, const char *path,
                                                const hearth_model_options *options);
/* The descriptor is not kept and not closed. @since 0.1 */
HEARTH_API hearth_status hearth_model_open_fd(hearth_model **out, hearth_runtime *runtime, int fd,
                                              const hearth_model_options *options);
/* The bytes may be freed after the call. @since 0.1 */
HEARTH_API hearth_status hearth_model_open_memory(hearth_model **out, hearth_runtime *runtime, const void *data,
                                                  size_t bytes, const hearth_model_options *options);
HEARTH_API hearth_status hearth_model_open_reader(hearth_model **out, hearth_runtime *runtime, const hearth_reader *reader,
                                                  const hearth_model_options *options);
HEARTH_API void hearth_model_free(hearth_model *model);

typedef struct hearth_pack_options {
    size_t struct_size;
    uint32_t flags; /* must be 0 */
    uint32_t reserved;
    /* Called with done and total bytes of the model's tensors; non-zero stops with HEARTH_ECANCELLED. May be null. The
     * callback must not use the runtime. */
    int32_t (*progress)(uint64_t done, uint64_t total, void *user);
    void *progress_user;
} hearth_pack_options;

/* [any] @since 0.1 */
HEARTH_API hearth_status hearth_pack_options_init(hearth_pack_options *options, size_t struct_size);
/* Writes a model as hearth's kernels read it, so that later loads only map it: a GGUF file with the same metadata and tensors,
 * of which the matrices are stored as panels in types of hearth's own (other engines refuse it). It runs as the original does,
 * to the bit. `packed_path` appears whole or not at all, and is replaced where it exists; of a split model one file is made.
 * Memory holds some megabytes, whatever the model's size. options may be null. HEARTH_EINVAL for a file that is packed already,
 * HEARTH_EUNSUPPORTED for a model that would not load. Holds the runtime as a load does. [any] @since 0.1 */
HEARTH_API hearth_status hearth_model_pack(hearth_runtime *runtime, const char *path, const char *packed_path,
                                           const hearth_pack_options *options);

/* Tells about a model file without loading weights, as a JSON object:
 *   "supported": bool, and when false "why": {"part": "architecture"|"tensor"|"tokenizer"|"key", "message": sentence}
 *   "packed": {"version", "types": […]} for a file of hearth_model_pack, else null,
 *   "file", "format" ("GGUF", or "safetensors" with format_version 0), "format_version", "file_bytes", "architecture",
 *   "name", "parameters", "tensors", "mtp": {"blocks", "weights", "kv_bytes_per_token"} (with HEARTH_MODEL_MTP) or null,
 *   "context_length", "embedding_length", "layers", "heads", "kv_heads", "feed_forward_length",
 *   "experts" and "experts_used" (of a layer, and of them by a token; 0 without experts),
 *   "embeddings": {"width", "causal", "generates", "pooling", "scores", "labels": […]}, see hearth_embedding_info,
 *   "vocabulary": {"model", "size", "bos", "eos", …},
 *   "quantization": [{"type", "tensors", "bytes", "parameters"}…] by bytes, descending; "bits_per_weight",
 *   "memory": {"weights", "kv_bytes_per_token", "kv_page_tokens", "scratch", "kv_at_context": […]} in bytes;
 *     "kv_groups": [{"window", "chunk", "bytes_per_token"}…] are the layers that see the same keys (0: no bound), "state"
 *     is what does not grow; of each context "kv" is the most that a session with passes of 512 tokens takes, "checkpoints"
 *     the most that it keeps beside them of memory that is left, and "total" that without checkpoints.
 * Fails only when the file cannot be read as a model at all. [any] @since 0.1 */
HEARTH_API hearth_status hearth_inspect_path(hearth_text **out, hearth_runtime *runtime, const char *path);
HEARTH_API hearth_status hearth_inspect_fd(hearth_text **out, hearth_runtime *runtime, int fd);
HEARTH_API hearth_status hearth_inspect_memory(hearth_text **out, hearth_runtime *runtime, const void *data, size_t bytes);
HEARTH_API hearth_status hearth_inspect_reader(hearth_text **out, hearth_runtime *runtime, const hearth_reader *reader);
/* The same for a loaded model. */
HEARTH_API hearth_status hearth_model_inspect(hearth_text **out, const hearth_model *model);

/* Numbers of a model; 0 for null. [any] @since 0.1 */
HEARTH_API uint32_t hearth_model_vocab_size(const hearth_model *model);
HEARTH_API uint32_t hearth_model_context_length(const hearth_model *model); /* as trained, or as the file says */
HEARTH_API uint64_t hearth_model_weight_bytes(const hearth_model *model);   /* held in memory */
HEARTH_API uint64_t hearth_model_decode_bytes(const hearth_model *model);   /* of weights read for one decoded token */
/* Tells models apart that compute differently: of the architecture, its numbers and all weights, 16 bytes. Names and the
 * tokenizer do not matter. The first call reads all weights. @since 0.1 */
HEARTH_API hearth_status hearth_model_digest(uint8_t digest[16], hearth_model *model);
/* The value of a metadata key as text; strings as they are, other values as JSON. HEARTH_ENOTFOUND. */
HEARTH_API hearth_status hearth_model_metadata(hearth_text **out, const hearth_model *model, const char *key);

/* ---- tokenizer of a model -------------------------------------------------------------------------------------------- */
typedef int32_t hearth_token;
#define HEARTH_TOKENIZE_NO_SPECIAL 1u    /* add no BOS, EOS, CLS, SEP */
#define HEARTH_TOKENIZE_PARSE_SPECIAL 2u /* "<|im_end|>" in the text becomes that token */

#define HEARTH_TOKEN_BOS 0
#define HEARTH_TOKEN_EOS 1
#define HEARTH_TOKEN_EOT 2
#define HEARTH_TOKEN_EOM 3
#define HEARTH_TOKEN_UNKNOWN 4
#define HEARTH_TOKEN_SEPARATOR 5
#define HEARTH_TOKEN_PADDING 6
#define HEARTH_TOKEN_MASK 7

/* A tokenizer alone, from a model file without its weights. [any] for all functions that take it const. */
typedef struct hearth_tokenizer hearth_tokenizer;
HEARTH_API hearth_status hearth_tokenizer_open_path(hearth_tokenizer **out, const char *path);
/* That of a loaded model; keeps the model alive. @since 0.1 */
HEARTH_API hearth_status hearth_tokenizer_of_model(hearth_tokenizer **out, hearth_model *model);
HEARTH_API void hearth_tokenizer_free(hearth_tokenizer *tokenizer);
HEARTH_API uint32_t hearth_tokenizer_size(const hearth_tokenizer *tokenizer);
/* @since 0.1 */
HEARTH_API hearth_status hearth_tokenizer_encode(hearth_token *tokens, size_t capacity, size_t *needed,
                                                 const hearth_tokenizer *tokenizer, const char *text, size_t length, uint32_t flags);
/* All at once; broken UTF-8 becomes U+FFFD. special: control tokens are written out. Not zero-terminated. */
HEARTH_API hearth_status hearth_tokenizer_decode(char *text, size_t capacity, size_t *needed, const hearth_tokenizer *tokenizer,
                                                 const hearth_token *tokens, size_t count, bool special);
/* The bytes of one token, which need not be whole characters. HEARTH_ERANGE for an id outside the vocabulary. */
HEARTH_API hearth_status hearth_tokenizer_piece(char *bytes, size_t capacity, size_t *needed,
                                                const hearth_tokenizer *tokenizer, hearth_token token, bool special);
/* The id of HEARTH_TOKEN_…, -1 where the vocabulary has none. */
HEARTH_API hearth_token hearth_tokenizer_special(const hearth_tokenizer *tokenizer, uint32_t which);
HEARTH_API hearth_token hearth_tokenizer_find(const hearth_tokenizer *tokenizer, const char *text, size_t length);
HEARTH_API bool hearth_tokenizer_ends_generation(const hearth_tokenizer *tokenizer, hearth_token token);

/* Tokens to text as they arrive; never half a character. [object] */
typedef struct hearth_decoder hearth_decoder;
HEARTH_API hearth_status hearth_decoder_new(hearth_decoder **out, hearth_tokenizer *tokenizer, bool special);
HEARTH_API void hearth_decoder_free(hearth_decoder *decoder);
/* *text is borrowed until the decoder's next call; *length may be 0. @since 0.1 */
HEARTH_API hearth_status hearth_decoder_push(const char **text, size_t *length, hearth_decoder *decoder, hearth_token token);
HEARTH_API hearth_status hearth_decoder_flush(const char **text, size_t *length, hearth_decoder *decoder);

/* ---- chat templates of a model -------------------------------------------------------------------------------------- */
/* The Jinja template that the model's file carries for conversations: name null or "" for the default one, "tool_use"
 * and the like for others. HEARTH_ENOTFOUND. [any] @since 0.1 */
HEARTH_API hearth_status hearth_chat_template(hearth_text **out, const hearth_tokenizer *tokenizer, const char *name);
/* A conversation as the text that the model was trained on; tokenize it with HEARTH_TOKENIZE_PARSE_SPECIAL, and where it
 * begins with BOS itself with HEARTH_TOKENIZE_NO_SPECIAL too. `source` is a template, or null for the model's own (the
 * one named tool_use where there is one and the input has tools); tokenizer may be null where source is not.
 * `input` is a JSON object. Its members are the variables of the template:
 *   "messages": [{"role", "content": text or parts, "tool_calls", "reasoning_content"…}…], "tools": [definitions] or null,
 *   "add_generation_prompt": bool, "bos_token", "eos_token"… (without them those of the vocabulary), and any other, but for
 *   "extra": {…}, whose members are further variables ("enable_thinking", "documents"…), and
 *   "now": "2025-06-15T12:34:56", the time that strftime_now() tells (without it the clock's).
 * It is rendered as Hugging Face transformers renders it, Python's printing of values included. A rendering takes
 * 20 million steps, 256 MiB of values, 64 MiB of text and half a megabyte of stack at most: HEARTH_EBUDGET. HEARTH_EFORMAT for what is no
 * template or no JSON, HEARTH_EINVAL where the template fails or raises an exception; the sentence has line and column.
 * [any] @since 0.1 */
HEARTH_API hearth_status hearth_chat_render(hearth_text **out, const hearth_tokenizer *tokenizer, const char *source,
                                            size_t source_length, const char *input, size_t input_length);
/* The same as tokens, in which only the template names control tokens: "<|im_end|>" in a message stays text. Without
 * HEARTH_TOKENIZE_NO_SPECIAL, the one flag, the vocabulary's BOS is added where the text does not begin with it; templates
 * of models bring their own. For hearth_session_replace. tokenizer must not be null. [any] @since 0.1
 * @code
 *     const char input[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"add_generation_prompt\": true}";
 *     hearth_token prompt[256];
 *     size_t count = 0;
 *     if (hearth_chat_tokens(prompt, 256, &count, tokenizer, NULL, 0, input, sizeof input - 1, 0) ||
 *         hearth_session_replace(session, 0, hearth_session_length(session), prompt, count)) return hearth_last_error();
 * @endcode */
HEARTH_API hearth_status hearth_chat_tokens(hearth_token *tokens, size_t capacity, size_t *needed,
                                            const hearth_tokenizer *tokenizer, const char *source, size_t source_length,
                                            const char *input, size_t input_length, uint32_t flags);

/* ---- session ------------------------------------------------------------------------------------------------------------ */
/* One conversation: its tokens and its cache. [object]; while a generator works on it, only through that generator. */
typedef struct hearth_session hearth_session;
#define HEARTH_KV_F16 1u
#define HEARTH_KV_F32 2u
#define HEARTH_KV_Q8_0 3u

typedef struct hearth_session_options {
    size_t struct_size;
    uint32_t context; /* tokens it can hold; 0: the model's context length, or as much of it as memory holds */
    uint32_t kv;      /* HEARTH_KV_…: F16 (default); F32; Q8_0: int8 with a scale for each head's row, half of F16's memory */
    uint32_t chunk;   /* prompt tokens per step; 0: 512. Never changes a result. */
    uint32_t flags;   /* must be 0 */
} hearth_session_options;

HEARTH_API hearth_status hearth_session_options_init(hearth_session_options *options, size_t struct_size);
/* Refused before anything is allocated where cache and workspace at full context would not fit: with HEARTH_EBUDGET in
 * the runtime's budget, or where there is none and no allocator of the host, with HEARTH_ENOMEM in the memory that the
 * machine and the control groups leave this process. The sentence has the bytes needed, those there are, and the
 * context that would fit. @since 0.1 */
HEARTH_API hearth_status hearth_session_new(hearth_session **out, hearth_model *model, const hearth_session_options *options);
HEARTH_API void hearth_session_free(hearth_session *session);
/* Appends to the tokens; they are evaluated with the next eval or generation. HEARTH_ERANGE beyond the context or
 * outside the vocabulary: then nothing is appended. @since 0.1 */
HEARTH_API hearth_status hearth_session_append_tokens(hearth_session *session, const hearth_token *tokens, size_t count);
/* Special tokens (BOS) are added only when the session is empty. flags: HEARTH_TOKENIZE_…. @since 0.1 */
HEARTH_API hearth_status hearth_session_append_text(hearth_session *session, const char *text, size_t length, uint32_t flags);
HEARTH_API size_t hearth_session_length(const hearth_session *session);
HEARTH_API uint32_t hearth_session_context(const hearth_session *session);
HEARTH_API hearth_status hearth_session_tokens(hearth_token *tokens, size_t capacity, size_t *needed,
                                               const hearth_session *session);
/* Evaluates what is pending. logits: of the last token [vocab], or with HEARTH_EVAL_ALL of every token evaluated by
 * this call [pending, vocab]; null evaluates without copying. With nothing pending: the logits of the last token.
 * HEARTH_ESTATE for an empty session. Capacity and needed count floats; HEARTH_EBUFS comes before any work. @since 0.1 */
#define HEARTH_EVAL_ALL 1u
HEARTH_API hearth_status hearth_session_eval(float *logits, size_t capacity, size_t *needed, hearth_session *session,
                                             uint32_t flags);
/* Stops what runs on the session now, if anything does: hearth_session_eval returns HEARTH_ECANCELLED, and the passes that it
 * finished are kept; a generation ends with HEARTH_FINISH_CANCELLED. [any] @since 0.1 */
HEARTH_API hearth_status hearth_session_cancel(hearth_session *session);
/* Keeps the first `length` tokens. Free where all layers see all tokens, and up to 64 tokens back where some see a window;
 * further back, and at all where layers keep a recurrent state, the next evaluation also takes again what lies between
 * the nearest checkpoint and `length`, to the same bits. Checkpoints are kept at the ends of evaluated prompts (tokens
 * appended together), where a session was truncated, and every 1024 tokens, the older the fewer, 16 at most, of a quarter
 * of the cache at most, and of no memory that the session itself may need. @since 0.1 */
HEARTH_API hearth_status hearth_session_truncate(hearth_session *session, size_t length);
/* `count` tokens in place of `removed` tokens from `at` on: what stays the same up to the first difference is not evaluated
 * again, what follows is. With at 0 and removed = hearth_session_length it gives the session other tokens altogether and keeps
 * the past that both have. HEARTH_ERANGE beyond its length, the context or the vocabulary; then nothing has changed. @since 0.1 */
HEARTH_API hearth_status hearth_session_replace(hearth_session *session, size_t at, size_t removed,
                                                const hearth_token *tokens, size_t count);
/* The conversation as bytes: tokens, cache, and the newest checkpoint. Restored, it goes on as if it had never stopped, to
 * the bit. The first save or restore of a model reads all its weights once (for their digest).
 * hearth_session_save: capacity and needed count bytes; HEARTH_EBUFS comes before any work.
 * hearth_session_save_path: the file appears whole or not at all. @since 0.1 */
HEARTH_API hearth_status hearth_session_save(void *bytes, size_t capacity, size_t *needed, hearth_session *session);
HEARTH_API hearth_status hearth_session_save_path(hearth_session *session, const char *path);
/* What was saved in place of what the session holds. On any failure the session is as it was. The bytes may come from
 * anywhere. HEARTH_EFORMAT for bytes that are no saved session, cut or damaged; HEARTH_EUNSUPPORTED for one of another
 * version of the format; HEARTH_ESTATE for one of another model, another type of cache, other adapters, or (models whose
 * positions depend on it) a context on the other side of the one that they were trained for; HEARTH_ERANGE for one that is longer than the
 * session's context. While it runs both conversations take memory. @since 0.1 */
HEARTH_API hearth_status hearth_session_restore(hearth_session *session, const void *bytes, size_t count);
HEARTH_API hearth_status hearth_session_restore_path(hearth_session *session, const char *path);
/* A second conversation with the same past; memory is shared until the two differ: who goes on copies a page of up to 256
 * tokens, and recurrent states. @since 0.1 */
HEARTH_API hearth_status hearth_session_fork(hearth_session **out, const hearth_session *session);
/* Bytes of its cache, of that of HEARTH_DRAFT_MTP and its checkpoints (what is shared with forks counts for each). Layers
 * that see a window keep the keys of that window and of a pass, however long the session is. @since 0.1 */
HEARTH_API uint64_t hearth_session_memory(const hearth_session *session);

/* ---- prefix store ------------------------------------------------------------------------------------------------------ */
/* What sessions have computed, for others that begin with the same tokens: a prompt is looked for when it is evaluated, and
 * what the store has of it is taken over instead, to the same bits; behind that, only the rest is computed, and kept in turn.
 * Sessions of any models of its runtime may share one: what is found was computed by the same weights, with the same kind of
 * cache. Tokens are compared, not their digests alone.
 * Caches in which every layer sees all tokens go on behind any token that two prompts have in common. Where layers see a
 * window, or keep states or rows for several tokens, they go on where a prompt or an answer ended, or 1024 tokens after the
 * last such place: evaluate what many prompts begin with (hearth_session_eval) before what follows it, and it is found. [any] */
typedef struct hearth_prefix_store hearth_prefix_store;

typedef struct hearth_prefix_store_options {
    size_t struct_size;
    uint32_t flags; /* must be 0 */
    uint32_t reserved;
    /* It holds at most; 0: a quarter of what the runtime's budget or the machine leaves at this moment. Pages are shared
     * with the sessions that use them. They count in the runtime's memory, and are given up, those first that were used
     * longest ago, before anything is refused for want of it. */
    uint64_t memory_bytes;
    /* Where it is kept as files too, for other processes and later; null: nowhere. Made where it does not exist. Files hold
     * what conversations were about: they are their owner's alone (0600, a folder that is made 0700). What is read is
     * checked and may be anything, but whoever can write there can make a model see other text: keep it as private as the
     * conversations. Any number of processes may use it at the same time. Prompts are written when they were evaluated, by
     * the call that did it; where that fails the log says so, and nothing else happens. */
    const char *folder;
    uint64_t folder_bytes; /* of its files at most, those go first that were used longest ago; 0: 4 GiB */
} hearth_prefix_store_options;

typedef struct hearth_prefix_store_stats {
    size_t struct_size;
    uint64_t lookups;      /* prompts of 32 tokens or more that were looked for */
    uint64_t asked_tokens; /* of them, tokens that their sessions had not */
    uint64_t found_tokens; /* of those, tokens that were taken over */
    uint64_t parts;        /* that it holds: blocks of up to 256 tokens, and ends of prompts */
    uint64_t bytes;        /* of them in memory, shared with sessions or not */
    uint64_t evictions;    /* parts that made room */
    uint64_t files;        /* in the folder now, whoever wrote them */
    uint64_t file_bytes;
    uint64_t files_written; /* by this store, as the following */
    uint64_t files_read;
    uint64_t files_evicted;
    uint64_t files_refused; /* damaged or of something else; they were removed */
} hearth_prefix_store_stats;

/* [any] @since 0.1 */
HEARTH_API hearth_status hearth_prefix_store_options_init(hearth_prefix_store_options *options, size_t struct_size);
/* options may be null. @since 0.1 */
HEARTH_API hearth_status hearth_prefix_store_open(hearth_prefix_store **out, hearth_runtime *runtime,
                                                  const hearth_prefix_store_options *options);
/* Sessions that use it keep it alive. */
HEARTH_API void hearth_prefix_store_free(hearth_prefix_store *store);
/* stats->struct_size must be set. @since 0.1 */
HEARTH_API hearth_status hearth_prefix_store_get_stats(hearth_prefix_store_stats *stats, hearth_prefix_store *store);
/* Forgets everything, and removes its folder's files; sessions keep what they took over. @since 0.1 */
HEARTH_API hearth_status hearth_prefix_store_clear(hearth_prefix_store *store);
/* From now on the session's prompts are looked for and kept there; null: nowhere. Forks do as it does. HEARTH_EINVAL for a
 * store of another runtime. The first use of a model reads all its weights once (for their digest). @since 0.1 */
HEARTH_API hearth_status hearth_session_use_store(hearth_session *session, hearth_prefix_store *store);

/* ---- adapters ------------------------------------------------------------------------------------------------------------- */
/* Changes of a model that sessions compute with: low-rank changes of its matrices (LoRA), or a control vector. Immutable;
 * any number of sessions share one. [any] */
typedef struct hearth_adapter hearth_adapter;
#define HEARTH_ADAPTER_LORA 1u    /* y = W x + scale * alpha / rank * B (A x) */
#define HEARTH_ADAPTER_CONTROL 2u /* scale * direction, added to the stream behind layers */

typedef struct hearth_adapter_options {
    size_t struct_size;
    uint32_t flags;       /* must be 0 */
    uint32_t first_layer; /* of a control vector's directions those of layers first_layer to last_layer are used; */
    uint32_t last_layer;  /* layers count from 0, the first never has a direction; 0: to the last */
    uint32_t reserved;    /* must be 0 */
} hearth_adapter_options;

typedef struct hearth_adapter_info {
    size_t struct_size;
    uint32_t kind;  /* HEARTH_ADAPTER_… */
    uint32_t parts; /* matrices that it changes, or layers that it adds to */
    uint32_t rank;  /* the largest; 0 for a control vector */
    uint32_t reserved;
    uint64_t bytes; /* held in memory */
} hearth_adapter_info;

HEARTH_API hearth_status hearth_adapter_options_init(hearth_adapter_options *options, size_t struct_size);
/* Loads an adapter for a model: a GGUF file of the kinds "lora" or "controlvector", or a folder of PEFT's
 * (adapter_config.json, adapter_model.safetensors). options may be null. Every tensor must have its place in the model and
 * the shape for it: HEARTH_ESTATE for an adapter of another model, HEARTH_EUNSUPPORTED for kinds of adapters that would not
 * be computed as they were trained (DoRA, biases, whole modules…), HEARTH_EFORMAT; the sentence names the tensor or key. Its
 * bytes count against the memory budget. Keeps the model alive. [any] @since 0.1 */
HEARTH_API hearth_status hearth_adapter_load(hearth_adapter **out, hearth_model *model, const char *path,
                                             const hearth_adapter_options *options);
/* Sessions that it is attached to keep what they need. */
HEARTH_API void hearth_adapter_free(hearth_adapter *adapter);
/* info->struct_size must be set. [any] @since 0.1 */
HEARTH_API hearth_status hearth_adapter_describe(hearth_adapter_info *info, const hearth_adapter *adapter);
/* The path that it was loaded from, borrowed from the adapter; "" for null. [any] @since 0.1 */
HEARTH_API const char *hearth_adapter_path(const hearth_adapter *adapter);

/* From now on the session computes with the adapter, `scale` (-1000 to 1000) times; one that is attached already gets the
 * new scale. Several are added in the order in which they were attached. Nothing is loaded or copied.
 * What a session holds is always what it would hold if its adapters had been there from its first token on: where they
 * change, its tokens stay, all of them are pending, and the next evaluation or generation computes them again (logits,
 * cache and checkpoints of before are gone; forks keep theirs). A scale of 0 is the same as no adapter, to the bit. A fork
 * has the same adapters; a saved session is restored only into one with the same adapters and scales (HEARTH_ESTATE).
 * Sessions of one generator may have different adapters: each gets the tokens that it would get alone.
 * HEARTH_EINVAL for an adapter of another hearth_model, HEARTH_ESTATE while a generator runs the session. @since 0.1 */
HEARTH_API hearth_status hearth_session_attach(hearth_session *session, const hearth_adapter *adapter, double scale);
/* HEARTH_ENOTFOUND where it is not attached. @since 0.1 */
HEARTH_API hearth_status hearth_session_detach(hearth_session *session, const hearth_adapter *adapter);
HEARTH_API hearth_status hearth_session_detach_all(hearth_session *session);
/* Attached adapter number i, in their order: a handle of its own in *out (may be null), which is the caller's to free, and
 * its scale. HEARTH_ENOTFOUND beyond the last. @since 0.1 */
HEARTH_API hearth_status hearth_session_adapter(hearth_adapter **out, double *scale, const hearth_session *session, size_t i);

#define HEARTH_STEER_MEAN 0u /* the mean of the differences */
#define HEARTH_STEER_PCA 1u  /* their first principal component, as long as they are along it on average */

typedef struct hearth_steer_options {
    size_t struct_size;
    uint32_t method; /* HEARTH_STEER_… */
    uint32_t flags;  /* must be 0 */
    /* Called with done and all pairs; non-zero stops with HEARTH_ECANCELLED. May be null. */
    int32_t (*progress)(uint64_t done, uint64_t total, void *user);
    void *progress_user;
} hearth_steer_options;

HEARTH_API hearth_status hearth_steer_options_init(hearth_steer_options *options, size_t struct_size);
/* Makes a control vector from `count` pairs of prompts that contrast, positive[i] of positive_lengths[i] tokens with
 * negative[i]: for each layer but the first, where the stream behind it at the last token of the positive prompt lies from
 * that of the negative one (Zou et al., "Representation Engineering", 2023). Attached with a scale of 1 it adds what the
 * prompts differ by. `path` becomes a GGUF file of the kind "controlvector", whole or not at all. The same file on every
 * machine. HEARTH_EINVAL for empty prompts and pairs that do not differ. options may be null. [any] @since 0.1 */
HEARTH_API hearth_status hearth_steer_train(hearth_model *model, const hearth_token *const *positive,
                                            const size_t *positive_lengths, const hearth_token *const *negative,
                                            const size_t *negative_lengths, size_t count, const char *path,
                                            const hearth_steer_options *options);

/* ---- sampling ------------------------------------------------------------------------------------------------------------ */
/* How to choose tokens: string keys with bounds. [object]; copied by submit. */
typedef struct hearth_sampling hearth_sampling;
HEARTH_API hearth_status hearth_sampling_new(hearth_sampling **out);
HEARTH_API void hearth_sampling_free(hearth_sampling *sampling);
/* HEARTH_EINVAL, with the known keys or the bounds in the sentence. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_set(hearth_sampling *sampling, const char *key, double value);
HEARTH_API hearth_status hearth_sampling_get(double *value, const hearth_sampling *sampling, const char *key);
/* Lists of texts, by key; what was there goes. "order": names of samplers; "stop": texts that end a generation; "ban": texts
 * that are never generated; "dry_breakers": see hearth_sampling_list_key. lengths may be null for zero-terminated texts.
 * HEARTH_EINVAL for unknown keys, samplers that do not exist or stand twice, and empty texts. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_set_list(hearth_sampling *sampling, const char *key, const char *const *texts,
                                                  const size_t *lengths, size_t count);
/* Is added to the token's logit before all samplers, -1000 to 1000; -INFINITY: it is never chosen; 0: none. HEARTH_ERANGE for
 * negative tokens here, for those outside the vocabulary when it is used. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_set_bias(hearth_sampling *sampling, hearth_token token, double bias);
/* List number i, sampler number i in the order in which they are applied: or null; doc may be null. [any] @since 0.1 */
HEARTH_API const char *hearth_sampling_list_key(size_t i, const char **doc);
HEARTH_API const char *hearth_sampling_sampler(size_t i, const char **doc);
/* Key number i: null beyond the last. Each out-parameter may be null. [any] @since 0.1 */
HEARTH_API const char *hearth_sampling_key(size_t i, double *minimum, double *maximum, double *initial, const char **doc);

/* What a generation's text must be; one of these, the last call stands, and where it fails what was there stays. The text
 * begins with the first generated token. It ends with HEARTH_FINISH_STOP where it is whole and nothing may follow, or with
 * an end-of-generation token, which is allowed exactly where it is whole; so it always belongs to what was asked for, but
 * for HEARTH_FINISH_LENGTH, _CONTEXT, _CANCELLED and the stop texts of "stop". Where biases and "ban" forbid every token
 * that it needs, it ends with HEARTH_FINISH_ERROR. HEARTH_GENERATE_IGNORE_EOS with it is refused by submit. Which tokens
 * are allowed is worked out when it is first asked for, and kept for all generations with these settings: up to 64 MB, and
 * in the model some 100 bytes per token, of the memory budget: HEARTH_EBUDGET where it has no room for them.
 *
 * schema: JSON Schema, draft 2020-12. Members come in the schema's order. Keywords that are not supported are named in the
 * sentence, with their JSON pointer: HEARTH_EUNSUPPORTED. regex: ECMA-262 with its `u` flag, without lookaround and
 * backreferences; the whole text matches. gbnf: the grammars of llama.cpp, from `root`. choices: it is one of these texts;
 * lengths may be null for zero-terminated ones. All UTF-8, at most 1 MiB, a schema 256 KiB. HEARTH_EINVAL, HEARTH_EFORMAT and
 * HEARTH_EUTF8 tell the line and column, the byte or the JSON pointer. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_set_schema(hearth_sampling *sampling, const char *text, size_t length);
HEARTH_API hearth_status hearth_sampling_set_regex(hearth_sampling *sampling, const char *text, size_t length);
HEARTH_API hearth_status hearth_sampling_set_gbnf(hearth_sampling *sampling, const char *text, size_t length);
HEARTH_API hearth_status hearth_sampling_set_choices(hearth_sampling *sampling, const char *const *texts, const size_t *lengths,
                                                     size_t count);
/* The text is one call of a tool: of the one that is named, or, name null, of any of `tools`, a JSON array as chat templates
 * take it; its arguments are valid for the tool's parameters. It is written as the model writes calls: dialect null asks
 * the model's chat template when it is submitted, and submit refuses with HEARTH_EUNSUPPORTED what that has no way to
 * write. Where the prompt ends in reasoning, that comes first. Control tokens of that notation are in the text with
 * HEARTH_GENERATE_SPECIAL only. HEARTH_ENOTFOUND: there is no such tool. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_set_tool_choice(hearth_sampling *sampling, const char *tools, size_t length,
                                                         const char *name, const char *dialect);
/* Any text again. @since 0.1 */
HEARTH_API hearth_status hearth_sampling_clear_constraint(hearth_sampling *sampling);

/* ---- generation ------------------------------------------------------------------------------------------------------------ */
/* Runs one or many sessions of a model together: submit, then step and drain events until HEARTH_EAGAIN says that
 * nothing is left. What a session gets never depends on the others. [object], but cancel is [any].
 * @code
 *     hearth_event e;
 *     e.struct_size = sizeof e;
 *     if (hearth_session_append_text(session, "Once upon a time", 16, 0) ||
 *         hearth_generator_submit(generator, session, sampling, NULL)) return hearth_last_error();
 *     while (hearth_generator_step(generator) == HEARTH_OK)
 *         while (hearth_generator_next_event(&e, generator) == HEARTH_OK) fwrite(e.text, 1, e.text_length, stdout);
 * @endcode */
typedef struct hearth_generator hearth_generator;
#define HEARTH_EVENT_TOKEN 1u   /* token, and text when characters became whole */
#define HEARTH_EVENT_FINISH 2u  /* reason, last text, counts and times; the session is free again */
#define HEARTH_EVENT_PREFILL 3u /* prompt progress: done of total tokens */

#define HEARTH_FINISH_STOP 1u      /* the model ended its turn: `token` says with which, it is not appended; or a stop text is
                                      complete: `stop` says which, its tokens are in the session; or the constrained text is
                                      whole: `token` and `stop` are -1 */
#define HEARTH_FINISH_LENGTH 2u    /* max_tokens */
#define HEARTH_FINISH_CONTEXT 3u   /* the session is full */
#define HEARTH_FINISH_CANCELLED 4u
#define HEARTH_FINISH_ERROR 5u     /* status and message say which */
#define HEARTH_FINISH_DEADLINE 6u  /* deadline_ms is over */

#define HEARTH_GENERATE_IGNORE_EOS 1u /* do not stop at end-of-generation tokens */
#define HEARTH_GENERATE_SPECIAL 2u    /* write control tokens out in text */
#define HEARTH_GENERATE_LOGITS 4u     /* token events carry the logits that the token was chosen from */
#define HEARTH_GENERATE_PREFILL 8u    /* send HEARTH_EVENT_PREFILL */
#define HEARTH_GENERATE_LOGPROBS 16u  /* token events carry `logprobs` */

typedef struct hearth_generate_options {
    size_t struct_size;
    uint32_t max_tokens; /* 0: until the model ends or the context is full */
    uint32_t flags;      /* HEARTH_GENERATE_… */
    void *tag;           /* comes back in the events */
    uint32_t top_logprobs; /* with HEARTH_GENERATE_LOGPROBS: how many of the most probable tokens */
    uint32_t deadline_ms;  /* milliseconds from submit, after which the generation ends wherever it is; 0: none */
    uint32_t draft;        /* HEARTH_DRAFT_… */
    uint32_t draft_tokens; /* guessed for one pass at most, up to 16; 0: 8. Fewer where more would lose time. */
    hearth_model *draft_model; /* with HEARTH_DRAFT_MODEL; retained */
} hearth_generate_options;

/* Speculation: some next tokens are guessed, and one pass tries them all. Every token is chosen as without guesses, for any
 * sampler and seed, from logits that have the same bits: only the time changes. How many are guessed follows from the times
 * of passes and from how many guesses came true; where guessing loses, it rests. hearth_event.draft_speedup tells. */
#define HEARTH_DRAFT_NONE 0u
#define HEARTH_DRAFT_LOOKUP 1u /* what followed in the session where its last tokens stood before: for texts that repeat
                                  parts of the prompt, as code, summaries and edits do */
#define HEARTH_DRAFT_MODEL 2u  /* the most probable tokens of a smaller model of the same runtime, which must spell the tokens
                                  that both have alike (HEARTH_EINVAL); its cache takes memory like a session's */
#define HEARTH_DRAFT_MTP 3u    /* the model's own blocks for further tokens, loaded with HEARTH_MODEL_MTP (else HEARTH_EINVAL).
                                  They read what passes compute from the first such submit on, with a cache of their own */

/* A token with the natural logarithm of its probability under the model's own distribution, before any sampler. */
typedef struct hearth_logprob {
    hearth_token token;
    float logprob;
} hearth_logprob;

/* Pointers are borrowed until the generator's next call. */
typedef struct hearth_event {
    size_t struct_size;
    uint32_t kind;
    uint32_t reason;          /* of FINISH */
    hearth_session *session;  /* not a new reference */
    void *tag;
    hearth_token token;
    hearth_status status;     /* of FINISH with HEARTH_FINISH_ERROR */
    const char *text;         /* not null */
    size_t text_length;
    const char *message;      /* not null; the sentence of an error */
    const float *logits;      /* [vocab] or null */
    uint32_t prompt_tokens;   /* evaluated for this generation (FINISH), done so far (PREFILL) */
    uint32_t prompt_total;
    uint32_t generated_tokens;
    uint32_t preemptions;     /* times that its cache was given to other sessions (from here on: of FINISH) */
    double prompt_seconds;
    double generate_seconds;
    const hearth_logprob *logprobs; /* of `token`, then of the most probable ones, best first; or null */
    uint32_t logprob_count;
    int32_t stop; /* number of the stop text that ended it, or -1 */
    double wait_seconds;      /* from submit to its first pass */
    double draft_speedup;     /* of decoding, estimated from the times of its passes; 1 without guesses */
    uint32_t passes;          /* that it took part in */
    uint32_t reused_tokens;   /* of the session that needed no evaluation */
    uint32_t drafted_tokens;  /* guessed, and */
    uint32_t accepted_tokens; /* come true */
} hearth_event;

HEARTH_API hearth_status hearth_generate_options_init(hearth_generate_options *options, size_t struct_size);
HEARTH_API hearth_status hearth_generator_new(hearth_generator **out, hearth_model *model);
/* Running sessions are released as if cancelled. */
HEARTH_API void hearth_generator_free(hearth_generator *generator);
/* The session must have at least one token and belong to the generator's model; the caller does not touch it until its
 * FINISH event. sampling null: greedy. HEARTH_ESTATE when the session is already running. @since 0.1 */
HEARTH_API hearth_status hearth_generator_submit(hearth_generator *generator, hearth_session *session,
                                                 const hearth_sampling *sampling, const hearth_generate_options *options);
/* One forward pass over all running sessions: those that decode, and of prompts up to 512 tokens, which they share. Where
 * memory for caches ends, the session that was submitted last gives its cache up and is computed again when another has
 * ended: its tokens stay the same. HEARTH_EAGAIN when none is running and no event is waiting. @since 0.1 */
HEARTH_API hearth_status hearth_generator_step(hearth_generator *generator);
/* HEARTH_EAGAIN when there is no event left. event->struct_size must be set. @since 0.1 */
HEARTH_API hearth_status hearth_generator_next_event(hearth_event *event, hearth_generator *generator);
/* Stops a running session (null: all that run), with a FINISH event; it keeps the tokens it has. A pass that is being
 * computed stops within milliseconds, and what it was computing for other sessions is computed again; but where models have
 * recurrent states, which would be lost, it stops only with the last of its sessions. [any] @since 0.1 */
HEARTH_API hearth_status hearth_generator_cancel(hearth_generator *generator, hearth_session *session);

/* Sugar: submits one session, steps, and calls `on_event` for each event; non-zero cancels. *finish may be null. @since 0.1 */
HEARTH_API hearth_status hearth_session_generate(uint32_t *finish, hearth_session *session, const hearth_sampling *sampling,
                                                 const hearth_generate_options *options,
                                                 int32_t (*on_event)(const hearth_event *event, void *user), void *user);

/* ---- turns of a chat model ---------------------------------------------------------------------------------------------- */
/* Takes apart what a model writes, as it arrives: answer, reasoning, and calls of tools with their arguments as JSON, in the
 * dialect of its template; it runs nothing. One parser reads one turn. Give it the tokens of hearth_chat_tokens as prompt,
 * generate with HEARTH_GENERATE_SPECIAL (many marks are control tokens), feed it the generator's events, and take its own. The
 * next input has hearth_chat_parser_message and {"role": "tool", "tool_call_id", "name", "content"} after it. [object] */
typedef struct hearth_chat_parser hearth_chat_parser;
#define HEARTH_CHAT_REASONING_OPEN 1u /* flag: the turn begins within the reasoning, whatever the prompt says */
#define HEARTH_CHAT_CONTENT 1u        /* event: text is the next part of the answer */
#define HEARTH_CHAT_REASONING 2u      /* text: the next part of the reasoning */
#define HEARTH_CHAT_TOOL_BEGIN 3u     /* a call: name and id are known */
#define HEARTH_CHAT_TOOL_ARGUMENTS 4u /* text: the next part of its arguments; together they are one JSON value */
#define HEARTH_CHAT_TOOL_END 5u       /* text: all of its arguments; `complete` tells whether the call stands */

typedef struct hearth_chat_parser_options {
    size_t struct_size;
    uint32_t flags, reserved; /* HEARTH_CHAT_REASONING_OPEN or 0; reserved must be 0 */
    const char *dialect;      /* one of hearth_chat_dialect; null or "": that of the template */
    const char *source; size_t source_length; /* the template, as for hearth_chat_tokens; null: the model's own */
    const char *tools; size_t tools_length; /* the JSON array that the template was given; null: none */
    const char *prompt; size_t prompt_length; /* what the turn goes on from, as text or tokens: its end tells whether it opened */
    const hearth_token *prompt_tokens; size_t prompt_token_count; /* the reasoning; ids are made of it, for each turn others */
} hearth_chat_parser_options;
/* Pointers are not null and borrowed until the parser's next call. The events of a call follow each other. */
typedef struct hearth_chat_event {
    size_t struct_size;
    uint32_t kind, index; /* HEARTH_CHAT_…; number of the call within the turn, from 0 */
    uint32_t complete, reserved; /* 0: TOOL_END of a broken call. It is withdrawn; what the model wrote follows as content. */
    const char *text; size_t text_length;
    const char *name; size_t name_length; /* of the tool, as the model wrote it */
    const char *id; size_t id_length; /* the model's own, else one made here; TOOL_END has the one to keep, as it may come late */
} hearth_chat_event;
HEARTH_API hearth_status hearth_chat_parser_options_init(hearth_chat_parser_options *options, size_t struct_size);
/* tokenizer may be null where options have a dialect or a source; options may be null where it is not. HEARTH_EINVAL for unknown
 * dialects and tools that are no array of definitions (with the place); HEARTH_ERANGE for unknown tokens. @since 0.1 */
HEARTH_API hearth_status hearth_chat_parser_new(hearth_chat_parser **out, const hearth_tokenizer *tokenizer,
                                                const hearth_chat_parser_options *options);
HEARTH_API void hearth_chat_parser_free(hearth_chat_parser *parser);
/* Any bytes, cut anywhere; what may begin a mark waits for the text that tells. HEARTH_ESTATE after the end. @since 0.1 */
HEARTH_API hearth_status hearth_chat_parser_feed(hearth_chat_parser *parser, const char *text, size_t length);
HEARTH_API hearth_status hearth_chat_parser_feed_event(hearth_chat_parser *parser, const hearth_event *event); /* FINISH ends */
HEARTH_API hearth_status hearth_chat_parser_finish(hearth_chat_parser *parser); /* what waited comes out; twice is fine */
HEARTH_API hearth_status hearth_chat_parser_next_event(hearth_chat_event *event, hearth_chat_parser *parser); /* or HEARTH_EAGAIN */
/* What was fed, and a zero; *length (may be null) without it. Borrowed until the next feed; "" for null. @since 0.1 */
HEARTH_API const char *hearth_chat_parser_raw(const hearth_chat_parser *parser, size_t *length);
HEARTH_API const char *hearth_chat_parser_dialect(const hearth_chat_parser *parser); /* null for null */
/* What came so far: {"role": "assistant", "content", "reasoning_content", "tool_calls": [{"id", "type", "function": {"name",
 * "arguments"}}…]}; arguments are an object, or a string of JSON where the template takes only that. @since 0.1 */
HEARTH_API hearth_status hearth_chat_parser_message(hearth_text **out, const hearth_chat_parser *parser);
/* Dialect i, null beyond the last; that of a template's source, "plain" where nothing tells. [any] @since 0.1 */
HEARTH_API const char *hearth_chat_dialect(size_t i);
HEARTH_API const char *hearth_chat_detect(const char *source, size_t length);

/* ---- embeddings ------------------------------------------------------------------------------------------------------------ */
#define HEARTH_POOLING_DEFAULT 0u /* as the model file says */
#define HEARTH_POOLING_NONE 1u    /* a vector for each token */
#define HEARTH_POOLING_MEAN 2u    /* of all tokens, special ones included */
#define HEARTH_POOLING_CLS 3u     /* that of the first token */
#define HEARTH_POOLING_LAST 4u    /* that of the last token */
#define HEARTH_POOLING_RANK 5u    /* the outputs of a reranker's scoring head */

#define HEARTH_EMBED_NORMALIZE 1u     /* vectors of Euclidean length 1 */
#define HEARTH_EMBED_NO_SPECIAL 2u    /* add no BOS, EOS, CLS, SEP to texts */
#define HEARTH_EMBED_PARSE_SPECIAL 4u /* "[MASK]" in a text becomes that token */
#define HEARTH_EMBED_TRUNCATE 8u      /* texts longer than the model's context lose their last tokens, but for special
                                         ones at the end, instead of being refused */

typedef struct hearth_embed_options {
    size_t struct_size;
    uint32_t pooling;     /* HEARTH_POOLING_… */
    uint32_t flags;       /* HEARTH_EMBED_… */
    uint32_t dimensions;  /* that are kept of each vector, before it is normalised (models trained so: MRL); 0: all */
    uint32_t pass_tokens; /* tokens of a pass, about, over all texts that share it; 0: 512. Never changes a result. */
    /* Called between passes with done and all texts; non-zero stops with HEARTH_ECANCELLED. May be null. */
    int32_t (*progress)(uint64_t done, uint64_t total, void *user);
    void *progress_user;
} hearth_embed_options;

typedef struct hearth_embedding_info {
    size_t struct_size;
    uint32_t pooling;     /* what HEARTH_POOLING_DEFAULT means here */
    uint32_t width;       /* of a pooled vector */
    uint32_t token_width; /* of a token's, without pooling */
    uint32_t scores;      /* outputs of the scoring head; 0: this is no reranker */
    uint32_t generates;   /* 0: the model makes embeddings and no text; sessions are refused */
    uint32_t context;     /* tokens of a text, at most */
} hearth_embedding_info;

HEARTH_API hearth_status hearth_embed_options_init(hearth_embed_options *options, size_t struct_size);
/* Every model makes embeddings; info->struct_size must be set. [any] @since 0.1 */
HEARTH_API hearth_status hearth_model_embedding_info(hearth_embedding_info *info, const hearth_model *model);
/* The name of output i of the scoring head; HEARTH_ENOTFOUND where the file has none. [any] @since 0.1 */
HEARTH_API hearth_status hearth_model_score_label(hearth_text **out, const hearth_model *model, uint32_t i);
/* Embeddings of `count` token sequences, tokens[i] of lengths[i], in their order: [count, width], or without pooling
 * [all tokens, token_width]. Each is the same bytes whatever is embedded with it. Capacity and needed count floats;
 * HEARTH_EBUFS comes before any work. options may be null.
 * Refused before any work: HEARTH_ERANGE for tokens outside the vocabulary and sequences beyond the context,
 * HEARTH_EINVAL for empty ones, HEARTH_EBUDGET or HEARTH_ENOMEM where the passes would not fit.
 * Passes take turns with those of the runtime's other models and sessions. [any] @since 0.1 */
HEARTH_API hearth_status hearth_model_embed(float *out, size_t capacity, size_t *needed, hearth_model *model,
                                            const hearth_token *const *tokens, const size_t *lengths, size_t count,
                                            const hearth_embed_options *options);
/* The same for texts of lengths[i] bytes, with the model's special tokens unless flags say otherwise. @since 0.1 */
HEARTH_API hearth_status hearth_model_embed_texts(float *out, size_t capacity, size_t *needed, hearth_model *model,
                                                  const char *const *texts, const size_t *lengths, size_t count,
                                                  const hearth_embed_options *options);
/* How well each document answers the query: scores[i] is the first output of the scoring head, the logit of BERT-like
 * rerankers, the probability of "yes" of Qwen 3's. Query and document are put together as the model was trained: by its
 * rerank template, in which special tokens are parsed wherever they stand, or with special tokens around and between
 * them. Of the options' fields pooling and dimensions must be 0, and flags may be HEARTH_EMBED_TRUNCATE only.
 * HEARTH_EINVAL for a model that is no reranker. @since 0.1 */
HEARTH_API hearth_status hearth_model_rerank(float *scores, size_t capacity, size_t *needed, hearth_model *model,
                                             const char *query, size_t query_length, const char *const *documents,
                                             const size_t *lengths, size_t count, const hearth_embed_options *options);

#ifdef __cplusplus
}
#endif

#endif /* HEARTH_H */
