//! Mail: the receiving half, for the mail sink.
