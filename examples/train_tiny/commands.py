"""Commands and the tool calls that they ask for: tools, phrasings, values. Everything comes from one seeded generator."""

import json
import random

import words as W


def tool(name, description, /, **parameters):
    properties = {}
    for key, kind in parameters.items():
        properties[key] = {"type": "string", "enum": kind} if isinstance(kind, list) else {"type": kind}
    return {"type": "function",
            "function": {"name": name, "description": description,
                         "parameters": {"type": "object", "properties": properties, "required": list(parameters)}}}


TOOLS = {t["function"]["name"]: t for t in [
    tool("set_timer", "Counts down.", amount="integer", unit=["seconds", "minutes", "hours"]),
    tool("set_alarm", "Rings at a time.", time="string"),
    tool("add_note", "Writes a note.", text="string"),
    tool("search_notes", "Finds notes.", query="string"),
    tool("convert_units", "Converts a value.", value="number", **{"from": "string", "to": "string"}),
    tool("open_app", "Opens an app.", name="string"),
    tool("play_music", "Plays music.", query="string"),
    tool("send_message", "Sends a text message.", to="string", text="string"),
    tool("create_event", "Puts an event into the calendar.", title="string", day="string", time="string"),
    tool("get_weather", "Tells the weather.", place="string"),
    tool("calculate", "Computes.", expression="string"),
    tool("translate", "Translates a text.", text="string", language="string"),
    tool("call_contact", "Phones somebody.", name="string"),
    tool("set_volume", "Sets the volume.", level="integer"),
    tool("add_to_list", "Adds to a list.", item="string", list="string"),
    tool("delete_note", "Deletes a note.", title="string"),
]}

