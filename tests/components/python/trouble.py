"""Does on demand what is special to Python: the message's key `do` names the deed."""

import logging
import random
import socket
import sys
import time

from hookcast import (
    Acceptance,
    HostError,
    Refuse,
    Reject,
    User,
    config,
    context,
    groups,
    handler,
    log,
    messaging,
)

VERSION = "1.2.3"

shop = logging.getLogger("shop")

# Of one instance.
calls = 0


def connect(call):
    args = context.args()
    if "refuse" in args:
        raise Refuse(int(args["refuse"][0]), "Refused on purpose.")
    if "user" not in args:
        return None
    user = args["user"][0]
    return Acceptance(User(user, {"name": f"User {user}"}), groups=args.get("room", []))


def prepare(call, message):
    global calls
    calls += 1
    deed = deeds.get(message.get("do"))
    return None if deed is None else deed(message)


def modify(call, message, row, old):
    return {**message, "row": row, "old": old}


def close(call, cause):
    messaging.broadcast({"_left": call.connection, "code": cause.code})


@handler("ask")
def ask(call, message):
    """Calls a host function and answers what it returns."""
    modules = {"config": config, "context": context, "groups": groups}
    function = getattr(modules[message["module"]], message["function"])
    return {"_type": "ask", "result": function(*message.get("arguments", []))}


def fail(message):
    return {"share": share(1, 0)}


def share(amount, people):
    try:
        return amount / people
    except ZeroDivisionError as error:
        raise ValueError("nobody\nto share with") from error


def reject(message):
    raise Reject("no", "Not today.", [1, {"a": None}])


def refused_by_host(message):
    try:
        messaging.close(message["connection"], code=7)
    except HostError as error:
        raise Reject(error.code, error.message, {"from": "host"}) from error


def write_log(message):
    shop.warning("%s are left", 3)
    shop.debug("below the level")
    log.info("plainly", "trouble")
    print("printed")


def read_time(message):
    # Imported here: `strptime` itself imports a module that it needs, too.
    import datetime

    day = datetime.datetime.strptime("2026-01-31", "%Y-%m-%d")
    return {**message, "day": day.day, "time": time.time(), "random": random.random()}


def use_network(message):
    try:
        socket.socket().connect(("127.0.0.1", 80))
    except OSError as error:
        raise Reject("no_network", type(error).__name__) from error


def use_files(message):
    with open("/etc/passwd") as file:
        return {**message, "file": file.read()}


def recurse(message):
    return recurse(message)


deeds = {
    "calls": lambda message: {**message, "calls": calls},
    "fail": fail,
    "exit": lambda message: sys.exit("leaving"),
    "files": use_files,
    "host": refused_by_host,
    "log": write_log,
    "network": use_network,
    "recurse": recurse,
    "reject": reject,
    "set": lambda message: {"body": {1, 2}},
    "time": read_time,
}
