/* The layout of hearth.h's structs as apps were compiled against it. A line may be added at the end of a struct, with its
 * new size; none may ever change. Holds for every 64-bit target. */
#include "hearth.h"

#include <stddef.h>

/* C99 has no static_assert: an array of negative size does not compile. */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define HOLDS(condition) typedef char JOIN(layout_holds_, __LINE__)[(condition) ? 1 : -1]
#define AT(type, field, offset) HOLDS(offsetof(type, field) == (offset))
#define ENDS(type, size) HOLDS(sizeof(type) == (size))

AT(hearth_runtime_options, struct_size, 0);
AT(hearth_runtime_options, threads, 8);
AT(hearth_runtime_options, flags, 12);
AT(hearth_runtime_options, memory_budget, 16);
AT(hearth_runtime_options, isa, 24);
AT(hearth_runtime_options, allocate, 32);
AT(hearth_runtime_options, release, 40);
AT(hearth_runtime_options, memory_user, 48);
AT(hearth_runtime_options, log, 56);
AT(hearth_runtime_options, log_user, 64);
AT(hearth_runtime_options, run, 72);
AT(hearth_runtime_options, run_user, 80);
ENDS(hearth_runtime_options, 88);

AT(hearth_model_options, struct_size, 0);
AT(hearth_model_options, flags, 8);
AT(hearth_model_options, reserved, 12);
AT(hearth_model_options, progress, 16);
AT(hearth_model_options, progress_user, 24);
ENDS(hearth_model_options, 32);

AT(hearth_reader, struct_size, 0);
AT(hearth_reader, size, 8);
AT(hearth_reader, read, 16);
AT(hearth_reader, user, 24);
ENDS(hearth_reader, 32);

AT(hearth_pack_options, struct_size, 0);
AT(hearth_pack_options, flags, 8);
AT(hearth_pack_options, reserved, 12);
AT(hearth_pack_options, progress, 16);
AT(hearth_pack_options, progress_user, 24);
ENDS(hearth_pack_options, 32);

AT(hearth_session_options, struct_size, 0);
AT(hearth_session_options, context, 8);
AT(hearth_session_options, kv, 12);
AT(hearth_session_options, chunk, 16);
AT(hearth_session_options, flags, 20);
ENDS(hearth_session_options, 24);

AT(hearth_prefix_store_options, struct_size, 0);
AT(hearth_prefix_store_options, flags, 8);
AT(hearth_prefix_store_options, reserved, 12);
AT(hearth_prefix_store_options, memory_bytes, 16);
AT(hearth_prefix_store_options, folder, 24);
AT(hearth_prefix_store_options, folder_bytes, 32);
ENDS(hearth_prefix_store_options, 40);

AT(hearth_prefix_store_stats, struct_size, 0);
AT(hearth_prefix_store_stats, lookups, 8);
AT(hearth_prefix_store_stats, asked_tokens, 16);
AT(hearth_prefix_store_stats, found_tokens, 24);
AT(hearth_prefix_store_stats, parts, 32);
AT(hearth_prefix_store_stats, bytes, 40);
AT(hearth_prefix_store_stats, evictions, 48);
AT(hearth_prefix_store_stats, files, 56);
AT(hearth_prefix_store_stats, file_bytes, 64);
AT(hearth_prefix_store_stats, files_written, 72);
AT(hearth_prefix_store_stats, files_read, 80);
AT(hearth_prefix_store_stats, files_evicted, 88);
AT(hearth_prefix_store_stats, files_refused, 96);
ENDS(hearth_prefix_store_stats, 104);

AT(hearth_adapter_options, struct_size, 0);
AT(hearth_adapter_options, flags, 8);
AT(hearth_adapter_options, first_layer, 12);
AT(hearth_adapter_options, last_layer, 16);
AT(hearth_adapter_options, reserved, 20);
ENDS(hearth_adapter_options, 24);

