//! The stories: every test that drives the product from outside, in one binary.

mod localstripe;
