//! The rules of the ledger: hold, post, void, transfer. One debit, one credit, one amount, one asset.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::journal::{Deed, Entry, Head, Terms};
use crate::base::ids::TransferId;
use crate::base::money::{Asset, Tft, Usd};
use crate::base::{Error, Result, Time};

/// Why money moved: a kind and the id of what caused it, `charge:chg_…`. Each cause moves money once; what causes two
/// movements has two kinds (`charge`, `charge-fee`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(String);

impl Cause {
    /// `kind` in small letters and hyphens. What is no cause is refused when it is used.
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Cause(format!("{kind}:{id}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// What comes after the kind.
    pub fn id(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, id)| id)
    }

    fn is_sound(&self) -> bool {
        let kind = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let id = |letter: char| letter.is_ascii_alphanumeric() || "_-:./@".contains(letter);
        let whole = !self.kind().is_empty() && !self.id().is_empty() && self.0.len() <= 200;
        whole && self.kind().chars().all(kind) && self.id().chars().all(id)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Units that know what they count, so that dollars never slip onto a token account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    pub asset: Asset,
    pub units: i64,
}

impl From<Usd> for Amount {
    fn from(usd: Usd) -> Self {
        Amount { asset: Asset::Usd, units: usd.units() }
    }
}

impl From<Tft> for Amount {
    fn from(tft: Tft) -> Self {
        Amount { asset: Asset::Tft, units: tft.units() }
    }
}

/// A movement somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    pub id: TransferId,
    pub debit: Account,
    pub credit: Account,
    /// Above zero, in the asset of both accounts.
    pub amount: Amount,
    pub cause: Cause,
    /// A word for the books, at most 200 characters. No personal data: ids only.
    pub memo: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Held,
    Posted,
    Voided,
}

/// A movement and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub id: TransferId,
    #[serde(flatten)]
    pub terms: Terms,
    /// When it was opened.
    pub at: Time,
    pub state: State,
    /// What was moved in the end: less than the amount after a partial post, 0 while held and when voided.
    pub posted: i64,
    /// Whether it was held first.
    pub held_first: bool,
    /// The entry of the journal that opened it.
    pub entry: u64,
}

/// The four sums of an account. They only show what is; the journal says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    pub debits_pending: i64,
    pub credits_pending: i64,
    pub debits_posted: i64,
    pub credits_posted: i64,
}

impl Balance {
    /// Posted debits less posted credits, as accounting programs print it.
    pub fn net(&self) -> i128 {
        i128::from(self.debits_posted) - i128::from(self.credits_posted)
    }

    /// What is on the account, positive when it holds what its class should hold.
    pub fn posted(&self, account: Account) -> i128 {
        if account.class().grows_by_debit() { self.net() } else { -self.net() }
    }

    /// What can be spent: what is posted less what is held to leave. What is held to arrive does not count.
    pub fn free(&self, account: Account) -> i128 {
        let leaving = if account.class().grows_by_debit() { self.credits_pending } else { self.debits_pending };
        self.posted(account) - i128::from(leaving)
    }

    /// Whether a floor, where there is one, is kept.
    pub fn is_allowed(&self, account: Account) -> bool {
        !account.has_floor() || self.free(account) >= 0
    }
}

/// A posted movement, as the outside world books it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    pub number: u64,
    pub at: Time,
    pub transfer: TransferId,
    pub debit: Account,
    pub credit: Account,
    pub amount: i64,
    pub cause: Cause,
    pub memo: String,
}

/// What the rules read and write. The store is one, a test's model may be another.
pub trait Books {
    fn head(&self) -> Result<Head>;
    fn transfer(&self, id: TransferId) -> Result<Option<Transfer>>;
    fn cause_is_used(&self, cause: &Cause) -> Result<bool>;
    fn balance(&self, account: Account) -> Result<Balance>;

    /// Keeps a transfer that was not there before, with its cause.
    fn open(&mut self, transfer: &Transfer) -> Result<()>;
    /// Keeps what has become of a held one.
    fn settle(&mut self, transfer: &Transfer) -> Result<()>;
    fn set_balance(&mut self, account: Account, balance: &Balance) -> Result<()>;
    fn append(&mut self, entry: &Entry) -> Result<()>;
}

/// What a verb did. Asking twice is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Now,
    /// The very same was done before.
    Before,
}

/// Opens a transfer and holds its amount.
pub fn hold(books: &mut impl Books, new: NewTransfer, now: Time) -> Result<Done> {
    open(books, new, now, true)
}

/// Opens a transfer and posts it at once.
pub fn transfer(books: &mut impl Books, new: NewTransfer, now: Time) -> Result<Done> {
    open(books, new, now, false)
}

fn open(books: &mut impl Books, new: NewTransfer, now: Time, held_first: bool) -> Result<Done> {
    check(&new)?;
    let NewTransfer { id, debit, credit, amount, cause, memo } = new;
    let amount = amount.units;
    let terms = Terms { debit, credit, amount, cause, memo };
    if let Some(old) = books.transfer(id)? {
        let same = old.terms == terms && old.held_first == held_first;
        return if same { Ok(Done::Before) } else { Err(Error::conflict("A transfer with this id moves something else.")) };
    }
    if books.cause_is_used(&terms.cause)? {
        return Err(Error::conflict("This cause has moved money before.").because(terms.cause.to_string()));
    }
    let add_to: fn(&mut Balance) -> (&mut i64, &mut i64) = if held_first {
        |balance| (&mut balance.debits_pending, &mut balance.credits_pending)
    } else {
        |balance| (&mut balance.debits_posted, &mut balance.credits_posted)
    };
    change(books, &terms, |debit| add(add_to(debit).0, amount), |credit| add(add_to(credit).1, amount))?;
    let deed = if held_first { Deed::Hold(terms.clone()) } else { Deed::Transfer(terms.clone()) };
    let entry = append(books, now, id, deed)?;
    let (state, posted) = if held_first { (State::Held, 0) } else { (State::Posted, amount) };
    books.open(&Transfer { id, terms, at: entry.at, state, posted, held_first, entry: entry.number })?;
    Ok(Done::Now)
}

