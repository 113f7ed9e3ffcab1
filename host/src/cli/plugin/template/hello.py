"""What happens to the messages of an endpoint that has the plugin `{{name}}`."""

from hookcast import Reject, handler

VERSION = "0.1.0"


def prepare(call, message):
    """Before a message is stored: change it, or reject it."""
    if call.method == "DELETE":
        return None
    body = message.get("body")
    body = body.strip() if isinstance(body, str) else ""
    if not body:
        raise Reject("empty", "Write something first.")
    return {**message, "body": body}


@handler("hello")
def hello(call, message):
    """`{"_type": "hello", "name": "Alice"}`: answered, not stored."""
    return {"_type": "hello", "greeting": f"Hello {message.get('name') or 'stranger'}."}
