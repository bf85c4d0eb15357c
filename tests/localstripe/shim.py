"""Lets a client of today's Stripe talk to localstripe, which speaks the API of some years ago. Standard library only.

It adds fields that today's API always has, takes out parameters that localstripe does not know, and names the kind of a
decline. It passes on everything else: states, amounts, cards, webhooks and their signatures are localstripe's own.
"""

import http.server
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

UNKNOWN_PARAMETERS = ("allowed_payment_method_types", "description")
UNKNOWN_FILTERS = ("created", "customer")
NOBODY = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def modern(value):
    """The same answer with what is missing."""
    if isinstance(value, list):
        return [modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: modern(item) for key, item in value.items()}
    missing = {}
    if value.get("object") == "payment_intent":
        amount, status = value["amount"], value["status"]
        charge = value.get("latest_charge") or {}
        taken = charge.get("amount_captured", amount) if status == "succeeded" else 0
        held = amount if status == "requires_capture" else 0
        missing = {"amount_received": taken, "amount_capturable": held, "confirmation_method": "automatic",
                   "payment_method_types": ["card"]}
    elif value.get("object") == "charge":
        taken = value["amount"] - (value.get("amount_refunded") or 0) if value.get("captured") else 0
        missing = {"amount_captured": taken, "billing_details": NOBODY, "disputed": False}
    elif value.get("object") == "balance_transaction":
        missing = {"balance_type": "payments"}
    elif value.get("object") == "event":
        missing = {"pending_webhooks": 0}
    for name in ("last_payment_error", "last_setup_error"):
        if value.get(name):
            value[name].setdefault("type", "card_error")
    error = value.get("error")
    if isinstance(error, dict) and error.get("code") == "card_declined":
        error["type"] = "card_error"
    return missing | value


def without(pairs, names):
    return [(key, value) for key, value in pairs if key.split("[")[0] not in names]


class Shim(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if self.command == "GET" and query:
            query = urllib.parse.urlencode(without(urllib.parse.parse_qsl(query), UNKNOWN_FILTERS if path == "/v1/payment_intents" else ()))
        if "form" in (self.headers.get("Content-Type") or ""):
            body = urllib.parse.urlencode(without(urllib.parse.parse_qsl(body.decode()), UNKNOWN_PARAMETERS)).encode()
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]}
        request = urllib.request.Request(
            UPSTREAM + path + ("?" + query if query else ""),
            data=body if self.command == "POST" else None, headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            status, text = answer.code, answer.read()
        try:
            text = json.dumps(modern(json.loads(text))).encode()
        except ValueError:
            pass
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = pass_on


def answers(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/customers", headers={"Authorization": "Bearer sk_test_probe"})
    try:
        return urllib.request.urlopen(request, timeout=5).status == 200
    except (OSError, urllib.error.URLError):
        return False


if sys.argv[1] == "--probe":
    sys.exit(0 if answers(sys.argv[2]) else 1)
UPSTREAM = sys.argv[2]
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shim).serve_forever()
