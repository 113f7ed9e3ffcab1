"""The same as plugins/bench, in Python: what a hook costs (`cargo xtask bench hooks`)."""


def prepare(call, message):
    message["hop"] = 1
    return message
