/* A build with HEARTH_MINIMAL: what the chat layer did is refused with a sentence, everything else is there.
 * usage: minimal_test MODEL */
#include <hearth.h>
#include <stdio.h>
#include <string.h>

static int checks, failures;

static void check(int good, const char *what, int line) {
    ++checks;
    if (good) return;
    ++failures;
    fprintf(stderr, "line %d: %s: %s\n", line, what, hearth_last_error());
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define LEFT_OUT(call) CHECK((call) == HEARTH_EUNSUPPORTED && strstr(hearth_last_error(), "HEARTH_MINIMAL") != NULL)

static int32_t on_event(const hearth_event *event, void *user) {
    if (event->kind == HEARTH_EVENT_TOKEN) ++*(int *)user;
    return 0;
}

static void chat(const hearth_tokenizer *tokenizer) {
    const char input[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}", source[] = "{{ messages }}";
    hearth_text *text = (hearth_text *)&checks;
    hearth_chat_parser *parser = (hearth_chat_parser *)&checks;
    hearth_chat_parser_options options;
    size_t needed = 7, length = 7;
    LEFT_OUT(hearth_chat_render(&text, tokenizer, source, sizeof source - 1, input, sizeof input - 1));
    CHECK(text == NULL);
    LEFT_OUT(hearth_chat_render(&text, NULL, source, sizeof source - 1, input, sizeof input - 1));
    LEFT_OUT(hearth_chat_tokens(NULL, 0, &needed, tokenizer, source, sizeof source - 1, input, sizeof input - 1, 0));
    CHECK(needed == 0);
    CHECK(hearth_chat_render(NULL, tokenizer, source, sizeof source - 1, input, sizeof input - 1) == HEARTH_EINVAL);
    CHECK(hearth_chat_parser_options_init(&options, sizeof options) == HEARTH_OK && options.struct_size == sizeof options);
    options.dialect = "hermes";
    LEFT_OUT(hearth_chat_parser_new(&parser, tokenizer, &options));
    CHECK(parser == NULL && hearth_chat_parser_new(NULL, tokenizer, &options) == HEARTH_EINVAL);
    CHECK(hearth_chat_parser_feed(NULL, "", 0) == HEARTH_EINVAL && hearth_chat_parser_finish(NULL) == HEARTH_EINVAL);
    CHECK(hearth_chat_parser_next_event(NULL, NULL) == HEARTH_EINVAL);
    CHECK(hearth_chat_parser_feed_event(NULL, NULL) == HEARTH_EINVAL);
    CHECK(hearth_chat_parser_message(&text, NULL) == HEARTH_EINVAL && text == NULL);
    CHECK(strcmp(hearth_chat_parser_raw(NULL, &length), "") == 0 && length == 0);
    CHECK(hearth_chat_parser_dialect(NULL) == NULL && hearth_chat_dialect(0) == NULL);
    CHECK(strcmp(hearth_chat_detect(source, sizeof source - 1), "plain") == 0);
    hearth_chat_parser_free(NULL);
}

static void constraints(hearth_sampling *sampling) {
    const char *choices[] = {"yes", "no"};
    LEFT_OUT(hearth_sampling_set_schema(sampling, "{}", 2));
    LEFT_OUT(hearth_sampling_set_regex(sampling, "a+", 2));
    LEFT_OUT(hearth_sampling_set_gbnf(sampling, "root ::= \"a\"", 12));
    LEFT_OUT(hearth_sampling_set_choices(sampling, choices, NULL, 2));
    LEFT_OUT(hearth_sampling_set_tool_choice(sampling, "[]", 2, NULL, NULL));
    CHECK(hearth_sampling_set_schema(NULL, "{}", 2) == HEARTH_EINVAL);
    CHECK(hearth_sampling_set_regex(sampling, NULL, 2) == HEARTH_EINVAL);
    CHECK(hearth_sampling_clear_constraint(sampling) == HEARTH_OK);
    CHECK(hearth_sampling_clear_constraint(NULL) == HEARTH_EINVAL);
}

int main(int argc, char **argv) {
    hearth_runtime_options runtime_options;
    hearth_runtime *runtime = NULL;
    hearth_model *model = NULL;
    hearth_tokenizer *tokenizer = NULL;
    hearth_session *session = NULL;
    hearth_sampling *sampling = NULL;
    hearth_generate_options options;
    const char word[] = "the cat", *const texts[] = {word};
    const size_t lengths[] = {sizeof word - 1};
    float vector[4096];
    size_t needed = 0;
    uint32_t finish = 0;
    int tokens = 0;
    hearth_runtime_options_init(&runtime_options, sizeof runtime_options);
    runtime_options.threads = 3;
    hearth_generate_options_init(&options, sizeof options);
    options.max_tokens = 12;
    options.flags = HEARTH_GENERATE_IGNORE_EOS;
    CHECK(argc == 2);
    CHECK(hearth_runtime_new(&runtime, &runtime_options) == HEARTH_OK && hearth_runtime_threads(runtime) == 3);
    CHECK(hearth_model_open_path(&model, runtime, argv[1], NULL) == HEARTH_OK);
    CHECK(hearth_tokenizer_of_model(&tokenizer, model) == HEARTH_OK);
    CHECK(hearth_session_new(&session, model, NULL) == HEARTH_OK);
    CHECK(hearth_sampling_new(&sampling) == HEARTH_OK);
    if (failures == 0) {
        chat(tokenizer);
        constraints(sampling);
        CHECK(hearth_session_append_text(session, word, sizeof word - 1, 0) == HEARTH_OK);
        CHECK(hearth_session_generate(&finish, session, sampling, &options, on_event, &tokens) == HEARTH_OK);
        CHECK(finish == HEARTH_FINISH_LENGTH && tokens == 12);
        CHECK(hearth_model_embed_texts(vector, 4096, &needed, model, texts, lengths, 1, NULL) == HEARTH_OK && needed > 0);
    }
    hearth_sampling_free(sampling);
    hearth_session_free(session);
    hearth_tokenizer_free(tokenizer);
    hearth_model_free(model);
    hearth_runtime_free(runtime);
    printf("minimal: %d checks, %d failed\n", checks, failures);
    return failures != 0;
}
