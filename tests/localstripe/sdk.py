"""Stripe's own Python client, and a browser's form post, against the built-in processor. Ends with an error if anything differs."""

import sys
import urllib.error
import urllib.parse
import urllib.request

import stripe

base, key = sys.argv[1:]
v1 = stripe.StripeClient(key, base_addresses={"api": base}).v1


class StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def save(number, setup):
    """What the customer does on the card page."""
    form = {"client_secret": setup.client_secret, "return_url": "http://127.0.0.1:8080/wallet", "number": number,
            "expiry": "12 / 34", "cvc": "123", "name": "Ada"}
    try:
        urllib.request.build_opener(StayHere).open(f"{base}/card/{setup.id}", urllib.parse.urlencode(form).encode())
    except urllib.error.HTTPError as answer:
        assert answer.code == 303, answer.read()
        assert answer.headers["Location"].endswith("&redirect_status=succeeded")
    saved = v1.setup_intents.retrieve(setup.id)
    assert saved.status == "succeeded"
    return saved.payment_method


def refused(kind, call, **expected):
    try:
        call()
    except kind as error:
        found = {name: getattr(error, name, None) or getattr(error.error, name, None) for name in expected}
        assert found == expected, found
        return error
    raise AssertionError(f"{kind} expected")


customer = v1.customers.create({"email": "ada@example.test", "metadata": {"user": "u 1"}}, {"idempotency_key": "c1"})
assert v1.customers.retrieve(customer.id).metadata["user"] == "u 1"
assert v1.customers.create({"email": "ada@example.test", "metadata": {"user": "u 1"}}, {"idempotency_key": "c1"}).id == customer.id
refused(stripe.IdempotencyError, lambda: v1.customers.create({"email": "bob@example.test"}, {"idempotency_key": "c1"}), http_status=400)

card = save("4242 4242 4242 4242", v1.setup_intents.create({"customer": customer.id, "usage": "off_session"}))
assert v1.payment_methods.retrieve(card).card.last4 == "4242"
payment = {"amount": 2000, "currency": "usd", "customer": customer.id, "confirm": True, "off_session": True,
           "capture_method": "manual", "metadata": {"order": "order-1"}}
held = v1.payment_intents.create(payment | {"payment_method": card})
assert (held.status, held.amount_capturable) == ("requires_capture", 2000)
paid = v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
assert (paid.status, paid.amount_received) == ("succeeded", 1500)
charge = v1.charges.retrieve(paid.latest_charge, {"expand": ["balance_transaction"]})
assert (charge.amount_captured, charge.balance_transaction.fee, charge.balance_transaction.net) == (1500, 74, 1426)
refund = v1.refunds.create({"payment_intent": paid.id, "amount": 100})
assert refund.status == "succeeded" and [r.id for r in v1.refunds.list({"payment_intent": paid.id}).data] == [refund.id]
again = v1.payment_intents.create(payment | {"payment_method": card})
assert v1.payment_intents.cancel(again.id).status == "canceled"

poor = save("4000000000009995", v1.setup_intents.create({"customer": customer.id}))
error = refused(stripe.CardError, lambda: v1.payment_intents.create(payment | {"payment_method": poor}),
                http_status=402, code="card_declined", decline_code="insufficient_funds")
assert error.error.payment_intent.status == "requires_payment_method"
refused(stripe.InvalidRequestError, lambda: v1.payment_intents.create({"amount": 1, "currency": "usd"}), code="amount_too_small", param="amount")
refused(stripe.InvalidRequestError, lambda: v1.payment_intents.retrieve("pi_nobody"), http_status=404, code="resource_missing")
stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": base}).v1
refused(stripe.AuthenticationError, lambda: stranger.customers.retrieve(customer.id), http_status=401)

page = v1.events.list({"limit": 3})
events = list(page.auto_paging_iter())
assert page.has_more and len(events) > 10 and len({event.id for event in events}) == len(events)
assert "payment_intent.succeeded" in {event.type for event in events}
