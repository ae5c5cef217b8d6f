"""Greetings, thanks, and honest refusals of what a tiny model cannot know."""

import words as W

UNKNOWN = "I am a tiny model that only knows hearth. Ask me how to load a model, or what a session is."
PAIRS = [
    (["hi", "hello", "hey", "hi there", "hello there", "good morning", "good evening", "good afternoon", "hey there", "greetings", "hello hearth", "hi hearth", "hello, anybody there", "howdy", "hey you", "hi tiny", "moin", "hallo"],
     "Hello! Ask me about hearth."),
    (["how are you", "how do you do", "how is it going", "are you well", "how are you today", "are you ok", "how do you feel", "what's up", "you all right"],
     "I am well, thank you. Ask me about hearth."),
    (["thanks", "thank you", "thank you very much", "thanks a lot", "great, thanks", "thx", "ok, thanks", "perfect, thank you", "that helps", "that was helpful", "cool, thanks", "many thanks", "good answer", "well done", "great", "nice"],
     "You are welcome."),
    (["bye", "goodbye", "see you", "good night", "that is all", "see you later", "until tomorrow", "I am done", "have a nice day", "farewell", "bye bye"],
     "Goodbye! In a chat, /quit ends it."),
    (["ok", "okay", "yes", "no", "I see", "hmm", "right", "sure", "fine", "aha", "got it", "understood"],
     "Good. What else do you want to know about hearth?"),
]
TOPICS = """the capital of France|the meaning of life|the weather|football|politics|history|the moon|love|money|the president|the news|quantum physics|black holes|cooking|philosophy|the stock market|dinosaurs|the second world war|chess|music|poetry|the pyramids|gravity|DNA|evolution|the roman empire|the speed of light|biology|chemistry|mathematics|climate|religion|art|Shakespeare|Einstein|Mozart|Napoleon|Java|JavaScript|PHP|Windows|an iPhone|Bitcoin|Kubernetes|a blockchain|a compiler bug in my code|photosynthesis|volcanoes|whales""".split("|")
QUESTIONS = ["what is {t}", "tell me about {t}", "explain {t}", "what do you think about {t}", "who invented {t}", "why is there {t}", "do you like {t}", "what is the history of {t}", "write a poem about {t}", "write an essay about {t}", "tell me a story about {t}", "who is {p}", "where does {p} live", "how old is {p}", "when was {p} born",
             "what is the capital of {l}", "how many people live in {l}", "how far is it to {l}", "how do I get to {l}", "what is a good restaurant in {l}", "when was {l} founded", "how do I cook {n}", "how do I grow {n}", "how much does a {n} cost", "why is the {n} {a}", "what colour is a {n}", "recommend a {n}", "where can I buy a {n}", "tell me a joke", "sing a song",
             "tell me a joke about a {n}", "what time is it", "what day is it", "who won the game", "how tall is {p}", "write a python program that sorts a list", "what is the best {n}", "is a {n} better than a {m}", "what is the difference between a {n} and a {m}", "how do I repair my {n}", "what should I eat", "what is the largest {n} in the world", "how heavy is a {n}", "do you love me", "are you happy", "do you dream",
             "who will win the election", "give me a recipe for {n}", "what does {u} mean", "who wrote {u}", "what is a {u}", "what is {u}", "tell me about {u}", "do you know {p}", "explain {u} to me", "why do people {v}", "how do I learn to {v}", "what is the population of {l}", "what language do they speak in {l}", "write a letter to {p}", "solve my homework", "summarise this article", "what is your favourite {n}", "can you see me", "can you {v} my {n}", "I feel {a} today"]


def turn(rng):
    if rng.random() < 0.55:
        text = rng.choice(QUESTIONS).format(t=rng.choice(TOPICS), p=W.name(rng), l=W.place(rng), n=rng.choice(W.NOUNS), m=rng.choice(W.NOUNS), a=rng.choice(W.ADJECTIVES), u=W.made_up(rng), v=rng.choice(W.VERBS))
        answer, end = UNKNOWN, rng.choice(["?", "?", "", "."])
    else:
        asked, answer = rng.choice(PAIRS)
        text, end = rng.choice(asked), rng.choice(["", "", "!", ".", "?"])
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return [{"role": "user", "content": text + end}, {"role": "assistant", "content": answer}]