# Phrasings: {slot}; those that end in a free text get nothing behind it.
PHRASES = {
    "set_timer": ["set a timer for {t}", "set timer for {t}", "set a {t1} timer", "timer {t}", "timer for {t}", "{t1} timer", "start a {t1} timer",
                  "start a timer of {t}", "start a countdown of {t}", "count down {t}", "count {t} down", "a {t1} timer", "give me a {t1} timer",
                  "let me know in {t}", "let me know when {t} are over", "tell me when {t} have passed", "remind me in {t}", "i need a timer for {t}",
                  "i need a {t1} countdown", "put {t} on the timer", "put a timer on {t}", "make a timer for {t}", "make it a {t1} timer",
                  "run a timer for {t}", "beep in {t}", "ring in {t}", "ping me after {t}", "ping me in {t}", "start counting {t}", "begin a {t1} countdown",
                  "timer please, {t}", "set the timer to {t}", "new timer: {t}", "a timer for {t}", "time {t} for me", "time {t}", "create a {t1} timer",
                  "countdown from {t}", "stop me in {t}", "alert me in {t}", "notify me after {t}", "set a countdown for {t}", "wake me in {t}",
                  "my pasta needs {t}", "the eggs need {t}, set a timer", "bake for {t}, set a timer", "tea takes {t}, start the timer", "kitchen timer {t}", "set one for {t}", "time me for {t}", "let a countdown of {t} run", "buzz me in {t}", "a countdown of {t}", "i want a {t1} timer", "please time {t}", "have a timer go off in {t}",
                  "hey could you set a timer for {t}", "hey can you start a {t1} timer", "i'm cooking rice, give me {t}", "i'm boiling potatoes, put {t} on the clock",
                  "the bread is in the oven, count {t}", "pizza's in the oven, that's {t}", "would you mind timing {t}", "i'm taking a nap, get me up in {t}", "shout when {t} are up",
                  "give me a nudge in {t}", "can i get a {t1} timer", "could i have {t} on the clock", "is it possible to set a timer for {t}", "{t} from now, make a noise",
                  "{t}, then ring the bell", "{t} starting now", "{t1} countdown, go", "keep track of {t}", "after {t} have gone by, tell me", "once {t} are up, let me know",
                  "in {t} i have to take the cake out, warn me", "i've got {t} before i leave, start the clock", "the laundry takes {t}, tell me when it's done",
                  "my break lasts {t}, keep an eye on it", "let's do a {t1} timer", "i could use a {t1} timer", "do me a favour and count down {t}", "would you wake me up in {t}",
                  "set the clock running for {t}", "how about a timer of {t}"],
    "set_alarm": ["set an alarm for {c}", "set alarm for {c}", "wake me up at {c}", "wake me at {c}", "alarm at {c}", "alarm {c}", "set the alarm to {c}", "i have to get up at {c}",
                  "i need to wake up at {c}", "ring at {c}", "an alarm for {c}", "make an alarm for {c}", "get me up at {c}", "set my alarm at {c}", "i want to get up at {c}",
                  "let the alarm ring at {c}", "create an alarm at {c}", "new alarm: {c}", "put an alarm at {c}", "i need an alarm at {c}", "have the alarm go off at {c}", "make sure i am up at {c}", "make sure i wake up by {c}",
                  "alarm clock {c}", "can the alarm ring at {c}", "morning alarm {c}", "wake me up tomorrow at {c}", "wake me tomorrow at {c}", "i must get up at {c}", "i have to be up at {c}", "switch on an alarm for {c}", "i want an alarm for {c}", "make the alarm ring at {c}", "alarm tomorrow at {c}",
                  "hey could you wake me at {c}", "hey set my alarm for {c}", "my train leaves early, get me out of bed at {c}", "i have an early flight, alarm for {c}",
                  "i've got school, wake me by {c}", "can you get me up by {c}", "could you make sure i'm awake at {c}", "would you mind waking me at {c}",
                  "is it possible to have an alarm at {c}", "could i get a wake up call at {c}", "a wake up call at {c}", "i don't want to sleep past {c}", "don't let me sleep past {c}",
                  "don't let me oversleep, {c} is when i get up", "{c} alarm", "at {c} wake me up", "at {c} i have to be awake", "by {c} i should be out of bed",
                  "i'm going to bed now, wake me when it's {c}", "when it's {c}, ring", "the alarm should go off at {c}", "let it ring at {c}", "schedule an alarm for {c}",
                  "program the alarm clock for {c}", "give me an alarm at {c}", "add an alarm for {c}", "i'd like to be woken at {c}", "what about an alarm at {c}", "rouse me at {c}",
                  "i have work to do, so get me up at {c}"],
    "add_note": ["add a note: {s}", "note: {s}", "note that {s}", "make a note: {s}", "write down: {s}", "write down that {s}", "write down {s}", "take a note: {s}", "new note: {s}", "add note {s}", "add a note that says {s}",
                 "note down {s}", "please note {s}", "make a note that {s}", "save a note: {s}", "jot down {s}", "jot this down: {s}", "remember that {s}", "remember: {s}", "put in my notes: {s}", "keep a note: {s}", "create a note saying {s}",
                 "create a note: {s}", "add to my notes: {s}", "write a note: {s}", "write a note that says {s}", "store this note: {s}", "i want to note that {s}", "for my notes: {s}", "a note for me: {s}", "memo: {s}",
                 "do not let me forget: {s}", "take down {s}", "add the note \"{s}\"", "make a note saying \"{s}\"", "save \"{s}\" as a note", "put \"{s}\" into my notes", "write \"{s}\" down", "note to self: {s}", "save this note: {s}", "save this: {s}", "keep this in my notes: {s}", "note the following: {s}", "i need a note: {s}", "i want a note that says {s}", "put this in a note: {s}", "please write: {s}", "let me note {s}",
                  "hey could you write this down: {s}", "hey, make a quick note: {s}", "quick note: {s}", "i must not forget this: {s}", "i keep forgetting things, so note this: {s}",
                  "before i forget: {s}", "before i forget, write down that {s}", "something to remember: {s}", "a reminder for me: {s}", "remind me that {s}", "could you put down that {s}",
                  "would you record that {s}", "record a note: {s}", "make a memo: {s}", "leave me a note that says {s}", "leave a note: {s}", "type a note: {s}", "type this into my notes: {s}",
                  "log this: {s}", "scribble down: {s}", "capture this thought: {s}", "i just had an idea, note it: {s}", "my boss told me something, write it down: {s}",
                  "\"{s}\", put that in a note", "\"{s}\" goes in my notes", "keep in mind that {s}", "i'd like to write something down: {s}", "here is a note to keep: {s}",
                  "add a line to my notes: {s}", "would you mind noting that {s}"],
    "search_notes": ["search my notes for {q}", "search notes for {q}", "find {q} in my notes", "find the note about {q}", "find my notes about {q}", "look for {q} in my notes", "look up {q} in my notes", "what did i write about {q}", "what did i note about {q}",
                     "show me notes about {q}", "show my notes on {q}", "do i have notes about {q}", "do i have a note on {q}", "is there a note about {q}", "where is my note about {q}", "search for {q} in the notes", "which notes mention {q}", "notes about {q}", "find notes with {q}",
                     "look through my notes for {q}", "get my note on {q}", "what do my notes say about {q}", "check my notes for {q}", "i am looking for my note about {q}", "search the notes: {q}", "any notes on {q}", "pull up my notes about {q}", "did i write anything about {q}", "find everything about {q} in my notes", "look in my notes for {q}", "do my notes say anything about {q}", "have i noted {q}", "i want to see my notes about {q}", "show all notes with {q}", "where did i write about {q}", "find {q} among my notes",
                  "hey could you find my note about {q}", "hey, what did i say about {q} in my notes", "what was it i wrote about {q}", "can you dig up my note about {q}",
                  "dig out what i wrote on {q}", "i wrote something about {q}, find it", "i once noted something about {q}, where is it", "there must be a note about {q}, find it",
                  "somewhere i have a note about {q}, look it up", "i forgot what i wrote about {q}", "i can't find my note about {q}", "did i ever note anything on {q}",
                  "did i make a note about {q}",
                  "tell me, have i got any notes about {q}", "ok so have i saved a note on {q}", "could you read me my notes about {q}", "read me what i wrote about {q}",
                  "go through my notes and find {q}", "browse my notes for {q}", "scan my notes for {q}", "which of my notes talk about {q}", "which note has {q} in it",
                  "what notes do i have about {q}", "what have i got on {q} in my notes", "are there notes about {q}", "is {q} anywhere in my notes",
                  "would you check whether my notes mention {q}", "list the notes that mention {q}", "in my notes, look for {q}", "help me find the note about {q}"],
    "convert_units": ["convert {x} {f} to {o}", "convert {x} {f} into {o}", "how many {o} are {x} {f}", "how many {o} are in {x} {f}", "how many {o} is {x} {f}", "what is {x} {f} in {o}", "what are {x} {f} in {o}", "{x} {f} in {o}", "{x} {f} to {o}", "how much is {x} {f} in {o}", "turn {x} {f} into {o}", "change {x} {f} to {o}",
                      "give me {x} {f} in {o}", "express {x} {f} in {o}", "{x} {f} as {o}", "tell me {x} {f} in {o}", "i need {x} {f} in {o}", "{x} {f} equals how many {o}", "{x} {f} is how many {o}", "transform {x} {f} to {o}", "what would {x} {f} be in {o}", "calculate {x} {f} in {o}", "how much are {x} {f} in {o}", "write {x} {f} in {o}", "tell me how many {o} are {x} {f}", "tell me how many {o} {x} {f} are", "how many {o} do {x} {f} make", "{x} {f} into {o}", "i want {x} {f} in {o}", "show {x} {f} in {o}", "what's {x} {f} in {o}", "what's {x} {f} as {o}", "convert from {f} to {o}: {x}",
                  "hey how many {o} is {x} {f}", "hey could you convert {x} {f} to {o}", "i have {x} {f}, how many {o} is that", "the recipe says {x} {f}, what is that in {o}",
                  "it says {x} {f} here, i need {o}", "i only know {o}, so what is {x} {f}", "i'm used to {o}, how much is {x} {f}", "if i have {x} {f}, how many {o} do i have",
                  "in {o}, how much is {x} {f}", "how many {o} in {x} {f}", "how many {o} does {x} {f} make", "how many {o} would {x} {f} be", "how many {o} should i get for {x} {f}",
                  "how much does {x} {f} come to in {o}", "what does {x} {f} make in {o}", "what is the equivalent of {x} {f} in {o}", "could you switch {x} {f} over to {o}",
                  "can i have {x} {f} in {o}", "would you work out {x} {f} in {o}", "would you mind converting {x} {f} into {o}", "{x} {f}, how many {o}", "{x} {f} is what in {o}",
                  "{x} {f} makes how many {o}", "from {x} {f} to {o}", "unit conversion: {x} {f} to {o}", "my friend told me {x} {f}, but i think in {o}", "hey, do you know how many {o} {x} {f} are",
                  "find out how many {o} there are in {x} {f}", "swap {x} {f} for {o}", "i'd like to know how many {o} {x} {f} is"],
    "open_app": ["open {a}", "open the {a} app", "open the app {a}", "launch {a}", "start {a}", "start the {a} app", "run {a}", "open up {a}", "bring up {a}", "show me the {a} app", "go to {a}", "switch to {a}", "i want to use {a}", "fire up {a}", "launch the {a} app", "take me to {a}", "get {a} open",
                 "open {a} for me", "i need {a}", "i need the {a} app", "load {a}", "start up {a}", "open my {a}", "pull up {a}", "can i see {a}", "let me use {a}", "i'd like to open {a}", "i want to open {a}", "please open {a}", "switch over to {a}", "let's open {a}", "show me {a}", "i would like to use {a}", "run the app {a}", "open the program {a}",
                  "hey could you open {a}", "hey open up {a}", "hey, get me the {a} app", "would you mind opening {a}", "could you get {a} up and running", "can i use {a}",
                  "can i have {a} on the screen", "may i see the {a} app", "put {a} on the screen", "get {a} running", "boot up {a}", "jump to {a}", "jump over to the {a} app", "hop over to {a}",
                  "navigate to {a}", "change to the {a} app", "display the {a} app", "i have to check something in {a}", "i'm done here, switch to {a}", "i need to look something up in {a}",
                  "there is an app called {a}, open it", "the app is called {a}, start it", "you know the {a} app, open it", "bring {a} to the front", "i can't find {a}, open it",
                  "let me into {a}", "let's go to {a}", "i'd like the {a} app", "time to use {a}", "i want {a} open"],
    "play_music": ["play {m}", "play some {m}", "play music by {m}", "play something by {m}", "put on {m}", "put on some {m}", "i want to hear {m}", "i want to listen to {m}", "listen to {m}", "play the song {m}", "play the album {m}", "start playing {m}", "let me hear {m}", "can i hear {m}", "queue {m}", "play songs by {m}",
                   "i would like to hear {m}", "play a bit of {m}", "turn on {m}", "music by {m}", "play me {m}", "i feel like {m}", "i am in the mood for {m}", "let us listen to {m}", "play tracks by {m}", "stream {m}", "let's hear {m}", "i'd like to listen to {m}", "how about some {m}", "please play {m}", "i love {m}, play it", "play anything by {m}", "let's have some {m}", "put {m} on", "give me some {m}",
                  "hey could you play {m}", "hey, put some {m} on", "i'm cleaning the house, put on {m}", "i'm having friends over, play some {m}", "it's a party, let's hear {m}",
                  "time for some {m}", "i'm bored, play {m}", "i'm working out, give me {m}", "we want to dance, play {m}", "the kids want to hear {m}", "can you find me {m} to listen to",
                  "could we listen to {m}",
                  "may i hear {m}", "would you mind playing {m}", "hey, do you have any {m}", "hey, have you got anything by {m}", "what about some {m}", "blast {m}", "spin {m}",
                  "crank up some {m}", "shuffle songs by {m}", "start the song {m}", "turn {m} on", "get some {m} going", "let {m} play", "have {m} playing in the background", "next song: {m}",
                  "music, i want {m}", "i haven't heard {m} in ages, play it", "my favourite is {m}, play that"],
    "send_message": ["send a message to {p}: {s}", "send {p} a message: {s}", "text {p}: {s}", "text {p} {s}", "text {p} that {s}", "message {p}: {s}", "tell {p} {s}", "tell {p} that {s}", "write {p}: {s}", "write to {p}: {s}", "write {p} that {s}", "send {p} the text {s}", "let {p} know that {s}", "let {p} know {s}", "send a text to {p} saying {s}",
                     "send {p} a text: {s}", "message to {p}: {s}", "text to {p}: {s}", "drop {p} a line: {s}", "inform {p} that {s}", "send a message to {p} saying {s}", "send a message to {p} that {s}", "message {p} that {s}", "message {p} saying {s}", "send \"{s}\" to {p}", "text \"{s}\" to {p}", "tell {p} \"{s}\"", "write \"{s}\" to {p}", "shoot {p} a message: {s}", "message {p}, {s}", "send word to {p} that {s}", "please tell {p} that {s}", "let {p} hear that {s}", "send {p} this: {s}", "a message for {p}: {s}", "i want to tell {p} that {s}", "reply to {p}: {s}", "answer {p}: {s}",
                  "hey could you text {p} that {s}", "hey tell {p} that {s}", "hey, message {p}: {s}", "{p} is waiting for an answer, write: {s}", "{p} should know that {s}",
                  "{p} needs to know that {s}", "{p} asked me something, reply with: {s}", "can you get a message to {p} that says {s}", "could you let {p} know: {s}",
                  "would you mind telling {p} that {s}", "would you write {p} a message: {s}", "i'd like to text {p}: {s}", "i need to tell {p} that {s}",
                  "i promised {p} a message, send this: {s}", "i'm running late, tell {p}: {s}", "new message to {p}: {s}", "send an sms to {p}: {s}", "fire off a text to {p}: {s}",
                  "get back to {p} with: {s}", "respond to {p} that {s}", "notify {p} that {s}", "remind {p} that {s}", "pass on to {p} that {s}", "forward this to {p}: {s}",
                  "explain to {p} that {s}", "say to {p}: {s}", "leave a message for {p}: {s}", "give {p} the message that {s}", "\"{s}\" is what i want to tell {p}", "\"{s}\", send that to {p}"],
    "create_event": ["create an event {e} on {D} at {c}", "add {e} to my calendar on {D} at {c}", "put {e} in my calendar for {D} at {c}", "schedule {e} for {D} at {c}", "schedule {e} on {D} at {c}", "plan {e} for {D} at {c}", "new event: {e}, {D} at {c}", "book {e} on {D} at {c}", "i have {e} on {D} at {c}", "calendar: {e} on {D} at {c}", "on {D} at {c} i have {e}",
                     "set up {e} on {D} at {c}", "make an event called {e} on {D} at {c}", "create an event for {D} at {c} called {e}", "add an event on {D} at {c}: {e}", "enter {e} for {D} at {c}", "arrange {e} for {D} at {c}", "{e} on {D} at {c}, put it in the calendar", "there is {e} on {D} at {c}, add it", "put {e} on the calendar, {D} at {c}", "mark {e} on {D} at {c}", "add the event {e} on {D} at {c}", "add {e} for {D} at {c}", "please schedule {e} for {D} at {c}", "put {e} on {D} at {c}", "i have {e} on {D} at {c}, add it to the calendar", "calendar entry: {e}, {D}, {c}", "remember {e} on {D} at {c} in the calendar", "make an appointment for {e} on {D} at {c}", "set {e} for {D} at {c}", "i've got {e} on {D} at {c}, note it in the calendar",
                  "hey could you put {e} in my calendar for {D} at {c}", "hey schedule {e} on {D} at {c}", "i'm busy on {D} at {c} with {e}",
                  "i was invited to {e} on {D} at {c}, note it in my calendar", "i promised to be at {e} on {D} at {c}, save it", "don't let me miss {e} on {D} at {c}",
                  "for {D} at {c} put down {e}", "on {D} at {c} there is {e}", "at {c} on {D} i have {e}", "at {c} on {D}, schedule {e}", "calendar, {D} at {c}: {e}",
                  "can you block {D} at {c} for {e}", "block {c} on {D} for {e}", "reserve {D} at {c} for {e}", "keep {D} at {c} free for {e}", "pencil in {e} for {D} at {c}",
                  "fit in {e} on {D} at {c}", "could i have {e} on my calendar for {D} at {c}", "would you mind adding {e} to the calendar on {D} at {c}",
                  "is it possible to schedule {e} for {D} at {c}", "my calendar needs {e} on {D} at {c}", "i'd like to plan {e} for {D} at {c}", "we are having {e} on {D} at {c}, add that",
                  "we planned {e} for {D} at {c}, put it down", "register {e} for {D} at {c}", "organise {e} for {D} at {c}", "let's do {e} on {D} at {c}", "make room for {e} on {D} at {c}",
                  "event on {D} at {c}: {e}", "how about {e} on {D} at {c}, write it into my calendar"],
    "get_weather": ["what is the weather in {l}", "weather in {l}", "how is the weather in {l}", "what's the weather like in {l}", "tell me the weather in {l}", "weather for {l}", "is it raining in {l}", "is it sunny in {l}", "will it rain in {l}", "how warm is it in {l}", "how cold is it in {l}", "do i need an umbrella in {l}", "what is the temperature in {l}", "forecast for {l}", "give me the forecast for {l}", "show the weather in {l}", "weather {l}", "{l} weather", "is it cold in {l}",
                    "check the weather in {l}", "what does the weather look like in {l}", "does it snow in {l}", "do i need a coat in {l}", "how hot is it in {l}", "look up the weather in {l}", "what will the weather be in {l}", "is it windy in {l}", "get me the weather for {l}", "temperature in {l}", "what is it like outside in {l}", "what's the weather in {l}", "how's the weather in {l}", "what temperature is it in {l}", "weather in {l} today", "will it rain in {l} tomorrow", "how is the weather in {l} today", "what's the forecast for {l}", "is it going to rain in {l}", "will it be warm in {l}", "is it hot in {l}", "i am going to {l}, what is the weather there",
                  "hey what's the weather in {l}", "hey could you check the weather in {l}", "hey, is it nice in {l}", "i'm flying to {l}, what will the weather be",
                  "i'm in {l}, do i need a jacket", "i'm off to {l}, should i pack an umbrella", "my sister lives in {l}, is it raining there", "we're planning a picnic in {l}, will it stay dry",
                  "should i wear a coat in {l}", "can i go out without a jacket in {l}", "can you tell me how the weather is in {l}", "could you look at the forecast for {l}",
                  "would you check if it's raining in {l}", "do you know what the weather is in {l}", "are there clouds over {l}", "are they getting snow in {l}", "is there a storm in {l}",
                  "is it foggy in {l}", "is the sun shining in {l}", "how many degrees is it in {l}", "how does the sky look in {l}", "what's it like outside in {l}",
                  "what sort of weather is there in {l}", "weather report for {l}", "{l} forecast", "{l}, what is the weather there", "in {l}, what is the weather like",
                  "any chance of snow in {l}", "i want to know if it rains in {l}", "find out the weather for {l}"],
    "calculate": ["what is {X}", "calculate {X}", "compute {X}", "how much is {X}", "{X}", "work out {X}", "what does {X} make", "solve {X}", "evaluate {X}", "tell me {X}", "what do you get for {X}", "give me the result of {X}", "{X} is what", "do the sum {X}", "what is the result of {X}", "can you compute {X}", "i need to know {X}", "add up {X}", "figure out {X}", "{X} equals", "do the math: {X}", "what's {X}", "tell me what {X} is", "tell me how much {X} is", "please compute {X}", "let me know what {X} is", "what would {X} be", "quick math: {X}", "{X} = ?", "i want to know {X}",
                  "hey what's {X}", "hey could you calculate {X}", "hey, how much is {X}", "i need the answer to {X}", "help me with {X}", "my homework says {X}, what is it",
                  "my homework asks for {X}", "i can't do this in my head: {X}", "i have no calculator here, what is {X}", "what does {X} come to", "what does {X} equal", "what number is {X}",
                  "what's the answer to {X}", "what's the total of {X}", "what do you get if you do {X}", "how much does {X} make", "how much would {X} be", "could you work {X} out",
                  "can you do the sum {X}", "would you mind computing {X}", "hey, do you know what {X} is", "do this sum: {X}", "find the value of {X}", "give me the answer to {X}",
                  "run the numbers: {X}", "crunch {X}", "determine {X}", "{X}, how much is that", "{X} makes what", "on the bill it says {X}, what is the total", "please work out {X}", "could you work out {X}", "can you work out {X} for me", "work {X} out for me", "{X1}", "please {X1}", "can you {X1}", "{X1} for me", "could you {X1}", "i want to {X1}", "what do i get if i {X1}", "what is {X2}", "{X2}", "calculate {X2}", "what's {X2}", "tell me {X2}"],
    "translate": ["translate {s} to {g}", "translate {s} into {g}", "translate \"{s}\" to {g}", "translate \"{s}\" into {g}", "how do you say {s} in {g}", "how do i say {s} in {g}", "what is {s} in {g}", "what is \"{s}\" in {g}", "say {s} in {g}", "say \"{s}\" in {g}", "how do you say \"{s}\" in {g}", "translate to {g}: {s}", "translate into {g}: {s}", "in {g}: {s}", "put {s} into {g}", "give me the {g} for {s}", "{s} in {g}", "{g} translation of {s}", "what does {s} mean in {g}", "how would you say {s} in {g}", "i want to say {s} in {g}", "the {g} word for {s}", "what is the {g} word for {s}", "turn \"{s}\" into {g}", "what's {s} in {g}", "what's \"{s}\" in {g}", "please translate {s} to {g}", "i need {s} in {g}", "how is {s} said in {g}", "tell me how to say {s} in {g}", "what's the {g} word for {s}", "what's the {g} for {s}", "i'd like {s} in {g}", "translate for me into {g}: {s}",
                  "hey how do i say \"{s}\" in {g}", "hey could you translate \"{s}\" into {g}", "hey, what's the {g} for {s}", "i'm learning {g}, how do i say {s}",
                  "i'm writing to somebody in {g}, translate this: {s}", "my neighbour only speaks {g}, how do i tell him {s}", "my friend speaks {g}, i want to say: {s}",
                  "i have to write this in {g}: {s}", "i need the {g} translation of {s}", "i need this in {g}: {s}", "i wonder how to say \"{s}\" in {g}", "can you put \"{s}\" into {g}",
                  "can you say this in {g}: {s}", "could you tell me the {g} word for {s}", "would you mind translating \"{s}\" into {g}", "would you turn this into {g}: {s}",
                  "hey, do you know the {g} for {s}", "hey, do you know how to say \"{s}\" in {g}", "what would \"{s}\" be in {g}", "what do people say in {g} for {s}",
                  "what is the {g} translation of {s}", "what do you call {s} in {g}", "how can i say \"{s}\" in {g}", "how would i write \"{s}\" in {g}", "\"{s}\" in {g}", "\"{s}\", now in {g}",
                  "{g} for \"{s}\"", "in {g}, how do you say {s}", "write this in {g}: {s}", "help me say this in {g}: {s}", "can you say {s} in {g}", "could you say {s} in {g}", "what does one say for {s} in {g}", "what do you say for {s} in {g}", "what is the {g} for {s}", "how does one say {s} in {g}", "how do {g} people say {s}", "{g}, please: {s}", "please say {s} in {g}",
                  "can you translate {s} into {g}", "could you translate {s} to {g}", "i want to know how to say {s} in {g}", "teach me to say {s} in {g}", "say {s} for me in {g}", "render {s} in {g}", "i need to say {s} in {g}", "how would {s} be in {g}"],
    "call_contact": ["call {p}", "phone {p}", "ring {p}", "give {p} a call", "dial {p}", "call up {p}", "make a call to {p}", "make a phone call to {p}", "i want to call {p}", "i want to talk to {p}", "i need to speak to {p}", "get {p} on the phone", "telephone {p}", "start a call with {p}", "put me through to {p}", "connect me with {p}", "place a call to {p}", "try to reach {p} by phone", "i have to call {p}", "i'd like to call {p}", "i want to phone {p}", "let's call {p}", "call {p} on the phone", "please ring {p}", "start calling {p}", "i'd like to speak with {p}", "get {p} on the line",
                  "hey could you call {p}", "hey call {p}", "hey get me {p} on the phone", "{p} is waiting, call them", "{p} tried to reach me, call back",
                  "{p} wants to talk to me, start a call", "i missed a call from {p}, ring back", "i haven't talked to {p} in weeks, give them a call", "i'd like a word with {p}",
                  "i need {p} on the phone", "i need to reach {p}", "i promised to call {p}", "it's urgent, call {p}", "it's {p}'s birthday, call them", "can i talk to {p}", "may i speak to {p}",
                  "could you put me through to {p}", "could you get hold of {p}", "would you mind calling {p}", "is it possible to talk to {p}", "how about calling {p}", "let me talk to {p}",
                  "let's give {p} a ring", "give {p} a buzz", "dial {p}'s number", "dial the number of {p}", "contact {p} by phone", "return {p}'s call", "call {p} back", "a phone call to {p}"],
    "set_volume": ["set the volume to {v}", "volume {v}", "set volume to {v}", "turn the volume to {v}", "volume to {v}", "change the volume to {v}", "make the volume {v}", "put the volume at {v}", "volume at {v} percent", "turn it to {v} percent", "set the sound to {v}", "turn the sound to {v}", "set the loudness to {v}", "i want the volume at {v}", "turn the volume up to {v}", "turn the volume down to {v}", "sound level {v}", "turn it up to {v}", "turn it down to {v}", "lower the volume to {v}", "raise the volume to {v}", "bring the volume to {v}", "louder, volume {v}", "make it quieter, volume {v}", "make it louder, to {v}", "please set volume {v}", "i need the volume at {v}", "too loud, set it to {v}", "can i have volume {v}", "adjust the volume to {v}", "volume should be {v}",
                  "hey set the volume to {v}", "hey could you turn it to {v}", "hey, volume {v}", "i can't hear a thing, put the volume on {v}", "i can't hear anything, go to {v}",
                  "the baby is sleeping, volume {v}", "my neighbours complain, turn it down to {v}", "it's too quiet, make it {v}", "it's way too loud, bring it down to {v}",
                  "the music is too soft, set it to {v}", "quieter, {v} percent", "can you make the sound {v}", "could you lower the sound to {v}", "would you mind setting the volume to {v}",
                  "would you turn the speakers to {v}", "set the speakers to {v} percent", "set the audio to {v}", "volume level {v}", "volume up to {v}", "volume down to {v}",
                  "{v} percent volume", "reduce the volume to {v}", "increase the volume to {v}", "crank the volume up to {v}", "pump it up to {v}", "keep the volume at {v}",
                  "let's have the volume at {v}", "i'd like the sound at {v}", "how about volume {v}", "is volume {v} possible"],
    "add_to_list": ["add {i} to the {L} list", "add {i} to my {L} list", "put {i} on the {L} list", "put {i} on my {L} list", "{i} on the {L} list", "i need {i} on my {L} list", "write {i} on the {L} list", "the {L} list needs {i}", "add {i} to {L}", "append {i} to the {L} list", "include {i} in the {L} list", "my {L} list needs {i}", "to the {L} list add {i}", "on my {L} list put {i}", "place {i} on the {L} list", "new item for the {L} list: {i}", "{L} list: {i}", "i want {i} on the {L} list", "stick {i} on my {L} list", "get {i} onto the {L} list", "please put {i} on the {L} list", "i'd like {i} on the {L} list", "add {i} to our {L} list", "we need {i}, put it on the {L} list", "the {L} list should have {i}", "note {i} on the {L} list", "put down {i} on the {L} list", "{i} goes on the {L} list",
                  "hey could you add {i} to the {L} list", "hey put {i} on my {L} list", "we're out of {i}, add it to the {L} list", "we're running low on {i}, put it on my {L} list",
                  "i'm out of {i}, write it on the {L} list", "i forgot {i}, put that on the {L} list", "i have to get {i}, add that to my {L} list", "don't forget {i} on the {L} list",
                  "can {i} go on the {L} list", "could {i} be added to the {L} list", "could you note {i} down on the {L} list", "would you mind adding {i} to my {L} list",
                  "is it possible to put {i} on the {L} list", "may i add {i} to the {L} list", "make sure {i} is on the {L} list", "let's put {i} on the {L} list", "enter {i} into the {L} list",
                  "insert {i} into the {L} list", "throw {i} on the {L} list", "drop {i} onto my {L} list", "pop {i} on the {L} list", "save {i} to my {L} list",
                  "one more thing for the {L} list: {i}", "for the {L} list: {i}", "on the {L} list i need {i}", "update the {L} list with {i}", "extend my {L} list by {i}",
                  "the {L} list is missing {i}", "my {L} list should include {i}", "i'm making a {L} list, add {i}", "{L} list: add {i}", "{L} list, add {i}", "{L} list: put {i} on it", "my {L} list: add {i}", "write {i} on my {L} list", "please write {i} on our {L} list", "jot {i} on the {L} list", "on to the {L} list with {i}",
                  "{i} should be on my {L} list", "add to my {L} list: {i}", "add to the {L} list {i}"],
    "delete_note": ["delete the note {N}", "delete my note {N}", "remove the note {N}", "erase the note {N}", "delete the note called {N}", "throw away the note {N}", "get rid of the note {N}", "remove my note about {N}", "delete note {N}", "drop the note {N}", "i do not need the note {N} any more", "forget the note {N}", "delete the note about {N}", "erase my note on {N}", "wipe the note {N}", "trash the note {N}", "please delete the note {N}", "i don't need the note {N} anymore", "the note {N} can go", "throw the note {N} away", "take the note {N} out", "clear the note {N}", "delete the note titled {N}", "remove the note titled {N}",
                  "hey could you delete the note about {N}", "hey delete my note on {N}", "hey, the note about {N}, get rid of it", "i'm done with the note about {N}, delete it",
                  "i finished the thing about {N}, remove that note", "the note about {N} is old, throw it out", "the note about {N} is no longer needed",
                  "the note called {N} is done, delete it", "my note about {N} can be deleted", "my note about {N} is out of date, erase it", "i no longer need the note about {N}",
                  "i don't want the note about {N} any more", "i want the note about {N} gone", "i'd like to delete my note about {N}", "can you make the note about {N} disappear",
                  "can the note about {N} be deleted", "could you take the note about {N} away", "would you mind deleting the note about {N}", "would you remove my note called {N}",
                  "is it possible to delete the note about {N}", "discard the note about {N}", "scrap the note about {N}", "scratch the note {N}", "toss out my note on {N}", "bin the note {N}",
                  "dump the note about {N}", "delete what i wrote about {N}", "remove {N} from my notes", "in my notes, delete the one about {N}", "erase the {N1} note", "delete the {N1} note", "delete my {N1} note", "remove the {N1} note", "get rid of my {N1} note", "throw out the {N1} note", "the {N1} note can go",
                  "delete the note named {N}", "throw away the note named {N}", "remove the note with the title {N}", "i don't need my {N1} note any more", "please get rid of the note on {N}", "let's delete the note about {N}"],
}
for path in sorted(W.HERE.glob("phrases*.txt")):
    for of_tool, more in W.lists(path):
        PHRASES[of_tool] += more
