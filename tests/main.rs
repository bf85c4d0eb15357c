//! The stories: every test that drives the product from outside, in one binary.

mod account;
mod browser;
mod chain;
mod choose;
mod command;
mod doctor;
mod exposure;
mod faults;
mod gate;
mod grid;
mod journey;
mod kill;
mod kit;
mod ledger;
mod leftover;
mod localstripe;
mod notice;
mod official;
mod order;
mod powercut;
mod provider;
mod purse;
mod slow;
mod tidy;
mod wallet;
mod wish;