AT(hearth_adapter_info, struct_size, 0);
AT(hearth_adapter_info, kind, 8);
AT(hearth_adapter_info, parts, 12);
AT(hearth_adapter_info, rank, 16);
AT(hearth_adapter_info, reserved, 20);
AT(hearth_adapter_info, bytes, 24);
ENDS(hearth_adapter_info, 32);

AT(hearth_steer_options, struct_size, 0);
AT(hearth_steer_options, method, 8);
AT(hearth_steer_options, flags, 12);
AT(hearth_steer_options, progress, 16);
AT(hearth_steer_options, progress_user, 24);
ENDS(hearth_steer_options, 32);

AT(hearth_generate_options, struct_size, 0);
AT(hearth_generate_options, max_tokens, 8);
AT(hearth_generate_options, flags, 12);
AT(hearth_generate_options, tag, 16);
AT(hearth_generate_options, top_logprobs, 24);
AT(hearth_generate_options, deadline_ms, 28);
AT(hearth_generate_options, draft, 32);
AT(hearth_generate_options, draft_tokens, 36);
AT(hearth_generate_options, draft_model, 40);
ENDS(hearth_generate_options, 48);

AT(hearth_logprob, token, 0);
AT(hearth_logprob, logprob, 4);
ENDS(hearth_logprob, 8);

AT(hearth_event, struct_size, 0);
AT(hearth_event, kind, 8);
AT(hearth_event, reason, 12);
AT(hearth_event, session, 16);
AT(hearth_event, tag, 24);
AT(hearth_event, token, 32);
AT(hearth_event, status, 36);
AT(hearth_event, text, 40);
AT(hearth_event, text_length, 48);
AT(hearth_event, message, 56);
AT(hearth_event, logits, 64);
AT(hearth_event, prompt_tokens, 72);
AT(hearth_event, prompt_total, 76);
AT(hearth_event, generated_tokens, 80);
AT(hearth_event, preemptions, 84);
AT(hearth_event, prompt_seconds, 88);
AT(hearth_event, generate_seconds, 96);
AT(hearth_event, logprobs, 104);
AT(hearth_event, logprob_count, 112);
AT(hearth_event, stop, 116);
AT(hearth_event, wait_seconds, 120);
AT(hearth_event, draft_speedup, 128);
AT(hearth_event, passes, 136);
AT(hearth_event, reused_tokens, 140);
AT(hearth_event, drafted_tokens, 144);
AT(hearth_event, accepted_tokens, 148);
ENDS(hearth_event, 152);

AT(hearth_chat_parser_options, struct_size, 0);
AT(hearth_chat_parser_options, flags, 8);
AT(hearth_chat_parser_options, reserved, 12);
AT(hearth_chat_parser_options, dialect, 16);
AT(hearth_chat_parser_options, source, 24);
AT(hearth_chat_parser_options, source_length, 32);
AT(hearth_chat_parser_options, tools, 40);
AT(hearth_chat_parser_options, tools_length, 48);
AT(hearth_chat_parser_options, prompt, 56);
AT(hearth_chat_parser_options, prompt_length, 64);
AT(hearth_chat_parser_options, prompt_tokens, 72);
AT(hearth_chat_parser_options, prompt_token_count, 80);
ENDS(hearth_chat_parser_options, 88);

AT(hearth_chat_event, struct_size, 0);
AT(hearth_chat_event, kind, 8);
AT(hearth_chat_event, index, 12);
AT(hearth_chat_event, complete, 16);
AT(hearth_chat_event, reserved, 20);
AT(hearth_chat_event, text, 24);
AT(hearth_chat_event, text_length, 32);
AT(hearth_chat_event, name, 40);
AT(hearth_chat_event, name_length, 48);
AT(hearth_chat_event, id, 56);
AT(hearth_chat_event, id_length, 64);
ENDS(hearth_chat_event, 72);

AT(hearth_embed_options, struct_size, 0);
AT(hearth_embed_options, pooling, 8);
AT(hearth_embed_options, flags, 12);
AT(hearth_embed_options, dimensions, 16);
AT(hearth_embed_options, pass_tokens, 20);
AT(hearth_embed_options, progress, 24);
AT(hearth_embed_options, progress_user, 32);
ENDS(hearth_embed_options, 40);

