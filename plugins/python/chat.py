"""Chat: cleans up messages, greets, and answers pings; the same as plugins/chat, whose
README.md says what exactly.
"""

from hookcast import Reject, context, handler, messaging

VERSION = "0.1.0"

# Characters a message may have.
MAX_BODY = 2_000
# Characters of a name that are shown.
MAX_NAME = 40
# Below this a text in capitals is an abbreviation and not a shout.
SHOUT_LETTERS = 4

PING = {
    "title": "ping",
    "description": "Asks whether the plugin is there; answered with `pong`.",
    "type": "object",
    "properties": {
        "_type": {"const": "ping"},
        "data": {"description": "Sent back as it is."},
    },
    "required": ["_type"],
}


def open(call, args):
    messaging.reply({"_greeting": f"Welcome to {call.endpoint}."})


def prepare(call, message):
    if call.method == "DELETE":
        return None
    new = call.method == "POST"
    # An edit may leave the text out.
    if new or "body" in message:
        message["body"] = clean(message.get("body"))
    # An edit that names nobody keeps the name it was posted under.
    if new or "name" in message:
        message["name"] = display_name(context.user(), message)
    return message


def modify(call, message):
    edited = call.method == "PUT"
    shout = is_shout(message.get("body"))
    if edited:
        message["edited"] = True
    if shout:
        message["shout"] = True
    return message if edited or shout else None


@handler("ping", PING)
def ping(call, message):
    pong = {"_type": "pong"}
    if message.get("data") is not None:
        pong["data"] = message["data"]
    return pong


def clean(body):
    body = body.strip() if isinstance(body, str) else ""
    if not body:
        raise Reject("empty_body", "Write something first: `body` has no text.")
    length = len(body)
    if length > MAX_BODY:
        text = f"At most {MAX_BODY} characters, please: these are {length}."
        raise Reject("too_long", text, {"max": MAX_BODY, "length": length})
    return body


def display_name(user, message):
    """The name in the user's claims, which can't be forged; else the one that the message
    gives itself; else `anonymous`."""
    names = ((user or {}).get("name"), message.get("name"))
    short = (name.strip()[:MAX_NAME].rstrip() for name in names if isinstance(name, str))
    return next(filter(None, short), "anonymous")


def is_shout(body):
    if not isinstance(body, str):
        return False
    letters = [letter for letter in body if letter.isalpha()]
    return len(letters) >= SHOUT_LETTERS and all(map(str.isupper, letters))