/// Moves a held transfer: all of it, or `amount` of it, and lets the rest go.
pub fn post(books: &mut impl Books, id: TransferId, amount: Option<Amount>, now: Time) -> Result<Done> {
    let mut transfer = books.transfer(id)?.ok_or_else(|| Error::not_found("transfer"))?;
    let held = transfer.terms.amount;
    let asset = transfer.terms.debit.asset();
    let Amount { asset: of, units: amount } = amount.unwrap_or(Amount { asset, units: held });
    if of != asset || !(1..=held).contains(&amount) {
        return Err(Error::invalid("amount", "A post moves more than nothing and at most what is held."));
    }
    match transfer.state {
        State::Held => {}
        State::Posted if transfer.held_first && transfer.posted == amount => return Ok(Done::Before),
        State::Posted => return Err(Error::conflict("This transfer was posted already, in another way.")),
        State::Voided => return Err(Error::conflict("This transfer was voided.")),
    }
    let on_debit = |balance: &mut Balance| {
        balance.debits_pending -= held;
        add(&mut balance.debits_posted, amount)
    };
    let on_credit = |balance: &mut Balance| {
        balance.credits_pending -= held;
        add(&mut balance.credits_posted, amount)
    };
    change(books, &transfer.terms, on_debit, on_credit)?;
    append(books, now, id, Deed::Post(amount))?;
    (transfer.state, transfer.posted) = (State::Posted, amount);
    books.settle(&transfer)?;
    Ok(Done::Now)
}

/// Lets a held transfer go.
pub fn void(books: &mut impl Books, id: TransferId, now: Time) -> Result<Done> {
    let mut transfer = books.transfer(id)?.ok_or_else(|| Error::not_found("transfer"))?;
    match transfer.state {
        State::Held => {}
        State::Voided => return Ok(Done::Before),
        State::Posted => return Err(Error::conflict("This transfer was posted. To give it back, make another one.")),
    }
    let release = |pending: &mut i64| {
        *pending -= transfer.terms.amount;
        Ok(())
    };
    change(books, &transfer.terms, |debit| release(&mut debit.debits_pending), |credit| release(&mut credit.credits_pending))?;
    append(books, now, id, Deed::Void)?;
    transfer.state = State::Voided;
    books.settle(&transfer)?;
    Ok(Done::Now)
}

fn check(new: &NewTransfer) -> Result<()> {
    if new.amount.units <= 0 {
        return Err(Error::invalid("amount", "A transfer moves more than nothing."));
    }
    if new.debit == new.credit {
        return Err(Error::invalid("credit", "A transfer needs two accounts."));
    }
    if new.debit.asset() != new.credit.asset() || new.debit.asset() != new.amount.asset {
        return Err(Error::invalid("credit", "A transfer moves one asset."));
    }
    if !new.cause.is_sound() {
        return Err(Error::invalid("cause", "A cause is a kind and an id.").because(new.cause.to_string()));
    }
    if new.memo.chars().count() > 200 || new.memo.chars().any(char::is_control) {
        return Err(Error::invalid("memo", "A memo is one line of at most 200 characters."));
    }
    Ok(())
}

fn add(sum: &mut i64, amount: i64) -> Result<()> {
    *sum = sum.checked_add(amount).ok_or_else(|| Error::invalid("amount", "This is more than an account can hold."))?;
    Ok(())
}

/// Changes both balances, or neither: an error that the caller chooses to live with must leave nothing behind.
fn change(
    books: &mut impl Books,
    terms: &Terms,
    on_debit: impl FnOnce(&mut Balance) -> Result<()>,
    on_credit: impl FnOnce(&mut Balance) -> Result<()>,
) -> Result<()> {
    let debit = changed(books, terms.debit, on_debit)?;
    let credit = changed(books, terms.credit, on_credit)?;
    books.set_balance(terms.debit, &debit)?;
    books.set_balance(terms.credit, &credit)
}

/// A balance after a change that keeps its floor.
fn changed(books: &impl Books, account: Account, act: impl FnOnce(&mut Balance) -> Result<()>) -> Result<Balance> {
    let before = books.balance(account)?;
    let mut after = before;
    act(&mut after)?;
    if after.is_allowed(account) { Ok(after) } else { Err(short(account, &before)) }
}

fn short(account: Account, balance: &Balance) -> Error {
    let detail = format!("{account} has {} units free", balance.free(account));
    let sentence = match account.asset() {
        Asset::Usd => "There is not enough credit for this.",
        Asset::Tft => "There is not enough in the reserve for this.",
    };
    Error::unfunded(sentence).because(detail)
}

fn append(books: &mut impl Books, now: Time, transfer: TransferId, deed: Deed) -> Result<Entry> {
    let entry = Entry::after(&books.head()?, now, transfer, deed);
    books.append(&entry)?;
    Ok(entry)
}