AT(hearth_embedding_info, struct_size, 0);
AT(hearth_embedding_info, pooling, 8);
AT(hearth_embedding_info, width, 12);
AT(hearth_embedding_info, token_width, 16);
AT(hearth_embedding_info, scores, 20);
AT(hearth_embedding_info, generates, 24);
AT(hearth_embedding_info, context, 28);
ENDS(hearth_embedding_info, 32);

/* Numbers of statuses never change their meaning. */
HOLDS(HEARTH_OK == 0);
HOLDS(HEARTH_EINVAL == 1);
HOLDS(HEARTH_ENOMEM == 2);
HOLDS(HEARTH_EBUDGET == 3);
HOLDS(HEARTH_EIO == 4);
HOLDS(HEARTH_EFORMAT == 5);
HOLDS(HEARTH_EUNSUPPORTED == 6);
HOLDS(HEARTH_ERANGE == 7);
HOLDS(HEARTH_EBUFS == 8);
HOLDS(HEARTH_EAGAIN == 9);
HOLDS(HEARTH_ECANCELLED == 10);
HOLDS(HEARTH_EISA == 11);
HOLDS(HEARTH_ESTATE == 12);
HOLDS(HEARTH_ENOTFOUND == 13);
HOLDS(HEARTH_EUTF8 == 14);
HOLDS(HEARTH_EINTERNAL == 15);
HOLDS(HEARTH_LOG_ERROR == 0);
HOLDS(HEARTH_LOG_WARNING == 1);
HOLDS(HEARTH_LOG_INFO == 2);
HOLDS(HEARTH_LOG_DEBUG == 3);
HOLDS(HEARTH_TOKENIZE_NO_SPECIAL == 1u);
HOLDS(HEARTH_TOKENIZE_PARSE_SPECIAL == 2u);
HOLDS(HEARTH_TOKEN_BOS == 0);
HOLDS(HEARTH_TOKEN_EOS == 1);
HOLDS(HEARTH_TOKEN_EOT == 2);
HOLDS(HEARTH_TOKEN_EOM == 3);
HOLDS(HEARTH_TOKEN_UNKNOWN == 4);
HOLDS(HEARTH_TOKEN_SEPARATOR == 5);
HOLDS(HEARTH_TOKEN_PADDING == 6);
HOLDS(HEARTH_TOKEN_MASK == 7);
HOLDS(HEARTH_KV_F16 == 1u);
HOLDS(HEARTH_KV_F32 == 2u);
HOLDS(HEARTH_KV_Q8_0 == 3u);
HOLDS(HEARTH_EVAL_ALL == 1u);
HOLDS(HEARTH_EVENT_TOKEN == 1u);
HOLDS(HEARTH_EVENT_FINISH == 2u);
HOLDS(HEARTH_EVENT_PREFILL == 3u);
HOLDS(HEARTH_FINISH_STOP == 1u);
HOLDS(HEARTH_FINISH_LENGTH == 2u);
HOLDS(HEARTH_FINISH_CONTEXT == 3u);
HOLDS(HEARTH_FINISH_CANCELLED == 4u);
HOLDS(HEARTH_FINISH_ERROR == 5u);
HOLDS(HEARTH_GENERATE_IGNORE_EOS == 1u);
HOLDS(HEARTH_GENERATE_SPECIAL == 2u);
HOLDS(HEARTH_GENERATE_LOGITS == 4u);
HOLDS(HEARTH_GENERATE_PREFILL == 8u);
HOLDS(HEARTH_CHAT_REASONING_OPEN == 1u);
HOLDS(HEARTH_CHAT_CONTENT == 1u);
HOLDS(HEARTH_CHAT_REASONING == 2u);
HOLDS(HEARTH_CHAT_TOOL_BEGIN == 3u);
HOLDS(HEARTH_CHAT_TOOL_ARGUMENTS == 4u);
HOLDS(HEARTH_CHAT_TOOL_END == 5u);

int main(void) { return 0; }
