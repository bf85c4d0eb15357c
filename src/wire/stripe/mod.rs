//! Card payments: Stripe, and what speaks like it.