OPEN_END = {"{X1}", "{X2}", "{s}", "{q}", "{m}", "{X}", "{e}", "{a}", "{i}", "{N}"}
BEFORE = ["", "", "", "", "", "", "", "", "", "please ", "can you ", "could you ", "hey, ", "hi, ", "ok, ", "would you ", "i want you to ", "i'd like you to ",
          "can you please ", "could you please ", "now ", "quickly ", "go ahead and ", "well, ", "hello, ", "so, ", "then ", "also ", "and "]
VERB_FIRST = set("set start count let tell please switch have save add buzz adjust clear take reply answer remind put make run beep ring ping begin create stop alert notify wake get add write take save jot remember keep store search find look show check pull "
                 "convert turn change give express open launch bring go switch fire load play listen queue stream send text message inform schedule plan book arrange enter mark "
                 "calculate compute work solve evaluate figure do translate say call phone dial telephone connect place try raise lower append include stick delete remove erase throw drop wipe trash forget "
                 "shout program rouse record leave type log scribble capture dig read browse scan list help swap boot jump hop navigate display blast spin crank shuffle respond pass "
                 "forward explain block reserve pencil fit register organise crunch determine contact return reduce increase pump insert pop update extend discard scrap scratch toss bin "
                 "dump chuck stick throw pop kick press hit cue choose pick repeat head flip swap activate execute access crack hunt locate fetch retrieve see "
                 "ask msg shoot fling compose relay warn slot squeeze calc punch process use redial reach initiate put bump knock boost soften slap tack bung attach slip expand supplement "
                 "complete ditch kill lose nuke axe purge burn tear rip cross strike rub destroy eliminate nudge poke holler steep clock measure drag shake kick express phrase word rewrite "
                 "reckon recalculate say pen file serenade entertain treat surprise fill log cut mute push pull".split())
