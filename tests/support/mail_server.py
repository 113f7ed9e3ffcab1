"""An SMTP server that writes down what it takes, as one JSON object a line.

    python mail_server.py PORT FILE [CERTIFICATE KEY (starttls|smtps)]

Who a mail is for says what becomes of it: `never@` is refused for good, `later@` twice for
now, `slow@` is written down and not answered. With a certificate, the user `ada` has to log
in with `swordfish`.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

HOST = "127.0.0.1"


class Mailbox:
    def __init__(self, file):
        self.file = open(file, "a", encoding="utf-8")
        self.tries = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never@"):
            return "550 5.1.1 there is no such user"
        if address.startswith("later@"):
            self.tries += 1
            if self.tries <= 2:
                return "451 4.2.1 the mailbox is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode("utf-8", "replace"),
        }
        self.file.write(json.dumps(mail) + "\n")
        self.file.flush()
        if any(address.startswith("slow@") for address in envelope.rcpt_tos):
            await asyncio.sleep(3600)
        return "250 OK"


def authenticated(server, session, envelope, mechanism, data):
    good = data.login == b"ada" and data.password == b"swordfish"
    return AuthResult(success=good, handled=False)


async def serve():
    port, file = int(sys.argv[1]), sys.argv[2]
    settings, tls = {}, None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        settings = {"authenticator": authenticated, "auth_required": True}
        if sys.argv[5] == "starttls":
            settings |= {"tls_context": context, "require_starttls": True}
        else:
            settings |= {"auth_require_tls": False}
            tls = context
    mailbox = Mailbox(file)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(mailbox, **settings), HOST, port, ssl=tls)
    print("ready", flush=True)
    # Until whoever started it is gone.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
