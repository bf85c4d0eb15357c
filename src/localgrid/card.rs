//! The pretended card processor: customers, cards, payments and their webhooks.