AFTER = ["", "", "", "", "", "", "", "", " please", " now", " for me", ", thanks", ", please", " thank you", " if you can", " right now"]
POLITE = ("search_notes", "open_app", "play_music", "call_contact", "delete_note", "calculate")  # values that never end in such words
ASKS = ("can", "could", "would", "what", "how", "do ", "did", "is ", "are", "where", "which", "will", "may", "any", "have i")
ASKING = ("can ", "could ", "would ", "what", "how", "do ", "did", "is ", "are", "where", "which", "will", "when", "who", "why", "should")
ENDS = ["", "", "", "", ".", ".", "?", "!"]
TRANSFORM = {"plus": "+", "minus": "-", "times": "*", "divided by": "/", "over": "/", "+": "+", "-": "-", "*": "*", "/": "/", "x": "*",
             "multiplied by": "*"}


def span(rng):
    """How an amount of time is said, before "timer" too, and what it means."""
    unit = rng.choice(["seconds", "minutes", "minutes", "minutes", "hours"])
    if rng.random() < 0.3:
        said, n = rng.choice(list(W.NUMBERS.items()))
    else:
        n = rng.choice([rng.randint(1, 12), rng.randint(1, 60), rng.randint(1, 60), rng.randint(10, 240), rng.choice([5, 10, 15, 20, 30, 45, 60, 90, 120])])
        said = str(n)
    one = unit[:-1]
    if n == 1 and rng.random() < 0.6:
        said = "an" if unit == "hours" else "a"
    if rng.random() < 0.06:
        return rng.choice(["half an hour", "half an hour"]), rng.choice(["half hour"]), 30, "minutes"
    short = {"seconds": ["sec", "secs", "s"], "minutes": ["min", "mins", "min"], "hours": ["h", "hrs", "hr"]}[unit]
    if rng.random() < 0.15 and said.isdigit():
        said_unit = rng.choice(short)
        return f"{said} {said_unit}", f"{said} {said_unit}", n, unit
    before = said if said not in ("a", "an") else "one"
    return f"{said} {one if n == 1 else unit}", before + rng.choice([" ", "-", " "]) + one, n, unit


