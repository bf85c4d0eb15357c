//! The pretended relay: carries envelopes between twins.