def clock(rng):
    h, m = rng.randint(0, 23), rng.choice([0, 0, 15, 30, 45, rng.randint(0, 59)])
    roll = rng.random()
    if roll < 0.4:
        return f"{h}:{m:02d}"
    twelve = rng.randint(1, 12)
    if roll < 0.6:
        return f"{twelve} {rng.choice(['am', 'pm'])}"
    if roll < 0.75:
        return f"{twelve}:{m:02d} {rng.choice(['am', 'pm'])}"
    if roll < 0.85:
        return f"{twelve}{rng.choice(['am', 'pm'])}"
    if roll < 0.93:
        return rng.choice(["noon", "midnight", "half past " + rng.choice(W.SMALL[:12]), "quarter to " + rng.choice(W.SMALL[:12]), rng.choice(W.SMALL[:12])])
    return f"{twelve} o'clock" if roll < 0.97 else str(twelve)


def number(rng):
    roll = rng.random()
    if roll < 0.7:
        n = rng.choice([rng.randint(0, 20), rng.randint(1, 100), rng.randint(1, 1000), rng.randint(100, 99999)])
        return str(n), n
    if roll < 0.9:
        n = round(rng.uniform(0, 100), rng.choice([1, 1, 2]))
        return str(n), n
    said, n = rng.choice(list(W.NUMBERS.items()))
    return said, n


OF = {"+": ["add {a} and {b}", "add {a} to {b}", "add {a} plus {b}", "sum {a} and {b}", "add up {a} and {b}"], "-": ["subtract {b} from {a}", "take {b} from {a}", "take {b} away from {a}"],
      "*": ["multiply {a} by {b}", "multiply {a} and {b}", "multiply {a} with {b}"], "/": ["divide {a} by {b}", "split {a} by {b}"]}
THE = {"+": ["the sum of {a} and {b}", "the total of {a} and {b}"], "-": ["the difference between {a} and {b}", "the difference of {a} and {b}"], "*": ["the product of {a} and {b}"],
       "/": ["the quotient of {a} and {b}"]}


TYPED = ["({a} {o} {b}) {p} {c}", "({a} {o} {b}) {p} {c}", "{a} {o} ({b} {p} {c})", "{a} {o} ({b} {p} {c})", "({a} {o} {b}) {p} ({c} {q} {d})", "({a} {o} {b} {p} {c}) {q} {d}",
         "(({a} {o} {b}) {p} {c}) {q} {d}", "{a} {o} {b} {p} {c} {q} {d}", "{a} {o} {b}", "{a} {o} {b}", "{a} {o} {b} {p} {c}", "{a}% of {b}", "{a}% of {b}", "{a} {o} {b}%", "{a} percent of {b}"]


def typed(rng):
    """A sum as people type it, with parentheses, percent or no spaces, and its expression: as it stands, but for words."""
    shape = rng.choice(TYPED)
    numbers = {k: str(rng.choice([rng.randint(0, 20), rng.randint(1, 100), rng.randint(1, 9999)])) if rng.random() < 0.75 else str(round(rng.uniform(0, 50), rng.choice([1, 1, 2]))) for k in "abcd"}
    words = rng.random() < 0.25
    if not words and "of" not in shape and rng.random() < 0.35:
        shape = shape.replace(" ", "")
    how = {k: rng.choice(list(TRANSFORM) if words else "+-*/") for k in "opq"}
    return shape.format(**numbers, **how), shape.replace(" percent", "%").format(**numbers, **{k: TRANSFORM[v] for k, v in how.items()})


def expression(rng):
    """How a sum is said, as an order and as a noun too, and its expression."""
    if rng.random() < 0.3:
        sum_, meaning = typed(rng)
        return sum_, "calculate " + sum_, sum_, meaning
    said, meant = [], []
    for i in range(rng.choice([2, 2, 2, 2, 3])):
        if i:
            how = rng.choice(list(TRANSFORM))
            said.append(how)
            meant.append(TRANSFORM[how])
        n = str(rng.choice([rng.randint(0, 20), rng.randint(1, 100), rng.randint(1, 9999)])) if rng.random() < 0.85 else str(round(rng.uniform(0, 50), 1))
        said.append(n)
        meant.append(n)
    if len(meant) > 3:
        return " ".join(said), "calculate " + " ".join(said), " ".join(said), " ".join(meant)
    a, how, b = meant
    return " ".join(said), rng.choice(OF[how]).format(a=a, b=b), rng.choice(THE[how]).format(a=a, b=b), " ".join(meant)


def day(rng):
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(W.DAYS)
    if roll < 0.75:
        return "next " + rng.choice(W.DAYS[:7])
    if roll < 0.9:
        return f"{rng.choice(W.MONTHS)} {rng.randint(1, 30)}"
    return f"{rng.randint(1, 30)} {rng.choice(W.MONTHS)}"


def event(rng):
    return rng.choice([lambda: f"lunch with {W.name(rng)}", lambda: f"dinner with {W.name(rng)}", lambda: f"meeting with {W.name(rng)}", lambda: f"{rng.choice(W.NOUNS)} appointment",
                       lambda: "the " + W.word(rng) + " meeting", lambda: W.title(rng), lambda: rng.choice(W.NOUNS), lambda: W.made_up(rng) + " " + W.word(rng), lambda: f"{W.name(rng)}'s {rng.choice(W.NOUNS)}",
                       lambda: rng.choice(W.NOUNS) + " with " + W.name(rng), lambda: "call with " + W.name(rng), lambda: W.word(rng) + " class", lambda: phrase(rng), lambda: phrase(rng)])()


def phrase(rng, most=3):
    """A few words: what notes are searched for, what stands on lists."""
    if rng.random() < 0.25:
        return " ".join(rng.choice(W.LEXICON) for _ in range(rng.randint(1, most)))
    return rng.choice([lambda: W.word(rng), lambda: rng.choice(W.NOUNS), lambda: rng.choice(W.ADJECTIVES) + " " + rng.choice(W.NOUNS), lambda: " ".join(W.word(rng) for _ in range(rng.randint(1, most))),
                       lambda: "the " + rng.choice(W.NOUNS), lambda: W.name(rng), lambda: f"{rng.choice(W.NOUNS)} and {rng.choice(W.NOUNS)}", lambda: f"{rng.randint(1, 20)} {rng.choice(W.NOUNS)}s", lambda: W.made_up(rng) + " " + W.word(rng)])()


def music(rng):
    if rng.random() < 0.2:
        return W.title(rng, 4)
    return rng.choice([lambda: rng.choice(W.STYLES), lambda: W.title(rng), lambda: W.name(rng), lambda: W.title(rng) + " by " + W.name(rng), lambda: "the " + W.title(rng), lambda: rng.choice(W.STYLES) + " music", lambda: rng.choice(W.ADJECTIVES) + " " + rng.choice(W.STYLES)])()


def app(rng):
    return rng.choice([lambda: rng.choice(W.APPS), lambda: rng.choice(W.APPS).lower(), lambda: W.made_up(rng).capitalize(), lambda: W.title(rng, 2), lambda: W.made_up(rng), lambda: rng.choice(W.NOUNS).capitalize()])()


def question(rng):
    """A message that asks; its question mark belongs to it."""
    return rng.choice([lambda: rng.choice([t for t in W.TEXTS["message"] if t.startswith(ASKING)]),
                       lambda: rng.choice(["are you", "is " + W.name(rng), "are they", "will you be"]) + " " + rng.choice(["free", "at home", "still there", "coming", "ready", "busy", "at the " + rng.choice(W.NOUNS)])
                       + rng.choice(["", "", " " + rng.choice(W.DAYS), " at " + clock(rng)]),
                       lambda: rng.choice(["can you", "could you", "did you", "will you", "should I", "do we have to", "when can we", "who will"]) + f" {rng.choice(W.VERBS)} {rng.choice(['the', 'my', 'some', 'a'])} {W.word(rng)}",
                       lambda: rng.choice(["where is", "what about", "how is", "when is", "what happened to", "who has", "whose is", "how much was", "is there", "which is"]) + f" {rng.choice(['the', 'the', 'your', 'our'])} {phrase(rng, 2).removeprefix('the ')}",
                       lambda: rng.choice(["why", "when", "how", "what", "where", "is it", "do you"]) + " " + W.some(rng, 1, 5)])() + "?"


def said(rng, title, articles):
    """How a title is said, and the title: what is searched for, deleted or planned goes without an article."""
    title = title.removeprefix("the ")
    article = rng.choice(articles)
    if rng.random() > 0.3 or title[0].isupper() or title[0].isdigit():
        return title, title
    return ("an" if article == "a" and title[0] in "aeiou" else article) + " " + title, title


def fill(rng, name):
    """A phrasing of one of TOOLS with values: (text, arguments)."""
    text = rng.choice(PHRASES[name])
    arguments, values = {}, {}
    if name == "set_timer":
        long, short, amount, unit = span(rng)
        values, arguments = {"t": long, "t1": short}, {"amount": amount, "unit": unit}
    elif name == "set_alarm":
        values["c"] = arguments["time"] = clock(rng)
    elif name == "add_note":
        values["s"] = arguments["text"] = W.of(rng, "note", lambda: W.sentence(rng)).rstrip("?")
    elif name == "search_notes":
        values["q"], arguments["query"] = said(rng, W.of(rng, "query", lambda: phrase(rng)), ["the"])
    elif name == "convert_units":
        units = rng.choice(W.UNITS) if rng.random() < 0.8 else [W.made_up(rng) + "s", W.made_up(rng) + "s"]
        source, target = rng.sample(units, 2)
        values["x"], arguments["value"] = number(rng)
        values["f"] = arguments["from"] = source
        values["o"] = arguments["to"] = target
    elif name == "open_app":
        values["a"] = arguments["name"] = W.of(rng, "app", lambda: app(rng))
    elif name == "play_music":
        values["m"] = arguments["query"] = W.of(rng, "music", lambda: music(rng))
    elif name == "send_message":
        values["p"] = arguments["to"] = W.of(rng, "person", lambda: W.name(rng))
        asked = "that {s}" not in text and rng.random() < 0.045
        values["s"] = arguments["text"] = question(rng) if asked else W.of(rng, "message", lambda: W.sentence(rng))
    elif name == "create_event":
        values["e"], arguments["title"] = said(rng, W.of(rng, "event", lambda: event(rng)), ["a", "a", "the", "my"])
        values["D"] = arguments["day"] = day(rng)
        values["c"] = arguments["time"] = clock(rng)
    elif name == "get_weather":
        values["l"] = arguments["place"] = W.of(rng, "place", lambda: W.place(rng))
    elif name == "calculate":
        values["X"], values["X1"], values["X2"], arguments["expression"] = expression(rng)
    elif name == "translate":
        values["s"] = arguments["text"] = W.of(rng, "say", lambda: phrase(rng) if rng.random() < 0.5 else W.sentence(rng)).rstrip("?")
        values["g"] = arguments["language"] = rng.choice(W.LANGUAGES)
    elif name == "call_contact":
        values["p"] = arguments["name"] = W.of(rng, "person", lambda: W.name(rng))
    elif name == "set_volume":
        n = rng.randint(0, 100)
        values["v"], arguments["level"] = str(n), n
    elif name == "add_to_list":
        values["i"] = arguments["item"] = W.of(rng, "item", lambda: phrase(rng))
        values["L"] = arguments["list"] = W.of(rng, "list", lambda: rng.choice(W.LISTS) if rng.random() < 0.75 else W.made_up(rng))
    elif name == "delete_note":
        values["N"], arguments["title"] = said(rng, W.of(rng, "title", lambda: phrase(rng)), ["the"])
        values["N1"] = arguments["title"]
    open_end = text.endswith((*OPEN_END, "{N}\""))
    first = text.split(" ")[0].lower()
    before = rng.choice(BEFORE)
    if before.strip(" ,").split(" ")[-1] in ("you", "to", "please", "and", "also", "now", "quickly") and first not in VERB_FIRST:
        before = ""
    if before and not text.startswith(("{", "I ", "I'")):
        text = text[0].lower() + text[1:]
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    text = before + text
    if open_end:
        asks = text.lower().startswith(ASKS) and (name != "send_message" or not values["s"].lower().startswith(ASKING))
        if not text.endswith(("?", "\"", "!")):
            text += rng.choice(["", "?", "?"] if asks else ["", "", "", "", ".", "" if name in ("send_message", "add_note") else "!"])
        if name in POLITE and text[-1].isalnum() and rng.random() < 0.06:
            text += rng.choice([", please", " please", ", thanks", " for me", " now"])
    else:
        if name in ("get_weather", "set_alarm") and rng.random() < 0.2:
            text += rng.choice([" today", " tomorrow", " this weekend", " tonight", " now"] if name == "get_weather" else [" tomorrow", " today"])
        text += rng.choice(AFTER) + rng.choice(ENDS)
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    text = text.replace(" i ", " I ") if rng.random() < 0.7 else text
    if text.startswith("i "):
        text = "I" + text[1:] if rng.random() < 0.7 else text
    elif rng.random() < 0.03 and not any(isinstance(v, str) and v.lower() != v for v in arguments.values()):
        text = text.lower()
    return text, arguments


# ---- tools that nobody has ever seen: the model shall read their definitions -----------------------------------------

ACTIONS = """paint water feed lock unlock park rent print scan order cancel repair polish charge cook wash inspect measure
rotate move pack deliver label weigh heat cool dim light mix cut fold sort tune record publish archive rename resize""".split()
KEYS = """color size height width speed name city date mode owner room target label code level weight amount number place
person reason topic price kind count title user floor shape style""".split()


def invented(rng):
    """(tool, text, arguments) for a tool of made-up purpose."""
    verb = rng.choice(ACTIONS) if rng.random() < 0.8 else W.made_up(rng, 2)
    noun = rng.choice(W.NOUNS) if rng.random() < 0.8 else W.made_up(rng, 2)
    keys = rng.sample(KEYS, rng.choice([1, 1, 2, 2, 3]))
    kinds, arguments, said = {}, {}, []
    for key in keys:
        roll = rng.random()
        if roll < 0.35:
            kinds[key], value = "integer", rng.randint(0, 500)
        elif roll < 0.5:
            choices = [W.word(rng) for _ in range(3)]
            kinds[key], value = choices, rng.choice(choices)
        else:
            kinds[key], value = "string", rng.choice([W.word, W.name, W.made_up, lambda r: phrase(r, 2)])(rng)
        arguments[key] = value
        said.append((key, value))
    rng.shuffle(said)
    how = rng.randint(0, 4)
    if how == 0:
        details = " and ".join(f"{k} {v}" for k, v in said)
        text = f"{verb} the {noun} with {details}"
    elif how == 1:
        text = f"{verb} the {noun}, " + ", ".join(f"{k} {v}" for k, v in said)
    elif how == 2:
        text = f"{verb} {noun}: " + ", ".join(f"{k}={v}" for k, v in said)
    elif how == 3:
        text = f"{verb} a {noun}, the {said[0][0]} is {said[0][1]}" + "".join(f" and the {k} is {v}" for k, v in said[1:])
    else:
        text = f"I want to {verb} the {noun} (" + "; ".join(f"{k}: {v}" for k, v in said) + ")"
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    description = rng.choice(["", f"{verb.capitalize()}s the {noun}.", f"{verb} a {noun}", f"For the {noun}."])
    return tool(f"{verb}_{noun}", description, **kinds), text, arguments


def call_text(name, arguments):
    return f'<tool_call>\n{{"name": "{name}", "arguments": {json.dumps(arguments, ensure_ascii=False)}}}\n</tool_call>'


NO_TOOL = "I have no tool for that."
NO_TOOLS = "I cannot do that: no tools were given to me. With hearth chat --tools I call them."


def describe(rng, given):
    """The definitions as a host may give them: without or with other descriptions too."""
    out = []
    for t in given:
        t = json.loads(json.dumps(t))
        roll = rng.random()
        if roll < 0.5:
            t["function"].pop("description")
        elif roll < 0.55:
            t["function"]["description"] = W.sentence(rng)
        out.append(t)
    rng.shuffle(out)
    return out


RESULTS = ["ok", "done", "{\"ok\": true}", "true", "success", "{\"status\": \"ok\"}", ""]


def conversation(rng):
    """(tools, messages): one to three commands, with what tools return."""
    names = rng.sample(list(TOOLS), len(TOOLS) if rng.random() < 0.06 else rng.choice([1, 2, 2, 3, 3, 4, 4, 5]))
    given = [TOOLS[n] for n in names]
    extra = [invented(rng) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    extra = [e for e in extra if e[0]["function"]["name"] not in names]
    given += [e[0] for e in extra]
    messages = []
    for _ in range(rng.choice([2, 4, 5, 6, 7]) + 3 * (len(names) == len(TOOLS))):
        roll = rng.random()
        if roll < 0.1:
            if len(names) == len(TOOLS):
                continue
            missing = rng.choice([n for n in TOOLS if n not in names])
            if missing in ("add_note", "add_to_list", "delete_note", "search_notes", "convert_units", "calculate", "set_alarm", "set_timer") and \
                    any(n in names for n in ("add_note", "add_to_list", "delete_note", "search_notes", "convert_units", "calculate", "set_alarm", "set_timer")):
                continue  # too near to each other for a clear refusal
            messages += [{"role": "user", "content": fill(rng, missing)[0]}, {"role": "assistant", "content": NO_TOOL}]
            continue
        if extra and rng.random() < 0.5:
            t, text, arguments = extra.pop()
            name = t["function"]["name"]
        else:
            name = rng.choice(names)
            text, arguments = fill(rng, name)
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]})
        if rng.random() < 0.4:
            if rng.random() < 0.5:
                result, reply = rng.choice(RESULTS), "Done."
            else:
                result = rng.choice([lambda: W.sentence(rng), lambda: phrase(rng), lambda: str(number(rng)[1]), lambda: f"{rng.randint(-9, 35)} degrees, {W.word(rng)}", lambda: f"{number(rng)[1]} {rng.choice(rng.choice(W.UNITS))}"])()
                reply = f"The tool says: {result}"
            messages += [{"role": "tool", "content": result}, {"role": "assistant", "content": reply}]
    return describe(rng, given), messages


if __name__ == "__main__":
    r = random.Random(1)
    for _ in range(20):
        tools, messages = conversation(r)
        print([t["function"]["name"] for t in tools])
        for m in messages:
            print("   ", m["role"], "|", m["content"] or json.dumps(m.get("tool_calls", [{}])[0].get("function")))
